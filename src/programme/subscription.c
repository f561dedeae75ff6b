/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription.c - each active Subscription is a place in the log that moves on when what matches
 * behind it was delivered.
 *
 *   ASKED   stored as `requested`: is looked at            -> ACTIVE or FAILING
 *   ACTIVE  follows the log                                -> FAILING, ENDING
 *   FAILING `error` is to be stored                        -> STILL
 *   ENDING  `off` is to be stored                          -> STILL
 *   STILL   nothing to do until its resource changes       -> ASKED
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
#include "system/file.h"
#include "system/log.h"
#include "system/thread.h"
#include "xml/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ARENA_MAX = 64 << 20, /* of one turn */
    STATE_MAX = 8 << 20,  /* bytes of the file */
    LIST_PAGE = 100,
    SAVE_NS = 1000000000, /* between two savings of places */
    LOOK_MS = 1000,       /* between two looks when nothing happens */
    AGAIN_MS = 5000,      /* after an error of the store */
    NEWS_PAUSE_MS = 10,   /* so that many small commits do not wake us one by one */
    WHY_MAX = 300
};

enum state { ASKED, ACTIVE, FAILING, ENDING, STILL };

struct waiting_row {
    uint64_t number, origin, seq;
    unsigned type;
    char id[RH_STORE_ID_MAX + 1];
};

struct sub {
    struct sub *next;
    char *id;
    enum state state;
    bool failed, off;       /* STILL: which of them */
    uint64_t origin, seq;   /* version in force */
    char *body;             /* of it; `hook` points into it through `doc` */
    struct rh_arena *arena; /* of `hook` */
    struct rh_hook hook;
    bool placed;                               /* there is a place */
    uint64_t place;                            /* everything up to here is told */
    struct waiting_row rows[RH_CRITERIA_ROWS]; /* that match and come next */
    unsigned n_rows, at;
    uint64_t rows_end; /* the place behind all of them */
    struct rh_transfer *transfer;
    unsigned attempts; /* that failed, of the present row */
    int64_t next_ns;   /* nothing before this */
    char why[WHY_MAX];
};

struct rh_subscriptions {
    struct rh_hook_rule *rules;
    unsigned n_rules, retries;
    char *dir;
    void (*news)(void *user);
    void *user;
    struct rh_record *record;
    struct rh_session *session;
    char base[128];
    unsigned type; /* of Subscription */
    pthread_t worker, watcher;
    bool worker_runs, watcher_runs;
    _Atomic bool stop;
    /* the worker's */
    struct rh_sender *sender;
    struct rh_arena *arena;
    struct rh_issues issues;
    struct sub *subs;
    yyjson_doc *state; /* as the file was, during the start */
    struct rh_arena *state_arena;
    uint64_t seen; /* of the log, for Subscriptions themselves */
    /* The rows that were read for that last, for all who are as far as we were then. */
    struct rh_arena *chunk_arena;
    struct rh_news chunk[RH_CRITERIA_ROWS];
    uint64_t chunk_from;
    unsigned n_chunk;
    bool dirty;
    int64_t saved_ns;
    _Atomic uint64_t n_active, n_failed, n_off, delivered, attempts_failed, behind;
};

static struct rh_ctx begin_turn(struct rh_subscriptions *s)
{
    rh_arena_reset(s->arena);
    rh_issues_init(&s->issues, s->arena);
    return (struct rh_ctx){.arena = s->arena,
                           .issues = &s->issues,
                           .now_us = rh_clock_now_us(),
                           .base = rh_text(s->base)};
}

/* In whose name it searches and reads. There are no logins yet: whoever can write here may read
 * everything. */
static struct rh_caller owner(const struct sub *u)
{
    return (struct rh_caller){.user = u ? rh_text(u->id) : RH_TEXT("subscriptions"),
                              .purpose = RH_TEXT("TREAT"),
                              .local = true};
}

static const char *why(const struct rh_subscriptions *s, enum rh_rc rc)
{
    return s->issues.count && s->issues.rows[0].text ? s->issues.rows[0].text : rh_rc_text(rc);
}

