/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * StructureDefinition -> rules. The snapshot's elements come parents first, so one pass with the
 * last rule of each depth makes the tree; a slice hangs on the element it slices.
 */
#include "conformance/implied_int.h"
#include "conformance/snapshot.h"
#include "conformance/validate_int.h"

#include <limits.h>

#define CORE          "http://hl7.org/fhir/StructureDefinition/"
#define MAX_VALUE_SET CORE "elementdefinition-maxValueSet"
#define BEST_PRACTICE CORE "elementdefinition-bestpractice"

enum { PATH_DEPTH_MAX = 40 };

struct build {
    struct rh_ctx *c;
    struct rh_profile *p;
    struct rh_rule *open[PATH_DEPTH_MAX]; /* the last rule of each depth */
    struct rh_rule **all;                 /* for contentReferences */
    yyjson_val **sources;
    size_t n_all;
};

/* --- pieces of an ElementDefinition ----------------------------------------------------------- */

static struct rh_text extension_value(yyjson_val *owner, const char *url, const char *value)
{
    yyjson_val *list = yyjson_obj_get(owner, "extension"), *e;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, e) {
            if (rh_text_is(rh_json_get(e, "url"), url))
                return rh_json_text(yyjson_obj_get(e, value));
        }
    }
    return (struct rh_text){NULL, 0};
}

/* fixed[x], pattern[x], minValue[x]: the member whose name begins so. */
static yyjson_val *member_of_choice(yyjson_val *e, const char *prefix)
{
    size_t i, n, len = strlen(prefix);
    yyjson_val *key, *v;
    yyjson_obj_foreach (e, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (name.len > len && memcmp(name.data, prefix, len) == 0 && name.data[len] >= 'A' &&
            name.data[len] <= 'Z')
            return v;
    }
    return NULL;
}

static unsigned number(yyjson_val *v, unsigned otherwise)
{
    uint64_t n;
    struct rh_text t = rh_json_text(v);
    if (t.len == 0)
        return otherwise;
    return rh_text_u64(t, UINT_MAX, &n) == RH_OK ? (unsigned)n : UINT_MAX; /* "*" */
}

static enum rh_rc texts(struct build *b, yyjson_val *list, const struct rh_text **ret,
                        unsigned *ret_n)
{
    *ret_n = 0;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return RH_OK;
    struct rh_text *t = rh_arena_alloc(b->c->arena, yyjson_arr_size(list) * sizeof *t);
    if (!t)
        return RH_NOMEM;
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (list, i, n, v) {
        if (yyjson_is_str(v))
            t[(*ret_n)++] = rh_json_text(v);
    }
    *ret = t;
    return RH_OK;
}

/* "http://hl7.org/fhirpath/System.String" of ids and urls is the primitive of that name. */
static const struct rh_type *type_of_code(struct rh_text code)
{
    static const char system[] = "http://hl7.org/fhirpath/System.";
    if (!rh_text_starts(code, system))
        return rh_type_find(code);
    char name[32];
    size_t len = code.len - (sizeof system - 1);
    if (len == 0 || len >= sizeof name)
        return NULL;
    memcpy(name, code.data + sizeof system - 1, len);
    name[0] = (char)(name[0] | 0x20);
    return rh_type_find((struct rh_text){name, len});
}

static enum rh_rc read_types(struct build *b, yyjson_val *e, struct rh_rule *rule)
{
    yyjson_val *list = yyjson_obj_get(e, "type"), *v;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return RH_OK;
    rule->types = rh_arena_zero(b->c->arena, yyjson_arr_size(list) * sizeof *rule->types);
    if (!rule->types)
        return RH_NOMEM;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_type_ref *t = &rule->types[rule->n_types];
        t->code = rh_json_get(v, "code");
        if (t->code.len == 0)
            continue;
        t->type = type_of_code(t->code);
        enum rh_rc rc = texts(b, yyjson_obj_get(v, "profile"), &t->profiles, &t->n_profiles);
        if (!rc)
            rc = texts(b, yyjson_obj_get(v, "targetProfile"), &t->targets, &t->n_targets);
        if (rc)
            return rc;
        rule->n_types++;
    }
    return RH_OK;
}

