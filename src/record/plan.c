/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plan.c - from conditions to one posting.
 *
 * Conditions on single keys are lists in order of numbers already; they are merged by leaping, so
 * the order of conditions does not matter. A range of many keys is gathered when it is short; where
 * it is long and something else is selective, it is decided from the main date beside another key,
 * or on the body. A chain or _has is followed from its inner side when that is small or when
 * persons' numbers tell; else it is asked for each candidate.
 */
#include "record/search_int.h"

/* What is known of a list of conditions while it is planned. */
struct planning {
    struct rh_run *run;
    unsigned type;
    bool all;
    const struct rh_parameter *order; /* of the first sort, NULL: none */
    struct rh_posting *children[RH_QUERY_CONDITIONS_MAX + 2], *minus[RH_QUERY_CONDITIONS_MAX];
    const struct rh_condition *tests[RH_QUERY_CONDITIONS_MAX], *dates[RH_QUERY_CONDITIONS_MAX],
        *late[RH_QUERY_CONDITIONS_MAX];
    unsigned n_children, n_minus, n_tests, n_dates, n_late;
    bool solid, dated, empty, onward, contained;
    const struct rh_condition *unlike; /* the first of `minus` */
};

unsigned rh_plan_parts(const struct rh_parameter *const *p, const struct rh_parameter *const **ret)
{
    *ret = (*p)->n_parts ? (*p)->parts : p;
    return (*p)->n_parts ? (*p)->n_parts : 1;
}

static enum rh_rc add(struct planning *p, struct rh_posting *posting, const struct rh_condition *c)
{
    if (!posting)
        return RH_NOMEM;
    posting->condition = c;
    if (p->n_children == sizeof p->children / sizeof p->children[0])
        return RH_INTERNAL;
    p->children[p->n_children++] = posting;
    p->solid |= posting->solid;
    p->dated |= posting->dated;
    return RH_OK;
}

/* --- unions of keys ------------------------------------------------------------------------------
 */

static struct rh_posting *merge(struct rh_run *run, struct rh_posting **children, unsigned n)
{
    if (n == 1)
        return children[0];
    struct rh_posting *u = rh_posting_new(run, RH_POSTING_UNION);
    if (!u)
        return NULL;
    u->children = children;
    u->n_children = n;
    u->dated = n > 0;
    for (unsigned i = 0; i < n; i++) {
        u->dated &= children[i]->dated;
        u->solid &= children[i]->solid;
    }
    return u;
}

static bool dated_number(const struct rh_condition *c, unsigned number)
{
    if (number == RH_PARAM_SHAPE || number == RH_PARAM_ATOM || number == RH_PARAM_TEXT_ATOM)
        return true;
    return c && c->parameter && c->parameter->dated;
}

/* All ranges are single keys. */
static enum rh_rc points(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    if (c->n_ranges > rh_run_limits.union_lists) {
        struct rh_rks l = {0};
        enum rh_rc rc = RH_OK;
        for (unsigned i = 0; i < c->n_ranges && rc == RH_OK; i++)
            rc = rh_rks_point(run, c->ranges[i].type, c->ranges[i].number, c->ranges[i].lo, &l);
        *ret = rc ? NULL : rh_posting_array(run, l.rows, l.n);
        return rc ? rc : *ret ? RH_OK : RH_NOMEM;
    }
    struct rh_posting **rows = rh_arena_alloc(run->make, (c->n_ranges + 1) * sizeof *rows);
    if (!rows)
        return RH_NOMEM;
    for (unsigned i = 0; i < c->n_ranges; i++) {
        const struct rh_range *r = &c->ranges[i];
        rows[i] = rh_posting_point(run, r->type, r->number, r->lo);
        if (!rows[i])
            return RH_NOMEM;
        rows[i]->dated = dated_number(c, r->number);
    }
    *ret = merge(run, rows, c->n_ranges);
    return *ret ? RH_OK : RH_NOMEM;
}

