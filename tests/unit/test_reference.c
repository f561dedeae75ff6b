/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What references point to, and that all of them are found. */
#include "fhir/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define BASE "http://127.0.0.1:8080/fhir"

static void knows_each_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rh_reference_kind kind;
        const char *type, *id, *version, *query;
    } rows[] = {
        {"Patient/1", RH_REF_LOCAL, "Patient", "1", NULL, NULL},
        {"Patient/1/_history/2", RH_REF_LOCAL, "Patient", "1", "2", NULL},
        {BASE "/Patient/a.b-C", RH_REF_LOCAL, "Patient", "a.b-C", NULL, NULL},
        {BASE "/Patient/1/_history/3", RH_REF_LOCAL, "Patient", "1", "3", NULL},
        {"https://other.example/r4/Observation/9", RH_REF_ABSOLUTE, "Observation", "9", NULL, NULL},
        {"http://other.example/Group/9/_history/x", RH_REF_ABSOLUTE, "Group", "9", "x", NULL},
        {BASE "x/Patient/1", RH_REF_ABSOLUTE, "Patient", "1", NULL, NULL},
        {"#p1", RH_REF_CONTAINED, NULL, "p1", NULL, NULL},
        {"#", RH_REF_CONTAINED, NULL, "", NULL, NULL},
        {"urn:uuid:75c71918-f07f-4492-af1a-ce006a1e8aaf", RH_REF_UUID, NULL,
         "75c71918-f07f-4492-af1a-ce006a1e8aaf", NULL, NULL},
        {"urn:oid:1.2.3", RH_REF_UUID, NULL, "1.2.3", NULL, NULL},
        {"Patient?identifier=s|1", RH_REF_CONDITIONAL, "Patient", NULL, NULL, "identifier=s|1"},
        {BASE "/Patient?identifier=s|1", RH_REF_CONDITIONAL, "Patient", NULL, NULL,
         "identifier=s|1"},
        {"Patient?", RH_REF_CONDITIONAL, "Patient", NULL, NULL, ""},
        {"Foo?x=1", RH_REF_CONDITIONAL, NULL, NULL, NULL, "x=1"},
        {"", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"/Patient/1", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1/", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1/_history", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1/_history/", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1/_history/2/3", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1/x/2", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/a b", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Patient/1#x", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Foo/1", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"Resource/1", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"HumanName/1", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {BASE, RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {BASE "/", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"http://", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"http://other.example/codes", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"http://example.org/Questionnaire/1|2", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"mailto:a@example.org?subject=x", RH_REF_OTHER, NULL, NULL, NULL, NULL},
        {"1?x", RH_REF_OTHER, NULL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_reference r = rh_reference_parse(rh_text(rows[i].text), RH_TEXT(BASE));
        if (r.kind != rows[i].kind || r.type != rh_resource_number(rh_text(rows[i].type)) ||
            !rh_text_is(r.id, rows[i].id) || !rh_text_is(r.version, rows[i].version) ||
            !rh_text_is(r.query, rows[i].query))
            fail_msg("\"%s\": kind %d, type %u, id \"%.*s\"", rows[i].text, (int)r.kind, r.type,
                     RH_TEXT_ARG(r.id));
    }
}

static void takes_no_absolute_address_as_its_own_without_a_base(void **state)
{
    (void)state;
    struct rh_text none = {NULL, 0};
    assert_int_equal(rh_reference_parse(RH_TEXT(BASE "/Patient/1"), none).kind, RH_REF_ABSOLUTE);
    assert_int_equal(rh_reference_parse(RH_TEXT("Patient/1"), none).kind, RH_REF_LOCAL);
    assert_int_equal(rh_reference_parse(none, none).kind, RH_REF_OTHER);
}

struct found {
    char text[512];
    unsigned stop_after;
};

static enum rh_rc collect(void *user, yyjson_val *string, const struct rh_element *element)
{
    struct found *f = user;
    size_t len = strlen(f->text);
    snprintf(f->text + len, sizeof f->text - len, "%s=%s ", element->name, yyjson_get_str(string));
    return f->stop_after && --f->stop_after == 0 ? RH_INTERRUPTED : RH_OK;
}

static const char resource[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"profile\":[\"c1\"]},"
    "\"contained\":[{\"resourceType\":\"Organization\",\"partOf\":{\"reference\":\"r1\"}},{\"x\":1}"
    "],"
    "\"extension\":[{\"url\":\"u1\",\"valueReference\":{\"reference\":\"r2\",\"display\":\"no\"}}],"
    "\"birthDate\":\"1970\",\"_birthDate\":{\"extension\":[{\"url\":\"u2\",\"valueOid\":\"o1\"}]},"
    "\"name\":[{\"given\":[\"no\"],\"_given\":[null,{\"extension\":[{\"url\":\"u3\",\"valueUuid\":"
    "\"v1\"}]}]}],\"photo\":[{\"url\":\"a1\"}],\"unknown\":{\"reference\":\"no\"},"
    "\"link\":[{\"other\":{\"reference\":\"r3\"}},7,null],\"managingOrganization\":\"no\"}";

static void walks_over_every_link(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)1 << 20);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    assert_int_equal(rh_json_parse(a, &is, rh_text(resource), &doc), RH_OK);
    const struct rh_type *patient = rh_type_find(RH_TEXT("Patient"));
    struct found f = {.stop_after = 0};
    assert_int_equal(rh_references_walk(patient, yyjson_doc_get_root(doc), collect, &f), RH_OK);
    assert_string_equal(f.text,
                        "profile=c1 reference=r1 url=u1 reference=r2 url=u2 valueOid=o1 url=u3 "
                        "valueUuid=v1 url=a1 reference=r3 ");
    for (unsigned n = 1; n <= 10; n++) {
        f = (struct found){.stop_after = n};
        assert_int_equal(rh_references_walk(patient, yyjson_doc_get_root(doc), collect, &f),
                         RH_INTERRUPTED);
        assert_int_equal(f.stop_after, 0);
    }
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_kind),
        cmocka_unit_test(takes_no_absolute_address_as_its_own_without_a_base),
        cmocka_unit_test(walks_over_every_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
