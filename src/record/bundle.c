/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bundle.c - batch and transaction Bundles.
 */
#include "record/bundle.h"

#include "base/datetime.h"
#include "fhir/check.h"
#include "record/record_int.h"

#include <limits.h>
#include <string.h>

/* Where an entry's request goes: "Patient", "Patient/1", "Patient?identifier=…",
 * "Patient/1/_history/2". */
struct address {
    unsigned type;
    struct rh_text id, rest, query;
};

static struct rh_text without_base(const struct rh_ctx *ctx, struct rh_text url)
{
    if (ctx->base.len > 0 && url.len > ctx->base.len &&
        memcmp(url.data, ctx->base.data, ctx->base.len) == 0) {
        url.data += ctx->base.len;
        url.len -= ctx->base.len;
    }
    if (url.len > 0 && url.data[0] == '/') {
        url.data++;
        url.len--;
    }
    return url;
}

static struct address parse_address(struct rh_text url)
{
    struct address a = {0};
    struct rh_text path, part;
    struct rh_text rest = url;
    rh_text_split(&rest, '?', &path);
    a.query = rest;
    rest = path;
    if (rh_text_split(&rest, '/', &part))
        a.type = rh_resource_number(part);
    if (rest.data && rh_text_split(&rest, '/', &part))
        a.id = part;
    a.rest = rest;
    return a;
}

/* --- one entry to one operation ----------------------------------------------------------------
 */

static const struct method {
    const char *name;
    enum rh_interaction interaction;
    bool needs_resource;
} methods[] = {
    {"POST", RH_CREATE, true},
    {"PUT", RH_UPDATE, true},
    {"PATCH", RH_PATCH, true},
    {"DELETE", RH_DELETE, false},
};

static const struct method *find_method(struct rh_text name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (rh_text_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}

struct opening {
    struct rh_ctx *ctx;
    struct rh_bundle *bundle;
    bool lenient;
    yyjson_val *entry;
    struct rh_issues *issues;
    const char *place; /* "Bundle.entry[3]" */
};

/* The JSON Patch of a PATCH entry travels as the data of a Binary, a FHIRPath Patch as itself (FHIR
 * R4, http, "patch"). */
static enum rh_rc decode_base64(struct rh_arena *a, struct rh_text t, struct rh_text *ret)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = rh_arena_alloc(a, t.len + 1);
    uint32_t v = 0;
    unsigned bits = 0;
    size_t n = 0;
    if (!out)
        return RH_NOMEM;
    for (size_t i = 0; i < t.len && t.data[i] != '='; i++) {
        const char *d = t.data[i] ? strchr(digits, t.data[i]) : NULL;
        if (!d)
            continue; /* white space; the structural check has seen the format */
        v = v << 6 | (uint32_t)(d - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(v >> bits);
        }
    }
    *ret = (struct rh_text){out, n};
    return RH_OK;
}

static enum rh_rc set_patch(struct opening *o, struct rh_write_op *op, yyjson_val *resource)
{
    if (rh_text_is(rh_json_get(resource, "resourceType"), "Parameters"))
        return RH_OK;
    if (!rh_text_is(rh_json_get(resource, "resourceType"), "Binary"))
        return rh_issue_add(o->issues, RH_INVALID, op->place,
                            "a PATCH entry needs a Binary whose data is the JSON Patch "
                            "(contentType application/json-patch+json), or the Parameters of a "
                            "FHIRPath Patch");
    op->resource = NULL;
    return decode_base64(o->ctx->arena, rh_json_get(resource, "data"), &op->body);
}

static enum rh_rc set_target(struct opening *o, struct rh_write_op *op, const struct address *a,
                             struct rh_text url)
{
    op->type = a->type;
    op->id = a->id;
    if (a->type == 0)
        return rh_issue_add(o->issues, RH_UNSUPPORTED, o->place,
                            "\"%.*s\" begins with no resource type of FHIR R4", RH_TEXT_ARG(url));
    if (a->rest.data && a->rest.len > 0)
        return rh_issue_add(o->issues, RH_INVALID, o->place,
                            "\"%.*s\" is not an address that can be written to", RH_TEXT_ARG(url));
    if (op->interaction == RH_CREATE) {
        if (a->id.len > 0 || a->query.len > 0)
            return rh_issue_add(o->issues, RH_INVALID, o->place,
                                "a POST entry's url is a resource type, not \"%.*s\"",
                                RH_TEXT_ARG(url));
        return RH_OK;
    }
    op->conditional = a->id.len == 0;
    if (op->conditional) {
        op->criteria = a->query;
        if (a->query.len == 0)
            return rh_issue_add(o->issues, RH_INVALID, o->place,
                                "\"%.*s\" has neither an id nor a condition", RH_TEXT_ARG(url));
    }
    return RH_OK;
}

