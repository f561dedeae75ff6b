/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_events.c - GET /fhir/$events: what changes, as server-sent events, for pages that are open.
 *
 *   criteria=Observation?code=…   percent-encoded; several: what matches any; none: everything
 *   after=N or Last-Event-ID: N   everything behind this number of the log; else from now on
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html. An event is create, update or
 * delete; its data name the version and hold nothing of the resource, which a client reads as
 * always. Its id is the number in the log, so a client that comes back misses nothing. Criteria are
 * held against the current version (programme/criteria.h): of several quick changes the last is
 * sent. They cannot be held against a deletion, so each deletion of their types is sent. Where the
 * log is shorter than the number a client has (a restored backup) it hears `reset` first: it should
 * read anew what it shows.
 */
#include "base/datetime.h"
#include "programme/criteria.h"
#include "server/rest_int.h"
#include "server/search_terms.h"
#include "system/clock.h"

#include <stdio.h>

enum {
    CRITERIA_MAX = 10,
    BEAT_S = 15,     /* a line at least so often: proxies and clients see that we are there */
    BUSY_MS = 1000,  /* before what was too much is tried again */
    RETRY_MS = 2000, /* what a client is told to wait before it comes back */
    PART_CHUNKS = 20 /* of the log, for one part of a stream: then others have their turn */
};

struct events {
    struct rh_criteria criteria[CRITERIA_MAX];
    unsigned n;
    uint64_t place; /* in the log: everything up to here is sent or does not match */
    int64_t sent_ns;
    bool begun, reset;
};

/* --- what was asked ------------------------------------------------------------------------------
 */

static enum rh_rc read_number(struct rh_request *q, const char *what, struct rh_text t,
                              struct events *e)
{
    uint64_t newest = rh_record_newest(rh_server_of(q)->record);
    if (rh_text_u64(rh_text_trim(t), INT64_MAX, &e->place))
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "%s is the id of an event: a number of the log.", what);
    e->reset = e->place > newest;
    if (e->reset)
        e->place = newest;
    return RH_OK;
}

static enum rh_rc read_criteria(struct rh_request *q, struct rh_text value, struct events *e)
{
    struct rh_text text;
    struct rh_criteria_terms terms = rh_search_terms_of(rh_server_of(q)->worlds);
    if (e->n == CRITERIA_MAX)
        return rh_issue_add(&q->issues, RH_QUERY, NULL, "There are more than %d criteria.",
                            CRITERIA_MAX);
    struct rh_criteria *c = &e->criteria[e->n++];
    enum rh_rc rc = rh_percent_decode(q->arena, value, &text);
    if (rc)
        return rh_issue_add(&q->issues, RH_QUERY, NULL, "criteria are not percent-encoded UTF-8.");
    rc = rh_criteria_read(&q->issues, text, c);
    if (rc)
        return rc;
    return rh_criteria_check(q->session, &q->ctx, &q->caller, &terms, c);
}

static enum rh_rc read_query(struct rh_request *q, struct events *e)
{
    struct rh_text rest = q->query, part, name, last = q->headers[RH_H_LAST_EVENT_ID];
    enum rh_rc rc = RH_OK;
    e->place = rh_record_newest(rh_server_of(q)->record);
    while (!rc && rest.data && rh_text_split(&rest, '&', &part)) {
        if (!part.len)
            continue;
        rh_text_split(&part, '=', &name);
        if (rh_text_is(name, "criteria"))
            rc = read_criteria(q, part.data ? part : RH_TEXT(""), e);
        else if (rh_text_is(name, "after"))
            rc = read_number(q, "after", part, e);
        else
            rc = rh_issue_add(&q->issues, RH_QUERY, NULL,
                              "$events takes criteria and after; not \"%.*s\".",
                              (int)(name.len > 64 ? 64 : name.len), name.data);
    }
    if (!rc && last.len) /* what a browser sends when it comes back by itself: newer than `after` */
        rc = read_number(q, "Last-Event-ID", last, e);
    return rc;
}

/* --- what is sent
 * --------------------------------------------------------------------------------- */

static void write_event(struct rh_buf *out, const struct rh_news *row)
{
    char version[RH_VERSION_ID_SIZE], time[RH_INSTANT_SIZE];
    const char *op = row->op == RH_OP_CREATE   ? "create"
                     : row->op == RH_OP_DELETE ? "delete"
                                               : "update";
    rh_version_id(row->origin, row->seq, version);
    rh_instant_print(row->time_us, time);
    rh_buf_printf(out,
                  "event: %s\nid: %llu\ndata: {\"type\":\"%s\",\"id\":\"%.*s\","
                  "\"versionId\":\"%s\",\"lastUpdated\":\"%s\"}\n\n",
                  op, (unsigned long long)row->number, rh_resource_type(row->type)->name,
                  RH_TEXT_ARG(row->id), version, time);
}

