/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription.h - Subscription of FHIR R4: whoever asked for it is told of what is created or
 * updated and matches.
 *
 * Source: https://hl7.org/fhir/R4/subscription.html. A client sends status `requested` or `off`;
 * only we set `active` and `error` (Subscription.error says why), by ordinary writes. At `end` the
 * status becomes `off`. Nothing is told of deletions, nor of what matches no longer.
 *
 * Channels. Only rest-hook. The others are refused: a WebSocket needs a library of its own
 * (libwebsockets, with a second event loop) for what GET /fhir/$events does over plain HTTP; e-mail
 * and SMS need a gateway, which a hook can be.
 *   no payload      POST endpoint, without a body
 *   payload         PUT endpoint/[type]/[id] with the resource as application/fhir+json or
 *                   application/fhir+xml
 *   X-Rihla-Subscription: its id
 *   X-Rihla-Event: [type]/[id]/_history/[version]: the same at each attempt, to drop repeats by
 *   X-Rihla-Signature: t=<seconds>,v1=<hex>: HMAC-SHA256 of "<seconds>.<body>" with the secret
 * With a payload, a resource whose id is "." or ".." has no address there: it is logged, not told.
 * The lines of channel.header are sent too, except one: `X-Rihla-Secret: …` (at least
 * RH_HOOK_SECRET_MIN characters) is the secret of the signature; without it nothing is signed.
 * Whoever may read the Subscription reads it, as all its headers.
 *
 * Endpoints. Only those that the operator allows with `serve --hook`; none by default. Redirects
 * are not followed, certificates are verified, proxies are not used.
 *
 * Delivery. In the order of the log, one at a time for each subscription, at least once: how far
 * each one got stands in DIR/subscriptions.json. A resource that changes again before it was told
 * of is told of once, as it is then. What fails is tried again RH_HOOK_RETRIES times, after 1, 2,
 * 4, … seconds (at most RH_HOOK_RETRY_MAX_S, a fifth more or less); then the status becomes
 * `error`. Nothing is lost by that: when it is set to `requested` again, it goes on from where it
 * was. After `off` it begins anew. A restored backup has no such file, so it tells nobody anything
 * until each Subscription is set to `requested`.
 *
 * Threads. One does all the work, with transfers side by side; one waits for news.
 */
#ifndef RH_PROGRAMME_SUBSCRIPTION_H
#define RH_PROGRAMME_SUBSCRIPTION_H

#include "programme/criteria.h"

enum {
    RH_SUBSCRIPTIONS_MAX = 200, /* active ones; one more becomes `error` */
    RH_HOOK_CONNECT_S = 10,
    RH_HOOK_ANSWER_S = 30, /* for one attempt as a whole */
    RH_HOOK_RETRIES = 12,
    RH_HOOK_RETRY_MAX_S = 600,
    RH_HOOK_HEADERS_MAX = 20,
    RH_HOOK_HEADER_BYTES = 4 << 10, /* of one line */
    RH_HOOK_SECRET_MIN = 16
};

struct rh_subscriptions_options {
    const char *dir;
    /* Where may be sent to: "[https://]host[:port][/path]", or with "http://" where it may go in
     * clear. Host and port are equal, the path is a beginning. */
    const char *const *hooks;
    unsigned n_hooks;
    unsigned retries; /* 0: RH_HOOK_RETRIES */
    struct rh_criteria_terms terms;
    /* Something was committed. Any thread, may be NULL. */
    void (*news)(void *user);
    void *user;
};

struct rh_subscriptions;

/* RH_INVALID with an issue: a hook that is none. */
enum rh_rc rh_subscriptions_open(const struct rh_subscriptions_options *o, struct rh_issues *is,
                                 struct rh_subscriptions **ret);
/* Refuses Subscriptions that could never work: RH_RULE, RH_QUERY's text as RH_VALUE, …, all 422. */
struct rh_record_gate rh_subscriptions_gate(struct rh_subscriptions *s);
/* Begins. `base` is our FHIR base address. */
enum rh_rc rh_subscriptions_start(struct rh_subscriptions *s, struct rh_record *r,
                                  struct rh_text base, struct rh_issues *is);
/* Ends the threads; what is on its way is cut and sent again at the next start. Before the record
 * is closed. NULL is fine, twice too. */
void rh_subscriptions_stop(struct rh_subscriptions *s);
void rh_subscriptions_close(struct rh_subscriptions *s); /* NULL is fine */

struct rh_subscriptions_counts {
    uint64_t active, failed, off; /* as they are stored */
    uint64_t delivered, attempts_failed;
    uint64_t behind; /* entries of the log that the slowest active one has before it */
};
void rh_subscriptions_counts(const struct rh_subscriptions *s, struct rh_subscriptions_counts *ret);

#endif
