/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * workers.h - the bounded pool of threads for what a loop must not do itself, each with a session
 * of its own.
 */
#ifndef RH_SERVER_WORKERS_H
#define RH_SERVER_WORKERS_H

#include "server/http.h"

struct rh_workers;

/* `work` is called in a worker, with q->session set. */
enum rh_rc rh_workers_open(struct rh_record *record, unsigned threads, unsigned queue_max,
                           void (*work)(struct rh_request *q), struct rh_workers **ret);
/* A place in the queue for one new request; false: it is full. */
bool rh_workers_reserve(struct rh_workers *w);
void rh_workers_push(struct rh_workers *w,
                     struct rh_request *q); /* takes the place that was reserved */
void rh_workers_again(
    struct rh_workers *w,
    struct rh_request *q); /* a further step: before all new ones, never refused */
/* The next part of an answer that is being sent: in turn with new requests, so that neither many
 * long answers nor many short ones keep the others waiting; never refused. */
void rh_workers_part(struct rh_workers *w, struct rh_request *q);
unsigned rh_workers_waiting(struct rh_workers *w);
void rh_workers_close(struct rh_workers *w); /* the queue must be empty; NULL is fine */

#endif
