/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/wide_int.h"

#include <assert.h>
#include <stddef.h>

static void trim(struct rh_wide *a)
{
    while (a->n > 0 && a->limb[a->n - 1] == 0)
        a->n--;
}

struct rh_wide rh_wide_from(unsigned __int128 n)
{
    struct rh_wide r;
    r.n = 0;
    for (; n > 0; n >>= 32)
        r.limb[r.n++] = (uint32_t)n;
    return r;
}

bool rh_wide_to(const struct rh_wide *a, unsigned __int128 *ret)
{
    unsigned __int128 n = 0;
    if (a->n > 4)
        return false;
    for (int i = a->n; i-- > 0;)
        n = n << 32 | a->limb[i];
    *ret = n;
    return true;
}

/* a = a * m + add */
static void mul_small(struct rh_wide *a, uint32_t m, uint32_t add)
{
    uint64_t carry = add;
    for (int i = 0; i < a->n; i++) {
        carry += (uint64_t)a->limb[i] * m;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) {
        assert(a->n < RH_WIDE_LIMBS);
        a->limb[a->n++] = (uint32_t)carry;
    }
}

struct rh_wide rh_wide_pow10(int n)
{
    static const uint32_t small[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    assert(n >= 0);
    struct rh_wide r = rh_wide_from(small[n % 9]);
    for (int i = n / 9; i > 0; i--)
        mul_small(&r, 1000000000, 0);
    return r;
}

int rh_wide_cmp(const struct rh_wide *a, const struct rh_wide *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (int i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

int rh_wide_digits(const struct rh_wide *a)
{
    if (a->n == 0)
        return 0;
    int bits = a->n * 32 - __builtin_clz(a->limb[a->n - 1]);
    int digits = bits * 1233 / 4096; /* log10(2) from below: right or one too few */
    struct rh_wide limit = rh_wide_pow10(digits);
    return rh_wide_cmp(a, &limit) < 0 ? digits : digits + 1;
}

struct rh_wide rh_wide_add(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide r;
    uint64_t carry = 0;
    int n = a->n > b->n ? a->n : b->n;
    for (int i = 0; i < n; i++) {
        carry += (uint64_t)(i < a->n ? a->limb[i] : 0) + (i < b->n ? b->limb[i] : 0);
        r.limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    r.n = n;
    if (carry) {
        assert(n < RH_WIDE_LIMBS);
        r.limb[r.n++] = (uint32_t)carry;
    }
    return r;
}

struct rh_wide rh_wide_sub(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide r;
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        int64_t d = (int64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0) + borrow;
        r.limb[i] = (uint32_t)d;
        borrow = d < 0 ? -1 : 0;
    }
    assert(borrow == 0 && b->n <= a->n);
    r.n = a->n;
    trim(&r);
    return r;
}

struct rh_wide rh_wide_mul(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide r;
    r.n = a->n + b->n;
    assert(r.n <= RH_WIDE_LIMBS);
    for (int i = 0; i < r.n; i++)
        r.limb[i] = 0;
    for (int i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < b->n; j++) {
            carry += (uint64_t)a->limb[i] * b->limb[j] + r.limb[i + j];
            r.limb[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        r.limb[i + b->n] = (uint32_t)carry;
    }
    trim(&r);
    return r;
}

/* Divides by one limb, in place; returns the remainder. */
static uint32_t div_small(struct rh_wide *a, uint32_t d)
{
    uint64_t rest = 0;
    for (int i = a->n; i-- > 0;) {
        rest = rest << 32 | a->limb[i];
        a->limb[i] = (uint32_t)(rest / d);
        rest %= d;
    }
    trim(a);
    return (uint32_t)rest;
}

/* u[at..at+n] -= q * v; false when that went below zero (then q was one too large). */
static bool subtract_row(uint32_t *u, const uint32_t *v, int n, uint32_t q)
{
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (int i = 0; i < n; i++) {
        carry += (uint64_t)q * v[i];
        int64_t d = (int64_t)u[i] - (int64_t)(uint32_t)carry + borrow;
        u[i] = (uint32_t)d;
        borrow = d < 0 ? -1 : 0;
        carry >>= 32;
    }
    int64_t d = (int64_t)u[n] - (int64_t)carry + borrow;
    u[n] = (uint32_t)d;
    return d >= 0;
}

static void add_row(uint32_t *u, const uint32_t *v, int n)
{
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        carry += (uint64_t)u[i] + v[i];
        u[i] = (uint32_t)carry;
        carry >>= 32;
    }
    u[n] += (uint32_t)carry;
}

/* dst = src << shift; n + 1 limbs are written. */
static void shift_left(uint32_t *dst, const uint32_t *src, int n, unsigned shift)
{
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        carry |= (uint64_t)src[i] << shift;
        dst[i] = (uint32_t)carry;
        carry >>= 32;
    }
    dst[n] = (uint32_t)carry;
}

/* Two limbs of b at least, and a has as many or more. */
static void div_long(const struct rh_wide *a, const struct rh_wide *b, struct rh_wide *q,
                     struct rh_wide *rest)
{
    uint32_t u[RH_WIDE_LIMBS + 1], v[RH_WIDE_LIMBS + 1];
    int n = b->n;
    unsigned shift = (unsigned)__builtin_clz(b->limb[n - 1]);
    shift_left(u, a->limb, a->n, shift);
    shift_left(v, b->limb, n, shift);

    q->n = a->n - n + 1;
    for (int j = a->n - n; j >= 0; j--) {
        uint64_t top = (uint64_t)u[j + n] << 32 | u[j + n - 1];
        uint64_t guess = top / v[n - 1], left = top % v[n - 1];
        while (guess > UINT32_MAX || guess * v[n - 2] > (left << 32 | u[j + n - 2])) {
            guess--;
            left += v[n - 1];
            if (left > UINT32_MAX)
                break;
        }
        if (!subtract_row(u + j, v, n, (uint32_t)guess)) {
            guess--;
            add_row(u + j, v, n);
        }
        q->limb[j] = (uint32_t)guess;
    }
    trim(q);

    rest->n = n;
    for (int i = 0; i < n; i++)
        rest->limb[i] = (uint32_t)(((uint64_t)u[i + 1] << 32 | u[i]) >> shift);
    trim(rest);
}

void rh_wide_div(const struct rh_wide *a, const struct rh_wide *b, struct rh_wide *quotient,
                 struct rh_wide *remainder)
{
    struct rh_wide q = {.n = 0}, rest = *a;
    assert(b->n > 0);
    if (b->n == 1) {
        q = *a;
        rest = rh_wide_from(div_small(&q, b->limb[0]));
    } else if (a->n >= b->n) {
        div_long(a, b, &q, &rest);
    }
    if (quotient)
        *quotient = q;
    if (remainder)
        *remainder = rest;
}
