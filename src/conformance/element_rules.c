/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk: objects by the order of their definition, values against their rule. In the pass of the
 * base definitions everything is looked at, and the shape of the JSON too; a profile's pass follows
 * only what the profile says more.
 */
#include "conformance/validate_int.h"

#include <limits.h>

enum { ORDERS_MAX = 64 };

/* What an object has of one element. */
struct slot {
    const struct rh_element *e, *other; /* other: a second name of the same choice */
    yyjson_val *value, *shadow;
};

struct object {
    uint64_t seen;
    struct slot slots[ORDERS_MAX];
};

/* --- reading an object -------------------------------------------------------------------------
 */

static void unknown(struct rh_run *r, const struct rh_place *at, const struct rh_type *type,
                    struct rh_text name)
{
    if (rh_text_is(name, "fhir_comments"))
        rh_complain_shape(r, "structure", at, "\"fhir_comments\" is not part of FHIR R4");
    else
        rh_complain_shape(r, "structure", at, "%s has no element \"%.*s\"", type->name,
                          RH_TEXT_ARG(rh_shown(name)));
}

static void read_object(struct rh_run *r, const struct rh_place *at, const struct rh_type *type,
                        struct object *o)
{
    size_t i, n;
    yyjson_val *key, *v;
    o->seen = 0;
    yyjson_obj_foreach (at->value, i, n, key, v) {
        struct rh_text name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        bool shadow = name.len > 1 && name.data[0] == '_';
        const struct rh_element *e =
            rh_element_find(type, shadow ? (struct rh_text){name.data + 1, name.len - 1} : name);
        if (!e) {
            if (r->base && (type->kind != RH_KIND_RESOURCE || !rh_text_is(name, "resourceType")))
                unknown(r, at, type, name);
            continue;
        }
        struct slot *s = &o->slots[e->order];
        if (!(o->seen & UINT64_C(1) << e->order)) {
            *s = (struct slot){.e = e};
            o->seen |= UINT64_C(1) << e->order;
        } else if (s->e != e) {
            s->other = e;
            continue;
        }
        *(shadow ? &s->shadow : &s->value) = v;
    }
}

static void missing(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                    const struct rh_type *type, uint64_t orders)
{
    for (unsigned i = 0; i < type->count && orders; i++) {
        const struct rh_element *e = &type->elements[i];
        uint64_t bit = UINT64_C(1) << e->order;
        if (!(orders & bit))
            continue;
        orders &= ~bit;
        const struct rh_rule *child = rule->children[e->order];
        rh_complain(r, RH_ERROR, "required", at, "%.*s is missing: at least %u is required by %.*s",
                    RH_TEXT_ARG(child->path), child->min, RH_TEXT_ARG(rule->profile->url));
    }
}

static size_t count_of(const struct slot *s)
{
    yyjson_val *v = s->value ? s->value : s->shadow;
    return (yyjson_is_arr(v) ? yyjson_arr_size(v) : 1) + (s->other ? 1 : 0);
}

static void check_count(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                        const struct slot *s)
{
    const struct rh_rule *child = rule->children[s->e->order];
    size_t n;
    if (!child || (child->max == UINT_MAX && child->min <= 1) ||
        (r->base && child->max == 1 && !s->other) ||
        ((n = count_of(s)) <= child->max && n >= child->min))
        return;
    if (s->other && child->max == 1)
        rh_complain(r, RH_ERROR, "structure", at,
                    "\"%s\" and \"%s\" exclude each other: at most 1 value is allowed", s->e->name,
                    s->other->name);
    else if (n > child->max)
        rh_complain(r, RH_ERROR, "structure", at,
                    "%.*s: at most %u may be there, but there are %zu (%.*s)",
                    RH_TEXT_ARG(child->path), child->max, n, RH_TEXT_ARG(rule->profile->url));
    else
        rh_complain(r, RH_ERROR, "required", at,
                    "%.*s: at least %u must be there, but there are %zu (%.*s)",
                    RH_TEXT_ARG(child->path), child->min, n, RH_TEXT_ARG(rule->profile->url));
}

