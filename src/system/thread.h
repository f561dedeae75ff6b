/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thread.h - threads that no signal interrupts, and a bounded queue between them.
 */
#ifndef RH_SYSTEM_THREAD_H
#define RH_SYSTEM_THREAD_H

#include "base/rc.h"

#include <pthread.h>
#include <stdbool.h>

/* Starts run(user) with all signals blocked, so that they reach the main thread. `name`: at most 15
 * characters, for ps and gdb. RH_BUSY: the system has no more threads. */
enum rh_rc rh_thread_start(const char *name, void *(*run)(void *user), void *user, pthread_t *ret);

/* First in, first out; any number of threads on both sides. Items are pointers, never NULL, owned
 * by who holds them. */
struct rh_queue;
struct rh_queue *rh_queue_open(unsigned limit);
void rh_queue_close(struct rh_queue *q); /* NULL is fine; no thread may use it any more */
/* Waits for room. False when the queue has ended: the item stays the caller's. */
bool rh_queue_push(struct rh_queue *q, void *item);
/* RH_BUSY: full (nothing waits). RH_INTERRUPTED: ended. */
enum rh_rc rh_queue_try(struct rh_queue *q, void *item);
/* Waits for an item. NULL when the queue has ended and is empty. */
void *rh_queue_pop(struct rh_queue *q);
void rh_queue_end(struct rh_queue *q); /* no more items; wakes all who wait */

#endif
