/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_cover.c - the cases of a pack pass, and each of its rules held in one and not in another. */
#include "programme/pack_check_int.h"

#include "clinical/pack_case.h"
#include "programme/pack_test.h"

enum { CASE_BYTES = 256 << 20 };

static void say_case(void *user, const struct rh_case_said *s)
{
    struct rh_checking *k = user;
    if (s->result.passed)
        return;
    rh_issues_init(&k->found, k->ctx.arena);
    struct rh_issue row = {.severity = RH_ERROR, .rc = RH_INVALID, .code = "case"};
    row.text = rh_arena_printf(k->ctx.arena, "%s\"%.*s\"%s %s",
                               s->result.broken ? "The case cannot be run: " : "The case ",
                               RH_TEXT_ARG(s->result.name),
                               s->result.broken ? ":" : " fails:", s->result.why);
    if (row.text)
        rh_issue_at(&k->found, row);
    rh_checking_flush(k, s->file, "package", (struct rh_text){NULL, 0}, NULL, "case");
}

/* --- rules ------------------------------------------------------------------------------------ */

static void say_rule(void *user, const struct rh_case_rule *rule)
{
    struct rh_checking *k = user;
    const char *path = NULL;
    if (rule->held && rule->refused)
        return;
    if (rule->id.len) /* rule_at takes what stands between the quotes */
        path = rh_arena_printf(k->ctx.arena, "where(id='%.*s')", RH_TEXT_ARG(rule->id));
    rh_checking_say(k, RH_ERROR, "coverage", path,
                    "No case in which the rule (%s) %s: add one to cases/.", rule->what,
                    !rule->held && !rule->refused ? "holds, and none in which it does not"
                    : !rule->held                 ? "holds"
                                                  : "does not hold");
}

static enum rh_rc cover_one(struct rh_checking *k, struct rh_runner *r,
                            const struct rh_definition *d)
{
    yyjson_val *body;
    const char *file =
        rh_arena_printf(k->arena, "package/%s-%.*s.json", d->type, RH_TEXT_ARG(d->id));
    const char *resource = rh_arena_printf(k->arena, "%s/%.*s", d->type, RH_TEXT_ARG(d->id));
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    enum rh_rc rc = rh_definition_body(&k->ctx, d, &body);
    bool protocol = !rc && strcmp(d->type, "PlanDefinition") == 0 && rh_checking_is_protocol(body);
    if (rc || (!protocol && strcmp(d->type, "Questionnaire") != 0))
        return rc;
    rc = rh_runner_rules(&k->ctx, r, d, say_rule, k);
    if (rc && rc != RH_NOMEM) { /* it does not compile: said before */
        rh_issues_init(&k->found, k->ctx.arena);
        rc = RH_OK;
    }
    rh_checking_flush(k, file, resource, (struct rh_text){NULL, 0}, NULL, "coverage");
    return rc;
}

enum rh_rc rh_checking_cases(struct rh_checking *k)
{
    struct rh_pack_tested tested;
    struct rh_runner *runner;
    struct rh_ctx c = k->ctx;
    c.arena = rh_arena_open(CASE_BYTES); /* the runner resets it for each case */
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    enum rh_rc rc =
        rh_pack_test(&c, k->arena, k->paths, k->n_paths, NULL, say_case, k, &tested, &runner);
    k->counts->cases = rc ? 0 : tested.cases;
    for (size_t i = 0; i < rh_package_count(k->package) && !rc; i++)
        rc = cover_one(k, runner, rh_package_at(k->package, i));
    rh_arena_close(c.arena);
    return rc;
}
