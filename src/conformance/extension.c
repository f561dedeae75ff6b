/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Extensions: a definition that is loaded, a place where it may stand, the content that it wants.
 */
#include "conformance/validate_int.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

enum { PATH_PARTS_MAX = 32 };

/* Addresses that may be used without a definition: of examples, of DICOM and of FHIR's own tools.
 */
static bool free_address(struct rh_text url)
{
    static const char *const parts[] = {"example.org", "example.com", "acme.com", "nema.org"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memmem(url.data, url.len, parts[i], strlen(parts[i])))
            return true;
    return rh_text_starts(url, "http://hl7.org/fhir/tools/StructureDefinition/") ||
           rh_text_is(url, CORE "structuredefinition-expression");
}

/* --- context
 * ---------------------------------------------------------------------------------------
 */

/* "Patient.contact.name" from a named type at `top` down to `at`; the names of choices as in
 * definitions when `x`. */
static struct rh_text path_from(struct rh_buf *b, const struct rh_place *top,
                                const struct rh_place *at, const char *type_name, bool x)
{
    const struct rh_place *parts[PATH_PARTS_MAX];
    unsigned n = 0;
    for (const struct rh_place *p = at; p != top; p = p->up) {
        if (n == PATH_PARTS_MAX)
            return (struct rh_text){NULL, 0};
        parts[n++] = p;
    }
    b->len = 0;
    rh_buf_str(b, type_name);
    while (n-- > 0) {
        rh_buf_char(b, '.');
        rh_buf_add(b, parts[n]->name, parts[n]->name_len);
        if (parts[n]->choice && x)
            rh_buf_str(b, "[x]");
    }
    return rh_buf_get(b);
}

static bool is_canonical_resource(const struct rh_type *t)
{
    return t && t->kind == RH_KIND_RESOURCE && rh_element_find(t, RH_TEXT("url")) &&
           rh_element_find(t, RH_TEXT("status")) && rh_element_find(t, RH_TEXT("name"));
}

static bool names_type(const struct rh_type *t, struct rh_text name)
{
    if (!t)
        return false;
    if (rh_text_is(name, t->name))
        return true;
    if (t->kind == RH_KIND_RESOURCE)
        return rh_text_is(name, "Resource") ||
               (rh_text_is(name, "DomainResource") && rh_element_find(t, RH_TEXT("contained"))) ||
               (rh_text_is(name, "CanonicalResource") && is_canonical_resource(t)) ||
               (rh_text_is(name, "MetadataResource") && is_canonical_resource(t));
    if (rh_text_is(name, "BackboneElement"))
        return t->kind == RH_KIND_BACKBONE || rh_element_find(t, RH_TEXT("modifierExtension"));
    return rh_text_is(name, "Quantity") && rh_element_find(t, RH_TEXT("comparator"));
}

/* Is `want` the name of the place: of its type, or a path from a type that it is part of? */
static bool place_is(struct rh_run *r, const struct rh_place *at, struct rh_text want)
{
    if (rh_text_is(want, "Element") || rh_text_is(want, "Any"))
        return true;
    if (names_type(at->type, want))
        return true;
    struct rh_buf b = rh_buf(r->c->arena);
    const char *dot = memchr(want.data, '.', want.len);
    if (!dot)
        return false;
    struct rh_text head = {want.data, (size_t)(dot - want.data)};
    size_t tail = want.len - head.len;
    for (const struct rh_place *top = at->up; top; top = top->up) {
        if (!names_type(top->type, head))
            continue;
        for (int x = 0; x < 2; x++) {
            struct rh_text p = path_from(&b, top, at, "", x != 0);
            if (p.data && p.len == tail && memcmp(p.data, dot, tail) == 0)
                return true;
        }
    }
    return false;
}

static bool element_context(struct rh_run *r, const struct rh_place *owner, struct rh_text want)
{
    const char *hash = want.len ? memchr(want.data, '#', want.len) : NULL;
    if (hash) { /* "profile#path": the resource must conform to the profile */
        struct rh_text url = {want.data, (size_t)(hash - want.data)};
        const struct rh_profile *p = rh_profile_get(r, url);
        struct rh_place root = *owner;
        while (root.up && root.value != r->scope->resource)
            root = *root.up;
        if (p && !p->base && !rh_conforms(r, &root, p, r->scope->resource, r->scope->type))
            return false;
        want = (struct rh_text){hash + 1, want.len - url.len - 1};
    }
    return place_is(r, owner, want);
}

