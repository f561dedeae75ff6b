/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/bytes.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T(s) RH_TEXT(s)

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void compares_by_bytes_and_shorter_first(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int want;
    } rows[] = {{"", "", 0},    {"", "a", -1},        {"a", "a", 0},     {"a", "ab", -1},
                {"b", "ab", 1}, {"\xC3\xA9", "z", 1}, {"abc", "abd", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sign(rh_text_cmp(rh_text(rows[i].a), rh_text(rows[i].b))), rows[i].want);
        assert_int_equal(sign(rh_text_cmp(rh_text(rows[i].b), rh_text(rows[i].a))), -rows[i].want);
    }
    assert_int_equal(rh_text_cmp((struct rh_text){NULL, 0}, T("")), 0);
    assert_true(rh_text_eq((struct rh_text){NULL, 0}, T("")));
    assert_false(rh_text_is(T("ab"), "abc"));
}

static void knows_beginnings_and_ends(void **state)
{
    (void)state;
    assert_true(rh_text_starts(T("urn:uuid:1"), "urn:uuid:"));
    assert_false(rh_text_starts(T("urn"), "urn:"));
    assert_true(rh_text_starts((struct rh_text){NULL, 0}, ""));
    assert_true(rh_text_ends(T("a.ndjson"), ".ndjson"));
    assert_false(rh_text_ends(T("json"), ".json"));
    assert_true(rh_text_ieq(T("Content-TYPE"), T("content-type")));
    assert_false(rh_text_ieq(T("\xC3\x89"), T("\xC3\xA9"))); /* É and é: ASCII only */
    assert_false(rh_text_ieq(T("@"), T("`")));
}

static void splits_into_all_parts_also_empty_ones(void **state)
{
    (void)state;
    struct rh_text rest = T("a,,b,"), part;
    static const char *const want[] = {"a", "", "b", ""};
    size_t n = 0;
    while (rh_text_split(&rest, ',', &part)) {
        assert_true(n < 4);
        assert_true(rh_text_is(part, want[n++]));
    }
    assert_int_equal(n, 4);
    rest = T("");
    assert_true(rh_text_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(rh_text_split(&rest, ',', &part));
    assert_true(rh_text_is(rh_text_trim(T(" \t\r\n a b \n")), "a b"));
    assert_int_equal(rh_text_trim(T("  ")).len, 0);
}

static void reads_only_digits_within_the_bound(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t want;
    } rows[] = {
        {"0", 10, true, 0},
        {"007", 10, true, 7},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"", 10, false, 0},
        {"+1", 10, false, 0},
        {"-1", 10, false, 0},
        {" 1", 10, false, 0},
        {"1 ", 10, false, 0},
        {"1.0", 10, false, 0},
        {"0x1", 10, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t n = 4711;
        enum rh_rc rc = rh_text_u64(rh_text(rows[i].text), rows[i].max, &n);
        assert_int_equal(rc, rows[i].ok ? RH_OK : RH_VALUE);
        assert_true(n == (rows[i].ok ? rows[i].want : 4711)); /* nothing written on failure */
    }
}

static void tells_valid_utf8_from_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"", true},
        {"plain text that is longer than eight bytes", true},
        {"\xD9\x85\xD8\xAD\xD9\x85\xD8\xAF", true}, /* محمد */
        {"\xE2\x80\xA8", true},                     /* U+2028 */
        {"\xEF\xBF\xBF", true},                     /* U+FFFF */
        {"\xF0\x9F\x98\x80", true},                 /* U+1F600 */
        {"\xF4\x8F\xBF\xBF", true},                 /* U+10FFFF */
        {"12345678\x80", false},                    /* a continuation alone */
        {"\xC0\x80", false},                        /* overlong */
        {"\xC1\xBF", false},
        {"\xE0\x9F\xBF", false},
        {"\xF0\x8F\xBF\xBF", false},
        {"\xED\xA0\x80", false},     /* a surrogate */
        {"\xF4\x90\x80\x80", false}, /* U+110000 */
        {"\xF5\x80\x80\x80", false},
        {"\xFF", false},
        {"\xE2\x80", false}, /* cut */
        {"\xC3 ", false},
        {"aaaaaaaaaaaaaaa\xC3", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rh_utf8_valid(rh_text(rows[i].text)), rows[i].valid);
}

static void walks_over_code_points_and_malformed_bytes(void **state)
{
    (void)state;
    struct rh_text t = T("a\xC3\xA9\xFF\xE2\x82\xAC\xF0\x9F\x98\x80\xE2\x82");
    static const uint32_t want[] = {'a', 0xE9, 0xFFFD, 0x20AC, 0x1F600, 0xFFFD, 0xFFFD};
    size_t at = 0, n = 0;
    while (at < t.len)
        assert_int_equal(rh_utf8_next(t, &at), want[n++]);
    assert_int_equal(n, 7);
    assert_int_equal(at, t.len);
}

