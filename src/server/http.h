/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http.h - HTTP/1.1 in front of an application: requests in, answers out, within named limits.
 *
 * http.c and http_stream.c are the only files that know libmicrohttpd. Loop threads (epoll) read
 * requests; quick work is done right there, with the loop's own session; the rest goes to a bounded
 * pool of worker threads while the connection is suspended. Nothing in a loop may block.
 *
 * A request's way: begin (headers are there) -> body -> run -> [waits for a write -> next]… ->
 * sent. A step that hands a write to the record ends with `return rh_request_write(…)` and touches
 * the request no more: another thread may have it already.
 */
#ifndef RH_SERVER_HTTP_H
#define RH_SERVER_HTTP_H

#include "record/write.h"

enum {
    RH_HTTP_URL_MAX = 16 << 10,    /* bytes of the address: 414 */
    RH_HTTP_HEADER_MAX = 16 << 10, /* bytes of all headers: 431 */
    RH_HTTP_HEADERS_MAX = 100,     /* number of headers: 431 */
    RH_HTTP_POOL = 112 << 10, /* MHD's memory of one connection; beyond it MHD itself answers 431 */
    RH_HTTP_RESOURCE_MAX = RH_RECORD_RESOURCE_MAX, /* bytes of one resource: 413 */
    RH_HTTP_BUNDLE_MAX = 16 << 20,                 /* bytes of a Bundle sent to the base: 413 */
    RH_HTTP_FORM_MAX = 64 << 10,                   /* bytes of the form of a search: 413 */
    RH_HTTP_DRAIN_MAX =
        64 << 20, /* a refused body up to this size is read, so that the client hears why */
    RH_HTTP_INFLATE_RATIO = 100,        /* of a gzip body: 413 */
    RH_HTTP_BODIES_MAX = 96 << 20,      /* bytes of all bodies held at once: 503 */
    RH_HTTP_INLINE_BODY_MAX = 64 << 10, /* a larger body is a worker's work */
    RH_HTTP_ARENA_MAX = 256 << 20,      /* memory of one request */
    RH_HTTP_CONNECTIONS_MAX = 1000,     /* one more gets 503 */
    RH_HTTP_CONNECTIONS_SPARE = 64,     /* of those that hear 503; beyond them the kernel queues */
    RH_HTTP_QUEUE_MAX = 1000,           /* requests waiting for a worker: 503 */
    RH_HTTP_IDLE_S = 60,                /* a connection without a request is closed */
    RH_HTTP_HEADER_S = 10,              /* from the request line to the end of the headers */
    RH_HTTP_BODY_S = 120,               /* for the whole body: 408 */
    RH_HTTP_BODY_RATE =
        1 << 10, /* bytes a second that a body must reach after RH_HTTP_HEADER_S: 408 */
    RH_HTTP_SEGMENTS_MAX = 8, /* of a path */
    RH_HTTP_ANSWER_HEADERS_MAX = 16,
    RH_HTTP_GZIP_MIN = 1 << 10, /* a shorter answer is not compressed */
    RH_HTTP_DRAIN_S = 10        /* at the end: for requests in flight */
};

enum rh_method {
    RH_M_GET,
    RH_M_HEAD,
    RH_M_POST,
    RH_M_PUT,
    RH_M_PATCH,
    RH_M_DELETE,
    RH_M_OPTIONS,
    RH_M_OTHER,
    RH_METHODS
};
const char *rh_method_name(enum rh_method m); /* "GET"; "other" */

/* Headers that mean something to us; the others are counted and forgotten. */
enum rh_header {
    RH_H_ACCEPT,
    RH_H_ACCEPT_ENCODING,
    RH_H_ACCEPT_LANGUAGE,
    RH_H_CONTENT_ENCODING,
    RH_H_CONTENT_LENGTH,
    RH_H_CONTENT_TYPE,
    RH_H_EXPECT,
    RH_H_HOST,
    RH_H_IF_MATCH,
    RH_H_IF_MODIFIED_SINCE,
    RH_H_IF_NONE_EXIST,
    RH_H_IF_NONE_MATCH,
    RH_H_LAST_EVENT_ID,
    RH_H_PREFER,
    RH_H_PURPOSE, /* X-Purpose-Of-Use */
    RH_H_REQUEST_ID,
    RH_H_TRANSFER_ENCODING,
    RH_H_COUNT
};

enum rh_place { RH_PLACE_LOOP, RH_PLACE_WORKER };
enum rh_step { RH_STEP_DONE, RH_STEP_WAIT };

struct rh_http;
struct rh_http_private;

struct rh_request {
    /* --- asked --- */
    enum rh_method method;
    struct rh_text path;  /* as sent, without the query */
    struct rh_text query; /* as sent, behind '?'; data NULL: no '?' */
    struct rh_text
        segments[RH_HTTP_SEGMENTS_MAX]; /* percent-decoded; a last empty one is dropped */
    unsigned n_segments;
    struct rh_text headers[RH_H_COUNT]; /* data NULL: not sent */
    struct rh_text body;                /* whole and decoded, when run is called */
    size_t body_max;                    /* set by begin */
    enum rh_place place;                /* set by begin */
    /* --- for the application --- */
    struct rh_arena *arena;
    struct rh_issues issues;
    struct rh_ctx ctx;          /* arena, issues, now and base are set */
    struct rh_caller caller;    /* purpose and local are set */
    struct rh_session *session; /* of the thread that runs the step */
    void *app;
    const void *route; /* the application's */
    unsigned route_index;
    uint16_t type;
    struct rh_text id, version_id;
    bool lenient, pretty;
    unsigned char prefer_return; /* enum rh_prefer of negotiate.h */
    unsigned char format;        /* of the answer: enum rh_format of negotiate.h */
    void *state;                 /* between steps */
    char request_id[40];
    int64_t started_ns;
    /* --- answered --- */
    int status;               /* 0: not yet */
    struct rh_text answer;    /* in the arena or static */
    const char *content_type; /* NULL: none */
    const char *cache;        /* Cache-Control; NULL: no-store */
    bool precompressed;       /* the answer is gzip already */
    bool plain;               /* never compress */
    bool close;               /* end the connection behind the answer */
    struct {
        const char *name, *value;
    } answer_headers[RH_HTTP_ANSWER_HEADERS_MAX];
    unsigned n_answer_headers;
    /* --- http.c's and workers.c's --- */
    struct rh_request *next_waiting;
    struct rh_http_private *http;
};

