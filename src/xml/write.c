/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/primitive.h"
#include "xml/xhtml_int.h"

#include <stdarg.h>

struct writer {
    struct rh_ctx *c;
    struct rh_buf *out;
    enum rh_rc rc;
    unsigned depth;
};

static void finding(struct writer *w, const struct rh_xml_place *at, const char *text)
{
    if (!w->rc)
        w->rc = RH_STRUCTURE;
    if (w->c->issues && !w->c->issues->dropped)
        rh_issue_add(w->c->issues, RH_STRUCTURE, rh_xml_path(w->c->arena, at), "%s", text);
}

/* ---- elements -------------------------------------------------------------------------------- */

static void write_resource(struct writer *w, const struct rh_xml_place *at, yyjson_val *v,
                           bool root);
static void write_members(struct writer *w, const struct rh_xml_place *at,
                          const struct rh_type *type, yyjson_val *object, bool no_url);

/* Control characters and U+FFFE, U+FFFF cannot be written in XML at all. */
static bool fits_xml(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return false;
        if (c == 0xEF && i + 2 < t.len && memcmp(t.data + i + 1, "\xBF", 1) == 0 &&
            (unsigned char)t.data[i + 2] >= 0xBE)
            return false;
    }
    return true;
}

static void attribute(struct writer *w, const struct rh_xml_place *at, const char *name,
                      struct rh_text value)
{
    if (!fits_xml(value))
        finding(w, at, "the text holds a character that XML cannot have");
    rh_buf_printf(w->out, " %s=\"", name);
    rh_xml_escape(value, true, w->out);
    rh_buf_char(w->out, '"');
}

static void write_id(struct writer *w, const struct rh_xml_place *at, yyjson_val *object)
{
    yyjson_val *id = yyjson_is_obj(object) ? yyjson_obj_get(object, "id") : NULL;
    if (yyjson_is_str(id))
        attribute(w, at, "id", rh_json_text(id));
}

static void end_tag(struct writer *w, const char *name)
{
    rh_buf_str(w->out, "</");
    rh_buf_str(w->out, name);
    rh_buf_char(w->out, '>');
}

static bool is_null(const yyjson_val *v)
{
    return !v || yyjson_is_null((yyjson_val *)(uintptr_t)v);
}

static void write_primitive(struct writer *w, const struct rh_xml_place *at, yyjson_val *v,
                            yyjson_val *more)
{
    const char *name = at->element->name;
    if ((!is_null(v) && yyjson_is_ctn(v)) || (!is_null(more) && !yyjson_is_obj(more))) {
        finding(w, at, "a primitive value, or an object with its extensions, must stand here");
        return;
    }
    rh_buf_printf(w->out, "<%s", name);
    write_id(w, at, more);
    if (yyjson_is_bool(v))
        attribute(w, at, "value", yyjson_get_bool(v) ? RH_TEXT("true") : RH_TEXT("false"));
    else if (!is_null(v))
        attribute(w, at, "value", rh_json_text(v));
    size_t before = w->out->len;
    rh_buf_char(w->out, '>');
    if (!is_null(more))
        write_members(w, at, rh_type_find(RH_TEXT("Element")), more, false);
    if (w->out->len > before + 1) {
        end_tag(w, name);
        return;
    }
    w->out->len = before;
    rh_buf_str(w->out, "/>");
}

static void write_complex(struct writer *w, const struct rh_xml_place *at, yyjson_val *v)
{
    const struct rh_type *type = at->element->type;
    const char *name = at->element->name;
    bool extension = rh_text_is(rh_text(type->name), "Extension");
    if (!yyjson_is_obj(v)) {
        finding(w, at, "an object must stand here");
        return;
    }
    rh_buf_printf(w->out, "<%s", name);
    write_id(w, at, v);
    if (extension && yyjson_is_str(yyjson_obj_get(v, "url")))
        attribute(w, at, "url", rh_json_get(v, "url"));
    size_t before = w->out->len;
    rh_buf_char(w->out, '>');
    write_members(w, at, type, v, extension);
    if (w->out->len > before + 1) {
        end_tag(w, name);
        return;
    }
    w->out->len = before;
    rh_buf_str(w->out, "/>");
}

static void write_narrative(struct writer *w, const struct rh_xml_place *at, yyjson_val *v)
{
    if (!yyjson_is_str(v)) {
        finding(w, at, "a narrative must be text");
        return;
    }
    enum rh_rc rc = rh_xhtml_element(w->c->arena, w->c->issues, rh_xml_path(w->c->arena, at),
                                     rh_json_text(v), w->out);
    if (rc && !w->rc)
        w->rc = rc == RH_NOMEM ? rc : RH_STRUCTURE;
}

