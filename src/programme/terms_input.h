/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terms_input.h - input of terminology operations from names and values, as a query or a command
 * line has them.
 *
 * https://hl7.org/fhir/R4/operations.html#request: what is simple may stand in a query; the types
 * are those of the OperationDefinitions (https://hl7.org/fhir/R4/terminology-service.html) and of
 * the additions that HL7's terminology ecosystem agreed on (system-version, useSupplement, …).
 */
#ifndef RH_PROGRAMME_TERMS_INPUT_H
#define RH_PROGRAMME_TERMS_INPUT_H

#include "terminology/terminology.h"

enum { RH_TERMS_INPUTS_MAX = 200 };

struct rh_terms_input {
    struct rh_text name, value;
};

/* A Parameters resource (JSON). A type that is not simple takes its JSON ("{…}"). RH_INVALID with
 * an issue: no such input (with `lenient` a warning), or the value is not of its type. */
enum rh_rc rh_terms_parameters(struct rh_arena *a, struct rh_issues *is, enum rh_terms_op op,
                               const struct rh_terms_input *inputs, size_t n, bool lenient,
                               struct rh_text *ret);

/* Appends the inputs of an operation as {"name":…},… */
void rh_terms_inputs_write(enum rh_terms_op op, struct rh_buf *out);

/* "expand", "$expand", "ValueSet/$expand": the operation; "validate-code" alone is that of
 * ValueSet. False: there is none. */
bool rh_terms_op_of(struct rh_text name, enum rh_terms_op *ret);

#endif
