/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/place.h"

static bool identifier(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *after_remarks(const char *p)
{
    while (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        if (!end)
            return p + strlen(p);
        p = end + 2;
    }
    return p;
}

static const char *read_name(const char *p, struct rh_text *ret)
{
    const char *from = p;
    if (*p == '`') {
        const char *end = strchr(++from, '`');
        *ret = (struct rh_text){from, end ? (size_t)(end - from) : strlen(from)};
        return end ? end + 1 : from + ret->len;
    }
    while (identifier(*p))
        p++;
    *ret = (struct rh_text){from, (size_t)(p - from)};
    return p;
}

static const char *read_type(const char *p, struct rh_text *ret)
{
    const char *from = p + strlen(".ofType("), *end = strchr(from, ')');
    if (!end)
        return p;
    *ret = (struct rh_text){from, (size_t)(end - from)};
    for (size_t i = 0; i < ret->len; i++) /* FHIR.Quantity */
        if (ret->data[i] == '.')
            return *ret = (struct rh_text){ret->data + i + 1, ret->len - i - 1}, end + 1;
    return end + 1;
}

static const char *read_index(const char *p, size_t *ret)
{
    size_t n = 0;
    const char *q = p + 1;
    for (; *q >= '0' && *q <= '9' && n < SIZE_MAX / 16; q++)
        n = n * 10 + (size_t)(*q - '0');
    if (q == p + 1 || *q != ']')
        return p;
    *ret = n;
    return q + 1;
}

bool rh_place_step(const char **rest, struct rh_place_step *ret)
{
    const char *p = after_remarks(*rest);
    *ret = (struct rh_place_step){.index = SIZE_MAX};
    if (*p == '.')
        p++;
    p = after_remarks(read_name(p, &ret->name));
    if (ret->name.len == 0 || *p == '(')
        return false;
    if (strncmp(p, ".ofType(", 8) == 0)
        p = after_remarks(read_type(p, &ret->type));
    if (*p == '[')
        p = after_remarks(read_index(p, &ret->index));
    if (ret->index == SIZE_MAX && strncmp(p, ".ofType(", 8) == 0)
        p = read_type(p, &ret->type);
    *rest = p;
    return true;
}

bool rh_place_first(const char **rest, struct rh_place_step *ret)
{
    if (!rh_place_step(rest, ret))
        return false;
    return ret->name.data[0] < 'A' || ret->name.data[0] > 'Z' || rh_place_step(rest, ret);
}

unsigned rh_place_fits(const struct rh_place_step *s, struct rh_text key)
{
    struct rh_text n = s->name;
    if (rh_text_eq(key, n))
        return 4;
    if (key.len && key.data[0] == '_') {
        unsigned plain = rh_place_fits(s, (struct rh_text){key.data + 1, key.len - 1});
        return plain > 2 ? 2 : plain;
    }
    if (key.len <= n.len || memcmp(key.data, n.data, n.len) != 0)
        return 0;
    struct rh_text tail = {key.data + n.len, key.len - n.len};
    if (s->type.len == 0)
        return tail.data[0] >= 'A' && tail.data[0] <= 'Z' ? 1 : 0;
    return tail.len == s->type.len && (tail.data[0] | 32) == (s->type.data[0] | 32) &&
                   memcmp(tail.data + 1, s->type.data + 1, tail.len - 1) == 0
               ? 3
               : 0;
}
