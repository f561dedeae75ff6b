/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terminology.c - rihla terminology: the operations of FHIR's terminology service over packages,
 * one call or many lines of them.
 */
#include "base/alloc.h"
#include "cli/cli.h"
#include "programme/terms_input.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"

#include <errno.h>
#include <limits.h>

enum {
    FILE_MAX_BYTES = 64 << 20,
    LINE_BYTES = 512 << 20, /* memory of one line of a batch */
    SETUPS_MAX = 16         /* worlds of earlier lines that "setup" can still name */
};

static struct rh_ctx context(struct rh_arena *a, struct rh_issues *is, struct rh_world *w)
{
    return (struct rh_ctx){.arena = a,
                           .issues = is,
                           .now_us = rh_clock_now_us(),
                           .world = w,
                           .host = &rh_programme_host};
}

/* --- one call --------------------------------------------------------------------------------- */

static enum rh_rc given(struct rh_cli *c, enum rh_terms_op op, yyjson_doc **ret)
{
    struct rh_text text;
    unsigned n;
    const char **params = rh_cli_many(c, "param", &n);
    struct rh_terms_input *inputs = rh_arena_zero(c->arena, (n + 1) * sizeof *inputs);
    if (!params || !inputs)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        struct rh_text rest = rh_text(params[i]);
        rh_text_split(&rest, '=', &inputs[i].name);
        if (!rest.data)
            return rh_issue_add(&c->issues, RH_INVALID, NULL, "--param %s: NAME=VALUE is wanted",
                                params[i]);
        inputs[i].value = rest;
    }
    enum rh_rc rc = rh_terms_parameters(c->arena, &c->issues, op, inputs, n, false, &text);
    if (c->n_args == 2 && n && !rc)
        rc = rh_issue_add(&c->issues, RH_INVALID, NULL,
                          "either a file with Parameters or --param, not both");
    if (c->n_args == 2 && !rc)
        rc = rh_file_read(c->arena, &c->issues, c->args[1], FILE_MAX_BYTES, &text);
    return rc ? rc : rh_json_parse(c->arena, &c->issues, text, ret);
}

/* The answer is no when there is a parameter "result" that is false. */
static bool is_no(yyjson_val *answer)
{
    yyjson_val *list = yyjson_obj_get(answer, "parameter"), *p;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, p)
        if (rh_text_is(rh_json_get(p, "name"), "result") &&
            yyjson_is_false(yyjson_obj_get(p, "valueBoolean")))
            return true;
    return false;
}

static int run_one(struct rh_cli *c, struct rh_world *w)
{
    enum rh_terms_op op;
    yyjson_doc *doc = NULL;
    if (!rh_terms_op_of(rh_text(c->args[0]), &op)) {
        fprintf(stderr, "rihla terminology: there is no operation %s; there is", c->args[0]);
        for (unsigned i = 0; i < RH_TERMS_OPS; i++)
            fprintf(stderr, "%s %s/%s", i ? "," : "", rh_terms_op_type((enum rh_terms_op)i),
                    rh_terms_op_name((enum rh_terms_op)i) + 1);
        fprintf(stderr, "\n");
        return RH_EXIT_USAGE;
    }
    enum rh_rc rc = given(c, op, &doc);
    if (rc) {
        rh_cli_fail(c, rc);
        return rc == RH_INVALID ? RH_EXIT_USAGE : RH_EXIT_FAILED;
    }
    struct rh_buf out = rh_buf(c->arena), pretty = rh_buf(c->arena);
    struct rh_ctx ctx = context(c->arena, &c->issues, w);
    rc = rh_terms_operation(&ctx, op, yyjson_doc_get_root(doc), NULL, &out);
    if (!rc)
        rc = out.rc;
    if (!rc)
        rc = rh_json_parse(c->arena, &c->issues, rh_buf_get(&out), &doc);
    if (rc)
        return rh_cli_fail(c, rc);
    if (!c->json)
        rh_json_write_pretty(&pretty, yyjson_doc_get_root(doc));
    struct rh_text text = rh_buf_get(c->json ? &out : &pretty);
    printf("%.*s\n", RH_TEXT_ARG(text));
    return is_no(yyjson_doc_get_root(doc)) ? RH_EXIT_NO : RH_EXIT_OK;
}

/* --- many ------------------------------------------------------------------------------------- */

