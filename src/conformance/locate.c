/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over the text for all issues together: at each object and array the list of those whose
 * path goes on there is handed down; what nobody asks for is skipped. Places are counted as the
 * pass moves on, so the cost is that of the text, not of the text times the issues. */
#include "base/json.h"
#include "conformance/validate.h"
#include "fhir/place.h"

struct found {
    struct rh_issue *issue;
    unsigned depth, rank; /* of the best place so far */
};

/* An issue on its way down. */
struct seeker {
    struct found *found;
    const char *rest;          /* of the expression, behind `step` */
    struct rh_place_step step; /* what is looked for here; name empty: nothing more */
    size_t index;              /* of the step above, while its array is walked */
    unsigned rank;             /* of the member above */
};

struct pass {
    struct rh_text t;
    size_t at;
    size_t counted; /* line and column are those of this offset */
    unsigned line, column;
    struct rh_arena *arena;
    struct seeker *stack; /* the lists of all levels, one behind the other */
    size_t count, cap;
    bool stop; /* not JSON after all, or no memory: what was found stays */
};

/* ---- the text -------------------------------------------------------------------------------- */

static char peek(struct pass *p)
{
    while (p->at < p->t.len) {
        char c = p->t.data[p->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return c;
        p->at++;
    }
    p->stop = true;
    return 0;
}

/* At a quote: moves behind the string; *ret is what stands between the quotes. */
static bool string(struct pass *p, struct rh_text *ret)
{
    size_t from = ++p->at;
    for (; p->at < p->t.len; p->at++) {
        char c = p->t.data[p->at];
        if (c == '"') {
            *ret = (struct rh_text){p->t.data + from, p->at - from};
            p->at++;
            return true;
        }
        if (c == '\\')
            p->at++;
    }
    p->at = p->t.len;
    p->stop = true;
    return false;
}

static void skip_value(struct pass *p)
{
    struct rh_text ignored;
    size_t depth = 0;
    for (char c; (c = peek(p)) && !p->stop;) {
        if (c == '"') {
            if (!string(p, &ignored))
                return;
        } else if (c == '{' || c == '[') {
            depth++;
            p->at++;
        } else if (c == '}' || c == ']' || c == ',' || c == ':') {
            if (depth == 0)
                return; /* a value should stand here */
            depth -= c == '}' || c == ']';
            p->at++;
        } else {
            while (p->at < p->t.len && !strchr(" \n\r\t,:]}\"{[", p->t.data[p->at]))
                p->at++;
            if (p->at < p->t.len && p->t.data[p->at] == 0)
                p->at++; /* strchr found the end of its list */
        }
        if (depth == 0)
            return;
    }
}

static void count_to(struct pass *p, size_t at)
{
    for (; p->counted < at; p->counted++) {
        if (p->t.data[p->counted] == '\n') {
            p->line++;
            p->column = 1;
        } else if (((unsigned char)p->t.data[p->counted] & 0xC0) != 0x80) {
            p->column++;
        }
    }
}

/* The places of issues are met in the order of the text. */
static void found(struct pass *p, struct found *f, size_t at, unsigned depth, unsigned rank)
{
    if (f->depth > depth || (f->depth == depth && f->rank >= rank))
        return;
    f->depth = depth;
    f->rank = rank;
    count_to(p, at);
    f->issue->line = p->line;
    f->issue->column = p->column;
}

static void push(struct pass *p, struct seeker s)
{
    struct seeker *stack = rh_arena_grow(p->arena, p->stack, &p->cap, p->count + 1, sizeof s);
    if (!stack) {
        p->stop = true;
        return;
    }
    p->stack = stack;
    p->stack[p->count++] = s;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void walk(struct pass *p, size_t from, unsigned depth);

/* The first item at or behind `i` that somebody wants; SIZE_MAX: none. */
static size_t next_wanted(const struct pass *p, size_t from, size_t to, size_t i)
{
    size_t next = SIZE_MAX;
    for (size_t k = from; k < to; k++) {
        size_t want = p->stack[k].index == SIZE_MAX ? 0 : p->stack[k].index;
        if (want >= i && want < next)
            next = want;
    }
    return next;
}

/* Where a member is said to be: at its name, or behind its value when there is nothing in it. */
static size_t place_of(struct pass *p, size_t name)
{
    struct pass look = *p;
    char c = peek(&look);
    if (c == '[') {
        look.at++;
        c = peek(&look) == ']' ? ']' : '{';
    }
    if (c == '{')
        return name;
    if (c == ']')
        return look.at + 1;
    skip_value(&look);
    return look.at;
}

static void walk_item(struct pass *p, size_t from, size_t to, size_t i, unsigned depth)
{
    size_t inner = p->count;
    size_t place = place_of(p, p->at + (peek(p) == '{'));
    for (size_t k = from; k < to && !p->stop; k++) {
        struct seeker *s = &p->stack[k];
        if (s->index == i)
            found(p, s->found, place, depth, 10 + s->rank);
        if (s->index == i || (s->index == SIZE_MAX && i == 0))
            push(p, *s);
    }
    if (!p->stop)
        walk(p, inner, depth);
    p->count = inner;
}

static void walk_array(struct pass *p, size_t from, unsigned depth)
{
    size_t to = p->count, next = next_wanted(p, from, to, 0);
    p->at++;
    for (size_t i = 0; peek(p) != ']' && !p->stop; i++) {
        size_t before = p->at;
        if (i == next) {
            walk_item(p, from, to, i, depth);
            next = next_wanted(p, from, to, i + 1);
        } else {
            skip_value(p);
        }
        if (peek(p) == ',')
            p->at++;
        else if (p->at == before)
            p->stop = true;
    }
    p->at++;
}

/* A member whose name has been read: hands it to those who look for it. */
static void walk_member(struct pass *p, size_t from, size_t to, struct rh_text key, unsigned depth)
{
    size_t inner = p->count, place = SIZE_MAX;
    for (size_t k = from; k < to && !p->stop; k++) {
        struct seeker down = p->stack[k];
        unsigned rank = down.step.name.len ? rh_place_fits(&down.step, key) : 0;
        if (rank == 0)
            continue;
        if (place == SIZE_MAX)
            place = place_of(p, (size_t)(key.data - p->t.data));
        found(p, down.found, place, depth + 1, rank);
        down.rank = rank;
        down.index = down.step.index;
        if (!rh_place_step(&down.rest, &down.step))
            down.step.name.len = 0;
        push(p, down);
    }
    if (p->stop)
        return;
    if (p->count == inner)
        skip_value(p);
    else if (peek(p) == '[')
        walk_array(p, inner, depth + 1);
    else
        walk(p, inner, depth + 1);
    p->count = inner;
}

/* Any value; the seekers from `from` on look for something in it. Every level takes a step of the
 * expression; the limit is only for texts that nobody parsed. */
static void walk(struct pass *p, size_t from, unsigned depth)
{
    size_t to = p->count;
    if (peek(p) != '{' || depth > RH_JSON_DEPTH_MAX) {
        skip_value(p);
        return;
    }
    p->at++;
    while (!p->stop && peek(p) == '"') {
        struct rh_text key;
        if (!string(p, &key))
            return;
        if (peek(p) != ':') {
            p->stop = true;
            return;
        }
        p->at++;
        walk_member(p, from, to, key, depth);
        if (!p->stop && peek(p) == ',')
            p->at++;
    }
    if (!p->stop && peek(p) == '}')
        p->at++;
    else
        p->stop = true;
}

/* The step behind the type at the start of "Patient.name". */
static struct seeker seeker_of(struct found *f)
{
    struct seeker s = {.found = f, .rest = f->issue->expression, .index = SIZE_MAX};
    if (!rh_place_first(&s.rest, &s.step))
        s.step.name.len = 0;
    return s;
}

void rh_locate(struct rh_issues *is, struct rh_text json)
{
    struct pass p = {.t = json, .line = 1, .column = 1, .arena = is->arena};
    struct found *all = is->count ? rh_arena_zero(is->arena, is->count * sizeof *all) : NULL;
    if (!all)
        return;
    if (json.len >= 3 && memcmp(json.data, "\xEF\xBB\xBF", 3) == 0)
        p.at = p.counted = 3;
    char c = peek(&p);
    for (unsigned i = 0; i < is->count && !p.stop; i++) {
        all[i].issue = &is->rows[i];
        if (!is->rows[i].expression || is->rows[i].line)
            continue;
        found(&p, &all[i], p.at + (c == '{'), 0, 1);
        push(&p, seeker_of(&all[i]));
    }
    if (p.count && !p.stop)
        walk(&p, 0, 0);
}
