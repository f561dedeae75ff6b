/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each operation comes down to one thing: the element `name` of one object gets a new list of
 * values. So an operation is: evaluate the path, find in which object its result stands, make the
 * new list, write the resource anew with it. Two arenas take turns for that, since a later path is
 * evaluated on what the earlier operations made. */
#include "conformance/fhirpath_patch_int.h"
#include "fhir/primitive.h"
#include "fhirpath/fhirpath.h"

#include <stdio.h>

/* Where an element stands: in `object`, of type `type`, as the values of `element`. */
struct spot {
    yyjson_val *object;
    const struct rh_type *type;
    const struct rh_element *element;
    size_t index; /* of the value that was looked for */
};

struct list {
    struct rh_patch_item *items;
    size_t count;
};

/* ---- finding --------------------------------------------------------------------------------- */

/* The type of an object that is the value of an element of type `t`. */
static const struct rh_type *type_of(const struct rh_type *t, yyjson_val *object)
{
    struct rh_text name = yyjson_is_obj(object) ? rh_json_get(object, "resourceType") : RH_TEXT("");
    if (t && t->kind == RH_KIND_ABSTRACT && name.len)
        return rh_type_find(name);
    return t;
}

static bool search(yyjson_val *object, const struct rh_type *type, yyjson_val *target,
                   unsigned depth, struct spot *ret);

static bool search_value(yyjson_val *object, const struct rh_type *type, const struct rh_element *e,
                         bool more, yyjson_val *v, size_t index, yyjson_val *target, unsigned depth,
                         struct spot *ret)
{
    if (v == target) {
        *ret = (struct spot){object, type, e, index};
        return true;
    }
    return yyjson_is_obj(v) &&
           search(v, more ? rh_type_find(RH_TEXT("Element")) : type_of(e->type, v), target, depth,
                  ret);
}

/* Where in the object, or in what it holds, `target` stands. */
static bool search(yyjson_val *object, const struct rh_type *type, yyjson_val *target,
                   unsigned depth, struct spot *ret)
{
    size_t i, n, k, count;
    yyjson_val *key, *v, *item;
    if (!type || depth > RH_JSON_DEPTH_MAX)
        return false;
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        bool more = name.len && name.data[0] == '_';
        const struct rh_element *e =
            rh_element_find(type, more ? (struct rh_text){name.data + 1, name.len - 1} : name);
        if (!e)
            continue;
        if (!yyjson_is_arr(v)) {
            if (search_value(object, type, e, more, v, 0, target, depth + 1, ret))
                return true;
            continue;
        }
        yyjson_arr_foreach (v, k, count, item)
            if (search_value(object, type, e, more, item, k, target, depth + 1, ret))
                return true;
    }
    return false;
}

/* Evaluates the path of the operation. */
static enum rh_rc evaluate(struct rh_patch *p, struct rh_fp_list *ret)
{
    struct rh_fp *fp;
    struct rh_fp_input in = {.focus = rh_fp_resource(p->resource, false), .resource = p->resource};
    struct rh_issues said;
    rh_issues_init(&said, p->work.arena);
    p->work.issues = &said;
    enum rh_rc rc = rh_fp_compile(&p->work, p->work.arena, p->op->path, &fp);
    if (rc == RH_OK)
        rc = rh_fp_eval(&p->work, fp, &in, ret);
    p->c->steps = p->work.steps = p->work.steps ? p->work.steps : 1; /* 0 would begin anew */
    if (rc)
        return rh_patch_refuse(p, rc == RH_SYNTAX ? RH_INVALID : rc, RH_PATCH_PATH,
                               "the path cannot be used: %s",
                               said.count ? said.rows[0].text : rh_rc_text(rc));
    return RH_OK;
}

