/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Patch: RFC 6902's own examples (appendix A) on a resource, refusals, and the depth limit. */
#include "record/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;

static yyjson_val *parse(const char *text)
{
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(text), &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

static const char *written(const yyjson_val *v)
{
    struct rh_buf b = rh_buf(arena);
    rh_json_write(&b, v);
    return rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(rh_buf_get(&b)));
}

/* The fields between { and } of a resource that has resourceType and id; A.n is the example. */
static const struct {
    const char *name, *before, *patch, *after; /* after NULL: refused */
    enum rh_rc rc;
    const char *said;
} rows[] = {
    {"A.1 adds a member", "\"a\":1", "[{'op':'add','path':'/b','value':2}]", "\"a\":1,\"b\":2", 0,
     ""},
    {"A.2 adds into an array", "\"a\":[1,3]", "[{'op':'add','path':'/a/1','value':2}]",
     "\"a\":[1,2,3]", 0, ""},
    {"adds at the end of an array", "\"a\":[1]", "[{'op':'add','path':'/a/-','value':2}]",
     "\"a\":[1,2]", 0, ""},
    {"adds at the index behind the last", "\"a\":[1]", "[{'op':'add','path':'/a/1','value':2}]",
     "\"a\":[1,2]", 0, ""},
    {"adding over a member sets it", "\"a\":1", "[{'op':'add','path':'/a','value':2}]", "\"a\":2",
     0, ""},
    {"A.3 removes a member", "\"a\":1,\"b\":2", "[{'op':'remove','path':'/a'}]", "\"b\":2", 0, ""},
    {"A.4 removes from an array", "\"a\":[1,2,3]", "[{'op':'remove','path':'/a/1'}]", "\"a\":[1,3]",
     0, ""},
    {"A.5 replaces", "\"a\":1,\"b\":2", "[{'op':'replace','path':'/a','value':'x'}]",
     "\"a\":\"x\",\"b\":2", 0, ""},
    {"A.6 moves a value", "\"a\":{\"x\":1},\"b\":{}", "[{'op':'move','from':'/a/x','path':'/b/y'}]",
     "\"a\":{},\"b\":{\"y\":1}", 0, ""},
    {"A.7 moves inside an array", "\"a\":[1,2,3,4]", "[{'op':'move','from':'/a/1','path':'/a/3'}]",
     "\"a\":[1,3,4,2]", 0, ""},
    {"copies", "\"a\":{\"x\":[1]}", "[{'op':'copy','from':'/a','path':'/b'}]",
     "\"a\":{\"x\":[1]},\"b\":{\"x\":[1]}", 0, ""},
    {"A.8 tests", "\"a\":\"x\",\"b\":[1,\"y\",2]",
     "[{'op':'test','path':'/a','value':'x'},{'op':'test','path':'/b/1','value':'y'}]",
     "\"a\":\"x\",\"b\":[1,\"y\",2]", 0, ""},
    {"A.9 a test that fails", "\"a\":\"x\"",
     "[{'op':'remove','path':'/a'},{'op':'add','path':'/a','value':'y'},"
     "{'op':'test','path':'/a','value':'x'}]",
     NULL, RH_RULE, "operation 3 (test /a)"},
    {"A.10 adds an object", "\"a\":1", "[{'op':'add','path':'/b','value':{'c':{}}}]",
     "\"a\":1,\"b\":{\"c\":{}}", 0, ""},
    {"A.11 ignores members it does not know", "\"a\":1",
     "[{'op':'add','path':'/b','value':2,'xyz':3}]", "\"a\":1,\"b\":2", 0, ""},
    {"A.12 no place to add to", "\"a\":1", "[{'op':'add','path':'/b/c','value':2}]", NULL, RH_RULE,
     "operation 1 (add /b/c)"},
    {"A.14 ~0 and ~1 in a path", "\"/\":9,\"~1\":10", "[{'op':'test','path':'/~01','value':10}]",
     "\"/\":9,\"~1\":10", 0, ""},
    {"A.15 a string is no number", "\"/\":9,\"~1\":10",
     "[{'op':'test','path':'/~01','value':'10'}]", NULL, RH_RULE, "another value"},
    {"numbers are compared by value and kept as they are", "\"a\":1.50",
     "[{'op':'test','path':'/a','value':15e-1}]", "\"a\":1.50", 0, ""},
    {"a number's text is what was sent", "\"a\":1", "[{'op':'replace','path':'/a','value':2.100}]",
     "\"a\":2.100", 0, ""},
    {"objects are equal in any order", "\"a\":{\"x\":1,\"y\":[null,true]}",
     "[{'op':'test','path':'/a','value':{'y':[null,true],'x':1}}]",
     "\"a\":{\"x\":1,\"y\":[null,true]}", 0, ""},
    {"arrays are not", "\"a\":[1,2]", "[{'op':'test','path':'/a','value':[2,1]}]", NULL, RH_RULE,
     "another value"},
    {"a longer array is another", "\"a\":[1,2]", "[{'op':'test','path':'/a','value':[1]}]", NULL,
     RH_RULE, "another value"},
    {"an empty patch changes nothing", "\"a\":1", "[]", "\"a\":1", 0, ""},
    {"moves to where it is", "\"a\":1", "[{'op':'move','from':'/a','path':'/a'}]", "\"a\":1", 0,
     ""},
    {"removes what is not there", "\"a\":1", "[{'op':'remove','path':'/b'}]", NULL, RH_RULE,
     "no such element"},
    {"replaces what is not there", "\"a\":1", "[{'op':'replace','path':'/b','value':1}]", NULL,
     RH_RULE, "no such element"},
    {"tests what is not there", "\"a\":1", "[{'op':'test','path':'/b','value':1}]", NULL, RH_RULE,
     "no such element"},
    {"copies what is not there", "\"a\":1", "[{'op':'copy','from':'/b','path':'/c'}]", NULL,
     RH_RULE, "\"from\""},
    {"an index too far", "\"a\":[1]", "[{'op':'add','path':'/a/3','value':2}]", NULL, RH_RULE,
     "no such place"},
    {"an index with a leading zero", "\"a\":[1,2]", "[{'op':'remove','path':'/a/01'}]", NULL,
     RH_RULE, "no such element"},
    {"moves an element into itself", "\"a\":{\"b\":{}}",
     "[{'op':'move','from':'/a','path':'/a/b/c'}]", NULL, RH_RULE, "into itself"},
    {"removes everything", "\"a\":1", "[{'op':'remove','path':''}]", NULL, RH_VALUE, "delete it"},
    {"another type", "\"a\":1", "[{'op':'replace','path':'/resourceType','value':'Basic'}]", NULL,
     RH_VALUE, "resourceType"},
    {"another id", "\"a\":1", "[{'op':'replace','path':'/id','value':'q'}]", NULL, RH_VALUE, "id"},
    {"no id any more", "\"a\":1", "[{'op':'remove','path':'/id'}]", NULL, RH_VALUE, "id"},
    {"an unknown op", "\"a\":1", "[{'op':'merge','path':'/a','value':1}]", NULL, RH_STRUCTURE,
     "one of add"},
    {"no op", "\"a\":1", "[{'path':'/a','value':1}]", NULL, RH_STRUCTURE, "one of add"},
    {"no path", "\"a\":1", "[{'op':'remove'}]", NULL, RH_STRUCTURE, "\"path\""},
    {"no value", "\"a\":1", "[{'op':'add','path':'/a'}]", NULL, RH_STRUCTURE, "\"value\""},
    {"no from", "\"a\":1", "[{'op':'move','path':'/a'}]", NULL, RH_STRUCTURE, "\"from\""},
    {"a path without a slash", "\"a\":1", "[{'op':'remove','path':'a'}]", NULL, RH_STRUCTURE,
     "begin with /"},
    {"an operation that is no object", "\"a\":1", "['remove']", NULL, RH_STRUCTURE, "operation 1"},
    {"a patch that is no array", "\"a\":1", "{'op':'remove','path':'/a'}", NULL, RH_STRUCTURE,
     "array"},
};

