/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search.c - running a search: parse, plan, a page, what is included, the total, the next link.
 *
 * A search of several types is one search a type; with _sort their pages are merged, else one type
 * comes behind the other. A link names the place of the last match (its keys and number), so paging
 * is stable while writes go on; it is signed with the directory's secret, so that places come only
 * from us.
 */
#include "base/bytes.h"
#include "record/search_int.h"
#include "system/clock.h"

#include <stdlib.h>

enum { CURSOR_VERSION = 2, CURSOR_HEAD = 22, CURSOR_TAG = 8, TOTAL_CHEAP = 200 };

struct search {
    struct rh_run run;
    struct rh_run_host host;
    const struct rh_search_request *request;
    struct rh_query *query;
    unsigned *types; /* one, or those of a search of the system */
    unsigned n_types;
    struct rh_place after; /* with the type it is of */
    unsigned after_type;
    struct rh_buf plans; /* for explain */
    int64_t started_ns;
};

/* --- a run
 * ------------------------------------------------------------------------------------------ */

enum rh_rc rh_run_open(struct rh_run *run, struct rh_session *s, struct rh_ctx *ctx,
                       const struct rh_grant *grant, bool writer)
{
    struct rh_part site;
    *run = (struct rh_run){.session = s,
                           .ctx = ctx,
                           .grant = grant,
                           .writer = writer,
                           .make = ctx->arena,
                           .patient = rh_resource_number(RH_TEXT("Patient")),
                           .next_lease = rh_run_limits.lease_rows};
    ctx->parameters = rh_record_parameters(s->record);
    enum rh_rc rc = writer ? RH_OK : rh_store_lease(s->conn);
    if (rc == RH_OK)
        rc = rh_store_part_last(s->conn, &run->last_ordinal);
    if (rc == RH_OK) {
        rc = rh_store_part_get(s->conn, s->record->site_part, &site);
        if (rc == RH_OK)
            run->site_ordinal = site.ordinal;
        rc = rc == RH_NOTFOUND ? RH_OK : rc;
    }
    return rc;
}

void rh_run_close(struct rh_run *run, enum rh_rc rc)
{
    if (!run->writer)
        rh_store_lease_rest(run->session->conn, rc == RH_OK);
    for (size_t i = 0; i < sizeof run->arenas / sizeof run->arenas[0]; i++)
        rh_arena_close(run->arenas[i]);
}

/* --- what the parser asks
 * ----------------------------------------------------------------------------- */

static enum rh_rc next_key(void *user, struct rh_ctx *ctx, unsigned type, unsigned number,
                           struct rh_text from, struct rh_text *ret)
{
    struct rh_run *run = ((struct rh_run_host *)user)->run;
    struct rh_key key;
    unsigned n = 1;
    struct rh_key_scan scan = {.type = (uint16_t)type, .param = (uint16_t)number, .lo = from};
    enum rh_rc rc = rh_store_key_scan(run->session->conn, &scan, 1, ctx->arena, &key, &n);
    run->seeks++;
    if (rc == RH_OK)
        rc = rh_run_touch(run, 2);
    if (rc)
        return rc;
    if (n == 0)
        return RH_NOTFOUND;
    *ret = key.bytes;
    return RH_OK;
}

/* The id behind "Type/" of a relative reference, without _history; empty: of another type. */
static struct rh_text id_of(struct rh_text reference, struct rh_text type)
{
    struct rh_text rest = reference, head;
    if (!rh_text_split(&rest, '/', &head) || !rh_text_eq(head, type) || !rest.data)
        return RH_TEXT("");
    rh_text_split(&rest, '/', &head);
    return head;
}

static enum rh_rc list(void *user, struct rh_ctx *ctx, struct rh_text id, unsigned type,
                       struct rh_text **ids, unsigned *n)
{
    struct rh_run *run = ((struct rh_run_host *)user)->run;
    struct rh_version v;
    yyjson_doc *doc;
    uint64_t rk;
    bool found = false;
    size_t cap = 0, i, max;
    yyjson_val *entry;
    *ids = NULL;
    *n = 0;
    unsigned list_type = rh_resource_number(RH_TEXT("List"));
    enum rh_rc rc = rh_run_number(run, list_type, id, &rk);
    if (rc == RH_OK && rk)
        rc = rh_run_version(run, rk, list_type, ctx->arena, &v, &found);
    if (rc || !found)
        return rc ? rc : RH_NOTFOUND;
    if (rh_json_parse(ctx->arena, ctx->issues, v.body, &doc))
        return RH_CORRUPT;
    yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "entry"), i, max, entry) {
        struct rh_text item = id_of(rh_json_get(yyjson_obj_get(entry, "item"), "reference"),
                                    rh_text(rh_resource_type(type)->name));
        if (item.len == 0 || yyjson_get_bool(yyjson_obj_get(entry, "deleted")))
            continue;
        *ids = rh_arena_grow(ctx->arena, *ids, &cap, *n + 1, sizeof **ids);
        if (!*ids)
            return RH_NOMEM;
        (*ids)[(*n)++] = item;
    }
    return RH_OK;
}

