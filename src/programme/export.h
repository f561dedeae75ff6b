/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * export.h - the current version of every resource as NDJSON, one file a type.
 *
 * OUT/<Type>.ndjson[.gz] in the order of ids, one resource a line as a read gives it, and
 * OUT/manifest.json with the counts, written last: a folder without it is an export that did not
 * end.
 */
#ifndef RH_PROGRAMME_EXPORT_H
#define RH_PROGRAMME_EXPORT_H

#include "record/record.h"

struct rh_export_options {
    const char *out;          /* made when it is not there; must be empty */
    const char *const *types; /* NULL: all */
    unsigned n_types;
    bool gzip;
};

struct rh_export_result {
    uint64_t resources, files, bytes; /* bytes before compression */
};

/* RH_CONFLICT: the folder is not empty. RH_INVALID: no such type. RH_INTERRUPTED, errors of disk
 * and store; the folder is then left without a manifest. */
enum rh_rc rh_export(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     const struct rh_export_options *o, rh_progress *progress, void *user,
                     struct rh_export_result *ret);

#endif
