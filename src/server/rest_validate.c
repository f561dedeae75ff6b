/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_validate.c - [type]/$validate and [type]/[id]/$validate.
 *
 * https://hl7.org/fhir/R4/resource-operation-validate.html: the answer is 200 with an
 * OperationOutcome whenever validation could be done, whatever it found.
 */
#include "conformance/validate.h"
#include "programme/validation.h"
#include "server/rest_int.h"
#include "xml/xml.h"

enum { PROFILES_MAX = 50 };

enum mode { MODE_NONE, MODE_CREATE, MODE_UPDATE, MODE_DELETE, MODE_PROFILE, MODES };

struct input {
    enum mode mode;
    struct rh_text profiles[PROFILES_MAX];
    unsigned n_profiles;
    yyjson_val *resource; /* NULL: none was sent */
    bool bare;            /* the body is the resource itself, so places in its text are known */
};

static enum rh_rc set_mode(struct rh_request *q, struct input *in, struct rh_text t)
{
    static const char *const names[MODES] = {"", "create", "update", "delete", "profile"};
    for (unsigned i = MODE_CREATE; i < MODES; i++)
        if (rh_text_is(t, names[i])) {
            in->mode = (enum mode)i;
            return RH_OK;
        }
    return rh_issue_add(&q->issues, RH_INVALID, NULL,
                        "mode is create, update, delete or profile; not \"%.*s\".",
                        (int)(t.len > 64 ? 64 : t.len), t.data ? t.data : "");
}

static enum rh_rc add_profile(struct rh_request *q, struct input *in, struct rh_text t)
{
    if (!t.len)
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "profile is the address of a profile.");
    if (in->n_profiles == PROFILES_MAX)
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "More than %d profiles are given.",
                            PROFILES_MAX);
    in->profiles[in->n_profiles++] = t;
    return RH_OK;
}

static enum rh_rc add_named(struct rh_request *q, struct input *in, struct rh_text name,
                            struct rh_text value)
{
    if (rh_text_is(name, "mode"))
        return set_mode(q, in, value);
    if (rh_text_is(name, "profile"))
        return add_profile(q, in, value);
    if (q->lenient)
        return RH_OK;
    return rh_issue_add(&q->issues, RH_INVALID, NULL,
                        "$validate has the inputs resource, mode and profile; not \"%.*s\".",
                        (int)(name.len > 64 ? 64 : name.len), name.data ? name.data : "");
}

static enum rh_rc read_query(struct rh_request *q, struct input *in)
{
    struct rh_terms_input *inputs = rh_arena_alloc(q->arena, RH_TERMS_INPUTS_MAX * sizeof *inputs);
    size_t n = 0;
    enum rh_rc rc = inputs ? rh_operation_query(q, inputs, &n) : RH_NOMEM;
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_named(q, in, inputs[i].name, inputs[i].value);
    return rc;
}

static bool is_call(yyjson_val *root, bool parameters_wanted)
{
    yyjson_val *list = yyjson_obj_get(root, "parameter"), *p;
    size_t i, max;
    if (!rh_text_is(rh_json_get(root, "resourceType"), "Parameters"))
        return false;
    if (!parameters_wanted)
        return true;
    /* A Parameters resource may itself be what is to be validated. */
    yyjson_arr_foreach (list, i, max, p)
        if (rh_text_is(rh_json_get(p, "name"), "resource"))
            return true;
    return false;
}

