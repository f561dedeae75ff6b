/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * write.c - changes: what a worker prepares and what the writer decides.
 */
#include "record/write.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "conformance/fhirpath_patch.h"
#include "fhir/check.h"
#include "fhir/primitive.h"
#include "record/patch.h"
#include "record/record_int.h"

static enum rh_action action_of(enum rh_interaction i)
{
    static const enum rh_action actions[] = {
        [RH_CREATE] = RH_ACTION_CREATE,
        [RH_UPDATE] = RH_ACTION_UPDATE,
        [RH_PATCH] = RH_ACTION_UPDATE,
        [RH_DELETE] = RH_ACTION_DELETE,
    };
    _Static_assert(sizeof actions / sizeof actions[0] == RH_INTERACTIONS,
                   "one row per interaction");
    return actions[i];
}

static struct rh_issues *issues_of(struct rh_write *w, const struct rh_write_op *op)
{
    return w->mode == RH_WRITE_BATCH ? w->op_issues[op - w->ops] : w->issues;
}

static struct rh_ctx ctx_of(struct rh_write *w, const struct rh_write_op *op)
{
    return (struct rh_ctx){
        .arena = w->arena,
        .issues = issues_of(w, op),
        .now_us = w->now_us,
        .zone_minutes = w->zone_minutes,
        .base = w->base,
    };
}

enum rh_rc rh_write_open(struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_write_mode mode, unsigned n, struct rh_write **ret)
{
    if (n > RH_WRITE_OPS_MAX)
        return rh_issue_add(ctx->issues, RH_TOOLARGE, "Bundle.entry",
                            "the Bundle has %u entries; at most %d are taken at once: send several",
                            n, RH_WRITE_OPS_MAX);
    struct rh_write *w = rh_arena_zero(ctx->arena, sizeof *w);
    if (!w)
        return RH_NOMEM;
    *w = (struct rh_write){
        .arena = ctx->arena,
        .issues = ctx->issues,
        .base = ctx->base,
        .now_us = ctx->now_us,
        .zone_minutes = ctx->zone_minutes,
        .caller = *caller,
        .mode = mode,
        .n = n,
    };
    w->ops = rh_arena_zero(ctx->arena, n * sizeof *w->ops);
    if (n && !w->ops)
        return RH_NOMEM;
    if (mode == RH_WRITE_BATCH) {
        w->op_issues = rh_arena_zero(ctx->arena, n * sizeof(struct rh_issues *));
        if (n && !w->op_issues)
            return RH_NOMEM;
        for (unsigned i = 0; i < n; i++) {
            w->op_issues[i] = rh_arena_alloc(ctx->arena, sizeof(struct rh_issues));
            if (!w->op_issues[i])
                return RH_NOMEM;
            rh_issues_init(w->op_issues[i], ctx->arena);
        }
    }
    *ret = w;
    return RH_OK;
}

static void refuse(struct rh_write *w, struct rh_write_op *op, enum rh_rc rc)
{
    op->rc = rc;
    op->status = rh_rc_http(rc);
    op->changed = false;
    if (w->mode != RH_WRITE_BATCH && w->rc == RH_OK)
        w->rc = rc;
}

/* --- on the worker -----------------------------------------------------------------------------
 */

static enum rh_rc parse_criteria(struct rh_session *s, struct rh_ctx *ctx, struct rh_write_op *op)
{
    struct rh_query *q = rh_arena_zero(ctx->arena, sizeof *q);
    if (!q)
        return RH_NOMEM;
    enum rh_rc rc = rh_criteria_parse(s, ctx, false, op->type, op->criteria, q);
    if (rc)
        return rc;
    if (q->n == 0)
        return rh_issue_add(ctx->issues, RH_QUERY, op->place,
                            "a conditional operation needs at least one search parameter, or it "
                            "would match everything");
    op->prepared->criteria = q;
    return RH_OK;
}

static enum rh_rc check_type(struct rh_ctx *ctx, const struct rh_write_op *op)
{
    const struct rh_prepared *p = op->prepared;
    if (p->type->resource == op->type)
        return RH_OK;
    return rh_issue_add(ctx->issues, RH_INVALID, op->place,
                        "the body is a %s, but the address is one of %s", p->type->name,
                        rh_resource_type(op->type)->name);
}

