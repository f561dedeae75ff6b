/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search_int.h - running a search: what posting.c, plan.c, candidate.c, order.c, include.c and
 * search.c share. Not for others.
 *
 *   plan.c       conditions of search/query.h -> one posting
 *   posting.c    numbers of resources (rk) in ascending order, that can be asked from any place on
 *   candidate.c  one resource looked at: its body decides what keys cannot prove
 *   order.c      a page in the order that was asked for
 *   include.c    what _include and _revinclude add to a page
 *   search.c     the whole: cursors, totals, several types, explain
 *
 * Names are those of information retrieval: a posting is the list of resources that have a key.
 * Everything a run makes lives in the context's arena. A run may look at RH_RUN_ROWS_MAX rows of
 * the store; a body counts as RH_RUN_BODY_ROWS. Every so many rows its read transaction
 * is renewed, so that a long search does not pin the write-ahead log.
 */
#ifndef RH_RECORD_SEARCH_INT_H
#define RH_RECORD_SEARCH_INT_H

#include "record/record_int.h"

enum {
    RH_RUN_ROWS_MAX = 30 * 1000 * 1000,
    RH_RUN_BODY_ROWS = 40,
    RH_POSTING_FIRST = 8,                      /* rows of a posting's first window */
    RH_POSTING_ROWS = 512,                     /* read at once where a posting is read in order */
    RH_POSTING_UNION_MAX = 64,                 /* other keys of a parameter that are merged */
    RH_POSTING_GATHERED_MAX = 4 * 1000 * 1000, /* numbers of one gathered list (32 MB) */
    RH_FILTER_GATHERED_MAX = 300000,
    RH_PLAN_KEYS_MAX = 8 /* keys of a range that are read as single ones */
};

/* Where a search takes another way to the same answer. Never changed but by tests, which find every
 * way with small data. */
struct rh_run_limits {
    unsigned lease_rows;   /* then the read transaction is renewed */
    unsigned union_lists;  /* that are merged; more are gathered */
    unsigned filter_looks; /* bodies of a filter before its ranges are gathered */
    unsigned probe;        /* rows of a range that are gathered to see whether it is small */
    unsigned small;        /* a list up to here is followed from its side */
    unsigned few;          /* persons that are looked up one by one */
    unsigned walk_rows;    /* that a walk in order looks at before all is gathered */
    unsigned few_matches;  /* are gathered */
};
extern struct rh_run_limits rh_run_limits;

#define RH_RK_END  UINT64_MAX
#define RH_RK_MASK ((UINT64_C(1) << RH_RK_BITS) - 1)

struct rh_run {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_grant *grant;
    bool writer;                         /* inside the writer's transaction: no lease */
    unsigned patient;                    /* its resource number */
    uint64_t last_ordinal, site_ordinal; /* of persons; of the site's bucket, 0: none */
    uint64_t rows, seeks, bodies;        /* touched so far */
    uint64_t next_lease;                 /* rows at which the transaction is renewed */
    struct rh_posting *inner;            /* of chains and _has that are decided on bodies */
    struct rh_arena *arenas[RH_QUERY_DEPTH_MAX + 3]; /* of candidates, one in another's test */
    unsigned depth;
    struct rh_arena *make; /* where new postings are made */
};

/* Counts rows and renews the transaction. RH_TOOLARGE with an issue: the search is too costly. */
enum rh_rc rh_run_touch(struct rh_run *run, uint64_t rows);

/* --- postings ----------------------------------------------------------------------------------
 */
enum rh_posting_kind {
    RH_POSTING_POINT,   /* rows of one key */
    RH_POSTING_ARRAY,   /* gathered numbers */
    RH_POSTING_UNION,   /* of its children */
    RH_POSTING_AND,     /* of its children, without those of `minus` */
    RH_POSTING_PERSONS, /* the Patients in whose part the child has a resource */
    RH_POSTING_GATE,    /* every number in the part of a Patient of the child */
    RH_POSTING_FILTER   /* those of the child whose body matches */
};

