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
/* The Bundle is ours: places in its first entry are places in the body that was sent. */
static enum rh_step refuse_answers(struct rh_request *q, enum rh_rc rc)
{
    static const char ours[] = "Bundle.entry[0].resource", theirs[] = "QuestionnaireResponse";
    for (unsigned i = 0; i < q->issues.count; i++) {
        struct rh_issue *x = &q->issues.rows[i];
        if (!x->expression || strncmp(x->expression, ours, sizeof ours - 1))
            continue;
        const char *place =
            rh_arena_printf(q->arena, "%s%s", theirs, x->expression + sizeof ours - 1);
        if (place)
            x->expression = place;
    }
    return rh_rest_refuse(q, rc);
}

static enum rh_step answers_written(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_write *w = r->bundle->write;
    struct rh_buf out = rh_buf(q->arena);
    rh_rest_note_disk(q, w->rc);
    if (w->rc)
        return refuse_answers(q, w->rc);
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
        rc = rh_form_record_answers(&f.record, q->body, q->headers[RH_H_IF_MATCH],
                                    q->headers[RH_H_ACCEPT_LANGUAGE], &r->bundle);
    rh_world_close(f.world);
    if (rc)
        return refuse_answers(q, rc);
    return rh_request_write(q, r->bundle->write, answers_written);
}

/* --- $populate
 * ------------------------------------------------------------------------------------- */
struct population {
    struct rh_form_population o;
    struct rh_text canonical;
    yyjson_val *form;      /* NULL: by its address */
    struct rh_buf context; /* members of an object */
    bool has_patient;      /* one of them is called so */
};

/* A resource under a name: of the parameter itself, or read from the record. */
static enum rh_rc add_context(struct form_call *f, struct population *p, struct rh_text name,
                              yyjson_val *content)
{
    struct rh_text reference = rh_json_get(content, "reference");
    yyjson_val *found = NULL;
    if (!name.len || !content)
        return rh_issue_add(f->ctx.issues, RH_INVALID, NULL,
                            "context has the parts name and content (a Reference or a resource).");
    if (reference.len) {
        enum rh_rc rc = rh_form_record_read(&f->record, reference, &found);
        if (rc == RH_NOTFOUND || rc == RH_GONE)
            return rh_issue_add(f->ctx.issues, RH_NOTFOUND, NULL,
                                "%.*s, which is to be %%%.*s, is not in the record.",
                                RH_TEXT_ARG(rh_text_shown(reference, 100)), RH_TEXT_ARG(name));
        if (rc)
            return rc;
    }
    p->has_patient = p->has_patient || rh_text_is(name, "patient");
    rh_buf_str(&p->context, p->context.len ? "," : "{");
    rh_buf_json(&p->context, name);
    rh_buf_char(&p->context, ':');
    rh_json_write(&p->context, found ? found : content);
    return p->context.rc;
}

static enum rh_rc read_context(struct form_call *f, struct population *p, yyjson_val *parameter)
{
    yyjson_val *part, *content = NULL, *key, *v;
    struct rh_text name = {"", 0};
    size_t i, n, j, m;
    yyjson_arr_foreach (yyjson_obj_get(parameter, "part"), i, n, part) {
        struct rh_text what = rh_json_get(part, "name");
        yyjson_obj_foreach (part, j, m, key, v) {
            bool value = rh_text_starts(rh_json_text(key), "value") ||
                         rh_text_is(rh_json_text(key), "resource");
            if (value && rh_text_is(what, "name"))
                name = yyjson_is_obj(v) ? rh_json_get(v, "code") : rh_json_text(v);
            else if (value && rh_text_is(what, "content"))
                content = v;
        }
    }
    return add_context(f, p, name, content);
}

