/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_operation.c - the table of operations, and what they share: input from a query or a body,
 * the resource they are called on.
 */
#include "server/rest_int.h"

#define R4_OPERATION "http://hl7.org/fhir/OperationDefinition/"

const struct rh_operation rh_operations[] = {
    {"ValueSet", "$expand", RH_TERMS_EXPAND, RH_AT_TYPE | RH_AT_INSTANCE, true, rh_rest_terminology,
     R4_OPERATION "ValueSet-expand"},
    {"ValueSet", "$validate-code", RH_TERMS_VALIDATE_VALUESET, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_terminology, R4_OPERATION "ValueSet-validate-code"},
    {"ValueSet", "$batch-validate-code", RH_TERMS_BATCH_VALIDATE, RH_AT_TYPE, false,
     rh_rest_terminology,
     "http://hl7.org/fhir/uv/tx-ecosystem/OperationDefinition/ValueSet-batch-validate-code"},
    {"CodeSystem", "$validate-code", RH_TERMS_VALIDATE_SYSTEM, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_terminology, R4_OPERATION "CodeSystem-validate-code"},
    {"CodeSystem", "$lookup", RH_TERMS_LOOKUP, RH_AT_TYPE, true, rh_rest_terminology,
     R4_OPERATION "CodeSystem-lookup"},
    {"CodeSystem", "$subsumes", RH_TERMS_SUBSUMES, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_terminology, R4_OPERATION "CodeSystem-subsumes"},
    {"ConceptMap", "$translate", RH_TERMS_TRANSLATE, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_terminology, R4_OPERATION "ConceptMap-translate"},
    {NULL, "$validate", RH_TERMS_OPS, RH_AT_TYPE | RH_AT_INSTANCE, true, rh_rest_validate,
     R4_OPERATION "Resource-validate"},
};
const unsigned rh_operations_n = sizeof rh_operations / sizeof rh_operations[0];

const struct rh_operation *rh_operation_find(unsigned type, struct rh_text name, unsigned at)
{
    for (unsigned i = 0; i < rh_operations_n; i++) {
        const struct rh_operation *o = &rh_operations[i];
        if ((o->at & at) && rh_text_is(name, o->name) &&
            (!o->type || (type && strcmp(o->type, rh_resource_type(type)->name) == 0)))
            return o;
    }
    return NULL;
}

enum rh_rc rh_operation_query(struct rh_request *q, struct rh_terms_input *inputs, size_t *n)
{
    struct rh_text rest = rh_rest_of(q)->parameters.rest, part;
    *n = 0;
    if (!q->query.data)
        return RH_OK;
    while (rh_text_split(&rest, '&', &part)) {
        struct rh_text value = part, name;
        if (part.len == 0)
            continue;
        rh_text_split(&value, '=', &name);
        if (*n == RH_TERMS_INPUTS_MAX)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "The query has more than %d parameters.", RH_TERMS_INPUTS_MAX);
        struct rh_terms_input *in = &inputs[(*n)++];
        enum rh_rc rc = rh_percent_decode(q->arena, name, &in->name);
        if (!rc)
            rc = rh_percent_decode(q->arena, value.data ? value : RH_TEXT(""), &in->value);
        if (rc)
            return rh_issue_add(&q->issues, rc, NULL,
                                "The query part \"%.*s\" is not percent-encoded UTF-8.",
                                (int)(part.len > 80 ? 80 : part.len), part.data);
    }
    return RH_OK;
}

enum rh_rc rh_operation_instance(struct rh_request *q, yyjson_val **ret)
{
    struct rh_version v;
    struct rh_buf text = rh_buf(q->arena);
    yyjson_doc *doc;
    *ret = NULL;
    if (!q->id.len)
        return RH_OK;
    enum rh_rc rc = rh_record_read(q->session, &q->ctx, &q->caller, q->type, q->id, &v);
    if (rc)
        return rc;
    rh_version_write(&v, &text);
    if (text.rc)
        return text.rc;
    rc = rh_json_parse(q->arena, &q->issues, rh_buf_get(&text), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc ? RH_CORRUPT : RH_OK;
}

enum rh_step rh_rest_operation(struct rh_request *q)
{
    const struct rh_operation *o = rh_rest_of(q)->operation;
    if (q->method == RH_M_POST || o->get)
        return o->run(q);
    rh_request_answer_header(q, "Allow", "POST, OPTIONS");
    return rh_rest_refuse(q, rh_issue_add(&q->issues, RH_METHOD, NULL,
                                          "%s takes POST, with a Parameters resource.", o->name));
}
