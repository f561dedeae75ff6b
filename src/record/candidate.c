/* SPDX-License-Identifier: GPL-3.0-or-later */
/* candidate.c - one resource looked at: what keys cannot prove, its body decides. */
#include "record/search_int.h"

enum rh_rc rh_run_version(struct rh_run *run, uint64_t rk, unsigned type, struct rh_arena *a,
                          struct rh_version *ret, bool *found)
{
    struct rh_entry e;
    *found = false;
    enum rh_rc rc = rh_store_entry_rk(run->session->conn, rk, a, &e);
    if (rc) /* a key may stand before its resource is published */
        return rc == RH_NOTFOUND ? RH_OK : rc;
    if ((e.op != RH_OP_CREATE && e.op != RH_OP_UPDATE) || (type && e.type != type) ||
        !rh_grant_row(run->grant, e.part, e.type))
        return RH_OK;
    *found = true;
    return rh_version_of(run->session, &e, a, ret);
}

struct rh_arena *rh_run_arena(struct rh_run *run)
{
    if (run->depth <= 1)
        return run->session->trial;
    unsigned i = run->depth - 2;
    if (i >= sizeof run->arenas / sizeof run->arenas[0])
        return NULL;
    if (!run->arenas[i])
        run->arenas[i] = rh_arena_open(RH_SCRATCH_BYTES);
    return run->arenas[i];
}

enum rh_rc rh_run_candidate(struct rh_run *run, uint64_t rk, unsigned type,
                            const struct rh_key_wish *wish, struct rh_candidate *ret, bool *found)
{
    struct rh_version v;
    struct rh_ctx ctx = *run->ctx;
    yyjson_doc *doc;
    ctx.arena = rh_run_arena(run);
    if (!ctx.arena)
        return RH_INTERNAL;
    rh_arena_reset(ctx.arena);
    run->bodies++;
    enum rh_rc rc = rh_run_version(run, rk, type, ctx.arena, &v, found);
    if (rc == RH_OK && *found && rh_json_parse(ctx.arena, ctx.issues, v.body, &doc))
        rc = RH_CORRUPT; /* it was checked when it came in */
    if (rc || !*found)
        return rc;
    *ret = (struct rh_candidate){
        .type = v.type, .id = v.id, .updated_us = v.time_us, .resource = yyjson_doc_get_root(doc)};
    rc = rh_keys_wished(&ctx, rh_resource_type(v.type), ret->resource, wish, &ret->keys);
    return rc ? rc : rh_run_touch(run, 0);
}

