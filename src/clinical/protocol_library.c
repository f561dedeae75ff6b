/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_library.c - a Library of type logic-library: facts, variables, lookups. */
#include "clinical/protocol_int.h"

#define VARIABLE_STANDARD "http://hl7.org/fhir/StructureDefinition/variable"

enum { FACTS_MAX = 500 };

struct builder {
    struct rh_ctx *c;
    struct rh_arena *a;
    struct rh_facts *facts;
    enum rh_rc rc; /* of the first error */
};

static void note(struct builder *b, enum rh_rc rc)
{
    if (rc && !b->rc)
        b->rc = rc;
}

static const char *fact_place(struct builder *b, struct rh_text id)
{
    return rh_arena_printf(b->c->arena, "Library/%.*s.dataRequirement.where(id='%.*s')",
                           RH_TEXT_ARG(b->facts->definition->id), RH_TEXT_ARG(id));
}

/* --- facts ------------------------------------------------------------------------------------ */
/* Elements of a path: one, or one for each type of a choice. */
static enum rh_rc read_path(struct builder *b, const struct rh_fact *f, struct rh_fact_filter *ret)
{
    const struct rh_type *t = f->type;
    ret->elements = rh_arena_alloc(b->a, t->count * sizeof(struct rh_element *));
    if (!ret->elements)
        return RH_NOMEM;
    for (unsigned i = 0; i < t->count; i++)
        if (rh_text_is(ret->path, t->elements[i].base) ||
            rh_text_is(ret->path, t->elements[i].name))
            ret->elements[ret->n_elements++] = &t->elements[i];
    if (!ret->n_elements)
        return rh_issue_add(b->c->issues, RH_VALUE, fact_place(b, f->id), "%s has no element %.*s.",
                            t->name, RH_TEXT_ARG(ret->path));
    return RH_OK;
}

static enum rh_rc read_filter(struct builder *b, const struct rh_fact *f, yyjson_val *json,
                              struct rh_fact_filter *ret)
{
    *ret = (struct rh_fact_filter){.path = rh_json_get(json, "path"),
                                   .codes = yyjson_obj_get(json, "code"),
                                   .value_set = rh_json_get(json, "valueSet")};
    if (!ret->path.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, fact_place(b, f->id),
                            "The codeFilter has no path.");
    if (!yyjson_arr_size(ret->codes) && !ret->value_set.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, fact_place(b, f->id),
                            "The codeFilter names neither codes nor a value set.");
    if (ret->value_set.len && !rh_world_find(b->c->world, "ValueSet", ret->value_set))
        return rh_issue_add(b->c->issues, RH_NOTFOUND, fact_place(b, f->id),
                            "The value set %.*s is not loaded.", RH_TEXT_ARG(ret->value_set));
    return read_path(b, f, ret);
}

static enum rh_rc read_dates(struct builder *b, struct rh_fact *f)
{
    int64_t day;
    uint64_t n = 0;
    yyjson_val *list = yyjson_obj_get(f->json, "dateFilter"), *one = yyjson_arr_get_first(list);
    yyjson_val *duration = yyjson_obj_get(one, "valueDuration");
    yyjson_val *period = yyjson_obj_get(one, "valuePeriod");
    yyjson_val *sort = yyjson_arr_get_first(yyjson_obj_get(f->json, "sort"));
    const char *place = fact_place(b, f->id);
    f->date_path = rh_json_get(one ? one : sort, "path");
    if (yyjson_arr_size(list) > 1 || (one && !duration && !period))
        return rh_issue_add(b->c->issues, RH_UNSUPPORTED, place,
                            "One dateFilter with valueDuration or valuePeriod is understood.");
    if (duration) {
        f->unit = rh_json_get(duration, "code");
        if (!f->unit.len)
            f->unit = rh_json_get(duration, "unit");
        if (rh_text_u64(rh_json_text(yyjson_obj_get(duration, "value")), 100000, &n) ||
            !rh_day_minus(0, (unsigned)n, f->unit, &day))
            return rh_issue_add(b->c->issues, RH_VALUE, place,
                                "The duration must be a whole number of years, months, weeks or "
                                "days.");
        f->amount = (unsigned)n;
    }
    f->start = rh_json_get(period, "start");
    f->end = rh_json_get(period, "end");
    if (sort && yyjson_arr_size(yyjson_obj_get(f->json, "sort")) > 1)
        return rh_issue_add(b->c->issues, RH_UNSUPPORTED, place, "One sort is understood.");
    f->oldest_first = rh_text_is(rh_json_get(sort, "direction"), "ascending");
    if (yyjson_obj_get(f->json, "limit") &&
        (rh_text_u64(rh_json_text(yyjson_obj_get(f->json, "limit")), 100000, &n) || n == 0))
        return rh_issue_add(b->c->issues, RH_VALUE, place, "The limit must be 1 or more.");
    f->limit = yyjson_obj_get(f->json, "limit") ? (unsigned)n : 0;
    return RH_OK;
}

