/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * patch.c - JSON Patch (RFC 6902) by yyjson's JSON Pointer functions.
 */
#include "record/patch.h"

#include "base/decimal.h"

struct patching {
    struct rh_issues *issues;
    yyjson_mut_doc *doc;
    size_t index; /* of the operation */
    struct rh_text op, path, from;
    yyjson_val *value;
};

static enum rh_rc refuse(const struct patching *p, enum rh_rc rc, const char *why)
{
    return rh_issue_add(p->issues, rc, NULL, "operation %zu (%.*s %.*s): %s", p->index + 1,
                        RH_TEXT_ARG(p->op), RH_TEXT_ARG(p->path), why);
}

static bool equal(const yyjson_mut_val *a, yyjson_val *b);

static bool equal_objects(const yyjson_mut_val *a, yyjson_val *b)
{
    size_t i, max;
    yyjson_mut_val *key, *val;
    yyjson_mut_obj_foreach((yyjson_mut_val *)(uintptr_t)a, i, max, key, val)
    {
        yyjson_val *other = yyjson_obj_getn(b, yyjson_mut_get_str(key), yyjson_mut_get_len(key));
        if (!other || !equal(val, other))
            return false;
    }
    return true;
}

static bool equal_arrays(const yyjson_mut_val *a, yyjson_val *b)
{
    size_t i, max;
    yyjson_mut_val *val;
    yyjson_val *other = yyjson_arr_get_first(b);
    yyjson_mut_arr_foreach((yyjson_mut_val *)(uintptr_t)a, i, max, val)
    {
        if (!equal(val, other))
            return false;
        other = unsafe_yyjson_get_next(other);
    }
    return true;
}

static bool equal_numbers(struct rh_text a, struct rh_text b)
{
    struct rh_dec x, y;
    if (rh_text_eq(a, b))
        return true;
    return rh_dec_parse(a, &x) == RH_OK && rh_dec_parse(b, &y) == RH_OK && rh_dec_cmp(x, y) == 0;
}

/* RFC 6902, 4.6: numbers are equal by value, so 1.0 is 1. Depth is bounded by the parser's limit.
 */
static bool equal(const yyjson_mut_val *a, yyjson_val *b)
{
    yyjson_mut_val *m = (yyjson_mut_val *)(uintptr_t)a;
    if (yyjson_mut_get_type(m) != yyjson_get_type(b))
        return false;
    switch (yyjson_get_type(b)) {
    case YYJSON_TYPE_RAW:
        return equal_numbers((struct rh_text){yyjson_mut_get_raw(m), yyjson_mut_get_len(m)},
                             rh_json_text(b));
    case YYJSON_TYPE_STR:
        return rh_text_eq((struct rh_text){yyjson_mut_get_str(m), yyjson_mut_get_len(m)},
                          rh_json_text(b));
    case YYJSON_TYPE_BOOL:
        return yyjson_mut_get_bool(m) == yyjson_get_bool(b);
    case YYJSON_TYPE_OBJ:
        return yyjson_mut_obj_size(m) == yyjson_obj_size(b) && equal_objects(a, b);
    case YYJSON_TYPE_ARR:
        return yyjson_mut_arr_size(m) == yyjson_arr_size(b) && equal_arrays(a, b);
    default:
        return true; /* null */
    }
}

static yyjson_mut_val *get(const struct patching *p, struct rh_text path)
{
    return yyjson_mut_doc_ptr_getn(p->doc, path.data, path.len);
}

/* Levels of objects and arrays. Bounded: what is in the document has passed fits(). */
static unsigned levels(yyjson_mut_val *v)
{
    size_t i, max;
    yyjson_mut_val *key, *val;
    unsigned deepest = 0, one;
    if (yyjson_mut_is_obj(v)) {
        yyjson_mut_obj_foreach(v, i, max, key, val)
        {
            one = levels(val);
            deepest = one > deepest ? one : deepest;
        }
        return deepest + 1;
    }
    if (yyjson_mut_is_arr(v)) {
        yyjson_mut_arr_foreach(v, i, max, val)
        {
            one = levels(val);
            deepest = one > deepest ? one : deepest;
        }
        return deepest + 1;
    }
    return 0;
}

