/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/check.h"
#include "fhir/primitive.h"
#include "fhir/suggest.h"

#include <limits.h>
#include <stdarg.h>

/* Where the check stands: a chain of frames on the stack, from the value up to the resource. It is
 * written out as a path only when there is something to say. */
struct place {
    const struct place *up;
    const struct rh_element *element; /* NULL: `name` is the name, as it was sent or of a type */
    struct rh_text name;
    long index; /* in an array, from 0; -1: not in one */
};

struct check {
    struct rh_issues *issues;
    enum rh_rc first;
    bool contained; /* inside a contained resource */
    const struct rh_type *extension, *element;
};

enum { SHOWN_BYTES_MAX = 40 };

static void check_object(struct check *c, const struct place *at, const struct rh_type *type,
                         yyjson_val *object);
static const struct rh_type *check_resource(struct check *c, const struct place *at, yyjson_val *v);

/* After the last issue that can be kept there is no use in looking for more. */
static bool full(const struct check *c)
{
    return c->issues && c->issues->dropped > 0;
}

static void write_place(struct rh_buf *b, const struct place *at)
{
    if (at->up)
        write_place(b, at->up);
    if (b->len > 0)
        rh_buf_char(b, '.');
    if (!at->element)
        rh_buf_text(b, at->name);
    else
        rh_buf_str(b, at->element->base);
    if (at->index >= 0) {
        rh_buf_char(b, '[');
        rh_buf_u64(b, (uint64_t)at->index);
        rh_buf_char(b, ']');
    }
    if (at->element && at->element->choice)
        rh_buf_printf(b, ".ofType(%s)", at->element->type->name);
}

