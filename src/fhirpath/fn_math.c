/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions over numbers: all in decimal (base/decimal.h). What is not defined (the root of a
 * negative number) and what is out of range gives an empty result, as FHIRPath 2.0, 5.7 says.
 */
#include "fhirpath/fn_int.h"

enum {
    BOUNDARY_DIGITS = 8,      /* when the precision is left out */
    BOUNDARY_DIGITS_MAX = 31, /* of the official suite: 32 is out of range */
    SERIES_STEPS = 500        /* of a root, exponential or logarithm: some 30 us */
};

/* The input as a number. */
static enum rh_rc number(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_item *ret, struct rh_dec *dec,
                         bool *empty)
{
    enum rh_rc rc = rh_fp_in(r, call, in, ret, empty);
    if (rc || *empty)
        return rc;
    return rh_fp_number(ret, dec) ? RH_OK : rh_fp_wrong(r, call, "an Integer or Decimal", ret);
}

static enum rh_rc argument(struct rh_fp_run *r, const struct rh_fp_node *call, struct rh_dec *dec,
                           bool *empty)
{
    struct rh_fp_item v;
    enum rh_rc rc = rh_fp_arg_value(r, call, 0, &v, empty);
    if (rc || *empty)
        return rc;
    return rh_fp_number(&v, dec) ? RH_OK : rh_fp_wrong(r, call, "an Integer or Decimal", &v);
}

enum rh_rc rh_fp_abs(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d;
    bool empty;
    enum rh_rc rc = rh_fp_in(r, call, in, &v, &empty);
    if (rc || empty)
        return rc;
    if (v.kind == RH_FP_QUANTITY) {
        struct rh_fp_quantity q = *v.quantity;
        q.value = rh_dec_abs(q.value);
        return rh_fp_push_quantity(r, ret, q);
    }
    if (!rh_fp_number(&v, &d))
        return rh_fp_wrong(r, call, "an Integer, Decimal or Quantity", &v);
    if (v.kind == RH_FP_DECIMAL)
        return rh_fp_push_decimal(r, ret, rh_dec_abs(d));
    if (v.integer == INT64_MIN)
        return RH_OK;
    v.integer = v.integer < 0 ? -v.integer : v.integer;
    return rh_fp_push(r, ret, v);
}

static enum rh_rc to_whole(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct rh_fp_list *in, enum rh_round how, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d;
    bool empty;
    enum rh_rc rc = number(r, call, in, &v, &d, &empty);
    if (rc || empty)
        return rc;
    if (v.kind != RH_FP_DECIMAL)
        return rh_fp_push(r, ret, v);
    return rh_dec_round(d, 0, how, &d) ? RH_OK : rh_fp_push_whole(r, ret, d);
}

enum rh_rc rh_fp_ceiling(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return to_whole(r, call, in, RH_ROUND_CEILING, ret);
}

enum rh_rc rh_fp_floor(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return to_whole(r, call, in, RH_ROUND_FLOOR, ret);
}

enum rh_rc rh_fp_truncate(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return to_whole(r, call, in, RH_ROUND_DOWN, ret);
}

typedef enum rh_rc unary(struct rh_dec d, struct rh_dec *ret);

static enum rh_rc apply(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, unary *f, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d;
    bool empty;
    enum rh_rc rc = number(r, call, in, &v, &d, &empty);
    if (rc || empty)
        return rc;
    rc = rh_fp_step(r, call, SERIES_STEPS);
    if (rc)
        return rc;
    return f(d, &d) ? RH_OK : rh_fp_push_decimal(r, ret, d);
}

enum rh_rc rh_fp_exp(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return apply(r, call, in, rh_dec_exp, ret);
}

enum rh_rc rh_fp_ln(struct rh_fp_run *r, const struct rh_fp_node *call, const struct rh_fp_list *in,
                    struct rh_fp_list *ret)
{
    return apply(r, call, in, rh_dec_ln, ret);
}

enum rh_rc rh_fp_sqrt(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return apply(r, call, in, rh_dec_sqrt, ret);
}

enum rh_rc rh_fp_log(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d, base;
    bool empty, none;
    enum rh_rc rc = number(r, call, in, &v, &d, &empty);
    if (rc)
        return rc;
    rc = argument(r, call, &base, &none);
    if (rc || empty || none)
        return rc;
    rc = rh_fp_step(r, call, 2 * SERIES_STEPS);
    if (rc)
        return rc;
    return rh_dec_log(d, base, &d) ? RH_OK : rh_fp_push_decimal(r, ret, d);
}

