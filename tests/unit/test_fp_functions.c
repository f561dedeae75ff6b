/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The functions over single values, by expressions. Wanted values: HL7's official tests for R4
 * (groups testEncodeDecode, LowBoundary, HighBoundary, Precision, testSubstring, testReplace, …),
 * the tables and examples of FHIRPath 2.0, 5.5 to 5.8, and of FHIRPath 3 for its drafts; decimals
 * by Python's decimal module. Items are joined by " | ".
 */
#include "fhirpath/fn_int.h"
#include "system/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define REFUSED NULL

struct row {
    const char *expression, *want;
};

/* --- strings and regular expressions ---------------------------------------------------------- */
static const struct row strings[] = {
    {"'LogicalModel-Person'.indexOf('-')", "12"},
    {"'abc'.indexOf('')", "0"},
    {"'🔥x🔥'.indexOf('x')", "1"},
    {"'abcabc'.lastIndexOf('bc')", "4"},
    {"'🔥🔥'.length()", "2"},
    {"'12345'.substring(2,1)", "3"},
    {"'12345'.substring(25)", ""},
    {"'12345'.substring(5)", ""},
    {"'12345'.substring(-1)", ""},
    {"'12345'.substring(1,0)", ""},
    {"'12345'.substring(1,{})", "2345"},
    {"''.startsWith('')", "true"},
    {"{}.contains('')", ""},
    {"'ß straße éÉ Ω'.upper()", "SS STRASSE ÉÉ Ω"},
    {"'ΑΒΓ ÀÉ'.lower()", "αβγ àé"},
    {"'abc'.replace('', 'x')", "xaxbxcx"},
    {"'123456'.replace('234','X')", "1X56"},
    {"'a,b,,c'.split(',')", "a | b |  | c"},
    {"'A,,C'.split(',').join(',')", "A,,C"},
    {"'abc'.toChars()", "a | b | c"},
    {"' \ta b '.trim()", "a b"},
    {"'FHIR'.matches('fhir')", "false"},
    {"'FHIR'.matches('fhir','i')", "true"},
    {"'http://x/Library|4'.matchesFull('Library')", "false"},
    {"'abc123'.replaceMatches('[0-9]', '-')", "abc---"},
    {"'abc'.replaceMatches('', 'x')", "abc"},
    {"'11/30/1972'.replaceMatches('\\\\b(?<month>\\\\d{1,2})/(?<day>\\\\d{1,2})/"
     "(?<year>\\\\d{2,4})\\\\b','${day}-${month}-${year}')",
     "30-11-1972"},
    {"'abc'.replaceMatches('x*', '-')", "-a-b-c-"},
    {"'a'.matches('(')", REFUSED},
    {"'test'.encode('base64')", "dGVzdA=="},
    {"'subjects?_d'.encode('urlbase64')", "c3ViamVjdHM_X2Q="},
    {"'c3ViamVjdHM_X2Q='.decode('urlbase64')", "subjects?_d"},
    {"'dGVzdA'.decode('base64')", "test"},
    {"'dGVz*A'.decode('base64')", REFUSED},
    {"'zz'.decode('hex')", REFUSED},
    {"'test'.encode('hex')", "74657374"},
    {"'test'.encode('rot13')", ""},
    {"'\"1<2\"'.escape('html')", "&quot;1&lt;2&quot;"},
    {"'&quot;1&lt;2&quot;&#960;&#x3C0;&nope;'.unescape('html')", "\"1<2\"ππ&nope;"},
    {"'a&#xD800;&#0;&#x110000;'.unescape('html')", "a&#xD800;&#0;&#x110000;"},
    {"'\\\\ud800'.unescape('json')", REFUSED},
    {"'\"1<2\"'.escape('json')", "\\\"1<2\\\""},
    {"'\\\\\"1\\\\u00e9\\\\ud83d\\\\udd25'.unescape('json')", "\"1é🔥"},
};

static const struct row numbers[] = {
    {"(-5.5 'mg').abs()", "5.5 'mg'"},
    {"(-5).abs()", "5"},
    {"1.1.ceiling()", "2"},
    {"(-2.1).floor()", "-3"},
    {"(-1.56).truncate()", "-1"},
    {"99999999999.9.truncate()", "99999999999"},
    {"3.14159.round(3)", "3.142"},
    {"(-0.5).round()", "-1"},
    {"1.round()", "1"},
    {"81.sqrt()", "9"},
    {"2.sqrt()", "1.414213562373095048801688724"},
    {"(-1).sqrt()", ""},
    {"0.exp()", "1"},
    {"1.exp()", "2.718281828459045235360287471"},
    {"1.ln()", "0"},
    {"16.log(2)", "4"},
    {"100.0.log(10.0)", "2"},
    {"2.power(3)", "8"},
    {"2.power(-1)", "0.5"},
    {"2.5.power(2)", "6.25"},
    {"(-1).power(0.5)", ""},
    {"(1 | 2 | 3.5).sum()", "6.5"},
    {"(1 'm' | 2 'cm').sum()", "102 'cm'"},
    {"(1 | 2).avg()", "1.5"},
    {"(1 | 5 | 3).max()", "5"},
    {"('b' | 'a').min()", "a"},
    {"{}.sum()", ""},
    {"('a' | 'b').sum()", REFUSED},
};

