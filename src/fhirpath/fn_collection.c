/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions over a collection as a whole: FHIRPath 2.0, 5.1 to 5.4 and 5.8.
 */
#include "fhirpath/functions_int.h"

#define FUNCTION(name)                                                  \
    enum rh_rc name(struct rh_fp_run *r, const struct rh_fp_node *call, \
                    const struct rh_fp_list *in, struct rh_fp_list *ret)

FUNCTION(rh_fp_empty)
{
    (void)call;
    return rh_fp_push_boolean(r, ret, in->count == 0);
}

FUNCTION(rh_fp_count)
{
    (void)call;
    return rh_fp_push_integer(r, ret, (int64_t)in->count);
}

/* --- allTrue and its like --------------------------------------------------------------------- */
/* Is there an item of this value? */
static enum rh_rc any(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, bool value, bool *ret)
{
    *ret = false;
    for (size_t i = 0; i < in->count; i++) {
        struct rh_fp_item v;
        enum rh_rc rc = rh_fp_system(r, &in->items[i], &v);
        if (rc)
            return rc;
        if (v.kind != RH_FP_BOOLEAN)
            return rh_fp_error(r, call, RH_VALUE, "%s() needs booleans; item %zu is none",
                               call->function->name, i);
        *ret = *ret || v.boolean == value;
    }
    return RH_OK;
}

FUNCTION(rh_fp_all_true)
{
    bool found;
    enum rh_rc rc = any(r, call, in, false, &found);
    return rc ? rc : rh_fp_push_boolean(r, ret, !found);
}

FUNCTION(rh_fp_any_true)
{
    bool found;
    enum rh_rc rc = any(r, call, in, true, &found);
    return rc ? rc : rh_fp_push_boolean(r, ret, found);
}

FUNCTION(rh_fp_all_false)
{
    bool found;
    enum rh_rc rc = any(r, call, in, true, &found);
    return rc ? rc : rh_fp_push_boolean(r, ret, !found);
}

FUNCTION(rh_fp_any_false)
{
    bool found;
    enum rh_rc rc = any(r, call, in, false, &found);
    return rc ? rc : rh_fp_push_boolean(r, ret, found);
}

/* --- parts ------------------------------------------------------------------------------------ */
static enum rh_rc slice(struct rh_fp_run *r, const struct rh_fp_list *in, size_t from, size_t to,
                        struct rh_fp_list *ret)
{
    if (from >= in->count)
        return RH_OK;
    to = to < in->count ? to : in->count;
    struct rh_fp_list part = {in->items + from, to > from ? to - from : 0, 0};
    return rh_fp_push_all(r, ret, &part);
}

FUNCTION(rh_fp_single_fn)
{
    if (in->count > 1)
        return rh_fp_error(r, call, RH_VALUE, "single() found %zu items", in->count);
    return slice(r, in, 0, 1, ret);
}

FUNCTION(rh_fp_first)
{
    (void)call;
    return slice(r, in, 0, 1, ret);
}

FUNCTION(rh_fp_last)
{
    (void)call;
    return in->count ? slice(r, in, in->count - 1, in->count, ret) : RH_OK;
}

FUNCTION(rh_fp_tail)
{
    (void)call;
    return slice(r, in, 1, in->count, ret);
}

/* An empty number gives an empty collection. */
static enum rh_rc skip_or_take(struct rh_fp_run *r, const struct rh_fp_node *call,
                               const struct rh_fp_list *in, bool skip, struct rh_fp_list *ret)
{
    int64_t n;
    bool empty;
    enum rh_rc rc = rh_fp_arg_integer(r, call, 0, &n, &empty);
    if (rc || empty)
        return rc;
    size_t at = n < 0 ? 0 : (uint64_t)n > in->count ? in->count : (size_t)n;
    return skip ? slice(r, in, at, in->count, ret) : slice(r, in, 0, at, ret);
}

FUNCTION(rh_fp_skip)
{
    return skip_or_take(r, call, in, true, ret);
}

FUNCTION(rh_fp_take)
{
    return skip_or_take(r, call, in, false, ret);
}

