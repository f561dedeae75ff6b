/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * extract_int.h - all parameters of one type, compiled: what is looked for at each place of a
 * resource, so that one walk finds the values of all of them.
 *
 * Most expressions are paths with as/ofType/is, unions, extension('…'), where(member = '…') and, at
 * the end, where(resolve() is T): they become a tree of places. The others are evaluated by
 * src/fhirpath. In search parameters `as` takes all items of the type, not one (R4's own need
 * that). A plan is made on first use and lives as long as its set; R4's own for ever.
 */
#ifndef RH_SEARCH_EXTRACT_INT_H
#define RH_SEARCH_EXTRACT_INT_H

#include "fhirpath/fhirpath.h"
#include "search/parameter_int.h"

enum { RH_PLAN_PARAMETERS_MAX = 512, RH_COMPONENTS_MAX = 4 };

/* What is done with a value. */
struct rh_action {
    uint16_t slot;      /* of its parameter in the plan */
    uint16_t only;      /* of a reference: only to this type; 0: all */
    uint16_t component; /* of a component's tree: 1 + which; else 0 */
    const char *system; /* of a code: that of its binding; NULL: none */
};

struct rh_place {
    const struct rh_type *type;
    struct rh_place **children; /* by element of the type; NULL: nothing is looked for below */
    struct rh_action *actions;
    struct rh_place *guarded;       /* places for those values that pass a guard */
    struct rh_place *next;          /* in a list of guarded ones */
    struct rh_text member, literal; /* the guard: a member that is this string */
    uint16_t n_actions, cap_actions;
    uint64_t slots; /* bit slot % 64 of every action here and below */
};

/* A composite with keys: `base` is where it stands (an action there names its slot). */
struct rh_component {
    struct rh_place *place, *resource; /* from where it stands; from the resource (%resource) */
    struct rh_fp *expression;          /* instead, when it is no path */
};

struct rh_slot {
    const struct rh_parameter *parameter;
    struct rh_fp *expression; /* NULL: in the tree of places */
    struct rh_component *components;
    /* Views that only take references to one type: slots and types. */
    uint16_t *views;
    unsigned n_views;
    uint16_t *sources; /* slots whose values are its values: of a view, of a joined composite */
    unsigned n_sources;
    bool failed; /* its expression does not compile: no values */
};

struct rh_plan {
    struct rh_arena *arena; /* holds this */
    const struct rh_type *type;
    struct rh_place *root;
    struct rh_slot *slots; /* by number */
    unsigned n_slots;
    uint16_t main_slot;     /* of the main date; UINT16_MAX: none */
    unsigned n_expressions; /* slots that src/fhirpath evaluates */
    bool paths;
};

/* The plan of a type; made on first use. RH_NOMEM. */
enum rh_rc rh_plan_of(struct rh_ctx *ctx, const struct rh_type *type, const struct rh_plan **ret);

/* A plan of one's own, for tests: `paths` false leaves all expressions to src/fhirpath. The arena
 * is the caller's to close. */
enum rh_rc rh_plan_open(struct rh_ctx *ctx, const struct rh_type *type, bool paths,
                        struct rh_plan **ret);

/* Compiles an expression as search parameters mean it. RH_SYNTAX with an issue. */
enum rh_rc rh_extract_compile(struct rh_ctx *ctx, struct rh_arena *a, struct rh_text expression,
                              struct rh_fp **ret);

/* --- extract_path.c --------------------------------------------------------------------------- */
/* Adds `action` where the expression leads from `root`. False: it is no path, nothing was added.
 * `resource` (may be NULL): what %resource stands for. *rc: RH_NOMEM. */
bool rh_extract_paths(struct rh_arena *a, const struct rh_fp *e, struct rh_place *root,
                      struct rh_place *resource, struct rh_action action, enum rh_rc *rc);
struct rh_place *rh_place_open(struct rh_arena *a, const struct rh_type *type); /* NULL: memory */

#endif
