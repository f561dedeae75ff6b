/* SPDX-License-Identifier: GPL-3.0-or-later */
/* expansion_int.h - the codes of an expansion while it grows, and what is said about them. */
#ifndef RH_TERMINOLOGY_EXPANSION_INT_H
#define RH_TERMINOLOGY_EXPANSION_INT_H

#include "terminology/request_int.h"

enum { TX_NESTING_MAX = 20, TX_PARTS_MAX = 2000 };

struct tx_source { /* a code system in use, with what supplements it */
    const struct terms_system *cs;
    struct tx_supplements supplements;
};

struct tx_entry {
    struct rh_text system, version, code;
    const struct tx_source *source; /* NULL: the system is not loaded */
    uint32_t concept;               /* TERMS_NONE: known by grammar or from the list only */
    const yyjson_val *listed;       /* the include's concept, or NULL */
    struct rh_text list_language;
    uint32_t parent, first_child, last_child, next; /* TERMS_NONE: none */
    unsigned depth;
};

struct tx_key_set { /* of entries, by system, version and code */
    struct tx_key {
        struct rh_text system, version, code;
        uint32_t entry;
    } * keys;
    size_t n, cap;
    uint32_t *slots, mask;
};

struct tx_note { /* a parameter of the expansion */
    const char *name, *type;
    struct rh_text value;
};

struct tx_expansion {
    struct tx *t;
    const yyjson_val *body; /* the value set */
    struct tx_entry *entries;
    size_t n, cap;
    struct tx_key_set present, excluded;
    struct tx_key_set of_any_version; /* filled when versions are told apart */
    struct tx_texts excluded_systems;
    struct tx_note *notes;
    size_t n_notes, notes_cap;
    bool with_version; /* codes of several versions of one system stand side by side */
    bool ignore_version, flat, no_total, unclosed, list_excluded_systems;
};

enum rh_rc tx_expand_body(struct tx *t, const yyjson_val *body, const struct tx_chain *up,
                          struct tx_expansion *ret);
enum rh_rc tx_note_add(struct tx_expansion *x, const char *name, const char *type,
                       struct rh_text value);
enum rh_rc tx_key_add(struct tx *t, struct tx_key_set *set, struct tx_key key);
const struct tx_key *tx_key_find(const struct tx_key_set *set, struct rh_text system,
                                 struct rh_text version, struct rh_text code);
/* What status parameters say of a definition that `source` uses. */
enum rh_rc tx_note_status(struct tx_expansion *x, const yyjson_val *body, const yyjson_val *source);
struct rh_text tx_standards_status(const yyjson_val *body);

void tx_write_expansion(struct tx_expansion *x, struct rh_buf *out);

#endif
