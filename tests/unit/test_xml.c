/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML and JSON of the same resource: rows of tests/cases/xml, and limits. */
#include "xml/xml.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

static struct rh_issues issues;
static struct rh_ctx ctx;

static int begin(void **state)
{
    open_arena(state);
    rh_issues_init(&issues, arena);
    ctx = (struct rh_ctx){.arena = arena, .issues = &issues};
    return 0;
}

static struct rh_text minified(yyjson_val *v)
{
    struct rh_buf b = rh_buf(arena);
    rh_json_write(&b, v);
    return rh_buf_get(&b);
}

static const char *name_of(yyjson_val *row)
{
    return yyjson_get_str(yyjson_obj_get(row, "name"));
}

static bool equal(const char *name, struct rh_text got, struct rh_text want)
{
    if (rh_text_eq(got, want))
        return true;
    print_error("%s:\n  %.*s\nwanted\n  %.*s\n", name, RH_TEXT_ARG(got), RH_TEXT_ARG(want));
    return false;
}

static void both_ways(void **state)
{
    (void)state;
    yyjson_val *row;
    size_t i, n;
    unsigned wrong = 0;
    yyjson_arr_foreach (parse(arena, read_file(arena, RH_TESTS "/cases/xml/both-ways.json")), i, n,
                        row) {
        struct rh_text xml = rh_json_get(row, "xml"), json = minified(yyjson_obj_get(row, "json"));
        struct rh_buf as_xml = rh_buf(arena), as_json = rh_buf(arena);
        assert_int_equal(rh_xml_write(&ctx, yyjson_obj_get(row, "json"), &as_xml), RH_OK);
        assert_int_equal(rh_xml_read(&ctx, xml, &as_json), RH_OK);
        wrong += !equal(name_of(row), rh_buf_get(&as_xml), xml);
        wrong += !equal(name_of(row), rh_buf_get(&as_json), json);
    }
    assert_true(n > 5);
    assert_int_equal(wrong, 0);
}

/* "expression|line:column|words"; what is empty is not looked at. */
static bool same_issue(const struct rh_issue *got, struct rh_text want)
{
    struct rh_text expression, place;
    char at[40];
    (void)rh_text_split(&want, '|', &expression);
    (void)rh_text_split(&want, '|', &place);
    (void)snprintf(at, sizeof at, "%u:%u", got->line, got->column);
    return rh_text_is(expression, got->expression ? got->expression : "") &&
           strncmp(at, place.data, place.len) == 0 &&
           memmem(got->text, strlen(got->text), want.data, want.len) && got->line > 0;
}

static bool same_row(yyjson_val *row, enum rh_rc rc, struct rh_text got)
{
    yyjson_val *wanted = yyjson_obj_get(row, "issues"), *want;
    size_t i, n;
    bool ok = rh_text_is(rh_json_get(row, "rc"), rh_rc_name(rc)) &&
              issues.count == yyjson_arr_size(wanted);
    yyjson_arr_foreach (wanted, i, n, want)
        ok = ok && same_issue(&issues.rows[i], rh_json_text(want));
    if (!ok) {
        print_error("%s: %s\n", name_of(row), rh_rc_name(rc));
        for (unsigned k = 0; k < issues.count; k++)
            print_error("    %s|%u:%u|%s\n",
                        issues.rows[k].expression ? issues.rows[k].expression : "",
                        issues.rows[k].line, issues.rows[k].column, issues.rows[k].text);
    }
    yyjson_val *json = yyjson_obj_get(row, "json");
    return (!json || equal(name_of(row), got, minified(json))) && ok;
}

static void reading(void **state)
{
    (void)state;
    yyjson_val *row;
    size_t i, n;
    unsigned wrong = 0;
    yyjson_arr_foreach (parse(arena, read_file(arena, RH_TESTS "/cases/xml/reading.json")), i, n,
                        row) {
        struct rh_buf b = rh_buf(arena);
        rh_issues_init(&issues, arena);
        enum rh_rc rc = rh_xml_read(&ctx, rh_json_get(row, "xml"), &b);
        wrong += !same_row(row, rc, rh_buf_get(&b));
        if (rc != RH_SYNTAX)
            (void)parse(arena, rh_buf_get(&b));
    }
    assert_true(n > 30);
    assert_int_equal(wrong, 0);
}

