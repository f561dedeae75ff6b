/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/lines.h"

#include "base/alloc.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

struct lines {
    size_t limit;
    char *data;
    size_t from, to, cap;
    bool end;
};

/* The line that is there already. */
static bool take(struct lines *l, size_t looked, struct rh_text *ret)
{
    char *end = l->to > looked ? memchr(l->data + looked, '\n', l->to - looked) : NULL;
    if (!end && !(l->end && l->from < l->to))
        return false;
    size_t len = end ? (size_t)(end - (l->data + l->from)) : l->to - l->from;
    *ret = (struct rh_text){l->data + l->from, len};
    l->from += len + (end ? 1 : 0);
    return true;
}

static enum rh_rc more(struct lines *l, int fd)
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

/* The next line without its end, in place until the next call; false at the end or on an error. */
static bool next(struct lines *l, int fd, struct rh_text *ret, enum rh_rc *rc)
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

int rh_cli_each_line(struct rh_cli *c, const char *path, size_t limit, rh_cli_line *each,
                     void *user)
{
    struct lines l = {.limit = limit};
    struct rh_text line;
    enum rh_rc rc = RH_OK;
    uint64_t number = 0;
    bool good = true, input = !path || strcmp(path, "-") == 0;
    int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rh_cli_fail(c, rh_errno_issue(&c->issues, errno, "read", path));
    while (next(&l, fd, &line, &rc)) {
        number++;
        if (rh_text_trim(line).len)
            good &= each(user, line, number);
    }
    rh_free(l.data);
    if (!input)
        close(fd);
    if (fflush(stdout) != 0 && !rc)
        rc = rh_errno_issue(&c->issues, errno, "write", "the answers");
    if (rc == RH_TOOLARGE)
        rh_issue_add(&c->issues, rc, NULL, "line %llu is longer than %zu MiB",
                     (unsigned long long)number + 1, limit >> 20);
    if (rc)
        return rh_cli_fail(c, rc);
    return good ? RH_EXIT_OK : RH_EXIT_NO;
}
