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
/* Is it a string parameter of family names, whose parts are found one by one? */
bool rh_key_is_family(const struct rh_parameter *p);
/* Of a local reference by its id, or, with id.data == NULL, of another one by its address. */
void rh_key_reference(struct rh_buf *b, unsigned type, struct rh_text id, struct rh_text address);
/* The same from the text of a reference. A canonical's version is cut off and put into *version
 * (data NULL: none). False: it has no key ("#id", a conditional one). */
bool rh_key_reference_text(struct rh_buf *b, struct rh_text text, struct rh_text base,
                           bool canonical, struct rh_text *version);
void rh_key_span(unsigned char ret[RH_KEY_INSTANT_SIZE], char kind, int64_t first, int64_t second);
uint64_t rh_key_system(struct rh_text system); /* 0 for none */
/* 'c' word 0 hash: a token. 'o' hash word: one of a type. */
void rh_key_token(struct rh_buf *b, struct rh_text code, uint64_t system);
void rh_key_of_type(struct rh_buf *b, struct rh_text system, struct rh_text code,
                    struct rh_text value);
/* Does a word have enough letters for its skeleton to count? One sign of a syllabary is as good as
 * two letters. */
bool rh_key_has_skeleton(const struct rh_name_word *w);
/* The open end of a number: before or behind all decimals. */
void rh_key_decimal_end(struct rh_buf *b, bool high);
/* 'w' word 0 hash of a text that has the word; a long word is cut to RH_KEY_TEXT_WORD bytes, whole
 * characters. Without the hash (0): what all rows of the word begin with. */
enum { RH_KEY_TEXT_WORD = 64 };
void rh_key_text_word(struct rh_buf *b, struct rh_text word, uint64_t hash);
/* 'a' hash. Of 0: the resource has more text than has keys, so its body must be looked at. */
void rh_key_atom(struct rh_buf *b, uint64_t hash);
/* A narrative without its tags, entities as characters. RH_NOMEM. */
enum rh_rc rh_key_plain_text(struct rh_arena *a, struct rh_text xhtml, struct rh_text *ret);
/* First part of a composite: 0 -> 0 255, then 0 0. */
void rh_key_escaped(struct rh_buf *b, struct rh_text key);
/* Morton code of a place: 32 bits each of latitude (from -90) and longitude (from -180), latitude's
 * bit first. False: not on the earth. */
bool rh_key_cell(struct rh_dec latitude, struct rh_dec longitude, uint64_t *ret);
/* The system of a code with this required binding, of "boolean" for true and false; empty: it is
 * not one. */
struct rh_text rh_key_implied_system(const char *value_set);

/* The main date as aux has it, bit 0 clear; 0 when it cannot be expressed. */
int64_t rh_aux_make(int64_t lo_us, int64_t hi_us);

#endif
