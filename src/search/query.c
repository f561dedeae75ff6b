/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/query_int.h"

#include "fhir/element.h"

#include <stdarg.h>

enum { PARAMETERS_SHOWN = 64, SUGGEST_LEN = 32 };

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
    char *p = rh_arena_copy(a, t.data, t.len);
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

enum rh_rc rh_query_refuse(struct rh_reading *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(r->ctx->arena, format, ap);
    va_end(ap);
    if (text && r->lenient)
        text = rh_arena_printf(r->ctx->arena, "%s (left out: lenient handling)", text);
    rh_issue_at(r->ctx->issues, (struct rh_issue){.severity = r->lenient ? RH_WARNING : RH_ERROR,
                                                  .rc = RH_QUERY,
                                                  .text = text});
    return RH_QUERY;
}

/* Slips between two short words (Levenshtein). */
static unsigned slips(struct rh_text a, struct rh_text b)
{
    unsigned row[SUGGEST_LEN + 1];
    if (a.len > SUGGEST_LEN || b.len > SUGGEST_LEN)
        return SUGGEST_LEN;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned up = row[j], best = diagonal + (a.data[i - 1] != b.data[j - 1]);
            best = up + 1 < best ? up + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = up;
        }
    }
    return row[b.len];
}

static const char *valid_names(struct rh_reading *r, const char **near)
{
    const struct rh_parameter *rows[PARAMETERS_SHOWN];
    unsigned n = rh_parameters_of(r->query->type, rows, PARAMETERS_SHOWN), best = 3;
    struct rh_buf b = rh_buf(r->ctx->arena);
    *near = NULL;
    for (unsigned i = 0; i < n && i < PARAMETERS_SHOWN; i++) {
        unsigned s = slips(r->name, rh_text(rows[i]->name));
        if (s < best && 2 * s <= r->name.len) {
            best = s;
            *near = rows[i]->name;
        }
        rh_buf_str(&b, i ? ", " : "");
        rh_buf_str(&b, rows[i]->name);
    }
    rh_buf_char(&b, 0);
    return b.rc ? "" : b.data;
}

static enum rh_rc refuse_unknown(struct rh_reading *r)
{
    const char *near, *names = valid_names(r, &near);
    if (memchr(r->name.data, '.', r->name.len) || rh_text_starts(r->name, "_has"))
        return rh_query_refuse(
            r, "\"%.*s\": searching through references (chains, _has) is not available. Valid: %s",
            RH_TEXT_ARG(r->name), names);
    return rh_query_refuse(
        r, "%s has no search parameter \"%.*s\"%s%s%s Valid: %s; and for the result: %s",
        r->type_name, RH_TEXT_ARG(r->name), near ? "; did you mean \"" : ".", near ? near : "",
        near ? "\"?" : "", names, rh_query_result_names());
}

/* --- values ------------------------------------------------------------------------------------
 */

/* Splits at commas and undoes \, \| \$ \\ (R4, search, "escaping search parameters"). */
static enum rh_rc split_values(struct rh_reading *r, struct rh_text text, struct rh_value **ret,
                               unsigned *n)
{
    size_t count = 1, out = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == ',';
    if (count > RH_QUERY_VALUES_MAX)
        return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                            "%.*s has %zu values; at most %d are taken at once",
                            RH_TEXT_ARG(r->name), count, RH_QUERY_VALUES_MAX);
    struct rh_value *rows = rh_arena_alloc(r->ctx->arena, count * sizeof *rows);
    char *p = rh_arena_alloc(r->ctx->arena, text.len + 1);
    if (!rows || !p)
        return RH_NOMEM;
    *n = 0;
    struct rh_value v = {.text = {p, 0}, .bar = SIZE_MAX};
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.data[i] : ',';
        bool escaped =
            c == '\\' && i + 1 < text.len && strchr(",|$\\", text.data[i + 1]) && i < text.len;
        if (i == text.len || (c == ',' && !escaped)) {
            v.text.len = (size_t)(p + out - v.text.data);
            if (v.text.len == 0)
                return rh_query_refuse(r, "%.*s has %s", RH_TEXT_ARG(r->name),
                                       text.len ? "an empty value between its commas" : "no value");
            rows[(*n)++] = v;
            v = (struct rh_value){.text = {p + out, 0}, .bar = SIZE_MAX};
            continue;
        }
        if (escaped)
            c = text.data[++i];
        else if (c == '|' && v.bar == SIZE_MAX)
            v.bar = (size_t)(p + out - v.text.data);
        p[out++] = c;
    }
    *ret = rows;
    return RH_OK;
}

static enum rh_rc read_values(struct rh_reading *r, struct rh_text text)
{
    struct rh_value *values = NULL;
    unsigned n = 0;
    enum rh_rc rc = split_values(r, text, &values, &n);
    if (rc)
        return rc;
    if (r->parameter->number == RH_PARAM_ID)
        return rh_query_ids(r, values, n);
    switch ((enum rh_parameter_value)r->parameter->value) {
    case RH_SV_IDENTIFIER:
        return rh_query_tokens(r, values, n);
    case RH_SV_HUMANNAME:
        return rh_query_names(r, values, n);
    case RH_SV_DATE:
    case RH_SV_INSTANT:
        return rh_query_dates(r, values, n);
    case RH_SV_REFERENCE:
        return rh_query_references(r, values, n);
    case RH_SV_ID:
        break;
    }
    return RH_INTERNAL;
}