static enum rh_rc spot_of(const struct rh_patch *p, const struct rh_fp_item *i, struct spot *ret)
{
    yyjson_val *target = i->kind != RH_FP_NODE ? NULL
                         : i->node.value       ? i->node.value
                                               : i->node.extra;
    if (target && search(p->resource, type_of(rh_type_find(RH_TEXT("Resource")), p->resource),
                         target, 0, ret))
        return RH_OK;
    return rh_patch_refuse(p, RH_VALUE, RH_PATCH_PATH,
                           target == p->resource && target
                               ? "the path is the whole resource; it must be an element of it"
                               : "the path gives something that is no element of the resource");
}

/* The one element of the path. RH_NOTFOUND without issue: nothing there. */
static enum rh_rc find_one(struct rh_patch *p, struct rh_fp_item *ret)
{
    struct rh_fp_list found = {0};
    enum rh_rc rc = evaluate(p, &found);
    if (rc)
        return rc;
    if (found.count == 0)
        return RH_NOTFOUND;
    if (found.count > 1)
        return rh_patch_refuse(
            p, RH_VALUE, RH_PATCH_PATH,
            "the path gives %zu elements, but \"%s\" works on one: add an index, "
            "such as [0], or a condition",
            found.count, rh_patch_kinds[p->op->kind]);
    *ret = found.items[0];
    return RH_OK;
}

static enum rh_rc nothing_there(const struct rh_patch *p)
{
    return rh_patch_refuse(p, RH_VALUE, RH_PATCH_PATH,
                           "there is nothing at \"%.*s\" in the resource",
                           RH_TEXT_ARG(p->op->path));
}

/* ---- lists of values ------------------------------------------------------------------------- */

/* The values of an element as they stand, with room for one more. */
static enum rh_rc list_of(const struct rh_patch *p, yyjson_val *object, const struct rh_element *e,
                          struct list *ret)
{
    char more_name[160];
    snprintf(more_name, sizeof more_name, "_%s", e->name);
    yyjson_val *v = yyjson_obj_get(object, e->name), *m = yyjson_obj_get(object, more_name);
    size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : v != NULL;
    size_t k = yyjson_is_arr(m) ? yyjson_arr_size(m) : m != NULL;
    size_t count = n > k ? n : k;
    ret->items = rh_arena_zero(p->work.arena, (count + 1) * sizeof *ret->items);
    ret->count = count;
    if (!ret->items)
        return RH_NOMEM;
    yyjson_arr_iter iv, im;
    (void)yyjson_arr_iter_init(v, &iv);
    (void)yyjson_arr_iter_init(m, &im);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *one = yyjson_is_arr(v) ? yyjson_arr_iter_next(&iv) : i < n ? v : NULL;
        yyjson_val *other = yyjson_is_arr(m) ? yyjson_arr_iter_next(&im) : i < k ? m : NULL;
        ret->items[i].value = yyjson_is_null(one) ? NULL : one;
        ret->items[i].more = yyjson_is_null(other) ? NULL : other;
    }
    return RH_OK;
}

static void insert(struct list *l, size_t at, struct rh_patch_item item)
{
    memmove(&l->items[at + 1], &l->items[at], (l->count - at) * sizeof *l->items);
    l->items[at] = item;
    l->count++;
}

static struct rh_patch_item take(struct list *l, size_t at)
{
    struct rh_patch_item item = l->items[at];
    l->count--;
    memmove(&l->items[at], &l->items[at + 1], (l->count - at) * sizeof *l->items);
    return item;
}

/* ---- values of the patch for their place ------------------------------------------------------
 */

/* The element of this name; of a choice ("value") the one for the type that is offered. */
static const struct rh_element *element_for(const struct rh_type *t, struct rh_text name,
                                            const struct rh_patch_offer *o)
{
    const struct rh_element *e = rh_element_find(t, name);
    for (unsigned i = 0; !e && i < t->count; i++)
        if (t->elements[i].choice && rh_text_is(name, t->elements[i].base) &&
            (!o || t->elements[i].type == o->type))
            e = &t->elements[i];
    return e;
}

static bool same_form(const struct rh_type *want, const struct rh_type *got)
{
    if (want == got)
        return true;
    if (!got || want->kind != RH_KIND_PRIMITIVE || got->kind != RH_KIND_PRIMITIVE)
        return false;
    return rh_primitive_json((enum rh_primitive)want->primitive) ==
           rh_primitive_json((enum rh_primitive)got->primitive);
}

