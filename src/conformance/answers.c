/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A QuestionnaireResponse against its Questionnaire: every answer belongs to a question, has its
 * type, and is one that the question allows; what must be answered is
 * (https://hl7.org/fhir/R4/questionnaireresponse.html#notes). Only when the Questionnaire is
 * contained or loaded; else nobody can say.
 */
#include "conformance/answers_int.h"

static const struct rh_text none = {"", 0};

bool rh_answers_stop(struct rh_answers *a)
{
    if (a->rc || a->stopped)
        return true;
    a->stopped = a->rules.work > RH_VALIDATE_WORK_MAX || (a->stop && a->stop(a));
    return a->stopped;
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void tell(struct rh_answers *a, enum rh_answer_rule rule, const struct rh_place *at,
                 struct rh_text link, bool absent, struct rh_text arg)
{
    struct rh_answer_fault f = {.rule = rule, .answer = -1, .args = {arg, none}};
    a->told(a->user, &f, at, link, absent);
}

/* A fault of the item that is looked at, from the rules. */
static void rule_found(void *user, const struct rh_answer_fault *f)
{
    struct rh_answers *a = user;
    struct rh_place answer = rh_below(a->at, "answer", 6, f->answer);
    struct rh_place value = rh_below(&answer, "value", 5, -1);
    const struct rh_type *parent = rh_type_find(RH_TEXT("QuestionnaireResponse.item.answer"));
    yyjson_val *v;
    if (f->answer >= 0 && f->on_value && parent) {
        yyjson_val *answers = yyjson_obj_get(a->place->item, "answer");
        struct rh_text type = rh_answer_type(yyjson_arr_get(answers, (size_t)f->answer), &v);
        const struct rh_element *e =
            v ? rh_element_find(parent, (struct rh_text){type.data - 5, type.len + 5}) : NULL;
        value.choice = e ? e->type : NULL;
    }
    a->told(a->user, f, f->answer < 0 ? a->at : f->on_value ? &value : &answer, a->link, false);
}

/* --- items --------------------------------------------------------------------------------------
 */

static bool is_type(yyjson_val *question, const char *type)
{
    return rh_text_is(rh_json_get(question, "type"), type);
}

static void check_items(struct rh_answers *a, const struct rh_place *up,
                        const struct rh_form_place *form, yyjson_val *owner);

static void look_at(struct rh_answers *a, const struct rh_place *at,
                    const struct rh_form_place *place)
{
    a->at = at;
    a->place = place;
    a->link = rh_json_get(place->question, "linkId");
}

static void check_item(struct rh_answers *a, const struct rh_place *at,
                       const struct rh_form_place *place, int enabled)
{
    yyjson_val *list = yyjson_obj_get(place->item, "answer"), *answer, *question = place->question;
    size_t i, n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    look_at(a, at, place);
    rh_answers_constraints(a, place);
    if (is_type(question, "group") || is_type(question, "display")) {
        if (n > 0)
            tell(a, RH_ANSWER_NO_QUESTION, at, a->link, false, rh_json_get(question, "type"));
        check_items(a, at, place, place->item);
        return;
    }
    if (n > 0 || enabled > 0)
        rh_answer_check_list(&a->rules, question, list);
    if (n == 0)
        return;
    rh_answers_toggles(a, place, list);
    yyjson_arr_foreach (list, i, n, answer) {
        struct rh_place p = rh_below(at, "answer", 6, (long)i);
        look_at(a, at, place);
        rh_answer_check(&a->rules, question, answer, (long)i);
        check_items(a, &p, place, answer);
    }
}

/* A question without an item in the response. */
static void check_absent(struct rh_answers *a, const struct rh_place *at,
                         const struct rh_form_place *place)
{
    struct rh_text link = rh_json_get(place->question, "linkId");
    yyjson_val *least =
        rh_item_extension_value(place->question, RH_CORE_EXT "questionnaire-minOccurs", NULL);
    bool required = yyjson_is_true(yyjson_obj_get(place->question, "required"));
    bool some = least && !rh_text_is(rh_json_text(least), "0");
    if (!a->rules.final || is_type(place->question, "display") || (!required && !some) ||
        rh_answers_enabled(a, place) <= 0)
        return;
    struct rh_answer_fault f = {
        .rule = RH_ANSWER_FEW, .answer = -1, .args = {rh_json_text(least), RH_TEXT("0")}};
    if (required && is_type(place->question, "group"))
        tell(a, RH_ANSWER_REQUIRED_GROUP, at, link, true, none);
    else if (required)
        tell(a, RH_ANSWER_REQUIRED, at, link, true, none);
    else
        a->told(a->user, &f, at, link, true);
}

/* How often a group is there. */
static void check_repeats(struct rh_answers *a, const struct rh_place *at, yyjson_val *question,
                          size_t found)
{
    static const struct {
        const char *url;
        enum rh_answer_rule rule;
    } limits[] = {{RH_CORE_EXT "questionnaire-minOccurs", RH_ANSWER_FEW},
                  {RH_CORE_EXT "questionnaire-maxOccurs", RH_ANSWER_MANY}};
    if (!is_type(question, "group"))
        return;
    for (size_t i = 0; i < 2; i++) {
        struct rh_text text = rh_json_text(rh_item_extension_value(question, limits[i].url, NULL));
        struct rh_buf b = rh_buf(a->c->arena);
        uint64_t limit;
        bool few = limits[i].rule == RH_ANSWER_FEW;
        if (rh_text_u64(text, UINT32_MAX, &limit) || (few && !a->rules.final) ||
            (few ? found >= limit : found <= limit))
            continue;
        rh_buf_u64(&b, found);
        struct rh_answer_fault f = {
            .rule = limits[i].rule, .answer = -1, .args = {text, rh_buf_get(&b)}};
        a->told(a->user, &f, at, rh_json_get(question, "linkId"), false);
    }
}

/* Where the items of the next question begin, when all stand in the order of the form. */
struct cursor {
    yyjson_val *list, *item;
    size_t i, n;
    bool ordered;
};

/* The items of the response that answer one question, in the order of the form. */
static void check_question(struct rh_answers *a, const struct rh_place *up,
                           const struct rh_form_place *form, yyjson_val *question, struct cursor *c)
{
    struct rh_form_place place = {.up = form, .question = question};
    struct rh_place last = {0};
    size_t found = 0;
    struct rh_text link = rh_json_get(question, "linkId");
    if (!c->ordered) {
        c->i = 0;
        c->item = yyjson_arr_get_first(c->list);
    }
    for (; c->i < c->n; c->i++, c->item = unsafe_yyjson_get_next(c->item)) {
        bool same = rh_text_eq(rh_json_get(c->item, "linkId"), link);
        a->rules.work++;
        if (rh_answers_stop(a) || (!same && c->ordered))
            break;
        if (!same)
            continue;
        struct rh_place p = rh_below(up, "item", 4, (long)c->i);
        last = p;
        place.item = c->item;
        if (found++ && !yyjson_is_true(yyjson_obj_get(question, "repeats")))
            tell(a, RH_ANSWER_ONCE, &p, link, false, rh_answer_shown(link));
        int enabled = rh_answers_enabled(a, &place);
        if (enabled == 0 &&
            (yyjson_obj_get(place.item, "answer") || yyjson_obj_get(place.item, "item")))
            tell(a, RH_ANSWER_NOT_ENABLED, &p, link, false, none);
        else if (enabled)
            check_item(a, &p, &place, enabled);
    }
    if (found == 0)
        check_absent(a, up, &place);
    else
        check_repeats(a, &last, question, found);
}

static bool known_link(struct rh_answers *a, yyjson_val *owner, struct rh_text link, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    if (depth > RH_VALIDATE_DEPTH_MAX || !yyjson_is_arr(list))
        return false;
    a->rules.work += yyjson_arr_size(list);
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_eq(rh_json_get(v, "linkId"), link) || known_link(a, v, link, depth + 1))
            return true;
    }
    return false;
}

