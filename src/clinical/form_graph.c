/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_graph.c - what each expression reads, found by evaluating it over sets of items.
 *
 * A collection stands for what it may hold: the response, items and answers of these item numbers,
 * anything else. A path into items is followed until where(linkId = 'x') says which are meant;
 * everything that looks at an item before that reads all it may be. The result is never too small:
 * what is not understood reads the whole below it. So an expression may be evaluated over a
 * response that has nothing but the items it reads.
 */
#include "clinical/form_int.h"
#include "fhirpath/tree.h"

#include <limits.h>
#include <stdlib.h>

enum { RESPONSE = 1, ITEM = 2, ANSWER = 4, OTHER = 8, HEIGHT_MAX = 64 };
enum { WORK_MAX = 200 << 20 }; /* ranges that are moved while sets are made */
enum { READERS_MAX = 8 << 20 /* of all items together; beyond it, whoever reads most reads all */ };

struct set {
    struct rh_form_range *rows;
    size_t count, cap;
};

struct value {
    unsigned mask;
    struct set items;
};

struct reader {
    struct rh_ctx *c;
    struct rh_arena *a;
    struct rh_form *form;
    struct rh_form_expression *e;
    struct set reads;
    struct value *results; /* of variables, by number */
    unsigned char *state;  /* 0 not looked at, 1 being looked at, 2 done */
    unsigned height;
    uint64_t work;
    enum rh_rc rc;
};

/* --- sets of items -----------------------------------------------------------------------------
 */
static void add_range(struct reader *r, struct set *s, unsigned first, unsigned end)
{
    if (first >= end || r->rc)
        return;
    size_t at = s->count;
    while (at && s->rows[at - 1].first > first)
        at--;
    r->work += s->count - at + 1;
    if (r->work > WORK_MAX) {
        r->rc = rh_issue_add(r->c->issues, RH_TOOLARGE, "Questionnaire",
                             "The expressions of the Questionnaire name too many items.");
        return;
    }
    if (at && s->rows[at - 1].end >= first) { /* joins the one before */
        at--;
        if (s->rows[at].end >= end)
            return;
        s->rows[at].end = end;
    } else {
        struct rh_form_range *grown =
            rh_arena_grow(r->a, s->rows, &s->cap, s->count + 1, sizeof *grown);
        if (!grown) {
            r->rc = RH_NOMEM;
            return;
        }
        s->rows = grown;
        memmove(s->rows + at + 1, s->rows + at, (s->count - at) * sizeof *s->rows);
        s->count++;
        s->rows[at] = (struct rh_form_range){first, end};
    }
    size_t last = at + 1; /* those that it now covers */
    while (last < s->count && s->rows[last].first <= s->rows[at].end) {
        if (s->rows[last].end > s->rows[at].end)
            s->rows[at].end = s->rows[last].end;
        last++;
    }
    memmove(s->rows + at + 1, s->rows + last, (s->count - last) * sizeof *s->rows);
    s->count -= last - at - 1;
}

static void add_set(struct reader *r, struct set *s, const struct set *more)
{
    for (size_t i = 0; i < more->count; i++)
        add_range(r, s, more->rows[i].first, more->rows[i].end);
}

/* The items of a set and all below them (`self` false: only what is below). */
static void add_below(struct reader *r, struct set *s, const struct set *of, bool self)
{
    const struct rh_form_item *items = r->form->items;
    for (size_t i = 0; i < of->count; i++) {
        if (self)
            add_range(r, s, of->rows[i].first, of->rows[i].end);
        for (unsigned n = of->rows[i].first; n < of->rows[i].end; n = items[n].end)
            add_range(r, s, self ? n : n + 1, items[n].end);
    }
}

static bool has(const struct set *s, unsigned n)
{
    for (size_t i = 0; i < s->count; i++)
        if (n >= s->rows[i].first && n < s->rows[i].end)
            return true;
    return false;
}

static const struct set nothing;

static struct value whole(struct reader *r)
{
    struct value v = {RESPONSE | ITEM | ANSWER | OTHER, {0}};
    add_range(r, &v.items, 0, r->form->n_items);
    return v;
}

