/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * collect_int.h - what is gathered while a resource is walked.
 */
#ifndef RH_SEARCH_COLLECT_INT_H
#define RH_SEARCH_COLLECT_INT_H

#include "search/extract_int.h"
#include "search/key_int.h"

enum {
    RH_TEXT_ROWS_MAX = 2000, /* of words and texts; a resource with more says so (rh_key_atom) */
    RH_ATOMS_SEEN = 512
};

struct rh_maker {
    struct rh_ctx *ctx;
    const struct rh_plan *plan;
    const yyjson_val *resource; /* the plan's: the whole one or a contained one */
    struct rh_search_key *rows;
    size_t n, cap;
    char *slab; /* room for the bytes of keys */
    size_t slab_left;
    uint16_t type, mask; /* of the rows; RH_PARAM_CONTAINED or 0 */
    bool *seen;          /* by slot: it has a value */
    /* When set, only these slots are wanted; and the same as bits slot % 64. */
    const bool *wanted;
    uint64_t wanted_bits;
    bool found_any;
    int64_t main_lo, main_hi; /* of the main date */
    unsigned n_main;
    /* Texts. */
    uint64_t atoms[RH_ATOMS_SEEN];
    unsigned n_atoms, text_rows;
    bool overflow;
    /* When set, keys of one component go here instead of into rows. */
    struct rh_text *captured;
    size_t n_captured, cap_captured;
    bool capturing;
    /* When set, only references are wanted, of one slot or of all (UINT16_MAX). */
    struct rh_found_reference *found;
    size_t n_found, cap_found;
    bool references, inside; /* only those that point inside the resource */
    uint16_t only_slot, only_target;
};

/* Flags of aux while rows are gathered; they leave with rh_maker_finish. */
enum { RH_ROW_DATED = 2 };

/* The keys of a resource by a plan: rh_keys_of is this with the plan of its type. */
enum rh_rc rh_keys_with(struct rh_ctx *ctx, const struct rh_plan *plan, const yyjson_val *resource,
                        struct rh_search_keys *ret);

/* --- rows: key_collect.c ----------------------------------------------------------- */
char *rh_maker_room(struct rh_maker *m, size_t n); /* NULL: memory */
enum rh_rc rh_maker_add(struct rh_maker *m, const struct rh_parameter *p, struct rh_text bytes);
enum rh_rc rh_maker_add_internal(struct rh_maker *m, unsigned number, bool shared, bool dated,
                                 struct rh_text bytes);

/* --- key_value.c ------------------------------------------------------------------------------ */
/* The keys of one value. `type` NULL: plain JSON. */
enum rh_rc rh_key_value(struct rh_maker *m, const struct rh_action *action,
                        const struct rh_type *type, const yyjson_val *v);
enum rh_rc rh_key_item(struct rh_maker *m, const struct rh_action *action,
                       const struct rh_fp_item *item);

/* --- key_text.c ------------------------------------------------------------------------------- */
enum rh_rc rh_key_text(struct rh_maker *m, unsigned number, struct rh_text text);
enum rh_rc rh_key_narrative(struct rh_maker *m, struct rh_text xhtml);

#endif
