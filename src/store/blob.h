/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blob.h - large objects (films, scans): files of one person under a keyed hash, never rows, never
 * shared.
 *
 * DIR/blobs/<part, 16 hex>/<2 hex>/<keyed BLAKE2b of the content, 64 hex>. The key is the part's
 * salt, so that equal files of two persons have different names, and erasing a person is removing
 * one folder. A file that is being written has a name that begins with a dot; one left behind by a
 * power cut is never read and may be removed.
 */
#ifndef RH_STORE_BLOB_H
#define RH_STORE_BLOB_H

#include "store/store.h"

enum { RH_BLOB_MAX_MIB = 1024 };

/* Writes the bytes, durable on return (file and folders are synced). An object that is there
 * already is left. RH_TOOLARGE: more than RH_BLOB_MAX_MIB; RH_FULL, RH_READONLY, RH_IO: nothing of
 * it is found then. */
enum rh_rc rh_blob_put(const char *dir, const struct rh_part *part, const void *data, size_t len,
                       struct rh_hash *ret);
/* Opens for reading; *fd is the caller's to close. RH_NOTFOUND; RH_CORRUPT when the content does
 * not fit the name (only with `verify`). */
enum rh_rc rh_blob_open(const char *dir, const struct rh_part *part, const struct rh_hash *name,
                        bool verify, int *fd, uint64_t *size);
/* RH_NOTFOUND: there is none. On RH_OK it does not come back after a power cut. */
enum rh_rc rh_blob_delete(const char *dir, const struct rh_part *part, const struct rh_hash *name);

#endif
