/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/terms_int.h"

#define CONCEPT_PROPERTIES "http://hl7.org/fhir/concept-properties#"

/* --- properties ------------------------------------------------------------------------------- */

const yyjson_val *terms_value(const yyjson_val *holder, const char **ret_name)
{
    yyjson_obj_iter it = yyjson_obj_iter_with((yyjson_val *)(uintptr_t)holder);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));)
        if (strncmp(yyjson_get_str(key), "value", 5) == 0) {
            if (ret_name)
                *ret_name = yyjson_get_str(key);
            return yyjson_obj_iter_get_val(key);
        }
    return NULL;
}

struct rh_text terms_value_text(const yyjson_val *property)
{
    const yyjson_val *v = terms_value(property, NULL);
    if (yyjson_is_bool((yyjson_val *)(uintptr_t)v))
        return yyjson_is_true((yyjson_val *)(uintptr_t)v) ? RH_TEXT("true") : RH_TEXT("false");
    if (yyjson_is_obj((yyjson_val *)(uintptr_t)v))
        return rh_json_get(v, "code");
    return rh_json_text(v);
}

struct rh_text terms_property_code(const yyjson_val *body, const char *name)
{
    struct terms_iter it = terms_members(body, "property");
    for (yyjson_val *p; (p = terms_next(&it));) {
        struct rh_text uri = rh_json_get(p, "uri");
        size_t prefix = sizeof CONCEPT_PROPERTIES - 1;
        if (rh_text_starts(uri, CONCEPT_PROPERTIES) && strlen(name) == uri.len - prefix &&
            memcmp(uri.data + prefix, name, uri.len - prefix) == 0)
            return rh_json_get(p, "code");
    }
    return rh_text(name);
}

const yyjson_val *terms_property(const struct terms_system *cs, uint32_t i, struct rh_text code)
{
    struct terms_iter it = terms_members(cs->concepts[i].json, "property");
    for (yyjson_val *p; (p = terms_next(&it));)
        if (rh_text_eq(rh_json_get(p, "code"), code))
            return p;
    return NULL;
}

static struct rh_text property_text(const struct terms_system *cs, uint32_t i, const char *name)
{
    return terms_value_text(terms_property(cs, i, terms_property_code(cs->body, name)));
}

struct rh_text terms_status(const struct terms_system *cs, uint32_t i)
{
    struct rh_text status = property_text(cs, i, "status");
    if (status.len)
        return status;
    if (rh_text_is(property_text(cs, i, "inactive"), "true"))
        return RH_TEXT("inactive");
    if (cs->concepts[i].flags & TERMS_DEPRECATED)
        return RH_TEXT("deprecated");
    return (struct rh_text){NULL, 0};
}

/* --- compiling -------------------------------------------------------------------------------- */

/* What the walk over the nested concepts needs. */
struct walk {
    struct rh_arena *arena;
    struct terms_system *cs;
    size_t cap;
    struct edge {
        uint32_t parent, child;
    } * edges;
    size_t n_edges, edges_cap;
    struct rh_text status, inactive, abstract, deprecated, parent, subsumed_by, child;
};

