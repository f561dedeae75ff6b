/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comparison works on spans: a value covers all moments that it leaves open, so 2018-03 and
 * 2018-03-01 cannot be ordered. Without a zone it may lie in any zone of the earth, which matters
 * only against a value that has one. Seconds and their fraction are one precision (FHIRPath 2.0,
 * 6.2).
 */
#include "fhirpath/fhirpath_int.h"

enum {
    ZONE_MAX = 14 * 60, /* the extremes of zones on earth, in minutes: +14:00 and -12:00 */
    ZONE_MIN = -12 * 60,
    NANOSECONDS = 1000000000,
    DAY_SECONDS = 24 * 60 * 60
};

/* --- text ------------------------------------------------------------------------------------- */
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

static unsigned days_of_month(int year, unsigned month)
{
    int next_year = month == 12 ? year + 1 : year;
    unsigned next = month == 12 ? 1 : month + 1;
    return (unsigned)(rh_days_from_civil(next_year, next, 1) - rh_days_from_civil(year, month, 1));
}

static bool read_date(struct reader *r, struct rh_fp_time *t)
{
    unsigned year, month, day;
    if (!number(r, 4, 1, 9999, &year))
        return false;
    t->year = (int)year;
    t->month = t->day = 1;
    t->precision = RH_YEAR;
    if (!take(r, '-'))
        return true;
    if (!number(r, 2, 1, 12, &month))
        return false;
    t->month = (unsigned char)month;
    t->precision = RH_MONTH;
    if (!take(r, '-'))
        return true;
    if (!number(r, 2, 1, days_of_month(t->year, month), &day))
        return false;
    t->day = (unsigned char)day;
    t->precision = RH_DAY;
    return true;
}

/* Digits below the nanosecond are read and not kept. */
static bool read_fraction(struct reader *r, struct rh_fp_time *t)
{
    unsigned place = NANOSECONDS / 10, count = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, place /= 10) {
        t->nanosecond += place * (unsigned)(*r->at - '0');
        if (count < 9)
            count++;
    }
    t->digits = (unsigned char)count;
    t->precision = RH_FRACTION;
    return count > 0;
}

static bool read_clock(struct reader *r, struct rh_fp_time *t)
{
    unsigned hour, minute, second;
    if (!number(r, 2, 0, 23, &hour))
        return false;
    t->hour = (unsigned char)hour;
    t->precision = RH_HOUR;
    if (!take(r, ':'))
        return true;
    if (!number(r, 2, 0, 59, &minute))
        return false;
    t->minute = (unsigned char)minute;
    t->precision = RH_MINUTE;
    if (!take(r, ':'))
        return true;
    if (!number(r, 2, 0, 59, &second))
        return false;
    t->second = (unsigned char)second;
    t->precision = RH_SECOND;
    return !take(r, '.') || read_fraction(r, t);
}

static bool read_zone(struct reader *r, struct rh_fp_time *t)
{
    unsigned hours, minutes;
    if (r->at == r->end)
        return true;
    t->has_zone = true;
    if (take(r, 'Z'))
        return true;
    bool west = !take(r, '+');
    if (west && !take(r, '-'))
        return false;
    if (!number(r, 2, 0, 14, &hours) || !take(r, ':') || !number(r, 2, 0, 59, &minutes))
        return false;
    int zone = (int)(hours * 60 + minutes);
    t->zone_minutes = (short)(west ? -zone : zone);
    return zone <= ZONE_MAX;
}

enum rh_rc rh_fp_time_parse(struct rh_text text, enum rh_fp_kind kind, struct rh_fp_time *ret)
{
    struct reader r = {text.data, text.data ? text.data + text.len : text.data};
    struct rh_fp_time t = {.month = 1, .day = 1};
    bool fine;
    if (kind == RH_FP_TIME) {
        take(&r, 'T');
        fine = read_clock(&r, &t);
    } else {
        fine = read_date(&r, &t);
        if (fine && kind == RH_FP_DATETIME && take(&r, 'T') && r.at < r.end)
            fine = t.precision == RH_DAY && read_clock(&r, &t) && read_zone(&r, &t);
    }
    if (!fine || r.at != r.end)
        return RH_SYNTAX;
    *ret = t;
    return RH_OK;
}

static void print_clock(const struct rh_fp_time *t, struct rh_buf *out)
{
    rh_buf_printf(out, "%02u", t->hour);
    if (t->precision >= RH_MINUTE)
        rh_buf_printf(out, ":%02u", t->minute);
    if (t->precision >= RH_SECOND)
        rh_buf_printf(out, ":%02u", t->second);
    if (t->precision == RH_FRACTION && t->digits > 0) {
        unsigned n = t->nanosecond;
        for (int i = t->digits; i < 9; i++)
            n /= 10;
        rh_buf_printf(out, ".%0*u", t->digits, n);
    }
}

