/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * xml.h - the XML form of FHIR R4 resources (https://hl7.org/fhir/R4/xml.html), both ways.
 *
 * Reading uses libxml2 without entities, DTDs, XInclude or network, within named limits. The JSON
 * made is what the same resource has as JSON (https://hl7.org/fhir/R4/json.html): order of elements
 * by the definition, numbers to the digit, a narrative's div as text. Reading then writing gives an
 * equal document (canonical XML), and the reverse.
 */
#ifndef RH_XML_XML_H
#define RH_XML_XML_H

#include "base/context.h"
#include "base/json.h"

enum { RH_XML_DEPTH_MAX = 128, RH_XML_BYTES_MAX = 64 << 20 };

/* Appends the resource as JSON. RH_SYNTAX: not well-formed, not UTF-8, a DTD (line, column);
 * RH_TOOLARGE; RH_STRUCTURE: unknown element or attribute, elements out of order, wrong namespace,
 * text where none may be: issue with line, column and expression. After RH_STRUCTURE *out has all
 * that could be read (a value of the wrong format as a string, for the structural check to refuse);
 * the return value is the first finding's code. */
enum rh_rc rh_xml_read(struct rh_ctx *c, struct rh_text xml, struct rh_buf *out);

/* Appends the resource as XML, elements in the order of the definition, without a declaration.
 * RH_STRUCTURE: an element that R4 does not know, or a narrative that is not well-formed (issue).
 */
enum rh_rc rh_xml_write(struct rh_ctx *c, yyjson_val *resource, struct rh_buf *out);

/* Sets line and column of issues that have an expression and no line: behind the start tag of the
 * element, as the official validator does; of the nearest element that is there. Text that is not
 * well-formed leaves them as they are. */
void rh_xml_locate(struct rh_issues *is, struct rh_text xml);

#endif
