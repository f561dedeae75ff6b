/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates of cases, filled in. */
#include "clinical/pack_case.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static yyjson_val *json(struct rh_arena *a, struct rh_text text)
{
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    assert_int_equal(rh_json_parse(a, &is, text, &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

static yyjson_val *find(void *user, struct rh_text name)
{
    return rh_text_is(name, "t") ? user : NULL;
}

/* `says`: what is refused; NULL: nothing. */
static const struct {
    const char *given, *template, *want, *says;
} rows[] = {
    {"[{\"a\":1.50}]", "{}", "[{\"a\":1.50}]", NULL},
    {"[{\"$use\":\"t\",\"d\":\"2026\"}]", "{\"a\":\"${d}\"}", "[{\"a\":\"2026\"}]", NULL},
    {"[{\"$use\":\"t\",\"d\":2.50}]", "{\"a\":\"${d}\"}", "[{\"a\":2.50}]", NULL},
    {"[{\"$use\":\"t\",\"d\":{\"x\":[1]}}]", "{\"a\":\"${d}\"}", "[{\"a\":{\"x\":[1]}}]", NULL},
    {"[{\"$use\":\"t\"}]", "{\"a\":\"${d|x y}\",\"b\":1}", "[{\"a\":\"x y\",\"b\":1}]", NULL},
    {"[{\"$use\":\"t\"}]", "{\"a\":\"${d|=70}\",\"b\":\"${d|=true}\"}", "[{\"a\":70,\"b\":true}]",
     NULL},
    {"[{\"$use\":\"t\"}]", "{\"a\":\"${d|77386006}\"}", "[{\"a\":\"77386006\"}]", NULL},
    {"[{\"$use\":\"t\"}]", "{\"a\":\"${d|}\"}", "[{\"a\":\"\"}]", NULL},
    {"[{\"$use\":\"t\",\"d\":\"2026\"}]", "{\"a\":\"${d}T10:00Z ${e|f}\"}",
     "[{\"a\":\"2026T10:00Z f\"}]", NULL},
    {"[{\"$use\":\"t\"}]",
     "{\"a\":\"x${d}\",\"b\":{\"c\":\"${d}\"},\"e\":[\"${d}\",{\"f\":\"${d}\"}],\"g\":{}}",
     "[{\"g\":{}}]", NULL},
    {"[{\"$use\":\"t\"}]", "[{\"a\":1},{\"b\":\"${d}\"},{\"c\":2}]", "[{\"a\":1},{\"c\":2}]", NULL},
    {"[{\"$use\":\"t\"}]", "{\"a\":\"$ {d} ${d\"}", "[{\"a\":\"$ {d} ${d\"}]", NULL},
    {"[{\"$use\":\"u\"}]", "{}", NULL, "no template u"},
    {"[{\"a\":1},{\"$use\":\"t\",\"e\":1}]", "{\"a\":\"${d|x}\"}", NULL,
     "given[1]: the template t has no ${e}"},
    {"{\"a\":1}", "{}", NULL, "must be a list"},
};

static void templates_are_filled_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_arena *a = rh_arena_open(1 << 20);
        struct rh_issues is;
        struct rh_buf b = rh_buf(a);
        yyjson_val *got = NULL;
        rh_issues_init(&is, a);
        struct rh_ctx c = {.arena = a, .issues = &is};
        enum rh_rc rc = rh_case_given(&c, json(a, rh_text(rows[i].given)), find,
                                      json(a, rh_text(rows[i].template)), &got);
        assert_true((rc == RH_OK) == (rows[i].says == NULL));
        if (rc) {
            assert_int_equal(is.count, 1);
            assert_non_null(strstr(is.rows[0].text, rows[i].says));
        } else {
            rh_json_write(&b, got);
            rh_buf_char(&b, 0);
            assert_string_equal(b.data, rows[i].want);
        }
        rh_arena_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(templates_are_filled_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
