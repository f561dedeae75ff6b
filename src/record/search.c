/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search.c - running a search: the conditions of search/query.h over the keys of the store.
 *
 *   by id      conditions on _id: the heads of those ids, in the order of ids
 *   listing    no condition: heads in the order of ids, or the keys of _lastUpdated in their order
 *   driven     else: the ranges of the condition with the fewest keys (a capped probe) are scanned
 * in order; every row is checked against its head (a key may stand before its head is published),
 * and the other conditions against the body
 *
 * A resource with several keys in the ranges appears at the first of them: its keys are made again
 * from the body and the row is passed over unless it is that first one. So a page needs no memory
 * of the pages before it, and a cursor is the place of the last row: paging stays stable while
 * writes go on. Every chunk of at most RH_CHUNK rows is a read transaction of its own.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/record_int.h"

#include <limits.h>
#include <stdlib.h>

enum { CURSOR_VERSION = 1, PROBE_ROWS = 200 };

enum walk_kind { WALK_IDS, WALK_LIST, WALK_KEYS };

/* Where a walk stands. For WALK_KEYS the driver's range and the last row; for the others the last
 * id. */
struct walk {
    enum walk_kind kind;
    const struct rh_condition *driver; /* WALK_KEYS; NULL: all keys of _lastUpdated */
    struct rh_range all;               /* the one range when driver is NULL */
    bool descending;
    unsigned range;
    bool has_after;
    struct rh_text after;
    uint64_t after_rk;
    bool ended;
};

struct search {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_grant *grant;
    const struct rh_query *query;
    struct walk walk;
    unsigned chunk; /* rows of the next read transaction */
};

/* One match. */
struct match {
    struct rh_head head;
    struct rh_version version;
    bool has_version;
    struct rh_text key; /* place of the row, for the cursor */
    unsigned range;
};

/* --- matching ----------------------------------------------------------------------------------
 */

static unsigned ranges_of(const struct walk *w)
{
    return w->driver ? w->driver->n_ranges : 1;
}

static struct rh_range range_of(const struct walk *w, unsigned i)
{
    return w->driver ? w->driver->ranges[i] : w->all;
}

static struct rh_text cut(struct rh_text bytes)
{
    return (struct rh_text){bytes.data, bytes.len < RH_KEY_CUT ? bytes.len : RH_KEY_CUT};
}

static bool in_range(struct rh_text key, struct rh_range r)
{
    return rh_text_cmp(key, r.lo) >= 0 && (!r.hi.data || rh_text_cmp(key, r.hi) < 0);
}

/* True when (range, key) is the first place in the walk at which this resource matches the driver.
 */
static bool is_first(const struct walk *w, const struct rh_search_keys *keys, unsigned range,
                     struct rh_text key)
{
    for (unsigned r = 0; r <= range; r++)
        for (unsigned i = 0; i < keys->n; i++) {
            struct rh_text k = cut(keys->rows[i].bytes);
            if (keys->rows[i].parameter != w->driver->parameter || !in_range(k, range_of(w, r)) ||
                !rh_condition_key(w->driver, keys->rows[i].bytes))
                continue;
            return r == range && rh_text_eq(k, key); /* keys are sorted, so this is the first */
        }
    return false;
}

/* The same for _lastUpdated, of which a resource has one key. */
static bool in_earlier_range(const struct walk *w, unsigned range, struct rh_text key)
{
    for (unsigned r = 0; r < range; r++)
        if (in_range(key, range_of(w, r)))
            return true;
    return false;
}

/* In the arena of one candidate: most are looked at and passed over. */
static enum rh_rc keys_of_candidate(struct search *s, struct match *m, struct rh_search_keys *ret)
{
    struct rh_ctx ctx = *s->ctx;
    rh_arena_reset(s->session->trial);
    ctx.arena = s->session->trial;
    enum rh_rc rc = rh_version_of_head(s->session, &m->head, ctx.arena, &m->version);
    m->has_version = rc == RH_OK;
    return rc ? rc : rh_keys_of_body(&ctx, m->head.type, m->version.body, ret);
}

static enum rh_rc keep_version(struct search *s, struct match *m)
{
    m->version.id = m->head.id;
    m->version.body = rh_text_copy(s->ctx->arena, m->version.body);
    return m->version.body.data ? RH_OK : RH_NOMEM;
}

