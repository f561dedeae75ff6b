/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What depends on other answers: is an item enabled, are its constraints kept, which options are
 * there (FHIR R4, Questionnaire.item.enableWhen; SDC, "Form Behavior and Calculation").
 */
#include "conformance/answers_int.h"

#define ENABLE_EXPRESSION RH_SDC_EXT "sdc-questionnaire-enableWhenExpression"
#define TOGGLE_EXPRESSION RH_SDC_EXT "sdc-questionnaire-answerOptionsToggleExpression"

enum { STEPS_A_WORK = 5 /* steps of expressions that count as one element looked at */ };

/* --- enableWhen ----------------------------------------------------------------------------------
 */
static bool form_has(struct rh_answers *a, yyjson_val *owner, struct rh_text link, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    if (depth > RH_VALIDATE_DEPTH_MAX || !yyjson_is_arr(list) || rh_answers_stop(a))
        return false;
    a->rules.work += yyjson_arr_size(list);
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_eq(rh_json_get(v, "linkId"), link) || form_has(a, v, link, depth + 1))
            return true;
    }
    return false;
}

/* The first response item with this linkId and answers, else one without. */
static yyjson_val *answered(struct rh_answers *a, yyjson_val *owner, struct rh_text link,
                            unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v, *found, *answer;
    size_t i, n, j, m;
    if (depth > RH_VALIDATE_DEPTH_MAX || !yyjson_is_arr(list) || rh_answers_stop(a))
        return NULL;
    yyjson_arr_foreach (list, i, n, v) {
        a->rules.work++;
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

/* The question that is meant: of the nearest group around that has it in the form. A repeat of a
 * group that has no answer to it has none; the next repeat's is not its own. */
static yyjson_val *question_of(struct rh_answers *a, const struct rh_form_place *at,
                               struct rh_text link)
{
    for (const struct rh_form_place *p = at->up; p; p = p->up) {
        if (p->up && p->up->question != p->question &&
            rh_text_eq(rh_json_get(p->question, "linkId"), link))
            return p->item;
        if (!p->up || form_has(a, p->question, link, 0))
            return p->item ? answered(a, p->item, link, 0) : NULL;
    }
    return NULL;
}

static bool compares(struct rh_text op, int c)
{
    if (rh_text_is(op, "="))
        return c == 0;
    if (c == RH_ANSWER_UNLIKE)
        return false;
    return (rh_text_is(op, ">") && c > 0) || (rh_text_is(op, ">=") && c >= 0) ||
           (rh_text_is(op, "<") && c < 0) || (rh_text_is(op, "<=") && c <= 0);
}

/* Does one condition hold? "!=" is "no answer has a value that is equal", also without an answer;
 * anything else but "exists" needs one. */
static bool condition(struct rh_answers *a, const struct rh_form_place *at, yyjson_val *when)
{
    struct rh_text op = rh_json_get(when, "operator"), want_type = {NULL, 0};
    yyjson_val *item = question_of(a, at, rh_json_get(when, "question"));
    yyjson_val *answers = yyjson_obj_get(item, "answer"), *answer, *have, *want = NULL, *key, *v;
    size_t i, n;
    yyjson_obj_foreach (when, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (name.len > 6 && memcmp(name.data, "answer", 6) == 0) {
            want = v;
            want_type = (struct rh_text){name.data + 6, name.len - 6};
        }
    }
    if (rh_text_is(op, "exists"))
        return (yyjson_is_arr(answers) && yyjson_arr_size(answers) > 0) == yyjson_is_true(want);
    bool none_equal = rh_text_is(op, "!=");
    if (!yyjson_is_arr(answers))
        return none_equal;
    yyjson_arr_foreach (answers, i, n, answer) {
        struct rh_text type = rh_answer_type(answer, &have);
        int c = have ? rh_answer_compare(type, have, want_type, want) : RH_ANSWER_UNLIKE;
        if (c != 0 && rh_text_is(type, "String"))
            c = RH_ANSWER_UNLIKE; /* texts have no order */
        if (none_equal ? c == 0 : compares(op, c))
            return !none_equal;
    }
    return none_equal;
}

static bool conditions(struct rh_answers *a, const struct rh_form_place *at)
{
    yyjson_val *list = yyjson_obj_get(at->question, "enableWhen"), *w;
    bool all = rh_text_is(rh_json_get(at->question, "enableBehavior"), "all");
    size_t i, n;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return true;
    yyjson_arr_foreach (list, i, n, w) {
        if (condition(a, at, w) != all)
            return !all;
    }
    return all;
}

/* --- expressions
 * ----------------------------------------------------------------------------------- */
static int holds(struct rh_answers *a, const struct rh_form_place *at, yyjson_val *expression)
{
    int ret = -1;
    uint64_t used = a->scope.used;
    if (rh_answers_stop(a))
        return ret;
    enum rh_rc rc = rh_form_scope_holds(&a->scope, at, rh_form_fhirpath(expression), &ret);
    a->rules.work += 500 + (a->scope.used - used) / STEPS_A_WORK;
    if (rc)
        a->rc = rc;
    return ret;
}

int rh_answers_enabled(struct rh_answers *a, const struct rh_form_place *at)
{
    yyjson_val *e = rh_item_extension_value(at->question, ENABLE_EXPRESSION, NULL);
    if (!conditions(a, at))
        return 0;
    return e ? holds(a, at, e) : 1;
}

/* A text of the form in the language: `_valueString` beside it has the translations. */
static struct rh_text translated(struct rh_answers *a, yyjson_val *part)
{
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(part, "_valueString"), "extension"), *e;
    size_t i, n;
    if (a->language.len && yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, e) {
            if (!rh_text_is(rh_json_get(e, "url"), RH_CORE_EXT "translation"))
                continue;
            struct rh_text lang = rh_json_text(rh_item_extension_value(e, "lang", NULL));
            struct rh_text content = rh_json_text(rh_item_extension_value(e, "content", NULL));
            if (content.len && lang.len >= 2 && a->language.len >= 2 &&
                memcmp(lang.data, a->language.data, 2) == 0)
                return content;
        }
    }
    return rh_json_get(part, "valueString");
}

