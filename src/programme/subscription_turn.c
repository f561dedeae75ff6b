/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription_turn.c - each active Subscription is a place in the log that moves on when what
 * matches behind it was delivered.
 *
 * Invariant: the place is never ahead of what was delivered, on the disk least of all. So a crash
 * repeats and loses nothing; and a slow endpoint costs no memory, it is only further behind.
 */
#include "programme/subscription_int.h"

#include "base/alloc.h"
#include "base/datetime.h"
#include "base/hash.h"
#include "record/write.h"
#include "search/query.h"
#include "system/clock.h"
#include "system/log.h"
#include "xml/xml.h"

#include <stdio.h>

enum {
    AGAIN_MS = 5000, /* after an error of the store */
    WHY_MAX = 400
};

/* Later: something that has nothing to do with this Subscription does not work. */
static bool later(struct rh_sub *u)
{
    u->next_ns = rh_clock_mono_ns() + AGAIN_MS * INT64_C(1000000);
    return false;
}

static bool passes(enum rh_rc rc)
{
    return rc == RH_BUSY || rc == RH_NOMEM || rh_rc_http(rc) == 500 || rc == RH_FULL ||
           rc == RH_READONLY;
}

/* The version that is in force. RH_PRECONDITION: it is another meanwhile, of which there is news.
 */
static enum rh_rc in_force(struct rh_subscriptions *s, struct rh_ctx *ctx, const struct rh_sub *u,
                           struct rh_version *ret)
{
    struct rh_caller caller = rh_sub_owner(NULL);
    enum rh_rc rc = rh_record_read(s->session, ctx, &caller, s->type, rh_text(u->id), ret);
    if (rc == RH_GONE || rc == RH_NOTFOUND)
        return RH_PRECONDITION;
    return !rc && (ret->origin != u->origin || ret->seq != u->seq) ? RH_PRECONDITION : rc;
}

/* --- the status in the resource ------------------------------------------------------------------
 */

/* The resource with another status. */
static void rewrite(yyjson_val *resource, const char *status, const char *error, struct rh_buf *b)
{
    size_t i, max;
    yyjson_val *key, *val;
    rh_buf_char(b, '{');
    yyjson_obj_foreach (resource, i, max, key, val) {
        struct rh_text name = rh_json_text(key);
        if (rh_text_is(name, "error") || rh_text_is(name, "_error"))
            continue;
        rh_buf_str(b, b->len > 1 ? "," : "");
        rh_json_write(b, key);
        rh_buf_char(b, ':');
        if (!rh_text_is(name, "status"))
            rh_json_write(b, val);
        else
            rh_buf_json(b, rh_text(status));
        if (rh_text_is(name, "status") && error) {
            rh_buf_str(b, ",\"error\":");
            rh_buf_json(b, rh_text(error));
        }
    }
    rh_buf_char(b, '}');
}

/* An ordinary write, refused with RH_PRECONDITION when the resource is not what was looked at. */
static enum rh_rc put_status(struct rh_subscriptions *s, struct rh_sub *u, const char *status,
                             const char *error)
{
    struct rh_ctx ctx = rh_sub_begin(s);
    struct rh_caller caller = rh_sub_owner(NULL);
    struct rh_version old;
    struct rh_write *w;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(ctx.arena);
    char version[RH_VERSION_ID_SIZE];
    enum rh_rc rc = in_force(s, &ctx, u, &old);
    if (!rc)
        rc = rh_json_parse(ctx.arena, ctx.issues, old.body, &doc);
    if (!rc)
        rc = rh_write_open(&ctx, &caller, RH_WRITE_SINGLE, 1, &w);
    if (rc)
        return rc;
    rewrite(yyjson_doc_get_root(doc), status, error, &b);
    rh_version_id(u->origin, u->seq, version);
    char *match = rh_arena_printf(ctx.arena, "W/\"%s\"", version);
    if (b.rc || !match)
        return RH_NOMEM;
    w->own = true;
    w->validate = RH_VALIDATE_STRUCTURE;
    w->ops[0].interaction = RH_UPDATE;
    w->ops[0].type = s->type;
    w->ops[0].id = rh_text(u->id);
    w->ops[0].body = rh_buf_get(&b);
    w->ops[0].if_match = rh_text(match);
    rc = rh_write_run(s->session, w);
    if (!rc && w->ops[0].changed) {
        u->origin = w->ops[0].version.origin;
        u->seq = w->ops[0].version.seq;
    }
    if (rc && rc != RH_PRECONDITION)
        rh_log(RH_LOG_ERROR, "subscription", "Subscription/%s cannot be set to %s: %s", u->id,
               status, rh_sub_why(s, rc));
    return rc;
}

