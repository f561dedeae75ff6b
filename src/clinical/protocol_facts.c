/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * protocol_facts.c - which resources of a person are which facts.
 *
 * Each resource is looked at once: its codes find the facts by the set's table. What was entered in
 * error, cancelled, not done or refuted counts for nothing; so does what is dated after the
 * assessment.
 */
#include "base/datetime.h"
#include "clinical/protocol_int.h"

#include <stdlib.h>

enum { MEMBERS_MAX = 200 };

/* A resource that is a fact. */
struct candidate {
    yyjson_val *resource;
    int64_t time_us, updated_us;
    uint64_t labels;
    unsigned number;
};

struct gathered {
    struct candidate *rows;
    size_t count, cap;
};

struct person {
    struct rh_run *r;
    struct rh_text subject; /* "Patient/1" */
    struct rh_text members[MEMBERS_MAX];
    unsigned n_members;
    struct gathered *facts; /* by slot */
};

/* The resource that is looked at. */
struct look {
    yyjson_val *resource;
    const struct rh_type *type;
    bool relative;
    uint64_t labels;
    bool permitted;
    unsigned number;
};

/* --- whose it is ------------------------------------------------------------------------------ */
/* "Patient/1", with an address before it, or "urn:uuid:1". */
static bool refers_to(struct rh_text reference, struct rh_text person)
{
    struct rh_text id = {person.data + 8, person.len - 8};
    if (reference.len == 9 + id.len && rh_text_starts(reference, "urn:uuid:"))
        return memcmp(reference.data + 9, id.data, id.len) == 0;
    if (reference.len < person.len ||
        memcmp(reference.data + reference.len - person.len, person.data, person.len) != 0)
        return false;
    return reference.len == person.len || reference.data[reference.len - person.len - 1] == '/';
}

static struct rh_text reference_of(yyjson_val *resource, bool *ret_there)
{
    yyjson_val *subject = yyjson_obj_get(resource, "subject");
    if (!subject)
        subject = yyjson_obj_get(resource, "patient");
    *ret_there = subject != NULL;
    return rh_json_get(subject, "reference");
}

static bool find_subject(struct person *p)
{
    const struct rh_protocol_input *in = p->r->in;
    struct rh_buf b = rh_buf(p->r->c->arena);
    for (size_t i = 0; i < in->n; i++) {
        yyjson_val *one = in->resources[i];
        if (!rh_text_is(rh_json_get(one, "resourceType"), "Patient"))
            continue;
        b.len = 0;
        rh_buf_str(&b, "Patient/");
        rh_buf_text(&b, rh_json_get(one, "id"));
        if (in->subject.len && !rh_text_eq(rh_buf_get(&b), in->subject))
            continue;
        p->subject = rh_text_copy(p->r->c->arena, rh_buf_get(&b));
        p->r->patient = one;
        p->r->result->subject = p->subject;
        return p->subject.data != NULL;
    }
    return false;
}

static bool is_household(yyjson_val *group)
{
    size_t i, n;
    yyjson_val *coding, *list = yyjson_obj_get(yyjson_obj_get(group, "code"), "coding");
    if (!rh_text_is(rh_json_get(group, "type"), "person") ||
        yyjson_is_false(yyjson_obj_get(group, "active")))
        return false;
    yyjson_arr_foreach (list, i, n, coding) {
        if (rh_text_is(rh_json_get(coding, "code"), "household"))
            return true;
    }
    return false;
}

static bool is_member_now(const struct person *p, yyjson_val *member)
{
    struct rh_text end = rh_json_get(yyjson_obj_get(member, "period"), "end");
    struct rh_text date = p->r->set->date;
    size_t n = end.len < date.len ? end.len : date.len;
    return !yyjson_is_true(yyjson_obj_get(member, "inactive")) &&
           (!end.len || memcmp(end.data, date.data, n) >= 0);
}

