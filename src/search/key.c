/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/key_int.h"

#include "base/bytes.h"
#include "base/datetime.h"
#include "base/hash.h"
#include "fhir/reference.h"

#include <stdlib.h>

enum { ROWS_MAX = 4 * RH_KEYS_MAX, SMALL = 24, SKELETON_LETTERS_MIN = 3, UUID_TEXT = 36 };

struct maker {
    struct rh_ctx *ctx;
    const struct rh_parameter *parameter;
    struct rh_search_key *rows;
    size_t n, cap;
};

/* --- pieces ------------------------------------------------------------------------------------
 */

void rh_key_word(struct rh_buf *b, struct rh_text word, bool ends)
{
    unsigned char uuid[16];
    if (word.len == UUID_TEXT && rh_uuid_parse(word, uuid)) {
        rh_buf_char(b, 'u');
        rh_buf_add(b, uuid, sizeof uuid);
        return;
    }
    rh_buf_char(b, 't');
    rh_buf_text(b, word);
    if (ends)
        rh_buf_char(b, 0);
}

void rh_key_reference(struct rh_buf *b, unsigned type, struct rh_text id, struct rh_text address)
{
    unsigned char number[2];
    rh_put_u16(number, (uint16_t)type);
    rh_buf_add(b, number, sizeof number);
    if (id.data) {
        rh_key_word(b, id, false);
    } else {
        rh_buf_char(b, 'x');
        rh_buf_text(b, address);
    }
}

void rh_key_span(unsigned char ret[RH_KEY_INSTANT_SIZE], char kind, int64_t first, int64_t second)
{
    ret[0] = (unsigned char)kind;
    rh_put_i64(ret + 1, first);
    rh_put_i64(ret + 9, second);
}

void rh_key_instant(int64_t us, unsigned char ret[RH_KEY_INSTANT_SIZE])
{
    rh_key_span(ret, 'l', us, us);
}

uint64_t rh_key_system(struct rh_text system)
{
    return system.len ? rh_hash_system(system) : 0;
}

bool rh_key_has_skeleton(const struct rh_name_word *w)
{
    if (w->n_letters >= SKELETON_LETTERS_MIN)
        return true;
    bool syllables = w->n_letters > 1 && w->letters[0] >= 0x1200 && w->letters[0] < 0x1380;
    return syllables;
}

/* --- gathering ---------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct rh_search_key *x = a, *y = b;
    if (x->parameter->number != y->parameter->number)
        return x->parameter->number < y->parameter->number ? -1 : 1;
    return rh_text_cmp(x->bytes, y->bytes);
}

static void sort(struct rh_search_key *rows, size_t n)
{
    if (n > SMALL) {
        qsort(rows, n, sizeof *rows, compare);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct rh_search_key row = rows[i];
        size_t k = i;
        for (; k > 0 && compare(&rows[k - 1], &row) > 0; k--)
            rows[k] = rows[k - 1];
        rows[k] = row;
    }
}

/* Sorts and leaves out repeats. */
static void tidy(struct maker *m)
{
    size_t kept = 0;
    sort(m->rows, m->n);
    for (size_t i = 0; i < m->n; i++)
        if (kept == 0 || compare(&m->rows[kept - 1], &m->rows[i]) != 0)
            m->rows[kept++] = m->rows[i];
    m->n = kept;
}

static enum rh_rc too_many(struct maker *m)
{
    return rh_issue_add(
        m->ctx->issues, RH_TOOLARGE, NULL,
        "the resource has more than %d search keys; please divide it into several resources",
        RH_KEYS_MAX);
}

static enum rh_rc add(struct maker *m, struct rh_text bytes)
{
    if (m->n >= ROWS_MAX) {
        tidy(m);
        if (m->n > RH_KEYS_MAX)
            return too_many(m);
    }
    if (m->n == m->cap) {
        void *rows = rh_arena_grow(m->ctx->arena, m->rows, &m->cap, m->cap ? 2 * m->cap : SMALL,
                                   sizeof *m->rows);
        if (!rows)
            return RH_NOMEM;
        m->rows = rows;
    }
    m->rows[m->n++] = (struct rh_search_key){m->parameter, bytes};
    return RH_OK;
}

