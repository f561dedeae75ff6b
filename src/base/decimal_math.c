/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Roots, exponentials and logarithms by fixed-point arithmetic with PLACES decimal places, which is
 * 40 more than a result shows. A `struct fixed` is n * 10^-PLACES with a sign.
 */
#include "base/decimal_int.h"

#include <assert.h>

enum {
    PLACES = 80,
    HALVINGS = 8,         /* exp(x) is exp(x / 2^8) squared eight times */
    EXPONENT_LIMIT = 4610 /* exp beyond it leaves 10^±2000 */
};

struct fixed {
    struct rh_wide n;
    bool negative;
};

/* ln 2 and ln 10 to PLACES places: OEIS A002162, A002392. */
static const char ln2_digits[] =
    "69314718055994530941723212145817656807550013436025525412068000949339362196969472";
static const char ln10_digits[] =
    "230258509299404568401799145468436420760110148862877297603332790096757260967735248";

static struct rh_wide digits_to_wide(const char *digits)
{
    struct rh_wide r = rh_wide_from(0), ten9 = rh_wide_from(1000000000);
    uint32_t block = 0, power = 1;
    for (const char *p = digits; *p; p++) {
        block = block * 10 + (uint32_t)(*p - '0');
        power *= 10;
        if (power == 1000000000 || p[1] == 0) {
            struct rh_wide add = rh_wide_from(block), by = rh_wide_from(power);
            r = rh_wide_mul(&r, power == 1000000000 ? &ten9 : &by);
            r = rh_wide_add(&r, &add);
            block = 0;
            power = 1;
        }
    }
    return r;
}

static struct rh_wide one(void)
{
    return rh_wide_pow10(PLACES);
}

static struct rh_wide times(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide r = rh_wide_mul(a, b), unit = one();
    rh_wide_div(&r, &unit, &r, NULL);
    return r;
}

static struct rh_wide over(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide unit = one(), r = rh_wide_mul(a, &unit);
    rh_wide_div(&r, b, &r, NULL);
    return r;
}

static struct rh_wide over_small(const struct rh_wide *a, unsigned n)
{
    struct rh_wide d = rh_wide_from(n), r;
    rh_wide_div(a, &d, &r, NULL);
    return r;
}

static struct fixed plus(struct fixed a, struct fixed b)
{
    if (a.negative == b.negative)
        return (struct fixed){rh_wide_add(&a.n, &b.n), a.negative};
    if (rh_wide_cmp(&a.n, &b.n) >= 0)
        return (struct fixed){rh_wide_sub(&a.n, &b.n), a.negative};
    return (struct fixed){rh_wide_sub(&b.n, &a.n), b.negative};
}

static struct fixed multiple(struct rh_wide unit, int n)
{
    struct rh_wide by = rh_wide_from((unsigned)(n < 0 ? -n : n));
    return (struct fixed){rh_wide_mul(&unit, &by), n < 0};
}

static unsigned __int128 magnitude(struct rh_dec d)
{
    return d.coefficient < 0 ? -(unsigned __int128)d.coefficient : (unsigned __int128)d.coefficient;
}

/* coefficient * 10^up as fixed; digits below the last place are cut. `up` brings it below 10^40. */
static struct fixed to_fixed(struct rh_dec d)
{
    struct fixed r = {rh_wide_from(magnitude(d)), d.coefficient < 0};
    int up = PLACES - d.scale;
    if (up < -RH_DEC_DIGITS || d.coefficient == 0) {
        r.n = rh_wide_from(0);
        return r;
    }
    struct rh_wide p = rh_wide_pow10(up < 0 ? -up : up);
    if (up < 0)
        rh_wide_div(&r.n, &p, &r.n, NULL);
    else
        r.n = rh_wide_mul(&r.n, &p);
    return r;
}

/* Rounds to RH_DEC_INEXACT digits; an integer or a short fraction comes out as such. */
static enum rh_rc from_fixed(struct fixed f, int scale, struct rh_dec *ret)
{
    struct rh_dec d;
    enum rh_rc rc = rh_dec_settle(f.negative, f.n, false, scale, RH_DEC_INEXACT, &d);
    if (rc)
        return rc;
    *ret = rh_dec_strip(d);
    return RH_OK;
}

