/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot_int.h - the elements of a StructureDefinition as a tree.
 *
 * The same tree serves a base's snapshot and a differential: a node is one element name inside its
 * parent, its slices hang beside its children. snapshot_tree.c makes trees and finds in them,
 * snapshot.c lays the differential over the base, snapshot_write.c writes the result.
 */
#ifndef RH_CONFORMANCE_SNAPSHOT_INT_H
#define RH_CONFORMANCE_SNAPSHOT_INT_H

#include "conformance/snapshot.h"

enum {
    RH_SNAPSHOT_DEPTH_MAX = 48,        /* segments of a path */
    RH_SNAPSHOT_NODES_MAX = 50 * 1000, /* elements of one snapshot */
    RH_SNAPSHOT_BASES_MAX = 24         /* profiles that are based on each other */
};

struct rh_snap_change {
    yyjson_val *element; /* of the differential */
    struct rh_snap_change *next;
};

struct rh_snap_node {
    struct rh_text name;  /* "value[x]" */
    struct rh_text slice; /* empty: the element itself */
    yyjson_val *element;  /* NULL: only implied by what is below it */
    struct rh_snap_node *up, *children, *slices, *next;
    struct rh_snap_change *changes; /* in order */
    yyjson_val *own;                /* the change that is about this node itself */
    struct rh_text only_type;       /* "valueQuantity" says that value[x] is a Quantity */
    yyjson_val *types;              /* of what a contentReference points to */
    bool grown;     /* children come from the type, since the differential goes there */
    bool new_slice; /* a slice that the base does not have */
    bool closed;    /* of a choice: only_type is the one type that is left */
};

struct rh_snap {
    struct rh_ctx *c;
    struct rh_text url; /* of the profile, for issues */
    struct rh_snap_node *root;
    unsigned nodes;
    unsigned depth; /* how many profiles are being made above this one */
    bool extends;   /* a new type: the differential may add elements */
};

/* --- snapshot_tree.c ---------------------------------------------------------------------------
 */
/* RH_VALUE with an issue: an element without path, or too deep. */
enum rh_rc rh_snap_tree(struct rh_snap *s, yyjson_val *elements, struct rh_snap_node **ret);
struct rh_snap_node *rh_snap_child(const struct rh_snap_node *n, struct rh_text name);
struct rh_snap_node *rh_snap_slice(const struct rh_snap_node *n, struct rh_text slice);
/* Adds an empty node at the end of the children or of the slices. RH_NOMEM, RH_TOOLARGE. */
enum rh_rc rh_snap_add(struct rh_snap *s, struct rh_snap_node *up, struct rh_text name,
                       struct rh_text slice, struct rh_snap_node **ret);
/* Copies the children of `from` below `to`, with the changes so far or as the base has them. */
enum rh_rc rh_snap_copy_children(struct rh_snap *s, const struct rh_snap_node *from,
                                 struct rh_snap_node *to, bool changed);
enum rh_rc rh_snap_change(struct rh_snap *s, struct rh_snap_node *n, yyjson_val *element);
enum rh_rc rh_snap_change_all(struct rh_snap *s, struct rh_snap_node *n,
                              const struct rh_snap_change *changes);
/* "Observation.component:a.value[x]", for an issue. */
void rh_snap_path(const struct rh_snap_node *n, bool slices, struct rh_buf *b);

/* --- snapshot_write.c --------------------------------------------------------------------------
 */
enum rh_rc rh_snap_write(struct rh_snap *s, const struct rh_snap_node *n, struct rh_buf *b);
/* The types that hold now: of the last change that states some, else of the base. */
yyjson_val *rh_snap_types(const struct rh_snap_node *n);

#endif
