/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/ucum_int.h"

enum rh_rc rh_ucum_parse(struct rh_issues *is, struct rh_text code, struct rh_ucum *ret)
{
    struct rh_ucum_parts parts;
    enum rh_rc rc = rh_ucum_read(is, code, &parts);
    return rc ? rc : rh_ucum_reduce(is, code, &parts, ret);
}

bool rh_ucum_comparable(const struct rh_ucum *a, const struct rh_ucum *b)
{
    for (unsigned i = 0; i < RH_UCUM_DIMENSIONS; i++)
        if (a->dimension[i] != b->dimension[i])
            return false;
    for (unsigned i = 0; i < RH_UCUM_ARBITRARY_MAX; i++)
        if (a->arbitrary[i].atom != b->arbitrary[i].atom ||
            a->arbitrary[i].exponent != b->arbitrary[i].exponent)
            return false;
    return true;
}

/* The value in base units. */
static enum rh_rc to_base(struct rh_dec value, const struct rh_ucum *u, struct rh_ucum_ratio *ret)
{
    struct rh_ucum_ratio r = rh_ucum_times(rh_ucum_ratio(value), u->factor);
    if (u->special) {
        const struct rh_ucum_atom *a = &rh_ucum_atoms[u->special - 1];
        enum rh_rc rc = rh_ucum_from_special((enum rh_ucum_function)a->function, r, &r);
        if (rc)
            return rc;
        r = rh_ucum_times(r, a->factor);
    }
    *ret = r;
    return RH_OK;
}

static enum rh_rc from_base(struct rh_ucum_ratio r, const struct rh_ucum *u, struct rh_dec *ret)
{
    if (u->special) {
        const struct rh_ucum_atom *a = &rh_ucum_atoms[u->special - 1];
        r = rh_ucum_times(r, rh_ucum_inverse(a->factor));
        enum rh_rc rc = rh_ucum_to_special((enum rh_ucum_function)a->function, r, &r);
        if (rc)
            return rc;
    }
    return rh_ucum_decimal(rh_ucum_times(r, rh_ucum_inverse(u->factor)), ret);
}

/* A tangent is computed in a double: digits beyond what that holds are none. */
static enum rh_rc without_noise(const struct rh_ucum *u, struct rh_dec *d)
{
    enum { DIGITS = 14 };
    if (!u->special || rh_ucum_atoms[u->special - 1].function != RH_UCUM_TAN100)
        return RH_OK;
    enum rh_rc rc =
        rh_dec_round(*d, d->scale - (rh_dec_digits(*d) - DIGITS), RH_ROUND_HALF_AWAY, d);
    *d = rh_dec_strip(*d);
    return rc;
}

enum rh_rc rh_ucum_convert(struct rh_dec value, const struct rh_ucum *from,
                           const struct rh_ucum *to, struct rh_dec *ret)
{
    struct rh_ucum_ratio base;
    if (!rh_ucum_comparable(from, to))
        return RH_VALUE;
    if (from->special == to->special) /* the same scale, perhaps with another prefix */
        return rh_ucum_decimal(rh_ucum_times(rh_ucum_times(rh_ucum_ratio(value), from->factor),
                                             rh_ucum_inverse(to->factor)),
                               ret);
    enum rh_rc rc = to_base(value, from, &base);
    if (!rc)
        rc = from_base(base, to, ret);
    if (!rc)
        rc = without_noise(from, ret);
    return rc ? rc : without_noise(to, ret);
}

enum rh_rc rh_ucum_compare(struct rh_dec a, const struct rh_ucum *unit_a, struct rh_dec b,
                           const struct rh_ucum *unit_b, int *ret)
{
    struct rh_ucum_ratio x, y;
    if (!rh_ucum_comparable(unit_a, unit_b))
        return RH_VALUE;
    if (unit_a->special == unit_b->special) { /* on their own scale: an acidity falls as it grows */
        x = rh_ucum_times(rh_ucum_ratio(a), unit_a->factor);
        y = rh_ucum_times(rh_ucum_ratio(b), unit_b->factor);
    } else {
        enum rh_rc rc = to_base(a, unit_a, &x);
        if (!rc)
            rc = to_base(b, unit_b, &y);
        if (rc)
            return rc;
    }
    *ret = rh_ucum_ratio_cmp(x, y);
    return RH_OK;
}

/* Base units in the order of their codes: C K cd g m rad s. */
static void print_base(const struct rh_ucum *u, struct rh_buf *out)
{
    static const struct {
        const char *code;
        unsigned at;
    } order[RH_UCUM_DIMENSIONS] = {{"C", 5}, {"K", 4},   {"cd", 6}, {"g", 2},
                                   {"m", 0}, {"rad", 3}, {"s", 1}};
    size_t before = out->len;
    for (unsigned i = 0; i < RH_UCUM_DIMENSIONS; i++) {
        int n = u->dimension[order[i].at];
        if (n == 0)
            continue;
        if (out->len > before)
            rh_buf_char(out, '.');
        rh_buf_str(out, order[i].code);
        if (n != 1)
            rh_buf_printf(out, "%d", n);
    }
    for (unsigned i = 0; i < RH_UCUM_ARBITRARY_MAX && u->arbitrary[i].atom; i++) {
        if (out->len > before)
            rh_buf_char(out, '.');
        rh_buf_str(out, rh_ucum_arbitrary[u->arbitrary[i].atom]);
        if (u->arbitrary[i].exponent != 1)
            rh_buf_printf(out, "%d", u->arbitrary[i].exponent);
    }
    if (out->len == before)
        rh_buf_char(out, '1');
}

enum rh_rc rh_ucum_canonical(struct rh_dec value, struct rh_text code, struct rh_dec *ret_value,
                             struct rh_buf *ret_code)
{
    static const struct rh_ucum base = {.factor = {1, 1, 0, 0, false}};
    struct rh_ucum u;
    struct rh_ucum_ratio r;
    struct rh_dec d;
    enum rh_rc rc = rh_ucum_parse(NULL, code, &u);
    if (!rc)
        rc = to_base(value, &u, &r);
    if (!rc)
        rc = from_base(r, &base, &d);
    if (!rc)
        rc = without_noise(&u, &d);
    if (rc)
        return rc;
    print_base(&u, ret_code);
    if (ret_code->rc)
        return ret_code->rc;
    *ret_value = d;
    return RH_OK;
}
