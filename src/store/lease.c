/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lease.c - a reader's snapshot that stays open between reads for as long as nothing is committed.
 *
 * Taking and giving back a snapshot costs SQLite four calls of fcntl under a lock that all
 * connections of the process share: a third of a read by id. All commits go through this process,
 * so a counter of them says exactly when a snapshot is no longer the newest state.
 *
 *   NONE -> USED      the owner begins
 *   USED -> RESTING   the owner has read; the snapshot stays
 *   RESTING -> USED   the owner reads again, in the same snapshot when nothing was committed
 * meanwhile RESTING -> ENDING -> NONE   the writer, before a checkpoint: it must not wait for an
 * idle reader
 *
 * A connection is touched by the one thread that moved it to USED or ENDING. Any other call on a
 * connection ends a resting lease first (rh_lease_over), so it never reads an old state.
 */
#include "store/store_int.h"

#include <sched.h>

enum { NONE, RESTING, USED, ENDING };

/* From RESTING to `to`; false when there is no lease. Waits while the writer ends it. */
static bool take(struct rh_conn *c, int to)
{
    for (;;) {
        int state = RESTING;
        if (atomic_compare_exchange_strong(&c->lease, &state, to))
            return true;
        if (state == NONE)
            return false;
        sched_yield(); /* ENDING: a rollback, a few microseconds */
    }
}

enum rh_rc rh_store_lease(struct rh_conn *c)
{
    bool open = take(c, USED);
    uint64_t now = atomic_load(&c->store->commits); /* before the snapshot: it can only be newer */
    if (open && c->lease_commits == now)
        return RH_OK;
    if (open)
        c->store->ops->rollback(c);
    enum rh_rc rc = c->store->ops->begin(c);
    c->lease_commits = now;
    atomic_store(&c->lease, rc ? NONE : USED);
    return rc;
}

void rh_store_lease_rest(struct rh_conn *c, bool keep)
{
    if (!keep)
        c->store->ops->rollback(c);
    atomic_store(&c->lease, keep ? RESTING : NONE);
}

bool rh_lease_used(const struct rh_conn *c)
{
    return atomic_load_explicit(&c->lease, memory_order_relaxed) == USED;
}

void rh_lease_over(struct rh_conn *c)
{
    if (!take(c, ENDING))
        return;
    c->store->ops->rollback(c);
    atomic_store(&c->lease, NONE);
}

void rh_lease_end_resting(struct rh_store *s)
{
    pthread_mutex_lock(&s->lock);
    for (struct rh_conn *c = s->readers; c; c = c->next) {
        int state = RESTING;
        if (!atomic_compare_exchange_strong(&c->lease, &state, ENDING))
            continue;
        s->ops->rollback(c);
        atomic_store(&c->lease, NONE);
    }
    pthread_mutex_unlock(&s->lock);
}

void rh_lease_add(struct rh_conn *c)
{
    struct rh_store *s = c->store;
    pthread_mutex_lock(&s->lock);
    c->next = s->readers;
    c->link = &s->readers;
    if (c->next)
        c->next->link = &c->next;
    s->readers = c;
    pthread_mutex_unlock(&s->lock);
}

void rh_lease_remove(struct rh_conn *c)
{
    struct rh_store *s = c->store;
    pthread_mutex_lock(&s->lock); /* who comes beside it in the list sets its link */
    bool listed = c->link != NULL;
    if (listed) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->link = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    if (listed)
        rh_lease_over(c);
}
