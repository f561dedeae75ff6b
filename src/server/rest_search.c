/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_search.c - searches: in a type, in all types, in a compartment; by GET and POST.
 *
 * https://hl7.org/fhir/R4/search.html. Links: self is the search as it was understood, and of this
 * page; first and next lead on. There is no previous: a page is found by the place of the last row
 * of the page before it, and nothing is kept that knows the way back; clients have the pages they
 * have read. Entries: matches, then what _include and _revinclude brought, then an OperationOutcome
 * with what was left out and, for administrators, the plan (_explain=true): its one issue of code
 * informational has the plan's JSON in diagnostics.
 */
#include "base/datetime.h"
#include "server/rest_int.h"
#include "server/search_terms.h"
#include "server/subset.h"

/* The form of POST …/_search and the parameters of its address are one query. */
static enum rh_rc join_form(struct rh_request *q)
{
    struct rh_text form = rh_text_trim(q->body);
    if (q->method != RH_M_POST || !form.len)
        return RH_OK;
    struct rh_buf b = rh_buf(q->arena);
    rh_buf_text(&b, q->query);
    if (b.len)
        rh_buf_char(&b, '&');
    rh_buf_text(&b, form);
    if (b.rc)
        return b.rc;
    q->query = rh_buf_get(&b);
    struct rh_rest *r = rh_rest_of(q);
    enum rh_rc rc = rh_result_parameters(q->arena, &q->issues, q->query, &r->parameters);
    if (rc)
        return rc;
    q->pretty = rh_text_is(r->parameters.pretty, "true");
    if (r->parameters.format.data)
        q->format = (unsigned char)rh_format_of(r->parameters.format);
    if (!q->format)
        return rh_issue_add(&q->issues, RH_NOTACCEPTABLE, NULL,
                            "Only FHIR JSON and XML are available: _format=json or _format=xml.");
    return RH_OK;
}

/* Plans tell how often values occur: they are for administrators. */
static enum rh_rc may_explain(struct rh_request *q, const struct rh_page *page)
{
    struct rh_grant grant;
    return page->explain.len
               ? rh_access_decide(&q->caller, RH_ACTION_ADMIN, q->type, &q->issues, &grant)
               : RH_OK;
}

/* --- the answer --- */

/* "/Patient", "/Patient/1/Observation", "" of the system. */
static enum rh_rc path_of(struct rh_request *q, const char **ret)
{
    const struct rh_rest *r = rh_rest_of(q);
    struct rh_buf b = rh_buf(q->arena);
    if (r->compartment) {
        rh_buf_char(&b, '/');
        rh_buf_str(&b, rh_resource_type(r->compartment)->name);
        rh_buf_char(&b, '/');
        rh_buf_text(&b, r->compartment_id);
    }
    if (q->type || r->compartment) {
        rh_buf_char(&b, '/');
        rh_buf_str(&b, q->type ? rh_resource_type(q->type)->name : "*");
    }
    rh_buf_char(&b, 0);
    *ret = b.data;
    return b.rc;
}

static enum rh_rc write_head(struct rh_request *q, const struct rh_page *page,
                             const struct rh_query *parsed, struct rh_buf *out)
{
    const struct rh_text none = {NULL, 0};
    const char *path;
    enum rh_rc rc = path_of(q, &path);
    if (rc)
        return rc;
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"");
    if (page->has_total) {
        rh_buf_str(out, ",\"total\":");
        rh_buf_u64(out, page->total);
    }
    rh_buf_str(out, ",\"link\":[");
    rh_rest_write_link(q, out, "self", path, page->self, parsed->cursor);
    if (parsed->cursor.len || page->next.len) {
        rh_buf_char(out, ',');
        rh_rest_write_link(q, out, "first", path, page->self, none);
    }
    if (page->next.len) {
        rh_buf_char(out, ',');
        rh_rest_write_link(q, out, "next", path, page->self, page->next);
    }
    rh_buf_char(out, ']');
    return out->rc;
}

/* _elements speaks of the resources that were searched for: what was included comes whole, unless
 * it is named ("Organization.name"). _summary is for all of them. */
static enum rh_rc write_row(struct rh_request *q, const struct rh_version *v, bool match,
                            struct rh_buf *out)
{
    struct rh_rest *r = rh_rest_of(q);
    struct rh_text elements = r->parameters.elements;
    struct rh_buf own = rh_buf(q->arena);
    if (!match && elements.len) {
        struct rh_text rest = elements, one, type;
        while (rh_text_split(&rest, ',', &one)) {
            struct rh_text tail = rh_text_trim(one);
            if (!rh_text_split(&tail, '.', &type) || !tail.data ||
                !rh_text_is(type, rh_resource_type(v->type)->name))
                continue;
            if (own.len)
                rh_buf_char(&own, ',');
            rh_buf_text(&own, rh_text_trim(one));
        }
        r->parameters.elements = rh_buf_get(&own);
    }
    enum rh_rc rc = own.rc ? own.rc : rh_rest_write_resource(q, v, out);
    r->parameters.elements = elements;
    return rc;
}

