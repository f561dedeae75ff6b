/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * include.c - _include and _revinclude: what the matches of a page refer to, and what refers to
 * them; with :iterate also of what was included so far. Each resource once, at most
 * RH_SEARCH_INCLUDED_MAX.
 */
#include "record/search_int.h"

enum { ROUNDS_MAX = 16, PARAMETERS_MAX = 256, FIRST_SLOTS = 256 };

struct including {
    struct rh_run *run;
    const struct rh_query *q;
    struct rh_version *rows; /* included so far */
    size_t n, cap;
    uint64_t *slots; /* numbers that are in the page: open addressing, 0 is free */
    size_t n_slots, used;
    uint64_t counts[RH_RESOURCE_TYPES + 1]; /* of each type, + 1; 0: not asked yet */
    bool left_out;
};

/* --- what is in the page
 * -------------------------------------------------------------------------- */

static uint64_t *slot_of(uint64_t *slots, size_t n, uint64_t rk)
{
    size_t i = (size_t)((rk * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (n - 1);
    while (slots[i] && slots[i] != rk)
        i = (i + 1) & (n - 1);
    return &slots[i];
}

static enum rh_rc note(struct including *in, uint64_t rk, bool *is_new)
{
    if (2 * (in->used + 1) > in->n_slots) {
        size_t n = in->n_slots ? 2 * in->n_slots : FIRST_SLOTS;
        uint64_t *grown = rh_arena_zero(in->run->ctx->arena, n * sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        for (size_t i = 0; i < in->n_slots; i++)
            if (in->slots[i])
                *slot_of(grown, n, in->slots[i]) = in->slots[i];
        in->slots = grown;
        in->n_slots = n;
    }
    uint64_t *slot = slot_of(in->slots, in->n_slots, rk);
    *is_new = *slot == 0;
    *slot = rk;
    in->used += *is_new;
    return RH_OK;
}

static enum rh_rc include(struct including *in, uint64_t rk, unsigned type)
{
    struct rh_version v;
    bool is_new, found;
    enum rh_rc rc = note(in, rk, &is_new);
    if (rc || !is_new)
        return rc;
    if (in->n == RH_SEARCH_INCLUDED_MAX) {
        in->left_out = true;
        return RH_OK;
    }
    rc = rh_run_version(in->run, rk, type, in->run->ctx->arena, &v, &found);
    if (rc || !found)
        return rc;
    in->rows = rh_arena_grow(in->run->ctx->arena, in->rows, &in->cap, in->n + 1, sizeof *in->rows);
    if (!in->rows)
        return RH_NOMEM;
    in->rows[in->n++] = v;
    return RH_OK;
}

static enum rh_rc include_all(struct including *in, struct rh_posting *p, unsigned type,
                              unsigned limit)
{
    enum rh_rc rc = RH_OK;
    unsigned n = 0;
    for (uint64_t x = 0; rc == RH_OK && n < limit && !in->left_out; x++, n++) {
        rc = rh_posting_first(in->run, p, x, &x);
        if (rc || x == RH_RK_END)
            break;
        rc = include(in, x, type);
    }
    return rc;
}

/* --- forward
 * ----------------------------------------------------------------------------------------- */

/* A canonical address: the resource that states it as its url. */
static enum rh_rc include_canonical(struct including *in, const struct rh_include *inc,
                                    const struct rh_found_reference *ref)
{
    static const uint16_t none[1];
    const uint16_t *targets = inc->parameter ? inc->parameter->targets : none;
    unsigned n = inc->parameter ? inc->parameter->n_targets : 0;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < n && rc == RH_OK; i++) {
        if (inc->target && inc->target != targets[i])
            continue;
        const struct rh_parameter *url =
            rh_parameter_find(in->run->ctx->parameters, targets[i], RH_TEXT("url"));
        struct rh_buf key = rh_buf(in->run->ctx->arena);
        rh_buf_char(&key, 'u');
        rh_buf_text(&key, ref->address);
        struct rh_text bytes = rh_buf_get(&key);
        if (key.rc)
            return key.rc;
        if (!url || bytes.len >= RH_KEY_CUT)
            continue;
        struct rh_posting *p = rh_posting_point(in->run, targets[i], url->number, bytes);
        rc = p ? include_all(in, p, targets[i], 1) : RH_NOMEM;
    }
    return rc;
}

static enum rh_rc forward(struct including *in, const struct rh_include *inc,
                          const struct rh_version *v, const yyjson_val *resource)
{
    struct rh_found_reference *refs;
    unsigned n = 0;
    if ((inc->source && inc->source != v->type) || in->left_out)
        return RH_OK;
    struct rh_ctx ctx = *in->run->ctx;
    ctx.arena = in->run->make;
    enum rh_rc rc =
        rh_references_of(&ctx, rh_resource_type(v->type), resource, inc->parameter, &refs, &n);
    for (unsigned i = 0; i < n && rc == RH_OK; i++) {
        uint64_t rk = 0;
        if (refs[i].id.len == 0) {
            rc = include_canonical(in, inc, &refs[i]);
            continue;
        }
        if (refs[i].type == 0 || (inc->target && inc->target != refs[i].type))
            continue;
        rc = rh_run_number(in->run, refs[i].type, refs[i].id, &rk);
        if (rc == RH_OK && rk)
            rc = include(in, rk, refs[i].type);
    }
    return rc;
}

/* --- reverse
 * ------------------------------------------------------------------------------------------ */

static bool may_point_to(const struct rh_parameter *p, unsigned type)
{
    if (p->part_target)
        return p->part_target == type;
    for (unsigned i = 0; i < p->n_targets; i++)
        if (p->targets[i] == type)
            return true;
    return p->n_targets == 0;
}

static enum rh_rc reverse_one(struct including *in, unsigned source, const struct rh_parameter *p,
                              const struct rh_version *v)
{
    struct rh_posting *referring;
    if (!may_point_to(p, v->type))
        return RH_OK;
    enum rh_rc rc = rh_run_referring(in->run, source, p, v->type, v->id, &referring);
    return rc ? rc : include_all(in, referring, source, RH_SEARCH_INCLUDED_MAX + 1);
}

static enum rh_rc reverse_type(struct including *in, unsigned source, const struct rh_include *inc,
                               const struct rh_version *v)
{
    const struct rh_parameter *rows[PARAMETERS_MAX];
    enum rh_rc rc = RH_OK;
    if (!in->counts[source]) {
        rc = rh_store_count(in->run->session->conn, (uint16_t)source, &in->counts[source]);
        in->counts[source]++;
    }
    if (rc || in->counts[source] == 1)
        return rc;
    if (inc->parameter)
        return reverse_one(in, source, inc->parameter, v);
    unsigned n = rh_parameters_of(in->run->ctx->parameters, source, rows, PARAMETERS_MAX);
    for (unsigned i = 0; i < n && i < PARAMETERS_MAX && rc == RH_OK; i++)
        if (rows[i]->kind == RH_SP_REFERENCE && rows[i]->n_parts == 0 && rows[i]->complete)
            rc = reverse_one(in, source, rows[i], v);
    return rc;
}

static enum rh_rc reverse(struct including *in, const struct rh_include *inc,
                          const struct rh_version *v)
{
    enum rh_rc rc = RH_OK;
    if ((inc->target && inc->target != v->type) || in->left_out)
        return RH_OK;
    if (inc->source)
        return reverse_type(in, inc->source, inc, v);
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES && rc == RH_OK && !in->left_out; t++)
        rc = reverse_type(in, t, inc, v);
    return rc;
}

/* --- rounds
 * -------------------------------------------------------------------------------------------- */

static enum rh_rc of_one_here(struct including *in, const struct rh_version *v, bool iterated)
{
    const yyjson_val *resource = NULL;
    yyjson_doc *doc;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < in->q->n_includes && rc == RH_OK; i++) {
        const struct rh_include *inc = &in->q->includes[i];
        if (iterated && !inc->iterate)
            continue;
        if (inc->reverse) {
            rc = reverse(in, inc, v);
            continue;
        }
        if (!resource) {
            if (rh_json_parse(in->run->make, in->run->ctx->issues, v->body, &doc))
                return RH_CORRUPT;
            resource = yyjson_doc_get_root(doc);
            in->run->bodies++;
        }
        rc = forward(in, inc, v, resource);
    }
    return rc ? rc : rh_run_touch(in->run, 0);
}