static struct value unite(struct reader *r, struct value a, struct value b)
{
    struct value v = {a.mask | b.mask, {0}};
    add_set(r, &v.items, &a.items);
    add_set(r, &v.items, &b.items);
    return v;
}

/* Somebody looks at the items themselves. */
static void note(struct reader *r, const struct value *v)
{
    if (v->mask & RESPONSE)
        add_range(r, &r->reads, 0, r->form->n_items);
    if (v->mask & (ITEM | ANSWER))
        add_set(r, &r->reads, &v->items);
}

/* Somebody looks at all that is in it. */
static void note_all(struct reader *r, const struct value *v)
{
    if (v->mask & RESPONSE)
        add_range(r, &r->reads, 0, r->form->n_items);
    if (v->mask & (ITEM | ANSWER))
        add_below(r, &r->reads, &v->items, true);
    if (v->mask & (RESPONSE | ITEM))
        r->e->texts = true;
}

static const struct value other = {OTHER, {0}};

/* --- conditions on linkId ----------------------------------------------------------------------
 */
static bool is_link(const struct rh_fp_part *p)
{
    const struct rh_fp_part *focus = rh_fp_part_focus(p);
    return rh_fp_part_kind(p) == RH_FP_PART_MEMBER && rh_text_is(rh_fp_part_name(p), "linkId") &&
           (!focus || rh_fp_part_kind(focus) == RH_FP_PART_THIS);
}

/* Strings that a literal or a union of literals holds. */
static bool strings(struct reader *r, const struct rh_fp_part *p, struct set *ret)
{
    if (rh_fp_part_kind(p) == RH_FP_PART_LITERAL && rh_fp_part_literal(p)->kind == RH_FP_STRING) {
        const struct rh_form_item *i = rh_form_item_find(r->form, rh_fp_part_literal(p)->text);
        for (; i; i = i->same)
            add_range(r, ret, i->number, i->number + 1);
        return true;
    }
    return rh_fp_part_kind(p) == RH_FP_PART_BINARY && rh_text_is(rh_fp_part_name(p), "|") &&
           strings(r, rh_fp_part_argument(p, 0), ret) && strings(r, rh_fp_part_argument(p, 1), ret);
}

/* Does the condition hold only for items of these linkIds? */
static bool links(struct reader *r, const struct rh_fp_part *p, struct set *ret)
{
    if (rh_fp_part_kind(p) != RH_FP_PART_BINARY)
        return false;
    struct rh_text op = rh_fp_part_name(p);
    const struct rh_fp_part *a = rh_fp_part_argument(p, 0), *b = rh_fp_part_argument(p, 1);
    struct set left = {0}, right = {0};
    if (rh_text_is(op, "=") && is_link(b))
        return strings(r, a, ret);
    if ((rh_text_is(op, "=") || rh_text_is(op, "in")) && is_link(a))
        return strings(r, b, ret);
    if (!rh_text_is(op, "and") && !rh_text_is(op, "or"))
        return false;
    bool is_left = links(r, a, &left), is_right = links(r, b, &right);
    if (rh_text_is(op, "or") && !(is_left && is_right))
        return false;
    if (is_left)
        add_set(r, ret, &left);
    if (is_right && (rh_text_is(op, "or") || !is_left))
        add_set(r, ret, &right);
    return is_left || is_right;
}

/* --- the walk --------------------------------------------------------------------------------- */
static struct value walk(struct reader *r, const struct rh_fp_part *p, const struct value *self);
static struct value variable(struct reader *r, struct rh_text name);

