/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers as keys: decimals of any size, and places on the earth.
 *
 * A decimal is a sign, an exponent (0.d1d2… * 10^e) and pairs of digits, each one more than the
 * pair so that the end, 0, comes before any; of a negative number all but the sign is complemented.
 */
#include "search/key_int.h"

#include "base/bytes.h"

enum {
    LOW = 0x00,
    NEGATIVE = 0x40,
    ZERO = 0x80,
    POSITIVE = 0xC0,
    HIGH = 0xFF,
    EXPONENT_ZERO = 32768
};

void rh_key_decimal_end(struct rh_buf *b, bool high)
{
    rh_buf_char(b, (char)(high ? HIGH : LOW));
}

void rh_key_decimal(struct rh_buf *b, struct rh_dec value)
{
    unsigned char bytes[4 + RH_DEC_DIGITS], digits[RH_DEC_DIGITS + 2];
    bool negative = value.coefficient < 0;
    unsigned __int128 c =
        negative ? -(unsigned __int128)value.coefficient : (unsigned __int128)value.coefficient;
    unsigned n = 0, at = 0;
    if (c == 0) {
        rh_buf_char(b, (char)ZERO);
        return;
    }
    int scale = value.scale;
    for (; c % 10 == 0; c /= 10)
        scale--;
    for (; c > 0 && n < RH_DEC_DIGITS + 1; c /= 10)
        digits[n++] = (unsigned char)(c % 10); /* the last digit first */
    bytes[at++] = negative ? NEGATIVE : POSITIVE;
    rh_put_u16(bytes + at, (uint16_t)((int)n - scale + EXPONENT_ZERO));
    at += 2;
    for (unsigned i = n; i > 0; i -= i > 1 ? 2 : 1)
        bytes[at++] = (unsigned char)(1 + digits[i - 1] * 10 + (i > 1 ? digits[i - 2] : 0));
    bytes[at++] = 0;
    for (unsigned i = 1; negative && i < at; i++)
        bytes[i] = (unsigned char)~bytes[i];
    rh_buf_add(b, bytes, at);
}

/* (d + half) / (2 half) of the circle in 32 bits. */
static bool axis(struct rh_dec d, int half, uint32_t *ret)
{
    enum { DIGITS = 9 };
    const int64_t one = 1000000000;
    struct rh_dec fixed;
    int64_t n;
    if (rh_dec_rescale(d, DIGITS, RH_ROUND_FLOOR, &fixed))
        return false;
    if (fixed.coefficient < -half * one || fixed.coefficient > half * one)
        return false;
    n = (int64_t)fixed.coefficient + half * one;
    uint64_t cell = (uint64_t)(((unsigned __int128)n << 32) / (uint64_t)(2 * half * one));
    *ret = cell > UINT32_MAX ? UINT32_MAX : (uint32_t)cell;
    return true;
}

bool rh_key_cell(struct rh_dec latitude, struct rh_dec longitude, uint64_t *ret)
{
    uint32_t y, x;
    if (!axis(latitude, 90, &y) || !axis(longitude, 180, &x))
        return false;
    uint64_t code = 0;
    for (unsigned i = 32; i-- > 0;)
        code = code << 2 | (uint64_t)(y >> i & 1) << 1 | (x >> i & 1);
    *ret = code;
    return true;
}
