/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form.c - rihla form: Questionnaires filled in, from files. */
#include "base/alloc.h"
#include "base/datetime.h"
#include "cli/form_int.h"
#include "conformance/validate.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"
#include "xml/xml.h"

#include <unistd.h>

static int run_calculate(struct rh_cli_forms *f);

static const struct rh_cli_form_verb verbs[] = {
    {"calculate", 1, 2, true, run_calculate},
    {"validate", 2, 2, false, rh_cli_form_validate},
    {"populate", 1, 2, false, rh_cli_form_populate},
    {"extract", 2, 3, false, rh_cli_form_extract},
};

/* --- input and output ---------------------------------------------------------------------------
 */
static enum rh_rc read_stdin(struct rh_cli_forms *f, struct rh_text *ret)
{
    enum { PIECE = 64 << 10 };
    struct rh_buf b = rh_buf(f->work);
    for (;;) {
        char *room = rh_buf_room(&b, PIECE);
        if (!room || b.len > RH_CLI_FORM_INPUT_MAX)
            return RH_TOOLARGE;
        size_t n = fread(room, 1, PIECE, stdin);
        b.len += n;
        if (n < PIECE)
            break;
    }
    *ret = b.len ? rh_buf_get(&b) : RH_TEXT("");
    return RH_OK;
}

enum rh_rc rh_cli_form_read(struct rh_cli_forms *f, const char *path, yyjson_val **ret)
{
    struct rh_text text;
    yyjson_doc *doc;
    enum rh_rc rc = strcmp(path, "-") == 0
                        ? read_stdin(f, &text)
                        : rh_file_read(f->work, f->ctx.issues, path, RH_CLI_FORM_INPUT_MAX, &text);
    if (!rc && rh_text_is_xml(text)) {
        struct rh_buf json = rh_buf(f->work);
        rc = rh_xml_read(&f->ctx, text, &json);
        text = rh_buf_get(&json);
    }
    if (!rc)
        rc = rh_json_parse(f->work, f->ctx.issues, text, &doc);
    if (rc)
        return rc;
    *ret = yyjson_doc_get_root(doc);
    return yyjson_is_obj(*ret) ? RH_OK
                               : rh_issue_add(f->ctx.issues, RH_STRUCTURE, NULL,
                                              "%s does not hold a JSON object", path);
}

enum rh_rc rh_cli_form_open(struct rh_cli_forms *f, const char *argument,
                            const struct rh_form **ret)
{
    yyjson_val *questionnaire;
    if (rh_world_find(f->world, "Questionnaire", rh_text(argument)))
        return rh_form_find(&f->ctx, rh_text(argument), ret);
    enum rh_rc rc = rh_cli_form_read(f, argument, &questionnaire);
    return rc ? rc : rh_form_compile(&f->ctx, f->work, questionnaire, ret);
}

