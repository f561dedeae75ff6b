/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_bulk.c - one answer for many questions ("all others normal").
 *
 * It never fills what has to be asked by itself (ask-each), and each answer that it gives is
 * marked, so that a reader knows that the question was not put.
 */
#include "clinical/form_int.h"

struct bulk {
    struct rh_ctx *c;
    struct rh_form_session *s;
    yyjson_val *answer;
    struct rh_form_node **found;
    size_t n, cap;
};

bool rh_form_bulk_may(const struct rh_form_node *n)
{
    const struct rh_form_item *item = n->item;
    return item->type != RH_ITEM_GROUP && item->type != RH_ITEM_DISPLAY && !item->ask_each &&
           !item->hidden && !item->calculated && !n->read_only;
}

/* Is the answer one of the options, where the question has options? */
static enum rh_rc fits(struct bulk *b, const struct rh_form_node *n, bool *ret)
{
    const struct rh_form_option *o;
    unsigned count;
    bool known;
    yyjson_val *v;
    struct rh_text member = rh_form_answer_member(b->answer, &v);
    *ret = rh_form_takes(n->item, b->answer);
    if (!*ret || (n->item->type != RH_ITEM_CHOICE && n->item->type != RH_ITEM_OPEN_CHOICE) ||
        !member.len)
        return RH_OK;
    enum rh_rc rc = rh_form_options(b->c, b->s, n, &o, &count, &known);
    *ret = false;
    for (unsigned i = 0; i < count && !rc && !*ret; i++) {
        if (o[i].disabled || !rh_text_eq(o[i].member, member))
            continue;
        *ret = yyjson_is_obj(v)
                   ? rh_text_eq(rh_json_get(v, "code"), rh_json_get(o[i].value, "code")) &&
                         rh_text_eq(rh_json_get(v, "system"), rh_json_get(o[i].value, "system"))
                   : rh_form_same(v, o[i].value);
    }
    return rc;
}

static enum rh_rc gather(struct bulk *b, struct rh_form_node *n)
{
    bool fit = false;
    enum rh_rc rc = RH_OK;
    if (!n->reached)
        return RH_OK;
    if (rh_form_bulk_may(n) && !n->n_answers)
        rc = fits(b, n, &fit);
    if (fit) {
        struct rh_form_node **grown =
            rh_arena_grow(b->c->arena, b->found, &b->cap, b->n + 1, sizeof(struct rh_form_node *));
        if (!grown)
            return RH_NOMEM;
        b->found = grown;
        b->found[b->n++] = n;
    }
    if (n->item->type != RH_ITEM_GROUP)
        return rc; /* what stands below an answer follows from that answer */
    for (unsigned i = 0; i < n->item->n_children && !rc; i++)
        for (unsigned j = 0; j < n->sets[0].slots[i].count && !rc; j++)
            rc = gather(b, n->sets[0].slots[i].nodes[j]);
    return rc;
}

enum rh_rc rh_form_bulk(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path,
                        yyjson_val *answer)
{
    struct rh_form_node *n = rh_form_node_find(s, path);
    struct bulk b = {.c = c, .s = s, .answer = answer};
    yyjson_val *one, *answers;
    if (!n)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL, "The form has nothing at \"%.*s\".",
                            RH_TEXT_ARG(rh_text_shown(path, 200)));
    if (n->item->type != RH_ITEM_GROUP)
        return rh_issue_add(c->issues, RH_VALUE, n->path.data, "\"%.*s\" is not a group.",
                            RH_TEXT_ARG(n->item->link));
    if (!yyjson_is_obj(answer))
        return rh_issue_add(c->issues, RH_STRUCTURE, n->path.data,
                            "An answer is an object, not %s.", rh_json_kind(answer));
    rh_form_turn(c, s);
    enum rh_rc rc = gather(&b, n);
    if (rc)
        return rc;
    one = rh_form_mark_answer(c, answer, RH_FORM_EXT "bulk-answer");
    rc = one ? rh_form_array_of(c, &one, 1, &answers) : RH_NOMEM;
    if (!rc)
        rc = rh_form_bare_answers(c, n, answers, &answers);
    for (size_t i = 0; i < b.n && !rc; i++) {
        bool changed;
        rc = rh_form_node_set(s, b.found[i], answers, &changed);
    }
    return rc ? rc : rh_form_settle(c, s);
}