/* In the pass of the base: nothing is sliced. */
static void check_counts(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                         const struct rh_type *type, const struct object *o)
{
    if (rule->required & ~o->seen)
        missing(r, at, rule, type, rule->required & ~o->seen);
    for (uint64_t left = o->seen; left; left &= left - 1)
        check_count(r, at, rule, &o->slots[__builtin_ctzll(left)]);
}

/* --- shape of one element -------------------------------------------------------------------- */

static bool has_content(yyjson_val *shadow)
{
    return yyjson_is_obj(shadow) && yyjson_obj_get(shadow, "extension");
}

/* The underscore sibling, as far as it stands by itself. */
static void check_shadow(struct rh_run *r, const struct rh_place *at, const struct slot *s)
{
    if (s->e->type->kind != RH_KIND_PRIMITIVE)
        rh_complain_shape(r, "structure", at,
                          "only primitive elements have an underscore sibling; \"%s\" takes its "
                          "extensions inside",
                          s->e->name);
    else if (s->e->many && !yyjson_is_arr(s->shadow))
        rh_complain_shape(r, "structure", at, "\"_%s\" must be an array", s->e->name);
    else if (!s->e->many && !yyjson_is_obj(s->shadow))
        rh_complain_shape(r, "structure", at, "\"_%s\" must be an object, but this is %s",
                          s->e->name, rh_json_kind(s->shadow));
    else if (s->e->many && yyjson_is_arr(s->value) &&
             yyjson_arr_size(s->value) != yyjson_arr_size(s->shadow))
        rh_complain_shape(r, "structure", at,
                          "\"%s\" has %zu places and \"_%s\" has %zu; they must be the same, with "
                          "null where there is nothing",
                          s->e->name, yyjson_arr_size(s->value), s->e->name,
                          yyjson_arr_size(s->shadow));
}

/* False: there is nothing to go on with. */
static bool check_shape(struct rh_run *r, const struct rh_place *up, const struct slot *s)
{
    struct rh_place at = rh_below(up, s->e->base, strlen(s->e->base), -1);
    if (s->e->choice)
        at.choice = s->e->type;
    if (s->shadow)
        check_shadow(r, &at, s);
    if (!s->value)
        return s->e->type->kind == RH_KIND_PRIMITIVE;
    if (s->e->many && !yyjson_is_arr(s->value)) {
        rh_complain_shape(r, "structure", &at,
                          "\"%s\" may have several values, so it must be an array, but this is %s; "
                          "put it between [ and ]",
                          s->e->name, rh_json_kind(s->value));
        return !yyjson_is_null(s->value);
    }
    if (!s->e->many && yyjson_is_arr(s->value)) {
        rh_complain_shape(r, "structure", &at,
                          "\"%s\" has one value at most, so it must not be an array", s->e->name);
        return false;
    }
    if (s->e->many && yyjson_arr_size(s->value) == 0) {
        rh_complain_shape(r, "structure", &at,
                          "the array is empty; leave the element out when it has no values");
        return false;
    }
    if (yyjson_is_null(s->value)) {
        rh_complain_shape(r, "structure", &at, "null is no value; leave the element out");
        return false;
    }
    return true;
}

/* One value's own shape: an object where one belongs. Primitives are looked at in
 * primitive_rules.c. */
static bool check_value_shape(struct rh_run *r, const struct rh_place *at)
{
    if (at->type->kind == RH_KIND_PRIMITIVE) {
        if (at->value || has_content(at->extra))
            return true;
        rh_complain_shape(r, "structure", at, "there is neither a value nor an extension");
        return at->extra != NULL;
    }
    if (!yyjson_is_obj(at->value)) {
        rh_complain_shape(r, "structure", at, "a JSON object (%s) is wanted here, but this is %s",
                          at->type->name, at->value ? rh_json_kind(at->value) : "null");
        return false;
    }
    if (yyjson_obj_size(at->value) == 0) {
        rh_complain_shape(r, "structure", at,
                          "the object is empty; leave the element out when it has no value");
        return false;
    }
    if (yyjson_obj_size(at->value) == 1 && at->type->kind != RH_KIND_RESOURCE &&
        at->type->kind != RH_KIND_ABSTRACT && yyjson_obj_get(at->value, "id"))
        rh_complain(r, RH_ERROR, "invariant", at,
                    "there is nothing but an id: an element has a value or further parts (ele-1)");
    return true;
}

