/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The static check: what types may each part of an expression have, and does every name exist in
 * one of them? It errs on the side of silence: where the types are not known, nothing is said.
 */
#include "fhir/suggest.h"
#include "fhirpath/parse_int.h"

#include <stdarg.h>

enum { TYPES_MAX = 64, REPEATS_MAX = 4 };

struct one_type {
    const struct rh_type *fhir;
    enum rh_fp_kind system; /* when fhir is NULL */
};

/* What a collection may hold. Nothing known and no types: it is always empty. */
struct guess {
    bool unknown;   /* may hold anything */
    bool unordered; /* children() and descendants() */
    unsigned count;
    struct one_type types[TYPES_MAX];
};

struct check {
    struct rh_ctx *c;
    struct rh_arena *arena;
    const struct rh_fp *e;
    const struct guess *context, *self; /* %context, $this */
    rh_fp_variable_type *type;          /* NULL: nothing is known of variables */
    void *user;
    enum rh_rc rc;    /* of the first error */
    bool quiet, full; /* full: the arena is */
};

static const struct guess anything = {.unknown = true}, nothing = {.count = 0};

static const struct guess *infer(struct check *k, const struct rh_fp_node *n);

/* --- guesses ---------------------------------------------------------------------------------- */
static struct guess *make(struct check *k)
{
    struct guess *g = rh_arena_zero(k->arena, sizeof *g);
    if (!g)
        k->full = true;
    return g;
}

static void add(struct guess *g, struct one_type t)
{
    for (unsigned i = 0; i < g->count; i++)
        if (g->types[i].fhir == t.fhir && g->types[i].system == t.system)
            return;
    if (g->count == TYPES_MAX)
        g->unknown = true;
    else
        g->types[g->count++] = t;
}

static const struct guess *of_system(struct check *k, enum rh_fp_kind kind)
{
    struct guess *g = make(k);
    if (!g)
        return &anything;
    add(g, (struct one_type){NULL, kind});
    return g;
}

static const struct guess *of_fhir(struct check *k, const struct rh_type *t)
{
    struct guess *g = t ? make(k) : NULL;
    if (!g)
        return &anything;
    add(g, (struct one_type){t, RH_FP_NODE});
    return g;
}

static const struct guess *either(struct check *k, const struct guess *a, const struct guess *b)
{
    if (a->unknown || b->unknown)
        return &anything;
    struct guess *g = make(k);
    if (!g)
        return &anything;
    *g = *a;
    for (unsigned i = 0; i < b->count; i++)
        add(g, b->types[i]);
    g->unordered = a->unordered || b->unordered;
    return g;
}

static bool known(const struct guess *g)
{
    return !g->unknown && g->count > 0;
}

static void __attribute__((format(printf, 3, 4)))
wrong(struct check *k, const struct rh_fp_node *at, const char *format, ...)
{
    if (k->quiet)
        return;
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(k->arena, format, ap);
    va_end(ap);
    enum rh_rc rc = rh_fp_issue(k->c->issues, RH_INVALID, k->e->text, at->at, "%s",
                                text ? text : rh_rc_text(RH_INVALID));
    if (!k->rc)
        k->rc = rc;
}

static const char *type_text(const struct one_type *t)
{
    static const char *const names[] = {
        [RH_FP_NODE] = "System.Any",        [RH_FP_BOOLEAN] = "System.Boolean",
        [RH_FP_INTEGER] = "System.Integer", [RH_FP_LONG] = "System.Long",
        [RH_FP_DECIMAL] = "System.Decimal", [RH_FP_STRING] = "System.String",
        [RH_FP_DATE] = "System.Date",       [RH_FP_DATETIME] = "System.DateTime",
        [RH_FP_TIME] = "System.Time",       [RH_FP_QUANTITY] = "System.Quantity",
        [RH_FP_TYPE] = "System.TypeInfo",
    };
    return t->fhir ? t->fhir->name : names[t->system];
}