/* The id under which the resource will be stored, as far as that is known before the writer looks.
 */
static enum rh_rc choose_id(struct rh_ctx *ctx, struct rh_write_op *op)
{
    struct rh_prepared *p = op->prepared;
    struct rh_text own = rh_json_get(p->resource, "id");
    if (op->own_id) {
        p->id = op->id;
        return RH_OK;
    }
    if (op->interaction == RH_CREATE) {
        char uuid[RH_UUID_SIZE];
        rh_uuid7(ctx->now_us, uuid);
        p->id = rh_text_copy(ctx->arena, rh_text(uuid));
        return p->id.data ? RH_OK : RH_NOMEM;
    }
    if (op->conditional)
        return RH_OK;
    if (!rh_id_is(op->id))
        return rh_issue_add(ctx->issues, RH_INVALID, op->place,
                            "\"%.*s\" is not an id: 1 to 64 of A-Z a-z 0-9 - .",
                            RH_TEXT_ARG(op->id));
    if (own.len == 0)
        return rh_issue_add(
            ctx->issues, RH_INVALID, op->place,
            "the resource has no id; an update must state the id of its address, \"%.*s\"",
            RH_TEXT_ARG(op->id));
    if (!rh_text_eq(own, op->id))
        return rh_issue_add(ctx->issues, RH_INVALID, op->place,
                            "the resource has the id \"%.*s\", but the address says \"%.*s\"",
                            RH_TEXT_ARG(own), RH_TEXT_ARG(op->id));
    p->id = op->id;
    return RH_OK;
}

static enum rh_rc prepare_patch(struct rh_ctx *ctx, struct rh_write_op *op)
{
    if (op->resource) {
        op->prepared->resource = op->resource;
        return RH_OK;
    }
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(ctx->arena, ctx->issues, op->body, &doc);
    if (rc)
        return rc;
    yyjson_val *patch = op->prepared->resource = yyjson_doc_get_root(doc);
    if (yyjson_is_obj(patch) && !rh_text_is(rh_json_get(patch, "resourceType"), "Parameters"))
        return rh_issue_add(ctx->issues, RH_INVALID, op->place,
                            "a patch is an array (JSON Patch) or a Parameters resource (FHIRPath "
                            "Patch)");
    return RH_OK;
}

static enum rh_rc prepare_op(struct rh_session *s, struct rh_write *w, struct rh_write_op *op)
{
    struct rh_ctx ctx = ctx_of(w, op);
    struct rh_grant grant;
    enum rh_rc rc =
        rh_access_decide(&w->caller, action_of(op->interaction), op->type, ctx.issues, &grant);
    if (rc)
        return rc;
    struct rh_prepared *p = op->prepared = rh_arena_zero(w->arena, sizeof *p);
    if (!p)
        return RH_NOMEM;
    p->deferred = op->interaction == RH_PATCH || (op->conditional && op->interaction == RH_UPDATE);
    p->id = op->id;
    if (op->criteria.len > 0 && (rc = parse_criteria(s, &ctx, op)))
        return rc;
    if (op->interaction == RH_DELETE)
        return RH_OK;
    if (op->interaction == RH_PATCH)
        return prepare_patch(&ctx, op);
    p->resource = op->resource;
    rc = op->resource ? rh_prepare_check(s->record, &ctx, w->validate, op->place, p)
                      : rh_prepare_parse(s->record, &ctx, w->validate, op->place, op->body, p);
    if (rc == RH_OK)
        rc = check_type(&ctx, op);
    if (rc == RH_OK)
        rc = rh_prepare_gate(s->record, s, &ctx, w, op->place, p);
    return rc ? rc : choose_id(&ctx, op);
}

