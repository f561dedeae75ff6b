/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/decimal.h"

enum { EXPONENT_MAX = 1000, SCALE_MAX = 2000 };

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
    if (p.fraction.len > SCALE_MAX - EXPONENT_MAX)
        return RH_VALUE;

    int scale = (int)p.fraction.len;
    scale += p.exponent_negative ? (int)exponent : -(int)exponent;
    *ret = (struct rh_dec){.coefficient = p.negative ? -coefficient : coefficient, .scale = scale};
    return RH_OK;
}

static int sign(__int128 n)
{
    return (n > 0) - (n < 0);
}

static int length(__int128 n) /* of digits; n >= 0 */
{
    int count = 0;
    for (; n > 0; n /= 10)
        count++;
    return count;
}

int rh_dec_cmp(struct rh_dec a, struct rh_dec b)
{
    int sa = sign(a.coefficient), sb = sign(b.coefficient);
    if (sa != sb || sa == 0)
        return (sa > sb) - (sa < sb);

    __int128 ca = sa < 0 ? -a.coefficient : a.coefficient;
    __int128 cb = sb < 0 ? -b.coefficient : b.coefficient;
    int magnitude_a = length(ca) - a.scale, magnitude_b = length(cb) - b.scale;
    if (magnitude_a != magnitude_b)
        return magnitude_a > magnitude_b ? sa : -sa;

    /* The first digits stand in the same place, so the shorter one can be filled up with zeros to
     * the length of the other, which has at most RH_DEC_DIGITS. */
    for (int i = a.scale; i < b.scale; i++)
        ca *= 10;
    for (int i = b.scale; i < a.scale; i++)
        cb *= 10;
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
