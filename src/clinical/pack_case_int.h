/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_case_int.h - what the units that run cases share. */
#ifndef RH_CLINICAL_PACK_CASE_INT_H
#define RH_CLINICAL_PACK_CASE_INT_H

#include "clinical/form.h"
#include "clinical/pack_case.h"

struct rh_kept_set {
    struct rh_text key; /* date and names */
    const struct rh_protocol_set *set;
};

enum { RH_SEEN_HELD = 1, RH_SEEN_REFUSED = 2 };
struct rh_cover {
    const void *of;      /* the compiled protocol or form */
    unsigned char *seen; /* of each of its rules */
    size_t n;
};

struct rh_runner {
    struct rh_arena *arena;
    rh_case_template *find;
    void *user;
    struct rh_kept_set sets[RH_CASE_SETS_MAX];
    size_t n_sets;
    struct rh_cover *covers;
    size_t n_covers, covers_cap;
};

/* The cover of a protocol or form with n rules, made on first use; NULL: no memory. */
struct rh_cover *rh_cover_of(struct rh_runner *r, const void *of, size_t n);
/* Rules of a form are numbered: for each item in document order its condition, then its
 * constraints; then the constraints of the form itself. */
size_t rh_form_rules_count(const struct rh_form *f);
void rh_form_rules_each(const struct rh_form *f, const struct rh_cover *k, rh_case_rule_each *each,
                        void *user);
/* Notes what held in the session as it is. */
enum rh_rc rh_form_rules_note(struct rh_ctx *c, struct rh_runner *r, struct rh_form_session *s);

/* pack_form.c: runs a form's case. RH_OK and *ret is filled in; anything else is said as an issue:
 * the case cannot be run. */
enum rh_rc rh_case_run_form(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                            struct rh_case_result *ret);
/* Fails the case with this reason. */
void rh_case_failed(struct rh_ctx *c, struct rh_case_result *ret, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Holds "want" against what came; `what` is said before the place. */
void rh_case_compare(struct rh_ctx *c, const yyjson_val *want, const yyjson_val *got,
                     const char *what, struct rh_case_result *ret);
enum rh_rc rh_case_parse(struct rh_ctx *c, const struct rh_buf *b, yyjson_val **ret);

#endif
