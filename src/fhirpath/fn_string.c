/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * String functions. Positions and lengths count code points, so a letter outside of the basic plane
 * is one character. An empty input or a missing needle gives an empty result.
 */
#include "base/letter_case.h"
#include "fhirpath/fn_int.h"

/* The input and its first argument as texts. *empty: either is missing. */
static enum rh_rc two_texts(struct rh_fp_run *r, const struct rh_fp_node *call,
                            const struct rh_fp_list *in, struct rh_text *text,
                            struct rh_text *needle, bool *empty)
{
    bool none = true;
    enum rh_rc rc = rh_fp_in_text(r, call, in, text, empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 0, needle, &none);
    *empty = *empty || none;
    return rc;
}

static bool starts_at(struct rh_text t, size_t at, struct rh_text needle)
{
    return t.len - at >= needle.len &&
           (needle.len == 0 || memcmp(t.data + at, needle.data, needle.len) == 0);
}

/* Byte of the first place of needle from `from` on, or t.len + 1. */
static size_t find(struct rh_text t, size_t from, struct rh_text needle)
{
    if (needle.len == 0)
        return from;
    if (from >= t.len)
        return t.len + 1;
    const char *p = memmem(t.data + from, t.len - from, needle.data, needle.len);
    return p ? (size_t)(p - t.data) : t.len + 1;
}

static int64_t code_points(struct rh_text t, size_t until)
{
    int64_t n = 0;
    for (size_t i = 0; i < until; i++)
        n += ((unsigned char)t.data[i] & 0xC0) != 0x80;
    return n;
}

enum rh_rc rh_fp_index_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, needle;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &needle, &empty);
    if (rc || empty)
        return rc;
    size_t at = find(t, 0, needle);
    return rh_fp_push_integer(r, ret, at > t.len ? -1 : code_points(t, at));
}

enum rh_rc rh_fp_last_index_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                               const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, needle;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &needle, &empty);
    if (rc || empty)
        return rc;
    if (needle.len == 0)
        return rh_fp_push_integer(r, ret, code_points(t, t.len));
    rc = rh_fp_step(r, call, t.len / 8 + needle.len / 8);
    if (rc)
        return rc;
    for (size_t at = t.len < needle.len ? 0 : t.len - needle.len + 1; at-- > 0;)
        if (starts_at(t, at, needle))
            return rh_fp_push_integer(r, ret, code_points(t, at));
    return rh_fp_push_integer(r, ret, -1);
}

/* The byte where code point n begins; t.len when there are fewer. */
static size_t byte_of(struct rh_text t, size_t from, int64_t n)
{
    size_t at = from;
    for (; n > 0 && at < t.len; n--)
        rh_utf8_next(t, &at);
    return at;
}

enum rh_rc rh_fp_substring(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t;
    int64_t start, length = INT64_MAX;
    bool empty, none = true;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_integer(r, call, 0, &start, &none);
    if (rc)
        return rc;
    empty = empty || none;
    if (call->n_args > 1) { /* an empty length counts as left out */
        rc = rh_fp_arg_integer(r, call, 1, &length, &none);
        if (rc)
            return rc;
        if (none)
            length = INT64_MAX;
    }
    if (empty || start < 0)
        return RH_OK;
    size_t from = byte_of(t, 0, start);
    if (from >= t.len)
        return RH_OK;
    size_t to = length == INT64_MAX ? t.len : byte_of(t, from, length);
    return rh_fp_push_text(r, ret, (struct rh_text){t.data + from, to - from});
}

enum rh_rc rh_fp_starts_with(struct rh_fp_run *r, const struct rh_fp_node *call,
                             const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, needle;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &needle, &empty);
    return rc || empty ? rc : rh_fp_push_boolean(r, ret, starts_at(t, 0, needle));
}

enum rh_rc rh_fp_ends_with(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, needle;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &needle, &empty);
    if (rc || empty)
        return rc;
    bool ends = needle.len <= t.len && starts_at(t, t.len - needle.len, needle);
    return rh_fp_push_boolean(r, ret, ends);
}

enum rh_rc rh_fp_contains(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, needle;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &needle, &empty);
    return rc || empty ? rc : rh_fp_push_boolean(r, ret, find(t, 0, needle) <= t.len);
}

static enum rh_rc finish(struct rh_fp_run *r, const struct rh_buf *b, struct rh_fp_list *ret)
{
    if (b->rc)
        return b->rc;
    return rh_fp_push_text(r, ret, b->len ? rh_buf_get(b) : RH_TEXT(""));
}

