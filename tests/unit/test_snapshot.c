/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot.h: a differential laid over its base, on small definitions made for it. The published
 * snapshots of R4 and of its extensions are compared in test_published.c. */
#include "conformance/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define URL "http://hl7.org/fhir/StructureDefinition/"
#define ELEMENT(id, min, max, type)                                                          \
    "{\"id\":\"" id "\",\"path\":\"" id "\",\"min\":" min ",\"max\":\"" max                  \
    "\",\"type\":[{\"code\":\"" type "\"}],\"constraint\":[{\"key\":\"ele-1\",\"severity\":" \
    "\"error\",\"human\":\"h\"}]}"
#define TYPE(name, elements)                                                              \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"" URL name "\",\"type\":\"" name \
    "\",\"derivation\":\"specialization\",\"snapshot\":{\"element\":[" elements "]}}"
#define PROFILE(url, base, elements)                                                          \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"" url "\",\"type\":\"Observation\"," \
    "\"derivation\":\"constraint\",\"baseDefinition\":\"" base                                \
    "\",\"differential\":{\"element\":[" elements "]}}"

static const char *const types[] = {
    TYPE("Observation",
         ELEMENT("Observation", "0", "*", "Observation") "," ELEMENT(
             "Observation.extension", "0", "*",
             "Extension") "," ELEMENT("Observation.status", "1", "1",
                                      "code") ","
                                              "{\"id\":\"Observation.value[x]\",\"path\":"
                                              "\"Observation.value[x]\",\"min\":0,\"max\":\"1\""
                                              ",\"type\":[{\"code\":\"Quantity\"},{\"code\":"
                                              "\"string\"}]}," ELEMENT(
                                                  "Observation.component", "0", "*",
                                                  "BackboneElement") "," ELEMENT("Observation."
                                                                                 "component."
                                                                                 "code",
                                                                                 "1", "1",
                                                                                 "CodeableConcep"
                                                                                 "t") ","
                                                                                      "{\"id\":"
                                                                                      "\"Observa"
                                                                                      "tion."
                                                                                      "component"
                                                                                      ".part\","
                                                                                      "\"path\":"
                                                                                      "\"Observa"
                                                                                      "tion."
                                                                                      "component"
                                                                                      ".part\","
                                                                                      "\"min\":"
                                                                                      "0,"
                                                                                      "\"max\":"
                                                                                      "\"*\","
                                                                                      "\"content"
                                                                                      "Reference"
                                                                                      "\":\"#"
                                                                                      "Observati"
                                                                                      "on."
                                                                                      "component"
                                                                                      "\"}"),
    TYPE("CodeableConcept", ELEMENT("CodeableConcept", "0", "*", "Element") "," ELEMENT(
                                "CodeableConcept.coding", "0", "*",
                                "Coding") "," ELEMENT("CodeableConcept.text", "0", "1", "string")),
    TYPE("Quantity", ELEMENT("Quantity", "0", "*", "Element") "," ELEMENT("Quantity.value", "0",
                                                                          "1", "decimal")),
    NULL};

static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_world *world;
static struct rh_ctx ctx;

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(16 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rh_world_close(world);
    world = NULL;
    rh_arena_close(arena);
    return 0;
}

/* The snapshot of the first of these profiles. */
static enum rh_rc make(const char *const *profiles, yyjson_val **ret)
{
    struct rh_package *p;
    assert_int_equal(rh_package_open(RH_TEXT("p"), RH_TEXT("1"), NULL, &p), RH_OK);
    for (const char *const *k = types; *k; k++)
        assert_int_equal(rh_package_add_json(p, &issues, rh_text(*k)), RH_OK);
    for (const char *const *k = profiles; *k; k++)
        assert_int_equal(rh_package_add_json(p, &issues, rh_text(*k)), RH_OK);
    rh_world_close(world);
    assert_int_equal(rh_world_open(&p, 1, &world), RH_OK);
    ctx = (struct rh_ctx){.arena = arena, .issues = &issues, .world = world};
    const struct rh_definition *d = rh_package_at(p, 3);
    rh_package_close(p);
    return rh_snapshot(&ctx, d, ret);
}

