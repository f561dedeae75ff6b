/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * protocol.h - what protocols ask of one person on one date: items, states, classes, holds, expiry.
 *
 * A *protocol* is a PlanDefinition (type clinical-protocol) over named facts (a Library of type
 * logic-library): docs/packs.md. It is compiled once and kept by the world, immutable, for any
 * number of threads. A *set* is what is applied at once: each protocol in the version that is in
 * force on the date. rh_protocol_apply computes every rule for one person; facts and variables that
 * protocols share are computed once.
 *
 * Three-valued: an expression that is empty, or fails, is *unknown*: the outcome names what is
 * missing, and nothing takes it for no. A birth date that is not known to the day stands for all
 * days that it may be: rules are computed for the first, the last, and each on which an age
 * changes, and a rule whose outcome differs is *either*. A birth date that may lie in more than
 * RH_PROTOCOL_WORLDS_MAX such pieces is unknown.
 *
 * Labels. An outcome inherits the labels of everything it was computed from: the label extensions
 * of facts, actions and definitions, and meta.security of resources. Who may not see a label gets
 * what the record without resources of that label says, without any rule that a label he may not
 * see stands on; so what is printed is the same whatever is under the label, but for the clearance,
 * which then only says that a clinician has to be asked.
 *
 * Nothing here reads a clock: now() is the date of the assessment.
 */
#ifndef RH_CLINICAL_PROTOCOL_H
#define RH_CLINICAL_PROTOCOL_H

#include "fhir/world.h"

#define RH_RIHLA      "https://rihla.example/fhir"
#define RH_RIHLA_EXT  RH_RIHLA "/StructureDefinition/"
#define RH_RIHLA_CODE RH_RIHLA "/CodeSystem/"

enum {
    RH_PROTOCOL_RULES_MAX = 500,      /* leaf actions of a protocol */
    RH_PROTOCOL_NAMES_MAX = 1000,     /* facts, variables and states of a protocol */
    RH_PROTOCOL_SET_MAX = 32,         /* protocols applied at once */
    RH_PROTOCOL_RESOURCES_MAX = 5000, /* of one person, relatives' too */
    RH_PROTOCOL_WORLDS_MAX = 64,      /* possible birth dates that are looked at */
    RH_PROTOCOL_LABELS_MAX = 31       /* different labels of one evaluation */
};

struct rh_protocol;
struct rh_protocol_set;
struct rh_protocol_result;

/* --- protocols ---------------------------------------------------------------------------------
 */
/* The compiled form of a PlanDefinition of c->world, kept there. Everything that is wrong is an
 * issue (expression: "PlanDefinition.action.where(id='x')…"): an expression that does not parse,
 * names an unknown element, variable or function, or something that `reads` does not name; a cycle;
 * an unknown library, table or ActivityDefinition; an id twice. RH_INVALID and others: the first
 * one's. */
enum rh_rc rh_protocol_compile(struct rh_ctx *c, const struct rh_definition *plan,
                               const struct rh_protocol **ret);

struct rh_protocol_about {
    struct rh_text name; /* PlanDefinition.id: "name" of it in all output */
    struct rh_text url, version;
    struct rh_text start, end; /* dates; empty: open */
    bool draft;
    yyjson_val *plan;
};
struct rh_protocol_about rh_protocol_about(const struct rh_protocol *p);
/* A text member of an object ("title") in a language, by its translation extensions; in the
 * object's own language when there is none. Empty: it has no such text. */
struct rh_text rh_translated(const yyjson_val *object, const char *name, struct rh_text language);

/* Every protocol of the world, newest versions last. A PlanDefinition that is no protocol (no type
 * clinical-protocol) is left out. */
typedef enum rh_rc rh_protocol_each(void *user, const struct rh_definition *plan);
enum rh_rc rh_protocols_each(struct rh_ctx *c, rh_protocol_each *each, void *user);

/* The leaf actions in document order: what a pack needs cases for. */
enum rh_protocol_part {
    RH_PART_STATE,
    RH_PART_ITEM,
    RH_PART_CLASS,
    RH_PART_HOLD,
    RH_PART_VALIDITY,
    RH_PROTOCOL_PARTS
};
struct rh_protocol_rule {
    struct rh_text group, id; /* of its group and its own */
    enum rh_protocol_part part;
    bool conditional; /* it has a condition: it may hold and not hold */
    bool draft;
    yyjson_val *action;
};
size_t rh_protocol_n_rules(const struct rh_protocol *p);
struct rh_protocol_rule rh_protocol_rule(const struct rh_protocol *p, size_t i);