enum rh_rc rh_run_number(struct rh_run *run, unsigned type, struct rh_text id, uint64_t *ret)
{
    struct rh_head head;
    *ret = 0;
    enum rh_rc rc = rh_store_head_get(run->session->conn, (uint16_t)type, id, run->make, &head);
    run->seeks++;
    if (rc == RH_OK && !head.deleted && rh_grant_row(run->grant, head.part, type))
        *ret = head.rk;
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static enum rh_rc test(struct rh_run *run, struct rh_ctx *ctx, const struct rh_condition *c,
                       const struct rh_candidate *r, bool *ret);

/* --- chains and _has -----------------------------------------------------------------------------
 */

enum rh_rc rh_run_inner(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    for (struct rh_posting *p = run->inner; p; p = p->next)
        if (p->condition == c) {
            *ret = p->children[0];
            return RH_OK;
        }
    struct rh_plan plan;
    struct rh_arena *make = run->make;
    run->make = run->ctx->arena; /* it outlives the candidate that asks first */
    enum rh_rc rc =
        rh_plan_make(run, c->inner_type, c->children, c->n_children, NULL, false, &plan);
    struct rh_posting *kept = rc ? NULL : rh_posting_new(run, RH_POSTING_UNION);
    run->make = make;
    if (kept)
        kept->children = rh_arena_alloc(run->ctx->arena, sizeof(struct rh_posting *));
    if (!kept || !kept->children)
        return rc ? rc : RH_NOMEM;
    kept->children[0] = plan.posting;
    kept->condition = c;
    kept->next = run->inner;
    run->inner = kept;
    *ret = plan.posting;
    return RH_OK;
}

enum rh_rc rh_run_keys(struct rh_run *run, unsigned type, struct rh_text id, struct rh_text ret[2],
                       unsigned *n)
{
    struct rh_buf key = rh_buf(run->make), whole = rh_buf(run->make);
    rh_key_local(&key, type, id);
    ret[0] = rh_buf_get(&key);
    *n = 1;
    if (run->ctx->base.len) {
        rh_key_own(&whole, run->ctx->base, type, id);
        ret[1] = rh_buf_get(&whole);
        ret[1].len = ret[1].len < RH_KEY_CUT ? ret[1].len : RH_KEY_CUT;
        *n = 2;
    }
    return key.rc ? key.rc : whole.rc;
}

enum rh_rc rh_run_referring(struct rh_run *run, unsigned type, const struct rh_parameter *parameter,
                            unsigned target, struct rh_text id, struct rh_posting **ret)
{
    const struct rh_parameter *const *parts;
    struct rh_text keys[2];
    unsigned n = rh_plan_parts(&parameter, &parts), n_keys;
    struct rh_posting *u = rh_posting_new(run, RH_POSTING_UNION);
    enum rh_rc rc = u ? rh_run_keys(run, target, id, keys, &n_keys) : RH_NOMEM;
    if (rc)
        return rc;
    u->children = rh_arena_alloc(run->make, (size_t)n * n_keys * sizeof(struct rh_posting *));
    for (unsigned i = 0; u->children && i < n * n_keys; i++) {
        u->children[i] = rh_posting_point(run, type, parts[i / n_keys]->number, keys[i % n_keys]);
        if (!u->children[i])
            return RH_NOMEM;
    }
    u->n_children = n * n_keys;
    *ret = u->n_children == 1 && u->children ? u->children[0] : u;
    return u->children ? RH_OK : RH_NOMEM;
}

/* What is inside the resource needs no store. */
static enum rh_rc test_inside(struct rh_run *run, struct rh_ctx *ctx, const struct rh_condition *c,
                              const struct rh_candidate *r, bool *ret)
{
    struct rh_found_reference *refs;
    unsigned n = 0;
    enum rh_rc rc =
        rh_references_inside(ctx, rh_resource_type(r->type), r->resource, c->parameter, &refs, &n);
    for (unsigned i = 0; rc == RH_OK && i < n && !*ret; i++) {
        struct rh_candidate inner = {.type = refs[i].type,
                                     .id = refs[i].id,
                                     .updated_us = r->updated_us,
                                     .resource = refs[i].inside};
        if (inner.type != c->inner_type)
            continue;
        rc = rh_keys_of(ctx, rh_resource_type(inner.type), inner.resource, &inner.keys);
        if (rc == RH_OK)
            rc = test(run, ctx, &c->children[0], &inner, ret);
    }
    return rc;
}

static enum rh_rc test_chain(struct rh_run *run, struct rh_ctx *ctx, const struct rh_condition *c,
                             const struct rh_candidate *r, bool *ret)
{
    struct rh_found_reference *refs;
    struct rh_posting *inner;
    unsigned n;
    *ret = false;
    enum rh_rc rc = rh_run_inner(run, c, &inner);
    if (rc == RH_OK)
        rc = rh_references_of(ctx, rh_resource_type(r->type), r->resource, c->parameter, &refs, &n);
    for (unsigned i = 0; rc == RH_OK && i < n && !*ret; i++) {
        uint64_t rk;
        if ((refs[i].type && refs[i].type != c->inner_type) || refs[i].id.len == 0)
            continue;
        rc = rh_run_number(run, c->inner_type, refs[i].id, &rk);
        if (rc == RH_OK && rk)
            rc = rh_posting_has(run, inner, rk, ret);
    }
    return rc || *ret ? rc : test_inside(run, ctx, c, r, ret);
}

static enum rh_rc test_has(struct rh_run *run, const struct rh_condition *c,
                           const struct rh_candidate *r, bool *ret)
{
    struct rh_posting *inner, *referring, both = {.kind = RH_POSTING_AND, .n_children = 2},
                                          *rows[2];
    uint64_t at;
    *ret = false;
    enum rh_rc rc = rh_run_inner(run, c, &inner);
    if (rc == RH_OK)
        rc = rh_run_referring(run, c->inner_type, c->parameter, r->type, r->id, &referring);
    if (rc)
        return rc;
    rows[0] = referring;
    rows[1] = inner;
    both.children = rows;
    for (uint64_t x = 0; rc == RH_OK && !*ret; x = at + 1) {
        rc = rh_posting_first(run, &both, x, &at);
        if (rc || at == RH_RK_END)
            break;
        *ret = !rh_record_hidden(run->session->record, at);
    }
    return rc;
}

static enum rh_rc test(struct rh_run *run, struct rh_ctx *ctx, const struct rh_condition *c,
                       const struct rh_candidate *r, bool *ret)
{
    switch (c->kind) {
    case RH_COND_KEYS:
    case RH_COND_IDS:
    case RH_COND_NONE:
        return rh_condition_match(ctx, c, r, ret);
    case RH_COND_CHAIN:
        return test_chain(run, ctx, c, r, ret);
    case RH_COND_HAS:
        return test_has(run, c, r, ret);
    case RH_COND_AND:
        if (c->contained)
            return rh_condition_match(ctx, c, r, ret);
        break;
    case RH_COND_OR:
        break;
    }
    bool all = c->kind == RH_COND_AND;
    *ret = all;
    for (unsigned i = 0; i < c->n_children && *ret == all; i++) {
        enum rh_rc rc = test(run, ctx, &c->children[i], r, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_run_test(struct rh_run *run, const struct rh_condition *c,
                       const struct rh_candidate *r, bool *ret)
{
    struct rh_ctx ctx = *run->ctx; /* what a test makes goes with the candidate */
    struct rh_arena *make = run->make;
    ctx.arena = run->make = rh_run_arena(run);
    enum rh_rc rc = test(run, &ctx, c, r, ret);
    run->make = make;
    return rc;
}