enum rh_rc rh_plan_gather(struct rh_run *run, const struct rh_condition *c, uint64_t limit,
                          struct rh_posting **ret)
{
    struct rh_rks l = {0};
    enum rh_rc rc = RH_OK;
    bool all = true, *whole = &all;
    *ret = NULL;
    for (unsigned i = 0; i < c->n_ranges && rc == RH_OK && *whole; i++) {
        const struct rh_range *r = &c->ranges[i];
        if (r->point)
            rc = rh_rks_point(run, r->type, r->number, r->lo, &l);
        else
            rc = rh_rks_range(run, c, r, limit, &l, NULL, whole);
        *whole &= l.n <= limit;
    }
    if (rc || !*whole)
        return rc;
    *ret = rh_posting_array(run, l.rows, l.n);
    return *ret ? RH_OK : RH_NOMEM;
}

static bool all_points(const struct rh_condition *c)
{
    for (unsigned i = 0; i < c->n_ranges; i++)
        if (!c->ranges[i].point)
            return false;
    return true;
}

/* Whatever has a key of the condition. */
static enum rh_rc listed(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    if (c->n_ranges == 0) {
        *ret = rh_posting_array(run, NULL, 0);
        return *ret ? RH_OK : RH_NOMEM;
    }
    return all_points(c) ? points(run, c, ret) : rh_plan_gather(run, c, UINT64_MAX, ret);
}

/* --- everything
 * ----------------------------------------------------------------------------------- */

enum rh_rc rh_plan_everything(struct rh_run *run, unsigned type, const struct rh_parameter *without,
                              struct rh_posting **ret)
{
    struct rh_key keys[RH_CHUNK];
    struct rh_posting **rows = NULL;
    size_t cap = 0, count = 0;
    struct rh_key_scan scan = {
        .type = (uint16_t)type, .param = RH_PARAM_SHAPE, .lo = RH_TEXT("d"), .hi = RH_TEXT("e")};
    for (unsigned n = RH_CHUNK; n == RH_CHUNK;) {
        enum rh_rc rc = rh_store_key_scan(run->session->conn, &scan, RH_CHUNK, run->make, keys, &n);
        if (rc == RH_OK)
            rc = rh_run_touch(run, n + 1);
        if (rc)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            if (without && rh_shape_has(keys[i].bytes, without->number))
                continue;
            struct rh_buf key = rh_buf(run->make);
            rh_shape_key(keys[i].bytes, &key);
            rows = rh_arena_grow(run->make, rows, &cap, count + 1, sizeof(struct rh_posting *));
            if (!rows || key.rc)
                return RH_NOMEM;
            rows[count] = rh_posting_point(run, type, RH_PARAM_SHAPE, rh_buf_get(&key));
            if (!rows[count])
                return RH_NOMEM;
            rows[count++]->dated = true;
        }
        if (n > 0) {
            scan.has_after = true;
            scan.after = keys[n - 1].bytes;
            scan.after_rk = keys[n - 1].rk;
        }
    }
    *ret = count ? merge(run, rows, (unsigned)count) : rh_posting_array(run, NULL, 0);
    return *ret ? RH_OK : RH_NOMEM;
}

/* The other keys of a parameter with few of them, and the resources that have none: what a :not of
 * a common key finds without looking at those that have it. NULL: too many. */
static enum rh_rc others(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    struct rh_posting *rows[RH_POSTING_UNION_MAX + 2], **kept;
    unsigned n = 0;
    *ret = NULL;
    if (!c->parameter || c->parameter->n_parts || c->n_ranges == 0 || !all_points(c))
        return RH_OK;
    struct rh_text first = c->ranges[0].lo;
    if (first.len == 0 || first.data[0] != 'c')
        return RH_OK;
    char hi[1] = {(char)(first.data[0] + 1)};
    struct rh_key_scan scan = {.type = c->ranges[0].type,
                               .param = c->ranges[0].number,
                               .lo = {first.data, 1},
                               .hi = {rh_arena_copy(run->make, hi, 1), 1}};
    for (;;) {
        struct rh_key key;
        unsigned found = 1;
        bool asked = false;
        enum rh_rc rc = rh_store_key_scan(run->session->conn, &scan, 1, run->make, &key, &found);
        if (rc == RH_OK)
            rc = rh_run_touch(run, 2);
        if (rc)
            return rc;
        if (found == 0)
            break;
        if (n == RH_POSTING_UNION_MAX)
            return RH_OK;
        for (unsigned i = 0; i < c->n_ranges; i++)
            asked |= rh_text_eq(c->ranges[i].lo, key.bytes);
        if (!asked) {
            rows[n] = rh_posting_point(run, scan.type, scan.param, key.bytes);
            if (!rows[n])
                return RH_NOMEM;
            rows[n++]->dated = dated_number(c, scan.param);
        }
        scan.has_after = true; /* behind every row of this key */
        scan.after = key.bytes;
        scan.after_rk = INT64_MAX;
    }
    rows[n] = rh_posting_point(run, scan.type, scan.param, RH_TEXT("~")); /* values without a key */
    if (!rows[n])
        return RH_NOMEM;
    rows[n++]->dated = dated_number(c, scan.param);
    enum rh_rc rc = rh_plan_everything(run, c->type, c->parameter, &rows[n]);
    if (rc)
        return rc;
    kept = rh_arena_copy(run->make, rows, (n + 1) * sizeof(struct rh_posting *));
    *ret = kept ? merge(run, kept, n + 1) : NULL;
    return *ret ? RH_OK : RH_NOMEM;
}

