/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets with parameters that SearchParameter resources add (FHIR R4, SearchParameter).
 */
#include "search/extract_int.h"

#include "base/alloc.h"

#include <stdlib.h>

enum { SET_BYTES_MAX = 64 << 20, CODE_MAX = 64 };

static const struct {
    const char *name;
    enum rh_parameter_kind kind;
} kinds[] = {
    {"special", RH_SP_SPECIAL},     {"string", RH_SP_STRING},
    {"token", RH_SP_TOKEN},         {"date", RH_SP_DATE},
    {"reference", RH_SP_REFERENCE}, {"number", RH_SP_NUMBER},
    {"quantity", RH_SP_QUANTITY},   {"uri", RH_SP_URI},
    {"composite", RH_SP_COMPOSITE},
};

static struct rh_text shown(yyjson_val *definition)
{
    struct rh_text url = rh_json_get(definition, "url"), code = rh_json_get(definition, "code");
    return url.len ? url : code.len ? code : RH_TEXT("without url");
}

static enum rh_rc problem(struct rh_ctx *ctx, yyjson_val *definition, enum rh_severity severity,
                          const char *expression, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static enum rh_rc problem(struct rh_ctx *ctx, yyjson_val *definition, enum rh_severity severity,
                          const char *expression, const char *format, ...)
{
    va_list ap;
    struct rh_text name = rh_text_shown(shown(definition), 200);
    va_start(ap, format);
    const char *text = rh_arena_vprintf(ctx->arena, format, ap);
    va_end(ap);
    text = text ? rh_arena_printf(ctx->arena, "search parameter %.*s: %s", RH_TEXT_ARG(name), text)
                : NULL;
    if (!text)
        return RH_NOMEM;
    return rh_issue_at(ctx->issues, (struct rh_issue){.severity = severity,
                                                      .rc = RH_VALUE,
                                                      .expression = expression,
                                                      .text = text});
}

/* --- one definition ----------------------------------------------------------------------------
 */

static bool find_kind(yyjson_val *definition, unsigned char *ret)
{
    struct rh_text name = rh_json_get(definition, "type");
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (rh_text_is(name, kinds[i].name)) {
            *ret = (unsigned char)kinds[i].kind;
            return true;
        }
    return false;
}

static bool code_is(struct rh_text t)
{
    if (t.len == 0 || t.len > CODE_MAX || t.data[0] == '_')
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

/* The word that an alternative begins with, behind '(' and blanks. */
static struct rh_text root_of(struct rh_text t)
{
    size_t from = 0, to;
    while (from < t.len && (t.data[from] == '(' || t.data[from] == ' '))
        from++;
    for (to = from; to < t.len; to++)
        if (!((t.data[to] >= 'a' && t.data[to] <= 'z') || (t.data[to] >= 'A' && t.data[to] <= 'Z')))
            break;
    return (struct rh_text){t.data + from, to - from};
}

/* The next alternative of a union, outermost only. */
static bool next_alternative(struct rh_text t, size_t *at, struct rh_text *ret)
{
    size_t from = *at, i = from;
    char quote = 0;
    unsigned depth = 0;
    if (!t.data || from > t.len)
        return false;
    for (; i < t.len; i++) {
        char c = t.data[i];
        if (quote && c == '\\' && i + 1 < t.len)
            i++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '\'' || c == '`' || c == '"')
            quote = c;
        else if (c == '(' || c == '[')
            depth++;
        else if ((c == ')' || c == ']') && depth)
            depth--;
        else if (c == '|' && depth == 0)
            break;
    }
    *ret = rh_text_trim((struct rh_text){t.data + from, i - from});
    *at = i + 1;
    return true;
}

/* What can give something for this type: alternatives that begin with another resource type are cut
 * away. */
static struct rh_text cut(struct rh_arena *a, struct rh_text expression, const char *type)
{
    struct rh_buf b = rh_buf(a);
    struct rh_text part;
    for (size_t at = 0; next_alternative(expression, &at, &part);) {
        struct rh_text root = root_of(part);
        if (!part.len || (rh_resource_number(root) && !rh_text_is(root, type)))
            continue;
        rh_buf_str(&b, b.len ? " | " : "");
        rh_buf_text(&b, part);
    }
    rh_buf_char(&b, 0);
    return b.rc ? (struct rh_text){NULL, 0} : (struct rh_text){b.data, b.len - 1};
}

static const char *copied(struct rh_arena *a, struct rh_text t)
{
    return rh_text_copy(a, t.len ? t : RH_TEXT("")).data;
}

/* --- a set -------------------------------------------------------------------------------------
 */

static const struct rh_parameter *by_url(const struct rh_parameters *set, unsigned type,
                                         struct rh_text url)
{
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0, t = pass ? 0 : type; i < set->n[t]; i++)
            if (rh_text_is(url, set->rows[t][i]->url))
                return set->rows[t][i];
    return NULL;
}

