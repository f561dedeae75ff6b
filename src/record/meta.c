/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "record/meta.h"

#include "record/record_int.h"

enum { LISTS = 3, POSTINGS = 200 };
static const struct {
    const char *member, *parameter;
} lists[LISTS] = {{"profile", "_profile"}, {"security", "_security"}, {"tag", "_tag"}};

static bool same(const yyjson_val *a, const yyjson_val *b)
{
    if (yyjson_is_obj((yyjson_val *)(uintptr_t)a) && yyjson_is_obj((yyjson_val *)(uintptr_t)b))
        return rh_text_eq(rh_json_get(a, "system"), rh_json_get(b, "system")) &&
               rh_text_eq(rh_json_get(a, "code"), rh_json_get(b, "code"));
    return rh_json_text(a).data && rh_text_eq(rh_json_text(a), rh_json_text(b));
}

static bool among(yyjson_val *list, const yyjson_val *one)
{
    size_t i, max;
    yyjson_val *other;
    yyjson_arr_foreach (list, i, max, other)
        if (same(other, one))
            return true;
    return false;
}

/* --- one resource --------------------------------------------------------------------------------
 */

static void write_items(yyjson_val *items, yyjson_val *but, const char **separator,
                        struct rh_buf *out)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach (items, i, max, one) {
        if (among(but, one))
            continue;
        rh_buf_str(out, *separator);
        *separator = ",";
        rh_json_write(out, one);
    }
}

void rh_meta_change(const yyjson_val *meta, const yyjson_val *other, bool add, struct rh_buf *out)
{
    yyjson_val *old = (yyjson_val *)(uintptr_t)meta, *new = (yyjson_val *)(uintptr_t)other;
    const char *comma = "";
    size_t i, max;
    yyjson_val *key, *value;
    rh_buf_char(out, '{');
    yyjson_obj_foreach (old, i, max, key, value) {
        bool list = false;
        for (unsigned k = 0; k < LISTS; k++)
            list = list || rh_text_is(rh_json_text(key), lists[k].member);
        if (list)
            continue;
        rh_buf_str(out, comma);
        comma = ",";
        rh_json_write(out, key);
        rh_buf_char(out, ':');
        rh_json_write(out, value);
    }
    for (unsigned k = 0; k < LISTS; k++) {
        yyjson_val *had = yyjson_obj_get(old, lists[k].member),
                   *given = yyjson_obj_get(new, lists[k].member);
        struct rh_buf items = rh_buf(out->arena);
        const char *separator = "[";
        write_items(had, add ? NULL : given, &separator, &items);
        if (add)
            write_items(given, had, &separator, &items);
        if (!items.len)
            continue;
        rh_buf_printf(out, "%s\"%s\":%.*s]", comma, lists[k].member, (int)items.len, items.data);
        comma = ",";
        out->rc = out->rc ? out->rc : items.rc;
    }
    rh_buf_char(out, '}');
}

/* --- many ----------------------------------------------------------------------------------------
 */

struct gathering {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_grant *grant;
    yyjson_val **rows[LISTS];
    size_t n[LISTS], cap[LISTS];
    unsigned looked;
};

