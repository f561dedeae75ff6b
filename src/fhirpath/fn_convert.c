/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * toX() and convertsToX(): one function each that converts or finds nothing, after the table in
 * FHIRPath 2.0, 5.5. And what functions over single values share.
 */
#include "fhirpath/fn_int.h"

enum { TEXT_OF_A_STEP = 64 }; /* bytes that a function reads for one step of the budget */

/* --- shared ----------------------------------------------------------------------------------- */
enum rh_rc rh_fp_in(struct rh_fp_run *r, const struct rh_fp_node *call, const struct rh_fp_list *in,
                    struct rh_fp_item *ret, bool *empty)
{
    const struct rh_fp_item *one;
    enum rh_rc rc = rh_fp_single(r, call, in, &one);
    *empty = true;
    if (rc || !one)
        return rc;
    *empty = false;
    return rh_fp_system(r, one, ret);
}

static const char *kind_name(const struct rh_fp_item *i)
{
    static const char *const names[] = {
        [RH_FP_BOOLEAN] = "a Boolean",   [RH_FP_INTEGER] = "an Integer",
        [RH_FP_LONG] = "a Long",         [RH_FP_DECIMAL] = "a Decimal",
        [RH_FP_STRING] = "a String",     [RH_FP_DATE] = "a Date",
        [RH_FP_DATETIME] = "a DateTime", [RH_FP_TIME] = "a Time",
        [RH_FP_QUANTITY] = "a Quantity", [RH_FP_TYPE] = "a type",
    };
    if (i->kind == RH_FP_NODE)
        return i->type && i->type->name ? i->type->name : "an element without a simple value";
    return names[i->kind];
}

enum rh_rc rh_fp_wrong(struct rh_fp_run *r, const struct rh_fp_node *call, const char *wanted,
                       const struct rh_fp_item *got)
{
    return rh_fp_error(r, call, RH_VALUE, "%.*s() works on %s; this is %s", RH_TEXT_ARG(call->name),
                       wanted, kind_name(got));
}

/* A primitive of a resource is text in its JSON, whatever its type (dates, times, codes). */
static bool node_text(const struct rh_fp_item *i, struct rh_text *ret)
{
    if (i->kind != RH_FP_NODE || !yyjson_is_str(i->node.value))
        return false;
    *ret = (struct rh_text){yyjson_get_str(i->node.value), yyjson_get_len(i->node.value)};
    return true;
}

enum rh_rc rh_fp_in_text(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_text *ret, bool *empty)
{
    const struct rh_fp_item *one;
    struct rh_fp_item v;
    *empty = true;
    enum rh_rc rc = rh_fp_single(r, call, in, &one);
    if (rc || !one)
        return rc;
    if (!node_text(one, ret)) {
        rc = rh_fp_system(r, one, &v);
        if (rc)
            return rc;
        if (v.kind == RH_FP_NODE && !v.node.value)
            return RH_OK; /* only extensions: there is no value */
        if (v.kind != RH_FP_STRING)
            return rh_fp_wrong(r, call, "a String", &v);
        *ret = v.text;
    }
    if (!ret->data)
        *ret = RH_TEXT("");
    *empty = false;
    return ret->len < TEXT_OF_A_STEP ? RH_OK : rh_fp_step(r, call, ret->len / TEXT_OF_A_STEP);
}

enum rh_rc rh_fp_arg_value(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                           struct rh_fp_item *ret, bool *empty)
{
    struct rh_fp_list l = {0};
    *empty = true;
    if (i >= call->n_args)
        return RH_OK;
    enum rh_rc rc = rh_fp_arg(r, call, i, &l);
    return rc ? rc : rh_fp_in(r, call, &l, ret, empty);
}

bool rh_fp_number(const struct rh_fp_item *i, struct rh_dec *ret)
{
    if (i->kind == RH_FP_DECIMAL)
        *ret = *i->decimal;
    else if (i->kind == RH_FP_INTEGER || i->kind == RH_FP_LONG)
        *ret = rh_dec_from(i->integer);
    else
        return false;
    return true;
}

static enum rh_rc push_kind(struct rh_fp_run *r, struct rh_fp_list *ret, enum rh_fp_kind kind,
                            int64_t n)
{
    return rh_fp_push(r, ret, (struct rh_fp_item){.kind = kind, .integer = n});
}

enum rh_rc rh_fp_push_whole(struct rh_fp_run *r, struct rh_fp_list *ret, struct rh_dec d)
{
    int64_t n;
    if (rh_dec_to_int(d, &n))
        return RH_OK;
    return push_kind(r, ret, n >= INT32_MIN && n <= INT32_MAX ? RH_FP_INTEGER : RH_FP_LONG, n);
}