static enum rh_rc read_targets(struct rh_arena *a, yyjson_val *definition, struct rh_parameter *p)
{
    yyjson_val *list = yyjson_obj_get(definition, "target"), *v;
    size_t i, n, count = yyjson_arr_size(list);
    uint16_t *numbers = rh_arena_alloc(a, (count + 1) * sizeof *numbers);
    if (!numbers)
        return RH_NOMEM;
    p->n_targets = 0;
    p->targets = numbers;
    yyjson_arr_foreach (list, i, n, v) {
        unsigned number = rh_resource_number(rh_json_text(v));
        if (number && p->n_targets < RH_RESOURCE_TYPES)
            numbers[p->n_targets++] = (uint16_t)number;
        else if (!number)
            count = RH_RESOURCE_TYPES; /* "Resource": any */
    }
    if (count >= RH_RESOURCE_TYPES)
        p->n_targets = 0;
    return RH_OK;
}

/* False: a component is not there; *ret is its address. */
static enum rh_rc read_components(struct rh_ctx *ctx, struct rh_parameters *set,
                                  yyjson_val *definition, struct rh_parameter *p,
                                  const char **ret_missing)
{
    yyjson_val *list = yyjson_obj_get(definition, "component"), *v;
    size_t i, n, count = yyjson_arr_size(list);
    const struct rh_parameter **rows = rh_arena_alloc(set->arena, (count + 1) * sizeof *rows);
    const char **texts = rh_arena_alloc(set->arena, (count + 1) * sizeof *texts);
    *ret_missing = NULL;
    if (!rows || !texts)
        return RH_NOMEM;
    if (count < 2 || count > RH_COMPONENTS_MAX) {
        *ret_missing = "(two to four components)";
        return RH_OK;
    }
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text url = rh_json_get(v, "definition");
        rows[i] = by_url(set, p->type, url);
        texts[i] = copied(set->arena, rh_json_get(v, "expression"));
        struct rh_fp *e;
        struct rh_issues is;
        struct rh_ctx c = *ctx;
        rh_issues_init(&is, ctx->arena);
        c.issues = &is;
        if (!texts[i])
            return RH_NOMEM;
        if (rh_extract_compile(&c, set->arena, rh_text(texts[i]), &e)) {
            *ret_missing = "(an expression that is not FHIRPath)";
            return RH_OK;
        }
        if (!rows[i] || rows[i]->kind == RH_SP_COMPOSITE) {
            *ret_missing = copied(set->arena, url);
            return RH_OK;
        }
    }
    p->components = rows;
    p->component_texts = texts;
    p->n_components = (uint8_t)count;
    return RH_OK;
}

static bool is_dated(const struct rh_parameter *p)
{
    return rh_parameter_main_date(p->type) && strcmp(p->name, "identifier") != 0 &&
           (p->kind == RH_SP_TOKEN || p->kind == RH_SP_STRING || p->kind == RH_SP_REFERENCE ||
            p->kind == RH_SP_QUANTITY);
}