/* FAILING and ENDING: the status says so from now on. */
static bool settle(struct rh_subscriptions *s, struct rh_sub *u)
{
    bool failing = u->state == RH_SUB_FAILING;
    if (s->dirty && rh_places_save(s)) /* its place, before anyone can ask for more */
        return later(u);
    enum rh_rc rc = put_status(s, u, failing ? "error" : "off", failing ? u->why : NULL);
    if (passes(rc))
        return later(u);
    if (failing)
        rh_log(RH_LOG_WARNING, "subscription", "Subscription/%s: %s", u->id, u->why);
    rh_sub_stop(u);
    u->state = RH_SUB_STILL;
    u->failed = failing;
    u->off = !failing;
    if (u->off) {
        s->dirty |= u->kept;
        u->kept = u->placed = false;
    }
    return true;
}

/* --- activation ----------------------------------------------------------------------------------
 */

/* Reads what it asks for, into u->live. */
static enum rh_rc define(struct rh_subscriptions *s, struct rh_ctx *ctx, struct rh_sub *u)
{
    struct rh_version v;
    yyjson_doc *doc;
    enum rh_rc rc = in_force(s, ctx, u, &v);
    if (rc)
        return rc;
    rh_sub_stop(u);
    struct rh_sub_live *l = u->live = rh_alloc(sizeof *l);
    l->arena = rh_arena_open(16 * (size_t)RH_RECORD_RESOURCE_MAX);
    rc = rh_json_parse(l->arena, ctx->issues, v.body, &doc);
    return rc ? rc : rh_hook_read(ctx->issues, yyjson_doc_get_root(doc), &l->hook);
}

static enum rh_rc may(struct rh_subscriptions *s, struct rh_ctx *ctx, struct rh_sub *u)
{
    struct rh_caller caller = rh_sub_owner(u);
    const struct rh_hook *h = &u->live->hook;
    enum rh_rc rc = rh_hook_allowed(s->rules, s->n_rules, h->endpoint, ctx->issues);
    if (!rc)
        rc = rh_criteria_check(s->session, ctx, &caller, rh_sub_terms(s), &h->criteria);
    if (!rc && s->n_live >= RH_SUBSCRIPTIONS_MAX)
        rc = rh_issue_add(ctx->issues, RH_TOOLARGE, NULL,
                          "%d Subscriptions are active already; set one of them to off.",
                          RH_SUBSCRIPTIONS_MAX);
    return rc;
}

/* ASKED: may it? */
static bool activate(struct rh_subscriptions *s, struct rh_sub *u)
{
    struct rh_ctx ctx = rh_sub_begin(s);
    enum rh_rc rc = define(s, &ctx, u);
    bool over = !rc && u->live->hook.end_us && u->live->hook.end_us <= ctx.now_us;
    bool active = !rc && rh_text_is(u->live->hook.status, "active");
    if (!rc && !over)
        rc = may(s, &ctx, u);
    if (over) {
        rh_sub_stop(u);
        u->state = RH_SUB_ENDING;
        return true;
    }
    u->kept |= !rc;
    if (!rc && rh_places_save(s))
        return later(u);
    if (rc && rc != RH_PRECONDITION && !passes(rc)) {
        u->placed = u->kept;
        rh_sub_fail(u, rh_sub_why(s, rc));
        return true;
    }
    if (!rc && !active)
        rc = put_status(s, u, "active", NULL);
    if (!rc) {
        u->state = RH_SUB_ACTIVE;
        s->n_live++;
        return true;
    }
    rh_sub_stop(u);
    if (rc != RH_PRECONDITION)
        return later(u);
    u->state = RH_SUB_STILL;
    return true;
}

