/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * definitions.h - from files to a world: the built-in definitions and FHIR packages from the disk.
 *
 * Built into the program are FHIR R4 itself (hl7.fhir.r4.core 4.0.1), the extension definitions
 * (hl7.fhir.uv.extensions.r4) and HL7's terminology (hl7.terminology.r4), without narratives and
 * long prose. Their definitions are packed one by one and unpacked on first use.
 *
 * A path is a package (.tgz, .tar.gz or .tar in npm's layout), a folder that holds package.json or
 * package/package.json, a plain folder of resources, or one JSON file. In folders without a
 * package.json the folders below are read too. Of a pack that is a folder (programme/pack_build.h)
 * the translations are merged.
 */
#ifndef RH_PROGRAMME_DEFINITIONS_H
#define RH_PROGRAMME_DEFINITIONS_H

#include "fhir/world.h"

enum {
    RH_BUILTIN_PACKAGES = 3,
    RH_DEFINITIONS_FILE_MAX = 256 << 20, /* bytes of a package file, packed */
    RH_DEFINITIONS_DEPTH_MAX = 8         /* folders below a plain folder */
};

/* Opens the built-in packages, the strongest last. Each is the caller's to close. */
enum rh_rc rh_definitions_builtin(struct rh_package *ret[RH_BUILTIN_PACKAGES]);

/* Reads one path. RH_NOTFOUND: it is not there, or holds no resource. RH_SYNTAX: damaged. An issue
 * names the path and the place. */
enum rh_rc rh_definitions_read(struct rh_issues *is, const char *path, struct rh_package **ret);

/* The world of the built-in packages and those of the paths (later paths win). Dependencies that
 * are missing are warnings in `is`. On failure nothing is made and an issue names the path. */
enum rh_rc rh_definitions_open(struct rh_issues *is, const char *const *paths, size_t n,
                               struct rh_world **ret);

#endif
