/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_meta.c - $meta, $meta-add, $meta-delete; $expunge.
 *
 * https://hl7.org/fhir/R4/resource-operations.html. A change of meta makes a new version: versions
 * never change here, so on an old one it is refused. $expunge has the inputs of HAPI FHIR.
 */
#include "record/expunge.h"
#include "record/meta.h"
#include "server/rest_int.h"

enum { ATTEMPTS = 5 }; /* when others write in between */

static enum rh_step answer_meta(struct rh_request *q, struct rh_text meta)
{
    struct rh_buf out = rh_buf(q->arena);
    rh_buf_str(&out, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"return\","
                     "\"valueMeta\":");
    rh_buf_text(&out, meta);
    rh_buf_str(&out, "}]}");
    return rh_rest_answer(q, 200, &out);
}

static enum rh_rc parse_version(struct rh_request *q, const struct rh_version *v, yyjson_val **ret)
{
    struct rh_buf text = rh_buf(q->arena);
    yyjson_doc *doc;
    rh_version_write(v, &text);
    enum rh_rc rc =
        text.rc ? text.rc : rh_json_parse(q->arena, &q->issues, rh_buf_get(&text), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_step answer_version(struct rh_request *q, const struct rh_version *v)
{
    struct rh_buf meta = rh_buf(q->arena);
    yyjson_val *resource;
    enum rh_rc rc = parse_version(q, v, &resource);
    if (rc)
        return rh_rest_refuse(q, rc);
    rh_json_write(&meta, yyjson_obj_get(resource, "meta"));
    if (meta.rc)
        return rh_rest_refuse(q, meta.rc);
    rh_rest_version_headers(q, v);
    return answer_meta(q, rh_buf_get(&meta));
}

static enum rh_rc no_inputs(struct rh_request *q)
{
    struct rh_operation_input *in;
    unsigned n;
    enum rh_rc rc = rh_operation_inputs(q, &in, &n);
    for (unsigned i = 0; !rc && i < n; i++)
        rc = rh_operation_unknown(q, in[i].name, "none");
    return rc;
}

enum rh_step rh_rest_meta(struct rh_request *q)
{
    struct rh_version v = {0};
    struct rh_buf meta = rh_buf(q->arena);
    enum rh_rc rc = no_inputs(q);
    if (!rc && q->version_id.len)
        rc = rh_record_vread(q->session, &q->ctx, &q->caller, q->type, q->id, q->version_id, &v);
    else if (!rc && q->id.len)
        rc = rh_record_read(q->session, &q->ctx, &q->caller, q->type, q->id, &v);
    else if (!rc)
        rc = rh_record_meta(q->session, &q->ctx, &q->caller, q->type, &meta);
    if (rc)
        return rh_rest_refuse(q, rc);
    return q->id.len ? answer_version(q, &v) : answer_meta(q, rh_buf_get(&meta));
}

/* --- changes --- */

static enum rh_rc read_meta(struct rh_request *q, const yyjson_val **ret)
{
    struct rh_operation_input *in;
    unsigned n;
    enum rh_rc rc = rh_operation_inputs(q, &in, &n);
    *ret = NULL;
    for (unsigned i = 0; !rc && i < n; i++) {
        if (!rh_text_is(in[i].name, "meta"))
            rc = rh_operation_unknown(q, in[i].name, "meta");
        else if (*ret || !yyjson_is_obj(in[i].value))
            rc = rh_issue_add(&q->issues, RH_INVALID, "Parameters.parameter",
                              "meta is one valueMeta.");
        else
            *ret = in[i].value;
    }
    if (!rc && !*ret)
        rc = rh_issue_add(&q->issues, RH_REQUIRED, "Parameters.parameter",
                          "The input meta (valueMeta) is missing.");
    return rc;
}

/* The resource as it is to be stored, with its meta changed. */
static enum rh_rc changed(struct rh_request *q, yyjson_val *resource, const yyjson_val *other,
                          struct rh_text *ret)
{
    struct rh_buf b = rh_buf(q->arena);
    bool add = strcmp(rh_rest_of(q)->operation->name, "$meta-add") == 0;
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach (resource, i, max, key, value) {
        rh_buf_char(&b, i ? ',' : '{');
        rh_json_write(&b, key);
        rh_buf_char(&b, ':');
        if (rh_text_is(rh_json_text(key), "meta"))
            rh_meta_change(value, other, add, &b);
        else
            rh_json_write(&b, value);
    }
    rh_buf_char(&b, '}');
    *ret = rh_buf_get(&b);
    return b.rc;
}

static enum rh_rc check_version(struct rh_request *q, const struct rh_version *current)
{
    char id[RH_VERSION_ID_SIZE];
    rh_version_id(current->origin, current->seq, id);
    if (!q->version_id.len || rh_text_is(q->version_id, id))
        return RH_OK;
    struct rh_version old;
    enum rh_rc rc =
        rh_record_vread(q->session, &q->ctx, &q->caller, q->type, q->id, q->version_id, &old);
    return rc ? rc
              : rh_issue_add(&q->issues, RH_RULE, NULL,
                             "Versions never change here: only the current one (%s) can be given "
                             "other meta, which makes a new version.",
                             id);
}

static enum rh_step change(struct rh_request *q);

static enum rh_step change_written(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_write_op *op = &r->write->ops[0];
    struct rh_text if_match = q->headers[RH_H_IF_MATCH];
    enum rh_rc rc = r->write->rc ? r->write->rc : op->rc;
    rh_rest_note_disk(q, rc);
    if (rc == RH_PRECONDITION && !if_match.data && !q->version_id.len && ++r->attempts < ATTEMPTS) {
        rh_issues_init(&q->issues, q->arena);
        return change(q);
    }
    return rc ? rh_rest_refuse(q, rc) : answer_version(q, &op->version);
}

/* The version that is read is the one that is replaced, or it is done again. */
static enum rh_step change(struct rh_request *q)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_version v = {0};
    const yyjson_val *other;
    yyjson_val *resource;
    char id[RH_VERSION_ID_SIZE];
    struct rh_text body, if_match = q->headers[RH_H_IF_MATCH];
    enum rh_rc rc = read_meta(q, &other);
    if (!rc)
        rc = rh_record_read(q->session, &q->ctx, &q->caller, q->type, q->id, &v);
    if (!rc)
        rc = check_version(q, &v);
    if (!rc)
        rc = parse_version(q, &v, &resource);
    if (!rc)
        rc = changed(q, resource, other, &body);
    if (!rc)
        rc = rh_write_open(&q->ctx, &q->caller, RH_WRITE_SINGLE, 1, &r->write);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_write_op *op = &r->write->ops[0];
    rh_version_id(v.origin, v.seq, id);
    char *own = rh_arena_printf(q->arena, "W/\"%s\"", id);
    op->interaction = RH_UPDATE;
    op->type = q->type;
    op->id = q->id;
    op->body = body;
    op->if_match = if_match.data ? if_match : rh_text(own);
    rc = own ? rh_write_prepare(q->session, r->write) : RH_NOMEM;
    return rc ? rh_rest_refuse(q, rc) : rh_request_write(q, r->write, change_written);
}

enum rh_step rh_rest_meta_change(struct rh_request *q)
{
    return change(q);
}

/* --- $expunge --- */

enum rh_step rh_rest_expunge(struct rh_request *q)
{
    struct rh_operation_input *in;
    struct rh_expunge_request r = {.type = q->type, .id = q->id, .version = q->version_id};
    unsigned n;
    uint64_t count = 0;
    enum rh_rc rc = rh_operation_inputs(q, &in, &n);
    for (unsigned i = 0; !rc && i < n; i++) {
        if (rh_text_is(in[i].name, "limit"))
            rc = rh_operation_number(q, &in[i], INT32_MAX, &r.limit);
        else if (rh_text_is(in[i].name, "expungeDeletedResources"))
            rc = rh_operation_bool(q, &in[i], &r.deleted);
        else if (rh_text_is(in[i].name, "expungePreviousVersions"))
            rc = rh_operation_bool(q, &in[i], &r.previous);
        else
            rc = rh_operation_unknown(q, in[i].name,
                                      "limit, expungeDeletedResources and expungePreviousVersions");
    }
    if (!rc)
        rc = rh_record_expunge(q->session, &q->ctx, &q->caller, &r, &count);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_buf out = rh_buf(q->arena);
    rh_buf_printf(&out,
                  "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"count\","
                  "\"valueInteger\":%llu}]}",
                  (unsigned long long)count);
    return rh_rest_answer(q, 200, &out);
}
