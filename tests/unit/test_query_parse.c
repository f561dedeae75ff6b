/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a query is made of: conditions as trees, includes, sorts, compartments, and limits. */
#include "search/query.h"

#include "fhir/element.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cases.h"

static struct rh_issues issues;

static unsigned type_of(const char *name)
{
    return rh_resource_number(rh_text(name));
}

static enum rh_rc read(const char *type, const char *text, struct rh_query *ret)
{
    static struct rh_ctx ctx;
    rh_issues_init(&issues, arena);
    ctx = (struct rh_ctx){.arena = arena, .issues = &issues};
    return rh_query_parse(&ctx, NULL, type_of(type), rh_text(text), false, ret);
}

static void makes_a_tree_of_chains(void **state)
{
    (void)state;
    struct rh_query q;
    assert_int_equal(read("Observation", "patient.organization.name=a&code=1", &q), RH_OK);
    assert_int_equal(q.n, 2);
    const struct rh_condition *c = &q.conditions[0];
    assert_int_equal(c->kind, RH_COND_CHAIN);
    assert_int_equal(c->inner_type, type_of("Patient"));
    assert_true(rh_text_is(c->text, "patient.organization.name=a"));
    c = c->children;
    assert_int_equal(c->kind, RH_COND_CHAIN);
    assert_int_equal(c->type, type_of("Patient"));
    assert_int_equal(c->inner_type, type_of("Organization"));
    assert_int_equal(c->children->kind, RH_COND_KEYS);
    assert_int_equal(c->children->type, type_of("Organization"));
    assert_true(c->children->proven);

    assert_int_equal(read("Observation", "subject.name=a", &q),
                     RH_OK); /* two of its targets have it */
    assert_int_equal(q.conditions[0].kind, RH_COND_OR);
    assert_int_equal(q.conditions[0].n_children, 2);

    assert_int_equal(read("Patient", "_has:Observation:patient:_has:Provenance:target:_id=x", &q),
                     RH_OK);
    c = &q.conditions[0];
    assert_int_equal(c->kind, RH_COND_HAS);
    assert_int_equal(c->inner_type, type_of("Observation"));
    assert_int_equal(c->children->kind, RH_COND_HAS);
    assert_int_equal(c->children->children->kind, RH_COND_IDS);
    assert_int_equal(c->children->children->type, type_of("Provenance"));
}

static void reads_includes(void **state)
{
    (void)state;
    struct rh_query q;
    assert_int_equal(read("Observation",
                          "_include=Observation:subject:Patient&_include:iterate=Patient:*&"
                          "_revinclude=Provenance:target&_include=*",
                          &q),
                     RH_OK);
    assert_int_equal(q.n_includes, 4);
    assert_string_equal(q.includes[0].parameter->name, "subject");
    assert_int_equal(q.includes[0].target, type_of("Patient"));
    assert_int_equal(q.includes[0].source, type_of("Observation"));
    assert_false(q.includes[0].reverse || q.includes[0].iterate);
    assert_null(q.includes[1].parameter);
    assert_true(q.includes[1].iterate && !q.includes[1].reverse);
    assert_true(q.includes[2].reverse);
    assert_int_equal(q.includes[2].source, type_of("Provenance"));
    assert_int_equal(q.includes[3].source, 0);
}

static void reads_sorts_and_how_contained_ones_are_searched(void **state)
{
    (void)state;
    struct rh_query q;
    assert_int_equal(read("Medication",
                          "code=1&_sort=-code,_lastUpdated&_contained=both&"
                          "_containedType=contained&_explain=true",
                          &q),
                     RH_OK);
    assert_int_equal(q.n_sorts, 2);
    assert_true(q.sorts[0].descending && !q.sorts[1].descending);
    assert_int_equal(q.sorts[1].parameter->number, RH_PARAM_LAST_UPDATED);
    assert_int_equal(q.contained, RH_CONTAINED_BOTH);
    assert_true(q.contained_itself && q.explain);
    assert_int_equal(q.conditions[0].n_ranges, 2);
    assert_int_equal(q.conditions[0].ranges[1].number,
                     q.conditions[0].ranges[0].number | RH_PARAM_CONTAINED);
}

static void a_single_code_is_one_key(void **state)
{
    (void)state;
    struct rh_query q;
    assert_int_equal(read("Observation", "code=s|1", &q), RH_OK);
    assert_true(q.conditions[0].proven && !q.conditions[0].negated && !q.walked);
    assert_int_equal(q.conditions[0].n_ranges, 1);
    assert_true(q.conditions[0].ranges[0].point);
    assert_int_equal(q.conditions[0].ranges[0].type, type_of("Observation"));
    assert_int_equal(q.conditions[0].ranges[0].number, q.conditions[0].parameter->number);
    assert_int_equal(read("Observation", "code:not=s|1", &q), RH_OK);
    assert_true(q.conditions[0].proven && q.conditions[0].negated);
    assert_int_equal(read("Patient", "family:exact=Eve", &q), RH_OK);
    assert_false(q.conditions[0].proven);
}

/* --- compartments ------------------------------------------------------------------------------
 */

static enum rh_rc compartment(const char *of, const char *type, struct rh_condition *ret)
{
    struct rh_ctx ctx = {.arena = arena, .issues = &issues};
    rh_issues_init(&issues, arena);
    return rh_query_compartment(&ctx, type_of(of), RH_TEXT("1"), type_of(type), ret);
}

