/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ndjson.h - the files of an export: one resource a line, one or several files a type, with a place
 * to go on from after a crash.
 *
 * What is behind the last sync is cut off when the same folder is opened again with the rows of
 * that sync, so that work which is done once more gives nothing twice.
 */
#ifndef RH_PROGRAMME_NDJSON_H
#define RH_PROGRAMME_NDJSON_H

#include "base/issue.h"
#include "fhir/element.h"

#include <stdint.h>

enum { RH_NDJSON_FILES_MAX = 10000, RH_NDJSON_NAME_SIZE = 64 };

struct rh_ndjson_file {
    uint16_t type;         /* of resource; 0: Bundles that say what was deleted */
    unsigned number;       /* 1.. of its type; 0: the only one, without a number in its name */
    uint64_t count, bytes; /* lines; bytes as they are in the file */
};

struct rh_ndjson_options {
    const char *folder; /* is there */
    uint64_t split;     /* lines of a file; 0: any number */
    bool gzip;
    const struct rh_ndjson_file *files; /* of the last sync; NULL: begin anew */
    unsigned n_files;
};

struct rh_ndjson;
/* Cuts the files back and removes those that are not among them. RH_CORRUPT: one is gone or too
 * short. Errors of the disk with issues. */
enum rh_rc rh_ndjson_open(struct rh_issues *is, const struct rh_ndjson_options *o,
                          struct rh_ndjson **ret);
void rh_ndjson_close(struct rh_ndjson *n); /* NULL is fine; nothing is made durable */

/* Appends `lines` whole lines of one type. RH_TOOLARGE: more files than RH_NDJSON_FILES_MAX. */
enum rh_rc rh_ndjson_add(struct rh_ndjson *n, struct rh_issues *is, unsigned type,
                         struct rh_text text, uint64_t lines);
/* All that was added is on the disk. */
enum rh_rc rh_ndjson_sync(struct rh_ndjson *n, struct rh_issues *is);
/* As they are now; until the next call. */
const struct rh_ndjson_file *rh_ndjson_files(const struct rh_ndjson *n, unsigned *ret_n);
/* "Patient.ndjson", "Patient.2.ndjson.gz", "deleted.1.ndjson" */
void rh_ndjson_name(const struct rh_ndjson_file *f, bool gzip, char ret[RH_NDJSON_NAME_SIZE]);

#endif
