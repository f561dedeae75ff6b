/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clinical_entry.c - forms and protocols for JavaScript (tools/wasm/clinical.mjs is the other
 * side): rh_wasm_call takes the name of a function and a JSON object and gives a JSON object, or
 * {"error", "at"}. The functions are the rows below; what they take and give is written there.
 *
 * A form that is open is a handle. It keeps the definitions that it was opened with, whatever is
 * added later.
 */
#include "base/alloc.h"
#include "base/datetime.h"
#include "clinical/form.h"
#include "clinical/protocol.h"
#include "entry_int.h"

enum { FORMS_MAX = 64, FORM_BYTES = 256 << 20 };

static struct form {
    struct rh_arena *arena; /* the Questionnaire that was given, compiled */
    struct rh_form_session *session;
} forms[FORMS_MAX];

struct call {
    struct rh_ctx *c;
    yyjson_val *in;
    struct rh_buf *out;
    struct form *form; /* of `handle` */
};

const char *EXPORTED(rh_wasm_call)(const char *name, size_t name_len, const char *json, size_t len);

/* --- what is given ------------------------------------------------------------------------------
 */
static struct rh_text text(const struct call *q, const char *member)
{
    struct rh_text t = rh_json_get(q->in, member);
    return t.data ? t : RH_TEXT("");
}

static yyjson_val *object(const struct call *q, const char *member)
{
    yyjson_val *v = yyjson_obj_get(q->in, member);
    return yyjson_is_null(v) ? NULL : v;
}

static enum rh_rc stated_time(const struct call *q)
{
    struct rh_text now = text(q, "now");
    struct rh_datetime at;
    if (!now.len)
        return RH_OK;
    if (rh_datetime_parse(now, RH_SEARCH, 0, &at))
        return rh_issue_add(q->c->issues, RH_VALUE, "now",
                            "now is a time such as 2026-11-24T10:00:00+03:00, not \"%.*s\"",
                            RH_TEXT_ARG(now));
    q->c->now_us = at.lo_us;
    q->c->zone_minutes = at.zone_minutes;
    return RH_OK;
}

/* --- forms --------------------------------------------------------------------------------------
 */
static void form_free(struct form *f)
{
    rh_form_close(f->session);
    rh_arena_close(f->arena);
    *f = (struct form){0};
}

/* A Questionnaire that is given lives as long as its form. */
static enum rh_rc form_compile(const struct call *q, struct form *f, const struct rh_form **ret)
{
    yyjson_val *given = object(q, "questionnaire");
    yyjson_doc *doc;
    if (yyjson_is_str(given))
        return rh_form_find(q->c, rh_json_text(given), ret);
    f->arena = rh_arena_open(FORM_BYTES);
    struct rh_buf b = rh_buf(f->arena);
    if (given)
        rh_json_write(&b, given);
    else
        rh_buf_str(&b, "null");
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(f->arena, q->c->issues, rh_buf_get(&b), &doc);
    return rc ? rc : rh_form_compile(q->c, f->arena, yyjson_doc_get_root(doc), ret);
}

static void print_problems(const struct call *q, const struct rh_form_session *s)
{
    struct rh_issues found;
    rh_issues_init(&found, q->c->arena);
    rh_form_problems(s, &found);
    if (!found.count)
        return;
    rh_buf_str(q->out, ",\"problems\":[");
    for (unsigned i = 0; i < found.count; i++) {
        rh_buf_str(q->out, i ? "," : "");
        rh_buf_json(q->out, rh_text(found.rows[i].text));
    }
    rh_buf_char(q->out, ']');
}

static enum rh_rc form_open(struct call *q)
{
    struct rh_form_start with = {.response = object(q, "response"),
                                 .context = object(q, "context"),
                                 .language = text(q, "language"),
                                 .fresh = yyjson_is_true(object(q, "fresh"))};
    const struct rh_form *form;
    unsigned at = 0;
    while (at < FORMS_MAX && forms[at].session)
        at++;
    if (at == FORMS_MAX)
        return rh_issue_add(q->c->issues, RH_TOOLARGE, NULL, "%d forms are open; close one",
                            FORMS_MAX);
    enum rh_rc rc = stated_time(q);
    if (!rc)
        rc = form_compile(q, &forms[at], &form);
    if (!rc)
        rc = rh_form_open(q->c, form, &with, &forms[at].session);
    if (rc) {
        form_free(&forms[at]);
        return rc;
    }
    rh_buf_printf(q->out, "\"handle\":%u,", at + 1);
    rh_form_print(q->c, forms[at].session, q->out);
    print_problems(q, forms[at].session);
    return RH_OK;
}

