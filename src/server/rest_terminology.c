/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rest_terminology.c - the terminology operations over HTTP, and what they can do here. */
#include "base/datetime.h"
#include "programme/validation.h"
#include "server/rest_int.h"
#include "system/log.h"

#include <stdlib.h>

/* --- input ------------------------------------------------------------------------------------ */

static bool has_parameter(yyjson_val *parameters, const char *name)
{
    yyjson_val *list = yyjson_obj_get(parameters, "parameter"), *p;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, p)
        if (rh_text_is(rh_json_get(p, "name"), name))
            return true;
    return false;
}

/* Accept-Language is the language of displays when no parameter says one
 * (https://hl7.org/fhir/R4/http.html#general). */
static enum rh_rc add_language(struct rh_request *q, yyjson_doc **doc)
{
    struct rh_text language = q->headers[RH_H_ACCEPT_LANGUAGE];
    yyjson_val *root = yyjson_doc_get_root(*doc), *p;
    struct rh_buf b = rh_buf(q->arena);
    size_t i, max;
    if (!language.len || rh_text_is(language, "*") || has_parameter(root, "displayLanguage"))
        return RH_OK;
    rh_buf_str(&b, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    yyjson_arr_foreach (yyjson_obj_get(root, "parameter"), i, max, p) {
        rh_json_write(&b, p);
        rh_buf_char(&b, ',');
    }
    rh_buf_str(&b, "{\"name\":\"__Accept-Language\",\"valueCode\":");
    rh_buf_json(&b, language);
    rh_buf_str(&b, "}]}");
    return b.rc ? b.rc : rh_json_parse(q->arena, &q->issues, rh_buf_get(&b), doc);
}

/* An operation with one input that is a resource also takes that resource as the body (R4,
 * operations, "operation request"). */
static enum rh_rc wrap_resource(struct rh_request *q, yyjson_doc **doc)
{
    static const struct {
        enum rh_terms_op op;
        const char *input, *type;
    } rows[] = {
        {RH_TERMS_EXPAND, "valueSet", "ValueSet"},
        {RH_TERMS_VALIDATE_VALUESET, "valueSet", "ValueSet"},
        {RH_TERMS_VALIDATE_SYSTEM, "codeSystem", "CodeSystem"},
        {RH_TERMS_TRANSLATE, "conceptMap", "ConceptMap"},
    };
    const struct rh_operation *o = rh_rest_of(q)->operation;
    yyjson_val *root = yyjson_doc_get_root(*doc);
    struct rh_text type = rh_json_get(root, "resourceType");
    const char *also = NULL;
    if (rh_text_is(type, "Parameters"))
        return RH_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].op != o->op)
            continue;
        also = rows[i].type;
        if (!rh_text_is(type, also))
            continue;
        struct rh_buf b = rh_buf(q->arena);
        rh_buf_printf(
            &b, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"%s\",\"resource\":",
            rows[i].input);
        rh_json_write(&b, root);
        rh_buf_str(&b, "}]}");
        return b.rc ? b.rc : rh_json_parse(q->arena, &q->issues, rh_buf_get(&b), doc);
    }
    return rh_issue_add(&q->issues, RH_INVALID, NULL,
                        "The body of %s is a Parameters resource%s%s.", o->name,
                        also ? ", or a " : "", also ? also : "");
}

static enum rh_rc read_input(struct rh_request *q, yyjson_val **ret)
{
    const struct rh_operation *o = rh_rest_of(q)->operation;
    struct rh_terms_input *inputs = rh_arena_alloc(q->arena, RH_TERMS_INPUTS_MAX * sizeof *inputs);
    struct rh_text text = q->body;
    yyjson_doc *doc;
    size_t n;
    enum rh_rc rc = inputs ? rh_operation_query(q, inputs, &n) : RH_NOMEM;
    if (rc)
        return rc;
    bool body = q->method == RH_M_POST && rh_text_trim(q->body).len > 0;
    if (body && n)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "Put all inputs into the Parameters of the body, none into the query.");
    if (!body)
        rc = rh_terms_parameters(q->arena, &q->issues, o->op, inputs, n, q->lenient, &text);
    if (!rc)
        rc = rh_json_parse(q->arena, &q->issues, text, &doc);
    if (rc)
        return rc;
    rc = wrap_resource(q, &doc);
    if (!rc)
        rc = add_language(q, &doc);
    *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* --- the operations --------------------------------------------------------------------------- */

/* The engine's own outcome says more than its issue, but nothing of what was found before. */
static enum rh_step refuse(struct rh_request *q, enum rh_rc rc, const struct rh_buf *outcome)
{
    bool own = outcome->len && !outcome->rc && q->issues.count <= 1 && rh_rc_http(rc) != 500;
    rh_rest_refuse(q, rc);
    if (own) {
        q->content_type = rh_fhir_json;
        q->answer = rh_buf_get(outcome);
        rh_rest_answer_as_asked(q);
    }
    return RH_STEP_DONE;
}

