/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form.h - a Questionnaire that is filled in: what is asked now, what follows from each answer.
 *
 * Structured Data Capture (SDC, http://hl7.org/fhir/uv/sdc, version 3 and 4) over FHIR R4:
 * enableWhen and enableWhenExpression, initial values and initialExpression, calculatedExpression,
 * variables, launch context, options from value sets and expressions, options that are switched,
 * text that is computed, weights of options, repeats, groups, items below answers.
 *
 * A Questionnaire is compiled once into a `struct rh_form` (immutable, any number of threads): its
 * items in document order, its expressions, and the graph that says which expressions read which
 * items. A *session* is one person's answers to it: a tree of nodes, one for each item and, where a
 * group repeats, for each of its repeats. An answer re-evaluates only what depends on it.
 *
 * What is not enabled keeps its answers in the session and gives them back when it is enabled
 * again; no expression sees them and no response has them. An expression that fails or cannot be
 * computed gives nothing, and a problem that says why: never a default. A cycle of expressions ends
 * after RH_FORM_ROUNDS_MAX evaluations of each, with a problem. The time is stated, never read.
 *
 * An answer is an object as in QuestionnaireResponse.item.answer ({"valueCoding": {…}}). *Unknown*,
 * *refused* and *not applicable* are answers without a value, with the extension
 * data-absent-reason. A person may overwrite a calculated value that is not read only; it then
 * stays until it is cleared.
 *
 * Nodes are named by paths: linkIds joined by "/"; "#n" (0-based) behind a group that repeats and,
 * for items below a question that repeats, behind the question: "history/journey#1/country". A path
 * is a name, never to be taken apart: linkIds may contain "/".
 */
#ifndef RH_CLINICAL_FORM_H
#define RH_CLINICAL_FORM_H

#include "fhir/world.h"

enum {
    RH_FORM_ITEMS_MAX = 20000,  /* items of a Questionnaire */
    RH_FORM_DEPTH_MAX = 12,     /* nesting of items; a response nests four times as deep */
    RH_FORM_NODES_MAX = 100000, /* nodes of a session */
    RH_FORM_ANSWERS_MAX = 1000, /* answers of one question */
    RH_FORM_EXPRESSIONS_MAX = 50000,
    RH_FORM_OPTIONS_MAX = 5000, /* options that are listed; a larger value set is asked by search */
    RH_FORM_ROUNDS_MAX = 16     /* evaluations of one expression after one answer */
};

struct rh_form;
struct rh_form_session;

/* Something to go through with yyjson_arr_foreach, which does not take NULL: then nothing. */
static inline yyjson_val *rh_some(yyjson_val *v)
{
    static const yyjson_val nothing;
    return v ? v : (yyjson_val *)(uintptr_t)&nothing;
}

/* --- the Questionnaire ------------------------------------------------------------------------ */
/* Compiles into arena `a`; the Questionnaire must live as long. Issues name items by linkId and
 * path. RH_STRUCTURE, RH_VALUE, RH_TOOLARGE: not a Questionnaire, an item without linkId, a linkId
 * twice, an unknown type. An expression that does not parse is a warning, and so is a variable that
 * nothing defines: the form can be filled in without it. */
enum rh_rc rh_form_compile(struct rh_ctx *c, struct rh_arena *a, yyjson_val *questionnaire,
                           const struct rh_form **ret);
/* By its canonical address; compiled once and kept by c->world. RH_NOTFOUND with an issue. */
enum rh_rc rh_form_find(struct rh_ctx *c, struct rh_text canonical, const struct rh_form **ret);
yyjson_val *rh_form_questionnaire(const struct rh_form *f);

/* --- filling it in ---------------------------------------------------------------------------- */
struct rh_form_start {
    yyjson_val *response; /* answers so far; NULL: none. Items the form does not have are refused */
    yyjson_val *context; /* object: launch context and other variables by name ({"patient": {…}});
                            a resource, an array of them, or a value; NULL: none */
    struct rh_text language; /* "ar"; empty: the form's own */
    bool closed; /* answers that are none of the options of a closed question are left out, each
                    with a warning; else they are kept and are problems of their nodes */
    bool fresh;  /* all that `response` leaves open gets its initial value. Without a response all
                    does; with one only what becomes enabled by what is calculated now: the rest was
                    seen and left open */
    bool parts;  /* what `response` has no part of counts as not seen: an item at the top that it
                    does  not have, and all in a group that it does not have */
};

/* c->now_us and c->zone_minutes are the session's time for ever; it keeps c->world. Everything that
 * is given is copied. Owned by the caller. Errors: RH_STRUCTURE, RH_VALUE (the response does not
 * fit), RH_TOOLARGE, RH_NOMEM. */
enum rh_rc rh_form_open(struct rh_ctx *c, const struct rh_form *f,
                        const struct rh_form_start *start, struct rh_form_session **ret);
void rh_form_close(struct rh_form_session *s); /* NULL is fine */

/* Each call changes the session and remembers what changed, for rh_form_print_changes. c->arena is
 * scratch. RH_NOTFOUND: no such path. RH_VALUE, RH_STRUCTURE: refused; nothing is changed. A value
 * outside of its limits is taken and is a problem of its node. */
enum rh_rc rh_form_answer(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path,
                          yyjson_val *answers); /* an array; empty clears */
enum rh_rc rh_form_add(struct rh_ctx *c, struct rh_form_session *s,
                       struct rh_text path); /* of any repeat of the group: one more at the end */
enum rh_rc rh_form_remove(struct rh_ctx *c, struct rh_form_session *s,
                          struct rh_text path); /* of the repeat; the only one is emptied */
/* Gives the answer to each enabled question below the group that has none, takes it (its type and
 * options) and is neither ask-each, read only, calculated nor hidden; each is marked with the
 * extension bulk-answer. `answer` is one answer object. */
enum rh_rc rh_form_bulk(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path,
                        yyjson_val *answer);
/* Texts and options in another language; every node counts as changed. */
enum rh_rc rh_form_language(struct rh_ctx *c, struct rh_form_session *s, struct rh_text language);

/* --- looking at it ---------------------------------------------------------------------------- */
/* {"title", "items": [NODE…], "complete"}, without the braces: the caller adds its own members. */
void rh_form_print(struct rh_ctx *c, struct rh_form_session *s, struct rh_buf *out);
/* "changed": [NODE…], "removed": [path…], "complete": of what changed since it was last printed. A
 * NODE has `children` and `options` only when they are others than before. */
void rh_form_print_changes(struct rh_ctx *c, struct rh_form_session *s, struct rh_buf *out);
/* A QuestionnaireResponse. `draft`: with the answers of what is not enabled, to go on later. */
void rh_form_response(struct rh_ctx *c, struct rh_form_session *s, bool draft, struct rh_buf *out);
bool rh_form_complete(const struct rh_form_session *s); /* all that is required is answered */
/* What could not be computed, as issues (warnings; the expression is the item's path). */
void rh_form_problems(const struct rh_form_session *s, struct rh_issues *is);

/* form_check.c: {"valid": …, "errors": [{"path", "linkId", "severity", "text"}]} without braces,
 * messages in `language`. Also what is missing. */
enum rh_rc rh_form_check(struct rh_ctx *c, struct rh_form_session *s, struct rh_text language,
                         bool *ret_valid, struct rh_buf *out);

#endif
