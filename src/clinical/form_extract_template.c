/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_extract_template.c - resources from templates that the form contains (SDC, "Template-based
 * extraction"): a template is cloned; where it has a templateExtractContext, the element is there
 * once for each result of the expression, which is the context of what is inside; where it has a
 * templateExtractValue, the results are the element. An element whose expression gives nothing is
 * left out.
 */
#include "clinical/form_extract_int.h"

#define TEMPLATE        RH_SDC_EXT "sdc-questionnaire-templateExtract"
#define TEMPLATE_BUNDLE RH_SDC_EXT "sdc-questionnaire-templateExtractBundle"
#define CONTEXT         RH_SDC_EXT "sdc-questionnaire-templateExtractContext"
#define VALUE           RH_SDC_EXT "sdc-questionnaire-templateExtractValue"

/* Where expressions of the template are evaluated. */
struct spot {
    struct rh_form_place place; /* own: the variable of a named context */
    struct rh_fp_item focus;
    unsigned depth;
};

static yyjson_mut_val *fill_object(struct rh_extract *x, const struct spot *s, yyjson_val *t,
                                   const struct rh_type *type);

/* --- expressions of an element -------------------------------------------------------------------
 */
static yyjson_val *expression_of(yyjson_val *element, const char *url)
{
    return rh_item_extension_value(element, url, NULL);
}

static bool results(struct rh_extract *x, const struct spot *s, yyjson_val *expression,
                    struct rh_fp_list *ret)
{
    return rh_extract_eval(x, &s->place, rh_form_fhirpath(expression), &s->focus, ret);
}

/* The spot of one result; a named context is a variable of what is inside. */
static struct spot inside(struct rh_extract *x, const struct spot *s, yyjson_val *expression,
                          const struct rh_fp_item *focus, struct rh_fp_variable *own)
{
    struct spot in = {.place = s->place, .focus = *focus, .depth = s->depth + 1};
    struct rh_text name = rh_json_get(expression, "name");
    (void)x;
    if (name.len) {
        struct rh_fp_item *item = rh_arena_copy(x->c->arena, focus, sizeof *focus);
        *own =
            (struct rh_fp_variable){.name = name, .value = {.items = item, .count = 1, .cap = 1}};
        in.place.up = &s->place;
        in.place.question = s->place.question;
        in.place.own = own;
        in.place.n_own = 1;
    }
    return in;
}

/* --- elements ------------------------------------------------------------------------------------
 */
static const struct rh_element *element_of(const struct rh_type *type, struct rh_text name)
{
    return type ? rh_element_find(type, name) : NULL;
}

/* A value of the element: converted to its type; of an unknown type as it is. */
static yyjson_mut_val *converted(struct rh_extract *x, const struct rh_fp_item *item,
                                 const struct rh_type *type, struct rh_text name)
{
    if (type) {
        yyjson_mut_val *v = rh_form_value_as(x, item, type);
        if (!v)
            rh_extract_warn(x, name, "a value of type %.*s cannot be a %s of the template",
                            RH_TEXT_ARG(rh_fp_type_name(x->c->arena, item)), type->name);
        return v;
    }
    return item->kind == RH_FP_NODE && item->node.value
               ? yyjson_val_mut_copy(x->doc, item->node.value)
               : rh_form_value_as(x, item, rh_type_find(RH_TEXT("string")));
}

/* Members of the template that stay beside a value: fixed ones of an object. */
static void keep_fixed(struct rh_extract *x, yyjson_val *t, yyjson_mut_val *o)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (t, i, n, key, v) {
        const char *name = yyjson_get_str(key);
        if (strcmp(name, "extension") != 0 && name[0] != '_' && !yyjson_mut_obj_get(o, name))
            yyjson_mut_obj_add_val(x->doc, o, name, yyjson_val_mut_copy(x->doc, v));
    }
}

/* One object of the template, as often as its context and value give it; appended to `list`. */
static void fill_one(struct rh_extract *x, const struct spot *s, yyjson_val *t,
                     const struct rh_type *type, struct rh_text name, yyjson_mut_val *list)
{
    yyjson_val *context = expression_of(t, CONTEXT), *value = expression_of(t, VALUE);
    struct rh_fp_list found = {0}, values = {0};
    struct rh_fp_item whole = s->focus;
    if (s->depth > RH_EXTRACT_DEPTH_MAX || rh_extract_stop(x))
        return;
    if (context && !results(x, s, context, &found))
        return;
    size_t n = context ? found.count : 1;
    for (size_t i = 0; i < n && !x->rc; i++) {
        struct rh_fp_variable own;
        struct spot in = inside(x, s, context, context ? &found.items[i] : &whole, &own);
        if (!value) {
            yyjson_mut_val *o = fill_object(x, &in, t, type);
            if (o)
                yyjson_mut_arr_append(list, o);
            continue;
        }
        if (!results(x, &in, value, &values))
            continue;
        for (size_t k = 0; k < values.count; k++) {
            yyjson_mut_val *v = converted(x, &values.items[k], type, name);
            if (v && yyjson_mut_is_obj(v))
                keep_fixed(x, t, v);
            if (v)
                yyjson_mut_arr_append(list, v);
        }
    }
}

