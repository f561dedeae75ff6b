/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * validate_int.h - what the units of the validator share: compiled profiles, places, a run.
 *
 * A StructureDefinition is compiled once into a tree of rules (profile.c), one per
 * ElementDefinition; a run walks the JSON with it. The base definitions of R4 see every element
 * (element_rules.c); a profile after that sees only what it constrains further. Nothing is
 * allocated while all is well: places are a chain on the stack, written out only for an issue.
 */
#ifndef RH_CONFORMANCE_VALIDATE_INT_H
#define RH_CONFORMANCE_VALIDATE_INT_H

#include "conformance/name_count_int.h"
#include "conformance/validate.h"
#include "fhir/element.h"
#include "fhirpath/fhirpath.h"
#include "terminology/terminology.h"

#include <stdatomic.h>

enum {
    RH_VALIDATE_DEPTH_MAX = 128, /* places between the root and a value, profiles included */
    RH_VALIDATE_PROBES_MAX = 8,  /* trials inside trials */
    RH_VALIDATE_WORK_MAX = 20 * 1000 * 1000, /* elements looked at, trials included */
    RH_VALIDATE_STEPS_MAX = 2 * 1000 * 1000  /* of one invariant */
};

struct rh_rule;
struct rh_profile;

/* Which invariants are answered without the expression engine, told by their expression. */
enum rh_native { RH_NATIVE_NONE, RH_NATIVE_DONE, RH_NATIVE_NARRATIVE };

struct rh_constraint {
    struct rh_text key, human, source;
    bool warning;
    const struct rh_fp *fp; /* NULL: it could not be compiled */
};

struct rh_type_ref {
    const struct rh_type *type; /* NULL: not a type of R4 */
    struct rh_text code;
    const struct rh_text *profiles, *targets;
    unsigned n_profiles, n_targets;
};

enum rh_strength {
    RH_BIND_NONE,
    RH_BIND_EXAMPLE,
    RH_BIND_PREFERRED,
    RH_BIND_EXTENSIBLE,
    RH_BIND_REQUIRED
};

enum rh_discriminator_type { RH_DISC_VALUE, RH_DISC_EXISTS, RH_DISC_TYPE, RH_DISC_PROFILE };

struct rh_discriminator {
    enum rh_discriminator_type type;
    struct rh_text path;
};

enum rh_slicing_rules { RH_SLICES_OPEN, RH_SLICES_OPEN_AT_END, RH_SLICES_CLOSED };

struct rh_slicing {
    struct rh_discriminator *discriminators;
    unsigned n_discriminators;
    enum rh_slicing_rules rules;
    bool ordered;
};

struct rh_rule {
    struct rh_text path;  /* "Patient.contact.name" */
    struct rh_text slice; /* "" */
    const struct rh_profile *profile;
    unsigned min, max; /* max UINT_MAX: any number */
    unsigned max_length;
    struct rh_type_ref *types;
    unsigned n_types;
    const struct rh_type *type; /* of the value when there is only one, else NULL */
    yyjson_val *fixed, *pattern, *min_value, *max_value;
    enum rh_strength strength;
    struct rh_text value_set, max_value_set;
    struct rh_constraint *constraints;
    unsigned n_constraints;
    struct rh_slicing *slicing;
    struct rh_rule **slices;
    unsigned n_slices;
    size_t cap_slices;
    struct rh_rule *content;   /* of a contentReference: whose children count */
    struct rh_rule **children; /* by rh_element.order; NULL: none inline */
    unsigned n_children;
    uint64_t required; /* bit `order` of each child whose min is not 0 */
    bool modifier, choice, is_url, is_resource_id;
    bool deep; /* in a profile: there is something below that the base does not say */
    struct rh_profile_cell *of_type; /* found once: the profile of `type` */
};

struct rh_profile_cell {
    _Atomic(const struct rh_profile *) profile;
};

struct rh_profile {
    struct rh_text url, version, type;
    const struct rh_definition *definition;
    yyjson_val *body;
    const struct rh_type *rh_type;
    bool base; /* a definition of FHIR itself, not a constraint of one */
    bool extension;
    struct rh_rule *root;
    /* of an extension: types of its value, "" none */
    const struct rh_rule *value;
};