static enum rh_rc changes(struct call *q, enum rh_rc rc)
{
    if (!rc)
        rh_form_print_changes(q->c, q->form->session, q->out);
    return rc;
}

static enum rh_rc form_answer(struct call *q)
{
    return changes(q, rh_form_answer(q->c, q->form->session, text(q, "path"), object(q, "answer")));
}

static enum rh_rc form_add(struct call *q)
{
    return changes(q, rh_form_add(q->c, q->form->session, text(q, "path")));
}

static enum rh_rc form_remove(struct call *q)
{
    return changes(q, rh_form_remove(q->c, q->form->session, text(q, "path")));
}

static enum rh_rc form_bulk(struct call *q)
{
    yyjson_val *answer = object(q, "answer");
    if (yyjson_is_arr(answer))
        answer = yyjson_arr_get_first(answer);
    return changes(q, rh_form_bulk(q->c, q->form->session, text(q, "path"), answer));
}

static enum rh_rc form_language(struct call *q)
{
    enum rh_rc rc = rh_form_language(q->c, q->form->session, text(q, "language"));
    if (!rc)
        rh_form_print(q->c, q->form->session, q->out);
    return rc;
}

static enum rh_rc form_print(struct call *q)
{
    rh_form_print(q->c, q->form->session, q->out);
    return RH_OK;
}

/* The answer is the resource itself. */
static enum rh_rc response(struct call *q, bool draft)
{
    struct rh_buf b = rh_buf(q->c->arena);
    rh_form_response(q->c, q->form->session, draft, &b);
    if (!b.rc) /* without its braces, which rh_wasm_call writes */
        rh_buf_add(q->out, b.data + 1, b.len - 2);
    return b.rc;
}

static enum rh_rc form_response(struct call *q)
{
    return response(q, false);
}

static enum rh_rc form_draft(struct call *q)
{
    return response(q, true);
}

static enum rh_rc form_check(struct call *q)
{
    bool valid;
    return rh_form_check(q->c, q->form->session, text(q, "language"), &valid, q->out);
}

static enum rh_rc form_close(struct call *q)
{
    form_free(q->form);
    return RH_OK;
}

/* --- protocols ----------------------------------------------------------------------------------
 */
static enum rh_rc each_text(const struct call *q, const char *member, struct rh_text **ret,
                            size_t *n)
{
    yyjson_val *list = object(q, member), *v;
    size_t i, max, count = yyjson_arr_size(list);
    *n = 0;
    *ret = rh_arena_alloc(q->c->arena, (count + 1) * sizeof **ret);
    if (!*ret)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(list), i, max, v)
        (*ret)[(*n)++] = rh_json_text(v);
    return RH_OK;
}

static enum rh_rc protocol_apply(struct call *q)
{
    const struct rh_protocol_set *set;
    const struct rh_protocol_result *result;
    struct rh_protocol_show show = {.language = text(q, "language"),
                                    .all = yyjson_is_true(object(q, "all")),
                                    .only = text(q, "for")};
    struct rh_protocol_input in = {.subject = text(q, "subject")};
    yyjson_val *list = object(q, "resources"), *v, **resources;
    struct rh_text *names, *labels;
    size_t i, max, n;
    resources = rh_arena_alloc(q->c->arena, (yyjson_arr_size(list) + 1) * sizeof(yyjson_val *));
    if (!resources)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(list), i, max, v)
        resources[in.n++] = v;
    in.resources = resources;
    enum rh_rc rc = each_text(q, "protocols", &names, &n);
    if (!rc)
        rc = each_text(q, "labels", &labels, &in.n_may_see);
    in.may_see = object(q, "labels") ? labels : NULL;
    if (!rc)
        rc = rh_protocol_set_open(q->c, q->c->arena, names, n, text(q, "date"), &set);
    if (!rc)
        rc = rh_protocol_apply(q->c, set, &in, &result);
    struct rh_buf b = rh_buf(q->c->arena);
    if (!rc)
        rc = rh_protocol_print(q->c, result, &show, &b);
    if (!rc && !b.rc)
        rh_buf_add(q->out, b.data + 1, b.len - 2);
    return rc ? rc : b.rc;
}