static yyjson_val *made(const char *elements)
{
    yyjson_val *ret = NULL;
    const char *profile =
        rh_arena_printf(arena, PROFILE("http://example.org/p", URL "Observation", "%s"), elements);
    const char *const profiles[] = {profile, NULL};
    assert_int_equal(make(profiles, &ret), RH_OK);
    assert_int_equal(issues.count, 0);
    return ret;
}

static yyjson_val *of_id(yyjson_val *elements, const char *id)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(elements);
    yyjson_val *e;
    while ((e = yyjson_arr_iter_next(&it)))
        if (rh_text_is(rh_json_get(e, "id"), id))
            return e;
    return NULL;
}

static void check_ids(yyjson_val *elements, const char *const *ids)
{
    size_t n = 0;
    for (; ids[n]; n++)
        assert_string_equal(rh_json_get(yyjson_arr_get(elements, n), "id").data, ids[n]);
    assert_int_equal(yyjson_arr_size(elements), n);
}

static const char *json(yyjson_val *v, const char *member)
{
    struct rh_buf b = rh_buf(arena);
    rh_json_write(&b, yyjson_obj_get(v, member));
    rh_buf_char(&b, 0);
    return b.data;
}

static void what_the_differential_says_wins_and_the_rest_stays(void **state)
{
    (void)state;
    yyjson_val *s =
        made("{\"path\":\"Observation\"},{\"path\":\"Observation.status\",\"short\":\"s\""
             ",\"fixedCode\":\"final\",\"constraint\":[{\"key\":\"a-1\"}]},"
             "{\"path\":\"Observation.component\",\"min\":1,\"max\":\"2\"}");
    static const char *const ids[] = {"Observation",
                                      "Observation.extension",
                                      "Observation.status",
                                      "Observation.value[x]",
                                      "Observation.component",
                                      "Observation.component.code",
                                      "Observation.component.part",
                                      NULL};
    check_ids(s, ids);
    yyjson_val *status = of_id(s, "Observation.status");
    assert_string_equal(json(status, "min"), "1");
    assert_string_equal(json(status, "fixedCode"), "\"final\"");
    assert_string_equal(json(status, "type"), "[{\"code\":\"code\"}]");
    assert_non_null(strstr(json(status, "constraint"), "\"ele-1\""));
    assert_non_null(strstr(json(status, "constraint"), "\"a-1\""));
    assert_string_equal(json(of_id(s, "Observation.component"), "max"), "\"2\"");
    assert_non_null(strstr(json(of_id(s, "Observation.component"), "base"), "\"max\":\"*\""));
}

static void slices_repeat_the_children_of_what_they_slice(void **state)
{
    (void)state;
    yyjson_val *s =
        made("{\"id\":\"Observation.component\",\"path\":\"Observation.component\",\"min\":1,"
             "\"slicing\":{\"discriminator\":[{\"type\":\"value\",\"path\":\"code\"}],\"rules\":"
             "\"open\"}},"
             "{\"id\":\"Observation.component:a\",\"path\":\"Observation.component\",\"sliceName\":"
             "\"a\"},"
             "{\"id\":\"Observation.component:b\",\"path\":\"Observation.component\",\"sliceName\":"
             "\"b\","
             "\"min\":1,\"max\":\"1\"},"
             "{\"id\":\"Observation.component:b.code\",\"path\":\"Observation.component.code\","
             "\"short\":"
             "\"of b\"}");
    static const char *const ids[] = {"Observation",
                                      "Observation.extension",
                                      "Observation.status",
                                      "Observation.value[x]",
                                      "Observation.component",
                                      "Observation.component.code",
                                      "Observation.component.part",
                                      "Observation.component:a",
                                      "Observation.component:a.code",
                                      "Observation.component:a.part",
                                      "Observation.component:b",
                                      "Observation.component:b.code",
                                      "Observation.component:b.part",
                                      NULL};
    check_ids(s, ids);
    assert_string_equal(json(of_id(s, "Observation.component"), "min"), "1");
    assert_string_equal(json(of_id(s, "Observation.component:a"), "min"), "0");
    assert_string_equal(json(of_id(s, "Observation.component:b"), "min"), "1");
    assert_string_equal(json(of_id(s, "Observation.component:b"), "sliceName"), "\"b\"");
    assert_null(yyjson_obj_get(of_id(s, "Observation.component:b"), "slicing"));
    assert_string_equal(json(of_id(s, "Observation.component:b.code"), "short"), "\"of b\"");
    assert_null(yyjson_obj_get(of_id(s, "Observation.component.code"), "short"));
}