/* --- chains and _has
 * ------------------------------------------------------------------------------- */

/* Follows every inner match to what refers to it. */
static enum rh_rc follow_chain(struct rh_run *run, const struct rh_condition *c,
                               struct rh_posting *inner, struct rh_posting **ret)
{
    struct rh_rks l = {0};
    const struct rh_parameter *const *parts;
    unsigned n = rh_plan_parts(&c->parameter, &parts);
    struct rh_arena *make = run->make;
    enum rh_rc rc = RH_OK;
    run->depth++; /* heads and keys of one at a time */
    for (uint64_t rk = 0; rc == RH_OK; rk++) {
        struct rh_head head;
        struct rh_text keys[2];
        unsigned n_keys = 0;
        rc = rh_posting_first(run, inner, rk, &rk);
        if (rc || rk == RH_RK_END)
            break;
        run->make = rh_run_arena(run);
        rc = run->make ? RH_OK : RH_NOMEM;
        if (rc)
            break;
        rh_arena_reset(run->make);
        rc = rh_store_head_rk(run->session->conn, rk, run->make, &head);
        if (rc == RH_OK && !head.deleted)
            rc = rh_run_keys(run, head.type, head.id, keys, &n_keys);
        for (unsigned i = 0; i < n * n_keys && rc == RH_OK; i++)
            rc = rh_rks_point(run, c->type, parts[i / n_keys]->number, keys[i % n_keys], &l);
        rc = rc == RH_NOTFOUND ? RH_OK : rc;
        run->make = make;
    }
    run->make = make;
    run->depth--;
    if (rc)
        return rc;
    *ret = rh_posting_array(run, l.rows, l.n);
    return *ret ? RH_OK : RH_NOMEM;
}

/* Follows every inner match to what it refers to. */
static enum rh_rc follow_has(struct rh_run *run, const struct rh_condition *c,
                             struct rh_posting *inner, struct rh_posting **ret)
{
    const struct rh_key_wish none = {0};
    struct rh_rks l = {0};
    enum rh_rc rc = RH_OK;
    for (uint64_t rk = 0; rc == RH_OK; rk++) {
        struct rh_candidate r;
        struct rh_found_reference *refs;
        unsigned n = 0;
        bool found = false;
        rc = rh_posting_first(run, inner, rk, &rk);
        if (rc || rk == RH_RK_END)
            break;
        run->depth++;
        struct rh_ctx ctx = *run->ctx;
        rc = rh_run_candidate(run, rk, c->inner_type, &none, &r, &found);
        ctx.arena = rh_run_arena(run);
        if (rc == RH_OK && found)
            rc = rh_references_of(&ctx, rh_resource_type(r.type), r.resource, c->parameter, &refs,
                                  &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            uint64_t to = 0;
            if ((refs[i].type == 0 || refs[i].type == c->type) && refs[i].id.len > 0)
                rc = rh_run_number(run, c->type, refs[i].id, &to);
            if (rc == RH_OK && to)
                rc = rh_rks_add(run, &l, to);
        }
        run->depth--;
    }
    if (rc)
        return rc;
    *ret = rh_posting_array(run, l.rows, l.n);
    return *ret ? RH_OK : RH_NOMEM;
}

/* Resources that lie in the part of a person without that exact parameter saying so. */
static struct rh_posting *strays(struct rh_run *run, unsigned type)
{
    return rh_posting_point(run, type, RH_PARAM_STRAY, RH_TEXT("!"));
}