static void writing_names_what_it_cannot_write(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expression;
    } rows[] = {
        {"{\"resourceType\":\"Patient\",\"nam\":1}", "Patient.nam"},
        {"{\"resourceType\":\"Nobody\"}", "Nobody"},
        {"{\"resourceType\":\"Patient\",\"name\":[1]}", "Patient.name[0]"},
        {"{\"resourceType\":\"Patient\",\"birthDate\":{}}", "Patient.birthDate"},
        {"{\"resourceType\":\"Patient\",\"id\":\"a\\u0001\"}", "Patient.id"},
        {"{\"resourceType\":\"Patient\",\"text\":{\"div\":\"<div>a<br></div>\"}}",
         "Patient.text.div"},
        {"{\"resourceType\":\"Basic\",\"contained\":[{\"id\":\"x\"}]}", "Basic.contained[0]"},
        {"[]", "Resource"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_buf b = rh_buf(arena);
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_xml_write(&ctx, parse(arena, rh_text(rows[i].json)), &b), RH_STRUCTURE);
        assert_int_equal(issues.count, 1);
        assert_string_equal(issues.rows[0].expression, rows[i].expression);
    }
}

static void a_div_without_namespace_gets_one(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    yyjson_val *v = parse(
        arena,
        RH_TEXT("{\"resourceType\":\"Patient\",\"text\":{\"div\":\"<div> <b>a</b> </div>\"}}"));
    assert_int_equal(rh_xml_write(&ctx, v, &b), RH_OK);
    assert_true(equal("div", rh_buf_get(&b),
                      RH_TEXT("<Patient xmlns=\"http://hl7.org/fhir\"><text><div xmlns=\"http://"
                              "www.w3.org/1999/xhtml\"> <b>a</b> </div></text></Patient>")));
}

/* --- limits ----------------------------------------------------------------------------------- */

static enum rh_rc read_repeated(const char *before, const char *piece, size_t n, const char *after)
{
    struct rh_buf xml = rh_buf(arena), json = rh_buf(arena);
    rh_buf_str(&xml, before);
    for (size_t i = 0; i < n; i++)
        rh_buf_str(&xml, piece);
    rh_buf_str(&xml, after);
    assert_int_equal(xml.rc, RH_OK);
    rh_issues_init(&issues, arena);
    return rh_xml_read(&ctx, rh_buf_get(&xml), &json);
}

static void refuses_what_is_over_the_limits(void **state)
{
    (void)state;
    assert_int_equal(read_repeated("<Patient xmlns='http://hl7.org/fhir'>", "<contact>", 1000, ""),
                     RH_SYNTAX);
    assert_non_null(strstr(issues.rows[0].text, "nested too deeply"));
    assert_int_equal(read_repeated("<Patient xmlns='http://hl7.org/fhir' ", " a='>'", 200000, "/>"),
                     RH_SYNTAX);
    assert_non_null(strstr(issues.rows[0].text, "too many attributes"));
    struct rh_buf many = rh_buf(arena);
    for (int i = 0; i < 100; i++)
        rh_buf_printf(&many, " xmlns:a%d='b'", i);
    rh_buf_char(&many, 0);
    assert_int_equal(read_repeated("<Patient xmlns='http://hl7.org/fhir'", many.data, 1, "/>"),
                     RH_SYNTAX);
    assert_non_null(strstr(issues.rows[0].text, "too many namespaces"));
    assert_int_equal(read_repeated("<!--", "0123456789abcdef", (RH_XML_BYTES_MAX >> 4) + 1, "-->"),
                     RH_TOOLARGE);
}

static void takes_a_long_value_and_many_elements(void **state)
{
    (void)state;
    assert_int_equal(read_repeated("<Binary xmlns='http://hl7.org/fhir'><data value='",
                                   "AAAABBBBCCCCDDDD", 1 << 20, "'/></Binary>"),
                     RH_OK);
    rh_arena_reset(arena);
    assert_int_equal(read_repeated("<Patient xmlns='http://hl7.org/fhir'><name>",
                                   "<given value='a'/>", 100000, "</name></Patient>"),
                     RH_OK);
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct rh_arena *small = rh_arena_open(64 << 10);
    struct rh_buf xml = rh_buf(arena), json = rh_buf(small);
    struct rh_ctx c = {.arena = small, .issues = &issues};
    rh_buf_str(&xml, "<Patient xmlns='http://hl7.org/fhir'>");
    for (int i = 0; i < 10000; i++)
        rh_buf_str(&xml, "<name><text value='a'/></name>");
    rh_buf_str(&xml, "</Patient>");
    assert_int_equal(rh_xml_read(&c, rh_buf_get(&xml), &json), RH_NOMEM);
    rh_arena_close(small);
}

