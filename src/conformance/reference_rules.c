/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * References: their form, what they point to inside the document, whether that is what may be
 * pointed to; and contained resources.
 */
#include "conformance/narrative.h"
#include "conformance/validate_int.h"
#include "fhir/reference.h"

const struct rh_type *rh_type_of_resource(yyjson_val *resource)
{
    const struct rh_type *t = rh_type_find(rh_json_get(resource, "resourceType"));
    return t && t->kind == RH_KIND_RESOURCE ? t : NULL;
}

/* --- resolving -----------------------------------------------------------------------------------
 */

static const struct rh_scope *container(const struct rh_scope *s)
{
    while (s && s->contained && s->up)
        s = s->up;
    return s;
}

static yyjson_val *by_id(struct rh_run *r, yyjson_val *resource, struct rh_text id)
{
    yyjson_val *list = yyjson_obj_get(resource, "contained"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return NULL;
    yyjson_arr_foreach (list, i, n, v) {
        r->work++;
        if (rh_text_eq(rh_json_get(v, "id"), id))
            return v;
    }
    return NULL;
}

static bool version_fits(yyjson_val *resource, struct rh_text version)
{
    return version.len == 0 ||
           rh_text_eq(rh_json_get(yyjson_obj_get(resource, "meta"), "versionId"), version);
}

/* Two chained tables over the entries of one Bundle. */
struct rh_entries {
    yyjson_val *bundle, **list;
    unsigned *by_url, *by_resource, *next_url, *next_resource; /* index + 1; 0 ends a chain */
    size_t mask;
};

static size_t url_hash(struct rh_text head, struct rh_text tail)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < head.len; i++)
        h = (h ^ (unsigned char)head.data[i]) * UINT64_C(0x100000001B3);
    for (size_t i = 0; i < tail.len; i++)
        h = (h ^ (unsigned char)tail.data[i]) * UINT64_C(0x100000001B3);
    return (size_t)(h ^ h >> 29);
}

static size_t pointer_hash(const yyjson_val *v)
{
    return (size_t)(((uint64_t)(uintptr_t)v * UINT64_C(0x9E3779B97F4A7C15)) >> 20);
}

static struct rh_entries *entries_of(struct rh_run *r, yyjson_val *bundle)
{
    yyjson_val *list = yyjson_obj_get(bundle, "entry"), *v;
    size_t i, n, slots = 16;
    const struct rh_text none = {"", 0};
    if (r->entries && r->entries->bundle == bundle)
        return r->entries;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return NULL;
    while (slots < 2 * yyjson_arr_size(list))
        slots *= 2;
    n = yyjson_arr_size(list);
    struct rh_entries *e = rh_arena_alloc(r->c->arena, sizeof *e);
    if (!e || !(e->by_url = rh_arena_zero(r->c->arena, slots * sizeof *e->by_url)) ||
        !(e->by_resource = rh_arena_zero(r->c->arena, slots * sizeof *e->by_resource)) ||
        !(e->next_url = rh_arena_alloc(r->c->arena, n * sizeof *e->next_url)) ||
        !(e->next_resource = rh_arena_alloc(r->c->arena, n * sizeof *e->next_resource)) ||
        !(e->list = rh_arena_alloc(r->c->arena, n * sizeof *e->list))) {
        r->rc = RH_NOMEM;
        return NULL;
    }
    e->bundle = bundle;
    e->mask = slots - 1;
    yyjson_arr_foreach (list, i, n, v) {
        size_t url = url_hash(rh_json_get(v, "fullUrl"), none) & e->mask;
        size_t resource = pointer_hash(yyjson_obj_get(v, "resource")) & e->mask;
        e->list[i] = v;
        e->next_url[i] = e->by_url[url];
        e->by_url[url] = (unsigned)i + 1;
        e->next_resource[i] = e->by_resource[resource];
        e->by_resource[resource] = (unsigned)i + 1;
    }
    return r->entries = e;
}

yyjson_val *rh_entry_of(struct rh_run *r, yyjson_val *bundle, const yyjson_val *resource)
{
    const struct rh_entries *e = entries_of(r, bundle);
    if (!e)
        return NULL;
    for (unsigned i = e->by_resource[pointer_hash(resource) & e->mask]; i;
         i = e->next_resource[i - 1])
        if (yyjson_obj_get(e->list[i - 1], "resource") == resource)
            return e->list[i - 1];
    return NULL;
}

