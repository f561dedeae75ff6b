/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_contained.c - search results that are contained resources (_containedType=contained).
 *
 * The record finds the containers; here those of their contained resources are written that match.
 * https://hl7.org/fhir/R4/search.html#contained
 */
#include "server/rest_int.h"
#include "server/subset.h"

/* Conditions that only the store can decide (chains, _has) have been decided for the container. */
static enum rh_rc matches(struct rh_request *q, const struct rh_query *parsed,
                          const struct rh_version *v, yyjson_val *resource, bool *ret)
{
    struct rh_candidate c = {.type = parsed->type,
                             .id = rh_json_get(resource, "id"),
                             .updated_us = v->time_us,
                             .resource = resource};
    enum rh_rc rc = rh_keys_of(&q->ctx, rh_resource_type(parsed->type), resource, &c.keys);
    *ret = rc == RH_OK;
    for (unsigned i = 0; i < parsed->n && rc == RH_OK && *ret; i++) {
        rc = rh_condition_match(&q->ctx, &parsed->conditions[i], &c, ret);
        if (rc == RH_UNSUPPORTED) {
            *ret = true;
            rc = RH_OK;
        }
    }
    return rc;
}

static enum rh_rc write_one(struct rh_request *q, const struct rh_version *v, yyjson_val *resource,
                            const char **separator, struct rh_buf *out)
{
    const struct rh_rest *r = rh_rest_of(q);
    const struct rh_type *type = rh_type_find(rh_json_get(resource, "resourceType"));
    struct rh_subset subset = {.summary = r->summary, .elements = r->parameters.elements};
    char *url = rh_arena_printf(q->arena, "%.*s/%s/%.*s#%.*s", RH_TEXT_ARG(q->ctx.base),
                                rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id),
                                RH_TEXT_ARG(rh_json_get(resource, "id")));
    if (!url)
        return RH_NOMEM;
    rh_buf_str(out, *separator);
    *separator = ",";
    rh_buf_str(out, "{\"fullUrl\":");
    rh_buf_json(out, rh_text(url));
    rh_buf_str(out, ",\"resource\":");
    if (rh_subset_cuts(&subset))
        rh_subset_write(&subset, type, resource, out);
    else
        rh_json_write(out, resource);
    rh_buf_str(out, ",\"search\":{\"mode\":\"match\"}}");
    return out->rc;
}

/* Writes those of the type that match; with `all` every one of the type. */
static enum rh_rc write_matches(struct rh_request *q, const struct rh_query *parsed,
                                const struct rh_version *v, yyjson_val *container, bool all,
                                const char **separator, struct rh_buf *out, unsigned *n)
{
    const char *name = rh_resource_type(parsed->type)->name;
    size_t i, max;
    yyjson_val *inner;
    yyjson_arr_foreach (yyjson_obj_get(container, "contained"), i, max, inner) {
        bool match = all;
        enum rh_rc rc = RH_OK;
        if (!rh_text_is(rh_json_get(inner, "resourceType"), name))
            continue;
        if (!all)
            rc = matches(q, parsed, v, inner, &match);
        if (rc == RH_OK && match) {
            ++*n;
            rc = write_one(q, v, inner, separator, out);
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_rest_write_contained(struct rh_request *q, const struct rh_query *parsed,
                                   const struct rh_version *v, const char **separator,
                                   struct rh_buf *out, bool *ret_itself)
{
    struct rh_buf text = rh_buf(q->arena);
    yyjson_doc *doc;
    unsigned n = 0;
    *ret_itself = false;
    rh_version_write(v, &text);
    if (text.rc)
        return text.rc;
    if (rh_json_parse(q->arena, &q->issues, rh_buf_get(&text), &doc))
        return RH_CORRUPT;
    yyjson_val *root = yyjson_doc_get_root(doc);
    enum rh_rc rc = RH_OK;
    if (parsed->contained == RH_CONTAINED_BOTH && v->type == parsed->type)
        rc = matches(q, parsed, v, root, ret_itself);
    if (rc == RH_OK)
        rc = write_matches(q, parsed, v, root, false, separator, out, &n);
    /* Found by the store, yet by no condition that can be tried here: rather too much. */
    if (rc == RH_OK && n == 0 && !*ret_itself)
        rc = write_matches(q, parsed, v, root, true, separator, out, &n);
    return rc;
}
