/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/query_int.h"

#include "fhir/suggest.h"

#include <stdarg.h>

enum { PARAMETERS_SHOWN = 400 };

/* --- decoding ----------------------------------------------------------------------------------
 */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum rh_rc rh_percent_decode(struct rh_arena *a, struct rh_text t, struct rh_text *ret)
{
    char *p = rh_arena_copy(a, t.data ? t.data : "", t.len);
    size_t n = 0;
    if (!p)
        return RH_NOMEM;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (c == '%') {
            int high = i + 2 < t.len ? hex_of(t.data[i + 1]) : -1,
                low = i + 2 < t.len ? hex_of(t.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return RH_QUERY;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (!c)
            return RH_QUERY;
        p[n++] = c;
    }
    p[n] = 0;
    if (!rh_utf8_valid((struct rh_text){p, n}))
        return RH_QUERY;
    *ret = (struct rh_text){p, n};
    return RH_OK;
}

/* --- saying no ---------------------------------------------------------------------------------
 */

static enum rh_rc say(struct rh_reading *r, bool hard, const char *text)
{
    bool error = hard || !r->lenient;
    if (text && !error)
        text = rh_arena_printf(r->ctx->arena, "%s (left out: lenient handling)", text);
    rh_issue_at(
        r->ctx->issues,
        (struct rh_issue){.severity = error ? RH_ERROR : RH_WARNING, .rc = RH_QUERY, .text = text});
    r->hard = error;
    return RH_QUERY;
}

enum rh_rc rh_query_refuse(struct rh_reading *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(r->ctx->arena, format, ap);
    va_end(ap);
    return say(r, false, text);
}

enum rh_rc rh_query_cannot(struct rh_reading *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(r->ctx->arena, format, ap);
    va_end(ap);
    return say(r, true, text);
}

enum rh_rc rh_query_too_large(struct rh_reading *r)
{
    return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                        "\"%.*s\" asks for too much at once: a search has at most %d conditions, "
                        "each with %d values and %d ranges of keys; please ask in parts, or for "
                        "something more specific",
                        RH_TEXT_ARG(rh_text_shown(r->name, RH_QUERY_SHOWN)),
                        RH_QUERY_CONDITIONS_MAX, RH_QUERY_VALUES_MAX, RH_QUERY_RANGES_MAX);
}

const char *rh_query_type_name(unsigned type)
{
    return type ? rh_resource_type(type)->name : "a search over all types";
}

enum rh_rc rh_query_no_modifier(struct rh_reading *r, const char *valid)
{
    return rh_query_refuse(
        r, "%.*s: the parameter \"%s\" does not take the modifier \":%.*s\"; it takes %s",
        RH_TEXT_ARG(r->name), r->parameter->name, RH_TEXT_ARG(r->modifier), valid);
}

static const char *names_of(struct rh_reading *r, unsigned type, struct rh_text name,
                            const char **near)
{
    const struct rh_parameter **rows =
        rh_arena_alloc(r->ctx->arena, PARAMETERS_SHOWN * sizeof *rows);
    unsigned n = rows ? rh_parameters_of(r->ctx->parameters, type, rows, PARAMETERS_SHOWN) : 0,
             slips = RH_SUGGEST_FAR;
    struct rh_buf b = rh_buf(r->ctx->arena);
    *near = NULL;
    for (unsigned i = 0; i < n && i < PARAMETERS_SHOWN; i++) {
        if (rh_suggest_nearer(name, rows[i]->name, &slips))
            *near = rows[i]->name;
        rh_buf_str(&b, i ? ", " : "");
        rh_buf_str(&b, rows[i]->name);
    }
    rh_buf_char(&b, 0);
    return b.rc ? "" : b.data;
}

enum rh_rc rh_query_unknown(struct rh_reading *r, unsigned type, struct rh_text name)
{
    const char *near, *names = names_of(r, type, name, &near);
    struct rh_text inside = rh_text_eq(name, r->name) ? (struct rh_text){"", 0} : r->name;
    if (rh_text_is(name, "_filter") || rh_text_is(name, "_query"))
        return rh_query_cannot(r, "%.*s is not supported here; use the search parameters of %s: %s",
                               RH_TEXT_ARG(name), rh_query_type_name(type), names);
    return rh_query_refuse(
        r, "%.*s%s%s has no search parameter \"%.*s\"%s%s%s Valid: %s, _has, _list%s%s",
        RH_TEXT_ARG(inside), inside.len ? ": " : "", rh_query_type_name(type), RH_TEXT_ARG(name),
        near ? "; did you mean \"" : ".", near ? near : "", near ? "\"?" : "", names,
        r->depth ? "" : "; and for the result: ", r->depth ? "" : rh_query_result_names());
}

