/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_int.h - what a backend fills in. For src/store and the model backend of the tests only.
 */
#ifndef RH_STORE_STORE_INT_H
#define RH_STORE_STORE_INT_H

#include "store/store.h"

struct rh_store {
    const struct rh_store_ops *ops;
    void *backend;
};

struct rh_conn {
    struct rh_store *store;
    void *backend;
};

#endif
