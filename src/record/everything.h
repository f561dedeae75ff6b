/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * everything.h - all that the record has of a person or an encounter, piece by piece.
 *
 * https://hl7.org/fhir/R4/patient-operation-everything.html and
 * encounter-operation-everything.html. First the part of the person (the Patient foremost), or the
 * Encounter; then what stands elsewhere and is in the compartment; then, each once, what all of
 * these refer to and what belongs to nobody (practitioners, organizations, places, medications). Of
 * an encounter also what it refers to in the record of its own person. What belongs to another
 * person is never brought by a reference.
 *
 * Deleted resources are left out. Each piece is read in a snapshot of its own; a cursor is the
 * place of the last row.
 */
#ifndef RH_RECORD_EVERYTHING_H
#define RH_RECORD_EVERYTHING_H

#include "record/record.h"

enum {
    RH_EVERYTHING_ROWS = 64,           /* of one piece */
    RH_EVERYTHING_RESCAN_MAX = 200000, /* resources that are read again for a later page */
    RH_EVERYTHING_PIECE_BYTES = 512
                                << 20, /* of rows that are read at once, as large as they may be */
    RH_EVERYTHING_NAMES_BYTES = 128 << 20 /* of names that are remembered: RH_TOOLARGE */
};

struct rh_everything_request {
    unsigned type;          /* number of Patient or Encounter */
    struct rh_text id;      /* empty: of every Patient */
    int64_t from_us, to_us; /* dates of care that touch this span; INT64_MIN, INT64_MAX: all. What
                               has no such date is not left out */
    int64_t since_us;       /* changed at or after; INT64_MIN: all */
    const uint16_t *types;  /* only these */
    unsigned n_types;       /* 0: all */
    struct rh_text cursor;  /* empty: from the start */
};

struct rh_everything;

/* Texts of the request and of the caller, and ctx, live as long as it does; sessions may change
 * between calls. RH_NOTFOUND, RH_GONE, RH_QUERY (cursor), RH_FORBIDDEN, with issues. *ret is owned
 * by the caller. */
enum rh_rc rh_everything_open(struct rh_session *s, struct rh_ctx *ctx,
                              const struct rh_caller *caller, const struct rh_everything_request *r,
                              struct rh_everything **ret);
void rh_everything_close(struct rh_everything *e); /* NULL is fine */

/* The next rows, at most `max` (up to RH_EVERYTHING_ROWS), which live until the next call; *n is 0
 * only at the end. `included`: a row is there because others refer to it. Leaves access rows. */
enum rh_rc rh_everything_next(struct rh_session *s, struct rh_everything *e,
                              struct rh_version *rows, bool *included, unsigned max, unsigned *n);
/* Where it stands now, for the cursor of a next page. */
enum rh_rc rh_everything_cursor(struct rh_everything *e, struct rh_arena *a, struct rh_text *ret);

#endif
