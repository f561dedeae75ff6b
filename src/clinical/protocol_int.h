/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * protocol_int.h - what the units of protocols share: compiled libraries and plans, a set, one
 * evaluation.
 *
 * protocol_library.c compiles a Library (facts, variables, lookups), protocol_compile.c a
 * PlanDefinition over the names of its libraries. protocol_set.c lays the names of all protocols of
 * a set into *slots*: two names that are computed from the same things are one slot.
 * protocol_facts.c gathers the facts of one person, protocol_birth.c finds his possible birth
 * dates, protocol_value.c computes slots and expressions, protocol_outcome.c the rules in each
 * possible world, protocol_clearance.c what follows from them, protocol_show.c prints.
 */
#ifndef RH_CLINICAL_PROTOCOL_INT_H
#define RH_CLINICAL_PROTOCOL_INT_H

#include "clinical/protocol.h"
#include "fhirpath/fhirpath.h"

enum { RH_DAY_SIZE = 11 }; /* "2026-11-24" and NUL */

/* --- what an expression reads ------------------------------------------------------------------
 */
struct rh_read {
    struct rh_text name;
    bool soft;             /* only asked whether it is there: nothing is missing when it is not */
    struct rh_text member; /* of %patient: the first element read; empty: all of it */
};

struct rh_rule_expression {
    struct rh_text text;
    struct rh_fp *fp; /* NULL: it does not parse */
    struct rh_read *reads;
    unsigned n_reads;
    unsigned
        *names; /* of each read: its number among the names of the protocol or slots of a set */
};

/* Compiles into `a`; what is wrong is an issue at `place`. Focus: none. */
enum rh_rc rh_rule_expression(struct rh_ctx *c, struct rh_arena *a, const char *place,
                              struct rh_text text, struct rh_rule_expression *ret);

/* --- a Library ----------------------------------------------------------------------------------
 */
struct rh_fact_filter {
    struct rh_text path;
    const struct rh_element **elements; /* that the path names: more than one for a choice */
    unsigned n_elements;
    yyjson_val *codes; /* array of Coding; NULL: a value set */
    struct rh_text value_set;
};

struct rh_fact {
    struct rh_text id;
    yyjson_val *json;
    const struct rh_type *type;
    struct rh_fact_filter *filters; /* all have to hold */
    unsigned n_filters;
    struct rh_text date_path;  /* of the dateFilter or sort; empty: the date of its type */
    struct rh_text unit;       /* "years", …; empty: no duration */
    unsigned amount;           /* within so many units before the date */
    struct rh_text start, end; /* of a valuePeriod */
    unsigned limit;            /* 0: all */
    bool oldest_first;
    bool household;
};

struct rh_fact_variable {
    struct rh_text name;
    yyjson_val *json; /* the Expression */
    struct rh_rule_expression expression;
};

struct rh_fact_lookup {
    struct rh_text name, property;
    yyjson_val *json; /* the extension */
    struct rh_rule_expression key;
    yyjson_val **rows; /* concepts by hash of their code */
    unsigned mask;
};

struct rh_facts {
    const struct rh_definition *definition;
    yyjson_val *json;
    struct rh_fact *facts;
    unsigned n_facts;
    struct rh_fact_variable *variables;
    unsigned n_variables;
    struct rh_fact_lookup *lookups;
    unsigned n_lookups;
};

/* `from`: the PlanDefinition that names it. */
enum rh_rc rh_facts_find(struct rh_ctx *c, const char *place, const struct rh_definition *from,
                         struct rh_text canonical, const struct rh_facts **ret);
/* What a definition means by an address without a version, where several versions are loaded: that
 * of its own package, then that of the version its package depends on, then the highest. */
const struct rh_definition *rh_definition_near(const struct rh_world *w,
                                               const struct rh_definition *from, const char *type,
                                               struct rh_text canonical);
