/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ucum.h - units of measure: validation, canonical form, conversion, comparison.
 *
 * The Unified Code for Units of Measure, version 2.1 (https://ucum.org/ucum): whole grammar, case
 * sensitive, prefixes, annotations, exponents, special units (Cel, [degF], [pH], Np, B, …). Unit
 * atoms are rows of spec/ucum.tsv (its source is named there). Factors are exact decimals or ratios
 * of them, never double, except where a special unit's own definition is a logarithm or a tangent.
 */
#ifndef RH_FHIR_UCUM_H
#define RH_FHIR_UCUM_H

#include "base/context.h"
#include "base/decimal.h"

enum { RH_UCUM_CODE_MAX = 256, RH_UCUM_DIMENSIONS = 7 };

/* A unit reduced to base units: magnitude and exponents of m s g rad K C cd. */
struct rh_ucum {
    struct rh_dec numerator, denominator; /* factor to base units = numerator / denominator */
    signed char dimension[RH_UCUM_DIMENSIONS];
    unsigned char special; /* 0: proportional; else a row of the special units */
    bool arbitrary;        /* [iU] and the like: comparable only with the same unit */
    unsigned atom;         /* of an arbitrary unit */
};

/* RH_SYNTAX with an issue (column and what was expected), RH_VALUE: no such unit (an issue suggests
 * the nearest), or a special unit in a product. */
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

#endif
