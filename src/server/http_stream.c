/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http_stream.c - answers that are made while they are sent.
 *
 *   SEND   the loop copies the part into libmicrohttpd's buffer      -> FILL when it is all sent
 *   FILL   suspended; with a worker, or on the way there             -> SEND, PARKED
 *   PARKED suspended; in the list of those that wait                 -> FILL
 *
 * Invariant: one thread at a time has a flow: the loop while the connection runs, a worker or
 * whoever holds the server's lock while it is suspended. Suspending and resuming hand it over.
 */
#include "server/http_int.h"

#include "base/alloc.h"
#include "server/negotiate.h"
#include "system/clock.h"
#include "system/compress.h"
#include "system/log.h"

#include <assert.h>
#include <microhttpd.h>
#include <poll.h>

enum { BLOCK = 32 << 10, PACK_LEVEL = 1 };

struct rh_flow {
    struct rh_stream s;
    struct rh_http_private *p;
    struct rh_arena *arena; /* of one part */
    struct rh_text part;
    size_t at;      /* bytes of it that went */
    uint64_t sent;  /* of all parts */
    uint64_t wakes; /* rh_http.wakes when fill was called last */
    struct rh_gzip *gzip;
    bool last;   /* no further part */
    bool failed; /* … and the answer is not whole */
    bool wait;   /* wait before the next part */
    bool gone;   /* the client */
    int64_t due_ns;
    struct rh_flow *next; /* in the list of those that wait */
};

enum rh_rc rh_request_stream(struct rh_request *q, const struct rh_stream *s)
{
    struct rh_http_private *p = q->http;
    assert(!p->flow);
    struct rh_flow *f = rh_arena_zero(q->arena, sizeof *f);
    if (!f)
        return RH_NOMEM;
    if (s->waits && atomic_fetch_add(&p->server->n_streams, 1) >= RH_HTTP_STREAMS_MAX) {
        atomic_fetch_sub(&p->server->n_streams, 1);
        return rh_issue_add(&q->issues, RH_BUSY, NULL,
                            "%d streams of events are open already; try again in a moment.",
                            RH_HTTP_STREAMS_MAX);
    }
    f->s = *s;
    f->p = p;
    p->flow = f;
    return RH_OK;
}

/* --- waiting -----------------------------------------------------------------------------------
 */

/* To the workers, or into the list of those that wait. The connection is suspended; nothing of the
 * flow is touched after this. */
static void next_turn(struct rh_flow *f)
{
    struct rh_http *h = f->p->server;
    bool park = false;
    if (f->wait) {
        pthread_mutex_lock(&h->lock);
        park = f->wakes == atomic_load(&h->wakes) && !atomic_load(&h->draining);
        if (park) {
            f->due_ns = rh_clock_mono_ns() + f->s.wait_ms * INT64_C(1000000);
            f->next = h->parked;
            h->parked = f;
            pthread_cond_signal(&h->wake); /* it may be due before all others */
        }
        pthread_mutex_unlock(&h->lock);
    }
    if (!park)
        rh_workers_part(h->workers, &f->p->q);
}

