/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * narrative_links.c - links of narratives that mean another entry of a transaction.
 *
 * FHIR R4, http, "transaction": the server replaces matching links also in <a href> and <img src>
 * of narratives. Only values of these two attributes are touched, never the text around them.
 */
#include "record/record_int.h"

/* A quoted attribute's value inside a tag; false: the tag has no further attribute. */
static bool next_attribute(struct rh_text *tag, struct rh_text *name, struct rh_text *value)
{
    const char *p = tag->data, *end = p + tag->len;
    const char *equals = memchr(p, '=', (size_t)(end - p));
    if (!equals)
        return false;
    *name = rh_text_trim((struct rh_text){p, (size_t)(equals - p)});
    p = equals + 1;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    if (p == end || (*p != '"' && *p != '\''))
        return false;
    const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));
    if (!close)
        return false;
    *value = (struct rh_text){p + 1, (size_t)(close - p - 1)};
    *tag = (struct rh_text){close + 1, (size_t)(end - close - 1)};
    return true;
}

/* Where the tag that begins behind `p` ends: the '>' outside of quotes, or `end`. */
static const char *tag_end(const char *p, const char *end)
{
    char quote = 0;
    for (; p < end && (quote || *p != '>'); p++)
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? 0 : *p;
    return p;
}

/* Writes what is before the link and the new link; *from is then behind it. */
static void replace(struct rh_resolve *r, struct rh_buf *out, const char **from,
                    struct rh_text value)
{
    struct rh_text url = value, id;
    const char *hash = value.len ? memchr(value.data, '#', value.len) : NULL;
    unsigned type;
    if (hash)
        url.len = (size_t)(hash - value.data);
    if (url.len == 0 || !rh_links_find(r->links, url, &type, &id))
        return;
    if (id.len == 0) {
        r->open = true;
        return;
    }
    rh_buf_add(out, *from, (size_t)(value.data - *from));
    rh_buf_str(out, rh_resource_type(type)->name);
    rh_buf_char(out, '/');
    rh_buf_text(out, id);
    *from = url.data + url.len;
}

/* The attribute of this tag that is a link; NULL: it has none. */
static const char *link_of(struct rh_text *tag)
{
    static const struct {
        const char *tag, *attribute;
    } rows[] = {{"a", "href"}, {"img", "src"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].tag);
        if (tag->len <= n || memcmp(tag->data, rows[i].tag, n) != 0 ||
            !strchr(" \t\r\n", tag->data[n]))
            continue;
        *tag = (struct rh_text){tag->data + n, tag->len - n};
        return rows[i].attribute;
    }
    return NULL;
}

static enum rh_rc rewrite_div(struct rh_resolve *r, yyjson_val *div)
{
    struct rh_text text = rh_json_text(div), name, value;
    const char *from = text.data, *end = text.data + text.len, *p = from;
    struct rh_buf out = rh_buf(r->ctx->arena);
    while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
        const char *close = tag_end(++p, end);
        struct rh_text tag = {p, (size_t)(close - p)};
        const char *wanted = link_of(&tag);
        while (wanted && next_attribute(&tag, &name, &value))
            if (rh_text_is(name, wanted))
                replace(r, &out, &from, value);
        p = close;
    }
    if (from == text.data)
        return out.rc;
    rh_buf_add(&out, from, (size_t)(end - from));
    if (out.rc == RH_OK)
        yyjson_set_strn(div, out.data, out.len);
    return out.rc;
}

static enum rh_rc rewrite_text(struct rh_resolve *r, yyjson_val *owner)
{
    yyjson_val *div = yyjson_obj_get(yyjson_obj_get(owner, "text"), "div");
    return yyjson_is_str(div) ? rewrite_div(r, div) : RH_OK;
}

/* As deep as JSON may be nested. */
static enum rh_rc rewrite_sections(struct rh_resolve *r, yyjson_val *owner)
{
    size_t i, max;
    yyjson_val *section;
    yyjson_arr_foreach (yyjson_obj_get(owner, "section"), i, max, section) {
        enum rh_rc rc = rewrite_text(r, section);
        if (rc == RH_OK)
            rc = rewrite_sections(r, section);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc rewrite_one(struct rh_resolve *r, yyjson_val *resource)
{
    enum rh_rc rc = rewrite_text(r, resource);
    if (rc == RH_OK && rh_text_is(rh_json_get(resource, "resourceType"), "Composition"))
        rc = rewrite_sections(r, resource);
    return rc;
}

enum rh_rc rh_narrative_links(struct rh_resolve *r, yyjson_val *resource)
{
    size_t i, max;
    yyjson_val *inner;
    enum rh_rc rc = rewrite_one(r, resource);
    yyjson_arr_foreach (yyjson_obj_get(resource, "contained"), i, max, inner) {
        if (rc)
            return rc;
        rc = rewrite_one(r, inner);
    }
    return rc;
}