/* --- the table ----------------------------------------------------------------------------------
 */
static const struct function {
    const char *name;
    bool handle; /* takes {"handle"} of a form */
    enum rh_rc (*run)(struct call *q);
} functions[] = {
    /* {questionnaire: Questionnaire or canonical, response, context, language, now, fresh} ->
     * {handle, title, items: [NODE], complete, problems} */
    {"form.open", false, form_open},
    /* {handle, path, answer: [{value…}]} -> {changed: [NODE], removed: [path], complete} */
    {"form.answer", true, form_answer},
    {"form.add", true, form_add},       /* {handle, path} -> as form.answer */
    {"form.remove", true, form_remove}, /* {handle, path} -> as form.answer */
    {"form.bulk", true, form_bulk},     /* {handle, path, answer: {value…}} -> as form.answer */
    {"form.language", true, form_language}, /* {handle, language} -> as form.open, without handle */
    {"form.print", true, form_print},       /* {handle} -> the same */
    {"form.response", true, form_response}, /* {handle} -> a QuestionnaireResponse */
    {"form.draft", true, form_draft},       /* {handle} -> with answers that are not enabled */
    {"form.check", true, form_check},       /* {handle, language} -> {valid, errors: [{path, linkId,
                                               text}]} */
    {"form.close", true, form_close},       /* {handle} -> {} */
    /* {resources: [], protocols: [name], date, language, subject, labels: [code], for, all} -> as
     * `rihla protocol apply --json` */
    {"protocol.apply", false, protocol_apply},
};

static enum rh_rc find(struct call *q, struct rh_text name, const struct function **ret)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && !*ret; i++)
        if (rh_text_is(name, functions[i].name))
            *ret = &functions[i];
    if (!*ret)
        return rh_issue_add(q->c->issues, RH_NOTFOUND, NULL, "there is no function %.*s",
                            RH_TEXT_ARG(name));
    uint64_t handle = 0;
    if (!(*ret)->handle)
        return RH_OK;
    if (rh_text_u64(rh_json_text(yyjson_obj_get(q->in, "handle")), FORMS_MAX, &handle) || !handle ||
        !forms[handle - 1].session)
        return rh_issue_add(q->c->issues, RH_NOTFOUND, NULL, "no form is open under this handle");
    q->form = &forms[handle - 1];
    return RH_OK;
}

const char *rh_wasm_call(const char *name, size_t name_len, const char *json, size_t len)
{
    struct rh_issues is;
    struct rh_host outer = {.regex = rh_wasm_regex}, host = rh_conformance_host(&outer, NULL);
    const struct function *f = NULL;
    yyjson_doc *doc = NULL;
    rh_wasm_begin();
    rh_issues_init(&is, rh_wasm_core.work);
    struct rh_ctx c = {.arena = rh_wasm_core.work,
                       .issues = &is,
                       .now_us = (int64_t)rh_wasm_now(),
                       .world = rh_wasm_core.world,
                       .host = &host};
    struct rh_buf *out = &rh_wasm_core.out;
    struct call q = {.c = &c, .out = out};
    enum rh_rc rc = rh_json_parse(rh_wasm_core.work, &is, (struct rh_text){json, len}, &doc);
    q.in = doc ? yyjson_doc_get_root(doc) : NULL;
    if (!rc)
        rc = find(&q, (struct rh_text){name, name_len}, &f);
    rh_buf_char(out, '{');
    if (!rc)
        rc = f->run(&q);
    if (!rc)
        rc = out->rc;
    if (rc) {
        const struct rh_issue *row = NULL;
        for (unsigned i = 0; i < is.count && !row; i++)
            if (is.rows[i].severity <= RH_ERROR)
                row = &is.rows[i];
        if (!out->rc)
            out->len = 1;
        rh_buf_str(out, "\"error\":");
        rh_buf_json(out, rh_text(row ? row->text : rh_rc_text(rc)));
        rh_buf_str(out, ",\"at\":");
        if (row && row->expression)
            rh_buf_json(out, rh_text(row->expression));
        else
            rh_buf_str(out, "null");
    }
    rh_buf_char(out, '}');
    return rh_wasm_answer();
}
