/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Definitions: code systems, value sets, questionnaires, structure definitions, as far as they
 * contradict themselves.
 */
#include "conformance/validate_int.h"

/* --- CodeSystem ----------------------------------------------------------------------------------
 */

static uint64_t concepts(yyjson_val *list, unsigned depth)
{
    size_t i, n;
    yyjson_val *c;
    uint64_t sum = 0;
    if (!yyjson_is_arr(list) || depth > RH_VALIDATE_DEPTH_MAX)
        return 0;
    yyjson_arr_foreach (list, i, n, c)
        sum += 1 + concepts(yyjson_obj_get(c, "concept"), depth + 1);
    return sum;
}

static void check_codesystem(struct rh_run *r, const struct rh_place *at, yyjson_val *cs)
{
    struct rh_text content = rh_json_get(cs, "content");
    struct rh_text count = rh_json_text(yyjson_obj_get(cs, "count"));
    yyjson_val *list = yyjson_obj_get(cs, "concept");
    uint64_t n = concepts(list, 0), stated;
    struct rh_place place;
    if (yyjson_obj_get(cs, "supplements") && !rh_text_is(content, "supplement")) {
        place = rh_below(at, "content", 7, -1);
        rh_complain(r, RH_ERROR, "business-rule", &place,
                    "a code system that supplements another has the content \"supplement\"");
    }
    if (rh_text_is(content, "not-present") && n > 0) {
        place = rh_below(at, "concept", 7, 0);
        rh_complain(r, RH_ERROR, "invalid", &place,
                    "the content is said to be not present, but here are concepts");
    }
    if (!count.len || rh_text_u64(count, UINT64_MAX, &stated) != RH_OK)
        return;
    place = rh_below(at, "count", 5, -1);
    if (rh_text_is(content, "complete") && n != stated)
        rh_complain(r, RH_ERROR, "invalid", &place,
                    "the code system is complete, but it has %llu concepts and the count says %llu",
                    (unsigned long long)n, (unsigned long long)stated);
    else if ((rh_text_is(content, "example") || rh_text_is(content, "fragment")) && n > stated)
        rh_complain(r, RH_WARNING, "invalid", &place,
                    "there are more concepts, %llu, than the count says, %llu",
                    (unsigned long long)n, (unsigned long long)stated);
}

/* --- ValueSet ------------------------------------------------------------------------------------
 */

/* Does the property say what kind of value it has? Its type by the code system, empty if unknown.
 */
static struct rh_text property_type(yyjson_val *cs, struct rh_text name)
{
    yyjson_val *list = yyjson_obj_get(cs, "property"), *p;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, p) {
            if (rh_text_eq(rh_json_get(p, "code"), name))
                return rh_json_get(p, "type");
        }
    }
    if (rh_text_is(name, "notSelectable") || rh_text_is(name, "inactive"))
        return RH_TEXT("boolean");
    if (rh_text_is(name, "concept") || rh_text_is(name, "parent") || rh_text_is(name, "child"))
        return RH_TEXT("code");
    return (struct rh_text){NULL, 0};
}

static bool takes_code(struct rh_text op)
{
    return rh_text_is(op, "=") || rh_text_is(op, "is-a") || rh_text_is(op, "descendent-of") ||
           rh_text_is(op, "is-not-a") || rh_text_is(op, "generalizes");
}

static void check_filter(struct rh_run *r, const struct rh_place *at, struct rh_text system,
                         yyjson_val *cs, yyjson_val *filter)
{
    struct rh_text op = rh_json_get(filter, "op"), value = rh_json_get(filter, "value");
    struct rh_text type = property_type(cs, rh_json_get(filter, "property"));
    struct rh_terms_result result = {0};
    struct rh_terms_code code = {.system = system, .code = value};
    if (!value.len || rh_text_is(op, "exists") || rh_text_is(op, "regex"))
        return;
    if (rh_text_is(type, "boolean") && !rh_text_is(value, "true") && !rh_text_is(value, "false"))
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the property is a boolean, so the value is true or false, not \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(value)));
    if (rh_text_is(type, "code") && takes_code(op) &&
        rh_terms_in_system(r->c, &code, &result) == RH_OK && result.answer == RH_TERMS_NO)
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is not a code of \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(value)), RH_TEXT_ARG(rh_shown(system)));
}

static void check_include(struct rh_run *r, const struct rh_place *at, yyjson_val *include)
{
    struct rh_text system = rh_json_get(include, "system");
    yyjson_val *list = yyjson_obj_get(include, "filter"), *v, *cs = NULL;
    size_t i, n;
    if (!system.len)
        return;
    if (!rh_url_absolute(system)) {
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the system of a value set must be an absolute address, not \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(system)));
        return;
    }
    const struct rh_definition *d = rh_world_find(r->c->world, "CodeSystem", system);
    if (!d && rh_world_find(r->c->world, "ValueSet", system))
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is a value set, not a code system",
                    RH_TEXT_ARG(rh_shown(system)));
    if (d && rh_definition_body(r->c, d, &cs) != RH_OK)
        cs = NULL;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, v) {
            struct rh_place p = rh_below(at, "filter", 6, (long)i);
            check_filter(r, &p, system, cs, v);
        }
    }
}

