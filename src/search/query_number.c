/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_number.c - numbers and quantities with prefixes, exactly.
 *
 * Source: FHIR R4, search, "number", "quantity" and "prefixes". A value that is sent covers
 * [a, b): half of its last digit to each side; comparisons use the number x itself. A value of the
 * resource is an interval lo..hi, mostly a point; a Range or a comparator makes it longer. Keys lie
 * in the order of lo; an interval that begins below x and reaches above it is found by its second
 * row, one without a beginning lies first.
 *
 * Units: a query that names a UCUM unit is converted into each unit that is stored and
 * commensurable.
 */
#include "search/query_int.h"

#include "base/bytes.h"
#include "fhir/ucum.h"

#define UCUM "http://unitsofmeasure.org"

enum { HASH = 8, UNIT_LEN = 128 };

/* --- decimals inside keys ----------------------------------------------------------------------
 */

/* Length of the decimal that a key begins with; 0: it is cut. */
static size_t decimal_len(struct rh_text t)
{
    const unsigned char *p = (const unsigned char *)t.data;
    if (t.len == 0)
        return 0;
    if (p[0] != 0x40 && p[0] != 0xC0) /* zero and the open ends have no digits */
        return 1;
    unsigned char end = p[0] == 0xC0 ? 0x00 : 0xFF;
    for (size_t i = 3; i < t.len; i++)
        if (p[i] == end)
            return i + 1;
    return 0;
}

bool rh_bounds_key(const struct rh_bounds *b, struct rh_text lo_hi)
{
    size_t n = decimal_len(lo_hi);
    struct rh_text lo = {lo_hi.data, n}, hi = {lo_hi.data + n, lo_hi.len - n};
    if (n == 0 || decimal_len(hi) == 0)
        return true; /* cut: the body decides */
    bool within = rh_text_cmp(lo, b->a) >= 0 && rh_text_cmp(hi, b->b) < 0;
    switch (b->prefix) {
    case RH_EQ:
        return within;
    case RH_NE:
        return !within;
    case RH_GT:
        return rh_text_cmp(hi, b->x) > 0;
    case RH_GE:
        return rh_text_cmp(hi, b->x) >= 0;
    case RH_LT:
        return rh_text_cmp(lo, b->x) < 0;
    case RH_LE:
        return rh_text_cmp(lo, b->x) <= 0;
    case RH_SA:
        return rh_text_cmp(lo, b->x) > 0;
    case RH_EB:
        return rh_text_cmp(hi, b->x) < 0;
    case RH_AP:
        return rh_text_cmp(lo, b->b) <= 0 && rh_text_cmp(hi, b->a) >= 0;
    case RH_PREFIXES:
        break;
    }
    return false;
}

/* --- the value that is asked for ---------------------------------------------------------------
 */

struct number {
    enum rh_prefix prefix;
    struct rh_dec x, a, b;
};

static enum rh_rc read_number(struct rh_making *m, struct rh_text value, const char *forms,
                              struct number *ret)
{
    struct rh_text t = rh_value_plain(m->r->ctx, value);
    struct rh_dec half, tenth;
    if (!t.data)
        return RH_NOMEM;
    enum rh_rc rc = RH_QUERY;
    if (rh_value_prefix(&t, &ret->prefix))
        rc = rh_dec_parse(t, &ret->x);
    if (rc == RH_OK) {
        /* R4: 100 is [99.5, 100.5), 5.40e-3 is [0.005395, 0.005405), 1e2 is [95, 105) */
        int scale = ret->x.scale;
        half = (struct rh_dec){.coefficient = 5, .scale = scale < 0 ? scale + 2 : scale + 1};
        if (ret->prefix == RH_AP) {
            rc = rh_dec_mul(rh_dec_abs(ret->x), (struct rh_dec){.coefficient = 1, .scale = 1},
                            &tenth);
            if (rc == RH_OK && rh_dec_cmp(tenth, half) > 0)
                half = tenth;
        }
        rc = rc ? rc : rh_dec_sub(ret->x, half, &ret->a);
        rc = rc ? rc : rh_dec_add(ret->x, half, &ret->b);
    }
    if (rc)
        return rh_query_refuse(m->r,
                               "%.*s: \"%.*s\" is not a number with at most %d digits (%s), after "
                               "an optional prefix eq ne gt lt ge le sa eb ap",
                               RH_TEXT_ARG(m->r->name),
                               RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)), RH_DEC_DIGITS,
                               forms);
    return RH_OK;
}

