/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Codes: against the value set that a rule binds, by strength, and against their own code system
 * whatever is bound. What cannot be known is a warning.
 */
#include "conformance/validate_int.h"

enum kind { KIND_NONE, KIND_CODE, KIND_CODING, KIND_CONCEPT, KIND_QUANTITY };

static enum kind kind_of(const struct rh_type *t)
{
    static const char *const primitives[] = {"code", "uri", "url", "canonical", "string"};
    if (t->kind == RH_KIND_PRIMITIVE) {
        for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
            if (strcmp(t->name, primitives[i]) == 0)
                return KIND_CODE;
        return KIND_NONE;
    }
    if (strcmp(t->name, "Coding") == 0)
        return KIND_CODING;
    if (strcmp(t->name, "CodeableConcept") == 0)
        return KIND_CONCEPT;
    return rh_element_find(t, RH_TEXT("comparator")) && rh_element_find(t, RH_TEXT("unit"))
               ? KIND_QUANTITY
               : KIND_NONE;
}

static struct rh_terms_code code_of(yyjson_val *v)
{
    if (yyjson_is_str(v))
        return (struct rh_terms_code){.code = rh_json_text(v), .any_system = true};
    return (struct rh_terms_code){.system = rh_json_get(v, "system"),
                                  .version = rh_json_get(v, "version"),
                                  .code = rh_json_get(v, "code"),
                                  .display = rh_json_get(v, "display")};
}

static enum rh_terms_answer ask(struct rh_run *r, struct rh_text value_set, yyjson_val *v,
                                struct rh_text *missing)
{
    struct rh_terms_code code = code_of(v);
    struct rh_terms_result result = {0};
    enum rh_rc rc = rh_terms_contains(r->c, value_set, &code, &result);
    if (rc) {
        if (rc == RH_NOMEM)
            r->rc = rc;
        result.answer = RH_TERMS_UNKNOWN_VALUESET;
    }
    if (missing)
        *missing = result.missing;
    return result.answer;
}

/* The best answer of a value's codings. *n: how many codes it has. */
static enum rh_terms_answer ask_all(struct rh_run *r, struct rh_text value_set, enum kind kind,
                                    yyjson_val *v, unsigned *n, struct rh_text *missing)
{
    enum rh_terms_answer best = RH_TERMS_NO;
    *n = 0;
    if (kind != KIND_CONCEPT) {
        if (!yyjson_is_str(v) && !yyjson_obj_get(v, "code"))
            return best;
        *n = 1;
        return ask(r, value_set, v, missing);
    }
    yyjson_val *list = yyjson_obj_get(v, "coding"), *coding;
    size_t i, m;
    if (!yyjson_is_arr(list))
        return best;
    yyjson_arr_foreach (list, i, m, coding) {
        struct rh_text what = {NULL, 0};
        if (!yyjson_obj_get(coding, "code"))
            continue;
        ++*n;
        enum rh_terms_answer a = ask(r, value_set, coding, &what);
        if (a == RH_TERMS_YES)
            return a;
        if (a != RH_TERMS_NO && best == RH_TERMS_NO) {
            best = a;
            *missing = what;
        }
    }
    return best;
}

static bool is_value_set(struct rh_run *r, struct rh_text url)
{
    return url.len && rh_world_find(r->c->world, "ValueSet", url) &&
           !rh_world_find(r->c->world, "CodeSystem", url);
}

/* The system that makes a coding fall out of a required value set, named where it stands. */
static void blame_systems(struct rh_run *r, const struct rh_place *at, enum kind kind)
{
    yyjson_val *list = kind == KIND_CONCEPT ? yyjson_obj_get(at->value, "coding") : NULL, *coding;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, coding) {
        struct rh_text system = rh_json_get(coding, "system");
        struct rh_place c = rh_below(at, "coding", 6, (long)i);
        struct rh_place s = rh_below(&c, "system", 6, -1);
        if (is_value_set(r, system))
            rh_complain(r, RH_ERROR, "not-found", &s,
                        "\"%.*s\" is a value set, not a code system; name the code system",
                        RH_TEXT_ARG(rh_shown(system)));
    }
}

