/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath_patch.h - FHIRPath Patch: a Parameters resource of operations, applied to a resource.
 *
 * https://hl7.org/fhir/R4/fhirpatch.html: add, insert, delete, replace, move.
 */
#ifndef RH_CONFORMANCE_FHIRPATH_PATCH_H
#define RH_CONFORMANCE_FHIRPATH_PATCH_H

#include "fhir/world.h"

/* Appends the patched resource as JSON. All or nothing. RH_INVALID: the Parameters are no patch
 * (issue: "Parameters.parameter[2].part[1]…"); RH_VALUE: a path finds nothing, or more than one
 * element, or an index is out of range. */
enum rh_rc rh_fhirpath_patch(struct rh_ctx *c, yyjson_val *resource, yyjson_val *parameters,
                             struct rh_buf *out);

#endif
