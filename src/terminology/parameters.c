/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

#include <stddef.h>

const yyjson_val *tx_parameter(const yyjson_val *parameters, const char *name)
{
    struct terms_iter it = terms_members(parameters, "parameter");
    for (yyjson_val *p; (p = terms_next(&it));)
        if (rh_text_is(rh_json_get(p, "name"), name))
            return p;
    return NULL;
}

static struct rh_text primitive(const yyjson_val *holder)
{
    const yyjson_val *v = terms_value(holder, NULL);
    if (yyjson_is_obj((yyjson_val *)(uintptr_t)v))
        return (struct rh_text){NULL, 0};
    return terms_value_text(holder);
}

struct rh_text tx_value(const yyjson_val *parameters, const char *name)
{
    return primitive(tx_parameter(parameters, name));
}

const yyjson_val *tx_resource(const yyjson_val *parameters, const char *name)
{
    return terms_member(tx_parameter(parameters, name), "resource");
}

/* --- kinds of parameters ---------------------------------------------------------------------- */

static enum rh_rc add_rule(struct tx *t, enum tx_rule_mode mode, bool of_valueset,
                           struct rh_text value)
{
    struct rh_text version, url = terms_canonical_url(value, &version);
    if (!url.len || !version.len)
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "A version rule is written \"url|version\", not \"%.*s\".",
                       RH_TEXT_ARG(value));
    if (t->n_rules == t->rules_cap) {
        struct tx_rule *grown =
            t->n_rules < TX_LOCALS_MAX
                ? rh_arena_grow(t->arena, t->rules, &t->rules_cap, t->n_rules + 1, sizeof *grown)
                : NULL;
        if (!grown)
            return RH_NOMEM;
        t->rules = grown;
    }
    t->rules[t->n_rules++] = (struct tx_rule){mode, of_valueset, url, version};
    return RH_OK;
}

static enum rh_rc languages(struct tx *t, struct rh_text value, struct tx_languages *ret)
{
    if (tx_languages_parse(value, !t->validating, ret)) {
        *ret = (struct tx_languages){0};
        return tx_fail(t, RH_INVALID, "processing", "invalid-display", NULL,
                       "\"%.*s\" is not a list of languages, such as \"fr, en; q=0.5\".",
                       RH_TEXT_ARG(value));
    }
    return RH_OK;
}

static enum rh_rc number(struct tx *t, const char *name, struct rh_text value, int64_t *ret)
{
    uint64_t n;
    if (rh_text_u64(value, INT32_MAX, &n))
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "The parameter %s must be a number from 0 on, not \"%.*s\".", name,
                       RH_TEXT_ARG(value));
    *ret = (int64_t)n;
    return RH_OK;
}

enum kind { K_TRI, K_TEXTS, K_NUMBER, K_LANGUAGES, K_HEADER, K_RULE, K_FILTER };

/* Single values of a request stand before those that a value set states; lists add up. */
static const struct parameter {
    const char *name;
    enum kind kind;
    size_t at; /* of the field in struct tx */
    enum tx_rule_mode mode;
    bool of_valueset;
} table[] = {
    {"system-version", K_RULE, 0, TX_DEFAULT, false},
    {"check-system-version", K_RULE, 0, TX_CHECK, false},
    {"force-system-version", K_RULE, 0, TX_FORCE, false},
    {"default-valueset-version", K_RULE, 0, TX_DEFAULT, true},
    {"check-valueset-version", K_RULE, 0, TX_CHECK, true},
    {"force-valueset-version", K_RULE, 0, TX_FORCE, true},
    {"designation", K_TEXTS, offsetof(struct tx, designations), 0, false},
    {"property", K_TEXTS, offsetof(struct tx, properties), 0, false},
    {"useSupplement", K_TEXTS, offsetof(struct tx, supplements), 0, false},
    {"displayLanguage", K_LANGUAGES, offsetof(struct tx, display), 0, false},
    {"__Accept-Language", K_HEADER, offsetof(struct tx, http), 0, false},
    {"activeOnly", K_TRI, offsetof(struct tx, active_only), 0, false},
    {"excludeNested", K_TRI, offsetof(struct tx, exclude_nested), 0, false},
    {"includeDesignations", K_TRI, offsetof(struct tx, include_designations), 0, false},
    {"includeDefinition", K_TRI, offsetof(struct tx, include_definition), 0, false},
    {"abstract", K_TRI, offsetof(struct tx, abstract), 0, false},
    {"lenient-display-validation", K_TRI, offsetof(struct tx, lenient_display), 0, false},
    {"valueset-membership-only", K_TRI, offsetof(struct tx, membership_only), 0, false},
    {"versionsMatch", K_TRI, offsetof(struct tx, versions_match), 0, false},
    {"inferSystem", K_TRI, offsetof(struct tx, infer_system), 0, false},
    {"excludeNotForUI", K_TRI, offsetof(struct tx, exclude_not_for_ui), 0, false},
    {"excludePostCoordinated", K_TRI, offsetof(struct tx, exclude_post_coordinated), 0, false},
    {"filter", K_FILTER, offsetof(struct tx, filter), 0, false},
    {"count", K_NUMBER, offsetof(struct tx, count), 0, false},
    {"offset", K_NUMBER, offsetof(struct tx, offset), 0, false},
    {"limit", K_NUMBER, offsetof(struct tx, limit), 0, false},
};

