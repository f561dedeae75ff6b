/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_set.c - the names of all protocols of a set as slots, and the table by which resources
 * find the facts that they are. */
#include "base/datetime.h"
#include "clinical/protocol_int.h"

#include <limits.h>

enum { SLOTS_MAX = RH_PROTOCOL_SET_MAX * RH_PROTOCOL_NAMES_MAX };

struct layout {
    struct rh_ctx *c;
    struct rh_arena *a;
    struct rh_protocol_set *s;
    size_t slots_cap;
    enum rh_rc rc;
};

static void *list_of(struct layout *l, size_t n, size_t size)
{
    void *p = rh_arena_zero(l->a, (n + 1) * size);
    if (!p)
        l->rc = RH_NOMEM;
    return p;
}

/* --- labels ----------------------------------------------------------------------------------- */
uint64_t rh_label_bit(struct rh_text *labels, unsigned *n, struct rh_text code)
{
    for (unsigned i = 0; i < *n; i++)
        if (rh_text_eq(labels[i], code))
            return (uint64_t)1 << i;
    if (*n == RH_PROTOCOL_LABELS_MAX)
        return (uint64_t)1 << RH_PROTOCOL_LABELS_MAX; /* one that nobody is allowed to see */
    labels[*n] = code;
    return (uint64_t)1 << (*n)++;
}

struct rh_text rh_label_code(yyjson_val *coding)
{
    /* Levels of confidentiality that every carer may see (http://terminology.hl7.org). */
    static const char *const open[] = {"U", "L", "M", "N"};
    struct rh_text code = rh_json_get(coding, "code");
    if (!rh_text_ends(rh_json_get(coding, "system"), "/v3-Confidentiality"))
        return code;
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (rh_text_is(code, open[i]))
            return (struct rh_text){NULL, 0};
    return code;
}

static uint64_t labels_of_fact(struct layout *l, yyjson_val *json)
{
    size_t i, n;
    uint64_t bits = 0;
    yyjson_val *e, *list = yyjson_obj_get(json, "extension");
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text code = rh_label_code(yyjson_obj_get(e, "valueCoding"));
        if (rh_text_is(rh_json_get(e, "url"), RH_RIHLA_EXT "label") && code.len)
            bits |= rh_label_bit(l->s->labels, &l->s->n_labels, code);
    }
    return bits;
}

/* --- slots ------------------------------------------------------------------------------------ */
static bool same_slot(const struct rh_slot *s, const struct rh_protocol_name *n,
                      const unsigned *reads)
{
    if (s->kind != n->kind || s->name->facts != n->facts || s->name->index != n->index ||
        n->kind == RH_NAME_STATE || n->kind == RH_NAME_CLASSES)
        return false;
    return !n->expression || memcmp(s->reads, reads, n->expression->n_reads * sizeof *reads) == 0;
}

static unsigned new_slot(struct layout *l, const struct rh_protocol_name *n, unsigned *reads)
{
    struct rh_protocol_set *s = l->s;
    if (s->n_slots == l->slots_cap) {
        struct rh_slot *more =
            rh_arena_grow(l->a, s->slots, &l->slots_cap, s->n_slots + 1, sizeof *more);
        if (!more || s->n_slots == SLOTS_MAX) {
            l->rc = RH_NOMEM;
            return 0;
        }
        s->slots = more;
    }
    struct rh_slot *slot = &s->slots[s->n_slots++];
    *slot = (struct rh_slot){.kind = n->kind, .name = n, .reads = reads, .birth = n->birth};
    if (n->kind == RH_NAME_FACT)
        slot->labels = labels_of_fact(l, n->json);
    for (unsigned i = 0; n->expression && i < n->expression->n_reads; i++)
        slot->labels |= s->slots[reads[i]].labels;
    return s->n_slots - 1;
}