static enum rh_rc item_of(const struct rh_patch *p, const struct rh_element *e,
                          const struct rh_patch_offer *o, unsigned depth,
                          struct rh_patch_item *ret);

static void emit_separator(struct rh_buf *out)
{
    if (out->len && out->data[out->len - 1] != '{')
        rh_buf_char(out, ',');
}

static bool has(const struct list *l, bool more)
{
    for (size_t i = 0; i < l->count; i++)
        if (more ? l->items[i].more : l->items[i].value)
            return true;
    return false;
}

/* Appends "name" and "_name" to an object, as many as are needed for the list. */
static void emit_element(const struct rh_element *e, const struct list *l, struct rh_buf *out)
{
    for (int more = 0; more < 2; more++) {
        if (!has(l, more))
            continue;
        emit_separator(out);
        rh_buf_printf(out, "\"%s%s\":", more ? "_" : "", e->name);
        rh_buf_str(out, e->many ? "[" : "");
        for (size_t i = 0; i < l->count; i++) {
            yyjson_val *v = more ? l->items[i].more : l->items[i].value;
            rh_buf_str(out, i ? "," : "");
            if (v)
                rh_json_write(out, v);
            else
                rh_buf_str(out, "null");
        }
        rh_buf_str(out, e->many ? "]" : "");
    }
}

/* All parts from `at` on that have the name of that one, as values of `e`. */
static enum rh_rc collect(const struct rh_patch *p, const struct rh_element *e,
                          yyjson_val *parts_of, size_t at, unsigned depth, struct list *ret)
{
    struct rh_text name = rh_json_get(yyjson_arr_get(parts_of, at), "name");
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (parts_of, i, n, v) {
        struct rh_patch_offer o;
        if (i < at || !rh_text_eq(rh_json_get(v, "name"), name))
            continue;
        if (ret->count && !e->many)
            return rh_patch_refuse(p, RH_VALUE, RH_PATCH_VALUE, "there may be only one %s",
                                   e->name);
        enum rh_rc rc = rh_patch_offer(p, RH_PATCH_VALUE, v, &o);
        if (rc == RH_OK)
            rc = item_of(p, e, &o, depth, &ret->items[ret->count]);
        if (rc)
            return rc;
        ret->count++;
    }
    return RH_OK;
}

/* Appends the object that parts describe, each a child by its name. */
static enum rh_rc build(const struct rh_patch *p, const struct rh_type *type, yyjson_val *parts_of,
                        unsigned depth, struct rh_buf *out)
{
    const struct rh_element *seen[RH_PATCH_PARTS_MAX];
    size_t i, n, n_seen = 0;
    yyjson_val *v;
    if (depth > RH_JSON_DEPTH_MAX || yyjson_arr_size(parts_of) > RH_PATCH_PARTS_MAX)
        return rh_patch_refuse(p, RH_INVALID, RH_PATCH_VALUE,
                               "the parts are too many or nested too deeply");
    struct list l = {
        .items = rh_arena_zero(p->work.arena, (yyjson_arr_size(parts_of) + 1) * sizeof *l.items)};
    if (!l.items)
        return RH_NOMEM;
    rh_buf_char(out, '{');
    yyjson_arr_foreach (parts_of, i, n, v) {
        struct rh_patch_offer o;
        struct rh_text name = yyjson_is_obj(v) ? rh_json_get(v, "name") : RH_TEXT("");
        enum rh_rc rc = yyjson_is_obj(v) ? rh_patch_offer(p, RH_PATCH_VALUE, v, &o) : RH_OK;
        if (rc)
            return rc;
        const struct rh_element *e = name.len ? element_for(type, name, &o) : NULL;
        if (!e)
            return rh_patch_refuse(
                p, RH_VALUE, RH_PATCH_VALUE, "%s has no element \"%.*s\" of this type", type->name,
                (int)(name.len < 60 ? name.len : 60), name.data ? name.data : "");
        size_t k = 0;
        while (k < n_seen && seen[k] != e)
            k++;
        if (k < n_seen)
            continue;
        seen[n_seen++] = e;
        l.count = 0;
        rc = collect(p, e, parts_of, i, depth, &l);
        if (rc)
            return rc;
        emit_element(e, &l, out);
    }
    rh_buf_char(out, '}');
    return out->rc;
}

