/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fhirpath.c - rihla fhirpath: compiling, checking and evaluating; one expression over a file. */
#include "base/alloc.h"
#include "cli/fhirpath_int.h"
#include "conformance/validate.h"
#include "programme/definitions.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"
#include "xml/xml.h"

#include <errno.h>
#include <unistd.h>

enum {
    EXPRESSIONS_MAX = 64 << 20 /* memory of all compiled expressions; full: they go */
};

static void on_trace(struct rh_ctx *c, struct rh_text name, struct rh_text json)
{
    (void)c;
    fprintf(stderr, "trace %.*s: %.*s\n", RH_TEXT_ARG(name), RH_TEXT_ARG(json));
}

/* --- definitions ------------------------------------------------------------------------------ */

/* Functions whose answer stands in definitions. */
static bool asks_definitions(struct rh_text expression)
{
    static const char *const words[] = {
        "memberOf",       "subsume",        "conformsTo", "elementDefinition",
        "checkModifiers", "%terminologies", "slice"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (expression.len && memmem(expression.data, expression.len, words[i], strlen(words[i])))
            return true;
    return false;
}

static enum rh_rc open_world(struct rh_cli_session *s, struct rh_issues *is)
{
    const char **packages;
    size_t n;
    if (s->world)
        return RH_OK;
    enum rh_rc rc = rh_cli_packages(s->cli, is, &packages, &n);
    return rc ? rc : rh_definitions_open(is, packages, n, &s->world);
}

/* --- compiled expressions --------------------------------------------------------------------- */

static size_t slot_of(struct rh_text t)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32) & (RH_CLI_FP_SLOTS - 1);
}

static void forget_expressions(struct rh_cli_session *s)
{
    rh_arena_reset(s->compiled);
    memset(s->slots, 0, sizeof s->slots);
}

static enum rh_rc compile(struct rh_cli_session *s, struct rh_ctx *c, struct rh_text text,
                          struct rh_cli_expression **ret)
{
    size_t slot = slot_of(text);
    for (struct rh_cli_expression *e = s->slots[slot]; e; e = e->next)
        if (rh_text_eq(e->text, text)) {
            *ret = e;
            return RH_OK;
        }
    if (rh_arena_used(s->compiled) > EXPRESSIONS_MAX / 2)
        forget_expressions(s);
    struct rh_text copy = rh_text_copy(s->compiled, text);
    struct rh_cli_expression *e = rh_arena_zero(s->compiled, sizeof *e);
    if (!copy.data || !e)
        return RH_NOMEM;
    e->text = copy;
    enum rh_rc rc = rh_fp_compile(c, s->compiled, copy, &e->compiled);
    if (rc)
        return rc;
    e->next = s->slots[slot];
    s->slots[slot] = e;
    *ret = e;
    return RH_OK;
}

/* What can never be right for this type is said before anything is evaluated. */
static enum rh_rc check(struct rh_ctx *c, struct rh_cli_expression *e, const struct rh_type *type,
                        struct rh_text *types)
{
    if (e->checked == type && !types)
        return RH_OK;
    enum rh_rc rc = rh_fp_check(c, e->compiled, type, types);
    if (!rc)
        e->checked = type;
    return rc;
}

static enum rh_rc compile_and_check(void *user, struct rh_ctx *c, struct rh_text expression,
                                    const struct rh_type *type, struct rh_text *types,
                                    struct rh_fp **ret)
{
    struct rh_cli_expression *e;
    enum rh_rc rc = compile(user, c, expression, &e);
    if (!rc && type)
        rc = check(c, e, type, types);
    if (!rc)
        *ret = e->compiled;
    return rc;
}

enum rh_rc rh_cli_fp_answer(struct rh_cli_session *s, struct rh_issues *is,
                            const struct rh_fp_question *q, struct rh_fp_list *ret)
{
    struct rh_host outer = rh_programme_host;
    outer.trace = on_trace;
    struct rh_host host = rh_conformance_host(&outer, q->resource);
    struct rh_ctx c = {.arena = s->work,
                       .issues = is,
                       .now_us = rh_clock_now_us(),
                       .world = s->world,
                       .host = &host};
    if (!s->world && (asks_definitions(q->expression) || asks_definitions(q->context))) {
        enum rh_rc rc = open_world(s, is);
        if (rc)
            return rc;
        c.world = s->world;
    }
    return rh_fp_question_answer(&c, q, compile_and_check, s, ret);
}

/* --- one expression --------------------------------------------------------------------------- */

