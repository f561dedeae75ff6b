/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operators over two collections that have been evaluated: FHIRPath 2.0, chapter 6.
 */
#include "fhirpath/fn_int.h"

/* --- operands --------------------------------------------------------------------------------- */
static enum rh_rc single(struct rh_fp_run *r, const struct rh_fp_node *n, const char *side,
                         const struct rh_fp_list *l, struct rh_fp_item *ret)
{
    if (l->count > 1)
        return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" needs one item on its %s, here are %zu",
                           RH_TEXT_ARG(n->name), side, l->count);
    return rh_fp_system(r, &l->items[0], ret);
}

/* Both sides as one value; *empty when a side has none. */
static enum rh_rc both(struct rh_fp_run *r, const struct rh_fp_node *n,
                       const struct rh_fp_list *const sides[2], struct rh_fp_item ret[2],
                       bool *empty)
{
    *empty = sides[0]->count == 0 || sides[1]->count == 0;
    for (int i = 0; i < 2; i++) {
        enum rh_rc rc =
            sides[i]->count ? single(r, n, i ? "right" : "left", sides[i], &ret[i]) : RH_OK;
        if (rc)
            return rc;
        if (!*empty && ret[i].kind == RH_FP_NODE && !ret[i].node.value)
            *empty = true; /* extensions without a value */
    }
    return RH_OK;
}

static enum rh_rc refuse(struct rh_fp_run *r, const struct rh_fp_node *n,
                         const struct rh_fp_item v[2])
{
    struct rh_text a = rh_fp_type_name(r->c->arena, &v[0]);
    struct rh_text b = rh_fp_type_name(r->c->arena, &v[1]);
    return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" does not work on %.*s and %.*s",
                       RH_TEXT_ARG(n->name), RH_TEXT_ARG(a), RH_TEXT_ARG(b));
}

/* --- arithmetic ------------------------------------------------------------------------------- */
static bool is_integer(const struct rh_fp_item *i)
{
    return i->kind == RH_FP_INTEGER || i->kind == RH_FP_LONG;
}

/* Two numbers. What cannot be represented, and division by zero, is empty (2.0, 6.6). */
static enum rh_rc calculate(struct rh_fp_run *r, const struct rh_fp_node *n,
                            const struct rh_fp_item v[2], struct rh_fp_list *ret)
{
    struct rh_dec a, b, result = {0, 0};
    bool whole = is_integer(&v[0]) && is_integer(&v[1]);
    enum rh_rc rc = RH_OK;
    rh_fp_as_decimal(&v[0], &a);
    rh_fp_as_decimal(&v[1], &b);
    switch (n->op_id) {
    case RH_FP_PLUS:
        rc = rh_dec_add(a, b, &result);
        break;
    case RH_FP_MINUS:
        rc = rh_dec_sub(a, b, &result);
        break;
    case RH_FP_TIMES:
        rc = rh_dec_mul(a, b, &result);
        break;
    case RH_FP_DIVIDE:
        whole = false;
        rc = rh_dec_div(a, b, &result);
        break;
    case RH_FP_DIV:
        whole = true;
        rc = rh_dec_divmod(a, b, &result, NULL);
        break;
    default:
        rc = rh_dec_divmod(a, b, NULL, &result);
    }
    if (rc)
        return RH_OK;
    if (!whole)
        return rh_fp_push_decimal(r, ret, result);
    int64_t i;
    if (rh_dec_to_int(result, &i))
        return RH_OK;
    bool small =
        v[0].kind != RH_FP_LONG && v[1].kind != RH_FP_LONG && i >= INT32_MIN && i <= INT32_MAX;
    return rh_fp_push(
        r, ret, (struct rh_fp_item){.kind = small ? RH_FP_INTEGER : RH_FP_LONG, .integer = i});
}

