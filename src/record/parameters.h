/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parameters.h - the list of added search parameters, as the meta row "search parameters" holds it.
 *
 * One thread at a time: the indexer's, or who opens the record.
 */
#ifndef RH_RECORD_PARAMETERS_H
#define RH_RECORD_PARAMETERS_H

#include "record/record_int.h"

enum { RH_ADDED_MAX = 2000 /* parameters times types */ };

enum rh_added_state { RH_ADDED_BUILDING, RH_ADDED_COMPLETE, RH_ADDED_DROPPED };

struct rh_added {
    uint16_t number, type;
    enum rh_added_state state;
    bool fresh;       /* not in the list on the disk yet */
    bool packaged;    /* of a package, not of a stored resource */
    char *definition; /* the SearchParameter as minified JSON; owned */
};

struct rh_added_list {
    struct rh_added *rows;
    size_t n, cap;
    uint16_t next; /* number for the next one */
};

/* RH_NOTFOUND: there is no list yet (then it is empty). RH_CORRUPT. */
enum rh_rc rh_added_read(struct rh_conn *c, struct rh_arena *a, struct rh_added_list *ret);
/* Inside the writer's transaction. */
enum rh_rc rh_added_write(struct rh_conn *c, struct rh_arena *a, const struct rh_added_list *l);
void rh_added_free(struct rh_added_list *l);

/* Makes the list what is wanted: what is new is building, with a number of its own; what is wanted
 * no more is dropped; *changed says whether anything did. The first `n_packaged` are of packages;
 * when packages are not known (`told` is false) theirs stay. A definition that cannot be used is
 * left out, with a line in the log. */
enum rh_rc rh_added_want(struct rh_added_list *l, struct rh_arena *a, char *const *definitions,
                         size_t n, size_t n_packaged, bool told, bool *changed);
/* The set of R4's and those of the list that are not dropped; everything of it is in `a`. */
enum rh_rc rh_added_set(const struct rh_added_list *l, struct rh_arena *a,
                        struct rh_parameters **ret);

#endif
