/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/snapshot_int.h"

static const struct rh_text none = {"", 0};

struct segments {
    struct rh_text name[RH_SNAPSHOT_DEPTH_MAX], slice[RH_SNAPSHOT_DEPTH_MAX];
    unsigned n;
};

/* "Observation.component:a.code" -> names and slices. False: too deep, or an empty segment. */
static bool split(struct rh_text t, struct segments *ret)
{
    struct rh_text part;
    ret->n = 0;
    while (rh_text_split(&t, '.', &part)) {
        struct rh_text rest = part, name;
        if (ret->n == RH_SNAPSHOT_DEPTH_MAX || !rh_text_split(&rest, ':', &name) || !name.len)
            return false;
        ret->name[ret->n] = name;
        ret->slice[ret->n++] = rest.data ? rest : none;
    }
    return ret->n > 0;
}

struct rh_snap_node *rh_snap_child(const struct rh_snap_node *n, struct rh_text name)
{
    for (struct rh_snap_node *k = n->children; k; k = k->next)
        if (rh_text_eq(k->name, name))
            return k;
    return NULL;
}

struct rh_snap_node *rh_snap_slice(const struct rh_snap_node *n, struct rh_text slice)
{
    for (struct rh_snap_node *k = n->slices; k; k = k->next)
        if (rh_text_eq(k->slice, slice))
            return k;
    return NULL;
}

enum rh_rc rh_snap_add(struct rh_snap *s, struct rh_snap_node *up, struct rh_text name,
                       struct rh_text slice, struct rh_snap_node **ret)
{
    if (s->nodes++ == RH_SNAPSHOT_NODES_MAX)
        return rh_issue_add(s->c->issues, RH_TOOLARGE, NULL,
                            "Profile %.*s would have more than %d elements.", RH_TEXT_ARG(s->url),
                            RH_SNAPSHOT_NODES_MAX);
    struct rh_snap_node *n = rh_arena_zero(s->c->arena, sizeof *n);
    if (!n)
        return RH_NOMEM;
    n->name = name;
    n->slice = slice;
    n->up = up;
    if (up) {
        struct rh_snap_node **at = slice.len ? &up->slices : &up->children;
        while (*at)
            at = &(*at)->next;
        *at = n;
    }
    *ret = n;
    return RH_OK;
}

static enum rh_rc child_of(struct rh_snap *s, struct rh_snap_node *up, struct rh_text name,
                           struct rh_text slice, struct rh_snap_node **ret)
{
    struct rh_snap_node *n = rh_snap_child(up, name);
    enum rh_rc rc = n ? RH_OK : rh_snap_add(s, up, name, none, &n);
    if (!rc && slice.len) {
        struct rh_snap_node *cut = rh_snap_slice(n, slice);
        rc = cut ? RH_OK : rh_snap_add(s, n, name, slice, &cut);
        n = cut;
    }
    *ret = n;
    return rc;
}

/* Where an element stands: by its id where that fits its path, else below the last elements whose
 * paths it goes on from. */
static enum rh_rc place(struct rh_snap *s, yyjson_val *element, struct rh_snap_node **open,
                        struct rh_snap_node **ret)
{
    struct segments path, id;
    struct rh_text slice = rh_json_get(element, "sliceName");
    if (!split(rh_json_get(element, "path"), &path))
        return rh_issue_add(s->c->issues, RH_VALUE, NULL,
                            "Profile %.*s: an element's path is missing, malformed or deeper than "
                            "%d names: \"%.*s\".",
                            RH_TEXT_ARG(s->url), RH_SNAPSHOT_DEPTH_MAX,
                            RH_TEXT_ARG(rh_json_get(element, "path")));
    bool by_id = split(rh_json_get(element, "id"), &id) && id.n == path.n;
    const struct segments *way = by_id ? &id : &path;
    struct rh_snap_node *n = open[0];
    if (!rh_text_eq(way->name[0], n->name))
        return rh_issue_add(s->c->issues, RH_VALUE, NULL,
                            "Profile %.*s: the element %.*s does not begin with %.*s.",
                            RH_TEXT_ARG(s->url), RH_TEXT_ARG(rh_json_get(element, "path")),
                            RH_TEXT_ARG(n->name));
    for (unsigned i = 1; i < way->n; i++) {
        bool last = i + 1 == way->n;
        struct rh_text cut = last && slice.len ? slice : way->slice[i];
        if (!by_id && !last && open[i] && rh_text_eq(open[i]->name, way->name[i])) {
            n = open[i];
            continue;
        }
        enum rh_rc rc = child_of(s, n, way->name[i], cut, &n);
        if (rc)
            return rc;
        open[i] = n;
        if (i + 1 < RH_SNAPSHOT_DEPTH_MAX)
            open[i + 1] = NULL;
    }
    *ret = n;
    return RH_OK;
}

