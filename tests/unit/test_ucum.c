/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units of measure: our own rows, UCUM's functional tests, and the table of another program. */
#include "base/json.h"
#include "fhir/ucum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MODULES RH_TESTS "/peers/node_modules/"

static struct rh_arena *arena;

static struct rh_text read_file(const char *path) /* data NULL: there is none */
{
    FILE *f = fopen(path, "rb");
    struct rh_buf b = rh_buf(arena);
    size_t n;
    if (!f)
        return (struct rh_text){NULL, 0};
    char piece[4096];
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        rh_buf_add(&b, piece, n);
    fclose(f);
    assert_int_equal(b.rc, RH_OK);
    return rh_buf_get(&b);
}

static const char *printed(struct rh_dec d)
{
    struct rh_buf b = rh_buf(arena);
    rh_dec_print(d, &b);
    rh_buf_char(&b, 0);
    return b.data;
}

static struct rh_dec number(const char *text)
{
    struct rh_dec d;
    assert_int_equal(rh_dec_parse(rh_text(text), &d), RH_OK);
    return d;
}

static enum rh_rc convert(const char *value, const char *from, const char *to, struct rh_dec *ret)
{
    struct rh_ucum a, b;
    enum rh_rc rc = rh_ucum_parse(NULL, rh_text(from), &a);
    if (!rc)
        rc = rh_ucum_parse(NULL, rh_text(to), &b);
    return rc ? rc : rh_ucum_convert(number(value), &a, &b, ret);
}

/* One row a line, cells by tab; `#` begins a remark. The end of the file: false. */
static bool next_row(struct rh_text *rest, struct rh_text *cells, unsigned n)
{
    struct rh_text line;
    while (rh_text_split(rest, '\n', &line)) {
        if (line.len == 0 || line.data[0] == '#')
            continue;
        for (unsigned i = 0; i < n; i++)
            if (!rh_text_split(&line, '\t', &cells[i]))
                cells[i] = (struct rh_text){"", 0};
        return true;
    }
    return false;
}

static const char *string(struct rh_text t)
{
    return rh_text_copy(arena, t).data;
}

static void converts(void **state)
{
    (void)state;
    struct rh_text rest = read_file(RH_TESTS "/cases/ucum/convert.tsv"), c[4];
    unsigned n = 0;
    assert_non_null(rest.data);
    for (; next_row(&rest, c, 4); n++) {
        struct rh_dec d;
        enum rh_rc rc = convert(string(c[0]), string(c[1]), string(c[2]), &d);
        const char *got = rc ? "none" : printed(d);
        if (!rh_text_is(c[3], got))
            fail_msg("%s %s in %s: %s, wanted %s", string(c[0]), string(c[1]), string(c[2]), got,
                     string(c[3]));
    }
    assert_true(n > 60);
}

static void refuses(void **state)
{
    (void)state;
    struct rh_text rest = read_file(RH_TESTS "/cases/ucum/refuse.tsv"), c[3];
    unsigned n = 0;
    assert_non_null(rest.data);
    for (; next_row(&rest, c, 3); n++) {
        struct rh_issues is;
        struct rh_ucum u;
        rh_issues_init(&is, arena);
        enum rh_rc rc = rh_ucum_parse(&is, c[0], &u);
        if (rc == RH_OK)
            fail_msg("%s is not refused", string(c[0]));
        assert_int_equal(is.count, 1);
        char column[12];
        snprintf(column, sizeof column, "%u", is.rows[0].column);
        if (!rh_text_is(c[1], column) || !strstr(is.rows[0].text, string(c[2])))
            fail_msg("%s: column %u: %s", string(c[0]), is.rows[0].column, is.rows[0].text);
        assert_int_equal(rh_ucum_parse(NULL, c[0], &u), rc); /* the same without a reader */
    }
    assert_true(n > 25);
}

