/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terms_int.h - compiled code systems and what both faces of the engine share.
 *
 * A code system is compiled once (a form of the world, or in a request's arena when the request
 * brought it): concepts in the order of the definition, an index by code, parents and children of
 * every concept as arrays. A set of concepts is a bit set over their numbers.
 */
#ifndef RH_TERMINOLOGY_TERMS_INT_H
#define RH_TERMINOLOGY_TERMS_INT_H

#include "terminology/terminology.h"

enum { TERMS_NONE = 0xffffffff };

enum terms_content {
    TERMS_COMPLETE,
    TERMS_FRAGMENT,
    TERMS_EXAMPLE,
    TERMS_NOT_PRESENT,
    TERMS_SUPPLEMENT
};

enum { TERMS_INACTIVE = 1, TERMS_ABSTRACT = 2, TERMS_DEPRECATED = 4 };

struct terms_concept {
    struct rh_text code, display;
    const yyjson_val *json;
    unsigned char flags;
};

/* Lists of concept numbers, one per concept: those of i are item[at[i]] up to item[at[i + 1]]. */
struct terms_lists {
    uint32_t *at, *item;
};

/* The rule of a system whose codes nobody can list. */
enum terms_grammar {
    TERMS_NO_GRAMMAR,
    TERMS_LANGUAGE_TAG,
    TERMS_MEDIA_TYPE,
    TERMS_UNIT,
    TERMS_URI,
    TERMS_GRAMMARS
};

struct terms_system {
    struct rh_text url, version, language;
    const yyjson_val *body; /* NULL: known by its grammar only */
    enum terms_grammar grammar;
    enum terms_content content;
    bool case_sensitive, has_children;
    struct terms_concept *concepts;
    uint32_t n;
    uint32_t *slots, mask;
    struct terms_lists parents, children;
};

/* --- codesystem.c ----------------------------------------------------------------------------- */
/* `body` must outlive the result. RH_NOMEM only: what is malformed is left out. */
enum rh_rc terms_system_compile(struct rh_arena *a, const yyjson_val *body,
                                struct terms_system **ret);
/* The compiled form of a definition of the world. */
enum rh_rc terms_system_of(struct rh_ctx *c, const struct rh_definition *d,
                           const struct terms_system **ret);
uint32_t terms_locate(const struct terms_system *cs, struct rh_text code); /* or TERMS_NONE */
bool terms_code_eq(const struct terms_system *cs, struct rh_text a, struct rh_text b);
/* The system of a url in the world: the version asked for (may be empty, "4.0" finds 4.0.1, "1.x"
 * matches), complete ones first; else a grammar. *ret NULL: not known. */
enum rh_rc terms_find_system(struct rh_ctx *c, struct rh_text url, struct rh_text version,
                             const struct terms_system **ret);
uint64_t terms_hash(struct rh_text t, bool fold_case);
bool terms_is_display(const struct terms_system *cs, uint32_t i, struct rh_text display);

/* The text of value[x] of a property: a code, a string, a Coding's code; data NULL: none. */
struct rh_text terms_value_text(const yyjson_val *property);
/* The member whose name begins with "value" and its name; NULL: none. */
const yyjson_val *terms_value(const yyjson_val *holder, const char **ret_name);
/* The code under which the system states a FHIR concept property ("notSelectable"). */
struct rh_text terms_property_code(const yyjson_val *body, const char *name);
const yyjson_val *terms_property(const struct terms_system *cs, uint32_t i, struct rh_text code);
struct rh_text terms_status(const struct terms_system *cs, uint32_t i);

/* --- sets of concepts ------------------------------------------------------------------------- */
static inline bool terms_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}
static inline void terms_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline size_t terms_bit_words(const struct terms_system *cs)
{
    return (size_t)cs->n / 64 + 1;
}
/* Sets the bits of all descendants (or ancestors) of i, not of i itself unless it is its own. */
enum rh_rc terms_mark(struct rh_arena *a, const struct terms_lists *lists, uint32_t n, uint32_t i,
                      uint64_t *bits);
/* Is concept i the same as j or an ancestor of it? */
bool terms_is_ancestor(struct rh_arena *a, const struct terms_system *cs, uint32_t i, uint32_t j);

/* --- words.c ---------------------------------------------------------------------------------- */
/* Equal without regard to case in any script, and on request to how much white space stands
 * between words. */
bool terms_same_text(struct rh_text a, struct rh_text b, bool any_spaces);
/* Do all words stand in the text, as words or beginnings of words? */
bool terms_words_match(struct rh_text words, struct rh_text text);

/* --- filter.c --------------------------------------------------------------------------------- */
enum terms_filter_fault {
    TERMS_FILTER_OK,
    TERMS_FILTER_NO_VALUE,
    TERMS_FILTER_UNKNOWN,
    TERMS_FILTER_REGEX
};
/* Clears the bits of the concepts that a filter of ValueSet.compose.include does not pass.
 * *fault says why RH_INVALID or RH_UNSUPPORTED was returned. */
enum rh_rc terms_filter(struct rh_ctx *c, const struct terms_system *cs, const yyjson_val *filter,
                        uint64_t *bits, enum terms_filter_fault *fault);

/* What work it is, in concepts looked at; a regular expression counts for several. One request, or
 * one value set that is made ready, may look at TERMS_VISITS_MAX. */
enum { TERMS_VISITS_MAX = 50000000, TERMS_REGEX_VISITS = 8 };
uint64_t terms_filter_visits(const struct terms_system *cs, const yyjson_val *filter);

/* The same faults, without looking at any concept's values. */
enum terms_filter_fault terms_filter_check(const struct terms_system *cs, const yyjson_val *filter);

/* --- version.c -------------------------------------------------------------------------------- */
int terms_version_cmp(struct rh_text a, struct rh_text b);
/* Does a version satisfy what was asked: equal, "1.x" or "1.*", or "1.0" for 1.0.3 (but not "1")?
 */
bool terms_version_matches(struct rh_text asked, struct rh_text version);
struct rh_text terms_canonical_url(struct rh_text canonical, struct rh_text *ret_version);

/* The parts of an implicit value set, "SYSTEM?fhir_vs" or "SYSTEM?fhir_vs=isa/CODE" (code empty:
 * all of the system). False: it is none. */
bool terms_implicit(struct rh_text url, struct rh_text *ret_system, struct rh_text *ret_code);

/* --- grammar.c -------------------------------------------------------------------------------- */
const struct terms_system *terms_grammar_system(struct rh_text url); /* NULL: none */
bool terms_grammar_valid(enum terms_grammar grammar, struct rh_text code);

/* A member, whatever the constness of the value. */
static inline yyjson_val *terms_member(const yyjson_val *v, const char *name)
{
    return yyjson_obj_get((yyjson_val *)(uintptr_t)v, name);
}

/* Items of an array member: for (yyjson_val *x; …) through terms_each. */
struct terms_iter {
    yyjson_val *next;
    size_t left;
};
static inline struct terms_iter terms_items(const yyjson_val *array)
{
    yyjson_val *v = (yyjson_val *)(uintptr_t)array;
    size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : 0;
    return (struct terms_iter){n ? yyjson_arr_get_first(v) : NULL, n};
}
static inline struct terms_iter terms_members(const yyjson_val *object, const char *name)
{
    return terms_items(terms_member(object, name));
}
static inline yyjson_val *terms_next(struct terms_iter *it)
{
    if (!it->left)
        return NULL;
    yyjson_val *v = it->next;
    if (--it->left)
        it->next = unsafe_yyjson_get_next(v);
    return v;
}

#endif
