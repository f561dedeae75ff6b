/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_int.h - rihla protocol: what the command, its print and the record share. */
#ifndef RH_CLI_PROTOCOL_INT_H
#define RH_CLI_PROTOCOL_INT_H

#include "cli/cli.h"
#include "clinical/protocol.h"

/* protocol_print.c: an evaluation (JSON text), for people or, with --json, as it is. The exit code.
 */
int rh_cli_protocol_print(struct rh_cli *c, struct rh_text json);
/* protocol_record.c: a Patient of the data directory. */
int rh_cli_protocol_record(struct rh_cli *c, const char *id, struct rh_text date,
                           const struct rh_protocol_show *show);

#endif