static struct rh_posting *less(struct rh_run *run, struct rh_posting *from, struct rh_posting *what)
{
    struct rh_posting *p = from && what ? rh_posting_new(run, RH_POSTING_AND) : NULL;
    struct rh_posting **rows = p ? rh_arena_alloc(run->make, 2 * sizeof *rows) : NULL;
    if (!rows)
        return NULL;
    rows[0] = from;
    rows[1] = what;
    p->children = rows;
    p->minus = rows + 1;
    p->n_children = p->n_minus = 1;
    p->dated = from->dated;
    p->solid = from->solid;
    return p;
}

static struct rh_posting *above(struct rh_run *run, enum rh_posting_kind kind,
                                struct rh_posting *child)
{
    struct rh_posting *p = rh_posting_new(run, kind);
    if (!p)
        return NULL;
    p->children = rh_arena_alloc(run->make, sizeof(struct rh_posting *));
    if (!p->children)
        return NULL;
    p->children[0] = child;
    p->n_children = 1;
    p->solid = false;
    return p;
}

static bool is_exact(const struct rh_parameter *p)
{
    return p->exact || (p->n_parts == 1 && p->parts[0]->exact);
}

/* References to Patients of this server by their whole address: no part of a person tells of them.
 */
static enum rh_rc addressed(struct rh_run *run, unsigned type, const struct rh_parameter *p,
                            bool *ret)
{
    struct rh_buf start = rh_buf(run->make);
    const struct rh_parameter *const *parts;
    unsigned n = rh_plan_parts(&p, &parts), any = 0;
    if (run->ctx->base.len)
        rh_key_own(&start, run->ctx->base, run->patient, (struct rh_text){"", 0});
    enum rh_rc rc = start.rc;
    for (unsigned i = 0; start.len && i < n && rc == RH_OK && !any; i++) {
        struct rh_key key;
        struct rh_text lo = rh_buf_get(&start);
        lo.len = lo.len < RH_KEY_CUT ? lo.len : RH_KEY_CUT;
        struct rh_key_scan scan = {.type = (uint16_t)type, .param = parts[i]->number, .lo = lo};
        rc = rh_store_key_scan(run->session->conn, &scan, 1, run->make, &key, &any);
        if (rc == RH_OK)
            rc = rh_run_touch(run, 2);
        any = any && key.bytes.len >= lo.len && memcmp(key.bytes.data, lo.data, lo.len) == 0;
    }
    *ret = any;
    return rc;
}

static enum rh_rc add_test(struct planning *p, const struct rh_condition *c);
static enum rh_rc intersect(struct planning *p, struct rh_posting **ret);
static enum rh_rc filter(struct planning *p, struct rh_posting **ret);

/* What refers by the parameter to a resource of the type inside itself. */
static enum rh_rc inside(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    const struct rh_parameter *const *parts;
    unsigned n = rh_plan_parts(&c->parameter, &parts);
    struct rh_buf key = rh_buf(run->make);
    struct rh_posting **rows = rh_arena_alloc(run->make, n * sizeof(struct rh_posting *));
    rh_key_inside(&key, c->inner_type);
    if (key.rc || !rows)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        rows[i] = rh_posting_point(run, c->type, parts[i]->number, rh_buf_get(&key));
        if (!rows[i])
            return RH_NOMEM;
    }
    *ret = merge(run, rows, n);
    return *ret ? rh_posting_estimate(run, *ret) : RH_NOMEM;
}

/* A chain into what a resource contains. Keys of the contained lead there where they tell; the body
 * decides. */
static enum rh_rc add_inside(struct rh_run *run, const struct rh_condition *c,
                             struct rh_posting **ret)
{
    struct planning *p = rh_arena_zero(run->make, sizeof *p);
    struct rh_plan keyed;
    struct rh_posting *refers, *found = NULL,
                               **both = rh_arena_alloc(run->make, 2 * sizeof(struct rh_posting *));
    enum rh_rc rc = p && both ? inside(run, c, &refers) : RH_NOMEM;
    if (rc || refers->estimate == 0)
        return rc;
    p->run = run;
    p->type = c->type;
    rc = add(p, refers, NULL);
    if (rc == RH_OK && c->inside)
        rc = rh_plan_make(run, c->inner_type, c->inside, 1, false, true, &keyed);
    if (rc == RH_OK && c->inside)
        rc = add(p, keyed.posting, NULL);
    if (rc == RH_OK)
        rc = add_test(p, c);
    if (rc == RH_OK)
        rc = intersect(p, &found);
    if (rc == RH_OK)
        rc = filter(p, &found);
    if (rc)
        return rc;
    both[0] = *ret;
    both[1] = found;
    *ret = merge(run, both, 2);
    return *ret ? RH_OK : RH_NOMEM;
}

