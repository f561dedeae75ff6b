/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unit.c - one unit of a bulk load taken apart: its resources, their ids, the links between them.
 */
#include "base/bytes.h"
#include "fhir/primitive.h"
#include "record/bulk_int.h"

/* A UUIDv8 (RFC 9562) of the unit's bytes and the entry's place in it. */
static enum rh_rc made_id(struct rh_arena *a, const struct rh_hash *unit, unsigned index,
                          struct rh_text *ret)
{
    unsigned char bytes[RH_HASH_SIZE + 4];
    char text[RH_UUID_SIZE];
    memcpy(bytes, unit->bytes, RH_HASH_SIZE);
    rh_put_u32(bytes + RH_HASH_SIZE, index);
    struct rh_hash h = rh_hash_of(bytes, sizeof bytes, NULL, 0);
    h.bytes[6] = (unsigned char)(0x80 | (h.bytes[6] & 0x0f));
    h.bytes[8] = (unsigned char)(0x80 | (h.bytes[8] & 0x3f));
    rh_uuid_print(h.bytes, text);
    *ret = rh_text_copy(a, rh_text(text));
    return ret->data ? RH_OK : RH_NOMEM;
}

static enum rh_rc id_of_entry(struct rh_bulk_parts *u, const struct rh_hash *hash, unsigned index,
                              yyjson_val *request, struct rh_bulk_part *p)
{
    struct rh_text own = rh_json_get(p->prepared.resource, "id"),
                   method = rh_json_get(request, "method");
    struct rh_text url = rh_json_get(request, "url"), type;
    bool post = rh_text_is(method, "POST");
    if (request && method.len > 0 && !post && !rh_text_is(method, "PUT"))
        return rh_issue_add(u->ctx->issues, RH_INVALID, p->place,
                            "a %.*s entry cannot be imported: send this Bundle to the server",
                            RH_TEXT_ARG(method));
    if (post)
        p->if_none_exist = rh_json_get(request, "ifNoneExist");
    if (rh_text_is(method, "PUT") && rh_text_split(&url, '/', &type) && url.data)
        own = url;
    if (!post && own.len > 0) {
        if (!rh_id_is(own))
            return rh_issue_add(u->ctx->issues, RH_INVALID, p->place,
                                "\"%.*s\" is not an id: 1 to 64 of A-Z a-z 0-9 - .",
                                RH_TEXT_ARG(own));
        p->prepared.id = own;
        return RH_OK;
    }
    return made_id(u->ctx->arena, hash, index, &p->prepared.id);
}

static enum rh_rc add_part(struct rh_bulk_parts *u, const struct rh_hash *hash,
                           yyjson_val *resource, yyjson_val *entry, unsigned index)
{
    struct rh_bulk_part *p = &u->parts[u->n++];
    *p = (struct rh_bulk_part){.prepared = {.resource = resource}};
    if (entry) {
        p->place = rh_arena_printf(u->ctx->arena, "Bundle.entry[%u].resource", index);
        p->full_url = rh_json_get(entry, "fullUrl");
        if (!p->place)
            return RH_NOMEM;
    }
    enum rh_rc rc = rh_prepare_check(u->record, u->ctx, u->validate, p->place, &p->prepared);
    if (rc == RH_OK)
        rc = id_of_entry(u, hash, index, entry ? yyjson_obj_get(entry, "request") : NULL, p);
    p->refused = rc != RH_OK;
    return rc;
}

static enum rh_rc open_bundle(struct rh_bulk_parts *u, const struct rh_hash *hash, yyjson_val *root)
{
    yyjson_val *entries = yyjson_obj_get(root, "entry"), *entry;
    struct rh_text type = rh_json_get(root, "type");
    size_t i, max;
    enum rh_rc first = RH_OK;
    if (entries && !yyjson_is_arr(entries))
        return rh_issue_add(u->ctx->issues, RH_STRUCTURE, "Bundle.entry", "entry must be an array");
    u->bundle = true;
    u->atomic = rh_text_is(type, "transaction");
    u->parts = rh_arena_zero(u->ctx->arena, (yyjson_arr_size(entries) + 1) * sizeof *u->parts);
    if (!u->parts)
        return RH_NOMEM;
    yyjson_arr_foreach (entries, i, max, entry) {
        yyjson_val *resource = yyjson_obj_get(entry, "resource");
        if (!resource)
            continue;
        enum rh_rc rc = add_part(u, hash, resource, entry, (unsigned)i);
        if (rc == RH_NOMEM)
            return rc;
        first = first ? first : rc;
    }
    return first;
}

/* RH_RULE: two entries have one fullUrl; the first keeps it, and the others are linked all the
 * same. */
static enum rh_rc link_parts(struct rh_bulk_parts *u)
{
    enum rh_rc rc = rh_links_open(u->ctx->arena, u->n, &u->links), first = rc;
    for (unsigned i = 0; i < u->n && rc == RH_OK; i++) {
        const struct rh_bulk_part *p = &u->parts[i];
        if (p->refused || p->full_url.len == 0)
            continue;
        struct rh_text id = p->if_none_exist.len > 0 ? (struct rh_text){NULL, 0} : p->prepared.id;
        rc = rh_links_add(u->links, p->full_url, p->prepared.type->resource, id);
        if (rc == RH_CONFLICT) {
            first = rh_issue_add(u->ctx->issues, RH_RULE, p->place,
                                 "two entries have the fullUrl \"%.*s\"", RH_TEXT_ARG(p->full_url));
            rc = RH_OK;
        }
    }
    return rc ? rc : first;
}

static enum rh_rc resolve_parts(struct rh_bulk_parts *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        struct rh_bulk_part *p = &u->parts[i];
        struct rh_resolve r = {
            .links = u->links, .ctx = u->ctx, .full_url = p->full_url, .place = p->place};
        if (p->refused)
            continue;
        enum rh_rc rc = rh_resolve(&r, &p->prepared);
        if (rc)
            return rc;
        u->open = u->open || r.open || p->if_none_exist.len > 0;
    }
    return RH_OK;
}

enum rh_rc rh_bulk_open_unit(const struct rh_record *r, struct rh_ctx *ctx,
                             enum rh_validate_mode mode, struct rh_text json,
                             struct rh_bulk_parts *u)
{
    yyjson_doc *doc;
    *u = (struct rh_bulk_parts){.record = r, .ctx = ctx, .validate = mode};
    enum rh_rc rc = rh_json_parse(ctx->arena, ctx->issues, json, &doc), refused;
    if (rc)
        return rc;
    struct rh_hash hash = rh_hash_of(json.data, json.len, NULL, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (rh_text_is(rh_json_get(root, "resourceType"), "Bundle")) {
        refused = open_bundle(u, &hash, root);
    } else {
        u->parts = rh_arena_zero(ctx->arena, sizeof *u->parts);
        if (!u->parts)
            return RH_NOMEM;
        refused = add_part(u, &hash, root, NULL, 0);
    }
    if (refused == RH_NOMEM || (refused && (u->atomic || !u->bundle)))
        return refused;
    if (u->bundle && (rc = link_parts(u))) {
        if (rc != RH_RULE || u->atomic)
            return rc;
        refused = rc; /* the entries stand alone, but their references must not stay open */
    }
    rc = resolve_parts(u);
    return rc ? rc : refused;
}