static enum rh_rc read_stdin(struct rh_arena *a, struct rh_text *ret)
{
    struct rh_buf b = rh_buf(a);
    for (;;) {
        char *room = rh_buf_room(&b, RH_CLI_FP_PIECE);
        if (!room || b.len > RH_CLI_FP_INPUT_MAX)
            return RH_TOOLARGE;
        ssize_t n = read(STDIN_FILENO, room, RH_CLI_FP_PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rh_errno_rc(errno);
        if (n == 0)
            break;
        b.len += (size_t)n;
    }
    *ret = b.len ? rh_buf_get(&b) : (struct rh_text){"", 0};
    return RH_OK;
}

static enum rh_rc read_resource(struct rh_cli_session *s, const char *path, yyjson_val **ret)
{
    struct rh_cli *c = s->cli;
    struct rh_text text;
    yyjson_doc *doc;
    enum rh_rc rc = strcmp(path, "-") == 0
                        ? read_stdin(c->arena, &text)
                        : rh_file_read(c->arena, &c->issues, path, RH_CLI_FP_INPUT_MAX, &text);
    if (!rc && rh_text_is_xml(text)) {
        struct rh_ctx ctx = {.arena = c->arena, .issues = &c->issues};
        struct rh_buf json = rh_buf(c->arena);
        rc = rh_xml_read(&ctx, text, &json);
        text = rh_buf_get(&json);
        if (rc == RH_STRUCTURE) { /* not valid, but it can be read: expressions may look at it */
            rh_cli_warn(c);
            rc = json.rc;
        }
    }
    if (!rc)
        rc = rh_json_parse(c->arena, &c->issues, text, &doc);
    if (rc)
        return rc;
    *ret = yyjson_doc_get_root(doc);
    return yyjson_is_obj(*ret) ? RH_OK
                               : rh_issue_add(&c->issues, RH_STRUCTURE, NULL,
                                              "%s does not hold a JSON object", path);
}

/* NAME=VALUE; a value that is JSON counts as JSON, any other as a string. */
static enum rh_rc given_variables(struct rh_cli_session *s, struct rh_fp_question *q)
{
    unsigned n;
    const char **given = rh_cli_many(s->cli, "var", &n);
    for (unsigned i = 0; i < n; i++) {
        struct rh_text rest = rh_text(given[i]), name;
        struct rh_issues quiet;
        yyjson_doc *doc = NULL;
        yyjson_val *v;
        rh_issues_init(&quiet, s->work);
        rh_text_split(&rest, '=', &name);
        if (!rest.data || !name.len)
            return rh_issue_add(&s->cli->issues, RH_INVALID, NULL,
                                "--var is NAME=VALUE, not \"%s\"", given[i]);
        if (rh_json_parse(s->work, &quiet, rest, &doc) == RH_OK) {
            v = yyjson_doc_get_root(doc);
        } else {
            struct rh_buf b = rh_buf(s->work);
            rh_buf_json(&b, rest);
            enum rh_rc rc = b.rc ? b.rc : rh_json_parse(s->work, &quiet, rh_buf_get(&b), &doc);
            if (rc)
                return rc;
            v = yyjson_doc_get_root(doc);
        }
        enum rh_rc rc = rh_fp_question_variable(s->work, &s->cli->issues, q, name, v);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* Each problem with its place in the expression. */
static int fail(struct rh_cli_session *s, enum rh_rc rc, int code)
{
    struct rh_cli *c = s->cli;
    if (c->json || c->issues.count == 0) {
        rh_cli_fail(c, rc);
        return code;
    }
    for (unsigned i = 0; i < c->issues.count; i++) {
        const struct rh_issue *row = &c->issues.rows[i];
        if (row->column)
            fprintf(stderr, "rihla fhirpath: %u:%u: %s\n", row->line ? row->line : 1, row->column,
                    row->text);
        else
            fprintf(stderr, "rihla fhirpath: %s\n", row->text);
    }
    return code;
}

static int run_check(struct rh_cli_session *s, struct rh_text expression, const char *type_name)
{
    struct rh_cli *cli = s->cli;
    struct rh_ctx c = {.arena = s->work, .issues = &cli->issues, .host = &rh_programme_host};
    struct rh_cli_expression *e;
    struct rh_text types = {NULL, 0};
    const struct rh_type *type = rh_type_find(rh_text(type_name));
    if (!type) {
        rh_issue_add(&cli->issues, RH_VALUE, NULL, "FHIR R4 has no type \"%s\"", type_name);
        return fail(s, RH_VALUE, RH_EXIT_USAGE);
    }
    enum rh_rc rc = compile(s, &c, expression, &e);
    if (rc)
        return fail(s, rc, RH_EXIT_NO);
    rc = rh_fp_check(&c, e->compiled, type, &types);
    if (rc)
        return fail(s, rc, RH_EXIT_NO);
    if (cli->json) {
        struct rh_buf out = rh_buf(s->work);
        rh_buf_str(&out, "{\"valid\":true,\"type\":");
        rh_buf_json(&out, types);
        printf("%.*s}\n", RH_TEXT_ARG(rh_buf_get(&out)));
    } else {
        printf("%.*s\n", RH_TEXT_ARG(types.len ? types : RH_TEXT("(not known before evaluation)")));
    }
    return RH_EXIT_OK;
}

static int run_ast(struct rh_cli_session *s, struct rh_text expression)
{
    struct rh_ctx c = {.arena = s->work, .issues = &s->cli->issues};
    struct rh_cli_expression *e;
    struct rh_buf out = rh_buf(s->work);
    enum rh_rc rc = compile(s, &c, expression, &e);
    if (rc)
        return fail(s, rc, RH_EXIT_NO);
    rh_fp_print_ast(e->compiled, &out);
    printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&out)));
    return RH_EXIT_OK;
}

