/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_record.h - forms and the record: responses validated, forms filled in from what is known,
 * and what was answered given back to the record as resources.
 *
 * Structured Data Capture (http://hl7.org/fhir/uv/sdc, versions 3 and 4): "Form Population" and
 * "Form Data Extraction". Pure: what the record has is asked by callbacks.
 */
#ifndef RH_CLINICAL_FORM_RECORD_H
#define RH_CLINICAL_FORM_RECORD_H

#include "clinical/form.h"

/* --- form_validate.c ---------------------------------------------------------------------------
 */
struct rh_form_validation {
    struct rh_text language; /* of the messages: en, fr, ar, es; empty: English */
    yyjson_val *context;     /* launch context and other variables by name; NULL: none */
    bool final;              /* what must be answered is missed although the response is a draft */
};

/* A QuestionnaireResponse against a Questionnaire: its structure, then every rule of
 * conformance/answers.h, then values that are not what is calculated (warnings). Appends
 * {"valid":…,"errors":[{"severity","code","path","linkId","text"}]}; path is the FHIRPath of the
 * place, linkId that of the item, also of one that is not there. RH_STRUCTURE: no
 * QuestionnaireResponse. */
enum rh_rc rh_form_validate(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                            const struct rh_form_validation *o, bool *ret_valid,
                            struct rh_buf *out);

/* --- form_populate.c
 * ------------------------------------------------------------------------------- */
/* Answers a query ("Observation?code=…", "Patient/1") as a searchset Bundle, or the resource.
 * RH_NOTFOUND: it cannot be asked here. */
typedef enum rh_rc rh_form_query(struct rh_ctx *c, void *user, struct rh_text query,
                                 yyjson_val **ret);

struct rh_form_population {
    yyjson_val *context;    /* launch context by name; NULL: none */
    struct rh_text subject; /* "Patient/1"; empty: that of %patient, when it is given */
    struct rh_text language;
    yyjson_val *response; /* answers so far, which stay; NULL: none */
    rh_form_query *query; /* NULL: nothing can be asked */
    void *user;
};

/* A response that is in progress, filled in as far as the context and the record say: initial
 * values and initialExpression, itemPopulationContext (a repeat for each result), observations by
 * item.code within observationLinkPeriod, queries of variables. What is not known stays
 * unanswered. An answer that comes from a resource says from which one, and of which date, by the
 * extension populated-from. What could not be asked or computed is an issue (warning). */
enum rh_rc rh_form_populate(struct rh_ctx *c, const struct rh_form *f,
                            const struct rh_form_population *o, struct rh_buf *out);

/* --- form_extract.c ------------------------------------------------------------------------------
 */
struct rh_form_extraction {
    yyjson_val *previous;    /* the response as it was extracted before; NULL: never */
    yyjson_val *context;     /* variables by name; NULL: none */
    struct rh_text language; /* of texts that are written */
};

/* A transaction Bundle: resources by observation, definition and template. With an id of the
 * response each resource has an id that is made of it, the linkId and the repeat, and is put: the
 * same answers again, or amended ones, change the same resources. What `previous` gave and the
 * response no longer gives becomes entered-in-error. Answers without a value give a
 * dataAbsentReason. Labels of items stand in meta.security. What could not be extracted is an issue
 * (warning). RH_STRUCTURE: no response; RH_RULE: it is not completed. */
enum rh_rc rh_form_extract(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                           const struct rh_form_extraction *o, struct rh_buf *out);

#endif