static struct rh_text bytes_of(struct rh_arena *a, struct rh_dec d)
{
    struct rh_buf b = rh_buf(a);
    rh_key_decimal(&b, d);
    return b.rc ? (struct rh_text){NULL, 0} : rh_buf_get(&b);
}

static enum rh_rc bounds_of(struct rh_arena *a, const struct number *n, struct rh_bounds *ret)
{
    ret->prefix = n->prefix;
    ret->a = bytes_of(a, n->a);
    ret->b = bytes_of(a, n->b);
    ret->x = bytes_of(a, n->x);
    return ret->a.data && ret->b.data && ret->x.data ? RH_OK : RH_NOMEM;
}

/* --- ranges ------------------------------------------------------------------------------------
 */

static struct rh_text joined(struct rh_making *m, struct rh_text a, struct rh_text b)
{
    struct rh_buf buf = rh_buf(m->r->ctx->arena);
    rh_buf_text(&buf, a);
    rh_buf_text(&buf, b);
    if (buf.rc)
        m->rc = buf.rc;
    return rh_buf_get(&buf);
}

/* Intervals that begin below `x` have a second row. A composite has none, and few keys. */
static void add_below(struct rh_making *m, unsigned number, struct rh_text start, struct rh_text x)
{
    struct rh_text open = joined(m, start, (struct rh_text){"\0", 1}),
                   behind_open = joined(m, start, (struct rh_text){"\1", 1});
    if (m->rc)
        return;
    if (m->component || start.data[0] == 'p') {
        rh_make_range(m, number, false, start, x);
        return;
    }
    rh_make_range(m, number, false, open, behind_open);
    char *from = rh_arena_copy(m->r->ctx->arena, start.data, start.len),
         *to = rh_arena_copy(m->r->ctx->arena, x.data, x.len);
    if (!from || !to) {
        m->rc = RH_NOMEM;
        return;
    }
    from[0] = to[0] = 'r';
    rh_make_range(m, number, false, (struct rh_text){from, start.len}, (struct rh_text){to, x.len});
}

/* Where the keys lie that begin with `start` and then hold what may pass. */
static void add_ranges(struct rh_making *m, unsigned number, struct rh_text start,
                       const struct rh_bounds *b)
{
    struct rh_arena *a = m->r->ctx->arena;
    struct rh_text end = rh_make_behind(a, start), x = joined(m, start, b->x),
                   behind = rh_make_behind(a, x), lo = joined(m, start, b->a),
                   hi = joined(m, start, b->b);
    if (m->rc)
        return;
    switch (b->prefix) {
    case RH_EQ:
        rh_make_range(m, number, false, lo, hi);
        return;
    case RH_NE:
        rh_make_range(m, number, false, start, end);
        return;
    case RH_LT:
    case RH_EB:
        rh_make_range(m, number, false, start, x);
        return;
    case RH_LE:
        rh_make_range(m, number, false, start, behind);
        return;
    case RH_SA:
        rh_make_range(m, number, false, behind, end);
        return;
    case RH_GT:
    case RH_GE:
        rh_make_range(m, number, false, x, end);
        add_below(m, number, start, x);
        return;
    case RH_AP:
        rh_make_range(m, number, false, lo, rh_make_behind(a, hi));
        add_below(m, number, start, lo);
        return;
    case RH_PREFIXES:
        return;
    }
}

enum rh_rc rh_query_add_number(struct rh_making *m, struct rh_text value)
{
    struct number n;
    struct rh_probe p = {.kind = RH_PROBE_NUMBER};
    enum rh_rc rc = read_number(m, value, "100, -5.40, 5.4e-3", &n);
    if (rc == RH_OK)
        rc = bounds_of(m->r->ctx->arena, &n, &p.bounds);
    if (rc)
        return rc;
    rh_make_probe(m, &p);
    for (unsigned i = 0; i < m->leaf->n_numbers; i++)
        add_ranges(m, m->leaf->numbers[i], RH_TEXT("n"), &p.bounds);
    return RH_OK;
}

