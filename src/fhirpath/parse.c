/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A parser by precedence. Chains of one associative operator (a | b | c …) become a balanced tree,
 * so that a long list of codes is not a deep tree.
 */
#include "fhirpath/parse_int.h"

enum { OPERANDS_MAX = 4096 };

struct parser {
    struct rh_fp_lexer lexer;
    struct rh_arena *arena;
    struct rh_fp_token now, next;
    unsigned depth;
};

static const struct op_row {
    const char *text;
    unsigned char level; /* higher binds tighter */
    unsigned char id;
    bool associative;
} operators[] = {
    {"implies", 1, RH_FP_IMPLIES, false}, {"or", 2, RH_FP_OR, true},
    {"xor", 2, RH_FP_XOR, false},         {"and", 3, RH_FP_AND, true},
    {"in", 4, RH_FP_IN, false},           {"contains", 4, RH_FP_CONTAINS, false},
    {"=", 5, RH_FP_EQUAL, false},         {"~", 5, RH_FP_EQUIVALENT, false},
    {"!=", 5, RH_FP_NOT_EQUAL, false},    {"!~", 5, RH_FP_NOT_EQUIVALENT, false},
    {"<", 6, RH_FP_LESS, false},          {"<=", 6, RH_FP_LESS_EQUAL, false},
    {">", 6, RH_FP_GREATER, false},       {">=", 6, RH_FP_GREATER_EQUAL, false},
    {"|", 7, RH_FP_UNION, true},          {"is", 8, RH_FP_IS, false},
    {"as", 8, RH_FP_AS, false},           {"+", 9, RH_FP_PLUS, false},
    {"-", 9, RH_FP_MINUS, false},         {"&", 9, RH_FP_CONCATENATE, false},
    {"*", 10, RH_FP_TIMES, false},        {"/", 10, RH_FP_DIVIDE, false},
    {"div", 10, RH_FP_DIV, false},        {"mod", 10, RH_FP_MOD, false},
};

static enum rh_rc expression(struct parser *p, unsigned level, struct rh_fp_node **ret);

/* --- small things ----------------------------------------------------------------------------- */
static enum rh_rc advance(struct parser *p)
{
    p->now = p->next;
    return rh_fp_next(&p->lexer, &p->next);
}

static bool is_symbol(const struct rh_fp_token *t, const char *text)
{
    return t->kind == RH_FP_T_SYMBOL && rh_text_is(t->text, text);
}

static enum rh_rc expected(struct parser *p, const char *what)
{
    struct rh_text all = p->lexer.text;
    if (p->now.kind == RH_FP_T_END)
        return rh_fp_issue(p->lexer.issues, RH_SYNTAX, all, p->now.at,
                           "expected %s, but the expression ends here", what);
    size_t len = p->now.end - p->now.at, shown = len > 40 ? 40 : len;
    while (shown < len && shown > 0 && ((unsigned char)all.data[p->now.at + shown] & 0xC0) == 0x80)
        shown--;
    return rh_fp_issue(p->lexer.issues, RH_SYNTAX, all, p->now.at, "expected %s, found %.*s%s",
                       what, (int)shown, all.data + p->now.at, shown < len ? "…" : "");
}

static enum rh_rc want(struct parser *p, const char *symbol, const char *what)
{
    if (!is_symbol(&p->now, symbol))
        return expected(p, what);
    return advance(p);
}

static enum rh_rc node(struct parser *p, enum rh_fp_op op, unsigned at, struct rh_fp_node **ret)
{
    struct rh_fp_node *n = rh_arena_zero(p->arena, sizeof *n);
    if (!n)
        return RH_NOMEM;
    n->op = op;
    n->at = at;
    n->height = 1;
    *ret = n;
    return RH_OK;
}

/* Takes the height of a child into account. */
static enum rh_rc grow(struct parser *p, struct rh_fp_node *n, const struct rh_fp_node *child)
{
    if (child && child->height >= n->height)
        n->height = child->height + 1;
    if (n->height > RH_FP_DEPTH_MAX)
        return rh_fp_issue(p->lexer.issues, RH_SYNTAX, p->lexer.text, n->at,
                           "the expression is nested more than %d levels deep", RH_FP_DEPTH_MAX);
    return RH_OK;
}

