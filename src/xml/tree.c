/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xml/tree_int.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>
#include <stdio.h>

struct tree {
    struct rh_arena *arena;
    struct rh_issues *issues;
    const char *narrative;
    struct rh_text xml;
    xmlParserCtxt *parser;
    struct rh_xml_node *root, *above[RH_XML_DEPTH_MAX];
    unsigned depth;
    unsigned namespaces, declared[RH_XML_DEPTH_MAX]; /* by the element of each level */
    unsigned xhtml; /* level of the outermost element of XHTML + 1; 0: outside */
    size_t xhtml_from;
    struct rh_buf *text; /* that is being collected; NULL: none */
    enum rh_rc rc;
};

void rh_xml_count(struct rh_text xml, size_t to, size_t *at, unsigned *line, unsigned *column)
{
    for (; *at < to && *at < xml.len; ++*at) {
        if (xml.data[*at] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)xml.data[*at] & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

/* A narrative is a part of something else, where its lines are not lines. */
static enum rh_rc refuse_at(struct tree *t, enum rh_rc rc, size_t at, const char *what)
{
    struct rh_issue row = {.severity = RH_ERROR, .rc = rc, .text = what};
    unsigned line = 1, column = 1;
    size_t from = 0;
    rh_xml_count(t->xml, at, &from, &line, &column);
    if (t->narrative)
        return rh_issue_add(t->issues, rc, t->narrative, "%s (line %u, column %u of the narrative)",
                            what, line, column);
    row.line = line;
    row.column = column;
    return rh_issue_at(t->issues, row);
}

/* The source is UTF-8, which libxml2 reads where it stands. */
static size_t offset(const struct tree *t)
{
    const xmlParserInput *in = t->parser->input;
    size_t at = in ? (size_t)(in->cur - in->base) + in->consumed : t->xml.len;
    return at < t->xml.len ? at : t->xml.len;
}

static void stop(struct tree *t, enum rh_rc rc, const char *what)
{
    if (!t->rc)
        t->rc = what ? refuse_at(t, rc, offset(t), what) : rc;
    xmlStopParser(t->parser);
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct rh_text copy(struct tree *t, const xmlChar *from, size_t len)
{
    struct rh_text r = rh_text_copy(t->arena, (struct rh_text){(const char *)from, len});
    if (!r.data && !t->rc)
        stop(t, RH_NOMEM, NULL);
    return r.data ? r : RH_TEXT("");
}

static struct rh_text copy_name(struct tree *t, const xmlChar *s)
{
    return s ? copy(t, s, strlen((const char *)s)) : RH_TEXT("");
}

static struct rh_xml_node *add(struct tree *t, enum rh_xml_kind kind)
{
    struct rh_xml_node *n = rh_arena_zero(t->arena, sizeof *n);
    if (!n) {
        stop(t, RH_NOMEM, NULL);
        return NULL;
    }
    n->kind = kind;
    struct rh_xml_node *up = t->depth ? t->above[t->depth - 1] : NULL;
    if (!up)
        t->root = n;
    else if (up->last)
        up->last = up->last->next = n;
    else
        up->first = up->last = n;
    return n;
}

/* Text comes in pieces: it is collected until something else comes. */
static void end_text(struct tree *t)
{
    if (!t->text)
        return;
    struct rh_xml_node *n = add(t, RH_XML_TEXT);
    if (n) {
        n->text = rh_buf_get(t->text);
        n->at = offset(t);
        if (t->text->rc)
            stop(t, RH_NOMEM, NULL);
    }
    t->text = NULL;
}

static void on_text(void *user, const xmlChar *s, int len)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    struct rh_text piece = {(const char *)s, (size_t)len};
    if (t->rc || t->depth == 0 || (!t->xhtml && rh_text_trim(piece).len == 0))
        return;
    if (!t->text) {
        t->text = rh_arena_zero(t->arena, sizeof *t->text);
        if (!t->text) {
            stop(t, RH_NOMEM, NULL);
            return;
        }
        *t->text = rh_buf(t->arena);
    }
    rh_buf_text(t->text, piece);
}

static void on_comment(void *user, const xmlChar *s)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    if (t->rc || !t->xhtml)
        return;
    end_text(t);
    struct rh_xml_node *n = add(t, RH_XML_COMMENT);
    if (n)
        n->text = copy_name(t, s);
}

static void on_instruction(void *user, const xmlChar *target, const xmlChar *data)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    (void)target;
    (void)data;
    if (!t->rc && t->xhtml)
        stop(t, RH_SYNTAX, "a narrative may not hold processing instructions");
}