/* --- places on the disk -------------------------------------------------------------------------
 */

static const char file_name[] = "subscriptions.json";

static enum rh_rc read_places(struct rh_subscriptions *s, struct rh_issues *is)
{
    struct rh_text text;
    char *path = rh_path_join(s->state_arena, s->dir, file_name);
    if (!path)
        return RH_NOMEM;
    enum rh_rc rc = rh_file_read(s->state_arena, NULL, path, STATE_MAX, &text);
    if (rc == RH_NOTFOUND)
        return RH_OK;
    if (!rc)
        rc = rh_json_parse(s->state_arena, is, text, &s->state);
    if (rc)
        return rh_issue_add(is, rc, NULL,
                            "%s cannot be read: %s. Without it, each Subscription must be set to "
                            "requested again; remove the file for that.",
                            path, rh_rc_text(rc));
    return RH_OK;
}

static bool known_place(const struct rh_subscriptions *s, struct rh_text id, uint64_t *ret)
{
    size_t i, max;
    yyjson_val *one, *all = yyjson_obj_get(yyjson_doc_get_root(s->state), "subscriptions");
    yyjson_arr_foreach (all, i, max, one) {
        if (rh_text_eq(rh_json_get(one, "id"), id))
            return rh_text_u64(rh_json_get(one, "place"), INT64_MAX, ret) == RH_OK;
    }
    return false;
}

static enum rh_rc save(struct rh_subscriptions *s)
{
    struct rh_arena *a = rh_arena_open(STATE_MAX);
    struct rh_buf b = rh_buf(a);
    const char *before = "";
    rh_buf_str(&b, "{\"subscriptions\":[");
    for (const struct sub *u = s->subs; u; u = u->next)
        if (u->placed) {
            rh_buf_printf(&b, "%s\n{\"id\":\"%s\",\"place\":\"%llu\"}", before, u->id,
                          (unsigned long long)u->place);
            before = ",";
        }
    rh_buf_str(&b, "\n]}\n");
    char *path = rh_path_join(a, s->dir, file_name);
    enum rh_rc rc = b.rc || !path ? RH_NOMEM : rh_file_write(NULL, path, rh_buf_get(&b), 0600);
    if (rc)
        rh_log(RH_LOG_ERROR, "subscription", "%s cannot be written: %s", file_name, rh_rc_text(rc));
    rh_arena_close(a);
    s->saved_ns = rh_clock_mono_ns();
    s->dirty = rc != RH_OK;
    return rc;
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

/* An ordinary write, refused when the resource is not what was looked at any more: then there is
 * news of it. RH_PRECONDITION is that; other errors are of the store. */
static enum rh_rc put_status(struct rh_subscriptions *s, struct sub *u, const char *status,
                             const char *error)
{
    struct rh_ctx ctx = begin_turn(s);
    struct rh_caller caller = owner(NULL);
    struct rh_write *w;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(ctx.arena);
    char version[RH_VERSION_ID_SIZE];
    enum rh_rc rc = rh_json_parse(ctx.arena, ctx.issues, rh_text(u->body), &doc);
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
        rh_free(u->body);
        u->body = rh_alloc(b.len + 1);
        memcpy(u->body, b.data, b.len);
    }
    if (rc && rc != RH_PRECONDITION)
        rh_log(RH_LOG_ERROR, "subscription", "Subscription/%s cannot be set to %s: %s", u->id,
               status, why(s, rc));
    return rc;
}

/* --- the list ------------------------------------------------------------------------------------
 */

static void stop_sending(struct sub *u)
{
    rh_transfer_close(u->transfer);
    u->transfer = NULL;
    u->n_rows = u->at = u->attempts = 0;
    u->next_ns = 0;
}

static void sub_free(struct sub *u)
{
    stop_sending(u);
    rh_arena_close(u->arena);
    rh_free(u->body);
    rh_free(u->id);
    rh_free(u);
}

