/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/validate.h"
#include "conformance/validate_int.h"

#include <stdarg.h>

enum { SHOWN_BYTES_MAX = 60, MEMO_SLOTS_FIRST = 64 };

/* --- saying it -----------------------------------------------------------------------------------
 */

struct rh_text rh_shown(struct rh_text t)
{
    return rh_text_shown(t, SHOWN_BYTES_MAX);
}

void rh_place_write(struct rh_buf *b, const struct rh_place *at)
{
    if (at->up)
        rh_place_write(b, at->up);
    if (b->len > 0)
        rh_buf_char(b, '.');
    rh_buf_add(b, at->name, at->name_len);
    if (at->index >= 0) {
        rh_buf_char(b, '[');
        rh_buf_u64(b, (uint64_t)at->index);
        rh_buf_char(b, ']');
    }
    if (at->choice)
        rh_buf_printf(b, ".ofType(%s)", at->choice->name);
}

static bool said(const struct rh_issues *is, const struct rh_issue *new)
{
    for (unsigned i = is->count; i-- > 0;) {
        const struct rh_issue *old = &is->rows[i];
        if (old->severity == new->severity &&
            old->expression &&new->expression &&strcmp(old->expression, new->expression) == 0 &&
            strcmp(old->text, new->text) == 0)
            return true;
    }
    return false;
}

static void complain(struct rh_run *r, enum rh_severity severity, const char *code,
                     const struct rh_place *at, bool shape, const char *format, va_list ap)
    __attribute__((format(printf, 6, 0)));
static void complain(struct rh_run *r, enum rh_severity severity, const char *code,
                     const struct rh_place *at, bool shape, const char *format, va_list ap)
{
    if (severity <= RH_ERROR)
        r->errors++;
    else if (r->quiet)
        return;
    if (r->probing)
        return;
    struct rh_issues *is = r->c->issues;
    /* Warnings leave room for errors: half of the report is theirs. */
    if (severity > RH_ERROR && is->count >= is->errors + is->max / 2) {
        r->quiet = true;
        severity = RH_INFORMATION;
        code = "informational";
        format = "there are more warnings than the report can hold; from here on only errors are "
                 "listed";
    }
    struct rh_buf path = rh_buf(is->arena);
    rh_place_write(&path, at);
    rh_buf_char(&path, '\0');
    struct rh_issue row = {
        .severity = severity,
        .rc = shape ? RH_STRUCTURE : RH_RULE,
        .code = code,
        .expression = path.rc ? "" : path.data,
        .text = r->quiet && severity > RH_ERROR ? format : rh_arena_vprintf(is->arena, format, ap)};
    if (!row.text || path.rc) {
        if (!r->rc)
            r->rc = RH_NOMEM;
        return;
    }
    if (said(is, &row))
        return;
    unsigned before = is->count;
    rh_issue_at(is, row);
    if (!shape || is->count != before + 1)
        return;
    unsigned *grown =
        rh_arena_grow(is->arena, r->early, &r->cap_early, r->n_early + 1, sizeof *grown);
    if (grown) {
        r->early = grown;
        r->early[r->n_early++] = before;
    }
}

void rh_complain(struct rh_run *r, enum rh_severity severity, const char *code,
                 const struct rh_place *at, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    complain(r, severity, code, at, false, format, ap);
    va_end(ap);
}

void rh_complain_shape(struct rh_run *r, const char *code, const struct rh_place *at,
                       const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    complain(r, RH_ERROR, code, at, true, format, ap);
    va_end(ap);
}

/* What is wrong with the JSON stands before what follows from it. */
static void early_first(struct rh_run *r, unsigned from)
{
    struct rh_issues *is = r->c->issues;
    if (r->n_early == 0)
        return;
    struct rh_issue *rows = rh_arena_alloc(is->arena, (is->count - from) * sizeof *rows);
    if (!rows)
        return;
    size_t n = 0;
    for (size_t i = 0; i < r->n_early; i++)
        rows[n++] = is->rows[r->early[i]];
    size_t next = 0;
    for (unsigned i = from; i < is->count; i++) {
        if (next < r->n_early && r->early[next] == i)
            next++;
        else
            rows[n++] = is->rows[i];
    }
    memcpy(is->rows + from, rows, n * sizeof *rows);
}