static enum rh_rc read_parameter(struct rh_request *q, struct form_call *f, struct population *p,
                                 const struct rh_operation_input *in, yyjson_val *parameter)
{
    struct rh_text text = in->text;
    if (yyjson_is_obj(in->value) && rh_json_get(in->value, "reference").len)
        text = rh_json_get(in->value, "reference");
    if (rh_text_is(in->name, "questionnaire") || rh_text_is(in->name, "canonical") ||
        rh_text_is(in->name, "url") || rh_text_is(in->name, "questionnaireRef")) {
        if (rh_text_is(rh_json_get(in->value, "resourceType"), "Questionnaire"))
            p->form = in->value;
        p->canonical = text;
        return RH_OK;
    }
    if (rh_text_is(in->name, "subject")) {
        p->o.subject = text;
        return RH_OK;
    }
    if (rh_text_is(in->name, "context") || rh_text_is(in->name, "launchContext"))
        return read_context(f, p, parameter);
    if (rh_text_is(in->name, "language")) {
        p->o.language = text;
        return RH_OK;
    }
    if (rh_text_is(in->name, "local"))
        return RH_OK; /* the record is always asked */
    return rh_operation_unknown(q, in->name,
                                "questionnaire, canonical, questionnaireRef, subject, context, "
                                "local, language");
}

static enum rh_rc read_population(struct rh_request *q, struct form_call *f, struct population *p)
{
    struct rh_operation_input *in;
    unsigned n = 0;
    yyjson_doc *doc = NULL;
    yyjson_val *list = NULL;
    enum rh_rc rc = rh_operation_instance(q, &p->form);
    if (!rc)
        rc = rh_operation_inputs(q, &in, &n);
    /* Parts are not among the inputs: they are read from the body again, in the same order. */
    if (!rc && q->method == RH_M_POST && rh_text_trim(q->body).len)
        rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
    if (doc)
        list = yyjson_obj_get(yyjson_doc_get_root(doc), "parameter");
    for (unsigned i = 0; i < n && !rc; i++)
        rc = read_parameter(q, f, p, &in[i], yyjson_arr_get(list, i));
    return rc;
}

/* %patient is the subject, when nobody says otherwise. */
static enum rh_rc finish_context(struct form_call *f, struct population *p)
{
    yyjson_val *patient = NULL;
    yyjson_doc *doc;
    enum rh_rc rc = RH_OK;
    if (p->o.subject.len) {
        rc = rh_form_record_read(&f->record, p->o.subject, &patient);
        if (rc == RH_NOTFOUND || rc == RH_GONE)
            return rh_issue_add(f->ctx.issues, RH_NOTFOUND, NULL,
                                "The subject %.*s is not in the record.",
                                RH_TEXT_ARG(rh_text_shown(p->o.subject, 100)));
    }
    if (!rc && patient && !p->has_patient) {
        rh_buf_str(&p->context, p->context.len ? ",\"patient\":" : "{\"patient\":");
        rh_json_write(&p->context, patient);
    }
    if (rc || !p->context.len)
        return rc;
    rh_buf_char(&p->context, '}');
    rc = p->context.rc ? p->context.rc
                       : rh_json_parse(f->ctx.arena, f->ctx.issues, rh_buf_get(&p->context), &doc);
    if (!rc)
        p->o.context = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc populate(struct rh_request *q, struct form_call *f, struct rh_buf *out)
{
    struct population p = {.context = rh_buf(q->arena)};
    const struct rh_form *form;
    enum rh_rc rc = read_population(q, f, &p);
    if (!rc && !p.form && !p.canonical.len)
        rc = rh_issue_add(&q->issues, RH_INVALID, NULL,
                          "$populate needs a Questionnaire: of the address, or as the parameter "
                          "questionnaire (its canonical address, a Reference or itself).");
    if (!rc)
        rc = finish_context(f, &p);
    if (!rc && !p.form)
        rc = rh_form_record_find(&f->record, p.canonical, &p.form);
    if (rc)
        return rc;
    p.o.query = rh_form_record_query;
    p.o.user = &f->record;
    if (p.canonical.len && rh_world_find(f->world, "Questionnaire", p.canonical))
        rc = rh_form_find(&f->ctx, p.canonical, &form);
    else
        rc = rh_form_compile(&f->ctx, q->arena, p.form, &form);
    return rc ? rc : rh_form_populate(&f->ctx, form, &p.o, out);
}

enum rh_step rh_rest_populate(struct rh_request *q)
{
    struct form_call f = {0};
    struct rh_buf response = rh_buf(q->arena), out = rh_buf(q->arena);
    enum rh_rc rc = begin(q, RH_ACTION_READ, &f);
    if (!rc)
        rc = populate(q, &f, &response);
    if (!rc)
        write_parameters(q, "response", rh_buf_get(&response), &out);
    rh_world_close(f.world);
    rc = rc ? rc : out.rc;
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}
