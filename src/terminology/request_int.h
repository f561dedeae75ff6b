/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * request_int.h - one terminology operation while it runs.
 *
 * Rules of parameters, versions, languages and issues are those of the HL7 terminology ecosystem
 * (https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig), which refines the R4 terminology service.
 */
#ifndef RH_TERMINOLOGY_REQUEST_INT_H
#define RH_TERMINOLOGY_REQUEST_INT_H

#include "terminology/terms_int.h"

enum { TX_LOCALS_MAX = 2000, TX_LANGUAGES_MAX = 32, TX_PAGE_DEFAULT_MAX = 10000 };

/* --- languages (RFC 9110, 12.5.4; tags RFC 5646) ---------------------------------------------- */
struct tx_language {
    struct rh_text tag;
    unsigned q; /* thousandths */
};
struct tx_languages {
    struct rh_text text; /* as it was stated; data NULL: nothing was */
    struct tx_language items[TX_LANGUAGES_MAX];
    size_t n;
};
enum tx_depth { TX_TAG, TX_REGION, TX_PRIMARY }; /* how much of two tags must be equal */

/* RH_VALUE: not a list of languages. `any_other`: what is not listed is taken as a last resort. */
enum rh_rc tx_languages_parse(struct rh_text text, bool any_other, struct tx_languages *ret);
bool tx_language_matches(struct rh_text asked, struct rh_text tag, enum tx_depth depth);
/* Does any stated language accept the tag? Without tag or without languages: yes. */
bool tx_languages_accept(const struct tx_languages *l, struct rh_text tag, enum tx_depth depth);

/* --- issues ----------------------------------------------------------------------------------- */
struct tx_issue {
    enum rh_severity severity;
    const char *code;    /* issue.code */
    const char *detail;  /* of the tx-issue-type system; NULL: none */
    struct rh_text path; /* empty: none */
    struct rh_text text;
};
struct tx_issues {
    struct tx_issue *rows;
    size_t n, cap;
    unsigned errors;
};

/* --- what the request asks -------------------------------------------------------------------- */
enum tx_rule_mode { TX_DEFAULT, TX_CHECK, TX_FORCE };
struct tx_rule {
    enum tx_rule_mode mode;
    bool of_valueset;
    struct rh_text url, version;
};

struct tx_texts {
    struct rh_text *items;
    size_t n, cap;
};

struct tx_local { /* a definition that the request brought */
    const char *type;
    struct rh_text url, version;
    const yyjson_val *body;
    const struct terms_system *cs; /* compiled on first use */
};

struct tx_tri {
    bool stated, value;
};

struct tx_chain { /* value sets that are being worked on */
    const yyjson_val *body;
    const struct tx_chain *up;
    unsigned depth;
};

struct tx {
    struct rh_ctx *ctx;
    struct rh_arena *arena;
    enum rh_terms_op op;
    const yyjson_val *parameters, *instance;
    bool validating;
    const yyjson_val *root; /* the value set that was asked for: "#id" may mean what it contains */
    struct tx_local *locals;
    size_t n_locals, locals_cap;
    struct tx_rule *rules;
    size_t n_rules, rules_cap;
    struct tx_languages display, http, of_valueset;
    struct tx_texts designations, properties, supplements, used_supplements, seen;
    struct tx_tri active_only, exclude_nested, include_designations, include_definition, abstract,
        lenient_display, membership_only, versions_match, infer_system, exclude_not_for_ui,
        exclude_post_coordinated;
    struct rh_text filter;
    int64_t count, offset, limit; /* -1: not stated */
    struct tx_texts found;        /* "name=value" of version rules that were used */
    unsigned work;                /* value sets looked at, for all codes */
    uint64_t visits;              /* concepts looked at: at most TERMS_VISITS_MAX */
    /* why the operation ends */
    struct tx_issue error;
    enum rh_rc error_rc;
    bool soft; /* $validate-code answers it with Parameters, result false */
};

/* --- request.c -------------------------------------------------------------------------------- */
enum rh_rc tx_open(struct rh_ctx *c, enum rh_terms_op op, const yyjson_val *parameters,
                   const yyjson_val *instance, struct tx *ret);
