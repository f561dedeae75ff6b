/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_format.c - XML at the door: bodies become JSON when they come in, answers become XML when
 * they go out. Inside there is only JSON. https://hl7.org/fhir/R4/http.html#mime-type
 */
#include "server/rest_int.h"
#include "xml/xml.h"

#include <string.h>

const char rh_fhir_xml[] = "application/fhir+xml;charset=utf-8";

enum rh_rc rh_rest_body_from_xml(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_buf json = rh_buf(q->arena);
    const struct rh_route *route = q->route;
    if (r->media != RH_MEDIA_XML || !rh_text_trim(q->body).len)
        return RH_OK;
    enum rh_rc rc = rh_xml_read(&q->ctx, q->body, &json);
    /* $validate reports what is wrong with the XML beside what is wrong with the resource. */
    if (rc == RH_STRUCTURE && r->operation && r->operation->run == rh_rest_validate)
        rc = RH_OK;
    if (rc)
        return rc;
    if (json.len > route->body_max)
        return rh_issue_add(&q->issues, RH_TOOLARGE, NULL,
                            "The resource is larger than the %u bytes of JSON that are allowed "
                            "here.",
                            route->body_max);
    r->xml = q->body;
    q->body = rh_buf_get(&json);
    return RH_OK;
}

static enum rh_rc to_xml(struct rh_request *q, struct rh_text json, struct rh_issues *is,
                         struct rh_buf *out)
{
    struct rh_ctx ctx = q->ctx;
    yyjson_doc *doc;
    ctx.issues = is;
    enum rh_rc rc = rh_json_parse(q->arena, is, json, &doc);
    return rc ? rc : rh_xml_write(&ctx, yyjson_doc_get_root(doc), out);
}

/* A resource that has no XML form: of a read the whole answer is refused; a write has been done, so
 * its answer stays what it is, with the reason in place of the resource. */
static void no_xml(struct rh_request *q, struct rh_issues *is)
{
    bool asked = q->method == RH_M_GET || q->method == RH_M_HEAD || q->status >= 300;
    struct rh_buf json = rh_buf(q->arena), xml = rh_buf(q->arena);
    struct rh_issues none;
    rh_issues_init(&none, q->arena);
    rh_issue_add(is, RH_NOTACCEPTABLE, NULL,
                 "The answer cannot be written as XML; ask for application/fhir+json.");
    for (unsigned i = 0; i < is->count && !asked; i++)
        is->rows[i].severity = RH_WARNING;
    if (asked)
        q->status = rh_rc_http(RH_NOTACCEPTABLE);
    rh_issues_outcome(is, RH_NOTACCEPTABLE, &json);
    if (!json.rc && !to_xml(q, rh_buf_get(&json), &none, &xml) && !xml.rc) {
        q->content_type = rh_fhir_xml;
        q->answer = rh_buf_get(&xml);
    } else if (!json.rc) {
        q->answer = rh_buf_get(&json);
    }
}

void rh_rest_answer_as_asked(struct rh_request *q)
{
    struct rh_issues is;
    struct rh_buf xml = rh_buf(q->arena);
    if (q->format != RH_FORMAT_XML || q->content_type != rh_fhir_json || !q->answer.len)
        return;
    rh_issues_init(&is, q->arena);
    enum rh_rc rc = to_xml(q, q->answer, &is, &xml);
    if (rc == RH_NOMEM || xml.rc == RH_NOMEM)
        return; /* JSON is better than nothing, and says that it is JSON */
    if (rc || xml.rc) {
        no_xml(q, &is);
        return;
    }
    q->content_type = rh_fhir_xml;
    q->answer = rh_buf_get(&xml);
}
