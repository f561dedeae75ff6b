/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_value.c - ids, tokens, references and names as ranges of keys.
 */
#include "search/query_int.h"

#include "base/bytes.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"

#include <stdlib.h>

/* --- ranges ------------------------------------------------------------------------------------
 */

/* The first text behind all that begin with `t`; its end is free to change. Empty data: there is
 * none. */
static struct rh_text behind(struct rh_arena *a, struct rh_text t)
{
    unsigned char *p = rh_arena_copy(a, t.data, t.len);
    size_t n = t.len;
    while (p && n > 0 && p[n - 1] == 0xFF)
        n--;
    if (!p || n == 0)
        return (struct rh_text){NULL, 0};
    p[n - 1]++;
    return (struct rh_text){(const char *)p, n};
}

void rh_ranges_add(struct rh_ranges *s, const struct rh_probe *p)
{
    struct rh_range cut = {p->lo, p->hi};
    if (s->rc)
        return;
    if (s->n == RH_QUERY_RANGES_MAX) {
        s->rc = RH_TOOLARGE;
        return;
    }
    void *rows = s->rows, *probes = s->probes;
    if (s->n == s->cap_rows)
        rows = rh_arena_grow(s->ctx->arena, rows, &s->cap_rows, 2 * s->n + 8, sizeof *s->rows);
    if (s->n == s->cap_probes)
        probes =
            rh_arena_grow(s->ctx->arena, probes, &s->cap_probes, 2 * s->n + 8, sizeof *s->probes);
    if (cut.hi.len > RH_KEY_CUT)
        cut.hi = behind(s->ctx->arena, (struct rh_text){cut.hi.data, RH_KEY_CUT});
    if (!rows || !probes || !cut.hi.data) {
        s->rc = RH_NOMEM;
        return;
    }
    if (cut.lo.len > RH_KEY_CUT)
        cut.lo.len = RH_KEY_CUT;
    s->rows = rows;
    s->probes = probes;
    s->probes[s->n] = *p;
    s->rows[s->n++] = cut;
}

void rh_ranges_key(struct rh_ranges *s, struct rh_text key)
{
    /* arena copies end with a NUL byte, which makes the smallest text behind the key */
    char *copy = rh_arena_copy(s->ctx->arena, key.data, key.len);
    if (!copy) {
        s->rc = RH_NOMEM;
        return;
    }
    s->single = (s->n == 0 || s->single) && key.len < RH_KEY_CUT;
    rh_ranges_add(s, &(struct rh_probe){.lo = {copy, key.len}, .hi = {copy, key.len + 1}});
}

void rh_ranges_starting(struct rh_ranges *s, struct rh_text start)
{
    struct rh_probe p = {.lo = start, .hi = behind(s->ctx->arena, start)};
    if (!p.hi.data)
        s->rc = RH_NOMEM;
    s->single = false;
    rh_ranges_add(s, &p);
}

static enum rh_rc too_large(struct rh_reading *r)
{
    return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                        "the search asks for too much at once: at most %d parameters, %d values of "
                        "one, and names of a few words; please ask in parts",
                        RH_QUERY_CONDITIONS_MAX, RH_QUERY_VALUES_MAX);
}

enum rh_rc rh_ranges_close(struct rh_reading *r, struct rh_ranges *s)
{
    if (s->rc == RH_TOOLARGE || r->query->n == RH_QUERY_CONDITIONS_MAX)
        return too_large(r);
    if (s->rc)
        return s->rc;
    r->query->conditions[r->query->n++] = (struct rh_condition){
        .parameter = r->parameter,
        .ranges = s->rows,
        .n_ranges = (unsigned)s->n,
        .test = s->probes,
        .single = s->single,
    };
    return RH_OK;
}

static void add_buf(struct rh_ranges *s, const struct rh_buf *b, bool whole)
{
    if (b->rc)
        s->rc = b->rc;
    else if (whole)
        rh_ranges_key(s, rh_buf_get(b));
    else
        rh_ranges_starting(s, rh_buf_get(b));
}