static void compares(void **state)
{
    (void)state;
    static const struct {
        const char *a, *unit_a, *b, *unit_b;
        int want; /* 9: not comparable */
    } rows[] = {
        {"1", "g", "1000", "mg", 0},
        {"1", "g", "1000.0000000000000000000000001", "mg", -1},
        {"1", "[in_i]", "2.54", "cm", 0},
        {"3937", "[ft_us]", "1200", "m", 0},
        {"180", "deg", "1", "[pi].rad", 0},
        {"-1", "km", "-1001", "m", 1},
        {"0", "km", "0", "mm", 0},
        {"37", "Cel", "98.6", "[degF]", 0},
        {"37", "Cel", "98.7", "[degF]", -1},
        {"37", "Cel", "310.15", "K", 0},
        {"3", "[pH]", "7", "[pH]", -1},
        {"3", "[pH]", "0.001", "mol/L", 0},
        {"2", "B", "20", "dB", 0},
        {"1", "[iU]/L", "1", "m[IU]/mL", 0},
        {"1", "[iU]", "1", "[arb'U]", 9},
        {"1", "m", "1", "s", 9},
        {"1", "Cel", "1", "m", 9},
        {"1", "{cells}/uL", "1000", "{copies}/mL", 0},
        {"1", "mol", "602214076000000000000000", "1", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_ucum a, b;
        int got = 9;
        assert_int_equal(rh_ucum_parse(NULL, rh_text(rows[i].unit_a), &a), RH_OK);
        assert_int_equal(rh_ucum_parse(NULL, rh_text(rows[i].unit_b), &b), RH_OK);
        enum rh_rc rc = rh_ucum_compare(number(rows[i].a), &a, number(rows[i].b), &b, &got);
        if (got != rows[i].want || (rc == RH_OK) != (got != 9))
            fail_msg("%s %s and %s %s: %d", rows[i].a, rows[i].unit_a, rows[i].b, rows[i].unit_b,
                     got);
    }
}

static void writes_units(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool divide;
        const char *want; /* NULL: refused */
    } products[] = {
        {"kg", "m", false, "kg.m"},
        {"m", "m", false, "m2"},
        {"m", "s", true, "m/s"},
        {"m", "m", true, "1"},
        {"m/s", "s", true, "m/s2"},
        {"mg/dL", "dL", false, "mg"},
        {"g/(kg.d)", "d", false, "g/kg"},
        {"1", "d", true, "/d"},
        {"{cells}/uL", "uL", false, "{cells}"},
        {"Cel", "1", false, "Cel"},
        {"Cel", "m", false, NULL},
        {"foo", "m", false, NULL},
    };
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        struct rh_buf b = rh_buf(arena);
        enum rh_rc rc = rh_ucum_multiply(rh_text(products[i].a), rh_text(products[i].b),
                                         products[i].divide, &b);
        rh_buf_char(&b, 0);
        if (!products[i].want)
            assert_int_not_equal(rc, RH_OK);
        else
            assert_string_equal(b.data, products[i].want);
    }
    static const struct {
        const char *value, *code, *want_value, *want_code;
    } canonical[] = {
        {"1", "Pa", "1000", "g.m-1.s-2"},
        {"1", "S", "0.001", "C2.g-1.m-2.s"},
        {"37", "Cel", "310.15", "K"},
        {"5", "%", "0.05", "1"},
        {"3", "m[iU]/mL", "3000", "m-3.[iU]"},
        {"180", "deg", "3.141592653589793238462643383", "rad"},
    };
    for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
        struct rh_buf b = rh_buf(arena);
        struct rh_dec d;
        assert_int_equal(
            rh_ucum_canonical(number(canonical[i].value), rh_text(canonical[i].code), &d, &b),
            RH_OK);
        rh_buf_char(&b, 0);
        assert_string_equal(printed(d), canonical[i].want_value);
        assert_string_equal(b.data, canonical[i].want_code);
    }
}

