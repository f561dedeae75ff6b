/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk_import.h - $import as a job: NDJSON from files below a folder that the operator allowed, or
 * fetched from servers that he named, into the record by the bulk load (record/bulk.h).
 *
 * A job that was interrupted goes on at the marks of the load, which are written with what they are
 * about: nothing is stored twice. What is refused stands in DIR/import/<job>/errors.ndjson, an
 * OperationOutcome a line; after a crash a few may stand there twice.
 *
 * Parameters of the job: {"inputs":[{"type","url"}…]}. Its result: {"time":µs,"created","updated",
 * "unchanged","refused","errors"}.
 */
#ifndef RH_PROGRAMME_BULK_IMPORT_H
#define RH_PROGRAMME_BULK_IMPORT_H

#include "programme/import.h"
#include "programme/job.h"

enum {
    RH_BULK_IMPORT_INPUTS_MAX = 10000,
    RH_BULK_IMPORT_ERRORS_MAX = 100000, /* lines of the file; more are only counted */
    RH_BULK_IMPORT_KEEP_MS = 2000,
    RH_BULK_IMPORT_SPARE_MIB = 512 /* of the disk that fetching leaves to the record: RH_FULL */
};

/* What the operator allowed. */
struct rh_bulk_import_host {
    const char *dir; /* NULL: no files */
    const char *const *hosts;
    unsigned n_hosts;
};

/* May this be read? An address of http or https, "file:///…", or a path, which is below the folder
 * when it does not begin with '/'. RH_INVALID, RH_FORBIDDEN, RH_NOTFOUND, with issues. */
enum rh_rc rh_bulk_import_check(const struct rh_bulk_import_host *host, struct rh_arena *a,
                                struct rh_issues *is, struct rh_text url);

/* Of rh_job_kind "import"; user is the host. */
enum rh_rc rh_bulk_import_run(struct rh_job *j, void *user);

extern const char rh_bulk_import_errors[]; /* "errors.ndjson" */

#endif