static void read_binding(yyjson_val *e, struct rh_rule *rule)
{
    static const char *const names[] = {"", "example", "preferred", "extensible", "required"};
    yyjson_val *binding = yyjson_obj_get(e, "binding");
    struct rh_text strength = rh_json_get(binding, "strength");
    rule->value_set = rh_json_get(binding, "valueSet");
    for (size_t i = 0; i < rh_n_binding_errata; i++)
        if (rh_text_is(rule->path, rh_binding_errata[i].path) &&
            rh_text_starts(rule->value_set, rh_binding_errata[i].value_set))
            strength = rh_text(rh_binding_errata[i].strength);
    for (unsigned i = 1; rule->value_set.len && i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(strength, names[i]))
            rule->strength = (enum rh_strength)i;
    rule->max_value_set = extension_value(binding, MAX_VALUE_SET, "valueCanonical");
}

static struct rh_text corrected(struct rh_text key, struct rh_text expression)
{
    for (size_t i = 0; i < rh_n_invariant_errata; i++) {
        const struct rh_invariant_erratum *e = &rh_invariant_errata[i];
        if (rh_text_is(expression, e->expression) && (!e->key[0] || rh_text_is(key, e->key)))
            return e->instead;
    }
    return expression;
}

static enum rh_rc read_constraints(struct build *b, yyjson_val *e, struct rh_rule *rule)
{
    yyjson_val *list = yyjson_obj_get(e, "constraint"), *v;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return RH_OK;
    rule->constraints =
        rh_arena_zero(b->c->arena, yyjson_arr_size(list) * sizeof *rule->constraints);
    if (!rule->constraints)
        return RH_NOMEM;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text expression = rh_json_get(v, "expression");
        struct rh_text key = rh_json_get(v, "key"), source = rh_json_get(v, "source");
        /* What FHIR itself says of its types is said once, by its own definitions. */
        bool inherited = !b->p->base && rh_text_starts(source, CORE) &&
                         rh_type_find((struct rh_text){source.data + sizeof CORE - 1,
                                                       source.len - (sizeof CORE - 1)});
        if (expression.len == 0 || inherited || rh_native_of(key, expression) != RH_NATIVE_NONE)
            continue;
        expression = corrected(key, expression);
        struct rh_constraint *k = &rule->constraints[rule->n_constraints++];
        *k = (struct rh_constraint){.key = key,
                                    .human = rh_json_get(v, "human"),
                                    .source = source,
                                    .warning = !rh_text_is(rh_json_get(v, "severity"), "error")};
        yyjson_val *ext = yyjson_obj_get(v, "extension"), *x;
        size_t j, m;
        if (yyjson_is_arr(ext)) {
            yyjson_arr_foreach (ext, j, m, x) {
                if (rh_text_is(rh_json_get(x, "url"), BEST_PRACTICE) &&
                    yyjson_is_true(yyjson_obj_get(x, "valueBoolean")))
                    k->warning = true;
            }
        }
        struct rh_issues silent;
        rh_issues_init(&silent, b->c->arena);
        struct rh_issues *outer = b->c->issues;
        struct rh_fp *fp = NULL;
        b->c->issues = &silent;
        enum rh_rc rc = rh_fp_compile(b->c, b->c->arena, expression, &fp);
        b->c->issues = outer;
        if (rc == RH_NOMEM)
            return rc;
        k->fp = rc ? NULL : fp;
    }
    return RH_OK;
}