/* *ret NULL: it has to be asked for each candidate. */
static enum rh_rc joined(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    struct rh_posting *inner;
    bool chain = c->kind == RH_COND_CHAIN, whole = false,
         person = is_exact(c->parameter) && (chain ? c->inner_type : c->type) == run->patient;
    *ret = NULL;
    enum rh_rc rc = rh_run_inner(run, c, &inner);
    if (rc == RH_OK)
        rc = rh_posting_estimate(run, inner);
    if (rc == RH_OK && person)
        rc = addressed(run, chain ? c->type : c->inner_type, c->parameter, &whole);
    if (rc)
        return rc;
    person = person && !whole;
    if (c->kind == RH_COND_HAS && person) {
        inner = less(run, inner, strays(run, c->inner_type));
        *ret = inner ? above(run, RH_POSTING_PERSONS, inner) : NULL;
    } else if (c->kind == RH_COND_CHAIN && person && inner->estimate > rh_run_limits.few) {
        *ret = less(run, above(run, RH_POSTING_GATE, inner), strays(run, c->type));
    } else if (inner->estimate > rh_run_limits.small) {
        return RH_OK;
    } else {
        return c->kind == RH_COND_CHAIN ? follow_chain(run, c, inner, ret)
                                        : follow_has(run, c, inner, ret);
    }
    return *ret ? RH_OK : RH_NOMEM;
}

/* --- one condition after the other
 * ------------------------------------------------------------------ */

static enum rh_rc ids(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret)
{
    struct rh_rks l = {0};
    for (unsigned i = 0; i < c->n_ids; i++) {
        uint64_t rk;
        enum rh_rc rc = rh_run_number(run, c->type, c->ids[i], &rk);
        if (rc == RH_OK && rk)
            rc = rh_rks_add(run, &l, rk);
        if (rc)
            return rc;
    }
    *ret = rh_posting_array(run, l.rows, l.n);
    return *ret ? RH_OK : RH_NOMEM;
}

/* Inner postings are made before any candidate is looked at. */
static enum rh_rc make_inner(struct rh_run *run, const struct rh_condition *c)
{
    struct rh_posting *inner;
    enum rh_rc rc = RH_OK;
    if (c->kind == RH_COND_CHAIN || c->kind == RH_COND_HAS)
        return rh_run_inner(run, c, &inner);
    for (unsigned i = 0; i < c->n_children && rc == RH_OK; i++)
        rc = make_inner(run, &c->children[i]);
    return rc;
}

/* Adds to one of the lists of conditions. */
static enum rh_rc push(struct planning *p, const struct rh_condition **rows, unsigned *n,
                       const struct rh_condition *c)
{
    if (*n == RH_QUERY_CONDITIONS_MAX)
        return rh_issue_add(p->run->ctx->issues, RH_TOOLARGE, NULL,
                            "the search has more than %d conditions; ask for fewer at a time",
                            RH_QUERY_CONDITIONS_MAX);
    rows[(*n)++] = c;
    return RH_OK;
}

static enum rh_rc add_test(struct planning *p, const struct rh_condition *c)
{
    enum rh_rc rc = push(p, p->tests, &p->n_tests, c);
    return rc ? rc : make_inner(p->run, c);
}

/* The keys that there are in the ranges of a condition, when they are few: a code of any system. A
 * condition on single keys keeps the main date beside them. *ret NULL: they are many. */
