/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One walk over a resource: what a plan looks for becomes keys, what can be read becomes texts.
 * Recursion is bounded by RH_JSON_DEPTH_MAX.
 */
#include "search/collect_int.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "fhir/compartment.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"

#include <stdlib.h>

/* STEPS: of one expression on one resource. */
enum {
    STEPS = 500000,
    ROWS_MAX = 4 * RH_KEYS_MAX,
    SMALL = 32,
    FIRST_ROWS = 64,
    SLAB = 4096,
    NO_SLOT = UINT16_MAX
};

/* --- rows --------------------------------------------------------------------------------------
 */

char *rh_maker_room(struct rh_maker *m, size_t n)
{
    if (n > m->slab_left) {
        size_t size = n > SLAB / 4 ? n : SLAB;
        char *p = rh_arena_alloc(m->ctx->arena, size);
        if (!p || size == n)
            return p;
        m->slab = p;
        m->slab_left = SLAB;
    }
    char *p = m->slab;
    m->slab += n;
    m->slab_left -= n;
    return p;
}

static int compare(const void *a, const void *b)
{
    const struct rh_search_key *x = a, *y = b;
    uint64_t p = (uint64_t)x->shared << 32 | (uint32_t)x->type << 16 | x->number,
             q = (uint64_t)y->shared << 32 | (uint32_t)y->type << 16 | y->number;
    if (p != q)
        return p < q ? -1 : 1;
    return rh_text_cmp(x->bytes, y->bytes);
}

static void sort(struct rh_search_key *rows, size_t n)
{
    if (n > SMALL) {
        qsort(rows, n, sizeof *rows, compare);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct rh_search_key row = rows[i];
        size_t k = i;
        for (; k > 0 && compare(&rows[k - 1], &row) > 0; k--)
            rows[k] = rows[k - 1];
        rows[k] = row;
    }
}

/* Sorts and leaves out repeats. */
static void tidy(struct rh_maker *m)
{
    size_t kept = 0;
    sort(m->rows, m->n);
    for (size_t i = 0; i < m->n; i++)
        if (kept == 0 || compare(&m->rows[kept - 1], &m->rows[i]) != 0)
            m->rows[kept++] = m->rows[i];
    m->n = kept;
}

static enum rh_rc too_many(struct rh_maker *m)
{
    return rh_issue_add(
        m->ctx->issues, RH_TOOLARGE, NULL,
        "the resource has more than %d search keys; please divide it into several resources",
        RH_KEYS_MAX);
}

static enum rh_rc push(struct rh_maker *m, struct rh_search_key row)
{
    if (m->n >= ROWS_MAX) {
        tidy(m);
        if (m->n > RH_KEYS_MAX)
            return too_many(m);
    }
    if (m->n == m->cap) {
        void *rows = rh_arena_grow(m->ctx->arena, m->rows, &m->cap,
                                   m->cap ? 2 * m->cap : FIRST_ROWS, sizeof *m->rows);
        if (!rows)
            return RH_NOMEM;
        m->rows = rows;
    }
    m->rows[m->n++] = row;
    return RH_OK;
}

/* Does the row hold a value, or does it help to find one (its system, its end, its sound)? */
static bool holds_value(const struct rh_parameter *p, struct rh_text bytes)
{
    if (p->kind == RH_SP_REFERENCE)
        return bytes.data[0] == 0;
    return memchr("clnqxug", bytes.data[0], 7) != NULL;
}

/* Of a component only the rows that hold its value, each once. */
static enum rh_rc capture(struct rh_maker *m, const struct rh_parameter *p, struct rh_text bytes)
{
    if (!holds_value(p, bytes))
        return RH_OK;
    if (m->n_captured >= RH_KEYS_MAX)
        return too_many(m);
    if (m->n_captured == m->cap_captured) {
        void *rows = rh_arena_grow(m->ctx->arena, m->captured, &m->cap_captured,
                                   m->cap_captured ? 2 * m->cap_captured : 8, sizeof *m->captured);
        if (!rows)
            return RH_NOMEM;
        m->captured = rows;
    }
    m->captured[m->n_captured++] = bytes;
    return RH_OK;
}