enum rh_rc rh_cli_form_context(struct rh_cli_forms *f, yyjson_val **ret)
{
    unsigned n;
    const char **given = rh_cli_many(f->cli, "context", &n);
    struct rh_buf b = rh_buf(f->work);
    yyjson_doc *doc;
    *ret = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct rh_text rest = rh_text(given[i]), name;
        yyjson_val *v;
        rh_text_split(&rest, '=', &name);
        if (!rest.data || !name.len)
            return rh_issue_add(f->ctx.issues, RH_INVALID, NULL,
                                "--context is NAME=FILE, not \"%s\"", given[i]);
        enum rh_rc rc = rh_cli_form_read(f, rest.data, &v);
        if (rc)
            return rc;
        rh_buf_char(&b, i ? ',' : '{');
        rh_buf_json(&b, name);
        rh_buf_char(&b, ':');
        rh_json_write(&b, v);
    }
    if (!n)
        return RH_OK;
    rh_buf_char(&b, '}');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(f->work, f->ctx.issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

int rh_cli_form_print(struct rh_cli_forms *f, struct rh_text json)
{
    struct rh_buf b = rh_buf(f->work);
    yyjson_doc *doc;
    if (isatty(STDOUT_FILENO) && rh_json_parse(f->work, f->ctx.issues, json, &doc) == RH_OK) {
        rh_json_write_pretty(&b, yyjson_doc_get_root(doc));
        json = b.rc ? json : rh_buf_get(&b);
    }
    printf("%.*s\n", RH_TEXT_ARG(json));
    return RH_EXIT_OK;
}

int rh_cli_form_fail(struct rh_cli_forms *f, enum rh_rc rc)
{
    return rh_cli_fail(f->cli, rc);
}

/* --- calculate
 * ------------------------------------------------------------------------------------ */
static int run_calculate(struct rh_cli_forms *f)
{
    struct rh_cli *c = f->cli;
    const struct rh_form *form;
    struct rh_form_start with = {.closed = true, .parts = true, .language = f->language};
    struct rh_form_session *s = NULL;
    struct rh_buf out = rh_buf(f->work);
    enum rh_rc rc = rh_cli_form_open(f, c->args[1], &form);
    if (!rc && c->n_args > 2)
        rc = rh_cli_form_read(f, c->args[2], &with.response);
    if (!rc)
        rc = rh_cli_form_context(f, &with.context);
    if (!rc)
        rc = rh_form_open(&f->ctx, form, &with, &s);
    if (!rc) {
        rh_form_response(&f->ctx, s, false, &out);
        rh_form_problems(s, f->ctx.issues);
        rc = out.rc;
    }
    rh_form_close(s);
    if (rc)
        return rh_cli_form_fail(f, rc);
    if (!c->quiet)
        rh_cli_warn(c);
    return rh_cli_form_print(f, rh_buf_get(&out));
}

/* --- the command
 * ---------------------------------------------------------------------------------- */
static int wrong(const char *what)
{
    fprintf(stderr, "rihla form: %s; see rihla form --help\n", what);
    return RH_EXIT_USAGE;
}

static int run(struct rh_cli_forms *f, const struct rh_cli_form_verb *verb)
{
    struct rh_cli *c = f->cli;
    const char *now = rh_cli_value(c, "now"), *language = rh_cli_value(c, "language");
    struct rh_datetime stated;
    f->ctx = (struct rh_ctx){.arena = f->work, .issues = &c->issues, .now_us = rh_clock_now_us()};
    if (now) {
        if (rh_datetime_parse(rh_text(now), RH_SEARCH, 0, &stated))
            return wrong("--now is a time such as 2026-11-24T10:00:00+03:00");
        f->ctx.now_us = stated.lo_us;
        f->ctx.zone_minutes = stated.zone_minutes;
    }
    int code = rh_cli_world(c, &f->world);
    if (code)
        return code;
    f->host = rh_conformance_host(&rh_programme_host, NULL);
    f->ctx.world = f->world;
    f->ctx.host = &f->host;
    f->language = rh_text(language ? language : "");
    return rh_cli_value(c, "batch") ? rh_cli_form_batch(f) : verb->run(f);
}

int rh_cmd_form(struct rh_cli *c)
{
    const struct rh_cli_form_verb *verb = NULL;
    bool batch = rh_cli_value(c, "batch");
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(c->args[0], verbs[i].name) == 0)
            verb = &verbs[i];
    if (!verb)
        return wrong("there is no such verb");
    if (batch && !verb->batch)
        return wrong("--batch goes with calculate");
    if (batch && c->n_args > 1)
        return wrong("--batch reads lines from standard input: no file goes with it");
    if (!batch && (c->n_args - 1 < verb->min_args || c->n_args - 1 > verb->max_args))
        return wrong("too few or too many files");
    struct rh_cli_forms *f = rh_alloc(sizeof *f);
    f->cli = c;
    f->work = rh_arena_open(RH_CLI_FORM_WORK_MAX);
    int code = run(f, verb);
    rh_arena_close(f->work);
    rh_world_close(f->world);
    rh_free(f);
    return code;
}
