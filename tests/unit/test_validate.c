/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * validate.h: the cases of tests/cases/validate, each a resource, perhaps definitions and a
 * profile, and the errors that are wanted ("expression | part of the text"); no others may come,
 * unless the case says "some". Then what no case can say: limits, silence, stopping.
 */
#include "base/alloc.h"
#include "conformance/validate.h"
#include "programme/definitions.h"
#include "programme/validation.h"
#include "system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct rh_package *builtin[RH_BUILTIN_PACKAGES];
static struct rh_arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(256 << 20);
    return rh_definitions_builtin(builtin) == RH_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < RH_BUILTIN_PACKAGES; i++)
        rh_package_close(builtin[i]);
    rh_arena_close(arena);
    return 0;
}

/* The built-in world and a case's own definitions. */
static struct rh_world *world_of(yyjson_val *definitions)
{
    struct rh_package *all[RH_BUILTIN_PACKAGES + 1];
    struct rh_issues is;
    struct rh_world *w;
    size_t n = RH_BUILTIN_PACKAGES, i, m;
    yyjson_val *d;
    memcpy(all, builtin, sizeof builtin);
    if (definitions) {
        assert_int_equal(rh_package_open(RH_TEXT("case"), RH_TEXT("1"), NULL, &all[n]), RH_OK);
        rh_issues_init(&is, arena);
        yyjson_arr_foreach (definitions, i, m, d) {
            struct rh_buf b = rh_buf(arena);
            rh_json_write(&b, d);
            assert_int_equal(rh_package_add_json(all[n], &is, rh_buf_get(&b)), RH_OK);
        }
        rh_package_seal(all[n++]);
    }
    assert_int_equal(rh_world_open(all, n, &w), RH_OK);
    if (n > RH_BUILTIN_PACKAGES)
        rh_package_close(all[n - 1]);
    return w;
}

/* "Patient.name[0] | part": takes the first error that fits away. */
static bool take(struct rh_issues *is, bool *taken, struct rh_text want)
{
    const char *bar = memmem(want.data, want.len, " | ", 3);
    assert_non_null(bar);
    struct rh_text place = {want.data, (size_t)(bar - want.data)};
    struct rh_text part = {bar + 3, want.len - place.len - 3};
    for (unsigned i = 0; i < is->count; i++) {
        const struct rh_issue *row = &is->rows[i];
        if (taken[i] || row->severity > RH_ERROR || !rh_text_is(place, row->expression) ||
            !memmem(row->text, strlen(row->text), part.data, part.len))
            continue;
        taken[i] = true;
        return true;
    }
    return false;
}

static unsigned check_wants(struct rh_issues *is, yyjson_val *c, const char *name)
{
    static bool taken[RH_ISSUES_REPORT_MAX + 1];
    size_t i, n;
    yyjson_val *want;
    unsigned bad = 0;
    memset(taken, 0, sizeof taken);
    yyjson_val *wants = yyjson_obj_get(c, "wants");
    yyjson_arr_foreach (wants, i, n, want) {
        if (!take(is, taken, rh_json_text(want))) {
            print_error("%s: missing: %s\n", name, yyjson_get_str(want));
            bad++;
        }
    }
    yyjson_val *warnings = yyjson_obj_get(c, "warnings");
    yyjson_arr_foreach (warnings, i, n, want) {
        bool found = false;
        for (unsigned k = 0; k < is->count; k++)
            found |= is->rows[k].severity == RH_WARNING &&
                     strstr(is->rows[k].text, yyjson_get_str(want));
        if (!found) {
            print_error("%s: no warning: %s\n", name, yyjson_get_str(want));
            bad++;
        }
    }
    for (unsigned k = 0; k < is->count; k++)
        if (is->rows[k].severity <= RH_ERROR && !taken[k] && !yyjson_obj_get(c, "some")) {
            print_error("%s: not wanted: %s | %s\n", name, is->rows[k].expression,
                        is->rows[k].text);
            bad++;
        }
    return bad;
}

static unsigned run_case(yyjson_val *c, const char *file)
{
    struct rh_issues is;
    struct rh_text profile = rh_json_get(c, "profile");
    struct rh_validate_options o = {
        .profiles = &profile,
        .n_profiles = profile.len ? 1 : 0,
        .extensions = yyjson_is_true(yyjson_obj_get(c, "any_extensions")) ? RH_EXTENSIONS_ANY
                                                                          : RH_EXTENSIONS_DEFAULT};
    struct rh_world *w = world_of(yyjson_obj_get(c, "definitions"));
    bool good = false;
    char name[256];
    const char *title = yyjson_get_str(yyjson_obj_get(c, "name"));
    (void)snprintf(name, sizeof name, "%s: %s", file, title ? title : "without a name");
    rh_issues_init(&is, arena);
    is.max = RH_ISSUES_REPORT_MAX;
    struct rh_ctx ctx = {.arena = arena, .issues = &is, .world = w, .host = &rh_programme_host};
    assert_int_equal(rh_validate(&ctx, yyjson_obj_get(c, "resource"), &o, &good), RH_OK);
    unsigned bad = check_wants(&is, c, name);
    if (good != (is.errors == 0)) {
        print_error("%s: the verdict does not fit the issues\n", name);
        bad++;
    }
    rh_world_close(w);
    return bad;
}

