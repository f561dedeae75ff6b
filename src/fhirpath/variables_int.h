/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * variables_int.h - variables of the environment that stand for an address (%ucum, %`vs-…`).
 *
 * Rows of spec/variables.tsv, written at build time by tools/gen_variables.py.
 */
#ifndef RH_FHIRPATH_VARIABLES_INT_H
#define RH_FHIRPATH_VARIABLES_INT_H

#include <stdbool.h>
#include <stddef.h>

struct rh_fp_address {
    const char *name; /* "ucum"; of a prefix "vs-" */
    bool prefix;      /* what follows the name is added to the address */
    const char *address;
};

extern const struct rh_fp_address rh_fp_addresses[];
extern const size_t rh_fp_n_addresses;
extern const char rh_fp_ucum_address[]; /* of %ucum */

#endif
