/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

enum { MATCHES_MAX = 1000, MAPS_MAX = 20 }; /* maps that refer to each other for what is unmapped */

struct translation {
    struct tx *t;
    struct rh_text system, code, version; /* what is translated */
    struct rh_text target_system;         /* empty: any */
    struct rh_text origin;                /* the map the translation began with */
    bool reverse;
    struct rh_buf *out;
    struct match {
        struct rh_text system, code;
    } * matches;
    size_t n, cap;
    bool useful; /* at least one match that is not a denial */
};

/* R4 and R5 name the relation between two concepts differently. */
static const struct {
    const char *r5, *r4, *reversed;
    bool useful;
} relations[] = {
    {"equivalent", "equivalent", "equivalent", true},
    {"equivalent", "equal", "equal", true},
    {"source-is-narrower-than-target", "wider", "narrower", true},
    {"source-is-narrower-than-target", "subsumes", "specializes", true},
    {"source-is-broader-than-target", "narrower", "wider", true},
    {"source-is-broader-than-target", "specializes", "subsumes", true},
    {"related-to", "relatedto", "relatedto", true},
    {"related-to", "inexact", "inexact", true},
    {"not-related-to", "disjoint", "disjoint", false},
    {"not-related-to", "unmatched", "unmatched", false},
};

static const char *equivalence_of(const struct translation *x, const yyjson_val *target,
                                  bool *useful)
{
    struct rh_text r4 = rh_json_get(target, "equivalence"),
                   r5 = rh_json_get(target, "relationship");
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        if (r4.len ? rh_text_is(r4, relations[i].r4) : rh_text_is(r5, relations[i].r5)) {
            *useful = relations[i].useful;
            return x->reverse ? relations[i].reversed : relations[i].r4;
        }
    *useful = true;
    return "relatedto";
}

/* --- matches ---------------------------------------------------------------------------------- */

