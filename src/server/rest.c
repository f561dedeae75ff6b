/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/rest_int.h"

#include "base/hash.h"
#include "fhir/primitive.h"
#include "server/subset.h"
#include "system/clock.h"
#include "system/log.h"

#include <stdio.h>

enum { RH_REQUEST_ID_SENT_MAX = 128 }; /* of a client's name for its request that is sent back */

const char rh_fhir_json[] = "application/fhir+json;charset=utf-8";

/* clang-format off */
const struct rh_route rh_routes[] = {
    {RH_SHAPE_NONE,             RH_M_OTHER,  "none",             RH_PLACE_LOOP,   0, 0, NULL, NULL, NULL, true, false},
    {RH_SHAPE_INSTANCE,         RH_M_GET,    "read",             RH_PLACE_LOOP,   0, 0, rh_rest_read, "read", NULL, true, true},
    {RH_SHAPE_VERSION,          RH_M_GET,    "vread",            RH_PLACE_LOOP,   0, 0, rh_rest_vread, "vread", NULL, true, true},
    {RH_SHAPE_INSTANCE,         RH_M_PUT,    "update",           RH_PLACE_LOOP,   RH_TAKES_JSON, RH_HTTP_RESOURCE_MAX, rh_rest_update, "update", NULL, true, false},
    {RH_SHAPE_TYPE,             RH_M_PUT,    "update-conditional", RH_PLACE_WORKER, RH_TAKES_JSON, RH_HTTP_RESOURCE_MAX, rh_rest_update, NULL, NULL, true, false},
    {RH_SHAPE_INSTANCE,         RH_M_PATCH,  "patch",            RH_PLACE_WORKER, RH_TAKES_PATCH, RH_HTTP_RESOURCE_MAX, rh_rest_patch, "patch", NULL, true, false},
    {RH_SHAPE_TYPE,             RH_M_PATCH,  "patch-conditional", RH_PLACE_WORKER, RH_TAKES_PATCH, RH_HTTP_RESOURCE_MAX, rh_rest_patch, NULL, NULL, true, false},
    {RH_SHAPE_INSTANCE,         RH_M_DELETE, "delete",           RH_PLACE_LOOP,   0, 0, rh_rest_delete, "delete", NULL, true, false},
    {RH_SHAPE_TYPE,             RH_M_DELETE, "delete-conditional", RH_PLACE_WORKER, 0, 0, rh_rest_delete, NULL, NULL, true, false},
    {RH_SHAPE_INSTANCE_HISTORY, RH_M_GET,    "history-instance", RH_PLACE_WORKER, 0, 0, rh_rest_history, "history-instance", NULL, true, true},
    {RH_SHAPE_TYPE_HISTORY,     RH_M_GET,    "history-type",     RH_PLACE_WORKER, 0, 0, rh_rest_history, "history-type", NULL, true, true},
    {RH_SHAPE_SYSTEM_HISTORY,   RH_M_GET,    "history-system",   RH_PLACE_WORKER, 0, 0, rh_rest_history, NULL, "history-system", true, true},
    {RH_SHAPE_TYPE,             RH_M_POST,   "create",           RH_PLACE_LOOP,   RH_TAKES_JSON, RH_HTTP_RESOURCE_MAX, rh_rest_create, "create", NULL, true, false},
    {RH_SHAPE_TYPE,             RH_M_GET,    "search-type",      RH_PLACE_WORKER, 0, 0, rh_rest_search, "search-type", NULL, true, true},
    {RH_SHAPE_TYPE_SEARCH,      RH_M_POST,   "search-type-post", RH_PLACE_WORKER, RH_TAKES_FORM | RH_TAKES_NO_BODY, RH_HTTP_FORM_MAX, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_TYPE_SEARCH,      RH_M_GET,    "search-type-get",  RH_PLACE_WORKER, 0, 0, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_BASE,             RH_M_POST,   "batch",            RH_PLACE_WORKER, RH_TAKES_JSON, RH_HTTP_BUNDLE_MAX, rh_rest_bundle, NULL, "transaction batch", true, false},
    {RH_SHAPE_BASE,             RH_M_GET,    "search-system",    RH_PLACE_WORKER, 0, 0, rh_rest_search, NULL, "search-system", true, true},
    {RH_SHAPE_SYSTEM_SEARCH,    RH_M_POST,   "search-system-post", RH_PLACE_WORKER, RH_TAKES_FORM | RH_TAKES_NO_BODY, RH_HTTP_FORM_MAX, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_SYSTEM_SEARCH,    RH_M_GET,    "search-system-get", RH_PLACE_WORKER, 0, 0, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_COMPARTMENT,      RH_M_GET,    "search-compartment", RH_PLACE_WORKER, 0, 0, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_COMPARTMENT_SEARCH, RH_M_POST, "search-compartment-post", RH_PLACE_WORKER, RH_TAKES_FORM | RH_TAKES_NO_BODY, RH_HTTP_FORM_MAX, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_COMPARTMENT_SEARCH, RH_M_GET,  "search-compartment-get", RH_PLACE_WORKER, 0, 0, rh_rest_search, NULL, NULL, true, true},
    {RH_SHAPE_METADATA,         RH_M_GET,    "capabilities",     RH_PLACE_WORKER,   0, 0, rh_rest_metadata, NULL, NULL, true, true},
    {RH_SHAPE_TERMINOLOGY,      RH_M_GET,    "terminology-capabilities", RH_PLACE_WORKER, 0, 0, rh_rest_terminology_capabilities, NULL, NULL, true, true},
    {RH_SHAPE_TYPE_OPERATION,   RH_M_POST,   "operation-type-post", RH_PLACE_WORKER, RH_TAKES_JSON | RH_TAKES_NO_BODY, RH_HTTP_BUNDLE_MAX, rh_rest_operation, NULL, NULL, true, false},
    {RH_SHAPE_TYPE_OPERATION,   RH_M_GET,    "operation-type",   RH_PLACE_WORKER, 0, 0, rh_rest_operation, NULL, NULL, true, true},
    {RH_SHAPE_INSTANCE_OPERATION, RH_M_POST, "operation-instance-post", RH_PLACE_WORKER, RH_TAKES_JSON | RH_TAKES_NO_BODY, RH_HTTP_BUNDLE_MAX, rh_rest_operation, NULL, NULL, true, false},
    {RH_SHAPE_INSTANCE_OPERATION, RH_M_GET,  "operation-instance", RH_PLACE_WORKER, 0, 0, rh_rest_operation, NULL, NULL, true, true},
    {RH_SHAPE_VERSION_OPERATION, RH_M_POST,  "operation-version-post", RH_PLACE_WORKER, RH_TAKES_JSON | RH_TAKES_NO_BODY, RH_HTTP_BUNDLE_MAX, rh_rest_operation, NULL, NULL, true, false},
    {RH_SHAPE_VERSION_OPERATION, RH_M_GET,   "operation-version", RH_PLACE_WORKER, 0, 0, rh_rest_operation, NULL, NULL, true, true},
    {RH_SHAPE_SYSTEM_OPERATION, RH_M_POST,   "operation-system-post", RH_PLACE_WORKER, RH_TAKES_JSON | RH_TAKES_NO_BODY, RH_HTTP_BUNDLE_MAX, rh_rest_operation, NULL, NULL, true, false},
    {RH_SHAPE_SYSTEM_OPERATION, RH_M_GET,    "operation-system", RH_PLACE_WORKER, 0, 0, rh_rest_operation, NULL, NULL, true, true},
    {RH_SHAPE_EVENTS,           RH_M_GET,    "events",           RH_PLACE_WORKER, 0, 0, rh_rest_events, NULL, NULL, false, false},
    {RH_SHAPE_JOB,              RH_M_GET,    "job-status",       RH_PLACE_WORKER, 0, 0, rh_rest_job, NULL, NULL, false, false},
    {RH_SHAPE_JOB,              RH_M_DELETE, "job-cancel",       RH_PLACE_WORKER, 0, 0, rh_rest_job, NULL, NULL, false, false},
    {RH_SHAPE_JOB_FILE,         RH_M_GET,    "job-file",         RH_PLACE_WORKER, 0, 0, rh_rest_job_file, NULL, NULL, false, false},
    {RH_SHAPE_CLINICAL,         RH_M_GET,    "clinical",         RH_PLACE_WORKER, 0, 0, rh_rest_clinical, NULL, NULL, true, false},
    {RH_SHAPE_CLINICAL,         RH_M_POST,   "clinical-post",    RH_PLACE_WORKER, RH_TAKES_JSON | RH_TAKES_NO_BODY, RH_HTTP_RESOURCE_MAX, rh_rest_clinical, NULL, NULL, true, false},
    {RH_SHAPE_HEALTH,           RH_M_GET,    "health",           RH_PLACE_LOOP,   0, 0, rh_rest_health, NULL, NULL, false, false},
    {RH_SHAPE_METRICS,          RH_M_GET,    "metrics",          RH_PLACE_WORKER, 0, 0, rh_rest_metrics, NULL, NULL, false, false},
    {RH_SHAPE_WEB,              RH_M_GET,    "web",              RH_PLACE_LOOP,   0, 0, rh_rest_web, NULL, NULL, false, false},
};
/* clang-format on */
const unsigned rh_routes_n = sizeof rh_routes / sizeof rh_routes[0];
_Static_assert(sizeof rh_routes / sizeof rh_routes[0] <= RH_METRICS_ROUTES,
               "every route has its metrics");