enum rh_rc rh_snap_tree(struct rh_snap *s, yyjson_val *elements, struct rh_snap_node **ret)
{
    struct rh_snap_node *open[RH_SNAPSHOT_DEPTH_MAX] = {NULL}, *n = NULL;
    struct rh_text first = rh_json_get(yyjson_arr_get_first(elements), "path"), root;
    yyjson_arr_iter it = yyjson_arr_iter_with(elements);
    yyjson_val *element;
    if (!first.len || !rh_text_split(&first, '.', &root))
        return rh_issue_add(s->c->issues, RH_VALUE, NULL,
                            "Profile %.*s: its first element has no path.", RH_TEXT_ARG(s->url));
    enum rh_rc rc = rh_snap_add(s, NULL, root, none, &open[0]);
    while (!rc && (element = yyjson_arr_iter_next(&it))) {
        rc = place(s, element, open, &n);
        if (!rc && !n->element)
            n->element = element;
    }
    *ret = open[0];
    return rc;
}

enum rh_rc rh_snap_change(struct rh_snap *s, struct rh_snap_node *n, yyjson_val *element)
{
    struct rh_snap_change *change = rh_arena_alloc(s->c->arena, sizeof *change);
    struct rh_snap_change **at = &n->changes;
    if (!change)
        return RH_NOMEM;
    while (*at)
        at = &(*at)->next;
    *change = (struct rh_snap_change){element, NULL};
    *at = change;
    return RH_OK;
}

enum rh_rc rh_snap_change_all(struct rh_snap *s, struct rh_snap_node *n,
                              const struct rh_snap_change *changes)
{
    enum rh_rc rc = RH_OK;
    for (; changes && !rc; changes = changes->next)
        rc = rh_snap_change(s, n, changes->element);
    return rc;
}

static enum rh_rc copy_list(struct rh_snap *s, const struct rh_snap_node *first,
                            struct rh_snap_node *to, bool changed)
{
    for (const struct rh_snap_node *k = first; k; k = k->next) {
        struct rh_snap_node *n;
        if (k->new_slice && !changed)
            continue;
        enum rh_rc rc = rh_snap_add(s, to, k->name, k->slice, &n);
        if (rc)
            return rc;
        n->element = k->element;
        n->types = k->types;
        if (changed) {
            n->only_type = k->only_type;
            n->closed = k->closed;
            n->new_slice = k->new_slice;
            rc = rh_snap_change_all(s, n, k->changes);
        }
        if (!rc)
            rc = rh_snap_copy_children(s, k, n, changed);
        if (!rc)
            rc = copy_list(s, k->slices, n, changed);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_snap_copy_children(struct rh_snap *s, const struct rh_snap_node *from,
                                 struct rh_snap_node *to, bool changed)
{
    if (from->grown && !changed)
        return RH_OK;
    to->grown |= from->grown;
    return copy_list(s, from->children, to, changed);
}

void rh_snap_path(const struct rh_snap_node *n, bool slices, struct rh_buf *b)
{
    /* A slice hangs below what it slices: two nodes, one segment. */
    const struct rh_snap_node *up = n->slice.len ? n->up->up : n->up;
    if (up) {
        rh_snap_path(up, slices, b);
        rh_buf_char(b, '.');
    }
    rh_buf_text(b, n->name);
    if (slices && n->slice.len) {
        rh_buf_char(b, ':');
        rh_buf_text(b, n->slice);
    }
}
