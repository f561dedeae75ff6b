/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/valueset_int.h"

enum { ASKED_MAX = 10000 }; /* value sets asked for one code, counting each way to them */

struct query {
    struct rh_ctx *ctx;
    const struct rh_terms_code *code;
    struct rh_terms_result *ret;
    unsigned asked;
};

static bool unknown(enum rh_terms_answer a)
{
    return a == RH_TERMS_UNKNOWN_VALUESET || a == RH_TERMS_UNKNOWN_SYSTEM;
}

static enum rh_terms_answer miss(struct query *q, enum rh_terms_answer answer, struct rh_text what)
{
    q->ret->missing = what;
    return answer;
}

/* --- one concept ------------------------------------------------------------------------------ */

static bool listed_display(const yyjson_val *item, struct rh_text display)
{
    if (terms_same_text(rh_json_get(item, "display"), display, true))
        return true;
    struct terms_iter it = terms_members(item, "designation");
    for (yyjson_val *d; (d = terms_next(&it));)
        if (terms_same_text(rh_json_get(d, "value"), display, true))
            return true;
    return false;
}

/* Notes what was found; `item` is the entry of the list that named the code, or NULL. */
static void found(struct query *q, const struct terms_system *cs, uint32_t i,
                  const yyjson_val *item)
{
    struct rh_terms_result *ret = q->ret;
    ret->system = cs->url;
    ret->inactive = cs->concepts[i].flags & TERMS_INACTIVE;
    struct rh_text shown = rh_json_get(item, "display");
    ret->display = shown.len ? shown : cs->concepts[i].display;
    ret->display_wrong = q->code->display.len && ret->display.len &&
                         !(item && listed_display(item, q->code->display)) &&
                         !terms_is_display(cs, i, q->code->display);
}

static enum rh_terms_answer whole_system(struct query *q, const struct terms_part *part,
                                         bool active_only)
{
    const struct terms_system *cs = part->cs;
    if (!cs)
        return miss(q, RH_TERMS_UNKNOWN_SYSTEM, part->system);
    if (cs->grammar) {
        if (!terms_grammar_valid(cs->grammar, q->code->code))
            return RH_TERMS_NO;
        q->ret->system = cs->url;
        return RH_TERMS_YES;
    }
    uint32_t i = terms_locate(cs, q->code->code);
    bool sure = cs->content == TERMS_COMPLETE && !part->other_version;
    if (i == TERMS_NONE || (part->kind == TERMS_PART_BITS && !terms_bit(part->bits, i)))
        return sure || (i != TERMS_NONE && !part->other_version)
                   ? RH_TERMS_NO
                   : miss(q, RH_TERMS_UNKNOWN_SYSTEM, part->system);
    if (active_only && cs->concepts[i].flags & TERMS_INACTIVE)
        return RH_TERMS_NO;
    found(q, cs, i, NULL);
    return RH_TERMS_YES;
}

static enum rh_terms_answer listed(struct query *q, const struct terms_part *part, bool active_only)
{
    const struct terms_system *cs = part->cs;
    const yyjson_val *item =
        terms_codes_find(&part->codes, (struct rh_text){NULL, 0}, q->code->code);
    if (!item)
        return RH_TERMS_NO;
    q->ret->system = part->system;
    q->ret->display = rh_json_get(item, "display");
    if (!cs || cs->grammar)
        return RH_TERMS_YES;
    uint32_t i = terms_locate(cs, q->code->code);
    if (i == TERMS_NONE)
        return cs->content == TERMS_COMPLETE && !part->other_version ? RH_TERMS_NO : RH_TERMS_YES;
    if (active_only && cs->concepts[i].flags & TERMS_INACTIVE)
        return RH_TERMS_NO;
    found(q, cs, i, item);
    return RH_TERMS_YES;
}

/* --- parts and sets --------------------------------------------------------------------------- */

static enum rh_terms_answer in_set(struct query *q, const struct terms_valueset *vs);

static enum rh_terms_answer in_part(struct query *q, const struct terms_valueset *vs,
                                    const struct terms_part *part)
{
    enum rh_terms_answer answer = RH_TERMS_YES;
    if (part->kind != TERMS_PART_SETS) {
        if (!q->code->any_system && !rh_text_eq(q->code->system, part->system))
            return RH_TERMS_NO;
        if (part->kind == TERMS_PART_UNKNOWN)
            answer = miss(q, RH_TERMS_UNKNOWN_VALUESET, vs->url);
        else if (part->kind == TERMS_PART_CODES)
            answer = listed(q, part, vs->active_only);
        else if (part->kind == TERMS_PART_BITS && part->cs && part->cs->grammar)
            answer = miss(q, RH_TERMS_UNKNOWN_VALUESET, vs->url);
        else
            answer = whole_system(q, part, vs->active_only);
    } else if (!part->n_sets) {
        return RH_TERMS_NO;
    }
    for (size_t i = 0; i < part->n_sets && answer != RH_TERMS_NO; i++) {
        const struct terms_part_set *s = &part->sets[i];
        enum rh_terms_answer other =
            s->set ? in_set(q, s->set) : miss(q, RH_TERMS_UNKNOWN_VALUESET, s->canonical);
        if (other != RH_TERMS_YES && (other == RH_TERMS_NO || answer == RH_TERMS_YES))
            answer = other;
    }
    return answer;
}