static enum rh_rc add_edge(struct walk *w, uint32_t parent, uint32_t child)
{
    if (w->n_edges == w->edges_cap) {
        struct edge *grown =
            rh_arena_grow(w->arena, w->edges, &w->edges_cap, w->n_edges + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        w->edges = grown;
    }
    w->edges[w->n_edges++] = (struct edge){parent, child};
    return RH_OK;
}

static unsigned char flag_of(const struct walk *w, struct rh_text code, struct rh_text value)
{
    bool yes = rh_text_is(value, "true");
    if (rh_text_eq(code, w->status)) {
        if (rh_text_is(value, "retired") || rh_text_is(value, "inactive"))
            return TERMS_INACTIVE;
        return rh_text_is(value, "deprecated") ? TERMS_DEPRECATED : 0;
    }
    if (rh_text_eq(code, w->inactive))
        return yes ? TERMS_INACTIVE : 0;
    /* the name counts even where the system gives another uri to it */
    if (rh_text_eq(code, w->abstract) || rh_text_is(code, "notSelectable"))
        return yes ? TERMS_ABSTRACT : 0;
    if (rh_text_eq(code, w->deprecated))
        return yes ? TERMS_DEPRECATED : 0;
    return 0;
}

static unsigned char flags_of(const struct walk *w, const yyjson_val *json)
{
    unsigned char flags = 0;
    struct terms_iter it = terms_members(json, "property");
    for (yyjson_val *p; (p = terms_next(&it));)
        flags |= flag_of(w, rh_json_get(p, "code"), terms_value_text(p));
    return flags;
}

static enum rh_rc add_concepts(struct walk *w, const yyjson_val *list, uint32_t parent,
                               unsigned depth)
{
    struct terms_iter it = terms_items(list);
    if (depth > RH_JSON_DEPTH_MAX)
        return RH_OK;
    for (yyjson_val *v; (v = terms_next(&it));) {
        struct rh_text code = rh_json_get(v, "code");
        if (!code.len)
            continue;
        if (w->cs->n == w->cap) {
            struct terms_concept *grown =
                rh_arena_grow(w->arena, w->cs->concepts, &w->cap, w->cs->n + 1u, sizeof *grown);
            if (!grown)
                return RH_NOMEM;
            w->cs->concepts = grown;
        }
        uint32_t i = w->cs->n++;
        w->cs->concepts[i] =
            (struct terms_concept){code, rh_json_get(v, "display"), v, flags_of(w, v)};
        enum rh_rc rc = parent == TERMS_NONE ? RH_OK : add_edge(w, parent, i);
        if (!rc)
            rc = add_concepts(w, terms_member(v, "concept"), i, depth + 1);
        if (rc)
            return rc;
    }
    return RH_OK;
}

uint64_t terms_hash(struct rh_text t, bool fold_case)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char ch = (unsigned char)t.data[i];
        if (fold_case && ch >= 'A' && ch <= 'Z')
            ch = (unsigned char)(ch + 'a' - 'A');
        h = (h ^ ch) * 0x100000001b3u;
    }
    return (h ^ (h >> 33)) * 0xff51afd7ed558ccdu >> 16;
}

bool terms_code_eq(const struct terms_system *cs, struct rh_text a, struct rh_text b)
{
    return cs->case_sensitive ? rh_text_eq(a, b) : rh_text_ieq(a, b);
}

static uint32_t *slot_of(const struct terms_system *cs, struct rh_text code)
{
    for (uint32_t i = (uint32_t)terms_hash(code, !cs->case_sensitive) & cs->mask;;
         i = (i + 1) & cs->mask)
        if (cs->slots[i] == TERMS_NONE || terms_code_eq(cs, cs->concepts[cs->slots[i]].code, code))
            return &cs->slots[i];
}

uint32_t terms_locate(const struct terms_system *cs, struct rh_text code)
{
    return cs->slots && code.len ? *slot_of(cs, code) : TERMS_NONE;
}

static enum rh_rc index_codes(struct rh_arena *a, struct terms_system *cs)
{
    uint32_t slots = 8;
    while (slots < (uint64_t)cs->n * 2)
        slots *= 2;
    cs->mask = slots - 1;
    cs->slots = rh_arena_alloc(a, slots * sizeof *cs->slots);
    if (!cs->slots)
        return RH_NOMEM;
    memset(cs->slots, 0xff, slots * sizeof *cs->slots);
    for (uint32_t i = 0; i < cs->n; i++) {
        uint32_t *at = slot_of(cs, cs->concepts[i].code);
        if (*at == TERMS_NONE) /* a code that is there twice: the first counts */
            *at = i;
    }
    return RH_OK;
}