/* The slot of a name, made with those that it reads. As deep as names go (compiled: bounded). */
static unsigned slot_of(struct layout *l, struct rh_set_protocol *sp, unsigned name)
{
    const struct rh_protocol_name *n = &sp->protocol->names[name];
    unsigned *reads = NULL;
    if (sp->slots[name] != UINT_MAX)
        return sp->slots[name];
    if (n->expression) {
        reads = list_of(l, n->expression->n_reads, sizeof *reads);
        if (!reads)
            return 0;
        for (unsigned i = 0; i < n->expression->n_reads; i++)
            reads[i] = slot_of(l, sp, n->reads[i]);
    }
    for (unsigned i = 0; i < l->s->n_slots; i++)
        if (same_slot(&l->s->slots[i], n, reads))
            return sp->slots[name] = i;
    return sp->slots[name] = new_slot(l, n, reads);
}

/* --- a protocol of the set -------------------------------------------------------------------- */
static uint64_t labels_read(const struct layout *l, const struct rh_set_protocol *sp,
                            const struct rh_rule_expression *e, unsigned n)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < e[i].n_reads; k++)
            bits |= l->s->slots[sp->slots[e[i].names[k]]].labels;
    return bits;
}

static uint64_t labels_of_rule(struct layout *l, const struct rh_set_protocol *sp,
                               const struct rh_rule *r)
{
    uint64_t bits = labels_read(l, sp, r->conditions, r->n_conditions) |
                    labels_read(l, sp, r->stops, r->n_stops) |
                    labels_read(l, sp, r->date, r->date ? 1 : 0);
    for (unsigned i = 0; i < r->n_labels; i++)
        bits |= rh_label_bit(l->s->labels, &l->s->n_labels, r->labels[i]);
    return bits;
}

static void mark_facts(const struct rh_protocol_set *s, unsigned slot, unsigned char *marks)
{
    const struct rh_slot *one = &s->slots[slot];
    if (marks[slot])
        return;
    marks[slot] = 1;
    for (unsigned i = 0; one->name->expression && i < one->name->expression->n_reads; i++)
        mark_facts(s, one->reads[i], marks);
}

static void mark_expressions(const struct rh_protocol_set *s, const struct rh_set_protocol *sp,
                             const struct rh_rule_expression *e, unsigned n, unsigned char *marks)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < e[i].n_reads; k++)
            mark_facts(s, sp->slots[e[i].names[k]], marks);
}

static void find_facts(struct layout *l, struct rh_set_protocol *sp)
{
    const struct rh_protocol_set *s = l->s;
    unsigned char *marks = list_of(l, s->n_slots, 1);
    sp->facts = list_of(l, s->n_slots, sizeof *sp->facts);
    if (!marks || !sp->facts)
        return;
    for (unsigned i = 0; i < sp->protocol->n_rules; i++) {
        const struct rh_rule *r = &sp->protocol->rules[i];
        mark_expressions(s, sp, r->conditions, r->n_conditions, marks);
        mark_expressions(s, sp, r->stops, r->n_stops, marks);
        mark_expressions(s, sp, r->date, r->date ? 1 : 0, marks);
    }
    for (unsigned i = 0; i < s->n_slots; i++)
        if (marks[i] && s->slots[i].kind == RH_NAME_FACT)
            sp->facts[sp->n_facts++] = i;
}

/* The figures of tables that a rule stands on: slots. */
static void find_figures(struct layout *l, struct rh_set_protocol *sp, unsigned i)
{
    const struct rh_rule *r = &sp->protocol->rules[i];
    unsigned char *marks = list_of(l, l->s->n_slots, 1);
    struct rh_slot_list *f = &sp->figures[i];
    if (!marks)
        return;
    mark_expressions(l->s, sp, r->conditions, r->n_conditions, marks);
    for (unsigned k = 0; k < l->s->n_slots; k++)
        f->n += marks[k] && l->s->slots[k].kind == RH_NAME_LOOKUP;
    f->slots = list_of(l, f->n, sizeof *f->slots);
    for (unsigned k = 0, n = 0; f->slots && k < l->s->n_slots; k++)
        if (marks[k] && l->s->slots[k].kind == RH_NAME_LOOKUP)
            f->slots[n++] = k;
}