static void complain(struct check *c, enum rh_rc rc, const struct place *at, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
static void complain(struct check *c, enum rh_rc rc, const struct place *at, const char *format,
                     ...)
{
    if (!c->first)
        c->first = rc;
    if (!c->issues)
        return;
    struct rh_buf path = rh_buf(c->issues->arena);
    write_place(&path, at);
    rh_buf_char(&path, '\0');
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(c->issues->arena, format, ap);
    va_end(ap);
    rh_issue_at(c->issues, (struct rh_issue){.severity = RH_ERROR,
                                             .rc = rc,
                                             .expression = path.rc ? NULL : path.data,
                                             .text = text});
}

static struct place below(const struct place *up, const struct rh_element *e)
{
    return (struct place){.up = up, .element = e, .index = -1};
}

/* --- unknown names -----------------------------------------------------------------------------
 */

/* "deceasedBoolean" or "deceasedDateTime"; of a long choice the first few. */
static struct rh_text choices(const struct check *c, const struct rh_type *type,
                              struct rh_text base)
{
    enum { LISTED_MAX = 6 };
    struct rh_buf b = rh_buf(c->issues->arena);
    unsigned found = 0;
    for (unsigned i = 0; i < type->count; i++) {
        const struct rh_element *e = &type->elements[i];
        if (!e->choice || !rh_text_is(base, e->base))
            continue;
        if (++found <= LISTED_MAX)
            rh_buf_printf(&b, "%s\"%s\"", found > 1 ? " or " : "", e->name);
    }
    if (found > LISTED_MAX)
        rh_buf_str(&b, " or another type");
    return b.rc ? (struct rh_text){"", 0} : rh_buf_get(&b);
}

static void unknown(struct check *c, const struct place *up, const struct rh_type *type,
                    struct rh_text name)
{
    struct place at = {.up = up, .name = rh_text_shown(name, SHOWN_BYTES_MAX), .index = -1};
    struct rh_text plain =
        name.len > 0 && name.data[0] == '_' ? (struct rh_text){name.data + 1, name.len - 1} : name;
    if (!c->issues) {
        complain(c, RH_STRUCTURE, &at, "unknown element");
        return;
    }
    if (rh_text_is(name, "fhir_comments")) {
        complain(c, RH_STRUCTURE, &at,
                 "\"fhir_comments\" is not part of FHIR R4; leave it out or use an extension");
        return;
    }
    struct rh_text one_of = choices(c, type, plain);
    const struct rh_element *near = rh_suggest_element(type, plain);
    if (one_of.len > 0)
        complain(c, RH_STRUCTURE, &at, "%s.%.*s needs its type in the name: write %.*s", type->name,
                 RH_TEXT_ARG(plain), RH_TEXT_ARG(one_of));
    else if (near)
        complain(c, RH_STRUCTURE, &at, "%s has no element \"%.*s\"; did you mean \"%s\"?",
                 type->name, RH_TEXT_ARG(at.name), near->name);
    else
        complain(c, RH_STRUCTURE, &at, "%s has no element \"%.*s\"", type->name,
                 RH_TEXT_ARG(at.name));
}

/* --- values ------------------------------------------------------------------------------------
 */

static void bad_primitive(struct check *c, const struct place *at, enum rh_primitive p,
                          const char *looks, yyjson_val *v)
{
    static const char *const wanted[] = {
        [RH_PJ_STRING] = "string", [RH_PJ_NUMBER] = "number", [RH_PJ_BOOLEAN] = "boolean"};
    enum rh_primitive_json json = rh_primitive_json(p);
    struct rh_text text = rh_json_text(v);
    bool same = (json == RH_PJ_STRING && yyjson_is_str(v)) ||
                (json == RH_PJ_NUMBER && yyjson_is_raw(v)) ||
                (json == RH_PJ_BOOLEAN && yyjson_is_bool(v));
    if (!same)
        complain(c, RH_STRUCTURE, at, "a JSON %s is wanted here, but this is %s; %s is %s",
                 wanted[json], rh_json_kind(v), rh_primitive_name(p), looks);
    else if (text.len == 0)
        complain(c, RH_VALUE, at,
                 "the text is empty; leave the element out when there is no value");
    else
        complain(c, RH_VALUE, at, "\"%.*s%s\" is not a valid %s: %s",
                 RH_TEXT_ARG(rh_text_shown(text, SHOWN_BYTES_MAX)),
                 rh_text_shown(text, SHOWN_BYTES_MAX).len < text.len ? "…" : "",
                 rh_primitive_name(p), looks);
}

static void check_value(struct check *c, const struct place *at, const struct rh_element *e,
                        yyjson_val *v)
{
    const struct rh_type *type = e->type;
    if (type->kind == RH_KIND_PRIMITIVE) {
        const char *looks = rh_primitive_check((enum rh_primitive)type->primitive, v);
        if (looks)
            bad_primitive(c, at, (enum rh_primitive)type->primitive, looks, v);
    } else if (!yyjson_is_obj(v)) {
        complain(c, RH_STRUCTURE, at, "a JSON object (%s) is wanted here, but this is %s",
                 type->name, rh_json_kind(v));
    } else if (type->kind == RH_KIND_ABSTRACT) {
        bool outer = c->contained;
        c->contained = strcmp(e->name, "contained") == 0;
        (void)check_resource(c, at, v);
        c->contained = outer;
    } else {
        check_object(c, at, type, v);
    }
}

/* "_given" of "given", or the reverse; NULL when it is not there. */
static yyjson_val *sibling(yyjson_val *object, const struct rh_element *e, bool shadow)
{
    char name[1 + UCHAR_MAX];
    name[0] = '_';
    memcpy(name + 1, e->name, e->name_len);
    return yyjson_obj_getn(object, shadow ? name : name + 1, (size_t)e->name_len + shadow);
}

/* null keeps the place of a value that has only extensions, and stands nowhere else. */
static void check_null(struct check *c, const struct place *at, const struct rh_element *e,
                       yyjson_val *object)
{
    if (e->type->kind == RH_KIND_PRIMITIVE) {
        yyjson_val *shadow = sibling(object, e, true);
        yyjson_val *item = yyjson_is_arr(shadow) ? yyjson_arr_get(shadow, (size_t)at->index) : NULL;
        if (item && !yyjson_is_null(item))
            return;
    }
    complain(c, RH_STRUCTURE, at, "null is no value; leave it out%s",
             e->type->kind == RH_KIND_PRIMITIVE
                 ? ", or give it an extension at the same place of its "
                   "underscore sibling"
                 : "");
}

static void check_many(struct check *c, const struct place *up, const struct rh_element *e,
                       yyjson_val *object, yyjson_val *v)
{
    struct place at = below(up, e);
    size_t i, n;
    yyjson_val *item;
    if (!yyjson_is_arr(v)) {
        complain(c, RH_STRUCTURE, &at,
                 "\"%s\" may have several values, so it must be an array, but "
                 "this is %s; put it between [ and ]",
                 e->name, rh_json_kind(v));
        return;
    }
    if (yyjson_arr_size(v) == 0) {
        complain(c, RH_STRUCTURE, &at,
                 "the array is empty; leave the element out when it has no values");
        return;
    }
    yyjson_arr_foreach (v, i, n, item) {
        at.index = (long)i;
        if (yyjson_is_null(item))
            check_null(c, &at, e, object);
        else
            check_value(c, &at, e, item);
        if (full(c))
            return;
    }
}

static void check_member(struct check *c, const struct place *up, const struct rh_element *e,
                         yyjson_val *object, yyjson_val *v)
{
    if (e->many) {
        check_many(c, up, e, object, v);
        return;
    }
    struct place at = below(up, e);
    if (yyjson_is_arr(v))
        complain(c, RH_STRUCTURE, &at, "\"%s\" has one value at most, so it must not be an array",
                 e->name);
    else if (yyjson_is_null(v))
        complain(c, RH_STRUCTURE, &at, "null is no value; leave the element out");
    else
        check_value(c, &at, e, v);
}

/* --- "_birthDate": what a primitive has besides its value ----------------------------------------
 */

static void check_shadow_object(struct check *c, const struct place *at, yyjson_val *v,
                                bool has_value)
{
    if (!yyjson_is_obj(v)) {
        complain(c, RH_STRUCTURE, at,
                 "the underscore sibling holds an object with \"id\" or "
                 "\"extension\", but this is %s",
                 rh_json_kind(v));
        return;
    }
    if (!has_value && !yyjson_obj_get(v, "extension"))
        complain(c, RH_STRUCTURE, at, "there is neither a value nor an extension");
    check_object(c, at, c->element, v);
}

static void check_shadow_array(struct check *c, struct place *at, yyjson_val *v, yyjson_val *values)
{
    size_t i, n;
    yyjson_val *item;
    if (!yyjson_is_arr(v) || yyjson_arr_size(v) == 0) {
        complain(c, RH_STRUCTURE, at, "\"_%s\" must be an array with a place for each value",
                 at->element->name);
        return;
    }
    if (yyjson_is_arr(values) && yyjson_arr_size(values) != yyjson_arr_size(v)) {
        complain(c, RH_STRUCTURE, at,
                 "\"%s\" has %zu places and \"_%s\" has %zu; they must be the "
                 "same, with null where there is nothing",
                 at->element->name, yyjson_arr_size(values), at->element->name, yyjson_arr_size(v));
        return;
    }
    yyjson_val *value = yyjson_is_arr(values) ? yyjson_arr_get_first(values) : NULL;
    yyjson_arr_foreach (v, i, n, item) {
        at->index = (long)i;
        bool has_value = value && !yyjson_is_null(value);
        if (!yyjson_is_null(item))
            check_shadow_object(c, at, item, has_value);
        else if (!value)
            complain(c, RH_STRUCTURE, at, "there is neither a value nor an extension");
        value = value ? unsafe_yyjson_get_next(value) : NULL;
        if (full(c))
            return;
    }
}

static void check_shadow(struct check *c, const struct place *up, const struct rh_element *e,
                         yyjson_val *object, yyjson_val *v)
{
    struct place at = below(up, e);
    if (e->type->kind != RH_KIND_PRIMITIVE) {
        complain(c, RH_STRUCTURE, &at,
                 "only primitive elements have an underscore sibling; \"%s\" "
                 "takes its extensions inside",
                 e->name);
        return;
    }
    yyjson_val *value = sibling(object, e, false);
    if (e->many)
        check_shadow_array(c, &at, v, value);
    else
        check_shadow_object(c, &at, v, value && !yyjson_is_null(value));
}

/* --- objects -----------------------------------------------------------------------------------
 */

/* Another name of the same choice before this one. */
static void check_choice(struct check *c, const struct place *up, const struct rh_type *type,
                         yyjson_val *object, const struct rh_element *e)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (name.len > 0 && name.data[0] == '_')
            name = (struct rh_text){name.data + 1, name.len - 1};
        const struct rh_element *other = rh_element_find(type, name);
        if (other == e)
            return;
        if (other && other->order == e->order) {
            struct place at = below(up, e);
            complain(c, RH_STRUCTURE, &at, "\"%s\" and \"%s\" exclude each other; keep one",
                     other->name, e->name);
            return;
        }
    }
}

