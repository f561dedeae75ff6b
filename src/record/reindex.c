/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "record/reindex.h"

#include "base/alloc.h"
#include "record/bulk.h"
#include "record/parameters.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/thread.h"

#include <time.h>

enum {
    CHUNK = 1000,           /* resources read in one snapshot */
    CHUNK_BYTES = 64 << 20, /* memory of a chunk */
    DROP_ROWS = 5000,       /* removed in one transaction */
    LIST_BYTES = 256 << 20  /* of all definitions together */
};

struct rh_indexer {
    struct rh_record *record;
    struct rh_added_list list; /* of the thread, once it runs */
    char **packaged;           /* definitions of packages */
    size_t n_packaged;
    bool told;  /* the packages are known */
    bool dirty; /* the list is not on the disk */
    pthread_t thread;
    bool running;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t asked, done; /* changes; the second is the last that is in force and complete */
    bool stop, failed;    /* the last change could not be brought into force */
    struct rh_indexing shown;

    _Atomic(struct rh_parameters *) now;
    struct {
        struct rh_parameters *set;
        struct rh_arena *arena;
    } sets[RH_SETS_MAX]; /* the last one is in force */
    unsigned n_sets;
};

const struct rh_parameters *rh_indexer_parameters(const struct rh_indexer *x)
{
    return x ? atomic_load_explicit(&x->now, memory_order_acquire) : NULL;
}

static bool stopped(struct rh_indexer *x)
{
    pthread_mutex_lock(&x->lock);
    bool ret = x->stop;
    pthread_mutex_unlock(&x->lock);
    return ret;
}

/* --- the set in force
 * ------------------------------------------------------------------------------- */

static void show(struct rh_indexer *x)
{
    pthread_mutex_lock(&x->lock);
    x->shown = (struct rh_indexing){0};
    for (size_t i = 0; i < x->list.n; i++) {
        x->shown.added += x->list.rows[i].state != RH_ADDED_DROPPED;
        x->shown.building += x->list.rows[i].state == RH_ADDED_BUILDING;
    }
    pthread_mutex_unlock(&x->lock);
}

static enum rh_rc make_set(struct rh_indexer *x)
{
    struct rh_parameters *set = NULL;
    if (x->n_sets == RH_SETS_MAX)
        return RH_BUSY;
    struct rh_arena *a = rh_arena_open(LIST_BYTES);
    enum rh_rc rc = rh_added_set(&x->list, a, &set);
    if (rc) {
        rh_arena_close(a);
        return rc;
    }
    x->sets[x->n_sets].set = set;
    x->sets[x->n_sets++].arena = a;
    return RH_OK;
}

static void put_in_force(struct rh_indexer *x)
{
    atomic_store_explicit(&x->now, x->sets[x->n_sets - 1].set, memory_order_release);
}

/* The id up to which the resources of a type are indexed; empty: none is. */
static enum rh_rc put_place(struct rh_session *w, unsigned type, struct rh_text id)
{
    char *name = rh_arena_printf(w->scratch, "indexing/%u", type);
    return name ? rh_store_meta_put(w->conn, name, id) : RH_NOMEM;
}

/* On the writer's thread: the list on the disk, then the set. */
static enum rh_rc swap(struct rh_session *w, void *user)
{
    struct rh_indexer *x = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_added_write(w->conn, w->scratch, &x->list);
    for (size_t i = 0; i < x->list.n && rc == RH_OK; i++)
        if (x->list.rows[i].fresh) /* a place of before would leave out resources */
            rc = put_place(w, x->list.rows[i].type, RH_TEXT(""));
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    else
        rh_store_rollback(w->conn);
    if (rc)
        return rc;
    for (size_t i = 0; i < x->list.n; i++)
        x->list.rows[i].fresh = false;
    x->dirty = false;
    put_in_force(x);
    return RH_OK;
}

static enum rh_rc change_list(struct rh_indexer *x)
{
    x->dirty = true;
    enum rh_rc rc = make_set(x);
    if (rc == RH_OK)
        rc = rh_writer_task(x->record->writer, (struct rh_task){swap, x});
    show(x);
    return rc;
}