/* A function that would need more than the resource: its name; NULL: there is none. resolve() is
 * known as far as the text of a reference tells it, so only before `is`. */
static const char *unknowable(yyjson_val *v, bool before_is)
{
    static const char *const names[] = {"memberOf",   "subsumes", "subsumedBy",  "conformsTo",
                                        "htmlChecks", "matches",  "matchesFull", "replaceMatches",
                                        "now",        "today",    "timeOfDay",   "resolve"};
    enum { RESOLVE = sizeof names / sizeof names[0] - 1 };
    struct rh_text op = rh_json_get(v, "op"), name = rh_json_get(v, "name");
    bool is = rh_text_is(op, "is");
    yyjson_val *focus = yyjson_obj_get(v, "focus"), *arg;
    size_t i, n;
    for (unsigned k = 0; rh_text_is(op, "call") && k <= RESOLVE; k++)
        if (rh_text_is(name, names[k]) && !(k == RESOLVE && before_is))
            return names[k];
    const char *found = focus ? unknowable(focus, false) : NULL;
    yyjson_arr_foreach (yyjson_obj_get(v, "args"), i, n, arg)
        if (!found)
            found = unknowable(arg, is);
    return found;
}

/* Can values of the expression be computed from a resource alone? */
static bool is_knowable(struct rh_ctx *ctx, const struct rh_fp *e, const char **ret)
{
    struct rh_buf b = rh_buf(ctx->arena);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_fp_print_ast(e, &b);
    rh_issues_init(&is, ctx->arena);
    *ret = "so much nesting"; /* deeper than JSON may be */
    if (b.rc || rh_json_parse(ctx->arena, &is, rh_buf_get(&b), &doc))
        return false;
    *ret = unknowable(yyjson_doc_get_root(doc), false);
    return !*ret;
}

/* p->expression stays NULL when it cannot be used. */
static enum rh_rc read_expression(struct rh_ctx *ctx, struct rh_parameters *set,
                                  yyjson_val *definition, enum rh_severity severity,
                                  struct rh_parameter *p, struct rh_text *ret_types)
{
    static const char place[] = "SearchParameter.expression";
    const struct rh_type *t = rh_resource_type(p->type);
    struct rh_text all = rh_json_get(definition, "expression"),
                   text = cut(set->arena, all, t ? t->name : "Resource");
    struct rh_fp *e;
    struct rh_issues is;
    struct rh_ctx c = *ctx;
    const char *what;
    rh_issues_init(&is, ctx->arena);
    c.issues = &is;
    if (!text.data)
        return RH_NOMEM;
    if (!text.len)
        problem(ctx, definition, severity, place,
                "it has no expression that begins with %s, so it has no values there",
                t ? t->name : "Resource");
    else if (rh_extract_compile(&c, set->arena, text, &e))
        problem(ctx, definition, severity, place, "its expression is not FHIRPath: %s",
                is.count ? is.rows[0].text : "too long");
    else if (!is_knowable(ctx, e, &what))
        problem(ctx, definition, severity, place,
                "its expression uses %s, which cannot be known from a resource alone", what);
    else if (t && rh_fp_check(&c, e, t, ret_types))
        problem(ctx, definition, severity, place, "its expression does not fit the type %s: %s",
                t->name, is.count ? is.rows[0].text : "");
    else
        p->expression = text.data;
    return RH_OK;
}

