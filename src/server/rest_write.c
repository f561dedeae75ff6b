/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/rest_int.h"

#include <limits.h>

void rh_rest_note_disk(struct rh_request *q, enum rh_rc rc)
{
    bool trouble = rc == RH_FULL || rc == RH_READONLY || rc == RH_IO || rc == RH_CORRUPT;
    if (trouble || !rc)
        if (atomic_load_explicit(&rh_server_of(q)->trouble, memory_order_relaxed) != (int)rc)
            atomic_store_explicit(&rh_server_of(q)->trouble, (int)rc, memory_order_relaxed);
}

/* Of a condition "Patient?identifier=…", "?identifier=…" or "identifier=…" the part behind '?'. */
static struct rh_text condition_of(struct rh_text t)
{
    struct rh_text rest = rh_text_trim(t), head;
    if (!rh_text_split(&rest, '?', &head) || !rest.data)
        return head;
    return rest;
}

static enum rh_step outcome_answer(struct rh_request *q, int status, const struct rh_write_op *op)
{
    static const char *const done[RH_INTERACTIONS] = {[RH_CREATE] = "created",
                                                      [RH_UPDATE] = "updated",
                                                      [RH_PATCH] = "patched",
                                                      [RH_DELETE] = "deleted"};
    struct rh_issues all;
    struct rh_buf out = rh_buf(q->arena);
    const char *what =
        op->changed ? (status == 201 ? "created" : done[op->interaction]) : "left as it was";
    rh_issues_init(&all, q->arena);
    for (unsigned i = 0; i < q->issues.count; i++)
        rh_issue_at(&all, q->issues.rows[i]);
    const char *text = op->version.id.len ? rh_arena_printf(q->arena, "%s/%.*s was %s.",
                                                            rh_resource_type(op->type)->name,
                                                            RH_TEXT_ARG(op->version.id), what)
                                          : "There was nothing to do.";
    if (text)
        rh_issue_at(&all, (struct rh_issue){.severity = RH_INFORMATION, .rc = RH_OK, .text = text});
    rh_issues_outcome(&all, RH_OK, &out);
    return rh_rest_answer(q, status, &out);
}

/* Of a new resource Location; else Content-Location, by which clients learn the new version. */
static void location(struct rh_request *q, const struct rh_version *v, bool created)
{
    char id[RH_VERSION_ID_SIZE];
    rh_version_id(v->origin, v->seq, id);
    struct rh_buf b = rh_buf(q->arena);
    rh_buf_text(&b, q->ctx.base);
    rh_buf_char(&b, '/');
    rh_buf_str(&b, rh_resource_type(v->type)->name);
    rh_buf_char(&b, '/');
    rh_buf_text(&b, v->id);
    rh_buf_str(&b, "/_history/");
    rh_buf_add(&b, id, strlen(id) + 1);
    if (!b.rc)
        rh_request_answer_header(q, created ? "Location" : "Content-Location", b.data);
}

/* The writer is done. */
static enum rh_step written(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_write_op *op = &r->write->ops[0];
    enum rh_rc rc = r->write->rc ? r->write->rc : op->rc;
    rh_rest_note_disk(q, rc);
    if (rc)
        return rh_rest_refuse(q, rc);
    if (op->version.id.len)
        rh_rest_version_headers(q, &op->version);
    if (op->interaction == RH_DELETE) {
        if (q->prefer_return == RH_RETURN_OUTCOME)
            return outcome_answer(q, 200, op);
        q->status = 204;
        return RH_STEP_DONE;
    }
    location(q, &op->version, op->status == 201 || op->interaction == RH_CREATE);
    if (q->prefer_return == RH_RETURN_OUTCOME)
        return outcome_answer(q, op->status, op);
    if (q->prefer_return == RH_RETURN_MINIMAL) {
        q->status = op->status;
        return RH_STEP_DONE;
    }
    struct rh_buf out = rh_buf(q->arena);
    rh_buf_room(&out, op->version.body.len + 128);
    rh_version_write(&op->version, &out);
    return rh_rest_answer(q, op->status, &out);
}

