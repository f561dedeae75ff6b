/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A QuestionnaireResponse against its Questionnaire: every answer belongs to a question, has its
 * type, and is one that the question allows; what must be answered is
 * (https://hl7.org/fhir/R4/questionnaireresponse.html#notes). Only when the Questionnaire is
 * contained or loaded; else nobody can say.
 */
#include "conformance/answers_int.h"

yyjson_val *rh_item_extension(yyjson_val *item, const char *url, const char *value)
{
    yyjson_val *list = yyjson_obj_get(item, "extension"), *e;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, e) {
            if (rh_text_is(rh_json_get(e, "url"), url))
                return value ? yyjson_obj_get(e, value) : e;
        }
    }
    return NULL;
}

struct rh_text rh_answer_type(yyjson_val *answer, yyjson_val **ret)
{
    size_t i, n;
    yyjson_val *key, *v;
    *ret = NULL;
    if (yyjson_is_obj(answer)) {
        yyjson_obj_foreach (answer, i, n, key, v) {
            struct rh_text name = rh_json_text(key);
            if (name.len > 5 && memcmp(name.data, "value", 5) == 0) {
                *ret = v;
                return (struct rh_text){name.data + 5, name.len - 5};
            }
        }
    }
    return (struct rh_text){NULL, 0};
}

/* --- enabled or not -------------------------------------------------------------------------- */

/* The first response item with this linkId and answers. */
static yyjson_val *answered(struct answers *a, yyjson_val *owner, struct rh_text link,
                            unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v, *found, *answer;
    size_t i, n, j, m;
    if (depth > RH_VALIDATE_DEPTH_MAX || !yyjson_is_arr(list) || rh_run_stop(a->r))
        return NULL;
    yyjson_arr_foreach (list, i, n, v) {
        a->r->work++;
        yyjson_val *answers = yyjson_obj_get(v, "answer");
        if (rh_text_eq(rh_json_get(v, "linkId"), link) && yyjson_is_arr(answers))
            return v;
        if ((found = answered(a, v, link, depth + 1)))
            return found;
        if (yyjson_is_arr(answers)) {
            yyjson_arr_foreach (answers, j, m, answer) {
                if ((found = answered(a, answer, link, depth + 1)))
                    return found;
            }
        }
    }
    return NULL;
}

/* Does one condition hold? A question without an answer is only "not there". */
static bool condition(struct answers *a, yyjson_val *when)
{
    struct rh_text op = rh_json_get(when, "operator");
    yyjson_val *item = answered(a, a->response, rh_json_get(when, "question"), 0);
    yyjson_val *answers = yyjson_obj_get(item, "answer"), *answer, *have, *want = NULL, *key, *v;
    size_t i, n;
    struct rh_text want_type = {NULL, 0};
    yyjson_obj_foreach (when, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (name.len > 6 && memcmp(name.data, "answer", 6) == 0) {
            want = v;
            want_type = (struct rh_text){name.data + 6, name.len - 6};
        }
    }
    if (rh_text_is(op, "exists"))
        return (yyjson_is_arr(answers) && yyjson_arr_size(answers) > 0) == yyjson_is_true(want);
    if (!yyjson_is_arr(answers))
        return false;
    yyjson_arr_foreach (answers, i, n, answer) {
        struct rh_text type = rh_answer_type(answer, &have);
        int c = have ? rh_answer_compare(a, type, have, want_type, want) : RH_ANSWER_UNLIKE;
        if (rh_text_is(op, "=") && c == 0)
            return true;
        if (rh_text_is(op, "!=") && c != 0 && have)
            return true;
        if (c == RH_ANSWER_UNLIKE)
            continue;
        if ((rh_text_is(op, ">") && c > 0) || (rh_text_is(op, ">=") && c >= 0) ||
            (rh_text_is(op, "<") && c < 0) || (rh_text_is(op, "<=") && c <= 0))
            return true;
    }
    return false;
}

static bool enabled(struct answers *a, yyjson_val *question)
{
    yyjson_val *list = yyjson_obj_get(question, "enableWhen"), *w;
    bool all = rh_text_is(rh_json_get(question, "enableBehavior"), "all");
    size_t i, n;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return true;
    yyjson_arr_foreach (list, i, n, w) {
        if (condition(a, w) != all)
            return !all;
    }
    return all;
}

#define ENABLE_WHEN_EXPRESSION \
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression"

