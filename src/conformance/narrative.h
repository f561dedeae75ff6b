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

/* The names in a narrative that links may point to (id of any element, name of an a), and its links
 * ("#x" of an a) and images ("#x": a contained resource) that need such a name, without the "#".
 * Text that is not well-formed is read as far as it can be. Values may live in the arena. */
enum rh_narrative_mark { RH_NARRATIVE_ID, RH_NARRATIVE_LINK, RH_NARRATIVE_IMAGE };
typedef void rh_narrative_each(void *user, enum rh_narrative_mark mark, struct rh_text value);
void rh_narrative_marks(struct rh_arena *a, struct rh_text xhtml, rh_narrative_each *each,
                        void *user);

#endif
