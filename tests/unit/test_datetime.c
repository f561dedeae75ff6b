/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/datetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DATES  (1U << RH_DATE | 1U << RH_DATETIME | 1U << RH_SEARCH)
#define TIMES  (1U << RH_DATETIME | 1U << RH_INSTANT | 1U << RH_SEARCH)
#define SEARCH (1U << RH_SEARCH)

/* lo and hi as instants; `kinds`: which kinds accept the text, all others refuse it. */
static const struct {
    const char *text;
    unsigned kinds;
    int zone_minutes; /* given for what states none */
    const char *lo, *hi;
    enum rh_precision precision;
    unsigned digits;
} accepted[] = {
    {"2018", DATES, 0, "2018-01-01T00:00:00.000000Z", "2018-12-31T23:59:59.999999Z", RH_YEAR, 0},
    {"2018-06", DATES, 0, "2018-06-01T00:00:00.000000Z", "2018-06-30T23:59:59.999999Z", RH_MONTH,
     0},
    {"2018-06-15", DATES, 120, "2018-06-14T22:00:00.000000Z", "2018-06-15T21:59:59.999999Z", RH_DAY,
     0},
    {"2024-02-29", DATES, 0, "2024-02-29T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z", RH_DAY,
     0},
    {"2000-02-29", DATES, 0, "2000-02-29T00:00:00.000000Z", "2000-02-29T23:59:59.999999Z", RH_DAY,
     0},
    {"2024-02", DATES, 0, "2024-02-01T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z", RH_MONTH,
     0},
    {"2024", DATES, -300, "2024-01-01T05:00:00.000000Z", "2025-01-01T04:59:59.999999Z", RH_YEAR, 0},
    {"1900", DATES, 0, "1900-01-01T00:00:00.000000Z", "1900-12-31T23:59:59.999999Z", RH_YEAR, 0},
    {"0001-01-01", DATES, 0, "0001-01-01T00:00:00.000000Z", "0001-01-01T23:59:59.999999Z", RH_DAY,
     0},
    {"9999", DATES, 0, "9999-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", RH_YEAR, 0},
    {"2018-06-01T10:00:00Z", TIMES, 99, "2018-06-01T10:00:00.000000Z",
     "2018-06-01T10:00:00.999999Z", RH_SECOND, 0},
    {"2018-06-01T10:00:00.5Z", TIMES, 0, "2018-06-01T10:00:00.500000Z",
     "2018-06-01T10:00:00.599999Z", RH_FRACTION, 1},
    {"2018-06-01T10:00:00.123+02:00", TIMES, 0, "2018-06-01T08:00:00.123000Z",
     "2018-06-01T08:00:00.123999Z", RH_FRACTION, 3},
    {"2018-06-01T10:00:00.123456Z", TIMES, 0, "2018-06-01T10:00:00.123456Z",
     "2018-06-01T10:00:00.123456Z", RH_FRACTION, 6},
    {"2018-06-01T10:00:00.123456789Z", TIMES, 0, "2018-06-01T10:00:00.123456Z",
     "2018-06-01T10:00:00.123456Z", RH_FRACTION, 9},
    {"2018-06-01T10:00:00.000000000001Z", TIMES, 0, "2018-06-01T10:00:00.000000Z",
     "2018-06-01T10:00:00.000000Z", RH_FRACTION, 9},
    {"2018-06-01T00:00:00-14:00", TIMES, 0, "2018-06-01T14:00:00.000000Z",
     "2018-06-01T14:00:00.999999Z", RH_SECOND, 0},
    {"2018-06-01T00:00:00+14:00", TIMES, 0, "2018-05-31T10:00:00.000000Z",
     "2018-05-31T10:00:00.999999Z", RH_SECOND, 0},
    {"2018-06-01T23:59:59+05:45", TIMES, 0, "2018-06-01T18:14:59.000000Z",
     "2018-06-01T18:14:59.999999Z", RH_SECOND, 0},
    {"2018-06-01T10:00:00-00:00", TIMES, 0, "2018-06-01T10:00:00.000000Z",
     "2018-06-01T10:00:00.999999Z", RH_SECOND, 0},
    {"2018-06-01T10:00", SEARCH, 60, "2018-06-01T09:00:00.000000Z", "2018-06-01T09:00:59.999999Z",
     RH_MINUTE, 0},
    {"2018-06-01T10:00Z", SEARCH, 60, "2018-06-01T10:00:00.000000Z", "2018-06-01T10:00:59.999999Z",
     RH_MINUTE, 0},
    {"2016-12-31T23:59:60Z", TIMES, 0, "2017-01-01T00:00:00.000000Z", "2017-01-01T00:00:00.999999Z",
     RH_SECOND, 0},
    {"2018-06-01T10:00:30", SEARCH, 0, "2018-06-01T10:00:30.000000Z", "2018-06-01T10:00:30.999999Z",
     RH_SECOND, 0},
};

static void knows_the_span_and_the_precision(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct rh_text t = rh_text(accepted[i].text);
        for (int kind = RH_DATE; kind <= RH_SEARCH; kind++) {
            struct rh_datetime d;
            enum rh_rc rc =
                rh_datetime_parse(t, (enum rh_datetime_kind)kind, accepted[i].zone_minutes, &d);
            assert_int_equal(rc, accepted[i].kinds >> kind & 1 ? RH_OK : RH_SYNTAX);
            if (rc)
                continue;
            char lo[RH_INSTANT_SIZE], hi[RH_INSTANT_SIZE];
            rh_instant_print(d.lo_us, lo);
            rh_instant_print(d.hi_us, hi);
            assert_string_equal(lo, accepted[i].lo);
            assert_string_equal(hi, accepted[i].hi);
            assert_int_equal(d.precision, accepted[i].precision);
            assert_int_equal(d.digits, accepted[i].digits);
        }
    }
}

