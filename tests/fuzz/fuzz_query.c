/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text behind '?' of a search, over a few resources whose keys a store would have: refused with
 * a reason, or a self link that reads again; and what matches lies in a range. */
#include "search/query.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[] = {
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"name\":[{\"family\":\"Ala\","
    "\"given\":"
    "[\"Eve\"]}],\"identifier\":[{\"system\":\"s\",\"value\":\"1\",\"type\":{\"text\":\"MR\"}}],"
    "\"birthDate\":\"1980-05\",\"address\":[{\"city\":\"Rom\"}]}",
    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\",\"code\":{\"coding\":[{"
    "\"system\":\"s\",\"code\":\"c\",\"display\":\"heart\"}]},\"subject\":{\"reference\":\"Patient/"
    "p\"},"
    "\"effectivePeriod\":{\"start\":\"2020-01-01\"},\"valueQuantity\":{\"value\":5.4,"
    "\"comparator\":\">\","
    "\"unit\":\"milligram\",\"code\":\"mg\",\"system\":\"http://"
    "unitsofmeasure.org\"},\"component\":[{"
    "\"code\":{\"coding\":[{\"code\":\"c\"}]},\"valueQuantity\":{\"value\":1}}]}",
    "{\"resourceType\":\"Location\",\"id\":\"l\",\"position\":{\"latitude\":1.5,\"longitude\":-2}}",
    "{\"resourceType\":\"ValueSet\",\"id\":\"v\",\"url\":\"http://a.example/b/c\",\"useContext\":[{"
    "\"code\":{\"code\":\"age\"},\"valueRange\":{\"low\":{\"value\":1,\"code\":\"a\"}}}]}",
    "{\"resourceType\":\"RiskAssessment\",\"id\":\"r\",\"prediction\":[{\"probabilityDecimal\":0.5}"
    "],"
    "\"text\":{\"div\":\"<div>some words</div>\"}}",
};
enum { RESOURCES = sizeof texts / sizeof texts[0], KEYS_MAX = 1000 };

struct world {
    struct rh_candidate items[RESOURCES];
    struct rh_search_key keys[KEYS_MAX];
    unsigned n;
};

static int by_place(const void *a, const void *b)
{
    const struct rh_search_key *x = a, *y = b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return rh_text_cmp(x->bytes, y->bytes);
}

static enum rh_rc next_key(void *user, struct rh_ctx *ctx, unsigned type, unsigned number,
                           struct rh_text from, struct rh_text *ret)
{
    struct world *w = user;
    (void)ctx;
    for (unsigned i = 0; i < w->n; i++)
        if (w->keys[i].type == type && w->keys[i].number == number &&
            rh_text_cmp(w->keys[i].bytes, from) >= 0) {
            *ret = w->keys[i].bytes;
            return RH_OK;
        }
    return RH_NOTFOUND;
}

static enum rh_rc value_set(void *user, struct rh_ctx *ctx, struct rh_text url,
                            enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                            void *each_user)
{
    (void)user;
    (void)ctx;
    return url.len % 2 ? each(each_user, RH_TEXT("s"), RH_TEXT("c")) : RH_NOTFOUND;
}

static enum rh_rc subsumed(void *user, struct rh_ctx *ctx, struct rh_text system,
                           struct rh_text code, bool above,
                           enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                           void *each_user)
{
    (void)user;
    (void)ctx;
    (void)above;
    return code.len % 2 ? each(each_user, system, RH_TEXT("d")) : RH_NOTFOUND;
}

static enum rh_rc list(void *user, struct rh_ctx *ctx, struct rh_text id, unsigned type,
                       struct rh_text **ids, unsigned *n)
{
    static struct rh_text one = {"p", 1};
    (void)user;
    (void)ctx;
    (void)type;
    *ids = &one;
    *n = 1;
    return id.len % 2 ? RH_OK : RH_NOTFOUND;
}