static bool fhirpath_context(struct rh_run *r, const struct rh_place *owner,
                             struct rh_text expression)
{
    struct rh_fp *fp = NULL;
    struct rh_fp_list list = {0};
    struct rh_issues silent, *outer = r->c->issues;
    struct rh_fp_input in = {.focus = rh_fp_resource(r->scope->resource, false),
                             .resource = r->scope->resource,
                             .root = r->scope->resource};
    rh_issues_init(&silent, r->c->arena);
    r->c->issues = &silent;
    enum rh_rc rc = rh_fp_compile(r->c, r->c->arena, expression, &fp);
    if (!rc)
        rc = rh_fp_eval(r->c, fp, &in, &list);
    r->c->issues = outer;
    if (rc)
        return true; /* nobody can say */
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].kind == RH_FP_NODE &&
            (list.items[i].node.value == owner->value ||
             (owner->extra && list.items[i].node.extra == owner->extra)))
            return true;
    return false;
}

static bool in_context(struct rh_run *r, const struct rh_profile *p, const struct rh_place *owner)
{
    yyjson_val *list = yyjson_obj_get(p->body, "context"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return true;
    /* What describes values of others may carry what they carry. */
    for (const struct rh_place *q = owner; q; q = q->up)
        if (q->up && q->up->type && strcmp(q->up->type->name, "ElementDefinition") == 0 &&
            (q->choice || (q->name_len == 7 && memcmp(q->name, "example", 7) == 0)))
            return true;
    /* May stand on more than their definitions of R4 say. */
    if (rh_text_starts(p->url, CORE "capabilitystatement-expectation") ||
        rh_text_starts(p->url, CORE "capabilitystatement-prohibited") ||
        rh_text_is(p->url, CORE "structuredefinition-normative-version"))
        return true;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text type = rh_json_get(v, "type"), expression = rh_json_get(v, "expression");
        if (rh_text_is(type, "element") && element_context(r, owner, expression))
            return true;
        if (rh_text_is(type, "extension")) {
            const struct rh_place *e = owner;
            if (e->choice && e->up)
                e = e->up;
            if (rh_text_eq(rh_json_get(e->value, "url"), expression))
                return true;
        }
        if (rh_text_is(type, "fhirpath") && fhirpath_context(r, owner, expression))
            return true;
    }
    return rh_text_is(p->url, CORE "regex") &&
           place_is(r, owner, RH_TEXT("ElementDefinition.type"));
}

static void check_context(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                          bool modifier)
{
    const struct rh_place *owner = at->up;
    if (!in_context(r, p, owner))
        rh_complain(
            r, RH_ERROR, "structure", owner,
            "the %sextension \"%.*s\" may not be used here; its definition says where it may",
            modifier ? "modifier " : "", RH_TEXT_ARG(p->url));
}

/* --- content -------------------------------------------------------------------------------------
 */

static const struct rh_element *value_of(yyjson_val *extension, const struct rh_type *type)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (extension, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (name.len && name.data[0] == '_')
            name = (struct rh_text){name.data + 1, name.len - 1};
        const struct rh_element *e = rh_element_find(type, name);
        if (e && e->choice)
            return e;
    }
    return NULL;
}

static bool allows_value(const struct rh_rule *value, const struct rh_type *type)
{
    if (!value || value->max == 0)
        return false;
    for (unsigned i = 0; i < value->n_types; i++)
        if (value->types[i].type == type)
            return true;
    return value->n_types == 0;
}

static void check_content(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                          const struct rh_element *value)
{
    bool wants = p->value && p->value->max > 0;
    if (value && !allows_value(p->value, value->type))
        rh_complain(r, RH_ERROR, "structure", at,
                    "the extension \"%.*s\" does not allow a value of type %s", RH_TEXT_ARG(p->url),
                    value->type->name);
    else if (!value && yyjson_obj_get(at->value, "extension") && wants)
        rh_complain(r, RH_ERROR, "structure", at,
                    "the extension \"%.*s\" has a value, not extensions of its own",
                    RH_TEXT_ARG(p->url));
    else if (!value && !yyjson_obj_get(at->value, "extension") && wants)
        rh_complain(r, RH_ERROR, "structure", at, "the extension \"%.*s\" must have a value",
                    RH_TEXT_ARG(p->url));
    bool base = r->base;
    r->base = false;
    rh_check_value(r, at, p->root);
    r->base = base;
}

/* The url of the extension around this one whose part it is; NULL: it stands by itself. */
static const struct rh_profile *around(struct rh_run *r, const struct rh_place *at)
{
    for (const struct rh_place *p = at->up; p; p = p->up) {
        if (!p->type || strcmp(p->type->name, "Extension") != 0)
            return NULL;
        struct rh_text url = rh_json_get(p->value, "url");
        if (rh_url_absolute(url))
            return p == at->up ? rh_profile_get(r, url) : NULL;
    }
    return NULL;
}