static struct value member(struct reader *r, const struct rh_fp_part *p, const struct value *self)
{
    const struct rh_fp_part *focus = rh_fp_part_focus(p);
    struct rh_text name = rh_fp_part_name(p);
    struct value in = focus ? walk(r, focus, self) : *self, ret = {0};
    if (!focus && (in.mask & RESPONSE) && rh_text_is(name, "QuestionnaireResponse"))
        return in;
    if (rh_text_is(name, "item")) {
        ret.mask = (in.mask & (RESPONSE | ITEM | ANSWER) ? ITEM : 0) | (in.mask & OTHER);
        if (in.mask & RESPONSE)
            add_range(r, &ret.items, 0, r->form->n_items);
        if (in.mask & (ITEM | ANSWER))
            add_below(r, &ret.items, &in.items, false);
        return ret;
    }
    if (in.mask & (ITEM | ANSWER))
        add_set(r, &r->reads, &in.items);
    if (rh_text_is(name, "answer") && (in.mask & ITEM)) {
        ret.mask = ANSWER | (in.mask & OTHER);
        add_set(r, &ret.items, &in.items);
        return ret;
    }
    if (rh_text_is(name, "text") && (in.mask & ITEM))
        r->e->texts = true;
    return other;
}

/* where(), exists(), all(): the items that the condition leaves. */
static struct value filter(struct reader *r, const struct rh_fp_part *condition,
                           const struct value *in)
{
    struct value ret = {in->mask, {0}};
    struct set named = {0};
    if ((in->mask & ITEM) && links(r, condition, &named)) {
        for (size_t i = 0; i < named.count; i++)
            for (unsigned n = named.rows[i].first; n < named.rows[i].end; n++)
                if (has(&in->items, n))
                    add_range(r, &ret.items, n, n + 1);
        ret.mask &= ITEM | OTHER;
        add_set(r, &r->reads, &ret.items);
    } else {
        note(r, in);
        add_set(r, &ret.items, &in->items);
    }
    struct value inner = ret;
    struct value truth = walk(r, condition, &inner);
    note(r, &truth);
    return ret;
}

enum how { FILTER, EXISTS, SAME, PROJECT, BELOW, COMBINE, SELECT_ALL, PRESENCE, CONDITION, ALL };
static const struct {
    const char *name;
    enum how how;
} functions[] = {
    {"where", FILTER},       {"exists", EXISTS},     {"all", EXISTS},
    {"first", SAME},         {"last", SAME},         {"tail", SAME},
    {"skip", SAME},          {"take", SAME},         {"single", SAME},
    {"ofType", SAME},        {"as", SAME},           {"trace", SAME},
    {"distinct", ALL},       {"select", PROJECT},    {"repeat", BELOW},
    {"repeatAll", BELOW},    {"descendants", BELOW}, {"children", BELOW},
    {"combine", COMBINE},    {"union", COMBINE},     {"count", PRESENCE},
    {"empty", PRESENCE},     {"iif", CONDITION},     {"hasValue", PRESENCE},
    {"extension", PRESENCE}, {"aggregate", PROJECT}, {"coalesce", SELECT_ALL},
    {"sort", SAME},
};

static enum how how_of(struct rh_text name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (rh_text_is(name, functions[i].name))
            return functions[i].how;
    return ALL;
}

/* Arguments from `from` on: what all of them may give. */
static struct value arguments(struct reader *r, const struct rh_fp_part *p, unsigned from,
                              const struct value *self)
{
    struct value ret = {0};
    for (unsigned i = from; i < rh_fp_part_n_arguments(p); i++)
        ret = unite(r, ret, walk(r, rh_fp_part_argument(p, i), self));
    return ret;
}

