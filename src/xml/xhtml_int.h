/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xhtml_int.h - narratives on their way between the text in JSON and the element in XML.
 */
#ifndef RH_XML_XHTML_INT_H
#define RH_XML_XHTML_INT_H

#include "xml/tree_int.h"

/* Appends the text that JSON has for this element of XHTML: the source itself where it can stand
 * alone, else written anew (prefixes resolved, namespaces declared). */
void rh_xhtml_text(const struct rh_xml_node *n, struct rh_buf *out);

/* Appends the element that XML has for a text of JSON. RH_SYNTAX: not well-formed (issue at
 * `expression`). A div without namespace gets that of XHTML. */
enum rh_rc rh_xhtml_element(struct rh_arena *a, struct rh_issues *is, const char *expression,
                            struct rh_text text, struct rh_buf *out);

/* Appends text with what XML needs escaped; `attribute`: inside double quotes. */
void rh_xml_escape(struct rh_text t, bool attribute, struct rh_buf *out);

#endif