void rh_streams_wake(struct rh_http *h)
{
    atomic_fetch_add(&h->wakes, 1);
    if (atomic_load(&h->n_streams) == 0)
        return;
    pthread_mutex_lock(&h->lock);
    h->woken = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

/* libmicrohttpd does not look at a connection that is suspended. */
static bool client_gone(const struct rh_flow *f)
{
    if (!f->p->peer || f->p->peer->fd < 0)
        return false;
    struct pollfd p = {.fd = f->p->peer->fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

int64_t rh_streams_sweep(struct rh_http *h, int64_t now_ns, bool look)
{
    int64_t due = INT64_MAX;
    bool all = h->woken || atomic_load(&h->draining);
    h->woken = false;
    for (struct rh_flow **at = &h->parked; *at;) {
        struct rh_flow *f = *at;
        if (look && client_gone(f))
            f->gone = true;
        if (!all && !f->gone && f->due_ns > now_ns) {
            if (f->due_ns < due)
                due = f->due_ns;
            at = &f->next;
            continue;
        }
        *at = f->next;
        rh_workers_part(h->workers, &f->p->q);
    }
    return due;
}

/* --- a worker makes a part ----------------------------------------------------------------------
 */

static enum rh_stream_step fill(struct rh_flow *f, struct rh_buf *out)
{
    struct rh_http *h = f->p->server;
    if (f->gone || atomic_load(&h->cut))
        return RH_STREAM_FAIL;
    if (f->wait && atomic_load(&h->draining))
        return RH_STREAM_END;
    f->wakes = atomic_load(&h->wakes);
    return f->s.fill(&f->p->q, &f->s, out);
}

static void pack(struct rh_flow *f, struct rh_buf *out, bool last)
{
    struct rh_buf packed = rh_buf(f->arena);
    if (!f->gzip || (out->len == 0 && !last))
        return;
    enum rh_rc rc = rh_gzip_add(f->gzip, rh_buf_get(out), last, &packed);
    *out = packed;
    out->rc = rc;
}

void rh_stream_work(struct rh_http_private *p)
{
    struct rh_flow *f = p->flow;
    rh_arena_reset(f->arena);
    struct rh_buf out = rh_buf(f->arena);
    enum rh_stream_step step = fill(f, &out);
    assert(step != RH_STREAM_WAIT || f->s.waits);
    f->wait = step == RH_STREAM_WAIT;
    f->last = step == RH_STREAM_END || step == RH_STREAM_FAIL;
    if (!out.rc)
        pack(f, &out, step == RH_STREAM_END);
    if (out.rc && step != RH_STREAM_FAIL) {
        rh_log(RH_LOG_ERROR, "http", "request %s: a part of the answer could not be made: %s",
               p->q.request_id, rh_rc_text(out.rc));
        step = RH_STREAM_FAIL;
    }
    f->failed = step == RH_STREAM_FAIL;
    f->last |= f->failed;
    f->part = f->failed ? RH_TEXT("") : rh_buf_get(&out);
    f->at = 0;
    if (f->part.len || f->last)
        rh_resume(p);
    else
        next_turn(f);
}

/* --- the loop sends it --------------------------------------------------------------------------
 */

/* libmicrohttpd asks only when what it had before is sent. */
static ssize_t send_part(void *cls, uint64_t at, char *to, size_t max)
{
    struct rh_flow *f = cls;
    struct rh_http *h = f->p->server;
    (void)at;
    if (f->at < f->part.len) {
        size_t n = f->part.len - f->at;
        n = n < max ? n : max;
        if (f->at == 0)
            rh_peer_phase(f->p, PHASE_PART, f->part.len);
        memcpy(to, f->part.data + f->at, n);
        f->at += n;
        f->sent += n;
        atomic_fetch_add_explicit(&h->sent, n, memory_order_relaxed);
        return (ssize_t)n;
    }
    if (f->last)
        return f->failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    rh_peer_phase(f->p, PHASE_WORK, 0);
    rh_suspend(
        f->p); /* counted before `cut` is looked at: who ends the server sets it, then counts */
    if (atomic_load(&h->cut)) {
        f->last = f->failed = true;
        rh_resume(f->p);
        return 0;
    }
    next_turn(f);
    return 0;
}

struct MHD_Response *rh_stream_response(struct rh_http_private *p)
{
    struct rh_flow *f = p->flow;
    struct rh_request *q = &p->q;
    if (!q->plain && q->headers[RH_H_ACCEPT_ENCODING].len &&
        rh_accepts_gzip(q->headers[RH_H_ACCEPT_ENCODING])) {
        rh_request_answer_header(q, "Content-Encoding", "gzip");
        rh_request_answer_header(q, "Vary", "Accept-Encoding");
        if (q->method != RH_M_HEAD && !(f->gzip = rh_gzip_open(PACK_LEVEL)))
            return NULL;
    }
    if (q->method != RH_M_HEAD)
        f->arena = rh_arena_open(RH_HTTP_ARENA_MAX);
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, send_part, f, NULL);
    /* libmicrohttpd 0.9.75 sends the last chunk, "0", of a body that a HEAD does not have; the
     * client would take it for its next answer. So it goes without chunks and ends the connection.
     */
    if (r && q->method == RH_M_HEAD)
        MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return r;
}

size_t rh_stream_close(struct rh_http_private *p)
{
    struct rh_flow *f = p->flow;
    if (f->s.waits)
        atomic_fetch_sub(&p->server->n_streams, 1);
    if (f->s.end)
        f->s.end(f->s.user);
    rh_gzip_close(f->gzip);
    rh_arena_close(f->arena);
    p->flow = NULL;
    return f->sent;
}
