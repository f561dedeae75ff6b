/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * export.h - resources as NDJSON: the one engine behind `rihla export` and $export.
 *
 * Every resource as it was at one moment (record/walk.h), one a line as a read gives it, in the
 * order of numbers. Several threads read in turn, decode side by side and write in order, so the
 * position of the walk is enough to go on after a crash.
 */
#ifndef RH_PROGRAMME_EXPORT_H
#define RH_PROGRAMME_EXPORT_H

#include "programme/ndjson.h"
#include "record/walk.h"

enum { RH_EXPORT_WORKERS_MAX = 16 };

struct rh_export_walk {
    struct rh_walk walk;  /* where, when and what */
    bool deletions;       /* also what was deleted since: Bundles of type transaction */
    unsigned workers;     /* 0: one a core */
    uint64_t at;          /* position to begin at */
    uint64_t done, total; /* resources before; of all, for progress (0: unknown) */
    /* Appends the resource, when not as a read gives it. Any thread. NULL: as a read gives it. */
    enum rh_rc (*write)(void *user, struct rh_ctx *ctx, const struct rh_version *v,
                        struct rh_buf *out);
    void *write_user;
    /* Called now and then, by one thread at a time, when everything before `at` was handed to the
     * files: false stops (RH_INTERRUPTED), an error ends. NULL: not wanted. */
    enum rh_rc (*step)(void *user, uint64_t at, uint64_t done);
    void *step_user;
};

/* Walks to the end. *done counts resources (and deletions) that were written, w->done included. */
enum rh_rc rh_export_walk(struct rh_record *r, struct rh_issues *is, const struct rh_export_walk *w,
                          struct rh_ndjson *files, uint64_t *done);
/* One line of what was deleted. */
void rh_export_deletion(const struct rh_version *v, struct rh_buf *out);

/* --- `rihla export`: the whole record, one file a type -----------------------------------------
 *
 * OUT/<Type>.ndjson[.gz], and OUT/manifest.json with the counts, written last: a folder without it
 * is an export that did not end. */
struct rh_export_options {
    const char *out;          /* made when it is not there; must be empty */
    const char *const *types; /* NULL: all */
    unsigned n_types;
    bool gzip;
};

struct rh_export_result {
    uint64_t resources, files, bytes; /* bytes as they are in the files */
};

/* RH_CONFLICT: the folder is not empty. RH_INVALID: no such type. RH_INTERRUPTED, errors of disk
 * and store; the folder is then left without a manifest. */
enum rh_rc rh_export(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     const struct rh_export_options *o, rh_progress *progress, void *user,
                     struct rh_export_result *ret);

#endif
