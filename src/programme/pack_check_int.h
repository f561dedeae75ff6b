/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_check_int.h - what the units that check a pack share.
 *
 * Each check writes issues with its own name as their code; pack_check.c finds the line and the
 * rule of each and says them, resource by resource.
 */
#ifndef RH_PROGRAMME_PACK_CHECK_INT_H
#define RH_PROGRAMME_PACK_CHECK_INT_H

#include "programme/pack_build.h"
#include "programme/pack_check.h"

#define RH_PACK_EXT "https://rihla.example/fhir/StructureDefinition/"

struct rh_said { /* warnings that are said once */
    const char *text;
    struct rh_said *next;
};

struct rh_checking {
    struct rh_ctx ctx;      /* arena: of one resource; issues: those below */
    struct rh_issues found; /* of the resource that is looked at */
    struct rh_arena *arena; /* as long as the check */
    struct rh_world *world;
    const struct rh_package *package;
    const char *const *paths;
    size_t n_paths;
    const char *folder; /* NULL: it is a file */
    struct rh_catalogues texts;
    rh_finding_each *each;
    void *user;
    struct rh_pack_checked *counts;
    struct rh_said *said;
};

/* Adds an issue; `check` is static. Returns the severity's rc, RH_INVALID. */
enum rh_rc rh_checking_say(struct rh_checking *k, enum rh_severity severity, const char *check,
                           const char *path, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* An object with the place that it stands at. */
typedef enum rh_rc rh_checking_object(struct rh_checking *k, yyjson_val *object, const char *path,
                                      void *user);
/* Calls for every object in the resource, itself first. */
enum rh_rc rh_checking_objects(struct rh_checking *k, yyjson_val *v, const char *path,
                               rh_checking_object *each, void *user);

/* The first extension of ours with this name; NULL: none. */
yyjson_val *rh_checking_extension(yyjson_val *object, const char *name);

/* A PlanDefinition of type clinical-protocol? */
bool rh_checking_is_protocol(yyjson_val *plan);

/* --- the checks of one resource --------------------------------------------------------------- */
enum rh_rc rh_checking_sources(struct rh_checking *k, yyjson_val *body); /* pack_sources.c */
enum rh_rc rh_checking_expressions(struct rh_checking *k, const struct rh_definition *d,
                                   yyjson_val *body);                  /* pack_expressions.c */
enum rh_rc rh_checking_names(struct rh_checking *k, yyjson_val *body); /* pack_rules.c */
enum rh_rc rh_checking_period(struct rh_checking *k, const struct rh_definition *d,
                              yyjson_val *body);                       /* pack_rules.c */
enum rh_rc rh_checking_texts(struct rh_checking *k, yyjson_val *body); /* pack_rules.c */

/* --- the checks of the whole pack --------------------------------------------------------------
 */
enum rh_rc rh_checking_catalogues(
    struct rh_checking *k);                          /* pack_rules.c: entries that match nothing */
enum rh_rc rh_checking_cases(struct rh_checking *k); /* pack_cover.c */
/* Says what was found since the last call, as findings of this file and resource. `raw` (may be
 * empty) is the text of the file, for lines; `body` for the names of rules. */
void rh_checking_flush(struct rh_checking *k, const char *file, const char *resource,
                       struct rh_text raw, yyjson_val *body, const char *check);

#endif
