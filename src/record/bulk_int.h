/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk_int.h - the two halves of the bulk load: bulk.c gathers and prepares on several threads,
 * publish.c writes.
 */
#ifndef RH_RECORD_BULK_INT_H
#define RH_RECORD_BULK_INT_H

#include "record/bulk.h"
#include "record/record_int.h"

/* A resource ready to be stored. Texts live in its batch's arenas. */
struct rh_bulk_item {
    uint64_t part, rk;
    uint64_t unit; /* order of the unit in the load */
    struct rh_text id, packed;
    struct rh_key *keys; /* cut; rk is filled in when it is known */
    uint32_t n_keys, n_own, size; /* own keys stand before shared ones */
    uint16_t type;
    unsigned char codec;
    bool later; /* exists already, or stands twice in the batch: goes the ordinary way */
    bool done;
    unsigned char salt[RH_SALT_SIZE];
    struct rh_hash body_hash;
};

/* Inputs whose references depend on what is stored: stored as a transaction after the batch. */
struct rh_bulk_batch;
struct rh_bulk_unit {
    struct rh_text source; /* NUL-terminated copies, freed with the unit */
    struct rh_text json;
    uint64_t line, position, number;
    struct rh_bulk_batch *batch;
    struct rh_bulk_unit *next;
};

struct rh_bulk_mark {
    struct rh_text source;
    uint64_t position;
};

struct rh_bulk_batch {
    struct rh_bulk_item *items;
    size_t n, cap;
    struct rh_arena **arenas; /* one a worker */
    unsigned n_arenas;
    struct rh_bulk_unit *late, **last_late;
    struct rh_bulk_mark *marks; /* furthest position of each source in this batch */
    size_t n_marks, cap_marks;
    uint64_t bytes;      /* of input */
    unsigned open_units; /* given to workers, not yet prepared */
    unsigned units;
    bool sealed;
    struct rh_bulk_batch *next;
};

/* One resource of a unit. */
struct rh_bulk_part {
    struct rh_prepared prepared;
    struct rh_text full_url, if_none_exist;
    const char *place;
    bool refused;
};

struct rh_bulk_parts {
    const struct rh_record *record;
    struct rh_ctx *ctx;
    enum rh_validate_mode validate;
    bool bundle, atomic;
    struct rh_bulk_part *parts;
    unsigned n;
    struct rh_links *links;
    bool open; /* something depends on what is stored */
};

/* Parses a unit as far as needs no state. The code is of the first refused resource; the others are
 * usable unless u->atomic. */
enum rh_rc rh_bulk_open_unit(const struct rh_record *r, struct rh_ctx *ctx,
                             enum rh_validate_mode mode, struct rh_text json,
                             struct rh_bulk_parts *u);

/* Builds the operations of a unit and stores it as one transaction. */
enum rh_rc rh_bulk_store_late(struct rh_bulk *b, struct rh_session *s, struct rh_bulk_unit *u);
/* Writes a whole batch: persons, keys, then log and heads, in slices on the writer's thread. */
enum rh_rc rh_bulk_publish(struct rh_session *s, const struct rh_caller *caller, struct rh_text job,
                           struct rh_bulk_batch *batch, struct rh_bulk_counts *counts);

#endif