static struct value call(struct reader *r, const struct rh_fp_part *p, const struct value *self)
{
    const struct rh_fp_part *focus = rh_fp_part_focus(p);
    struct rh_text name = rh_fp_part_name(p);
    struct value in = focus ? walk(r, focus, self) : *self, more, ret = {0};
    unsigned n = rh_fp_part_n_arguments(p);
    if (rh_text_is(name, "weight") || rh_text_is(name, "ordinal"))
        r->e->weights = true;
    if (!focus &&
        (rh_text_is(name, "today") || rh_text_is(name, "now") || rh_text_is(name, "timeOfDay")))
        return other; /* they do not look at what they are called on */
    switch (how_of(name)) {
    case FILTER:
        return n ? filter(r, rh_fp_part_argument(p, 0), &in) : in;
    case EXISTS:
        if (n)
            filter(r, rh_fp_part_argument(p, 0), &in);
        else
            note(r, &in);
        return other;
    case SAME:
        note(r, &in);
        more = arguments(r, p, 0, &in);
        note_all(r, &more);
        return in;
    case PROJECT: /* $this may be anything that the steps before gave */
        note(r, &in);
        return arguments(r, p, 0, &in);
    case BELOW:
        if (!(in.mask & (RESPONSE | ITEM | ANSWER)))
            return other;
        ret.mask = ITEM | ANSWER | OTHER;
        if (in.mask & RESPONSE)
            add_range(r, &ret.items, 0, r->form->n_items);
        add_below(r, &ret.items, &in.items, true);
        more = arguments(r, p, 0, &ret);
        return ret;
    case COMBINE:
    case SELECT_ALL:
        return unite(r, in, arguments(r, p, 0, self));
    case PRESENCE:
        note(r, &in);
        more = arguments(r, p, 0, self);
        note_all(r, &more);
        return other;
    case CONDITION:
        if (n) {
            more = walk(r, rh_fp_part_argument(p, 0), &in);
            note(r, &more);
        }
        return arguments(r, p, 1, &in);
    case ALL:
        break;
    }
    note_all(r, &in);
    more = arguments(r, p, 0, &in);
    note_all(r, &more);
    if (!(in.mask & (RESPONSE | ITEM | ANSWER)) && !(more.mask & (RESPONSE | ITEM | ANSWER)))
        return other;
    return unite(r, unite(r, in, more), other);
}

static struct value walk(struct reader *r, const struct rh_fp_part *p, const struct value *self)
{
    struct value a, b;
    if (r->rc)
        return other;
    switch (rh_fp_part_kind(p)) {
    case RH_FP_PART_LITERAL:
    case RH_FP_PART_EMPTY:
    case RH_FP_PART_INDEX:
        return other;
    case RH_FP_PART_THIS:
        return *self;
    case RH_FP_PART_TOTAL:
        a = whole(r);
        note_all(r, &a);
        return a;
    case RH_FP_PART_VARIABLE:
        return variable(r, rh_fp_part_name(p));
    case RH_FP_PART_MEMBER:
        return member(r, p, self);
    case RH_FP_PART_CALL:
        return call(r, p, self);
    case RH_FP_PART_ITEM:
        a = rh_fp_part_focus(p) ? walk(r, rh_fp_part_focus(p), self) : *self;
        b = walk(r, rh_fp_part_argument(p, 0), self);
        note(r, &a);
        note_all(r, &b);
        return a;
    case RH_FP_PART_BINARY:
        a = walk(r, rh_fp_part_argument(p, 0), self);
        b = walk(r, rh_fp_part_argument(p, 1), self);
        if (rh_text_is(rh_fp_part_name(p), "|"))
            return note_all(r, &a), note_all(r, &b), unite(r, a, b);
        break;
    case RH_FP_PART_IS:
    case RH_FP_PART_AS:
        a = walk(r, rh_fp_part_argument(p, 0), self);
        note(r, &a);
        return a;
    default:
        a = walk(r, rh_fp_part_argument(p, 0), self);
        b = other;
    }
    note_all(r, &a);
    note_all(r, &b);
    return other;
}

/* --- names ------------------------------------------------------------------------------------ */
/* The variable that a name stands for at an expression: of its item, of those above, of the form.
 * An expression does not see itself: its name is one further out. */
static const struct rh_form_expression *find_variable(const struct rh_form *f,
                                                      const struct rh_form_expression *at,
                                                      struct rh_text name)
{
    const struct rh_form_item *item = at->item;
    for (bool last = false; !last; item = item ? item->parent : NULL) {
        struct rh_form_expression *const *list = item ? item->expressions : f->of_form;
        unsigned n = item ? item->n_expressions : f->n_of_form;
        for (unsigned i = 0; i < n; i++)
            if (list[i] != at && list[i]->name.len && rh_text_eq(list[i]->name, name))
                return list[i];
        last = !item;
    }
    return NULL;
}

