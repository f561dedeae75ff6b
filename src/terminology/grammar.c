/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Code systems that nobody can list, because their codes are all that a grammar allows. */
#include "fhir/ucum.h"
#include "terminology/systems_int.h"

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all(struct rh_text t, size_t min, size_t max, bool digits)
{
    if (t.len < min || t.len > max)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!letter(t.data[i]) && !(digits && digit(t.data[i])))
            return false;
    return true;
}

/* --- language tags: RFC 5646, 2.1 (the grandfathered irregular ones are left out) --------------
 */

static bool variant(struct rh_text t)
{
    return all(t, 5, 8, true) || (t.len == 4 && digit(t.data[0]) && all(t, 4, 4, true));
}

/* What follows a one-letter subtag: at least one subtag, of `min` characters or more. */
static bool extension(struct rh_text *rest, struct rh_text *t, size_t min)
{
    bool any = false, more;
    while ((more = rh_text_split(rest, '-', t)) && t->len > 1 - (min == 1) && all(*t, min, 8, true))
        any = true;
    if (!more)
        *t = (struct rh_text){NULL, 0};
    return any;
}

static bool is_language_tag(struct rh_text code)
{
    struct rh_text rest = code, t;
    if (!rh_text_split(&rest, '-', &t))
        return false;
    if (t.len == 1 && (t.data[0] | 0x20) == 'x')
        return extension(&rest, &t, 1) && !t.data;
    if (!all(t, 2, 8, false))
        return false;
    bool more = rh_text_split(&rest, '-', &t);
    for (int i = 0; i < 3 && more && all(t, 3, 3, false); i++)
        more = rh_text_split(&rest, '-', &t);
    if (more && all(t, 4, 4, false))
        more = rh_text_split(&rest, '-', &t);
    if (more && (all(t, 2, 2, false) ||
                 (t.len == 3 && digit(t.data[0]) && digit(t.data[1]) && digit(t.data[2]))))
        more = rh_text_split(&rest, '-', &t);
    while (more && variant(t))
        more = rh_text_split(&rest, '-', &t);
    while (more && t.data && t.len == 1) {
        bool private_use = (t.data[0] | 0x20) == 'x';
        if (!all(t, 1, 1, true) || !extension(&rest, &t, private_use ? 1 : 2))
            return false;
        if (private_use)
            return !t.data;
        more = t.data != NULL;
    }
    return !more;
}

/* --- media types: RFC 6838, 4.2, with the parameters of RFC 2045 -------------------------------
 */

static bool restricted_name(struct rh_text t)
{
    if (t.len < 1 || t.len > 127 || !(letter(t.data[0]) || digit(t.data[0])))
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!letter(t.data[i]) && !digit(t.data[i]) && !strchr("!#$&-^_.+", t.data[i]))
            return false;
    return true;
}

static bool is_media_type(struct rh_text code)
{
    struct rh_text rest = code, type, subtype, parameter;
    if (!rh_text_split(&rest, '/', &type) || !rest.data || !restricted_name(type))
        return false;
    struct rh_text tail = rest;
    if (!rh_text_split(&tail, ';', &subtype) || !restricted_name(rh_text_trim(subtype)))
        return false;
    while (rh_text_split(&tail, ';', &parameter)) {
        struct rh_text value = rh_text_trim(parameter), name;
        if (!rh_text_split(&value, '=', &name) || !value.data || !value.len ||
            !restricted_name(rh_text_trim(name)))
            return false;
    }
    return true;
}

/* --- units and addresses -----------------------------------------------------------------------
 */

static bool is_unit(struct rh_text code)
{
    struct rh_arena *a = rh_arena_open(64 << 10); /* for the issues, which nobody reads */
    struct rh_issues issues;
    struct rh_ucum unit;
    rh_issues_init(&issues, a);
    bool ok = code.len <= RH_UCUM_CODE_MAX && rh_ucum_parse(&issues, code, &unit) == RH_OK;
    rh_arena_close(a);
    return ok;
}

static bool is_uri(struct rh_text code)
{
    size_t colon = 0;
    while (colon < code.len &&
           (letter(code.data[colon]) || digit(code.data[colon]) || strchr("+-.", code.data[colon])))
        colon++;
    for (size_t i = 0; i < code.len; i++)
        if ((unsigned char)code.data[i] <= ' ')
            return false;
    return colon > 0 && colon + 1 < code.len && letter(code.data[0]) && code.data[colon] == ':';
}

static bool (*const checkers[TERMS_GRAMMARS])(struct rh_text code) = {
    [TERMS_LANGUAGE_TAG] = is_language_tag,
    [TERMS_MEDIA_TYPE] = is_media_type,
    [TERMS_UNIT] = is_unit,
    [TERMS_URI] = is_uri,
};

bool terms_grammar_valid(enum terms_grammar grammar, struct rh_text code)
{
    return checkers[grammar] && checkers[grammar](code);
}

const struct terms_system *terms_grammar_system(struct rh_text url)
{
    for (size_t i = 0; i < terms_n_system_rows; i++)
        if (terms_system_rows[i].system.grammar && rh_text_eq(url, terms_system_rows[i].system.url))
            return &terms_system_rows[i].system;
    return NULL;
}

struct rh_text rh_system_url(struct rh_text name)
{
    for (size_t i = 0; i < terms_n_system_rows; i++)
        if (rh_text_eq(name, terms_system_rows[i].name))
            return terms_system_rows[i].system.url;
    return (struct rh_text){NULL, 0};
}
