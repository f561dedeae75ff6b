/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_composite.c - values that belong together: first$second.
 *
 * A joined composite (its components hang off the resource) is an AND of its components. One with
 * keys of its own has them as the first component's key, escaped, and then the second's; ranges are
 * those of the last component behind each key of the first, which is looked up where it is not one
 * key (a code of any system).
 */
#include "search/query_int.h"

enum { COMPONENTS_MAX = 4 };

static enum rh_rc split(struct rh_reading *r, struct rh_text value,
                        struct rh_text ret[COMPONENTS_MAX])
{
    const struct rh_parameter *p = r->parameter;
    struct rh_text rest = value, part;
    unsigned n = 0;
    bool empty = false;
    while (rh_value_split(&rest, '$', &part)) {
        if (n < COMPONENTS_MAX)
            ret[n] = part;
        n++;
        empty |= part.len == 0;
    }
    if (n == p->n_components && !empty && n <= COMPONENTS_MAX)
        return RH_OK;
    struct rh_buf b = rh_buf(r->ctx->arena);
    for (unsigned i = 0; i < p->n_components; i++)
        rh_buf_printf(&b, "%s%s", i ? "$" : "", p->components[i]->name);
    return rh_query_refuse(r, "%.*s: \"%.*s\" is not of the form %.*s, with a value for each",
                           RH_TEXT_ARG(r->name), RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)),
                           RH_TEXT_ARG(rh_buf_get(&b)));
}

/* --- joined ------------------------------------------------------------------------------------
 */

static enum rh_rc joined_value(struct rh_reading *r, struct rh_text value, struct rh_condition *ret)
{
    struct rh_text parts[COMPONENTS_MAX];
    struct rh_condition rows[COMPONENTS_MAX];
    enum rh_rc rc = split(r, value, parts);
    for (unsigned i = 0; rc == RH_OK && i < r->parameter->n_components; i++) {
        struct rh_reading inner = *r;
        inner.parameter = r->parameter->components[i];
        inner.values = &parts[i];
        inner.n = 1;
        rc = rh_query_leaf(&inner, &rows[i]);
        r->made = inner.made;
        r->hard = inner.hard;
    }
    return rc ? rc : rh_query_group(r, RH_COND_AND, rows, r->parameter->n_components, ret);
}

static enum rh_rc joined(struct rh_reading *r, struct rh_condition *ret)
{
    if (r->n > RH_QUERY_CONDITIONS_MAX / 2)
        return rh_query_too_large(r);
    struct rh_condition rows[RH_QUERY_CONDITIONS_MAX / 2];
    for (unsigned i = 0; i < r->n; i++) {
        enum rh_rc rc = joined_value(r, r->values[i], &rows[i]);
        if (rc)
            return rc;
    }
    return rh_query_group(r, RH_COND_OR, rows, r->n, ret);
}

/* --- with keys ---------------------------------------------------------------------------------
 */

/* Beginnings of keys: what stands before the last component. */
struct bases {
    struct rh_text *rows;
    size_t n, cap;
};

static enum rh_rc add_base(struct rh_making *m, struct bases *b, struct rh_text base)
{
    if (b->n == b->cap) {
        void *rows =
            rh_arena_grow(m->r->ctx->arena, b->rows, &b->cap, 2 * b->n + 4, sizeof *b->rows);
        if (!rows)
            return RH_NOMEM;
        b->rows = rows;
    }
    b->rows[b->n++] = base;
    return RH_OK;
}

/* The range of one component behind a base, escaped; of a point the whole of its key's escape. */
static enum rh_rc escaped(struct rh_making *m, struct rh_text base, struct rh_text key, bool whole,
                          struct rh_text *ret)
{
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    rh_buf_text(&b, base);
    rh_key_escaped(&b, key);
    *ret = rh_buf_get(&b);
    if (!whole && b.rc == RH_OK)
        ret->len -= 2;
    return b.rc;
}

/* Length of an escaped component with its end; 0: the key is cut there. */
static size_t escaped_len(struct rh_text t)
{
    for (size_t i = 0; i + 1 < t.len; i++)
        if (t.data[i] == 0) {
            if (t.data[i + 1] == 0)
                return i + 2;
            i++;
        }
    return 0;
}

/* Every different first component in a range becomes a base of its own; where there are many, or
 * nobody can tell, the range is searched as it is. */
static enum rh_rc expand(struct rh_making *m, struct rh_text base, const struct rh_range *range,
                         struct bases *ret)
{
    struct rh_text lo, hi = {NULL, 0}, key;
    size_t before = ret->n;
    enum rh_rc rc = escaped(m, base, range->lo, range->point, &lo);
    if (rc || range->point)
        return rc ? rc : add_base(m, ret, lo);
    if (range->hi.data)
        rc = escaped(m, base, range->hi, false, &hi);
    else if (base.len)
        hi = rh_make_behind(m->r->ctx->arena, base);
    for (unsigned i = 0; i < m->leaf->n_numbers && rc == RH_OK; i++) {
        struct rh_text from = lo;
        while (rc == RH_OK) {
            rc = rh_query_walk(m->r, m->leaf->numbers[i], base, from, &key);
            if (rc || (hi.data && rh_text_cmp(key, hi) >= 0))
                break;
            size_t n = escaped_len((struct rh_text){key.data + base.len, key.len - base.len});
            if (n == 0 || ret->n - before == RH_QUERY_FIRSTS_MAX) {
                rc = RH_UNSUPPORTED;
                break;
            }
            rc = add_base(m, ret, (struct rh_text){key.data, base.len + n});
            from = rh_make_behind(m->r->ctx->arena, (struct rh_text){key.data, base.len + n});
        }
        if (rc == RH_NOTFOUND)
            rc = RH_OK;
    }
    if (rc != RH_UNSUPPORTED)
        return rc;
    ret->n = before;
    rh_make_ranges(m, false, lo, hi);
    m->unproven = true; /* keys may be cut before the test */
    return m->rc;
}

