/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_case.h - one case of a pack: what is given, what is wanted, and what came (docs/packs.md).
 *
 * A case of a protocol has "protocols", "date" and "given", the resources of Patient/p; a case of a
 * form has "form". Both have a "name" and "want". Cases are run one after the other by a *runner*,
 * which keeps what they share: sets of protocols, and which rules held and did not hold.
 */
#ifndef RH_CLINICAL_PACK_CASE_H
#define RH_CLINICAL_PACK_CASE_H

#include "clinical/protocol.h"

enum {
    RH_CASE_RESOURCES_MAX = 2000, /* given in one case */
    RH_CASE_SETS_MAX = 200,       /* sets of protocols that a runner keeps */
    RH_CASE_BYTES_MAX = 4 << 20   /* given in one case, templates filled in */
};

/* cases/given/NAME.json, parsed; NULL: there is none. */
typedef yyjson_val *rh_case_template(void *user, struct rh_text name);

/* Replaces each {"$use": NAME, MEMBER: VALUE…} of the list by the template NAME: a text that is
 * "${member}" becomes the value; inside a longer text its characters. "${member|else}" has a
 * default: a text; "${member|=70}" a number, true or false. Without value and default what holds
 * the text is left out, and so is an object or list of which nothing is left. A template may be a
 * list. In c->arena. RH_NOTFOUND: no such template; RH_INVALID: a member that the template does not
 * have; RH_TOOLARGE. Issues name the element. */
enum rh_rc rh_case_given(struct rh_ctx *c, yyjson_val *given, rh_case_template *find, void *user,
                         yyjson_val **ret);

/* --- running ---------------------------------------------------------------------------------- */
struct rh_runner;

/* In arena `a`, over the world of the ctx of each run, which must stay the same. */
enum rh_rc rh_runner_open(struct rh_arena *a, rh_case_template *find, void *user,
                          struct rh_runner **ret);

enum rh_case_kind { RH_CASE_NONE, RH_CASE_PROTOCOL, RH_CASE_FORM };
struct rh_case_result {
    struct rh_text name;
    enum rh_case_kind kind;
    bool passed;
    const char *why; /* not passed: the first difference, or why it could not be run */
    bool broken;     /* it could not be run: the case itself is wrong, `why` says how */
};
/* c->arena is scratch; what is returned lives there. Errors only when the machine fails (RH_NOMEM);
 * what is wrong with the case is its result. */
enum rh_rc rh_case_run(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                       struct rh_case_result *ret);

/* --- coverage --------------------------------------------------------------------------------- */
struct rh_case_rule {
    struct rh_text url, version; /* of the protocol or form */
    struct rh_text id;           /* "group/id" of an action's, the linkId of an item's rule */
    const char *what;            /* "condition", "enableWhen", "constraint KEY" */
    bool held, refused;          /* some case in which it did, in which it did not */
    unsigned number;             /* among the rules of its protocol or form */
};
typedef void rh_case_rule_each(void *user, const struct rh_case_rule *rule);
/* Rules that may hold and not hold, of this protocol or form (a definition of c->world), whether or
 * not a case has touched it. Errors: as rh_protocol_compile, rh_form_find. */
enum rh_rc rh_runner_rules(struct rh_ctx *c, struct rh_runner *r, const struct rh_definition *d,
                           rh_case_rule_each *each, void *user);

#endif
