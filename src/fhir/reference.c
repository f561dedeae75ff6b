/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/reference.h"
#include "fhir/primitive.h"

static struct rh_text after(struct rh_text t, size_t n)
{
    return (struct rh_text){t.data + n, t.len - n};
}

/* Type/id or Type/id/_history/version; false when it is not that. */
static bool read_path(struct rh_text t, struct rh_reference *ret)
{
    struct rh_text rest = t, type, id, history, version;
    if (!rh_text_split(&rest, '/', &type) || !rh_text_split(&rest, '/', &id))
        return false;
    ret->type = rh_resource_number(type);
    if (!ret->type || !rh_id_is(id))
        return false;
    ret->id = id;
    if (!rest.data)
        return true;
    if (!rh_text_split(&rest, '/', &history) || !rh_text_is(history, "_history") ||
        !rh_text_split(&rest, '/', &version) || rest.data || !rh_id_is(version))
        return false;
    ret->version = version;
    return true;
}

/* Type?query, where Type is one word of letters. */
static bool read_conditional(struct rh_text t, struct rh_reference *ret)
{
    size_t n = 0;
    while (n < t.len &&
           ((t.data[n] >= 'A' && t.data[n] <= 'Z') || (t.data[n] >= 'a' && t.data[n] <= 'z')))
        n++;
    if (n == 0 || n == t.len || t.data[n] != '?')
        return false;
    ret->type = rh_resource_number((struct rh_text){t.data, n});
    ret->query = after(t, n + 1);
    return true;
}

/* Where the last `count` segments of a path begin; NULL when there are not so many. */
static const char *tail(struct rh_text t, unsigned count)
{
    for (size_t i = t.len; i-- > 0;)
        if (t.data[i] == '/' && --count == 0)
            return t.data + i + 1;
    return NULL;
}

/* scheme://host/…/Type/id, with or without a version. */
static bool read_absolute(struct rh_text t, struct rh_reference *ret)
{
    const char *colon = memchr(t.data, ':', t.len);
    if (!colon || t.len - (size_t)(colon - t.data) < 3 || memcmp(colon, "://", 3) != 0)
        return false;
    struct rh_text path = after(t, (size_t)(colon - t.data) + 3);
    for (unsigned count = 2; count <= 4; count += 2) {
        const char *at = tail(path, count);
        struct rh_reference r = {.kind = RH_REF_ABSOLUTE};
        if (at && read_path((struct rh_text){at, (size_t)(t.data + t.len - at)}, &r)) {
            *ret = r;
            return true;
        }
    }
    return false;
}

struct rh_reference rh_reference_parse(struct rh_text t, struct rh_text base)
{
    struct rh_reference r = {.kind = RH_REF_OTHER};
    if (t.len == 0)
        return r;
    if (t.data[0] == '#')
        return (struct rh_reference){.kind = RH_REF_CONTAINED, .id = after(t, 1)};
    if (rh_text_starts(t, "urn:uuid:"))
        return (struct rh_reference){.kind = RH_REF_UUID, .id = after(t, 9)};
    if (rh_text_starts(t, "urn:oid:"))
        return (struct rh_reference){.kind = RH_REF_UUID, .id = after(t, 8)};

    struct rh_text local = t;
    if (base.len > 0 && t.len > base.len + 1 && memcmp(t.data, base.data, base.len) == 0 &&
        t.data[base.len] == '/')
        local = after(t, base.len + 1);
    r.kind = RH_REF_LOCAL;
    if (read_path(local, &r))
        return r;
    r = (struct rh_reference){.kind = RH_REF_CONDITIONAL};
    if (read_conditional(local, &r))
        return r;
    if (read_absolute(t, &r))
        return r;
    return (struct rh_reference){.kind = RH_REF_OTHER};
}

/* --- all references of a resource --------------------------------------------------------------
 */

struct walk {
    rh_reference_each *each;
    void *user;
    const struct rh_type *reference, *element;
};

static bool is_link(const struct walk *w, const struct rh_type *owner, const struct rh_element *e)
{
    switch (e->type->primitive) {
    case RH_P_CANONICAL:
    case RH_P_OID:
    case RH_P_URI:
    case RH_P_URL:
    case RH_P_UUID:
        return true;
    case RH_P_STRING:
        return owner == w->reference && strcmp(e->name, "reference") == 0;
    default:
        return false;
    }
}

static enum rh_rc walk_object(const struct walk *w, const struct rh_type *type, yyjson_val *object);

static enum rh_rc walk_value(const struct walk *w, const struct rh_element *e, yyjson_val *v)
{
    if (e->type->kind == RH_KIND_PRIMITIVE)
        return yyjson_is_str(v) ? w->each(w->user, v, e) : RH_OK;
    const struct rh_type *type = e->type;
    if (!yyjson_is_obj(v))
        return RH_OK;
    if (type->kind == RH_KIND_ABSTRACT) {
        type = rh_type_find(rh_json_get(v, "resourceType"));
        if (!type || type->kind != RH_KIND_RESOURCE)
            return RH_OK;
    }
    return walk_object(w, type, v);
}

static enum rh_rc walk_member(const struct walk *w, const struct rh_element *e, yyjson_val *v)
{
    if (!yyjson_is_arr(v))
        return walk_value(w, e, v);
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach (v, i, n, item) {
        enum rh_rc rc = walk_value(w, e, item);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* The extensions of a primitive: "_birthDate": {…}, "_given": [{…}, null]. */
static enum rh_rc walk_shadow(const struct walk *w, yyjson_val *v)
{
    if (!yyjson_is_arr(v))
        return walk_object(w, w->element, v);
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach (v, i, n, item) {
        enum rh_rc rc = walk_object(w, w->element, item);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc walk_object(const struct walk *w, const struct rh_type *type, yyjson_val *object)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (!yyjson_is_obj(object))
        return RH_OK;
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        enum rh_rc rc = RH_OK;
        if (name.len > 1 && name.data[0] == '_') {
            rc = walk_shadow(w, v);
        } else {
            const struct rh_element *e = rh_element_find(type, name);
            if (e && (e->type->kind != RH_KIND_PRIMITIVE || is_link(w, type, e)))
                rc = walk_member(w, e, v);
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_references_walk(const struct rh_type *type, yyjson_val *resource,
                              rh_reference_each *each, void *user)
{
    struct walk w = {.each = each,
                     .user = user,
                     .reference = rh_type_find(RH_TEXT("Reference")),
                     .element = rh_type_find(RH_TEXT("Element"))};
    return walk_object(&w, type, resource);
}
