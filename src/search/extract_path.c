/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A compiled expression that is a path, as places of a tree. It is read from its printed form, so
 * that the grammar stays the business of src/fhirpath.
 */
#include "search/extract_int.h"
#include "search/key_int.h"

enum { POSITIONS_MAX = 64 };

struct position {
    struct rh_place *place;
    uint16_t only;
    const char *binding;
};

struct positions {
    struct position rows[POSITIONS_MAX];
    unsigned n;
};

struct reader {
    struct rh_arena *arena;
    struct rh_place *root, *resource;
    enum rh_rc rc;
};

struct rh_place *rh_place_open(struct rh_arena *a, const struct rh_type *type)
{
    struct rh_place *p = rh_arena_zero(a, sizeof *p);
    if (p)
        p->type = type;
    return p;
}

static bool derives(const struct rh_type *t, const struct rh_type *base)
{
    for (; t; t = t->base)
        if (t == base)
            return true;
    return false;
}

static bool add(struct positions *to, struct position p)
{
    for (unsigned i = 0; i < to->n; i++)
        if (to->rows[i].place == p.place && to->rows[i].only == p.only)
            return true;
    if (to->n == POSITIONS_MAX)
        return false;
    to->rows[to->n++] = p;
    return true;
}

static bool no_memory(struct reader *r)
{
    r->rc = RH_NOMEM;
    return false;
}

static bool add_child(struct reader *r, struct rh_place *p, unsigned i, struct positions *ret)
{
    const struct rh_element *e = &p->type->elements[i];
    if (!p->children)
        p->children = rh_arena_zero(r->arena, p->type->count * sizeof p->children[0]);
    if (!p->children)
        return no_memory(r);
    if (!p->children[i])
        p->children[i] = rh_place_open(r->arena, e->type);
    if (!p->children[i])
        return no_memory(r);
    return add(ret, (struct position){p->children[i], 0, e->binding});
}

static bool read(struct reader *r, yyjson_val *v, struct positions *ret);

static struct rh_text name_of(yyjson_val *v)
{
    return rh_json_get(v, "name");
}

static bool is_op(yyjson_val *v, const char *op)
{
    return rh_text_is(rh_json_get(v, "op"), op);
}

static bool is_call(yyjson_val *v, const char *name)
{
    return is_op(v, "call") && rh_text_is(name_of(v), name);
}

static yyjson_val *argument(yyjson_val *v, size_t i)
{
    return yyjson_arr_get(yyjson_obj_get(v, "args"), i);
}

static size_t n_arguments(yyjson_val *v)
{
    return yyjson_arr_size(yyjson_obj_get(v, "args"));
}

static bool string_literal(yyjson_val *v, struct rh_text *ret)
{
    *ret = rh_json_get(v, "value");
    return is_op(v, "literal") && rh_text_is(rh_json_get(v, "type"), "String") && ret->data;
}

static bool read_member(struct reader *r, yyjson_val *v, struct positions *ret)
{
    struct rh_text name = name_of(v);
    yyjson_val *before = yyjson_obj_get(v, "focus");
    struct positions from = {.n = 0};
    if (before) {
        if (!read(r, before, &from))
            return false;
    } else {
        const struct rh_type *named = rh_type_find(name);
        if (named && derives(r->root->type, named) && name.data[0] < 'a')
            return add(ret, (struct position){.place = r->root});
        add(&from, (struct position){.place = r->root});
    }
    for (unsigned i = 0; i < from.n; i++) {
        struct rh_place *p = from.rows[i].place;
        if (from.rows[i].only || p->type->kind == RH_KIND_ABSTRACT)
            return false; /* any resource */
        if (p->type->kind == RH_KIND_PRIMITIVE) {
            if (rh_text_is(name, "extension") || rh_text_is(name, "id") ||
                rh_text_is(name, "value"))
                return false; /* what stands beside the value */
            continue;
        }
        for (unsigned k = 0; k < p->type->count; k++)
            if (rh_text_is(name, p->type->elements[k].base) && !add_child(r, p, k, ret))
                return false;
    }
    return true;
}

static bool filter_type(struct rh_text name, const struct positions *from, struct positions *ret)
{
    if (rh_text_starts(name, "FHIR."))
        name = (struct rh_text){name.data + 5, name.len - 5};
    if (rh_text_is(name, "SimpleQuantity") || rh_text_is(name, "MoneyQuantity"))
        name = RH_TEXT("Quantity");
    const struct rh_type *type = rh_type_find(name);
    if (!type)
        return false;
    for (unsigned i = 0; i < from->n; i++) {
        const struct rh_type *t = from->rows[i].place->type;
        if (t->kind == RH_KIND_ABSTRACT)
            return false;
        bool is = t->kind == RH_KIND_PRIMITIVE ? t == type : derives(t, type);
        if (is && !add(ret, from->rows[i]))
            return false;
    }
    return true;
}

static bool add_guarded(struct reader *r, const struct positions *from, struct rh_text member,
                        struct rh_text literal, struct positions *ret)
{
    for (unsigned i = 0; i < from->n; i++) {
        struct rh_place *p = from->rows[i].place, *g;
        if (from->rows[i].only || p->type->kind == RH_KIND_PRIMITIVE ||
            p->type->kind == RH_KIND_ABSTRACT)
            return false;
        const struct rh_element *e = rh_element_find(p->type, member);
        if (!e || e->many || e->type->kind != RH_KIND_PRIMITIVE)
            return false;
        for (g = p->guarded; g; g = g->next)
            if (rh_text_eq(g->member, member) && rh_text_eq(g->literal, literal))
                break;
        if (!g) {
            g = rh_place_open(r->arena, p->type);
            if (!g)
                return no_memory(r);
            g->member = rh_text_copy(r->arena, member);
            g->literal = rh_text_copy(r->arena, literal);
            g->next = p->guarded;
            p->guarded = g;
            if (!g->member.data || !g->literal.data)
                return no_memory(r);
        }
        if (!add(ret, (struct position){.place = g}))
            return false;
    }
    return true;
}