/* May be disabled by an expression: it is there and is not certainly true for the response. */
static bool perhaps_disabled(struct answers *a, yyjson_val *question)
{
    yyjson_val *list = yyjson_obj_get(question, "extension"), *v, *expression = NULL;
    struct rh_run *r = a->r;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return false;
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_is(rh_json_get(v, "url"), ENABLE_WHEN_EXPRESSION))
            expression = yyjson_obj_get(v, "valueExpression");
    }
    if (!expression)
        return false;
    struct rh_issues silent, *outer = r->c->issues;
    struct rh_fp_input in = {
        .focus = rh_fp_resource(a->response, false), .resource = a->response, .root = a->response};
    struct rh_fp *fp = NULL;
    uint64_t steps = r->c->steps;
    bool holds = false;
    rh_issues_init(&silent, r->c->arena);
    r->c->issues = &silent;
    r->c->steps = RH_VALIDATE_STEPS_MAX;
    enum rh_rc rc = rh_fp_compile(r->c, r->c->arena, rh_json_get(expression, "expression"), &fp);
    if (!rc)
        rc = rh_fp_true(r->c, fp, &in, &holds);
    r->work += (RH_VALIDATE_STEPS_MAX - r->c->steps) / 16;
    r->c->steps = steps;
    r->c->issues = outer;
    return rc || !holds;
}

/* --- items --------------------------------------------------------------------------------------
 */

static bool is_type(yyjson_val *question, const char *type)
{
    return rh_text_is(rh_json_get(question, "type"), type);
}

static bool known_link(struct answers *a, yyjson_val *owner, struct rh_text link, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    if (depth > RH_VALIDATE_DEPTH_MAX || !yyjson_is_arr(list))
        return false;
    a->r->work += yyjson_arr_size(list);
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_eq(rh_json_get(v, "linkId"), link) || known_link(a, v, link, depth + 1))
            return true;
    }
    return false;
}

static void check_item(struct answers *a, const struct rh_place *at, yyjson_val *question,
                       yyjson_val *item)
{
    struct rh_run *r = a->r;
    yyjson_val *list = yyjson_obj_get(item, "answer"), *answer;
    size_t i, n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    if (is_type(question, "group") || is_type(question, "display")) {
        if (n > 0)
            rh_complain(r, RH_ERROR, "structure", at, "an item of type \"%.*s\" has no answers",
                        RH_TEXT_ARG(rh_json_get(question, "type")));
        rh_answers_items(a, at, question, item);
        return;
    }
    if (n > 0 || !perhaps_disabled(a, question))
        rh_answer_counts(a, at, question, n);
    if (n == 0)
        return;
    yyjson_arr_foreach (list, i, n, answer) {
        struct rh_place p = rh_below(at, "answer", 6, (long)i);
        rh_answer_check(a, &p, question, answer);
        rh_answers_items(a, &p, question, answer);
    }
    rh_answer_exclusive(a, at, question, list);
}

/* A question without an item in the response. */
static void check_absent(struct answers *a, const struct rh_place *at, yyjson_val *question)
{
    if (!a->complete || !yyjson_is_true(yyjson_obj_get(question, "required")) ||
        !enabled(a, question) || perhaps_disabled(a, question))
        return;
    struct rh_text link = rh_json_get(question, "linkId");
    if (is_type(question, "group"))
        rh_complain(a->r, RH_ERROR, "required", at, "the group \"%.*s\" must be answered",
                    RH_TEXT_ARG(rh_shown(link)));
    else if (!is_type(question, "display"))
        rh_complain(a->r, RH_ERROR, "required", at, "the question \"%.*s\" must be answered",
                    RH_TEXT_ARG(rh_shown(link)));
}

/* The items of the response that answer one question, in the order of the form. */
static void check_question(struct answers *a, const struct rh_place *up, yyjson_val *question,
                           yyjson_val *list)
{
    struct rh_run *r = a->r;
    size_t i, n, found = 0;
    yyjson_val *item;
    struct rh_text link = rh_json_get(question, "linkId");
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, item) {
            r->work++;
            if (!rh_text_eq(rh_json_get(item, "linkId"), link) || rh_run_stop(r))
                continue;
            struct rh_place p = rh_below(up, "item", 4, (long)i);
            if (found++ && !yyjson_is_true(yyjson_obj_get(question, "repeats")))
                rh_complain(r, RH_ERROR, "structure", &p,
                            "the item \"%.*s\" may be there once only",
                            RH_TEXT_ARG(rh_shown(link)));
            if (!enabled(a, question) &&
                (yyjson_obj_get(item, "answer") || yyjson_obj_get(item, "item")))
                rh_complain(r, RH_ERROR, "invariant", &p,
                            "the item \"%.*s\" has answers, though its conditions do not enable it",
                            RH_TEXT_ARG(rh_shown(link)));
            else
                check_item(a, &p, question, item);
        }
    }
    if (found == 0)
        check_absent(a, up, question);
}

