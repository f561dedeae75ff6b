/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_cover.c - which rules held in some case, and which did not hold in some other. */
#include "clinical/form_int.h"
#include "clinical/pack_case_int.h"

#include <stdio.h>

struct rh_cover *rh_cover_of(struct rh_runner *r, const void *of, size_t n)
{
    for (size_t i = 0; i < r->n_covers; i++)
        if (r->covers[i].of == of)
            return &r->covers[i];
    struct rh_cover *room =
        rh_arena_grow(r->arena, r->covers, &r->covers_cap, r->n_covers + 1, sizeof *r->covers);
    unsigned char *seen = rh_arena_zero(r->arena, n + 1);
    if (!room || !seen)
        return NULL;
    r->covers = room;
    r->covers[r->n_covers] = (struct rh_cover){of, seen, n};
    return &r->covers[r->n_covers++];
}

/* --- forms ------------------------------------------------------------------------------------ */

static bool has_condition(const struct rh_form_item *i)
{
    return i->n_when || i->enable;
}

static size_t rules_of_item(const struct rh_form_item *i)
{
    return (has_condition(i) ? 1 : 0) + i->n_constraints;
}

size_t rh_form_rules_count(const struct rh_form *f)
{
    size_t n = f->n_constraints;
    for (unsigned i = 0; i < f->n_items; i++)
        n += rules_of_item(&f->items[i]);
    return n;
}

static void say(const struct rh_form *f, const struct rh_cover *k, size_t number, struct rh_text id,
                const char *what, rh_case_rule_each *each, void *user)
{
    struct rh_case_rule rule = {.url = f->url,
                                .version = f->version,
                                .id = id,
                                .what = what,
                                .number = (unsigned)number,
                                .held = k->seen[number] & RH_SEEN_HELD,
                                .refused = k->seen[number] & RH_SEEN_REFUSED};
    each(user, &rule);
}

static void say_constraints(const struct rh_form *f, const struct rh_cover *k, size_t first,
                            struct rh_text id, const struct rh_form_constraint *list, unsigned n,
                            rh_case_rule_each *each, void *user)
{
    for (unsigned i = 0; i < n; i++) {
        char what[80];
        snprintf(what, sizeof what, "constraint %.60s", list[i].key.len ? list[i].key.data : "");
        say(f, k, first + i, id, what, each, user);
    }
}

void rh_form_rules_each(const struct rh_form *f, const struct rh_cover *k, rh_case_rule_each *each,
                        void *user)
{
    size_t at = 0;
    for (unsigned i = 0; i < f->n_items; i++) {
        const struct rh_form_item *item = &f->items[i];
        if (has_condition(item))
            say(f, k, at++, item->link, "enableWhen", each, user);
        say_constraints(f, k, at, item->link, item->constraints, item->n_constraints, each, user);
        at += item->n_constraints;
    }
    say_constraints(f, k, at, (struct rh_text){"", 0}, f->constraints, f->n_constraints, each,
                    user);
}

struct noting {
    struct rh_cover *cover;
    size_t *first; /* rule of each item */
};

/* A constraint that an answer keeps, held; one that an answer breaks, refused. */
static enum rh_rc note_node(void *user, struct rh_form_node *n)
{
    struct noting *t = user;
    unsigned char *seen = t->cover->seen + t->first[n->item->number];
    if (n->parent && !n->parent->reached)
        return RH_OK;
    if (has_condition(n->item))
        *seen++ |= n->enabled ? RH_SEEN_HELD : RH_SEEN_REFUSED;
    if (!n->reached)
        return RH_OK;
    for (unsigned i = 0; i < n->item->n_constraints; i++)
        if (n->failed & (uint64_t)1 << i)
            seen[i] |= RH_SEEN_REFUSED;
        else if (n->present)
            seen[i] |= RH_SEEN_HELD;
    return RH_OK;
}

enum rh_rc rh_form_rules_note(struct rh_ctx *c, struct rh_runner *r, struct rh_form_session *s)
{
    const struct rh_form *f = s->form;
    struct noting t = {rh_cover_of(r, f, rh_form_rules_count(f)), NULL};
    t.first = rh_arena_alloc(c->arena, (f->n_items + 1) * sizeof *t.first);
    size_t at = 0;
    if (!t.cover || !t.first)
        return RH_NOMEM;
    for (unsigned i = 0; i < f->n_items; i++) {
        t.first[i] = at;
        at += rules_of_item(&f->items[i]);
    }
    for (unsigned i = 0; i < f->n_constraints; i++)
        t.cover->seen[at + i] |= s->failed & (uint64_t)1 << i ? RH_SEEN_REFUSED : RH_SEEN_HELD;
    return rh_form_each(s, note_node, &t);
}

/* --- protocols and forms ---------------------------------------------------------------------- */

static enum rh_rc protocol_rules(struct rh_ctx *c, struct rh_runner *r,
                                 const struct rh_definition *d, rh_case_rule_each *each, void *user)
{
    const struct rh_protocol *p;
    enum rh_rc rc = rh_protocol_compile(c, d, &p);
    if (rc)
        return rc;
    struct rh_cover *k = rh_cover_of(r, p, rh_protocol_n_rules(p));
    if (!k)
        return RH_NOMEM;
    for (size_t i = 0; i < k->n; i++) {
        struct rh_protocol_rule rule = rh_protocol_rule(p, i);
        if (!rule.conditional)
            continue;
        const char *id =
            rh_arena_printf(c->arena, "%.*s/%.*s", RH_TEXT_ARG(rule.group), RH_TEXT_ARG(rule.id));
        if (!id)
            return RH_NOMEM;
        struct rh_case_rule said = {.url = d->url,
                                    .version = d->version,
                                    .id = rh_text(id),
                                    .what = "condition",
                                    .number = (unsigned)i,
                                    .held = k->seen[i] & RH_SEEN_HELD,
                                    .refused = k->seen[i] & RH_SEEN_REFUSED};
        each(user, &said);
    }
    return RH_OK;
}

enum rh_rc rh_runner_rules(struct rh_ctx *c, struct rh_runner *r, const struct rh_definition *d,
                           rh_case_rule_each *each, void *user)
{
    const struct rh_form *f;
    if (strcmp(d->type, "PlanDefinition") == 0)
        return protocol_rules(c, r, d, each, user);
    const char *canonical = rh_arena_printf(c->arena, "%.*s%s%.*s", RH_TEXT_ARG(d->url),
                                            d->version.len ? "|" : "", RH_TEXT_ARG(d->version));
    if (!canonical)
        return RH_NOMEM;
    enum rh_rc rc = rh_form_find(c, rh_text(canonical), &f);
    if (rc)
        return rc;
    struct rh_cover *k = rh_cover_of(r, f, rh_form_rules_count(f));
    if (!k)
        return RH_NOMEM;
    rh_form_rules_each(f, k, each, user);
    return RH_OK;
}