/* What is offered, as a value of `e`. */
static enum rh_rc item_of(const struct rh_patch *p, const struct rh_element *e,
                          const struct rh_patch_offer *o, unsigned depth, struct rh_patch_item *ret)
{
    *ret = o->item;
    if (o->type && !same_form(e->type, o->type))
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_VALUE, "the value is a %s; %s must be a %s",
                               o->type->name, e->name, e->type->name);
    if (o->type && !ret->value && !ret->more)
        return rh_patch_refuse(p, RH_INVALID, RH_PATCH_VALUE, "the value is empty");
    if (o->type)
        return RH_OK;
    if (e->type->kind == RH_KIND_PRIMITIVE)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_VALUE, "%s must be a %s, not parts", e->name,
                               e->type->name);
    struct rh_buf b = rh_buf(p->work.arena);
    yyjson_doc *doc;
    enum rh_rc rc = build(p, e->type, o->parts, depth + 1, &b);
    if (rc == RH_OK)
        rc = rh_json_parse(p->work.arena, p->c->issues, rh_buf_get(&b), &doc);
    if (rc == RH_OK)
        ret->value = yyjson_doc_get_root(doc);
    return rc;
}

/* ---- writing anew ---------------------------------------------------------------------------- */

struct rewrite {
    const struct spot *spot;
    const struct rh_element *as; /* the element's name from now on */
    const struct list *list;
};

static bool rewrite(const struct rewrite *r, yyjson_val *v, bool more, unsigned depth,
                    struct rh_buf *out);

static bool is_of(struct rh_text key, const struct rh_element *e)
{
    return rh_text_is(key, e->name) ||
           (key.len && key.data[0] == '_' &&
            rh_text_is((struct rh_text){key.data + 1, key.len - 1}, e->name));
}

static void rewrite_members(const struct rewrite *r, yyjson_val *object, unsigned depth,
                            struct rh_buf *out)
{
    size_t i, n;
    yyjson_val *key, *v;
    bool here = object == r->spot->object, done = !here;
    rh_buf_char(out, '{');
    yyjson_obj_foreach (object, i, n, key, v) {
        size_t before = out->len;
        if (here && is_of(rh_json_text(key), r->spot->element)) {
            if (!done)
                emit_element(r->as, r->list, out);
            done = true;
            continue;
        }
        emit_separator(out);
        rh_json_write(out, key);
        rh_buf_char(out, ':');
        if (!rewrite(r, v, *yyjson_get_str(key) == '_', depth + 1, out))
            out->len = before;
    }
    if (!done)
        emit_element(r->as, r->list, out);
    rh_buf_char(out, '}');
}

/* `more`: of a "_name", whose items keep their places beside those of "name". */
static void rewrite_items(const struct rewrite *r, yyjson_val *array, bool more, unsigned depth,
                          struct rh_buf *out)
{
    size_t i, n, start = out->len;
    yyjson_val *v;
    bool something = !more;
    rh_buf_char(out, '[');
    yyjson_arr_foreach (array, i, n, v) {
        size_t before = out->len;
        if (before > start + 1)
            rh_buf_char(out, ',');
        bool stays = rewrite(r, v, false, depth + 1, out);
        something |= stays && !yyjson_is_null(v);
        if (!stays)
            out->len = before;
        if (!stays && more)
            rh_buf_str(out, before > start + 1 ? ",null" : "null");
    }
    if (!something)
        out->len = start + 1;
    rh_buf_char(out, ']');
}

/* Appends the value with the new list in its place. An object or array that this left empty is not
 * there any more (false): FHIR has none. */
