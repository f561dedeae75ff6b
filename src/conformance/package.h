/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * package.h - reads FHIR packages in npm's layout
 * (https://confluence.hl7.org/display/FHIR/NPM+Package+Specification).
 *
 * An uncompressed tar, or files one by one: package/package.json, package/.index.json when present
 * (types and addresses are taken from it without parsing each file), package/*.json; other folders
 * (example, other, xml, …) are left out. Examples (resources without canonical address) in package/
 * are kept by id. The bytes are copied.
 */
#ifndef RH_CONFORMANCE_PACKAGE_H
#define RH_CONFORMANCE_PACKAGE_H

#include "fhir/world.h"

enum { RH_PACKAGE_FILES_MAX = 100000, RH_PACKAGE_BYTES_MAX = 1 << 30 };

struct rh_package_reader; /* collects files; package.json may come last */

enum rh_rc rh_package_reader_open(struct rh_arena *a, struct rh_package_reader **ret);
/* `path` inside the package, "package/StructureDefinition-x.json". RH_SYNTAX, RH_TOOLARGE with an
 * issue that names the file. */
enum rh_rc rh_package_reader_file(struct rh_package_reader *r, struct rh_issues *is,
                                  struct rh_text path, struct rh_text bytes);
/* A whole tar (ustar, GNU and pax names; other kinds of entry are passed over). RH_SYNTAX: damaged,
 * with the offset. */
enum rh_rc rh_package_reader_tar(struct rh_package_reader *r, struct rh_issues *is,
                                 struct rh_text tar);
/* Makes the package. `fallback_name` when there is no package.json (a plain folder of resources).
 */
enum rh_rc rh_package_reader_close(struct rh_package_reader *r, struct rh_issues *is,
                                   struct rh_text fallback_name, struct rh_package **ret);

/* Names what is missing: a warning for each dependency that no package of the list satisfies (same
 * name and, before the first point, the same major version), and says what was there instead.
 * `builtin` names count as present. */
void rh_package_check_depends(struct rh_issues *is, struct rh_package *const *packages, size_t n);

#endif