static enum rh_rc remember(struct translation *x, struct rh_text system, struct rh_text code,
                           bool *ret_new)
{
    *ret_new = false;
    for (size_t i = 0; i < x->n; i++)
        if (rh_text_eq(x->matches[i].system, system) && rh_text_eq(x->matches[i].code, code))
            return RH_OK;
    if (x->n == MATCHES_MAX)
        return tx_fail(x->t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "The code has more than %d translations.", MATCHES_MAX);
    if (x->n == x->cap) {
        struct match *grown =
            rh_arena_grow(x->t->arena, x->matches, &x->cap, x->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        x->matches = grown;
    }
    x->matches[x->n++] = (struct match){system, code};
    *ret_new = true;
    return RH_OK;
}

static void write_coding(struct rh_buf *out, const char *name, struct rh_text system,
                         struct rh_text code, struct rh_text display)
{
    tx_comma(out);
    rh_buf_printf(out, "{\"name\":\"%s\",\"valueCoding\":{\"system\":", name);
    rh_buf_json(out, system);
    rh_buf_str(out, ",\"code\":");
    rh_buf_json(out, code);
    if (display.len) {
        rh_buf_str(out, ",\"display\":");
        rh_buf_json(out, display);
    }
    rh_buf_str(out, "}}");
}

static void write_products(struct rh_buf *out, const yyjson_val *target)
{
    struct terms_iter it = terms_members(target, "product");
    for (yyjson_val *p; (p = terms_next(&it));) {
        tx_comma(out);
        rh_buf_str(out, "{\"name\":\"product\",\"part\":[");
        tx_write_text(out, "element", "valueUri", rh_json_get(p, "property"));
        write_coding(out, "concept", rh_json_get(p, "system"), rh_json_get(p, "value"),
                     rh_json_get(p, "display"));
        rh_buf_str(out, "]}");
    }
}

static enum rh_rc write_match(struct translation *x, const yyjson_val *group,
                              const yyjson_val *element, const yyjson_val *target)
{
    bool is_new, useful;
    const char *equivalence = equivalence_of(x, target, &useful);
    struct rh_text code = x->reverse ? rh_json_get(element, "code") : rh_json_get(target, "code");
    struct rh_text system =
        x->reverse ? rh_json_get(group, "source") : rh_json_get(group, "target");
    if (!code.len && useful)
        return RH_OK;
    enum rh_rc rc = remember(x, system, code, &is_new);
    if (rc || !is_new)
        return rc;
    x->useful |= useful;
    tx_comma(x->out);
    rh_buf_str(x->out, "{\"name\":\"match\",\"part\":[");
    tx_write_text(x->out, "equivalence", "valueCode", rh_text(equivalence));
    if (code.len && x->reverse) {
        write_coding(x->out, "concept", rh_json_get(group, "target"), rh_json_get(target, "code"),
                     rh_json_get(target, "display"));
        write_coding(x->out, "source", system, code, rh_json_get(element, "display"));
    } else if (code.len) {
        write_coding(x->out, "concept", system, code, rh_json_get(target, "display"));
    }
    if (!x->reverse)
        write_products(x->out, target);
    if (x->origin.len)
        tx_write_text(x->out, "originMap", "valueCanonical", x->origin);
    rh_buf_str(x->out, "]}");
    return RH_OK;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* A system of a group, which R5 may write with its version. */
static bool is_system(struct rh_text stated, struct rh_text system)
{
    struct rh_text version;
    return rh_text_eq(terms_canonical_url(stated, &version), system);
}

static enum rh_rc in_map(struct translation *x, const yyjson_val *map, unsigned depth);

/* Nothing in the group for the code: what the group says of such codes. */
static enum rh_rc unmapped(struct translation *x, const yyjson_val *group, unsigned depth)
{
    const yyjson_val *rule = terms_member(group, "unmapped");
    struct rh_text mode = rh_json_get(rule, "mode"), system = rh_json_get(group, "target");
    bool is_new;
    if (!rule || x->reverse)
        return RH_OK;
    if (rh_text_is(mode, "other-map")) {
        struct rh_text url = rh_json_get(rule, "otherMap");
        if (!url.len)
            url = rh_json_get(rule, "url");
        const struct rh_definition *d = rh_world_find(x->t->ctx->world, "ConceptMap", url);
        yyjson_val *body;
        if (!d || depth >= MAPS_MAX)
            return RH_OK;
        enum rh_rc rc = rh_definition_body(x->t->ctx, d, &body);
        return rc ? rc : in_map(x, body, depth + 1);
    }
    struct rh_text code = rh_text_is(mode, "fixed") ? rh_json_get(rule, "code") : x->code;
    struct rh_text display =
        rh_text_is(mode, "fixed") ? rh_json_get(rule, "display") : (struct rh_text){NULL, 0};
    enum rh_rc rc = remember(x, system, code, &is_new);
    if (rc || !is_new)
        return rc;
    x->useful = true;
    tx_comma(x->out);
    rh_buf_str(x->out, "{\"name\":\"match\",\"part\":[");
    tx_write_text(x->out, "equivalence", "valueCode",
                  rh_text_is(mode, "fixed") ? RH_TEXT("inexact") : RH_TEXT("equal"));
    write_coding(x->out, "concept", system, code, display);
    if (x->origin.len)
        tx_write_text(x->out, "originMap", "valueCanonical", x->origin);
    rh_buf_str(x->out, "]}");
    return RH_OK;
}

static enum rh_rc in_group(struct translation *x, const yyjson_val *group, unsigned depth)
{
    struct rh_text from = rh_json_get(group, x->reverse ? "target" : "source"),
                   to = rh_json_get(group, x->reverse ? "source" : "target");
    bool any = false;
    if (!is_system(from, x->system) || (x->target_system.len && !is_system(to, x->target_system)))
        return RH_OK;
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(group, "element");
    for (yyjson_val *e; !rc && (e = terms_next(&it));) {
        if (!x->reverse && !rh_text_eq(rh_json_get(e, "code"), x->code))
            continue;
        any |= !x->reverse;
        struct terms_iter targets = terms_members(e, "target");
        for (yyjson_val *target; !rc && (target = terms_next(&targets));)
            if (!x->reverse || rh_text_eq(rh_json_get(target, "code"), x->code))
                rc = write_match(x, group, e, target);
    }
    return rc || any ? rc : unmapped(x, group, depth);
}

static enum rh_rc in_map(struct translation *x, const yyjson_val *map, unsigned depth)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(map, "group");
    for (yyjson_val *g; !rc && (g = terms_next(&it));)
        rc = in_group(x, g, depth);
    return rc;
}

/* --- which maps ------------------------------------------------------------------------------- */

static struct rh_text scope(const yyjson_val *map, const char *r4_uri, const char *r4_canonical,
                            const char *r5_uri, const char *r5_canonical)
{
    const char *const names[] = {r4_canonical, r4_uri, r5_canonical, r5_uri};
    for (size_t i = 0; i < 4; i++) {
        struct rh_text text = rh_json_get(map, names[i]);
        if (text.len)
            return text;
    }
    return (struct rh_text){NULL, 0};
}

/* A map of other value sets than those asked for is not meant. */
static bool in_scope(const struct translation *x, const yyjson_val *map)
{
    struct rh_text source = tx_value(x->t->parameters, "source"),
                   target = tx_value(x->t->parameters, "target");
    if (!source.len)
        source = tx_value(x->t->parameters, "sourceScope");
    if (!target.len)
        target = tx_value(x->t->parameters, "targetScope");
    struct rh_text map_source = scope(map, "sourceUri", "sourceCanonical", "sourceScopeUri",
                                      "sourceScopeCanonical"),
                   map_target = scope(map, "targetUri", "targetCanonical", "targetScopeUri",
                                      "targetScopeCanonical");
    return (!source.len || !map_source.len || is_system(map_source, source)) &&
           (!target.len || !map_target.len || is_system(map_target, target));
}

static enum rh_rc one_map(struct translation *x, const yyjson_val *map)
{
    x->origin = tx_canonical_of(x->t, map);
    return in_map(x, map, 0);
}

static enum rh_rc each_definition(void *user, const struct rh_definition *d)
{
    struct translation *x = user;
    yyjson_val *body;
    if (!d->url.len)
        return RH_OK;
    const struct rh_definition *best = rh_world_find(x->t->ctx->world, "ConceptMap", d->url);
    if (best && (best->package != d->package || !rh_text_eq(best->version, d->version)))
        return RH_OK; /* an older one of the same address */
    enum rh_rc rc = rh_definition_body(x->t->ctx, d, &body);
    return rc || !in_scope(x, body) ? rc : one_map(x, body);
}

static enum rh_rc all_maps(struct translation *x)
{
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; !rc && i < x->t->n_locals; i++)
        if (!strcmp(x->t->locals[i].type, "ConceptMap") && in_scope(x, x->t->locals[i].body))
            rc = one_map(x, x->t->locals[i].body);
    return rc ? rc : rh_world_each(x->t->ctx->world, "ConceptMap", each_definition, x);
}

