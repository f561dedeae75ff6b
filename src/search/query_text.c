/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_text.c - words of texts: _text, _content, and :text of tokens.
 *
 * Each word that is asked must begin a word of a text. Shared rows lead from a word to the texts
 * that have it, and these to the resources. The body decides.
 */
#include "search/query_int.h"

#include "base/bytes.h"

#include <stdlib.h>

enum { ATOMS_MAX = 100000, HASH = 8 };

struct hashes {
    uint64_t *rows;
    size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void tidy(struct hashes *h)
{
    size_t kept = 0;
    if (h->n > 1)
        qsort(h->rows, h->n, sizeof *h->rows, by_number);
    for (size_t i = 0; i < h->n; i++)
        if (kept == 0 || h->rows[kept - 1] != h->rows[i])
            h->rows[kept++] = h->rows[i];
    h->n = kept;
}

/* The texts that have a word which begins so. */
static enum rh_rc find_texts(struct rh_reading *r, struct rh_text word, struct hashes *ret)
{
    struct rh_buf b = rh_buf(r->ctx->arena);
    struct rh_text start, from, key;
    rh_buf_char(&b, 'w');
    rh_buf_text(&b, rh_text_shown(word, RH_KEY_TEXT_WORD));
    start = from = rh_buf_get(&b);
    if (b.rc)
        return b.rc;
    for (;;) {
        enum rh_rc rc = rh_query_walk(r, RH_PARAM_WORD, start, from, &key);
        if (rc)
            return rc == RH_NOTFOUND ? RH_OK : rc;
        if (key.len < start.len + HASH || ret->n == ATOMS_MAX)
            return ret->n == ATOMS_MAX ? RH_TOOLARGE : RH_CORRUPT;
        if (ret->n == ret->cap) {
            void *rows = rh_arena_grow(r->ctx->arena, ret->rows, &ret->cap, 2 * ret->n + 16,
                                       sizeof *ret->rows);
            if (!rows)
                return RH_NOMEM;
            ret->rows = rows;
        }
        ret->rows[ret->n++] = rh_get_u64((const unsigned char *)key.data + key.len - HASH);
        struct rh_buf next = rh_buf(r->ctx->arena);
        rh_buf_text(&next, key);
        rh_buf_char(&next, 0);
        if (next.rc)
            return next.rc;
        from = rh_buf_get(&next);
    }
}

static void keep_common(struct hashes *a, const struct hashes *b)
{
    size_t kept = 0;
    for (size_t i = 0, k = 0; i < a->n; i++) {
        while (k < b->n && b->rows[k] < a->rows[i])
            k++;
        if (k < b->n && b->rows[k] == a->rows[i])
            a->rows[kept++] = a->rows[i];
    }
    a->n = kept;
}

static void add_atoms(struct rh_making *m, unsigned number, const struct hashes *h)
{
    for (size_t i = 0; i <= h->n; i++) { /* 0: a resource with more text than keys */
        struct rh_buf b = rh_buf(m->r->ctx->arena);
        rh_key_atom(&b, i < h->n ? h->rows[i] : 0);
        if (b.rc)
            m->rc = b.rc;
        else
            rh_make_range(m, number, true, rh_buf_get(&b), (struct rh_text){NULL, 0});
    }
}

static void add_everything(struct rh_making *m, unsigned number)
{
    rh_make_range(m, number, false, RH_TEXT("a"), RH_TEXT("b"));
}

/* Folded words with blanks between. */
static enum rh_rc read_words(struct rh_reading *r, struct rh_text value, struct rh_text *ret)
{
    struct rh_text plain = rh_value_plain(r->ctx, value);
    enum rh_rc rc = plain.data ? rh_fold_line(r->ctx->arena, plain, ret) : RH_NOMEM;
    if (rc == RH_OK && !ret->len)
        return rh_query_refuse(r, "%.*s: \"%.*s\" has no word to search for", RH_TEXT_ARG(r->name),
                               RH_TEXT_ARG(rh_text_shown(plain, RH_QUERY_SHOWN)));
    return rc;
}

static enum rh_rc too_many(struct rh_reading *r, enum rh_rc rc)
{
    if (rc != RH_TOOLARGE)
        return rc;
    return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                        "%.*s: too many different texts have a word that begins so; add a word, or "
                        "write more of it",
                        RH_TEXT_ARG(r->name));
}

/* Ranges over texts that have all words of one value. */
static enum rh_rc add_same_text(struct rh_making *m, unsigned number, struct rh_text words)
{
    struct hashes all = {.n = 0};
    struct rh_text rest = words, word;
    for (bool first = true; rh_text_split(&rest, ' ', &word); first = false) {
        struct hashes found = {.n = 0};
        enum rh_rc rc = find_texts(m->r, word, &found);
        if (rc == RH_UNSUPPORTED) {
            add_everything(m, number);
            return m->rc;
        }
        if (rc)
            return rc;
        tidy(&found);
        if (first)
            all = found;
        else
            keep_common(&all, &found);
    }
    add_atoms(m, number, &all);
    return m->rc;
}