/* fullUrl -> where the entry goes, if that is known before the writer looks. */
static enum rh_rc gather_links(struct rh_write *w, struct rh_links **ret)
{
    bool batch = w->mode == RH_WRITE_BATCH;
    *ret = NULL;
    if (w->mode == RH_WRITE_SINGLE)
        return RH_OK;
    enum rh_rc rc = rh_links_open(w->arena, w->n, ret);
    for (unsigned i = 0; i < w->n && rc == RH_OK; i++) {
        struct rh_write_op *op = &w->ops[i];
        if (op->full_url.len == 0 || !op->prepared || op->interaction == RH_DELETE)
            continue;
        if (batch && op->interaction != RH_CREATE)
            continue; /* it has its own address, by which the others may name it */
        struct rh_text id = op->criteria.len > 0 ? (struct rh_text){NULL, 0} : op->prepared->id;
        rc = rh_links_add(*ret, op->full_url, op->type, id);
        if (rc == RH_CONFLICT && batch)
            rc = RH_OK;
        if (rc == RH_CONFLICT)
            rc = rh_issue_add(w->issues, RH_RULE, op->place,
                              "two entries of this transaction have the fullUrl \"%.*s\"",
                              RH_TEXT_ARG(op->full_url));
    }
    return rc;
}

/* Rewrites references as far as the state allows; makes the body when nothing is open. */
static enum rh_rc finish_op(struct rh_session *s, struct rh_write *w, struct rh_write_op *op,
                            struct rh_links *links, const struct rh_grant *grant)
{
    struct rh_ctx ctx = ctx_of(w, op);
    struct rh_prepared *p = op->prepared;
    struct rh_resolve r = {
        .links = links,
        .session = grant ? s : NULL,
        .ctx = &ctx,
        .grant = grant,
        .full_url = op->full_url,
        .place = op->place,
        .strict = w->mode == RH_WRITE_TRANSACTION,
        .apart = w->mode == RH_WRITE_BATCH,
    };
    enum rh_rc rc = rh_resolve(&r, p);
    if (rc)
        return rc;
    if (r.open || (p->deferred && !grant)) {
        p->deferred = true;
        return RH_OK;
    }
    return rh_prepare_body(s, &ctx, p);
}

/* A deletion checks no content, and may be prepared where nothing may wait for definitions. */
static bool has_content(const struct rh_write *w)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->ops[i].interaction != RH_DELETE)
            return true;
    return false;
}

enum rh_rc rh_write_prepare(struct rh_session *s, struct rh_write *w)
{
    w->rc = has_content(w) ? rh_prepare_refresh(s, w->issues, w->validate) : RH_OK;
    if (w->rc)
        return w->rc;
    for (unsigned i = 0; i < w->n; i++) {
        enum rh_rc rc = prepare_op(s, w, &w->ops[i]);
        if (rc)
            refuse(w, &w->ops[i], rc);
    }
    struct rh_links *links;
    if (w->rc == RH_OK)
        w->rc = gather_links(w, &links);
    if (w->rc)
        return w->rc;
    w->links = links;
    for (unsigned i = 0; i < w->n; i++) {
        struct rh_write_op *op = &w->ops[i];
        if (op->rc || (op->interaction != RH_CREATE && op->interaction != RH_UPDATE))
            continue;
        enum rh_rc rc = finish_op(s, w, op, links, NULL);
        if (rc)
            refuse(w, op, rc);
    }
    return w->rc;
}

enum rh_rc rh_write_submit(struct rh_record *r, struct rh_write *w)
{
    return rh_writer_submit(r->writer, w);
}

/* --- on the writer's thread --------------------------------------------------------------------
 */

struct applying {
    struct rh_session *session;
    struct rh_tip *tip;
    struct rh_write *write;
    struct rh_buf *audit;
    unsigned *audit_rows;
    struct rh_grant grant;
};

static enum rh_rc several(struct rh_issues *is, const struct rh_write_op *op)
{
    return rh_issue_add(is, RH_MULTIPLE, op->place,
                        "\"%s?%.*s\" matches more than one resource; nothing was changed",
                        rh_resource_type(op->type)->name, RH_TEXT_ARG(op->criteria));
}

/* The id in the body must be free: what the condition did not match is not what the client means.
 */
