/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * valueset_int.h - a value set compiled to answer one question fast: is this code in it?
 *
 * No code system is expanded: an include of a whole system asks the system's index, a list is a
 * hash set, a filter a bit set over the system's concepts, made once.
 */
#ifndef RH_TERMINOLOGY_VALUESET_INT_H
#define RH_TERMINOLOGY_VALUESET_INT_H

#include "terminology/terms_int.h"

struct terms_valueset;

enum terms_part_kind {
    TERMS_PART_SETS,   /* no system: value sets only */
    TERMS_PART_ALL,    /* the whole system */
    TERMS_PART_CODES,  /* a list */
    TERMS_PART_BITS,   /* filters */
    TERMS_PART_UNKNOWN /* a filter that cannot be understood */
};

/* A set of codes, each with the JSON that lists it. */
struct terms_codes {
    const yyjson_val **item;
    uint32_t n, *slots, mask;
    bool fold_case;
};

struct terms_part {
    enum terms_part_kind kind;
    struct rh_text system, version;
    const struct terms_system *cs; /* NULL: not loaded */
    bool other_version;            /* of the system than the one wanted: a yes counts, a no not */
    struct terms_codes codes;
    uint64_t *bits;
    struct terms_part_set {
        const struct terms_valueset *set; /* NULL: not loaded */
        struct rh_text canonical;
    } * sets; /* all of them must contain the code */
    size_t n_sets;
};

struct terms_valueset {
    struct rh_text url, version;
    const yyjson_val *body;
    bool has_compose, active_only;
    struct terms_part *includes, *excludes;
    size_t n_includes, n_excludes;
    bool has_expansion, expansion_complete;
    struct terms_codes expansion;
};

/* *ret NULL: the definition cannot be compiled here because it includes itself. */
enum rh_rc terms_valueset_of(struct rh_ctx *c, const struct rh_definition *d,
                             const struct terms_valueset **ret);
/* The entry of a code, or NULL; system empty: of any. */
const yyjson_val *terms_codes_find(const struct terms_codes *codes, struct rh_text system,
                                   struct rh_text code);

#endif
