/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * matches(), matchesFull() and replaceMatches(), by the host's regular expressions. A dot matches
 * every character, the end of a line too ("single line mode", FHIRPath 2.0, 5.6).
 */
#include "fhirpath/fn_int.h"

static enum rh_rc search(struct rh_fp_run *r, const struct rh_fp_node *call, struct rh_text pattern,
                         struct rh_text text, size_t start, unsigned flags,
                         struct rh_regex_match *ret)
{
    const struct rh_host *host = r->c->host;
    if (!host || !host->regex)
        return rh_fp_error(r, call, RH_UNSUPPORTED, "there are no regular expressions here");
    enum rh_rc rc = rh_fp_step(r, call, 1 + (text.len - start) / 64);
    if (rc)
        return rc;
    rc = host->regex(r->c, pattern, text, start, flags, ret);
    if (rc == RH_VALUE || rc == RH_TIMEOUT)
        return rh_fp_error(r, call, rc, "%.*s() cannot use this regular expression",
                           RH_TEXT_ARG(call->name));
    return rc;
}

/* The draft's second argument: "i" letters of any case, "m" ^ and $ at every line. */
static enum rh_rc read_flags(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                             unsigned *flags, struct rh_text *pattern)
{
    struct rh_text t;
    bool none;
    if (call->n_args <= i)
        return RH_OK;
    enum rh_rc rc = rh_fp_arg_string(r, call, i, &t, &none);
    if (rc || none)
        return rc;
    for (size_t k = 0; k < t.len; k++) {
        if (t.data[k] == 'i') {
            *flags |= RH_REGEX_IGNORE_CASE;
        } else if (t.data[k] == 'm') {
            const char *p = rh_arena_printf(r->c->arena, "(?m)%.*s", RH_TEXT_ARG(*pattern));
            if (!p)
                return RH_NOMEM;
            *pattern = rh_text(p);
        } else {
            return rh_fp_error(r, call, RH_VALUE, "the flags of %.*s() are i and m, not \"%.*s\"",
                               RH_TEXT_ARG(call->name), RH_TEXT_ARG(t));
        }
    }
    return RH_OK;
}

static enum rh_rc test(struct rh_fp_run *r, const struct rh_fp_node *call,
                       const struct rh_fp_list *in, unsigned flags, struct rh_fp_list *ret)
{
    struct rh_text t, pattern;
    bool empty, none;
    struct rh_regex_match m;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 0, &pattern, &none);
    if (rc || empty || none)
        return rc;
    rc = read_flags(r, call, 1, &flags, &pattern);
    if (rc)
        return rc;
    rc = search(r, call, pattern, t, 0, flags, &m);
    return rc ? rc : rh_fp_push_boolean(r, ret, m.found);
}

enum rh_rc rh_fp_matches(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return test(r, call, in, RH_REGEX_DOT_ALL, ret);
}

enum rh_rc rh_fp_matches_full(struct rh_fp_run *r, const struct rh_fp_node *call,
                              const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return test(r, call, in, RH_REGEX_DOT_ALL | RH_REGEX_WHOLE, ret);
}

/* The number of the group that a pattern names so; 0: it names none. */
static unsigned group_of(struct rh_text pattern, struct rh_text name)
{
    unsigned groups = 0;
    bool in_class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i];
        if (c == '\\') {
            i++;
        } else if (in_class || c == '[') {
            in_class = c != ']';
        } else if (c == '(') {
            struct rh_text rest = {pattern.data + i + 1, pattern.len - i - 1};
            bool named = rest.len > 2 && rh_text_starts(rest, "?<") && rest.data[2] != '=' &&
                         rest.data[2] != '!';
            if (rest.len > 0 && rest.data[0] == '?' && !named)
                continue;
            groups++;
            if (named && rest.len > name.len + 2 && rest.data[name.len + 2] == '>' &&
                memcmp(rest.data + 2, name.data, name.len) == 0)
                return groups;
        }
    }
    return 0;
}

static void put_group(struct rh_buf *b, struct rh_text t, const struct rh_regex_match *m,
                      unsigned group)
{
    if (group < m->groups && m->from[group] <= m->to[group])
        rh_buf_add(b, t.data + m->from[group], m->to[group] - m->from[group]);
}

/* What stands for a match: $1 and ${name} are groups, $& the match, $$ a dollar sign. */
static void put_substitute(struct rh_buf *b, struct rh_text by, struct rh_text pattern,
                           struct rh_text t, const struct rh_regex_match *m)
{
    for (size_t i = 0; i < by.len; i++) {
        char next = i + 1 < by.len ? by.data[i + 1] : 0;
        if (by.data[i] != '$' || next == 0) {
            rh_buf_char(b, by.data[i]);
            continue;
        }
        const char *end = next == '{' ? memchr(by.data + i, '}', by.len - i) : NULL;
        if (next >= '0' && next <= '9') {
            put_group(b, t, m, (unsigned)(next - '0'));
            i++;
        } else if (next == '&') {
            put_group(b, t, m, 0);
            i++;
        } else if (end) {
            struct rh_text name = {by.data + i + 2, (size_t)(end - by.data) - i - 2};
            uint64_t number = group_of(pattern, name);
            if (number == 0)
                (void)rh_text_u64(name, RH_REGEX_GROUPS, &number);
            if (number > 0)
                put_group(b, t, m, (unsigned)number);
            i = (size_t)(end - by.data);
        } else {
            rh_buf_char(b, '$');
            i += next == '$' ? 1 : 0;
        }
    }
}

static enum rh_rc replace_all(struct rh_fp_run *r, const struct rh_fp_node *call, struct rh_text t,
                              struct rh_text pattern, struct rh_text by, unsigned flags,
                              struct rh_buf *b)
{
    size_t copied = 0, from = 0;
    while (from <= t.len && !b->rc) {
        struct rh_regex_match m;
        enum rh_rc rc = search(r, call, pattern, t, from, flags, &m);
        if (rc)
            return rc;
        if (!m.found || m.to[0] < m.from[0])
            break;
        rh_buf_add(b, t.data + copied, m.from[0] - copied);
        put_substitute(b, by, pattern, t, &m);
        copied = m.to[0];
        from = m.to[0];
        if (m.to[0] == m.from[0]) { /* an empty match: go on behind the next character */
            if (from >= t.len)
                break;
            rh_utf8_next(t, &from);
        }
    }
    rh_buf_add(b, t.data + copied, t.len - copied);
    return b->rc;
}

enum rh_rc rh_fp_replace_matches(struct rh_fp_run *r, const struct rh_fp_node *call,
                                 const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    struct rh_text t, pattern, by;
    bool empty, none, nothing;
    unsigned flags = RH_REGEX_DOT_ALL;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 0, &pattern, &none);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 1, &by, &nothing);
    if (rc || empty || none || nothing)
        return rc;
    if (pattern.len == 0) /* an empty expression is no expression: the input stays */
        return rh_fp_push_text(r, ret, t);
    rc = read_flags(r, call, 2, &flags, &pattern);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(r->c->arena);
    rc = replace_all(r, call, t, pattern, by, flags, &b);
    return rc ? rc : rh_fp_push_text(r, ret, b.len ? rh_buf_get(&b) : RH_TEXT(""));
}
