/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Narratives: each row of tests/cases/narrative is a text, the code wanted and words of the
 * findings, in order. */
#include "conformance/narrative.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

static bool same(const struct rh_issues *is, enum rh_rc rc, yyjson_val *row)
{
    yyjson_val *texts = yyjson_obj_get(row, "texts"), *text;
    size_t i, n, at = 0;
    if (!rh_text_is(rh_json_get(row, "rc"), rh_rc_name(rc)) || (rc == RH_OK) != (is->errors == 0))
        return false;
    yyjson_arr_foreach (texts, i, n, text) {
        struct rh_text t = rh_json_text(text);
        while (at < is->count &&
               !memmem(is->rows[at].text, strlen(is->rows[at].text), t.data, t.len))
            at++;
        if (at == is->count || strcmp(is->rows[at].expression, "Patient.text.div") != 0)
            return false;
    }
    return true;
}

static void narratives(void **state)
{
    (void)state;
    yyjson_val *row;
    size_t i, n;
    unsigned wrong = 0;
    yyjson_arr_foreach (read_cases(arena, RH_TESTS "/cases/narrative/narratives.json"), i, n, row) {
        struct rh_issues is;
        rh_issues_init(&is, arena);
        enum rh_rc rc =
            rh_narrative_check(&is, "Patient.text.div", rh_json_get(row, "xhtml"), NULL);
        if (same(&is, rc, row))
            continue;
        wrong++;
        print_error("%s: %s\n", yyjson_get_str(yyjson_obj_get(row, "name")), rh_rc_name(rc));
        for (unsigned k = 0; k < is.count; k++)
            print_error("    %s\n", is.rows[k].text);
    }
    assert_true(n > 40);
    assert_int_equal(wrong, 0);
}

static void says_whether_it_is_empty(void **state)
{
    (void)state;
    struct rh_issues is;
    bool empty = false;
    rh_issues_init(&is, arena);
    assert_int_equal(
        rh_narrative_check(&is, "x", RH_TEXT("<div xmlns=\"http://www.w3.org/1999/xhtml\"> </div>"),
                           &empty),
        RH_VALUE);
    assert_true(empty);
    assert_string_equal(is.rows[0].code, "invariant");
    (void)rh_narrative_check(&is, "x", RH_TEXT("<div>a</div>"), &empty);
    assert_false(empty);
    (void)rh_narrative_check(&is, "x", RH_TEXT("<div>"), &empty); /* not known is not empty */
    assert_false(empty);
}

/* A text of findings only takes time in proportion to its length. */
static void stops_counting_findings(void **state)
{
    (void)state;
    struct rh_issues is;
    struct rh_buf b = rh_buf(arena);
    rh_issues_init(&is, arena);
    rh_buf_str(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < 100000; i++)
        rh_buf_str(&b, "<x q='&y;'/>\n");
    rh_buf_str(&b, "</div>");
    assert_int_equal(rh_narrative_check(&is, "x", rh_buf_get(&b), NULL), RH_VALUE);
    assert_int_equal(is.count, RH_ISSUES_MAX);
}

static void add_mark(void *user, enum rh_narrative_mark mark, struct rh_text value)
{
    rh_buf_printf(user, "%d:%.*s ", (int)mark, RH_TEXT_ARG(value));
}

static void tells_names_and_links(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    rh_narrative_marks(arena,
                       RH_TEXT("<div id=\"a\"><a name=\"b&amp;\" href=\"#c\"/><a href=\"#\"/>"
                               "<a href=\"x#y\"/><img src=\"#d\" name=\"e\"/></x>"),
                       add_mark, &b);
    rh_buf_char(&b, 0);
    assert_string_equal(b.data, "0:a 0:b& 1:c 2:d ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(narratives, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(says_whether_it_is_empty, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(tells_names_and_links, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(stops_counting_findings, open_arena, close_arena),
    };
    return cmocka_run_group_tests_name("narrative", tests, NULL, NULL);
}
