/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/decimal_int.h"

enum { EXPONENT_MAX = 1000, DIVIDEND_MAX = 190 };

/* The parts of a decimal as they stand in the text. */
struct parts {
    struct rh_text whole, fraction, exponent; /* exponent: digits only */
    bool negative, exponent_negative;
};

/* Takes the digits at *at; false when there is none. */
static bool digits(struct rh_text t, size_t *at, struct rh_text *ret)
{
    size_t from = *at;
    while (*at < t.len && t.data[*at] >= '0' && t.data[*at] <= '9')
        ++*at;
    *ret = (struct rh_text){t.data + from, *at - from};
    return *at > from;
}

static bool next_is(struct rh_text t, size_t at, char c)
{
    return at < t.len && t.data[at] == c;
}

static bool split(struct rh_text t, struct parts *ret)
{
    struct parts p = {.negative = next_is(t, 0, '-')};
    size_t at = p.negative ? 1 : 0;
    if (t.len == 0)
        return false;
    if (!digits(t, &at, &p.whole) || (p.whole.len > 1 && p.whole.data[0] == '0'))
        return false;
    if (next_is(t, at, '.')) {
        at++;
        if (!digits(t, &at, &p.fraction))
            return false;
    }
    if (next_is(t, at, 'e') || next_is(t, at, 'E')) {
        at++;
        p.exponent_negative = next_is(t, at, '-');
        if (p.exponent_negative || next_is(t, at, '+'))
            at++;
        if (!digits(t, &at, &p.exponent))
            return false;
    }
    if (at != t.len)
        return false;
    *ret = p;
    return true;
}

bool rh_dec_is(struct rh_text t)
{
    struct parts p;
    return split(t, &p);
}

/* Appends digits to the coefficient; false when it becomes too long. Zeros in front do not count.
 */
static bool take(struct rh_text t, __int128 *coefficient, unsigned *count)
{
    for (size_t i = 0; i < t.len; i++) {
        if (*count == 0 && t.data[i] == '0')
            continue;
        if (++*count > RH_DEC_DIGITS)
            return false;
        *coefficient = *coefficient * 10 + (t.data[i] - '0');
    }
    return true;
}

enum rh_rc rh_dec_parse(struct rh_text t, struct rh_dec *ret)
{
    struct parts p;
    if (!split(t, &p))
        return RH_SYNTAX;

    __int128 coefficient = 0;
    unsigned count = 0;
    uint64_t exponent = 0;
    if (!take(p.whole, &coefficient, &count) || !take(p.fraction, &coefficient, &count))
        return RH_VALUE;
    if (p.exponent.len && rh_text_u64(p.exponent, EXPONENT_MAX, &exponent))
        return RH_VALUE;
    if (p.fraction.len > RH_DEC_SCALE_MAX - EXPONENT_MAX)
        return RH_VALUE;

    int scale = (int)p.fraction.len;
    scale += p.exponent_negative ? (int)exponent : -(int)exponent;
    *ret = (struct rh_dec){.coefficient = p.negative ? -coefficient : coefficient, .scale = scale};
    return RH_OK;
}

typedef unsigned __int128 magnitude_t;

static magnitude_t magnitude(struct rh_dec d)
{
    return d.coefficient < 0 ? -(magnitude_t)d.coefficient : (magnitude_t)d.coefficient;
}

/* 10^n, n in 0..38 */
static magnitude_t power10(int n)
{
    static const uint64_t low[] = {UINT64_C(1),
                                   UINT64_C(10),
                                   UINT64_C(100),
                                   UINT64_C(1000),
                                   UINT64_C(10000),
                                   UINT64_C(100000),
                                   UINT64_C(1000000),
                                   UINT64_C(10000000),
                                   UINT64_C(100000000),
                                   UINT64_C(1000000000),
                                   UINT64_C(10000000000),
                                   UINT64_C(100000000000),
                                   UINT64_C(1000000000000),
                                   UINT64_C(10000000000000),
                                   UINT64_C(100000000000000),
                                   UINT64_C(1000000000000000),
                                   UINT64_C(10000000000000000),
                                   UINT64_C(100000000000000000),
                                   UINT64_C(1000000000000000000),
                                   UINT64_C(10000000000000000000)};
    return n < 20 ? low[n] : (magnitude_t)low[n - 19] * low[19];
}

