/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * criteria.h - searches that news of the record is held against: of Subscriptions and of streams of
 * events.
 *
 * Criteria are the text of a search of one type, "Observation?code=…" (FHIR R4, Subscription), or
 * the type alone. They are held against the current version: of a resource that was changed again
 * meanwhile only the newest version counts, and that is news of its own.
 */
#ifndef RH_PROGRAMME_CRITERIA_H
#define RH_PROGRAMME_CRITERIA_H

#include "record/record.h"

enum {
    RH_CRITERIA_MAX = 4 << 10, /* bytes of one text */
    RH_CRITERIA_ROWS = 50      /* of news that are held against criteria at once */
};

/* What a search must know of terminology, given for one search. */
struct rh_criteria_terms {
    void *user;
    /* `query` says whether it may be needed. In ctx's arena; `state` is for close. */
    const struct rh_query_host *(*open)(void *user, struct rh_session *s, struct rh_ctx *ctx,
                                        struct rh_text query, void **state);
    void (*close)(void *state);
};

struct rh_criteria {
    unsigned type;
    struct rh_text query; /* what stands behind '?'; may be empty */
};

/* Takes the text apart: `ret` points into it. RH_QUERY with an issue that says what is wrong: no
 * type, an address of a server, a parameter that says how results are given (_sort, _count, …). */
enum rh_rc rh_criteria_read(struct rh_issues *is, struct rh_text text, struct rh_criteria *ret);
/* Can this search be made? Strict; terms NULL: :in, :below and the like are refused. Errors of
 * rh_record_search, with issues. */
enum rh_rc rh_criteria_check(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_criteria_terms *terms,
                             const struct rh_criteria *c);
/* Which of n (at most RH_CRITERIA_ROWS) rows of news are the current version of a resource that
 * matches? Deletions are none. Errors of rh_record_search, with issues. */
enum rh_rc rh_criteria_match(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_criteria_terms *terms,
                             const struct rh_criteria *c, const struct rh_news *rows, unsigned n,
                             bool *ret);

#endif
