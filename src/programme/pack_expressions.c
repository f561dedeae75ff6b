/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_expressions.c - expressions of a pack compile, and name what there is. */
#include "programme/pack_check_int.h"

#include "clinical/form.h"
#include "clinical/protocol.h"
#include "fhirpath/tree.h"

#define VARIABLE "http://hl7.org/fhir/StructureDefinition/variable"

/* What a compiler found, from row `from` on, is a finding about expressions; a form can be filled
 * in with an expression that does not parse, a pack is not finished with it. */
static void own(struct rh_checking *k, unsigned from)
{
    for (unsigned i = from; i < k->found.count; i++) {
        struct rh_issue *row = &k->found.rows[i];
        const char *name = strstr(row->text, " item \""),
                   *end = name ? strchr(name + 7, '"') : NULL;
        if (!row->expression && end) /* said in words only */
            row->expression =
                rh_arena_printf(k->ctx.arena, "where(id='%.*s')", (int)(end - name - 7), name + 7);
        if (row->severity == RH_WARNING) {
            row->severity = RH_ERROR;
            k->found.errors++;
        }
        row->code = "expression";
    }
}

/* --- forms ------------------------------------------------------------------------------------ */

static const struct rh_type *type_of(const char *name)
{
    return rh_type_find(rh_text(name));
}

/* Does the expression begin at its context, and not at a variable or literal? */
static bool is_relative(const struct rh_fp_part *p, unsigned depth)
{
    enum rh_fp_part_kind kind = rh_fp_part_kind(p);
    const struct rh_fp_part *focus = rh_fp_part_focus(p);
    if (depth == 0)
        return true;
    if (focus)
        return is_relative(focus, depth - 1);
    if (kind == RH_FP_PART_MEMBER || kind == RH_FP_PART_THIS)
        return true;
    for (unsigned i = 0; i < rh_fp_part_n_arguments(p); i++)
        if (is_relative(rh_fp_part_argument(p, i), depth - 1))
            return true;
    return false;
}

/* Unknown elements and functions. An expression of an item that begins at its context may look at
 * the response or at the item; what fits one of them is fine. */
static enum rh_rc check_form_expression(struct rh_checking *k, yyjson_val *object, const char *path,
                                        void *user)
{
    struct rh_fp *fp;
    struct rh_issues first, second;
    struct rh_text text = rh_json_get(object, "expression");
    (void)user;
    if (rh_text_is(rh_json_get(object, "url"), "expression") && !text.len)
        text = rh_json_get(object, "valueString"); /* of a constraint */
    else if (!rh_text_is(rh_json_get(object, "language"), "text/fhirpath"))
        return RH_OK;
    if (!text.len)
        return RH_OK;
    rh_issues_init(&first, k->ctx.arena);
    rh_issues_init(&second, k->ctx.arena);
    struct rh_ctx c = k->ctx;
    c.issues = &first;
    if (rh_fp_compile(&c, k->ctx.arena, text, &fp))
        return RH_OK; /* rh_form_compile says so */
    enum rh_rc rc = rh_fp_check(&c, fp, type_of("QuestionnaireResponse"), NULL);
    c.issues = &second;
    if (!rc || (is_relative(rh_fp_root(fp), RH_FP_DEPTH_MAX) &&
                !rh_fp_check(&c, fp, type_of("QuestionnaireResponse.item"), NULL)))
        return RH_OK;
    for (unsigned i = 0; i < first.count; i++)
        rh_checking_say(k, RH_ERROR, "expression", path, "%s In: %.*s", first.rows[i].text,
                        RH_TEXT_ARG(text));
    return rc == RH_NOMEM ? rc : RH_OK;
}

static enum rh_rc check_parses(struct rh_checking *k, struct rh_text text, const char *path)
{
    struct rh_fp *fp;
    struct rh_issues inner;
    struct rh_ctx c = k->ctx;
    rh_issues_init(&inner, k->ctx.arena);
    c.issues = &inner;
    enum rh_rc rc = rh_fp_compile(&c, k->ctx.arena, text, &fp);
    for (unsigned i = 0; i < inner.count; i++)
        rh_checking_say(k, RH_ERROR, "expression", path, "%s In: %.*s", inner.rows[i].text,
                        RH_TEXT_ARG(text));
    return rc == RH_NOMEM ? rc : RH_OK;
}