static struct sub **find(struct rh_subscriptions *s, struct rh_text id)
{
    struct sub **at = &s->subs;
    while (*at && !rh_text_is(id, (*at)->id))
        at = &(*at)->next;
    return at;
}

static void fail(struct sub *u, const char *text)
{
    stop_sending(u);
    u->state = FAILING;
    snprintf(u->why, sizeof u->why, "%s", text);
}

/* Reads what it asks for. */
static enum rh_rc define(struct rh_subscriptions *s, struct sub *u)
{
    yyjson_doc *doc;
    if (!u->arena)
        u->arena = rh_arena_open(2 * (size_t)RH_RECORD_RESOURCE_MAX + (1 << 20));
    rh_arena_reset(u->arena);
    enum rh_rc rc = rh_json_parse(u->arena, &s->issues, rh_text(u->body), &doc);
    return rc ? rc : rh_hook_read(&s->issues, yyjson_doc_get_root(doc), &u->hook);
}

/* A version of a Subscription that is new to us. `number`: of its entry. */
static void take(struct rh_subscriptions *s, struct rh_text id, const struct rh_version *v,
                 uint64_t number)
{
    struct sub **at = find(s, id), *u = *at;
    if (u && u->origin == v->origin && u->seq == v->seq)
        return; /* written by ourselves */
    if (!u) {
        u = *at = rh_alloc(sizeof *u);
        u->id = rh_alloc(id.len + 1);
        memcpy(u->id, id.data, id.len);
        u->placed = s->state && known_place(s, id, &u->place);
        if (u->placed && u->place > rh_record_newest(s->record))
            u->place = rh_record_newest(s->record); /* the record is older than the file */
    }
    stop_sending(u);
    u->origin = v->origin;
    u->seq = v->seq;
    rh_free(u->body);
    u->body = rh_alloc(v->body.len + 1);
    memcpy(u->body, v->body.data, v->body.len);
    enum rh_rc rc = define(s, u);
    struct rh_text status = u->hook.status;
    u->failed = rh_text_is(status, "error");
    u->off = rh_text_is(status, "off");
    u->state = u->failed || u->off ? STILL : ASKED;
    if (u->off)
        u->placed = false;
    else if (!u->placed && rh_text_is(status, "active"))
        fail(u, "It was not activated by this server: set it to requested.");
    else if (rc && u->state == ASKED)
        fail(u, why(s, rc));
    else if (!u->placed && !u->failed) {
        u->placed = true;
        u->place = number;
    }
    s->dirty = true;
}

static void forget(struct rh_subscriptions *s, struct rh_text id)
{
    struct sub **at = find(s, id), *u = *at;
    if (!u)
        return;
    *at = u->next;
    sub_free(u);
    s->dirty = true;
}