yyjson_val *rh_lookup_row(const struct rh_fact_lookup *l, struct rh_text code); /* NULL: none */
/* The value of a property of a concept; *ret_type its FHIR type ("decimal"). */
yyjson_val *rh_concept_property(yyjson_val *concept, struct rh_text code, const char *suffix,
                                struct rh_text *ret_type);

/* --- a PlanDefinition --------------------------------------------------------------------------
 */
enum rh_name_kind {
    RH_NAME_DATE,
    RH_NAME_BIRTH,
    RH_NAME_PATIENT,
    RH_NAME_FACT,
    RH_NAME_VARIABLE,
    RH_NAME_LOOKUP,
    RH_NAME_STATE,   /* of a group: the id of the state */
    RH_NAME_CLASSES, /* %classification */
    RH_NAME_KINDS
};

struct rh_protocol_name {
    enum rh_name_kind kind;
    struct rh_text name;
    const struct rh_facts *facts;                /* NULL: not of a library */
    unsigned index;                              /* in the library, or of the group */
    const struct rh_rule_expression *expression; /* of a variable or lookup */
    unsigned *reads;                             /* names; as many as the expression reads */
    struct rh_text types;                        /* of its value, joined by |; empty: unknown */
    bool birth;                                  /* it may differ with the birth date */
    bool draft;                                  /* it rests on a draft */
    yyjson_val *json;
    bool walking, walked; /* while names are put in order */
};

struct rh_rule {
    enum rh_protocol_part part;
    unsigned group;
    struct rh_text id;
    yyjson_val *json;
    struct rh_rule_expression *conditions; /* all have to hold; also those of the groups above */
    unsigned n_conditions;
    struct rh_rule_expression *stops; /* done when all hold */
    unsigned n_stops;
    struct rh_rule_expression *date; /* due, until, expires; NULL: none */
    struct rh_text system, code;     /* the first coding of its code */
    yyjson_val *definition;          /* ActivityDefinition of an item */
    struct rh_text definition_url;
    int invasiveness;
    struct rh_text *labels;
    unsigned n_labels;
    struct rh_text *sources;
    unsigned n_sources;
    unsigned *after, n_after;     /* items that come before */
    unsigned *repeats, n_repeats; /* of a part of the validity: items */
    bool draft;                   /* of itself, its definition or what it reads */
    bool activated;               /* a site has taken it over: it is no draft */
    bool birth;
};

struct rh_rule_group {
    enum rh_protocol_part part;
    struct rh_text id;
    yyjson_val *json;
    unsigned first, n; /* rules */
    unsigned name;     /* of a state */
};

struct rh_protocol {
    const struct rh_definition *definition;
    yyjson_val *plan;
    struct rh_protocol_about about;
    struct rh_protocol_name *names;
    unsigned n_names;
    struct rh_rule *rules;
    unsigned n_rules;
    struct rh_rule_group *groups;
    unsigned n_groups;
    unsigned *item_order; /* rules that are items, each behind those that it comes after */
    unsigned n_items;
    bool draft; /* any rule is */
};

struct rh_protocol_about rh_plan_about(yyjson_val *plan);
bool rh_plan_is_protocol(yyjson_val *plan); /* its type is clinical-protocol */

/* --- a set -------------------------------------------------------------------------------------
 */
struct rh_slot {
    enum rh_name_kind kind;
    const struct rh_protocol_name *name;
    unsigned *reads; /* slots of name->expression's reads */
    bool birth;
    uint64_t labels; /* of the label extensions of all it stands on */
};

struct rh_fact_entry { /* of the table of codes */
    unsigned type;     /* number; 0: free */
    const struct rh_element *element;
    struct rh_text system, code;
    unsigned *facts, n_facts; /* slots */
};

struct rh_type_facts {
    const struct rh_type *type;
    const struct rh_element **elements; /* whose codes stand in the table */
    unsigned n_elements;
    unsigned *others, n_others; /* facts that are asked one by one */
};

