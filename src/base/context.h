/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * context.h - what a core function may know of the world: nothing but this.
 *
 * One per request, on the stack of whoever serves it. Core modules have no I/O, no threads, no
 * globals and no clock. What they cannot know themselves they ask the host by a callback; a
 * callback that is NULL means that the host cannot say, which is never the same as no.
 */
#ifndef RH_BASE_CONTEXT_H
#define RH_BASE_CONTEXT_H

#include "base/issue.h"

#include <yyjson.h>

struct rh_ctx;
struct rh_world;      /* all loaded definitions: fhir/world.h */
struct rh_parameters; /* search parameters in force: search/parameter.h */

/* The first match of a regular expression (the ECMAScript subset that FHIRPath and XML Schema
 * share, Unicode) in text, from byte `start` on. */
enum { RH_REGEX_GROUPS = 10 };
enum rh_regex_flag { RH_REGEX_WHOLE = 1, RH_REGEX_IGNORE_CASE = 2, RH_REGEX_DOT_ALL = 4 };
struct rh_regex_match {
    bool found;
    unsigned groups; /* 1 + number of groups of the pattern, at most RH_REGEX_GROUPS */
    size_t from[RH_REGEX_GROUPS],
        to[RH_REGEX_GROUPS]; /* bytes; from > to: the group took no part */
};

struct rh_host {
    void *user;
    /* RH_VALUE: the pattern is malformed (an issue says where). RH_TIMEOUT: the match limit. */
    enum rh_rc (*regex)(struct rh_ctx *c, struct rh_text pattern, struct rh_text text, size_t start,
                        unsigned flags, struct rh_regex_match *ret);
    /* The resource that a reference (of any form but "#id") points to. RH_NOTFOUND: there is none,
     * or it cannot be known here. */
    enum rh_rc (*resolve)(struct rh_ctx *c, struct rh_text reference, yyjson_val **ret);
    /* Is this code, Coding, CodeableConcept or Quantity in the value set? RH_NOTFOUND: cannot be
     * known (value set or code system not loaded). */
    enum rh_rc (*member_of)(struct rh_ctx *c, yyjson_val *value, struct rh_text value_set,
                            bool *ret);
    /* Does Coding or CodeableConcept a subsume b? RH_NOTFOUND: cannot be known. */
    enum rh_rc (*subsumes)(struct rh_ctx *c, yyjson_val *a, yyjson_val *b, bool *ret);
    /* Does the resource conform to the profile? RH_NOTFOUND: the profile is not loaded. */
    enum rh_rc (*conforms_to)(struct rh_ctx *c, yyjson_val *resource, struct rh_text profile,
                              bool *ret);
    /* Is this XHTML a narrative as FHIR allows it (htmlChecks())? */
    enum rh_rc (*html_checks)(struct rh_ctx *c, struct rh_text xhtml, bool *ret);
    void (*trace)(struct rh_ctx *c, struct rh_text name, struct rh_text json); /* a JSON array */
};

struct rh_ctx {
    struct rh_arena *arena;
    struct rh_issues *issues;
    int64_t now_us;      /* UTC */
    int zone_minutes;    /* zone of the site, for dates stated without one */
    struct rh_text base; /* this server's FHIR base, "http://127.0.0.1:8080/fhir"; may be empty */
    const struct rh_world *world;           /* NULL: the element tables only */
    const struct rh_parameters *parameters; /* NULL: R4's own */
    const struct rh_host *host;             /* NULL: no callback */
    bool json_names; /* in expressions an element of a choice may have the name that it has in JSON
                        ("valueCoding" beside "value"), as many forms write it */
    uint64_t steps;  /* left for expressions; 0 at the start means RH_STEPS_DEFAULT. Counted down */
};

#endif
