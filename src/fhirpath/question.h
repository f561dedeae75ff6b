/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * question.h - one expression asked of one resource, as a line of JSON says it.
 *
 *     {"id", "expr", "resource", "context", "variables", "model", "strict"}
 *     {"id", "result": [{"type", "value"}]}   or   {"id", "error", "at": "LINE:COLUMN" or null}
 *
 * The same for `rihla fhirpath --batch` and for the core in a browser. `resource` is any JSON
 * object; `context` an expression whose items are the focus one after the other, or an object that
 * is the focus; `model` is "r4" (the default) or "none" for plain JSON; `strict` false: an element
 * that the type does not have is empty, not an error.
 */
#ifndef RH_FHIRPATH_QUESTION_H
#define RH_FHIRPATH_QUESTION_H

#include "fhirpath/fhirpath.h"

enum { RH_FP_VARIABLES_MAX = 64 };

struct rh_fp_question {
    struct rh_text expression, context; /* context: data NULL: none */
    yyjson_val *resource;               /* NULL: none */
    yyjson_val *context_value;          /* instead of an expression */
    bool plain, lenient;
    struct rh_fp_variable *variables;
    size_t n_variables;
};

/* Reads a line's object. What `ret` has already stays where the line says nothing: lenient, and a
 * resource that the caller has parsed before. RH_STRUCTURE, RH_VALUE, RH_NOMEM with an issue. */
enum rh_rc rh_fp_question_read(struct rh_arena *a, struct rh_issues *is, yyjson_val *line,
                               struct rh_fp_question *ret);

/* Adds a variable. Strings, numbers and booleans are System values; objects are resources or plain
 * JSON; an array is a collection; null is empty. */
enum rh_rc rh_fp_question_variable(struct rh_arena *a, struct rh_issues *is,
                                   struct rh_fp_question *q, struct rh_text name, yyjson_val *v);

/* Gives a compiled expression, checked for the type (NULL: unchecked): rh_fp_compile and
 * rh_fp_check, or something that remembers what it compiled. `ret_types` as in rh_fp_check. */
typedef enum rh_rc rh_fp_compiler(void *user, struct rh_ctx *c, struct rh_text expression,
                                  const struct rh_type *type, struct rh_text *ret_types,
                                  struct rh_fp **ret);

/* What can never be right for the type of the focus is an error before anything is evaluated,
 * unless the question is lenient or plain. */
enum rh_rc rh_fp_question_answer(struct rh_ctx *c, const struct rh_fp_question *q,
                                 rh_fp_compiler *compiler, void *user, struct rh_fp_list *ret);

/* A JSON array of values or, with `types`, of {"type", "value"}. Types are named as HL7's suites
 * do: "Patient", "code" for elements, "boolean", "dateTime", "Quantity" for values of the language.
 */
void rh_fp_print_list(struct rh_arena *a, const struct rh_fp_list *l, bool types,
                      struct rh_buf *out);

/* The members "error" and "at". */
void rh_fp_print_error(const struct rh_issues *is, enum rh_rc rc, struct rh_buf *out);

#endif