static enum rh_rc calculate_quantity(struct rh_fp_run *r, const struct rh_fp_node *n,
                                     const struct rh_fp_item v[2], struct rh_fp_list *ret)
{
    struct rh_fp_quantity a, b, q;
    bool empty = false;
    if (n->op_id == RH_FP_DIV || n->op_id == RH_FP_MOD || !rh_fp_as_quantity(&v[0], &a) ||
        !rh_fp_as_quantity(&v[1], &b))
        return refuse(r, n, v);
    enum rh_rc rc = rh_fp_quantity_math(r, n->name.data[0], &a, &b, &q, &empty);
    if (rc || empty)
        return rc;
    return rh_fp_push_quantity(r, ret, q);
}

static enum rh_rc move_time(struct rh_fp_run *r, const struct rh_fp_node *n,
                            const struct rh_fp_item v[2], struct rh_fp_list *ret)
{
    struct rh_fp_time t;
    if (v[1].kind != RH_FP_QUANTITY)
        return refuse(r, n, v);
    if (rh_fp_time_add(v[0].time, v[0].kind, v[1].quantity, n->op_id == RH_FP_MINUS, &t))
        return rh_fp_error(
            r, n, RH_VALUE,
            "\"%.*s\" is no time that can be added to or taken from this value; "
            "calendar words (year, month, day …) and UCUM weeks to milliseconds are, "
            "as long as the result is in the years 1 to 9999",
            RH_TEXT_ARG(v[1].quantity->unit));
    return rh_fp_push_time(r, ret, v[0].kind, t);
}

static enum rh_rc join_text(struct rh_fp_run *r, struct rh_text a, struct rh_text b,
                            struct rh_fp_list *ret)
{
    struct rh_buf out = rh_buf(r->c->arena);
    enum rh_rc rc = rh_fp_step(r, NULL, 1 + (a.len + b.len) / 64);
    if (rc)
        return rc;
    rh_buf_text(&out, a);
    rh_buf_text(&out, b);
    struct rh_text t = rh_buf_get(&out);
    return out.rc ? out.rc : rh_fp_push_text(r, ret, t.data ? t : RH_TEXT(""));
}

static enum rh_rc arithmetic(struct rh_fp_run *r, const struct rh_fp_node *n,
                             const struct rh_fp_list *const sides[2], struct rh_fp_list *ret)
{
    struct rh_fp_item v[2];
    struct rh_dec d;
    bool empty;
    enum rh_rc rc = both(r, n, sides, v, &empty);
    if (rc || empty)
        return rc;
    if (rh_fp_as_decimal(&v[0], &d) && rh_fp_as_decimal(&v[1], &d))
        return calculate(r, n, v, ret);
    bool plus = n->op_id == RH_FP_PLUS, minus = n->op_id == RH_FP_MINUS;
    if (plus && v[0].kind == RH_FP_STRING && v[1].kind == RH_FP_STRING)
        return join_text(r, v[0].text, v[1].text, ret);
    if ((plus || minus) &&
        (v[0].kind == RH_FP_DATE || v[0].kind == RH_FP_DATETIME || v[0].kind == RH_FP_TIME))
        return move_time(r, n, v, ret);
    return calculate_quantity(r, n, v, ret);
}

static enum rh_rc concatenate(struct rh_fp_run *r, const struct rh_fp_node *n,
                              const struct rh_fp_list *const sides[2], struct rh_fp_list *ret)
{
    struct rh_text t[2] = {RH_TEXT(""), RH_TEXT("")};
    struct rh_fp_item v[2];
    for (int i = 0; i < 2; i++) {
        if (sides[i]->count == 0)
            continue;
        enum rh_rc rc = single(r, n, i ? "right" : "left", sides[i], &v[i]);
        if (rc)
            return rc;
        if (v[i].kind == RH_FP_NODE && !v[i].node.value)
            continue;
        if (v[i].kind == RH_FP_STRING)
            t[i] = v[i].text;
        else if (rh_fp_to_text(r, &v[i], &t[i]))
            return rh_fp_error(r, n, RH_VALUE, "the %s of \"&\" must be text",
                               i ? "right side" : "left side");
    }
    return join_text(r, t[0], t[1], ret);
}