/* `severity` of what is wrong; *ret NULL when it cannot be used. */
static enum rh_rc read_one(struct rh_ctx *ctx, struct rh_parameters *set, unsigned type,
                           yyjson_val *definition, enum rh_severity severity,
                           struct rh_parameter **ret)
{
    const struct rh_type *t = rh_resource_type(type);
    struct rh_text code = rh_json_get(definition, "code");
    struct rh_parameter *p = rh_arena_zero(set->arena, sizeof *p);
    *ret = NULL;
    if (!p)
        return RH_NOMEM;
    if (!code_is(code)) {
        problem(ctx, definition, severity, "SearchParameter.code",
                "its code must be letters, digits, '-', '_' or '.', not begin with '_', and have "
                "at most %d characters",
                CODE_MAX);
        return RH_OK;
    }
    if (!find_kind(definition, &p->kind)) {
        problem(ctx, definition, severity, "SearchParameter.type",
                "its type is not one of number, date, string, token, reference, composite, "
                "quantity, uri, special");
        return RH_OK;
    }
    if (p->kind == RH_SP_SPECIAL) {
        problem(ctx, definition, severity, "SearchParameter.type",
                "what a parameter of type special means cannot be said by an expression, so none "
                "can be added");
        return RH_OK;
    }
    struct rh_text types = {NULL, 0};
    p->type = (uint16_t)type;
    enum rh_rc rc = read_expression(ctx, set, definition, severity, p, &types);
    if (rc || !p->expression)
        return rc;
    p->name = copied(set->arena, code);
    p->url = copied(set->arena, rh_json_get(definition, "url"));
    p->version = 1;
    p->words = p->kind == RH_SP_STRING &&
               (rh_text_is(types, "HumanName") || rh_text_is(types, "FHIR.HumanName"));
    p->dated = is_dated(p);
    if (!p->name || !p->url)
        return RH_NOMEM;
    rc = read_targets(set->arena, definition, p);
    if (rc == RH_OK && p->kind == RH_SP_COMPOSITE) {
        const char *missing;
        rc = read_components(ctx, set, definition, p, &missing);
        if (rc == RH_OK && missing) {
            problem(ctx, definition, severity, "SearchParameter.component",
                    "its component %s is no parameter of %s", missing, t ? t->name : "all types");
            return RH_OK;
        }
        p->joined = t && strcmp(p->expression, t->name) == 0;
    }
    if (rc == RH_OK)
        *ret = p;
    return rc;
}

static enum rh_rc keep_replaced(struct rh_parameters *set, const struct rh_parameter *old)
{
    unsigned t = old->type, n = set->n_replaced[t];
    const struct rh_parameter **rows = rh_arena_alloc(set->arena, (n + 1) * sizeof rows[0]);
    if (!rows)
        return RH_NOMEM;
    if (n)
        memcpy(rows, set->replaced[t], n * sizeof rows[0]);
    rows[n] = old;
    set->replaced[t] = rows;
    set->n_replaced[t] = (uint16_t)(n + 1);
    return RH_OK;
}

/* In its place by number; one of the same code goes. */
static enum rh_rc put(struct rh_parameters *set, const struct rh_parameter *p)
{
    unsigned t = p->type, n = 0;
    const struct rh_parameter **rows =
        rh_arena_alloc(set->arena, (set->n[t] + 1u) * sizeof rows[0]);
    bool placed = false;
    if (!rows)
        return RH_NOMEM;
    for (unsigned i = 0; i < set->n[t]; i++) {
        const struct rh_parameter *old = set->rows[t][i];
        if (strcmp(old->name, p->name) == 0) {
            enum rh_rc rc = old->number < RH_PARAM_INTERNAL ? keep_replaced(set, old) : RH_OK;
            if (rc)
                return rc;
            continue;
        }
        if (!placed && old->number > p->number) {
            rows[n++] = p;
            placed = true;
        }
        rows[n++] = old;
    }
    if (!placed)
        rows[n++] = p;
    set->rows[t] = rows;
    set->n[t] = (uint16_t)n;
    return RH_OK;
}

/* How many a type has, of type 0 the most that any has: they are compiled together. */
static unsigned crowd(const struct rh_parameters *set, unsigned type)
{
    unsigned most = 0;
    for (unsigned t = type; t <= (type ? type : RH_RESOURCE_TYPES); t++) {
        unsigned n = set->n[t] + set->n_replaced[t];
        most = n > most ? n : most;
    }
    return most + set->n[0] + set->n_replaced[0];
}

