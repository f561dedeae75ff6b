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

/* Appends the resource as JSON. RH_SYNTAX: not well-formed (line, column); RH_STRUCTURE, RH_VALUE:
 * unknown element or attribute, wrong namespace, text where none may be, a DTD: issue with line,
 * column and expression. Unknown elements are issues, the rest is still read; then *out has what
 * could be read and the return value is the first finding's code. */
enum rh_rc rh_xml_read(struct rh_ctx *c, struct rh_text xml, struct rh_buf *out);

/* Appends the resource as XML, elements in the order of the definition. RH_STRUCTURE: an element
 * that R4 does not know (issue). */
enum rh_rc rh_xml_write(struct rh_ctx *c, yyjson_val *resource, struct rh_buf *out);

/* Sets line and column of issues by their expression, as rh_locate of conformance/validate.h does
 * for JSON. */
void rh_xml_locate(struct rh_issues *is, struct rh_text xml);

#endif
