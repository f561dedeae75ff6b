/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/narrative.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { ATTRIBUTES_MAX = 64, NAME_SHOWN = 40, STYLE_MAX = 64 << 10, FINDINGS_MAX = 100 };

static const char XHTML[] = "http://www.w3.org/1999/xhtml";

/* ---- what is allowed ------------------------------------------------------------------------- */

enum {
    INLINE = 1, /* holds no block */
    ONCE = 2,   /* not inside itself */
    EMPTY = 4   /* holds nothing */
};

/* Lists are "|a|b|"; NULL: anything. Content rules are those of HTML 4.01's grammar as the official
 * validator applies them. */
static const struct element {
    const char *name;
    unsigned flags;
    const char *parents, *children, *attributes;
} elements[] = {
    {"a", INLINE | ONCE, NULL, NULL, "|href|name|charset|type|hreflang|rel|rev|shape|coords|"},
    {"abbr", INLINE | ONCE, NULL, NULL, NULL},
    {"acronym", INLINE | ONCE, NULL, NULL, NULL},
    {"address", INLINE, NULL, NULL, NULL},
    {"area", EMPTY, NULL, NULL, "|shape|coords|href|nohref|alt|"},
    {"b", INLINE | ONCE, NULL, NULL, NULL},
    {"bdo", INLINE | ONCE, NULL, NULL, NULL},
    {"big", INLINE | ONCE, NULL, NULL, NULL},
    {"blockquote", 0, NULL, NULL, "|cite|"},
    {"br", EMPTY, NULL, NULL, NULL},
    {"caption", INLINE, "|table|", NULL, NULL},
    {"cite", INLINE | ONCE, NULL, NULL, NULL},
    {"code", INLINE | ONCE, NULL, NULL, NULL},
    {"col", 0, "|table|colgroup|", NULL, NULL},
    {"colgroup", 0, "|table|", NULL, NULL},
    {"dd", INLINE, "|dl|", NULL, NULL},
    {"dfn", INLINE | ONCE, NULL, NULL, NULL},
    {"div", 0, NULL, NULL, NULL},
    {"dl", 0, NULL, "|dd|dt|", NULL},
    {"dt", INLINE, "|dl|", NULL, NULL},
    {"em", INLINE | ONCE, NULL, NULL, NULL},
    {"h1", INLINE, NULL, NULL, NULL},
    {"h2", INLINE, NULL, NULL, NULL},
    {"h3", INLINE, NULL, NULL, NULL},
    {"h4", INLINE, NULL, NULL, NULL},
    {"h5", INLINE, NULL, NULL, NULL},
    {"h6", INLINE, NULL, NULL, NULL},
    {"hr", EMPTY, NULL, NULL, NULL},
    {"i", INLINE | ONCE, NULL, NULL, NULL},
    {"img", EMPTY, NULL, NULL, "|src|border|alt|longdesc|height|usemap|ismap|"},
    {"kbd", INLINE | ONCE, NULL, NULL, NULL},
    {"li", 0, "|ul|ol|", NULL, NULL},
    {"map", 0, NULL, "|area|", "|name|"},
    {"ol", 0, NULL, "|li|", NULL},
    {"p", INLINE, NULL, NULL, NULL},
    {"pre", INLINE, NULL, NULL, "|space|"},
    {"q", INLINE | ONCE, NULL, NULL, "|cite|"},
    {"samp", INLINE | ONCE, NULL, NULL, NULL},
    {"small", INLINE | ONCE, NULL, NULL, NULL},
    {"span", INLINE, NULL, NULL, NULL},
    {"strong", INLINE | ONCE, NULL, NULL, NULL},
    {"sub", INLINE | ONCE, NULL, NULL, NULL},
    {"sup", INLINE | ONCE, NULL, NULL, NULL},
    {"table", 0, NULL, "|tbody|tr|caption|thead|tfoot|col|colgroup|",
     "|summary|border|frame|rules|cellspacing|cellpadding|"},
    {"tbody", 0, "|table|", "|tr|", NULL},
    {"td", 0, "|tr|thead|tfoot|", NULL, "|nowrap|"},
    {"tfoot", 0, "|table|", "|tr|", NULL},
    {"th", 0, "|tr|thead|tfoot|", NULL, NULL},
    {"thead", 0, "|table|", "|tr|", NULL},
    {"tr", 0, "|table|thead|tfoot|tbody|", "|td|th|", NULL},
    {"tt", INLINE | ONCE, NULL, NULL, NULL},
    {"ul", 0, NULL, "|li|", NULL},
    {"var", INLINE | ONCE, NULL, NULL, NULL},
};
static const char everywhere[] = "|title|style|class|id|lang|xml:lang|dir|accesskey|tabindex|span|"
                                 "width|align|valign|char|charoff|abbr|axis|headers|scope|rowspan|"
                                 "colspan|";
