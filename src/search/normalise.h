/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * normalise.h - names in any script made comparable.
 *
 * fold: compatibility decomposition, case folding, without combining marks; words split at what is no letter or digit (marks, apostrophes and
 * hyphens inside a word are handled as spec/names/fold.tsv says). Tables are generated at build time from Python's unicodedata (Unicode) and
 * the reviewed tables in spec/names.
 * skeleton: script-independent consonant classes of a word (see docs/decisions and spec/names/translit.tsv), so that an unvowelled
 * Arabic spelling and its Latin ones meet: the same skeleton is a candidate for the same name, never proof of the same person.
 */
#ifndef RH_SEARCH_NORMALISE_H
#define RH_SEARCH_NORMALISE_H

#include "base/text.h"

enum { RH_WORDS_MAX = 64 };

/* Splits into folded words, in the arena. *n <= RH_WORDS_MAX; further words are left out. RH_NOMEM. */
enum rh_rc rh_fold_words(struct rh_arena *a, struct rh_text t, struct rh_text ret[RH_WORDS_MAX], unsigned *n);
/* The skeleton of one folded word; empty when the word has too little to compare (see the tables). */
enum rh_rc rh_skeleton(struct rh_arena *a, struct rh_text word, struct rh_text *ret);

#endif