/* patient:Patient=1 says what the parameter takes anyway; no other modifier exists. */
static enum rh_rc check_modifier(struct rh_reading *r, struct rh_text modifier)
{
    const char *own =
        r->parameter->kind == RH_SP_REFERENCE ? rh_resource_type(r->parameter->target)->name : NULL;
    if (own && rh_text_is(modifier, own))
        return RH_OK;
    return rh_query_refuse(r, "%s: the modifier \":%.*s\" is not available%s%s", r->parameter->name,
                           RH_TEXT_ARG(modifier),
                           own ? "; modifiers of this parameter: :"
                               : "; this parameter has no modifiers",
                           own ? own : "");
}

static enum rh_rc read_parameter(struct rh_reading *r, struct rh_text value, bool *in_self)
{
    bool known;
    enum rh_rc rc = rh_query_result(r, value, &known, in_self);
    if (known)
        return rc;
    struct rh_text rest = r->name, name;
    rh_text_split(&rest, ':', &name);
    r->parameter = rh_parameter_find(r->query->type, name);
    if (!r->parameter)
        return refuse_unknown(r);
    *in_self = true;
    if (rest.data)
        rc = check_modifier(r, rest);
    return rc ? rc : read_values(r, value);
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

static enum rh_rc read_pair(struct rh_reading *r, struct rh_text pair, struct rh_buf *self)
{
    struct rh_text value = pair, name;
    bool in_self = false;
    unsigned conditions = r->query->n;
    rh_text_split(&value, '=', &name);
    if (!value.data)
        value = (struct rh_text){"", 0};
    r->name = name;
    enum rh_rc rc = rh_percent_decode(r->ctx->arena, name, &r->name),
               rc2 = rh_percent_decode(r->ctx->arena, value, &value);
    if (rc == RH_NOMEM || rc2 == RH_NOMEM)
        return RH_NOMEM;
    if (rc || rc2)
        return rh_query_refuse(r,
                               "the query part \"%.*s\" has a percent sign without two hexadecimal "
                               "digits, a NUL, or bytes that are not UTF-8",
                               RH_TEXT_ARG(pair));
    rc = read_parameter(r, value, &in_self);
    if (rc)
        r->query->n = conditions;
    else if (in_self)
        add_self(self, r->name, value);
    return rc;
}

enum rh_rc rh_query_parse(struct rh_ctx *ctx, unsigned type, struct rh_text text, bool lenient,
                          struct rh_query *ret)
{
    const struct rh_type *t = rh_resource_type(type);
    struct rh_query *q = rh_arena_zero(ctx->arena, sizeof *q);
    struct rh_buf self = rh_buf(ctx->arena);
    enum rh_rc result = RH_OK;
    if (!q)
        return RH_NOMEM;
    if (!t)
        return rh_issue_add(
            ctx->issues, RH_QUERY, NULL,
            "a search over all types is not available: name a type, as in Patient?_id=1");
    if (text.len > RH_QUERY_TEXT_MAX)
        return rh_issue_add(ctx->issues, RH_TOOLARGE, NULL,
                            "the query has %zu bytes; at most %d are taken", text.len,
                            RH_QUERY_TEXT_MAX);
    q->type = type;
    q->count = RH_QUERY_COUNT;
    struct rh_reading r = {.ctx = ctx, .query = q, .lenient = lenient, .type_name = t->name};
    struct rh_text pair;
    while (rh_text_split(&text, '&', &pair)) {
        if (!pair.len)
            continue;
        enum rh_rc rc = read_pair(&r, pair, &self);
        if (rc && rc != RH_QUERY)
            return rc;
        if (rc && !lenient)
            result = rc;
    }
    if (self.rc)
        return self.rc;
    if (result)
        return result;
    q->self = rh_buf_get(&self);
    *ret = *q;
    return RH_OK;
}

/* --- matching ----------------------------------------------------------------------------------
 */

static bool in_range(struct rh_text key, struct rh_text lo, struct rh_text hi)
{
    return rh_text_cmp(key, lo) >= 0 && (!hi.data || rh_text_cmp(key, hi) < 0);
}

static bool key_matches(const struct rh_condition *c, struct rh_text key, bool whole)
{
    const struct rh_probe *probes = c->test;
    for (unsigned i = 0; i < c->n_ranges; i++) {
        bool in = whole ? in_range(key, probes[i].lo, probes[i].hi)
                        : in_range(key, c->ranges[i].lo, c->ranges[i].hi);
        if (in && rh_probe_date(&probes[i], key))
            return true;
    }
    return false;
}

bool rh_condition_key(const struct rh_condition *c, struct rh_text bytes)
{
    return key_matches(c, bytes, bytes.len != RH_KEY_CUT);
}

bool rh_condition_match(const struct rh_condition *c, const struct rh_search_keys *keys,
                        struct rh_text id, int64_t updated_us)
{
    if (c->parameter->number == RH_PARAM_ID) {
        for (unsigned i = 0; i < c->n_ids; i++)
            if (rh_text_eq(c->ids[i], id))
                return true;
        return false;
    }
    if (c->parameter->number == RH_PARAM_LAST_UPDATED) {
        unsigned char key[RH_KEY_INSTANT_SIZE];
        rh_key_instant(updated_us, key);
        return key_matches(c, (struct rh_text){(const char *)key, sizeof key}, true);
    }
    for (unsigned i = 0; i < keys->n; i++)
        if (keys->rows[i].parameter == c->parameter && key_matches(c, keys->rows[i].bytes, true))
            return true;
    return false;
}
