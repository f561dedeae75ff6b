/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/http_int.h"

#include "base/alloc.h"
#include "server/negotiate.h"
#include "system/clock.h"
#include "system/compress.h"
#include "system/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SPARE_REQUESTS = 64,  /* of a loop, kept for use again */
    SWEEP_NS = 1000000000 /* between two looks at all connections */
};

static __thread struct rh_loop *this_loop;

/* --- requests are used again --- */
static struct rh_loop *loop_of_thread(struct rh_http *h)
{
    if (this_loop && this_loop->server == h)
        return this_loop;
    struct rh_loop *loop = rh_alloc(sizeof *loop);
    loop->server = h;
    pthread_mutex_lock(&h->lock);
    loop->next = h->loops;
    h->loops = loop;
    pthread_mutex_unlock(&h->lock);
    this_loop = loop;
    return loop;
}

static struct rh_http_private *request_open(struct rh_http *h, struct MHD_Connection *connection)
{
    struct rh_loop *loop = loop_of_thread(h);
    struct rh_http_private *p = loop->free;
    struct rh_arena *arena;
    if (p) {
        loop->free = p->next_free;
        loop->n_free--;
        arena = p->q.arena;
    } else {
        p = rh_alloc(sizeof *p);
        arena = rh_arena_open(RH_HTTP_ARENA_MAX);
    }
    memset(p, 0, sizeof *p);
    p->server = h;
    p->loop = loop;
    p->connection = connection;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    p->peer = info ? info->socket_context : NULL;
    struct rh_request *q = &p->q;
    q->http = p;
    q->arena = arena;
    q->app = h->o.app.user;
    q->started_ns = rh_clock_mono_ns();
    rh_issues_init(&q->issues, arena);
    q->ctx = (struct rh_ctx){.arena = arena, .issues = &q->issues, .now_us = rh_clock_now_us()};
    atomic_fetch_add(&h->in_flight, 1);
    return p;
}

static void request_close(struct rh_http_private *p)
{
    struct rh_http *h = p->server;
    struct rh_loop *loop = p->loop;
    rh_request_body_drop(p);
    rh_arena_reset(p->q.arena);
    atomic_fetch_sub(&h->in_flight, 1);
    if (loop->n_free < SPARE_REQUESTS) {
        p->next_free = loop->free;
        loop->free = p;
        loop->n_free++;
        return;
    }
    rh_arena_close(p->q.arena);
    rh_free(p);
}

void rh_peer_phase(struct rh_http_private *p, enum phase phase, uint64_t bytes)
{
    if (!p->peer)
        return;
    atomic_store_explicit(&p->peer->bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&p->peer->since_ns, rh_clock_mono_ns(), memory_order_relaxed);
    atomic_store_explicit(&p->peer->phase, phase, memory_order_relaxed);
}

/* --- answers --- */
void rh_request_answer_header(struct rh_request *q, const char *name, const char *value)
{
    assert(q->n_answer_headers < RH_HTTP_ANSWER_HEADERS_MAX);
    if (!value) { /* the arena was full: the answer goes without it */
        return;
    }
    q->answer_headers[q->n_answer_headers].name = name;
    q->answer_headers[q->n_answer_headers++].value = value;
}

static void refuse(struct rh_request *q, enum rh_rc rc)
{
    q->http->server->o.app.refuse(q, rc);
}

static void compress(struct rh_request *q)
{
    if (q->precompressed) {
        rh_request_answer_header(q, "Content-Encoding", "gzip");
        return;
    }
    if (q->plain || q->answer.len < RH_HTTP_GZIP_MIN || !q->headers[RH_H_ACCEPT_ENCODING].len ||
        !rh_accepts_gzip(q->headers[RH_H_ACCEPT_ENCODING]))
        return;
    struct rh_buf out = rh_buf(q->arena);
    if (rh_gzip_pack(q->answer, 1, &out) || out.len >= q->answer.len)
        return;
    q->answer = rh_buf_get(&out);
    rh_request_answer_header(q, "Content-Encoding", "gzip");
    rh_request_answer_header(q, "Vary", "Accept-Encoding");
}

