/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_everything.c - Patient/$everything, Patient/[id]/$everything, Encounter/[id]/$everything.
 *
 * Without _count all of it is one Bundle. A small one is an answer as any other; of a larger one
 * the rest is made while it is sent. The total stands behind the entries, where it is known. With
 * _count it comes in pages, by next links.
 */
#include "base/datetime.h"
#include "record/everything.h"
#include "server/rest_int.h"

#include <stdio.h>

enum { FIRST_BYTES = 1 << 20, TYPES_MAX = 200 };

struct everything {
    struct rh_request *q;
    struct rh_everything *rows;
    struct rh_everything_request asked;
    uint64_t count; /* 0: all */
    struct rh_text query, cursor;
    char path[96];
    struct rh_text first; /* made before the stream began */
    bool begun;
    uint64_t matches, given;
};

/* --- inputs --- */

static enum rh_rc take_time(struct rh_request *q, const struct rh_operation_input *in,
                            struct rh_datetime *ret)
{
    if (!rh_datetime_parse(in->text, RH_SEARCH, q->ctx.zone_minutes, ret))
        return RH_OK;
    return rh_issue_add(&q->issues, RH_INVALID, NULL,
                        "%.*s=%.*s is not a date or time such as 2026-01-31 or "
                        "2026-01-31T12:00:00Z.",
                        RH_TEXT_ARG(in->name), RH_TEXT_ARG(rh_text_shown(in->text, 80)));
}

static enum rh_rc take_types(struct rh_request *q, struct everything *e, struct rh_text list)
{
    struct rh_text one;
    uint16_t *types = rh_arena_alloc(q->arena, (e->asked.n_types + TYPES_MAX) * sizeof *types);
    if (!types)
        return RH_NOMEM;
    for (unsigned i = 0; i < e->asked.n_types; i++)
        types[i] = e->asked.types[i];
    for (unsigned n = 0; rh_text_split(&list, ',', &one);) {
        unsigned number = rh_resource_number(rh_text_trim(one));
        if (!number)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "_type: FHIR R4 has no resource type \"%.*s\".",
                                RH_TEXT_ARG(rh_text_shown(one, 64)));
        if (++n > TYPES_MAX)
            return rh_issue_add(&q->issues, RH_TOOLARGE, NULL, "_type names more than %d types.",
                                TYPES_MAX);
        types[e->asked.n_types++] = (uint16_t)number;
    }
    e->asked.types = types;
    return RH_OK;
}

static enum rh_rc take(struct rh_request *q, struct everything *e,
                       const struct rh_operation_input *in)
{
    bool patient = strcmp(rh_resource_type(q->type)->name, "Patient") == 0;
    struct rh_datetime t = {0};
    enum rh_rc rc;
    if (rh_text_is(in->name, "_type"))
        return take_types(q, e, in->text);
    if (rh_text_is(in->name, "_count")) {
        rc = rh_operation_number(q, in, UINT32_MAX, &e->count);
        if (!rc && !e->count)
            rc = rh_issue_add(&q->issues, RH_INVALID, NULL, "_count is at least 1.");
        if (e->count > RH_QUERY_COUNT_MAX)
            e->count = RH_QUERY_COUNT_MAX;
        return rc;
    }
    if (rh_text_is(in->name, "_cursor")) {
        e->cursor = e->asked.cursor = in->text;
        return RH_OK;
    }
    bool start = patient && rh_text_is(in->name, "start"),
         end = patient && rh_text_is(in->name, "end");
    if (!start && !end && !rh_text_is(in->name, "_since"))
        return rh_operation_unknown(q, in->name,
                                    patient ? "start, end, _since, _type and _count"
                                            : "_since, _type and _count");
    rc = take_time(q, in, &t);
    if (rc)
        return rc;
    if (start)
        e->asked.from_us = t.lo_us;
    else if (end)
        e->asked.to_us = t.hi_us;
    else
        e->asked.since_us = t.lo_us;
    return RH_OK;
}

/* The inputs as a query, for links: a POST is paged by GET. */
static enum rh_rc read_inputs(struct rh_request *q, struct everything *e)
{
    struct rh_operation_input *in;
    struct rh_buf query = rh_buf(q->arena);
    unsigned n;
    enum rh_rc rc = rh_operation_inputs(q, &in, &n);
    for (unsigned i = 0; !rc && i < n; i++) {
        rc = take(q, e, &in[i]);
        if (rh_text_is(in[i].name, "_cursor"))
            continue;
        rh_buf_str(&query, query.len ? "&" : "");
        rh_buf_percent(&query, in[i].name);
        rh_buf_char(&query, '=');
        rh_buf_percent(&query, in[i].text);
    }
    e->query = rh_buf_get(&query);
    return rc ? rc : query.rc;
}

/* --- the answer --- */