enum rh_rc rh_fp_unary(struct rh_fp_run *r, const struct rh_fp_node *n, const struct rh_fp_list *a,
                       struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    if (a->count == 0)
        return RH_OK;
    if (a->count > 1)
        return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" needs one item, here are %zu",
                           RH_TEXT_ARG(n->name), a->count);
    enum rh_rc rc = rh_fp_system(r, &a->items[0], &v);
    if (rc)
        return rc;
    bool minus = n->op_id == RH_FP_MINUS;
    if (v.kind == RH_FP_INTEGER || v.kind == RH_FP_LONG) {
        if (minus && v.integer == INT64_MIN)
            return RH_OK;
        if (minus)
            v.integer = -v.integer;
        if (v.integer == INT32_MIN)
            v.kind = RH_FP_INTEGER; /* 2147483648 alone is a Long */
        return rh_fp_push(r, ret, v);
    }
    if (v.kind == RH_FP_DECIMAL)
        return rh_fp_push_decimal(r, ret, minus ? rh_dec_negate(*v.decimal) : *v.decimal);
    if (v.kind == RH_FP_QUANTITY) {
        struct rh_fp_quantity q = *v.quantity;
        if (minus)
            q.value = rh_dec_negate(q.value);
        return rh_fp_push_quantity(r, ret, q);
    }
    struct rh_text t = rh_fp_type_name(r->c->arena, &v);
    return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" needs a number or quantity, this is %.*s",
                       RH_TEXT_ARG(n->name), RH_TEXT_ARG(t));
}

/* --- comparison ------------------------------------------------------------------------------- */
static enum rh_rc compare(struct rh_fp_run *r, const struct rh_fp_node *n,
                          const struct rh_fp_list *const sides[2], struct rh_fp_list *ret)
{
    int order;
    for (int i = 0; i < 2; i++)
        if (sides[i]->count > 1)
            return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" needs one item on its %s, here are %zu",
                               RH_TEXT_ARG(n->name), i ? "right" : "left", sides[i]->count);
    if (sides[0]->count == 0 || sides[1]->count == 0)
        return RH_OK;
    enum rh_rc rc = rh_fp_order(r, n, &sides[0]->items[0], &sides[1]->items[0], &order);
    if (rc || order == 2)
        return rc;
    bool yes = n->op_id == RH_FP_LESS         ? order < 0
               : n->op_id == RH_FP_LESS_EQUAL ? order <= 0
               : n->op_id == RH_FP_GREATER    ? order > 0
                                              : order >= 0;
    return rh_fp_push_boolean(r, ret, yes);
}

static enum rh_rc equality(struct rh_fp_run *r, const struct rh_fp_node *n,
                           const struct rh_fp_list *const sides[2], struct rh_fp_list *ret)
{
    const struct rh_fp_list *a = sides[0], *b = sides[1];
    bool wanted = n->op_id == RH_FP_EQUAL, unknown = false;
    if (a->count == 0 || b->count == 0)
        return RH_OK;
    if (a->count != b->count)
        return rh_fp_push_boolean(r, ret, !wanted);
    for (size_t i = 0; i < a->count; i++) {
        int equal;
        enum rh_rc rc = rh_fp_equal(r, &a->items[i], &b->items[i], &equal);
        if (rc)
            return rc;
        if (equal == 0)
            return rh_fp_push_boolean(r, ret, !wanted);
        unknown = unknown || equal < 0;
    }
    return unknown ? RH_OK : rh_fp_push_boolean(r, ret, wanted);
}

