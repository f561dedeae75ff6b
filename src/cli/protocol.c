/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * protocol.c - rihla protocol: what protocols ask of a person, from a file, the record, or a batch.
 */
#include "clinical/protocol.h"

#include "base/alloc.h"
#include "base/datetime.h"
#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/protocol_int.h"
#include "conformance/validate.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"
#include "xml/xml.h"

#include <unistd.h>

enum {
    INPUT_MAX = 128 << 20,
    WORK_BYTES = 256 << 20,
    SET_BYTES = 64 << 20,
    SETS_MAX = 64, /* dates whose set is kept */
};

struct dated_set {
    char date[16];
    struct rh_arena *arena;
    const struct rh_protocol_set *set;
};

struct session {
    struct rh_cli *cli;
    struct rh_world *world;
    struct rh_arena *work;
    struct rh_ctx ctx;
    struct rh_host host;
    struct rh_text *names;
    size_t n_names;
    struct rh_text *may_see;
    size_t n_may_see;
    bool limited; /* --may-see was given */
    char today[RH_INSTANT_SIZE];
    struct rh_text date;
    struct rh_protocol_show show;
    struct dated_set sets[SETS_MAX];
    unsigned n_sets;
};

static int wrong(const char *what)
{
    fprintf(stderr, "rihla protocol: %s; see rihla protocol --help\n", what);
    return RH_EXIT_USAGE;
}

/* --- sets by date ----------------------------------------------------------------------------- */
static void close_sets(struct session *s)
{
    for (unsigned i = 0; i < s->n_sets; i++)
        rh_arena_close(s->sets[i].arena);
    s->n_sets = 0;
}

static enum rh_rc set_of(struct session *s, struct rh_ctx *c, struct rh_text date,
                         const struct rh_protocol_set **ret)
{
    for (unsigned i = 0; i < s->n_sets; i++)
        if (rh_text_is(date, s->sets[i].date)) {
            *ret = s->sets[i].set;
            return RH_OK;
        }
    if (s->n_sets == SETS_MAX)
        close_sets(s);
    struct dated_set *d = &s->sets[s->n_sets];
    *d = (struct dated_set){.arena = rh_arena_open(SET_BYTES)};
    enum rh_rc rc = rh_protocol_set_open(c, d->arena, s->names, s->n_names, date, &d->set);
    if (rc || date.len >= sizeof d->date) {
        rh_arena_close(d->arena);
        return rc ? rc : RH_VALUE;
    }
    memcpy(d->date, date.data, date.len);
    s->n_sets++;
    *ret = d->set;
    return RH_OK;
}

/* --- one person ------------------------------------------------------------------------------- */
/* A Bundle, {"resources"}, an array, or one resource. */
static enum rh_rc resources_of(struct rh_ctx *c, yyjson_val *root, yyjson_val ***ret, size_t *n)
{
    size_t i, max;
    yyjson_val *one, *list = yyjson_obj_get(root, "entry");
    bool bundle = rh_text_is(rh_json_get(root, "resourceType"), "Bundle");
    if (!bundle)
        list = yyjson_is_arr(root) ? root : yyjson_obj_get(root, "resources");
    *n = 0;
    *ret = rh_arena_alloc(c->arena, (yyjson_arr_size(list) + 1) * sizeof **ret);
    if (!*ret)
        return RH_NOMEM;
    if (!list && !bundle && !rh_json_get(root, "resourceType").len)
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL,
                            "A Bundle or {\"resources\":[…]} is wanted.");
    if (!list && !bundle)
        (*ret)[(*n)++] = root;
    yyjson_arr_foreach (list, i, max, one) {
        yyjson_val *resource = bundle ? yyjson_obj_get(one, "resource") : one;
        if (resource)
            (*ret)[(*n)++] = resource;
    }
    return RH_OK;
}