static void missing(struct check *c, const struct place *up, const struct rh_type *type,
                    uint64_t orders)
{
    for (unsigned i = 0; i < type->count; i++) {
        const struct rh_element *e = &type->elements[i];
        if (!(orders & UINT64_C(1) << e->order))
            continue;
        orders &= ~(UINT64_C(1) << e->order);
        struct place at = {.up = up, .name = rh_text(e->base), .index = -1};
        if (e->choice && c->issues) {
            struct rh_text list = choices(c, type, at.name);
            complain(c, RH_REQUIRED, &at, "%s must have %.*s", type->name, RH_TEXT_ARG(list));
        } else {
            complain(c, RH_REQUIRED, &at, "%s must have \"%s\" (%s)", type->name, e->name,
                     e->type->name);
        }
    }
}

/* Invariant ext-1 of Extension. */
static void check_extension(struct check *c, const struct place *at, uint64_t seen,
                            yyjson_val *object)
{
    const struct rh_element *value = rh_element_find(c->extension, RH_TEXT("valueString"));
    bool has_value = seen & UINT64_C(1) << value->order;
    bool has_extension = yyjson_obj_get(object, "extension") != NULL;
    if (has_value && has_extension)
        complain(c, RH_STRUCTURE, at,
                 "an extension has a value or extensions of its own, not both");
    else if (!has_value && !has_extension)
        complain(c, RH_STRUCTURE, at,
                 "the extension says nothing: it has neither a value nor extensions");
}