static void write_head(struct everything *e, struct rh_buf *out)
{
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[");
    rh_rest_write_link(e->q, out, "self", e->path, e->query, e->cursor);
}

static void write_entry(struct everything *e, const struct rh_version *v, bool included,
                        struct rh_buf *out)
{
    rh_buf_room(out, v->body.len + 512);
    rh_buf_str(out, e->given++ ? "," : "],\"entry\":[");
    rh_rest_write_full_url(e->q, out, v);
    rh_buf_str(out, ",\"resource\":");
    rh_version_write(v, out);
    rh_buf_str(out, included ? ",\"search\":{\"mode\":\"include\"}}"
                             : ",\"search\":{\"mode\":\"match\"}}");
    e->matches += !included;
}

/* What a lenient caller is told stands with the entries. */
static void write_tail(struct everything *e, struct rh_buf *out)
{
    if (e->q->issues.count) {
        rh_buf_str(out, e->given ? "," : "],\"entry\":[");
        rh_rest_write_outcome_entry(&e->q->issues, e->q->ctx.now_us, out);
    }
    rh_buf_char(out, ']');
    if (!e->count) {
        rh_buf_str(out, ",\"total\":");
        rh_buf_u64(out, e->matches);
    }
    rh_buf_char(out, '}');
}

/* Adds up to about `bytes`; *ended: that was all. */
static enum rh_rc add_rows(struct everything *e, size_t bytes, struct rh_buf *out, bool *ended)
{
    struct rh_version rows[RH_EVERYTHING_ROWS];
    bool included[RH_EVERYTHING_ROWS];
    enum rh_rc rc = RH_OK;
    *ended = false;
    if (!e->begun)
        write_head(e, out);
    e->begun = true;
    while (!rc && !*ended && out->len < bytes) {
        unsigned n, max = RH_EVERYTHING_ROWS;
        rc = rh_everything_next(e->q->session, e->rows, rows, included, max, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            write_entry(e, &rows[i], included[i], out);
        *ended = !rc && n == 0;
        rc = rc ? rc : out->rc;
    }
    if (*ended)
        write_tail(e, out);
    return rc ? rc : out->rc;
}

static enum rh_stream_step fill(struct rh_request *q, struct rh_stream *stream, struct rh_buf *out)
{
    struct everything *e = stream->user;
    bool ended = false;
    (void)q;
    if (e->first.len) {
        rh_buf_text(out, e->first);
        e->first.len = 0;
        return out->rc ? RH_STREAM_FAIL : RH_STREAM_MORE;
    }
    if (add_rows(e, RH_HTTP_PART, out, &ended))
        return RH_STREAM_FAIL;
    return ended ? RH_STREAM_END : RH_STREAM_MORE;
}

static void end(void *user)
{
    struct everything *e = user;
    rh_everything_close(e->rows);
    e->rows = NULL;
}

/* A page: its rows are made first, since the link to the next one stands before them. */
static enum rh_rc page(struct everything *e, struct rh_buf *out)
{
    struct rh_version rows[RH_EVERYTHING_ROWS];
    bool included[RH_EVERYTHING_ROWS];
    struct rh_buf entries = rh_buf(e->q->arena);
    struct rh_text next = {NULL, 0};
    unsigned n = 1;
    enum rh_rc rc = RH_OK;
    while (!rc && n && e->given < e->count) {
        uint64_t left = e->count - e->given;
        unsigned max = left < RH_EVERYTHING_ROWS ? (unsigned)left : RH_EVERYTHING_ROWS;
        rc = rh_everything_next(e->q->session, e->rows, rows, included, max, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            write_entry(e, &rows[i], included[i], &entries);
    }
    if (!rc && n)
        rc = rh_everything_cursor(e->rows, e->q->arena, &next);
    if (!rc && n) { /* is there one more? */
        rc = rh_everything_next(e->q->session, e->rows, rows, included, 1, &n);
        if (!n)
            next = (struct rh_text){NULL, 0};
    }
    if (rc)
        return rc;
    write_head(e, out);
    if (next.len) {
        rh_buf_char(out, ',');
        rh_rest_write_link(e->q, out, "next", e->path, e->query, next);
    }
    rh_buf_text(out, rh_buf_get(&entries));
    write_tail(e, out);
    return entries.rc ? entries.rc : out->rc;
}

static enum rh_step answer(struct everything *e)
{
    struct rh_request *q = e->q;
    struct rh_buf out = rh_buf(q->arena);
    bool ended = true, whole = rh_rest_of(q)->whole || q->pretty || q->format == RH_FORMAT_XML;
    enum rh_rc rc = e->count ? page(e, &out)
                             : add_rows(e, whole ? SIZE_MAX : (size_t)FIRST_BYTES, &out, &ended);
    if (rc || ended) {
        end(e);
        return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
    }
    q->status = 200;
    q->content_type = rh_fhir_json;
    e->first = rh_buf_get(&out);
    const struct rh_stream stream = {.fill = fill, .end = end, .user = e};
    rc = rh_request_stream(q, &stream);
    if (!rc)
        return RH_STEP_DONE;
    end(e);
    return rh_rest_refuse(q, rc);
}

enum rh_step rh_rest_everything(struct rh_request *q)
{
    struct everything *e = rh_arena_zero(q->arena, sizeof *e);
    if (!e)
        return rh_rest_refuse(q, RH_NOMEM);
    *e = (struct everything){.q = q,
                             .asked = {.type = q->type,
                                       .id = q->id,
                                       .from_us = INT64_MIN,
                                       .to_us = INT64_MAX,
                                       .since_us = INT64_MIN}};
    snprintf(e->path, sizeof e->path, "/%s%s%.*s/$everything", rh_resource_type(q->type)->name,
             q->id.len ? "/" : "", RH_TEXT_ARG(q->id));
    enum rh_rc rc = read_inputs(q, e);
    if (!rc)
        rc = rh_everything_open(q->session, &q->ctx, &q->caller, &e->asked, &e->rows);
    return rc ? rh_rest_refuse(q, rc) : answer(e);
}