/* --- square root ------------------------------------------------------------------------------ */
static struct rh_wide whole_root(const struct rh_wide *n)
{
    struct rh_wide x = rh_wide_pow10(rh_wide_digits(n) / 2 + 1); /* above the root */
    for (;;) {                                                   /* Newton's iteration falls */
        struct rh_wide y;
        rh_wide_div(n, &x, &y, NULL);
        y = rh_wide_add(&y, &x);
        y = over_small(&y, 2);
        if (rh_wide_cmp(&y, &x) >= 0)
            return x;
        x = y;
    }
}

enum rh_rc rh_dec_sqrt(struct rh_dec d, struct rh_dec *ret)
{
    if (d.coefficient < 0)
        return RH_VALUE;
    if (d.coefficient == 0) {
        *ret = rh_dec_from(0);
        return RH_OK;
    }
    int zeros = 2 * RH_DEC_DIGITS;
    if ((d.scale + zeros) % 2 != 0)
        zeros++;
    struct rh_wide n = rh_wide_from(magnitude(d)), p = rh_wide_pow10(zeros);
    n = rh_wide_mul(&n, &p);
    struct fixed root = {whole_root(&n), false};
    return from_fixed(root, (d.scale + zeros) / 2, ret);
}

/* --- exponential ------------------------------------------------------------------------------ */
/* exp of |x| < 2 by its series. */
static struct rh_wide exp_small(struct fixed x)
{
    struct rh_wide sum = one(), term = one();
    struct fixed total = {sum, false};
    x.n = over_small(&x.n, 1u << HALVINGS);
    for (unsigned i = 1; term.n > 0; i++) {
        term = times(&term, &x.n);
        term = over_small(&term, i);
        total = plus(total, (struct fixed){term, x.negative && i % 2 == 1});
    }
    sum = total.n;
    for (int i = 0; i < HALVINGS; i++)
        sum = times(&sum, &sum);
    return sum;
}

static enum rh_rc exp_fixed(struct fixed x, bool negative, struct rh_dec *ret)
{
    struct rh_wide limit = rh_wide_from(EXPONENT_LIMIT), unit = one();
    limit = rh_wide_mul(&limit, &unit);
    if (rh_wide_cmp(&x.n, &limit) > 0)
        return RH_VALUE;

    struct rh_wide ln10 = digits_to_wide(ln10_digits), tens;
    unsigned __int128 k = 0;
    rh_wide_div(&x.n, &ln10, &tens, &x.n);
    (void)rh_wide_to(&tens, &k);
    int power = x.negative ? -(int)k : (int)k;
    struct rh_wide half = over_small(&ln10, 2);
    if (rh_wide_cmp(&x.n, &half) > 0) { /* nearer to the next power of ten */
        x.n = rh_wide_sub(&ln10, &x.n);
        power += x.negative ? -1 : 1;
        x.negative = !x.negative;
    }
    return from_fixed((struct fixed){exp_small(x), negative}, PLACES - power, ret);
}

enum rh_rc rh_dec_exp(struct rh_dec d, struct rh_dec *ret)
{
    if (d.coefficient != 0 && rh_dec_length(magnitude(d)) - d.scale > 4)
        return RH_VALUE;
    return exp_fixed(to_fixed(d), false, ret);
}

/* --- logarithm -------------------------------------------------------------------------------- */
/* ln of d > 0: d = m * 2^k * 10^e with m in 0.7..1.4, ln m = 2 artanh((m - 1) / (m + 1)). */
static struct fixed ln_fixed(struct rh_dec d)
{
    int length = rh_dec_length(magnitude(d)), tens = length - d.scale, twos = 0;
    struct rh_wide unit = one();
    struct fixed m = to_fixed((struct rh_dec){d.coefficient, length}); /* 0.1 <= m < 1 */
    struct fixed lowest = to_fixed((struct rh_dec){7, 1});
    while (rh_wide_cmp(&m.n, &lowest.n) < 0) {
        m.n = rh_wide_add(&m.n, &m.n);
        twos--;
    }
    if (tens == 1 && twos < 0) { /* 1.xxx: as it is, so that nothing cancels close to 1 */
        struct fixed near = to_fixed(d), top = to_fixed((struct rh_dec){14, 1});
        if (rh_wide_cmp(&near.n, &top.n) < 0) {
            m = near;
            tens = twos = 0;
        }
    }

