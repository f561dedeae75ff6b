/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulkwork.h - the long work of the server: its kinds of jobs, what they are allowed, how they are
 * seen.
 */
#ifndef RH_SERVER_BULKWORK_H
#define RH_SERVER_BULKWORK_H

#include "programme/bulk_export.h"
#include "programme/bulk_import.h"
#include "server/rest.h"

struct rh_bulkwork_options {
    const char *dir;                 /* data directory */
    struct rh_worlds *worlds;        /* for _typeFilter; NULL: without terminology */
    const char *import_dir;          /* $import may read files below it; NULL: none */
    const char *const *import_hosts; /* "host" or "host:port" that $import may fetch from */
    unsigned n_import_hosts;
};

struct rh_bulkwork;
/* Reads the jobs that are there; with a record they begin. Texts live as long as it does. */
enum rh_rc rh_bulkwork_open(const struct rh_bulkwork_options *o, struct rh_record *record,
                            struct rh_issues *is, struct rh_bulkwork **ret);
void rh_bulkwork_close(struct rh_bulkwork *b); /* NULL is fine */

struct rh_jobs *rh_bulkwork_jobs(const struct rh_bulkwork *b);
/* "export", "import"; NULL: no such kind. */
const struct rh_job_kind *rh_bulkwork_kind(const struct rh_bulkwork *b, const char *name);
const void *rh_bulkwork_host(const struct rh_bulkwork *b,
                             const char *name); /* what its work is allowed */
/* Appends a job as JSON, as `rihla job` shows it. */
void rh_bulkwork_write_job(const struct rh_job_info *i, struct rh_buf *out);
/* Appends rihla_jobs and the progress of what runs; indexing of search parameters too. */
void rh_bulkwork_metrics(const struct rh_bulkwork *b, struct rh_record *r, struct rh_buf *out);

#endif