static void escapes_json_and_nothing_more(void **state)
{
    (void)state;
    static const struct {
        struct rh_text in;
        const char *want;
    } rows[] = {
        {T(""), "\"\""},
        {T("abc"), "\"abc\""},
        {T("say \"hi\""), "\"say \\\"hi\\\"\""},
        {T("a\\b/c"), "\"a\\\\b/c\""},
        {T("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {T("\0\x01\x1F"), "\"\\u0000\\u0001\\u001f\""},
        {T("\x7F"), "\"\x7F\""},
        {T("\xE2\x80\xA8\xE2\x80\xA9"), "\"\xE2\x80\xA8\xE2\x80\xA9\""},
        {T("\xD9\x85\xD8\xAD\xD9\x85\xD8\xAF"), "\"\xD9\x85\xD8\xAD\xD9\x85\xD8\xAF\""},
        {T("0123456\"89abcdefghij\n"), "\"0123456\\\"89abcdefghij\\n\""},
    };
    struct rh_arena *a = rh_arena_open(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_buf b = rh_buf(a);
        rh_buf_json(&b, rows[i].in);
        rh_buf_char(&b, 0);
        assert_int_equal(b.rc, RH_OK);
        assert_string_equal(b.data, rows[i].want);
    }
    rh_arena_close(a);
}

/* Each byte at each place of a word, against the plain rule: the fast path must not miss one. */
static void escapes_a_byte_wherever_it_stands(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(8 << 20);
    for (unsigned c = 0; c < 256; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20];
            memset(text, 0xA0 + (int)(place % 3), sizeof text);
            text[place] = (char)c;
            struct rh_buf b = rh_buf(a);
            rh_buf_json(&b, (struct rh_text){text, sizeof text});
            size_t longer = strchr("\b\f\n\r\t\"\\", (int)c) && c ? 1 : c < 0x20 ? 5 : 0;
            assert_int_equal(b.len, sizeof text + 2 + longer);
            assert_memory_equal(b.data + 1, text, place);
        }
        rh_arena_reset(a);
    }
    rh_arena_close(a);
}

static void a_full_buffer_stays_full(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(300);
    struct rh_buf b = rh_buf(a);
    rh_buf_str(&b, "begin");
    for (int i = 0; i < 100; i++)
        rh_buf_printf(&b, "%050d", i);
    assert_int_equal(b.rc, RH_NOMEM);
    size_t len = b.len;
    rh_buf_char(&b, 'x');
    rh_buf_json(&b, T("x"));
    rh_buf_u64(&b, 1);
    rh_buf_percent(&b, T("x"));
    assert_null(rh_buf_room(&b, 1));
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, "begin", 5);
    rh_arena_close(a);
}

static void builds_text_from_all_kinds(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_buf b = rh_buf(a);
    rh_buf_u64(&b, 0);
    rh_buf_char(&b, ' ');
    rh_buf_u64(&b, UINT64_MAX);
    rh_buf_printf(&b, " %s %d ", "x", -1);
    rh_buf_percent(&b, T("a b&\xC3\xA9~-._|/"));
    rh_buf_text(&b, (struct rh_text){NULL, 0});
    rh_buf_char(&b, 0);
    assert_string_equal(b.data, "0 18446744073709551615 x -1 a%20b%26%C3%A9~-._%7C%2F");

    struct rh_buf wide = rh_buf(a);
    rh_buf_printf(&wide, "%3000d", 5);
    assert_int_equal(wide.len, 3000);
    assert_int_equal(wide.data[2999], '5');
    assert_true(rh_text_is(rh_text_copy(a, T("copy")), "copy"));
    assert_null(rh_text_copy(a, (struct rh_text){"", 2 << 20}).data);
    rh_arena_close(a);
}

static void numbers_as_bytes_keep_their_order(void **state)
{
    (void)state;
    static const int64_t rows[] = {INT64_MIN, -62135596800000000, -1, 0, 1, 255, 256, INT64_MAX};
    unsigned char before[8], now[8];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rh_put_i64(now, rows[i]);
        assert_true(rh_get_i64(now) == rows[i]);
        if (i)
            assert_true(memcmp(before, now, 8) < 0);
        memcpy(before, now, 8);
    }
    unsigned char b[8];
    rh_put_u16(b, 0xFFFE);
    assert_int_equal(rh_get_u16(b), 0xFFFE);
    rh_put_u32(b, 0xFFFEFDFC);
    assert_int_equal(rh_get_u32(b), 0xFFFEFDFC);
    rh_put_u64(b, UINT64_MAX - 1);
    assert_true(rh_get_u64(b) == UINT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_bytes_and_shorter_first),
        cmocka_unit_test(knows_beginnings_and_ends),
        cmocka_unit_test(splits_into_all_parts_also_empty_ones),
        cmocka_unit_test(reads_only_digits_within_the_bound),
        cmocka_unit_test(tells_valid_utf8_from_the_rest),
        cmocka_unit_test(walks_over_code_points_and_malformed_bytes),
        cmocka_unit_test(escapes_json_and_nothing_more),
        cmocka_unit_test(escapes_a_byte_wherever_it_stands),
        cmocka_unit_test(a_full_buffer_stays_full),
        cmocka_unit_test(builds_text_from_all_kinds),
        cmocka_unit_test(numbers_as_bytes_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
