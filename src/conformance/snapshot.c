/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/snapshot.h"

#include "conformance/snapshot_int.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

static enum rh_rc elements_of(struct rh_ctx *c, const struct rh_definition *d, unsigned depth,
                              yyjson_val **ret);

/* --- children of a type ------------------------------------------------------------------------
 */

static const struct rh_definition *find_type(const struct rh_snap *s, struct rh_text code)
{
    if (memchr(code.data, ':', code.len))
        return rh_world_find(s->c->world, "StructureDefinition", code);
    char *url = rh_arena_printf(s->c->arena, CORE "%.*s", RH_TEXT_ARG(code));
    return url ? rh_world_find(s->c->world, "StructureDefinition", rh_text(url)) : NULL;
}

/* The one profile of the one type, else the type, else Element, of which all types are. */
static const struct rh_definition *type_definition(const struct rh_snap *s,
                                                   const struct rh_snap_node *n)
{
    yyjson_val *types = rh_snap_types(n), *only = yyjson_arr_get_first(types);
    struct rh_text code = rh_json_get(only, "code");
    yyjson_val *profiles = yyjson_obj_get(only, "profile");
    if (n->only_type.len)
        code = n->only_type;
    else if (yyjson_arr_size(types) != 1)
        return find_type(s, RH_TEXT("Element"));
    const struct rh_definition *d = NULL;
    if (yyjson_arr_size(types) == 1 && yyjson_arr_size(profiles) == 1) {
        struct rh_text url = rh_json_text(yyjson_arr_get_first(profiles));
        d = rh_world_find(s->c->world, "StructureDefinition", url);
    }
    return d || !code.len ? d : find_type(s, code);
}

/* The element that "#Questionnaire.item" points to. */
static const struct rh_snap_node *content_of(const struct rh_snap *s, struct rh_text reference)
{
    const struct rh_snap_node *n = s->root;
    struct rh_text id = reference, part;
    if (!rh_text_split(&id, '#', &part) || !id.data || !rh_text_split(&id, '.', &part))
        return NULL;
    while (n && rh_text_split(&id, '.', &part)) {
        struct rh_text name;
        rh_text_split(&part, ':', &name);
        n = rh_snap_child(n, name);
        if (n && part.data)
            n = rh_snap_slice(n, part);
    }
    return n;
}

/* The differential goes below an element that has no children in the base. */
static enum rh_rc grow(struct rh_snap *s, struct rh_snap_node *n)
{
    struct rh_text content = rh_json_get(n->element, "contentReference");
    const struct rh_snap_node *same = content.len ? content_of(s, content) : NULL;
    if (same) {
        n->types = yyjson_obj_get(same->element, "type");
        n->grown = true; /* before, since it may stand among what is copied */
        return rh_snap_copy_children(s, same, n, false);
    }
    const struct rh_definition *d = type_definition(s, n);
    yyjson_val *elements;
    struct rh_snap_node *root;
    if (!d)
        return RH_OK; /* whoever looks for a child will miss it, and say so */
    enum rh_rc rc = elements_of(s->c, d, s->depth + 1, &elements);
    if (!rc)
        rc = rh_snap_tree(s, elements, &root);
    if (!rc)
        rc = rh_snap_copy_children(s, root, n, false);
    n->grown = true;
    return rc;
}

/* --- laying the differential over the base -----------------------------------------------------
 */

/* value[x] for "valueQuantity", whose type is then known. */
static struct rh_snap_node *choice(struct rh_snap_node *n, struct rh_text name,
                                   struct rh_text *ret_type)
{
    for (struct rh_snap_node *k = n->children; k; k = k->next) {
        size_t stem = k->name.len - 3;
        if (!rh_text_ends(k->name, "[x]") || name.len <= stem ||
            memcmp(k->name.data, name.data, stem) != 0)
            continue;
        yyjson_arr_iter it = yyjson_arr_iter_with(rh_snap_types(k));
        yyjson_val *type;
        while ((type = yyjson_arr_iter_next(&it))) {
            struct rh_text code = rh_json_get(type, "code");
            struct rh_text rest = {name.data + stem, name.len - stem};
            if (code.len == rest.len && rh_text_ieq(code, rest)) {
                *ret_type = code;
                return k;
            }
        }
    }
    return NULL;
}

/* A new slice is what it slices, as it is by now; "a/b" is what the slice "a" is. */
static enum rh_rc new_slice(struct rh_snap *s, struct rh_snap_node *of, struct rh_text name,
                            struct rh_snap_node **ret)
{
    struct rh_snap_node *n, *from = of;
    for (size_t i = name.len; i-- > 1 && from == of;) {
        struct rh_snap_node *outer =
            name.data[i] == '/' ? rh_snap_slice(of, (struct rh_text){name.data, i}) : NULL;
        from = outer ? outer : of;
    }
    enum rh_rc rc = rh_snap_add(s, of, of->name, name, &n);
    if (rc)
        return rc;
    n->element = from->element;
    n->types = from->types;
    n->only_type = from->only_type;
    n->new_slice = true;
    rc = rh_snap_change_all(s, n, from->changes);
    *ret = n;
    return rc ? rc : rh_snap_copy_children(s, from, n, true);
}

