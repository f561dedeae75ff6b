/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * protocol_clearance.c - what follows from the rules of one protocol: expiry, clearance, next step.
 *
 * Cleared only when nothing is to be done, nothing holds and nothing is unknown. What the caller
 * may not see is taken into account by one thing only: the clearance then says to ask a clinician.
 */
#include "clinical/protocol_int.h"

#include <stdio.h>

struct verdict {
    struct rh_run *r;
    const struct rh_set_protocol *sp;
    struct rh_protocol_outcome *o;
    size_t reasons_cap;
    bool refused, unknown, expired, full;
};

static void reason(struct verdict *v, const char *kind, struct rh_text id)
{
    struct rh_arena *a = v->r->c->arena;
    const char **more =
        rh_arena_grow(a, v->o->reasons, &v->reasons_cap, v->o->n_reasons + 1, sizeof *more);
    const char *text = rh_arena_printf(a, "%s%s%.*s", kind, id.len ? ":" : "", RH_TEXT_ARG(id));
    v->full = v->full || !more || !text;
    if (v->full)
        return;
    v->o->reasons = more;
    more[v->o->n_reasons++] = text;
}

static void miss(struct verdict *v, const struct rh_missing_list *l)
{
    v->unknown = true;
    for (size_t i = 0; i < l->count; i++)
        if (!rh_missing_add(v->r->c->arena, &v->o->missing, l->rows[i]))
            v->full = true;
}

static bool sees(const struct verdict *v, uint64_t labels)
{
    return v->r->sees_all || (labels & ~v->r->may_see) == 0;
}

static const struct rh_rule *rule_at(const struct verdict *v, unsigned i)
{
    return &v->sp->protocol->rules[i];
}

/* --- what the caller may see ------------------------------------------------------------------ */
static void hide(struct verdict *v)
{
    for (unsigned i = 0; i < v->sp->protocol->n_rules; i++) {
        struct rh_rule_result *k = &v->o->rules[i];
        k->whole.labels |= v->sp->labels[i];
        k->hidden = !sees(v, v->sp->labels[i]);
        v->o->hidden = v->o->hidden || k->hidden;
    }
    for (unsigned i = 0; i < v->sp->n_facts; i++)
        v->o->hidden = v->o->hidden || v->r->values[v->sp->facts[i]].withheld;
}

/* --- expiry ----------------------------------------------------------------------------------- */
/* The earliest of the parts that apply. Unknown when one of them is, or none is. */
static void find_expiry(struct verdict *v)
{
    struct rh_protocol_outcome *o = v->o;
    bool any = false;
    o->expires_known = true;
    for (unsigned i = 0; i < v->sp->protocol->n_rules; i++) {
        const struct rh_rule_world *w = &o->rules[i].whole;
        if (rule_at(v, i)->part != RH_PART_VALIDITY)
            continue;
        any = true;
        if (o->rules[i].hidden) {
            o->expires_known = false;
            continue;
        }
        if (w->outcome == RH_OUTCOME_NO)
            continue;
        if (w->outcome != RH_OUTCOME_YES || !w->date[0]) {
            o->expires_known = false;
            miss(v, &w->missing);
            reason(v, "unknown", rule_at(v, i)->id);
        } else if (!o->expires[0] || strcmp(w->date, o->expires) < 0) {
            memcpy(o->expires, w->date, sizeof o->expires);
        }
    }
    if (o->expires[0] && memcmp(o->expires, v->r->set->date.data, RH_DAY_SIZE - 1) < 0) {
        v->refused = v->expired = true;
        reason(v, "expired", (struct rh_text){NULL, 0});
    }
    if (any && o->expires_known && !o->expires[0]) {
        o->expires_known = false; /* no part applies: for how long nobody can say */
        v->unknown = true;
        reason(v, "validity", (struct rh_text){NULL, 0});
    }
    if (!o->expires_known)
        o->expires[0] = 0;
}

