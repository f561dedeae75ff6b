/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_sources.c - every rule says where it comes from, and how well that is established.
 *
 * A source is a RelatedArtifact of type citation: display (publication and edition), label (page,
 * section or table), citation (the full reference with its year). It stands in the rule's own
 * documentation or relatedArtifact, or in our extension `source`; evidence in our extension
 * `evidence`. What stands further out (the group of an action, the page of a question, the form)
 * counts for what is inside. Evidence `own` is the programme's own wish and needs no source.
 */
#include "programme/pack_check_int.h"

struct standing {
    const char *evidence; /* NULL: none is stated */
    bool source;          /* a whole one */
};

static const char *const known_evidence[] = {"verified", "restated", "unverified", "own"};

static bool has_year(struct rh_text t)
{
    for (size_t i = 0; i + 4 <= t.len; i++) {
        const char *p = t.data + i;
        bool before = i > 0 && p[-1] >= '0' && p[-1] <= '9';
        bool after = i + 4 < t.len && p[4] >= '0' && p[4] <= '9';
        if (!before && !after && ((p[0] == '1' && p[1] == '9') || (p[0] == '2' && p[1] == '0')) &&
            p[2] >= '0' && p[2] <= '9' && p[3] >= '0' && p[3] <= '9')
            return true;
    }
    return false;
}

/* Says what a citation lacks. */
static bool check_citation(struct rh_checking *k, yyjson_val *artifact, const char *path)
{
    bool whole = true;
    if (!path)
        return false;
    if (!rh_json_get(artifact, "display").len) {
        rh_checking_say(k, RH_ERROR, "source", path,
                        "The source has no display: name the publication and its edition.");
        whole = false;
    }
    if (!rh_json_get(artifact, "label").len) {
        rh_checking_say(k, RH_ERROR, "source", path,
                        "The source has no label: name the page, section or table.");
        whole = false;
    }
    if (!has_year(rh_json_get(artifact, "citation"))) {
        rh_checking_say(k, RH_ERROR, "source", path,
                        "The source has no citation with a year: give the full reference.");
        whole = false;
    }
    return whole;
}

/* The citations of a list of artifacts. */
static bool check_artifacts(struct rh_checking *k, yyjson_val *list, const char *path,
                            const char *member)
{
    size_t i, n;
    yyjson_val *one;
    bool any = false;
    yyjson_arr_foreach (list, i, n, one)
        if (rh_text_is(rh_json_get(one, "type"), "citation"))
            any |= check_citation(k, one,
                                  rh_arena_printf(k->ctx.arena, "%s.%s[%zu]", path, member, i));
    return any;
}

static bool check_source_extensions(struct rh_checking *k, yyjson_val *object, const char *path)
{
    size_t i, n;
    yyjson_val *e;
    bool any = false;
    yyjson_arr_foreach (yyjson_obj_get(object, "extension"), i, n, e)
        if (rh_text_is(rh_json_get(e, "url"), RH_PACK_EXT "source"))
            any |= check_citation(k, yyjson_obj_get(e, "valueRelatedArtifact"),
                                  rh_arena_printf(k->ctx.arena, "%s.extension[%zu]", path, i));
    return any;
}

/* What the object says of itself, or what holds further out. */
static struct standing standing_of(struct rh_checking *k, yyjson_val *object, const char *path,
                                   struct standing outer)
{
    struct standing s = outer;
    const char *evidence =
        yyjson_get_str(yyjson_obj_get(rh_checking_extension(object, "evidence"), "valueCode"));
    bool own = check_artifacts(k, yyjson_obj_get(object, "documentation"), path, "documentation");
    own |= check_artifacts(k, yyjson_obj_get(object, "relatedArtifact"), path, "relatedArtifact");
    own |= check_source_extensions(k, object, path);
    s.source |= own;
    if (!evidence)
        return s;
    for (size_t i = 0; i < sizeof known_evidence / sizeof known_evidence[0]; i++)
        if (strcmp(evidence, known_evidence[i]) == 0) {
            s.evidence = known_evidence[i];
            return s;
        }
    rh_checking_say(k, RH_ERROR, "evidence", path,
                    "There is no evidence \"%s\": verified, restated, unverified or own.",
                    evidence);
    return s;
}

