/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * validate.h - is this resource what FHIR R4, and the profiles it claims, say it must be?
 *
 * Checked: structure (fhir/check.h), cardinality, types, primitive formats, fixed and pattern
 * values, bindings by strength, invariants (FHIRPath), slicing with every kind of discriminator,
 * extensions and their context, contained resources, references and their target types, rules of
 * Bundles (document, message, transaction), narratives. Base R4 is a set of profiles like any
 * other: the StructureDefinitions of the world. (https://hl7.org/fhir/R4/validation.html,
 * https://hl7.org/fhir/R4/profiling.html)
 *
 * What cannot be known (a code system that is not loaded, a profile that is missing) is a warning
 * that names what to load, never an error and never silence.
 */
#ifndef RH_CONFORMANCE_VALIDATE_H
#define RH_CONFORMANCE_VALIDATE_H

#include "fhir/world.h"

/* How much is checked when a resource is stored. OFF: that it is a resource. STRUCTURE:
 * fhir/check.h. FULL: all that is said above, errors only. */
enum rh_validate_mode {
    RH_VALIDATE_DEFAULT, /* STRUCTURE, or what was chosen further out */
    RH_VALIDATE_OFF,
    RH_VALIDATE_STRUCTURE,
    RH_VALIDATE_FULL
};

/* Extensions without a loaded definition. Against FHIR alone one is an error, as the official
 * validator has it. Who names profiles asks about these, and an extension that another guide
 * defines is not their concern: then it is information, or a warning where it modifies what is
 * said. */
enum rh_unknown_extensions {
    RH_EXTENSIONS_DEFAULT, /* as said above */
    RH_EXTENSIONS_KNOWN,   /* an error */
    RH_EXTENSIONS_ANY      /* information */
};

struct rh_validate_options {
    const struct rh_text
        *profiles; /* canonicals that the resource must conform to, beside those of meta.profile */
    size_t n_profiles;
    enum rh_unknown_extensions extensions;
    bool answers_elsewhere; /* a response is not held against its form: the caller does that */
    bool quiet;             /* errors only: no warnings and information (bulk and on write) */
};

/* Writes every finding to c->issues: severity, rc, code (FHIR issue type), expression with indices
 * ("Bundle.entry[0].resource.name[0].given[1]", "Observation.value.ofType(Quantity).code"), text.
 * *ret is true when there is no error. RH_STRUCTURE: not a resource at all. RH_NOMEM. Line and
 * column are not known here: rh_locate adds them. */
enum rh_rc rh_validate(struct rh_ctx *c, yyjson_val *resource, const struct rh_validate_options *o,
                       bool *ret);

/* Fills the callbacks of a host that this floor can answer: member_of, subsumes, conforms_to, and
 * resolve inside `root` (a Bundle's entries; NULL: none); regex and trace stay as they are. */
struct rh_host rh_conformance_host(const struct rh_host *outer, yyjson_val *root);

/* Sets line and column of each issue that has an expression and no line, by walking the JSON text
 * along it. The place is the official validator's: of a member that holds something its name (the
 * first letter), of an item that holds something what follows its bracket, of a value what follows
 * it. Issues without a place in the text get that of the nearest element that is there. */
void rh_locate(struct rh_issues *is, struct rh_text json);

#endif