/* Does the resource of a head match everything? Reads the body only where that is needed. */
static enum rh_rc matches(struct search *s, struct match *m, bool *ret)
{
    const struct rh_query *q = s->query;
    const struct walk *w = &s->walk;
    struct rh_search_keys keys = {NULL, 0};
    unsigned others = 0;
    *ret = false;
    if (m->head.deleted || m->head.type != q->type ||
        !rh_grant_row(s->grant, m->head.part, m->head.type))
        return RH_OK;
    for (unsigned i = 0; i < q->n; i++)
        others += &q->conditions[i] != w->driver &&
                  q->conditions[i].parameter->number > RH_PARAM_LAST_UPDATED;
    bool from_body = w->driver && w->driver->parameter->number > RH_PARAM_LAST_UPDATED;
    bool ordered = !from_body || (w->driver->single && w->driver->n_ranges == 1);
    if (w->kind == WALK_KEYS && !from_body && in_earlier_range(w, m->range, m->key))
        return RH_OK;
    if (others > 0 || !ordered) {
        enum rh_rc rc = keys_of_candidate(s, m, &keys);
        if (rc)
            return rc;
    }
    if (!ordered && !is_first(w, &keys, m->range, m->key))
        return RH_OK;
    for (unsigned i = 0; i < q->n; i++)
        if ((&q->conditions[i] != w->driver || !ordered) && /* its key may have been cut */
            !rh_condition_match(&q->conditions[i], &keys, m->head.id, m->head.time_us))
            return RH_OK;
    *ret = true;
    return m->has_version ? keep_version(s, m) : RH_OK;
}

/* --- the three walks ---------------------------------------------------------------------------
 */

struct chunk {
    struct match *rows;
    unsigned n;
};

static enum rh_rc next_ids(struct search *s, struct chunk *c)
{
    struct walk *w = &s->walk;
    for (unsigned i = 0; i < s->query->n; i++) {
        const struct rh_condition *cond = &s->query->conditions[i];
        if (cond->parameter->number != RH_PARAM_ID)
            continue;
        for (unsigned k = 0; k < cond->n_ids && c->n < s->chunk; k++) {
            if (w->has_after && rh_text_cmp(cond->ids[k], w->after) <= 0)
                continue;
            struct match *m = &c->rows[c->n];
            *m = (struct match){.key = cond->ids[k]};
            enum rh_rc rc = rh_store_head_get(s->session->conn, (uint16_t)s->query->type,
                                              cond->ids[k], s->ctx->arena, &m->head);
            if (rc == RH_OK)
                c->n++;
            else if (rc != RH_NOTFOUND)
                return rc;
        }
        break;
    }
    w->ended = c->n < s->chunk;
    return RH_OK;
}

static enum rh_rc next_listed(struct search *s, struct chunk *c)
{
    struct walk *w = &s->walk;
    struct rh_head *heads = rh_arena_alloc(s->ctx->arena, s->chunk * sizeof *heads);
    unsigned n = s->chunk;
    if (!heads)
        return RH_NOMEM;
    enum rh_rc rc = rh_store_head_scan(s->session->conn, (uint16_t)s->query->type, w->after,
                                       s->chunk, s->ctx->arena, heads, &n);
    if (rc)
        return rc;
    for (unsigned i = 0; i < n; i++)
        c->rows[c->n++] = (struct match){.head = heads[i], .key = heads[i].id};
    w->ended = n < s->chunk;
    return RH_OK;
}

static enum rh_rc next_keys(struct search *s, struct chunk *c)
{
    struct walk *w = &s->walk;
    struct rh_key *keys = rh_arena_alloc(s->ctx->arena, s->chunk * sizeof *keys);
    if (!keys)
        return RH_NOMEM;
    while (w->range < ranges_of(w) && c->n == 0) {
        struct rh_range r = range_of(w, w->range);
        unsigned n = s->chunk;
        struct rh_key_scan scan = {
            .type = (uint16_t)s->query->type,
            .param = w->driver ? w->driver->parameter->number : RH_PARAM_LAST_UPDATED,
            .lo = r.lo,
            .hi = r.hi,
            .has_after = w->has_after,
            .after = w->after,
            .after_rk = w->after_rk,
            .descending = w->descending,
        };
        enum rh_rc rc =
            rh_store_key_scan(s->session->conn, &scan, s->chunk, s->ctx->arena, keys, &n);
        if (rc)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            struct match *m = &c->rows[c->n];
            *m = (struct match){.key = keys[i].bytes, .range = w->range};
            if (w->driver && !rh_condition_key(w->driver, keys[i].bytes))
                continue;
            rc = rh_store_head_rk(s->session->conn, keys[i].rk, s->ctx->arena, &m->head);
            if (rc == RH_OK)
                c->n++;
            else if (rc != RH_NOTFOUND) /* a key before its head is published */
                return rc;
        }
        if (n > 0) {
            w->has_after = true;
            w->after = keys[n - 1].bytes;
            w->after_rk = keys[n - 1].rk;
        }
        if (n < s->chunk) {
            w->range++;
            w->has_after = false;
        }
    }
    w->ended = w->range >= ranges_of(w);
    return RH_OK;
}

