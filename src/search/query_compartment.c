/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_compartment.c - what lies in a compartment, as a condition. Source: FHIR R4,
 * CompartmentDefinition (spec/r4/compartments.tsv). The resource whose compartment it is lies in
 * it.
 */
#include "search/compartment_int.h"
#include "search/query_int.h"

#include "fhir/primitive.h"

static enum rh_rc itself(struct rh_reading *r, unsigned type, struct rh_text id,
                         struct rh_condition *ret)
{
    struct rh_text *ids = rh_arena_copy(r->ctx->arena, &id, sizeof id);
    *ret = (struct rh_condition){
        .kind = RH_COND_IDS, .type = type, .proven = true, .ids = ids, .n_ids = 1};
    return ids ? RH_OK : RH_NOMEM;
}

static enum rh_rc refers(struct rh_reading *r, struct rh_text name, unsigned compartment,
                         struct rh_text id, struct rh_condition *ret)
{
    struct rh_making m;
    struct rh_buf b = rh_buf(r->ctx->arena);
    r->parameter = rh_parameter_find(NULL, r->type, name);
    if (!r->parameter || r->parameter->kind != RH_SP_REFERENCE)
        return RH_INTERNAL;
    rh_buf_str(&b, rh_resource_type(compartment)->name);
    rh_buf_char(&b, '/');
    rh_buf_text(&b, id);
    enum rh_rc rc = b.rc ? b.rc : rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = rh_query_add_reference(&m, rh_buf_get(&b));
    return rc ? rc : rh_make_close(&m, ret);
}

enum rh_rc rh_query_compartment(struct rh_ctx *ctx, unsigned compartment, struct rh_text id,
                                unsigned type, struct rh_condition *ret)
{
    static const struct rh_query_host nobody = {.user = NULL};
    struct rh_query nothing = {.type = type};
    struct rh_condition rows[RH_QUERY_CONDITIONS_MAX / 2];
    struct rh_text rest = {NULL, 0}, name;
    unsigned n = 0;
    struct rh_reading r = {.ctx = ctx,
                           .host = &nobody,
                           .query = &nothing,
                           .type = type,
                           .name = RH_TEXT("the compartment")};
    if (!rh_id_is(id))
        return RH_NOTFOUND;
    for (unsigned i = 0; i < rh_compartments_n; i++)
        if (rh_compartments[i].compartment == compartment && rh_compartments[i].type == type)
            rest = rh_text(rh_compartments[i].parameters);
    enum rh_rc rc = RH_OK;
    if (compartment == type)
        rc = itself(&r, type, id, &rows[n++]);
    while (rc == RH_OK && rh_text_split(&rest, ',', &name) && n < sizeof rows / sizeof rows[0])
        if (name.data[0] != '{')
            rc = refers(&r, name, compartment, id, &rows[n++]);
    if (rc == RH_OK && n == 0)
        return RH_NOTFOUND;
    return rc ? rc : rh_query_group(&r, RH_COND_OR, rows, n, ret);
}
