/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_int.h - what the units of rihla pack share. */
#ifndef RH_CLI_PACK_INT_H
#define RH_CLI_PACK_INT_H

#include "cli/cli.h"

/* The packages that a pack depends on (for its cases also those of devDependencies) and that no
 * option names are looked for beside it: for packs/x those are packs/NAME and packs/NAME.tgz (for a
 * file also NAME-VERSION.tgz), and what these depend on. The paths in the arena: found ones first,
 * then those of --package, then `path` itself, the last. */
enum rh_rc rh_cli_pack_paths(struct rh_cli *c, const char *path, const char ***ret, size_t *n);

int rh_cli_pack_check(struct rh_cli *c); /* check PATH */
int rh_cli_pack_test(struct rh_cli *c);  /* test PATH [FILTER] */

#endif