void rh_fp_time_print(const struct rh_fp_time *t, enum rh_fp_kind kind, struct rh_buf *out)
{
    if (kind == RH_FP_TIME) {
        print_clock(t, out);
        return;
    }
    rh_buf_printf(out, "%04d", t->year);
    if (t->precision >= RH_MONTH)
        rh_buf_printf(out, "-%02u", t->month);
    if (t->precision >= RH_DAY)
        rh_buf_printf(out, "-%02u", t->day);
    if (t->precision < RH_HOUR)
        return;
    rh_buf_char(out, 'T');
    print_clock(t, out);
    if (t->has_zone && t->zone_minutes == 0)
        rh_buf_char(out, 'Z');
    else if (t->has_zone)
        rh_buf_printf(out, "%c%02d:%02d", t->zone_minutes < 0 ? '-' : '+',
                      (t->zone_minutes < 0 ? -t->zone_minutes : t->zone_minutes) / 60,
                      (t->zone_minutes < 0 ? -t->zone_minutes : t->zone_minutes) % 60);
}

/* --- comparison ------------------------------------------------------------------------------- */
static int64_t days_of(const struct rh_fp_time *t)
{
    return t->year == 0 ? 0 : rh_days_from_civil(t->year, t->month, t->day);
}

/* Seconds on the clock of the place, since 1970 or midnight. */
static int64_t local_seconds(const struct rh_fp_time *t)
{
    return days_of(t) * DAY_SECONDS + t->hour * 3600 + t->minute * 60 + t->second;
}

/* How many seconds the value leaves open. */
static int64_t open_seconds(const struct rh_fp_time *t)
{
    switch (t->precision) {
    case RH_YEAR:
        return DAY_SECONDS *
               (rh_days_from_civil(t->year + 1, 1, 1) - rh_days_from_civil(t->year, 1, 1));
    case RH_MONTH:
        return DAY_SECONDS * (int64_t)days_of_month(t->year, t->month);
    case RH_DAY:
        return DAY_SECONDS;
    case RH_HOUR:
        return 3600;
    case RH_MINUTE:
        return 60;
    default:
        return 0; /* a point; its fraction counts as zeros */
    }
}

struct span {
    int64_t lo, hi; /* seconds; hi is the last one inside */
    unsigned nanosecond;
};

static struct span span_of(const struct rh_fp_time *t, bool any_zone)
{
    int64_t lo = local_seconds(t), open = open_seconds(t);
    struct span s = {lo, open ? lo + open - 1 : lo, t->nanosecond};
    if (t->has_zone) {
        s.lo -= t->zone_minutes * 60;
        s.hi -= t->zone_minutes * 60;
    } else if (any_zone) {
        s.lo -= ZONE_MAX * 60;
        s.hi -= ZONE_MIN * 60;
    }
    return s;
}

int rh_fp_time_cmp(const struct rh_fp_time *a, const struct rh_fp_time *b)
{
    bool mixed = a->has_zone != b->has_zone;
    struct span sa = span_of(a, mixed), sb = span_of(b, mixed);
    if (sa.hi < sb.lo)
        return -1;
    if (sa.lo > sb.hi)
        return 1;
    bool points = a->precision >= RH_SECOND && b->precision >= RH_SECOND;
    if (points && !mixed)
        return (sa.nanosecond > sb.nanosecond) - (sa.nanosecond < sb.nanosecond);
    if (!mixed && a->precision == b->precision && sa.lo == sb.lo)
        return 0;
    return 2;
}

/* --- arithmetic ------------------------------------------------------------------------------- */
static const struct {
    const char *calendar, *ucum; /* "a" and "mo" are of fixed length, no calendar units */
    enum rh_precision precision;
    int64_t months, seconds; /* how many of them it is */
    bool milliseconds;
} units[] = {
    {"year", NULL, RH_YEAR, 12, 0, false},
    {"month", NULL, RH_MONTH, 1, 0, false},
    {"week", "wk", RH_DAY, 0, 7 * DAY_SECONDS, false},
    {"day", "d", RH_DAY, 0, DAY_SECONDS, false},
    {"hour", "h", RH_HOUR, 0, 3600, false},
    {"minute", "min", RH_MINUTE, 0, 60, false},
    {"second", "s", RH_SECOND, 0, 1, false},
    {"millisecond", "ms", RH_FRACTION, 0, 0, true},
};

static bool add_months(struct rh_fp_time *t, int64_t n)
{
    int64_t months = ((int64_t)t->year * 12 + t->month - 1) + n;
    if (months < 12 || months >= INT64_C(10000) * 12)
        return false;
    t->year = (int)(months / 12);
    t->month = (unsigned char)(months % 12 + 1);
    unsigned last = days_of_month(t->year, t->month);
    if (t->day > last)
        t->day = (unsigned char)last; /* one month after the 31st of January */
    return true;
}