static void on_dtd(void *user, const xmlChar *name, const xmlChar *public, const xmlChar *system)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    (void)name;
    (void)public;
    (void)system;
    if (!t->rc)
        stop(t, RH_SYNTAX,
             "a document type (<!DOCTYPE>) is not allowed: FHIR XML has no DTD and no entities of "
             "its own");
}

/* Attributes and, in XHTML, declarations of namespaces, as one list. `namespaces` are pairs of
 * prefix and address, `attributes` fives of name, prefix, address, value and its end. */
static void add_attributes(struct tree *t, struct rh_xml_node *n, int n_namespaces,
                           const xmlChar **namespaces, int n_attributes, const xmlChar **attributes)
{
    unsigned count = (unsigned)n_attributes + (t->xhtml ? (unsigned)n_namespaces : 0);
    if (count == 0)
        return;
    struct rh_xml_attribute *list = rh_arena_zero(t->arena, count * sizeof *list), *a = list;
    if (!list) {
        stop(t, RH_NOMEM, NULL);
        return;
    }
    for (int i = 0; t->xhtml && i < n_namespaces; i++, a++) {
        a->prefix = namespaces[2 * i] ? RH_TEXT("xmlns") : RH_TEXT("");
        a->name = namespaces[2 * i] ? copy_name(t, namespaces[2 * i]) : RH_TEXT("xmlns");
        a->value = copy_name(t, namespaces[2 * i + 1]);
    }
    for (int i = 0; i < n_attributes; i++, a++, attributes += 5) {
        a->name = copy_name(t, attributes[0]);
        a->prefix = copy_name(t, attributes[1]);
        a->uri = copy_name(t, attributes[2]);
        a->value = copy(t, attributes[3], (size_t)(attributes[4] - attributes[3]));
    }
    n->attributes = list;
    n->n_attributes = count;
}

/* The '<' of the tag that ends at `at`. A '<' cannot stand in a value. */
static size_t tag_start(const struct tree *t, size_t at)
{
    while (at > 0 && t->xml.data[at] != '<')
        at--;
    return at;
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    (void)n_defaulted;
    if (t->rc)
        return;
    end_text(t);
    if (t->depth == RH_XML_DEPTH_MAX) {
        stop(t, RH_SYNTAX, "the content is nested too deeply");
        return;
    }
    t->namespaces += (unsigned)n_namespaces;
    if (t->namespaces > RH_XML_NAMESPACES_MAX) {
        stop(t, RH_SYNTAX, "the content declares too many namespaces");
        return;
    }
    struct rh_xml_node *n = add(t, RH_XML_ELEMENT);
    if (!n)
        return;
    n->name = copy_name(t, name);
    n->prefix = copy_name(t, prefix);
    n->uri = copy_name(t, uri);
    size_t at = offset(t); /* at the > or /> */
    if (!t->xhtml && (t->narrative || rh_text_is(n->uri, RH_XML_XHTML))) {
        t->xhtml = t->depth + 1;
        t->xhtml_from = tag_start(t, at);
    }
    n->at = at + (at < t->xml.len && t->xml.data[at] == '/' ? 2 : 1);
    add_attributes(t, n, n_namespaces, namespaces, n_attributes, attributes);
    t->declared[t->depth] = (unsigned)n_namespaces;
    t->above[t->depth++] = n;
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    (void)name;
    (void)prefix;
    (void)uri;
    if (t->rc || t->depth == 0)
        return;
    end_text(t);
    struct rh_xml_node *n = t->above[--t->depth];
    t->namespaces -= t->declared[t->depth];
    if (t->xhtml == t->depth + 1) {
        size_t to = offset(t);
        n->raw = (struct rh_text){t->xml.data + t->xhtml_from, to - t->xhtml_from};
        t->xhtml = 0;
    }
}