static void one_constraint(struct rh_answers *a, const struct rh_form_place *at, yyjson_val *e)
{
    yyjson_val *v = rh_item_extension_value(e, "expression", NULL);
    struct rh_text text = yyjson_is_obj(v) ? rh_form_fhirpath(v) : rh_json_text(v);
    struct rh_answer_fault f = {.rule = RH_ANSWER_CONSTRAINT, .answer = -1};
    struct rh_fp_list list;
    f.warning = rh_text_is(rh_json_text(rh_item_extension_value(e, "severity", NULL)), "warning");
    f.args[0] = translated(a, rh_item_extension(e, "human"));
    if (!f.args[0].len)
        f.args[0] = rh_json_text(rh_item_extension_value(e, "key", NULL));
    uint64_t used = a->scope.used;
    if (rh_answers_stop(a))
        return;
    enum rh_rc rc = rh_form_scope_eval(&a->scope, at, text, NULL, &list, NULL);
    a->rules.work += 500 + (a->scope.used - used) / STEPS_A_WORK;
    if (rc == RH_NOMEM) {
        a->rc = rc;
        return;
    }
    if (rc)
        f.rule = RH_ANSWER_CONSTRAINT_UNKNOWN;
    else if (list.count != 1)
        return; /* what it asks about is not answered */
    else if (list.items[0].kind == RH_FP_BOOLEAN ? list.items[0].boolean
             : list.items[0].kind == RH_FP_NODE && list.items[0].node.value
                 ? !yyjson_is_false(list.items[0].node.value)
                 : true)
        return;
    a->told(a->user, &f, a->at, a->link, false);
}

void rh_answers_constraints(struct rh_answers *a, const struct rh_form_place *at)
{
    yyjson_val *list = yyjson_obj_get(at->question, "extension"), *e;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        if (!a->rc && (rh_text_is(url, RH_CORE_EXT "questionnaire-constraint") ||
                       rh_text_is(url, RH_CORE_EXT "targetConstraint")))
            one_constraint(a, at, e);
    }
}

/* --- options
 * ---------------------------------------------------------------------------------------- */
static void switched_off(struct rh_answers *a, yyjson_val *toggle, yyjson_val *answers)
{
    yyjson_val *parts = yyjson_obj_get(toggle, "extension"), *part, *answer, *have, *want;
    size_t i, n, j, m;
    yyjson_arr_foreach (parts, i, n, part) {
        if (!rh_text_is(rh_json_get(part, "url"), "option"))
            continue;
        struct rh_text want_type = rh_answer_type(part, &want);
        yyjson_arr_foreach (answers, j, m, answer) {
            struct rh_text type = rh_answer_type(answer, &have);
            if (!have || !want || rh_answer_compare(type, have, want_type, want) != 0)
                continue;
            struct rh_text shown = rh_json_get(have, "display");
            if (!shown.len)
                shown = yyjson_is_obj(have) ? rh_json_get(have, "code") : rh_json_text(have);
            rh_answer_report(&a->rules, RH_ANSWER_OPTION_OFF, (long)j, false,
                             rh_answer_shown(shown), (struct rh_text){"", 0});
        }
    }
}

void rh_answers_toggles(struct rh_answers *a, const struct rh_form_place *at, yyjson_val *answers)
{
    yyjson_val *list = yyjson_obj_get(at->question, "extension"), *e;
    size_t i, n;
    if (!yyjson_is_arr(list) || !yyjson_is_arr(answers))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), TOGGLE_EXPRESSION) ||
            !yyjson_is_arr(yyjson_obj_get(e, "extension")))
            continue;
        yyjson_val *x = rh_item_extension_value(e, "expression", NULL);
        if (x && holds(a, at, x) == 0)
            switched_off(a, e, answers);
    }
}