static enum rh_rc must_be_free(struct applying *a, struct rh_ctx *ctx, const struct rh_write_op *op,
                               struct rh_text id)
{
    struct rh_head head;
    enum rh_rc rc = rh_store_head_get(a->session->conn, (uint16_t)op->type, id, ctx->arena, &head);
    if (rc == RH_NOTFOUND || (rc == RH_OK && head.deleted))
        return RH_OK;
    return rc ? rc
              : rh_issue_add(ctx->issues, RH_CONFLICT, op->place,
                             "the condition matches nothing, but %s/%.*s, the id in the resource, "
                             "exists and would be overwritten",
                             rh_resource_type(op->type)->name, RH_TEXT_ARG(id));
}

/* Where a conditional update goes: the one that matches, else the id in the body, else a new one.
 */
static enum rh_rc update_target(struct applying *a, struct rh_ctx *ctx, struct rh_write_op *op,
                                unsigned n, const struct rh_head *found)
{
    struct rh_prepared *p = op->prepared;
    struct rh_text own = rh_json_get(p->resource, "id");
    if (n == 1) {
        if (own.len > 0 && !rh_text_eq(own, found->id))
            return rh_issue_add(
                ctx->issues, RH_INVALID, op->place,
                "the resource has the id \"%.*s\", but the condition matches \"%.*s\"",
                RH_TEXT_ARG(own), RH_TEXT_ARG(found->id));
        p->id = rh_text_copy(ctx->arena, found->id);
    } else if (own.len > 0) {
        enum rh_rc rc = must_be_free(a, ctx, op, own);
        if (rc)
            return rc;
        p->id = own;
    } else {
        char uuid[RH_UUID_SIZE];
        rh_uuid7(ctx->now_us, uuid);
        p->id = rh_text_copy(ctx->arena, rh_text(uuid));
    }
    return p->id.data ? RH_OK : RH_NOMEM;
}

static enum rh_rc decide_condition(struct applying *a, struct rh_write_op *op)
{
    struct rh_prepared *p = op->prepared;
    if (!p->criteria)
        return RH_OK;
    struct rh_ctx ctx = ctx_of(a->write, op);
    struct rh_head rows[2];
    unsigned n = 0;
    enum rh_rc rc = RH_OK;
    if (p->criteria->walked) /* what it was made from may have changed since */
        rc = rh_criteria_parse(a->session, &ctx, true, op->type, op->criteria, p->criteria);
    if (rc == RH_OK)
        rc = rh_search_heads(a->session, &ctx, &a->grant, p->criteria, 2, rows, &n);
    if (rc)
        return rc;
    if (n > 1)
        return several(ctx.issues, op);
    switch (op->interaction) {
    case RH_CREATE:
        p->matched = n == 1;
        if (p->matched)
            p->id = rh_text_copy(a->write->arena, rows[0].id);
        return p->id.data ? RH_OK : RH_NOMEM;
    case RH_UPDATE:
        return update_target(a, &ctx, op, n, rows);
    case RH_PATCH:
        if (n == 0)
            return rh_issue_add(ctx.issues, RH_NOTFOUND, op->place,
                                "\"%s?%.*s\" matches nothing that could be patched",
                                rh_resource_type(op->type)->name, RH_TEXT_ARG(op->criteria));
        break;
    case RH_DELETE:
    case RH_INTERACTIONS:
        break;
    }
    p->id = n ? rh_text_copy(a->write->arena, rows[0].id) : (struct rh_text){NULL, 0};
    return n && !p->id.data ? RH_NOMEM : RH_OK;
}

/* W/"a1-5", "a1-5" or a1-5. */
static struct rh_text etag_value(struct rh_text t)
{
    t = rh_text_trim(t);
    if (rh_text_starts(t, "W/")) {
        t.data += 2;
        t.len -= 2;
    }
    if (t.len >= 2 && t.data[0] == '"' && t.data[t.len - 1] == '"') {
        t.data++;
        t.len -= 2;
    }
    return t;
}

