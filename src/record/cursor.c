/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cursor.c - places in a list as text for links: base64url without padding (RFC 4648). */
#include "record/record_int.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum rh_rc rh_cursor_write(struct rh_arena *a, const void *data, size_t len, struct rh_text *ret)
{
    const unsigned char *p = data;
    char *out = rh_arena_alloc(a, (len * 4 + 2) / 3 + 1);
    size_t n = 0;
    if (!out)
        return RH_NOMEM;
    for (size_t i = 0; i < len; i += 3) {
        unsigned left = len - i < 3 ? (unsigned)(len - i) : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        for (unsigned k = 0; k <= left; k++)
            out[n++] = digits[v >> (18 - 6 * k) & 63];
    }
    out[n] = '\0';
    *ret = (struct rh_text){out, n};
    return RH_OK;
}

enum rh_rc rh_cursor_read(struct rh_arena *a, struct rh_issues *is, struct rh_text t,
                          const unsigned char **ret, size_t *len)
{
    unsigned char *out = rh_arena_alloc(a, t.len + 1);
    uint32_t v = 0;
    unsigned bits = 0;
    size_t n = 0;
    if (!out)
        return RH_NOMEM;
    for (size_t i = 0; i < t.len; i++) {
        const char *d = t.data[i] ? strchr(digits, t.data[i]) : NULL;
        if (!d)
            return rh_issue_add(is, RH_QUERY, NULL,
                                "_cursor is not one of ours: follow the \"next\" link as it is");
        v = v << 6 | (uint32_t)(d - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char)(v >> bits);
        }
    }
    *ret = out;
    *len = n;
    return RH_OK;
}