static enum rh_rc write_rows(struct rh_request *q, const struct rh_page *page,
                             const struct rh_query *parsed, const char **separator,
                             struct rh_buf *out)
{
    for (unsigned i = 0; i < page->n + page->n_included; i++) {
        bool match = i < page->n, itself = true;
        if (match && parsed->contained && parsed->contained_itself && parsed->type) {
            enum rh_rc rc =
                rh_rest_write_contained(q, parsed, &page->rows[i], separator, out, &itself);
            if (rc)
                return rc;
        }
        if (!itself)
            continue;
        rh_buf_str(out, *separator);
        *separator = ",";
        rh_rest_write_full_url(q, out, &page->rows[i]);
        rh_buf_str(out, ",\"resource\":");
        enum rh_rc rc = write_row(q, &page->rows[i], match, out);
        if (rc)
            return rc;
        rh_buf_str(out, match ? ",\"search\":{\"mode\":\"match\"}}"
                              : ",\"search\":{\"mode\":\"include\"}}");
    }
    return out->rc;
}

static void write_outcome(struct rh_request *q, const struct rh_issues *is, const char **separator,
                          struct rh_buf *out)
{
    rh_buf_str(out, *separator);
    *separator = ",";
    rh_rest_write_outcome_entry(is, q->ctx.now_us, out);
}

/* Everything that is no resource of the record: warnings, and the plan. */
static enum rh_rc write_outcomes(struct rh_request *q, const struct rh_page *page,
                                 const char **separator, struct rh_buf *out)
{
    if (page->include_left_out)
        rh_issue_at(&q->issues,
                    (struct rh_issue){
                        .severity = RH_WARNING,
                        .rc = RH_TOOLARGE,
                        .text = rh_arena_printf(
                            q->arena,
                            "More than %d resources would be included in this page: some were left "
                            "out. Ask for smaller pages (_count) or fewer of _include and "
                            "_revinclude.",
                            RH_SEARCH_INCLUDED_MAX)});
    if (q->issues.count)
        write_outcome(q, &q->issues, separator, out);
    if (!page->explain.len)
        return out->rc;
    struct rh_issues plan;
    const char *text = rh_arena_copy(q->arena, page->explain.data, page->explain.len);
    rh_issues_init(&plan, q->arena);
    if (!text)
        return RH_NOMEM;
    rh_issue_at(
        &plan, (struct rh_issue){
                   .severity = RH_INFORMATION, .rc = RH_OK, .code = "informational", .text = text});
    write_outcome(q, &plan, separator, out);
    return out->rc;
}

static enum rh_rc write_searchset(struct rh_request *q, const struct rh_page *page,
                                  const struct rh_query *parsed, struct rh_buf *out)
{
    const char *separator = ",\"entry\":[";
    size_t bytes = 4096;
    for (unsigned i = 0; i < page->n + page->n_included; i++)
        bytes += page->rows[i].body.len + 400;
    rh_buf_room(out, bytes);
    enum rh_rc rc = write_head(q, page, parsed, out);
    if (!rc)
        rc = write_rows(q, page, parsed, &separator, out);
    if (!rc)
        rc = write_outcomes(q, page, &separator, out);
    rh_buf_str(out, separator[1] ? "}" : "]}");
    return rc ? rc : out->rc;
}

enum rh_step rh_rest_search(struct rh_request *q)
{
    struct rh_page page = {0};
    struct rh_rest *r = rh_rest_of(q);
    struct rh_search_terms terms;
    struct rh_query *parsed = rh_arena_zero(q->arena, sizeof *parsed);
    struct rh_search_request request = {.type = q->type,
                                        .lenient = q->lenient,
                                        .compartment = r->compartment,
                                        .compartment_id = r->compartment_id};
    enum rh_rc rc = parsed ? join_form(q) : RH_NOMEM;
    request.query = q->query;
    request.host = rh_search_terms_open(&terms, q);
    if (!rc)
        rc = rh_record_search(q->session, &q->ctx, &q->caller, &request, &page, parsed);
    rh_search_terms_close(&terms);
    if (!rc)
        rc = may_explain(q, &page);
    if (!rc && parsed->summary == RH_SUMMARY_TEXT && parsed->n_includes)
        rc = rh_issue_add(&q->issues, RH_QUERY, NULL,
                          "_summary=text cannot be combined with _include and _revinclude.");
    if (rc)
        return rh_rest_refuse(q, rc);
    r->summary = parsed->summary;
    struct rh_buf out = rh_buf(q->arena);
    rc = write_searchset(q, &page, parsed, &out);
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}