enum rh_rc rh_query_count(struct rh_reading *r)
{
    return ++r->made > RH_QUERY_CONDITIONS_MAX ? rh_query_too_large(r) : RH_OK;
}

enum rh_rc rh_query_group(struct rh_reading *r, enum rh_condition_kind kind,
                          const struct rh_condition *rows, unsigned n, struct rh_condition *ret)
{
    if (n == 1) {
        *ret = rows[0];
        return RH_OK;
    }
    enum rh_rc rc = rh_query_count(r);
    if (rc)
        return rc;
    struct rh_condition *copy = rh_arena_copy(r->ctx->arena, rows, n * sizeof *rows);
    *ret = (struct rh_condition){
        .kind = kind, .type = rows[0].type, .children = copy, .n_children = n};
    return copy ? RH_OK : RH_NOMEM;
}

/* --- one parameter -----------------------------------------------------------------------------
 */

/* Values of one kind under one condition. */
static enum rh_rc plain(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++)
        rc = rh_query_add(&m, r->parameter, r->values[i]);
    return rc ? rc : rh_make_close(&m, ret);
}

enum rh_rc rh_query_add(struct rh_making *m, const struct rh_parameter *p, struct rh_text value)
{
    static enum rh_rc (*const adders[])(struct rh_making *, struct rh_text) = {
        [RH_SP_STRING] = rh_query_add_string, [RH_SP_TOKEN] = rh_query_add_token,
        [RH_SP_DATE] = rh_query_add_date,     [RH_SP_REFERENCE] = rh_query_add_reference,
        [RH_SP_NUMBER] = rh_query_add_number, [RH_SP_QUANTITY] = rh_query_add_quantity,
        [RH_SP_URI] = rh_query_add_uri,
    };
    if (p->number == RH_PARAM_LAST_UPDATED)
        return rh_query_add_date(m, value);
    if (p->kind >= sizeof adders / sizeof adders[0] || !adders[p->kind])
        return rh_query_cannot(m->r, "%.*s: a component of this kind cannot be searched",
                               RH_TEXT_ARG(m->r->name));
    return adders[p->kind](m, value);
}

static enum rh_rc unmodified(struct rh_reading *r, const char *valid, struct rh_condition *ret)
{
    return r->modifier.data ? rh_query_no_modifier(r, valid) : plain(r, ret);
}

static enum rh_rc special(struct rh_reading *r, struct rh_condition *ret)
{
    const char *name = r->parameter->name;
    if (r->parameter->number == RH_PARAM_LAST_UPDATED)
        return r->modifier.data ? rh_query_no_modifier(r, "no modifier") : plain(r, ret);
    if (r->modifier.data)
        return rh_query_no_modifier(r, strcmp(name, "near") == 0 ? ":missing" : "no modifier");
    if (r->parameter->number == RH_PARAM_ID)
        return rh_query_ids(r, ret);
    if (strcmp(name, "_text") == 0 || strcmp(name, "_content") == 0)
        return rh_query_full_text(r, ret);
    if (strcmp(name, "near") == 0)
        return rh_query_near(r, ret);
    return rh_query_cannot(r, "%s: this special parameter is not supported here", name);
}

static enum rh_rc strings(struct rh_reading *r, struct rh_condition *ret)
{
    if (rh_text_is(r->modifier, "contains"))
        return rh_query_contains(r, ret);
    if (rh_text_is(r->modifier, "exact"))
        return rh_query_exact(r, ret);
    if (r->modifier.data)
        return rh_query_no_modifier(r, ":exact, :contains, :missing");
    return r->parameter->words ? rh_query_words(r, ret) : plain(r, ret);
}

