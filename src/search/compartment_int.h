/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compartment_int.h - the generated table of spec/r4/compartments.tsv, sorted by compartment, type.
 */
#ifndef RH_SEARCH_COMPARTMENT_INT_H
#define RH_SEARCH_COMPARTMENT_INT_H

#include <stdint.h>

struct rh_compartment {
    uint16_t compartment, type; /* resource numbers */
    const char *parameters;     /* with commas; "{def}": the resource itself */
};
extern const struct rh_compartment rh_compartments[];
extern const unsigned rh_compartments_n;

#endif