/* --- the address --- */
static const char *type_name(unsigned index)
{
    return rh_resource_type(index + 1)->name;
}

static enum rh_rc no_type(struct rh_request *q, struct rh_text name)
{
    const char *near = rh_nearest(name, type_name, RH_RESOURCE_TYPES);
    const char *also = "";
    if (near)
        also = rh_arena_printf(q->arena, "; did you mean \"%s\"?", near);
    return rh_issue_add(&q->issues, RH_UNSUPPORTED, NULL, "FHIR R4 has no resource type \"%.*s\"%s",
                        (int)(name.len > 64 ? 64 : name.len), name.data, also ? also : "");
}

/* Where an operation of this name can be called, for who called it elsewhere. */
static const char *operation_hint(struct rh_request *q, struct rh_text name)
{
    struct rh_buf b = rh_buf(q->arena);
    for (unsigned i = 0; i < rh_operations_n; i++) {
        const struct rh_operation *o = &rh_operations[i];
        if (!rh_text_is(name, o->name))
            continue;
        const char *type = o->type ? o->type : "[type]";
        if (o->at & RH_AT_SYSTEM)
            rh_buf_printf(&b, "%s/fhir/%s", b.len ? ", " : "", o->name);
        if (o->at & RH_AT_TYPE)
            rh_buf_printf(&b, "%s/fhir/%s/%s", b.len ? ", " : "", type, o->name);
        if (o->at & RH_AT_INSTANCE)
            rh_buf_printf(&b, "%s/fhir/%s/[id]/%s", b.len ? ", " : "", type, o->name);
    }
    rh_buf_char(&b, 0);
    return b.rc || b.len == 1 ? NULL : b.data;
}

