/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr,
            "rihla: the system has no memory left (%zu bytes were asked for); the program ends."
            " Everything that was confirmed is on the disk.\n",
            size);
    exit(3);
}

void *rh_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *rh_realloc(void *p, size_t size)
{
    void *grown = realloc(p, size ? size : 1);
    if (!grown)
        out_of_memory(size);
    return grown;
}

void *rh_try_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

void *rh_try_realloc(void *p, size_t size)
{
    return realloc(p, size ? size : 1);
}

void rh_free(void *p)
{
    free(p);
}

char *rh_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    return memcpy(rh_alloc(size), s, size);
}