/* The resource of the first entry whose fullUrl is head followed by tail. */
static yyjson_val *by_full_url(struct rh_run *r, yyjson_val *bundle, struct rh_text head,
                               struct rh_text tail, struct rh_text version)
{
    const struct rh_entries *e = entries_of(r, bundle);
    yyjson_val *found = NULL;
    if (!e)
        return NULL;
    for (unsigned i = e->by_url[url_hash(head, tail) & e->mask]; i; i = e->next_url[i - 1]) {
        struct rh_text url = rh_json_get(e->list[i - 1], "fullUrl");
        yyjson_val *resource = yyjson_obj_get(e->list[i - 1], "resource");
        if (resource && url.len == head.len + tail.len &&
            memcmp(url.data + head.len, tail.data, tail.len) == 0 &&
            memcmp(url.data, head.data, head.len) == 0 && version_fits(resource, version))
            found = resource, r->work++; /* chains run from the last entry to the first */
    }
    return found;
}

/* "http://host/fhir/" of "http://host/fhir/Patient/1"; empty when it is not of that form. */
static struct rh_text base_of(struct rh_text full_url)
{
    size_t slashes = 0, i = full_url.len;
    while (i > 0 && slashes < 2)
        if (full_url.data[--i] == '/')
            slashes++;
    return slashes == 2 ? (struct rh_text){full_url.data, i + 1} : (struct rh_text){"", 0};
}

static yyjson_val *in_bundle(struct rh_run *r, const struct rh_scope *s, struct rh_text reference)
{
    yyjson_val *bundle = s->up->resource;
    struct rh_text none = {"", 0}, version = {NULL, 0}, plain = reference;
    const char *history = memmem(reference.data, reference.len, "/_history/", 10);
    if (history) {
        plain.len = (size_t)(history - reference.data);
        version = (struct rh_text){history + 10, reference.len - plain.len - 10};
    }
    const char *hash = memchr(plain.data, '#', plain.len);
    if (hash)
        plain.len = (size_t)(hash - plain.data);
    if (rh_url_absolute(plain)) {
        yyjson_val *found = by_full_url(r, bundle, none, reference, (struct rh_text){NULL, 0});
        return found ? found : by_full_url(r, bundle, none, plain, version);
    }
    if (s->full_url.len == 0)
        return NULL;
    const char *slash = memchr(plain.data, '/', plain.len);
    if (rh_text_starts(s->full_url, "urn:uuid:") && slash) {
        struct rh_text id = {slash + 1, plain.len - (size_t)(slash + 1 - plain.data)};
        return by_full_url(r, bundle, RH_TEXT("urn:uuid:"), id, version);
    }
    struct rh_text base = base_of(s->full_url);
    return base.len ? by_full_url(r, bundle, base, plain, version) : NULL;
}

yyjson_val *rh_resolve_local(struct rh_run *r, const struct rh_scope *s, struct rh_text reference)
{
    s = container(s);
    if (!s || reference.len == 0)
        return NULL;
    if (reference.data[0] == '#')
        return reference.len == 1
                   ? s->resource
                   : by_id(r, s->resource, (struct rh_text){reference.data + 1, reference.len - 1});
    while (s && !(s->entry && s->up))
        s = s->up;
    return s ? in_bundle(r, s, reference) : NULL;
}

/* --- a reference ---------------------------------------------------------------------------------
 */

static const struct rh_scope *bundle_entry(const struct rh_scope *s)
{
    while (s && !(s->entry && s->up))
        s = s->up;
    return s;
}

static bool strange(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.data[i] <= ' ' || strchr("\"'<>[]{}\\^`", t.data[i]))
            return true;
    return false;
}

static const struct rh_type *implied_type(struct rh_text reference)
{
    struct rh_reference ref = rh_reference_parse(reference, (struct rh_text){"", 0});
    return ref.type ? rh_resource_type(ref.type) : NULL;
}

static bool is_transaction(yyjson_val *bundle)
{
    static const char *const kinds[] = {"transaction", "batch", "transaction-response",
                                        "batch-response"};
    struct rh_text type = rh_json_get(bundle, "type");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (rh_text_is(type, kinds[i]))
            return true;
    return false;
}

static void check_form(struct rh_run *r, const struct rh_place *at, struct rh_text reference)
{
    const struct rh_scope *e = bundle_entry(r->scope);
    if (strange(reference)) {
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is not a valid reference",
                    RH_TEXT_ARG(rh_shown(reference)));
        return;
    }
    if (reference.data[0] == '#' || rh_url_absolute(reference) || !e)
        return;
    struct rh_reference parsed = rh_reference_parse(reference, (struct rh_text){"", 0});
    if (parsed.kind == RH_REF_CONDITIONAL || is_transaction(e->up->resource))
        return;
    if (e->full_url.len == 0)
        rh_complain(r, RH_ERROR, "required", at,
                    "the relative reference \"%.*s\" means nothing, since the entry of the Bundle "
                    "has no fullUrl",
                    RH_TEXT_ARG(rh_shown(reference)));
    else if (!memchr(reference.data, '/', reference.len))
        rh_complain(r, RH_ERROR, "invalid", at,
                    "a relative reference has the form Type/id; \"%.*s\" has not",
                    RH_TEXT_ARG(rh_shown(reference)));
}

