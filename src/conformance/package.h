/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * package.h - reads FHIR packages in npm's layout
 * (https://confluence.hl7.org/display/FHIR/NPM+Package+Specification).
 *
 * An uncompressed tar, or files one by one: package/package.json, package/.index.json when present
 * (types and addresses are taken from it without parsing each file), and the other JSON files of
 * package/. Folders below it or beside it (example, other, xml) are passed over. Examples
 * (resources without canonical address) in package/ are kept by id. What is no resource of R4 is
 * left out, and an information says so.
 */
#ifndef RH_CONFORMANCE_PACKAGE_H
#define RH_CONFORMANCE_PACKAGE_H

#include "fhir/world.h"

enum { RH_PACKAGE_FILES_MAX = 100000, RH_PACKAGE_BYTES_MAX = 1 << 30 };

struct rh_package_reader; /* collects files; package.json may come last */

/* The reader lives in the arena. What is given to it is not copied: it must stay until
 * rh_package_reader_close, which makes the package's own copy. */
enum rh_rc rh_package_reader_open(struct rh_arena *a, struct rh_package_reader **ret);
/* `path` inside the package, "package/StructureDefinition-x.json" (of a later file of the same name
 * only the last counts). RH_TOOLARGE with an issue: more than the limits above. */
enum rh_rc rh_package_reader_file(struct rh_package_reader *r, struct rh_issues *is,
                                  struct rh_text path, struct rh_text bytes);
/* A whole tar (ustar, GNU and pax names; other kinds of entry are passed over). RH_SYNTAX: damaged,
 * with the offset. */
enum rh_rc rh_package_reader_tar(struct rh_package_reader *r, struct rh_issues *is,
                                 struct rh_text tar);
/* Makes the package, sealed. `fallback_name` when there is no package.json (a plain folder of
 * resources). RH_SYNTAX: a file is not JSON (the issue names it). RH_NOTFOUND: there is no
 * resource in it. */
enum rh_rc rh_package_reader_close(struct rh_package_reader *r, struct rh_issues *is,
                                   struct rh_text fallback_name, struct rh_package **ret);

/* Names what is missing: a warning for each dependency that no package of the list satisfies: of
 * the same name (with or without ".r4" at its end) and of the same major version. A newer major
 * version that is there instead is an information, an older one a warning. */
void rh_package_check_depends(struct rh_issues *is, struct rh_package *const *packages, size_t n);

#endif