static enum rh_rc check_preconditions(struct rh_issues *is, const struct rh_write_op *op,
                                      const struct rh_head *old)
{
    bool exists = old && !old->deleted;
    if (op->if_none_match.len > 0 && exists && rh_text_is(etag_value(op->if_none_match), "*"))
        return rh_issue_add(is, RH_PRECONDITION, op->place,
                            "%s/%.*s exists already, and If-None-Match: * asks not to overwrite it",
                            rh_resource_type(op->type)->name, RH_TEXT_ARG(old->id));
    if (op->if_match.len == 0)
        return RH_OK;
    struct rh_text want = etag_value(op->if_match);
    char have[RH_VERSION_ID_SIZE] = "";
    if (exists)
        rh_version_id(old->origin, old->seq, have);
    if (exists && (rh_text_is(want, have) || rh_text_is(want, "*")))
        return RH_OK;
    return rh_issue_add(is, RH_PRECONDITION, op->place,
                        "If-Match asks for version \"%.*s\", but the current version is %s%s%s: "
                        "read it again and repeat the change",
                        RH_TEXT_ARG(want), exists ? "\"" : "", exists ? have : "none",
                        exists ? "\"" : "");
}

/* What is stored now, decoded, with its keys: for comparison, for a patch, for taking its keys
 * back. */
struct old {
    struct rh_head head;
    struct rh_text body;
    yyjson_val *resource;
    struct rh_search_keys keys;
};

static enum rh_rc load_old(struct applying *a, struct old *o)
{
    struct rh_version v;
    struct rh_arena *scratch = a->session->scratch;
    enum rh_rc rc = rh_version_of_head(a->session, &o->head, scratch, &v);
    if (rc)
        return rc;
    struct rh_issues is;
    rh_issues_init(&is, scratch);
    struct rh_ctx ctx = {.arena = scratch,
                         .issues = &is,
                         .now_us = a->write->now_us,
                         .base = a->write->base,
                         .zone_minutes = a->write->zone_minutes,
                         .parameters = rh_record_parameters(a->session->record)};
    yyjson_doc *doc;
    if (rh_json_parse(scratch, &is, v.body, &doc))
        return RH_CORRUPT;
    o->body = v.body;
    o->resource = yyjson_doc_get_root(doc);
    return rh_keys_of(&ctx, rh_resource_type(o->head.type), o->resource, &o->keys);
}

static struct rh_version version_of_old(const struct rh_write_op *op, const struct old *o,
                                        struct rh_text body)
{
    return (struct rh_version){
        .type = op->type,
        .id = op->prepared->id,
        .origin = o->head.origin,
        .seq = o->head.seq,
        .time_us = o->head.time_us,
        .op = o->head.deleted ? RH_OP_DELETE : RH_OP_UPDATE,
        .part = o->head.part,
        .body = body,
    };
}

static enum rh_rc log_change(struct applying *a, const struct rh_write_op *op)
{
    struct rh_arena *s = a->session->scratch;
    char version[RH_VERSION_ID_SIZE];
    rh_version_id(op->version.origin, op->version.seq, version);
    char *what = rh_arena_printf(s, "%s/%.*s/_history/%s", rh_resource_type(op->type)->name,
                                 RH_TEXT_ARG(op->version.id), version);
    if (!what)
        return RH_NOMEM;
    rh_audit_line(a->audit, op->version.time_us, &a->write->caller,
                  rh_action_name(action_of(op->interaction)), rh_text(what), &op->version.part, 1,
                  RH_OK);
    if (a->audit->rc)
        return a->audit->rc;
    (*a->audit_rows)++;
    return RH_OK;
}

/* The search parameters have changed since it was prepared. */
static enum rh_rc keys_again(struct applying *a, struct rh_write_op *op)
{
    struct rh_prepared *p = op->prepared;
    struct rh_ctx ctx = ctx_of(a->write, op);
    if (p->parameters == rh_record_parameters(a->session->record))
        return RH_OK;
    p->parameters = ctx.parameters = rh_record_parameters(a->session->record);
    return rh_keys_of_body(&ctx, op->type, p->body, &p->keys);
}