struct setup {
    char *id;        /* of the line that brought the resources; owned */
    char *resources; /* their text; owned */
    size_t len;
    struct rh_world *world;
};

struct batch {
    struct rh_cli *cli;
    struct rh_world *base;
    struct setup setups[SETUPS_MAX]; /* the newest is setups[(n - 1) % SETUPS_MAX] */
    size_t n;
    bool failed; /* a line could not be read */
};

static void forget(struct setup *s)
{
    rh_world_close(s->world);
    rh_free(s->id);
    rh_free(s->resources);
    *s = (struct setup){0};
}

/* The base's packages and one of these resources. */
static enum rh_rc make_world(struct rh_world *base, struct rh_issues *is, yyjson_val *resources,
                             struct rh_arena *a, struct rh_world **ret)
{
    size_t n = rh_world_n_packages(base), i, max;
    struct rh_package **all = rh_arena_alloc(a, (n + 1) * sizeof(struct rh_package *));
    struct rh_package *p = NULL;
    yyjson_val *one;
    if (!all)
        return RH_NOMEM;
    enum rh_rc rc = rh_package_open(RH_TEXT("setup"), RH_TEXT("0"), NULL, &p);
    yyjson_arr_foreach (resources, i, max, one) {
        struct rh_buf text = rh_buf(a);
        rh_json_write(&text, one);
        if (!rc)
            rc = text.rc;
        if (!rc)
            rc = rh_package_add_json(p, is, rh_buf_get(&text));
    }
    if (!rc)
        rh_package_seal(p);
    for (i = 0; i < n; i++)
        all[i] = rh_world_package(base, i);
    all[n] = p;
    if (!rc)
        rc = rh_world_open(all, n + 1, ret);
    rh_package_close(p);
    return rc;
}

static enum rh_rc add_setup(struct batch *b, struct rh_arena *a, struct rh_issues *is,
                            struct rh_text id, yyjson_val *resources, struct rh_world **ret)
{
    struct rh_buf text = rh_buf(a);
    struct setup *last = b->n ? &b->setups[(b->n - 1) % SETUPS_MAX] : NULL;
    rh_json_write(&text, resources);
    if (text.rc)
        return text.rc;
    if (last && rh_text_eq((struct rh_text){last->resources, last->len}, rh_buf_get(&text))) {
        *ret = last->world;
        return RH_OK;
    }
    struct rh_world *w;
    enum rh_rc rc = make_world(b->base, is, resources, a, &w);
    if (rc)
        return rc;
    struct setup *s = &b->setups[b->n++ % SETUPS_MAX];
    forget(s);
    s->id = rh_alloc(id.len + 1);
    memcpy(s->id, id.data ? id.data : "", id.len);
    s->id[id.len] = 0;
    s->len = text.len;
    s->resources = rh_alloc(text.len + 1);
    memcpy(s->resources, text.data, text.len);
    s->world = *ret = w;
    return RH_OK;
}

/* The world of a line: of its resources, of an earlier line's, or the base. */
static enum rh_rc world_of(struct batch *b, struct rh_arena *a, struct rh_issues *is,
                           yyjson_val *line, struct rh_world **ret)
{
    yyjson_val *resources = yyjson_obj_get(line, "resources");
    struct rh_text setup = rh_json_get(line, "setup");
    *ret = b->base;
    if (resources)
        return yyjson_is_arr(resources)
                   ? add_setup(b, a, is, rh_json_get(line, "id"), resources, ret)
                   : rh_issue_add(is, RH_INVALID, "resources", "resources is a list");
    if (!setup.data)
        return RH_OK;
    for (size_t i = b->n; i > 0 && b->n - i < SETUPS_MAX; i--) {
        const struct setup *s = &b->setups[(i - 1) % SETUPS_MAX];
        if (rh_text_is(setup, s->id)) {
            *ret = s->world;
            return RH_OK;
        }
    }
    return rh_issue_add(is, RH_INVALID, "setup",
                        "no one of the last %d lines with resources has the id \"%.*s\"",
                        SETUPS_MAX, RH_TEXT_ARG(setup));
}

