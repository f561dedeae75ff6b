/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/form_scope.h"

#include "fhirpath/question.h"
#include "fhirpath/tree.h"

#define VARIABLE "http://hl7.org/fhir/StructureDefinition/variable"
#define LAUNCH   "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-launchContext"

yyjson_val *rh_item_extension(yyjson_val *object, const char *url)
{
    yyjson_val *list = yyjson_obj_get(object, "extension"), *e;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, e) {
            if (rh_text_is(rh_json_get(e, "url"), url))
                return e;
        }
    }
    return NULL;
}

static yyjson_val *value_of(yyjson_val *extension, struct rh_text *ret_type)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (yyjson_is_obj(extension)) {
        yyjson_obj_foreach (extension, i, n, key, v) {
            struct rh_text name = rh_json_text(key);
            if (!rh_text_starts(name, "value") || name.len == 5)
                continue;
            if (ret_type)
                *ret_type = (struct rh_text){name.data + 5, name.len - 5};
            return v;
        }
    }
    return NULL;
}

yyjson_val *rh_item_extension_value(yyjson_val *object, const char *url, struct rh_text *ret_type)
{
    return value_of(rh_item_extension(object, url), ret_type);
}

struct rh_text rh_form_fhirpath(yyjson_val *expression)
{
    struct rh_text language = rh_json_get(expression, "language");
    if (yyjson_is_str(expression))
        return rh_json_text(expression);
    if (language.data && !rh_text_is(language, "text/fhirpath"))
        return (struct rh_text){NULL, 0};
    return rh_json_get(expression, "expression");
}

enum rh_rc rh_form_items(struct rh_arena *a, yyjson_val *v, struct rh_fp_list *ret)
{
    struct rh_fp_question q = {0};
    struct rh_issues silent;
    rh_issues_init(&silent, a);
    *ret = (struct rh_fp_list){0};
    enum rh_rc rc = rh_fp_question_variable(a, &silent, &q, RH_TEXT(""), v);
    if (!rc && q.n_variables)
        *ret = q.variables[0].value;
    return rc;
}

/* --- variables ----------------------------------------------------------------------------------
 */
struct naming {
    struct rh_form_scope *s;
    const struct rh_form_place *at;
    const struct rh_text *self; /* the variable whose expression it is: means the one further out */
    struct rh_fp_variable *rows;
    size_t n, cap;
    const char *why;
};

static enum rh_rc evaluate(struct rh_form_scope *s, const struct rh_form_place *at,
                           struct rh_text expression, const struct rh_fp_item *focus,
                           const struct rh_text *self, struct rh_fp_list *ret, const char **why);

static yyjson_val *variable_extension(yyjson_val *question, struct rh_text name)
{
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, e) {
            if (rh_text_is(rh_json_get(e, "url"), VARIABLE) &&
                rh_text_eq(rh_json_get(yyjson_obj_get(e, "valueExpression"), "name"), name))
                return yyjson_obj_get(e, "valueExpression");
        }
    }
    return NULL;
}

static bool is_launch_context(yyjson_val *questionnaire, struct rh_text name)
{
    yyjson_val *list = yyjson_obj_get(questionnaire, "extension"), *e, *part;
    size_t i, n, j, m;
    if (!yyjson_is_arr(list))
        return false;
    yyjson_arr_foreach (list, i, n, e) {
        yyjson_val *parts = yyjson_obj_get(e, "extension");
        if (!rh_text_is(rh_json_get(e, "url"), LAUNCH) || !yyjson_is_arr(parts))
            continue;
        yyjson_arr_foreach (parts, j, m, part) {
            if (!rh_text_is(rh_json_get(part, "url"), "name"))
                continue;
            if (rh_text_eq(rh_json_get(yyjson_obj_get(part, "valueCoding"), "code"), name) ||
                rh_text_eq(rh_json_get(part, "valueId"), name))
                return true;
        }
    }
    return false;
}