/* where(resolve() is T), where(member = 'text'). */
static bool read_where(struct reader *r, yyjson_val *condition, const struct positions *from,
                       struct positions *ret)
{
    struct rh_text literal;
    yyjson_val *left = argument(condition, 0);
    if (is_op(condition, "is") && is_call(left, "resolve") && !yyjson_obj_get(left, "focus")) {
        unsigned only = rh_resource_number(name_of(condition));
        if (!only)
            return false;
        for (unsigned i = 0; i < from->n; i++) {
            struct position p = from->rows[i];
            if (p.only)
                return false;
            p.only = (uint16_t)only;
            if (!add(ret, p))
                return false;
        }
        return true;
    }
    if (is_op(condition, "binary") && rh_text_is(name_of(condition), "=") &&
        is_op(left, "member") && !yyjson_obj_get(left, "focus") &&
        string_literal(argument(condition, 1), &literal))
        return add_guarded(r, from, name_of(left), literal, ret);
    return false;
}

static bool read_call(struct reader *r, yyjson_val *v, struct positions *ret)
{
    struct rh_text name = name_of(v), literal;
    yyjson_val *before = yyjson_obj_get(v, "focus");
    struct positions from = {.n = 0}, inner = {.n = 0};
    if (n_arguments(v) != 1)
        return false;
    if (!before)
        add(&from, (struct position){.place = r->root});
    else if (!read(r, before, &from))
        return false;
    if (rh_text_is(name, "where"))
        return read_where(r, argument(v, 0), &from, ret);
    if (rh_text_is(name, "as") || rh_text_is(name, "ofType"))
        return string_literal(argument(v, 0), &literal) && filter_type(literal, &from, ret);
    if (!rh_text_is(name, "extension") || !string_literal(argument(v, 0), &literal))
        return false;
    for (unsigned i = 0; i < from.n; i++) {
        struct rh_place *p = from.rows[i].place;
        if (from.rows[i].only || p->type->kind == RH_KIND_PRIMITIVE ||
            p->type->kind == RH_KIND_ABSTRACT)
            return false;
        const struct rh_element *e = rh_element_find(p->type, RH_TEXT("extension"));
        if (!e || !add_child(r, p, (unsigned)(e - p->type->elements), &inner))
            return false;
    }
    return add_guarded(r, &inner, RH_TEXT("url"), literal, ret);
}

/* Recursion is bounded by RH_FP_DEPTH_MAX, as that of the expression. */
static bool read(struct reader *r, yyjson_val *v, struct positions *ret)
{
    if (is_op(v, "member"))
        return read_member(r, v, ret);
    if (is_op(v, "call"))
        return read_call(r, v, ret);
    if (is_op(v, "this"))
        return add(ret, (struct position){.place = r->root});
    if (is_op(v, "variable") && r->resource && rh_text_is(name_of(v), "resource"))
        return add(ret, (struct position){.place = r->resource});
    if (is_op(v, "as")) {
        struct positions from = {.n = 0};
        return read(r, argument(v, 0), &from) && filter_type(name_of(v), &from, ret);
    }
    if (is_op(v, "binary") && rh_text_is(name_of(v), "|"))
        return read(r, argument(v, 0), ret) && read(r, argument(v, 1), ret);
    return false;
}

static bool add_action(struct rh_arena *a, struct rh_place *p, struct rh_action action)
{
    for (unsigned i = 0; i < p->n_actions; i++)
        if (p->actions[i].slot == action.slot && p->actions[i].only == action.only &&
            p->actions[i].component == action.component)
            return true;
    if (p->n_actions == p->cap_actions) {
        size_t cap = p->cap_actions;
        void *rows = rh_arena_grow(a, p->actions, &cap, cap + 1u, sizeof p->actions[0]);
        if (!rows || cap > UINT16_MAX)
            return false;
        p->actions = rows;
        p->cap_actions = (uint16_t)cap;
    }
    p->actions[p->n_actions++] = action;
    return true;
}

bool rh_extract_paths(struct rh_arena *a, const struct rh_fp *e, struct rh_place *root,
                      struct rh_place *resource, struct rh_action action, enum rh_rc *rc)
{
    struct reader r = {.arena = a, .root = root, .resource = resource};
    struct rh_buf b = rh_buf(a);
    struct positions found = {.n = 0};
    struct rh_issues is;
    yyjson_doc *doc;
    rh_fp_print_ast(e, &b);
    rh_issues_init(&is, a);
    *rc = b.rc;
    /* Deeper than JSON may be is an expression that is no path. */
    if (b.rc || rh_json_parse(a, &is, rh_buf_get(&b), &doc))
        return false;
    bool is_path = read(&r, yyjson_doc_get_root(doc), &found);
    *rc = r.rc;
    if (!is_path || r.rc)
        return false;
    for (unsigned i = 0; i < found.n; i++) {
        const struct rh_type *t = found.rows[i].place->type;
        struct rh_text system = {NULL, 0};
        action.only = found.rows[i].only;
        if (t->kind == RH_KIND_PRIMITIVE)
            system = rh_key_implied_system(strcmp(t->name, "boolean") == 0 ? "boolean"
                                           : strcmp(t->name, "code") == 0  ? found.rows[i].binding
                                                                           : NULL);
        action.system = system.data;
        if (!add_action(a, found.rows[i].place, action)) {
            *rc = RH_NOMEM;
            return false;
        }
    }
    return true;
}
