/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The structural check: each row of tests/cases/check is a resource and the findings wanted, in
 * order. */
#include "fhir/check.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

static bool same(const struct rh_issue *got, yyjson_val *want)
{
    struct rh_text text = rh_json_get(want, "text");
    return rh_text_is(rh_json_get(want, "expression"), got->expression ? got->expression : "") &&
           rh_text_is(rh_json_get(want, "rc"), rh_rc_name(got->rc)) &&
           (!text.data || memmem(got->text, strlen(got->text), text.data, text.len));
}

/* One line for each finding, then the count of cases that were not as wanted. */
static unsigned run_case(const char *file, yyjson_val *one)
{
    struct rh_issues is;
    const struct rh_type *type = NULL;
    rh_issues_init(&is, arena);
    yyjson_val *resource = yyjson_obj_get(one, "resource"), *want = yyjson_obj_get(one, "want");
    enum rh_rc rc = rh_fhir_check(&is, resource, &type);
    bool good = yyjson_arr_size(want) == is.count && (rc == RH_OK) == (is.count == 0) &&
                (is.count == 0 || rc == is.rows[0].rc) && rh_fhir_check(NULL, resource, NULL) == rc;
    for (unsigned i = 0; good && i < is.count; i++)
        good = same(&is.rows[i], yyjson_arr_get(want, i));
    if (good)
        return 0;
    print_error("%s: %.*s: %s\n", file, RH_TEXT_ARG(rh_json_get(one, "name")), rh_rc_name(rc));
    for (unsigned i = 0; i < is.count; i++)
        print_error("    %s %s: %s\n", rh_rc_name(is.rows[i].rc),
                    is.rows[i].expression ? is.rows[i].expression : "-", is.rows[i].text);
    return 1;
}

static void finds_what_the_cases_say(void **state)
{
    (void)state;
    unsigned bad = 0, refusals = 0;
    DIR *dir = opendir(RH_TESTS "/cases/check");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!rh_text_ends(rh_text(entry->d_name), ".json"))
            continue;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", RH_TESTS "/cases/check", entry->d_name);
        yyjson_val *root = parse(arena, read_file(arena, path)), *one;
        size_t i, n;
        yyjson_arr_foreach (root, i, n, one) {
            bad += run_case(entry->d_name, one);
            refusals += yyjson_arr_size(yyjson_obj_get(one, "want")) > 0;
        }
    }
    closedir(dir);
    assert_int_equal(bad, 0);
    assert_true(refusals >= 60);
}

static void says_the_type_also_of_what_it_refuses(void **state)
{
    (void)state;
    struct rh_issues is;
    const struct rh_type *type;
    rh_issues_init(&is, arena);
    assert_int_equal(
        rh_fhir_check(&is, parse(arena, RH_TEXT("{\"resourceType\":\"Patient\"}")), &type), RH_OK);
    assert_string_equal(type->name, "Patient");
    assert_int_equal(
        rh_fhir_check(&is, parse(arena, RH_TEXT("{\"resourceType\":\"Group\"}")), &type),
        RH_REQUIRED);
    assert_string_equal(type->name, "Group");
    assert_int_equal(rh_fhir_check(&is, parse(arena, RH_TEXT("{}")), &type), RH_REQUIRED);
    assert_null(type);
}

static void stops_when_no_more_findings_can_be_kept(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "{\"resourceType\":\"Patient\"");
    for (unsigned i = 0; i < 2000; i++)
        rh_buf_printf(&b, ",\"unknown%u\":%u", i, i);
    rh_buf_char(&b, '}');
    struct rh_issues is;
    rh_issues_init(&is, arena);
    assert_int_equal(rh_fhir_check(&is, parse(arena, rh_buf_get(&b)), NULL), RH_STRUCTURE);
    assert_int_equal(is.count, RH_ISSUES_MAX);
    assert_true(is.dropped > 0 && is.dropped < 10);
}

static void takes_a_string_up_to_its_limit(void **state)
{
    (void)state;
    enum { LIMIT = 1024 * 1024 };
    for (size_t more = 0; more < 2; more++) {
        struct rh_buf b = rh_buf(arena);
        rh_buf_str(&b, "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"");
        size_t n = LIMIT + more;
        char *room = rh_buf_room(&b, n);
        assert_non_null(room);
        memset(room, 'x', n);
        b.len += n;
        rh_buf_str(&b, "\"}]}");
        struct rh_issues is;
        rh_issues_init(&is, arena);
        assert_int_equal(rh_fhir_check(&is, parse(arena, rh_buf_get(&b)), NULL),
                         more ? RH_VALUE : RH_OK);
        assert_true(!more || strlen(is.rows[0].text) < 300);
    }
}

static void shortens_long_values_between_characters(void **state)
{
    (void)state;
    struct rh_issues is;
    rh_issues_init(&is, arena);
    yyjson_val *v = parse(arena, RH_TEXT("{\"resourceType\":\"Patient\",\"birthDate\":\"م"
                                         "xمحمدمحمدمحمدمحمدمحمدمحمدمحمدمحمدمحمدمحمد\"}"));
    assert_int_equal(rh_fhir_check(&is, v, NULL), RH_VALUE);
    assert_true(rh_utf8_valid(rh_text(is.rows[0].text)));
    assert_non_null(strstr(is.rows[0].text, "…\" is not a valid date"));
}

static void survives_a_full_arena(void **state)
{
    (void)state;
    yyjson_val *v =
        parse(arena, RH_TEXT("{\"resourceType\":\"Patient\",\"deceased\":1,\"x\":1,\"active\":5}"));
    struct rh_arena *small = rh_arena_open(64);
    struct rh_issues is;
    rh_issues_init(&is, small);
    assert_int_equal(rh_fhir_check(&is, v, NULL), RH_STRUCTURE);
    for (unsigned i = 0; i < is.count; i++)
        assert_non_null(is.rows[i].text);
    rh_arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_the_cases_say),
        cmocka_unit_test(says_the_type_also_of_what_it_refuses),
        cmocka_unit_test(stops_when_no_more_findings_can_be_kept),
        cmocka_unit_test(takes_a_string_up_to_its_limit),
        cmocka_unit_test(shortens_long_values_between_characters),
        cmocka_unit_test(survives_a_full_arena),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
