/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose record a resource belongs to. Source: CompartmentDefinition/patient, FHIR R4. */
#include "fhir/compartment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENT "{\"reference\":\"Patient/p1\"}"
#define OTHER   "{\"reference\":\"Patient/p2\"}"
#define GROUP   "{\"reference\":\"Group/g\"}"

static const struct {
    const char *type, *members, *want;
} rows[] = {
    {"Patient", "\"active\":true", "own"},
    {"Patient", "\"link\":[{\"other\":" OTHER "}]", "own"},
    {"Observation", "\"subject\":" PATIENT, "p1"},
    {"Observation", "\"subject\":{\"reference\":\"Patient/p1/_history/3\"}", "p1"},
    {"Observation", "\"subject\":" GROUP, ""},
    {"Observation", "\"subject\":" GROUP ",\"performer\":[" GROUP "," OTHER "]", "p2"},
    /* in the order of the definition, whatever the order of the members */
    {"Observation", "\"performer\":[" OTHER "],\"subject\":" PATIENT, "p1"},
    {"Observation", "\"subject\":{\"reference\":\"http://other.example/Patient/p1\"}", ""},
    {"Observation", "\"subject\":{\"reference\":\"#p1\"}", ""},
    {"Observation", "\"subject\":{\"reference\":\"urn:uuid:p1\"}", ""},
    {"Observation", "\"subject\":{\"display\":\"Patient/p1\"}", ""},
    {"Observation", "\"focus\":[" PATIENT "]", ""},
    {"Encounter", "\"subject\":" PATIENT, "p1"},
    {"Appointment", "\"participant\":[{\"actor\":" GROUP "},{\"actor\":" PATIENT "}]", "p1"},
    {"AuditEvent", "\"agent\":[{}],\"entity\":[{\"what\":" PATIENT "}]", "p1"},
    {"CarePlan", "\"activity\":[{\"detail\":{\"performer\":[" OTHER "]}}]", "p2"},
    {"Coverage", "\"policyHolder\":" PATIENT ",\"beneficiary\":" OTHER, "p1"},
    {"Group", "\"member\":[{\"entity\":" PATIENT "}]", "p1"},
    {"Person",
     "\"link\":[{\"target\":{\"reference\":\"Practitioner/1\"}},{\"target\":" PATIENT "}]", "p1"},
    {"RelatedPerson", "\"patient\":" PATIENT, "p1"},
    {"Provenance", "\"target\":[{\"reference\":\"Observation/1\"}," PATIENT "]", "p1"},
    {"Immunization", "\"patient\":" PATIENT, "p1"},
    {"ImagingStudy", "\"subject\":" PATIENT, "p1"},
    {"QuestionnaireResponse", "\"author\":" OTHER ",\"subject\":" PATIENT, "p1"},
    /* not in the compartment of R4 */
    {"Organization", "\"name\":\"x\"", ""},
    {"Task", "\"for\":" PATIENT, ""},
    {"Device", "\"patient\":" PATIENT, ""},
    {"Bundle", "\"entry\":[{\"resource\":{\"subject\":" PATIENT "}}]", ""},
    /* what has not been checked does no harm */
    {"Observation", "\"subject\":\"Patient/p1\"", ""},
    {"Observation", "\"subject\":null", ""},
    {"Observation", "\"subject\":[[" PATIENT "]]", ""},
    {"Observation", "\"subject\":{\"reference\":5}", ""},
};

static void finds_the_person(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_issues is;
        yyjson_doc *doc;
        rh_issues_init(&is, a);
        char *text =
            rh_arena_printf(a, "{\"resourceType\":\"%s\",%s}", rows[i].type, rows[i].members);
        assert_int_equal(rh_json_parse(a, &is, rh_text(text), &doc), RH_OK);
        struct rh_text got = rh_compartment_patient(rh_type_find(rh_text(rows[i].type)),
                                                    yyjson_doc_get_root(doc), RH_TEXT("own"));
        if (!rh_text_is(got, rows[i].want))
            fail_msg("%s: \"%.*s\" instead of \"%s\"", text, RH_TEXT_ARG(got), rows[i].want);
    }
    rh_arena_close(a);
}

static void gives_no_person_to_what_is_no_resource(void **state)
{
    (void)state;
    assert_int_equal(
        rh_compartment_patient(rh_type_find(RH_TEXT("HumanName")), NULL, RH_TEXT("own")).len, 0);
    assert_int_equal(
        rh_compartment_patient(rh_type_find(RH_TEXT("Observation")), NULL, RH_TEXT("own")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_person),
        cmocka_unit_test(gives_no_person_to_what_is_no_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
