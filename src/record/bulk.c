/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk.c - the gathering half of the bulk load.
 *
 *   rh_bulk_add  ->  queue  ->  workers: parse, check, resolve, compose, keys, compress  ->  batch
 * ->  arranger: sort  ->  publisher  ->  writer
 *
 * Each unit belongs to the batch that was open when it was added. A batch is sealed when it is
 * full; when its last unit is prepared it is arranged, and the publisher writes it, in order, while
 * the workers are at the next ones. At most BATCHES_MAX batches are in memory.
 */
#include "record/bulk.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "record/bulk_int.h"
#include "system/clock.h"
#include "system/thread.h"

#include <unistd.h>

enum {
    WORKERS_MAX = 16,
    QUEUE_BYTES = 16 << 20, /* of units that wait for a worker */
    BATCHES_MAX = 3,        /* one is filled, one arranged, one written */
    SALT_SLOTS = 1 << 15,   /* persons of this load whose salt is remembered */
    UNITS_AT_ONCE = 16,     /* taken from the queue, at most TAKE_BYTES */
    TAKE_BYTES = 64 << 10,
    ARENA_BYTES = 768 << 20 /* of one worker's part of a batch; a Bundle may be large */
};

struct salt_slot {
    uint64_t part;
    unsigned char salt[RH_SALT_SIZE];
};

struct worker {
    struct rh_bulk *bulk;
    struct rh_session *session;
    pthread_t thread;
    unsigned index;
    bool running;
    struct salt_slot salt; /* of the last person */
    struct rh_bulk_shared *shared;
};

struct rh_bulk {
    struct rh_record *record;
    struct rh_caller caller;
    enum rh_validate_mode validate;
    char *job;
    rh_bulk_refusal *refusal;
    void *refusal_user;

    pthread_mutex_t lock;
    pthread_cond_t work, room, ready;
    struct rh_bulk_unit *first, **last; /* units that wait */
    size_t queued_bytes;
    uint64_t units;
    struct rh_bulk_batch *batches; /* the oldest first; new units go to the last one */
    unsigned n_batches;
    bool stop;
    enum rh_rc rc; /* first failure of the store: the load has ended */
    struct rh_bulk_counts counts;

    struct worker workers[WORKERS_MAX];
    unsigned n_workers;
    struct rh_session *publisher_session, *arranger_session;
    struct rh_session *resume_session; /* the caller's thread's */
    pthread_t publisher, arranger;
    bool publisher_running, arranger_running;
    struct salt_slot *salts;
    char **sources; /* whose marks this load has written */
    size_t n_sources, cap_sources;
};

/* --- batches -------------------------------------------------------------------------------------
 */

static struct rh_bulk_batch *batch_open(struct rh_bulk *b)
{
    struct rh_bulk_batch *batch = rh_alloc(sizeof *batch);
    batch->n_arenas = b->n_workers;
    batch->arenas = rh_alloc(b->n_workers * sizeof(struct rh_arena *));
    for (unsigned i = 0; i < b->n_workers; i++)
        batch->arenas[i] = rh_arena_open(ARENA_BYTES);
    batch->last_late = &batch->late;
    struct rh_bulk_batch **end = &b->batches;
    while (*end)
        end = &(*end)->next;
    *end = batch;
    b->n_batches++;
    return batch;
}

static void batch_free(struct rh_bulk_batch *batch)
{
    if (!batch)
        return;
    while (batch->late) {
        struct rh_bulk_unit *u = batch->late;
        batch->late = u->next;
        rh_free(u);
    }
    for (unsigned i = 0; i < batch->n_arenas; i++)
        rh_arena_close(batch->arenas[i]);
    for (size_t i = 0; i < batch->n_marks; i++)
        rh_free((void *)(uintptr_t)batch->marks[i].source.data);
    rh_free(batch->marks);
    rh_free(batch->arenas);
    rh_free(batch->items);
    rh_free(batch->order);
    rh_free(batch->heads);
    rh_free(batch->keys.rows);
    rh_free(batch->keys.rks);
    rh_free(batch);
}

