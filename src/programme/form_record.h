/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_record.h - forms over the record: which Questionnaire a response answers, who it is about,
 * what the record says to a query, answers stored together with what follows from them.
 *
 * Contexts have a pinned world and rh_programme_host.
 */
#ifndef RH_PROGRAMME_FORM_RECORD_H
#define RH_PROGRAMME_FORM_RECORD_H

#include "clinical/form_record.h"
#include "record/bundle.h"

enum { RH_FORM_RECORD_ROWS_MAX = 1000 /* resources that a query of a form gives */ };

struct rh_form_record {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_caller *caller;
};

/* The Questionnaire of a canonical address or of "Questionnaire/ID": of the packages, else of the
 * record. Lives as long as the world and the context's arena. RH_NOTFOUND with an issue. */
enum rh_rc rh_form_record_find(const struct rh_form_record *r, struct rh_text canonical,
                               yyjson_val **ret);
/* A resource "Patient/1" of the record, parsed. RH_NOTFOUND, RH_GONE. */
enum rh_rc rh_form_record_read(const struct rh_form_record *r, struct rh_text reference,
                               yyjson_val **ret);
/* {"patient": …, "user": …}: the subject and the author of a response, as far as they are in the
 * record; NULL: neither is. */
enum rh_rc rh_form_record_context(const struct rh_form_record *r, yyjson_val *response,
                                  yyjson_val **ret);
/* rh_form_query over the record; user: a struct rh_form_record. */
enum rh_rc rh_form_record_query(struct rh_ctx *c, void *user, struct rh_text query,
                                yyjson_val **ret);

/* A response that is to be stored. In one transaction: the response, and when it is completed or
 * amended the resources that follow from its answers; what an earlier version gave and this one no
 * longer gives becomes entered-in-error. Refused with nothing changed: RH_STRUCTURE (no response),
 * RH_REQUIRED, RH_VALUE (its id, its status), RH_NOTFOUND (its form), RH_CONFLICT (another subject
 * than the version before), RH_RULE (a subject that is not in the record; answers that do not fit
 * the form: an issue each, with the place, in `language`: "ar", or a header Accept-Language; empty:
 * English). `if_match`: header text, may be empty. The caller submits (*ret)->write. */
enum rh_rc rh_form_record_answers(const struct rh_form_record *r, struct rh_text body,
                                  struct rh_text if_match, struct rh_text language,
                                  struct rh_bundle **ret);

#endif
