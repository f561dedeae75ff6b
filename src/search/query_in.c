/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_in.c - conditions that are a list: _id, _list; and :missing.
 */
#include "search/query_int.h"

#include "fhir/primitive.h"

#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
    return rh_text_cmp(*(const struct rh_text *)a, *(const struct rh_text *)b);
}

static enum rh_rc close_ids(struct rh_reading *r, struct rh_text *ids, unsigned n,
                            struct rh_condition *ret)
{
    unsigned kept = 0;
    enum rh_rc rc = rh_query_count(r);
    if (rc)
        return rc;
    if (n > 1)
        qsort(ids, n, sizeof *ids, by_text);
    for (unsigned i = 0; i < n; i++)
        if (kept == 0 || !rh_text_eq(ids[kept - 1], ids[i]))
            ids[kept++] = ids[i];
    *ret = (struct rh_condition){.kind = kept ? RH_COND_IDS : RH_COND_NONE,
                                 .type = r->type,
                                 .parameter = r->parameter,
                                 .proven = true,
                                 .ids = ids,
                                 .n_ids = kept};
    return RH_OK;
}

enum rh_rc rh_query_ids(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_text *ids = rh_arena_alloc(r->ctx->arena, (r->n + 1) * sizeof *ids);
    if (!ids)
        return RH_NOMEM;
    for (unsigned i = 0; i < r->n; i++) {
        if (!rh_id_is(r->values[i]))
            return rh_query_refuse(
                r, "%.*s: \"%.*s\" is not an id: 1 to 64 letters, digits, '-' and '.'",
                RH_TEXT_ARG(r->name), RH_TEXT_ARG(rh_text_shown(r->values[i], RH_QUERY_SHOWN)));
        ids[i] = r->values[i];
    }
    return close_ids(r, ids, r->n, ret);
}

enum rh_rc rh_query_list(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_text *all = NULL;
    size_t n = 0, cap = 0;
    r->parameter = NULL;
    if (r->modifier.data)
        return rh_query_refuse(r, "_list takes no modifier: _list=[id of a List]");
    if (r->type == 0) /* each type asks for its own */
        return close_ids(r, NULL, 0, ret);
    for (unsigned i = 0; i < r->n; i++) {
        struct rh_text id = r->values[i], *ids;
        unsigned found = 0;
        if (rh_text_starts(id, "List/"))
            id = (struct rh_text){id.data + 5, id.len - 5};
        if (!rh_id_is(id))
            return rh_query_refuse(r,
                                   "_list: \"%.*s\" is not the id of a List; lists by function "
                                   "($current-…) are not kept here",
                                   RH_TEXT_ARG(rh_text_shown(id, RH_QUERY_SHOWN)));
        r->query->walked = true;
        enum rh_rc rc = r->host->list
                            ? r->host->list(r->host->user, r->ctx, id, r->type, &ids, &found)
                            : RH_UNSUPPORTED;
        if (rc == RH_NOTFOUND || rc == RH_UNSUPPORTED)
            return rh_query_cannot(r, "_list: there is no List/%.*s here that can be read",
                                   RH_TEXT_ARG(id));
        if (rc)
            return rc;
        if (n + found > cap) {
            void *rows = rh_arena_grow(r->ctx->arena, all, &cap, n + found, sizeof *all);
            if (!rows)
                return RH_NOMEM;
            all = rows;
        }
        for (unsigned k = 0; k < found; k++)
            all[n++] = ids[k];
    }
    return close_ids(r, all, (unsigned)n, ret);
}

/* --- :missing ----------------------------------------------------------------------------------
 */

static enum rh_rc open_missing(struct rh_making *m, struct rh_reading *r)
{
    const struct rh_parameter *p = r->parameter;
    enum rh_rc rc = rh_make_open(m, r);
    if (rc)
        return rc;
    m->leaf->missing = true;
    m->leaf->missing_of = p->part_target;
    return RH_OK;
}

/* Every key of the parameter. */
static void add_all(struct rh_making *m, bool part_only)
{
    unsigned char lo[2] = {0, 0}, hi[2] = {0, 0};
    if (!part_only) {
        rh_make_ranges(m, false, RH_TEXT(""), (struct rh_text){NULL, 0});
        return;
    }
    lo[0] = (unsigned char)(m->leaf->missing_of >> 8);
    lo[1] = (unsigned char)m->leaf->missing_of;
    hi[0] = (unsigned char)((m->leaf->missing_of + 1) >> 8);
    hi[1] = (unsigned char)(m->leaf->missing_of + 1);
    char *l = rh_arena_copy(m->r->ctx->arena, lo, 2), *h = rh_arena_copy(m->r->ctx->arena, hi, 2);
    if (!l || !h)
        m->rc = RH_NOMEM;
    else
        rh_make_ranges(m, false, (struct rh_text){l, 2}, (struct rh_text){h, 2});
}

