/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Definitions beside the others that are loaded: what a code system says of itself and of its value
 * set, the codes of a concept map, the parameter that a search parameter is derived from, the
 * elements of a profile. Only what is loaded can contradict.
 */
#include "conformance/validate_int.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

static yyjson_val *body_of(struct rh_run *r, const char *type, struct rh_text canonical)
{
    const struct rh_definition *d =
        canonical.len ? rh_world_find(r->c->world, type, canonical) : NULL;
    yyjson_val *body = NULL;
    return d && rh_definition_body(r->c, d, &body) == RH_OK ? body : NULL;
}

/* --- CodeSystem ----------------------------------------------------------------------------------
 */

static void no_supplement_has(struct rh_run *r, const struct rh_place *at, yyjson_val *cs,
                              const char *name)
{
    if (!yyjson_obj_get(cs, name))
        return;
    struct rh_place p = rh_below(at, name, strlen(name), -1);
    rh_complain(r, RH_ERROR, "business-rule", &p,
                "a supplement has no %s: that of the code system it supplements counts", name);
}

static void check_supplement(struct rh_run *r, const struct rh_place *at, yyjson_val *cs)
{
    if (yyjson_obj_get(cs, "supplements")) {
        no_supplement_has(r, at, cs, "caseSensitive");
        no_supplement_has(r, at, cs, "hierarchyMeaning");
    } else if (rh_text_is(rh_json_get(cs, "content"), "supplement")) {
        struct rh_place p = rh_below(at, "content", 7, -1);
        rh_complain(r, RH_ERROR, "business-rule", &p,
                    "a supplement must say what it supplements (\"supplements\")");
    }
}

/* Its value set, when it is loaded, is all of the code system and nothing else. A warning: the
 * value set that is loaded may be another edition of it than the one that is meant. */
static void check_own_value_set(struct rh_run *r, const struct rh_place *at, yyjson_val *cs)
{
    struct rh_text url = rh_json_get(cs, "url"), named = rh_json_get(cs, "valueSet");
    yyjson_val *vs = body_of(r, "ValueSet", named);
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(vs, "compose"), "include");
    yyjson_val *one = yyjson_arr_get_first(list);
    if (!vs || r->quiet)
        return;
    if (yyjson_arr_size(list) != 1)
        rh_complain(r, RH_WARNING, "business-rule", at,
                    "the value set \"%.*s\" must be all of this code system: one include",
                    RH_TEXT_ARG(rh_shown(named)));
    else if (!rh_text_eq(rh_json_get(one, "system"), url))
        rh_complain(r, RH_WARNING, "business-rule", at,
                    "the value set \"%.*s\" must be all of this code system, but it is of \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(named)),
                    RH_TEXT_ARG(rh_shown(rh_json_get(one, "system"))));
    else if (yyjson_obj_get(one, "valueSet") || yyjson_obj_get(one, "concept") ||
             yyjson_obj_get(one, "filter"))
        rh_complain(r, RH_WARNING, "business-rule", at,
                    "the value set \"%.*s\" must be all of this code system, but it selects",
                    RH_TEXT_ARG(rh_shown(named)));
}

static struct rh_text property_type(yyjson_val *cs, struct rh_text code)
{
    yyjson_val *list = yyjson_obj_get(cs, "property"), *p;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, p) {
            if (rh_text_eq(rh_json_get(p, "code"), code))
                return rh_json_get(p, "type");
        }
    }
    return (struct rh_text){NULL, 0};
}

static const struct rh_element *value_of(yyjson_val *property, const struct rh_type *type)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (property, i, n, key, v) {
        const struct rh_element *e = rh_element_find(type, rh_json_text(key));
        if (e && e->choice)
            return e;
    }
    return NULL;
}

static void check_properties(struct rh_run *r, const struct rh_place *at, yyjson_val *cs,
                             yyjson_val *concept)
{
    const struct rh_element *e =
        at->type ? rh_element_of_base(at->type, RH_TEXT("property")) : NULL;
    yyjson_val *list = yyjson_obj_get(concept, "property"), *p;
    size_t i, n;
    if (!e || !yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, p) {
        struct rh_text wanted = property_type(cs, rh_json_get(p, "code"));
        const struct rh_element *value = value_of(p, e->type);
        if (!wanted.len || !value || rh_text_is(wanted, value->type->name))
            continue;
        struct rh_place here = rh_below(at, "property", 8, (long)i);
        rh_complain(r, RH_ERROR, "invalid", &here,
                    "the property \"%.*s\" is said to be of type %.*s, but this is a %s",
                    RH_TEXT_ARG(rh_shown(rh_json_get(p, "code"))), RH_TEXT_ARG(wanted),
                    value->type->name);
    }
}

