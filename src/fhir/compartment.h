/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compartment.h - whose record a resource belongs to: the Patient compartment of FHIR R4.
 *
 * Source: CompartmentDefinition/patient (R4 4.0.1), whose parameters are reduced to plain paths in
 * spec/r4/compartment-patient.tsv, in the order of the definition.
 */
#ifndef RH_FHIR_COMPARTMENT_H
#define RH_FHIR_COMPARTMENT_H

#include "base/json.h"
#include "fhir/element.h"

/* The id of the first patient (compartment order) that the resource refers to by Patient/id, or of
 * the Patient itself when it is one (`id` is its own id). Empty: the resource belongs to no person.
 */
struct rh_text rh_compartment_patient(const struct rh_type *type, const yyjson_val *resource,
                                      struct rh_text id);

#endif
