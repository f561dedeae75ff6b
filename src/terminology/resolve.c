/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

#define SUPPLEMENT_TYPE "http://hl7.org/fhir/StructureDefinition/codesystem-supplement-type"

/* --- version rules ---------------------------------------------------------------------------- */

static const char *rule_name(const struct tx_rule *r)
{
    static const char *const names[2][3] = {
        {"system-version", "check-system-version", "force-system-version"},
        {"default-valueset-version", "check-valueset-version", "force-valueset-version"}};
    return names[r->of_valueset][r->mode];
}

static enum rh_rc apply_rules(struct tx *t, enum tx_rule_mode mode, struct rh_text url,
                              struct rh_text *version)
{
    const struct tx_rule *used = NULL;
    for (size_t i = 0; i < t->n_rules; i++) {
        const struct tx_rule *r = &t->rules[i];
        if (r->mode != mode || !rh_text_eq(r->url, url))
            continue;
        if (used && !rh_text_eq(used->version, r->version))
            return tx_fail(t, RH_INVALID, "exception", "version-error", NULL,
                           "%s is stated twice for %.*s: %.*s and %.*s.", rule_name(r),
                           RH_TEXT_ARG(url), RH_TEXT_ARG(used->version), RH_TEXT_ARG(r->version));
        used = r;
    }
    if (!used)
        return RH_OK;
    *version = used->version;
    return tx_text_add(t, &t->found,
                       tx_printf(t, "%s=%.*s|%.*s", rule_name(used), RH_TEXT_ARG(used->url),
                                 RH_TEXT_ARG(used->version)));
}

enum rh_rc tx_determine_version(struct tx *t, struct rh_text url, struct rh_text version,
                                struct rh_text *ret)
{
    enum rh_rc rc = apply_rules(t, TX_FORCE, url, &version);
    if (!rc && !version.len)
        rc = apply_rules(t, TX_DEFAULT, url, &version);
    if (!rc && !version.len)
        rc = apply_rules(t, TX_CHECK, url, &version);
    *ret = version;
    return rc;
}

const struct tx_rule *tx_forbidden_version(const struct tx *t, const struct terms_system *cs)
{
    for (size_t i = 0; i < t->n_rules; i++) {
        const struct tx_rule *r = &t->rules[i];
        if (r->mode == TX_CHECK && rh_text_eq(r->url, cs->url) &&
            !terms_version_matches(r->version, cs->version))
            return r;
    }
    return NULL;
}

/* --- code systems ----------------------------------------------------------------------------- */

static enum rh_rc compiled(struct tx *t, struct tx_local *l, const struct terms_system **ret)
{
    struct terms_system *cs;
    if (!l->cs) {
        enum rh_rc rc = terms_system_compile(t->arena, l->body, &cs);
        if (rc)
            return rc;
        l->cs = cs;
    }
    *ret = l->cs;
    return RH_OK;
}

static bool usable(const struct terms_system *cs)
{
    return cs && cs->content < TERMS_EXAMPLE;
}

static enum rh_rc local_system(struct tx *t, struct rh_text url, struct rh_text version,
                               const struct terms_system **ret)
{
    for (size_t i = 0; i < t->n_locals; i++) {
        struct tx_local *l = &t->locals[i];
        const struct terms_system *cs;
        if (strcmp(l->type, "CodeSystem") || !rh_text_eq(l->url, url) ||
            !terms_version_matches(version, l->version))
            continue;
        enum rh_rc rc = compiled(t, l, &cs);
        if (rc)
            return rc;
        if (usable(cs) && (!*ret || terms_version_cmp((*ret)->version, cs->version) < 0))
            *ret = cs;
    }
    return RH_OK;
}

enum rh_rc tx_find_system(struct tx *t, struct rh_text url, struct rh_text version,
                          const struct terms_system **ret)
{
    const struct terms_system *local = NULL, *world = NULL;
    *ret = NULL;
    if (!url.len)
        return RH_OK;
    enum rh_rc rc = local_system(t, url, version, &local);
    if (rc)
        return rc;
    if (!local || local->content != TERMS_COMPLETE)
        rc = terms_find_system(t->ctx, url, version, &world);
    *ret = usable(world) && !(local && world->content == local->content) ? world : local;
    return rc;
}

struct other {
    struct tx *t;
    struct rh_text version;
    const yyjson_val *found;
};

static enum rh_rc consider_other(void *user, const struct rh_definition *d)
{
    struct other *o = user;
    yyjson_val *body;
    if (o->found || !terms_version_matches(o->version, d->version))
        return RH_OK;
    enum rh_rc rc = rh_definition_body(o->t->ctx, d, &body);
    if (!rc)
        o->found = body;
    return rc;
}

