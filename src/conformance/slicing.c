/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slices: which item belongs to which, by discriminators
 * (https://hl7.org/fhir/R4/profiling.html#slicing), then the items against their slice, and how
 * many of each there are.
 */
#include "conformance/validate_int.h"

#include <limits.h>

enum { VALUES_MAX = 64, PATH_STEPS_MAX = 16, TOLD_MAX = 120, TOLD_DEPTH = 4 };

/* What a discriminator's path leads to, in the value and in the rules. */
struct found {
    yyjson_val *value;
    const struct rh_type *type;
};

struct target {
    const struct rh_rule *rule;
    struct found values[VALUES_MAX];
    unsigned n;
    bool unresolved; /* a reference that is not here */
    struct rh_text reference;
};

/* --- a discriminator's path
 * ------------------------------------------------------------------------
 */

/* Does the rule say anything that tells values apart? */
static bool decides(const struct rh_rule *rule, unsigned depth)
{
    const struct rh_rule *from = rule->content ? rule->content : rule;
    if (rule->fixed || rule->pattern || rule->strength >= RH_BIND_REQUIRED)
        return true;
    for (unsigned i = 0; depth < PATH_STEPS_MAX && i < from->n_children; i++)
        if (from->children[i] && decides(from->children[i], depth + 1))
            return true;
    for (unsigned i = 0; i < rule->n_slices; i++)
        if (rule->slices[i]->min > 0 && decides(rule->slices[i], depth + 1))
            return true;
    return false;
}

/* Of a rule with slices the one that must be there, when it is they that say what tells it apart.
 */
static const struct rh_rule *telling(const struct rh_rule *rule)
{
    const struct rh_rule *found = NULL;
    if (rule->fixed || rule->pattern)
        return rule;
    for (unsigned i = 0; i < rule->n_slices; i++)
        if (decides(rule->slices[i], 0) && (!found || (!found->min && rule->slices[i]->min)))
            found = rule->slices[i];
    return found ? found : rule;
}

static void step_member(struct rh_run *r, struct target *t, struct rh_text name)
{
    const struct rh_element *e = NULL;
    if (rh_text_ends(name, "[x]"))
        name.len -= 3;
    if (t->rule && t->rule->type)
        e = rh_element_of_base(t->rule->type, name);
    struct target next = {.rule = t->rule && e ? rh_rule_child(r, t->rule, e) : NULL};
    if (next.rule && next.rule->n_slices)
        next.rule = telling(next.rule);
    for (unsigned i = 0; i < t->n; i++) {
        const struct rh_type *type = t->values[i].type;
        const struct rh_element *base = type ? rh_element_of_base(type, name) : NULL;
        for (unsigned k = 0; base && k < type->count; k++) {
            const struct rh_element *c = &type->elements[k];
            if (c->order != base->order)
                continue;
            yyjson_val *v = yyjson_obj_getn(t->values[i].value, c->name, c->name_len), *item;
            size_t j, m;
            if (yyjson_is_arr(v)) {
                yyjson_arr_foreach (v, j, m, item) {
                    if (next.n < VALUES_MAX)
                        next.values[next.n++] = (struct found){item, c->type};
                }
            } else if (v && next.n < VALUES_MAX) {
                next.values[next.n++] = (struct found){v, c->type};
            }
        }
    }
    for (unsigned i = 0; i < next.n; i++)
        if (next.values[i].type->kind == RH_KIND_ABSTRACT)
            next.values[i].type = rh_type_of_resource(next.values[i].value);
    *t = next;
}

static void step_resolve(struct rh_run *r, struct target *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->n; i++) {
        struct rh_text ref = rh_json_get(t->values[i].value, "reference");
        yyjson_val *resource = ref.len ? rh_resolve_local(r, r->scope, ref) : NULL;
        if (resource) {
            t->values[n++] = (struct found){resource, rh_type_of_resource(resource)};
        } else {
            t->unresolved = true;
            t->reference = ref;
        }
    }
    t->n = n;
}

