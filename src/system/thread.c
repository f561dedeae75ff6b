/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/thread.h"

#include "base/alloc.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

enum { STACK_BYTES = 1 << 20 };

enum rh_rc rh_thread_start(const char *name, void *(*run)(void *user), void *user, pthread_t *ret)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    if (pthread_attr_init(&attr))
        return RH_BUSY;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits this */
    int failed = pthread_create(&thread, &attr, run, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (failed)
        return RH_BUSY;
    char cut[16];
    snprintf(cut, sizeof cut, "%.15s", name);
    pthread_setname_np(thread, cut);
    *ret = thread;
    return RH_OK;
}

struct rh_queue {
    pthread_mutex_t mutex;
    pthread_cond_t has_item, has_room;
    unsigned limit, count, first;
    bool ended;
    void **items; /* a ring */
};

struct rh_queue *rh_queue_open(unsigned limit)
{
    assert(limit > 0);
    struct rh_queue *q = rh_alloc(sizeof *q);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->has_item, NULL);
    pthread_cond_init(&q->has_room, NULL);
    q->limit = limit;
    q->items = rh_alloc(limit * sizeof *q->items);
    return q;
}

void rh_queue_close(struct rh_queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->has_item);
    pthread_cond_destroy(&q->has_room);
    pthread_mutex_destroy(&q->mutex);
    rh_free(q->items);
    rh_free(q);
}

static enum rh_rc add(struct rh_queue *q, void *item, bool wait)
{
    enum rh_rc rc = RH_OK;
    assert(item);
    pthread_mutex_lock(&q->mutex);
    while (wait && q->count == q->limit && !q->ended)
        pthread_cond_wait(&q->has_room, &q->mutex);
    if (q->ended) {
        rc = RH_INTERRUPTED;
    } else if (q->count == q->limit) {
        rc = RH_BUSY;
    } else {
        q->items[(q->first + q->count) % q->limit] = item;
        q->count++;
        pthread_cond_signal(&q->has_item);
    }
    pthread_mutex_unlock(&q->mutex);
    return rc;
}

bool rh_queue_push(struct rh_queue *q, void *item)
{
    return add(q, item, true) == RH_OK;
}

enum rh_rc rh_queue_try(struct rh_queue *q, void *item)
{
    return add(q, item, false);
}

void *rh_queue_pop(struct rh_queue *q)
{
    void *item = NULL;
    pthread_mutex_lock(&q->mutex);
    while (q->count == 0 && !q->ended)
        pthread_cond_wait(&q->has_item, &q->mutex);
    if (q->count > 0) {
        item = q->items[q->first];
        q->first = (q->first + 1) % q->limit;
        q->count--;
        pthread_cond_signal(&q->has_room);
    }
    pthread_mutex_unlock(&q->mutex);
    return item;
}

void rh_queue_end(struct rh_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->ended = true;
    pthread_cond_broadcast(&q->has_item);
    pthread_cond_broadcast(&q->has_room);
    pthread_mutex_unlock(&q->mutex);
}
