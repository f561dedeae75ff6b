/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminology.h over a small world (tests/cases/terminology): which codes are in which value sets,
 * what the operations answer, check digits, and what may not go wrong. */
#include "terminology/terminology.h"

#include "system/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rh_arena *cases_arena, *arena;
static struct rh_issues issues;
static struct rh_ctx ctx;
static struct rh_world *world;
static const struct rh_host host = {.regex = rh_regex};

static yyjson_val *load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, RH_TESTS "/cases/terminology/%s.json", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = rh_arena_alloc(cases_arena, 1 << 20);
    size_t n = fread(text, 1, 1 << 20, f);
    fclose(f);
    yyjson_doc *doc;
    struct rh_issues is;
    rh_issues_init(&is, cases_arena);
    assert_int_equal(rh_json_parse(cases_arena, &is, (struct rh_text){text, n}, &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

static int begin(void **state)
{
    (void)state;
    cases_arena = rh_arena_open(64 << 20);
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, cases_arena);
    struct rh_package *p;
    assert_int_equal(rh_package_open(RH_TEXT("cases"), RH_TEXT("1"), NULL, &p), RH_OK);
    yyjson_val *list = load("world"), *one;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, one) {
        struct rh_buf b = rh_buf(cases_arena);
        rh_json_write(&b, one);
        assert_int_equal(rh_package_add_json(p, &issues, rh_buf_get(&b)), RH_OK);
    }
    rh_package_seal(p);
    assert_int_equal(rh_world_open(&p, 1, &world), RH_OK);
    rh_package_close(p);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rh_world_close(world);
    rh_arena_close(arena);
    rh_arena_close(cases_arena);
    return 0;
}

static void fresh(void)
{
    rh_arena_reset(arena);
    rh_issues_init(&issues, arena);
    ctx = (struct rh_ctx){.arena = arena,
                          .issues = &issues,
                          .world = world,
                          .host = &host,
                          .now_us = INT64_C(1700000000000000)};
}

/* "colours" stands for http://example.org/colours; what has a colon stands for itself. */
static const char *address(const char *folder, struct rh_text name)
{
    if (memchr(name.data, ':', name.len))
        return rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(name));
    return rh_arena_printf(arena, "http://example.org/%s%.*s", folder, RH_TEXT_ARG(name));
}

/* --- contains --------------------------------------------------------------------------------- */

static void check_contains(yyjson_val *v)
{
    static const char *const answers[] = {"no", "yes", "unknown set", "unknown system"};
    struct rh_text system = rh_json_get(v, "system"), set = rh_json_get(v, "set");
    struct rh_terms_code code = {.system =
                                     rh_text(address("", system.len ? system : RH_TEXT("colours"))),
                                 .code = rh_json_get(v, "code"),
                                 .display = rh_json_get(v, "given")};
    struct rh_terms_result r;
    assert_int_equal(rh_terms_contains(&ctx, rh_text(address("vs/", set)), &code, &r), RH_OK);
    if (!rh_text_is(rh_json_get(v, "answer"), answers[r.answer]))
        fail_msg("%.*s in %.*s: %s", RH_TEXT_ARG(code.code), RH_TEXT_ARG(set), answers[r.answer]);
    if (rh_json_get(v, "display").len)
        assert_true(rh_text_eq(rh_json_get(v, "display"), r.display));
    assert_int_equal(r.inactive, yyjson_is_true(yyjson_obj_get(v, "inactive")));
    assert_int_equal(r.display_wrong, yyjson_is_true(yyjson_obj_get(v, "wrong")));
    if (r.answer >= RH_TERMS_UNKNOWN_VALUESET)
        assert_true(r.missing.len > 0);
    if (r.answer != RH_TERMS_YES || !system.len)
        return;
    code.any_system = true; /* a plain code: the value set says which system */
    code.system = (struct rh_text){NULL, 0};
    struct rh_terms_result plain;
    assert_int_equal(rh_terms_contains(&ctx, rh_text(address("vs/", set)), &code, &plain), RH_OK);
    assert_int_equal(plain.answer, RH_TERMS_YES);
    assert_true(rh_text_is(plain.system, address("", system)));
}

static void knows_which_codes_are_in_a_value_set(void **state)
{
    (void)state;
    yyjson_val *list = load("contains"), *v;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, v) {
        fresh();
        check_contains(v);
        assert_int_equal(issues.count, 0);
    }
    assert_true(max > 50);
}

