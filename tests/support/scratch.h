/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scratch.h - a folder for one test, removed with all that is in it. */
#ifndef RH_TESTS_SCRATCH_H
#define RH_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>

static inline int scratch_make(char ret[64])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(ret, 64, "%.30s/rihla-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(ret) ? 0 : -1;
}

static inline int scratch_remove(const char *dir)
{
    char command[400];
    snprintf(command, sizeof command, "chmod -R u+rwX '%s' && rm -rf '%s'", dir, dir);
    return system(command);
}

#endif