static enum rh_rc add_buf(struct maker *m, const struct rh_buf *b)
{
    return b->rc ? b->rc : add(m, rh_buf_get(b));
}

static enum rh_rc add_prefixed(struct maker *m, char kind, struct rh_text t)
{
    char *p = rh_arena_alloc(m->ctx->arena, t.len + 1);
    if (!p)
        return RH_NOMEM;
    p[0] = kind;
    memcpy(p + 1, t.data, t.len);
    return add(m, (struct rh_text){p, t.len + 1});
}

/* --- one function a kind of value --------------------------------------------------------------
 */

static enum rh_rc add_identifier(struct maker *m, const yyjson_val *v)
{
    struct rh_text system = rh_json_get(v, "system"), value = rh_json_get(v, "value");
    unsigned char hash[8];
    enum rh_rc rc = RH_OK;
    rh_put_u64(hash, rh_key_system(system));
    if (value.len) {
        struct rh_buf b = rh_buf(m->ctx->arena);
        rh_buf_char(&b, 'c');
        rh_key_word(&b, value, true);
        rh_buf_add(&b, hash, sizeof hash);
        rc = add_buf(m, &b);
    }
    if (rc == RH_OK && system.len)
        rc = add_prefixed(m, 's', (struct rh_text){(const char *)hash, sizeof hash});
    return rc;
}

static enum rh_rc add_reference(struct maker *m, const yyjson_val *v)
{
    struct rh_text text = rh_json_get(v, "reference");
    if (!text.len)
        return RH_OK;
    /* Without a base: the address under which this server was asked must not change a key. */
    struct rh_reference r = rh_reference_parse(text, (struct rh_text){"", 0});
    if (r.kind != RH_REF_LOCAL && r.kind != RH_REF_ABSOLUTE)
        return RH_OK;
    if (m->parameter->target && r.type != m->parameter->target)
        return RH_OK;
    struct rh_buf b = rh_buf(m->ctx->arena);
    rh_key_reference(&b, r.type, r.kind == RH_REF_LOCAL ? r.id : (struct rh_text){NULL, 0}, text);
    return add_buf(m, &b);
}

static enum rh_rc add_date(struct maker *m, const yyjson_val *v)
{
    struct rh_datetime d;
    if (rh_datetime_parse(rh_json_text(v), RH_DATETIME, 0, &d) != RH_OK)
        return RH_OK; /* the structural check refused it, or it has only an extension */
    unsigned char *p = rh_arena_alloc(m->ctx->arena, 2 * RH_KEY_INSTANT_SIZE);
    if (!p)
        return RH_NOMEM;
    rh_key_span(p, 'l', d.lo_us, d.hi_us);
    rh_key_span(p + RH_KEY_INSTANT_SIZE, 'h', d.hi_us, d.lo_us);
    enum rh_rc rc = add(m, (struct rh_text){(const char *)p, RH_KEY_INSTANT_SIZE});
    if (rc == RH_OK && d.hi_us - d.lo_us >= RH_KEY_DAY_US)
        rc = add(m, (struct rh_text){(const char *)p + RH_KEY_INSTANT_SIZE, RH_KEY_INSTANT_SIZE});
    return rc;
}

static enum rh_rc add_word(struct maker *m, const struct rh_name_word *w)
{
    enum rh_rc rc = add_prefixed(m, 'f', w->folded);
    if (!rh_key_has_skeleton(w))
        return rc;
    for (unsigned i = 0; i < w->n && rc == RH_OK; i++)
        rc = add_prefixed(m, 'k', w->skeletons[i]);
    return rc;
}

/* Each word, and each word joined to the particles before it: "abd al rahman" is found as
 * "abdalrahman" and "alrahman" too. */
