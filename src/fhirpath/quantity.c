/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quantities with UCUM units and with calendar words. Weeks, days and what is shorter are the same
 * in both; a year or month of the calendar has no fixed length, so it cannot be compared with one
 * of UCUM (FHIRPath 2.0, "Time-valued quantities"), and with days only where the answer is the same
 * for every length.
 */
#include "fhir/ucum.h"
#include "fhirpath/fhirpath_int.h"

static const struct {
    const char *word, *plural, *ucum;
    int months;           /* of years and months; else 0 */
    int64_t milliseconds; /* of all others */
} calendar[] = {
    {"year", "years", "a", 12, 0},         {"month", "months", "mo", 1, 0},
    {"week", "weeks", "wk", 0, 604800000}, {"day", "days", "d", 0, 86400000},
    {"hour", "hours", "h", 0, 3600000},    {"minute", "minutes", "min", 0, 60000},
    {"second", "seconds", "s", 0, 1000},   {"millisecond", "milliseconds", "ms", 0, 1},
};
enum { CALENDAR = sizeof calendar / sizeof calendar[0] };

static int calendar_row(struct rh_text word)
{
    for (int i = 0; i < CALENDAR; i++)
        if (rh_text_is(word, calendar[i].word) || rh_text_is(word, calendar[i].plural))
            return i;
    return -1;
}

bool rh_fp_calendar(struct rh_text word, struct rh_text *ret)
{
    int row = calendar_row(word);
    if (row < 0)
        return false;
    *ret = rh_text(calendar[row].word);
    return true;
}

/* --- text ------------------------------------------------------------------------------------- */
/* [+-]digits[.digits] at the start, moved over; leading zeros are allowed. */
static enum rh_rc take_number(struct rh_text *t, struct rh_dec *ret)
{
    size_t at = 0;
    bool negative = t->len > 0 && t->data[0] == '-';
    if (t->len > 0 && (t->data[0] == '-' || t->data[0] == '+'))
        at++;
    while (at + 1 < t->len && t->data[at] == '0' && t->data[at + 1] >= '0' &&
           t->data[at + 1] <= '9')
        at++;
    size_t from = at;
    while (at < t->len && t->data[at] >= '0' && t->data[at] <= '9')
        at++;
    if (at < t->len && t->data[at] == '.')
        for (at++; at < t->len && t->data[at] >= '0' && t->data[at] <= '9';)
            at++;
    enum rh_rc rc = rh_dec_parse((struct rh_text){t->data + from, at - from}, ret);
    if (rc)
        return rc;
    if (negative)
        *ret = rh_dec_negate(*ret);
    t->data += at;
    t->len -= at;
    return RH_OK;
}

enum rh_rc rh_fp_quantity_parse(struct rh_text t, struct rh_fp_quantity *ret)
{
    struct rh_fp_quantity q = {.unit = RH_TEXT("1")};
    enum rh_rc rc = take_number(&t, &q.value);
    if (rc)
        return RH_SYNTAX;
    size_t blanks = 0;
    while (blanks < t.len && strchr(" \t\r\n", t.data[blanks]))
        blanks++;
    t.data += blanks;
    t.len -= blanks;
    if (t.len >= 3 && t.data[0] == '\'' && t.data[t.len - 1] == '\'') {
        q.unit = (struct rh_text){t.data + 1, t.len - 2};
        if (memchr(q.unit.data, '\'', q.unit.len))
            return RH_SYNTAX;
    } else if (t.len > 0) {
        if (!rh_fp_calendar(t, &q.unit))
            return RH_SYNTAX;
        q.calendar = true;
    } else if (blanks > 0) {
        return RH_SYNTAX;
    }
    *ret = q;
    return RH_OK;
}

void rh_fp_quantity_print(const struct rh_fp_quantity *q, struct rh_buf *out)
{
    rh_dec_print(q->value, out);
    rh_buf_char(out, ' ');
    if (!q->calendar)
        rh_buf_char(out, '\'');
    rh_buf_text(out, q->unit);
    if (!q->calendar)
        rh_buf_char(out, '\'');
    else if (rh_dec_cmp(q->value, rh_dec_from(1)) != 0)
        rh_buf_char(out, 's');
}

