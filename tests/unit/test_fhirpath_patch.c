/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FHIRPath Patch: each row of tests/cases/fhirpath-patch is a resource, a patch and what it makes,
 * or its refusal. */
#include "conformance/fhirpath_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

static struct rh_text minified(yyjson_val *v)
{
    struct rh_buf b = rh_buf(arena);
    rh_json_write(&b, v);
    return rh_buf_get(&b);
}

/* Members in any order. */
static bool equal(yyjson_val *a, yyjson_val *b)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (yyjson_is_obj(a) && yyjson_is_obj(b) && yyjson_obj_size(a) == yyjson_obj_size(b)) {
        yyjson_obj_foreach (a, i, n, key, v)
            if (!equal(v, yyjson_obj_get(b, yyjson_get_str(key))))
                return false;
        return true;
    }
    if (yyjson_is_arr(a) && yyjson_is_arr(b) && yyjson_arr_size(a) == yyjson_arr_size(b)) {
        yyjson_arr_foreach (a, i, n, v)
            if (!equal(v, yyjson_arr_get(b, i)))
                return false;
        return true;
    }
    return a && b && rh_text_eq(minified(a), minified(b));
}

static bool same_refusal(yyjson_val *row, enum rh_rc rc, const struct rh_issues *is,
                         const struct rh_buf *out)
{
    struct rh_text text = rh_json_get(row, "text");
    return rh_text_is(rh_json_get(row, "rc"), rh_rc_name(rc)) && is->count == 1 &&
           is->rows[0].expression &&
           rh_text_is(rh_json_get(row, "expression"), is->rows[0].expression) &&
           memmem(is->rows[0].text, strlen(is->rows[0].text), text.data, text.len) && out->len == 0;
}

static bool run(yyjson_val *row)
{
    struct rh_issues is;
    struct rh_buf out = rh_buf(arena);
    rh_issues_init(&is, arena);
    struct rh_ctx c = {.arena = arena, .issues = &is};
    yyjson_val *resource = yyjson_obj_get(row, "resource"), *want = yyjson_obj_get(row, "want");
    struct rh_text before = minified(resource);
    enum rh_rc rc = rh_fhirpath_patch(&c, resource, yyjson_obj_get(row, "patch"), &out);
    bool ok = want ? rc == RH_OK && is.count == 0 && equal(parse(arena, rh_buf_get(&out)), want)
                   : same_refusal(row, rc, &is, &out);
    ok = ok && rh_text_eq(before, minified(resource));
    if (!ok) {
        print_error("%s: %s %.*s\n", yyjson_get_str(yyjson_obj_get(row, "name")), rh_rc_name(rc),
                    (int)out.len, out.data ? out.data : "");
        for (unsigned i = 0; i < is.count; i++)
            print_error("    %s: %s\n", is.rows[i].expression ? is.rows[i].expression : "-",
                        is.rows[i].text);
    }
    return ok;
}

static void operations(void **state)
{
    (void)state;
    yyjson_val *row;
    size_t i, n;
    unsigned wrong = 0;
    yyjson_arr_foreach (read_cases(arena, RH_TESTS "/cases/fhirpath-patch/operations.json"), i, n,
                        row)
        wrong += !run(row);
    assert_true(n > 50);
    assert_int_equal(wrong, 0);
}

static void takes_many_operations_and_refuses_too_many(void **state)
{
    (void)state;
    yyjson_val *resource =
        parse(arena, RH_TEXT("{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"}]}"));
    for (int many = 1000; many <= 1001; many++) {
        struct rh_issues is;
        struct rh_buf b = rh_buf(arena), out = rh_buf(arena);
        rh_issues_init(&is, arena);
        struct rh_ctx c = {.arena = arena, .issues = &is};
        rh_buf_str(&b, "{\"resourceType\":\"Parameters\",\"parameter\":[");
        for (int i = 0; i < many; i++)
            rh_buf_printf(
                &b,
                "%s{\"name\":\"operation\",\"part\":[{\"name\":\"type\",\"valueCode\":"
                "\"replace\"},{\"name\":\"path\",\"valueString\":\"Patient.name[0].text\"},"
                "{\"name\":\"value\",\"valueString\":\"%d\"}]}",
                i ? "," : "", i);
        rh_buf_str(&b, "]}");
        enum rh_rc rc = rh_fhirpath_patch(&c, resource, parse(arena, rh_buf_get(&b)), &out);
        assert_int_equal(rc, many == 1000 ? RH_OK : RH_INVALID);
        if (rc == RH_OK)
            assert_true(memmem(out.data, out.len, "\"999\"", 5) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operations, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(takes_many_operations_and_refuses_too_many, open_arena,
                                        close_arena),
    };
    return cmocka_run_group_tests_name("fhirpath_patch", tests, NULL, NULL);
}
