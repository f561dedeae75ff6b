/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * narrative.h - is this XHTML well-formed, safe and of the elements that FHIR allows?
 *
 * https://hl7.org/fhir/R4/narrative.html: a div in the XHTML namespace; basic HTML formatting
 * elements of chapters 7-11 (except section 4 of chapter 9) and 15 of HTML 4.0, a, b, i, img, style
 * attributes and internally contained styles; no scripts, forms, event attributes, objects, base,
 * link, iframe. Entities: the five of XML, and numbers. An allow-list
 * of our own.
 */
#ifndef RH_CONFORMANCE_NARRATIVE_H
#define RH_CONFORMANCE_NARRATIVE_H

#include "base/context.h"

enum { RH_NARRATIVE_DEPTH_MAX = 200 };

/* RH_SYNTAX: not well-formed (txt-1 cannot be decided); RH_VALUE: an element, attribute or address
 * that is not allowed, or nothing but white space (txt-2). Each finding is an issue at `expression`
 * with line and column inside the text in its words. `ret_empty` (may be NULL): no text and no
 * image. */
enum rh_rc rh_narrative_check(struct rh_issues *is, const char *expression, struct rh_text xhtml,
                              bool *ret_empty);

#endif
