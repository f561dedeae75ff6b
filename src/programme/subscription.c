/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription.c - the list of Subscriptions, kept as the record has them; the threads; the gate.
 */
#include "programme/subscription_int.h"

#include "base/alloc.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ARENA_MAX = 128 << 20, /* of one turn */
    LIST_PAGE = 50,
    SAVE_NS = 1000000000, /* between two savings of places */
    LOOK_MS = 1000,       /* between two looks when nothing happens */
    NEWS_PAUSE_MS = 10,   /* so that many small commits do not wake us one by one */
    WHY_MAX = 400
};

struct rh_ctx rh_sub_begin(struct rh_subscriptions *s)
{
    rh_arena_reset(s->arena);
    rh_issues_init(&s->issues, s->arena);
    return (struct rh_ctx){.arena = s->arena,
                           .issues = &s->issues,
                           .now_us = rh_clock_now_us(),
                           .base = rh_text(s->base)};
}

/* There are no logins yet: whoever can write here may read everything. */
struct rh_caller rh_sub_owner(const struct rh_sub *u)
{
    return (struct rh_caller){.user = u ? rh_text(u->id) : RH_TEXT("subscriptions"),
                              .purpose = RH_TEXT("TREAT"),
                              .local = true};
}

const struct rh_criteria_terms *rh_sub_terms(const struct rh_subscriptions *s)
{
    return s->terms.open ? &s->terms : NULL;
}

const char *rh_sub_why(const struct rh_subscriptions *s, enum rh_rc rc)
{
    return s->issues.count && s->issues.rows[0].text ? s->issues.rows[0].text : rh_rc_text(rc);
}

/* --- the list ------------------------------------------------------------------------------------
 */

void rh_sub_stop(struct rh_sub *u)
{
    rh_free(u->why);
    u->why = NULL;
    u->next_ns = 0;
    if (!u->live)
        return;
    rh_transfer_close(u->live->transfer);
    rh_arena_close(u->live->arena);
    rh_free(u->live);
    u->live = NULL;
}

void rh_sub_fail(struct rh_sub *u, const char *why)
{
    char text[WHY_MAX];
    snprintf(text, sizeof text, "%s", why); /* it may be of what ends here */
    struct rh_text whole = rh_text_shown(rh_text(text), sizeof text);
    text[whole.len] = 0;
    rh_sub_stop(u);
    u->state = RH_SUB_FAILING;
    u->why = rh_strdup(text);
}

static struct rh_sub **find(struct rh_subscriptions *s, struct rh_text id)
{
    struct rh_sub **at = &s->subs;
    while (*at && !rh_text_is(id, (*at)->id))
        at = &(*at)->next;
    return at;
}

/* A version of a Subscription that is new to us. `number`: of its entry; `places`: at the start,
 * when each comes once; later one that is new has no place yet, also under an old name. */
static enum rh_rc take(struct rh_subscriptions *s, const struct rh_places *places,
                       const struct rh_version *v, uint64_t number)
{
    struct rh_sub **at = places ? &s->subs : find(s, v->id), *u = places ? NULL : *at;
    yyjson_doc *doc;
    if (u && u->origin == v->origin && u->seq == v->seq)
        return RH_OK; /* written by ourselves */
    enum rh_rc rc = rh_json_parse(s->arena, &s->issues, v->body, &doc);
    if (rc)
        return rc;
    struct rh_text status = rh_json_get(yyjson_doc_get_root(doc), "status");
    if (!u) {
        uint64_t newest = rh_record_newest(s->record);
        u = rh_alloc(sizeof *u);
        u->next = *at;
        *at = u;
        snprintf(u->id, sizeof u->id, "%.*s", RH_TEXT_ARG(v->id));
        u->kept = u->placed = places && rh_places_find(places, v->id, &u->place);
        if (u->placed && u->place > newest)
            u->place = newest; /* the record is older than the file */
    }
    rh_sub_stop(u);
    u->origin = v->origin;
    u->seq = v->seq;
    u->failed = rh_text_is(status, "error");
    u->off = rh_text_is(status, "off");
    u->state = u->failed || u->off ? RH_SUB_STILL : RH_SUB_ASKED;
    if (u->off) {
        s->dirty |= u->kept;
        u->kept = u->placed = false;
    } else if (!u->placed && rh_text_is(status, "active"))
        rh_sub_fail(u, "It was not activated by this server: set it to requested.");
    else if (!u->placed && !u->failed) {
        u->placed = true;
        u->place = number;
    }
    return RH_OK;
}

static void forget(struct rh_subscriptions *s, struct rh_text id)
{
    struct rh_sub **at = find(s, id), *u = *at;
    if (!u)
        return;
    *at = u->next;
    s->dirty |= u->kept;
    rh_sub_stop(u);
    rh_free(u);
}