/* Copies into copies would nest without end, and nobody could read the result any more. */
static enum rh_rc fits(const struct patching *p, yyjson_mut_val *value)
{
    unsigned above = 0;
    for (size_t i = 0; i < p->path.len; i++)
        above += p->path.data[i] == '/';
    return above + levels(value) <= RH_JSON_DEPTH_MAX
               ? RH_OK
               : refuse(p, RH_RULE, "the resource would be nested deeper than 64 levels");
}

/* In an array the value is inserted; a member of an object is set, whether it was there or not (RFC
 * 6902, 4.1). */
static enum rh_rc add(const struct patching *p, yyjson_mut_val *value)
{
    size_t slash = p->path.len;
    enum rh_rc rc = fits(p, value);
    if (rc)
        return rc;
    if (p->path.len == 0) {
        yyjson_mut_doc_set_root(p->doc, value);
        return RH_OK;
    }
    while (slash > 0 && p->path.data[slash - 1] != '/')
        slash--;
    if (slash == 0)
        return refuse(p, RH_STRUCTURE, "the path must begin with /");
    yyjson_mut_val *parent = get(p, (struct rh_text){p->path.data, slash - 1});
    bool done;
    if (yyjson_mut_is_arr(parent))
        done = yyjson_mut_ptr_addx(yyjson_mut_doc_get_root(p->doc), p->path.data, p->path.len,
                                   value, p->doc, false, NULL, NULL);
    else
        done = yyjson_mut_is_obj(parent) &&
               yyjson_mut_ptr_setx(yyjson_mut_doc_get_root(p->doc), p->path.data, p->path.len,
                                   value, p->doc, false, NULL, NULL);
    return done ? RH_OK : refuse(p, RH_RULE, "there is no such place to add to");
}

static yyjson_mut_val *new_value(const struct patching *p)
{
    return yyjson_val_mut_copy(p->doc, p->value);
}

static enum rh_rc op_add(const struct patching *p)
{
    yyjson_mut_val *v = new_value(p);
    return v ? add(p, v) : RH_NOMEM;
}

static enum rh_rc op_remove(const struct patching *p)
{
    if (p->path.len == 0)
        return refuse(p, RH_VALUE, "the whole resource cannot be removed by a patch; delete it");
    return yyjson_mut_doc_ptr_removen(p->doc, p->path.data, p->path.len)
               ? RH_OK
               : refuse(p, RH_RULE, "there is no such element");
}

static enum rh_rc op_replace(const struct patching *p)
{
    yyjson_mut_val *v = new_value(p);
    if (!v)
        return RH_NOMEM;
    if (!get(p, p->path))
        return refuse(p, RH_RULE, "there is no such element");
    if (p->path.len == 0)
        return add(p, v);
    enum rh_rc rc = fits(p, v);
    if (rc)
        return rc;
    return yyjson_mut_doc_ptr_replacen(p->doc, p->path.data, p->path.len, v)
               ? RH_OK
               : refuse(p, RH_RULE, "there is no such element");
}

static enum rh_rc op_copy(const struct patching *p)
{
    yyjson_mut_val *source = get(p, p->from);
    if (!source)
        return refuse(p, RH_RULE, "there is no element at \"from\"");
    yyjson_mut_val *v = yyjson_mut_val_mut_copy(p->doc, source);
    return v ? add(p, v) : RH_NOMEM;
}

static enum rh_rc op_move(const struct patching *p)
{
    if (p->from.len == 0 ||
        (p->path.len > p->from.len && memcmp(p->path.data, p->from.data, p->from.len) == 0 &&
         p->path.data[p->from.len] == '/'))
        return refuse(p, RH_RULE, "an element cannot be moved into itself");
    yyjson_mut_val *source = get(p, p->from);
    if (!source)
        return refuse(p, RH_RULE, "there is no element at \"from\"");
    yyjson_mut_val *v = yyjson_mut_val_mut_copy(p->doc, source);
    if (!v)
        return RH_NOMEM;
    yyjson_mut_doc_ptr_removen(p->doc, p->from.data, p->from.len);
    return add(p, v);
}

