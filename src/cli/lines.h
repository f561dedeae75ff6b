/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lines.h - lines of standard input for commands that answer each of them (--batch).
 */
#ifndef RH_CLI_LINES_H
#define RH_CLI_LINES_H

#include "cli/cli.h"

/* Called with each line that is not blank, without its end; `number` from 1. It prints the answer;
 * false: the line was refused, which does not stop the others. The line stays until it returns. */
typedef bool rh_cli_line(void *user, struct rh_text line, uint64_t number);

/* Every line of the file (NULL or "-": standard input), at most `limit` bytes long. Before it waits
 * for more input all answers are written (stdout is flushed). The value is an exit code: RH_EXIT_NO
 * when a line was refused; a line that is too long, and what the system refuses, are issues. */
int rh_cli_each_line(struct rh_cli *c, const char *path, size_t limit, rh_cli_line *each,
                     void *user);

#endif