enum rh_rc rh_query_leaf(struct rh_reading *r, struct rh_condition *ret)
{
    if (!r->parameter->complete)
        return rh_issue_add(r->ctx->issues, RH_BUSY, NULL,
                            "%.*s: the parameter \"%s\" is being indexed; please try again later",
                            RH_TEXT_ARG(r->name), r->parameter->name);
    if (r->parameter->number >= RH_PARAM_ADDED && r->contained != RH_CONTAINED_FALSE)
        return rh_query_cannot(r,
                               "%.*s: added parameters are not kept of contained resources; leave "
                               "_contained out",
                               RH_TEXT_ARG(r->name));
    if (rh_text_is(r->modifier, "missing"))
        return rh_query_missing(r, ret);
    switch ((enum rh_parameter_kind)r->parameter->kind) {
    case RH_SP_SPECIAL:
        return special(r, ret);
    case RH_SP_STRING:
        return strings(r, ret);
    case RH_SP_TOKEN:
        return r->modifier.data ? rh_query_token_modified(r, ret) : plain(r, ret);
    case RH_SP_REFERENCE:
        return rh_query_reference(r, ret);
    case RH_SP_URI:
        return r->modifier.data ? rh_query_uri_modified(r, ret) : rh_query_uri(r, ret);
    case RH_SP_COMPOSITE:
        return r->modifier.data ? rh_query_no_modifier(r, ":missing") : rh_query_composite(r, ret);
    case RH_SP_DATE:
    case RH_SP_NUMBER:
    case RH_SP_QUANTITY:
        break;
    }
    return unmodified(r, ":missing, and prefixes before the value (ge2020)", ret);
}

enum rh_rc rh_query_condition(struct rh_reading *r, unsigned type, struct rh_text name,
                              struct rh_text value, struct rh_condition *ret)
{
    struct rh_text rest = name, code;
    if (r->contained != RH_CONTAINED_FALSE &&
        (rh_text_starts(name, "_has") || rh_text_starts(name, "_list") ||
         (name.len && memchr(name.data, '.', name.len))))
        return rh_query_cannot(r,
                               "%.*s: chains, _has and _list are not answered for contained "
                               "resources; leave _contained out, or search the containing type",
                               RH_TEXT_ARG(r->name));
    if (rh_text_starts(name, "_has:") || rh_text_is(name, "_has"))
        return rh_query_has(r, type, name, value, ret);
    if (name.len && memchr(name.data, '.', name.len))
        return rh_query_chain(r, type, name, value, ret);
    rh_text_split(&rest, ':', &code);
    r->type = type;
    r->modifier = rest;
    if (rh_text_is(code, "_list")) {
        enum rh_rc rc = rh_query_split(r, value);
        return rc ? rc : rh_query_list(r, ret);
    }
    r->parameter = rh_parameter_find(r->ctx->parameters, type, code);
    if (!r->parameter)
        return rh_query_unknown(r, type, code);
    enum rh_rc rc = rh_query_split(r, value);
    return rc ? rc : rh_query_leaf(r, ret);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static void add_self(struct rh_buf *self, struct rh_text name, struct rh_text value)
{
    if (self->len)
        rh_buf_char(self, '&');
    rh_buf_percent(self, name);
    rh_buf_char(self, '=');
    rh_buf_percent(self, value);
}

/* Of a system-level search each type reads the same text: `_type` says which. */
static enum rh_rc read_types(struct rh_reading *r, struct rh_text value)
{
    struct rh_query *q = r->query;
    bool listed = false;
    enum rh_rc rc = rh_query_split(r, value);
    if (rc)
        return rc;
    q->n_types = 0;
    q->types = rh_arena_alloc(r->ctx->arena, r->n * sizeof *q->types);
    if (!q->types)
        return RH_NOMEM;
    for (unsigned i = 0; i < r->n; i++) {
        unsigned t = rh_resource_number(r->values[i]);
        const struct rh_type *near = t ? NULL : rh_suggest_resource(r->values[i]);
        if (!t)
            return rh_query_refuse(r, "_type: FHIR R4 has no resource type \"%.*s\"%s%s%s",
                                   RH_TEXT_ARG(r->values[i]), near ? "; did you mean \"" : "",
                                   near ? near->name : "", near ? "\"?" : "");
        listed |= t == q->type;
        bool twice = false;
        for (unsigned k = 0; k < q->n_types; k++)
            twice |= q->types[k] == t;
        if (!twice)
            q->types[q->n_types++] = t;
    }
    if (q->type && !listed)
        return rh_query_refuse(r,
                               "_type: this search is for %s, which the list \"%.*s\" does not "
                               "have; leave _type out, or search at the base address",
                               rh_query_type_name(q->type), RH_TEXT_ARG(value));
    if (q->type)
        q->n_types = 0;
    return RH_OK;
}

static enum rh_rc read_condition(struct rh_reading *r, struct rh_text value)
{
    struct rh_query *q = r->query;
    struct rh_condition c;
    if (q->n == RH_QUERY_CONDITIONS_MAX)
        return rh_query_too_large(r);
    r->depth = 0;
    /* Over several types a parameter must be one of each. */
    unsigned made = r->made;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < (q->n_types ? q->n_types : 1u) && rc == RH_OK; i++) {
        r->made = made;
        rc = rh_query_condition(r, q->n_types ? q->types[i] : q->type, r->name, value, &c);
    }
    if (rc)
        return rc;
    char *text = rh_arena_printf(r->ctx->arena, "%.*s=%.*s", RH_TEXT_ARG(r->name),
                                 RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)));
    if (!text)
        return RH_NOMEM;
    c.text = rh_text(text);
    q->conditions[q->n++] = c;
    return RH_OK;
}

