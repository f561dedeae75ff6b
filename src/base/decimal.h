/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decimal.h - FHIR decimals, kept to the digit, and arithmetic with them.
 *
 * A decimal is value = coefficient * 10^-scale with up to RH_DEC_DIGITS digits; "170.10" has scale
 * 2 and compares equal to "170.1" but prints as it was. Grammar: FHIR R4, datatypes, decimal:
 * -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
 *
 * Arithmetic is in decimal throughout, never in double. Sums, differences and products are exact as
 * long as they have at most RH_DEC_DIGITS digits, and keep the scale of school arithmetic (1.2 +
 * 1.8 = 3.0, 1.20 * 2 = 2.40); digits beyond that are rounded half to even. Quotients, roots and
 * logarithms that do not end are rounded half to even to RH_DEC_INEXACT digits. A result whose
 * scale leaves -RH_DEC_SCALE_MAX..RH_DEC_SCALE_MAX is RH_VALUE, never a wrong number.
 */
#ifndef RH_BASE_DECIMAL_H
#define RH_BASE_DECIMAL_H

#include "base/text.h"

enum {
    RH_DEC_DIGITS = 38,
    RH_DEC_INEXACT = 28,     /* significant digits of a quotient that does not end */
    RH_DEC_SCALE_MAX = 2000, /* of any result */
    RH_DEC_PRINT_MAX = RH_DEC_SCALE_MAX + RH_DEC_DIGITS + 4 /* characters of a printed one */
};

struct rh_dec {
    __int128 coefficient; /* |coefficient| < 10^RH_DEC_DIGITS */
    int scale;            /* digits after the point; negative for trailing zeros of an exponent */
};

/* RH_SYNTAX: not a decimal. RH_VALUE: more than RH_DEC_DIGITS significant digits or |exponent| >
 * 1000. */
enum rh_rc rh_dec_parse(struct rh_text t, struct rh_dec *ret);
int rh_dec_cmp(struct rh_dec a, struct rh_dec b);     /* by value, exact */
void rh_dec_print(struct rh_dec d, struct rh_buf *b); /* plain notation, all digits of its scale */
bool rh_dec_is(struct rh_text t);                     /* the grammar only, any number of digits */

static inline struct rh_dec rh_dec_from(int64_t n)
{
    return (struct rh_dec){.coefficient = n};
}
/* RH_VALUE: not a whole number, or outside of 64 bits. */
enum rh_rc rh_dec_to_int(struct rh_dec d, int64_t *ret);
bool rh_dec_is_whole(struct rh_dec d);
static inline int rh_dec_sign(struct rh_dec d)
{
    return (d.coefficient > 0) - (d.coefficient < 0);
}
static inline struct rh_dec rh_dec_negate(struct rh_dec d)
{
    return (struct rh_dec){.coefficient = -d.coefficient, .scale = d.scale};
}
static inline struct rh_dec rh_dec_abs(struct rh_dec d)
{
    return d.coefficient < 0 ? rh_dec_negate(d) : d;
}
/* Significant digits as stated: 5 of "1.5870", 3 of "0.00587", 1 of zero. */
int rh_dec_digits(struct rh_dec d);
/* The same value without zeros at the end of its fraction ("2.50" → "2.5"; "200" stays). */
struct rh_dec rh_dec_strip(struct rh_dec d);

/* RH_VALUE: beyond the limits above; for quotients also a divisor of zero. */
enum rh_rc rh_dec_add(struct rh_dec a, struct rh_dec b, struct rh_dec *ret);
enum rh_rc rh_dec_sub(struct rh_dec a, struct rh_dec b, struct rh_dec *ret);
enum rh_rc rh_dec_mul(struct rh_dec a, struct rh_dec b, struct rh_dec *ret);
/* An exact quotient has the fewest digits that are at least those of a's scale minus b's: 1 / 2 is
 * 0.5, 4.0 / 2 is 2.0. */
enum rh_rc rh_dec_div(struct rh_dec a, struct rh_dec b, struct rh_dec *ret);
/* The whole quotient, cut towards zero, and what it leaves, which has the sign of a: -7 and 2 give
 * -3 and -1. Both exact. Either result may be NULL; without
 * the quotient it may have more digits than a decimal has. */
enum rh_rc rh_dec_divmod(struct rh_dec a, struct rh_dec b, struct rh_dec *ret_quotient,
                         struct rh_dec *ret_rest);

enum rh_round {
    RH_ROUND_HALF_AWAY, /* 0.5 → 1, -0.5 → -1: the rounding of FHIRPath's round() */
    RH_ROUND_HALF_EVEN,
    RH_ROUND_DOWN, /* towards zero: truncate */
    RH_ROUND_FLOOR,
    RH_ROUND_CEILING
};
/* To at most `scale` digits after the point (negative: tens, hundreds, …); fewer stay as they are.
 * RH_VALUE: the result has more than RH_DEC_DIGITS digits. */
enum rh_rc rh_dec_round(struct rh_dec d, int scale, enum rh_round how, struct rh_dec *ret);
/* To exactly `scale` digits after the point, with zeros where there are fewer. RH_VALUE as above.
 */
enum rh_rc rh_dec_rescale(struct rh_dec d, int scale, enum rh_round how, struct rh_dec *ret);

/* --- decimal_math.c: to RH_DEC_INEXACT digits, zeros at the end of the fraction removed --------
 * RH_VALUE: not defined there (root or logarithm of a negative number, 0 to a negative power, a
 * negative number to a fraction), or out of the limits. */
enum rh_rc rh_dec_sqrt(struct rh_dec d, struct rh_dec *ret);
enum rh_rc rh_dec_exp(struct rh_dec d, struct rh_dec *ret);
enum rh_rc rh_dec_ln(struct rh_dec d, struct rh_dec *ret);
enum rh_rc rh_dec_log(struct rh_dec d, struct rh_dec base, struct rh_dec *ret);
/* Exact where the exponent is whole and not negative and the result has at most RH_DEC_DIGITS. */
enum rh_rc rh_dec_power(struct rh_dec d, struct rh_dec exponent, struct rh_dec *ret);

#endif
