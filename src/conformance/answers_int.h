/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * answers_int.h - what answers.c (items of a response), answer_rules.c (one answer), answer_text.c
 * and the table made of spec/answer-messages.tsv share.
 */
#ifndef RH_CONFORMANCE_ANSWERS_INT_H
#define RH_CONFORMANCE_ANSWERS_INT_H

#include "conformance/answers.h"
#include "conformance/form_scope.h"
#include "conformance/validate_int.h"

#define RH_CORE_EXT  "http://hl7.org/fhir/StructureDefinition/"
#define RH_SDC_EXT   "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
#define RH_RIHLA_EXT "https://rihla.example/fhir/StructureDefinition/"

enum { RH_ANSWER_LANGUAGES_MAX = 8 };

struct rh_answer_message {
    enum rh_severity severity;
    const char *code;
    const char *texts[RH_ANSWER_LANGUAGES_MAX];
};
extern const struct rh_answer_message rh_answer_messages[RH_ANSWER_RULES];
extern const char *const rh_answer_languages[]; /* "en", …, NULL */

/* A fault of an item as a whole, or of answer n. */
void rh_answer_report(struct rh_answer_rules *r, enum rh_answer_rule rule, long n, bool on_value,
                      struct rh_text arg0, struct rh_text arg1);
struct rh_text rh_answer_shown(struct rh_text t);

/* --- a whole response: answers.c, answer_enable.c -----------------------------------------------
 */
/* The item or answer that a fault is about stands at `at`. */
typedef void rh_answers_told(void *user, const struct rh_answer_fault *f, const struct rh_place *at,
                             struct rh_text link, bool absent);

struct rh_answers {
    struct rh_ctx *c;
    yyjson_val *questionnaire, *response;
    struct rh_answer_rules rules;
    struct rh_form_scope scope;
    struct rh_text language;
    rh_answers_told *told;
    void *user;
    bool (*stop)(struct rh_answers *a); /* limits of the caller; may be NULL */
    bool stopped;
    enum rh_rc rc;
    /* What is looked at now, for faults of rules. */
    const struct rh_place *at;
    const struct rh_form_place *place;
    struct rh_text link;
};

enum rh_rc rh_answers_walk(struct rh_answers *a, const struct rh_place *at);
bool rh_answers_stop(struct rh_answers *a);
/* 1: the item of this place is enabled by its own conditions; 0: not; -1: cannot be computed. */
int rh_answers_enabled(struct rh_answers *a, const struct rh_form_place *at);
/* Constraints of the form or an item, as the form's texts in the language say them. */
void rh_answers_constraints(struct rh_answers *a, const struct rh_form_place *at);
/* Options that are switched off now. */
void rh_answers_toggles(struct rh_answers *a, const struct rh_form_place *at, yyjson_val *answers);

#endif
