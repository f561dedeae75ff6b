/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_outcome.c - all rules in each possible world, and what the worlds have in common. */
#include "clinical/protocol_int.h"

/* --- one rule in one world -------------------------------------------------------------------- */
struct turn {
    struct rh_run *r;
    const struct rh_set_protocol *sp;
    struct rh_protocol_outcome *out;
    struct rh_rule_world *rules; /* of this world */
    unsigned world;
};

/* Do all of them hold? No when one does not, whatever the others are. */
static enum rh_rc all_hold(struct turn *t, const struct rh_rule_expression *e, unsigned n,
                           struct rh_rule_world *w, const char **problem, enum rh_outcome *ret)
{
    *ret = RH_OUTCOME_YES;
    for (unsigned i = 0; i < n; i++) {
        enum rh_outcome one;
        enum rh_rc rc = rh_rule_condition(t->r, t->sp, &e[i], w, problem, &one);
        if (rc)
            return rc;
        if (one == RH_OUTCOME_UNKNOWN)
            *ret = one;
        if (one == RH_OUTCOME_NO) {
            *ret = one;
            w->missing.count = 0;
            return RH_OK;
        }
    }
    return RH_OK;
}

static enum rh_item_status status_of(const struct rh_rule_world *w)
{
    if (w->outcome == RH_OUTCOME_NO)
        return RH_ITEM_NOT_ASKED;
    if (w->stopped == RH_OUTCOME_YES)
        return RH_ITEM_DONE; /* whether it is asked or not, nothing is to be done */
    return w->outcome == RH_OUTCOME_YES ? RH_ITEM_REQUIRED : RH_ITEM_UNKNOWN;
}

static enum rh_rc run_rule(struct turn *t, unsigned i)
{
    const struct rh_rule *rule = &t->sp->protocol->rules[i];
    struct rh_rule_world *w = &t->rules[i];
    const char **problem = &t->out->rules[i].why_unknown;
    if (t->world && !rule->birth) {
        *w = t->out->worlds[0][i];
        return RH_OK;
    }
    enum rh_rc rc = all_hold(t, rule->conditions, rule->n_conditions, w, problem, &w->outcome);
    if (rc || w->outcome == RH_OUTCOME_NO)
        return rc;
    if (rule->part == RH_PART_ITEM && rule->n_stops) {
        struct rh_missing_list before = w->missing;
        struct rh_rule_world stop = {.missing = {NULL, 0, 0}};
        rc = all_hold(t, rule->stops, rule->n_stops, &stop, problem, &w->stopped);
        w->labels |= stop.labels;
        w->missing = w->outcome == RH_OUTCOME_YES ? stop.missing : before;
        if (w->stopped == RH_OUTCOME_YES)
            w->missing.count = 0;
    }
    if (rule->part == RH_PART_ITEM)
        w->status = status_of(w);
    if (rc || !rule->date || w->status == RH_ITEM_DONE)
        return rc;
    /* That a due date cannot be computed does not make the rule unknown; of a validity it does. */
    size_t count = w->missing.count;
    rc = rh_rule_date(t->r, t->sp, rule->date, w, problem, w->date);
    if (rule->part != RH_PART_VALIDITY)
        w->missing.count = count;
    return rc;
}

/* --- groups in one world ---------------------------------------------------------------------- */
static enum rh_rc append(struct turn *t, struct rh_fp_list *l, struct rh_text id)
{
    struct rh_fp_item *more =
        rh_arena_grow(t->r->c->arena, l->items, &l->cap, l->count + 1, sizeof *more);
    if (!more)
        return RH_NOMEM;
    l->items = more;
    l->items[l->count++] = (struct rh_fp_item){.kind = RH_FP_STRING, .text = id};
    return RH_OK;
}

