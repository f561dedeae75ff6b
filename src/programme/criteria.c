/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/criteria.h"

#include "search/query.h"

#include <assert.h>

/* How results are given is nothing that a resource could match. */
static bool about_results(struct rh_text name)
{
    static const char *const names[] = {
        "_sort",     "_count",  "_include",   "_revinclude", "_summary",
        "_elements", "_total",  "_contained", "_cursor",     "_containedType",
        "_format",   "_pretty", "_explain",   "_type",       "_getpages",
    };
    struct rh_text bare;
    rh_text_split(&name, ':', &bare);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(bare, names[i]))
            return true;
    return false;
}

enum rh_rc rh_criteria_read(struct rh_issues *is, struct rh_text text, struct rh_criteria *ret)
{
    struct rh_text rest = rh_text_trim(text), type, part, name;
    if (rest.len > RH_CRITERIA_MAX)
        return rh_issue_add(is, RH_QUERY, NULL, "criteria have at most %d bytes.", RH_CRITERIA_MAX);
    rh_text_split(&rest, '?', &type);
    ret->query = rest.data ? rest : RH_TEXT("");
    ret->type = rh_resource_number(type);
    if (!ret->type) {
        struct rh_text shown = rh_text_shown(type, 64);
        return rh_issue_add(is, RH_QUERY, NULL,
                            "criteria are a search of one resource type, such as "
                            "\"Observation?code=…\", without the address of a server; \"%.*s\" is "
                            "not a resource type of FHIR R4.",
                            RH_TEXT_ARG(shown));
    }
    while (rh_text_split(&rest, '&', &part)) {
        rh_text_split(&part, '=', &name);
        if (about_results(name))
            return rh_issue_add(is, RH_QUERY, NULL,
                                "%.*s says how the results of a search are given; criteria say "
                                "only what matches: leave it out.",
                                RH_TEXT_ARG(name));
    }
    return RH_OK;
}

/* The search of criteria among these ids; more follows behind the text. */
static enum rh_rc search(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                         const struct rh_criteria_terms *terms, const struct rh_criteria *c,
                         struct rh_buf *query, struct rh_page *page)
{
    struct rh_query *parsed = rh_arena_zero(ctx->arena, sizeof *parsed);
    struct rh_search_request request = {.type = c->type, .query = rh_buf_get(query)};
    void *state = NULL;
    *page = (struct rh_page){0};
    if (query->rc || !parsed)
        return RH_NOMEM;
    if (terms)
        request.host = terms->open(terms->user, s, ctx, c->query, &state);
    enum rh_rc rc = rh_record_search(s, ctx, caller, &request, page, parsed);
    if (terms)
        terms->close(state);
    return rc;
}

static struct rh_buf begin(struct rh_ctx *ctx, const struct rh_criteria *c)
{
    struct rh_buf b = rh_buf(ctx->arena);
    rh_buf_text(&b, c->query);
    rh_buf_str(&b, c->query.len ? "&_id=" : "_id=");
    return b;
}

enum rh_rc rh_criteria_check(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_criteria_terms *terms,
                             const struct rh_criteria *c)
{
    struct rh_page page;
    struct rh_buf b = begin(ctx, c);
    rh_buf_str(&b, "0&_count=1"); /* looks at one resource at most */
    return search(s, ctx, caller, terms, c, &b, &page);
}

enum rh_rc rh_criteria_match(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_criteria_terms *terms,
                             const struct rh_criteria *c, const struct rh_news *rows, unsigned n,
                             bool *ret)
{
    struct rh_page page;
    struct rh_buf b = begin(ctx, c);
    unsigned asked = 0;
    assert(n <= RH_CRITERIA_ROWS);
    for (unsigned i = 0; i < n; i++) {
        ret[i] = false;
        if (rows[i].type != c->type || (rows[i].op != RH_OP_CREATE && rows[i].op != RH_OP_UPDATE))
            continue;
        if (asked++)
            rh_buf_char(&b, ',');
        rh_buf_text(&b, rows[i].id);
    }
    if (!asked)
        return RH_OK;
    rh_buf_printf(&b, "&_count=%d", RH_CRITERIA_ROWS);
    enum rh_rc rc = search(s, ctx, caller, terms, c, &b, &page);
    for (unsigned i = 0; i < n && !rc; i++)
        for (unsigned k = 0; k < page.n && !ret[i]; k++)
            ret[i] = rows[i].origin == page.rows[k].origin && rows[i].seq == page.rows[k].seq;
    return rc;
}