/* What is needed for one resource goes with it. */
static enum rh_rc of_one(struct including *in, const struct rh_version *v, bool iterated)
{
    struct rh_arena *make = in->run->make, *a;
    in->run->depth++;
    a = rh_run_arena(in->run);
    if (a) {
        rh_arena_reset(a);
        in->run->make = a;
    }
    enum rh_rc rc = a ? of_one_here(in, v, iterated) : RH_NOMEM;
    in->run->make = make;
    in->run->depth--;
    return rc;
}

enum rh_rc rh_include_run(struct rh_run *run, const struct rh_query *q, const struct rh_row *rows,
                          unsigned n, struct rh_version **ret, unsigned *n_ret, bool *left_out)
{
    struct including *in = rh_arena_zero(run->ctx->arena, sizeof *in);
    enum rh_rc rc = in ? RH_OK : RH_NOMEM;
    bool is_new;
    *n_ret = 0;
    *left_out = false;
    if (rc || q->n_includes == 0)
        return rc;
    in->run = run;
    in->q = q;
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = note(in, rows[i].place.rk, &is_new);
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = of_one(in, &rows[i].version, false);
    size_t from = 0, to = in->n;
    for (unsigned round = 0; rc == RH_OK && round < ROUNDS_MAX && from < to; round++) {
        for (; from < to && rc == RH_OK; from++) {
            struct rh_version v = in->rows[from]; /* rows may move */
            rc = of_one(in, &v, true);
        }
        to = in->n;
    }
    *ret = in->rows;
    *n_ret = (unsigned)in->n;
    *left_out = in->left_out;
    return rc;
}
