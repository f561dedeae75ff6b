/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of items. Strings, which most collections are made of, are found by hash; a string equals
 * nothing else, so the other items are compared among themselves only.
 */
#include "fhirpath/functions_int.h"

static size_t hash(struct rh_text t)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, then mixed; the step budget bounds collisions */
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}

static enum rh_rc find_slot(struct rh_fp_set *s, struct rh_text t, struct rh_text **ret)
{
    size_t at = hash(t) & s->mask;
    while (s->slots[at].data && !rh_text_eq(s->slots[at], t)) {
        enum rh_rc rc = rh_fp_step(s->run, NULL, 1);
        if (rc)
            return rc;
        at = (at + 1) & s->mask;
    }
    *ret = &s->slots[at];
    return RH_OK;
}

static enum rh_rc enlarge(struct rh_fp_set *s)
{
    struct rh_fp_set bigger = *s;
    bigger.mask = s->slots ? s->mask * 2 + 1 : 4 * RH_FP_SET_SMALL - 1;
    bigger.slots = rh_arena_zero(s->run->c->arena, (bigger.mask + 1) * sizeof *bigger.slots);
    if (!bigger.slots)
        return RH_NOMEM;
    size_t n = s->slots ? s->mask + 1 : s->n_strings;
    for (size_t i = 0; i < n; i++) {
        struct rh_text t = s->slots ? s->slots[i] : s->first[i], *slot;
        enum rh_rc rc = t.data ? find_slot(&bigger, t, &slot) : RH_OK;
        if (rc)
            return rc;
        if (t.data)
            *slot = t;
    }
    *s = bigger;
    return RH_OK;
}

/* Empty text has data too, since NULL marks a free slot. */
static enum rh_rc add_string(struct rh_fp_set *s, struct rh_text t, bool add, bool *ret_has)
{
    if (!t.data)
        t = RH_TEXT("");
    *ret_has = false;
    if (!s->slots) {
        for (size_t i = 0; i < s->n_strings && !*ret_has; i++)
            *ret_has = rh_text_eq(s->first[i], t);
        if (*ret_has || !add)
            return RH_OK;
        if (s->n_strings < RH_FP_SET_SMALL) {
            s->first[s->n_strings++] = t;
            return RH_OK;
        }
    }
    if (add && (!s->slots || s->n_strings * 2 > s->mask)) {
        enum rh_rc rc = enlarge(s);
        if (rc)
            return rc;
    }
    struct rh_text *slot;
    enum rh_rc rc = find_slot(s, t, &slot);
    if (rc)
        return rc;
    *ret_has = slot->data != NULL;
    if (add && !*ret_has) {
        *slot = t;
        s->n_strings++;
    }
    return RH_OK;
}

static enum rh_rc look(struct rh_fp_set *s, const struct rh_fp_item *i, bool add, bool *ret_has)
{
    struct rh_fp_item v;
    enum rh_rc rc = rh_fp_system(s->run, i, &v);
    if (rc)
        return rc;
    if (v.kind == RH_FP_STRING)
        return add_string(s, v.text, add, ret_has);
    rc = rh_fp_has(s->run, &s->others, i, ret_has);
    if (rc || *ret_has || !add)
        return rc;
    return rh_fp_push(s->run, &s->others, *i);
}

enum rh_rc rh_fp_set_add(struct rh_fp_set *s, const struct rh_fp_item *i, bool *added)
{
    bool has;
    enum rh_rc rc = look(s, i, true, &has);
    if (!rc)
        *added = !has;
    return rc;
}

enum rh_rc rh_fp_set_add_all(struct rh_fp_set *s, const struct rh_fp_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        bool has;
        enum rh_rc rc = look(s, &l->items[i], true, &has);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_fp_set_has(struct rh_fp_set *s, const struct rh_fp_item *i, bool *ret)
{
    return look(s, i, false, ret);
}
