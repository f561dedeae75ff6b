/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * world.h - all definitions in force: FHIR packages and the conformance resources in them.
 *
 * A *package* is a set of definitions (StructureDefinition, ValueSet, CodeSystem, ConceptMap,
 * SearchParameter, Questionnaire, …) under one name and version; after rh_package_seal it never
 * changes, and worlds share it (counted). A *world* is a list of packages, immutable too: adding a
 * package makes a new world, and whoever still uses the old one keeps it (counted).
 *
 * Bodies are parsed on first use, and so is what a module makes of them (a compiled profile, an
 * expanded value set: a *form*), which the world keeps. Both may be asked for by many threads at
 * once: the first result stays, another one made meanwhile is dropped. No locks.
 *
 * Finding: a canonical address "url" or "url|version". Packages added later win over earlier ones;
 * inside a package the highest version wins (numbers between dots compare as numbers).
 * "url|4.0" also finds 4.0.1 when 4.0 itself is not there.
 */
#ifndef RH_FHIR_WORLD_H
#define RH_FHIR_WORLD_H

#include "base/context.h"
#include "base/json.h"

enum {
    RH_WORLD_PACKAGES_MAX = 256,
    RH_WORLD_MEMORY_MAX = 1 << 30, /* bytes of parsed bodies and forms of one world */
    RH_FORM_MEMORY_MAX = 256 << 20 /* bytes of one form or body */
};

struct rh_package;

/* Where the text of a definition comes from when it is first used: packed inside the program or a
 * file, for example. `n` is what was given to rh_package_add. The text goes into the arena. Called
 * by any thread. */
struct rh_package_source {
    void *user;
    enum rh_rc (*text)(void *user, size_t n, struct rh_arena *a, struct rh_text *ret);
    void (*close)(void *user); /* when the package goes; may be NULL */
};

struct rh_definition {
    const char *type;   /* "ValueSet" */
    struct rh_text url; /* empty: the resource has no canonical address (examples, instances) */
    struct rh_text version, id, name; /* may be empty */
    struct rh_text base; /* StructureDefinition: "type" ("Patient", "Extension"); CodeSystem:
                            "supplements"; else empty */
    const struct rh_package *package;
    struct rh_text text; /* data NULL: ask the package's source */
    size_t n;
    void *body; /* private: an atomic pointer */
};

/* --- making a package (one thread) ------------------------------------------------------------ */
/* Texts are copied. `source` may be NULL (then every definition brings its text). Count is 1. */
enum rh_rc rh_package_open(struct rh_text name, struct rh_text version,
                           const struct rh_package_source *source, struct rh_package **ret);
/* A dependency that package.json names. */
enum rh_rc rh_package_depends(struct rh_package *p, struct rh_text name, struct rh_text version);
/* From what an index says of it; `n` goes to the source. */
enum rh_rc rh_package_add(struct rh_package *p, const struct rh_definition *d);
/* From its JSON text (copied). RH_SYNTAX, RH_STRUCTURE with an issue: not JSON, no resource. */
enum rh_rc rh_package_add_json(struct rh_package *p, struct rh_issues *is, struct rh_text json);
void rh_package_seal(struct rh_package *p);

struct rh_package *rh_package_keep(struct rh_package *p);
void rh_package_close(struct rh_package *p); /* NULL is fine */
struct rh_text rh_package_name(const struct rh_package *p);
struct rh_text rh_package_version(const struct rh_package *p);
size_t rh_package_count(const struct rh_package *p);
const struct rh_definition *rh_package_at(const struct rh_package *p, size_t i);
size_t rh_package_n_depends(const struct rh_package *p);
void rh_package_depend(const struct rh_package *p, size_t i, struct rh_text *name,
                       struct rh_text *version);

/* --- a world ---------------------------------------------------------------------------------- */
/* Keeps each package once more. Later ones win. */
enum rh_rc rh_world_open(struct rh_package *const *packages, size_t n, struct rh_world **ret);
struct rh_world *rh_world_keep(struct rh_world *w);
void rh_world_close(struct rh_world *w); /* NULL is fine */
size_t rh_world_n_packages(const struct rh_world *w);
struct rh_package *rh_world_package(const struct rh_world *w, size_t i);

/* < 0, 0, > 0: 1.10 is above 1.9, 5.3.0 above 5.3.0-ballot; a word is below a number. */
int rh_version_compare(struct rh_text a, struct rh_text b);

/* NULL: not loaded (or w is NULL). `type` NULL: of any type. */
const struct rh_definition *rh_world_find(const struct rh_world *w, const char *type,
                                          struct rh_text canonical);
/* Every definition of a type (winners and others), in the order of packages; a return value other
 * than RH_OK stops and is returned. */
typedef enum rh_rc rh_definition_each(void *user, const struct rh_definition *d);
enum rh_rc rh_world_each(const struct rh_world *w, const char *type, rh_definition_each *each,
                         void *user);
/* All definitions of this url (any version), best first: calls as above. */
enum rh_rc rh_world_versions(const struct rh_world *w, const char *type, struct rh_text url,
                             rh_definition_each *each, void *user);

/* The parsed resource, which lives as long as its package. RH_SYNTAX, RH_CORRUPT: an issue names
 * it. */
enum rh_rc rh_definition_body(struct rh_ctx *c, const struct rh_definition *d, yyjson_val **ret);

/* What a module made of a definition, kept as long as the world; `kind` tells modules' forms of one
 * definition apart. `make` is called on first use, with a ctx whose arena belongs to the form; what
 * it returns must not change afterwards and must not point into the caller's arena. When it fails,
 * its issues are the caller's and nothing is kept. `make` may ask for other forms; who may meet
 * itself that way (value sets that include each other) has to count its depth. */
enum rh_form_kind {
    RH_FORM_VALUESET,
    RH_FORM_CODESYSTEM,
    RH_FORM_PROFILE,
    RH_FORM_SNAPSHOT,
    RH_FORM_QUESTIONNAIRE,
    RH_FORM_LIBRARY,
    RH_FORM_PROTOCOL,
    RH_FORM_KINDS
};
typedef enum rh_rc rh_form_make(struct rh_ctx *c, const struct rh_definition *d, void *user,
                                const void **ret);
enum rh_rc rh_world_form(struct rh_ctx *c, const struct rh_definition *d, enum rh_form_kind kind,
                         rh_form_make *make, void *user, const void **ret);

#endif
