/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names_int.h - the generated tables of normalise.c (tools/gen_names.py).
 */
#ifndef RH_SEARCH_NAMES_INT_H
#define RH_SEARCH_NAMES_INT_H

#include "base/text.h"

/* Folding: index[code / 256] is a page of 256 entries: one of these, or RH_FOLD_STRING + number of
 * a span. */
enum { RH_FOLD_SEPARATOR, RH_FOLD_NOTHING, RH_FOLD_ITSELF, RH_FOLD_STRING };
enum { RH_FOLD_PAGE = 256, RH_FOLD_LIMIT = 0x32400 };
extern const uint16_t rh_fold_index[], rh_fold_pages[];
extern const uint32_t rh_fold_spans[]; /* offset << 8 | length in the pool */
extern const unsigned char rh_fold_pool[];

/* Sounds. first[code] is 1 + the number of the first rule that begins with the code, 0 for none;
 * the rules of a code stand together, longer ones first. keep[code] is the letter that keeps its
 * mark in the sounds (Š and š: š), 0 for none. */
enum { RH_NAME_ANY, RH_NAME_START, RH_NAME_END };
enum { RH_NAME_LIMIT = 0x3000, RH_NAME_RULE_MAX = 4, RH_NAME_SOUNDS_MAX = 3 };
struct rh_name_rule {
    uint16_t text[RH_NAME_RULE_MAX];
    unsigned char len, where, n;
    char sounds[RH_NAME_SOUNDS_MAX][4];
};
extern const uint16_t rh_name_first[], rh_name_keep[];
extern const struct rh_name_rule rh_name_rules[]; /* ends with a row of length 0 */

extern const struct rh_text rh_name_particles[]; /* in rh_text_cmp order */
extern const unsigned rh_name_particles_n;

extern const uint64_t rh_names_hash;

#endif
