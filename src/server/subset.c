/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/subset.h"

#include <assert.h>

static const char subsetted[] = "{\"system\":\"http://terminology.hl7.org/CodeSystem/"
                                "v3-ObservationValue\",\"code\":\"SUBSETTED\"}";

bool rh_subset_cuts(const struct rh_subset *s)
{
    return s->elements.len > 0 ||
           (s->summary != RH_SUMMARY_FALSE && s->summary != RH_SUMMARY_COUNT);
}

/* "name", "value" for valueQuantity, or "Patient.name"; what is below the first level is not told
 * apart. */
static bool listed(struct rh_text list, const struct rh_type *type, struct rh_text name,
                   const struct rh_element *e)
{
    struct rh_text rest = list, item;
    while (rh_text_split(&rest, ',', &item)) {
        struct rh_text head = rh_text_trim(item), tail = head, first;
        if (rh_text_split(&tail, '.', &first) && tail.data)
            head = rh_text_is(first, type->name) ? tail : first;
        tail = head;
        rh_text_split(&tail, '.', &head);
        if (rh_text_eq(head, name) || (e && rh_text_is(head, e->base)))
            return true;
    }
    return false;
}

/* Resource types are numbered in the order of their names, and so are the rows. */
static bool in_summary(const struct rh_type *type, const char *base)
{
    const struct rh_summary_row *row = &rh_summary_rows[type->resource - 1];
    assert(strcmp(row->type, type->name) == 0);
    size_t len = strlen(base);
    for (const char *at = row->names; (at = strstr(at, base)); at += len)
        if (at[-1] == '|' && at[len] == '|')
            return true;
    return false;
}

static bool kept(const struct rh_subset *s, const struct rh_type *type, struct rh_text name)
{
    if (name.len && name.data[0] == '_')
        name = (struct rh_text){name.data + 1, name.len - 1};
    if (rh_text_is(name, "resourceType") || rh_text_is(name, "id"))
        return true;
    const struct rh_element *e = rh_element_find(type, name);
    bool mandatory = e && e->min > 0;
    if (s->elements.len)
        return mandatory || listed(s->elements, type, name, e);
    switch (s->summary) {
    case RH_SUMMARY_TRUE:
        return mandatory || (e && in_summary(type, e->base));
    case RH_SUMMARY_TEXT:
        return mandatory || rh_text_is(name, "text");
    case RH_SUMMARY_DATA:
        return !rh_text_is(name, "text");
    case RH_SUMMARY_FALSE:
    case RH_SUMMARY_COUNT:
        break;
    }
    return true;
}

/* meta as it is (NULL: there is none), with the tag SUBSETTED besides those that are there. */
static void write_meta(yyjson_val *meta, struct rh_buf *out)
{
    if (!meta) {
        rh_buf_str(out, ",\"meta\":{\"tag\":[");
        rh_buf_str(out, subsetted);
        rh_buf_str(out, "]}");
        return;
    }
    size_t i, max;
    yyjson_val *key, *value;
    bool tagged = false;
    rh_buf_str(out, ",\"meta\":{");
    yyjson_obj_foreach (meta, i, max, key, value) {
        rh_buf_str(out, i ? "," : "");
        rh_buf_json(out, rh_json_text(key));
        rh_buf_char(out, ':');
        if (!tagged && rh_text_is(rh_json_text(key), "tag") && yyjson_is_arr(value)) {
            size_t k, n;
            yyjson_val *tag;
            tagged = true;
            rh_buf_char(out, '[');
            yyjson_arr_foreach (value, k, n, tag) {
                rh_json_write(out, tag);
                rh_buf_char(out, ',');
            }
            rh_buf_str(out, subsetted);
            rh_buf_char(out, ']');
            continue;
        }
        rh_json_write(out, value);
    }
    if (!tagged) {
        rh_buf_str(out, yyjson_obj_size(meta) ? ",\"tag\":[" : "\"tag\":[");
        rh_buf_str(out, subsetted);
        rh_buf_char(out, ']');
    }
    rh_buf_char(out, '}');
}

void rh_subset_write(const struct rh_subset *s, const struct rh_type *type,
                     const yyjson_val *resource, struct rh_buf *out)
{
    size_t i, max;
    yyjson_val *key, *value, *root = (yyjson_val *)(uintptr_t)resource;
    yyjson_val *meta = yyjson_obj_get(root, "meta");
    bool first = true;
    rh_buf_char(out, '{');
    yyjson_obj_foreach (root, i, max, key, value) {
        struct rh_text name = rh_json_text(key);
        if (value == meta || !kept(s, type, name))
            continue;
        rh_buf_str(out, first ? "" : ",");
        rh_buf_json(out, name);
        rh_buf_char(out, ':');
        rh_json_write(out, value);
        first = false;
        if (rh_text_is(name, "id"))
            write_meta(meta, out);
    }
    rh_buf_char(out, '}');
}
