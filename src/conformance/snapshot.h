/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.h - the full list of elements of a profile, from its differential and its base.
 *
 * Algorithm: https://hl7.org/fhir/R4/profiling.html#snapshot and the rules of ElementDefinition;
 * children of a type are walked into where the differential does, slices repeat the children of
 * what they slice.
 */
#ifndef RH_CONFORMANCE_SNAPSHOT_H
#define RH_CONFORMANCE_SNAPSHOT_H

#include "fhir/world.h"

/* The array of ElementDefinitions of a StructureDefinition: its own snapshot.element where it has
 * one, else one that is generated (kept by the world). RH_NOTFOUND: its base is not loaded (an
 * issue names it). RH_VALUE: the differential does not fit its base (the issue names the element).
 */
enum rh_rc rh_snapshot(struct rh_ctx *c, const struct rh_definition *profile, yyjson_val **ret);

/* Generates even when the profile has one. The array lives in c->arena. */
enum rh_rc rh_snapshot_generate(struct rh_ctx *c, const struct rh_definition *profile,
                                yyjson_val **ret);

#endif