static struct rh_bulk_batch *last_batch(struct rh_bulk *b)
{
    struct rh_bulk_batch *batch = b->batches;
    while (batch && batch->next)
        batch = batch->next;
    return batch;
}

static char *copy(struct rh_text t)
{
    char *p = rh_try_alloc(t.len + 1);
    if (p) {
        if (t.len)
            memcpy(p, t.data, t.len);
        p[t.len] = '\0';
    }
    return p;
}

/* --- on the workers ------------------------------------------------------------------------------
 */

static void salt_of_load(struct worker *w, uint64_t part, unsigned char ret[RH_SALT_SIZE])
{
    struct rh_bulk *b = w->bulk;
    struct salt_slot *slot = &b->salts[part & (SALT_SLOTS - 1)];
    pthread_mutex_lock(&b->lock);
    bool known = slot->part == part;
    if (known)
        memcpy(ret, slot->salt, RH_SALT_SIZE);
    pthread_mutex_unlock(&b->lock);
    if (known)
        return;
    struct rh_part row;
    if (rh_store_part_get(w->session->conn, part, &row) == RH_OK)
        memcpy(ret, row.salt, RH_SALT_SIZE);
    else
        rh_random(ret, RH_SALT_SIZE);
    pthread_mutex_lock(&b->lock);
    if (slot->part == part) { /* another worker was first */
        memcpy(ret, slot->salt, RH_SALT_SIZE);
    } else {
        slot->part = part;
        memcpy(slot->salt, ret, RH_SALT_SIZE);
    }
    pthread_mutex_unlock(&b->lock);
}

static void salt_of(struct worker *w, uint64_t part, unsigned char ret[RH_SALT_SIZE])
{
    if (w->salt.part != part) {
        salt_of_load(w, part, w->salt.salt);
        w->salt.part = part;
    }
    memcpy(ret, w->salt.salt, RH_SALT_SIZE);
}

/* Moves a prepared resource from the worker's scratch into the batch's arena. */
static enum rh_rc keep(struct worker *w, struct rh_arena *a, const struct rh_prepared *p,
                       const struct rh_bulk_where *where, uint64_t unit, struct rh_bulk_item *ret)
{
    struct rh_bulk_item it = {
        .part = p->part,
        .unit = unit,
        .where = where,
        .parameters = p->parameters,
        .type = p->type->resource,
        .codec = (unsigned char)p->codec,
        .size = (uint32_t)p->body.len,
        .id = rh_text_copy(a, p->id),
        .packed = rh_text_copy(a, p->packed),
    };
    if (!it.id.data || !it.packed.data)
        return RH_NOMEM;
    enum rh_rc rc = rh_bulk_pack_rows(a, w->shared, &p->keys, &it);
    if (rc)
        return rc;
    salt_of(w, it.part, it.salt);
    it.body_hash = rh_hash_of(p->body.data, p->body.len, it.salt, sizeof it.salt);
    *ret = it;
    return RH_OK;
}