/* FHIR writes its own formats in short too (https://hl7.org/fhir/R4/http.html#mime-type), also
 * where codes of BCP 13 are wanted. */
static bool short_format(const struct rh_rule *rule, yyjson_val *v)
{
    static const char *const names[] = {"xml", "json", "ttl"};
    if (!rh_text_starts(rule->value_set, "http://hl7.org/fhir/ValueSet/mimetypes"))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(rh_json_text(v), names[i]))
            return true;
    return false;
}

static void not_in(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                   enum kind kind, unsigned n)
{
    const char *verb = rule->strength == RH_BIND_REQUIRED ? "must be" : "should be";
    enum rh_severity severity = rule->strength == RH_BIND_REQUIRED ? RH_ERROR : RH_WARNING;
    if (kind == KIND_CODE)
        rh_complain(r, severity, "code-invalid", at, "\"%.*s\" is not in the value set %.*s; it %s",
                    RH_TEXT_ARG(rh_shown(rh_json_text(at->value))), RH_TEXT_ARG(rule->value_set),
                    verb);
    else if (n == 0)
        rh_complain(r, severity, "code-invalid", at,
                    "there is no code; a code of the value set %.*s %s given",
                    RH_TEXT_ARG(rule->value_set), verb);
    else if (kind == KIND_CONCEPT)
        rh_complain(r, severity, "code-invalid", at,
                    "none of the codings is in the value set %.*s; one %s",
                    RH_TEXT_ARG(rule->value_set), verb);
    else
        rh_complain(r, severity, "code-invalid", at,
                    "the code \"%.*s\" of \"%.*s\" is not in the value set %.*s; it %s",
                    RH_TEXT_ARG(rh_shown(rh_json_get(at->value, "code"))),
                    RH_TEXT_ARG(rh_shown(rh_json_get(at->value, "system"))),
                    RH_TEXT_ARG(rule->value_set), verb);
}

static void check_max(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                      enum kind kind)
{
    struct rh_text missing = {NULL, 0};
    unsigned n;
    if (ask_all(r, rule->max_value_set, kind, at->value, &n, &missing) == RH_TERMS_NO && n > 0)
        rh_complain(r, RH_ERROR, "code-invalid", at,
                    "no code is in the value set %.*s, which holds all that may be used here",
                    RH_TEXT_ARG(rule->max_value_set));
}

void rh_check_binding(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    enum kind kind = kind_of(at->type);
    struct rh_text missing = {NULL, 0};
    unsigned n;
    if (kind == KIND_NONE || rule->strength < RH_BIND_EXTENSIBLE || !r->c->world)
        return;
    if (rule->strength == RH_BIND_EXTENSIBLE && r->quiet && !rule->max_value_set.len)
        return;
    if (!at->value) {
        if (rule->strength == RH_BIND_REQUIRED)
            rh_complain(r, RH_ERROR, "code-invalid", at,
                        "there is no code; one of the value set %.*s is required",
                        RH_TEXT_ARG(rule->value_set));
        return;
    }
    if (kind == KIND_CODE && !yyjson_is_str(at->value))
        return; /* said already */
    enum rh_terms_answer a = ask_all(r, rule->value_set, kind, at->value, &n, &missing);
    if (a == RH_TERMS_YES)
        return;
    if (kind == KIND_QUANTITY && n == 0)
        return;
    if (a != RH_TERMS_NO) {
        if (!missing.len)
            missing = rule->value_set;
        rh_complain(r, RH_WARNING, "not-found", at,
                    "whether this is in the value set %.*s cannot be known: %.*s is not loaded, or "
                    "not completely",
                    RH_TEXT_ARG(rule->value_set), RH_TEXT_ARG(missing));
        return;
    }
    if (kind == KIND_CODE && short_format(rule, at->value))
        return;
    if (rule->strength == RH_BIND_REQUIRED)
        blame_systems(r, at, kind);
    if (rule->max_value_set.len && rule->strength != RH_BIND_REQUIRED)
        check_max(r, at, rule, kind);
    not_in(r, at, rule, kind, n);
}

