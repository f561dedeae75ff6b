/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form_answer.c - answers are given, repeats are added and removed, the language is changed. */
#include "clinical/form_int.h"

/* The values that a question of this type takes, between blanks. */
static const char *const members[RH_ITEM_TYPES] = {
    [RH_ITEM_BOOLEAN] = " valueBoolean ",
    [RH_ITEM_DECIMAL] = " valueDecimal ",
    [RH_ITEM_INTEGER] = " valueInteger ",
    [RH_ITEM_DATE] = " valueDate ",
    [RH_ITEM_DATETIME] = " valueDateTime ",
    [RH_ITEM_TIME] = " valueTime ",
    [RH_ITEM_STRING] = " valueString ",
    [RH_ITEM_TEXT] = " valueString ",
    [RH_ITEM_URL] = " valueUri ",
    [RH_ITEM_CHOICE] = " valueCoding valueString valueInteger valueDate valueTime valueReference ",
    [RH_ITEM_OPEN_CHOICE] =
        " valueCoding valueString valueInteger valueDate valueTime valueReference ",
    [RH_ITEM_ATTACHMENT] = " valueAttachment ",
    [RH_ITEM_REFERENCE] = " valueReference ",
    [RH_ITEM_QUANTITY] = " valueQuantity ",
};

struct rh_text rh_form_answer_member(yyjson_val *answer, yyjson_val **ret)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(answer);
    *ret = NULL;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));)
        if (rh_text_starts(rh_json_text(key), "value")) {
            *ret = yyjson_obj_iter_get_val(key);
            return rh_json_text(key);
        }
    return (struct rh_text){"", 0};
}

bool rh_form_takes(const struct rh_form_item *item, yyjson_val *answer)
{
    yyjson_val *v;
    struct rh_text member = rh_form_answer_member(answer, &v);
    const char *all = members[item->type];
    char want[48] = " ";
    if (!all)
        return false;
    if (!member.len) /* without a value: unknown, refused, not applicable */
        return rh_form_extension(answer, RH_FHIR_EXT "data-absent-reason") != NULL;
    if (member.len > sizeof want - 3)
        return false;
    memcpy(want + 1, member.data, member.len);
    want[member.len + 1] = ' ';
    return strstr(all, want) != NULL;
}

/* {"url": …, "valueBoolean": true} among the extensions of an answer. */
yyjson_val *rh_form_mark_answer(struct rh_ctx *c, yyjson_val *answer, const char *url)
{
    struct rh_buf b = rh_buf(c->arena);
    size_t i, n;
    yyjson_val *key, *v, *list = NULL;
    yyjson_doc *doc;
    rh_buf_char(&b, '{');
    yyjson_obj_foreach (rh_some(answer), i, n, key, v) {
        if (rh_text_is(rh_json_text(key), "extension")) {
            list = v;
            continue;
        }
        rh_json_write(&b, key);
        rh_buf_char(&b, ':');
        rh_json_write(&b, v);
        rh_buf_char(&b, ',');
    }
    rh_buf_str(&b, "\"extension\":[");
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        if (rh_text_is(rh_json_get(v, "url"), url))
            continue;
        rh_json_write(&b, v);
        rh_buf_char(&b, ',');
    }
    rh_buf_printf(&b, "{\"url\":\"%s\",\"valueBoolean\":true}]}", url);
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    return rc ? NULL : yyjson_doc_get_root(doc);
}

enum rh_rc rh_form_array_of(struct rh_ctx *c, yyjson_val *const *answers, size_t n,
                            yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    yyjson_doc *doc;
    rh_buf_char(&b, '[');
    for (size_t i = 0; i < n; i++) {
        rh_buf_str(&b, i ? "," : "");
        rh_json_write(&b, answers[i]);
    }
    rh_buf_char(&b, ']');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static struct rh_form_node *find(struct rh_ctx *c, const struct rh_form_session *s,
                                 struct rh_text path)
{
    struct rh_form_node *n = rh_form_node_find(s, path);
    if (!n)
        rh_issue_add(c->issues, RH_NOTFOUND, NULL, "The form has nothing at \"%.*s\".",
                     RH_TEXT_ARG(rh_text_shown(path, 200)));
    return n;
}

static enum rh_rc check(struct rh_ctx *c, const struct rh_form_node *n, yyjson_val *answers)
{
    size_t i, max;
    yyjson_val *a, *v;
    if (n->item->type == RH_ITEM_GROUP || n->item->type == RH_ITEM_DISPLAY)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" is not a question.",
                            RH_TEXT_ARG(n->item->link));
    if (yyjson_arr_size(answers) > 1 && !n->item->repeats)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" takes one answer.",
                            RH_TEXT_ARG(n->item->link));
    yyjson_arr_foreach (rh_some(answers), i, max, a) {
        if (!rh_form_takes(n->item, a)) {
            struct rh_text member = rh_form_answer_member(a, &v);
            return rh_issue_add(c->issues, RH_VALUE, n->path.data,
                                "\"%.*s\" is a question of type %s; it does not take %.*s.",
                                RH_TEXT_ARG(n->item->link), rh_form_type_name(n->item->type),
                                RH_TEXT_ARG(member.len ? member : RH_TEXT("an empty answer")));
        }
        if (n->item->ask_each && rh_form_extension(a, RH_FORM_EXT "bulk-answer"))
            return rh_issue_add(c->issues, RH_RULE, n->path.data,
                                "\"%.*s\" must be asked by itself; no answer for many fills it.",
                                RH_TEXT_ARG(n->item->link));
    }
    return RH_OK;
}