static enum rh_rc few_keys(struct rh_run *run, const struct rh_condition *c,
                           const struct rh_condition **ret)
{
    struct rh_range found[RH_PLAN_KEYS_MAX];
    unsigned n = 0;
    *ret = NULL;
    for (unsigned i = 0; i < c->n_ranges; i++) {
        const struct rh_range *r = &c->ranges[i];
        struct rh_key_scan scan = {.type = r->type, .param = r->number, .lo = r->lo, .hi = r->hi};
        for (;;) {
            struct rh_key key = {.bytes = r->lo};
            unsigned any = 1;
            enum rh_rc rc =
                r->point ? RH_OK
                         : rh_store_key_scan(run->session->conn, &scan, 1, run->make, &key, &any);
            if (rc == RH_OK)
                rc = rh_run_touch(run, 2);
            if (rc)
                return rc;
            if (any == 0)
                break;
            if (r->point || rh_condition_key(c, r, key.bytes)) {
                if (n == RH_PLAN_KEYS_MAX)
                    return RH_OK;
                found[n++] = (struct rh_range){
                    .type = r->type, .number = r->number, .point = true, .lo = key.bytes};
            }
            if (r->point)
                break;
            scan.has_after = true; /* behind every row of this key */
            scan.after = key.bytes;
            scan.after_rk = INT64_MAX;
        }
    }
    struct rh_condition *copy = rh_arena_copy(run->make, c, sizeof *c);
    struct rh_range *ranges = rh_arena_alloc(run->make, (n + 1) * sizeof *ranges);
    if (!copy || !ranges)
        return RH_NOMEM;
    memcpy(ranges, found, n * sizeof *ranges);
    copy->ranges = ranges;
    copy->n_ranges = n;
    *ret = copy;
    return RH_OK;
}

static bool is_token(const struct rh_condition *c)
{
    return c->parameter &&
           (c->parameter->kind == RH_SP_TOKEN || c->parameter->kind == RH_SP_REFERENCE);
}

static enum rh_rc plan_unlike(struct planning *p, const struct rh_condition *c,
                              const struct rh_condition *keys)
{
    struct rh_posting *posting;
    if (!c->proven || p->n_minus == RH_QUERY_CONDITIONS_MAX)
        return add_test(p, c);
    enum rh_rc rc = listed(p->run, keys, &posting);
    if (rc)
        return rc;
    if (!p->unlike)
        p->unlike = keys;
    posting->condition = c;
    p->minus[p->n_minus++] = posting;
    return RH_OK;
}

static enum rh_rc plan_keys(struct planning *p, const struct rh_condition *c)
{
    struct rh_posting *posting;
    const struct rh_condition *keys = c;
    enum rh_rc rc =
        !all_points(c) && is_token(c) && !p->onward ? few_keys(p->run, c, &keys) : RH_OK;
    if (rc)
        return rc;
    if (!keys)
        keys = c;
    if (c->negated)
        return plan_unlike(p, c, keys);
    if (!all_points(keys)) {
        rc = push(p, p->late, &p->n_late, c);
        return rc || c->proven ? rc : add_test(p, c);
    }
    rc = listed(p->run, keys, &posting);
    if (rc == RH_OK)
        rc = add(p, posting, c);
    return rc || c->proven ? rc : add_test(p, c);
}

static enum rh_rc plan_condition(struct planning *p, const struct rh_condition *c);

/* One posting for one condition, as exact as a search of its own. */
static enum rh_rc alone(struct rh_run *run, unsigned type, const struct rh_condition *c,
                        struct rh_posting **ret)
{
    struct rh_plan plan;
    enum rh_rc rc = rh_plan_make(run, type, c, 1, NULL, true, &plan);
    *ret = plan.posting;
    return rc;
}

static enum rh_rc plan_or(struct planning *p, const struct rh_condition *c)
{
    struct rh_posting **rows =
        rh_arena_alloc(p->run->make, (c->n_children + 1) * sizeof(struct rh_posting *));
    if (!rows)
        return RH_NOMEM;
    for (unsigned i = 0; i < c->n_children; i++) {
        enum rh_rc rc = alone(p->run, p->type, &c->children[i], &rows[i]);
        if (rc)
            return rc;
    }
    if (c->n_children == 0) {
        p->empty = true;
        return RH_OK;
    }
    return add(p, merge(p->run, rows, c->n_children), c);
}

