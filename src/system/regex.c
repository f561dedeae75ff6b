/* SPDX-License-Identifier: GPL-3.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "system/regex.h"

#include "base/alloc.h"

#include <pcre2.h>
#include <pthread.h>

/* --- translation ------------------------------------------------------------------------------ */
/* NameStartChar and what NameChar adds to it: XML 1.0, fifth edition, productions 4 and 4a. */
#define NAME_START                                                                              \
    ":A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}" \
    "\\u{200C}\\u{200D}\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-"     \
    "\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}"
#define NAME NAME_START "\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}"

/* Blocks that are written most; other names after "Is" are taken as scripts. */
static const struct {
    const char *name, *range;
} blocks[] = {
    {"BasicLatin", "\\u{0}-\\u{7F}"},
    {"Latin-1Supplement", "\\u{80}-\\u{FF}"},
    {"LatinExtended-A", "\\u{100}-\\u{17F}"},
    {"LatinExtended-B", "\\u{180}-\\u{24F}"},
    {"GeneralPunctuation", "\\u{2000}-\\u{206F}"},
    {"CurrencySymbols", "\\u{20A0}-\\u{20CF}"},
};

struct reader {
    struct rh_text in;
    size_t at;
    struct rh_buf *out;
    unsigned depth; /* of classes taken away from classes */
};

enum { SUBTRACTION_MAX = 8, CALLOUT_COST = 10 };

static bool next_is(const struct reader *r, size_t at, char c)
{
    return at < r->in.len && r->in.data[at] == c;
}

static void copy(struct reader *r, size_t n)
{
    for (; n > 0 && r->at < r->in.len; n--)
        rh_buf_char(r->out, r->in.data[r->at++]);
}

static void set(struct reader *r, const char *range, bool negated, bool in_class)
{
    if (!in_class)
        rh_buf_str(r->out, negated ? "[^" : "[");
    rh_buf_str(r->out, range);
    if (!in_class)
        rh_buf_char(r->out, ']');
}

/* \p{IsGreek} and \P{IsGreek}, at the backslash; false: something else stands there. */
static bool block(struct reader *r, bool in_class)
{
    struct rh_text rest = {r->in.data + r->at, r->in.len - r->at};
    if (rest.len < 6 || memcmp(rest.data + 2, "{Is", 3) != 0)
        return false;
    const char *end = memchr(rest.data, '}', rest.len);
    bool negated = rest.data[1] == 'P';
    if (!end)
        return false;
    struct rh_text name = {rest.data + 5, (size_t)(end - rest.data) - 5};
    r->at += (size_t)(end - rest.data) + 1;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (rh_text_is(name, blocks[i].name) && !(in_class && negated)) {
            set(r, blocks[i].range, negated, in_class);
            return true;
        }
    }
    rh_buf_str(r->out, negated ? "\\P{" : "\\p{");
    rh_buf_text(r->out, name);
    rh_buf_char(r->out, '}');
    return true;
}

/* At a backslash. */
static void escape(struct reader *r, bool in_class)
{
    char c = r->at + 1 < r->in.len ? r->in.data[r->at + 1] : 0;
    bool upper = c == 'I' || c == 'C';
    if ((c == 'p' || c == 'P') && block(r, in_class))
        return;
    if (c == 'i' || c == 'c' || (upper && !in_class)) {
        set(r, c == 'i' || c == 'I' ? NAME_START : NAME, upper, in_class);
        r->at += 2;
        return;
    }
    copy(r, 2);
}

/* Where the class that begins at `at` ends (its bracket), or the length of the text. Classes inside
 * of it are counted, as they may stand behind a minus. */
static size_t class_end(const struct reader *r, size_t at)
{
    unsigned open = 0;
    for (; at < r->in.len; at++) {
        char c = r->in.data[at];
        if (c == '\\')
            at++;
        else if (c == '[' && (open == 0 || r->in.data[at - 1] == '-'))
            open++;
        else if (c == ']' && --open == 0)
            return at;
    }
    return r->in.len;
}

/* "-[" inside a class, whose own end is at the end of the outer one. */
static bool subtraction(const struct reader *r)
{
    if (!next_is(r, r->at, '-') || !next_is(r, r->at + 1, '['))
        return false;
    size_t end = class_end(r, r->at + 1);
    return next_is(r, end, ']') && next_is(r, end + 1, ']');
}

/* At "[". [a-z-[aeiou]] becomes (?:(?![aeiou])[a-z]). */
static void class(struct reader *r)
{
    struct rh_buf *out = r->out, body = rh_buf(out->arena);
    r->out = &body;
    copy(r, next_is(r, r->at + 1, '^') ? 2 : 1);
    while (r->at < r->in.len && !next_is(r, r->at, ']')) {
        if (next_is(r, r->at, '\\')) {
            escape(r, true);
        } else if (r->depth < SUBTRACTION_MAX && subtraction(r)) {
            r->at++;
            r->out = out;
            rh_buf_str(out, "(?:(?!");
            r->depth++;
            class(r);
            r->depth--;
            rh_buf_char(out, ')');
            rh_buf_text(out, rh_buf_get(&body));
            copy(r, 1);
            rh_buf_char(out, ')');
            return;
        } else {
            copy(r, 1);
        }
    }
    copy(r, 1);
    r->out = out;
    rh_buf_text(out, rh_buf_get(&body));
}

