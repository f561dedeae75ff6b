/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_text.h - which texts of a pack are translated, and how translations are put beside them.
 *
 * A text gets FHIR's extension `translation` (http://hl7.org/fhir/StructureDefinition/translation),
 * a concept of a CodeSystem or ValueSet a `designation`, which is what terminology reads. Where the
 * resource has one of the same language already, that stays.
 *
 * Translated are the texts that a person reads: titles, questions, options, helps, what a protocol
 * asks and why, names of inputs. Not: sources, citations, definitions for authors.
 */
#ifndef RH_PROGRAMME_PACK_TEXT_H
#define RH_PROGRAMME_PACK_TEXT_H

#include "base/json.h"
#include "programme/pack_po.h"

/* One text that may be translated. */
struct rh_pack_text {
    struct rh_text text;
    struct rh_text context; /* what msgctxt may be: linkId, code, id of the action or input, else
                               the id of the resource */
    const char *path;       /* "Questionnaire.item[2].text" */
    bool wanted;            /* without a translation the pack is not complete */
    yyjson_val *beside;     /* the extensions (or designations) that stand with it; may be NULL */
    bool concept;           /* `beside` are designations */
};
typedef enum rh_rc rh_pack_text_each(void *user, const struct rh_pack_text *t);

/* All of the resource, contained ones too; a value other than RH_OK stops and is returned. A text
 * without a letter (a number, a sign) is not wanted. Paths live in the arena. RH_NOMEM. */
enum rh_rc rh_pack_texts(struct rh_arena *a, yyjson_val *resource, rh_pack_text_each *each,
                         void *user);
/* Is a translation into this language there? */
bool rh_pack_text_has(const struct rh_pack_text *t, struct rh_text language);

/* The resource with the translations of all catalogues, minified. Entries that were found count as
 * used. RH_NOMEM. */
enum rh_rc rh_pack_translate(struct rh_po *const *catalogues, size_t n, yyjson_val *resource,
                             struct rh_buf *out);

#endif
