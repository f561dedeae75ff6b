/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/terms_int.h"

static bool digits(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
    return t.len > 0;
}

/* The part up to the next dot, hyphen or plus; *mark is what followed the part before it. */
static struct rh_text part(struct rh_text *rest, char *mark)
{
    size_t i = 0;
    while (i < rest->len && rest->data[i] != '.' && rest->data[i] != '-' && rest->data[i] != '+')
        i++;
    struct rh_text p = {rest->data, i};
    *mark = i < rest->len ? rest->data[i] : 0;
    size_t skip = i < rest->len ? i + 1 : i;
    rest->data += skip;
    rest->len -= skip;
    return p;
}

static int number_cmp(struct rh_text a, struct rh_text b)
{
    while (a.len > 1 && a.data[0] == '0')
        a.data++, a.len--;
    while (b.len > 1 && b.data[0] == '0')
        b.data++, b.len--;
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return rh_text_cmp(a, b);
}

int terms_version_cmp(struct rh_text a, struct rh_text b)
{
    char mark_a = '.', mark_b = '.';
    while (a.len && b.len) {
        struct rh_text x = part(&a, &mark_a), y = part(&b, &mark_b);
        int order = digits(x) && digits(y) ? number_cmp(x, y) : rh_text_cmp(x, y);
        if (order)
            return order;
    }
    if (!a.len && !b.len)
        return 0;
    /* 1.2.3-ballot comes before 1.2.3, which comes before 1.2.3.1 */
    if (a.len)
        return mark_a == '-' ? -1 : 1;
    return mark_b == '-' ? 1 : -1;
}

static bool wild(struct rh_text p)
{
    return p.len == 1 && (p.data[0] == 'x' || p.data[0] == 'X' || p.data[0] == '*');
}

bool terms_version_matches(struct rh_text asked, struct rh_text version)
{
    if (!asked.len || rh_text_eq(asked, version))
        return true;
    bool star = false;
    size_t parts = 0;
    char mark_a = 0, mark_b = 0;
    while (asked.len && version.len) {
        struct rh_text x = part(&asked, &mark_a), y = part(&version, &mark_b);
        parts++;
        if (wild(x))
            star = true;
        else if (!rh_text_eq(x, y))
            return false;
    }
    if (asked.len)
        return false;
    if (!version.len || star)
        return mark_b != '-' || !version.len;
    return parts >= 2 && mark_b == '.'; /* "1.0" covers 1.0.3; "1" alone is a version of its own */
}

struct rh_text terms_canonical_url(struct rh_text canonical, struct rh_text *ret_version)
{
    struct rh_text rest = canonical, url = {NULL, 0};
    rh_text_split(&rest, '|', &url);
    *ret_version = rest.data ? rest : (struct rh_text){"", 0};
    return url;
}

bool terms_implicit(struct rh_text url, struct rh_text *ret_system, struct rh_text *ret_code)
{
    static const char mark[] = "?fhir_vs", isa[] = "=isa/";
    const char *at = url.len ? memchr(url.data, '?', url.len) : NULL;
    if (!at || at == url.data)
        return false;
    struct rh_text rest = {at, url.len - (size_t)(at - url.data)};
    if (!rh_text_starts(rest, mark))
        return false;
    rest.data += sizeof mark - 1;
    rest.len -= sizeof mark - 1;
    *ret_system = (struct rh_text){url.data, (size_t)(at - url.data)};
    *ret_code = (struct rh_text){"", 0};
    if (!rest.len)
        return true;
    if (!rh_text_starts(rest, isa) || rest.len == sizeof isa - 1)
        return false;
    *ret_code = (struct rh_text){rest.data + sizeof isa - 1, rest.len - (sizeof isa - 1)};
    return true;
}