enum rh_rc rh_indexer_open(struct rh_record *r, struct rh_issues *is, struct rh_indexer **ret)
{
    struct rh_conn *c;
    struct rh_indexer *x = rh_alloc(sizeof *x);
    struct rh_arena *a = rh_arena_open(LIST_BYTES);
    x->record = r;
    x->list.next = RH_PARAM_ADDED;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->changed, &attr);
    pthread_condattr_destroy(&attr);
    enum rh_rc rc = rh_store_connect(r->store, RH_CONN_READ, &c);
    if (rc == RH_OK) {
        rc = rh_added_read(c, a, &x->list);
        rh_store_disconnect(c);
    }
    if (rc == RH_OK && x->list.n > 0) {
        rc = make_set(x);
        if (rc == RH_OK)
            put_in_force(x);
    }
    rc = rc == RH_NOTFOUND ? RH_OK : rc;
    rh_arena_close(a);
    if (rc) {
        rh_issue_add(is, rc, NULL, "reading the list of search parameters: %s", rh_rc_text(rc));
        rh_indexer_close(x);
        return rc;
    }
    show(x);
    *ret = x;
    return RH_OK;
}

/* --- what is wanted
 * ----------------------------------------------------------------------------------- */

struct definitions {
    char **rows;
    size_t n, cap;
};

static void define(struct definitions *d, struct rh_text json)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 64;
        d->rows = rh_realloc(d->rows, d->cap * sizeof(char *));
    }
    char *copy = rh_alloc(json.len + 1);
    memcpy(copy, json.data, json.len);
    d->rows[d->n++] = copy;
}

static enum rh_rc stored_definitions(struct rh_session *s, struct rh_arena *a,
                                     struct definitions *ret)
{
    static const struct rh_caller self = {.local = true};
    unsigned type = rh_resource_number(RH_TEXT("SearchParameter"));
    struct rh_text after = RH_TEXT("");
    char last[RH_STORE_ID_MAX + 1];
    for (;;) {
        struct rh_issues is;
        struct rh_version rows[RH_CHUNK];
        unsigned n = RH_CHUNK;
        rh_arena_reset(a);
        rh_issues_init(&is, a);
        struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
        enum rh_rc rc = rh_record_list(s, &ctx, &self, type, after, RH_CHUNK, rows, &n);
        if (rc || n == 0)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            yyjson_doc *doc;
            if (rh_json_parse(a, &is, rows[i].body, &doc))
                return RH_CORRUPT;
            if (rh_text_is(rh_json_get(yyjson_doc_get_root(doc), "status"), "active"))
                define(ret, rows[i].body);
        }
        memcpy(last, rows[n - 1].id.data, rows[n - 1].id.len);
        after = (struct rh_text){last, rows[n - 1].id.len};
    }
}

static enum rh_rc refresh(struct rh_indexer *x, struct rh_session *s, struct rh_arena *a)
{
    struct definitions d = {0};
    bool changed = false;
    pthread_mutex_lock(&x->lock);
    size_t n_packaged = x->n_packaged;
    bool told = x->told;
    pthread_mutex_unlock(&x->lock);
    for (size_t i = 0; i < n_packaged; i++)
        define(&d, rh_text(x->packaged[i]));
    enum rh_rc rc = stored_definitions(s, a, &d);
    rh_arena_reset(a);
    if (rc == RH_OK)
        rc = rh_added_want(&x->list, a, d.rows, d.n, n_packaged, told, &changed);
    if (rc == RH_OK && (changed || x->dirty))
        rc = change_list(x);
    for (size_t i = 0; i < d.n; i++)
        rh_free(d.rows[i]);
    rh_free(d.rows);
    return rc;
}

/* --- dropping
 * ------------------------------------------------------------------------------------------- */

struct drop {
    const struct rh_added *row;
    unsigned n;
};

static enum rh_rc drop_slice(struct rh_session *w, void *user)
{
    struct drop *d = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_store_keys_drop(w->conn, d->row->type, d->row->number, DROP_ROWS, &d->n);
    if (rc == RH_OK)
        return rh_store_commit(w->conn);
    rh_store_rollback(w->conn);
    return rc;
}

