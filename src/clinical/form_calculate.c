/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_calculate.c - expressions are evaluated, in the order of their ranks, until nothing is
 * queued.
 *
 * Invariant: an expression is queued whenever something it reads has changed, and it is taken from
 * the queue before it is evaluated. So when the queue is empty every value is what its expression
 * gives for the answers as they are. A variable is evaluated when somebody asks for it and stays
 * until something it reads changes, or until the call ends (its value lies in the call's arena).
 */
#include "base/alloc.h"
#include "clinical/form_int.h"
#include "fhirpath/question.h"

enum {
    BITS = 64,
    LACKS_MAX = 256,
    STEPS_CALL = 5 * RH_STEPS_DEFAULT /* of all expressions that follow from one answer */
};

void rh_form_turn(struct rh_ctx *c, struct rh_form_session *s)
{
    (void)c;
    s->turn++;
    s->full = NULL;
    s->steps = STEPS_CALL;
}

struct rh_form_value *rh_form_value_of(struct rh_form_session *s,
                                       const struct rh_form_expression *e, struct rh_form_node *n)
{
    return e->item ? &n->values[e->place] : &s->values[e->place];
}

static void say(struct rh_form_value *v, const char *problem)
{
    if (v->problem && problem && strcmp(v->problem, problem) == 0)
        return;
    rh_free(v->problem);
    v->problem = problem ? rh_strdup(problem) : NULL;
}

/* Does the expression come to something of the context that was not given? That is said once, for
 * the form. Looks at LACKS_MAX names at most: variables may use each other in many ways. */
static bool lacks(const struct rh_form_session *s, const struct rh_form_expression *e,
                  unsigned *left)
{
    for (unsigned i = 0; i < e->n_names && *left; i++) {
        const struct rh_form_name *n = &e->names[i];
        --*left;
        if (n->kind == RH_NAME_CONTEXT && !yyjson_obj_getn(s->context, n->name.data, n->name.len))
            return true;
        if (n->kind == RH_NAME_VARIABLE && lacks(s, n->variable, left))
            return true;
    }
    return false;
}

static bool lacks_context(const struct rh_form_session *s, const struct rh_form_expression *e)
{
    unsigned left = LACKS_MAX;
    return lacks(s, e, &left);
}

/* --- one evaluation -----------------------------------------------------------------------------
 */
/* The node of the item that a variable stands on: this one or one above. */
static struct rh_form_node *owner_of(const struct rh_form_expression *variable,
                                     struct rh_form_node *n)
{
    while (n && n->item != variable->item)
        n = n->parent;
    return n;
}

/* What the host gave by this name (null: it is known that there is nothing). *known false: it was
 * not given, which is not the same as empty. */
static enum rh_rc given(struct rh_ctx *c, const struct rh_form_session *s, struct rh_text name,
                        struct rh_fp_list *ret, bool *known)
{
    yyjson_val *v = yyjson_obj_getn(s->context, name.data, name.len);
    struct rh_fp_question q = {0};
    *known = v != NULL;
    if (!v)
        return RH_OK;
    enum rh_rc rc = rh_fp_question_variable(c->arena, c->issues, &q, name, v);
    if (!rc)
        *ret = q.variables[0].value;
    return rc;
}

static enum rh_rc one_item(struct rh_ctx *c, struct rh_fp_item item, struct rh_fp_list *ret)
{
    ret->items = rh_arena_copy(c->arena, &item, sizeof item);
    ret->count = ret->cap = ret->items ? 1 : 0;
    return ret->items ? RH_OK : RH_NOMEM;
}

static enum rh_rc variable_value(struct rh_ctx *c, struct rh_form_session *s,
                                 const struct rh_form_expression *e, struct rh_form_node *n,
                                 struct rh_fp_list *ret, bool *known)
{
    struct rh_form_node *owner = e->item ? owner_of(e, n) : NULL;
    if (e->item && !owner)
        return RH_INTERNAL;
    struct rh_form_value *v = rh_form_value_of(s, e, owner);
    if (v->turn != s->turn) {
        struct rh_issues quiet;
        struct rh_ctx inner = *c;
        rh_issues_init(&quiet, c->arena);
        inner.issues = &quiet;
        v->list = (struct rh_fp_list){0};
        enum rh_rc rc = rh_form_evaluate(&inner, s, e, owner, &v->list);
        if (rc == RH_NOMEM || (rc == RH_TIMEOUT && s->steps <= 1))
            return rc;
        say(v, !rc || lacks_context(s, e) ? NULL
               : quiet.count              ? quiet.rows[0].text
                                          : rh_rc_text(rc));
        v->failed = rc != RH_OK;
        v->turn = s->turn;
    }
    *ret = v->list;
    *known = !v->failed;
    return RH_OK;
}

/* A variable that cannot be computed or was not given is left out: an expression that comes to it
 * fails, and says which. */
static enum rh_rc bind(struct rh_ctx *c, struct rh_form_session *s,
                       const struct rh_form_expression *e, struct rh_form_node *n,
                       struct rh_fp_variable *to, size_t *ret_n)
{
    enum rh_rc rc = RH_OK;
    *ret_n = 0;
    for (unsigned k = 0; k < e->n_names && !rc; k++) {
        const struct rh_form_name *name = &e->names[k];
        size_t i = *ret_n;
        bool known = true;
        to[i] = (struct rh_fp_variable){.name = name->name};
        switch (name->kind) {
        case RH_NAME_VARIABLE:
            rc = variable_value(c, s, name->variable, n, &to[i].value, &known);
            break;
        case RH_NAME_QUESTIONNAIRE:
            rc = one_item(c, rh_fp_resource(s->form->questionnaire, false), &to[i].value);
            break;
        case RH_NAME_QITEM:
            if (e->item)
                rc = one_item(
                    c, rh_fp_node(rh_type_find(RH_TEXT("Questionnaire.item")), e->item->json, NULL),
                    &to[i].value);
            break;
        case RH_NAME_CONTEXT:
        case RH_NAME_UNKNOWN:
            rc = given(c, s, name->name, &to[i].value, &known);
        }
        *ret_n += known;
    }
    return rc;
}

enum rh_rc rh_form_evaluate(struct rh_ctx *c, struct rh_form_session *s,
                            const struct rh_form_expression *e, struct rh_form_node *n,
                            struct rh_fp_list *ret)
{
    struct rh_fp_input in = {0};
    uint64_t number;
    if (!e->fp)
        return RH_OK;
    if (s->steps <= 1)
        return rh_issue_add(c->issues, RH_TIMEOUT, NULL,
                            "The expressions of the form take too many steps.");
    struct rh_fp_variable *variables =
        rh_arena_alloc(c->arena, (e->n_names + 1) * sizeof *variables);
    enum rh_rc rc = variables ? bind(c, s, e, n, variables, &in.n_variables) : RH_NOMEM;
    if (!rc)
        rc = rh_form_view(c, s, e, &in.resource, &number);
    if (rc)
        return rc;
    in.variables = variables;
    if (n) {
        yyjson_val *at = rh_form_view_node(c, in.resource, number, n);
        if (!at)
            return RH_NOMEM;
        in.focus = rh_fp_node(rh_type_find(RH_TEXT("QuestionnaireResponse.item")), at, NULL);
    } else {
        in.focus = rh_fp_resource(in.resource, false);
    }
    in.root = in.resource;
    struct rh_ctx inner = *c;
    uint64_t budget = s->steps < RH_STEPS_DEFAULT ? s->steps : RH_STEPS_DEFAULT;
    inner.steps = budget;
    inner.now_us = s->now_us;
    inner.json_names = true;
    inner.zone_minutes = s->zone_minutes;
    inner.world = s->world;
    rc = rh_fp_eval(&inner, e->fp, &in, ret);
    s->steps -= budget - inner.steps < s->steps ? budget - inner.steps : s->steps - 1;
    return rc;
}

/* The same; what goes wrong is the value's problem and gives nothing. */
static enum rh_rc evaluate(struct rh_ctx *c, struct rh_form_session *s,
                           const struct rh_form_expression *e, struct rh_form_node *n,
                           struct rh_fp_list *ret)
{
    struct rh_issues quiet;
    struct rh_ctx inner = *c;
    rh_issues_init(&quiet, c->arena);
    inner.issues = &quiet;
    *ret = (struct rh_fp_list){0};
    enum rh_rc rc = rh_form_evaluate(&inner, s, e, n, ret);
    if (rc == RH_NOMEM || (rc == RH_TIMEOUT && s->steps <= 1))
        return rh_issue_add(c->issues, rc, n ? n->path.data : NULL,
                            "The expressions of the form need more than the limits allow.");
    bool said = !rc || (e->use == RH_USE_INITIAL && lacks_context(s, e));
    say(rh_form_value_of(s, e, n), said ? NULL : quiet.count ? quiet.rows[0].text : rh_rc_text(rc));
    if (rc)
        *ret = (struct rh_fp_list){0};
    return RH_OK;
}

/* --- what follows -------------------------------------------------------------------------------
 */
static enum rh_rc give(struct rh_ctx *c, struct rh_form_session *s,
                       const struct rh_form_expression *e, struct rh_form_node *n, bool *changed)
{
    struct rh_fp_list list;
    yyjson_val *answers;
    const char *why = NULL;
    enum rh_rc rc = evaluate(c, s, e, n, &list);
    if (!rc)
        rc = rh_form_fill(c, s, n, &list, &answers, &why);
    if (!rc && why)
        say(rh_form_value_of(s, e, n), why);
    rh_form_value_of(s, e, n)->computed = !rc && answers;
    if (!rc && !answers && s->opening && n->given && n->n_answers) {
        *changed = false; /* who wrote it knew what cannot be computed here */
        return RH_OK;
    }
    return rc ? rc : rh_form_node_set(s, n, answers, changed);
}

static enum rh_rc calculate(struct rh_ctx *c, struct rh_form_session *s,
                            const struct rh_form_expression *e, struct rh_form_node *n)
{
    bool changed;
    if (n->overridden)
        return RH_OK;
    n->calculated = true;
    return give(c, s, e, n, &changed);
}

static enum rh_rc initial(struct rh_ctx *c, struct rh_form_session *s,
                          const struct rh_form_expression *e, struct rh_form_node *n)
{
    bool changed;
    return n->fresh && e == n->item->initial ? give(c, s, e, n, &changed) : RH_OK;
}

/* -1 cannot be computed. */
static enum rh_rc truth(struct rh_ctx *c, struct rh_form_session *s,
                        const struct rh_form_expression *e, struct rh_form_node *n,
                        signed char *ret)
{
    struct rh_fp_list list;
    enum rh_rc rc = evaluate(c, s, e, n, &list);
    *ret = -1;
    if (rc || !list.count)
        return rc;
    if (list.count > 1) {
        say(rh_form_value_of(s, e, n), "a condition is one value, true or false; here are several");
        return RH_OK;
    }
    const struct rh_fp_item *i = &list.items[0];
    *ret = 1;
    if (i->kind == RH_FP_BOOLEAN)
        *ret = i->boolean;
    else if (i->kind == RH_FP_NODE && yyjson_is_bool(i->node.value))
        *ret = yyjson_is_true(i->node.value);
    return RH_OK;
}

static enum rh_rc enable(struct rh_ctx *c, struct rh_form_session *s,
                         const struct rh_form_expression *e, struct rh_form_node *n)
{
    struct rh_form_value *v = rh_form_value_of(s, e, n);
    bool yes = true;
    enum rh_rc rc = RH_OK;
    if (e->fp) {
        rc = truth(c, s, e, n, &v->truth);
        yes = v->truth == 1;
    } else if (n->item->n_when) {
        rc = rh_form_when_holds(c, s, n, &yes);
        v->truth = yes;
    }
    if (!rc)
        rh_form_node_enable(s, n, yes);
    return rc;
}

static enum rh_rc condition(struct rh_ctx *c, struct rh_form_session *s,
                            const struct rh_form_expression *e, struct rh_form_node *n)
{
    struct rh_form_value *v = rh_form_value_of(s, e, n);
    signed char before = v->truth;
    enum rh_rc rc = truth(c, s, e, n, &v->truth);
    if (rc || before == v->truth)
        return rc;
    if (n)
        rh_form_mark(s, n, e->use == RH_USE_TOGGLE ? RH_MARK_SELF | RH_MARK_OPTIONS : RH_MARK_SELF);
    if (n && e->use == RH_USE_REQUIRED)
        n->required = v->truth == 1;
    if (n && e->use == RH_USE_READ_ONLY)
        n->read_only = v->truth == 1;
    if (e->use != RH_USE_CONSTRAINT)
        return RH_OK;
    const struct rh_form_constraint *list = n ? n->item->constraints : s->form->constraints;
    unsigned count = n ? n->item->n_constraints : s->form->n_constraints;
    uint64_t *failed = n ? &n->failed : &s->failed;
    for (unsigned i = 0; i < count; i++)
        if (list[i].expression == e) {
            *failed &= ~(UINT64_C(1) << i);
            *failed |= v->truth == 0 ? UINT64_C(1) << i : 0;
        }
    return RH_OK;
}

/* Options, texts and limits. */
static enum rh_rc keep(struct rh_ctx *c, struct rh_form_session *s,
                       const struct rh_form_expression *e, struct rh_form_node *n)
{
    struct rh_form_value *v = rh_form_value_of(s, e, n);
    struct rh_fp_list list;
    yyjson_val *values;
    enum rh_rc rc = evaluate(c, s, e, n, &list);
    if (!rc)
        rc = rh_form_fill_options(c, &list, &values);
    if (rc || (values ? rh_form_same(v->kept, values) : !v->kept))
        return rc;
    yyjson_val *block = values ? rh_form_block(values) : NULL;
    if (values && !block)
        return RH_NOMEM;
    rh_free(v->kept);
    v->kept = block;
    if (n)
        rh_form_mark(s, n,
                     e->use == RH_USE_ANSWERS ? RH_MARK_SELF | RH_MARK_OPTIONS : RH_MARK_SELF);
    return RH_OK;
}

static enum rh_rc at_node(struct rh_ctx *c, struct rh_form_session *s,
                          const struct rh_form_expression *e, struct rh_form_node *n)
{
    if (e->name.len) /* others use its value by name */
        rh_form_value_of(s, e, n)->turn = 0;
    switch (e->use) {
    case RH_USE_VARIABLE:
        return RH_OK;
    case RH_USE_INITIAL:
        return n ? initial(c, s, e, n) : RH_OK;
    case RH_USE_CALCULATED:
        return n && n->item->calculated == e ? calculate(c, s, e, n) : RH_OK;
    case RH_USE_ENABLE:
        return n ? enable(c, s, e, n) : RH_OK;
    case RH_USE_ANSWERS:
    case RH_USE_TEXT:
    case RH_USE_LIMIT:
        return keep(c, s, e, n);
    case RH_USE_TOGGLE:
    case RH_USE_REQUIRED:
    case RH_USE_READ_ONLY:
    case RH_USE_CONSTRAINT:
        return condition(c, s, e, n);
    case RH_USE_REPEATS:
        break;
    }
    return RH_OK;
}

/* --- until nothing is queued
 * ---------------------------------------------------------------------- */
static struct rh_form_expression *next(struct rh_form_session *s)
{
    unsigned words = s->form->n_expressions / BITS + 1;
    while (s->lowest < words && !s->queued[s->lowest])
        s->lowest++;
    if (s->lowest == words)
        return NULL;
    unsigned bit = (unsigned)__builtin_ctzll(s->queued[s->lowest]);
    s->queued[s->lowest] &= ~(UINT64_C(1) << bit);
    return s->form->order[s->lowest * BITS + bit];
}

/* False: it has been evaluated too often in this call. */
static bool may_run(struct rh_form_session *s, const struct rh_form_expression *e)
{
    if (s->rounds_turn[e->number] != s->turn) {
        s->rounds_turn[e->number] = s->turn;
        s->rounds[e->number] = 0;
    }
    return s->rounds[e->number]++ < RH_FORM_ROUNDS_MAX;
}

enum rh_rc rh_form_settle(struct rh_ctx *c, struct rh_form_session *s)
{
    static const char cycle[] = "the expression depends on its own result, and no value settles";
    struct rh_form_expression **later = NULL;
    size_t n_later = 0, cap = 0;
    for (struct rh_form_expression *e; (e = next(s)) != NULL;) {
        if (s->conditions_only && e->use != RH_USE_ENABLE && e->use != RH_USE_VARIABLE) {
            struct rh_form_expression **grown = rh_arena_grow(c->arena, later, &cap, n_later + 1,
                                                              sizeof(struct rh_form_expression *));
            if (!grown)
                return RH_NOMEM;
            later = grown;
            later[n_later++] = e;
            continue;
        }
        bool may = may_run(s, e);
        enum rh_rc rc = RH_OK;
        if (!e->item) {
            if (may)
                rc = at_node(c, s, e, NULL);
            else
                say(&s->values[e->place], cycle);
        }
        for (struct rh_form_node *n = e->item ? s->of_item[e->item->number] : NULL, *after;
             n && !rc; n = after) {
            after = n->next_of_item;
            if (may)
                rc = at_node(c, s, e, n);
            else
                say(&n->values[e->place], cycle);
        }
        if (rc)
            return rc;
        if (!may)
            s->rounds[e->number]--; /* stays at the limit: it may be queued any number of times */
    }
    for (size_t i = 0; i < n_later; i++)
        rh_form_queue(s, later[i]);
    return RH_OK;
}