static void find_household(struct person *p)
{
    size_t i, n;
    for (size_t k = 0; k < p->r->in->n; k++) {
        yyjson_val *m, *group = p->r->in->resources[k], *list = yyjson_obj_get(group, "member");
        bool mine = false;
        if (!list || !rh_text_is(rh_json_get(group, "resourceType"), "Group") ||
            !is_household(group))
            continue;
        yyjson_arr_foreach (list, i, n, m)
            mine = mine ||
                   (is_member_now(p, m) &&
                    refers_to(rh_json_get(yyjson_obj_get(m, "entity"), "reference"), p->subject));
        if (!mine)
            continue;
        yyjson_arr_foreach (list, i, n, m) {
            struct rh_text reference = rh_json_get(yyjson_obj_get(m, "entity"), "reference");
            if (reference.len && p->n_members < MEMBERS_MAX && is_member_now(p, m) &&
                !refers_to(reference, p->subject))
                p->members[p->n_members++] = reference;
        }
    }
}

/* True: the person's own, or of a member of the household (*relative). */
static bool belongs(const struct person *p, yyjson_val *resource, bool *relative)
{
    bool there;
    struct rh_text reference = reference_of(resource, &there);
    *relative = false;
    if (!there || refers_to(reference, p->subject))
        return true;
    for (unsigned i = 0; i < p->n_members; i++) {
        const struct rh_text m = p->members[i];
        struct rh_text rest = m, part, last = m;
        while (rh_text_split(&rest, '/', &part))
            last = part;
        bool same = rh_text_eq(reference, m) ||
                    (rh_text_ends(reference, last.data) && reference.len > last.len &&
                     (reference.data[reference.len - last.len - 1] == '/' ||
                      reference.data[reference.len - last.len - 1] == ':'));
        if (same) {
            *relative = true;
            return true;
        }
    }
    return false;
}

/* --- whether it counts ------------------------------------------------------------------------ */
static bool is_void(yyjson_val *resource)
{
    static const char *const states[] = {"entered-in-error", "cancelled", "not-done"};
    size_t i, n;
    struct rh_text status = rh_json_get(resource, "status");
    yyjson_val *coding, *verification = yyjson_obj_get(resource, "verificationStatus");
    for (size_t k = 0; status.len && k < sizeof states / sizeof states[0]; k++)
        if (rh_text_is(status, states[k]))
            return true;
    yyjson_val *codings = yyjson_obj_get(verification, "coding");
    yyjson_arr_foreach (codings, i, n, coding) {
        struct rh_text code = rh_json_get(coding, "code");
        if (rh_text_is(code, "entered-in-error") || rh_text_is(code, "refuted"))
            return true;
    }
    return false;
}

static uint64_t labels_of(struct rh_run *r, yyjson_val *resource)
{
    size_t i, n;
    uint64_t bits = 0;
    struct rh_protocol_result *k = r->result;
    yyjson_val *coding, *list = yyjson_obj_get(yyjson_obj_get(resource, "meta"), "security");
    yyjson_arr_foreach (list, i, n, coding) {
        struct rh_text code = rh_label_code(coding);
        if (code.len)
            bits |= rh_label_bit(k->labels, &k->n_labels, code);
    }
    return bits;
}

/* --- dates ------------------------------------------------------------------------------------ */
/* What says when: in this order, the first that is there. */
static const char *const date_names[] = {
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "performedDateTime",
    "performedPeriod",
    "onsetDateTime",
    "onsetPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "startedDateTime",
    "started",
    "dateTime",
    "authoredOn",
    "period",
    "date",
    "issued",
    "recordedDate",
    "assertedDate",
    "dateAsserted",
    "created",
    "whenHandedOver",
    "whenPrepared",
    "collectedDateTime",
};

struct dated {
    struct rh_text start, end; /* of a period the end may be empty: it goes on */
    bool period;
};

