/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Roots, exponentials and logarithms by fixed-point arithmetic with LIMBS * 32 = 256 bits behind
 * the point (77 decimal places), so that a product is cut by leaving limbs out. A `struct fixed` is
 * n * 2^-256 with a sign.
 */
#include "base/decimal_int.h"

#include <assert.h>

enum {
    LIMBS = 8,
    PLACES = 76,          /* decimal ones that are as good as the bits */
    EXP_BITS = 124,       /* behind the point of exp, which loses nothing near 1: 37 places */
    EXP_PLACES = 38,      /* of its result, good to 34 */
    HALVINGS = 5,         /* exp(x) is exp(x / 2^5) squared five times */
    EXPONENT_LIMIT = 4610 /* exp beyond it leaves 10^±2000 */
};

struct fixed {
    struct rh_wide n;
    bool negative;
};

/* ln 2 and ln 10 as fixed: OEIS A002162, A002392, cut. */
/* clang-format off */
static const struct rh_wide ln2 = {{0x8baafa2b, 0x8a0d175b, 0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7}, 8};
static const struct rh_wide ln10 = {{0x07c0b5ca, 0x0f187a08, 0x6977e43a, 0x8a3fb3e7, 0x0b4c28a3, 0xa95b58ae, 0xaaa2b05b, 0x4d763776, 0x00000002}, 9};
static const struct rh_wide unit = {{0, 0, 0, 0, 0, 0, 0, 0, 1}, LIMBS + 1};
/* |ln(k / 16)|, k from 11 to 23; below 16 it is negative. */
enum { PIVOT_FIRST = 11, PIVOT_LAST = 23, PIVOT_ONE = 16 };
static const struct rh_wide pivots[] = {
    {{0xe236fd93, 0xd41e61fe, 0x67547cf0, 0xce261e66, 0x1225e657, 0x9bf6d4cb, 0x60546fb7, 0x5febe8ef}, 8},
    {{0xc60cbecb, 0xd6823fcc, 0x2d50de6a, 0xc3d24373, 0x2aa70a8, 0xefadd9db, 0xd36e49e0, 0x49a58844}, 8},
    {{0xedad97c3, 0x9fb035ef, 0xd3d16e7b, 0xdc622be3, 0x901b99b9, 0x57d4ef4b, 0x15b3c6de, 0x3527da79}, 8},
    {{0x300a2c49, 0xefc1fb55, 0x92de28d, 0x76a3fb0f, 0xe5bd03c7, 0x671683f8, 0x4fc8f7bc, 0x222f1d04}, 8},
    {{0x614cf784, 0x65910bd7, 0x1ba31cb9, 0xfc6c58ff, 0x3372c12, 0xa3fd9bf5, 0x9e3a0688, 0x108598b5}, 8},
    {{}, 0},
    {{0x96f69849, 0x71851f0a, 0x75b52596, 0xd3474d33, 0x75997898, 0xbe64b8b7, 0x8b15330, 0xf851860}, 8},
    {{0xff917c95, 0xdd0897c1, 0x17f6f957, 0xb94ebc40, 0xfe9e155d, 0xea87ffe1, 0x2af2e5e9, 0x1e27076e}, 8},
    {{0xd928291d, 0xc0acfed6, 0xfdf3e631, 0xd55c7355, 0x424775fc, 0xe7c4140e, 0x4f27a790, 0x2bfe60e1}, 8},
    {{0x64bfc746, 0x70f133f5, 0x11adc1b1, 0xc765ea74, 0xff734495, 0x4bb03de5, 0x35344358, 0x391fef8f}, 8},
    {{0x95940f17, 0xc3c8dc39, 0x3c19f534, 0x67d04a4, 0x1b8b823f, 0x731f55c4, 0xae98380e, 0x459d72ae}, 8},
    {{0xa973fc98, 0xb5eeb55c, 0xb44393c, 0x72cd24c0, 0xf1cd1057, 0x2decdecc, 0x717b09f4, 0x51862f08}, 8},
    {{0x23446f02, 0xbc92784d, 0xa59757bb, 0xdde10dce, 0x4fbde5aa, 0x89314feb, 0xef401a73, 0x5ce75fda}, 8},
};
/* clang-format on */

static struct rh_wide shifted_up(const struct rh_wide *a, int limbs)
{
    struct rh_wide r = {.n = a->n ? a->n + limbs : 0};
    assert(r.n <= RH_WIDE_LIMBS);
    for (int i = limbs; i < r.n; i++)
        r.limb[i] = a->limb[i - limbs];
    return r;
}

static struct rh_wide shifted_down(const struct rh_wide *a, int limbs)
{
    struct rh_wide r = {.n = a->n > limbs ? a->n - limbs : 0};
    for (int i = 0; i < r.n; i++)
        r.limb[i] = a->limb[i + limbs];
    return r;
}