static enum rh_rc run_line(struct batch *b, struct rh_arena *a, struct rh_issues *is,
                           yyjson_val *line, struct rh_buf *out)
{
    struct rh_text name = rh_json_get(line, "operation");
    struct rh_world *w;
    enum rh_terms_op op;
    enum rh_rc rc = world_of(b, a, is, line, &w);
    if (rc || (!name.data && yyjson_obj_get(line, "resources"))) {
        if (!rc)
            rh_buf_str(out, "null"); /* a line that only brings resources */
        return rc;
    }
    if (!rh_terms_op_of(name, &op))
        return rh_issue_add(is, RH_INVALID, "operation", "there is no operation \"%.*s\"",
                            RH_TEXT_ARG(name));
    struct rh_ctx ctx = context(a, is, w);
    yyjson_val *parameters = yyjson_obj_get(line, "parameters");
    if (!parameters)
        return rh_issue_add(is, RH_INVALID, "parameters", "parameters are missing");
    rc = rh_terms_operation(&ctx, op, parameters, yyjson_obj_get(line, "instance"), out);
    return rc ? rc : out->rc;
}

static void answer_line(struct batch *b, struct rh_arena *a, struct rh_text text)
{
    struct rh_issues is;
    struct rh_buf out = rh_buf(a), result = rh_buf(a);
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_json_parse(a, &is, text, &doc);
    yyjson_val *line = yyjson_doc_get_root(doc), *id = yyjson_obj_get(line, "id");
    if (rc)
        b->failed = true;
    else
        rc = run_line(b, a, &is, line, &result);
    rh_buf_str(&out, "{\"id\":");
    if (id)
        rh_json_write(&out, id);
    else
        rh_buf_str(&out, "null");
    rh_buf_str(&out, rc ? ",\"outcome\":" : ",\"result\":");
    if (rc && !result.len) /* the engine's own outcome says more */
        rh_issues_outcome(&is, rc, &out);
    else
        rh_buf_text(&out, rh_buf_get(&result));
    rh_buf_str(&out, "}\n");
    if (out.rc)
        printf("{\"id\":null,\"outcome\":{\"resourceType\":\"OperationOutcome\",\"issue\":[{"
               "\"severity\":\"error\",\"code\":\"too-costly\"}]}}\n");
    else
        fwrite(out.data, 1, out.len, stdout);
    fflush(stdout); /* who writes line by line reads line by line */
}

/* The next line, without its end, in a buffer that grows; false at the end of the input. */
static bool read_line(FILE *in, char **buffer, size_t *cap, struct rh_text *ret)
{
    size_t len = 0;
    for (;;) {
        if (len + 2 > *cap) {
            *cap = *cap ? 2 * *cap : 64 << 10;
            *buffer = rh_realloc(*buffer, *cap);
        }
        size_t room = *cap - len;
        if (!fgets(*buffer + len, room > INT_MAX ? INT_MAX : (int)room, in))
            break;
        len += strlen(*buffer + len);
        if (len && (*buffer)[len - 1] == '\n')
            break;
    }
    *ret = (struct rh_text){*buffer, len};
    return len > 0;
}

static int run_batch(struct rh_cli *c, struct rh_world *w)
{
    struct batch b = {.cli = c, .base = w};
    struct rh_arena *a = rh_arena_open(LINE_BYTES);
    const char *path = c->n_args ? c->args[0] : "-";
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *buffer = NULL;
    size_t cap = 0;
    struct rh_text line;
    int error = in ? 0 : errno;
    while (in && read_line(in, &buffer, &cap, &line)) {
        rh_arena_reset(a);
        line = rh_text_trim(line);
        if (line.len)
            answer_line(&b, a, line);
    }
    if (in && ferror(in))
        error = errno;
    if (in && in != stdin)
        fclose(in);
    rh_free(buffer);
    for (unsigned i = 0; i < SETUPS_MAX; i++)
        forget(&b.setups[i]);
    rh_arena_close(a);
    if (error)
        return rh_cli_fail(c, rh_errno_issue(&c->issues, error, "read", path));
    return b.failed ? RH_EXIT_NO : RH_EXIT_OK;
}

int rh_cmd_terminology(struct rh_cli *c)
{
    struct rh_world *w;
    bool batch = rh_cli_value(c, "batch") != NULL;
    if (!batch && c->n_args == 0) {
        fprintf(stderr, "rihla terminology: needs an operation, or --batch\n");
        return RH_EXIT_USAGE;
    }
    int code = rh_cli_world(c, &w);
    if (code)
        return code;
    code = batch ? run_batch(c, w) : run_one(c, w);
    rh_world_close(w);
    return code;
}