static enum rh_rc patch_row(const char *before, const char *patch, yyjson_val **ret)
{
    char *p = rh_arena_printf(arena, "%s", patch);
    for (char *c = p; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    char *resource =
        rh_arena_printf(arena, "{\"resourceType\":\"Patient\",\"id\":\"p\",%s}", before);
    yyjson_val *r = parse(resource);
    enum rh_rc rc = rh_json_patch(arena, &issues, r, parse(p), ret);
    assert_string_equal(written(r), resource); /* the input stays */
    return rc;
}

static void follows_rfc_6902(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        yyjson_val *v = NULL;
        rh_arena_reset(arena);
        rh_issues_init(&issues, arena);
        enum rh_rc rc = patch_row(rows[i].before, rows[i].patch, &v);
        if (rc != rows[i].rc)
            fail_msg("%s: %s %s", rows[i].name, rh_rc_name(rc),
                     issues.count ? issues.rows[0].text : "");
        if (rows[i].after)
            assert_string_equal(
                written(v), rh_arena_printf(arena, "{\"resourceType\":\"Patient\",\"id\":\"p\",%s}",
                                            rows[i].after));
        else if (v || issues.count != 1 || !strstr(issues.rows[0].text, rows[i].said))
            fail_msg("%s: %s", rows[i].name, issues.count ? issues.rows[0].text : "no issue");
    }
}