/* The place of the item's question among `questions`, looked for from `from` on and then from the
 * start; `n`: it is none of them. */
static size_t place_of(struct rh_answers *a, yyjson_val *questions, struct rh_text link,
                       size_t from, yyjson_val **at)
{
    size_t n = yyjson_is_arr(questions) ? yyjson_arr_size(questions) : 0;
    size_t i = *at ? from : 0;
    yyjson_val *q = *at ? *at : yyjson_arr_get_first(questions);
    for (size_t k = 0; k < n; k++) {
        a->rules.work++;
        if (rh_text_eq(rh_json_get(q, "linkId"), link)) {
            *at = q;
            return i;
        }
        q = ++i < n ? unsafe_yyjson_get_next(q) : yyjson_arr_get_first(questions);
        i = i < n ? i : 0;
    }
    return n;
}

/* True: every item has its question here, in the order of the form. */
static bool check_order(struct rh_answers *a, const struct rh_place *up, yyjson_val *questions,
                        yyjson_val *list)
{
    yyjson_val *item, *at = NULL;
    size_t i, n, last = 0, all = yyjson_is_arr(questions) ? yyjson_arr_size(questions) : 0;
    bool ordered = true;
    yyjson_arr_foreach (list, i, n, item) {
        struct rh_text link = rh_json_get(item, "linkId");
        struct rh_place p = rh_below(up, "item", 4, (long)i);
        if (rh_answers_stop(a))
            return false;
        size_t j = place_of(a, questions, link, last, &at);
        if (j < all && j >= last) {
            last = j;
            continue;
        }
        ordered = false;
        if (j < all) {
            tell(a, RH_ANSWER_ORDER, &p, link, false, rh_answer_shown(link));
            last = j;
        } else if (link.len) {
            bool elsewhere = known_link(a, a->questionnaire, link, 0);
            tell(a, elsewhere ? RH_ANSWER_ELSEWHERE : RH_ANSWER_LINK, elsewhere ? &p : up, link,
                 false, rh_answer_shown(link));
        }
    }
    return ordered;
}