static bool rewrite(const struct rewrite *r, yyjson_val *v, bool more, unsigned depth,
                    struct rh_buf *out)
{
    size_t before = out->len;
    if (yyjson_is_obj(v) && yyjson_obj_size(v))
        rewrite_members(r, v, depth, out);
    else if (yyjson_is_arr(v) && yyjson_arr_size(v))
        rewrite_items(r, v, more, depth, out);
    else
        rh_json_write(out, v);
    if (!yyjson_is_ctn(v) || out->len > before + 2 || depth == 0)
        return true;
    return yyjson_is_obj(v) ? yyjson_obj_size(v) == 0 : yyjson_arr_size(v) == 0;
}

/* ---- the operations -------------------------------------------------------------------------- */

/* Adds the value of the operation to the element of `object` that it names: the new list. */
static enum rh_rc add_to(struct rh_patch *p, struct spot *s, struct list *l)
{
    const struct rh_patch_operation *op = p->op;
    int shown = op->name.len < 60 ? (int)op->name.len : 60;
    struct rh_patch_item item;
    s->element = element_for(s->type, op->name, &op->value);
    if (!s->element)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_NAME, "%s has no element \"%.*s\"%s",
                               s->type->name, shown, op->name.data,
                               element_for(s->type, op->name, NULL) ? " of the type of this value"
                                                                    : "");
    for (unsigned i = 0; i < s->type->count; i++) {
        const struct rh_element *e = &s->type->elements[i];
        if (e->order != s->element->order || e->many)
            continue;
        enum rh_rc rc = list_of(p, s->object, e, l);
        if (rc)
            return rc;
        if (l->count)
            return rh_patch_refuse(p, RH_VALUE, RH_PATCH_NAME,
                                   "there is a %s already; use \"replace\"", e->name);
    }
    enum rh_rc rc = list_of(p, s->object, s->element, l);
    if (rc == RH_OK)
        rc = item_of(p, s->element, &op->value, 0, &item);
    if (rc == RH_OK)
        insert(l, l->count, item);
    return rc;
}

/* A primitive holds its id and extensions in an object of its own, which may have to be made. */
static enum rh_rc add_to_primitive(struct rh_patch *p, struct spot *s, struct list *l)
{
    struct list inner = {0};
    struct rh_buf b = rh_buf(p->work.arena);
    yyjson_doc *doc;
    enum rh_rc rc = list_of(p, s->object, s->element, l);
    if (rc)
        return rc;
    struct spot in = {.object = l->items[s->index].more, .type = rh_type_find(RH_TEXT("Element"))};
    rc = add_to(p, &in, &inner);
    if (rc)
        return rc;
    struct rewrite r = {.spot = &in, .as = in.element, .list = &inner};
    if (in.object) {
        (void)rewrite(&r, in.object, false, 0, &b);
    } else {
        rh_buf_char(&b, '{');
        emit_element(in.element, &inner, &b);
        rh_buf_char(&b, '}');
    }
    rc = b.rc ? b.rc : rh_json_parse(p->work.arena, p->c->issues, rh_buf_get(&b), &doc);
    if (rc == RH_OK)
        l->items[s->index].more = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc do_add(struct rh_patch *p, struct spot *s, struct list *l)
{
    struct rh_fp_item at;
    enum rh_rc rc = find_one(p, &at);
    if (rc)
        return rc == RH_NOTFOUND ? nothing_there(p) : rc;
    yyjson_val *object = at.kind == RH_FP_NODE ? at.node.value : NULL;
    if (object != p->resource) {
        rc = spot_of(p, &at, s);
        if (rc)
            return rc;
        if (s->element->type->kind == RH_KIND_PRIMITIVE)
            return add_to_primitive(p, s, l);
        s->type = type_of(s->element->type, object);
    } else {
        s->type = type_of(rh_type_find(RH_TEXT("Resource")), object);
    }
    s->object = object;
    if (!yyjson_is_obj(object) || !s->type)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_PATH,
                               "only an element that has elements of its own can be added to");
    return add_to(p, s, l);
}