int rh_dec_length(magnitude_t n)
{
    int bits;
    if (n == 0)
        return 0;
    if (n >> 64)
        bits = 128 - __builtin_clzll((unsigned long long)(n >> 64));
    else
        bits = 64 - __builtin_clzll((unsigned long long)n);
    int digits = bits * 1233 / 4096; /* log10(2) from below: right or one too few */
    return digits < 39 && n >= power10(digits) ? digits + 1 : digits;
}

int rh_dec_cmp(struct rh_dec a, struct rh_dec b)
{
    int sa = rh_dec_sign(a), sb = rh_dec_sign(b);
    if (sa != sb || sa == 0)
        return (sa > sb) - (sa < sb);

    magnitude_t ca = magnitude(a), cb = magnitude(b);
    int magnitude_a = rh_dec_length(ca) - a.scale, magnitude_b = rh_dec_length(cb) - b.scale;
    if (magnitude_a != magnitude_b)
        return magnitude_a > magnitude_b ? sa : -sa;

    /* The first digits stand in the same place, so the shorter one can be filled up with zeros to
     * the length of the other, which has at most RH_DEC_DIGITS. */
    if (a.scale < b.scale)
        ca *= power10(b.scale - a.scale);
    else
        cb *= power10(a.scale - b.scale);
    return ca == cb ? 0 : ca > cb ? sa : -sa;
}

static void zeros(struct rh_buf *b, int count)
{
    for (; count > 0; count--)
        rh_buf_char(b, '0');
}

void rh_dec_print(struct rh_dec d, struct rh_buf *b)
{
    char text[RH_DEC_DIGITS + 2];
    int at = sizeof text;
    unsigned __int128 n = (unsigned __int128)(d.coefficient < 0 ? -d.coefficient : d.coefficient);
    for (; n > 0; n /= 10)
        text[--at] = (char)('0' + (int)(n % 10));
    int count = (int)sizeof text - at;

    if (d.coefficient < 0)
        rh_buf_char(b, '-');
    if (count == 0) {
        rh_buf_char(b, '0');
        if (d.scale > 0)
            rh_buf_char(b, '.');
        zeros(b, d.scale);
        return;
    }
    int before = count - d.scale; /* digits in front of the point */
    if (before <= 0) {
        rh_buf_str(b, "0.");
        zeros(b, -before);
        before = 0;
    }
    int shown = before < count ? before : count;
    rh_buf_add(b, text + at, (size_t)shown);
    zeros(b, before - count);
    if (shown < count && shown > 0)
        rh_buf_char(b, '.');
    rh_buf_add(b, text + at + shown, (size_t)(count - shown));
}

/* --- arithmetic --------------------------------------------------------------------------------
 * Small numbers go a short way through 128 bits, all others through wide_int.h. */

static enum rh_rc make(bool negative, magnitude_t n, int scale, struct rh_dec *ret)
{
    if (scale > RH_DEC_SCALE_MAX || scale < -RH_DEC_SCALE_MAX)
        return RH_VALUE;
    *ret = (struct rh_dec){.coefficient = negative ? -(__int128)n : (__int128)n, .scale = scale};
    return RH_OK;
}

enum rh_rc rh_dec_settle(bool negative, struct rh_wide n, bool sticky, int scale, int digits,
                         struct rh_dec *ret)
{
    magnitude_t kept = 0;
    int excess = rh_wide_digits(&n) - digits;
    if (excess <= 0) {
        (void)rh_wide_to(&n, &kept); /* at most 38 digits */
        return make(negative, kept, scale, ret);
    }

    struct rh_wide unit = rh_wide_pow10(excess), whole, rest;
    rh_wide_div(&n, &unit, &whole, &rest);
    (void)rh_wide_to(&whole, &kept);
    rest = rh_wide_add(&rest, &rest);
    int half = rh_wide_cmp(&rest, &unit);
    if (half > 0 || (half == 0 && (sticky || (kept & 1))))
        kept++;
    if (kept == power10(digits)) { /* 9.99 → 10.0 */
        kept /= 10;
        excess++;
    }
    return make(negative, kept, scale - excess, ret);
}