/* Product of two numbers with this many limbs behind the point. */
static struct rh_wide times(const struct rh_wide *a, const struct rh_wide *b, int limbs)
{
    struct rh_wide r = rh_wide_mul(a, b);
    return shifted_down(&r, limbs);
}

static struct rh_wide over(const struct rh_wide *a, const struct rh_wide *b)
{
    struct rh_wide r = shifted_up(a, LIMBS);
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

static struct fixed multiple(const struct rh_wide *of, int n)
{
    struct rh_wide by = rh_wide_from((unsigned)(n < 0 ? -n : n));
    return (struct fixed){rh_wide_mul(of, &by), n < 0};
}

static unsigned __int128 magnitude(struct rh_dec d)
{
    return d.coefficient < 0 ? -(unsigned __int128)d.coefficient : (unsigned __int128)d.coefficient;
}

/* As fixed; what is below the last bit is cut. |d| is below 10^40. */
static struct fixed to_fixed(struct rh_dec d)
{
    struct fixed r = {rh_wide_from(magnitude(d)), d.coefficient < 0};
    if (d.scale > PLACES + RH_DEC_DIGITS || d.coefficient == 0) {
        r.n = rh_wide_from(0);
        return r;
    }
    struct rh_wide p = rh_wide_pow10(d.scale < 0 ? -d.scale : d.scale);
    if (d.scale < 0)
        r.n = rh_wide_mul(&r.n, &p);
    r.n = shifted_up(&r.n, LIMBS);
    if (d.scale > 0)
        rh_wide_div(&r.n, &p, &r.n, NULL);
    return r;
}

/* n * 10^-scale to RH_DEC_INEXACT digits; an integer or a short fraction comes out as such. */
static enum rh_rc settle(const struct rh_wide *n, bool negative, int scale, struct rh_dec *ret)
{
    struct rh_dec d;
    enum rh_rc rc = rh_dec_settle(negative, *n, false, scale, RH_DEC_INEXACT, &d);
    if (rc)
        return rc;
    *ret = rh_dec_strip(d);
    return RH_OK;
}

/* f * 10^power */
static enum rh_rc from_fixed(struct fixed f, int power, struct rh_dec *ret)
{
    struct rh_wide places = rh_wide_pow10(PLACES), n = rh_wide_mul(&f.n, &places);
    n = shifted_down(&n, LIMBS);
    return settle(&n, f.negative, PLACES - power, ret);
}

/* --- square root ------------------------------------------------------------------------------ */
static uint32_t root64(uint64_t n)
{
    uint64_t r = 0;
    for (uint64_t bit = (uint64_t)1 << 62; bit; bit /= 4) {
        if (n >= r + bit) {
            n -= r + bit;
            r = r / 2 + bit;
        } else {
            r /= 2;
        }
    }
    return (uint32_t)r;
}

/* A little above the root: the root of the highest limbs, rounded up. */
static struct rh_wide first_guess(const struct rh_wide *n)
{
    int below = n->n > 2 ? (n->n - 1) / 2 * 2 : 0; /* an even number of limbs */
    uint64_t top = n->limb[below] | (below + 1 < n->n ? (uint64_t)n->limb[below + 1] << 32 : 0);
    struct rh_wide x = rh_wide_from((unsigned __int128)root64(top) + 1);
    return shifted_up(&x, below / 2);
}

static struct rh_wide whole_root(const struct rh_wide *n)
{
    struct rh_wide x = first_guess(n);
    for (;;) { /* Newton's iteration falls */
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
    struct rh_wide root = whole_root(&n);
    return settle(&root, false, (d.scale + zeros) / 2, ret);
}

/* --- exponential ------------------------------------------------------------------------------ */
typedef unsigned __int128 wide128_t;

/* a * b / 2^EXP_BITS, cut. The result fits. */
static wide128_t times128(wide128_t a, wide128_t b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    wide128_t low = (wide128_t)a0 * b0, cross = (wide128_t)a0 * b1, other = (wide128_t)a1 * b0;
    wide128_t high = (wide128_t)a1 * b1 + (cross >> 64) + (other >> 64);
    wide128_t middle = (low >> 64) + (uint64_t)cross + (uint64_t)other;
    high += middle >> 64;
    return high << (128 - EXP_BITS) | (uint64_t)middle >> (EXP_BITS - 64);
}

/* exp of |x| < 2 by its series, with EXP_BITS behind the point. */
static wide128_t exp_small(const struct fixed *x)
{
    const wide128_t one = (wide128_t)1 << EXP_BITS;
    wide128_t small = 0, term = one, sum = one;
    for (int i = LIMBS - 1; i >= LIMBS - 4; i--) /* four limbs behind the point, then that before */
        small = small << 32 | (i < x->n.n ? x->n.limb[i] : 0);
    small = small >> (128 - EXP_BITS) | (wide128_t)(x->n.n > LIMBS ? x->n.limb[LIMBS] : 0)
                                            << EXP_BITS;
    small >>= HALVINGS;
    for (unsigned i = 1; term > 0; i++) {
        term = times128(term, small) / i;
        sum = x->negative && i % 2 == 1 ? sum - term : sum + term;
    }
    for (int i = 0; i < HALVINGS; i++)
        sum = times128(sum, sum);
    return sum;
}

static enum rh_rc exp_fixed(struct fixed x, bool negative, struct rh_dec *ret)
{
    struct rh_wide limit = rh_wide_from(EXPONENT_LIMIT), tens;
    limit = rh_wide_mul(&limit, &unit);
    if (rh_wide_cmp(&x.n, &limit) > 0)
        return RH_VALUE;

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
    wide128_t places = 1;
    for (int i = 0; i < EXP_PLACES; i++)
        places *= 10;
    struct rh_wide n = rh_wide_from(times128(exp_small(&x), places));
    return settle(&n, negative, EXP_PLACES - power, ret);
}

enum rh_rc rh_dec_exp(struct rh_dec d, struct rh_dec *ret)
{
    if (d.coefficient != 0 && rh_dec_length(magnitude(d)) - d.scale > 4)
        return RH_VALUE;
    return exp_fixed(to_fixed(d), false, ret);
}

/* --- logarithm -------------------------------------------------------------------------------- */
/* ln of m in 0.7..1.4: with the nearest sixteenth c, ln c + 2 artanh((m - c) / (m + c)). */
static struct fixed ln_near_one(struct rh_wide m)
{
    struct rh_wide by = rh_wide_from(PIVOT_ONE), half = {{0, 0, 0, 0, 0, 0, 0, 0x80000000}, LIMBS};
    struct rh_wide sixteenths = rh_wide_mul(&m, &by);
    sixteenths = rh_wide_add(&sixteenths, &half);
    sixteenths = shifted_down(&sixteenths, LIMBS);
    int k = sixteenths.n ? (int)sixteenths.limb[0] : 0;
    assert(k >= PIVOT_FIRST && k <= PIVOT_LAST);

