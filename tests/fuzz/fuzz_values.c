/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two texts with a zero byte between, read as decimals, dates, times and quantities: arithmetic
 * keeps its laws, and what is printed is read again as the same. */
#include "fhirpath/fn_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decimals(struct rh_arena *arena, struct rh_text one, struct rh_text two)
{
    struct rh_dec a, b, r, s;
    if (rh_dec_parse(one, &a) || rh_dec_parse(two, &b))
        return;
    assert(rh_dec_cmp(a, b) == -rh_dec_cmp(b, a));
    assert(!rh_dec_add(a, b, &r) && !rh_dec_add(b, a, &s) && rh_dec_cmp(r, s) == 0);
    if (!rh_dec_sub(a, b, &r))
        assert(rh_dec_sign(r) == rh_dec_cmp(a, b));
    if (!rh_dec_divmod(a, b, &r, &s)) {
        assert(rh_dec_cmp(rh_dec_abs(s), rh_dec_abs(b)) < 0);
        if (!rh_dec_mul(r, b, &r) && !rh_dec_add(r, s, &r) && rh_dec_digits(r) < RH_DEC_DIGITS)
            assert(rh_dec_cmp(r, a) == 0);
    }
    if (!rh_dec_sqrt(a, &r))
        assert(rh_dec_sign(r) == rh_dec_sign(a));
    (void)rh_dec_mul(a, b, &r);
    (void)rh_dec_exp(a, &r);
    (void)rh_dec_ln(a, &r);
    (void)rh_dec_log(a, b, &r);
    (void)rh_dec_power(a, b, &r);
    (void)rh_dec_round(a, two.len % 40 > 20 ? -3 : 5, RH_ROUND_HALF_EVEN, &r);
    struct rh_buf text = rh_buf(arena);
    rh_dec_print(a, &text);
    if (!text.rc && a.scale >= 0 && a.scale < 900)
        assert(!rh_dec_parse(rh_buf_get(&text), &r) && rh_dec_cmp(a, r) == 0);
}

static void moments(struct rh_arena *arena, enum rh_fp_kind kind, struct rh_text one,
                    struct rh_text two)
{
    struct rh_fp_time t, u;
    struct rh_fp_quantity q;
    if (rh_fp_time_parse(one, kind, &t))
        return;
    struct rh_buf text = rh_buf(arena);
    rh_fp_time_print(&t, kind, &text);
    assert(!rh_fp_time_parse(rh_buf_get(&text), kind, &u));
    assert(memcmp(&t.year, &u.year, sizeof t.year) == 0 && t.precision == u.precision);
    for (int digits = 0; digits < 20; digits++) {
        struct rh_fp_time low, high;
        if (rh_fp_time_boundary(&t, kind, false, digits, &low) &&
            rh_fp_time_boundary(&t, kind, true, digits, &high))
            assert(rh_fp_time_cmp(&low, &high) != 1);
    }
    if (!rh_fp_time_parse(two, kind, &u)) {
        int order = rh_fp_time_cmp(&t, &u), back = rh_fp_time_cmp(&u, &t);
        int64_t n;
        assert(order == 2 ? back == 2 : back == -order);
        (void)rh_fp_time_between(&t, &u, "month", false, &n);
        (void)rh_fp_time_between(&t, &u, "week", true, &n);
    }
    if (!rh_fp_quantity_parse(two, &q) && !rh_fp_time_add(&t, kind, &q, false, &u))
        assert(kind == RH_FP_TIME || (u.year >= 1 && u.year <= 9999));
}

static void quantities(struct rh_ctx *c, struct rh_text one, struct rh_text two)
{
    struct rh_fp_quantity a, b, r;
    struct rh_fp_run run = {.c = c};
    int order, back;
    bool empty;
    if (rh_fp_quantity_parse(one, &a) || rh_fp_quantity_parse(two, &b))
        return;
    assert(!rh_fp_quantity_cmp(&run, &a, &b, &order) && !rh_fp_quantity_cmp(&run, &b, &a, &back));
    assert(order == 2 ? back == 2 : back == -order);
    (void)rh_fp_quantity_equivalent(&a, &b);
    for (const char *operator= "+-*/"; *operator; operator++)
        assert(rh_fp_quantity_math(&run, *operator, & a, &b, &r, &empty) != RH_INTERNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *zero = size ? memchr(bytes, 0, size) : NULL;
    struct rh_text one = {bytes, zero ? (size_t)(zero - bytes) : size};
    struct rh_text two = zero ? (struct rh_text){zero + 1, size - 1 - one.len} : one;
    struct rh_arena *a = rh_arena_open(8 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    decimals(a, one, two);
    moments(a, RH_FP_DATE, one, two);
    moments(a, RH_FP_DATETIME, one, two);
    moments(a, RH_FP_TIME, one, two);
    quantities(&c, one, two);
    rh_arena_close(a);
    return 0;
}