static enum rh_rc drop_keys(struct rh_indexer *x)
{
    enum rh_rc rc = RH_OK;
    size_t kept = 0;
    bool any = false;
    for (size_t i = 0; i < x->list.n && rc == RH_OK; i++) {
        struct drop d = {&x->list.rows[i], DROP_ROWS};
        if (x->list.rows[i].state != RH_ADDED_DROPPED)
            continue;
        any = true;
        while (rc == RH_OK && d.n == DROP_ROWS && !stopped(x))
            rc = rh_writer_task(x->record->writer, (struct rh_task){drop_slice, &d});
    }
    if (rc || !any || stopped(x))
        return rc;
    for (size_t i = 0; i < x->list.n; i++) {
        if (x->list.rows[i].state == RH_ADDED_DROPPED)
            rh_free(x->list.rows[i].definition);
        else
            x->list.rows[kept++] = x->list.rows[i];
    }
    x->list.n = kept;
    return change_list(x);
}

/* --- indexing
 * ------------------------------------------------------------------------------------------- */

/* A chunk of resources on its way. */
struct seen {
    uint64_t rk, entry;
    const struct rh_key *keys;
    unsigned n;
};
struct chunk {
    struct rh_indexer *x;
    unsigned type;
    struct rh_arena *arena;
    struct seen *rows;
    size_t n, at;
    struct rh_text last; /* id of the last resource of the chunk */
};

static bool is_building(const struct rh_indexer *x, unsigned type, unsigned number)
{
    for (size_t i = 0; i < x->list.n; i++)
        if (x->list.rows[i].type == type && x->list.rows[i].number == number)
            return x->list.rows[i].state == RH_ADDED_BUILDING;
    return false;
}

/* The keys of building parameters in a body. */
static enum rh_rc new_keys(struct rh_indexer *x, struct rh_arena *a, const struct rh_head *head,
                           struct rh_text body, const struct rh_key **ret, unsigned *n)
{
    struct rh_issues is;
    struct rh_search_keys keys;
    rh_issues_init(&is, a);
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    ctx.parameters = rh_indexer_parameters(x);
    *n = 0;
    enum rh_rc rc = rh_keys_of_body(&ctx, head->type, body, &keys);
    struct rh_key *rows = rc ? NULL : rh_arena_alloc(a, (keys.n_own + 1) * sizeof *rows);
    if (!rows)
        return rc ? rc : RH_NOMEM;
    for (unsigned i = 0; i < keys.n_own; i++) {
        const struct rh_search_key *k = &keys.rows[i];
        if (is_building(x, k->type, k->number & (unsigned)~RH_PARAM_CONTAINED))
            rows[(*n)++] = (struct rh_key){
                .type = k->type,
                .param = k->number,
                .bytes = {k->bytes.data, k->bytes.len < RH_KEY_CUT ? k->bytes.len : RH_KEY_CUT},
                .rk = head->rk,
                .aux = k->aux};
    }
    *ret = rows;
    return RH_OK;
}

static enum rh_rc read_chunk(struct chunk *c, struct rh_session *s, struct rh_text after,
                             bool *ended)
{
    struct rh_head *heads = rh_arena_alloc(c->arena, CHUNK * sizeof *heads);
    unsigned n = CHUNK;
    c->rows = rh_arena_alloc(c->arena, CHUNK * sizeof *c->rows);
    c->n = c->at = 0;
    if (!heads || !c->rows)
        return RH_NOMEM;
    enum rh_rc rc = rh_store_begin(s->conn);
    if (rc == RH_OK)
        rc = rh_store_head_scan(s->conn, (uint16_t)c->type, after, CHUNK, c->arena, heads, &n);
    *ended = n < CHUNK;
    for (unsigned i = 0; i < n && rc == RH_OK; i++) {
        struct rh_version v;
        c->last = heads[i].id;
        if (heads[i].deleted)
            continue;
        rh_arena_reset(s->trial);
        rc = rh_version_of_head(s, &heads[i], s->trial, &v);
        struct seen *row = &c->rows[c->n];
        *row = (struct seen){.rk = heads[i].rk, .entry = heads[i].entry};
        if (rc == RH_OK)
            rc = new_keys(c->x, c->arena, &heads[i], v.body, &row->keys, &row->n);
        c->n += rc == RH_OK;
        if (rh_arena_used(c->arena) > CHUNK_BYTES / 2 && i + 1 < n) {
            *ended = false; /* large ones: fewer at a time */
            break;
        }
    }
    rh_store_rollback(s->conn);
    return rc;
}

