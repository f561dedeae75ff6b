/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The place of an expression in a JSON text. */
#include "conformance/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char text[] = "{\n"
                           " \"resourceType\": \"Bundle\",\n"
                           " \"type\" : \"collection\",\n"
                           " \"entry\": [\n"
                           "  { \"fullUrl\": \"a\\\"}]{\", \"resource\": {\n"
                           "    \"birthDate\": \"2020\",\n"
                           "    \"_birthDate\": { \"extension\": [\n"
                           "       {\"url\": \"x\"},\n"
                           "       {\"url\": 1}] },\n"
                           "    \"name\": [{\n"
                           "      \"given\": [\"\xC3\xA9\xC3\xA9\", null],\n"
                           "      \"_given\": [null, {\n"
                           "         \"id\": true}]}],\n"
                           "    \"valueQuantity\": {\n"
                           "       \"code\": -1.5e3},\n"
                           "    \"odd name\": []}}\n"
                           "  ,{ \"x\": 1 } ] }\n";

static const struct {
    const char *expression;
    unsigned line, column;
} rows[] = {
    {"Bundle", 1, 2},
    {"Bundle.type", 3, 23},
    {"Bundle.entry", 4, 3},
    {"Bundle.entry[0]", 5, 4},
    {"Bundle.entry[1]", 17, 5},
    {"Bundle.entry[1].x", 17, 12},
    {"Bundle.entry[0].resource", 5, 27},
    {"Bundle.entry[0].resource/*Patient/1*/.birthDate", 6, 24},
    {"Bundle.entry[0].resource.ofType(Patient).birthDate", 6, 24},
    {"Bundle.entry[0].resource.birthDate.extension[1].url", 9, 17},
    {"Bundle.entry[0].resource.name[0].given[0]", 11, 21},
    {"Bundle.entry[0].resource.name[0].given[1]", 11, 27},
    {"Bundle.entry[0].resource.name[0].given[1].id", 13, 20},
    {"Bundle.entry.resource.name.given", 11, 8},
    {"Bundle.entry[0].resource.value.ofType(Quantity).code", 15, 22},
    {"Bundle.entry[0].resource.value.ofType(FHIR.Quantity)", 14, 6},
    {"Bundle.entry[0].resource.value.code", 15, 22},
    {"Bundle.entry[0].resource.`odd name`", 16, 19},
    /* not there: the nearest that is */
    {"Bundle.identifier", 1, 2},
    {"Bundle.entry[9].resource.id", 4, 3},
    {"Bundle.entry[0].resource.name[0].family", 10, 15},
    {"Bundle.entry[0].resource.value.ofType(string)", 5, 27},
    {"Bundle.entry[0].resource.name.where(use = 'official')", 10, 6},
    {"type", 3, 23},
    {"", 1, 2},
    {"..[[", 1, 2},
};

static void finds_the_place(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rh_issue_add(&is, RH_VALUE, rows[i].expression, "x");
    rh_locate(&is, RH_TEXT(text));
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (is.rows[i].line == rows[i].line && is.rows[i].column == rows[i].column)
            continue;
        wrong++;
        print_error("%s: %u:%u, wanted %u:%u\n", rows[i].expression, is.rows[i].line,
                    is.rows[i].column, rows[i].line, rows[i].column);
    }
    assert_int_equal(wrong, 0);
    rh_arena_close(a);
}

static void leaves_what_has_a_place_or_no_expression(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    rh_issue_at(&is, (struct rh_issue){.rc = RH_VALUE, .expression = "Bundle.type", .line = 7});
    rh_issue_add(&is, RH_VALUE, NULL, "x");
    rh_locate(&is, RH_TEXT(text));
    assert_int_equal(is.rows[0].line, 7);
    assert_int_equal(is.rows[1].line, 0);
    rh_locate(&is, RH_TEXT(""));
    rh_issues_init(&is, a);
    rh_locate(&is, RH_TEXT(text));
    rh_arena_close(a);
}

/* Texts that are not JSON, cut at every byte: what was found stays, and it ends. */
static void ends_on_any_text(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)16 << 20);
    struct rh_issues is;
    for (size_t n = 0; n < sizeof text; n++) {
        rh_arena_reset(a);
        rh_issues_init(&is, a);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            rh_issue_add(&is, RH_VALUE, rows[i].expression, "x");
        char *copy = rh_arena_copy(a, text, n);
        rh_locate(&is, (struct rh_text){copy, n});
        assert_true(is.rows[1].line == (n == 0 ? 0u : n < 40 ? 1u : 3u) || n < 60);
    }
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_place),
        cmocka_unit_test(leaves_what_has_a_place_or_no_expression),
        cmocka_unit_test(ends_on_any_text),
    };
    return cmocka_run_group_tests_name("locate", tests, NULL, NULL);
}
