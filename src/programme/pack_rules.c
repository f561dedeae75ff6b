/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_rules.c - what a pack names is there; its periods, texts and translations. */
#include "programme/pack_check_int.h"

#include "base/datetime.h"
#include "programme/pack_text.h"
#include "terminology/terminology.h"

static const char *const languages[] = {"fr", "ar", "es"}; /* beside English */
enum { LANGUAGES = sizeof languages / sizeof languages[0] };

/* --- names ------------------------------------------------------------------------------------ */

/* Members that hold canonical addresses. */
static const struct {
    const char *member, *type; /* type NULL: of any */
} canonicals[] = {
    {"definitionCanonical", NULL}, {"answerValueSet", "ValueSet"}, {"valueSet", "ValueSet"},
    {"library", "Library"},        {"baseDefinition", NULL},
};

/* Of extensions by their url (or that of a part). */
static const struct {
    const char *url, *member, *type;
} in_extensions[] = {
    {"table", "valueCanonical", "CodeSystem"},
    {RH_PACK_EXT "result-of", "valueCanonical", "ActivityDefinition"},
};

static void check_canonical(struct rh_checking *k, yyjson_val *v, const char *type,
                            const char *path, const char *member)
{
    struct rh_text t = rh_json_text(v);
    if (!t.len || t.data[0] == '#' || strstr(t.data, "?fhir_vs"))
        return;
    const char *at = rh_arena_printf(k->ctx.arena, "%s.%s", path, member);
    if (at && !rh_world_find(k->world, type, t))
        rh_checking_say(
            k, RH_ERROR, "name", at,
            "There is no %s %.*s: mend the address, or depend on the package that has it.",
            type ? type : "definition", RH_TEXT_ARG(t));
}

/* Extensions of Structured Data Capture 4.0.0, whose definitions are not built in. */
#define SDC "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
static const char *const sdc_extensions[] = {
    "answerExpression",
    "answerOptionsToggleExpression",
    "assembleContext",
    "calculatedExpression",
    "candidateExpression",
    "choiceColumn",
    "collapsible",
    "columnCount",
    "contextExpression",
    "definitionExtract",
    "definitionExtractValue",
    "enableWhenExpression",
    "entryMode",
    "extractAllocateId",
    "initialExpression",
    "isSubject",
    "itemAnswerMedia",
    "itemExtractionContext",
    "itemMedia",
    "itemPopulationContext",
    "keyboard",
    "launchContext",
    "lookupQuestionnaire",
    "maxQuantity",
    "minQuantity",
    "observation-extract-category",
    "observationExtract",
    "observationLinkPeriod",
    "openLabel",
    "optionalDisplay",
    "performerType",
    "preferredTerminologyServer",
    "shortText",
    "sourceQueries",
    "sourceStructureMap",
    "subQuestionnaire",
    "targetStructureMap",
    "templateExtract",
    "templateExtractBundle",
    "templateExtractContext",
    "templateExtractValue",
    "unitOpen",
    "unitSupplementalSystem",
    "width",
};

/* A mistyped extension would be passed over in silence. */
static void check_extension(struct rh_checking *k, struct rh_text url, const char *path)
{
    if (!url.len || !memchr(url.data, ':', url.len) ||
        rh_world_find(k->world, "StructureDefinition", url))
        return;
    for (size_t i = 0; i < sizeof sdc_extensions / sizeof sdc_extensions[0]; i++)
        if (rh_text_starts(url, SDC) && strcmp(url.data + sizeof SDC - 1, sdc_extensions[i]) == 0)
            return;
    rh_checking_say(k, RH_ERROR, "name", path,
                    "There is no extension %.*s: mend the address, or depend on the package that "
                    "has it.",
                    RH_TEXT_ARG(url));
}