/* The list that all elements of the path are values of. */
static enum rh_rc find_list(struct rh_patch *p, struct spot *s, struct list *l)
{
    struct rh_fp_list found = {0};
    enum rh_rc rc = evaluate(p, &found);
    if (rc)
        return rc;
    if (found.count == 0)
        return nothing_there(p);
    rc = spot_of(p, &found.items[0], s);
    if (rc)
        return rc;
    rc = list_of(p, s->object, s->element, l);
    if (rc)
        return rc;
    if (!s->element->many)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_PATH, "%s is no list", s->element->name);
    bool same = found.count == l->count;
    for (size_t i = 0; same && i < found.count; i++) {
        const struct rh_fp_item *f = &found.items[i];
        same = f->kind == RH_FP_NODE && ((f->node.value && f->node.value == l->items[i].value) ||
                                         (f->node.extra && f->node.extra == l->items[i].more));
    }
    return same ? RH_OK
                : rh_patch_refuse(
                      p, RH_VALUE, RH_PATCH_PATH,
                      "the path must give one whole list, such as Patient.name; it gives %zu "
                      "elements of other places",
                      found.count);
}

static enum rh_rc do_insert(struct rh_patch *p, struct spot *s, struct list *l)
{
    struct rh_patch_item item;
    enum rh_rc rc = find_list(p, s, l);
    if (rc)
        return rc;
    if (p->op->index > l->count)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_INDEX,
                               "the index %zu is beyond the %zu elements of the list", p->op->index,
                               l->count);
    rc = item_of(p, s->element, &p->op->value, 0, &item);
    if (rc == RH_OK)
        insert(l, p->op->index, item);
    return rc;
}

static enum rh_rc do_move(struct rh_patch *p, struct spot *s, struct list *l)
{
    enum rh_rc rc = find_list(p, s, l);
    if (rc)
        return rc;
    if (p->op->source >= l->count)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_SOURCE,
                               "the list has %zu elements: there is no [%zu]", l->count,
                               p->op->source);
    if (p->op->destination >= l->count)
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_DESTINATION,
                               "the list has %zu elements: there is no [%zu]", l->count,
                               p->op->destination);
    insert(l, p->op->destination, take(l, p->op->source));
    return RH_OK;
}

static enum rh_rc find_spot(struct rh_patch *p, struct spot *s, struct list *l)
{
    struct rh_fp_item at;
    enum rh_rc rc = find_one(p, &at);
    if (rc == RH_OK)
        rc = spot_of(p, &at, s);
    return rc ? rc : list_of(p, s->object, s->element, l);
}

static enum rh_rc do_delete(struct rh_patch *p, struct spot *s, struct list *l)
{
    enum rh_rc rc = find_spot(p, s, l);
    if (rc == RH_OK)
        (void)take(l, s->index);
    return rc; /* RH_NOTFOUND: "if found" */
}

/* A choice may get another type, and with it another name. */
static enum rh_rc do_replace(struct rh_patch *p, struct spot *s, struct list *l,
                             const struct rh_element **ret_new)
{
    enum rh_rc rc = find_spot(p, s, l);
    if (rc)
        return rc == RH_NOTFOUND ? nothing_there(p) : rc;
    const struct rh_element *e = NULL;
    if (s->element->choice && p->op->value.type)
        e = element_for(s->type, rh_text(s->element->base), &p->op->value);
    *ret_new = e ? e : s->element;
    return item_of(p, *ret_new, &p->op->value, 0, &l->items[s->index]);
}