static enum rh_rc value_set(void *user, struct rh_ctx *ctx, struct rh_text url,
                            enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                            void *each_user)
{
    const struct rh_query_host *outer = ((struct rh_run_host *)user)->outer;
    return outer->value_set(outer->user, ctx, url, each, each_user);
}

static enum rh_rc subsumed(void *user, struct rh_ctx *ctx, struct rh_text system,
                           struct rh_text code, bool is_above,
                           enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                           void *each_user)
{
    const struct rh_query_host *outer = ((struct rh_run_host *)user)->outer;
    return outer->subsumed(outer->user, ctx, system, code, is_above, each, each_user);
}

void rh_run_host_open(struct rh_run_host *h, struct rh_run *run, const struct rh_query_host *outer)
{
    *h = (struct rh_run_host){.run = run, .outer = outer};
    h->host = (struct rh_query_host){.user = h,
                                     .next_key = next_key,
                                     .list = list,
                                     .value_set = outer && outer->value_set ? value_set : NULL,
                                     .subsumed = outer && outer->subsumed ? subsumed : NULL};
}

/* --- places in links
 * ------------------------------------------------------------------------------------ */

static uint64_t search_hash(const struct search *s)
{
    struct rh_buf b = rh_buf(s->run.ctx->arena);
    rh_buf_printf(&b, "%u/%u/", s->request->type, s->request->compartment);
    rh_buf_text(&b, s->request->compartment_id);
    rh_buf_char(&b, '?');
    rh_buf_text(&b, s->query->self);
    return rh_hash_system(rh_buf_get(&b));
}

static struct rh_hash tag(const struct search *s, const void *data, size_t len)
{
    return rh_hash_of(data, len, s->run.session->record->secret, RH_SECRET_SIZE);
}

/* version, missing bits, range u16, type u16, rk u64, hash of the search u64; each key with its
 * length; 8 bytes that only we can make. */
static enum rh_rc write_cursor(struct search *s, unsigned type, const struct rh_place *place,
                               struct rh_text *ret)
{
    struct rh_buf b = rh_buf(s->run.ctx->arena);
    unsigned char head[CURSOR_HEAD] = {CURSOR_VERSION};
    unsigned n = s->query->n_sorts ? s->query->n_sorts : 1;
    for (unsigned i = 0; i < n; i++)
        head[1] |= (unsigned char)(place->missing[i] << i);
    rh_put_u16(head + 2, (uint16_t)(s->query->n_sorts ? 0 : place->range));
    rh_put_u16(head + 4, (uint16_t)type);
    rh_put_u64(head + 6, place->rk);
    rh_put_u64(head + 14, search_hash(s));
    rh_buf_add(&b, head, sizeof head);
    for (unsigned i = 0; i < n; i++) {
        if (place->missing[i])
            continue;
        rh_buf_char(&b, (char)place->keys[i].len);
        rh_buf_text(&b, place->keys[i]);
    }
    if (b.rc)
        return b.rc;
    struct rh_hash h = tag(s, b.data, b.len);
    rh_buf_add(&b, h.bytes, CURSOR_TAG);
    return b.rc ? b.rc : rh_cursor_write(s->run.ctx->arena, b.data, b.len, ret);
}

static enum rh_rc not_ours(struct search *s)
{
    return rh_issue_add(s->run.ctx->issues, RH_QUERY, NULL,
                        "_cursor belongs to another search: follow the \"next\" link as it is");
}