struct rh_posting {
    enum rh_posting_kind kind;
    uint64_t at; /* what rh_posting_first gave last */
    int64_t aux; /* beside it, where `dated` */
    bool dated;
    bool solid; /* only numbers of resources that exist: not so for a gate and persons */
    uint64_t estimate;
    const struct rh_condition *condition; /* it came from; NULL: several */
    struct rh_posting *next;              /* of inner postings */
    struct rh_arena *arena;               /* where it was made, and what it reads is kept */

    /* POINT: a window of rows, from `from` on without a gap */
    uint16_t type, number;
    struct rh_text key;
    uint64_t from, *rks, first_rks[RH_POSTING_FIRST];
    int64_t *auxs, first_auxs[RH_POSTING_FIRST];
    unsigned n, i, cap, want;
    bool windowed, last; /* there is a window; it goes to the end */

    const uint64_t *array; /* ARRAY */
    size_t n_array, i_array;

    struct rh_posting **children, **minus;
    unsigned n_children, n_minus;

    /* FILTER: `dates` are decided by aux where it can be, all else by the body. When many bodies
     * were looked at, what has the keys of a test is gathered and joins the child instead. */
    unsigned resource; /* type */
    const struct rh_condition **tests, **dates;
    unsigned n_tests, n_dates, looked, passed;
    bool all; /* every match is wanted */
    bool tried, wished;
    struct rh_key_wish wish; /* of tests and dates */
};

struct rh_posting *rh_posting_new(struct rh_run *run, enum rh_posting_kind kind); /* NULL: memory */
struct rh_posting *rh_posting_point(struct rh_run *run, unsigned type, unsigned number,
                                    struct rh_text key);
/* Sorts and removes repeats. */
struct rh_posting *rh_posting_array(struct rh_run *run, uint64_t *rks, size_t n);
/* The first number >= from; RH_RK_END: there is none. From any place, cheapest when asked upwards.
 */
enum rh_rc rh_posting_first(struct rh_run *run, struct rh_posting *p, uint64_t from, uint64_t *ret);
enum rh_rc rh_posting_has(struct rh_run *run, struct rh_posting *p, uint64_t rk, bool *ret);
/* About how many there are, in p->estimate; UINT64_MAX: unknown. */
enum rh_rc rh_posting_estimate(struct rh_run *run, struct rh_posting *p);
/* How many there are. */
enum rh_rc rh_posting_count(struct rh_run *run, struct rh_posting *p, uint64_t *ret);

/* A growing list of numbers. */
struct rh_rks {
    uint64_t *rows;
    size_t n, cap;
};
enum rh_rc rh_rks_add(struct rh_run *run, struct rh_rks *l, uint64_t rk);
/* Adds the numbers of every row in a range that passes the condition; stops behind `limit` rows
 * (*whole is false then). With `only`, rows that are the only ones of their resource are counted
 * there instead. */
enum rh_rc rh_rks_range(struct rh_run *run, const struct rh_condition *c,
                        const struct rh_range *range, uint64_t limit, struct rh_rks *l,
                        uint64_t *only, bool *whole);
enum rh_rc rh_rks_point(struct rh_run *run, unsigned type, unsigned number, struct rh_text key,
                        struct rh_rks *l);

/* --- plan ---------------------------------------------------------------------------------------
 */
struct rh_plan {
    struct rh_posting *posting; /* NULL: see ranged */
    const struct rh_condition
        *ranged; /* the only condition is one of many keys: walk them in order */
    bool whole;  /* no condition: everything of the type */
};
/* How a page is going to be made. */
struct rh_plan_wish {
    bool walk;                        /* no order: a range may be walked */
    bool onward;                      /* such a walk has begun: it goes on, however few are left */
    const struct rh_parameter *order; /* its keys may be walked; NULL: no order */
};
/* The conditions (all must hold) on resources of a type. `wish` NULL: none of that. `all`: every
 * match will be wanted, not only a page. */
enum rh_rc rh_plan_make(struct rh_run *run, unsigned type, const struct rh_condition *conditions,
                        unsigned n, const struct rh_plan_wish *wish, bool all, struct rh_plan *ret);
/* Every resource of a type; without one that has a key of the parameter (NULL: all). */
enum rh_rc rh_plan_everything(struct rh_run *run, unsigned type, const struct rh_parameter *without,
                              struct rh_posting **ret);
