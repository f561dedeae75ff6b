/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * packages.h - FHIR packages that are kept in a data directory, in its folder "packages": they are
 * part of what the server knows.
 */
#ifndef RH_PROGRAMME_PACKAGES_H
#define RH_PROGRAMME_PACKAGES_H

#include "fhir/world.h"

/* Copies the package file (checked first: it can be read) to DIR/packages/NAME-VERSION.tgz; another
 * of this name and version is replaced. *ret is the new path. RH_INVALID: a folder. Others: as
 * rh_definitions_read, rh_file_copy. Nothing is changed on failure. */
enum rh_rc rh_packages_add(struct rh_arena *a, struct rh_issues *is, const char *dir,
                           const char *path, const char **ret);

/* The paths of the packages in DIR in the order of names, then the n of `more` (later ones win);
 * *ret_n counts both. No folder is fine. */
enum rh_rc rh_packages_paths(struct rh_arena *a, struct rh_issues *is, const char *dir,
                             const char *const *more, size_t n, const char ***ret, size_t *ret_n);

/* Copies the packages of one directory into another: to a backup, and back. None is fine. */
enum rh_rc rh_packages_copy(struct rh_issues *is, const char *from_dir, const char *to_dir);

#endif