static enum rh_rc slice_of(struct rh_snap *s, struct rh_snap_node *of, struct rh_text name,
                           struct rh_text type, struct rh_snap_node **ret)
{
    struct rh_text code = {"", 0};
    if (!type.len && rh_text_ends(of->name, "[x]") && choice(of->up, name, &code) == of)
        type = code;
    *ret = rh_snap_slice(of, name);
    enum rh_rc rc = *ret ? RH_OK : new_slice(s, of, name, ret);
    if (!rc && type.len)
        (*ret)->only_type = type;
    return rc;
}

static enum rh_rc misses(struct rh_snap *s, const struct rh_snap_node *n, struct rh_text name)
{
    struct rh_buf path = rh_buf(s->c->arena);
    rh_snap_path(n, true, &path);
    return rh_issue_add(s->c->issues, RH_VALUE, NULL,
                        "Profile %.*s: the differential has %.*s.%.*s, which its base does not.",
                        RH_TEXT_ARG(s->url), RH_TEXT_ARG(rh_buf_get(&path)), RH_TEXT_ARG(name));
}

/* The node of the base that a node of the differential is about. */
static enum rh_rc target_of(struct rh_snap *s, struct rh_snap_node *n,
                            const struct rh_snap_node *wanted, struct rh_snap_node **ret,
                            struct rh_text *ret_type)
{
    static const struct rh_text none = {"", 0};
    *ret_type = none;
    *ret = rh_snap_child(n, wanted->name);
    if (!*ret)
        *ret = choice(n, wanted->name, ret_type);
    if (*ret)
        return RH_OK;
    if (!s->extends)
        return misses(s, n, wanted->name);
    return rh_snap_add(s, n, wanted->name, none, ret);
}

static enum rh_rc overlay(struct rh_snap *s, struct rh_snap_node *n,
                          const struct rh_snap_node *wanted);

/* "valueQuantity": the slice of that name, or value[x] itself when it has no other type. When the
 * differential names no second type in this way, the other types are out. */
static enum rh_rc overlay_choice(struct rh_snap *s, struct rh_snap_node *n, struct rh_text type,
                                 const struct rh_snap_node *wanted)
{
    static const struct rh_text none = {"", 0};
    struct rh_snap_node *cut;
    if (yyjson_arr_size(rh_snap_types(n)) == 1 && !n->slices)
        return overlay(s, n, wanted);
    bool first = !n->slices || rh_text_eq(n->slices->slice, wanted->name);
    enum rh_rc rc = slice_of(s, n, wanted->name, type, &cut);
    n->closed = first;
    n->only_type = first ? type : none;
    return rc ? rc : overlay(s, cut, wanted);
}

/* A slice that must be there leaves no room for another type. */
static bool requires(yyjson_val *element)
{
    struct rh_text min = rh_json_text(yyjson_obj_get(element, "min"));
    return min.len && !rh_text_is(min, "0");
}

static enum rh_rc overlay_child(struct rh_snap *s, struct rh_snap_node *n,
                                const struct rh_snap_node *wanted)
{
    struct rh_snap_node *target, *cut;
    struct rh_text type;
    enum rh_rc rc = target_of(s, n, wanted, &target, &type);
    if (rc)
        return rc;
    if (type.len)
        return overlay_choice(s, target, type, wanted);
    rc = overlay(s, target, wanted);
    for (const struct rh_snap_node *k = wanted->slices; k && !rc; k = k->next) {
        rc = slice_of(s, target, k->slice, type, &cut);
        if (!rc)
            rc = overlay(s, cut, k);
        if (!rc && cut->only_type.len && !cut->next && requires(k->element)) {
            target->only_type = cut->only_type;
            target->closed = true;
        }
    }
    return rc;
}