static enum rh_rc no_operation(struct rh_request *q, struct rh_text name)
{
    const char *hint = operation_hint(q, name);
    if (hint)
        return rh_issue_add(&q->issues, RH_UNSUPPORTED, NULL,
                            "The operation %.*s is not called at this address but at %s.",
                            RH_TEXT_ARG(name), hint);
    return rh_issue_add(
        &q->issues, RH_UNSUPPORTED, NULL,
        "The operation \"%.*s\" does not exist here; /fhir/metadata lists what does.",
        (int)(name.len > 64 ? 64 : name.len), name.data);
}

static enum rh_rc nothing_here(struct rh_request *q)
{
    return rh_issue_add(
        &q->issues, RH_UNSUPPORTED, NULL,
        "There is nothing at this address. FHIR addresses are /fhir/[type], /fhir/[type]/[id], "
        "/fhir/[type]/[id]/_history/[vid] and, to search in a compartment, "
        "/fhir/Patient/[id]/[type]?… (also of Encounter, RelatedPerson, Practitioner, Device).");
}

static bool is_operation(struct rh_text t)
{
    return t.len > 0 && t.data[0] == '$';
}

static enum rh_rc set_id(struct rh_request *q, struct rh_text id)
{
    q->id = id;
    if (rh_id_is(id))
        return RH_OK;
    return rh_issue_add(&q->issues,
                        q->method == RH_M_GET || q->method == RH_M_HEAD ? RH_NOTFOUND : RH_INVALID,
                        NULL, "\"%.*s\" is not a FHIR id: 1 to 64 letters, digits, '-' or '.'.",
                        (int)(id.len > 80 ? 80 : id.len), id.data);
}

/* The compartments of FHIR R4: https://hl7.org/fhir/R4/compartmentdefinition.html */
static bool is_compartment(unsigned type)
{
    static const char *const names[] = {"Device", "Encounter", "Patient", "Practitioner",
                                        "RelatedPerson"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], rh_resource_type(type)->name) == 0)
            return true;
    return false;
}

