/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_clinical.c - /clinical/…: what the pages ask of packs and people, as JSON of their own
 * (docs/api.md, "Clinical").
 *
 *     GET  /clinical/forms?language=           the Questionnaires that are loaded
 *     GET  /clinical/protocols?language=       the protocols that are loaded
 *     GET  /clinical/assess?patient=&protocol=&…   what protocols ask of a person: protocol.h
 *     POST /clinical/assess?…                  the same, and the proposals are kept
 *     POST /clinical/sign?impression=&practitioner=[&drafts=true]
 *
 * Refusals are OperationOutcomes, as everywhere.
 */
#include "base/datetime.h"
#include "programme/assessment.h"
#include "programme/validation.h"
#include "server/rest_int.h"

enum { LIST_MAX = 64 /* protocols, and labels, of one request */ };

static const char json_type[] = "application/json;charset=utf-8";

struct clinical {
    struct rh_assessment asked;
    struct rh_text protocols[LIST_MAX], labels[LIST_MAX];
    struct rh_text language, only, impression, practitioner;
    bool all, drafts;
    struct rh_world *world;
    struct rh_ctx ctx;
    struct rh_write *write;
    const char *const *impressions;
    struct rh_buf out;
};

struct address {
    const char *name;
    enum rh_method method;
    enum rh_action action;
    const char *inputs; /* " patient date …", for the refusal of another */
    enum rh_rc (*run)(struct rh_request *q, struct clinical *k, struct rh_buf *out);
};

/* --- inputs ------------------------------------------------------------------------------------
 */

static enum rh_rc add_to(struct rh_request *q, struct rh_text *list, size_t *n, struct rh_text name,
                         struct rh_text value)
{
    struct rh_text one;
    while (rh_text_split(&value, ',', &one)) {
        if (*n == LIST_MAX)
            return rh_issue_add(&q->issues, RH_TOOLARGE, NULL, "%.*s is given more than %d times.",
                                RH_TEXT_ARG(name), LIST_MAX);
        list[(*n)++] = rh_text_trim(one);
    }
    return RH_OK;
}

static enum rh_rc set_flag(struct rh_request *q, struct rh_text name, struct rh_text value,
                           bool *ret)
{
    *ret = rh_text_is(value, "true");
    if (*ret || rh_text_is(value, "false"))
        return RH_OK;
    return rh_issue_add(&q->issues, RH_INVALID, NULL, "%.*s is true or false.", RH_TEXT_ARG(name));
}

static enum rh_rc take(struct rh_request *q, struct clinical *k, const struct address *a,
                       struct rh_text name, struct rh_text value)
{
    const struct {
        const char *name;
        struct rh_text *text;
    } texts[] = {{"patient", &k->asked.patient}, {"date", &k->asked.date},
                 {"language", &k->language},     {"for", &k->only},
                 {"impression", &k->impression}, {"practitioner", &k->practitioner}};
    char padded[32];
    int len = snprintf(padded, sizeof padded, " %.*s ", RH_TEXT_ARG(name));
    if (len < 0 || (size_t)len >= sizeof padded || memchr(name.data, ' ', name.len) ||
        !strstr(a->inputs, padded))
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "/clinical/%s takes%s; not \"%.*s\".",
                            a->name, a->inputs, RH_TEXT_ARG(rh_text_shown(name, 64)));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (rh_text_is(name, texts[i].name)) {
            if (texts[i].text->data)
                return rh_issue_add(&q->issues, RH_INVALID, NULL, "%s is given twice.",
                                    texts[i].name);
            *texts[i].text = value.data ? value : RH_TEXT("");
            return RH_OK;
        }
    if (rh_text_is(name, "protocol"))
        return add_to(q, k->protocols, &k->asked.n_protocols, name, value);
    if (rh_text_is(name, "may-see")) {
        k->asked.may_see = k->labels;
        return add_to(q, k->labels, &k->asked.n_may_see, name, value);
    }
    return set_flag(q, name, value, rh_text_is(name, "all") ? &k->all : &k->drafts);
}

static enum rh_rc read_inputs(struct rh_request *q, struct clinical *k, const struct address *a)
{
    struct rh_terms_input *in = rh_arena_alloc(q->arena, RH_TERMS_INPUTS_MAX * sizeof *in);
    size_t n = 0;
    enum rh_rc rc = in ? rh_operation_query(q, in, &n) : RH_NOMEM;
    for (size_t i = 0; i < n && !rc; i++)
        rc = take(q, k, a, in[i].name, in[i].value);
    if (rh_text_starts(k->asked.patient, "Patient/")) {
        k->asked.patient.data += 8;
        k->asked.patient.len -= 8;
    }
    k->asked.protocols = k->protocols;
    return rc;
}

