/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath_patch.h - FHIRPath Patch: a Parameters resource of operations, applied to a resource.
 *
 * https://hl7.org/fhir/R4/fhirpatch.html: add, insert, delete, replace, move.
 */
#ifndef RH_CONFORMANCE_FHIRPATH_PATCH_H
#define RH_CONFORMANCE_FHIRPATH_PATCH_H

#include "fhir/world.h"

enum {
    RH_FHIRPATH_PATCH_STEPS = 1000 * 1000, /* enough for a patch where somebody waits */
    RH_FHIRPATH_PATCH_BYTES_MAX = 64 << 20 /* operations times size of the resource */
};

/* Appends the patched resource as JSON. All or nothing. RH_INVALID: the Parameters are no patch
 * (issue: "Parameters.parameter[2].part[1]…"); RH_VALUE: a path finds nothing (a deletion then does
 * nothing), or more than one element, an index is out of range, or the id or type would change;
 * RH_TOOLARGE: too much work for one patch; RH_TIMEOUT: the steps of c are spent. Elements that a
 * deletion leaves empty go with it. */
enum rh_rc rh_fhirpath_patch(struct rh_ctx *c, yyjson_val *resource, yyjson_val *parameters,
                             struct rh_buf *out);

#endif