static const char blocks[] = "|div|pre|table|ul|ol|";
static const char blocks_of_p[] = "|div|blockquote|table|ol|ul|p|pre|";
static const char link_schemes[] = "|http|https|mailto|tel|ftp|sms|geo|";
static const char image_schemes[] = "|http|https|data|";

static bool listed(const char *list, struct rh_text name)
{
    if (!list || name.len == 0 || memchr(name.data, '|', name.len))
        return false;
    size_t len = strlen(list);
    for (const char *p = list; (p = memmem(p, len - (size_t)(p - list), name.data, name.len)); p++)
        if (p[-1] == '|' && p[name.len] == '|')
            return true;
    return false;
}

static const struct element *find(struct rh_text name)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (rh_text_is(name, elements[i].name))
            return &elements[i];
    return NULL;
}

/* ---- the scan -------------------------------------------------------------------------------- */

struct open {
    struct rh_text name;
    const struct element *element; /* NULL: unknown */
    /* What it and the elements above it are, without the outermost div, which has no such rules. */
    uint64_t within; /* a bit for each row of `elements` */
    bool in_block_free, in_p;
};
_Static_assert(sizeof elements / sizeof elements[0] <= 64, "a bit for each element");

struct scan {
    struct rh_issues *is;
    const char *expression;
    struct rh_text t;
    size_t at;
    struct open stack[RH_NARRATIVE_DEPTH_MAX];
    unsigned depth;
    bool content; /* text or an image was seen */
    enum rh_rc rc;
    unsigned findings;
    rh_narrative_each *each; /* NULL: nobody asks for marks */
    void *user;
    size_t counted; /* line and column are those of this offset */
    unsigned line, column;
};

static void place(struct scan *s, size_t at)
{
    if (at < s->counted) {
        s->counted = 0;
        s->line = s->column = 1;
    }
    for (; s->counted < at; s->counted++) {
        if (s->t.data[s->counted] == '\n') {
            s->line++;
            s->column = 1;
        } else if (((unsigned char)s->t.data[s->counted] & 0xC0) != 0x80) {
            s->column++;
        }
    }
}

static void finding(struct scan *s, enum rh_rc rc, const char *code, size_t at, const char *format,
                    ...) __attribute__((format(printf, 5, 6)));
static void finding(struct scan *s, enum rh_rc rc, const char *code, size_t at, const char *format,
                    ...)
{
    char what[512], text[600];
    if (!s->rc)
        s->rc = rc;
    if (s->findings++ >= FINDINGS_MAX)
        return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    place(s, at);
    snprintf(text, sizeof text, "%s (line %u, column %u of the narrative)", what, s->line,
             s->column);
    rh_issue_at(s->is, (struct rh_issue){.severity = RH_ERROR,
                                         .rc = rc,
                                         .code = code,
                                         .expression = s->expression,
                                         .text = text});
}

/* Not well-formed: nothing after it can be understood. */
static bool broken(struct scan *s, size_t at, const char *what)
{
    finding(s, RH_SYNTAX, "invalid", at, "The narrative is not well-formed XHTML: %s", what);
    return false;
}