static bool lies_in(const char *of, const char *json)
{
    yyjson_val *resource = parse(arena, rh_text(json));
    const struct rh_type *type = rh_type_find(rh_json_get(resource, "resourceType"));
    struct rh_ctx ctx = {.arena = arena, .issues = &issues};
    struct rh_condition c;
    struct rh_candidate r = {
        .type = type->resource, .id = rh_json_get(resource, "id"), .resource = resource};
    bool ret;
    assert_int_equal(compartment(of, type->name, &c), RH_OK);
    assert_int_equal(rh_keys_of(&ctx, type, resource, &r.keys), RH_OK);
    assert_int_equal(rh_condition_match(&ctx, &c, &r, &ret), RH_OK);
    return ret;
}

static void knows_what_lies_in_a_compartment(void **state)
{
    (void)state;
    struct rh_condition c;
    assert_int_equal(compartment("Patient", "Observation", &c), RH_OK);
    assert_int_equal(c.kind, RH_COND_OR); /* subject, performer */
    assert_int_equal(c.n_children, 2);
    assert_int_equal(compartment("Patient", "ValueSet", &c), RH_NOTFOUND);
    assert_int_equal(compartment("ValueSet", "Patient", &c), RH_NOTFOUND);
    assert_int_equal(compartment("Encounter", "Observation", &c), RH_OK);
    assert_int_equal(c.kind, RH_COND_KEYS);
    assert_int_equal(compartment("Practitioner", "Patient", &c), RH_OK);
    assert_int_equal(compartment("RelatedPerson", "Observation", &c), RH_OK);
    assert_int_equal(compartment("Device", "Observation", &c), RH_OK);
    assert_true(lies_in("Patient", "{\"resourceType\":\"Patient\",\"id\":\"1\"}"));
    assert_false(lies_in("Patient", "{\"resourceType\":\"Patient\",\"id\":\"2\"}"));
    assert_true(lies_in("Patient",
                        "{\"resourceType\":\"Patient\",\"id\":\"2\",\"link\":[{\"other\":"
                        "{\"reference\":\"Patient/1\"},\"type\":\"seealso\"}]}"));
    assert_true(lies_in("Patient", "{\"resourceType\":\"Observation\",\"id\":\"o\",\"subject\":{"
                                   "\"reference\":\"Patient/1\"}}"));
    assert_false(lies_in("Patient", "{\"resourceType\":\"Observation\",\"id\":\"o\",\"subject\":{"
                                    "\"reference\":\"Group/1\"}}"));
    assert_true(lies_in("Patient", "{\"resourceType\":\"Observation\",\"id\":\"o\",\"performer\":[{"
                                   "\"reference\":\"Patient/1\"}]}"));
    assert_true(lies_in("Encounter", "{\"resourceType\":\"Encounter\",\"id\":\"1\"}"));
    assert_true(lies_in("Encounter",
                        "{\"resourceType\":\"Observation\",\"id\":\"o\",\"encounter\":{"
                        "\"reference\":\"Encounter/1\"}}"));
}

/* Every type and compartment of the definitions has parameters that exist. */
static void every_compartment_can_be_asked(void **state)
{
    (void)state;
    static const char *const names[] = {"Patient", "Encounter", "RelatedPerson", "Practitioner",
                                        "Device"};
    unsigned n = 0;
    for (unsigned k = 0; k < 5; k++)
        for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
            struct rh_condition c;
            enum rh_rc rc = compartment(names[k], rh_resource_type(t)->name, &c);
            assert_true(rc == RH_OK || rc == RH_NOTFOUND);
            n += rc == RH_OK;
        }
    assert_true(n > 200);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void refuses_what_costs_too_much(void **state)
{
    (void)state;
    struct rh_query q = {.count = 77};
    struct rh_buf b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_INCLUDES_MAX; i++)
        rh_buf_str(&b, "_include=Observation:subject&");
    rh_buf_char(&b, 0);
    assert_int_equal(read("Observation", b.data, &q), RH_TOOLARGE);
    b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_DEPTH_MAX; i++)
        rh_buf_str(&b, "_has:Patient:link:");
    rh_buf_str(&b, "_id=1");
    rh_buf_char(&b, 0);
    assert_int_equal(read("Patient", b.data, &q), RH_TOOLARGE);
    b = rh_buf(arena);
    rh_buf_str(&b, "_content=");
    for (unsigned i = 0; i < 100; i++)
        rh_buf_printf(&b, "w%u+", i);
    rh_buf_char(&b, 0);
    assert_int_equal(read("Patient", b.data, &q), RH_TOOLARGE);
    /* an untyped chain over many types, again and again */
    assert_int_equal(read("Provenance", "target.target.target.target._id=1", &q), RH_QUERY);
    assert_int_equal(read("Observation",
                          "subject.name=a&subject.name=b&subject.name=c&subject.name=d&"
                          "subject.name=e&subject.name=f&subject.name=g&subject.name=h&"
                          "subject.name=i&subject.name=j&subject.name=k&subject.name=l&subject."
                          "name=m&subject.name=n",
                          &q),
                     RH_TOOLARGE);
    assert_int_equal(q.count, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_tree_of_chains),
        cmocka_unit_test(reads_includes),
        cmocka_unit_test(reads_sorts_and_how_contained_ones_are_searched),
        cmocka_unit_test(a_single_code_is_one_key),
        cmocka_unit_test(knows_what_lies_in_a_compartment),
        cmocka_unit_test(every_compartment_can_be_asked),
        cmocka_unit_test(refuses_what_costs_too_much),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
