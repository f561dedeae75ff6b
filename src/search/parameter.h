/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parameter.h - the search parameters that exist, from spec/r4/search-parameters.tsv.
 *
 * Generated at build time. A parameter's number is stored in data directories: numbers are given
 * once and never reused. Its `version` is raised when its keys change; a directory with other
 * versions has its keys rebuilt.
 */
#ifndef RH_SEARCH_PARAMETER_H
#define RH_SEARCH_PARAMETER_H

#include "base/text.h"

enum rh_parameter_kind { RH_SP_SPECIAL, RH_SP_STRING, RH_SP_TOKEN, RH_SP_DATE, RH_SP_REFERENCE };

/* What stands at the path of a parameter. */
enum rh_parameter_value {
    RH_SV_ID,
    RH_SV_INSTANT,
    RH_SV_IDENTIFIER,
    RH_SV_HUMANNAME,
    RH_SV_DATE, /* a day of a calendar, without a zone: compared as such wherever it was written */
    RH_SV_REFERENCE
};

enum {
    RH_PARAM_ID = 1,
    RH_PARAM_LAST_UPDATED = 2
}; /* numbers of the two that are not taken from the body */

struct rh_parameter {
    const char *name; /* "birthdate" */
    uint16_t number;
    uint16_t type;      /* resource number; 0: every type */
    unsigned char kind; /* enum rh_parameter_kind */
    unsigned char version;
    unsigned char value; /* enum rh_parameter_value */
    uint16_t target;  /* resource number that a reference must point to to count; 0: no reference */
    const char *path; /* plain path below the resource: "identifier", "participant.actor";
                         alternatives by '|' */
    const char *url;  /* canonical of its definition */
};

/* The parameter of this name for a type; NULL: there is none. */
const struct rh_parameter *rh_parameter_find(unsigned type, struct rh_text name);
/* All parameters of a type, those of every type first; returns their number. `rows` may be NULL to
 * count. */
unsigned rh_parameters_of(unsigned type, const struct rh_parameter **rows, unsigned max);
uint64_t rh_parameters_version(void); /* changes whenever a key of any parameter would */

#endif