static struct rh_wide scaled(magnitude_t n, int zeros_after)
{
    struct rh_wide w = rh_wide_from(n), p = rh_wide_pow10(zeros_after);
    return rh_wide_mul(&w, &p);
}

/* a plus or minus b with both signs in them, where b may be too small to matter. */
static enum rh_rc add_far(struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    if (a.coefficient == 0 || b.coefficient == 0) { /* keep the scale where there is room for it */
        struct rh_dec other = a.coefficient == 0 ? b : a;
        int scale = a.scale > b.scale ? a.scale : b.scale;
        if (rh_dec_rescale(other, scale, RH_ROUND_DOWN, ret))
            *ret = other;
        return RH_OK;
    }
    int top_a = rh_dec_length(magnitude(a)) - a.scale,
        top_b = rh_dec_length(magnitude(b)) - b.scale;
    if (top_a < top_b)
        return add_far(b, a, ret);
    if (top_a - top_b > 2 * RH_DEC_DIGITS + 2) { /* b is below half of the last digit */
        *ret = a;
        return RH_OK;
    }

    int scale = a.scale > b.scale ? a.scale : b.scale;
    struct rh_wide wa = scaled(magnitude(a), scale - a.scale);
    struct rh_wide wb = scaled(magnitude(b), scale - b.scale), sum;
    bool negative = a.coefficient < 0;
    if (negative == (b.coefficient < 0)) {
        sum = rh_wide_add(&wa, &wb);
    } else if (rh_wide_cmp(&wa, &wb) >= 0) {
        sum = rh_wide_sub(&wa, &wb);
    } else {
        sum = rh_wide_sub(&wb, &wa);
        negative = !negative;
    }
    return rh_dec_settle(negative, sum, false, scale, RH_DEC_DIGITS, ret);
}

static bool is_short(struct rh_dec d) /* below 2^62 in size */
{
    return d.coefficient < ((__int128)1 << 62) && d.coefficient > -((__int128)1 << 62);
}

enum rh_rc rh_dec_add(struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    int apart = a.scale - b.scale;
    if (!is_short(a) || !is_short(b) || apart > 18 || apart < -18)
        return add_far(a, b, ret);
    if (apart > 0)
        b = (struct rh_dec){b.coefficient * (__int128)power10(apart), a.scale};
    else
        a = (struct rh_dec){a.coefficient * (__int128)power10(-apart), b.scale};
    *ret = (struct rh_dec){a.coefficient + b.coefficient, a.scale};
    return RH_OK;
}

enum rh_rc rh_dec_sub(struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    return rh_dec_add(a, rh_dec_negate(b), ret);
}

enum rh_rc rh_dec_mul(struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    bool negative = (a.coefficient < 0) != (b.coefficient < 0);
    int scale = a.scale + b.scale;
    if (is_short(a) && is_short(b))
        return make(negative, magnitude(a) * magnitude(b), scale, ret);
    struct rh_wide wa = rh_wide_from(magnitude(a)), wb = rh_wide_from(magnitude(b));
    return rh_dec_settle(negative, rh_wide_mul(&wa, &wb), false, scale, RH_DEC_DIGITS, ret);
}

/* Without zeros at the end, as far as `scale`. */
static struct rh_dec strip_to(struct rh_dec d, int scale)
{
    if (d.coefficient == 0 && d.scale > scale)
        d.scale = scale;
    while (d.scale > scale && d.coefficient % 10 == 0) {
        d.coefficient /= 10;
        d.scale--;
    }
    return d;
}

struct rh_dec rh_dec_strip(struct rh_dec d)
{
    return strip_to(d, 0);
}

