/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_body.c - the texts of a value as they stand in the body: strings for :exact, what describes
 * a code for :text (R4, search, "string" and "token").
 */
#include "search/query_int.h"

static bool is_a(const struct rh_type *t, const char *name)
{
    for (; t; t = t->base)
        if (strcmp(t->name, name) == 0)
            return true;
    return false;
}

/* Of a string or an array of strings. */
static bool tell(yyjson_val *v, rh_text_each *each, void *user)
{
    yyjson_val *item;
    size_t i, n;
    if (yyjson_is_str(v))
        return each(user, rh_json_text(v));
    yyjson_arr_foreach (v, i, n, item)
        if (yyjson_is_str(item) && each(user, rh_json_text(item)))
            return true;
    return false;
}

/* The value of an extension stands for it. */
static bool of_extension(const struct rh_fp_item *item, struct rh_fp_item *ret)
{
    yyjson_val *key, *v;
    size_t i, n;
    if (item->kind != RH_FP_NODE || !item->type || strcmp(item->type->name, "Extension") != 0 ||
        !yyjson_is_obj(item->node.value))
        return false;
    yyjson_obj_foreach (item->node.value, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        const struct rh_element *e =
            rh_text_starts(name, "value") ? rh_element_find(item->type, name) : NULL;
        if (e) {
            *ret = rh_fp_node(e->type, v, NULL);
            return true;
        }
    }
    return false;
}

bool rh_value_strings(const struct rh_fp_item *item, rh_text_each *each, void *user)
{
    static const struct {
        const char *type, *members[8];
    } rows[] = {
        {"HumanName", {"text", "family", "given", "prefix", "suffix"}},
        {"Address", {"text", "line", "city", "district", "state", "postalCode", "country"}},
        {"CodeableConcept", {"text"}},
        {"Annotation", {"text"}},
    };
    struct rh_fp_item inner;
    if (of_extension(item, &inner))
        return rh_value_strings(&inner, each, user);
    if (item->kind == RH_FP_STRING)
        return each(user, item->text);
    if (item->kind != RH_FP_NODE)
        return false;
    if (!yyjson_is_obj(item->node.value))
        return tell(item->node.value, each, user);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned k = 0; is_a(item->type, rows[i].type) && k < 8 && rows[i].members[k]; k++)
            if (tell(yyjson_obj_get(item->node.value, rows[i].members[k]), each, user))
                return true;
    return false;
}

static bool describe_concept(yyjson_val *v, rh_text_each *each, void *user)
{
    yyjson_val *coding;
    size_t i, n;
    if (tell(yyjson_obj_get(v, "text"), each, user))
        return true;
    yyjson_arr_foreach (yyjson_obj_get(v, "coding"), i, n, coding)
        if (tell(yyjson_obj_get(coding, "display"), each, user))
            return true;
    return false;
}

bool rh_value_descriptions(const struct rh_fp_item *item, rh_text_each *each, void *user)
{
    struct rh_fp_item inner;
    if (of_extension(item, &inner))
        return rh_value_descriptions(&inner, each, user);
    if (item->kind == RH_FP_STRING)
        return each(user, item->text);
    if (item->kind != RH_FP_NODE)
        return false;
    yyjson_val *v = item->node.value;
    if (!yyjson_is_obj(v))
        return item->type && strcmp(item->type->name, "string") == 0 && tell(v, each, user);
    if (is_a(item->type, "Coding"))
        return tell(yyjson_obj_get(v, "display"), each, user);
    if (is_a(item->type, "CodeableConcept"))
        return describe_concept(v, each, user);
    return is_a(item->type, "Identifier") &&
           describe_concept(yyjson_obj_get(v, "type"), each, user);
}