/* --- comparison ------------------------------------------------------------------------------- */
static bool same_unit(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    return a->calendar == b->calendar && rh_text_eq(a->unit, b->unit);
}

/* The unit for UCUM; years and months only where `loosely`. */
static bool parse_unit(const struct rh_fp_quantity *q, bool loosely, struct rh_ucum *ret)
{
    struct rh_text unit = q->unit;
    if (q->calendar) {
        int row = calendar_row(unit);
        if (row < 0 || (calendar[row].months && !loosely))
            return false;
        unit = rh_text(calendar[row].ucum);
    }
    return rh_ucum_parse(NULL, unit, ret) == RH_OK;
}

/* A calendar word beside a year or month of UCUM, which are longer than what both have in common.
 */
static bool apart(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    if (a->calendar == b->calendar)
        return false;
    struct rh_text ucum = a->calendar ? b->unit : a->unit;
    return rh_text_is(ucum, "a") || rh_text_is(ucum, "mo");
}

/* Both in calendar words: in months, or in milliseconds. */
static bool calendar_amount(const struct rh_fp_quantity *q, bool *months, struct rh_dec *ret)
{
    int row = calendar_row(q->unit);
    if (row < 0)
        return false;
    *months = calendar[row].months > 0;
    struct rh_dec unit = rh_dec_from(*months ? calendar[row].months : calendar[row].milliseconds);
    return rh_dec_mul(q->value, unit, ret) == RH_OK;
}

/* Months against milliseconds: a month has 28 to 31 days, twelve of them 365 or 366. */
static int months_against(struct rh_dec months, struct rh_dec milliseconds)
{
    static const int64_t day = 86400000;
    struct rh_dec few, many, rest;
    if (rh_dec_sign(months) != rh_dec_sign(milliseconds) || rh_dec_sign(months) == 0)
        return rh_dec_cmp(months, milliseconds);
    bool years = !rh_dec_divmod(months, rh_dec_from(12), NULL, &rest) && rh_dec_sign(rest) == 0;
    int64_t low = years ? 365 : 12 * 28, high = years ? 366 : 12 * 31;
    if (rh_dec_mul(months, rh_dec_from(low * day), &few) ||
        rh_dec_mul(months, rh_dec_from(high * day), &many) ||
        rh_dec_mul(milliseconds, rh_dec_from(12), &milliseconds))
        return 2;
    int a = rh_dec_cmp(few, milliseconds), b = rh_dec_cmp(many, milliseconds);
    return a == b && a != 0 ? a : 2;
}

static int calendar_cmp(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    struct rh_dec na, nb;
    bool months_a, months_b;
    if (!calendar_amount(a, &months_a, &na) || !calendar_amount(b, &months_b, &nb))
        return 2;
    if (months_a == months_b)
        return rh_dec_cmp(na, nb);
    if (months_a)
        return months_against(na, nb);
    int r = months_against(nb, na);
    return r == 2 ? 2 : -r;
}

enum rh_rc rh_fp_quantity_cmp(struct rh_fp_run *r, const struct rh_fp_quantity *a,
                              const struct rh_fp_quantity *b, int *ret)
{
    (void)r;
    struct rh_ucum ua, ub;
    if (same_unit(a, b)) {
        *ret = rh_dec_cmp(a->value, b->value);
    } else if (a->calendar && b->calendar) {
        *ret = calendar_cmp(a, b);
    } else if (apart(a, b) || !parse_unit(a, false, &ua) || !parse_unit(b, false, &ub) ||
               rh_ucum_compare(a->value, &ua, b->value, &ub, ret)) {
        *ret = 2;
    }
    return RH_OK;
}