static enum rh_rc change_case(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, bool upper, struct rh_fp_list *ret)
{
    struct rh_text t;
    bool empty;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc || empty)
        return rc;
    struct rh_buf b = rh_buf(r->c->arena);
    for (size_t at = 0; at < t.len;) {
        uint32_t c = rh_utf8_next(t, &at);
        if (upper && c == 0xDF)
            rh_buf_str(&b, "SS"); /* the one letter in daily use whose capital is two */
        else
            rh_buf_utf8(&b, upper ? rh_letter_upper(c) : rh_letter_lower(c));
    }
    return finish(r, &b, ret);
}

enum rh_rc rh_fp_upper(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return change_case(r, call, in, true, ret);
}

enum rh_rc rh_fp_lower(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return change_case(r, call, in, false, ret);
}

/* An empty pattern stands before every character and at the end. */
static void replace_nothing(struct rh_text t, struct rh_text by, struct rh_buf *b)
{
    for (size_t at = 0; at < t.len;) {
        size_t from = at;
        rh_utf8_next(t, &at);
        rh_buf_text(b, by);
        rh_buf_add(b, t.data + from, at - from);
    }
    rh_buf_text(b, by);
}

enum rh_rc rh_fp_replace(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, pattern, by;
    bool empty, none;
    enum rh_rc rc = two_texts(r, call, in, &t, &pattern, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 1, &by, &none);
    if (rc || empty || none)
        return rc;
    struct rh_buf b = rh_buf(r->c->arena);
    if (pattern.len == 0) {
        replace_nothing(t, by, &b);
        return finish(r, &b, ret);
    }
    size_t from = 0;
    for (size_t at; !b.rc && (at = find(t, from, pattern)) <= t.len; from = at + pattern.len) {
        rh_buf_add(&b, t.data + from, at - from);
        rh_buf_text(&b, by);
    }
    rh_buf_add(&b, t.data + from, t.len - from);
    return finish(r, &b, ret);
}

enum rh_rc rh_fp_length(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t;
    bool empty;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    return rc || empty ? rc : rh_fp_push_integer(r, ret, code_points(t, t.len));
}

enum rh_rc rh_fp_to_chars(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t;
    bool empty;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc || empty)
        return rc;
    for (size_t at = 0; at < t.len && !rc;) {
        size_t from = at;
        rh_utf8_next(t, &at);
        rc = rh_fp_push_text(r, ret, (struct rh_text){t.data + from, at - from});
    }
    return rc;
}

enum rh_rc rh_fp_split(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, separator;
    bool empty;
    enum rh_rc rc = two_texts(r, call, in, &t, &separator, &empty);
    if (rc || empty)
        return rc;
    if (separator.len == 0)
        return rh_fp_to_chars(r, call, in, ret);
    size_t from = 0;
    for (size_t at; !rc && (at = find(t, from, separator)) <= t.len; from = at + separator.len)
        rc = rh_fp_push_text(r, ret, (struct rh_text){t.data + from, at - from});
    return rc ? rc : rh_fp_push_text(r, ret, (struct rh_text){t.data + from, t.len - from});
}

/* All items must be strings; no item gives an empty result. */
enum rh_rc rh_fp_join(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text separator = RH_TEXT("");
    bool none = false;
    if (call->n_args > 0) {
        enum rh_rc rc = rh_fp_arg_string(r, call, 0, &separator, &none);
        if (rc)
            return rc;
        if (none)
            separator = RH_TEXT("");
    }
    struct rh_buf b = rh_buf(r->c->arena);
    for (size_t i = 0; i < in->count; i++) {
        struct rh_fp_list one = {.items = &in->items[i], .count = 1, .cap = 1};
        struct rh_text t;
        bool empty;
        enum rh_rc rc = rh_fp_in_text(r, call, &one, &t, &empty);
        if (rc)
            return rc;
        if (i > 0)
            rh_buf_text(&b, separator);
        rh_buf_text(&b, t);
    }
    return in->count ? finish(r, &b, ret) : RH_OK;
}

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

enum rh_rc rh_fp_trim(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t;
    bool empty;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc || empty)
        return rc;
    size_t from = t.len, to = t.len;
    for (size_t at = 0; at < t.len;) {
        size_t here = at;
        if (is_space(rh_utf8_next(t, &at)))
            continue;
        if (from == t.len)
            from = here;
        to = at;
    }
    return rh_fp_push_text(r, ret, (struct rh_text){t.data + from, from == t.len ? 0 : to - from});
}