static enum rh_terms_answer by_compose(struct query *q, const struct terms_valueset *vs)
{
    enum rh_terms_answer answer = RH_TERMS_NO;
    for (size_t i = 0; i < vs->n_includes && answer != RH_TERMS_YES; i++) {
        enum rh_terms_answer one = in_part(q, vs, &vs->includes[i]);
        if (one != RH_TERMS_NO)
            answer = one;
    }
    if (answer == RH_TERMS_NO)
        return answer;
    struct rh_terms_result kept = *q->ret;
    for (size_t i = 0; i < vs->n_excludes; i++) {
        enum rh_terms_answer one = in_part(q, vs, &vs->excludes[i]);
        if (one == RH_TERMS_YES)
            return RH_TERMS_NO;
        if (one != RH_TERMS_NO)
            return one;
    }
    *q->ret = kept;
    return answer;
}

static enum rh_terms_answer by_expansion(struct query *q, const struct terms_valueset *vs)
{
    struct rh_text system = q->code->any_system ? (struct rh_text){NULL, 0} : q->code->system;
    const yyjson_val *item = terms_codes_find(&vs->expansion, system, q->code->code);
    if (!item)
        return vs->expansion_complete ? RH_TERMS_NO : miss(q, RH_TERMS_UNKNOWN_VALUESET, vs->url);
    q->ret->system = rh_json_get(item, "system");
    q->ret->display = rh_json_get(item, "display");
    q->ret->inactive = yyjson_is_true(terms_member(item, "inactive"));
    return RH_TERMS_YES;
}

static enum rh_terms_answer in_set(struct query *q, const struct terms_valueset *vs)
{
    if (q->asked++ >= ASKED_MAX)
        return miss(q, RH_TERMS_UNKNOWN_VALUESET, vs->url);
    enum rh_terms_answer answer = RH_TERMS_UNKNOWN_VALUESET;
    if (vs->has_compose)
        answer = by_compose(q, vs);
    else
        q->ret->missing = vs->url;
    if (unknown(answer) && vs->has_expansion)
        answer = by_expansion(q, vs);
    return answer;
}

/* --- the questions ---------------------------------------------------------------------------- */

/* A value set that no definition states: all of a system, or what is below one of its codes. */
static enum rh_rc in_implicit(struct query *q, struct rh_text system, struct rh_text code)
{
    struct terms_part part = {.kind = TERMS_PART_ALL, .system = system};
    enum rh_rc rc = terms_find_system(q->ctx, system, (struct rh_text){NULL, 0}, &part.cs);
    if (rc)
        return rc == RH_NOMEM ? rc : RH_OK;
    if (part.cs && part.cs->content >= TERMS_EXAMPLE)
        part.cs = NULL;
    if (!q->code->any_system && !rh_text_eq(q->code->system, system)) {
        q->ret->answer = RH_TERMS_NO;
        return RH_OK;
    }
    q->ret->answer = whole_system(q, &part, false);
    if (q->ret->answer != RH_TERMS_YES || !code.len)
        return RH_OK;
    uint32_t root = terms_locate(part.cs, code), i = terms_locate(part.cs, q->code->code);
    if (root == TERMS_NONE || i == TERMS_NONE)
        q->ret->answer = miss(q, RH_TERMS_UNKNOWN_VALUESET, system);
    else if (!terms_is_ancestor(q->ctx->arena, part.cs, root, i))
        q->ret->answer = RH_TERMS_NO;
    return RH_OK;
}

enum rh_rc rh_terms_contains(struct rh_ctx *c, struct rh_text value_set,
                             const struct rh_terms_code *code, struct rh_terms_result *ret)
{
    struct query q = {c, code, ret, 0};
    *ret = (struct rh_terms_result){.answer = RH_TERMS_UNKNOWN_VALUESET, .missing = value_set};
    const struct rh_definition *d = rh_world_find(c->world, "ValueSet", value_set);
    struct rh_text system, root;
    if (!d)
        return terms_implicit(value_set, &system, &root) ? in_implicit(&q, system, root) : RH_OK;
    const struct terms_valueset *vs = NULL;
    enum rh_rc rc = terms_valueset_of(c, d, &vs);
    if (rc)
        return rc == RH_NOMEM ? rc : RH_OK;
    ret->missing = (struct rh_text){NULL, 0};
    ret->answer = in_set(&q, vs);
    if (!unknown(ret->answer))
        ret->missing = (struct rh_text){NULL, 0};
    return RH_OK;
}

enum rh_rc rh_terms_in_system(struct rh_ctx *c, const struct rh_terms_code *code,
                              struct rh_terms_result *ret)
{
    struct query q = {c, code, ret, 0};
    struct terms_part part = {.kind = TERMS_PART_ALL, .system = code->system};
    *ret = (struct rh_terms_result){.answer = RH_TERMS_UNKNOWN_SYSTEM, .missing = code->system};
    enum rh_rc rc = terms_find_system(c, code->system, code->version, &part.cs);
    if (!rc && !part.cs && code->version.len) /* another version says more than nothing */
        rc = terms_find_system(c, code->system, (struct rh_text){NULL, 0}, &part.cs);
    if (rc)
        return rc == RH_NOMEM ? rc : RH_OK;
    if (part.cs && part.cs->content >= TERMS_EXAMPLE)
        part.cs = NULL;
    ret->answer = whole_system(&q, &part, false);
    return RH_OK;
}

enum rh_rc rh_terms_subsumes(struct rh_ctx *c, struct rh_text system, struct rh_text a,
                             struct rh_text b, int *ret)
{
    const struct terms_system *cs = NULL;
    *ret = -1;
    enum rh_rc rc = terms_find_system(c, system, (struct rh_text){NULL, 0}, &cs);
    if (rc)
        return rc == RH_NOMEM ? rc : RH_OK;
    if (!cs || cs->grammar || cs->content >= TERMS_EXAMPLE)
        return RH_OK;
    uint32_t i = terms_locate(cs, a), j = terms_locate(cs, b);
    if (i != TERMS_NONE && j != TERMS_NONE)
        *ret = terms_is_ancestor(c->arena, cs, i, j);
    return RH_OK;
}