/* On the writer's thread. One that was changed since it was read is read again. */
static enum rh_rc put_one(struct chunk *c, struct rh_session *w, const struct seen *row)
{
    struct rh_head head;
    struct rh_version v;
    const struct rh_key *keys = row->keys;
    unsigned n = row->n;
    rh_arena_reset(w->trial);
    enum rh_rc rc = rh_store_head_rk(w->conn, row->rk, w->trial, &head);
    if (rc || head.deleted)
        return rc == RH_NOTFOUND ? RH_OK : rc; /* it moved: whoever moved it made its keys */
    if (head.entry != row->entry) {
        rc = rh_version_of_head(w, &head, w->trial, &v);
        if (rc == RH_OK)
            rc = new_keys(c->x, w->trial, &head, v.body, &keys, &n);
    }
    return rc || n == 0 ? rc : rh_store_keys_put(w->conn, keys, n);
}

static enum rh_rc put_slice(struct rh_session *w, void *user)
{
    struct chunk *c = user;
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = c->at;
    enum rh_rc rc = rh_store_begin(w->conn);
    while (at < c->n && rc == RH_OK &&
           rh_clock_mono_ns() - begin_ns < RH_BULK_SLICE_MS * INT64_C(1000000))
        rc = put_one(c, w, &c->rows[at++]);
    if (rc == RH_OK && at == c->n)
        rc = put_place(w, c->type, c->last);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    else
        rh_store_rollback(w->conn);
    if (rc == RH_OK)
        c->at = at;
    return rc;
}

static enum rh_rc index_type(struct rh_indexer *x, struct rh_session *s, unsigned type)
{
    struct rh_arena *keep = rh_arena_open(CHUNK_BYTES);
    struct chunk c = {.x = x, .type = type, .arena = rh_arena_open(2 * CHUNK_BYTES)};
    struct rh_text after = RH_TEXT("");
    char id[RH_STORE_ID_MAX + 1];
    bool ended = false;
    char *name = rh_arena_printf(keep, "indexing/%u", type);
    enum rh_rc rc = name ? rh_store_meta_get(s->conn, name, keep, &after) : RH_NOMEM;
    if (rc == RH_NOTFOUND) {
        after = RH_TEXT("");
        rc = RH_OK;
    }
    while (rc == RH_OK && !ended && !stopped(x)) {
        rh_arena_reset(c.arena);
        c.last = after;
        rc = read_chunk(&c, s, after, &ended);
        do {
            if (rc == RH_OK)
                rc = rh_writer_task(x->record->writer, (struct rh_task){put_slice, &c});
        } while (rc == RH_OK && c.at < c.n && !stopped(x));
        memcpy(id, c.last.data, c.last.len);
        after = (struct rh_text){id, c.last.len};
        pthread_mutex_lock(&x->lock);
        x->shown.done += c.n;
        pthread_mutex_unlock(&x->lock);
    }
    rh_arena_close(c.arena);
    rh_arena_close(keep);
    return rc;
}

/* The place is of no use any more. */
static enum rh_rc forget_place(struct rh_session *w, void *user)
{
    const unsigned *type = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = put_place(w, *type, RH_TEXT(""));
    if (rc == RH_OK)
        return rh_store_commit(w->conn);
    rh_store_rollback(w->conn);
    return rc;
}

static enum rh_rc index_new(struct rh_indexer *x, struct rh_session *s)
{
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < x->list.n && rc == RH_OK && !stopped(x); i++) {
        unsigned type = x->list.rows[i].type;
        uint64_t total = 0;
        if (x->list.rows[i].state != RH_ADDED_BUILDING)
            continue;
        rh_store_count(s->conn, (uint16_t)type, &total);
        pthread_mutex_lock(&x->lock);
        x->shown.done = 0;
        x->shown.total = total;
        const struct rh_parameter *p =
            rh_parameter_at(rh_indexer_parameters(x), type, x->list.rows[i].number);
        snprintf(x->shown.name, sizeof x->shown.name, "%s.%s", rh_resource_type(type)->name,
                 p ? p->name : "");
        pthread_mutex_unlock(&x->lock);
        rc = index_type(x, s, type);
        if (rc || stopped(x))
            break;
        for (size_t k = 0; k < x->list.n; k++)
            if (x->list.rows[k].type == type && x->list.rows[k].state == RH_ADDED_BUILDING)
                x->list.rows[k].state = RH_ADDED_COMPLETE;
        rc = change_list(x);
        if (rc == RH_OK)
            rc = rh_writer_task(x->record->writer, (struct rh_task){forget_place, &type});
    }
    return rc;
}