static void check_code(struct rh_checking *k, struct rh_text system, struct rh_text code,
                       const char *path)
{
    struct rh_terms_code c = {.system = system, .code = code};
    struct rh_terms_result r;
    struct rh_issues silent;
    struct rh_ctx ctx = k->ctx;
    rh_issues_init(&silent, k->ctx.arena);
    ctx.issues = &silent;
    if (system.len && code.len && rh_terms_in_system(&ctx, &c, &r) == RH_OK &&
        r.answer == RH_TERMS_NO)
        rh_checking_say(k, RH_ERROR, "code", path, "The system %.*s has no code %.*s.",
                        RH_TEXT_ARG(system), RH_TEXT_ARG(code));
}

static enum rh_rc check_object(struct rh_checking *k, yyjson_val *object, const char *path,
                               void *user)
{
    size_t i, n;
    yyjson_val *one;
    struct rh_text system = rh_json_get(object, "system"), url = rh_json_get(object, "url");
    (void)user;
    for (size_t m = 0; m < sizeof canonicals / sizeof canonicals[0]; m++) {
        yyjson_val *v = yyjson_obj_get(object, canonicals[m].member);
        check_canonical(k, v, canonicals[m].type, path, canonicals[m].member);
        yyjson_arr_foreach (v, i, n, one)
            check_canonical(k, one, canonicals[m].type, path, canonicals[m].member);
    }
    for (size_t m = 0; m < sizeof in_extensions / sizeof in_extensions[0]; m++)
        if (rh_text_is(url, in_extensions[m].url))
            check_canonical(k, yyjson_obj_get(object, in_extensions[m].member),
                            in_extensions[m].type, path, in_extensions[m].member);
    check_code(k, system, rh_json_get(object, "code"), path);
    yyjson_arr_foreach (yyjson_obj_get(object, "extension"), i, n, one) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.extension[%zu]", path, i);
        if (!at)
            return RH_NOMEM;
        check_extension(k, rh_json_get(one, "url"), at);
    }
    yyjson_arr_foreach (yyjson_obj_get(object, "concept"), i, n, one) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.concept[%zu]", path, i);
        if (!at)
            return RH_NOMEM;
        check_code(k, system, rh_json_get(one, "code"), at);
    }
    return RH_OK;
}

/* Conditions of a question name questions of the form. */
struct links {
    yyjson_val *form;
    struct rh_text wanted;
    bool found;
};

static enum rh_rc find_link(struct rh_checking *k, yyjson_val *object, const char *path, void *user)
{
    struct links *l = user;
    (void)k, (void)path;
    l->found |= rh_text_eq(rh_json_get(object, "linkId"), l->wanted);
    return RH_OK;
}

static enum rh_rc check_when(struct rh_checking *k, yyjson_val *object, const char *path,
                             void *user)
{
    size_t i, n;
    yyjson_val *when;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (yyjson_obj_get(object, "enableWhen"), i, n, when) {
        struct links l = {user, rh_json_get(when, "question"), false};
        rc = rh_checking_objects(k, l.form, "", find_link, &l);
        if (rc)
            return rc;
        if (!l.found && l.wanted.len)
            rh_checking_say(k, RH_ERROR, "name", path,
                            "enableWhen asks for the question %.*s, and the form has none.",
                            RH_TEXT_ARG(l.wanted));
    }
    return rc;
}

enum rh_rc rh_checking_names(struct rh_checking *k, yyjson_val *body)
{
    const char *type = yyjson_get_str(yyjson_obj_get(body, "resourceType"));
    if (strcmp(type, "StructureDefinition") == 0)
        return RH_OK; /* what it names has been validated */
    enum rh_rc rc = rh_checking_objects(k, body, type, check_object, NULL);
    if (!rc && strcmp(type, "Questionnaire") == 0)
        rc = rh_checking_objects(k, body, type, check_when, body);
    return rc;
}

/* --- periods ---------------------------------------------------------------------------------- */

struct period {
    int64_t from_us, to_us;
};

