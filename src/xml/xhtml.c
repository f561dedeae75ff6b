/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xml/xhtml_int.h"

void rh_xml_escape(struct rh_text t, bool attribute, struct rh_buf *out)
{
    size_t plain = 0;
    for (size_t i = 0; i < t.len; i++) {
        const char *as;
        switch (t.data[i]) {
        case '&':
            as = "&amp;";
            break;
        case '<':
            as = "&lt;";
            break;
        case '>':
            as = "&gt;";
            break;
        case '"':
            as = attribute ? "&quot;" : NULL;
            break;
        case '\t': /* would become blanks in an attribute */
            as = attribute ? "&#9;" : NULL;
            break;
        case '\n':
            as = attribute ? "&#10;" : NULL;
            break;
        case '\r': /* would become a line feed */
            as = "&#13;";
            break;
        default:
            as = NULL;
        }
        if (!as)
            continue;
        rh_buf_add(out, t.data + plain, i - plain);
        rh_buf_str(out, as);
        plain = i + 1;
    }
    rh_buf_add(out, t.data + plain, t.len - plain);
}

/* ---- can the source stand alone? ------------------------------------------------------------- */

static bool is_declaration(const struct rh_xml_attribute *a)
{
    return rh_text_is(a->prefix, "xmlns") || (a->prefix.len == 0 && rh_text_is(a->name, "xmlns"));
}

/* Without prefixes (but xml's own) and with the namespace stated on its first element, a piece of
 * XML means the same anywhere. */
static bool without_prefix(const struct rh_xml_node *n)
{
    if (n->prefix.len)
        return false;
    for (unsigned i = 0; i < n->n_attributes; i++) {
        const struct rh_xml_attribute *a = &n->attributes[i];
        if (a->prefix.len && !rh_text_is(a->prefix, "xml") && !is_declaration(a))
            return false;
    }
    for (const struct rh_xml_node *c = n->first; c; c = c->next)
        if (c->kind == RH_XML_ELEMENT && !without_prefix(c))
            return false;
    return true;
}

static bool stands_alone(const struct rh_xml_node *n)
{
    const struct rh_xml_attribute *ns = rh_xml_attribute(n, "xmlns");
    return ns && rh_text_is(ns->value, RH_XML_XHTML) && n->raw.len && without_prefix(n);
}

/* ---- carriage returns ------------------------------------------------------------------------ */

/* XML turns a carriage return into a line feed unless it is written as &#13;. In JSON it stands as
 * it is. Both only where a reference can stand: in text and in values. */
static bool returns_can_be_references(struct rh_text t)
{
    bool tag = false;
    char quote = 0;
    if (memmem(t.data, t.len, "<!", 2))
        return false; /* comments and CDATA */
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (tag && (c == '"' || c == '\''))
            quote = c;
        else if (c == '<' || c == '>')
            tag = c == '<';
        else if (c == '\r' && tag)
            return false;
    }
    return true;
}

static void replace(struct rh_text t, struct rh_text what, const char *by, struct rh_buf *out)
{
    for (const char *p; (p = memmem(t.data, t.len, what.data, what.len));) {
        size_t n = (size_t)(p - t.data);
        rh_buf_add(out, t.data, n);
        rh_buf_str(out, by);
        t = (struct rh_text){p + what.len, t.len - n - what.len};
    }
    rh_buf_text(out, t);
}

/* ---- writing anew ---------------------------------------------------------------------------- */

static void write_attribute(struct rh_text prefix, struct rh_text name, struct rh_text value,
                            struct rh_buf *out)
{
    rh_buf_char(out, ' ');
    if (prefix.len) {
        rh_buf_text(out, prefix);
        rh_buf_char(out, ':');
    }
    rh_buf_text(out, name);
    rh_buf_str(out, "=\"");
    rh_xml_escape(value, true, out);
    rh_buf_char(out, '"');
}

/* Elements lose their prefix and state their namespace where it is another than that around them;
 * attributes with a prefix declare it where they stand. */
static void write_start(const struct rh_xml_node *n, struct rh_text around, struct rh_buf *out)
{
    rh_buf_char(out, '<');
    rh_buf_text(out, n->name);
    if (!rh_text_eq(n->uri, around))
        write_attribute(RH_TEXT(""), RH_TEXT("xmlns"), n->uri, out);
    for (unsigned i = 0; i < n->n_attributes; i++) {
        const struct rh_xml_attribute *a = &n->attributes[i];
        bool declared = a->prefix.len == 0 || rh_text_is(a->prefix, "xml");
        if (is_declaration(a))
            continue;
        for (unsigned k = 0; k < i; k++)
            declared |= rh_text_eq(n->attributes[k].prefix, a->prefix);
        if (!declared)
            write_attribute(RH_TEXT("xmlns"), a->prefix, a->uri, out);
        write_attribute(a->prefix, a->name, a->value, out);
    }
}

static void write_node(const struct rh_xml_node *n, struct rh_text around, struct rh_buf *out)
{
    if (n->kind == RH_XML_TEXT) {
        rh_xml_escape(n->text, false, out);
        return;
    }
    if (n->kind == RH_XML_COMMENT) {
        rh_buf_str(out, "<!--");
        rh_buf_text(out, n->text);
        rh_buf_str(out, "-->");
        return;
    }
    write_start(n, around, out);
    if (!n->first) {
        rh_buf_str(out, "/>");
        return;
    }
    rh_buf_char(out, '>');
    for (const struct rh_xml_node *c = n->first; c; c = c->next)
        write_node(c, n->uri, out);
    rh_buf_str(out, "</");
    rh_buf_text(out, n->name);
    rh_buf_char(out, '>');
}

void rh_xhtml_text(const struct rh_xml_node *n, struct rh_buf *out)
{
    if (!stands_alone(n) || memchr(n->raw.data, '\r', n->raw.len))
        write_node(n, (struct rh_text){NULL, 0}, out);
    else if (returns_can_be_references(n->raw))
        replace(n->raw, RH_TEXT("&#13;"), "\r", out);
    else
        rh_buf_text(out, n->raw);
}

/* ---- from JSON ------------------------------------------------------------------------------- */

/* A tree without any namespace is taken for XHTML. */
static void claim(struct rh_xml_node *n)
{
    if (n->kind != RH_XML_ELEMENT)
        return;
    if (n->uri.len == 0)
        n->uri = RH_TEXT(RH_XML_XHTML);
    for (struct rh_xml_node *c = n->first; c; c = c->next)
        claim(c);
}

enum rh_rc rh_xhtml_element(struct rh_arena *a, struct rh_issues *is, const char *expression,
                            struct rh_text text, struct rh_buf *out)
{
    struct rh_xml_node *n;
    enum rh_rc rc = rh_xml_tree(a, is, expression, rh_text_trim(text), &n);
    if (rc)
        return rc;
    if (stands_alone(n) && returns_can_be_references(n->raw)) {
        replace(n->raw, RH_TEXT("\r"), "&#13;", out);
        return RH_OK;
    }
    if (stands_alone(n) && !memchr(n->raw.data, '\r', n->raw.len)) {
        rh_buf_text(out, n->raw);
        return RH_OK;
    }
    claim(n);
    write_node(n, (struct rh_text){NULL, 0}, out);
    return RH_OK;
}
