/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/alloc.h"
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(64 << 20);
    enum { COUNT = 2000 };
    unsigned char *pieces[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) { /* small ones, and some with a block of their own */
        sizes[i] = i % 97 == 0 ? 20000 + i : i % 211;
        pieces[i] = rh_arena_alloc(a, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(pieces[i][j], i % 251);
    rh_arena_close(a);
}

static void refuses_a_piece_beyond_the_limit_and_goes_on(void **state)
{
    (void)state;
    static const size_t limits[] = {0, 100, 4096, 1 << 20, (1 << 20) + 7};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rh_arena *a = rh_arena_open(limits[i]);
        assert_null(rh_arena_alloc(a, limits[i] + 1));
        assert_int_equal(rh_arena_used(a), 0);
        if (limits[i])
            assert_non_null(rh_arena_alloc(a, limits[i]));
        assert_null(rh_arena_alloc(a, 1 + 64));
        rh_arena_reset(a);
        assert_int_equal(rh_arena_used(a), 0);
        if (limits[i])
            assert_non_null(rh_arena_alloc(a, limits[i]));
        rh_arena_close(a);
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(SIZE_MAX);
    size_t cap = 0;
    assert_null(rh_arena_alloc(a, SIZE_MAX));
    assert_null(rh_arena_alloc(a, SIZE_MAX - 5));
    assert_null(rh_arena_copy(a, "", SIZE_MAX));
    assert_null(rh_arena_grow(a, NULL, &cap, SIZE_MAX / 4, 16));
    assert_int_equal(cap, 0);
    rh_arena_close(a);
}

static void the_sum_of_small_pieces_keeps_the_limit(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(100000);
    size_t count = 0;
    while (rh_arena_alloc(a, 16))
        count++;
    assert_true(count * 16 <= 100000);
    assert_true(rh_arena_used(a) >= 100000 - 64);
    rh_arena_close(a);
}

static void reset_gives_the_same_memory_again(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(10 << 20);
    void *first = rh_arena_alloc(a, 100);
    for (int i = 0; i < 1000; i++)
        assert_non_null(rh_arena_alloc(a, 5000));
    rh_arena_reset(a);
    assert_ptr_equal(rh_arena_alloc(a, 100), first);
    rh_arena_close(a);
}

static void growing_keeps_what_was_there(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(64 << 20);
    uint32_t *items = NULL;
    size_t cap = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        items = rh_arena_grow(a, items, &cap, i + 1, sizeof *items);
        assert_non_null(items);
        assert_true(cap > i);
        items[i] = i * 2654435761U;
        if (i % 1000 == 0) /* so that it is not always the newest piece */
            rh_arena_alloc(a, 8);
    }
    for (uint32_t i = 0; i < 200000; i++)
        assert_int_equal(items[i], i * 2654435761U);
    rh_arena_close(a);
}

static void a_refused_growth_changes_nothing(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1000);
    size_t cap = 0;
    char *p = rh_arena_grow(a, NULL, &cap, 500, 1);
    assert_non_null(p);
    memset(p, 'x', cap);
    size_t had = cap;
    assert_null(rh_arena_grow(a, p, &cap, 2000, 1));
    assert_int_equal(cap, had);
    assert_int_equal(p[cap - 1], 'x');
    rh_arena_close(a);
}

static void near_the_limit_just_what_is_wanted_still_fits(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1000);
    size_t cap = 0;
    char *p = rh_arena_grow(a, NULL, &cap, 400, 1);
    rh_arena_alloc(a, 1);                  /* p cannot grow where it is */
    p = rh_arena_grow(a, p, &cap, 450, 1); /* twice 400 does not fit */
    assert_non_null(p);
    assert_int_equal(cap, 450);
    rh_arena_close(a);
}

static void texts_end_in_nul_and_long_ones_are_whole(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(1 << 20);
    char *p = rh_arena_copy(a, "abcdef", 3);
    assert_string_equal(p, "abc");
    assert_string_equal(rh_arena_copy(a, NULL, 0), "");
    assert_string_equal(rh_arena_printf(a, "%d/%s", 7, "x"), "7/x");
    char *wide = rh_arena_printf(a, "%5000d", 1);
    assert_int_equal(strlen(wide), 5000);
    assert_int_equal(wide[4999], '1');
    assert_null(rh_arena_printf(a, "%2000000d", 1));
    unsigned char *zero = rh_arena_zero(a, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(zero[i], 0);
    rh_arena_close(a);
    rh_arena_close(NULL);
}

static void the_heap_gives_zeroed_memory_and_copies(void **state)
{
    (void)state;
    char *p = rh_alloc(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 'y', 100);
    p = rh_realloc(p, 1000);
    assert_int_equal(p[99], 'y');
    rh_free(p);
    char *s = rh_strdup("journey");
    assert_string_equal(s, "journey");
    rh_free(s);
    rh_free(rh_alloc(0));
    rh_free(NULL);
    p = rh_try_realloc(rh_try_alloc(10), 20);
    assert_non_null(p);
    rh_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(refuses_a_piece_beyond_the_limit_and_goes_on),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(the_sum_of_small_pieces_keeps_the_limit),
        cmocka_unit_test(reset_gives_the_same_memory_again),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(a_refused_growth_changes_nothing),
        cmocka_unit_test(near_the_limit_just_what_is_wanted_still_fits),
        cmocka_unit_test(texts_end_in_nul_and_long_ones_are_whole),
        cmocka_unit_test(the_heap_gives_zeroed_memory_and_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
