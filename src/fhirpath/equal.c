/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Equality (=), equivalence (~) and order of two items: FHIRPath 2.0, 6.1 and 6.2.
 *
 * Values are compared as System values. Elements with children are compared member by member,
 * whatever their order; an array by its order (=) or without it (~). JSON has at most
 * RH_JSON_DEPTH_MAX levels, which bounds the recursion.
 */
#include "base/letter_case.h"
#include "fhirpath/fhirpath_int.h"

/* --- kinds ------------------------------------------------------------------------------------ */
bool rh_fp_as_decimal(const struct rh_fp_item *i, struct rh_dec *ret)
{
    if (i->kind == RH_FP_DECIMAL)
        *ret = *i->decimal;
    else if (i->kind == RH_FP_INTEGER || i->kind == RH_FP_LONG)
        *ret = rh_dec_from(i->integer);
    else
        return false;
    return true;
}

bool rh_fp_as_quantity(const struct rh_fp_item *i, struct rh_fp_quantity *ret)
{
    if (i->kind == RH_FP_QUANTITY) {
        *ret = *i->quantity;
        return true;
    }
    *ret = (struct rh_fp_quantity){.unit = RH_TEXT("1")};
    return rh_fp_as_decimal(i, &ret->value);
}

static bool is_date(const struct rh_fp_item *i)
{
    return i->kind == RH_FP_DATE || i->kind == RH_FP_DATETIME;
}

/* Both are dates or dateTimes, or both are times of day. */
static bool same_clock(const struct rh_fp_item *a, const struct rh_fp_item *b)
{
    return (is_date(a) && is_date(b)) || (a->kind == RH_FP_TIME && b->kind == RH_FP_TIME);
}

/* --- JSON ------------------------------------------------------------------------------------- */
static enum rh_rc json_equal(struct rh_fp_run *r, yyjson_val *a, yyjson_val *b, bool loosely,
                             bool *ret);

/* To the digits of the one with fewer, zeros at the end not counted. */
static bool close_enough(struct rh_dec a, struct rh_dec b)
{
    a = rh_dec_strip(a);
    b = rh_dec_strip(b);
    int scale = a.scale < b.scale ? a.scale : b.scale;
    return !rh_dec_round(a, scale, RH_ROUND_HALF_AWAY, &a) &&
           !rh_dec_round(b, scale, RH_ROUND_HALF_AWAY, &b) && rh_dec_cmp(a, b) == 0;
}

static bool space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0xA0;
}

/* The next letter without its case; white space of any length is one blank. */
static uint32_t next_loosely(struct rh_text t, size_t *at)
{
    uint32_t c = rh_utf8_next(t, at);
    if (!space(c))
        return rh_letter_lower(c);
    for (size_t next = *at; next < t.len; *at = next)
        if (!space(rh_utf8_next(t, &next)))
            break;
    return ' ';
}

static bool text_equivalent(struct rh_text a, struct rh_text b)
{
    size_t i = 0, k = 0;
    while (i < a.len && k < b.len)
        if (next_loosely(a, &i) != next_loosely(b, &k))
            return false;
    return i == a.len && k == b.len;
}

static enum rh_rc array_equal(struct rh_fp_run *r, yyjson_val *a, yyjson_val *b, bool loosely,
                              bool *ret)
{
    size_t n = yyjson_arr_size(a), i, max;
    yyjson_val *v, *w = yyjson_arr_get_first(b);
    *ret = n == yyjson_arr_size(b);
    if (!*ret || n == 0)
        return RH_OK;
    bool *taken = loosely ? rh_arena_zero(r->c->arena, n) : NULL;
    if (loosely && !taken)
        return RH_NOMEM;
    yyjson_arr_foreach (a, i, max, v) {
        if (!loosely) {
            enum rh_rc rc = json_equal(r, v, w, false, ret);
            if (rc || !*ret)
                return rc;
            w = i + 1 < n ? unsafe_yyjson_get_next(w) : w;
            continue;
        }
        *ret = false;
        w = yyjson_arr_get_first(b);
        for (size_t k = 0; k < n && !*ret; k++, w = k < n ? unsafe_yyjson_get_next(w) : w) {
            enum rh_rc rc = taken[k] ? RH_OK : json_equal(r, v, w, true, ret);
            if (rc)
                return rc;
            taken[k] = taken[k] || *ret;
        }
        if (!*ret)
            return RH_OK;
    }
    return RH_OK;
}