/* Where the walk stands. */
struct rh_place {
    const struct rh_place *up;
    const char *name; /* base name, or the type's at the root */
    unsigned short name_len;
    unsigned short depth;
    long index;                   /* -1: not in an array */
    const struct rh_type *choice; /* type of a choice element, else NULL */
    const struct rh_type *type;   /* of the value here */
    yyjson_val *value, *extra;    /* extra: the underscore sibling of a primitive */
};

/* The resource that the walk is in. */
struct rh_scope {
    struct rh_scope *up; /* the resource that contains it, or the Bundle's */
    yyjson_val *resource;
    const struct rh_type *type;
    yyjson_val *entry; /* of a Bundle, when it stands in one */
    bool contained;
    struct rh_text full_url;
    struct rh_names ids; /* of the elements met */
};

struct rh_memo {
    yyjson_val *value;
    const struct rh_profile *profile;
    signed char answer; /* 1 conforms, 0 not, -1 being found out */
};

struct rh_entries; /* of a Bundle: by fullUrl and by resource */

struct rh_run {
    struct rh_ctx *c;
    const struct rh_validate_options *o;
    struct rh_host host;
    yyjson_val *root;
    struct rh_scope *scope;
    unsigned errors;  /* written or, in a trial, met */
    unsigned probing; /* trials that we are inside of */
    uint64_t work;
    enum rh_rc rc; /* RH_NOMEM and the like: everything stops */
    struct rh_memo *memo;
    size_t n_memo, cap_memo; /* open addressing, a power of two */
    yyjson_val *named;       /* whose names were collected last */
    struct rh_names names;
    struct rh_entries *entries; /* of the Bundle that was asked last */
    unsigned *early;            /* rows of issues about the JSON itself: they come first */
    size_t n_early, cap_early;
    bool quiet, base; /* base: the walk is that of a definition of FHIR itself */
};

/* --- validate.c --------------------------------------------------------------------------------
 */