static enum rh_rc take(struct tx *t, const struct parameter *p, struct rh_text value,
                       bool of_request)
{
    void *field = (char *)t + p->at;
    if (p->kind == K_RULE)
        return add_rule(t, p->mode, p->of_valueset, value);
    if (p->kind == K_TEXTS)
        return tx_text_add(t, field, value);
    if (!of_request && tx_text_has(&t->seen, rh_text(p->name)))
        return RH_OK;
    enum rh_rc rc = tx_text_add(t, &t->seen, rh_text(p->name));
    if (rc)
        return rc;
    switch (p->kind) {
    case K_TRI:
        if (of_request && !rh_text_is(value, "true") && !rh_text_is(value, "false"))
            return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                           "The parameter %s is true or false, not \"%.*s\".", p->name,
                           RH_TEXT_ARG(value));
        *(struct tx_tri *)field = (struct tx_tri){true, rh_text_is(value, "true")};
        return RH_OK;
    case K_NUMBER:
        return number(t, p->name, value, field);
    case K_LANGUAGES:
        return languages(t, value, field);
    case K_HEADER: /* browsers send it unasked: what cannot be read is as if it were not there */
        if (tx_languages_parse(value, !t->validating, field))
            *(struct tx_languages *)field = (struct tx_languages){0};
        return RH_OK;
    default:
        *(struct rh_text *)field = value;
        return RH_OK;
    }
}

static enum rh_rc see(struct tx *t, struct rh_text name, struct rh_text value, bool of_request)
{
    if (!value.data)
        return RH_OK;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (rh_text_is(name, table[i].name))
            return take(t, &table[i], value, of_request);
    return RH_OK;
}

enum rh_rc tx_read_parameters(struct tx *t, const yyjson_val *parameters)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(parameters, "parameter");
    for (yyjson_val *p; !rc && (p = terms_next(&it));) {
        rc = see(t, rh_json_get(p, "name"), primitive(p), true);
        if (!rc && rh_text_is(rh_json_get(p, "name"), "profile")) {
            struct terms_iter inner = terms_members(terms_member(p, "resource"), "parameter");
            for (yyjson_val *q; !rc && (q = terms_next(&inner));)
                rc = see(t, rh_json_get(q, "name"), primitive(q), false);
        }
    }
    return rc;
}

static bool is_expansion_parameter(const yyjson_val *extension)
{
    return rh_text_ends(rh_json_get(extension, "url"),
                        "/StructureDefinition/valueset-expansion-parameter");
}

enum rh_rc tx_read_valueset(struct tx *t, const yyjson_val *body)
{
    enum rh_rc rc = RH_OK;
    t->root = body;
    const yyjson_val *compose = terms_member(body, "compose");
    struct terms_iter it = terms_members(compose, "extension");
    for (yyjson_val *x; !rc && (x = terms_next(&it));) {
        struct rh_text name = {NULL, 0}, value = {NULL, 0};
        struct terms_iter inner = terms_members(x, "extension");
        for (yyjson_val *y; (y = terms_next(&inner));)
            if (rh_text_is(rh_json_get(y, "url"), "name"))
                name = primitive(y);
            else if (rh_text_is(rh_json_get(y, "url"), "value"))
                value = primitive(y);
        if (is_expansion_parameter(x))
            rc = see(t, name, value, false);
    }
    it = terms_members(compose, "property");
    for (yyjson_val *x; !rc && (x = terms_next(&it));)
        rc = see(t, RH_TEXT("property"), rh_json_text(x), false);
    struct rh_text language = rh_json_get(body, "language");
    if (!rc && language.len)
        rc = languages(t, language, &t->of_valueset);
    return rc;
}

const struct tx_languages *tx_working_languages(const struct tx *t)
{
    const struct tx_languages *by_rank[] = {&t->display, &t->http, &t->of_valueset};
    for (size_t i = 0; i < 3; i++)
        if (by_rank[i]->n)
            return by_rank[i];
    return NULL;
}
