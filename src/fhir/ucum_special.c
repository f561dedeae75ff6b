/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ucum_special.c - the scales that are not proportional: temperatures, logarithms, slopes. */
#include "fhir/ucum_int.h"

#include <math.h>
#include <stdio.h>

/* Zero points in units of the scale itself: 273.15 K is 0 Cel, 459.67 [degR] is 0 [degF], and
 * 218.52 * 5/4 K is 0 [degRe]. */
static const struct rh_dec celsius_zero = {27315, 2}, fahrenheit_zero = {45967, 2},
                           reaumur_zero = {21852, 2};

static double number_of(struct rh_dec d)
{
    return (double)d.coefficient * pow(10, -d.scale);
}

/* 15 digits: what a double holds for certain. */
static enum rh_rc ratio_of(double n, struct rh_ucum_ratio *ret)
{
    char text[40];
    struct rh_dec d;
    if (!isfinite(n))
        return RH_VALUE;
    int len = snprintf(text, sizeof text, "%.14e", n);
    enum rh_rc rc = rh_dec_parse((struct rh_text){text, (size_t)len}, &d);
    if (rc)
        return RH_VALUE;
    *ret = rh_ucum_ratio(d);
    return RH_OK;
}

/* The base of a logarithmic scale, and what the logarithm is multiplied with: value = sign *
 * times * log_base(x). A base of 0 is e. */
static bool logarithmic(enum rh_ucum_function f, int64_t *base, int *times)
{
    static const struct {
        int64_t base;
        int times;
    } scales[] = {
        [RH_UCUM_HP_X] = {10, -1},    [RH_UCUM_HP_C] = {100, -1}, [RH_UCUM_HP_M] = {1000, -1},
        [RH_UCUM_HP_Q] = {50000, -1}, [RH_UCUM_PH] = {10, -1},    [RH_UCUM_LN] = {0, 1},
        [RH_UCUM_LG] = {10, 1},       [RH_UCUM_LG2] = {10, 2},    [RH_UCUM_LD] = {2, 1},
        [RH_UCUM_SQRT] = {0, 0},
    };
    *base = scales[f].base;
    *times = scales[f].times;
    return *times != 0;
}

static enum rh_rc exponential(enum rh_ucum_function f, struct rh_dec d, struct rh_ucum_ratio *ret)
{
    int64_t base;
    int times;
    struct rh_dec x;
    if (!logarithmic(f, &base, &times))
        return RH_VALUE;
    bool whole = rh_dec_is_whole(d) && times != 2 && base != 0;
    enum rh_rc rc = times == 1 ? RH_OK : rh_dec_div(d, rh_dec_from(times), &d);
    if (rc)
        return RH_VALUE;
    bool inverse = d.coefficient < 0; /* so that 10^-7 is as exact as 10^7 */
    d = rh_dec_abs(d);
    rc = base ? rh_dec_power(rh_dec_from(base), d, &x) : rh_dec_exp(d, &x);
    if (rc || x.coefficient == 0)
        return RH_VALUE;
    struct rh_ucum_ratio r = rh_ucum_ratio(x);
    r.rounded = !whole;
    *ret = inverse ? rh_ucum_inverse(r) : r;
    return RH_OK;
}

enum rh_rc rh_ucum_from_special(enum rh_ucum_function f, struct rh_ucum_ratio value,
                                struct rh_ucum_ratio *ret)
{
    struct rh_dec d;
    switch (f) {
    case RH_UCUM_LINEAR:
        *ret = value;
        return RH_OK;
    case RH_UCUM_CELSIUS:
        *ret = rh_ucum_plus(value, celsius_zero);
        return RH_OK;
    case RH_UCUM_FAHRENHEIT:
        *ret = rh_ucum_plus(value, fahrenheit_zero);
        return RH_OK;
    case RH_UCUM_REAUMUR:
        *ret = rh_ucum_plus(value, reaumur_zero);
        return RH_OK;
    case RH_UCUM_SQRT:
        *ret = rh_ucum_times(value, value);
        return RH_OK;
    default:
        break;
    }
    enum rh_rc rc = rh_ucum_decimal(value, &d);
    if (rc)
        return rc;
    if (f == RH_UCUM_TAN100)
        return ratio_of(atan(number_of(d) / 100), ret);
    return exponential(f, d, ret);
}

static enum rh_rc logarithm(enum rh_ucum_function f, struct rh_dec d, struct rh_ucum_ratio *ret)
{
    int64_t base;
    int times;
    struct rh_dec x;
    if (!logarithmic(f, &base, &times) || d.coefficient <= 0)
        return RH_VALUE;
    enum rh_rc rc = base ? rh_dec_log(d, rh_dec_from(base), &x) : rh_dec_ln(d, &x);
    if (!rc)
        rc = rh_dec_mul(x, rh_dec_from(times), &x);
    if (rc)
        return RH_VALUE;
    *ret = rh_ucum_ratio(x);
    ret->rounded = true;
    return RH_OK;
}

enum rh_rc rh_ucum_to_special(enum rh_ucum_function f, struct rh_ucum_ratio value,
                              struct rh_ucum_ratio *ret)
{
    struct rh_dec d;
    switch (f) {
    case RH_UCUM_LINEAR:
        *ret = value;
        return RH_OK;
    case RH_UCUM_CELSIUS:
        *ret = rh_ucum_plus(value, rh_dec_negate(celsius_zero));
        return RH_OK;
    case RH_UCUM_FAHRENHEIT:
        *ret = rh_ucum_plus(value, rh_dec_negate(fahrenheit_zero));
        return RH_OK;
    case RH_UCUM_REAUMUR:
        *ret = rh_ucum_plus(value, rh_dec_negate(reaumur_zero));
        return RH_OK;
    default:
        break;
    }
    enum rh_rc rc = rh_ucum_decimal(value, &d);
    if (rc)
        return rc;
    if (f == RH_UCUM_TAN100)
        return ratio_of(tan(number_of(d)) * 100, ret);
    if (f != RH_UCUM_SQRT)
        return logarithm(f, d, ret);
    rc = rh_dec_sqrt(d, &d);
    if (rc)
        return RH_VALUE;
    *ret = rh_ucum_ratio(d);
    ret->rounded = true;
    return RH_OK;
}
