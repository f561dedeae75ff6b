/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search_terms.h - what a search must know of terminology: the codes of a value set (:in, :not-in),
 * of what is above or below a code (:above, :below). Asked of the world in force, which is pinned
 * before the search begins, when a parameter may need it.
 */
#ifndef RH_SERVER_SEARCH_TERMS_H
#define RH_SERVER_SEARCH_TERMS_H

#include "programme/criteria.h"
#include "server/rest_int.h"

enum {
    RH_SEARCH_TERMS_MAX = 4000 /* codes of one value set or hierarchy: RH_TOOLARGE */
};

struct rh_search_terms {
    struct rh_world *world; /* NULL: not needed */
    enum rh_rc rc;          /* of pinning it */
    struct rh_query_host host;
};

/* The host for rh_record_search; `t` stays where it is and is closed after the search. The query of
 * the request says whether it may be needed. That the world cannot be had is an error of the search
 * that asks for it. */
const struct rh_query_host *rh_search_terms_open(struct rh_search_terms *t, struct rh_request *q);
void rh_search_terms_close(struct rh_search_terms *t);
/* The same for searches that are no requests. */
struct rh_criteria_terms rh_search_terms_of(struct rh_worlds *w);

#endif
