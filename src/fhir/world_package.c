/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/world_int.h"

#include "base/alloc.h"
#include "fhir/element.h"

#include <assert.h>

struct depend {
    struct rh_text name, version;
};

struct rh_package {
    atomic_uint count;
    bool sealed;
    struct rh_arena *arena, *scratch;
    struct rh_text name, version;
    struct rh_package_source source;
    bool has_source;
    struct rh_definition *definitions;
    size_t n, cap;
    struct rh_cell *cells; /* parsed bodies, by the definition's place; made when sealed */
    atomic_size_t used;    /* bytes of parsed bodies */
    struct depend *depends;
    size_t n_depends, cap_depends;
};

/* --- a cell: made once, by whoever comes first -------------------------------------------------
 */

void *rh_cell_get(struct rh_cell *cell)
{
    struct rh_made *made = atomic_load_explicit(&cell->made, memory_order_acquire);
    return made ? made->value : NULL;
}

enum rh_rc rh_cell_put(struct rh_cell *cell, struct rh_arena *a, void *value, atomic_size_t *used,
                       void **ret)
{
    struct rh_made *made = rh_arena_alloc(a, sizeof *made), *there = NULL;
    if (!made) {
        rh_arena_close(a);
        return RH_NOMEM;
    }
    *made = (struct rh_made){.arena = a, .value = value};
    size_t bytes = rh_arena_used(a);
    if (atomic_fetch_add(used, bytes) + bytes > RH_WORLD_MEMORY_MAX) {
        atomic_fetch_sub(used, bytes);
        rh_arena_close(a);
        return RH_NOMEM;
    }
    if (!atomic_compare_exchange_strong(&cell->made, &there, made)) {
        atomic_fetch_sub(used, bytes);
        rh_arena_close(a);
        made = there;
    }
    *ret = made->value;
    return RH_OK;
}

void rh_cells_close(struct rh_cell *cells, size_t n)
{
    for (size_t i = 0; cells && i < n; i++) {
        struct rh_made *made = atomic_load_explicit(&cells[i].made, memory_order_relaxed);
        if (made)
            rh_arena_close(made->arena);
    }
    rh_free(cells);
}

/* --- making a package --------------------------------------------------------------------------
 */

enum rh_rc rh_package_open(struct rh_text name, struct rh_text version,
                           const struct rh_package_source *source, struct rh_package **ret)
{
    struct rh_package *p = rh_alloc(sizeof *p);
    atomic_init(&p->count, 1);
    p->arena = rh_arena_open(RH_WORLD_MEMORY_MAX);
    if (source) {
        p->source = *source;
        p->has_source = true;
    }
    p->name = rh_text_copy(p->arena, name);
    p->version = rh_text_copy(p->arena, version);
    if (!p->name.data || !p->version.data) {
        p->has_source = false; /* stays the caller's */
        rh_package_close(p);
        return RH_NOMEM;
    }
    *ret = p;
    return RH_OK;
}

enum rh_rc rh_package_depends(struct rh_package *p, struct rh_text name, struct rh_text version)
{
    assert(!p->sealed);
    struct depend d = {rh_text_copy(p->arena, name), rh_text_copy(p->arena, version)};
    void *room = rh_arena_grow(p->arena, p->depends, &p->cap_depends, p->n_depends + 1, sizeof d);
    if (!room || !d.name.data || !d.version.data)
        return RH_NOMEM;
    p->depends = room;
    p->depends[p->n_depends++] = d;
    return RH_OK;
}

/* Copied, with an empty text for none, so that nobody meets a NULL. */
static bool take(struct rh_arena *a, struct rh_text *t)
{
    *t = t->len ? rh_text_copy(a, *t) : RH_TEXT("");
    return t->data != NULL;
}

enum rh_rc rh_package_add(struct rh_package *p, const struct rh_definition *given)
{
    assert(!p->sealed);
    struct rh_definition d = *given;
    const struct rh_type *type = rh_type_find(rh_text(given->type));
    if (!type)
        return RH_STRUCTURE;
    d.type = type->name;
    d.package = p;
    d.body = NULL;
    if (!take(p->arena, &d.url) || !take(p->arena, &d.version) || !take(p->arena, &d.id) ||
        !take(p->arena, &d.name) || !take(p->arena, &d.base))
        return RH_NOMEM;
    if (d.text.data && !take(p->arena, &d.text))
        return RH_NOMEM;
    void *room = rh_arena_grow(p->arena, p->definitions, &p->cap, p->n + 1, sizeof d);
    if (!room)
        return RH_NOMEM;
    p->definitions = room;
    p->definitions[p->n++] = d;
    return RH_OK;
}

