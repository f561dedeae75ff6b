/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Boundaries of dates and times, the present, and how far two moments are apart.
 */
#include "fhirpath/fn_int.h"

enum { DAY_SECONDS = 24 * 60 * 60, MILLISECOND = 1000000, MILLISECOND_DIGITS = 3 };

/* --- boundaries ------------------------------------------------------------------------------- */
static bool precision_of(enum rh_fp_kind kind, int digits, enum rh_precision *ret)
{
    static const struct {
        int of_date, of_time;
        enum rh_precision precision;
    } rows[] = {
        {4, 0, RH_YEAR},    {6, 0, RH_MONTH},   {8, 0, RH_DAY},       {10, 2, RH_HOUR},
        {12, 4, RH_MINUTE}, {14, 6, RH_SECOND}, {17, 9, RH_FRACTION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int n = kind == RH_FP_TIME ? rows[i].of_time : rows[i].of_date;
        if (n == digits && n > 0 && !(kind == RH_FP_DATE && rows[i].precision > RH_DAY)) {
            *ret = rows[i].precision;
            return true;
        }
    }
    return false;
}

int rh_fp_time_digits(const struct rh_fp_time *t, enum rh_fp_kind kind)
{
    static const int digits[] = {
        [RH_YEAR] = 4,    [RH_MONTH] = 6,   [RH_DAY] = 8,      [RH_HOUR] = 10,
        [RH_MINUTE] = 12, [RH_SECOND] = 14, [RH_FRACTION] = 14};
    int n = digits[t->precision] - (kind == RH_FP_TIME ? 8 : 0);
    return t->precision == RH_FRACTION ? n + t->digits : n;
}

static unsigned char last_day(int year, unsigned month)
{
    int64_t next =
        month == 12 ? rh_days_from_civil(year + 1, 1, 1) : rh_days_from_civil(year, month + 1, 1);
    return (unsigned char)(next - rh_days_from_civil(year, month, 1));
}

/* Fills the fields that the value leaves open. */
static void fill(struct rh_fp_time *t, bool high)
{
    if (t->precision < RH_MONTH)
        t->month = high ? 12 : 1;
    if (t->precision < RH_DAY)
        t->day = high ? last_day(t->year, t->month) : 1;
    if (t->precision < RH_HOUR)
        t->hour = high ? 23 : 0;
    if (t->precision < RH_MINUTE)
        t->minute = high ? 59 : 0;
    if (t->precision < RH_SECOND)
        t->second = high ? 59 : 0;
    unsigned open = 1000000000; /* nanoseconds that are left open */
    for (int i = 0; t->precision == RH_FRACTION && i < t->digits; i++)
        open /= 10;
    if (open >= MILLISECOND && high)
        t->nanosecond += open - MILLISECOND;
}

static void cut(struct rh_fp_time *t, enum rh_precision to)
{
    t->precision = to;
    t->digits = to == RH_FRACTION ? MILLISECOND_DIGITS : 0;
    t->nanosecond = to == RH_FRACTION ? t->nanosecond - t->nanosecond % MILLISECOND : 0;
    if (to < RH_SECOND)
        t->second = 0;
    if (to < RH_MINUTE)
        t->minute = 0;
    if (to < RH_HOUR) {
        t->hour = 0;
        t->has_zone = false;
        t->zone_minutes = 0;
    }
    if (to < RH_DAY)
        t->day = 1;
    if (to < RH_MONTH)
        t->month = 1;
}

bool rh_fp_time_boundary(const struct rh_fp_time *t, enum rh_fp_kind kind, bool high, int precision,
                         struct rh_fp_time *ret)
{
    enum rh_precision to;
    struct rh_fp_time r = *t;
    if (!precision_of(kind, precision, &to))
        return false;
    /* An hour alone is no FHIR dateTime; the official suite of R4 reads it as the full hour. */
    if (kind == RH_FP_DATETIME && r.precision == RH_HOUR)
        r.precision = RH_MINUTE;
    fill(&r, high);
    cut(&r, to);
    if (kind == RH_FP_DATETIME && to >= RH_HOUR && !r.has_zone) {
        r.has_zone = true; /* the zones where it happens first and last */
        r.zone_minutes = high ? -12 * 60 : 14 * 60;
    }
    *ret = r;
    return true;
}

/* --- the present ------------------------------------------------------------------------------ */
struct rh_fp_time rh_fp_time_now(const struct rh_ctx *c)
{
    const int64_t day_us = (int64_t)DAY_SECONDS * 1000000;
    int64_t local = c->now_us + (int64_t)c->zone_minutes * 60 * 1000000;
    int64_t days = local / day_us - (local % day_us < 0), rest = local - days * day_us;
    unsigned month, day;
    struct rh_fp_time t = {.precision = RH_FRACTION,
                           .digits = MILLISECOND_DIGITS,
                           .has_zone = true,
                           .zone_minutes = (short)c->zone_minutes};
    rh_civil_from_days(days, &t.year, &month, &day);
    t.month = (unsigned char)month;
    t.day = (unsigned char)day;
    t.hour = (unsigned char)(rest / 1000000 / 3600);
    t.minute = (unsigned char)(rest / 1000000 / 60 % 60);
    t.second = (unsigned char)(rest / 1000000 % 60);
    t.nanosecond = (unsigned)(rest % 1000000 / 1000 * MILLISECOND);
    return t;
}

/* --- distances -------------------------------------------------------------------------------- */
static const struct {
    const char *name, *plural;
    enum rh_precision precision;
    int months;
    int64_t milliseconds;
} units[] = {
    {"year", "years", RH_YEAR, 12, 0},
    {"month", "months", RH_MONTH, 1, 0},
    {"week", "weeks", RH_DAY, 0, INT64_C(7) * DAY_SECONDS * 1000},
    {"day", "days", RH_DAY, 0, INT64_C(1) * DAY_SECONDS * 1000},
    {"hour", "hours", RH_HOUR, 0, 3600 * 1000},
    {"minute", "minutes", RH_MINUTE, 0, 60 * 1000},
    {"second", "seconds", RH_SECOND, 0, 1000},
    {"millisecond", "milliseconds", RH_SECOND, 0, 1},
};

static int64_t milliseconds_of(const struct rh_fp_time *t, bool in_utc)
{
    int64_t days = t->year == 0 ? 0 : rh_days_from_civil(t->year, t->month, t->day);
    int64_t s = days * DAY_SECONDS + t->hour * 3600 + t->minute * 60 + t->second;
    if (in_utc && t->has_zone)
        s -= t->zone_minutes * 60;
    return s * 1000 + t->nanosecond / MILLISECOND;
}

static int64_t floor_div(int64_t n, int64_t d)
{
    return n / d - (n % d < 0);
}

static int64_t months_between(const struct rh_fp_time *a, const struct rh_fp_time *b)
{
    int64_t months = ((int64_t)b->year - a->year) * 12 + b->month - a->month;
    struct rh_fp_time x = *a, y = *b;
    x.year = y.year = 2000; /* a month of 31 days: compare day and clock only */
    x.month = y.month = 1;
    int64_t rest = milliseconds_of(&y, false) - milliseconds_of(&x, false);
    if (months > 0 && rest < 0)
        months--;
    else if (months < 0 && rest > 0)
        months++;
    return months;
}

bool rh_fp_time_between(const struct rh_fp_time *a, const struct rh_fp_time *b, const char *unit,
                        bool crossed, int64_t *ret)
{
    size_t u = 0;
    while (u < sizeof units / sizeof units[0] && strcmp(unit, units[u].name) != 0 &&
           strcmp(unit, units[u].plural) != 0)
        u++;
    if (u == sizeof units / sizeof units[0] || a->precision < units[u].precision ||
        b->precision < units[u].precision)
        return false;
    bool times = a->year == 0;
    if (times && units[u].precision < RH_HOUR)
        return false;

    if (units[u].months) {
        int64_t months = crossed ? ((int64_t)b->year - a->year) * 12 + b->month - a->month
                                 : months_between(a, b);
        *ret = crossed && units[u].months == 12 ? b->year - a->year : months / units[u].months;
        return true;
    }
    bool in_utc = units[u].precision >= RH_HOUR && a->has_zone && b->has_zone;
    int64_t from = milliseconds_of(a, in_utc), to = milliseconds_of(b, in_utc);
    int64_t one = units[u].milliseconds;
    if (!crossed) {
        *ret = (to - from) / one;
        return true;
    }
    /* Weeks begin on Sunday; 1970 began on a Thursday. */
    int64_t shift = one > INT64_C(1000) * DAY_SECONDS ? INT64_C(4) * DAY_SECONDS * 1000 : 0;
    *ret = floor_div(to + shift, one) - floor_div(from + shift, one);
    return true;
}
