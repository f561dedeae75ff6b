/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* hashlib.blake2b(data, digest_size=32, key=key) of Python 3, an implementation of its own (RFC
 * 7693). */
static void blake2b_gives_the_published_values(void **state)
{
    (void)state;
    char text[2 * RH_HASH_SIZE + 1];
    struct rh_hash h = rh_hash_of("abc", 3, NULL, 0);
    rh_hash_hex(&h, text);
    assert_string_equal(text, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    h = rh_hash_of(NULL, 0, NULL, 0);
    rh_hash_hex(&h, text);
    assert_string_equal(text, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    h = rh_hash_of("abc", 3, "0123456789abcdef", RH_SALT_SIZE);
    rh_hash_hex(&h, text);
    assert_string_equal(text, "66b4857d42c644c61fca8c0bcea243e0e75088582c7964bbac6b92c02381d9c7");
}

/* SipHash-2-4, Aumasson and Bernstein 2012, appendix A: key 00..0f, message 00..0e. */
static void siphash_gives_the_published_value(void **state)
{
    (void)state;
    unsigned char key[16], message[15];
    for (unsigned char i = 0; i < 16; i++)
        key[i] = i;
    memcpy(message, key, sizeof message);
    assert_true(rh_hash_short((struct rh_text){(const char *)message, 15}, key) ==
                UINT64_C(0xa129ca6149be45e5));
    assert_true(rh_hash_short((struct rh_text){NULL, 0}, key) == UINT64_C(0x726fdb47dd0e0e31));
}

/* These values are in the keys of every data directory: they may never change. */
static void the_hash_of_a_system_is_stable_for_ever(void **state)
{
    (void)state;
    assert_true(rh_hash_system(RH_TEXT("http://loinc.org")) == UINT64_C(0x1b6d273a38e34f97));
    assert_true(rh_hash_system(RH_TEXT("")) == UINT64_C(0xe961f142d492c564));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    rh_random(a, sizeof a);
    rh_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void ids_ascend_even_when_the_clock_goes_back(void **state)
{
    (void)state;
    char before[RH_UUID_SIZE], now[RH_UUID_SIZE];
    const int64_t start = INT64_C(1795508645123456);
    rh_uuid7(start, before);
    for (int i = 0; i < 20000; i++) {
        rh_uuid7(i % 3 == 0 ? start - 1000000 : start + i, now);
        assert_true(strcmp(before, now) < 0);
        unsigned char bytes[16];
        assert_true(rh_uuid_parse(rh_text(now), bytes));
        assert_int_equal(bytes[6] >> 4, 7);
        assert_int_equal(bytes[8] >> 6, 2);
        memcpy(before, now, sizeof before);
    }
    /* The first 48 bits are the time in milliseconds (RFC 9562, 5.7). */
    rh_uuid7(start + 3600 * INT64_C(1000000), now);
    char digits[13] = {0};
    memcpy(digits, now, 8);
    memcpy(digits + 8, now + 9, 4);
    assert_true(strtoull(digits, NULL, 16) == (uint64_t)(start / 1000 + 3600 * 1000));
}

enum { THREADS = 4, EACH = 5000 };
static char made[THREADS][EACH][RH_UUID_SIZE];

static void *make_ids(void *user)
{
    char(*ids)[RH_UUID_SIZE] = user;
    for (int i = 0; i < EACH; i++)
        rh_uuid7(1, ids[i]);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void ids_of_many_threads_are_different(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, made[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char(*all)[RH_UUID_SIZE] = made[0];
    qsort(all, THREADS * EACH, RH_UUID_SIZE, by_text);
    for (size_t i = 1; i < THREADS * EACH;
         i++) /* the first 18 characters: without the random part */
        assert_true(memcmp(made[(i - 1) / EACH][(i - 1) % EACH], made[i / EACH][i % EACH], 18) < 0);
}

static void reads_uuids_in_their_one_form_only(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "01890a5d-ac96-774b-bcce-b302099a805",
                                       "01890a5d-ac96-774b-bcce-b302099a80577",
                                       "01890A5D-ac96-774b-bcce-b302099a8057",
                                       "01890a5d-ac96-774b-bcce-b302099a805g",
                                       "01890a5dac96-774b-bcce-b302099a80577",
                                       "01890a5d-ac96-774b-bcce_b302099a8057",
                                       "{1890a5d-ac96-774b-bcce-b302099a805}"};
    unsigned char bytes[16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(bytes, 0x55, sizeof bytes);
        assert_false(rh_uuid_parse(rh_text(rows[i]), bytes));
        for (size_t j = 0; j < sizeof bytes; j++)
            assert_int_equal(bytes[j], 0x55); /* nothing written on failure */
    }
    char text[RH_UUID_SIZE];
    assert_true(rh_uuid_parse(RH_TEXT("01890a5d-ac96-774b-bcce-b302099a8057"), bytes));
    rh_uuid_print(bytes, text);
    assert_string_equal(text, "01890a5d-ac96-774b-bcce-b302099a8057");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blake2b_gives_the_published_values),
        cmocka_unit_test(siphash_gives_the_published_value),
        cmocka_unit_test(the_hash_of_a_system_is_stable_for_ever),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(ids_ascend_even_when_the_clock_goes_back),
        cmocka_unit_test(ids_of_many_threads_are_different),
        cmocka_unit_test(reads_uuids_in_their_one_form_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