static void names_units(void **state)
{
    (void)state;
    static const struct {
        const char *code, *want;
    } rows[] = {
        {"mg/dL", "milligram per deciliter"},
        {"kg/m2", "kilogram per square meter"},
        {"10*3/uL", "10 to the power of 3 per microliter"},
        {"/min", "per minute"},
        {"mm[Hg]", "millimeter of mercury column"},
        {"{beats}/min", "beats per minute"},
        {"mL/min/{1.73_m2}", "milliliter per minute per 1.73_m2"},
        {"m.s-1", "meter per second"},
        {"Cel", "degree Celsius"},
        {"1", "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_buf b = rh_buf(arena);
        assert_int_equal(rh_ucum_display(rh_text(rows[i].code), &b), RH_OK);
        rh_buf_char(&b, 0);
        assert_string_equal(b.data, rows[i].want);
    }
}

static void stays_in_its_limits(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "m127.m2",
        "10*999.10*999.10*999.10*999.10*999.10*999",
        "deg99",
        "[lb_av]99.[ft_us]99.[acr_us]27",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_ucum u;
        struct rh_dec d;
        struct rh_buf b = rh_buf(arena);
        enum rh_rc rc = rh_ucum_parse(NULL, rh_text(rows[i]), &u);
        if (rc == RH_OK)
            rc = rh_ucum_canonical(number("1"), rh_text(rows[i]), &d, &b);
        assert_true(rc == RH_VALUE || (i == 3 && rc == RH_OK));
    }
    /* 37 digits are not enough for this product; 28 digits of it are right (exact by hand). */
    struct rh_dec d;
    assert_int_equal(convert("1", "[lb_av]9", "g9", &d), RH_OK);
    assert_memory_equal(printed(d), "812814916529124028659847.5069", 29);
}

/* --- UCUM's functional tests --------------------------------------------------------------------
 */
static bool attribute(struct rh_text tag, const char *name, const char **ret)
{
    char wanted[40];
    int n = snprintf(wanted, sizeof wanted, " %s=\"", name);
    const char *at = memmem(tag.data, tag.len, wanted, (size_t)n);
    if (!at)
        return false;
    at += n;
    const char *end = memchr(at, '"', (size_t)(tag.data + tag.len - at));
    struct rh_buf b = rh_buf(arena);
    while (at < end) {
        if (strncmp(at, "&#232;", 6) == 0) {
            rh_buf_str(&b, "è");
            at += 6;
        } else {
            assert_int_not_equal(*at, '&');
            rh_buf_char(&b, *at++);
        }
    }
    rh_buf_char(&b, 0);
    *ret = b.data;
    return true;
}

/* Both to as many digits as `wanted` has, at most 27. */
static bool agrees(struct rh_dec got, const char *wanted)
{
    char text[120], *at = text;
    unsigned digits = 0;
    for (const char *w = wanted; *w && at < text + sizeof text - 1; w++) {
        bool digit = *w >= '0' && *w <= '9' && !memchr(wanted, 'e', (size_t)(w - wanted));
        if (digit && (digits > 0 || *w != '0'))
            digits++;
        if (!digit || digits <= 30 || !memchr(wanted, '.', (size_t)(w - wanted)))
            *at++ = *w;
    }
    *at = 0;
    struct rh_dec want = number(text), a, b;
    int keep = digits > 27 ? 27 : (int)digits;
    int scale = want.scale - (rh_dec_digits(want) - keep);
    if (strchr(wanted, '.') == NULL) /* zeros at the end may be exact */
        scale = want.scale;
    return rh_dec_round(got, scale, RH_ROUND_HALF_AWAY, &a) == RH_OK &&
           rh_dec_round(want, scale, RH_ROUND_HALF_AWAY, &b) == RH_OK && rh_dec_cmp(a, b) == 0;
}

static bool functional_case(struct rh_text tag)
{
    const char *unit, *x, *y, *z, *v1, *u1, *v2, *u2;
    struct rh_ucum u;
    struct rh_dec d;
    struct rh_buf b = rh_buf(arena);
    if (attribute(tag, "valid", &x) && attribute(tag, "unit", &unit))
        return (rh_ucum_parse(NULL, rh_text(unit), &u) == RH_OK) == (strcmp(x, "true") == 0);
    if (attribute(tag, "display", &x) && attribute(tag, "unit", &unit)) {
        /* Names of units were written with capitals when these tests were made. */
        return rh_ucum_formal(rh_text(unit), &b) == RH_OK &&
               rh_text_ieq(rh_buf_get(&b), rh_text(x));
    }
    if (attribute(tag, "outcome", &x) && attribute(tag, "value", &v1) &&
        attribute(tag, "srcUnit", &y) && attribute(tag, "dstUnit", &z))
        return convert(v1, y, z, &d) == RH_OK && agrees(d, x);
    if (attribute(tag, "vRes", &x) && attribute(tag, "uRes", &y) && attribute(tag, "v1", &v1) &&
        attribute(tag, "u1", &u1) && attribute(tag, "v2", &v2) && attribute(tag, "u2", &u2)) {
        if (rh_ucum_multiply(rh_text(u1), rh_text(u2), false, &b) ||
            rh_dec_mul(number(v1), number(v2), &d))
            return false;
        rh_buf_char(&b, 0);
        return convert(printed(d), b.data, y, &d) == RH_OK && rh_dec_cmp(d, number(x)) == 0;
    }
    return false;
}