static enum rh_rc add_words(struct maker *m, const struct rh_name_word *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = add_word(m, &words[i]);
        for (unsigned from = i; rc == RH_OK && from > 0 && words[from - 1].particle; from--) {
            struct rh_name_word joined;
            rc = rh_name_join(m->ctx->arena, words + from - 1, i - from + 2, &joined);
            if (rc == RH_OK)
                rc = add_word(m, &joined);
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

struct words {
    struct rh_name_word rows[RH_WORDS_MAX];
    unsigned n;
};

/* Words of a string or of an array of strings, behind those that are there. */
static enum rh_rc gather(struct maker *m, const yyjson_val *v, struct words *all)
{
    struct rh_name_word found[RH_WORDS_MAX];
    unsigned n = 0;
    if (yyjson_is_arr((yyjson_val *)(uintptr_t)v)) {
        size_t i, max;
        yyjson_val *item;
        yyjson_arr_foreach ((yyjson_val *)(uintptr_t)v, i, max, item) {
            enum rh_rc rc = yyjson_is_str(item) ? gather(m, item, all) : RH_OK;
            if (rc)
                return rc;
        }
        return RH_OK;
    }
    struct rh_text t = rh_json_text(v);
    if (!t.len)
        return RH_OK;
    enum rh_rc rc = rh_name_words(m->ctx->arena, t, found, &n);
    for (unsigned i = 0; i < n && rc == RH_OK && all->n < RH_WORDS_MAX; i++)
        all->rows[all->n++] = found[i];
    return rc;
}

static enum rh_rc add_name(struct maker *m, const yyjson_val *v)
{
    /* given and family are one row of words: the particle may stand in one, its name in the other.
     */
    static const char *const rows[][2] = {
        {"given", "family"}, {"text", NULL}, {"prefix", NULL}, {"suffix", NULL}};
    struct words words;
    for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        enum rh_rc rc = RH_OK;
        words.n = 0;
        for (unsigned k = 0; k < 2 && rows[r][k] && rc == RH_OK; k++)
            rc = gather(m, yyjson_obj_get((yyjson_val *)(uintptr_t)v, rows[r][k]), &words);
        if (rc == RH_OK)
            rc = add_words(m, words.rows, words.n);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* --- walking -----------------------------------------------------------------------------------
 */

static enum rh_rc add_value(struct maker *m, const yyjson_val *v)
{
    switch ((enum rh_parameter_value)m->parameter->value) {
    case RH_SV_IDENTIFIER:
        return add_identifier(m, v);
    case RH_SV_HUMANNAME:
        return add_name(m, v);
    case RH_SV_DATE:
        return add_date(m, v);
    case RH_SV_REFERENCE:
        return add_reference(m, v);
    case RH_SV_ID:
    case RH_SV_INSTANT:
        break; /* not taken from the body */
    }
    return RH_OK;
}

/* Every value at a path; paths are at most a few names deep. */
static enum rh_rc walk(struct maker *m, yyjson_val *v, struct rh_text path)
{
    if (yyjson_is_arr(v)) {
        size_t i, max;
        yyjson_val *item;
        yyjson_arr_foreach (v, i, max, item) {
            enum rh_rc rc = walk(m, item, path);
            if (rc)
                return rc;
        }
        return RH_OK;
    }
    if (!path.data)
        return add_value(m, v);
    struct rh_text name;
    rh_text_split(&path, '.', &name);
    yyjson_val *member = yyjson_is_obj(v) ? yyjson_obj_getn(v, name.data, name.len) : NULL;
    return member ? walk(m, member, path) : RH_OK;
}

enum rh_rc rh_keys_of(struct rh_ctx *ctx, const struct rh_type *type, const yyjson_val *resource,
                      struct rh_search_keys *ret)
{
    const struct rh_parameter *rows[64];
    unsigned n = rh_parameters_of(type->resource, rows, sizeof rows / sizeof rows[0]);
    struct maker m = {.ctx = ctx};
    for (unsigned i = 0; i < n && i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_text paths = rh_text(rows[i]->path), path;
        m.parameter = rows[i];
        if (m.parameter->number <= RH_PARAM_LAST_UPDATED)
            continue;
        while (rh_text_split(&paths, '|', &path)) {
            enum rh_rc rc = walk(&m, (yyjson_val *)(uintptr_t)resource, path);
            if (rc)
                return rc;
        }
    }
    tidy(&m);
    if (m.n > RH_KEYS_MAX)
        return too_many(&m);
    *ret = (struct rh_search_keys){m.rows, (unsigned)m.n};
    return RH_OK;
}
