/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts of a resource: an atom for each distinct one, and for each of its words a shared row that
 * leads from the word to the atom. The narrative is one text.
 */
#include "search/collect_int.h"

#include "base/hash.h"

static enum rh_rc add(struct rh_maker *m, unsigned number, bool shared, const struct rh_buf *b)
{
    m->text_rows++;
    return b->rc ? b->rc : rh_maker_add_internal(m, number, shared, !shared, rh_buf_get(b));
}

/* The resource has more text than keys: who looks for a word must look at its body. */
static enum rh_rc add_overflow(struct rh_maker *m)
{
    enum rh_rc rc = RH_OK;
    if (m->overflow)
        return rc;
    m->overflow = true;
    for (unsigned i = 0; i < 2 && rc == RH_OK; i++) {
        struct rh_buf b = rh_buf(m->ctx->arena);
        rh_key_atom(&b, 0);
        rc = add(m, i ? RH_PARAM_TEXT_ATOM : RH_PARAM_ATOM, false, &b);
    }
    return rc;
}

/* True when it was there; false: it is now, or there is no room to remember it. */
static bool seen(struct rh_maker *m, uint64_t hash)
{
    for (unsigned i = 0; i < m->n_atoms; i++)
        if (m->atoms[i] == hash)
            return true;
    if (m->n_atoms < RH_ATOMS_SEEN)
        m->atoms[m->n_atoms++] = hash;
    return false;
}

enum rh_rc rh_key_text(struct rh_maker *m, unsigned number, struct rh_text text)
{
    struct rh_text line, word;
    enum rh_rc rc = rh_fold_line(m->ctx->arena, text, &line);
    if (rc || !line.len)
        return rc;
    uint64_t hash = rh_hash_system(line);
    bool narrative = number == RH_PARAM_TEXT_ATOM;
    if (seen(m, hash ^ narrative))
        return RH_OK;
    if (m->text_rows >= RH_TEXT_ROWS_MAX)
        return add_overflow(m);
    struct rh_buf b = rh_buf(m->ctx->arena);
    rh_key_atom(&b, hash);
    rc = add(m, number, false, &b);
    while (rc == RH_OK && rh_text_split(&line, ' ', &word)) {
        struct rh_buf w = rh_buf(m->ctx->arena);
        if (m->text_rows >= RH_TEXT_ROWS_MAX)
            return add_overflow(m);
        rh_key_text_word(&w, word, hash);
        rc = add(m, RH_PARAM_WORD, true, &w);
    }
    return rc;
}

/* --- narratives --------------------------------------------------------------------------------
 */

/* "&amp;", "&#233;", "&#xe9;": one character; 0: not one of these. */
static uint32_t entity(struct rh_text t, size_t *at)
{
    static const struct {
        const char *name;
        uint32_t code;
    } named[] = {{"amp", '&'},  {"lt", '<'},    {"gt", '>'},
                 {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}};
    enum { LONGEST = 10 };
    size_t end = *at + 1;
    while (end < t.len && end - *at < LONGEST && t.data[end] != ';')
        end++;
    if (end >= t.len || t.data[end] != ';')
        return 0;
    struct rh_text name = {t.data + *at + 1, end - *at - 1};
    uint32_t code = 0;
    if (name.len > 1 && name.data[0] == '#') {
        bool hex = name.data[1] == 'x';
        for (size_t i = hex ? 2 : 1; i < name.len && code < 0x110000; i++) {
            char c = name.data[i];
            unsigned digit = c >= '0' && c <= '9'          ? (unsigned)(c - '0')
                             : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                             : hex && c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                           : 0x110000;
            code = code * (hex ? 16 : 10) + digit;
        }
    }
    for (unsigned i = 0; !code && i < sizeof named / sizeof named[0]; i++)
        if (rh_text_is(name, named[i].name))
            code = named[i].code;
    if (code == 0 || code >= 0x110000 || (code >= 0xD800 && code < 0xE000))
        return 0;
    *at = end + 1;
    return code;
}

enum rh_rc rh_key_plain_text(struct rh_arena *a, struct rh_text xhtml, struct rh_text *ret)
{
    struct rh_buf b = rh_buf(a);
    (void)rh_buf_room(&b, xhtml.len + 1);
    for (size_t i = 0; i < xhtml.len;) {
        char c = xhtml.data[i];
        if (c == '<') {
            bool comment = xhtml.len - i >= 4 && memcmp(xhtml.data + i, "<!--", 4) == 0;
            for (i++; i < xhtml.len; i++)
                if (xhtml.data[i] == '>' &&
                    (!comment || (xhtml.data[i - 1] == '-' && xhtml.data[i - 2] == '-')))
                    break;
            i++;
            rh_buf_char(&b, ' ');
            continue;
        }
        uint32_t code = c == '&' ? entity(xhtml, &i) : 0;
        if (code) {
            rh_buf_utf8(&b, code);
        } else {
            rh_buf_char(&b, c);
            i++;
        }
    }
    if (b.rc)
        return b.rc;
    *ret = rh_buf_get(&b);
    return RH_OK;
}

enum rh_rc rh_key_narrative(struct rh_maker *m, struct rh_text xhtml)
{
    struct rh_text plain;
    enum rh_rc rc = rh_key_plain_text(m->ctx->arena, xhtml, &plain);
    return rc ? rc : rh_key_text(m, RH_PARAM_TEXT_ATOM, plain);
}