    struct rh_wide c = {{0, 0, 0, 0, 0, 0, 0, (uint32_t)k << 28, (uint32_t)k >> 4}, LIMBS + 1};
    if (c.limb[LIMBS] == 0)
        c.n = LIMBS;
    struct fixed top = plus((struct fixed){m, false}, (struct fixed){c, true});
    struct rh_wide bottom = rh_wide_add(&m, &c);
    struct rh_wide z = over(&top.n, &bottom), square = times(&z, &z, LIMBS), sum = z, power = z;
    for (unsigned i = 3; power.n > 0; i += 2) {
        power = times(&power, &square, LIMBS);
        struct rh_wide term = over_small(&power, i);
        sum = rh_wide_add(&sum, &term);
    }
    sum = rh_wide_add(&sum, &sum);
    return plus((struct fixed){sum, top.negative},
                (struct fixed){pivots[k - PIVOT_FIRST], k < PIVOT_ONE});
}

/* ln of d > 0: d = m * 2^k * 10^e with m in 0.7..1.4. */
static struct fixed ln_fixed(struct rh_dec d)
{
    for (; d.coefficient % 10 == 0; d.scale--) /* 10 is one with a power of ten */
        d.coefficient /= 10;
    if (d.coefficient == 1) /* powers of ten, and two, are what logarithms are most asked for */
        return multiple(&ln10, -d.scale);
    if (d.coefficient == 2)
        return plus((struct fixed){ln2, false}, multiple(&ln10, -d.scale));
    int length = rh_dec_length(magnitude(d)), tens = length - d.scale, twos = 0;
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
    struct fixed r = plus(ln_near_one(m.n), multiple(&ln2, twos));
    return plus(r, multiple(&ln10, tens));
}

enum rh_rc rh_dec_ln(struct rh_dec d, struct rh_dec *ret)
{
    if (d.coefficient <= 0)
        return RH_VALUE;
    return from_fixed(ln_fixed(d), 0, ret);
}

enum rh_rc rh_dec_log(struct rh_dec d, struct rh_dec base, struct rh_dec *ret)
{
    if (d.coefficient <= 0 || base.coefficient <= 0)
        return RH_VALUE;
    struct fixed of = ln_fixed(d), by = ln_fixed(base);
    if (by.n.n == 0)
        return RH_VALUE; /* base 1 */
    struct fixed r = {over(&of.n, &by.n), of.negative != by.negative};
    return from_fixed(r, 0, ret);
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
    struct fixed x = {times(&ln.n, &y.n, LIMBS), ln.negative != y.negative};
    return exp_fixed(x, d.coefficient < 0 && n % 2 != 0, ret);
}
