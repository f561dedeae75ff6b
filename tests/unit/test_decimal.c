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

static struct rh_dec decimal(const char *text)
{
    struct rh_dec d;
    assert_int_equal(rh_dec_parse(rh_text(text), &d), RH_OK);
    return d;
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

enum { ADD = '+', SUB = '-', MUL = '*', DIV = '/', QUOTIENT = 'd', REST = 'm' };
enum { SQRT = 's', EXP = 'e', LN = 'l', LOG = 'L', POWER = 'p' };

static enum rh_rc apply(int op, struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    switch (op) {
    case ADD:
        return rh_dec_add(a, b, ret);
    case SUB:
        return rh_dec_sub(a, b, ret);
    case MUL:
        return rh_dec_mul(a, b, ret);
    case DIV:
        return rh_dec_div(a, b, ret);
    case QUOTIENT:
        return rh_dec_divmod(a, b, ret, NULL);
    case REST:
        return rh_dec_divmod(a, b, NULL, ret);
    case SQRT:
        return rh_dec_sqrt(a, ret);
    case EXP:
        return rh_dec_exp(a, ret);
    case LN:
        return rh_dec_ln(a, ret);
    case LOG:
        return rh_dec_log(a, b, ret);
    default:
        return rh_dec_power(a, b, ret);
    }
}

/* Values of the inexact rows: Python's decimal module (libmpdec) with 28 digits, half even, from
 * intermediate results of 100 digits. */
static const struct {
    int op;
    const char *a, *b, *want; /* NULL: refused */
} calculations[] = {
    {ADD, "0.1", "0.2", "0.3"},
    {ADD, "1.2", "1.8", "3.0"},
    {ADD, "99999999999999999999999999999999999999", "1", "1e38"},
    {ADD, "1e38", "1e-30", "1e38"},
    {ADD, "0.00", "7e30", "7000000000000000000000000000000.00"},
    {SUB, "5", "7.25", "-2.25"},
    {SUB, "99999999999999999999", "0.00000000000000000001", "99999999999999999999"},
    {MUL, "1.20", "2", "2.40"},
    {MUL, "-0.5", "0.5", "-0.25"},
    {MUL, "1.2345678901234567890123456789", "9.8765432109876543210987654321",
     "12.193263113702179522618503273362292333"},
    {MUL, "99e1000", "99999999999999999999999999999999999999e1000", NULL},
    {MUL, "0.1e-1000", "1e-1000", NULL},
    {DIV, "1", "2", "0.5"},
    {DIV, "4.0", "2", "2.0"},
    {DIV, "10", "2", "5"},
    {DIV, "2", "3", "0.6666666666666666666666666667"},
    {DIV, "1", "-7", "-0.1428571428571428571428571429"},
    {DIV, "99999999999999999999999999999999999999", "1", "99999999999999999999999999999999999999"},
    {DIV, "0", "3", "0"},
    {DIV, "1", "0", NULL},
    {QUOTIENT, "7", "2", "3"},
    {QUOTIENT, "-7", "2", "-3"},
    {QUOTIENT, "5.5", "0.7", "7"},
    {QUOTIENT, "1e37", "0.001", NULL}, /* 41 digits */
    {QUOTIENT, "1", "0.0", NULL},
    {REST, "7", "2", "1"},
    {REST, "-7", "2", "-1"},
    {REST, "2.2", "1.8", "0.4"},
    {REST, "0.05", "7", "0.05"},
    {REST, "1e37", "0.003", "0.001"},
    {REST, "1", "0", NULL},
    {SQRT, "81", "0", "9"},
    {SQRT, "0.0004", "0", "0.02"},
    {SQRT, "2", "0", "1.414213562373095048801688724"},
    {SQRT, "-1", "0", NULL},
    {EXP, "0", "0", "1"},
    {EXP, "-0.0", "0", "1"},
    {EXP, "0e999", "0", "1"},
    {EXP, "1", "0", "2.718281828459045235360287471"},
    {EXP, "4700", "0", NULL},
    {EXP, "1e30", "0", NULL},
    {LN, "1", "0", "0"},
    {LN, "2", "0", "0.6931471805599453094172321215"},
    {LN, "1.0000000000000000000001", "0", "9.9999999999999999999995e-23"},
    {LN, "0", "0", NULL},
    {LN, "-1", "0", NULL},
    {LOG, "16", "2", "4"},
    {LOG, "100.0", "10.0", "2"},
    {LOG, "0.001", "10", "-3"},
    {LOG, "5", "3", "1.464973520717927167197040408"},
    {LOG, "5", "1", NULL},
    {LOG, "5", "0", NULL},
    {POWER, "2", "3", "8"},
    {POWER, "2.5", "2", "6.25"},
    {POWER, "-2", "3", "-8"},
    {POWER, "-2", "-3", "-0.125"},
    {POWER, "4", "0.5", "2"},
    {POWER, "0", "0", "1"},
    {POWER, "0", "2.5", "0"},
    {POWER, "-1", "1000001", "-1"},
    {POWER, "1.1", "100", "13780.61233982227018411833717"},
    {POWER, "0", "-1", NULL},
    {POWER, "-1", "0.5", NULL},
    {POWER, "10", "5000", NULL},
    {POWER, "2", "1e30", NULL},
};

static void calculates_in_decimal(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    for (size_t i = 0; i < sizeof calculations / sizeof calculations[0]; i++) {
        struct rh_dec x, y, r = {.coefficient = 4711};
        assert_int_equal(rh_dec_parse(rh_text(calculations[i].a), &x), RH_OK);
        assert_int_equal(rh_dec_parse(rh_text(calculations[i].b), &y), RH_OK);
        enum rh_rc rc = apply(calculations[i].op, x, y, &r);
        if (rc != (calculations[i].want ? RH_OK : RH_VALUE))
            print_error("%s %c %s: %s\n", calculations[i].a, calculations[i].op, calculations[i].b,
                        rh_rc_name(rc));
        if (calculations[i].want) {
            assert_int_equal(rc, RH_OK);
            assert_string_equal(printed(a, rh_dec_strip(r)),
                                printed(a, rh_dec_strip(decimal(calculations[i].want))));
        } else {
            assert_int_equal(rc, RH_VALUE);
            assert_true(r.coefficient == 4711);
        }
    }
    rh_arena_close(a);
}

/* The scale of a result is that of school arithmetic. */
static void keeps_the_scale(void **state)
{
    (void)state;
    static const struct {
        int op;
        const char *a, *b, *want;
    } rows[] = {
        {ADD, "1.2", "1.80", "3.00"}, {MUL, "1.20", "2.0", "2.400"}, {DIV, "4.00", "2", "2.00"},
        {DIV, "1", "8", "0.125"},     {SUB, "5.0", "5", "0.0"},
    };
    struct rh_arena *a = rh_arena_open(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_dec r;
        assert_int_equal(apply(rows[i].op, decimal(rows[i].a), decimal(rows[i].b), &r), RH_OK);
        assert_string_equal(printed(a, r), rows[i].want);
    }
    rh_arena_close(a);
}

static void rounds_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int scale;
        enum rh_round how;
        const char *want, *filled; /* by rh_dec_round and rh_dec_rescale */
    } rows[] = {
        {"3.14159", 3, RH_ROUND_HALF_AWAY, "3.142", "3.142"},
        {"0.5", 0, RH_ROUND_HALF_AWAY, "1", "1"},
        {"-0.5", 0, RH_ROUND_HALF_AWAY, "-1", "-1"},
        {"0.49", 0, RH_ROUND_HALF_AWAY, "0", "0"},
        {"0.5", 0, RH_ROUND_HALF_EVEN, "0", "0"},
        {"1.5", 0, RH_ROUND_HALF_EVEN, "2", "2"},
        {"-1.56", 0, RH_ROUND_DOWN, "-1", "-1"},
        {"-2.1", 0, RH_ROUND_FLOOR, "-3", "-3"},
        {"2.1", 0, RH_ROUND_CEILING, "3", "3"},
        {"-2.1", 0, RH_ROUND_CEILING, "-2", "-2"},
        {"2.0", 0, RH_ROUND_CEILING, "2", "2"},
        {"1e-60", 0, RH_ROUND_CEILING, "1", "1"},
        {"1.5", 3, RH_ROUND_HALF_AWAY, "1.5", "1.500"},
        {"0", 2, RH_ROUND_DOWN, "0", "0.00"},
        {"1234", -2, RH_ROUND_HALF_AWAY, "1200", "1200"},
    };
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_dec r;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_dec d = decimal(rows[i].text);
        assert_int_equal(rh_dec_round(d, rows[i].scale, rows[i].how, &r), RH_OK);
        assert_string_equal(printed(a, r), rows[i].want);
        assert_int_equal(rh_dec_rescale(d, rows[i].scale, rows[i].how, &r), RH_OK);
        assert_string_equal(printed(a, r), rows[i].filled);
    }
    assert_int_equal(rh_dec_rescale(decimal("1"), 38, RH_ROUND_DOWN, &r), RH_VALUE);
    rh_arena_close(a);
}

