/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk_export.h - $export as a job: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
 *
 * What is given is the record as it was at one moment, the manifest's transactionTime; only what a
 * _typeFilter finds is as it was when it was found. Each resource is given at most once. Files are
 * DIR/export/<job>/<Type>.<n>.ndjson; a kept position says how long each was, so that a job goes on
 * after a crash without giving anything twice.
 *
 * Parameters of the job: {"level":"system|patient|group","group":id,"patients":[id…],"since":µs,
 * "types":[…],"filters":[{"type","query"}…],"elements":"a,Patient.b"}. Its result:
 * {"time":µs,"files":[[type,number,count,bytes]…]}, type "" for what was deleted.
 */
#ifndef RH_PROGRAMME_BULK_EXPORT_H
#define RH_PROGRAMME_BULK_EXPORT_H

#include "programme/criteria.h"
#include "programme/export.h"
#include "programme/job.h"

enum {
    RH_BULK_EXPORT_SPLIT = 250000, /* resources of one file */
    RH_BULK_EXPORT_KEEP_MS = 2000, /* between two kept positions */
    RH_BULK_EXPORT_FILTERS_MAX = 100,
    RH_BULK_EXPORT_SPARE_MIB = 512,     /* of the disk that are left to the record: RH_FULL */
    RH_BULK_EXPORT_PATIENTS_MAX = 10000 /* that are named in the request */
};

/* What the server adds. */
struct rh_bulk_export_host {
    const struct rh_criteria_terms *terms; /* for _typeFilter; NULL: :in and the like are refused */
    /* Appends the resource cut to these elements. Any thread. */
    enum rh_rc (*subset)(struct rh_ctx *ctx, const struct rh_version *v, struct rh_text elements,
                         struct rh_buf *out);
};

struct rh_bulk_export_filter {
    unsigned type;
    struct rh_text query;
};
struct rh_bulk_export {
    enum rh_bulk_level { RH_BULK_SYSTEM, RH_BULK_PATIENT, RH_BULK_GROUP } level;
    struct rh_text group;
    const struct rh_text *patients; /* only these of the level */
    size_t n_patients;
    bool has_since;
    int64_t since_us;
    bool types[RH_RESOURCE_TYPES + 1];
    bool has_types;
    struct rh_bulk_export_filter *filters;
    size_t n_filters;
    struct rh_text elements; /* empty: all */
};
/* Appends the parameters of the job. */
void rh_bulk_export_write(const struct rh_bulk_export *b, struct rh_buf *out);

/* What can be said at once: the group is there, its members are those that are named, filters can
 * be run. RH_NOTFOUND, RH_GONE, RH_QUERY, RH_INVALID, with issues. */
enum rh_rc rh_bulk_export_check(struct rh_session *s, struct rh_ctx *ctx,
                                const struct rh_caller *caller,
                                const struct rh_bulk_export_host *host,
                                const struct rh_bulk_export *b);

/* Of rh_job_kind "export"; user is the host. */
enum rh_rc rh_bulk_export_run(struct rh_job *j, void *user);

/* The files of a result. RH_CORRUPT. */
struct rh_bulk_export_result {
    int64_t time_us;
    struct rh_ndjson_file *files;
    unsigned n;
};
enum rh_rc rh_bulk_export_result(struct rh_arena *a, struct rh_text json,
                                 struct rh_bulk_export_result *ret);

#endif