static void slices_are_found_by_order_where_there_are_no_ids(void **state)
{
    (void)state;
    yyjson_val *s = made("{\"path\":\"Observation.component\",\"sliceName\":\"a\"},"
                         "{\"path\":\"Observation.component.code\",\"short\":\"of a\"},"
                         "{\"path\":\"Observation.component\",\"sliceName\":\"b\"},"
                         "{\"path\":\"Observation.component.code.text\",\"min\":1}");
    assert_string_equal(json(of_id(s, "Observation.component:a.code"), "short"), "\"of a\"");
    assert_string_equal(json(of_id(s, "Observation.component:b.code.text"), "min"), "1");
    assert_null(of_id(s, "Observation.component:a.code.text"));
    assert_null(of_id(s, "Observation.component.code.text"));
}

static void children_of_a_type_come_where_the_differential_goes(void **state)
{
    (void)state;
    yyjson_val *s = made("{\"path\":\"Observation.component.code.text\",\"min\":1},"
                         "{\"path\":\"Observation.component.part.code\",\"short\":\"inner\"}");
    assert_non_null(of_id(s, "Observation.component.code.coding"));
    assert_string_equal(json(of_id(s, "Observation.component.code.text"), "min"), "1");
    assert_string_equal(json(of_id(s, "Observation.component.part.code"), "short"), "\"inner\"");
    assert_null(yyjson_obj_get(of_id(s, "Observation.component.part"), "contentReference"));
    assert_string_equal(json(of_id(s, "Observation.component.part"), "type"),
                        "[{\"code\":\"BackboneElement\"}]");
}

static void a_choice_named_by_its_type_is_a_slice(void **state)
{
    (void)state;
    yyjson_val *s = made("{\"path\":\"Observation.valueQuantity\",\"short\":\"q\"},"
                         "{\"path\":\"Observation.valueQuantity.value\",\"min\":1}");
    assert_string_equal(json(of_id(s, "Observation.value[x]"), "type"),
                        "[{\"code\":\"Quantity\"}]");
    assert_non_null(strstr(json(of_id(s, "Observation.value[x]"), "slicing"), "\"closed\""));
    assert_string_equal(json(of_id(s, "Observation.value[x]:valueQuantity"), "path"),
                        "\"Observation.value[x]\"");
    assert_string_equal(json(of_id(s, "Observation.value[x]:valueQuantity.value"), "min"), "1");
    s = made("{\"path\":\"Observation.valueQuantity\"},{\"path\":\"Observation.valueString\"}");
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(of_id(s, "Observation.value[x]"), "type")), 2);
    assert_non_null(strstr(json(of_id(s, "Observation.value[x]"), "slicing"), "\"open\""));
    s = made("{\"path\":\"Observation.value[x]\",\"type\":[{\"code\":\"Quantity\"}]},"
             "{\"path\":\"Observation.valueQuantity.value\",\"min\":1}");
    assert_string_equal(json(of_id(s, "Observation.value[x].value"), "min"), "1");
}

static void extensions_are_sliced_by_url_without_saying_so(void **state)
{
    (void)state;
    yyjson_val *s = made("{\"path\":\"Observation.extension\",\"sliceName\":\"x\",\"min\":1}");
    assert_non_null(strstr(json(of_id(s, "Observation.extension"), "slicing"), "\"url\""));
    assert_string_equal(json(of_id(s, "Observation.extension"), "min"), "0");
    assert_string_equal(json(of_id(s, "Observation.extension:x"), "min"), "1");
}