/* What the items that a lapsed part repeats say follows from that part too. */
static void spread_labels(const struct rh_protocol *p, uint64_t *labels)
{
    for (unsigned i = 0; i < p->n_rules; i++)
        for (unsigned k = 0; k < p->rules[i].n_repeats; k++)
            labels[p->rules[i].repeats[k]] |= labels[i];
}

static void lay_protocol(struct layout *l, struct rh_set_protocol *sp)
{
    const struct rh_protocol *p = sp->protocol;
    sp->slots = list_of(l, p->n_names, sizeof *sp->slots);
    sp->labels = list_of(l, p->n_rules, sizeof *sp->labels);
    sp->figures = list_of(l, p->n_rules, sizeof *sp->figures);
    sp->classes = UINT_MAX;
    if (!sp->slots || !sp->labels || !sp->figures)
        return;
    memset(sp->slots, 0xff, p->n_names * sizeof *sp->slots);
    for (unsigned i = 0; i < p->n_names; i++)
        slot_of(l, sp, i);
    if (l->rc)
        return;
    l->s->date_slot = sp->slots[0];
    l->s->birth_slot = sp->slots[1];
    l->s->patient_slot = sp->slots[2];
    for (unsigned g = 0; g < p->n_groups; g++) {
        const struct rh_rule_group *group = &p->groups[g];
        uint64_t bits = 0;
        for (unsigned i = group->first; i < group->first + group->n; i++)
            bits |= sp->labels[i] = labels_of_rule(l, sp, &p->rules[i]);
        sp->all_labels |= bits;
        if (group->part == RH_PART_STATE)
            for (unsigned i = group->first; i < group->first + group->n; i++)
                sp->labels[i] = bits; /* one state says what the others are not */
        if (group->part == RH_PART_STATE || group->part == RH_PART_CLASS)
            l->s->slots[sp->slots[group->name]].labels |= bits;
        if (group->part == RH_PART_CLASS)
            sp->classes = sp->slots[group->name];
    }
    spread_labels(p, sp->labels);
    find_facts(l, sp);
    for (unsigned i = 0; i < p->n_rules && !l->rc; i++)
        find_figures(l, sp, i);
}

/* --- the table -------------------------------------------------------------------------------- */
uint64_t rh_fact_hash(unsigned type, const struct rh_element *e, struct rh_text system,
                      struct rh_text code)
{
    uint64_t h = 14695981039346656037u ^ type ^ ((uint64_t)(uintptr_t)e << 8);
    for (size_t i = 0; i < code.len; i++)
        h = (h ^ (unsigned char)code.data[i]) * 1099511628211u;
    return (h ^ system.len) * 1099511628211u;
}

static struct rh_type_facts *type_facts(struct layout *l, const struct rh_type *type)
{
    struct rh_protocol_set *s = l->s;
    for (unsigned i = 0; i < s->n_types; i++)
        if (s->types[i].type == type)
            return &s->types[i];
    struct rh_type_facts *t = &s->types[s->n_types++];
    t->type = type;
    t->elements = list_of(l, type->count, sizeof(struct rh_element *));
    t->others = list_of(l, s->n_slots, sizeof *t->others);
    return l->rc ? NULL : t;
}

static bool in_table(const struct rh_fact *f)
{
    size_t i, n;
    yyjson_val *one;
    if (!f->n_filters || !f->filters[0].codes)
        return false;
    for (unsigned k = 0; k < f->filters[0].n_elements; k++) {
        const char *type = f->filters[0].elements[k]->type->name;
        if (strcmp(type, "CodeableConcept") != 0 && strcmp(type, "Coding") != 0)
            return false;
    }
    yyjson_arr_foreach (f->filters[0].codes, i, n, one) {
        if (!rh_json_get(one, "system").len || !rh_json_get(one, "code").len)
            return false;
    }
    return true;
}

