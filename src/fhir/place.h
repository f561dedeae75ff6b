/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * place.h - the steps of an expression that names a place in a resource, as issues have it:
 * "Bundle.entry[0].resource.name[1].given[0]", "Observation.value.ofType(Quantity).code". Remarks
 * between slash and star, as the validator of HL7 writes them, are passed over.
 */
#ifndef RH_FHIR_PLACE_H
#define RH_FHIR_PLACE_H

#include "base/text.h"

/* "name", "name[2]", "name.ofType(Type)", "name[2].ofType(Type)". */
struct rh_place_step {
    struct rh_text name, type; /* type empty: none is stated */
    size_t index;              /* SIZE_MAX: none */
};

/* Takes the next step from *rest (NUL-terminated). False: nothing more that names a place; a
 * function other than ofType() ends a place. */
bool rh_place_step(const char **rest, struct rh_place_step *ret);
/* The same, behind the type of resource that an expression may begin with ("Patient.name"). */
bool rh_place_first(const char **rest, struct rh_place_step *ret);

/* How well a member's name in JSON or XML fits a step; 0: not at all. A choice that the step states
 * without type fits least, the "_name" of a primitive's extensions less than "name". */
unsigned rh_place_fits(const struct rh_place_step *s, struct rh_text name);

#endif
