/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_int.h - what the parts of the query parser share.
 */
#ifndef RH_SEARCH_QUERY_INT_H
#define RH_SEARCH_QUERY_INT_H

#include "search/key_int.h"
#include "search/query.h"

enum { RH_QUERY_RANGES_MAX = 4000 }; /* of one condition */

enum rh_probe_test {
    RH_PROBE_RANGE,  /* lying in the range is all */
    RH_PROBE_WITHIN, /* a <= lo and hi <= b */
    RH_PROBE_NOT_WITHIN,
    RH_PROBE_HI_ABOVE,           /* hi > b */
    RH_PROBE_HI_ABOVE_OR_WITHIN, /* hi > b, or a <= lo and hi <= b */
    RH_PROBE_LO_BELOW_OR_WITHIN, /* lo < a, or a <= lo and hi <= b */
    RH_PROBE_HI_BELOW,           /* hi < a */
    RH_PROBE_HI_FROM,            /* hi >= a */
    RH_PROBE_LO_TO               /* of a key 'h': lo <= b */
};

/* One range as whole keys, and what a key in it must pass. Row i stands behind row i of the
 * condition's ranges. */
struct rh_probe {
    struct rh_text lo, hi;
    enum rh_probe_test test;
    int64_t a, b;
};

/* One parameter of a query while it is read. */
struct rh_reading {
    struct rh_ctx *ctx;
    struct rh_query *query;
    bool lenient;
    const struct rh_parameter *parameter;
    const char *type_name;
    struct rh_text name;   /* decoded, as sent */
    unsigned results_seen; /* bits of those that may be given once */
};

/* One value between commas; \, \| \$ \\ are undone, `bar` is the place of the first | that was not
 * escaped. */
struct rh_value {
    struct rh_text text;
    size_t bar; /* SIZE_MAX: none */
};

/* Says why the parameter cannot be understood; an error, or lenient a warning. Returns RH_QUERY. */
enum rh_rc rh_query_refuse(struct rh_reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Builds ranges of one condition; errors stick in `rc`. */
struct rh_ranges {
    struct rh_ctx *ctx;
    struct rh_range *rows;
    struct rh_probe *probes;
    size_t n, cap_rows, cap_probes;
    bool single;
    enum rh_rc rc;
};

void rh_ranges_add(struct rh_ranges *s, const struct rh_probe *p);
void rh_ranges_key(struct rh_ranges *s, struct rh_text key);        /* this one key */
void rh_ranges_starting(struct rh_ranges *s, struct rh_text start); /* every key that begins so */
/* Closes the set as the next condition of the query. RH_TOOLARGE, RH_NOMEM. */
enum rh_rc rh_ranges_close(struct rh_reading *r, struct rh_ranges *s);

/* The conditions of one parameter with its values, by kind. */
enum rh_rc rh_query_ids(struct rh_reading *r, const struct rh_value *values, unsigned n);
enum rh_rc rh_query_tokens(struct rh_reading *r, const struct rh_value *values, unsigned n);
enum rh_rc rh_query_references(struct rh_reading *r, const struct rh_value *values, unsigned n);
enum rh_rc rh_query_names(struct rh_reading *r, const struct rh_value *values, unsigned n);
enum rh_rc rh_query_dates(struct rh_reading *r, const struct rh_value *values, unsigned n);

/* Parameters of the result: _count, _sort, _summary, _elements, _total, _cursor, _format, _pretty.
 * *known: it is one. */
enum rh_rc rh_query_result(struct rh_reading *r, struct rh_text value, bool *known, bool *in_self);
const char *rh_query_result_names(void); /* "_count, _sort, …" */

/* True when a date key passes. */
bool rh_probe_date(const struct rh_probe *p, struct rh_text key);

#endif