/* --- a set ------------------------------------------------------------------------------------ */
/* `names`: the id, name, url, "url|version" of a PlanDefinition, or the name of a package that has
 * some. The version whose effectivePeriod holds `date` ("2026-11-24") is taken; of several the
 * highest. In arena `a`, over c->world, which must live as long. RH_NOTFOUND: not loaded, or not in
 * force on the date (an issue says since when); RH_VALUE: `date` is not a full date; or as
 * rh_protocol_compile. */
enum rh_rc rh_protocol_set_open(struct rh_ctx *c, struct rh_arena *a, const struct rh_text *names,
                                size_t n, struct rh_text date, const struct rh_protocol_set **ret);
size_t rh_protocol_set_count(const struct rh_protocol_set *s);
const struct rh_protocol *rh_protocol_set_at(const struct rh_protocol_set *s, size_t i);

/* --- one person ------------------------------------------------------------------------------- */
struct rh_protocol_input {
    yyjson_val *const *resources; /* of the person, his household's Groups and its members */
    size_t n;
    struct rh_text subject; /* "Patient/1"; empty: the only or first Patient */
    /* Codes of the labels that the caller may see; NULL: all. */
    const struct rh_text *may_see;
    size_t n_may_see;
};

/* Everything is computed; the result lives in c->arena. RH_REQUIRED: no Patient. RH_TOOLARGE,
 * RH_TIMEOUT (the steps of c), RH_NOMEM. */
enum rh_rc rh_protocol_apply(struct rh_ctx *c, const struct rh_protocol_set *s,
                             const struct rh_protocol_input *in,
                             const struct rh_protocol_result **ret);

struct rh_protocol_show {
    struct rh_text language; /* empty: English */
    bool all;                /* also items that are not required */
    struct rh_text only;     /* one protocol of the set by its name, as its receiving state may see
                                it: nothing of the others; empty: all */
    const char *const *impressions; /* ids of what was stored, one for each protocol; NULL: none */
};
/* Appends the object {"subject", "date", "items", "protocols"}. */
enum rh_rc rh_protocol_print(struct rh_ctx *c, const struct rh_protocol_result *r,
                             const struct rh_protocol_show *o, struct rh_buf *out);

/* --- outcomes, for cases and for what is stored ------------------------------------------------
 */
enum rh_outcome { RH_OUTCOME_NO, RH_OUTCOME_YES, RH_OUTCOME_UNKNOWN, RH_OUTCOME_EITHER };
/* Of rule i of protocol p of the set: a state was chosen, an item is asked, a class or hold holds,
 * a part of the validity applies. */
enum rh_outcome rh_protocol_outcome(const struct rh_protocol_result *r, size_t p, size_t i);

enum rh_clearance { RH_CLEARED, RH_NOT_CLEARED, RH_CLEARANCE_UNKNOWN, RH_CLEARANCES };
struct rh_protocol_clearance {
    enum rh_clearance status;
    struct rh_text expires; /* "2027-05-24"; empty: none, unknown or not to be seen */
    bool draft;             /* it rests on a rule that is a draft */
    bool hidden;            /* the caller may not see what it rests on */
};
const char *rh_clearance_code(enum rh_clearance c); /* "cleared" */
struct rh_protocol_clearance rh_protocol_clearance(const struct rh_protocol_result *r, size_t p);
/* Codes of the labels that rule i of protocol p, or (i = SIZE_MAX) the whole of it, stands on,
 * those of relatives' resources too (which print leaves out, since a family hold does not say why);
 * in c->arena. RH_TOOLARGE: more than RH_PROTOCOL_LABELS_MAX. */
enum rh_rc rh_protocol_labels(struct rh_ctx *c, const struct rh_protocol_result *r, size_t p,
                              size_t i, struct rh_text **ret, size_t *ret_n);
/* Of an item: true when it is still to be done (required, to be repeated). */
bool rh_protocol_to_do(const struct rh_protocol_result *r, size_t p, size_t i);
/* Of an item: true when nothing is to be done, since it is not asked or done. Neither this nor
 * rh_protocol_to_do: nobody can say. */
bool rh_protocol_settled(const struct rh_protocol_result *r, size_t p, size_t i);
/* The date that belongs to a rule: due of an item, until of a hold, expires of a part of the
 * validity; empty: none. */
struct rh_text rh_protocol_date(const struct rh_protocol_result *r, size_t p, size_t i);

#endif
