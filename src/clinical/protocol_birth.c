/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_birth.c - days: of the calendar, of values, and on which a person may have been born. */
#include "base/datetime.h"
#include "clinical/protocol_int.h"

#include <stdio.h>

enum {
    MONTHS_COUNT_BELOW = 5, /* years: ages of small children are told in months */
    YEARS_MAX = 150,
    DAYS_A_WEEK = 7
};

/* --- days ------------------------------------------------------------------------------------- */
static bool span(struct rh_text t, int64_t *first, int64_t *last)
{
    static const int64_t day_us = 86400LL * 1000000;
    struct rh_datetime d;
    if (rh_datetime_parse(t, RH_DATE, 0, &d))
        return false;
    *first = d.lo_us >= 0 ? d.lo_us / day_us : -((-d.lo_us + day_us - 1) / day_us);
    *last = d.hi_us >= 0 ? d.hi_us / day_us : -((-d.hi_us + day_us - 1) / day_us);
    return true;
}

bool rh_day_parse(struct rh_text t, int64_t *ret_days)
{
    int64_t last;
    return t.len == RH_DAY_SIZE - 1 && span(t, ret_days, &last);
}

static void print_day(int64_t days, char ret[RH_DAY_SIZE])
{
    int year;
    unsigned month, day;
    rh_civil_from_days(days, &year, &month, &day);
    if (year < 1 || year > 9999)
        year = year < 1 ? 1 : 9999;
    char text[40];
    snprintf(text, sizeof text, "%04d-%02u-%02u", year, month, day);
    memcpy(ret, text, RH_DAY_SIZE - 1);
    ret[RH_DAY_SIZE - 1] = 0;
}

struct rh_text rh_day_print(struct rh_arena *a, int64_t days)
{
    char text[RH_DAY_SIZE];
    print_day(days, text);
    return rh_text_copy(a, rh_text(text));
}

static unsigned days_of_month(int year, unsigned month)
{
    int next_year = month == 12 ? year + 1 : year;
    unsigned next = month == 12 ? 1 : month + 1;
    return (unsigned)(rh_days_from_civil(next_year, next, 1) - rh_days_from_civil(year, month, 1));
}

static int64_t minus_months(int64_t days, int64_t months)
{
    int year;
    unsigned month, day;
    rh_civil_from_days(days, &year, &month, &day);
    int64_t all = (int64_t)year * 12 + (int64_t)month - 1 - months;
    if (all < 12)
        all = 12; /* year 1 */
    year = (int)(all / 12);
    month = (unsigned)(all % 12) + 1;
    unsigned end = days_of_month(year, month);
    return rh_days_from_civil(year, month, day > end ? end : day);
}

/* `amount` units back; below 0: forward. */
static bool shift(int64_t days, int64_t amount, struct rh_text unit, int64_t *ret)
{
    static const struct {
        const char *name, *many, *code;
        unsigned months, days;
    } units[] = {
        {"year", "years", "a", 12, 0},
        {"month", "months", "mo", 1, 0},
        {"week", "weeks", "wk", 0, DAYS_A_WEEK},
        {"day", "days", "d", 0, 1},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!rh_text_is(unit, units[i].name) && !rh_text_is(unit, units[i].many) &&
            !rh_text_is(unit, units[i].code))
            continue;
        *ret = units[i].months ? minus_months(days, amount * units[i].months)
                               : days - amount * units[i].days;
        return true;
    }
    return false;
}

bool rh_day_minus(int64_t days, unsigned amount, struct rh_text unit, int64_t *ret)
{
    return shift(days, amount, unit, ret);
}

bool rh_day_of_item(const struct rh_fp_item *i, char ret[RH_DAY_SIZE])
{
    if (i->kind == RH_FP_DATE || i->kind == RH_FP_DATETIME) {
        print_day(rh_days_from_civil(i->time->year, i->time->month, i->time->day), ret);
        return true;
    }
    struct rh_text t = i->kind == RH_FP_STRING ? i->text : (struct rh_text){NULL, 0};
    if (i->kind == RH_FP_NODE)
        t = rh_json_text(i->node.value);
    int64_t first, last;
    if (!span((struct rh_text){t.data, t.len > RH_DAY_SIZE - 1 ? RH_DAY_SIZE - 1 : t.len}, &first,
              &last))
        return false;
    print_day(first, ret);
    return true;
}

/* --- birth dates ------------------------------------------------------------------------------ */
/* The birth-date-margin: an earliest and a latest day, or so much more and less. False: it cannot
 * be understood, so nothing is known. */
static bool widen(yyjson_val *margin, bool *known, int64_t *first, int64_t *last)
{
    int64_t ignored;
    if (!yyjson_is_obj(margin))
        return false;
    struct rh_text start = rh_json_get(margin, "start"), end = rh_json_get(margin, "end");
    if (start.len || end.len) {
        *known = span(start, first, &ignored) && span(end, &ignored, last);
        return *known;
    }
    uint64_t amount;
    struct rh_text unit = rh_json_get(margin, "code");
    if (!unit.len)
        unit = rh_json_get(margin, "unit");
    if (!*known || rh_text_u64(rh_json_text(yyjson_obj_get(margin, "value")), 10000, &amount))
        return false;
    return shift(*first, (int64_t)amount, unit, first) &&
           shift(*last, -(int64_t)amount, unit, last);
}

/* Keeps the days in order, each once. False: there are too many. */
static bool add_day(struct rh_birth *b, int64_t day)
{
    unsigned at = 0;
    while (at < b->n && b->days[at] < day)
        at++;
    if (at < b->n && b->days[at] == day)
        return true;
    if (b->n == RH_PROTOCOL_WORLDS_MAX)
        return false;
    memmove(&b->days[at + 1], &b->days[at], (b->n - at) * sizeof b->days[0]);
    b->days[at] = day;
    b->n++;
    return true;
}

void rh_birth_dates(yyjson_val *patient, int64_t date, struct rh_birth *ret)
{
    int64_t first = 0, last = 0;
    bool known = span(rh_json_get(patient, "birthDate"), &first, &last), good = true;
    yyjson_val *extra = yyjson_obj_get(patient, "_birthDate");
    *ret = (struct rh_birth){.n = 0};
    if (rh_extension_of(extra, RH_RIHLA_EXT "birth-date-margin"))
        known = widen(rh_extension_value_of(extra, RH_RIHLA_EXT "birth-date-margin"), &known,
                      &first, &last);
    if (!known || first > last || first > date)
        return;
    if (last > date)
        last = date; /* nobody is assessed before birth */
    ret->first = first;
    ret->last = last;
    good = add_day(ret, first) && add_day(ret, last);
    for (unsigned months = 0; months <= YEARS_MAX * 12 && good; months++) {
        if (months > MONTHS_COUNT_BELOW * 12 && months % 12)
            continue;
        int64_t day = minus_months(date, months);
        if (day > first && day < last)
            good = add_day(ret, day);
        if (day <= first)
            break;
    }
    if (!good)
        ret->n = 0; /* so wide that nothing is known */
}