static bool add_clock(struct rh_fp_time *t, bool wrap, int64_t seconds, int64_t nanoseconds)
{
    int64_t n = t->nanosecond + nanoseconds % NANOSECONDS;
    int64_t s = local_seconds(t) + seconds + nanoseconds / NANOSECONDS;
    if (n < 0) {
        n += NANOSECONDS;
        s--;
    } else if (n >= NANOSECONDS) {
        n -= NANOSECONDS;
        s++;
    }
    int64_t days = s / DAY_SECONDS, rest = s % DAY_SECONDS;
    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    if (!wrap) {
        unsigned month, day;
        int year;
        if (days < rh_days_from_civil(1, 1, 1) || days >= rh_days_from_civil(10000, 1, 1))
            return false;
        rh_civil_from_days(days, &year, &month, &day);
        t->year = year;
        t->month = (unsigned char)month;
        t->day = (unsigned char)day;
    }
    t->hour = (unsigned char)(rest / 3600);
    t->minute = (unsigned char)(rest / 60 % 60);
    t->second = (unsigned char)(rest % 60);
    t->nanosecond = (unsigned)n;
    return true;
}

/* A value without days or months takes what comes to whole ones: 30 days a month, 365 a year. */
static bool add_coarse(struct rh_fp_time *t, int64_t months, int64_t seconds)
{
    int64_t days = seconds / DAY_SECONDS;
    if (t->precision == RH_MONTH)
        return add_months(t, months + days / 30);
    return add_months(t, (months / 12 + days / 365) * 12);
}

/* Seconds and nanoseconds of n milliseconds or of n seconds with a fraction. */
static bool split_seconds(struct rh_dec n, bool milliseconds, int64_t *seconds, int64_t *nanos)
{
    struct rh_dec scaled = {n.coefficient, n.scale + (milliseconds ? 3 : 0)}, whole, rest;
    return !rh_dec_divmod(scaled, rh_dec_from(1), &whole, &rest) &&
           !rh_dec_to_int(whole, seconds) &&
           !rh_dec_round((struct rh_dec){rest.coefficient, rest.scale - 9}, 0, RH_ROUND_DOWN,
                         &rest) &&
           !rh_dec_to_int(rest, nanos);
}

/* A calendar word between quotes (1 'month') is no UCUM unit and can only mean the calendar. */
static int unit_of(const struct rh_fp_quantity *q)
{
    for (int i = 0; i < (int)(sizeof units / sizeof units[0]); i++)
        if (rh_text_is(q->unit, units[i].calendar) ||
            (!q->calendar && units[i].ucum && rh_text_is(q->unit, units[i].ucum)))
            return i;
    return -1;
}

enum rh_rc rh_fp_time_add(const struct rh_fp_time *t, enum rh_fp_kind kind,
                          const struct rh_fp_quantity *q, bool minus, struct rh_fp_time *ret)
{
    enum { AMOUNT_MAX = 1000000000 }; /* of the largest units; others have 10^12 */
    int u = unit_of(q);
    if (u < 0 || (kind == RH_FP_TIME && units[u].precision < RH_HOUR))
        return RH_VALUE;

    /* Only seconds by their calendar word have a fraction; of all others it is ignored. */
    struct rh_dec amount = minus ? rh_dec_negate(q->value) : q->value;
    bool fraction = units[u].precision == RH_SECOND && q->calendar && t->precision >= RH_SECOND;
    if (!fraction && rh_dec_round(amount, 0, RH_ROUND_DOWN, &amount))
        return RH_VALUE;
    struct rh_dec limit = rh_dec_from(AMOUNT_MAX * (units[u].months ? 1 : INT64_C(1000)));
    if (rh_dec_cmp(rh_dec_abs(amount), limit) > 0)
        return RH_VALUE;

    int64_t n = 0, seconds = 0, nanos = 0;
    if (fraction || units[u].milliseconds) {
        if (!split_seconds(amount, units[u].milliseconds, &seconds, &nanos))
            return RH_VALUE;
    } else {
        if (rh_dec_to_int(amount, &n))
            return RH_VALUE;
        seconds = n * units[u].seconds;
    }

    struct rh_fp_time r = *t;
    bool fine;
    if (t->precision <= RH_MONTH && kind != RH_FP_TIME) {
        fine = add_coarse(&r, n * units[u].months, seconds);
    } else if (units[u].months) {
        fine = add_months(&r, n * units[u].months);
    } else {
        int64_t open = open_seconds(t); /* what is below it cannot be added */
        if (open)
            seconds -= seconds % open;
        if (t->precision < RH_FRACTION)
            nanos = 0;
        fine = add_clock(&r, kind == RH_FP_TIME, seconds, nanos);
    }
    if (!fine)
        return RH_VALUE;
    if (r.precision == RH_FRACTION && nanos != 0)
        for (; r.digits < 9; r.digits++) { /* show what was added, in milliseconds at least */
            static const unsigned place[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                             10000,      1000,      100,      10};
            if (r.digits >= 3 && r.nanosecond % place[r.digits] == 0)
                break;
        }
    *ret = r;
    return RH_OK;
}