static enum rh_rc read_fact(struct builder *b, yyjson_val *json, struct rh_fact *f)
{
    size_t i, n;
    yyjson_val *filter, *filters = yyjson_obj_get(json, "codeFilter");
    f->json = json;
    f->id = rh_json_get(json, "id");
    if (!f->id.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, fact_place(b, f->id),
                            "A dataRequirement without id has no name to be read by.");
    f->type = rh_type_find(rh_json_get(json, "type"));
    if (!f->type || f->type->kind != RH_KIND_RESOURCE)
        return rh_issue_add(b->c->issues, RH_VALUE, fact_place(b, f->id),
                            "\"%.*s\" is no type of resource.",
                            RH_TEXT_ARG(rh_json_get(json, "type")));
    f->household = yyjson_is_true(rh_extension_value_of(json, RH_RIHLA_EXT "household"));
    f->filters = rh_arena_zero(b->a, (yyjson_arr_size(filters) + 1) * sizeof *f->filters);
    if (!f->filters)
        return RH_NOMEM;
    yyjson_arr_foreach (filters, i, n, filter) {
        enum rh_rc rc = read_filter(b, f, filter, &f->filters[f->n_filters++]);
        if (rc)
            return rc;
    }
    return read_dates(b, f);
}

/* --- variables and lookups -------------------------------------------------------------------- */
static enum rh_rc read_variable(struct builder *b, yyjson_val *json, struct rh_fact_variable *v)
{
    v->json = json;
    v->name = rh_json_get(json, "name");
    const char *place =
        rh_arena_printf(b->c->arena, "Library/%.*s.variable %%%.*s",
                        RH_TEXT_ARG(b->facts->definition->id), RH_TEXT_ARG(v->name));
    if (!v->name.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, place, "A variable has no name.");
    if (!rh_text_is(rh_json_get(json, "language"), "text/fhirpath"))
        return rh_issue_add(b->c->issues, RH_UNSUPPORTED, place,
                            "The language must be text/fhirpath.");
    return rh_rule_expression(b->c, b->a, place, rh_json_get(json, "expression"), &v->expression);
}

static unsigned hash_text(struct rh_text t)
{
    unsigned h = 2166136261u;
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 16777619u;
    return h;
}

yyjson_val *rh_lookup_row(const struct rh_fact_lookup *l, struct rh_text code)
{
    for (unsigned i = hash_text(code) & l->mask; l->rows[i]; i = (i + 1) & l->mask)
        if (rh_text_eq(rh_json_get(l->rows[i], "code"), code))
            return l->rows[i];
    return NULL;
}

yyjson_val *rh_concept_property(yyjson_val *concept, struct rh_text code, const char *suffix,
                                struct rh_text *ret_type)
{
    size_t i, n, k, m;
    yyjson_val *p, *key, *v, *list = yyjson_obj_get(concept, "property");
    yyjson_arr_foreach (list, i, n, p) {
        struct rh_text name = rh_json_get(p, "code");
        if (name.len != code.len + strlen(suffix) || !rh_text_ends(name, suffix) ||
            memcmp(name.data, code.data, code.len) != 0)
            continue;
        yyjson_obj_foreach (p, k, m, key, v) {
            if (rh_text_starts(rh_json_text(key), "value")) {
                *ret_type = rh_json_text(key);
                ret_type->data += 5;
                ret_type->len -= 5;
                return v;
            }
        }
    }
    return NULL;
}

/* Concepts of the table, those below others too. */
static void add_rows(struct rh_fact_lookup *l, yyjson_val *list, unsigned depth)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (list, i, n, one) {
        unsigned at = hash_text(rh_json_get(one, "code")) & l->mask;
        while (l->rows[at])
            at = (at + 1) & l->mask;
        l->rows[at] = one;
        if (depth < RH_JSON_DEPTH_MAX)
            add_rows(l, yyjson_obj_get(one, "concept"), depth + 1);
    }
}

static size_t count_rows(yyjson_val *list, unsigned depth)
{
    size_t i, n, count = 0;
    yyjson_val *one;
    yyjson_arr_foreach (list, i, n, one) {
        count += 1;
        if (depth < RH_JSON_DEPTH_MAX)
            count += count_rows(yyjson_obj_get(one, "concept"), depth + 1);
    }
    return count;
}

