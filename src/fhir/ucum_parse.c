/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ucum_parse.c - the grammar of UCUM (figure 1), read from left to right without recursion.
 *
 * term: component { ("." | "/") component }, at the beginning also "/" alone; component: number,
 * symbol with exponent, either with an annotation, an annotation, or a term in brackets.
 */
#include "fhir/ucum_int.h"

enum { DEPTH_MAX = 32, EXPONENT_MAX = 999, NUMBER_DIGITS_MAX = 30 };

struct reader {
    struct rh_issues *is;
    struct rh_text code;
    size_t at;
    struct rh_ucum_parts *parts;
    bool outer[DEPTH_MAX]; /* what stood before each open bracket */
    unsigned depth;
    bool divided; /* by the brackets around */
    bool slash;   /* before this component */
};

static enum rh_rc refuse(struct reader *r, enum rh_rc rc, size_t at, const char *what)
{
    if (r->is)
        rh_issue_at(r->is, (struct rh_issue){.severity = RH_ERROR,
                                             .rc = rc,
                                             .text = what ? what : "out of memory",
                                             .column = (unsigned)at + 1});
    return rc;
}

/* ... with the unit and the column in the sentence. */
static enum rh_rc refuse_at(struct reader *r, size_t at, const char *what)
{
    if (!r->is)
        return RH_SYNTAX;
    return refuse(r, RH_SYNTAX, at,
                  rh_arena_printf(r->is->arena, "The unit '%.*s' is not UCUM at column %zu: %s.",
                                  RH_TEXT_ARG(r->code), at + 1, what));
}