/* [compartment]/[id]/[type or *][/_search] */
static enum rh_rc compartment_shape(struct rh_request *q, enum rh_shape *ret)
{
    const struct rh_text *s = q->segments;
    struct rh_rest *r = rh_rest_of(q);
    unsigned inner = rh_resource_number(s[3]);
    if (!is_compartment(q->type) || (q->n_segments == 5 && !rh_text_is(s[4], "_search")) ||
        q->n_segments > 5)
        return nothing_here(q);
    if (!inner && !rh_text_is(s[3], "*"))
        return s[3].len && s[3].data[0] >= 'A' && s[3].data[0] <= 'Z' ? no_type(q, s[3])
                                                                      : nothing_here(q);
    enum rh_rc rc = set_id(q, s[2]);
    r->compartment = q->type;
    r->compartment_id = q->id;
    q->type = (uint16_t)inner;
    q->id = (struct rh_text){NULL, 0};
    *ret = q->n_segments == 5 ? RH_SHAPE_COMPARTMENT_SEARCH : RH_SHAPE_COMPARTMENT;
    return rc;
}

/* An operation as the last part of the address. */
static enum rh_rc operation_shape(struct rh_request *q, enum rh_shape *ret)
{
    static const struct {
        enum rh_shape shape;
        unsigned at;
    } rows[] = {
        [2] = {RH_SHAPE_SYSTEM_OPERATION, RH_AT_SYSTEM},
        [3] = {RH_SHAPE_TYPE_OPERATION, RH_AT_TYPE},
        [4] = {RH_SHAPE_INSTANCE_OPERATION, RH_AT_INSTANCE},
        [6] = {RH_SHAPE_VERSION_OPERATION, RH_AT_VERSION},
    };
    const struct rh_text *s = q->segments;
    unsigned n = q->n_segments;
    struct rh_text name = s[n - 1];
    if (n > 6 || n == 5 || (n == 6 && !rh_text_is(s[3], "_history")))
        return no_operation(q, name);
    struct rh_rest *r = rh_rest_of(q);
    r->operation = rh_operation_find(q->type, name, rows[n].at);
    *ret = rows[n].shape;
    if (!r->operation)
        return no_operation(q, name);
    if (n == 6)
        q->version_id = s[4];
    return n >= 4 ? set_id(q, s[2]) : RH_OK;
}

/* [type] and what follows. */
static enum rh_rc type_shape(struct rh_request *q, enum rh_shape *ret)
{
    const struct rh_text *s = q->segments;
    unsigned n = q->n_segments;
    q->type = (uint16_t)rh_resource_number(s[1]);
    if (!q->type)
        return no_type(q, s[1]);
    if (n == 2) {
        *ret = RH_SHAPE_TYPE;
        return RH_OK;
    }
    if (is_operation(s[n - 1]))
        return operation_shape(q, ret);
    if (n == 3 && rh_text_is(s[2], "_search")) {
        *ret = RH_SHAPE_TYPE_SEARCH;
        return RH_OK;
    }
    if (n == 3 && rh_text_is(s[2], "_history")) {
        *ret = RH_SHAPE_TYPE_HISTORY;
        return RH_OK;
    }
    if (n == 3) {
        *ret = RH_SHAPE_INSTANCE;
    } else if (n <= 5 && rh_text_is(s[3], "_history")) {
        *ret = n == 4 ? RH_SHAPE_INSTANCE_HISTORY : RH_SHAPE_VERSION;
        if (n == 5)
            q->version_id = s[4];
    } else {
        return compartment_shape(q, ret);
    }
    return set_id(q, s[2]);
}

/* https://hl7.org/fhir/R4/http.html#capabilities; all that is said here is normative or full. */
static enum rh_rc metadata_shape(struct rh_request *q, enum rh_shape *ret)
{
    struct rh_text query = q->query, part;
    *ret = RH_SHAPE_METADATA;
    while (rh_text_split(&query, '&', &part)) {
        if (!rh_text_starts(part, "mode="))
            continue;
        if (rh_text_is(part, "mode=terminology"))
            *ret = RH_SHAPE_TERMINOLOGY;
        else if (!rh_text_is(part, "mode=full") && !rh_text_is(part, "mode=normative"))
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "mode is full, normative or terminology; not \"%.*s\".",
                                (int)(part.len > 64 ? 64 : part.len) - 5, part.data + 5);
    }
    return RH_OK;
}

