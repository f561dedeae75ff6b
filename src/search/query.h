/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query.h - from the text of a search to a tree of conditions on keys.
 *
 * A resource matches when it matches every condition of the query. Ranges of keys say where to
 * look; they may find too much (then `proven` is false and the body decides), never too little.
 * Running the search is the business of src/record. Source: FHIR R4, search.
 *
 * Strict: an unknown parameter, modifier or bad value is RH_QUERY with an issue that lists the
 * valid names. Lenient (Prefer: handling=lenient): the parameter is left out, an issue of severity
 * warning says so, and it is not in the self link. What could only be answered by guessing (a value
 * set that is not known) is RH_QUERY in both. A parameter that is still being indexed is RH_BUSY.
 */
#ifndef RH_SEARCH_QUERY_H
#define RH_SEARCH_QUERY_H

#include "search/key.h"

enum {
    RH_QUERY_CONDITIONS_MAX = 64, /* of one query, sub-queries included */
    RH_QUERY_VALUES_MAX = 500,    /* comma separated values of one condition */
    RH_QUERY_RANGES_MAX = 4000,   /* of one condition */
    RH_QUERY_DEPTH_MAX = 8,       /* of chains and _has, together */
    RH_QUERY_SORTS_MAX = 8,
    RH_QUERY_INCLUDES_MAX = 32,
    RH_QUERY_COUNT = 20,        /* a page when _count is not given */
    RH_QUERY_COUNT_MAX = 1000,  /* a larger _count is served as this */
    RH_QUERY_WALK_MAX = 200000, /* different keys looked at for one :contains */
    RH_QUERY_TEXT_MAX = 64 << 10
};

enum rh_summary {
    RH_SUMMARY_FALSE,
    RH_SUMMARY_TRUE,
    RH_SUMMARY_TEXT,
    RH_SUMMARY_DATA,
    RH_SUMMARY_COUNT
};
enum rh_total { RH_TOTAL_DEFAULT, RH_TOTAL_NONE, RH_TOTAL_ESTIMATE, RH_TOTAL_ACCURATE };

/* Where keys lie: of one type and parameter number (views and RH_PARAM_SHAPE, _ATOM have others
 * than the condition's own). */
struct rh_range {
    uint16_t type, number;
    bool point; /* this one key: `lo`; hi is not used */
    struct rh_text lo,
        hi; /* lo <= key < hi; hi.data == NULL: no upper end. At most RH_KEY_CUT bytes
             */
};

enum rh_condition_kind {
    RH_COND_KEYS,  /* a key in one of the ranges, that passes rh_condition_key */
    RH_COND_IDS,   /* one of these ids */
    RH_COND_AND,   /* of all children */
    RH_COND_OR,    /* of any child */
    RH_COND_CHAIN, /* its reference `parameter` points to a resource of `inner_type` that matches
                      the child: stored, or inside it (rh_references_inside) */
    RH_COND_HAS, /* a resource of `inner_type` that matches the child refers to it by `parameter` */
    RH_COND_NONE /* nothing matches (an empty value set, a list without entries) */
};

struct rh_condition {
    enum rh_condition_kind kind;
    unsigned type;                        /* of the resources that may match */
    const struct rh_parameter *parameter; /* NULL: IDS, AND, OR, _text, _content */
    bool negated; /* KEYS: matches when there is no such key (:not, :not-in, ne of …) */
    bool proven;  /* KEYS: a key in a range that passes is a match; false: rh_condition_match on the
                     body decides */
    struct rh_range *ranges;
    unsigned n_ranges;
    struct rh_text *ids; /* IDS: sorted, without repeats */
    unsigned n_ids;
    void *test; /* private: what is checked beyond the range */
    unsigned inner_type;
    const struct rh_condition *children;
    unsigned n_children;
    const struct rh_condition *inside; /* CHAIN: where resources that contain a match of the child
                                          may lie, as far as keys tell; NULL: keys do not tell */
    bool contained; /* _contained: KEYS of resources that are contained in one of any type (too);
                       AND: one and the same resource matches all children */
    struct rh_text text; /* as it stands in the query, for explain: "code=…" */
};

struct rh_sort {
    const struct rh_parameter *parameter;
    bool descending;
};

struct rh_include {
    bool reverse, iterate;
    unsigned source;                      /* type that refers; 0: any (`*`) */
    const struct rh_parameter *parameter; /* NULL: all its references */
    unsigned target;                      /* only these; 0: any */
};

enum rh_contained { RH_CONTAINED_FALSE, RH_CONTAINED_TRUE, RH_CONTAINED_BOTH };

struct rh_query {
    unsigned type;   /* 0: of the system */
    unsigned *types; /* _type, at system level; n_types 0: all */
    unsigned n_types;
    struct rh_condition *conditions; /* all must match */
    unsigned n;
    struct rh_sort sorts[RH_QUERY_SORTS_MAX];
    unsigned n_sorts;
    struct rh_include includes[RH_QUERY_INCLUDES_MAX];
    unsigned n_includes;
    unsigned count; /* page size; 0 is a page without entries */
    enum rh_summary summary;
    enum rh_total total;
    enum rh_contained contained;
    bool contained_itself; /* _containedType=contained */
    bool explain;          /* _explain=true */
    bool walked; /* ranges were made from what the host said is stored: later they may miss
                    something new, so who decides inside a transaction parses again there */
    struct rh_text elements; /* _elements as sent; empty: all */
    struct rh_text cursor;   /* _cursor as sent, opaque to this module; empty: first page */
    struct rh_text
        self; /* the query as understood, percent-encoded, without _cursor, ready for a link */
};