static void cannot_know_without_a_world(void **state)
{
    (void)state;
    fresh();
    ctx.world = NULL;
    struct rh_terms_code code = {.system = RH_TEXT("http://example.org/colours"),
                                 .code = RH_TEXT("red")};
    struct rh_terms_result r;
    int subsumes = 7;
    assert_int_equal(rh_terms_contains(&ctx, RH_TEXT("http://example.org/vs/all"), &code, &r),
                     RH_OK);
    assert_int_equal(r.answer, RH_TERMS_UNKNOWN_VALUESET);
    assert_int_equal(rh_terms_in_system(&ctx, &code, &r), RH_OK);
    assert_int_equal(r.answer, RH_TERMS_UNKNOWN_SYSTEM);
    assert_int_equal(rh_terms_subsumes(&ctx, code.system, code.code, code.code, &subsumes), RH_OK);
    assert_int_equal(subsumes, -1);
}

static void knows_which_codes_are_in_a_system(void **state)
{
    (void)state;
    static const struct {
        const char *system, *version, *code;
        enum rh_terms_answer answer;
    } rows[] = {
        {"http://example.org/colours", "", "navy", RH_TERMS_YES},
        {"http://example.org/colours", "1.0", "ochre", RH_TERMS_YES},
        {"http://example.org/colours", "1.0", "navy", RH_TERMS_NO},
        {"http://example.org/colours", "7.0", "navy", RH_TERMS_YES},
        {"http://example.org/colours", "", "mauve", RH_TERMS_NO},
        {"http://example.org/some", "", "two", RH_TERMS_UNKNOWN_SYSTEM},
        {"http://example.org/empty", "", "two", RH_TERMS_UNKNOWN_SYSTEM},
        {"http://example.org/colours-nl", "", "red", RH_TERMS_UNKNOWN_SYSTEM},
        {"urn:ietf:bcp:47", "", "fr", RH_TERMS_YES},
        {"http://unitsofmeasure.org", "", "mg/dL", RH_TERMS_YES},
        {"http://unitsofmeasure.org", "", "mgg/dL", RH_TERMS_NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fresh();
        struct rh_terms_code code = {.system = rh_text(rows[i].system),
                                     .version = rh_text(rows[i].version),
                                     .code = rh_text(rows[i].code)};
        struct rh_terms_result r;
        assert_int_equal(rh_terms_in_system(&ctx, &code, &r), RH_OK);
        if (r.answer != rows[i].answer)
            fail_msg("%s#%s: %d", rows[i].system, rows[i].code, r.answer);
    }
}

/* --- operations ------------------------------------------------------------------------------- */

static void write_parameter(struct rh_buf *b, const char *name, yyjson_val *value, bool of_set)
{
    bool is_address = strcmp(name, "system") == 0 || (of_set && strcmp(name, "url") == 0);
    rh_buf_printf(b, "%s{\"name\":\"%s\",", b->data[b->len - 1] == '[' ? "" : ",", name);
    if (yyjson_is_bool(value)) {
        rh_buf_printf(b, "\"valueBoolean\":%s}", yyjson_is_true(value) ? "true" : "false");
    } else if (yyjson_is_raw(value)) {
        rh_buf_printf(b, "\"valueInteger\":%s}", yyjson_get_raw(value));
    } else {
        rh_buf_str(b, "\"valueString\":");
        rh_buf_json(b, is_address
                           ? rh_text(address(strcmp(name, "url") ? "" : "vs/", rh_json_text(value)))
                           : rh_json_text(value));
        rh_buf_char(b, '}');
    }
}

static yyjson_val *parameters_of(yyjson_val *v, bool of_set)
{
    struct rh_buf b = rh_buf(arena);
    yyjson_val *key, *value;
    size_t i, max;
    rh_buf_str(&b, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    yyjson_obj_foreach (yyjson_obj_get(v, "p"), i, max, key, value)
        write_parameter(&b, yyjson_get_str(key), value, of_set);
    rh_buf_str(&b, "]}");
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, rh_buf_get(&b), &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

static enum rh_terms_op op_of(struct rh_text name)
{
    if (rh_text_is(name, "CodeSystem/validate-code"))
        return RH_TERMS_VALIDATE_SYSTEM;
    for (unsigned op = 0; op < RH_TERMS_OPS; op++)
        if (rh_text_is(name, rh_terms_op_name((enum rh_terms_op)op) + 1))
            return (enum rh_terms_op)op;
    fail_msg("%.*s", RH_TEXT_ARG(name));
    return RH_TERMS_OPS;
}

static void check_texts(struct rh_text name, struct rh_text answer, yyjson_val *texts, bool wanted)
{
    yyjson_val *t;
    size_t i, max;
    yyjson_arr_foreach (texts, i, max, t) {
        bool found = memmem(answer.data, answer.len, yyjson_get_str(t), yyjson_get_len(t)) != NULL;
        if (found != wanted)
            fail_msg("%.*s: %s %s\n%.*s", RH_TEXT_ARG(name), wanted ? "without" : "with",
                     yyjson_get_str(t), RH_TEXT_ARG(answer));
    }
}

static void check_operation(yyjson_val *v)
{
    struct rh_text name = rh_json_get(v, "name"), rc_name = rh_json_get(v, "rc");
    enum rh_terms_op op = op_of(rh_json_get(v, "op"));
    bool of_set = op == RH_TERMS_EXPAND || op == RH_TERMS_VALIDATE_VALUESET;
    yyjson_val *parameters = parameters_of(v, of_set);
    struct rh_buf out = rh_buf(arena);
    yyjson_doc *doc;
    enum rh_rc rc = rh_terms_operation(&ctx, op, parameters, NULL, &out);
    if (!rh_text_is(rc_name.len ? rc_name : RH_TEXT("OK"), rh_rc_name(rc)))
        fail_msg("%.*s: %s %.*s", RH_TEXT_ARG(name), rh_rc_name(rc), RH_TEXT_ARG(rh_buf_get(&out)));
    assert_int_equal(issues.count, rc ? 1 : 0);
    assert_int_equal(rh_json_parse(arena, &issues, rh_buf_get(&out), &doc), RH_OK);
    struct rh_text type = rh_json_get(yyjson_doc_get_root(doc), "resourceType");
    assert_true(rh_text_is(type, rc                      ? "OperationOutcome"
                                 : op == RH_TERMS_EXPAND ? "ValueSet"
                                                         : "Parameters"));
    check_texts(name, rh_buf_get(&out), yyjson_obj_get(v, "has"), true);
    check_texts(name, rh_buf_get(&out), yyjson_obj_get(v, "hasnt"), false);
}

static void answers_operations(void **state)
{
    (void)state;
    yyjson_val *list = load("operations"), *v;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, v) {
        fresh();
        check_operation(v);
    }
    assert_true(max > 40);
}

/* What a request brings counts before what is loaded, and only for that request. */
static void takes_definitions_of_the_request(void **state)
{
    (void)state;
    static const char text[] =
        "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"url\",\"valueUri\":"
        "\"http://example.org/vs/all\"},{\"name\":\"tx-resource\",\"resource\":{\"resourceType\":"
        "\"ValueSet\",\"url\":\"http://example.org/vs/all\",\"version\":\"2\",\"status\":"
        "\"active\",\"compose\":{\"include\":[{\"system\":\"http://example.org/own\"}]}}},"
        "{\"name\":\"tx-resource\",\"resource\":{\"resourceType\":\"CodeSystem\",\"url\":"
        "\"http://example.org/own\",\"status\":\"active\",\"content\":\"complete\",\"concept\":"
        "[{\"code\":\"mine\"}]}}]}";
    fresh();
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(text), &doc), RH_OK);
    struct rh_buf out = rh_buf(arena), after = rh_buf(arena);
    assert_int_equal(
        rh_terms_operation(&ctx, RH_TERMS_EXPAND, yyjson_doc_get_root(doc), NULL, &out), RH_OK);
    check_texts(RH_TEXT("own"), rh_buf_get(&out), NULL, true);
    assert_non_null(memmem(out.data, out.len, "\"mine\"", 6));
    static const char plain[] = "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"url\","
                                "\"valueUri\":\"http://example.org/vs/all\"}]}";
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(plain), &doc), RH_OK);
    assert_int_equal(
        rh_terms_operation(&ctx, RH_TERMS_EXPAND, yyjson_doc_get_root(doc), NULL, &after), RH_OK);
    assert_null(memmem(after.data, after.len, "\"mine\"", 6));
}

