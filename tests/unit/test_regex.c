/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
    struct rh_arena *arena;
    struct rh_issues issues;
    struct rh_ctx ctx;
};

static int set_up(void **state)
{
    static struct bench b;
    b.arena = rh_arena_open(8 << 20);
    rh_issues_init(&b.issues, b.arena);
    b.ctx = (struct rh_ctx){.arena = b.arena, .issues = &b.issues};
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    rh_regex_forget();
    rh_arena_close(b->arena);
    return 0;
}

/* What differs between the dialects; sources: FHIRPath 2.0 matches(); ECMA-262, 22.2; XML Schema
 * part 2, appendix F. */
static void reads_the_dialect_of_fhir(void **state)
{
    struct bench *b = *state;
    enum { W = RH_REGEX_WHOLE, I = RH_REGEX_IGNORE_CASE, D = RH_REGEX_DOT_ALL };
    static const struct {
        const char *pattern, *text;
        unsigned flags;
        bool want;
    } rows[] = {
        {"FHIR", "FHIR", 0, true},
        {"FHIR", "fhir", 0, false},
        {"FHIR", "fhir", I, true},
        {"A.*B", "A\n\t\tB", 0, false},
        {"A.*B", "A\n\t\tB", D, true},
        {"Library", "http://x/Library/y", 0, true},
        {"Library", "http://x/Library/y", W, false},
        {"^Library$", "http://x/Library/y", 0, false},
        {"a|ab", "ab", W, true}, /* the whole text, not the first branch only */
        {"a$", "a\n", 0, false},
        {"\\u0041\\u{1F525}+", "A\xF0\x9F\x94\xA5\xF0\x9F\x94\xA5", W, true},
        {".", "\xF0\x9F\x94\xA5", W, true}, /* one code point */
        {"[]", "a", 0, false},
        {"(a)?b\\1", "b", W, true},
        {"[a-z-[aeiou]]+", "xyz", W, true},
        {"[a-z-[aeiou]]+", "xayz", W, false},
        {"[a-z-[a-m-[c]]]+", "cxyz", W, true},
        {"\\i\\c*", "_a-1.b", W, true},
        {"\\i\\c*", "1a", W, false},
        {"[\\i]+", "a1", W, false},
        {"\\I", "1", W, true},
        {"\\p{Lu}\\p{Ll}+", "\xC3\x89t\xC3\xA9", W, true},
        {"\\p{IsGreek}+", "\xCE\xB1\xCE\xB2", W, true},
        {"\\p{IsBasicLatin}+", "az", W, true},
        {"\\P{IsBasicLatin}", "a", W, false},
        {"\\d", "\xD9\xA1", W, false}, /* an Arabic digit */
        {"[A-Za-z0-9\\-\\.]{1,64}", "a.b-1", W, true},
        {"[ \\r\\n\\t\\S]+", "a b\n", W, true}, /* FHIR string */
        {"", "", W, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_regex_match m;
        enum rh_rc rc = rh_regex(&b->ctx, rh_text(rows[i].pattern), rh_text(rows[i].text), 0,
                                 rows[i].flags, &m);
        if (rc || m.found != rows[i].want)
            print_error("%s on %s\n", rows[i].pattern, rows[i].text);
        assert_int_equal(rc, RH_OK);
        assert_int_equal(m.found, rows[i].want);
    }
}

static void tells_where_groups_are(void **state)
{
    struct bench *b = *state;
    struct rh_regex_match m;
    assert_int_equal(
        rh_regex(&b->ctx, RH_TEXT("(\\d+)-(x)?(\\d+)"), RH_TEXT("a 1-2 34-56"), 4, 0, &m), RH_OK);
    assert_true(m.found);
    assert_int_equal(m.groups, 4);
    assert_int_equal(m.from[0], 6);
    assert_int_equal(m.to[0], 11);
    assert_int_equal(m.from[1], 6);
    assert_int_equal(m.to[1], 8);
    assert_true(m.from[2] > m.to[2]);
    assert_int_equal(m.from[3], 9);
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("a"), RH_TEXT("a"), 2, 0, &m), RH_OK);
    assert_false(m.found);
}

