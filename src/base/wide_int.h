/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wide_int.h - whole numbers of up to 250 decimal digits, for the inside of decimal arithmetic.
 *
 * Unsigned, on the stack. A result that does not fit is a mistake of the caller (assert): each
 * caller knows a bound of its digits. Division is algorithm D of Knuth, The Art of Computer
 * Programming, volume 2, 4.3.1.
 */
#ifndef RH_BASE_WIDE_INT_H
#define RH_BASE_WIDE_INT_H

#include <stdbool.h>
#include <stdint.h>

enum { RH_WIDE_LIMBS = 26 };

struct rh_wide {
    uint32_t limb[RH_WIDE_LIMBS]; /* lowest first */
    int n;                        /* limbs in use; the highest is not 0 */
};

struct rh_wide rh_wide_from(unsigned __int128 n);
bool rh_wide_to(const struct rh_wide *a, unsigned __int128 *ret); /* false: more than 128 bits */
struct rh_wide rh_wide_pow10(int n);                              /* n in 0..240 */
int rh_wide_cmp(const struct rh_wide *a, const struct rh_wide *b);
int rh_wide_digits(const struct rh_wide *a); /* 0 of zero */
struct rh_wide rh_wide_add(const struct rh_wide *a, const struct rh_wide *b);
struct rh_wide rh_wide_sub(const struct rh_wide *a, const struct rh_wide *b); /* a >= b */
struct rh_wide rh_wide_mul(const struct rh_wide *a, const struct rh_wide *b);
/* a = quotient * b + remainder, b not 0; either result may be NULL. */
void rh_wide_div(const struct rh_wide *a, const struct rh_wide *b, struct rh_wide *quotient,
                 struct rh_wide *remainder);

#endif
