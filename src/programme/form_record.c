/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/form_record.h"

#include "fhir/primitive.h"

#include "conformance/answers.h"
#include "fhir/reference.h"
#include "search/query.h"

/* --- reading -------------------------------------------------------------------------------------
 */
static enum rh_rc parse_version(struct rh_ctx *c, const struct rh_version *v, yyjson_val **ret)
{
    struct rh_buf text = rh_buf(c->arena);
    yyjson_doc *doc;
    rh_version_write(v, &text);
    enum rh_rc rc = text.rc ? text.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&text), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc == RH_SYNTAX ? RH_CORRUPT : rc;
}

/* The current version, without an issue when there is none. */
static enum rh_rc read_version(const struct rh_form_record *r, unsigned type, struct rh_text id,
                               struct rh_version *ret)
{
    struct rh_issues silent, *outer = r->ctx->issues;
    rh_issues_init(&silent, r->ctx->arena);
    r->ctx->issues = &silent;
    enum rh_rc rc = rh_record_read(r->session, r->ctx, r->caller, type, id, ret);
    r->ctx->issues = outer;
    if (rc && rc != RH_NOTFOUND && rc != RH_GONE)
        for (unsigned i = 0; i < silent.count; i++)
            rh_issue_at(outer, silent.rows[i]);
    return rc;
}

enum rh_rc rh_form_record_read(const struct rh_form_record *r, struct rh_text reference,
                               yyjson_val **ret)
{
    struct rh_reference ref = rh_reference_parse(reference, r->ctx->base);
    struct rh_version v;
    *ret = NULL;
    if (ref.kind != RH_REF_LOCAL)
        return RH_NOTFOUND;
    enum rh_rc rc = read_version(r, ref.type, ref.id, &v);
    return rc ? rc : parse_version(r->ctx, &v, ret);
}

static enum rh_rc search(const struct rh_form_record *r, unsigned type, struct rh_text query,
                         struct rh_page *page)
{
    struct rh_search_request request = {.type = type, .query = query};
    struct rh_query *parsed = rh_arena_zero(r->ctx->arena, sizeof *parsed);
    if (!parsed)
        return RH_NOMEM;
    return rh_record_search(r->session, r->ctx, r->caller, &request, page, parsed);
}

/* Of a stored form: the newest version, or the one that is named. */
static enum rh_rc find_stored(const struct rh_form_record *r, struct rh_text canonical,
                              yyjson_val **ret)
{
    struct rh_buf query = rh_buf(r->ctx->arena);
    struct rh_text rest = canonical, url;
    struct rh_page page = {0};
    rh_text_split(&rest, '|', &url);
    rh_buf_str(&query, "url=");
    rh_buf_percent(&query, url);
    if (rest.data) {
        rh_buf_str(&query, "&version=");
        rh_buf_percent(&query, rest);
    }
    rh_buf_str(&query, "&_sort=-_lastUpdated&_count=1");
    enum rh_rc rc = query.rc ? query.rc
                             : search(r, rh_resource_number(RH_TEXT("Questionnaire")),
                                      rh_buf_get(&query), &page);
    if (rc)
        return rc;
    return page.n ? parse_version(r->ctx, &page.rows[0], ret) : RH_NOTFOUND;
}

enum rh_rc rh_form_record_find(const struct rh_form_record *r, struct rh_text canonical,
                               yyjson_val **ret)
{
    const struct rh_definition *d = rh_world_find(r->ctx->world, "Questionnaire", canonical);
    enum rh_rc rc;
    *ret = NULL;
    if (!canonical.len)
        return rh_issue_add(r->ctx->issues, RH_REQUIRED, "QuestionnaireResponse.questionnaire",
                            "The response does not say which Questionnaire it answers.");
    if (d)
        rc = rh_definition_body(r->ctx, d, ret);
    else if (rh_text_starts(canonical, "Questionnaire/"))
        rc = rh_form_record_read(r, canonical, ret);
    else
        rc = find_stored(r, canonical, ret);
    if (rc == RH_NOTFOUND || rc == RH_GONE)
        return rh_issue_add(r->ctx->issues, RH_NOTFOUND, "QuestionnaireResponse.questionnaire",
                            "The form %.*s is neither in a package nor in the record.",
                            RH_TEXT_ARG(rh_text_shown(canonical, 200)));
    return rc;
}