/* --- the values of one element -------------------------------------------------------------------
 */

static void check_resource_value(struct rh_run *r, const struct rh_place *at)
{
    bool contained = at->name_len == 9 && memcmp(at->name, "contained", 9) == 0;
    rh_validate_resource(r, at, at->value, contained ? NULL : at->up->value, contained);
}

/* A profile's rule for a resource inside another one. */
static void check_inner(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    bool contained = at->name_len == 9 && memcmp(at->name, "contained", 9) == 0;
    struct rh_scope scope = {.up = r->scope,
                             .resource = at->value,
                             .type = at->type,
                             .entry = contained ? NULL : at->up->value,
                             .contained = contained,
                             .full_url = contained ? (struct rh_text){NULL, 0}
                                                   : rh_json_get(at->up->value, "fullUrl")};
    r->scope = &scope;
    rh_check_value(r, at, rule);
    r->scope = scope.up;
}

static void check_one(struct rh_run *r, struct rh_place *at, const struct rh_rule *child,
                      const struct slot *s)
{
    if (rh_run_stop(r))
        return;
    if (at->depth > RH_VALIDATE_DEPTH_MAX) {
        r->rc = RH_TIMEOUT;
        return;
    }
    at->type = s->e->type;
    if (at->value && yyjson_is_null(at->value))
        at->value = NULL;
    if (at->extra && yyjson_is_null(at->extra))
        at->extra = NULL;
    if (r->base && !check_value_shape(r, at))
        return;
    if (!at->value && !at->extra)
        return;
    if (s->e->type->kind == RH_KIND_ABSTRACT) {
        at->type = rh_type_of_resource(at->value);
        if (r->base)
            check_resource_value(r, at);
        else if (at->type && child)
            check_inner(r, at, child);
    } else if (child) {
        rh_check_value(r, at, child);
    }
}

/* The values of a slot as places. `items` has room for count_of(s). */
static size_t places(const struct rh_place *up, const struct slot *s, struct rh_place *items)
{
    struct rh_place at = rh_below(up, s->e->base, strlen(s->e->base), -1);
    at.type = s->e->type;
    if (s->e->choice)
        at.choice = s->e->type;
    yyjson_val *several = yyjson_is_arr(s->value) ? s->value : s->shadow;
    if (!yyjson_is_arr(several)) {
        at.value = s->value;
        at.extra = s->shadow;
        items[0] = at;
        return 1;
    }
    size_t n = yyjson_arr_size(several);
    for (size_t i = 0; i < n; i++) {
        at.index = (long)i;
        at.value = yyjson_is_arr(s->value) ? yyjson_arr_get(s->value, i) : NULL;
        at.extra = yyjson_is_arr(s->shadow) ? yyjson_arr_get(s->shadow, i) : NULL;
        if (at.value && s->e->type->kind == RH_KIND_ABSTRACT)
            at.type = rh_type_of_resource(at.value);
        items[i] = at;
    }
    return n;
}

static void check_slot(struct rh_run *r, const struct rh_place *up, const struct rh_rule *child,
                       const struct slot *s)
{
    if (r->base && !check_shape(r, up, s))
        return;
    struct rh_place at = rh_below(up, s->e->base, strlen(s->e->base), -1);
    if (s->e->choice)
        at.choice = s->e->type;
    yyjson_val *several = yyjson_is_arr(s->value) ? s->value : s->shadow;
    if (!yyjson_is_arr(several)) {
        at.value = s->value;
        at.extra = s->shadow;
        check_one(r, &at, child, s);
        return;
    }
    size_t n = yyjson_arr_size(several);
    yyjson_val *v = yyjson_is_arr(s->value) ? yyjson_arr_get_first(s->value) : NULL;
    yyjson_val *x = yyjson_is_arr(s->shadow) ? yyjson_arr_get_first(s->shadow) : NULL;
    size_t values = v ? yyjson_arr_size(s->value) : 0, extras = x ? yyjson_arr_size(s->shadow) : 0;
    for (size_t i = 0; i < n; i++) {
        at.index = (long)i;
        at.value = i < values ? v : NULL;
        at.extra = i < extras ? x : NULL;
        check_one(r, &at, child, s);
        v = i + 1 < values ? unsafe_yyjson_get_next(v) : NULL;
        x = i + 1 < extras ? unsafe_yyjson_get_next(x) : NULL;
    }
}