static enum rh_rc shape_of(struct rh_request *q, enum rh_shape *ret)
{
    const struct rh_text *s = q->segments;
    *ret = RH_SHAPE_WEB;
    if (q->n_segments == 0)
        return RH_OK;
    if (!rh_text_is(s[0], "fhir")) {
        if (q->n_segments == 1 && rh_text_is(s[0], "health"))
            *ret = RH_SHAPE_HEALTH;
        else if (q->n_segments == 1 && rh_text_is(s[0], "metrics"))
            *ret = RH_SHAPE_METRICS;
        else if (q->n_segments == 2 && rh_text_is(s[0], "clinical"))
            *ret = RH_SHAPE_CLINICAL;
        return RH_OK;
    }
    if (q->n_segments == 1)
        *ret = RH_SHAPE_BASE;
    else if (q->n_segments == 2 && rh_text_is(s[1], "$events"))
        *ret = RH_SHAPE_EVENTS;
    else if (rh_rest_job_shape(q, ret))
        return RH_OK;
    else if (is_operation(s[1]))
        return q->n_segments == 2 ? operation_shape(q, ret) : no_operation(q, s[1]);
    else if (q->n_segments == 2 && rh_text_is(s[1], "metadata"))
        return metadata_shape(q, ret);
    else if (q->n_segments == 2 && rh_text_is(s[1], "_history"))
        *ret = RH_SHAPE_SYSTEM_HISTORY;
    else if (q->n_segments == 2 && rh_text_is(s[1], "_search"))
        *ret = RH_SHAPE_SYSTEM_SEARCH;
    else
        return type_shape(q, ret);
    return RH_OK;
}

/* "GET, HEAD, PUT, OPTIONS" from the rows of a shape. */
static const char *allow(struct rh_request *q, enum rh_shape shape)
{
    const struct rh_operation *o = rh_rest_of(q)->operation;
    struct rh_buf b = rh_buf(q->arena);
    for (unsigned i = 0; i < rh_routes_n; i++)
        if (rh_routes[i].shape == shape && !(o && !o->get && rh_routes[i].method == RH_M_GET))
            rh_buf_printf(&b, "%s%s, ", rh_method_name(rh_routes[i].method),
                          rh_routes[i].method == RH_M_GET ? ", HEAD" : "");
    rh_buf_str(&b, "OPTIONS");
    rh_buf_char(&b, 0);
    return b.rc ? NULL : b.data;
}

static enum rh_rc find_route(struct rh_request *q, enum rh_shape shape)
{
    enum rh_method method = q->method == RH_M_HEAD ? RH_M_GET : q->method;
    for (unsigned i = 0; i < rh_routes_n; i++)
        if (rh_routes[i].shape == shape && rh_routes[i].method == method) {
            q->route = &rh_routes[i];
            q->route_index = i;
            return RH_OK;
        }
    const char *methods = allow(q, shape);
    rh_request_answer_header(q, "Allow", methods);
    if (method == RH_M_OPTIONS)
        return RH_OK;
    return rh_issue_add(&q->issues, RH_METHOD, NULL, "This address takes %s.",
                        methods ? methods : "other methods");
}

static enum rh_rc summary_of(struct rh_request *q, struct rh_rest *r)
{
    static const char *const names[] = {"false", "true", "text", "data", "count"};
    struct rh_text t = r->parameters.summary;
    if (!t.data)
        return RH_OK;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(t, names[i])) {
            r->summary = (enum rh_summary)i;
            return RH_OK;
        }
    return rh_issue_add(&q->issues, RH_QUERY, NULL,
                        "_summary is one of true, text, data, count, false; not \"%.*s\".",
                        (int)(t.len > 64 ? 64 : t.len), t.data);
}

enum rh_rc rh_rest_route(struct rh_request *q)
{
    enum rh_shape shape;
    struct rh_rest *r = rh_arena_zero(q->arena, sizeof *r);
    if (!r)
        return RH_NOMEM;
    q->state = r;
    enum rh_rc rc = shape_of(q, &shape);
    if (!rc)
        rc = find_route(q, shape);
    if (rc || !q->query.data || !q->route || !((const struct rh_route *)q->route)->fhir)
        return rc;
    rc = rh_result_parameters(q->arena, &q->issues, q->query, &r->parameters);
    if (rc)
        return rc;
    struct rh_text pretty = r->parameters.pretty;
    q->pretty = rh_text_is(pretty, "true");
    if (pretty.data && !q->pretty && !rh_text_is(pretty, "false"))
        return rh_issue_add(&q->issues, RH_QUERY, NULL, "_pretty is true or false.");
    return summary_of(q, r);
}