static void add_entry(struct layout *l, unsigned slot, const struct rh_fact *f,
                      const struct rh_element *e, yyjson_val *coding)
{
    struct rh_text system = rh_json_get(coding, "system"), code = rh_json_get(coding, "code");
    unsigned type = f->type->resource;
    uint64_t at = rh_fact_hash(type, e, system, code);
    struct rh_fact_entry *x;
    for (;; at++) {
        x = &l->s->table[at & l->s->table_mask];
        if (!x->type || (x->type == type && x->element == e && rh_text_eq(x->system, system) &&
                         rh_text_eq(x->code, code)))
            break;
    }
    unsigned *more = list_of(l, x->n_facts + 1, sizeof *more);
    if (!more)
        return;
    if (x->n_facts)
        memcpy(more, x->facts, x->n_facts * sizeof *more);
    more[x->n_facts] = slot;
    *x = (struct rh_fact_entry){.type = type,
                                .element = e,
                                .system = system,
                                .code = code,
                                .facts = more,
                                .n_facts = x->n_facts + 1};
}

static void add_fact(struct layout *l, unsigned slot, const struct rh_fact *f)
{
    size_t i, n;
    yyjson_val *coding;
    struct rh_type_facts *t = type_facts(l, f->type);
    if (!t)
        return;
    if (!in_table(f)) {
        t->others[t->n_others++] = slot;
        return;
    }
    for (unsigned k = 0; k < f->filters[0].n_elements; k++) {
        const struct rh_element *e = f->filters[0].elements[k];
        unsigned at = 0;
        while (at < t->n_elements && t->elements[at] != e)
            at++;
        if (at == t->n_elements)
            t->elements[t->n_elements++] = e;
        yyjson_arr_foreach (f->filters[0].codes, i, n, coding)
            add_entry(l, slot, f, e, coding);
    }
}

static const struct rh_fact *fact_of(const struct rh_slot *s)
{
    return s->kind == RH_NAME_FACT ? &s->name->facts->facts[s->name->index] : NULL;
}

static void make_table(struct layout *l)
{
    struct rh_protocol_set *s = l->s;
    size_t codes = 0, size = 64;
    for (unsigned i = 0; i < s->n_slots; i++) {
        const struct rh_fact *f = fact_of(&s->slots[i]);
        if (f && in_table(f))
            codes += f->filters[0].n_elements * yyjson_arr_size(f->filters[0].codes);
    }
    while (size < codes * 2)
        size *= 2;
    s->table = list_of(l, size, sizeof *s->table);
    s->table_mask = (unsigned)(size - 1);
    s->types = list_of(l, RH_RESOURCE_TYPES, sizeof *s->types);
    s->earliest = list_of(l, s->n_slots, sizeof *s->earliest);
    for (unsigned i = 0; i < s->n_slots && !l->rc; i++) {
        const struct rh_fact *f = fact_of(&s->slots[i]);
        int64_t day;
        if (!f)
            continue;
        add_fact(l, i, f);
        if (f->unit.len && rh_day_minus(s->date_days, f->amount, f->unit, &day))
            s->earliest[i] = rh_day_print(l->a, day);
    }
}

enum rh_rc rh_set_lay(struct rh_ctx *c, struct rh_arena *a, struct rh_protocol_set *s)
{
    int year;
    unsigned month, day;
    struct layout l = {.c = c, .a = a, .s = s};
    rh_civil_from_days(s->date_days, &year, &month, &day);
    s->date_time = (struct rh_fp_time){.year = year,
                                       .month = (unsigned char)month,
                                       .day = (unsigned char)day,
                                       .precision = RH_DAY};
    for (unsigned i = 0; i < s->n_protocols && !l.rc; i++)
        lay_protocol(&l, &s->protocols[i]);
    if (!l.rc)
        make_table(&l);
    return l.rc;
}