static void step_extension(struct rh_run *r, struct target *t, struct rh_text url)
{
    const struct rh_rule *head = NULL, *found = NULL;
    step_member(r, t, RH_TEXT("extension"));
    head = t->rule;
    for (unsigned i = 0; head && i < head->n_slices; i++) {
        const struct rh_rule *s = head->slices[i];
        for (unsigned k = 0; k < s->n_types; k++)
            if (s->types[k].n_profiles && rh_text_eq(s->types[k].profiles[0], url))
                found = s;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < t->n; i++)
        if (rh_text_eq(rh_json_get(t->values[i].value, "url"), url))
            t->values[n++] = t->values[i];
    t->n = n;
    t->rule = found;
}

static void step_of_type(struct target *t, struct rh_text name)
{
    const struct rh_type *type = rh_type_find(name);
    unsigned n = 0;
    for (unsigned i = 0; i < t->n; i++)
        if (t->values[i].type == type)
            t->values[n++] = t->values[i];
    t->n = n;
}

/* The next step of a path, parts between dots; dots inside parentheses and quotes are no ends. */
static struct rh_text next_step(struct rh_text *rest)
{
    size_t i = 0;
    int depth = 0;
    bool quoted = false;
    for (; i < rest->len; i++) {
        char c = rest->data[i];
        if (c == '\'')
            quoted = !quoted;
        else if (!quoted && c == '(')
            depth++;
        else if (!quoted && c == ')')
            depth--;
        else if (!quoted && depth == 0 && c == '.')
            break;
    }
    struct rh_text step = {rest->data, i};
    *rest = i < rest->len ? (struct rh_text){rest->data + i + 1, rest->len - i - 1}
                          : (struct rh_text){rest->data + i, 0};
    return step;
}

static struct rh_text argument(struct rh_text step)
{
    const char *open = memchr(step.data, '(', step.len);
    if (!open || step.data[step.len - 1] != ')')
        return (struct rh_text){"", 0};
    struct rh_text a = {open + 1, step.len - (size_t)(open + 2 - step.data)};
    a = rh_text_trim(a);
    if (a.len >= 2 && a.data[0] == '\'')
        a = (struct rh_text){a.data + 1, a.len - 2};
    return a;
}

