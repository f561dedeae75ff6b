/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"
#include "server/negotiate.h"
#include "server/subset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 9110 12.5.1: the most specific range decides; 0 refuses. */
static void chooses_the_form_as_accept_says(void **state)
{
    enum { NONE = RH_FORMAT_NONE, JSON = RH_FORMAT_JSON, XML = RH_FORMAT_XML };
    static const struct {
        const char *accept;
        int format;
    } rows[] = {
        {"", JSON},
        {"*/*", JSON},
        {"application/*", JSON},
        {"application/fhir+json", JSON},
        {"APPLICATION/JSON", JSON},
        {"text/html, */*;q=0.8", JSON},
        {"application/fhir+json;q=0", NONE},
        {"application/json;q=0, application/fhir+json", JSON},
        {"application/fhir+json;q=0, */*", XML},
        {"application/*;q=0, */*", NONE},
        {"*/*;q=0", NONE},
        {"*/*;q=0.000", NONE},
        {"*/*;q=0.001", JSON},
        {"*/*;q=2", NONE},
        {"text/html", NONE},
        {"application/fhir+json; fhirVersion=4.0", JSON},
        {"application/fhir+json; fhirVersion=\"4.0\"", JSON},
        {"application/fhir+json; fhirVersion=5.0", NONE},
        {"x;y=\"application/fhir+json,*/*\"", NONE},
        {"application/fhir+xml", XML},
        {"Application/XML", XML},
        {"text/xml;charset=utf-8", XML},
        {"application/fhir+xml; fhirVersion=4.0", XML},
        {"application/fhir+xml; fhirVersion=3.0", NONE},
        {"application/fhir+xml, application/fhir+json;q=0.1", XML},
        {"application/fhir+xml;q=0.9, application/fhir+json", JSON},
        {"application/fhir+xml, application/fhir+json", JSON},
        {"application/fhir+xml, */*", XML},
        {"application/fhir+xml;q=0, */*", JSON},
        {"text/*", NONE},
        {"application/json+fhir", JSON},
        {"application/xml+fhir", XML},
        {"text/json", JSON},
        /* what browsers send */
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON},
        {"text/html, application/fhir+xml", XML},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((int)rh_accepts(rh_text(rows[i].accept)) != rows[i].format)
            fail_msg("Accept: %s", rows[i].accept);
}

