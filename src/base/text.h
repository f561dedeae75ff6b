/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * text.h - pieces of text that know their length, and a buffer to build text in.
 *
 * A `struct rh_text` does not own its bytes and need not end in NUL; whoever made it says where
 * they live. All text is UTF-8 unless said otherwise.
 */
#ifndef RH_BASE_TEXT_H
#define RH_BASE_TEXT_H

#include "base/arena.h"
#include "base/rc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rh_text {
    const char *data;
    size_t len;
};

#define RH_TEXT(literal) ((struct rh_text){(literal), sizeof(literal) - 1})
#define RH_TEXT_ARG(t)   (int)(t).len, (t).data /* for "%.*s" */

static inline struct rh_text rh_text(const char *s)
{
    return (struct rh_text){s, s ? strlen(s) : 0};
}
static inline bool rh_text_eq(struct rh_text a, struct rh_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool rh_text_is(struct rh_text a, const char *s)
{
    return rh_text_eq(a, rh_text(s));
}
int rh_text_cmp(struct rh_text a, struct rh_text b); /* memcmp order, shorter first */
bool rh_text_starts(struct rh_text t, const char *prefix);
bool rh_text_ends(struct rh_text t, const char *suffix);
bool rh_text_ieq(struct rh_text a, struct rh_text b); /* ASCII letters without regard to case */

/* Takes the part of *rest before the first `c` and moves *rest behind it; when there is no `c`,
 * takes all of it and leaves *rest with data == NULL. False when *rest has data == NULL. */
bool rh_text_split(struct rh_text *rest, char c, struct rh_text *ret);
struct rh_text rh_text_trim(struct rh_text t); /* without ASCII white space at both ends */

/* Decimal digits only, no sign, no blank; RH_VALUE otherwise or when above `max`. */
enum rh_rc rh_text_u64(struct rh_text t, uint64_t max, uint64_t *ret);

struct rh_text rh_text_copy(struct rh_arena *a,
                            struct rh_text t); /* NUL-terminated; data == NULL at the limit */

/* Next code point of valid or invalid UTF-8: advances *at by 1..4; 0xFFFD for a malformed byte. */
uint32_t rh_utf8_next(struct rh_text t, size_t *at);
bool rh_utf8_valid(struct rh_text t);
/* The beginning of a text for a message: at most max_bytes, whole characters. */
struct rh_text rh_text_shown(struct rh_text t, size_t max_bytes);

/* --- a buffer that grows in an arena -----------------------------------------------------------
 * Errors stick: after the arena's limit is reached all further calls do nothing, and rh_buf_rc says
 * RH_NOMEM, so a writer checks once, at the end. */
struct rh_buf {
    struct rh_arena *arena;
    char *data;
    size_t len, cap;
    enum rh_rc rc;
};

static inline struct rh_buf rh_buf(struct rh_arena *a)
{
    return (struct rh_buf){.arena = a};
}
char *rh_buf_room(struct rh_buf *b,
                  size_t n); /* n writable bytes at the end, not yet counted; NULL at the limit */
void rh_buf_add(struct rh_buf *b, const void *data, size_t len);
void rh_buf_text(struct rh_buf *b, struct rh_text t);
void rh_buf_str(struct rh_buf *b, const char *s);
void rh_buf_char(struct rh_buf *b, char c);
void rh_buf_u64(struct rh_buf *b, uint64_t n);
void rh_buf_utf8(struct rh_buf *b, uint32_t code_point); /* 1 to 4 bytes; below 0x110000 */
void rh_buf_printf(struct rh_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rh_buf_json(struct rh_buf *b, struct rh_text t); /* "quoted and escaped" */
void rh_buf_percent(struct rh_buf *b,
                    struct rh_text t); /* percent-encoded for a query value (RFC 3986) */
static inline struct rh_text rh_buf_get(const struct rh_buf *b)
{
    return (struct rh_text){b->data, b->len};
}

#endif
