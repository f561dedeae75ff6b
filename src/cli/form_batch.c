/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_batch.c - rihla form calculate --batch: {"id", "questionnaire", "response"} a line;
 * {"id", "response"} or {"id", "error"} for each. A line that is wrong does not stop the others.
 */
#include "cli/form_int.h"
#include "cli/lines.h"

static enum rh_rc form_of(struct rh_ctx *c, yyjson_val *line, const struct rh_form **ret)
{
    yyjson_val *q = yyjson_obj_get(line, "questionnaire");
    if (yyjson_is_str(q))
        return rh_form_find(c, rh_json_text(q), ret);
    if (!yyjson_is_obj(q))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL,
                            "the member questionnaire is a Questionnaire or its canonical address");
    return rh_form_compile(c, c->arena, q, ret);
}

static enum rh_rc answer(struct rh_ctx *c, struct rh_text language, yyjson_val *line,
                         struct rh_buf *out)
{
    struct rh_form_start with = {.closed = true, .parts = true, .language = language};
    const struct rh_form *form;
    struct rh_form_session *s;
    yyjson_val *response = yyjson_obj_get(line, "response");
    enum rh_rc rc = form_of(c, line, &form);
    if (rc)
        return rc;
    with.response = yyjson_is_null(response) ? NULL : response;
    with.context = yyjson_obj_get(line, "context");
    rc = rh_form_open(c, form, &with, &s);
    if (rc)
        return rc;
    rh_form_response(c, s, false, out);
    rh_form_close(s);
    return out->rc;
}

/* False: the line itself is not right. */
static bool run_line(void *user, struct rh_text text, uint64_t number)
{
    struct rh_cli_forms *f = user;
    struct rh_issues is;
    struct rh_ctx c = f->ctx;
    yyjson_doc *doc = NULL;
    rh_arena_reset(f->work);
    rh_issues_init(&is, f->work);
    c.issues = &is;
    struct rh_buf out = rh_buf(f->work), head = rh_buf(f->work);
    enum rh_rc rc = rh_json_parse(f->work, &is, text, &doc);
    yyjson_val *line = doc ? yyjson_doc_get_root(doc) : NULL, *id = yyjson_obj_get(line, "id");
    if (!rc && !yyjson_is_obj(line))
        rc = rh_issue_add(&is, RH_STRUCTURE, NULL, "a line is a JSON object");
    bool good = rc == RH_OK;
    if (id) {
        rh_buf_str(&head, "{\"id\":");
        rh_json_write(&head, id);
    } else {
        rh_buf_printf(&head, "{\"line\":%llu", (unsigned long long)number);
    }
    if (!rc)
        rc = answer(&c, f->language, line, &out);
    if (rc) {
        rh_buf_str(&head, ",\"error\":");
        rh_buf_json(&head, rh_text(rh_issues_error(&is, rc)));
    } else {
        rh_buf_str(&head, ",\"response\":");
        rh_buf_text(&head, rh_buf_get(&out));
    }
    if (head.rc)
        printf("{\"line\":%llu,\"error\":\"%s\"}\n", (unsigned long long)number,
               rh_rc_text(RH_NOMEM));
    else
        printf("%.*s}\n", RH_TEXT_ARG(rh_buf_get(&head)));
    return good;
}

int rh_cli_form_batch(struct rh_cli_forms *f)
{
    return rh_cli_each_line(f->cli, NULL, RH_CLI_FORM_INPUT_MAX, run_line, f);
}