static enum rh_rc load_all(struct rh_subscriptions *s, const struct rh_places *places)
{
    struct rh_caller caller = rh_sub_owner(NULL);
    struct rh_version rows[LIST_PAGE];
    char after[RH_STORE_ID_MAX + 1] = "";
    unsigned n = LIST_PAGE;
    enum rh_rc rc = RH_OK;
    s->seen = rh_record_newest(s->record);
    while (n == LIST_PAGE && !rc) {
        struct rh_ctx ctx = rh_sub_begin(s);
        rc =
            rh_record_list(s->session, &ctx, &caller, s->type, rh_text(after), LIST_PAGE, rows, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            rc = take(s, places, &rows[i], s->seen);
        if (n && !rc)
            snprintf(after, sizeof after, "%.*s", RH_TEXT_ARG(rows[n - 1].id));
    }
    return rc;
}

/* News of Subscriptions themselves. True: there may be more. */
static bool follow(struct rh_subscriptions *s)
{
    const struct rh_news *rows = s->chunk;
    if (s->seen >= rh_record_newest(s->record))
        return false;
    struct rh_ctx ctx = rh_sub_begin(s);
    struct rh_caller caller = rh_sub_owner(NULL);
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
                rc = take(s, NULL, &v, rows[i].number);
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

/* --- threads -------------------------------------------------------------------------------------
 */

/* True: some did. */
static bool reap(struct rh_subscriptions *s)
{
    void *user;
    enum rh_rc rc;
    char text[WHY_MAX];
    bool any = false;
    for (; rh_sender_ended(s->sender, &user, &rc, text, sizeof text); any = true)
        rh_sub_ended(s, user, rc, text);
    return any;
}

/* --- threads
 * ---------------------------------------------------------------------------------------- */

static void count(struct rh_subscriptions *s)
{
    uint64_t active = 0, failed = 0, off = 0, behind = 0, newest = rh_record_newest(s->record);
    for (const struct rh_sub *u = s->subs; u; u = u->next) {
        active += u->state == RH_SUB_ACTIVE;
        failed += u->state == RH_SUB_FAILING || (u->state == RH_SUB_STILL && u->failed);
        off += u->state == RH_SUB_STILL && u->off;
        if (u->state == RH_SUB_ACTIVE && newest - u->place > behind)
            behind = newest - u->place;
    }
    s->n_live = (unsigned)active;
    atomic_store(&s->n_active, active);
    atomic_store(&s->n_failed, failed);
    atomic_store(&s->n_off, off);
    atomic_store(&s->behind, behind);
}

static int wait_ms(const struct rh_subscriptions *s)
{
    int64_t now = rh_clock_mono_ns(), least = LOOK_MS * INT64_C(1000000);
    for (const struct rh_sub *u = s->subs; u; u = u->next)
        if (u->state != RH_SUB_STILL && !(u->live && u->live->transfer) && u->next_ns > now &&
            u->next_ns - now < least)
            least = u->next_ns - now;
    return (int)(least / 1000000) + 1;
}

static void *work(void *arg)
{
    struct rh_subscriptions *s = arg;
    while (!atomic_load(&s->stop)) {
        bool more = follow(s);
        int64_t now = rh_clock_mono_ns();
        for (struct rh_sub *u = s->subs; u && !atomic_load(&s->stop); u = u->next)
            more |= rh_sub_turn(s, u, now);
        more |= reap(s);
        count(s);
        if (s->dirty && rh_clock_mono_ns() - s->saved_ns > SAVE_NS)
            rh_places_save(s);
        rh_sender_wait(s->sender, more ? 0 : wait_ms(s));
    }
    if (s->dirty)
        rh_places_save(s);
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
        rc = rh_criteria_check(session, ctx, caller, rh_sub_terms(s), &hook.criteria);
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
    s->terms = o->terms;
    s->news = o->news;
    s->user = o->user;
    s->type = rh_resource_number(RH_TEXT("Subscription"));
    s->arena = rh_arena_open(ARENA_MAX);
    s->chunk_arena = rh_arena_open(1 << 20);
    *ret = s;
    return RH_OK;
}

enum rh_rc rh_subscriptions_start(struct rh_subscriptions *s, struct rh_record *r,
                                  struct rh_text base, struct rh_issues *is)
{
    s->record = r;
    snprintf(s->base, sizeof s->base, "%.*s", RH_TEXT_ARG(base));
    struct rh_places *places = NULL;
    enum rh_rc rc = rh_places_read(s->dir, is, &places);
    if (!rc)
        rc = rh_session_open(r, &s->session);
    if (!rc && !(s->sender = rh_sender_open()))
        rc = RH_NOMEM;
    if (!rc)
        rc = load_all(s, places);
    rh_places_close(places);
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
        struct rh_sub *u = s->subs;
        s->subs = u->next;
        rh_sub_stop(u);
        rh_free(u);
    }
    rh_sender_close(s->sender);
    rh_hook_rules_close(s->rules, s->n_rules);
    rh_arena_close(s->arena);
    rh_arena_close(s->chunk_arena);
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
