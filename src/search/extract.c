/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans: made on first use, by whichever thread needs one; the first to put its own into the cell
 * wins, another one made meanwhile is dropped. No locks.
 */
#include "search/extract_int.h"

enum { PLAN_BYTES_MAX = 32 << 20 };

/* R4's own plans. Made once and kept, like a table that is too large to be written out. */
static _Atomic(struct rh_plan *) builtin[RH_RESOURCE_TYPES + 1];

/* --- expressions -------------------------------------------------------------------------------
 */

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static bool at_word(struct rh_text t, size_t at, const char *word)
{
    size_t n = strlen(word);
    return t.len - at >= n && memcmp(t.data + at, word, n) == 0;
}

/* " as T" and ".as(T)" become ".ofType(T)", which takes many items; not inside quotes. */
static struct rh_text with_of_type(struct rh_arena *a, struct rh_text t)
{
    struct rh_buf b = rh_buf(a);
    char quote = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (quote) {
            if (c == '\\' && i + 1 < t.len)
                rh_buf_char(&b, t.data[i++]);
            else if (c == quote)
                quote = 0;
            rh_buf_char(&b, t.data[i]);
            continue;
        }
        if (c == '\'' || c == '`' || c == '"')
            quote = c;
        if (at_word(t, i, ".as(")) {
            rh_buf_str(&b, ".ofType(");
            i += 3;
        } else if (at_word(t, i, " as ")) {
            rh_buf_str(&b, ".ofType(");
            for (i += 4; i < t.len && t.data[i] == ' '; i++)
                continue;
            for (; i < t.len && name_char(t.data[i]); i++)
                rh_buf_char(&b, t.data[i]);
            rh_buf_char(&b, ')');
            i--;
        } else {
            rh_buf_char(&b, c);
        }
    }
    return b.rc ? (struct rh_text){NULL, 0} : rh_buf_get(&b);
}

enum rh_rc rh_extract_compile(struct rh_ctx *ctx, struct rh_arena *a, struct rh_text expression,
                              struct rh_fp **ret)
{
    struct rh_text text = with_of_type(a, expression);
    if (!text.data)
        return expression.len ? RH_NOMEM : RH_SYNTAX;
    return rh_fp_compile(ctx, a, text, ret);
}

/* --- plans -------------------------------------------------------------------------------------
 */

