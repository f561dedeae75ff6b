/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order.c - a page of matches in the order of the query.
 *
 *   by number  no _sort: the posting as it is
 *   ranged     no _sort, one condition on many keys: its keys in order; a resource stands at the
 * first gathered   few matches: the best of all of them walked     many matches: the keys of the
 * first sort in order, each asked whether it matches
 *
 * The last two give the same order, so a page may be made by one and the next by the other: by the
 * keys, those without a value last, then by number (descending where the first key descends). What
 * a page needs does not grow with the number of matches.
 */
#include "base/bytes.h"
#include "record/search_int.h"

#include <stdlib.h>

/* In rows of a posting that is read in order. */
enum { WALK_ROWS = 64, BODY_COST = 80, ROW_COST = 2, SEEK_COST = 10, ARRAY_COST = 1 };

struct page {
    struct rh_run *run;
    const struct rh_query *q;
    const struct rh_plan *plan;
    const struct rh_place *after;
    unsigned type, limit, n;
    struct rh_row *rows;
    struct best *best;           /* of a group of equal first keys, or of all */
    struct rh_arena *rows_arena; /* of the rows of a walk that were read last */
    struct rh_range walked;
    uint64_t walk_rows;                      /* then gathering all would have been cheaper */
    struct rh_key_wish sorts, first, ranged; /* keys of all sorts, of the first, of the condition */
};

static unsigned wanted_type(const struct page *p)
{
    return p->q->contained == RH_CONTAINED_FALSE ? p->type : 0;
}

/* --- places
 * ---------------------------------------------------------------------------------------- */

int rh_place_compare(const struct rh_query *q, const struct rh_place *a, const struct rh_place *b)
{
    bool down = false;
    if (q->n_sorts == 0 && a->range != b->range)
        return a->range < b->range ? -1 : 1;
    for (unsigned i = 0; i < (q->n_sorts ? q->n_sorts : 1); i++) {
        if (a->missing[i] != b->missing[i])
            return a->missing[i] ? 1 : -1;
        int order = a->missing[i] ? 0 : rh_text_cmp(a->keys[i], b->keys[i]);
        bool descending = q->n_sorts && q->sorts[i].descending;
        if (i == 0)
            down = descending && !a->missing[0];
        if (order)
            return descending ? -order : order;
    }
    if (a->rk == b->rk)
        return 0;
    return (a->rk < b->rk) != down ? -1 : 1;
}

static enum rh_rc copy_place(struct rh_arena *a, const struct rh_place *from, unsigned n_keys,
                             struct rh_place *ret)
{
    *ret = *from;
    for (unsigned i = 0; i < n_keys; i++) {
        if (from->missing[i] || from->keys[i].len == 0)
            continue;
        ret->keys[i] = rh_text_copy(a, from->keys[i]);
        if (!ret->keys[i].data)
            return RH_NOMEM;
    }
    return RH_OK;
}

static enum rh_rc emit(struct page *p, const struct rh_place *place)
{
    bool found;
    struct rh_row *row = &p->rows[p->n];
    enum rh_rc rc = rh_run_version(p->run, place->rk, wanted_type(p), p->run->ctx->arena,
                                   &row->version, &found);
    if (rc || !found)
        return rc;
    p->n++;
    return copy_place(p->run->ctx->arena, place, p->q->n_sorts ? p->q->n_sorts : 1, &row->place);
}

/* --- the best of many
 * ------------------------------------------------------------------------------ */

/* A heap of at most `limit` places, the last of them on top. */
struct best {
    const struct rh_query *q;
    struct rh_place *places;
    char (*keys)[RH_KEY_CUT];
    unsigned n, limit;
};