static void knows_the_values_of_format(void **state)
{
    static const struct {
        const char *text;
        enum rh_format format;
    } rows[] = {
        {"json", RH_FORMAT_JSON},
        {"application/fhir json", RH_FORMAT_JSON},
        {"text/json", RH_FORMAT_JSON},
        {"xml", RH_FORMAT_XML},
        {"XML", RH_FORMAT_XML},
        {"text/xml", RH_FORMAT_XML},
        {"application/xml; fhirVersion=4.0", RH_FORMAT_XML},
        {"application/fhir+xml", RH_FORMAT_XML},
        {"application/fhir xml", RH_FORMAT_XML},
        {"ttl", RH_FORMAT_NONE},
        {"", RH_FORMAT_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_format_of(rh_text(rows[i].text)) != rows[i].format)
            fail_msg("_format=%s", rows[i].text);
}

static void names_the_media_type_that_was_asked_for(void **state)
{
    static const struct {
        const char *accept, *json, *xml;
    } rows[] = {
        {"", NULL, NULL},
        {"*/*", NULL, NULL},
        {"application/json", "application/json", NULL},
        {"Application/JSON;q=0.5", "application/json", NULL},
        {"text/json", "text/json", NULL},
        {"application/xml", NULL, "application/xml"},
        {"text/xml; charset=utf-8", NULL, "text/xml"},
        {"application/json, application/json;q=0.2", "application/json", NULL},
        {"application/json, */*", NULL, NULL},
        {"application/json, application/fhir+json", NULL, NULL},
        {"application/json, text/json", NULL, NULL},
        {", ,", NULL, NULL},
        {"application/json+fhir", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int xml = 0; xml < 2; xml++) {
            const char *want = xml ? rows[i].xml : rows[i].json;
            const char *got =
                rh_media_asked(rh_text(rows[i].accept), xml ? RH_FORMAT_XML : RH_FORMAT_JSON);
            if (!want != !got || (want && strncmp(got, want, strlen(want)) != 0))
                fail_msg("Accept: %s", rows[i].accept);
        }
}

static void takes_gzip_as_accept_encoding_says(void **state)
{
    static const struct {
        const char *accept;
        bool gzip;
    } rows[] = {
        {"", false},      {"gzip", true},      {"deflate, gzip;q=0.5", true}, {"gzip;q=0", false},
        {"*", true},      {"*;q=0", false},    {"gzip;q=0, *", false},        {"br", false},
        {"x-gzip", true}, {"identity", false}, {"*;q=0, gzip", true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_accepts_gzip(rh_text(rows[i].accept)) != rows[i].gzip)
            fail_msg("Accept-Encoding: %s", rows[i].accept);
}

static void knows_the_kinds_of_bodies(void **state)
{
    static const struct {
        const char *text;
        enum rh_media media;
    } rows[] = {
        {"", RH_MEDIA_NONE},
        {"application/fhir+json", RH_MEDIA_JSON},
        {"Application/JSON ; charset=\"UTF-8\"", RH_MEDIA_JSON},
        {"application/json; charset=latin1", RH_MEDIA_OTHER},
        {"application/fhir+json; fhirVersion=4.0", RH_MEDIA_JSON},
        {"application/fhir+json; fhirVersion=3.0", RH_MEDIA_OTHER},
        {"application/fhir+xml;charset=utf-8", RH_MEDIA_XML},
        {"application/xml", RH_MEDIA_XML},
        {"TEXT/XML; charset=utf-8", RH_MEDIA_XML},
        {"application/fhir+xml; charset=utf-16", RH_MEDIA_OTHER},
        {"application/json-patch+json", RH_MEDIA_PATCH},
        {"application/x-www-form-urlencoded", RH_MEDIA_FORM},
        {"text/plain", RH_MEDIA_OTHER},
        {"application/jsonx", RH_MEDIA_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_media_of(rh_text(rows[i].text)) != rows[i].media)
            fail_msg("Content-Type: %s", rows[i].text);
}

static void reads_prefer(void **state)
{
    (void)state;
    struct rh_prefers p =
        rh_prefer_parse(RH_TEXT("return=minimal; x=\"a,return=representation\", handling=lenient"));
    assert_int_equal(p.ret, RH_RETURN_MINIMAL);
    assert_true(p.lenient);
    p = rh_prefer_parse(RH_TEXT("handling=strict, return=OperationOutcome"));
    assert_int_equal(p.ret, RH_RETURN_OUTCOME);
    assert_false(p.lenient);
    p = rh_prefer_parse(RH_TEXT("respond-async, return=everything"));
    assert_int_equal(p.ret, RH_RETURN_UNSAID);
}

static void compares_entity_tags(void **state)
{
    (void)state;
    assert_true(rh_etag_matches(RH_TEXT("W/\"a1-5\""), "a1-5"));
    assert_true(rh_etag_matches(RH_TEXT("\"x\" , \"a1-5\""), "a1-5"));
    assert_true(rh_etag_matches(RH_TEXT("*"), "a1-5"));
    assert_false(rh_etag_matches(RH_TEXT("W/\"a1-55\""), "a1-5"));
    assert_false(rh_etag_matches(RH_TEXT("\"x, a1-5\""), "a1-5"));
    assert_false(rh_etag_matches(RH_TEXT(""), "a1-5"));
}

/* The examples of RFC 9110 5.6.7, and days around leap days. */
static void reads_and_prints_http_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000000)},
        {"Sun Nov  6 08:49:37 1994", INT64_C(784111777000000)},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 23:59:59 GMT", INT64_C(1709251199000000)},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
        {"Sun, 06 Nix 1994 08:49:37 GMT", -1},
        {"yesterday", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = -1;
        char printed[RH_HTTP_DATE_SIZE];
        enum rh_rc rc = rh_http_date_parse(rh_text(rows[i].text), &us);
        assert_int_equal(rc, rows[i].us < 0 ? RH_SYNTAX : RH_OK);
        assert_int_equal(us, rows[i].us);
        rh_http_date_print(us, printed);
        if (rc == RH_OK && strchr(rows[i].text, ','))
            assert_string_equal(printed, rows[i].text);
    }
}

static void decodes_paths(void **state)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_text t;
    (void)state;
    assert_int_equal(rh_path_decode(a, RH_TEXT("a%2Fb+c%d9%85"), &t), RH_OK);
    assert_string_equal(t.data, "a/b+cم");
    static const char *const bad[] = {"%", "%4", "a%zz", "%00", "%ff", "%c3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(rh_path_decode(a, rh_text(bad[i]), &t), RH_SYNTAX);
    rh_arena_close(a);
}

static void takes_result_parameters_out_of_a_query(void **state)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    struct rh_result_parameters r;
    (void)state;
    rh_issues_init(&is, a);
    assert_int_equal(
        rh_result_parameters(
            a, &is, RH_TEXT("name=x&_format=json&_elements=a%2Cb&birthdate=2020&_pretty"), &r),
        RH_OK);
    assert_true(rh_text_is(r.rest, "name=x&birthdate=2020"));
    assert_true(rh_text_is(r.format, "json") && rh_text_is(r.elements, "a,b") && r.pretty.data &&
                r.pretty.len == 0);
    assert_null(r.summary.data);
    assert_int_equal(rh_result_parameters(a, &is, RH_TEXT("_format=json&_format=xml"), &r),
                     RH_QUERY);
    assert_non_null(strstr(is.rows[0].text, "_format"));
    rh_arena_close(a);
}