bool rh_run_stop(struct rh_run *r)
{
    if (r->rc)
        return true;
    if (++r->work > RH_VALIDATE_WORK_MAX) {
        r->rc = RH_TIMEOUT;
        return true;
    }
    /* A trial is decided by its first error; a report that is full takes no more. */
    return r->errors && (r->probing || r->c->issues->dropped > 0);
}

/* --- conformance, remembered ---------------------------------------------------------------------
 */

static struct rh_memo *memo_slot(struct rh_run *r, const yyjson_val *value,
                                 const struct rh_profile *p)
{
    uint64_t h =
        ((uint64_t)(uintptr_t)value ^ (uint64_t)(uintptr_t)p * 31) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(h >> 20) & (r->cap_memo - 1);
    while (r->memo[at].value && (r->memo[at].value != value || r->memo[at].profile != p))
        at = (at + 1) & (r->cap_memo - 1);
    return &r->memo[at];
}

static bool memo_grow(struct rh_run *r)
{
    size_t old_cap = r->cap_memo;
    struct rh_memo *old = r->memo;
    size_t cap = old_cap ? old_cap * 2 : MEMO_SLOTS_FIRST;
    struct rh_memo *grown = rh_arena_zero(r->c->arena, cap * sizeof *grown);
    if (!grown) {
        r->rc = RH_NOMEM;
        return false;
    }
    r->memo = grown;
    r->cap_memo = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].value)
            *memo_slot(r, old[i].value, old[i].profile) = old[i];
    return true;
}

/* The scope of a resource inside the document: an entry's, a contained one's. */
static void scope_of(struct rh_run *r, yyjson_val *resource, const struct rh_type *type,
                     struct rh_scope *ret)
{
    size_t i, n;
    yyjson_val *v, *list;
    *ret = (struct rh_scope){.up = r->scope, .resource = resource, .type = type};
    for (struct rh_scope *s = r->scope; s; s = s->up) {
        if (s->resource == resource) {
            *ret = *s;
            return;
        }
        list = yyjson_obj_get(s->resource, "contained");
        if (yyjson_is_arr(list)) {
            yyjson_arr_foreach (list, i, n, v) {
                if (v == resource) {
                    *ret = (struct rh_scope){
                        .up = s, .resource = resource, .type = type, .contained = true};
                    return;
                }
            }
        }
        v = strcmp(s->type->name, "Bundle") == 0 ? rh_entry_of(r, s->resource, resource) : NULL;
        if (v) {
            *ret = (struct rh_scope){.up = s,
                                     .resource = resource,
                                     .type = type,
                                     .entry = v,
                                     .full_url = rh_json_get(v, "fullUrl")};
            return;
        }
    }
}

/* One trial: how a value fares against a profile's rules, nothing said. */
static bool try(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                yyjson_val *value, const struct rh_type *type, bool base)
{
    struct rh_place here = *at;
    struct rh_scope scope, *outer = r->scope;
    unsigned errors = r->errors;
    bool outer_base = r->base;
    here.value = value;
    here.type = type;
    here.extra = NULL;
    if (type->kind == RH_KIND_RESOURCE && value != r->scope->resource) {
        scope_of(r, value, type, &scope);
        r->scope = &scope;
    }
    r->errors = 0;
    r->base = base;
    r->probing++;
    rh_check_value(r, &here, p->root);
    if (base && !r->errors) {
        rh_check_contained(r, &here, value);
        rh_check_special_resource(r, &here, value, type);
    }
    bool good = r->errors == 0;
    r->probing--;
    r->errors = errors;
    r->base = outer_base;
    r->scope = outer;
    return good;
}

static bool remembered(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                       yyjson_val *value, const struct rh_type *type, bool base)
{
    if ((r->n_memo + 1) * 2 > r->cap_memo && !memo_grow(r))
        return false;
    struct rh_memo *m = memo_slot(r, value, p);
    if (m->value)
        return m->answer != 0; /* found out already, or asked again while it is being found out */
    if (r->probing >= RH_VALIDATE_PROBES_MAX)
        return true;
    *m = (struct rh_memo){value, p, -1};
    r->n_memo++;
    bool good = try(r, at, p, value, type, base);
    m = memo_slot(r, value, p); /* the table may have grown */
    m->answer = good ? 1 : 0;
    return good;
}

