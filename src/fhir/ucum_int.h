/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ucum_int.h - what the units of UCUM share: the tables made from spec/ucum.tsv, the grammar as
 * a walk over components, and ratios.
 */
#ifndef RH_FHIR_UCUM_INT_H
#define RH_FHIR_UCUM_INT_H

#include "fhir/ucum.h"

/* Functions of special units, from a number on their scale to a multiple of their reference unit;
 * UCUM 2.2, tables 13 to 24. tools/gen_ucum.py has the same order. */
enum rh_ucum_function {
    RH_UCUM_LINEAR,
    RH_UCUM_CELSIUS,
    RH_UCUM_FAHRENHEIT,
    RH_UCUM_REAUMUR,
    RH_UCUM_TAN100,
    RH_UCUM_HP_X,
    RH_UCUM_HP_C,
    RH_UCUM_HP_M,
    RH_UCUM_HP_Q,
    RH_UCUM_PH,
    RH_UCUM_LN,
    RH_UCUM_LG,
    RH_UCUM_LG2,
    RH_UCUM_LD,
    RH_UCUM_SQRT
};

struct rh_ucum_prefix {
    const char *code, *name;
    struct rh_ucum_ratio factor;
};
struct rh_ucum_atom {
    const char *code, *name;
    unsigned char len;
    bool metric;
    unsigned char function;      /* enum rh_ucum_function */
    struct rh_ucum_ratio factor; /* to base units; of a special unit: of its reference unit */
    signed char dimension[RH_UCUM_DIMENSIONS];
    struct rh_ucum_mark arbitrary[RH_UCUM_ARBITRARY_MAX];
};
/* What people write, and the code they mean. */
struct rh_ucum_instead {
    const char *wrong, *right;
};
extern const struct rh_ucum_prefix rh_ucum_prefixes[];
extern const struct rh_ucum_atom rh_ucum_atoms[]; /* in memcmp order of their codes */
extern const char *const rh_ucum_arbitrary[];     /* codes by mark, from 1 on */
extern const struct rh_ucum_instead rh_ucum_insteads[];
extern const unsigned rh_ucum_n_prefixes, rh_ucum_n_atoms, rh_ucum_n_insteads;

/* --- ucum_parse.c -------------------------------------------------------------------------------
 */
/* One component of a unit: a number, or a unit with prefix and exponent; brackets are dissolved.
 * An annotation by itself is the number 1. */
struct rh_ucum_part {
    const struct rh_ucum_prefix *prefix; /* NULL: none */
    const struct rh_ucum_atom *atom;     /* NULL: a number */
    __int128 number;
    int exponent;        /* as written */
    bool divided;        /* stands behind an odd number of "/" */
    struct rh_text note; /* annotation without braces; data NULL: none */
};
enum { RH_UCUM_PARTS_MAX = 64 };
struct rh_ucum_parts {
    struct rh_ucum_part part[RH_UCUM_PARTS_MAX];
    unsigned count;
};
enum rh_rc rh_ucum_read(struct rh_issues *is, struct rh_text code, struct rh_ucum_parts *ret);
/* The unit that the parts make. RH_VALUE: as rh_ucum_parse. */
enum rh_rc rh_ucum_reduce(struct rh_issues *is, struct rh_text code,
                          const struct rh_ucum_parts *parts, struct rh_ucum *ret);

/* --- ucum_ratio.c -------------------------------------------------------------------------------
 */
#define RH_UCUM_ONE ((struct rh_ucum_ratio){1, 1, 0, 0, false})
struct rh_ucum_ratio rh_ucum_ratio(struct rh_dec d);
struct rh_ucum_ratio rh_ucum_times(struct rh_ucum_ratio a, struct rh_ucum_ratio b);
struct rh_ucum_ratio rh_ucum_inverse(struct rh_ucum_ratio a); /* a is not zero */
bool rh_ucum_in_range(struct rh_ucum_ratio a); /* powers of ten and pi within what is kept */
/* RH_VALUE: a power of ten or of pi beyond what is kept. */
enum rh_rc rh_ucum_power(struct rh_ucum_ratio a, int exponent, struct rh_ucum_ratio *ret);
struct rh_ucum_ratio rh_ucum_plus(struct rh_ucum_ratio a, struct rh_dec offset);
/* Exact where it ends within RH_DEC_DIGITS, else 28 significant digits; no zeros at the end of
 * the fraction. RH_VALUE: beyond the limits of a decimal. */
enum rh_rc rh_ucum_decimal(struct rh_ucum_ratio a, struct rh_dec *ret);
int rh_ucum_ratio_cmp(struct rh_ucum_ratio a, struct rh_ucum_ratio b); /* -1, 0, 1 */

/* --- ucum_special.c -----------------------------------------------------------------------------
 */
/* A number on the scale of a special unit as a multiple of its reference unit, and back. RH_VALUE:
 * outside of what the function is defined for. */
enum rh_rc rh_ucum_from_special(enum rh_ucum_function f, struct rh_ucum_ratio value,
                                struct rh_ucum_ratio *ret);
enum rh_rc rh_ucum_to_special(enum rh_ucum_function f, struct rh_ucum_ratio value,
                              struct rh_ucum_ratio *ret);

#endif
