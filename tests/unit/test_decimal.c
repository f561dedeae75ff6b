/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *printed(struct rh_arena *a, struct rh_dec d)
{
    struct rh_buf b = rh_buf(a);
    rh_dec_print(d, &b);
    rh_buf_char(&b, 0);
    return b.data;
}

static void keeps_every_digit(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
        int scale;
    } rows[] = {
        {"0", "0", 0},
        {"-0", "0", 0},
        {"0.00", "0.00", 2},
        {"170.10", "170.10", 2},
        {"-170.10", "-170.10", 2},
        {"0.05", "0.05", 2},
        {"-0.005", "-0.005", 3},
        {"1e3", "1000", -3},
        {"1E+3", "1000", -3},
        {"1.50e1", "15.0", 1},
        {"12e-1", "1.2", 1},
        {"12e-5", "0.00012", 5},
        {"0e5", "0", -5},
        {"100", "100", 0},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999", 0},
        {"-0.99999999999999999999999999999999999999", "-0.99999999999999999999999999999999999999",
         38},
        {"0.000000000000000000000000000000000000000001",
         "0.000000000000000000000000000000000000000001", 42},
    };
    struct rh_arena *a = rh_arena_open(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_dec d;
        assert_int_equal(rh_dec_parse(rh_text(rows[i].text), &d), RH_OK);
        assert_int_equal(d.scale, rows[i].scale);
        assert_string_equal(printed(a, d), rows[i].want);
        assert_true(rh_dec_is(rh_text(rows[i].text)));
    }
    rh_arena_close(a);
}

static void refuses_what_is_not_a_decimal(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",    "-",        "+1",    ".5",  "5.",    "0123", "-01",
        "1e",  "1e+",      "1.e3",  "1,5", " 1",    "1 ",   "0x10",
        "NaN", "Infinity", "1.2.3", "--1", "1e1.5", "1_0",  "\xD9\xA1" /* ١ */,
        "00",  "1ee1",     "e1"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_dec d = {.coefficient = 4711, .scale = 5};
        assert_int_equal(rh_dec_parse(rh_text(rows[i]), &d), RH_SYNTAX);
        assert_false(rh_dec_is(rh_text(rows[i])));
        assert_true(d.coefficient == 4711 && d.scale == 5); /* nothing written on failure */
    }
    assert_false(rh_dec_is((struct rh_text){NULL, 0}));
    assert_false(rh_dec_is((struct rh_text){"1\0", 2}));
}

static void refuses_more_digits_and_exponents_than_it_can_keep(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "100000000000000000000000000000000000000", /* 39 digits */
        "1.00000000000000000000000000000000000000", "1e1001", "1e-1001", "1e99999999999999999999",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_dec d = {.coefficient = 4711};
        assert_int_equal(rh_dec_parse(rh_text(rows[i]), &d), RH_VALUE);
        assert_true(d.coefficient == 4711);
        assert_true(rh_dec_is(rh_text(rows[i]))); /* the grammar allows it */
    }
    static const char *const fine[] = {"1e400", "1e1000", "1e-1000", "0.5e-1000"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct rh_dec d;
        assert_int_equal(rh_dec_parse(rh_text(fine[i]), &d), RH_OK);
    }
    char zeros[1200] = "0.";
    memset(zeros + 2, '0', sizeof zeros - 2);
    struct rh_dec d;
    assert_int_equal(rh_dec_parse((struct rh_text){zeros, sizeof zeros}, &d), RH_VALUE);
}

/* In ascending order; one row holds texts of the same value. */
static void compares_by_value(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"-1e1000", "-10e999", "-1e1000"},
        {"-99999999999999999999999999999999999999", NULL, NULL},
        {"-1.5", "-1.50", "-15e-1"},
        {"-1", "-1.0", "-0.1e1"},
        {"-0.000001", "-1e-6", "-1.0e-6"},
        {"0", "-0", "0e10"},
        {"1e-1000", "0.1e-999", "1.0e-1000"},
        {"0.00000000000000000000000000000000000001", NULL, NULL},
        {"170.1", "170.10", "1701e-1"},
        {"170.11", "1.7011e2", "170.110"},
        {"99999999999999999999999999999999999998", NULL, NULL},
        {"99999999999999999999999999999999999999", NULL, NULL},
        {"1e38", "10e37", "1.0e38"},
        {"9e999", NULL, NULL},
        {"1e1000", "1.0e1000", "10e999"},
    };
    enum { COUNT = sizeof rows / sizeof rows[0] };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            for (size_t k = 0; k < 3 && rows[j][k]; k++) {
                struct rh_dec a, b;
                assert_int_equal(rh_dec_parse(rh_text(rows[i][0]), &a), RH_OK);
                assert_int_equal(rh_dec_parse(rh_text(rows[j][k]), &b), RH_OK);
                assert_int_equal(rh_dec_cmp(a, b), (i > j) - (i < j));
                assert_int_equal(rh_dec_cmp(b, a), (i < j) - (i > j));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_digit),
        cmocka_unit_test(refuses_what_is_not_a_decimal),
        cmocka_unit_test(refuses_more_digits_and_exponents_than_it_can_keep),
        cmocka_unit_test(compares_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
