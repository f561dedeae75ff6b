/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_extract_definition.c - resources whose elements items name by `definition` (SDC,
 * "Definition-based extraction"): definitionExtract (or the older itemExtractionContext) opens a
 * resource, answers below go to the element that item.definition names, definitionExtractValue adds
 * fixed and computed values.
 *
 * Which entry of a list an answer belongs to: the one that the nearest group with a definition, or
 * the nearest group that repeats, has begun; else the last one as long as it does not have the
 * value yet.
 */
#include "clinical/form_extract_int.h"

#define DEFINITION_EXTRACT RH_SDC_EXT "sdc-questionnaire-definitionExtract"
#define DEFINITION_VALUE   RH_SDC_EXT "sdc-questionnaire-definitionExtractValue"
#define ITEM_CONTEXT       RH_SDC_EXT "sdc-questionnaire-itemExtractionContext"
#define FHIR_SD            "http://hl7.org/fhir/StructureDefinition/"

enum { LISTS_MAX = 256 };

/* A list of the resource, and whose entry its last one is. */
struct list_owner {
    yyjson_mut_val *list;
    yyjson_val *owner; /* item of the response */
};

struct rh_definition_target {
    struct rh_definition_target *up;
    struct rh_text url; /* canonical of the definition */
    const struct rh_type *type;
    yyjson_val *profile; /* StructureDefinition; NULL: of FHIR itself, or not loaded */
    yyjson_mut_val *resource;
    yyjson_val *item; /* of the response: where it began */
    struct rh_extract_entry request;
    struct list_owner lists[LISTS_MAX];
    unsigned n_lists;
    bool filled, existing; /* existing: the resource is there already and is changed */
};

static struct rh_text before(struct rh_text t, char c)
{
    const char *p = t.len ? memchr(t.data, c, t.len) : NULL;
    return p ? (struct rh_text){t.data, (size_t)(p - t.data)} : t;
}

/* --- profiles ------------------------------------------------------------------------------------
 */
static yyjson_val *profile_of(struct rh_extract *x, struct rh_text url)
{
    const struct rh_definition *d = rh_world_find(x->c->world, "StructureDefinition", url);
    struct rh_issues silent, *outer = x->c->issues;
    yyjson_val *body = NULL;
    rh_issues_init(&silent, x->c->arena);
    x->c->issues = &silent;
    if (d && rh_definition_body(x->c, d, &body))
        body = NULL;
    x->c->issues = outer;
    return body;
}

static yyjson_val *elements_of(yyjson_val *profile)
{
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(profile, "snapshot"), "element");
    return list ? list : yyjson_obj_get(yyjson_obj_get(profile, "differential"), "element");
}

static yyjson_val *element_by_id(yyjson_val *profile, struct rh_text id)
{
    yyjson_val *e;
    size_t i, n;
    yyjson_arr_foreach (elements_of(profile), i, n, e) {
        if (rh_text_eq(rh_json_get(e, "id"), id))
            return e;
    }
    return NULL;
}

/* fixed[x] or pattern[x] of an ElementDefinition; NULL: none. */
static yyjson_val *fixed_of(yyjson_val *element)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (element, i, n, key, v) {
        if (rh_text_starts(rh_json_text(key), "fixed") ||
            rh_text_starts(rh_json_text(key), "pattern"))
            return v;
    }
    return NULL;
}

