/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decimal_int.h - what decimal.c and decimal_math.c share: rounding a wide number into a decimal.
 */
#ifndef RH_BASE_DECIMAL_INT_H
#define RH_BASE_DECIMAL_INT_H

#include "base/decimal.h"
#include "base/wide_int.h"

/* n * 10^-scale (plus something below its last digit when `sticky`) to at most `digits` significant
 * digits, half to even. RH_VALUE: the scale leaves the limits. */
enum rh_rc rh_dec_settle(bool negative, struct rh_wide n, bool sticky, int scale, int digits,
                         struct rh_dec *ret);
int rh_dec_length(unsigned __int128 n); /* digits; 0 of zero */

#endif
