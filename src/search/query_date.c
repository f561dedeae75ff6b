/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_date.c - dates with prefixes, as spans.
 *
 * Source: FHIR R4, search, sections "date" and "prefixes". [a, b] is the span of the value asked
 * for, [lo, hi] the one of the resource. Keys 'l' lo hi hold every span; 'h' hi lo those longer
 * than a day, so that what lies above a bound is found by its end without looking further back than
 * one day.
 */
#include "search/query_int.h"

#include "base/bytes.h"
#include "base/datetime.h"

enum prefix { EQ, NE, GT, LT, GE, LE, SA, EB, AP, PREFIXES };

static const char prefix_names[PREFIXES][3] = {"eq", "ne", "gt", "lt", "ge",
                                               "le", "sa", "eb", "ap"};

bool rh_probe_date(const struct rh_probe *p, struct rh_text key)
{
    if (p->test == RH_PROBE_RANGE)
        return true;
    if (key.len != RH_KEY_INSTANT_SIZE)
        return false;
    const unsigned char *k = (const unsigned char *)key.data;
    int64_t lo = rh_get_i64(k + 1), hi = rh_get_i64(k + 9);
    if (k[0] == 'h') {
        int64_t swap = lo;
        lo = hi;
        hi = swap;
    }
    bool within = p->a <= lo && hi <= p->b;
    switch (p->test) {
    case RH_PROBE_RANGE:
        break;
    case RH_PROBE_WITHIN:
        return within;
    case RH_PROBE_NOT_WITHIN:
        return !within;
    case RH_PROBE_HI_ABOVE:
        return hi > p->b;
    case RH_PROBE_HI_ABOVE_OR_WITHIN:
        return hi > p->b || within;
    case RH_PROBE_LO_BELOW_OR_WITHIN:
        return lo < p->a || within;
    case RH_PROBE_HI_BELOW:
        return hi < p->a;
    case RH_PROBE_HI_FROM:
        return hi >= p->a;
    case RH_PROBE_LO_TO:
        return lo <= p->b;
    }
    return true;
}

static struct rh_text bound(struct rh_ctx *ctx, char kind, int64_t first, int64_t second)
{
    unsigned char *p = rh_arena_alloc(ctx->arena, RH_KEY_INSTANT_SIZE);
    if (!p)
        return (struct rh_text){NULL, 0};
    rh_key_span(p, kind, first, second);
    return (struct rh_text){(const char *)p, RH_KEY_INSTANT_SIZE};
}

/* Keys of a kind whose first number is from `from` to `to`, both included. */
static void add(struct rh_ranges *s, char kind, int64_t from, int64_t to, struct rh_probe p)
{
    if (from > to)
        return;
    p.lo = bound(s->ctx, kind, from, INT64_MIN);
    p.hi = to == INT64_MAX ? (struct rh_text){kind == 'l' ? "m" : "i", 1}
                           : bound(s->ctx, kind, to + 1, INT64_MIN);
    if (!p.lo.data || !p.hi.data)
        s->rc = RH_NOMEM;
    else
        rh_ranges_add(s, &p);
}

