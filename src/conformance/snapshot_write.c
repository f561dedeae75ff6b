/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/snapshot_int.h"

enum { LISTS_MAX = 8 }; /* changes to one list of one element */

/* A member of the ElementDefinition that is being written. A list that grows has more than one
 * value: what the base has and what changes add. */
struct member {
    struct rh_text key;
    yyjson_val *value[LISTS_MAX];
    unsigned n;
};

struct members {
    struct rh_arena *arena;
    struct member *row;
    size_t n, cap;
};

/* Lists to which a differential adds (ElementDefinition, "rules" of each element). */
static bool grows(struct rh_text key)
{
    return rh_text_is(key, "constraint") || rh_text_is(key, "condition") ||
           rh_text_is(key, "mapping") || rh_text_is(key, "alias") || rh_text_is(key, "extension");
}

/* "fixed", "pattern" of fixedCode, patternCoding: a value of another type takes their place. */
static size_t stem(struct rh_text key)
{
    size_t n = rh_text_starts(key, "fixed") ? 5 : rh_text_starts(key, "pattern") ? 7 : 0;
    return n && key.len > n && key.data[n] >= 'A' && key.data[n] <= 'Z' ? n : 0;
}

static struct member *find(struct members *m, struct rh_text key)
{
    size_t n = stem(key);
    for (size_t i = 0; i < m->n; i++) {
        struct rh_text there = m->row[i].key;
        if (rh_text_eq(there, key) ||
            (n && stem(there) == n && memcmp(there.data, key.data, n) == 0))
            return &m->row[i];
    }
    return NULL;
}

static enum rh_rc put(struct members *m, struct rh_text key, yyjson_val *value, bool change)
{
    struct member *there = find(m, key);
    if (!there) {
        void *room = rh_arena_grow(m->arena, m->row, &m->cap, m->n + 1, sizeof *m->row);
        if (!room)
            return RH_NOMEM;
        m->row = room;
        there = &m->row[m->n++];
        there->n = 0;
    }
    there->key = key;
    if (!change || !grows(key) || there->n == LISTS_MAX)
        there->n = 0;
    there->value[there->n++] = value;
    return RH_OK;
}

static enum rh_rc put_all(struct members *m, yyjson_val *element, const struct rh_snap_node *n,
                          bool change)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(element);
    yyjson_val *k;
    enum rh_rc rc = RH_OK;
    while (!rc && (k = yyjson_obj_iter_next(&it))) {
        struct rh_text key = rh_json_text(k);
        if (rh_text_is(key, "id") || rh_text_is(key, "path") || rh_text_is(key, "sliceName"))
            continue;
        if (n->types && rh_text_is(key, "contentReference"))
            continue;
        if (change && rh_text_is(key, "base"))
            continue;
        rc = put(m, key, yyjson_obj_iter_get_val(k), change);
    }
    return rc;
}

/* What tells an item of a growing list from others: the key of a constraint, the url of an
 * extension. */
static struct rh_text name_of(struct rh_text list, yyjson_val *item)
{
    if (rh_text_is(list, "constraint"))
        return rh_json_get(item, "key");
    if (rh_text_is(list, "extension"))
        return rh_json_get(item, "url");
    if (rh_text_is(list, "mapping"))
        return (struct rh_text){NULL, 0};
    return rh_json_text(item);
}

static bool said_later(const struct member *m, unsigned list, struct rh_text name)
{
    for (unsigned i = list + 1; i < m->n; i++) {
        yyjson_arr_iter it = yyjson_arr_iter_with(m->value[i]);
        yyjson_val *item;
        while ((item = yyjson_arr_iter_next(&it)))
            if (rh_text_eq(name_of(m->key, item), name))
                return true;
    }
    return false;
}

static void write_lists(const struct member *m, struct rh_buf *b)
{
    bool first = true;
    rh_buf_char(b, '[');
    for (unsigned i = 0; i < m->n; i++) {
        yyjson_arr_iter it = yyjson_arr_iter_with(m->value[i]);
        yyjson_val *item;
        while ((item = yyjson_arr_iter_next(&it))) {
            struct rh_text name = name_of(m->key, item);
            if (name.data && said_later(m, i, name))
                continue;
            if (!first)
                rh_buf_char(b, ',');
            first = false;
            rh_json_write(b, item);
        }
    }
    rh_buf_char(b, ']');
}

yyjson_val *rh_snap_types(const struct rh_snap_node *n)
{
    yyjson_val *types = n->types ? n->types : yyjson_obj_get(n->element, "type");
    for (const struct rh_snap_change *change = n->changes; change; change = change->next) {
        yyjson_val *stated = yyjson_obj_get(change->element, "type");
        types = stated ? stated : types;
    }
    return types;
}

/* The row of this type among those that hold; NULL: there is none. */
static yyjson_val *type_row(const struct rh_snap_node *n, struct rh_text code)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(rh_snap_types(n));
    yyjson_val *row;
    while ((row = yyjson_arr_iter_next(&it)))
        if (rh_text_eq(rh_json_get(row, "code"), code))
            return row;
    return NULL;
}

