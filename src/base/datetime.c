/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/datetime.h"

#include <assert.h>
#include <stdio.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

enum { FRACTION_DIGITS_MAX = 9, ZONE_MINUTES_MAX = 14 * 60 };

/* Both after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013: days_from_civil and
 * civil_from_days. The year begins in March, an era has 400 years. */
int64_t rh_days_from_civil(int year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void rh_civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static unsigned days_of_month(int year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* What is left to read; a refusal leaves it anywhere. */
struct reader {
    const char *at, *end;
};

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* Exactly `count` digits, within [low, high]. */
static bool number(struct reader *r, int count, unsigned low, unsigned high, unsigned *ret)
{
    unsigned n = 0;
    if (r->end - r->at < count)
        return false;
    for (int i = 0; i < count; i++, r->at++) {
        if (*r->at < '0' || *r->at > '9')
            return false;
        n = n * 10 + (unsigned)(*r->at - '0');
    }
    *ret = n;
    return n >= low && n <= high;
}

struct fields {
    int year;
    unsigned month, day, hour, minute, second;
    unsigned nanos;
};

static bool read_date(struct reader *r, struct fields *f, enum rh_precision *precision)
{
    unsigned year;
    if (!number(r, 4, 1, 9999, &year))
        return false;
    f->year = (int)year;
    f->month = f->day = 1;
    *precision = RH_YEAR;
    if (!take(r, '-'))
        return true;
    if (!number(r, 2, 1, 12, &f->month))
        return false;
    *precision = RH_MONTH;
    if (!take(r, '-'))
        return true;
    *precision = RH_DAY;
    return number(r, 2, 1, days_of_month(f->year, f->month), &f->day);
}

/* ".5": any number of digits is FHIR, more than nine are read and not kept. */
static bool read_fraction(struct reader *r, struct fields *f, unsigned char *ret_digits)
{
    unsigned count = 0, scale = 100000000;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        f->nanos += scale * (unsigned)(*r->at - '0');
        scale /= 10;
        if (count < FRACTION_DIGITS_MAX)
            count++;
    }
    *ret_digits = (unsigned char)count;
    return count > 0;
}

static bool read_time(struct reader *r, bool seconds_wanted, struct fields *f,
                      enum rh_precision *precision, unsigned char *ret_digits)
{
    if (!number(r, 2, 0, 23, &f->hour) || !take(r, ':') || !number(r, 2, 0, 59, &f->minute))
        return false;
    *precision = RH_MINUTE;
    if (!take(r, ':'))
        return !seconds_wanted;
    if (!number(r, 2, 0, 60, &f->second))
        return false;
    *precision = RH_SECOND;
    if (!take(r, '.'))
        return true;
    *precision = RH_FRACTION;
    return read_fraction(r, f, ret_digits);
}

static bool read_zone(struct reader *r, int *ret_minutes)
{
    unsigned hours, minutes;
    bool west = false;
    if (take(r, 'Z')) {
        *ret_minutes = 0;
        return true;
    }
    if (!take(r, '+')) {
        west = true;
        if (!take(r, '-'))
            return false;
    }
    if (!number(r, 2, 0, 14, &hours) || !take(r, ':') || !number(r, 2, 0, 59, &minutes))
        return false;
    int offset = (int)(hours * 60 + minutes);
    *ret_minutes = west ? -offset : offset;
    return offset <= ZONE_MINUTES_MAX;
}

/* Length of the span that a value with this precision covers. */
static int64_t span_us(const struct fields *f, enum rh_precision precision, unsigned char digits)
{
    int64_t us = US_PER_SECOND;
    switch (precision) {
    case RH_YEAR:
        return US_PER_DAY *
               (rh_days_from_civil(f->year + 1, 1, 1) - rh_days_from_civil(f->year, 1, 1));
    case RH_MONTH:
        return US_PER_DAY * days_of_month(f->year, f->month);
    case RH_DAY:
        return US_PER_DAY;
    case RH_HOUR:
        return US_PER_HOUR;
    case RH_MINUTE:
        return US_PER_MINUTE;
    case RH_SECOND:
        return US_PER_SECOND;
    case RH_FRACTION:
        for (; digits > 0 && us > 1; digits--)
            us /= 10;
        return us;
    }
    return 1;
}

enum rh_rc rh_datetime_parse(struct rh_text t, enum rh_datetime_kind kind, int zone_minutes,
                             struct rh_datetime *ret)
{
    struct reader r = {t.data, t.data ? t.data + t.len : t.data};
    struct fields f = {0};
    struct rh_datetime v = {.has_zone = false};
    int zone = zone_minutes;

    if (!read_date(&r, &f, &v.precision))
        return RH_SYNTAX;
    if (kind != RH_DATE && v.precision == RH_DAY && take(&r, 'T')) {
        if (!read_time(&r, kind != RH_SEARCH, &f, &v.precision, &v.digits))
            return RH_SYNTAX;
        v.has_zone = r.at < r.end || kind != RH_SEARCH;
        if (v.has_zone && !read_zone(&r, &zone))
            return RH_SYNTAX;
    }
    if (r.at != r.end || (kind == RH_INSTANT && v.precision < RH_SECOND))
        return RH_SYNTAX;

    v.zone_minutes = (short)zone;
    v.lo_us = rh_days_from_civil(f.year, f.month, f.day) * US_PER_DAY + f.hour * US_PER_HOUR +
              (f.minute - (int64_t)zone) * US_PER_MINUTE + f.second * US_PER_SECOND +
              f.nanos / 1000;
    v.hi_us = v.lo_us + span_us(&f, v.precision, v.digits) - 1;
    *ret = v;
    return RH_OK;
}

bool rh_time_is(struct rh_text t)
{
    struct reader r = {t.data, t.data ? t.data + t.len : t.data};
    struct fields f = {0};
    enum rh_precision precision;
    unsigned char digits;
    return read_time(&r, true, &f, &precision, &digits) && r.at == r.end;
}

void rh_instant_print(int64_t us, char ret[RH_INSTANT_SIZE])
{
    /* Four digits: the year 0 is where the first day of the year 1 begins east of Greenwich. */
    int64_t first = rh_days_from_civil(0, 1, 1) * US_PER_DAY;
    int64_t last = rh_days_from_civil(10000, 1, 1) * US_PER_DAY - 1;
    us = us < first ? first : us > last ? last : us;

    int64_t days = us / US_PER_DAY - (us % US_PER_DAY < 0);
    int64_t rest = us - days * US_PER_DAY;
    int year;
    unsigned month, day;
    rh_civil_from_days(days, &year, &month, &day);
    unsigned parts[] = {(unsigned)year,
                        month,
                        day,
                        (unsigned)(rest / US_PER_HOUR),
                        (unsigned)(rest / US_PER_MINUTE % 60),
                        (unsigned)(rest / US_PER_SECOND % 60),
                        (unsigned)(rest % US_PER_SECOND)};
    static const char widths[] = {4, 2, 2, 2, 2, 2, 6};
    static const char after[] = "--T::.Z";
    char *p = ret;
    for (unsigned i = 0; i < sizeof widths;
         i++) { /* by hand: this is in the path of every answer */
        for (int j = widths[i] - 1; j >= 0; j--, parts[i] /= 10)
            p[j] = (char)('0' + parts[i] % 10);
        p += widths[i];
        *p++ = after[i];
    }
    *p = 0;
    assert(p == ret + RH_INSTANT_SIZE - 1);
}
