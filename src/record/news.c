/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * news.c - what was committed, for those who follow the log.
 *
 * The writer says behind each commit how far the log is. That costs it one look when nobody waits.
 * Numbers and our own sequence go up together: entries of other origins come into a directory only
 * while it has no writer.
 */
#include "base/alloc.h"
#include "record/record_int.h"
#include "system/clock.h"

#include <errno.h>
#include <time.h>

struct rh_board {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic uint64_t newest;
    _Atomic unsigned waiting;
    uint64_t nudges;   /* under the lock */
    uint64_t seq_less; /* number of an entry of ours = its sequence + this */
};

enum rh_rc rh_board_open(struct rh_session *writer, uint64_t seq)
{
    struct rh_entry last;
    unsigned n = 0;
    rh_arena_reset(writer->scratch);
    enum rh_rc rc =
        rh_store_history(writer->conn, RH_HISTORY_SYSTEM, 0, 0, 1, writer->scratch, &last, &n);
    if (rc)
        return rc;
    struct rh_board *b = rh_alloc(sizeof *b);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, &attr);
    pthread_condattr_destroy(&attr);
    b->newest = n ? last.number : 0;
    b->seq_less = b->newest - seq;
    writer->record->board = b;
    return RH_OK;
}

void rh_board_close(struct rh_board *b)
{
    if (!b)
        return;
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    rh_free(b);
}

void rh_board_committed(struct rh_board *b, uint64_t seq)
{
    uint64_t number = seq + b->seq_less;
    if (atomic_load(&b->newest) == number)
        return;
    atomic_store(&b->newest, number);
    if (atomic_load(&b->waiting) == 0)
        return;
    pthread_mutex_lock(&b->lock);
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

uint64_t rh_record_newest(const struct rh_record *r)
{
    return atomic_load(&r->board->newest);
}

bool rh_record_wait(struct rh_record *r, uint64_t number, unsigned timeout_ms)
{
    struct rh_board *b = r->board;
    int64_t end = rh_clock_mono_ns() + timeout_ms * INT64_C(1000000);
    struct timespec until = {end / 1000000000, end % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&b->lock);
    uint64_t nudges = b->nudges;
    atomic_fetch_add(&b->waiting, 1); /* before the look: the writer stores, then counts */
    while (atomic_load(&b->newest) <= number && b->nudges == nudges && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&b->changed, &b->lock, &until);
    atomic_fetch_sub(&b->waiting, 1);
    pthread_mutex_unlock(&b->lock);
    return atomic_load(&b->newest) > number;
}

void rh_record_nudge(struct rh_record *r)
{
    struct rh_board *b = r->board;
    pthread_mutex_lock(&b->lock);
    b->nudges++;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

enum rh_rc rh_record_news(struct rh_session *s, struct rh_arena *a, uint64_t number, unsigned limit,
                          struct rh_news *rows, unsigned *n)
{
    uint64_t newest = rh_record_newest(s->record);
    enum rh_rc rc = number < newest && limit ? rh_store_lease(s->conn) : RH_OK;
    bool leased = number < newest && limit && !rc;
    for (*n = 0; !rc && *n < limit && number < newest; ++*n) {
        struct rh_entry e;
        rh_arena_reset(s->trial);
        rc = rh_store_entry(s->conn, ++number, s->trial, &e);
        char *id = rc ? NULL : rh_arena_copy(a, e.id.data, e.id.len);
        if (!rc && !id)
            rc = RH_NOMEM;
        if (!rc)
            rows[*n] = (struct rh_news){
                .number = number,
                .type = e.type,
                .id = {id, e.id.len},
                .op = e.op,
                .origin = e.origin,
                .seq = e.seq,
                .part = e.part,
                .time_us = e.time_us,
            };
    }
    if (leased)
        rh_store_lease_rest(s->conn, rc == RH_OK);
    return rc == RH_NOTFOUND ? RH_CORRUPT : rc;
}