static void write_types(const struct rh_snap_node *n, struct rh_buf *b)
{
    yyjson_val *types = rh_snap_types(n);
    yyjson_val *row = n->only_type.len ? type_row(n, n->only_type) : NULL;
    if (!types)
        return;
    rh_buf_str(b, ",\"type\":");
    if (row && yyjson_arr_size(types) > 1) {
        rh_buf_char(b, '[');
        rh_json_write(b, row);
        rh_buf_char(b, ']');
    } else {
        rh_json_write(b, types);
    }
}

/* Slices of extensions and of choices are told apart in one way only, which need not be said. */
static const char *usual_slicing(const struct rh_snap_node *n)
{
    if (!n->slices || n->slice.len)
        return NULL;
    if (rh_text_is(n->name, "extension") || rh_text_is(n->name, "modifierExtension"))
        return "{\"discriminator\":[{\"type\":\"value\",\"path\":\"url\"}],\"ordered\":false,"
               "\"rules\":\"open\"}";
    if (rh_text_ends(n->name, "[x]") && n->closed)
        return "{\"discriminator\":[{\"type\":\"type\",\"path\":\"$this\"}],\"ordered\":false,"
               "\"rules\":\"closed\"}";
    if (rh_text_ends(n->name, "[x]"))
        return "{\"discriminator\":[{\"type\":\"type\",\"path\":\"$this\"}],\"ordered\":false,"
               "\"rules\":\"open\"}";
    return NULL;
}

/* What a slice is told itself, not what it has from what it slices. */
static bool own_says(const struct rh_snap_node *n, const char *key)
{
    return n->own && yyjson_obj_get(n->own, key);
}

static void write_members(struct members *m, const struct rh_snap_node *n, struct rh_buf *b)
{
    const char *slicing = find(m, RH_TEXT("slicing")) ? NULL : usual_slicing(n);
    if (slicing)
        rh_buf_printf(b, ",\"slicing\":%s", slicing);
    for (size_t i = 0; i < m->n; i++) {
        const struct member *row = &m->row[i];
        if (rh_text_is(row->key, "type") ||
            (n->new_slice && rh_text_is(row->key, "slicing") && !own_says(n, "slicing")))
            continue;
        rh_buf_char(b, ',');
        rh_buf_json(b, row->key);
        rh_buf_char(b, ':');
        if (rh_text_is(row->key, "min") && n->new_slice && !own_says(n, "min"))
            rh_buf_char(b, '0'); /* what must be there need not be in this slice */
        else if (row->n > 1)
            write_lists(row, b);
        else
            rh_json_write(b, row->value[0]);
    }
    write_types(n, b);
}

static void write_path(struct rh_arena *a, const struct rh_snap_node *n, bool slices,
                       struct rh_buf *b)
{
    struct rh_buf path = rh_buf(a);
    rh_snap_path(n, slices, &path);
    rh_buf_json(b, rh_buf_get(&path));
}

static void write_base(struct rh_arena *a, struct members *m, const struct rh_snap_node *n,
                       struct rh_buf *b)
{
    yyjson_val *of = n->element ? n->element : n->own;
    yyjson_val *min = yyjson_obj_get(of, "min"), *max = yyjson_obj_get(of, "max");
    if (find(m, RH_TEXT("base")) || !min || !max)
        return;
    rh_buf_str(b, ",\"base\":{\"path\":");
    write_path(a, n, false, b);
    rh_buf_str(b, ",\"min\":");
    rh_json_write(b, min);
    rh_buf_str(b, ",\"max\":");
    rh_json_write(b, max);
    rh_buf_char(b, '}');
}

static enum rh_rc write_element(struct rh_snap *s, const struct rh_snap_node *n, struct rh_buf *b)
{
    struct members m = {.arena = s->c->arena};
    enum rh_rc rc = n->element ? put_all(&m, n->element, n, false) : RH_OK;
    for (const struct rh_snap_change *change = n->changes; change && !rc; change = change->next)
        rc = put_all(&m, change->element, n, true);
    if (rc)
        return rc;
    rh_buf_str(b, n->up ? ",{\"id\":" : "{\"id\":");
    write_path(s->c->arena, n, true, b);
    rh_buf_str(b, ",\"path\":");
    write_path(s->c->arena, n, false, b);
    if (n->slice.len) {
        rh_buf_str(b, ",\"sliceName\":");
        rh_buf_json(b, n->slice);
    }
    write_members(&m, n, b);
    write_base(s->c->arena, &m, n, b);
    rh_buf_char(b, '}');
    return b->rc;
}

enum rh_rc rh_snap_write(struct rh_snap *s, const struct rh_snap_node *n, struct rh_buf *b)
{
    enum rh_rc rc = write_element(s, n, b);
    for (const struct rh_snap_node *k = n->children; k && !rc; k = k->next)
        rc = rh_snap_write(s, k, b);
    for (const struct rh_snap_node *k = n->slices; k && !rc; k = k->next)
        rc = rh_snap_write(s, k, b);
    return rc;
}