static bool is_name(struct rh_text step)
{
    if (rh_text_ends(step, "[x]"))
        step.len -= 3;
    for (size_t i = 0; i < step.len; i++) {
        char c = step.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return step.len > 0;
}

bool rh_discriminator_path_is(struct rh_text path)
{
    unsigned steps = 0;
    if (path.len == 0 || path.data[path.len - 1] == '.')
        return false;
    while (path.len) {
        struct rh_text step = next_step(&path);
        if (++steps > PATH_STEPS_MAX)
            return false;
        if (!is_name(step) && !rh_text_is(step, "$this") && !rh_text_is(step, "resolve()") &&
            !((rh_text_starts(step, "extension(") || rh_text_starts(step, "ofType(")) &&
              argument(step).len))
            return false;
    }
    return true;
}

static void follow(struct rh_run *r, struct target *t, struct rh_text path)
{
    for (unsigned i = 0; path.len && i < PATH_STEPS_MAX; i++) {
        struct rh_text step = next_step(&path);
        if (rh_text_is(step, "$this"))
            continue;
        if (rh_text_is(step, "resolve()"))
            step_resolve(r, t);
        else if (rh_text_starts(step, "extension("))
            step_extension(r, t, argument(step));
        else if (rh_text_starts(step, "ofType("))
            step_of_type(t, argument(step));
        else
            step_member(r, t, step);
    }
}

/* --- one discriminator
 * ----------------------------------------------------------------------------- */

static bool probe(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                  struct found f)
{
    if (r->probing >= RH_VALIDATE_PROBES_MAX)
        return true;
    struct rh_place here = *at;
    unsigned errors = r->errors;
    bool base = r->base;
    here.value = f.value;
    here.extra = NULL;
    here.type = f.type;
    r->errors = 0;
    r->base = false;
    r->probing++;
    rh_check_value(r, &here, rule);
    bool good = r->errors == 0;
    r->probing--;
    r->errors = errors;
    r->base = base;
    return good;
}

static bool by_value(struct rh_run *r, const struct rh_place *at, const struct target *t)
{
    if (!t->rule || !decides(t->rule, 0))
        return true; /* the definition does not say what tells the slice apart */
    for (unsigned i = 0; i < t->n; i++) {
        if (!t->values[i].type)
            continue;
        if (probe(r, at, t->rule, t->values[i]))
            return true;
    }
    return false;
}

static bool type_in(const struct rh_rule *rule, const struct rh_type *type)
{
    for (unsigned i = 0; i < rule->n_types; i++)
        if (rule->types[i].type == type ||
            (rule->types[i].type && rule->types[i].type->kind == RH_KIND_ABSTRACT))
            return true;
    return rule->n_types == 0;
}

/* A reference's type by its targets: the resource that was found, or what the address says. */
static bool target_type(struct rh_run *r, const struct rh_rule *rule, const struct rh_type *type,
                        struct rh_text reference)
{
    static const char core[] = "http://hl7.org/fhir/StructureDefinition/";
    bool any = false;
    for (unsigned i = 0; i < rule->n_types; i++)
        for (unsigned k = 0; k < rule->types[i].n_targets; k++) {
            struct rh_text target = rule->types[i].targets[k];
            const struct rh_profile *p = rh_profile_get(r, target);
            struct rh_text name = p ? p->type : target;
            if (!p && rh_text_starts(target, core))
                name =
                    (struct rh_text){target.data + sizeof core - 1, target.len - sizeof core + 1};
            any = true;
            if (rh_text_is(name, "Resource") || (type && rh_text_is(name, type->name)))
                return true;
            if (!type && reference.len > name.len && reference.data[name.len] == '/' &&
                memcmp(reference.data, name.data, name.len) == 0)
                return true;
        }
    return !any;
}

static bool by_type(struct rh_run *r, const struct target *t, const struct rh_rule *of_reference)
{
    if (of_reference) {
        for (unsigned i = 0; i < t->n; i++)
            if (target_type(r, of_reference, t->values[i].type, t->reference))
                return true;
        return t->unresolved && target_type(r, of_reference, NULL, t->reference);
    }
    if (!t->rule)
        return true;
    for (unsigned i = 0; i < t->n; i++)
        if (type_in(t->rule, t->values[i].type))
            return true;
    return false;
}

static bool fits_profiles(struct rh_run *r, const struct rh_place *at, const struct rh_text *list,
                          unsigned n, struct found f)
{
    for (unsigned i = 0; i < n; i++) {
        const struct rh_profile *p = rh_profile_get(r, list[i]);
        if (!p || !f.type || !yyjson_is_obj(f.value))
            continue;
        if (p->base ? p->rh_type == f.type || p->rh_type->kind == RH_KIND_ABSTRACT
                    : rh_conforms(r, at, p, f.value, f.type))
            return true;
    }
    return n == 0;
}

static bool by_profile(struct rh_run *r, const struct rh_place *at, const struct target *t,
                       const struct rh_rule *of_reference)
{
    const struct rh_rule *rule = of_reference ? of_reference : t->rule;
    if (!rule)
        return true;
    for (unsigned i = 0; i < t->n; i++)
        for (unsigned k = 0; k < rule->n_types; k++) {
            const struct rh_type_ref *ref = &rule->types[k];
            if (of_reference
                    ? fits_profiles(r, at, ref->targets, ref->n_targets, t->values[i])
                    : (ref->type == t->values[i].type || !ref->type ||
                       ref->type->kind == RH_KIND_ABSTRACT) &&
                          fits_profiles(r, at, ref->profiles, ref->n_profiles, t->values[i]))
                return true;
        }
    return false;
}

static bool by_existence(const struct target *t)
{
    if (!t->rule)
        return true;
    if (t->rule->max == 0)
        return t->n == 0;
    return t->rule->min == 0 || t->n > 0;
}

static bool discriminates(struct rh_run *r, const struct rh_place *item,
                          const struct rh_rule *slice, const struct rh_discriminator *d)
{
    struct target t = {.rule = slice, .n = 1};
    const struct rh_rule *of_reference = NULL;
    struct rh_text path = d->path;
    t.values[0] = (struct found){item->value, item->type};
    /* Everything before resolve() leads to the rule whose targets count. */
    if (rh_text_is(path, "resolve()") || rh_text_ends(path, ".resolve()")) {
        size_t cut = path.len - (sizeof "resolve()" - 1);
        follow(r, &t, (struct rh_text){path.data, cut ? cut - 1 : 0});
        of_reference = t.rule;
        step_resolve(r, &t);
    } else {
        follow(r, &t, path);
    }
    switch (d->type) {
    case RH_DISC_EXISTS:
        return by_existence(&t);
    case RH_DISC_TYPE:
        return by_type(r, &t, of_reference);
    case RH_DISC_PROFILE:
        return by_profile(r, item, &t, of_reference);
    default:
        return by_value(r, item, &t);
    }
}

static bool belongs(struct rh_run *r, const struct rh_place *item, const struct rh_rule *head,
                    const struct rh_rule *slice)
{
    const struct rh_slicing *s = head->slicing;
    if (!s || s->n_discriminators == 0) /* by type, as value[x] is sliced without saying so */
        return head->choice
                   ? type_in(slice, item->type)
                   : item->value && probe(r, item, slice, (struct found){item->value, item->type});
    for (unsigned i = 0; i < s->n_discriminators; i++)
        if (!discriminates(r, item, slice, &s->discriminators[i]))
            return false;
    return true;
}

/* --- the items -------------------------------------------------------------------------------- */

enum { SLICE_NONE = -1, SLICE_SEVERAL = -2, SLICE_FORBIDDEN = -3 };

struct rh_sliced {
    const struct rh_rule *head;
    const struct rh_place *items;
    size_t n;
    int *slice; /* of each item */
    unsigned *counts;
};

static void check_order(struct rh_run *r, const struct rh_sliced *s, const struct rh_place *item,
                        int slice, int *last, bool outside)
{
    const struct rh_slicing *slicing = s->head->slicing;
    if (!slicing || slice < 0)
        return;
    struct rh_text name = s->head->slices[slice]->slice;
    if (slicing->ordered && slice < *last)
        rh_complain(r, RH_ERROR, "structure", item,
                    "this belongs to the slice %.*s, which must come earlier", RH_TEXT_ARG(name));
    if (outside && slicing->rules == RH_SLICES_OPEN_AT_END)
        rh_complain(r, RH_ERROR, "structure", item,
                    "this belongs to the slice %.*s, so it must stand before what belongs to none",
                    RH_TEXT_ARG(name));
    *last = slice;
}

static int slice_of(struct rh_run *r, const struct rh_sliced *s, const struct rh_place *item)
{
    int found = SLICE_NONE;
    for (unsigned i = 0; i < s->head->n_slices; i++) {
        if (!belongs(r, item, s->head, s->head->slices[i]))
            continue;
        if (s->head->slices[i]->max == 0) {
            rh_complain(r, RH_ERROR, "structure", item,
                        "this is the slice %.*s of %.*s, which may not be there (%.*s)",
                        RH_TEXT_ARG(s->head->slices[i]->slice), RH_TEXT_ARG(s->head->path),
                        RH_TEXT_ARG(s->head->profile->url));
            return SLICE_FORBIDDEN; /* said; there is nothing to look at in it */
        }
        s->counts[i]++;
        found = found == SLICE_NONE ? (int)i : SLICE_SEVERAL;
    }
    return found;
}

struct rh_sliced *rh_slices_assign(struct rh_run *r, const struct rh_rule *rule,
                                   const struct rh_place *items, size_t n)
{
    struct rh_arena *a = r->c->arena;
    struct rh_sliced *s = rh_arena_alloc(a, sizeof *s);
    int last = SLICE_NONE;
    bool outside = false;
    if (!s || !(s->slice = rh_arena_alloc(a, (n + 1) * sizeof *s->slice)) ||
        !(s->counts = rh_arena_zero(a, rule->n_slices * sizeof *s->counts))) {
        r->rc = RH_NOMEM;
        return NULL;
    }
    s->head = rule;
    s->items = items;
    s->n = n;
    for (size_t k = 0; k < n; k++) {
        const struct rh_place *item = &items[k];
        s->slice[k] = SLICE_NONE;
        if (!item->value || yyjson_is_null(item->value) || rh_run_stop(r))
            continue;
        s->slice[k] = slice_of(r, s, item);
        check_order(r, s, item, s->slice[k], &last, outside);
        outside |= s->slice[k] == SLICE_NONE;
        if (s->slice[k] == SLICE_NONE && rule->slicing && rule->slicing->rules == RH_SLICES_CLOSED)
            rh_complain(r, RH_ERROR, "invalid", item,
                        "this matches none of the slices of %.*s, and no others are allowed (%.*s)",
                        RH_TEXT_ARG(rule->path), RH_TEXT_ARG(rule->profile->url));
        if (s->slice[k] == SLICE_SEVERAL)
            rh_complain(r, RH_WARNING, "invalid", item,
                        "this matches more than one slice of %.*s, so nobody can say which rules "
                        "hold for it (%.*s)",
                        RH_TEXT_ARG(rule->path), RH_TEXT_ARG(rule->profile->url));
    }
    return s;
}

/* What makes a value belong to a slice, as far as the rules fix it: `system "…", code "…"`. */
static void tell(struct rh_buf *b, const struct rh_rule *rule, struct rh_text name, unsigned depth)
{
    yyjson_val *v = rule->fixed ? rule->fixed : rule->pattern;
    if (v && b->len < TOLD_MAX) {
        rh_buf_str(b, b->len ? ", " : "");
        rh_buf_text(b, name);
        rh_buf_char(b, ' ');
        rh_json_write(b, v);
    }
    for (unsigned i = 0; depth < TOLD_DEPTH && i < rule->n_children; i++) {
        const struct rh_rule *c = rule->children[i];
        if (!c)
            continue;
        struct rh_text path = c->path;
        const char *dot = memrchr(path.data, '.', path.len);
        if (dot)
            path = (struct rh_text){dot + 1, path.len - (size_t)(dot + 1 - path.data)};
        tell(b, c, path, depth + 1);
        for (unsigned k = 0; k < c->n_slices; k++)
            if (c->slices[k]->min > 0)
                tell(b, c->slices[k], path, depth + 1);
    }
}

static struct rh_text told(struct rh_run *r, const struct rh_rule *slice)
{
    struct rh_buf b = rh_buf(r->c->arena);
    if (!r->probing)
        tell(&b, slice, RH_TEXT("value"), 0);
    return b.rc || b.len > 2 * TOLD_MAX ? (struct rh_text){"", 0} : rh_buf_get(&b);
}

void rh_slices_count(struct rh_run *r, const struct rh_place *up, const struct rh_sliced *s)
{
    const struct rh_rule *head = s->head;
    for (unsigned i = 0; i < head->n_slices; i++) {
        const struct rh_rule *slice = head->slices[i];
        if (s->counts[i] < slice->min) {
            struct rh_text what = told(r, slice);
            rh_complain(r, RH_ERROR, "structure", up,
                        "the slice %.*s:%.*s needs at least %u%s%.*s, but %u match it (%.*s)",
                        RH_TEXT_ARG(head->path), RH_TEXT_ARG(slice->slice), slice->min,
                        what.len ? " with " : "", RH_TEXT_ARG(what), s->counts[i],
                        RH_TEXT_ARG(head->profile->url));
        }
        if (slice->max != UINT_MAX && s->counts[i] > slice->max)
            rh_complain(r, RH_ERROR, "structure", up,
                        "the slice %.*s:%.*s may have at most %u, but %u match it (%.*s)",
                        RH_TEXT_ARG(head->path), RH_TEXT_ARG(slice->slice), slice->max,
                        s->counts[i], RH_TEXT_ARG(head->profile->url));
    }
}

void rh_slices_check(struct rh_run *r, const struct rh_sliced *s)
{
    for (size_t k = 0; k < s->n && !rh_run_stop(r); k++) {
        if (s->slice[k] < 0)
            continue;
        const struct rh_rule *slice = s->head->slices[s->slice[k]];
        rh_check_place(r, &s->items[k], slice);
        if (slice->n_slices) { /* a slice of a slice: one item is seen at a time */
            struct rh_sliced *inner = rh_slices_assign(r, slice, &s->items[k], 1);
            if (inner)
                rh_slices_check(r, inner);
        }
    }
}