static void refuses_what_is_no_date_or_time(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "18",
        "201",
        "20180",
        "2018-",
        "2018-6",
        "2018-00",
        "2018-13",
        "2018-06-",
        "2018-06-1",
        "2018-06-00",
        "2018-06-31",
        "2023-02-29",
        "1900-02-29",
        "2100-02-29",
        "0000",
        "0000-01-01",
        "-2018",
        "+2018",
        " 2018",
        "2018 ",
        "2018/06/01",
        "2018-06-01T",
        "2018-06-01T10",
        "2018-06-01T10Z",
        "2018T10:00:00Z",
        "2018-06T10:00:00Z",
        "2018-06-01 10:00:00Z",
        "2018-06-01t10:00:00Z",
        "2018-06-01T10:00:00z",
        "2018-06-01T24:00:00Z",
        "2018-06-01T23:60:00Z",
        "2018-06-01T23:59:61Z",
        "2018-06-01T10:00:00.Z",
        "2018-06-01T10:00:00,5Z",
        "2018-06-01T10:00:00+14:01",
        "2018-06-01T10:00:00-14:01",
        "2018-06-01T10:00:00+15:00",
        "2018-06-01T10:00:00+02",
        "2018-06-01T10:00:00+0200",
        "2018-06-01T10:00:00+02:60",
        "2018-06-01T10:00:00+2:00",
        "2018-06-01T10:00:00Z ",
        "2018-06-01T10:00:00ZZ",
        "2018-06-01T1:00:00Z",
        "2018-W01",
        "\xD9\xA2\xD9\xA0\xD9\xA1\xD9\xA8",
        "abcd",
        "2018-0a",
        "20a8",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int kind = RH_DATE; kind <= RH_SEARCH; kind++) {
            struct rh_datetime d = {.lo_us = 4711};
            assert_int_equal(
                rh_datetime_parse(rh_text(rows[i]), (enum rh_datetime_kind)kind, 0, &d), RH_SYNTAX);
            assert_int_equal(d.lo_us, 4711); /* nothing written on failure */
        }
    }
    struct rh_datetime d;
    assert_int_equal(rh_datetime_parse((struct rh_text){NULL, 0}, RH_DATE, 0, &d), RH_SYNTAX);
    assert_int_equal(rh_datetime_parse((struct rh_text){"2018\0", 5}, RH_DATE, 0, &d), RH_SYNTAX);
}

static void remembers_the_zone(void **state)
{
    (void)state;
    struct rh_datetime d;
    assert_int_equal(rh_datetime_parse(rh_text("2018-06-01T10:00:00-03:30"), RH_DATETIME, 60, &d),
                     RH_OK);
    assert_true(d.has_zone);
    assert_int_equal(d.zone_minutes, -210);
    assert_int_equal(rh_datetime_parse(rh_text("2018-06-01"), RH_DATETIME, 60, &d), RH_OK);
    assert_false(d.has_zone);
    assert_int_equal(d.zone_minutes, 60);
    assert_int_equal(rh_datetime_parse(rh_text("2018-06-01T10:00"), RH_SEARCH, -60, &d), RH_OK);
    assert_false(d.has_zone);
    assert_int_equal(d.zone_minutes, -60);
}

static void knows_a_time_of_day(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {{"00:00:00", true},    {"23:59:59", true},
                {"10:00:00.25", true}, {"10:00:00.0000000000001", true},
                {"10:00", false},      {"24:00:00", false},
                {"10:60:00", false},   {"10:00:60", true},
                {"10:00:61", false},   {"10:00:00Z", false},
                {"1:00:00", false},    {"", false},
                {"10:00:00.", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rh_time_is(rh_text(rows[i].text)), rows[i].want);
}

/* Every day of the years 0001..9999 against a calendar that simply counts. */
static void counts_days_as_the_calendar_does(void **state)
{
    (void)state;
    static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = rh_days_from_civil(1, 1, 1);
    assert_int_equal(days, -719162);
    for (int year = 1; year <= 9999; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            unsigned length = lengths[month - 1] + (month == 2 && leap ? 1U : 0U);
            for (unsigned day = 1; day <= length; day++, days++) {
                int y;
                unsigned m, d;
                rh_civil_from_days(days, &y, &m, &d);
                if (rh_days_from_civil(year, month, day) != days || y != year || m != month ||
                    d != day)
                    fail_msg("%d-%u-%u", year, month, day);
            }
        }
    }
    assert_int_equal(rh_days_from_civil(1970, 1, 1), 0);
}

static void prints_instants_and_stays_within_four_digits(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {1795508645123456, "2026-11-24T08:24:05.123456Z"},
        {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[RH_INSTANT_SIZE];
        rh_instant_print(rows[i].us, text);
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_span_and_the_precision),
        cmocka_unit_test(refuses_what_is_no_date_or_time),
        cmocka_unit_test(remembers_the_zone),
        cmocka_unit_test(knows_a_time_of_day),
        cmocka_unit_test(counts_days_as_the_calendar_does),
        cmocka_unit_test(prints_instants_and_stays_within_four_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