static enum rh_rc open_op(struct opening *o, const struct method *m, yyjson_val *request,
                          struct rh_write_op *op)
{
    struct rh_text url = without_base(o->ctx, rh_json_get(request, "url"));
    struct address a = parse_address(url);
    yyjson_val *resource = yyjson_obj_get(o->entry, "resource");
    op->interaction = m->interaction;
    op->lenient = o->lenient;
    op->full_url = rh_json_get(o->entry, "fullUrl");
    op->if_match = rh_json_get(request, "ifMatch");
    op->if_none_match = rh_json_get(request, "ifNoneMatch");
    op->place = rh_arena_printf(o->ctx->arena, "%s.resource", o->place);
    if (!op->place)
        return RH_NOMEM;
    enum rh_rc rc = set_target(o, op, &a, url);
    if (rc)
        return rc;
    if (op->interaction == RH_CREATE)
        op->criteria = rh_json_get(request, "ifNoneExist");
    if (!m->needs_resource)
        return RH_OK;
    if (!resource)
        return rh_issue_add(o->issues, RH_REQUIRED, op->place, "a %s entry needs a resource",
                            m->name);
    op->resource = resource;
    return op->interaction == RH_PATCH ? set_patch(o, op, resource) : RH_OK;
}

/* "$closure", "ValueSet/$expand", "Patient/1/$validate?mode=update". */
static bool names_operation(struct rh_text url)
{
    struct rh_text path, part, rest = url;
    bool ret = false;
    rh_text_split(&rest, '?', &path);
    while (rh_text_split(&path, '/', &part))
        ret = part.len > 1 && part.data[0] == '$';
    return ret;
}

/* POST […/]_search?…: it changes nothing, so it is answered as a GET. Its parameters stand in the
 * url, since an entry has no place for a form. */
static bool is_search(struct rh_text url)
{
    struct rh_text rest = url, path;
    rh_text_split(&rest, '?', &path);
    return rh_text_is(path, "_search") || rh_text_ends(path, "/_search");
}

static enum rh_rc open_entry(struct opening *o, unsigned i, unsigned *n_ops)
{
    struct rh_bundle *b = o->bundle;
    yyjson_val *request = yyjson_obj_get(o->entry, "request");
    struct rh_text method = rh_json_get(request, "method");
    if (!request || method.len == 0)
        return rh_issue_add(
            o->issues, RH_REQUIRED, o->place,
            "an entry of a batch or transaction needs a request with method and url");
    struct rh_text url = without_base(o->ctx, rh_json_get(request, "url"));
    bool head = rh_text_is(method, "HEAD");
    bool posted = rh_text_is(method, "POST") && names_operation(url);
    bool search = rh_text_is(method, "POST") && is_search(url);
    if (head || posted || search || rh_text_is(method, "GET")) {
        b->gets[b->n_gets++] = (struct rh_bundle_get){
            .index = i,
            .head = head,
            .posted = posted,
            .resource = posted ? yyjson_obj_get(o->entry, "resource") : NULL,
            .url = url,
            .if_none_match = rh_json_get(request, "ifNoneMatch"),
        };
        return RH_OK;
    }
    const struct method *m = find_method(method);
    if (!m)
        return rh_issue_add(o->issues, RH_INVALID, o->place,
                            "\"%.*s\" is none of GET, HEAD, POST, PUT, PATCH, DELETE",
                            RH_TEXT_ARG(method));
    struct rh_write_op *op = &b->write->ops[*n_ops];
    enum rh_rc rc = open_op(o, m, request, op);
    if (rc)
        return rc;
    b->op_of_entry[i] = (*n_ops)++;
    return RH_OK;
}

/* --- the Bundle --------------------------------------------------------------------------------
 */