/* --- what the headers ask for --- */

/* A name that is not taken over goes back beside ours (R4, http, "custom headers"). */
static void correlate(struct rh_request *q, struct rh_text sent)
{
    for (size_t i = 0; i < sent.len; i++)
        if (sent.data[i] < ' ' || sent.data[i] > '~')
            return;
    const char *copy = sent.len && sent.len <= RH_REQUEST_ID_SENT_MAX
                           ? rh_arena_printf(q->arena, "%.*s", RH_TEXT_ARG(sent))
                           : NULL;
    if (copy)
        rh_request_answer_header(q, "X-Correlation-Id", copy);
}

static void name_request(struct rh_request *q)
{
    static _Atomic uint64_t count;
    static const char digits[] = "0123456789abcdef";
    struct rh_text sent = q->headers[RH_H_REQUEST_ID];
    bool fine = sent.len > 0 && sent.len < sizeof q->request_id;
    for (size_t i = 0; fine && i < sent.len; i++) {
        char c = sent.data[i];
        fine = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
               c == '.' || c == '_';
    }
    if (fine) {
        memcpy(q->request_id, sent.data, sent.len);
        q->request_id[sent.len] = 0;
        return;
    }
    correlate(q, sent);
    uint64_t n = (uint64_t)rh_server_of(q)->started_us << 12 ^
                 atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    for (unsigned i = 0; i < 16; i++)
        q->request_id[i] = digits[n >> (60 - 4 * i) & 15];
    q->request_id[16] = 0;
}

static enum rh_rc check_host(struct rh_request *q)
{
    struct rh_text host = q->headers[RH_H_HOST];
    /* A page of another site whose name was made to point at this machine must not read records
     * (DNS rebinding). */
    if (host.len && !rh_host_is_loopback(host))
        return rh_issue_add(&q->issues, RH_FORBIDDEN, NULL,
                            "This server answers only requests to localhost, 127.0.0.1 or [::1]; "
                            "this one was for \"%.*s\".",
                            (int)(host.len > 80 ? 80 : host.len), host.data);
    struct rh_buf b = rh_buf(q->arena);
    if (host.len) {
        rh_buf_str(&b, "http://");
        rh_buf_text(&b, host);
        rh_buf_str(&b, "/fhir");
        q->ctx.base = rh_buf_get(&b);
    } else {
        q->ctx.base = rh_text(rh_server_of(q)->base);
    }
    return b.rc;
}