/* What the pass of the base definitions found is used again where a profile asks. */
static void remember_base(struct rh_run *r, yyjson_val *resource, const struct rh_profile *p,
                          bool good)
{
    if ((r->n_memo + 1) * 2 > r->cap_memo && !memo_grow(r))
        return;
    struct rh_memo *m = memo_slot(r, resource, p);
    if (!m->value)
        r->n_memo++;
    *m = (struct rh_memo){resource, p, good ? 1 : 0};
}

bool rh_conforms(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                 yyjson_val *value, const struct rh_type *type)
{
    if (!type || (p->rh_type != type && p->rh_type->kind != RH_KIND_ABSTRACT))
        return false;
    if (type->kind == RH_KIND_RESOURCE) {
        const struct rh_profile *base = rh_profile_of_type(r, type);
        if (base && !remembered(r, at, base, value, type, true))
            return false;
        if (p == base)
            return true;
    }
    return remembered(r, at, p, value, type, false);
}

/* --- a resource ----------------------------------------------------------------------------------
 */

static void against(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p)
{
    bool base = r->base;
    r->base = false;
    rh_check_value(r, at, p->root);
    r->base = base;
}

static bool type_fits(const struct rh_profile *p, const struct rh_type *type)
{
    if (p->rh_type == type)
        return true;
    if (p->rh_type->kind != RH_KIND_ABSTRACT)
        return false;
    return strcmp(p->rh_type->name, "Resource") == 0 ||
           (strcmp(p->rh_type->name, "DomainResource") == 0 &&
            rh_element_find(type, RH_TEXT("contained")));
}

static void against_named(struct rh_run *r, const struct rh_place *at, const struct rh_place *named,
                          struct rh_text canonical)
{
    const struct rh_profile *p = rh_profile_get(r, canonical);
    if (p && p->base && p->rh_type == at->type)
        return; /* the definition of the type itself */
    if (!p)
        rh_complain(r, RH_WARNING, "not-found", named,
                    rh_world_find(r->c->world, "StructureDefinition", canonical)
                        ? "the profile \"%.*s\" cannot be used, so nobody can say whether this "
                          "resource conforms to it"
                        : "the profile \"%.*s\" is not loaded, so nobody can say whether this "
                          "resource conforms to it; add the package that has it",
                    RH_TEXT_ARG(rh_shown(canonical)));
    else if (!type_fits(p, at->type))
        rh_complain(r, RH_ERROR, "structure", named,
                    "the profile \"%.*s\" is for %.*s, but this is a %s",
                    RH_TEXT_ARG(rh_shown(canonical)), RH_TEXT_ARG(p->type), at->type->name);
    else
        against(r, at, p);
}