/* --- lists -------------------------------------------------------------------------------------
 */

struct listing {
    struct rh_request *q;
    struct clinical *k;
    struct rh_buf *out;
    unsigned n;
};

static void write_text(struct rh_buf *out, const char *name, struct rh_text value)
{
    if (!value.len)
        return;
    rh_buf_printf(out, ",\"%s\":", name);
    rh_buf_json(out, value);
}

static void write_result_of(struct rh_buf *out, yyjson_val *form)
{
    size_t i, max;
    yyjson_val *one;
    unsigned n = 0;
    yyjson_arr_foreach (yyjson_obj_get(form, "extension"), i, max, one)
        if (rh_text_is(rh_json_get(one, "url"), RH_RIHLA_EXT "result-of")) {
            rh_buf_str(out, n++ ? "," : ",\"resultOf\":[");
            rh_buf_json(out, rh_json_get(one, "valueCanonical"));
        }
    rh_buf_str(out, n ? "]" : "");
}

static enum rh_rc list_form(void *user, const struct rh_definition *d)
{
    struct listing *l = user;
    yyjson_val *form;
    if (!d->url.len || rh_world_find(l->k->world, "Questionnaire", d->url) != d)
        return RH_OK;
    enum rh_rc rc = rh_definition_body(&l->k->ctx, d, &form);
    if (rc)
        return rc;
    struct rh_text status = rh_json_get(form, "status");
    if (rh_text_is(status, "retired"))
        return RH_OK;
    rh_buf_str(l->out, l->n++ ? ",{\"url\":" : "{\"url\":");
    rh_buf_json(l->out, d->url);
    write_text(l->out, "version", d->version);
    write_text(l->out, "name", d->id);
    write_text(l->out, "title", rh_translated(form, "title", l->k->language));
    rh_buf_printf(l->out, ",\"draft\":%s", rh_text_is(status, "active") ? "false" : "true");
    write_result_of(l->out, form);
    rh_buf_char(l->out, '}');
    return l->out->rc;
}

static enum rh_rc run_forms(struct rh_request *q, struct clinical *k, struct rh_buf *out)
{
    struct listing l = {.q = q, .k = k, .out = out};
    rh_buf_str(out, "{\"forms\":[");
    enum rh_rc rc = rh_world_each(k->world, "Questionnaire", list_form, &l);
    rh_buf_str(out, "]}");
    return rc;
}

/* A protocol that does not compile is listed with what is wrong, so that nobody takes it for
 * absent. */
static enum rh_rc list_protocol(void *user, const struct rh_definition *d)
{
    struct listing *l = user;
    const struct rh_protocol *p;
    struct rh_issues is;
    struct rh_ctx c = l->k->ctx;
    rh_issues_init(&is, l->q->arena);
    c.issues = &is;
    enum rh_rc rc = rh_protocol_compile(&c, d, &p);
    if (rc == RH_NOMEM)
        return rc;
    rh_buf_str(l->out, l->n++ ? ",{\"name\":" : "{\"name\":");
    rh_buf_json(l->out, d->id);
    write_text(l->out, "url", d->url);
    write_text(l->out, "version", d->version);
    if (rc) {
        write_text(l->out, "error", rh_text(is.count ? is.rows[0].text : rh_rc_text(rc)));
    } else {
        struct rh_protocol_about about = rh_protocol_about(p);
        write_text(l->out, "title", rh_translated(about.plan, "title", l->k->language));
        rh_buf_printf(l->out, ",\"draft\":%s", about.draft ? "true" : "false");
        write_text(l->out, "start", about.start);
        write_text(l->out, "end", about.end);
    }
    rh_buf_char(l->out, '}');
    return l->out->rc;
}

static enum rh_rc run_protocols(struct rh_request *q, struct clinical *k, struct rh_buf *out)
{
    struct listing l = {.q = q, .k = k, .out = out};
    rh_buf_str(out, "{\"protocols\":[");
    enum rh_rc rc = rh_protocols_each(&k->ctx, list_protocol, &l);
    rh_buf_str(out, "]}");
    return rc;
}

/* --- assessments -------------------------------------------------------------------------------
 */

static enum rh_rc evaluate(struct rh_request *q, struct clinical *k)
{
    if (!k->asked.patient.len || !k->asked.n_protocols)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "/clinical/assess needs patient (an id) and at least one protocol; "
                            "/clinical/protocols lists what is loaded.");
    return rh_assessment_run(q->session, &k->ctx, &q->caller, &k->asked);
}

