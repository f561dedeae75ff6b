/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The element tables: names are found, inheritance, choices and content references are written out.
 */
#include "fhir/element.h"
#include "fhir/primitive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct rh_type *type(const char *name)
{
    const struct rh_type *t = rh_type_find(rh_text(name));
    assert_non_null(t);
    assert_string_equal(t->name, name);
    return t;
}

static const struct rh_element *element(const char *owner, const char *name)
{
    const struct rh_element *e = rh_element_find(type(owner), rh_text(name));
    if (!e)
        fail_msg("%s has no %s", owner, name);
    assert_string_equal(e->name, name);
    return e;
}

static void has_every_resource_type_of_r4(void **state)
{
    (void)state;
    const char *before = "";
    for (unsigned i = 1; i <= RH_RESOURCE_TYPES; i++) {
        const struct rh_type *t = rh_resource_type(i);
        assert_int_equal(t->kind, RH_KIND_RESOURCE);
        assert_int_equal(t->resource, i);
        assert_int_equal(rh_resource_number(rh_text(t->name)), i);
        assert_ptr_equal(type(t->name), t);
        assert_true(rh_text_cmp(rh_text(before), rh_text(t->name)) < 0);
        before = t->name;
        assert_ptr_equal(element(t->name, "id")->type, type("id"));
        assert_ptr_equal(element(t->name, "meta")->type, type("Meta"));
    }
    assert_null(rh_resource_type(0));
    assert_null(rh_resource_type(RH_RESOURCE_TYPES + 1));
}

/* Numbers stand in data directories: these must never change. */
static void keeps_the_numbers_of_resource_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned number;
    } rows[] = {{"Account", 1},
                {"Binary", 9},
                {"Bundle", 12},
                {"Encounter", 44},
                {"Observation", 96},
                {"Patient", 103},
                {"VisionPrescription", 146}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rh_resource_number(rh_text(rows[i].name)), rows[i].number);
}

static void finds_every_element_by_its_name_and_no_other(void **state)
{
    (void)state;
    static const char *const roots[] = {"Element",           "HumanName",     "Extension",
                                        "ElementDefinition", "Timing.repeat", "Patient.contact",
                                        "DomainResource"};
    for (unsigned r = 1; r <= RH_RESOURCE_TYPES + sizeof roots / sizeof roots[0]; r++) {
        const struct rh_type *t =
            r <= RH_RESOURCE_TYPES ? rh_resource_type(r) : type(roots[r - RH_RESOURCE_TYPES - 1]);
        uint64_t required = 0;
        for (unsigned i = 0; i < t->count; i++) {
            const struct rh_element *e = &t->elements[i];
            assert_ptr_equal(rh_element_find(t, rh_text(e->name)), e);
            assert_int_equal(e->name_len, strlen(e->name));
            assert_true(rh_text_starts(rh_text(e->name), e->base));
            assert_int_equal(e->choice, strcmp(e->name, e->base) != 0);
            assert_ptr_not_equal(rh_element_find(t, (struct rh_text){e->name, e->name_len - 1u}),
                                 e);
            assert_int_equal(e->targets != NULL, strcmp(e->type->name, "Reference") == 0);
            if (e->min)
                required |= UINT64_C(1) << e->order;
        }
        assert_true(required == t->required);
    }
    assert_null(rh_element_find(type("Patient"), RH_TEXT("")));
    assert_null(rh_element_find(type("Patient"), RH_TEXT("resourceType")));
    assert_null(rh_element_find(type("Patient"), RH_TEXT("birthDate ")));
    assert_null(rh_element_find(type("date"), RH_TEXT("id")));
    assert_null(rh_type_find(RH_TEXT("")));
    assert_null(rh_type_find(RH_TEXT("patient")));
    assert_null(rh_type_find(RH_TEXT("MoneyQuantity")));
    assert_int_equal(rh_resource_number(RH_TEXT("HumanName")), 0);
    assert_int_equal(rh_resource_number(RH_TEXT("Resource")), 0);
}

static void says_what_an_element_is(void **state)
{
    (void)state;
    const struct rh_element *e = element("Patient", "gender");
    assert_int_equal(e->type->primitive, RH_P_CODE);
    assert_string_equal(e->binding, "http://hl7.org/fhir/ValueSet/administrative-gender");
    assert_false(e->many);
    e = element("Patient", "name");
    assert_true(e->many);
    assert_ptr_equal(e->type, type("HumanName"));
    e = element("Patient", "generalPractitioner");
    assert_string_equal(e->targets, "Organization|Practitioner|PractitionerRole");
    assert_null(e->binding);
    assert_string_equal(element("Provenance", "target")->targets, "");
    assert_int_equal(element("Observation", "status")->min, 1);
    assert_int_equal(type("Resource")->kind, RH_KIND_ABSTRACT);
    assert_int_equal(type("Timing.repeat")->kind, RH_KIND_BACKBONE);
    assert_int_equal(type("Quantity")->kind, RH_KIND_COMPLEX);
    assert_ptr_equal(element("Patient", "contained")->type, type("Resource"));
}

static void writes_out_choices(void **state)
{
    (void)state;
    const struct rh_element *a = element("Observation", "valueQuantity");
    const struct rh_element *b = element("Observation", "valueDateTime");
    assert_true(a->choice && b->choice);
    assert_string_equal(a->base, "value");
    assert_int_equal(a->order, b->order);
    assert_int_equal(b->type->primitive, RH_P_DATETIME);
    assert_null(rh_element_find(type("Observation"), RH_TEXT("value")));
    assert_null(rh_element_find(type("Observation"), RH_TEXT("valueDecimal")));
    assert_int_equal(element("Extension", "valueMeta")->order,
                     element("Extension", "valueId")->order);
    assert_string_equal(element("Extension", "valueReference")->targets, "");
}

static void follows_content_references_and_backbones(void **state)
{
    (void)state;
    assert_ptr_equal(element("Bundle.entry", "link")->type, type("Bundle.link"));
    assert_ptr_equal(element("Questionnaire.item", "item")->type, type("Questionnaire.item"));
    assert_ptr_equal(element("Parameters.parameter", "part")->type, type("Parameters.parameter"));
    assert_ptr_equal(element("Patient", "contact")->type, type("Patient.contact"));
    assert_non_null(rh_element_find(type("Patient.contact"), RH_TEXT("modifierExtension")));
    assert_null(rh_element_find(type("Timing.repeat"), RH_TEXT("modifierExtension")));
    assert_non_null(rh_element_find(type("Timing"), RH_TEXT("modifierExtension")));
    assert_null(rh_element_find(type("Bundle"), RH_TEXT("contained")));
    assert_ptr_equal(type("Age")->elements, type("Quantity")->elements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_resource_type_of_r4),
        cmocka_unit_test(keeps_the_numbers_of_resource_types),
        cmocka_unit_test(finds_every_element_by_its_name_and_no_other),
        cmocka_unit_test(says_what_an_element_is),
        cmocka_unit_test(writes_out_choices),
        cmocka_unit_test(follows_content_references_and_backbones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
