/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that becomes read-only under open files: while $RIHLA_TEST_READONLY exists, pwrite and syncs fail with EROFS. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int read_only(void)
{
    const char *path = getenv("RIHLA_TEST_READONLY");
    int error = errno, there = path && access(path, F_OK) == 0;
    errno = there ? EROFS : error;
    return there;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return read_only() ? -1 : next(fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return pwrite64(fd, data, n, at);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return read_only() ? -1 : next(fd);
}