/* Without it nobody can say which slice a value belongs to, so the profile cannot be used. */
static enum rh_rc read_discriminator(struct build *b, const struct rh_rule *rule, yyjson_val *v,
                                     struct rh_discriminator *ret)
{
    static const struct {
        const char *name;
        enum rh_discriminator_type type;
    } kinds[] = {{"value", RH_DISC_VALUE},
                 {"pattern", RH_DISC_VALUE},
                 {"exists", RH_DISC_EXISTS},
                 {"type", RH_DISC_TYPE},
                 {"profile", RH_DISC_PROFILE}};
    struct rh_text kind = rh_json_get(v, "type");
    ret->path = rh_json_get(v, "path");
    if (!rh_discriminator_path_is(ret->path))
        return rh_issue_add(b->c->issues, RH_VALUE, NULL,
                            "\"%.*s\" cannot be used: \"%.*s\", by which %.*s is sliced, is not a "
                            "path of a discriminator",
                            RH_TEXT_ARG(b->p->url), RH_TEXT_ARG(rh_shown(ret->path)),
                            RH_TEXT_ARG(rule->path));
    for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        if (rh_text_is(kind, kinds[k].name)) {
            ret->type = kinds[k].type;
            return RH_OK;
        }
    return rh_issue_add(b->c->issues, RH_VALUE, NULL,
                        "\"%.*s\" cannot be used: R4 has no discriminator type \"%.*s\" (%.*s)",
                        RH_TEXT_ARG(b->p->url), RH_TEXT_ARG(rh_shown(kind)),
                        RH_TEXT_ARG(rule->path));
}

static enum rh_rc read_slicing(struct build *b, yyjson_val *e, struct rh_rule *rule)
{
    yyjson_val *s = yyjson_obj_get(e, "slicing"), *list = yyjson_obj_get(s, "discriminator"), *v;
    if (!s)
        return RH_OK;
    struct rh_slicing *ret = rh_arena_zero(b->c->arena, sizeof *ret);
    if (!ret)
        return RH_NOMEM;
    struct rh_text rules = rh_json_get(s, "rules");
    ret->rules = rh_text_is(rules, "closed")      ? RH_SLICES_CLOSED
                 : rh_text_is(rules, "openAtEnd") ? RH_SLICES_OPEN_AT_END
                                                  : RH_SLICES_OPEN;
    ret->ordered = yyjson_is_true(yyjson_obj_get(s, "ordered"));
    size_t i, n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    ret->discriminators = rh_arena_zero(b->c->arena, (n + 1) * sizeof *ret->discriminators);
    if (!ret->discriminators)
        return RH_NOMEM;
    if (n) {
        yyjson_arr_foreach (list, i, n, v) {
            enum rh_rc rc =
                read_discriminator(b, rule, v, &ret->discriminators[ret->n_discriminators++]);
            if (rc)
                return rc;
        }
    }
    rule->slicing = ret;
    return RH_OK;
}

/* --- the tree ------------------------------------------------------------------------------------
 */

const struct rh_element *rh_element_of_base(const struct rh_type *t, struct rh_text base)
{
    const struct rh_element *e = rh_element_find(t, base);
    if (e)
        return e;
    for (unsigned i = 0; t && i < t->count; i++)
        if (rh_text_is(base, t->elements[i].base))
            return &t->elements[i];
    return NULL;
}

/* The type whose members the children of a rule are: its own one when it is certain. */
static const struct rh_type *members_type(const struct rh_rule *rule)
{
    if (rule->type)
        return rule->type;
    return rh_type_find(RH_TEXT("Element"));
}

static enum rh_rc hang_slice(struct build *b, struct rh_rule *head, struct rh_rule *rule)
{
    /* "a/b" is a slice of the slice "a". */
    for (unsigned i = 0; i < head->n_slices; i++) {
        struct rh_rule *s = head->slices[i];
        if (s->slicing && rule->slice.len > s->slice.len + 1 &&
            rule->slice.data[s->slice.len] == '/' &&
            memcmp(rule->slice.data, s->slice.data, s->slice.len) == 0)
            return hang_slice(b, s, rule);
    }
    struct rh_rule **grown = rh_arena_grow(b->c->arena, head->slices, &head->cap_slices,
                                           head->n_slices + 1u, sizeof *head->slices);
    if (!grown)
        return RH_NOMEM;
    head->slices = grown;
    head->slices[head->n_slices++] = rule;
    return RH_OK;
}

