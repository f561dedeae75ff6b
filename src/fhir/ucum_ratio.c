/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ucum_ratio.c - exact fractions of up to 37 digits, powers of ten and of pi kept apart. */
#include "fhir/ucum_int.h"

#include <assert.h>

typedef unsigned __int128 u128;

enum { DIGITS_MAX = 37, TEN_MAX = 4000, PI_MAX = 60, PARTS = 8 };

static u128 power_of_ten(int n)
{
    u128 p = 1;
    for (; n > 0; n--)
        p *= 10;
    return p;
}

static u128 magnitude(__int128 n)
{
    return n < 0 ? (u128)0 - (u128)n : (u128)n;
}

static u128 divisor(u128 a, u128 b) /* the greatest common one */
{
    while (b) {
        if ((a >> 64) == 0 && (b >> 64) == 0) {
            uint64_t x = (uint64_t)a, y = (uint64_t)b;
            while (y) {
                uint64_t rest = x % y;
                x = y;
                y = rest;
            }
            return x;
        }
        u128 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* a * b, cut to DIGITS_MAX digits: *ten counts what was cut, *rounded says that it was not zero. */
static u128 product(u128 a, u128 b, int *ten, bool *rounded)
{
    static const u128 limit = (u128)1000000000000000000u * 10000000000000000000u; /* 10^37 */
    if (a == 1 || b == 1 || (b && a <= ~(u128)0 / b)) {
        u128 p = a * b;
        for (; p >= limit; p /= 10, ++*ten)
            *rounded |= p % 10 != 0;
        return p;
    }
    uint32_t digits[PARTS] = {0}; /* base 2^32, lowest first */
    for (int i = 0; i < PARTS / 2; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < PARTS / 2; j++) {
            uint64_t sum = (uint64_t)(uint32_t)(a >> (32 * i)) * (uint32_t)(b >> (32 * j)) +
                           digits[i + j] + carry;
            digits[i + j] = (uint32_t)sum;
            carry = sum >> 32;
        }
        digits[i + PARTS / 2] = (uint32_t)carry;
    }
    for (;;) {
        u128 low = 0;
        uint32_t high = 0;
        for (int i = 0; i < PARTS / 2; i++) {
            low |= (u128)digits[i] << (32 * i);
            high |= digits[i + PARTS / 2];
        }
        if (high == 0 && low < limit)
            return low;
        uint64_t rest = 0;
        for (int i = PARTS - 1; i >= 0; i--) {
            uint64_t n = rest << 32 | digits[i];
            digits[i] = (uint32_t)(n / 10);
            rest = n % 10;
        }
        *rounded |= rest != 0;
        ++*ten;
    }
}

struct rh_ucum_ratio rh_ucum_ratio(struct rh_dec d)
{
    struct rh_ucum_ratio r = {d.coefficient, 1, -d.scale, 0, false};
    if (d.coefficient == 0)
        r.ten = 0;
    while (r.numerator && r.numerator % 10 == 0) {
        r.numerator /= 10;
        r.ten++;
    }
    return r;
}

struct rh_ucum_ratio rh_ucum_times(struct rh_ucum_ratio a, struct rh_ucum_ratio b)
{
    u128 an = magnitude(a.numerator), bn = magnitude(b.numerator);
    u128 ad = (u128)a.denominator, bd = (u128)b.denominator;
    if (an == 0 || bn == 0)
        return (struct rh_ucum_ratio){0, 1, 0, 0, a.rounded || b.rounded};
    u128 cut = divisor(an, bd);
    an /= cut;
    bd /= cut;
    cut = divisor(bn, ad);
    bn /= cut;
    ad /= cut;
    bool rounded = a.rounded || b.rounded;
    int up = 0, down = 0;
    u128 n = product(an, bn, &up, &rounded), d = product(ad, bd, &down, &rounded);
    while (n % 10 == 0) {
        n /= 10;
        up++;
    }
    while (d % 10 == 0) {
        d /= 10;
        down++;
    }
    return (struct rh_ucum_ratio){
        .numerator = (a.numerator < 0) != (b.numerator < 0) ? -(__int128)n : (__int128)n,
        .denominator = (__int128)d,
        .ten = a.ten + b.ten + up - down,
        .pi = (signed char)(a.pi + b.pi),
        .rounded = rounded,
    };
}

struct rh_ucum_ratio rh_ucum_inverse(struct rh_ucum_ratio a)
{
    assert(a.numerator != 0);
    bool negative = a.numerator < 0;
    return (struct rh_ucum_ratio){
        .numerator = negative ? -a.denominator : a.denominator,
        .denominator = negative ? -a.numerator : a.numerator,
        .ten = -a.ten,
        .pi = (signed char)-a.pi,
        .rounded = a.rounded,
    };
}

bool rh_ucum_in_range(struct rh_ucum_ratio a)
{
    return a.ten <= TEN_MAX && a.ten >= -TEN_MAX && a.pi <= PI_MAX && a.pi >= -PI_MAX;
}

enum rh_rc rh_ucum_power(struct rh_ucum_ratio a, int exponent, struct rh_ucum_ratio *ret)
{
    struct rh_ucum_ratio r = RH_UCUM_ONE;
    if (exponent < 0)
        a = rh_ucum_inverse(a);
    int n = exponent < 0 ? -exponent : exponent;
    if (a.numerator == 1 && a.denominator == 1 && a.pi == 0) { /* 10*23 and the like */
        r.ten = a.ten * n;
        n = 0;
    }
    for (; n > 0; n--) {
        r = rh_ucum_times(r, a);
        if (!rh_ucum_in_range(r))
            return RH_VALUE;
    }
    if (!rh_ucum_in_range(r))
        return RH_VALUE;
    *ret = r;
    return RH_OK;
}

/* pi to 37 digits: https://oeis.org/A000796 */
static struct rh_ucum_ratio without_pi(struct rh_ucum_ratio a)
{
    static const __int128 pi =
        (__int128)3141592653589793238 * 1000000000000000000 + 462643383279502884;
    struct rh_ucum_ratio p = {pi, 1, -36, 0, true};
    int n = a.pi;
    a.pi = 0;
    if (n < 0)
        p = rh_ucum_inverse(p);
    for (n = n < 0 ? -n : n; n > 0; n--)
        a = rh_ucum_times(a, p);
    return a;
}

/* Cuts a coefficient to `digits` digits, half away from zero; *scale follows. */
static u128 shorten(u128 n, int digits, int *scale)
{
    u128 limit = power_of_ten(digits);
    unsigned last = 0;
    for (; n >= limit; n /= 10, --*scale)
        last = (unsigned)(n % 10);
    n += last >= 5;
    if (n == limit) {
        n /= 10;
        --*scale;
    }
    return n;
}

enum rh_rc rh_ucum_decimal(struct rh_ucum_ratio a, struct rh_dec *ret)
{
    a = without_pi(a);
    u128 top = magnitude(a.numerator), d = (u128)a.denominator;
    u128 n = top / d, rest = top % d, limit = power_of_ten(DIGITS_MAX);
    int scale = -a.ten;
    while (rest && n < limit) {
        rest *= 10;
        n = n * 10 + rest / d;
        rest %= d;
        scale++;
    }
    if (rest || a.rounded)
        n = shorten(n, RH_DEC_INEXACT, &scale);
    while (scale > 0 && n && n % 10 == 0) {
        n /= 10;
        scale--;
    }
    while (scale < 0 && n < limit) {
        n *= 10;
        scale++;
    }
    if (n == 0)
        scale = 0;
    if (scale > RH_DEC_SCALE_MAX || scale < -RH_DEC_SCALE_MAX)
        return RH_VALUE;
    *ret = (struct rh_dec){a.numerator < 0 ? -(__int128)n : (__int128)n, scale};
    return RH_OK;
}

struct rh_ucum_ratio rh_ucum_plus(struct rh_ucum_ratio a, struct rh_dec offset)
{
    /* (n * 10^ten + offset * d) / d; where that needs too many digits, through a decimal. */
    struct rh_ucum_ratio of = {offset.coefficient, 1, -offset.scale, 0, false};
    struct rh_ucum_ratio d = {a.denominator, 1, 0, 0, false};
    of = rh_ucum_times(of, d);
    struct rh_dec top = {a.numerator, -a.ten}, sum;
    if (!of.rounded && a.pi == 0 &&
        rh_dec_add(top, (struct rh_dec){of.numerator, -of.ten}, &sum) == RH_OK) {
        struct rh_ucum_ratio r = rh_ucum_times(rh_ucum_ratio(sum), rh_ucum_inverse(d));
        r.rounded |= a.rounded;
        return r;
    }
    struct rh_dec value = {0, 0};
    (void)rh_ucum_decimal(a, &value);
    while (value.scale > DIGITS_MAX - 8 && value.coefficient) { /* too small to matter here */
        value.coefficient /= 10;
        value.scale--;
    }
    if (rh_dec_add(value, offset, &sum))
        sum = value; /* so large that the offset is beyond its last digit */
    a = rh_ucum_ratio(sum);
    a.rounded = true;
    return a;
}

int rh_ucum_ratio_cmp(struct rh_ucum_ratio a, struct rh_ucum_ratio b)
{
    int sa = (a.numerator > 0) - (a.numerator < 0), sb = (b.numerator > 0) - (b.numerator < 0);
    if (sa != sb || sa == 0)
        return (sa > sb) - (sa < sb);
    struct rh_ucum_ratio q = without_pi(rh_ucum_times(a, rh_ucum_inverse(b)));
    struct rh_dec top = {q.numerator, -q.ten}, bottom = {q.denominator, 0};
    if (q.rounded) { /* equal to the last but three digits is equal */
        struct rh_dec near;
        if (rh_ucum_decimal(q, &near) == RH_OK) {
            top = near;
            bottom = rh_dec_from(1);
        }
    }
    int order = rh_dec_cmp(top, bottom);
    return sa < 0 ? -order : order;
}
