/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form_open.c - a session begins: nodes for all items, the answers so far, initial values. */
#include "base/alloc.h"
#include "clinical/form_int.h"

enum { KEPT_MAX = 256 << 20 /* bytes of what was given and of options */ };

static enum rh_rc copy_json(struct rh_form_session *s, struct rh_issues *is, yyjson_val *v,
                            yyjson_val **ret)
{
    struct rh_buf b = rh_buf(s->kept);
    yyjson_doc *doc;
    rh_json_write(&b, v);
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(s->kept, is, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* --- answers so far -----------------------------------------------------------------------------
 */
static enum rh_rc take_items(struct rh_ctx *c, struct rh_form_session *s,
                             struct rh_form_node *parent, unsigned set, yyjson_val *owner);

/* The answers without the items below them; checks that each has one value at most. */
enum rh_rc rh_form_bare_answers(struct rh_ctx *c, const struct rh_form_node *n, yyjson_val *answers,
                                yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    size_t i, max, j, m;
    yyjson_val *a, *key, *v;
    yyjson_doc *doc;
    if (answers && !yyjson_is_arr(answers))
        return rh_issue_add(c->issues, RH_STRUCTURE, n->path.data, "Answers are an array, not %s.",
                            rh_json_kind(answers));
    if (yyjson_arr_size(answers) > RH_FORM_ANSWERS_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, n->path.data,
                            "A question takes at most %d answers.", RH_FORM_ANSWERS_MAX);
    rh_buf_char(&b, '[');
    yyjson_arr_foreach (rh_some(answers), i, max, a) {
        unsigned values = 0, members = 0;
        if (!yyjson_is_obj(a))
            return rh_issue_add(c->issues, RH_STRUCTURE, n->path.data,
                                "An answer is an object such as {\"valueString\": \"…\"}, not %s.",
                                rh_json_kind(a));
        rh_buf_str(&b, i ? ",{" : "{");
        yyjson_obj_foreach (rh_some(a), j, m, key, v) {
            if (rh_text_is(rh_json_text(key), "item"))
                continue;
            values += rh_text_starts(rh_json_text(key), "value");
            rh_buf_str(&b, members++ ? "," : "");
            rh_json_write(&b, key);
            rh_buf_char(&b, ':');
            rh_json_write(&b, v);
        }
        rh_buf_char(&b, '}');
        if (values > 1 || !members)
            return rh_issue_add(c->issues, RH_STRUCTURE, n->path.data, "Answer %zu has %s.", i + 1,
                                members ? "more than one value" : "nothing in it");
    }
    rh_buf_char(&b, ']');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* Is the answer one of the options of a question that takes no others? A question without a list,
 * or with one that is not known here, takes any. */
static enum rh_rc listed(struct rh_ctx *c, struct rh_form_session *s, const struct rh_form_node *n,
                         yyjson_val *answer, bool *ret)
{
    static const char open[] =
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-Questionnaire.item.answerConstraint";
    const struct rh_form_option *o;
    const struct rh_form_item *item = n->item;
    unsigned count = 0;
    bool known;
    yyjson_val *v;
    struct rh_text member = rh_form_answer_member(answer, &v);
    *ret = true;
    if (!v || item->type == RH_ITEM_OPEN_CHOICE || (!item->n_options && !item->value_set.len) ||
        rh_form_extension(item->json, open))
        return RH_OK;
    enum rh_rc rc = rh_form_options(c, s, n, &o, &count, &known);
    if (rc || !known || !count)
        return rc;
    *ret = false;
    for (unsigned i = 0; i < count && !*ret; i++) {
        struct rh_text code = rh_json_get(v, "code"), system = rh_json_get(v, "system"),
                       its = rh_json_get(o[i].value, "system");
        if (!rh_text_eq(o[i].member, member))
            continue;
        if (!yyjson_is_obj(v))
            *ret = rh_form_same(v, o[i].value);
        else if (code.len)
            *ret = rh_text_eq(code, rh_json_get(o[i].value, "code")) &&
                   (!system.len || !its.len || rh_text_eq(system, its));
        else
            *ret = rh_text_eq(rh_json_get(v, "display"), rh_json_get(o[i].value, "display"));
    }
    return RH_OK;
}

static enum rh_rc only_listed(struct rh_ctx *c, struct rh_form_session *s,
                              const struct rh_form_node *n, yyjson_val **answers)
{
    size_t i, max, count = 0;
    yyjson_val *a,
        **left = rh_arena_alloc(c->arena, (yyjson_arr_size(*answers) + 1) * sizeof(yyjson_val *));
    if (!left)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(*answers), i, max, a) {
        bool is;
        enum rh_rc rc = listed(c, s, n, a, &is);
        if (rc)
            return rc;
        if (is) {
            left[count++] = a;
            continue;
        }
        const char *text = rh_arena_printf(
            c->arena, "Answer %zu of \"%.*s\" is none of its options and is left out.", i + 1,
            RH_TEXT_ARG(n->item->link));
        rh_issue_at(c->issues, (struct rh_issue){.severity = RH_WARNING,
                                                 .rc = RH_VALUE,
                                                 .expression = n->path.data,
                                                 .text = text ? text : ""});
    }
    return count < yyjson_arr_size(*answers) ? rh_form_array_of(c, left, count, answers) : RH_OK;
}

static enum rh_rc take_answers(struct rh_ctx *c, struct rh_form_session *s, struct rh_form_node *n,
                               yyjson_val *item)
{
    yyjson_val *answers = yyjson_obj_get(item, "answer"), *bare = NULL, *a;
    size_t i, max;
    bool changed;
    enum rh_rc rc = rh_form_bare_answers(c, n, answers, &bare);
    if (!rc && n->item->type == RH_ITEM_DISPLAY && yyjson_arr_size(answers))
        rc = rh_issue_add(c->issues, RH_VALUE, n->path.data,
                          "\"%.*s\" is a text that is only shown; it has no answer.",
                          RH_TEXT_ARG(n->item->link));
    if (!rc && s->closed && bare && yyjson_arr_size(bare) == yyjson_arr_size(answers) &&
        !n->item->n_children)
        rc = only_listed(c, s, n, &bare);
    if (!rc)
        rc = rh_form_node_set(s, n, bare, &changed);
    if (rc)
        return rc;
    n->fresh &= n->n_answers == 0;
    n->overridden = yyjson_is_true(
        rh_form_extension_value(rh_form_node_answer(n, 0), RH_FORM_EXT "overridden", NULL));
    yyjson_arr_foreach (rh_some(answers), i, max, a) {
        rc = take_items(c, s, n, (unsigned)i, a);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Of several with one linkId the first that was not there yet. */
static const struct rh_form_item *child_of(const struct rh_form *f, const struct rh_form_node *n,
                                           struct rh_text link, const unsigned *seen)
{
    const struct rh_form_item *item = rh_form_item_find(f, link), *found = NULL;
    for (; item; item = item->same)
        if (item->parent == (n ? n->item : NULL)) {
            found = found ? found : item;
            if (!seen[item->place])
                return item;
        }
    return found;
}

static enum rh_rc take_item(struct rh_ctx *c, struct rh_form_session *s,
                            struct rh_form_node *parent, unsigned set, yyjson_val *v,
                            unsigned *seen)
{
    struct rh_text link = rh_json_get(v, "linkId");
    const struct rh_form_item *item = child_of(s->form, parent, link, seen);
    if (!item)
        return rh_issue_add(c->issues, RH_VALUE, parent ? parent->path.data : NULL,
                            rh_form_item_find(s->form, link)
                                ? "The item \"%.*s\" stands in the response where the form does "
                                  "not have it."
                                : "The response has the item \"%.*s\", which the form does not "
                                  "have.",
                            RH_TEXT_ARG(rh_text_shown(link, 100)));
    struct rh_form_slot_nodes *slot = rh_form_slot(s, parent, set, item);
    unsigned at = seen[item->place]++;
    struct rh_form_node *n = at < slot->count ? slot->nodes[at] : NULL;
    enum rh_rc rc = RH_OK;
    if (!n && (item->type != RH_ITEM_GROUP || !item->repeats))
        return rh_issue_add(c->issues, RH_VALUE, slot->nodes[0]->path.data,
                            "The item \"%.*s\" stands in the response several times.",
                            RH_TEXT_ARG(item->link));
    if (!n)
        rc = rh_form_node_new(s, item, parent, set, &n);
    if (rc)
        return rh_issue_add(c->issues, rc, NULL,
                            "The response has more items than a session takes.");
    n->given = true;
    n->source = v;
    return item->type == RH_ITEM_GROUP ? take_items(c, s, n, 0, v) : take_answers(c, s, n, v);
}

static enum rh_rc take_items(struct rh_ctx *c, struct rh_form_session *s,
                             struct rh_form_node *parent, unsigned set, yyjson_val *owner)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, max;
    unsigned n = parent ? parent->item->n_children : s->form->n_tops;
    if (!yyjson_arr_size(list))
        return RH_OK;
    unsigned *seen = rh_arena_zero(c->arena, (n + 1) * sizeof *seen);
    if (!seen)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(list), i, max, v) {
        enum rh_rc rc = take_item(c, s, parent, set, v, seen);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- initial values -----------------------------------------------------------------------------
 */
static enum rh_rc initial_answers(struct rh_ctx *c, const struct rh_form_node *n, yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    yyjson_val *list = yyjson_obj_get(n->item->json, "initial"), *v;
    yyjson_doc *doc;
    size_t i, max;
    unsigned count = 0, most = n->item->repeats ? RH_FORM_ANSWERS_MAX : 1;
    rh_buf_char(&b, '[');
    yyjson_arr_foreach (rh_some(list), i, max, v) {
        if (count < most && yyjson_is_obj(v)) {
            rh_buf_str(&b, count++ ? "," : "");
            rh_json_write(&b, v);
        }
    }
    for (unsigned k = 0; k < n->item->n_options; k++) {
        const struct rh_form_option *o = &n->item->options[k];
        if (!o->initial || count >= most)
            continue;
        rh_buf_printf(&b, "%s{\"%.*s\":", count++ ? "," : "", RH_TEXT_ARG(o->member));
        rh_json_write(&b, o->value);
        rh_buf_char(&b, '}');
    }
    rh_buf_char(&b, ']');
    *ret = NULL;
    if (!count)
        return RH_OK;
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* An initial value that says something: a quantity with nothing but a unit is only its unit. */
static bool says(yyjson_val *answers)
{
    yyjson_val *quantity = yyjson_obj_get(yyjson_arr_get_first(answers), "valueQuantity");
    return answers && (!quantity || yyjson_obj_get(quantity, "value"));
}

struct starter {
    struct rh_ctx *c;
    struct rh_form_session *s;
    bool hidden_only;
};

/* Does the response that was given have the node, or something that it stands in below the top? */
static bool seen(const struct rh_form_session *s, const struct rh_form_node *n)
{
    if (!s->parts)
        return true;
    return n->parent ? n->parent->given : n->given;
}

static enum rh_rc start(void *user, struct rh_form_node *n)
{
    struct starter *st = user;
    yyjson_val *answers;
    bool changed;
    n->fresh = n->n_answers == 0 && !n->item->calculated &&
               !(st->hidden_only && n->reached && seen(st->s, n));
    if (!n->fresh || n->item->type == RH_ITEM_GROUP || n->item->type == RH_ITEM_DISPLAY)
        return RH_OK;
    enum rh_rc rc = initial_answers(st->c, n, &answers);
    if (!rc && says(answers))
        rc = rh_form_node_set(st->s, n, answers, &changed);
    if (!rc && n->item->initial)
        rh_form_queue(st->s, n->item->initial);
    return rc;
}

static enum rh_rc each_from(struct rh_form_session *s, struct rh_form_node *from,
                            rh_form_node_each *each, void *user)
{
    if (!from)
        return rh_form_each(s, each, user);
    enum rh_rc rc = each(user, from);
    for (unsigned k = 0; k < from->n_sets && !rc; k++)
        for (unsigned i = 0; i < from->item->n_children && !rc; i++)
            for (unsigned j = 0; j < from->sets[k].slots[i].count && !rc; j++)
                rc = each_from(s, from->sets[k].slots[i].nodes[j], each, user);
    return rc;
}

static enum rh_rc stop(void *user, struct rh_form_node *n)
{
    (void)user;
    n->fresh = false;
    return RH_OK;
}

enum rh_rc rh_form_start_values(struct rh_ctx *c, struct rh_form_session *s,
                                struct rh_form_node *from, bool hidden_only)
{
    struct starter st = {c, s, hidden_only};
    enum rh_rc rc = each_from(s, from, start, &st);
    if (!rc)
        rc = rh_form_settle(c, s);
    each_from(s, from, stop, NULL);
    return rc;
}

/* --- the session --------------------------------------------------------------------------------
 */
static bool allocate(struct rh_form_session *s)
{
    const struct rh_form *f = s->form;
    unsigned buckets = 64;
    while (buckets < 2 * f->n_items)
        buckets *= 2;
    s->bucket_mask = buckets - 1;
    s->of_item = rh_alloc((f->n_items + 1) * sizeof *s->of_item);
    s->last_of_item = rh_alloc((f->n_items + 1) * sizeof *s->last_of_item);
    s->buckets = rh_alloc(buckets * sizeof *s->buckets);
    s->queued = rh_alloc((f->n_expressions / 64 + 1) * sizeof *s->queued);
    s->rounds = rh_alloc(f->n_expressions + 1);
    s->rounds_turn = rh_alloc((f->n_expressions + 1) * sizeof *s->rounds_turn);
    s->values = rh_alloc((f->n_of_form + 1) * sizeof *s->values);
    s->root.slots = rh_alloc((f->n_tops + 1) * sizeof *s->root.slots);
    return true;
}

static enum rh_rc make_nodes(struct rh_form_session *s)
{
    const struct rh_form *f = s->form;
    struct rh_form_node *n;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < f->n_of_form; i++) {
        s->values[i].truth = -1;
        rh_form_queue(s, f->of_form[i]);
    }
    for (unsigned i = 0; i < f->n_tops && !rc; i++)
        rc = rh_form_node_new(s, f->tops[i], NULL, 0, &n);
    return rc;
}

/* What was given and could not be computed is a person's. */
static enum rh_rc keep_given(void *user, struct rh_form_node *n)
{
    (void)user;
    if (n->item->calculated && n->given && n->n_answers && !n->overridden &&
        !n->values[n->item->calculated->place].computed)
        n->overridden = true;
    return RH_OK;
}

static enum rh_rc begin(struct rh_ctx *c, struct rh_form_session *s,
                        const struct rh_form_start *with)
{
    enum rh_rc rc = RH_OK;
    allocate(s);
    s->kept = rh_arena_open(KEPT_MAX);
    s->language = rh_text_copy(s->kept, with->language.data ? with->language : RH_TEXT(""));
    if (c->world)
        s->world = rh_world_keep((struct rh_world *)(uintptr_t)c->world);
    s->now_us = c->now_us;
    s->zone_minutes = c->zone_minutes;
    s->closed = with->closed;
    s->parts = with->parts;
    rh_form_turn(c, s);
    if (with->context)
        rc = copy_json(s, c->issues, with->context, &s->context);
    if (!rc)
        rc = make_nodes(s);
    if (!rc && with->response) {
        if (!rh_text_is(rh_json_get(with->response, "resourceType"), "QuestionnaireResponse"))
            return rh_issue_add(c->issues, RH_STRUCTURE, NULL,
                                "This is not a QuestionnaireResponse.");
        rc = copy_json(s, c->issues, with->response, &s->response);
        if (!rc)
            rc = take_items(c, s, NULL, 0, s->response);
    }
    if (rc)
        return rc;
    if (!with->response)
        return rh_form_start_values(c, s, NULL, false);
    s->opening = true;
    s->conditions_only = !with->fresh;
    rc = with->fresh ? RH_OK : rh_form_settle(c, s);
    s->conditions_only = false;
    if (!rc)
        rc = rh_form_start_values(c, s, NULL, !with->fresh);
    s->opening = false;
    return rc ? rc : rh_form_each(s, keep_given, NULL);
}

enum rh_rc rh_form_open(struct rh_ctx *c, const struct rh_form *f, const struct rh_form_start *with,
                        struct rh_form_session **ret)
{
    struct rh_form_session *s = rh_alloc(sizeof *s);
    s->form = f;
    enum rh_rc rc = begin(c, s, with);
    if (rc) {
        rh_form_close(s);
        return c->issues->count ? rc : rh_issue_add(c->issues, rc, NULL, "%s", rh_rc_text(rc));
    }
    *ret = s;
    return RH_OK;
}