static enum rh_rc append(struct applying *a, struct rh_write_op *op, const struct old *old,
                         enum rh_op kind)
{
    const struct rh_prepared *p = op->prepared;
    enum rh_rc rc = kind == RH_OP_DELETE ? RH_OK : keys_again(a, op);
    if (rc)
        return rc;
    struct rh_change c = {
        .type = op->type,
        .id = p->id,
        .part = kind == RH_OP_DELETE ? old->head.part : p->part,
        .op = kind,
        .body = p->body,
        .packed = p->packed,
        .codec = p->codec,
        .old = old ? &old->head : NULL,
        .old_keys = old && !old->head.deleted ? &old->keys : NULL,
        .keys = kind == RH_OP_DELETE ? NULL : &p->keys,
        .purpose = a->write->caller.purpose,
    };
    rc = rh_tip_append(a->session, a->tip, &c, &op->version);
    if (rc == RH_OK)
        op->changed = true;
    return rc ? rc : log_change(a, op);
}

static enum rh_rc apply_delete(struct applying *a, struct rh_write_op *op, const struct old *old)
{
    op->status = 204;
    if (!old)
        return RH_OK; /* nothing was there: FHIR asks for the same answer */
    if (old->head.deleted) {
        op->version = version_of_old(op, old, (struct rh_text){NULL, 0});
        return RH_OK;
    }
    struct rh_prepared *p = op->prepared;
    p->body = p->packed = (struct rh_text){NULL, 0};
    p->codec = RH_CODEC_PLAIN;
    return append(a, op, old, RH_OP_DELETE);
}

