/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/issue.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char *outcome(struct rh_arena *a, const struct rh_issues *is, enum rh_rc rc)
{
    struct rh_buf b = rh_buf(a);
    rh_issues_outcome(is, rc, &b);
    rh_buf_char(&b, 0);
    assert_int_equal(b.rc, RH_OK);
    return b.data;
}

static void an_error_becomes_a_row_of_the_outcome(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    char place[] = "Patient.birthDate";
    assert_int_equal(rh_issue_add(&is, RH_VALUE, place, "\"%s\" is not a date", "x\"y"), RH_VALUE);
    memset(place, 'z', sizeof place - 1); /* it was copied */
    assert_string_equal(outcome(a, &is, RH_VALUE),
                        "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
                        "\"code\":\"value\","
                        "\"details\":{\"text\":\"a value is not allowed here\"},"
                        "\"diagnostics\":\"\\\"x\\\"y\\\" is not a "
                        "date\",\"expression\":[\"Patient.birthDate\"]}]}");
    assert_int_equal(is.errors, 1);
    rh_arena_close(a);
}

static void line_and_column_stand_in_front_once(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_issue row = {
        .severity = RH_WARNING, .rc = RH_SYNTAX, .text = "odd", .line = 3, .column = 7};
    assert_int_equal(rh_issue_at(&is, row), RH_SYNTAX);
    row.text = "line 3, column 7: odd";
    rh_issue_at(&is, row);
    const char *text = outcome(a, &is, RH_SYNTAX);
    const char *first = strstr(text, "\"diagnostics\":\"line 3, column 7: odd\"");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "\"diagnostics\":\"line 3, column 7: odd\""));
    assert_non_null(strstr(text, "\"severity\":\"warning\""));
    assert_int_equal(is.errors, 0);
    rh_arena_close(a);
}

static void without_issues_the_code_speaks_for_itself(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    const char *text = outcome(a, &is, RH_NOTFOUND);
    assert_non_null(strstr(text, "\"code\":\"not-found\""));
    assert_non_null(strstr(text, "\"severity\":\"error\""));
    assert_non_null(strstr(text, "\"diagnostics\":\"no such resource\""));
    assert_string_equal(outcome(a, NULL, RH_NOTFOUND), text);
    assert_non_null(strstr(outcome(a, &is, RH_OK), "\"severity\":\"information\""));
    rh_arena_close(a);
}

static void the_last_row_says_that_there_are_more(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    for (int i = 0; i < RH_ISSUES_MAX; i++)
        rh_issue_add(&is, RH_VALUE, NULL, "issue %d", i);
    assert_int_equal(is.dropped, 0);
    assert_string_equal(is.rows[RH_ISSUES_MAX - 1].text, "issue 49");
    for (int i = 0; i < 950; i++)
        assert_int_equal(rh_issue_add(&is, RH_RULE, NULL, "more %d", i), RH_RULE);
    assert_int_equal(is.count, RH_ISSUES_MAX);
    assert_int_equal(is.errors, 1000);
    assert_int_equal(is.dropped, 951);
    assert_string_equal(is.rows[RH_ISSUES_MAX - 2].text, "issue 48");
    assert_string_equal(is.rows[RH_ISSUES_MAX - 1].text, "951 further issues are not shown");
    assert_int_equal(is.rows[RH_ISSUES_MAX - 1].severity, RH_INFORMATION);
    rh_arena_close(a);
}

static void an_arena_that_is_full_still_gives_the_reason(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(64), *other = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    while (rh_arena_alloc(a, 1))
        ;
    for (int i = 0; i < 60; i++)
        assert_int_equal(rh_issue_add(&is, RH_VALUE, "Patient", "%600d", 1), RH_VALUE);
    assert_string_equal(is.rows[0].text, rh_rc_text(RH_VALUE));
    assert_null(is.rows[0].expression);
    assert_non_null(strstr(outcome(other, &is, RH_VALUE), "further issues are not shown"));
    rh_arena_close(a);
    rh_arena_close(other);
}

static void long_texts_are_whole(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    rh_issue_add(&is, RH_VALUE, NULL, "%2000d", 1);
    assert_int_equal(strlen(is.rows[0].text), 2000);
    assert_int_equal(rh_issue_add(NULL, RH_VALUE, NULL, "nobody listens"), RH_VALUE);
    rh_arena_close(a);
}

/* The issue types of FHIR R4, valueset-issue-type, and statuses of HTTP that an error may have. */
static void every_code_has_a_type_of_fhir_and_a_status_of_http(void **state)
{
    (void)state;
    static const char types[] = " invalid structure required value invariant security login "
                                "unknown expired forbidden suppressed "
                                "processing not-supported duplicate multiple-matches not-found "
                                "deleted too-long code-invalid extension "
                                "too-costly business-rule conflict transient lock-error no-store "
                                "exception timeout incomplete throttled "
                                "informational ";
    for (int rc = 0; rc < RH_RC_COUNT; rc++) {
        char type[40];
        snprintf(type, sizeof type, " %s ", rh_rc_issue((enum rh_rc)rc));
        assert_non_null(strstr(types, type));
        int http = rh_rc_http((enum rh_rc)rc);
        assert_true(rc == RH_OK ? http == 200 : http >= 400 && http < 600);
        assert_true(strlen(rh_rc_text((enum rh_rc)rc)) > 1);
        assert_true(strlen(rh_rc_name((enum rh_rc)rc)) > 1);
    }
    assert_string_equal(rh_rc_name((enum rh_rc)4711), "INTERNAL");
    assert_int_equal(rh_rc_http((enum rh_rc) - 1), 500);
    assert_string_equal(rh_severity_name(RH_FATAL), "fatal");
    assert_string_equal(rh_severity_name(RH_INFORMATION), "information");
}

static void an_outcome_is_json_whatever_the_text(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is, none;
    rh_issues_init(&is, a);
    rh_issues_init(&none, a);
    for (unsigned c = 1; c < 128; c++)
        if (c % 3 == 0 && is.count < RH_ISSUES_MAX)
            rh_issue_add(&is, RH_VALUE, "a[\"b\"]\n", "<%c\"\\>", (int)c);
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(a, &none, rh_text(outcome(a, &is, RH_VALUE)), &doc), RH_OK);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "issue")), is.count);
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_becomes_a_row_of_the_outcome),
        cmocka_unit_test(line_and_column_stand_in_front_once),
        cmocka_unit_test(without_issues_the_code_speaks_for_itself),
        cmocka_unit_test(the_last_row_says_that_there_are_more),
        cmocka_unit_test(an_arena_that_is_full_still_gives_the_reason),
        cmocka_unit_test(long_texts_are_whole),
        cmocka_unit_test(every_code_has_a_type_of_fhir_and_a_status_of_http),
        cmocka_unit_test(an_outcome_is_json_whatever_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
