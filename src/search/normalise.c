/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/normalise.h"

#include "search/names_int.h"

enum {
    STREAMS = 10,    /* readings of one word that are followed */
    SOUNDS_MAX = 64, /* of one reading */
    ARTICLE_WORD_MIN = 5,
    START_CLASSES_MAX = 3, /* of words whose first vowel counts */
    HANGUL_FIRST = 0xAC00,
    HANGUL_LAST = 0xD7A3
};

struct stream {
    char s[SOUNDS_MAX];
    unsigned n;
};

struct streams {
    struct stream rows[STREAMS];
    unsigned n;
};

/* --- folding -----------------------------------------------------------------------------------
 */

static unsigned entry_of(uint32_t code)
{
    if (code >= RH_FOLD_LIMIT)
        return RH_FOLD_SEPARATOR;
    return rh_fold_pages[(size_t)rh_fold_index[code / RH_FOLD_PAGE] * RH_FOLD_PAGE +
                         code % RH_FOLD_PAGE];
}

/* A Hangul syllable as its letters (Unicode, section 3.12), so that a beginning of it is found. */
static void add_hangul(struct rh_buf *b, uint32_t code)
{
    uint32_t s = code - HANGUL_FIRST;
    rh_buf_utf8(b, 0x1100 + s / 588);
    rh_buf_utf8(b, 0x1161 + s % 588 / 28);
    if (s % 28)
        rh_buf_utf8(b, 0x11A7 + s % 28);
}

static void add_folded(struct rh_buf *b, uint32_t code, unsigned entry)
{
    if (code >= HANGUL_FIRST && code <= HANGUL_LAST) {
        add_hangul(b, code);
    } else if (entry == RH_FOLD_ITSELF) {
        rh_buf_utf8(b, code);
    } else if (entry >= RH_FOLD_STRING) {
        uint32_t span = rh_fold_spans[entry - RH_FOLD_STRING];
        rh_buf_add(b, rh_fold_pool + (span >> 8), span & 0xFF);
    }
}

struct letters {
    uint16_t rows[RH_NAME_LETTERS_MAX];
    unsigned n;
};

static void add_letter(struct letters *l, uint32_t code)
{
    if (l->n < RH_NAME_LETTERS_MAX && code < RH_NAME_LIMIT)
        l->rows[l->n++] = (uint16_t)code;
}

/* The letters that sound: a letter with a mark that a rule names, else what it folds to. */
static void add_letters(struct letters *l, uint32_t code, unsigned entry)
{
    if (code < RH_NAME_LIMIT && rh_name_keep[code]) {
        add_letter(l, rh_name_keep[code]);
    } else if (entry == RH_FOLD_ITSELF) {
        add_letter(l, code);
    } else if (entry >= RH_FOLD_STRING) {
        uint32_t span = rh_fold_spans[entry - RH_FOLD_STRING];
        struct rh_text t = {(const char *)rh_fold_pool + (span >> 8), span & 0xFF};
        for (size_t at = 0; at < t.len;)
            add_letter(l, rh_utf8_next(t, &at));
    }
}

/* Takes the next word behind *at; false at the end. `letters` may be NULL. */
static bool next_word(struct rh_buf *b, struct rh_text t, size_t *at, struct letters *letters)
{
    b->data = NULL;
    b->len = b->cap = 0;
    if (letters)
        letters->n = 0;
    while (*at < t.len) {
        uint32_t code = rh_utf8_next(t, at);
        unsigned entry = entry_of(code);
        if (entry == RH_FOLD_SEPARATOR) {
            if (b->len)
                return true;
            if (letters)
                letters->n = 0;
            continue;
        }
        add_folded(b, code, entry);
        if (letters)
            add_letters(letters, code, entry);
    }
    return b->len > 0;
}

enum rh_rc rh_fold_words(struct rh_arena *a, struct rh_text t, struct rh_text ret[RH_WORDS_MAX],
                         unsigned *n)
{
    struct rh_buf b = rh_buf(a);
    unsigned found = 0;
    for (size_t at = 0; found < RH_WORDS_MAX && next_word(&b, t, &at, NULL); found++)
        ret[found] = rh_buf_get(&b);
    if (b.rc)
        return b.rc;
    *n = found;
    return RH_OK;
}

/* The rest of a line from byte `at` on, any script. */
static void fold_rest(struct rh_buf *b, struct rh_text t, size_t at, bool blank)
{
    while (at < t.len) {
        uint32_t code = rh_utf8_next(t, &at);
        unsigned entry = entry_of(code);
        if (entry == RH_FOLD_SEPARATOR) {
            blank = b->len > 0;
            continue;
        }
        size_t old = b->len;
        add_folded(b, code, entry);
        if (blank && b->len > old && rh_buf_room(b, 1)) {
            memmove(b->data + old + 1, b->data + old, b->len - old);
            b->data[old] = ' ';
            b->len++;
            blank = false;
        }
    }
}