static enum rh_rc add_items(struct rh_bulk *b, struct rh_bulk_batch *batch,
                            const struct rh_bulk_item *items, size_t n)
{
    enum rh_rc rc = RH_OK;
    pthread_mutex_lock(&b->lock);
    if (batch->n + n > batch->cap) {
        size_t cap = batch->cap ? 2 * batch->cap : 1024;
        while (cap < batch->n + n)
            cap *= 2;
        void *grown = rh_try_realloc(batch->items, cap * sizeof *batch->items);
        if (grown) {
            batch->items = grown;
            batch->cap = cap;
        } else {
            rc = RH_NOMEM;
        }
    }
    if (rc == RH_OK && n > 0) {
        memcpy(batch->items + batch->n, items, n * sizeof *items);
        batch->n += n;
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

void rh_bulk_refuse(struct rh_bulk *b, struct rh_text source, uint64_t line,
                    const struct rh_issues *is, enum rh_rc rc, uint64_t resources)
{
    pthread_mutex_lock(&b->lock);
    b->counts.refused += resources;
    if (b->refusal)
        b->refusal(b->refusal_user, source, line, is, rc);
    pthread_mutex_unlock(&b->lock);
}

static void refuse(struct rh_bulk *b, const struct rh_bulk_unit *u, const struct rh_issues *is,
                   enum rh_rc rc, uint64_t resources)
{
    rh_bulk_refuse(b, u->source, u->line, is, rc, resources);
}

/* Makes items of what was not refused. The code is `rc` or the first refusal's. */
static enum rh_rc make_items(struct worker *w, struct rh_bulk_batch *batch,
                             const struct rh_bulk_unit *input, struct rh_ctx *ctx,
                             struct rh_bulk_parts *u, struct rh_bulk_item *items, unsigned *n,
                             enum rh_rc rc)
{
    struct rh_arena *a = batch->arenas[w->index];
    struct rh_bulk_where *where = rh_arena_alloc(a, sizeof *where);
    if (!where)
        return RH_NOMEM;
    *where = (struct rh_bulk_where){input->source, input->line};
    for (unsigned i = 0; i < u->n; i++) {
        struct rh_prepared *p = &u->parts[i].prepared;
        enum rh_rc one = u->parts[i].refused ? RH_INVALID : rh_prepare_body(w->session, ctx, p);
        if (one == RH_OK)
            one = keep(w, a, p, where, input->number, &items[*n]);
        if (one == RH_OK)
            items[(*n)++].atomic = u->atomic && u->n > 1;
        else if (rc == RH_OK)
            rc = one;
    }
    return rc;
}

/* Prepares every resource of a unit; true when the unit must wait for the batch to be stored. */
static bool prepare_unit(struct worker *w, struct rh_bulk_batch *batch,
                         const struct rh_bulk_unit *input)
{
    struct rh_arena *scratch = w->session->scratch;
    struct rh_issues is;
    struct rh_bulk_parts u = {0};
    unsigned n = 0;
    rh_arena_reset(scratch);
    rh_issues_init(&is, scratch);
    struct rh_ctx ctx = {.arena = scratch, .issues = &is, .now_us = rh_clock_now_us()};
    enum rh_validate_mode mode = w->bulk->validate;
    enum rh_rc rc = rh_prepare_refresh(w->session, &is, mode);
    if (rc == RH_OK)
        rc = rh_bulk_open_unit(w->bulk->record, &ctx, mode, input->json, &u);
    bool unusable = rc && (rc == RH_NOMEM || u.atomic || !u.bundle || u.n == 0);
    if (u.open && !unusable)
        return true;
    struct rh_bulk_item *items =
        unusable ? NULL : rh_arena_alloc(scratch, (u.n + 1) * sizeof *items);
    if (items)
        rc = make_items(w, batch, input, &ctx, &u, items, &n, rc);
    if (rc && u.atomic)
        n = 0;
    if (rc)
        rh_bulk_shared_forget(w->shared);
    enum rh_rc added = n ? add_items(w->bulk, batch, items, n) : RH_OK;
    unsigned refused = unusable || (rc && u.atomic) || added ? (u.n ? u.n : 1) : u.n - n;
    if (rc || added)
        refuse(w->bulk, input, &is, rc ? rc : added, refused);
    return false;
}

/* Some units of one batch. */
static struct rh_bulk_unit *take_units(struct rh_bulk *b)
{
    struct rh_bulk_unit *first = b->first, *last = first;
    size_t bytes = first->json.len;
    for (unsigned i = 1; i < UNITS_AT_ONCE && last->next && last->next->batch == first->batch &&
                         bytes + last->next->json.len <= TAKE_BYTES;
         i++) {
        last = last->next;
        bytes += last->json.len;
    }
    b->first = last->next;
    if (!b->first)
        b->last = &b->first;
    last->next = NULL;
    return first;
}

static void *work(void *user)
{
    struct worker *w = user;
    struct rh_bulk *b = w->bulk;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (!b->first && !b->stop)
            pthread_cond_wait(&b->work, &b->lock);
        if (!b->first)
            break;
        struct rh_bulk_unit *u = take_units(b), *next;
        struct rh_bulk_batch *batch = u->batch;
        pthread_mutex_unlock(&b->lock);

        size_t before = rh_arena_used(batch->arenas[w->index]), bytes = 0, waits = 0;
        unsigned n = 0;
        struct rh_bulk_unit *late = NULL, **last_late = &late;
        for (; u; u = next, n++) {
            next = u->next;
            u->next = NULL;
            bytes += u->json.len;
            if (prepare_unit(w, batch, u)) {
                waits += u->json.len;
                *last_late = u;
                last_late = &u->next;
            } else {
                rh_free(u);
            }
        }

        pthread_mutex_lock(&b->lock);
        if (late) {
            *batch->last_late = late;
            batch->last_late = last_late;
        }
        batch->bytes += rh_arena_used(batch->arenas[w->index]) - before + waits;
        b->queued_bytes -= bytes;
        batch->open_units -= n;
        pthread_cond_signal(&b->room);
        if (batch->open_units == 0)
            pthread_cond_broadcast(&b->ready);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* --- units that depend on what is stored
 * ---------------------------------------------------------- */

/* One operation for each resource that was not refused; RH_NOMEM. */
static enum rh_rc late_operations(struct rh_arena *a, const struct rh_bulk_parts *u,
                                  struct rh_write *w)
{
    for (unsigned i = 0, n = 0; i < u->n; i++) {
        const struct rh_bulk_part *p = &u->parts[i];
        struct rh_buf body = rh_buf(a);
        if (p->refused)
            continue;
        rh_json_write(&body, p->prepared.resource);
        if (body.rc)
            return body.rc;
        w->ops[n++] = (struct rh_write_op){
            .interaction = p->if_none_exist.len > 0 ? RH_CREATE : RH_UPDATE,
            .type = p->prepared.type->resource,
            .id = p->prepared.id,
            .own_id = true,
            .criteria = p->if_none_exist,
            .body = rh_buf_get(&body),
            .full_url = p->full_url,
            .place = p->place,
        };
    }
    return RH_OK;
}

static void count_late(struct rh_bulk *b, const struct rh_write *w)
{
    pthread_mutex_lock(&b->lock);
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->ops[i].changed)
            b->counts.unchanged++;
        else if (w->ops[i].status == 201)
            b->counts.created++;
        else
            b->counts.updated++;
    }
    pthread_mutex_unlock(&b->lock);
}

enum rh_rc rh_bulk_store_late(struct rh_bulk *b, struct rh_session *s, struct rh_bulk_unit *input)
{
    struct rh_arena *a = rh_arena_open(RH_BULK_SCRATCH_BYTES);
    struct rh_issues is;
    struct rh_bulk_parts u;
    struct rh_write *w = NULL;
    rh_issues_init(&is, a);
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    enum rh_rc first = rh_bulk_open_unit(b->record, &ctx, b->validate, input->json, &u), rc = RH_OK;
    unsigned refused = 0;
    for (unsigned i = 0; i < u.n; i++)
        refused += u.parts[i].refused;
    if (first && (refused == 0 || refused == u.n || u.atomic))
        rc = first; /* nothing of it can be stored */
    if (rc == RH_OK)
        rc = rh_write_open(&ctx, &b->caller, RH_WRITE_TRANSACTION, u.n - refused, &w);
    if (rc == RH_OK) {
        w->validate = RH_VALIDATE_OFF; /* it has just been done */
        rc = late_operations(a, &u, w);
    }
    if (rc == RH_OK)
        rc = rh_write_run(s, w);
    if (rc == RH_OK)
        count_late(b, w);
    else
        refused = u.n ? u.n : 1;
    if ((rc || first) && !rh_rc_is_store(rc)) {
        refuse(b, input, &is, rc ? rc : first, refused);
        rc = RH_OK;
    }
    rh_arena_close(a);
    return rc;
}

/* --- the publisher
 * ---------------------------------------------------------------------------------- */

static enum rh_rc publish(struct rh_bulk *b, struct rh_bulk_batch *batch)
{
    struct rh_bulk_counts counts = {0};
    enum rh_rc rc = b->rc;
    if (rc == RH_OK)
        rc = rh_bulk_publish(b, b->publisher_session, &b->caller, rh_text(b->job), batch, &counts);
    pthread_mutex_lock(&b->lock);
    b->counts.created += counts.created;
    b->counts.updated += counts.updated;
    b->counts.unchanged += counts.unchanged;
    pthread_mutex_unlock(&b->lock);
    for (struct rh_bulk_unit *u = batch->late; u && rc == RH_OK; u = u->next)
        rc = rh_bulk_store_late(b, b->publisher_session, u);
    return rc;
}

/* The oldest batch that is whole and not arranged. */
static struct rh_bulk_batch *whole_batch(struct rh_bulk *b)
{
    struct rh_bulk_batch *batch = b->batches;
    while (batch && batch->arranged)
        batch = batch->next;
    return batch && batch->sealed && batch->open_units == 0 ? batch : NULL;
}

static void *arranger(void *user)
{
    struct rh_bulk *b = user;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        struct rh_bulk_batch *batch = whole_batch(b);
        if (!batch) {
            if (b->stop && !b->batches)
                break;
            pthread_cond_wait(&b->ready, &b->lock);
            continue;
        }
        enum rh_rc rc = b->rc;
        pthread_mutex_unlock(&b->lock);
        if (rc == RH_OK)
            rc = rh_bulk_arrange(b->arranger_session, batch);
        pthread_mutex_lock(&b->lock);
        if (rc && !b->rc)
            b->rc = rc;
        batch->arranged = true;
        pthread_cond_broadcast(&b->ready);
        pthread_cond_broadcast(&b->room);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void *publisher(void *user)
{
    struct rh_bulk *b = user;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        struct rh_bulk_batch *batch = b->batches;
        if (!batch || !batch->arranged) {
            if (b->stop && !batch)
                break;
            pthread_cond_wait(&b->ready, &b->lock);
            continue;
        }
        pthread_mutex_unlock(&b->lock);
        enum rh_rc rc = publish(b, batch);
        pthread_mutex_lock(&b->lock);
        if (rc && !b->rc)
            b->rc = rc;
        b->batches = batch->next;
        b->n_batches--;
        batch_free(batch);
        pthread_cond_broadcast(&b->room);
        pthread_cond_broadcast(&b->ready);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* --- the outside
 * ------------------------------------------------------------------------------------ */

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static enum rh_rc start(struct rh_bulk *b)
{
    enum rh_rc rc = rh_session_open(b->record, &b->publisher_session);
    if (rc == RH_OK)
        rc = rh_session_open(b->record, &b->resume_session);
    if (rc == RH_OK)
        rc = rh_session_open(b->record, &b->arranger_session);
    for (unsigned i = 0; i < b->n_workers && rc == RH_OK; i++) {
        b->workers[i] = (struct worker){.bulk = b, .index = i, .shared = rh_bulk_shared_open()};
        rc = rh_session_open(b->record, &b->workers[i].session);
        if (rc)
            break;
        rh_arena_close(b->workers[i].session->scratch);
        b->workers[i].session->scratch = rh_arena_open(RH_BULK_SCRATCH_BYTES);
    }
    for (unsigned i = 0; i < b->n_workers && rc == RH_OK; i++) {
        rc = rh_thread_start("bulk", work, &b->workers[i], &b->workers[i].thread);
        b->workers[i].running = rc == RH_OK;
    }
    if (rc == RH_OK) {
        rc = rh_thread_start("publisher", publisher, b, &b->publisher);
        b->publisher_running = rc == RH_OK;
    }
    if (rc == RH_OK) {
        rc = rh_thread_start("arranger", arranger, b, &b->arranger);
        b->arranger_running = rc == RH_OK;
    }
    return rc;
}

static void end(struct rh_bulk *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_broadcast(&b->work);
    pthread_cond_broadcast(&b->ready);
    pthread_mutex_unlock(&b->lock);
    for (unsigned i = 0; i < b->n_workers; i++) {
        if (b->workers[i].running)
            pthread_join(b->workers[i].thread, NULL);
        rh_session_close(b->workers[i].session);
        rh_bulk_shared_close(b->workers[i].shared);
    }
    if (b->publisher_running)
        pthread_join(b->publisher, NULL);
    if (b->arranger_running)
        pthread_join(b->arranger, NULL);
    rh_session_close(b->arranger_session);
    rh_session_close(b->publisher_session);
    rh_session_close(b->resume_session);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->room);
    pthread_cond_destroy(&b->ready);
    for (size_t i = 0; i < b->n_sources; i++)
        rh_free(b->sources[i]);
    rh_free(b->sources);
    rh_free(b->salts);
    rh_free(b->job);
    rh_free(b);
}

enum rh_rc rh_bulk_open(struct rh_record *r, const struct rh_caller *caller, struct rh_text job,
                        unsigned workers, struct rh_bulk **ret)
{
    struct rh_bulk *b = rh_alloc(sizeof *b);
    b->record = r;
    b->caller = *caller;
    b->job = copy(job);
    b->last = &b->first;
    b->n_workers = workers == 0 ? cores() : workers > WORKERS_MAX ? WORKERS_MAX : workers;
    b->salts = rh_alloc(SALT_SLOTS * sizeof *b->salts);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->room, NULL);
    pthread_cond_init(&b->ready, NULL);
    enum rh_rc rc = b->job ? start(b) : RH_NOMEM;
    if (rc)
        end(b);
    else
        *ret = b;
    return rc;
}

void rh_bulk_validate(struct rh_bulk *b, enum rh_validate_mode mode)
{
    b->validate = mode;
}

void rh_bulk_on_refusal(struct rh_bulk *b, rh_bulk_refusal *f, void *user)
{
    b->refusal = f;
    b->refusal_user = user;
}

static char *mark_name(const struct rh_bulk *b, struct rh_text source, struct rh_arena *a)
{
    return rh_arena_printf(a, "import/%s/%.*s", b->job, RH_TEXT_ARG(source));
}

static enum rh_rc remember_source(struct rh_bulk *b, struct rh_text source)
{
    if (b->n_sources > 0 && rh_text_is(source, b->sources[b->n_sources - 1]))
        return RH_OK;
    if (b->n_sources == b->cap_sources) {
        b->cap_sources = b->cap_sources ? 2 * b->cap_sources : 64;
        b->sources = rh_realloc(b->sources, b->cap_sources * sizeof(char *));
    }
    char *name = copy(source);
    if (name)
        b->sources[b->n_sources++] = name;
    return name ? RH_OK : RH_NOMEM;
}

enum rh_rc rh_bulk_resume(struct rh_bulk *b, struct rh_text source, uint64_t *position)
{
    struct rh_arena *a = rh_arena_open(64 << 10);
    struct rh_text t;
    char *name = mark_name(b, source, a);
    enum rh_rc rc = name ? rh_store_meta_get(b->resume_session->conn, name, a, &t) : RH_NOMEM;
    *position = rc == RH_OK && t.len == 8 ? rh_get_u64((const unsigned char *)t.data) : 0;
    rh_arena_close(a);
    if (rc || *position == 0)
        return rc == RH_NOTFOUND ? RH_OK : rc;
    pthread_mutex_lock(
        &b->lock); /* its mark goes with the others, also when nothing of it is left to add */
    rc = remember_source(b, source);
    pthread_mutex_unlock(&b->lock);
    return rc;
}

static enum rh_rc set_mark(struct rh_bulk_batch *batch, struct rh_text source, uint64_t position)
{
    if (batch->n_marks > 0 && rh_text_eq(batch->marks[batch->n_marks - 1].source, source)) {
        batch->marks[batch->n_marks - 1].position = position;
        return RH_OK;
    }
    if (batch->n_marks == batch->cap_marks) {
        batch->cap_marks = batch->cap_marks ? 2 * batch->cap_marks : 16;
        batch->marks = rh_realloc(batch->marks, batch->cap_marks * sizeof *batch->marks);
    }
    char *name = copy(source);
    if (!name)
        return RH_NOMEM;
    batch->marks[batch->n_marks++] = (struct rh_bulk_mark){{name, source.len}, position};
    return RH_OK;
}

static struct rh_bulk_unit *unit_open(uint64_t line, uint64_t position, struct rh_text json)
{
    struct rh_bulk_unit *u = rh_try_alloc(sizeof *u + json.len + 1);
    if (!u)
        return NULL;
    char *text = (char *)(u + 1);
    if (json.len)
        memcpy(text, json.data, json.len);
    text[json.len] = '\0';
    *u = (struct rh_bulk_unit){.json = {text, json.len}, .line = line, .position = position};
    return u;
}

/* The batch that the next unit belongs to; waits for room. NULL: the load has ended. */
static struct rh_bulk_batch *batch_for_next(struct rh_bulk *b)
{
    for (;;) {
        struct rh_bulk_batch *batch = last_batch(b);
        bool full =
            batch && (batch->sealed || batch->bytes >= RH_BULK_BYTES ||
                      batch->input_bytes >= RH_BULK_INPUT_BYTES || batch->n >= RH_BULK_RESOURCES);
        if (batch && full && !batch->sealed) {
            batch->sealed = true;
            pthread_cond_broadcast(&b->ready);
        }
        if (b->rc)
            return NULL;
        if (b->queued_bytes <= QUEUE_BYTES && !(full && b->n_batches >= BATCHES_MAX))
            return !batch || full ? batch_open(b) : batch;
        pthread_cond_wait(&b->room, &b->lock);
    }
}

enum rh_rc rh_bulk_add(struct rh_bulk *b, struct rh_text source, uint64_t line, uint64_t position,
                       struct rh_text json)
{
    struct rh_bulk_unit *u = unit_open(line, position, json);
    if (!u)
        return RH_NOMEM;
    pthread_mutex_lock(&b->lock);
    struct rh_bulk_batch *batch = batch_for_next(b);
    enum rh_rc rc = batch ? remember_source(b, source) : b->rc;
    if (rc == RH_OK)
        rc = set_mark(batch, source, position);
    if (rc == RH_OK) {
        u->source = rh_text(b->sources[b->n_sources - 1]);
        u->batch = batch;
        u->number = ++b->units;
        batch->open_units++;
        batch->input_bytes += json.len;
        b->queued_bytes += json.len;
        *b->last = u;
        b->last = &u->next;
        pthread_cond_signal(&b->work);
    }
    pthread_mutex_unlock(&b->lock);
    if (rc)
        rh_free(u);
    return rc;
}

enum rh_rc rh_bulk_flush(struct rh_bulk *b)
{
    pthread_mutex_lock(&b->lock);
    struct rh_bulk_batch *batch = last_batch(b);
    if (batch)
        batch->sealed = true;
    pthread_cond_broadcast(&b->ready);
    while (b->batches)
        pthread_cond_wait(&b->room, &b->lock);
    enum rh_rc rc = b->rc;
    pthread_mutex_unlock(&b->lock);
    return rc;
}

void rh_bulk_counts(const struct rh_bulk *b, struct rh_bulk_counts *ret)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&b->lock;
    pthread_mutex_lock(lock);
    *ret = b->counts;
    pthread_mutex_unlock(lock);
}

/* A finished load begins at the start the next time: the file may have changed. */
static enum rh_rc remove_marks(struct rh_session *w, void *user)
{
    struct rh_bulk *b = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    for (size_t i = 0; i < b->n_sources && rc == RH_OK; i++) {
        char *name = mark_name(b, rh_text(b->sources[i]), w->scratch);
        rc = name ? rh_store_meta_put(w->conn, name, (struct rh_text){NULL, 0}) : RH_NOMEM;
    }
    return rc ? rc : rh_store_commit(w->conn);
}

enum rh_rc rh_bulk_close(struct rh_bulk *b, bool complete)
{
    if (!b)
        return RH_OK;
    enum rh_rc rc = rh_bulk_flush(b);
    if (rc == RH_OK && complete)
        rc = rh_writer_task(b->record->writer, (struct rh_task){remove_marks, b});
    end(b);
    return rc;
}