static struct MHD_Response *whole_response(struct rh_request *q)
{
    if (q->answer.len)
        compress(q);
    union {
        const char *in;
        void *out;
    } data = {.in = q->answer.len ? q->answer.data
                                  : ""}; /* MHD does not write to a persistent buffer */
    return MHD_create_response_from_buffer(q->answer.len, data.out, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_answer(struct rh_http_private *p)
{
    struct rh_request *q = &p->q;
    struct rh_http *h = p->server;
    if (h->o.app.finish)
        h->o.app.finish(q);
    p->over = true;
    struct MHD_Response *r = p->flow ? rh_stream_response(p) : whole_response(q);
    if (!r)
        return MHD_NO;
    if (q->content_type && (q->answer.len || p->flow))
        MHD_add_response_header(r, "Content-Type", q->content_type);
    for (unsigned i = 0; i < q->n_answer_headers; i++)
        MHD_add_response_header(r, q->answer_headers[i].name, q->answer_headers[i].value);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Cache-Control", q->cache ? q->cache : "no-store");
    if (q->request_id[0])
        MHD_add_response_header(r, "X-Request-Id", q->request_id);
    if (q->close || atomic_load_explicit(&h->draining, memory_order_relaxed))
        MHD_add_response_header(r, "Connection", "close");
    enum MHD_Result ret = MHD_queue_response(p->connection, (unsigned)q->status, r);
    MHD_destroy_response(r);
    return ret;
}

/* --- steps --- */
void rh_suspend(struct rh_http_private *p)
{
    p->waiting = true;
    atomic_fetch_add(&p->server->n_suspended, 1);
    MHD_suspend_connection(p->connection);
}

void rh_resume(struct rh_http_private *p)
{
    struct rh_http *h = p->server;
    MHD_resume_connection(p->connection);
    atomic_fetch_sub(&h->n_suspended, 1);
}

/* In a worker: one step; the loop sends the answer. */
static void work(struct rh_request *q)
{
    struct rh_http_private *p = q->http;
    enum rh_step (*next)(struct rh_request *) = p->next;
    if (p->over) {
        rh_stream_work(p);
        return;
    }
    p->next = NULL;
    enum rh_step step = next ? next(q) : p->server->o.app.run(q);
    if (step == RH_STEP_DONE)
        rh_resume(p);
}

static void write_done(struct rh_write *w)
{
    struct rh_request *q = w->user;
    struct rh_http_private *p = q->http;
    if (q->place == RH_PLACE_WORKER)
        rh_workers_again(p->server->workers, q);
    else
        rh_resume(p);
}

enum rh_step rh_request_write(struct rh_request *q, struct rh_write *w,
                              enum rh_step (*next)(struct rh_request *q))
{
    struct rh_http_private *p = q->http;
    p->next = next;
    w->user = q;
    w->done = write_done;
    if (q->place == RH_PLACE_LOOP)
        rh_suspend(p); /* first: the writer may be done before this function returns */
    enum rh_rc rc = rh_write_submit(p->server->o.record, w);
    if (!rc)
        return RH_STEP_WAIT;
    w->rc = rc;
    if (q->place == RH_PLACE_WORKER) {
        p->next = NULL;
        return next(q);
    }
    rh_resume(p); /* the loop comes back and calls next */
    return RH_STEP_WAIT;
}

static bool session(struct rh_http_private *p)
{
    struct rh_loop *loop = p->loop;
    if (!loop->session && rh_session_open(p->server->o.record, &loop->session)) {
        loop->session = NULL;
        refuse(&p->q, RH_BUSY);
        return false;
    }
    p->q.session = loop->session;
    return true;
}

static enum MHD_Result run(struct rh_http_private *p)
{
    struct rh_request *q = &p->q;
    rh_peer_phase(p, PHASE_WORK, 0);
    if (!q->status) {
        enum rh_rc rc = rh_request_body_end(p);
        if (rc)
            refuse(q, rc);
    }
    if (!q->status && atomic_load(&p->server->closing)) {
        rh_issue_add(&q->issues, RH_BUSY, NULL, "The server is ending.");
        refuse(q, RH_BUSY);
    }
    if (q->status)
        return send_answer(p);
    if (q->body.len > RH_HTTP_INLINE_BODY_MAX)
        q->place = RH_PLACE_WORKER;
    if (q->place == RH_PLACE_WORKER) {
        if (!rh_workers_reserve(p->server->workers)) {
            rh_issue_add(&q->issues, RH_BUSY, NULL,
                         "%d requests are waiting already; try again in a moment.",
                         RH_HTTP_QUEUE_MAX);
            refuse(q, RH_BUSY);
            return send_answer(p);
        }
        rh_suspend(p); /* first: a worker may be done before this function returns */
        rh_workers_push(p->server->workers, q);
        return MHD_YES;
    }
    if (!session(p) || p->server->o.app.run(q) == RH_STEP_DONE)
        return send_answer(p);
    return MHD_YES;
}

/* The connection was resumed. */
static enum MHD_Result go_on(struct rh_http_private *p)
{
    struct rh_request *q = &p->q;
    enum rh_step (*next)(struct rh_request *) = p->next;
    if (q->place == RH_PLACE_WORKER) /* a worker made the answer */
        return send_answer(p);
    p->waiting = false;
    p->next = NULL;
    if (next && session(p) && next(q) == RH_STEP_WAIT)
        return MHD_YES;
    return send_answer(p);
}

static enum MHD_Result header_in(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct rh_request *q = cls;
    (void)kind;
    enum rh_rc rc = rh_request_header_in(q, (struct rh_text){name, name_len},
                                         (struct rh_text){value, value_len});
    if (rc) {
        q->close = true;
        refuse(q, rc);
        return MHD_NO;
    }
    return MHD_YES;
}

static bool loopback_peer(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return false;
    const struct sockaddr *any = info->client_addr;
    if (any->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, any, sizeof six);
        return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == 127);
    }
    struct sockaddr_in four;
    memcpy(&four, any, sizeof four);
    return any->sa_family == AF_INET && ntohl(four.sin_addr.s_addr) >> 24 == 127;
}