static void check_valueset(struct rh_run *r, const struct rh_place *at, yyjson_val *vs)
{
    static const char *const names[] = {"include", "exclude"};
    yyjson_val *compose = yyjson_obj_get(vs, "compose"), *v;
    struct rh_place c = rh_below(at, "compose", 7, -1);
    for (size_t k = 0; k < 2; k++) {
        yyjson_val *list = yyjson_obj_get(compose, names[k]);
        size_t i, n;
        if (!yyjson_is_arr(list))
            continue;
        yyjson_arr_foreach (list, i, n, v) {
            struct rh_place p = rh_below(&c, names[k], strlen(names[k]), (long)i);
            check_include(r, &p, v);
        }
    }
}

/* --- Questionnaire -------------------------------------------------------------------------------
 */

static yyjson_val *item_by_link(struct rh_run *r, yyjson_val *owner, struct rh_text link,
                                unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list) || depth > RH_VALIDATE_DEPTH_MAX || rh_run_stop(r))
        return NULL;
    r->work += yyjson_arr_size(list);
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_eq(rh_json_get(v, "linkId"), link))
            return v;
        yyjson_val *found = item_by_link(r, v, link, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

static void check_enable(struct rh_run *r, const struct rh_place *at, yyjson_val *questionnaire,
                         yyjson_val *item)
{
    yyjson_val *list = yyjson_obj_get(item, "enableWhen"), *w;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, w) {
        struct rh_text link = rh_json_get(w, "question");
        struct rh_place p = rh_below(at, "enableWhen", 10, (long)i);
        if (!link.len || rh_run_stop(r))
            continue;
        if (item_by_link(r, item, link, 0))
            rh_complain(r, RH_ERROR, "business-rule", at,
                        "an item cannot depend on a question inside itself (\"%.*s\")",
                        RH_TEXT_ARG(rh_shown(link)));
        else if (!item_by_link(r, questionnaire, link, 0))
            rh_complain(r, RH_ERROR, "business-rule", &p,
                        "there is no item with the linkId \"%.*s\"", RH_TEXT_ARG(rh_shown(link)));
        else if (rh_text_eq(rh_json_get(item, "linkId"), link))
            rh_complain(r, RH_ERROR, "business-rule", &p,
                        "an item cannot depend on its own answer");
    }
}

static void check_items(struct rh_run *r, const struct rh_place *up, yyjson_val *questionnaire,
                        yyjson_val *owner)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list) || up->depth > RH_VALIDATE_DEPTH_MAX)
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_place p = rh_below(up, "item", 4, (long)i);
        check_enable(r, &p, questionnaire, v);
        check_items(r, &p, questionnaire, v);
    }
}

/* --- StructureDefinition -------------------------------------------------------------------------
 */

static void check_type_profiles(struct rh_run *r, const struct rh_place *at, yyjson_val *type)
{
    yyjson_val *list = yyjson_obj_get(type, "profile"), *v;
    struct rh_text code = rh_json_get(type, "code");
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_place p = rh_below(at, "profile", 7, (long)i);
        const struct rh_definition *d =
            rh_world_find(r->c->world, "StructureDefinition", rh_json_text(v));
        if (d && d->base.len && code.len && !rh_text_eq(d->base, code) &&
            !rh_text_is(code, "Resource") && !rh_text_is(code, "DomainResource"))
            rh_complain(r, RH_ERROR, "exception", &p,
                        "the profile \"%.*s\" is for %.*s, but the type here is %.*s",
                        RH_TEXT_ARG(rh_shown(rh_json_text(v))), RH_TEXT_ARG(d->base),
                        RH_TEXT_ARG(code));
    }
}

static void check_elements(struct rh_run *r, const struct rh_place *up, yyjson_val *list)
{
    size_t i, n, j, m;
    yyjson_val *e, *t;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        yyjson_val *types = yyjson_obj_get(e, "type");
        struct rh_place at = rh_below(up, "element", 7, (long)i);
        if (!yyjson_is_arr(types))
            continue;
        yyjson_arr_foreach (types, j, m, t) {
            struct rh_place p = rh_below(&at, "type", 4, (long)j);
            check_type_profiles(r, &p, t);
        }
    }
}

/* What a definition is of, and by which right (https://hl7.org/fhir/R4/structuredefinition.html).
 */
