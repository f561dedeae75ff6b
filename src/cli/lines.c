/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/lines.h"

#include "base/alloc.h"
#include "system/file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

/* The line that is there already. */
static bool take(struct rh_cli_lines *l, size_t looked, struct rh_text *ret)
{
    char *end = l->to > looked ? memchr(l->data + looked, '\n', l->to - looked) : NULL;
    if (!end && !(l->end && l->from < l->to))
        return false;
    size_t len = end ? (size_t)(end - (l->data + l->from)) : l->to - l->from;
    *ret = (struct rh_text){l->data + l->from, len};
    l->from += len + (end ? 1 : 0);
    return true;
}

static enum rh_rc more(struct rh_cli_lines *l, int fd)
{
    if (l->from)
        memmove(l->data, l->data + l->from, l->to - l->from);
    l->to -= l->from;
    l->from = 0;
    if (l->cap - l->to < PIECE) {
        if (l->cap > l->limit)
            return RH_TOOLARGE;
        l->cap = l->cap ? l->cap * 2 : (size_t)4 * PIECE;
        l->data = rh_realloc(l->data, l->cap);
    }
    fflush(stdout);
    ssize_t n;
    do
        n = read(fd, l->data + l->to, l->cap - l->to);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return rh_errno_rc(errno);
    l->end = n == 0;
    l->to += (size_t)n;
    return RH_OK;
}

bool rh_cli_next_line(struct rh_cli_lines *l, int fd, struct rh_text *ret, enum rh_rc *rc)
{
    size_t looked = l->from;
    for (;;) {
        if (take(l, looked, ret))
            return true;
        if (l->end)
            return false;
        looked = l->to - l->from;
        enum rh_rc failed = more(l, fd);
        if (failed) {
            *rc = failed;
            return false;
        }
    }
}

void rh_cli_lines_close(struct rh_cli_lines *l)
{
    rh_free(l->data);
    *l = (struct rh_cli_lines){0};
}