static enum rh_rc read_body(struct rh_request *q, struct input *in)
{
    yyjson_doc *doc;
    yyjson_val *p;
    size_t i, max;
    if (q->method != RH_M_POST || !rh_text_trim(q->body).len)
        return RH_OK;
    enum rh_rc rc = rh_json_parse(q->arena, &q->issues, q->body, &doc);
    if (rc)
        return rc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!is_call(root, strcmp(rh_resource_type(q->type)->name, "Parameters") == 0)) {
        in->resource = root;
        in->bare = true;
        return RH_OK;
    }
    yyjson_arr_foreach (yyjson_obj_get(root, "parameter"), i, max, p) {
        struct rh_text name = rh_json_get(p, "name"), value = {NULL, 0};
        static const char *const members[] = {"valueCode", "valueUri", "valueCanonical",
                                              "valueString", "valueUrl"};
        if (rh_text_is(name, "resource")) {
            in->resource = yyjson_obj_get(p, "resource");
            continue;
        }
        for (size_t m = 0; m < sizeof members / sizeof members[0] && !value.data; m++)
            value = rh_json_get(p, members[m]);
        rc = add_named(q, in, name, value);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* What the address and the mode ask of the resource beside its content. */
static void check_address(struct rh_request *q, const struct input *in)
{
    const char *wanted = rh_resource_type(q->type)->name;
    struct rh_text type = rh_json_get(in->resource, "resourceType"),
                   id = rh_json_get(in->resource, "id");
    if (type.len && !rh_text_is(type, wanted))
        rh_issue_add(&q->issues, RH_INVALID, NULL,
                     "The resource is a %.*s, but the address is one of %s.",
                     (int)(type.len > 64 ? 64 : type.len), type.data, wanted);
    if (q->id.len && in->bare && id.len && !rh_text_eq(id, q->id))
        rh_issue_add(&q->issues, RH_INVALID, NULL,
                     "The resource has the id \"%.*s\", but the address says \"%.*s\".",
                     (int)(id.len > 64 ? 64 : id.len), id.data, RH_TEXT_ARG(q->id));
    if (in->mode == MODE_UPDATE && !id.len)
        rh_issue_add(&q->issues, RH_REQUIRED, NULL,
                     "An update must state the id of the resource; it has none.");
}

static enum rh_rc check_input(struct rh_request *q, const struct input *in)
{
    if (in->mode == MODE_PROFILE && !in->n_profiles)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "mode=profile needs the profile: profile=[address].");
    if (in->mode == MODE_DELETE && !q->id.len)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "mode=delete is asked of one resource: [type]/[id]/$validate.");
    if (!in->resource && !q->id.len)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "There is no resource to validate: POST it, or a Parameters resource "
                            "with it as \"resource\".");
    return RH_OK;
}

static enum rh_rc check_profiles(struct rh_request *q, const struct input *in,
                                 const struct rh_world *w)
{
    for (unsigned i = 0; i < in->n_profiles; i++)
        if (!rh_world_find(w, "StructureDefinition", in->profiles[i]))
            return rh_issue_add(&q->issues, RH_NOTFOUND, NULL,
                                "The profile %.*s is not known here: store its "
                                "StructureDefinition, or start the server with its package.",
                                (int)(in->profiles[i].len > 200 ? 200 : in->profiles[i].len),
                                in->profiles[i].data);
    return RH_OK;
}

static enum rh_rc validate(struct rh_request *q, const struct input *in)
{
    struct rh_validate_options o = {.profiles = in->profiles, .n_profiles = in->n_profiles};
    struct rh_world *w;
    bool valid;
    enum rh_rc rc = rh_worlds_pin(rh_server_of(q)->worlds, q->session, &q->issues, &w);
    if (rc)
        return rc;
    struct rh_ctx ctx = q->ctx;
    ctx.world = w;
    ctx.host = &rh_programme_host;
    rc = check_profiles(q, in, w);
    if (!rc) {
        check_address(q, in);
        rc = rh_validate(&ctx, in->resource, &o, &valid);
        if (rc == RH_STRUCTURE) {
            if (!q->issues.errors)
                rh_issue_add(&q->issues, rc, NULL, "This is not a FHIR resource.");
            rc = RH_OK;
        }
    }
    rh_world_close(w);
    struct rh_text xml = rh_rest_of(q)->xml;
    if (!rc && in->bare && xml.len)
        rh_xml_locate(&q->issues, xml);
    else if (!rc && in->bare)
        rh_locate(&q->issues, q->body);
    return rc;
}

enum rh_step rh_rest_validate(struct rh_request *q)
{
    struct input *in = rh_arena_zero(q->arena, sizeof *in);
    struct rh_grant grant;
    struct rh_buf out = rh_buf(q->arena);
    q->issues.max = RH_ISSUES_REPORT_MAX;
    enum rh_rc rc =
        in ? rh_access_decide(&q->caller, RH_ACTION_READ, q->type, &q->issues, &grant) : RH_NOMEM;
    if (!rc)
        rc = read_query(q, in);
    if (!rc)
        rc = read_body(q, in);
    if (!rc)
        rc = check_input(q, in);
    if (!rc && (!in->resource || in->mode == MODE_DELETE)) {
        yyjson_val *stored; /* also: that there is something to delete */
        rc = rh_operation_instance(q, &stored);
        if (!in->resource)
            in->resource = stored;
    }
    if (!rc && in->mode != MODE_DELETE)
        rc = validate(q, in);
    if (rc)
        return rh_rest_refuse(q, rc);
    if (!q->issues.count)
        rh_issue_at(&q->issues, (struct rh_issue){.severity = RH_INFORMATION,
                                                  .rc = RH_OK,
                                                  .text = in->mode == MODE_DELETE
                                                              ? "It may be deleted."
                                                              : "Nothing is wrong with it."});
    rh_issues_outcome(&q->issues, RH_OK, &out);
    return rh_rest_answer(q, 200, &out);
}
