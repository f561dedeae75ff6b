/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/pack_po.h"

struct reading {
    struct rh_po *po;
    struct rh_arena *arena;
    struct rh_issues *issues;
    struct rh_text rest;
    unsigned line; /* of the line that is read, from 1 */
    /* The entry that is being read. */
    struct rh_po_entry entry;
    bool has_id, has_text, fuzzy;
    struct rh_buf *into; /* the string that continuation lines belong to */
    struct rh_buf context, id, text;
};

static enum rh_rc wrong(struct reading *r, unsigned line, const char *what)
{
    return rh_issue_at(
        r->issues,
        (struct rh_issue){.severity = RH_ERROR, .rc = RH_SYNTAX, .text = what, .line = line});
}

struct rh_text rh_po_language(struct rh_arena *a, struct rh_text file_name)
{
    struct rh_text none = {NULL, 0};
    if (!rh_text_ends(file_name, ".po"))
        return none;
    for (size_t i = file_name.len; i-- > 0;)
        if (file_name.data[i] == '/') {
            file_name = (struct rh_text){file_name.data + i + 1, file_name.len - i - 1};
            break;
        }
    char *name = rh_arena_copy(a, file_name.data, file_name.len - 3);
    if (!name || file_name.len < 5)
        return none;
    for (char *c = name; *c; c++) {
        if (*c == '_')
            *c = '-';
        if (!((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') && !(*c >= '0' && *c <= '9') && *c != '-')
            return none;
    }
    return rh_text(name);
}

/* --- the table of entries --------------------------------------------------------------------- */

static size_t hash(struct rh_text context, struct rh_text id)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a; input is bounded and nobody's to attack */
    for (size_t i = 0; i < context.len; i++)
        h = (h ^ (unsigned char)context.data[i]) * 1099511628211u;
    h = (h ^ (context.data ? 4u : 0u)) * 1099511628211u;
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.data[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static bool same(const struct rh_po_entry *e, struct rh_text context, struct rh_text id)
{
    return (e->context.data != NULL) == (context.data != NULL) && rh_text_eq(e->context, context) &&
           rh_text_eq(e->id, id);
}

static struct rh_po_entry *look(struct rh_po *po, struct rh_text context, struct rh_text id)
{
    if (!po->n_slots)
        return NULL;
    for (size_t i = hash(context, id) % po->n_slots; po->slots[i]; i = (i + 1) % po->n_slots)
        if (same(&po->entries[po->slots[i] - 1], context, id))
            return &po->entries[po->slots[i] - 1];
    return NULL;
}

static void put(struct rh_po *po, size_t entry)
{
    size_t i = hash(po->entries[entry].context, po->entries[entry].id) % po->n_slots;
    while (po->slots[i])
        i = (i + 1) % po->n_slots;
    po->slots[i] = (unsigned)entry + 1;
}

static enum rh_rc room(struct reading *r)
{
    struct rh_po *po = r->po;
    void *entries = rh_arena_grow(r->arena, po->entries, &po->cap, po->n + 1, sizeof *po->entries);
    if (!entries)
        return RH_NOMEM;
    po->entries = entries;
    if (2 * (po->n + 1) <= po->n_slots)
        return RH_OK;
    size_t n = po->n_slots ? 4 * po->n_slots : 256;
    unsigned *slots = rh_arena_zero(r->arena, n * sizeof *slots);
    if (!slots)
        return RH_NOMEM;
    po->slots = slots;
    po->n_slots = n;
    for (size_t i = 0; i < po->n; i++)
        put(po, i);
    return RH_OK;
}

struct rh_po_entry *rh_po_find(struct rh_po *po, struct rh_text context, struct rh_text id)
{
    struct rh_po_entry *e = context.len ? look(po, context, id) : NULL;
    if (!e)
        e = look(po, (struct rh_text){NULL, 0}, id);
    if (e)
        e->uses++;
    return e;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The header is the entry of the empty msgid; only its charset matters. */
static enum rh_rc check_header(struct reading *r)
{
    struct rh_text rest = rh_buf_get(&r->text), line;
    while (rest.data && rh_text_split(&rest, '\n', &line)) {
        if (!rh_text_starts(line, "Content-Type:"))
            continue;
        for (size_t i = 0; i + 8 <= line.len; i++)
            if (rh_text_ieq((struct rh_text){line.data + i, 8}, RH_TEXT("charset="))) {
                struct rh_text set = {line.data + i + 8, line.len - i - 8};
                if (!rh_text_ieq(rh_text_trim(set), RH_TEXT("utf-8")))
                    return wrong(r, r->entry.line, "The charset in the header must be UTF-8.");
            }
    }
    return RH_OK;
}

static enum rh_rc end_entry(struct reading *r)
{
    enum rh_rc rc = RH_OK;
    struct rh_po_entry e = r->entry;
    if (!r->has_id && !r->context.data && !r->has_text)
        return RH_OK;
    if (!r->has_id || !r->has_text)
        return wrong(r, r->line, "An entry needs msgid and msgstr.");
    e.id = rh_buf_get(&r->id);
    e.text = rh_buf_get(&r->text);
    e.context = e.context.data ? rh_buf_get(&r->context) : e.context;
    if (e.context.data && !e.context.len)
        e.context = RH_TEXT("");
    e.fuzzy = r->fuzzy;
    if (!e.id.len && !e.context.data) {
        rc = check_header(r);
    } else if (look(r->po, e.context, e.id)) {
        rc = wrong(r, e.line, "This msgid was translated before; keep one of the two.");
    } else if (r->po->n == RH_PO_ENTRIES_MAX) {
        rc = rh_issue_add(r->issues, RH_TOOLARGE, NULL, "More than %d entries.", RH_PO_ENTRIES_MAX);
    } else if (!(rc = room(r))) {
        r->po->entries[r->po->n] = e;
        put(r->po, r->po->n++);
    }
    r->entry = (struct rh_po_entry){.line = 0};
    r->has_id = r->has_text = r->fuzzy = false;
    r->context = r->id = r->text = rh_buf(r->arena);
    r->into = NULL;
    return rc;
}

static int octal(char c)
{
    return c >= '0' && c <= '7' ? c - '0' : -1;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The character behind a backslash; moves *at over it. False: there is no such escape. */
static bool escape(struct rh_text t, size_t *at, char *ret)
{
    static const char from[] = "ntrabfv\\\"", to[] = "\n\t\r\a\b\f\v\\\"";
    const char *found = *at < t.len && t.data[*at] ? strchr(from, t.data[*at]) : NULL;
    unsigned v = 0;
    size_t n = 0;
    if (found) {
        *ret = to[found - from];
        ++*at;
        return true;
    }
    bool is_hex = *at < t.len && t.data[*at] == 'x';
    *at += is_hex;
    for (; *at < t.len && n < (is_hex ? 2u : 3u); n++, ++*at) {
        int d = is_hex ? hex(t.data[*at]) : octal(t.data[*at]);
        if (d < 0)
            break;
        v = v * (is_hex ? 16u : 8u) + (unsigned)d;
    }
    *ret = (char)v;
    return n > 0 && v > 0 && v < 256;
}

/* One "…" with nothing behind it, appended to r->into. */
static enum rh_rc add_string(struct reading *r, struct rh_text t)
{
    t = rh_text_trim(t);
    if (t.len < 2 || t.data[0] != '"' || t.data[t.len - 1] != '"')
        return wrong(r, r->line, "A text stands between two quotation marks.");
    t.data++, t.len -= 2;
    if (!r->into->data && !rh_buf_room(r->into, 1)) /* an empty text is a text */
        return RH_NOMEM;
    for (size_t i = 0; i < t.len;) {
        char c = t.data[i++];
        if (c == '"')
            return wrong(r, r->line, "A quotation mark in a text is written \\\".");
        if (c == '\\' && !escape(t, &i, &c))
            return wrong(r, r->line, "There is no such escape; \\n, \\t, \\\" and \\\\ are.");
        rh_buf_char(r->into, c);
    }
    return r->into->rc;
}

static bool take_word(struct rh_text *t, const char *word)
{
    if (!rh_text_starts(*t, word))
        return false;
    struct rh_text rest = {t->data + strlen(word), t->len - strlen(word)};
    if (rest.len && rest.data[0] != ' ' && rest.data[0] != '\t' && rest.data[0] != '"')
        return false;
    *t = rest;
    return true;
}

static enum rh_rc start_string(struct reading *r, struct rh_text t)
{
    enum rh_rc rc = RH_OK;
    if (rh_text_starts(t, "msgid_plural") || rh_text_starts(t, "msgstr["))
        return wrong(r, r->line, "Texts of FHIR have no plural: use msgid and msgstr.");
    if (take_word(&t, "msgctxt")) {
        rc = end_entry(r);
        r->entry.context = RH_TEXT("");
        r->into = &r->context;
    } else if (take_word(&t, "msgid")) {
        if (r->has_id || r->has_text)
            rc = end_entry(r);
        r->has_id = true;
        r->entry.line = r->line;
        r->into = &r->id;
    } else if (take_word(&t, "msgstr")) {
        if (!r->has_id || r->has_text)
            return wrong(r, r->line, "msgstr stands behind a msgid.");
        r->has_text = true;
        r->into = &r->text;
    } else {
        return wrong(r, r->line, "msgctxt, msgid, msgstr, a text or a comment is wanted here.");
    }
    return rc ? rc : add_string(r, t);
}

static enum rh_rc read_comment(struct reading *r, struct rh_text t)
{
    enum rh_rc rc = r->has_text ? end_entry(r) : RH_OK;
    struct rh_text flag;
    if (rc || !rh_text_starts(t, "#,"))
        return rc;
    t.data += 2, t.len -= 2;
    while (rh_text_split(&t, ',', &flag))
        if (rh_text_is(rh_text_trim(flag), "fuzzy"))
            r->fuzzy = true;
    return RH_OK;
}

static enum rh_rc read_line(struct reading *r, struct rh_text line)
{
    line = rh_text_trim(line);
    if (!line.len)
        return RH_OK;
    if (line.data[0] == '#')
        return read_comment(r, line);
    if (line.data[0] == '"')
        return r->into ? add_string(r, line)
                       : wrong(r, r->line, "This text belongs to no msgid or msgstr.");
    return start_string(r, line);
}

enum rh_rc rh_po_read(struct rh_arena *a, struct rh_issues *is, struct rh_text language,
                      struct rh_text po, struct rh_po **ret)
{
    struct rh_po *made = rh_arena_zero(a, sizeof *made);
    if (!made)
        return RH_NOMEM;
    made->language = language;
    struct reading r = {.po = made, .arena = a, .issues = is, .rest = po};
    r.context = r.id = r.text = rh_buf(a);
    if (po.len > RH_PO_BYTES_MAX)
        return rh_issue_add(is, RH_TOOLARGE, NULL, "More than %d bytes.", RH_PO_BYTES_MAX);
    if (rh_text_starts(r.rest, "\xef\xbb\xbf"))
        r.rest.data += 3, r.rest.len -= 3;
    enum rh_rc rc = RH_OK;
    struct rh_text line;
    while (!rc && rh_text_split(&r.rest, '\n', &line)) {
        r.line++;
        rc = rh_utf8_valid(line) ? read_line(&r, line) : wrong(&r, r.line, "This is not UTF-8.");
    }
    if (!rc)
        rc = end_entry(&r);
    for (size_t i = 0; i < made->n && !rc; i++) /* escapes may have made something else of it */
        if (!rh_utf8_valid(made->entries[i].text) || !rh_utf8_valid(made->entries[i].id))
            rc = wrong(&r, made->entries[i].line, "This is not UTF-8.");
    if (!rc)
        *ret = made;
    return rc;
}
