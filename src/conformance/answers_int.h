/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * answers_int.h - what answers.c (items of a response) and answer_rules.c (one answer) share.
 */
#ifndef RH_CONFORMANCE_ANSWERS_INT_H
#define RH_CONFORMANCE_ANSWERS_INT_H

#include "conformance/validate_int.h"

struct answers {
    struct rh_run *r;
    yyjson_val *response, *questionnaire;
    bool complete; /* what must be answered must be by now */
};

/* An extension of an item by its url: the member `value` of it, or itself when that is NULL. */
yyjson_val *rh_item_extension(yyjson_val *item, const char *url, const char *value);
/* "Coding" of an answer's valueCoding; data NULL: it has none. */
struct rh_text rh_answer_type(yyjson_val *answer, yyjson_val **ret);
/* The items below a form's group or question, and below an item or answer of the response. */
void rh_answers_items(struct answers *a, const struct rh_place *up, yyjson_val *form,
                      yyjson_val *owner);

/* --- answer_rules.c ----------------------------------------------------------------------------
 */
enum { RH_ANSWER_UNLIKE = 2 };
/* -1, 0, 1; RH_ANSWER_UNLIKE: of different kinds, or nothing orders them. Types as in
 * "valueCoding".
 */
int rh_answer_compare(struct answers *a, struct rh_text type, yyjson_val *have,
                      struct rh_text want_type, yyjson_val *want);
void rh_answer_counts(struct answers *a, const struct rh_place *at, yyjson_val *question, size_t n);
void rh_answer_check(struct answers *a, const struct rh_place *at, yyjson_val *question,
                     yyjson_val *answer);
void rh_answer_exclusive(struct answers *a, const struct rh_place *at, yyjson_val *question,
                         yyjson_val *list);

#endif