static enum rh_rc set_caller(struct rh_request *q)
{
    struct rh_text purpose = q->headers[RH_H_PURPOSE];
    q->caller.user = RH_TEXT("anonymous");
    q->caller.purpose = purpose.len ? purpose : RH_TEXT("TREAT");
    for (size_t i = 0; i < purpose.len; i++) {
        char c = purpose.data[i];
        if (purpose.len > 40 ||
            !((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "X-Purpose-Of-Use is a code of v3-PurposeOfUse such as TREAT: "
                                "capital letters, digits, '-', '_'.");
    }
    return RH_OK;
}

static enum rh_rc check_accept(struct rh_request *q)
{
    struct rh_text format = rh_rest_of(q)->parameters.format;
    q->format =
        (unsigned char)(format.data ? rh_format_of(format) : rh_accepts(q->headers[RH_H_ACCEPT]));
    if (q->format)
        return RH_OK;
    return rh_issue_add(&q->issues, RH_NOTACCEPTABLE, NULL,
                        "Only FHIR JSON and XML of R4 are available: ask for application/fhir+json "
                        "or application/fhir+xml (Accept), or json or xml (_format).");
}

static bool has_body(const struct rh_request *q)
{
    struct rh_text length = q->headers[RH_H_CONTENT_LENGTH];
    return q->headers[RH_H_CONTENT_TYPE].data || q->headers[RH_H_TRANSFER_ENCODING].data ||
           (length.data && !rh_text_is(length, "0"));
}

static enum rh_rc check_content_type(struct rh_request *q, unsigned takes)
{
    static const struct {
        unsigned takes;
        unsigned media; /* bits */
        const char *name;
    } rows[] = {
        {RH_TAKES_JSON, 1U << RH_MEDIA_JSON | 1U << RH_MEDIA_XML,
         "application/fhir+json or application/fhir+xml"},
        {RH_TAKES_PATCH, 1U << RH_MEDIA_PATCH | 1U << RH_MEDIA_JSON | 1U << RH_MEDIA_XML,
         "application/json-patch+json, or a FHIRPath Patch as application/fhir+json or "
         "application/fhir+xml"},
        {RH_TAKES_FORM, 1U << RH_MEDIA_FORM, "application/x-www-form-urlencoded"},
    };
    if (!takes || (takes & RH_TAKES_NO_BODY && !has_body(q)))
        return RH_OK;
    enum rh_media media = rh_rest_of(q)->media = rh_media_of(q->headers[RH_H_CONTENT_TYPE]);
    struct rh_text sent = q->headers[RH_H_CONTENT_TYPE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!(takes & rows[i].takes))
            continue;
        if (rows[i].media >> media & 1)
            return RH_OK;
        return rh_issue_add(&q->issues, RH_MEDIATYPE, NULL,
                            "The body must be %s (Content-Type, in UTF-8); it is %s%.*s%s.",
                            rows[i].name, sent.len ? "\"" : "not said what it is",
                            (int)(sent.len > 80 ? 80 : sent.len), sent.data ? sent.data : "",
                            sent.len ? "\"" : "");
    }
    return RH_OK;
}

/* A Subscription's criteria are tried when it is stored: that is a search. */
static bool searched(uint16_t type)
{
    return type && strcmp(rh_resource_type(type)->name, "Subscription") == 0;
}

static void begin(struct rh_request *q)
{
    name_request(q);
    enum rh_rc rc = atomic_load_explicit(&rh_server_of(q)->ready, memory_order_acquire)
                        ? check_host(q)
                        : RH_BUSY;
    if (!rc)
        rc = set_caller(q);
    if (!rc)
        rc = rh_rest_route(q);
    const struct rh_route *route = q->route;
    if (!rc && !route) { /* OPTIONS */
        q->status = 204;
        return;
    }
    if (!rc && q->headers[RH_H_PREFER].len) {
        struct rh_prefers prefers = rh_prefer_parse(q->headers[RH_H_PREFER]);
        q->prefer_return = (unsigned char)prefers.ret;
        q->lenient = prefers.lenient;
    }
    if (!rc && route->fhir)
        rc = check_accept(q);
    if (!rc)
        rc = check_content_type(q, route->takes);
    if (rc) {
        rh_rest_refuse(q, rc);
        return;
    }
    bool xml = route->fhir && (q->format == RH_FORMAT_XML || rh_rest_of(q)->media == RH_MEDIA_XML);
    q->place = xml || (route->takes && (rh_server_of(q)->full || searched(q->type)))
                   ? RH_PLACE_WORKER
                   : route->place;
    q->body_max = route->body_max;
}

static enum rh_step run(struct rh_request *q)
{
    enum rh_rc rc = rh_rest_body_from_xml(q);
    return rc ? rh_rest_refuse(q, rc) : ((const struct rh_route *)q->route)->run(q);
}

/* --- answers --- */
enum rh_step rh_rest_refuse(struct rh_request *q, enum rh_rc rc)
{
    struct rh_buf b = rh_buf(q->arena);
    q->status = rh_rc_http(rc);
    if (rh_rc_http(rc) == 500) {
        /* What went wrong inside names files and statements: it is for the log only. */
        for (unsigned i = 0; i < q->issues.count; i++)
            rh_log(RH_LOG_ERROR, "rest", "request %s: %s", q->request_id,
                   q->issues.rows[i].text ? q->issues.rows[i].text : "");
        struct rh_issues public;
        rh_issues_init(&public, q->arena);
        rh_issue_add(&public, rc, NULL, "%s; request %s.", rh_rc_text(rc), q->request_id);
        rh_issues_outcome(&public, rc, &b);
    } else {
        rh_issues_outcome(&q->issues, rc, &b);
    }
    if (q->status == 503 || q->status == 507)
        rh_request_answer_header(q, "Retry-After", rc == RH_BUSY || rc == RH_NOMEM ? "1" : "30");
    q->content_type = rh_fhir_json;
    q->answer =
        b.rc ? RH_TEXT("{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
                       "\"code\":\"too-costly\","
                       "\"diagnostics\":\"The memory limit of this request was reached.\"}]}")
             : rh_buf_get(&b);
    rh_rest_answer_as_asked(q);
    return RH_STEP_DONE;
}

static void refuse(struct rh_request *q, enum rh_rc rc)
{
    if (!q->request_id[0])
        name_request(q);
    rh_rest_refuse(q, rc);
}

enum rh_step rh_rest_answer(struct rh_request *q, int status, struct rh_buf *json)
{
    if (json->rc)
        return rh_rest_refuse(q, json->rc);
    q->status = status;
    q->content_type = rh_fhir_json;
    q->answer = rh_buf_get(json);
    rh_rest_answer_as_asked(q);
    return RH_STEP_DONE;
}

void rh_rest_version_headers(struct rh_request *q, const struct rh_version *v)
{
    char id[RH_VERSION_ID_SIZE], date[RH_HTTP_DATE_SIZE];
    rh_version_id(v->origin, v->seq, id);
    rh_http_date_print(v->time_us, date);
    struct rh_buf b = rh_buf(q->arena);
    rh_buf_str(&b, "W/\"");
    rh_buf_str(&b, id);
    rh_buf_add(&b, "\"", 2);
    if (!b.rc)
        rh_request_answer_header(q, "ETag", b.data);
    rh_rest_of(q)->version = *v;
    rh_request_answer_header(q, "Last-Modified", rh_arena_copy(q->arena, date, strlen(date)));
}

enum rh_rc rh_rest_write_resource(struct rh_request *q, const struct rh_version *v,
                                  struct rh_buf *out)
{
    const struct rh_rest *r = rh_rest_of(q);
    struct rh_subset subset = {.summary = r->summary, .elements = r->parameters.elements};
    if (!rh_subset_cuts(&subset)) {
        rh_buf_room(out, v->body.len + 128);
        rh_version_write(v, out);
        return out->rc;
    }
    struct rh_buf whole = rh_buf(q->arena);
    yyjson_doc *doc;
    rh_version_write(v, &whole);
    if (whole.rc)
        return whole.rc;
    enum rh_rc rc = rh_json_parse(q->arena, &q->issues, rh_buf_get(&whole), &doc);
    if (!rc)
        rh_subset_write(&subset, rh_resource_type(v->type), yyjson_doc_get_root(doc), out);
    return rc ? RH_CORRUPT : out->rc;
}

static void pretty(struct rh_request *q)
{
    if (!q->pretty || q->content_type != rh_fhir_json || !q->answer.len)
        return;
    struct rh_buf b = rh_buf(q->arena);
    struct rh_issues none;
    yyjson_doc *doc;
    rh_issues_init(&none, q->arena);
    if (rh_json_parse(q->arena, &none, q->answer, &doc))
        return;
    rh_json_write_pretty(&b, yyjson_doc_get_root(doc));
    rh_buf_char(&b, '\n');
    if (!b.rc)
        q->answer = rh_buf_get(&b);
}

/* Who asks for a general media type gets it named so (R4, http, "content types"). */
static void finish(struct rh_request *q)
{
    pretty(q);
    bool fhir = q->content_type == rh_fhir_json || q->content_type == rh_fhir_xml;
    if (!fhir || !q->state || rh_rest_of(q)->parameters.format.data)
        return;
    const char *asked = rh_media_asked(
        q->headers[RH_H_ACCEPT], q->content_type == rh_fhir_xml ? RH_FORMAT_XML : RH_FORMAT_JSON);
    if (asked)
        q->content_type = asked;
}

static void end(struct rh_request *q, size_t sent)
{
    (void)sent;
    int64_t ns = rh_clock_mono_ns() - q->started_ns;
    rh_metrics_count(&rh_server_of(q)->metrics, q->route_index, q->method, q->status,
                     (uint64_t)ns / 1000);
}

void rh_rest_app(struct rh_server *s, struct rh_http_app *ret)
{
    *ret = (struct rh_http_app){
        .user = s, .begin = begin, .run = run, .refuse = refuse, .finish = finish, .end = end};
}

enum rh_rc rh_rest_start(struct rh_server *s)
{
    struct rh_text text;
    uint64_t tag;
    struct rh_arena *a = rh_arena_open(RH_HTTP_ARENA_MAX);
    pthread_mutex_init(&s->capability.lock, NULL);
    enum rh_rc rc = rh_capability_text(s, a, false, &tag, &text);
    rh_arena_close(a);
    return rc;
}

void rh_rest_stop(struct rh_server *s)
{
    rh_capability_close(s);
}
