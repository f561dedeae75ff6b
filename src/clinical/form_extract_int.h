/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_extract_int.h - what the units of extraction share.
 *
 * form_extract.c walks form and response together and has the entries of the Bundle;
 * form_extract_observation.c, form_extract_definition.c and form_extract_template.c make resources;
 * form_value.c turns what expressions and answers give into values of an element's type.
 */
#ifndef RH_CLINICAL_FORM_EXTRACT_INT_H
#define RH_CLINICAL_FORM_EXTRACT_INT_H

#include "clinical/form_int.h"
#include "clinical/form_record.h"
#include "conformance/answers.h"
#include "conformance/form_scope.h"

enum {
    RH_EXTRACT_ENTRIES_MAX = 5000,
    RH_EXTRACT_LABELS_MAX = 16,
    RH_EXTRACT_DEPTH_MAX = 64,
    RH_EXTRACT_WORK_MAX = 500 * 1000 /* expressions and elements */
};

/* One resource to be written. */
struct rh_extract_entry {
    yyjson_mut_val *resource;
    struct rh_text key;      /* what it was made of: linkIds, repeats */
    struct rh_text full_url; /* empty: made of the key */
    struct rh_text id;       /* given by the form; empty: made of the key */
    struct rh_text if_none_match, if_modified_since, if_match, if_none_exist;
    struct rh_text core; /* what makes it another resource than before; empty: everything */
    yyjson_val *labels[RH_EXTRACT_LABELS_MAX];
    unsigned n_labels;
    bool replaced; /* previous: the response gives it still */
};

/* Where the walk stands. The same chain as that of the scope, with what is inherited. */
struct rh_extract_at {
    struct rh_form_place place; /* first: its address is the scope's */
    const struct rh_extract_at *up;
    struct rh_text key;
    yyjson_val *labels[RH_EXTRACT_LABELS_MAX];
    unsigned n_labels;
    bool observe;                        /* items with codes are observations */
    yyjson_val *category_of;             /* the object whose extensions have the categories */
    yyjson_val *subject;                 /* a Reference; NULL: none */
    struct rh_observation *observation;  /* nearest above that takes components and members */
    struct rh_definition_target *target; /* nearest above that takes definitions */
};

struct rh_extract {
    struct rh_ctx *c;
    const struct rh_form_extraction *o;
    yyjson_val *questionnaire, *response;
    struct rh_form_scope scope;
    yyjson_mut_doc *doc;
    struct rh_text response_id; /* empty: it has none */
    struct rh_text seed;        /* what ids are made of */
    struct rh_extract_entry *entries;
    size_t n_entries, cap_entries;
    uint64_t work;
    bool quiet; /* the response as it was before: no issues */
    enum rh_rc rc;
};

/* --- form_extract.c ------------------------------------------------------------------------------
 */
bool rh_extract_stop(struct rh_extract *x);
void rh_extract_warn(struct rh_extract *x, struct rh_text link, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NULL: no room (x->rc). Labels are those of the place and of what is answered below it. */
struct rh_extract_entry *rh_extract_add(struct rh_extract *x, const struct rh_extract_at *at,
                                        struct rh_text key, yyjson_mut_val *resource);
/* The id that a key has: of the response, the key; a UUID, 36 characters and NUL. */
const char *rh_extract_uuid(struct rh_extract *x, struct rh_text key);
struct rh_text rh_extract_key(struct rh_extract *x, struct rh_text key, const char *more, size_t n);
/* Evaluates; false: it cannot be computed (an issue says so) or there is no memory. */
bool rh_extract_eval(struct rh_extract *x, const struct rh_form_place *at,
                     struct rh_text expression, const struct rh_fp_item *focus,
                     struct rh_fp_list *ret);
/* The same as one text; empty: none. */
struct rh_text rh_extract_text(struct rh_extract *x, const struct rh_form_place *at,
                               struct rh_text expression, const struct rh_fp_item *focus);
/* fullUrl, ifNoneMatch and the like of an extension, evaluated. */
void rh_extract_request(struct rh_extract *x, const struct rh_form_place *at, yyjson_val *extension,
                        const struct rh_fp_item *focus, struct rh_extract_entry *e);
/* An item of the response as a focus. */
struct rh_fp_item rh_extract_focus(const struct rh_form_place *at);

/* --- form_extract_observation.c ------------------------------------------------------------------
 */
/* Called for an item before and after those below it (below answer n; -1: not below an answer).
 * `begin` may set at->observation for what is below. */
void rh_extract_observation_begin(struct rh_extract *x, struct rh_extract_at *at, long answer);
void rh_extract_observation_end(struct rh_extract *x, struct rh_extract_at *at,
                                struct rh_observation *outer);
/* What an item inherits or says of observations. */
void rh_extract_observation_inherit(struct rh_extract_at *at);

/* --- form_extract_definition.c
 * --------------------------------------------------------------------- */
void rh_extract_definition_begin(struct rh_extract *x, struct rh_extract_at *at);
void rh_extract_definition_answers(struct rh_extract *x, struct rh_extract_at *at);
void rh_extract_definition_end(struct rh_extract *x, struct rh_extract_at *at,
                               struct rh_definition_target *outer);

/* --- form_extract_template.c
 * ------------------------------------------------------------------------- */
void rh_extract_template(struct rh_extract *x, struct rh_extract_at *at);

/* --- form_value.c
 * -------------------------------------------------------------------------------------- */
/* A value of FHIRPath as one of an element's type; NULL: it cannot be one. */
yyjson_mut_val *rh_form_value_as(struct rh_extract *x, const struct rh_fp_item *item,
                                 const struct rh_type *type);
/* As one of the types that a choice has: base "value" of `parent`. *ret_element is the one. */
yyjson_mut_val *rh_form_value_choice(struct rh_extract *x, const struct rh_fp_item *item,
                                     const struct rh_type *parent, struct rh_text base,
                                     const struct rh_element **ret_element);
/* The value of an answer as a FHIRPath item; false: it has none. */
bool rh_form_answer_item(yyjson_val *answer, struct rh_fp_item *ret);

#endif