static struct period period_of(yyjson_val *plan)
{
    yyjson_val *p = yyjson_obj_get(plan, "effectivePeriod");
    struct period ret = {INT64_MIN, INT64_MAX};
    struct rh_datetime t;
    if (!rh_datetime_parse(rh_json_get(p, "start"), RH_DATETIME, 0, &t))
        ret.from_us = t.lo_us;
    if (!rh_datetime_parse(rh_json_get(p, "end"), RH_DATETIME, 0, &t))
        ret.to_us = t.hi_us;
    return ret;
}

struct comparing {
    struct rh_checking *check;
    const struct rh_definition *mine;
    struct period period;
};

static enum rh_rc compare(void *user, const struct rh_definition *d)
{
    struct comparing *t = user;
    struct rh_checking *k = t->check;
    yyjson_val *body;
    if (d == t->mine ||
        (d->package != t->mine->package && rh_text_eq(d->version, t->mine->version)))
        return RH_OK; /* the same one, kept in two places */
    enum rh_rc rc = rh_definition_body(&k->ctx, d, &body);
    if (rc)
        return rc;
    struct period p = period_of(body);
    if (p.from_us <= t->period.to_us && t->period.from_us <= p.to_us)
        rh_checking_say(
            k, RH_ERROR, "period", "PlanDefinition.effectivePeriod",
            "Version %.*s overlaps version %.*s (%s/%.*s): end the one before the other "
            "starts.",
            RH_TEXT_ARG(t->mine->version), RH_TEXT_ARG(d->version), d->type, RH_TEXT_ARG(d->id));
    return RH_OK;
}

enum rh_rc rh_checking_period(struct rh_checking *k, const struct rh_definition *d,
                              yyjson_val *body)
{
    struct comparing t = {k, d, period_of(body)};
    if (strcmp(d->type, "PlanDefinition") != 0 || !rh_checking_is_protocol(body))
        return RH_OK;
    if (t.period.from_us == INT64_MIN)
        rh_checking_say(
            k, RH_ERROR, "period", "PlanDefinition",
            "The protocol has no effectivePeriod.start: say since when it is in force.");
    if (t.period.from_us > t.period.to_us)
        rh_checking_say(k, RH_ERROR, "period", "PlanDefinition.effectivePeriod",
                        "The period ends before it starts.");
    return rh_world_versions(k->world, "PlanDefinition", d->url, compare, &t);
}

/* --- texts ------------------------------------------------------------------------------------ */

/* "fr, ar" */
static const char *missing_of(struct rh_arena *a, const struct rh_pack_text *t)
{
    struct rh_buf b = rh_buf(a);
    for (size_t i = 0; i < LANGUAGES; i++)
        if (!rh_pack_text_has(t, rh_text(languages[i]))) {
            rh_buf_str(&b, b.len ? ", " : "");
            rh_buf_str(&b, languages[i]);
        }
    rh_buf_char(&b, 0);
    return b.rc ? "" : b.data;
}

static enum rh_rc check_text(void *user, const struct rh_pack_text *t)
{
    struct rh_checking *k = user;
    const char *missing = t->wanted ? missing_of(k->ctx.arena, t) : "";
    struct rh_text shown = rh_text_shown(t->text, 60);
    if (*missing)
        rh_checking_say(k, RH_ERROR, "translation", t->path,
                        "\"%.*s%s\" has no translation (%s): add it to text/LANGUAGE.po.",
                        RH_TEXT_ARG(shown), shown.len < t->text.len ? "…" : "", missing);
    return RH_OK;
}

static bool is_part(yyjson_val *group, const char *part)
{
    size_t i, n, k, m;
    yyjson_val *concept, *coding;
    yyjson_arr_foreach (yyjson_obj_get(group, "code"), i, n, concept)
        yyjson_arr_foreach (yyjson_obj_get(concept, "coding"), k, m, coding)
            if (rh_text_is(rh_json_get(coding, "code"), part))
                return true;
    return false;
}

