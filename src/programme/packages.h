/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * packages.h - FHIR packages that are kept in a data directory, in its folder "packages": they are
 * part of what the server knows.
 */
#ifndef RH_PROGRAMME_PACKAGES_H
#define RH_PROGRAMME_PACKAGES_H

#include "fhir/world.h"

/* Copies the package file (checked first: it can be read) to DIR/packages/NAME-VERSION.tgz; another
 * of this name and version is replaced. Of the folder of a pack (pack_build.h) the package is made.
 * *ret is the new path. RH_INVALID: another folder. Others: as rh_definitions_read, rh_file_copy,
 * rh_pack_build. Nothing is changed on failure. */
enum rh_rc rh_packages_add(struct rh_arena *a, struct rh_issues *is, const char *dir,
                           const char *path, const char **ret);

struct rh_kept_package {
    const char *path;
    struct rh_package *package; /* NULL: it cannot be read, as an issue says */
};
/* The packages in DIR in the order of names; none is fine. Close with rh_packages_close. */
enum rh_rc rh_packages_open(struct rh_arena *a, struct rh_issues *is, const char *dir,
                            struct rh_kept_package **ret, size_t *n);
void rh_packages_close(struct rh_kept_package *list, size_t n);

/* Removes a package from DIR; *ret is the path it had. `version` may be NULL when only one is kept.
 * RH_NOTFOUND: it is not kept. RH_INVALID: several versions are. RH_CONFLICT: another kept package
 * depends on it and no other version is kept; the issue names it. */
enum rh_rc rh_packages_remove(struct rh_arena *a, struct rh_issues *is, const char *dir,
                              const char *name, const char *version, const char **ret);

/* The paths of the packages in DIR in the order of names, then the n of `more` (later ones win);
 * *ret_n counts both. No folder is fine. */
enum rh_rc rh_packages_paths(struct rh_arena *a, struct rh_issues *is, const char *dir,
                             const char *const *more, size_t n, const char ***ret, size_t *ret_n);

/* Copies the packages of one directory into another: to a backup, and back. None is fine. */
enum rh_rc rh_packages_copy(struct rh_issues *is, const char *from_dir, const char *to_dir);

#endif