static void turns_into_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole, fits;
        int64_t want;
    } rows[] = {
        {"0.00", true, true, 0},
        {"-17.0", true, true, -17},
        {"12e3", true, true, 12000},
        {"9223372036854775807", true, true, INT64_MAX},
        {"-9223372036854775808", true, true, INT64_MIN},
        {"9223372036854775808", true, false, 0},
        {"1e900", true, false, 0},
        {"1.5", false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t n = 0;
        assert_int_equal(rh_dec_is_whole(decimal(rows[i].text)), rows[i].whole);
        assert_int_equal(rh_dec_to_int(decimal(rows[i].text), &n), rows[i].fits ? RH_OK : RH_VALUE);
        assert_true(n == rows[i].want);
    }
    assert_int_equal(rh_dec_digits(decimal("1.58700")), 6);
    assert_int_equal(rh_dec_digits(decimal("0.0034")), 2);
    assert_int_equal(rh_dec_digits(decimal("0")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_digit),
        cmocka_unit_test(refuses_what_is_not_a_decimal),
        cmocka_unit_test(refuses_more_digits_and_exponents_than_it_can_keep),
        cmocka_unit_test(compares_by_value),
        cmocka_unit_test(calculates_in_decimal),
        cmocka_unit_test(keeps_the_scale),
        cmocka_unit_test(rounds_as_asked),
        cmocka_unit_test(turns_into_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
