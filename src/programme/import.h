/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * import.h - files and folders of FHIR JSON into the record.
 *
 * Taken: *.json (one resource or Bundle a file), *.ndjson and *.jsonl (one a line), each also with
 * .gz; folders are searched, in the order of names, and the manifest.json of an export in them is
 * passed over; a file named by itself may have any name. A bad resource is reported with file and
 * line, and the rest goes on. A load that was interrupted (by a signal, a crash, a power cut) goes
 * on where it stopped when it is given the same files again; a file that was loaded to its end
 * makes nothing new when it is loaded again.
 */
#ifndef RH_PROGRAMME_IMPORT_H
#define RH_PROGRAMME_IMPORT_H

#include "record/bulk.h"

enum {
    RH_IMPORT_FILE_MAX = 64 << 20, /* bytes of a .json file, unpacked; larger ones come as NDJSON */
    RH_IMPORT_LINE_MAX = 16 << 20, /* bytes of a line */
    RH_IMPORT_FILES_MAX = 1000000,
    RH_IMPORT_FOLDERS_DEEP = 16
};

/* What the load tells while it runs; called from several threads, one at a time. Any may be NULL.
 */
struct rh_import_events {
    void *user;
    bool (*progress)(void *user, uint64_t done_bytes, uint64_t total_bytes,
                     uint64_t resources); /* false: stop */
    void (*refused)(void *user, const char *file, uint64_t line, const struct rh_issues *is,
                    enum rh_rc rc);
    void (*resumed)(void *user, const char *file, uint64_t position);
    /* All is in the record; the marks that an interrupted load goes on at go when this is RH_OK. */
    enum rh_rc (*loaded)(void *user, const struct rh_bulk_counts *c);
};

struct rh_import_result {
    struct rh_bulk_counts counts;
    uint64_t files, skipped_files; /* skipped: not of a name we take, inside a folder */
    uint64_t bytes;
};

/* RH_OK also when resources were refused: see counts.refused. RH_NOTFOUND: a path is not there
 * (nothing is loaded then). RH_INTERRUPTED: progress said so; what is loaded stays. Errors of the
 * store end the load. */
enum rh_rc rh_import(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     enum rh_validate_mode validate, const char *const *paths, unsigned n,
                     const struct rh_import_events *events, struct rh_import_result *ret);

/* The same under a name of its own: loads of different names that run side by side leave each
 * other's resume marks alone. */
struct rh_import_job {
    const char *name;
    enum rh_validate_mode validate;
    unsigned workers; /* 0: one a core */
};
enum rh_rc rh_import_as(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                        const struct rh_import_job *job, const char *const *paths, unsigned n,
                        const struct rh_import_events *events, struct rh_import_result *ret);

#endif
