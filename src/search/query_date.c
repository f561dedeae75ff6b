/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_date.c - dates with prefixes, as spans.
 *
 * Source: FHIR R4, search, sections "date" and "prefixes". [a, b] is the span of the value asked
 * for, [lo, hi] the one of the resource. Keys 'l' lo hi hold every span; 'h' hi lo those longer
 * than a day, so that what lies above a bound is found by its end without looking further back than
 * one day. A composite has the 'l' keys only.
 */
#include "search/query_int.h"

#include "base/datetime.h"
#include "fhir/primitive.h"

bool rh_probe_span(const struct rh_probe *p, int64_t lo, int64_t hi)
{
    bool within = p->a <= lo && hi <= p->b;
    switch (p->prefix) {
    case RH_EQ:
        return within;
    case RH_NE:
        return !within;
    case RH_GT:
        return hi > p->b;
    case RH_LT:
        return lo < p->a;
    case RH_GE:
        return hi > p->b || within;
    case RH_LE:
        return lo < p->a || within;
    case RH_SA:
        return lo > p->b;
    case RH_EB:
        return hi < p->a;
    case RH_AP: /* a and b are widened already: the spans overlap */
        return lo <= p->b && hi >= p->a;
    case RH_PREFIXES:
        break;
    }
    return false;
}

static struct rh_text bound(struct rh_making *m, char kind, int64_t first)
{
    unsigned char *p = rh_arena_alloc(m->r->ctx->arena, RH_KEY_INSTANT_SIZE);
    if (!p) {
        m->rc = RH_NOMEM;
        return (struct rh_text){NULL, 0};
    }
    rh_key_span(p, kind, first, INT64_MIN);
    return (struct rh_text){(const char *)p, RH_KEY_INSTANT_SIZE};
}

/* Keys of a kind whose first number is from `from` to `to`, both included. */
static void add(struct rh_making *m, char kind, int64_t from, int64_t to)
{
    if (from > to || (kind == 'h' && m->component))
        return;
    struct rh_text hi = {kind == 'l' ? "m" : "i", 1};
    if (to != INT64_MAX)
        hi = bound(m, kind, to + 1);
    rh_make_ranges(m, false, bound(m, kind, from), hi);
}

static void add_ranges(struct rh_making *m, const struct rh_probe *p)
{
    /* A span of at most a day that reaches above b begins above b - day. */
    int64_t a = p->a, b = p->b, back = b - RH_KEY_DAY_US + 1, from = a < back ? a : back;
    if (m->component)
        back = from = INT64_MIN;
    switch (p->prefix) {
    case RH_EQ:
        add(m, 'l', a, b);
        break;
    case RH_NE:
        add(m, 'l', INT64_MIN, INT64_MAX);
        break;
    case RH_GT:
        add(m, 'l', back, INT64_MAX);
        add(m, 'h', b + 1, INT64_MAX);
        break;
    case RH_GE:
        add(m, 'l', from, INT64_MAX);
        add(m, 'h', b + 1, INT64_MAX);
        break;
    case RH_LE:
        add(m, 'l', INT64_MIN, b);
        break;
    case RH_SA:
        add(m, 'l', b + 1, INT64_MAX);
        break;
    case RH_LT:
    case RH_EB:
        add(m, 'l', INT64_MIN, a - 1);
        break;
    case RH_AP:
        add(m, 'l', m->component ? INT64_MIN : a - RH_KEY_DAY_US + 1, b);
        add(m, 'h', a, INT64_MAX);
        break;
    case RH_PREFIXES:
        break;
    }
}

/* Does the parameter find calendar days (and nothing else)? They are compared in UTC, so that the
 * zone of a site does not move a birthday. The last name of each path tells. */
static bool is_day(const struct rh_parameter *p)
{
    struct rh_text rest = rh_text(p->expression), path, type, name;
    bool day = false;
    while (rh_text_split(&rest, '|', &path)) {
        path = rh_text_trim(path);
        if (!rh_text_split(&path, '.', &type) || !path.data)
            return false;
        const struct rh_type *t = rh_type_find(type);
        while (t && rh_text_split(&path, '.', &name)) {
            const struct rh_element *e = rh_element_find(t, name);
            t = e ? e->type : NULL;
        }
        day = t && t->kind == RH_KIND_PRIMITIVE && t->primitive == RH_P_DATE;
        if (!day)
            return false;
    }
    return day;
}

static enum rh_rc read_date(struct rh_making *m, struct rh_text value, enum rh_prefix *prefix,
                            struct rh_datetime *d)
{
    const struct rh_parameter *p = m->r->parameter;
    struct rh_text t = rh_value_plain(m->r->ctx, value);
    if (!t.data)
        return RH_NOMEM;
    if (!rh_value_prefix(&t, prefix))
        return rh_query_refuse(m->r,
                               "%.*s: \"%.*s\" does not begin with a prefix; prefixes are eq ne gt "
                               "lt ge le sa eb ap, or none",
                               RH_TEXT_ARG(m->r->name),
                               RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)));
    /* A + that was not percent-encoded arrives as a blank; in a date it can only have been the sign
     * of a zone. */
    char *copy = rh_arena_copy(m->r->ctx->arena, t.data, t.len);
    if (!copy)
        return RH_NOMEM;
    for (size_t i = 0; i < t.len; i++)
        if (copy[i] == ' ')
            copy[i] = '+';
    bool day = p->n_parts ? is_day(p->parts[0]) : is_day(p);
    if (rh_datetime_parse((struct rh_text){copy, t.len}, RH_SEARCH,
                          day ? 0 : m->r->ctx->zone_minutes, d) != RH_OK)
        return rh_query_refuse(
            m->r,
            "%.*s: \"%.*s\" is not a date: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a "
            "zone (Z, +02:00), after an optional prefix such as ge",
            RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)));
    return RH_OK;
}

enum rh_rc rh_query_add_date(struct rh_making *m, struct rh_text value)
{
    struct rh_datetime d;
    struct rh_probe p = {.kind = RH_PROBE_DATE};
    enum rh_rc rc = read_date(m, value, &p.prefix, &d);
    if (rc)
        return rc;
    p.a = d.lo_us;
    p.b = d.hi_us;
    if (p.prefix == RH_AP) { /* R4: "10 % of the difference between now and the date" */
        int64_t now = m->r->ctx->now_us, middle = p.a + (p.b - p.a) / 2,
                gap = now > middle ? now - middle : middle - now;
        p.a -= gap / 10;
        p.b += gap / 10;
    }
    rh_make_probe(m, &p);
    add_ranges(m, &p);
    return m->rc;
}