/* What the envelope must have; the resources inside are checked with their operations. */
static enum rh_rc check_envelope(struct rh_ctx *ctx, yyjson_val *bundle, bool *transaction)
{
    struct rh_text type = rh_json_get(bundle, "type");
    yyjson_val *entries = yyjson_obj_get(bundle, "entry");
    if (!rh_text_is(rh_json_get(bundle, "resourceType"), "Bundle"))
        return rh_issue_add(
            ctx->issues, RH_INVALID, NULL,
            "what is sent to the base must be a Bundle of type batch or transaction");
    *transaction = rh_text_is(type, "transaction");
    if (!*transaction && !rh_text_is(type, "batch"))
        return rh_issue_add(
            ctx->issues, RH_INVALID, "Bundle.type",
            "the type is \"%.*s\"; what is sent to the base must be of type batch or transaction",
            RH_TEXT_ARG(type));
    if (entries && !yyjson_is_arr(entries))
        return rh_issue_add(ctx->issues, RH_STRUCTURE, "Bundle.entry", "entry must be an array");
    return RH_OK;
}

static enum rh_rc room(struct rh_ctx *ctx, const struct rh_caller *caller, struct rh_bundle *b)
{
    struct rh_arena *a = ctx->arena;
    enum rh_rc rc = rh_write_open(
        ctx, caller, b->transaction ? RH_WRITE_TRANSACTION : RH_WRITE_BATCH, b->n, &b->write);
    if (rc)
        return rc;
    b->op_of_entry = rh_arena_alloc(a, (b->n + 1) * sizeof *b->op_of_entry);
    b->gets = rh_arena_alloc(a, (b->n + 1) * sizeof *b->gets);
    b->entry_rc = rh_arena_zero(a, (b->n + 1) * sizeof *b->entry_rc);
    b->entry_issues = rh_arena_zero(a, (b->n + 1) * sizeof(struct rh_issues *));
    if (!b->op_of_entry || !b->gets || !b->entry_rc || !b->entry_issues)
        return RH_NOMEM;
    for (unsigned i = 0; i < b->n; i++)
        b->op_of_entry[i] = UINT_MAX;
    return RH_OK;
}

static enum rh_rc own_issues(struct rh_ctx *ctx, struct rh_bundle *b, unsigned i)
{
    if (b->transaction) {
        b->entry_issues[i] = ctx->issues;
        return RH_OK;
    }
    b->entry_issues[i] = rh_arena_alloc(ctx->arena, sizeof(struct rh_issues));
    if (!b->entry_issues[i])
        return RH_NOMEM;
    rh_issues_init(b->entry_issues[i], ctx->arena);
    return RH_OK;
}

static enum rh_rc open_entries(struct rh_ctx *ctx, struct rh_bundle *b, yyjson_val *entries,
                               bool lenient)
{
    struct opening o = {.ctx = ctx, .bundle = b, .lenient = lenient};
    unsigned n_ops = 0;
    size_t i, max;
    yyjson_val *entry;
    enum rh_rc first = RH_OK;
    yyjson_arr_foreach (entries, i, max, entry) {
        enum rh_rc rc = own_issues(ctx, b, (unsigned)i);
        if (rc)
            return rc;
        o.entry = entry;
        o.issues = b->entry_issues[i];
        o.place = rh_arena_printf(ctx->arena, "Bundle.entry[%zu]", i);
        if (!o.place)
            return RH_NOMEM;
        unsigned before = n_ops;
        rc = yyjson_is_obj(entry)
                 ? open_entry(&o, (unsigned)i, &n_ops)
                 : rh_issue_add(o.issues, RH_STRUCTURE, o.place, "an entry must be an object");
        if (rc) {
            if (n_ops == before)
                b->write->ops[before] = (struct rh_write_op){0};
            b->entry_rc[i] = rc;
            first = first ? first : rc;
        }
    }
    b->write->n = n_ops;
    return b->transaction ? first : RH_OK;
}

enum rh_rc rh_bundle_open(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          yyjson_val *bundle, bool lenient, struct rh_bundle **ret)
{
    bool transaction = false;
    enum rh_rc rc = check_envelope(ctx, bundle, &transaction);
    if (rc)
        return rc;
    yyjson_val *entries = yyjson_obj_get(bundle, "entry");
    struct rh_bundle *b = rh_arena_zero(ctx->arena, sizeof *b);
    if (!b)
        return RH_NOMEM;
    b->transaction = transaction;
    b->n = (unsigned)yyjson_arr_size(entries);
    rc = room(ctx, caller, b);
    if (rc == RH_OK)
        rc = open_entries(ctx, b, entries, lenient);
    if (rc)
        return rc;
    if (b->write->n == 0)
        b->write = NULL;
    else
        rc = rh_write_prepare(s, b->write);
    if (rc == RH_OK)
        *ret = b;
    return rc;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void write_status(struct rh_buf *out, int status)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {422, "Unprocessable Entity"},
    };
    rh_buf_printf(out, "\"status\":\"%d", status);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == status)
            rh_buf_printf(out, " %s", texts[i].text);
    rh_buf_char(out, '"');
}