static enum rh_rc read_pair(struct rh_reading *r, struct rh_text pair, struct rh_buf *self)
{
    struct rh_text value = pair, name;
    bool in_self = true, known = false;
    rh_text_split(&value, '=', &name);
    r->name = name;
    enum rh_rc rc = rh_percent_decode(r->ctx->arena, name, &r->name),
               rc2 = rh_percent_decode(r->ctx->arena, value, &value);
    if (rc == RH_NOMEM || rc2 == RH_NOMEM)
        return RH_NOMEM;
    if (rc || rc2)
        return rh_query_refuse(r,
                               "the query part \"%.*s\" has a percent sign without two hexadecimal "
                               "digits, a NUL, or bytes that are not UTF-8",
                               RH_TEXT_ARG(rh_text_shown(pair, RH_QUERY_SHOWN)));
    /* "Empty parameters are not an error - they are just ignored" (R4, search, errors). */
    if (r->name.len && !value.len && !rh_text_is(r->name, "_cursor"))
        return RH_OK;
    if (rh_text_is(r->name, "_type"))
        rc = read_types(r, value);
    else
        rc = rh_query_result(r, value, &known, &in_self);
    if (!known && !rh_text_is(r->name, "_type"))
        rc = read_condition(r, value);
    if (rc == RH_OK && (!known || in_self))
        add_self(self, r->name, value);
    return rc;
}

/* How contained resources are searched decides where the keys of all other parameters lie. */
static enum rh_contained contained_of(struct rh_text text)
{
    struct rh_text pair;
    while (rh_text_split(&text, '&', &pair)) {
        if (rh_text_is(pair, "_contained=true"))
            return RH_CONTAINED_TRUE;
        if (rh_text_is(pair, "_contained=both"))
            return RH_CONTAINED_BOTH;
    }
    return RH_CONTAINED_FALSE;
}

bool rh_condition_keyed(const struct rh_condition *c)
{
    switch (c->kind) {
    case RH_COND_KEYS:
        return !c->negated &&
               !(c->parameter && c->contained && c->parameter->number == RH_PARAM_LAST_UPDATED);
    case RH_COND_NONE:
        return true;
    case RH_COND_OR:
        for (unsigned i = 0; i < c->n_children; i++)
            if (!rh_condition_keyed(&c->children[i]))
                return false;
        return true;
    case RH_COND_AND:
        for (unsigned i = 0; i < c->n_children; i++)
            if (rh_condition_keyed(&c->children[i]))
                return true;
        return false;
    case RH_COND_IDS:
    case RH_COND_CHAIN:
    case RH_COND_HAS:
        break;
    }
    return false;
}

/* One and the same contained resource must meet all conditions, and keys of one of them must lead
 * to it: nothing lists contained resources as such. */