static enum rh_rc overlay(struct rh_snap *s, struct rh_snap_node *n,
                          const struct rh_snap_node *wanted)
{
    enum rh_rc rc = wanted->element ? rh_snap_change(s, n, wanted->element) : RH_OK;
    n->own = wanted->element;
    if (!rc && wanted->children && !n->children && (n->element || n->changes))
        rc = grow(s, n);
    for (const struct rh_snap_node *k = wanted->children; k && !rc; k = k->next)
        rc = overlay_child(s, n, k);
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static enum rh_rc base_elements(struct rh_snap *s, yyjson_val *body, yyjson_val **ret)
{
    struct rh_text base = rh_json_get(body, "baseDefinition");
    const struct rh_definition *d = rh_world_find(s->c->world, "StructureDefinition", base);
    *ret = NULL;
    if (s->extends && (!base.len || rh_text_ends(base, "/Base")))
        return RH_OK; /* Element, Resource, and models that are of no type of R4 */
    if (!d)
        return rh_issue_add(s->c->issues, RH_NOTFOUND, NULL,
                            "Profile %.*s: its base %.*s is not loaded; add the package that has "
                            "it.",
                            RH_TEXT_ARG(s->url), RH_TEXT_ARG(base));
    return elements_of(s->c, d, s->depth + 1, ret);
}

static enum rh_rc make_tree(struct rh_snap *s, yyjson_val *body, yyjson_val *differential)
{
    struct rh_snap_node *wanted;
    yyjson_val *elements;
    enum rh_rc rc = base_elements(s, body, &elements);
    if (!rc)
        rc = rh_snap_tree(s, differential, &wanted);
    if (!rc)
        rc = elements ? rh_snap_tree(s, elements, &s->root)
                      : rh_snap_add(s, NULL, wanted->name, (struct rh_text){"", 0}, &s->root);
    if (rc)
        return rc;
    if (s->extends)
        s->root->name = wanted->name;
    if (!rh_text_eq(s->root->name, wanted->name))
        return rh_issue_add(s->c->issues, RH_VALUE, NULL,
                            "Profile %.*s: the differential is of %.*s and its base of %.*s.",
                            RH_TEXT_ARG(s->url), RH_TEXT_ARG(wanted->name),
                            RH_TEXT_ARG(s->root->name));
    return overlay(s, s->root, wanted);
}

static enum rh_rc generate(struct rh_ctx *c, const struct rh_definition *d, unsigned depth,
                           yyjson_val **ret)
{
    struct rh_snap s = {.c = c, .url = d->url, .depth = depth};
    struct rh_buf b = rh_buf(c->arena);
    yyjson_val *body, *differential;
    yyjson_doc *doc;
    if (depth > RH_SNAPSHOT_BASES_MAX)
        return rh_issue_add(c->issues, RH_VALUE, NULL,
                            "Profile %.*s: more than %d profiles stand on each other, or one on "
                            "itself.",
                            RH_TEXT_ARG(d->url), RH_SNAPSHOT_BASES_MAX);
    enum rh_rc rc = rh_definition_body(c, d, &body);
    if (rc)
        return rc;
    differential = yyjson_obj_get(yyjson_obj_get(body, "differential"), "element");
    s.extends = !rh_text_is(rh_json_get(body, "derivation"), "constraint");
    if (yyjson_arr_size(differential) == 0) {
        rc = base_elements(&s, body, ret);
        return rc || *ret ? rc
                          : rh_issue_add(c->issues, RH_VALUE, NULL,
                                         "Profile %.*s: it has no elements and no base.",
                                         RH_TEXT_ARG(d->url));
    }
    rc = make_tree(&s, body, differential);
    rh_buf_char(&b, '[');
    if (!rc)
        rc = rh_snap_write(&s, s.root, &b);
    rh_buf_char(&b, ']');
    if (!rc)
        rc = b.rc;
    if (!rc)
        rc = rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* A form's maker (fhir/world.h). */
static enum rh_rc make_form(struct rh_ctx *c, const struct rh_definition *d, void *user,
                            const void **ret)
{
    yyjson_val *elements;
    struct rh_ctx inner = *c;
    struct rh_arena *scratch = rh_arena_open(RH_FORM_MEMORY_MAX);
    yyjson_doc *doc;
    inner.arena = scratch;
    enum rh_rc rc = generate(&inner, d, *(const unsigned *)user, &elements);
    if (!rc) {
        struct rh_buf b = rh_buf(scratch);
        rh_json_write(&b, elements);
        rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    }
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    rh_arena_close(scratch);
    return rc;
}

static enum rh_rc elements_of(struct rh_ctx *c, const struct rh_definition *d, unsigned depth,
                              yyjson_val **ret)
{
    yyjson_val *body, *own;
    const void *form;
    enum rh_rc rc = rh_definition_body(c, d, &body);
    if (rc)
        return rc;
    own = yyjson_obj_get(yyjson_obj_get(body, "snapshot"), "element");
    if (yyjson_arr_size(own) > 0) {
        *ret = own;
        return RH_OK;
    }
    rc = rh_world_form(c, d, RH_FORM_SNAPSHOT, make_form, &depth, &form);
    if (!rc)
        *ret = (yyjson_val *)(uintptr_t)form;
    return rc;
}

enum rh_rc rh_snapshot(struct rh_ctx *c, const struct rh_definition *profile, yyjson_val **ret)
{
    return elements_of(c, profile, 0, ret);
}

enum rh_rc rh_snapshot_generate(struct rh_ctx *c, const struct rh_definition *profile,
                                yyjson_val **ret)
{
    return generate(c, profile, 0, ret);
}
