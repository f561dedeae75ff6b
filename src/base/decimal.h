/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decimal.h - FHIR decimals, kept to the digit.
 *
 * A decimal is value = coefficient * 10^-scale with up to RH_DEC_DIGITS digits; "170.10" has scale
 * 2 and compares equal to "170.1" but prints as it was. Grammar: FHIR R4, datatypes, decimal:
 * -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
 */
#ifndef RH_BASE_DECIMAL_H
#define RH_BASE_DECIMAL_H

#include "base/text.h"

enum { RH_DEC_DIGITS = 38 };

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

#endif