/* Conditions of an address: all parameters but those of result formats. */
static enum rh_rc criteria(struct rh_request *q, struct rh_write_op *op)
{
    const struct rh_rest *r = rh_rest_of(q);
    if (r->summary != RH_SUMMARY_FALSE || r->parameters.elements.data)
        return rh_issue_add(&q->issues, RH_QUERY, NULL,
                            "_summary and _elements are for reads and searches, not for writes.");
    op->conditional = q->id.len == 0 && op->interaction != RH_CREATE;
    struct rh_text rest = q->query.data ? r->parameters.rest : (struct rh_text){NULL, 0};
    if (op->conditional) {
        op->criteria = rest;
        if (!rest.len)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "This needs the id of a resource (/fhir/[type]/[id]) or a "
                                "condition (/fhir/[type]?identifier=…).");
        return RH_OK;
    }
    if (rest.len && !q->lenient)
        return rh_issue_add(&q->issues, RH_QUERY, NULL,
                            "A write to one resource takes _format and _pretty; not \"%.*s\".",
                            (int)(rest.len > 80 ? 80 : rest.len), rest.data);
    if (op->interaction == RH_CREATE && q->headers[RH_H_IF_NONE_EXIST].data) {
        op->criteria = condition_of(q->headers[RH_H_IF_NONE_EXIST]);
        if (!op->criteria.len)
            return rh_issue_add(
                &q->issues, RH_INVALID, NULL,
                "If-None-Exist needs a search, e.g. identifier=http://example.org|1.");
    }
    return RH_OK;
}

static enum rh_rc preconditions(struct rh_request *q, struct rh_write_op *op)
{
    struct rh_text match = q->headers[RH_H_IF_MATCH], none = q->headers[RH_H_IF_NONE_MATCH];
    if (match.data && op->interaction == RH_CREATE)
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "If-Match has no meaning for a create.");
    if (none.data && op->interaction != RH_UPDATE)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "If-None-Match has no meaning here; for a create use If-None-Exist.");
    if (none.data && !rh_text_is(none, "*"))
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "For an update If-None-Match can only be \"*\".");
    if (match.data && (!match.len || memchr(match.data, ',', match.len)))
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "If-Match names one version: W/\"…\".");
    op->if_match = match;
    op->if_none_match = none;
    return RH_OK;
}

/* The two kinds of patch have media types of their own (R4, http, "patch"). */
static enum rh_rc check_patch(struct rh_request *q)
{
    bool array = rh_text_trim(q->body).data[0] == '[';
    bool json_patch = rh_rest_of(q)->media == RH_MEDIA_PATCH;
    if (array == json_patch)
        return RH_OK;
    return rh_issue_add(&q->issues, json_patch ? RH_STRUCTURE : RH_MEDIATYPE, NULL,
                        json_patch ? "A JSON Patch is an array; a FHIRPath Patch (Parameters) is "
                                     "sent as application/fhir+json or application/fhir+xml."
                                   : "A JSON Patch is sent as application/json-patch+json; a "
                                     "FHIRPath Patch is a Parameters resource.");
}

static enum rh_step write_one(struct rh_request *q, enum rh_interaction interaction)
{
    struct rh_rest *r = rh_rest_of(q);
    enum rh_rc rc = rh_write_open(&q->ctx, &q->caller, RH_WRITE_SINGLE, 1, &r->write);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_write_op *op = &r->write->ops[0];
    op->interaction = interaction;
    op->type = q->type;
    op->id = q->id;
    op->lenient = q->lenient;
    op->body = q->body;
    rc = criteria(q, op);
    if (!rc)
        rc = preconditions(q, op);
    if (!rc && interaction != RH_DELETE && !rh_text_trim(q->body).len)
        rc = rh_issue_add(&q->issues, RH_SYNTAX, NULL, "The body is empty; send %s.",
                          interaction == RH_PATCH ? "a JSON Patch or a FHIRPath Patch"
                                                  : "the resource");
    if (!rc && interaction == RH_PATCH)
        rc = check_patch(q);
    if (!rc)
        rc = rh_write_prepare(q->session, r->write);
    if (rc)
        return rh_rest_refuse(q, rc);
    return rh_request_write(q, r->write, written);
}

enum rh_step rh_rest_create(struct rh_request *q)
{
    return write_one(q, RH_CREATE);
}

enum rh_step rh_rest_update(struct rh_request *q)
{
    return write_one(q, RH_UPDATE);
}

enum rh_step rh_rest_patch(struct rh_request *q)
{
    return write_one(q, RH_PATCH);
}

enum rh_step rh_rest_delete(struct rh_request *q)
{
    return write_one(q, RH_DELETE);
}

/* --- batch and transaction --- */