/* --- _id ---------------------------------------------------------------------------------------
 */

static int by_text(const void *a, const void *b)
{
    const struct rh_text *x = a, *y = b;
    return rh_text_cmp(*x, *y);
}

enum rh_rc rh_query_ids(struct rh_reading *r, const struct rh_value *values, unsigned n)
{
    struct rh_text *ids = rh_arena_alloc(r->ctx->arena, (n + 1) * sizeof *ids);
    unsigned kept = 0;
    if (!ids)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        if (!rh_id_is(values[i].text))
            return rh_query_refuse(
                r, "_id: \"%.*s\" is not an id: 1 to 64 letters, digits, '-' and '.'",
                RH_TEXT_ARG(values[i].text));
        ids[i] = values[i].text;
    }
    qsort(ids, n, sizeof *ids, by_text);
    for (unsigned i = 0; i < n; i++)
        if (kept == 0 || !rh_text_eq(ids[kept - 1], ids[i]))
            ids[kept++] = ids[i];
    if (r->query->n == RH_QUERY_CONDITIONS_MAX)
        return too_large(r);
    r->query->conditions[r->query->n++] =
        (struct rh_condition){.parameter = r->parameter, .ids = ids, .n_ids = kept};
    return RH_OK;
}

/* --- token: code, system|code, |code, system| ----------------------------------------------------
 */

static enum rh_rc add_token(struct rh_reading *r, struct rh_ranges *s, const struct rh_value *v)
{
    struct rh_text system = {v->text.data, 0}, code = v->text;
    unsigned char hash[8];
    struct rh_buf b = rh_buf(r->ctx->arena);
    bool bar = v->bar != SIZE_MAX;
    if (bar) {
        system.len = v->bar;
        code = (struct rh_text){v->text.data + v->bar + 1, v->text.len - v->bar - 1};
    }
    if (!system.len && !code.len)
        return rh_query_refuse(r,
                               "%s: \"|\" names neither a system nor a code; forms are code, "
                               "system|code, |code and system|",
                               r->parameter->name);
    rh_put_u64(hash, rh_key_system(system));
    if (!code.len) {
        rh_buf_char(&b, 's');
        rh_buf_add(&b, hash, sizeof hash);
    } else {
        rh_buf_char(&b, 'c');
        rh_key_word(&b, code, true);
        if (bar)
            rh_buf_add(&b, hash, sizeof hash);
    }
    add_buf(s, &b, bar);
    return RH_OK;
}

enum rh_rc rh_query_tokens(struct rh_reading *r, const struct rh_value *values, unsigned n)
{
    struct rh_ranges s = {.ctx = r->ctx};
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = add_token(r, &s, &values[i]);
        if (rc)
            return rc;
    }
    return rh_ranges_close(r, &s);
}

/* --- reference: id, Type/id, an absolute address (of this server: both)
 * ----------------------------------- */

static enum rh_rc add_reference(struct rh_reading *r, struct rh_ranges *s, struct rh_text value)
{
    const char *name = r->parameter->name, *target = rh_resource_type(r->parameter->target)->name;
    struct rh_text id = value;
    bool address = false;
    if (!rh_id_is(value)) {
        struct rh_reference ref = rh_reference_parse(value, r->ctx->base);
        address = memchr(value.data, ':', value.len) != NULL;
        if ((ref.kind != RH_REF_LOCAL && ref.kind != RH_REF_ABSOLUTE) ||
            ref.type != r->parameter->target)
            return rh_query_refuse(
                r,
                "%s: \"%.*s\" is not a reference to a %s; forms are an id, %s/id, or the whole "
                "address of one",
                name, RH_TEXT_ARG(value), target, target);
        if (ref.version.len)
            return rh_query_refuse(r, "%s: \"%.*s\" names a version; please leave it out", name,
                                   RH_TEXT_ARG(value));
        id = ref.kind == RH_REF_LOCAL ? ref.id : (struct rh_text){NULL, 0};
    }
    struct rh_buf b = rh_buf(r->ctx->arena), own = rh_buf(r->ctx->arena);
    if (id.data) {
        rh_key_reference(&b, r->parameter->target, id, value);
        add_buf(s, &b, true);
    }
    if (address) {
        rh_key_reference(&own, r->parameter->target, (struct rh_text){NULL, 0}, value);
        add_buf(s, &own, true);
    }
    return RH_OK;
}

