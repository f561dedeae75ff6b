/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parameter.h - the search parameters that exist: R4's, from spec/r4/search-parameters.tsv, and
 * those that packages and stored SearchParameter resources add.
 *
 * A parameter's number is stored in data directories: numbers are given once and never reused. Its
 * `version` is raised when its keys change; a directory that has other versions indexes it again.
 * A set is immutable; a record pins one and swaps it (record/parameters.h). Everywhere a set of
 * NULL is R4's own.
 */
#ifndef RH_SEARCH_PARAMETER_H
#define RH_SEARCH_PARAMETER_H

#include "base/context.h"
#include "base/text.h"

enum rh_parameter_kind {
    RH_SP_SPECIAL,
    RH_SP_STRING,
    RH_SP_TOKEN,
    RH_SP_DATE,
    RH_SP_REFERENCE,
    RH_SP_NUMBER,
    RH_SP_QUANTITY,
    RH_SP_URI,
    RH_SP_COMPOSITE
};

enum {
    RH_PARAM_ID = 1, /* not taken from the body, as the next one */
    RH_PARAM_LAST_UPDATED = 2,
    RH_PARAM_INTERNAL = 8000,   /* from here to RH_PARAM_ADDED: rows that are nobody's parameter */
    RH_PARAM_SHAPE = 8001,      /* which parameters have a key in the resource (key.h) */
    RH_PARAM_ATOM = 8002,       /* texts of the resource */
    RH_PARAM_TEXT_ATOM = 8003,  /* texts of its narrative */
    RH_PARAM_WORD = 8004,       /* words of all these texts */
    RH_PARAM_STRAY = 8005,      /* lies in the part of a person whom its exact parameter (below)
                                   does not name; one row '!' */
    RH_PARAM_ADDED = 8192,      /* the first number of a parameter that is not R4's */
    RH_PARAM_CONTAINED = 0x8000 /* added to the number: keys of contained resources */
};

struct rh_parameter {
    const char *name; /* "birthdate" */
    uint16_t number;
    uint16_t type;      /* resource number; 0: every type */
    unsigned char kind; /* enum rh_parameter_kind */
    unsigned char version;
    bool words; /* string over HumanName: keys of words and sounds beside those of strings */
    bool dated; /* its rows carry the main date of their resource (key.h, aux) */
    bool exact; /* reference: it points to Patient P exactly when the resource lies in the part of
                   P and has no row of RH_PARAM_STRAY: first in compartment order, at most one */
    bool complete; /* all resources have their keys; others may not be searched by */
    uint8_t n_targets, n_parts, n_components;
    /* Composite. `joined`: its components hang off the resource itself, so it is an AND of them;
     * else its keys are the components' keys, one behind the other. */
    bool joined;
    uint16_t part_target;    /* of a view: only references to this type; 0: all */
    const uint16_t *targets; /* resource numbers that a reference may point to; none: any */
    /* A view has no keys: what it finds are the keys of these, which may be composites too. */
    const struct rh_parameter *const *parts;
    const struct rh_parameter *const *components;
    const char *const *component_texts; /* of a composite with keys: their expressions there */
    const char *expression; /* FHIRPath, cut to this type; "" for those not taken from the body */
    const char *url;        /* canonical of its definition */
};

struct rh_parameters; /* a set */

/* The parameter of this name for a type (0: those of every type); NULL: there is none. */
const struct rh_parameter *rh_parameter_find(const struct rh_parameters *set, unsigned type,
                                             struct rh_text name);
/* By number, own or view; NULL: there is none. */
const struct rh_parameter *rh_parameter_at(const struct rh_parameters *set, unsigned type,
                                           unsigned number);
/* All parameters of a type, those of every type first; returns their number. `rows` may be NULL to
 * count. */
unsigned rh_parameters_of(const struct rh_parameters *set, unsigned type,
                          const struct rh_parameter **rows, unsigned max);
/* The parameter whose first value is the main date of a type (spec/r4/main-dates.tsv); NULL. */
const struct rh_parameter *rh_parameter_main_date(unsigned type);
/* Of R4's own: changes whenever a key of any of them would. */
uint64_t rh_parameters_version(void);

/* --- sets with added parameters ----------------------------------------------------------------
 */
/* A parameter that a SearchParameter resource defines for one type. */
struct rh_parameter_added {
    uint16_t number, type;
    yyjson_val *definition; /* the SearchParameter */
    bool complete;
};
/* R4's and these; an added one with the code of one of R4's for the same type replaces it. What
 * cannot be used (an expression that does not compile, a kind or component unknown) is left out,
 * with a warning that names it. Count is 1. RH_NOMEM. */
enum rh_rc rh_parameters_open(struct rh_ctx *ctx, const struct rh_parameter_added *added,
                              unsigned n, struct rh_parameters **ret);
struct rh_parameters *rh_parameters_keep(struct rh_parameters *set); /* NULL is fine */
void rh_parameters_close(struct rh_parameters *set);                 /* NULL is fine */
/* Is this SearchParameter usable, and for which types (resource numbers)? Issues say what is wrong.
 */
enum rh_rc rh_parameter_check(struct rh_ctx *ctx, yyjson_val *definition, uint16_t *types,
                              unsigned max, unsigned *n);

#endif
