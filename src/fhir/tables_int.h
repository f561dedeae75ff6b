/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tables_int.h - what tools/gen_r4.py writes into r4_tables.c.
 *
 * Slots are open-addressing hash tables (linear probing, a power of two in size): 0 is free, else
 * index + 1. The hash is name_hash in element.c, the same as in the generator.
 */
#ifndef RH_FHIR_TABLES_INT_H
#define RH_FHIR_TABLES_INT_H

#include "fhir/element.h"

extern const struct rh_type rh_r4_types[];
extern const unsigned short rh_r4_type_slots[];
extern const unsigned rh_r4_type_mask;
extern const unsigned char rh_r4_element_slots[]; /* those of a type begin at its `slot` */

/* By resource number - 1: index into rh_r4_types; paths of the Patient compartment,
 * "subject|performer.actor" or NULL. */
extern const unsigned short rh_r4_resources[RH_RESOURCE_TYPES];
extern const char *const rh_r4_patient_paths[RH_RESOURCE_TYPES];

#endif