enum rh_rc rh_maker_add(struct rh_maker *m, const struct rh_parameter *p, struct rh_text bytes)
{
    if (m->capturing)
        return capture(m, p, bytes);
    return push(m, (struct rh_search_key){.type = m->type,
                                          .number = p->number | m->mask,
                                          .aux = p->dated && !m->mask ? RH_ROW_DATED : 0,
                                          .bytes = bytes});
}

enum rh_rc rh_maker_add_internal(struct rh_maker *m, unsigned number, bool shared, bool dated,
                                 struct rh_text bytes)
{
    return push(m, (struct rh_search_key){.type = m->type,
                                          .number = (uint16_t)number,
                                          .shared = shared,
                                          .aux = dated ? RH_ROW_DATED : 0,
                                          .bytes = bytes});
}

/* --- values ------------------------------------------------------------------------------------
 */

static enum rh_rc composite(struct rh_maker *m, const struct rh_action *action,
                            const struct rh_type *type, yyjson_val *v);

static enum rh_rc act(struct rh_maker *m, const struct rh_action *action,
                      const struct rh_type *type, yyjson_val *v)
{
    const struct rh_slot *s = &m->plan->slots[action->slot];
    if (m->wanted && !m->wanted[action->slot])
        return RH_OK;
    if (m->references && (s->parameter->kind != RH_SP_REFERENCE ||
                          (m->only_slot != NO_SLOT && m->only_slot != action->slot)))
        return RH_OK;
    if (!action->component) {
        if (s->parameter->kind == RH_SP_COMPOSITE)
            return s->failed ? RH_OK : composite(m, action, type, v);
        m->seen[action->slot] = m->seen[action->slot] || !action->only;
    }
    size_t before = m->n;
    enum rh_rc rc = rh_key_value(m, action, type, v);
    if (m->n > before && !action->component)
        m->seen[action->slot] = true;
    return rc;
}

static enum rh_rc members(struct rh_maker *m, const struct rh_place *place,
                          const struct rh_type *type, yyjson_val *object, bool texts);

static bool passes(const struct rh_place *guard, yyjson_val *v)
{
    struct rh_text t = rh_json_text(yyjson_obj_getn(v, guard->member.data, guard->member.len));
    return t.data && rh_text_eq(t, guard->literal);
}

/* One value: what is looked for at its place, then below it. */
static enum rh_rc visit(struct rh_maker *m, const struct rh_place *place,
                        const struct rh_type *type, yyjson_val *v, bool texts)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; place && i < place->n_actions && rc == RH_OK; i++)
        rc = act(m, &place->actions[i], type, v);
    for (const struct rh_place *g = place ? place->guarded : NULL; g && rc == RH_OK; g = g->next)
        if (yyjson_is_obj(v) && passes(g, v))
            rc = visit(m, g, type, v, false);
    if (rc || type->kind == RH_KIND_PRIMITIVE || !yyjson_is_obj(v))
        return rc;
    return texts || (place && place->children) ? members(m, place, type, v, texts) : RH_OK;
}

/* Strings that name or count something: nobody looks for them as text. */
static bool is_prose(const struct rh_type *owner, const struct rh_element *e)
{
    static const char *const not [][2] = {
        {"Reference", "reference"}, {"Quantity", "unit"},      {"Identifier", "value"},
        {"Coding", "version"},      {"ContactPoint", "value"}, {"SampledData", "data"},
    };
    unsigned p = e->type->primitive;
    if (p != RH_P_STRING && p != RH_P_MARKDOWN)
        return false;
    for (unsigned i = 0; i < sizeof not / sizeof not [0]; i++)
        if (owner->name[0] == not [i][0][0] && strcmp(e->name, not [i][1]) == 0 &&
            strcmp(owner->name, not [i][0]) == 0)
            return false;
    return true;
}

static enum rh_rc text_of(struct rh_maker *m, const struct rh_type *owner,
                          const struct rh_element *e, yyjson_val *v)
{
    if (!yyjson_is_str(v))
        return RH_OK;
    if (e->type->primitive == RH_P_XHTML)
        return rh_key_narrative(m, rh_json_text(v));
    return is_prose(owner, e) ? rh_key_text(m, RH_PARAM_ATOM, rh_json_text(v)) : RH_OK;
}