static int run_one(struct rh_cli_session *s)
{
    struct rh_cli *c = s->cli;
    const char *context = rh_cli_value(c, "base"), *model = rh_cli_value(c, "model");
    struct rh_fp_question q = {.expression = rh_text(c->args[0]),
                               .context = rh_text(context),
                               .plain = model && strcmp(model, "none") == 0,
                               .lenient = s->lenient};
    struct rh_fp_list result = {0};
    enum rh_rc rc = RH_OK;
    if (model && !q.plain && strcmp(model, "r4") != 0) {
        fprintf(stderr, "rihla fhirpath: --model is r4 or none, not \"%s\"\n", model);
        return RH_EXIT_USAGE;
    }
    if (c->n_args == 2)
        rc = read_resource(s, c->args[1], &q.resource);
    if (!rc)
        rc = given_variables(s, &q);
    if (!rc)
        rc = rh_cli_fp_answer(s, &c->issues, &q, &result);
    struct rh_buf out = rh_buf(s->work);
    if (!rc) {
        rh_fp_print_list(s->work, &result, rh_cli_value(c, "types") != NULL, &out);
        rc = out.rc;
    }
    if (rc)
        return fail(s, rc, RH_EXIT_FAILED);
    printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&out)));
    return RH_EXIT_OK;
}

/* The modes exclude each other, and need an expression or none. */
static const char *wrong_usage(const struct rh_cli *c)
{
    bool batch = rh_cli_value(c, "batch"), ast = rh_cli_value(c, "ast"),
         check_type = rh_cli_value(c, "check");
    if (batch + ast + check_type > 1)
        return "--batch, --ast and --check exclude each other";
    if (batch && c->n_args)
        return "--batch reads expressions from standard input: no argument goes with it";
    if (!batch && !c->n_args)
        return "an expression is missing";
    if ((ast || check_type) && c->n_args > 1)
        return "--ast and --check look at the expression only: no file goes with them";
    return NULL;
}

int rh_cmd_fhirpath(struct rh_cli *c)
{
    const char *wrong = wrong_usage(c), *type = rh_cli_value(c, "check");
    if (wrong) {
        fprintf(stderr, "rihla fhirpath: %s; see rihla fhirpath --help\n", wrong);
        return RH_EXIT_USAGE;
    }
    struct rh_cli_session *s = rh_alloc(sizeof *s);
    unsigned n;
    s->cli = c;
    s->lenient = rh_cli_value(c, "lenient") != NULL;
    s->compiled = rh_arena_open(EXPRESSIONS_MAX);
    s->work = rh_arena_open(RH_CLI_FP_EVAL_MAX);
    enum rh_rc rc = RH_OK;
    int code;
    if (rh_cli_many(c, "package", &n) && n)
        rc = open_world(s, &c->issues);
    if (rc)
        code = fail(s, rc, RH_EXIT_FAILED);
    else if (rh_cli_value(c, "batch"))
        code = rh_cli_fp_batch(s);
    else if (rh_cli_value(c, "ast"))
        code = run_ast(s, rh_text(c->args[0]));
    else if (type)
        code = run_check(s, rh_text(c->args[0]), type);
    else
        code = run_one(s);
    rh_world_close(s->world);
    for (unsigned i = 0; i < RH_CLI_FP_RESOURCES; i++)
        rh_arena_close(s->resources[i].arena);
    rh_arena_close(s->compiled);
    rh_arena_close(s->work);
    rh_free(s);
    return code;
}