/* Headers are there. */
static enum MHD_Result begin(struct rh_http_private *p, const char *method, const char *version)
{
    struct rh_request *q = &p->q;
    struct rh_http *h = p->server;
    q->method = rh_request_method(method);
    q->caller.local = loopback_peer(p->connection);
    enum rh_rc rc = RH_OK;
    if (p->peer && p->peer->spare) {
        rc = rh_issue_add(&q->issues, RH_BUSY, NULL,
                          "%d connections are open already; try again in a moment.",
                          RH_HTTP_CONNECTIONS_MAX);
        q->close = true;
    }
    if (!rc && q->n_segments == UINT_MAX) { /* the address was refused when it came */
        q->n_segments = 0;
        rc = q->issues.rows[0].rc;
    }
    MHD_get_connection_values_n(p->connection, MHD_HEADER_KIND, header_in, q);
    if (!rc && !q->status)
        rc = rh_request_framing(p, version);
    if (!rc && !q->status)
        h->o.app.begin(q);
    if (!rc && !q->status)
        rc = rh_request_body_begin(p);
    if (rc && !q->status)
        refuse(q, rc);
    if (!q->status)
        return MHD_YES;
    /* Refused before the body came: a client that is sending it hears the answer only when somebody
     * reads the body. Not so where its length is not to be trusted, or the client asked before. */
    bool small = p->length == UINT64_MAX || p->length <= RH_HTTP_DRAIN_MAX;
    p->drain = !q->close && small && !q->headers[RH_H_EXPECT].data;
    if (p->drain)
        return MHD_YES;
    q->close = true;
    return send_answer(p);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct rh_http_private *p = *state;
    (void)cls, (void)url, (void)connection;
    if (!p || p->over)
        return MHD_NO;
    if (!p->begun) {
        p->begun = true;
        rh_peer_phase(p, PHASE_BODY, 0);
        return begin(p, method, version);
    }
    if (*size > 0) {
        enum rh_rc rc = rh_request_body_add(p, data, *size);
        *size = 0;
        if (rc) {
            refuse(&p->q, rc);
            p->drain = true;
        }
        if (p->drain && p->received > RH_HTTP_DRAIN_MAX)
            return MHD_NO; /* enough was read for the sake of an answer */
        return MHD_YES;
    }
    return p->waiting ? go_on(p) : run(p);
}

