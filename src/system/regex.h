/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * regex.h - regular expressions by PCRE2: the host's side of rh_host.regex (base/context.h).
 *
 * The patterns are those that FHIRPath, XML Schema and ECMAScript share. What PCRE2 would read
 * otherwise is translated or set: "$" is the end of the text only, \uhhhh and \u{h} are code
 * points, [] matches nothing, a reference to a group that took no part matches the empty text,
 * [a-z-[aeiou]] takes away, \i and \c are the characters of XML names, \p{IsGreek} is a script or
 * one of the first Unicode blocks. \d, \w and \s are ASCII. Matching is by code points.
 *
 * A match that needs more than RH_REGEX_STEPS_MAX steps over all its starting points is given up
 * with RH_TIMEOUT, which is never the same as "no match"; so is one that needs ten times c->steps,
 * from which it takes its share. Compiled patterns are kept per thread, RH_REGEX_CACHE of them.
 */
#ifndef RH_SYSTEM_REGEX_H
#define RH_SYSTEM_REGEX_H

#include "base/context.h"

enum {
    RH_REGEX_PATTERN_MAX = 16 << 10, /* bytes of a pattern */
    RH_REGEX_CACHE = 64,
    RH_REGEX_STEPS_MAX = 100 * 1000 * 1000, /* bytes read, and 10 for each try: below a second */
    RH_REGEX_HEAP_KIB = 32 << 10            /* memory for backtracking */
};

/* RH_VALUE with an issue: the pattern is malformed or too long, or the text is not UTF-8.
 * RH_TIMEOUT with an issue: the limits above. `start` > text.len finds nothing; `start` > 0 goes on
 * in a text that was given with 0 before (it is not checked to be UTF-8 again). */
enum rh_rc rh_regex(struct rh_ctx *c, struct rh_text pattern, struct rh_text text, size_t start,
                    unsigned flags, struct rh_regex_match *ret);

void rh_regex_forget(void); /* gives the calling thread's patterns back; a thread's end does too */

#endif
