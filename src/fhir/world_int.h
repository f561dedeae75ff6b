/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * world_int.h - a cell: something that is made on first use and then stays.
 *
 * Many threads may make it at once; the first to put its own wins, the others' are freed. Whoever
 * has read a value may use it as long as the owner of the cells lives.
 */
#ifndef RH_FHIR_WORLD_INT_H
#define RH_FHIR_WORLD_INT_H

#include "fhir/world.h"

#include <stdatomic.h>

struct rh_made {
    struct rh_arena *arena; /* holds the value, and this */
    void *value;
};

struct rh_cell {
    _Atomic(struct rh_made *) made;
};

void *rh_cell_get(struct rh_cell *cell); /* NULL: not made yet */
/* Takes the arena over, in any case. *ret is what the cell holds now. RH_NOMEM: the arena's limit,
 * or `used` would pass RH_WORLD_MEMORY_MAX. */
enum rh_rc rh_cell_put(struct rh_cell *cell, struct rh_arena *a, void *value, atomic_size_t *used,
                       void **ret);
void rh_cells_close(struct rh_cell *cells, size_t n); /* and frees the array */

#endif