/* Quotients of what people write, in 128 bits; false: the long way. Neither is zero. */
static bool div_short(struct rh_dec a, struct rh_dec b, enum rh_rc *rc, struct rh_dec *ret)
{
    enum { DIVISOR_DIGITS = 9, ZEROS = 6 };
    int scale = a.scale - b.scale;
    bool negative = (a.coefficient < 0) != (b.coefficient < 0);
    magnitude_t n = magnitude(a), d = magnitude(b);
    int len_n = rh_dec_length(n);
    if (!is_short(a) || scale < -18 || len_n > 18 || rh_dec_length(d) > DIVISOR_DIGITS)
        return false;
    if (scale < 0) { /* 10 / 2.5 is 100 / 25 */
        n *= power10(-scale);
        len_n -= scale;
        scale = 0;
    }
    magnitude_t m = n;
    for (int k = 0; k <= ZEROS && len_n + k < RH_DEC_DIGITS; k++, m *= 10)
        if (m % d == 0) {
            *rc = make(negative, m / d, scale + k, ret);
            return true;
        }
    int zeros = RH_DEC_DIGITS - len_n;
    n *= power10(zeros);
    magnitude_t q = n / d;
    int excess = rh_dec_length(q) - RH_DEC_INEXACT;
    if (n % d == 0 || excess <= 0) /* exact after all: the long way counts its digits */
        return false;
    magnitude_t step = power10(excess), rest = q % step;
    q /= step;
    if (rest >= step / 2) /* a tie too, since the quotient does not end there */
        q++;
    if (q == power10(RH_DEC_INEXACT)) {
        q /= 10;
        excess++;
    }
    *rc = make(negative, q, scale + zeros - excess, ret);
    return true;
}

enum rh_rc rh_dec_div(struct rh_dec a, struct rh_dec b, struct rh_dec *ret)
{
    enum rh_rc rc_short;
    if (b.coefficient == 0)
        return RH_VALUE;
    if (a.coefficient == 0)
        return make(false, 0, a.scale - b.scale > 0 ? a.scale - b.scale : 0, ret);
    if (div_short(a, b, &rc_short, ret))
        return rc_short;

    /* Enough zeros that the quotient has more digits than are kept. */
    int len_a = rh_dec_length(magnitude(a)), len_b = rh_dec_length(magnitude(b));
    int more = RH_DEC_DIGITS + 1 + len_b - len_a;
    struct rh_wide n = scaled(magnitude(a), more), d = rh_wide_from(magnitude(b)), q, rest;
    rh_wide_div(&n, &d, &q, &rest);

    struct rh_dec r;
    bool exact = rest.n == 0;
    enum rh_rc rc =
        rh_dec_settle((a.coefficient < 0) != (b.coefficient < 0), q, !exact,
                      a.scale - b.scale + more, exact ? RH_DEC_DIGITS : RH_DEC_INEXACT, &r);
    if (rc)
        return rc;
    int least = a.scale - b.scale > 0 ? a.scale - b.scale : 0;
    *ret = exact ? strip_to(r, least) : r;
    return RH_OK;
}

static enum rh_rc divmod_short(struct rh_dec a, struct rh_dec b, struct rh_dec *ret_quotient,
                               struct rh_dec *ret_rest)
{
    int scale = a.scale > b.scale ? a.scale : b.scale;
    __int128 n = a.coefficient * (__int128)power10(scale - a.scale);
    __int128 d = b.coefficient * (__int128)power10(scale - b.scale);
    if (ret_quotient)
        *ret_quotient = (struct rh_dec){.coefficient = n / d};
    if (ret_rest)
        *ret_rest = (struct rh_dec){.coefficient = n % d, .scale = scale};
    return RH_OK;
}

enum rh_rc rh_dec_divmod(struct rh_dec a, struct rh_dec b, struct rh_dec *ret_quotient,
                         struct rh_dec *ret_rest)
{
    if (b.coefficient == 0)
        return RH_VALUE;
    int top_a = rh_dec_length(magnitude(a)) - a.scale,
        top_b = rh_dec_length(magnitude(b)) - b.scale;
    if (a.coefficient == 0 || top_a < top_b) {
        if (ret_quotient)
            *ret_quotient = rh_dec_from(0);
        if (ret_rest)
            *ret_rest = a;
        return RH_OK;
    }
    if (top_a - top_b > (ret_quotient ? RH_DEC_DIGITS : DIVIDEND_MAX))
        return RH_VALUE; /* the quotient has too many digits */
    if (is_short(a) && is_short(b) && a.scale - b.scale <= 18 && b.scale - a.scale <= 18)
        return divmod_short(a, b, ret_quotient, ret_rest);

