/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_build.h - a pack as a folder, and the package that is made of it.
 *
 *   NAME/package/package.json        name, version, dependencies
 *   NAME/package/TYPE-ID.json        one resource a file
 *   NAME/text/LANGUAGE.po            translations (pack_po.h)
 *   NAME/cases/…                     given and wanted (programme/pack_test.h); not in the package
 *
 * Whoever reads the folder itself gets the same resources as in the package: translations are
 * merged then, too (rh_definitions_read).
 */
#ifndef RH_PROGRAMME_PACK_BUILD_H
#define RH_PROGRAMME_PACK_BUILD_H

#include "programme/pack_po.h"

struct rh_catalogues {
    struct rh_po **list; /* in the order of languages */
    char **paths;        /* their files */
    size_t n;
};

/* Reads FOLDER/text/…po; no such folder is fine. RH_SYNTAX with issues that name file and line. */
enum rh_rc rh_pack_catalogues(struct rh_arena *a, struct rh_issues *is, const char *folder,
                              struct rh_catalogues *ret);
/* The file of a resource with its translations. What cannot be read, has no translation or is none
 * of the types that have texts, comes back as it is: who reads it next says what is wrong. */
struct rh_text rh_pack_merge(struct rh_arena *a, const struct rh_catalogues *c,
                             struct rh_text bytes);

/* Writes the package: a gzip-compressed tar (ustar), names in byte order, no times, so that the
 * same pack is the same bytes again. RH_NOTFOUND: there is no package/package.json. Others: as
 * rh_file_read, rh_file_write; RH_SYNTAX: a file is not JSON. */
enum rh_rc rh_pack_build(struct rh_issues *is, const char *folder, const char *out,
                         size_t *ret_files);

#endif
