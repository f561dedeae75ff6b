/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/terms_int.h"

/* What one filter asks; made once, then applied to every concept. */
struct filter {
    struct rh_ctx *ctx;
    const struct terms_system *cs;
    struct rh_text property, op, value;
    bool of_code;       /* the property is the concept itself */
    uint64_t *relation; /* concepts in the asked relation to the value */
};

/* --- relations: is-a and its kin -------------------------------------------------------------- */

static void self(const struct filter *f, uint32_t at)
{
    terms_bit_set(f->relation, at);
}

static enum rh_rc is_a(const struct filter *f, uint32_t at)
{
    self(f, at);
    return terms_mark(f->ctx->arena, &f->cs->children, f->cs->n, at, f->relation);
}

static enum rh_rc descendent_of(const struct filter *f, uint32_t at)
{
    return terms_mark(f->ctx->arena, &f->cs->children, f->cs->n, at, f->relation);
}

static enum rh_rc is_not_a(const struct filter *f, uint32_t at)
{
    enum rh_rc rc = is_a(f, at);
    for (size_t i = 0; !rc && i < terms_bit_words(f->cs); i++)
        f->relation[i] = ~f->relation[i];
    return rc;
}

static enum rh_rc generalizes(const struct filter *f, uint32_t at)
{
    self(f, at);
    return terms_mark(f->ctx->arena, &f->cs->parents, f->cs->n, at, f->relation);
}

static enum rh_rc child_of(const struct filter *f, uint32_t at)
{
    const struct terms_lists *down = &f->cs->children;
    for (uint32_t k = down->at[at]; k < down->at[at + 1]; k++)
        terms_bit_set(f->relation, down->item[k]);
    return RH_OK;
}