enum rh_rc rh_fold_line(struct rh_arena *a, struct rh_text t, struct rh_text *ret)
{
    struct rh_buf b = rh_buf(a);
    char *out = rh_buf_room(&b, t.len + 2); /* ASCII does not grow, and most text is ASCII */
    bool blank = false;
    size_t at = 0, n = 0;
    if (!out)
        return RH_NOMEM;
    for (; at < t.len && (unsigned char)t.data[at] < 0x80; at++) {
        char c = t.data[at];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            blank = blank || (n > 0 && entry_of((unsigned char)c) == RH_FOLD_SEPARATOR);
            continue;
        }
        if (blank)
            out[n++] = ' ';
        blank = false;
        out[n++] = c;
    }
    b.len = n;
    if (at < t.len)
        fold_rest(&b, t, at, blank);
    if (b.rc)
        return b.rc;
    *ret = rh_buf_get(&b);
    return RH_OK;
}

/* --- sounds ------------------------------------------------------------------------------------
 */

static bool is_class(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_arabic(uint16_t code)
{
    return code >= 0x600 && code < 0x700;
}

/* Doubled letters are one sound, but for Arabic script, where a doubled sound is one letter and two
 * letters are two sounds. */
static void add_sounds(struct stream *s, const char *sounds, bool doubles)
{
    for (; *sounds && s->n < SOUNDS_MAX; sounds++)
        if (doubles || s->n == 0 || s->s[s->n - 1] != *sounds || !is_class(*sounds))
            s->s[s->n++] = *sounds;
}

static const struct rh_name_rule *rule_at(const uint16_t *letters, unsigned n, unsigned i)
{
    if (!rh_name_first[letters[i]])
        return NULL;
    for (const struct rh_name_rule *r = &rh_name_rules[rh_name_first[letters[i]] - 1];
         r->len && r->text[0] == letters[i]; r++) {
        if (r->len > n - i || memcmp(r->text, letters + i, r->len * sizeof letters[0]) != 0)
            continue;
        if (r->where == RH_NAME_ANY || (r->where == RH_NAME_START && i == 0) ||
            (r->where == RH_NAME_END && i + r->len == n))
            return r;
    }
    return NULL;
}

static void read_sounds(struct streams *all, const uint16_t *letters, unsigned n)
{
    all->n = 1;
    all->rows[0].n = 0;
    for (unsigned i = 0; i < n;) {
        const struct rh_name_rule *r = rule_at(letters, n, i);
        if (!r) {
            i++;
            continue;
        }
        bool doubles = is_arabic(letters[i]);
        unsigned old = all->n;
        for (unsigned k = 0; k < old; k++) {
            for (unsigned m = 1; m < r->n && all->n < STREAMS; m++) {
                all->rows[all->n] = all->rows[k];
                add_sounds(&all->rows[all->n++], r->sounds[m], doubles);
            }
            add_sounds(&all->rows[k], r->sounds[0], doubles);
        }
        i += r->len;
    }
}

/* --- skeletons ---------------------------------------------------------------------------------
 */

static enum rh_rc add_skeleton(struct rh_arena *a, struct rh_name_word *w, const char *text,
                               unsigned len)
{
    struct rh_text t = {text, len};
    if (w->n == RH_SKELETONS_MAX)
        return RH_OK;
    for (unsigned i = 0; i < w->n; i++)
        if (rh_text_eq(w->skeletons[i], t))
            return RH_OK;
    char *copy = rh_arena_copy(a, text, len);
    if (!copy)
        return RH_NOMEM;
    w->skeletons[w->n++] = (struct rh_text){copy, len};
    return RH_OK;
}

/* What is left of a reading. */
struct bones {
    char classes[SOUNDS_MAX];
    unsigned n;
    bool vowel_first;
    unsigned seen;   /* vowels between the last two consonants, as bits */
    char last_vowel; /* behind the last consonant: a, i, u; 0: none */
    bool soft_end;   /* that one is an e */
};

static unsigned vowel_bit(char v)
{
    return 1u << (v - 'a');
}

static char vowel_kind(char v)
{
    return v == 'e' ? 'i' : v == 'o' ? 'u' : v;
}

static void read_bones(const struct stream *s, struct bones *b)
{
    unsigned end = s->n, seen = 0;
    b->vowel_first = s->n > 0 && !is_class(s->s[0]);
    b->n = b->seen = 0;
    b->last_vowel = 0;
    b->soft_end = false;
    if (end > 1 && s->s[end - 1] == 'H')
        end--; /* a final h is written in some spellings only */
    for (unsigned i = 0; i < end; i++) {
        char c = s->s[i];
        if (is_class(c)) {
            b->seen = seen;
            seen = 0;
            b->classes[b->n++] = c;
            b->last_vowel = 0;
            b->soft_end = false;
        } else {
            seen |= vowel_bit(c);
            b->last_vowel = vowel_kind(c);
            b->soft_end = c == 'e' && i + 1 == end;
        }
    }
}

/* A vowel at the end is written in every script, but for a final e, which may be silent. */
static enum rh_rc add_ends(struct rh_arena *a, struct rh_name_word *w, const struct bones *b,
                           char *text, unsigned n)
{
    enum rh_rc rc = RH_OK;
    if (!b->last_vowel || b->soft_end)
        rc = add_skeleton(a, w, text, n);
    if (rc == RH_OK && b->last_vowel) {
        text[n++] = 'v';
        rc = add_skeleton(a, w, text, n);
    }
    return rc;
}

/* See docs/decisions/0002-names.md for the shape and what was measured. */
static enum rh_rc add_bones(struct rh_arena *a, struct rh_name_word *w, const struct bones *b)
{
    char text[SOUNDS_MAX + 4];
    unsigned n = 0;
    if (b->n == 0)
        return RH_OK;
    if (b->n <= START_CLASSES_MAX && b->vowel_first)
        text[n++] = 'a';
    memcpy(text + n, b->classes, b->n);
    n += b->n;
    if (b->n == 1) {
        if (b->last_vowel)
            text[n++] = b->last_vowel;
        return n > 1 ? add_skeleton(a, w, text, n) : RH_OK;
    }
    enum rh_rc rc = RH_OK;
    if (!(b->seen & (vowel_bit('i') | vowel_bit('u'))))
        rc = add_ends(a, w, b, text, n);
    if (rc == RH_OK && (b->seen & (vowel_bit('i') | vowel_bit('e')))) {
        text[n] = 'i';
        rc = add_ends(a, w, b, text, n + 1);
    }
    if (rc == RH_OK && (b->seen & (vowel_bit('u') | vowel_bit('o')))) {
        text[n] = 'u';
        rc = add_ends(a, w, b, text, n + 1);
    }
    return rc;
}

/* Letters of an article written as one with its name: al-, el-, ال; 0: none. */
static unsigned article(const uint16_t *l, unsigned n)
{
    if (n < ARTICLE_WORD_MIN)
        return 0;
    if (l[0] == 0x627 && l[1] == 0x644)
        return 2;
    return (l[0] == 'a' || l[0] == 'e') && l[1] == 'l' && n > ARTICLE_WORD_MIN &&
                   !strchr("aeiouyl", l[2])
               ? 2
               : 0;
}

/* A word with a digit is a number or a code: what its letters sound like says nothing. */
static bool has_digit(const struct rh_name_word *w)
{
    for (unsigned i = 0; i < w->n_letters; i++)
        if (w->letters[i] >= '0' && w->letters[i] <= '9')
            return true;
    return false;
}

static enum rh_rc make_skeletons(struct rh_arena *a, struct rh_name_word *w)
{
    struct streams all;
    struct bones bones;
    if (has_digit(w))
        return RH_OK;
    unsigned skip = article(w->letters, w->n_letters);
    for (unsigned from = 0; from <= skip; from += 2) {
        read_sounds(&all, w->letters + from, w->n_letters - from);
        for (unsigned i = 0; i < all.n; i++) {
            read_bones(&all.rows[i], &bones);
            enum rh_rc rc = add_bones(a, w, &bones);
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

static bool is_particle(struct rh_text word)
{
    unsigned lo = 0, hi = rh_name_particles_n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        int c = rh_text_cmp(word, rh_name_particles[mid]);
        if (c == 0)
            return true;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return false;
}

enum rh_rc rh_name_words(struct rh_arena *a, struct rh_text t,
                         struct rh_name_word ret[RH_WORDS_MAX], unsigned *n)
{
    struct rh_buf b = rh_buf(a);
    struct letters letters = {.n = 0};
    unsigned found = 0;
    for (size_t at = 0; found < RH_WORDS_MAX && next_word(&b, t, &at, &letters); found++) {
        struct rh_name_word *w = &ret[found];
        *w = (struct rh_name_word){.folded = rh_buf_get(&b), .n_letters = letters.n};
        w->letters = rh_arena_copy(a, letters.rows, letters.n * sizeof letters.rows[0]);
        if (!w->letters)
            return RH_NOMEM;
        w->particle = is_particle(w->folded);
        enum rh_rc rc = make_skeletons(a, w);
        if (rc)
            return rc;
    }
    if (b.rc)
        return b.rc;
    *n = found;
    return RH_OK;
}

enum rh_rc rh_name_join(struct rh_arena *a, const struct rh_name_word *words, unsigned n,
                        struct rh_name_word *ret)
{
    struct rh_buf b = rh_buf(a);
    struct letters letters = {.n = 0};
    for (unsigned i = 0; i < n; i++) {
        rh_buf_text(&b, words[i].folded);
        for (unsigned k = 0; k < words[i].n_letters; k++)
            add_letter(&letters, words[i].letters[k]);
    }
    struct rh_name_word w = {.folded = rh_buf_get(&b), .n_letters = letters.n};
    w.letters = rh_arena_copy(a, letters.rows, letters.n * sizeof letters.rows[0]);
    if (b.rc || !w.letters)
        return RH_NOMEM;
    enum rh_rc rc = make_skeletons(a, &w);
    if (rc == RH_OK)
        *ret = w;
    return rc;
}

bool rh_name_sounds(const struct rh_name_word *a, const struct rh_name_word *b)
{
    for (unsigned i = 0; i < a->n; i++)
        for (unsigned k = 0; k < b->n; k++)
            if (rh_text_eq(a->skeletons[i], b->skeletons[k]))
                return true;
    return false;
}
