/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "record/search_int.h"

#include <stdlib.h>

struct rh_run_limits rh_run_limits = {.lease_rows = 100000,
                                      .union_lists = 64,
                                      .filter_looks = 60,
                                      .probe = 1000,
                                      .small = 20000,
                                      .few = 64,
                                      .walk_rows = 1000000,
                                      .few_matches = 160};

/* LOOK_ROWS: of a range that are gathered in the time of a look at one body. */
enum {
    PROBE_ROWS = 64,
    SCAN_ROWS = 500,
    GROWTH = 4,
    FEW_LOOKS = 50,
    LEAP_ROWS = 2,
    LOOK_ROWS = 30
};

enum rh_rc rh_run_touch(struct rh_run *run, uint64_t rows)
{
    run->rows += rows;
    if (run->rows + run->bodies * RH_RUN_BODY_ROWS > RH_RUN_ROWS_MAX)
        return rh_issue_add(run->ctx->issues, RH_TOOLARGE, NULL,
                            "the search is too costly: it has looked at %llu rows and %llu "
                            "resources; add a condition that fewer resources match",
                            (unsigned long long)run->rows, (unsigned long long)run->bodies);
    if (run->writer || run->rows < run->next_lease)
        return RH_OK;
    run->next_lease = run->rows + rh_run_limits.lease_rows;
    rh_store_lease_rest(run->session->conn, true);
    return rh_store_lease(run->session->conn);
}

/* --- making ------------------------------------------------------------------------------------
 */

struct rh_posting *rh_posting_new(struct rh_run *run, enum rh_posting_kind kind)
{
    struct rh_posting *p = rh_arena_zero(run->make, sizeof *p);
    if (p) {
        p->kind = kind;
        p->estimate = UINT64_MAX;
        p->solid = true;
        p->arena = run->make;
    }
    return p;
}

struct rh_posting *rh_posting_point(struct rh_run *run, unsigned type, unsigned number,
                                    struct rh_text key)
{
    struct rh_posting *p = rh_posting_new(run, RH_POSTING_POINT);
    if (p) {
        p->type = (uint16_t)type;
        p->number = (uint16_t)number;
        p->key = key;
        p->cap = p->want = RH_POSTING_FIRST;
        p->rks = p->first_rks;
        p->auxs = p->first_auxs;
    }
    return p;
}

