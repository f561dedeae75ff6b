/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/workers.h"

#include "base/alloc.h"

#include <pthread.h>
#include <signal.h>

struct queue {
    struct rh_request *first, **last;
};

struct worker {
    pthread_t thread;
    struct rh_session *session;
    struct rh_workers *pool;
    bool started;
};

struct rh_workers {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct queue steps; /* are taken first: what has begun shall end */
    struct queue parts, fresh;
    bool fresh_turn; /* of the last two */
    unsigned reserved, max, n;
    bool stop;
    void (*work)(struct rh_request *q);
    struct worker *workers;
};

static void put(struct queue *queue, struct rh_request *q)
{
    q->next_waiting = NULL;
    *queue->last = q;
    queue->last = &q->next_waiting;
}

static struct rh_request *take(struct queue *queue)
{
    struct rh_request *q = queue->first;
    if (!q)
        return NULL;
    queue->first = q->next_waiting;
    if (!queue->first)
        queue->last = &queue->first;
    return q;
}

static struct rh_request *next(struct rh_workers *w)
{
    struct rh_request *q = take(&w->steps);
    if (q)
        return q;
    bool fresh = w->fresh.first && (w->fresh_turn || !w->parts.first);
    w->fresh_turn = !fresh;
    if (!fresh)
        return take(&w->parts);
    w->reserved--;
    return take(&w->fresh);
}

static void *loop(void *arg)
{
    struct worker *self = arg;
    struct rh_workers *w = self->pool;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct rh_request *q = next(w);
        if (!q) {
            if (w->stop)
                break;
            pthread_cond_wait(&w->filled, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        q->session = self->session;
        w->work(q);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum rh_rc rh_workers_open(struct rh_record *record, unsigned threads, unsigned queue_max,
                           void (*work)(struct rh_request *q), struct rh_workers **ret)
{
    struct rh_workers *w = rh_alloc(sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    w->steps.last = &w->steps.first;
    w->parts.last = &w->parts.first;
    w->fresh.last = &w->fresh.first;
    w->max = queue_max;
    w->work = work;
    w->workers = rh_alloc(threads * sizeof *w->workers);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    enum rh_rc rc = RH_OK;
    for (w->n = 0; w->n < threads && !rc;) {
        struct worker *worker = &w->workers[w->n++];
        worker->pool = w;
        rc = rh_session_open(record, &worker->session);
        if (!rc && pthread_create(&worker->thread, NULL, loop, worker))
            rc = RH_IO;
        worker->started = !rc;
        if (!rc)
            pthread_setname_np(worker->thread, "rihla-worker");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc) {
        rh_workers_close(w);
        return rc;
    }
    *ret = w;
    return RH_OK;
}

bool rh_workers_reserve(struct rh_workers *w)
{
    pthread_mutex_lock(&w->lock);
    bool ok = w->reserved < w->max;
    w->reserved += ok;
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static void push(struct rh_workers *w, struct queue *queue, struct rh_request *q)
{
    pthread_mutex_lock(&w->lock);
    put(queue, q);
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
}

void rh_workers_push(struct rh_workers *w, struct rh_request *q)
{
    push(w, &w->fresh, q);
}

void rh_workers_again(struct rh_workers *w, struct rh_request *q)
{
    push(w, &w->steps, q);
}

void rh_workers_part(struct rh_workers *w, struct rh_request *q)
{
    push(w, &w->parts, q);
}

unsigned rh_workers_waiting(struct rh_workers *w)
{
    pthread_mutex_lock(&w->lock);
    unsigned ret = w->reserved;
    pthread_mutex_unlock(&w->lock);
    return ret;
}

void rh_workers_close(struct rh_workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->filled);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->n; i++) {
        if (w->workers[i].started)
            pthread_join(w->workers[i].thread, NULL);
        rh_session_close(w->workers[i].session);
    }
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    rh_free(w->workers);
    rh_free(w);
}