static bool is_draft(const struct standing *s)
{
    return s->evidence && (s->evidence == known_evidence[1] || s->evidence == known_evidence[2]);
}

static void check_rule(struct rh_checking *k, const struct standing *s, const char *path,
                       const char *what)
{
    k->counts->rules++;
    if (!s->evidence)
        rh_checking_say(k, RH_ERROR, "evidence", path,
                        "%s has no evidence: say verified, restated, unverified or own.", what);
    if (!s->source && !(s->evidence && s->evidence == known_evidence[3]))
        rh_checking_say(k, RH_ERROR, "source", path,
                        "%s has no source: name publication and edition, page or section, year; or "
                        "give it the evidence own.",
                        what);
    if (!is_draft(s))
        return;
    k->counts->drafts++;
    rh_checking_say(k, RH_INFORMATION, "draft", path,
                    "%s is a draft: its evidence is %s. A site must activate it.", what,
                    s->evidence);
}

/* --- protocols -------------------------------------------------------------------------------- */

static enum rh_rc check_actions(struct rh_checking *k, yyjson_val *list, const char *path,
                                struct standing outer, unsigned depth)
{
    size_t i, n;
    yyjson_val *action;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (list, i, n, action) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.action[%zu]", path, i);
        yyjson_val *below = yyjson_obj_get(action, "action");
        if (!at)
            return RH_NOMEM;
        struct standing s = standing_of(k, action, at, outer);
        if (!yyjson_arr_size(below) && depth > 0)
            check_rule(k, &s, at, "The rule");
        else if (!rc)
            rc = check_actions(k, below, at, s, depth + 1);
    }
    return rc;
}

/* The sources of the plan as a whole say where the protocol is from, not where each rule is. */
static enum rh_rc check_plan(struct rh_checking *k, yyjson_val *body)
{
    struct standing none = {NULL, false}, s = standing_of(k, body, "PlanDefinition", none);
    if (!s.source && s.evidence != known_evidence[3])
        rh_checking_say(k, RH_ERROR, "source", "PlanDefinition",
                        "The protocol has no source: give relatedArtifact a citation.");
    s.source = false;
    return check_actions(k, yyjson_obj_get(body, "action"), "PlanDefinition", s, 0);
}

/* --- forms ------------------------------------------------------------------------------------ */

static bool has_rule(yyjson_val *item)
{
    static const char *const urls[] = {"questionnaire-enableWhenExpression",
                                       "constraint",
                                       "targetConstraint",
                                       "calculatedExpression",
                                       "minValue",
                                       "maxValue",
                                       "questionnaire-constraint"};
    size_t i, n;
    yyjson_val *e;
    if (yyjson_arr_size(yyjson_obj_get(item, "enableWhen")))
        return true;
    yyjson_arr_foreach (yyjson_obj_get(item, "extension"), i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        for (size_t u = 0; u < sizeof urls / sizeof urls[0]; u++)
            if (rh_text_ends(url, urls[u]))
                return true;
    }
    return false;
}

static enum rh_rc check_items(struct rh_checking *k, yyjson_val *list, const char *path,
                              struct standing outer)
{
    size_t i, n;
    yyjson_val *item;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (list, i, n, item) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.item[%zu]", path, i);
        if (!at)
            return RH_NOMEM;
        struct standing s = standing_of(k, item, at, outer);
        if (has_rule(item))
            check_rule(k, &s, at, "The question with a rule");
        if (!rc)
            rc = check_items(k, yyjson_obj_get(item, "item"), at, s);
    }
    return rc;
}

/* --- inputs, activities, tables --------------------------------------------------------------- */