static struct rh_text base_of(const char *type, const yyjson_val *resource)
{
    if (strcmp(type, "StructureDefinition") == 0)
        return rh_json_get(resource, "type");
    if (strcmp(type, "CodeSystem") == 0)
        return rh_json_get(resource, "supplements");
    return (struct rh_text){"", 0};
}

enum rh_rc rh_package_add_json(struct rh_package *p, struct rh_issues *is, struct rh_text json)
{
    if (!p->scratch)
        p->scratch = rh_arena_open(RH_FORM_MEMORY_MAX);
    rh_arena_reset(p->scratch);
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(p->scratch, is, json, &doc);
    if (rc)
        return rc;
    yyjson_val *resource = yyjson_doc_get_root(doc);
    const struct rh_type *type = rh_type_find(rh_json_get(resource, "resourceType"));
    if (!type || type->kind != RH_KIND_RESOURCE)
        return rh_issue_add(is, RH_STRUCTURE, NULL, "This is not a FHIR R4 resource: %s.",
                            rh_json_get(resource, "resourceType").data
                                ? "its resourceType is none of R4's"
                                : "it has no resourceType");
    return rh_package_add(p, &(struct rh_definition){.type = type->name,
                                                     .url = rh_json_get(resource, "url"),
                                                     .version = rh_json_get(resource, "version"),
                                                     .id = rh_json_get(resource, "id"),
                                                     .name = rh_json_get(resource, "name"),
                                                     .base = base_of(type->name, resource),
                                                     .text = json});
}

void rh_package_seal(struct rh_package *p)
{
    if (p->sealed)
        return;
    p->sealed = true;
    rh_arena_close(p->scratch);
    p->scratch = NULL;
    p->cells = rh_alloc((p->n + 1) * sizeof *p->cells);
    for (size_t i = 0; i < p->n; i++)
        p->definitions[i].body = &p->cells[i];
}

struct rh_package *rh_package_keep(struct rh_package *p)
{
    atomic_fetch_add(&p->count, 1);
    return p;
}

void rh_package_close(struct rh_package *p)
{
    if (!p || atomic_fetch_sub(&p->count, 1) != 1)
        return;
    rh_cells_close(p->cells, p->n);
    if (p->has_source && p->source.close)
        p->source.close(p->source.user);
    rh_arena_close(p->scratch);
    rh_arena_close(p->arena);
    rh_free(p);
}

struct rh_text rh_package_name(const struct rh_package *p)
{
    return p->name;
}

struct rh_text rh_package_version(const struct rh_package *p)
{
    return p->version;
}

size_t rh_package_count(const struct rh_package *p)
{
    return p->n;
}

const struct rh_definition *rh_package_at(const struct rh_package *p, size_t i)
{
    return i < p->n ? &p->definitions[i] : NULL;
}

size_t rh_package_n_depends(const struct rh_package *p)
{
    return p->n_depends;
}

void rh_package_depend(const struct rh_package *p, size_t i, struct rh_text *name,
                       struct rh_text *version)
{
    assert(i < p->n_depends);
    *name = p->depends[i].name;
    *version = p->depends[i].version;
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* A source's text goes into memory of its own: the parsed body keeps a copy of it. */
static enum rh_rc parse_body(const struct rh_definition *d, struct rh_issues *is,
                             struct rh_arena *a, yyjson_val **ret)
{
    struct rh_arena *packed = d->text.data ? NULL : rh_arena_open(RH_FORM_MEMORY_MAX);
    struct rh_text text = d->text;
    yyjson_doc *doc;
    enum rh_rc rc = RH_OK;
    if (!text.data)
        rc = d->package->has_source
                 ? d->package->source.text(d->package->source.user, d->n, packed, &text)
                 : RH_CORRUPT;
    if (!rc)
        rc = rh_json_parse(a, is, text, &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    rh_arena_close(packed);
    return rc;
}

enum rh_rc rh_definition_body(struct rh_ctx *c, const struct rh_definition *d, yyjson_val **ret)
{
    struct rh_cell *cell = d->body;
    assert(cell); /* the package is sealed */
    void *body = rh_cell_get(cell);
    if (!body) {
        /* The counter is the only thing of a sealed package that changes. */
        struct rh_package *p = (struct rh_package *)(uintptr_t)d->package;
        struct rh_arena *a = rh_arena_open(RH_FORM_MEMORY_MAX);
        yyjson_val *made;
        enum rh_rc rc = parse_body(d, c->issues, a, &made);
        if (rc)
            rh_arena_close(a);
        else
            rc = rh_cell_put(cell, a, made, &p->used, &body);
        if (rc)
            return rh_issue_add(c->issues, rc, NULL, "%s %.*s of package %.*s cannot be read.",
                                d->type, RH_TEXT_ARG(d->url.len ? d->url : d->id),
                                RH_TEXT_ARG(p->name));
    }
    *ret = body;
    return RH_OK;
}