static bool read_dated(yyjson_val *v, struct dated *ret)
{
    *ret = (struct dated){.start = rh_json_text(v), .period = yyjson_is_obj(v)};
    if (ret->period) {
        ret->start = rh_json_get(v, "start");
        ret->end = rh_json_get(v, "end");
    } else {
        ret->end = ret->start;
    }
    return ret->start.len || ret->end.len;
}

static bool date_of(yyjson_val *resource, struct rh_text path, struct dated *ret)
{
    size_t i, n, best = sizeof date_names / sizeof date_names[0];
    yyjson_val *key, *v, *found = NULL;
    yyjson_obj_foreach (resource, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (path.len) {
            if (name.len >= path.len && memcmp(name.data, path.data, path.len) == 0 &&
                read_dated(v, ret))
                return true;
            continue;
        }
        if (name.data[0] == 'r' && name.len == 12) /* resourceType */
            continue;
        for (size_t k = 0; k < best; k++)
            if (rh_text_is(name, date_names[k])) {
                best = k;
                found = v;
            }
    }
    return found && read_dated(found, ret);
}

/* Compares days as far as both are stated: -1, 0, 1. */
static int compare_days(struct rh_text a, struct rh_text day)
{
    size_t n = a.len < RH_DAY_SIZE - 1 ? a.len : RH_DAY_SIZE - 1;
    n = n < day.len ? n : day.len;
    int order = memcmp(a.data, day.data, n);
    return (order > 0) - (order < 0);
}

/* What is stated too vaguely to lie surely inside does not. */
static bool from_day(const struct dated *d, struct rh_text day)
{
    struct rh_text last = d->end;
    if (d->period && !last.len)
        return true; /* it goes on */
    int order = compare_days(last, day);
    return order > 0 || (order == 0 && last.len >= day.len);
}

static bool until_day(const struct dated *d, struct rh_text day)
{
    struct rh_text first = d->start.len ? d->start : d->end;
    int order = compare_days(first, day);
    return order < 0 || (order == 0 && first.len >= day.len);
}

static bool in_time(const struct rh_run *r, unsigned slot, const struct rh_fact *f, bool dated,
                    const struct dated *d)
{
    struct rh_text first = d->start.len ? d->start : d->end, earliest = r->set->earliest[slot];
    if (!dated)
        return !earliest.len && !f->start.len && !f->end.len;
    if (compare_days(first, r->set->date) > 0)
        return false;
    return (!earliest.len || from_day(d, earliest)) && (!f->start.len || from_day(d, f->start)) &&
           (!f->end.len || until_day(d, f->end));
}

static int64_t time_us(const struct rh_run *r, struct rh_text t)
{
    struct rh_datetime d;
    return rh_datetime_parse(t, RH_DATETIME, r->c->zone_minutes, &d) ? INT64_MIN : d.lo_us;
}

/* --- filters ---------------------------------------------------------------------------------- */
static bool coding_fits(yyjson_val *coding, yyjson_val *codes)
{
    size_t i, n;
    yyjson_val *one;
    bool bare = yyjson_is_str(coding);
    struct rh_text code = bare ? rh_json_text(coding) : rh_json_get(coding, "code");
    yyjson_arr_foreach (codes, i, n, one) {
        struct rh_text system = rh_json_get(one, "system");
        if (rh_text_eq(rh_json_get(one, "code"), code) &&
            (bare || !system.len || rh_text_eq(system, rh_json_get(coding, "system"))))
            return true;
    }
    return false;
}

/* A code, Coding, CodeableConcept, or an array of them. */
static bool value_fits(yyjson_val *v, yyjson_val *codes)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_is_arr(v) ? v : yyjson_obj_get(v, "coding");
    if (!list)
        return coding_fits(v, codes);
    yyjson_arr_foreach (list, i, n, one) {
        if (yyjson_is_arr(v) ? value_fits(one, codes) : coding_fits(one, codes))
            return true;
    }
    return false;
}

