/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Primitive values that are taken; most refusals are rows of tests/cases/check/primitive.json. */
#include "fhir/element.h"
#include "fhir/primitive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    enum rh_primitive p;
    const char *json;
    bool good;
} rows[] = {
    {RH_P_BOOLEAN, "true", true},
    {RH_P_BOOLEAN, "false", true},
    {RH_P_BOOLEAN, "\"true\"", false},
    {RH_P_BOOLEAN, "1", false},
    {RH_P_DECIMAL, "170.10", true},
    {RH_P_DECIMAL, "-0.0", true},
    {RH_P_DECIMAL, "1E+22", true},
    {RH_P_DECIMAL, "0.1234567890123456789012345678901234567890123", true},
    {RH_P_DECIMAL, "\"1\"", false},
    {RH_P_DECIMAL, "true", false},
    {RH_P_INTEGER, "2147483647", true},
    {RH_P_INTEGER, "-2147483648", true},
    {RH_P_INTEGER, "0", true},
    {RH_P_INTEGER, "2147483648", false},
    {RH_P_INTEGER, "-2147483649", false},
    {RH_P_INTEGER, "99999999999999999999999", false},
    {RH_P_INTEGER, "1.0", false},
    {RH_P_INTEGER, "1e2", false},
    {RH_P_POSITIVEINT, "1", true},
    {RH_P_POSITIVEINT, "2147483647", true},
    {RH_P_POSITIVEINT, "0", false},
    {RH_P_UNSIGNEDINT, "0", true},
    {RH_P_UNSIGNEDINT, "-0", false},
    {RH_P_STRING, "\"a\"", true},
    {RH_P_STRING, "\" a \"", true},
    {RH_P_STRING, "\"0123456\\t89012345\\r\\n\"", true},
    {RH_P_STRING, "\"01234567890\\u000b\"", false},
    {RH_P_STRING, "\"\\u0007 0123456789\"", false},
    {RH_P_STRING, "\"\xC3\xA9\xD9\x85\xF0\x9F\x99\x82\"", true},
    {RH_P_STRING, "\"\\u007f\"", true},
    {RH_P_STRING, "5", false},
    {RH_P_MARKDOWN, "\"# a\\n\\n* b\"", true},
    {RH_P_CODE, "\"a b c\"", true},
    {RH_P_CODE, "\"a\"", true},
    {RH_P_CODE, "\"a\\nb\"", false},
    {RH_P_URI, "\"urn:oid:1.2\"", true},
    {RH_P_URI, "\"Patient\"", true},
    {RH_P_URI, "\"http://example.org/\xC3\xA9\"", true},
    {RH_P_URI, "\"0123456 8\"", false},
    {RH_P_URI, "\"01234567 \"", false},
    {RH_P_URL, "\"https://example.org/?a=b#c\"", true},
    {RH_P_CANONICAL, "\"http://example.org/x|1.0#a\"", true},
    {RH_P_OID, "\"urn:oid:2.16.840.1.0\"", true},
    {RH_P_OID, "\"urn:oid:\"", false},
    {RH_P_UUID, "\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"", true},
    {RH_P_ID, "\"A-z.0\"", true},
    {RH_P_BASE64BINARY, "\"TWFu\"", true},
    {RH_P_BASE64BINARY, "\"TWE=\"", true},
    {RH_P_BASE64BINARY, "\"TQ==\"", true},
    {RH_P_BASE64BINARY, "\"TW\\r\\n Fu\"", true},
    {RH_P_BASE64BINARY, "\" \"", false},
    {RH_P_DATE, "\"2024\"", true},
    {RH_P_DATE, "\"2024-02\"", true},
    {RH_P_DATE, "\"2024-02-29\"", true},
    {RH_P_DATETIME, "\"2024-02-29T00:00:00.123+05:30\"", true},
    {RH_P_DATETIME, "\"2024\"", true},
    {RH_P_INSTANT, "\"2024-02-29T23:59:59Z\"", true},
    {RH_P_TIME, "\"23:59:59.5\"", true},
    {RH_P_XHTML, "\"<div xmlns='http://www.w3.org/1999/xhtml'>x</div>\"", true},
    {RH_P_XHTML, "\"\\n<div/>\\n\"", true},
    {RH_P_XHTML, "\"<div\"", false},
    {RH_P_XHTML, "null", false},
    {RH_P_STRING, "null", false},
    {RH_P_STRING, "{}", false},
    {RH_P_STRING, "[]", false},
};

static void takes_what_r4_takes(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open((size_t)1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_issues is;
        yyjson_doc *doc;
        rh_issues_init(&is, a);
        assert_int_equal(rh_json_parse(a, &is, rh_text(rows[i].json), &doc), RH_OK);
        const char *looks = rh_primitive_check(rows[i].p, yyjson_doc_get_root(doc));
        if ((looks == NULL) != rows[i].good)
            fail_msg("%s: %s", rh_primitive_name(rows[i].p), rows[i].json);
        if (looks)
            assert_true(strlen(looks) > 10);
    }
    rh_arena_close(a);
}

static void has_the_names_of_the_tables(void **state)
{
    (void)state;
    for (unsigned p = 0; p < RH_PRIMITIVES; p++) {
        const struct rh_type *t = rh_type_find(rh_text(rh_primitive_name((enum rh_primitive)p)));
        assert_non_null(t);
        assert_int_equal(t->kind, RH_KIND_PRIMITIVE);
        assert_int_equal(t->primitive, p);
        assert_int_equal(t->count, 0);
    }
}

static void takes_ids_of_1_to_64_characters(void **state)
{
    (void)state;
    char id[65];
    memset(id, 'a', sizeof id);
    for (size_t n = 0; n <= sizeof id; n++)
        assert_int_equal(rh_id_is((struct rh_text){id, n}), n >= 1 && n <= 64);
    for (unsigned c = 0; c < 256; c++) {
        id[5] = (char)c;
        bool want = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.';
        assert_int_equal(rh_id_is((struct rh_text){id, 10}), want);
    }
}

/* A control character at any place, whichever way the text is cut into words of eight bytes. */
static void sees_every_byte_of_a_string(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[40];
            memset(text, at % 2 ? 'x' : '\xC3', len);
            yyjson_val v = {.tag = (uint64_t)len << YYJSON_TAG_BIT | YYJSON_TYPE_STR,
                            .uni.str = text};
            assert_null(rh_primitive_check(RH_P_STRING, &v));
            assert_null(rh_primitive_check(RH_P_URI, &v));
            text[at] = '\x1f';
            assert_non_null(rh_primitive_check(RH_P_STRING, &v));
            text[at] = ' ';
            assert_non_null(rh_primitive_check(RH_P_URI, &v));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_r4_takes),
        cmocka_unit_test(has_the_names_of_the_tables),
        cmocka_unit_test(takes_ids_of_1_to_64_characters),
        cmocka_unit_test(sees_every_byte_of_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