/* Gathers what has a key of the condition, from at most `limit` rows; *ret is NULL when there are
 * more. */
enum rh_rc rh_plan_gather(struct rh_run *run, const struct rh_condition *c, uint64_t limit,
                          struct rh_posting **ret);
/* Parameters whose keys *p finds: its parts or itself. */
unsigned rh_plan_parts(const struct rh_parameter *const *p, const struct rh_parameter *const **ret);

/* --- candidates ---------------------------------------------------------------------------------
 */
/* The newest version of a resource, if it is one of the type (0: any) that the grant shows. *found
 * is false for numbers whose resource is not published, deleted, or hidden from the caller. */
enum rh_rc rh_run_version(struct rh_run *run, uint64_t rk, unsigned type, struct rh_arena *a,
                          struct rh_version *ret, bool *found);
/* The same as a candidate with the keys that are wished for, until the next call at this depth. */
enum rh_rc rh_run_candidate(struct rh_run *run, uint64_t rk, unsigned type,
                            const struct rh_key_wish *wish, struct rh_candidate *ret, bool *found);
/* For what is needed at this depth only; NULL: too deep. */
struct rh_arena *rh_run_arena(struct rh_run *run);
/* Does the candidate match? Any kind of condition. */
enum rh_rc rh_run_test(struct rh_run *run, const struct rh_condition *c,
                       const struct rh_candidate *r, bool *ret);
/* The number of (type, id) when it exists and is not deleted; 0. */
enum rh_rc rh_run_number(struct rh_run *run, unsigned type, struct rh_text id, uint64_t *ret);
/* The posting of a chain's or _has' child: made once. */
enum rh_rc rh_run_inner(struct rh_run *run, const struct rh_condition *c, struct rh_posting **ret);
/* The keys of references to (type, id): as it is, and by its whole address on this server. */
enum rh_rc rh_run_keys(struct rh_run *run, unsigned type, struct rh_text id, struct rh_text ret[2],
                       unsigned *n);
/* What refers to (target, id) by the parameter of resources of `type`. */
enum rh_rc rh_run_referring(struct rh_run *run, unsigned type, const struct rh_parameter *parameter,
                            unsigned target, struct rh_text id, struct rh_posting **ret);

/* --- order ---------------------------------------------------------------------------------------
 */
/* A place in a list. */
struct rh_place {
    bool set;
    bool missing[RH_QUERY_SORTS_MAX]; /* has no value for this sort */
    struct rh_text keys[RH_QUERY_SORTS_MAX];
    unsigned range; /* of a walk without sorts */
    uint64_t rk;
};
struct rh_row {
    struct rh_version version;
    struct rh_place place;
};
/* Up to `limit` matches behind `after`, in the order of the query. */
enum rh_rc rh_order_page(struct rh_run *run, const struct rh_query *q, unsigned type,
                         const struct rh_plan *plan, const struct rh_place *after, unsigned limit,
                         struct rh_row *rows, unsigned *n, const char **how);
/* Which of two places of this query comes first: <0, 0, >0. */
int rh_place_compare(const struct rh_query *q, const struct rh_place *a, const struct rh_place *b);

/* --- include -------------------------------------------------------------------------------------
 */
/* What _include and _revinclude bring to these matches, each once. */
enum rh_rc rh_include_run(struct rh_run *run, const struct rh_query *q, const struct rh_row *rows,
                          unsigned n, struct rh_version **ret, unsigned *n_ret, bool *left_out);

/* --- hosts ---------------------------------------------------------------------------------------
 */
/* Answers of the store for the parser; value sets are asked of `outer` (may be NULL). */
struct rh_run_host {
    struct rh_query_host host;
    struct rh_run *run;
    const struct rh_query_host *outer;
};
void rh_run_host_open(struct rh_run_host *h, struct rh_run *run, const struct rh_query_host *outer);
/* Appends the plan as JSON. */
void rh_explain_plan(const struct rh_plan *plan, struct rh_buf *out);
enum rh_rc rh_run_open(struct rh_run *run, struct rh_session *s, struct rh_ctx *ctx,
                       const struct rh_grant *grant, bool writer);
void rh_run_close(struct rh_run *run, enum rh_rc rc); /* how it went */

#endif
