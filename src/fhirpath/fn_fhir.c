/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The functions that FHIR R4 adds (https://hl7.org/fhir/R4/fhirpath.html, "Additional functions").
 *
 * What needs more than the element tables is asked of the host; when the host cannot say, that is
 * an error (RH_UNSUPPORTED) and never an answer.
 */
#include "fhir/check.h"
#include "fhir/world.h"
#include "fhirpath/fn_int.h"
#include "fhirpath/functions_int.h"
#include "fhirpath/variables_int.h"

#define FUNCTION(name)                                                  \
    enum rh_rc name(struct rh_fp_run *r, const struct rh_fp_node *call, \
                    const struct rh_fp_list *in, struct rh_fp_list *ret)

static enum rh_rc unknown(struct rh_fp_run *r, const struct rh_fp_node *call, const char *why)
{
    return rh_fp_error(r, call, RH_UNSUPPORTED, "%s() cannot be answered here: %s",
                       call->function->name, why);
}

/* --- extensions and values -------------------------------------------------------------------- */
static enum rh_rc add_extensions(struct rh_fp_run *r, const struct rh_fp_item *i,
                                 struct rh_text url, struct rh_fp_list *ret)
{
    if (i->kind != RH_FP_NODE)
        return RH_OK;
    yyjson_val *owner = yyjson_is_obj(i->node.value) ? i->node.value : i->node.extra, *v;
    const struct rh_type *type = i->type ? rh_type_find(RH_TEXT("Extension")) : NULL;
    size_t at, max;
    yyjson_arr_foreach (yyjson_obj_get(owner, "extension"), at, max, v) {
        if (!rh_text_eq(rh_json_get(v, "url"), url))
            continue;
        enum rh_rc rc = rh_fp_push(r, ret, rh_fp_node(type, v, NULL));
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_extension)
{
    struct rh_text url;
    bool empty;
    enum rh_rc rc = rh_fp_arg_string(r, call, 0, &url, &empty);
    for (size_t i = 0; i < in->count && !rc && !empty; i++)
        rc = add_extensions(r, &in->items[i], url, ret);
    return rc;
}

static bool has_value(const struct rh_fp_item *i)
{
    if (i->kind != RH_FP_NODE)
        return true;
    if (i->type && i->type->kind != RH_KIND_PRIMITIVE)
        return false;
    return i->node.value && !yyjson_is_ctn(i->node.value);
}

FUNCTION(rh_fp_has_value)
{
    (void)call;
    return rh_fp_push_boolean(r, ret, in->count == 1 && has_value(&in->items[0]));
}

FUNCTION(rh_fp_get_value)
{
    (void)call;
    struct rh_fp_item v;
    if (in->count != 1 || !has_value(&in->items[0]))
        return RH_OK;
    enum rh_rc rc = rh_fp_system(r, &in->items[0], &v);
    return rc || v.kind == RH_FP_NODE ? rc : rh_fp_push(r, ret, v);
}

/* A modifier extension that is not named is not understood: the data must not be used. */
FUNCTION(rh_fp_check_modifiers)
{
    struct rh_fp_set known = rh_fp_set(r);
    for (unsigned i = 0; i < call->n_args; i++) {
        struct rh_fp_list urls = {NULL, 0, 0};
        enum rh_rc rc = rh_fp_arg(r, call, i, &urls);
        if (!rc)
            rc = rh_fp_set_add_all(&known, &urls);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < in->count; i++) {
        size_t at, max;
        yyjson_val *v, *owner = in->items[i].kind == RH_FP_NODE ? in->items[i].node.value : NULL;
        yyjson_arr_foreach (yyjson_obj_get(owner, "modifierExtension"), at, max, v) {
            bool has;
            struct rh_text url = rh_json_get(v, "url");
            struct rh_fp_item item = {.kind = RH_FP_STRING, .text = url};
            enum rh_rc rc = rh_fp_set_has(&known, &item, &has);
            if (!rc && !has)
                rc = rh_fp_error(r, call, RH_VALUE, "the modifier extension %.*s is not understood",
                                 RH_TEXT_ARG(url));
            if (rc)
                return rc;
        }
    }
    return rh_fp_push_all(r, ret, in);
}

/* --- weights of answers ----------------------------------------------------------------------- */
static yyjson_val *weight_of(yyjson_val *owner)
{
    static const char *const urls[] = {"http://hl7.org/fhir/StructureDefinition/itemWeight",
                                       "http://hl7.org/fhir/StructureDefinition/ordinalValue"};
    size_t at, max;
    yyjson_val *v;
    yyjson_arr_foreach (yyjson_obj_get(owner, "extension"), at, max, v) {
        struct rh_text url = rh_json_get(v, "url");
        if (rh_text_is(url, urls[0]) || rh_text_is(url, urls[1]))
            return yyjson_obj_get(v, "valueDecimal");
    }
    return NULL;
}

/* The weight that stands on a value, or on the value of an answer. A form puts the weights of its
 * options there. */
FUNCTION(rh_fp_weight)
{
    (void)call;
    const struct rh_type *type = rh_type_find(RH_TEXT("decimal"));
    for (size_t i = 0; i < in->count; i++) {
        const struct rh_fp_item *it = &in->items[i];
        if (it->kind != RH_FP_NODE)
            continue;
        yyjson_val *owner = yyjson_is_obj(it->node.value) ? it->node.value : it->node.extra, *key,
                   *v;
        yyjson_val *weight = weight_of(owner);
        size_t at, max;
        yyjson_obj_foreach (owner, at, max, key, v) {
            struct rh_text name = rh_json_text(key);
            if (!weight && (rh_text_starts(name, "value") || rh_text_starts(name, "_value")))
                weight = weight_of(v);
        }
        enum rh_rc rc = weight ? rh_fp_push_node(r, ret, type, weight, NULL) : RH_OK;
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- references ------------------------------------------------------------------------------- */
static struct rh_text reference_of(const struct rh_fp_item *i)
{
    if (i->kind == RH_FP_STRING)
        return i->text;
    if (i->kind != RH_FP_NODE)
        return (struct rh_text){NULL, 0};
    if (yyjson_is_obj(i->node.value))
        return rh_json_get(i->node.value, "reference");
    return yyjson_is_str(i->node.value) ? rh_json_text(i->node.value) : (struct rh_text){NULL, 0};
}

static yyjson_val *contained(yyjson_val *resource, struct rh_text id)
{
    size_t at, max;
    yyjson_val *v;
    yyjson_arr_foreach (yyjson_obj_get(resource, "contained"), at, max, v) {
        if (rh_text_eq(rh_json_get(v, "id"), id))
            return v;
    }
    return NULL;
}

/* "#id": in the resource, or in the one that contains it; "#" is the container itself. */
static yyjson_val *resolve_inside(struct rh_fp_run *r, struct rh_text t)
{
    struct rh_text id = {t.data + 1, t.len - 1};
    yyjson_val *resource = rh_fp_resource_of(r, false), *root = rh_fp_resource_of(r, true);
    if (id.len == 0)
        return root;
    yyjson_val *v = contained(resource, id);
    return v ? v : contained(root, id);
}

/* An entry of the Bundle that the expression was asked about, by fullUrl, or by type and id. */
static yyjson_val *resolve_in_bundle(struct rh_fp_run *r, struct rh_text t)
{
    yyjson_val *root = rh_fp_resource_of(r, true), *v;
    size_t at, max;
    if (!rh_text_is(rh_json_get(root, "resourceType"), "Bundle"))
        return NULL;
    yyjson_arr_foreach (yyjson_obj_get(root, "entry"), at, max, v) {
        struct rh_text full = rh_json_get(v, "fullUrl");
        if (full.len && rh_text_eq(full, t))
            return yyjson_obj_get(v, "resource");
        if (full.len > t.len && t.len && full.data[full.len - t.len - 1] == '/' &&
            memcmp(full.data + full.len - t.len, t.data, t.len) == 0 && memchr(t.data, '/', t.len))
            return yyjson_obj_get(v, "resource");
    }
    return NULL;
}

/* What cannot be found is left out, as FHIR says of resolve(). */
FUNCTION(rh_fp_resolve)
{
    (void)call;
    for (size_t i = 0; i < in->count; i++) {
        struct rh_text t = reference_of(&in->items[i]);
        yyjson_val *v = NULL;
        enum rh_rc rc = rh_fp_step(r, call, 16);
        if (rc)
            return rc;
        if (!t.len)
            continue;
        if (t.data[0] == '#')
            v = resolve_inside(r, t);
        else
            v = resolve_in_bundle(r, t);
        if (!v && t.data[0] != '#' && r->c->host && r->c->host->resolve) {
            rc = r->c->host->resolve(r->c, t, &v);
            if (rc && rc != RH_NOTFOUND)
                return rc;
            if (rc)
                v = NULL;
        }
        if (!v)
            continue;
        bool plain = in->items[i].kind == RH_FP_NODE && !in->items[i].type;
        rc = rh_fp_push(r, ret, rh_fp_resource(v, plain));
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- terminology ------------------------------------------------------------------------------ */
/* The JSON of an item; a string of the language is made into one. */
static enum rh_rc json_of(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_item *i, yyjson_val **ret)
{
    if (i->kind == RH_FP_NODE && i->node.value) {
        *ret = i->node.value;
        return RH_OK;
    }
    if (i->kind != RH_FP_STRING)
        return rh_fp_wrong(r, call, "a code, Coding or CodeableConcept", i);
    struct rh_buf b = rh_buf(r->c->arena);
    rh_buf_json(&b, i->text);
    yyjson_doc *doc;
    if (b.rc)
        return b.rc;
    enum rh_rc rc = rh_json_parse(r->c->arena, r->c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

FUNCTION(rh_fp_member_of)
{
    struct rh_text address;
    bool empty, member;
    yyjson_val *v;
    const struct rh_fp_item *i;
    enum rh_rc rc = rh_fp_arg_string(r, call, 0, &address, &empty);
    if (!rc)
        rc = rh_fp_single(r, call, in, &i);
    if (rc || empty || !i || (i->kind == RH_FP_NODE && !i->node.value))
        return rc;
    rc = json_of(r, call, i, &v);
    if (rc)
        return rc;
    if (!r->c->host || !r->c->host->member_of)
        return unknown(r, call, "no terminology is loaded");
    rc = r->c->host->member_of(r->c, v, address, &member);
    if (rc == RH_NOTFOUND)
        return rh_fp_error(r, call, RH_UNSUPPORTED,
                           "whether the code is in the value set %.*s cannot be known here",
                           RH_TEXT_ARG(address));
    return rc ? rc : rh_fp_push_boolean(r, ret, member);
}

static enum rh_rc subsumption(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, bool swap, struct rh_fp_list *ret)
{
    struct rh_fp_list other = {NULL, 0, 0};
    const struct rh_fp_item *a, *b;
    yyjson_val *v[2];
    bool yes;
    enum rh_rc rc = rh_fp_arg(r, call, 0, &other);
    if (!rc)
        rc = rh_fp_single(r, call, in, &a);
    if (!rc)
        rc = rh_fp_single(r, call, &other, &b);
    if (rc || !a || !b)
        return rc;
    rc = json_of(r, call, a, &v[swap]);
    if (!rc)
        rc = json_of(r, call, b, &v[!swap]);
    if (rc)
        return rc;
    if (!r->c->host || !r->c->host->subsumes)
        return unknown(r, call, "no terminology is loaded");
    rc = r->c->host->subsumes(r->c, v[0], v[1], &yes);
    if (rc == RH_NOTFOUND)
        return unknown(r, call, "the code system is not loaded");
    return rc ? rc : rh_fp_push_boolean(r, ret, yes);
}

FUNCTION(rh_fp_subsumes)
{
    return subsumption(r, call, in, false, ret);
}

FUNCTION(rh_fp_subsumed_by)
{
    return subsumption(r, call, in, true, ret);
}

/* --- conformance ------------------------------------------------------------------------------ */
FUNCTION(rh_fp_html_checks)
{
    struct rh_fp_item v;
    const struct rh_fp_item *i;
    bool fine;
    enum rh_rc rc = rh_fp_single(r, call, in, &i);
    if (rc || !i)
        return rc;
    rc = rh_fp_system(r, i, &v);
    if (rc)
        return rc;
    if (v.kind != RH_FP_STRING)
        return rh_fp_push_boolean(r, ret, false);
    if (!r->c->host || !r->c->host->html_checks)
        return unknown(r, call, "the host does not read XHTML");
    rc = r->c->host->html_checks(r->c, v.text, &fine);
    return rc ? rc : rh_fp_push_boolean(r, ret, fine);
}

/* The type of R4 whose definition this is; NULL: a profile. */
static const struct rh_type *type_of_address(struct rh_text address)
{
    for (size_t i = 0; i < rh_fp_n_addresses; i++) {
        const struct rh_fp_address *a = &rh_fp_addresses[i];
        size_t len = strlen(a->address);
        if (strcmp(a->name, "ext-") == 0 && address.len > len &&
            memcmp(address.data, a->address, len) == 0)
            return rh_type_find((struct rh_text){address.data + len, address.len - len});
    }
    return NULL;
}

/* Against a type of R4 itself the element tables can answer when the host cannot. */
static enum rh_rc conforms_to_type(struct rh_fp_run *r, const struct rh_fp_item *i,
                                   const struct rh_type *type, bool *ret)
{
    struct rh_issues findings;
    rh_issues_init(&findings, r->c->arena);
    if (!rh_fp_derives(i->type, type)) {
        *ret = false;
        return RH_OK;
    }
    enum rh_rc rc = rh_fhir_check(&findings, i->node.value, NULL);
    *ret = rc == RH_OK;
    return rc == RH_NOMEM ? rc : RH_OK;
}

FUNCTION(rh_fp_conforms_to)
{
    struct rh_text address;
    const struct rh_fp_item *i;
    bool empty, fine;
    enum rh_rc rc = rh_fp_arg_string(r, call, 0, &address, &empty);
    if (!rc)
        rc = rh_fp_single(r, call, in, &i);
    if (rc || empty || !i)
        return rc;
    if (i->kind != RH_FP_NODE || !i->node.value || (i->type && i->type->kind != RH_KIND_RESOURCE))
        return rh_fp_wrong(r, call, "a resource", i);
    const struct rh_type *type = type_of_address(address);
    rc = RH_NOTFOUND;
    if (r->c->host && r->c->host->conforms_to &&
        !(type && i->type && !rh_fp_derives(i->type, type)))
        rc = r->c->host->conforms_to(r->c, i->node.value, address, &fine);
    if (rc == RH_NOTFOUND && type && i->type)
        rc = conforms_to_type(r, i, type, &fine);
    if (rc == RH_NOTFOUND)
        return rh_fp_error(r, call, RH_UNSUPPORTED, "the profile %.*s is not loaded",
                           RH_TEXT_ARG(address));
    return rc ? rc : rh_fp_push_boolean(r, ret, fine);
}

/* Of a node only its type is known here, not its place in a profile: the definition of the type. */
FUNCTION(rh_fp_element_definition)
{
    const struct rh_type *wanted = rh_type_find(RH_TEXT("ElementDefinition"));
    for (size_t i = 0; i < in->count; i++) {
        const struct rh_type *t = in->items[i].kind == RH_FP_NODE ? in->items[i].type : NULL;
        const struct rh_definition *d = NULL;
        for (size_t k = 0; k < rh_fp_n_addresses && t && !d; k++) {
            if (strcmp(rh_fp_addresses[k].name, "ext-") != 0)
                continue;
            const char *address =
                rh_arena_printf(r->c->arena, "%s%s", rh_fp_addresses[k].address, t->name);
            if (!address)
                return RH_NOMEM;
            d = rh_world_find(r->c->world, "StructureDefinition", rh_text(address));
        }
        yyjson_val *body, *first;
        if (!d)
            return unknown(r, call, "the definition of the type is not loaded");
        enum rh_rc rc = rh_definition_body(r->c, d, &body);
        if (rc)
            return rc;
        first = yyjson_arr_get_first(yyjson_obj_get(yyjson_obj_get(body, "snapshot"), "element"));
        rc = first ? rh_fp_push(r, ret, rh_fp_node(wanted, first, NULL)) : RH_OK;
        if (rc)
            return rc;
    }
    return RH_OK;
}

FUNCTION(rh_fp_slice)
{
    (void)ret;
    if (in->count == 0)
        return RH_OK;
    return unknown(r, call, "slices are known to the validator only");
}
