/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_string.c - strings as they are folded, and names by their words and sounds.
 */
#include "search/query_int.h"

static enum rh_rc no_letters(struct rh_reading *r, struct rh_text value)
{
    return rh_query_refuse(r, "%.*s: \"%.*s\" has no letter or digit to search for",
                           RH_TEXT_ARG(r->name), RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)));
}

/* 'x' and the folded value. */
static enum rh_rc fold(struct rh_reading *r, struct rh_text value, struct rh_text *plain,
                       struct rh_text *key)
{
    struct rh_text line;
    struct rh_buf b = rh_buf(r->ctx->arena);
    *plain = rh_value_plain(r->ctx, value);
    enum rh_rc rc = plain->data ? rh_fold_line(r->ctx->arena, *plain, &line) : RH_NOMEM;
    if (rc)
        return rc;
    if (!line.len)
        return no_letters(r, *plain);
    rh_buf_char(&b, 'x');
    rh_buf_text(&b, line);
    *key = rh_buf_get(&b);
    return b.rc;
}

enum rh_rc rh_query_add_string(struct rh_making *m, struct rh_text value)
{
    struct rh_text plain, key;
    enum rh_rc rc = fold(m->r, value, &plain, &key);
    if (rc)
        return rc;
    rh_make_starting(m, key);
    if (!rh_key_is_family(m->r->parameter))
        return RH_OK;
    struct rh_buf later = rh_buf(m->r->ctx->arena);
    rh_buf_char(&later, 'w');
    rh_buf_add(&later, key.data + 1, key.len - 1);
    rh_make_buf(m, &later, false);
    return RH_OK;
}

enum rh_rc rh_query_exact(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = rh_make_values(&m);
    if (rc)
        return rc;
    m.leaf->body = RH_BODY_EXACT;
    m.leaf->texts = rh_arena_alloc(r->ctx->arena, r->n * sizeof *m.leaf->texts);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_text key;
        if (!m.leaf->texts)
            return RH_NOMEM;
        rc = fold(r, r->values[i], &m.leaf->texts[m.leaf->n_texts++], &key);
        if (rc == RH_OK)
            rh_make_point(&m, key);
    }
    return rc ? rc : rh_make_close(&m, ret);
}

/* --- :contains ---------------------------------------------------------------------------------
 */

static bool passes(struct rh_making *m, struct rh_text key)
{
    for (unsigned i = 0; i < m->leaf->n; i++)
        if (rh_probe_key(m->r->ctx, &m->leaf->probes[i], key))
            return true;
    return false;
}

/* Every different string that is stored is looked at once; one that was cut may contain it. */
static enum rh_rc walk_strings(struct rh_making *m, unsigned number, unsigned *looked)
{
    struct rh_text start = RH_TEXT("x"), from = start, key;
    for (;;) {
        enum rh_rc rc = rh_query_walk(m->r, number, start, from, &key);
        if (rc == RH_NOTFOUND)
            return RH_OK;
        if (rc == RH_UNSUPPORTED) {
            rh_make_range(m, number, false, start, RH_TEXT("y"));
            m->unproven = true;
            return RH_OK;
        }
        if (rc)
            return rc;
        if (++*looked > RH_QUERY_WALK_MAX)
            return RH_TOOLARGE;
        if (key.len >= RH_KEY_CUT)
            m->unproven = true;
        if (key.len >= RH_KEY_CUT || passes(m, key))
            rh_make_range(m, number, true, key, (struct rh_text){NULL, 0});
        if (m->rc)
            return m->rc;
        struct rh_buf b = rh_buf(m->r->ctx->arena);
        rh_buf_text(&b, key);
        rh_buf_char(&b, 0);
        if (b.rc)
            return b.rc;
        from = rh_buf_get(&b);
    }
}

enum rh_rc rh_query_contains(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    unsigned looked = 0;
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_text plain, key;
        rc = fold(r, r->values[i], &plain, &key);
        if (rc == RH_OK)
            rh_make_probe(&m, &(struct rh_probe){.kind = RH_PROBE_CONTAINS,
                                                 .text = {key.data + 1, key.len - 1}});
    }
    for (unsigned i = 0; i < m.leaf->n_numbers && rc == RH_OK; i++)
        rc = walk_strings(&m, m.leaf->numbers[i], &looked);
    if (rc == RH_TOOLARGE)
        return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                            "%.*s: too many different texts are stored, or contain this; ask for "
                            "their beginning instead, without :contains",
                            RH_TEXT_ARG(r->name));
    return rc ? rc : rh_make_close(&m, ret);
}

/* --- names (docs/decisions/0002-names.md) ------------------------------------------------------
 */

/* One value: the words that must all be found, each with the particles that stand before it. */
struct name {
    struct rh_name_word *words;
    unsigned n;
    unsigned *needed, n_needed; /* numbers of words */
};

static void add_prefixed(struct rh_making *m, char kind, struct rh_text t, bool whole)
{
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    rh_buf_char(&b, kind);
    rh_buf_text(&b, t);
    rh_make_buf(m, &b, whole);
}

static void add_word(struct rh_making *m, const struct rh_name_word *w)
{
    add_prefixed(m, 'f', w->folded, false);
    for (unsigned i = 0; rh_key_has_skeleton(w) && i < w->n; i++)
        add_prefixed(m, 'k', w->skeletons[i], true);
}

static void add_needed(struct rh_making *m, const struct name *name, unsigned i)
{
    add_word(m, &name->words[i]);
    for (unsigned from = i; from > 0 && name->words[from - 1].particle && !m->rc; from--) {
        struct rh_name_word joined;
        enum rh_rc rc =
            rh_name_join(m->r->ctx->arena, name->words + from - 1, i - from + 2, &joined);
        if (rc)
            m->rc = rc;
        else
            add_word(m, &joined);
    }
}

static enum rh_rc read_name(struct rh_reading *r, struct rh_text value, struct name *ret)
{
    struct rh_name_word words[RH_WORDS_MAX];
    struct rh_text plain = rh_value_plain(r->ctx, value);
    enum rh_rc rc = plain.data ? rh_name_words(r->ctx->arena, plain, words, &ret->n) : RH_NOMEM;
    if (rc)
        return rc;
    if (ret->n == 0)
        return no_letters(r, plain);
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
enum rh_rc rh_query_words(struct rh_reading *r, struct rh_condition *ret)
{
    struct name *names = rh_arena_alloc(r->ctx->arena, r->n * sizeof *names);
    struct rh_condition rows[RH_QUERY_CONDITIONS_MAX];
    size_t total = 1;
    if (!names)
        return RH_NOMEM;
    for (unsigned i = 0; i < r->n; i++) {
        enum rh_rc rc = read_name(r, r->values[i], &names[i]);
        if (rc)
            return rc;
        total *= names[i].n_needed;
        if (total > RH_QUERY_CONDITIONS_MAX)
            return rh_query_too_large(r);
    }
    for (size_t k = 0; k < total; k++) {
        struct rh_making m;
        size_t rest = k;
        enum rh_rc rc = rh_make_open(&m, r);
        for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
            add_needed(&m, &names[i], names[i].needed[rest % names[i].n_needed]);
            rest /= names[i].n_needed;
        }
        if (rc == RH_OK)
            rc = rh_make_close(&m, &rows[k]);
        if (rc)
            return rc;
    }
    return rh_query_group(r, RH_COND_AND, rows, (unsigned)total, ret);
}
