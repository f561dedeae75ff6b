/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * suggest.h - the name somebody probably meant.
 *
 * At most two slips away: a letter wrong, missing or too many, or two neighbours exchanged
 * (restricted Damerau-Levenshtein distance, without regard to case), and fewer slips than half of
 * the letters.
 */
#ifndef RH_FHIR_SUGGEST_H
#define RH_FHIR_SUGGEST_H

#include "fhir/element.h"

enum { RH_SUGGEST_FAR = 3 }; /* slips that are too many */

const struct rh_element *rh_suggest_element(const struct rh_type *t,
                                            struct rh_text name); /* NULL: none */
const struct rh_type *rh_suggest_resource(struct rh_text name);   /* NULL: none */
/* The same by the names that paths have ("value" for every value[x]), over several types one after
 * the other: nearer than *slips, which begins at RH_SUGGEST_FAR and is set. */
const char *rh_suggest_in_path(const struct rh_type *t, struct rh_text name, unsigned *slips);
/* Among other names: is `known` nearer than *slips, which begins and is set as above? */
bool rh_suggest_nearer(struct rh_text name, const char *known, unsigned *slips);

#endif