struct rh_slot_list {
    unsigned *slots, n;
};

struct rh_set_protocol {
    const struct rh_protocol *protocol;
    unsigned *slots;              /* of its names */
    uint64_t *labels;             /* of its rules: from label extensions */
    uint64_t all_labels;          /* of all rules */
    struct rh_slot_list *figures; /* of its rules: lookups that their conditions stand on */
    unsigned classes;             /* slot of %classification; UINT_MAX: none */
    unsigned *facts, n_facts;     /* slots of facts that it reads */
};

struct rh_protocol_set {
    struct rh_set_protocol *protocols;
    unsigned n_protocols;
    struct rh_slot *slots;
    unsigned n_slots;
    struct rh_text labels[RH_PROTOCOL_LABELS_MAX];
    unsigned n_labels;
    struct rh_fact_entry *table;
    unsigned table_mask;
    struct rh_type_facts *types;
    unsigned n_types;
    struct rh_text date; /* "2026-11-24" */
    int64_t date_days;   /* since 1970 */
    struct rh_fp_time date_time;
    struct rh_text *earliest; /* of each slot that is a fact with a duration: the first day */
    unsigned date_slot, birth_slot, patient_slot;
};

/* protocol_set.c: slots and table, once protocols and date stand. */
enum rh_rc rh_set_lay(struct rh_ctx *c, struct rh_arena *a, struct rh_protocol_set *s);

/* Labels are bits: those of the person's own resources and of definitions below, and again those of
 * relatives' resources above, which are kept but not shown. */
enum { RH_RELATIVES_SHIFT = 32 };
uint64_t rh_label_bit(struct rh_text *labels, unsigned *n, struct rh_text code);
/* The code of a label; empty: what is in meta.security restricts nobody. */
struct rh_text rh_label_code(yyjson_val *coding);
uint64_t rh_fact_hash(unsigned type, const struct rh_element *e, struct rh_text system,
                      struct rh_text code);

/* --- dates -------------------------------------------------------------------------------------
 */
bool rh_day_parse(struct rh_text t, int64_t *ret_days); /* YYYY-MM-DD */
struct rh_text rh_day_print(struct rh_arena *a, int64_t days);
/* Calendar arithmetic: the day of a month that lacks it is its last. `unit`: a calendar word or
 * UCUM code. False: no such unit. */
bool rh_day_minus(int64_t days, unsigned amount, struct rh_text unit, int64_t *ret);
/* The day that a value of an expression says; of a value that is less precise, the first one. */
bool rh_day_of_item(const struct rh_fp_item *i, char ret[RH_DAY_SIZE]);

/* The possible birth dates. *n = 0: unknown. */
struct rh_birth {
    int64_t days[RH_PROTOCOL_WORLDS_MAX];
    unsigned n;
    int64_t first, last;
};
void rh_birth_dates(yyjson_val *patient, int64_t date, struct rh_birth *ret);

/* --- one evaluation ----------------------------------------------------------------------------
 */
struct rh_missing {
    const struct rh_protocol_name *name;
    struct rh_text member; /* of the patient */
};

struct rh_missing_list {
    struct rh_missing *rows;
    size_t count, cap;
};

struct rh_value {
    struct rh_fp_list list;
    bool done;
    const char *problem;            /* why it could not be computed */
    uint64_t labels;                /* of the resources it stands on */
    yyjson_val *row;                /* of a lookup: the concept that gave it */
    bool withheld;                  /* a resource that the caller may not see would belong here */
    struct rh_missing_list missing; /* of a state, of classes: why it is not known */
    struct rh_text *unknown;        /* of %classification: classes that are not known */
    unsigned n_unknown;
};

enum rh_item_status {
    RH_ITEM_NOT_ASKED,
    RH_ITEM_DONE,
    RH_ITEM_REQUIRED,
    RH_ITEM_REPEAT,
    RH_ITEM_UNKNOWN,
    RH_ITEM_CHOICE,
    RH_ITEM_STATUSES
};

