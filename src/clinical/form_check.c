/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_check.c - what is wrong with the answers of a session, in a person's language: the rules of
 * conformance/answers.h, with the limits, options and constraints as they are now.
 */
#include "clinical/form_int.h"
#include "conformance/answers.h"

struct check {
    struct rh_ctx *c;
    struct rh_form_session *s;
    const struct rh_form_node *n;
    struct rh_form_findings *out;
    enum rh_rc rc;
};

static void found(void *user, const struct rh_answer_fault *f)
{
    struct check *k = user;
    struct rh_buf text = rh_buf(k->c->arena);
    if (f->rule == RH_ANSWER_VALUE_SET_UNKNOWN)
        return; /* what is not loaded here is no matter of who answers */
    rh_answer_text(f, k->s->language, &text);
    struct rh_form_problem *rows =
        rh_arena_grow(k->c->arena, k->out->rows, &k->out->cap, k->out->count + 1, sizeof *rows);
    if (!rows || text.rc) {
        k->rc = RH_NOMEM;
        return;
    }
    k->out->rows = rows;
    rows[k->out->count++] =
        (struct rh_form_problem){.text = rh_buf_get(&text), .warning = !rh_answer_is_error(f)};
}

static void report(struct check *k, enum rh_answer_rule rule, struct rh_text arg0,
                   struct rh_text arg1)
{
    struct rh_answer_fault f = {.rule = rule, .answer = -1, .args = {arg0, arg1}};
    found(k, &f);
}

static struct rh_text number(struct check *k, unsigned n)
{
    struct rh_buf b = rh_buf(k->c->arena);
    rh_buf_u64(&b, n);
    return rh_buf_get(&b);
}

static yyjson_val *limit(void *user, const char *url, struct rh_text *ret_type)
{
    struct check *k = user;
    struct rh_text member = {NULL, 0};
    yyjson_val *v = rh_form_limit(k->s, k->n, url, &member);
    if (v && rh_text_starts(member, "value"))
        *ret_type = (struct rh_text){member.data + 5, member.len - 5};
    return v;
}

/* --- options that expressions give or switch -----------------------------------------------------
 */
static bool computes_options(const struct rh_form_item *item)
{
    if (item->answers)
        return true;
    for (unsigned i = 0; i < item->n_expressions; i++)
        if (item->expressions[i]->use == RH_USE_TOGGLE)
            return true;
    return false;
}

static struct rh_text shown(yyjson_val *value)
{
    struct rh_text display = rh_json_get(value, "display");
    if (!yyjson_is_obj(value))
        return rh_json_text(value);
    return display.len ? display : rh_json_get(value, "code");
}

/* A candidate is only proposed; what an answerExpression gives is all that there is. */
static bool only_proposed(const struct rh_form_item *item)
{
    return item->answers &&
           rh_text_ends(rh_json_get(item->answers->source, "url"), "candidateExpression");
}

static void check_options(struct check *k)
{
    const struct rh_form_item *item = k->n->item;
    const struct rh_form_option *options = NULL;
    unsigned count = 0;
    bool known = false;
    enum rh_rc rc = rh_form_options(k->c, k->s, k->n, &options, &count, &known);
    if (rc == RH_NOMEM)
        k->rc = rc;
    if (rc || !known || count == 0 || only_proposed(item))
        return;
    for (unsigned i = 0; i < k->n->n_answers; i++) {
        yyjson_val *value;
        const struct rh_form_option *option = NULL;
        struct rh_text type = rh_answer_type(rh_form_node_answer(k->n, i), &value);
        bool open = item->type == RH_ITEM_OPEN_CHOICE && rh_text_is(type, "String");
        for (unsigned o = 0; value && o < count && !option; o++) {
            struct rh_text t = {options[o].member.data + 5, options[o].member.len - 5};
            if (rh_answer_compare(type, value, t, options[o].value) == 0)
                option = &options[o];
        }
        if (value && !option && !open)
            report(k, RH_ANSWER_OPTION, shown(value), (struct rh_text){"", 0});
        else if (option && option->disabled)
            report(k, RH_ANSWER_OPTION_OFF, shown(value), (struct rh_text){"", 0});
    }
}

/* --- one node ----------------------------------------------------------------------------------
 */
/* In a repeat of an optional group nothing is asked for until something is answered there: nobody
 * has to invent a medicine to finish. */
static bool wanted(const struct rh_form_node *n)
{
    if (!n->required)
        return false;
    for (const struct rh_form_node *up = n->parent; up; up = up->parent)
        if (up->item->repeats && !up->required && !up->present)
            return false;
    return true;
}

