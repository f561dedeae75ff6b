/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhirpath/tree.h"

#include "fhirpath/fhirpath_int.h"

_Static_assert((int)RH_FP_PART_LITERAL == (int)RH_FP_OP_LITERAL &&
                   (int)RH_FP_PART_VARIABLE == (int)RH_FP_OP_VARIABLE &&
                   (int)RH_FP_PART_CALL == (int)RH_FP_OP_CALL &&
                   (int)RH_FP_PART_BINARY == (int)RH_FP_OP_BINARY &&
                   (int)RH_FP_PART_AS == (int)RH_FP_OP_AS,
               "the same kinds in the same order");

static const struct rh_fp_node *node(const struct rh_fp_part *p)
{
    return (const struct rh_fp_node *)(const void *)p;
}

static const struct rh_fp_part *part(const struct rh_fp_node *n)
{
    return (const struct rh_fp_part *)(const void *)n;
}

enum rh_fp_part_kind rh_fp_part_kind(const struct rh_fp_part *p)
{
    return (enum rh_fp_part_kind)node(p)->op;
}

struct rh_text rh_fp_part_name(const struct rh_fp_part *p)
{
    return node(p)->name;
}

unsigned rh_fp_part_at(const struct rh_fp_part *p)
{
    return node(p)->at;
}

const struct rh_fp_item *rh_fp_part_literal(const struct rh_fp_part *p)
{
    return &node(p)->literal;
}

const struct rh_fp_part *rh_fp_part_focus(const struct rh_fp_part *p)
{
    return part(node(p)->focus);
}

unsigned rh_fp_part_n_arguments(const struct rh_fp_part *p)
{
    return node(p)->n_args;
}

const struct rh_fp_part *rh_fp_part_argument(const struct rh_fp_part *p, unsigned i)
{
    return part(node(p)->args[i]);
}

const struct rh_fp_part *rh_fp_root(const struct rh_fp *e)
{
    return part(e->root);
}

/* --- variables -------------------------------------------------------------------------------- */
bool rh_fp_defines(const struct rh_fp_node *n, struct rh_text name)
{
    if (n->op == RH_FP_OP_CALL && rh_text_is(n->name, "defineVariable") && n->n_args &&
        n->args[0]->op == RH_FP_OP_LITERAL && n->args[0]->literal.kind == RH_FP_STRING &&
        rh_text_eq(n->args[0]->literal.text, name))
        return true;
    if (n->focus && rh_fp_defines(n->focus, name))
        return true;
    for (unsigned i = 0; i < n->n_args; i++)
        if (rh_fp_defines(n->args[i], name))
            return true;
    return false;
}

static enum rh_rc walk(const struct rh_fp *e, const struct rh_fp_node *n, rh_fp_variable_each *each,
                       void *user)
{
    enum rh_rc rc = RH_OK;
    if (n->op == RH_FP_OP_VARIABLE && !rh_fp_defines(e->root, n->name))
        rc = each(user, n->name);
    if (!rc && n->focus)
        rc = walk(e, n->focus, each, user);
    for (unsigned i = 0; i < n->n_args && !rc; i++)
        rc = walk(e, n->args[i], each, user);
    return rc;
}

enum rh_rc rh_fp_variables(const struct rh_fp *e, rh_fp_variable_each *each, void *user)
{
    return walk(e, e->root, each, user);
}
