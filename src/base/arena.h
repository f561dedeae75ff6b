/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arena.h - memory of one request: many small pieces, freed together.
 *
 * An arena has a limit in bytes. A piece that does not fit is refused (NULL), and the caller
 * answers RH_NOMEM. Reset keeps the first block, so a thread that serves many requests does not go
 * to the heap for each. Not for use by two threads at once.
 */
#ifndef RH_BASE_ARENA_H
#define RH_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct rh_arena;

struct rh_arena *rh_arena_open(size_t limit_bytes); /* owned by the caller; never NULL */
void rh_arena_close(struct rh_arena *a);            /* NULL is fine */
void rh_arena_reset(struct rh_arena *a);            /* all pieces become invalid */
size_t rh_arena_used(const struct rh_arena *a);     /* bytes handed out since the last reset */

void *rh_arena_alloc(struct rh_arena *a,
                     size_t size); /* aligned for any type, not zeroed; NULL at the limit */
void *rh_arena_zero(struct rh_arena *a, size_t size); /* the same, zeroed */
void *rh_arena_copy(struct rh_arena *a, const void *data,
                    size_t size); /* a copy with a NUL byte after it */
char *rh_arena_printf(struct rh_arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *rh_arena_vprintf(struct rh_arena *a, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Grows an array of `size`-byte items: returns room for at least `want` items holding the first
 * *cap ones of `old` (NULL for none), and sets *cap. NULL at the limit; `old` and *cap stay as they
 * were. */
void *rh_arena_grow(struct rh_arena *a, void *old, size_t *cap, size_t want, size_t size);

#endif