/* --- quantities --------------------------------------------------------------------------------
 */

enum unit_rule { ANY_UNIT, SAME_TEXT, SAME_CODE, CONVERTED };

struct rh_amount {
    struct number number;
    enum unit_rule rule;
    struct rh_text unit;
    uint64_t system;
    struct rh_ucum ucum; /* CONVERTED */
    struct rh_bounds own;
    struct rh_bounds *units; /* by unit that was seen */
    size_t n, cap;
};

/* 'q' (or 'p', a unit's text) unit 0 hash and then? False: the key is cut there. */
static bool read_unit(struct rh_text key, struct rh_text *unit, uint64_t *system, size_t *n)
{
    const char *end = key.len > 1 ? memchr(key.data + 1, 0, key.len - 1) : NULL;
    if (!end || (size_t)(end - key.data) + 1 + HASH > key.len)
        return false;
    *unit = (struct rh_text){key.data + 1, (size_t)(end - key.data) - 1};
    *system = rh_get_u64((const unsigned char *)end + 1);
    *n = (size_t)(end - key.data) + 1 + HASH;
    return true;
}

static enum rh_prefix mirrored(enum rh_prefix p)
{
    static const enum rh_prefix rows[RH_PREFIXES] = {
        [RH_EQ] = RH_EQ, [RH_NE] = RH_NE, [RH_GT] = RH_LT, [RH_LT] = RH_GT, [RH_GE] = RH_LE,
        [RH_LE] = RH_GE, [RH_SA] = RH_EB, [RH_EB] = RH_SA, [RH_AP] = RH_AP};
    return rows[p];
}

/* The same amount in another unit. False: there is none. A scale may run the other way ([pH]). */
static bool converted(const struct rh_amount *a, struct rh_text code, struct number *ret)
{
    struct rh_ucum to;
    struct rh_dec swap;
    *ret = a->number;
    if (rh_text_eq(code, a->unit))
        return true;
    if (rh_ucum_parse(NULL, code, &to) || !rh_ucum_comparable(&a->ucum, &to))
        return false;
    if (rh_ucum_convert(a->number.a, &a->ucum, &to, &ret->a) ||
        rh_ucum_convert(a->number.b, &a->ucum, &to, &ret->b) ||
        rh_ucum_convert(a->number.x, &a->ucum, &to, &ret->x))
        return false;
    if (rh_dec_cmp(ret->a, ret->b) > 0) {
        swap = ret->a;
        ret->a = ret->b;
        ret->b = swap;
        ret->prefix = mirrored(ret->prefix);
    }
    return true;
}

/* What the amount is in keys of this unit. False: no value in it can match. */
static bool bounds_in(struct rh_arena *arena, const struct rh_amount *a, char kind,
                      struct rh_text unit, uint64_t system, struct rh_bounds *ret)
{
    struct number n = a->number;
    switch (a->rule) {
    case ANY_UNIT:
        if (kind != 'q')
            return false;
        break;
    case SAME_TEXT:
        if (!rh_text_eq(unit, a->unit))
            return false;
        break;
    case SAME_CODE:
        if (kind != 'q' || system != a->system || !rh_text_eq(unit, a->unit))
            return false;
        break;
    case CONVERTED:
        if (kind != 'q' || system != a->system || !converted(a, unit, &n))
            return false;
        break;
    }
    if (a->rule == CONVERTED && !rh_text_eq(unit, a->unit))
        return bounds_of(arena, &n, ret) == RH_OK;
    *ret = a->own;
    return true;
}