/* What the profile fixes right below the element `id` (of the resource or a slice). */
static void put_fixed(struct rh_extract *x, yyjson_val *profile, struct rh_text id,
                      const struct rh_type *type, yyjson_mut_val *o)
{
    yyjson_val *e;
    size_t i, n;
    yyjson_arr_foreach (elements_of(profile), i, n, e) {
        struct rh_text one = rh_json_get(e, "id");
        yyjson_val *fixed = fixed_of(e);
        if (!fixed || one.len <= id.len + 1 || memcmp(one.data, id.data, id.len) != 0 ||
            one.data[id.len] != '.')
            continue;
        struct rh_text name = {one.data + id.len + 1, one.len - id.len - 1};
        const struct rh_element *el = rh_element_find(type, name);
        if (memchr(name.data, '.', name.len) || memchr(name.data, ':', name.len) || !el ||
            yyjson_mut_obj_getn(o, name.data, name.len))
            continue;
        yyjson_mut_val *v = yyjson_val_mut_copy(x->doc, fixed);
        if (el->many && !yyjson_is_arr(fixed)) {
            yyjson_mut_val *list = yyjson_mut_arr(x->doc);
            yyjson_mut_arr_append(list, v);
            v = list;
        }
        yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, name.data, name.len), v);
    }
}

/* --- opening a resource --------------------------------------------------------------------------
 */
static struct rh_definition_target *open_target(struct rh_extract *x, struct rh_extract_at *at,
                                                struct rh_text url, struct rh_text type)
{
    struct rh_definition_target *t = rh_arena_zero(x->c->arena, sizeof *t);
    if (!t) {
        x->rc = RH_NOMEM;
        return NULL;
    }
    t->up = at->target;
    t->url = url;
    t->item = at->place.item;
    if (!rh_text_starts(url, FHIR_SD) || !rh_type_find(type))
        t->profile = profile_of(x, url);
    t->type = rh_type_find(t->profile ? rh_json_get(t->profile, "type") : type);
    if (!t->type || t->type->kind != RH_KIND_RESOURCE) {
        rh_extract_warn(x, rh_json_get(at->place.question, "linkId"),
                        "the definition %.*s is not loaded, so nobody knows what to make of it",
                        RH_TEXT_ARG(url));
        return NULL;
    }
    t->resource = yyjson_mut_obj(x->doc);
    yyjson_mut_obj_add_strcpy(x->doc, t->resource, "resourceType", t->type->name);
    if (t->profile) {
        yyjson_mut_val *meta = yyjson_mut_obj(x->doc), *list = yyjson_mut_arr(x->doc);
        yyjson_mut_arr_append(list, yyjson_mut_strncpy(x->doc, url.data, url.len));
        yyjson_mut_obj_add_val(x->doc, meta, "profile", list);
        yyjson_mut_obj_add_val(x->doc, t->resource, "meta", meta);
        put_fixed(x, t->profile, rh_text(t->type->name), t->type, t->resource);
    }
    return t;
}

static struct rh_text last_part(struct rh_text url)
{
    for (size_t i = url.len; i > 0; i--)
        if (url.data[i - 1] == '/')
            return (struct rh_text){url.data + i, url.len - i};
    return url;
}

/* A resource of the record, without what only the record says of it. */
static yyjson_mut_val *copy_of(struct rh_extract *x, yyjson_val *resource)
{
    yyjson_mut_val *copy = yyjson_val_mut_copy(x->doc, resource);
    yyjson_mut_val *meta = yyjson_mut_obj_get(copy, "meta");
    yyjson_mut_obj_remove_key(meta, "versionId");
    yyjson_mut_obj_remove_key(meta, "lastUpdated");
    if (meta && !yyjson_mut_obj_size(meta))
        yyjson_mut_obj_remove_key(copy, "meta");
    return copy;
}

/* itemExtractionContext: a type, an existing resource, or a query for one. */
static struct rh_definition_target *older(struct rh_extract *x, struct rh_extract_at *at,
                                          yyjson_val *v)
{
    struct rh_text type = rh_json_text(v), query = rh_json_get(v, "expression");
    yyjson_val *existing = NULL;
    struct rh_fp_list list;
    if (yyjson_is_obj(v)) {
        struct rh_fp_item focus = rh_extract_focus(&at->place);
        struct rh_text path = rh_form_fhirpath(v);
        type = before(before(query, '?'), '/');
        if (path.data && rh_extract_eval(x, &at->place, path, &focus, &list) && list.count &&
            list.items[0].kind == RH_FP_NODE)
            existing = list.items[0].node.value;
        if (existing)
            type = rh_json_get(existing, "resourceType");
    }
    const char *url = rh_arena_printf(x->c->arena, FHIR_SD "%.*s", RH_TEXT_ARG(type));
    struct rh_definition_target *t = url ? open_target(x, at, rh_text(url), type) : NULL;
    if (t && existing) {
        t->resource = copy_of(x, existing);
        t->request.id = rh_json_get(existing, "id");
        t->existing = true;
    }
    return t;
}