/* What the parser must ask of who holds the keys and the definitions. A callback that is NULL
 * cannot say: RH_UNSUPPORTED becomes a refusal that says what is missing. */
struct rh_query_host {
    void *user;
    /* The first key >= `from` of (type, number), for walks over different keys. RH_NOTFOUND: none.
     * In the context's arena. */
    enum rh_rc (*next_key)(void *user, struct rh_ctx *ctx, unsigned type, unsigned number,
                           struct rh_text from, struct rh_text *ret);
    /* Codes of a value set, of what a code subsumes (below) or is subsumed by. Each is told by
     * `each`; RH_NOTFOUND: not known. */
    enum rh_rc (*value_set)(void *user, struct rh_ctx *ctx, struct rh_text url,
                            enum rh_rc (*each)(void *, struct rh_text system, struct rh_text code),
                            void *each_user);
    enum rh_rc (*subsumed)(void *user, struct rh_ctx *ctx, struct rh_text system,
                           struct rh_text code, bool above,
                           enum rh_rc (*each)(void *, struct rh_text system, struct rh_text code),
                           void *each_user);
    /* Ids of `type` in List/[id]. RH_NOTFOUND. */
    enum rh_rc (*list)(void *user, struct rh_ctx *ctx, struct rh_text id, unsigned type,
                       struct rh_text **ids, unsigned *n);
};

/* Parses the part of an address behind '?', or a form body; percent-encoding is undone here.
 * Result-format parameters (_format, _pretty) are passed over. `type` 0: of the system. RH_QUERY,
 * RH_BUSY with issues; RH_TOOLARGE beyond the limits above. */
enum rh_rc rh_query_parse(struct rh_ctx *ctx, const struct rh_query_host *host, unsigned type,
                          struct rh_text text, bool lenient, struct rh_query *ret);

/* Has a parameter no value? A search passes over it; what is changed by a condition must not, since
 * it would match more than was meant. */
bool rh_query_has_blank(struct rh_text text);

/* A condition that (type, id) is in the compartment of (compartment, its id): OR over the reference
 * parameters of CompartmentDefinition, to be put beside those of a query. RH_NOTFOUND: the type has
 * no place in it. */
enum rh_rc rh_query_compartment(struct rh_ctx *ctx, unsigned compartment, struct rh_text id,
                                unsigned type, struct rh_condition *ret);

/* Do its keys lead to every match? Not those of what must not be there, of ids, and, of contained
 * resources, of times of writing. */
bool rh_condition_keyed(const struct rh_condition *c);

/* KEYS: true when a key (cut or whole), found by a scan of one of its ranges, passes. */
bool rh_condition_key(const struct rh_condition *c, const struct rh_range *range,
                      struct rh_text bytes);
/* True when the main date in `aux` decides this condition (it is one on the type's main date): then
 * *ret. */
bool rh_condition_aux(const struct rh_condition *c, int64_t aux, bool *ret);

/* A resource that is looked at. */
enum rh_candidate_part {
    RH_CANDIDATE_WHOLE,  /* with what it contains */
    RH_CANDIDATE_ITSELF, /* without */
    RH_CANDIDATE_INSIDE  /* it is contained in another: `contained` conditions are about it */
};
struct rh_candidate {
    unsigned type;
    struct rh_text id;
    int64_t updated_us;
    const yyjson_val *resource;
    struct rh_search_keys keys; /* of rh_keys_of, or those that are asked for */
    enum rh_candidate_part part;
};
/* KEYS, IDS, NONE and AND, OR of them: does it match? RH_UNSUPPORTED for the others, which need the
 * store. */
enum rh_rc rh_condition_match(struct rh_ctx *ctx, const struct rh_condition *c,
                              const struct rh_candidate *r, bool *ret);
/* Adds the parameters whose keys a candidate must have to be asked for this condition. */
void rh_condition_wish(const struct rh_condition *c, struct rh_key_wish *w);
/* Does one of the resource's own keys match KEYS (without the body: when `proven`)? */
bool rh_condition_keys(const struct rh_condition *c, const struct rh_search_keys *keys);

/* Sorting. Where the keys that order lie (several: a view of parts). */
unsigned rh_sort_ranges(const struct rh_sort *s, unsigned type, struct rh_range *ret, unsigned max);
/* Can a resource of the type have but one value of it, so that its 'l' key, if any, is the only
 * one? False where that is not seen from the expression. */
bool rh_sort_single(const struct rh_sort *s, unsigned type);
/* Adds the parameters whose keys tell the order. */
void rh_sort_wish(const struct rh_sort *s, struct rh_key_wish *w);
/* The key by which a resource stands in this order: its smallest, descending its largest, cut.
 * False: it has none, so it comes last. Not for _id and _lastUpdated. */
bool rh_sort_key(const struct rh_sort *s, const struct rh_search_keys *keys, struct rh_text *ret);

/* Undoes percent-encoding and '+'. RH_QUERY: bad escape, NUL or invalid UTF-8. */
enum rh_rc rh_percent_decode(struct rh_arena *a, struct rh_text t, struct rh_text *ret);

#endif