/* Shapes list R4's own parameters of the resource itself. */
static bool in_shapes(struct rh_reading *r)
{
    const struct rh_parameter *p = r->parameter;
    if (p->number >= RH_PARAM_ADDED || r->contained != RH_CONTAINED_FALSE)
        return false;
    for (unsigned i = 0; i < p->n_parts; i++)
        if (p->parts[i]->number >= RH_PARAM_ADDED)
            return false;
    return true;
}

/* The kinds of resources (by what they have) that have the parameter or not, each by one key.
 * RH_UNSUPPORTED: nobody can say which there are. */
static enum rh_rc add_shapes(struct rh_making *m, bool want)
{
    struct rh_text start = RH_TEXT("d"), from = start, shape;
    for (;;) {
        enum rh_rc rc = rh_query_walk(m->r, RH_PARAM_SHAPE, start, from, &shape);
        if (rc)
            return rc == RH_NOTFOUND ? RH_OK : rc;
        if (shape.len >= RH_KEY_CUT - 1)
            return RH_UNSUPPORTED; /* perhaps cut */
        struct rh_buf key = rh_buf(m->r->ctx->arena), next = rh_buf(m->r->ctx->arena);
        rh_shape_key(shape, &key);
        rh_buf_text(&next, shape);
        rh_buf_char(&next, 0);
        if (key.rc || next.rc)
            return RH_NOMEM;
        if (rh_shape_lists(shape, m->r->parameter) == want)
            rh_make_range(m, RH_PARAM_SHAPE, true, rh_buf_get(&key), (struct rh_text){NULL, 0});
        from = rh_buf_get(&next);
    }
}

static enum rh_rc one_missing(struct rh_reading *r, bool missing, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = open_missing(&m, r);
    if (rc)
        return rc;
    if (in_shapes(r)) {
        m.leaf->shape_of = r->parameter;
        m.leaf->inverted = missing;
        rc = add_shapes(&m, !missing);
        if (rc == RH_UNSUPPORTED) { /* every resource has a shape: the body decides */
            m.n = 0;
            m.unproven = true;
            rh_make_range(&m, RH_PARAM_SHAPE, false, RH_TEXT("s"), RH_TEXT("t"));
            rc = RH_OK;
        }
        return rc ? rc : rh_make_close(&m, ret);
    }
    add_all(&m, m.leaf->missing_of != 0);
    rc = rh_make_close(&m, ret);
    if (rc == RH_OK)
        ret->negated = missing;
    return rc;
}

enum rh_rc rh_query_missing(struct rh_reading *r, struct rh_condition *ret)
{
    const struct rh_parameter *p = r->parameter;
    bool yes = r->n == 1 && rh_text_is(r->values[0], "true");
    if (!yes && !(r->n == 1 && rh_text_is(r->values[0], "false")))
        return rh_query_refuse(r, "%.*s takes true (no value is there) or false (one is there)",
                               RH_TEXT_ARG(r->name));
    if (p->kind == RH_SP_SPECIAL && strcmp(p->name, "near") != 0)
        return rh_query_no_modifier(r, "no modifier");
    bool view = p->kind == RH_SP_COMPOSITE && p->n_parts > 0;
    if (!p->joined && !view)
        return one_missing(r, yes, ret);
    /* Joined, it is there when each component is; a view when one of its parts is. */
    const struct rh_parameter *const *parts = view ? p->parts : p->components;
    unsigned n = view ? p->n_parts : p->n_components;
    struct rh_condition rows[RH_QUERY_PARTS_MAX];
    if (n > RH_QUERY_PARTS_MAX)
        return RH_INTERNAL;
    for (unsigned i = 0; i < n; i++) {
        struct rh_reading inner = *r;
        inner.parameter = parts[i];
        enum rh_rc rc = rh_query_missing(&inner, &rows[i]);
        r->made = inner.made;
        if (rc)
            return rc;
    }
    return rh_query_group(r, yes == view ? RH_COND_AND : RH_COND_OR, rows, n, ret);
}