static void write_id(struct rh_buf *out, const struct events *e)
{
    rh_buf_printf(out, "id: %llu\n\n", (unsigned long long)e->place);
}

/* Which rows go to this client? */
static enum rh_rc choose(struct rh_request *q, struct rh_ctx *ctx, const struct events *e,
                         const struct rh_news *rows, unsigned n, bool *ret)
{
    struct rh_grant grant;
    struct rh_criteria_terms terms = rh_search_terms_of(rh_server_of(q)->worlds);
    enum rh_rc rc = rh_access_decide(&q->caller, RH_ACTION_HISTORY, 0, ctx->issues, &grant);
    for (unsigned i = 0; i < n; i++)
        ret[i] = e->n == 0;
    for (unsigned c = 0; c < e->n && !rc; c++) {
        bool hits[RH_CRITERIA_ROWS];
        rc = rh_criteria_match(q->session, ctx, &q->caller, &terms, &e->criteria[c], rows, n, hits);
        for (unsigned i = 0; i < n && !rc; i++)
            ret[i] |=
                hits[i] || (rows[i].type == e->criteria[c].type && rows[i].op == RH_OP_DELETE);
    }
    for (unsigned i = 0; i < n && !rc; i++)
        ret[i] &= rows[i].op != RH_OP_MOVED && rh_grant_row(&grant, rows[i].part, rows[i].type);
    return rc;
}

/* *more: the log goes on behind it. */
static enum rh_rc chunk(struct rh_request *q, struct events *e, struct rh_buf *out, bool *more)
{
    struct rh_news rows[RH_CRITERIA_ROWS];
    bool chosen[RH_CRITERIA_ROWS];
    unsigned n = 0;
    struct rh_issues issues;
    struct rh_ctx ctx = {
        .arena = out->arena, .issues = &issues, .now_us = rh_clock_now_us(), .base = q->ctx.base};
    rh_issues_init(&issues, out->arena);
    enum rh_rc rc = rh_record_news(q->session, out->arena, e->place, RH_CRITERIA_ROWS, rows, &n);
    if (!rc)
        rc = choose(q, &ctx, e, rows, n, chosen);
    if (rc == RH_BUSY || rc == RH_NOMEM)
        return rc;
    if (rc) { /* it was a search when the stream began: a value set may be gone */
        rh_buf_str(out, "event: error\ndata: ");
        rh_issues_outcome(&issues, rc, out);
        rh_buf_str(out, "\n\n");
        return rc;
    }
    for (unsigned i = 0; i < n; i++)
        if (chosen[i])
            write_event(out, &rows[i]);
    if (n)
        e->place = rows[n - 1].number;
    *more = n == RH_CRITERIA_ROWS;
    return RH_OK;
}

static enum rh_stream_step fill(struct rh_request *q, struct rh_stream *s, struct rh_buf *out)
{
    struct events *e = s->user;
    int64_t now = rh_clock_mono_ns();
    bool more = true;
    enum rh_rc rc = RH_OK;
    s->wait_ms = BEAT_S * 1000;
    if (!e->begun) {
        rh_buf_printf(out, "retry: %d\n%s", RETRY_MS, e->reset ? "event: reset\ndata: {}\n" : "");
        write_id(out, e);
    }
    e->begun = true;
    for (unsigned i = 0; i < PART_CHUNKS && more && !rc && out->len < RH_HTTP_PART; i++)
        rc = chunk(q, e, out, &more);
    if (rc == RH_BUSY || rc == RH_NOMEM)
        s->wait_ms = BUSY_MS;
    else if (rc)
        return RH_STREAM_END;
    if (!out->len && now - e->sent_ns >= (BEAT_S - 1) * INT64_C(1000000000)) {
        rh_buf_str(out, ":\n");
        write_id(out, e); /* what did not match need not be looked at again */
    }
    if (out->len)
        e->sent_ns = now;
    return more && !rc ? RH_STREAM_MORE : RH_STREAM_WAIT;
}

enum rh_step rh_rest_events(struct rh_request *q)
{
    struct rh_grant grant;
    struct events *e = rh_arena_zero(q->arena, sizeof *e);
    enum rh_rc rc =
        e ? rh_access_decide(&q->caller, RH_ACTION_HISTORY, 0, &q->issues, &grant) : RH_NOMEM;
    if (!rc)
        rc = read_query(q, e);
    struct rh_stream s = {.fill = fill, .user = e, .waits = true};
    if (!rc)
        rc = rh_request_stream(q, &s);
    if (rc)
        return rh_rest_refuse(q, rc);
    q->status = 200;
    q->content_type = "text/event-stream";
    q->plain = true; /* a browser may hold back what is compressed until there is enough of it */
    rh_request_answer_header(q, "X-Accel-Buffering", "no"); /* for nginx in front of us */
    return RH_STEP_DONE;
}