/* --- rules ------------------------------------------------------------------------------------ */
static void weigh_item(struct verdict *v, unsigned i)
{
    static const char *const kinds[RH_ITEM_STATUSES] = {[RH_ITEM_REQUIRED] = "item",
                                                        [RH_ITEM_REPEAT] = "repeat",
                                                        [RH_ITEM_UNKNOWN] = "unknown",
                                                        [RH_ITEM_CHOICE] = "choice"};
    const struct rh_rule_world *w = &v->o->rules[i].whole;
    if (!kinds[w->status])
        return;
    reason(v, kinds[w->status], rule_at(v, i)->id);
    if (w->status == RH_ITEM_REQUIRED || w->status == RH_ITEM_REPEAT)
        v->refused = true;
    else
        miss(v, &w->missing);
}

static void weigh(struct verdict *v, unsigned i)
{
    const struct rh_rule *rule = rule_at(v, i);
    const struct rh_rule_world *w = &v->o->rules[i].whole;
    bool open = w->outcome == RH_OUTCOME_UNKNOWN || w->outcome == RH_OUTCOME_EITHER;
    if (v->o->rules[i].hidden)
        return;
    if (rule->part == RH_PART_ITEM) {
        weigh_item(v, i);
    } else if (rule->part == RH_PART_HOLD && w->outcome == RH_OUTCOME_YES) {
        v->refused = true;
        reason(v, "hold", rule->id);
    } else if (open && (rule->part == RH_PART_HOLD || rule->part == RH_PART_CLASS)) {
        miss(v, &w->missing);
        reason(v, "unknown", rule->id);
    }
}

static void weigh_states(struct verdict *v)
{
    const struct rh_protocol *p = v->sp->protocol;
    for (unsigned g = 0; g < p->n_groups; g++) {
        const struct rh_rule_group *group = &p->groups[g];
        if (group->part != RH_PART_STATE || v->o->state_known[g] == RH_OUTCOME_YES || !group->n ||
            v->o->rules[group->first].hidden)
            continue;
        for (unsigned i = group->first; i < group->first + group->n; i++)
            miss(v, &v->o->rules[i].whole.missing);
        reason(v, "unknown", group->id);
    }
}

/* --- the next step ---------------------------------------------------------------------------- */
static void step(struct verdict *v, const char *kind, struct rh_text id, const char *date)
{
    v->o->next_step =
        rh_arena_printf(v->r->c->arena, "%s%s%.*s", kind, id.len ? ":" : "", RH_TEXT_ARG(id));
    v->full = v->full || !v->o->next_step;
    memcpy(v->o->date, date && date[0] ? date : v->r->set->date.data, RH_DAY_SIZE - 1);
}

static bool is_to_do(enum rh_item_status s)
{
    return s == RH_ITEM_REQUIRED || s == RH_ITEM_REPEAT;
}

static bool step_of_items(struct verdict *v, bool to_do)
{
    const struct rh_protocol *p = v->sp->protocol;
    for (unsigned k = 0; k < p->n_items; k++) {
        const struct rh_rule_result *one = &v->o->rules[p->item_order[k]];
        const struct rh_rule *rule = &p->rules[p->item_order[k]];
        if (one->hidden ||
            (to_do ? !is_to_do(one->whole.status) : one->whole.status != RH_ITEM_CHOICE))
            continue;
        step(v, to_do ? "item" : "choose", rule->id, one->whole.date);
        return true;
    }
    return false;
}

static bool step_of_holds(struct verdict *v)
{
    for (unsigned i = 0; i < v->sp->protocol->n_rules; i++) {
        const struct rh_rule_result *one = &v->o->rules[i];
        if (rule_at(v, i)->part == RH_PART_HOLD && !one->hidden &&
            one->whole.outcome == RH_OUTCOME_YES) {
            step(v, "hold", rule_at(v, i)->id, one->whole.date);
            return true;
        }
    }
    return false;
}

static void find_step(struct verdict *v)
{
    const struct rh_missing_list *m = &v->o->missing;
    if (v->o->clearance.status == RH_CLEARED)
        step(v, "sign", (struct rh_text){NULL, 0}, NULL);
    else if (step_of_items(v, true) || step_of_items(v, false))
        return;
    else if (m->count)
        step(v, "answer", m->rows[0].name->name, NULL);
    else if (!step_of_holds(v))
        step(v, v->expired ? "renew" : "ask-clinician", (struct rh_text){NULL, 0}, NULL);
}

