/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest.h - FHIR R4 REST (JSON) over the record, and the few other addresses of the server: one
 * table of routes.
 *
 * The CapabilityStatement, the Allow header, the labels of /metrics and the refusals are printed
 * from that table. https://hl7.org/fhir/R4/http.html
 */
#ifndef RH_SERVER_REST_H
#define RH_SERVER_REST_H

#include "programme/subscription.h"
#include "server/metrics.h"
#include "server/worlds.h"

#include <pthread.h>

struct rh_web;
struct rh_bulkwork;

struct rh_server {
    struct rh_record *record;
    struct rh_http *http; /* set when it listens */
    const struct rh_web *web;
    struct rh_worlds *worlds;
    struct rh_subscriptions *subscriptions;
    struct rh_bulkwork *bulk; /* jobs: bulkwork.h */
    bool full;                /* what is written is validated fully: not the work of a loop */
    const char *dir;          /* data directory, for the free space in /health */
    char base[96];            /* "http://127.0.0.1:8080/fhir", for the CapabilityStatement */
    struct {
        pthread_mutex_t lock;
        char *text, *packed; /* the CapabilityStatement, also as gzip, owned; NULL: not made yet */
        size_t len, packed_len;
        uint64_t tag;                    /* a hash of the text */
        const struct rh_parameters *set; /* that it was made from */
    } capability;
    int64_t started_us;
    _Atomic int trouble; /* enum rh_rc of the last write that the disk refused; RH_OK: none since
                            the last good one */
    _Atomic bool ready;  /* all of the above is set: requests before that hear 503 */
    struct rh_metrics metrics;
};

void rh_rest_app(struct rh_server *s, struct rh_http_app *ret);
/* To be called once `base` is known and before the ready line. */
enum rh_rc rh_rest_start(struct rh_server *s);
void rh_rest_stop(struct rh_server *s);

#endif