static void check_order(struct answers *a, const struct rh_place *up, yyjson_val *questions,
                        yyjson_val *list)
{
    yyjson_val *item, *q;
    size_t i, n, j, m, last = 0;
    yyjson_arr_foreach (list, i, n, item) {
        struct rh_text link = rh_json_get(item, "linkId");
        bool found = false;
        if (rh_run_stop(a->r))
            return;
        if (yyjson_is_arr(questions)) {
            yyjson_arr_foreach (questions, j, m, q) {
                a->r->work++;
                if (!rh_text_eq(rh_json_get(q, "linkId"), link))
                    continue;
                struct rh_place p = rh_below(up, "item", 4, (long)i);
                if (j < last)
                    rh_complain(
                        a->r, RH_ERROR, "structure", &p,
                        "the items must be in the order of the form: \"%.*s\" comes earlier",
                        RH_TEXT_ARG(rh_shown(link)));
                last = j;
                found = true;
                break;
            }
        }
        if (found || link.len == 0)
            continue;
        struct rh_place p = rh_below(up, "item", 4, (long)i);
        if (known_link(a, a->questionnaire, link, 0))
            rh_complain(a->r, RH_ERROR, "structure", &p,
                        "the item \"%.*s\" does not belong here in the form",
                        RH_TEXT_ARG(rh_shown(link)));
        else
            rh_complain(a->r, RH_ERROR, "not-found", up, "the form has no item \"%.*s\"",
                        RH_TEXT_ARG(rh_shown(link)));
    }
}

void rh_answers_items(struct answers *a, const struct rh_place *up, yyjson_val *form,
                      yyjson_val *owner)
{
    yyjson_val *questions = yyjson_obj_get(form, "item"), *list = yyjson_obj_get(owner, "item"), *q;
    size_t i, n;
    if (up->depth > RH_VALIDATE_DEPTH_MAX || rh_run_stop(a->r))
        return;
    if (yyjson_is_arr(list))
        check_order(a, up, questions, list);
    if (!yyjson_is_arr(questions))
        return;
    yyjson_arr_foreach (questions, i, n, q)
        check_question(a, up, q, list);
    if (a->complete && is_type(form, "group") && yyjson_is_true(yyjson_obj_get(form, "required")) &&
        !yyjson_is_arr(list))
        rh_complain(a->r, RH_ERROR, "required", up, "the group \"%.*s\" must be answered",
                    RH_TEXT_ARG(rh_shown(rh_json_get(form, "linkId"))));
}

/* --- the form -----------------------------------------------------------------------------------
 */

void rh_check_answers(struct rh_run *r, const struct rh_place *at, yyjson_val *response)
{
    struct rh_text canonical = rh_json_get(response, "questionnaire");
    struct rh_text status = rh_json_get(response, "status");
    struct answers a = {.r = r, .response = response};
    struct rh_place named = rh_below(at, "questionnaire", 13, -1);
    if (canonical.len == 0)
        return;
    if (canonical.data[0] == '#') {
        a.questionnaire = rh_resolve_local(r, r->scope, canonical);
    } else {
        const struct rh_definition *d = rh_world_find(r->c->world, "Questionnaire", canonical);
        if (d && rh_definition_body(r->c, d, &a.questionnaire) != RH_OK)
            a.questionnaire = NULL;
    }
    if (!rh_text_is(rh_json_get(a.questionnaire, "resourceType"), "Questionnaire")) {
        rh_complain(r, RH_WARNING, "not-found", &named,
                    "the form \"%.*s\" is not loaded, so nobody can say whether the answers fit it",
                    RH_TEXT_ARG(rh_shown(canonical)));
        return;
    }
    a.complete = rh_text_is(status, "completed") || rh_text_is(status, "amended");
    rh_answers_items(&a, at, a.questionnaire, response);
}