static struct rh_text type_name_of(struct rh_run *r, struct rh_text target)
{
    static const char core[] = "http://hl7.org/fhir/StructureDefinition/";
    struct rh_text name = target;
    if (rh_text_starts(target, core))
        name = (struct rh_text){target.data + sizeof core - 1, target.len - (sizeof core - 1)};
    if (name.data != target.data && rh_type_find(name))
        return name;
    const struct rh_profile *p = rh_profile_get(r, target);
    return p ? p->type : (struct rh_text){NULL, 0};
}

/* 1 a target is of this type, 0 none is, -1: nobody can say. */
static int target_allows(struct rh_run *r, const struct rh_rule *rule, const struct rh_type *type)
{
    int answer = 0;
    bool any = false;
    for (unsigned i = 0; i < rule->n_types; i++) {
        if (!rule->types[i].type || strcmp(rule->types[i].type->name, "Reference") != 0)
            continue;
        for (unsigned k = 0; k < rule->types[i].n_targets; k++) {
            struct rh_text name = type_name_of(r, rule->types[i].targets[k]);
            any = true;
            if (!name.data)
                answer = -1;
            else if (rh_text_is(name, type->name) || rh_text_is(name, "Resource") ||
                     (rh_text_is(name, "DomainResource") && rh_element_find(type, RH_TEXT("text"))))
                return 1;
        }
    }
    return any ? answer : 1;
}

static void check_target_profiles(struct rh_run *r, const struct rh_place *at,
                                  const struct rh_rule *rule, yyjson_val *resource,
                                  const struct rh_type *type)
{
    bool known = false;
    struct rh_text first = {NULL, 0};
    for (unsigned i = 0; i < rule->n_types; i++)
        for (unsigned k = 0; k < rule->types[i].n_targets; k++) {
            const struct rh_profile *p = rh_profile_get(r, rule->types[i].targets[k]);
            if (!p)
                return; /* nobody can say */
            if (p->base ? p->rh_type == type || p->rh_type->kind == RH_KIND_ABSTRACT
                        : p->rh_type == type && rh_conforms(r, at, p, resource, type))
                return;
            known = true;
            if (!first.data)
                first = p->url;
        }
    if (known)
        rh_complain(
            r, RH_ERROR, "structure", at,
            "what is referred to conforms to none of the profiles allowed here, such as %.*s",
            RH_TEXT_ARG(first));
}

void rh_check_reference(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    yyjson_val *value = yyjson_obj_get(at->value, "reference");
    struct rh_text reference = rh_json_text(value);
    struct rh_text stated = rh_json_get(at->value, "type");
    const struct rh_type *type = NULL;
    if (!yyjson_is_str(value) || reference.len == 0) {
        if (stated.len && (type = rh_type_find(stated)) && target_allows(r, rule, type) == 0)
            rh_complain(r, RH_ERROR, "structure", at, "a %s may not be referred to here",
                        type->name);
        return;
    }
    if (r->base)
        check_form(r, at, reference);
    yyjson_val *resource = rh_resolve_local(r, r->scope, reference);
    if (resource)
        type = rh_type_of_resource(resource);
    if (!resource && reference.data[0] == '#') {
        if (r->base)
            rh_complain(r, RH_ERROR, "structure", at,
                        "there is no contained resource with the id \"%.*s\"",
                        (int)(rh_shown(reference).len - 1), reference.data + 1);
        return;
    }
    if (!type)
        type = implied_type(reference);
    if (!type)
        return;
    if (stated.len && r->base && !rh_text_is(stated, type->name))
        rh_complain(r, RH_ERROR, "structure", at,
                    "the reference is said to be of type %.*s, but it is a %s",
                    RH_TEXT_ARG(rh_shown(stated)), type->name);
    int allowed = target_allows(r, rule, type);
    if (allowed == 0) /* what is only named, and not here, may be something else */
        rh_complain(r, resource ? RH_ERROR : RH_WARNING, "structure", at,
                    "a %s may not be referred to here", type->name);
    else if (!r->base && allowed > 0 && resource)
        check_target_profiles(r, at, rule, resource, type);
}

/* --- contained -----------------------------------------------------------------------------------
 */