static void check_defined_type(struct rh_run *r, const struct rh_place *at, yyjson_val *sd)
{
    struct rh_text type = rh_json_get(sd, "type"), url = rh_json_get(sd, "url");
    bool logical = rh_text_is(rh_json_get(sd, "kind"), "logical");
    bool constraint = rh_text_is(rh_json_get(sd, "derivation"), "constraint");
    struct rh_place p = rh_below(at, "type", 4, -1);
    const struct rh_definition *d = NULL;
    struct rh_buf core = rh_buf(r->c->arena);
    if (!type.len || logical)
        return;
    if (rh_url_absolute(type)) {
        rh_complain(r, RH_ERROR, "invalid", &p,
                    "only a logical model defines a type by an address of its own");
        return;
    }
    rh_buf_printf(&core, "http://hl7.org/fhir/StructureDefinition/%.*s", RH_TEXT_ARG(type));
    if (!core.rc)
        d = rh_world_find(r->c->world, "StructureDefinition", rh_buf_get(&core));
    if (!rh_type_find(type) && !d)
        rh_complain(r, RH_ERROR, "invalid", &p, "FHIR R4 has no type \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(type)));
    else if (!constraint && !rh_text_eq(url, rh_buf_get(&core)))
        rh_complain(r, RH_ERROR, "invalid", &p,
                    "%.*s is defined by FHIR already; others may only constrain it",
                    RH_TEXT_ARG(rh_shown(type)));
}

/* Does the path lead to an element of FHIR, as far as the tables know it? */
static bool path_known(struct rh_text path)
{
    struct rh_text part;
    const struct rh_type *type = NULL;
    bool first = true;
    while (rh_text_split(&path, '.', &part)) {
        if (first) {
            if (!(type = rh_type_find(part)))
                return true;
            first = false;
            continue;
        }
        if (rh_text_ends(part, "[x]"))
            part.len -= 3;
        const struct rh_element *e = rh_element_of_base(type, part);
        if (!e)
            return type->kind == RH_KIND_PRIMITIVE || type->kind == RH_KIND_ABSTRACT;
        if (e->choice && rh_text_is(part, e->base))
            return true; /* of any of its types */
        type = e->type;
    }
    return true;
}

static void check_paths(struct rh_run *r, const struct rh_place *up, yyjson_val *sd)
{
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(sd, "differential"), "element"), *e;
    struct rh_text type = rh_json_get(sd, "type");
    size_t i, n;
    if (!yyjson_is_arr(list) || !rh_text_is(rh_json_get(sd, "derivation"), "constraint") ||
        rh_text_is(rh_json_get(sd, "kind"), "logical"))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text path = rh_json_get(e, "path");
        struct rh_place p = rh_below(up, "element", 7, (long)i);
        if (!path.len)
            continue;
        if (path.len < type.len || memcmp(path.data, type.data, type.len) != 0 ||
            (path.len > type.len && path.data[type.len] != '.'))
            rh_complain(r, RH_ERROR, "invalid", &p, "the path \"%.*s\" does not begin with %.*s",
                        RH_TEXT_ARG(rh_shown(path)), RH_TEXT_ARG(type));
        else if (!path_known(path))
            rh_complain(r, RH_ERROR, "invalid", &p, "FHIR R4 has no element \"%.*s\"",
                        RH_TEXT_ARG(rh_shown(path)));
    }
}

/* --- SearchParameter -----------------------------------------------------------------------------
 */

static void check_search(struct rh_run *r, const struct rh_place *at, yyjson_val *parameter)
{
    struct rh_text expression = rh_json_get(parameter, "expression");
    struct rh_place p = rh_below(at, "expression", 10, -1);
    struct rh_issues silent, *outer = r->c->issues;
    struct rh_fp *fp;
    if (!expression.len)
        return;
    rh_issues_init(&silent, r->c->arena);
    r->c->issues = &silent;
    enum rh_rc rc = rh_fp_compile(r->c, r->c->arena, expression, &fp);
    r->c->issues = outer;
    if (rc == RH_SYNTAX || rc == RH_INVALID)
        rh_complain(r, RH_ERROR, "invalid", &p, "this is not a FHIRPath expression: %s",
                    silent.count ? silent.rows[0].text : rh_rc_text(rc));
}

void rh_check_definition(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                         const struct rh_type *type)
{
    if (strcmp(type->name, "CodeSystem") == 0) {
        check_codesystem(r, at, resource);
    } else if (strcmp(type->name, "ValueSet") == 0) {
        check_valueset(r, at, resource);
    } else if (strcmp(type->name, "Questionnaire") == 0) {
        check_items(r, at, resource, resource);
    } else if (strcmp(type->name, "StructureDefinition") == 0) {
        struct rh_place p = rh_below(at, "differential", 12, -1);
        check_defined_type(r, at, resource);
        check_elements(r, &p, yyjson_obj_get(yyjson_obj_get(resource, "differential"), "element"));
        check_paths(r, &p, resource);
    } else if (strcmp(type->name, "SearchParameter") == 0) {
        check_search(r, at, resource);
    }
}