static enum rh_rc read_cursor(struct search *s)
{
    const unsigned char *p;
    size_t len, at = CURSOR_HEAD;
    struct rh_place *place = &s->after;
    unsigned n = s->query->n_sorts ? s->query->n_sorts : 1;
    if (s->query->cursor.len == 0)
        return RH_OK;
    enum rh_rc rc =
        rh_cursor_read(s->run.ctx->arena, s->run.ctx->issues, s->query->cursor, &p, &len);
    if (rc)
        return rc;
    if (len < CURSOR_HEAD + CURSOR_TAG || p[0] != CURSOR_VERSION)
        return not_ours(s);
    len -= CURSOR_TAG;
    struct rh_hash h = tag(s, p, len);
    if (memcmp(h.bytes, p + len, CURSOR_TAG) != 0 || rh_get_u64(p + 14) != search_hash(s))
        return not_ours(s);
    *place = (struct rh_place){.set = true, .range = rh_get_u16(p + 2), .rk = rh_get_u64(p + 6)};
    s->after_type = rh_get_u16(p + 4);
    for (unsigned i = 0; i < n; i++) {
        place->missing[i] = p[1] >> i & 1;
        if (place->missing[i])
            continue;
        if (at >= len || at + 1 + p[at] > len)
            return not_ours(s);
        place->keys[i] = (struct rh_text){(const char *)p + at + 1, p[at]};
        at += 1 + (size_t)p[at];
    }
    return RH_OK;
}

/* --- one type
 * --------------------------------------------------------------------------------------------- */

/* The query as it reads for this type, and what else must hold. *usable is false for a type that
 * has no place in the compartment. */
static enum rh_rc conditions_of(struct search *s, unsigned type, struct rh_query **query,
                                bool *usable)
{
    struct rh_ctx *ctx = s->run.ctx;
    struct rh_condition compartment;
    enum rh_rc rc = RH_OK;
    *usable = true;
    *query = s->query;
    if (s->query->type != type) {
        struct rh_issues told; /* once for all types is enough */
        struct rh_issues *issues = ctx->issues;
        *query = rh_arena_zero(ctx->arena, sizeof **query);
        if (!*query)
            return RH_NOMEM;
        rh_issues_init(&told, ctx->arena);
        ctx->issues = &told;
        rc = rh_query_parse(ctx, &s->host.host, type, s->request->query, s->request->lenient,
                            *query);
        ctx->issues = issues;
        if (rc)
            return rh_issue_add(issues, rc, NULL, "the search cannot be made for %s",
                                rh_resource_type(type)->name);
    }
    if (!s->request->compartment)
        return RH_OK;
    rc = rh_query_compartment(ctx, s->request->compartment, s->request->compartment_id, type,
                              &compartment);
    if (rc == RH_NOTFOUND) {
        *usable = false;
        return RH_OK;
    }
    struct rh_query *q = rh_arena_copy(ctx->arena, *query, sizeof *q);
    struct rh_condition *all =
        rh_arena_alloc(ctx->arena, ((*query)->n + 1) * sizeof(struct rh_condition));
    if (rc || !q || !all)
        return rc ? rc : RH_NOMEM;
    all[0] = compartment;
    if (q->n)
        memcpy(all + 1, q->conditions, q->n * sizeof *all);
    q->conditions = all;
    q->n++;
    *query = q;
    return RH_OK;
}

static bool wants_rows(const struct rh_query *q)
{
    return q->count > 0 && q->summary != RH_SUMMARY_COUNT;
}

static enum rh_rc count(struct search *s, unsigned type, const struct rh_query *q,
                        const struct rh_plan *plan, uint64_t *ret)
{
    struct rh_run *run = &s->run;
    struct rh_plan whole;
    if (plan->whole && run->grant->all)
        return rh_store_count(run->session->conn, (uint16_t)type, ret);
    enum rh_rc rc = RH_OK;
    if (plan->ranged && run->grant->all) {
        struct rh_rks l = {0};
        bool all;
        const struct rh_condition *c = plan->ranged;
        /* A resource that lies in several ranges is counted once. */
        uint64_t *only = c->n_ranges > 1 ? NULL : ret;
        *ret = 0;
        for (unsigned i = 0; i < c->n_ranges && rc == RH_OK; i++)
            rc =
                c->ranges[i].point
                    ? rh_rks_point(run, c->ranges[i].type, c->ranges[i].number, c->ranges[i].lo, &l)
                    : rh_rks_range(run, c, &c->ranges[i], UINT64_MAX, &l, only, &all);
        struct rh_posting *rest = rc ? NULL : rh_posting_array(run, l.rows, l.n);
        if (!rest)
            return rc ? rc : RH_NOMEM;
        for (size_t i = 0; i < rest->n_array; i++)
            *ret += !rh_record_hidden(run->session->record, rest->array[i]);
        return RH_OK;
    }
    rc = rh_plan_make(run, type, q->conditions, q->n, NULL, true, &whole);
    return rc ? rc : rh_posting_count(run, whole.posting, ret);
}

