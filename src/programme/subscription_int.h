/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription_int.h - shared by the units of subscriptions: not for others.
 */
#ifndef RH_PROGRAMME_SUBSCRIPTION_INT_H
#define RH_PROGRAMME_SUBSCRIPTION_INT_H

#include "base/json.h"
#include "programme/subscription.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- subscription_definition.c ------------------------------------------------------------------
 */
enum rh_hook_payload { RH_HOOK_EMPTY, RH_HOOK_JSON, RH_HOOK_XML };

/* What a Subscription asks for; texts of the resource. */
struct rh_hook {
    struct rh_text status;
    struct rh_criteria criteria;
    struct rh_text endpoint;
    enum rh_hook_payload payload;
    struct rh_text media;  /* of the payload, as sent */
    struct rh_text secret; /* data NULL: none */
    struct rh_text headers[RH_HOOK_HEADERS_MAX];
    unsigned n_headers;
    int64_t end_us; /* 0: never */
};
/* Errors with issues: what is not supported or could never work. */
enum rh_rc rh_hook_read(struct rh_issues *is, yyjson_val *resource, struct rh_hook *ret);

struct rh_hook_rule; /* one --hook */
enum rh_rc rh_hook_rules_open(const char *const *texts, unsigned n, struct rh_issues *is,
                              struct rh_hook_rule **ret);
void rh_hook_rules_close(struct rh_hook_rule *rules, unsigned n);
/* RH_FORBIDDEN with an issue that says what would allow it. */
enum rh_rc rh_hook_allowed(const struct rh_hook_rule *rules, unsigned n, struct rh_text endpoint,
                           struct rh_issues *is);

/* --- subscription_send.c ------------------------------------------------------------------------
 */
struct rh_sender;   /* transfers side by side */
struct rh_transfer; /* one of them */

struct rh_sending {
    const struct rh_hook *hook;
    struct rh_text type, id, version; /* of the resource */
    struct rh_text subscription;      /* its id */
    struct rh_text body;              /* as the payload says */
    int64_t now_us;
};

struct rh_sender *rh_sender_open(void);    /* NULL: the library does not work */
void rh_sender_close(struct rh_sender *s); /* no transfer may be left */
/* Begins a transfer: everything is copied. NULL: no memory. */
struct rh_transfer *rh_transfer_open(struct rh_sender *s, const struct rh_sending *what,
                                     void *user);
void rh_transfer_close(struct rh_transfer *t); /* cuts it when it is on its way; NULL is fine */
/* One that has ended: its user, and what went wrong (RH_OK: a 2xx answer); false: none. */
bool rh_sender_ended(struct rh_sender *s, void **ret_user, enum rh_rc *ret_rc, char *why,
                     size_t why_size);
void rh_sender_wait(struct rh_sender *s, int timeout_ms); /* for something to happen */
void rh_sender_wake(struct rh_sender *s);                 /* ends that; any thread */

/* "t=…,v1=…" */
void rh_hook_sign(struct rh_text secret, int64_t now_us, struct rh_text body, char *ret,
                  size_t size);

/* --- subscription.c: the list -------------------------------------------------------------------
 */
/*   ASKED   to be looked at                              -> ACTIVE, FAILING, ENDING, STILL
 *   ACTIVE  follows the log                              -> FAILING, ENDING
 *   FAILING `error` is to be stored                      -> STILL
 *   ENDING  `off` is to be stored                        -> STILL
 *   STILL   nothing to do until its resource changes     -> ASKED
 */
enum rh_sub_state { RH_SUB_ASKED, RH_SUB_ACTIVE, RH_SUB_FAILING, RH_SUB_ENDING, RH_SUB_STILL };

struct rh_sub_row {
    uint64_t number, origin, seq;
    unsigned type;
    char id[RH_STORE_ID_MAX + 1];
};

/* What only an active one needs. */
struct rh_sub_live {
    struct rh_arena *arena; /* of the hook's texts */
    struct rh_hook hook;
    struct rh_sub_row rows[RH_CRITERIA_ROWS]; /* that match and come next */
    unsigned n_rows, at;
    uint64_t rows_end; /* the place behind all of them */
    struct rh_transfer *transfer;
    unsigned attempts; /* that failed, of the present row */
};

struct rh_sub {
    struct rh_sub *next;
    char id[RH_STORE_ID_MAX + 1];
    enum rh_sub_state state;
    bool failed, off;     /* STILL: which of them */
    bool placed;          /* there is a place */
    bool kept;            /* … that belongs on the disk: it was active once */
    uint64_t origin, seq; /* version in force */
    uint64_t place;       /* everything up to here is told */
    int64_t next_ns;      /* nothing before this */
    char *why;            /* FAILING */
    struct rh_sub_live *live;
};

struct rh_subscriptions {
    struct rh_hook_rule *rules;
    unsigned n_rules, retries;
    char *dir;
    struct rh_criteria_terms terms;
    void (*news)(void *user);
    void *user;
    struct rh_record *record;
    struct rh_session *session;
    char base[128];
    unsigned type; /* of Subscription */
    pthread_t worker, watcher;
    bool worker_runs, watcher_runs;
    _Atomic bool stop;
    /* the worker's */
    struct rh_sender *sender;
    struct rh_arena *arena; /* of one turn */
    struct rh_issues issues;
    struct rh_sub *subs;
    uint64_t seen; /* of the log, for Subscriptions themselves */
    /* The rows that were read for that last, for all who are as far as we were then. */
    struct rh_arena *chunk_arena;
    struct rh_news chunk[RH_CRITERIA_ROWS];
    uint64_t chunk_from;
    unsigned n_chunk;
    unsigned n_live; /* ACTIVE */
    bool dirty;      /* places are not on the disk */
    int64_t saved_ns;
    _Atomic uint64_t n_active, n_failed, n_off, delivered, attempts_failed, behind;
};

struct rh_ctx rh_sub_begin(struct rh_subscriptions *s); /* empties the arena and the issues */
const struct rh_criteria_terms *rh_sub_terms(const struct rh_subscriptions *s); /* NULL: none */
struct rh_caller rh_sub_owner(const struct rh_sub *u); /* NULL: the server itself */
/* What was wrong, in words. */
const char *rh_sub_why(const struct rh_subscriptions *s, enum rh_rc rc);
void rh_sub_stop(struct rh_sub *u); /* what is on its way is cut, `live` is given up */
void rh_sub_fail(struct rh_sub *u, const char *why);

/* --- subscription_turn.c: what one of them does next --------------------------------------------
 */
bool rh_sub_turn(struct rh_subscriptions *s, struct rh_sub *u, int64_t now_ns); /* true: more */
/* Its transfer has ended. */
void rh_sub_ended(struct rh_subscriptions *s, struct rh_sub *u, enum rh_rc rc, const char *text);

/* --- subscription_places.c: DIR/subscriptions.json -----------------------------------------------
 */
struct rh_places; /* as they were in the file */
enum rh_rc rh_places_read(const char *dir, struct rh_issues *is, struct rh_places **ret);
bool rh_places_find(const struct rh_places *p, struct rh_text id, uint64_t *ret);
void rh_places_close(struct rh_places *p); /* NULL is fine */
enum rh_rc rh_places_save(struct rh_subscriptions *s);

#endif