/* Returns the orders of the elements that are there. */
static uint64_t check_members(struct check *c, const struct place *at, const struct rh_type *type,
                              yyjson_val *object)
{
    uint64_t seen = 0;
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (object, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        bool shadow = name.len > 1 && name.data[0] == '_';
        const struct rh_element *e =
            rh_element_find(type, shadow ? (struct rh_text){name.data + 1, name.len - 1} : name);
        if (!e) {
            if (type->kind != RH_KIND_RESOURCE || !rh_text_is(name, "resourceType"))
                unknown(c, at, type, name);
        } else {
            uint64_t bit = UINT64_C(1) << e->order;
            if (e->choice && (seen & bit))
                check_choice(c, at, type, object, e);
            seen |= bit;
            if (shadow)
                check_shadow(c, at, e, object, v);
            else
                check_member(c, at, e, object, v);
        }
        if (full(c))
            break;
    }
    return seen;
}

static void check_object(struct check *c, const struct place *at, const struct rh_type *type,
                         yyjson_val *object)
{
    size_t size = yyjson_obj_size(object);
    if (size == 0) {
        complain(c, RH_STRUCTURE, at,
                 "the object is empty; leave the element out when it has no value");
        return;
    }
    uint64_t seen = check_members(c, at, type, object);
    if (full(c))
        return;
    if (type->required & ~seen)
        missing(c, at, type, type->required & ~seen);
    if (type == c->extension)
        check_extension(c, at, seen, object);
    else if (size == 1 && type->kind != RH_KIND_RESOURCE && type != c->element &&
             yyjson_obj_get(object, "id"))
        complain(c, RH_STRUCTURE, at, "the object has nothing but an id");
}

/* Its type, NULL when that cannot be said (and an issue tells why). */
static const struct rh_type *resource_type(struct check *c, const struct place *up, yyjson_val *v)
{
    struct place at = {.up = up, .name = RH_TEXT("resourceType"), .index = -1};
    yyjson_val *member = yyjson_obj_get(v, "resourceType");
    struct rh_text name = rh_json_text(member);
    if (!member) {
        complain(c, RH_REQUIRED, &at, "a resource must have \"resourceType\", such as \"Patient\"");
        return NULL;
    }
    if (!yyjson_is_str(member)) {
        complain(c, RH_STRUCTURE, &at, "\"resourceType\" must be a string, but this is %s",
                 rh_json_kind(member));
        return NULL;
    }
    const struct rh_type *type = rh_type_find(name);
    if (type && type->kind == RH_KIND_RESOURCE)
        return type;
    const struct rh_type *near = rh_suggest_resource(name);
    complain(c, RH_VALUE, &at, "FHIR R4 has no resource type \"%.*s\"%s%s%s",
             RH_TEXT_ARG(rh_text_shown(name, SHOWN_BYTES_MAX)), near ? "; did you mean \"" : "",
             near ? near->name : "", near ? "\"?" : "");
    return NULL;
}

static const struct rh_type *check_resource(struct check *c, const struct place *at, yyjson_val *v)
{
    const struct rh_type *type = resource_type(c, at, v);
    if (!type)
        return NULL;
    struct place root = {.up = NULL, .name = rh_text(type->name), .index = -1};
    const struct place *here = at ? at : &root;
    if (c->contained && yyjson_obj_get(v, "contained")) {
        struct place inner = {.up = here, .name = RH_TEXT("contained"), .index = -1};
        complain(
            c, RH_STRUCTURE, &inner,
            "a contained resource has no contained resources of its own; put all of them into the "
            "outermost \"contained\"");
    }
    check_object(c, here, type, v);
    return type;
}

enum rh_rc rh_fhir_check(struct rh_issues *is, const yyjson_val *resource,
                         const struct rh_type **ret)
{
    yyjson_val *v = (yyjson_val *)(uintptr_t)resource; /* yyjson's readers take no const */
    struct check c = {.issues = is,
                      .extension = rh_type_find(RH_TEXT("Extension")),
                      .element = rh_type_find(RH_TEXT("Element"))};
    const struct rh_type *type = NULL;
    if (ret)
        *ret = NULL;
    if (!yyjson_is_obj(v))
        return rh_issue_add(is, RH_STRUCTURE, NULL, "a resource is a JSON object, but this is %s",
                            rh_json_kind(v));
    type = check_resource(&c, NULL, v);
    if (ret)
        *ret = type;
    return c.first;
}
