/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer.c - the one thread that changes anything.
 *
 * It takes what waits, up to RH_RECORD_BATCH_MAX writes, into one transaction, each write in its
 * own savepoint, and commits with one sync; only then are the writers told. While it syncs, others
 * queue: the groups form by themselves under load and a single client waits for nothing. Tasks
 * (slices of a bulk load, steps of a backup) run between groups.
 *
 * Invariant: rh_tip mirrors the end of the log as of the open transaction. A refused write undoes
 * both its savepoint and its share of the tip; a failed commit reloads the tip from the store and
 * fails every write of the group, so nothing acknowledged is lost and nothing unacknowledged is
 * half there.
 */
#include "base/alloc.h"
#include "record/record_int.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/thread.h"

#include <errno.h>
#include <time.h>

struct pending_task {
    struct rh_task task;
    enum rh_rc rc;
    bool finished;
    struct pending_task *next;
};

struct rh_writer {
    struct rh_record *record;
    struct rh_session *session; /* on the write connection */
    struct rh_tip *tip;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, task_done;
    struct rh_write *first, **last;
    unsigned waiting;
    struct pending_task *tasks, **last_task;
    bool stop, audit_waits, running;
    bool stale; /* the tip could not be read again after a rollback */
    struct rh_arena *audit_arena;
    struct rh_record_stats stats, published; /* the second under the lock */
};

/* --- access rows ----------------------------------------------------------------------------- */

struct audit_take {
    char *data;
    size_t len;
    unsigned rows;
    int64_t first_us;
};

static struct audit_take audit_take(struct rh_record *r)
{
    pthread_mutex_lock(&r->audit_lock);
    struct audit_take t = {r->audit_data, r->audit_len, r->audit_rows, r->audit_first_us};
    r->audit_data = NULL;
    r->audit_taken = r->audit_len;
    r->audit_len = r->audit_cap = 0;
    r->audit_rows = 0;
    pthread_mutex_unlock(&r->audit_lock);
    return t;
}

/* After a failed commit the rows wait on, before those that came meanwhile. */
static void audit_give_back(struct rh_record *r, struct audit_take t)
{
    if (t.rows == 0) {
        rh_free(t.data);
        return;
    }
    pthread_mutex_lock(&r->audit_lock);
    t.data = rh_realloc(t.data, t.len + r->audit_len);
    if (r->audit_len)
        memcpy(t.data + t.len, r->audit_data, r->audit_len);
    rh_free(r->audit_data);
    r->audit_data = t.data;
    r->audit_len += t.len;
    r->audit_cap = r->audit_len;
    r->audit_rows += t.rows;
    r->audit_first_us = t.first_us;
    r->audit_taken = 0;
    pthread_mutex_unlock(&r->audit_lock);
}

static void audit_written(struct rh_record *r, struct audit_take t)
{
    pthread_mutex_lock(&r->audit_lock);
    r->audit_taken = 0;
    pthread_mutex_unlock(&r->audit_lock);
    rh_free(t.data);
}

static enum rh_rc audit_append(struct rh_writer *w, const struct audit_take *reads,
                               const struct rh_buf *writes, unsigned write_rows, int64_t now_us)
{
    if (reads->rows + write_rows == 0)
        return RH_OK;
    struct rh_arena *a = w->audit_arena;
    struct rh_buf all = rh_buf(a);
    rh_buf_room(&all, reads->len + writes->len); /* once: after a long failure there are many */
    rh_buf_add(&all, reads->data, reads->len);
    rh_buf_text(&all, rh_buf_get(writes));
    if (writes->rc || all.rc)
        return RH_NOMEM;
    struct rh_text packed;
    enum rh_rc rc = rh_pack(w->session->packer, 1, a, rh_buf_get(&all), &packed);
    if (rc)
        return rc;
    w->record->audit_total += reads->rows + write_rows;
    return rh_store_audit_append(w->session->conn, reads->rows ? reads->first_us : now_us, now_us,
                                 reads->rows + write_rows, packed);
}