/* The next rows of the walk that match, in one read transaction. A reader begins one; the writer is
 * in its own already. */
static enum rh_rc next_chunk(struct search *s, bool begin, struct chunk *c)
{
    /* A page is often full after its first rows; where few match, the next look is longer. */
    static enum rh_rc (*const next[])(struct search *, struct chunk *) = {next_ids, next_listed,
                                                                          next_keys};
    c->n = 0;
    enum rh_rc rc = begin ? rh_store_begin(s->session->conn) : RH_OK;
    if (rc == RH_OK)
        rc = next[s->walk.kind](s, c);
    unsigned kept = 0;
    for (unsigned i = 0; i < c->n && rc == RH_OK; i++) {
        bool yes;
        rc = matches(s, &c->rows[i], &yes);
        if (rc == RH_OK && yes)
            c->rows[kept++] = c->rows[i];
    }
    if (begin)
        rh_store_rollback(s->session->conn);
    if (s->walk.kind != WALK_KEYS && c->n > 0) {
        s->walk.has_after = true;
        s->walk.after = c->rows[c->n - 1].key;
    }
    s->chunk = s->chunk < RH_CHUNK / 2 ? 2 * s->chunk : RH_CHUNK;
    c->n = kept;
    return rc;
}

/* --- choosing the walk -------------------------------------------------------------------------
 */

/* Keys in the ranges of a condition, counted up to PROBE_ROWS. */
static enum rh_rc probe(struct search *s, const struct rh_condition *c, unsigned *ret)
{
    struct rh_key *keys = rh_arena_alloc(s->ctx->arena, PROBE_ROWS * sizeof *keys);
    if (!keys)
        return RH_NOMEM;
    *ret = 0;
    for (unsigned i = 0; i < c->n_ranges && *ret < PROBE_ROWS; i++) {
        unsigned n = PROBE_ROWS;
        struct rh_key_scan scan = {.type = (uint16_t)s->query->type,
                                   .param = c->parameter->number,
                                   .lo = c->ranges[i].lo,
                                   .hi = c->ranges[i].hi};
        enum rh_rc rc =
            rh_store_key_scan(s->session->conn, &scan, PROBE_ROWS, s->ctx->arena, keys, &n);
        if (rc)
            return rc;
        *ret += n;
    }
    return RH_OK;
}

static enum rh_rc choose_walk(struct search *s)
{
    const struct rh_query *q = s->query;
    struct walk *w = &s->walk;
    unsigned fewest = UINT_MAX;
    *w = (struct walk){.kind = WALK_LIST};
    for (unsigned i = 0; i < q->n; i++)
        if (q->conditions[i].parameter->number == RH_PARAM_ID) {
            w->kind = WALK_IDS;
            w->driver = &q->conditions[i];
            return RH_OK;
        }
    for (unsigned i = 0; i < q->n; i++) {
        unsigned n = 0;
        enum rh_rc rc = q->n == 1 ? RH_OK : probe(s, &q->conditions[i], &n);
        if (rc)
            return rc;
        if (n < fewest) {
            fewest = n;
            w->driver = &q->conditions[i];
            w->kind = WALK_KEYS;
        }
    }
    if (q->n == 0 && q->sort >= RH_SORT_UPDATED) {
        w->kind = WALK_KEYS;
        w->all.lo = RH_TEXT("");
    }
    if (w->kind == WALK_KEYS && q->sort == RH_SORT_UPDATED_DESC &&
        (!w->driver ||
         (w->driver->parameter->number == RH_PARAM_LAST_UPDATED && w->driver->n_ranges == 1)))
        w->descending = true;
    return RH_OK;
}