/* Ends the operation: writes the error and returns rc. `detail` and path may be NULL. */
enum rh_rc tx_fail(struct tx *t, enum rh_rc rc, const char *code, const char *detail,
                   const char *path, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same, for what $validate-code answers itself. */
enum rh_rc tx_fail_soft(struct tx *t, enum rh_rc rc, const char *code, const char *detail,
                        const char *path, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
enum rh_rc tx_text_add(struct tx *t, struct tx_texts *list, struct rh_text text); /* once each */
bool tx_text_has(const struct tx_texts *list, struct rh_text text);
/* Printed into the arena; data "" when there is no memory (a writer finds out). */
struct rh_text tx_printf(struct tx *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct rh_text tx_canonical(struct tx *t, struct rh_text url, struct rh_text version);
struct rh_text tx_canonical_of(struct tx *t, const yyjson_val *body);

/* --- parameters.c ----------------------------------------------------------------------------- */
const yyjson_val *tx_parameter(const yyjson_val *parameters, const char *name);
struct rh_text tx_value(const yyjson_val *parameters, const char *name); /* a primitive as text */
const yyjson_val *tx_resource(const yyjson_val *parameters, const char *name);
enum rh_rc tx_read_parameters(struct tx *t, const yyjson_val *parameters);
/* What the value set itself wants: expansion parameters in its compose, its language. */
enum rh_rc tx_read_valueset(struct tx *t, const yyjson_val *body);
const struct tx_languages *tx_working_languages(const struct tx *t); /* NULL: none stated */

/* --- resolve.c -------------------------------------------------------------------------------- */
/* The version that rules and the reference ask for together; empty: any. */
enum rh_rc tx_determine_version(struct tx *t, struct rh_text url, struct rh_text version,
                                struct rh_text *ret);
/* *ret NULL: none. Only complete systems and fragments are found. */
enum rh_rc tx_find_system(struct tx *t, struct rh_text url, struct rh_text version,
                          const struct terms_system **ret);
/* A supplement or a system without content of this url. */
enum rh_rc tx_find_other(struct tx *t, struct rh_text url, struct rh_text version,
                         const yyjson_val **ret);
/* *ret NULL: none. "#id" is looked for in `source`. */
enum rh_rc tx_find_valueset(struct tx *t, struct rh_text canonical, const yyjson_val *source,
                            const yyjson_val **ret);
enum rh_rc tx_versions(struct tx *t, struct rh_text url, struct tx_texts *ret); /* rising */
struct rh_text tx_version_list(struct tx *t, const struct tx_texts *versions);
/* RH_INVALID when a check-system-version forbids it: *ret_rule is that rule. */
const struct tx_rule *tx_forbidden_version(const struct tx *t, const struct terms_system *cs);
/* Supplements that count for a system: language packs and those that were asked for. */
struct tx_supplements {
    const struct terms_system **items;
    size_t n, cap;
};
enum rh_rc tx_supplements_of(struct tx *t, const struct terms_system *cs,
                             struct tx_supplements *ret);
/* RH_NOTFOUND (failed) when a supplement was asked for and nothing could use it. */
enum rh_rc tx_check_supplements(struct tx *t);

/* --- designation.c ---------------------------------------------------------------------------- */
struct tx_designation {
    struct rh_text value, language, status, source; /* source: the supplement */
    const yyjson_val *use, *extension;
    bool is_display; /* the concept's own display */
};
struct tx_designations {
    struct tx_designation *items;
    size_t n, cap;
};
enum rh_rc tx_designations_add(struct tx *t, struct tx_designations *list, struct tx_designation d);
/* Of the concept and its supplements. */
enum rh_rc tx_designations_of(struct tx *t, const struct terms_system *cs,
                              const struct tx_supplements *supplements, uint32_t i,
                              struct tx_designations *list);
/* Display and designations that an include gives to a code. */
enum rh_rc tx_designations_listed(struct tx *t, const yyjson_val *concept, struct rh_text language,
                                  struct tx_designations *list);
const struct tx_designation *tx_preferred(const struct tx_designations *list,
                                          const struct tx_languages *languages);
bool tx_designation_active(const struct tx_designation *d);
bool tx_designation_shows(const struct tx_designation *d); /* may stand as display */
enum tx_match { TX_MATCH_NONE, TX_MATCH_SPACES, TX_MATCH };
enum tx_match tx_has_display(const struct tx_designations *list, const struct tx_languages *l,
                             struct rh_text default_language, struct rh_text display,
                             bool active_only);
unsigned tx_display_count(const struct tx_designations *list, const struct tx_languages *l,
                          bool displays_only);
struct rh_text tx_present(struct tx *t, const struct tx_designations *list,
                          const struct tx_languages *l); /* 'a' (en) or 'b' (de) */

/* --- outcome.c -------------------------------------------------------------------------------- */
/* True when the issue is new. */
bool tx_issue_add(struct tx *t, struct tx_issues *is, struct tx_issue row);
void tx_write_outcome(struct rh_buf *out, const struct tx_issue *rows, size_t n);
void tx_write_error(const struct tx *t, struct rh_buf *out);
/* {"name":"…","valueUri":"…"}, with a comma before it when the buffer does not end with '['. */
void tx_write_text(struct rh_buf *out, const char *name, const char *type, struct rh_text value);
void tx_write_bool(struct rh_buf *out, const char *name, bool value);
void tx_write_json(struct rh_buf *out, const char *name, const char *type, const yyjson_val *value);
void tx_comma(struct rh_buf *out);

/* --- the operations --------------------------------------------------------------------------- */
enum rh_rc tx_expand(struct tx *t, struct rh_buf *out);
enum rh_rc tx_validate_valueset(struct tx *t, struct rh_buf *out);
enum rh_rc tx_validate_system(struct tx *t, struct rh_buf *out);
enum rh_rc tx_batch_validate(struct tx *t, struct rh_buf *out);
enum rh_rc tx_lookup(struct tx *t, struct rh_buf *out);
enum rh_rc tx_subsumes(struct tx *t, struct rh_buf *out);
enum rh_rc tx_translate(struct tx *t, struct rh_buf *out);
/* Counts work. RH_TOOLARGE (failed): more than one request may do. */
enum rh_rc tx_visit(struct tx *t, uint64_t concepts);
/* The code systems of an include and whether codes pass its filters, for expand and validate. */
enum rh_rc tx_filter_bits(struct tx *t, const struct terms_system *cs, const yyjson_val *set,
                          const char *path, uint64_t **ret);

#endif