static enum rh_rc descendent_leaf(const struct filter *f, uint32_t at)
{
    enum rh_rc rc = descendent_of(f, at);
    const struct terms_lists *down = &f->cs->children;
    for (uint32_t i = 0; !rc && i < f->cs->n; i++)
        if (down->at[i + 1] > down->at[i])
            f->relation[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    return rc;
}

static const struct {
    const char *op;
    enum rh_rc (*mark)(const struct filter *f, uint32_t at);
    bool all_when_unknown; /* nothing is an unknown concept */
} relations[] = {
    {"is-a", is_a, false},
    {"descendent-of", descendent_of, false},
    {"descendant-of", descendent_of, false},
    {"is-not-a", is_not_a, true},
    {"generalizes", generalizes, false},
    {"child-of", child_of, false},
    {"descendent-leaf", descendent_leaf, false},
};

/* --- comparisons: =, in, not-in, regex, exists ------------------------------------------------ */

static bool listed(const struct filter *f, struct rh_text text)
{
    struct rh_text rest = f->value, one;
    while (rh_text_split(&rest, ',', &one)) {
        one = rh_text_trim(one);
        if (f->of_code ? terms_code_eq(f->cs, one, text) : rh_text_eq(one, text))
            return true;
    }
    return false;
}

static enum rh_rc value_passes(const struct filter *f, struct rh_text text, bool *ret)
{
    if (rh_text_is(f->op, "=")) {
        *ret = f->of_code ? terms_code_eq(f->cs, f->value, text) : rh_text_eq(f->value, text);
        return RH_OK;
    }
    if (!rh_text_is(f->op, "regex")) {
        *ret = listed(f, text);
        return RH_OK;
    }
    struct rh_regex_match match = {0};
    enum rh_rc rc = f->ctx->host->regex(f->ctx, f->value, text, 0, RH_REGEX_WHOLE, &match);
    *ret = !rc && match.found;
    return rc;
}

static bool in_hierarchy(const struct filter *f, uint32_t i)
{
    const struct terms_lists *lists =
        rh_text_is(f->property, "parent") ? &f->cs->parents : &f->cs->children;
    for (uint32_t k = lists->at[i]; k < lists->at[i + 1]; k++)
        if (listed(f, f->cs->concepts[lists->item[k]].code))
            return true;
    return false;
}

static struct rh_text built_in(const struct filter *f, uint32_t i)
{
    if (f->of_code)
        return f->cs->concepts[i].code;
    if (rh_text_is(f->property, "display"))
        return f->cs->concepts[i].display;
    if (rh_text_is(f->property, "definition"))
        return rh_json_get(f->cs->concepts[i].json, "definition");
    return (struct rh_text){NULL, 0};
}

/* Has the concept a value that passes? Also whether it has any. */
static enum rh_rc any_passes(const struct filter *f, uint32_t i, bool *ret, bool *ret_exists)
{
    enum rh_rc rc = RH_OK;
    bool exists_only = rh_text_is(f->op, "exists");
    struct rh_text text = built_in(f, i);
    *ret = false;
    *ret_exists = text.data != NULL;
    if (text.data)
        return exists_only ? RH_OK : value_passes(f, text, ret);
    struct terms_iter it = terms_members(f->cs->concepts[i].json, "property");
    for (yyjson_val *p; !rc && !*ret && (p = terms_next(&it));)
        if (rh_text_eq(rh_json_get(p, "code"), f->property)) {
            *ret_exists = true;
            if (!exists_only)
                rc = value_passes(f, terms_value_text(p), ret);
        }
    bool hierarchy = rh_text_is(f->property, "parent") || rh_text_is(f->property, "child");
    if (!rc && !*ret && hierarchy) {
        const struct terms_lists *lists =
            rh_text_is(f->property, "parent") ? &f->cs->parents : &f->cs->children;
        *ret_exists |= lists->at[i + 1] > lists->at[i];
        *ret = !exists_only && !rh_text_is(f->op, "regex") && in_hierarchy(f, i);
    }
    return rc;
}

static enum rh_rc compare(const struct filter *f, uint64_t *bits)
{
    bool not_in = rh_text_is(f->op, "not-in"), exists_op = rh_text_is(f->op, "exists");
    bool wanted = !rh_text_is(f->value, "false");
    for (uint32_t i = 0; i < f->cs->n; i++) {
        bool passes, exists;
        if (!terms_bit(bits, i))
            continue;
        enum rh_rc rc = any_passes(f, i, &passes, &exists);
        if (rc)
            return rc;
        if (exists_op ? exists != wanted : passes == not_in)
            bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    }
    return RH_OK;
}

/* --- the filter ------------------------------------------------------------------------------- */

static bool declares(const yyjson_val *body, const char *list, struct rh_text code)
{
    struct terms_iter it = terms_members(body, list);
    for (yyjson_val *p; (p = terms_next(&it));)
        if (rh_text_eq(rh_json_get(p, "code"), code))
            return true;
    return false;
}

static bool known_property(const struct filter *f)
{
    static const char *const names[] = {"display", "definition", "parent",       "child",
                                        "status",  "inactive",   "notSelectable"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (rh_text_is(f->property, names[i]))
            return true;
    if (declares(f->cs->body, "property", f->property) ||
        declares(f->cs->body, "filter", f->property))
        return true;
    for (uint32_t i = 0; i < f->cs->n; i++)
        if (terms_property(f->cs, i, f->property))
            return true;
    return false;
}

static enum rh_rc relate(struct filter *f, uint64_t *bits, bool *ret_known)
{
    for (size_t r = 0; r < sizeof relations / sizeof *relations; r++) {
        if (!rh_text_is(f->op, relations[r].op))
            continue;
        size_t words = terms_bit_words(f->cs);
        f->relation = rh_arena_zero(f->ctx->arena, words * sizeof *f->relation);
        if (!f->relation)
            return RH_NOMEM;
        *ret_known = true;
        uint32_t at = terms_locate(f->cs, f->value);
        enum rh_rc rc = at == TERMS_NONE ? RH_OK : relations[r].mark(f, at);
        for (size_t i = 0; !rc && i < words; i++)
            bits[i] &= at == TERMS_NONE ? (relations[r].all_when_unknown ? ~UINT64_C(0) : 0)
                                        : f->relation[i];
        return rc;
    }
    return RH_OK;
}

static bool is_comparison(struct rh_text op)
{
    return rh_text_is(op, "=") || rh_text_is(op, "in") || rh_text_is(op, "not-in") ||
           rh_text_is(op, "regex") || rh_text_is(op, "exists");
}

static bool is_relation(struct rh_text op)
{
    for (size_t r = 0; r < sizeof relations / sizeof *relations; r++)
        if (rh_text_is(op, relations[r].op))
            return true;
    return false;
}

enum terms_filter_fault terms_filter_check(const struct terms_system *cs, const yyjson_val *filter)
{
    struct filter f = {
        .cs = cs, .property = rh_json_get(filter, "property"), .op = rh_json_get(filter, "op")};
    f.of_code = rh_text_is(f.property, "concept") || rh_text_is(f.property, "code");
    if (!rh_json_get(filter, "value").len)
        return TERMS_FILTER_NO_VALUE;
    if (f.of_code ? is_relation(f.op) || is_comparison(f.op)
                  : is_comparison(f.op) && cs->body && known_property(&f))
        return TERMS_FILTER_OK;
    return TERMS_FILTER_UNKNOWN;
}

uint64_t terms_filter_visits(const struct terms_system *cs, const yyjson_val *filter)
{
    bool regex = rh_text_is(rh_json_get(filter, "op"), "regex");
    return (uint64_t)cs->n * (regex ? TERMS_REGEX_VISITS : 1);
}

enum rh_rc terms_filter(struct rh_ctx *c, const struct terms_system *cs, const yyjson_val *filter,
                        uint64_t *bits, enum terms_filter_fault *fault)
{
    /* what the host says of an expression is the definition's fault, not the caller's */
    struct rh_issues unheard;
    struct rh_ctx quiet = *c;
    rh_issues_init(&unheard, c->arena);
    quiet.issues = &unheard;
    struct filter f = {.ctx = &quiet,
                       .cs = cs,
                       .property = rh_json_get(filter, "property"),
                       .op = rh_json_get(filter, "op"),
                       .value = rh_json_get(filter, "value")};
    f.of_code = rh_text_is(f.property, "concept") || rh_text_is(f.property, "code");
    *fault = TERMS_FILTER_OK;
    if (!f.value.len) {
        *fault = TERMS_FILTER_NO_VALUE;
        return RH_INVALID;
    }
    bool known = false;
    if (f.of_code) {
        enum rh_rc rc = relate(&f, bits, &known);
        if (rc || known)
            return rc;
    }
    *fault = TERMS_FILTER_UNKNOWN;
    if (!is_comparison(f.op) || !(f.of_code || (cs->body && known_property(&f))))
        return RH_UNSUPPORTED;
    if (rh_text_is(f.op, "regex")) {
        *fault = TERMS_FILTER_REGEX;
        if (!c->host || !c->host->regex)
            return RH_UNSUPPORTED;
    }
    enum rh_rc rc = compare(&f, bits);
    if (!rc)
        *fault = TERMS_FILTER_OK;
    return rc;
}