/* Expressions that a form holds as plain texts: in templates, and between {{ }} in queries. */
static enum rh_rc check_embedded(struct rh_checking *k, yyjson_val *object, const char *path,
                                 void *user)
{
    struct rh_text url = rh_json_get(object, "url"), text = rh_json_get(object, "valueString");
    enum rh_rc rc = RH_OK;
    (void)user;
    if (text.len &&
        (rh_text_ends(url, "templateExtractValue") || rh_text_ends(url, "templateExtractContext")))
        return check_parses(k, text, path);
    if (!rh_text_is(rh_json_get(object, "language"), "application/x-fhir-query"))
        return RH_OK;
    text = rh_json_get(object, "expression");
    for (const char *at = text.data, *from; at && !rc && (from = strstr(at, "{{"));) {
        const char *end = strstr(from + 2, "}}");
        if (!end) {
            rh_checking_say(k, RH_ERROR, "expression", path,
                            "A {{ of the query is not closed by }}. In: %.*s", RH_TEXT_ARG(text));
            break;
        }
        rc = check_parses(k, (struct rh_text){from + 2, (size_t)(end - from) - 2}, path);
        at = end + 2;
    }
    return rc;
}

static enum rh_rc check_form(struct rh_checking *k, yyjson_val *body)
{
    const struct rh_form *f;
    unsigned from = k->found.count;
    enum rh_rc rc = rh_form_compile(&k->ctx, k->ctx.arena, body, &f);
    own(k, from);
    if (rc == RH_NOMEM)
        return rc;
    rc = rh_checking_objects(k, body, "Questionnaire", check_form_expression, NULL);
    return rc ? rc : rh_checking_objects(k, body, "Questionnaire", check_embedded, NULL);
}

/* --- libraries -------------------------------------------------------------------------------- */

struct naming {
    struct rh_text name;
    struct rh_text type;
    bool found;
};

static bool is_variable(yyjson_val *extension)
{
    struct rh_text url = rh_json_get(extension, "url");
    return rh_text_is(url, RH_PACK_EXT "variable") || rh_text_is(url, VARIABLE);
}

static struct rh_text part_of(yyjson_val *extension, const char *part, const char *member)
{
    size_t i, n;
    yyjson_val *e;
    yyjson_arr_foreach (yyjson_obj_get(extension, "extension"), i, n, e)
        if (rh_text_is(rh_json_get(e, "url"), part))
            return rh_json_get(e, member);
    return (struct rh_text){NULL, 0};
}

/* Does the library give the name? */
static void look_in_library(yyjson_val *body, struct naming *t)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (yyjson_obj_get(body, "dataRequirement"), i, n, one)
        if (rh_text_eq(rh_json_get(one, "id"), t->name)) {
            t->found = true;
            t->type = rh_json_get(one, "type");
        }
    yyjson_arr_foreach (yyjson_obj_get(body, "extension"), i, n, one) {
        if (is_variable(one) &&
            rh_text_eq(rh_json_get(yyjson_obj_get(one, "valueExpression"), "name"), t->name))
            t->found = true;
        if (rh_text_is(rh_json_get(one, "url"), RH_PACK_EXT "lookup") &&
            rh_text_eq(part_of(one, "name", "valueId"), t->name))
            t->found = true;
    }
}

struct looking {
    struct rh_checking *check;
    struct naming *naming;
};

static enum rh_rc look(void *user, const struct rh_definition *d)
{
    struct looking *l = user;
    yyjson_val *body;
    struct rh_ctx c = l->check->ctx;
    struct rh_issues silent;
    rh_issues_init(&silent, c.arena);
    c.issues = &silent;
    if (!l->naming->found && rh_definition_body(&c, d, &body) == RH_OK)
        look_in_library(body, l->naming);
    return RH_OK;
}