/* The request line is there. Returns what `state` will be. */
static void *arrived(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct rh_http_private *p = request_open(cls, connection);
    struct rh_request *q = &p->q;
    rh_peer_phase(p, PHASE_HEADERS, 0);
    struct rh_text text = rh_text(uri);
    char *copy = text.len > RH_HTTP_URL_MAX ? NULL : rh_arena_copy(q->arena, uri, text.len);
    if (copy)
        text.data = copy; /* MHD takes its own text apart */
    enum rh_rc rc = rh_request_address(q, text);
    /* MHD would list the parameters in the memory of the connection, where those of a long search
     * have no room and end it without an answer. Nobody reads that list, so it gets one parameter.
     */
    for (char *c = strchr((char *)(uintptr_t)uri, '&'); c; c = strchr(c, '&'))
        *c = '+';
    if (rc) {
        if (!q->issues.count)
            rh_issue_add(&q->issues, rc, NULL, "%s.", rh_rc_text(rc));
        q->n_segments = UINT_MAX;
    }
    return p;
}

static void completed(void *cls, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode why)
{
    struct rh_http_private *p = *state;
    struct rh_http *h = cls;
    (void)connection;
    if (!p)
        return;
    *state = NULL;
    size_t sent = why == MHD_REQUEST_TERMINATED_COMPLETED_OK && p->q.method != RH_M_HEAD
                      ? p->q.answer.len
                      : 0;
    atomic_fetch_add_explicit(&h->sent, sent, memory_order_relaxed);
    if (p->flow)
        sent = rh_stream_close(p);
    if (h->o.app.end)
        h->o.app.end(&p->q, sent);
    rh_peer_phase(p, PHASE_IDLE, 0);
    request_close(p);
}

/* --- connections --- */
static void notify(void *cls, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct rh_http *h = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct rh_peer *peer = rh_alloc(sizeof *peer);
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        peer->fd = info ? info->connect_fd : -1;
        atomic_store(&peer->since_ns, rh_clock_mono_ns());
        peer->spare = atomic_fetch_add(&h->n_peers, 1) >= RH_HTTP_CONNECTIONS_MAX;
        pthread_mutex_lock(&h->lock);
        peer->next = h->peers;
        peer->link = &h->peers;
        if (peer->next)
            peer->next->link = &peer->next;
        h->peers = peer;
        pthread_mutex_unlock(&h->lock);
        *context = peer;
        return;
    }
    struct rh_peer *peer = *context;
    if (!peer)
        return;
    *context = NULL;
    pthread_mutex_lock(&h->lock);
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_sub(&h->n_peers, 1);
    rh_free(peer);
}

static bool too_slow(const struct rh_peer *peer, int64_t now_ns)
{
    int64_t s = (now_ns - atomic_load_explicit(&peer->since_ns, memory_order_relaxed)) /
                INT64_C(1000000000);
    switch (atomic_load_explicit(&peer->phase, memory_order_relaxed)) {
    case PHASE_IDLE:
        return s > RH_HTTP_IDLE_S;
    case PHASE_HEADERS:
        return s > RH_HTTP_HEADER_S;
    case PHASE_BODY: /* a body that trickles is refused by rh_request_body_add; here: one that has
                        stopped */
        return s > RH_HTTP_BODY_S + RH_HTTP_HEADER_S ||
               (s > 2 * RH_HTTP_HEADER_S &&
                (int64_t)atomic_load_explicit(&peer->bytes, memory_order_relaxed) <
                    s * RH_HTTP_BODY_RATE / 2);
    case PHASE_PART:
        return s > RH_HTTP_STALL_S +
                       (int64_t)(atomic_load_explicit(&peer->bytes, memory_order_relaxed) /
                                 RH_HTTP_SEND_RATE);
    default:
        return false;
    }
}