static enum rh_rc apply(struct session *s, struct rh_ctx *c, yyjson_val *root, struct rh_text date,
                        struct rh_buf *out)
{
    struct rh_protocol_input in = {.may_see = s->limited ? s->may_see : NULL,
                                   .n_may_see = s->n_may_see,
                                   .subject = rh_json_get(root, "subject")};
    const struct rh_protocol_set *set;
    const struct rh_protocol_result *result;
    yyjson_val **resources;
    enum rh_rc rc = resources_of(c, root, &resources, &in.n);
    if (rh_json_get(root, "resourceType").len)
        in.subject = (struct rh_text){NULL, 0};
    in.resources = resources;
    if (!rc)
        rc = set_of(s, c, date, &set);
    if (!rc)
        rc = rh_protocol_apply(c, set, &in, &result);
    return rc ? rc : rh_protocol_print(c, result, &s->show, out);
}

static enum rh_rc read_file(struct session *s, const char *path, yyjson_val **ret)
{
    struct rh_text text;
    yyjson_doc *doc;
    enum rh_rc rc = rh_file_read(s->work, s->ctx.issues, path, INPUT_MAX, &text);
    if (!rc && rh_text_is_xml(text)) {
        struct rh_buf json = rh_buf(s->work);
        rc = rh_xml_read(&s->ctx, text, &json);
        text = rh_buf_get(&json);
    }
    if (!rc)
        rc = rh_json_parse(s->work, s->ctx.issues, text, &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static int apply_file(struct session *s, const char *path)
{
    struct rh_buf out = rh_buf(s->work);
    yyjson_val *root = NULL;
    enum rh_rc rc = RH_OK;
    if (strncmp(path, "Patient/", 8) == 0 && access(path, F_OK) != 0)
        return rh_cli_protocol_record(s->cli, path + 8, s->date, &s->show);
    rc = read_file(s, path, &root);
    if (!rc)
        rc = apply(s, &s->ctx, root, s->date, &out);
    if (rc)
        return rh_cli_fail(s->cli, rc);
    rh_cli_warn(s->cli);
    return rh_cli_protocol_print(s->cli, rh_buf_get(&out));
}

/* --- a batch ---------------------------------------------------------------------------------- */
/* False: the line was refused. */
static bool apply_line(void *user, struct rh_text text, uint64_t number)
{
    struct session *s = user;
    struct rh_issues is;
    struct rh_ctx c = s->ctx;
    yyjson_doc *doc = NULL;
    rh_arena_reset(s->work);
    rh_issues_init(&is, s->work);
    c.issues = &is;
    c.steps = 0;
    struct rh_buf out = rh_buf(s->work);
    enum rh_rc rc = rh_json_parse(s->work, &is, text, &doc);
    yyjson_val *line = doc ? yyjson_doc_get_root(doc) : NULL, *id = yyjson_obj_get(line, "id");
    struct rh_text date = rh_json_get(line, "date");
    if (id) {
        rh_buf_str(&out, "{\"id\":");
        rh_json_write(&out, id);
    } else {
        rh_buf_printf(&out, "{\"line\":%llu", (unsigned long long)number);
    }
    struct rh_buf answer = rh_buf(s->work);
    if (!rc)
        rc = apply(s, &c, line, date.len && !rh_json_get(line, "resourceType").len ? date : s->date,
                   &answer);
    if (!rc) {
        rh_buf_char(&out, ',');
        rh_buf_text(&out, (struct rh_text){answer.data + 1, answer.len - 1});
    } else {
        rh_buf_str(&out, ",\"error\":");
        rh_buf_json(&out, rh_text(rh_issues_error(&is, rc)));
        rh_buf_char(&out, '}');
    }
    if (out.rc)
        printf("{\"line\":%llu,\"error\":\"%s\"}\n", (unsigned long long)number,
               rh_rc_text(out.rc));
    else
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&out)));
    return !rc && !out.rc;
}

