/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names in any script as words, folded letters and skeletons. Pairs of names are in test_query.c.
 */
#include "search/normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct rh_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open((size_t)64 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static const char *folded(const char *text)
{
    struct rh_text words[RH_WORDS_MAX];
    unsigned n;
    struct rh_buf b = rh_buf(arena);
    assert_int_equal(rh_fold_words(arena, rh_text(text), words, &n), RH_OK);
    for (unsigned i = 0; i < n; i++) {
        rh_buf_str(&b, i ? " " : "");
        rh_buf_text(&b, words[i]);
    }
    rh_buf_char(&b, 0);
    return b.data;
}

static void folds_letters_of_many_scripts(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {" - . ", ""},
        {"José  María", "jose maria"},
        {"Jose\xCC\x81", "jose"}, /* decomposed */
        {"MÜLLER", "muller"},
        {"Straße", "strasse"},
        {"Łukasz Øye Æbelø Đặng Þór", "lukasz oye aebelo dang thor"},
        {"İbrahim IŞIK ılgaz", "ibrahim isik ilgaz"},
        {"O'Brien O’Brien", "obrien obrien"},
        {"Jean-Pierre", "jean pierre"},
        {"ﬁona", "fiona"},   /* ligature */
        {"Ａｌｉ", "ali"},   /* full width */
        {"مُحَمَّد", "محمد"},    /* harakat */
        {"محمـــد", "محمد"}, /* tatweel */
        {"أحمد إحمد آحمد ٱحمد", "احمد احمد احمد احمد"},
        {"فاطمة فاطمه", "فاطمه فاطمه"},
        {"مصطفى علی", "مصطفي علي"},
        {"کریم كريم", "كريم كريم"},
        {"مؤمن بهاء", "مومن بها"},
        {"١٢٣ ۴۵۶ ७८", "123 456 78"},
        {"ΠΑΠΑΔΌΠΟΥΛΟΣ παπαδόπουλος", "παπαδοπουλοσ παπαδοπουλοσ"},
        {"Артём Ёлкин Сергій", "артем елкин сергіи"},
        {"Ґалаґан", "галаган"},
        {"김", "\xE1\x84\x80\xE1\x85\xB5\xE1\x86\xB7"},
        {"রহিম", "রহিম"}, /* vowel signs are kept */
        {"መሐመድ", "መሐመድ"},
        {"a\xFFz", "a z"}, /* a broken byte ends a word */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(folded(rows[i][0]), rows[i][1]);
}

/* Every code point: what folding makes is left alone by folding. */
static void folding_twice_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t c = 0x20; c < 0x32400; c++) {
        char s[5] = {0};
        unsigned n = 0;
        struct rh_text words[RH_WORDS_MAX], again[RH_WORDS_MAX];
        unsigned m;
        if (c >= 0xD800 && c < 0xE000)
            continue;
        if (c < 0x80) {
            s[n++] = (char)c;
        } else if (c < 0x800) {
            s[n++] = (char)(0xC0 | c >> 6);
            s[n++] = (char)(0x80 | (c & 0x3F));
        } else {
            if (c < 0x10000) {
                s[n++] = (char)(0xE0 | c >> 12);
            } else {
                s[n++] = (char)(0xF0 | c >> 18);
                s[n++] = (char)(0x80 | (c >> 12 & 0x3F));
            }
            s[n++] = (char)(0x80 | (c >> 6 & 0x3F));
            s[n++] = (char)(0x80 | (c & 0x3F));
        }
        rh_arena_reset(arena);
        assert_int_equal(rh_fold_words(arena, rh_text(s), words, &m), RH_OK);
        assert_true(m <= 1);
        if (m == 0)
            continue;
        assert_int_equal(rh_fold_words(arena, words[0], again, &m), RH_OK);
        assert_int_equal(m, 1);
        assert_true(rh_text_eq(words[0], again[0]));
    }
}