enum rh_rc rh_query_references(struct rh_reading *r, const struct rh_value *values, unsigned n)
{
    struct rh_ranges s = {.ctx = r->ctx};
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = add_reference(r, &s, values[i].text);
        if (rc)
            return rc;
    }
    return rh_ranges_close(r, &s);
}

/* --- names -------------------------------------------------------------------------------------
 */

/* One value: the words that must all be found, each with the particles that stand before it. */
struct name {
    struct rh_name_word *words;
    unsigned n;
    unsigned *needed, n_needed; /* numbers of words */
};

static void add_prefixed(struct rh_ranges *s, char kind, struct rh_text t, bool whole)
{
    struct rh_buf b = rh_buf(s->ctx->arena);
    rh_buf_char(&b, kind);
    rh_buf_text(&b, t);
    add_buf(s, &b, whole);
}

static void add_word(struct rh_ranges *s, const struct rh_name_word *w)
{
    add_prefixed(s, 'f', w->folded, false);
    for (unsigned i = 0; rh_key_has_skeleton(w) && i < w->n; i++)
        add_prefixed(s, 'k', w->skeletons[i], true);
}

static void add_needed(struct rh_ranges *s, const struct name *name, unsigned i)
{
    add_word(s, &name->words[i]);
    for (unsigned from = i; from > 0 && name->words[from - 1].particle && !s->rc; from--) {
        struct rh_name_word joined;
        enum rh_rc rc = rh_name_join(s->ctx->arena, name->words + from - 1, i - from + 2, &joined);
        if (rc)
            s->rc = rc;
        else
            add_word(s, &joined);
    }
}

static enum rh_rc read_name(struct rh_reading *r, struct rh_text value, struct name *ret)
{
    struct rh_name_word words[RH_WORDS_MAX];
    enum rh_rc rc = rh_name_words(r->ctx->arena, value, words, &ret->n);
    if (rc)
        return rc;
    if (ret->n == 0)
        return rh_query_refuse(r, "%s: \"%.*s\" has no letter or digit to search for",
                               r->parameter->name, RH_TEXT_ARG(value));
    ret->words = rh_arena_copy(r->ctx->arena, words, ret->n * sizeof words[0]);
    ret->needed = rh_arena_alloc(r->ctx->arena, ret->n * sizeof *ret->needed);
    ret->n_needed = 0;
    if (!ret->words || !ret->needed)
        return RH_NOMEM;
    for (unsigned i = 0; i < ret->n; i++)
        if (!ret->words[i].particle)
            ret->needed[ret->n_needed++] = i;
    if (ret->n_needed == 0) /* nothing but particles: look for the last */
        ret->needed[ret->n_needed++] = ret->n - 1;
    return RH_OK;
}

/* (a and b) or c = (a or c) and (b or c): each choice of one word of every value is a condition of
 * its own. */
enum rh_rc rh_query_names(struct rh_reading *r, const struct rh_value *values, unsigned n)
{
    struct name *names = rh_arena_alloc(r->ctx->arena, n * sizeof *names);
    size_t total = 1;
    if (!names)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = read_name(r, values[i].text, &names[i]);
        if (rc)
            return rc;
        total *= names[i].n_needed;
        if (total > RH_QUERY_CONDITIONS_MAX)
            return too_large(r);
    }
    for (size_t k = 0; k < total; k++) {
        struct rh_ranges s = {.ctx = r->ctx};
        size_t rest = k;
        for (unsigned i = 0; i < n; i++) {
            add_needed(&s, &names[i], names[i].needed[rest % names[i].n_needed]);
            rest /= names[i].n_needed;
        }
        enum rh_rc rc = rh_ranges_close(r, &s);
        if (rc)
            return rc;
    }
    return RH_OK;
}
