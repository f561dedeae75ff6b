/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dates, quantities and the functions over single values, as tables of rows. Sources: FHIRPath 2.0
 * (http://hl7.org/fhirpath/N1) by section; "suite": HL7's official tests for R4; UCUM 2.2.
 */
#include "fhirpath/fn_int.h"
#include "system/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_host host;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open(16 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    rh_regex_forget();
    return 0;
}

/* --- time.c ----------------------------------------------------------------------------------- */
#define DATE     RH_FP_DATE
#define DATETIME RH_FP_DATETIME
#define TIME     RH_FP_TIME

static struct rh_fp_time moment(const char *text, enum rh_fp_kind kind)
{
    struct rh_fp_time t = {.year = 0};
    if (rh_fp_time_parse(rh_text(text), kind, &t))
        fail_msg("%s", text);
    return t;
}

static const char *printed(struct rh_fp_time t, enum rh_fp_kind kind)
{
    struct rh_buf b = rh_buf(arena);
    rh_fp_time_print(&t, kind, &b);
    rh_buf_char(&b, 0);
    return b.data;
}

static void reads_and_prints_times(void **state)
{
    (void)state;
    static const struct {
        enum rh_fp_kind kind;
        const char *text, *want; /* NULL: the same */
    } rows[] = {
        {DATE, "2015", NULL},
        {DATE, "2015-02", NULL},
        {DATE, "2016-02-29", NULL},
        {DATETIME, "2015", NULL},
        {DATETIME, "2015T", "2015"},
        {DATETIME, "2015-02-04T", "2015-02-04"},
        {DATETIME, "2015-02-04T14", NULL},
        {DATETIME, "2015-02-04T14:34:28.120", NULL},
        {DATETIME, "2015-02-04T14:34+05:30", NULL},
        {DATETIME, "2015-02-04T14:34:28+00:00", "2015-02-04T14:34:28Z"},
        {DATETIME, "2015-02-04T14:34:28.123456789123-03:00", "2015-02-04T14:34:28.123456789-03:00"},
        {TIME, "T14:34", "14:34"},
        {TIME, "14:34:28.5", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(printed(moment(rows[i].text, rows[i].kind), rows[i].kind),
                            rows[i].want ? rows[i].want : rows[i].text);
    static const struct {
        enum rh_fp_kind kind;
        const char *text;
    } bad[] = {
        {DATE, ""},
        {DATE, "0000"},
        {DATE, "2015-13"},
        {DATE, "2015-02-29"},
        {DATE, "2015-2-1"},
        {DATE, "2015-02-04T"},
        {DATE, "2015-02-04T10:00:00Z"},
        {DATETIME, "2015-02T10:00"},
        {DATETIME, "2015-02-04T24:00:00"},
        {DATETIME, "2015-02-04T10:00:00."},
        {DATETIME, "2015-02-04T10:00:00+14:01"},
        {DATETIME, "2015-02-04T10:00:60Z"},
        {DATETIME, "2015-02-04T10:00:00Z "},
        {TIME, "14:34:28Z"},
        {TIME, "14:"},
        {TIME, "T"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rh_fp_time t;
        assert_int_equal(rh_fp_time_parse(rh_text(bad[i].text), bad[i].kind, &t), RH_SYNTAX);
    }
}

static enum rh_fp_kind kind_of(const char *text)
{
    return strchr(text, ':') && !strchr(text, '-') ? RH_FP_TIME : RH_FP_DATETIME;
}

static void compares_what_is_stated(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int want; /* 2: cannot be known */
    } rows[] = {
        {"2014-12-12", "2014-12-13", -1},                              /* suite, testLessThan5 */
        {"2018-03", "2018-03-01", 2},                                  /* testLessThan23 */
        {"2018-03-01T10:30", "2018-03-01T10:30:00", 2},                /* testLessThan24 */
        {"10:30", "10:30:00", 2},                                      /* testLessThan25 */
        {"2018-03-01T10:30:00", "2018-03-01T10:30:00.0", 0},           /* testLessThan26 */
        {"10:30:00.1", "10:30:00", 1},                                 /* 6.2 */
        {"2012-04-15", "2012-04-15T10:00:00", 2},                      /* testEquality19 */
        {"2012-04-15T15:30:31", "2012-04-15T15:30:31.1", -1},          /* testEquality22 */
        {"2012-04-15T15:00:00Z", "2012-04-15T10:00:00", 2},            /* testEquality23 */
        {"2012-04-15T15:00:00+02:00", "2012-04-15T16:00:00+03:00", 0}, /* testEquality24 */
        {"2017-11-05T01:30:00.0-04:00", "2017-11-05T01:15:00.0-05:00", -1}, /* TZLess */
        {"1974-12-25", "1974-12-25T12:34:00-10:00", 2}, /* testDateNotEqualTimezoneOffsetBefore */
        {"1974-12-25", "2020-01-01T00:00:00Z", -1},     /* testDateTimeGreaterThanDate1 */
        {"2018", "2018-05-01", 2},
        {"2018", "2019-05-01", -1},
        {"2012-04-15T15", "2012-04-15T15", 0},
        {"2012-04-15T15:30+05:30", "2012-04-15T10:00Z", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp_time a = moment(rows[i].a, kind_of(rows[i].a)),
                          b = moment(rows[i].b, kind_of(rows[i].b));
        int got = rh_fp_time_cmp(&a, &b), back = rh_fp_time_cmp(&b, &a);
        if (got != rows[i].want)
            print_error("%s %s\n", rows[i].a, rows[i].b);
        assert_int_equal(got, rows[i].want);
        assert_int_equal(back, got == 2 ? 2 : -got);
    }
}

static struct rh_fp_quantity quantity(const char *text)
{
    struct rh_fp_quantity q = {.calendar = false};
    if (rh_fp_quantity_parse(rh_text(text), &q))
        fail_msg("%s", text);
    return q;
}

static void adds_to_times(void **state)
{
    (void)state;
    static const struct {
        enum rh_fp_kind kind;
        const char *from, *add, *want; /* NULL: refused */
    } rows[] = {
        {DATE, "1973-12-25", "7 days", "1974-01-01"},   /* suite, testPlusDate1 */
        {DATE, "1973-12-25", "7.7 days", "1974-01-01"}, /* testPlusDate2 */
        {DATETIME, "1973-12-25T00:00:00.000+10:00", "7.7 days", "1974-01-01T00:00:00.000+10:00"},
        {DATETIME, "1973-12-25T00:00:00.000+10:00", "10 milliseconds",
         "1973-12-25T00:00:00.010+10:00"},
        {DATETIME, "1973-12-25T00:00:00.000+10:00", "0.1 's'", "1973-12-25T00:00:00.000+10:00"},
        {DATETIME, "1973-12-25T00:00:00.000+10:00", "10 'ms'", "1973-12-25T00:00:00.010+10:00"},
        {DATE, "1973-12-25", "1 month", "1974-01-25"},
        {DATE, "1973-12-25", "1 'wk'", "1974-01-01"},
        {DATE, "1973-12-25", "1 'mo'", NULL}, /* testPlusDate14 */
        {DATE, "1973-12-25", "1 'a'", NULL},
        {DATE, "1974-12-25", "-1 'month'", "1974-11-25"}, /* testMinus5 */
        {DATE, "1974-12-25", "-1 'cm'", NULL},            /* testMinus6 */
        {DATE, "2020-02-29", "1 year", "2021-02-28"},     /* 6.6.7: the last day of the month */
        {DATE, "2019-03-31", "-1 month", "2019-02-28"},
        {DATE, "2014", "24 months", "2016"}, /* 6.6.7 */
        {DATE, "2014", "23 months", "2015"},
        {DATE, "2014-01", "45 days", "2014-02"},
        {DATE, "2019-03-01", "24 months", "2021-03-01"},
        {DATE, "2019-03-01", "1 hour", "2019-03-01"}, /* less than its precision */
        {DATE, "2019-03-01", "25 hours", "2019-03-02"},
        {DATETIME, "2019-03-01", "25 hours", "2019-03-02"},
        {DATETIME, "2019-03-01T23:59:59", "1.5 seconds", "2019-03-02T00:00:00"},
        {DATETIME, "2019-03-01T23:59:59.5", "1.5 seconds", "2019-03-02T00:00:01.000"},
        {DATETIME, "2019-03-01T00:00:00.250", "-500 milliseconds", "2019-02-28T23:59:59.750"},
        {TIME, "23:30", "45 minutes", "00:15"}, /* wraps around */
        {TIME, "01:00", "-2 hours", "23:00"},
        {TIME, "01:00", "1 day", NULL},
        {DATE, "9999-12-31", "1 day", NULL},
        {DATE, "0001-01-01", "-1 day", NULL},
        {DATE, "2000-01-01", "99999999999999999999 days", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp_time t = moment(rows[i].from, rows[i].kind), got;
        struct rh_fp_quantity q = quantity(rows[i].add);
        enum rh_rc rc = rh_fp_time_add(&t, rows[i].kind, &q, false, &got);
        if (rc != (rows[i].want ? RH_OK : RH_VALUE))
            print_error("%s + %s\n", rows[i].from, rows[i].add);
        assert_int_equal(rc, rows[i].want ? RH_OK : RH_VALUE);
        if (rc)
            continue;
        assert_string_equal(printed(got, rows[i].kind), rows[i].want);
        q.value = rh_dec_negate(q.value);
        assert_int_equal(rh_fp_time_add(&t, rows[i].kind, &q, true, &got), RH_OK);
        assert_string_equal(printed(got, rows[i].kind), rows[i].want);
    }
}

static void measures_the_time_between(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *unit;
        int64_t duration, difference; /* -99: not stated */
    } rows[] = {
        {"2025-01-02", "2025-01-07", "week", 0, 1}, /* FHIRPath 3, duration(): a Sunday between */
        {"2025-01-01", "2025-09-01", "year", 0, 0},
        {"2024-12-01", "2025-09-01", "year", 0, 1},
        {"2024-01-31", "2024-02-29", "month", 0, 1},
        {"2024-02-29", "2024-01-31", "month", 0, -1},
        {"2024-01-31", "2024-03-31", "months", 2, 2},
        {"2020", "2022", "year", 2, 2},
        {"2020", "2022-01-01", "month", -99, -99},
        {"2024-01-01T23:59:00", "2024-01-02T00:01:00", "day", 0, 1},
        {"2024-01-01T23:59:00", "2024-01-02T00:01:00", "minute", 2, 2},
        {"2024-01-01T12:00:00Z", "2024-01-01T12:00:00+02:00", "hour", -2, -2},
        {"10:00:00.250", "10:00:01", "millisecond", 750, 750},
        {"10:00", "11:59", "hour", 1, 1},
        {"10:00", "11:59", "day", -99, -99},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp_time a = moment(rows[i].from, kind_of(rows[i].from)),
                          b = moment(rows[i].to, kind_of(rows[i].to));
        int64_t duration = -99, difference = -99;
        rh_fp_time_between(&a, &b, rows[i].unit, false, &duration);
        rh_fp_time_between(&a, &b, rows[i].unit, true, &difference);
        if (duration != rows[i].duration || difference != rows[i].difference)
            print_error("%s %s %s\n", rows[i].from, rows[i].to, rows[i].unit);
        assert_int_equal(duration, rows[i].duration);
        assert_int_equal(difference, rows[i].difference);
    }
}

/* --- quantity.c ------------------------------------------------------------------------------- */
static const char *quantity_text(struct rh_fp_quantity q)
{
    struct rh_buf b = rh_buf(arena);
    rh_fp_quantity_print(&q, &b);
    rh_buf_char(&b, 0);
    return b.data;
}

static void reads_and_prints_quantities(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"1", "1 '1'"},
        {"1.0", "1.0 '1'"},
        {"1 day", "1 day"},
        {"4 days", "4 days"},
        {"4 day", "4 days"},
        {"1 'wk'", "1 'wk'"},
        {"-5.20'mg'", "-5.20 'mg'"},
        {"+2 hours", "2 hours"},
        {"007 'm'", "7 'm'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(quantity_text(quantity(rows[i][0])), rows[i][1]);
    static const char *const bad[] = {"",     "1 wk",   "1.a", "1 ",      "1 'mg", "mg",
                                      "1 ''", "1. 'm'", ".5",  "1 'a'b'", "1 Day", "- 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rh_fp_quantity q;
        assert_int_equal(rh_fp_quantity_parse(rh_text(bad[i]), &q), RH_SYNTAX);
    }
}

static void compares_quantities(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int want;
        bool equivalent;
    } rows[] = {
        {"4.0000 'g'", "4000.0 'mg'", 0, true}, /* suite, testQuantity1 */
        {"4 'g'", "4040 'mg'", -1, true},       /* testQuantity3 and 4 */
        {"7 days", "1 week", 0, true},
        {"7 days", "1 'wk'", 0, true},
        {"6 days", "1 week", -1, true}, /* 6.1.3: in the coarser unit, to its digits: 0.86 is 1 */
        {"6.0 days", "1.1 weeks", -1, false},
        {"1 day", "1 'd'", 0, true},    /* testStringQuantityDayLiteralToQuantity */
        {"1 'mo'", "1 month", 2, true}, /* testStringQuantityMonthLiteralToQuantity */
        {"1 'a'", "1 year", 2, true},
        {"1 year", "12 months", 0, true},
        {"1 'mo'", "1 week", 2, false},  /* longer than what calendar and UCUM have in common */
        {"1 year", "365 days", 2, true}, /* or 366 */
        {"1 year", "367 days", -1, true},
        {"1 month", "27 days", 1, true},
        {"1 'cm'", "1 's'", 2, false},
        {"1 'cm'", "0.01 'm'", 0, true},
        {"1 'tablet'", "1 'tablet'", 0, true}, /* no UCUM, yet the same */
        {"1 'tablet'", "2 'pill'", 2, false},
        {"37.0 'Cel'", "98.6 '[degF]'", 0, true},
        {"1.0 'g'", "1 'g'", 0, true},
        {"60 seconds", "1 'min'", 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp_quantity a = quantity(rows[i].a), b = quantity(rows[i].b);
        int got = 7;
        assert_int_equal(rh_fp_quantity_cmp(NULL, &a, &b, &got), RH_OK);
        bool equivalent = rh_fp_quantity_equivalent(&a, &b);
        if (got != rows[i].want || equivalent != rows[i].equivalent)
            print_error("%s %s\n", rows[i].a, rows[i].b);
        assert_int_equal(got, rows[i].want);
        assert_int_equal(equivalent, rows[i].equivalent);
        assert_int_equal(rh_fp_quantity_equivalent(&b, &a), equivalent);
    }
}

static void calculates_with_quantities(void **state)
{
    (void)state;
    struct rh_ctx c = {.arena = arena, .issues = &issues};
    struct rh_fp_run run = {.c = &c};
    static const struct {
        const char *a;
        char operator;
        const char *b, *want; /* equal to; NULL: empty */
    } rows[] = {
        {"2.0 'cm'", '*', "2.0 'm'", "0.040 'm2'"}, /* suite, testQuantity9 */
        {"4.0 'g'", '/', "2.0 'm'", "2 'g/m'"},
        {"1.0 'm'", '/', "1.0 'm'", "1 '1'"},
        {"12 'cm2'", '/', "3 'cm'", "4 'cm'"},
        {"1 'm'", '+', "1 'cm'", "101 'cm'"}, /* 6.6.3: the finer unit */
        {"1 'm'", '-', "1 'cm'", "99 'cm'"},
        {"3 days", '+', "1 week", "10 days"},
        {"3 days", '+', "12 'h'", "84 'h'"},
        {"1 year", '+', "6 months", "18 months"},
        {"1 year", '+', "1 day", "366 days"}, /* 5.5.7: without a date it has 365 days */
        {"12 months", '-', "3 days", "357 days"},
        {"1 'mo'", '+', "1 week", NULL},
        {"1 'm'", '+', "1 's'", NULL},
        {"1 'm'", '/', "0 's'", NULL},
        {"2 days", '*', "3", "6 days"},
        {"1 year", '*', "1 'm'", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp_quantity a = quantity(rows[i].a), b = quantity(rows[i].b), got;
        bool empty = false;
        int order = 7;
        assert_int_equal(rh_fp_quantity_math(&run, rows[i].operator, & a, &b, &got, &empty), RH_OK);
        if (empty != !rows[i].want)
            print_error("%s %c %s\n", rows[i].a, rows[i].operator, rows[i].b);
        assert_int_equal(empty, !rows[i].want);
        if (empty)
            continue;
        struct rh_fp_quantity want = quantity(rows[i].want);
        rh_fp_quantity_cmp(&run, &got, &want, &order);
        if (order != 0)
            print_error("%s %c %s = %s\n", rows[i].a, rows[i].operator, rows[i].b,
                        quantity_text(got));
        assert_int_equal(order, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints_times),
        cmocka_unit_test(compares_what_is_stated),
        cmocka_unit_test(adds_to_times),
        cmocka_unit_test(measures_the_time_between),
        cmocka_unit_test(reads_and_prints_quantities),
        cmocka_unit_test(compares_quantities),
        cmocka_unit_test(calculates_with_quantities),
    };
    (void)host;
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