static void leaves_out_words_beyond_the_limit(void **state)
{
    (void)state;
    struct rh_text words[RH_WORDS_MAX];
    struct rh_name_word names[RH_WORDS_MAX];
    struct rh_buf b = rh_buf(arena);
    unsigned n = 0;
    for (unsigned i = 0; i < 3 * RH_WORDS_MAX; i++)
        rh_buf_str(&b, "ab ");
    assert_int_equal(rh_fold_words(arena, rh_buf_get(&b), words, &n), RH_OK);
    assert_int_equal(n, RH_WORDS_MAX);
    assert_int_equal(rh_name_words(arena, rh_buf_get(&b), names, &n), RH_OK);
    assert_int_equal(n, RH_WORDS_MAX);
}

static void says_when_memory_is_short(void **state)
{
    (void)state;
    struct rh_arena *small = rh_arena_open(1024);
    struct rh_text words[RH_WORDS_MAX];
    unsigned n = 77;
    char text[8192];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(rh_fold_words(small, rh_text(text), words, &n), RH_NOMEM);
    assert_int_equal(n, 77);
    rh_arena_close(small);
}

static bool has(const char *name, const char *skeleton)
{
    struct rh_name_word words[RH_WORDS_MAX];
    unsigned n;
    assert_int_equal(rh_name_words(arena, rh_text(name), words, &n), RH_OK);
    assert_int_equal(n, 1);
    for (unsigned i = 0; i < words[0].n; i++)
        if (rh_text_is(words[0].skeletons[i], skeleton))
            return true;
    return false;
}

static void keeps_consonants_and_a_trace_of_vowels(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Mohammed", "MHMT"}, {"محمد", "MHMT"},  {"መሐመድ", "MHMT"},      {"Μοχάμεντ", "MHMT"},
        {"Мухаммад", "MHMT"}, {"Ali", "aLi"},    {"علي", "aLi"},        {"Али", "aLi"},
        {"Hussein", "HSNi"},  {"حسين", "HSNi"},  {"Hassan", "HSN"},     {"عمر", "aMR"},
        {"الحسن", "HSN"},     {"الحسن", "LHSN"}, {"Abdullah", "aBTLv"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!has(rows[i][0], rows[i][1]))
            fail_msg("%s has no skeleton %s", rows[i][0], rows[i][1]);
    assert_false(has("Hassan", "HSNi"));
    assert_false(has("Ella", "aLi"));
}

static void gives_no_skeleton_to_codes_and_to_what_has_no_consonant(void **state)
{
    (void)state;
    static const char *const rows[] = {"Aia", "آوا", "123", "Fam3b9", "٣بيت", "김", "m"};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_name_word words[RH_WORDS_MAX];
        unsigned n;
        assert_int_equal(rh_name_words(arena, rh_text(rows[i]), words, &n), RH_OK);
        assert_int_equal(n, 1);
        assert_int_equal(words[0].n, 0);
    }
}

static void joins_particles_to_the_next_word(void **state)
{
    (void)state;
    struct rh_name_word words[RH_WORDS_MAX], joined, whole[RH_WORDS_MAX];
    unsigned n;
    assert_int_equal(rh_name_words(arena, rh_text("Abdul Rahman Khan"), words, &n), RH_OK);
    assert_int_equal(n, 3);
    assert_true(words[0].particle);
    assert_false(words[1].particle || words[2].particle);
    assert_int_equal(rh_name_join(arena, words, 2, &joined), RH_OK);
    assert_true(rh_text_is(joined.folded, "abdulrahman"));
    assert_int_equal(rh_name_words(arena, rh_text("عبدالرحمن"), whole, &n), RH_OK);
    assert_true(rh_name_sounds(&joined, &whole[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_letters_of_many_scripts),
        cmocka_unit_test(folding_twice_changes_nothing),
        cmocka_unit_test(leaves_out_words_beyond_the_limit),
        cmocka_unit_test(says_when_memory_is_short),
        cmocka_unit_test(keeps_consonants_and_a_trace_of_vowels),
        cmocka_unit_test(gives_no_skeleton_to_codes_and_to_what_has_no_consonant),
        cmocka_unit_test(joins_particles_to_the_next_word),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
