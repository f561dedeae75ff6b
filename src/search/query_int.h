/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_int.h - what the parts of the query parser share.
 *
 * A condition on keys is made twice: as *ranges*, where a scan finds what may match, and as
 * *probes*, one for each value that was asked for, which say by a whole key whether it matches.
 * Ranges lie in the store's order and may be made from what is stored there; probes mean the same
 * for a resource that nobody has stored.
 */
#ifndef RH_SEARCH_QUERY_INT_H
#define RH_SEARCH_QUERY_INT_H

#include "fhirpath/fhirpath.h"
#include "search/key_int.h"
#include "search/parameter_int.h"
#include "search/query.h"

enum {
    RH_QUERY_PARTS_MAX = 8,    /* numbers that the keys of one parameter may have */
    RH_QUERY_FAN_MAX = 24,     /* types that an untyped chain may follow */
    RH_QUERY_UNITS_MAX = 1000, /* different units of one parameter */
    RH_QUERY_FIRSTS_MAX = 200, /* first halves of a composite that are looked up one by one */
    RH_QUERY_CELLS_MAX = 64,   /* ranges that cover a circle */
    RH_QUERY_SHOWN = 80        /* bytes of a value in a message */
};

/* --- one parameter of a query while it is read --------------------------------------------------
 */
struct rh_reading {
    struct rh_ctx *ctx;
    const struct rh_query_host *host; /* never NULL */
    struct rh_query *query;
    bool lenient;
    bool hard;             /* the last refusal holds for lenient handling too */
    unsigned made, depth;  /* conditions so far; chains and _has above this one */
    unsigned results_seen; /* bits of those that may be given once */
    enum rh_contained contained;
    unsigned type; /* whose parameter it is; 0: of the system */
    const struct rh_parameter *parameter;
    struct rh_text name;     /* decoded, as sent */
    struct rh_text modifier; /* data NULL: none */
    struct rh_text *values;  /* between commas, still escaped */
    unsigned n;
};

