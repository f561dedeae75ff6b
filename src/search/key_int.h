/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key_int.h - parts of keys that a query makes too.
 */
#ifndef RH_SEARCH_KEY_INT_H
#define RH_SEARCH_KEY_INT_H

#include "search/key.h"
#include "search/normalise.h"

#define RH_KEY_DAY_US INT64_C(86400000000)

void rh_key_word(struct rh_buf *b, struct rh_text word, bool ends); /* `ends`: something follows */
/* Of a local reference by its id, or, with id.data == NULL, of an absolute one by its address. */
void rh_key_reference(struct rh_buf *b, unsigned type, struct rh_text id, struct rh_text address);
void rh_key_span(unsigned char ret[RH_KEY_INSTANT_SIZE], char kind, int64_t first, int64_t second);
uint64_t rh_key_system(struct rh_text system); /* 0 for none */
/* Does a word have enough letters for its skeleton to count? One sign of a syllabary is as good as
 * two letters. */
bool rh_key_has_skeleton(const struct rh_name_word *w);

#endif