/* True when the walk itself gives the order that was asked for. */
static bool in_order(const struct search *s)
{
    const struct walk *w = &s->walk;
    bool by_time = w->kind == WALK_KEYS &&
                   (!w->driver || (w->driver->parameter->number == RH_PARAM_LAST_UPDATED &&
                                   w->driver->n_ranges == 1));
    switch (s->query->sort) {
    case RH_SORT_NONE:
        return true;
    case RH_SORT_ID:
        return w->kind != WALK_KEYS;
    case RH_SORT_UPDATED:
        return by_time && !w->descending;
    case RH_SORT_UPDATED_DESC:
        return by_time && w->descending;
    }
    return false;
}

/* --- cursors -----------------------------------------------------------------------------------
 */

/* version, kind, driver's index, range u16, rk u64, hash of the search u64, then the key or id. */
enum { CURSOR_HEAD = 21 };

static uint64_t query_hash(const struct search *s)
{
    struct rh_buf b = rh_buf(s->ctx->arena);
    rh_buf_printf(&b, "%u?", s->query->type);
    rh_buf_text(&b, s->query->self);
    return rh_hash_system(rh_buf_get(&b));
}

static unsigned driver_index(const struct search *s)
{
    return s->walk.driver ? (unsigned)(s->walk.driver - s->query->conditions) : 255;
}

static enum rh_rc write_cursor(const struct search *s, const struct match *last,
                               struct rh_text *ret)
{
    struct rh_buf b = rh_buf(s->ctx->arena);
    unsigned char head[CURSOR_HEAD] = {CURSOR_VERSION, (unsigned char)s->walk.kind,
                                       (unsigned char)driver_index(s)};
    rh_put_u16(head + 3, (uint16_t)last->range);
    rh_put_u64(head + 5, last->head.rk);
    rh_put_u64(head + 13, query_hash(s));
    rh_buf_add(&b, head, sizeof head);
    rh_buf_text(&b, last->key);
    return b.rc ? b.rc : rh_cursor_write(s->ctx->arena, b.data, b.len, ret);
}

static enum rh_rc read_cursor(struct search *s)
{
    const unsigned char *p;
    size_t len;
    struct walk *w = &s->walk;
    enum rh_rc rc = rh_cursor_read(s->ctx->arena, s->ctx->issues, s->query->cursor, &p, &len);
    if (rc)
        return rc;
    if (len < CURSOR_HEAD || p[0] != CURSOR_VERSION || rh_get_u64(p + 13) != query_hash(s) ||
        p[1] > WALK_KEYS || (p[2] != 255 && p[2] >= s->query->n))
        return rh_issue_add(s->ctx->issues, RH_QUERY, NULL,
                            "_cursor belongs to another search: follow the \"next\" link as it is");
    bool descending = w->descending;
    *w = (struct walk){
        .kind = (enum walk_kind)p[1],
        .driver = p[2] == 255 ? NULL : &s->query->conditions[p[2]],
        .all = {RH_TEXT(""), {NULL, 0}},
        .descending = descending,
        .range = rh_get_u16(p + 3),
        .has_after = true,
        .after = {(const char *)p + CURSOR_HEAD, len - CURSOR_HEAD},
        .after_rk = rh_get_u64(p + 5),
    };
    w->ended = w->kind == WALK_KEYS && w->range >= ranges_of(w);
    return RH_OK;
}

/* --- a page ------------------------------------------------------------------------------------
 */

static enum rh_rc add_version(struct search *s, const struct match *m, struct rh_page *page)
{
    if (m->has_version) {
        page->rows[page->n++] = m->version;
        return RH_OK;
    }
    enum rh_rc rc = rh_version_of_head(s->session, &m->head, s->ctx->arena, &page->rows[page->n]);
    if (rc == RH_OK)
        page->n++;
    return rc;
}

static enum rh_rc open_chunk(struct search *s, struct chunk *c)
{
    c->rows = rh_arena_alloc(s->ctx->arena, RH_CHUNK * sizeof *c->rows);
    return c->rows ? RH_OK : RH_NOMEM;
}

/* Fills a page in the order of the walk; one more match than fits tells that there is a next page.
 */
static enum rh_rc walk_page(struct search *s, struct rh_page *page)
{
    struct chunk c;
    struct match last = {0};
    s->chunk = s->query->count < RH_CHUNK ? s->query->count + 1 : RH_CHUNK;
    enum rh_rc rc = open_chunk(s, &c);
    while (rc == RH_OK && !s->walk.ended) {
        rc = next_chunk(s, true, &c);
        for (unsigned i = 0; i < c.n && rc == RH_OK; i++) {
            if (page->n == s->query->count)
                return write_cursor(s, &last, &page->next);
            rc = add_version(s, &c.rows[i], page);
            last = c.rows[i];
        }
    }
    return rc;
}