/* Says why the parameter cannot be understood; an error, or lenient a warning. Returns RH_QUERY. */
enum rh_rc rh_query_refuse(struct rh_reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says what is missing to answer; an error in any case. Returns RH_QUERY. */
enum rh_rc rh_query_cannot(struct rh_reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum rh_rc rh_query_too_large(struct rh_reading *r);
enum rh_rc rh_query_no_modifier(struct rh_reading *r, const char *valid);
const char *rh_query_type_name(unsigned type); /* "the system" for 0 */

/* One condition of a name as it stands before '=' with its value: leaf, chain or _has. */
enum rh_rc rh_query_condition(struct rh_reading *r, unsigned type, struct rh_text name,
                              struct rh_text value, struct rh_condition *ret);
enum rh_rc rh_query_leaf(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_chain(struct rh_reading *r, unsigned type, struct rh_text name,
                          struct rh_text value, struct rh_condition *ret);
enum rh_rc rh_query_has(struct rh_reading *r, unsigned type, struct rh_text name,
                        struct rh_text value, struct rh_condition *ret);
/* "name" is no parameter of the type: refused with those there are. */
enum rh_rc rh_query_unknown(struct rh_reading *r, unsigned type, struct rh_text name);
/* A condition more; RH_TOOLARGE. */
enum rh_rc rh_query_count(struct rh_reading *r);
/* Children under one condition; a single one stands for itself. */
enum rh_rc rh_query_group(struct rh_reading *r, enum rh_condition_kind kind,
                          const struct rh_condition *rows, unsigned n, struct rh_condition *ret);

/* --- values -------------------------------------------------------------------------------------
 */
/* Splits at commas that are not escaped. */
enum rh_rc rh_query_split(struct rh_reading *r, struct rh_text text);
/* As rh_text_split, at a `c` that is not escaped. */
bool rh_value_split(struct rh_text *rest, char c, struct rh_text *ret);
/* Undoes \, \| \$ \\ (R4, search, "escaping search parameters"). Data NULL: memory. */
struct rh_text rh_value_plain(struct rh_ctx *ctx, struct rh_text value);

enum rh_prefix { RH_EQ, RH_NE, RH_GT, RH_LT, RH_GE, RH_LE, RH_SA, RH_EB, RH_AP, RH_PREFIXES };
/* Takes a prefix off. False: it begins with letters that are none. */
bool rh_value_prefix(struct rh_text *t, enum rh_prefix *ret);

/* --- what a key is asked ------------------------------------------------------------------------
 */
enum rh_probe_kind {
    RH_PROBE_RANGE,    /* lies in it */
    RH_PROBE_SYSTEM,   /* 'c' word 0 hash: this hash */
    RH_PROBE_DATE,     /* span */
    RH_PROBE_NUMBER,   /* 'n' lo hi */
    RH_PROBE_QUANTITY, /* 'q' unit 0 hash lo hi */
    RH_PROBE_CONTAINS, /* 'x' text that contains */
    RH_PROBE_COMPOSITE
};

/* The numbers of a search value in one unit, as bytes of keys: x as stated, [a, b) what it covers
 * to its last digit (for ap: around it). */
struct rh_bounds {
    enum rh_prefix prefix;
    struct rh_text a, b, x;
    struct rh_text unit; /* beginning of the keys that these are for: 'q' unit 0 hash */
};

struct rh_amount; /* query_number.c */

struct rh_probe {
    enum rh_probe_kind kind;
    bool point; /* RANGE: this key */
    struct rh_text lo, hi;
    uint64_t system;
    enum rh_prefix prefix; /* DATE */
    int64_t a, b;
    struct rh_bounds bounds;    /* NUMBER */
    struct rh_amount *amount;   /* QUANTITY */
    struct rh_text text;        /* CONTAINS: folded */
    const struct rh_leaf *each; /* COMPOSITE: one for each component */
    unsigned n_each;
};

/* What only the body tells. */
enum rh_body {
    RH_BODY_NONE,
    RH_BODY_EXACT, /* one of the strings equals a text */
    RH_BODY_TEXT,  /* a text of one of the values has words that begin with each word of a text */
    RH_BODY_NEAR,
    RH_BODY_IDENTIFIER, /* a reference's identifier passes the probes; `of` is its type, if known */
    RH_BODY_NARRATIVE,  /* its words */
    RH_BODY_CONTENT     /* words of any text */
};

struct rh_near {
    double latitude, longitude, metres;
};

/* What rh_condition.test points to. */
struct rh_leaf {
    uint16_t numbers[RH_QUERY_PARTS_MAX];
    unsigned n_numbers;
    struct rh_probe *probes;
    unsigned n;
    bool missing;                        /* asks for the parameter's keys, whatever they are */
    uint16_t missing_of;                 /* only references to this type */
    uint16_t of;                         /* IDENTIFIER */
    bool inverted;                       /* … and that there is none */
    const struct rh_parameter *shape_of; /* … values without keys too: the shape tells */
    enum rh_body body;
    struct rh_text *texts; /* EXACT; TEXT and others: folded words with blanks */
    unsigned n_texts;
    struct rh_near *places;
    unsigned n_places;
    const struct rh_fp **values; /* expressions that give the values */
    unsigned n_values;
};

/* Builds one condition on keys; errors stick in `rc`. */
struct rh_making {
    struct rh_reading *r;
    struct rh_range *ranges;
    size_t n, cap;
    struct rh_leaf *leaf;
    size_t cap_probes;
    struct rh_text base; /* stands before every key: first halves of a composite */
    bool component;      /* of a composite with keys: only some kinds of rows are there */
    bool ranges_only;    /* the probes are there already */
    bool unproven;
    enum rh_rc rc;
};

/* Numbers of the parameter or of what it is a view of. RH_NOMEM, RH_TOOLARGE. */
enum rh_rc rh_make_open(struct rh_making *m, struct rh_reading *r);
void rh_make_point(struct rh_making *m, struct rh_text key);      /* this key */
void rh_make_starting(struct rh_making *m, struct rh_text start); /* every key that begins so */
void rh_make_between(struct rh_making *m, struct rh_text lo, struct rh_text hi);
/* Ranges without a probe. */
void rh_make_range(struct rh_making *m, unsigned number, bool point, struct rh_text lo,
                   struct rh_text hi);
void rh_make_ranges(struct rh_making *m, bool point, struct rh_text lo, struct rh_text hi);
void rh_make_probe(struct rh_making *m, const struct rh_probe *p);
void rh_make_buf(struct rh_making *m, const struct rh_buf *b, bool whole);
/* The first text behind all that begin with `t`; data NULL: there is none, or memory. */
struct rh_text rh_make_behind(struct rh_arena *a, struct rh_text t);
/* As the condition. RH_TOOLARGE with an issue. */
enum rh_rc rh_make_close(struct rh_making *m, struct rh_condition *ret);
/* The expressions that give the parameter's values, for what the body decides. */
enum rh_rc rh_make_values(struct rh_making *m);

/* Walks over stored keys: the first one >= from with this beginning. RH_NOTFOUND: none.
 * RH_UNSUPPORTED: nobody can say, ranges must cover everything. */
enum rh_rc rh_query_walk(struct rh_reading *r, unsigned number, struct rh_text start,
                         struct rh_text from, struct rh_text *ret);
bool rh_text_begins(struct rh_text t, struct rh_text start);

/* --- by kind: adds one value's ranges and probes ------------------------------------------------
 */
enum rh_rc rh_query_add(struct rh_making *m, const struct rh_parameter *p, struct rh_text value);
enum rh_rc rh_query_add_token(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_string(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_date(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_number(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_quantity(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_reference(struct rh_making *m, struct rh_text value);
enum rh_rc rh_query_add_uri(struct rh_making *m, struct rh_text value);

/* --- whole conditions ---------------------------------------------------------------------------
 */
enum rh_rc rh_query_ids(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_list(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_words(struct rh_reading *r, struct rh_condition *ret); /* names */
enum rh_rc rh_query_contains(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_exact(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_token_modified(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_uri(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_uri_modified(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_reference(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_composite(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_text(struct rh_reading *r, struct rh_condition *ret); /* token:text */
enum rh_rc rh_query_full_text(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_near(struct rh_reading *r, struct rh_condition *ret);
enum rh_rc rh_query_missing(struct rh_reading *r, struct rh_condition *ret);

/* --- matching -----------------------------------------------------------------------------------
 */
/* A whole key. */
bool rh_probe_key(struct rh_ctx *ctx, const struct rh_probe *p, struct rh_text key);
bool rh_probe_span(const struct rh_probe *p, int64_t lo, int64_t hi);
bool rh_bounds_key(const struct rh_bounds *b, struct rh_text lo_hi);
bool rh_shape_lists(struct rh_text shape, const struct rh_parameter *p);
bool rh_amount_key(const struct rh_amount *a, struct rh_text key);
bool rh_near_is(const struct rh_near *n, double latitude, double longitude);
double rh_near_double(struct rh_dec d);
/* Texts of a value: FHIR strings to compare (EXACT), or what describes a code (TEXT). */
typedef bool rh_text_each(void *user, struct rh_text t); /* true: enough */
bool rh_value_strings(const struct rh_fp_item *item, rh_text_each *each, void *user);
bool rh_value_descriptions(const struct rh_fp_item *item, rh_text_each *each, void *user);
/* Does each word of `wanted` begin a word of the folded text? */
bool rh_words_begin(struct rh_text wanted, struct rh_text text);

/* --- the result ---------------------------------------------------------------------------------
 */
/* Parameters of the result: _count, _sort, _summary … *known: it is one. */
enum rh_rc rh_query_result(struct rh_reading *r, struct rh_text value, bool *known, bool *in_self);
const char *rh_query_result_names(void); /* "_count, _sort, …" */
enum rh_rc rh_query_include(struct rh_reading *r, struct rh_text value);
enum rh_rc rh_query_sort(struct rh_reading *r, struct rh_text value);

#endif