/* --- sets ------------------------------------------------------------------------------------- */
static enum rh_rc push_new(struct rh_fp_set *s, const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    for (size_t i = 0; i < in->count; i++) {
        bool added;
        enum rh_rc rc = rh_fp_set_add(s, &in->items[i], &added);
        if (!rc && added)
            rc = rh_fp_push(s->run, ret, in->items[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_fp_unite(struct rh_fp_run *r, const struct rh_fp_list *a, const struct rh_fp_list *b,
                       struct rh_fp_list *ret)
{
    struct rh_fp_set s = rh_fp_set(r);
    enum rh_rc rc = push_new(&s, a, ret);
    return rc ? rc : push_new(&s, b, ret);
}

FUNCTION(rh_fp_distinct)
{
    (void)call;
    struct rh_fp_set s = rh_fp_set(r);
    return push_new(&s, in, ret);
}

FUNCTION(rh_fp_is_distinct)
{
    (void)call;
    struct rh_fp_set s = rh_fp_set(r);
    bool added = true;
    for (size_t i = 0; i < in->count && added; i++) {
        enum rh_rc rc = rh_fp_set_add(&s, &in->items[i], &added);
        if (rc)
            return rc;
    }
    return rh_fp_push_boolean(r, ret, added);
}

FUNCTION(rh_fp_union)
{
    struct rh_fp_list other = {NULL, 0, 0};
    enum rh_rc rc = rh_fp_arg(r, call, 0, &other);
    return rc ? rc : rh_fp_unite(r, in, &other, ret);
}

FUNCTION(rh_fp_combine)
{
    struct rh_fp_list other = {NULL, 0, 0};
    enum rh_rc rc = rh_fp_arg(r, call, 0, &other);
    if (!rc)
        rc = rh_fp_push_all(r, ret, in);
    return rc ? rc : rh_fp_push_all(r, ret, &other);
}

/* The argument as a set. */
static enum rh_rc argument_set(struct rh_fp_run *r, const struct rh_fp_node *call,
                               struct rh_fp_set *ret)
{
    struct rh_fp_list other = {NULL, 0, 0};
    *ret = rh_fp_set(r);
    enum rh_rc rc = rh_fp_arg(r, call, 0, &other);
    return rc ? rc : rh_fp_set_add_all(ret, &other);
}

static enum rh_rc filter_by(struct rh_fp_set *s, const struct rh_fp_list *in, bool wanted,
                            struct rh_fp_list *ret)
{
    for (size_t i = 0; i < in->count; i++) {
        bool has;
        enum rh_rc rc = rh_fp_set_has(s, &in->items[i], &has);
        if (!rc && has == wanted)
            rc = rh_fp_push(s->run, ret, in->items[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_intersect)
{
    struct rh_fp_set other, s = rh_fp_set(r);
    struct rh_fp_list common = {NULL, 0, 0};
    enum rh_rc rc = argument_set(r, call, &other);
    if (!rc)
        rc = filter_by(&other, in, true, &common);
    return rc ? rc : push_new(&s, &common, ret);
}

FUNCTION(rh_fp_exclude)
{
    struct rh_fp_set other;
    enum rh_rc rc = argument_set(r, call, &other);
    return rc ? rc : filter_by(&other, in, false, ret);
}

/* Is every item of `part` in the set? */
static enum rh_rc within(struct rh_fp_set *s, const struct rh_fp_list *part, struct rh_fp_list *ret)
{
    bool has = true;
    for (size_t i = 0; i < part->count && has; i++) {
        enum rh_rc rc = rh_fp_set_has(s, &part->items[i], &has);
        if (rc)
            return rc;
    }
    return rh_fp_push_boolean(s->run, ret, has);
}

FUNCTION(rh_fp_subset_of)
{
    struct rh_fp_set other;
    enum rh_rc rc = argument_set(r, call, &other);
    return rc ? rc : within(&other, in, ret);
}

FUNCTION(rh_fp_superset_of)
{
    struct rh_fp_list other = {NULL, 0, 0};
    struct rh_fp_set own = rh_fp_set(r);
    enum rh_rc rc = rh_fp_arg(r, call, 0, &other);
    if (!rc)
        rc = rh_fp_set_add_all(&own, in);
    return rc ? rc : within(&own, &other, ret);
}

/* --- the tree --------------------------------------------------------------------------------- */
FUNCTION(rh_fp_children_fn)
{
    (void)call;
    for (size_t i = 0; i < in->count; i++) {
        enum rh_rc rc = rh_fp_all_children(r, &in->items[i], ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Level by level, as repeat(children()) has it. */
FUNCTION(rh_fp_descendants)
{
    enum rh_rc rc = rh_fp_children_fn(r, call, in, ret);
    for (size_t i = 0; i < ret->count && !rc; i++) {
        struct rh_fp_item now = ret->items[i]; /* the list may move */
        rc = rh_fp_all_children(r, &now, ret);
    }
    return rc;
}

/* --- types ------------------------------------------------------------------------------------ */
static enum rh_rc one_of_type(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in)
{
    if (in->count > 1)
        return rh_fp_error(r, call, RH_VALUE,
                           "%s() needs one item, its input has %zu; ofType() takes many",
                           call->function->name, in->count);
    return RH_OK;
}

FUNCTION(rh_fp_is_fn)
{
    enum rh_rc rc = one_of_type(r, call, in);
    if (rc || in->count == 0)
        return rc;
    return rh_fp_push_boolean(r, ret, rh_fp_is_type(&in->items[0], &call->type, false));
}

FUNCTION(rh_fp_of_type)
{
    for (size_t i = 0; i < in->count; i++) {
        if (!rh_fp_is_type(&in->items[i], &call->type, true))
            continue;
        enum rh_rc rc = rh_fp_push(r, ret, in->items[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_as_fn)
{
    enum rh_rc rc = one_of_type(r, call, in);
    return rc ? rc : rh_fp_of_type(r, call, in, ret);
}

FUNCTION(rh_fp_type_fn)
{
    (void)call;
    for (size_t i = 0; i < in->count; i++) {
        struct rh_fp_typename n = rh_fp_typename_of(&in->items[i]);
        struct rh_fp_item t = {.kind = RH_FP_TYPE,
                               .name = rh_arena_copy(r->c->arena, &n, sizeof n)};
        enum rh_rc rc = t.name ? rh_fp_push(r, ret, t) : RH_NOMEM;
        if (rc)
            return rc;
    }
    return RH_OK;
}
