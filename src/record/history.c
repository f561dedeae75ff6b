/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * history.c - the log read by resource, by type or whole, newest first.
 *
 * Every entry knows the one before it of the same resource, so the history of an instance is a walk
 * along that chain; of a type or the system it is the log read backwards. Entries of kind "moved"
 * are the log's own business and are not shown. A cursor is the number of the last entry shown:
 * versions are immutable, so paging is stable by itself.
 */
#include "base/bytes.h"
#include "base/datetime.h"
#include "record/record_int.h"

enum { COUNT_DEFAULT = 100 };

struct asked {
    unsigned count;
    bool has_since, has_at;
    int64_t since_us;
    struct rh_datetime at;
    uint64_t before; /* 0: from the newest */
    struct rh_text self;
};

struct walk {
    struct rh_session *session;
    struct rh_ctx *ctx;
    struct rh_grant grant;
    unsigned type;
    struct rh_text id;
    struct asked asked;
};

/* --- the query ---------------------------------------------------------------------------------
 */

static enum rh_rc parse_cursor(struct rh_ctx *ctx, struct rh_text value, struct asked *a)
{
    const unsigned char *p;
    size_t len;
    enum rh_rc rc = rh_cursor_read(ctx->arena, ctx->issues, value, &p, &len);
    if (rc)
        return rc;
    if (len != 8)
        return rh_issue_add(ctx->issues, RH_QUERY, NULL,
                            "_cursor belongs to another list: follow the \"next\" link as it is");
    a->before = rh_get_u64(p);
    return RH_OK;
}

static enum rh_rc parse_value(struct rh_ctx *ctx, struct rh_text name, struct rh_text value,
                              struct asked *a)
{
    struct rh_datetime t;
    uint64_t n;
    if (rh_text_is(name, "_count")) {
        if (rh_text_u64(value, UINT32_MAX, &n))
            return rh_issue_add(ctx->issues, RH_QUERY, NULL, "_count=%.*s is not a whole number",
                                RH_TEXT_ARG(value));
        a->count = n > RH_QUERY_COUNT_MAX ? RH_QUERY_COUNT_MAX : (unsigned)n;
        return RH_OK;
    }
    if (rh_text_is(name, "_cursor"))
        return parse_cursor(ctx, value, a);
    if (rh_datetime_parse(value, RH_SEARCH, ctx->zone_minutes, &t))
        return rh_issue_add(ctx->issues, RH_QUERY, NULL,
                            "%.*s=%.*s is not a date or time such as 2026-01-31T12:00:00Z",
                            RH_TEXT_ARG(name), RH_TEXT_ARG(value));
    if (rh_text_is(name, "_since")) {
        a->has_since = true;
        a->since_us = t.lo_us;
    } else {
        a->has_at = true;
        a->at = t;
    }
    return RH_OK;
}