/* A rule in one possible world. */
struct rh_rule_world {
    enum rh_outcome outcome;
    enum rh_outcome stopped; /* of an item */
    enum rh_item_status status;
    char date[RH_DAY_SIZE]; /* "": none, or unknown */
    struct rh_missing_list missing;
    uint64_t labels; /* of resources */
};

/* The same over all worlds. */
struct rh_rule_result {
    struct rh_rule_world whole; /* outcome and status may be either */
    const char *why_unknown;    /* problem of an expression; NULL: none */
    bool hidden;                /* from the caller */
};

struct rh_protocol_outcome {
    struct rh_rule_world **worlds; /* [world][rule]; rules that no birth date changes: world 0 */
    struct rh_rule_result *rules;
    const struct rh_text **states; /* [world][group]: id of the state; NULL: unknown, no state */
    enum rh_outcome *state_known;  /* of each group: yes, unknown or either */
    struct rh_protocol_clearance clearance;
    bool expires_known;
    char expires[RH_DAY_SIZE];
    struct rh_missing_list missing;
    const char **reasons; /* "hold:x" */
    size_t n_reasons;
    const char *next_step;
    char date[RH_DAY_SIZE];
    bool hidden; /* something of it is hidden from the caller */
};

struct rh_protocol_result {
    const struct rh_protocol_set *set;
    struct rh_text subject;
    struct rh_birth birth;
    struct rh_protocol_outcome *protocols;
    struct rh_text labels[RH_PROTOCOL_LABELS_MAX]; /* the set's and those of resources */
    unsigned n_labels;
    struct rh_value *values; /* of all slots, in the last world */
};

struct rh_person;

/* One run. */
struct rh_run {
    struct rh_ctx *c;
    const struct rh_protocol_set *set;
    const struct rh_protocol_input *in;
    struct rh_protocol_result *result;
    yyjson_val *patient;     /* as recorded */
    struct rh_value *values; /* by slot */
    uint64_t may_see;        /* bits of labels; all ones: everything */
    bool sees_all;
    unsigned world;
    struct rh_issues quiet; /* of expressions that fail */
};

/* protocol_facts.c: finds the person, gathers all facts of the set into r->values. */
enum rh_rc rh_person_read(struct rh_run *r);
/* protocol_value.c */
enum rh_rc rh_world_begin(struct rh_run *r, unsigned world);
enum rh_rc rh_slot_value(struct rh_run *r, unsigned slot, struct rh_value **ret);
/* A condition of protocol p. Adds what is missing when it is unknown. */
enum rh_rc rh_rule_condition(struct rh_run *r, const struct rh_set_protocol *p,
                             const struct rh_rule_expression *e, struct rh_rule_world *w,
                             const char **problem, enum rh_outcome *ret);
/* A date; "" when it is none. */
enum rh_rc rh_rule_date(struct rh_run *r, const struct rh_set_protocol *p,
                        const struct rh_rule_expression *e, struct rh_rule_world *w,
                        const char **problem, char ret[RH_DAY_SIZE]);
bool rh_missing_add(struct rh_arena *a, struct rh_missing_list *l, struct rh_missing m);
/* protocol_outcome.c: all rules in all worlds. */
enum rh_rc rh_rules_evaluate(struct rh_run *r);
/* protocol_clearance.c */
enum rh_rc rh_clearance_compute(struct rh_run *r, unsigned p);

/* Small readers of JSON. */
yyjson_val *rh_extension_of(const yyjson_val *object, const char *url); /* first one; NULL: none */
yyjson_val *rh_extension_value_of(const yyjson_val *object, const char *url);
struct rh_text rh_extension_text(const yyjson_val *object, const char *url);
bool rh_evidence_is_draft(const yyjson_val *object);

#endif
