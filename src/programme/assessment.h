/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * assessment.h - a person of the record held against protocols, and what is kept of it.
 *
 * The protocols say which facts they read; the record has the person's resources and, of the other
 * members of the household (a Group of type person with code "household" of which the person is a
 * member), their Flags. What comes out is a proposal: kept as one ClinicalImpression a protocol (in
 * progress, with the protocol's address and version, the classes as findings and the extension
 * `clearance`), a Flag for each hold and a Task for each item that is to be done. A later
 * evaluation makes a new ClinicalImpression that names the one before; Flags and Tasks that no
 * longer hold are ended, and those of which nobody can say whether they hold stay as they are. A
 * named physician signs: then it is completed and has an assessor.
 *
 * What rests on a label carries it in meta.security.
 */
#ifndef RH_PROGRAMME_ASSESSMENT_H
#define RH_PROGRAMME_ASSESSMENT_H

#include "clinical/protocol.h"
#include "record/write.h"

enum {
    RH_ASSESSMENT_HOUSEHOLD_MAX = 30, /* members whose Flags are read */
    RH_ASSESSMENT_WRITES_MAX = 600    /* resources that one evaluation makes or ends */
};

struct rh_assessment {
    struct rh_text patient; /* id */
    struct rh_text date;    /* "2026-11-24"; empty: today, in the zone of ctx */
    const struct rh_text *protocols;
    size_t n_protocols;
    const struct rh_text *may_see; /* labels; NULL: all */
    size_t n_may_see;
    /* --- made by rh_assessment_run, in the context's arena --- */
    yyjson_val **resources; /* as they were read */
    struct rh_assessment_tag {
        char text[RH_VERSION_ID_SIZE];
    } * tags; /* and their versions */
    size_t n_resources;
    const struct rh_protocol_set *set;
    const struct rh_protocol_result *result;
};

/* Reads the person and computes. c->world has the packs. RH_NOTFOUND, RH_GONE (patient, protocol),
 * RH_VALUE (date), RH_TOOLARGE, and as rh_protocol_set_open and rh_protocol_apply; with issues. */
enum rh_rc rh_assessment_run(struct rh_session *s, struct rh_ctx *c, const struct rh_caller *caller,
                             struct rh_assessment *a);

/* A transaction that keeps the proposals, not yet prepared; *ret_impressions has the id of each
 * protocol's ClinicalImpression. Only of an evaluation that saw every label: RH_FORBIDDEN. Only of
 * the day of the last one that was kept or a later one: RH_CONFLICT. The transaction fails
 * (RH_PRECONDITION) when a Flag or Task has changed since it was read. */
enum rh_rc rh_assessment_keep(struct rh_session *s, struct rh_ctx *c,
                              const struct rh_caller *caller, const struct rh_assessment *a,
                              struct rh_write **ret, const char *const **ret_impressions);

/* The write that signs a proposal in the name of a Practitioner, not yet prepared. It fails when
 * the proposal has changed meanwhile. RH_NOTFOUND; RH_CONFLICT: signed already, or a newer
 * evaluation of the protocol exists; RH_RULE: it rests on rules that are drafts, and `drafts` is
 * not set. */
enum rh_rc rh_assessment_sign(struct rh_session *s, struct rh_ctx *c,
                              const struct rh_caller *caller, struct rh_text impression,
                              struct rh_text practitioner, bool drafts, struct rh_write **ret);

#endif