static enum rh_rc best_open(struct page *p)
{
    struct rh_arena *a = p->run->ctx->arena;
    struct best *b = p->best;
    if (!b) { /* room for all groups, of which each has less than the one before */
        size_t most = (size_t)p->limit + 1;
        b = rh_arena_zero(a, sizeof *b);
        if (!b)
            return RH_NOMEM;
        b->q = p->q;
        b->places = rh_arena_alloc(a, most * sizeof *b->places);
        b->keys = rh_arena_alloc(a, most * p->q->n_sorts * RH_KEY_CUT);
        if (!b->places || !b->keys)
            return RH_NOMEM;
        p->best = b;
    }
    b->n = 0;
    b->limit = p->limit - p->n;
    return RH_OK;
}

static void swap_places(struct rh_place *a, struct rh_place *b)
{
    struct rh_place t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(struct best *b, unsigned i)
{
    for (;;) {
        unsigned last = i, l = 2 * i + 1, r = l + 1;
        if (l < b->n && rh_place_compare(b->q, &b->places[l], &b->places[last]) > 0)
            last = l;
        if (r < b->n && rh_place_compare(b->q, &b->places[r], &b->places[last]) > 0)
            last = r;
        if (last == i)
            return;
        swap_places(&b->places[i], &b->places[last]);
        i = last;
    }
}

/* A place's keys lie in the slot that its `range` names. */
static void best_add(struct best *b, const struct rh_place *place)
{
    unsigned n = b->q->n_sorts, at = b->n;
    if (b->limit == 0)
        return;
    if (b->n == b->limit) {
        if (rh_place_compare(b->q, place, &b->places[0]) >= 0)
            return;
        at = b->places[0].range;
    }
    char *keys = b->keys[(size_t)at * n];
    struct rh_place kept = *place;
    kept.range = at;
    for (unsigned i = 0; i < n; i++) {
        if (place->missing[i])
            continue;
        size_t len = place->keys[i].len < RH_KEY_CUT ? place->keys[i].len : RH_KEY_CUT;
        memcpy(keys + (size_t)i * RH_KEY_CUT, place->keys[i].data, len);
        kept.keys[i] = (struct rh_text){keys + (size_t)i * RH_KEY_CUT, len};
    }
    if (b->n == b->limit) {
        b->places[0] = kept;
        sift_down(b, 0);
        return;
    }
    b->places[b->n] = kept;
    for (unsigned i = b->n++; i > 0;) {
        unsigned up = (i - 1) / 2;
        if (rh_place_compare(b->q, &b->places[up], &b->places[i]) >= 0)
            break;
        swap_places(&b->places[up], &b->places[i]);
        i = up;
    }
}

/* Emits them in order and is empty then. */
static enum rh_rc best_emit(struct page *p)
{
    struct best *b = p->best;
    enum rh_rc rc = RH_OK;
    unsigned all = b->n;
    while (b->n > 1) { /* heap sort: the last goes to the end */
        swap_places(&b->places[0], &b->places[b->n - 1]);
        b->n--;
        sift_down(b, 0);
    }
    for (unsigned i = 0; i < all && rc == RH_OK && p->n < p->limit; i++)
        rc = emit(p, &b->places[i]);
    b->n = 0;
    return rc;
}

/* --- keys of one match
 * ------------------------------------------------------------------------------ */

static bool is_main_date(const struct page *p)
{
    return p->q->n_sorts == 1 && p->q->sorts[0].parameter == rh_parameter_main_date(p->type) &&
           p->q->contained == RH_CONTAINED_FALSE;
}

struct own_keys {
    unsigned char instant[RH_KEY_INSTANT_SIZE], id[RH_STORE_ID_MAX + 1];
};

/* The place of a candidate; in its arena. */
static void place_of(const struct rh_query *q, const struct rh_candidate *r, struct own_keys *own,
                     struct rh_place *ret)
{
    for (unsigned i = 0; i < q->n_sorts; i++) {
        ret->missing[i] = false;
        if (q->sorts[i].parameter->number == RH_PARAM_LAST_UPDATED) {
            rh_key_instant(r->updated_us, own->instant);
            ret->keys[i] = (struct rh_text){(const char *)own->instant, sizeof own->instant};
        } else if (q->sorts[i].parameter->number == RH_PARAM_ID) {
            unsigned len = rh_id_key(r->id, own->id);
            ret->keys[i] = (struct rh_text){(const char *)own->id, len};
        } else {
            ret->missing[i] = !rh_sort_key(&q->sorts[i], &r->keys, &ret->keys[i]);
            if (!ret->missing[i] && ret->keys[i].len > RH_KEY_CUT)
                ret->keys[i].len = RH_KEY_CUT;
        }
    }
}

/* All sorts are by time or id: the body need not be taken apart. */
static bool by_head(const struct rh_query *q)
{
    for (unsigned i = 0; i < q->n_sorts; i++)
        if (q->sorts[i].parameter->number > RH_PARAM_LAST_UPDATED)
            return false;
    return true;
}

static enum rh_rc look(struct page *p, uint64_t rk, struct rh_candidate *r, bool *found)
{
    struct rh_version v;
    struct rh_arena *a = rh_run_arena(p->run);
    if (!by_head(p->q) || !a)
        return rh_run_candidate(p->run, rk, wanted_type(p), &p->sorts, r, found);
    rh_arena_reset(a);
    enum rh_rc rc = rh_run_version(p->run, rk, wanted_type(p), a, &v, found);
    if (rc == RH_OK && *found)
        *r = (struct rh_candidate){.type = v.type, .id = v.id, .updated_us = v.time_us};
    return rc ? rc : rh_run_touch(p->run, 2);
}

/* Adds one match to the best when it stands behind the page before. */
static enum rh_rc consider(struct page *p, uint64_t rk, int64_t aux, bool dated)
{
    struct rh_place place = {.set = true, .rk = rk};
    struct rh_candidate r;
    struct own_keys own;
    unsigned char date[RH_KEY_INSTANT_SIZE];
    int64_t lo, hi;
    bool found = true;
    enum rh_rc rc = RH_OK;
    if (dated && rh_aux_span(aux, &lo, &hi)) {
        date[0] = 'l';
        rh_put_i64(date + 1, lo);
        rh_put_i64(date + 9, hi);
        place.keys[0] = (struct rh_text){(const char *)date, sizeof date};
    } else {
        p->run->depth++;
        rc = look(p, rk, &r, &found);
        if (rc == RH_OK && found)
            place_of(p->q, &r, &own, &place);
        p->run->depth--;
    }
    if (rc || !found || (p->after->set && rh_place_compare(p->q, &place, p->after) <= 0))
        return rc;
    best_add(p->best, &place);
    return RH_OK;
}

static enum rh_rc gathered(struct page *p)
{
    struct rh_posting *m = p->plan->posting;
    bool dated = is_main_date(p) && m->dated;
    enum rh_rc rc = best_open(p);
    for (uint64_t x = 0; rc == RH_OK; x++) {
        rc = rh_posting_first(p->run, m, x, &x);
        if (rc || x == RH_RK_END)
            break;
        if (!rh_record_hidden(p->run->session->record, x))
            rc = consider(p, x, m->aux, dated);
    }
    return rc ? rc : best_emit(p);
}

/* --- by number
 * ---------------------------------------------------------------------------------------- */

static enum rh_rc by_number(struct page *p)
{
    enum rh_rc rc = RH_OK;
    struct rh_place place = {.set = true, .missing = {true}};
    for (uint64_t x = p->after->set ? p->after->rk + 1 : 0; rc == RH_OK && p->n < p->limit; x++) {
        rc = rh_posting_first(p->run, p->plan->posting, x, &x);
        if (rc || x == RH_RK_END)
            break;
        place.rk = x;
        rc = emit(p, &place);
    }
    return rc;
}

/* --- walks over keys
 * ------------------------------------------------------------------------------------ */

/* Rows of one range in order; the last row's key has a buffer of its own. */
struct walk {
    struct rh_key_scan scan;
    struct rh_key *rows;
    unsigned n, i, want;
    bool ended;
    uint64_t seen;
    char after[RH_STORE_KEY_MAX];
};

static enum rh_rc next_row(struct page *p, struct walk *w, const struct rh_key **ret)
{
    *ret = NULL;
    if (w->i == w->n && !w->ended) {
        struct rh_arena *a = p->rows_arena;
        rh_arena_reset(a);
        w->rows = rh_arena_alloc(a, w->want * sizeof *w->rows);
        if (!w->rows)
            return RH_NOMEM;
        enum rh_rc rc =
            rh_store_key_scan(p->run->session->conn, &w->scan, w->want, a, w->rows, &w->n);
        p->run->seeks++;
        if (rc == RH_OK)
            rc = rh_run_touch(p->run, w->n + 1);
        if (rc)
            return rc;
        w->i = 0;
        w->ended = w->n < w->want;
        if (w->n > 0) {
            w->scan.has_after = true;
            w->scan.after = (struct rh_text){w->after, w->rows[w->n - 1].bytes.len};
            memcpy(w->after, w->rows[w->n - 1].bytes.data, w->scan.after.len);
            w->scan.after_rk = w->rows[w->n - 1].rk;
        }
        w->want = w->want < RH_CHUNK ? 2 * w->want : RH_CHUNK;
    }
    if (w->i < w->n) {
        *ret = &w->rows[w->i++];
        w->seen++;
    }
    return RH_OK;
}

static bool in_range(const struct rh_range *r, struct rh_text key)
{
    if (r->point)
        return rh_text_eq(key, r->lo);
    return rh_text_cmp(key, r->lo) >= 0 && (!r->hi.data || rh_text_cmp(key, r->hi) < 0);
}

/* Is (range, row) the first place at which this resource stands in the walk? */
static enum rh_rc is_first(struct page *p, unsigned range, const struct rh_key *row, bool *ret)
{
    const struct rh_condition *c = p->plan->ranged;
    struct rh_candidate r;
    p->run->depth++;
    enum rh_rc rc = rh_run_candidate(p->run, row->rk, wanted_type(p), &p->ranged, &r, ret);
    p->run->depth--;
    if (rc || !*ret)
        return rc;
    struct rh_search_key updated = {
        .type = c->ranges[range].type, .number = RH_PARAM_LAST_UPDATED, .bytes = row->bytes};
    bool dated = c->ranges[range].number == RH_PARAM_LAST_UPDATED; /* no body has that key */
    for (unsigned k = 0; k <= range; k++)
        for (unsigned i = 0; i < (dated ? 1 : r.keys.n_own); i++) {
            const struct rh_search_key *key = dated ? &updated : &r.keys.rows[i];
            struct rh_text cut = {key->bytes.data,
                                  key->bytes.len < RH_KEY_CUT ? key->bytes.len : RH_KEY_CUT};
            if (key->type != c->ranges[k].type || key->number != c->ranges[k].number ||
                !in_range(&c->ranges[k], cut) || !rh_condition_key(c, &c->ranges[k], key->bytes))
                continue;
            *ret = k == range && rh_text_eq(cut, row->bytes);
            return RH_OK;
        }
    *ret = false; /* changed meanwhile */
    return RH_OK;
}

static enum rh_rc ranged(struct page *p)
{
    const struct rh_condition *c = p->plan->ranged;
    enum rh_rc rc = RH_OK;
    unsigned from = p->after->set ? p->after->range : 0;
    for (unsigned r = from; r < c->n_ranges && rc == RH_OK && p->n < p->limit; r++) {
        const struct rh_range *range = &c->ranges[r];
        struct walk w = {.want = p->limit + 1 < RH_CHUNK ? p->limit + 1 : RH_CHUNK};
        struct rh_buf end = rh_buf(p->run->ctx->arena);
        rh_buf_text(&end, range->lo);
        rh_buf_char(&end, 0);
        w.scan = (struct rh_key_scan){.type = range->type,
                                      .param = range->number,
                                      .lo = range->lo,
                                      .hi = range->point ? rh_buf_get(&end) : range->hi};
        if (p->after->set && r == from) {
            w.scan.has_after = true;
            w.scan.after = p->after->keys[0];
            w.scan.after_rk = p->after->rk;
        }
        while (p->n < p->limit) {
            const struct rh_key *row;
            bool first = true;
            rc = next_row(p, &w, &row);
            if (rc || !row)
                break;
            if (!rh_condition_key(c, range, row->bytes))
                continue;
            if (!(row->aux & RH_AUX_ONLY) || c->n_ranges > 1)
                rc = is_first(p, r, row, &first);
            if (rc)
                break;
            struct rh_place place = {.set = true, .keys = {row->bytes}, .range = r, .rk = row->rk};
            if (first && (rc = emit(p, &place)))
                break;
        }
    }
    return rc;
}

/* --- in the order of the first sort
 * ----------------------------------------------------------------------- */

/* Can a row that is walked decide the condition, where it is the only one of its parameter? */
static bool decides(const struct page *p, unsigned number, const struct rh_condition *c)
{
    return c->kind == RH_COND_KEYS && c->proven && c->parameter == p->q->sorts[0].parameter &&
           (c->parameter->kind == RH_SP_DATE || number == RH_PARAM_LAST_UPDATED) &&
           c->parameter->n_parts == 0 && c->n_ranges > 0 && c->ranges[0].number == number;
}

/* *all: every condition is decided by the row, so that nothing else has to be asked. */
static bool may_match(struct page *p, const struct rh_key *row, bool *all)
{
    struct rh_search_key key = {
        .type = p->walked.type, .number = p->walked.number, .bytes = row->bytes};
    struct rh_search_keys keys = {.rows = &key, .n = 1, .n_own = 1};
    bool ret = true;
    *all = false;
    if ((!(row->aux & RH_AUX_ONLY) && key.number != RH_PARAM_LAST_UPDATED) ||
        row->bytes.len >= RH_KEY_CUT)
        return true;
    *all = true;
    for (unsigned i = 0; i < p->q->n && ret; i++) {
        const struct rh_condition *c = &p->q->conditions[i];
        if (decides(p, key.number, c))
            ret = rh_condition_keys(c, &keys);
        else
            *all = false;
    }
    return ret;
}

/* Does the row's resource match, and does it stand here? */
static enum rh_rc stands_here(struct page *p, const struct rh_key *row, bool *ret)
{
    const struct rh_sort *sort = &p->q->sorts[0];
    enum rh_rc rc = RH_OK;
    bool all;
    *ret = may_match(p, row, &all);
    if (*ret && !p->plan->whole && !all)
        rc = rh_posting_has(p->run, p->plan->posting, row->rk, ret);
    if (rc || !*ret || row->aux & RH_AUX_ONLY || sort->parameter->number == RH_PARAM_LAST_UPDATED)
        return rc;
    struct rh_candidate r;
    struct rh_text key;
    p->run->depth++;
    rc = rh_run_candidate(p->run, row->rk, wanted_type(p), &p->first, &r, ret);
    if (rc == RH_OK && *ret)
        *ret = rh_sort_key(sort, &r.keys, &key) &&
               rh_text_eq((struct rh_text){key.data, key.len < RH_KEY_CUT ? key.len : RH_KEY_CUT},
                          row->bytes);
    p->run->depth--;
    return rc;
}

/* Resources without a key for the first sort: that have no value, or one that gives no key. */
static enum rh_rc keyless(struct page *p, struct rh_posting **ret)
{
    const struct rh_parameter *first = p->q->sorts[0].parameter;
    struct rh_posting *u = rh_posting_new(p->run, RH_POSTING_UNION);
    struct rh_posting **rows = rh_arena_alloc(p->run->make, 2 * sizeof *rows);
    if (!u || !rows)
        return RH_NOMEM;
    rows[1] = rh_posting_point(p->run, p->walked.type, p->walked.number, RH_TEXT("~"));
    u->children = rows;
    u->n_children = 2;
    *ret = u;
    return rows[1] ? rh_plan_everything(p->run, p->type, first, &rows[0]) : RH_NOMEM;
}

/* Has it a key for the first sort? */
static enum rh_rc has_key(struct page *p, uint64_t rk, bool *ret)
{
    struct rh_candidate r;
    struct rh_text key;
    p->run->depth++;
    enum rh_rc rc = rh_run_candidate(p->run, rk, wanted_type(p), &p->first, &r, ret);
    if (rc == RH_OK && *ret)
        *ret = rh_sort_key(&p->q->sorts[0], &r.keys, &key);
    p->run->depth--;
    return rc;
}

/* They come last, in the order of the other sorts. Shapes do not know added parameters: there the
 * body tells. */
static enum rh_rc without_key(struct page *p)
{
    struct rh_posting *none, both = {.kind = RH_POSTING_AND}, *rows[2];
    bool several = p->q->n_sorts > 1, keyed = false,
         added = p->q->sorts[0].parameter->number >= RH_PARAM_ADDED;
    struct rh_place place = {.set = true, .missing = {true}};
    uint64_t x = p->after->set && p->after->missing[0] && !several ? p->after->rk + 1 : 0;
    enum rh_rc rc = keyless(p, &none);
    rows[0] = none;
    rows[1] = p->plan->posting;
    both.children = rows;
    both.n_children = p->plan->whole ? 1 : 2;
    if (rc == RH_OK && several)
        rc = best_open(p);
    for (; rc == RH_OK && p->n < p->limit; x++) {
        rc = rh_posting_first(p->run, &both, x, &x);
        if (rc || x == RH_RK_END)
            break;
        place.rk = x;
        if (added)
            rc = has_key(p, x, &keyed);
        if (rc == RH_OK && !keyed)
            rc = several ? consider(p, x, 0, false) : emit(p, &place);
    }
    return rc || !several ? rc : best_emit(p);
}

static bool begins(struct rh_text t, char c)
{
    return t.len > 0 && t.data[0] == c;
}

/* Where dates of one value are walked, a condition on them says where matches can stand: in its
 * ranges of 'l' keys, unless one of its others (of spans) has a row. */
static enum rh_rc narrow(struct page *p, const struct rh_condition *c, struct rh_range *walk)
{
    struct rh_text lo = {NULL, 0}, hi = {NULL, 0};
    enum rh_rc rc = RH_OK;
    unsigned any = 0;
    for (unsigned i = 0; i < c->n_ranges && rc == RH_OK && !any; i++) {
        const struct rh_range *r = &c->ranges[i];
        bool inside = begins(r->lo, 'l') && !r->point &&
                      (begins(r->hi, 'l') || rh_text_eq(r->hi, RH_TEXT("m")));
        if (r->number != walk->number || r->type != walk->type)
            return RH_OK;
        if (!inside) {
            struct rh_key key;
            struct rh_key_scan scan = {
                .type = r->type, .param = r->number, .lo = r->lo, .hi = r->hi};
            if (r->point || !r->hi.data)
                return RH_OK;
            rc = rh_store_key_scan(p->run->session->conn, &scan, 1, p->run->make, &key, &any);
            rc = rc ? rc : rh_run_touch(p->run, 2);
            continue;
        }
        lo = !lo.data || rh_text_cmp(r->lo, lo) < 0 ? r->lo : lo;
        hi = !hi.data || rh_text_cmp(r->hi, hi) > 0 ? r->hi : hi;
    }
    if (rc || any || !lo.data)
        return rc;
    if (rh_text_cmp(lo, walk->lo) > 0)
        walk->lo = lo;
    if (rh_text_cmp(hi, walk->hi) < 0)
        walk->hi = hi;
    return RH_OK;
}

static enum rh_rc narrow_all(struct page *p, struct rh_range *walk)
{
    const struct rh_sort *sort = &p->q->sorts[0];
    enum rh_rc rc = RH_OK;
    if (!begins(walk->lo, 'l') || !walk->hi.data || !rh_sort_single(sort, p->type))
        return RH_OK;
    for (unsigned i = 0; i < p->q->n && rc == RH_OK; i++) {
        const struct rh_condition *c = &p->q->conditions[i];
        if (c->kind == RH_COND_KEYS && !c->negated && c->parameter == sort->parameter)
            rc = narrow(p, c, walk);
    }
    return rc;
}

static enum rh_rc walk_open(struct page *p, struct walk *w, bool *usable)
{
    struct rh_range range, more[2];
    const struct rh_sort *sort = &p->q->sorts[0];
    *usable = true;
    if (sort->parameter->number == RH_PARAM_LAST_UPDATED)
        range = (struct rh_range){.type = (uint16_t)p->type,
                                  .number = RH_PARAM_LAST_UPDATED,
                                  .lo = RH_TEXT("l"),
                                  .hi = RH_TEXT("m")};
    else if (sort->parameter->number == RH_PARAM_ID || rh_sort_ranges(sort, p->type, more, 2) != 1)
        *usable = false;
    else
        range = more[0];
    if (!*usable)
        return RH_OK;
    enum rh_rc rc = narrow_all(p, &range);
    if (rc)
        return rc;
    p->walked = range;
    *w = (struct walk){.want = p->limit < WALK_ROWS ? WALK_ROWS : RH_CHUNK};
    w->scan = (struct rh_key_scan){.type = range.type,
                                   .param = range.number,
                                   .lo = range.lo,
                                   .hi = range.hi,
                                   .descending = sort->descending};
    if (!p->after->set || p->after->missing[0])
        return RH_OK;
    if (p->q->n_sorts == 1) {
        w->scan.has_after = true;
        w->scan.after = p->after->keys[0];
        w->scan.after_rk = p->after->rk;
    } else if (!sort->descending) {
        w->scan.lo = p->after->keys[0];
    } else {
        struct rh_buf end = rh_buf(p->run->ctx->arena);
        rh_buf_text(&end, p->after->keys[0]);
        rh_buf_char(&end, 0);
        w->scan.hi = rh_buf_get(&end);
        return end.rc;
    }
    return RH_OK;
}

/* *ended is false when it gave up: too few of the rows match. */
static enum rh_rc walked(struct page *p, struct walk *w, bool *ended)
{
    char group_key[RH_STORE_KEY_MAX];
    struct rh_text group = {NULL, 0};
    bool several = p->q->n_sorts > 1;
    enum rh_rc rc = RH_OK;
    *ended = true;
    while (rc == RH_OK && p->n < p->limit && !(p->after->set && p->after->missing[0])) {
        const struct rh_key *row;
        bool yes;
        rc = next_row(p, w, &row);
        if (rc || (!row && !several))
            break;
        if (several && group.data && (!row || !rh_text_eq(row->bytes, group))) {
            rc = best_emit(p);
            group.data = NULL;
        }
        if (rc || !row || p->n == p->limit)
            break;
        if (w->seen > p->walk_rows && !p->plan->whole) {
            *ended = false;
            return RH_OK;
        }
        rc = stands_here(p, row, &yes);
        if (rc || !yes)
            continue;
        if (several) {
            if (!group.data)
                rc = best_open(p);
            group = (struct rh_text){group_key, row->bytes.len};
            memcpy(group_key, row->bytes.data, group.len);
            rc = rc ? rc : consider(p, row->rk, 0, false);
        } else {
            struct rh_place place = {.set = true, .keys = {row->bytes}, .rk = row->rk};
            rc = emit(p, &place);
        }
    }
    if (rc || p->n == p->limit || p->walked.number == RH_PARAM_LAST_UPDATED)
        return rc;
    return without_key(p);
}

/* What it costs to ask a posting for a number at any place. */
static unsigned cost_of_has(const struct rh_posting *m)
{
    unsigned cost = 0;
    if (m->kind == RH_POSTING_POINT)
        return m->last ? ARRAY_COST : SEEK_COST;
    if (m->kind == RH_POSTING_ARRAY)
        return ARRAY_COST;
    for (unsigned i = 0; i < m->n_children + m->n_minus && cost < 8 * SEEK_COST; i++)
        cost += cost_of_has(i < m->n_children ? m->children[i] : m->minus[i - m->n_children]);
    return cost;
}

/* Is it cheaper to walk than to gather? In rows looked at. */
static enum rh_rc worth_walking(struct page *p, bool *ret)
{
    struct rh_posting *m = p->plan->posting;
    uint64_t all;
    enum rh_rc rc = rh_store_count(p->run->session->conn, (uint16_t)p->type, &all);
    if (rc == RH_OK)
        rc = rh_posting_estimate(p->run, m);
    if (rc)
        return rc;
    uint64_t matches = p->plan->whole || m->estimate > all ? all : m->estimate;
    bool dated = is_main_date(p) && m->dated;
    if (matches == 0)
        matches = 1;
    double gather = (double)matches * (dated ? 1 : BODY_COST);
    bool alone = true;
    for (unsigned i = 0; i < p->q->n; i++)
        alone &= decides(p, p->q->sorts[0].parameter->number, &p->q->conditions[i]);
    double look = ROW_COST + (p->plan->whole || alone ? 0 : cost_of_has(m));
    double walk = (double)p->limit *
                  ((double)all / (double)matches * look + (p->q->n_sorts > 1 ? BODY_COST : 0));
    p->walk_rows = (uint64_t)(gather / look / 2);
    if (p->walk_rows > rh_run_limits.walk_rows)
        p->walk_rows = rh_run_limits.walk_rows;
    *ret = matches > rh_run_limits.few_matches / (dated ? 1 : 8) && walk < gather;
    return RH_OK;
}

static enum rh_rc sorted(struct page *p, const char **how)
{
    struct walk w;
    bool walk, usable = false, ended = false;
    enum rh_rc rc = worth_walking(p, &walk);
    /* what contains a match may be of another type, whose keys are no part of the walk */
    if (rc == RH_OK && walk && p->q->contained == RH_CONTAINED_FALSE)
        rc = walk_open(p, &w, &usable);
    if (rc == RH_OK && usable) {
        *how = "walked in the order of the first _sort";
        rc = walked(p, &w, &ended);
    }
    if (rc || ended)
        return rc;
    *how = "all matches gathered, the first of the order kept";
    p->n = 0;
    return gathered(p);
}

enum rh_rc rh_order_page(struct rh_run *run, const struct rh_query *q, unsigned type,
                         const struct rh_plan *plan, const struct rh_place *after, unsigned limit,
                         struct rh_row *rows, unsigned *n, const char **how)
{
    struct page p = {.run = run,
                     .q = q,
                     .plan = plan,
                     .after = after,
                     .type = type,
                     .limit = limit,
                     .rows = rows};
    enum rh_rc rc;
    for (unsigned i = 0; i < q->n_sorts; i++)
        rh_sort_wish(&q->sorts[i], i == 0 ? &p.first : &p.sorts);
    for (unsigned i = 0; i < p.first.n; i++)
        rh_key_wish_add(&p.sorts, p.first.numbers[i]);
    p.sorts.all |= p.first.all;
    for (unsigned i = 0; plan->ranged && i < plan->ranged->n_ranges; i++)
        rh_key_wish_add(&p.ranged, plan->ranged->ranges[i].number);
    run->depth++; /* the rows of a walk; candidates lie deeper */
    p.rows_arena = rh_run_arena(run);
    if (!p.rows_arena) {
        rc = RH_NOMEM;
    } else if (plan->ranged) {
        *how = "keys of the only condition in their order";
        rc = ranged(&p);
    } else if (q->n_sorts == 0) {
        *how = "in the order of numbers";
        rc = by_number(&p);
    } else {
        rc = sorted(&p, how);
    }
    run->depth--;
    *n = p.n;
    return rc;
}
