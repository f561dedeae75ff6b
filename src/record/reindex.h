/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reindex.h - added search parameters: which there are, and the thread that indexes new ones.
 *
 * State is the meta row "search parameters": {"next":8195,"rows":[{"number","type","state",
 * "definition"}]}, state building | complete | dropped, and a row "indexing/<type>" with the id up
 * to which the resources of a type are done. A change of parameters:
 *
 *   1 the new list is written and the new set put in force in one task on the writer's thread; from
 *     then on every write makes keys of it, and what was prepared under another set makes them
 * again 2 the keys of dropped parameters are removed, in slices 3 every resource of the types of
 * new parameters is looked at in the order of ids, and its keys of them are added, in slices; one
 * that was changed meanwhile is read again on the writer's thread 4 the parameters are complete:
 * list and set again as in 1
 *
 * A crash anywhere goes on from the list and the place. Sets that are replaced stay until the
 * record is closed, since somebody may use them: RH_SETS_MAX changes in one run.
 */
#ifndef RH_RECORD_REINDEX_H
#define RH_RECORD_REINDEX_H

#include "record/record_int.h"

enum { RH_SETS_MAX = 1000 };

struct rh_indexer;

/* Reads the list and puts its set in force. Before any session is open. */
enum rh_rc rh_indexer_open(struct rh_record *r, struct rh_issues *is, struct rh_indexer **ret);
/* Starts the thread, when the writer runs. */
enum rh_rc rh_indexer_start(struct rh_indexer *x);
void rh_indexer_stop(struct rh_indexer *x);  /* before the writer stops; NULL is fine */
void rh_indexer_close(struct rh_indexer *x); /* NULL is fine */
const struct rh_parameters *rh_indexer_parameters(const struct rh_indexer *x);
/* A commit touched a SearchParameter. Any thread. */
void rh_indexer_wake(struct rh_indexer *x);

#endif
