/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocols as other modules use them: rules and their outcomes, labels that are kept, all that is
 * wrong with a plan, and what is too much. */
#include "clinical/protocol.h"
#include "fhir/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;

#define EXPRESSION(text) "{\"language\":\"text/fhirpath\",\"expression\":\"" text "\"}"
#define WHEN(text) \
    ",\"condition\":[{\"kind\":\"applicability\",\"expression\":" EXPRESSION(text) "}]"
#define RULE(id, rest) "{\"id\":\"" id "\",\"code\":[{\"coding\":[{\"code\":\"" id "\"}]}]" rest "}"
#define GROUP(part, rules)                                                           \
    "{\"id\":\"" part "-group\",\"code\":[{\"coding\":[{\"system\":\"" RH_RIHLA_CODE \
    "protocol-part\",\"code\":\"" part "\"}]}],\"action\":[" rules "]}"
#define PLAN(groups)                                                                               \
    "{\"resourceType\":\"PlanDefinition\",\"id\":\"p\",\"url\":\"urn:p\",\"library\":[\"urn:l\"]," \
    "\"type\":{\"coding\":[{\"code\":\"clinical-protocol\"}]},\"extension\":["                     \
    "{\"url\":\"" RH_RIHLA_EXT "reads\",\"valueId\":\"a\"},{\"url\":\"" RH_RIHLA_EXT               \
    "reads\",\"valueId\":\"family\"}],\"action\":[" groups "]}"

static const char library[] =
    "{\"resourceType\":\"Library\",\"id\":\"l\",\"url\":\"urn:l\",\"dataRequirement\":["
    "{\"id\":\"a\",\"type\":\"Observation\",\"codeFilter\":[{\"path\":\"code\",\"code\":[{"
    "\"system\":\"s\",\"code\":\"a\"}]}],\"limit\":1},"
    "{\"id\":\"hidden\",\"type\":\"Observation\",\"codeFilter\":[{\"path\":\"code\",\"code\":[{"
    "\"system\":\"s\",\"code\":\"b\"}]}]},"
    "{\"id\":\"family\",\"type\":\"Flag\",\"extension\":[{\"url\":\"" RH_RIHLA_EXT
    "household\",\"valueBoolean\":true}]}]}";

static const char plan[] = PLAN(GROUP("state", RULE("yes", WHEN("%a.value = 'x'")) "," RULE("no", "")) "," GROUP(
    "items",
    RULE("plain", ",\"definitionCanonical\":\"urn:d\"") "," RULE(
        "grown",
        ",\"definitionCanonical\":\"urn:d\"" WHEN(
            "%birthDate <= %date - 15 years"))) "," GROUP("classification",
                                                          RULE(
                                                              "class",
                                                              WHEN(
                                                                  "%a.value = 'x'"))) "," GROUP("ho"
                                                                                                "ld"
                                                                                                "s",
                                                                                                RULE(
                                                                                                    "family",
                                                                                                    WHEN(
                                                                                                        "%family.exists()"))));

static const char activity[] =
    "{\"resourceType\":\"ActivityDefinition\",\"id\":\"d\",\"url\":\"urn:d\"}";