static enum rh_rc world_open(struct rh_ctx *ctx, struct world *w)
{
    for (unsigned i = 0; i < RESOURCES; i++) {
        yyjson_doc *doc;
        struct rh_candidate *c = &w->items[i];
        assert(rh_json_parse(ctx->arena, ctx->issues, rh_text(texts[i]), &doc) == RH_OK);
        c->resource = yyjson_doc_get_root(doc);
        const struct rh_type *type = rh_type_find(rh_json_get(c->resource, "resourceType"));
        c->type = type->resource;
        c->id = rh_json_get(c->resource, "id");
        assert(rh_keys_of(ctx, type, c->resource, &c->keys) == RH_OK);
        for (unsigned k = 0; k < c->keys.n && w->n < KEYS_MAX; k++) {
            w->keys[w->n] = c->keys.rows[k];
            if (w->keys[w->n].bytes.len > RH_KEY_CUT)
                w->keys[w->n].bytes.len = RH_KEY_CUT;
            w->n++;
        }
    }
    qsort(w->keys, w->n, sizeof w->keys[0], by_place);
    return RH_OK;
}

static bool scan_finds(const struct rh_condition *c, const struct rh_search_key *key)
{
    struct rh_text cut = {key->bytes.data,
                          key->bytes.len < RH_KEY_CUT ? key->bytes.len : RH_KEY_CUT};
    for (unsigned i = 0; i < c->n_ranges; i++) {
        const struct rh_range *r = &c->ranges[i];
        if (r->type != key->type || r->number != key->number)
            continue;
        bool in =
            r->point ? rh_text_eq(cut, r->lo)
                     : rh_text_cmp(cut, r->lo) >= 0 && (!r->hi.data || rh_text_cmp(cut, r->hi) < 0);
        if (in && rh_condition_key(c, r, cut))
            return true;
    }
    return false;
}

static void check(struct rh_ctx *ctx, const struct rh_condition *c, const struct world *w)
{
    for (unsigned i = 0; i < c->n_children; i++)
        check(ctx, &c->children[i], w);
    if (c->kind != RH_COND_KEYS || (c->parameter && c->parameter->number == RH_PARAM_LAST_UPDATED))
        return;
    for (unsigned i = 0; i < RESOURCES; i++) {
        bool match, found = false;
        const struct rh_candidate *r = &w->items[i];
        if (r->type != c->type)
            continue;
        enum rh_rc rc = rh_condition_match(ctx, c, r, &match);
        assert(rc == RH_OK || rc == RH_NOMEM);
        for (unsigned k = 0; k < r->keys.n_own && !found; k++)
            found = scan_finds(c, &r->keys.rows[k]);
        assert(rc || match == c->negated || found);
        assert(rc || !c->proven || found == (match != c->negated));
    }
}

static enum rh_rc parse(struct rh_arena *a, struct world *w, unsigned type, struct rh_text text,
                        bool lenient, struct rh_query *ret)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_query_host host = {.user = w,
                                 .next_key = next_key,
                                 .value_set = value_set,
                                 .subsumed = subsumed,
                                 .list = list};
    struct rh_ctx ctx = {
        .arena = a, .issues = &is, .base = RH_TEXT("http://h.example/f"), .now_us = 1};
    if (w->n == 0)
        world_open(&ctx, w);
    enum rh_rc rc = rh_query_parse(&ctx, &host, type, text, lenient, ret);
    assert(rc == RH_OK || rc == RH_NOMEM || is.errors > 0);
    for (unsigned i = 0; rc == RH_OK && i < ret->n; i++)
        check(&ctx, &ret->conditions[i], w);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"Patient",  "Observation",    "Location",
                                        "ValueSet", "RiskAssessment", ""};
    if (size < 1)
        return 0;
    struct rh_arena *a = rh_arena_open((size_t)64 << 20);
    struct world *w = rh_arena_zero(a, sizeof *w);
    unsigned type = rh_resource_number(rh_text(types[(data[0] >> 1) % 6]));
    struct rh_query *q = rh_arena_zero(a, sizeof *q), *again = rh_arena_zero(a, sizeof *again);
    struct rh_text text = {(const char *)data + 1, size - 1};
    if (parse(a, w, type, text, data[0] & 1, q) == RH_OK && q->self.len < RH_QUERY_TEXT_MAX) {
        enum rh_rc rc = parse(a, w, type, q->self, false, again);
        assert(rc == RH_OK || rc == RH_NOMEM);
        assert(rc || (again->n == q->n && again->count == q->count));
    }
    rh_arena_close(a);
    return 0;
}
