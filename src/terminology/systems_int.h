/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systems_int.h - the rows of spec/systems.tsv. */
#ifndef RH_TERMINOLOGY_SYSTEMS_INT_H
#define RH_TERMINOLOGY_SYSTEMS_INT_H

#include "terminology/terms_int.h"

enum terms_check { TERMS_NO_CHECK, TERMS_MOD10, TERMS_VERHOEFF };

struct terms_system_row {
    struct rh_text name;
    enum terms_check check;
    struct terms_system system; /* without concepts; its codes are known when it has a grammar */
};
extern const struct terms_system_row terms_system_rows[];
extern const size_t terms_n_system_rows;

#endif