static void on_error(void *user, xmlError *e)
{
    struct tree *t = ((xmlParserCtxt *)user)->_private;
    char what[300];
    if (t->rc || e->level < XML_ERR_ERROR)
        return;
    if (e->code == XML_ERR_NO_MEMORY) {
        stop(t, RH_NOMEM, NULL);
        return;
    }
    snprintf(what, sizeof what, "not well-formed XML: %s", e->message ? e->message : "");
    size_t len = strcspn(what, "\r\n");
    while (len && ((unsigned char)what[len] & 0xC0) == 0x80)
        len--; /* cut at a whole character */
    what[len] = 0;
    stop(t, RH_SYNTAX, what);
}

/* ---- before libxml2 ---------------------------------------------------------------------------
 */

/* The encoding that the XML declaration states, empty when there is none. */
static struct rh_text stated_encoding(struct rh_text xml)
{
    struct rh_text none = {NULL, 0};
    if (!rh_text_starts(xml, "<?xml"))
        return none;
    const char *end = memmem(xml.data, xml.len < 512 ? xml.len : 512, "?>", 2);
    size_t len = end ? (size_t)(end - xml.data) : 0;
    const char *p = len ? memmem(xml.data, len, "encoding", 8) : NULL;
    if (!p)
        return none;
    for (p += 8; p < end && *p != '"' && *p != '\''; p++)
        ;
    const char *close = p < end ? memchr(p + 1, *p, (size_t)(end - p - 1)) : NULL;
    return close ? (struct rh_text){p + 1, (size_t)(close - p - 1)} : none;
}

/* Behind a construct whose content is no tag; 0: none begins here. */
static size_t after_opaque(struct rh_text xml, size_t at)
{
    static const struct {
        const char *from, *to;
    } rows[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    struct rh_text rest = {xml.data + at, xml.len - at};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rh_text_starts(rest, rows[i].from))
            continue;
        const char *end = memmem(rest.data, rest.len, rows[i].to, strlen(rows[i].to));
        return end ? (size_t)(end - xml.data) + strlen(rows[i].to) : xml.len;
    }
    return 0;
}

/* Tags with very many attributes would take libxml2 time by the square of their number. */
static bool too_many_attributes(struct rh_text xml, size_t *ret_at)
{
    for (size_t i = 0; i < xml.len;) {
        const char *open = memchr(xml.data + i, '<', xml.len - i);
        if (!open)
            return false;
        i = (size_t)(open - xml.data);
        size_t opaque = after_opaque(xml, i), from = i;
        if (opaque) {
            i = opaque;
            continue;
        }
        unsigned n = 0;
        char quote = 0;
        for (i++; i < xml.len && (quote || xml.data[i] != '>'); i++) {
            char c = xml.data[i];
            if (quote)
                quote = c == quote ? 0 : quote;
            else if (c == '"' || c == '\'')
                quote = c;
            else if (c == '=' && ++n > RH_XML_ATTRIBUTES_MAX)
                return *ret_at = from, true;
        }
    }
    return false;
}