static struct rh_parameters *open_set(void)
{
    struct rh_parameters *set = rh_alloc(sizeof *set);
    set->arena = rh_arena_open(SET_BYTES_MAX);
    atomic_init(&set->count, 1);
    for (unsigned t = 0; t <= RH_RESOURCE_TYPES; t++) {
        unsigned first = rh_parameter_first[t], n = rh_parameter_first[t + 1] - first;
        const struct rh_parameter **rows = rh_arena_alloc(set->arena, (n + 1) * sizeof rows[0]);
        for (unsigned i = 0; rows && i < n; i++)
            rows[i] = &rh_parameter_rows[first + i];
        set->rows[t] = rows;
        set->n[t] = rows ? (uint16_t)n : 0;
    }
    return set;
}

enum rh_rc rh_parameters_open(struct rh_ctx *ctx, const struct rh_parameter_added *added,
                              unsigned n, struct rh_parameters **ret)
{
    struct rh_parameters *set = open_set();
    enum rh_rc rc = RH_OK;
    /* Composites come last: their components may be added too. */
    for (unsigned i = 0; i < 2 * n && rc == RH_OK; i++) {
        const struct rh_parameter_added *a = &added[i % n];
        bool composite = rh_text_is(rh_json_get(a->definition, "type"), "composite");
        struct rh_parameter *p;
        if (composite != (i >= n) || a->type > RH_RESOURCE_TYPES)
            continue;
        if (crowd(set, a->type) >= RH_PLAN_PARAMETERS_MAX) {
            problem(ctx, a->definition, RH_WARNING, NULL,
                    "its type would have more than %d search parameters; it is not in use",
                    RH_PLAN_PARAMETERS_MAX);
            continue;
        }
        rc = read_one(ctx, set, a->type, a->definition, RH_WARNING, &p);
        if (rc || !p)
            continue;
        p->number = a->number;
        p->complete = a->complete;
        rc = put(set, p);
    }
    if (rc) {
        rh_parameters_close(set);
        return rc;
    }
    *ret = set;
    return RH_OK;
}

struct rh_parameters *rh_parameters_keep(struct rh_parameters *set)
{
    if (set)
        atomic_fetch_add_explicit(&set->count, 1, memory_order_relaxed);
    return set;
}

void rh_parameters_close(struct rh_parameters *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->count, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned t = 0; t <= RH_RESOURCE_TYPES; t++) {
        struct rh_plan *plan = atomic_load_explicit(&set->plans[t], memory_order_acquire);
        if (plan)
            rh_arena_close(plan->arena);
    }
    rh_arena_close(set->arena);
    rh_free(set);
}

enum rh_rc rh_parameter_check(struct rh_ctx *ctx, yyjson_val *definition, uint16_t *types,
                              unsigned max, unsigned *n)
{
    yyjson_val *base = yyjson_obj_get(definition, "base"), *v;
    unsigned before = ctx->issues->errors, found = 0;
    size_t i, count;
    if (!yyjson_is_arr(base) || yyjson_arr_size(base) == 0)
        return problem(ctx, definition, RH_ERROR, "SearchParameter.base",
                       "it names no type that it is for (base)");
    struct rh_parameters *set = open_set();
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (base, i, count, v) {
        struct rh_text name = rh_json_text(v);
        struct rh_parameter *p;
        unsigned type = rh_resource_number(name);
        if (!type && !rh_text_is(name, "Resource") && !rh_text_is(name, "DomainResource")) {
            rc = problem(ctx, definition, RH_ERROR, "SearchParameter.base",
                         "its base %.*s is no type of R4", RH_TEXT_ARG(rh_text_shown(name, 60)));
            break;
        }
        rc = read_one(ctx, set, type, definition, RH_ERROR, &p);
        if (rc || !p)
            break;
        if (types && found < max)
            types[found] = (uint16_t)type;
        found++;
    }
    rh_parameters_close(set);
    if (rc == RH_OK && ctx->issues->errors > before)
        rc = RH_VALUE;
    if (rc == RH_OK)
        *n = found;
    return rc;
}