/* {"resourceType":…,"a":{"a":{…}}} of so many levels. */
static const char *nested(unsigned levels)
{
    struct rh_buf b = rh_buf(arena);
    for (unsigned i = 1; i < levels; i++)
        rh_buf_str(&b, "\"a\":{");
    rh_buf_str(&b, "\"x\":1");
    for (unsigned i = 2; i < levels; i++)
        rh_buf_char(&b, '}');
    rh_buf_str(&b, levels > 1 ? "}" : "");
    rh_buf_char(&b, '\0');
    return rh_buf_get(&b).data;
}

static void refuses_to_nest_deeper_than_can_be_read(void **state)
{
    (void)state;
    static const struct {
        unsigned levels;
        const char *patch;
        enum rh_rc rc;
    } deep[] = {
        {63, "[{'op':'add','path':'/b','value':1}]", RH_OK},
        {63, "[{'op':'copy','from':'/a','path':'/b'}]", RH_OK},
        {63, "[{'op':'add','path':'/a/b','value':{}},{'op':'copy','from':'/a','path':'/a/b/c'}]",
         RH_RULE},
        {33, "[{'op':'copy','from':'/a','path':'/a/b'}]", RH_OK},
        {64, "[{'op':'copy','from':'/a','path':'/a/b'}]", RH_RULE},
        {64, "[{'op':'replace','path':'/a/a','value':[]}]", RH_OK},
        {64,
         "[{'op':'add','path':'/b','value':{}},{'op':'add','path':'/b/c','value':{}},"
         "{'op':'move','from':'/a','path':'/b/c/d'}]",
         RH_RULE},
        {64,
         "[{'op':'add','path':'/b','value':{}},{'op':'replace','path':'/b','value':[{}]},"
         "{'op':'copy','from':'/a','path':'/b/0/c'}]",
         RH_RULE},
        {3,
         "[{'op':'copy','from':'/a','path':'/a/1'},{'op':'copy','from':'/a','path':'/a/2'},"
         "{'op':'copy','from':'/a','path':'/a/3'},{'op':'copy','from':'/a','path':'/a/4'},"
         "{'op':'copy','from':'/a','path':'/a/5'},{'op':'copy','from':'/a','path':'/a/6'}]",
         RH_OK},
    };
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++) {
        yyjson_val *v = NULL;
        yyjson_doc *doc;
        rh_arena_reset(arena);
        rh_issues_init(&issues, arena);
        enum rh_rc rc = patch_row(nested(deep[i].levels), deep[i].patch, &v);
        if (rc != deep[i].rc)
            fail_msg("row %zu: %s", i, rh_rc_name(rc));
        if (rc == RH_OK) /* what was made can be read again */
            assert_int_equal(rh_json_parse(arena, &issues, rh_text(written(v)), &doc), RH_OK);
        else
            assert_non_null(strstr(issues.rows[0].text, "64 levels"));
    }
}

/* A thousand copies of a whole into itself would be 2^1000 deep. */
static void many_copies_end_in_a_refusal_not_in_the_stack(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena), path = rh_buf(arena);
    rh_buf_char(&b, '[');
    for (unsigned i = 0; i < 200; i++) {
        rh_buf_str(&path, "/a");
        rh_buf_printf(&b, "%s{'op':'copy','from':'/a','path':'%.*s/a'}", i ? "," : "",
                      RH_TEXT_ARG(rh_buf_get(&path)));
    }
    rh_buf_str(&b, "]");
    rh_buf_char(&b, '\0');
    yyjson_val *v = NULL;
    rh_issues_init(&issues, arena);
    assert_int_equal(patch_row("\"a\":{\"x\":1}", rh_buf_get(&b).data, &v), RH_RULE);
    assert_non_null(strstr(issues.rows[0].text, "64 levels"));
}

static void refuses_too_many_operations(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    yyjson_val *v = NULL;
    rh_issues_init(&issues, arena);
    for (unsigned i = 0; i <= RH_PATCH_OPS_MAX; i++)
        rh_buf_printf(&b, "%s{'op':'add','path':'/b','value':%u}", i ? "," : "[", i);
    rh_buf_add(&b, "]\0", 2);
    assert_int_equal(patch_row("\"a\":1", rh_buf_get(&b).data, &v), RH_TOOLARGE);
}

static int make(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_rfc_6902, make, clean),
        cmocka_unit_test_setup_teardown(refuses_to_nest_deeper_than_can_be_read, make, clean),
        cmocka_unit_test_setup_teardown(many_copies_end_in_a_refusal_not_in_the_stack, make, clean),
        cmocka_unit_test_setup_teardown(refuses_too_many_operations, make, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