/* Values of a primitive whose sibling `_name` has expressions; appended to `list`. False: it has
 * none, and the template's own value stands. */
static bool fill_primitive(struct rh_extract *x, const struct spot *s, yyjson_val *extra,
                           const struct rh_type *type, struct rh_text name, yyjson_mut_val *list)
{
    yyjson_val *context = expression_of(extra, CONTEXT), *value = expression_of(extra, VALUE);
    struct rh_fp_list found = {0}, values;
    if (!context && !value)
        return false;
    if (context && !results(x, s, context, &found))
        return true;
    size_t n = context ? found.count : 1;
    for (size_t i = 0; i < n && !x->rc; i++) {
        struct rh_fp_variable own;
        struct spot in = inside(x, s, context, context ? &found.items[i] : &s->focus, &own);
        if (!value) {
            values = (struct rh_fp_list){.items = &found.items[i], .count = 1};
        } else if (!results(x, &in, value, &values)) {
            continue;
        }
        for (size_t k = 0; k < values.count; k++) {
            yyjson_mut_val *v = converted(x, &values.items[k], type, name);
            if (v)
                yyjson_mut_arr_append(list, v);
        }
    }
    return true;
}

/* The element under its name: all of a list, the first of what there may be only one. */
static void put(struct rh_extract *x, yyjson_mut_val *o, struct rh_text name, bool many,
                yyjson_mut_val *list)
{
    size_t n = yyjson_mut_arr_size(list);
    if (n == 0)
        return;
    if (!many && n > 1)
        rh_extract_warn(x, name, "%zu values where there may be one; the first is taken", n);
    yyjson_mut_val *key = yyjson_mut_strncpy(x->doc, name.data, name.len);
    yyjson_mut_val *v = many ? list : yyjson_mut_arr_remove_first(list);
    yyjson_mut_obj_put(o, key, v);
}

/* Extensions of an element that are not instructions to us. */
static yyjson_mut_val *other_extensions(struct rh_extract *x, yyjson_val *list)
{
    yyjson_mut_val *out = yyjson_mut_arr(x->doc);
    yyjson_val *e;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        if (!rh_text_is(url, CONTEXT) && !rh_text_is(url, VALUE))
            yyjson_mut_arr_append(out, yyjson_val_mut_copy(x->doc, e));
    }
    return out;
}

static void fill_extra(struct rh_extract *x, const struct spot *s, yyjson_val *t,
                       const struct rh_type *type, struct rh_text key, yyjson_val *extra,
                       yyjson_mut_val *o)
{
    struct rh_text name = {key.data + 1, key.len - 1};
    const struct rh_element *e = element_of(type, name);
    yyjson_val *own = yyjson_obj_getn(t, name.data, name.len), *one;
    yyjson_mut_val *list = yyjson_mut_arr(x->doc);
    bool many = yyjson_is_arr(extra), computed = false;
    size_t i, n;
    if (many) {
        yyjson_arr_foreach (extra, i, n, one) {
            yyjson_val *fixed = yyjson_arr_get(own, i);
            if (yyjson_is_obj(one) && fill_primitive(x, s, one, e ? e->type : NULL, name, list))
                computed = true;
            else if (fixed && !yyjson_is_null(fixed))
                yyjson_mut_arr_append(list, yyjson_val_mut_copy(x->doc, fixed));
        }
    } else {
        computed = fill_primitive(x, s, extra, e ? e->type : NULL, name, list);
    }
    if (!computed) { /* an extension of the primitive that is none of ours */
        if (own)
            yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, name.data, name.len),
                               yyjson_val_mut_copy(x->doc, own));
        yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, key.data, key.len),
                           yyjson_val_mut_copy(x->doc, extra));
        return;
    }
    put(x, o, name, many || (e && e->many), list);
    if (many || !yyjson_mut_obj_getn(o, name.data, name.len))
        return;
    yyjson_mut_val *others = other_extensions(x, yyjson_obj_get(extra, "extension"));
    if (yyjson_mut_arr_size(others)) {
        yyjson_mut_val *v = yyjson_mut_obj(x->doc);
        yyjson_mut_obj_add_val(x->doc, v, "extension", others);
        yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, key.data, key.len), v);
    }
}

