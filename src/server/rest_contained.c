/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_contained.c - search results that are contained resources (_containedType=contained).
 *
 * The record finds the containers; here those of their contained resources are written that match.
 * https://hl7.org/fhir/R4/search.html#contained
 */
#include "server/rest_int.h"
#include "server/subset.h"

static enum rh_rc matches(struct rh_request *q, const struct rh_query *parsed,
                          const struct rh_version *v, yyjson_val *resource,
                          enum rh_candidate_part part, bool *ret)
{
    struct rh_candidate c = {.type = parsed->type,
                             .id = rh_json_get(resource, "id"),
                             .updated_us = v->time_us,
                             .resource = resource,
                             .part = part};
    enum rh_rc rc = rh_keys_of(&q->ctx, rh_resource_type(parsed->type), resource, &c.keys);
    *ret = rc == RH_OK;
    for (unsigned i = 0; i < parsed->n && rc == RH_OK && *ret; i++)
        rc = rh_condition_match(&q->ctx, &parsed->conditions[i], &c, ret);
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

/* Writes those of the type that match. */
static enum rh_rc write_matches(struct rh_request *q, const struct rh_query *parsed,
                                const struct rh_version *v, yyjson_val *container,
                                const char **separator, struct rh_buf *out)
{
    const char *name = rh_resource_type(parsed->type)->name;
    size_t i, max;
    yyjson_val *inner;
    yyjson_arr_foreach (yyjson_obj_get(container, "contained"), i, max, inner) {
        bool match;
        if (!rh_text_is(rh_json_get(inner, "resourceType"), name))
            continue;
        enum rh_rc rc = matches(q, parsed, v, inner, RH_CANDIDATE_INSIDE, &match);
        if (rc == RH_OK && match)
            rc = write_one(q, v, inner, separator, out);
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
    *ret_itself = false;
    rh_version_write(v, &text);
    if (text.rc)
        return text.rc;
    if (rh_json_parse(q->arena, &q->issues, rh_buf_get(&text), &doc))
        return RH_CORRUPT;
    yyjson_val *root = yyjson_doc_get_root(doc);
    enum rh_rc rc = RH_OK;
    if (parsed->contained == RH_CONTAINED_BOTH && v->type == parsed->type)
        rc = matches(q, parsed, v, root, RH_CANDIDATE_ITSELF, ret_itself);
    return rc ? rc : write_matches(q, parsed, v, root, separator, out);
}
