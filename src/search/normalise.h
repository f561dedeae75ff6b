/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * normalise.h - names in any script made comparable.
 *
 * fold: compatibility decomposition, case folding, without combining marks; words end at what is no
 * letter or digit (apostrophes and the like inside a word are handled as spec/names/fold.tsv says).
 * Folding what is folded changes nothing. skeleton: script-independent consonant classes of a word,
 * and a trace of its vowels where the consonants alone say too little
 * (docs/decisions/0002-names.md, spec/names/translit.tsv), so that an unvowelled Arabic spelling
 * and its Latin ones meet. One skeleton in common makes two words candidates for the same name,
 * never proof of the same person. A word with sounds that can be read in more than one way has
 * several. Tables are generated at build time from Python's unicodedata and the reviewed tables in
 * spec/names.
 */
#ifndef RH_SEARCH_NORMALISE_H
#define RH_SEARCH_NORMALISE_H

#include "base/text.h"

enum {
    RH_WORDS_MAX = 64,
    RH_SKELETONS_MAX = 12,
    RH_NAME_LETTERS_MAX = 48 /* of a word that make its skeletons */
};

struct rh_name_word {
    struct rh_text folded;
    struct rh_text skeletons[RH_SKELETONS_MAX];
    unsigned n;              /* of skeletons; 0: the word has too little to compare */
    bool particle;           /* abdul, bin, van: of spec/names/particles.tsv */
    const uint16_t *letters; /* private: its sounds' letters */
    unsigned n_letters;
};

/* Splits into folded words, in the arena. *n <= RH_WORDS_MAX; further words are left out. RH_NOMEM.
 */
enum rh_rc rh_fold_words(struct rh_arena *a, struct rh_text t, struct rh_text ret[RH_WORDS_MAX],
                         unsigned *n);

/* All its folded words, one blank between them: how strings are compared. *ret has no words: it is
 * empty. RH_NOMEM. */
enum rh_rc rh_fold_line(struct rh_arena *a, struct rh_text t, struct rh_text *ret);

/* The same with skeletons. */
enum rh_rc rh_name_words(struct rh_arena *a, struct rh_text t,
                         struct rh_name_word ret[RH_WORDS_MAX], unsigned *n);

/* Neighbouring words written as one: "abdul", "rahman" -> "abdulrahman". RH_NOMEM. */
enum rh_rc rh_name_join(struct rh_arena *a, const struct rh_name_word *words, unsigned n,
                        struct rh_name_word *ret);

/* True when one of the words' skeletons is the same. */
bool rh_name_sounds(const struct rh_name_word *a, const struct rh_name_word *b);

#endif