static enum rh_rc load_all(struct rh_subscriptions *s)
{
    struct rh_caller caller = owner(NULL);
    struct rh_version rows[LIST_PAGE];
    char after[RH_STORE_ID_MAX + 1] = "";
    unsigned n = LIST_PAGE;
    enum rh_rc rc = RH_OK;
    s->seen = rh_record_newest(s->record);
    while (n == LIST_PAGE && !rc) {
        struct rh_ctx ctx = begin_turn(s);
        rc =
            rh_record_list(s->session, &ctx, &caller, s->type, rh_text(after), LIST_PAGE, rows, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            take(s, rows[i].id, &rows[i], s->seen);
        if (n && !rc)
            snprintf(after, sizeof after, "%.*s", RH_TEXT_ARG(rows[n - 1].id));
    }
    s->state = NULL; /* one that is made again under an old name has no place yet */
    return rc;
}

/* News of Subscriptions themselves. True: there may be more. */
static bool follow(struct rh_subscriptions *s)
{
    const struct rh_news *rows = s->chunk;
    if (s->seen >= rh_record_newest(s->record))
        return false;
    struct rh_ctx ctx = begin_turn(s);
    struct rh_caller caller = owner(NULL);
    rh_arena_reset(s->chunk_arena);
    s->n_chunk = 0;
    s->chunk_from = s->seen;
    unsigned n = 0;
    enum rh_rc rc =
        rh_record_news(s->session, s->chunk_arena, s->seen, RH_CRITERIA_ROWS, s->chunk, &n);
    s->n_chunk = rc ? 0 : n;
    for (unsigned i = 0; i < s->n_chunk && !rc; i++) {
        struct rh_version v;
        if (rows[i].type == s->type) {
            rc = rh_record_read(s->session, &ctx, &caller, s->type, rows[i].id, &v);
            if (!rc)
                take(s, rows[i].id, &v, rows[i].number);
            else if (rc == RH_GONE || rc == RH_NOTFOUND)
                forget(s, rows[i].id), rc = RH_OK;
        }
        if (!rc)
            s->seen = rows[i].number;
    }
    if (rc)
        rh_log(RH_LOG_ERROR, "subscription", "the log cannot be followed: %s", rh_rc_text(rc));
    return !rc;
}

/* --- one Subscription's turn
 * ---------------------------------------------------------------------- */

static bool store_trouble(struct sub *u, enum rh_rc rc)
{
    u->next_ns = rh_clock_mono_ns() + AGAIN_MS * INT64_C(1000000);
    return rc == RH_OK;
}

/* FAILING and ENDING: the status says so from now on. */
static bool settle(struct rh_subscriptions *s, struct sub *u)
{
    bool failing = u->state == FAILING;
    if (s->dirty && save(s)) /* its place, before anyone can ask for more */
        return store_trouble(u, RH_IO);
    enum rh_rc rc = put_status(s, u, failing ? "error" : "off", failing ? u->why : NULL);
    if (rc && rc != RH_PRECONDITION && rh_rc_http(rc) >= 500)
        return store_trouble(u, rc);
    u->state = STILL;
    u->failed = failing;
    u->off = !failing;
    if (u->off)
        u->placed = false;
    s->dirty = true;
    if (failing)
        rh_log(RH_LOG_WARNING, "subscription", "Subscription/%s: %s", u->id, u->why);
    return true;
}

/* ASKED: may it? */
static bool activate(struct rh_subscriptions *s, struct sub *u)
{
    struct rh_ctx ctx = begin_turn(s);
    struct rh_caller caller = owner(u);
    unsigned active = 0;
    for (const struct sub *o = s->subs; o; o = o->next)
        active += o->state == ACTIVE;
    enum rh_rc rc = rh_hook_allowed(s->rules, s->n_rules, u->hook.endpoint, ctx.issues);
    if (!rc)
        rc = rh_criteria_check(s->session, &ctx, &caller, NULL, &u->hook.criteria);
    if (rc == RH_BUSY || rh_rc_http(rc) == 500)
        return store_trouble(u, rc);
    if (!rc && active >= RH_SUBSCRIPTIONS_MAX)
        rc = rh_issue_add(ctx.issues, RH_TOOLARGE, NULL,
                          "%d Subscriptions are active already; set one of them to off.",
                          RH_SUBSCRIPTIONS_MAX);
    if (rc) {
        fail(u, why(s, rc));
        return true;
    }
    if (save(s))
        return store_trouble(u, RH_IO);
    if (!rh_text_is(u->hook.status, "active")) {
        rc = put_status(s, u, "active", NULL);
        if (rc == RH_PRECONDITION) { /* it is something else meanwhile */
            u->state = STILL;
            return true;
        }
        if (rc)
            return store_trouble(u, rc);
        begin_turn(s);
        rc = define(s, u);
        if (rc)
            return store_trouble(u, rc);
    }
    u->state = ACTIVE;
    return true;
}

/* Looks for what comes next. */
static bool look(struct rh_subscriptions *s, struct sub *u)
{
    struct rh_news own[RH_CRITERIA_ROWS];
    const struct rh_news *rows = s->chunk;
    bool hits[RH_CRITERIA_ROWS];
    unsigned n = s->n_chunk;
    if (u->place >= rh_record_newest(s->record))
        return false;
    struct rh_ctx ctx = begin_turn(s);
    struct rh_caller caller = owner(u);
    enum rh_rc rc = RH_OK;
    if (n == 0 || u->place != s->chunk_from) {
        rows = own;
        rc = rh_record_news(s->session, ctx.arena, u->place, RH_CRITERIA_ROWS, own, &n);
    }
    if (!rc)
        rc = rh_criteria_match(s->session, &ctx, &caller, NULL, &u->hook.criteria, rows, n, hits);
    if (rc == RH_BUSY || rc == RH_NOMEM || rh_rc_http(rc) == 500)
        return store_trouble(u, rc);
    if (rc) {
        fail(u, why(s, rc));
        return true;
    }
    u->n_rows = u->at = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!hits[i])
            continue;
        struct waiting_row *r = &u->rows[u->n_rows++];
        *r = (struct waiting_row){.number = rows[i].number,
                                  .origin = rows[i].origin,
                                  .seq = rows[i].seq,
                                  .type = rows[i].type};
        snprintf(r->id, sizeof r->id, "%.*s", RH_TEXT_ARG(rows[i].id));
    }
    if (n)
        u->rows_end = rows[n - 1].number;
    if (n && !u->n_rows) {
        u->place = u->rows_end;
        s->dirty = true;
    }
    return n > 0;
}