static struct rh_text types_text(struct check *k, const struct guess *g)
{
    struct rh_buf b = rh_buf(k->arena);
    for (unsigned i = 0; i < g->count && !g->unknown; i++) {
        if (i)
            rh_buf_char(&b, '|');
        rh_buf_str(&b, type_text(&g->types[i]));
    }
    return b.data && !b.rc ? rh_buf_get(&b) : RH_TEXT("");
}

/* --- members ---------------------------------------------------------------------------------- */
/* Adds the types of an element; false: the type has none of this name. */
static bool element_types(struct guess *g, const struct one_type *t, struct rh_text name)
{
    if (!t->fhir) {
        if (t->system == RH_FP_QUANTITY && rh_text_is(name, "value"))
            add(g, (struct one_type){NULL, RH_FP_DECIMAL});
        else if ((t->system == RH_FP_QUANTITY && rh_text_is(name, "unit")) ||
                 (t->system == RH_FP_TYPE &&
                  (rh_text_is(name, "name") || rh_text_is(name, "namespace"))))
            add(g, (struct one_type){NULL, RH_FP_STRING});
        else
            return false;
        return true;
    }
    if (t->fhir->kind == RH_KIND_ABSTRACT) { /* of any type that derives from it */
        g->unknown = true;
        return true;
    }
    if (t->fhir->kind == RH_KIND_PRIMITIVE) {
        if (rh_text_is(name, "extension"))
            add(g, (struct one_type){rh_type_find(RH_TEXT("Extension")), RH_FP_NODE});
        else if (rh_text_is(name, "id"))
            add(g, (struct one_type){rh_type_find(RH_TEXT("string")), RH_FP_NODE});
        else if (rh_text_is(name, "value"))
            g->unknown = true;
        else
            return false;
        return true;
    }
    const struct rh_element *e = rh_element_find(t->fhir, name);
    if (e && !e->choice) {
        add(g, (struct one_type){e->type, RH_FP_NODE});
        return true;
    }
    bool found = false;
    for (unsigned i = 0; i < t->fhir->count; i++) {
        e = &t->fhir->elements[i];
        if (!e->choice || !rh_text_is(name, e->base))
            continue;
        add(g, (struct one_type){e->type, RH_FP_NODE});
        found = true;
    }
    return found;
}

/* The element that was likely meant; NULL: none is near. */
static const char *similar(const struct guess *focus, struct rh_text name)
{
    const char *best = NULL;
    unsigned slips = RH_SUGGEST_FAR;
    for (unsigned i = 0; i < focus->count; i++) {
        const struct rh_type *t = focus->types[i].fhir;
        const char *found = t ? rh_suggest_in_path(t, name, &slips) : NULL;
        best = found ? found : best;
    }
    return best;
}