/* One component alone: its probes, and its ranges as if they were keys. */
static enum rh_rc component(struct rh_making *m, unsigned i, struct rh_text value,
                            struct rh_text base, struct rh_making *ret)
{
    struct rh_reading *inner = rh_arena_copy(m->r->ctx->arena, m->r, sizeof *inner);
    if (!inner)
        return RH_NOMEM;
    inner->parameter = m->r->parameter->components[i];
    *ret = (struct rh_making){.r = inner, .component = true, .base = base};
    ret->leaf = rh_arena_zero(m->r->ctx->arena, sizeof *ret->leaf);
    if (!ret->leaf)
        return RH_NOMEM;
    memcpy(ret->leaf->numbers, m->leaf->numbers, sizeof ret->leaf->numbers);
    ret->leaf->n_numbers = m->leaf->n_numbers;
    enum rh_rc rc = rh_query_add(ret, inner->parameter, value);
    m->r->hard = inner->hard;
    return rc ? rc : ret->rc;
}

/* Ranges of a component that is not the last, once (they are the same for each number). The walk
 * for units would look in the wrong place, so it is not asked. */
static enum rh_rc add_bases(struct rh_making *m, const struct rh_making *made, struct bases *from,
                            struct bases *ret)
{
    for (size_t b = 0; b < from->n; b++)
        for (size_t i = 0; i < made->n; i++) {
            if (made->ranges[i].number != m->leaf->numbers[0])
                continue;
            enum rh_rc rc = expand(m, from->rows[b], &made->ranges[i], ret);
            if (rc)
                return rc;
            if (ret->n > RH_QUERY_RANGES_MAX)
                return rh_query_too_large(m->r);
        }
    return RH_OK;
}

static enum rh_rc add_value(struct rh_making *m, struct rh_text value)
{
    const struct rh_parameter *p = m->r->parameter;
    struct rh_text parts[COMPONENTS_MAX], none = {"", 0};
    struct rh_leaf *each = rh_arena_zero(m->r->ctx->arena, COMPONENTS_MAX * sizeof *each);
    struct bases bases = {.n = 0};
    static const struct rh_query_host nobody = {.user = NULL};
    const struct rh_query_host *host = m->r->host;
    enum rh_rc rc = each ? split(m->r, value, parts) : RH_NOMEM;
    if (rc == RH_OK)
        rc = add_base(m, &bases, none);
    for (unsigned i = 0; i + 1 < p->n_components && rc == RH_OK; i++) {
        struct rh_making made;
        struct bases next = {.n = 0};
        m->r->host = &nobody;
        rc = component(m, i, parts[i], none, &made);
        m->r->host = host;
        if (rc == RH_OK) {
            each[i] = *made.leaf;
            rc = add_bases(m, &made, &bases, &next);
        }
        bases = next;
    }
    unsigned last = p->n_components - 1;
    for (size_t b = 0; b <= bases.n && rc == RH_OK; b++) {
        struct rh_making made;
        if (b == bases.n && b > 0)
            break;
        m->r->host = bases.n ? host : &nobody; /* no base: for the probes only */
        rc = component(m, last, parts[last], bases.n ? bases.rows[b] : none, &made);
        m->r->host = host;
        if (rc)
            break;
        each[last] = *made.leaf;
        m->unproven |= made.unproven || (bases.n && bases.rows[b].len > RH_KEY_CUT / 2);
        for (size_t i = 0; bases.n && i < made.n; i++) /* they have their base already */
            rh_make_range(m, made.ranges[i].number, made.ranges[i].point, made.ranges[i].lo,
                          made.ranges[i].hi);
        rc = m->rc;
    }
    if (rc == RH_OK)
        rh_make_probe(m, &(struct rh_probe){
                             .kind = RH_PROBE_COMPOSITE, .each = each, .n_each = p->n_components});
    return rc;
}

static enum rh_rc with_keys(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++)
        rc = add_value(&m, r->values[i]);
    if (rc == RH_TOOLARGE && m.rc == RH_TOOLARGE)
        return rh_query_too_large(r);
    return rc ? rc : rh_make_close(&m, ret);
}

enum rh_rc rh_query_composite(struct rh_reading *r, struct rh_condition *ret)
{
    const struct rh_parameter *p = r->parameter;
    struct rh_condition rows[RH_QUERY_PARTS_MAX];
    if (p->n_parts == 0)
        return p->joined ? joined(r, ret) : with_keys(r, ret);
    if (p->n_parts > RH_QUERY_PARTS_MAX)
        return RH_INTERNAL;
    for (unsigned i = 0; i < p->n_parts; i++) {
        struct rh_reading inner = *r;
        inner.parameter = p->parts[i];
        enum rh_rc rc = rh_query_composite(&inner, &rows[i]);
        r->made = inner.made;
        r->hard = inner.hard;
        if (rc)
            return rc;
    }
    return rh_query_group(r, RH_COND_OR, rows, p->n_parts, ret);
}