static enum rh_rc hang(struct build *b, struct rh_rule *parent, struct rh_rule *rule,
                       struct rh_text name)
{
    bool open = rh_text_ends(name, "[x]");
    struct rh_text base = open ? (struct rh_text){name.data, name.len - 3} : name;
    const struct rh_type *type = members_type(parent);
    const struct rh_element *e = type ? rh_element_of_base(type, base) : NULL;
    if (!e)
        return RH_OK; /* of a logical model or another version: nothing in R4's JSON has this name
                       */
    rule->choice = e->choice;
    if (!e->choice) {
        rule->type = e->type;
        if (e->type->kind == RH_KIND_ABSTRACT && rule->n_types == 1 && rule->types[0].type)
            rule->type = rule->types[0].type;
    } else if (!open && strcmp(e->name, e->base) != 0 && rh_text_is(base, e->name)) {
        rule->type = e->type; /* "valueQuantity" */
    } else if (rule->n_types == 1) {
        rule->type = rule->types[0].type;
    }
    if (!parent->children) {
        parent->children = rh_arena_zero(b->c->arena, 64 * sizeof(struct rh_rule *));
        if (!parent->children)
            return RH_NOMEM;
        parent->n_children = 64;
    }
    struct rh_rule **slot = &parent->children[e->order];
    if (*slot && (rule->slice.len || (!open && e->choice)))
        return hang_slice(b, *slot, rule);
    if (!*slot && rule->min > 0 && rule->slice.len == 0)
        parent->required |= UINT64_C(1) << e->order;
    if (!*slot)
        *slot = rule;
    return RH_OK;
}

static enum rh_rc add_element(struct build *b, yyjson_val *e)
{
    struct rh_text path = rh_json_get(e, "path");
    size_t depth = 0;
    struct rh_text rest = path, name = path, part;
    while (rh_text_split(&rest, '.', &part)) {
        depth++;
        name = part;
    }
    if (depth == 0 || depth > PATH_DEPTH_MAX || (depth > 1 && !b->open[depth - 2]))
        return RH_OK;
    struct rh_rule *rule = rh_arena_zero(b->c->arena, sizeof *rule);
    if (!rule)
        return RH_NOMEM;
    rule->of_type = rh_arena_zero(b->c->arena, sizeof *rule->of_type);
    if (!rule->of_type)
        return RH_NOMEM;
    rule->path = path;
    rule->slice = rh_json_get(e, "sliceName");
    rule->profile = b->p;
    rule->min = number(yyjson_obj_get(e, "min"), 0);
    rule->max = number(yyjson_obj_get(e, "max"), UINT_MAX);
    rule->max_length = number(yyjson_obj_get(e, "maxLength"), 0);
    rule->fixed = member_of_choice(e, "fixed");
    rule->pattern = member_of_choice(e, "pattern");
    rule->min_value = member_of_choice(e, "minValue");
    rule->max_value = member_of_choice(e, "maxValue");
    rule->modifier = yyjson_is_true(yyjson_obj_get(e, "isModifier"));
    read_binding(e, rule);
    enum rh_rc rc = read_types(b, e, rule);
    if (!rc)
        rc = read_constraints(b, e, rule);
    if (!rc)
        rc = read_slicing(b, e, rule);
    if (rc)
        return rc;
    for (size_t i = depth; i < PATH_DEPTH_MAX; i++)
        b->open[i] = NULL;
    b->open[depth - 1] = rule;
    b->all[b->n_all] = rule;
    b->sources[b->n_all++] = e;
    if (depth == 1) {
        rule->type = b->p->rh_type;
        if (!b->p->root)
            b->p->root = rule;
        return RH_OK;
    }
    return hang(b, b->open[depth - 2], rule, name);
}

