/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parameter_int.h - the generated table of search parameters.
 */
#ifndef RH_SEARCH_PARAMETER_INT_H
#define RH_SEARCH_PARAMETER_INT_H

#include "search/parameter.h"

/* Sorted by type, then number; those of type t are rows first[t] .. first[t + 1] - 1. */
extern const struct rh_parameter rh_parameter_rows[];
extern const uint16_t rh_parameter_first[];
extern const uint64_t rh_parameter_table_hash;

#endif