static enum rh_rc apply(struct rh_patch *p, struct rh_buf *out)
{
    struct spot s = {0};
    struct list l = {0};
    const struct rh_element *as = NULL;
    enum rh_rc rc = RH_OK;
    switch (p->op->kind) {
    case RH_PATCH_ADD:
        rc = do_add(p, &s, &l);
        break;
    case RH_PATCH_INSERT:
        rc = do_insert(p, &s, &l);
        break;
    case RH_PATCH_DELETE:
        rc = do_delete(p, &s, &l);
        break;
    case RH_PATCH_REPLACE:
        rc = do_replace(p, &s, &l, &as);
        break;
    default:
        rc = do_move(p, &s, &l);
    }
    if (rc == RH_NOTFOUND) { /* nothing to delete */
        rh_json_write(out, p->resource);
        return out->rc;
    }
    if (rc)
        return rc;
    struct rewrite r = {.spot = &s, .as = as ? as : s.element, .list = &l};
    (void)rewrite(&r, p->resource, false, 0, out);
    return out->rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool same_text(yyjson_val *a, yyjson_val *b, const char *name)
{
    return rh_text_eq(rh_json_get(a, name), rh_json_get(b, name));
}

/* One operation: from p->resource to a new one in `next`. */
static enum rh_rc step(struct rh_patch *p, yyjson_val *parameter, size_t number,
                       struct rh_arena *next, size_t *work)
{
    struct rh_patch_operation op = {.number = number};
    yyjson_doc *doc;
    struct rh_buf text = rh_buf(next);
    enum rh_rc rc = rh_patch_read(p, parameter, &op);
    if (rc == RH_OK)
        rc = apply(p, &text);
    *work += text.len;
    if (rc == RH_OK && *work > RH_FHIRPATH_PATCH_BYTES_MAX)
        rc = rh_patch_refuse(p, RH_TOOLARGE, -1,
                             "the patch has too many operations for a resource of %zu bytes: send "
                             "it in parts",
                             text.len);
    if (rc == RH_OK)
        rc = rh_json_parse(next, p->c->issues, rh_buf_get(&text), &doc);
    if (rc)
        return rc;
    yyjson_val *made = yyjson_doc_get_root(doc);
    if (!same_text(p->resource, made, "resourceType") || !same_text(p->resource, made, "id"))
        return rh_patch_refuse(p, RH_VALUE, RH_PATCH_PATH,
                               "a patch may change neither the id nor the type");
    p->resource = made;
    return RH_OK;
}

static enum rh_rc run(struct rh_patch *p, yyjson_val *operations, struct rh_arena *const arenas[2])
{
    size_t i, n, work = 0;
    yyjson_val *v;
    yyjson_arr_foreach (operations, i, n, v) {
        struct rh_arena *next = arenas[i & 1];
        p->work.arena = next; /* holds nothing that is still needed */
        rh_arena_reset(next);
        enum rh_rc rc = step(p, v, i, next, &work);
        if (rc)
            return rc;
    }
    return RH_OK;
}

enum rh_rc rh_fhirpath_patch(struct rh_ctx *c, yyjson_val *resource, yyjson_val *parameters,
                             struct rh_buf *out)
{
    struct rh_patch p = {.c = c, .work = *c, .resource = resource};
    yyjson_val *operations =
        yyjson_is_obj(parameters) ? yyjson_obj_get(parameters, "parameter") : NULL;
    if (!yyjson_is_obj(parameters) ||
        !rh_text_is(rh_json_get(parameters, "resourceType"), "Parameters") ||
        (operations && !yyjson_is_arr(operations)))
        return rh_patch_refuse(&p, RH_INVALID, -1,
                               "a FHIRPath Patch must be a Parameters resource");
    if (yyjson_arr_size(operations) > RH_PATCH_OPERATIONS_MAX)
        return rh_patch_refuse(&p, RH_INVALID, -1, "a patch may have at most %d operations",
                               RH_PATCH_OPERATIONS_MAX);
    struct rh_arena *arenas[2] = {rh_arena_open(RH_PATCH_WORK_BYTES_MAX),
                                  rh_arena_open(RH_PATCH_WORK_BYTES_MAX)};
    enum rh_rc rc = run(&p, operations, arenas);
    if (rc == RH_OK) {
        rh_json_write(out, p.resource);
        rc = out->rc;
    } else if (rc == RH_NOMEM) {
        rh_issue_add(c->issues, rc, NULL, "the patch needs more memory than a request may have");
    }
    rh_arena_close(arenas[0]);
    rh_arena_close(arenas[1]);
    return rc;
}