static void check_group(struct check *k)
{
    const struct rh_form_node *n = k->n;
    const struct rh_form_item *item = n->item;
    unsigned there = 0;
    struct rh_form_slot_nodes *slot;
    if (n->repeat > 0) /* all repeats are counted at the first one */
        return;
    slot = rh_form_slot(k->s, n->parent, n->set, item);
    for (unsigned i = 0; slot && i < slot->count; i++)
        there += slot->nodes[i]->present > 0;
    if (there == 0 && wanted(n))
        report(k, RH_ANSWER_REQUIRED_GROUP, (struct rh_text){"", 0}, (struct rh_text){"", 0});
    else if (there < item->min_occurs && (there > 0 || wanted(n)))
        report(k, RH_ANSWER_FEW, number(k, item->min_occurs), number(k, there));
    if (item->max_occurs && there > item->max_occurs)
        report(k, RH_ANSWER_MANY, number(k, item->max_occurs), number(k, there));
}

static void check_question(struct check *k, bool final)
{
    const struct rh_form_node *n = k->n;
    struct rh_answer_rules rules = {.c = k->c,
                                    .questionnaire = k->s->form->questionnaire,
                                    .final = final,
                                    .found = found,
                                    .user = k,
                                    .limit = limit,
                                    .required = wanted(n) ? 1 : -1,
                                    .options_elsewhere = computes_options(n->item)};
    rh_answer_check_list(&rules, n->item->json, n->answers);
    for (unsigned i = 0; i < n->n_answers; i++)
        rh_answer_check(&rules, n->item->json, rh_form_node_answer(n, i), (long)i);
    if (rules.options_elsewhere && n->n_answers)
        check_options(k);
}

static void check_constraints(struct check *k, const struct rh_form_constraint *rows, unsigned n,
                              uint64_t failed)
{
    for (unsigned i = 0; i < n && i < 64; i++) {
        struct rh_answer_fault f = {
            .rule = RH_ANSWER_CONSTRAINT, .answer = -1, .warning = rows[i].warning};
        if (!(failed >> i & 1))
            continue;
        if (rows[i].human_value)
            f.args[0] = rh_form_translated(k->s, rows[i].human_value, "valueString");
        if (!f.args[0].len)
            f.args[0] = rows[i].human.len ? rows[i].human : rows[i].key;
        found(k, &f);
    }
}

enum rh_rc rh_form_check_node(struct rh_ctx *c, struct rh_form_session *s,
                              const struct rh_form_node *n, bool final,
                              struct rh_form_findings *ret)
{
    struct check k = {.c = c, .s = s, .n = n, .out = ret};
    const struct rh_world *world = c->world;
    if (!n->reached || n->item->type == RH_ITEM_DISPLAY)
        return RH_OK;
    c->world = s->world;
    if (n->item->type != RH_ITEM_GROUP)
        check_question(&k, final);
    else if (final)
        check_group(&k);
    check_constraints(&k, n->item->constraints, n->item->n_constraints, n->failed);
    c->world = world;
    return k.rc;
}

/* --- all of them --------------------------------------------------------------------------------
 */
struct all {
    struct rh_ctx *c;
    struct rh_form_session *s;
    struct rh_buf *out;
    bool valid, first;
};

static void print(struct all *a, const struct rh_form_findings *f, struct rh_text path,
                  struct rh_text link)
{
    for (size_t i = 0; i < f->count; i++) {
        rh_buf_str(a->out, a->first ? "{\"path\":" : ",{\"path\":");
        rh_buf_json(a->out, path);
        rh_buf_str(a->out, ",\"linkId\":");
        rh_buf_json(a->out, link);
        rh_buf_printf(a->out,
                      ",\"severity\":\"%s\",\"text\":", f->rows[i].warning ? "warning" : "error");
        rh_buf_json(a->out, f->rows[i].text);
        rh_buf_char(a->out, '}');
        a->first = false;
        a->valid &= f->rows[i].warning;
    }
}

static enum rh_rc check_one(void *user, struct rh_form_node *n)
{
    struct all *a = user;
    struct rh_form_findings f = {0};
    enum rh_rc rc = rh_form_check_node(a->c, a->s, n, true, &f);
    if (!rc)
        print(a, &f, n->path, n->item->link);
    return rc;
}

enum rh_rc rh_form_check(struct rh_ctx *c, struct rh_form_session *s, struct rh_text language,
                         bool *ret_valid, struct rh_buf *out)
{
    struct rh_buf rows = rh_buf(c->arena);
    struct all a = {.c = c, .s = s, .out = &rows, .valid = true, .first = true};
    struct rh_form_findings own = {0};
    struct check k = {.c = c, .s = s, .out = &own};
    struct rh_text before = s->language;
    if (language.len)
        s->language = language;
    check_constraints(&k, s->form->constraints, s->form->n_constraints, s->failed);
    print(&a, &own, RH_TEXT(""), RH_TEXT(""));
    enum rh_rc rc = k.rc ? k.rc : rh_form_each(s, check_one, &a);
    s->language = before;
    if (rc)
        return rc;
    if (ret_valid)
        *ret_valid = a.valid;
    rh_buf_printf(out, "\"valid\":%s,\"errors\":[", a.valid ? "true" : "false");
    rh_buf_text(out, rh_buf_get(&rows));
    rh_buf_char(out, ']');
    return rows.rc ? rows.rc : out->rc;
}