static void passes_the_functional_tests_of_ucum(void **state)
{
    (void)state;
    struct rh_text t = read_file(MODULES "ucum/vendor/ucum-functional-tests.xml");
    if (!t.data) {
        print_message("not there: npm packages of tests/peers (./dev setup)\n");
        skip();
    }
    unsigned n = 0, failed = 0;
    for (size_t at = 0; at < t.len;) {
        struct rh_text rest = {t.data + at, t.len - at};
        if (rh_text_starts(rest, "<!--")) {
            const char *end = memmem(rest.data, rest.len, "-->", 3);
            at += end ? (size_t)(end - rest.data) : rest.len;
        } else if (rh_text_starts(rest, "<case ")) {
            const char *end = memmem(rest.data, rest.len, "/>", 2);
            assert_non_null(end);
            struct rh_text tag = {rest.data, (size_t)(end - rest.data)};
            n++;
            if (!functional_case(tag)) {
                print_message("fails: %.*s\n", RH_TEXT_ARG(tag));
                failed++;
            }
            at += tag.len;
        } else {
            at++;
        }
    }
    print_message("%u cases of UCUM's functional tests, %u failed\n", n, failed);
    assert_true(n > 560);
    assert_int_equal(failed, 0);
}

/* --- the table of another implementation --------------------------------------------------------
 * Codes, magnitudes and dimensions of @lhncbc/ucum-lhc. Its magnitudes are doubles, and its
 * constants (mol, u, [e], …) those from before 2019, up to 2e-6 away. */
static bool differs(const char *code)
{
    struct rh_text rest = read_file(RH_TESTS "/cases/ucum/differences.tsv"), c[2];
    assert_non_null(rest.data);
    while (next_row(&rest, c, 2))
        if (rh_text_is(c[0], code))
            return true;
    return false;
}

static bool same_as_peer(const char *code, yyjson_val *magnitude, yyjson_val *dimension)
{
    struct rh_ucum u;
    if (rh_ucum_parse(NULL, rh_text(code), &u))
        return false;
    for (size_t i = 0; i < RH_UCUM_DIMENSIONS; i++)
        if (yyjson_get_int(yyjson_arr_get(dimension, i)) != u.dimension[i])
            return false;
    if (u.special)
        return true; /* their magnitude is of no use here */
    double ours = (double)u.factor.numerator / (double)u.factor.denominator *
                  pow(10, u.factor.ten) * pow(3.14159265358979323846, u.factor.pi);
    return fabs(ours / yyjson_get_num(magnitude) - 1) < 2e-6;
}

static void agrees_with_another_table(void **state)
{
    (void)state;
    struct rh_text t = read_file(MODULES "@lhncbc/ucum-lhc/data/ucumDefs.min.json");
    if (!t.data) {
        print_message("not there: npm packages of tests/peers (./dev setup)\n");
        skip();
    }
    yyjson_doc *doc = yyjson_read(t.data, t.len, 0);
    yyjson_val *rows = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "units"), "data");
    unsigned n = 0, other = 0, unexplained = 0;
    yyjson_val *row;
    yyjson_arr_iter it = yyjson_arr_iter_with(rows);
    while ((row = yyjson_arr_iter_next(&it))) {
        const char *code = yyjson_get_str(yyjson_arr_get(row, 2));
        n++;
        if (same_as_peer(code, yyjson_arr_get(row, 5), yyjson_arr_get(row, 6)))
            continue;
        other++;
        if (!differs(code)) {
            print_message("%s: not as in the other table, nor in cases/ucum/differences.tsv\n",
                          code);
            unexplained++;
        }
    }
    yyjson_doc_free(doc);
    print_message("%u units compared with another table, %u on the list of differences\n", n,
                  other);
    assert_int_equal(unexplained, 0);
    assert_true(n > 700);
}

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(compares),
        cmocka_unit_test(writes_units),
        cmocka_unit_test(names_units),
        cmocka_unit_test(stays_in_its_limits),
        cmocka_unit_test(passes_the_functional_tests_of_ucum),
        cmocka_unit_test(agrees_with_another_table),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
