/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_scope.h - expressions of a form over a response that is complete: each sees the variables of
 * its item, of the items above and of the form (SDC, "Using Expressions"), %resource the response,
 * %context the item, %questionnaire, %qitem, and what the caller gives (launch context, ids).
 *
 * For who reads a response once: validation, population, extraction. Who fills one in has a session
 * (clinical/form.h). A variable is evaluated when an expression names it, those of the form once.
 */
#ifndef RH_CONFORMANCE_FORM_SCOPE_H
#define RH_CONFORMANCE_FORM_SCOPE_H

#include "fhirpath/fhirpath.h"

enum { RH_FORM_SCOPE_DEPTH_MAX = 16, RH_FORM_SCOPE_KEPT_MAX = 64 };

/* One step of the way down: the form first, then its items. */
struct rh_form_place {
    const struct rh_form_place *up;
    yyjson_val *question;             /* the Questionnaire, or an item of it */
    yyjson_val *item;                 /* the response, or its item; NULL: it is not there */
    const struct rh_fp_variable *own; /* made by the caller here, seen from here on */
    size_t n_own;
};

struct rh_form_scope {
    struct rh_ctx *c;
    yyjson_val *questionnaire;
    yyjson_val *response; /* NULL: there is none yet */
    yyjson_val *resource; /* %resource where it is not the response; NULL: it is */
    yyjson_val *context;  /* object: variables by name; NULL: none */
    bool empty_context; /* names of the launch context that are not given are empty, not unknown */
    uint64_t steps;     /* of one expression; 0: the default */
    uint64_t used;      /* by all expressions so far */
    struct rh_fp_variable kept[RH_FORM_SCOPE_KEPT_MAX]; /* variables of the form, found before */
    size_t n_kept;
    unsigned depth;
};

/* Evaluates at a place. `focus` NULL: the item of the place (nothing when it is not there). RH_OK;
 * RH_NOMEM; any other: it cannot be computed, and *why (may be NULL) says the reason. No issue is
 * written. */
enum rh_rc rh_form_scope_eval(struct rh_form_scope *s, const struct rh_form_place *at,
                              struct rh_text expression, const struct rh_fp_item *focus,
                              struct rh_fp_list *ret, const char **why);
/* 1, 0; -1: cannot be computed or empty. RH_NOMEM only. */
enum rh_rc rh_form_scope_holds(struct rh_form_scope *s, const struct rh_form_place *at,
                               struct rh_text expression, int *ret);
/* The expression of an Expression whose language is FHIRPath, or none; data NULL: another one. */
struct rh_text rh_form_fhirpath(yyjson_val *expression);
/* A JSON value as a collection: resources, objects, scalars, an array of these. */
enum rh_rc rh_form_items(struct rh_arena *a, yyjson_val *v, struct rh_fp_list *ret);

/* An extension of an object by its url: the first; NULL: none. */
yyjson_val *rh_item_extension(yyjson_val *object, const char *url);
/* Its value member; NULL: none. *ret_type (may be NULL): "Coding" of valueCoding. */
yyjson_val *rh_item_extension_value(yyjson_val *object, const char *url, struct rh_text *ret_type);

#endif