/* --- texts ------------------------------------------------------------------------------------ */
/* [+-]?[0-9]+ and, where allowed, a fraction; a decimal of JSON may not have leading zeros. */
static bool text_number(struct rh_text t, bool fraction, struct rh_dec *ret)
{
    struct rh_fp_quantity q;
    if (t.len == 0 || memchr(t.data, '\'', t.len) || memchr(t.data, 'e', t.len) ||
        memchr(t.data, 'E', t.len) || (!fraction && memchr(t.data, '.', t.len)))
        return false;
    if (rh_fp_quantity_parse(t, &q) || q.calendar)
        return false;
    *ret = q.value;
    return true;
}

enum rh_rc rh_fp_to_text(struct rh_fp_run *r, const struct rh_fp_item *i, struct rh_text *ret)
{
    struct rh_buf b = rh_buf(r->c->arena);
    switch (i->kind) {
    case RH_FP_STRING:
        *ret = i->text;
        return RH_OK;
    case RH_FP_BOOLEAN:
        *ret = rh_text(i->boolean ? "true" : "false");
        return RH_OK;
    case RH_FP_INTEGER:
    case RH_FP_LONG:
        rh_dec_print(rh_dec_from(i->integer), &b);
        break;
    case RH_FP_DECIMAL:
        rh_dec_print(*i->decimal, &b);
        break;
    case RH_FP_DATE:
    case RH_FP_DATETIME:
    case RH_FP_TIME:
        rh_fp_time_print(i->time, i->kind, &b);
        break;
    case RH_FP_QUANTITY:
        rh_fp_quantity_print(i->quantity, &b);
        break;
    default:
        return RH_INVALID;
    }
    *ret = rh_buf_get(&b);
    return b.rc;
}

/* --- conversions: each pushes one item, or none --------------------------------------------- */
typedef enum rh_rc convert(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct rh_fp_item *i, struct rh_fp_list *ret);

static enum rh_rc as_boolean(struct rh_fp_run *r, const struct rh_fp_node *call,
                             const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "1", "1.0"};
    static const char *const no[] = {"false", "f", "no", "n", "0", "0.0"};
    struct rh_dec d;
    (void)call;
    if (i->kind == RH_FP_BOOLEAN)
        return rh_fp_push_boolean(r, ret, i->boolean);
    if (rh_fp_number(i, &d)) {
        bool one = rh_dec_cmp(d, rh_dec_from(1)) == 0;
        return one || d.coefficient == 0 ? rh_fp_push_boolean(r, ret, one) : RH_OK;
    }
    for (size_t k = 0; i->kind == RH_FP_STRING && k < sizeof yes / sizeof yes[0]; k++) {
        if (rh_text_ieq(i->text, rh_text(yes[k])))
            return rh_fp_push_boolean(r, ret, true);
        if (rh_text_ieq(i->text, rh_text(no[k])))
            return rh_fp_push_boolean(r, ret, false);
    }
    return RH_OK;
}

static enum rh_rc as_whole(struct rh_fp_run *r, const struct rh_fp_item *i, bool is_long,
                           struct rh_fp_list *ret)
{
    struct rh_dec d;
    int64_t n;
    if (i->kind == RH_FP_BOOLEAN)
        n = i->boolean;
    else if (i->kind == RH_FP_INTEGER || i->kind == RH_FP_LONG)
        n = i->integer;
    else if (i->kind != RH_FP_STRING || !text_number(i->text, false, &d) || rh_dec_to_int(d, &n))
        return RH_OK;
    if (!is_long && (n < INT32_MIN || n > INT32_MAX))
        return RH_OK;
    return push_kind(r, ret, is_long ? RH_FP_LONG : RH_FP_INTEGER, n);
}

static enum rh_rc as_integer(struct rh_fp_run *r, const struct rh_fp_node *call,
                             const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    (void)call;
    return as_whole(r, i, false, ret);
}

static enum rh_rc as_long(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    (void)call;
    return as_whole(r, i, true, ret);
}

static enum rh_rc as_decimal(struct rh_fp_run *r, const struct rh_fp_node *call,
                             const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    struct rh_dec d;
    (void)call;
    if (i->kind == RH_FP_BOOLEAN)
        d = (struct rh_dec){i->boolean ? 10 : 0, 1};
    else if (!rh_fp_number(i, &d) && !(i->kind == RH_FP_STRING && text_number(i->text, true, &d)))
        return RH_OK;
    return rh_fp_push_decimal(r, ret, d);
}