/* --- size ------------------------------------------------------------------------------------- */

enum { MANY = 20000, COSTLY_FILTERS = 400 };

/* A flat system of many codes; all of it; and all of it but for many regular expressions. */
static struct rh_world *open_large(void)
{
    struct rh_package *p;
    struct rh_world *w;
    struct rh_buf b = rh_buf(cases_arena);
    assert_int_equal(rh_package_open(RH_TEXT("large"), RH_TEXT("1"), NULL, &p), RH_OK);
    rh_buf_str(&b, "{\"resourceType\":\"CodeSystem\",\"url\":\"http://example.org/large\","
                   "\"status\":\"active\",\"content\":\"complete\",\"concept\":[");
    for (unsigned i = 0; i < MANY; i++)
        rh_buf_printf(&b, "%s{\"code\":\"c%u\"}", i ? "," : "", i);
    rh_buf_str(&b, "]}");
    assert_int_equal(rh_package_add_json(p, &issues, rh_buf_get(&b)), RH_OK);
    b = rh_buf(cases_arena);
    rh_buf_str(&b, "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/vs/large\","
                   "\"status\":\"active\",\"compose\":{\"include\":[{\"system\":"
                   "\"http://example.org/large\"}]}}");
    assert_int_equal(rh_package_add_json(p, &issues, rh_buf_get(&b)), RH_OK);
    b = rh_buf(cases_arena);
    rh_buf_str(&b, "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/vs/costly\","
                   "\"status\":\"active\",\"compose\":{\"include\":[");
    for (unsigned i = 0; i < COSTLY_FILTERS; i++)
        rh_buf_printf(&b,
                      "%s{\"system\":\"http://example.org/large\",\"filter\":[{\"property\":"
                      "\"code\",\"op\":\"regex\",\"value\":\"x%u.*\"}]}",
                      i ? "," : "", i);
    rh_buf_str(&b, "]}}");
    assert_int_equal(rh_package_add_json(p, &issues, rh_buf_get(&b)), RH_OK);
    rh_package_seal(p);
    assert_int_equal(rh_world_open(&p, 1, &w), RH_OK);
    rh_package_close(p);
    return w;
}