static void run_file(const char *file)
{
    char path[512];
    char *text;
    size_t len, i, n;
    struct rh_issues is;
    yyjson_doc *doc;
    yyjson_val *c;
    unsigned bad = 0;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    (void)snprintf(path, sizeof path, "%s/cases/validate/%s.json", RH_TESTS, file);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text = rh_arena_alloc(arena, 1 << 20);
    len = fread(text, 1, 1 << 20, f);
    (void)fclose(f);
    assert_int_equal(rh_json_parse(arena, &is, (struct rh_text){text, len}, &doc), RH_OK);
    yyjson_val *cases = yyjson_doc_get_root(doc);
    assert_true(yyjson_arr_size(cases) > 0);
    yyjson_arr_foreach (cases, i, n, c)
        bad += run_case(c, file);
    assert_int_equal(bad, 0);
}

#define FILES(X)  \
    X(structure)  \
    X(primitives) \
    X(codes)      \
    X(extensions) \
    X(references) \
    X(bundles)    \
    X(narratives) X(definitions) X(profiles) X(invariants) X(answers) X(faults) X(profile_faults)
#define X(name)                            \
    static void name##_cases(void **state) \
    {                                      \
        (void)state;                       \
        run_file(#name);                   \
    }
FILES(X)
#undef X

/* --- limits --------------------------------------------------------------------------------------
 */

static enum rh_rc validate_text(struct rh_world *w, struct rh_issues *is, struct rh_text text,
                                const struct rh_validate_options *o, bool *good)
{
    yyjson_doc *doc;
    struct rh_ctx ctx = {.arena = arena, .issues = is, .world = w, .host = &rh_programme_host};
    assert_int_equal(rh_json_parse(arena, is, text, &doc), RH_OK);
    return rh_validate(&ctx, yyjson_doc_get_root(doc), o, good);
}

static void says_what_is_no_resource(void **state)
{
    (void)state;
    struct rh_issues is;
    bool good = true;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    struct rh_world *w = world_of(NULL);
    assert_int_equal(validate_text(w, &is, RH_TEXT("[]"), NULL, &good), RH_STRUCTURE);
    assert_int_equal(validate_text(w, &is, RH_TEXT("{\"resourceType\":\"Nobody\"}"), NULL, &good),
                     RH_STRUCTURE);
    assert_int_equal(is.errors, 2);
    rh_world_close(w);
}

static void is_silent_about_warnings_when_told(void **state)
{
    (void)state;
    static const struct rh_validate_options quiet = {.quiet = true};
    struct rh_text text = RH_TEXT("{\"resourceType\":\"Patient\",\"meta\":{\"profile\":"
                                  "[\"http://nowhere.test/p\"]},\"active\":true}");
    struct rh_issues is;
    bool good = false;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    struct rh_world *w = world_of(NULL);
    assert_int_equal(validate_text(w, &is, text, &quiet, &good), RH_OK);
    assert_true(good);
    assert_int_equal(is.count, 0);
    assert_int_equal(validate_text(w, &is, text, NULL, &good), RH_OK);
    assert_true(good);
    assert_true(is.count > 0);
    rh_world_close(w);
}

/* Without any definition the structure is not checked by guesses: it says what is missing. */
static void says_that_definitions_are_missing(void **state)
{
    (void)state;
    struct rh_issues is;
    struct rh_world *w;
    bool good = false;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    assert_int_equal(rh_world_open(NULL, 0, &w), RH_OK);
    assert_int_equal(validate_text(w, &is, RH_TEXT("{\"resourceType\":\"Patient\"}"), NULL, &good),
                     RH_OK);
    assert_int_equal(is.count, 1);
    assert_int_equal(is.rows[0].severity, RH_WARNING);
    rh_world_close(w);
}

/* Full of errors: the report ends, says so, and the verdict stays. */
static void stops_when_the_report_is_full(void **state)
{
    (void)state;
    struct rh_issues is;
    bool good = true;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "{\"resourceType\":\"Patient\",\"name\":[");
    for (unsigned i = 0; i < 100000; i++)
        rh_buf_str(&b, i ? ",{\"use\":\"x\"}" : "{\"use\":\"x\"}");
    rh_buf_str(&b, "]}");
    struct rh_world *w = world_of(NULL);
    assert_int_equal(validate_text(w, &is, rh_buf_get(&b), NULL, &good), RH_OK);
    assert_false(good);
    assert_int_equal(is.count, RH_ISSUES_MAX);
    rh_world_close(w);
}

/* So many warnings that they would fill the report: the error after them is still found and told.
 */
static void finds_the_error_behind_many_warnings(void **state)
{
    (void)state;
    struct rh_issues is;
    bool good = true;
    rh_arena_reset(arena);
    rh_issues_init(&is, arena);
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[");
    for (unsigned i = 0; i < 1000; i++)
        rh_buf_printf(&b, "%s{\"system\":\"http://nowhere.test/c\",\"code\":\"%u\"}", i ? "," : "",
                      i);
    rh_buf_str(&b, "]},\"created\":\"yesterday\"}");
    struct rh_world *w = world_of(NULL);
    assert_int_equal(validate_text(w, &is, rh_buf_get(&b), NULL, &good), RH_OK);
    assert_false(good);
    assert_int_equal(is.errors, 1);
    assert_string_equal(is.rows[is.count - 1].expression, "Basic.created");
    assert_true(is.count <= RH_ISSUES_MAX / 2 + 2);
    rh_world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define X(name) cmocka_unit_test(name##_cases),
        FILES(X)
#undef X
            cmocka_unit_test(says_what_is_no_resource),
        cmocka_unit_test(is_silent_about_warnings_when_told),
        cmocka_unit_test(says_that_definitions_are_missing),
        cmocka_unit_test(stops_when_the_report_is_full),
        cmocka_unit_test(finds_the_error_behind_many_warnings),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