struct rh_http_app {
    void *user; /* becomes q->app */
    /* Headers are there. Sets body_max and place, or an answer (q->status) that is sent instead. */
    void (*begin)(struct rh_request *q);
    /* The body is there. */
    enum rh_step (*run)(struct rh_request *q);
    /* Fills the answer of something that http.c refuses. */
    void (*refuse)(struct rh_request *q, enum rh_rc rc);
    /* The answer is made: last changes. */
    void (*finish)(struct rh_request *q);
    /* The answer was sent, or could not be. `sent` is its body's bytes. */
    void (*end)(struct rh_request *q, size_t sent);
};

struct rh_http_options {
    struct rh_text host; /* "127.0.0.1", "::1", "localhost" */
    unsigned port;       /* 0: one that is free */
    struct rh_record *record;
    unsigned loops, workers; /* 0: by the number of cores */
    struct rh_http_app app;
};

struct rh_http_counts {
    unsigned connections, in_flight, waiting, workers, loops;
    unsigned streams; /* that may wait */
    uint64_t bytes_received, bytes_sent;
};

/* Listens and starts the threads. RH_FORBIDDEN: not a loopback address; RH_INVALID: not an address;
 * RH_IO: cannot listen. */
enum rh_rc rh_http_open(const struct rh_http_options *o, struct rh_issues *is,
                        struct rh_http **ret);
unsigned rh_http_port(const struct rh_http *h);
void rh_http_counts(const struct rh_http *h, struct rh_http_counts *ret);
/* Accepts no more, finishes what is in flight (RH_HTTP_DRAIN_S), stops. NULL is fine. */
void rh_http_close(struct rh_http *h);

/* --- answers that are made while they are sent -------------------------------------------------
 *
 * The loop sends a part; when it is sent, the connection is suspended and a worker makes the next.
 * Parts and new requests take turns at the workers. A stream that waits costs neither a thread nor
 * a turn. At the end of the server a stream that waits ends as if that had been all; one that is
 * sending has RH_HTTP_DRAIN_S, then it is cut.
 */
enum {
    RH_HTTP_PART = 64 << 10,     /* bytes a part of a stream should have */
    RH_HTTP_STREAMS_MAX = 500,   /* streams that may wait; one more gets 503 */
    RH_HTTP_STALL_S = 60,        /* a client that takes nothing for so long is dropped, … */
    RH_HTTP_SEND_RATE = 1 << 10, /* … and one that takes a part at fewer bytes a second than this */
    RH_HTTP_WAKE_MS = 20 /* between two turns of all streams that wait, however often they are woken
                          */
};
enum rh_stream_step {
    RH_STREAM_MORE, /* something was added; ask again when it is sent */
    RH_STREAM_END,  /* that was the last part (which may be empty) */
    RH_STREAM_WAIT, /* no more for now: ask again after wait_ms, or when rh_streams_wake is called;
                       what was added is sent at once */
    RH_STREAM_FAIL /* the connection is cut, so that the client sees that the answer is not whole */
};
struct rh_stream {
    /* Adds the next part, on a worker's thread with its session (q->session); never two at once.
     * The buffer is empty; out->arena is reset between parts, so it is the place for all that one
     * part needs. What is put into q->arena stays until the end. May write s->wait_ms. */
    enum rh_stream_step (*fill)(struct rh_request *q, struct rh_stream *s, struct rh_buf *out);
    void (*end)(void *user); /* always called once, also when the client has gone; may be NULL */
    void *user;
    bool waits;       /* fill may return RH_STREAM_WAIT */
    unsigned wait_ms; /* for RH_STREAM_WAIT */
};
/* Instead of q->answer, in the run step: status, content type and headers are set already; then
 * `return RH_STEP_DONE`. A HEAD request sends headers only: fill is not called. Sent chunked,
 * compressed when asked for unless q->plain. `s` is copied. RH_BUSY with an issue:
 * RH_HTTP_STREAMS_MAX streams wait already; s->end is then not called. */
enum rh_rc rh_request_stream(struct rh_request *q, const struct rh_stream *s);
/* Streams that wait are asked again soon. Any thread, cheap; of all streams of the server. */
void rh_streams_wake(struct rh_http *h);

/* Prepared write -> writer; `next` runs when it is done, w->rc says how it went (RH_BUSY: never
 * submitted). */
enum rh_step rh_request_write(struct rh_request *q, struct rh_write *w,
                              enum rh_step (*next)(struct rh_request *q));

/* `name` is static, `value` lives as long as the request. Further ones than fit are a mistake of
 * ours. */
void rh_request_answer_header(struct rh_request *q, const char *name, const char *value);

#endif
