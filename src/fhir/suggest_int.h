/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * suggest_int.h - the name somebody probably meant.
 *
 * At most two slips away: a letter wrong, missing or too many, or two neighbours exchanged
 * (restricted Damerau-Levenshtein distance, without regard to case), and fewer slips than half of
 * the letters.
 */
#ifndef RH_FHIR_SUGGEST_INT_H
#define RH_FHIR_SUGGEST_INT_H

#include "fhir/element.h"

const struct rh_element *rh_suggest_element(const struct rh_type *t,
                                            struct rh_text name); /* NULL: none */
const struct rh_type *rh_suggest_resource(struct rh_text name);   /* NULL: none */

#endif