/* --- places ----------------------------------------------------------------------------------- */

static void finds_the_place(void **state)
{
    (void)state;
    static const char xml[] = "<Bundle xmlns='http://hl7.org/fhir'>\n"
                              " <entry>\n"
                              "  <fullUrl value='a'/>\n"
                              "  <resource><Patient>\n"
                              "   <name><given value='\xC3\xA9'/><given id='b'\n"
                              "     value='c'/></name>\n"
                              "   <multipleBirthInteger value='1'/></Patient></resource>\n"
                              " </entry> <entry/>\n"
                              "</Bundle>";
    static const struct {
        const char *expression;
        unsigned line, column;
    } rows[] = {
        {"Bundle", 1, 37},
        {"Bundle.entry[0].resource", 4, 13},
        {"Bundle.entry[0].resource/*Patient/null*/.name[0].given[0]", 5, 28},
        {"Bundle.entry[0].resource.name[0].given[1].id", 6, 17},
        {"Bundle.entry[0].resource.multipleBirth.ofType(integer)", 7, 37},
        {"Bundle.entry[0].resource.multipleBirth", 7, 37},
        {"Bundle.entry[1].resource", 8, 19},
        {"Bundle.entry[7]", 1, 37},
        {"Bundle.entry[0].fullUrl", 3, 23},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rh_issue_add(&issues, RH_VALUE, rows[i].expression, "x");
    rh_xml_locate(&issues, RH_TEXT(xml));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (issues.rows[i].line != rows[i].line || issues.rows[i].column != rows[i].column)
            fail_msg("%s: %u:%u, wanted %u:%u", rows[i].expression, issues.rows[i].line,
                     issues.rows[i].column, rows[i].line, rows[i].column);
    rh_issues_init(&issues, arena);
    rh_issue_add(&issues, RH_VALUE, "Bundle", "x");
    rh_xml_locate(&issues, RH_TEXT("<Bundle"));
    assert_int_equal(issues.rows[0].line, 0);
}

/* --- real files ------------------------------------------------------------------------------- */

/* JSON to XML and back is the same resource. */
static void round_trip(const char *path)
{
    struct rh_buf xml = rh_buf(arena), json = rh_buf(arena), again = rh_buf(arena);
    rh_issues_init(&issues, arena);
    if (rh_xml_read(&ctx, read_file(arena, path), &json))
        return; /* a file that is wrong on purpose */
    yyjson_val *v = parse(arena, rh_buf_get(&json));
    if (rh_xml_write(&ctx, v, &xml) || rh_xml_read(&ctx, rh_buf_get(&xml), &again))
        fail_msg("%s: %s", path, issues.count ? issues.rows[0].text : "?");
    if (!rh_text_eq(rh_buf_get(&json), rh_buf_get(&again)))
        fail_msg("%s comes back as something else", path);
}

static void files(void **state)
{
    (void)state;
    const char *dir = getenv("RIHLA_TESTDATA");
    static const char *const folders[] = {"01_fhirpath/dev/official_xml",
                                          "14_validation/dev/resources"};
    unsigned n = 0;
    for (size_t i = 0; dir && i < sizeof folders / sizeof folders[0]; i++) {
        DIR *d = opendir(rh_arena_printf(arena, "%s/%s", dir, folders[i]));
        for (const struct dirent *e; d && (e = readdir(d));)
            if (rh_text_ends(rh_text(e->d_name), ".xml")) {
                round_trip(rh_arena_printf(arena, "%s/%s/%s", dir, folders[i], e->d_name));
                n++;
            }
        if (d)
            closedir(d);
    }
    if (n == 0)
        skip();
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_ways),
        T(reading),
        T(writing_names_what_it_cannot_write),
        T(a_div_without_namespace_gets_one),
        T(refuses_what_is_over_the_limits),
        T(takes_a_long_value_and_many_elements),
        T(says_when_memory_ends),
        T(finds_the_place),
        T(files),
    };
    return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
