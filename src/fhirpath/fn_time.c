/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * now(), today(), timeOfDay() from the context's clock and zone; components of dates and times; how
 * far they are apart (drafts of FHIRPath 3).
 */
#include "fhirpath/fn_int.h"

enum rh_rc rh_fp_now(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    (void)call;
    (void)in;
    return rh_fp_push_time(r, ret, RH_FP_DATETIME, rh_fp_time_now(r->c));
}

static struct rh_fp_time date_of(const struct rh_fp_time *t)
{
    return (struct rh_fp_time){.year = t->year,
                               .month = t->month,
                               .day = t->day,
                               .precision = t->precision > RH_DAY ? RH_DAY : t->precision};
}

static struct rh_fp_time clock_of(const struct rh_fp_time *t)
{
    struct rh_fp_time r = *t;
    r.year = 0;
    r.month = r.day = 1;
    r.has_zone = false;
    r.zone_minutes = 0;
    return r;
}

enum rh_rc rh_fp_today(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_time now = rh_fp_time_now(r->c);
    (void)call;
    (void)in;
    return rh_fp_push_time(r, ret, RH_FP_DATE, date_of(&now));
}

enum rh_rc rh_fp_time_of_day(struct rh_fp_run *r, const struct rh_fp_node *call,
                             const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_time now = rh_fp_time_now(r->c);
    (void)call;
    (void)in;
    return rh_fp_push_time(r, ret, RH_FP_TIME, clock_of(&now));
}

/* --- components ------------------------------------------------------------------------------- */
static bool is_time(const struct rh_fp_item *i)
{
    return i->kind == RH_FP_DATE || i->kind == RH_FP_DATETIME || i->kind == RH_FP_TIME;
}

/* The input as a date or time that is stated to `least`, as one of the kinds in the mask. *empty:
 * there is none, or it is less precise. */
static enum rh_rc stated(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, enum rh_precision least, bool with_time,
                         struct rh_fp_item *ret, bool *empty)
{
    enum rh_rc rc = rh_fp_in(r, call, in, ret, empty);
    if (rc || *empty)
        return rc;
    if (!is_time(ret) || (ret->kind == RH_FP_TIME && !with_time) ||
        (ret->kind == RH_FP_DATE && least > RH_DAY))
        return rh_fp_wrong(r, call, least > RH_DAY ? "a DateTime or Time" : "a Date or DateTime",
                           ret);
    *empty = ret->time->precision < least;
    return RH_OK;
}

#define COMPONENT(name, least, with_time, value)                                      \
    enum rh_rc rh_fp_##name##_of(struct rh_fp_run *r, const struct rh_fp_node *call,  \
                                 const struct rh_fp_list *in, struct rh_fp_list *ret) \
    {                                                                                 \
        struct rh_fp_item i;                                                          \
        bool empty;                                                                   \
        enum rh_rc rc = stated(r, call, in, least, with_time, &i, &empty);            \
        return rc || empty ? rc : rh_fp_push_integer(r, ret, value);                  \
    }

COMPONENT(year, RH_YEAR, false, i.time->year)
COMPONENT(month, RH_MONTH, false, i.time->month)
COMPONENT(day, RH_DAY, false, i.time->day)
COMPONENT(hour, RH_HOUR, true, i.time->hour)
COMPONENT(minute, RH_MINUTE, true, i.time->minute)
COMPONENT(second, RH_SECOND, true, i.time->second)
COMPONENT(millisecond, RH_FRACTION, true, i.time->nanosecond / 1000000)

/* In hours, such as -7.0 or 5.75. */
enum rh_rc rh_fp_timezone_offset_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                                    const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item i;
    struct rh_dec hours;
    bool empty;
    enum rh_rc rc = stated(r, call, in, RH_YEAR, false, &i, &empty);
    if (rc || empty || !i.time->has_zone)
        return rc;
    if (rh_dec_div((struct rh_dec){i.time->zone_minutes * 10, 1}, rh_dec_from(60), &hours))
        return RH_OK;
    return rh_fp_push_decimal(r, ret, hours);
}

enum rh_rc rh_fp_date_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item i;
    bool empty;
    enum rh_rc rc = stated(r, call, in, RH_YEAR, false, &i, &empty);
    return rc || empty ? rc : rh_fp_push_time(r, ret, RH_FP_DATE, date_of(i.time));
}

enum rh_rc rh_fp_time_part_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item i;
    bool empty;
    enum rh_rc rc = stated(r, call, in, RH_HOUR, true, &i, &empty);
    return rc || empty ? rc : rh_fp_push_time(r, ret, RH_FP_TIME, clock_of(i.time));
}

/* --- distances -------------------------------------------------------------------------------- */
static enum rh_rc between(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, bool crossed, struct rh_fp_list *ret)
{
    struct rh_fp_item a, b;
    struct rh_text unit, word;
    int64_t n;
    bool no_a, no_b, no_unit;
    enum rh_rc rc = rh_fp_in(r, call, in, &a, &no_a);
    if (rc)
        return rc;
    rc = rh_fp_arg_value(r, call, 0, &b, &no_b);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 1, &unit, &no_unit);
    if (rc || no_a || no_b || no_unit)
        return rc;
    if (!is_time(&a) || !is_time(&b) || (a.kind == RH_FP_TIME) != (b.kind == RH_FP_TIME))
        return rh_fp_error(r, call, RH_VALUE, "%.*s() works on two dates or two times",
                           RH_TEXT_ARG(call->name));
    if (!rh_fp_calendar(unit, &word))
        return rh_fp_error(r, call, RH_VALUE,
                           "%.*s() counts in year, month, week, day, hour, minute, second or "
                           "millisecond, not \"%.*s\"",
                           RH_TEXT_ARG(call->name), RH_TEXT_ARG(unit));
    return rh_fp_time_between(a.time, b.time, word.data, crossed, &n)
               ? rh_fp_push_integer(r, ret, n)
               : RH_OK;
}

enum rh_rc rh_fp_duration(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return between(r, call, in, false, ret);
}

enum rh_rc rh_fp_difference(struct rh_fp_run *r, const struct rh_fp_node *call,
                            const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return between(r, call, in, true, ret);
}