static bool same_values(yyjson_val *a, yyjson_val *b)
{
    size_t n = yyjson_arr_size(a);
    if (n != yyjson_arr_size(b))
        return false;
    for (size_t i = 0; i < n; i++) {
        yyjson_val *va, *vb;
        struct rh_text ma = rh_form_answer_member(yyjson_arr_get(a, i), &va),
                       mb = rh_form_answer_member(yyjson_arr_get(b, i), &vb);
        if (!rh_text_eq(ma, mb) || !rh_form_same(va, vb))
            return false;
    }
    return true;
}

/* An answer to what is calculated takes the place of the calculation, and says so; clearing it
 * brings the calculation back. */
static enum rh_rc overrule(struct rh_ctx *c, struct rh_form_session *s, struct rh_form_node *n,
                           yyjson_val **answers)
{
    size_t count = yyjson_arr_size(*answers);
    if (n->read_only)
        return rh_issue_add(c->issues, RH_RULE, n->path.data,
                            "\"%.*s\" is calculated and cannot be overwritten.",
                            RH_TEXT_ARG(n->item->link));
    if (!n->overridden && same_values(*answers, n->answers))
        return RH_OK;
    n->overridden = count > 0;
    if (!count) {
        rh_form_queue(s, n->item->calculated);
        return RH_OK;
    }
    yyjson_val **marked = rh_arena_alloc(c->arena, count * sizeof(yyjson_val *));
    for (size_t i = 0; i < count && marked; i++) {
        marked[i] = rh_form_mark_answer(c, yyjson_arr_get(*answers, i), RH_FORM_EXT "overridden");
        if (!marked[i])
            return RH_NOMEM;
    }
    return marked ? rh_form_array_of(c, marked, count, answers) : RH_NOMEM;
}

enum rh_rc rh_form_answer(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path,
                          yyjson_val *answers)
{
    struct rh_form_node *n = find(c, s, path);
    yyjson_val *bare;
    bool changed;
    if (!n)
        return RH_NOTFOUND;
    rh_form_turn(c, s);
    enum rh_rc rc = rh_form_bare_answers(c, n, answers, &bare);
    if (!rc)
        rc = check(c, n, bare);
    if (!rc && n->item->calculated)
        rc = overrule(c, s, n, &bare);
    if (!rc) {
        n->calculated = n->item->calculated && !n->overridden;
        rc = rh_form_node_set(s, n, bare, &changed);
        if (rc)
            rh_issue_add(c->issues, rc, n->path.data, "The session has no room for more answers.");
    }
    return rc ? rc : rh_form_settle(c, s);
}

enum rh_rc rh_form_add(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path)
{
    struct rh_form_node *n = find(c, s, path), *more;
    if (!n)
        return RH_NOTFOUND;
    if (n->item->type != RH_ITEM_GROUP || !n->item->repeats)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" does not repeat.",
                            RH_TEXT_ARG(n->item->link));
    struct rh_form_slot_nodes *slot = rh_form_slot(s, n->parent, n->set, n->item);
    if (n->item->max_occurs && slot->count >= n->item->max_occurs)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" stands at most %u times.",
                            RH_TEXT_ARG(n->item->link), n->item->max_occurs);
    if (s->n_nodes + (n->item->end - n->item->number) > RH_FORM_NODES_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, n->path.data,
                            "The session has no room for more items.");
    rh_form_turn(c, s);
    enum rh_rc rc = rh_form_node_new(s, n->item, n->parent, n->set, &more);
    if (rc)
        return rc;
    for (unsigned i = 0; i < slot->count; i++) /* each says how many there are */
        rh_form_mark(s, slot->nodes[i], RH_MARK_SELF);
    return rh_form_start_values(c, s, more, false);
}

/* Forgets what is answered at a node and below it. */
static enum rh_rc clear(struct rh_form_session *s, struct rh_form_node *n)
{
    bool changed;
    enum rh_rc rc = RH_OK;
    if (n->item->type != RH_ITEM_GROUP) {
        n->overridden = false;
        if (n->item->calculated)
            rh_form_queue(s, n->item->calculated);
        rc = rh_form_node_set(s, n, NULL, &changed);
    }
    for (unsigned k = 0; k < n->n_sets && !rc; k++)
        for (unsigned i = 0; i < n->item->n_children && !rc; i++)
            for (unsigned j = 0; j < n->sets[k].slots[i].count && !rc; j++)
                rc = clear(s, n->sets[k].slots[i].nodes[j]);
    return rc;
}

enum rh_rc rh_form_remove(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path)
{
    struct rh_form_node *n = find(c, s, path);
    enum rh_rc rc = RH_OK;
    if (!n)
        return RH_NOTFOUND;
    if (n->item->type != RH_ITEM_GROUP)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" is not a group.",
                            RH_TEXT_ARG(n->item->link));
    struct rh_form_slot_nodes *slot = rh_form_slot(s, n->parent, n->set, n->item);
    rh_form_turn(c, s);
    if (slot->count > 1) {
        rh_form_node_remove(s, n);
        for (unsigned i = 0; i < slot->count; i++)
            rh_form_mark(s, slot->nodes[i], RH_MARK_SELF);
    } else {
        rc = clear(s, n);
    }
    return rc ? rc : rh_form_settle(c, s);
}

static enum rh_rc mark_all(void *user, struct rh_form_node *n)
{
    rh_form_mark(user, n, RH_MARK_SELF | RH_MARK_OPTIONS);
    return RH_OK;
}

enum rh_rc rh_form_language(struct rh_ctx *c, struct rh_form_session *s, struct rh_text language)
{
    struct rh_text copy = rh_text_copy(s->kept, language.data ? language : RH_TEXT(""));
    if (!copy.data)
        return RH_NOMEM;
    rh_form_turn(c, s);
    s->language = copy;
    s->generation++; /* texts of items */
    return rh_form_each(s, mark_all, s);
}