/* What a message shows of a name from the text, cut at a whole character. */
static struct rh_text shown(struct rh_text t)
{
    if (t.len > NAME_SHOWN) {
        t.len = NAME_SHOWN;
        while (t.len && ((unsigned char)t.data[t.len] & 0xC0) == 0x80)
            t.len--;
    }
    return t;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool name_start(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80;
}

static bool name_char(unsigned char c)
{
    return name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool ahead(const struct scan *s, const char *what)
{
    size_t n = strlen(what);
    return s->t.len - s->at >= n && memcmp(s->t.data + s->at, what, n) == 0;
}

static void skip_blank(struct scan *s)
{
    while (s->at < s->t.len && blank(s->t.data[s->at]))
        s->at++;
}

static struct rh_text scan_name(struct scan *s)
{
    size_t from = s->at;
    if (s->at < s->t.len && name_start((unsigned char)s->t.data[s->at]))
        while (s->at < s->t.len && name_char((unsigned char)s->t.data[s->at]))
            s->at++;
    return (struct rh_text){s->t.data + from, s->at - from};
}

/* Moves behind `end`; false: it does not come. */
static bool skip_to(struct scan *s, const char *end)
{
    const char *p = memmem(s->t.data + s->at, s->t.len - s->at, end, strlen(end));
    if (!p)
        return false;
    s->at = (size_t)(p - s->t.data) + strlen(end);
    return true;
}

/* ---- entities -------------------------------------------------------------------------------- */

static bool xml_character(uint32_t c)
{
    return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xD800) ||
           (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

/* "#65" or "#x41"; 0: no character of XML. */
static uint32_t character_of(struct rh_text t)
{
    bool hex = t.len > 1 && t.data[1] == 'x';
    uint32_t c = 0;
    size_t i = hex ? 2 : 1;
    if (i >= t.len)
        return 0;
    for (; i < t.len; i++) {
        unsigned char d = (unsigned char)t.data[i];
        unsigned v = 99;
        if (d >= '0' && d <= '9')
            v = d - (unsigned)'0';
        else if (hex && (d | 32) >= 'a' && (d | 32) <= 'f')
            v = (d | 32u) - 'a' + 10;
        if (v > 15)
            return 0;
        c = c * (hex ? 16 : 10) + v;
        if (c > 0x10FFFF)
            return 0;
    }
    return xml_character(c) ? c : 0;
}

/* XML's own five entities and what character each is. The narrative is part of general XML, so the
 * others of HTML are not there (R4, narrative: "no support for HTML entities like &nbsp;"). */
static uint32_t predefined(struct rh_text name)
{
    static const struct {
        const char *name;
        uint32_t character;
    } rows[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_is(name, rows[i].name))
            return rows[i].character;
    return 0;
}

/* At an '&': moves behind the ';' and says which character it is. */
static bool scan_entity(struct scan *s, uint32_t *ret)
{
    size_t from = s->at++;
    size_t name_from = s->at;
    while (s->at < s->t.len && s->t.data[s->at] != ';' && s->at - name_from < 32 &&
           (name_char((unsigned char)s->t.data[s->at]) || s->t.data[s->at] == '#'))
        s->at++;
    struct rh_text name = {s->t.data + name_from, s->at - name_from};
    if (name.len == 0 || s->at == s->t.len || s->t.data[s->at] != ';')
        return broken(s, from, "an & that is meant as itself must be written &amp;");
    s->at++;
    *ret = name.data[0] == '#' ? character_of(name) : predefined(name);
    if (*ret)
        return true;
    if (name.data[0] == '#')
        return broken(s, from, "this number is not that of a character of XML");
    finding(s, RH_VALUE, "invalid", from,
            "Invalid entity in the XHTML ('&%.*s;'): write the character itself, or its number",
            RH_TEXT_ARG(name));
    *ret = 0xFFFD;
    return true;
}

/* ---- attributes ------------------------------------------------------------------------------ */

struct attribute {
    struct rh_text name;
    struct rh_text value; /* decoded; in the arena when it held an entity */
    size_t at;
};

/* Where the value of an attribute begins and ends, decoded. */
static bool scan_value(struct scan *s, struct rh_text *ret)
{
    char quote = s->at < s->t.len ? s->t.data[s->at] : 0;
    if (quote != '"' && quote != '\'')
        return broken(s, s->at, "the value of an attribute must stand in quotes");
    size_t from = s->at++, plain = s->at;
    struct rh_buf b = rh_buf(s->is->arena);
    bool decoded = false;
    while (s->at < s->t.len && s->t.data[s->at] != quote) {
        uint32_t c;
        if (s->t.data[s->at] == '<')
            return broken(s, s->at, "a < inside the value of an attribute must be written &lt;");
        if (s->t.data[s->at] != '&') {
            s->at++;
            continue;
        }
        rh_buf_add(&b, s->t.data + plain, s->at - plain);
        if (!scan_entity(s, &c))
            return false;
        rh_buf_utf8(&b, c);
        plain = s->at;
        decoded = true;
    }
    if (s->at == s->t.len)
        return broken(s, from, "the quote that ends the value of this attribute is missing");
    *ret = (struct rh_text){s->t.data + plain, s->at - plain};
    if (decoded) {
        rh_buf_text(&b, *ret);
        *ret = rh_buf_get(&b);
    }
    s->at++;
    if (b.rc)
        s->rc = b.rc;
    return b.rc == RH_OK;
}

/* The scheme of an address ("https"), empty for a relative one; blanks and control characters,
 * which browsers pass over, do not hide one. */
static size_t scheme_of(struct rh_text address, char ret[16])
{
    size_t n = 0;
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.data[i];
        if (c <= 0x20)
            continue;
        if (c == ':')
            return n;
        if (c == '/' || c == '?' || c == '#')
            return 0;
        if (n < 15)
            ret[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return 0;
}

static void check_address(struct scan *s, const struct attribute *a, bool image)
{
    char scheme[16];
    size_t n = scheme_of(a->value, scheme);
    if (n == 0 || listed(image ? image_schemes : link_schemes, (struct rh_text){scheme, n}))
        return;
    while (!rh_utf8_valid((struct rh_text){scheme, n}))
        n--; /* cut inside a character */
    finding(s, RH_VALUE, "invalid", a->at,
            "%s scheme '%.*s' in '%.*s' is not allowed: only %s, or an address without a scheme",
            image ? "Image" : "Hyperlink", (int)n, scheme, RH_TEXT_ARG(shown(a->value)),
            image ? "http, https and data" : "http, https, mailto, tel, ftp, sms and geo");
}

/* The scheme of an address in a style that is none of a picture; empty: there is none. Addresses
 * of pictures are as good in a style as they are in an img. */
static struct rh_text strange_scheme(struct rh_text style)
{
    struct rh_text none = {NULL, 0};
    for (const char *p = style.data, *end = p + style.len;
         (p = memmem(p, (size_t)(end - p), "url(", 4));) {
        p += 4;
        if (p < end && (*p == '"' || *p == '\''))
            p++;
        size_t n = 0;
        while (p + n < end && strchr("abcdefghijklmnopqrstuvwxyz0123456789+-.", p[n]))
            n++;
        struct rh_text scheme = {p, n};
        if (n > 0 && p + n < end && p[n] == ':' && !listed(image_schemes, scheme))
            return scheme;
    }
    return none;
}

/* Style that runs code or fetches style: the words are looked for in what remains when
 * comments, blanks and backslashes are taken away, in small letters. */
static void check_style(struct scan *s, const struct attribute *a)
{
    static const char *const refused[] = {
        "expression(", "javascript:", "vbscript:", "behavior:", "-moz-binding", "@import"};
    char *plain = a->value.len <= STYLE_MAX ? rh_arena_alloc(s->is->arena, a->value.len + 1) : NULL;
    size_t n = 0;
    if (!plain) {
        finding(s, RH_VALUE, "invalid", a->at, "The style is longer than %d bytes", STYLE_MAX);
        return;
    }
    for (size_t i = 0; i < a->value.len; i++) {
        unsigned char c = (unsigned char)a->value.data[i];
        if (c == '\\') {
            finding(s, RH_VALUE, "invalid", a->at, "A style may not hold a backslash");
            return;
        }
        if (c == '/' && i + 1 < a->value.len && a->value.data[i + 1] == '*') {
            const char *end = memmem(a->value.data + i + 2, a->value.len - i - 2, "*/", 2);
            i = end ? (size_t)(end - a->value.data) + 1 : a->value.len;
        } else if (c > 0x20) {
            plain[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    struct rh_text scheme = strange_scheme((struct rh_text){plain, n});
    if (scheme.len) {
        finding(s, RH_VALUE, "invalid", a->at,
                "The scheme '%.*s' of an address in a style ('url(') is not allowed: only http, "
                "https and data, or an address without a scheme",
                RH_TEXT_ARG(shown(scheme)));
        return;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (memmem(plain, n, refused[i], strlen(refused[i]))) {
            finding(s, RH_VALUE, "invalid", a->at,
                    "A style may neither run code nor fetch anything ('%s')", refused[i]);
            return;
        }
}

static void check_attribute(struct scan *s, const struct open *o, const struct attribute *a)
{
    bool image = rh_text_is(o->name, "img") && rh_text_is(a->name, "src");
    if (rh_text_is(a->name, "xmlns")) {
        if (!rh_text_is(a->value, XHTML))
            finding(s, RH_VALUE, "invalid", a->at,
                    "Wrong namespace on the XHTML ('%.*s', should be '%s')",
                    RH_TEXT_ARG(shown(a->value)), XHTML);
        return;
    }
    if (rh_text_starts(a->name, "xmlns:"))
        return;
    if (rh_text_is(a->name, "xml:space")) {
        rh_issue_at(s->is,
                    (struct rh_issue){.severity = RH_INFORMATION,
                                      .rc = RH_OK,
                                      .expression = s->expression,
                                      .text = "xml:space is better left out of a narrative"});
        return;
    }
    if (o->element && !listed(everywhere, a->name) && !listed(o->element->attributes, a->name)) {
        finding(s, RH_VALUE, "invalid", a->at,
                "Invalid attribute name in the XHTML ('%.*s' on '%.*s')",
                RH_TEXT_ARG(shown(a->name)), RH_TEXT_ARG(shown(o->name)));
        return;
    }
    if (rh_text_is(a->name, "style"))
        check_style(s, a);
    else if (image || rh_text_is(a->name, "href") || rh_text_is(a->name, "cite") ||
             rh_text_is(a->name, "longdesc"))
        check_address(s, a, image);
}

/* Names that links may point to, and links to such names. */
static void tell(struct scan *s, const struct open *o, const struct attribute *a)
{
    bool link = rh_text_is(o->name, "a"), image = rh_text_is(o->name, "img");
    struct rh_text v = a->value;
    if (!s->each)
        return;
    if (rh_text_is(a->name, "id") || (link && rh_text_is(a->name, "name")))
        s->each(s->user, RH_NARRATIVE_ID, v);
    if (v.len < 2 || v.data[0] != '#')
        return;
    v = (struct rh_text){v.data + 1, v.len - 1};
    if (link && rh_text_is(a->name, "href"))
        s->each(s->user, RH_NARRATIVE_LINK, v);
    if (image && rh_text_is(a->name, "src"))
        s->each(s->user, RH_NARRATIVE_IMAGE, v);
}

/* All attributes of a start tag, up to its '>' or '/'. */
static bool scan_attributes(struct scan *s, const struct open *o, bool *ret_namespace)
{
    struct attribute list[ATTRIBUTES_MAX];
    unsigned n = 0;
    for (;;) {
        size_t before = s->at;
        skip_blank(s);
        if (s->at == s->t.len)
            return broken(s, before, "a tag does not end");
        if (s->t.data[s->at] == '>' || s->t.data[s->at] == '/')
            break;
        if (before == s->at)
            return broken(s, s->at, "a blank is missing in front of an attribute");
        struct attribute *a = &list[n];
        if (n == ATTRIBUTES_MAX)
            return broken(s, s->at, "a tag has too many attributes");
        a->at = s->at;
        a->name = scan_name(s);
        if (a->name.len == 0)
            return broken(s, s->at, "the name of an attribute, > or /> should stand here");
        skip_blank(s);
        if (s->at == s->t.len || s->t.data[s->at] != '=')
            return broken(s, s->at, "an attribute needs = and a value");
        s->at++;
        skip_blank(s);
        if (!scan_value(s, &a->value))
            return false;
        for (unsigned i = 0; i < n; i++)
            if (rh_text_eq(list[i].name, a->name))
                return broken(s, a->at, "an attribute appears twice");
        *ret_namespace |= rh_text_is(a->name, "xmlns");
        n++;
    }
    for (unsigned i = 0; i < n; i++) {
        check_attribute(s, o, &list[i]);
        tell(s, o, &list[i]);
    }
    return true;
}

/* ---- elements -------------------------------------------------------------------------------- */

static void check_inside(struct scan *s, const struct open *o, size_t at)
{
    const struct element *e = o->element;
    const struct open *parent = &s->stack[s->depth - 1];
    if (e->parents && !listed(e->parents, parent->name))
        finding(s, RH_VALUE, "structure", at, "<%s> may not stand directly in <%.*s>", e->name,
                RH_TEXT_ARG(shown(parent->name)));
    else if (parent->element && parent->element->children &&
             !listed(parent->element->children, o->name))
        finding(s, RH_VALUE, "structure", at, "<%s> may not hold <%s>", parent->element->name,
                e->name);
    if (parent->in_p && listed(blocks_of_p, o->name))
        finding(s, RH_VALUE, "invalid", at,
                "Invalid element name inside a paragraph in the XHTML ('%s')", e->name);
    else if (parent->in_block_free && listed(blocks, o->name))
        finding(s, RH_VALUE, "structure", at,
                "<%s> may not stand inside an element of text such as <span>", e->name);
    else if (e->flags & ONCE && parent->within >> (e - elements) & 1)
        finding(s, RH_VALUE, "structure", at, "<%s> may not stand inside itself", e->name);
}

static void check_element(struct scan *s, const struct open *o, size_t at)
{
    if (s->depth == 0) {
        if (!rh_text_is(o->name, "div"))
            finding(s, RH_VALUE, "invalid", at,
                    "Wrong name on the XHTML ('%.*s' - must start with div)",
                    RH_TEXT_ARG(shown(o->name)));
    } else if (!o->element) {
        finding(s, RH_VALUE, "invalid", at, "Invalid element name in the XHTML ('%.*s')",
                RH_TEXT_ARG(shown(o->name)));
    } else {
        check_inside(s, o, at);
    }
    const struct element *parent = s->depth ? s->stack[s->depth - 1].element : NULL;
    if (parent && parent->flags & EMPTY)
        finding(s, RH_VALUE, "structure", at, "<%s> may hold nothing", parent->name);
    if (rh_text_is(o->name, "img"))
        s->content = true;
}

static bool scan_start(struct scan *s)
{
    size_t from = s->at++;
    struct open o = {.name = scan_name(s)};
    bool namespace = false;
    if (o.name.len == 0)
        return broken(s, from, "a < that is meant as itself must be written &lt;");
    if (s->depth == RH_NARRATIVE_DEPTH_MAX)
        return broken(s, from, "elements are nested too deeply");
    o.element = find(o.name);
    check_element(s, &o, from);
    if (!scan_attributes(s, &o, &namespace))
        return false;
    if (s->depth == 0 && !namespace)
        finding(s, RH_VALUE, "invalid", from,
                "Wrong namespace on the XHTML: the div needs xmlns=\"%s\"", XHTML);
    if (s->t.data[s->at] == '>') {
        if (s->depth) {
            const struct open *parent = &s->stack[s->depth - 1];
            o.within = parent->within | (o.element ? UINT64_C(1) << (o.element - elements) : 0);
            o.in_block_free = parent->in_block_free || (o.element && o.element->flags & INLINE);
            o.in_p = parent->in_p || rh_text_is(o.name, "p");
        }
        s->stack[s->depth++] = o;
        s->at++;
        return true;
    }
    if (!ahead(s, "/>"))
        return broken(s, s->at, "> must follow /");
    s->at += 2;
    return true;
}

static bool scan_end(struct scan *s)
{
    size_t from = s->at;
    char what[160];
    s->at += 2;
    struct rh_text name = scan_name(s);
    skip_blank(s);
    if (s->at == s->t.len || s->t.data[s->at] != '>')
        return broken(s, from, "an end tag does not end");
    s->at++;
    struct rh_text open = shown(s->stack[s->depth - 1].name);
    if (!rh_text_eq(name, s->stack[s->depth - 1].name)) {
        snprintf(what, sizeof what, "</%.*s> should stand here, not </%.*s>", RH_TEXT_ARG(open),
                 RH_TEXT_ARG(shown(name)));
        return broken(s, from, what);
    }
    s->depth--;
    return true;
}

static bool scan_comment(struct scan *s)
{
    size_t from = s->at;
    s->at += 4;
    if (!skip_to(s, "--") || s->at == s->t.len || s->t.data[s->at] != '>')
        return broken(s, from, "a comment must end in --> and hold no other --");
    s->at++;
    return true;
}

static void saw_text(struct scan *s, size_t at)
{
    const struct element *e = s->stack[s->depth - 1].element;
    s->content = true;
    if (e && (e->children || e->flags & EMPTY))
        finding(s, RH_VALUE, "structure", at, "<%s> may not hold text directly", e->name);
}

static bool scan_text(struct scan *s)
{
    bool seen = false;
    while (s->at < s->t.len && s->t.data[s->at] != '<') {
        size_t from = s->at;
        uint32_t c = ' ';
        if (s->t.data[s->at] == '&') {
            if (!scan_entity(s, &c))
                return false;
        } else {
            c = (unsigned char)s->t.data[s->at++];
            if (c == '>' && from >= 2 && memcmp(s->t.data + from - 2, "]]", 2) == 0)
                return broken(s, from, "]]> must be written ]]&gt;");
        }
        if (seen || (c <= 0x20 && blank((char)c)))
            continue;
        seen = true;
        saw_text(s, from);
    }
    return true;
}

static bool scan_one(struct scan *s)
{
    size_t from = s->at;
    if (s->t.data[s->at] != '<')
        return scan_text(s);
    if (ahead(s, "</"))
        return scan_end(s);
    if (ahead(s, "<!--"))
        return scan_comment(s);
    if (ahead(s, "<![CDATA[")) {
        if (!skip_to(s, "]]>"))
            return broken(s, from, "a CDATA section does not end");
        saw_text(s, from);
        return true;
    }
    if (ahead(s, "<!"))
        return broken(s, from, "declarations such as DOCTYPE are not allowed");
    if (ahead(s, "<?")) {
        finding(s, RH_VALUE, "invalid", from, "Processing instructions are not allowed");
        return skip_to(s, "?>") || broken(s, from, "a processing instruction does not end");
    }
    return scan_start(s);
}

/* White space and comments around the div. */
static bool scan_around(struct scan *s)
{
    for (;;) {
        skip_blank(s);
        if (!ahead(s, "<!--"))
            return true;
        if (!scan_comment(s))
            return false;
    }
}

static bool scan_all(struct scan *s)
{
    for (size_t i = 0; i < s->t.len;) {
        size_t at = i;
        uint32_t c = rh_utf8_next(s->t, &i);
        if (!xml_character(c) || (c == 0xFFFD && i - at != 3))
            return broken(s, at, "a character that XML does not allow");
    }
    if (!scan_around(s))
        return false;
    if (s->at == s->t.len || !ahead(s, "<") || ahead(s, "</") || ahead(s, "<!") || ahead(s, "<?"))
        return broken(s, s->at,
                      "it should begin with <div xmlns=\"http://www.w3.org/1999/xhtml\">");
    if (!scan_one(s))
        return false;
    while (s->depth && s->at < s->t.len)
        if (!scan_one(s))
            return false;
    if (s->depth) {
        struct rh_text open = shown(s->stack[s->depth - 1].name);
        char what[100];
        snprintf(what, sizeof what, "the end tag of <%.*s> is missing", RH_TEXT_ARG(open));
        return broken(s, s->at, what);
    }
    if (!scan_around(s))
        return false;
    return s->at == s->t.len || broken(s, s->at, "nothing may follow the div");
}

enum rh_rc rh_narrative_check(struct rh_issues *is, const char *expression, struct rh_text xhtml,
                              bool *ret_empty)
{
    assert(is && is->arena);
    struct scan s = {.is = is, .expression = expression, .t = xhtml, .line = 1, .column = 1};
    bool whole = scan_all(&s);
    if (ret_empty)
        *ret_empty = whole && !s.content;
    if (whole && !s.content)
        finding(&s, RH_VALUE, "invariant", 0,
                "txt-2: The narrative SHALL have some non-whitespace content");
    return s.rc;
}

void rh_narrative_marks(struct rh_arena *a, struct rh_text xhtml, rh_narrative_each *each,
                        void *user)
{
    struct rh_issues unread;
    rh_issues_init(&unread, a);
    struct scan s = {.is = &unread, .t = xhtml, .line = 1, .column = 1, .each = each, .user = user};
    (void)scan_all(&s);
}