/* What an entry may ask for: what a GET reads, and with POST an operation that changes nothing
 * (such an operation takes GET, too). */
static bool fits_entry(const struct rh_request *inner, const struct rh_bundle_get *get)
{
    const struct rh_route *route = inner->route;
    const struct rh_operation *o = rh_rest_of(inner)->operation;
    return get->posted ? o && o->get : route->in_bundle;
}

static enum rh_rc set_body(struct rh_request *inner, const struct rh_bundle_get *get)
{
    struct rh_buf body = rh_buf(inner->arena);
    if (!get->posted || !get->resource)
        return RH_OK;
    rh_json_write(&body, get->resource);
    inner->body = rh_buf_get(&body);
    return body.rc;
}

/* One GET entry is a request of its own, with the arena and the session of the Bundle's. */
static int answer_get(void *user, const struct rh_bundle_get *get, struct rh_buf *out,
                      struct rh_issues *is, struct rh_version *version)
{
    struct rh_request *q = user;
    struct rh_request *inner = rh_arena_zero(q->arena, sizeof *inner);
    char *address = rh_arena_printf(q->arena, "/fhir/%.*s", RH_TEXT_ARG(get->url));
    if (!inner || !address)
        return rh_rc_http(RH_NOMEM);
    *inner = *q;
    memset(inner->headers, 0, sizeof inner->headers);
    rh_issues_init(&inner->issues, q->arena);
    inner->ctx.issues = &inner->issues;
    inner->headers[RH_H_IF_NONE_MATCH] = get->if_none_match;
    inner->method = get->posted ? RH_M_POST : RH_M_GET;
    inner->format = RH_FORMAT_JSON; /* the whole is turned into XML at the end */
    inner->n_segments = inner->n_answer_headers = 0;
    inner->type = 0;
    inner->id = inner->version_id = inner->body = (struct rh_text){NULL, 0};
    inner->route = NULL;
    enum rh_rc rc = rh_request_address(inner, rh_text(address));
    if (!rc)
        rc = rh_rest_route(inner);
    const struct rh_route *route = inner->route;
    if (!rc)
        rc = set_body(inner, get);
    if (!rc)
        rh_rest_of(inner)->whole = true;
    if (!rc && !fits_entry(inner, get))
        rc = rh_issue_add(&inner->issues, RH_UNSUPPORTED, NULL,
                          "\"%.*s\" cannot be asked inside a Bundle; send it by itself.",
                          RH_TEXT_ARG(get->url));
    if (rc)
        rh_rest_refuse(inner, rc);
    else
        route->run(inner);
    if (inner->status >= 400) {
        for (unsigned i = 0; i < inner->issues.count && inner->status != 500; i++)
            rh_issue_at(is, inner->issues.rows[i]);
        if (!is->count)
            rh_issue_add(is, inner->status == 500 ? RH_INTERNAL : RH_INVALID, NULL,
                         "This entry was not answered.");
    } else {
        *version = rh_rest_of(inner)->version;
        if (!get->head)
            rh_buf_text(out, inner->answer);
    }
    return inner->status;
}

static enum rh_step bundle_answer(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_buf out = rh_buf(q->arena);
    bool representation = q->prefer_return == RH_RETURN_REPRESENTATION;
    enum rh_rc rc =
        rh_bundle_response(q->session, &q->ctx, r->bundle, representation, answer_get, q, &out);
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}

static enum rh_step bundle_written(struct rh_request *q)
{
    enum rh_rc rc = rh_rest_of(q)->bundle->write->rc;
    rh_rest_note_disk(q, rc);
    return rc ? rh_rest_refuse(q, rc) : bundle_answer(q);
}

enum rh_step rh_rest_bundle(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    yyjson_doc *doc;
    enum rh_rc rc = RH_OK;
    if (!rh_text_trim(q->body).len)
        rc = rh_issue_add(&q->issues, RH_SYNTAX, NULL,
                          "The body is empty; send a Bundle of type batch or transaction.");
    if (!rc)
        rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
    if (!rc)
        rc = rh_bundle_open(q->session, &q->ctx, &q->caller, yyjson_doc_get_root(doc), q->lenient,
                            &r->bundle);
    if (rc)
        return rh_rest_refuse(q, rc);
    if (!r->bundle->write)
        return bundle_answer(q);
    return rh_request_write(q, r->bundle->write, bundle_written);
}