static enum rh_rc write_result(struct clinical *k, struct rh_buf *out)
{
    struct rh_protocol_show show = {
        .language = k->language, .all = k->all, .only = k->only, .impressions = k->impressions};
    return rh_protocol_print(&k->ctx, k->asked.result, &show, out);
}

static enum rh_rc run_assess(struct rh_request *q, struct clinical *k, struct rh_buf *out)
{
    enum rh_rc rc = evaluate(q, k);
    return rc ? rc : write_result(k, out);
}

static enum rh_rc run_keep(struct rh_request *q, struct clinical *k, struct rh_buf *out)
{
    enum rh_rc rc = evaluate(q, k);
    if (!rc)
        rc = rh_assessment_keep(q->session, &k->ctx, &q->caller, &k->asked, &k->write,
                                &k->impressions);
    return rc ? rc : write_result(k, out);
}

static enum rh_rc run_sign(struct rh_request *q, struct clinical *k, struct rh_buf *out)
{
    (void)out;
    if (!k->impression.len || !k->practitioner.len)
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "/clinical/sign needs impression and practitioner: the ids of a "
                            "ClinicalImpression and of the Practitioner who signs.");
    return rh_assessment_sign(q->session, &k->ctx, &q->caller, k->impression, k->practitioner,
                              k->drafts, &k->write);
}

/* --- the addresses -----------------------------------------------------------------------------
 */

static const struct address addresses[] = {
    {"forms", RH_M_GET, RH_ACTION_READ, " language ", run_forms},
    {"protocols", RH_M_GET, RH_ACTION_READ, " language ", run_protocols},
    {"assess", RH_M_GET, RH_ACTION_READ, " patient protocol date language for all may-see ",
     run_assess},
    {"assess", RH_M_POST, RH_ACTION_CREATE, " patient protocol date language all ", run_keep},
    {"sign", RH_M_POST, RH_ACTION_UPDATE, " impression practitioner drafts ", run_sign},
};

static enum rh_step answer(struct rh_request *q, int status, struct rh_buf *out)
{
    enum rh_step step = rh_rest_answer(q, status, out);
    if (q->status == status)
        q->content_type = json_type;
    return step;
}

/* What was kept, and under which ids; or the signed ClinicalImpression. */
static enum rh_step kept(struct rh_request *q)
{
    struct clinical *k = rh_rest_of(q)->clinical;
    enum rh_rc rc = k->write->rc;
    rh_rest_note_disk(q, rc);
    if (!rc && !k->impressions)
        rh_version_write(&k->write->ops[0].version, &k->out);
    rc = rc ? rc : k->out.rc;
    return rc ? rh_rest_refuse(q, rc) : answer(q, k->impressions ? 201 : 200, &k->out);
}

static enum rh_rc start(struct rh_request *q, const struct address *a, struct clinical *k)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(&q->caller, a->action, 0, &q->issues, &grant);
    if (!rc)
        rc = read_inputs(q, k, a);
    if (!rc)
        rc = rh_worlds_pin(rh_server_of(q)->worlds, q->session, &q->issues, &k->world);
    k->ctx = q->ctx;
    k->ctx.world = k->world;
    k->ctx.host = &rh_programme_host;
    return rc;
}

static const struct address *find(struct rh_request *q)
{
    enum rh_method method = q->method == RH_M_HEAD ? RH_M_GET : q->method;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        if (rh_text_is(q->segments[1], addresses[i].name) && addresses[i].method == method)
            return &addresses[i];
    return NULL;
}

enum rh_step rh_rest_clinical(struct rh_request *q)
{
    const struct address *a = find(q);
    if (rh_text_is(q->segments[1], "answers") && q->method == RH_M_POST)
        return rh_rest_answers(q);
    struct clinical *k = rh_rest_of(q)->clinical = rh_arena_zero(q->arena, sizeof *k);
    if (!k)
        return rh_rest_refuse(q, RH_NOMEM);
    if (!a)
        return rh_rest_refuse(
            q, rh_issue_add(&q->issues, RH_UNSUPPORTED, NULL,
                            "The clinical addresses are GET /clinical/forms, /clinical/protocols, "
                            "/clinical/assess, and POST /clinical/assess, /clinical/sign, "
                            "/clinical/answers."));
    k->out = rh_buf(q->arena);
    enum rh_rc rc = start(q, a, k);
    if (!rc)
        rc = a->run(q, k, &k->out);
    if (!rc && k->write)
        rc = rh_write_prepare(q->session, k->write);
    rh_world_close(k->world); /* nothing of the answer is in it any more */
    if (!rc && k->write)
        return rh_request_write(q, k->write, kept);
    rc = rc ? rc : k->out.rc;
    return rc ? rh_rest_refuse(q, rc) : answer(q, 200, &k->out);
}
