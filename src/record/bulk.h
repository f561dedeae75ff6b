/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk.h - bulk load: many resources whose order does not matter, with the writer held for short
 * slices only.
 *
 * Resources are gathered (RH_BULK_RESOURCES, or RH_BULK_BYTES of what is made of them, or
 * RH_BULK_INPUT_BYTES of input; a little more, what is on the way), their keys sorted and written
 * in slices of at most RH_BULK_SLICE_MS, then their log entries and heads: a key may precede its
 * head, never follow it; readers skip what is not published. A resource that exists already is
 * updated by the ordinary way, or skipped when its content is the same; of a transaction Bundle in
 * which something changes what is there, everything is stored in one transaction. The units of an
 * input (a Bundle, a line) are published whole, and marked as done after them, so an interrupted
 * load resumes and finds what it did unchanged.
 */
#ifndef RH_RECORD_BULK_H
#define RH_RECORD_BULK_H

#include "record/write.h"

enum {
    RH_BULK_RESOURCES = 60000,
    RH_BULK_BYTES = 128 << 20,
    RH_BULK_INPUT_BYTES = 96 << 20, /* so that a load that is cut off has not far to go again */
    RH_BULK_SLICE_MS = 15
};

struct rh_bulk;

struct rh_bulk_counts {
    uint64_t created, updated, unchanged, refused;
};

/* `job` names the load in the data directory (for resuming): e.g. a hash of the input's absolute
 * path. Threads: `workers` parse and prepare (0: one per core). */
enum rh_rc rh_bulk_open(struct rh_record *r, const struct rh_caller *caller, struct rh_text job,
                        unsigned workers, struct rh_bulk **ret);

/* How far an earlier, interrupted load of this job and source got: position to go on from; 0: from
 * the start. */
enum rh_rc rh_bulk_resume(struct rh_bulk *b, struct rh_text source, uint64_t *position);

/* How much is checked; before the first unit. */
void rh_bulk_validate(struct rh_bulk *b, enum rh_validate_mode mode);

/* Called for each refused unit, from a thread of the bulk; `where` is as given to add. */
typedef void rh_bulk_refusal(void *user, struct rh_text source, uint64_t line,
                             const struct rh_issues *is, enum rh_rc rc);
void rh_bulk_on_refusal(struct rh_bulk *b, rh_bulk_refusal *f, void *user);

/* Adds one unit: JSON text of a resource, or of a Bundle (transaction, batch, collection, document,
 * searchset, history …) whose resources are stored. A resource with an id keeps it (update as
 * create); an entry with POST, or without an id, gets an id that is a function of the unit's bytes
 * and its place, so that the same file loaded twice makes nothing new. urn:uuid references are
 * resolved inside the unit. The text is copied. `position` is where the next unit begins (resume
 * mark), `line` is for messages. Blocks while too much is waiting. */
enum rh_rc rh_bulk_add(struct rh_bulk *b, struct rh_text source, uint64_t line, uint64_t position,
                       struct rh_text json);

/* Writes what is gathered and waits for it. */
enum rh_rc rh_bulk_flush(struct rh_bulk *b);
void rh_bulk_counts(const struct rh_bulk *b,
                    struct rh_bulk_counts *ret); /* may be called while it runs */
/* Flushes, removes the resume marks when `complete`, frees. */
enum rh_rc rh_bulk_close(struct rh_bulk *b, bool complete);

#endif