/* The caller learns that somebody has to be asked, by the first date that he may see. */
static void ask_clinician(struct verdict *v)
{
    struct rh_protocol_outcome *o = v->o;
    const char *first = NULL;
    for (unsigned i = 0; i < v->sp->protocol->n_rules; i++) {
        const struct rh_rule_result *one = &o->rules[i];
        if (!one->hidden && rule_at(v, i)->part == RH_PART_ITEM && is_to_do(one->whole.status) &&
            one->whole.date[0] && (!first || strcmp(one->whole.date, first) < 0))
            first = one->whole.date;
    }
    o->clearance = (struct rh_protocol_clearance){.status = RH_NOT_CLEARED, .hidden = true};
    step(v, "ask-clinician", (struct rh_text){NULL, 0}, first);
}

enum rh_rc rh_clearance_compute(struct rh_run *r, unsigned p)
{
    struct rh_protocol_outcome *o = &r->result->protocols[p];
    struct verdict v = {.r = r, .sp = &r->set->protocols[p], .o = o};
    const struct rh_protocol *protocol = v.sp->protocol;
    hide(&v);
    bool draft = protocol->about.draft;
    for (unsigned i = 0; i < protocol->n_rules; i++) {
        weigh(&v, i);
        /* without a draft that says no the outcome would be the same */
        draft = draft || (rule_at(&v, i)->draft && o->rules[i].whole.outcome != RH_OUTCOME_NO);
    }
    weigh_states(&v);
    find_expiry(&v);
    o->clearance.status =
        v.refused ? RH_NOT_CLEARED : (v.unknown ? RH_CLEARANCE_UNKNOWN : RH_CLEARED);
    o->clearance.draft = draft;
    o->clearance.expires = rh_text(o->expires);
    if (o->hidden)
        ask_clinician(&v);
    else
        find_step(&v);
    return v.full ? RH_NOMEM : RH_OK;
}

const char *rh_clearance_code(enum rh_clearance c)
{
    static const char *const codes[] = {[RH_CLEARED] = "cleared",
                                        [RH_NOT_CLEARED] = "not-cleared",
                                        [RH_CLEARANCE_UNKNOWN] = "cannot-compute"};
    return codes[c];
}

/* --- for who stores it ------------------------------------------------------------------------ */
enum rh_outcome rh_protocol_outcome(const struct rh_protocol_result *r, size_t p, size_t i)
{
    return r->protocols[p].rules[i].whole.outcome;
}

struct rh_protocol_clearance rh_protocol_clearance(const struct rh_protocol_result *r, size_t p)
{
    return r->protocols[p].clearance;
}

bool rh_protocol_to_do(const struct rh_protocol_result *r, size_t p, size_t i)
{
    return is_to_do(r->protocols[p].rules[i].whole.status);
}

bool rh_protocol_settled(const struct rh_protocol_result *r, size_t p, size_t i)
{
    enum rh_item_status s = r->protocols[p].rules[i].whole.status;
    return s == RH_ITEM_NOT_ASKED || s == RH_ITEM_DONE;
}

struct rh_text rh_protocol_date(const struct rh_protocol_result *r, size_t p, size_t i)
{
    return rh_text(r->protocols[p].rules[i].whole.date);
}

enum rh_rc rh_protocol_labels(struct rh_ctx *c, const struct rh_protocol_result *r, size_t p,
                              size_t i, struct rh_text **ret, size_t *ret_n)
{
    uint64_t bits = 0;
    const struct rh_protocol_outcome *o = &r->protocols[p];
    size_t n = r->set->protocols[p].protocol->n_rules;
    struct rh_text *all = rh_arena_alloc(c->arena, (r->n_labels + 1) * sizeof *all);
    if (!all)
        return RH_NOMEM;
    for (size_t k = 0; k < n; k++)
        if (i == SIZE_MAX || i == k)
            bits |= o->rules[k].whole.labels;
    bits |= bits >> RH_RELATIVES_SHIFT;
    if (bits >> RH_PROTOCOL_LABELS_MAX & 1)
        return rh_issue_add(c->issues, RH_TOOLARGE, NULL,
                            "The evaluation rests on more than %d different labels.",
                            RH_PROTOCOL_LABELS_MAX);
    *ret = all;
    *ret_n = 0;
    for (unsigned k = 0; k < r->n_labels; k++)
        if (bits >> k & 1)
            all[(*ret_n)++] = r->labels[k];
    return RH_OK;
}