static void fill_member(struct rh_extract *x, const struct spot *s, const struct rh_type *type,
                        struct rh_text name, yyjson_val *v, yyjson_mut_val *o)
{
    const struct rh_element *e = element_of(type, name);
    const struct rh_type *of = e ? e->type : NULL;
    yyjson_mut_val *list = yyjson_mut_arr(x->doc);
    yyjson_val *one;
    size_t i, n;
    if (of && of->kind == RH_KIND_ABSTRACT) /* a resource inside: its own type */
        of = rh_type_find(
            rh_json_get(yyjson_is_arr(v) ? yyjson_arr_get_first(v) : v, "resourceType"));
    if (!yyjson_is_arr(v)) {
        fill_one(x, s, v, of, name, list);
        put(x, o, name, false, list);
        return;
    }
    yyjson_arr_foreach (v, i, n, one) {
        if (yyjson_is_obj(one))
            fill_one(x, s, one, of, name, list);
        else
            yyjson_mut_arr_append(list, yyjson_val_mut_copy(x->doc, one));
    }
    put(x, o, name, true, list);
}

static bool is_shared(yyjson_val *t, struct rh_text name)
{
    char under[64] = "_";
    if (name.len + 2 > sizeof under)
        return false;
    memcpy(under + 1, name.data, name.len);
    under[name.len + 1] = 0;
    return yyjson_obj_get(t, under) != NULL;
}

/* The object with everything inside filled in; NULL: nothing is left of it. */
static yyjson_mut_val *fill_object(struct rh_extract *x, const struct spot *s, yyjson_val *t,
                                   const struct rh_type *type)
{
    yyjson_mut_val *o = yyjson_mut_obj(x->doc);
    yyjson_val *key, *v;
    size_t i, n;
    yyjson_obj_foreach (t, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (rh_extract_stop(x))
            return NULL;
        if (rh_text_is(name, "extension")) {
            yyjson_mut_val *rest = other_extensions(x, v);
            if (yyjson_mut_arr_size(rest))
                yyjson_mut_obj_add_val(x->doc, o, "extension", rest);
        } else if (name.len && name.data[0] == '_') {
            fill_extra(x, s, t, type, name, v, o);
        } else if (is_shared(t, name)) {
            continue; /* written with its sibling */
        } else if (yyjson_is_obj(v) ||
                   (yyjson_is_arr(v) && yyjson_is_obj(yyjson_arr_get_first(v)))) {
            fill_member(x, s, type, name, v, o);
        } else {
            yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, name.data, name.len),
                               yyjson_val_mut_copy(x->doc, v));
        }
    }
    return yyjson_mut_obj_size(o) ? o : NULL;
}

/* --- resources -----------------------------------------------------------------------------------
 */
static yyjson_val *contained(struct rh_extract *x, yyjson_val *reference)
{
    struct rh_text id = rh_json_get(reference, "reference");
    yyjson_val *list = yyjson_obj_get(x->questionnaire, "contained"), *v;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, v) {
        if (id.len && id.data[0] == '#' &&
            rh_text_eq(rh_json_get(v, "id"), (struct rh_text){id.data + 1, id.len - 1}))
            return v;
    }
    return NULL;
}

static void add_resources(struct rh_extract *x, struct rh_extract_at *at, const struct spot *s,
                          yyjson_val *extension, yyjson_val *template, struct rh_text key)
{
    const struct rh_type *type = rh_type_find(rh_json_get(template, "resourceType"));
    yyjson_mut_val *list = yyjson_mut_arr(x->doc), *one;
    size_t i, n;
    if (!type) {
        rh_extract_warn(x, rh_json_get(at->place.question, "linkId"),
                        "the template \"%.*s\" is of no type of FHIR R4",
                        RH_TEXT_ARG(rh_json_get(template, "id")));
        return;
    }
    fill_one(x, s, template, type, rh_json_get(template, "id"), list);
    yyjson_mut_arr_foreach(list, i, n, one)
    {
        yyjson_mut_obj_remove_key(one, "id");
    }
    for (i = 0; (one = yyjson_mut_arr_remove_first(list)) && !x->rc; i++) {
        struct rh_extract_entry *e =
            rh_extract_add(x, at, i ? rh_extract_key(x, key, "*", i) : key, one);
        if (e)
            rh_extract_request(x, &s->place, extension, &s->focus, e);
    }
}