/* --- everything that matches: for counts and for another order ----------------------------------
 */

struct all {
    struct rh_head *rows;
    size_t n, cap;
};

/* keep == NULL: they are counted only. */
static enum rh_rc gather(struct search *s, struct rh_arena *keep, size_t max, struct all *all)
{
    struct chunk c;
    struct rh_arena *work =
        rh_arena_open(RH_SCRATCH_BYTES); /* what a chunk needs is dropped with it */
    struct rh_arena *arena = s->ctx->arena;
    c.rows = rh_arena_alloc(arena, RH_CHUNK * sizeof *c.rows);
    char after[RH_STORE_KEY_MAX];
    enum rh_rc rc = c.rows ? RH_OK : RH_NOMEM;
    s->ctx->arena = work;
    s->chunk = RH_CHUNK;
    while (rc == RH_OK && !s->walk.ended) {
        rc = next_chunk(s, true, &c);
        if (rc == RH_OK && all->n + c.n > max)
            rc = rh_issue_add(s->ctx->issues, RH_TOOLARGE, NULL,
                              "the search matches more than %zu resources: add a condition", max);
        if (rc == RH_OK && !keep) {
            all->n += c.n;
            c.n = 0;
        } else if (rc == RH_OK && all->n + c.n > all->cap) {
            struct rh_head *grown =
                rh_arena_grow(keep, all->rows, &all->cap, all->n + c.n, sizeof *all->rows);
            if (grown)
                all->rows = grown;
            else
                rc = RH_NOMEM;
        }
        for (unsigned i = 0; i < c.n && rc == RH_OK; i++) {
            struct rh_head h = c.rows[i].head;
            h.id = rh_text_copy(keep, h.id);
            all->rows[all->n++] = h;
        }
        if (s->walk.after.len > sizeof after)
            rc = RH_INTERNAL;
        if (rc == RH_OK && s->walk.after.len > 0)
            s->walk.after.data = memcpy(after, s->walk.after.data, s->walk.after.len);
        rh_arena_reset(work);
    }
    s->ctx->arena = arena;
    rh_arena_close(work);
    return rc;
}