static void says_what_is_wrong_with_a_pattern(void **state)
{
    struct bench *b = *state;
    static const char *const rows[] = {"(", "[a", "a**", "\\p{IsNowhere}", "(?<n>a)(?<n>b)", "\\"};
    struct rh_regex_match m;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned before = b->issues.count;
        assert_int_equal(rh_regex(&b->ctx, rh_text(rows[i]), RH_TEXT("a"), 0, 0, &m), RH_VALUE);
        assert_int_equal(b->issues.count, before + 1);
        assert_non_null(strstr(b->issues.rows[before].text, "malformed"));
    }
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("a"), RH_TEXT("\xFF"), 0, 0, &m), RH_VALUE);

    char *p = rh_arena_zero(b->arena, RH_REGEX_PATTERN_MAX + 1);
    memset(p, 'a', RH_REGEX_PATTERN_MAX + 1);
    assert_int_equal(
        rh_regex(&b->ctx, (struct rh_text){p, RH_REGEX_PATTERN_MAX + 1}, RH_TEXT("a"), 0, 0, &m),
        RH_VALUE);
}

/* Cannot compute is never no: a search that takes too long is an error. */
static void gives_up_with_an_error(void **state)
{
    struct bench *b = *state;
    struct rh_regex_match m;
    enum { LENGTH = 200000 };
    char *a = rh_arena_alloc(b->arena, LENGTH);
    memset(a, 'a', LENGTH);
    assert_int_equal(
        rh_regex(&b->ctx, RH_TEXT("(a+)+\\d"), (struct rh_text){a, 40}, 0, RH_REGEX_WHOLE, &m),
        RH_TIMEOUT);
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("(a|a)+c\\d"), (struct rh_text){a, 64}, 0, 0, &m),
                     RH_OK);
    assert_false(m.found); /* PCRE2 sees that there is no c */
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("(a|a)+\\d"), (struct rh_text){a, 64}, 0, 0, &m),
                     RH_TIMEOUT);
    /* Each starting point reads all of the rest: 2 * 10^10 bytes. */
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("[a-c]+\\d"), (struct rh_text){a, LENGTH}, 0, 0, &m),
                     RH_TIMEOUT);

    /* The budget of an expression is shared by all of its matches. */
    b->ctx.steps = 5000;
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("(a|a)+\\d"), (struct rh_text){a, 6}, 0, 0, &m),
                     RH_OK);
    assert_true(b->ctx.steps > 1 && b->ctx.steps < 4900);
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("(a|a)+\\d"), (struct rh_text){a, 14}, 0, 0, &m),
                     RH_TIMEOUT);
    assert_int_equal(b->ctx.steps, 1);
    b->ctx.steps = 0;

    /* One starting point may use all of it. */
    a[0] = 'x';
    a[1] = 'y';
    a[LENGTH / 4] = 'z';
    assert_int_equal(rh_regex(&b->ctx, RH_TEXT("x.*z"), (struct rh_text){a, LENGTH}, 0, 0, &m),
                     RH_OK);
    assert_true(m.found);
    assert_int_equal(m.to[0], LENGTH / 4 + 1);
}

static void keeps_more_patterns_than_its_cache_has(void **state)
{
    struct bench *b = *state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2 * RH_REGEX_CACHE; i++) {
            char *p = rh_arena_printf(b->arena, "^a{%u}$", i);
            struct rh_regex_match m;
            assert_int_equal(rh_regex(&b->ctx, rh_text(p), RH_TEXT("aaaaa"), 0, 0, &m), RH_OK);
            assert_int_equal(m.found, i == 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_the_dialect_of_fhir, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_where_groups_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_with_a_pattern, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_with_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_more_patterns_than_its_cache_has, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