bool rh_fp_quantity_comparable(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    struct rh_ucum ua, ub;
    bool months_a, months_b;
    struct rh_dec n;
    if (a->calendar && b->calendar)
        return calendar_amount(a, &months_a, &n) && calendar_amount(b, &months_b, &n) &&
               months_a == months_b;
    return !apart(a, b) && parse_unit(a, false, &ua) && parse_unit(b, false, &ub) &&
           rh_ucum_comparable(&ua, &ub);
}

/* Is one of the first unit more than one of the second? */
static bool coarser(const struct rh_ucum *a, const struct rh_ucum *b)
{
    int order;
    return !rh_ucum_compare(rh_dec_from(1), a, rh_dec_from(1), b, &order) && order > 0;
}

/* Equivalence of decimals: to the digits of the one with fewer, zeros at the end not counted. */
static bool close_enough(struct rh_dec a, struct rh_dec b)
{
    a = rh_dec_strip(a);
    b = rh_dec_strip(b);
    int scale = a.scale < b.scale ? a.scale : b.scale;
    return !rh_dec_round(a, scale, RH_ROUND_HALF_AWAY, &a) &&
           !rh_dec_round(b, scale, RH_ROUND_HALF_AWAY, &b) && rh_dec_cmp(a, b) == 0;
}

bool rh_fp_quantity_equivalent(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    struct rh_ucum ua, ub;
    struct rh_dec na = a->value, nb = b->value;
    if (same_unit(a, b))
        return close_enough(na, nb);
    if (a->calendar && b->calendar && calendar_cmp(a, b) == 0)
        return true;
    if (!parse_unit(a, true, &ua) || !parse_unit(b, true, &ub) || !rh_ucum_comparable(&ua, &ub))
        return false;
    if (coarser(&ua, &ub) ? rh_ucum_convert(nb, &ub, &ua, &nb) : rh_ucum_convert(na, &ua, &ub, &na))
        return false;
    return close_enough(na, nb);
}

/* --- conversion and arithmetic ---------------------------------------------------------------- */
/* Between calendar words. Where no date anchors them, a year is 12 months or 365 days, a month 30
 * days (FHIRPath 2.0, 5.5.7). */
static bool calendar_convert(const struct rh_fp_quantity *q, struct rh_fp_quantity *to)
{
    static const int64_t day = 86400000;
    int from_row = calendar_row(q->unit), to_row = calendar_row(to->unit);
    if (from_row < 0 || to_row < 0)
        return false;
    int64_t from = calendar[from_row].months, one = calendar[to_row].months;
    if (!from || !one) { /* in milliseconds */
        from = from ? (from == 12 ? 365 : 30) * day : calendar[from_row].milliseconds;
        one = one ? (one == 12 ? 365 : 30) * day : calendar[to_row].milliseconds;
    }
    struct rh_dec amount;
    return !rh_dec_mul(q->value, rh_dec_from(from), &amount) &&
           !rh_dec_div(amount, rh_dec_from(one), &to->value);
}

enum rh_rc rh_fp_quantity_convert(const struct rh_fp_quantity *q, struct rh_text unit,
                                  struct rh_fp_quantity *ret)
{
    struct rh_fp_quantity to = {.unit = unit};
    struct rh_ucum from_unit, to_unit;
    to.calendar = rh_fp_calendar(unit, &to.unit);
    if (same_unit(q, &to)) {
        *ret = *q;
        return RH_OK;
    }
    if (q->calendar && to.calendar) {
        if (!calendar_convert(q, &to))
            return RH_VALUE;
    } else {
        if (apart(q, &to) || !parse_unit(q, false, &from_unit) ||
            !parse_unit(&to, false, &to_unit) ||
            rh_ucum_convert(q->value, &from_unit, &to_unit, &to.value))
            return RH_VALUE;
    }
    *ret = to;
    return RH_OK;
}

/* Is the unit of b the finer one? */
static bool finer(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b)
{
    struct rh_ucum ua, ub;
    if (a->calendar && b->calendar)
        return calendar_row(a->unit) < calendar_row(b->unit);
    return parse_unit(a, false, &ua) && parse_unit(b, false, &ub) && coarser(&ua, &ub);
}