enum rh_rc tx_find_other(struct tx *t, struct rh_text url, struct rh_text version,
                         const yyjson_val **ret)
{
    struct other o = {t, version, NULL};
    for (size_t i = 0; i < t->n_locals && !o.found; i++)
        if (!strcmp(t->locals[i].type, "CodeSystem") && rh_text_eq(t->locals[i].url, url) &&
            terms_version_matches(version, t->locals[i].version))
            o.found = t->locals[i].body;
    enum rh_rc rc = rh_world_versions(t->ctx->world, "CodeSystem", url, consider_other, &o);
    *ret = o.found;
    return rc;
}

/* --- versions of a system --------------------------------------------------------------------- */

struct collect {
    struct tx *t;
    struct tx_texts *list;
};

static enum rh_rc collect_version(void *user, const struct rh_definition *d)
{
    struct collect *c = user;
    if (d->base.len || !d->version.len)
        return RH_OK;
    return tx_text_add(c->t, c->list, d->version);
}

enum rh_rc tx_versions(struct tx *t, struct rh_text url, struct tx_texts *ret)
{
    enum rh_rc rc = RH_OK;
    *ret = (struct tx_texts){0};
    for (size_t i = 0; !rc && i < t->n_locals; i++)
        if (!strcmp(t->locals[i].type, "CodeSystem") && rh_text_eq(t->locals[i].url, url) &&
            t->locals[i].version.len)
            rc = tx_text_add(t, ret, t->locals[i].version);
    if (!rc)
        rc = rh_world_versions(t->ctx->world, "CodeSystem", url, collect_version,
                               &(struct collect){t, ret});
    for (size_t i = 1; i < ret->n; i++) /* few: insertion */
        for (size_t j = i; j && terms_version_cmp(ret->items[j - 1], ret->items[j]) > 0; j--) {
            struct rh_text swap = ret->items[j];
            ret->items[j] = ret->items[j - 1];
            ret->items[j - 1] = swap;
        }
    return rc;
}

struct rh_text tx_version_list(struct tx *t, const struct tx_texts *versions)
{
    struct rh_buf b = rh_buf(t->arena);
    for (size_t i = 0; i < versions->n; i++) {
        if (i)
            rh_buf_str(&b, i + 1 == versions->n ? " or " : ", ");
        rh_buf_text(&b, versions->items[i]);
    }
    return rh_buf_get(&b);
}

/* --- value sets ------------------------------------------------------------------------------- */

static const yyjson_val *contained(const yyjson_val *source, struct rh_text id)
{
    struct terms_iter it = terms_members(source, "contained");
    for (yyjson_val *v; (v = terms_next(&it));)
        if (rh_text_eq(rh_json_get(v, "id"), id))
            return v;
    return NULL;
}

static const struct tx_local *local_valueset(const struct tx *t, struct rh_text url,
                                             struct rh_text version)
{
    const struct tx_local *best = NULL;
    for (size_t i = 0; i < t->n_locals; i++) {
        const struct tx_local *l = &t->locals[i];
        if (!strcmp(l->type, "ValueSet") && rh_text_eq(l->url, url) &&
            terms_version_matches(version, l->version) &&
            (!best || terms_version_cmp(best->version, l->version) < 0))
            best = l;
    }
    return best;
}

struct best_definition {
    struct rh_text version;
    const struct rh_definition *found;
};

static enum rh_rc consider_valueset(void *user, const struct rh_definition *d)
{
    struct best_definition *b = user;
    if (!b->found && terms_version_matches(b->version, d->version))
        b->found = d;
    return RH_OK;
}

