/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is what was wanted in what was got, and where does it differ? */
#include "clinical/subset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static yyjson_val *json(struct rh_arena *a, const char *text)
{
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    assert_int_equal(rh_json_parse(a, &is, rh_text(text), &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

/* The difference as it is printed; "" when it is in it. */
static const struct {
    const char *want, *got, *says;
} rows[] = {
    {"{}", "{\"a\":1}", ""},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", ""},
    {"{\"a\":1.50}", "{\"a\":1.5}", ""},
    {"{\"a\":1e2}", "{\"a\":100}", ""},
    {"{\"a\":1}", "{\"a\":\"1\"}", "at a: wanted 1, got \"1\""},
    {"{\"a\":1}", "{\"a\":2}", "at a: wanted 1, got 2"},
    {"{\"a\":true}", "{\"a\":false}", "at a: wanted true, got false"},
    {"{\"a\":\"x\"}", "{}", "at a: wanted \"x\", got nothing"},
    {"{\"a\":null}", "{}", ""},
    {"{\"a\":null}", "{\"a\":null}", ""},
    {"{\"a\":null}", "{\"a\":0}", "at a: wanted nothing, got 0"},
    {"{\"a\":[]}", "{}", ""},
    {"{\"a\":[]}", "{\"a\":[]}", ""},
    {"{\"a\":[]}", "{\"a\":[1]}", "at a: wanted [], got [1]"},
    {"[2,1]", "[1,2,3]", ""},
    {"[1,4]", "[1,2]", "wanted 4, got [1,2]"},
    {"[1]", "1", "wanted [1], got 1"},
    {"1", "[1]", "wanted 1, got [1]"},
    {"{\"a\":{\"b\":1}}", "{\"a\":[{\"b\":1}]}", "at a: wanted {\"b\":1}, got [{\"b\":1}]"},
    {"{\"p\":[{\"id\":\"x\",\"h\":[{\"id\":\"y\",\"until\":\"1\"}]}]}",
     "{\"p\":[{\"id\":\"w\"},{\"id\":\"x\",\"h\":[{\"id\":\"z\"},{\"id\":\"y\",\"until\":\"2\"}]}]"
     "}",
     "at p[1].h[1].until: wanted \"1\", got \"2\""},
    {"{\"p\":[{\"id\":\"x\"}]}", "{\"p\":[]}", "at p: wanted {\"id\":\"x\"}, got []"},
};

static void differences_are_found_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_arena *a = rh_arena_open(1 << 20);
        struct rh_difference d;
        struct rh_buf b = rh_buf(a);
        bool in = rh_subset(a, json(a, rows[i].want), json(a, rows[i].got), &d);
        if (!in)
            rh_difference_print(&d, &b);
        rh_buf_char(&b, 0);
        assert_string_equal(b.data, rows[i].says);
        assert_true(in == (rows[i].says[0] == 0));
        assert_true(in == rh_subset(a, json(a, rows[i].want), json(a, rows[i].got), NULL));
        rh_arena_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences_are_found_and_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