/* The first state that holds while all before it do not. */
static enum rh_rc run_state(struct turn *t, unsigned g)
{
    const struct rh_protocol *p = t->sp->protocol;
    const struct rh_rule_group *group = &p->groups[g];
    struct rh_value *v = &t->r->values[t->sp->slots[group->name]];
    const struct rh_text **states = t->out->states + (size_t)t->world * p->n_groups;
    bool unknown = false;
    if (t->world && !p->names[group->name].birth) {
        memcpy(&t->rules[group->first], &t->out->worlds[0][group->first],
               group->n * sizeof t->rules[0]);
        states[g] = t->out->states[g];
        return RH_OK;
    }
    *v = (struct rh_value){.done = true};
    for (unsigned i = group->first; i < group->first + group->n; i++) {
        struct rh_rule_world *w = &t->rules[i];
        const struct rh_rule *rule = &p->rules[i];
        if (states[g] || unknown) {
            w->outcome = unknown ? RH_OUTCOME_UNKNOWN : RH_OUTCOME_NO;
            continue;
        }
        enum rh_rc rc = all_hold(t, rule->conditions, rule->n_conditions, w,
                                 &t->out->rules[i].why_unknown, &w->outcome);
        if (rc)
            return rc;
        v->labels |= w->labels;
        unknown = w->outcome == RH_OUTCOME_UNKNOWN;
        if (unknown)
            v->missing = w->missing;
        if (w->outcome == RH_OUTCOME_YES) {
            states[g] = &rule->id;
            rc = append(t, &v->list, rule->id);
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

static enum rh_rc note_class(struct turn *t, const struct rh_rule *rule,
                             const struct rh_rule_world *w)
{
    struct rh_arena *a = t->r->c->arena;
    struct rh_value *v = &t->r->values[t->sp->classes];
    v->done = true;
    v->labels |= w->labels;
    if (w->outcome == RH_OUTCOME_YES)
        return append(t, &v->list, rule->id);
    if (w->outcome != RH_OUTCOME_UNKNOWN)
        return RH_OK;
    struct rh_text *more = rh_arena_alloc(a, (v->n_unknown + 1) * sizeof *more);
    if (!more)
        return RH_NOMEM;
    if (v->n_unknown)
        memcpy(more, v->unknown, v->n_unknown * sizeof *more);
    more[v->n_unknown++] = rule->id;
    v->unknown = more;
    for (size_t i = 0; i < w->missing.count; i++)
        if (!rh_missing_add(a, &v->missing, w->missing.rows[i]))
            return RH_NOMEM;
    return RH_OK;
}

/* Items that are done are to be repeated when a part of the validity that names them has lapsed.
 * That it has not is said of it, too: so they inherit its labels in any case. */
static void lapse(struct turn *t)
{
    const struct rh_protocol *p = t->sp->protocol;
    for (unsigned i = 0; i < p->n_rules; i++) {
        const struct rh_rule_world *w = &t->rules[i];
        bool lapsed = p->rules[i].part == RH_PART_VALIDITY && w->outcome == RH_OUTCOME_YES &&
                      w->date[0] && memcmp(w->date, t->r->set->date.data, RH_DAY_SIZE - 1) < 0;
        for (unsigned k = 0; k < p->rules[i].n_repeats; k++) {
            struct rh_rule_world *item = &t->rules[p->rules[i].repeats[k]];
            item->labels |= w->labels;
            if (!lapsed || item->outcome == RH_OUTCOME_NO || item->status != RH_ITEM_DONE)
                continue;
            item->status = item->outcome == RH_OUTCOME_YES ? RH_ITEM_REPEAT : RH_ITEM_UNKNOWN;
        }
    }
}

static enum rh_rc run_world(struct turn *t)
{
    const struct rh_protocol *p = t->sp->protocol;
    enum rh_rc rc = RH_OK;
    for (unsigned g = 0; g < p->n_groups && !rc; g++) {
        const struct rh_rule_group *group = &p->groups[g];
        if (group->part == RH_PART_STATE) {
            rc = run_state(t, g);
            continue;
        }
        bool again = !t->world || (t->sp->classes < t->r->set->n_slots &&
                                   t->r->set->slots[t->sp->classes].birth);
        for (unsigned i = group->first; i < group->first + group->n && !rc; i++) {
            rc = run_rule(t, i);
            if (!rc && group->part == RH_PART_CLASS && again)
                rc = note_class(t, &p->rules[i], &t->rules[i]);
        }
    }
    lapse(t);
    return rc;
}

/* --- what the worlds have in common ----------------------------------------------------------- */
static enum rh_outcome join_outcomes(const struct rh_protocol_outcome *o, unsigned n, unsigned i)
{
    bool yes = false, no = false, unknown = false;
    for (unsigned w = 0; w < n; w++) {
        enum rh_outcome one = o->worlds[w][i].outcome;
        yes = yes || one == RH_OUTCOME_YES;
        no = no || one == RH_OUTCOME_NO;
        unknown = unknown || one == RH_OUTCOME_UNKNOWN;
    }
    if (yes && no)
        return RH_OUTCOME_EITHER;
    if (unknown)
        return RH_OUTCOME_UNKNOWN;
    return yes ? RH_OUTCOME_YES : RH_OUTCOME_NO;
}

static enum rh_item_status join_statuses(const struct rh_protocol_outcome *o, unsigned n,
                                         unsigned i)
{
    unsigned seen = 0;
    for (unsigned w = 0; w < n; w++)
        seen |= 1u << o->worlds[w][i].status;
    const unsigned nothing = 1u << RH_ITEM_NOT_ASKED | 1u << RH_ITEM_DONE;
    const unsigned to_do = 1u << RH_ITEM_REQUIRED | 1u << RH_ITEM_REPEAT;
    if ((seen & (seen - 1)) == 0)
        return o->worlds[0][i].status;
    if ((seen & ~nothing) == 0)
        return RH_ITEM_DONE;
    if ((seen & to_do) == 0)
        return RH_ITEM_UNKNOWN;
    return (seen & ~to_do) == 0 ? RH_ITEM_REQUIRED : RH_ITEM_CHOICE;
}

static enum rh_rc join_rule(struct turn *t, unsigned n, unsigned i)
{
    const struct rh_protocol_outcome *o = t->out;
    struct rh_rule_world *whole = &t->out->rules[i].whole;
    *whole = o->worlds[0][i];
    if (n < 2)
        return RH_OK;
    whole->outcome = join_outcomes(o, n, i);
    whole->status = join_statuses(o, n, i);
    whole->missing = (struct rh_missing_list){NULL, 0, 0};
    for (unsigned w = 0; w < n; w++) {
        const struct rh_rule_world *one = &o->worlds[w][i];
        whole->labels |= one->labels;
        if (one->outcome != RH_OUTCOME_NO && strcmp(one->date, whole->date) != 0)
            whole->date[0] = 0;
        for (size_t k = 0; k < one->missing.count; k++)
            if (!rh_missing_add(t->r->c->arena, &whole->missing, one->missing.rows[k]))
                return RH_NOMEM;
    }
    return RH_OK;
}

static void join_states(struct turn *t, unsigned n)
{
    const struct rh_protocol *p = t->sp->protocol;
    struct rh_protocol_outcome *o = t->out;
    for (unsigned g = 0; g < p->n_groups; g++) {
        enum rh_outcome known = RH_OUTCOME_YES;
        for (unsigned w = 0; w < n; w++) {
            const struct rh_text *one = o->states[(size_t)w * p->n_groups + g];
            if (!one)
                known = RH_OUTCOME_UNKNOWN;
            else if (one != o->states[g] && known == RH_OUTCOME_YES)
                known = RH_OUTCOME_EITHER;
        }
        o->state_known[g] = known;
    }
}

/* --- all -------------------------------------------------------------------------------------- */
static enum rh_rc make_room(struct rh_run *r, unsigned n, unsigned p)
{
    struct rh_arena *a = r->c->arena;
    const struct rh_protocol *protocol = r->set->protocols[p].protocol;
    struct rh_protocol_outcome *o = &r->result->protocols[p];
    o->worlds = rh_arena_zero(a, n * sizeof *o->worlds);
    o->rules = rh_arena_zero(a, (protocol->n_rules + 1) * sizeof *o->rules);
    o->states = rh_arena_zero(a, ((size_t)n * protocol->n_groups + 1) * sizeof *o->states);
    o->state_known = rh_arena_zero(a, (protocol->n_groups + 1) * sizeof *o->state_known);
    if (!o->worlds || !o->rules || !o->states || !o->state_known)
        return RH_NOMEM;
    for (unsigned w = 0; w < n; w++) {
        o->worlds[w] = rh_arena_zero(a, (protocol->n_rules + 1) * sizeof **o->worlds);
        if (!o->worlds[w])
            return RH_NOMEM;
    }
    return RH_OK;
}

enum rh_rc rh_rules_evaluate(struct rh_run *r)
{
    unsigned n = r->result->birth.n ? r->result->birth.n : 1;
    enum rh_rc rc = RH_OK;
    for (unsigned p = 0; p < r->set->n_protocols && !rc; p++)
        rc = make_room(r, n, p);
    for (unsigned w = 0; w < n && !rc; w++) {
        rc = rh_world_begin(r, w);
        for (unsigned p = 0; p < r->set->n_protocols && !rc; p++) {
            struct turn t = {r, &r->set->protocols[p], &r->result->protocols[p], NULL, w};
            t.rules = t.out->worlds[w];
            rc = run_world(&t);
        }
    }
    for (unsigned p = 0; p < r->set->n_protocols && !rc; p++) {
        struct turn t = {r, &r->set->protocols[p], &r->result->protocols[p], NULL, 0};
        for (unsigned i = 0; i < t.sp->protocol->n_rules && !rc; i++)
            rc = join_rule(&t, n, i);
        join_states(&t, n);
    }
    return rc;
}