static enum rh_rc contained(struct rh_maker *m, yyjson_val *list);

static enum rh_rc element(struct rh_maker *m, const struct rh_place *place,
                          const struct rh_type *owner, const struct rh_element *e, yyjson_val *v,
                          bool texts)
{
    enum rh_rc rc = RH_OK;
    if (yyjson_is_null(v))
        return RH_OK;
    if (e->type->kind == RH_KIND_PRIMITIVE) {
        if (place)
            rc = visit(m, place, e->type, v, false);
        return rc || !texts ? rc : text_of(m, owner, e, v);
    }
    if (e->type->kind != RH_KIND_ABSTRACT)
        return place || texts ? visit(m, place, e->type, v, texts) : RH_OK;
    const struct rh_type *type = rh_type_find(rh_json_get(v, "resourceType"));
    if (!type || !type->resource)
        return RH_OK;
    for (unsigned i = 0; place && i < place->n_actions && rc == RH_OK; i++)
        rc = act(m, &place->actions[i], type, v);
    return rc || !texts ? rc : members(m, NULL, type, v, true);
}

static enum rh_rc members(struct rh_maker *m, const struct rh_place *place,
                          const struct rh_type *type, yyjson_val *object, bool texts)
{
    struct rh_place *const *children = place ? place->children : NULL;
    yyjson_val *key, *v, *item;
    size_t i, n, k, max;
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text name = {yyjson_get_str(key), yyjson_get_len(key)};
        const struct rh_element *e = rh_element_find(type, name);
        if (!e)
            continue; /* resourceType; the extensions of a primitive */
        const struct rh_place *child = children ? children[e - type->elements] : NULL;
        enum rh_rc rc = RH_OK;
        if (child && m->wanted && !m->capturing && !(child->slots & m->wanted_bits))
            continue;
        if (!child && !texts)
            continue;
        if (object == m->resource && texts && rh_text_is(name, "contained"))
            rc = contained(m, v);
        if (rc)
            return rc;
        if (!yyjson_is_arr(v)) {
            rc = element(m, child, type, e, v, texts);
        } else {
            yyjson_arr_foreach (v, k, max, item) {
                rc = element(m, child, type, e, item, texts);
                if (rc)
                    return rc;
            }
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- expressions that are no paths -------------------------------------------------------------
 */

/* In a search parameter resolve() is there for the type: the reference's text tells it. */
static enum rh_rc resolve(struct rh_ctx *c, struct rh_text reference, yyjson_val **ret)
{
    struct rh_reference r = rh_reference_parse(reference, c->base);
    const struct rh_type *type = rh_resource_type(r.type);
    struct rh_buf b = rh_buf(c->arena);
    struct rh_issues is;
    yyjson_doc *doc;
    if (!type)
        return RH_NOTFOUND;
    rh_buf_str(&b, "{\"resourceType\":");
    rh_buf_json(&b, rh_text(type->name));
    rh_buf_char(&b, '}');
    rh_issues_init(&is, c->arena);
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, &is, rh_buf_get(&b), &doc);
    if (rc == RH_OK)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* An expression that fails has no values. */
static enum rh_rc evaluate(struct rh_maker *m, const struct rh_fp *e, struct rh_fp_item focus,
                           struct rh_fp_list *ret)
{
    static const struct rh_host host = {.resolve = resolve};
    yyjson_val *resource = (yyjson_val *)(uintptr_t)m->resource;
    struct rh_fp_input in = {.focus = focus, .resource = resource, .root = resource};
    struct rh_ctx c = *m->ctx;
    struct rh_issues is;
    rh_issues_init(&is, c.arena);
    c.issues = &is;
    c.host = &host;
    c.steps = STEPS;
    *ret = (struct rh_fp_list){.items = NULL};
    enum rh_rc rc = rh_fp_eval(&c, e, &in, ret);
    if (rc)
        ret->count = 0;
    return rc == RH_NOMEM ? rc : RH_OK;
}

static enum rh_rc evaluate_slot(struct rh_maker *m, unsigned i)
{
    const struct rh_slot *s = &m->plan->slots[i];
    struct rh_action action = {.slot = (uint16_t)i};
    struct rh_fp_list found;
    yyjson_val *resource = (yyjson_val *)(uintptr_t)m->resource;
    if ((m->wanted && !m->wanted[i]) ||
        (m->references &&
         (s->parameter->kind != RH_SP_REFERENCE || (m->only_slot != NO_SLOT && m->only_slot != i))))
        return RH_OK;
    enum rh_rc rc = evaluate(m, s->expression, rh_fp_node(m->plan->type, resource, NULL), &found);
    for (size_t k = 0; k < found.count && rc == RH_OK; k++) {
        const struct rh_fp_item *item = &found.items[k];
        if (s->parameter->kind == RH_SP_COMPOSITE) {
            if (item->kind == RH_FP_NODE && item->type && !s->failed)
                rc = composite(m, &action, item->type, item->node.value);
            continue;
        }
        m->seen[i] = m->seen[i] || item->kind != RH_FP_NODE || item->node.value;
        rc = rh_key_item(m, &action, item);
    }
    return rc;
}

/* --- composites --------------------------------------------------------------------------------
 */

struct captured {
    struct rh_text *rows;
    size_t n;
};

static enum rh_rc capture_component(struct rh_maker *m, const struct rh_action *action, unsigned i,
                                    const struct rh_type *type, yyjson_val *v, struct captured *ret)
{
    const struct rh_component *k = &m->plan->slots[action->slot].components[i];
    struct rh_action inner = {.slot = action->slot, .component = (uint16_t)(i + 1)};
    struct rh_fp_list found = {.items = NULL};
    enum rh_rc rc = RH_OK;
    m->captured = NULL;
    m->n_captured = m->cap_captured = 0;
    m->capturing = true;
    if (k->expression) {
        rc = evaluate(m, k->expression, rh_fp_node(type, v, NULL), &found);
        for (size_t j = 0; j < found.count && rc == RH_OK; j++)
            rc = rh_key_item(m, &inner, &found.items[j]);
    } else {
        rc = visit(m, k->place, type, v, false);
        if (rc == RH_OK && k->resource->children)
            rc = visit(m, k->resource, m->plan->type, (yyjson_val *)(uintptr_t)m->resource, false);
    }
    m->capturing = false;
    *ret = (struct captured){m->captured, m->n_captured};
    return rc;
}

/* Each combination of the components' keys. */
static enum rh_rc composite(struct rh_maker *m, const struct rh_action *action,
                            const struct rh_type *type, yyjson_val *v)
{
    const struct rh_slot *s = &m->plan->slots[action->slot];
    struct captured found[RH_COMPONENTS_MAX];
    unsigned n = s->parameter->n_components;
    size_t at[RH_COMPONENTS_MAX] = {0}, all = 1;
    if (!s->components || m->references || m->capturing)
        return RH_OK;
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = capture_component(m, action, i, type, v, &found[i]);
        if (rc)
            return rc;
        all *= found[i].n;
        if (all == 0)
            return RH_OK;
        if (all > RH_KEYS_MAX)
            return too_many(m);
    }
    m->seen[action->slot] = true;
    for (size_t k = 0; k < all; k++) {
        struct rh_buf b = rh_buf(m->ctx->arena);
        for (unsigned i = 0; i + 1 < n; i++)
            rh_key_escaped(&b, found[i].rows[at[i]]);
        rh_buf_text(&b, found[n - 1].rows[at[n - 1]]);
        enum rh_rc rc = b.rc ? b.rc : rh_maker_add(m, s->parameter, rh_buf_get(&b));
        if (rc)
            return rc;
        for (unsigned i = n; i-- > 0 && ++at[i] == found[i].n;)
            at[i] = 0;
    }
    return RH_OK;
}

/* --- a whole resource --------------------------------------------------------------------------
 */

static enum rh_rc walk(struct rh_maker *m, bool texts)
{
    enum rh_rc rc =
        visit(m, m->plan->root, m->plan->type, (yyjson_val *)(uintptr_t)m->resource, texts);
    for (unsigned i = 0; m->plan->n_expressions && i < m->plan->n_slots && rc == RH_OK; i++)
        if (m->plan->slots[i].expression)
            rc = evaluate_slot(m, i);
    return rc;
}

/* One contained resource, by the plan of its own type. */
static enum rh_rc one_contained(struct rh_maker *m, const struct rh_type *type, yyjson_val *v)
{
    const struct rh_plan *plan = m->plan;
    const yyjson_val *resource = m->resource;
    uint16_t outer = m->type;
    bool *seen = m->seen;
    enum rh_rc rc = rh_plan_of(m->ctx, type, &m->plan);
    if (rc)
        return rc;
    m->seen = rh_arena_zero(m->ctx->arena, m->plan->n_slots + 1);
    if (!m->seen)
        return RH_NOMEM;
    m->resource = v;
    m->type = type->resource;
    m->mask = RH_PARAM_CONTAINED;
    rc = walk(m, false);
    m->plan = plan;
    m->seen = seen;
    m->resource = resource;
    m->type = outer;
    m->mask = 0;
    return rc;
}

static enum rh_rc contained(struct rh_maker *m, yyjson_val *list)
{
    yyjson_val *v;
    size_t i, n;
    if (m->mask || m->references)
        return RH_OK;
    yyjson_arr_foreach (list, i, n, v) {
        const struct rh_type *type = rh_type_find(rh_json_get(v, "resourceType"));
        enum rh_rc rc = type && type->resource ? one_contained(m, type, v) : RH_OK;
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* A view has a value when a part has (one of references to a type was told), a joined composite
 * when all components have. Parts of views are no views, so this is three deep. */
static bool has_value(const struct rh_maker *m, unsigned slot)
{
    const struct rh_slot *s = &m->plan->slots[slot];
    unsigned found = 0;
    if (m->seen[slot] || s->n_sources == 0)
        return m->seen[slot];
    for (unsigned i = 0; i < s->n_sources; i++)
        found += has_value(m, s->sources[i]);
    return s->parameter->joined ? found == s->parameter->n_components : found > 0;
}

/* RH_PARAM_SHAPE: 's' hash32, and the shared 'd' hash32 numbers, ascending. Only R4's own are
 * listed, so that adding a parameter changes no other row. */
static enum rh_rc add_shape(struct rh_maker *m)
{
    size_t n = 0;
    unsigned char *d = (unsigned char *)rh_maker_room(m, 5 + 2 * (size_t)m->plan->n_slots),
                  *s = (unsigned char *)rh_maker_room(m, 5);
    if (!d || !s)
        return RH_NOMEM;
    for (unsigned i = 0; i < m->plan->n_slots; i++) {
        unsigned number = m->plan->slots[i].parameter->number;
        size_t k = n;
        if (number >= RH_PARAM_INTERNAL || !has_value(m, i))
            continue;
        for (; k > 0 && rh_get_u16(d + 3 + 2 * k) > number; k--)
            memcpy(d + 5 + 2 * k, d + 3 + 2 * k, 2);
        rh_put_u16(d + 5 + 2 * k, (uint16_t)number);
        n++;
    }
    d[0] = 'd';
    s[0] = 's';
    uint64_t hash = rh_hash_system((struct rh_text){(const char *)d + 5, 2 * n});
    rh_put_u32(d + 1, (uint32_t)(hash ^ hash >> 32));
    memcpy(s + 1, d + 1, 4);
    enum rh_rc rc =
        rh_maker_add_internal(m, RH_PARAM_SHAPE, false, true, (struct rh_text){(const char *)s, 5});
    if (rc)
        return rc;
    return rh_maker_add_internal(m, RH_PARAM_SHAPE, true, false,
                                 (struct rh_text){(const char *)d, 5 + 2 * n});
}

/* '~' for each parameter that has a value of which there is no key: a concept with a text only. */
static enum rh_rc add_keyless(struct rh_maker *m)
{
    static const char keyless[] = "~";
    for (unsigned i = 0; i < m->plan->n_slots; i++) {
        const struct rh_slot *s = &m->plan->slots[i];
        const struct rh_parameter *p = s->parameter;
        bool found = (m->wanted && !m->wanted[i]) || !m->seen[i] || p->n_parts > 0 ||
                     p->kind == RH_SP_COMPOSITE || p->kind == RH_SP_SPECIAL;
        for (size_t k = 0; k < m->n && !found; k++)
            found = m->rows[k].number == p->number && holds_value(p, m->rows[k].bytes);
        enum rh_rc rc =
            found ? RH_OK : rh_maker_add(m, p, (struct rh_text){keyless, sizeof keyless - 1});
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* The person whose part it lies in is another than the `exact` parameter names. */
static enum rh_rc add_stray(struct rh_maker *m)
{
    static const char stray[] = "!";
    for (unsigned i = 0; i < m->plan->n_slots; i++) {
        const struct rh_parameter *p = m->plan->slots[i].parameter;
        struct rh_text none = {NULL, 0}, patient;
        if (!p->exact)
            continue;
        patient = rh_compartment_patient(m->plan->type, m->resource, none);
        if (!patient.len)
            return RH_OK;
        yyjson_val *v = yyjson_obj_get((yyjson_val *)(uintptr_t)m->resource,
                                       p->expression + strlen(m->plan->type->name) + 1);
        struct rh_reference r = rh_reference_parse(rh_json_get(v, "reference"), none);
        if (r.kind == RH_REF_LOCAL && r.type == rh_resource_number(RH_TEXT("Patient")))
            return RH_OK; /* the first in order, so it decided */
        return rh_maker_add_internal(m, RH_PARAM_STRAY, false, false,
                                     (struct rh_text){stray, sizeof stray - 1});
    }
    return RH_OK;
}

static void finish(struct rh_maker *m)
{
    int64_t date = m->n_main == 1 ? rh_aux_make(m->main_lo, m->main_hi) : 0;
    for (size_t i = 0; i < m->n;) {
        size_t next = i + 1;
        struct rh_search_key *row = &m->rows[i];
        while (next < m->n && m->rows[next].number == row->number &&
               m->rows[next].type == row->type && m->rows[next].shared == row->shared &&
               m->rows[next].bytes.data[0] == row->bytes.data[0])
            next++;
        int64_t only = next == i + 1 && !row->shared ? RH_AUX_ONLY : 0;
        for (; i < next; i++)
            m->rows[i].aux = (m->rows[i].aux & RH_ROW_DATED ? date : 0) | only;
    }
}

enum rh_rc rh_keys_with(struct rh_ctx *ctx, const struct rh_plan *plan, const yyjson_val *resource,
                        struct rh_search_keys *ret)
{
    struct rh_maker m = {
        .ctx = ctx, .plan = plan, .resource = resource, .type = plan->type->resource};
    m.seen = rh_arena_zero(ctx->arena, m.plan->n_slots + 1);
    if (!m.seen)
        return RH_NOMEM;
    enum rh_rc rc = walk(&m, true);
    if (rc == RH_OK)
        rc = add_shape(&m);
    if (rc == RH_OK)
        rc = add_stray(&m);
    if (rc == RH_OK)
        rc = add_keyless(&m);
    if (rc)
        return rc;
    tidy(&m);
    if (m.n > RH_KEYS_MAX)
        return too_many(&m);
    finish(&m);
    *ret = (struct rh_search_keys){.rows = m.rows, .n = (unsigned)m.n};
    while (ret->n_own < ret->n && !m.rows[ret->n_own].shared)
        ret->n_own++;
    return RH_OK;
}

enum rh_rc rh_keys_of(struct rh_ctx *ctx, const struct rh_type *type, const yyjson_val *resource,
                      struct rh_search_keys *ret)
{
    const struct rh_plan *plan;
    enum rh_rc rc = rh_plan_of(ctx, type, &plan);
    return rc ? rc : rh_keys_with(ctx, plan, resource, ret);
}

void rh_key_wish_add(struct rh_key_wish *w, unsigned number)
{
    bool internal = number >= RH_PARAM_INTERNAL && number < RH_PARAM_ADDED;
    if (internal || number & RH_PARAM_CONTAINED || w->n == RH_KEY_WISH_MAX)
        w->all = true;
    for (unsigned i = 0; i < w->n; i++)
        if (w->numbers[i] == number)
            return;
    if (!w->all)
        w->numbers[w->n++] = (uint16_t)number;
}

static enum rh_rc some_keys(struct rh_maker *m, bool *wanted, const struct rh_key_wish *wish)
{
    bool any = false;
    for (unsigned i = 0; i < m->plan->n_slots; i++)
        for (unsigned k = 0; k < wish->n; k++)
            if (m->plan->slots[i].parameter->number == wish->numbers[k]) {
                any = wanted[i] = true;
                m->wanted_bits |= UINT64_C(1) << i % 64;
            }
    m->wanted = wanted;
    enum rh_rc rc = any ? walk(m, false) : RH_OK;
    if (rc || !any)
        return rc;
    rc = add_keyless(m);
    tidy(m);
    return rc;
}

enum rh_rc rh_keys_wished(struct rh_ctx *ctx, const struct rh_type *type,
                          const yyjson_val *resource, const struct rh_key_wish *wish,
                          struct rh_search_keys *ret)
{
    struct rh_maker m = {.ctx = ctx, .resource = resource, .type = type->resource};
    if (wish->all)
        return rh_keys_of(ctx, type, resource, ret);
    *ret = (struct rh_search_keys){.rows = NULL};
    enum rh_rc rc = wish->n ? rh_plan_of(ctx, type, &m.plan) : RH_OK;
    if (rc || !wish->n)
        return rc;
    bool *flags = rh_arena_zero(ctx->arena, 2 * (size_t)m.plan->n_slots + 1);
    if (!flags)
        return RH_NOMEM;
    m.seen = flags;
    rc = some_keys(&m, flags + m.plan->n_slots, wish);
    if (rc == RH_OK && m.n > RH_KEYS_MAX)
        rc = too_many(&m);
    if (rc == RH_OK)
        *ret = (struct rh_search_keys){.rows = m.rows, .n = (unsigned)m.n, .n_own = (unsigned)m.n};
    return rc;
}

/* --- references --------------------------------------------------------------------------------
 */

static enum rh_rc references_of(struct rh_maker *m, const struct rh_parameter *p, unsigned depth)
{
    for (unsigned i = 0; i < p->n_parts && depth < 4; i++) {
        uint16_t old = m->only_target;
        m->only_target = p->part_target ? p->part_target : old;
        enum rh_rc rc = references_of(m, p->parts[i], depth + 1);
        m->only_target = old;
        if (rc)
            return rc;
    }
    if (p->n_parts)
        return RH_OK;
    for (unsigned i = 0; i < m->plan->n_slots; i++)
        if (m->plan->slots[i].parameter->number == p->number) {
            m->only_slot = (uint16_t)i;
            return walk(m, false);
        }
    return RH_OK;
}

static enum rh_rc find_references(struct rh_ctx *ctx, const struct rh_type *type,
                                  const yyjson_val *resource, const struct rh_parameter *parameter,
                                  bool inside, struct rh_found_reference **ret, unsigned *n)
{
    struct rh_maker m = {.ctx = ctx,
                         .resource = resource,
                         .type = type->resource,
                         .references = true,
                         .inside = inside,
                         .only_slot = NO_SLOT};
    enum rh_rc rc = rh_plan_of(ctx, type, &m.plan);
    if (rc)
        return rc;
    m.seen = rh_arena_zero(ctx->arena, m.plan->n_slots + 1);
    if (!m.seen)
        return RH_NOMEM;
    rc = parameter ? references_of(&m, parameter, 0) : walk(&m, false);
    if (rc)
        return rc;
    *ret = m.found;
    *n = (unsigned)m.n_found;
    return RH_OK;
}

enum rh_rc rh_references_of(struct rh_ctx *ctx, const struct rh_type *type,
                            const yyjson_val *resource, const struct rh_parameter *parameter,
                            struct rh_found_reference **ret, unsigned *n)
{
    return find_references(ctx, type, resource, parameter, false, ret, n);
}

enum rh_rc rh_references_inside(struct rh_ctx *ctx, const struct rh_type *type,
                                const yyjson_val *resource, const struct rh_parameter *parameter,
                                struct rh_found_reference **ret, unsigned *n)
{
    return find_references(ctx, type, resource, parameter, true, ret, n);
}