/* One row is told, or there is nothing to tell of it any more. */
static void told(struct rh_subscriptions *s, struct sub *u)
{
    u->place = u->rows[u->at++].number;
    u->attempts = 0;
    if (u->at == u->n_rows) {
        u->place = u->rows_end;
        u->n_rows = u->at = 0;
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

static bool send(struct rh_subscriptions *s, struct sub *u)
{
    const struct waiting_row *r = &u->rows[u->at];
    struct rh_ctx ctx = begin_turn(s);
    struct rh_caller caller = owner(u);
    struct rh_version v;
    char version[RH_VERSION_ID_SIZE];
    rh_version_id(r->origin, r->seq, version);
    struct rh_sending what = {.hook = &u->hook,
                              .type = rh_text(rh_resource_type(r->type)->name),
                              .id = rh_text(r->id),
                              .version = rh_text(version),
                              .subscription = rh_text(u->id),
                              .body = RH_TEXT(""),
                              .now_us = ctx.now_us};
    enum rh_rc rc = RH_OK;
    if (u->hook.payload != RH_HOOK_EMPTY) {
        rc = rh_record_vread(s->session, &ctx, &caller, r->type, what.id, what.version, &v);
        if (!rc)
            rc = body_of(&ctx, &v, u->hook.payload, &what.body);
    }
    if (rc == RH_GONE || rc == RH_NOTFOUND) {
        told(s, u);
        return true;
    }
    if (rc == RH_STRUCTURE) {
        fail(u, why(s, rc));
        return true;
    }
    if (!rc && !(u->transfer = rh_transfer_open(s->sender, &what, u)))
        rc = RH_NOMEM;
    return rc ? store_trouble(u, rc) : true;
}

/* True: there is more to do at once. */
static bool turn(struct rh_subscriptions *s, struct sub *u, int64_t now_ns)
{
    if (u->transfer || u->next_ns > now_ns)
        return false;
    bool over = u->hook.end_us && u->hook.end_us <= rh_clock_now_us();
    if (over && (u->state == ASKED || u->state == ACTIVE)) {
        stop_sending(u);
        u->state = ENDING;
    }
    switch (u->state) {
    case ASKED:
        return activate(s, u);
    case FAILING:
    case ENDING:
        return settle(s, u);
    case ACTIVE:
        return u->at < u->n_rows ? send(s, u) : look(s, u);
    case STILL:
        break;
    }
    return false;
}

/* --- transfers that ended
 * -------------------------------------------------------------------------- */

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

static void ended(struct rh_subscriptions *s, struct sub *u, enum rh_rc rc, const char *text)
{
    rh_transfer_close(u->transfer);
    u->transfer = NULL;
    if (!rc) {
        atomic_fetch_add(&s->delivered, 1);
        told(s, u);
        return;
    }
    atomic_fetch_add(&s->attempts_failed, 1);
    u->attempts++;
    if (u->attempts <= s->retries) {
        u->next_ns = rh_clock_mono_ns() + pause_ns(u->attempts);
        return;
    }
    char full[WHY_MAX], now[RH_INSTANT_SIZE];
    rh_instant_print(rh_clock_now_us(), now);
    snprintf(full, sizeof full,
             "%u attempts to deliver failed, the last one at %s: %.180s. Set it to requested to go "
             "on from there.",
             u->attempts, now, text);
    fail(u, full);
}

/* True: some did. */
static bool reap(struct rh_subscriptions *s)
{
    void *user;
    enum rh_rc rc;
    char text[WHY_MAX];
    bool any = false;
    for (; rh_sender_ended(s->sender, &user, &rc, text, sizeof text); any = true)
        ended(s, user, rc, text);
    return any;
}

/* --- threads
 * ---------------------------------------------------------------------------------------- */

static void count(struct rh_subscriptions *s)
{
    uint64_t active = 0, failed = 0, off = 0, behind = 0, newest = rh_record_newest(s->record);
    for (const struct sub *u = s->subs; u; u = u->next) {
        active += u->state == ACTIVE;
        failed += u->state == FAILING || (u->state == STILL && u->failed);
        off += u->state == STILL && u->off;
        if (u->state == ACTIVE && newest - u->place > behind)
            behind = newest - u->place;
    }
    atomic_store(&s->n_active, active);
    atomic_store(&s->n_failed, failed);
    atomic_store(&s->n_off, off);
    atomic_store(&s->behind, behind);
}

static int wait_ms(const struct rh_subscriptions *s)
{
    int64_t now = rh_clock_mono_ns(), least = LOOK_MS * INT64_C(1000000);
    for (const struct sub *u = s->subs; u; u = u->next)
        if (u->state != STILL && !u->transfer && u->next_ns > now && u->next_ns - now < least)
            least = u->next_ns - now;
    return (int)(least / 1000000) + 1;
}

static void *work(void *arg)
{
    struct rh_subscriptions *s = arg;
    while (!atomic_load(&s->stop)) {
        bool more = follow(s);
        int64_t now = rh_clock_mono_ns();
        for (struct sub *u = s->subs; u && !atomic_load(&s->stop); u = u->next)
            more |= turn(s, u, now);
        more |= reap(s);
        count(s);
        if (s->dirty && rh_clock_mono_ns() - s->saved_ns > SAVE_NS)
            save(s);
        rh_sender_wait(s->sender, more ? 0 : wait_ms(s));
    }
    if (s->dirty)
        save(s);
    return NULL;
}

static void *watch(void *arg)
{
    struct rh_subscriptions *s = arg;
    uint64_t seen = rh_record_newest(s->record);
    struct timespec pause = {.tv_nsec = NEWS_PAUSE_MS * 1000000};
    while (!atomic_load(&s->stop)) {
        if (!rh_record_wait(s->record, seen, 60000))
            continue;
        seen = rh_record_newest(s->record);
        rh_sender_wake(s->sender);
        if (s->news)
            s->news(s->user);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* --- the outside
 * ------------------------------------------------------------------------------------ */

static enum rh_rc check(void *user, struct rh_ctx *ctx, struct rh_session *session,
                        const struct rh_caller *caller, unsigned type, yyjson_val *resource)
{
    struct rh_subscriptions *s = user;
    struct rh_hook hook;
    struct rh_text status = rh_json_get(resource, "status");
    if (type != s->type || rh_text_is(status, "off"))
        return RH_OK;
    if (!rh_text_is(status, "requested"))
        return rh_issue_add(ctx->issues, RH_RULE, "Subscription.status",
                            "a client sends a Subscription as requested or off; the server sets "
                            "it to active, or to error.");
    enum rh_rc rc = rh_hook_read(ctx->issues, resource, &hook);
    if (!rc && session)
        rc = rh_criteria_check(session, ctx, caller, NULL, &hook.criteria);
    return rh_rc_http(rc) == 400 || rh_rc_http(rc) == 404 ? RH_RULE : rc;
}

struct rh_record_gate rh_subscriptions_gate(struct rh_subscriptions *s)
{
    return (struct rh_record_gate){.user = s, .check = check};
}

enum rh_rc rh_subscriptions_open(const struct rh_subscriptions_options *o, struct rh_issues *is,
                                 struct rh_subscriptions **ret)
{
    struct rh_hook_rule *rules;
    enum rh_rc rc = rh_hook_rules_open(o->hooks, o->n_hooks, is, &rules);
    if (rc)
        return rc;
    struct rh_subscriptions *s = rh_alloc(sizeof *s);
    s->rules = rules;
    s->n_rules = o->n_hooks;
    s->retries = o->retries ? o->retries : RH_HOOK_RETRIES;
    s->dir = rh_strdup(o->dir);
    s->news = o->news;
    s->user = o->user;
    s->type = rh_resource_number(RH_TEXT("Subscription"));
    s->arena = rh_arena_open(ARENA_MAX);
    s->chunk_arena = rh_arena_open(1 << 20);
    s->state_arena = rh_arena_open(4 * (size_t)STATE_MAX);
    *ret = s;
    return RH_OK;
}

enum rh_rc rh_subscriptions_start(struct rh_subscriptions *s, struct rh_record *r,
                                  struct rh_text base, struct rh_issues *is)
{
    s->record = r;
    snprintf(s->base, sizeof s->base, "%.*s", RH_TEXT_ARG(base));
    enum rh_rc rc = read_places(s, is);
    if (!rc)
        rc = rh_session_open(r, &s->session);
    if (!rc && !(s->sender = rh_sender_open()))
        rc = RH_NOMEM;
    if (!rc)
        rc = load_all(s);
    if (!rc)
        rc = rh_thread_start("subscriptions", work, s, &s->worker);
    s->worker_runs = !rc;
    if (!rc)
        rc = rh_thread_start("news", watch, s, &s->watcher);
    s->watcher_runs = !rc;
    if (rc && !is->errors)
        rh_issue_add(is, rc, NULL, "Subscriptions cannot be followed: %s", rh_rc_text(rc));
    return rc;
}

void rh_subscriptions_stop(struct rh_subscriptions *s)
{
    if (!s)
        return;
    atomic_store(&s->stop, true);
    if (s->watcher_runs) {
        rh_record_nudge(s->record);
        pthread_join(s->watcher, NULL);
    }
    if (s->worker_runs) {
        rh_sender_wake(s->sender);
        pthread_join(s->worker, NULL);
    }
    s->watcher_runs = s->worker_runs = false;
    rh_session_close(s->session);
    s->session = NULL;
}

void rh_subscriptions_close(struct rh_subscriptions *s)
{
    if (!s)
        return;
    rh_subscriptions_stop(s);
    while (s->subs) {
        struct sub *u = s->subs;
        s->subs = u->next;
        sub_free(u);
    }
    rh_sender_close(s->sender);
    rh_hook_rules_close(s->rules, s->n_rules);
    rh_arena_close(s->arena);
    rh_arena_close(s->chunk_arena);
    rh_arena_close(s->state_arena);
    rh_free(s->dir);
    rh_free(s);
}

void rh_subscriptions_counts(const struct rh_subscriptions *s, struct rh_subscriptions_counts *ret)
{
    *ret = (struct rh_subscriptions_counts){
        .active = atomic_load(&s->n_active),
        .failed = atomic_load(&s->n_failed),
        .off = atomic_load(&s->n_off),
        .delivered = atomic_load(&s->delivered),
        .attempts_failed = atomic_load(&s->attempts_failed),
        .behind = atomic_load(&s->behind),
    };
}
