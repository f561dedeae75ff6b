/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subset.h - is what was wanted in what was got? The comparison of cases.
 *
 * An object wants each of its members to match; what else is there does not matter. `null` wants
 * nothing: no such member, or null. A list wants, for each of its elements, some element that
 * matches; in any order; an empty list wants an empty list, or none. Text, true and false want the
 * same; numbers the same value (5 is 5.0). A list of one that is wanted as an object, or the other
 * way round, does not match.
 */
#ifndef RH_CLINICAL_SUBSET_H
#define RH_CLINICAL_SUBSET_H

#include "base/json.h"

/* The first place where they differ, for a person. In lists it is in the element that comes
 * nearest. */
struct rh_difference {
    const char *path;             /* "protocols[0].holds[1].until"; "" is the whole */
    const yyjson_val *want, *got; /* got NULL: nothing is there */
};

/* True: it is in it. Otherwise *ret (may be NULL) has the difference; its path lives in `a`. */
bool rh_subset(struct rh_arena *a, const yyjson_val *want, const yyjson_val *got,
               struct rh_difference *ret);
/* "at PATH: wanted X, got Y", values cut at a readable length. */
void rh_difference_print(const struct rh_difference *d, struct rh_buf *out);

#endif