static enum rh_rc named_map(struct translation *x, struct rh_text url)
{
    struct tx *t = x->t;
    struct rh_text version = tx_value(t->parameters, "conceptMapVersion"), of_url;
    url = terms_canonical_url(url, &of_url);
    if (!version.len)
        version = of_url;
    for (size_t i = 0; i < t->n_locals; i++)
        if (!strcmp(t->locals[i].type, "ConceptMap") && rh_text_eq(t->locals[i].url, url) &&
            terms_version_matches(version, t->locals[i].version))
            return one_map(x, t->locals[i].body);
    const struct rh_definition *d =
        rh_world_find(t->ctx->world, "ConceptMap", tx_canonical(t, url, version));
    yyjson_val *body;
    if (!d)
        return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                       "A definition for the concept map '%.*s' could not be found",
                       RH_TEXT_ARG(tx_canonical(t, url, version)));
    enum rh_rc rc = rh_definition_body(t->ctx, d, &body);
    return rc ? rc : one_map(x, body);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static struct rh_text either(const struct tx *t, const char *a, const char *b)
{
    struct rh_text text = tx_value(t->parameters, a);
    return text.len ? text : tx_value(t->parameters, b);
}

static const yyjson_val *coding_of(const struct tx *t, const char *coding, const char *concept)
{
    const yyjson_val *json = terms_value(tx_parameter(t->parameters, coding), NULL);
    if (json)
        return json;
    struct terms_iter it =
        terms_members(terms_value(tx_parameter(t->parameters, concept), NULL), "coding");
    return terms_next(&it);
}

static enum rh_rc ask(struct translation *x)
{
    struct tx *t = x->t;
    const yyjson_val *coding = coding_of(t, "coding", "codeableConcept");
    if (!coding)
        coding = coding_of(t, "sourceCoding", "sourceCodeableConcept");
    const yyjson_val *target = coding_of(t, "targetCoding", "targetCodeableConcept");
    x->target_system = either(t, "targetsystem", "targetSystem");
    x->reverse = rh_text_is(tx_value(t->parameters, "reverse"), "true");
    if (coding) {
        x->system = rh_json_get(coding, "system");
        x->code = rh_json_get(coding, "code");
    } else {
        x->code = either(t, "code", "sourceCode");
        x->system = either(t, "system", "sourceSystem");
    }
    struct rh_text target_code =
        target ? rh_json_get(target, "code") : tx_value(t->parameters, "targetCode");
    if (!x->code.len && target_code.len) { /* the target is named, and the source is asked for */
        struct rh_text source_system = x->system;
        x->reverse = true;
        x->code = target_code;
        x->system = target ? rh_json_get(target, "system") : x->target_system;
        x->target_system = source_system;
    }
    if (x->code.len && x->system.len)
        return RH_OK;
    return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                   "Which code? Give code and system, or a coding with both.");
}

enum rh_rc tx_translate(struct tx *t, struct rh_buf *out)
{
    struct rh_buf matches = rh_buf(t->arena);
    struct translation x = {.t = t, .out = &matches};
    const yyjson_val *given = tx_resource(t->parameters, "conceptMap");
    struct rh_text url = tx_value(t->parameters, "url");
    enum rh_rc rc = ask(&x);
    rh_buf_char(&matches, '[');
    if (!rc && given)
        rc = one_map(&x, given);
    else if (!rc && t->instance)
        rc = one_map(&x, t->instance);
    else if (!rc)
        rc = url.len ? named_map(&x, url) : all_maps(&x);
    if (rc)
        return rc;
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_bool(out, "result", x.useful);
    if (!x.n)
        tx_write_text(out, "message", "valueString",
                      tx_printf(t, "No translation of %.*s#%.*s is known.", RH_TEXT_ARG(x.system),
                                RH_TEXT_ARG(x.code)));
    if (matches.len > 1) {
        rh_buf_char(out, ',');
        rh_buf_text(out, (struct rh_text){matches.data + 1, matches.len - 1});
    }
    rh_buf_str(out, "]}");
    return matches.rc;
}
