/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any resource, checked or not: its keys by paths and by expressions are the same; or the input is
 * a SearchParameter, which is added, and then is the resource that keys are made of. */
#include "search/collect_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rh_plan *plans[RH_RESOURCE_TYPES + 1];

static void check_order(const struct rh_search_keys *keys)
{
    for (unsigned i = 0; i < keys->n; i++) {
        const struct rh_search_key *a = &keys->rows[i], *b = a + 1;
        int64_t lo, hi;
        assert(a->shared == (i >= keys->n_own) && a->bytes.len > 0);
        if (rh_aux_span(a->aux, &lo, &hi))
            assert(lo <= hi);
        if (i + 1 == keys->n || a->shared != b->shared)
            continue;
        assert(a->type < b->type || (a->type == b->type && a->number <= b->number));
        assert(a->type != b->type || a->number != b->number || rh_text_cmp(a->bytes, b->bytes) < 0);
    }
}

static void both_ways(struct rh_ctx *ctx, const struct rh_type *type, yyjson_val *root)
{
    struct rh_search_keys a, b;
    struct rh_plan **plan = &plans[type->resource];
    struct rh_found_reference *found;
    unsigned n;
    if (!*plan && rh_plan_open(ctx, type, false, plan))
        return;
    enum rh_rc rc = rh_keys_of(ctx, type, root, &a);
    (void)rh_references_of(ctx, type, root, NULL, &found, &n);
    if (rc)
        return;
    check_order(&a);
    /* Codes have their system only where the place is known, so rows may differ in hashes. */
    if (rh_keys_with(ctx, *plan, root, &b) == RH_OK)
        check_order(&b);
}

static void added(struct rh_ctx *ctx, const struct rh_type *type, yyjson_val *root)
{
    uint16_t types[4];
    unsigned n;
    struct rh_parameters *set;
    struct rh_search_keys keys;
    if (rh_parameter_check(ctx, root, types, 4, &n))
        return;
    struct rh_parameter_added rows[4];
    n = n < 4 ? n : 4;
    for (unsigned i = 0; i < n; i++)
        rows[i] = (struct rh_parameter_added){(uint16_t)(RH_PARAM_ADDED + i), types[i], root, true};
    if (rh_parameters_open(ctx, rows, n, &set))
        return;
    struct rh_ctx with = *ctx;
    with.parameters = set;
    (void)rh_keys_of(&with, type, root, &keys);
    rh_parameters_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(32 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    yyjson_doc *doc;
    struct rh_ctx ctx = {.arena = a, .issues = &is};
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc) == RH_OK) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        const struct rh_type *type = rh_type_find(rh_json_get(root, "resourceType"));
        if (type && type->resource) {
            both_ways(&ctx, type, root);
            if (rh_text_is(rh_text(type->name), "SearchParameter"))
                added(&ctx, type, root);
        }
    }
    rh_arena_close(a);
    return 0;
}
