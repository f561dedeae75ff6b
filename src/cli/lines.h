/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lines.h - lines of standard input for commands that answer each of them (--batch).
 */
#ifndef RH_CLI_LINES_H
#define RH_CLI_LINES_H

#include "base/text.h"

struct rh_cli_lines {
    size_t limit; /* bytes of a line, set by the caller */
    char *data;   /* private from here on; all zero at the start */
    size_t from, to, cap;
    bool end;
};

/* The next line without its end, in place until the next call; false at the end. Before it waits
 * for more input all answers are written (stdout is flushed). *rc is set only on an error:
 * RH_TOOLARGE, or what the system reports. */
bool rh_cli_next_line(struct rh_cli_lines *l, int fd, struct rh_text *ret, enum rh_rc *rc);
void rh_cli_lines_close(struct rh_cli_lines *l);

#endif