static enum rh_rc op_test(const struct patching *p)
{
    yyjson_mut_val *v = get(p, p->path);
    if (!v)
        return refuse(p, RH_RULE, "there is no such element");
    return equal(v, p->value)
               ? RH_OK
               : refuse(p, RH_RULE, "the element has another value; nothing was changed");
}

static const struct op {
    const char *name;
    bool needs_value, needs_from;
    enum rh_rc (*run)(const struct patching *p);
} ops[] = {
    {"add", true, false, op_add},         {"remove", false, false, op_remove},
    {"replace", true, false, op_replace}, {"move", false, true, op_move},
    {"copy", false, true, op_copy},       {"test", true, false, op_test},
};

static enum rh_rc run_one(struct patching *p, yyjson_val *operation)
{
    if (!yyjson_is_obj(operation))
        return rh_issue_add(p->issues, RH_STRUCTURE, NULL,
                            "operation %zu of the patch is not an object", p->index + 1);
    p->op = rh_json_get(operation, "op");
    p->path = rh_json_get(operation, "path");
    p->from = rh_json_get(operation, "from");
    p->value = yyjson_obj_get(operation, "value");
    if (!p->path.data)
        return rh_issue_add(p->issues, RH_STRUCTURE, NULL,
                            "operation %zu: \"path\" is missing or not a string", p->index + 1);
    if (p->path.len > 0 && p->path.data[0] != '/')
        return refuse(p, RH_STRUCTURE, "the path must begin with /");
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (!rh_text_is(p->op, ops[i].name))
            continue;
        if (ops[i].needs_value && !p->value)
            return refuse(p, RH_STRUCTURE, "\"value\" is missing");
        if (ops[i].needs_from && !p->from.data)
            return refuse(p, RH_STRUCTURE, "\"from\" is missing or not a string");
        return ops[i].run(p);
    }
    return refuse(p, RH_STRUCTURE, "the op must be one of add, remove, replace, move, copy, test");
}

static enum rh_rc check_identity(struct rh_issues *is, const yyjson_val *before, yyjson_val *after)
{
    static const char *const names[] = {"resourceType", "id"};
    for (size_t i = 0; i < 2; i++)
        if (!rh_text_eq(rh_json_get(before, names[i]), rh_json_get(after, names[i])))
            return rh_issue_add(is, RH_VALUE, NULL,
                                "the patch would change %s, which stays what it is", names[i]);
    return RH_OK;
}

enum rh_rc rh_json_patch(struct rh_arena *a, struct rh_issues *is, const yyjson_val *resource,
                         const yyjson_val *patch, yyjson_val **ret)
{
    yyjson_alc *alc = rh_arena_alloc(a, sizeof *alc);
    yyjson_val *operations = (yyjson_val *)(uintptr_t)patch, *operation;
    size_t i, max;
    if (!yyjson_is_arr(operations))
        return rh_issue_add(is, RH_STRUCTURE, NULL, "a JSON Patch is an array of operations");
    if (yyjson_arr_size(operations) > RH_PATCH_OPS_MAX)
        return rh_issue_add(is, RH_TOOLARGE, NULL,
                            "the patch has %zu operations; at most %d are taken",
                            yyjson_arr_size(operations), RH_PATCH_OPS_MAX);
    if (!alc)
        return RH_NOMEM;
    *alc = rh_json_alc(a);
    struct patching p = {.issues = is, .doc = yyjson_mut_doc_new(alc)};
    if (!p.doc)
        return RH_NOMEM;
    yyjson_mut_doc_set_root(p.doc, yyjson_val_mut_copy(p.doc, (yyjson_val *)(uintptr_t)resource));
    if (!yyjson_mut_doc_get_root(p.doc))
        return RH_NOMEM;
    yyjson_arr_foreach (operations, i, max, operation) {
        p.index = i;
        enum rh_rc rc = run_one(&p, operation);
        if (rc)
            return rc;
    }
    yyjson_doc *result = yyjson_mut_doc_imut_copy(p.doc, alc);
    if (!result)
        return RH_NOMEM;
    enum rh_rc rc = check_identity(is, resource, yyjson_doc_get_root(result));
    if (rc == RH_OK)
        *ret = yyjson_doc_get_root(result);
    return rc;
}