/* Cheap: few candidates, and none needs its body. */
static enum rh_rc is_cheap(struct search *s, const struct rh_plan *plan, bool *ret)
{
    *ret = plan->whole;
    if (plan->whole || plan->ranged || plan->posting->kind == RH_POSTING_FILTER)
        return RH_OK;
    enum rh_rc rc = rh_posting_estimate(&s->run, plan->posting);
    *ret = plan->posting->estimate <= TOTAL_CHEAP;
    return rc;
}

/* Rows of one type, and, when it is wanted or cheap, their number. */
struct part {
    struct rh_row *rows;
    unsigned n;
    bool counted;
    uint64_t total;
};

static enum rh_rc run_type(struct search *s, unsigned type, const struct rh_place *after,
                           unsigned limit, bool total, struct part *ret)
{
    struct rh_query *q;
    struct rh_plan plan;
    const char *how = "counted only";
    bool usable, cheap = false;
    *ret = (struct part){0};
    enum rh_rc rc = conditions_of(s, type, &q, &usable);
    if (rc || !usable) {
        ret->counted = true;
        return rc;
    }
    /* a page goes on the way the first one went: by numbers has no key in its place */
    bool numbers = after->set && after->missing[0], unsorted = q->n_sorts == 0;
    struct rh_plan_wish wish = {.walk = unsorted && !numbers && s->run.grant->all,
                                .onward = unsorted && after->set && !numbers,
                                .order = q->n_sorts ? q->sorts[0].parameter : NULL};
    rc = rh_plan_make(&s->run, type, q->conditions, q->n, &wish, !limit, &plan);
    if (rc == RH_OK && limit) {
        ret->rows = rh_arena_zero(s->run.ctx->arena, limit * sizeof *ret->rows);
        rc = ret->rows
                 ? rh_order_page(&s->run, q, type, &plan, after, limit, ret->rows, &ret->n, &how)
                 : RH_NOMEM;
    }
    if (rc == RH_OK && !after->set && limit && ret->n < limit) {
        ret->counted = true;
        ret->total = ret->n;
    }
    if (rc == RH_OK && !ret->counted && !total && s->query->total == RH_TOTAL_DEFAULT)
        rc = is_cheap(s, &plan, &cheap);
    if (rc == RH_OK && !ret->counted && (total || cheap)) {
        ret->counted = true;
        rc = count(s, type, q, &plan, &ret->total);
    }
    if (rc == RH_OK && (s->request->explain || s->query->explain)) {
        rh_buf_str(&s->plans, s->plans.len ? "," : "");
        rh_buf_printf(&s->plans,
                      "{\"type\":\"%s\",\"order\":\"%s\",\"plan\":", rh_resource_type(type)->name,
                      how);
        rh_explain_plan(&plan, &s->plans);
        rh_buf_char(&s->plans, '}');
    }
    return rc;
}

/* --- all types
 * -----------------------------------------------------------------------------------------------
 */

static enum rh_rc types_of(struct search *s)
{
    const struct rh_query *q = s->query;
    s->types = rh_arena_alloc(s->run.ctx->arena, (RH_RESOURCE_TYPES + 1) * sizeof *s->types);
    if (!s->types)
        return RH_NOMEM;
    if (s->request->type) {
        s->types[s->n_types++] = s->request->type;
        return RH_OK;
    }
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        uint64_t n;
        bool asked = q->n_types == 0;
        for (unsigned i = 0; i < q->n_types; i++)
            asked |= q->types[i] == t;
        enum rh_rc rc = asked ? rh_store_count(s->run.session->conn, (uint16_t)t, &n) : RH_OK;
        if (rc)
            return rc;
        if (asked && n > 0)
            s->types[s->n_types++] = t;
    }
    return RH_OK;
}

struct page_row {
    struct rh_row row;
    unsigned type;
};

/* Puts the rows of a type among those of others, up to `limit`, in the order of the query. */
static void merge_rows(const struct rh_query *q, struct page_row *all, unsigned *n, unsigned limit,
                       const struct part *part, unsigned type)
{
    for (unsigned i = 0; i < part->n; i++) {
        unsigned at = *n;
        while (at > 0 && rh_place_compare(q, &all[at - 1].row.place, &part->rows[i].place) > 0)
            at--;
        if (at == limit)
            return;
        unsigned move = *n < limit ? *n - at : limit - 1 - at;
        memmove(all + at + 1, all + at, move * sizeof *all);
        all[at] = (struct page_row){part->rows[i], type};
        *n += *n < limit;
    }
}

