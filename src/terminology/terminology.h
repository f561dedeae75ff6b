/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terminology.h - code systems, value sets and concept maps of the world.
 *
 * Two faces over one engine: rh_terms_contains is what validation and memberOf() ask, a million
 * times; rh_terms_operation is the FHIR operations, Parameters in, Parameters or ValueSet out
 * (https://hl7.org/fhir/R4/terminology-service.html), the same for HTTP and command line.
 *
 * *Cannot be known* (a value set that is not loaded, a code system without content) is an answer of
 * its own, never no.
 */
#ifndef RH_TERMINOLOGY_TERMINOLOGY_H
#define RH_TERMINOLOGY_TERMINOLOGY_H

#include "fhir/world.h"

enum {
    RH_TERMS_EXPANSION_MAX =
        200000,             /* codes of one expansion; more is RH_TOOLARGE ("too-costly") */
    RH_TERMS_DEPTH_MAX = 32 /* value sets that include value sets */
};

enum rh_terms_answer {
    RH_TERMS_NO,
    RH_TERMS_YES,
    RH_TERMS_UNKNOWN_VALUESET, /* not loaded, or cannot be expanded */
    RH_TERMS_UNKNOWN_SYSTEM /* the code's system is not loaded, or not complete, so nobody can say
                             */
};

struct rh_terms_code {
    struct rh_text system, version, code, display; /* empty: not stated */
    bool any_system; /* a plain code element: the value set says which system */
};

struct rh_terms_result {
    enum rh_terms_answer answer;
    struct rh_text system;  /* found; lives as long as the world */
    struct rh_text display; /* the right one, when the code was found */
    bool display_wrong;     /* a display was given and is none of the concept's */
    bool inactive;
    struct rh_text missing; /* canonical of what is not loaded */
};

/* Is the code in the value set? value_set "url" or "url|version"; "SYSTEM?fhir_vs" is all of a
 * system, "SYSTEM?fhir_vs=isa/CODE" a code and what is below it. RH_NOMEM, RH_INTERNAL only. */
enum rh_rc rh_terms_contains(struct rh_ctx *c, struct rh_text value_set,
                             const struct rh_terms_code *code, struct rh_terms_result *ret);
/* Is the code in its code system? As above. */
enum rh_rc rh_terms_in_system(struct rh_ctx *c, const struct rh_terms_code *code,
                              struct rh_terms_result *ret);
/* Does a subsume b (a is b or an ancestor of b)? *ret 1 yes, 0 no, -1 cannot be known. */
enum rh_rc rh_terms_subsumes(struct rh_ctx *c, struct rh_text system, struct rh_text a,
                             struct rh_text b, int *ret);

enum rh_terms_op {
    RH_TERMS_EXPAND,            /* ValueSet/$expand */
    RH_TERMS_VALIDATE_VALUESET, /* ValueSet/$validate-code */
    RH_TERMS_VALIDATE_SYSTEM,   /* CodeSystem/$validate-code */
    RH_TERMS_BATCH_VALIDATE,    /* ValueSet/$batch-validate-code */
    RH_TERMS_LOOKUP,            /* CodeSystem/$lookup */
    RH_TERMS_SUBSUMES,          /* CodeSystem/$subsumes */
    RH_TERMS_TRANSLATE,         /* ConceptMap/$translate */
    RH_TERMS_OPS
};
const char *rh_terms_op_name(enum rh_terms_op op); /* "$expand" */
const char *rh_terms_op_type(enum rh_terms_op op); /* "ValueSet" */

/* Runs an operation. `parameters` is a Parameters resource; `instance` (may be NULL) the resource
 * the operation was called on by id. Definitions given in `tx-resource` parameters and inline
 * `valueSet`/`conceptMap`/`codeSystem` count before the world's. Two inputs are not FHIR's: the
 * header Accept-Language as "__Accept-Language" (it stands behind what the request and the value
 * set say of languages), and "limit", codes of an expansion that a caller still takes.
 * Appends the answer's JSON. When it is refused, an OperationOutcome is appended (issue type, and
 * tx-issue-type in details.coding), and one issue says the same: RH_NOTFOUND (value set or system
 * unknown), RH_INVALID (parameters, or a definition that cannot be used), RH_TOOLARGE. Nothing is
 * appended for RH_NOMEM and what is an error of the program. */
enum rh_rc rh_terms_operation(struct rh_ctx *c, enum rh_terms_op op, yyjson_val *parameters,
                              yyjson_val *instance, struct rh_buf *out);

/* Check digits, a lint for packs: true when the code has none or it is right. The systems and their
 * algorithms are rows of spec/systems.tsv (mod10: LOINC Users' Guide, "Check digit"; verhoeff:
 * SNOMED CT Release File Specifications, "Check-digit computation"). */
bool rh_terms_check_digit(struct rh_text system, struct rh_text code);

/* The address of a system known by a short name ("sct", "loinc", "ucum"); data NULL: none. From
 * spec/systems.tsv. */
struct rh_text rh_system_url(struct rh_text name);

#endif