static enum rh_rc gather(struct gathering *g, unsigned list, const yyjson_val *one)
{
    struct rh_buf text = rh_buf(g->ctx->arena);
    yyjson_doc *doc;
    for (size_t i = 0; i < g->n[list]; i++)
        if (same(g->rows[list][i], one))
            return RH_OK;
    rh_json_write(&text, one);
    enum rh_rc rc =
        text.rc ? text.rc : rh_json_parse(g->ctx->arena, g->ctx->issues, rh_buf_get(&text), &doc);
    if (!rc && g->n[list] == g->cap[list]) {
        yyjson_val **grown = rh_arena_grow(g->ctx->arena, g->rows[list], &g->cap[list],
                                           g->n[list] + 64, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        g->rows[list] = grown;
    }
    if (!rc)
        g->rows[list][g->n[list]++] = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc look_at(struct gathering *g, unsigned list, uint64_t rk)
{
    struct rh_arena *a = g->session->trial;
    struct rh_entry e;
    struct rh_version v;
    yyjson_doc *doc;
    if (++g->looked > RH_META_KEYS_MAX)
        return rh_issue_add(g->ctx->issues, RH_TOOLARGE, NULL,
                            "there are too many different profiles, tags or labels to list them: "
                            "ask for $meta of one type or resource");
    rh_arena_reset(a);
    enum rh_rc rc = rh_store_entry_rk(g->session->conn, rk, a, &e);
    if (rc == RH_NOTFOUND || (!rc && !rh_grant_row(g->grant, e.part, e.type)))
        return RH_OK; /* a key before its head is published */
    if (!rc)
        rc = rh_version_of(g->session, &e, a, &v);
    if (rc || !v.body.len)
        return rc;
    rc = rh_json_parse(a, g->ctx->issues, v.body, &doc);
    if (rc)
        return RH_CORRUPT;
    yyjson_val *meta = yyjson_obj_get(yyjson_doc_get_root(doc), "meta"), *one;
    size_t i, max;
    yyjson_arr_foreach (yyjson_obj_get(meta, lists[list].member), i, max, one)
        if (!rc)
            rc = gather(g, list, one);
    return rc;
}

/* A key that may have been cut stands for several values: each of its resources is looked at. */
static enum rh_rc look_at_all(struct gathering *g, unsigned list, const struct rh_key *key)
{
    uint64_t rks[POSTINGS], from = 0;
    int64_t aux[POSTINGS];
    unsigned n = POSTINGS;
    enum rh_rc rc = RH_OK;
    while (!rc && n == POSTINGS) {
        rc = rh_store_key_rks(g->session->conn, key->type, key->param, key->bytes, from, POSTINGS,
                              rks, aux, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            rc = look_at(g, list, rks[i]);
        if (n)
            from = rks[n - 1] + 1;
    }
    return rc;
}

static enum rh_rc walk(struct gathering *g, unsigned list, unsigned type)
{
    struct rh_arena *a = g->session->scratch;
    const struct rh_parameter *p = rh_parameter_find(rh_record_parameters(g->session->record), type,
                                                     rh_text(lists[list].parameter));
    char from[RH_STORE_KEY_MAX + 1];
    size_t len = 0;
    enum rh_rc rc = p ? rh_store_begin(g->session->conn) : RH_OK;
    while (p && !rc) {
        struct rh_key key;
        unsigned n = 0;
        struct rh_key_scan scan = {
            .type = (uint16_t)type, .param = p->number, .lo = {len ? from : "", len}};
        rh_arena_reset(a);
        rc = rh_store_key_scan(g->session->conn, &scan, 1, a, &key, &n);
        if (rc || !n)
            break;
        memcpy(from, key.bytes.data, key.bytes.len);
        from[key.bytes.len] = 0; /* the next one is behind this */
        len = key.bytes.len + 1;
        if (key.bytes.len && key.bytes.data[0] != 's')
            rc = key.bytes.len < RH_KEY_CUT ? look_at(g, list, key.rk) : look_at_all(g, list, &key);
    }
    rh_store_rollback(g->session->conn);
    return rc;
}

enum rh_rc rh_record_meta(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_buf *out)
{
    struct rh_grant grant;
    struct gathering g = {.session = s, .ctx = ctx, .grant = &grant};
    const char *comma = "";
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_SEARCH, type, ctx->issues, &grant);
    for (unsigned t = type ? type : 1; t <= (type ? type : RH_RESOURCE_TYPES) && !rc; t++)
        for (unsigned list = 0; list < LISTS && !rc; list++)
            rc = walk(&g, list, t);
    if (rc)
        return ctx->issues->errors ? rc : rh_store_failed(s->conn, ctx->issues, rc, "reading meta");
    rh_buf_char(out, '{');
    for (unsigned list = 0; list < LISTS; list++) {
        if (!g.n[list])
            continue;
        rh_buf_printf(out, "%s\"%s\":[", comma, lists[list].member);
        comma = ",";
        for (size_t i = 0; i < g.n[list]; i++) {
            rh_buf_str(out, i ? "," : "");
            rh_json_write(out, g.rows[list][i]);
        }
        rh_buf_char(out, ']');
    }
    rh_buf_char(out, '}');
    char *what = rh_arena_printf(ctx->arena, "%s/$meta", type ? rh_resource_type(type)->name : "");
    return what ? rh_audit_read(s->record, ctx, caller, RH_ACTION_SEARCH, rh_text(what), NULL, 0)
                : RH_NOMEM;
}