static const struct row boundaries[] = {
    {"1.587.lowBoundary()", "1.58650000"},
    {"1.587.lowBoundary(6)", "1.586500"},
    {"1.587.lowBoundary(2)", "1.58"},
    {"1.587.lowBoundary(-1)", ""},
    {"1.587.lowBoundary(0)", "1"},
    {"1.587.lowBoundary(32)", ""},
    {"(-1.587).lowBoundary()", "-1.58750000"},
    {"(-1.587).lowBoundary(6)", "-1.587500"},
    {"(-1.587).lowBoundary(2)", "-1.59"},
    {"(-1.587).lowBoundary(0)", "-2"},
    {"1.lowBoundary(0)", "0"},
    {"1.lowBoundary(5)", "0.50000"},
    {"12.587.lowBoundary(2)", "12.58"},
    {"12.500.lowBoundary(4)", "12.4995"},
    {"120.lowBoundary(2)", "119.50"},
    {"(-120).lowBoundary(2)", "-120.50"},
    {"0.0034.lowBoundary(1)", "0.0"},
    {"(-0.0034).lowBoundary(1)", "0.0"},
    {"1.587 'cm'.lowBoundary(8)", "1.58650000 'cm'"},
    {"@2014.lowBoundary(6)", "2014-01"},
    {"@2014-01-01T08.lowBoundary(17)", "2014-01-01T08:00:00.000+14:00"},
    {"@2014-01-01T08:05+08:00.lowBoundary(17)", "2014-01-01T08:05:00.000+08:00"},
    {"@2014-01-01T08.lowBoundary(8)", "2014-01-01"},
    {"@T10:30.lowBoundary(9)", "10:30:00.000"},
    {"1.587.highBoundary()", "1.58750000"},
    {"1.587.highBoundary(2)", "1.59"},
    {"(-1.587).highBoundary(2)", "-1.58"},
    {"1.highBoundary(0)", "2"},
    {"12.587.highBoundary(2)", "12.59"},
    {"120.highBoundary(2)", "120.50"},
    {"0.0034.highBoundary(1)", "0.0"},
    {"-0.0034.highBoundary(1)", "0.0"},
    {"@2014.highBoundary(6)", "2014-12"},
    {"@2014-01-01T08.highBoundary(17)", "2014-01-01T08:00:59.999-12:00"},
    {"@2014-01-01T08:05-05:00.highBoundary(17)", "2014-01-01T08:05:59.999-05:00"},
    {"@T10:30.highBoundary(9)", "10:30:59.999"},
    {"@2016-02.highBoundary()", "2016-02-29"},
    {"@2016.lowBoundary(5)", ""},
    {"1 'cm'.comparable(1 '[in_i]')", "true"},
    {"1 'cm'.comparable(1 '[s]')", "false"},
    {"1.58700.precision()", "5"},
    {"@2014.precision()", "4"},
    {"@2014-01-05T10:30:00.000.precision()", "17"},
    {"@T10:30.precision()", "4"},
};

static const struct row times[] = {
    {"now()", "2026-01-01T02:00:00.123+02:00"},
    {"today()", "2026-01-01"},
    {"timeOfDay()", "02:00:00.123"},
    {"@2014-03-05.monthOf()", "3"},
    {"@2014.monthOf()", ""},
    {"@2014-01-05T10:30:00.250-07:00.millisecondOf()", "250"},
    {"@2014-01-05T10:30:00-07:30.timezoneOffsetOf()", "-7.5"},
    {"@2014-01-05T10:30:00-07:00.dateOf()", "2014-01-05"},
    {"@2014-01-05T10:30:00-07:00.timeOf()", "10:30:00"},
    {"@2025-01-02.duration(@2025-01-07, 'week')", "0"},
    {"@2024-12-01.difference(@2025-09-01, 'year')", "1"},
    {"@2024-12-01.difference(@2025-09-01, 'decade')", REFUSED},
};