/* Each item has its equivalent on the other side, whatever the order. */
static enum rh_rc equivalent(struct rh_fp_run *r, const struct rh_fp_list *a,
                             const struct rh_fp_list *b, bool *ret)
{
    *ret = a->count == b->count;
    if (!*ret || a->count == 0)
        return RH_OK;
    bool *taken = rh_arena_zero(r->c->arena, a->count);
    if (!taken)
        return RH_NOMEM;
    for (size_t i = 0; i < a->count && *ret; i++) {
        *ret = false;
        for (size_t k = 0; k < b->count && !*ret; k++) {
            if (taken[k])
                continue;
            enum rh_rc rc = rh_fp_equivalent(r, &a->items[i], &b->items[k], ret);
            if (rc)
                return rc;
            taken[k] = *ret;
        }
    }
    return RH_OK;
}

/* --- collections ------------------------------------------------------------------------------ */
static enum rh_rc membership(struct rh_fp_run *r, const struct rh_fp_node *n,
                             const struct rh_fp_list *one, const struct rh_fp_list *many,
                             struct rh_fp_list *ret)
{
    bool has;
    if (one->count == 0)
        return RH_OK;
    if (one->count > 1)
        return rh_fp_error(r, n, RH_VALUE, "\"%.*s\" looks for one item, here are %zu",
                           RH_TEXT_ARG(n->name), one->count);
    enum rh_rc rc = rh_fp_has(r, many, &one->items[0], &has);
    return rc ? rc : rh_fp_push_boolean(r, ret, has);
}

/* --- logic ------------------------------------------------------------------------------------ */
/* -1 is empty: the tables of 6.5. */
static int logic(enum rh_fp_operator o, int a, int b)
{
    switch (o) {
    case RH_FP_AND:
        return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
    case RH_FP_OR:
        return a == 1 || b == 1 ? 1 : a < 0 || b < 0 ? -1 : 0;
    case RH_FP_XOR:
        return a < 0 || b < 0 ? -1 : a != b;
    default:
        return a == 0 || b == 1 ? 1 : a < 0 || b < 0 ? -1 : 0;
    }
}

static enum rh_rc decide(struct rh_fp_run *r, const struct rh_fp_node *n,
                         const struct rh_fp_list *const sides[2], struct rh_fp_list *ret)
{
    int v[2];
    for (int i = 0; i < 2; i++) {
        enum rh_rc rc = rh_fp_condition(r, n->args[i], sides[i], &v[i]);
        if (rc)
            return rc;
    }
    int result = logic(n->op_id, v[0], v[1]);
    return result < 0 ? RH_OK : rh_fp_push_boolean(r, ret, result == 1);
}

enum rh_rc rh_fp_binary(struct rh_fp_run *r, const struct rh_fp_node *n, const struct rh_fp_list *a,
                        const struct rh_fp_list *b, struct rh_fp_list *ret)
{
    const struct rh_fp_list *const sides[2] = {a, b};
    enum rh_rc rc;
    bool same;
    switch (n->op_id) {
    case RH_FP_EQUAL:
    case RH_FP_NOT_EQUAL:
        return equality(r, n, sides, ret);
    case RH_FP_EQUIVALENT:
    case RH_FP_NOT_EQUIVALENT:
        rc = equivalent(r, a, b, &same);
        return rc ? rc : rh_fp_push_boolean(r, ret, same == (n->op_id == RH_FP_EQUIVALENT));
    case RH_FP_LESS:
    case RH_FP_LESS_EQUAL:
    case RH_FP_GREATER:
    case RH_FP_GREATER_EQUAL:
        return compare(r, n, sides, ret);
    case RH_FP_IN:
        return membership(r, n, a, b, ret);
    case RH_FP_CONTAINS:
        return membership(r, n, b, a, ret);
    case RH_FP_AND:
    case RH_FP_OR:
    case RH_FP_XOR:
    case RH_FP_IMPLIES:
        return decide(r, n, sides, ret);
    case RH_FP_UNION:
        return rh_fp_unite(r, a, b, ret);
    case RH_FP_CONCATENATE:
        return concatenate(r, n, sides, ret);
    default:
        return arithmetic(r, n, sides, ret);
    }
}
