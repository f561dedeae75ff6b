/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_record.c - rihla form validate, populate and extract.
 */
#include "clinical/form_record.h"
#include "cli/form_int.h"
#include "programme/validation.h"
#include "system/file.h"
#include "xml/xml.h"

/* --- validate
 * ---------------------------------------------------------------------------------------- */
static void print_rows(yyjson_val *answer)
{
    yyjson_val *list = yyjson_obj_get(answer, "errors"), *v;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text link = rh_json_get(v, "linkId");
        printf("%.*s: %.*s: %.*s", RH_TEXT_ARG(rh_json_get(v, "path")),
               RH_TEXT_ARG(rh_json_get(v, "severity")), RH_TEXT_ARG(rh_json_get(v, "text")));
        if (link.data)
            printf(" (linkId %.*s)", RH_TEXT_ARG(link));
        putchar('\n');
    }
    if (n == 0)
        puts("The answers fit the form.");
}

/* XML that can be read although it has faults, such as elements out of order, is taken as far as it
 * goes; the faults are issues. */
static enum rh_rc read_lenient(struct rh_cli_forms *f, const char *path, yyjson_val **ret)
{
    struct rh_text text;
    yyjson_doc *doc;
    if (strcmp(path, "-") == 0)
        return rh_cli_form_read(f, path, ret);
    enum rh_rc rc = rh_file_read(f->work, f->ctx.issues, path, RH_CLI_FORM_INPUT_MAX, &text);
    if (rc || !rh_text_is_xml(text))
        return rc ? rc : rh_cli_form_read(f, path, ret);
    struct rh_buf json = rh_buf(f->work);
    rc = rh_xml_read(&f->ctx, text, &json);
    if (rc && (rc != RH_STRUCTURE || json.len == 0))
        return rc;
    rc = rh_json_parse(f->work, f->ctx.issues, rh_buf_get(&json), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc read_form(struct rh_cli_forms *f, const char *argument, yyjson_val **ret)
{
    const struct rh_definition *d = rh_world_find(f->world, "Questionnaire", rh_text(argument));
    return d ? rh_definition_body(&f->ctx, d, ret) : read_lenient(f, argument, ret);
}

/* What could not be read of the response is wrong with it. */
static void print_unread(struct rh_cli_forms *f, const struct rh_issues *is, struct rh_buf *out)
{
    for (unsigned i = 0; i < is->count; i++) {
        rh_buf_printf(out, "%s{\"severity\":\"error\",\"code\":\"%s\",\"path\":", i ? "," : "",
                      is->rows[i].code ? is->rows[i].code : rh_rc_issue(is->rows[i].rc));
        rh_buf_json(out, rh_text(is->rows[i].expression ? is->rows[i].expression : ""));
        rh_buf_str(out, ",\"linkId\":null,\"text\":");
        rh_buf_json(out, rh_text(is->rows[i].text));
        rh_buf_char(out, '}');
    }
    (void)f;
}

static enum rh_rc validate(struct rh_cli_forms *f, bool *ret_valid, struct rh_buf *out)
{
    struct rh_cli *c = f->cli;
    struct rh_form_validation o = {.language = f->language};
    struct rh_issues unread, *outer = f->ctx.issues;
    struct rh_buf all = rh_buf(f->work);
    yyjson_val *form = NULL, *response = NULL;
    enum rh_rc rc = read_form(f, c->args[1], &form);
    if (rc)
        return rc;
    if (!c->json && !c->quiet)
        rh_cli_warn(c); /* of the form itself */
    rh_issues_init(&unread, f->work);
    f->ctx.issues = &unread;
    rc = read_lenient(f, c->args[2], &response);
    f->ctx.issues = outer;
    if (rc) {
        for (unsigned i = 0; i < unread.count; i++)
            rh_issue_at(outer, unread.rows[i]);
        return rc;
    }
    rc = rh_cli_form_context(f, &o.context);
    if (!rc)
        rc = rh_form_validate(&f->ctx, form, response, &o, ret_valid, &all);
    if (rc || !unread.count) {
        rh_buf_text(out, rh_buf_get(&all));
        return rc;
    }
    *ret_valid = false;
    rh_buf_str(out, "{\"valid\":false,\"errors\":[");
    print_unread(f, &unread, out);
    struct rh_text rest = rh_buf_get(&all);
    const char *rows = memchr(rest.data, '[', rest.len);
    if (rows && rows[1] != ']')
        rh_buf_char(out, ',');
    if (rows)
        rh_buf_add(out, rows + 1, rest.len - (size_t)(rows + 1 - rest.data));
    return out->rc;
}

int rh_cli_form_validate(struct rh_cli_forms *f)
{
    struct rh_buf out = rh_buf(f->work);
    yyjson_doc *doc;
    bool valid = false;
    enum rh_rc rc = validate(f, &valid, &out);
    if (!rc && !f->cli->json)
        rc = rh_json_parse(f->work, f->ctx.issues, rh_buf_get(&out), &doc);
    if (rc)
        return rh_cli_form_fail(f, rc);
    if (f->cli->json)
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&out)));
    else
        print_rows(yyjson_doc_get_root(doc));
    return valid ? RH_EXIT_OK : RH_EXIT_NO;
}

/* --- extract
 * ----------------------------------------------------------------------------------------- */
int rh_cli_form_extract(struct rh_cli_forms *f)
{
    struct rh_cli *c = f->cli;
    struct rh_form_extraction o = {.language = f->language};
    yyjson_val *form = NULL, *response = NULL, *previous = NULL;
    struct rh_buf out = rh_buf(f->work);
    enum rh_rc rc = read_form(f, c->args[1], &form);
    if (!rc)
        rc = rh_cli_form_read(f, c->args[2], &response);
    if (!rc && c->n_args > 3)
        rc = rh_cli_form_read(f, c->args[3], &previous);
    o.previous = previous;
    if (!rc)
        rc = rh_cli_form_context(f, &o.context);
    if (!rc)
        rc = rh_form_extract(&f->ctx, form, response, &o, &out);
    if (rc)
        return rh_cli_form_fail(f, rc);
    if (!c->quiet)
        rh_cli_warn(c);
    return rh_cli_form_print(f, rh_buf_get(&out));
}

/* --- populate
 * ---------------------------------------------------------------------------------------- */
int rh_cli_form_populate(struct rh_cli_forms *f)
{
    struct rh_cli *c = f->cli;
    struct rh_form_population o = {.language = f->language};
    const struct rh_form *form;
    struct rh_buf out = rh_buf(f->work);
    enum rh_rc rc = rh_cli_form_open(f, c->args[1], &form);
    if (!rc && c->n_args > 2)
        rc = rh_cli_form_read(f, c->args[2], &o.response);
    if (!rc)
        rc = rh_cli_form_context(f, &o.context);
    if (!rc)
        rc = rh_form_populate(&f->ctx, form, &o, &out);
    if (rc)
        return rh_cli_form_fail(f, rc);
    if (!c->quiet)
        rh_cli_warn(c);
    return rh_cli_form_print(f, rh_buf_get(&out));
}