static void add_all(struct rh_ranges *s, enum prefix prefix, int64_t a, int64_t b)
{
    /* A span of at most a day that reaches above b begins above b - day. */
    int64_t back = b - RH_KEY_DAY_US + 1, from = a < back ? a : back,
            approximate = a - RH_KEY_DAY_US + 1;
    struct rh_probe p = {.a = a, .b = b};
#define TEST(t) ((struct rh_probe){.a = a, .b = b, .test = RH_PROBE_##t})
    switch (prefix) {
    case EQ:
        add(s, 'l', a, b, TEST(WITHIN));
        break;
    case NE:
        add(s, 'l', INT64_MIN, INT64_MAX, TEST(NOT_WITHIN));
        break;
    case GT:
        add(s, 'l', back, INT64_MAX, TEST(HI_ABOVE));
        p.b = back - 1; /* those that begin later are in the first range */
        p.test = RH_PROBE_LO_TO;
        add(s, 'h', b + 1, INT64_MAX, p);
        break;
    case LT:
        add(s, 'l', INT64_MIN, a - 1, TEST(RANGE));
        break;
    case GE:
        add(s, 'l', from, INT64_MAX, TEST(HI_ABOVE_OR_WITHIN));
        p.b = from - 1;
        p.test = RH_PROBE_LO_TO;
        add(s, 'h', b + 1, INT64_MAX, p);
        break;
    case LE:
        add(s, 'l', INT64_MIN, b, TEST(LO_BELOW_OR_WITHIN));
        break;
    case SA:
        add(s, 'l', b + 1, INT64_MAX, TEST(RANGE));
        break;
    case EB:
        add(s, 'l', INT64_MIN, a - 1, TEST(HI_BELOW));
        break;
    case AP: /* a and b are widened already: the spans overlap */
        add(s, 'l', approximate, b, TEST(HI_FROM));
        p.b = approximate - 1;
        p.test = RH_PROBE_LO_TO;
        add(s, 'h', a, INT64_MAX, p);
        break;
    case PREFIXES:
        break;
    }
#undef TEST
}

static enum rh_rc read_date(struct rh_reading *r, struct rh_text value, enum prefix *prefix,
                            struct rh_datetime *d)
{
    struct rh_text t = value;
    *prefix = EQ;
    if (t.len >= 2 && t.data[0] >= 'a' && t.data[0] <= 'z') {
        unsigned i = 0;
        while (i < PREFIXES && memcmp(t.data, prefix_names[i], 2) != 0)
            i++;
        if (i == PREFIXES)
            return rh_query_refuse(r,
                                   "%s: \"%.*s\" does not begin with a prefix; prefixes are eq ne "
                                   "gt lt ge le sa eb ap, or none",
                                   r->parameter->name, RH_TEXT_ARG(value));
        *prefix = (enum prefix)i;
        t.data += 2;
        t.len -= 2;
    }
    /* A + that was not percent-encoded arrives as a blank; in a date it can only have been the sign
     * of a zone. */
    char *copy = rh_arena_copy(r->ctx->arena, t.data, t.len);
    if (!copy)
        return RH_NOMEM;
    for (size_t i = 0; i < t.len; i++)
        if (copy[i] == ' ')
            copy[i] = '+';
    int zone = r->parameter->value == RH_SV_DATE ? 0 : r->ctx->zone_minutes;
    if (rh_datetime_parse((struct rh_text){copy, t.len}, RH_SEARCH, zone, d) != RH_OK)
        return rh_query_refuse(r,
                               "%s: \"%.*s\" is not a date: YYYY, YYYY-MM, YYYY-MM-DD or "
                               "YYYY-MM-DDThh:mm:ss with a zone, after "
                               "an optional prefix such as ge",
                               r->parameter->name, RH_TEXT_ARG(value));
    return RH_OK;
}

enum rh_rc rh_query_dates(struct rh_reading *r, const struct rh_value *values, unsigned n)
{
    struct rh_ranges s = {.ctx = r->ctx};
    for (unsigned i = 0; i < n; i++) {
        struct rh_datetime d;
        enum prefix prefix;
        enum rh_rc rc = read_date(r, values[i].text, &prefix, &d);
        if (rc)
            return rc;
        int64_t a = d.lo_us, b = d.hi_us;
        if (prefix == AP) { /* R4: "10 % of the difference between now and the date" */
            int64_t middle = a + (b - a) / 2, gap = r->ctx->now_us > middle
                                                        ? r->ctx->now_us - middle
                                                        : middle - r->ctx->now_us;
            a -= gap / 10;
            b += gap / 10;
        }
        add_all(&s, prefix, a, b);
    }
    return rh_ranges_close(r, &s);
}