static enum rh_rc add_text(struct rh_making *m, struct rh_text value)
{
    struct rh_text words;
    enum rh_rc rc = read_words(m->r, value, &words);
    if (rc == RH_OK)
        m->leaf->texts[m->leaf->n_texts++] = words;
    return rc;
}

/* Texts of contained resources are those of what contains them. */
static enum rh_rc not_contained(struct rh_reading *r)
{
    return rh_query_cannot(r,
                           "%.*s: words of texts cannot be asked of contained resources alone; "
                           "leave _contained out, or search the containing type",
                           RH_TEXT_ARG(r->name));
}

enum rh_rc rh_query_text(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    if (r->contained != RH_CONTAINED_FALSE)
        return not_contained(r);
    enum rh_rc rc = rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = rh_make_values(&m);
    if (rc)
        return rc;
    m.leaf->body = RH_BODY_TEXT;
    m.leaf->texts = rh_arena_alloc(r->ctx->arena, r->n * sizeof *m.leaf->texts);
    if (!m.leaf->texts)
        return RH_NOMEM;
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        rc = add_text(&m, r->values[i]);
        if (rc == RH_OK)
            rc = add_same_text(&m, RH_PARAM_ATOM, m.leaf->texts[i]);
    }
    return rc ? too_many(r, rc) : rh_make_close(&m, ret);
}

/* --- _text, _content ---------------------------------------------------------------------------
 */

static enum rh_rc add_word(struct rh_making *m, struct rh_text word)
{
    struct hashes found = {.n = 0};
    enum rh_rc rc = find_texts(m->r, word, &found);
    if (rc == RH_UNSUPPORTED) {
        add_everything(m, RH_PARAM_ATOM);
        add_everything(m, RH_PARAM_TEXT_ATOM);
        return m->rc;
    }
    tidy(&found);
    if (rc == RH_OK)
        add_atoms(m, RH_PARAM_ATOM, &found);
    if (rc == RH_OK)
        add_atoms(m, RH_PARAM_TEXT_ATOM, &found);
    return rc ? rc : m->rc;
}

/* One condition for one value and, in any text, one word. */
static enum rh_rc one_word(struct rh_reading *r, enum rh_body body, struct rh_text words,
                           struct rh_text word, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    if (rc)
        return rc;
    m.leaf->body = body;
    m.leaf->texts = rh_arena_alloc(r->ctx->arena, sizeof *m.leaf->texts);
    if (!m.leaf->texts)
        return RH_NOMEM;
    m.leaf->n_texts = 1;
    m.leaf->texts[0] = body == RH_BODY_CONTENT ? word : words;
    rc =
        body == RH_BODY_CONTENT ? add_word(&m, word) : add_same_text(&m, RH_PARAM_TEXT_ATOM, words);
    return rc ? too_many(r, rc) : rh_make_close(&m, ret);
}

static enum rh_rc one_value(struct rh_reading *r, enum rh_body body, struct rh_text value,
                            struct rh_condition *ret)
{
    struct rh_condition rows[RH_WORDS_MAX];
    struct rh_text words, rest, word;
    unsigned n = 0;
    enum rh_rc rc = read_words(r, value, &words);
    if (rc)
        return rc;
    if (body == RH_BODY_NARRATIVE)
        return one_word(r, body, words, words, ret);
    rest = words;
    while (rc == RH_OK && rh_text_split(&rest, ' ', &word)) {
        if (n == RH_WORDS_MAX)
            return rh_query_too_large(r);
        rc = one_word(r, body, words, word, &rows[n++]);
    }
    return rc ? rc : rh_query_group(r, RH_COND_AND, rows, n, ret);
}

enum rh_rc rh_query_full_text(struct rh_reading *r, struct rh_condition *ret)
{
    enum rh_body body =
        strcmp(r->parameter->name, "_text") == 0 ? RH_BODY_NARRATIVE : RH_BODY_CONTENT;
    struct rh_condition rows[RH_QUERY_CONDITIONS_MAX];
    if (r->contained != RH_CONTAINED_FALSE)
        return not_contained(r);
    if (r->n > RH_QUERY_CONDITIONS_MAX)
        return rh_query_too_large(r);
    for (unsigned i = 0; i < r->n; i++) {
        enum rh_rc rc = one_value(r, body, r->values[i], &rows[i]);
        if (rc)
            return rc;
    }
    return rh_query_group(r, RH_COND_OR, rows, r->n, ret);
}