static bool is_known(struct rh_text name)
{
    static const char *const known[] = {"_count", "_cursor", "_since", "_at"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (rh_text_is(name, known[i]))
            return true;
    return false;
}

static bool is_passed_over(struct rh_text name)
{
    return rh_text_is(name, "_format") || rh_text_is(name, "_pretty") ||
           rh_text_is(name, "_summary") || rh_text_is(name, "_elements");
}

static enum rh_rc unknown(struct rh_ctx *ctx, struct rh_text name, bool lenient)
{
    char *text = rh_arena_printf(
        ctx->arena, "a history has no parameter \"%.*s\"; it has _count, _since and _at",
        RH_TEXT_ARG(name));
    if (!text)
        return RH_NOMEM;
    if (!lenient)
        return rh_issue_add(ctx->issues, RH_QUERY, NULL, "%s", text);
    rh_issue_at(ctx->issues,
                (struct rh_issue){.severity = RH_WARNING, .rc = RH_QUERY, .text = text});
    return RH_OK;
}

static enum rh_rc parse(struct rh_ctx *ctx, struct rh_text query, bool lenient, struct asked *ret)
{
    struct rh_text rest = query, pair;
    struct rh_buf self = rh_buf(ctx->arena);
    *ret = (struct asked){.count = COUNT_DEFAULT};
    while (rh_text_split(&rest, '&', &pair)) {
        struct rh_text raw = pair, name, value = {"", 0};
        if (pair.len == 0)
            continue;
        rh_text_split(&raw, '=', &name);
        enum rh_rc rc = rh_percent_decode(ctx->arena, name, &name);
        if (rc == RH_OK && raw.data)
            rc = rh_percent_decode(ctx->arena, raw, &value);
        if (rc)
            return rh_issue_add(ctx->issues, RH_QUERY, NULL,
                                "\"%.*s\" is not correctly percent-encoded UTF-8",
                                RH_TEXT_ARG(pair));
        if (is_passed_over(name))
            continue;
        rc = is_known(name) ? parse_value(ctx, name, value, ret) : unknown(ctx, name, lenient);
        if (rc)
            return rc;
        if (is_known(name) && !rh_text_is(name, "_cursor")) {
            if (self.len)
                rh_buf_char(&self, '&');
            rh_buf_text(&self, pair);
        }
    }
    ret->self = rh_buf_get(&self);
    return self.rc;
}

/* --- which versions ----------------------------------------------------------------------------
 */

/* Was this version the current one at some time of [lo, hi]? `successor_us` is when the next one
 * came, INT64_MAX: never. */
static bool current_within(const struct rh_entry *e, int64_t successor_us,
                           const struct rh_datetime *at)
{
    return e->time_us <= at->hi_us && successor_us > at->lo_us;
}

static enum rh_rc add(struct walk *w, const struct rh_entry *e, struct rh_page *page)
{
    enum rh_rc rc = rh_version_of(w->session, e, w->ctx->arena, &page->rows[page->n]);
    if (rc == RH_OK)
        page->n++;
    return rc;
}

static enum rh_rc set_next(struct walk *w, uint64_t number, struct rh_page *page)
{
    unsigned char bytes[8];
    rh_put_u64(bytes, number);
    return rh_cursor_write(w->ctx->arena, bytes, sizeof bytes, &page->next);
}

/* --- of an instance ----------------------------------------------------------------------------
 */

/* The cursor's entry is one of this resource, so the walk begins there and not at the newest. */
static enum rh_rc go_on_behind(struct walk *w, uint64_t *number, int64_t *successor_us)
{
    struct rh_entry e;
    enum rh_rc rc = rh_store_entry(w->session->conn, w->asked.before, w->ctx->arena, &e);
    if (rc == RH_NOTFOUND || (rc == RH_OK && (e.type != w->type || !rh_text_eq(e.id, w->id))))
        return rh_issue_add(w->ctx->issues, RH_QUERY, NULL,
                            "_cursor belongs to another list: follow the \"next\" link as it is");
    if (rc)
        return rc;
    *number = e.prior;
    *successor_us = e.time_us;
    return RH_OK;
}

static enum rh_rc instance(struct walk *w, struct rh_page *page)
{
    struct rh_head head;
    struct rh_entry e;
    const struct asked *a = &w->asked;
    enum rh_rc rc =
        rh_store_head_get(w->session->conn, (uint16_t)w->type, w->id, w->ctx->arena, &head);
    if (rc == RH_NOTFOUND)
        return rh_issue_add(w->ctx->issues, RH_NOTFOUND, NULL, "there is no %s/%.*s and never was",
                            rh_resource_type(w->type)->name, RH_TEXT_ARG(w->id));
    uint64_t number = head.entry, last = 0;
    int64_t successor_us = INT64_MAX;
    if (rc == RH_OK && a->before)
        rc = go_on_behind(w, &number, &successor_us);
    for (; rc == RH_OK && number; number = e.prior) {
        rc = rh_store_entry(w->session->conn, number, w->ctx->arena, &e);
        if (rc)
            break;
        bool shown = rh_grant_row(&w->grant, e.part, w->type) && e.op != RH_OP_MOVED &&
                     (!a->has_at || current_within(&e, successor_us, &a->at));
        if (a->has_since && e.time_us < a->since_us)
            break;
        if (shown && page->n == a->count)
            return last ? set_next(w, last, page) : RH_OK;
        if (shown) {
            rc = add(w, &e, page);
            last = number;
        }
        if (a->has_at && e.time_us <= a->at.lo_us)
            break; /* older ones were followed before the time asked for */
        successor_us = e.time_us;
    }
    if (rc == RH_OK && a->before == 0) {
        page->has_total = true;
        page->total = page->n;
    }
    return rc;
}

/* --- of a type or the system -------------------------------------------------------------------
 */

/* When did the next version of this entry's resource come? Walks from the head back to it. */
static enum rh_rc successor(struct walk *w, const struct rh_entry *e, int64_t *ret)
{
    struct rh_head head;
    struct rh_entry other;
    enum rh_rc rc = rh_store_head_get(w->session->conn, e->type, e->id, w->ctx->arena, &head);
    *ret = INT64_MAX;
    for (uint64_t number = head.entry; rc == RH_OK && number > e->number; number = other.prior) {
        rc = rh_store_entry(w->session->conn, number, w->ctx->arena, &other);
        if (rc == RH_OK)
            *ret = other.time_us;
    }
    return rc;
}

static enum rh_rc shown_in_log(struct walk *w, const struct rh_entry *e, bool *ret)
{
    int64_t successor_us = INT64_MAX;
    *ret = e->op != RH_OP_MOVED && rh_grant_row(&w->grant, e->part, e->type);
    if (!*ret || !w->asked.has_at)
        return RH_OK;
    enum rh_rc rc = RH_OK;
    if (e->time_us <= w->asked.at.lo_us)
        rc = successor(w, e, &successor_us);
    *ret = current_within(e, successor_us, &w->asked.at);
    return rc;
}

static enum rh_rc whole_log(struct walk *w, struct rh_page *page)
{
    const struct asked *a = &w->asked;
    struct rh_entry *rows = rh_arena_alloc(w->ctx->arena, RH_CHUNK * sizeof *rows);
    uint64_t before = a->before, last = 0;
    unsigned n = 0, limit = 0;
    enum rh_rc rc = rows ? RH_OK : RH_NOMEM;
    while (rc == RH_OK && n == limit) {
        limit = n = a->count - page->n + 1 < RH_CHUNK
                        ? a->count - page->n + 1
                        : RH_CHUNK; /* bodies come along: no more than needed */
        rc = rh_store_begin(w->session->conn);
        if (rc == RH_OK)
            rc = rh_store_history(w->session->conn, w->type ? RH_HISTORY_TYPE : RH_HISTORY_SYSTEM,
                                  (uint16_t)w->type, before, limit, w->ctx->arena, rows, &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            bool shown;
            before = rows[i].number;
            if (a->has_since && rows[i].time_us < a->since_us) {
                n = 0; /* and so ends the walk: limit is at least 1 */
                break;
            }
            rc = shown_in_log(w, &rows[i], &shown);
            if (rc || !shown)
                continue;
            if (page->n == a->count) {
                rh_store_rollback(w->session->conn);
                return last ? set_next(w, last, page) : RH_OK;
            }
            rc = add(w, &rows[i], page);
            last = before;
        }
        rh_store_rollback(w->session->conn);
    }
    if (rc == RH_OK && a->before == 0) {
        page->has_total = true;
        page->total = page->n;
    }
    return rc;
}

static enum rh_rc note(struct walk *w, const struct rh_caller *caller, const struct rh_page *page)
{
    struct rh_buf what = rh_buf(w->ctx->arena);
    if (w->type)
        rh_buf_str(&what, rh_resource_type(w->type)->name);
    if (w->id.len > 0) {
        rh_buf_char(&what, '/');
        rh_buf_text(&what, w->id);
    }
    rh_buf_str(&what, "/_history");
    return what.rc ? what.rc
                   : rh_audit_page(w->session->record, w->ctx, caller, RH_ACTION_HISTORY,
                                   rh_buf_get(&what), page);
}

enum rh_rc rh_record_history(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, unsigned type, struct rh_text id,
                             struct rh_text query, bool lenient, struct rh_page *ret)
{
    struct walk w = {.session = s, .ctx = ctx, .type = type, .id = id};
    struct rh_page page = {0};
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_HISTORY, type, ctx->issues, &w.grant);
    if (rc == RH_OK)
        rc = parse(ctx, query, lenient, &w.asked);
    if (rc)
        return rc;
    page.rows = rh_arena_alloc(ctx->arena, (w.asked.count + 1) * sizeof *page.rows);
    if (!page.rows)
        return RH_NOMEM;
    rc = id.len > 0 ? instance(&w, &page) : whole_log(&w, &page);
    if (rc)
        return ctx->issues->errors
                   ? rc
                   : rh_store_failed(s->conn, ctx->issues, rc, "reading the history");
    page.self = w.asked.self;
    rc = note(&w, caller, &page);
    if (rc == RH_OK)
        *ret = page;
    return rc;
}