/* The client is gone, and not in the middle of being answered. libmicrohttpd 0.9.75 misses an end
 * that comes together with the last data. */
static bool gone(const struct rh_peer *peer, int64_t now_ns)
{
    struct pollfd p = {.fd = peer->fd, .events = POLLRDHUP};
    int64_t since = atomic_load_explicit(&peer->since_ns, memory_order_relaxed);
    return atomic_load_explicit(&peer->phase, memory_order_relaxed) < PHASE_WORK &&
           now_ns - since > INT64_C(1000000000) && poll(&p, 1, 0) == 1 &&
           (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* MHD's own timeout starts again with every byte; this one does not. Streams that wait have their
 * times here too. */
static void *sweep(void *arg)
{
    struct rh_http *h = arg;
    int64_t last = rh_clock_mono_ns(), due = INT64_MAX;
    pthread_mutex_lock(&h->lock);
    while (!h->stop) {
        int64_t until = last + SWEEP_NS;
        if (due < until)
            until = due;
        struct timespec at = {until / 1000000000, until % 1000000000};
        if (!h->woken)
            pthread_cond_timedwait(&h->wake, &h->lock, &at);
        int64_t now = rh_clock_mono_ns();
        bool look = now - last >= SWEEP_NS;
        bool woken = h->woken;
        due = rh_streams_sweep(h, now, look);
        if (look)
            last = now;
        for (struct rh_peer *peer = look ? h->peers : NULL; peer; peer = peer->next)
            if (peer->fd >= 0 && (too_slow(peer, now) || gone(peer, now)))
                shutdown(peer->fd, SHUT_RDWR);
        if (!woken || h->stop)
            continue;
        struct timespec pause = {.tv_nsec = RH_HTTP_WAKE_MS * 1000000};
        pthread_mutex_unlock(&h->lock);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- start and end --- */
static size_t as_is(void *cls, struct MHD_Connection *connection, char *s)
{
    (void)cls, (void)connection;
    return strlen(s);
}

static void mhd_log(void *cls, const char *format, va_list ap)
{
    char line[300];
    (void)cls;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(line, sizeof line, format, ap);
#pragma GCC diagnostic pop
    line[strcspn(line, "\r\n")] = 0;
    rh_log(RH_LOG_DEBUG, "http", "%s", line);
}

static enum rh_rc address(const struct rh_http_options *o, struct rh_issues *is,
                          struct sockaddr_storage *ret)
{
    char host[64];
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)o->port)};
    memset(ret, 0, sizeof *ret);
    snprintf(host, sizeof host, "%.*s", RH_TEXT_ARG(o->host));
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    if (o->port > 65535)
        return rh_issue_add(is, RH_INVALID, NULL, "%u is not a port: 0 to 65535.", o->port);
    if (inet_pton(AF_INET, host, &four.sin_addr) == 1)
        memcpy(ret, &four, sizeof four);
    else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1)
        memcpy(ret, &six, sizeof six);
    else
        return rh_issue_add(is, RH_INVALID, NULL, "\"%s\" is not an IP address to listen on.",
                            host);
    return RH_OK;
}

static void *start_daemon(struct rh_http *h, const struct sockaddr_storage *address)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (address->ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    /* One loop is no pool: MHD refuses a pool of one. */
    unsigned pool = h->o.loops > 1 ? h->o.loops : 0;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, handle, h, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL,
        MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_THREAD_POOL_SIZE, pool,
        MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(RH_HTTP_CONNECTIONS_MAX + RH_HTTP_CONNECTIONS_SPARE),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)RH_HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)RH_HTTP_POOL, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)RH_HTTP_POOL / 4,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_UNESCAPE_CALLBACK, as_is, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, arrived, h, MHD_OPTION_NOTIFY_COMPLETED, completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, notify, h, MHD_OPTION_END);
}

