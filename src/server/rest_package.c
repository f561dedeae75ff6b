/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_package.c - Questionnaire/$package: a form and every definition that it needs, in one
 * answer.
 *
 * http://hl7.org/fhir/uv/sdc/OperationDefinition/Questionnaire-package: a collection of the
 * Questionnaire and of what it names, directly or through others: value sets, code systems,
 * libraries, concept maps, other Questionnaires. The form is then filled in without the server.
 * What is not loaded or too large is left out: its options are asked of the server.
 */
#include "programme/validation.h"
#include "server/rest_int.h"

#include <stdio.h>

enum {
    DEFINITIONS_MAX = 500, /* of one answer */
    BODY_MAX = 1 << 20,    /* bytes of a definition that goes along */
    NESTING_MAX = RH_JSON_DEPTH_MAX
};

struct walk {
    struct rh_ctx *ctx;
    const struct rh_definition *found[DEFINITIONS_MAX];
    unsigned n;
};

static bool goes_along(const char *type)
{
    static const char *const types[] = {"Questionnaire", "ValueSet", "CodeSystem", "Library",
                                        "ConceptMap"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

static void take_definition(struct walk *w, const struct rh_definition *d)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->found[i] == d)
            return;
    if (w->n < DEFINITIONS_MAX)
        w->found[w->n++] = d;
}

/* Every text that is the address of a definition: no element is forgotten, and extensions count. */
static void look(struct walk *w, yyjson_val *v, unsigned depth)
{
    size_t i, max;
    yyjson_val *key, *value;
    if (depth > NESTING_MAX)
        return;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, max, value)
            look(w, value, depth + 1);
    } else if (yyjson_is_obj(v)) {
        yyjson_obj_foreach (v, i, max, key, value)
            look(w, value, depth + 1);
    } else if (yyjson_is_str(v)) {
        struct rh_text t = rh_json_text(v);
        if (!rh_text_starts(t, "http") && !rh_text_starts(t, "urn:"))
            return;
        const struct rh_definition *d = rh_world_find(w->ctx->world, NULL, t);
        if (d && goes_along(d->type))
            take_definition(w, d);
    }
}

static enum rh_rc input(struct rh_request *q, struct rh_text *ret_url)
{
    struct rh_operation_input *inputs;
    unsigned n = 0;
    enum rh_rc rc = rh_operation_inputs(q, &inputs, &n);
    *ret_url = (struct rh_text){NULL, 0};
    for (unsigned i = 0; i < n && !rc; i++)
        if (rh_text_is(inputs[i].name, "url"))
            *ret_url = inputs[i].text;
        else
            rc = rh_operation_unknown(q, inputs[i].name, "url");
    if (rc)
        return rc;
    if (!ret_url->len)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "Questionnaire/$package needs url: the address of the form.");
    return RH_OK;
}

static enum rh_rc write_all(struct walk *w, struct rh_buf *out)
{
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
    for (unsigned i = 0; i < w->n; i++) { /* grows while it is walked */
        yyjson_val *body;
        enum rh_rc rc = rh_definition_body(w->ctx, w->found[i], &body);
        if (rc)
            return rc;
        size_t before = out->len;
        rh_buf_str(out, i ? ",{\"resource\":" : "{\"resource\":");
        rh_json_write(out, body);
        rh_buf_char(out, '}');
        if (i && out->len - before > BODY_MAX)
            out->len = before;
        else
            look(w, body, 0);
    }
    rh_buf_str(out, "]}");
    return out->rc;
}

enum rh_step rh_rest_package(struct rh_request *q)
{
    struct rh_grant grant;
    struct rh_world *world;
    struct rh_text url;
    struct rh_buf out = rh_buf(q->arena);
    enum rh_rc rc = rh_access_decide(&q->caller, RH_ACTION_READ, q->type, &q->issues, &grant);
    if (!rc)
        rc = input(q, &url);
    if (!rc)
        rc = rh_worlds_pin(rh_server_of(q)->worlds, q->session, &q->issues, &world);
    if (rc)
        return rh_rest_refuse(q, rc);
    struct rh_ctx ctx = q->ctx;
    ctx.world = world;
    ctx.host = &rh_programme_host;
    struct walk *w = rh_arena_zero(q->arena, sizeof *w);
    const struct rh_definition *form = rh_world_find(world, "Questionnaire", url);
    if (!w) {
        rc = RH_NOMEM;
    } else if (!form) {
        rc = rh_issue_add(&q->issues, RH_NOTFOUND, NULL,
                          "No Questionnaire with the address \"%.*s\" is loaded; "
                          "rihla pack list says what is.",
                          (int)(url.len > 200 ? 200 : url.len), url.data);
    } else {
        w->ctx = &ctx;
        take_definition(w, form);
        rc = write_all(w, &out);
    }
    rh_world_close(world);
    return rc ? rh_rest_refuse(q, rc) : rh_rest_answer(q, 200, &out);
}