static const struct row conversions[] = {
    {"'yes'.toBoolean()", "true"},
    {"'2'.toBoolean()", ""},
    {"1.0.toBoolean()", "true"},
    {"'-12'.toInteger()", "-12"},
    {"'2147483648'.toInteger()", ""},
    {"'2147483648'.toLong()", "2147483648"},
    {"1.5.toInteger()", ""},
    {"'1.50'.toDecimal()", "1.50"},
    {"true.toDecimal()", "1.0"},
    {"'1e3'.toDecimal()", ""},
    {"@2015-02-04T10:00:00Z.toDate()", "2015-02-04"},
    {"'2015-02-04T14'.toDateTime()", "2015-02-04T14"},
    {"'14:34'.toTime()", "14:34"},
    {"'T14:34'.toTime()", "14:34"},
    {"'1 day'.toQuantity()", "1 day"},
    {"'1 \\'wk\\''.toQuantity('d')", "7 'd'"},
    {"'1 \\'wk\\''.toQuantity('m')", ""},
    {"2.toQuantity()", "2 '1'"},
    {"'1 wk'.convertsToQuantity()", "false"},
    {"true.convertsToInteger()", "true"},
    {"2.convertsToBoolean()", "false"},
    {"1 week.toString()", "1 week"},
    {"4 days.toString()", "4 days"},
    {"1 'wk'.toString()", "1 'wk'"},
    {"@T10:30.toString()", "10:30"},
    {"@2015T.toString()", "2015"},
    {"{}.convertsToInteger()", ""},
    {"(1|2).toString()", REFUSED},
    {"123.startsWith('1')", REFUSED},
    {"'a'.length().toString() & 'b'", "1b"},
    {"1.2 / 1.8", "0.6666666666666666666666666667"},
    {"1 / 3 * 3", "0.9999999999999999999999999999"},
    {"2.2 mod 1.8", "0.4"},
    {"5 div 0", ""},
    {"(1 | 2).abs()", REFUSED},
    {"'a'.abs()", REFUSED},
    {"1.round(-1)", REFUSED},
    {"@2015.upper()", REFUSED},
};

/* --- the test --------------------------------------------------------------------------------- */
static const struct rh_host host = {.regex = rh_regex};

static void put(struct rh_fp_run *r, const struct rh_fp_list *l, struct rh_buf *b)
{
    for (size_t i = 0; i < l->count; i++) {
        struct rh_fp_item v;
        struct rh_text t;
        assert_int_equal(rh_fp_system(r, &l->items[i], &v), RH_OK);
        assert_int_equal(rh_fp_to_text(r, &v, &t), RH_OK);
        rh_buf_str(b, i ? " | " : "");
        rh_buf_text(b, t);
    }
    rh_buf_char(b, 0);
}

/* 2026-01-01T00:00:00.123Z, in a zone of two hours. */
static void evaluate(struct rh_arena *a, const struct row *row)
{
    struct rh_issues is;
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a,
                       .issues = &is,
                       .host = &host,
                       .now_us = INT64_C(1767225600123456),
                       .zone_minutes = 120};
    struct rh_fp *e = NULL;
    struct rh_fp_list l = {0};
    struct rh_fp_input in = {.empty = true};
    assert_int_equal(rh_fp_compile(&c, a, rh_text(row->expression), &e), RH_OK);
    enum rh_rc rc = rh_fp_eval(&c, e, &in, &l);
    if (rc != (row->want ? RH_OK : RH_VALUE))
        print_error("%s: %s\n", row->expression, rh_rc_name(rc));
    assert_int_equal(rc, row->want ? RH_OK : RH_VALUE);
    if (rc) {
        assert_true(is.count > 0);
        return;
    }
    struct rh_fp_run r = {.c = &c, .e = e, .in = &in};
    struct rh_buf b = rh_buf(a);
    put(&r, &l, &b);
    if (strcmp(b.data, row->want) != 0)
        print_error("%s\n", row->expression);
    assert_string_equal(b.data, row->want);
}

static void evaluate_all(const struct row *rows, size_t n)
{
    struct rh_arena *a = rh_arena_open(4 << 20);
    for (size_t i = 0; i < n; i++)
        evaluate(a, &rows[i]);
    rh_arena_close(a);
    rh_regex_forget();
}

#define TEST(rows)                                        \
    static void gives_##rows(void **state)                \
    {                                                     \
        (void)state;                                      \
        evaluate_all(rows, sizeof rows / sizeof rows[0]); \
    }
TEST(strings)
TEST(numbers)
TEST(boundaries)
TEST(times)
TEST(conversions)

/* Without a host there are no regular expressions: an error, not "no match". */
static void cannot_match_without_a_host(void **state)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    (void)state;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    struct rh_fp *e = NULL;
    struct rh_fp_list l = {0};
    struct rh_fp_input in = {.empty = true};
    assert_int_equal(rh_fp_compile(&c, a, RH_TEXT("'a'.matches('a')"), &e), RH_OK);
    assert_int_equal(rh_fp_eval(&c, e, &in, &l), RH_UNSUPPORTED);
    assert_int_equal(is.count, 1);
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_strings),     cmocka_unit_test(gives_numbers),
        cmocka_unit_test(gives_boundaries),  cmocka_unit_test(gives_times),
        cmocka_unit_test(gives_conversions), cmocka_unit_test(cannot_match_without_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