static void check_concepts(struct rh_run *r, const struct rh_place *up, const struct rh_type *type,
                           yyjson_val *cs, yyjson_val *owner)
{
    const struct rh_element *e = rh_element_of_base(type, RH_TEXT("concept"));
    yyjson_val *list = yyjson_obj_get(owner, "concept"), *c;
    size_t i, n;
    if (!e || !yyjson_is_arr(list) || up->depth >= RH_VALIDATE_DEPTH_MAX)
        return;
    yyjson_arr_foreach (list, i, n, c) {
        struct rh_place here = rh_below(up, "concept", 7, (long)i);
        here.type = e->type;
        if (rh_run_stop(r))
            return;
        check_properties(r, &here, cs, c);
        check_concepts(r, &here, e->type, cs, c);
    }
}

/* --- ConceptMap ----------------------------------------------------------------------------------
 */

static void check_code(struct rh_run *r, const struct rh_place *up, yyjson_val *holder,
                       struct rh_text system, struct rh_text version)
{
    struct rh_terms_code code = {
        .system = system, .version = version, .code = rh_json_get(holder, "code")};
    struct rh_terms_result result = {0};
    if (!system.len || !code.code.len || !r->c->world ||
        rh_terms_in_system(r->c, &code, &result) != RH_OK || result.answer != RH_TERMS_NO)
        return;
    struct rh_place p = rh_below(up, "code", 4, -1);
    rh_complain(r, RH_ERROR, "invalid", &p, "the code system \"%.*s\" has no code \"%.*s\"",
                RH_TEXT_ARG(rh_shown(system)), RH_TEXT_ARG(rh_shown(code.code)));
}

static void check_group(struct rh_run *r, const struct rh_place *at, yyjson_val *group)
{
    struct rh_text source = rh_json_get(group, "source"), target = rh_json_get(group, "target");
    struct rh_text from = rh_json_get(group, "sourceVersion");
    struct rh_text to = rh_json_get(group, "targetVersion");
    yyjson_val *list = yyjson_obj_get(group, "element"), *e, *targets, *t;
    size_t i, n, k, m;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_place here = rh_below(at, "element", 7, (long)i);
        if (rh_run_stop(r))
            return;
        check_code(r, &here, e, source, from);
        targets = yyjson_obj_get(e, "target");
        if (!yyjson_is_arr(targets))
            continue;
        yyjson_arr_foreach (targets, k, m, t) {
            struct rh_place there = rh_below(&here, "target", 6, (long)k);
            check_code(r, &there, t, target, to);
        }
    }
}

/* --- SearchParameter -----------------------------------------------------------------------------
 */

static bool has_text(yyjson_val *list, struct rh_text t)
{
    size_t i, n;
    yyjson_val *v;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, v) {
            if (rh_text_eq(rh_json_text(v), t))
                return true;
        }
    }
    return false;
}

static void check_derived(struct rh_run *r, const struct rh_place *at, yyjson_val *parameter)
{
    struct rh_text from = rh_json_get(parameter, "derivedFrom");
    struct rh_text type = rh_json_get(parameter, "type");
    yyjson_val *master = body_of(r, "SearchParameter", from), *list, *v;
    size_t i, n;
    if (!master)
        return;
    if (type.len && !rh_text_eq(type, rh_json_get(master, "type")))
        rh_complain(r, RH_ERROR, "business-rule", at,
                    "\"%.*s\", from which this is derived, is of type %.*s, not %.*s",
                    RH_TEXT_ARG(rh_shown(from)), RH_TEXT_ARG(rh_json_get(master, "type")),
                    RH_TEXT_ARG(type));
    list = yyjson_obj_get(parameter, "base");
    if (!yyjson_is_arr(list) || has_text(yyjson_obj_get(master, "base"), RH_TEXT("Resource")))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        if (!has_text(yyjson_obj_get(master, "base"), rh_json_text(v)))
            rh_complain(r, RH_ERROR, "business-rule", at,
                        "\"%.*s\", from which this is derived, does not search %.*s",
                        RH_TEXT_ARG(rh_shown(from)), RH_TEXT_ARG(rh_json_text(v)));
    }
}

/* --- StructureDefinition -------------------------------------------------------------------------
 */

static void check_expressions(struct rh_run *r, const struct rh_place *at, yyjson_val *element)
{
    yyjson_val *list = yyjson_obj_get(element, "constraint"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_place here = rh_below(at, "constraint", 10, (long)i);
        struct rh_place p = rh_below(&here, "expression", 10, -1);
        struct rh_text expression = rh_json_get(v, "expression");
        struct rh_issues silent, *outer = r->c->issues;
        struct rh_fp *fp;
        if (!expression.len)
            continue;
        rh_issues_init(&silent, r->c->arena);
        r->c->issues = &silent;
        enum rh_rc rc = rh_fp_compile(r->c, r->c->arena, expression, &fp);
        r->c->issues = outer;
        if (rc == RH_SYNTAX)
            rh_complain(r, RH_ERROR, "invalid", &p, "this is not a FHIRPath expression: %s",
                        silent.count ? silent.rows[0].text : rh_rc_text(rc));
    }
}