/* After a rollback, and again before the next change when that failed: with a tip ahead of the log
 * nothing more could be appended. */
static enum rh_rc reload(struct rh_writer *w)
{
    enum rh_rc rc = rh_tip_reload(w->session, w->tip);
    w->stale = rc != RH_OK;
    if (rc)
        rh_log(RH_LOG_ERROR, "writer", "cannot read the end of the log: %s", rh_rc_text(rc));
    return rc;
}

/* --- a group --------------------------------------------------------------------------------- */

static enum rh_rc apply_batch(struct rh_writer *w, struct rh_write *write, struct rh_buf *audit,
                              unsigned *rows)
{
    for (unsigned i = 0; i < write->n; i++) {
        if (write->ops[i].rc)
            continue;                        /* refused by the worker already */
        rh_arena_reset(w->session->scratch); /* an entry's needs do not add up over the batch */
        enum rh_rc rc = rh_store_savepoint(w->session->conn);
        if (rc)
            return rc;
        rh_tip_mark(w->tip);
        size_t audit_len = audit->len;
        rc = rh_write_apply_one(w->session, w->tip, write, i, audit, rows);
        if (rc) {
            audit->len = audit_len;
            rh_tip_undo(w->tip);
        }
        if (rh_rc_is_store(rc))
            return rc;
        rc = rh_store_release(w->session->conn, rc == RH_OK);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Applies one write in its savepoint. The code is RH_OK unless the whole group must be given up. */
static enum rh_rc apply(struct rh_writer *w, struct rh_write *write, struct rh_buf *audit,
                        unsigned *rows)
{
    if (write->mode == RH_WRITE_BATCH)
        return apply_batch(w, write, audit, rows);
    enum rh_rc rc = rh_store_savepoint(w->session->conn);
    if (rc)
        return rc;
    rh_tip_mark(w->tip);
    size_t audit_len = audit->len;
    unsigned audit_rows = *rows;
    write->rc = rh_write_apply(w->session, w->tip, write, audit, rows);
    if (write->rc) {
        audit->len = audit_len;
        *rows = audit_rows;
        rh_tip_undo(w->tip);
        w->stats.refused++;
        if (rh_rc_is_store(write->rc))
            return write->rc;
    }
    return rh_store_release(w->session->conn, write->rc == RH_OK);
}

static enum rh_rc run_group(struct rh_writer *w, struct rh_write *group,
                            const struct audit_take *reads, int64_t now_us)
{
    struct rh_buf audit = rh_buf(w->audit_arena);
    unsigned rows = 0;
    enum rh_rc rc = rh_store_begin(w->session->conn);
    if (rc)
        return rc;
    for (struct rh_write *write = group; write; write = write->next) {
        rh_arena_reset(w->session->scratch);
        rc = apply(w, write, &audit, &rows);
        if (rc)
            return rc;
        w->stats.writes++;
    }
    rc = audit_append(w, reads, &audit, rows, now_us);
    if (rc)
        return rc;
    return group ? rh_store_commit(w->session->conn) : rh_store_commit_audit(w->session->conn);
}

static void finish_group(struct rh_write *group)
{
    while (group) {
        struct rh_write *next = group->next; /* done() may free the write */
        group->next = NULL;
        group->done(group);
        group = next;
    }
}

static void group(struct rh_writer *w, struct rh_write *first)
{
    struct audit_take reads = audit_take(w->record);
    if (!first && reads.rows == 0) {
        rh_free(reads.data);
        return;
    }
    int64_t begin_ns = rh_clock_mono_ns();
    rh_arena_reset(w->audit_arena);
    enum rh_rc rc = w->stale ? reload(w) : RH_OK;
    if (rc == RH_OK)
        rc = run_group(w, first, &reads, rh_clock_now_us());
    if (rc) {
        const char *text = rh_store_error(w->session->conn);
        rh_log(RH_LOG_ERROR, "writer", "a group of writes was given up: %s: %s", rh_rc_text(rc),
               text ? text : "");
        rh_store_rollback(w->session->conn);
        reload(w);
        for (struct rh_write *write = first; write; write = write->next)
            rh_write_failed(write, rc, rh_rc_text(rc));
        audit_give_back(w->record, reads);
    } else {
        audit_written(w->record, reads);
        rh_definitions_committed(w->record);
        rh_board_committed(w->record->board, rh_tip_seq(w->tip));
    }
    uint64_t us = (uint64_t)(rh_clock_mono_ns() - begin_ns) / 1000;
    w->stats.commits++;
    w->stats.commit_us_sum += us;
    if (us > w->stats.commit_us_max)
        w->stats.commit_us_max = us;
    finish_group(first);
}

/* --- the thread ------------------------------------------------------------------------------ */

static struct rh_write *take_group(struct rh_writer *w)
{
    struct rh_write *first = w->first, **end = &first;
    unsigned n = 0;
    while (*end && n < RH_RECORD_BATCH_MAX) {
        end = &(*end)->next;
        n++;
    }
    w->first = *end;
    if (!w->first)
        w->last = &w->first;
    *end = NULL;
    w->waiting -= n;
    return first;
}

static void run_task(struct rh_writer *w, struct pending_task *t)
{
    rh_arena_reset(w->session->scratch);
    enum rh_rc rc = w->stale ? reload(w) : RH_OK;
    if (rc == RH_OK)
        rc = t->task.run(w->session, t->task.user);
    rh_store_rollback(w->session->conn); /* harmless after a commit */
    rh_definitions_committed(w->record); /* some of its transactions may be, whatever the code */
    if (rc)
        reload(w);
    if (!w->stale)
        rh_board_committed(w->record->board, rh_tip_seq(w->tip));
    pthread_mutex_lock(&w->lock);
    t->rc = rc;
    t->finished = true;
    pthread_cond_broadcast(&w->task_done);
    pthread_mutex_unlock(&w->lock);
}

/* Sooner when there is nothing else to do; in small steps during a bulk load; later when writes
 * wait: they go first. */
static void checkpoint(struct rh_writer *w, bool idle, bool bulk, bool writes_wait)
{
    uint64_t limit = (uint64_t)RH_RECORD_CHECKPOINT_BYTES;
    limit = idle ? limit / 4 : writes_wait ? 4 * limit : bulk ? limit / 2 : limit;
    if (rh_store_wal_bytes(w->session->conn) >= limit &&
        rh_store_checkpoint(w->session->conn, false) == RH_IO)
        rh_log(RH_LOG_ERROR, "writer", "checkpoint: %s", rh_store_error(w->session->conn));
}

/* Waits for work; with read rows waiting, at most RH_AUDIT_DELAY_MS. */
static void wait_for_work(struct rh_writer *w)
{
    while (!w->first && !w->tasks && !w->stop) {
        if (!w->audit_waits) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += RH_AUDIT_DELAY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        int rc = 0;
        while (!w->first && !w->tasks && !w->stop && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&w->work, &w->lock, &until);
        return;
    }
}

static void *run(void *user)
{
    struct rh_writer *w = user;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        wait_for_work(w);
        struct rh_write *first = take_group(w);
        struct pending_task *task = w->tasks;
        if (task) {
            w->tasks = task->next;
            if (!w->tasks)
                w->last_task = &w->tasks;
        }
        bool stop = w->stop && !first && !task;
        w->audit_waits = false;
        pthread_mutex_unlock(&w->lock);

        group(w, first);
        if (task)
            run_task(w, task);
        if (stop)
            break;
        pthread_mutex_lock(&w->lock);
        w->published = w->stats;
        w->published.seq = rh_tip_seq(w->tip);
        bool idle = !w->first && !w->tasks, writes_wait = w->first != NULL;
        pthread_mutex_unlock(&w->lock);
        checkpoint(w, idle, task != NULL, writes_wait);
        pthread_mutex_lock(&w->lock);
    }
    return NULL;
}

/* --- the outside ----------------------------------------------------------------------------- */

enum rh_rc rh_writer_open(struct rh_record *r, struct rh_writer **ret)
{
    struct rh_writer *w = rh_alloc(sizeof *w);
    w->record = r;
    w->last = &w->first;
    w->last_task = &w->tasks;
    w->session = rh_alloc(sizeof *w->session);
    w->session->record = r;
    w->session->scratch = rh_arena_open(RH_WRITER_BYTES);
    w->session->trial = rh_arena_open(RH_SCRATCH_BYTES);
    w->audit_arena = rh_arena_open(4 * (size_t)RH_AUDIT_PENDING_MAX);
    w->session->packer = rh_packer_open(r->codec);
    enum rh_rc rc = rh_store_connect(r->store, RH_CONN_WRITE, &w->session->conn);
    if (rc == RH_OK)
        rc = rh_tip_open(w->session, &w->tip);
    if (rc == RH_OK)
        rc = rh_board_open(w->session, rh_tip_seq(w->tip));
    if (rc) {
        rh_writer_close(w);
        return rc;
    }
    w->published.seq = rh_tip_seq(w->tip);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, &attr);
    pthread_cond_init(&w->task_done, &attr);
    pthread_condattr_destroy(&attr);
    rc = rh_thread_start("writer", run, w, &w->thread);
    if (rc) {
        rh_writer_close(w);
        return rc;
    }
    w->running = true;
    *ret = w;
    return RH_OK;
}