void rh_extract_definition_begin(struct rh_extract *x, struct rh_extract_at *at)
{
    yyjson_val *e = rh_item_extension(at->place.question, DEFINITION_EXTRACT);
    yyjson_val *context = rh_item_extension_value(at->place.question, ITEM_CONTEXT, NULL);
    struct rh_definition_target *t = NULL;
    if (e) {
        struct rh_text url =
            before(rh_json_text(rh_item_extension_value(e, "definition", NULL)), '|');
        struct rh_fp_item focus = rh_extract_focus(&at->place);
        t = open_target(x, at, url, last_part(url));
        if (t)
            rh_extract_request(x, &at->place, e, &focus, &t->request);
    } else if (context) {
        t = older(x, at, context);
    }
    if (t)
        at->target = t;
}

/* --- writing to a path ---------------------------------------------------------------------------
 */
/* The item whose entry of a list this is: the nearest group below the resource's own that repeats
 * or has a definition; NULL: none. */
static yyjson_val *owner_of(const struct rh_definition_target *t, const struct rh_extract_at *at)
{
    for (; at && at->place.item != t->item; at = at->up) {
        bool group = rh_text_is(rh_json_get(at->place.question, "type"), "group");
        if (group && (yyjson_is_true(yyjson_obj_get(at->place.question, "repeats")) ||
                      yyjson_obj_get(at->place.question, "definition")))
            return at->place.item;
    }
    return NULL;
}

static struct list_owner *owner_row(struct rh_definition_target *t, yyjson_mut_val *list)
{
    for (unsigned i = 0; i < t->n_lists; i++)
        if (t->lists[i].list == list)
            return &t->lists[i];
    if (t->n_lists == LISTS_MAX)
        return NULL;
    if (t->existing) /* what the form says stands in place of what was there */
        yyjson_mut_arr_clear(list);
    t->lists[t->n_lists] = (struct list_owner){.list = list};
    return &t->lists[t->n_lists++];
}

static yyjson_mut_val *child(struct rh_extract *x, yyjson_mut_val *o, struct rh_text name,
                             bool array)
{
    yyjson_mut_val *v = yyjson_mut_obj_getn(o, name.data, name.len);
    if (!v) {
        v = array ? yyjson_mut_arr(x->doc) : yyjson_mut_obj(x->doc);
        yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, name.data, name.len), v);
    }
    return v;
}

/* A step of a path: "name", "name:slice". `id` is the element id so far. */
struct step {
    struct rh_text name, slice, id, rest;
};

static bool next_step(struct step *s)
{
    struct rh_text part;
    if (!rh_text_split(&s->rest, '.', &part))
        return false;
    s->name = before(part, ':');
    s->slice = part.len > s->name.len
                   ? (struct rh_text){part.data + s->name.len + 1, part.len - s->name.len - 1}
                   : (struct rh_text){"", 0};
    s->id.len = (size_t)(part.data + part.len - s->id.data);
    return true;
}

/* An extension slice is told by its address. */
static void begin_slice(struct rh_extract *x, struct rh_definition_target *t, const struct step *s,
                        const struct rh_type *type, yyjson_mut_val *o)
{
    yyjson_val *e = element_by_id(t->profile, s->id);
    yyjson_val *of = yyjson_arr_get_first(yyjson_obj_get(e, "type"));
    struct rh_text url = rh_json_text(yyjson_arr_get_first(yyjson_obj_get(of, "profile")));
    if (strcmp(type->name, "Extension") == 0 && url.len)
        yyjson_mut_obj_put(o, yyjson_mut_str(x->doc, "url"),
                           yyjson_mut_strncpy(x->doc, url.data, url.len));
    put_fixed(x, t->profile, s->id, type, o);
}

