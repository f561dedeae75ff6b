/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * commands.h - work on a data directory that is done by whoever has it open: the server, asked over
 * the control socket, or the command line itself.
 *
 *   import  {"paths":[…],"validate":"off|structure|full"}                     ->
 * {"created","updated","unchanged","refused","files","skippedFiles","bytes"} export
 * {"out","types":[…],"gzip"}        -> {"resources","files","bytes"} backup  {"out"} -> {} check
 * {"rebuild"}                       ->
 * {"entries","resources","keys","orphans","problems","origins"} explain {"url"} ->
 * {"matches","included","total","more","query","explain":{"plans","rows","seeks","bodies",
 * "microseconds"}}
 *
 * Meanwhile import says {"refused":{"file","line","expression","text"}},
 * {"resumed":{"file","position"}} and {"resources":n}. Paths are absolute, as the two processes may
 * have different working directories.
 */
#ifndef RH_SERVER_COMMANDS_H
#define RH_SERVER_COMMANDS_H

#include "server/control.h"

extern const struct rh_control_command rh_work_commands[];
extern const unsigned rh_n_work_commands;

/* What this process needs when it opens a directory itself. */
struct rh_work_options {
    const char *const *packages; /* for import with full validation; beside DIR/packages */
    unsigned n_packages;
};

/* Has the work done by the process that serves the directory, or else opens it here (and makes it
 * with `create`). Arguments as of rh_control_ask. RH_OK also when resources were refused: see the
 * answer. */
enum rh_rc rh_work(const char *dir, bool create, const char *command, struct rh_text args,
                   const struct rh_work_options *o, const struct rh_control_local *told,
                   struct rh_arena *a, struct rh_issues *is, yyjson_val **ret);

#endif