/* In a profile: first which item is which slice, then how many there are, then what is in them. */
static void check_sliced(struct rh_run *r, const struct rh_place *at, const struct rh_rule *from,
                         const struct rh_type *type, const struct object *o)
{
    struct rh_sliced *sliced[ORDERS_MAX] = {NULL};
    for (unsigned i = 0; i < from->n_children && !rh_run_stop(r); i++) {
        const struct rh_rule *child = from->children[i];
        if (!child || !child->n_slices)
            continue;
        const struct slot *s = o->seen & UINT64_C(1) << i ? &o->slots[i] : NULL;
        size_t n = s ? count_of(s) : 0;
        struct rh_place *items = rh_arena_alloc(r->c->arena, (n + 1) * sizeof *items);
        if (!items) {
            r->rc = RH_NOMEM;
            return;
        }
        sliced[i] = rh_slices_assign(r, child, items, s ? places(at, s, items) : 0);
    }
    uint64_t absent = from->required & ~o->seen;
    for (unsigned i = 0; i < from->n_children && !rh_run_stop(r); i++) {
        if (absent & UINT64_C(1) << i)
            missing(r, at, from, type, UINT64_C(1) << i);
        if (o->seen & UINT64_C(1) << i)
            check_count(r, at, from, &o->slots[i]);
        if (sliced[i])
            rh_slices_count(r, at, sliced[i]);
    }
    for (unsigned i = 0; i < from->n_children && !rh_run_stop(r); i++) {
        if (o->seen & UINT64_C(1) << i && from->children[i] && from->children[i]->deep)
            check_slot(r, at, from->children[i], &o->slots[i]);
        if (sliced[i])
            rh_slices_check(r, sliced[i]);
    }
}

void rh_check_object(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                     const struct rh_type *type)
{
    struct object o;
    const struct rh_rule *from = rule->content ? rule->content : rule;
    read_object(r, at, type, &o);
    if (!r->base) {
        if (from->children)
            check_sliced(r, at, from, type, &o);
        return;
    }
    if (from->children)
        check_counts(r, at, from, type, &o);
    if ((o.seen & 1) && type->kind != RH_KIND_RESOURCE && strcmp(o.slots[0].e->name, "id") == 0)
        rh_note_id(r, at, o.slots[0].value);
    for (uint64_t left = o.seen; left; left &= left - 1) {
        const struct slot *s = &o.slots[__builtin_ctzll(left)];
        if (rh_run_stop(r))
            return;
        check_slot(r, at, from->children ? from->children[s->e->order] : NULL, s);
    }
}

/* --- one value
 * ------------------------------------------------------------------------------------
 */

/* Narrowed types of a choice, and of a resource inside another. */
static bool type_allowed(const struct rh_rule *rule, const struct rh_type *type)
{
    if (rule->n_types == 0 || !type)
        return true;
    for (unsigned i = 0; i < rule->n_types; i++) {
        const struct rh_type *t = rule->types[i].type;
        if (!t || t == type || t->kind == RH_KIND_ABSTRACT || t->kind == RH_KIND_BACKBONE)
            return true;
        if (type->kind == RH_KIND_PRIMITIVE || type->kind == RH_KIND_BACKBONE)
            continue;
        /* Age, Count and the others are Quantities with rules of their own. */
        if (strcmp(t->name, "Quantity") == 0 && rh_element_find(type, RH_TEXT("comparator")))
            return true;
    }
    return false;
}

