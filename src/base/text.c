/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

int rh_text_cmp(struct rh_text a, struct rh_text b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;
    if (c)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool rh_text_starts(struct rh_text t, const char *prefix)
{
    size_t n = strlen(prefix);
    return n == 0 || (t.len >= n && memcmp(t.data, prefix, n) == 0);
}

bool rh_text_ends(struct rh_text t, const char *suffix)
{
    size_t n = strlen(suffix);
    return n == 0 || (t.len >= n && memcmp(t.data + t.len - n, suffix, n) == 0);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool rh_text_ieq(struct rh_text a, struct rh_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool rh_text_split(struct rh_text *rest, char c, struct rh_text *ret)
{
    if (!rest->data)
        return false;
    const char *at = memchr(rest->data, c, rest->len);
    if (!at) {
        *ret = *rest;
        *rest = (struct rh_text){NULL, 0};
        return true;
    }
    size_t n = (size_t)(at - rest->data);
    *ret = (struct rh_text){rest->data, n};
    *rest = (struct rh_text){at + 1, rest->len - n - 1};
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct rh_text rh_text_trim(struct rh_text t)
{
    while (t.len && is_space(t.data[t.len - 1]))
        t.len--;
    while (t.len && is_space(t.data[0])) {
        t.data++;
        t.len--;
    }
    return t;
}

enum rh_rc rh_text_u64(struct rh_text t, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;
    if (t.len == 0)
        return RH_VALUE;
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] < '0' || t.data[i] > '9')
            return RH_VALUE;
        uint64_t digit = (uint64_t)(t.data[i] - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return RH_VALUE;
        n = n * 10 + digit;
    }
    if (n > max)
        return RH_VALUE;
    *ret = n;
    return RH_OK;
}

struct rh_text rh_text_copy(struct rh_arena *a, struct rh_text t)
{
    char *p = rh_arena_copy(a, t.data, t.len);
    return (struct rh_text){p, p ? t.len : 0};
}

/* Length and smallest code point of a sequence by its first byte; length 0: no first byte. */
static unsigned sequence(unsigned char first, uint32_t *bits, uint32_t *smallest)
{
    if (first >= 0xC2 && first <= 0xDF) {
        *bits = first & 0x1FU;
        *smallest = 0x80;
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        *bits = first & 0x0FU;
        *smallest = 0x800;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *bits = first & 0x07U;
        *smallest = 0x10000;
        return 4;
    }
    return 0;
}

/* A code point of more than one byte, 0 when malformed: overlong, surrogate, above U+10FFFF, cut.
 */
static uint32_t decode(struct rh_text t, size_t at, unsigned *len)
{
    uint32_t c = 0, smallest = 0;
    unsigned n = sequence((unsigned char)t.data[at], &c, &smallest);
    if (n == 0 || t.len - at < n)
        return 0;
    for (unsigned i = 1; i < n; i++) {
        unsigned char next = (unsigned char)t.data[at + i];
        if ((next & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3FU);
    }
    if (c < smallest || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *len = n;
    return c;
}

uint32_t rh_utf8_next(struct rh_text t, size_t *at)
{
    if (*at >= t.len)
        return 0xFFFD;
    unsigned char first = (unsigned char)t.data[*at];
    if (first < 0x80) {
        ++*at;
        return first;
    }
    unsigned len = 1;
    uint32_t c = decode(t, *at, &len);
    *at += len;
    return c ? c : 0xFFFD;
}

bool rh_utf8_valid(struct rh_text t)
{
    size_t at = 0;
    while (at < t.len) {
        uint64_t eight;
        while (t.len - at >= 8 &&
               (memcpy(&eight, t.data + at, 8), (eight & UINT64_C(0x8080808080808080)) == 0))
            at += 8;
        if (at == t.len)
            break;
        if ((unsigned char)t.data[at] < 0x80) {
            at++;
            continue;
        }
        unsigned len = 1;
        if (!decode(t, at, &len))
            return false;
        at += len;
    }
    return true;
}

char *rh_buf_room(struct rh_buf *b, size_t n)
{
    if (b->rc)
        return NULL;
    if (b->data && b->cap - b->len >= n)
        return b->data + b->len;
    char *p =
        n > SIZE_MAX - b->len ? NULL : rh_arena_grow(b->arena, b->data, &b->cap, b->len + n, 1);
    if (!p) {
        b->rc = RH_NOMEM;
        return NULL;
    }
    b->data = p;
    return p + b->len;
}

void rh_buf_add(struct rh_buf *b, const void *data, size_t len)
{
    char *p = rh_buf_room(b, len);
    if (!p || !len)
        return;
    memcpy(p, data, len);
    b->len += len;
}

void rh_buf_text(struct rh_buf *b, struct rh_text t)
{
    rh_buf_add(b, t.data, t.len);
}

void rh_buf_str(struct rh_buf *b, const char *s)
{
    rh_buf_add(b, s, strlen(s));
}

void rh_buf_char(struct rh_buf *b, char c)
{
    if (b->len < b->cap && !b->rc)
        b->data[b->len++] = c;
    else
        rh_buf_add(b, &c, 1);
}

void rh_buf_utf8(struct rh_buf *b, uint32_t c)
{
    if (c < 0x80) {
        rh_buf_char(b, (char)c);
        return;
    }
    if (c < 0x800) {
        rh_buf_char(b, (char)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            rh_buf_char(b, (char)(0xE0 | c >> 12));
        } else {
            rh_buf_char(b, (char)(0xF0 | c >> 18));
            rh_buf_char(b, (char)(0x80 | (c >> 12 & 0x3F)));
        }
        rh_buf_char(b, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    rh_buf_char(b, (char)(0x80 | (c & 0x3F)));
}

void rh_buf_u64(struct rh_buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    rh_buf_add(b, digits + at, sizeof digits - at);
}

void rh_buf_printf(struct rh_buf *b, const char *format, ...)
{
    if (!rh_buf_room(b, 1))
        return;
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data + b->len, room, format, ap);
    if (n < 0)
        b->rc = RH_INTERNAL;
    else if ((size_t)n < room)
        b->len += (size_t)n;
    else if (rh_buf_room(b, (size_t)n + 1)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

/* Not zero when one of eight bytes is below 0x20, a quote or a backslash. The false alarms that the
 * borrow of this subtraction can give (Bit Twiddling Hacks, "hasless") only cost a slower look. */
static uint64_t wants_escape(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
    return (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
           highs;
}

/* Number of bytes from `at` that stand in a JSON string as they are. */
static size_t plain_run(struct rh_text t, size_t at)
{
    size_t i = at;
    uint64_t eight;
    while (t.len - i >= 8 && (memcpy(&eight, t.data + i, 8), wants_escape(eight) == 0))
        i += 8;
    while (i < t.len && (unsigned char)t.data[i] >= 0x20 && t.data[i] != '"' && t.data[i] != '\\') {
        i++;
        if (t.len - i >= 8 && (memcpy(&eight, t.data + i, 8), wants_escape(eight) == 0))
            i += 8;
    }
    return i - at;
}

/* Whether all of it stands in a JSON string as it is: whole words, the last one overlapping. */
static bool all_plain(const char *s, size_t n)
{
    uint64_t word, found = 0;
    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8) {
            memcpy(&word, s + i, 8);
            found |= wants_escape(word);
        }
        memcpy(&word, s + n - 8, 8);
        return (found | wants_escape(word)) == 0;
    }
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, s, 4);
        memcpy(&last, s + n - 4, 4);
        return wants_escape((uint64_t)first << 32 | last) == 0;
    }
    if (n == 0)
        return true;
    word = UINT64_C(0x2020202020000000) | (uint64_t)(unsigned char)s[0] << 16 |
           (uint64_t)(unsigned char)s[n / 2] << 8 | (unsigned char)s[n - 1];
    return wants_escape(word) == 0;
}

static void escape(struct rh_buf *b, char c)
{
    static const char short_form[128] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                         ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'};
    static const char hex[] = "0123456789abcdef";
    char *p = rh_buf_room(b, 6);
    if (!p)
        return;
    if (short_form[(unsigned char)c]) {
        p[0] = '\\';
        p[1] = short_form[(unsigned char)c];
        b->len += 2;
        return;
    }
    memcpy(p, "\\u00", 4);
    p[4] = hex[(unsigned char)c >> 4];
    p[5] = hex[c & 15];
    b->len += 6;
}

void rh_buf_json(struct rh_buf *b, struct rh_text t)
{
    char *p = t.len > SIZE_MAX - 2 ? NULL : rh_buf_room(b, t.len + 2);
    if (!p)
        return;
    if (all_plain(t.data, t.len)) { /* nearly always */
        p[0] = '"';
        if (t.len)
            memcpy(p + 1, t.data, t.len);
        p[t.len + 1] = '"';
        b->len += t.len + 2;
        return;
    }
    rh_buf_char(b, '"');
    for (size_t at = 0; at < t.len;) {
        size_t run = plain_run(t, at);
        rh_buf_add(b, t.data + at, run);
        at += run;
        if (at < t.len)
            escape(b, t.data[at++]);
    }
    rh_buf_char(b, '"');
}

void rh_buf_percent(struct rh_buf *b, struct rh_text t)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < t.len && !b->rc; i++) {
        unsigned char c = (unsigned char)t.data[i];
        bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        char *p = rh_buf_room(b, 3);
        if (!p)
            return;
        p[0] = unreserved ? (char)c : '%';
        p[1] = hex[c >> 4];
        p[2] = hex[c & 15];
        b->len += unreserved ? 1 : 3;
    }
}

struct rh_text rh_text_shown(struct rh_text t, size_t max_bytes)
{
    if (t.len <= max_bytes)
        return t;
    size_t n = max_bytes;
    while (n > 0 && ((unsigned char)t.data[n] & 0xC0) == 0x80)
        n--;
    return (struct rh_text){t.data, n};
}
