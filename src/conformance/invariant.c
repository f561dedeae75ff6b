/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Invariants. Those that stand on every element of FHIR (ele-1, ext-1, ref-1, dom-2 to dom-6 and
 * the narrative's) are answered where the walk sees them anyway; the others by the expression
 * engine.
 */
#include "conformance/validate_int.h"

/* By their expression, so that a profile that changes one under the same key is still asked. */
static const struct {
    const char *expression;
    enum rh_native how;
} native[] = {
    {"hasValue() or (children().count() > id.count())", RH_NATIVE_DONE},
    {"@value|f:*|h:div", RH_NATIVE_DONE},
    {"hasValue() or (children().count() > id.count()) or $this is Parameters", RH_NATIVE_DONE},
    {"extension.exists() != value.exists()", RH_NATIVE_DONE},
    {"contained.contained.empty()", RH_NATIVE_DONE},
    {"contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()", RH_NATIVE_DONE},
    {"contained.meta.security.empty()", RH_NATIVE_DONE},
    {"text.`div`.exists()", RH_NATIVE_DONE},
    {"text.div.exists()", RH_NATIVE_DONE},
    {"reference.startsWith('#').not() or (reference.substring(1).trace('url') in "
     "%rootResource.contained.id.trace('ids'))",
     RH_NATIVE_DONE},
    {"htmlChecks()", RH_NATIVE_NARRATIVE},
};

enum rh_native rh_native_of(struct rh_text key, struct rh_text expression)
{
    if (rh_text_is(key, "dom-3"))
        return RH_NATIVE_DONE;
    for (size_t i = 0; i < sizeof native / sizeof native[0]; i++)
        if (rh_text_is(expression, native[i].expression))
            return native[i].how;
    return RH_NATIVE_NONE;
}

static void check_one(struct rh_run *r, const struct rh_place *at, const struct rh_constraint *k)
{
    struct rh_fp_input in = {.focus = rh_fp_node(at->type, at->value, at->extra),
                             .resource = r->scope->resource,
                             .root = r->scope->resource};
    for (const struct rh_scope *s = r->scope; s->contained && s->up; s = s->up)
        in.root = s->up->resource;
    if (at->type->kind == RH_KIND_RESOURCE)
        in.focus = rh_fp_resource(at->value, false);
    struct rh_issues silent, *outer = r->c->issues;
    uint64_t steps = r->c->steps;
    bool holds = true;
    rh_issues_init(&silent, r->c->arena);
    r->c->issues = &silent;
    r->c->steps = RH_VALIDATE_STEPS_MAX;
    enum rh_rc rc = rh_fp_true(r->c, k->fp, &in, &holds);
    r->work += (RH_VALIDATE_STEPS_MAX - r->c->steps) / 16;
    r->c->steps = steps;
    r->c->issues = outer;
    if (rc == RH_NOMEM)
        r->rc = rc;
    else if (rc)
        rh_complain(r, RH_WARNING, "exception", at, "the rule %.*s could not be evaluated: %s",
                    RH_TEXT_ARG(k->key), silent.count ? silent.rows[0].text : rh_rc_text(rc));
    else if (!holds)
        rh_complain(r, k->warning ? RH_WARNING : RH_ERROR, "invariant", at,
                    "the rule %.*s fails: %.*s", RH_TEXT_ARG(k->key), RH_TEXT_ARG(k->human));
}

void rh_check_constraints(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    for (unsigned i = 0; i < rule->n_constraints && !r->rc; i++) {
        const struct rh_constraint *k = &rule->constraints[i];
        if (k->warning && (r->quiet || r->probing))
            continue;
        if (k->fp)
            check_one(r, at, k);
        else if (!r->quiet)
            rh_complain(r, RH_WARNING, "exception", at,
                        "the rule %.*s is not an expression that can be evaluated",
                        RH_TEXT_ARG(k->key));
    }
}