/* A value set that no definition states, written down. */
static enum rh_rc implicit(struct tx *t, struct rh_text url, const yyjson_val **ret)
{
    struct rh_text system, code;
    struct rh_buf b = rh_buf(t->arena);
    yyjson_doc *doc;
    if (!terms_implicit(url, &system, &code))
        return RH_OK;
    rh_buf_str(&b, "{\"resourceType\":\"ValueSet\",\"status\":\"active\",\"url\":");
    rh_buf_json(&b, url);
    rh_buf_str(&b, ",\"compose\":{\"include\":[{\"system\":");
    rh_buf_json(&b, system);
    if (code.len) {
        rh_buf_str(&b, ",\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":");
        rh_buf_json(&b, code);
        rh_buf_str(&b, "}]");
    }
    rh_buf_str(&b, "}]}}");
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(t->arena, t->ctx->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

enum rh_rc tx_find_valueset(struct tx *t, struct rh_text canonical, const yyjson_val *source,
                            const yyjson_val **ret)
{
    *ret = NULL;
    if (rh_text_starts(canonical, "#")) {
        struct rh_text id = {canonical.data + 1, canonical.len - 1};
        *ret = contained(source, id);
        if (!*ret)
            *ret = contained(t->root, id);
        return RH_OK;
    }
    struct rh_text version, url = terms_canonical_url(canonical, &version);
    enum rh_rc rc = tx_determine_version(t, url, version, &version);
    if (rc)
        return rc;
    const struct tx_local *local = local_valueset(t, url, version);
    if (local) {
        *ret = local->body;
        return RH_OK;
    }
    struct best_definition b = {version, NULL};
    rh_world_versions(t->ctx->world, "ValueSet", url, consider_valueset, &b);
    yyjson_val *body;
    if (!b.found)
        return implicit(t, canonical, ret);
    rc = rh_definition_body(t->ctx, b.found, &body);
    if (!rc)
        *ret = body;
    return rc;
}

/* --- supplements ------------------------------------------------------------------------------ */

static bool is_language_pack(const yyjson_val *body)
{
    struct terms_iter it = terms_members(body, "extension");
    for (yyjson_val *x; (x = terms_next(&it));)
        if (rh_text_is(rh_json_get(x, "url"), SUPPLEMENT_TYPE) &&
            rh_text_is(terms_value_text(x), "lang-pack"))
            return true;
    return false;
}

static bool asked_for(struct tx *t, const struct terms_system *s)
{
    for (size_t i = 0; i < t->supplements.n; i++) {
        struct rh_text version, url = terms_canonical_url(t->supplements.items[i], &version);
        if (rh_text_eq(url, s->url) && terms_version_matches(version, s->version))
            return true;
    }
    return false;
}

static enum rh_rc add_supplement(struct tx *t, const struct terms_system *s,
                                 struct tx_supplements *ret)
{
    if (!is_language_pack(s->body) && !asked_for(t, s))
        return RH_OK;
    if (ret->n == ret->cap) {
        const struct terms_system **grown =
            rh_arena_grow(t->arena, ret->items, &ret->cap, ret->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        ret->items = grown;
    }
    ret->items[ret->n++] = s;
    for (size_t i = 0; i < t->supplements.n; i++) {
        struct rh_text version, url = terms_canonical_url(t->supplements.items[i], &version);
        if (rh_text_eq(url, s->url) && terms_version_matches(version, s->version)) {
            enum rh_rc rc = tx_text_add(t, &t->used_supplements, t->supplements.items[i]);
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

struct supplement_search {
    struct tx *t;
    const struct terms_system *cs;
    struct tx_supplements *ret;
};

static bool supplements(struct rh_text canonical, const struct terms_system *cs)
{
    struct rh_text version, url = terms_canonical_url(canonical, &version);
    return rh_text_eq(url, cs->url) &&
           (!cs->version.len || terms_version_matches(version, cs->version));
}

static enum rh_rc consider_supplement(void *user, const struct rh_definition *d)
{
    struct supplement_search *s = user;
    const struct terms_system *cs;
    if (!d->base.len || !supplements(d->base, s->cs))
        return RH_OK;
    enum rh_rc rc = terms_system_of(s->t->ctx, d, &cs);
    return rc ? rc : add_supplement(s->t, cs, s->ret);
}

enum rh_rc tx_supplements_of(struct tx *t, const struct terms_system *cs,
                             struct tx_supplements *ret)
{
    *ret = (struct tx_supplements){0};
    for (size_t i = 0; i < t->n_locals; i++) {
        struct tx_local *l = &t->locals[i];
        const struct terms_system *s;
        if (strcmp(l->type, "CodeSystem") || !supplements(rh_json_get(l->body, "supplements"), cs))
            continue;
        enum rh_rc rc = compiled(t, l, &s);
        if (!rc)
            rc = add_supplement(t, s, ret);
        if (rc)
            return rc;
    }
    return rh_world_each(t->ctx->world, "CodeSystem", consider_supplement,
                         &(struct supplement_search){t, cs, ret});
}

enum rh_rc tx_check_supplements(struct tx *t)
{
    struct rh_buf missing = rh_buf(t->arena);
    for (size_t i = 0; i < t->supplements.n; i++)
        if (!tx_text_has(&t->used_supplements, t->supplements.items[i])) {
            if (missing.len)
                rh_buf_str(&missing, ", ");
            rh_buf_text(&missing, t->supplements.items[i]);
        }
    if (!missing.len)
        return RH_OK;
    return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                   "Required supplement not found: %.*s", RH_TEXT_ARG(rh_buf_get(&missing)));
}