/* Of two Integers an Integer, where the result is whole. */
enum rh_rc rh_fp_power(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item v, e;
    struct rh_dec d, exponent;
    bool empty, none;
    enum rh_rc rc = number(r, call, in, &v, &d, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_value(r, call, 0, &e, &none);
    if (rc || empty || none)
        return rc;
    if (!rh_fp_number(&e, &exponent))
        return rh_fp_wrong(r, call, "an Integer or Decimal", &e);
    rc = rh_fp_step(r, call, 2 * SERIES_STEPS);
    if (rc)
        return rc;
    if (rh_dec_power(d, exponent, &d))
        return RH_OK;
    if (v.kind != RH_FP_DECIMAL && e.kind != RH_FP_DECIMAL && rh_dec_is_whole(d))
        return rh_fp_push_whole(r, ret, d);
    return rh_fp_push_decimal(r, ret, d);
}

/* Halves go away from zero. */
enum rh_rc rh_fp_round(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d;
    int64_t places = 0;
    bool empty, none = true;
    enum rh_rc rc = number(r, call, in, &v, &d, &empty);
    if (rc)
        return rc;
    if (call->n_args > 0) {
        rc = rh_fp_arg_integer(r, call, 0, &places, &none);
        if (rc)
            return rc;
        if (none)
            places = 0;
    }
    if (empty)
        return RH_OK;
    if (places < 0)
        return rh_fp_error(r, call, RH_VALUE, "round() works to 0 or more digits, not %lld",
                           (long long)places);
    if (places > RH_DEC_SCALE_MAX || rh_dec_round(d, (int)places, RH_ROUND_HALF_AWAY, &d))
        return places > RH_DEC_SCALE_MAX ? rh_fp_push_decimal(r, ret, d) : RH_OK;
    return rh_fp_push_decimal(r, ret, d);
}

/* --- sums and extremes (drafts) --------------------------------------------------------------- */
static enum rh_rc add(struct rh_fp_run *r, const struct rh_fp_node *call, struct rh_fp_item *total,
                      const struct rh_fp_item *v, bool *overflow)
{
    struct rh_dec a, b;
    if (total->kind == RH_FP_QUANTITY && v->kind == RH_FP_QUANTITY) {
        struct rh_fp_quantity *q = rh_arena_alloc(r->c->arena, sizeof *q);
        if (!q)
            return RH_NOMEM;
        enum rh_rc rc = rh_fp_quantity_math(r, '+', total->quantity, v->quantity, q, overflow);
        total->quantity = q;
        return rc;
    }
    if (!rh_fp_number(total, &a) || !rh_fp_number(v, &b))
        return rh_fp_wrong(r, call, "numbers, or quantities",
                           rh_fp_number(total, &a) || total->kind == RH_FP_QUANTITY ? v : total);
    if (total->kind != RH_FP_DECIMAL && v->kind != RH_FP_DECIMAL) {
        *overflow = __builtin_add_overflow(total->integer, v->integer, &total->integer);
        return RH_OK;
    }
    struct rh_dec *sum = rh_arena_alloc(r->c->arena, sizeof *sum);
    if (!sum)
        return RH_NOMEM;
    *overflow = rh_dec_add(a, b, sum) != RH_OK;
    total->kind = RH_FP_DECIMAL;
    total->decimal = sum;
    return RH_OK;
}

/* *empty: there is no item, or the sum is out of range or of units that do not fit. */
static enum rh_rc sum(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, struct rh_fp_item *ret, bool *empty)
{
    struct rh_dec d;
    *empty = in->count == 0;
    for (size_t i = 0; i < in->count && !*empty; i++) {
        struct rh_fp_item v;
        enum rh_rc rc = rh_fp_system(r, &in->items[i], &v);
        if (rc)
            return rc;
        if (i > 0) {
            rc = add(r, call, ret, &v, empty);
        } else {
            *ret = v;
            if (v.kind != RH_FP_QUANTITY && !rh_fp_number(&v, &d))
                rc = rh_fp_wrong(r, call, "numbers, or quantities", &v);
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_fp_sum(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item total;
    bool empty;
    enum rh_rc rc = sum(r, call, in, &total, &empty);
    if (rc || empty)
        return rc;
    if (total.kind == RH_FP_INTEGER && (total.integer < INT32_MIN || total.integer > INT32_MAX))
        total.kind = RH_FP_LONG;
    return rh_fp_push(r, ret, total);
}

enum rh_rc rh_fp_avg(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item total;
    struct rh_dec d, count = rh_dec_from((int64_t)in->count);
    bool empty;
    enum rh_rc rc = sum(r, call, in, &total, &empty);
    if (rc || empty)
        return rc;
    if (total.kind == RH_FP_QUANTITY) {
        struct rh_fp_quantity q = *total.quantity;
        return rh_dec_div(q.value, count, &q.value) ? RH_OK : rh_fp_push_quantity(r, ret, q);
    }
    if (!rh_fp_number(&total, &d) || rh_dec_div(d, count, &d))
        return RH_OK;
    return rh_fp_push_decimal(r, ret, d);
}

/* Empty also where two items cannot be ordered. */
static enum rh_rc extreme(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, int wanted, struct rh_fp_list *ret)
{
    const struct rh_fp_item *best = NULL;
    for (size_t i = 0; i < in->count; i++) {
        int order = wanted;
        if (best) {
            enum rh_rc rc = rh_fp_order(r, call, &in->items[i], best, &order);
            if (rc)
                return rc;
        }
        if (order == 2)
            return RH_OK;
        if (order == wanted)
            best = &in->items[i];
    }
    return best ? rh_fp_push(r, ret, *best) : RH_OK;
}

enum rh_rc rh_fp_min(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return extreme(r, call, in, -1, ret);
}

enum rh_rc rh_fp_max(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return extreme(r, call, in, 1, ret);
}

/* --- boundaries and precision (drafts) -------------------------------------------------------- */
/* A decimal stands for all values that round to it: half a unit of its last digit to both sides. To
 * fewer digits the boundary is rounded where it points away from zero, else cut (official suite,
 * groups LowBoundary and HighBoundary). False: out of range. */
static bool boundary(struct rh_dec d, bool high, int precision, struct rh_dec *ret)
{
    if (precision < 0 || precision > BOUNDARY_DIGITS_MAX)
        return false;
    struct rh_dec half = {high ? 5 : -5, d.scale + 1}, edge;
    if (d.scale < 0) /* 1e3 is stated as 1000 */
        half.scale = 1;
    if (rh_dec_add(d, half, &edge))
        return false;
    bool outward = high ? edge.coefficient > 0 : edge.coefficient < 0;
    return rh_dec_rescale(edge, precision, outward ? RH_ROUND_HALF_AWAY : RH_ROUND_DOWN, ret) ==
           RH_OK;
}

static enum rh_rc push_boundary(struct rh_fp_run *r, const struct rh_fp_node *call,
                                const struct rh_fp_item *v, bool high, int precision,
                                struct rh_fp_list *ret)
{
    struct rh_dec d;
    struct rh_fp_time t;
    if (v->kind == RH_FP_DATE || v->kind == RH_FP_DATETIME || v->kind == RH_FP_TIME) {
        static const int defaults[] = {[RH_FP_DATE] = 8, [RH_FP_DATETIME] = 17, [RH_FP_TIME] = 9};
        if (precision == INT32_MAX)
            precision = defaults[v->kind];
        return rh_fp_time_boundary(v->time, v->kind, high, precision, &t)
                   ? rh_fp_push_time(r, ret, v->kind, t)
                   : RH_OK;
    }
    if (precision == INT32_MAX)
        precision = BOUNDARY_DIGITS;
    if (v->kind == RH_FP_QUANTITY) {
        struct rh_fp_quantity q = *v->quantity;
        return boundary(q.value, high, precision, &q.value) ? rh_fp_push_quantity(r, ret, q)
                                                            : RH_OK;
    }
    if (!rh_fp_number(v, &d))
        return rh_fp_wrong(r, call, "a number, Quantity, date or time", v);
    return boundary(d, high, precision, &d) ? rh_fp_push_decimal(r, ret, d) : RH_OK;
}

static enum rh_rc either_boundary(struct rh_fp_run *r, const struct rh_fp_node *call,
                                  const struct rh_fp_list *in, bool high, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    int64_t precision = INT32_MAX;
    bool empty, none;
    enum rh_rc rc = rh_fp_in(r, call, in, &v, &empty);
    if (rc)
        return rc;
    if (call->n_args > 0) {
        rc = rh_fp_arg_integer(r, call, 0, &precision, &none);
        if (rc)
            return rc;
        if (none)
            precision = INT32_MAX;
        else if (precision < 0 || precision > RH_DEC_DIGITS)
            return RH_OK;
    }
    return empty ? RH_OK : push_boundary(r, call, &v, high, (int)precision, ret);
}

enum rh_rc rh_fp_low_boundary(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return either_boundary(r, call, in, false, ret);
}

enum rh_rc rh_fp_high_boundary(struct rh_fp_run *r, const struct rh_fp_node *call,
                               const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return either_boundary(r, call, in, true, ret);
}

/* Digits after the point of a number, digits as written of a date or time. */
enum rh_rc rh_fp_precision(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_dec d;
    bool empty;
    enum rh_rc rc = rh_fp_in(r, call, in, &v, &empty);
    if (rc || empty)
        return rc;
    if (v.kind == RH_FP_DATE || v.kind == RH_FP_DATETIME || v.kind == RH_FP_TIME)
        return rh_fp_push_integer(r, ret, rh_fp_time_digits(v.time, v.kind));
    if (v.kind == RH_FP_QUANTITY)
        d = v.quantity->value;
    else if (!rh_fp_number(&v, &d))
        return rh_fp_wrong(r, call, "a number, Quantity, date or time", &v);
    return rh_fp_push_integer(r, ret, d.scale > 0 ? d.scale : 0);
}

enum rh_rc rh_fp_comparable(struct rh_fp_run *r, const struct rh_fp_node *call,
                            const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_fp_item a, b;
    bool empty, none;
    enum rh_rc rc = rh_fp_in(r, call, in, &a, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_value(r, call, 0, &b, &none);
    if (rc || empty || none)
        return rc;
    if (a.kind != RH_FP_QUANTITY || b.kind != RH_FP_QUANTITY)
        return rh_fp_wrong(r, call, "two Quantities", a.kind == RH_FP_QUANTITY ? &b : &a);
    return rh_fp_push_boolean(r, ret, rh_fp_quantity_comparable(a.quantity, b.quantity));
}
