/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http_int.h - shared by http.c (threads, connections, answers) and http_in.c (what arrives): not
 * for others.
 */
#ifndef RH_SERVER_HTTP_INT_H
#define RH_SERVER_HTTP_INT_H

#include "server/http.h"
#include "server/workers.h"

#include <pthread.h>
#include <stdatomic.h>

enum phase { PHASE_IDLE, PHASE_HEADERS, PHASE_BODY, PHASE_WORK };

/* A client's connection, for the limits of time. The loop writes phase, since and bytes; the
 * sweeper reads them. */
struct rh_peer {
    struct rh_peer *next, **link;
    int fd;
    bool spare; /* beyond the limit of connections: hears 503 */
    _Atomic int phase;
    _Atomic int64_t since_ns;
    _Atomic uint64_t bytes; /* of the body, so far */
};

struct rh_loop {
    struct rh_http *server;
    struct rh_session *session;
    struct rh_http_private *free; /* requests to be used again */
    unsigned n_free;
    struct rh_loop *next;
};

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
    _Atomic bool draining;
    _Atomic bool closing; /* nothing new is begun: it could not be waited for */
    _Atomic unsigned n_peers, in_flight, n_suspended;
    _Atomic uint64_t received, sent, held;
};

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