static enum rh_rc read_contained(struct rh_reading *r)
{
    struct rh_query *q = r->query;
    struct rh_condition *all = rh_arena_zero(r->ctx->arena, sizeof *all);
    if (!all)
        return RH_NOMEM;
    r->name = RH_TEXT("_contained");
    *all = (struct rh_condition){.kind = RH_COND_AND,
                                 .type = q->type,
                                 .children = q->conditions,
                                 .n_children = q->n,
                                 .contained = true};
    if (!rh_condition_keyed(all))
        return rh_query_cannot(r, "_contained: contained resources are found by their own values; "
                                  "name a parameter that they have to match, other than _id and "
                                  "_lastUpdated and without :not and :missing=true, such as "
                                  "Medication?code=…&_contained=true");
    if (q->n == 1 && q->conditions[0].kind == RH_COND_KEYS)
        return RH_OK;
    all->text = RH_TEXT("_contained");
    q->conditions = all;
    q->n = 1;
    return RH_OK;
}

/* The types are known before any parameter is looked for. What is wrong with them is said in turn.
 */
static enum rh_rc read_types_first(struct rh_reading *r, struct rh_text text)
{
    struct rh_text pair, value;
    struct rh_issues told, *issues = r->ctx->issues;
    enum rh_rc rc = RH_OK;
    rh_issues_init(&told, r->ctx->arena);
    while (r->query->type == 0 && rc == RH_OK && rh_text_split(&text, '&', &pair)) {
        if (!rh_text_starts(pair, "_type="))
            continue;
        r->name = RH_TEXT("_type");
        r->ctx->issues = &told;
        rc =
            rh_percent_decode(r->ctx->arena, (struct rh_text){pair.data + 6, pair.len - 6}, &value);
        rc = rc ? rc : read_types(r, value);
        r->ctx->issues = issues;
    }
    return rc == RH_QUERY || rc == RH_TOOLARGE ? RH_OK : rc;
}

static enum rh_rc read_all(struct rh_reading *r, struct rh_text text, struct rh_buf *self)
{
    struct rh_text pair;
    enum rh_rc result = read_types_first(r, text);
    if (result)
        return result;
    while (rh_text_split(&text, '&', &pair)) {
        if (!pair.len)
            continue;
        enum rh_rc rc = read_pair(r, pair, self);
        if (rc && rc != RH_QUERY)
            return rc;
        if (rc && r->hard)
            result = rc;
    }
    return self->rc ? self->rc : result;
}

bool rh_query_has_blank(struct rh_text text)
{
    struct rh_text pair, name;
    while (rh_text_split(&text, '&', &pair)) {
        struct rh_text value = pair;
        rh_text_split(&value, '=', &name);
        if (name.len && !value.len)
            return true;
    }
    return false;
}

enum rh_rc rh_query_parse(struct rh_ctx *ctx, const struct rh_query_host *host, unsigned type,
                          struct rh_text text, bool lenient, struct rh_query *ret)
{
    static const struct rh_query_host nobody = {.user = NULL};
    struct rh_query *q = rh_arena_zero(ctx->arena, sizeof *q);
    struct rh_buf self = rh_buf(ctx->arena);
    if (!q)
        return RH_NOMEM;
    if (text.len > RH_QUERY_TEXT_MAX)
        return rh_issue_add(ctx->issues, RH_TOOLARGE, NULL,
                            "the query has %zu bytes; at most %d are taken", text.len,
                            RH_QUERY_TEXT_MAX);
    if (type > RH_RESOURCE_TYPES)
        return RH_INTERNAL;
    q->type = type;
    q->count = RH_QUERY_COUNT;
    q->conditions = rh_arena_alloc(ctx->arena, RH_QUERY_CONDITIONS_MAX * sizeof *q->conditions);
    if (!q->conditions)
        return RH_NOMEM;
    struct rh_reading r = {.ctx = ctx,
                           .host = host ? host : &nobody,
                           .query = q,
                           .lenient = lenient,
                           .contained = contained_of(text)};
    enum rh_rc rc = text.data ? read_all(&r, text, &self) : RH_OK;
    if (rc == RH_OK && q->type && r.contained != RH_CONTAINED_FALSE)
        rc = read_contained(&r);
    if (rc)
        return rc;
    q->self = rh_buf_get(&self);
    *ret = *q;
    return RH_OK;
}
