/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check.h - the structural check of every write against the element tables.
 *
 * Found: unknown element, wrong JSON type, array where one value belongs and the reverse, empty
 * array, object or string, null outside a primitive's array, missing required element, two values
 * of one choice, malformed primitive, primitive extension ("_birthDate") without its own rules,
 * resource inside "contained" or Bundle.entry of an unknown type, "contained" inside a contained
 * resource, an extension without url, or with both or neither of value and extensions. Bindings,
 * other invariants, slices and profiles are the business of src/conformance.
 */
#ifndef RH_FHIR_CHECK_H
#define RH_FHIR_CHECK_H

#include "base/json.h"
#include "fhir/element.h"

/* Checks a whole resource. Every finding is an issue with the FHIRPath of its place
 * ("Patient.name[0].given[1]", "Observation.value.ofType(Quantity).value"; for an unknown or
 * missing element the place where it stands or would stand), rc RH_STRUCTURE, RH_VALUE or
 * RH_REQUIRED. Returns the first finding's code. Never stops at the first one, but at
 * RH_ISSUES_MAX. `*ret` (may be NULL) is the resource's type. */
enum rh_rc rh_fhir_check(struct rh_issues *is, const yyjson_val *resource,
                         const struct rh_type **ret);

#endif
