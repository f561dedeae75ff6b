/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree.h - the tree of a compiled expression, for who has to know what it reads: which variables,
 * which elements, before anything is evaluated.
 *
 * At most RH_FP_DEPTH_MAX high. Parts live as long as the expression.
 */
#ifndef RH_FHIRPATH_TREE_H
#define RH_FHIRPATH_TREE_H

#include "fhirpath/fhirpath.h"

enum rh_fp_part_kind {
    RH_FP_PART_LITERAL,  /* literal */
    RH_FP_PART_EMPTY,    /* {} */
    RH_FP_PART_THIS,     /* $this */
    RH_FP_PART_INDEX,    /* $index */
    RH_FP_PART_TOTAL,    /* $total */
    RH_FP_PART_VARIABLE, /* %name */
    RH_FP_PART_MEMBER,   /* [focus].name */
    RH_FP_PART_CALL,     /* [focus].name(arguments) */
    RH_FP_PART_ITEM,     /* focus[argument] */
    RH_FP_PART_UNARY,    /* name is the operator */
    RH_FP_PART_BINARY,
    RH_FP_PART_IS, /* argument is name */
    RH_FP_PART_AS
};

struct rh_fp_part; /* opaque */

enum rh_fp_part_kind rh_fp_part_kind(const struct rh_fp_part *p);
struct rh_text rh_fp_part_name(const struct rh_fp_part *p);
unsigned rh_fp_part_at(const struct rh_fp_part *p); /* byte in the expression */
const struct rh_fp_item *rh_fp_part_literal(const struct rh_fp_part *p);
const struct rh_fp_part *rh_fp_part_focus(const struct rh_fp_part *p); /* NULL: the context */
unsigned rh_fp_part_n_arguments(const struct rh_fp_part *p);
const struct rh_fp_part *rh_fp_part_argument(const struct rh_fp_part *p, unsigned i);

const struct rh_fp_part *rh_fp_root(const struct rh_fp *e);

/* Calls `each` with the name of every variable of the environment that the expression names (not
 * those that defineVariable() makes; %context, %resource and addresses too). A value other than
 * RH_OK stops. */
typedef enum rh_rc rh_fp_variable_each(void *user, struct rh_text name);
enum rh_rc rh_fp_variables(const struct rh_fp *e, rh_fp_variable_each *each, void *user);

#endif
