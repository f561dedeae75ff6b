/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query.h - from the text of a search to conditions on keys.
 *
 * A resource matches when it matches every condition; it matches a condition when one of its keys
 * of that parameter lies in one of the condition's ranges and passes its test. Running the search
 * is the business of src/record. Source: FHIR R4, search. Strict: an unknown parameter, modifier or
 * bad value is RH_QUERY with the list of valid names. Lenient (Prefer: handling=lenient): the
 * parameter is left out, an issue of severity warning says so, and it is not in the self link.
 */
#ifndef RH_SEARCH_QUERY_H
#define RH_SEARCH_QUERY_H

#include "search/key.h"

enum {
    RH_QUERY_CONDITIONS_MAX = 32,
    RH_QUERY_VALUES_MAX = 500, /* comma separated values of one condition */
    RH_QUERY_COUNT = 20,       /* a page when _count is not given */
    RH_QUERY_COUNT_MAX = 1000, /* a larger _count is served as this */
    RH_QUERY_TEXT_MAX = 8192
};

enum rh_summary {
    RH_SUMMARY_FALSE,
    RH_SUMMARY_TRUE,
    RH_SUMMARY_TEXT,
    RH_SUMMARY_DATA,
    RH_SUMMARY_COUNT
};
enum rh_total { RH_TOTAL_DEFAULT, RH_TOTAL_NONE, RH_TOTAL_ESTIMATE, RH_TOTAL_ACCURATE };
enum rh_sort { RH_SORT_NONE, RH_SORT_ID, RH_SORT_UPDATED, RH_SORT_UPDATED_DESC };

struct rh_range {
    struct rh_text lo, hi; /* lo <= key < hi; hi.data == NULL: no upper end */
};

struct rh_condition {
    const struct rh_parameter *parameter;
    struct rh_text *ids; /* RH_PARAM_ID: the ids asked for */
    unsigned n_ids;
    struct rh_range *ranges; /* what to scan for the others */
    unsigned n_ranges;
    void *test;  /* private: what rh_condition_key checks beyond the range */
    bool single; /* every range is one exact key: a resource appears once in each */
};

struct rh_query {
    unsigned type;
    struct rh_condition conditions[RH_QUERY_CONDITIONS_MAX];
    unsigned n;
    unsigned count; /* page size; 0 is a page without entries */
    enum rh_summary summary;
    enum rh_total total;
    enum rh_sort sort;
    struct rh_text elements; /* _elements as sent; empty: all */
    struct rh_text cursor;   /* _cursor as sent, opaque to this module; empty: first page */
    struct rh_text
        self; /* the query as understood, percent-encoded, without _cursor, ready for a link */
};

/* Parses the part of an address behind '?', or a form body; percent-encoding is undone here.
 * Result-format parameters (_format, _pretty) are passed over. RH_QUERY with issues; RH_TOOLARGE
 * beyond the limits above. */
enum rh_rc rh_query_parse(struct rh_ctx *ctx, unsigned type, struct rh_text text, bool lenient,
                          struct rh_query *ret);

/* True when a key (cut or whole) of the condition's parameter, found by a scan of one of its
 * ranges, really matches. */
bool rh_condition_key(const struct rh_condition *c, struct rh_text bytes);
/* True when one of the resource's keys matches; id and updated_us are for the two that are not in
 * the body. */
bool rh_condition_match(const struct rh_condition *c, const struct rh_search_keys *keys,
                        struct rh_text id, int64_t updated_us);

/* Undoes percent-encoding and '+'. RH_QUERY: bad escape, NUL or invalid UTF-8. */
enum rh_rc rh_percent_decode(struct rh_arena *a, struct rh_text t, struct rh_text *ret);

#endif