    int scale = a.scale > b.scale ? a.scale : b.scale;
    struct rh_wide n = scaled(magnitude(a), scale - a.scale);
    struct rh_wide d = scaled(magnitude(b), scale - b.scale), q, rest;
    rh_wide_div(&n, &d, &q, &rest);
    if (ret_quotient && rh_wide_digits(&q) > RH_DEC_DIGITS)
        return RH_VALUE;

    struct rh_dec quotient = rh_dec_from(0), left;
    enum rh_rc rc =
        rh_dec_settle(a.coefficient < 0, rest, false, scale, RH_DEC_DIGITS, &left); /* exact */
    if (!rc && ret_quotient)
        rc = rh_dec_settle((a.coefficient < 0) != (b.coefficient < 0), q, false, 0, RH_DEC_DIGITS,
                           &quotient);
    if (rc)
        return rc;
    if (ret_quotient)
        *ret_quotient = quotient;
    if (ret_rest)
        *ret_rest = left;
    return RH_OK;
}

/* Does the cut-off part move the kept part away from zero? `half` compares it with one half: -1
 * below, 0, 1 above; it is not zero. */
static bool away(bool negative, bool odd, int half, enum rh_round how)
{
    switch (how) {
    case RH_ROUND_HALF_AWAY:
        return half >= 0;
    case RH_ROUND_HALF_EVEN:
        return half > 0 || (half == 0 && odd);
    case RH_ROUND_DOWN:
        return false;
    case RH_ROUND_FLOOR:
        return negative;
    case RH_ROUND_CEILING:
        return !negative;
    }
    return false;
}

enum rh_rc rh_dec_round(struct rh_dec d, int scale, enum rh_round how, struct rh_dec *ret)
{
    if (scale > RH_DEC_SCALE_MAX || scale < -RH_DEC_SCALE_MAX)
        return RH_VALUE;
    if (d.scale <= scale) {
        *ret = d;
        return RH_OK;
    }
    bool negative = d.coefficient < 0;
    magnitude_t n = magnitude(d), kept = 0;
    int half = -1, cut = d.scale - scale;
    if (n == 0) {
        *ret = (struct rh_dec){.scale = scale};
        return RH_OK;
    }
    if (cut <= RH_DEC_DIGITS) {
        magnitude_t unit = power10(cut), rest = n % unit;
        kept = n / unit;
        half = rest > unit - rest ? 1 : rest == unit - rest ? 0 : -1;
        if (rest == 0)
            return make(negative, kept, scale, ret);
    }
    if (away(negative, kept & 1, half, how))
        kept++;
    return make(negative, kept, scale, ret);
}

enum rh_rc rh_dec_rescale(struct rh_dec d, int scale, enum rh_round how, struct rh_dec *ret)
{
    int more = scale - d.scale;
    if (more <= 0)
        return rh_dec_round(d, scale, how, ret);
    if (d.coefficient == 0)
        return make(false, 0, scale, ret);
    if (rh_dec_length(magnitude(d)) + more > RH_DEC_DIGITS)
        return RH_VALUE;
    return make(d.coefficient < 0, magnitude(d) * power10(more), scale, ret);
}

bool rh_dec_is_whole(struct rh_dec d)
{
    return d.coefficient == 0 || strip_to(d, 0).scale <= 0;
}

enum rh_rc rh_dec_to_int(struct rh_dec d, int64_t *ret)
{
    struct rh_dec whole;
    if (d.coefficient == 0) {
        *ret = 0;
        return RH_OK;
    }
    d = strip_to(d, 0);
    if (d.scale > 0 || rh_dec_rescale(d, 0, RH_ROUND_DOWN, &whole))
        return RH_VALUE;
    if (whole.coefficient < INT64_MIN || whole.coefficient > INT64_MAX)
        return RH_VALUE;
    *ret = (int64_t)whole.coefficient;
    return RH_OK;
}

int rh_dec_digits(struct rh_dec d)
{
    int n = rh_dec_length(magnitude(d));
    return n ? n : 1;
}
