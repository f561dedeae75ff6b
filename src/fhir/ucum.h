/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ucum.h - units of measure: validation, canonical form, conversion, comparison.
 *
 * The Unified Code for Units of Measure, version 2.2 (https://ucum.org/ucum): whole grammar, case
 * sensitive, prefixes, annotations, exponents, special units (Cel, [degF], [pH], Np, B, …). Unit
 * atoms are rows of spec/ucum.tsv (its source is named there). Factors are exact ratios, with the
 * power of pi apart, never double, except where a special unit's own definition is a tangent. A
 * product whose ratio needs more than 37 digits is rounded there, and says so in `rounded`.
 */
#ifndef RH_FHIR_UCUM_H
#define RH_FHIR_UCUM_H

#include "base/context.h"
#include "base/decimal.h"

enum { RH_UCUM_CODE_MAX = 256, RH_UCUM_DIMENSIONS = 7, RH_UCUM_ARBITRARY_MAX = 4 };

/* An arbitrary unit ([iU] and the like) in a product: comparable only with the same one. */
struct rh_ucum_mark {
    unsigned char atom; /* 0: none */
    signed char exponent;
};

/* numerator / denominator * 10^ten * pi^pi; both positive where it is a factor. */
struct rh_ucum_ratio {
    __int128 numerator, denominator;
    int ten;
    signed char pi;
    bool rounded;
};

/* A unit reduced to base units: magnitude and exponents of m s g rad K C cd. */
struct rh_ucum {
    struct rh_ucum_ratio factor; /* to base units; of a special unit only its prefix and numbers */
    signed char dimension[RH_UCUM_DIMENSIONS];
    unsigned short special; /* 0: proportional; else 1 + the row of its atom */
    struct rh_ucum_mark arbitrary[RH_UCUM_ARBITRARY_MAX]; /* by atom; ends with atom 0 */
};

/* RH_SYNTAX with an issue (column and what was expected), RH_VALUE: no such unit (an issue suggests
 * the nearest), or a special unit in a product. `is` may be NULL. */
enum rh_rc rh_ucum_parse(struct rh_issues *is, struct rh_text code, struct rh_ucum *ret);
bool rh_ucum_comparable(const struct rh_ucum *a, const struct rh_ucum *b);
/* value in unit `from` as a value in unit `to`, to 28 significant digits. RH_VALUE: not comparable.
 */
enum rh_rc rh_ucum_convert(struct rh_dec value, const struct rh_ucum *from,
                           const struct rh_ucum *to, struct rh_dec *ret);
/* -1, 0, 1; exact for proportional units. RH_VALUE: not comparable. */
enum rh_rc rh_ucum_compare(struct rh_dec a, const struct rh_ucum *unit_a, struct rh_dec b,
                           const struct rh_ucum *unit_b, int *ret);
/* The product or quotient of two units as a code ("kg.m", "m/s"), simplified where that is plain.
 */
enum rh_rc rh_ucum_multiply(struct rh_text a, struct rh_text b, bool divide, struct rh_buf *out);
/* Canonical form: a value in base units ("1000" and "g.m-1.s-2"). */
enum rh_rc rh_ucum_canonical(struct rh_dec value, struct rh_text code, struct rh_dec *ret_value,
                             struct rh_buf *ret_code);
/* A sentence for people: "milligram per deciliter" from "mg/dL". */
enum rh_rc rh_ucum_display(struct rh_text code, struct rh_buf *out);
/* The longer form of UCUM's own functional tests: "(milligram) / (deciliter)". */
enum rh_rc rh_ucum_formal(struct rh_text code, struct rh_buf *out);

#endif