static enum rh_rc plan_condition(struct planning *p, const struct rh_condition *c)
{
    struct rh_posting *posting = NULL;
    enum rh_rc rc = RH_OK;
    switch (c->kind) {
    case RH_COND_KEYS:
        return plan_keys(p, c);
    case RH_COND_IDS:
        rc = ids(p->run, c, &posting);
        return rc ? rc : add(p, posting, c);
    case RH_COND_AND:
        for (unsigned i = 0; i < c->n_children && rc == RH_OK; i++)
            if (!c->contained || rh_condition_keyed(&c->children[i]))
                rc = plan_condition(p, &c->children[i]);
        return rc || !c->contained ? rc : add_test(p, c);
    case RH_COND_OR:
        return plan_or(p, c);
    case RH_COND_CHAIN:
    case RH_COND_HAS:
        rc = joined(p->run, c, &posting);
        if (rc == RH_OK && posting && c->kind == RH_COND_CHAIN)
            rc = add_inside(p->run, c, &posting);
        if (rc)
            return rc;
        return posting ? add(p, posting, c) : add_test(p, c);
    case RH_COND_NONE:
        p->empty = true;
        return RH_OK;
    }
    return RH_INTERNAL;
}

static enum rh_rc least(struct planning *p, uint64_t *ret)
{
    *ret = UINT64_MAX;
    for (unsigned i = 0; i < p->n_children; i++) {
        enum rh_rc rc = rh_posting_estimate(p->run, p->children[i]);
        if (rc)
            return rc;
        if (p->children[i]->estimate < *ret)
            *ret = p->children[i]->estimate;
    }
    return RH_OK;
}

/* How many rows of a range are worth gathering before its condition is decided candidate by
 * candidate. With the main date beside the key that costs as much as a row; the body is dear, but a
 * filter that has looked at many gathers by itself. A page needs few candidates when the range is
 * long, all of them are needed for a count. */
static uint64_t worth_gathering(const struct planning *p, bool date, uint64_t fewest)
{
    if (!date)
        return fewest <= rh_run_limits.filter_looks ? 0 : rh_run_limits.probe;
    if (fewest <= rh_run_limits.probe)
        return 0;
    if (!p->all)
        return rh_run_limits.probe / 10;
    return fewest / 16 < 2 * rh_run_limits.small ? fewest / 16 : 2 * rh_run_limits.small;
}

/* Can a number beside another key decide it? */
static bool on_main_date(const struct rh_condition *c)
{
    const int64_t any_date = (int64_t)1 << 5 | 4 << 1;
    bool yes;
    return c->proven && rh_condition_aux(c, any_date, &yes);
}

/* A range of many keys, when everything else is planned. */
static enum rh_rc plan_late(struct planning *p, const struct rh_condition *c)
{
    struct rh_posting *posting = NULL;
    uint64_t fewest;
    enum rh_rc rc = least(p, &fewest);
    /* everything of a type is dated, where nothing else says which there are */
    bool date = (p->dated || !p->solid) && on_main_date(c);
    uint64_t limit = p->solid ? worth_gathering(p, date, fewest)
                     : !date  ? RH_POSTING_GATHERED_MAX
                     : p->all ? rh_run_limits.small
                              : rh_run_limits.small / 4;
    /* who walks the keys of this very parameter passes over those that do not match */
    bool walked = p->order && c->parameter == p->order && c->proven && !p->all;
    if (rc == RH_OK && limit > 0 && !walked)
        rc = rh_plan_gather(p->run, c, limit, &posting);
    if (rc)
        return rc;
    if (posting)
        return add(p, posting, c);
    if (date)
        return push(p, p->dates, &p->n_dates, c);
    return c->proven ? add_test(p, c) : RH_OK; /* else it is one already */
}

/* --- the whole
 * --------------------------------------------------------------------------------------- */

static void by_estimate(struct rh_posting **rows, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct rh_posting *row = rows[i];
        unsigned k = i;
        for (; k > 0 && rows[k - 1]->estimate > row->estimate; k--)
            rows[k] = rows[k - 1];
        rows[k] = row;
    }
}

static enum rh_rc intersect(struct planning *p, struct rh_posting **ret)
{
    uint64_t fewest;
    enum rh_rc rc = p->n_children > 1 ? least(p, &fewest) : RH_OK;
    if (rc)
        return rc;
    by_estimate(p->children, p->n_children);
    *ret = p->children[0];
    if (p->n_children == 1 && p->n_minus == 0)
        return RH_OK;
    struct rh_posting *and = rh_posting_new(p->run, RH_POSTING_AND);
    if (!and)
        return RH_NOMEM;
    and->children =
        rh_arena_copy(p->run->make, p->children, p->n_children * sizeof(struct rh_posting *));
    and->minus = rh_arena_copy(p->run->make, p->minus, p->n_minus * sizeof(struct rh_posting *));
    and->n_children = p->n_children;
    and->n_minus = p->n_minus;
    and->dated = p->dated;
    *ret = and;
    return and->children && (and->minus || !p->n_minus) ? RH_OK : RH_NOMEM;
}

