/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Items: what a node is as a value of the language, and what stands below it.
 *
 * FHIR types become System types as FHIR R4 has it (https://hl7.org/fhir/R4/fhirpath.html, "Using
 * FHIR types in expressions").
 */
#include "fhir/primitive.h"
#include "fhirpath/fhirpath_int.h"
#include "fhirpath/variables_int.h"

/* --- nodes ------------------------------------------------------------------------------------ */
struct rh_fp_item rh_fp_node(const struct rh_type *type, yyjson_val *value, yyjson_val *extra)
{
    return (struct rh_fp_item){
        .kind = RH_FP_NODE, .type = type, .node = {.value = value, .extra = extra}};
}

struct rh_fp_item rh_fp_resource(yyjson_val *resource, bool plain)
{
    const struct rh_type *type = NULL;
    if (!plain) {
        type = rh_type_find(rh_json_get(resource, "resourceType"));
        if (type && type->kind != RH_KIND_RESOURCE)
            type = NULL;
    }
    return rh_fp_node(type, resource, NULL);
}

/* --- as a System value ------------------------------------------------------------------------ */
static bool whole_number(struct rh_text t, int64_t *ret)
{
    bool minus = t.len && t.data[0] == '-';
    uint64_t n;
    if (minus) {
        t.data++;
        t.len--;
    }
    if (rh_text_u64(t, INT64_MAX, &n))
        return false;
    *ret = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

/* Leaves *ret alone when the value is not of this kind. */
static enum rh_rc number_value(struct rh_fp_run *r, yyjson_val *v, bool decimal,
                               struct rh_fp_item *ret)
{
    int64_t n;
    struct rh_dec d;
    struct rh_text t = rh_json_text(v);
    if (!yyjson_is_raw(v))
        return RH_OK;
    if (!decimal && whole_number(t, &n)) {
        bool small = n >= INT32_MIN && n <= INT32_MAX;
        *ret = (struct rh_fp_item){.kind = small ? RH_FP_INTEGER : RH_FP_LONG, .integer = n};
        return RH_OK;
    }
    if (rh_dec_parse(t, &d))
        return RH_OK;
    const struct rh_dec *kept = rh_arena_copy(r->c->arena, &d, sizeof d);
    if (!kept)
        return RH_NOMEM;
    *ret = (struct rh_fp_item){.kind = RH_FP_DECIMAL, .decimal = kept};
    return RH_OK;
}

static enum rh_rc time_value(struct rh_fp_run *r, yyjson_val *v, enum rh_fp_kind kind,
                             struct rh_fp_item *ret)
{
    struct rh_fp_time t;
    if (!yyjson_is_str(v) || rh_fp_time_parse(rh_json_text(v), kind, &t))
        return RH_OK;
    const struct rh_fp_time *kept = rh_arena_copy(r->c->arena, &t, sizeof t);
    if (!kept)
        return RH_NOMEM;
    *ret = (struct rh_fp_item){.kind = kind, .time = kept};
    return RH_OK;
}

static enum rh_rc primitive_value(struct rh_fp_run *r, const struct rh_fp_item *i,
                                  struct rh_fp_item *ret)
{
    yyjson_val *v = i->node.value;
    switch ((enum rh_primitive)i->type->primitive) {
    case RH_P_BOOLEAN:
        if (yyjson_is_bool(v))
            *ret = (struct rh_fp_item){.kind = RH_FP_BOOLEAN, .boolean = yyjson_get_bool(v)};
        return RH_OK;
    case RH_P_INTEGER:
    case RH_P_UNSIGNEDINT:
    case RH_P_POSITIVEINT:
        return number_value(r, v, false, ret);
    case RH_P_DECIMAL:
        return number_value(r, v, true, ret);
    case RH_P_DATE:
        return time_value(r, v, RH_FP_DATE, ret);
    case RH_P_DATETIME:
    case RH_P_INSTANT:
        return time_value(r, v, RH_FP_DATETIME, ret);
    case RH_P_TIME:
        return time_value(r, v, RH_FP_TIME, ret);
    default:
        if (yyjson_is_str(v))
            *ret = (struct rh_fp_item){.kind = RH_FP_STRING, .text = rh_json_text(v)};
        return RH_OK;
    }
}

static enum rh_rc plain_value(struct rh_fp_run *r, yyjson_val *v, struct rh_fp_item *ret)
{
    if (yyjson_is_str(v))
        *ret = (struct rh_fp_item){.kind = RH_FP_STRING, .text = rh_json_text(v)};
    else if (yyjson_is_bool(v))
        *ret = (struct rh_fp_item){.kind = RH_FP_BOOLEAN, .boolean = yyjson_get_bool(v)};
    else
        return number_value(r, v, false, ret);
    return RH_OK;
}

/* UCUM codes of durations that FHIR reads as calendar units (R4, fhirpath.html). */
static const struct {
    const char *ucum, *word;
} durations[] = {
    {"a", "year"}, {"mo", "month"},   {"wk", "week"},  {"d", "day"},
    {"h", "hour"}, {"min", "minute"}, {"s", "second"}, {"ms", "millisecond"},
};

/* A FHIR Quantity with a UCUM code, or without any unit. With a comparator ("<") it is a range and
 * no value. */
static enum rh_rc quantity_value(struct rh_fp_run *r, yyjson_val *v, struct rh_fp_item *ret)
{
    struct rh_fp_quantity q = {.unit = rh_json_get(v, "code")};
    struct rh_text number = rh_json_text(yyjson_obj_get(v, "value"));
    if (!number.data || rh_dec_parse(number, &q.value) || yyjson_obj_get(v, "comparator"))
        return RH_OK;
    struct rh_text system = rh_json_get(v, "system");
    if (system.data ? !rh_text_is(system, rh_fp_ucum_address) || !q.unit.data
                    : q.unit.data || yyjson_obj_get(v, "unit"))
        return RH_OK;
    if (!q.unit.data)
        q.unit = RH_TEXT("1");
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        if (rh_text_is(q.unit, durations[i].ucum)) {
            q.unit = rh_text(durations[i].word);
            q.calendar = true;
            break;
        }
    }
    const struct rh_fp_quantity *kept = rh_arena_copy(r->c->arena, &q, sizeof q);
    if (!kept)
        return RH_NOMEM;
    *ret = (struct rh_fp_item){.kind = RH_FP_QUANTITY, .quantity = kept};
    return RH_OK;
}

static bool is_text(enum rh_primitive p)
{
    const unsigned others = 1u << RH_P_BOOLEAN | 1u << RH_P_INTEGER | 1u << RH_P_UNSIGNEDINT |
                            1u << RH_P_POSITIVEINT | 1u << RH_P_DECIMAL | 1u << RH_P_DATE |
                            1u << RH_P_DATETIME | 1u << RH_P_INSTANT | 1u << RH_P_TIME;
    return (others >> p & 1) == 0;
}

enum rh_rc rh_fp_system(struct rh_fp_run *r, const struct rh_fp_item *i, struct rh_fp_item *ret)
{
    if (i->kind == RH_FP_NODE && i->type && yyjson_is_str(i->node.value) &&
        i->type->kind == RH_KIND_PRIMITIVE && is_text((enum rh_primitive)i->type->primitive)) {
        ret->kind = RH_FP_STRING; /* the most frequent case without a copy */
        ret->type = NULL;
        ret->text = rh_json_text(i->node.value);
        return RH_OK;
    }
    *ret = *i;
    if (i->kind != RH_FP_NODE || !i->node.value)
        return RH_OK;
    if (!i->type)
        return plain_value(r, i->node.value, ret);
    if (i->type->kind == RH_KIND_PRIMITIVE)
        return primitive_value(r, i, ret);
    if (i->type->kind == RH_KIND_COMPLEX && yyjson_is_obj(i->node.value) &&
        rh_fp_is_quantity(i->type))
        return quantity_value(r, i->node.value, ret);
    return RH_OK;
}

/* --- children --------------------------------------------------------------------------------- */
/* Adds one element: its values, and for a primitive what "_name" adds to each. */
static enum rh_rc add_element(struct rh_fp_run *r, const struct rh_type *type, yyjson_val *value,
                              yyjson_val *extra, struct rh_fp_list *ret)
{
    bool resource = type && type->kind == RH_KIND_ABSTRACT;
    if (!yyjson_is_arr(value) && !yyjson_is_arr(extra)) {
        if (yyjson_is_null(value))
            value = NULL;
        if (!yyjson_is_obj(extra))
            extra = NULL;
        if (!value && !extra)
            return RH_OK;
        if (resource)
            return rh_fp_push(r, ret, rh_fp_resource(value, false));
        return rh_fp_push_node(r, ret, type, value, extra);
    }
    size_t n = yyjson_arr_size(value), n_extra = yyjson_arr_size(extra);
    yyjson_val *v = yyjson_arr_get_first(value), *x = yyjson_arr_get_first(extra);
    for (size_t i = 0; i < n || i < n_extra; i++) {
        yyjson_val *now = i < n && !yyjson_is_null(v) ? v : NULL;
        yyjson_val *more = i < n_extra && yyjson_is_obj(x) ? x : NULL;
        enum rh_rc rc = RH_OK;
        if (resource && now)
            rc = rh_fp_push(r, ret, rh_fp_resource(now, false));
        else if (now || more)
            rc = rh_fp_push_node(r, ret, type, now, more);
        if (rc)
            return rc;
        if (i + 1 < n)
            v = unsafe_yyjson_get_next(v);
        if (i + 1 < n_extra)
            x = unsafe_yyjson_get_next(x);
    }
    return RH_OK;
}

static inline bool key_is(yyjson_val *key, struct rh_text name)
{
    return unsafe_yyjson_get_len(key) == name.len &&
           memcmp(unsafe_yyjson_get_str(key), name.data, name.len) == 0;
}

/* Both members in one scan; the second only where it is wanted. */
static void find_two(yyjson_val *object, struct rh_text name, const struct rh_text *underscored,
                     yyjson_val **ret_value, yyjson_val **ret_extra)
{
    size_t n = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    *ret_value = *ret_extra = NULL;
    for (; n > 0; n--, key = unsafe_yyjson_get_next(key + 1)) {
        if (key_is(key, name)) {
            *ret_value = key + 1;
            if (!underscored || *ret_extra)
                return;
        } else if (underscored && key_is(key, *underscored)) {
            *ret_extra = key + 1;
            if (*ret_value)
                return;
        }
    }
}

/* The element of a choice that this JSON name is; NULL: it is none of `base`. */
static const struct rh_element *choice_of(const struct rh_type *type, struct rh_text key,
                                          struct rh_text base)
{
    if (key.len <= base.len || memcmp(key.data, base.data, base.len) != 0)
        return NULL;
    const struct rh_element *e = rh_element_find(type, key);
    return e && e->choice && rh_text_is(base, e->base) ? e : NULL;
}

/* value[x] by its base name: the members that begin with it. */
static enum rh_rc choice_children(struct rh_fp_run *r, const struct rh_type *type,
                                  yyjson_val *object, struct rh_text base, struct rh_fp_list *ret)
{
    size_t n = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (; n > 0; n--, key = unsafe_yyjson_get_next(key + 1)) {
        struct rh_text k = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        bool under = k.len && k.data[0] == '_';
        struct rh_text plain = under ? (struct rh_text){k.data + 1, k.len - 1} : k;
        const struct rh_element *e = choice_of(type, plain, base);
        if (!e)
            continue;
        yyjson_val *value = under ? NULL : key + 1, *extra = under ? key + 1 : NULL;
        if (under && yyjson_obj_getn(object, plain.data, plain.len))
            continue; /* it comes with its value */
        if (!under && e->type->kind == RH_KIND_PRIMITIVE) {
            char name[256] = "_";
            if (k.len < sizeof name - 1) {
                memcpy(name + 1, k.data, k.len);
                extra = yyjson_obj_getn(object, name, k.len + 1);
            }
        }
        enum rh_rc rc = add_element(r, e->type, value, extra, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* id and extension of a primitive; its value under "value". */
static enum rh_rc primitive_child(struct rh_fp_run *r, const struct rh_fp_item *i,
                                  struct rh_text name, struct rh_fp_list *ret)
{
    if (i->type && rh_text_is(name, "value")) {
        struct rh_fp_item v;
        enum rh_rc rc = rh_fp_system(r, i, &v);
        return rc || v.kind == RH_FP_NODE ? rc : rh_fp_push(r, ret, v);
    }
    if (!i->node.extra)
        return RH_OK;
    const char *type = rh_text_is(name, "extension") ? "Extension" : "string";
    if (i->type && !rh_text_is(name, "extension") && !rh_text_is(name, "id"))
        return RH_OK;
    return add_element(r, i->type ? rh_type_find(rh_text(type)) : NULL,
                       yyjson_obj_getn(i->node.extra, name.data, name.len), NULL, ret);
}

/* Members that values of the language have. */
static enum rh_rc system_child(struct rh_fp_run *r, const struct rh_fp_item *i, struct rh_text name,
                               struct rh_fp_list *ret)
{
    if (i->kind == RH_FP_TYPE) {
        if (rh_text_is(name, "namespace"))
            return rh_fp_push_text(r, ret, i->name->space);
        if (rh_text_is(name, "name"))
            return rh_fp_push_text(r, ret, i->name->name);
    } else if (i->kind == RH_FP_QUANTITY) {
        if (rh_text_is(name, "value"))
            return rh_fp_push_decimal(r, ret, i->quantity->value);
        if (rh_text_is(name, "unit"))
            return rh_fp_push_text(r, ret, i->quantity->unit);
    }
    return RH_OK;
}

enum rh_rc rh_fp_children(struct rh_fp_run *r, const struct rh_fp_node *at,
                          const struct rh_fp_item *i, struct rh_text name,
                          struct rh_text underscored, struct rh_fp_list *ret)
{
    yyjson_val *value, *extra;
    if (i->kind != RH_FP_NODE)
        return system_child(r, i, name, ret);
    yyjson_val *object = i->node.value;
    if (!yyjson_is_obj(object))
        return primitive_child(r, i, name, ret);
    size_t members = unsafe_yyjson_get_len(object);
    if (members > 64) {
        enum rh_rc rc = rh_fp_step(r, at, members / 64);
        if (rc)
            return rc;
    }
    if (!i->type) {
        find_two(object, name, &underscored, &value, &extra);
        return value || extra ? add_element(r, NULL, value, extra, ret) : RH_OK;
    }
    const struct rh_element *e = rh_element_find(i->type, name);
    if (!e)
        return choice_children(r, i->type, object, name, ret);
    if (e->choice && !r->c->json_names)
        return RH_OK; /* valueQuantity is JSON's name; the element is "value" */
    find_two(object, name, e->type->kind == RH_KIND_PRIMITIVE ? &underscored : NULL, &value,
             &extra);
    return value || extra ? add_element(r, e->type, value, extra, ret) : RH_OK;
}

/* All members of an object whose type is known, or of plain JSON. */
static enum rh_rc member_children(struct rh_fp_run *r, const struct rh_fp_item *i, yyjson_val *key,
                                  struct rh_fp_list *ret)
{
    yyjson_val *object = i->node.value;
    struct rh_text k = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
    bool under = k.len && k.data[0] == '_';
    struct rh_text plain = under ? (struct rh_text){k.data + 1, k.len - 1} : k;
    const struct rh_element *e = i->type ? rh_element_find(i->type, plain) : NULL;
    if (i->type && !e)
        return RH_OK;
    if (under) {
        if (yyjson_obj_getn(object, plain.data, plain.len))
            return RH_OK;
        return e || yyjson_is_obj(key + 1) ? add_element(r, e ? e->type : NULL, NULL, key + 1, ret)
                                           : RH_OK;
    }
    yyjson_val *extra = NULL;
    if (e ? e->type->kind == RH_KIND_PRIMITIVE : !yyjson_is_obj(key + 1)) {
        char name[256] = "_";
        if (k.len < sizeof name - 1) {
            memcpy(name + 1, k.data, k.len);
            extra = yyjson_obj_getn(object, name, k.len + 1);
        }
    }
    return add_element(r, e ? e->type : NULL, key + 1, extra, ret);
}

enum rh_rc rh_fp_all_children(struct rh_fp_run *r, const struct rh_fp_item *i,
                              struct rh_fp_list *ret)
{
    if (i->kind != RH_FP_NODE)
        return RH_OK;
    yyjson_val *object = i->node.value;
    if (!yyjson_is_obj(object)) {
        enum rh_rc rc = primitive_child(r, i, RH_TEXT("id"), ret);
        return rc ? rc : primitive_child(r, i, RH_TEXT("extension"), ret);
    }
    size_t members = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    enum rh_rc rc = rh_fp_step(r, NULL, 1 + members * (members / 64));
    for (size_t n = members; n > 0 && !rc; n--, key = unsafe_yyjson_get_next(key + 1))
        rc = member_children(r, i, key, ret);
    return rc;
}