/* Does the definition have a part of this name? */
static bool has_part(const struct rh_profile *p, struct rh_text url)
{
    const struct rh_element *e = rh_element_find(p->rh_type, RH_TEXT("extension"));
    const struct rh_element *u = rh_element_find(p->rh_type, RH_TEXT("url"));
    const struct rh_rule *head = p->root->children ? p->root->children[e->order] : NULL;
    for (unsigned i = 0; head && i < head->n_slices; i++) {
        const struct rh_rule *c =
            head->slices[i]->children ? head->slices[i]->children[u->order] : NULL;
        if (c && rh_text_eq(rh_json_text(c->fixed), url))
            return true;
    }
    return false;
}

static void check_part(struct rh_run *r, const struct rh_place *at, struct rh_text url)
{
    const struct rh_profile *p = around(r, at);
    if (p && !has_part(p, url))
        rh_complain(r, RH_ERROR, "invalid", at, "the extension \"%.*s\" has no part \"%.*s\"",
                    RH_TEXT_ARG(p->url), RH_TEXT_ARG(rh_shown(url)));
    else if (!p && (at->up && (!at->up->type || strcmp(at->up->type->name, "Extension") != 0)))
        rh_complain(r, RH_ERROR, "structure", at,
                    "the url of an extension must be absolute, and \"%.*s\" is not",
                    RH_TEXT_ARG(rh_shown(url)));
}

/* http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.x: an element of another version.
 */
static bool of_other_version(struct rh_text url)
{
    static const char *const versions[] = {"1.0", "3.0", "4.0", "4.3", "5.0"};
    static const char head[] = "http://hl7.org/fhir/", tail[] = "/StructureDefinition/extension-";
    if (!rh_text_starts(url, head))
        return false;
    struct rh_text rest = {url.data + sizeof head - 1, url.len - (sizeof head - 1)};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (rh_text_starts(rest, versions[i]) &&
            rh_text_starts((struct rh_text){rest.data + 3, rest.len - 3}, tail))
            return true;
    return false;
}

static bool may_be_unknown(const struct rh_validate_options *o)
{
    return o->extensions == RH_EXTENSIONS_ANY ||
           (o->extensions == RH_EXTENSIONS_DEFAULT && o->n_profiles > 0);
}

static void unknown(struct rh_run *r, const struct rh_place *at, struct rh_text url, bool modifier)
{
    if (free_address(url))
        return;
    if (of_other_version(url)) {
        rh_complain(r, RH_WARNING, "not-found", at,
                    "\"%.*s\" is an element of another version of FHIR, which is not loaded",
                    RH_TEXT_ARG(rh_shown(url)));
        return;
    }
    if (may_be_unknown(r->o))
        rh_complain(r, modifier ? RH_WARNING : RH_INFORMATION, "structure", at,
                    "the extension \"%.*s\" is not known", RH_TEXT_ARG(rh_shown(url)));
    else
        rh_complain(r, RH_ERROR, "structure", at,
                    "the extension \"%.*s\" is not known here; add the package that defines it",
                    RH_TEXT_ARG(rh_shown(url)));
}

void rh_check_extension(struct rh_run *r, const struct rh_place *at, bool modifier)
{
    struct rh_text url = rh_json_get(at->value, "url");
    const struct rh_element *value = value_of(at->value, at->type);
    bool parts = yyjson_obj_get(at->value, "extension") != NULL;
    if (url.len == 0) {
        rh_complain(r, RH_ERROR, "invalid", at,
                    "an extension must have a url that tells what it means");
        return;
    }
    if ((value != NULL) == parts)
        rh_complain(
            r, RH_ERROR, "invariant", at,
            value ? "an extension has a value or extensions of its own, not both (ext-1)"
                  : "the extension says nothing: it has neither a value nor extensions (ext-1)");
    struct rh_text plain = url;
    const char *bar = memchr(url.data, '|', url.len);
    if (bar)
        plain.len = (size_t)(bar - url.data);
    if (!rh_url_absolute(url)) {
        check_part(r, at, url);
        return;
    }
    if (bar) {
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the url of an extension has no version: leave out \"%.*s\"",
                    (int)(url.len - plain.len), bar);
    }
    const struct rh_profile *p = rh_profile_get(r, plain);
    if (!p || !p->extension) {
        unknown(r, at, url, modifier);
        return;
    }
    check_context(r, at, p, modifier);
    if (modifier != p->root->modifier)
        rh_complain(r, RH_ERROR, "structure", at,
                    modifier
                        ? "\"%.*s\" changes no meaning, so it belongs into \"extension\""
                        : "\"%.*s\" changes the meaning of what it stands on, so it belongs into "
                          "\"modifierExtension\"",
                    RH_TEXT_ARG(url));
    check_content(r, at, p, value);
}
