/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * context.h - what a core function may know of the world: nothing but this.
 *
 * One per request, on the stack of whoever serves it. Core modules have no I/O, no threads, no
 * globals and no clock.
 */
#ifndef RH_BASE_CONTEXT_H
#define RH_BASE_CONTEXT_H

#include "base/issue.h"

struct rh_ctx {
    struct rh_arena *arena;
    struct rh_issues *issues;
    int64_t now_us;      /* UTC */
    int zone_minutes;    /* zone of the site, for dates stated without one */
    struct rh_text base; /* this server's FHIR base, "http://127.0.0.1:8080/fhir"; may be empty */
};

#endif
