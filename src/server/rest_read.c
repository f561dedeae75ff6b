/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/rest_int.h"

#include "base/datetime.h"
#include "base/hash.h"

#include <stdio.h>

/* --- read --- */

/* Reads take the result parameters only. */
static enum rh_rc no_others(struct rh_request *q)
{
    const struct rh_rest *r = rh_rest_of(q);
    if (r->summary == RH_SUMMARY_COUNT)
        return rh_issue_add(
            &q->issues, RH_QUERY, NULL,
            "_summary=count is for searches; a read takes true, text, data or false.");
    if (r->parameters.rest.len && !q->lenient)
        return rh_issue_add(&q->issues, RH_QUERY, NULL,
                            "A read takes _format, _pretty, _summary and _elements; not \"%.*s\".",
                            (int)(r->parameters.rest.len > 80 ? 80 : r->parameters.rest.len),
                            r->parameters.rest.data);
    return RH_OK;
}

/* If-None-Match decides; only without it If-Modified-Since does (RFC 9110, 13.2.2). */
static bool not_modified(const struct rh_request *q, const struct rh_version *v)
{
    char id[RH_VERSION_ID_SIZE];
    int64_t since_us;
    struct rh_text tags = q->headers[RH_H_IF_NONE_MATCH],
                   since = q->headers[RH_H_IF_MODIFIED_SINCE];
    if (tags.data) {
        rh_version_id(v->origin, v->seq, id);
        return rh_etag_matches(tags, id);
    }
    if (!since.data || rh_http_date_parse(since, &since_us))
        return false;
    return v->time_us / 1000000 <= since_us / 1000000;
}

static enum rh_step answer_version(struct rh_request *q, enum rh_rc rc, const struct rh_version *v)
{
    if (!rc || rc == RH_GONE)
        rh_rest_version_headers(q, v);
    if (rc)
        return rh_rest_refuse(q, rc);
    if (not_modified(q, v)) {
        q->status = 304;
        return RH_STEP_DONE;
    }
    struct rh_buf out = rh_buf(q->arena);
    rc = rh_rest_write_resource(q, v, &out);
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}

enum rh_step rh_rest_read(struct rh_request *q)
{
    struct rh_version v = {0};
    enum rh_rc rc = no_others(q);
    if (rc)
        return rh_rest_refuse(q, rc);
    rc = rh_record_read(q->session, &q->ctx, &q->caller, q->type, q->id, &v);
    return answer_version(q, rc, &v);
}

enum rh_step rh_rest_vread(struct rh_request *q)
{
    struct rh_version v = {0};
    enum rh_rc rc = no_others(q);
    if (rc)
        return rh_rest_refuse(q, rc);
    rc = rh_record_vread(q->session, &q->ctx, &q->caller, q->type, q->id, q->version_id, &v);
    return answer_version(q, rc, &v);
}

/* --- Bundles of versions --- */
void rh_rest_write_link(struct rh_request *q, struct rh_buf *out, const char *relation,
                        const char *path, struct rh_text query, struct rh_text cursor)
{
    struct rh_buf url = rh_buf(q->arena);
    char separator = '?';
    rh_buf_text(&url, q->ctx.base);
    rh_buf_str(&url, path);
    if (query.len) {
        rh_buf_char(&url, separator);
        rh_buf_text(&url, query);
        separator = '&';
    }
    if (cursor.len) {
        rh_buf_char(&url, separator);
        rh_buf_str(&url, "_cursor=");
        rh_buf_percent(&url, cursor);
        separator = '&';
    }
    if (q->format == RH_FORMAT_XML && rh_rest_of(q)->parameters.format.data) {
        rh_buf_char(&url, separator); /* who asked by the address has it only there */
        rh_buf_str(&url, "_format=xml");
    }
    rh_buf_str(out, "{\"relation\":\"");
    rh_buf_str(out, relation);
    rh_buf_str(out, "\",\"url\":");
    rh_buf_json(out, rh_buf_get(&url));
    rh_buf_char(out, '}');
    if (url.rc)
        out->rc = url.rc;
}

void rh_rest_write_full_url(struct rh_request *q, struct rh_buf *out, const struct rh_version *v)
{
    rh_buf_str(out, "{\"fullUrl\":");
    rh_buf_json(out, q->ctx.base);
    if (out->rc)
        return;
    out->data[out->len - 1] = '/'; /* types and ids need no escapes */
    rh_buf_str(out, rh_resource_type(v->type)->name);
    rh_buf_char(out, '/');
    rh_buf_text(out, v->id);
    rh_buf_char(out, '"');
}