static enum rh_rc set_args(struct parser *p, struct rh_fp_node *n, struct rh_fp_node *const *args,
                           unsigned count)
{
    n->args = rh_arena_alloc(p->arena, (count ? count : 1) * sizeof *n->args);
    if (!n->args)
        return RH_NOMEM;
    n->n_args = count;
    for (unsigned i = 0; i < count; i++) {
        n->args[i] = args[i];
        enum rh_rc rc = grow(p, n, args[i]);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- literals --------------------------------------------------------------------------------- */
static void *keep(struct parser *p, const void *value, size_t size)
{
    return rh_arena_copy(p->arena, value, size);
}

/* A calendar word in the singular; data NULL: none. */
static struct rh_text calendar_word(struct rh_text t)
{
    static const char *const words[] = {"year", "month",  "week",   "day",
                                        "hour", "minute", "second", "millisecond"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct rh_text w = rh_text(words[i]);
        if (rh_text_eq(t, w) ||
            (t.len == w.len + 1 && t.data[w.len] == 's' && memcmp(t.data, w.data, w.len) == 0))
            return w;
    }
    return (struct rh_text){NULL, 0};
}

static enum rh_rc number_value(struct parser *p, const struct rh_fp_token *t,
                               struct rh_fp_item *item)
{
    struct rh_dec d;
    enum rh_rc rc = rh_dec_parse(t->text, &d);
    if (rc && t->text.len > 1 && t->text.data[0] == '0') { /* 007: zeros in front are allowed */
        struct rh_text cut = t->text;
        while (cut.len > 1 && cut.data[0] == '0' && cut.data[1] >= '0' && cut.data[1] <= '9') {
            cut.data++;
            cut.len--;
        }
        rc = rh_dec_parse(cut, &d);
    }
    int64_t n = 0;
    if (!rc && t->kind != RH_FP_T_DECIMAL)
        rc = rh_dec_to_int(d, &n);
    if (rc)
        return rh_fp_issue(p->lexer.issues, RH_SYNTAX, p->lexer.text, t->at,
                           "the number is too large: integers have 64 bits, decimals %d digits",
                           RH_DEC_DIGITS);
    if (t->kind == RH_FP_T_DECIMAL) {
        item->kind = RH_FP_DECIMAL;
        item->decimal = keep(p, &d, sizeof d);
        return item->decimal ? RH_OK : RH_NOMEM;
    }
    item->kind = t->kind == RH_FP_T_LONG || n > INT32_MAX ? RH_FP_LONG : RH_FP_INTEGER;
    item->integer = n;
    return RH_OK;
}

/* A number, or a quantity when a unit follows. */
static enum rh_rc number(struct parser *p, struct rh_fp_item *item)
{
    struct rh_fp_token t = p->now;
    enum rh_rc rc = number_value(p, &t, item);
    if (!rc)
        rc = advance(p);
    if (rc)
        return rc;
    struct rh_fp_quantity q = {.unit = p->now.text};
    struct rh_text word = {NULL, 0};
    if (p->now.kind == RH_FP_T_NAME || p->now.kind == RH_FP_T_STRING)
        word = calendar_word(p->now.text);
    if (t.kind == RH_FP_T_LONG || (p->now.kind != RH_FP_T_STRING && !word.data))
        return RH_OK;
    if (word.data) { /* 4 days; and '4 'days'', which UCUM does not have */
        q.unit = word;
        q.calendar = true;
    }
    q.value = item->kind == RH_FP_DECIMAL ? *item->decimal : rh_dec_from(item->integer);
    item->kind = RH_FP_QUANTITY;
    item->quantity = keep(p, &q, sizeof q);
    return item->quantity ? advance(p) : RH_NOMEM;
}

static enum rh_rc time_value(struct parser *p, struct rh_fp_item *item)
{
    static const char *const examples[] = {"@2015-02-04", "@2015-02-04T14:34:28Z", "@T14:34:28"};
    int which = p->now.kind == RH_FP_T_DATE ? 0 : p->now.kind == RH_FP_T_DATETIME ? 1 : 2;
    static const enum rh_fp_kind kinds[] = {RH_FP_DATE, RH_FP_DATETIME, RH_FP_TIME};
    struct rh_fp_time t;
    item->kind = kinds[which];
    if (rh_fp_time_parse(p->now.text, item->kind, &t))
        return rh_fp_issue(p->lexer.issues, RH_SYNTAX, p->lexer.text, p->now.at,
                           "this is no date or time; a correct one is %s", examples[which]);
    item->time = keep(p, &t, sizeof t);
    return item->time ? advance(p) : RH_NOMEM;
}

static enum rh_rc literal(struct parser *p, struct rh_fp_node **ret)
{
    enum rh_rc rc = node(p, RH_FP_OP_LITERAL, p->now.at, ret);
    if (rc)
        return rc;
    struct rh_fp_item *item = &(*ret)->literal;
    switch (p->now.kind) {
    case RH_FP_T_STRING:
        item->kind = RH_FP_STRING;
        item->text = p->now.text;
        return advance(p);
    case RH_FP_T_INTEGER:
    case RH_FP_T_LONG:
    case RH_FP_T_DECIMAL:
        return number(p, item);
    case RH_FP_T_DATE:
    case RH_FP_T_DATETIME:
    case RH_FP_T_TIME:
        return time_value(p, item);
    default:
        item->kind = RH_FP_BOOLEAN;
        item->boolean = rh_text_is(p->now.text, "true");
        return advance(p);
    }
}

/* --- names, calls, types ---------------------------------------------------------------------- */
static bool is_name(const struct rh_fp_token *t)
{
    return t->kind == RH_FP_T_NAME || t->kind == RH_FP_T_QUOTED;
}

static enum rh_rc no_type(struct parser *p, unsigned at, struct rh_text name)
{
    return rh_fp_issue(p->lexer.issues, RH_INVALID, p->lexer.text, at,
                       "there is no type %.*s; types are those of FHIR R4, and System.Boolean, "
                       "String, Integer, Long, Decimal, Date, DateTime, Time, Quantity",
                       RH_TEXT_ARG(name));
}

/* name(.name)*, as "FHIR.Patient" */
static enum rh_rc type_specifier(struct parser *p, struct rh_fp_node *n)
{
    struct rh_buf b = rh_buf(p->arena);
    unsigned at = p->now.at;
    for (;;) {
        if (!is_name(&p->now))
            return expected(p, "the name of a type");
        rh_buf_text(&b, p->now.text);
        enum rh_rc rc = advance(p);
        if (rc)
            return rc;
        if (!is_symbol(&p->now, ".") || !is_name(&p->next))
            break;
        rh_buf_char(&b, '.');
        rc = advance(p);
        if (rc)
            return rc;
    }
    n->name = rh_buf_get(&b);
    if (b.rc)
        return b.rc;
    return rh_fp_typeref_find(n->name, &n->type) ? RH_OK : no_type(p, at, n->name);
}

static bool takes_type(struct rh_text name)
{
    return rh_text_is(name, "is") || rh_text_is(name, "as") || rh_text_is(name, "ofType");
}

static enum rh_rc one_argument(struct parser *p, struct rh_fp_node *call, struct rh_fp_node **ret)
{
    if (takes_type(call->name)) {
        enum rh_rc rc = node(p, RH_FP_OP_LITERAL, p->now.at, ret);
        if (rc)
            return rc;
        rc = type_specifier(p, *ret);
        call->type = (*ret)->type;
        (*ret)->literal = (struct rh_fp_item){.kind = RH_FP_STRING, .text = (*ret)->name};
        return rc;
    }
    enum rh_rc rc = expression(p, 1, ret);
    if (rc || !rh_text_is(call->name, "sort") || p->now.kind != RH_FP_T_NAME)
        return rc;
    if (rh_text_is(p->now.text, "asc"))
        return advance(p);
    if (!rh_text_is(p->now.text, "desc"))
        return RH_OK;
    struct rh_fp_node *n, *key = *ret; /* "desc" is written as a minus, as the first draft had it */
    rc = node(p, RH_FP_OP_UNARY, key->at, &n);
    if (rc)
        return rc;
    n->op_id = RH_FP_MINUS;
    n->name = RH_TEXT("-");
    rc = set_args(p, n, &key, 1);
    if (rc)
        return rc;
    *ret = n;
    return advance(p);
}

static enum rh_rc arguments(struct parser *p, struct rh_fp_node *call)
{
    struct rh_fp_node *args[16];
    unsigned count = 0;
    enum rh_rc rc = advance(p); /* ( */
    while (!rc && !is_symbol(&p->now, ")")) {
        if (count && (rc = want(p, ",", "\",\" or \")\"")))
            return rc;
        if (count == sizeof args / sizeof args[0])
            return rh_fp_issue(p->lexer.issues, RH_SYNTAX, p->lexer.text, p->now.at,
                               "no function takes so many arguments");
        rc = one_argument(p, call, &args[count]);
        count++;
    }
    if (rc)
        return rc;
    rc = advance(p); /* ) */
    return rc ? rc : set_args(p, call, args, count);
}

static enum rh_rc check_call(struct parser *p, struct rh_fp_node *call)
{
    const struct rh_fp_function *f = rh_fp_function_find(call->name);
    if (!f)
        return rh_fp_issue(p->lexer.issues, RH_INVALID, p->lexer.text, call->at,
                           "there is no function %.*s()", RH_TEXT_ARG(call->name));
    call->function = f;
    if (call->n_args >= f->min_args && call->n_args <= f->max_args)
        return RH_OK;
    if (f->min_args == f->max_args)
        return rh_fp_issue(p->lexer.issues, RH_INVALID, p->lexer.text, call->at,
                           "%s() takes %u argument%s, here are %u", f->name, f->min_args,
                           f->min_args == 1 ? "" : "s", call->n_args);
    return rh_fp_issue(p->lexer.issues, RH_INVALID, p->lexer.text, call->at,
                       "%s() takes %u to %u arguments, here are %u", f->name, f->min_args,
                       f->max_args, call->n_args);
}

/* A member or a call; `focus` NULL at the start of a path. */
static enum rh_rc invocation(struct parser *p, struct rh_fp_node *focus, struct rh_fp_node **ret)
{
    struct rh_fp_token t = p->now;
    bool call = is_symbol(&p->next, "(");
    struct rh_fp_node *n;
    enum rh_rc rc = node(p, call ? RH_FP_OP_CALL : RH_FP_OP_MEMBER, t.at, &n);
    if (!rc)
        rc = advance(p);
    if (rc)
        return rc;
    n->name = t.text;
    n->focus = focus;
    if (call) {
        rc = arguments(p, n);
        if (!rc)
            rc = check_call(p, n);
    } else {
        char *u = rh_arena_printf(p->arena, "_%.*s", RH_TEXT_ARG(t.text));
        if (!u)
            return RH_NOMEM;
        n->underscored = (struct rh_text){u, t.text.len + 1};
        if (!focus && t.text.len && t.text.data[0] >= 'A' && t.text.data[0] <= 'Z')
            n->type.fhir = rh_type_find(t.text);
    }
    if (!rc)
        rc = grow(p, n, focus);
    *ret = n;
    return rc;
}

static enum rh_rc dollar(struct parser *p, struct rh_fp_node **ret)
{
    enum rh_fp_op op;
    if (rh_text_is(p->now.text, "this"))
        op = RH_FP_OP_THIS;
    else if (rh_text_is(p->now.text, "index"))
        op = RH_FP_OP_INDEX;
    else if (rh_text_is(p->now.text, "total"))
        op = RH_FP_OP_TOTAL;
    else
        return expected(p, "$this, $index or $total");
    enum rh_rc rc = node(p, op, p->now.at, ret);
    return rc ? rc : advance(p);
}

static enum rh_rc bracketed(struct parser *p, struct rh_fp_node **ret)
{
    enum rh_rc rc = advance(p);
    if (!rc)
        rc = expression(p, 1, ret);
    return rc ? rc : want(p, ")", "an operator or \")\"");
}

static enum rh_rc term(struct parser *p, struct rh_fp_node **ret)
{
    enum rh_rc rc;
    switch (p->now.kind) {
    case RH_FP_T_NAME:
        if ((rh_text_is(p->now.text, "true") || rh_text_is(p->now.text, "false")) &&
            !is_symbol(&p->next, "("))
            return literal(p, ret);
        return invocation(p, NULL, ret);
    case RH_FP_T_QUOTED:
        return invocation(p, NULL, ret);
    case RH_FP_T_DOLLAR:
        return dollar(p, ret);
    case RH_FP_T_VARIABLE:
        rc = node(p, RH_FP_OP_VARIABLE, p->now.at, ret);
        if (rc)
            return rc;
        (*ret)->name = p->now.text;
        return advance(p);
    case RH_FP_T_END:
        return expected(p, "a value or a name");
    case RH_FP_T_SYMBOL:
        if (is_symbol(&p->now, "("))
            return bracketed(p, ret);
        if (!is_symbol(&p->now, "{"))
            return expected(p, "a value or a name");
        rc = node(p, RH_FP_OP_EMPTY, p->now.at, ret);
        if (!rc)
            rc = advance(p);
        return rc ? rc : want(p, "}", "\"}\": the empty collection is written {}");
    default:
        return literal(p, ret);
    }
}

/* --- operators -------------------------------------------------------------------------------- */
static enum rh_rc postfix(struct parser *p, struct rh_fp_node **ret)
{
    struct rh_fp_node *n;
    enum rh_rc rc = term(p, &n);
    while (!rc) {
        if (is_symbol(&p->now, ".")) {
            rc = advance(p);
            if (!rc && p->now.kind == RH_FP_T_DOLLAR)
                return expected(p, "a name after \".\"");
            if (!rc && !is_name(&p->now))
                return expected(p, "a name after \".\"");
            if (!rc)
                rc = invocation(p, n, &n);
        } else if (is_symbol(&p->now, "[")) {
            struct rh_fp_node *item, *index;
            rc = node(p, RH_FP_OP_ITEM, p->now.at, &item);
            if (!rc)
                rc = advance(p);
            if (!rc)
                rc = expression(p, 1, &index);
            if (!rc)
                rc = want(p, "]", "an operator or \"]\"");
            if (!rc)
                rc = set_args(p, item, &index, 1);
            if (rc)
                return rc;
            item->focus = n;
            rc = grow(p, item, n);
            n = item;
        } else {
            break;
        }
    }
    if (rc)
        return rc;
    *ret = n;
    return RH_OK;
}

static enum rh_rc unary(struct parser *p, struct rh_fp_node **ret)
{
    if (!is_symbol(&p->now, "-") && !is_symbol(&p->now, "+"))
        return postfix(p, ret);
    struct rh_fp_node *n, *operand;
    enum rh_rc rc = node(p, RH_FP_OP_UNARY, p->now.at, &n);
    if (rc)
        return rc;
    n->name = p->now.text;
    n->op_id = n->name.data[0] == '-' ? RH_FP_MINUS : RH_FP_PLUS;
    if (++p->depth > RH_FP_DEPTH_MAX)
        return grow(p, n, &(struct rh_fp_node){.height = RH_FP_DEPTH_MAX});
    rc = advance(p);
    if (!rc)
        rc = unary(p, &operand);
    p->depth--;
    if (!rc)
        rc = set_args(p, n, &operand, 1);
    *ret = n;
    return rc;
}

static const struct op_row *operator_at(const struct parser *p)
{
    if (p->now.kind != RH_FP_T_NAME && p->now.kind != RH_FP_T_SYMBOL)
        return NULL;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (rh_text_is(p->now.text, operators[i].text))
            return &operators[i];
    return NULL;
}

static enum rh_rc binary(struct parser *p, const struct op_row *o, unsigned at,
                         struct rh_fp_node *const args[2], struct rh_fp_node **ret)
{
    enum rh_rc rc = node(p, RH_FP_OP_BINARY, at, ret);
    if (rc)
        return rc;
    (*ret)->name = rh_text(o->text);
    (*ret)->op_id = (enum rh_fp_operator)o->id;
    return set_args(p, *ret, args, 2);
}

/* A balanced tree over operands[from .. from + n). */
static enum rh_rc balance(struct parser *p, const struct op_row *o, unsigned at,
                          struct rh_fp_node **operands, size_t n, struct rh_fp_node **ret)
{
    if (n == 1) {
        *ret = operands[0];
        return RH_OK;
    }
    struct rh_fp_node *args[2];
    enum rh_rc rc = balance(p, o, at, operands, n / 2, &args[0]);
    if (!rc)
        rc = balance(p, o, at, operands + n / 2, n - n / 2, &args[1]);
    return rc ? rc : binary(p, o, at, args, ret);
}

/* left o right o right …, up to the next other operator. */
static enum rh_rc chain(struct parser *p, const struct op_row *o, struct rh_fp_node **left)
{
    unsigned at = p->now.at;
    struct rh_fp_node **operands = NULL;
    size_t cap = 0, n = 0;
    do {
        if (n == OPERANDS_MAX)
            return rh_fp_issue(p->lexer.issues, RH_SYNTAX, p->lexer.text, p->now.at,
                               "more than %d operands of one operator", OPERANDS_MAX);
        operands = rh_arena_grow(p->arena, operands, &cap, n + 2, sizeof *operands);
        if (!operands)
            return RH_NOMEM;
        if (n == 0)
            operands[n++] = *left;
        enum rh_rc rc = advance(p);
        if (!rc)
            rc = expression(p, o->level + 1u, &operands[n]);
        if (rc)
            return rc;
        n++;
    } while (o->associative && operator_at(p) == o);
    return balance(p, o, at, operands, n, left);
}

static enum rh_rc type_operator(struct parser *p, const struct op_row *o, struct rh_fp_node **left)
{
    struct rh_fp_node *n;
    enum rh_rc rc = node(p, o->id == RH_FP_IS ? RH_FP_OP_IS : RH_FP_OP_AS, p->now.at, &n);
    if (!rc)
        rc = advance(p);
    if (!rc)
        rc = type_specifier(p, n);
    if (!rc)
        rc = set_args(p, n, left, 1);
    if (!rc)
        *left = n;
    return rc;
}

static enum rh_rc expression(struct parser *p, unsigned level, struct rh_fp_node **ret)
{
    if (++p->depth > RH_FP_DEPTH_MAX) {
        struct rh_fp_node here = {.at = p->now.at, .height = RH_FP_DEPTH_MAX + 1};
        return grow(p, &here, NULL);
    }
    struct rh_fp_node *left;
    enum rh_rc rc = unary(p, &left);
    while (!rc) {
        const struct op_row *o = operator_at(p);
        if (!o || o->level < level)
            break;
        rc = o->level == 8 ? type_operator(p, o, &left) : chain(p, o, &left);
    }
    p->depth--;
    if (rc)
        return rc;
    *ret = left;
    return RH_OK;
}

enum rh_rc rh_fp_compile(struct rh_ctx *c, struct rh_arena *a, struct rh_text text,
                         struct rh_fp **ret)
{
    if (text.len > RH_FP_TEXT_MAX)
        return rh_issue_add(c->issues, RH_SYNTAX, NULL, "the expression is longer than %d bytes",
                            RH_FP_TEXT_MAX);
    struct rh_fp *e = rh_arena_zero(a, sizeof *e);
    if (!e)
        return RH_NOMEM;
    e->text = rh_text_copy(a, text.len ? text : RH_TEXT(""));
    if (!e->text.data)
        return RH_NOMEM;
    if (!rh_utf8_valid(e->text))
        return rh_issue_add(c->issues, RH_SYNTAX, NULL, "the expression is not UTF-8");
    struct parser p = {.lexer = {.arena = a, .issues = c->issues, .text = e->text}, .arena = a};
    enum rh_rc rc = advance(&p);
    if (!rc)
        rc = advance(&p);
    if (!rc)
        rc = expression(&p, 1, &e->root);
    if (!rc && p.now.kind != RH_FP_T_END)
        rc = expected(&p, "an operator or the end");
    if (rc)
        return rc;
    *ret = e;
    return RH_OK;
}