static enum rh_rc filter(struct planning *p, struct rh_posting **ret)
{
    if (p->n_tests + p->n_dates == 0)
        return RH_OK;
    struct rh_posting *f = above(p->run, RH_POSTING_FILTER, *ret);
    if (!f)
        return RH_NOMEM;
    f->tests = rh_arena_alloc(p->run->make, (p->n_tests + 1) * sizeof p->tests[0]);
    f->dates = rh_arena_alloc(p->run->make, (p->n_dates + 1) * sizeof p->dates[0]);
    if (!f->tests || !f->dates)
        return RH_NOMEM;
    memcpy(f->tests, p->tests, p->n_tests * sizeof p->tests[0]);
    memcpy(f->dates, p->dates, p->n_dates * sizeof p->dates[0]);
    f->n_tests = p->n_tests;
    f->n_dates = p->n_dates;
    f->resource = p->contained ? 0 : p->type;
    f->dated = (*ret)->dated;
    f->solid = true;
    *ret = f;
    return RH_OK;
}

/* Where nearly all have a key that is not wanted, the few others come first. */
static enum rh_rc add_others(struct planning *p)
{
    struct rh_posting *posting = NULL;
    uint64_t fewest;
    enum rh_rc rc = least(p, &fewest);
    if (rc || !p->unlike || fewest <= rh_run_limits.probe)
        return rc;
    rc = others(p->run, p->unlike, &posting);
    if (rc == RH_OK && posting)
        rc = rh_posting_estimate(p->run, posting);
    return rc || !posting || (p->solid && posting->estimate > fewest / 4) ? rc
                                                                          : add(p, posting, NULL);
}

/* Something must say which resources there are. */
static enum rh_rc make_solid(struct planning *p)
{
    struct rh_posting *posting = NULL;
    enum rh_rc rc = add_others(p);
    if (rc || p->solid)
        return rc;
    rc = rh_plan_everything(p->run, p->type, NULL, &posting);
    return rc ? rc : add(p, posting, NULL);
}

enum rh_rc rh_plan_make(struct rh_run *run, unsigned type, const struct rh_condition *conditions,
                        unsigned n, const struct rh_plan_wish *wish, bool all, struct rh_plan *ret)
{
    struct planning *p = rh_arena_zero(run->make, sizeof *p);
    enum rh_rc rc = p ? RH_OK : RH_NOMEM;
    *ret = (struct rh_plan){0};
    if (rc)
        return rc;
    p->run = run;
    p->type = type;
    p->all = all;
    p->order = wish ? wish->order : NULL;
    p->onward = wish && wish->onward;
    ret->whole = n == 0;
    for (unsigned i = 0; i < n; i++)
        p->contained |= conditions[i].contained;
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = plan_condition(p, &conditions[i]);
    if (rc == RH_OK && p->empty) {
        ret->posting = rh_posting_array(run, NULL, 0);
        return ret->posting ? RH_OK : RH_NOMEM;
    }
    if (rc == RH_OK && wish && wish->walk && p->n_late == 1 && p->n_children == 0 &&
        p->n_minus == 0 && p->n_tests == 0 && !on_main_date(p->late[0])) {
        struct rh_posting *posting = NULL;
        if (!p->onward)
            rc = rh_plan_gather(run, p->late[0], rh_run_limits.probe, &posting);
        if (rc == RH_OK && !posting)
            ret->ranged = p->late[0];
        else if (rc == RH_OK)
            rc = add(p, posting, p->late[0]);
        if (rc || ret->ranged)
            return rc;
        p->n_late = 0;
    }
    for (unsigned i = 0; i < p->n_late && rc == RH_OK; i++)
        rc = plan_late(p, p->late[i]);
    if (rc == RH_OK)
        rc = make_solid(p);
    if (rc == RH_OK)
        rc = intersect(p, &ret->posting);
    return rc ? rc : filter(p, &ret->posting);
}
