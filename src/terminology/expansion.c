/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/expansion_int.h"

#define STANDARDS_STATUS \
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"

/* --- sets of codes ---------------------------------------------------------------------------- */

static uint64_t key_hash(struct rh_text system, struct rh_text version, struct rh_text code)
{
    return terms_hash(code, false) * 31 + terms_hash(system, false) + terms_hash(version, false);
}

static bool key_is(const struct tx_key *k, struct rh_text system, struct rh_text version,
                   struct rh_text code)
{
    return rh_text_eq(k->code, code) && rh_text_eq(k->system, system) &&
           rh_text_eq(k->version, version);
}

const struct tx_key *tx_key_find(const struct tx_key_set *set, struct rh_text system,
                                 struct rh_text version, struct rh_text code)
{
    if (!set->slots)
        return NULL;
    for (uint32_t i = (uint32_t)key_hash(system, version, code) & set->mask;
         set->slots[i] != TERMS_NONE; i = (i + 1) & set->mask)
        if (key_is(&set->keys[set->slots[i]], system, version, code))
            return &set->keys[set->slots[i]];
    return NULL;
}

static void put(struct tx_key_set *set, uint32_t n)
{
    const struct tx_key *k = &set->keys[n];
    uint32_t i = (uint32_t)key_hash(k->system, k->version, k->code) & set->mask;
    while (set->slots[i] != TERMS_NONE)
        i = (i + 1) & set->mask;
    set->slots[i] = n;
}

static enum rh_rc rehash(struct tx *t, struct tx_key_set *set)
{
    uint32_t slots = set->slots ? (set->mask + 1) * 4 : 64;
    uint32_t *fresh = rh_arena_alloc(t->arena, slots * sizeof *fresh);
    if (!fresh)
        return RH_NOMEM;
    memset(fresh, 0xff, slots * sizeof *fresh);
    set->slots = fresh;
    set->mask = slots - 1;
    for (uint32_t i = 0; i < set->n; i++)
        put(set, i);
    return RH_OK;
}

enum rh_rc tx_key_add(struct tx *t, struct tx_key_set *set, struct tx_key key)
{
    if (set->n == set->cap) {
        struct tx_key *grown =
            rh_arena_grow(t->arena, set->keys, &set->cap, set->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        set->keys = grown;
    }
    if (!set->slots || set->n * 2 >= set->mask) {
        enum rh_rc rc = rehash(t, set);
        if (rc)
            return rc;
    }
    set->keys[set->n] = key;
    put(set, (uint32_t)set->n++);
    return RH_OK;
}

/* --- notes ------------------------------------------------------------------------------------ */

enum rh_rc tx_note_add(struct tx_expansion *x, const char *name, const char *type,
                       struct rh_text value)
{
    for (size_t i = 0; i < x->n_notes; i++)
        if (!strcmp(x->notes[i].name, name) && rh_text_eq(x->notes[i].value, value))
            return RH_OK;
    if (x->n_notes == x->notes_cap) {
        struct tx_note *grown =
            rh_arena_grow(x->t->arena, x->notes, &x->notes_cap, x->n_notes + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        x->notes = grown;
    }
    x->notes[x->n_notes++] = (struct tx_note){name, type, value};
    return RH_OK;
}

struct rh_text tx_standards_status(const yyjson_val *body)
{
    struct terms_iter it = terms_members(body, "extension");
    for (yyjson_val *e; (e = terms_next(&it));)
        if (rh_text_is(rh_json_get(e, "url"), STANDARDS_STATUS))
            return terms_value_text(e);
    return (struct rh_text){"", 0};
}

enum rh_rc tx_note_status(struct tx_expansion *x, const yyjson_val *body, const yyjson_val *source)
{
    struct rh_text standards = tx_standards_status(body), status = rh_json_get(body, "status");
    const char *name = NULL;
    if (rh_text_is(standards, "deprecated"))
        name = "warning-deprecated";
    else if (rh_text_is(standards, "withdrawn"))
        name = "warning-withdrawn";
    else if (rh_text_is(status, "retired"))
        name = "warning-retired";
    else if (yyjson_is_true(terms_member(body, "experimental"))) {
        if (!yyjson_is_true(terms_member(source, "experimental")))
            name = "warning-experimental";
    } else if ((rh_text_is(status, "draft") || rh_text_is(standards, "draft")) &&
               !rh_text_is(rh_json_get(source, "status"), "draft") &&
               !rh_text_is(tx_standards_status(source), "draft")) {
        name = "warning-draft";
    }
    return name ? tx_note_add(x, name, "valueUri", tx_canonical_of(x->t, body)) : RH_OK;
}