/* Has the entry what the rest of the path would put there? */
static bool taken(yyjson_mut_val *entry, struct rh_text rest, const struct rh_type *type)
{
    struct step s = {.rest = rest, .id = rest};
    if (!next_step(&s) || !yyjson_mut_is_obj(entry))
        return true;
    const struct rh_element *e = rh_element_find(type, s.name);
    yyjson_mut_val *v = yyjson_mut_obj_getn(entry, s.name.data, s.name.len);
    if (!v || (e && e->many))
        return false;
    return !s.rest.data || !e || taken(v, s.rest, e->type);
}

/* The entry of a list that the path goes on in. */
static yyjson_mut_val *entry_of(struct rh_extract *x, struct rh_definition_target *t,
                                const struct rh_extract_at *at, yyjson_mut_val *list,
                                const struct step *s, const struct rh_type *type)
{
    yyjson_val *owner = owner_of(t, at);
    struct list_owner *row = owner_row(t, list);
    yyjson_mut_val *last = yyjson_mut_arr_get_last(list);
    bool other_slice = false;
    if (s->slice.len && last) { /* entries of slices are told by what the profile fixes */
        yyjson_mut_val *mark = yyjson_mut_obj(x->doc);
        begin_slice(x, t, s, type, mark);
        yyjson_mut_val *key, *v;
        size_t i, n;
        yyjson_mut_obj_foreach(mark, i, n, key, v)
        {
            if (!yyjson_mut_equals(v, yyjson_mut_obj_get(last, yyjson_mut_get_str(key))))
                other_slice = true;
        }
    }
    if (last && !other_slice && (!row || row->owner == owner) && !taken(last, s->rest, type))
        return last;
    last = yyjson_mut_obj(x->doc);
    yyjson_mut_arr_append(list, last);
    if (s->slice.len)
        begin_slice(x, t, s, type, last);
    if (row)
        row->owner = owner;
    return last;
}

/* Of a choice there is one. */
static void drop_other_choices(yyjson_mut_val *o, const struct rh_type *type,
                               const struct rh_element *e)
{
    for (unsigned i = 0; e && e->choice && i < type->count; i++)
        if (type->elements[i].choice && strcmp(type->elements[i].base, e->base) == 0 &&
            &type->elements[i] != e)
            yyjson_mut_obj_remove_key(o, type->elements[i].name);
}

static void put_leaf(struct rh_extract *x, struct rh_definition_target *t, yyjson_mut_val *o,
                     const struct rh_type *type, struct rh_text name, const struct rh_fp_item *item,
                     struct rh_text link)
{
    if (rh_text_ends(name, "[x]"))
        name.len -= 3;
    const struct rh_element *e = rh_element_find(type, name);
    yyjson_mut_val *v;
    if (e)
        v = rh_form_value_as(x, item, e->type);
    else
        v = rh_form_value_choice(x, item, type, name, &e);
    if (!v || !e) {
        rh_extract_warn(x, link, "the answer, a %.*s, cannot be %s.%.*s",
                        RH_TEXT_ARG(rh_fp_type_name(x->c->arena, item)), type->name,
                        RH_TEXT_ARG(name));
        return;
    }
    t->filled = true;
    struct rh_text member = rh_text(e->name);
    yyjson_mut_val *list = e->many ? child(x, o, member, true) : NULL;
    if (list) {
        (void)owner_row(t, list);
        yyjson_mut_arr_append(list, v);
    } else {
        drop_other_choices(o, type, e);
        yyjson_mut_obj_put(o, yyjson_mut_strncpy(x->doc, member.data, member.len), v);
    }
}

