/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/fhirpath_patch_int.h"

#include <stdarg.h>
#include <stdio.h>

const char *const rh_patch_kinds[] = {"add", "insert", "delete", "replace", "move"};
_Static_assert(sizeof rh_patch_kinds / sizeof rh_patch_kinds[0] == RH_PATCH_KINDS,
               "one name per kind");

static const char *const parts[] = {"type",  "path",   "name",       "value",
                                    "index", "source", "destination"};
_Static_assert(sizeof parts / sizeof parts[0] == RH_PATCH_PARTS, "one name per part");

static const unsigned needed[RH_PATCH_KINDS] = {
    [RH_PATCH_ADD] =
        RH_PATCH_BIT(RH_PATCH_PATH) | RH_PATCH_BIT(RH_PATCH_NAME) | RH_PATCH_BIT(RH_PATCH_VALUE),
    [RH_PATCH_INSERT] =
        RH_PATCH_BIT(RH_PATCH_PATH) | RH_PATCH_BIT(RH_PATCH_INDEX) | RH_PATCH_BIT(RH_PATCH_VALUE),
    [RH_PATCH_DELETE] = RH_PATCH_BIT(RH_PATCH_PATH),
    [RH_PATCH_REPLACE] = RH_PATCH_BIT(RH_PATCH_PATH) | RH_PATCH_BIT(RH_PATCH_VALUE),
    [RH_PATCH_MOVE] = RH_PATCH_BIT(RH_PATCH_PATH) | RH_PATCH_BIT(RH_PATCH_SOURCE) |
                      RH_PATCH_BIT(RH_PATCH_DESTINATION),
};

enum rh_rc rh_patch_refuse(const struct rh_patch *p, enum rh_rc rc, int part, const char *format,
                           ...)
{
    char place[80] = "Parameters";
    const struct rh_patch_operation *op = p->op;
    if (op && part >= 0 && op->seen & RH_PATCH_BIT(part))
        snprintf(place, sizeof place, "Parameters.parameter[%zu].part[%zu]", op->number,
                 op->place[part]);
    else if (op)
        snprintf(place, sizeof place, "Parameters.parameter[%zu]", op->number);
    va_list ap;
    va_start(ap, format);
    const char *what = p->c->issues ? rh_arena_vprintf(p->c->issues->arena, format, ap) : NULL;
    va_end(ap);
    return rh_issue_add(p->c->issues, rc, place, "%s", what ? what : rh_rc_text(rc));
}

/* ---- reading the patch ----------------------------------------------------------------------- */

/* value[x], resource or parts of a parameter. */
enum rh_rc rh_patch_offer(const struct rh_patch *p, int part, yyjson_val *parameter,
                          struct rh_patch_offer *ret)
{
    size_t i, n;
    yyjson_val *key, *v;
    *ret = (struct rh_patch_offer){.parts = yyjson_obj_get(parameter, "part")};
    yyjson_obj_foreach (parameter, i, n, key, v) {
        struct rh_text k = rh_json_text(key);
        bool more = k.len && k.data[0] == '_';
        if (rh_text_is(k, "resource")) {
            ret->type = rh_type_find(RH_TEXT("Resource"));
            ret->item.value = v;
            continue;
        }
        const struct rh_type *parameters = rh_type_find(RH_TEXT("Parameters.parameter"));
        const struct rh_element *e =
            parameters
                ? rh_element_find(parameters, more ? (struct rh_text){k.data + 1, k.len - 1} : k)
                : NULL;
        if (!e || !e->choice)
            continue;
        if (ret->type && ret->type != e->type)
            return rh_patch_refuse(p, RH_INVALID, part,
                                   "there are two values; there may be only one");
        ret->type = e->type;
        if (more)
            ret->item.more = v;
        else
            ret->item.value = v;
    }
    if (!ret->type && !yyjson_is_arr(ret->parts))
        return rh_patch_refuse(p, RH_INVALID, part,
                               "there is no value[x], no resource and no part");
    if (ret->type && ret->parts)
        return rh_patch_refuse(p, RH_INVALID, part,
                               "there are a value and parts; there may be only one");
    return RH_OK;
}

