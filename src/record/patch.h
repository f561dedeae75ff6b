/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * patch.h - JSON Patch (RFC 6902) on a resource.
 */
#ifndef RH_RECORD_PATCH_H
#define RH_RECORD_PATCH_H

#include "base/json.h"

enum { RH_PATCH_OPS_MAX = 1000 };

/* Applies the patch (an array of operations) to a resource; *ret is a new document in the arena,
 * the input is not changed. Numbers are compared by value in "test". RH_STRUCTURE: not a JSON
 * Patch; RH_RULE: a path does not exist or a test fails (issue names the operation: "operation 2
 * (replace /birthDate): …"); RH_VALUE: the patch would change resourceType or id. */
enum rh_rc rh_json_patch(struct rh_arena *a, struct rh_issues *is, const yyjson_val *resource,
                         const yyjson_val *patch, yyjson_val **ret);

#endif
