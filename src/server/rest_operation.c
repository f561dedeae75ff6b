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
    {"Patient", "$everything", RH_TERMS_OPS, RH_AT_TYPE | RH_AT_INSTANCE, true, rh_rest_everything,
     R4_OPERATION "Patient-everything"},
    {"Encounter", "$everything", RH_TERMS_OPS, RH_AT_INSTANCE, true, rh_rest_everything,
     R4_OPERATION "Encounter-everything"},
    {NULL, "$export", RH_TERMS_OPS, RH_AT_SYSTEM, true, rh_rest_export,
     "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"},
    {"Patient", "$export", RH_TERMS_OPS, RH_AT_TYPE, true, rh_rest_export,
     "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"},
    {"Group", "$export", RH_TERMS_OPS, RH_AT_INSTANCE, true, rh_rest_export,
     "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"},
    {NULL, "$import", RH_TERMS_OPS, RH_AT_SYSTEM, false, rh_rest_import,
     "https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md"},
    {NULL, "$meta", RH_TERMS_OPS, RH_AT_SYSTEM | RH_AT_TYPE | RH_AT_INSTANCE | RH_AT_VERSION, true,
     rh_rest_meta, R4_OPERATION "Resource-meta"},
    {NULL, "$meta-add", RH_TERMS_OPS, RH_AT_INSTANCE | RH_AT_VERSION, false, rh_rest_meta_change,
     R4_OPERATION "Resource-meta-add"},
    {NULL, "$meta-delete", RH_TERMS_OPS, RH_AT_INSTANCE | RH_AT_VERSION, false, rh_rest_meta_change,
     R4_OPERATION "Resource-meta-delete"},
    {NULL, "$expunge", RH_TERMS_OPS, RH_AT_SYSTEM | RH_AT_TYPE | RH_AT_INSTANCE | RH_AT_VERSION,
     false, rh_rest_expunge, "https://hapifhir.io/hapi-fhir/docs/server_jpa/expunge.html"},
    {"Questionnaire", "$package", RH_TERMS_OPS, RH_AT_TYPE, true, rh_rest_package,
     "http://hl7.org/fhir/uv/sdc/OperationDefinition/Questionnaire-package"},
    {"Questionnaire", "$populate", RH_TERMS_OPS, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_populate, "http://hl7.org/fhir/uv/sdc/OperationDefinition/Questionnaire-populate"},
    {"QuestionnaireResponse", "$extract", RH_TERMS_OPS, RH_AT_TYPE | RH_AT_INSTANCE, true,
     rh_rest_extract,
     "http://hl7.org/fhir/uv/sdc/OperationDefinition/QuestionnaireResponse-extract"},
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

/* --- inputs that are not of terminology --- */
static enum rh_rc inputs_of_query(struct rh_request *q, struct rh_operation_input **ret,
                                  unsigned *n)
{
    struct rh_terms_input *rows = rh_arena_alloc(q->arena, RH_TERMS_INPUTS_MAX * sizeof *rows);
    size_t count = 0;
    enum rh_rc rc = rows ? rh_operation_query(q, rows, &count) : RH_NOMEM;
    *n = (unsigned)count;
    *ret = rc ? NULL : rh_arena_zero(q->arena, (count + 1) * sizeof **ret);
    if (!*ret)
        return rc ? rc : RH_NOMEM;
    for (size_t i = 0; i < count; i++)
        (*ret)[i] = (struct rh_operation_input){rows[i].name, rows[i].value, NULL};
    return RH_OK;
}

static struct rh_operation_input input_of(yyjson_val *parameter)
{
    struct rh_operation_input in = {.name = rh_json_get(parameter, "name")};
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach (parameter, i, max, key, value) {
        if (!rh_text_starts(rh_json_text(key), "value") &&
            !rh_text_is(rh_json_text(key), "resource"))
            continue;
        in.value = value;
        in.text = yyjson_is_bool(value) ? rh_text(yyjson_get_bool(value) ? "true" : "false")
                                        : rh_json_text(value);
    }
    return in;
}

enum rh_rc rh_operation_inputs(struct rh_request *q, struct rh_operation_input **ret, unsigned *n)
{
    yyjson_doc *doc;
    yyjson_val *p;
    size_t i, max;
    const struct rh_rest *r = rh_rest_of(q);
    enum rh_rc rc = inputs_of_query(q, ret, n);
    if (!rc && !q->lenient && (r->summary != RH_SUMMARY_FALSE || r->parameters.elements.data))
        return rh_issue_add(&q->issues, RH_QUERY, NULL,
                            "_summary and _elements are for reads and searches, not for %s.",
                            r->operation->name);
    if (rc || q->method != RH_M_POST || !rh_text_trim(q->body).len)
        return rc;
    if (*n)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "Put all inputs into the Parameters of the body, none into the query.");
    rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
    if (rc)
        return rc;
    yyjson_val *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "parameter");
    if (!rh_text_is(rh_json_get(root, "resourceType"), "Parameters") ||
        (list && !yyjson_is_arr(list)))
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "The body of %s is a Parameters resource.",
                            rh_rest_of(q)->operation->name);
    *ret = rh_arena_zero(q->arena, (yyjson_arr_size(list) + 1) * sizeof **ret);
    if (!*ret)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, max, p)
        (*ret)[(*n)++] = input_of(p);
    return RH_OK;
}

enum rh_rc rh_operation_bool(struct rh_request *q, const struct rh_operation_input *in, bool *ret)
{
    *ret = rh_text_is(in->text, "true");
    if (*ret || rh_text_is(in->text, "false"))
        return RH_OK;
    return rh_issue_add(&q->issues, RH_INVALID, NULL, "%.*s is true or false.",
                        RH_TEXT_ARG(in->name));
}

enum rh_rc rh_operation_number(struct rh_request *q, const struct rh_operation_input *in,
                               uint64_t max, uint64_t *ret)
{
    if (!rh_text_u64(in->text, max, ret))
        return RH_OK;
    return rh_issue_add(&q->issues, RH_INVALID, NULL, "%.*s is a whole number up to %llu.",
                        RH_TEXT_ARG(in->name), (unsigned long long)max);
}

enum rh_rc rh_operation_unknown(struct rh_request *q, struct rh_text name, const char *valid)
{
    char *text = rh_arena_printf(q->arena, "%s has no input \"%.*s\"; it has %s.",
                                 rh_rest_of(q)->operation->name,
                                 RH_TEXT_ARG(rh_text_shown(name, 80)), valid);
    if (!text)
        return RH_NOMEM;
    if (!q->lenient)
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "%s", text);
    rh_issue_at(&q->issues,
                (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = text});
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