static void link_contents(struct build *b)
{
    for (size_t i = 0; i < b->n_all; i++) {
        struct rh_text ref = rh_json_get(b->sources[i], "contentReference");
        const char *hash = ref.len ? memchr(ref.data, '#', ref.len) : NULL;
        if (!hash)
            continue;
        struct rh_text id = {hash + 1, ref.len - (size_t)(hash + 1 - ref.data)};
        for (size_t j = 0; j < b->n_all && !b->all[i]->content; j++)
            if (rh_text_eq(rh_json_get(b->sources[j], "id"), id) ||
                (rh_text_eq(b->all[j]->path, id) && b->all[j]->slice.len == 0))
                b->all[i]->content = b->all[j];
    }
}

/* Whether a profile says something at or below a rule that has to be looked at. */
static bool mark_deep(struct rh_rule *rule)
{
    bool deep = rule->fixed || rule->pattern || rule->n_slices || rule->n_constraints ||
                rule->strength >= RH_BIND_EXTENSIBLE || rule->max_length || rule->min_value ||
                rule->max_value || (rule->choice && rule->n_types);
    for (unsigned i = 0; i < rule->n_types; i++)
        deep |= rule->types[i].n_profiles > 0 || rule->types[i].n_targets > 0;
    for (unsigned i = 0; i < rule->n_slices; i++)
        (void)mark_deep(rule->slices[i]);
    for (unsigned i = 0; i < rule->n_children; i++)
        if (rule->children[i])
            deep |= mark_deep(rule->children[i]) || rule->children[i]->min > 0 ||
                    rule->children[i]->max == 0;
    if (rule->children || rule->content)
        deep = true;
    return rule->deep = deep;
}

/* Flags that spare a comparison of paths for each value. */
static void mark_paths(struct build *b)
{
    for (size_t i = 0; i < b->n_all; i++) {
        struct rh_rule *rule = b->all[i];
        struct rh_text base = rh_json_get(yyjson_obj_get(b->sources[i], "base"), "path");
        if (base.len == 0)
            base = rule->path;
        const char *dot = memchr(base.data, '.', base.len);
        struct rh_text tail =
            dot ? (struct rh_text){dot + 1, base.len - (size_t)(dot + 1 - base.data)} : base;
        const struct rh_type *t =
            dot ? rh_type_find((struct rh_text){base.data, (size_t)(dot - base.data)}) : NULL;
        rule->is_resource_id = rh_text_is(base, "Resource.id");
        rule->is_url = t && t->kind == RH_KIND_RESOURCE && rh_text_is(tail, "url") &&
                       rh_element_find(t, RH_TEXT("status"));
    }
}

static enum rh_rc compile(struct rh_ctx *c, const struct rh_definition *d, void *user,
                          const void **ret)
{
    struct rh_profile *p = rh_arena_zero(c->arena, sizeof *p);
    struct build b = {.c = c, .p = p};
    yyjson_val *snapshot, *e;
    enum rh_rc rc;
    (void)user;
    if (!p)
        return RH_NOMEM;
    if ((rc = rh_definition_body(c, d, &p->body)) || (rc = rh_snapshot(c, d, &snapshot)))
        return rc;
    p->definition = d;
    p->url = d->url;
    p->version = rh_json_get(p->body, "version");
    p->type = rh_json_get(p->body, "type");
    p->rh_type = rh_type_find(p->type);
    p->extension = rh_text_is(p->type, "Extension");
    p->base = !rh_text_is(rh_json_get(p->body, "derivation"), "constraint");
    if (!p->rh_type)
        return rh_issue_add(c->issues, RH_UNSUPPORTED, NULL,
                            "\"%.*s\" describes \"%.*s\", which is not a type of FHIR R4",
                            RH_TEXT_ARG(d->url), RH_TEXT_ARG(p->type));
    size_t i, n = yyjson_arr_size(snapshot);
    b.all = rh_arena_alloc(c->arena, (n + 1) * sizeof(struct rh_rule *));
    b.sources = rh_arena_alloc(c->arena, (n + 1) * sizeof(yyjson_val *));
    if (!b.all || !b.sources)
        return RH_NOMEM;
    yyjson_arr_foreach (snapshot, i, n, e) {
        if ((rc = add_element(&b, e)))
            return rc;
    }
    if (!p->root)
        return rh_issue_add(c->issues, RH_VALUE, NULL, "\"%.*s\" has no elements",
                            RH_TEXT_ARG(d->url));
    link_contents(&b);
    mark_paths(&b);
    (void)mark_deep(p->root);
    if (p->extension) {
        const struct rh_element *value = rh_element_of_base(p->rh_type, RH_TEXT("value"));
        p->value = p->root->children ? p->root->children[value->order] : NULL;
    }
    *ret = p;
    return RH_OK;
}