/* --- a coding by itself --------------------------------------------------------------------------
 */

static void check_found(struct rh_run *r, const struct rh_place *at,
                        const struct rh_terms_code *code, const struct rh_terms_result *result)
{
    struct rh_place below;
    switch (result->answer) {
    case RH_TERMS_NO:
        below = rh_below(at, "code", 4, -1);
        rh_complain(r, RH_ERROR, "code-invalid", &below,
                    "the code system \"%.*s\" has no code \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(code->system)), RH_TEXT_ARG(rh_shown(code->code)));
        break;
    case RH_TERMS_YES:
        if (result->display_wrong) {
            below = rh_below(at, "display", 7, -1);
            rh_complain(r, RH_ERROR, "invalid", &below,
                        "\"%.*s\" is not the display of %.*s; \"%.*s\" is",
                        RH_TEXT_ARG(rh_shown(code->display)), RH_TEXT_ARG(rh_shown(code->code)),
                        RH_TEXT_ARG(rh_shown(result->display)));
        }
        if (result->inactive)
            rh_complain(r, RH_WARNING, "business-rule", at,
                        "the code \"%.*s\" is not active any more",
                        RH_TEXT_ARG(rh_shown(code->code)));
        break;
    default:
        if (!r->quiet) {
            below = rh_below(at, "system", 6, -1);
            rh_complain(r, RH_WARNING, "not-found", &below,
                        "the code system \"%.*s\" is not loaded, or not completely: nobody can say "
                        "whether its codes are right",
                        RH_TEXT_ARG(rh_shown(code->system)));
        }
    }
}

void rh_check_coding(struct rh_run *r, const struct rh_place *at)
{
    struct rh_terms_code code = code_of(at->value);
    struct rh_terms_result result = {0};
    if (code.system.len == 0) {
        if (code.code.len)
            rh_complain(r, RH_WARNING, "invalid", at,
                        "the code has no system, so nobody can say what it means");
        return;
    }
    if (!rh_url_absolute(code.system) && code.system.data[0] != '#') {
        rh_complain(r, RH_ERROR, "code-invalid", at,
                    "the system must be an absolute address, not \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(code.system)));
        return;
    }
    if (code.code.len == 0 || !r->c->world)
        return;
    if (is_value_set(r, code.system)) {
        rh_complain(r, RH_ERROR, "code-invalid", at,
                    "\"%.*s\" is a value set, not a code system; name the code system",
                    RH_TEXT_ARG(rh_shown(code.system)));
        return;
    }
    if (rh_terms_in_system(r->c, &code, &result) == RH_OK)
        check_found(r, at, &code, &result);
}

void rh_check_unit(struct rh_run *r, const struct rh_place *at)
{
    struct rh_terms_code code = {.system = rh_json_get(at->value, "system"),
                                 .code = rh_json_get(at->value, "code")};
    struct rh_terms_result result = {0};
    struct rh_place below = rh_below(at, "code", 4, -1);
    if (rh_url_absolute(code.system) && code.code.len && r->c->world &&
        rh_terms_in_system(r->c, &code, &result) == RH_OK && result.answer == RH_TERMS_NO)
        rh_complain(r, RH_WARNING, "code-invalid", &below,
                    "\"%.*s\" is no unit of \"%.*s\", so nobody can compute with it",
                    RH_TEXT_ARG(rh_shown(code.code)), RH_TEXT_ARG(rh_shown(code.system)));
}
