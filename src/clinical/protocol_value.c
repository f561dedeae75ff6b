/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_value.c - slots and expressions of one person in one possible world, and what is missing
 * where they are empty. */
#include "clinical/protocol_int.h"

enum {
    VARIABLES_AT_HAND = 24,
    SUBSETS_OF = 4, /* so many unknown classes are tried both ways */
};

/* --- the world -------------------------------------------------------------------------------- */
/* The Patient as he would be, born on that day: what reads %patient sees no other birth date. */
static enum rh_rc patient_of(struct rh_run *r, int64_t day, yyjson_val **ret)
{
    size_t i, n;
    yyjson_doc *doc;
    yyjson_val *key, *v;
    char sep = '{';
    struct rh_buf b = rh_buf(r->c->arena);
    struct rh_text text = rh_day_print(r->c->arena, day);
    if (rh_text_eq(rh_json_get(r->patient, "birthDate"), text)) {
        *ret = r->patient;
        return RH_OK;
    }
    yyjson_obj_foreach (r->patient, i, n, key, v) {
        rh_buf_char(&b, sep);
        rh_buf_json(&b, rh_json_text(key));
        rh_buf_char(&b, ':');
        if (rh_text_is(rh_json_text(key), "birthDate"))
            rh_buf_json(&b, text);
        else
            rh_json_write(&b, v);
        sep = ',';
    }
    if (!yyjson_obj_get(r->patient, "birthDate"))
        rh_buf_printf(&b, "%c\"birthDate\":\"%.*s\"", sep, RH_TEXT_ARG(text));
    rh_buf_char(&b, '}');
    if (b.rc)
        return b.rc;
    enum rh_rc rc = rh_json_parse(r->c->arena, r->c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc give(struct rh_run *r, unsigned slot, struct rh_fp_item item)
{
    struct rh_fp_item *one = rh_arena_alloc(r->c->arena, sizeof *one);
    if (!one)
        return RH_NOMEM;
    *one = item;
    r->values[slot] = (struct rh_value){.list = {one, 1, 1}, .done = true};
    return RH_OK;
}

static struct rh_fp_item date_item(const struct rh_fp_time *t)
{
    return (struct rh_fp_item){.kind = RH_FP_DATE, .time = t};
}

static enum rh_rc give_birth(struct rh_run *r, unsigned world, yyjson_val **patient)
{
    const struct rh_birth *b = &r->result->birth;
    char day[RH_DAY_SIZE];
    if (!b->n) {
        r->values[r->set->birth_slot] = (struct rh_value){.done = true};
        return RH_OK;
    }
    struct rh_fp_time *t = rh_arena_zero(r->c->arena, sizeof *t);
    struct rh_text text = rh_day_print(r->c->arena, b->days[world]);
    if (!t || !text.data)
        return RH_NOMEM;
    memcpy(day, text.data, sizeof day);
    t->year = (day[0] - '0') * 1000 + (day[1] - '0') * 100 + (day[2] - '0') * 10 + day[3] - '0';
    t->month = (unsigned char)((day[5] - '0') * 10 + day[6] - '0');
    t->day = (unsigned char)((day[8] - '0') * 10 + day[9] - '0');
    t->precision = RH_DAY;
    enum rh_rc rc = give(r, r->set->birth_slot, date_item(t));
    if (!rc && (b->n > 1 || !yyjson_obj_get(r->patient, "birthDate")))
        rc = patient_of(r, b->days[world], patient);
    return rc;
}

enum rh_rc rh_world_begin(struct rh_run *r, unsigned world)
{
    yyjson_val *patient = r->patient;
    r->world = world;
    for (unsigned i = 0; world && i < r->set->n_slots; i++)
        if (r->set->slots[i].birth)
            r->values[i] = (struct rh_value){.done = false};
    enum rh_rc rc = give_birth(r, world, &patient);
    if (!rc && !world)
        rc = give(r, r->set->date_slot, date_item(&r->set->date_time));
    if (!rc)
        rc = give(r, r->set->patient_slot, rh_fp_resource(patient, false));
    return rc;
}

/* --- expressions ------------------------------------------------------------------------------ */
/* Evaluates over the values of the slots that it reads. An expression that fails is empty, and
 * *problem says why. */
static enum rh_rc evaluate(struct rh_run *r, const struct rh_rule_expression *e,
                           const unsigned *slots, struct rh_fp_list *ret, uint64_t *labels,
                           const char **problem)
{
    struct rh_fp_variable at_hand[VARIABLES_AT_HAND], *variables = at_hand;
    struct rh_issues found;
    struct rh_ctx own = *r->c;
    if (e->n_reads > VARIABLES_AT_HAND)
        variables = rh_arena_alloc(r->c->arena, e->n_reads * sizeof *variables);
    if (!variables)
        return RH_NOMEM;
    for (unsigned i = 0; i < e->n_reads; i++) {
        struct rh_value *v;
        enum rh_rc rc = rh_slot_value(r, slots[i], &v);
        if (rc)
            return rc;
        variables[i] = (struct rh_fp_variable){.name = e->reads[i].name, .value = v->list};
        *labels |= v->labels;
    }
    struct rh_fp_input in = {.empty = true, .variables = variables, .n_variables = e->n_reads};
    rh_issues_init(&found, own.arena);
    own.issues = &found;
    own.steps = r->c->steps;
    enum rh_rc rc = rh_fp_eval(&own, e->fp, &in, ret);
    r->c->steps = own.steps;
    if (!rc || rc == RH_NOMEM || rc == RH_TIMEOUT)
        return rc;
    *ret = (struct rh_fp_list){NULL, 0, 0};
    *problem = found.count ? found.rows[0].text : rh_rc_text(rc);
    return RH_OK;
}

static enum rh_rc lookup(struct rh_run *r, const struct rh_fact_lookup *l,
                         const struct rh_fp_list *key, struct rh_value *ret)
{
    struct rh_text code = {NULL, 0}, type = {NULL, 0};
    if (key->count == 1 && key->items[0].kind == RH_FP_STRING)
        code = key->items[0].text;
    else if (key->count == 1 && key->items[0].kind == RH_FP_NODE)
        code = rh_json_text(key->items[0].node.value);
    yyjson_val *row = code.len ? rh_lookup_row(l, code) : NULL;
    yyjson_val *value = row ? rh_concept_property(row, l->property, "", &type) : NULL;
    char name[32];
    if (!value || !type.len || type.len >= sizeof name)
        return RH_OK; /* no figure: it cannot be computed */
    memcpy(name, type.data, type.len);
    name[type.len] = 0;
    const struct rh_type *known = rh_type_find(type); /* "Coding" */
    if (name[0] >= 'A' && name[0] <= 'Z' && !known)
        name[0] = (char)(name[0] + ('a' - 'A'));
    known = known ? known : rh_type_find((struct rh_text){name, type.len});
    struct rh_fp_item *one = rh_arena_alloc(r->c->arena, sizeof *one);
    if (!one)
        return RH_NOMEM;
    *one = rh_fp_node(known, value, NULL);
    ret->list = (struct rh_fp_list){one, 1, 1};
    ret->row = row;
    return RH_OK;
}

enum rh_rc rh_slot_value(struct rh_run *r, unsigned slot, struct rh_value **ret)
{
    const struct rh_slot *s = &r->set->slots[slot];
    struct rh_value *v = &r->values[slot];
    struct rh_fp_list list = {NULL, 0, 0};
    enum rh_rc rc = RH_OK;
    *ret = v;
    if (v->done)
        return RH_OK;
    v->done = true;
    if (!s->name->expression)
        return RH_OK;
    rc = evaluate(r, s->name->expression, s->reads, &list, &v->labels, &v->problem);
    if (rc)
        return rc;
    if (s->kind == RH_NAME_LOOKUP)
        return lookup(r, &s->name->facts->lookups[s->name->index], &list, v);
    v->list = list;
    return RH_OK;
}

/* --- what is missing -------------------------------------------------------------------------- */
bool rh_missing_add(struct rh_arena *a, struct rh_missing_list *l, struct rh_missing m)
{
    for (size_t i = 0; i < l->count; i++)
        if (rh_text_eq(l->rows[i].name->name, m.name->name) &&
            rh_text_eq(l->rows[i].member, m.member))
            return true;
    if (l->count == l->cap) {
        struct rh_missing *more = rh_arena_grow(a, l->rows, &l->cap, l->count + 1, sizeof *more);
        if (!more)
            return false;
        l->rows = more;
    }
    l->rows[l->count++] = m;
    return true;
}

static bool add_missing(struct rh_run *r, struct rh_missing_list *l, const struct rh_slot *s,
                        struct rh_text member)
{
    return rh_missing_add(r->c->arena, l, (struct rh_missing){s->name, member});
}

static bool is_missing(struct rh_run *r, const struct rh_read *read, unsigned slot)
{
    const struct rh_value *v = &r->values[slot];
    if (r->set->slots[slot].kind != RH_NAME_PATIENT)
        return v->list.count == 0 || v->n_unknown;
    return read->member.len && v->list.count == 1 &&
           !yyjson_obj_getn(v->list.items[0].node.value, read->member.data, read->member.len);
}

/* What of that which the expression reads is not there; *found: there is some, named before or not.
 * `vague`: nothing was found so; then all facts that it reads say too little. Everything is
 * evaluated already. Depth: as names go. False: no memory. */
static bool collect(struct rh_run *r, const struct rh_rule_expression *e, const unsigned *slots,
                    bool vague, unsigned char *seen, struct rh_missing_list *l, bool *found)
{
    const struct rh_text none = {NULL, 0};
    for (unsigned i = 0; i < e->n_reads; i++) {
        const struct rh_slot *s = &r->set->slots[slots[i]];
        const struct rh_value *v = &r->values[slots[i]];
        bool fact = s->kind == RH_NAME_FACT || s->kind == RH_NAME_BIRTH, below = false;
        if (e->reads[i].soft ||
            (vague ? s->kind != RH_NAME_FACT : !is_missing(r, &e->reads[i], slots[i])))
            continue;
        *found = true; /* the slot itself, or what is below it */
        if (seen[slots[i]])
            continue;
        seen[slots[i]] = 1;
        if (s->name->expression &&
            !collect(r, s->name->expression, s->reads, false, seen, l, &below))
            return false;
        for (size_t k = 0; k < v->missing.count; k++)
            if (!rh_missing_add(r->c->arena, l, v->missing.rows[k]))
                return false;
        bool itself = fact || s->kind == RH_NAME_PATIENT || (s->name->expression && !below);
        if (itself && !add_missing(r, l, s, s->kind == RH_NAME_PATIENT ? e->reads[i].member : none))
            return false;
    }
    return true;
}

static enum rh_rc name_missing(struct rh_run *r, const struct rh_rule_expression *e,
                               const unsigned *slots, struct rh_missing_list *l)
{
    bool found = false;
    unsigned char *seen = rh_arena_zero(r->c->arena, r->set->n_slots + 1);
    if (!seen || !collect(r, e, slots, false, seen, l, &found))
        return RH_NOMEM;
    if (!found && !collect(r, e, slots, true, seen, l, &found))
        return RH_NOMEM;
    return RH_OK;
}

/* --- conditions ------------------------------------------------------------------------------- */
static enum rh_outcome truth(const struct rh_fp_list *l, const char **problem)
{
    if (l->count == 0)
        return RH_OUTCOME_UNKNOWN;
    if (l->count > 1) {
        *problem = "the condition gives more than one value";
        return RH_OUTCOME_UNKNOWN;
    }
    const struct rh_fp_item *i = &l->items[0];
    if (i->kind == RH_FP_BOOLEAN)
        return i->boolean ? RH_OUTCOME_YES : RH_OUTCOME_NO;
    if (i->kind == RH_FP_NODE && yyjson_is_bool(i->node.value))
        return yyjson_get_bool(i->node.value) ? RH_OUTCOME_YES : RH_OUTCOME_NO;
    if (i->kind == RH_FP_NODE && !i->node.value)
        return RH_OUTCOME_UNKNOWN; /* an element that only says why it has no value */
    return RH_OUTCOME_YES;
}

static unsigned *map_reads(struct rh_run *r, const struct rh_set_protocol *p,
                           const struct rh_rule_expression *e, unsigned *at_hand)
{
    unsigned *slots = e->n_reads <= VARIABLES_AT_HAND
                          ? at_hand
                          : rh_arena_alloc(r->c->arena, e->n_reads * sizeof *slots);
    for (unsigned i = 0; slots && i < e->n_reads; i++)
        slots[i] = p->slots[e->names[i]];
    return slots;
}

/* The classes that are known to hold, and those of the unknown ones that `mask` says. */
static enum rh_rc give_classes(struct rh_run *r, struct rh_value *v, size_t n_known, unsigned mask)
{
    struct rh_fp_item *items =
        rh_arena_alloc(r->c->arena, (n_known + v->n_unknown + 1) * sizeof *items);
    if (!items)
        return RH_NOMEM;
    if (n_known)
        memcpy(items, v->list.items, n_known * sizeof *items);
    size_t n = n_known;
    for (unsigned i = 0; i < v->n_unknown && i < 32; i++)
        if (mask >> i & 1)
            items[n++] = (struct rh_fp_item){.kind = RH_FP_STRING, .text = v->unknown[i]};
    v->list = (struct rh_fp_list){items, n, n};
    return RH_OK;
}

/* A condition over classes some of which are not known: it holds when it does whichever of them
 * hold. */
static enum rh_rc over_classes(struct rh_run *r, const struct rh_set_protocol *p,
                               const struct rh_rule_expression *e, const unsigned *slots,
                               uint64_t *labels, const char **problem, enum rh_outcome *ret)
{
    struct rh_value *v = &r->values[p->classes], kept = *v;
    enum rh_rc rc = RH_OK;
    *ret = RH_OUTCOME_UNKNOWN;
    for (unsigned mask = 0; v->n_unknown <= SUBSETS_OF && mask < 1u << v->n_unknown && !rc;
         mask++) {
        struct rh_fp_list list;
        rc = give_classes(r, v, kept.list.count, mask);
        if (!rc)
            rc = evaluate(r, e, slots, &list, labels, problem);
        enum rh_outcome one = rc ? RH_OUTCOME_UNKNOWN : truth(&list, problem);
        if (mask && one != *ret)
            one = RH_OUTCOME_UNKNOWN;
        *ret = one;
        v->list = kept.list;
        if (one == RH_OUTCOME_UNKNOWN)
            break;
    }
    *v = kept;
    return rc;
}

static bool reads_unknown_classes(const struct rh_run *r, const struct rh_set_protocol *p,
                                  const struct rh_rule_expression *e, const unsigned *slots)
{
    for (unsigned i = 0; i < e->n_reads; i++)
        if (slots[i] == p->classes && r->values[p->classes].n_unknown)
            return true;
    return false;
}

enum rh_rc rh_rule_condition(struct rh_run *r, const struct rh_set_protocol *p,
                             const struct rh_rule_expression *e, struct rh_rule_world *w,
                             const char **problem, enum rh_outcome *ret)
{
    unsigned at_hand[VARIABLES_AT_HAND], *slots = map_reads(r, p, e, at_hand);
    struct rh_fp_list list;
    enum rh_rc rc;
    if (!slots)
        return RH_NOMEM;
    if (reads_unknown_classes(r, p, e, slots)) {
        rc = over_classes(r, p, e, slots, &w->labels, problem, ret);
    } else {
        rc = evaluate(r, e, slots, &list, &w->labels, problem);
        if (!rc)
            *ret = truth(&list, problem);
    }
    if (!rc && *ret == RH_OUTCOME_UNKNOWN)
        rc = name_missing(r, e, slots, &w->missing);
    return rc;
}

enum rh_rc rh_rule_date(struct rh_run *r, const struct rh_set_protocol *p,
                        const struct rh_rule_expression *e, struct rh_rule_world *w,
                        const char **problem, char ret[RH_DAY_SIZE])
{
    unsigned at_hand[VARIABLES_AT_HAND], *slots = map_reads(r, p, e, at_hand);
    struct rh_fp_list list;
    ret[0] = 0;
    if (!slots)
        return RH_NOMEM;
    enum rh_rc rc = evaluate(r, e, slots, &list, &w->labels, problem);
    if (rc || reads_unknown_classes(r, p, e, slots))
        return rc;
    if (list.count == 1 && rh_day_of_item(&list.items[0], ret))
        return RH_OK;
    if (list.count)
        *problem = "the date is no date";
    ret[0] = 0;
    return name_missing(r, e, slots, &w->missing);
}