static void tells_this_machine_from_others(void **state)
{
    static const char *const ours[] = {"localhost",   "LOCALHOST:80", "127.0.0.1",
                                       "127.9.9.9:1", "[::1]",        "[::1]:80"};
    static const char *const others[] = {
        "",        "example.org", "localhost.evil", "127.0.0.1.evil", "10.0.0.1",   "128.0.0.1",
        "127.0.0", "127.0.0.256", "[::1].evil",     "[::2]",          "127.0.0.1.1"};
    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        assert_true(rh_host_is_loopback(rh_text(ours[i])));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(rh_host_is_loopback(rh_text(others[i])));
}

static const char *word(unsigned i)
{
    static const char *const words[] = {"Patient", "Observation", "Basic", "Encounter"};
    return words[i];
}

static void suggests_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(rh_nearest(RH_TEXT("Patent"), word, 4), "Patient");
    assert_string_equal(rh_nearest(RH_TEXT("observation"), word, 4), "Observation");
    assert_string_equal(rh_nearest(RH_TEXT("Obsrevation"), word, 4), "Observation");
    assert_null(rh_nearest(RH_TEXT("Xylophone"), word, 4));
    assert_null(rh_nearest(RH_TEXT(""), word, 4));
}

/* in_summary of subset.c takes the row by the type's number. */
static void has_a_summary_row_for_every_type(void **state)
{
    unsigned n = 0;
    (void)state;
    while (rh_summary_rows[n].type)
        n++;
    assert_int_equal(n, RH_RESOURCE_TYPES);
    for (unsigned i = 0; i < n; i++)
        assert_string_equal(rh_summary_rows[i].type, rh_resource_type(i + 1)->name);
}

static struct rh_text cut(struct rh_arena *a, enum rh_summary summary, const char *elements,
                          const char *json)
{
    struct rh_issues is;
    struct rh_buf out = rh_buf(a);
    yyjson_doc *doc;
    struct rh_subset s = {.summary = summary, .elements = rh_text(elements)};
    rh_issues_init(&is, a);
    assert_int_equal(rh_json_parse(a, &is, rh_text(json), &doc), RH_OK);
    rh_subset_write(&s, rh_type_find(RH_TEXT("Observation")), yyjson_doc_get_root(doc), &out);
    return rh_buf_get(&out);
}

static void cuts_and_keeps_what_is_mandatory(void **state)
{
    static const char whole[] = "{\"resourceType\":\"Observation\",\"id\":\"1\",\"meta\":{\"tag\":["
                                "{\"code\":\"T\"}],\"versionId\":\"v\"},"
                                "\"text\":{\"status\":\"empty\"},\"status\":\"final\",\"code\":{"
                                "\"text\":\"c\"},\"valueDecimal\":1.50,"
                                "\"_valueString\":{},\"valueString\":\"s\",\"note\":[]}";
    struct rh_arena *a = rh_arena_open(1 << 20);
#define SUBSETTED                                          \
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/" \
    "v3-ObservationValue\",\"code\":\"SUBSETTED\"}"
    static const char head[] = "{\"resourceType\":\"Observation\",\"id\":\"1\",\"meta\":{\"tag\":[{"
                               "\"code\":\"T\"}," SUBSETTED "],\"versionId\":\"v\"}";
    struct rh_buf want = rh_buf(a);
    (void)state;
    rh_buf_printf(&want,
                  "%s,\"status\":\"final\",\"code\":{\"text\":\"c\"},\"_valueString\":{},"
                  "\"valueString\":\"s\"}",
                  head);
    assert_true(rh_text_eq(cut(a, RH_SUMMARY_FALSE, "value", whole), rh_buf_get(&want)));
    assert_true(rh_text_eq(cut(a, RH_SUMMARY_FALSE, " Observation.valueString , id", whole),
                           rh_buf_get(&want)));
    want.len = 0;
    rh_buf_printf(
        &want, "%s,\"text\":{\"status\":\"empty\"},\"status\":\"final\",\"code\":{\"text\":\"c\"}}",
        head);
    assert_true(rh_text_eq(cut(a, RH_SUMMARY_TEXT, "", whole), rh_buf_get(&want)));
    struct rh_text bare =
        cut(a, RH_SUMMARY_DATA, "",
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"text\":{},\"note\":[]}");
    assert_true(rh_text_is(
        bare, "{\"resourceType\":\"Observation\",\"id\":\"1\",\"meta\":{\"tag\":[" SUBSETTED
              "]},\"note\":[]}"));
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_form_as_accept_says),
        cmocka_unit_test(knows_the_values_of_format),
        cmocka_unit_test(names_the_media_type_that_was_asked_for),
        cmocka_unit_test(takes_gzip_as_accept_encoding_says),
        cmocka_unit_test(knows_the_kinds_of_bodies),
        cmocka_unit_test(reads_prefer),
        cmocka_unit_test(compares_entity_tags),
        cmocka_unit_test(reads_and_prints_http_dates),
        cmocka_unit_test(decodes_paths),
        cmocka_unit_test(takes_result_parameters_out_of_a_query),
        cmocka_unit_test(tells_this_machine_from_others),
        cmocka_unit_test(suggests_the_nearest_name),
        cmocka_unit_test(has_a_summary_row_for_every_type),
        cmocka_unit_test(cuts_and_keeps_what_is_mandatory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