static enum rh_rc check_library(struct rh_checking *k, yyjson_val *body)
{
    struct standing none = {NULL, false}, s = standing_of(k, body, "Library", none);
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (yyjson_obj_get(body, "dataRequirement"), i, n, one) {
        const char *at = rh_arena_printf(k->ctx.arena, "Library.dataRequirement[%zu]", i);
        if (!at)
            return RH_NOMEM;
        struct standing mine = standing_of(k, one, at, s);
        check_rule(k, &mine, at, "The input");
    }
    yyjson_arr_foreach (yyjson_obj_get(body, "extension"), i, n, one) {
        const char *at = rh_arena_printf(k->ctx.arena, "Library.extension[%zu]", i);
        if (!at)
            return RH_NOMEM;
        if (rh_text_is(rh_json_get(one, "url"), RH_PACK_EXT "variable") ||
            rh_text_is(rh_json_get(one, "url"), RH_PACK_EXT "lookup"))
            check_rule(k, &s, at, "The variable");
    }
    return RH_OK;
}

static yyjson_val *property_of(yyjson_val *concept, struct rh_text code)
{
    size_t i, n;
    yyjson_val *p;
    yyjson_arr_foreach (yyjson_obj_get(concept, "property"), i, n, p)
        if (rh_text_eq(rh_json_get(p, "code"), code))
            return p;
    return NULL;
}

/* A figure without year or source. `name` is a property that has both beside it. */
static void check_figure(struct rh_checking *k, yyjson_val *concept, const char *path,
                         struct rh_text name)
{
    static const char *const beside[] = {"year", "source"};
    if (!property_of(concept, name))
        return; /* no figure: cannot be computed */
    for (size_t i = 0; i < 2; i++) {
        const char *code = rh_arena_printf(k->ctx.arena, "%.*s-%s", RH_TEXT_ARG(name), beside[i]);
        if (code && !property_of(concept, rh_text(code)))
            rh_checking_say(k, RH_ERROR, "source", path,
                            "The figure %.*s has no %s: a figure without both stays empty.",
                            RH_TEXT_ARG(name), code);
    }
}

static bool defines(yyjson_val *properties, const char *name, const char *suffix)
{
    size_t i, n, len = strlen(name);
    yyjson_val *p;
    yyjson_arr_foreach (properties, i, n, p) {
        struct rh_text code = rh_json_get(p, "code");
        if (code.len > len && memcmp(code.data, name, len) == 0 &&
            strcmp(code.data + len, suffix) == 0)
            return true;
    }
    return false;
}

static enum rh_rc check_concepts(struct rh_checking *k, yyjson_val *list, const char *path,
                                 yyjson_val *properties)
{
    size_t i, n, p, m;
    yyjson_val *concept, *property;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (list, i, n, concept) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.concept[%zu]", path, i);
        if (!at)
            return RH_NOMEM;
        check_source_extensions(k, concept, at);
        yyjson_arr_foreach (properties, p, m, property) {
            const char *name = yyjson_get_str(yyjson_obj_get(property, "code"));
            if (name && defines(properties, name, "-year") && defines(properties, name, "-source"))
                check_figure(k, concept, at, rh_text(name));
        }
        if (!rc)
            rc = check_concepts(k, yyjson_obj_get(concept, "concept"), at, properties);
    }
    return rc;
}

enum rh_rc rh_checking_sources(struct rh_checking *k, yyjson_val *body)
{
    struct rh_text type = rh_json_get(body, "resourceType");
    struct standing none = {NULL, false};
    if (rh_text_is(type, "PlanDefinition"))
        return check_plan(k, body);
    if (rh_text_is(type, "Questionnaire"))
        return check_items(k, yyjson_obj_get(body, "item"), "Questionnaire",
                           standing_of(k, body, "Questionnaire", none));
    if (rh_text_is(type, "Library"))
        return check_library(k, body);
    if (rh_text_is(type, "CodeSystem"))
        return check_concepts(k, yyjson_obj_get(body, "concept"), "CodeSystem",
                              yyjson_obj_get(body, "property"));
    if (rh_text_is(type, "ActivityDefinition")) {
        struct standing s = standing_of(k, body, "ActivityDefinition", none);
        check_rule(k, &s, "ActivityDefinition", "The activity");
    }
    return RH_OK;
}