bool rh_amount_key(const struct rh_amount *a, struct rh_text key)
{
    struct rh_text unit;
    struct rh_bounds b;
    uint64_t system;
    size_t n;
    if (key.len == 0 || !memchr("pqr", key.data[0], 3))
        return false;
    char kind = key.data[0] == 'p' ? 'p' : 'q';
    struct rh_text behind = {key.data + 1, key.len - 1};
    for (size_t i = 0; i < a->n; i++)
        if (kind == a->units[i].unit.data[0] &&
            rh_text_begins(behind,
                           (struct rh_text){a->units[i].unit.data + 1, a->units[i].unit.len - 1}))
            return rh_bounds_key(&a->units[i], (struct rh_text){key.data + a->units[i].unit.len,
                                                                key.len - a->units[i].unit.len});
    if (!read_unit(key, &unit, &system, &n))
        return true;
    /* A unit that was not stored when the query was read: for one resource in memory. */
    struct rh_arena *scratch = rh_arena_open(1 << 16);
    bool ret = bounds_in(scratch, a, kind, unit, system, &b) &&
               rh_bounds_key(&b, (struct rh_text){key.data + n, key.len - n});
    rh_arena_close(scratch);
    return ret;
}

static enum rh_rc remember(struct rh_making *m, struct rh_amount *a, const struct rh_bounds *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (rh_text_eq(a->units[i].unit, b->unit))
            return RH_OK;
    if (a->n == a->cap) {
        void *rows =
            rh_arena_grow(m->r->ctx->arena, a->units, &a->cap, 2 * a->n + 4, sizeof *a->units);
        if (!rows)
            return RH_NOMEM;
        a->units = rows;
    }
    a->units[a->n++] = *b;
    return RH_OK;
}

static enum rh_rc add_unit(struct rh_making *m, unsigned number, struct rh_amount *a,
                           struct rh_text start, struct rh_text unit, uint64_t system)
{
    struct rh_bounds b;
    if (!bounds_in(m->r->ctx->arena, a, start.data[0], unit, system, &b))
        return RH_OK;
    b.unit = start;
    add_ranges(m, number, start, &b);
    if (m->base.len + start.len > RH_KEY_CUT / 2)
        m->unproven = true; /* its numbers may be cut off */
    return m->rc ? m->rc : remember(m, a, &b);
}

/* Looks at each different unit that is stored behind the base. */
static enum rh_rc walk_units(struct rh_making *m, unsigned number, struct rh_amount *a,
                             struct rh_text kind)
{
    struct rh_text start = joined(m, m->base, kind), from = start, key;
    for (unsigned seen = 0; m->rc == RH_OK; seen++) {
        enum rh_rc rc = rh_query_walk(m->r, number, start, from, &key);
        if (rc == RH_NOTFOUND)
            return RH_OK;
        if (rc == RH_UNSUPPORTED) {
            rh_make_range(m, number, false, kind, rh_make_behind(m->r->ctx->arena, kind));
            char *second = rh_arena_copy(m->r->ctx->arena, kind.data, kind.len);
            if (!second)
                return RH_NOMEM;
            second[0] = 'r';
            struct rh_text r = {second, kind.len};
            rh_make_range(m, number, false, r, rh_make_behind(m->r->ctx->arena, r));
            return RH_OK;
        }
        if (rc)
            return rc;
        if (seen == RH_QUERY_UNITS_MAX)
            return RH_TOOLARGE;
        struct rh_text own = {key.data + m->base.len, key.len - m->base.len}, unit;
        uint64_t system;
        size_t n;
        if (read_unit(own, &unit, &system, &n)) {
            struct rh_text unit_start = {own.data, n};
            rc = add_unit(m, number, a, unit_start, unit, system);
            from = rh_make_behind(m->r->ctx->arena, (struct rh_text){key.data, m->base.len + n});
        } else { /* cut inside the unit */
            m->unproven = true;
            rh_make_range(m, number, true, own, (struct rh_text){NULL, 0});
            struct rh_buf b = rh_buf(m->r->ctx->arena);
            rh_buf_text(&b, key);
            rh_buf_char(&b, 0);
            rc = b.rc;
            from = rh_buf_get(&b);
        }
        if (rc || !from.data)
            return rc;
    }
    return m->rc;
}

