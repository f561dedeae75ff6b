/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * worlds.h - the definitions that are in force here: built-in R4, the packages of DIR/packages and
 * of --package, and, strongest, what the record holds (CodeSystem, ConceptMap, StructureDefinition,
 * ValueSet).
 *
 * Whoever pins a world after a commit was answered finds its definitions. The stored ones are read
 * again only when a commit has touched them; who still uses an older world keeps it. At most
 * RH_WORLDS_STORED_BYTES of them are used, in the order of type and id; those beyond are not known
 * to operations and validation: the log says how many, and so does each refusal. Large
 * terminologies come as packages.
 */
#ifndef RH_SERVER_WORLDS_H
#define RH_SERVER_WORLDS_H

#include "fhir/world.h"
#include "record/record.h"

enum { RH_WORLDS_STORED_BYTES = 64 << 20 };

struct rh_worlds;

/* Reads DIR/packages and the n packages. Errors as rh_definitions_open; warnings go to the log. */
enum rh_rc rh_worlds_open(const char *dir, const char *const *packages, unsigned n,
                          struct rh_issues *is, struct rh_worlds **ret);
/* Where the stored definitions are; before the first pin. Tells the record the search parameters of
 * the packages. */
enum rh_rc rh_worlds_record(struct rh_worlds *w, struct rh_record *r, struct rh_issues *is);
/* The world as of now, to be given back by rh_world_close. On the thread of the session. Errors of
 * reading the record, with issues. */
enum rh_rc rh_worlds_pin(struct rh_worlds *w, struct rh_session *s, struct rh_issues *is,
                         struct rh_world **ret);
/* Full validation on write in these worlds. */
struct rh_record_validator rh_worlds_validator(struct rh_worlds *w);
void rh_worlds_close(struct rh_worlds *w); /* NULL is fine */

/* "off", "structure", "full". False: none of them. */
bool rh_validate_mode_of(const char *name, enum rh_validate_mode *ret);

#endif