enum rh_rc rh_http_open(const struct rh_http_options *o, struct rh_issues *is, struct rh_http **ret)
{
    struct sockaddr_storage at;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum rh_rc rc = rh_access_listen(o->host, is);
    if (!rc)
        rc = address(o, is, &at);
    if (rc)
        return rc;
    struct rh_http *h = rh_alloc(sizeof *h);
    h->o = *o;
    if (!h->o.loops)
        h->o.loops = cores > 4 ? 4 : cores < 1 ? 1 : (unsigned)cores;
    if (!h->o.workers)
        h->o.workers = cores > 8 ? 8 : cores < 2 ? 2 : (unsigned)cores;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc = rh_workers_open(o->record, h->o.workers, RH_HTTP_QUEUE_MAX, work, &h->workers);
    if (rc) {
        rh_free(h);
        return rh_issue_add(is, rc, NULL, "The worker threads could not be started.");
    }
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &old); /* threads inherit it: signals are for the main thread */
    h->daemon = start_daemon(h, &at);
    bool swept = h->daemon && pthread_create(&h->sweeper, NULL, sweep, h) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!h->daemon || !swept) {
        int error = errno;
        if (h->daemon)
            MHD_stop_daemon(h->daemon);
        rh_workers_close(h->workers);
        rh_free(h);
        return rh_issue_add(is, RH_IO, NULL,
                            "Cannot listen on %.*s:%u: %s. Another program may use this port; "
                            "choose one with --listen.",
                            RH_TEXT_ARG(o->host), o->port, strerror(error));
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
    h->port = info ? info->port : o->port;
    *ret = h;
    return RH_OK;
}

unsigned rh_http_port(const struct rh_http *h)
{
    return h->port;
}

void rh_http_counts(const struct rh_http *h, struct rh_http_counts *ret)
{
    *ret = (struct rh_http_counts){
        .connections = atomic_load(&h->n_peers),
        .in_flight = atomic_load(&h->in_flight),
        .waiting = rh_workers_waiting(h->workers),
        .workers = h->o.workers,
        .loops = h->o.loops,
        .streams = atomic_load(&h->n_streams),
        .bytes_received = atomic_load(&h->received),
        .bytes_sent = atomic_load(&h->sent),
    };
}

/* Waits for what is in flight, for RH_HTTP_DRAIN_S; and as long as it takes for what is with a
 * worker or the writer, since MHD cannot stop before. A stream is with a worker again and again:
 * it is cut then. */
static void drain(struct rh_http *h)
{
    struct timespec pause = {.tv_nsec = 5000000};
    int64_t end = rh_clock_mono_ns() + RH_HTTP_DRAIN_S * INT64_C(1000000000);
    for (;;) {
        if (rh_clock_mono_ns() >= end)
            atomic_store(&h->cut, true);
        if (atomic_load(&h->n_suspended) == 0 &&
            (atomic_load(&h->in_flight) == 0 || atomic_load(&h->cut)))
            break;
        nanosleep(&pause, NULL);
    }
}

void rh_http_close(struct rh_http *h)
{
    if (!h)
        return;
    atomic_store(&h->draining, true);
    rh_streams_wake(h); /* the end of those that wait */
    int fd = MHD_quiesce_daemon(h->daemon);
    drain(h);
    atomic_store(&h->closing, true); /* a client may have sent its next request at this moment */
    drain(h);
    MHD_stop_daemon(h->daemon);
    if (fd >= 0)
        close(fd);
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->sweeper, NULL);
    rh_workers_close(h->workers);
    while (h->loops) {
        struct rh_loop *loop = h->loops;
        h->loops = loop->next;
        while (loop->free) {
            struct rh_http_private *p = loop->free;
            loop->free = p->next_free;
            rh_arena_close(p->q.arena);
            rh_free(p);
        }
        rh_session_close(loop->session);
        rh_free(loop);
    }
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    rh_free(h);
}