static enum rh_rc expand_page(const char *url, struct rh_buf *out)
{
    char text[256];
    yyjson_doc *doc;
    snprintf(
        text, sizeof text,
        "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"url\",\"valueUri\":\"%s\"},"
        "{\"name\":\"offset\",\"valueInteger\":19998},{\"name\":\"count\",\"valueInteger\":5}]}",
        url);
    *out = rh_buf(arena);
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(text), &doc), RH_OK);
    return rh_terms_operation(&ctx, RH_TERMS_EXPAND, yyjson_doc_get_root(doc), NULL, out);
}

static void a_flat_system_of_many_codes_can_be_listed(void **state)
{
    (void)state;
    struct rh_buf out;
    struct rh_world *large = open_large();
    fresh();
    ctx.world = large;
    assert_int_equal(expand_page("http://example.org/vs/large", &out), RH_OK);
    assert_non_null(memmem(out.data, out.len, "\"total\":20000", 13));
    assert_non_null(memmem(out.data, out.len, "\"c19999\"", 8));
    assert_null(memmem(out.data, out.len, "\"c19997\"", 8));
    rh_world_close(large);
}

static void a_value_set_that_takes_too_long_is_refused_and_says_neither_yes_nor_no(void **state)
{
    (void)state;
    struct rh_buf out;
    struct rh_terms_result r;
    struct rh_world *large = open_large();
    fresh();
    ctx.world = large;
    assert_int_equal(expand_page("http://example.org/vs/costly", &out), RH_TOOLARGE);
    assert_non_null(memmem(out.data, out.len, "fewer includes", 14));
    struct rh_terms_code code = {.system = RH_TEXT("http://example.org/large"),
                                 .code = RH_TEXT("c1")};
    assert_int_equal(rh_terms_contains(&ctx, RH_TEXT("http://example.org/vs/costly"), &code, &r),
                     RH_OK);
    assert_int_not_equal(r.answer, RH_TERMS_YES);
    assert_int_not_equal(r.answer, RH_TERMS_NO);
    rh_world_close(large);
}

/* --- check digits ----------------------------------------------------------------------------- */

/* LOINC Users' Guide, appendix "Check digit", its worked example 12345-5; SNOMED CT Release File
 * Specifications, "Check-digit computation", 138875005 and its neighbours. */
static void checks_digits(void **state)
{
    (void)state;
    static const struct {
        const char *system, *code;
        bool right;
    } rows[] = {
        {"loinc", "12345-5", true},  {"loinc", "12345-6", false},
        {"loinc", "12345", false},   {"loinc", "8480-6", true},
        {"loinc", "8480-7", false},  {"loinc", "LA6576-8", true},
        {"loinc", "-5", false},      {"sct", "138875005", true},
        {"sct", "138875004", false}, {"sct", "404684003", true},
        {"sct", "404684030", false}, {"sct", "5", false},
        {"sct", "", false},          {"sct", "abcdef", false},
        {"ucum", "anything", true},  {"sct", "404684003:363698007=39057004", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rh_text system = rh_system_url(rh_text(rows[i].system));
        assert_non_null(system.data);
        if (rh_terms_check_digit(system, rh_text(rows[i].code)) != rows[i].right)
            fail_msg("%s %s", rows[i].system, rows[i].code);
    }
    assert_true(rh_terms_check_digit(RH_TEXT("http://example.org/any"), RH_TEXT("1")));
    assert_null(rh_system_url(RH_TEXT("nothing")).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_which_codes_are_in_a_value_set),
        cmocka_unit_test(cannot_know_without_a_world),
        cmocka_unit_test(knows_which_codes_are_in_a_system),
        cmocka_unit_test(answers_operations),
        cmocka_unit_test(takes_definitions_of_the_request),
        cmocka_unit_test(a_flat_system_of_many_codes_can_be_listed),
        cmocka_unit_test(a_value_set_that_takes_too_long_is_refused_and_says_neither_yes_nor_no),
        cmocka_unit_test(checks_digits),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
