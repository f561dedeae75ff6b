/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_form.c - forms over HTTP.
 *
 *     QuestionnaireResponse/$extract   what follows from answers, as a transaction; nothing is
 * stored Questionnaire/$populate          a response filled in from what the record says POST
 * /clinical/answers           a response stored together with what follows from it
 *
 * http://hl7.org/fhir/uv/sdc/OperationDefinition/QuestionnaireResponse-extract and
 * Questionnaire-populate. Both answer Parameters, since both have `issues` beside the result.
 */
#include "programme/form_record.h"
#include "programme/validation.h"
#include "server/rest_int.h"

struct form_call {
    struct rh_ctx ctx;
    struct rh_world *world;
    struct rh_form_record record;
    struct rh_host host;
};

static enum rh_rc begin(struct rh_request *q, enum rh_action action, struct form_call *f)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(&q->caller, action, q->type, &q->issues, &grant);
    if (!rc)
        rc = rh_worlds_pin(rh_server_of(q)->worlds, q->session, &q->issues, &f->world);
    f->ctx = q->ctx;
    f->ctx.world = f->world;
    f->host = rh_conformance_host(&rh_programme_host, NULL);
    f->ctx.host = &f->host;
    f->record =
        (struct rh_form_record){.session = q->session, .ctx = &f->ctx, .caller = &q->caller};
    return rc;
}

/* Warnings are the output `issues`, and then none of the request. */
static void write_issues(struct rh_request *q, struct rh_buf *out)
{
    if (!q->issues.count)
        return;
    rh_buf_str(out, ",{\"name\":\"issues\",\"resource\":");
    rh_issues_outcome(&q->issues, RH_OK, out);
    rh_buf_char(out, '}');
}

static void write_parameters(struct rh_request *q, const char *name, struct rh_text resource,
                             struct rh_buf *out)
{
    rh_buf_printf(out,
                  "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"%s\","
                  "\"resource\":",
                  name);
    rh_buf_text(out, resource);
    rh_buf_char(out, '}');
    write_issues(q, out);
    rh_buf_str(out, "]}");
}

/* --- $extract ------------------------------------------------------------------------------------
 */
/* The response of the address, of a parameter, or the body itself. */
static enum rh_rc response_of(struct rh_request *q, yyjson_val **ret, yyjson_val **ret_form)
{
    struct rh_operation_input *in;
    unsigned n = 0;
    yyjson_doc *doc;
    *ret_form = NULL;
    enum rh_rc rc = rh_operation_instance(q, ret);
    if (rc)
        return rc;
    if (!*ret && rh_text_trim(q->body).len) {
        rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
        yyjson_val *root = rc ? NULL : yyjson_doc_get_root(doc);
        if (rh_text_is(rh_json_get(root, "resourceType"), "QuestionnaireResponse")) {
            *ret = root;
            return RH_OK;
        }
    }
    if (!rc)
        rc = rh_operation_inputs(q, &in, &n);
    for (unsigned i = 0; i < n && !rc; i++) {
        if (rh_text_is(in[i].name, "questionnaire-response") && yyjson_is_obj(in[i].value))
            *ret = in[i].value;
        else if (rh_text_is(in[i].name, "questionnaire") && yyjson_is_obj(in[i].value))
            *ret_form = in[i].value;
        else
            rc = rh_operation_unknown(q, in[i].name, "questionnaire-response, questionnaire");
    }
    if (!rc && !*ret)
        rc = rh_issue_add(&q->issues, RH_INVALID, NULL,
                          "$extract needs a QuestionnaireResponse: of the address, or as the "
                          "parameter questionnaire-response.");
    return rc;
}

enum rh_step rh_rest_extract(struct rh_request *q)
{
    struct form_call f = {0};
    struct rh_buf bundle = rh_buf(q->arena), out = rh_buf(q->arena);
    struct rh_form_extraction o = {0};
    yyjson_val *response = NULL, *form = NULL;
    enum rh_rc rc = begin(q, RH_ACTION_READ, &f);
    if (!rc)
        rc = response_of(q, &response, &form);
    if (!rc && !form)
        rc = rh_form_record_find(&f.record, rh_json_get(response, "questionnaire"), &form);
    if (!rc)
        rc = rh_form_record_context(&f.record, response, &o.context);
    if (!rc)
        rc = rh_form_extract(&f.ctx, form, response, &o, &bundle);
    if (!rc)
        write_parameters(q, "return", rh_buf_get(&bundle), &out);
    rh_world_close(f.world);
    rc = rc ? rc : out.rc;
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}

/* --- answers
 * --------------------------------------------------------------------------------------- */
static enum rh_step answers_written(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_write *w = r->bundle->write;
    struct rh_buf out = rh_buf(q->arena);
    rh_rest_note_disk(q, w->rc);
    if (w->rc)
        return rh_rest_refuse(q, w->rc);
    struct rh_write_op *op = &w->ops[r->bundle->op_of_entry[0]];
    rh_version_write(&op->version, &out);
    if (out.rc)
        return rh_rest_refuse(q, out.rc);
    r->version = op->version;
    rh_rest_version_headers(q, &op->version);
    return rh_rest_answer(q, op->status, &out);
}

enum rh_step rh_rest_answers(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct form_call f = {0};
    enum rh_rc rc = begin(q, RH_ACTION_CREATE, &f);
    if (!rc && !rh_text_trim(q->body).len)
        rc = rh_issue_add(&q->issues, RH_SYNTAX, NULL,
                          "The body is empty; send a QuestionnaireResponse.");
    if (!rc)
        rc = rh_form_record_answers(&f.record, q->body, q->headers[RH_H_IF_MATCH], &r->bundle);
    rh_world_close(f.world);
    if (rc)
        return rh_rest_refuse(q, rc);
    return rh_request_write(q, r->bundle->write, answers_written);
}
