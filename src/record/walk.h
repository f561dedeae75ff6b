/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * walk.h - every resource as it was at one moment, in the order of numbers (rk): for exports.
 *
 * Each piece is read in a snapshot of its own, so no reader pins the write-ahead log. What was
 * changed behind the moment is given as it was then, from the log; what came later is left out. A
 * position is one number: who goes on from it gives nothing twice. Not followed: a resource that is
 * moved to another person while the walk goes on may be given twice or not at all.
 *
 * Reading and decoding are two calls, so that one thread reads while others decode.
 */
#ifndef RH_RECORD_WALK_H
#define RH_RECORD_WALK_H

#include "record/record.h"

enum {
    RH_WALK_ROWS = 2000,            /* of one piece */
    RH_WALK_BYTES = 4 << 20,        /* packed, of one piece, and then the row that passes it */
    RH_WALK_PATIENTS_MAX = 1000000, /* of one group: RH_TOOLARGE */
    RH_WALK_GROUPS_DEEP = 8         /* groups in groups */
};

/* A moment between two commits: all that is committed has a number up to `newest` and a time up to
 * time_us; all that comes later has greater ones, or the same time. */
struct rh_moment {
    uint64_t newest;
    int64_t time_us;
};
enum rh_rc rh_record_moment(struct rh_record *r, struct rh_moment *ret);

/* Where to walk: ascending, apart. */
struct rh_walk_range {
    uint64_t lo, hi; /* lo <= rk < hi */
};
struct rh_walk_ranges {
    struct rh_walk_range *rows;
    size_t n;
};

/* Each decides by RH_ACTION_EXPORT, and leaves an access row that names `what`. Ranges are in the
 * arena. RH_FORBIDDEN, RH_TOOLARGE, with issues. */
enum rh_rc rh_walk_system(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          struct rh_text what, struct rh_walk_ranges *ret);
/* What belongs to any person. */
enum rh_rc rh_walk_persons(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           struct rh_text what, struct rh_walk_ranges *ret);
/* The compartments of these patients (ids), also what in them stands in the record of another. One
 * that is not there has nothing. RH_INTERRUPTED: progress (may be NULL) said so. */
struct rh_walk_members {
    struct rh_text what;
    const struct rh_text *ids;
    size_t n;
    rh_progress *progress;
    void *user;
};
enum rh_rc rh_walk_patients(struct rh_session *s, struct rh_ctx *ctx,
                            const struct rh_caller *caller, const struct rh_walk_members *m,
                            struct rh_walk_ranges *ret);
bool rh_walk_has(const struct rh_walk_ranges *r, uint64_t rk);

/* The Patients that are members of a group, and of groups in it, each once; inactive ones are left
 * out. RH_NOTFOUND, RH_GONE: of the group itself. RH_TOOLARGE. In the context's arena. */
enum rh_rc rh_group_patients(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, struct rh_text group,
                             struct rh_text **ids, size_t *n);
/* The number of a resource; RH_NOTFOUND. */
enum rh_rc rh_walk_number(struct rh_session *s, struct rh_arena *a, unsigned type,
                          struct rh_text id, uint64_t *rk);

/* A piece that was read: in its arena. */
struct rh_walk_piece {
    struct rh_entry *rows; /* as they were at the moment */
    unsigned n;            /* may be 0 before the end */
    uint64_t next;         /* position behind it */
    bool end;              /* there is no more */
};
/* The next piece from position `at`. Rows of other types than `types` are left out (bit of the type
 * set: wanted; NULL: all), and those older than since_us. Errors of the store, with issues. */
struct rh_walk {
    struct rh_walk_ranges ranges;
    struct rh_moment moment;
    const bool *types; /* by type's number */
    int64_t since_us;  /* INT64_MIN: all */
};
enum rh_rc rh_walk_read(struct rh_session *s, struct rh_ctx *ctx, const struct rh_walk *w,
                        uint64_t at, struct rh_walk_piece *ret);
/* One of its rows, in the arena; a deletion has op RH_OP_DELETE, an erased one no body. Any thread,
 * with a session of its own. */
enum rh_rc rh_walk_version(struct rh_session *s, const struct rh_entry *row, struct rh_arena *a,
                           struct rh_version *ret);

#endif