static void write_one(struct writer *w, const struct rh_xml_place *at, yyjson_val *v,
                      yyjson_val *more)
{
    const struct rh_type *type = at->element->type;
    if (w->depth == RH_XML_DEPTH_MAX) {
        finding(w, at, "the resource is nested too deeply");
        return;
    }
    w->depth++;
    if (type->kind == RH_KIND_PRIMITIVE && type->primitive == RH_P_XHTML) {
        write_narrative(w, at, v);
    } else if (type->kind == RH_KIND_PRIMITIVE) {
        write_primitive(w, at, v, more);
    } else if (type->kind == RH_KIND_ABSTRACT && rh_text_is(rh_text(type->name), "Resource")) {
        rh_buf_printf(w->out, "<%s>", at->element->name);
        write_resource(w, at, v, false);
        end_tag(w, at->element->name);
    } else {
        write_complex(w, at, v);
    }
    w->depth--;
}

/* ---- members --------------------------------------------------------------------------------- */

/* A member of the object with that of its extensions. */
struct member {
    const struct rh_element *element;
    yyjson_val *value, *more;
};

static void write_member(struct writer *w, const struct rh_xml_place *up, const struct member *m)
{
    struct rh_xml_place at = {.up = up, .element = m->element, .index = -1};
    bool list = yyjson_is_arr(m->value) || yyjson_is_arr(m->more);
    if (!list) {
        write_one(w, &at, m->value, m->more);
        return;
    }
    size_t n = yyjson_arr_size(m->value), k = yyjson_arr_size(m->more), i = 0;
    yyjson_arr_iter values, mores;
    if ((m->value && !yyjson_is_arr(m->value)) || (m->more && !yyjson_is_arr(m->more))) {
        finding(w, &at, "the values and their extensions must both be arrays");
        return;
    }
    (void)yyjson_arr_iter_init(m->value, &values);
    (void)yyjson_arr_iter_init(m->more, &mores);
    for (; i < n || i < k; i++) {
        at.index = (long)i;
        yyjson_val *v = i < n ? yyjson_arr_iter_next(&values) : NULL;
        yyjson_val *more = i < k ? yyjson_arr_iter_next(&mores) : NULL;
        write_one(w, &at, v, more);
    }
}

static void add_member(struct writer *w, const struct rh_xml_place *up, const struct rh_type *type,
                       struct rh_text key, yyjson_val *v, struct member *list, unsigned *count)
{
    bool more = key.len > 0 && key.data[0] == '_';
    struct rh_text name = more ? (struct rh_text){key.data + 1, key.len - 1} : key;
    const struct rh_element *e = rh_element_find(type, name);
    struct rh_xml_place at = {.up = up, .name = key, .index = -1};
    if (!e || (more && e->type->kind != RH_KIND_PRIMITIVE)) {
        finding(w, &at, "FHIR R4 has no such element: it cannot be written as XML");
        return;
    }
    unsigned i = 0;
    while (i < *count && list[i].element != e)
        i++;
    if (i == *count)
        list[(*count)++].element = e;
    if (more)
        list[i].more = v;
    else
        list[i].value = v;
}

static void sort(struct member *list, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct member m = list[i];
        unsigned k = i;
        for (; k > 0 && list[k - 1].element > m.element; k--)
            list[k] = list[k - 1];
        list[k] = m;
    }
}

/* All members but those that are attributes. A type has fewer than 256 names, so the list is small
 * whatever the object holds. */
static void write_members(struct writer *w, const struct rh_xml_place *at,
                          const struct rh_type *type, yyjson_val *object, bool no_url)
{
    size_t i, n;
    yyjson_val *key, *v;
    unsigned count = 0;
    bool is_resource = type->kind == RH_KIND_RESOURCE;
    size_t names = yyjson_obj_size(object) < type->count ? yyjson_obj_size(object) : type->count;
    struct member *list = rh_arena_zero(w->c->arena, (names + 1) * sizeof *list);
    if (!list) {
        w->rc = RH_NOMEM;
        return;
    }
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text k = rh_json_text(key);
        if (is_resource ? rh_text_is(k, "resourceType") : rh_text_is(k, "id"))
            continue;
        if (no_url && rh_text_is(k, "url"))
            continue;
        add_member(w, at, type, k, v, list, &count);
    }
    sort(list, count);
    for (unsigned k = 0; k < count; k++)
        write_member(w, at, &list[k]);
}

static void write_resource(struct writer *w, const struct rh_xml_place *at, yyjson_val *v,
                           bool root)
{
    struct rh_text name = yyjson_is_obj(v) ? rh_json_get(v, "resourceType") : RH_TEXT("");
    const struct rh_type *type = name.len ? rh_type_find(name) : NULL;
    if (!type || type->kind != RH_KIND_RESOURCE) {
        finding(w, at, "a resource of FHIR R4 must stand here");
        return;
    }
    rh_buf_printf(w->out, root ? "<%s xmlns=\"" RH_XML_FHIR "\">" : "<%s>", type->name);
    write_members(w, at, type, v, false);
    end_tag(w, type->name);
}

enum rh_rc rh_xml_write(struct rh_ctx *c, yyjson_val *resource, struct rh_buf *out)
{
    struct writer w = {.c = c, .out = out};
    struct rh_xml_place at = {.name = RH_TEXT("Resource"), .index = -1};
    if (yyjson_is_obj(resource) && rh_json_get(resource, "resourceType").data)
        at.name = rh_json_get(resource, "resourceType");
    write_resource(&w, &at, resource, true);
    return w.rc ? w.rc : out->rc;
}