static char peek(const struct reader *r)
{
    return r->at < r->code.len ? r->code.data[r->at] : 0;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct rh_ucum_part *add(struct reader *r)
{
    if (r->parts->count == RH_UCUM_PARTS_MAX)
        return NULL;
    struct rh_ucum_part *p = &r->parts->part[r->parts->count++];
    *p = (struct rh_ucum_part){
        .number = 1, .exponent = 1, .divided = r->divided != r->slash, .note = {NULL, 0}};
    return p;
}

static enum rh_rc read_note(struct reader *r, struct rh_ucum_part *p)
{
    if (peek(r) != '{')
        return RH_OK;
    size_t from = ++r->at;
    while (peek(r) > 32 && peek(r) < 127 && peek(r) != '{' && peek(r) != '}')
        r->at++;
    if (peek(r) != '}')
        return refuse_at(r, r->at,
                         r->at < r->code.len ? "an annotation in {} holds visible ASCII characters"
                                             : "the annotation is not closed with }");
    p->note = (struct rh_text){r->code.data + from, r->at - from};
    r->at++;
    return RH_OK;
}

static enum rh_rc read_number(struct reader *r, struct rh_ucum_part *p)
{
    size_t from = r->at;
    p->number = 0;
    for (; digit(peek(r)); r->at++) {
        if (r->at - from >= NUMBER_DIGITS_MAX)
            return refuse_at(r, from,
                             "a number of at most 30 digits may stand here; larger ones "
                             "are written as powers, 10*40");
        p->number = p->number * 10 + (peek(r) - '0');
    }
    if (p->number == 0)
        return refuse_at(r, from, "0 is not a unit");
    return RH_OK;
}

static int compare(const struct rh_ucum_atom *a, struct rh_text t)
{
    return rh_text_cmp((struct rh_text){a->code, a->len}, t);
}

static const struct rh_ucum_atom *find_atom(struct rh_text t)
{
    unsigned lo = 0, hi = rh_ucum_n_atoms;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        int c = compare(&rh_ucum_atoms[mid], t);
        if (c == 0)
            return &rh_ucum_atoms[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static bool find_symbol(struct rh_text t, struct rh_ucum_part *p)
{
    p->atom = find_atom(t);
    for (unsigned i = 0; !p->atom && i < rh_ucum_n_prefixes; i++) {
        const struct rh_ucum_prefix *prefix = &rh_ucum_prefixes[i];
        if (!rh_text_starts(t, prefix->code))
            continue;
        size_t n = strlen(prefix->code);
        const struct rh_ucum_atom *a = find_atom((struct rh_text){t.data + n, t.len - n});
        if (a && a->metric) {
            p->atom = a;
            p->prefix = prefix;
        }
    }
    return p->atom != NULL;
}

/* "mg" for "MG", "[ppth]" for "ppth". */
static bool resembles(struct rh_text t, const char *prefix, const char *code)
{
    size_t n = strlen(prefix), len = strlen(code);
    struct rh_text rest = {t.data + n, t.len - n};
    if (t.len < n || !rh_text_ieq((struct rh_text){t.data, n}, rh_text(prefix)))
        return false;
    return rh_text_ieq(rest, (struct rh_text){code, len}) ||
           (len > 2 && code[0] == '[' && rh_text_ieq(rest, (struct rh_text){code + 1, len - 2}));
}

static const char *meant(struct rh_issues *is, struct rh_text t)
{
    for (unsigned i = 0; i < rh_ucum_n_insteads; i++)
        if (rh_text_is(t, rh_ucum_insteads[i].wrong))
            return rh_ucum_insteads[i].right;
    for (unsigned i = 0; i < rh_ucum_n_atoms; i++)
        if (resembles(t, "", rh_ucum_atoms[i].code))
            return rh_ucum_atoms[i].code;
    for (unsigned i = 0; i < rh_ucum_n_insteads; i++)
        if (rh_text_ieq(t, rh_text(rh_ucum_insteads[i].wrong)))
            return rh_ucum_insteads[i].right;
    for (unsigned p = 0; p < rh_ucum_n_prefixes; p++)
        for (unsigned i = 0; i < rh_ucum_n_atoms; i++)
            if (rh_ucum_atoms[i].metric &&
                resembles(t, rh_ucum_prefixes[p].code, rh_ucum_atoms[i].code))
                return rh_arena_printf(is->arena, "%s%s", rh_ucum_prefixes[p].code,
                                       rh_ucum_atoms[i].code);
    return NULL;
}

static enum rh_rc unknown(struct reader *r, enum rh_rc rc, size_t at, struct rh_text symbol)
{
    if (!r->is)
        return rc;
    const char *right = meant(r->is, r->code);
    if (!right)
        right = meant(r->is, symbol);
    if (right)
        return refuse(r, rc, at,
                      rh_arena_printf(r->is->arena,
                                      "There is no unit '%.*s' in UCUM; '%s' was "
                                      "probably meant.",
                                      RH_TEXT_ARG(symbol), right));
    return refuse(r, rc, at,
                  rh_arena_printf(r->is->arena,
                                  "There is no unit '%.*s' in UCUM (in '%.*s', column %zu). Codes "
                                  "are case-sensitive: mg, not MG; words of your own stand in {}.",
                                  RH_TEXT_ARG(symbol), RH_TEXT_ARG(r->code), at + 1));
}

/* Characters of a symbol outside of its square brackets. */
static bool symbolic(char c)
{
    return c > 32 && c < 127 && !digit(c) && !strchr("()+-./=\"[]{}", c);
}

static enum rh_rc read_symbol(struct reader *r, struct rh_ucum_part *p)
{
    size_t from = r->at;
    if (peek(r) == '1') { /* 10* and 10^ */
        r->at += 3;
    } else {
        while (symbolic(peek(r)) || peek(r) == '[') {
            if (peek(r) == '[')
                while (peek(r) && peek(r) != ']')
                    r->at++;
            if (r->at == r->code.len)
                return refuse_at(r, r->at, "the unit in square brackets is not closed with ]");
            r->at++;
        }
    }
    struct rh_text symbol = {r->code.data + from, r->at - from};
    if (symbol.len == 0)
        return refuse_at(r, from,
                         r->at < r->code.len ? "a unit is expected here"
                                             : "a unit is missing at the end");
    if (!find_symbol(symbol, p))
        return unknown(r, RH_VALUE, from, symbol);
    bool sign = peek(r) == '+' || peek(r) == '-', minus = peek(r) == '-';
    r->at += sign;
    if (sign && !digit(peek(r)))
        return refuse_at(r, r->at, "an exponent has digits");
    for (p->exponent = digit(peek(r)) ? 0 : 1; digit(peek(r)); r->at++) {
        p->exponent = p->exponent * 10 + (peek(r) - '0');
        if (p->exponent > EXPONENT_MAX)
            return refuse_at(r, r->at, "an exponent is at most 999");
    }
    if (minus)
        p->exponent = -p->exponent;
    return RH_OK;
}

static bool ten(const struct reader *r)
{
    return r->at + 2 < r->code.len && memcmp(r->code.data + r->at, "10", 2) == 0 &&
           (r->code.data[r->at + 2] == '*' || r->code.data[r->at + 2] == '^');
}

static enum rh_rc read_component(struct reader *r)
{
    struct rh_ucum_part *p = add(r);
    if (!p)
        return refuse_at(r, r->at, "a unit has at most 64 parts");
    enum rh_rc rc = RH_OK;
    if (digit(peek(r)) && !ten(r))
        rc = read_number(r, p);
    else if (peek(r) != '{')
        rc = read_symbol(r, p);
    return rc ? rc : read_note(r, p);
}

/* Between two components. *done at the end. */
static enum rh_rc read_operator(struct reader *r, bool *done)
{
    for (; peek(r) == ')'; r->at++) {
        if (r->depth == 0)
            return refuse_at(r, r->at, "this bracket was never opened");
        r->divided = r->outer[--r->depth];
    }
    char c = peek(r);
    *done = r->at == r->code.len;
    if (*done && r->depth)
        return refuse_at(r, r->at, "a bracket is not closed with )");
    if (*done)
        return RH_OK;
    if (c == ' ' && r->is && meant(r->is, r->code))
        return unknown(r, RH_SYNTAX, 0, r->code);
    if (c != '.' && c != '/')
        return refuse_at(r, r->at,
                         c == ' ' || c == '*' || c == '^'
                             ? "parts are joined by . or /, without blanks; an exponent follows "
                               "its unit directly: m2"
                             : "a . or / is expected here");
    r->slash = c == '/';
    r->at++;
    return RH_OK;
}

enum rh_rc rh_ucum_read(struct rh_issues *is, struct rh_text code, struct rh_ucum_parts *ret)
{
    struct reader r = {.is = is, .code = code, .parts = ret};
    ret->count = 0;
    if (code.len == 0)
        return refuse(&r, RH_SYNTAX, 0, "A unit is empty; 1 is the code of no unit.");
    if (code.len > RH_UCUM_CODE_MAX)
        return refuse(&r, RH_SYNTAX, 0, "A unit has at most 256 characters.");
    if (peek(&r) == '/') {
        r.slash = true;
        r.at++;
    }
    for (bool done = false; !done;) {
        if (peek(&r) == '(') {
            if (r.depth == DEPTH_MAX)
                return refuse_at(&r, r.at, "brackets are nested at most 32 deep");
            r.outer[r.depth++] = r.divided;
            r.divided = r.divided != r.slash;
            r.slash = false;
            r.at++;
            continue;
        }
        enum rh_rc rc = read_component(&r);
        if (!rc)
            rc = read_operator(&r, &done);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Marks of arbitrary units, in the order of their numbers, without those that cancel out. */
static bool mark(struct rh_ucum *u, struct rh_ucum_mark m, int exponent)
{
    unsigned i = 0, n = 0;
    while (n < RH_UCUM_ARBITRARY_MAX && u->arbitrary[n].atom)
        n++;
    while (i < n && u->arbitrary[i].atom < m.atom)
        i++;
    if (i == n || u->arbitrary[i].atom != m.atom) {
        if (n == RH_UCUM_ARBITRARY_MAX)
            return false;
        memmove(&u->arbitrary[i + 1], &u->arbitrary[i], (n++ - i) * sizeof m);
        u->arbitrary[i] = (struct rh_ucum_mark){m.atom, 0};
    }
    int sum = u->arbitrary[i].exponent + m.exponent * exponent;
    if (sum > 127 || sum < -127)
        return false;
    u->arbitrary[i].exponent = (signed char)sum;
    if (sum == 0) {
        memmove(&u->arbitrary[i], &u->arbitrary[i + 1], (n - i - 1) * sizeof m);
        u->arbitrary[n - 1] = (struct rh_ucum_mark){0, 0};
    }
    return true;
}

static enum rh_rc times_part(struct rh_ucum *u, const struct rh_ucum_part *p)
{
    int exponent = p->divided ? -p->exponent : p->exponent;
    struct rh_ucum_ratio f = RH_UCUM_ONE;
    if (!p->atom)
        f = rh_ucum_ratio((struct rh_dec){p->number, 0});
    else if (!p->atom->function)
        f = p->atom->factor;
    if (p->prefix)
        f = rh_ucum_times(f, p->prefix->factor);
    enum rh_rc rc = rh_ucum_power(f, exponent, &f);
    if (rc)
        return rc;
    u->factor = rh_ucum_times(u->factor, f);
    if (!rh_ucum_in_range(u->factor))
        return RH_VALUE;
    for (unsigned i = 0; p->atom && i < RH_UCUM_DIMENSIONS; i++) {
        int sum = u->dimension[i] + p->atom->dimension[i] * exponent;
        if (sum > 127 || sum < -127)
            return RH_VALUE;
        u->dimension[i] = (signed char)sum;
    }
    for (unsigned i = 0; p->atom && i < RH_UCUM_ARBITRARY_MAX && p->atom->arbitrary[i].atom; i++)
        if (!mark(u, p->atom->arbitrary[i], exponent))
            return RH_VALUE;
    return RH_OK;
}

enum rh_rc rh_ucum_reduce(struct rh_issues *is, struct rh_text code,
                          const struct rh_ucum_parts *parts, struct rh_ucum *ret)
{
    struct rh_ucum u = {.factor = RH_UCUM_ONE};
    struct reader r = {.is = is, .code = code};
    unsigned units = 0;
    for (unsigned i = 0; i < parts->count; i++) {
        const struct rh_ucum_part *p = &parts->part[i];
        units += p->atom && (p->atom->function || memcmp(p->atom->code, "10", 2) != 0);
        if (p->atom && p->atom->function)
            u.special = (unsigned short)(p->atom - rh_ucum_atoms + 1);
        if (p->atom && p->atom->function && (p->exponent != 1 || p->divided))
            units++; /* as wrong as a product */
        if (times_part(&u, p))
            return refuse(&r, RH_VALUE, 0,
                          "The powers of this unit are larger than can be computed with.");
    }
    if (u.special && units > 1)
        return refuse(&r, RH_VALUE, 0,
                      "A unit of a scale that does not begin at zero, such as Cel, cannot be part "
                      "of a product or quotient; for differences of temperature take K.");
    *ret = u;
    return RH_OK;
}
