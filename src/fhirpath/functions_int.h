/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * functions_int.h - functions over collections and of FHIR: the bodies of fn_collection.c,
 * fn_control.c and fn_fhir.c. Those over single values stand in fn_int.h.
 */
#ifndef RH_FHIRPATH_FUNCTIONS_INT_H
#define RH_FHIRPATH_FUNCTIONS_INT_H

#include "fhirpath/fhirpath_int.h"

/* --- fn_collection.c -------------------------------------------------------------------------- */
rh_fp_fn rh_fp_empty, rh_fp_count, rh_fp_all_true, rh_fp_any_true, rh_fp_all_false, rh_fp_any_false,
    rh_fp_distinct, rh_fp_is_distinct, rh_fp_single_fn, rh_fp_first, rh_fp_last, rh_fp_tail,
    rh_fp_skip, rh_fp_take, rh_fp_union, rh_fp_combine, rh_fp_intersect, rh_fp_exclude,
    rh_fp_subset_of, rh_fp_superset_of, rh_fp_children_fn, rh_fp_descendants, rh_fp_type_fn,
    rh_fp_is_fn, rh_fp_as_fn, rh_fp_of_type;
/* --- fn_control.c: functions that evaluate an expression for each item, and their like -------- */
rh_fp_fn rh_fp_exists, rh_fp_all, rh_fp_where, rh_fp_select, rh_fp_repeat, rh_fp_repeat_all,
    rh_fp_aggregate, rh_fp_iif, rh_fp_sort, rh_fp_not, rh_fp_trace, rh_fp_define_variable,
    rh_fp_coalesce;
/* --- fn_fhir.c -------------------------------------------------------------------------------- */
rh_fp_fn rh_fp_extension, rh_fp_has_value, rh_fp_get_value, rh_fp_resolve, rh_fp_member_of,
    rh_fp_subsumes, rh_fp_subsumed_by, rh_fp_html_checks, rh_fp_conforms_to,
    rh_fp_element_definition, rh_fp_slice, rh_fp_check_modifiers, rh_fp_weight;

/* --- a set of items by equality (set.c) --------------------------------------------------------
 */
enum { RH_FP_SET_SMALL = 8 };
struct rh_fp_set {
    struct rh_fp_run *run;
    struct rh_text first[RH_FP_SET_SMALL]; /* strings, until there are more */
    struct rh_text *slots;                 /* then a hash table of them; data NULL: free */
    size_t n_strings, mask;
    struct rh_fp_list others;
};
static inline struct rh_fp_set rh_fp_set(struct rh_fp_run *r)
{
    return (struct rh_fp_set){.run = r};
}
enum rh_rc rh_fp_set_add(struct rh_fp_set *s, const struct rh_fp_item *i, bool *added);
enum rh_rc rh_fp_set_add_all(struct rh_fp_set *s, const struct rh_fp_list *l);
enum rh_rc rh_fp_set_has(struct rh_fp_set *s, const struct rh_fp_item *i, bool *ret);

#endif
