/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * implied_int.h - what tools/gen_implied.py writes into implied_table.c: rows by system, then code.
 */
#ifndef RH_CONFORMANCE_IMPLIED_INT_H
#define RH_CONFORMANCE_IMPLIED_INT_H

#include "base/text.h"

struct rh_implied_row {
    struct rh_text system, code;
    const char *type, *element;
    struct rh_text profile;
};

extern const struct rh_implied_row rh_implied_rows[];
extern const size_t rh_n_implied_rows;

/* A binding whose strength counts as another. The value set is without version. */
struct rh_binding_erratum {
    const char *path, *value_set, *strength;
};

extern const struct rh_binding_erratum rh_binding_errata[];
extern const size_t rh_n_binding_errata;

/* An expression that counts instead of another. `key` empty: of any invariant. */
struct rh_invariant_erratum {
    const char *key, *expression;
    struct rh_text instead;
};

extern const struct rh_invariant_erratum rh_invariant_errata[];
extern const size_t rh_n_invariant_errata;

#endif
