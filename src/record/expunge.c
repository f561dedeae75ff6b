/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expunge.c - found by a reader, erased on the writer's thread in slices of RH_CHUNK.
 *
 * A version that is not current never becomes so again (an update appends another), so what the
 * reader found may be erased whatever was written meanwhile.
 */
#include "record/expunge.h"

#include "record/record_int.h"

struct slice {
    uint64_t numbers[RH_CHUNK];
    uint64_t parts[RH_CHUNK];
    unsigned n;
};

struct expunge {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_caller *caller;
    const struct rh_expunge_request *request;
    struct slice slice;
    uint64_t left, erased;
};

static enum rh_rc erase(struct rh_session *writer, void *user)
{
    const struct slice *s = user;
    enum rh_rc rc = rh_store_begin(writer->conn);
    for (unsigned i = 0; i < s->n && !rc; i++)
        rc =
            rh_store_body_put(writer->conn, s->numbers[i], RH_CODEC_PLAIN, (struct rh_text){"", 0});
    if (!rc)
        rc = rh_store_commit(writer->conn);
    if (rc)
        rh_store_rollback(writer->conn);
    return rc;
}

static enum rh_rc note(struct expunge *x)
{
    const struct rh_expunge_request *r = x->request;
    struct rh_record *record = x->session->record;
    struct rh_ctx ctx = *x->ctx;
    uint64_t parts[RH_CHUNK];
    unsigned n = 0;
    ctx.arena = x->session->scratch;
    for (unsigned i = 0; i < x->slice.n; i++) {
        unsigned k = 0;
        while (k < n && parts[k] != x->slice.parts[i])
            k++;
        if (k == n && x->slice.parts[i] != record->site_part)
            parts[n++] = x->slice.parts[i];
    }
    struct rh_buf what = rh_buf(ctx.arena);
    rh_buf_str(&what, r->type ? rh_resource_type(r->type)->name : "");
    if (r->id.len) {
        rh_buf_char(&what, '/');
        rh_buf_text(&what, r->id);
    }
    rh_buf_printf(&what, "/$expunge of %u versions", x->slice.n);
    return what.rc ? what.rc
                   : rh_audit_read(record, &ctx, x->caller, RH_ACTION_ADMIN, rh_buf_get(&what),
                                   parts, n);
}

static enum rh_rc flush(struct expunge *x)
{
    if (!x->slice.n)
        return RH_OK;
    rh_arena_reset(x->session->scratch);
    enum rh_rc rc = note(x);
    if (rc)
        return rc;
    rc = rh_writer_task(x->session->record->writer, (struct rh_task){erase, &x->slice});
    if (rc)
        return rh_store_failed(NULL, x->ctx->issues, rc, "erasing versions");
    x->erased += x->slice.n;
    x->slice.n = 0;
    return RH_OK;
}

static enum rh_rc add(struct expunge *x, const struct rh_entry *e)
{
    if (e->body.len == 0 || x->left == 0)
        return RH_OK;
    x->slice.numbers[x->slice.n] = e->number;
    x->slice.parts[x->slice.n++] = e->part;
    x->left--;
    return x->slice.n == RH_CHUNK ? flush(x) : RH_OK;
}

/* Every version behind the current one. */
static enum rh_rc one_resource(struct expunge *x, const struct rh_head *h)
{
    struct rh_arena *a = x->session->trial;
    if (!x->request->previous && !(h->deleted && x->request->deleted))
        return RH_OK;
    enum rh_rc rc = RH_OK;
    uint64_t number = h->entry, prior;
    for (bool current = true; number && !rc && x->left; current = false, number = prior) {
        struct rh_entry e;
        rh_arena_reset(a);
        rc = rh_store_entry(x->session->conn, number, a, &e);
        prior = rc ? 0 : e.prior;
        if (!rc && !current)
            rc = add(x, &e);
    }
    return rc;
}

