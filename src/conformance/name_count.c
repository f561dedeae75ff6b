/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/name_count_int.h"

enum { SLOTS_FIRST = 32 };

static struct rh_name_slot *find(const struct rh_names *names, struct rh_text name)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.data[i]) * UINT64_C(0x100000001B3);
    size_t at = (size_t)(h ^ h >> 29) & (names->cap - 1);
    while (names->slots[at].count && !rh_text_eq(names->slots[at].name, name))
        at = (at + 1) & (names->cap - 1);
    return &names->slots[at];
}

static bool grow(struct rh_arena *a, struct rh_names *names)
{
    struct rh_names next = {.n = names->n, .cap = names->cap ? names->cap * 2 : SLOTS_FIRST};
    next.slots = rh_arena_zero(a, next.cap * sizeof *next.slots);
    if (!next.slots)
        return false;
    for (size_t i = 0; i < names->cap; i++)
        if (names->slots[i].count)
            *find(&next, names->slots[i].name) = names->slots[i];
    *names = next;
    return true;
}

enum rh_rc rh_names_add(struct rh_arena *a, struct rh_names *names, struct rh_text name)
{
    if ((names->n + 1) * 2 > names->cap && !grow(a, names))
        return RH_NOMEM;
    struct rh_name_slot *slot = find(names, name);
    if (!slot->count++) {
        slot->name = name;
        names->n++;
    }
    return RH_OK;
}

unsigned rh_names_count(const struct rh_names *names, struct rh_text name)
{
    return names->cap ? find(names, name)->count : 0;
}
