/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/arena.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

/* Under AddressSanitizer what was not handed out is poisoned, and a gap follows each piece, so that
 * an overrun inside an arena is found like one on the heap. */
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum {
    ALIGN = 16,
    FIRST_BLOCK_BYTES = 32 << 10,
    LARGEST_BLOCK_BYTES = 1 << 20 /* blocks double up to this, so the unused end stays small */
};

struct block {
    struct block *next;
    size_t size, used; /* of the bytes behind this header */
};
_Static_assert(ALIGN >= _Alignof(max_align_t), "pieces are aligned for any type");
enum { HEADER = (sizeof(struct block) + ALIGN - 1) / ALIGN * ALIGN };

struct rh_arena {
    size_t limit, used;
    struct block *first;   /* kept by reset; the end of the chain */
    struct block *current; /* the head of the chain: small pieces come from here */
    struct block *large;   /* pieces with a block of their own */
    char *last;            /* the newest piece of `current`, which may grow where it is */
};

static char *bytes_of(struct block *b)
{
    return (char *)b + HEADER;
}

static size_t rounded(size_t size)
{
    return (size + GAP + ALIGN - 1) / ALIGN * ALIGN;
}

/* The limit is kept up to the rounding of the last piece. */
static size_t left(const struct rh_arena *a)
{
    return a->limit > a->used ? a->limit - a->used : 0;
}

static struct block *block_new(size_t size)
{
    if (size > SIZE_MAX - HEADER)
        return NULL;
    struct block *b = rh_try_alloc(HEADER + size);
    if (!b)
        return NULL;
    *b = (struct block){.size = size};
    ASAN_POISON_MEMORY_REGION(bytes_of(b), size);
    return b;
}

static void blocks_free(struct block *b, const struct block *until)
{
    while (b != until) {
        struct block *next = b->next;
        ASAN_UNPOISON_MEMORY_REGION(bytes_of(b), b->size);
        rh_free(b);
        b = next;
    }
}

struct rh_arena *rh_arena_open(size_t limit_bytes)
{
    struct rh_arena *a = rh_alloc(sizeof *a);
    a->limit = limit_bytes;
    return a;
}

void rh_arena_close(struct rh_arena *a)
{
    if (!a)
        return;
    blocks_free(a->large, NULL);
    blocks_free(a->current, NULL);
    rh_free(a);
}

void rh_arena_reset(struct rh_arena *a)
{
    blocks_free(a->large, NULL);
    blocks_free(a->current, a->first);
    a->large = NULL;
    a->current = a->first;
    a->last = NULL;
    a->used = 0;
    if (a->first) {
        a->first->used = 0;
        ASAN_POISON_MEMORY_REGION(bytes_of(a->first), a->first->size);
    }
}

size_t rh_arena_used(const struct rh_arena *a)
{
    return a->used;
}

static bool block_add(struct rh_arena *a)
{
    size_t size = a->current ? a->current->size * 2 : FIRST_BLOCK_BYTES;
    if (size > LARGEST_BLOCK_BYTES)
        size = LARGEST_BLOCK_BYTES;
    struct block *b = block_new(size);
    if (!b)
        return false;
    b->next = a->current;
    a->current = b;
    if (!a->first)
        a->first = b;
    return true;
}

static void *large_new(struct rh_arena *a, size_t size, size_t room)
{
    struct block *b = block_new(room);
    if (!b)
        return NULL;
    b->next = a->large;
    b->used = room;
    a->large = b;
    a->used += room;
    ASAN_UNPOISON_MEMORY_REGION(bytes_of(b), size);
    return bytes_of(b);
}

void *rh_arena_alloc(struct rh_arena *a, size_t size)
{
    if (size > left(a) || size > SIZE_MAX / 2)
        return NULL;
    size_t room = rounded(size ? size : 1);
    struct block *b = a->current;
    if (!b || b->size - b->used < room) {
        if (room > FIRST_BLOCK_BYTES / 4)
            return large_new(a, size ? size : 1, room);
        if (!block_add(a))
            return NULL;
        b = a->current;
    }
    char *p = bytes_of(b) + b->used;
    b->used += room;
    a->used += room;
    a->last = p;
    ASAN_UNPOISON_MEMORY_REGION(p, size ? size : 1);
    return p;
}

void *rh_arena_zero(struct rh_arena *a, size_t size)
{
    void *p = rh_arena_alloc(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *rh_arena_copy(struct rh_arena *a, const void *data, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *p = rh_arena_alloc(a, size + 1);
    if (!p)
        return NULL;
    if (size)
        memcpy(p, data, size);
    p[size] = 0;
    return p;
}

char *rh_arena_vprintf(struct rh_arena *a, const char *format, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, format, ap);
    char *p = NULL;
    if (n >= 0 && (size_t)n < sizeof small)
        p = rh_arena_copy(a, small, (size_t)n);
    else if (n >= 0 && (p = rh_arena_alloc(a, (size_t)n + 1)) != NULL)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

char *rh_arena_printf(struct rh_arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *p = rh_arena_vprintf(a, format, ap);
    va_end(ap);
    return p;
}

/* Makes the newest piece longer where it stands; false when it is not the newest or there is no
 * room. */
static bool extend(struct rh_arena *a, const char *old, size_t old_size, size_t new_size)
{
    if (!old || old != a->last)
        return false;
    struct block *b = a->current;
    size_t at = (size_t)(old - bytes_of(b)), had = rounded(old_size ? old_size : 1);
    size_t room = rounded(new_size);
    if (at + had != b->used || room > b->size - at || room - had > left(a))
        return false;
    b->used = at + room;
    a->used += room - had;
    ASAN_UNPOISON_MEMORY_REGION(bytes_of(b) + at, new_size);
    return true;
}

void *rh_arena_grow(struct rh_arena *a, void *old, size_t *cap, size_t want, size_t size)
{
    assert(size > 0);
    if (old && want <= *cap)
        return old;
    size_t twice = *cap > SIZE_MAX / 2 ? SIZE_MAX : *cap * 2;
    size_t next = want > twice ? want : twice;
    if (next < 64 / size)
        next = 64 / size;
    for (;;) {
        size_t total;
        if (!__builtin_mul_overflow(next, size, &total) && total < SIZE_MAX / 4) {
            if (extend(a, old, *cap * size, total)) {
                *cap = next;
                return old;
            }
            void *p = rh_arena_alloc(a, total);
            if (p) {
                if (old && *cap)
                    memcpy(p, old, *cap * size);
                *cap = next;
                return p;
            }
        }
        if (next == want)
            return NULL;
        next = want; /* near the limit just what is wanted may still fit */
    }
}
