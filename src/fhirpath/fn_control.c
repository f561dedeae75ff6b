/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions that evaluate an expression for each item, and those that steer an evaluation.
 */
#include "fhirpath/functions_int.h"

#define FUNCTION(name)                                                  \
    enum rh_rc name(struct rh_fp_run *r, const struct rh_fp_node *call, \
                    const struct rh_fp_list *in, struct rh_fp_list *ret)

/* Argument 0 as a condition of one item: -1 empty, 0, 1. */
static enum rh_rc holds(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, size_t i, int *ret)
{
    struct rh_fp_item items[2];
    struct rh_fp_list l = {items, 0, 2};
    enum rh_rc rc = rh_fp_arg_item(r, call, 0, &in->items[i], (int64_t)i, &l);
    return rc ? rc : rh_fp_condition(r, call->args[0], &l, ret);
}

/* Stops at the first item that fits. */
FUNCTION(rh_fp_exists)
{
    int v = 0;
    if (call->n_args == 0)
        return rh_fp_push_boolean(r, ret, in->count > 0);
    for (size_t i = 0; i < in->count && v != 1; i++) {
        enum rh_rc rc = holds(r, call, in, i, &v);
        if (rc)
            return rc;
    }
    return rh_fp_push_boolean(r, ret, v == 1);
}

FUNCTION(rh_fp_all)
{
    int v = 1;
    for (size_t i = 0; i < in->count && v == 1; i++) {
        enum rh_rc rc = holds(r, call, in, i, &v);
        if (rc)
            return rc;
    }
    return rh_fp_push_boolean(r, ret, v == 1);
}