static const char person[] =
    "[{\"resourceType\":\"Patient\",\"id\":\"p\",\"birthDate\":\"2011\"},"
    "{\"resourceType\":\"Group\",\"type\":\"person\",\"actual\":true,\"code\":{\"coding\":[{"
    "\"code\":"
    "\"household\"}]},\"member\":[{\"entity\":{\"reference\":\"Patient/p\"}},{\"entity\":{"
    "\"reference\":\"Patient/q\"}}]},"
    "{\"resourceType\":\"Flag\",\"status\":\"active\",\"subject\":{\"reference\":\"Patient/q\"},"
    "\"meta\":{\"security\":[{\"code\":\"SEALED\"}]}},"
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[{\"system\":"
    "\"s\","
    "\"code\":\"a\"}]},\"subject\":{\"reference\":\"Patient/p\"},\"valueString\":\"x\",\"meta\":{"
    "\"security\":[{\"code\":\"OWN\"}]}}]";

static int set_up(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static struct rh_world *world_of(const char *with_plan)
{
    struct rh_package *p;
    struct rh_world *w;
    const char *const texts[] = {library, with_plan, activity};
    assert_int_equal(rh_package_open(RH_TEXT("t"), RH_TEXT("1"), NULL, &p), RH_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(rh_package_add_json(p, &issues, rh_text(texts[i])), RH_OK);
    rh_package_seal(p);
    assert_int_equal(rh_world_open(&p, 1, &w), RH_OK);
    rh_package_close(p);
    return w;
}

static size_t resources_of(const char *json, yyjson_val **ret, size_t max)
{
    size_t i, n, count = 0;
    yyjson_doc *doc;
    yyjson_val *one;
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(json), &doc), RH_OK);
    yyjson_val *list = yyjson_doc_get_root(doc);
    yyjson_arr_foreach (list, i, n, one) {
        assert_true(count < max);
        ret[count++] = one;
    }
    return count;
}

static const struct rh_protocol_set *set_of(struct rh_ctx *c)
{
    static const struct rh_text name = {"p", 1};
    const struct rh_protocol_set *s;
    assert_int_equal(rh_protocol_set_open(c, arena, &name, 1, RH_TEXT("2026-11-24"), &s), RH_OK);
    return s;
}

static void gives_each_rule_and_its_outcome(void **state)
{
    static const struct {
        const char *id;
        enum rh_protocol_part part;
        bool conditional;
        enum rh_outcome outcome;
    } rows[] = {
        {"yes", RH_PART_STATE, true, RH_OUTCOME_YES},
        {"no", RH_PART_STATE, true, RH_OUTCOME_NO},
        {"plain", RH_PART_ITEM, false, RH_OUTCOME_YES},
        {"grown", RH_PART_ITEM, true, RH_OUTCOME_EITHER},
        {"class", RH_PART_CLASS, true, RH_OUTCOME_YES},
        {"family", RH_PART_HOLD, true, RH_OUTCOME_YES},
    };
    const size_t n = sizeof rows / sizeof rows[0];
    struct rh_world *w = world_of(plan);
    struct rh_ctx c = {.arena = arena, .issues = &issues, .world = w};
    const struct rh_protocol_set *s = set_of(&c), *again = set_of(&c);
    const struct rh_protocol *p = rh_protocol_set_at(s, 0);
    const struct rh_protocol_result *r;
    yyjson_val *resources[8];
    (void)state;
    assert_ptr_equal(p, rh_protocol_set_at(again, 0)); /* compiled once */
    struct rh_protocol_input in = {.resources = resources, .n = resources_of(person, resources, 8)};
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_OK);
    assert_int_equal(rh_protocol_n_rules(p), n);
    for (size_t i = 0; i < n; i++) {
        struct rh_protocol_rule rule = rh_protocol_rule(p, i);
        assert_true(rh_text_is(rule.id, rows[i].id));
        assert_int_equal(rule.part, rows[i].part);
        assert_int_equal(rule.conditional, rows[i].conditional);
        assert_int_equal(rh_protocol_outcome(r, 0, i), rows[i].outcome);
    }
    assert_true(rh_protocol_to_do(r, 0, 2) && !rh_protocol_to_do(r, 0, 3));
    assert_int_equal(rh_protocol_clearance(r, 0).status, RH_NOT_CLEARED);
    rh_world_close(w);
}

static void keeps_the_labels_of_relatives_and_does_not_print_them(void **state)
{
    struct rh_world *w = world_of(plan);
    struct rh_ctx c = {.arena = arena, .issues = &issues, .world = w};
    const struct rh_protocol_set *s = set_of(&c);
    const struct rh_protocol_result *r;
    const struct rh_protocol_show show = {.all = true};
    struct rh_text *labels;
    struct rh_buf out = rh_buf(arena);
    yyjson_val *resources[8];
    size_t n;
    (void)state;
    struct rh_protocol_input in = {.resources = resources, .n = resources_of(person, resources, 8)};
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_OK);
    assert_int_equal(rh_protocol_labels(&c, r, 0, 5, &labels, &n), RH_OK);
    assert_int_equal(n, 1);
    assert_true(rh_text_is(labels[0], "SEALED"));
    assert_int_equal(rh_protocol_labels(&c, r, 0, SIZE_MAX, &labels, &n), RH_OK);
    assert_int_equal(n, 2);
    assert_int_equal(rh_protocol_print(&c, r, &show, &out), RH_OK);
    rh_buf_char(&out, 0);
    assert_null(strstr(out.data, "SEALED"));
    assert_non_null(strstr(out.data, "\"OWN\""));
    rh_world_close(w);
}

