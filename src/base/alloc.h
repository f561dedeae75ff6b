/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * alloc.h - the only way to the heap for what lives longer than a request.
 *
 * Running out of memory for these small long-lived objects ends the program with a message: they
 * are made at start or are bounded by a named limit. What depends on input lives in an arena, which
 * fails with RH_NOMEM instead.
 */
#ifndef RH_BASE_ALLOC_H
#define RH_BASE_ALLOC_H

#include <stddef.h>

void *rh_alloc(size_t size);                /* zeroed; never NULL */
void *rh_realloc(void *p, size_t size);     /* never NULL for size > 0 */
void *rh_try_alloc(size_t size);            /* not zeroed; NULL when the system has no more */
void *rh_try_realloc(void *p, size_t size); /* NULL when the system has no more; p stays valid */
void rh_free(void *p);                      /* NULL is fine */
char *rh_strdup(const char *s);             /* owned by the caller, freed with rh_free */

#endif