static bool engine_knows(struct rh_text name)
{
    static const char *const names[] = {"context", "resource", "rootResource", "ucum",
                                        "sct",     "loinc",    "terminologies"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(name, names[i]))
            return true;
    return rh_text_starts(name, "vs-") || rh_text_starts(name, "ext-");
}

static struct rh_form_name resolve(const struct rh_form *f, const struct rh_form_expression *e,
                                   struct rh_text name)
{
    struct rh_form_name n = {.name = name, .kind = RH_NAME_UNKNOWN};
    n.variable = find_variable(f, e, name);
    if (n.variable)
        n.kind = n.variable->fp ? RH_NAME_VARIABLE : RH_NAME_CONTEXT;
    else if (rh_text_is(name, "questionnaire"))
        n.kind = RH_NAME_QUESTIONNAIRE;
    else if (rh_text_is(name, "qitem"))
        n.kind = RH_NAME_QITEM;
    for (unsigned i = 0; i < f->n_context && n.kind == RH_NAME_UNKNOWN; i++)
        if (rh_text_eq(f->context[i], name))
            n.kind = RH_NAME_CONTEXT;
    return n;
}

struct naming {
    struct reader *r;
    size_t cap;
};

static enum rh_rc add_name(void *user, struct rh_text name)
{
    struct naming *g = user;
    struct rh_form_expression *e = g->r->e;
    if (engine_knows(name))
        return RH_OK;
    for (unsigned i = 0; i < e->n_names; i++)
        if (rh_text_eq(e->names[i].name, name))
            return RH_OK;
    struct rh_form_name *grown =
        rh_arena_grow(g->r->a, e->names, &g->cap, e->n_names + 1, sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    e->names = grown;
    e->names[e->n_names] = resolve(g->r->form, e, name);
    if (e->names[e->n_names].kind == RH_NAME_UNKNOWN && g->r->c->issues) {
        const char *text = rh_arena_printf(
            g->r->a,
            "The expression of %s \"%.*s\" names %%%.*s, which nothing defines; it is empty.",
            e->item ? "the item" : "the form", RH_TEXT_ARG(e->item ? e->item->link : e->name),
            RH_TEXT_ARG(name));
        rh_issue_at(g->r->c->issues,
                    (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = text});
    }
    e->n_names++;
    return RH_OK;
}

static void read_expression(struct reader *r, struct rh_form_expression *e);

static struct value variable(struct reader *r, struct rh_text name)
{
    struct value ret = other;
    if (rh_text_is(name, "resource") || rh_text_is(name, "rootResource"))
        return (struct value){RESPONSE, nothing};
    if (rh_text_is(name, "context")) {
        ret.mask = r->e->item ? ITEM : RESPONSE;
        if (r->e->item)
            add_range(r, &ret.items, r->e->item->number, r->e->item->number + 1);
        return ret;
    }
    for (unsigned i = 0; i < r->e->n_names; i++) {
        struct rh_form_name *n = &r->e->names[i];
        if (!rh_text_eq(n->name, name) || n->kind != RH_NAME_VARIABLE)
            continue;
        const struct rh_form_expression *v = n->variable;
        for (unsigned k = 0; k < v->n_reads; k++)
            add_range(r, &r->reads, v->reads[k].first, v->reads[k].end);
        r->e->texts |= v->texts;
        return r->results[v->number];
    }
    return ret;
}

/* A variable that uses itself, or too high a tower of them, has no value. */
static void cut(struct reader *r, struct rh_form_expression *e, struct rh_form_name *n,
                const char *why)
{
    const char *text = rh_arena_printf(r->a, "The variable %%%.*s %s; it is empty here.",
                                       RH_TEXT_ARG(n->name), why);
    (void)e;
    n->kind = RH_NAME_UNKNOWN;
    if (r->c->issues)
        rh_issue_at(r->c->issues,
                    (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = text});
}

static void read_variables(struct reader *r, struct rh_form_expression *e)
{
    for (unsigned i = 0; i < e->n_names && !r->rc; i++) {
        struct rh_form_name *n = &e->names[i];
        if (n->kind != RH_NAME_VARIABLE)
            continue;
        struct rh_form_expression *v = r->form->expressions[n->variable->number];
        if (r->state[v->number] == 1)
            cut(r, e, n, "is defined by itself");
        else if (r->height >= HEIGHT_MAX)
            cut(r, e, n, "rests on too many others");
        else if (r->state[v->number] == 0)
            read_expression(r, v);
        if (n->kind == RH_NAME_VARIABLE && v->height + 1 > e->height)
            e->height = v->height + 1;
        if (e->height > HEIGHT_MAX) {
            cut(r, e, n, "rests on too many others");
            e->height = HEIGHT_MAX;
        }
    }
}

static void read_expression(struct reader *r, struct rh_form_expression *e)
{
    struct rh_form_expression *outer = r->e;
    struct set reads = r->reads;
    struct naming g = {.r = r};
    r->e = e;
    r->state[e->number] = 1;
    r->height++;
    if (e->fp && !r->rc)
        r->rc = rh_fp_variables(e->fp, add_name, &g);
    read_variables(r, e);
    r->e = e;
    r->reads = (struct set){0};
    struct value self = {e->item ? ITEM : RESPONSE, {0}};
    if (e->item)
        add_range(r, &self.items, e->item->number, e->item->number + 1);
    if (e->fp) {
        struct value v = walk(r, rh_fp_root(e->fp), &self);
        note_all(r, &v);
        r->results[e->number] = v;
    }
    for (unsigned i = 0; e->use == RH_USE_ENABLE && i < e->item->n_when; i++)
        for (const struct rh_form_item *of = rh_form_when_of(r->form, &e->item->when[i]); of;
             of = of->same)
            add_range(r, &r->reads, of->number, of->number + 1);
    e->reads = r->reads.rows;
    e->n_reads = (unsigned)r->reads.count;
    e->reads_all = e->n_reads == 1 && e->reads[0].first == 0 &&
                   e->reads[0].end == r->form->n_items && r->form->n_items > 1;
    r->state[e->number] = 2;
    r->height--;
    r->e = outer;
    r->reads = reads;
}

/* --- who has to be asked again -----------------------------------------------------------------
 */
static enum rh_rc make_readers(struct reader *r)
{
    struct rh_form *f = r->form;
    unsigned *counts = rh_arena_zero(r->a, (f->n_items + 1) * sizeof *counts);
    unsigned *all = rh_arena_alloc(r->a, (f->n_expressions + 1) * sizeof *all);
    uint64_t total = 0;
    if (!counts || !all)
        return RH_NOMEM;
    f->readers_of_all = all;
    for (unsigned i = 0; i < f->n_expressions; i++) {
        struct rh_form_expression *e = f->expressions[i];
        uint64_t n = 0;
        for (unsigned k = 0; k < e->n_reads; k++)
            n += e->reads[k].end - e->reads[k].first;
        if (!e->reads_all && total + n > READERS_MAX)
            e->reads_all = true;
        if (e->reads_all) {
            all[f->n_readers_of_all++] = i;
            continue;
        }
        total += n;
        for (unsigned k = 0; k < e->n_reads; k++)
            for (unsigned j = e->reads[k].first; j < e->reads[k].end; j++)
                counts[j]++;
    }
    unsigned *room = rh_arena_alloc(r->a, (total + 1) * sizeof *room);
    if (!room)
        return RH_NOMEM;
    for (unsigned j = 0; j < f->n_items; j++) {
        f->items[j].readers = room;
        room += counts[j];
    }
    for (unsigned i = 0; i < f->n_expressions; i++) {
        const struct rh_form_expression *e = f->expressions[i];
        for (unsigned k = 0; k < e->n_reads && !e->reads_all; k++)
            for (unsigned j = e->reads[k].first; j < e->reads[k].end; j++)
                ((unsigned *)(uintptr_t)f->items[j].readers)[f->items[j].n_readers++] = i;
    }
    return RH_OK;
}

/* --- the order ---------------------------------------------------------------------------------
 */
/* What stands between: before e come those that decide about what e reads: the calculation, initial
 * value and condition of these items and the conditions of all above them, and its variables. */
struct step {
    struct rh_form_expression *e;
    unsigned range, item; /* where it has got to in what it reads */
    unsigned name;
    bool part;                        /* what gives the item its value was looked at */
    const struct rh_form_item *above; /* whose condition comes next */
};

struct sorter {
    struct reader *r;
    unsigned char *state;
    struct step *stack;
    unsigned depth, next, all_at; /* all_at: how far those that read everything have come */
};

static void enter(struct sorter *s, const struct rh_form_expression *e)
{
    if (!e || s->state[e->number])
        return;
    s->state[e->number] = 1;
    struct step *to = &s->stack[s->depth++];
    *to = (struct step){.e = s->r->form->expressions[e->number]};
    if (to->e->n_reads)
        to->item = to->e->reads[0].first;
}

static bool decides(const struct rh_form_expression *e)
{
    return e->use == RH_USE_CALCULATED || e->use == RH_USE_INITIAL || e->use == RH_USE_ENABLE;
}

/* The next expression that may have to come before; NULL: none is left. */
static const struct rh_form_expression *before(struct sorter *s, struct step *t)
{
    struct rh_form *f = s->r->form;
    while (t->name < t->e->n_names) {
        const struct rh_form_expression *v = t->e->names[t->name++].variable;
        if (v)
            return v;
    }
    if (t->e->reads_all) {
        while (s->all_at < f->n_expressions && !decides(f->expressions[s->all_at]))
            s->all_at++;
        return s->all_at < f->n_expressions ? f->expressions[s->all_at++] : NULL;
    }
    while (t->range < t->e->n_reads) {
        const struct rh_form_item *item = &f->items[t->item];
        if (!t->part) {
            t->part = 1;
            t->above = item;
            const struct rh_form_expression *gives =
                item->calculated ? item->calculated : item->initial;
            if (gives)
                return gives;
        }
        while (t->above) {
            const struct rh_form_expression *condition = t->above->enable;
            t->above = t->above->parent;
            if (condition)
                return condition;
        }
        t->part = false;
        if (++t->item >= t->e->reads[t->range].end && ++t->range < t->e->n_reads)
            t->item = t->e->reads[t->range].first;
    }
    return NULL;
}

static enum rh_rc make_order(struct reader *r)
{
    struct rh_form *f = r->form;
    struct sorter s = {.r = r};
    s.state = rh_arena_zero(r->a, f->n_expressions + 1);
    s.stack = rh_arena_alloc(r->a, (f->n_expressions + 1) * sizeof *s.stack);
    f->order = rh_arena_alloc(r->a, (f->n_expressions + 1) * sizeof(struct rh_form_expression *));
    if (!s.state || !s.stack || !f->order)
        return RH_NOMEM;
    for (unsigned i = 0; i < f->n_expressions; i++) {
        enter(&s, f->expressions[i]);
        while (s.depth) {
            struct step *t = &s.stack[s.depth - 1];
            const struct rh_form_expression *first = before(&s, t);
            if (first) {
                enter(&s, first);
                continue;
            }
            t->e->rank = s.next;
            f->order[s.next++] = t->e;
            s.depth--;
        }
    }
    return RH_OK;
}

enum rh_rc rh_form_graph(struct rh_ctx *c, struct rh_arena *a, struct rh_form *f)
{
    struct reader r = {.c = c, .a = a, .form = f};
    r.results = rh_arena_zero(a, (f->n_expressions + 1) * sizeof *r.results);
    r.state = rh_arena_zero(a, f->n_expressions + 1);
    if (!r.results || !r.state)
        return RH_NOMEM;
    for (unsigned i = 0; i < f->n_expressions && !r.rc; i++)
        if (!r.state[i])
            read_expression(&r, f->expressions[i]);
    if (!r.rc)
        r.rc = make_readers(&r);
    return r.rc ? r.rc : make_order(&r);
}
