/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/valueset_int.h"

/* The value sets that are being compiled, innermost first: one that is in its own chain includes
 * itself. */
struct chain {
    const struct rh_definition *d;
    const struct chain *up;
    unsigned depth;
    uint64_t *visits; /* concepts that its filters looked at: at most TERMS_VISITS_MAX */
};

/* --- hash sets of codes ----------------------------------------------------------------------- */

static enum rh_rc codes_add(struct rh_arena *a, struct terms_codes *codes, size_t *cap,
                            const yyjson_val *item)
{
    if (codes->n == *cap) {
        const yyjson_val **grown = rh_arena_grow(a, codes->item, cap, codes->n + 1u, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        codes->item = grown;
    }
    codes->item[codes->n++] = item;
    return RH_OK;
}

static bool same_code(const struct terms_codes *codes, struct rh_text a, struct rh_text b)
{
    return codes->fold_case ? rh_text_ieq(a, b) : rh_text_eq(a, b);
}

static enum rh_rc codes_index(struct rh_arena *a, struct terms_codes *codes)
{
    uint32_t slots = 8;
    while (slots < (uint64_t)codes->n * 2)
        slots *= 2;
    codes->mask = slots - 1;
    codes->slots = rh_arena_alloc(a, slots * sizeof *codes->slots);
    if (!codes->slots)
        return RH_NOMEM;
    memset(codes->slots, 0xff, slots * sizeof *codes->slots);
    for (uint32_t i = 0; i < codes->n; i++) {
        struct rh_text code = rh_json_get(codes->item[i], "code");
        uint32_t at = (uint32_t)terms_hash(code, codes->fold_case) & codes->mask;
        while (codes->slots[at] != TERMS_NONE)
            at = (at + 1) & codes->mask;
        codes->slots[at] = i;
    }
    return RH_OK;
}

const yyjson_val *terms_codes_find(const struct terms_codes *codes, struct rh_text system,
                                   struct rh_text code)
{
    if (!codes->slots)
        return NULL;
    for (uint32_t at = (uint32_t)terms_hash(code, codes->fold_case) & codes->mask;
         codes->slots[at] != TERMS_NONE; at = (at + 1) & codes->mask) {
        const yyjson_val *item = codes->item[codes->slots[at]];
        if (!same_code(codes, rh_json_get(item, "code"), code))
            continue;
        if (!system.len || rh_text_eq(rh_json_get(item, "system"), system))
            return item;
    }
    return NULL;
}

/* --- parts ------------------------------------------------------------------------------------ */

static enum rh_rc part_list(struct rh_ctx *c, struct terms_part *part, const yyjson_val *include)
{
    size_t cap = 0;
    enum rh_rc rc = RH_OK;
    part->kind = TERMS_PART_CODES;
    part->codes.fold_case = part->cs && !part->cs->case_sensitive;
    struct terms_iter it = terms_members(include, "concept");
    for (yyjson_val *v; !rc && (v = terms_next(&it));)
        rc = codes_add(c->arena, &part->codes, &cap, v);
    return rc ? rc : codes_index(c->arena, &part->codes);
}

static enum rh_rc part_filters(struct rh_ctx *c, struct terms_part *part, const yyjson_val *include,
                               uint64_t *visits)
{
    part->kind = TERMS_PART_BITS;
    if (!part->cs || part->cs->grammar)
        return RH_OK;
    size_t words = terms_bit_words(part->cs);
    part->bits = rh_arena_alloc(c->arena, words * sizeof *part->bits);
    if (!part->bits)
        return RH_NOMEM;
    memset(part->bits, 0xff, words * sizeof *part->bits);
    struct terms_iter it = terms_members(include, "filter");
    for (yyjson_val *v; (v = terms_next(&it));) {
        enum terms_filter_fault fault;
        *visits += terms_filter_visits(part->cs, v);
        enum rh_rc rc = *visits > TERMS_VISITS_MAX
                            ? RH_TOOLARGE
                            : terms_filter(c, part->cs, v, part->bits, &fault);
        if (rc == RH_NOMEM)
            return rc;
        if (rc) {
            part->kind = TERMS_PART_UNKNOWN;
            return RH_OK;
        }
    }
    return RH_OK;
}

static enum rh_rc compile_chained(struct rh_ctx *c, const struct rh_definition *d,
                                  const struct chain *up, const struct terms_valueset **ret);

static bool in_chain(const struct chain *chain, const struct rh_definition *d)
{
    for (; chain; chain = chain->up)
        if (chain->d == d)
            return true;
    return false;
}

static enum rh_rc part_sets(struct rh_ctx *c, struct terms_part *part, const yyjson_val *include,
                            const struct chain *chain)
{
    struct terms_iter it = terms_members(include, "valueSet");
    part->sets = rh_arena_zero(c->arena, (it.left + 1) * sizeof *part->sets);
    if (!part->sets)
        return RH_NOMEM;
    for (yyjson_val *v; (v = terms_next(&it));) {
        struct terms_part_set *s = &part->sets[part->n_sets++];
        s->canonical = rh_json_text(v);
        const struct rh_definition *d = rh_world_find(c->world, "ValueSet", s->canonical);
        if (!d || in_chain(chain, d) || chain->depth >= RH_TERMS_DEPTH_MAX)
            continue;
        enum rh_rc rc = compile_chained(c, d, chain, &s->set);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc compile_part(struct rh_ctx *c, struct terms_part *part, const yyjson_val *include,
                               const struct chain *chain)
{
    enum rh_rc rc = RH_OK;
    part->system = rh_json_get(include, "system");
    part->version = rh_json_get(include, "version");
    part->kind = TERMS_PART_SETS;
    if (part->system.len) {
        rc = terms_find_system(c, part->system, part->version, &part->cs);
        if (!rc && !part->cs && part->version.len) {
            part->other_version = true;
            rc = terms_find_system(c, part->system, (struct rh_text){NULL, 0}, &part->cs);
        }
        if (rc)
            return rc;
        if (part->cs && part->cs->content >= TERMS_EXAMPLE)
            part->cs = NULL; /* says nothing about what its codes are */
        part->kind = TERMS_PART_ALL;
        if (terms_members(include, "concept").left)
            rc = part_list(c, part, include);
        else if (terms_members(include, "filter").left)
            rc = part_filters(c, part, include, chain->visits);
    }
    return rc ? rc : part_sets(c, part, include, chain);
}

static enum rh_rc compile_parts(struct rh_ctx *c, const yyjson_val *list, struct terms_part **ret,
                                size_t *ret_n, const struct chain *chain)
{
    struct terms_iter it = terms_items(list);
    struct terms_part *parts = rh_arena_zero(c->arena, (it.left + 1) * sizeof *parts);
    if (!parts)
        return RH_NOMEM;
    *ret = parts;
    for (yyjson_val *v; (v = terms_next(&it));) {
        enum rh_rc rc = compile_part(c, &parts[(*ret_n)++], v, chain);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- expansions ------------------------------------------------------------------------------- */

static enum rh_rc collect(struct rh_arena *a, struct terms_codes *codes, size_t *cap,
                          const yyjson_val *contains, unsigned depth)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_items(contains);
    for (yyjson_val *v; !rc && depth < RH_JSON_DEPTH_MAX && (v = terms_next(&it));) {
        if (rh_json_get(v, "code").len && !yyjson_is_true(terms_member(v, "abstract")))
            rc = codes_add(a, codes, cap, v);
        if (!rc)
            rc = collect(a, codes, cap, terms_member(v, "contains"), depth + 1);
    }
    return rc;
}

static enum rh_rc compile_expansion(struct rh_ctx *c, struct terms_valueset *vs,
                                    const yyjson_val *expansion)
{
    size_t cap = 0;
    enum rh_rc rc = collect(c->arena, &vs->expansion, &cap, terms_member(expansion, "contains"), 0);
    if (rc)
        return rc;
    vs->has_expansion = true;
    vs->expansion_complete = true;
    uint64_t total;
    if (!rh_text_u64(rh_json_text(terms_member(expansion, "total")), UINT32_MAX, &total) &&
        total > vs->expansion.n)
        vs->expansion_complete = false;
    struct terms_iter it = terms_members(expansion, "extension");
    for (yyjson_val *v; (v = terms_next(&it));)
        if (rh_text_ends(rh_json_get(v, "url"), "valueset-unclosed") ||
            rh_text_ends(rh_json_get(v, "url"), "valueset-toocostly"))
            vs->expansion_complete = false;
    return codes_index(c->arena, &vs->expansion);
}

/* --- the form --------------------------------------------------------------------------------- */

static enum rh_rc make_form(struct rh_ctx *c, const struct rh_definition *d, void *user,
                            const void **ret)
{
    const struct chain *chain = user;
    yyjson_val *body;
    struct terms_valueset *vs = rh_arena_zero(c->arena, sizeof *vs);
    enum rh_rc rc = vs ? rh_definition_body(c, d, &body) : RH_NOMEM;
    if (rc)
        return rc;
    const yyjson_val *compose = terms_member(body, "compose");
    const yyjson_val *expansion = terms_member(body, "expansion");
    vs->url = d->url;
    vs->version = d->version;
    vs->body = body;
    vs->has_compose = compose != NULL;
    vs->active_only = yyjson_is_false(terms_member(compose, "inactive"));
    rc = compile_parts(c, terms_member(compose, "include"), &vs->includes, &vs->n_includes, chain);
    if (!rc)
        rc = compile_parts(c, terms_member(compose, "exclude"), &vs->excludes, &vs->n_excludes,
                           chain);
    if (!rc && expansion)
        rc = compile_expansion(c, vs, expansion);
    *ret = vs;
    return rc;
}

static enum rh_rc compile_chained(struct rh_ctx *c, const struct rh_definition *d,
                                  const struct chain *up, const struct terms_valueset **ret)
{
    uint64_t visits = 0;
    struct chain chain = {d, up, up ? up->depth + 1 : 0, &visits};
    const void *form = NULL;
    enum rh_rc rc = rh_world_form(c, d, RH_FORM_VALUESET, make_form, &chain, &form);
    if (!rc)
        *ret = form;
    return rc;
}

enum rh_rc terms_valueset_of(struct rh_ctx *c, const struct rh_definition *d,
                             const struct terms_valueset **ret)
{
    return compile_chained(c, d, NULL, ret);
}
