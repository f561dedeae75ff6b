/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parameter_int.h - the generated tables of search parameters, and what a set holds.
 */
#ifndef RH_SEARCH_PARAMETER_INT_H
#define RH_SEARCH_PARAMETER_INT_H

#include "fhir/element.h"
#include "search/parameter.h"

#include <stdatomic.h>

/* Sorted by type, then number; those of type t are rows first[t] .. first[t + 1] - 1. */
extern const struct rh_parameter rh_parameter_rows[];
extern const uint16_t rh_parameter_first[];
extern const uint16_t rh_parameter_main_dates[]; /* by type: a number, 0: none */
extern const uint64_t rh_parameter_table_hash;

/* The system of the codes of a value set (spec/r4/code-systems.tsv), sorted by value set. */
struct rh_code_system {
    const char *value_set, *system;
};
extern const struct rh_code_system rh_code_systems[];
extern const unsigned rh_code_systems_n;

struct rh_plan; /* extract_int.h: all that is compiled for one type */

struct rh_parameters {
    atomic_uint count;
    struct rh_arena *arena; /* holds all of it */
    /* As of R4's own: sorted by type, then number. Those of every type (0) are in each type's row.
     */
    const struct rh_parameter **rows[RH_RESOURCE_TYPES + 1];
    uint16_t n[RH_RESOURCE_TYPES + 1];
    /* R4's that another one of the same code replaces: nobody finds them by name, but views and
     * composites look for their keys. */
    const struct rh_parameter **replaced[RH_RESOURCE_TYPES + 1];
    uint16_t n_replaced[RH_RESOURCE_TYPES + 1];
    _Atomic(struct rh_plan *) plans[RH_RESOURCE_TYPES + 1];
};

#endif