/* fixedCode, patternQuantity: of a type that the element may have, when that is said here. */
static void check_given(struct rh_run *r, const struct rh_place *at, const struct rh_type *type,
                        yyjson_val *element)
{
    yyjson_val *types = yyjson_obj_get(element, "type"), *key, *v, *t;
    size_t i, n, k, m;
    if (!yyjson_is_arr(types))
        return;
    yyjson_obj_foreach (element, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (!rh_text_starts(name, "fixed") && !rh_text_starts(name, "pattern"))
            continue;
        const struct rh_element *e = rh_element_find(type, name);
        bool allowed = !e || !e->choice;
        yyjson_arr_foreach (types, k, m, t) {
            struct rh_text code = rh_json_get(t, "code");
            allowed = allowed || rh_text_is(code, e->type->name) || !rh_type_find(code);
        }
        if (!allowed)
            rh_complain(r, RH_ERROR, "invalid", at,
                        "\"%.*s\" is not of a type that the element may have",
                        RH_TEXT_ARG(rh_shown(name)));
    }
}

static void check_elements(struct rh_run *r, const struct rh_place *at, const char *part,
                           yyjson_val *sd)
{
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(sd, part), "element"), *v;
    const struct rh_type *type = rh_type_find(RH_TEXT("ElementDefinition"));
    struct rh_place up = rh_below(at, part, strlen(part), -1);
    size_t i, n;
    if (!type || !yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_place here = rh_below(&up, "element", 7, (long)i);
        if (rh_run_stop(r))
            return;
        check_expressions(r, &here, v);
        check_given(r, &here, type, v);
    }
}

static void check_base(struct rh_run *r, const struct rh_place *at, yyjson_val *sd)
{
    struct rh_text base = rh_json_get(sd, "baseDefinition");
    struct rh_place p = rh_below(at, "baseDefinition", 14, -1);
    if (!base.len || rh_world_find(r->c->world, "StructureDefinition", base))
        return;
    if (rh_text_starts(base, CORE) && !memchr(base.data, '|', base.len))
        rh_complain(r, RH_WARNING, "not-found", &p,
                    "FHIR R4 has no definition \"%.*s\"; add the package that has it",
                    RH_TEXT_ARG(rh_shown(base)));
}

/* --- the whole -----------------------------------------------------------------------------------
 */

void rh_check_beside(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                     const struct rh_type *type)
{
    const char *name = type->name;
    if (!r->c->world)
        return;
    if (strcmp(name, "CodeSystem") == 0) {
        check_supplement(r, at, resource);
        check_own_value_set(r, at, resource);
        check_concepts(r, at, type, resource, resource);
    } else if (strcmp(name, "ConceptMap") == 0) {
        yyjson_val *list = yyjson_obj_get(resource, "group"), *v;
        size_t i, n;
        if (!yyjson_is_arr(list))
            return;
        yyjson_arr_foreach (list, i, n, v) {
            struct rh_place here = rh_below(at, "group", 5, (long)i);
            check_group(r, &here, v);
        }
    } else if (strcmp(name, "SearchParameter") == 0) {
        check_derived(r, at, resource);
    } else if (strcmp(name, "StructureDefinition") == 0) {
        check_base(r, at, resource);
        check_elements(r, at, "differential", resource);
    }
}

/* --- canonical addresses -------------------------------------------------------------------------
 */

/* The type that a target names; empty: any, or what only a profile's definition says. */
static struct rh_text target_type(struct rh_text target)
{
    if (!rh_text_starts(target, CORE))
        return (struct rh_text){NULL, 0};
    target = (struct rh_text){target.data + sizeof CORE - 1, target.len - (sizeof CORE - 1)};
    const struct rh_type *t = rh_type_find(target);
    return t && t->kind == RH_KIND_RESOURCE ? target : (struct rh_text){NULL, 0};
}

void rh_check_canonical(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                        struct rh_text canonical)
{
    const struct rh_definition *other;
    if (rule->n_types != 1 || rule->types[0].n_targets == 0 || !r->c->world ||
        memchr(canonical.data, '#', canonical.len))
        return;
    for (unsigned i = 0; i < rule->types[0].n_targets; i++) {
        struct rh_text type = target_type(rule->types[0].targets[i]);
        if (!type.len)
            return;
        const struct rh_type *t = rh_type_find(type);
        if (rh_world_find(r->c->world, t->name, canonical))
            return;
    }
    other = rh_world_find(r->c->world, NULL, canonical);
    if (other)
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is a %s; here a %.*s is named",
                    RH_TEXT_ARG(rh_shown(canonical)), other->type,
                    RH_TEXT_ARG(target_type(rule->types[0].targets[0])));
}