static enum rh_rc check_text(struct tree *t)
{
    size_t at;
    if (t->xml.len > RH_XML_BYTES_MAX) {
        char what[80];
        snprintf(what, sizeof what, "the XML has more than %d bytes", RH_XML_BYTES_MAX);
        return refuse_at(t, RH_TOOLARGE, 0, what);
    }
    for (size_t i = 0; i < t->xml.len;) {
        at = i;
        if (rh_utf8_next(t->xml, &i) == 0xFFFD && i - at != 3)
            return refuse_at(t, RH_SYNTAX, at,
                             "not well-formed XML: this byte is not UTF-8, which FHIR XML must be");
    }
    struct rh_text encoding = stated_encoding(t->xml);
    if (encoding.len && !rh_text_ieq(encoding, RH_TEXT("utf-8")) &&
        !rh_text_ieq(encoding, RH_TEXT("us-ascii")) && !rh_text_ieq(encoding, RH_TEXT("ascii")))
        return refuse_at(t, RH_SYNTAX, 0, "the XML declares another encoding than UTF-8");
    if (too_many_attributes(t->xml, &at))
        return refuse_at(t, RH_SYNTAX, at, "a tag has too many attributes");
    return RH_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void run(struct tree *t)
{
    static const xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .internalSubset = on_dtd,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .comment = on_comment,
        .processingInstruction = on_instruction,
        .serror = (xmlStructuredErrorFunc)on_error,
    };
    xmlInitParser();
    t->parser = xmlCreateMemoryParserCtxt(t->xml.data, (int)t->xml.len);
    if (!t->parser) {
        t->rc = RH_NOMEM;
        return;
    }
    *t->parser->sax = handler;
    t->parser->_private = t;
    /* HUGE lifts limits of libxml2 that are below ours; NOENT gives "&amp;" in an attribute as "&":
     * other entities there are none without a DTD. */
    xmlCtxtUseOptions(t->parser, XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOENT);
    xmlParseDocument(t->parser);
    if (!t->rc && (!t->parser->wellFormed || !t->root))
        t->rc = refuse_at(t, RH_SYNTAX, offset(t), "not well-formed XML");
    xmlFreeDoc(t->parser->myDoc);
    xmlFreeParserCtxt(t->parser);
}

enum rh_rc rh_xml_tree(struct rh_arena *a, struct rh_issues *is, const char *narrative,
                       struct rh_text xml, struct rh_xml_node **ret)
{
    struct tree t = {.arena = a, .issues = is, .narrative = narrative, .xml = xml};
    if (xml.len >= 3 && memcmp(xml.data, "\xEF\xBB\xBF", 3) == 0)
        t.xml = (struct rh_text){xml.data + 3, xml.len - 3};
    if (t.xml.len == 0)
        return refuse_at(&t, RH_SYNTAX, 0, "there is no XML: the content is empty");
    enum rh_rc rc = check_text(&t);
    if (rc)
        return rc;
    run(&t);
    if (t.rc == RH_OK)
        *ret = t.root;
    else if (t.rc == RH_NOMEM)
        rh_issue_add(is, RH_NOMEM, narrative, "the XML needs more memory than a request may have");
    return t.rc;
}

const struct rh_xml_attribute *rh_xml_attribute(const struct rh_xml_node *n, const char *name)
{
    for (unsigned i = 0; i < n->n_attributes; i++)
        if (n->attributes[i].prefix.len == 0 && rh_text_is(n->attributes[i].name, name))
            return &n->attributes[i];
    return NULL;
}

static void write_place(struct rh_buf *b, const struct rh_xml_place *at)
{
    if (at->up)
        write_place(b, at->up);
    if (b->len)
        rh_buf_char(b, '.');
    if (at->element)
        rh_buf_str(b, at->element->base);
    else
        rh_buf_text(b, at->name);
    if (at->index >= 0)
        rh_buf_printf(b, "[%ld]", at->index);
    if (at->element && at->element->choice)
        rh_buf_printf(b, ".ofType(%s)", at->element->type->name);
}

const char *rh_xml_path(struct rh_arena *a, const struct rh_xml_place *at)
{
    struct rh_buf path = rh_buf(a);
    write_place(&path, at);
    rh_buf_char(&path, 0);
    return path.rc ? NULL : path.data;
}