static enum rh_rc translate(struct rh_text pattern, struct rh_buf *out)
{
    struct reader r = {.in = pattern, .out = out};
    while (r.at < pattern.len) {
        if (pattern.data[r.at] == '\\')
            escape(&r, false);
        else if (pattern.data[r.at] == '[')
            class(&r);
        else
            copy(&r, 1);
    }
    return out->rc;
}

/* --- compiled patterns, per thread ------------------------------------------------------------ */
struct entry {
    char *pattern;
    size_t len;
    unsigned flags;
    uint64_t used; /* tick of the last use; 0: free */
    pcre2_code *code;
};

struct cache {
    uint64_t tick;
    pcre2_match_context *limits;
    pcre2_match_data *data;
    struct entry entries[RH_REGEX_CACHE];
};

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;
static bool cache_ready;

static void forget(struct entry *e)
{
    pcre2_code_free(e->code);
    rh_free(e->pattern);
    *e = (struct entry){.used = 0};
}

static void cache_close(void *of)
{
    struct cache *k = of;
    if (!k)
        return;
    for (size_t i = 0; i < RH_REGEX_CACHE; i++)
        forget(&k->entries[i]);
    pcre2_match_context_free(k->limits);
    pcre2_match_data_free(k->data);
    rh_free(k);
}

static void cache_make_key(void)
{
    cache_ready = pthread_key_create(&cache_key, cache_close) == 0;
}

static struct cache *cache_open(void)
{
    pthread_once(&cache_once, cache_make_key);
    if (!cache_ready)
        return NULL;
    struct cache *k = pthread_getspecific(cache_key);
    if (k)
        return k;
    k = rh_alloc(sizeof *k);
    k->limits = pcre2_match_context_create(NULL);
    k->data = pcre2_match_data_create(RH_REGEX_GROUPS, NULL);
    if (!k->limits || !k->data || pthread_setspecific(cache_key, k)) {
        cache_close(k);
        return NULL;
    }
    pcre2_set_heap_limit(k->limits, RH_REGEX_HEAP_KIB);
    pcre2_set_match_limit(k->limits, RH_REGEX_STEPS_MAX / CALLOUT_COST);
    return k;
}

void rh_regex_forget(void)
{
    pthread_once(&cache_once, cache_make_key);
    if (!cache_ready)
        return;
    cache_close(pthread_getspecific(cache_key));
    pthread_setspecific(cache_key, NULL);
}

static enum rh_rc malformed(struct rh_ctx *c, struct rh_text pattern, struct rh_text translated,
                            int error, size_t at)
{
    char text[200];
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text) < 0)
        text[0] = 0;
    if (rh_text_eq(pattern, translated))
        return rh_issue_add(c->issues, RH_VALUE, NULL,
                            "the regular expression \"%.*s\" is malformed after %zu bytes: %s",
                            RH_TEXT_ARG(pattern), at, text);
    return rh_issue_add(c->issues, RH_VALUE, NULL,
                        "the regular expression \"%.*s\" is malformed: %s", RH_TEXT_ARG(pattern),
                        text);
}

static enum rh_rc compile(struct rh_ctx *c, struct rh_text pattern, unsigned flags,
                          pcre2_code **ret)
{
    if (pattern.len > RH_REGEX_PATTERN_MAX)
        return rh_issue_add(c->issues, RH_VALUE, NULL,
                            "a regular expression of %zu bytes; the limit is %d", pattern.len,
                            RH_REGEX_PATTERN_MAX);
    struct rh_buf b = rh_buf(c->arena);
    enum rh_rc rc = translate(pattern, &b);
    if (rc)
        return rc;

    pcre2_compile_context *how = pcre2_compile_context_create(NULL);
    if (!how)
        return RH_NOMEM;
    pcre2_set_compile_extra_options(how, PCRE2_EXTRA_ALT_BSUX);
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    if (flags & RH_REGEX_WHOLE)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (flags & RH_REGEX_IGNORE_CASE)
        options |= PCRE2_CASELESS;
    if (flags & RH_REGEX_DOT_ALL)
        options |= PCRE2_DOTALL;
    int error;
    PCRE2_SIZE at;
    struct rh_text t = b.len ? rh_buf_get(&b) : RH_TEXT("");
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)t.data, t.len, options, &error, &at, how);
    pcre2_compile_context_free(how);
    if (!code)
        return malformed(c, pattern, t, error, at);
    *ret = code;
    return RH_OK;
}

