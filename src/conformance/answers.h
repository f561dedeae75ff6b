/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * answers.h - what a form says of its answers: the rules, once, for who validates a whole
 * QuestionnaireResponse and for who fills one in.
 *
 * FHIR R4 (https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/questionnaire
 * response.html#notes), its extensions and those of SDC: types, options and value sets, number of
 * answers, length, range, decimals, pattern, units, attachments, references; enableWhen and
 * expressions; constraints of the form itself. An answer without a value that says by
 * data-absent-reason why there is none (unknown, refused, not applicable) is an answer.
 *
 * *Cannot be known* (a value set that is not loaded, an expression that nobody here can compute) is
 * a warning or silence, never an error.
 */
#ifndef RH_CONFORMANCE_ANSWERS_H
#define RH_CONFORMANCE_ANSWERS_H

#include "fhir/world.h"

/* Rows of spec/answer-messages.tsv: severity, issue type, text in each language. */
enum rh_answer_rule {
    RH_ANSWER_TYPE,
    RH_ANSWER_OPTION_TYPE,
    RH_ANSWER_OPTION_CODE,
    RH_ANSWER_OPTION,
    RH_ANSWER_OPTION_OFF,
    RH_ANSWER_VALUE_SET,
    RH_ANSWER_VALUE_SET_UNKNOWN,
    RH_ANSWER_EXCLUSIVE,
    RH_ANSWER_SHORT,
    RH_ANSWER_LONG,
    RH_ANSWER_LOW,
    RH_ANSWER_HIGH,
    RH_ANSWER_UNIT_UNLIKE,
    RH_ANSWER_DECIMALS,
    RH_ANSWER_PATTERN,
    RH_ANSWER_UNIT,
    RH_ANSWER_SIZE,
    RH_ANSWER_MIME,
    RH_ANSWER_TARGET,
    RH_ANSWER_FEW,
    RH_ANSWER_MANY,
    RH_ANSWER_ONE,
    RH_ANSWER_REQUIRED,
    RH_ANSWER_REQUIRED_GROUP,
    RH_ANSWER_NO_QUESTION,
    RH_ANSWER_ONCE,
    RH_ANSWER_NOT_ENABLED,
    RH_ANSWER_ORDER,
    RH_ANSWER_ELSEWHERE,
    RH_ANSWER_LINK,
    RH_ANSWER_CONSTRAINT,
    RH_ANSWER_CONSTRAINT_UNKNOWN,
    RH_ANSWER_EMPTY,
    RH_ANSWER_BOTH,
    RH_ANSWER_BULK,
    RH_ANSWER_CALCULATED,
    RH_ANSWER_RULES
};

/* One finding. */
struct rh_answer_fault {
    enum rh_answer_rule rule;
    bool warning;           /* a constraint that the form itself calls a warning */
    long answer;            /* number of the answer; -1: the item as a whole */
    bool on_value;          /* the value of the answer, not the answer */
    struct rh_text args[2]; /* what stands for {0} and {1} in the text */
};

enum { RH_ANSWER_WORK_MAX = 20 * 1000 * 1000 };

/* Who is told. `place` is the FHIRPath of the item or answer; `question` the item of the form
 * (NULL: the form has none), `link` its linkId. */
struct rh_answer_rules {
    struct rh_ctx *c;
    yyjson_val *questionnaire; /* whose contained value sets count; may be NULL */
    bool final;                /* what must be answered must be by now */
    void (*found)(void *user, const struct rh_answer_fault *f);
    void *user;
    /* A limit as it is now (minValue and the like), where an expression gives it: its value and
     * *ret_type ("Integer"); NULL: what the question itself says counts. May be NULL. */
    yyjson_val *(*limit)(void *user, const char *url, struct rh_text *ret_type);
    signed char required, repeats; /* 1, -1: they are, or are not, whatever the question says */
    bool options_elsewhere;        /* the caller knows the options better than the question */
    uint64_t work;                 /* counted up; beyond RH_ANSWER_WORK_MAX no list is read */
    yyjson_val *expanded_of, *expanded; /* private: the value set that was asked last */
};

/* One answer (an object with value…) against its question (an item of the form). */
void rh_answer_check(struct rh_answer_rules *r, yyjson_val *question, yyjson_val *answer, long n);
/* Their number, and answers that exclude others. */
void rh_answer_check_list(struct rh_answer_rules *r, yyjson_val *question, yyjson_val *answers);
/* Is this answer one without a value, that says why? */
bool rh_answer_is_absent(yyjson_val *answer);
/* "Coding" of an answer's (or option's) valueCoding; data NULL: it has none. */
struct rh_text rh_answer_type(yyjson_val *answer, yyjson_val **ret);
enum { RH_ANSWER_UNLIKE = 2 };
/* -1, 0, 1 as enableWhen compares; RH_ANSWER_UNLIKE: of different kinds, or nothing orders them.
 * Types as in "valueCoding". */
int rh_answer_compare(struct rh_text type, yyjson_val *have, struct rh_text want_type,
                      yyjson_val *want);

/* The text in a language ("fr-CH" finds "fr"; one that there is not gives English). */
void rh_answer_text(const struct rh_answer_fault *f, struct rh_text language, struct rh_buf *out);
bool rh_answer_is_error(const struct rh_answer_fault *f);
const char *rh_answer_code(const struct rh_answer_fault *f); /* issue type */

/* --- a whole response ------------------------------------------------------------------------- */
struct rh_answers_finding {
    const struct rh_answer_fault *fault;
    struct rh_text expression; /* "QuestionnaireResponse.item[0].answer[0].value.ofType(string)" */
    struct rh_text link;       /* of the item; of one that is not there, what it would be */
    bool absent;               /* it is not there: the expression is where it would be */
};
typedef void rh_answers_found(void *user, const struct rh_answers_finding *f);

struct rh_answers_options {
    yyjson_val *context;     /* object: launch context and other variables by name; NULL: none */
    struct rh_text language; /* of the texts that the form itself has; empty: as they stand */
    bool final; /* as if the response were completed: what must be answered is missed */
};

/* Every answer of the response against the form: belongs to a question, in the order of the form;
 * is allowed; is enabled; what must be answered is, when the response is completed or amended.
 * `o` may be NULL. RH_NOMEM; RH_TIMEOUT: too much work, and an issue says so. */
enum rh_rc rh_answers_check(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                            const struct rh_answers_options *o, rh_answers_found *found,
                            void *user);

#endif
