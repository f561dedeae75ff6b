/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics.h - counts and latencies of requests, printed as Prometheus text (exposition format
 * 0.0.4).
 *
 * Any thread may count; nothing is locked. Figures of other parts (record, store, HTTP, process)
 * are read when asked.
 */
#ifndef RH_SERVER_METRICS_H
#define RH_SERVER_METRICS_H

#include "server/http.h"

#include <stdatomic.h>

enum { RH_METRICS_ROUTES = 64, RH_METRICS_CLASSES = 6, RH_METRICS_BUCKETS = 14 };

struct rh_metrics {
    struct rh_metrics_route {
        _Atomic uint64_t requests[RH_METHODS][RH_METRICS_CLASSES];
        _Atomic uint64_t
            buckets[RH_METRICS_BUCKETS + 1]; /* not cumulated; the last one: slower than all */
        _Atomic uint64_t micros;
    } routes[RH_METRICS_ROUTES];
};

void rh_metrics_count(struct rh_metrics *m, unsigned route, enum rh_method method, int status,
                      uint64_t micros);
/* Appends the request metrics; `name` gives the label of a route. */
void rh_metrics_print(const struct rh_metrics *m, const char *(*name)(unsigned route),
                      unsigned routes, struct rh_buf *out);
/* Appends process metrics: resident memory, CPU seconds, start, open files. */
void rh_metrics_process(struct rh_buf *out);
/* One metric without labels, with its HELP and TYPE lines. */
void rh_metrics_one(struct rh_buf *out, const char *name, const char *type, const char *help,
                    double value);

#endif