static struct rh_text mut_text(yyjson_mut_val *o, const char *name)
{
    yyjson_mut_val *v = yyjson_mut_obj_get(o, name);
    return yyjson_mut_is_str(v) ? (struct rh_text){yyjson_mut_get_str(v), yyjson_mut_get_len(v)}
                                : (struct rh_text){"", 0};
}

/* Entries of a template that is a whole transaction. */
static void add_bundle(struct rh_extract *x, struct rh_extract_at *at, const struct spot *s,
                       yyjson_val *template, struct rh_text key)
{
    yyjson_mut_val *bundle = fill_object(x, s, template, rh_type_find(RH_TEXT("Bundle")));
    yyjson_mut_val *list = yyjson_mut_obj_get(bundle, "entry"), *one;
    for (size_t i = 0; (one = yyjson_mut_arr_remove_first(list)) && !x->rc; i++) {
        yyjson_mut_val *resource = yyjson_mut_obj_get(one, "resource");
        yyjson_mut_val *request = yyjson_mut_obj_get(one, "request");
        struct rh_text url = mut_text(request, "url");
        if (!resource)
            continue;
        struct rh_extract_entry *e =
            rh_extract_add(x, at, rh_extract_key(x, key, "*", i), resource);
        if (!e)
            return;
        const char *slash = url.len ? memchr(url.data, '/', url.len) : NULL;
        e->full_url = mut_text(one, "fullUrl");
        e->if_none_exist = mut_text(request, "ifNoneExist");
        bool put = rh_text_is(mut_text(request, "method"), "PUT");
        if (put)
            e->if_match = mut_text(request, "ifMatch");
        e->if_none_match = mut_text(request, "ifNoneMatch");
        if (slash && put)
            e->id = (struct rh_text){slash + 1, url.len - (size_t)(slash + 1 - url.data)};
        else
            yyjson_mut_obj_remove_key(resource, "id");
    }
}

static void one_template(struct rh_extract *x, struct rh_extract_at *at, yyjson_val *extension,
                         size_t number, yyjson_val *item, struct rh_text key)
{
    bool bundle = rh_text_is(rh_json_get(extension, "url"), TEMPLATE_BUNDLE);
    yyjson_val *reference = bundle ? yyjson_obj_get(extension, "valueReference")
                                   : rh_item_extension_value(extension, "template", NULL);
    yyjson_val *template = contained(x, reference);
    struct spot s = {.place = at->place};
    if (!template) {
        rh_extract_warn(x, rh_json_get(at->place.question, "linkId"),
                        "the form does not contain the template \"%.*s\"",
                        RH_TEXT_ARG(rh_json_get(reference, "reference")));
        return;
    }
    s.place.item = item;
    s.focus = rh_extract_focus(&s.place);
    key = rh_extract_key(x, key, "!", number);
    if (bundle)
        add_bundle(x, at, &s, template, key);
    else
        add_resources(x, at, &s, extension, template, key);
}

/* The item with one of its answers only: a question that repeats gives a resource for each. */
static yyjson_val *with_answer(struct rh_extract *x, yyjson_val *item, size_t n)
{
    yyjson_mut_doc *doc = x->doc;
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, item), *list = yyjson_mut_arr(doc);
    yyjson_alc alc = rh_json_alc(x->c->arena);
    yyjson_mut_arr_append(
        list, yyjson_val_mut_copy(doc, yyjson_arr_get(yyjson_obj_get(item, "answer"), n)));
    yyjson_mut_obj_put(copy, yyjson_mut_str(doc, "answer"), list);
    yyjson_doc *made = yyjson_mut_val_imut_copy(copy, &alc);
    return made ? yyjson_doc_get_root(made) : item;
}

void rh_extract_template(struct rh_extract *x, struct rh_extract_at *at)
{
    yyjson_val *list = yyjson_obj_get(at->place.question, "extension"), *e;
    yyjson_val *item = at->place.item;
    size_t i, n, answers = yyjson_arr_size(yyjson_obj_get(item, "answer"));
    bool each = answers > 1 && at->place.up;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        if (rh_extract_stop(x))
            return;
        if (!rh_text_is(url, TEMPLATE) && !rh_text_is(url, TEMPLATE_BUNDLE))
            continue;
        if (at->place.up && !answers && !yyjson_arr_size(yyjson_obj_get(item, "item")))
            continue; /* of an item without answers there is nothing to be made */
        if (!each)
            one_template(x, at, e, i, item, at->key);
        for (size_t k = 0; each && k < answers; k++)
            one_template(x, at, e, i, with_answer(x, item, k), rh_extract_key(x, at->key, "@", k));
    }
}
