/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prepare.c - a resource on its way into the log: parsed, checked, its references resolved,
 * composed, keyed, compressed.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "fhir/check.h"
#include "fhir/compartment.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"
#include "record/record_int.h"

/* rh_fhir_check names places from the resource's type on; inside a Bundle they begin at the entry.
 */
static enum rh_rc move_places(struct rh_issues *is, unsigned from, const char *place)
{
    for (unsigned i = from; place && i < is->count; i++) {
        const char *old = is->rows[i].expression;
        const char *rest = old ? strpbrk(old, ".[") : NULL;
        char *moved = rh_arena_printf(is->arena, "%s%s", place, rest ? rest : "");
        if (!moved)
            return RH_NOMEM;
        is->rows[i].expression = moved;
    }
    return RH_OK;
}

static enum rh_validate_mode mode_of(const struct rh_record *r, enum rh_validate_mode mode)
{
    return mode ? mode : r->validate;
}

/* What storing itself relies on. */
static enum rh_rc check_little(struct rh_issues *is, struct rh_prepared *p)
{
    struct rh_text type = rh_json_get(p->resource, "resourceType");
    unsigned number = rh_resource_number(type);
    yyjson_val *id = yyjson_obj_get(p->resource, "id"), *meta = yyjson_obj_get(p->resource, "meta");
    if (!number)
        return rh_issue_add(is, RH_STRUCTURE, "resourceType",
                            "this is no resource of FHIR R4: its resourceType is %s%.*s%s",
                            type.len ? "\"" : "missing", (int)(type.len > 64 ? 64 : type.len),
                            type.data ? type.data : "", type.len ? "\"" : "");
    p->type = rh_resource_type(number);
    if (id && (!yyjson_is_str(id) || !rh_id_is(rh_json_text(id))))
        return rh_issue_add(is, RH_VALUE, "id", "an id is 1 to 64 of A-Z a-z 0-9 - .");
    if (meta && !yyjson_is_obj(meta))
        return rh_issue_add(is, RH_STRUCTURE, "meta", "meta must be an object");
    return RH_OK;
}

/* Every finding, also when the structure is wrong already. */
static enum rh_rc check_fully(const struct rh_record *r, struct rh_ctx *ctx, struct rh_prepared *p)
{
    struct rh_issues *is = ctx->issues, structure;
    rh_issues_init(&structure, is->arena);
    unsigned before = is->errors;
    enum rh_rc shape = rh_fhir_check(&structure, p->resource, &p->type);
    enum rh_rc rc = r->validator.validate(r->validator.user, ctx, p->resource);
    if (shape && !(rc && is->errors > before))
        for (unsigned i = 0; i < structure.count; i++)
            rh_issue_at(is, structure.rows[i]);
    return rc ? rc : shape;
}

enum rh_rc rh_prepare_check(const struct rh_record *r, struct rh_ctx *ctx,
                            enum rh_validate_mode mode, const char *place, struct rh_prepared *p)
{
    unsigned before = ctx->issues->count;
    mode = mode_of(r, mode);
    enum rh_rc rc = mode == RH_VALIDATE_OFF    ? check_little(ctx->issues, p)
                    : mode == RH_VALIDATE_FULL ? check_fully(r, ctx, p)
                                               : rh_fhir_check(ctx->issues, p->resource, &p->type);
    enum rh_rc moved = move_places(ctx->issues, before, place);
    return rc ? rc : moved;
}

enum rh_rc rh_prepare_gate(const struct rh_record *r, struct rh_session *s, struct rh_ctx *ctx,
                           const struct rh_write *w, const char *place, const struct rh_prepared *p)
{
    unsigned before = ctx->issues->count;
    if (!r->gate.check || w->own)
        return RH_OK;
    enum rh_rc rc = r->gate.check(r->gate.user, ctx, s, &w->caller, p->type->resource, p->resource);
    enum rh_rc moved = move_places(ctx->issues, before, place);
    return rc ? rc : moved;
}

enum rh_rc rh_prepare_refresh(struct rh_session *s, struct rh_issues *is,
                              enum rh_validate_mode mode)
{
    const struct rh_record_validator *v = &s->record->validator;
    return mode_of(s->record, mode) == RH_VALIDATE_FULL ? v->refresh(v->user, s, is) : RH_OK;
}

enum rh_rc rh_prepare_parse(const struct rh_record *r, struct rh_ctx *ctx,
                            enum rh_validate_mode mode, const char *place, struct rh_text text,
                            struct rh_prepared *p)
{
    if (text.len > RH_RECORD_RESOURCE_MAX)
        return rh_issue_add(ctx->issues, RH_TOOLARGE, place,
                            "the resource has %zu bytes; at most %d are stored in one resource",
                            text.len, RH_RECORD_RESOURCE_MAX);
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(ctx->arena, ctx->issues, text, &doc);
    if (rc)
        return rc;
    p->resource = yyjson_doc_get_root(doc);
    return rh_prepare_check(r, ctx, mode, place, p);
}

/* --- the body ----------------------------------------------------------------------------------
 */

