/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * access.h - who may: the one decision function that every call into src/record passes.
 *
 * At this stage everyone on the loopback interface may do everything, and the server refuses to
 * listen elsewhere. What must hold later holds in the shape already: a decision is made before
 * anything is read, its grant goes into every cursor, and rows are filtered before they are
 * counted, sorted or included. An empty grant allows nothing.
 */
#ifndef RH_ACCESS_ACCESS_H
#define RH_ACCESS_ACCESS_H

#include "base/issue.h"

/* Who asks, from where, in which roles and for what. Texts live as long as the request. */
struct rh_caller {
    struct rh_text user;    /* "anonymous" until there is a login */
    struct rh_text site;    /* where the caller works; may be empty */
    struct rh_text roles;   /* blank separated; may be empty */
    struct rh_text purpose; /* v3-PurposeOfUse, e.g. "TREAT" */
    bool local; /* came over the loopback interface, the control socket or the command line */
};

enum rh_action {
    RH_ACTION_READ,
    RH_ACTION_HISTORY,
    RH_ACTION_SEARCH,
    RH_ACTION_CREATE,
    RH_ACTION_UPDATE,
    RH_ACTION_DELETE,
    RH_ACTION_IMPORT,
    RH_ACTION_EXPORT,
    RH_ACTION_ADMIN, /* backup, check, settings */
    RH_ACTIONS
};
const char *rh_action_name(enum rh_action a); /* "read" */

/* What a caller may see: asked for each row by every cursor. */
struct rh_grant {
    bool all;
};

/* RH_OK with a grant, or RH_FORBIDDEN with an issue. `type` 0: no particular type. */
enum rh_rc rh_access_decide(const struct rh_caller *caller, enum rh_action action, unsigned type,
                            struct rh_issues *is, struct rh_grant *ret);
static inline bool rh_grant_row(const struct rh_grant *g, uint64_t part, unsigned type)
{
    (void)part;
    (void)type;
    return g->all;
}
/* RH_FORBIDDEN with an issue for an address that others could reach. */
enum rh_rc rh_access_listen(struct rh_text host, struct rh_issues *is);

#endif