static enum rh_rc lookup(struct rh_ctx *c, struct cache *k, struct rh_text pattern, unsigned flags,
                         pcre2_code **ret)
{
    struct entry *oldest = &k->entries[0];
    k->tick++;
    for (size_t i = 0; i < RH_REGEX_CACHE; i++) {
        struct entry *e = &k->entries[i];
        if (e->used && e->flags == flags && e->len == pattern.len &&
            (e->len == 0 || memcmp(e->pattern, pattern.data, e->len) == 0)) {
            e->used = k->tick;
            *ret = e->code;
            return RH_OK;
        }
        if (e->used < oldest->used)
            oldest = e;
    }
    pcre2_code *code = NULL;
    enum rh_rc rc = compile(c, pattern, flags, &code);
    if (rc)
        return rc;
    forget(oldest);
    *oldest = (struct entry){rh_alloc(pattern.len + 1), pattern.len, flags, k->tick, code};
    if (pattern.len)
        memcpy(oldest->pattern, pattern.data, pattern.len);
    *ret = code;
    return RH_OK;
}

/* --- matching --------------------------------------------------------------------------------- */
static bool given_up(int found)
{
    return found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_DEPTHLIMIT ||
           found == PCRE2_ERROR_HEAPLIMIT;
}

/* PCRE2 counts its own steps anew for each starting point, and reads over a repetition in one step.
 * So the patterns are compiled with callouts between their items, which count what is read and
 * tried over all starting points. */
struct meter {
    int64_t left;
    size_t at;
};

static int count(pcre2_callout_block *b, void *of)
{
    struct meter *m = of;
    size_t here = b->current_position;
    m->left -= CALLOUT_COST + (int64_t)(here > m->at ? here - m->at : m->at - here);
    m->at = here;
    return m->left < 0 ? PCRE2_ERROR_MATCHLIMIT : 0;
}

/* What it takes is also taken from the budget of the expression, where there is one. */
static int match(struct rh_ctx *c, struct cache *k, const pcre2_code *code, struct rh_text text,
                 size_t start)
{
    int64_t most = RH_REGEX_STEPS_MAX;
    if (c->steps && c->steps < RH_REGEX_STEPS_MAX / CALLOUT_COST)
        most = (int64_t)c->steps * CALLOUT_COST;
    struct meter m = {most, start};
    pcre2_set_callout(k->limits, count, &m);
    uint32_t options = start > 0 ? PCRE2_NO_UTF_CHECK : 0; /* it was checked from its beginning */
    int found =
        pcre2_match(code, (PCRE2_SPTR)text.data, text.len, start, options, k->data, k->limits);
    uint64_t taken = (uint64_t)(most - m.left) / CALLOUT_COST;
    if (c->steps)
        c->steps = c->steps > taken ? c->steps - taken : 1; /* 0 would mean a new budget */
    return found;
}

static void fill(struct cache *k, const pcre2_code *code, int found, struct rh_regex_match *ret)
{
    uint32_t groups = 0;
    const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(k->data);
    struct rh_regex_match m = {.found = found >= 0};
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    m.groups = groups + 1 < RH_REGEX_GROUPS ? groups + 1 : RH_REGEX_GROUPS;
    for (unsigned i = 0; i < m.groups; i++) {
        bool set_here =
            m.found && (found == 0 || i < (unsigned)found) && pairs[2 * i] != PCRE2_UNSET;
        m.from[i] = set_here ? pairs[2 * i] : 1;
        m.to[i] = set_here ? pairs[2 * i + 1] : 0;
    }
    *ret = m;
}

enum rh_rc rh_regex(struct rh_ctx *c, struct rh_text pattern, struct rh_text text, size_t start,
                    unsigned flags, struct rh_regex_match *ret)
{
    struct cache *k = cache_open();
    pcre2_code *code;
    if (!k)
        return RH_NOMEM;
    enum rh_rc rc = lookup(c, k, pattern, flags, &code);
    if (rc)
        return rc;
    if (start > text.len) {
        *ret = (struct rh_regex_match){.found = false};
        return RH_OK;
    }
    if (!text.data)
        text = RH_TEXT("");
    while (start > 0 && start < text.len && ((unsigned char)text.data[start] & 0xC0) == 0x80)
        start--; /* inside of a character */

    int found = match(c, k, code, text, start);
    if (given_up(found))
        return rh_issue_add(c->issues, RH_TIMEOUT, NULL,
                            "the regular expression \"%.*s\" takes too many steps on this text; "
                            "fewer repetitions inside repetitions would help",
                            RH_TEXT_ARG(pattern));
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        return rh_issue_add(c->issues, RH_VALUE, NULL,
                            "the text for the regular expression \"%.*s\" is not UTF-8",
                            RH_TEXT_ARG(pattern));
    fill(k, code, found, ret);
    return RH_OK;
}