static enum rh_rc one_type(struct expunge *x, unsigned type)
{
    struct rh_arena *a = rh_arena_open(RH_SCRATCH_BYTES);
    struct rh_head heads[RH_CHUNK];
    char after[RH_STORE_ID_MAX + 1];
    struct rh_text last = {NULL, 0};
    unsigned n = RH_CHUNK;
    enum rh_rc rc = RH_OK;
    while (!rc && n == RH_CHUNK && x->left) {
        rh_arena_reset(a);
        rc = rh_store_head_scan(x->session->conn, (uint16_t)type, last, RH_CHUNK, a, heads, &n);
        for (unsigned i = 0; i < n && !rc && x->left; i++)
            rc = one_resource(x, &heads[i]);
        if (!rc && n) {
            memcpy(after, heads[n - 1].id.data, heads[n - 1].id.len);
            last = (struct rh_text){after, heads[n - 1].id.len};
        }
    }
    rh_arena_close(a);
    return rc;
}

static enum rh_rc one_version(struct expunge *x, const struct rh_head *h)
{
    const struct rh_expunge_request *r = x->request;
    struct rh_entry e;
    uint64_t origin, seq;
    enum rh_rc rc = RH_NOTFOUND;
    if (rh_version_id_parse(r->version, &origin, &seq))
        rc = rh_store_version(x->session->conn, origin, seq, x->ctx->arena, &e);
    if (!rc && (e.type != r->type || !rh_text_eq(e.id, r->id) || e.op == RH_OP_MOVED))
        rc = RH_NOTFOUND;
    if (rc == RH_NOTFOUND)
        return rh_issue_add(x->ctx->issues, rc, NULL, "%s/%.*s has no version \"%.*s\"",
                            rh_resource_type(r->type)->name, RH_TEXT_ARG(r->id),
                            RH_TEXT_ARG(rh_text_shown(r->version, 80)));
    if (!rc && e.number == h->entry && !h->deleted)
        return rh_issue_add(x->ctx->issues, RH_CONFLICT, NULL,
                            "this version is the current one: delete or update the resource first");
    return rc ? rc : add(x, &e);
}

static enum rh_rc by_id(struct expunge *x)
{
    const struct rh_expunge_request *r = x->request;
    struct rh_head head;
    enum rh_rc rc =
        rh_store_head_get(x->session->conn, (uint16_t)r->type, r->id, x->ctx->arena, &head);
    if (rc == RH_NOTFOUND)
        return rh_issue_add(x->ctx->issues, rc, NULL, "there is no %s/%.*s and never was",
                            rh_resource_type(r->type)->name, RH_TEXT_ARG(r->id));
    if (!rc)
        rc = r->version.len ? one_version(x, &head) : one_resource(x, &head);
    return rc;
}

enum rh_rc rh_record_expunge(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_expunge_request *r,
                             uint64_t *ret)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_ADMIN, r->type, ctx->issues, &grant);
    if (!rc && !r->version.len && !r->deleted && !r->previous)
        rc = rh_issue_add(ctx->issues, RH_INVALID, NULL,
                          "nothing is asked for: set expungeDeletedResources or "
                          "expungePreviousVersions to true");
    struct expunge *x = rc ? NULL : rh_arena_zero(ctx->arena, sizeof *x);
    if (!x)
        return rc ? rc : RH_NOMEM;
    *x = (struct expunge){.session = s,
                          .ctx = ctx,
                          .caller = caller,
                          .request = r,
                          .left = r->limit ? r->limit : RH_EXPUNGE_LIMIT};
    if (r->id.len)
        rc = by_id(x);
    else if (r->type)
        rc = one_type(x, r->type);
    for (unsigned type = 1; !r->type && type <= RH_RESOURCE_TYPES && !rc && x->left; type++)
        rc = one_type(x, type);
    if (!rc)
        rc = flush(x);
    if (rc)
        return ctx->issues->errors ? rc
                                   : rh_store_failed(s->conn, ctx->issues, rc, "erasing versions");
    *ret = x->erased;
    return RH_OK;
}