static bool has_property(yyjson_val *system, struct rh_text code)
{
    size_t i, n;
    yyjson_val *p, *list = yyjson_obj_get(system, "property");
    yyjson_arr_foreach (list, i, n, p) {
        if (rh_text_eq(rh_json_get(p, "code"), code))
            return true;
    }
    return false;
}

static enum rh_rc read_lookup(struct builder *b, yyjson_val *json, struct rh_fact_lookup *l)
{
    yyjson_val *system;
    l->json = json;
    l->name = rh_extension_text(json, "name");
    l->property = rh_extension_text(json, "property");
    struct rh_text table = rh_extension_text(json, "table");
    const char *place =
        rh_arena_printf(b->c->arena, "Library/%.*s.lookup %%%.*s",
                        RH_TEXT_ARG(b->facts->definition->id), RH_TEXT_ARG(l->name));
    if (!l->name.len || !l->property.len || !table.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, place,
                            "A lookup needs name, table, key and property.");
    const struct rh_definition *d =
        rh_definition_near(b->c->world, b->facts->definition, "CodeSystem", table);
    if (!d)
        return rh_issue_add(b->c->issues, RH_NOTFOUND, place, "The table %.*s is not loaded.",
                            RH_TEXT_ARG(table));
    enum rh_rc rc = rh_definition_body(b->c, d, &system);
    if (rc)
        return rc;
    if (!has_property(system, l->property))
        return rh_issue_add(b->c->issues, RH_VALUE, place, "The table %.*s has no property %.*s.",
                            RH_TEXT_ARG(table), RH_TEXT_ARG(l->property));
    size_t n = count_rows(yyjson_obj_get(system, "concept"), 0), size = 16;
    while (size < n * 2)
        size *= 2;
    l->rows = rh_arena_zero(b->a, size * sizeof(yyjson_val *));
    if (!l->rows)
        return RH_NOMEM;
    l->mask = (unsigned)(size - 1);
    add_rows(l, yyjson_obj_get(system, "concept"), 0);
    return rh_rule_expression(b->c, b->a, place, rh_extension_text(json, "key"), &l->key);
}

/* --- the whole -------------------------------------------------------------------------------- */
static enum rh_rc make(struct rh_ctx *c, const struct rh_definition *d, void *user,
                       const void **ret)
{
    size_t i, n;
    yyjson_val *one;
    struct rh_facts *f = rh_arena_zero(c->arena, sizeof *f);
    struct builder b = {.c = c, .a = c->arena, .facts = f};
    (void)user;
    if (!f)
        return RH_NOMEM;
    f->definition = d;
    enum rh_rc rc = rh_definition_body(c, d, &f->json);
    if (rc)
        return rc;
    yyjson_val *list = yyjson_obj_get(f->json, "dataRequirement");
    yyjson_val *extensions = yyjson_obj_get(f->json, "extension");
    size_t n_facts = yyjson_arr_size(list), n_more = yyjson_arr_size(extensions);
    if (n_facts + n_more > 2 * FACTS_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, "Library",
                            "The library has more than %d facts and variables.", 2 * FACTS_MAX);
    f->facts = rh_arena_zero(c->arena, (n_facts + 1) * sizeof *f->facts);
    f->variables = rh_arena_zero(c->arena, (n_more + 1) * sizeof *f->variables);
    f->lookups = rh_arena_zero(c->arena, (n_more + 1) * sizeof *f->lookups);
    if (!f->facts || !f->variables || !f->lookups)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, n, one)
        note(&b, read_fact(&b, one, &f->facts[f->n_facts++]));
    yyjson_arr_foreach (extensions, i, n, one) {
        struct rh_text url = rh_json_get(one, "url");
        if (rh_text_is(url, RH_RIHLA_EXT "variable") || rh_text_is(url, VARIABLE_STANDARD))
            note(&b, read_variable(&b, yyjson_obj_get(one, "valueExpression"),
                                   &f->variables[f->n_variables++]));
        else if (rh_text_is(url, RH_RIHLA_EXT "lookup"))
            note(&b, read_lookup(&b, one, &f->lookups[f->n_lookups++]));
    }
    *ret = f;
    return b.rc;
}

enum rh_rc rh_facts_find(struct rh_ctx *c, const char *place, const struct rh_definition *from,
                         struct rh_text canonical, const struct rh_facts **ret)
{
    const void *form;
    const struct rh_definition *d = rh_definition_near(c->world, from, "Library", canonical);
    if (!d)
        return rh_issue_add(c->issues, RH_NOTFOUND, place, "The library %.*s is not loaded.",
                            RH_TEXT_ARG(canonical));
    enum rh_rc rc = rh_world_form(c, d, RH_FORM_LIBRARY, make, NULL, &form);
    if (!rc)
        *ret = form;
    return rc;
}