static void names_everything_that_is_wrong_with_a_plan(void **state)
{
    static const char broken[] = PLAN(GROUP(
        "items",
        RULE("one", ",\"definitionCanonical\":\"urn:d\"" WHEN("%a.valu = 1")) "," RULE(
            "two",
            ",\"definitionCanonical\":\"urn:d\"" WHEN(
                "%hidden.exists()")) "," RULE("three",
                                              ",\"definitionCanonical\":\"urn:none\"" WHEN(
                                                  "%a.exists(")) "," RULE("four",
                                                                          ",\"definitionCanonical\""
                                                                          ":\"urn:d\"" WHEN(
                                                                              "%nobody"))));
    static const char *const words[] = {"valu", "does not declare", "does not parse", "urn:none",
                                        "%nobody"};
    static const char *const places[] = {"'one'", "'two'", "'three'", "'three'", "'four'"};
    struct rh_world *w = world_of(broken);
    struct rh_ctx c = {.arena = arena, .issues = &issues, .world = w};
    const struct rh_protocol *p;
    (void)state;
    const struct rh_definition *d = rh_world_find(w, "PlanDefinition", RH_TEXT("urn:p"));
    assert_int_not_equal(rh_protocol_compile(&c, d, &p), RH_OK);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        bool found = false;
        for (unsigned k = 0; k < issues.count; k++)
            found = found || (strstr(issues.rows[k].text, words[i]) && issues.rows[k].expression &&
                              strstr(issues.rows[k].expression, places[i]));
        if (!found)
            fail_msg("no issue says %s at %s", words[i], places[i]);
    }
    rh_world_close(w);
}

static void refuses_what_is_too_much(void **state)
{
    struct rh_world *w = world_of(plan);
    struct rh_ctx c = {.arena = arena, .issues = &issues, .world = w};
    const struct rh_protocol_set *s = set_of(&c);
    const struct rh_protocol_result *r = NULL;
    yyjson_val *resources[8], **many;
    size_t n = resources_of(person, resources, 8);
    (void)state;
    many = rh_arena_alloc(arena, (RH_PROTOCOL_RESOURCES_MAX + 1) * sizeof(yyjson_val *));
    assert_non_null(many);
    for (size_t i = 0; i <= RH_PROTOCOL_RESOURCES_MAX; i++)
        many[i] = resources[i < n ? i : n - 1];
    struct rh_protocol_input in = {.resources = many, .n = RH_PROTOCOL_RESOURCES_MAX + 1};
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_TOOLARGE);
    in.n--;
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_OK);
    c.steps = 10;
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_TIMEOUT);
    assert_int_equal(issues.rows[issues.count - 1].rc, RH_TIMEOUT);
    c.steps = 0;
    in = (struct rh_protocol_input){.resources = resources + 1, .n = n - 1};
    assert_int_equal(rh_protocol_apply(&c, s, &in, &r), RH_REQUIRED);
    rh_world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_each_rule_and_its_outcome, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_labels_of_relatives_and_does_not_print_them,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_everything_that_is_wrong_with_a_plan, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_too_much, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
