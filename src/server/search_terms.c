/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/search_terms.h"

#include "fhir/reference.h"
#include "programme/validation.h"

/* Told to the search for each code. */
typedef enum rh_rc each_code(void *user, struct rh_text system, struct rh_text code);

/* One operation of terminology; *ret is its answer. Its refusals are the search's. */
static enum rh_rc ask(struct rh_search_terms *t, struct rh_ctx *c, enum rh_terms_op op,
                      const char *parameters, yyjson_val **ret)
{
    yyjson_doc *doc;
    struct rh_ctx ctx = *c;
    struct rh_buf out = rh_buf(c->arena);
    enum rh_rc rc = parameters ? RH_OK : RH_NOMEM;
    if (!rc && !t->world)
        return t->rc ? t->rc : RH_NOTFOUND;
    if (!rc)
        rc = rh_json_parse(c->arena, c->issues, rh_text(parameters), &doc);
    if (rc)
        return rc;
    ctx.world = t->world;
    ctx.host = &rh_programme_host;
    rc = rh_terms_operation(&ctx, op, yyjson_doc_get_root(doc), NULL, &out);
    if (!rc)
        rc = out.rc;
    if (!rc)
        rc = rh_json_parse(c->arena, c->issues, rh_buf_get(&out), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc too_many(struct rh_ctx *c, struct rh_text what)
{
    return rh_issue_add(c->issues, RH_TOOLARGE, NULL,
                        "\"%.*s\" has more than %d codes: a search takes no more at once.",
                        RH_TEXT_ARG(rh_text_shown(what, 200)), RH_SEARCH_TERMS_MAX);
}

/* --- expansions --- */

static enum rh_rc tell_contains(yyjson_val *list, unsigned depth, unsigned *n, each_code *each,
                                void *user)
{
    size_t i, max;
    yyjson_val *row;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (list, i, max, row) {
        struct rh_text code = rh_json_get(row, "code");
        bool abstract = yyjson_get_bool(yyjson_obj_get(row, "abstract"));
        if (code.len && !abstract && ++*n > RH_SEARCH_TERMS_MAX)
            return RH_TOOLARGE;
        if (!rc && code.len && !abstract)
            rc = each(user, rh_json_get(row, "system"), code);
        if (!rc && depth < RH_TERMS_DEPTH_MAX)
            rc = tell_contains(yyjson_obj_get(row, "contains"), depth + 1, n, each, user);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* The definition whose address on this server is asked for; the last one is of what is stored. */
struct local {
    struct rh_text id;
    const struct rh_definition *found;
};

static enum rh_rc look_at(void *user, const struct rh_definition *d)
{
    struct local *l = user;
    if (d->url.len && rh_text_eq(d->id, l->id))
        l->found = d;
    return RH_OK;
}

/* "ValueSet/x" and "[base]/ValueSet/x" are addresses: of the value set that is there its canonical
 * (R4, search, ":in"). */
static struct rh_text canonical_of(const struct rh_search_terms *t, struct rh_ctx *c,
                                   struct rh_text url)
{
    struct rh_reference r = rh_reference_parse(url, c->base);
    struct local l = {.id = r.id};
    if (!t->world || r.kind != RH_REF_LOCAL || r.type != rh_resource_number(RH_TEXT("ValueSet")))
        return url;
    (void)rh_world_each(t->world, "ValueSet", look_at, &l);
    if (!l.found)
        return url;
    char *text = rh_arena_printf(c->arena, "%.*s%s%.*s", RH_TEXT_ARG(l.found->url),
                                 l.found->version.len ? "|" : "", RH_TEXT_ARG(l.found->version));
    return text ? rh_text(text) : url;
}

static enum rh_rc value_set(void *user, struct rh_ctx *c, struct rh_text url, each_code *each,
                            void *each_user)
{
    struct rh_buf b = rh_buf(c->arena);
    url = canonical_of(user, c, url);
    yyjson_val *answer;
    unsigned n = 0;
    rh_buf_str(&b,
               "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"url\",\"valueUri\":");
    rh_buf_json(&b, url);
    rh_buf_printf(&b,
                  "},{\"name\":\"excludeNested\",\"valueBoolean\":true},{\"name\":\"limit\","
                  "\"valueInteger\":%d}]}",
                  RH_SEARCH_TERMS_MAX + 1);
    rh_buf_char(&b, 0);
    enum rh_rc rc = b.rc ? b.rc : ask(user, c, RH_TERMS_EXPAND, b.data, &answer);
    if (!rc)
        rc = tell_contains(yyjson_obj_get(yyjson_obj_get(answer, "expansion"), "contains"), 0, &n,
                           each, each_user);
    return n > RH_SEARCH_TERMS_MAX ? too_many(c, url) : rc;
}

/* --- hierarchies --- */

static enum rh_rc below(void *user, struct rh_ctx *c, struct rh_text system, struct rh_text code,
                        each_code *each, void *each_user)
{
    char *url =
        rh_arena_printf(c->arena, "%.*s?fhir_vs=isa/%.*s", RH_TEXT_ARG(system), RH_TEXT_ARG(code));
    return url ? value_set(user, c, rh_text(url), each, each_user) : RH_NOMEM;
}

struct ancestors {
    struct rh_text *codes; /* found; those from `asked` on have not been asked for their parents */
    unsigned n, asked;
};

static enum rh_rc add_ancestor(struct ancestors *a, struct rh_text code)
{
    for (unsigned i = 0; i < a->n; i++)
        if (rh_text_eq(a->codes[i], code))
            return RH_OK;
    if (a->n == RH_SEARCH_TERMS_MAX)
        return RH_TOOLARGE;
    a->codes[a->n++] = code;
    return RH_OK;
}

static enum rh_rc add_parents(struct rh_search_terms *t, struct rh_ctx *c, struct rh_text system,
                              struct rh_text code, struct ancestors *a)
{
    struct rh_buf b = rh_buf(c->arena);
    yyjson_val *answer, *p, *part;
    size_t i, max, k, parts;
    rh_buf_str(&b, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"property\","
                   "\"valueCode\":\"parent\"},{\"name\":\"system\",\"valueUri\":");
    rh_buf_json(&b, system);
    rh_buf_str(&b, "},{\"name\":\"code\",\"valueCode\":");
    rh_buf_json(&b, code);
    rh_buf_str(&b, "}]}");
    rh_buf_char(&b, 0);
    enum rh_rc rc = b.rc ? b.rc : ask(t, c, RH_TERMS_LOOKUP, b.data, &answer);
    if (rc)
        return rc;
    yyjson_arr_foreach (yyjson_obj_get(answer, "parameter"), i, max, p) {
        struct rh_text name = {NULL, 0}, value = {NULL, 0};
        if (!rh_text_is(rh_json_get(p, "name"), "property"))
            continue;
        yyjson_arr_foreach (yyjson_obj_get(p, "part"), k, parts, part) {
            struct rh_text of = rh_json_get(part, "name");
            if (rh_text_is(of, "code"))
                name = rh_json_get(part, "valueCode");
            else if (rh_text_is(of, "value"))
                value = rh_json_get(part, "valueCode");
        }
        if (!rc && rh_text_is(name, "parent") && value.len)
            rc = add_ancestor(a, value);
    }
    return rc;
}

static enum rh_rc above(void *user, struct rh_ctx *c, struct rh_text system, struct rh_text code,
                        each_code *each, void *each_user)
{
    struct ancestors a = {.codes = rh_arena_alloc(c->arena, RH_SEARCH_TERMS_MAX * sizeof *a.codes)};
    enum rh_rc rc = a.codes ? add_ancestor(&a, code) : RH_NOMEM;
    while (!rc && a.asked < a.n)
        rc = add_parents(user, c, system, a.codes[a.asked++], &a);
    for (unsigned i = 0; !rc && i < a.n; i++)
        rc = each(each_user, system, a.codes[i]);
    return rc == RH_TOOLARGE && c->issues->errors == 0 ? too_many(c, code) : rc;
}

static enum rh_rc subsumed(void *user, struct rh_ctx *c, struct rh_text system, struct rh_text code,
                           bool is_above, each_code *each, void *each_user)
{
    return (is_above ? above : below)(user, c, system, code, each, each_user);
}

/* Is there a modifier that may ask for terminology, in the query or in a search within it? The
 * other way round, a world that is not needed costs little. */
static bool may_ask(struct rh_arena *a, struct rh_text query)
{
    static const char *const modifiers[] = {":in", ":not-in", ":above", ":below"};
    struct rh_text text = query;
    if (!query.len || rh_percent_decode(a, query, &text) || !memchr(text.data, ':', text.len))
        return false;
    for (size_t i = 0; i < sizeof modifiers / sizeof modifiers[0]; i++)
        if (memmem(text.data, text.len, modifiers[i], strlen(modifiers[i])))
            return true;
    return false;
}

static const struct rh_query_host *begin(struct rh_search_terms *t, struct rh_worlds *w,
                                         struct rh_session *s, struct rh_ctx *ctx,
                                         struct rh_text query)
{
    *t = (struct rh_search_terms){
        .host = {.user = t, .value_set = value_set, .subsumed = subsumed},
    };
    if (may_ask(ctx->arena, query))
        t->rc = rh_worlds_pin(w, s, ctx->issues, &t->world);
    return &t->host;
}

const struct rh_query_host *rh_search_terms_open(struct rh_search_terms *t, struct rh_request *q)
{
    return begin(t, rh_server_of(q)->worlds, q->session, &q->ctx, q->query);
}

void rh_search_terms_close(struct rh_search_terms *t)
{
    if (t->world)
        rh_world_close(t->world);
    t->world = NULL;
}

static const struct rh_query_host *criteria_open(void *user, struct rh_session *s,
                                                 struct rh_ctx *ctx, struct rh_text query,
                                                 void **state)
{
    struct rh_search_terms *t = *state = rh_arena_alloc(ctx->arena, sizeof *t);
    return t ? begin(t, user, s, ctx, query) : NULL;
}

static void criteria_close(void *state)
{
    if (state)
        rh_search_terms_close(state);
}

struct rh_criteria_terms rh_search_terms_of(struct rh_worlds *w)
{
    return (struct rh_criteria_terms){.user = w, .open = criteria_open, .close = criteria_close};
}