void rh_complain(struct rh_run *r, enum rh_severity severity, const char *code,
                 const struct rh_place *at, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* About the shape of the JSON: goes before all others. */
void rh_complain_shape(struct rh_run *r, const char *code, const struct rh_place *at,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void rh_place_write(struct rh_buf *b, const struct rh_place *at);
bool rh_run_stop(struct rh_run *r); /* limits: nothing more is to be done */
/* A resource at a place: its own type, the profiles it claims, the ones it implies. */
void rh_validate_resource(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                          yyjson_val *entry, bool contained);
/* Does it conform? 1, 0; remembers. */
bool rh_conforms(struct rh_run *r, const struct rh_place *at, const struct rh_profile *p,
                 yyjson_val *value, const struct rh_type *type);
struct rh_text rh_shown(struct rh_text t); /* at most some 60 bytes of it, whole characters */
static inline struct rh_place rh_below(const struct rh_place *up, const char *name, size_t len,
                                       long index)
{
    return (struct rh_place){.up = up,
                             .name = name,
                             .name_len = (unsigned short)len,
                             .depth = (unsigned short)(up->depth + 1),
                             .index = index};
}

/* --- profile.c ---------------------------------------------------------------------------------
 */
/* NULL: not loaded or it cannot be used (`*ret_why`, may be NULL, says why). */
const struct rh_profile *rh_profile_get(struct rh_run *r, struct rh_text canonical);
const struct rh_profile *rh_profile_of_type(struct rh_run *r, const struct rh_type *t);
/* The definition of the type of a value under a rule; looked up once where the type is certain. */
const struct rh_profile *rh_rule_type_profile(struct rh_run *r, const struct rh_rule *rule,
                                              const struct rh_type *type);
/* The rule of a child by name, inline or in the profile of the type; NULL: nothing is said. */
const struct rh_rule *rh_rule_child(struct rh_run *r, const struct rh_rule *rule,
                                    const struct rh_element *e);
const struct rh_element *rh_element_of_base(const struct rh_type *t, struct rh_text base);

/* --- element_rules.c ---------------------------------------------------------------------------
 */
/* One value against one rule (not its cardinality). */
void rh_check_value(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);
/* The same for a resource inside another too, which is a scope of its own. */
void rh_check_place(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);
/* The members of an object against the children of a rule. */
void rh_check_object(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                     const struct rh_type *type);
/* --- primitive_rules.c -------------------------------------------------------------------------
 */
/* Its format and what is more to be said of addresses, dates, ids. */
void rh_check_primitive(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);

/* --- fixed.c -----------------------------------------------------------------------------------
 */
void rh_check_fixed(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);

/* --- slicing.c ---------------------------------------------------------------------------------
 */
/* Is it of the restricted FHIRPath of discriminators (names, $this, resolve(), extension(url),
 * ofType(type))? */
bool rh_discriminator_path_is(struct rh_text path);
struct rh_sliced; /* which of an element's values belongs to which slice of its rule */
/* NULL: no memory. What belongs nowhere though it must, is said. */
struct rh_sliced *rh_slices_assign(struct rh_run *r, const struct rh_rule *rule,
                                   const struct rh_place *items, size_t n);
void rh_slices_count(struct rh_run *r, const struct rh_place *up, const struct rh_sliced *s);
void rh_slices_check(struct rh_run *r, const struct rh_sliced *s);

/* --- invariant.c -------------------------------------------------------------------------------
 */
enum rh_native rh_native_of(struct rh_text key, struct rh_text expression);
void rh_check_constraints(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);

/* --- binding.c ---------------------------------------------------------------------------------
 */
void rh_check_binding(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);
/* Codes against their own system, whatever is bound. */
void rh_check_coding(struct rh_run *r, const struct rh_place *at);
/* A quantity's unit, the same way, but only a warning: its text says as much to a reader. */
void rh_check_unit(struct rh_run *r, const struct rh_place *at);

/* --- extension.c -------------------------------------------------------------------------------
 */
void rh_check_extension(struct rh_run *r, const struct rh_place *at, bool modifier);

/* --- reference_rules.c -------------------------------------------------------------------------
 */
void rh_check_reference(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);
void rh_check_contained(struct rh_run *r, const struct rh_place *at, yyjson_val *resource);
/* The resource that a reference means, inside the document only; NULL: not here. */
yyjson_val *rh_resolve_local(struct rh_run *r, const struct rh_scope *s, struct rh_text reference);
/* The entry of a Bundle that has this resource; NULL: none. */
yyjson_val *rh_entry_of(struct rh_run *r, yyjson_val *bundle, const yyjson_val *resource);
bool rh_url_absolute(struct rh_text t);
const struct rh_type *rh_type_of_resource(yyjson_val *resource); /* NULL: none */

/* --- bundle_rules.c ----------------------------------------------------------------------------
 */
void rh_check_bundle(struct rh_run *r, const struct rh_place *at, yyjson_val *bundle);

/* --- special.c: rules of single types ----------------------------------------------------------
 */
/* Every id of an element below a value, and every name in its narratives. */
enum rh_rc rh_collect_names(struct rh_run *r, struct rh_names *names, yyjson_val *v);
void rh_check_special_type(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule);
void rh_check_special_resource(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                               const struct rh_type *type);
/* The id of an element, which no other of the resource may have. */
void rh_note_id(struct rh_run *r, const struct rh_place *at, yyjson_val *id);
/* special_conformance.c: definitions themselves */
void rh_check_definition(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                         const struct rh_type *type);
/* definition_rules.c: definitions beside others that are loaded */
void rh_check_beside(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                     const struct rh_type *type);
/* Is what a canonical address names, when it is loaded, of a type that may be named here? */
void rh_check_canonical(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                        struct rh_text canonical);
/* answers.c: a QuestionnaireResponse and its form */
void rh_check_answers(struct rh_run *r, const struct rh_place *at, yyjson_val *response);
/* Profiles that a resource is held to without naming them. */
void rh_check_implied(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                      const struct rh_type *type);

#endif