static bool engine_knows(struct rh_text name)
{
    static const char *const names[] = {"context", "resource", "rootResource", "ucum",
                                        "sct",     "loinc",    "terminologies"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(name, names[i]))
            return true;
    return rh_text_starts(name, "vs-") || rh_text_starts(name, "ext-");
}

static enum rh_rc one_item(struct rh_arena *a, struct rh_fp_item item, struct rh_fp_list *ret)
{
    ret->items = rh_arena_alloc(a, sizeof *ret->items);
    if (!ret->items)
        return RH_NOMEM;
    ret->items[0] = item;
    ret->count = ret->cap = 1;
    return RH_OK;
}

static bool find_kept(const struct rh_form_scope *s, struct rh_text name, struct rh_fp_list *ret)
{
    for (size_t i = 0; i < s->n_kept; i++)
        if (rh_text_eq(s->kept[i].name, name)) {
            *ret = s->kept[i].value;
            return true;
        }
    return false;
}

/* A variable that a place or one above it has. RH_NOTFOUND: none does. */
static enum rh_rc from_places(struct naming *g, struct rh_text name, struct rh_fp_list *ret)
{
    for (const struct rh_form_place *p = g->at; p; p = p->up) {
        for (size_t i = p->n_own; i > 0; i--)
            if (rh_text_eq(p->own[i - 1].name, name)) {
                *ret = p->own[i - 1].value;
                return RH_OK;
            }
        yyjson_val *e = variable_extension(p->question, name);
        if (!e || (g->self && p == g->at && rh_text_eq(*g->self, name)))
            continue;
        struct rh_text text = rh_form_fhirpath(e);
        if (!text.data) /* a query: the host has given its answer, or nobody knows it */
            continue;
        if (!p->up && find_kept(g->s, name, ret))
            return RH_OK;
        enum rh_rc rc = evaluate(g->s, p, text, NULL, &name, ret, &g->why);
        if (!rc && !p->up && g->s->n_kept < RH_FORM_SCOPE_KEPT_MAX)
            g->s->kept[g->s->n_kept++] = (struct rh_fp_variable){name, *ret};
        return rc;
    }
    return RH_NOTFOUND;
}

static enum rh_rc value_of_name(struct naming *g, struct rh_text name, struct rh_fp_list *ret)
{
    struct rh_form_scope *s = g->s;
    yyjson_val *given =
        yyjson_is_obj(s->context) ? yyjson_obj_getn(s->context, name.data, name.len) : NULL;
    enum rh_rc rc = from_places(g, name, ret);
    if (rc != RH_NOTFOUND)
        return rc;
    if (given)
        return rh_form_items(s->c->arena, given, ret);
    if (rh_text_is(name, "questionnaire"))
        return one_item(s->c->arena, rh_fp_resource(s->questionnaire, false), ret);
    if (rh_text_is(name, "qitem") && g->at && g->at->up)
        return one_item(
            s->c->arena,
            rh_fp_node(rh_type_find(RH_TEXT("Questionnaire.item")), g->at->question, NULL), ret);
    if (s->empty_context &&
        (is_launch_context(s->questionnaire, name) || (g->at && rh_text_is(name, "user"))))
        return RH_OK;
    for (const struct rh_form_place *p = g->at; s->empty_context && p; p = p->up)
        if (variable_extension(p->question, name))
            return RH_OK;
    g->why = rh_arena_printf(s->c->arena, "nobody here knows %%%.*s", RH_TEXT_ARG(name));
    return RH_UNSUPPORTED;
}

static enum rh_rc add_name(void *user, struct rh_text name)
{
    struct naming *g = user;
    if (engine_knows(name))
        return RH_OK;
    for (size_t i = 0; i < g->n; i++)
        if (rh_text_eq(g->rows[i].name, name))
            return RH_OK;
    struct rh_fp_variable v = {.name = name};
    enum rh_rc rc = value_of_name(g, name, &v.value);
    if (rc)
        return rc;
    if (g->n == g->cap) {
        void *p = rh_arena_grow(g->s->c->arena, g->rows, &g->cap, g->n + 1, sizeof *g->rows);
        if (!p)
            return RH_NOMEM;
        g->rows = p;
    }
    g->rows[g->n++] = v;
    return RH_OK;
}