/* The element of a step on the way; of a choice the type that its slice names
 * ("value[x]:valueQuantity") or the one that has what comes next ("value[x].unit"). */
static const struct rh_element *step_element(const struct rh_type *type, struct step *s)
{
    struct rh_text base = s->name, part = before(before(s->rest, '.'), ':');
    if (!rh_text_ends(base, "[x]"))
        return rh_element_find(type, base);
    base.len -= 3;
    if (s->slice.len) {
        const struct rh_element *e = rh_element_find(type, s->slice);
        s->slice = (struct rh_text){"", 0};
        if (e)
            return e;
    }
    for (unsigned i = 0; i < type->count; i++) {
        const struct rh_element *e = &type->elements[i];
        if (e->choice && rh_text_is(base, e->base) && e->type->kind != RH_KIND_PRIMITIVE &&
            rh_element_find(e->type, part))
            return e;
    }
    return NULL;
}

/* Puts a value at "Patient.name.given" (behind the address and "#"). */
static void put_value(struct rh_extract *x, struct rh_definition_target *t,
                      const struct rh_extract_at *at, struct rh_text definition,
                      const struct rh_fp_item *item)
{
    const char *hash = definition.len ? memchr(definition.data, '#', definition.len) : NULL;
    struct rh_text link = rh_json_get(at->place.question, "linkId");
    const struct rh_type *type = t->type;
    yyjson_mut_val *o = t->resource;
    if (!hash)
        return;
    struct rh_text path = {hash + 1, definition.len - (size_t)(hash + 1 - definition.data)};
    struct step s = {.rest = path, .id = path};
    next_step(&s); /* the type */
    while (next_step(&s)) {
        if (!s.rest.data && !s.slice.len) {
            put_leaf(x, t, o, type, s.name, item, link);
            return;
        }
        const struct rh_element *e = step_element(type, &s);
        if (!e) {
            rh_extract_warn(x, link, "%s has no element \"%.*s\"", type->name, RH_TEXT_ARG(s.name));
            return;
        }
        type = e->type;
        o = child(x, o, rh_text(e->name), e->many);
        if (e->many)
            o = entry_of(x, t, at, o, &s, type);
    }
    /* The path ends in a slice: the value is the value of the extension, or the entry itself. */
    if (strcmp(type->name, "Extension") == 0)
        put_leaf(x, t, o, type, RH_TEXT("value"), item, link);
}

/* The nearest resource above that a definition belongs to. */
static struct rh_definition_target *target_of(const struct rh_extract_at *at,
                                              struct rh_text definition)
{
    struct rh_text url = before(before(definition, '#'), '|');
    const char *hash = definition.len ? memchr(definition.data, '#', definition.len) : NULL;
    struct rh_text path = {NULL, 0};
    if (hash)
        path = (struct rh_text){hash + 1, definition.len - (size_t)(hash + 1 - definition.data)};
    for (struct rh_definition_target *t = at->target; t; t = t->up)
        if (rh_text_eq(t->url, url))
            return t;
    /* The older form: any address of the type of the context. */
    struct rh_text name = before(before(path, '.'), ':');
    for (struct rh_definition_target *t = at->target; t; t = t->up)
        if (rh_text_is(name, t->type->name))
            return t;
    return NULL;
}