static void check_items(struct rh_answers *a, const struct rh_place *up,
                        const struct rh_form_place *form, yyjson_val *owner)
{
    yyjson_val *questions = yyjson_obj_get(form->question, "item");
    yyjson_val *list = yyjson_obj_get(owner, "item"), *q;
    size_t i, n;
    if (up->depth > RH_VALIDATE_DEPTH_MAX || rh_answers_stop(a))
        return;
    struct cursor c = {.list = list, .item = yyjson_arr_get_first(list)};
    c.n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    c.ordered = c.n == 0 || check_order(a, up, questions, list);
    if (!yyjson_is_arr(questions))
        return;
    /* Below an answer, conditions look at that answer's items first. */
    struct rh_form_place here = *form;
    if (owner != form->item)
        here = (struct rh_form_place){.up = form, .question = form->question, .item = owner};
    yyjson_arr_foreach (questions, i, n, q)
        check_question(a, up, &here, q, &c);
    if (a->rules.final && is_type(form->question, "group") &&
        yyjson_is_true(yyjson_obj_get(form->question, "required")) && !yyjson_is_arr(list))
        tell(a, RH_ANSWER_REQUIRED_GROUP, up, rh_json_get(form->question, "linkId"), false, none);
}

/* --- the form -----------------------------------------------------------------------------------
 */

enum rh_rc rh_answers_walk(struct rh_answers *a, const struct rh_place *at)
{
    struct rh_form_place top = {.question = a->questionnaire, .item = a->response};
    struct rh_text status = rh_json_get(a->response, "status");
    a->rules.c = a->scope.c = a->c;
    a->rules.questionnaire = a->scope.questionnaire = a->questionnaire;
    a->scope.response = a->response;
    a->scope.steps = RH_VALIDATE_STEPS_MAX;
    a->rules.found = rule_found;
    a->rules.user = a;
    a->rules.final |= rh_text_is(status, "completed") || rh_text_is(status, "amended");
    look_at(a, at, &top);
    rh_answers_constraints(a, &top);
    check_items(a, at, &top, a->response);
    return a->rc;
}

/* --- for the validator --------------------------------------------------------------------------
 */

static bool run_stops(struct rh_answers *a)
{
    struct rh_run *r = a->user;
    r->work += a->rules.work;
    a->rules.work = 0;
    return rh_run_stop(r);
}

static void complain(void *user, const struct rh_answer_fault *f, const struct rh_place *at,
                     struct rh_text link, bool absent)
{
    struct rh_run *r = user;
    struct rh_buf text = rh_buf(r->c->arena);
    rh_answer_text(f, none, &text);
    if (absent)
        rh_buf_printf(&text, " (the item \"%.*s\")", RH_TEXT_ARG(rh_answer_shown(link)));
    rh_complain(r, rh_answer_is_error(f) ? RH_ERROR : RH_WARNING, rh_answer_code(f), at, "%.*s",
                RH_TEXT_ARG(rh_buf_get(&text)));
}

void rh_check_answers(struct rh_run *r, const struct rh_place *at, yyjson_val *response)
{
    struct rh_text canonical = rh_json_get(response, "questionnaire");
    struct rh_answers a = {
        .c = r->c, .response = response, .told = complain, .user = r, .stop = run_stops};
    struct rh_place named = rh_below(at, "questionnaire", 13, -1);
    if (canonical.len == 0 || (r->o && r->o->answers_elsewhere))
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
    enum rh_rc rc = rh_answers_walk(&a, at);
    if (rc)
        r->rc = rc;
    r->work += a.rules.work;
}

/* --- for others
 * ------------------------------------------------------------------------------------ */

struct listener {
    struct rh_ctx *c;
    rh_answers_found *found;
    void *user;
};

static void pass_on(void *user, const struct rh_answer_fault *f, const struct rh_place *at,
                    struct rh_text link, bool absent)
{
    struct listener *l = user;
    struct rh_buf b = rh_buf(l->c->arena);
    rh_place_write(&b, at);
    struct rh_answers_finding finding = {
        .fault = f, .expression = rh_buf_get(&b), .link = link, .absent = absent};
    l->found(l->user, &finding);
}

enum rh_rc rh_answers_check(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                            const struct rh_answers_options *o, rh_answers_found *found, void *user)
{
    static const char name[] = "QuestionnaireResponse";
    struct listener l = {.c = c, .found = found, .user = user};
    struct rh_answers a = {
        .c = c, .questionnaire = questionnaire, .response = response, .told = pass_on, .user = &l};
    struct rh_place root = {.name = name, .name_len = sizeof name - 1, .index = -1};
    if (o) {
        a.scope.context = o->context;
        a.language = o->language;
        a.rules.final = o->final;
    }
    enum rh_rc rc = rh_answers_walk(&a, &root);
    if (!rc && a.stopped)
        rc = rh_issue_add(c->issues, RH_TIMEOUT, NULL,
                          "The form and its answers are too much work to be checked.");
    return rc;
}