static enum rh_rc read_text(const struct rh_patch *p, int part, yyjson_val *parameter,
                            struct rh_text *ret)
{
    struct rh_patch_offer o;
    enum rh_rc rc = rh_patch_offer(p, part, parameter, &o);
    if (rc)
        return rc;
    if (!yyjson_is_str(o.item.value))
        return rh_patch_refuse(p, RH_INVALID, part,
                               "\"%s\" must have a text (valueString or valueCode)", parts[part]);
    *ret = rh_json_text(o.item.value);
    return RH_OK;
}

static enum rh_rc read_number(const struct rh_patch *p, int part, yyjson_val *parameter,
                              size_t *ret)
{
    struct rh_patch_offer o;
    uint64_t n;
    enum rh_rc rc = rh_patch_offer(p, part, parameter, &o);
    if (rc)
        return rc;
    if (!yyjson_is_raw(o.item.value) ||
        rh_text_u64(rh_json_text(o.item.value), RH_PATCH_ITEMS_MAX, &n))
        return rh_patch_refuse(p, RH_INVALID, part, "\"%s\" must have a valueInteger from 0 to %d",
                               parts[part], RH_PATCH_ITEMS_MAX);
    *ret = (size_t)n;
    return RH_OK;
}

static enum rh_rc read_part(const struct rh_patch *p, struct rh_patch_operation *op, size_t place,
                            yyjson_val *v)
{
    struct rh_text name = yyjson_is_obj(v) ? rh_json_get(v, "name") : RH_TEXT("");
    struct rh_text type;
    int part = 0;
    while (part < RH_PATCH_PARTS && !rh_text_is(name, parts[part]))
        part++;
    if (part == RH_PATCH_PARTS)
        return rh_patch_refuse(
            p, RH_INVALID, -1,
            "part[%zu] is none of type, path, name, value, index, source, destination", place);
    if (op->seen & RH_PATCH_BIT(part))
        return rh_patch_refuse(p, RH_INVALID, -1, "\"%s\" is there twice", parts[part]);
    op->seen |= RH_PATCH_BIT(part);
    op->place[part] = place;
    switch (part) {
    case RH_PATCH_TYPE: {
        enum rh_rc rc = read_text(p, part, v, &type);
        if (rc)
            return rc;
        for (op->kind = 0; op->kind < RH_PATCH_KINDS && !rh_text_is(type, rh_patch_kinds[op->kind]);
             op->kind++)
            ;
        return op->kind < RH_PATCH_KINDS
                   ? RH_OK
                   : rh_patch_refuse(p, RH_INVALID, part,
                                     "the type must be add, insert, delete, replace or move");
    }
    case RH_PATCH_PATH:
        return read_text(p, part, v, &op->path);
    case RH_PATCH_NAME:
        return read_text(p, part, v, &op->name);
    case RH_PATCH_VALUE:
        return rh_patch_offer(p, part, v, &op->value);
    case RH_PATCH_INDEX:
        return read_number(p, part, v, &op->index);
    case RH_PATCH_SOURCE:
        return read_number(p, part, v, &op->source);
    default:
        return read_number(p, part, v, &op->destination);
    }
}

enum rh_rc rh_patch_read(struct rh_patch *p, yyjson_val *parameter, struct rh_patch_operation *op)
{
    yyjson_val *list = yyjson_is_obj(parameter) ? yyjson_obj_get(parameter, "part") : NULL, *v;
    size_t i, n;
    p->op = op;
    if (!list || !rh_text_is(rh_json_get(parameter, "name"), "operation"))
        return rh_patch_refuse(
            p, RH_INVALID, -1,
            "a FHIRPath Patch has only parameters named \"operation\", with parts");
    yyjson_arr_foreach (list, i, n, v) {
        enum rh_rc rc = read_part(p, op, i, v);
        if (rc)
            return rc;
    }
    if (!(op->seen & RH_PATCH_BIT(RH_PATCH_TYPE)))
        return rh_patch_refuse(p, RH_INVALID, -1, "\"type\" is missing");
    for (int part = 0; part < RH_PATCH_PARTS; part++)
        if (needed[op->kind] & RH_PATCH_BIT(part) && !(op->seen & RH_PATCH_BIT(part)))
            return rh_patch_refuse(p, RH_INVALID, -1, "\"%s\" needs \"%s\"",
                                   rh_patch_kinds[op->kind], parts[part]);
    return RH_OK;
}
