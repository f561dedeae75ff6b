/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_check.h - is this package, or this pack, fit to be used?
 *
 * Of any FHIR package: that every resource is valid, the check digits of its codes, that what it
 * depends on is there. Of a *pack* (a package that depends on rihla-base, or a folder with cases or
 * texts) also what docs/packs.md demands: a source and its evidence for every rule, expressions
 * that compile and read what they may, that everything it names is there, translations, periods
 * that do not overlap, and cases: all pass, and every rule held in one and did not in another.
 *
 * A finding names the file, the rule and the reason, and says what to do.
 */
#ifndef RH_PROGRAMME_PACK_CHECK_H
#define RH_PROGRAMME_PACK_CHECK_H

#include "fhir/world.h"

struct rh_finding {
    const char *check;    /* which check found it: "source", "translation", … (docs/packs.md) */
    const char *file;     /* inside the pack: "package/PlanDefinition-x.json"; NULL: unknown */
    const char *resource; /* "PlanDefinition/x"; "package" for the package itself */
    const char *rule;     /* linkId, id of an action or input, code; NULL: none */
    const struct rh_issue *issue;
};
typedef void rh_finding_each(void *user, const struct rh_finding *f);

struct rh_pack_checked {
    struct rh_text name, version; /* in the arena of the issues */
    size_t resources, errors, warnings;
    size_t rules, drafts, cases; /* of a pack */
    bool pack;
};

/* `paths` as rh_definitions_open takes them; the last one is checked, the others are what it
 * depends on. What the machine cannot do is an error; so is a package that cannot be read. */
enum rh_rc rh_pack_check(struct rh_issues *is, const char *const *paths, size_t n,
                         rh_finding_each *each, void *user, struct rh_pack_checked *ret);

#endif
