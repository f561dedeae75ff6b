/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath.h - the one expression language: compile once, evaluate many times.
 *
 * FHIRPath 2.0.0 (normative, http://hl7.org/fhirpath/N1) with the additions of FHIR R4
 * (https://hl7.org/fhir/R4/fhirpath.html) and the drafts that users rely on. Works on FHIR JSON
 * (nodes carry their R4 type) and on any other JSON (nodes without type).
 *
 * A compiled expression is immutable and may be used by many threads. Results live in the arena of
 * the context they were evaluated in and point into the resource.
 */
#ifndef RH_FHIRPATH_FHIRPATH_H
#define RH_FHIRPATH_FHIRPATH_H

#include "base/context.h"
#include "base/datetime.h"
#include "base/decimal.h"
#include "base/json.h"
#include "fhir/element.h"

enum {
    RH_FP_DEPTH_MAX = 128,     /* nesting of an expression, and of calls at evaluation */
    RH_FP_TEXT_MAX = 64 << 10, /* bytes of one expression */
    RH_FP_ITEMS_MAX = 1 << 20, /* items of one collection */
    RH_STEPS_DEFAULT = 10 * 1000 * 1000
};

enum rh_fp_kind {
    RH_FP_NODE, /* an element of the resource: FHIR type in `type` (NULL: plain JSON) */
    RH_FP_BOOLEAN,
    RH_FP_INTEGER,
    RH_FP_LONG, /* draft: 64 bits */
    RH_FP_DECIMAL,
    RH_FP_STRING,
    RH_FP_DATE,
    RH_FP_DATETIME,
    RH_FP_TIME,
    RH_FP_QUANTITY,
    RH_FP_TYPE /* what type() returns */
};

/* A date, dateTime or time as stated; a time has year 0. Fields finer than `precision` are 0 (month
 * and day 1). */
struct rh_fp_time {
    int year;
    unsigned char month, day, hour, minute, second;
    enum rh_precision precision;
    unsigned char digits; /* of the fraction, 0..9 */
    unsigned nanosecond;
    bool has_zone;
    short zone_minutes;
};

struct rh_fp_quantity {
    struct rh_dec value;
    struct rh_text unit; /* a UCUM unit ("mg", "1"), or a calendar word in the singular ("year") */
    bool calendar;       /* unit is a calendar word, not UCUM */
};

struct rh_fp_typename {
    struct rh_text space, name; /* "FHIR" or "System" */
};

/* One value. 32 bytes, copied freely. */
struct rh_fp_item {
    enum rh_fp_kind kind;
    unsigned short list_index;  /* private */
    const struct rh_type *type; /* of a node; NULL: plain JSON, or not a node */
    union {
        struct {
            yyjson_val *value; /* may be NULL when only extensions are there */
            yyjson_val
                *extra; /* the object of "_name": id and extension of a primitive; NULL: none */
        } node;
        bool boolean;
        int64_t integer; /* INTEGER and LONG */
        struct rh_text text;
        const struct rh_dec *decimal;
        const struct rh_fp_time *time;
        const struct rh_fp_quantity *quantity;
        const struct rh_fp_typename *name;
    };
};

struct rh_fp_list {
    struct rh_fp_item *items;
    size_t count, cap;
};

struct rh_fp; /* a compiled expression */

/* Compiles into arena `a`, where it stays. RH_SYNTAX with an issue: line and column inside the
 * expression, what stands there and what was expected. */
enum rh_rc rh_fp_compile(struct rh_ctx *c, struct rh_arena *a, struct rh_text expression,
                         struct rh_fp **ret);

struct rh_fp_variable {
    struct rh_text name; /* without % */
    struct rh_fp_list value;
};

struct rh_fp_input {
    struct rh_fp_item focus; /* %context */
    bool empty;              /* there is no focus: the input is the empty collection */
    yyjson_val *resource;    /* %resource; NULL: the focus when it is a resource */
    yyjson_val *root;        /* %rootResource; NULL: as resource */
    const struct rh_fp_variable *variables;
    size_t n_variables;
};

/* Errors, each with an issue that has the place in the expression (column) and the reason: RH_VALUE
 * (a function or operator refuses its input), RH_INVALID (semantic: unknown function, unknown
 * variable), RH_TIMEOUT (step budget), RH_NOMEM, RH_UNSUPPORTED (the host cannot say). */
enum rh_rc rh_fp_eval(struct rh_ctx *c, const struct rh_fp *e, const struct rh_fp_input *in,
                      struct rh_fp_list *ret);

/* The item that stands for a whole resource (its type found by resourceType; plain JSON when there
 * is none or `plain`), and for an element whose type is known. */
struct rh_fp_item rh_fp_resource(yyjson_val *resource, bool plain);
struct rh_fp_item rh_fp_node(const struct rh_type *type, yyjson_val *value, yyjson_val *extra);

/* Evaluates to one boolean as invariants and conditions need it: empty counts as false, one item
 * that is not boolean as true; more than one item is RH_VALUE. */
enum rh_rc rh_fp_true(struct rh_ctx *c, const struct rh_fp *e, const struct rh_fp_input *in,
                      bool *ret);

/* Static check: unknown elements, functions, variables, wrong number of arguments, operands that
 * can never fit, for a focus of this type. Writes an issue each and returns the first one's code.
 * `ret_types` (may be NULL): names of the possible result types, joined by "|"; empty when unknown.
 */
enum rh_rc rh_fp_check(struct rh_ctx *c, const struct rh_fp *e, const struct rh_type *focus,
                       struct rh_text *ret_types);

/* The same where more is known: types of the variables, as `ret_types` names them, and which
 * variables there are. `type` returns false for a variable that nothing gives, which is an error
 * then; *ret_types empty: unknown. `focus` NULL: there is none. */
typedef bool rh_fp_variable_type(void *user, struct rh_text name, struct rh_text *ret_types);
enum rh_rc rh_fp_check_variables(struct rh_ctx *c, const struct rh_fp *e,
                                 const struct rh_type *focus, rh_fp_variable_type *type, void *user,
                                 struct rh_text *ret_types);

void rh_fp_print_ast(const struct rh_fp *e,
                     struct rh_buf *out); /* a JSON tree: {"op","name","at","args"} */

/* Appends an item as JSON: nodes as they are; a date as "2020-01-01", a quantity as
 * {"value","unit"[,"code","system"]}. */
void rh_fp_print_item(const struct rh_fp_item *i, struct rh_buf *out);
/* "System.Integer", "FHIR.Patient", "FHIR.string"; for plain JSON the System type. */
struct rh_text rh_fp_type_name(struct rh_arena *a, const struct rh_fp_item *i);

#endif
