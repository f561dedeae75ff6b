/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model_store.h - a second backend of store.h, for comparison: sorted arrays in memory.
 *
 * A transaction works on a copy of all arrays, a savepoint is another copy, a reader's snapshot a
 * third. Nothing is durable: closing the store forgets it. `dir` is not looked at. Texts that it
 * returns live as long as the store. It has no backup, no write-ahead log and no damage to find.
 */
#ifndef RH_TESTS_MODEL_STORE_H
#define RH_TESTS_MODEL_STORE_H

#include "store/store.h"

extern const struct rh_store_ops rh_store_model;

#endif