enum rh_step rh_rest_terminology(struct rh_request *q)
{
    const struct rh_operation *o = rh_rest_of(q)->operation;
    struct rh_grant grant;
    struct rh_world *w;
    yyjson_val *parameters = NULL, *instance = NULL;
    struct rh_buf out = rh_buf(q->arena);
    enum rh_rc rc = rh_access_decide(&q->caller, RH_ACTION_READ, q->type, &q->issues, &grant);
    if (!rc)
        rc = read_input(q, &parameters);
    if (!rc)
        rc = rh_operation_instance(q, &instance);
    if (!rc)
        rc = rh_worlds_pin(rh_server_of(q)->worlds, q->session, &q->issues, &w);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_ctx ctx = q->ctx;
    ctx.world = w;
    ctx.host = &rh_programme_host;
    rc = rh_terms_operation(&ctx, o->op, parameters, instance, &out);
    rh_world_close(w);
    if (!rc)
        rc = out.rc;
    return rc ? refuse(q, rc, &out) : rh_rest_answer(q, 200, &out);
}

/* --- TerminologyCapabilities ------------------------------------------------------------------ */

struct systems {
    struct rh_arena *arena;
    const struct rh_definition **rows;
    size_t n, cap;
};

static enum rh_rc take(void *user, const struct rh_definition *d)
{
    struct systems *s = user;
    if (!d->url.len || d->base.len) /* a supplement is no system of its own */
        return RH_OK;
    const struct rh_definition **rows =
        rh_arena_grow(s->arena, s->rows, &s->cap, s->n + 1, sizeof *rows);
    if (!rows)
        return RH_NOMEM;
    s->rows = rows;
    rows[s->n++] = d;
    return RH_OK;
}

static int compare(const void *a, const void *b)
{
    const struct rh_definition *const *x = a, *const *y = b;
    int order = rh_text_cmp((*x)->url, (*y)->url);
    return order ? order : rh_text_cmp((*x)->version, (*y)->version);
}

static void write_systems(const struct systems *s, struct rh_buf *out)
{
    const struct rh_definition *before = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct rh_definition *d = s->rows[i];
        bool same = before && rh_text_eq(before->url, d->url);
        if (same && rh_text_eq(before->version, d->version))
            continue;
        if (!same) {
            rh_buf_str(out, before ? (before->version.len ? "]},{\"uri\":" : "},{\"uri\":")
                                   : ",\"codeSystem\":[{\"uri\":");
            rh_buf_json(out, d->url);
        }
        if (d->version.len) {
            rh_buf_str(out,
                       same && before->version.len ? ",{\"code\":" : ",\"version\":[{\"code\":");
            rh_buf_json(out, d->version);
            rh_buf_char(out, '}');
        }
        before = d;
    }
    if (before)
        rh_buf_str(out, before->version.len ? "]}]" : "}]");
}

enum rh_step rh_rest_terminology_capabilities(struct rh_request *q)
{
    const struct rh_server *server = rh_server_of(q);
    struct systems s = {.arena = q->arena};
    struct rh_buf out = rh_buf(q->arena);
    struct rh_world *w;
    char now[RH_INSTANT_SIZE];
    enum rh_rc rc = rh_worlds_pin(server->worlds, q->session, &q->issues, &w);
    if (rc)
        return rh_rest_refuse(q, rc);
    rc = rh_world_each(w, "CodeSystem", take, &s);
    if (s.n)
        qsort(s.rows, s.n, sizeof *s.rows, compare);
    rh_instant_print(server->started_us, now);
    rh_buf_printf(
        &out,
        "{\"resourceType\":\"TerminologyCapabilities\",\"status\":\"active\","
        "\"date\":\"%s\",\"kind\":\"instance\",\"software\":{\"name\":\"Rihla\","
        "\"version\":\"%s\"},\"implementation\":{\"description\":\"Rihla, a health record "
        "for people on the move\",\"url\":\"%s\"}",
        now, RH_VERSION, server->base);
    write_systems(&s, &out);
    rh_world_close(w);
    rh_buf_str(&out, ",\"expansion\":{\"hierarchical\":true,\"paging\":true,\"parameter\":[");
    rh_terms_inputs_write(RH_TERMS_EXPAND, &out);
    rh_buf_str(&out, "]},\"codeSearch\":\"all\",\"validateCode\":{\"translations\":true},"
                     "\"translation\":{\"needsMap\":false},\"closure\":{\"translation\":false}}");
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}