void rh_rest_write_outcome_entry(const struct rh_issues *is, int64_t now_us, struct rh_buf *out)
{
    char uuid[RH_UUID_SIZE];
    rh_uuid7(now_us, uuid);
    rh_buf_printf(out, "{\"fullUrl\":\"urn:uuid:%s\",\"resource\":", uuid);
    rh_issues_outcome(is, RH_OK, out);
    rh_buf_str(out, ",\"search\":{\"mode\":\"outcome\"}}");
}

static void write_history_head(struct rh_request *q, struct rh_buf *out, const char *path,
                               const struct rh_page *page)
{
    const struct rh_text none = {NULL, 0};
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"history\"");
    if (page->has_total) {
        rh_buf_str(out, ",\"total\":");
        rh_buf_u64(out, page->total);
    }
    rh_buf_str(out, ",\"link\":[");
    rh_rest_write_link(q, out, "self", path, page->self, none);
    if (page->next.len) {
        rh_buf_char(out, ',');
        rh_rest_write_link(q, out, "next", path, page->self, page->next);
    }
    rh_buf_char(out, ']');
}

/* --- history --- */
static enum rh_rc write_history_entry(struct rh_request *q, const struct rh_version *v,
                                      struct rh_buf *out)
{
    char id[RH_VERSION_ID_SIZE], time[RH_INSTANT_SIZE];
    const char *type = rh_resource_type(v->type)->name;
    enum rh_rc rc = RH_OK;
    bool create = v->op == RH_OP_CREATE, gone = v->op == RH_OP_DELETE;
    rh_version_id(v->origin, v->seq, id);
    rh_instant_print(v->time_us, time);
    rh_rest_write_full_url(q, out, v);
    if (v->body.len) {
        rh_buf_str(out, ",\"resource\":");
        rc = rh_rest_write_resource(q, v, out);
    }
    rh_buf_str(out, ",\"request\":{\"method\":\"");
    rh_buf_str(out, create ? "POST" : gone ? "DELETE" : "PUT");
    rh_buf_str(out, "\",\"url\":\"");
    rh_buf_str(out, type);
    if (!create) {
        rh_buf_char(out, '/');
        rh_buf_text(out, v->id);
    }
    rh_buf_str(out, "\"},\"response\":{\"status\":\"");
    rh_buf_str(out, create ? "201" : gone ? "204" : "200");
    rh_buf_printf(out, "\",\"location\":\"%s/%.*s/_history/%s", type, RH_TEXT_ARG(v->id), id);
    rh_buf_str(out, "\",\"etag\":\"W/\\\"");
    rh_buf_str(out, id);
    rh_buf_str(out, "\\\"\",\"lastModified\":\"");
    rh_buf_str(out, time);
    rh_buf_str(out, "\"}}");
    return rc;
}

enum rh_step rh_rest_history(struct rh_request *q)
{
    struct rh_page page = {0};
    const struct rh_rest *r = rh_rest_of(q);
    if (r->summary == RH_SUMMARY_COUNT)
        return rh_rest_refuse(
            q, rh_issue_add(&q->issues, RH_QUERY, NULL, "_summary=count is for searches."));
    struct rh_text query = q->query.data ? r->parameters.rest : (struct rh_text){NULL, 0};
    enum rh_rc rc = rh_record_history(q->session, &q->ctx, &q->caller, q->type, q->id, query,
                                      q->lenient, &page);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_buf path = rh_buf(q->arena), out = rh_buf(q->arena);
    if (q->type) {
        rh_buf_char(&path, '/');
        rh_buf_str(&path, rh_resource_type(q->type)->name);
    }
    if (q->id.len) {
        rh_buf_char(&path, '/');
        rh_buf_text(&path, q->id);
    }
    rh_buf_add(&path, "/_history", sizeof "/_history");
    if (path.rc)
        return rh_rest_refuse(q, path.rc);
    write_history_head(q, &out, path.data, &page);
    for (unsigned i = 0; !rc && i < page.n; i++) {
        rh_buf_str(&out, i ? "," : ",\"entry\":[");
        rc = write_history_entry(q, &page.rows[i], &out);
    }
    rh_buf_str(&out, page.n ? "]}" : "}");
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}
