/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What expressions may ask of this floor.
 */
#include "conformance/narrative.h"
#include "conformance/validate.h"
#include "terminology/terminology.h"

static enum rh_rc one_code(struct rh_ctx *c, struct rh_text value_set, yyjson_val *v,
                           enum rh_terms_answer *ret)
{
    struct rh_terms_code code = {.code = rh_json_text(v), .any_system = true};
    struct rh_terms_result result = {0};
    if (yyjson_is_obj(v))
        code = (struct rh_terms_code){.system = rh_json_get(v, "system"),
                                      .version = rh_json_get(v, "version"),
                                      .code = rh_json_get(v, "code")};
    enum rh_rc rc = rh_terms_contains(c, value_set, &code, &result);
    *ret = result.answer;
    return rc;
}

static enum rh_rc member_of(struct rh_ctx *c, yyjson_val *value, struct rh_text value_set,
                            bool *ret)
{
    yyjson_val *list = yyjson_obj_get(value, "coding"), *coding;
    enum rh_terms_answer a = RH_TERMS_NO;
    bool known = true;
    enum rh_rc rc;
    size_t i, n;
    *ret = false;
    if (!yyjson_is_arr(list)) {
        if ((rc = one_code(c, value_set, value, &a)))
            return rc;
        *ret = a == RH_TERMS_YES;
        return a == RH_TERMS_YES || a == RH_TERMS_NO ? RH_OK : RH_NOTFOUND;
    }
    yyjson_arr_foreach (list, i, n, coding) {
        if ((rc = one_code(c, value_set, coding, &a)))
            return rc;
        if (a == RH_TERMS_YES) {
            *ret = true;
            return RH_OK;
        }
        known &= a == RH_TERMS_NO;
    }
    return known ? RH_OK : RH_NOTFOUND;
}

/* Any coding of a subsumes any of b in the same system. */
static enum rh_rc subsumes(struct rh_ctx *c, yyjson_val *a, yyjson_val *b, bool *ret)
{
    yyjson_val *as = yyjson_obj_get(a, "coding"), *bs = yyjson_obj_get(b, "coding");
    size_t n = yyjson_is_arr(as) ? yyjson_arr_size(as) : 1;
    size_t m = yyjson_is_arr(bs) ? yyjson_arr_size(bs) : 1;
    bool known = true;
    *ret = false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            yyjson_val *x = yyjson_is_arr(as) ? yyjson_arr_get(as, i) : a;
            yyjson_val *y = yyjson_is_arr(bs) ? yyjson_arr_get(bs, j) : b;
            struct rh_text system = rh_json_get(x, "system");
            int answer = 0;
            if (!rh_text_eq(system, rh_json_get(y, "system")))
                continue;
            enum rh_rc rc = rh_terms_subsumes(c, system, rh_json_get(x, "code"),
                                              rh_json_get(y, "code"), &answer);
            if (rc)
                return rc;
            if (answer > 0) {
                *ret = true;
                return RH_OK;
            }
            known &= answer == 0;
        }
    return known ? RH_OK : RH_NOTFOUND;
}

static enum rh_rc conforms_to(struct rh_ctx *c, yyjson_val *resource, struct rh_text profile,
                              bool *ret)
{
    struct rh_issues silent, *outer = c->issues;
    struct rh_validate_options o = {
        .profiles = &profile, .n_profiles = 1, .extensions = RH_EXTENSIONS_ANY, .quiet = true};
    *ret = false;
    if (!rh_world_find(c->world, "StructureDefinition", profile))
        return RH_NOTFOUND;
    rh_issues_init(&silent, c->arena);
    c->issues = &silent;
    enum rh_rc rc = rh_validate(c, resource, &o, ret);
    c->issues = outer;
    return rc == RH_STRUCTURE ? RH_OK : rc;
}

/* --- references ----------------------------------------------------------------------------------
 */

/* What the host of an expression has in hand; `resolve` finds it by the host's address. */
struct inside {
    yyjson_val *root;
    const struct rh_host *outer;
};

static yyjson_val *in_entries(yyjson_val *bundle, struct rh_text reference)
{
    yyjson_val *list = yyjson_obj_get(bundle, "entry"), *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return NULL;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text url = rh_json_get(v, "fullUrl");
        yyjson_val *resource = yyjson_obj_get(v, "resource");
        if (rh_text_eq(url, reference))
            return resource;
        struct rh_text type = rh_json_get(resource, "resourceType"),
                       id = rh_json_get(resource, "id");
        if (type.len && id.len && reference.len == type.len + 1 + id.len &&
            memcmp(reference.data, type.data, type.len) == 0 && reference.data[type.len] == '/' &&
            memcmp(reference.data + type.len + 1, id.data, id.len) == 0)
            return resource;
    }
    return NULL;
}

static enum rh_rc resolve(struct rh_ctx *c, struct rh_text reference, yyjson_val **ret)
{
    yyjson_val *root = c->host ? c->host->user : NULL;
    yyjson_val *found = root ? in_entries(root, reference) : NULL;
    if (!found)
        return RH_NOTFOUND;
    *ret = found;
    return RH_OK;
}

static enum rh_rc html_checks(struct rh_ctx *c, struct rh_text xhtml, bool *ret)
{
    struct rh_issues silent;
    rh_issues_init(&silent, c->arena);
    enum rh_rc rc = rh_narrative_check(&silent, NULL, xhtml, NULL);
    *ret = rc == RH_OK;
    return rc == RH_NOMEM ? rc : RH_OK;
}

struct rh_host rh_conformance_host(const struct rh_host *outer, yyjson_val *root)
{
    struct rh_host h = {0};
    if (outer)
        h = *outer;
    h.member_of = member_of;
    h.subsumes = subsumes;
    h.conforms_to = conforms_to;
    h.html_checks = html_checks;
    if (root) {
        h.user = root;
        h.resolve = resolve;
    }
    return h;
}
