/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http_int.h - shared by http.c (threads, connections, answers), http_in.c (what arrives) and
 * http_stream.c (answers that are made while they are sent): not for others.
 */
#ifndef RH_SERVER_HTTP_INT_H
#define RH_SERVER_HTTP_INT_H

#include "server/http.h"
#include "server/workers.h"

#include <pthread.h>
#include <stdatomic.h>

enum phase { PHASE_IDLE, PHASE_HEADERS, PHASE_BODY, PHASE_WORK, PHASE_PART };

/* A client's connection, for the limits of time. The loop writes phase, since and bytes; the
 * sweeper reads them. */
struct rh_peer {
    struct rh_peer *next, **link;
    int fd;
    bool spare; /* beyond the limit of connections: hears 503 */
    _Atomic int phase;
    _Atomic int64_t since_ns;
    _Atomic uint64_t bytes; /* of the body, so far; of the part that is being sent */
};

struct rh_loop {
    struct rh_http *server;
    struct rh_session *session;
    struct rh_http_private *free; /* requests to be used again */
    unsigned n_free;
    struct rh_loop *next;
};

struct rh_flow; /* a stream on its way: http_stream.c */

struct rh_http_private {
    struct rh_request q;
    struct rh_http_private *next_free;
    struct rh_http *server;
    struct rh_loop *loop;
    struct rh_peer *peer;
    void *connection; /* struct MHD_Connection */
    bool begun, has_body, drain, waiting, over;
    uint64_t length; /* of the body as stated; UINT64_MAX: not stated (chunked) */
    size_t received, held;
    struct rh_buf body;
    enum rh_step (*next)(struct rh_request *q);
    size_t header_bytes;
    unsigned n_headers;
    struct rh_flow *flow; /* NULL: the answer is whole */
};

struct rh_http {
    struct rh_http_options o;
    void *daemon; /* struct MHD_Daemon */
    unsigned port;
    struct rh_workers *workers;
    pthread_mutex_t lock; /* of loops and peers */
    struct rh_loop *loops;
    struct rh_peer *peers;
    pthread_t sweeper;
    pthread_cond_t wake;
    bool stop;
    struct rh_flow *parked; /* that wait for news or their time; under the lock */
    bool woken;
    _Atomic uint64_t wakes;     /* calls of rh_streams_wake */
    _Atomic unsigned n_streams; /* that may wait */
    _Atomic bool cut;           /* streams end, whole or not */
    _Atomic bool draining;
    _Atomic bool closing; /* nothing new is begun: it could not be waited for */
    _Atomic unsigned n_peers, in_flight, n_suspended;
    _Atomic uint64_t received, sent, held;
};

/* --- http.c --- */
void rh_peer_phase(struct rh_http_private *p, enum phase phase, uint64_t bytes);
/* The connection is suspended or resumed, and counted. After resume the loop may have the request
 * at once: whoever calls it touches nothing of it any more. */
void rh_suspend(struct rh_http_private *p);
void rh_resume(struct rh_http_private *p);

/* --- http_stream.c --- */
struct MHD_Response *rh_stream_response(struct rh_http_private *p); /* sets headers too; loop */
void rh_stream_work(struct rh_http_private *p);                     /* in a worker: the next part */
size_t rh_stream_close(struct rh_http_private *p); /* the request is over; returns bytes sent */
/* Under the lock: hands those that waited long enough, were woken, or lost their client (looked at
 * when `look`) to the workers. Returns when the next one is due (INT64_MAX: none). */
int64_t rh_streams_sweep(struct rh_http *h, int64_t now_ns, bool look);

/* --- http_in.c: no thread, no socket --- */
enum rh_method rh_request_method(const char *name);
/* Path, query and segments of the address. */
enum rh_rc rh_request_address(struct rh_request *q, struct rh_text uri);
/* One header; called for each. */
enum rh_rc rh_request_header_in(struct rh_request *q, struct rh_text name, struct rh_text value);
/* What the headers say of the body. */
enum rh_rc rh_request_framing(struct rh_http_private *p, const char *version);
enum rh_rc rh_request_body_begin(struct rh_http_private *p);
enum rh_rc rh_request_body_add(struct rh_http_private *p, const char *data, size_t n);
/* The body is whole: decodes it. */
enum rh_rc rh_request_body_end(struct rh_http_private *p);
void rh_request_body_drop(
    struct rh_http_private *p); /* gives its share of RH_HTTP_BODIES_MAX back */

#endif