static void write_version(struct rh_buf *out, const struct rh_version *v, bool location)
{
    char version[RH_VERSION_ID_SIZE], time[RH_INSTANT_SIZE];
    if (!v->id.data)
        return;
    rh_version_id(v->origin, v->seq, version);
    rh_instant_print(v->time_us, time);
    if (location)
        rh_buf_printf(out, ",\"location\":\"%s/%.*s/_history/%s\"", rh_resource_type(v->type)->name,
                      RH_TEXT_ARG(v->id), version);
    rh_buf_printf(out, ",\"etag\":\"W/\\\"%s\\\"\",\"lastModified\":\"%s\"", version, time);
}

static void write_outcome(struct rh_buf *out, const struct rh_issues *is, enum rh_rc rc)
{
    rh_buf_str(out, ",\"outcome\":");
    rh_issues_outcome(is, rc, out);
}

static struct rh_text full_url_of(const struct rh_ctx *ctx, const struct rh_version *v)
{
    char *url = rh_arena_printf(ctx->arena, "%.*s/%s/%.*s", RH_TEXT_ARG(ctx->base),
                                rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id));
    return rh_text(url ? url : "");
}

static void write_op(struct rh_ctx *ctx, struct rh_buf *out, const struct rh_bundle *b, unsigned i,
                     bool representation)
{
    const struct rh_write_op *op = &b->write->ops[i];
    if (representation && op->rc == RH_OK && op->version.body.len > 0) {
        rh_buf_str(out, "\"fullUrl\":");
        rh_buf_json(out, full_url_of(ctx, &op->version));
        rh_buf_str(out, ",\"resource\":");
        rh_version_write(&op->version, out);
        rh_buf_char(out, ',');
    }
    rh_buf_str(out, "\"response\":{");
    write_status(out, op->status);
    if (op->rc == RH_OK)
        write_version(out, &op->version, true);
    else
        write_outcome(out, b->transaction ? b->write->issues : b->write->op_issues[i], op->rc);
    rh_buf_char(out, '}');
}

static enum rh_rc write_get(struct rh_ctx *ctx, struct rh_buf *out, const struct rh_bundle_get *get,
                            rh_bundle_answer *answer, void *user)
{
    struct rh_issues *is = rh_arena_alloc(ctx->arena, sizeof *is);
    struct rh_buf body = rh_buf(ctx->arena);
    struct rh_version v = {0};
    if (!is)
        return RH_NOMEM;
    rh_issues_init(is, ctx->arena);
    int status = answer(user, get, &body, is, &v);
    if (body.len > 0) {
        rh_buf_str(out, "\"resource\":");
        rh_buf_text(out, rh_buf_get(&body));
        rh_buf_char(out, ',');
    }
    rh_buf_str(out, "\"response\":{");
    write_status(out, status);
    write_version(out, &v, false);
    if (is->count > 0)
        write_outcome(out, is, RH_OK);
    rh_buf_char(out, '}');
    return body.rc;
}

enum rh_rc rh_bundle_response(struct rh_session *s, struct rh_ctx *ctx, struct rh_bundle *b,
                              bool representation, rh_bundle_answer *answer, void *user,
                              struct rh_buf *out)
{
    unsigned get = 0;
    (void)s;
    rh_buf_printf(
        out,
        "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"link\":[{\"relation\":\"self\",\"url\":",
        b->transaction ? "transaction-response" : "batch-response");
    rh_buf_json(out, ctx->base);
    rh_buf_str(out, "}]");
    for (unsigned i = 0; i < b->n; i++) {
        enum rh_rc rc = RH_OK;
        rh_buf_str(out, i ? ",{" : ",\"entry\":[{");
        if (get < b->n_gets && b->gets[get].index == i) {
            rc = write_get(ctx, out, &b->gets[get++], answer, user);
        } else if (b->entry_rc[i]) {
            rh_buf_str(out, "\"response\":{");
            write_status(out, rh_rc_http(b->entry_rc[i]));
            write_outcome(out, b->entry_issues[i], b->entry_rc[i]);
            rh_buf_char(out, '}');
        } else {
            write_op(ctx, out, b, b->op_of_entry[i], representation);
        }
        if (rc)
            return rc;
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, b->n ? "]}" : "}");
    return out->rc;
}
