/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk_int.h - the parts of the bulk load: bulk.c gathers and prepares on several threads,
 * publish.c writes, bulk_rows.c has the keys of a batch, bulk_later.c what exists already.
 */
#ifndef RH_RECORD_BULK_INT_H
#define RH_RECORD_BULK_INT_H

#include "record/bulk.h"
#include "record/record_int.h"

/* Where a unit came from, for messages; in its batch's arena. */
struct rh_bulk_where {
    struct rh_text source;
    uint64_t line;
};

/* A resource ready to be stored. Texts live in its batch's arenas. */
struct rh_bulk_item {
    uint64_t part, rk;
    uint64_t unit; /* order of the unit in the load */
    const struct rh_bulk_where *where;
    const struct rh_parameters *parameters; /* by which its keys were made */
    struct rh_text id, packed;
    const unsigned char *rows; /* its keys: bulk_rows.c */
    uint32_t n_rows, size;
    uint16_t type;
    unsigned char codec;
    bool atomic; /* its unit is a transaction of several */
    bool later;  /* exists already, or stands twice in the batch: goes the ordinary way */
    bool same;   /* of what goes later: stored just so already */
    bool done;
    unsigned char salt[RH_SALT_SIZE];
    struct rh_hash body_hash;
};

/* Inputs whose references depend on what is stored: stored as a transaction after the batch. */
struct rh_bulk_batch;
struct rh_bulk_unit {
    struct rh_text source; /* lives as long as the load */
    struct rh_text json;   /* behind the unit, in its memory */
    uint64_t line, position, number;
    struct rh_bulk_batch *batch;
    struct rh_bulk_unit *next;
};

struct rh_bulk_mark {
    struct rh_text source;
    uint64_t position;
};

/* The keys of a batch, in the order of the index. */
struct rh_bulk_ref {
    uint64_t prefix;
    const unsigned char *row;
    uint32_t item; /* its place in the order of the items */
};
struct rh_bulk_sorted {
    struct rh_bulk_ref *rows;
    size_t n;
    uint64_t *rks; /* of the items, set when they are known */
};

struct rh_bulk_batch {
    struct rh_bulk_item *items;
    size_t n, cap;
    struct rh_bulk_item **order; /* by unit */
    struct rh_bulk_item **heads; /* as they are published */
    struct rh_bulk_sorted keys;
    bool arranged;            /* these two are made */
    struct rh_arena **arenas; /* one a worker */
    unsigned n_arenas;
    struct rh_bulk_unit *late, **last_late;
    struct rh_bulk_mark *marks; /* furthest position of each source in this batch */
    size_t n_marks, cap_marks;
    uint64_t input_bytes;
    uint64_t bytes;      /* prepared, and of input that waits for the end of the batch */
    unsigned open_units; /* given to workers, not yet prepared */
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
/* Refuses `resources` of a unit: counts them and tells who asked. Any thread. */
void rh_bulk_refuse(struct rh_bulk *b, struct rh_text source, uint64_t line,
                    const struct rh_issues *is, enum rh_rc rc, uint64_t resources);

/* --- publish.c ---------------------------------------------------------------------------------
 */
/* What needs no writer: sets aside what exists already, sorts the keys. Batches before this one may
 * be on their way still. */
enum rh_rc rh_bulk_arrange(struct rh_session *s, struct rh_bulk_batch *batch);
/* Writes a whole batch: persons, keys, then log and heads, in slices on the writer's thread. */
enum rh_rc rh_bulk_publish(struct rh_bulk *b, struct rh_session *s, const struct rh_caller *caller,
                           struct rh_text job, struct rh_bulk_batch *batch,
                           struct rh_bulk_counts *counts);

/* --- bulk_later.c ------------------------------------------------------------------------------
 */
/* Sets it->same: the content is what is stored, so that no version is made. */
enum rh_rc rh_bulk_compare(struct rh_session *s, struct rh_bulk_item *it);
/* Stores items that exist already, all of one unit: one transaction when it is atomic, else one by
 * one. What is refused is said and counted; the code is one of the store. */
enum rh_rc rh_bulk_store_items(struct rh_bulk *b, struct rh_session *s,
                               const struct rh_caller *caller, struct rh_bulk_item *const *items,
                               size_t n, struct rh_bulk_counts *counts);

/* --- bulk_rows.c -------------------------------------------------------------------------------
 */
/* Shared rows that were put lately need not be put again. */
struct rh_bulk_shared;
struct rh_bulk_shared *rh_bulk_shared_open(void);
void rh_bulk_shared_forget(struct rh_bulk_shared *s); /* some that were packed are not stored */
void rh_bulk_shared_close(struct rh_bulk_shared *s);  /* NULL is fine */

/* Packs the keys of a resource into it->rows, in the arena. RH_NOMEM. */
enum rh_rc rh_bulk_pack_rows(struct rh_arena *a, struct rh_bulk_shared *shared,
                             const struct rh_search_keys *keys, struct rh_bulk_item *it);

/* The rows of those items that do not go later; shared rows of all: others rely on them.
 * RH_NOMEM. */
enum rh_rc rh_bulk_sort(struct rh_bulk_item *const *items, size_t n, struct rh_bulk_sorted *ret);
/* The next up to `max` rows from `at` on, for the store. */
unsigned rh_bulk_take(const struct rh_bulk_sorted *s, size_t at, struct rh_key *rows, unsigned max);
/* The rows of one item, without shared ones; in the arena. */
enum rh_rc rh_bulk_rows_of(const struct rh_bulk_item *it, struct rh_arena *a, struct rh_key **rows,
                           unsigned *n);

#endif