static bool is_own(const char *name) /* written by us, in a fixed place */
{
    return strcmp(name, "resourceType") == 0 || strcmp(name, "id") == 0 ||
           strcmp(name, "meta") == 0;
}

/* Members of meta besides the two that are columns. */
static void compose_meta(struct rh_buf *b, yyjson_val *meta)
{
    size_t i, max;
    yyjson_val *key, *val;
    bool first = true;
    yyjson_obj_foreach (meta, i, max, key, val) {
        const char *name = yyjson_get_str(key);
        const char *bare = name[0] == '_' ? name + 1 : name;
        if (strcmp(bare, "versionId") == 0 || strcmp(bare, "lastUpdated") == 0)
            continue;
        rh_buf_str(b, first ? ",\"meta\":{" : ",");
        first = false;
        rh_json_write(b, key);
        rh_buf_char(b, ':');
        rh_json_write(b, val);
    }
    if (!first)
        rh_buf_char(b, '}');
}

/* {"resourceType":…,"id":…[,"meta":{…}],… the rest as sent }: rh_version_write relies on this
 * order. */
static void compose(struct rh_buf *b, const struct rh_prepared *p)
{
    size_t i, max;
    yyjson_val *key, *val;
    rh_buf_str(b, "{\"resourceType\":\"");
    rh_buf_str(b, p->type->name);
    rh_buf_str(b, "\",\"id\":\"");
    rh_buf_text(b, p->id);
    rh_buf_char(b, '"');
    yyjson_val *meta = yyjson_obj_get(p->resource, "meta");
    if (meta)
        compose_meta(b, meta);
    yyjson_obj_foreach (p->resource, i, max, key, val) {
        if (is_own(yyjson_get_str(key)))
            continue;
        rh_buf_char(b, ',');
        rh_json_write(b, key);
        rh_buf_char(b, ':');
        rh_json_write(b, val);
    }
    rh_buf_char(b, '}');
}

enum rh_rc rh_prepare_body(struct rh_session *s, struct rh_ctx *ctx, struct rh_prepared *p)
{
    struct rh_buf b = rh_buf(ctx->arena);
    compose(&b, p);
    if (b.rc)
        return rh_issue_add(ctx->issues, b.rc, NULL,
                            "the resource does not fit into the memory of one request");
    p->body = rh_buf_get(&b);
    p->part = rh_part_of(s->record, rh_compartment_patient(p->type, p->resource, p->id));
    p->parameters = ctx->parameters = rh_record_parameters(s->record);
    enum rh_rc rc = rh_keys_of(ctx, p->type, p->resource, &p->keys);
    if (rc)
        return rc;
    p->codec = RH_CODEC_ZSTD;
    rc = rh_pack(s->packer, RH_BODY_LEVEL, ctx->arena, p->body, &p->packed);
    if (rc == RH_OK && p->packed.len >= p->body.len) {
        p->codec = RH_CODEC_PLAIN;
        p->packed = p->body;
    }
    return rc;
}

enum rh_rc rh_keys_of_body(struct rh_ctx *ctx, unsigned type, struct rh_text body,
                           struct rh_search_keys *ret)
{
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(ctx->arena, ctx->issues, body, &doc);
    if (rc)
        return RH_CORRUPT; /* it was checked when it came in */
    return rh_keys_of(ctx, rh_resource_type(type), yyjson_doc_get_root(doc), ret);
}

/* --- links of a Bundle -------------------------------------------------------------------------
 */

struct link {
    struct rh_text url, id;
    unsigned type;
};

struct rh_links {
    size_t mask;
    struct link *slots; /* open addressing; url.data == NULL: free */
};

enum rh_rc rh_links_open(struct rh_arena *a, unsigned n, struct rh_links **ret)
{
    size_t size = 8;
    while (size < 2 * (size_t)n)
        size *= 2;
    struct rh_links *l = rh_arena_zero(a, sizeof *l);
    if (!l || !(l->slots = rh_arena_zero(a, size * sizeof *l->slots)))
        return RH_NOMEM;
    l->mask = size - 1;
    *ret = l;
    return RH_OK;
}

static struct link *link_slot(const struct rh_links *l, struct rh_text url)
{
    size_t i = (size_t)rh_hash_system(url) & l->mask;
    while (l->slots[i].url.data && !rh_text_eq(l->slots[i].url, url))
        i = (i + 1) & l->mask;
    return &l->slots[i];
}

/* The first entry with a fullUrl keeps it; a second one with the same is refused by the caller of a
 * transaction. */
enum rh_rc rh_links_add(struct rh_links *l, struct rh_text url, unsigned type, struct rh_text id)
{
    struct link *slot = link_slot(l, url);
    if (slot->url.data && slot->id.len > 0)
        return RH_CONFLICT;
    *slot = (struct link){url, id, type};
    return RH_OK;
}

bool rh_links_find(const struct rh_links *l, struct rh_text url, unsigned *type, struct rh_text *id)
{
    const struct link *slot = link_slot(l, url);
    if (!slot->url.data)
        return false;
    *type = slot->type;
    *id = slot->id;
    return true;
}