/* Up to `limit` rows of all types, one more than a page: that there is a next one. */
static enum rh_rc gather_types(struct search *s, unsigned limit, bool total, struct page_row *all,
                               unsigned *n, struct rh_page *page)
{
    bool sorted = s->query->n_sorts > 0;
    enum rh_rc rc = RH_OK;
    page->has_total = true;
    for (unsigned i = 0; i < s->n_types && rc == RH_OK; i++) {
        unsigned type = s->types[i];
        struct rh_place none = {0};
        const struct rh_place *after = sorted || s->after_type == type ? &s->after : &none;
        bool passed = !sorted && s->after.set && type < s->after_type;
        unsigned want = passed ? 0 : sorted ? limit : limit - *n;
        struct part part;
        if (want == 0 && !total) {
            page->has_total = false;
            continue;
        }
        rc = run_type(s, type, after, want, total, &part);
        if (rc)
            break;
        page->has_total &= part.counted;
        page->total += part.total;
        if (sorted) {
            merge_rows(s->query, all, n, limit, &part, type);
            continue;
        }
        for (unsigned k = 0; k < part.n; k++)
            all[(*n)++] = (struct page_row){part.rows[k], type};
    }
    return rc;
}

static enum rh_rc make_page(struct search *s, struct rh_page *page)
{
    const struct rh_query *q = s->query;
    unsigned count = wants_rows(q) ? q->count : 0, limit = count ? count + 1 : 0, n = 0, more = 0;
    bool total = !count || q->total == RH_TOTAL_ACCURATE || q->total == RH_TOTAL_ESTIMATE;
    struct page_row *all = rh_arena_zero(s->run.ctx->arena, (limit + 1) * sizeof *all);
    struct rh_row *matches = rh_arena_alloc(s->run.ctx->arena, (limit + 1) * sizeof *matches);
    struct rh_version *included = NULL;
    enum rh_rc rc = all && matches ? gather_types(s, limit, total, all, &n, page) : RH_NOMEM;
    if (rc == RH_OK && count && n > count) {
        n = count;
        rc = write_cursor(s, all[n - 1].type, &all[n - 1].row.place, &page->next);
    }
    for (unsigned i = 0; i < n; i++)
        matches[i] = all[i].row;
    if (rc == RH_OK)
        rc = rh_include_run(&s->run, q, matches, n, &included, &more, &page->include_left_out);
    page->rows = rc ? NULL : rh_arena_alloc(s->run.ctx->arena, (n + more + 1) * sizeof *page->rows);
    if (!page->rows)
        return rc ? rc : RH_NOMEM;
    for (unsigned i = 0; i < n; i++)
        page->rows[i] = matches[i].version;
    if (more)
        memcpy(page->rows + n, included, more * sizeof *included);
    page->n = n;
    page->n_included = more;
    if (q->total == RH_TOTAL_NONE && count)
        page->has_total = false;
    return RH_OK;
}

/* --- the whole
 * ---------------------------------------------------------------------------------------------------
 */

static enum rh_rc note(struct search *s, const struct rh_caller *caller, const struct rh_page *page)
{
    struct rh_buf what = rh_buf(s->run.ctx->arena);
    if (s->request->compartment)
        rh_buf_printf(&what, "%s/%.*s/", rh_resource_type(s->request->compartment)->name,
                      RH_TEXT_ARG(s->request->compartment_id));
    if (s->request->type)
        rh_buf_str(&what, rh_resource_type(s->request->type)->name);
    rh_buf_char(&what, '?');
    rh_buf_text(&what, s->query->self);
    return what.rc ? what.rc
                   : rh_audit_page(s->run.session->record, s->run.ctx, caller, RH_ACTION_SEARCH,
                                   rh_buf_get(&what), page);
}

static enum rh_rc explain(struct search *s, struct rh_page *page)
{
    struct rh_buf b = rh_buf(s->run.ctx->arena);
    rh_buf_str(&b, "{\"plans\":[");
    rh_buf_text(&b, rh_buf_get(&s->plans));
    rh_buf_printf(&b, "],\"rows\":%llu,\"seeks\":%llu,\"bodies\":%llu,\"microseconds\":%lld}",
                  (unsigned long long)s->run.rows, (unsigned long long)s->run.seeks,
                  (unsigned long long)s->run.bodies,
                  (long long)((rh_clock_mono_ns() - s->started_ns) / 1000));
    page->explain = rh_buf_get(&b);
    return b.rc ? b.rc : s->plans.rc;
}