static void a_profile_of_a_profile_has_what_both_say(void **state)
{
    (void)state;
    static const char *const profiles[] = {
        PROFILE("http://example.org/second", "http://example.org/first",
                "{\"path\":\"Observation.status\",\"short\":\"second\"},{\"id\":\"Observation."
                "component:a\",\"path\":\"Observation.component\",\"sliceName\":\"a\",\"max\":"
                "\"1\"}"),
        PROFILE("http://example.org/first", URL "Observation",
                "{\"path\":\"Observation.status\",\"fixedCode\":\"final\"},{\"path\":\"Observation."
                "component\",\"sliceName\":\"a\",\"min\":1}"),
        NULL};
    yyjson_val *s;
    assert_int_equal(make(profiles, &s), RH_OK);
    assert_string_equal(json(of_id(s, "Observation.status"), "fixedCode"), "\"final\"");
    assert_string_equal(json(of_id(s, "Observation.status"), "short"), "\"second\"");
    assert_string_equal(json(of_id(s, "Observation.component:a"), "min"), "1");
    assert_string_equal(json(of_id(s, "Observation.component:a"), "max"), "\"1\"");
}

static void refuses_and_names_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        enum rh_rc rc;
        const char *words, *profile;
    } rows[] = {
        {RH_NOTFOUND, "http://example.org/absent is not loaded",
         PROFILE("http://example.org/p", "http://example.org/absent",
                 "{\"path\":\"Observation\"}")},
        {RH_VALUE, "Observation.colour",
         PROFILE("http://example.org/p", URL "Observation", "{\"path\":\"Observation.colour\"}")},
        {RH_VALUE, "Observation.component.code.colour",
         PROFILE("http://example.org/p", URL "Observation",
                 "{\"path\":\"Observation.component.code.colour\"}")},
        {RH_VALUE, "of Patient",
         PROFILE("http://example.org/p", URL "Observation", "{\"path\":\"Patient.name\"}")},
        {RH_VALUE, "does not begin",
         PROFILE("http://example.org/p", URL "Observation",
                 "{\"path\":\"Observation\"},{\"path\":\"Patient.name\"}")},
        {RH_VALUE, "no path", PROFILE("http://example.org/p", URL "Observation", "{\"min\":1}")},
        {RH_VALUE, "no elements and no base",
         "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/"
         "p\",\"derivation\":\"specialization\",\"differential\":{}}"},
        {RH_VALUE, "on itself",
         PROFILE("http://example.org/p", "http://example.org/p", "{\"path\":\"Observation\"}")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const profiles[] = {rows[i].profile, NULL};
        yyjson_val *s = NULL;
        rh_issues_init(&issues, arena);
        assert_int_equal(make(profiles, &s), rows[i].rc);
        assert_null(s);
        assert_non_null(strstr(issues.rows[0].text, rows[i].words));
    }
}

static void refuses_a_profile_that_would_grow_without_end(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < 9; k++)
            rh_buf_printf(&b,
                          "%s{\"path\":\"Observation.component\",\"sliceName\":\"s%d\"},{\"path\":"
                          "\"Observation.component.part.part.part.part.part.part.part.part.part."
                          "part.part.part.code\",\"sliceName\":\"c%d\"}",
                          b.len ? "," : "", i, k);
    rh_buf_char(&b, 0);
    yyjson_val *s = made(b.data); /* large, yet it ends */
    assert_true(yyjson_arr_size(s) < 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_differential_says_wins_and_the_rest_stays, begin,
                                        end),
        cmocka_unit_test_setup_teardown(slices_repeat_the_children_of_what_they_slice, begin, end),
        cmocka_unit_test_setup_teardown(slices_are_found_by_order_where_there_are_no_ids, begin,
                                        end),
        cmocka_unit_test_setup_teardown(children_of_a_type_come_where_the_differential_goes, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_choice_named_by_its_type_is_a_slice, begin, end),
        cmocka_unit_test_setup_teardown(extensions_are_sliced_by_url_without_saying_so, begin, end),
        cmocka_unit_test_setup_teardown(a_profile_of_a_profile_has_what_both_say, begin, end),
        cmocka_unit_test_setup_teardown(refuses_and_names_what_does_not_fit, begin, end),
        cmocka_unit_test_setup_teardown(refuses_a_profile_that_would_grow_without_end, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