static int by_time(const void *a, const void *b)
{
    const struct rh_head *x = a, *y = b;
    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? -1 : 1;
    return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static int by_time_desc(const void *a, const void *b)
{
    return by_time(b, a);
}

static int by_id(const void *a, const void *b)
{
    return rh_text_cmp(((const struct rh_head *)a)->id, ((const struct rh_head *)b)->id);
}

/* Another order than the walk's: all matches are gathered and sorted; the cursor is the last row's
 * time and entry, or id. */
static enum rh_rc sorted_page(struct search *s, struct rh_page *page)
{
    struct all all = {0};
    struct rh_text cursor = s->query->cursor;
    const unsigned char *p = NULL;
    size_t len = 0, i = 0;
    enum rh_rc rc = RH_OK;
    if (cursor.len > 0)
        rc = rh_cursor_read(s->ctx->arena, s->ctx->issues, cursor, &p, &len);
    if (rc == RH_OK && p &&
        (len < 16 || p[0] == CURSOR_VERSION)) /* a walk's; times begin with another byte */
        rc = rh_issue_add(s->ctx->issues, RH_QUERY, NULL,
                          "_cursor belongs to another search: follow the \"next\" link as it is");
    if (rc == RH_OK)
        rc = gather(s, s->ctx->arena, RH_SEARCH_SORTED_MAX, &all);
    if (rc)
        return rc;
    int (*order)(const void *, const void *) = s->query->sort == RH_SORT_ID        ? by_id
                                               : s->query->sort == RH_SORT_UPDATED ? by_time
                                                                                   : by_time_desc;
    if (all.n > 0)
        qsort(all.rows, all.n, sizeof *all.rows, order);
    if (p) {
        struct rh_head last = {.time_us = rh_get_i64(p),
                               .entry = rh_get_u64(p + 8),
                               .id = {(const char *)p + 16, len - 16}};
        while (i < all.n && order(&all.rows[i], &last) <= 0)
            i++;
    } else {
        page->has_total = true;
        page->total = all.n;
    }
    for (; i < all.n && page->n < s->query->count && rc == RH_OK; i++)
        rc = add_version(s, &(struct match){.head = all.rows[i]}, page);
    if (rc || i == all.n || i == 0)
        return rc;
    struct rh_buf b = rh_buf(s->ctx->arena);
    unsigned char head[16];
    rh_put_i64(head, all.rows[i - 1].time_us);
    rh_put_u64(head + 8, all.rows[i - 1].entry);
    rh_buf_add(&b, head, sizeof head);
    rh_buf_text(&b, all.rows[i - 1].id);
    return b.rc ? b.rc : rh_cursor_write(s->ctx->arena, b.data, b.len, &page->next);
}

static enum rh_rc count_all(struct search *s, struct rh_page *page)
{
    page->has_total = true;
    if (s->query->n == 0 && s->grant->all)
        return rh_store_count(s->session->conn, (uint16_t)s->query->type, &page->total);
    struct all all = {0};
    struct search again = *s;
    enum rh_rc rc = choose_walk(&again);
    if (rc == RH_OK)
        rc = gather(&again, NULL, RH_SEARCH_COUNT_MAX, &all);
    page->total = all.n;
    return rc;
}

static enum rh_rc note(struct search *s, const struct rh_caller *caller, const struct rh_page *page)
{
    struct rh_buf what = rh_buf(s->ctx->arena);
    rh_buf_str(&what, rh_resource_type(s->query->type)->name);
    rh_buf_char(&what, '?');
    rh_buf_text(&what, s->query->self);
    return what.rc ? what.rc
                   : rh_audit_page(s->session->record, s->ctx, caller, RH_ACTION_SEARCH,
                                   rh_buf_get(&what), page);
}

static enum rh_rc run(struct search *s, struct rh_page *page)
{
    const struct rh_query *q = s->query;
    bool first = q->cursor.len == 0;
    enum rh_rc rc = choose_walk(s);
    if (rc)
        return rc;
    if (q->count > 0 && q->summary != RH_SUMMARY_COUNT) {
        page->rows = rh_arena_alloc(s->ctx->arena, q->count * sizeof *page->rows);
        if (!page->rows)
            return RH_NOMEM;
        if (!in_order(s)) {
            rc = sorted_page(s, page);
        } else {
            if (!first)
                rc = read_cursor(s);
            if (rc == RH_OK)
                rc = walk_page(s, page);
        }
        if (rc)
            return rc;
        if (first && page->next.len == 0) {
            page->has_total = true;
            page->total = page->n;
        }
    }
    bool wanted = q->summary == RH_SUMMARY_COUNT || q->count == 0 ||
                  q->total == RH_TOTAL_ACCURATE || q->total == RH_TOTAL_ESTIMATE ||
                  (q->n == 0 && q->total == RH_TOTAL_DEFAULT);
    if (q->total == RH_TOTAL_NONE && q->summary != RH_SUMMARY_COUNT && q->count > 0) {
        page->has_total = false;
        return RH_OK;
    }
    return wanted && !page->has_total ? count_all(s, page) : RH_OK;
}

enum rh_rc rh_record_search(struct rh_session *s, struct rh_ctx *ctx,
                            const struct rh_caller *caller, unsigned type, struct rh_text query,
                            bool lenient, struct rh_page *ret, struct rh_query *parsed)
{
    struct rh_grant grant;
    struct rh_page page = {0};
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_SEARCH, type, ctx->issues, &grant);
    if (rc == RH_OK)
        rc = rh_query_parse(ctx, type, query, lenient, parsed);
    if (rc)
        return rc;
    struct search search = {.session = s, .ctx = ctx, .grant = &grant, .query = parsed};
    rc = run(&search, &page);
    if (rc) {
        rh_store_rollback(s->conn);
        return ctx->issues->errors ? rc : rh_store_failed(s->conn, ctx->issues, rc, "searching");
    }
    page.self = parsed->self;
    rc = note(&search, caller, &page);
    if (rc == RH_OK)
        *ret = page;
    return rc;
}

enum rh_rc rh_search_heads(struct rh_session *s, struct rh_ctx *ctx, const struct rh_grant *grant,
                           const struct rh_query *q, unsigned limit, struct rh_head *rows,
                           unsigned *n)
{
    struct search search = {
        .session = s, .ctx = ctx, .grant = grant, .query = q, .chunk = limit + 1};
    struct chunk c;
    *n = 0;
    enum rh_rc rc = choose_walk(&search);
    if (rc == RH_OK)
        rc = open_chunk(&search, &c);
    while (rc == RH_OK && !search.walk.ended && *n < limit) {
        rc = next_chunk(&search, false, &c);
        for (unsigned i = 0; i < c.n && rc == RH_OK && *n < limit; i++)
            rows[(*n)++] = c.rows[i].head;
    }
    return rc;
}
