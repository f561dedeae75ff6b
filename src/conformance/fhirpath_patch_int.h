/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath_patch_int.h - the operations of a FHIRPath Patch, as read from its Parameters.
 *
 * patch_read.c reads them, fhirpath_patch.c applies them.
 */
#ifndef RH_CONFORMANCE_FHIRPATH_PATCH_INT_H
#define RH_CONFORMANCE_FHIRPATH_PATCH_INT_H

#include "conformance/fhirpath_patch.h"
#include "fhir/element.h"

enum {
    RH_PATCH_OPERATIONS_MAX = 1000,
    RH_PATCH_PARTS_MAX = 200, /* of one backbone element */
    RH_PATCH_ITEMS_MAX = 100000,
    RH_PATCH_WORK_BYTES_MAX = 512 << 20
};

enum rh_patch_kind {
    RH_PATCH_ADD,
    RH_PATCH_INSERT,
    RH_PATCH_DELETE,
    RH_PATCH_REPLACE,
    RH_PATCH_MOVE,
    RH_PATCH_KINDS
};

enum rh_patch_part {
    RH_PATCH_TYPE,
    RH_PATCH_PATH,
    RH_PATCH_NAME,
    RH_PATCH_VALUE,
    RH_PATCH_INDEX,
    RH_PATCH_SOURCE,
    RH_PATCH_DESTINATION,
    RH_PATCH_PARTS
};

#define RH_PATCH_BIT(part) (1U << (part))

/* A value with what "_name" holds for it; either may be NULL. */
struct rh_patch_item {
    yyjson_val *value, *more;
};

/* What a value[x] or a list of parts of the patch offers. */
struct rh_patch_offer {
    const struct rh_type *type; /* NULL: parts of a backbone element */
    struct rh_patch_item item;
    yyjson_val *parts;
};

struct rh_patch_operation {
    size_t number; /* parameter[number] */
    enum rh_patch_kind kind;
    unsigned seen;
    size_t place[RH_PATCH_PARTS]; /* part[place] */
    struct rh_text path, name;
    size_t index, source, destination;
    struct rh_patch_offer value;
};

struct rh_patch {
    struct rh_ctx *c; /* the caller's, for issues */
    struct rh_ctx work;
    yyjson_val *resource;
    const struct rh_patch_operation *op;
};

extern const char *const rh_patch_kinds[RH_PATCH_KINDS]; /* "add", ... */

/* One operation. RH_INVALID: it is none (issue). */
enum rh_rc rh_patch_read(struct rh_patch *p, yyjson_val *parameter, struct rh_patch_operation *op);
/* What a parameter or part has as value[x], resource or parts. RH_INVALID: nothing, or several. */
enum rh_rc rh_patch_offer(const struct rh_patch *p, int part, yyjson_val *parameter,
                          struct rh_patch_offer *ret);
/* An issue at a part of the operation (-1: the whole); returns rc. */
enum rh_rc rh_patch_refuse(const struct rh_patch *p, enum rh_rc rc, int part, const char *format,
                           ...) __attribute__((format(printf, 4, 5)));

#endif