/* --- references --------------------------------------------------------------------------------
 */

static enum rh_rc set_reference(struct rh_resolve *r, yyjson_val *string, unsigned type,
                                struct rh_text id)
{
    const char *name = rh_resource_type(type)->name;
    char *text = rh_arena_printf(r->ctx->arena, "%s/%.*s", name, RH_TEXT_ARG(id));
    if (!text)
        return RH_NOMEM;
    yyjson_set_strn(string, text, strlen(text));
    return RH_OK;
}

/* Finds the entry that a reference means: by its fullUrl, or as a relative reference seen from the
 * entry's own fullUrl (FHIR R4, bundle, "resolving references in bundles"). */
static bool find_link(const struct rh_resolve *r, struct rh_text value, enum rh_reference_kind kind,
                      unsigned *type, struct rh_text *id)
{
    if (!r->links)
        return false;
    if (rh_links_find(r->links, value, type, id))
        return true;
    if (kind != RH_REF_LOCAL || !rh_text_starts(r->full_url, "http"))
        return false;
    size_t slashes = 0, at = r->full_url.len;
    while (at > 0 && slashes < 2)
        slashes += r->full_url.data[--at] == '/';
    char *url =
        rh_arena_printf(r->ctx->arena, "%.*s/%.*s", (int)at, r->full_url.data, RH_TEXT_ARG(value));
    return url && rh_links_find(r->links, rh_text(url), type, id);
}

static enum rh_rc resolve_condition(struct rh_resolve *r, yyjson_val *string,
                                    const struct rh_reference *ref)
{
    if (!r->session) {
        r->open = true;
        return RH_OK;
    }
    struct rh_query q;
    struct rh_head rows[2];
    unsigned n = 0;
    enum rh_rc rc = rh_criteria_parse(r->session, r->ctx, true, ref->type, ref->query, &q);
    if (rc == RH_OK && q.n == 0)
        return rh_issue_add(r->ctx->issues, RH_QUERY, r->place,
                            "the conditional reference \"%.*s\" has no search parameter, so it "
                            "would match everything",
                            RH_TEXT_ARG(rh_json_text(string)));
    if (rc == RH_OK)
        rc = rh_search_heads(r->session, r->ctx, r->grant, &q, 2, rows, &n);
    if (rc)
        return rc;
    if (n != 1)
        return rh_issue_add(
            r->ctx->issues, n ? RH_MULTIPLE : RH_PRECONDITION, r->place,
            "the conditional reference \"%.*s\" matches %s resource; it must match exactly one",
            RH_TEXT_ARG(rh_json_text(string)), n ? "more than one" : "no");
    return set_reference(r, string, ref->type, rows[0].id);
}

/* An absolute reference to this server itself is stored as a relative one: the address a client
 * used may be another tomorrow, and patient=p1 must find it all the same. */
static bool own_address(const struct rh_resolve *r, struct rh_text value)
{
    struct rh_text base = r->ctx->base;
    return base.len > 0 && value.len > base.len + 1 &&
           memcmp(value.data, base.data, base.len) == 0 && value.data[base.len] == '/';
}

static enum rh_rc resolve_one(void *user, yyjson_val *string, const struct rh_element *element)
{
    struct rh_resolve *r = user;
    struct rh_text value = rh_json_text(string), id;
    unsigned type;
    struct rh_reference ref = rh_reference_parse(value, r->ctx->base);
    bool is_reference = strcmp(element->name, "reference") == 0;
    if (element->type->primitive == RH_P_CANONICAL)
        return RH_OK;
    if (r->apart && r->links && rh_links_find(r->links, value, &type, &id))
        return rh_issue_add(r->ctx->issues, RH_RULE, r->place,
                            "\"%.*s\" is what another entry of this batch creates; entries that "
                            "refer to each other are sent as a transaction",
                            RH_TEXT_ARG(value));
    if (!r->apart && find_link(r, value, ref.kind, &type, &id)) {
        if (id.len > 0)
            return set_reference(r, string, type, id);
        r->open = true;
        return RH_OK;
    }
    if (!is_reference)
        return RH_OK;
    if (ref.kind == RH_REF_LOCAL && own_address(r, value)) {
        size_t skip = r->ctx->base.len + 1;
        yyjson_set_strn(string, value.data + skip, value.len - skip);
        return RH_OK;
    }
    if (ref.kind == RH_REF_CONDITIONAL && ref.type)
        return resolve_condition(r, string, &ref);
    if (ref.kind == RH_REF_UUID && r->strict)
        return rh_issue_add(r->ctx->issues, RH_VALUE, r->place,
                            "the reference \"%.*s\" is the fullUrl of no entry of this Bundle",
                            RH_TEXT_ARG(value));
    return RH_OK;
}

enum rh_rc rh_resolve(struct rh_resolve *r, const struct rh_prepared *p)
{
    enum rh_rc rc = rh_references_walk(p->type, p->resource, resolve_one, r);
    return rc || !r->links || r->apart ? rc : rh_narrative_links(r, p->resource);
}