static enum rh_rc object_equal(struct rh_fp_run *r, yyjson_val *a, yyjson_val *b, bool loosely,
                               bool *ret)
{
    size_t i, max;
    yyjson_val *key, *v;
    *ret = yyjson_obj_size(a) == yyjson_obj_size(b);
    if (!*ret)
        return RH_OK;
    yyjson_obj_foreach (a, i, max, key, v) {
        yyjson_val *w = yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));
        *ret = w != NULL;
        enum rh_rc rc = w ? json_equal(r, v, w, loosely, ret) : RH_OK;
        if (rc || !*ret)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc json_equal(struct rh_fp_run *r, yyjson_val *a, yyjson_val *b, bool loosely,
                             bool *ret)
{
    enum rh_rc rc = rh_fp_step(r, NULL, 1);
    if (rc)
        return rc;
    if (yyjson_is_obj(a) && yyjson_is_obj(b))
        return object_equal(r, a, b, loosely, ret);
    if (yyjson_is_arr(a) && yyjson_is_arr(b))
        return array_equal(r, a, b, loosely, ret);
    struct rh_text ta = rh_json_text(a), tb = rh_json_text(b);
    struct rh_dec da, db;
    if (yyjson_is_str(a) && yyjson_is_str(b))
        *ret = loosely ? text_equivalent(ta, tb) : rh_text_eq(ta, tb);
    else if (yyjson_is_raw(a) && yyjson_is_raw(b) && !rh_dec_parse(ta, &da) &&
             !rh_dec_parse(tb, &db))
        *ret = loosely ? close_enough(da, db) : rh_dec_cmp(da, db) == 0;
    else if (yyjson_is_bool(a) && yyjson_is_bool(b))
        *ret = yyjson_get_bool(a) == yyjson_get_bool(b);
    else
        *ret = (yyjson_is_null(a) && yyjson_is_null(b)) ||
               (yyjson_is_raw(a) && yyjson_is_raw(b) && rh_text_eq(ta, tb));
    return RH_OK;
}

/* Two nodes: the same element is the same without looking. */
static enum rh_rc node_equal(struct rh_fp_run *r, const struct rh_fp_item *a,
                             const struct rh_fp_item *b, bool loosely, bool *ret)
{
    yyjson_val *va = a->node.value, *vb = b->node.value;
    *ret = va == vb;
    if (!va && !vb) { /* primitives with extensions only */
        va = a->node.extra;
        vb = b->node.extra;
        *ret = va == vb;
    }
    return *ret || !va || !vb ? RH_OK : json_equal(r, va, vb, loosely, ret);
}

/* --- items ------------------------------------------------------------------------------------ */
static int value_equal(struct rh_fp_run *r, const struct rh_fp_item *a, const struct rh_fp_item *b)
{
    struct rh_dec da, db;
    struct rh_fp_quantity qa, qb;
    int order = 2;
    if (a->kind == RH_FP_STRING && b->kind == RH_FP_STRING)
        return rh_text_eq(a->text, b->text);
    if (a->kind == RH_FP_BOOLEAN && b->kind == RH_FP_BOOLEAN)
        return a->boolean == b->boolean;
    if (rh_fp_as_decimal(a, &da) && rh_fp_as_decimal(b, &db))
        return rh_dec_cmp(da, db) == 0;
    if (same_clock(a, b))
        order = rh_fp_time_cmp(a->time, b->time);
    else if (rh_fp_as_quantity(a, &qa) && rh_fp_as_quantity(b, &qb))
        (void)rh_fp_quantity_cmp(r, &qa, &qb, &order);
    else
        return a->kind == RH_FP_TYPE && b->kind == RH_FP_TYPE &&
               rh_text_eq(a->name->space, b->name->space) &&
               rh_text_eq(a->name->name, b->name->name);
    return order == 2 ? -1 : order == 0;
}

enum rh_rc rh_fp_equal(struct rh_fp_run *r, const struct rh_fp_item *a, const struct rh_fp_item *b,
                       int *ret)
{
    struct rh_fp_item va, vb;
    const struct rh_fp_item *x = a, *y = b;
    bool same = false;
    enum rh_rc rc = rh_fp_step(r, NULL, 1);
    if (!rc && a->kind == RH_FP_NODE) {
        rc = rh_fp_system(r, a, &va);
        x = &va;
    }
    if (!rc && b->kind == RH_FP_NODE) {
        rc = rh_fp_system(r, b, &vb);
        y = &vb;
    }
    if (rc)
        return rc;
    if (x->kind != RH_FP_NODE && y->kind != RH_FP_NODE) {
        *ret = value_equal(r, x, y);
        return RH_OK;
    }
    if (a->kind == RH_FP_NODE && b->kind == RH_FP_NODE)
        rc = node_equal(r, a, b, false, &same);
    if (!rc)
        *ret = same;
    return rc;
}

