/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static void again(void)
{
    rh_arena_reset(arena);
    rh_issues_init(&issues, arena);
}

static enum rh_rc parse(struct rh_text t, yyjson_doc **ret)
{
    return rh_json_parse(arena, &issues, t, ret);
}

static const char *written(const yyjson_doc *doc, bool pretty)
{
    struct rh_buf b = rh_buf(arena);
    (pretty ? rh_json_write_pretty : rh_json_write)(&b, doc->root);
    rh_buf_char(&b, 0);
    assert_int_equal(b.rc, RH_OK);
    return b.data;
}

static void writes_what_it_read(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want; /* NULL: the same */
    } rows[] = {
        {"{}", NULL},
        {"[]", NULL},
        {"null", NULL},
        {"true", NULL},
        {" false\n", "false"},
        {"\"\"", NULL},
        {"170.10", NULL},
        {"-0", NULL},
        {"-0.0", NULL},
        {"1e400", NULL},
        {"1E+2", NULL},
        {"123456789012345678901234567890.123456789012345678901234567890", NULL},
        {"{\"b\":1,\"a\":[1.0,{},[],{\"c\":null}],\"\":{\"x\":[[[]]]}}", NULL},
        {" { \"a\" : [ 1 , 2 ] ,\r\n\t\"b\" : { } } ", "{\"a\":[1,2],\"b\":{}}"},
        {"\"\\u0645\\u062d\"", "\"\xD9\x85\xD8\xAD\""},
        {"\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""},
        {"\"\\/ \\\" \\\\ \\n \\u001f\"", "\"/ \\\" \\\\ \\n \\u001f\""},
        {"{\"a\":\"\\\\u0000\"}", NULL}, /* a backslash and five characters, not U+0000 */
        {"{\"a\":1,\"A\":2,\"a \":3,\"\xC3\xA9\":4}", NULL},
        {"{\"effectiveDateTime\":1,\"effectivePeriod\":2,\"effectiv\":3,\"effective\":4}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        yyjson_doc *doc;
        again();
        assert_int_equal(parse(rh_text(rows[i].in), &doc), RH_OK);
        assert_int_equal(issues.count, 0);
        assert_string_equal(written(doc, false), rows[i].want ? rows[i].want : rows[i].in);
    }
}

static void numbers_stay_raw_text(void **state)
{
    (void)state;
    yyjson_doc *doc;
    assert_int_equal(parse(RH_TEXT("{\"value\":170.10,\"name\":\"x\",\"n\":5}"), &doc), RH_OK);
    yyjson_val *v = yyjson_obj_get(doc->root, "value");
    assert_true(yyjson_is_raw(v));
    assert_true(rh_text_is(rh_json_text(v), "170.10"));
    assert_true(rh_text_is(rh_json_get(doc->root, "name"), "x"));
    assert_null(rh_json_get(doc->root, "n").data);
    assert_null(rh_json_get(doc->root, "none").data);
    assert_null(rh_json_get(v, "none").data);
    assert_null(rh_json_text(doc->root).data);
}

static void pretty_has_two_spaces_a_level(void **state)
{
    (void)state;
    yyjson_doc *doc;
    assert_int_equal(parse(RH_TEXT("{\"a\":[1,{\"b\":\"x\"}],\"c\":{},\"d\":[]}"), &doc), RH_OK);
    assert_string_equal(written(doc, true),
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\"\n    }\n  ],\n"
                        "  \"c\": {},\n  \"d\": []\n}");
}

static void writes_values_that_the_program_made(void **state)
{
    (void)state;
    yyjson_alc alc = rh_json_alc(arena);
    yyjson_mut_doc *made = yyjson_mut_doc_new(&alc);
    yyjson_mut_val *root = yyjson_mut_obj(made);
    yyjson_mut_doc_set_root(made, root);
    yyjson_mut_obj_add_uint(made, root, "u", UINT64_MAX);
    yyjson_mut_obj_add_sint(made, root, "s", -5);
    yyjson_mut_obj_add_real(made, root, "r", 0.5);
    yyjson_mut_obj_add_bool(made, root, "t", true);
    yyjson_mut_obj_add_null(made, root, "n");
    yyjson_doc *doc = yyjson_mut_doc_imut_copy(made, &alc);
    assert_string_equal(written(doc, false),
                        "{\"u\":18446744073709551615,\"s\":-5,\"r\":0.5,\"t\":true,\"n\":null}");
}

/* Everything that is refused, with the place; the texts are what a person sees. */
static const struct {
    struct rh_text in;
    unsigned line, column;
    const char *expression; /* NULL: none */
    const char *says;       /* part of the text */
} refused[] = {
    {RH_TEXT(""), 1, 1, NULL, "empty"},
    {RH_TEXT(" \n "), 1, 1, NULL, "empty"},
    {RH_TEXT("{"), 1, 2, NULL, "ends too early"},
    {RH_TEXT("[1,"), 1, 4, NULL, "ends too early"},
    {RH_TEXT("{\"a\":\"x"), 1, 8, NULL, "ends too early"},
    {RH_TEXT("{} x"), 1, 4, NULL, "'x' follows"},
    {RH_TEXT("{}\n{}"), 2, 1, NULL, "'{' follows"},
    {RH_TEXT("{\"a\":1,}"), 1, 7, NULL, "trailing comma"},
    {RH_TEXT("[1,]"), 1, 3, NULL, "trailing comma"},
    {RH_TEXT("{a:1}"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("{'a':1}"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("{\"a\" 1}"), 1, 6, NULL, "not JSON"},
    {RH_TEXT("[1 2]"), 1, 4, NULL, "not JSON"},
    {RH_TEXT("// note\n{}"), 1, 1, NULL, "not JSON"},
    {RH_TEXT("{} // note"), 1, 4, NULL, "follows"},
    {RH_TEXT("NaN"), 1, 1, NULL, "not JSON"},
    {RH_TEXT("[Infinity]"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("[0123]"), 1, 2, NULL, "zero"},
    {RH_TEXT("[.5]"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("[5.,1]"), 1, 4, NULL, "digit"},
    {RH_TEXT("[+1]"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("[1e, 1]"), 1, 4, NULL, "digit"},
    {RH_TEXT("[-, 1]"), 1, 3, NULL, "digit"},
    {RH_TEXT("[tru]"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("[TRUE]"), 1, 2, NULL, "not JSON"},
    {RH_TEXT("\xEF\xBB\xBF{}"), 1, 1, NULL, "byte order mark"},
    {RH_TEXT("[\"\xC3\"]"), 1, 3, NULL, "UTF-8"},
    {RH_TEXT("[\"a\xED\xA0\x80\"]"), 1, 4, NULL, "UTF-8"},
    {RH_TEXT("[\"\xC0\x80\"]"), 1, 3, NULL, "UTF-8"},
    {RH_TEXT("[\"\xF4\x90\x80\x80\"]"), 1, 3, NULL, "UTF-8"},
    {RH_TEXT("[\"\\ud83d\"]"), 1, 9, NULL, "surrogate"},
    {RH_TEXT("[\"\\x\"]"), 1, 4, NULL, "escape"},
    {RH_TEXT("[\"a\tb\"]"), 1, 4, NULL, "control"},
    {RH_TEXT("[\"a\0b\"]"), 1, 4, NULL, "control"},
    {RH_TEXT("\0"), 1, 1, NULL, "byte 0x00"},
    {RH_TEXT("{\n\"a\": \"\\u0000\"}"), 2, 6, "a", "U+0000"},
    {RH_TEXT("{\"b\":[{\"x\\u0000\":1}]}"), 1, 8, "b[0].`x?`", "U+0000"},
    {RH_TEXT("{\"a\":1,\"a\":2}"), 1, 8, "a", "the name \"a\" appears twice in one object"},
    {RH_TEXT(
         "{\n  \"resourceType\": \"Patient\",\n  \"status\": 1, \"\xC3\xA9\": 2, \"status\": 3\n}"),
     3, 24, "Patient.status", "the name \"status\" appears twice"},
    {RH_TEXT("{\"resourceType\":\"Bundle\",\"entry\":[{},{\"resource\":{\"id\":1,\"x\":{},\"id\":2}"
             "}]}"),
     1, 65, "Bundle.entry[1].resource.id", "the name \"id\" appears twice"},
    {RH_TEXT("[[{\"a\":1,\"\\u0061\":2}]]"), 1, 10, "[0][0].a", "the name \"a\" appears twice"},
    {RH_TEXT("{\"a b\":1,\"a b\":2}"), 1, 10, "`a b`", "the name \"a b\" appears twice"},
    {RH_TEXT("{\"\":1,\"\":2}"), 1, 7, "``", "the name \"\" appears twice"},
};

static void refuses_with_line_column_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        yyjson_doc *doc = (yyjson_doc *)(uintptr_t)4711;
        again();
        enum rh_rc rc = parse(refused[i].in, &doc);
        const struct rh_issue *row = &issues.rows[0];
        if (rc != RH_SYNTAX || issues.count != 1 || row->line != refused[i].line ||
            row->column != refused[i].column || !strstr(row->text, refused[i].says))
            fail_msg("row %zu, %s: code %d, line %u, column %u: %s", i, refused[i].in.data, rc,
                     row->line, row->column, row->text);
        if (refused[i].expression)
            assert_string_equal(row->expression, refused[i].expression);
        else
            assert_null(row->expression);
        assert_true(doc == (yyjson_doc *)(uintptr_t)4711); /* nothing written on failure */
    }
}

static void a_name_twice_is_found_in_objects_of_any_size(void **state)
{
    (void)state;
    static const int sizes[] = {2, 7, 8, 23, 24, 25, 26, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int at = 0; at < sizes[i]; at += 1 + sizes[i] / 30) {
            struct rh_buf b;
            again();
            b = rh_buf(arena);
            rh_buf_str(&b, "{\n");
            for (int n = 0; n < sizes[i]; n++)
                rh_buf_printf(&b, "\"prefix%d\":%d,\n", n, n);
            yyjson_doc *doc;
            struct rh_buf fine = rh_buf(arena);
            rh_buf_add(&fine, b.data, b.len - 2);
            rh_buf_char(&fine, '}');
            assert_int_equal(parse(rh_buf_get(&fine), &doc), RH_OK);
            rh_buf_printf(&b, "\"prefix%d\":0}", at);
            assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
            assert_int_equal(issues.rows[0].line, sizes[i] + 2);
            assert_int_equal(issues.rows[0].column, 1);
        }
    }
}

static void the_first_of_several_repeated_names_is_told(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "{\"z\":0,\"y\":0,\n\"z\":1,\n\"y\":1,\n\"a\":0,\"a\":1");
    for (int i = 0; i < 100; i++)
        rh_buf_printf(&b, ",\"n%d\":0", i);
    rh_buf_char(&b, '}');
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
    assert_int_equal(issues.rows[0].line, 2);
    assert_string_equal(issues.rows[0].expression, "z");
}

/* A hostile object must cost about as much as its size; a quadratic check would take minutes here.
 */
static void a_hundred_thousand_names_are_no_attack(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(arena);
    rh_buf_char(&b, '{');
    for (int i = 0; i < 100000; i++)
        rh_buf_printf(&b, "%s\"the_same_beginning_%06d\":%d", i ? "," : "", 100000 - i, i);
    rh_buf_char(&b, '}');
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_OK);
    assert_int_equal(yyjson_obj_size(doc->root), 100000);
    b.len--;
    rh_buf_str(&b, ",\"the_same_beginning_000001\":0}");
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
}

static void nested(struct rh_buf *b, int levels, const char *open, const char *close)
{
    *b = rh_buf(arena);
    for (int i = 0; i < levels; i++)
        rh_buf_str(b, open);
    rh_buf_str(b, "0");
    for (int i = 0; i < levels; i++)
        rh_buf_str(b, close);
}

static void takes_64_levels_and_refuses_65(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        unsigned column;
    } rows[] = {{"[", "]", 65}, {"{\"]}\\\"\":", "}", 64 * 8 + 1}};
    for (size_t i = 0; i < 2; i++) {
        yyjson_doc *doc;
        struct rh_buf b;
        again();
        nested(&b, RH_JSON_DEPTH_MAX, rows[i].open, rows[i].close);
        assert_int_equal(parse(rh_buf_get(&b), &doc), RH_OK);
        rh_buf_char(&b, 0);
        assert_string_equal(written(doc, false), b.data);
        nested(&b, RH_JSON_DEPTH_MAX + 1, rows[i].open, rows[i].close);
        assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
        assert_int_equal(issues.rows[0].column, rows[i].column);
        assert_non_null(strstr(issues.rows[0].text, "64 levels"));
        assert_non_null(issues.rows[0].expression);
    }
    yyjson_doc *doc;
    struct rh_buf b;
    again();
    nested(&b, 100000, "[", "]");
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
}

static void levels_beside_each_other_do_not_add_up(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(arena);
    rh_buf_char(&b, '[');
    for (int i = 0; i < 1000; i++)
        rh_buf_str(&b, i ? ",[{}]" : "[{}]");
    rh_buf_char(&b, ']');
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_OK);
}