static void claimed_profiles(struct rh_run *r, const struct rh_place *at, yyjson_val *resource)
{
    yyjson_val *meta = yyjson_obj_get(resource, "meta");
    yyjson_val *list = yyjson_obj_get(meta, "profile"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    struct rh_place m = rh_below(at, "meta", 4, -1);
    yyjson_arr_foreach (list, i, n, v) {
        if (!yyjson_is_str(v))
            continue;
        struct rh_place named = rh_below(&m, "profile", 7, (long)i);
        against_named(r, at, &named, rh_json_text(v));
    }
}

static void resource_rules(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                           const struct rh_type *type)
{
    const struct rh_profile *p = rh_profile_of_type(r, type);
    if (!p) {
        rh_complain(r, RH_WARNING, "not-found", at,
                    "the definition of %s is not loaded; only the structure can be checked",
                    type->name);
        return;
    }
    bool base = r->base;
    unsigned errors = r->errors;
    r->base = true;
    rh_check_value(r, at, p->root);
    if (!rh_run_stop(r)) {
        rh_check_contained(r, at, resource);
        rh_check_special_resource(r, at, resource, type);
    }
    r->base = base;
    if (r->scope->up || r->o->n_profiles || yyjson_obj_get(resource, "meta"))
        remember_base(r, resource, p, r->errors == errors);
    claimed_profiles(r, at, resource);
    rh_check_implied(r, at, resource, type);
}

void rh_validate_resource(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                          yyjson_val *entry, bool contained)
{
    struct rh_place here = *at;
    yyjson_val *name = yyjson_obj_get(resource, "resourceType");
    const struct rh_type *type = rh_type_of_resource(resource);
    if (!type) {
        if (!name)
            rh_complain_shape(r, "required", at,
                              "a resource must have \"resourceType\", such as \"Patient\"");
        else
            rh_complain_shape(r, "value", at, "FHIR R4 has no resource type \"%.*s\"",
                              RH_TEXT_ARG(rh_shown(rh_json_text(name))));
        return;
    }
    here.type = type;
    here.value = resource;
    here.extra = NULL;
    struct rh_scope scope = {.up = r->scope,
                             .resource = resource,
                             .type = type,
                             .entry = entry,
                             .contained = contained,
                             .full_url = rh_json_get(entry, "fullUrl")};
    struct rh_scope *outer = r->scope;
    r->scope = &scope;
    resource_rules(r, &here, resource, type);
    r->scope = outer;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static enum rh_rc resolve(struct rh_ctx *c, struct rh_text reference, yyjson_val **ret)
{
    struct rh_run *r = c->host->user;
    yyjson_val *found = rh_resolve_local(r, r->scope, reference);
    if (!found)
        return RH_NOTFOUND;
    *ret = found;
    return RH_OK;
}

static enum rh_rc conforms_to(struct rh_ctx *c, yyjson_val *resource, struct rh_text profile,
                              bool *ret)
{
    struct rh_run *r = c->host->user;
    const struct rh_profile *p = rh_profile_get(r, profile);
    const struct rh_type *type = rh_type_of_resource(resource);
    if (!p || !type)
        return RH_NOTFOUND;
    struct rh_place at = {.name = type->name,
                          .name_len = (unsigned short)strlen(type->name),
                          .index = -1,
                          .type = type,
                          .value = resource};
    *ret = rh_conforms(r, &at, p, resource, type);
    return r->rc;
}

/* Expressions ask inside this run: the document's own resources, what was found out already. */
static void open_run(struct rh_run *r, struct rh_ctx *c, yyjson_val *root,
                     const struct rh_validate_options *o)
{
    *r = (struct rh_run){.c = c, .o = o, .root = root, .base = true, .quiet = o->quiet};
    r->host = rh_conformance_host(c->host, root);
    r->host.user = r;
    r->host.resolve = resolve;
    r->host.conforms_to = conforms_to;
    r->host.trace = NULL;
}

static enum rh_rc close_run(struct rh_run *r, const struct rh_place *at, unsigned from)
{
    if (r->rc == RH_TIMEOUT) {
        r->rc = RH_OK;
        r->work = 0;
        rh_complain(
            r, RH_ERROR, "too-costly", at,
            "there is too much in the resource to check all of it: validation was given up");
        r->rc = RH_OK;
    }
    early_first(r, from);
    return r->rc;
}

enum rh_rc rh_validate(struct rh_ctx *c, yyjson_val *resource, const struct rh_validate_options *o,
                       bool *ret)
{
    static const struct rh_validate_options none = {0};
    struct rh_run r;
    unsigned from = c->issues->count;
    if (!o)
        o = &none;
    if (!yyjson_is_obj(resource))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "a resource is a JSON object");
    const struct rh_type *type = rh_type_of_resource(resource);
    if (!type)
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL,
                            "\"resourceType\" must name a resource type of FHIR R4, such as "
                            "\"Patient\"");
    open_run(&r, c, resource, o);
    const struct rh_host *outer = c->host;
    c->host = &r.host;
    struct rh_place root = {.name = type->name,
                            .name_len = (unsigned short)strlen(type->name),
                            .index = -1,
                            .type = type,
                            .value = resource};
    /* What was asked for comes first; the definitions of FHIR find the reasons after that. */
    struct rh_scope scope = {.resource = resource, .type = type};
    r.scope = o->n_profiles ? &scope : NULL;
    for (size_t i = 0; i < o->n_profiles && !rh_run_stop(&r); i++)
        against_named(&r, &root, &root, o->profiles[i]);
    r.scope = NULL;
    rh_validate_resource(&r, &root, resource, NULL, false);
    c->host = outer;
    enum rh_rc rc = close_run(&r, &root, from);
    *ret = r.errors == 0;
    return rc;
}