    struct fixed numerator = plus(m, (struct fixed){unit, true});
    struct rh_wide denominator = rh_wide_add(&m.n, &unit);
    struct rh_wide z = over(&numerator.n, &denominator), square = times(&z, &z), sum = z, power = z;
    for (unsigned i = 3; power.n > 0; i += 2) {
        power = times(&power, &square);
        struct rh_wide term = over_small(&power, i);
        sum = rh_wide_add(&sum, &term);
    }
    sum = rh_wide_add(&sum, &sum);

    struct fixed r = {sum, numerator.negative};
    r = plus(r, multiple(digits_to_wide(ln2_digits), twos));
    return plus(r, multiple(digits_to_wide(ln10_digits), tens));
}

enum rh_rc rh_dec_ln(struct rh_dec d, struct rh_dec *ret)
{
    if (d.coefficient <= 0)
        return RH_VALUE;
    return from_fixed(ln_fixed(d), PLACES, ret);
}

enum rh_rc rh_dec_log(struct rh_dec d, struct rh_dec base, struct rh_dec *ret)
{
    if (d.coefficient <= 0 || base.coefficient <= 0)
        return RH_VALUE;
    struct fixed of = ln_fixed(d), by = ln_fixed(base);
    if (by.n.n == 0)
        return RH_VALUE; /* base 1 */
    struct fixed r = {over(&of.n, &by.n), of.negative != by.negative};
    return from_fixed(r, PLACES, ret);
}

/* --- power ------------------------------------------------------------------------------------ */
/* d^n exactly; false when that takes more than RH_DEC_DIGITS digits. */
static bool power_exact(struct rh_dec d, int64_t n, struct rh_dec *ret)
{
    struct rh_wide total = rh_wide_from(1), base = rh_wide_from(magnitude(d));
    int64_t left = n;
    if (magnitude(d) > 1) {
        for (; left > 0; left /= 2) {
            if (left % 2)
                total = rh_wide_mul(&total, &base);
            if (rh_wide_digits(&total) > RH_DEC_DIGITS)
                return false;
            if (left > 1)
                base = rh_wide_mul(&base, &base);
            if (rh_wide_digits(&base) > 2 * RH_DEC_DIGITS)
                return false;
        }
    } else {
        total = n == 0 ? total : base;
    }
    __int128 scale = (__int128)d.scale * n;
    if (scale > RH_DEC_SCALE_MAX || scale < -RH_DEC_SCALE_MAX)
        return false;
    return rh_dec_settle(d.coefficient < 0 && n % 2 != 0, total, false, (int)scale, RH_DEC_DIGITS,
                         ret) == RH_OK;
}

enum rh_rc rh_dec_power(struct rh_dec d, struct rh_dec exponent, struct rh_dec *ret)
{
    int64_t n = 0;
    bool whole = rh_dec_is_whole(exponent), small = !rh_dec_to_int(exponent, &n);
    if (d.coefficient < 0 && !whole)
        return RH_VALUE;
    if (d.coefficient == 0 && exponent.coefficient < 0)
        return RH_VALUE;
    if (small && n >= 0 && power_exact(d, n, ret))
        return RH_OK;
    if (d.coefficient == 0) {
        *ret = rh_dec_from(0);
        return RH_OK;
    }
    if (d.coefficient < 0 && !small)
        return RH_VALUE; /* its sign takes more digits than there are */

    struct fixed ln = ln_fixed(rh_dec_abs(d));
    if (ln.n.n == 0) {
        *ret = rh_dec_from(d.coefficient < 0 && n % 2 != 0 ? -1 : 1);
        return RH_OK;
    }
    if (rh_dec_length(magnitude(exponent)) - exponent.scale > RH_DEC_DIGITS)
        return RH_VALUE;
    struct fixed y = to_fixed(exponent);
    struct fixed x = {times(&ln.n, &y.n), ln.negative != y.negative};
    return exp_fixed(x, d.coefficient < 0 && n % 2 != 0, ret);
}
