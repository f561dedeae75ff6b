/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_int.h - what a backend fills in. For src/store and the model backend of the tests only.
 */
#ifndef RH_STORE_STORE_INT_H
#define RH_STORE_STORE_INT_H

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct rh_store {
    const struct rh_store_ops *ops;
    void *backend;
    pthread_mutex_t lock;     /* of readers */
    struct rh_conn *readers;  /* connections that may hold a lease */
    _Atomic uint64_t commits; /* that end leases, tried in this process, durable or not */
};

struct rh_conn {
    struct rh_store *store;
    void *backend;
    _Atomic int lease; /* lease.c */
    uint64_t lease_commits;
    struct rh_conn *next, **link;
};

/* --- lease.c --- */
void rh_lease_add(struct rh_conn *c);
void rh_lease_remove(struct rh_conn *c);
bool rh_lease_used(const struct rh_conn *c);
void rh_lease_over(struct rh_conn *c);         /* by the owner: ends a resting lease */
void rh_lease_end_resting(struct rh_store *s); /* by the writer: those of all connections */

#endif