static void no_element(struct check *k, const struct rh_fp_node *n, const struct guess *focus)
{
    for (unsigned i = 0; i < focus->count; i++) {
        const struct rh_type *t = focus->types[i].fhir;
        const struct rh_element *e = t ? rh_element_find(t, n->name) : NULL;
        if (!e || !e->choice)
            continue;
        wrong(k, n, "%.*s is the name in JSON only; the element of %s is %s, as in %s.ofType(%s)",
              RH_TEXT_ARG(n->name), t->name, e->base, e->base, e->type->name);
        return;
    }
    struct rh_text types = types_text(k, focus);
    const char *near = similar(focus, n->name);
    wrong(k, n, "%.*s has no element %.*s%s%s%s", RH_TEXT_ARG(types), RH_TEXT_ARG(n->name),
          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const struct guess *member_of(struct check *k, const struct rh_fp_node *n,
                                     const struct guess *focus)
{
    if (!known(focus))
        return focus->unknown ? &anything : &nothing;
    struct guess *g = make(k);
    bool found = false;
    if (!g)
        return &anything;
    for (unsigned i = 0; i < focus->count; i++)
        if (element_types(g, &focus->types[i], n->name))
            found = true;
    g->unordered = focus->unordered;
    if (found)
        return g->unknown ? &anything : g;
    no_element(k, n, focus);
    return &anything; /* said once */
}

static const struct guess *member(struct check *k, const struct rh_fp_node *n)
{
    if (n->focus)
        return member_of(k, n, infer(k, n->focus));
    const struct guess *self = k->self;
    if (!n->type.fhir)
        return member_of(k, n, self);
    if (self->unknown)
        return of_fhir(k, n->type.fhir);
    for (unsigned i = 0; i < self->count; i++)
        if (rh_fp_derives(self->types[i].fhir, n->type.fhir))
            return self;
    struct guess *g = make(k);
    for (unsigned i = 0; g && i < self->count; i++)
        if (element_types(g, &self->types[i], n->name))
            return member_of(k, n, self);
    if (known(self)) {
        struct rh_text types = types_text(k, self);
        wrong(k, n, "the expression is about %.*s, the context is %.*s", RH_TEXT_ARG(n->name),
              RH_TEXT_ARG(types));
    }
    return &anything;
}

/* --- calls ------------------------------------------------------------------------------------ */
static bool is_one_of(struct rh_text name, const char *const *names)
{
    for (; *names; names++)
        if (rh_text_is(name, *names))
            return true;
    return false;
}

static const struct guess *arg_of(struct check *k, const struct rh_fp_node *call, unsigned i,
                                  const struct guess *self)
{
    const struct guess *outer = k->self;
    k->self = self;
    const struct guess *g = infer(k, call->args[i]);
    k->self = outer;
    return g;
}

/* What they give has no order (2.0, 5.8), so a part by position may differ between programs. */
static void needs_order(struct check *k, const struct rh_fp_node *n, const struct guess *focus)
{
    if (focus->unordered)
        wrong(k, n,
              "the order of children() and descendants() is not defined, so %.*s may find "
              "something else in each program; sort() it first",
              n->name.len ? (int)n->name.len : 8, n->name.len ? n->name.data : "an index");
}

static const struct guess *repeated(struct check *k, const struct rh_fp_node *call,
                                    const struct guess *focus)
{
    const struct guess *g = arg_of(k, call, 0, focus);
    bool quiet = k->quiet;
    unsigned rounds = quiet ? 0 : REPEATS_MAX; /* inside another repeat() once is enough */
    k->quiet = true;                           /* deeper levels need not have the element */
    for (unsigned round = 0; round < rounds && known(g); round++) {
        const struct guess *more = either(k, g, arg_of(k, call, 0, g));
        if (more->unknown || more->count == g->count)
            break;
        g = more;
    }
    k->quiet = quiet;
    return g;
}

static bool never_boolean(const struct guess *g)
{
    for (unsigned i = 0; i < g->count; i++)
        if (g->types[i].fhir || g->types[i].system == RH_FP_BOOLEAN)
            return false;
    return known(g);
}

static const struct guess *conditional(struct check *k, const struct rh_fp_node *call,
                                       const struct guess *focus)
{
    const struct guess *self = call->focus && (focus->unknown || focus->count) ? focus : k->self;
    if (never_boolean(arg_of(k, call, 0, self)))
        wrong(k, call->args[0], "the condition of iif() is never true or false");
    const struct guess *g = arg_of(k, call, 1, self);
    return call->n_args > 2 ? either(k, g, arg_of(k, call, 2, self)) : g;
}

/* Functions over text do not work on elements that have children. */
static void needs_text(struct check *k, const struct rh_fp_node *call, const struct guess *focus)
{
    static const char *const names[] = {
        "indexOf", "lastIndexOf", "substring",   "startsWith",     "endsWith", "contains",
        "upper",   "lower",       "replace",     "matches",        "length",   "toChars",
        "trim",    "split",       "matchesFull", "replaceMatches", "join",     NULL};
    if (!known(focus) || !is_one_of(call->name, names))
        return;
    for (unsigned i = 0; i < focus->count; i++)
        if (!focus->types[i].fhir || focus->types[i].fhir->kind == RH_KIND_PRIMITIVE)
            return;
    struct rh_text types = types_text(k, focus);
    wrong(k, call, "%.*s() works on text, this is %.*s", RH_TEXT_ARG(call->name),
          RH_TEXT_ARG(types));
}

/* NULL: not one of those whose result follows from their arguments. */
static const struct guess *special(struct check *k, const struct rh_fp_node *n,
                                   const struct guess *focus)
{
    static const char *const repeats[] = {"repeat", "repeatAll", NULL};
    static const char *const unites[] = {"union", "combine", NULL};
    static const char *const typed[] = {"ofType", "as", NULL};
    static const char *const trees[] = {"children", "descendants", NULL};
    if (rh_text_is(n->name, "iif"))
        return conditional(k, n, focus);
    if (rh_text_is(n->name, "select"))
        return arg_of(k, n, 0, focus);
    if (is_one_of(n->name, repeats))
        return repeated(k, n, focus);
    if (is_one_of(n->name, unites))
        return either(k, focus, arg_of(k, n, 0, k->self));
    if (is_one_of(n->name, typed))
        return n->type.fhir && !n->type.system   ? of_fhir(k, n->type.fhir)
               : n->type.system && !n->type.fhir ? of_system(k, n->type.system)
                                                 : &anything;
    if (is_one_of(n->name, trees)) {
        struct guess *g = make(k);
        if (!g)
            return &anything;
        g->unknown = g->unordered = true;
        return g;
    }
    if (rh_text_is(n->name, "extension"))
        return of_fhir(k, rh_type_find(RH_TEXT("Extension")));
    if (rh_text_is(n->name, "type"))
        return of_system(k, RH_FP_TYPE);
    return NULL;
}

static const struct guess *result(struct check *k, const struct rh_fp_node *n,
                                  const struct guess *focus)
{
    static const enum rh_fp_kind kinds[] = {
        [RH_FP_R_BOOLEAN] = RH_FP_BOOLEAN, [RH_FP_R_INTEGER] = RH_FP_INTEGER,
        [RH_FP_R_DECIMAL] = RH_FP_DECIMAL, [RH_FP_R_STRING] = RH_FP_STRING,
        [RH_FP_R_DATE] = RH_FP_DATE,       [RH_FP_R_DATETIME] = RH_FP_DATETIME,
        [RH_FP_R_TIME] = RH_FP_TIME,       [RH_FP_R_QUANTITY] = RH_FP_QUANTITY,
    };
    if (n->function->result == RH_FP_R_ANY)
        return &anything;
    if (n->function->result != RH_FP_R_SAME)
        return of_system(k, kinds[n->function->result]);
    if (!rh_text_is(n->name, "sort") || !focus->unordered)
        return focus;
    struct guess *g = make(k);
    if (!g)
        return &anything;
    *g = *focus;
    g->unordered = false;
    return g;
}

static const struct guess *call(struct check *k, const struct rh_fp_node *n)
{
    static const char *const ordered[] = {"first", "last", "tail", "skip", "take", NULL};
    static const char *const functions[] = {"today", "now", "timeOfDay", NULL};
    const struct guess *focus = n->focus ? infer(k, n->focus) : k->self;
    if (is_one_of(n->name, ordered))
        needs_order(k, n, focus);
    if (!is_one_of(n->name, functions))
        needs_text(k, n, focus);
    const struct guess *g = special(k, n, focus);
    if (g)
        return g;
    if (!rh_text_is(n->name, "is"))
        for (unsigned i = 0; i < n->n_args; i++)
            (void)arg_of(k, n, i, n->function->each ? focus : k->self);
    return result(k, n, focus);
}

/* --- operators -------------------------------------------------------------------------------- */
enum family { UNSURE, NUMBER, TEXT, DATE, TIME, BOOLEAN, QUANTITY, ELEMENT };

static enum family family_of(const struct one_type *t)
{
    if (!t->fhir) {
        switch (t->system) {
        case RH_FP_INTEGER:
        case RH_FP_LONG:
        case RH_FP_DECIMAL:
            return NUMBER;
        case RH_FP_STRING:
            return TEXT;
        case RH_FP_DATE:
        case RH_FP_DATETIME:
            return DATE;
        case RH_FP_TIME:
            return TIME;
        case RH_FP_BOOLEAN:
            return BOOLEAN;
        case RH_FP_QUANTITY:
            return QUANTITY;
        default:
            return UNSURE;
        }
    }
    static const struct {
        const char *name;
        enum family family;
    } primitives[] = {
        {"boolean", BOOLEAN},    {"integer", NUMBER}, {"unsignedInt", NUMBER},
        {"positiveInt", NUMBER}, {"decimal", NUMBER}, {"date", DATE},
        {"dateTime", DATE},      {"instant", DATE},   {"time", TIME},
    };
    if (t->fhir->kind != RH_KIND_PRIMITIVE)
        return rh_fp_is_quantity(t->fhir) ? QUANTITY : ELEMENT;
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
        if (strcmp(t->fhir->name, primitives[i].name) == 0)
            return primitives[i].family;
    return TEXT;
}

static enum family family(const struct guess *g)
{
    enum family f = UNSURE;
    for (unsigned i = 0; i < g->count && !g->unknown; i++) {
        enum family now = family_of(&g->types[i]);
        if (i && now != f)
            return UNSURE;
        f = now;
    }
    return f;
}

static const struct guess *arithmetic(struct check *k, const struct rh_fp_node *n, enum family a,
                                      enum family b, const struct guess *left)
{
    bool sum = n->op_id == RH_FP_PLUS || n->op_id == RH_FP_MINUS;
    bool bad = a == ELEMENT || b == ELEMENT || a == BOOLEAN || b == BOOLEAN;
    if (a == TEXT || b == TEXT)
        bad = bad || n->op_id != RH_FP_PLUS || (a && b && a != b);
    if (a == DATE || a == TIME)
        bad = bad || !sum || (b && b != QUANTITY);
    if (bad) {
        wrong(k, n, "\"%.*s\" never works on operands of these types", RH_TEXT_ARG(n->name));
        return &anything;
    }
    if (a == TEXT)
        return of_system(k, RH_FP_STRING);
    if ((a == DATE || a == TIME) && left->count == 1 && !left->types[0].fhir)
        return left;
    return &anything;
}

static void comparison(struct check *k, const struct rh_fp_node *n, enum family a, enum family b)
{
    bool numbers = (a == NUMBER && b == QUANTITY) || (a == QUANTITY && b == NUMBER);
    if (a == ELEMENT || b == ELEMENT || a == BOOLEAN || b == BOOLEAN ||
        (a && b && a != b && !numbers))
        wrong(k, n, "values of these types can never be compared by \"%.*s\"",
              RH_TEXT_ARG(n->name));
}

static const struct guess *binary(struct check *k, const struct rh_fp_node *n)
{
    const struct guess *a = infer(k, n->args[0]), *b = infer(k, n->args[1]);
    enum family fa = family(a), fb = family(b);
    switch (n->op_id) {
    case RH_FP_UNION:
        return either(k, a, b);
    case RH_FP_CONCATENATE:
        return of_system(k, RH_FP_STRING);
    case RH_FP_PLUS:
    case RH_FP_MINUS:
    case RH_FP_TIMES:
    case RH_FP_DIVIDE:
    case RH_FP_DIV:
    case RH_FP_MOD:
        return arithmetic(k, n, fa, fb, a);
    case RH_FP_LESS:
    case RH_FP_LESS_EQUAL:
    case RH_FP_GREATER:
    case RH_FP_GREATER_EQUAL:
        comparison(k, n, fa, fb);
        return of_system(k, RH_FP_BOOLEAN);
    default:
        return of_system(k, RH_FP_BOOLEAN);
    }
}

static const struct guess *type_operator(struct check *k, const struct rh_fp_node *n)
{
    (void)infer(k, n->args[0]);
    if (n->op == RH_FP_OP_IS)
        return of_system(k, RH_FP_BOOLEAN);
    if (n->type.fhir && !n->type.system)
        return of_fhir(k, n->type.fhir);
    return n->type.system && !n->type.fhir ? of_system(k, n->type.system) : &anything;
}

static const struct guess *of_names(struct check *k, struct rh_text names)
{
    struct guess *g = names.len ? make(k) : NULL;
    struct rh_text one;
    if (!g)
        return &anything;
    while (rh_text_split(&names, '|', &one)) {
        struct one_type t = {NULL, RH_FP_NODE};
        for (int kind = RH_FP_NODE + 1; kind <= RH_FP_TYPE; kind++)
            if (rh_text_is(one, type_text(&(struct one_type){NULL, (enum rh_fp_kind)kind})))
                t.system = (enum rh_fp_kind)kind;
        if (t.system == RH_FP_NODE)
            t.fhir = rh_type_find(one);
        if (t.system == RH_FP_NODE && !t.fhir)
            return &anything;
        add(g, t);
    }
    return g;
}

static const struct guess *given_variable(struct check *k, const struct rh_fp_node *n)
{
    struct rh_text types = {NULL, 0};
    if (rh_fp_defines(k->e->root, n->name))
        return &anything;
    if (k->type(k->user, n->name, &types))
        return of_names(k, types);
    wrong(k, n, "the variable %%%.*s is not defined", RH_TEXT_ARG(n->name));
    return &anything;
}

static const struct guess *variable(struct check *k, const struct rh_fp_node *n)
{
    if (k->type && !rh_fp_variable_reserved(n->name))
        return given_variable(k, n);
    if (rh_text_is(n->name, "context"))
        return k->context;
    bool resource = rh_text_is(n->name, "resource") || rh_text_is(n->name, "rootResource");
    if (resource && k->context->count == 1 && k->context->types[0].fhir &&
        k->context->types[0].fhir->kind == RH_KIND_RESOURCE)
        return rh_text_is(n->name, "resource") ? k->context : &anything;
    return !resource && rh_fp_variable_reserved(n->name) ? of_system(k, RH_FP_STRING) : &anything;
}

static const struct guess *infer(struct check *k, const struct rh_fp_node *n)
{
    const struct guess *g;
    switch (n->op) {
    case RH_FP_OP_LITERAL:
        return of_system(k, n->literal.kind);
    case RH_FP_OP_EMPTY:
        return &nothing;
    case RH_FP_OP_THIS:
        return k->self;
    case RH_FP_OP_INDEX:
        return of_system(k, RH_FP_INTEGER);
    case RH_FP_OP_TOTAL:
        return &anything;
    case RH_FP_OP_VARIABLE:
        return variable(k, n);
    case RH_FP_OP_MEMBER:
        return member(k, n);
    case RH_FP_OP_CALL:
        return call(k, n);
    case RH_FP_OP_ITEM:
        g = n->focus ? infer(k, n->focus) : k->self;
        needs_order(k, n, g);
        (void)infer(k, n->args[0]);
        return g;
    case RH_FP_OP_UNARY:
        return infer(k, n->args[0]);
    case RH_FP_OP_BINARY:
        return binary(k, n);
    case RH_FP_OP_IS:
    case RH_FP_OP_AS:
        return type_operator(k, n);
    }
    return &anything;
}

enum rh_rc rh_fp_check_variables(struct rh_ctx *c, const struct rh_fp *e,
                                 const struct rh_type *focus, rh_fp_variable_type *type, void *user,
                                 struct rh_text *ret_types)
{
    struct check k = {.c = c, .arena = c->arena, .e = e, .type = type, .user = user};
    k.context = k.self = of_fhir(&k, focus);
    const struct guess *g = infer(&k, e->root);
    if (k.full)
        return RH_NOMEM;
    if (ret_types)
        *ret_types = types_text(&k, g);
    return k.rc;
}

enum rh_rc rh_fp_check(struct rh_ctx *c, const struct rh_fp *e, const struct rh_type *focus,
                       struct rh_text *ret_types)
{
    return rh_fp_check_variables(c, e, focus, NULL, NULL, ret_types);
}