static enum rh_rc add_amount(struct rh_making *m, struct rh_amount *a)
{
    struct rh_arena *arena = m->r->ctx->arena;
    for (unsigned i = 0; i < m->leaf->n_numbers && m->rc == RH_OK; i++) {
        unsigned number = m->leaf->numbers[i];
        struct rh_buf b = rh_buf(arena);
        unsigned char hash[HASH];
        enum rh_rc rc = RH_OK;
        rh_buf_char(&b, 'q');
        if (a->rule == SAME_TEXT || a->rule == SAME_CODE) {
            rh_buf_text(&b, a->unit);
            rh_buf_char(&b, 0);
        }
        if (a->rule == SAME_CODE) {
            rh_put_u64(hash, a->system);
            rh_buf_add(&b, hash, HASH);
            rc = b.rc ? b.rc : add_unit(m, number, a, rh_buf_get(&b), a->unit, a->system);
        } else {
            rc = b.rc ? b.rc : walk_units(m, number, a, rh_buf_get(&b));
        }
        if (rc == RH_OK && a->rule == SAME_TEXT && !m->component) {
            struct rh_buf text = rh_buf(arena);
            rh_buf_char(&text, 'p');
            rh_buf_text(&text, a->unit);
            rh_buf_char(&text, 0);
            rh_put_u64(hash, 0);
            rh_buf_add(&text, hash, HASH);
            rc = text.rc ? text.rc : add_unit(m, number, a, rh_buf_get(&text), a->unit, 0);
        }
        if (rc)
            return rc;
    }
    return m->rc;
}

/* The unit of the value: how it is to be compared. */
static enum rh_rc read_rule(struct rh_making *m, struct rh_text value, struct rh_text system,
                            struct rh_text code, struct rh_amount *a)
{
    struct rh_issues is;
    system = rh_value_plain(m->r->ctx, system);
    a->unit = rh_value_plain(m->r->ctx, code);
    if (!system.data || !a->unit.data)
        return RH_NOMEM;
    if (!a->unit.len && system.len)
        return rh_query_refuse(m->r,
                               "%.*s: \"%.*s\" names a system of units but no unit; forms are "
                               "number, number|system|code and number||unit",
                               RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(value));
    if (!a->unit.len)
        return RH_OK;
    a->rule = system.len ? SAME_CODE : SAME_TEXT;
    a->system = rh_key_system(system);
    if (!rh_text_is(system, UCUM))
        return RH_OK;
    rh_issues_init(&is, m->r->ctx->arena);
    if (rh_ucum_parse(&is, a->unit, &a->ucum))
        return rh_query_refuse(m->r, "%.*s: \"%.*s\" is not a UCUM unit: %s",
                               RH_TEXT_ARG(m->r->name),
                               RH_TEXT_ARG(rh_text_shown(a->unit, UNIT_LEN)),
                               is.count ? is.rows[0].text : "it cannot be read");
    a->rule = CONVERTED;
    return RH_OK;
}

enum rh_rc rh_query_add_quantity(struct rh_making *m, struct rh_text value)
{
    struct rh_amount *a = rh_arena_zero(m->r->ctx->arena, sizeof *a);
    struct rh_text rest = value, number, system;
    if (!a)
        return RH_NOMEM;
    rh_value_split(&rest, '|', &number);
    enum rh_rc rc = read_number(
        m, number, "5.4, 5.40e-3, 5.4|http://unitsofmeasure.org|mg, 5.4||mg", &a->number);
    if (rc == RH_OK)
        rc = bounds_of(m->r->ctx->arena, &a->number, &a->own);
    if (rc)
        return rc;
    if (rest.data) {
        rh_value_split(&rest, '|', &system);
        if (!rest.data)
            return rh_query_refuse(m->r,
                                   "%.*s: \"%.*s\" has one \"|\"; forms are number, "
                                   "number|system|code and number||unit",
                                   RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(value));
        rc = read_rule(m, value, system, rest, a);
        if (rc)
            return rc;
    }
    rh_make_probe(m, &(struct rh_probe){.kind = RH_PROBE_QUANTITY, .amount = a});
    return add_amount(m, a);
}