/* --- list ------------------------------------------------------------------------------------- */
static enum rh_rc list_one(void *user, const struct rh_definition *d)
{
    struct session *s = user;
    yyjson_val *plan;
    enum rh_rc rc = rh_definition_body(&s->ctx, d, &plan);
    if (rc)
        return rc;
    yyjson_val *period = yyjson_obj_get(plan, "effectivePeriod");
    struct rh_text start = rh_json_get(period, "start"), end = rh_json_get(period, "end"),
                   title = rh_translated(plan, "title", s->show.language);
    if (s->cli->json) {
        struct rh_buf b = rh_buf(s->work);
        rh_buf_str(&b, "{\"protocol\":");
        rh_buf_json(&b, d->id);
        rh_buf_str(&b, ",\"version\":");
        rh_buf_json(&b, d->version);
        rh_buf_str(&b, ",\"url\":");
        rh_buf_json(&b, d->url);
        rh_buf_str(&b, ",\"title\":");
        rh_buf_json(&b, title);
        rh_buf_str(&b, "}");
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
    } else {
        printf("%-20.*s %-10.*s %.*s .. %.*s  %.*s\n", RH_TEXT_ARG(d->id), RH_TEXT_ARG(d->version),
               RH_TEXT_ARG(start), RH_TEXT_ARG(end), RH_TEXT_ARG(title));
    }
    return RH_OK;
}

/* --- the command ------------------------------------------------------------------------------ */
static struct rh_text *texts(struct rh_cli *c, const char *option, size_t *n)
{
    unsigned count;
    const char **all = rh_cli_many(c, option, &count);
    struct rh_text *ret = all ? rh_arena_alloc(c->arena, (count + 1) * sizeof *ret) : NULL;
    for (unsigned i = 0; ret && i < count; i++)
        ret[i] = rh_text(all[i]);
    *n = count;
    return ret;
}

static int run(struct session *s)
{
    struct rh_cli *c = s->cli;
    const char *date = rh_cli_value(c, "date"), *batch = rh_cli_value(c, "batch");
    const char *language = rh_cli_value(c, "language"), *only = rh_cli_value(c, "for");
    bool list = strcmp(c->args[0], "list") == 0;
    if (!list && strcmp(c->args[0], "apply") != 0)
        return wrong("apply or list is wanted");
    if (list ? c->n_args != 1 : (c->n_args == 2) == (batch != NULL))
        return wrong(list ? "list takes no file"
                          : "apply takes one FILE or Patient/ID, or else --batch FILE");
    s->names = texts(c, "pack", &s->n_names);
    s->may_see = texts(c, "may-see", &s->n_may_see);
    if (!s->names || !s->may_see)
        return rh_cli_fail(c, RH_NOMEM);
    s->limited = s->n_may_see > 0;
    if (s->n_may_see == 1 && s->may_see[0].len == 0)
        s->n_may_see = 0; /* --may-see= : none */
    rh_instant_print(rh_clock_now_us(), s->today);
    s->date = date ? rh_text(date) : (struct rh_text){s->today, 10};
    s->show = (struct rh_protocol_show){.language = rh_text(language ? language : ""),
                                        .only = rh_text(only ? only : ""),
                                        .all = rh_cli_value(c, "all") != NULL};
    if (!list && !s->n_names)
        return wrong("--pack names the protocols");
    int code = rh_cli_world(c, &s->world);
    if (code)
        return code;
    s->host = rh_conformance_host(&rh_programme_host, NULL);
    s->ctx = (struct rh_ctx){.arena = s->work,
                             .issues = &c->issues,
                             .now_us = rh_clock_now_us(),
                             .world = s->world,
                             .host = &s->host};
    if (list) {
        enum rh_rc rc = rh_protocols_each(&s->ctx, list_one, s);
        return rc ? rh_cli_fail(c, rc) : RH_EXIT_OK;
    }
    return batch ? rh_cli_each_line(s->cli, batch, INPUT_MAX, apply_line, s)
                 : apply_file(s, c->args[1]);
}

int rh_cmd_protocol(struct rh_cli *c)
{
    struct session *s = rh_alloc(sizeof *s);
    s->cli = c;
    s->work = rh_arena_open(WORK_BYTES);
    int code = run(s);
    close_sets(s);
    rh_arena_close(s->work);
    rh_world_close(s->world);
    rh_free(s);
    return code;
}
