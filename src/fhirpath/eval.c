/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over the tree. Recursion is bounded by the tree's height (RH_FP_DEPTH_MAX, parse.c);
 * small lists live on the stack until they grow, so that a condition takes no memory of the arena.
 *
 * Variables: defineVariable() is visible in the rest of its chain. Whoever begins an expression (an
 * argument, an operand) therefore puts the scope back that it found.
 */
#include "fhirpath/parse_int.h"
#include "fhirpath/variables_int.h"

#include <stdarg.h>

enum { SMALL = 4 };

/* A list that begins on the stack. */
#define SMALL_LIST(name)                   \
    struct rh_fp_item name##_items[SMALL]; \
    struct rh_fp_list name = {name##_items, 0, SMALL}

/* --- errors, steps, lists --------------------------------------------------------------------- */
enum rh_rc rh_fp_error(struct rh_fp_run *r, const struct rh_fp_node *at, enum rh_rc rc,
                       const char *format, ...)
{
    struct rh_issues *is = r->c->issues;
    if (!is)
        return rc;
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(is->arena, format, ap);
    va_end(ap);
    at = at ? at : r->at;
    return rh_fp_issue(is, rc, r->e->text, at ? at->at : 0, "%s", text ? text : rh_rc_text(rc));
}

enum rh_rc rh_fp_step(struct rh_fp_run *r, const struct rh_fp_node *at, uint64_t n)
{
    if (r->c->steps > n) {
        r->c->steps -= n;
        return RH_OK;
    }
    r->c->steps = 1; /* spent; 0 would mean a new budget */
    return rh_fp_error(r, at, RH_TIMEOUT,
                       "the expression takes too many steps; limit what it goes through");
}

enum rh_rc rh_fp_room(struct rh_fp_run *r, struct rh_fp_list *l)
{
    enum rh_rc rc = rh_fp_step(r, NULL, 1);
    if (rc || l->count < l->cap)
        return rc;
    if (l->count >= RH_FP_ITEMS_MAX)
        return rh_fp_error(r, NULL, RH_NOMEM, "a collection has more than %d items",
                           RH_FP_ITEMS_MAX);
    struct rh_fp_item *items =
        rh_arena_grow(r->c->arena, l->items, &l->cap, l->count + SMALL, sizeof *items);
    if (!items)
        return rh_fp_error(r, NULL, RH_NOMEM, "the memory limit was reached in the expression");
    l->items = items;
    return RH_OK;
}

enum rh_rc rh_fp_push_boolean(struct rh_fp_run *r, struct rh_fp_list *l, bool v)
{
    struct rh_fp_item *to;
    enum rh_rc rc = rh_fp_slot(r, l, &to);
    if (rc)
        return rc;
    to->kind = RH_FP_BOOLEAN;
    to->type = NULL;
    to->boolean = v;
    return RH_OK;
}

enum rh_rc rh_fp_push_integer(struct rh_fp_run *r, struct rh_fp_list *l, int64_t v)
{
    return rh_fp_push(r, l, (struct rh_fp_item){.kind = RH_FP_INTEGER, .integer = v});
}

enum rh_rc rh_fp_push_text(struct rh_fp_run *r, struct rh_fp_list *l, struct rh_text v)
{
    return rh_fp_push(r, l, (struct rh_fp_item){.kind = RH_FP_STRING, .text = v});
}

static const void *keep(struct rh_fp_run *r, const void *value, size_t size)
{
    return rh_arena_copy(r->c->arena, value, size);
}

enum rh_rc rh_fp_push_decimal(struct rh_fp_run *r, struct rh_fp_list *l, struct rh_dec v)
{
    struct rh_fp_item i = {.kind = RH_FP_DECIMAL, .decimal = keep(r, &v, sizeof v)};
    return i.decimal ? rh_fp_push(r, l, i) : RH_NOMEM;
}

enum rh_rc rh_fp_push_time(struct rh_fp_run *r, struct rh_fp_list *l, enum rh_fp_kind kind,
                           struct rh_fp_time v)
{
    struct rh_fp_item i = {.kind = kind, .time = keep(r, &v, sizeof v)};
    return i.time ? rh_fp_push(r, l, i) : RH_NOMEM;
}

enum rh_rc rh_fp_push_quantity(struct rh_fp_run *r, struct rh_fp_list *l, struct rh_fp_quantity v)
{
    struct rh_fp_item i = {.kind = RH_FP_QUANTITY, .quantity = keep(r, &v, sizeof v)};
    return i.quantity ? rh_fp_push(r, l, i) : RH_NOMEM;
}

enum rh_rc rh_fp_push_all(struct rh_fp_run *r, struct rh_fp_list *l, const struct rh_fp_list *more)
{
    for (size_t i = 0; i < more->count; i++) {
        enum rh_rc rc = rh_fp_push(r, l, more->items[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_fp_single(struct rh_fp_run *r, const struct rh_fp_node *at,
                        const struct rh_fp_list *l, const struct rh_fp_item **ret)
{
    if (l->count > 1)
        return rh_fp_error(r, at, RH_VALUE, "%.*s needs one item, its input has %zu",
                           RH_TEXT_ARG(at->name), l->count);
    *ret = l->count ? &l->items[0] : NULL;
    return RH_OK;
}

/* --- conditions and arguments ----------------------------------------------------------------- */
enum rh_rc rh_fp_condition(struct rh_fp_run *r, const struct rh_fp_node *n,
                           const struct rh_fp_list *l, int *ret)
{
    if (l->count == 0) {
        *ret = -1;
        return RH_OK;
    }
    if (l->count > 1)
        return rh_fp_error(r, n, RH_VALUE, "a condition needs true or false, here are %zu items",
                           l->count);
    const struct rh_fp_item *i = &l->items[0];
    struct rh_fp_item value;
    if (i->kind == RH_FP_BOOLEAN) {
        *ret = i->boolean;
        return RH_OK;
    }
    if (i->kind == RH_FP_NODE) {
        enum rh_rc rc = rh_fp_system(r, i, &value);
        if (rc)
            return rc;
        i = &value;
    }
    if (i->kind == RH_FP_BOOLEAN)
        *ret = i->boolean;
    else if (i->kind == RH_FP_NODE && !i->node.value)
        *ret = -1; /* an element with extensions and no value */
    else
        *ret = 1; /* one item that is not boolean: "Singleton Evaluation of Collections" */
    return RH_OK;
}

enum rh_rc rh_fp_arg(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                     struct rh_fp_list *ret)
{
    const struct rh_fp_scope *scope = r->scope;
    enum rh_rc rc = rh_fp_walk(r, call->args[i], NULL, ret);
    r->scope = scope;
    return rc;
}

enum rh_rc rh_fp_arg_item(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                          const struct rh_fp_item *item, int64_t index, struct rh_fp_list *ret)
{
    const struct rh_fp_item *old_self = r->self;
    const struct rh_fp_scope *old_scope = r->scope;
    int64_t old_index = r->index;
    r->self = item;
    r->index = index;
    enum rh_rc rc = rh_fp_step(r, call, 1);
    if (!rc)
        rc = rh_fp_walk(r, call->args[i], NULL, ret);
    r->self = old_self;
    r->index = old_index;
    r->scope = old_scope;
    return rc;
}

static enum rh_rc one_value(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                            struct rh_fp_item *ret, bool *empty)
{
    SMALL_LIST(l);
    enum rh_rc rc = rh_fp_arg(r, call, i, &l);
    if (rc)
        return rc;
    *empty = l.count == 0;
    if (*empty)
        return RH_OK;
    if (l.count > 1)
        return rh_fp_error(r, call->args[i], RH_VALUE,
                           "argument %u of %s() must be one value, here are %zu items", i + 1,
                           call->function->name, l.count);
    rc = rh_fp_system(r, &l.items[0], ret);
    if (!rc && ret->kind == RH_FP_NODE && !ret->node.value)
        *empty = true;
    return rc;
}

enum rh_rc rh_fp_arg_string(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                            struct rh_text *ret, bool *empty)
{
    struct rh_fp_item v;
    enum rh_rc rc = one_value(r, call, i, &v, empty);
    if (rc || *empty)
        return rc;
    if (v.kind != RH_FP_STRING)
        return rh_fp_error(r, call->args[i], RH_VALUE, "argument %u of %s() must be a string",
                           i + 1, call->function->name);
    *ret = v.text;
    return RH_OK;
}

enum rh_rc rh_fp_arg_integer(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                             int64_t *ret, bool *empty)
{
    struct rh_fp_item v;
    enum rh_rc rc = one_value(r, call, i, &v, empty);
    if (rc || *empty)
        return rc;
    if (v.kind != RH_FP_INTEGER && v.kind != RH_FP_LONG)
        return rh_fp_error(r, call->args[i], RH_VALUE, "argument %u of %s() must be an integer",
                           i + 1, call->function->name);
    *ret = v.integer;
    return RH_OK;
}

/* --- variables -------------------------------------------------------------------------------- */
static struct rh_fp_item resource_item(const struct rh_fp_run *r, yyjson_val *v)
{
    return rh_fp_resource(v,
                          !r->in->empty && r->in->focus.kind == RH_FP_NODE && !r->in->focus.type);
}

/* The resource that the focus is, or stands in as far as the caller said. */
yyjson_val *rh_fp_resource_of(const struct rh_fp_run *r, bool root)
{
    yyjson_val *v = root && r->in->root ? r->in->root : r->in->resource;
    if (v || r->in->empty)
        return v;
    const struct rh_fp_item *f = &r->in->focus;
    if (f->kind != RH_FP_NODE || !yyjson_is_obj(f->node.value) ||
        (f->type && f->type->kind != RH_KIND_RESOURCE))
        return NULL;
    return f->node.value;
}

static enum rh_rc address_variable(struct rh_fp_run *r, const struct rh_fp_node *n,
                                   struct rh_fp_list *ret, bool *found)
{
    *found = false;
    for (size_t i = 0; i < rh_fp_n_addresses; i++) {
        const struct rh_fp_address *a = &rh_fp_addresses[i];
        size_t len = strlen(a->name);
        if (!a->prefix && rh_text_is(n->name, a->name)) {
            *found = true;
            return rh_fp_push_text(r, ret, rh_text(a->address));
        }
        if (!a->prefix || n->name.len <= len || memcmp(n->name.data, a->name, len) != 0)
            continue;
        *found = true;
        struct rh_buf b = rh_buf(r->c->arena);
        rh_buf_str(&b, a->address);
        rh_buf_text(&b, (struct rh_text){n->name.data + len, n->name.len - len});
        return b.rc ? b.rc : rh_fp_push_text(r, ret, rh_buf_get(&b));
    }
    return RH_OK;
}

bool rh_fp_variable_reserved(struct rh_text name)
{
    if (rh_text_is(name, "context") || rh_text_is(name, "resource") ||
        rh_text_is(name, "rootResource"))
        return true;
    for (size_t i = 0; i < rh_fp_n_addresses; i++) {
        const struct rh_fp_address *a = &rh_fp_addresses[i];
        if (a->prefix ? rh_text_starts(name, a->name) : rh_text_is(name, a->name))
            return true;
    }
    return false;
}

static enum rh_rc variable(struct rh_fp_run *r, const struct rh_fp_node *n, struct rh_fp_list *ret)
{
    for (const struct rh_fp_scope *s = r->scope; s; s = s->outer)
        if (rh_text_eq(s->variable.name, n->name))
            return rh_fp_push_all(r, ret, &s->variable.value);
    for (size_t i = 0; i < r->in->n_variables; i++)
        if (rh_text_eq(r->in->variables[i].name, n->name))
            return rh_fp_push_all(r, ret, &r->in->variables[i].value);
    if (rh_text_is(n->name, "context"))
        return r->in->empty ? RH_OK : rh_fp_push(r, ret, r->in->focus);
    if (rh_text_is(n->name, "resource") || rh_text_is(n->name, "rootResource")) {
        yyjson_val *v = rh_fp_resource_of(r, n->name.len > 8);
        return v ? rh_fp_push(r, ret, resource_item(r, v)) : RH_OK;
    }
    bool found;
    enum rh_rc rc = address_variable(r, n, ret, &found);
    if (rc || found)
        return rc;
    return rh_fp_error(r, n, RH_INVALID, "the variable %%%.*s is not defined",
                       RH_TEXT_ARG(n->name));
}

/* --- the walk --------------------------------------------------------------------------------- */
/* Is the item what a type name at the start of a path stands for (Patient.name)? */
static bool is_named(const struct rh_fp_item *i, const struct rh_fp_node *n)
{
    if (i->kind != RH_FP_NODE)
        return false;
    if (i->type)
        return rh_fp_derives(i->type, n->type.fhir);
    return rh_text_eq(rh_json_get(i->node.value, "resourceType"), n->name);
}

static enum rh_rc member(struct rh_fp_run *r, const struct rh_fp_node *n,
                         const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    if (!n->focus && !focus) {
        if (!r->self)
            return RH_OK;
        if (n->type.fhir && is_named(r->self, n))
            return rh_fp_push(r, ret, *r->self);
        return rh_fp_children(r, n, r->self, n->name, n->underscored, ret);
    }
    SMALL_LIST(in);
    if (n->focus) {
        enum rh_rc rc = rh_fp_walk(r, n->focus, focus, &in);
        if (rc)
            return rc;
        focus = &in;
    }
    for (size_t i = 0; i < focus->count; i++) {
        enum rh_rc rc = rh_fp_children(r, n, &focus->items[i], n->name, n->underscored, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* The collection before the dot. */
static enum rh_rc input(struct rh_fp_run *r, const struct rh_fp_node *n,
                        const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    if (n->focus)
        return rh_fp_walk(r, n->focus, focus, ret);
    if (focus)
        return rh_fp_push_all(r, ret, focus);
    return r->self ? rh_fp_push(r, ret, *r->self) : RH_OK;
}

static enum rh_rc call(struct rh_fp_run *r, const struct rh_fp_node *n,
                       const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    SMALL_LIST(in);
    enum rh_rc rc = input(r, n, focus, &in);
    r->at = n;
    return rc ? rc : n->function->run(r, n, &in, ret);
}

static enum rh_rc item(struct rh_fp_run *r, const struct rh_fp_node *n,
                       const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    SMALL_LIST(in);
    SMALL_LIST(index);
    struct rh_fp_item v;
    enum rh_rc rc = input(r, n, focus, &in);
    if (!rc)
        rc = rh_fp_arg(r, n, 0, &index);
    if (rc || index.count == 0)
        return rc;
    if (index.count > 1)
        return rh_fp_error(r, n, RH_VALUE, "an index must be one integer, here are %zu items",
                           index.count);
    rc = rh_fp_system(r, &index.items[0], &v);
    if (rc)
        return rc;
    if (v.kind != RH_FP_INTEGER && v.kind != RH_FP_LONG)
        return rh_fp_error(r, n, RH_VALUE, "an index must be an integer");
    if (v.integer < 0 || (uint64_t)v.integer >= in.count)
        return RH_OK;
    return rh_fp_push(r, ret, in.items[v.integer]);
}

/* A literal is used where it stands. */
static enum rh_rc operand(struct rh_fp_run *r, const struct rh_fp_node *n, unsigned i,
                          const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    const struct rh_fp_scope *scope = r->scope;
    if (n->args[i]->op == RH_FP_OP_LITERAL) {
        *ret = (struct rh_fp_list){&n->args[i]->literal, 1, 1};
        return RH_OK;
    }
    enum rh_rc rc = rh_fp_walk(r, n->args[i], focus, ret);
    r->scope = scope;
    return rc;
}

/* Operators that need not look at their right side: whether the left one decides. */
static enum rh_rc decided(struct rh_fp_run *r, const struct rh_fp_node *n,
                          const struct rh_fp_list *left, struct rh_fp_list *ret, bool *done)
{
    int v;
    *done = false;
    if (n->op_id != RH_FP_AND && n->op_id != RH_FP_OR && n->op_id != RH_FP_IMPLIES)
        return RH_OK;
    enum rh_rc rc = rh_fp_condition(r, n->args[0], left, &v);
    if (rc)
        return rc;
    *done = v == (n->op_id == RH_FP_OR);
    return *done ? rh_fp_push_boolean(r, ret, n->op_id != RH_FP_AND) : RH_OK;
}

static enum rh_rc binary(struct rh_fp_run *r, const struct rh_fp_node *n,
                         const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    SMALL_LIST(a);
    SMALL_LIST(b);
    bool done;
    enum rh_rc rc = operand(r, n, 0, focus, &a);
    if (!rc)
        rc = decided(r, n, &a, ret, &done);
    if (rc || done)
        return rc;
    rc = operand(r, n, 1, focus, &b);
    return rc ? rc : rh_fp_binary(r, n, &a, &b, ret);
}

static enum rh_rc unary(struct rh_fp_run *r, const struct rh_fp_node *n,
                        const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    SMALL_LIST(a);
    enum rh_rc rc = operand(r, n, 0, focus, &a);
    return rc ? rc : rh_fp_unary(r, n, &a, ret);
}

static enum rh_rc type_operator(struct rh_fp_run *r, const struct rh_fp_node *n,
                                const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    SMALL_LIST(a);
    enum rh_rc rc = operand(r, n, 0, focus, &a);
    if (rc || a.count == 0)
        return rc;
    if (a.count > 1)
        return rh_fp_error(r, n, RH_VALUE,
                           "\"%s\" needs one item on its left, here are %zu; ofType() takes many",
                           n->op == RH_FP_OP_IS ? "is" : "as", a.count);
    bool is = rh_fp_is_type(&a.items[0], &n->type, n->op == RH_FP_OP_AS);
    if (n->op == RH_FP_OP_IS)
        return rh_fp_push_boolean(r, ret, is);
    return is ? rh_fp_push(r, ret, a.items[0]) : RH_OK;
}

enum rh_rc rh_fp_walk(struct rh_fp_run *r, const struct rh_fp_node *n,
                      const struct rh_fp_list *focus, struct rh_fp_list *ret)
{
    switch (n->op) {
    case RH_FP_OP_LITERAL:
        return rh_fp_push(r, ret, n->literal);
    case RH_FP_OP_EMPTY:
        return RH_OK;
    case RH_FP_OP_THIS:
        if (focus)
            return rh_fp_push_all(r, ret, focus);
        return r->self ? rh_fp_push(r, ret, *r->self) : RH_OK;
    case RH_FP_OP_INDEX:
        return r->index < 0 ? RH_OK : rh_fp_push_integer(r, ret, r->index);
    case RH_FP_OP_TOTAL:
        return r->total ? rh_fp_push_all(r, ret, r->total) : RH_OK;
    case RH_FP_OP_VARIABLE:
        return variable(r, n, ret);
    case RH_FP_OP_MEMBER:
        return member(r, n, focus, ret);
    case RH_FP_OP_CALL:
        return call(r, n, focus, ret);
    case RH_FP_OP_ITEM:
        return item(r, n, focus, ret);
    case RH_FP_OP_UNARY:
        return unary(r, n, focus, ret);
    case RH_FP_OP_BINARY:
        return binary(r, n, focus, ret);
    case RH_FP_OP_IS:
    case RH_FP_OP_AS:
        return type_operator(r, n, focus, ret);
    }
    return RH_INTERNAL;
}

/* --- entry ------------------------------------------------------------------------------------ */
static struct rh_fp_run begin(struct rh_ctx *c, const struct rh_fp *e, const struct rh_fp_input *in)
{
    if (c->steps == 0)
        c->steps = RH_STEPS_DEFAULT;
    return (struct rh_fp_run){
        .c = c, .e = e, .in = in, .self = in->empty ? NULL : &in->focus, .index = -1};
}

enum rh_rc rh_fp_eval(struct rh_ctx *c, const struct rh_fp *e, const struct rh_fp_input *in,
                      struct rh_fp_list *ret)
{
    struct rh_fp_run r = begin(c, e, in);
    struct rh_fp_list l = {NULL, 0, 0};
    enum rh_rc rc = rh_fp_walk(&r, e->root, NULL, &l);
    if (rc)
        return rc;
    *ret = l;
    return RH_OK;
}

enum rh_rc rh_fp_true(struct rh_ctx *c, const struct rh_fp *e, const struct rh_fp_input *in,
                      bool *ret)
{
    struct rh_fp_run r = begin(c, e, in);
    SMALL_LIST(l);
    int v = 0;
    enum rh_rc rc = rh_fp_walk(&r, e->root, NULL, &l);
    if (!rc)
        rc = rh_fp_condition(&r, e->root, &l, &v);
    if (!rc)
        *ret = v == 1;
    return rc;
}