/* Hierarchy that is stated by properties and not by nesting. */
static enum rh_rc property_edges(struct walk *w)
{
    enum rh_rc rc = RH_OK;
    for (uint32_t i = 0; i < w->cs->n; i++) {
        struct terms_iter it = terms_members(w->cs->concepts[i].json, "property");
        for (yyjson_val *p; !rc && (p = terms_next(&it));) {
            struct rh_text name = rh_json_get(p, "code");
            bool up = rh_text_eq(name, w->parent) || rh_text_eq(name, w->subsumed_by);
            if (!up && !rh_text_eq(name, w->child))
                continue;
            uint32_t other = terms_locate(w->cs, terms_value_text(p));
            if (other != TERMS_NONE && other != i)
                rc = up ? add_edge(w, other, i) : add_edge(w, i, other);
        }
    }
    return rc;
}

/* Edges to lists by counting; `down` chooses children of parents or parents of children. */
static enum rh_rc make_lists(struct walk *w, bool down, struct terms_lists *ret)
{
    size_t n = w->cs->n;
    ret->at = rh_arena_zero(w->arena, (n + 2) * sizeof *ret->at);
    ret->item = rh_arena_alloc(w->arena, (w->n_edges + 1) * sizeof *ret->item);
    uint32_t *fill = rh_arena_zero(w->arena, (n + 2) * sizeof *fill);
    if (!ret->at || !ret->item || !fill)
        return RH_NOMEM;
    for (size_t e = 0; e < w->n_edges; e++)
        ret->at[(down ? w->edges[e].parent : w->edges[e].child) + 1]++;
    for (size_t i = 0; i < n; i++)
        ret->at[i + 1] += ret->at[i];
    for (size_t e = 0; e < w->n_edges; e++) {
        uint32_t from = down ? w->edges[e].parent : w->edges[e].child;
        ret->item[ret->at[from] + fill[from]++] = down ? w->edges[e].child : w->edges[e].parent;
    }
    return RH_OK;
}

static enum terms_content content_of(const yyjson_val *body)
{
    static const char *const names[] = {"complete", "fragment", "example", "not-present",
                                        "supplement"};
    struct rh_text content = rh_json_get(body, "content");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (rh_text_is(content, names[i]))
            return (enum terms_content)i;
    return TERMS_COMPLETE;
}

enum rh_rc terms_system_compile(struct rh_arena *a, const yyjson_val *body,
                                struct terms_system **ret)
{
    struct terms_system *cs = rh_arena_zero(a, sizeof *cs);
    if (!cs)
        return RH_NOMEM;
    cs->url = rh_json_get(body, "url");
    cs->version = rh_json_get(body, "version");
    cs->language = rh_json_get(body, "language");
    cs->body = body;
    cs->content = content_of(body);
    /* not stated: case is not what tells codes apart */
    cs->case_sensitive = yyjson_is_true(terms_member(body, "caseSensitive"));
    struct walk w = {.arena = a,
                     .cs = cs,
                     .status = terms_property_code(body, "status"),
                     .inactive = terms_property_code(body, "inactive"),
                     .abstract = terms_property_code(body, "notSelectable"),
                     .deprecated = terms_property_code(body, "deprecated"),
                     .parent = terms_property_code(body, "parent"),
                     .subsumed_by = terms_property_code(body, "subsumedBy"),
                     .child = terms_property_code(body, "child")};
    enum rh_rc rc = add_concepts(&w, terms_member(body, "concept"), TERMS_NONE, 0);
    if (!rc)
        rc = index_codes(a, cs);
    if (!rc)
        rc = property_edges(&w);
    cs->has_children = w.n_edges > 0;
    if (!rc)
        rc = make_lists(&w, true, &cs->children);
    if (!rc)
        rc = make_lists(&w, false, &cs->parents);
    if (!rc)
        *ret = cs;
    return rc;
}

/* --- finding ---------------------------------------------------------------------------------- */