/* --- the thread
 * -------------------------------------------------------------------------------------------- */

static enum rh_rc bring_up(struct rh_indexer *x, struct rh_session *s, struct rh_arena *a)
{
    enum rh_rc rc = refresh(x, s, a);
    if (rc == RH_OK)
        rc = drop_keys(x);
    return rc ? rc : index_new(x, s);
}

static void *run(void *user)
{
    struct rh_indexer *x = user;
    struct rh_session *s;
    struct rh_arena *a = rh_arena_open(LIST_BYTES);
    if (rh_session_open(x->record, &s) != RH_OK) {
        rh_log(RH_LOG_ERROR, "record", "search parameters cannot be indexed: no session");
        rh_arena_close(a);
        return NULL;
    }
    pthread_mutex_lock(&x->lock);
    while (!x->stop) {
        uint64_t asked = x->asked;
        if (x->done == asked) {
            pthread_cond_wait(&x->changed, &x->lock);
            continue;
        }
        pthread_mutex_unlock(&x->lock);
        rh_arena_reset(a);
        enum rh_rc rc = bring_up(x, s, a);
        if (rc)
            rh_log(RH_LOG_ERROR, "record",
                   "indexing search parameters: %s; it is tried again "
                   "with the next change or start",
                   rh_rc_text(rc));
        pthread_mutex_lock(&x->lock);
        x->failed = rc != RH_OK;
        if (!x->stop)
            x->done = asked;
        pthread_cond_broadcast(&x->changed);
    }
    pthread_mutex_unlock(&x->lock);
    rh_session_close(s);
    rh_arena_close(a);
    return NULL;
}

void rh_indexer_wake(struct rh_indexer *x)
{
    pthread_mutex_lock(&x->lock);
    x->asked++;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

enum rh_rc rh_indexer_start(struct rh_indexer *x)
{
    x->asked = 1; /* what is stored, and what was not finished */
    enum rh_rc rc = rh_thread_start("indexer", run, x, &x->thread);
    x->running = rc == RH_OK;
    return rc;
}

void rh_indexer_stop(struct rh_indexer *x)
{
    if (!x || !x->running)
        return;
    pthread_mutex_lock(&x->lock);
    x->stop = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
    pthread_join(x->thread, NULL);
    x->running = false;
}

void rh_indexer_close(struct rh_indexer *x)
{
    if (!x)
        return;
    for (unsigned i = 0; i < x->n_sets; i++) {
        rh_parameters_close(x->sets[i].set);
        rh_arena_close(x->sets[i].arena);
    }
    for (size_t i = 0; i < x->n_packaged; i++)
        rh_free(x->packaged[i]);
    rh_free(x->packaged);
    rh_added_free(&x->list);
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->changed);
    rh_free(x);
}

/* --- the outside
 * --------------------------------------------------------------------------------------------- */

enum rh_rc rh_record_add_parameters(struct rh_record *r, const struct rh_text *definitions,
                                    unsigned n)
{
    struct rh_indexer *x = r->indexer;
    char **rows = rh_alloc((n + 1) * sizeof(char *));
    for (unsigned i = 0; i < n; i++) {
        rows[i] = rh_alloc(definitions[i].len + 1);
        memcpy(rows[i], definitions[i].data, definitions[i].len);
    }
    pthread_mutex_lock(&x->lock);
    bool first = !x->told;
    if (first) {
        x->packaged = rows;
        x->n_packaged = n;
        x->told = true;
    }
    pthread_mutex_unlock(&x->lock);
    if (first) {
        rh_indexer_wake(x);
        return RH_OK;
    }
    for (unsigned i = 0; i < n; i++)
        rh_free(rows[i]);
    rh_free(rows);
    return RH_CONFLICT;
}

void rh_record_indexing(struct rh_record *r, struct rh_indexing *ret)
{
    pthread_mutex_lock(&r->indexer->lock);
    *ret = r->indexer->shown;
    pthread_mutex_unlock(&r->indexer->lock);
}

bool rh_record_indexed(struct rh_record *r, unsigned timeout_ms)
{
    struct rh_indexer *x = r->indexer;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&x->lock);
    while (x->done < x->asked && pthread_cond_timedwait(&x->changed, &x->lock, &until) == 0)
        ;
    bool ret = x->done >= x->asked && !x->failed;
    pthread_mutex_unlock(&x->lock);
    return ret;
}
