/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_import.c - the kick-off of $import, as the Bulk Data import proposal has it: a JSON object
 * or a Parameters resource with inputFormat, inputSource, storageDetail and input (type, url).
 */
#include "programme/bulk_import.h"
#include "server/bulkwork.h"
#include "server/rest_int.h"

struct importing {
    struct rh_request *q;
    const struct rh_bulk_import_host *host;
    struct rh_buf inputs;
    unsigned n;
};

static enum rh_rc refuse(struct importing *m, const char *what, struct rh_text value)
{
    return rh_issue_add(&m->q->issues, RH_INVALID, NULL, "%s; not \"%.*s\".", what,
                        RH_TEXT_ARG(rh_text_shown(value, 80)));
}

static enum rh_rc take_format(struct importing *m, struct rh_text t)
{
    if (rh_text_is(t, "application/fhir+ndjson") || rh_text_is(t, "application/ndjson") ||
        rh_text_is(t, "ndjson"))
        return RH_OK;
    return refuse(m, "inputFormat is application/fhir+ndjson", t);
}

static enum rh_rc take_storage(struct importing *m, struct rh_text t)
{
    if (rh_text_is(t, "https") || rh_text_is(t, "http") || rh_text_is(t, "file"))
        return RH_OK;
    return refuse(m, "storageDetail.type is https, http or file", t);
}

static enum rh_rc take_input(struct importing *m, struct rh_text type, struct rh_text url)
{
    if (!url.len)
        return rh_issue_add(&m->q->issues, RH_INVALID, NULL, "input %u has no url.", m->n);
    if (type.len && !rh_resource_number(type))
        return refuse(m, "input.type is a resource type of FHIR R4", type);
    if (m->n == RH_BULK_IMPORT_INPUTS_MAX)
        return rh_issue_add(&m->q->issues, RH_TOOLARGE, NULL, "There are more than %d inputs.",
                            RH_BULK_IMPORT_INPUTS_MAX);
    enum rh_rc rc = rh_bulk_import_check(m->host, m->q->arena, &m->q->issues, url);
    rh_buf_str(&m->inputs, m->n++ ? ",{\"type\":" : "{\"type\":");
    rh_buf_json(&m->inputs, type);
    rh_buf_str(&m->inputs, ",\"url\":");
    rh_buf_json(&m->inputs, url);
    rh_buf_char(&m->inputs, '}');
    return rc;
}

/* The value[x] of a parameter as text. */
static struct rh_text value_of(yyjson_val *parameter)
{
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach (parameter, i, max, key, value)
        if (rh_text_starts(rh_json_text(key), "value"))
            return rh_json_text(value);
    return (struct rh_text){NULL, 0};
}

static struct rh_text part_of(yyjson_val *parameter, const char *name)
{
    size_t i, max;
    yyjson_val *part;
    yyjson_arr_foreach (yyjson_obj_get(parameter, "part"), i, max, part)
        if (rh_text_is(rh_json_get(part, "name"), name))
            return value_of(part);
    return (struct rh_text){NULL, 0};
}

static const char valid[] = "inputFormat, inputSource, storageDetail and input";

static enum rh_rc read_parameters(struct importing *m, yyjson_val *root)
{
    size_t i, max;
    yyjson_val *p;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (yyjson_obj_get(root, "parameter"), i, max, p) {
        struct rh_text name = rh_json_get(p, "name");
        if (rh_text_is(name, "inputFormat"))
            rc = take_format(m, value_of(p));
        else if (rh_text_is(name, "input"))
            rc = take_input(m, part_of(p, "type"), part_of(p, "url"));
        else if (rh_text_is(name, "storageDetail"))
            rc = take_storage(m, part_of(p, "type"));
        else if (!rh_text_is(name, "inputSource"))
            rc = rh_operation_unknown(m->q, name, valid);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc read_object(struct importing *m, yyjson_val *root)
{
    size_t i, max;
    yyjson_val *key, *value, *input;
    enum rh_rc rc = RH_OK;
    yyjson_obj_foreach (root, i, max, key, value) {
        struct rh_text name = rh_json_text(key);
        if (rh_text_is(name, "inputFormat"))
            rc = take_format(m, rh_json_text(value));
        else if (rh_text_is(name, "storageDetail"))
            rc = take_storage(m, rh_json_get(value, "type"));
        else if (!rh_text_is(name, "inputSource") && !rh_text_is(name, "input"))
            rc = rh_operation_unknown(m->q, name, valid);
        if (rc)
            return rc;
    }
    yyjson_arr_foreach (yyjson_obj_get(root, "input"), i, max, input) {
        rc = take_input(m, rh_json_get(input, "type"), rh_json_get(input, "url"));
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc read_body(struct importing *m)
{
    yyjson_doc *doc;
    struct rh_grant grant;
    struct rh_request *q = m->q;
    enum rh_rc rc = rh_access_decide(&q->caller, RH_ACTION_IMPORT, 0, &q->issues, &grant);
    if (!rc)
        rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
    if (rc)
        return rc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    rh_buf_str(&m->inputs, "{\"inputs\":[");
    rc = rh_text_is(rh_json_get(root, "resourceType"), "Parameters") ? read_parameters(m, root)
                                                                     : read_object(m, root);
    if (!rc && !m->n)
        rc = rh_issue_add(&q->issues, RH_INVALID, NULL,
                          "There is no input: each has a type and a url.");
    rh_buf_str(&m->inputs, "]}");
    return rc ? rc : m->inputs.rc;
}

enum rh_step rh_rest_import(struct rh_request *q)
{
    struct importing m = {.q = q,
                          .host = rh_bulkwork_host(rh_server_of(q)->bulk, "import"),
                          .inputs = rh_buf(q->arena)};
    enum rh_rc rc = read_body(&m);
    return rc ? rh_rest_refuse(q, rc) : rh_rest_job_accepted(q, "import", rh_buf_get(&m.inputs));
}