static bool value_equivalent(const struct rh_fp_item *a, const struct rh_fp_item *b)
{
    struct rh_dec da, db;
    struct rh_fp_quantity qa, qb;
    if (a->kind == RH_FP_STRING && b->kind == RH_FP_STRING)
        return text_equivalent(a->text, b->text);
    if (rh_fp_as_decimal(a, &da) && rh_fp_as_decimal(b, &db))
        return close_enough(da, db);
    if (same_clock(a, b))
        return rh_fp_time_cmp(a->time, b->time) == 0;
    if (rh_fp_as_quantity(a, &qa) && rh_fp_as_quantity(b, &qb))
        return rh_fp_quantity_equivalent(&qa, &qb);
    return value_equal(NULL, a, b) == 1;
}

enum rh_rc rh_fp_equivalent(struct rh_fp_run *r, const struct rh_fp_item *a,
                            const struct rh_fp_item *b, bool *ret)
{
    struct rh_fp_item va, vb;
    bool same = false;
    enum rh_rc rc = rh_fp_step(r, NULL, 1);
    if (!rc)
        rc = rh_fp_system(r, a, &va);
    if (!rc)
        rc = rh_fp_system(r, b, &vb);
    if (rc)
        return rc;
    if (va.kind != RH_FP_NODE && vb.kind != RH_FP_NODE)
        same = value_equivalent(&va, &vb);
    else if (a->kind == RH_FP_NODE && b->kind == RH_FP_NODE)
        rc = node_equal(r, a, b, true, &same);
    if (!rc)
        *ret = same;
    return rc;
}

static enum rh_rc not_comparable(struct rh_fp_run *r, const struct rh_fp_node *at,
                                 const struct rh_fp_item *a, const struct rh_fp_item *b)
{
    struct rh_text x = rh_fp_type_name(r->c->arena, a), y = rh_fp_type_name(r->c->arena, b);
    return rh_fp_error(r, at, RH_VALUE, "%.*s and %.*s cannot be compared", RH_TEXT_ARG(x),
                       RH_TEXT_ARG(y));
}

/* A primitive without a value, or a FHIR Quantity that is no System.Quantity. */
static bool without_value(const struct rh_fp_item *i)
{
    return i->kind == RH_FP_NODE && (!i->node.value || (i->type && rh_fp_is_quantity(i->type)));
}

enum rh_rc rh_fp_order(struct rh_fp_run *r, const struct rh_fp_node *at, const struct rh_fp_item *a,
                       const struct rh_fp_item *b, int *ret)
{
    struct rh_fp_item va, vb;
    struct rh_dec da, db;
    struct rh_fp_quantity qa, qb;
    enum rh_rc rc = rh_fp_step(r, at, 1);
    if (!rc)
        rc = rh_fp_system(r, a, &va);
    if (!rc)
        rc = rh_fp_system(r, b, &vb);
    if (rc)
        return rc;
    if (va.kind == RH_FP_STRING && vb.kind == RH_FP_STRING) {
        int order = rh_text_cmp(va.text, vb.text); /* by code point: UTF-8 keeps their order */
        *ret = (order > 0) - (order < 0);
        return RH_OK;
    }
    if (rh_fp_as_decimal(&va, &da) && rh_fp_as_decimal(&vb, &db)) {
        *ret = rh_dec_cmp(da, db);
        return RH_OK;
    }
    if (same_clock(&va, &vb)) {
        *ret = rh_fp_time_cmp(va.time, vb.time);
        return RH_OK;
    }
    if (rh_fp_as_quantity(&va, &qa) && rh_fp_as_quantity(&vb, &qb))
        return rh_fp_quantity_cmp(r, &qa, &qb, ret);
    if (without_value(&va) || without_value(&vb)) {
        *ret = 2;
        return RH_OK;
    }
    return not_comparable(r, at, &va, &vb);
}

enum rh_rc rh_fp_has(struct rh_fp_run *r, const struct rh_fp_list *l, const struct rh_fp_item *i,
                     bool *ret)
{
    *ret = false;
    for (size_t k = 0; k < l->count && !*ret; k++) {
        int equal;
        enum rh_rc rc = rh_fp_equal(r, &l->items[k], i, &equal);
        if (rc)
            return rc;
        *ret = equal == 1;
    }
    return RH_OK;
}
