/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "access/access.h"

const char *rh_action_name(enum rh_action a)
{
    static const char *const names[] = {
        [RH_ACTION_READ] = "read",     [RH_ACTION_HISTORY] = "history",
        [RH_ACTION_SEARCH] = "search", [RH_ACTION_CREATE] = "create",
        [RH_ACTION_UPDATE] = "update", [RH_ACTION_DELETE] = "delete",
        [RH_ACTION_IMPORT] = "import", [RH_ACTION_EXPORT] = "export",
        [RH_ACTION_ADMIN] = "admin",
    };
    _Static_assert(sizeof names / sizeof names[0] == RH_ACTIONS, "one name per action");
    return a < RH_ACTIONS ? names[a] : "unknown";
}

enum rh_rc rh_access_decide(const struct rh_caller *caller, enum rh_action action, unsigned type,
                            struct rh_issues *is, struct rh_grant *ret)
{
    (void)type;
    if (!caller || !caller->local)
        return rh_issue_add(
            is, RH_FORBIDDEN, NULL,
            "%s is allowed only from this machine until users and logins are set up",
            rh_action_name(action));
    *ret = (struct rh_grant){.all = true};
    return RH_OK;
}

enum rh_rc rh_access_listen(struct rh_text host, struct rh_issues *is)
{
    static const char *const loopback[] = {"127.0.0.1", "::1", "[::1]", "localhost"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        if (rh_text_is(host, loopback[i]))
            return RH_OK;
    return rh_issue_add(
        is, RH_FORBIDDEN, NULL,
        "will not listen on \"%.*s\": without users and logins only this machine may reach "
        "the record; use 127.0.0.1 or [::1]",
        RH_TEXT_ARG(host));
}
