/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/decimal.h"
#include "fhir/primitive.h"
#include "xml/xhtml_int.h"

#include <stdarg.h>

enum { NAME_SHOWN = 40 };

struct reader {
    struct rh_ctx *c;
    struct rh_text xml;
    struct rh_buf *out;
    enum rh_rc rc;
    size_t at; /* line and column are those of this byte */
    unsigned line, column;
};

/* ---- findings -------------------------------------------------------------------------------- */

static struct rh_text shown(struct rh_text t)
{
    if (t.len > NAME_SHOWN) {
        t.len = NAME_SHOWN;
        while (t.len && ((unsigned char)t.data[t.len] & 0xC0) == 0x80)
            t.len--;
    }
    return t;
}

static void finding(struct reader *r, enum rh_rc rc, const struct rh_xml_place *at,
                    const struct rh_xml_node *n, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static void finding(struct reader *r, enum rh_rc rc, const struct rh_xml_place *at,
                    const struct rh_xml_node *n, const char *format, ...)
{
    if (!r->rc)
        r->rc = rc;
    if (!r->c->issues || r->c->issues->dropped)
        return;
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(r->c->arena, format, ap);
    va_end(ap);
    if (n->at < r->at) {
        r->at = 0;
        r->line = r->column = 1;
    }
    rh_xml_count(r->xml, n->at, &r->at, &r->line, &r->column);
    rh_issue_at(r->c->issues, (struct rh_issue){.severity = RH_ERROR,
                                                .rc = rc,
                                                .code = "structure",
                                                .expression = rh_xml_path(r->c->arena, at),
                                                .text = text,
                                                .line = r->line,
                                                .column = r->column});
}

/* ---- which element is each child? ------------------------------------------------------------ */

static void unknown_child(struct reader *r, const struct rh_xml_place *up,
                          const struct rh_type *type, const struct rh_xml_node *n)
{
    struct rh_xml_place at = {.up = up, .name = shown(n->name), .index = -1};
    finding(r, RH_STRUCTURE, &at, n, "%s has no element <%.*s>", type->name, RH_TEXT_ARG(at.name));
}

static const struct rh_element *element_of(struct reader *r, const struct rh_xml_place *up,
                                           const struct rh_type *type, const struct rh_xml_node *n)
{
    const struct rh_element *e = rh_element_find(type, n->name);
    bool xhtml = e && e->type->kind == RH_KIND_PRIMITIVE && e->type->primitive == RH_P_XHTML;
    const char *wanted = xhtml ? RH_XML_XHTML : RH_XML_FHIR;
    struct rh_xml_place at = {.up = up, .name = shown(n->name), .index = -1};
    if (n->kind == RH_XML_TEXT) {
        finding(r, RH_STRUCTURE, up, n,
                "there is text (\"%.*s\") where only elements may be; a value belongs into the "
                "attribute value",
                RH_TEXT_ARG(shown(rh_text_trim(n->text))));
        return NULL;
    }
    if (!e) {
        unknown_child(r, up, type, n);
        return NULL;
    }
    if (type->kind != RH_KIND_RESOURCE &&
        (rh_text_is(n->name, "id") ||
         (rh_text_is(n->name, "url") && strcmp(type->name, "Extension") == 0))) {
        finding(r, RH_STRUCTURE, &at, n, "in XML, %s of %s is an attribute, not an element",
                e->name, type->name);
        return NULL;
    }
    if (!rh_text_is(n->uri, wanted)) {
        finding(r, RH_STRUCTURE, &at, n,
                "<%.*s> is in the namespace \"%.*s\", it must be in \"%s\"", RH_TEXT_ARG(at.name),
                RH_TEXT_ARG(shown(n->uri)), wanted);
        return NULL;
    }
    return e;
}

/* A stable merge of two lists in the order of the definition. */
static struct rh_xml_node *merge(struct rh_xml_node *a, struct rh_xml_node *b)
{
    struct rh_xml_node *first = NULL, **end = &first;
    while (a && b) {
        struct rh_xml_node **from = b->element < a->element ? &b : &a;
        *end = *from;
        *from = (*from)->next;
        end = &(*end)->next;
    }
    *end = a ? a : b;
    return first;
}

static struct rh_xml_node *sort(struct rh_xml_node *list, size_t n)
{
    if (n < 2)
        return list;
    struct rh_xml_node *middle = list;
    for (size_t i = 1; i < n / 2; i++)
        middle = middle->next;
    struct rh_xml_node *second = middle->next;
    middle->next = NULL;
    return merge(sort(list, n / 2), sort(second, n - n / 2));
}

/* The children that the type knows, in the order of the definition. XML must have them in that
 * order (R4, xml); each that stands too late is a finding. */
static struct rh_xml_node *children_of(struct reader *r, const struct rh_xml_place *up,
                                       const struct rh_type *type, struct rh_xml_node *n)
{
    struct rh_xml_node *list = NULL, **end = &list;
    const struct rh_element *last = NULL;
    size_t count = 0;
    bool sorted = true;
    for (struct rh_xml_node *c = n->first, *next; c; c = next) {
        next = c->next;
        c->element = element_of(r, up, type, c);
        if (!c->element)
            continue;
        if (last && c->element < last) {
            struct rh_xml_place at = {.up = up, .element = c->element, .index = -1};
            if (c->element->order < last->order)
                finding(r, RH_STRUCTURE, &at, c, "<%s> is out of order: it belongs before <%s>",
                        c->element->name, last->name);
            sorted = false;
        } else {
            last = c->element;
        }
        c->next = NULL;
        *end = c;
        end = &c->next;
        count++;
    }
    return sorted ? list : sort(list, count);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void read_object(struct reader *r, const struct rh_xml_place *at, const struct rh_type *type,
                        struct rh_xml_node *n);
static void read_resource(struct reader *r, const struct rh_xml_place *up, struct rh_xml_node *n);

/* What is no value of its type becomes a string, for the structural check to say so. */
static void write_value(struct reader *r, enum rh_primitive p, struct rh_text v)
{
    enum rh_primitive_json as = rh_primitive_json(p);
    bool plain = as == RH_PJ_NUMBER    ? rh_dec_is(v)
                 : as == RH_PJ_BOOLEAN ? rh_text_is(v, "true") || rh_text_is(v, "false")
                                       : false;
    if (plain)
        rh_buf_text(r->out, v);
    else
        rh_buf_json(r->out, v);
}

static void check_attributes(struct reader *r, const struct rh_xml_place *at,
                             const struct rh_xml_node *n, const char *first, const char *second)
{
    for (unsigned i = 0; i < n->n_attributes; i++) {
        const struct rh_xml_attribute *a = &n->attributes[i];
        if (a->prefix.len == 0 && (rh_text_is(a->name, first) || rh_text_is(a->name, second)))
            continue;
        if (!at->up && rh_text_is(a->uri, RH_XML_XSI) && rh_text_is(a->name, "schemaLocation"))
            continue;
        finding(r, RH_STRUCTURE, at, n, "<%.*s> has no attribute %.*s", RH_TEXT_ARG(shown(n->name)),
                RH_TEXT_ARG(shown(a->name)));
    }
}

/* The object of "_name": id and extensions of a primitive. */
static bool has_more(const struct rh_xml_node *n)
{
    return n->first || rh_xml_attribute(n, "id");
}

static void read_more(struct reader *r, const struct rh_xml_place *at, struct rh_xml_node *n)
{
    if (has_more(n))
        read_object(r, at, rh_type_find(RH_TEXT("Element")), n);
    else
        rh_buf_str(r->out, "null");
}

static void read_primitive(struct reader *r, const struct rh_xml_place *at, struct rh_xml_node *n)
{
    const struct rh_xml_attribute *value = rh_xml_attribute(n, "value");
    check_attributes(r, at, n, "value", "id");
    if (value)
        write_value(r, at->element->type->primitive, value->value);
    else
        rh_buf_str(r->out, "null");
    if (!value && !n->first)
        finding(r, RH_STRUCTURE, at, n, "<%s> has neither a value nor extensions",
                at->element->name);
}

static void read_one(struct reader *r, const struct rh_xml_place *at, struct rh_xml_node *n)
{
    const struct rh_type *type = at->element->type;
    if (type->kind == RH_KIND_PRIMITIVE && type->primitive == RH_P_XHTML) {
        struct rh_buf text = rh_buf(r->c->arena);
        rh_xhtml_text(n, &text);
        if (text.rc && !r->out->rc)
            r->out->rc = text.rc;
        rh_buf_json(r->out, rh_buf_get(&text));
    } else if (type->kind == RH_KIND_PRIMITIVE) {
        read_primitive(r, at, n);
    } else if (type->kind == RH_KIND_ABSTRACT && rh_text_is(rh_text(type->name), "Resource")) {
        check_attributes(r, at, n, "", "");
        read_resource(r, at, n);
    } else {
        read_object(r, at, type, n);
    }
}

/* ---- members --------------------------------------------------------------------------------- */

static void name(struct reader *r, const char *prefix, const char *s)
{
    char last = r->out->len ? r->out->data[r->out->len - 1] : '{';
    if (last != '{')
        rh_buf_char(r->out, ',');
    rh_buf_printf(r->out, "\"%s%s\":", prefix, s);
}

/* All children of one element, the first `count` of the list, as "name" and "_name". */
static void read_member(struct reader *r, const struct rh_xml_place *up, struct rh_xml_node *list,
                        size_t count)
{
    const struct rh_element *e = list->element;
    struct rh_xml_place at = {.up = up, .element = e, .index = e->many ? 0 : -1};
    bool primitive = e->type->kind == RH_KIND_PRIMITIVE && e->type->primitive != RH_P_XHTML;
    bool values = !primitive, more = false;
    struct rh_xml_node *n = list;
    for (size_t i = 0; primitive && i < count; i++, n = n->next) {
        values |= rh_xml_attribute(n, "value") != NULL;
        more |= has_more(n);
    }
    if (!e->many && count > 1) {
        finding(r, RH_STRUCTURE, &at, list->next, "there may be only one <%s>", e->name);
        count = 1;
    }
    struct rh_buf unread = rh_buf(r->c->arena), *out = r->out;
    if (values)
        name(r, "", e->name);
    else
        r->out = &unread; /* for its findings only */
    rh_buf_str(r->out, e->many ? "[" : "");
    n = list;
    for (size_t i = 0; i < count; i++, n = n->next, at.index += e->many) {
        rh_buf_str(r->out, i ? "," : "");
        read_one(r, &at, n);
    }
    rh_buf_str(r->out, e->many ? "]" : "");
    r->out = out;
    if (!more)
        return;
    name(r, "_", e->name);
    rh_buf_str(r->out, e->many ? "[" : "");
    at.index = e->many ? 0 : -1;
    n = list;
    for (size_t i = 0; i < count; i++, n = n->next, at.index += e->many) {
        rh_buf_str(r->out, i ? "," : "");
        read_more(r, &at, n);
    }
    rh_buf_str(r->out, e->many ? "]" : "");
}

/* Members of an object that has been opened, and its end. `url` (may be NULL) is the attribute of
 * an Extension. */
static void read_members(struct reader *r, const struct rh_xml_place *at,
                         const struct rh_type *type, struct rh_xml_node *n,
                         const struct rh_xml_attribute *url)
{
    const struct rh_element *url_element = url ? rh_element_find(type, RH_TEXT("url")) : NULL;
    for (struct rh_xml_node *c = children_of(r, at, type, n); c;) {
        size_t count = 1;
        struct rh_xml_node *next = c->next;
        for (; next && next->element == c->element; next = next->next)
            count++;
        if (url_element && c->element > url_element) {
            name(r, "", "url");
            rh_buf_json(r->out, url->value);
            url_element = NULL;
        }
        read_member(r, at, c, count);
        c = next;
    }
    if (url_element) {
        name(r, "", "url");
        rh_buf_json(r->out, url->value);
    }
    rh_buf_char(r->out, '}');
}

static void read_object(struct reader *r, const struct rh_xml_place *at, const struct rh_type *type,
                        struct rh_xml_node *n)
{
    bool extension = rh_text_is(rh_text(type->name), "Extension");
    bool primitive = at->element && at->element->type->kind == RH_KIND_PRIMITIVE;
    const struct rh_xml_attribute *id = rh_xml_attribute(n, "id");
    if (!primitive)
        check_attributes(r, at, n, "id", extension ? "url" : "");
    rh_buf_char(r->out, '{');
    if (id) {
        name(r, "", "id");
        rh_buf_json(r->out, id->value);
    }
    read_members(r, at, type, n, extension ? rh_xml_attribute(n, "url") : NULL);
}

/* ---- resources ------------------------------------------------------------------------------- */

/* The name stands for the type, in the namespace of FHIR. */
static void read_typed(struct reader *r, const struct rh_xml_place *at, struct rh_xml_node *n)
{
    const struct rh_type *type = rh_type_find(n->name);
    if (!rh_text_is(n->uri, RH_XML_FHIR)) {
        finding(r, RH_STRUCTURE, at, n,
                "<%.*s> is in the namespace \"%.*s\"; a resource must be in \"%s\"",
                RH_TEXT_ARG(shown(n->name)), RH_TEXT_ARG(shown(n->uri)), RH_XML_FHIR);
        rh_buf_str(r->out, "{}");
        return;
    }
    if (!type || type->kind != RH_KIND_RESOURCE) {
        finding(r, RH_STRUCTURE, at, n, "FHIR R4 has no resource type \"%.*s\"",
                RH_TEXT_ARG(shown(n->name)));
        rh_buf_str(r->out, "{}");
        return;
    }
    check_attributes(r, at, n, "", "");
    rh_buf_printf(r->out, "{\"resourceType\":\"%s\"", type->name);
    read_members(r, at, type, n, NULL);
}

/* <contained>, <resource>: exactly one resource stands inside. */
static void read_resource(struct reader *r, const struct rh_xml_place *at, struct rh_xml_node *n)
{
    struct rh_xml_node *only = n->first;
    if (!only || only->kind != RH_XML_ELEMENT || only->next) {
        finding(r, RH_STRUCTURE, at, n, "<%.*s> must hold exactly one resource",
                RH_TEXT_ARG(shown(n->name)));
        if (!only || only->kind != RH_XML_ELEMENT) {
            rh_buf_str(r->out, "{}");
            return;
        }
    }
    read_typed(r, at, only);
}

enum rh_rc rh_xml_read(struct rh_ctx *c, struct rh_text xml, struct rh_buf *out)
{
    struct rh_xml_node *root;
    if (xml.len >= 3 && memcmp(xml.data, "\xEF\xBB\xBF", 3) == 0)
        xml = (struct rh_text){xml.data + 3, xml.len - 3};
    enum rh_rc rc = rh_xml_tree(c->arena, c->issues, NULL, xml, &root);
    if (rc)
        return rc;
    struct reader r = {.c = c, .xml = xml, .out = out, .line = 1, .column = 1};
    struct rh_xml_place at = {.name = shown(root->name), .index = -1};
    read_typed(&r, &at, root);
    return r.rc ? r.rc : out->rc;
}