static int compare_rks(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_sorted(const uint64_t *rks, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (rks[i - 1] >= rks[i])
            return false;
    return true;
}

struct rh_posting *rh_posting_array(struct rh_run *run, uint64_t *rks, size_t n)
{
    struct rh_posting *p = rh_posting_new(run, RH_POSTING_ARRAY);
    size_t kept = 0;
    if (!p)
        return NULL;
    if (n > 0 && !is_sorted(rks, n)) {
        qsort(rks, n, sizeof *rks, compare_rks);
        for (size_t i = 0; i < n; i++)
            if (kept == 0 || rks[kept - 1] != rks[i])
                rks[kept++] = rks[i];
        n = kept;
    }
    p->array = rks;
    p->n_array = n;
    p->estimate = n;
    return p;
}

/* --- lists of numbers --------------------------------------------------------------------------
 */

enum rh_rc rh_rks_add(struct rh_run *run, struct rh_rks *l, uint64_t rk)
{
    if (l->n == l->cap) {
        if (l->n >= RH_POSTING_GATHERED_MAX)
            return rh_issue_add(run->ctx->issues, RH_TOOLARGE, NULL,
                                "the search is too costly: a part of it matches more than %d "
                                "resources; add a condition that fewer resources match",
                                RH_POSTING_GATHERED_MAX);
        uint64_t *grown = rh_arena_grow(run->ctx->arena, l->rows, &l->cap, l->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        l->rows = grown;
    }
    l->rows[l->n++] = rk;
    return RH_OK;
}

enum rh_rc rh_rks_point(struct rh_run *run, unsigned type, unsigned number, struct rh_text key,
                        struct rh_rks *l)
{
    uint64_t rks[RH_POSTING_ROWS], from = 0;
    int64_t auxs[RH_POSTING_ROWS];
    unsigned n = RH_POSTING_FIRST, limit = RH_POSTING_FIRST;
    for (;;) {
        enum rh_rc rc = rh_store_key_rks(run->session->conn, (uint16_t)type, (uint16_t)number, key,
                                         from, limit, rks, auxs, &n);
        run->seeks++;
        for (unsigned i = 0; i < n && rc == RH_OK; i++)
            rc = rh_rks_add(run, l, rks[i]);
        if (rc == RH_OK)
            rc = rh_run_touch(run, n + 1);
        if (rc || n < limit)
            return rc;
        from = rks[n - 1] + 1;
        limit = RH_POSTING_ROWS;
    }
}

/* Where a scan of a range stands: the last row, its key in a buffer of its own. */
struct scan {
    struct rh_key_scan scan;
    char after[RH_STORE_KEY_MAX];
    struct rh_key rows[SCAN_ROWS];
};

static enum rh_rc scan_range(struct rh_run *run, struct rh_arena *a, const struct rh_condition *c,
                             const struct rh_range *range, uint64_t limit, struct rh_rks *l,
                             uint64_t *only, bool *whole)
{
    struct scan *s = rh_arena_alloc(run->make, sizeof *s);
    uint64_t seen = 0;
    *whole = false;
    if (!s)
        return RH_NOMEM;
    s->scan = (struct rh_key_scan){
        .type = range->type, .param = range->number, .lo = range->lo, .hi = range->hi};
    run->seeks++;
    while (seen < limit) {
        unsigned want = limit - seen < SCAN_ROWS ? (unsigned)(limit - seen) : SCAN_ROWS, n = want;
        rh_arena_reset(a);
        enum rh_rc rc = rh_store_key_scan(run->session->conn, &s->scan, want, a, s->rows, &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            if (!rh_condition_key(c, range, s->rows[i].bytes) ||
                (only && rh_record_hidden(run->session->record, s->rows[i].rk)))
                continue;
            if (only && s->rows[i].aux & RH_AUX_ONLY)
                ++*only;
            else
                rc = rh_rks_add(run, l, s->rows[i].rk);
        }
        if (rc == RH_OK)
            rc = rh_run_touch(run, n + 1);
        if (rc)
            return rc;
        if (n < want) {
            *whole = true;
            return RH_OK;
        }
        seen += n;
        s->scan.has_after = true;
        s->scan.after = (struct rh_text){s->after, s->rows[n - 1].bytes.len};
        memcpy(s->after, s->rows[n - 1].bytes.data, s->scan.after.len);
        s->scan.after_rk = s->rows[n - 1].rk;
    }
    return RH_OK;
}

enum rh_rc rh_rks_range(struct rh_run *run, const struct rh_condition *c,
                        const struct rh_range *range, uint64_t limit, struct rh_rks *l,
                        uint64_t *only, bool *whole)
{
    run->depth++;
    struct rh_arena *a = rh_run_arena(run);
    enum rh_rc rc = a ? scan_range(run, a, c, range, limit, l, only, whole) : RH_INTERNAL;
    run->depth--;
    return rc;
}

/* --- the first from a place on ------------------------------------------------------------------
 */

/* Index of the first number >= from in a sorted list, looked for from `i` on. */
static size_t gallop(const uint64_t *rks, size_t n, size_t i, uint64_t from)
{
    if (i >= n || (i > 0 && rks[i - 1] >= from))
        i = 0;
    size_t step = 1, lo = i, hi = i;
    while (hi < n && rks[hi] < from) {
        lo = hi + 1;
        hi += step;
        step *= 2;
    }
    if (hi > n)
        hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rks[mid] < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* `first`: rows that are read where it does not go on from the last window. */
static enum rh_rc window(struct rh_run *run, struct rh_posting *p, uint64_t from, unsigned first)
{
    bool onward = p->windowed && p->n > 0 && from == p->rks[p->n - 1] + 1;
    p->want = onward ? p->want * GROWTH : first;
    if (p->want > RH_POSTING_ROWS)
        p->want = RH_POSTING_ROWS;
    if (p->want > p->cap) {
        p->rks = rh_arena_alloc(p->arena, p->want * sizeof *p->rks);
        p->auxs = rh_arena_alloc(p->arena, p->want * sizeof *p->auxs);
        if (!p->rks || !p->auxs)
            return RH_NOMEM;
        p->cap = p->want;
    }
    enum rh_rc rc = rh_store_key_rks(run->session->conn, p->type, p->number, p->key, from, p->want,
                                     p->rks, p->auxs, &p->n);
    run->seeks++;
    p->windowed = rc == RH_OK;
    p->from = from;
    p->i = 0;
    p->last = p->n < p->want;
    return rc ? rc : rh_run_touch(run, p->n + 1);
}

static enum rh_rc first_point(struct rh_run *run, struct rh_posting *p, uint64_t from,
                              unsigned first, uint64_t *ret)
{
    bool inside =
        p->windowed && from >= p->from && (p->last || (p->n > 0 && from <= p->rks[p->n - 1]));
    if (!inside) {
        enum rh_rc rc = window(run, p, from, first);
        if (rc)
            return rc;
    }
    p->i = (unsigned)gallop(p->rks, p->n, p->i, from);
    *ret = p->i < p->n ? p->rks[p->i] : RH_RK_END;
    p->aux = p->i < p->n ? p->auxs[p->i] : 0;
    return RH_OK;
}

static enum rh_rc first_array(struct rh_posting *p, uint64_t from, uint64_t *ret)
{
    p->i_array = gallop(p->array, p->n_array, p->i_array, from);
    *ret = p->i_array < p->n_array ? p->array[p->i_array] : RH_RK_END;
    return RH_OK;
}

static enum rh_rc first_union(struct rh_run *run, struct rh_posting *p, uint64_t from,
                              uint64_t *ret)
{
    *ret = RH_RK_END;
    for (unsigned i = 0; i < p->n_children; i++) {
        struct rh_posting *c = p->children[i];
        uint64_t at;
        enum rh_rc rc = rh_posting_first(run, c, from, &at);
        if (rc)
            return rc;
        if (at < *ret) {
            *ret = at;
            p->aux = c->aux;
        }
    }
    return RH_OK;
}

/* Children agree by leaping over each other. */
static enum rh_rc first_and(struct rh_run *run, struct rh_posting *p, uint64_t from, uint64_t *ret)
{
    for (uint64_t x = from;;) {
        for (unsigned i = 0, agreed = 0; agreed < p->n_children; i = (i + 1) % p->n_children) {
            uint64_t at;
            enum rh_rc rc = rh_posting_first(run, p->children[i], x, &at);
            if (rc)
                return rc;
            if (at == RH_RK_END) {
                *ret = RH_RK_END;
                return RH_OK;
            }
            agreed = at == x ? agreed + 1 : 1;
            x = at;
        }
        bool out = false;
        for (unsigned i = 0; i < p->n_minus && !out; i++) {
            enum rh_rc rc = rh_posting_has(run, p->minus[i], x, &out);
            if (rc)
                return rc;
        }
        if (!out) {
            *ret = x;
            break;
        }
        x++;
    }
    for (unsigned i = 0; i < p->n_children; i++)
        if (p->children[i]->dated) {
            p->aux = p->children[i]->aux;
            break;
        }
    return RH_OK;
}

static enum rh_rc first_person(struct rh_run *run, struct rh_posting *p, uint64_t from,
                               uint64_t *ret)
{
    uint64_t at, x = from & RH_RK_MASK ? (from | RH_RK_MASK) + 1 : from;
    for (;;) {
        enum rh_rc rc = rh_posting_first(run, p->children[0], x, &at);
        if (rc)
            return rc;
        bool site = at >> RH_RK_BITS == run->site_ordinal;
        if (at == RH_RK_END || (!site && !rh_record_hidden(run->session->record, at)))
            break;
        x = site ? (at | RH_RK_MASK) + 1 : at + 1;
    }
    *ret = at == RH_RK_END ? at : at & ~RH_RK_MASK;
    return RH_OK;
}

static enum rh_rc first_gate(struct rh_run *run, struct rh_posting *p, uint64_t from, uint64_t *ret)
{
    uint64_t at, person = from & ~RH_RK_MASK;
    enum rh_rc rc = rh_posting_first(run, p->children[0], person, &at);
    if (rc)
        return rc;
    if (at == RH_RK_END)
        *ret = at;
    else
        *ret = at >> RH_RK_BITS == person >> RH_RK_BITS ? from : at & ~RH_RK_MASK;
    return RH_OK;
}

/* What the body says of one number, for all conditions that `aux` does not decide. */
static enum rh_rc look(struct rh_run *run, struct rh_posting *p, uint64_t rk, int64_t aux,
                       bool *ret)
{
    struct rh_candidate candidate;
    for (unsigned i = 0; i < p->n_dates + p->n_tests && !p->wished; i++)
        rh_condition_wish(i < p->n_dates ? p->dates[i] : p->tests[i - p->n_dates], &p->wish);
    p->wished = true; /* later there may be fewer tests */
    enum rh_rc rc = rh_run_candidate(run, rk, p->resource, &p->wish, &candidate, ret);
    for (unsigned i = 0; i < p->n_dates + p->n_tests && rc == RH_OK && *ret; i++) {
        if (i < p->n_dates && rh_condition_aux(p->dates[i], aux, ret))
            continue;
        rc = rh_run_test(run, i < p->n_dates ? p->dates[i] : p->tests[i - p->n_dates], &candidate,
                         ret);
    }
    return rc;
}

static enum rh_rc passes(struct rh_run *run, struct rh_posting *p, uint64_t rk, int64_t aux,
                         bool *ret)
{
    bool open = p->n_tests > 0;
    *ret = true;
    for (unsigned i = 0; i < p->n_dates && *ret; i++)
        open |= !rh_condition_aux(p->dates[i], aux, ret);
    if (!*ret || !open)
        return RH_OK;
    run->depth++;
    p->looked++;
    enum rh_rc rc = look(run, p, rk, aux, ret);
    run->depth--;
    p->passed += rc == RH_OK && *ret;
    return rc;
}

/* Bodies are dear: what can be gathered is asked of keys from now on. */
static enum rh_rc gather_tests(struct rh_run *run, struct rh_posting *p)
{
    struct rh_arena *make = run->make;
    unsigned kept = 0, n = 0;
    enum rh_rc rc = RH_OK;
    uint64_t limit = p->all ? RH_POSTING_GATHERED_MAX : RH_FILTER_GATHERED_MAX;
    p->tried = true;
    rc = rh_posting_estimate(run, p->children[0]);
    if (rc)
        return rc;
    if (p->children[0]->estimate < limit / LOOK_ROWS) /* else looking at all of them costs less */
        limit = p->children[0]->estimate * LOOK_ROWS;
    run->make = run->ctx->arena; /* it outlives the candidate for which it may be made */
    struct rh_posting *and = rh_posting_new(run, RH_POSTING_AND);
    struct rh_posting **rows = rh_arena_alloc(run->make, (p->n_tests + 1) * sizeof *rows);
    if (!and || !rows)
        rc = RH_NOMEM;
    for (unsigned i = 0; i < p->n_tests && rc == RH_OK; i++) {
        const struct rh_condition *c = p->tests[i];
        struct rh_posting *gathered = NULL;
        if (c->kind == RH_COND_KEYS && c->proven && !c->negated)
            rc = rh_plan_gather(run, c, limit, &gathered);
        if (gathered)
            rows[n++] = gathered;
        else
            p->tests[kept++] = c;
    }
    run->make = make;
    if (rc || n == 0)
        return rc;
    p->n_tests = kept;
    rows[n++] = p->children[0];
    and->children = rows;
    and->n_children = n;
    and->dated = p->children[0]->dated;
    and->estimate = p->children[0]->estimate;
    p->children[0] = and;
    return RH_OK;
}

/* Where one of a few bodies matches, a page is full before a long range is gathered. */
static enum rh_rc gather_when_dear(struct rh_run *run, struct rh_posting *p)
{
    unsigned looks = rh_run_limits.filter_looks;
    if (p->tried || p->n_tests == 0 || p->looked <= looks ||
        (p->passed * (looks + 1) > p->looked && p->looked < FEW_LOOKS * looks))
        return RH_OK;
    return gather_tests(run, p);
}

static enum rh_rc first_filtered(struct rh_run *run, struct rh_posting *p, uint64_t from,
                                 uint64_t *ret)
{
    for (uint64_t x = from;; x++) {
        bool yes;
        enum rh_rc rc = gather_when_dear(run, p);
        if (rc == RH_OK)
            rc = rh_posting_first(run, p->children[0], x, &x);
        if (rc || x == RH_RK_END) {
            *ret = x;
            return rc;
        }
        p->aux = p->children[0]->aux;
        rc = passes(run, p, x, p->aux, &yes);
        if (rc)
            return rc;
        if (yes) {
            *ret = x;
            return RH_OK;
        }
    }
}

enum rh_rc rh_posting_first(struct rh_run *run, struct rh_posting *p, uint64_t from, uint64_t *ret)
{
    enum rh_rc rc = RH_OK;
    if (from == RH_RK_END) {
        *ret = p->at = RH_RK_END;
        return RH_OK;
    }
    switch (p->kind) {
    case RH_POSTING_POINT:
        /* who leapt over all but one row of the last window is likely to leap again */
        rc =
            first_point(run, p, from, p->windowed && p->i <= 1 ? LEAP_ROWS : RH_POSTING_FIRST, ret);
        break;
    case RH_POSTING_ARRAY:
        rc = first_array(p, from, ret);
        break;
    case RH_POSTING_UNION:
        rc = first_union(run, p, from, ret);
        break;
    case RH_POSTING_AND:
        rc = first_and(run, p, from, ret);
        break;
    case RH_POSTING_PERSONS:
        rc = first_person(run, p, from, ret);
        break;
    case RH_POSTING_GATE:
        rc = first_gate(run, p, from, ret);
        break;
    case RH_POSTING_FILTER:
        rc = first_filtered(run, p, from, ret);
        break;
    }
    p->at = *ret;
    return rc;
}

enum rh_rc rh_posting_has(struct rh_run *run, struct rh_posting *p, uint64_t rk, bool *ret)
{
    uint64_t at;
    *ret = false;
    if (p->kind == RH_POSTING_FILTER) { /* what comes behind it need not be looked for */
        enum rh_rc rc = gather_when_dear(run, p);
        if (rc == RH_OK)
            rc = rh_posting_has(run, p->children[0], rk, ret);
        return rc || !*ret ? rc : passes(run, p, rk, p->children[0]->aux, ret);
    }
    if (p->kind == RH_POSTING_AND) {
        *ret = true;
        for (unsigned i = 0; i < p->n_children && *ret; i++) {
            enum rh_rc rc = rh_posting_has(run, p->children[i], rk, ret);
            if (rc)
                return rc;
            if (p->children[i]->dated)
                p->aux = p->children[i]->aux;
        }
        for (unsigned i = 0; i < p->n_minus && *ret; i++) {
            bool out;
            enum rh_rc rc = rh_posting_has(run, p->minus[i], rk, &out);
            if (rc)
                return rc;
            *ret = !out;
        }
        return RH_OK;
    }
    enum rh_rc rc = p->kind == RH_POSTING_POINT ? first_point(run, p, rk, 1, &p->at)
                                                : rh_posting_first(run, p, rk, &at);
    *ret = rc == RH_OK && p->at == rk;
    return rc;
}

/* --- how many -----------------------------------------------------------------------------------
 */

/* Numbers are dense in persons, so the first rows of a long list tell about how long it is. */
static enum rh_rc estimate_point(struct rh_run *run, struct rh_posting *p)
{
    p->rks = rh_arena_alloc(p->arena, PROBE_ROWS * sizeof *p->rks);
    p->auxs = rh_arena_alloc(p->arena, PROBE_ROWS * sizeof *p->auxs);
    if (!p->rks || !p->auxs)
        return RH_NOMEM;
    p->cap = p->want = PROBE_ROWS;
    enum rh_rc rc = rh_store_key_rks(run->session->conn, p->type, p->number, p->key, 0, p->want,
                                     p->rks, p->auxs, &p->n);
    run->seeks++;
    if (rc)
        return rc;
    p->windowed = true;
    p->from = 0;
    p->last = p->n < p->want;
    p->estimate = p->n;
    if (!p->last) {
        uint64_t first = p->rks[0] >> RH_RK_BITS, last = p->rks[p->n - 1] >> RH_RK_BITS;
        uint64_t persons = last - first + 1;
        uint64_t all = run->last_ordinal > first ? run->last_ordinal - first + 1 : 1;
        p->estimate =
            persons == 1 ? (uint64_t)PROBE_ROWS * PROBE_ROWS : (uint64_t)PROBE_ROWS * all / persons;
        if (p->estimate < PROBE_ROWS)
            p->estimate = PROBE_ROWS;
    }
    return rh_run_touch(run, p->n + 1);
}

enum rh_rc rh_posting_estimate(struct rh_run *run, struct rh_posting *p)
{
    enum rh_rc rc = RH_OK;
    if (p->estimate != UINT64_MAX)
        return RH_OK;
    if (p->kind == RH_POSTING_POINT)
        return estimate_point(run, p);
    for (unsigned i = 0; i < p->n_children && rc == RH_OK; i++)
        rc = rh_posting_estimate(run, p->children[i]);
    if (rc || p->kind == RH_POSTING_GATE || p->n_children == 0)
        return rc;
    uint64_t sum = 0, least = UINT64_MAX;
    for (unsigned i = 0; i < p->n_children; i++) {
        uint64_t n = p->children[i]->estimate;
        sum = sum > UINT64_MAX - n ? UINT64_MAX : sum + n;
        least = n < least ? n : least;
    }
    p->estimate = p->kind == RH_POSTING_UNION ? sum : least;
    return RH_OK;
}

enum rh_rc rh_posting_count(struct rh_run *run, struct rh_posting *p, uint64_t *ret)
{
    uint64_t n = 0;
    enum rh_rc rc = RH_OK;
    for (uint64_t x = 0;; x++) {
        rc = rh_posting_first(run, p, x, &x);
        if (rc || x == RH_RK_END)
            break;
        if (run->grant->all) {
            n += !rh_record_hidden(run->session->record, x);
            continue;
        }
        struct rh_version v;
        bool found;
        rh_arena_reset(run->session->trial);
        rc = rh_run_version(run, x, 0, run->session->trial, &v, &found);
        if (rc)
            break;
        n += found;
    }
    *ret = n;
    return rc;
}