static enum rh_rc make_form(struct rh_ctx *c, const struct rh_definition *d, void *user,
                            const void **ret)
{
    (void)user;
    yyjson_val *body;
    struct terms_system *cs = NULL;
    enum rh_rc rc = rh_definition_body(c, d, &body);
    if (!rc)
        rc = terms_system_compile(c->arena, body, &cs);
    *ret = cs;
    return rc;
}

enum rh_rc terms_system_of(struct rh_ctx *c, const struct rh_definition *d,
                           const struct terms_system **ret)
{
    const void *form = NULL;
    enum rh_rc rc = rh_world_form(c, d, RH_FORM_CODESYSTEM, make_form, NULL, &form);
    if (!rc)
        *ret = form;
    return rc;
}

struct search {
    struct rh_ctx *ctx;
    struct rh_text version;
    const struct terms_system *found;
};

static enum rh_rc consider(void *user, const struct rh_definition *d)
{
    struct search *s = user;
    const struct terms_system *cs;
    if (d->base.len || !terms_version_matches(s->version, d->version))
        return RH_OK;
    enum rh_rc rc = terms_system_of(s->ctx, d, &cs);
    if (rc)
        return rc;
    if (cs->content == TERMS_SUPPLEMENT)
        return RH_OK;
    if (!s->found || (cs->content < TERMS_EXAMPLE && s->found->content >= TERMS_EXAMPLE))
        s->found = cs;
    return RH_OK;
}

enum rh_rc terms_find_system(struct rh_ctx *c, struct rh_text url, struct rh_text version,
                             const struct terms_system **ret)
{
    struct search s = {c, version, NULL};
    enum rh_rc rc = rh_world_versions(c->world, "CodeSystem", url, consider, &s);
    if (rc)
        return rc;
    if (!s.found || s.found->content >= TERMS_EXAMPLE) {
        const struct terms_system *grammar = terms_grammar_system(url);
        if (grammar)
            s.found = grammar;
    }
    *ret = s.found;
    return RH_OK;
}

/* --- hierarchy and displays ------------------------------------------------------------------- */

enum rh_rc terms_mark(struct rh_arena *a, const struct terms_lists *lists, uint32_t n, uint32_t i,
                      uint64_t *bits)
{
    if (!lists->at)
        return RH_OK;
    uint32_t *stack = rh_arena_alloc(a, ((size_t)n + 1) * sizeof *stack);
    if (!stack)
        return RH_NOMEM;
    size_t top = 0;
    stack[top++] = i;
    while (top) {
        uint32_t at = stack[--top];
        for (uint32_t k = lists->at[at]; k < lists->at[at + 1]; k++)
            if (!terms_bit(bits, lists->item[k])) {
                terms_bit_set(bits, lists->item[k]);
                stack[top++] = lists->item[k];
            }
    }
    return RH_OK;
}

bool terms_is_ancestor(struct rh_arena *a, const struct terms_system *cs, uint32_t i, uint32_t j)
{
    if (i == j)
        return true;
    /* most concepts have one parent: no memory is needed to climb */
    const struct terms_lists *up = &cs->parents;
    for (uint32_t steps = 0; steps < cs->n && up->at[j + 1] - up->at[j] == 1; steps++) {
        j = up->item[up->at[j]];
        if (i == j)
            return true;
    }
    if (up->at[j + 1] == up->at[j])
        return false;
    uint64_t *bits = rh_arena_zero(a, terms_bit_words(cs) * sizeof *bits);
    return bits && !terms_mark(a, &cs->parents, cs->n, j, bits) && terms_bit(bits, i);
}

bool terms_is_display(const struct terms_system *cs, uint32_t i, struct rh_text display)
{
    if (terms_same_text(cs->concepts[i].display, display, true))
        return true;
    struct terms_iter it = terms_members(cs->concepts[i].json, "designation");
    for (yyjson_val *d; (d = terms_next(&it));)
        if (terms_same_text(rh_json_get(d, "value"), display, true))
            return true;
    return false;
}