/* --- what matches, and sending it ----------------------------------------------------------------
 */

/* Looks for what comes next. */
static bool look(struct rh_subscriptions *s, struct rh_sub *u)
{
    struct rh_news own[RH_CRITERIA_ROWS];
    const struct rh_news *rows = s->chunk;
    bool hits[RH_CRITERIA_ROWS];
    unsigned n = s->n_chunk;
    if (u->place >= rh_record_newest(s->record))
        return false;
    struct rh_ctx ctx = rh_sub_begin(s);
    struct rh_caller caller = rh_sub_owner(u);
    enum rh_rc rc = RH_OK;
    if (n == 0 || u->place != s->chunk_from) {
        rows = own;
        rc = rh_record_news(s->session, ctx.arena, u->place, RH_CRITERIA_ROWS, own, &n);
    }
    if (!rc)
        rc = rh_criteria_match(s->session, &ctx, &caller, rh_sub_terms(s), &u->live->hook.criteria,
                               rows, n, hits);
    if (passes(rc))
        return later(u);
    if (rc) {
        rh_sub_fail(u, rh_sub_why(s, rc));
        return true;
    }
    u->live->n_rows = u->live->at = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!hits[i])
            continue;
        struct rh_sub_row *r = &u->live->rows[u->live->n_rows++];
        *r = (struct rh_sub_row){.number = rows[i].number,
                                 .origin = rows[i].origin,
                                 .seq = rows[i].seq,
                                 .type = rows[i].type};
        snprintf(r->id, sizeof r->id, "%.*s", RH_TEXT_ARG(rows[i].id));
    }
    if (n)
        u->live->rows_end = rows[n - 1].number;
    if (n && !u->live->n_rows) {
        u->place = u->live->rows_end;
        s->dirty = true;
    }
    return n > 0;
}

/* One row is told, or there is nothing to tell of it any more. */
static void told(struct rh_subscriptions *s, struct rh_sub *u)
{
    u->place = u->live->rows[u->live->at++].number;
    u->live->attempts = 0;
    if (u->live->at == u->live->n_rows) {
        u->place = u->live->rows_end;
        u->live->n_rows = u->live->at = 0;
    }
    s->dirty = true;
}

/* What is sent of a version. RH_GONE: nothing, its body was erased. */
static enum rh_rc body_of(struct rh_ctx *ctx, const struct rh_version *v,
                          enum rh_hook_payload payload, struct rh_text *ret)
{
    struct rh_buf json = rh_buf(ctx->arena), xml = rh_buf(ctx->arena);
    yyjson_doc *doc;
    if (!v->body.len)
        return RH_GONE;
    rh_version_write(v, &json);
    *ret = rh_buf_get(&json);
    if (payload == RH_HOOK_JSON || json.rc)
        return json.rc;
    enum rh_rc rc = rh_json_parse(ctx->arena, ctx->issues, *ret, &doc);
    if (!rc)
        rc = rh_xml_write(ctx, yyjson_doc_get_root(doc), &xml);
    *ret = rh_buf_get(&xml);
    return rc;
}

/* "." and ".." are ids in FHIR, and in an address something else: the endpoint itself would be
 * replaced by the resource. */
static bool has_address(const struct rh_hook *h, struct rh_text id)
{
    return h->payload == RH_HOOK_EMPTY || !(rh_text_is(id, ".") || rh_text_is(id, ".."));
}