static enum rh_rc compile_components(struct rh_ctx *c, struct rh_plan *plan, struct rh_slot *slot,
                                     const struct rh_type *base)
{
    const struct rh_parameter *p = slot->parameter;
    unsigned n = p->n_components;
    if (n < 2 || n > RH_COMPONENTS_MAX || !p->component_texts) {
        slot->failed = true;
        return RH_OK;
    }
    slot->components = rh_arena_zero(plan->arena, n * sizeof *slot->components);
    if (!slot->components)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        struct rh_component *k = &slot->components[i];
        struct rh_action action = {.slot = (uint16_t)(slot - plan->slots),
                                   .component = (uint16_t)(i + 1)};
        enum rh_rc rc = RH_OK;
        k->place = rh_place_open(plan->arena, base);
        k->resource = rh_place_open(plan->arena, plan->type);
        if (!k->place || !k->resource)
            return RH_NOMEM;
        if (rh_extract_compile(c, plan->arena, rh_text(p->component_texts[i]), &k->expression)) {
            slot->failed = true;
            return RH_OK;
        }
        if (plan->paths &&
            rh_extract_paths(plan->arena, k->expression, k->place, k->resource, action, &rc))
            k->expression = NULL;
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* The type of the element that a composite stands at. */
static const struct rh_type *type_of_action(const struct rh_place *p, unsigned slot, unsigned depth)
{
    if (depth > RH_JSON_DEPTH_MAX)
        return NULL;
    for (unsigned i = 0; i < p->n_actions; i++)
        if (p->actions[i].slot == slot)
            return p->type;
    const struct rh_type *t = NULL;
    for (unsigned i = 0; p->children && i < p->type->count && !t; i++)
        if (p->children[i])
            t = type_of_action(p->children[i], slot, depth + 1);
    for (const struct rh_place *g = p->guarded; g && !t; g = g->next)
        t = type_of_action(g, slot, depth + 1);
    return t;
}

static enum rh_rc compile_slot(struct rh_ctx *c, struct rh_plan *plan, struct rh_slot *slot)
{
    const struct rh_parameter *p = slot->parameter;
    enum rh_rc rc = RH_OK;
    if (p->n_parts > 0 || p->joined || p->expression[0] == 0)
        return RH_OK;
    struct rh_action action = {.slot = (uint16_t)(slot - plan->slots)};
    if (rh_extract_compile(c, plan->arena, rh_text(p->expression), &slot->expression)) {
        slot->failed = true;
        slot->expression = NULL;
        return RH_OK;
    }
    if (plan->paths &&
        rh_extract_paths(plan->arena, slot->expression, plan->root, NULL, action, &rc))
        slot->expression = NULL;
    else
        plan->n_expressions++;
    if (rc || p->kind != RH_SP_COMPOSITE)
        return rc;
    const struct rh_type *base =
        slot->expression ? NULL : type_of_action(plan->root, action.slot, 0);
    return compile_components(c, plan, slot, base ? base : plan->type);
}

static unsigned slot_of(const struct rh_plan *plan, const struct rh_parameter *p)
{
    for (unsigned i = 0; i < plan->n_slots; i++)
        if (plan->slots[i].parameter == p)
            return i;
    return plan->n_slots;
}

static enum rh_rc link_sources(struct rh_plan *plan, struct rh_slot *slot)
{
    const struct rh_parameter *p = slot->parameter;
    const struct rh_parameter *const *list = p->joined ? p->components : p->parts;
    unsigned n = p->joined ? p->n_components : p->n_parts;
    slot->sources = rh_arena_alloc(plan->arena, (n + 1) * sizeof slot->sources[0]);
    if (!slot->sources)
        return RH_NOMEM;
    for (unsigned i = 0; i < n && !p->part_target; i++) {
        unsigned source = slot_of(plan, list[i]);
        if (source < plan->n_slots)
            slot->sources[slot->n_sources++] = (uint16_t)source;
    }
    return RH_OK;
}

/* A view of references to one type is told when such a reference is found. */
static enum rh_rc link_views(struct rh_plan *plan)
{
    for (unsigned i = 0; i < plan->n_slots; i++) {
        const struct rh_parameter *view = plan->slots[i].parameter;
        enum rh_rc rc = link_sources(plan, &plan->slots[i]);
        if (rc)
            return rc;
        for (unsigned k = 0; view->part_target && k < view->n_parts; k++) {
            unsigned part = slot_of(plan, view->parts[k]);
            if (part == plan->n_slots)
                continue;
            struct rh_slot *s = &plan->slots[part];
            uint16_t *views =
                rh_arena_alloc(plan->arena, 2 * (s->n_views + 1) * sizeof s->views[0]);
            if (!views)
                return RH_NOMEM;
            if (s->n_views)
                memcpy(views, s->views, 2 * s->n_views * sizeof s->views[0]);
            views[2 * s->n_views] = (uint16_t)i;
            views[2 * s->n_views + 1] = view->part_target;
            s->views = views;
            s->n_views++;
        }
    }
    return RH_OK;
}

/* Those that are found by name, then those that others need. */
static unsigned gather(const struct rh_parameters *set, unsigned type,
                       const struct rh_parameter *rows[RH_PLAN_PARAMETERS_MAX])
{
    unsigned n = rh_parameters_of(set, type, rows, RH_PLAN_PARAMETERS_MAX);
    n = n > RH_PLAN_PARAMETERS_MAX ? RH_PLAN_PARAMETERS_MAX : n;
    for (unsigned pass = 0; set && pass < 2; pass++)
        for (unsigned i = 0, t = pass ? type : 0; i < set->n_replaced[t]; i++)
            if (n < RH_PLAN_PARAMETERS_MAX)
                rows[n++] = set->replaced[t][i];
    return n;
}

/* Which slots have an action at a place or below it. The tree is as deep as its expressions. */
static uint64_t mark_slots(struct rh_place *p)
{
    p->slots = 0;
    for (unsigned i = 0; i < p->n_actions; i++)
        p->slots |= UINT64_C(1) << p->actions[i].slot % 64;
    for (unsigned i = 0; p->children && i < p->type->count; i++)
        if (p->children[i])
            p->slots |= mark_slots(p->children[i]);
    for (struct rh_place *g = p->guarded; g; g = g->next)
        p->slots |= mark_slots(g);
    return p->slots;
}

static enum rh_rc make(struct rh_ctx *ctx, const struct rh_type *type, struct rh_plan *plan)
{
    const struct rh_parameter *rows[RH_PLAN_PARAMETERS_MAX];
    const struct rh_parameter *main_date = rh_parameter_main_date(type->resource);
    /* Issues were told when the parameter was added; here it only has no values. */
    struct rh_issues issues;
    struct rh_ctx c = *ctx;
    rh_issues_init(&issues, plan->arena);
    c.arena = plan->arena;
    c.issues = &issues;
    plan->type = type;
    plan->n_slots = gather(ctx->parameters, type->resource, rows);
    plan->root = rh_place_open(plan->arena, type);
    plan->slots = rh_arena_zero(plan->arena, (plan->n_slots + 1) * sizeof *plan->slots);
    plan->main_slot = UINT16_MAX;
    if (!plan->root || !plan->slots)
        return RH_NOMEM;
    for (unsigned i = 0; i < plan->n_slots; i++)
        plan->slots[i].parameter = rows[i];
    for (unsigned i = 0; i < plan->n_slots; i++) {
        enum rh_rc rc = compile_slot(&c, plan, &plan->slots[i]);
        if (rc)
            return rc;
        if (main_date && rows[i]->number == main_date->number)
            plan->main_slot = (uint16_t)i;
    }
    mark_slots(plan->root);
    return link_views(plan);
}

enum rh_rc rh_plan_open(struct rh_ctx *ctx, const struct rh_type *type, bool paths,
                        struct rh_plan **ret)
{
    struct rh_arena *a = rh_arena_open(PLAN_BYTES_MAX);
    struct rh_plan *plan = rh_arena_zero(a, sizeof *plan);
    enum rh_rc rc = RH_NOMEM;
    if (plan) {
        plan->arena = a;
        plan->paths = paths;
        rc = make(ctx, type, plan);
    }
    if (rc) {
        rh_arena_close(a);
        return rc;
    }
    *ret = plan;
    return RH_OK;
}

enum rh_rc rh_plan_of(struct rh_ctx *ctx, const struct rh_type *type, const struct rh_plan **ret)
{
    /* A set never changes but for these cells. */
    struct rh_parameters *set = (struct rh_parameters *)(uintptr_t)ctx->parameters;
    _Atomic(struct rh_plan *) *cell = (set ? set->plans : builtin) + type->resource;
    struct rh_plan *plan = atomic_load_explicit(cell, memory_order_acquire), *none = NULL;
    if (plan) {
        *ret = plan;
        return RH_OK;
    }
    enum rh_rc rc = rh_plan_open(ctx, type, true, &plan);
    if (rc)
        return rc;
    if (!atomic_compare_exchange_strong_explicit(cell, &none, plan, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        rh_arena_close(plan->arena);
        plan = none;
    }
    *ret = plan;
    return RH_OK;
}