enum rh_rc rh_form_record_context(const struct rh_form_record *r, yyjson_val *response,
                                  yyjson_val **ret)
{
    static const char *const rows[][2] = {{"subject", "patient"}, {"author", "user"}};
    struct rh_buf b = rh_buf(r->ctx->arena);
    yyjson_doc *doc;
    *ret = NULL;
    for (size_t i = 0; i < 2; i++) {
        struct rh_text reference = rh_json_get(yyjson_obj_get(response, rows[i][0]), "reference");
        yyjson_val *found = NULL;
        enum rh_rc rc = reference.len ? rh_form_record_read(r, reference, &found) : RH_NOTFOUND;
        if (rc == RH_NOTFOUND || rc == RH_GONE || rc == RH_FORBIDDEN)
            continue;
        if (rc)
            return rc;
        rh_buf_printf(&b, "%s\"%s\":", b.len ? "," : "{", rows[i][1]);
        rh_json_write(&b, found);
    }
    if (!b.len)
        return b.rc;
    rh_buf_char(&b, '}');
    enum rh_rc rc =
        b.rc ? b.rc : rh_json_parse(r->ctx->arena, r->ctx->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* --- queries of forms
 * ------------------------------------------------------------------------------ */
static enum rh_rc searchset(struct rh_ctx *c, const struct rh_page *page, yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    yyjson_doc *doc;
    rh_buf_printf(&b, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[");
    for (unsigned i = 0; i < page->n + page->n_included; i++) {
        rh_buf_str(&b, i ? ",{\"resource\":" : "{\"resource\":");
        rh_version_write(&page->rows[i], &b);
        rh_buf_printf(&b, ",\"search\":{\"mode\":\"%s\"}}", i < page->n ? "match" : "include");
    }
    rh_buf_str(&b, "]}");
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

enum rh_rc rh_form_record_query(struct rh_ctx *c, void *user, struct rh_text query,
                                yyjson_val **ret)
{
    const struct rh_form_record *given = user;
    struct rh_form_record r = {.session = given->session, .ctx = c, .caller = given->caller};
    struct rh_text rest = query, name;
    struct rh_page page = {0};
    *ret = NULL;
    if (rh_text_starts(rest, "/"))
        rest = (struct rh_text){rest.data + 1, rest.len - 1};
    if (!memchr(rest.data, '?', rest.len))
        return rh_form_record_read(&r, rest, ret);
    rh_text_split(&rest, '?', &name);
    unsigned type = rh_resource_number(name);
    if (!type)
        return RH_NOTFOUND;
    struct rh_buf all = rh_buf(c->arena);
    rh_buf_text(&all, rest);
    if (!memmem(rest.data, rest.len, "_count=", 7))
        rh_buf_printf(&all, "&_count=%d", RH_FORM_RECORD_ROWS_MAX);
    enum rh_rc rc = all.rc ? all.rc : search(&r, type, rh_buf_get(&all), &page);
    return rc ? rc : searchset(c, &page, ret);
}

/* --- answers -------------------------------------------------------------------------------------
 */
static bool is_status(yyjson_val *response, const char *a, const char *b)
{
    struct rh_text s = rh_json_get(response, "status");
    return rh_text_is(s, a) || (b && rh_text_is(s, b));
}

struct refusal {
    struct rh_ctx *c;
    struct rh_text language;
};

static void refuse(void *user, const struct rh_answers_finding *f)
{
    const struct refusal *r = user;
    struct rh_ctx *c = r->c;
    struct rh_buf text = rh_buf(c->arena);
    if (!rh_answer_is_error(f->fault))
        return;
    rh_answer_text(f->fault, r->language, &text);
    const char *shown = rh_arena_printf(c->arena, "%.*s (linkId \"%.*s\")",
                                        RH_TEXT_ARG(rh_buf_get(&text)), RH_TEXT_ARG(f->link));
    const char *place = rh_arena_printf(c->arena, "%.*s", RH_TEXT_ARG(f->expression));
    rh_issue_at(c->issues, (struct rh_issue){.severity = RH_ERROR,
                                             .rc = RH_RULE,
                                             .code = rh_answer_code(f->fault),
                                             .expression = place,
                                             .text = shown});
}

static enum rh_rc check(const struct rh_form_record *r, yyjson_val *form, yyjson_val *response,
                        yyjson_val *context, struct rh_text language)
{
    /* Of a list of languages the first: they stand in the order of preference. */
    struct rh_text rest = language, first = {"", 0};
    rh_text_split(&rest, ',', &first);
    rest = first;
    rh_text_split(&rest, ';', &first);
    struct rh_answers_options o = {.context = context, .language = rh_text_trim(first)};
    struct refusal to = {.c = r->ctx, .language = o.language};
    unsigned before = r->ctx->issues->errors;
    enum rh_rc rc = rh_answers_check(r->ctx, form, response, &o, refuse, &to);
    return rc ? rc : r->ctx->issues->errors > before ? RH_RULE : RH_OK;
}

/* The version before this one, if any; *ret_tag is what If-Match says of it. */
static enum rh_rc before(const struct rh_form_record *r, struct rh_text id, yyjson_val **ret,
                         const char **ret_tag)
{
    struct rh_version v;
    char tag[RH_VERSION_ID_SIZE];
    enum rh_rc rc = read_version(r, rh_resource_number(RH_TEXT("QuestionnaireResponse")), id, &v);
    *ret = NULL;
    *ret_tag = NULL;
    if (rc == RH_GONE) { /* deleted: it may be there again */
        rh_version_id(v.origin, v.seq, tag);
        return RH_OK;
    }
    if (rc)
        return rc == RH_NOTFOUND ? RH_OK : rc;
    rh_version_id(v.origin, v.seq, tag);
    *ret_tag = rh_arena_printf(r->ctx->arena, "W/\"%s\"", tag);
    return *ret_tag ? parse_version(r->ctx, &v, ret) : RH_NOMEM;
}

/* The Bundle: the response first, then what was extracted. */
static enum rh_rc bundle_of(const struct rh_form_record *r, yyjson_val *response,
                            struct rh_text if_match, bool is_new, struct rh_text extracted,
                            yyjson_val **ret)
{
    struct rh_buf b = rh_buf(r->ctx->arena);
    struct rh_text id = rh_json_get(response, "id");
    const char *entries = memchr(extracted.data ? extracted.data : "", '[', extracted.len);
    yyjson_doc *doc;
    rh_buf_printf(&b, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
                      "{\"fullUrl\":\"");
    rh_buf_printf(&b, "urn:rihla:response\",\"resource\":");
    rh_json_write(&b, response);
    rh_buf_printf(&b, ",\"request\":{\"method\":\"PUT\",\"url\":\"QuestionnaireResponse/%.*s\"",
                  RH_TEXT_ARG(id));
    if (if_match.len) {
        rh_buf_str(&b, ",\"ifMatch\":");
        rh_buf_json(&b, if_match);
    } else if (is_new) {
        rh_buf_str(&b, ",\"ifNoneMatch\":\"*\"");
    }
    rh_buf_str(&b, "}}");
    if (entries && entries[1] != ']') {
        rh_buf_char(&b, ',');
        rh_buf_add(&b, entries + 1, extracted.len - (size_t)(entries + 1 - extracted.data) - 2);
    }
    rh_buf_str(&b, "]}");
    enum rh_rc rc =
        b.rc ? b.rc : rh_json_parse(r->ctx->arena, r->ctx->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc parse_response(const struct rh_form_record *r, struct rh_text body,
                                 yyjson_val **ret)
{
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(r->ctx->arena, r->ctx->issues, body, &doc);
    yyjson_val *response = rc ? NULL : yyjson_doc_get_root(doc);
    *ret = response;
    if (rc)
        return rc;
    if (!rh_text_is(rh_json_get(response, "resourceType"), "QuestionnaireResponse"))
        return rh_issue_add(r->ctx->issues, RH_STRUCTURE, NULL,
                            "The body is a QuestionnaireResponse.");
    if (!rh_json_get(response, "id").len)
        return rh_issue_add(r->ctx->issues, RH_REQUIRED, "QuestionnaireResponse.id",
                            "The response needs an id, so that what follows from it can be found "
                            "again when it is amended; a UUID of your own is best.");
    if (!rh_id_is(rh_json_get(response, "id")))
        return rh_issue_add(r->ctx->issues, RH_VALUE, "QuestionnaireResponse.id",
                            "An id has 1 to 64 letters, digits, '-' or '.'.");
    static const char *const known[] = {"in-progress", "completed", "amended", "entered-in-error",
                                        "stopped"};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        found |= rh_text_is(rh_json_get(response, "status"), known[i]);
    if (!found)
        return rh_issue_add(r->ctx->issues, RH_VALUE, "QuestionnaireResponse.status",
                            "The status is completed, amended, in-progress, stopped or "
                            "entered-in-error.");
    return RH_OK;
}

/* Whom the answers are about: a person of the record, and the same as before. */
static enum rh_rc check_subject(const struct rh_form_record *r, yyjson_val *response,
                                yyjson_val *previous)
{
    static const char place[] = "QuestionnaireResponse.subject";
    struct rh_text now = rh_json_get(yyjson_obj_get(response, "subject"), "reference"),
                   then = rh_json_get(yyjson_obj_get(previous, "subject"), "reference");
    struct rh_reference a = rh_reference_parse(now, r->ctx->base),
                        b = rh_reference_parse(then, r->ctx->base);
    bool local = a.kind == RH_REF_LOCAL && b.kind == RH_REF_LOCAL;
    bool same = local ? a.type == b.type && rh_text_eq(a.id, b.id) : rh_text_eq(now, then);
    yyjson_val *person;
    if (then.len && !same)
        return rh_issue_add(r->ctx->issues, RH_CONFLICT, place,
                            "These are the answers of %.*s; whose they are does not change. Mark "
                            "them entered-in-error and answer anew for the other person.",
                            RH_TEXT_ARG(rh_text_shown(then, 80)));
    if (a.kind != RH_REF_LOCAL)
        return RH_OK;
    struct rh_issues quiet, *kept = r->ctx->issues;
    rh_issues_init(&quiet, r->ctx->arena);
    r->ctx->issues = &quiet;
    enum rh_rc rc = rh_form_record_read(r, now, &person);
    r->ctx->issues = kept;
    if (rc == RH_NOTFOUND || rc == RH_GONE)
        return rh_issue_add(r->ctx->issues, RH_RULE, place,
                            "%.*s, whom the answers are about, is not in the record.",
                            RH_TEXT_ARG(rh_text_shown(now, 80)));
    return rc;
}

enum rh_rc rh_form_record_answers(const struct rh_form_record *r, struct rh_text body,
                                  struct rh_text if_match, struct rh_text language,
                                  struct rh_bundle **ret)
{
    yyjson_val *response, *form = NULL, *context = NULL, *previous = NULL, *bundle;
    struct rh_form_extraction o = {0};
    struct rh_buf extracted = rh_buf(r->ctx->arena);
    const char *tag = NULL;
    enum rh_rc rc = parse_response(r, body, &response);
    bool final = !rc && is_status(response, "completed", "amended");
    if (!rc)
        rc = rh_form_record_find(r, rh_json_get(response, "questionnaire"), &form);
    if (!rc)
        rc = before(r, rh_json_get(response, "id"), &previous, &tag);
    if (!rc)
        rc = check_subject(r, response, previous);
    if (!rc)
        rc = rh_form_record_context(r, response, &context);
    if (!rc && final)
        rc = check(r, form, response, context, language);
    bool was_final = !rc && previous && is_status(previous, "completed", "amended");
    if (!rc && was_final && is_status(response, "in-progress", "stopped"))
        rc = rh_issue_add(r->ctx->issues, RH_RULE, "QuestionnaireResponse.status",
                          "This response was completed; a change of it has the status amended.");
    o.previous = was_final ? previous : NULL;
    o.context = context;
    if (!rc && (final || (was_final && is_status(response, "entered-in-error", NULL))))
        rc = rh_form_extract(r->ctx, form, response, &o, &extracted);
    if (!rc)
        rc = bundle_of(r, response, if_match.len ? if_match : rh_text(tag ? tag : ""),
                       previous == NULL, rh_buf_get(&extracted), &bundle);
    return rc ? rc : rh_bundle_open(r->session, r->ctx, r->caller, bundle, false, ret);
}