/* Facts of any library may be read: a protocol names several. */
static bool library_variable(void *user, struct rh_text name, struct rh_text *ret_types)
{
    static const struct {
        const char *name, *type;
    } given[] = {{"date", "System.Date"}, {"birthDate", "System.Date"}, {"patient", "Patient"}};
    struct naming t = {.name = name};
    struct looking l = {user, &t};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (rh_text_is(name, given[i].name)) {
            *ret_types = rh_text(given[i].type);
            return true;
        }
    rh_world_each(l.check->world, "Library", look, &l);
    if (t.type.len)
        *ret_types = t.type;
    return t.found;
}

/* Any expression in FHIRPath; `user` not NULL: names are those of facts. */
static enum rh_rc check_expression(struct rh_checking *k, yyjson_val *object, const char *path,
                                   void *user)
{
    struct rh_fp *fp;
    struct rh_issues inner;
    struct rh_ctx c = k->ctx;
    struct rh_text text = rh_json_get(object, "expression");
    if (user && rh_text_is(rh_json_get(object, "url"), "key"))
        text = rh_json_get(object, "valueString"); /* of a lookup */
    else if (!rh_text_is(rh_json_get(object, "language"), "text/fhirpath"))
        return RH_OK;
    if (!text.len)
        return RH_OK;
    rh_issues_init(&inner, k->ctx.arena);
    c.issues = &inner;
    enum rh_rc rc = rh_fp_compile(&c, k->ctx.arena, text, &fp);
    if (!rc && user)
        rc = rh_fp_check_variables(&c, fp, NULL, library_variable, k, NULL);
    for (unsigned i = 0; i < inner.count; i++)
        rh_checking_say(k, RH_ERROR, "expression", path, "%s In: %.*s", inner.rows[i].text,
                        RH_TEXT_ARG(text));
    return rc == RH_NOMEM ? rc : RH_OK;
}

/* --- protocols -------------------------------------------------------------------------------- */

bool rh_checking_is_protocol(yyjson_val *plan)
{
    size_t i, n;
    yyjson_val *coding;
    yyjson_arr_foreach (yyjson_obj_get(yyjson_obj_get(plan, "type"), "coding"), i, n, coding)
        if (rh_text_is(rh_json_get(coding, "code"), "clinical-protocol"))
            return true;
    return false;
}

/* What a protocol says that it reads is there. */
static void check_reads(struct rh_checking *k, yyjson_val *plan)
{
    size_t i, n, g, m;
    yyjson_val *e, *group;
    yyjson_arr_foreach (yyjson_obj_get(plan, "extension"), i, n, e) {
        struct rh_text name = rh_json_get(e, "valueId"), type;
        bool state = false;
        if (!rh_text_is(rh_json_get(e, "url"), RH_PACK_EXT "reads"))
            continue;
        yyjson_arr_foreach (yyjson_obj_get(plan, "action"), g, m, group)
            state |= rh_text_eq(rh_json_get(group, "id"), name);
        if (!state && !library_variable(k, name, &type))
            rh_checking_say(k, RH_ERROR, "name",
                            rh_arena_printf(k->ctx.arena, "PlanDefinition.extension[%zu]", i),
                            "It reads %.*s, and no library has such a fact or variable.",
                            RH_TEXT_ARG(name));
    }
}

static enum rh_rc check_protocol(struct rh_checking *k, const struct rh_definition *d)
{
    const struct rh_protocol *p;
    unsigned from = k->found.count;
    enum rh_rc rc = rh_protocol_compile(&k->ctx, d, &p);
    if (rc && rc != RH_NOMEM && k->found.count == from)
        rh_checking_say(k, RH_ERROR, "expression", "PlanDefinition", "It does not compile: %s.",
                        rh_rc_text(rc));
    own(k, from);
    return rc == RH_NOMEM ? rc : RH_OK;
}

enum rh_rc rh_checking_expressions(struct rh_checking *k, const struct rh_definition *d,
                                   yyjson_val *body)
{
    if (strcmp(d->type, "Questionnaire") == 0)
        return check_form(k, body);
    if (strcmp(d->type, "PlanDefinition") == 0 && rh_checking_is_protocol(body)) {
        check_reads(k, body);
        return check_protocol(k, d);
    }
    return rh_checking_objects(k, body, d->type, check_expression,
                               strcmp(d->type, "Library") == 0 ? k : NULL);
}
