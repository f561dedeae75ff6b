/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription_int.h - shared by the units of subscriptions: not for others.
 */
#ifndef RH_PROGRAMME_SUBSCRIPTION_INT_H
#define RH_PROGRAMME_SUBSCRIPTION_INT_H

#include "base/json.h"
#include "programme/criteria.h"
#include "programme/subscription.h"

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

#endif