static enum rh_rc run_search(struct search *s, struct rh_page *page)
{
    struct rh_ctx *ctx = s->run.ctx;
    const struct rh_search_request *r = s->request;
    enum rh_rc rc = rh_query_parse(ctx, &s->host.host, r->type, r->query, r->lenient, s->query);
    if (rc == RH_OK && s->query->contained != RH_CONTAINED_FALSE && (r->compartment || !r->type))
        rc = rh_issue_add(ctx->issues, RH_QUERY, NULL,
                          "_contained: contained resources are searched one type at a time and not "
                          "by compartment; ask at the address of their type");
    if (rc == RH_OK)
        rc = read_cursor(s);
    if (rc == RH_OK)
        rc = types_of(s);
    if (rc == RH_OK)
        rc = make_page(s, page);
    if (rc == RH_OK && (r->explain || s->query->explain))
        rc = explain(s, page);
    return rc;
}

enum rh_rc rh_record_search(struct rh_session *session, struct rh_ctx *ctx,
                            const struct rh_caller *caller, const struct rh_search_request *r,
                            struct rh_page *ret, struct rh_query *parsed)
{
    struct rh_grant grant;
    struct rh_page page = {0};
    struct search *s = rh_arena_zero(ctx->arena, sizeof *s);
    enum rh_rc rc =
        s ? rh_access_decide(caller, RH_ACTION_SEARCH, r->type, ctx->issues, &grant) : RH_NOMEM;
    if (rc)
        return rc;
    s->request = r;
    s->query = parsed;
    s->plans = rh_buf(ctx->arena);
    s->started_ns = rh_clock_mono_ns();
    rc = rh_run_open(&s->run, session, ctx, &grant, false);
    rh_run_host_open(&s->host, &s->run, r->host);
    if (rc == RH_OK)
        rc = run_search(s, &page);
    rh_run_close(&s->run, rc);
    if (rc)
        return ctx->issues->errors ? rc
                                   : rh_store_failed(session->conn, ctx->issues, rc, "searching");
    page.self = parsed->self;
    rc = note(s, caller, &page);
    if (rc == RH_OK)
        *ret = page;
    return rc;
}

/* --- for conditional operations
 * ---------------------------------------------------------------------------------- */

enum rh_rc rh_criteria_parse(struct rh_session *session, struct rh_ctx *ctx, bool writer,
                             unsigned type, struct rh_text text, struct rh_query *ret)
{
    static const struct rh_grant all = {.all = true};
    struct rh_run *run = rh_arena_zero(ctx->arena, sizeof *run);
    struct rh_run_host host;
    if (rh_query_has_blank(text))
        return rh_issue_add(ctx->issues, RH_QUERY, NULL,
                            "a parameter of the condition \"%.*s\" has no value",
                            RH_TEXT_ARG(rh_text_shown(text, 200)));
    enum rh_rc rc = run ? rh_run_open(run, session, ctx, &all, writer) : RH_NOMEM;
    if (!run)
        return rc;
    rh_run_host_open(&host, run, NULL);
    if (rc == RH_OK)
        rc = rh_query_parse(ctx, &host.host, type, text, false, ret);
    rh_run_close(run, rc);
    return rc;
}

enum rh_rc rh_search_heads(struct rh_session *session, struct rh_ctx *ctx,
                           const struct rh_grant *grant, const struct rh_query *q, unsigned limit,
                           struct rh_head *rows, unsigned *n)
{
    struct rh_run *run = rh_arena_zero(ctx->arena, sizeof *run);
    struct rh_plan plan;
    *n = 0;
    enum rh_rc rc = run ? rh_run_open(run, session, ctx, grant, true) : RH_NOMEM;
    if (rc == RH_OK)
        rc = rh_plan_make(run, q->type, q->conditions, q->n, NULL, false, &plan);
    for (uint64_t x = 0; rc == RH_OK && *n < limit; x++) {
        rc = rh_posting_first(run, plan.posting, x, &x);
        if (rc || x == RH_RK_END)
            break;
        rc = rh_store_head_rk(session->conn, x, ctx->arena, &rows[*n]);
        if (rc == RH_OK && !rows[*n].deleted && rows[*n].type == q->type &&
            rh_grant_row(grant, rows[*n].part, rows[*n].type))
            ++*n;
        rc = rc == RH_NOTFOUND ? RH_OK : rc;
    }
    if (run)
        rh_run_close(run, rc);
    return rc;
}
