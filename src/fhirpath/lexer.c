/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhirpath/parse_int.h"

#include <stdarg.h>

enum rh_rc rh_fp_issue(struct rh_issues *is, enum rh_rc rc, struct rh_text expression, unsigned at,
                       const char *format, ...)
{
    if (!is)
        return rc;
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at && i < expression.len; i++) {
        if (expression.data[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)expression.data[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(is->arena, format, ap);
    va_end(ap);
    return rh_issue_at(
        is, (struct rh_issue){
                .severity = RH_ERROR, .rc = rc, .text = text, .line = line, .column = column});
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct rh_fp_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.data[l->at + ahead] : '\0';
}

static enum rh_rc skip_space(struct rh_fp_lexer *l)
{
    for (;;) {
        char c = peek(l, 0);
        if (l->at >= l->text.len)
            return RH_OK;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            l->at++;
        } else if (c == '/' && peek(l, 1) == '/') {
            while (l->at < l->text.len && l->text.data[l->at] != '\n')
                l->at++;
        } else if (c == '/' && peek(l, 1) == '*') {
            unsigned from = (unsigned)l->at;
            for (l->at += 2; l->at < l->text.len; l->at++)
                if (peek(l, 0) == '*' && peek(l, 1) == '/')
                    break;
            if (l->at >= l->text.len)
                return rh_fp_issue(l->issues, RH_SYNTAX, l->text, from,
                                   "the comment that begins here has no end: */ is missing");
            l->at += 2;
        } else {
            return RH_OK;
        }
    }
}

static int hex4(const struct rh_fp_lexer *l, size_t at)
{
    int n = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = i < l->text.len ? l->text.data[i] : '\0';
        int d = is_digit(c)                          ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (d < 0)
            return -1;
        n = n * 16 + d;
    }
    return n;
}

/* \uXXXX at l->at (behind the u), perhaps the first of a surrogate pair. */
static enum rh_rc unicode_escape(struct rh_fp_lexer *l, struct rh_buf *b)
{
    int n = hex4(l, l->at);
    uint32_t c = (uint32_t)n;
    if (n >= 0 && c >= 0xD800 && c < 0xDC00 && peek(l, 4) == '\\' && peek(l, 5) == 'u') {
        int low = hex4(l, l->at + 6);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
            l->at += 6;
        }
    }
    if (n <= 0 || (c >= 0xD800 && c < 0xE000))
        return rh_fp_issue(l->issues, RH_SYNTAX, l->text, (unsigned)l->at - 2,
                           "\\u needs four hexadecimal digits of a character, as in \\u00e9");
    l->at += 4;
    rh_buf_utf8(b, c);
    return RH_OK;
}

static enum rh_rc escape(struct rh_fp_lexer *l, struct rh_buf *b)
{
    static const char from[] = "'\"`\\/rntf", to[] = "'\"`\\/\r\n\t\f";
    char c = peek(l, 1);
    l->at += 2;
    if (c == 'u')
        return unicode_escape(l, b);
    const char *p = c ? strchr(from, c) : NULL;
    if (p)
        rh_buf_char(b, to[p - from]);
    else
        rh_buf_char(b, c); /* other characters stand for themselves, as peers have it */
    return RH_OK;
}

/* The text up to the closing quote; l->at stands behind the opening one. */
static enum rh_rc quoted(struct rh_fp_lexer *l, char quote, struct rh_text *ret)
{
    size_t from = l->at;
    while (l->at < l->text.len && peek(l, 0) != quote && peek(l, 0) != '\\')
        l->at++;
    struct rh_text plain = {l->text.data + from, l->at - from};
    if (peek(l, 0) == quote && l->at < l->text.len) {
        l->at++;
        *ret = plain; /* nothing to resolve */
        return RH_OK;
    }
    struct rh_buf b = rh_buf(l->arena);
    rh_buf_text(&b, plain);
    while (l->at < l->text.len && peek(l, 0) != quote) {
        if (peek(l, 0) == '\\' && l->at + 1 < l->text.len) {
            enum rh_rc rc = escape(l, &b);
            if (rc)
                return rc;
        } else {
            rh_buf_char(&b, peek(l, 0));
            l->at++;
        }
    }
    if (l->at >= l->text.len)
        return rh_fp_issue(l->issues, RH_SYNTAX, l->text, (unsigned)from - 1,
                           "the text that begins here has no end: %c is missing", quote);
    l->at++;
    *ret = rh_buf_get(&b);
    return b.rc;
}

static void skip_digits(struct rh_fp_lexer *l)
{
    while (is_digit(peek(l, 0)))
        l->at++;
}

static void skip_name(struct rh_fp_lexer *l, bool hyphens)
{
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)) || (hyphens && peek(l, 0) == '-'))
        l->at++;
}

static void number(struct rh_fp_lexer *l, struct rh_fp_token *t)
{
    t->kind = RH_FP_T_INTEGER;
    skip_digits(l);
    t->text = (struct rh_text){l->text.data + t->at, l->at - t->at};
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->at++;
        skip_digits(l);
        t->kind = RH_FP_T_DECIMAL;
        t->text.len = l->at - t->at;
    } else if (peek(l, 0) == 'L' && !is_letter(peek(l, 1)) && !is_digit(peek(l, 1))) {
        l->at++;
        t->kind = RH_FP_T_LONG;
    }
}