/* --- evaluation
 * ----------------------------------------------------------------------------------- */
static struct rh_fp_input input_of(const struct rh_form_scope *s, const struct rh_form_place *at,
                                   const struct rh_fp_item *focus)
{
    yyjson_val *resource = s->resource ? s->resource : s->response;
    struct rh_fp_input in = {.empty = true, .resource = resource, .root = resource};
    if (focus) {
        in.focus = *focus;
        in.empty = false;
    } else if (at && at->item) {
        in.focus =
            at->up ? rh_fp_node(rh_type_find(RH_TEXT("QuestionnaireResponse.item")), at->item, NULL)
                   : rh_fp_resource(at->item, false);
        in.empty = false;
    }
    return in;
}

static enum rh_rc evaluate(struct rh_form_scope *s, const struct rh_form_place *at,
                           struct rh_text expression, const struct rh_fp_item *focus,
                           const struct rh_text *self, struct rh_fp_list *ret, const char **why)
{
    struct rh_ctx *c = s->c;
    struct rh_issues silent, *outer = c->issues;
    struct naming g = {.s = s, .at = at, .self = self};
    struct rh_fp_input in = input_of(s, at, focus);
    struct rh_fp *fp = NULL;
    uint64_t steps = c->steps;
    *ret = (struct rh_fp_list){0};
    if (s->depth >= RH_FORM_SCOPE_DEPTH_MAX) {
        *why = "variables that use variables go too deep, or in a circle";
        return RH_TOOLARGE;
    }
    rh_issues_init(&silent, c->arena);
    c->issues = &silent;
    s->depth++;
    enum rh_rc rc = rh_fp_compile(c, c->arena, expression, &fp);
    if (!rc)
        rc = rh_fp_variables(fp, add_name, &g);
    if (!rc) {
        in.variables = g.rows;
        in.n_variables = g.n;
        c->steps = s->steps;
        rc = rh_fp_eval(c, fp, &in, ret);
        s->used += (s->steps ? s->steps : RH_STEPS_DEFAULT) - c->steps;
    }
    s->depth--;
    c->steps = steps;
    c->issues = outer;
    if (rc)
        *why = g.why ? g.why : silent.count ? silent.rows[0].text : rh_rc_text(rc);
    return rc;
}

enum rh_rc rh_form_scope_eval(struct rh_form_scope *s, const struct rh_form_place *at,
                              struct rh_text expression, const struct rh_fp_item *focus,
                              struct rh_fp_list *ret, const char **why)
{
    const char *reason = NULL;
    if (!expression.data) {
        if (why)
            *why = "its language is not FHIRPath";
        return RH_UNSUPPORTED;
    }
    enum rh_rc rc = evaluate(s, at, expression, focus, NULL, ret, &reason);
    if (rc && why)
        *why = reason;
    return rc;
}

enum rh_rc rh_form_scope_holds(struct rh_form_scope *s, const struct rh_form_place *at,
                               struct rh_text expression, int *ret)
{
    struct rh_fp_list list;
    *ret = -1;
    enum rh_rc rc = rh_form_scope_eval(s, at, expression, NULL, &list, NULL);
    if (rc == RH_NOMEM)
        return rc;
    if (rc || list.count != 1)
        return RH_OK;
    const struct rh_fp_item *i = list.items;
    if (i->kind == RH_FP_BOOLEAN)
        *ret = i->boolean;
    else if (i->kind == RH_FP_NODE && yyjson_is_bool(i->node.value))
        *ret = yyjson_get_bool(i->node.value);
    else
        *ret = 1;
    return RH_OK;
}