static void long_names_are_cut_at_a_whole_character(void **state)
{
    (void)state;
    yyjson_doc *doc;
    struct rh_buf name = rh_buf(arena), b = rh_buf(arena);
    rh_buf_char(&name, 'x');
    for (int i = 0; i < 1000; i++)
        rh_buf_str(&name, "\xD9\x85");
    rh_buf_printf(&b, "{\"%.*s\":1,\"%.*s\":2}", (int)name.len, name.data, (int)name.len,
                  name.data);
    assert_int_equal(parse(rh_buf_get(&b), &doc), RH_SYNTAX);
    assert_true(rh_utf8_valid(rh_text(issues.rows[0].text)));
    assert_true(rh_utf8_valid(rh_text(issues.rows[0].expression)));
    assert_true(strlen(issues.rows[0].text) < 150);
}

static void too_little_memory_is_said_and_nothing_is_written(void **state)
{
    (void)state;
    struct rh_text t =
        RH_TEXT("{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12],\"b\":\"some text that needs room\"}");
    unsigned refusals = 0;
    for (size_t limit = 0; limit < 2000; limit += 16) {
        struct rh_arena *small = rh_arena_open(limit);
        yyjson_doc *doc = NULL;
        rh_issues_init(&issues, small);
        enum rh_rc rc = rh_json_parse(small, &issues, t, &doc);
        assert_true(rc == RH_OK || rc == RH_NOMEM);
        assert_int_equal(rc == RH_OK, doc != NULL);
        refusals += rc == RH_NOMEM;
        rh_arena_close(small);
    }
    assert_in_range(refusals, 5, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(writes_what_it_read),
        TEST(numbers_stay_raw_text),
        TEST(pretty_has_two_spaces_a_level),
        TEST(writes_values_that_the_program_made),
        TEST(refuses_with_line_column_and_reason),
        TEST(a_name_twice_is_found_in_objects_of_any_size),
        TEST(the_first_of_several_repeated_names_is_told),
        TEST(a_hundred_thousand_names_are_no_attack),
        TEST(takes_64_levels_and_refuses_65),
        TEST(levels_beside_each_other_do_not_add_up),
        TEST(long_names_are_cut_at_a_whole_character),
        TEST(too_little_memory_is_said_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
