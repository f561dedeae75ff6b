/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * compress.h - zstd with a dictionary for bodies in the store, gzip for HTTP and for files.
 *
 * Everything that unpacks takes the largest size the caller accepts and stops there, so that a few
 * bytes cannot fill the memory.
 */
#ifndef RH_SYSTEM_COMPRESS_H
#define RH_SYSTEM_COMPRESS_H

#include "base/issue.h"

/* --- zstd ----------------------------------------------------------------------------------------
 */

enum { RH_PACK_LEVEL_MIN = 1, RH_PACK_LEVEL_MAX = 19 };

struct rh_codec;  /* a dictionary, made ready; shared by all threads */
struct rh_packer; /* working memory of one thread */

/* Copies the dictionary; len 0: none. NULL when it is damaged. Owned by the caller; packers must be
 * closed first. */
struct rh_codec *rh_codec_open(const void *dictionary, size_t len);
void rh_codec_close(struct rh_codec *c);              /* NULL is fine */
struct rh_packer *rh_packer_open(struct rh_codec *c); /* never NULL */
void rh_packer_close(struct rh_packer *p);            /* NULL is fine */

/* One zstd frame with the size of its content, in the arena. Level RH_PACK_LEVEL_MIN..MAX.
 * RH_NOMEM. */
enum rh_rc rh_pack(struct rh_packer *p, int level, struct rh_arena *a, struct rh_text in,
                   struct rh_text *ret);
/* Unpacks into `to`, which has room for `max` bytes. RH_CORRUPT: damaged, of another dictionary, or
 * more than `max`. */
enum rh_rc rh_unpack(struct rh_packer *p, const void *data, size_t len, void *to, size_t max,
                     size_t *ret_len);

/* --- gzip (RFC 1952) -----------------------------------------------------------------------------
 */

/* Appends one member. Level 1..9. */
enum rh_rc rh_gzip_pack(struct rh_text in, int level, struct rh_buf *out);
/* Appends the content of all members. RH_SYNTAX: not gzip, damaged, or cut; RH_TOOLARGE: more than
 * `max` bytes. On failure `out` has its old length. */
enum rh_rc rh_gzip_unpack(struct rh_text in, size_t max, struct rh_buf *out);

/* One member made piece by piece, for a reader who wants each piece at once. */
struct rh_gzip;
struct rh_gzip *rh_gzip_open(int level); /* 1..9; NULL: no memory */
/* Appends what the piece packs to, so that all of it can be unpacked as soon as that has arrived;
 * `last` ends the member. RH_NOMEM (out->rc). */
enum rh_rc rh_gzip_add(struct rh_gzip *g, struct rh_text in, bool last, struct rh_buf *out);
void rh_gzip_close(struct rh_gzip *g); /* NULL is fine */

/* A file read piece by piece; one that is not gzip is read as it is. */
struct rh_reader;
enum rh_rc rh_reader_open(struct rh_issues *is, const char *path, struct rh_reader **ret);
/* Up to `max` bytes (at most 1 GiB); 0 at the end. RH_SYNTAX: the gzip data are damaged or cut.
 * RH_IO. */
enum rh_rc rh_reader_read(struct rh_reader *r, void *to, size_t max, size_t *ret_len);
uint64_t rh_reader_at(const struct rh_reader *r); /* bytes of the file read so far, for progress */
uint64_t rh_reader_size(const struct rh_reader *r); /* bytes of the file; 0: not a regular file */
void rh_reader_close(struct rh_reader *r);          /* NULL is fine */

#endif