/* Digits in groups with separators between ("2015-02-04", "14:30:28"); stops where it ends. */
static void groups(struct rh_fp_lexer *l, char separator, int most)
{
    skip_digits(l);
    while (--most > 0 && peek(l, 0) == separator && is_digit(peek(l, 1))) {
        l->at++;
        skip_digits(l);
    }
}

static void clock_time(struct rh_fp_lexer *l)
{
    groups(l, ':', 3);
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->at++;
        skip_digits(l);
    }
}

/* Behind @. The text of the token is without @ and of a time without T; time.c judges it. */
static void date_or_time(struct rh_fp_lexer *l, struct rh_fp_token *t)
{
    size_t from = l->at;
    t->kind = RH_FP_T_DATE;
    if (peek(l, 0) == 'T') {
        t->kind = RH_FP_T_TIME;
        from = ++l->at;
        clock_time(l);
    } else {
        groups(l, '-', 3);
        if (peek(l, 0) == 'T') {
            t->kind = RH_FP_T_DATETIME;
            l->at++;
            if (is_digit(peek(l, 0))) {
                clock_time(l);
                if (peek(l, 0) == 'Z') {
                    l->at++;
                } else if ((peek(l, 0) == '+' || peek(l, 0) == '-') && is_digit(peek(l, 1)) &&
                           is_digit(peek(l, 2)) && peek(l, 3) == ':') {
                    l->at++;
                    groups(l, ':', 2);
                }
            }
        }
    }
    t->text = (struct rh_text){l->text.data + from, l->at - from};
}

static enum rh_rc variable(struct rh_fp_lexer *l, struct rh_fp_token *t)
{
    char c = peek(l, 0);
    t->kind = RH_FP_T_VARIABLE;
    if (c == '`' || c == '\'' || c == '"') {
        l->at++;
        return quoted(l, c, &t->text);
    }
    size_t from = l->at;
    struct rh_text rest = {l->text.data + from, l->text.len - from};
    skip_name(l, rh_text_starts(rest, "vs-") || rh_text_starts(rest, "ext-"));
    t->text = (struct rh_text){l->text.data + from, l->at - from};
    if (t->text.len == 0 || is_digit(c))
        return rh_fp_issue(l->issues, RH_SYNTAX, l->text, t->at,
                           "expected the name of a variable after %%, as in %%resource");
    return RH_OK;
}

static enum rh_rc symbol(struct rh_fp_lexer *l, struct rh_fp_token *t)
{
    static const char *const pairs[] = {"!=", "!~", "<=", ">="};
    t->kind = RH_FP_T_SYMBOL;
    t->text = (struct rh_text){l->text.data + l->at, 1};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (peek(l, 0) == pairs[i][0] && peek(l, 1) == pairs[i][1])
            t->text.len = 2;
    if (t->text.len == 1 && !strchr(".[](){},+-*/&|=~<>", t->text.data[0])) {
        size_t at = l->at;
        rh_utf8_next(l->text, &at);
        return rh_fp_issue(l->issues, RH_SYNTAX, l->text, t->at,
                           "\"%.*s\" has no meaning here; expected a name, a value or an operator",
                           (int)(at - l->at), l->text.data + l->at);
    }
    l->at += t->text.len;
    return RH_OK;
}

static enum rh_rc token(struct rh_fp_lexer *l, struct rh_fp_token *t)
{
    char c = peek(l, 0);
    if (is_letter(c)) {
        t->kind = RH_FP_T_NAME;
        skip_name(l, false);
        t->text = (struct rh_text){l->text.data + t->at, l->at - t->at};
        return RH_OK;
    }
    if (is_digit(c)) {
        number(l, t);
        return RH_OK;
    }
    if (c == '\'' || c == '`' || c == '"') {
        t->kind = c == '\'' ? RH_FP_T_STRING : RH_FP_T_QUOTED;
        l->at++;
        return quoted(l, c, &t->text);
    }
    if (c == '@' && (is_digit(peek(l, 1)) || (peek(l, 1) == 'T' && is_digit(peek(l, 2))))) {
        l->at++;
        date_or_time(l, t);
        return RH_OK;
    }
    if (c == '%') {
        l->at++;
        return variable(l, t);
    }
    if (c == '$' && is_letter(peek(l, 1))) {
        l->at++;
        t->kind = RH_FP_T_DOLLAR;
        skip_name(l, false);
        t->text = (struct rh_text){l->text.data + t->at + 1, l->at - t->at - 1};
        return RH_OK;
    }
    return symbol(l, t);
}

enum rh_rc rh_fp_next(struct rh_fp_lexer *l, struct rh_fp_token *ret)
{
    enum rh_rc rc = skip_space(l);
    if (rc)
        return rc;
    struct rh_fp_token t = {.kind = RH_FP_T_END, .at = (unsigned)l->at};
    if (l->at < l->text.len) {
        rc = token(l, &t);
        if (rc)
            return rc;
    }
    t.end = (unsigned)l->at;
    *ret = t;
    return RH_OK;
}