static bool send(struct rh_subscriptions *s, struct rh_sub *u)
{
    const struct rh_sub_row *r = &u->live->rows[u->live->at];
    struct rh_ctx ctx = rh_sub_begin(s);
    struct rh_caller caller = rh_sub_owner(u);
    struct rh_version v;
    char version[RH_VERSION_ID_SIZE];
    rh_version_id(r->origin, r->seq, version);
    struct rh_sending what = {.hook = &u->live->hook,
                              .type = rh_text(rh_resource_type(r->type)->name),
                              .id = rh_text(r->id),
                              .version = rh_text(version),
                              .subscription = rh_text(u->id),
                              .body = RH_TEXT(""),
                              .now_us = ctx.now_us};
    enum rh_rc rc = RH_OK;
    if (!has_address(&u->live->hook, what.id)) {
        rh_log(RH_LOG_WARNING, "subscription",
               "Subscription/%s is not told of %s/%s: an address cannot end in this id", u->id,
               rh_resource_type(r->type)->name, r->id);
        told(s, u);
        return true;
    }
    if (u->live->hook.payload != RH_HOOK_EMPTY) {
        rc = rh_record_vread(s->session, &ctx, &caller, r->type, what.id, what.version, &v);
        if (!rc)
            rc = body_of(&ctx, &v, u->live->hook.payload, &what.body);
    }
    if (rc == RH_GONE || rc == RH_NOTFOUND) {
        told(s, u);
        return true;
    }
    if (rc == RH_STRUCTURE) {
        rh_sub_fail(u, rh_sub_why(s, rc));
        return true;
    }
    if (!rc && !(u->live->transfer = rh_transfer_open(s->sender, &what, u)))
        rc = RH_NOMEM;
    if (!rc)
        return true;
    rh_log(RH_LOG_ERROR, "subscription",
           "Subscription/%s waits: %s/%s/_history/%s cannot be sent: %s", u->id,
           rh_resource_type(r->type)->name, r->id, version, rh_rc_text(rc));
    return later(u);
}

/* 1, 2, 4, … seconds, a fifth more or less, so that many do not come back at one moment. */
static int64_t pause_ns(unsigned attempts)
{
    uint32_t dice;
    int64_t s = attempts > 16 ? RH_HOOK_RETRY_MAX_S : INT64_C(1) << (attempts - 1);
    if (s > RH_HOOK_RETRY_MAX_S)
        s = RH_HOOK_RETRY_MAX_S;
    rh_random(&dice, sizeof dice);
    return s * 8 * INT64_C(100000000) + s * (int64_t)(dice % 4000) * INT64_C(100000);
}

void rh_sub_ended(struct rh_subscriptions *s, struct rh_sub *u, enum rh_rc rc, const char *text)
{
    rh_transfer_close(u->live->transfer);
    u->live->transfer = NULL;
    if (!rc) {
        atomic_fetch_add(&s->delivered, 1);
        told(s, u);
        return;
    }
    atomic_fetch_add(&s->attempts_failed, 1);
    u->live->attempts++;
    if (u->live->attempts <= s->retries) {
        u->next_ns = rh_clock_mono_ns() + pause_ns(u->live->attempts);
        return;
    }
    char full[WHY_MAX], now[RH_INSTANT_SIZE];
    rh_instant_print(rh_clock_now_us(), now);
    snprintf(full, sizeof full,
             "%u attempts to deliver failed, the last one at %s: %.180s. Set it to requested to go "
             "on from there.",
             u->live->attempts, now, text);
    rh_sub_fail(u, full);
}

/* --- all together --------------------------------------------------------------------------------
 */

bool rh_sub_turn(struct rh_subscriptions *s, struct rh_sub *u, int64_t now_ns)
{
    struct rh_sub_live *l = u->live;
    if ((l && l->transfer) || u->next_ns > now_ns)
        return false;
    switch (u->state) {
    case RH_SUB_ASKED:
        return activate(s, u);
    case RH_SUB_FAILING:
    case RH_SUB_ENDING:
        return settle(s, u);
    case RH_SUB_ACTIVE:
        if (l->hook.end_us && l->hook.end_us <= rh_clock_now_us()) {
            rh_sub_stop(u);
            u->state = RH_SUB_ENDING;
            return true;
        }
        return l->at < l->n_rows ? send(s, u) : look(s, u);
    case RH_SUB_STILL:
        break;
    }
    return false;
}
