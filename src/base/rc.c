/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/rc.h"

static const struct {
    const char *name;
    int http;
    const char *issue, *text;
} rows[] = {
#define X(name, http, fhir, text) {#name, http, fhir, text},
    RH_RC_LIST(X)
#undef X
};
_Static_assert(sizeof rows / sizeof rows[0] == RH_RC_COUNT, "one row per error");

/* A number outside the list is a mistake of ours; it is shown as an internal error, never as a
 * crash inside the reporting of another error. */
static enum rh_rc known(enum rh_rc rc)
{
    return (unsigned)rc < RH_RC_COUNT ? rc : RH_INTERNAL;
}

const char *rh_rc_name(enum rh_rc rc)
{
    return rows[known(rc)].name;
}

int rh_rc_http(enum rh_rc rc)
{
    return rows[known(rc)].http;
}

const char *rh_rc_issue(enum rh_rc rc)
{
    return rows[known(rc)].issue;
}

const char *rh_rc_text(enum rh_rc rc)
{
    return rows[known(rc)].text;
}