FUNCTION(rh_fp_where)
{
    for (size_t i = 0; i < in->count; i++) {
        int v;
        enum rh_rc rc = holds(r, call, in, i, &v);
        if (!rc && v == 1)
            rc = rh_fp_push(r, ret, in->items[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_select)
{
    for (size_t i = 0; i < in->count; i++) {
        enum rh_rc rc = rh_fp_arg_item(r, call, 0, &in->items[i], (int64_t)i, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Adds what the argument gives for each item of `in`; of `unique` only what is new. */
static enum rh_rc project(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_item *item, size_t index, struct rh_fp_set *unique,
                          struct rh_fp_list *ret)
{
    if (!unique)
        return rh_fp_arg_item(r, call, 0, item, (int64_t)index, ret);
    struct rh_fp_item items[4];
    struct rh_fp_list l = {items, 0, 4};
    enum rh_rc rc = rh_fp_arg_item(r, call, 0, item, (int64_t)index, &l);
    for (size_t i = 0; i < l.count && !rc; i++) {
        bool added;
        rc = rh_fp_set_add(unique, &l.items[i], &added);
        if (!rc && added)
            rc = rh_fp_push(r, ret, l.items[i]);
    }
    return rc;
}

static enum rh_rc repeat(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_set *unique,
                         struct rh_fp_list *ret)
{
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < in->count && !rc; i++)
        rc = project(r, call, &in->items[i], i, unique, ret);
    for (size_t i = 0; i < ret->count && !rc; i++) {
        struct rh_fp_item now = ret->items[i]; /* the list may move */
        rc = project(r, call, &now, i, unique, ret);
    }
    return rc;
}

FUNCTION(rh_fp_repeat)
{
    struct rh_fp_set unique = rh_fp_set(r);
    return repeat(r, call, in, &unique, ret);
}

/* Draft: with duplicates; RH_FP_ITEMS_MAX and the step budget end what would not. */
FUNCTION(rh_fp_repeat_all)
{
    return repeat(r, call, in, NULL, ret);
}

FUNCTION(rh_fp_aggregate)
{
    struct rh_fp_list totals[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    const struct rh_fp_list *outer = r->total;
    enum rh_rc rc = call->n_args > 1 ? rh_fp_arg(r, call, 1, &totals[0]) : RH_OK;
    unsigned now = 0;
    for (size_t i = 0; i < in->count && !rc; i++, now ^= 1) {
        r->total = &totals[now];
        totals[now ^ 1].count = 0;
        rc = rh_fp_arg_item(r, call, 0, &in->items[i], (int64_t)i, &totals[now ^ 1]);
    }
    r->total = outer;
    return rc ? rc : rh_fp_push_all(r, ret, &totals[now]);
}

/* An argument of iif(): its one item is $this; $index stays that of the outer expression. */
static enum rh_rc branch(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                         const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    if (in->count == 0)
        return rh_fp_arg(r, call, i, ret);
    return rh_fp_arg_item(r, call, i, &in->items[0], r->index, ret);
}

FUNCTION(rh_fp_iif)
{
    struct rh_fp_list l = {NULL, 0, 0};
    int v;
    if (in->count > 1)
        return rh_fp_error(r, call, RH_VALUE,
                           "iif() needs at most one item, its input has %zu; use it in select()",
                           in->count);
    enum rh_rc rc = branch(r, call, 0, in, &l);
    if (!rc)
        rc = rh_fp_condition(r, call->args[0], &l, &v);
    if (rc)
        return rc;
    if (v == 1)
        return branch(r, call, 1, in, ret);
    return call->n_args > 2 ? branch(r, call, 2, in, ret) : RH_OK;
}

FUNCTION(rh_fp_not)
{
    int v;
    enum rh_rc rc = rh_fp_condition(r, call, in, &v);
    return rc || v < 0 ? rc : rh_fp_push_boolean(r, ret, !v);
}

FUNCTION(rh_fp_coalesce)
{
    (void)in;
    for (unsigned i = 0; i < call->n_args && ret->count == 0; i++) {
        enum rh_rc rc = rh_fp_arg(r, call, i, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_trace)
{
    struct rh_text name = RH_TEXT("");
    struct rh_fp_list shown = {NULL, 0, 0};
    bool empty;
    enum rh_rc rc = rh_fp_arg_string(r, call, 0, &name, &empty);
    if (!rc && call->n_args > 1)
        for (size_t i = 0; i < in->count && !rc; i++)
            rc = rh_fp_arg_item(r, call, 1, &in->items[i], (int64_t)i, &shown);
    if (rc)
        return rc;
    if (r->c->host && r->c->host->trace) {
        const struct rh_fp_list *l = call->n_args > 1 ? &shown : in;
        struct rh_buf b = rh_buf(r->c->arena);
        rh_buf_char(&b, '[');
        for (size_t i = 0; i < l->count; i++) {
            if (i)
                rh_buf_char(&b, ',');
            rh_fp_print_item(&l->items[i], &b);
        }
        rh_buf_char(&b, ']');
        if (b.rc)
            return b.rc;
        r->c->host->trace(r->c, name, rh_buf_get(&b));
    }
    return rh_fp_push_all(r, ret, in);
}

/* Draft. The variable is visible in what follows in the chain; it may not hide another one. */
FUNCTION(rh_fp_define_variable)
{
    struct rh_text name;
    bool empty, taken;
    enum rh_rc rc = rh_fp_arg_string(r, call, 0, &name, &empty);
    if (rc)
        return rc;
    if (empty)
        return rh_fp_error(r, call, RH_VALUE, "defineVariable() needs a name");
    taken = rh_fp_variable_reserved(name);
    for (const struct rh_fp_scope *s = r->scope; s && !taken; s = s->outer)
        taken = rh_text_eq(s->variable.name, name);
    for (size_t i = 0; i < r->in->n_variables && !taken; i++)
        taken = rh_text_eq(r->in->variables[i].name, name);
    if (taken)
        return rh_fp_error(r, call, RH_VALUE, "the variable %%%.*s is defined already",
                           RH_TEXT_ARG(name));
    struct rh_fp_list value = {NULL, 0, 0};
    if (call->n_args < 2)
        rc = rh_fp_push_all(r, &value, in);
    else if (in->count == 1)
        rc = rh_fp_arg_item(r, call, 1, &in->items[0], r->index, &value);
    else
        rc = rh_fp_walk(r, call->args[1], in, &value);
    struct rh_fp_scope *s = rc ? NULL : rh_arena_alloc(r->c->arena, sizeof *s);
    if (!s)
        return rc ? rc : RH_NOMEM;
    *s = (struct rh_fp_scope){.outer = r->scope, .variable = {name, value}};
    rc = rh_fp_push_all(r, ret, in);
    r->scope = s;
    return rc;
}

/* --- sort ------------------------------------------------------------------------------------- */
enum { KEYS_MAX = 8 };
struct sorted {
    struct rh_fp_item item;
    struct rh_fp_item keys[KEYS_MAX];
    bool has[KEYS_MAX];
};

static bool descends(const struct rh_fp_node *key)
{
    return key->op == RH_FP_OP_UNARY && key->op_id == RH_FP_MINUS;
}

static enum rh_rc read_keys(struct rh_fp_run *r, const struct rh_fp_node *call, size_t index,
                            struct sorted *s)
{
    for (unsigned k = 0; k < call->n_args; k++) {
        /* A minus in front is the draft's sign for descending order, of text too. */
        struct rh_fp_node *key = call->args[k];
        struct rh_fp_node *arg[1] = {descends(key) ? key->args[0] : key};
        struct rh_fp_node inner = *call;
        inner.args = arg;
        inner.n_args = 1;
        struct rh_fp_item items[2];
        struct rh_fp_list l = {items, 0, 2};
        enum rh_rc rc = rh_fp_arg_item(r, &inner, 0, &s->item, (int64_t)index, &l);
        if (rc)
            return rc;
        if (l.count > 1)
            return rh_fp_error(r, key, RH_VALUE, "a key of sort() must be one value, here are %zu",
                               l.count);
        s->has[k] = l.count == 1;
        if (l.count)
            s->keys[k] = l.items[0];
    }
    if (call->n_args == 0) {
        s->keys[0] = s->item;
        s->has[0] = true;
    }
    return RH_OK;
}

/* Items without a key come first, in both directions, as HL7's suite has it. */
static enum rh_rc in_order(struct rh_fp_run *r, const struct rh_fp_node *call,
                           const struct sorted *a, const struct sorted *b, bool *ret)
{
    unsigned n = call->n_args ? call->n_args : 1;
    *ret = true;
    for (unsigned k = 0; k < n; k++) {
        int order;
        if (!a->has[k] || !b->has[k]) {
            if (a->has[k] == b->has[k])
                continue;
            *ret = b->has[k];
            return RH_OK;
        }
        enum rh_rc rc = rh_fp_order(r, call, &a->keys[k], &b->keys[k], &order);
        if (rc)
            return rc;
        if (order == 2)
            return rh_fp_error(r, call, RH_VALUE,
                               "sort() cannot order values of different precision or unit");
        if (call->n_args && descends(call->args[k]))
            order = -order;
        if (order) {
            *ret = order < 0;
            return RH_OK;
        }
    }
    return RH_OK;
}

/* Merges two neighbouring runs of `from` into `to`. */
static enum rh_rc merge(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct sorted *const from[], const size_t edges[3],
                        const struct sorted *to[])
{
    size_t a = edges[0], b = edges[1];
    for (size_t out = edges[0]; out < edges[2]; out++) {
        bool left = b >= edges[2];
        if (a < edges[1] && b < edges[2]) {
            enum rh_rc rc = in_order(r, call, from[a], from[b], &left);
            if (rc)
                return rc;
        }
        to[out] = left ? from[a++] : from[b++];
    }
    return RH_OK;
}

FUNCTION(rh_fp_sort)
{
    size_t n = in->count;
    if (n == 0)
        return RH_OK;
    struct sorted *all = rh_arena_alloc(r->c->arena, n * sizeof *all);
    const struct sorted **rows = rh_arena_alloc(r->c->arena, n * sizeof *rows);
    const struct sorted **next = rh_arena_alloc(r->c->arena, n * sizeof *next);
    if (!all || !rows || !next)
        return RH_NOMEM;
    for (size_t i = 0; i < n; i++) {
        all[i].item = in->items[i];
        enum rh_rc rc = read_keys(r, call, i, &all[i]);
        if (rc)
            return rc;
        rows[i] = &all[i];
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t edges[3] = {at, at + width < n ? at + width : n,
                               at + 2 * width < n ? at + 2 * width : n};
            enum rh_rc rc = merge(r, call, rows, edges, next);
            if (rc)
                return rc;
        }
        const struct sorted **old = rows;
        rows = next;
        next = old;
    }
    for (size_t i = 0; i < n; i++) {
        enum rh_rc rc = rh_fp_push(r, ret, rows[i]->item);
        if (rc)
            return rc;
    }
    return RH_OK;
}