static enum rh_rc as_string(struct rh_fp_run *r, const struct rh_fp_node *call,
                            const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    struct rh_text t;
    (void)call;
    enum rh_rc rc = rh_fp_to_text(r, i, &t);
    if (rc == RH_INVALID)
        return RH_OK;
    return rc ? rc : rh_fp_push_text(r, ret, t);
}

static enum rh_rc push_text_time(struct rh_fp_run *r, struct rh_text text, enum rh_fp_kind kind,
                                 struct rh_fp_list *ret)
{
    struct rh_fp_time t;
    if (rh_fp_time_parse(text, kind, &t))
        return RH_OK;
    return rh_fp_push_time(r, ret, kind, t);
}

static struct rh_fp_time date_part(const struct rh_fp_time *t)
{
    return (struct rh_fp_time){.year = t->year,
                               .month = t->month,
                               .day = t->day,
                               .precision = t->precision > RH_DAY ? RH_DAY : t->precision};
}

static enum rh_rc as_date(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    (void)call;
    if (i->kind == RH_FP_DATE || i->kind == RH_FP_DATETIME)
        return rh_fp_push_time(r, ret, RH_FP_DATE, date_part(i->time));
    return i->kind == RH_FP_STRING ? push_text_time(r, i->text, RH_FP_DATE, ret) : RH_OK;
}

static enum rh_rc as_date_time(struct rh_fp_run *r, const struct rh_fp_node *call,
                               const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    (void)call;
    if (i->kind == RH_FP_DATE || i->kind == RH_FP_DATETIME)
        return rh_fp_push_time(r, ret, RH_FP_DATETIME, *i->time);
    return i->kind == RH_FP_STRING ? push_text_time(r, i->text, RH_FP_DATETIME, ret) : RH_OK;
}

static enum rh_rc as_time(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    (void)call;
    if (i->kind == RH_FP_TIME)
        return rh_fp_push_time(r, ret, RH_FP_TIME, *i->time);
    return i->kind == RH_FP_STRING ? push_text_time(r, i->text, RH_FP_TIME, ret) : RH_OK;
}

/* With a unit as argument: in this unit, or nothing. */
static enum rh_rc as_quantity(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_item *i, struct rh_fp_list *ret)
{
    struct rh_fp_quantity q = {.unit = RH_TEXT("1")};
    struct rh_text unit;
    bool none = true;
    if (i->kind == RH_FP_QUANTITY)
        q = *i->quantity;
    else if (i->kind == RH_FP_BOOLEAN)
        q.value = (struct rh_dec){i->boolean ? 10 : 0, 1};
    else if (!rh_fp_number(i, &q.value) &&
             !(i->kind == RH_FP_STRING && !rh_fp_quantity_parse(i->text, &q)))
        return RH_OK;
    if (call->n_args > 0) {
        enum rh_rc rc = rh_fp_arg_string(r, call, 0, &unit, &none);
        if (rc)
            return rc;
    }
    if (!none && rh_fp_quantity_convert(&q, unit, &q))
        return RH_OK;
    return rh_fp_push_quantity(r, ret, q);
}

static enum rh_rc to(struct rh_fp_run *r, const struct rh_fp_node *call,
                     const struct rh_fp_list *in, convert *how, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    bool empty;
    enum rh_rc rc = rh_fp_in(r, call, in, &v, &empty);
    return rc || empty ? rc : how(r, call, &v, ret);
}

static enum rh_rc converts_to(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, convert *how, struct rh_fp_list *ret)
{
    struct rh_fp_item v;
    struct rh_fp_list made = {0};
    bool empty;
    enum rh_rc rc = rh_fp_in(r, call, in, &v, &empty);
    if (rc || empty)
        return rc;
    rc = how(r, call, &v, &made);
    return rc ? rc : rh_fp_push_boolean(r, ret, made.count > 0);
}

#define CONVERSION(name)                                                                     \
    enum rh_rc rh_fp_to_##name(struct rh_fp_run *r, const struct rh_fp_node *call,           \
                               const struct rh_fp_list *in, struct rh_fp_list *ret)          \
    {                                                                                        \
        return to(r, call, in, as_##name, ret);                                              \
    }                                                                                        \
    enum rh_rc rh_fp_converts_to_##name(struct rh_fp_run *r, const struct rh_fp_node *call,  \
                                        const struct rh_fp_list *in, struct rh_fp_list *ret) \
    {                                                                                        \
        return converts_to(r, call, in, as_##name, ret);                                     \
    }

CONVERSION(boolean)
CONVERSION(integer)
CONVERSION(long)
CONVERSION(decimal)
CONVERSION(string)
CONVERSION(date)
CONVERSION(date_time)
CONVERSION(time)
CONVERSION(quantity)