/* The sum has the finer unit of the two. */
static void add(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b, bool minus,
                struct rh_fp_quantity *ret, bool *empty)
{
    struct rh_fp_quantity x = *a, y = *b;
    if (!same_unit(a, b) && (finer(a, b) ? rh_fp_quantity_convert(a, b->unit, &x)
                                         : rh_fp_quantity_convert(b, a->unit, &y)))
        return;
    if (minus ? rh_dec_sub(x.value, y.value, &x.value) : rh_dec_add(x.value, y.value, &x.value))
        return;
    *empty = false;
    *ret = x;
}

/* The code of a unit in a product; none for years and months of the calendar. */
static bool product_unit(const struct rh_fp_quantity *q, struct rh_text *ret)
{
    *ret = q->unit;
    if (!q->calendar)
        return true;
    int row = calendar_row(q->unit);
    if (row < 0 || calendar[row].months)
        return false;
    *ret = rh_text(calendar[row].ucum);
    return true;
}

static bool is_one(const struct rh_fp_quantity *q)
{
    return !q->calendar && rh_text_is(q->unit, "1");
}

/* Both in the unit of one of them: in the first's, unless that has no end and the second's has
 * (0.5 'd' and 24 minutes are 720 and 24). False: out of range. */
static bool same_units(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b,
                       struct rh_fp_quantity *ret_a, struct rh_fp_quantity *ret_b)
{
    struct rh_fp_quantity x;
    *ret_a = *a;
    if (rh_fp_quantity_convert(b, a->unit, ret_b))
        return false;
    if (rh_dec_digits(ret_b->value) >= RH_DEC_INEXACT &&
        rh_fp_quantity_convert(a, b->unit, &x) == RH_OK &&
        rh_dec_digits(x.value) < RH_DEC_INEXACT) {
        *ret_a = x;
        *ret_b = *b;
    }
    return true;
}

static enum rh_rc multiply(struct rh_fp_run *r, const struct rh_fp_quantity *a,
                           const struct rh_fp_quantity *b, bool divide, struct rh_fp_quantity *ret,
                           bool *empty)
{
    struct rh_fp_quantity x = *a, y = *b, q = {.unit = RH_TEXT("1")};
    struct rh_text unit_a, unit_b;
    if (divide && !same_unit(a, b) && !is_one(b) && rh_fp_quantity_comparable(a, b) &&
        !same_units(a, b, &x, &y))
        return RH_OK;
    if (divide ? rh_dec_div(x.value, y.value, &q.value) : rh_dec_mul(x.value, y.value, &q.value))
        return RH_OK;

    if (is_one(&y)) {
        q.unit = x.unit;
        q.calendar = x.calendar;
    } else if (is_one(&x) && !divide) {
        q.unit = y.unit;
        q.calendar = y.calendar;
    } else if (!(divide && same_unit(&x, &y))) {
        struct rh_buf unit = rh_buf(r->c->arena);
        if (!product_unit(&x, &unit_a) || !product_unit(&y, &unit_b))
            return RH_OK;
        enum rh_rc rc = rh_ucum_multiply(unit_a, unit_b, divide, &unit);
        if (rc == RH_NOMEM || unit.rc)
            return RH_NOMEM;
        if (rc)
            return RH_OK; /* a special unit, or none of UCUM */
        q.unit = rh_buf_get(&unit);
    }
    *empty = false;
    *ret = q;
    return RH_OK;
}

enum rh_rc rh_fp_quantity_math(struct rh_fp_run *r, char operator, const struct rh_fp_quantity * a,
                               const struct rh_fp_quantity *b, struct rh_fp_quantity *ret,
                               bool *empty)
{
    *empty = true;
    switch (operator) {
    case '+':
    case '-':
        add(a, b, operator== '-', ret, empty);
        return RH_OK;
    case '*':
    case '/':
        return multiply(r, a, b, operator== '/', ret, empty);
    default:
        return RH_OK;
    }
}
