/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree_int.h - an XML document as a tree in an arena, read by libxml2's SAX interface.
 *
 * UTF-8 only, no DTD, no entities but XML's own, within RH_XML_DEPTH_MAX, RH_XML_BYTES_MAX and the
 * limits below. Comments and processing instructions outside of narratives are passed over.
 */
#ifndef RH_XML_TREE_INT_H
#define RH_XML_TREE_INT_H

#include "fhir/element.h"
#include "xml/xml.h"

enum {
    RH_XML_ATTRIBUTES_MAX = 256, /* of one tag: libxml2 compares them pair by pair */
    RH_XML_NAMESPACES_MAX = 64   /* in force at one place */
};

#define RH_XML_FHIR  "http://hl7.org/fhir"
#define RH_XML_XHTML "http://www.w3.org/1999/xhtml"
#define RH_XML_XSI   "http://www.w3.org/2001/XMLSchema-instance"

struct rh_xml_attribute {
    struct rh_text prefix, name, uri, value; /* of a declaration: prefix "xmlns" or name "xmlns" */
};

enum rh_xml_kind { RH_XML_ELEMENT, RH_XML_TEXT, RH_XML_COMMENT };

struct rh_xml_node {
    enum rh_xml_kind kind;
    struct rh_text prefix, name, uri; /* of an element */
    struct rh_text text; /* of text (only what is not white space, outside of XHTML) and
                            comments */
    const struct rh_xml_attribute *attributes;
    unsigned n_attributes;
    struct rh_xml_node *first, *last, *next;
    struct rh_text raw; /* of the outermost element of XHTML: its bytes in the source */
    size_t at;          /* in the source: behind the start tag */
    const struct rh_element *element; /* free for the reader */
};

/* RH_SYNTAX, RH_TOOLARGE, RH_NOMEM with an issue. `narrative`: NULL for a document; else the text
 * is XHTML by itself, whatever its namespace, and this is the expression of issues. */
enum rh_rc rh_xml_tree(struct rh_arena *a, struct rh_issues *is, const char *narrative,
                       struct rh_text xml, struct rh_xml_node **ret);

const struct rh_xml_attribute *rh_xml_attribute(const struct rh_xml_node *n, const char *name);
/* Line and column of a byte, counting characters; *at, *line, *column go from an earlier place. */
void rh_xml_count(struct rh_text xml, size_t to, size_t *at, unsigned *line, unsigned *column);

/* Where a reader or writer stands: a chain of frames on the stack, written out as an expression
 * only when there is something to say. */
struct rh_xml_place {
    const struct rh_xml_place *up;
    const struct rh_element *element; /* NULL: `name` */
    struct rh_text name;
    long index; /* -1: not in a list */
};
const char *rh_xml_path(struct rh_arena *a, const struct rh_xml_place *at); /* NULL: no memory */

#endif