static enum rh_rc in_value_set(struct rh_run *r, yyjson_val *v, struct rh_text value_set, bool *ret)
{
    size_t i, n;
    yyjson_val *one;
    enum rh_rc rc = RH_OK;
    *ret = false;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, n, one) {
            rc = in_value_set(r, one, value_set, ret);
            if (rc || *ret)
                return rc;
        }
        return rc;
    }
    rc = r->c->host->member_of(r->c, v, value_set, ret);
    return rc == RH_NOMEM ? rc : RH_OK; /* what cannot be known is not found */
}

static enum rh_rc filter_holds(struct rh_run *r, yyjson_val *resource,
                               const struct rh_fact_filter *f, bool *ret)
{
    *ret = false;
    for (unsigned i = 0; i < f->n_elements && !*ret; i++) {
        yyjson_val *v = yyjson_obj_get(resource, f->elements[i]->name);
        if (!v)
            continue;
        *ret = f->codes && value_fits(v, f->codes);
        if (!*ret && f->value_set.len) {
            enum rh_rc rc = in_value_set(r, v, f->value_set, ret);
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

/* --- one resource ----------------------------------------------------------------------------- */
static enum rh_rc consider(struct person *p, const struct look *k, unsigned slot,
                           unsigned first_filter)
{
    struct rh_run *r = p->r;
    const struct rh_protocol_name *name = r->set->slots[slot].name;
    const struct rh_fact *f = &name->facts->facts[name->index];
    struct gathered *g = &p->facts[slot];
    struct dated d = {{NULL, 0}, {NULL, 0}, false};
    if (f->household != k->relative || (g->count && g->rows[g->count - 1].resource == k->resource))
        return RH_OK;
    for (unsigned i = first_filter; i < f->n_filters; i++) {
        bool holds;
        enum rh_rc rc = filter_holds(r, k->resource, &f->filters[i], &holds);
        if (rc || !holds)
            return rc;
    }
    bool dated = date_of(k->resource, f->date_path, &d);
    if (!in_time(r, slot, f, dated, &d))
        return RH_OK;
    if (!k->permitted) {
        r->values[slot].withheld = true;
        return RH_OK;
    }
    if (g->count == g->cap) {
        struct candidate *more =
            rh_arena_grow(r->c->arena, g->rows, &g->cap, g->count + 1, sizeof *more);
        if (!more)
            return RH_NOMEM;
        g->rows = more;
    }
    struct rh_text updated = rh_json_get(yyjson_obj_get(k->resource, "meta"), "lastUpdated");
    g->rows[g->count++] =
        (struct candidate){.resource = k->resource,
                           .time_us = dated ? time_us(r, d.start.len ? d.start : d.end) : INT64_MIN,
                           .updated_us = updated.len ? time_us(r, updated) : INT64_MIN,
                           .labels = k->relative ? k->labels << RH_RELATIVES_SHIFT : k->labels,
                           .number = k->number};
    return RH_OK;
}

static enum rh_rc look_up(struct person *p, const struct look *k, const struct rh_element *e,
                          yyjson_val *coding)
{
    const struct rh_protocol_set *s = p->r->set;
    struct rh_text system = rh_json_get(coding, "system"), code = rh_json_get(coding, "code");
    unsigned type = k->type->resource;
    for (uint64_t at = rh_fact_hash(type, e, system, code);; at++) {
        const struct rh_fact_entry *x = &s->table[at & s->table_mask];
        if (!x->type)
            return RH_OK;
        if (x->type != type || x->element != e || !rh_text_eq(x->code, code) ||
            !rh_text_eq(x->system, system))
            continue;
        for (unsigned i = 0; i < x->n_facts; i++) {
            enum rh_rc rc = consider(p, k, x->facts[i], 1);
            if (rc)
                return rc;
        }
        return RH_OK;
    }
}

static enum rh_rc look_at_codes(struct person *p, const struct look *k, const struct rh_element *e,
                                yyjson_val *v)
{
    size_t i, n;
    enum rh_rc rc = RH_OK;
    yyjson_val *one, *list = yyjson_is_arr(v) ? v : yyjson_obj_get(v, "coding");
    if (!list)
        return v ? look_up(p, k, e, v) : RH_OK;
    yyjson_arr_foreach (list, i, n, one) {
        rc = yyjson_is_arr(v) ? look_at_codes(p, k, e, one) : look_up(p, k, e, one);
        if (rc)
            return rc;
    }
    return rc;
}

static enum rh_rc look_at(struct person *p, yyjson_val *resource, unsigned number)
{
    const struct rh_protocol_set *s = p->r->set;
    const struct rh_type_facts *t = NULL;
    struct rh_text name = rh_json_get(resource, "resourceType");
    struct look k = {.resource = resource, .number = number};
    for (unsigned i = 0; i < s->n_types && !t; i++)
        if (rh_text_is(name, s->types[i].type->name))
            t = &s->types[i];
    if (!t || !belongs(p, resource, &k.relative) || is_void(resource))
        return RH_OK;
    k.type = t->type;
    k.labels = labels_of(p->r, resource);
    k.permitted = (k.labels & ~p->r->may_see) == 0;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < t->n_elements && !rc; i++)
        rc = look_at_codes(p, &k, t->elements[i], yyjson_obj_get(resource, t->elements[i]->name));
    for (unsigned i = 0; i < t->n_others && !rc; i++)
        rc = consider(p, &k, t->others[i], 0);
    return rc;
}

/* --- facts ------------------------------------------------------------------------------------ */
/* Newest first; of the same time the one that was stored last. */
static int newer(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? 1 : -1;
    if (x->updated_us != y->updated_us)
        return x->updated_us < y->updated_us ? 1 : -1;
    return x->number < y->number ? -1 : 1;
}

static enum rh_rc settle(struct person *p, unsigned slot)
{
    struct rh_run *r = p->r;
    const struct rh_protocol_name *name = r->set->slots[slot].name;
    const struct rh_fact *f = &name->facts->facts[name->index];
    struct gathered *g = &p->facts[slot];
    struct rh_value *v = &r->values[slot];
    v->done = true;
    if (g->count > 1)
        qsort(g->rows, g->count, sizeof *g->rows, newer);
    size_t n = f->limit && f->limit < g->count ? f->limit : g->count;
    v->list.items = n ? rh_arena_alloc(r->c->arena, n * sizeof *v->list.items) : NULL;
    if (n && !v->list.items)
        return RH_NOMEM;
    v->list.count = v->list.cap = n;
    for (size_t i = 0; i < n; i++) {
        const struct candidate *c = &g->rows[f->oldest_first ? g->count - 1 - i : i];
        v->list.items[i] = rh_fp_node(f->type, c->resource, NULL);
        v->labels |= c->labels;
    }
    return RH_OK;
}

enum rh_rc rh_person_read(struct rh_run *r)
{
    struct person *p = rh_arena_zero(r->c->arena, sizeof *p);
    if (!p)
        return RH_NOMEM;
    p->r = r;
    p->facts = rh_arena_zero(r->c->arena, (r->set->n_slots + 1) * sizeof *p->facts);
    if (!p->facts)
        return RH_NOMEM;
    if (!find_subject(p))
        return rh_issue_add(r->c->issues, RH_REQUIRED, NULL,
                            r->in->subject.len ? "%.*s is not among the resources."
                                               : "There is no Patient among the resources%.*s.",
                            RH_TEXT_ARG(r->in->subject.len ? r->in->subject : RH_TEXT("")));
    find_household(p);
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < r->in->n && !rc; i++)
        rc = look_at(p, r->in->resources[i], (unsigned)i);
    for (unsigned i = 0; i < r->set->n_slots && !rc; i++)
        if (r->set->slots[i].kind == RH_NAME_FACT)
            rc = settle(p, i);
    return rc;
}