struct search {
    struct rh_run *r;
    struct rh_names *names; /* "#id" of all references, without the "#" */
    bool back;              /* one is "#", the resource itself */
};

static enum rh_rc look(void *user, yyjson_val *string, const struct rh_element *element)
{
    struct search *s = user;
    struct rh_text t = rh_json_text(string);
    (void)element;
    if (t.len == 0 || t.data[0] != '#')
        return RH_OK;
    if (t.len == 1)
        s->back = true;
    else if (s->names)
        return rh_names_add(s->r->c->arena, s->names, (struct rh_text){t.data + 1, t.len - 1});
    return RH_OK;
}

static void check_one(struct rh_run *r, const struct rh_place *at, const struct rh_place *here,
                      const struct rh_names *referred, struct rh_names *ids, yyjson_val *c)
{
    yyjson_val *meta = yyjson_obj_get(c, "meta");
    if (yyjson_obj_get(c, "contained"))
        rh_complain(r, RH_ERROR, "invariant", at,
                    "a contained resource has no contained resources of its own (dom-2)");
    if (yyjson_obj_get(meta, "versionId") || yyjson_obj_get(meta, "lastUpdated"))
        rh_complain(r, RH_ERROR, "invariant", at,
                    "a contained resource has no meta.versionId and no meta.lastUpdated (dom-4)");
    if (yyjson_obj_get(meta, "security"))
        rh_complain(r, RH_ERROR, "invariant", at,
                    "a contained resource has no security labels of its own (dom-5)");
    struct rh_text id = rh_json_get(c, "id");
    const struct rh_type *inner = rh_type_of_resource(c);
    struct search own = {.r = r};
    if (!inner)
        return;
    if (id.len == 0) {
        rh_complain(r, RH_ERROR, "invalid", here, "a contained resource must have an id");
        return;
    }
    if (rh_names_count(ids, id))
        rh_complain(r, RH_ERROR, "business-rule", here,
                    "another contained resource has the id \"%.*s\" too",
                    RH_TEXT_ARG(rh_shown(id)));
    else if (rh_names_add(r->c->arena, ids, id))
        r->rc = RH_NOMEM;
    if (rh_names_count(referred, id))
        return;
    (void)rh_references_walk(inner, c, look, &own);
    if (!own.back)
        rh_complain(r, RH_ERROR, "invalid", here,
                    "nothing refers to the contained resource \"%.*s\" (dom-3)",
                    RH_TEXT_ARG(rh_shown(id)));
}

/* A narrative refers too: its links and images to "#id" (R4, narrative: contained Binary). */
static void text_refers(void *user, enum rh_narrative_mark mark, struct rh_text value)
{
    struct search *s = user;
    if (mark != RH_NARRATIVE_ID && rh_names_add(s->r->c->arena, s->names, value))
        s->r->rc = RH_NOMEM;
}

static void texts_refer(struct search *s, yyjson_val *holder, unsigned depth)
{
    yyjson_val *div = yyjson_obj_get(yyjson_obj_get(holder, "text"), "div");
    yyjson_val *list = yyjson_obj_get(holder, "section"), *v;
    size_t i, n;
    if (yyjson_is_str(div) && yyjson_get_len(div))
        rh_narrative_marks(s->r->c->arena, rh_json_text(div), text_refers, s);
    if (!yyjson_is_arr(list) || depth > RH_VALIDATE_DEPTH_MAX)
        return;
    yyjson_arr_foreach (list, i, n, v)
        texts_refer(s, v, depth + 1);
}

void rh_check_contained(struct rh_run *r, const struct rh_place *at, yyjson_val *resource)
{
    yyjson_val *list = yyjson_obj_get(resource, "contained"), *c;
    size_t i, n;
    if (yyjson_is_arr(list) && !r->scope->contained) {
        struct rh_names referred = {0}, ids = {0};
        struct search all = {.r = r, .names = &referred};
        if (rh_references_walk(at->type, resource, look, &all)) {
            r->rc = RH_NOMEM;
            return;
        }
        texts_refer(&all, resource, 0);
        yyjson_arr_foreach (list, i, n, c) {
            struct rh_place here = rh_below(at, "contained", 9, (long)i);
            check_one(r, at, &here, &referred, &ids, c);
        }
    }
    if (!r->quiet && !r->scope->contained && rh_element_find(at->type, RH_TEXT("text")) &&
        !yyjson_obj_get(yyjson_obj_get(resource, "text"), "div"))
        rh_complain(r, RH_WARNING, "invariant", at,
                    "a resource should have a narrative that a person can read (dom-6)");
}