/* A patch that is a Parameters resource. The writer has no time for long evaluations. */
static enum rh_rc fhirpath_patch(struct rh_ctx *ctx, yyjson_val *resource, yyjson_val *patch,
                                 yyjson_val **ret)
{
    struct rh_buf text = rh_buf(ctx->arena);
    yyjson_doc *doc;
    ctx->steps = RH_FHIRPATH_PATCH_STEPS;
    enum rh_rc rc = rh_fhirpath_patch(ctx, resource, patch, &text);
    if (rc == RH_OK)
        rc = rh_json_parse(ctx->arena, ctx->issues, rh_buf_get(&text), &doc);
    if (rc == RH_OK)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* The patched resource becomes the prepared one. */
static enum rh_rc apply_patch(struct applying *a, struct rh_write_op *op, const struct old *old)
{
    struct rh_issues *is = issues_of(a->write, op);
    const char *type = rh_resource_type(op->type)->name;
    struct rh_prepared *p = op->prepared;
    if (!old)
        return rh_issue_add(is, RH_NOTFOUND, op->place, "there is no %s/%.*s to patch", type,
                            RH_TEXT_ARG(p->id));
    if (old->head.deleted)
        return rh_issue_add(is, RH_GONE, op->place, "%s/%.*s has been deleted", type,
                            RH_TEXT_ARG(p->id));
    struct rh_ctx ctx = ctx_of(a->write, op);
    yyjson_val *patch = p->resource;
    enum rh_rc rc = yyjson_is_obj(patch)
                        ? fhirpath_patch(&ctx, old->resource, patch, &p->resource)
                        : rh_json_patch(a->write->arena, is, old->resource, patch, &p->resource);
    if (rc == RH_OK)
        rc = rh_prepare_check(a->session->record, &ctx, a->write->validate, op->place, p);
    if (rc == RH_OK)
        rc = rh_prepare_gate(a->session->record, NULL, &ctx, a->write, op->place, p);
    return rc ? rc : finish_op(a->session, a->write, op, a->write->links, &a->grant);
}

static enum rh_rc apply_put(struct applying *a, struct rh_write_op *op, const struct old *old)
{
    const struct rh_prepared *p = op->prepared;
    bool exists = old && !old->head.deleted;
    op->status = exists ? 200 : 201;
    if (exists && rh_text_eq(old->body, p->body)) {
        op->version = version_of_old(op, old, p->body);
        return RH_OK;
    }
    return append(a, op, old, exists ? RH_OP_UPDATE : RH_OP_CREATE);
}

static enum rh_rc matched_create(struct applying *a, struct rh_write_op *op, const struct old *old)
{
    op->status = 200;
    struct rh_text body = rh_text_copy(a->write->arena, old->body);
    if (!body.data)
        return RH_NOMEM;
    op->version = version_of_old(op, old, body);
    return RH_OK;
}

static enum rh_rc apply_op(struct applying *a, struct rh_write_op *op)
{
    struct rh_prepared *p = op->prepared;
    struct rh_issues *is = issues_of(a->write, op);
    struct old o, *old = NULL;
    enum rh_rc rc = RH_NOTFOUND;
    if (p->id.len > 0)
        rc = rh_store_head_get(a->session->conn, (uint16_t)op->type, p->id, a->session->scratch,
                               &o.head);
    if (rc == RH_OK) {
        old = &o;
        if (!o.head.deleted)
            rc = load_old(a, &o);
    } else if (rc == RH_NOTFOUND) {
        rc = RH_OK;
    }
    if (rc == RH_OK && !p->matched)
        rc = check_preconditions(is, op, old ? &o.head : NULL);
    if (rc)
        return rc;
    if (op->interaction == RH_DELETE)
        return apply_delete(a, op, old);
    if (p->matched && old && old->head.deleted)
        return rh_issue_add(is, RH_RULE, op->place,
                            "\"%s?%.*s\" matches %.*s, which another entry of this transaction "
                            "deletes",
                            rh_resource_type(op->type)->name, RH_TEXT_ARG(op->criteria),
                            RH_TEXT_ARG(p->id));
    if (p->matched && old)
        return matched_create(a, op, old);
    if (op->interaction == RH_PATCH && (rc = apply_patch(a, op, old)))
        return rc;
    return apply_put(a, op, old);
}

static enum rh_rc refuse_op(struct applying *a, struct rh_write_op *op, enum rh_rc rc)
{
    if (rc && rh_rc_is_store(rc) && issues_of(a->write, op)->errors == 0)
        rh_store_failed(a->session->conn, issues_of(a->write, op), rc, "writing");
    if (rc)
        refuse(a->write, op, rc);
    return rc;
}

static enum rh_rc finish_deferred(struct applying *a, struct rh_write_op *op)
{
    struct rh_prepared *p = op->prepared;
    if (!p->deferred || p->matched || op->interaction == RH_PATCH || op->interaction == RH_DELETE)
        return RH_OK;
    return finish_op(a->session, a->write, op, a->write->links, &a->grant);
}

static enum rh_rc grant_for(struct applying *a, const struct rh_write_op *op)
{
    return rh_access_decide(&a->write->caller, action_of(op->interaction), op->type,
                            issues_of(a->write, op), &a->grant);
}

enum rh_rc rh_write_apply_one(struct rh_session *writer, struct rh_tip *t, struct rh_write *w,
                              unsigned i, struct rh_buf *audit, unsigned *audit_rows)
{
    struct applying a = {writer, t, w, audit, audit_rows, {false}};
    struct rh_write_op *op = &w->ops[i];
    unsigned rows = *audit_rows;
    enum rh_rc rc = grant_for(&a, op);
    if (rc == RH_OK)
        rc = decide_condition(&a, op);
    if (rc == RH_OK)
        rc = finish_deferred(&a, op);
    if (rc == RH_OK)
        rc = apply_op(&a, op);
    if (rc == RH_OK)
        rc = rh_tip_keys(writer, t);
    if (rc)
        *audit_rows = rows;
    return refuse_op(&a, op, rc);
}

/* Two entries for one resource would make the answer depend on their order (FHIR R4, http,
 * transaction). */
static enum rh_rc refuse_repeats(struct applying *a)
{
    struct rh_write *w = a->write;
    struct rh_links *seen;
    enum rh_rc rc = rh_links_open(a->session->scratch, w->n, &seen);
    for (unsigned i = 0; i < w->n && rc == RH_OK; i++) {
        struct rh_write_op *op = &w->ops[i];
        if (op->prepared->id.len == 0 || op->prepared->matched)
            continue;
        char *name = rh_arena_printf(a->session->scratch, "%u/%.*s", op->type,
                                     RH_TEXT_ARG(op->prepared->id));
        rc = name ? rh_links_add(seen, rh_text(name), op->type, op->prepared->id) : RH_NOMEM;
        if (rc == RH_CONFLICT)
            rc = rh_issue_add(w->issues, RH_RULE, op->place,
                              "two entries of this transaction change %s/%.*s",
                              rh_resource_type(op->type)->name, RH_TEXT_ARG(op->prepared->id));
    }
    return rc;
}

static enum rh_rc link_decided(struct applying *a)
{
    struct rh_write *w = a->write;
    for (unsigned i = 0; w->links && i < w->n; i++) {
        const struct rh_write_op *op = &w->ops[i];
        if (op->criteria.len == 0 || op->full_url.len == 0 || op->prepared->id.len == 0 ||
            op->interaction == RH_DELETE)
            continue;
        enum rh_rc rc = rh_links_add(w->links, op->full_url, op->type, op->prepared->id);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc each_op(struct applying *a,
                          enum rh_rc (*f)(struct applying *, struct rh_write_op *))
{
    for (unsigned i = 0; i < a->write->n; i++) {
        enum rh_rc rc = f(a, &a->write->ops[i]);
        if (rc)
            return refuse_op(a, &a->write->ops[i], rc);
    }
    return RH_OK;
}

enum rh_rc rh_write_apply(struct rh_session *writer, struct rh_tip *t, struct rh_write *w,
                          struct rh_buf *audit, unsigned *audit_rows)
{
    static const enum rh_interaction order[] = {RH_DELETE, RH_CREATE, RH_UPDATE, RH_PATCH};
    struct applying a = {writer, t, w, audit, audit_rows, {false}};
    if (w->n == 0)
        return RH_OK;
    enum rh_rc rc = grant_for(&a, &w->ops[0]);
    if (rc == RH_OK)
        rc = each_op(&a, decide_condition);
    if (rc == RH_OK)
        rc = link_decided(&a);
    if (rc == RH_OK && w->n > 1)
        rc = refuse_repeats(&a);
    if (rc == RH_OK)
        rc = each_op(&a, finish_deferred);
    for (unsigned k = 0; k < sizeof order / sizeof order[0] && rc == RH_OK; k++)
        for (unsigned i = 0; i < w->n && rc == RH_OK; i++)
            if (w->ops[i].interaction == order[k])
                rc = refuse_op(&a, &w->ops[i], apply_op(&a, &w->ops[i]));
    if (rc == RH_OK)
        rc = rh_tip_keys(writer, t);
    if (rc && w->n == 1 && !w->ops[0].rc)
        refuse(w, &w->ops[0], rc);
    return rc;
}

void rh_write_failed(struct rh_write *w, enum rh_rc rc, const char *text)
{
    w->rc = rc;
    for (unsigned i = 0; i < w->n; i++) {
        struct rh_issues *is = issues_of(w, &w->ops[i]);
        if (w->mode == RH_WRITE_BATCH || i == 0) {
            rh_issues_init(is, w->arena);
            rh_issue_add(is, rc, NULL, "nothing was stored: %s", text);
        }
        w->ops[i].rc = rc;
        w->ops[i].status = rh_rc_http(rc);
        w->ops[i].changed = false;
    }
}

/* --- waiting for it ----------------------------------------------------------------------------
 */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void wake(struct rh_write *w)
{
    struct waiting *wait = w->user;
    pthread_mutex_lock(&wait->lock);
    wait->done = true;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->lock);
}

enum rh_rc rh_write_run(struct rh_session *s, struct rh_write *w)
{
    enum rh_rc rc = rh_write_prepare(s, w);
    if (rc)
        return rc;
    struct waiting wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    w->done = wake;
    w->user = &wait;
    rc = rh_write_submit(s->record, w);
    if (rc)
        return w->rc =
                   rh_issue_add(w->issues, rc, NULL, "%d writes wait already", RH_RECORD_QUEUE_MAX);
    pthread_mutex_lock(&wait.lock);
    while (!wait.done)
        pthread_cond_wait(&wait.cond, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    pthread_mutex_destroy(&wait.lock);
    pthread_cond_destroy(&wait.cond);
    return w->rc;
}