/* --- getting them --------------------------------------------------------------------------------
 */

/* Kept in the place of a profile that cannot be compiled, so that nobody tries again. */
static const struct rh_profile unusable;

static enum rh_rc compile_once(struct rh_ctx *c, const struct rh_definition *d, void *user,
                               const void **ret)
{
    enum rh_rc rc = compile(c, d, user, ret);
    if (rc == RH_OK || rc == RH_NOMEM)
        return rc;
    *ret = &unusable;
    return RH_OK;
}

/* Why a definition cannot be used is no fault of the resource: a warning, said the first time. */
static void warn(struct rh_issues *to, const struct rh_issues *from)
{
    for (unsigned i = 0; i < from->count; i++)
        rh_issue_at(to, (struct rh_issue){.severity = RH_WARNING,
                                          .rc = from->rows[i].rc,
                                          .text = from->rows[i].text});
}

const struct rh_profile *rh_profile_get(struct rh_run *r, struct rh_text canonical)
{
    const struct rh_definition *d = rh_world_find(r->c->world, "StructureDefinition", canonical);
    const void *form = NULL;
    if (!d)
        return NULL;
    struct rh_issues *issues = r->c->issues, own;
    rh_issues_init(&own, r->c->arena);
    r->c->issues = &own;
    enum rh_rc rc = rh_world_form(r->c, d, RH_FORM_PROFILE, compile_once, NULL, &form);
    r->c->issues = issues;
    if (own.count && !r->quiet)
        warn(issues, &own);
    if (rc == RH_NOMEM && !r->rc)
        r->rc = rc;
    return rc || form == &unusable ? NULL : form;
}

const struct rh_profile *rh_profile_of_type(struct rh_run *r, const struct rh_type *t)
{
    char url[sizeof CORE + 64];
    size_t len = strlen(t->name);
    if (len > 64)
        return NULL;
    memcpy(url, CORE, sizeof CORE - 1);
    memcpy(url + sizeof CORE - 1, t->name, len + 1);
    return rh_profile_get(r, (struct rh_text){url, sizeof CORE - 1 + len});
}

const struct rh_profile *rh_rule_type_profile(struct rh_run *r, const struct rh_rule *rule,
                                              const struct rh_type *type)
{
    if (type != rule->type)
        return rh_profile_of_type(r, type);
    const struct rh_profile *p =
        atomic_load_explicit(&rule->of_type->profile, memory_order_acquire);
    if (!p && (p = rh_profile_of_type(r, type)))
        atomic_store_explicit(&rule->of_type->profile, p, memory_order_release);
    return p;
}

static const struct rh_rule *child_of(const struct rh_rule *rule, const struct rh_element *e)
{
    const struct rh_rule *from = rule->content ? rule->content : rule;
    return from->children ? from->children[e->order] : NULL;
}

const struct rh_rule *rh_rule_child(struct rh_run *r, const struct rh_rule *rule,
                                    const struct rh_element *e)
{
    const struct rh_rule *found = child_of(rule, e);
    if (found)
        return found;
    for (unsigned i = 0; i < rule->n_types; i++)
        for (unsigned k = 0; k < rule->types[i].n_profiles; k++) {
            const struct rh_profile *p = rh_profile_get(r, rule->types[i].profiles[k]);
            if (p && (found = child_of(p->root, e)))
                return found;
        }
    const struct rh_profile *p = rule->type ? rh_rule_type_profile(r, rule, rule->type) : NULL;
    return p ? child_of(p->root, e) : NULL;
}