static void fixed_values(struct rh_extract *x, struct rh_extract_at *at)
{
    yyjson_val *list = yyjson_obj_get(at->place.question, "extension"), *e;
    struct rh_fp_item focus = rh_extract_focus(&at->place);
    size_t i, n;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text definition, type;
        struct rh_fp_list found = {0};
        if (!rh_text_is(rh_json_get(e, "url"), DEFINITION_VALUE) || rh_extract_stop(x))
            continue;
        definition = rh_json_text(rh_item_extension_value(e, "definition", NULL));
        struct rh_definition_target *t = target_of(at, definition);
        if (!t)
            continue;
        bool was = t->filled;
        yyjson_val *fixed = rh_item_extension_value(e, "fixed-value", &type);
        yyjson_val *expression = rh_item_extension_value(e, "expression", NULL);
        if (fixed) {
            const struct rh_type *ext = rh_type_find(RH_TEXT("Extension"));
            const struct rh_element *el =
                rh_element_find(ext, (struct rh_text){type.data - 5, type.len + 5});
            struct rh_fp_item item = rh_fp_node(el ? el->type : NULL, fixed, NULL);
            put_value(x, t, at, definition, &item);
            t->filled = was; /* what is the same for everybody is no reason for a resource */
        } else if (rh_extract_eval(x, &at->place, rh_form_fhirpath(expression), &focus, &found)) {
            for (size_t k = 0; k < found.count; k++)
                put_value(x, t, at, definition, &found.items[k]);
        }
    }
}

void rh_extract_definition_answers(struct rh_extract *x, struct rh_extract_at *at)
{
    struct rh_text definition = rh_json_get(at->place.question, "definition");
    yyjson_val *answers = yyjson_obj_get(at->place.item, "answer"), *answer;
    struct rh_fp_item item;
    size_t i, n;
    if (!at->target)
        return;
    bool content = !at->place.up || yyjson_arr_size(answers) ||
                   yyjson_arr_size(yyjson_obj_get(at->place.item, "item"));
    if (!content)
        return;
    fixed_values(x, at);
    struct rh_definition_target *t = definition.len ? target_of(at, definition) : NULL;
    if (!t)
        return;
    yyjson_arr_foreach (answers, i, n, answer) {
        if (rh_form_answer_item(answer, &item))
            put_value(x, t, at, definition, &item);
    }
}

/* The resource of the context that this one is by its id: what the form does not have stays. */
static yyjson_mut_val *over_known(struct rh_extract *x, yyjson_mut_val *resource, struct rh_text id)
{
    yyjson_mut_val *own = yyjson_mut_obj_get(resource, "id"), *base, *key, *v;
    const char *type = yyjson_mut_get_str(yyjson_mut_obj_get(resource, "resourceType"));
    yyjson_val *name, *known;
    size_t i, n, j, m;
    if (!id.len && own)
        id = (struct rh_text){yyjson_mut_get_str(own), yyjson_mut_get_len(own)};
    yyjson_obj_foreach (rh_some(x->o->context), i, n, name, known) {
        if (!id.len || !rh_text_eq(rh_json_get(known, "id"), id) ||
            !rh_text_is(rh_json_get(known, "resourceType"), type))
            continue;
        base = copy_of(x, known);
        yyjson_mut_obj_foreach(resource, j, m, key, v)
        {
            const char *member = yyjson_mut_get_str(key);
            const struct rh_type *of = rh_type_find(rh_text(type));
            drop_other_choices(base, of, rh_element_find(of, rh_text(member)));
            yyjson_mut_obj_remove_key(base, member);
            yyjson_mut_obj_add_val(x->doc, base, yyjson_mut_get_str(key),
                                   yyjson_mut_val_mut_copy(x->doc, v));
        }
        return base;
    }
    return resource;
}

void rh_extract_definition_end(struct rh_extract *x, struct rh_extract_at *at,
                               struct rh_definition_target *outer)
{
    struct rh_definition_target *t = at->target;
    if (!t || t == outer || x->rc)
        return;
    at->target = outer;
    if (!t->filled)
        return;
    if (!t->existing)
        t->resource = over_known(x, t->resource, t->request.id);
    struct rh_extract_entry *e =
        rh_extract_add(x, at, rh_extract_key(x, at->key, "=", 0), t->resource);
    if (!e)
        return;
    e->id = t->request.id;
    e->full_url = t->request.full_url;
    e->if_none_match = t->request.if_none_match;
    e->if_modified_since = t->request.if_modified_since;
    e->if_match = t->request.if_match;
    e->if_none_exist = t->request.if_none_exist;
}
