/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * name_count_int.h - how often a name was met: ids of elements, references to contained resources,
 * names in narratives. Texts are not copied.
 */
#ifndef RH_CONFORMANCE_NAME_COUNT_INT_H
#define RH_CONFORMANCE_NAME_COUNT_INT_H

#include "base/arena.h"
#include "base/text.h"

struct rh_name_slot {
    struct rh_text name;
    unsigned count; /* 0: free */
};

struct rh_names { /* all zero: empty */
    struct rh_name_slot *slots;
    size_t n, cap; /* cap is a power of two */
};

enum rh_rc rh_names_add(struct rh_arena *a, struct rh_names *names, struct rh_text name);
unsigned rh_names_count(const struct rh_names *names, struct rh_text name);

#endif