/* The profiles that the rule gives to the type: one of them must fit. */
static void check_type_profiles(struct rh_run *r, const struct rh_place *at,
                                const struct rh_rule *rule)
{
    for (unsigned i = 0; i < rule->n_types; i++) {
        const struct rh_type_ref *t = &rule->types[i];
        if (t->n_profiles == 0 ||
            (t->type != at->type && t->type && t->type->kind != RH_KIND_ABSTRACT))
            continue;
        const struct rh_profile *only = NULL;
        unsigned known = 0;
        bool fits = false;
        for (unsigned k = 0; k < t->n_profiles && !fits; k++) {
            const struct rh_profile *p = rh_profile_get(r, t->profiles[k]);
            if (!p) {
                rh_complain(r, RH_WARNING, "not-found", at, "the profile \"%.*s\" is not loaded",
                            RH_TEXT_ARG(rh_shown(t->profiles[k])));
                fits = true; /* nobody can say */
            } else if (t->n_profiles == 1) {
                only = p;
            } else {
                known++;
                fits = rh_conforms(r, at, p, at->value, at->type);
            }
        }
        if (only && at->value) {
            if (at->type->kind == RH_KIND_RESOURCE &&
                !rh_conforms(r, at, only, at->value, at->type))
                rh_check_value(r, at, only->root);
            else if (at->type->kind != RH_KIND_RESOURCE)
                rh_check_value(r, at, only->root);
        } else if (known && !fits) {
            rh_complain(r, RH_ERROR, "structure", at,
                        "this conforms to none of the profiles that %.*s allows here",
                        RH_TEXT_ARG(rule->profile->url));
        }
    }
}

static void check_complex(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    const struct rh_profile *p = NULL;
    bool inline_children = rule->children || rule->content;
    if (r->base)
        rh_check_special_type(r, at, rule);
    if (rule->strength != RH_BIND_NONE)
        rh_check_binding(r, at, rule);
    if (strcmp(at->type->name, "Reference") == 0)
        rh_check_reference(r, at, rule);
    if (rule->fixed || rule->pattern)
        rh_check_fixed(r, at, rule);
    if (inline_children)
        rh_check_object(r, at, rule, at->type);
    if (r->base && !inline_children && (p = rh_rule_type_profile(r, rule, at->type)) &&
        p->root != rule) {
        rh_check_object(r, at, p->root, at->type);
        if (p->root->n_constraints)
            rh_check_constraints(r, at, p->root);
    }
}

void rh_check_value(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    if (rh_run_stop(r))
        return;
    if ((rule->choice || at->type->kind == RH_KIND_RESOURCE) && !type_allowed(rule, at->type)) {
        rh_complain(r, RH_ERROR, "structure", at, "%s is not a type that %.*s allows for %.*s",
                    at->type->name, RH_TEXT_ARG(rule->profile->url), RH_TEXT_ARG(rule->path));
        return;
    }
    if (at->type->kind == RH_KIND_PRIMITIVE) {
        rh_check_primitive(r, at, rule);
        if (rule->strength != RH_BIND_NONE)
            rh_check_binding(r, at, rule);
        if (rule->fixed || rule->pattern)
            rh_check_fixed(r, at, rule);
        if (at->extra && yyjson_is_obj(at->extra)) {
            struct rh_place inner = *at;
            inner.value = at->extra;
            const struct rh_type *element = rh_type_find(RH_TEXT("Element"));
            const struct rh_profile *p = r->base ? rh_profile_of_type(r, element) : NULL;
            if (p)
                rh_check_object(r, &inner, p->root, element);
            else if (rule->children)
                rh_check_object(r, &inner, rule, element);
        }
    } else if (yyjson_is_obj(at->value)) {
        check_complex(r, at, rule);
    }
    if (rule->n_constraints)
        rh_check_constraints(r, at, rule);
    if (rule->content && rule->content->n_constraints) /* an item inside an item: the same rules */
        rh_check_constraints(r, at, rule->content);
    bool base = r->base;
    r->base = false; /* FHIR's own definitions ask for SimpleQuantity and the like */
    check_type_profiles(r, at, rule);
    r->base = base;
}

void rh_check_place(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    if (at->type && at->type->kind == RH_KIND_RESOURCE && at->up)
        check_inner(r, at, rule);
    else if (at->type)
        rh_check_value(r, at, rule);
}