/* What a person is asked for has a title and says why. */
static enum rh_rc check_actions(struct rh_checking *k, yyjson_val *plan)
{
    size_t i, n, j, m;
    yyjson_val *group, *action;
    yyjson_arr_foreach (yyjson_obj_get(plan, "action"), i, n, group)
        yyjson_arr_foreach (yyjson_obj_get(group, "action"), j, m, action) {
            const char *path =
                rh_arena_printf(k->ctx.arena, "PlanDefinition.action[%zu].action[%zu]", i, j);
            bool why = is_part(group, "items") || is_part(group, "holds");
            if (!path)
                return RH_NOMEM;
            if (!rh_json_get(action, "title").len)
                rh_checking_say(k, RH_ERROR, "text", path,
                                "It has no title: say what it is in a few words.");
            if (why && !rh_json_get(action, "description").len)
                rh_checking_say(k, RH_ERROR, "text", path,
                                "It has no description: tell a person why it is asked.");
        }
    return RH_OK;
}

enum rh_rc rh_checking_texts(struct rh_checking *k, yyjson_val *body)
{
    enum rh_rc rc = RH_OK;
    if (rh_checking_is_protocol(body))
        rc = check_actions(k, body);
    return rc ? rc : rh_pack_texts(k->ctx.arena, body, check_text, k);
}

/* --- catalogues: entries that no text of the pack has -------------------------------------------
 */

static enum rh_rc use_text(void *user, const struct rh_pack_text *t)
{
    struct rh_checking *k = user;
    for (size_t i = 0; i < k->texts.n; i++)
        (void)rh_po_find(k->texts.list[i], t->context, t->text);
    return RH_OK;
}

static void check_catalogue(struct rh_checking *k, const struct rh_po *po, const char *file)
{
    for (size_t i = 0; i < po->n; i++) {
        const struct rh_po_entry *e = &po->entries[i];
        struct rh_text id = rh_text_shown(e->id, 60);
        struct rh_issue row = {
            .severity = RH_ERROR, .rc = RH_INVALID, .code = "translation", .line = e->line};
        if (!e->uses)
            row.text = rh_arena_printf(k->ctx.arena,
                                       "No text of the pack is \"%.*s\"%s%.*s: take the entry out, "
                                       "or mend its msgid.",
                                       RH_TEXT_ARG(id), e->context.len ? " at " : "",
                                       RH_TEXT_ARG(e->context));
        else if (e->fuzzy)
            row.text = rh_arena_printf(k->ctx.arena,
                                       "The translation of \"%.*s\" is fuzzy: read it again and "
                                       "take the flag out.",
                                       RH_TEXT_ARG(id));
        if (row.text)
            rh_issue_at(&k->found, row);
    }
    rh_checking_flush(k, file, "package", (struct rh_text){NULL, 0}, NULL, "translation");
}

enum rh_rc rh_checking_catalogues(struct rh_checking *k)
{
    enum rh_rc rc = RH_OK;
    if (!k->texts.n)
        return RH_OK;
    for (size_t i = 0; i < rh_package_count(k->package) && !rc; i++) {
        yyjson_val *body;
        rh_arena_reset(k->ctx.arena);
        rh_issues_init(&k->found, k->ctx.arena);
        rc = rh_definition_body(&k->ctx, rh_package_at(k->package, i), &body);
        if (!rc)
            rc = rh_pack_texts(k->ctx.arena, body, use_text, k);
    }
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    k->found.max = RH_ISSUES_REPORT_MAX;
    for (size_t i = 0; i < k->texts.n && !rc; i++) {
        const char *path = k->texts.paths[i], *slash = strrchr(path, '/');
        check_catalogue(k, k->texts.list[i],
                        rh_arena_printf(k->arena, "text/%s", slash ? slash + 1 : path));
    }
    return rc;
}