void rh_writer_close(struct rh_writer *w)
{
    if (!w)
        return;
    if (w->running) {
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_broadcast(&w->work);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->work);
        pthread_cond_destroy(&w->task_done);
    }
    rh_board_close(w->record->board);
    w->record->board = NULL;
    rh_tip_close(w->tip);
    rh_store_disconnect(w->session->conn);
    rh_packer_close(w->session->packer);
    rh_arena_close(w->session->scratch);
    rh_arena_close(w->session->trial);
    rh_arena_close(w->audit_arena);
    rh_free(w->session);
    rh_free(w);
}

enum rh_rc rh_writer_submit(struct rh_writer *w, struct rh_write *write)
{
    write->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->stop || w->waiting >= RH_RECORD_QUEUE_MAX) {
        pthread_mutex_unlock(&w->lock);
        return RH_BUSY;
    }
    bool idle = w->first == NULL;
    *w->last = write;
    w->last = &write->next;
    w->waiting++;
    if (idle)
        pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    return RH_OK;
}

enum rh_rc rh_writer_task(struct rh_writer *w, struct rh_task task)
{
    struct pending_task t = {.task = task};
    pthread_mutex_lock(&w->lock);
    if (w->stop) {
        pthread_mutex_unlock(&w->lock);
        return RH_INTERRUPTED;
    }
    *w->last_task = &t;
    w->last_task = &t.next;
    pthread_cond_signal(&w->work);
    while (!t.finished)
        pthread_cond_wait(&w->task_done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return t.rc;
}

struct rh_tip *rh_writer_tip(struct rh_record *r)
{
    return r->writer->tip;
}

void rh_writer_wake(struct rh_writer *w)
{
    pthread_mutex_lock(&w->lock);
    if (!w->audit_waits) {
        w->audit_waits = true;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
}

static enum rh_rc nothing(struct rh_session *w, void *user)
{
    (void)w;
    (void)user;
    return RH_OK;
}

void rh_writer_flush(struct rh_writer *w)
{
    /* Groups run before tasks, and a group takes the waiting read rows along. */
    if (rh_writer_task(w, (struct rh_task){nothing, NULL}))
        rh_log(RH_LOG_ERROR, "writer", "the last rows could not be written");
}

void rh_writer_stats(struct rh_writer *w, struct rh_record_stats *ret)
{
    pthread_mutex_lock(&w->lock);
    *ret = w->published; /* as of the last finished group */
    ret->waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
}
