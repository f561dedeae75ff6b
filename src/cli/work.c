/* SPDX-License-Identifier: GPL-3.0-or-later */
/* work.c - import, export, backup, restore, check and serve: the command line's side. */
#include "cli/cli.h"
#include "programme/packages.h"
#include "server/commands.h"
#include "server/serve.h"
#include "server/worlds.h"
#include "system/file.h"
#include "system/progress.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAY_BYTES = 1 << 20 };

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* The first Ctrl-C stops in order, what is done stays; a second one ends at once. */
static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

struct telling {
    struct rh_cli *cli;
    struct rh_progress *progress;
    uint64_t resources;
};

static bool on_progress(void *user, const char *phase, uint64_t done, uint64_t total)
{
    struct telling *t = user;
    (void)phase;
    rh_progress_set(t->progress, done, total, t->resources ? t->resources : done);
    return !interrupted;
}

static void say_refused(struct telling *t, yyjson_val *r)
{
    struct rh_text file = rh_json_get(r, "file"), expression = rh_json_get(r, "expression"),
                   text = rh_json_get(r, "text");
    struct rh_text line = rh_json_text(yyjson_obj_get(r, "line"));
    rh_progress_clear(t->progress);
    fprintf(stderr, "%.*s:%.*s: %.*s%s%.*s\n", RH_TEXT_ARG(file), RH_TEXT_ARG(line),
            RH_TEXT_ARG(expression), expression.len ? ": " : "", RH_TEXT_ARG(text));
}

static void say_json(struct telling *t, yyjson_val *what)
{
    struct rh_arena *a = rh_arena_open(SAY_BYTES);
    struct rh_buf b = rh_buf(a);
    rh_json_write(&b, what);
    rh_progress_clear(t->progress);
    fprintf(stderr, "%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
    rh_arena_close(a);
}

static void on_say(void *user, yyjson_val *what)
{
    struct telling *t = user;
    yyjson_val *refused = yyjson_obj_get(what, "refused"),
               *resumed = yyjson_obj_get(what, "resumed"),
               *resources = yyjson_obj_get(what, "resources");
    if (resources)
        rh_text_u64(rh_json_text(resources), UINT64_MAX, &t->resources);
    if (t->cli->json && (refused || (resumed && !t->cli->quiet))) {
        say_json(t, what);
    } else if (refused) {
        say_refused(t, refused);
    } else if (resumed && !t->cli->quiet) {
        struct rh_text file = rh_json_get(resumed, "file");
        rh_progress_clear(t->progress);
        fprintf(stderr, "%.*s: going on where the last import stopped\n", RH_TEXT_ARG(file));
    }
}

static enum rh_progress_kind progress_kind(const struct rh_cli *c)
{
    bool brief = strcmp(c->command->name, "explain") == 0;
    return c->quiet || brief ? RH_PROGRESS_NONE : c->json ? RH_PROGRESS_JSON : RH_PROGRESS_AUTO;
}

/* Does the work and prints its answer; *answer is NULL after an error, which has been said. */
static int work(struct rh_cli *c, bool create, const char *unit, struct rh_text args,
                yyjson_val **answer)
{
    struct telling t = {.cli = c};
    struct rh_work_options o = {0};
    *answer = NULL;
    catch_signals();
    t.progress = rh_progress_open(progress_kind(c), c->command->name, unit);
    struct rh_control_local told = {on_progress, on_say, &t};
    o.packages = rh_cli_many(c, "package", &o.n_packages);
    enum rh_rc rc =
        rh_work(c->data, create, c->command->name, args, &o, &told, c->arena, &c->issues, answer);
    rh_progress_close(t.progress);
    if (rc) {
        *answer = NULL;
        return rh_cli_fail(c, rc);
    }
    if (c->json) {
        struct rh_buf b = rh_buf(c->arena);
        rh_json_write(&b, *answer);
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
    }
    return RH_EXIT_OK;
}

static unsigned long long figure(yyjson_val *answer, const char *name)
{
    uint64_t n = 0;
    rh_text_u64(rh_json_text(yyjson_obj_get(answer, name)), UINT64_MAX, &n);
    return n;
}

/* The other process may have another working directory. */
static void add_path(struct rh_buf *b, const char *path)
{
    char real[PATH_MAX], here[PATH_MAX];
    if (realpath(path, real)) {
        rh_buf_json(b, rh_text(real));
    } else if (path[0] != '/' && getcwd(here, sizeof here)) {
        char *joined = rh_arena_printf(b->arena, "%s/%s", here, path);
        rh_buf_json(b, rh_text(joined ? joined : path));
    } else {
        rh_buf_json(b, rh_text(path));
    }
}

static bool is_mode(const struct rh_cli *c, const char *text)
{
    enum rh_validate_mode mode;
    if (rh_validate_mode_of(text, &mode))
        return true;
    fprintf(stderr, "rihla %s: --validate is off, structure or full; not \"%s\"\n",
            c->command->name, text);
    return false;
}

int rh_cmd_import(struct rh_cli *c)
{
    struct rh_buf args = rh_buf(c->arena);
    yyjson_val *answer;
    rh_buf_str(&args, "{\"paths\":[");
    for (unsigned i = 0; i < c->n_args; i++) {
        if (access(c->args[i], F_OK) != 0) /* before a data directory is made for nothing */
            return rh_cli_fail(c, rh_errno_issue(&c->issues, errno, "read", c->args[i]));
        if (i)
            rh_buf_char(&args, ',');
        add_path(&args, c->args[i]);
    }
    rh_buf_char(&args, ']');
    const char *validate = rh_cli_value(c, "validate");
    if (validate && !is_mode(c, validate))
        return RH_EXIT_USAGE;
    if (validate)
        rh_buf_printf(&args, ",\"validate\":\"%s\"", validate);
    rh_buf_char(&args, '}');
    int exit_code = work(c, true, "resources", rh_buf_get(&args), &answer);
    if (!answer)
        return exit_code;
    if (!c->json)
        printf("imported %llu files: %llu created, %llu updated, %llu unchanged, %llu refused\n",
               figure(answer, "files"), figure(answer, "created"), figure(answer, "updated"),
               figure(answer, "unchanged"), figure(answer, "refused"));
    return figure(answer, "refused") ? RH_EXIT_NO : RH_EXIT_OK;
}

int rh_cmd_export(struct rh_cli *c)
{
    struct rh_buf args = rh_buf(c->arena);
    yyjson_val *answer;
    rh_buf_str(&args, "{\"out\":");
    add_path(&args, c->args[0]);
    rh_buf_str(&args, ",\"types\":[");
    for (unsigned i = 0; i < c->n_more; i++) {
        if (i)
            rh_buf_char(&args, ',');
        rh_buf_json(&args, rh_text(c->more[i]));
    }
    rh_buf_printf(&args, "],\"gzip\":%s}", rh_cli_value(c, "gzip") ? "true" : "false");
    int exit_code = work(c, false, "resources", rh_buf_get(&args), &answer);
    if (answer && !c->json)
        printf("exported %llu resources in %llu files to %s\n", figure(answer, "resources"),
               figure(answer, "files"), c->args[0]);
    return exit_code;
}

int rh_cmd_backup(struct rh_cli *c)
{
    struct rh_buf args = rh_buf(c->arena);
    yyjson_val *answer;
    rh_buf_str(&args, "{\"out\":");
    add_path(&args, c->args[0]);
    rh_buf_str(&args, "}");
    int exit_code = work(c, false, "pages", rh_buf_get(&args), &answer);
    if (answer && !c->json)
        printf("backed up to %s; restore it with: rihla restore %s --data NEWDIR\n", c->args[0],
               c->args[0]);
    return exit_code;
}

int rh_cmd_restore(struct rh_cli *c)
{
    struct telling t = {.cli = c};
    catch_signals();
    t.progress = rh_progress_open(progress_kind(c), "restore", "steps");
    enum rh_rc rc = rh_record_restore(&c->issues, c->args[0], c->data, on_progress, &t);
    rh_progress_close(t.progress);
    if (!rc)
        rc = rh_packages_copy(&c->issues, c->args[0], c->data);
    if (rc)
        return rh_cli_fail(c, rc);
    if (c->json)
        printf("{\"data\":\"restored\"}\n");
    else
        printf("restored %s from %s; verify it with: rihla check --data %s\n", c->data, c->args[0],
               c->data);
    return RH_EXIT_OK;
}

int rh_cmd_check(struct rh_cli *c)
{
    yyjson_val *answer;
    struct rh_text args =
        rh_cli_value(c, "rebuild") ? RH_TEXT("{\"rebuild\":true}") : RH_TEXT("{}");
    int exit_code = work(c, false, "rows", args, &answer);
    if (!answer) {
        for (unsigned i = 0; i < c->issues.count; i++)
            if (c->issues.rows[i].rc != RH_CORRUPT)
                return exit_code;
        return c->issues.count ? RH_EXIT_NO : exit_code;
    }
    if (!c->json)
        printf("%llu versions, %llu resources, %llu search keys: everything is as it was "
               "written\n%.*s",
               figure(answer, "entries"), figure(answer, "resources"), figure(answer, "keys"),
               RH_TEXT_ARG(rh_json_get(answer, "origins")));
    if (!c->json && figure(answer, "orphans"))
        printf("%llu search keys have no resource (an import was cut off): harmless; rihla check "
               "--rebuild removes them\n",
               figure(answer, "orphans"));
    return RH_EXIT_OK;
}

/* One plan, an operand a line: "  all of" and what it is made of. */
static void print_posting(yyjson_val *p, unsigned depth)
{
    static const char *const lists[] = {"byDate", "byBody"};
    struct rh_text kind = rh_json_get(p, "kind"), condition = rh_json_get(p, "condition"),
                   estimate = rh_json_text(yyjson_obj_get(p, "estimate"));
    size_t i, max;
    yyjson_val *one;
    if (!p || depth > RH_JSON_DEPTH_MAX)
        return;
    printf("%*s%.*s%s%.*s", (int)(2 * depth), "", RH_TEXT_ARG(kind), condition.len ? " " : "",
           RH_TEXT_ARG(condition));
    if (estimate.len)
        printf(" (about %.*s rows)", RH_TEXT_ARG(estimate));
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
        yyjson_arr_foreach (yyjson_obj_get(p, lists[k]), i, max, one)
            printf("%s%.*s",
                   i   ? ", "
                   : k ? "; on the body "
                       : "; on the main date ",
                   RH_TEXT_ARG(rh_json_text(one)));
    }
    printf("\n");
    yyjson_arr_foreach (yyjson_obj_get(p, "of"), i, max, one)
        print_posting(one, depth + 1);
    yyjson_arr_foreach (yyjson_obj_get(p, "without"), i, max, one) {
        printf("%*swithout\n", (int)(2 * depth + 2), "");
        print_posting(one, depth + 2);
    }
}

int rh_cmd_explain(struct rh_cli *c)
{
    struct rh_buf args = rh_buf(c->arena);
    yyjson_val *answer, *plan;
    size_t i, max;
    rh_buf_str(&args, "{\"url\":");
    rh_buf_json(&args, rh_text(c->args[0]));
    rh_buf_str(&args, "}");
    int exit_code = work(c, false, "rows", rh_buf_get(&args), &answer);
    if (!answer || c->json)
        return exit_code;
    yyjson_val *explain = yyjson_obj_get(answer, "explain");
    yyjson_arr_foreach (yyjson_obj_get(explain, "plans"), i, max, plan) {
        struct rh_text type = rh_json_get(plan, "type"), order = rh_json_get(plan, "order");
        printf("%.*s: %.*s\n", RH_TEXT_ARG(type), RH_TEXT_ARG(order));
        print_posting(yyjson_obj_get(plan, "plan"), 1);
    }
    printf("%llu matches%s, %llu included; %llu rows of keys, %llu seeks, %llu bodies; %.1f ms\n",
           figure(answer, "matches"),
           yyjson_get_bool(yyjson_obj_get(answer, "more")) ? " on this page, there are more" : "",
           figure(answer, "included"), figure(explain, "rows"), figure(explain, "seeks"),
           figure(explain, "bodies"), (double)figure(explain, "microseconds") / 1000);
    rh_cli_warn(c);
    return exit_code;
}

static void print_job(yyjson_val *job)
{
    struct rh_text id = rh_json_get(job, "id"), kind = rh_json_get(job, "kind"),
                   state = rh_json_get(job, "state"), phase = rh_json_get(job, "phase"),
                   asked = rh_json_get(job, "asked");
    unsigned long long done = figure(job, "done"), total = figure(job, "total");
    printf("%.*s  %-6.*s  %-9.*s  %.19s  ", RH_TEXT_ARG(id), RH_TEXT_ARG(kind), RH_TEXT_ARG(state),
           asked.data ? asked.data : "");
    if (phase.len)
        printf("%.*s: ", RH_TEXT_ARG(phase));
    printf(total ? "%llu of %llu\n" : "%llu\n", done, total);
}

static void print_whole_job(struct rh_cli *c, yyjson_val *job)
{
    struct rh_buf b = rh_buf(c->arena);
    rh_json_write_pretty(&b, job);
    printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
}

int rh_cmd_job(struct rh_cli *c)
{
    struct rh_buf args = rh_buf(c->arena);
    yyjson_val *answer, *job;
    size_t i, max;
    bool list = strcmp(c->args[0], "list") == 0, show = strcmp(c->args[0], "show") == 0;
    if ((!list && !show && strcmp(c->args[0], "cancel") != 0) || list == (c->n_args == 2)) {
        fprintf(stderr, "rihla job: list, show ID or cancel ID\n");
        return RH_EXIT_USAGE;
    }
    rh_buf_str(&args, "{\"do\":");
    rh_buf_json(&args, rh_text(c->args[0]));
    rh_buf_str(&args, ",\"id\":");
    rh_buf_json(&args, rh_text(list ? "" : c->args[1]));
    rh_buf_char(&args, '}');
    int exit_code = work(c, false, "jobs", rh_buf_get(&args), &answer);
    if (!answer || c->json)
        return exit_code;
    yyjson_arr_foreach (yyjson_obj_get(answer, "jobs"), i, max, job)
        print_job(job);
    yyjson_val *indexing = yyjson_obj_get(answer, "indexing");
    struct rh_text parameter = rh_json_get(indexing, "parameter");
    if (parameter.len)
        printf("indexing %.*s: %llu of %llu resources\n", RH_TEXT_ARG(parameter),
               figure(indexing, "done"), figure(indexing, "total"));
    if (list && yyjson_arr_size(yyjson_obj_get(answer, "jobs")) == 0)
        printf("no jobs\n");
    if (show)
        print_whole_job(c, answer);
    else if (!list)
        printf("cancelled %.*s\n", RH_TEXT_ARG(rh_json_get(answer, "id")));
    return exit_code;
}

int rh_cmd_serve(struct rh_cli *c)
{
    const char *listen = rh_cli_value(c, "listen"), *validate = rh_cli_value(c, "validate");
    struct rh_serve_options o = {
        .dir = c->data,
        .listen = listen ? listen : "127.0.0.1:8080",
        .web_dir = rh_cli_value(c, "web-dir"),
        .import_dir = rh_cli_value(c, "import-dir"),
        .commands = rh_work_commands,
        .n_commands = rh_n_work_commands,
    };
    if (validate && !is_mode(c, validate))
        return RH_EXIT_USAGE;
    if (validate)
        rh_validate_mode_of(validate, &o.validate);
    uint64_t retries = 0;
    const char *text = rh_cli_value(c, "hook-retries");
    if (text && (rh_text_u64(rh_text(text), 100, &retries) || retries == 0)) {
        fprintf(stderr, "rihla serve: --hook-retries is a number from 1 to 100; not \"%s\"\n",
                text);
        return RH_EXIT_USAGE;
    }
    o.hook_retries = (unsigned)retries;
    o.packages = rh_cli_many(c, "package", &o.n_packages);
    o.hooks = rh_cli_many(c, "hook", &o.n_hooks);
    o.import_hosts = rh_cli_many(c, "import-host", &o.n_import_hosts);
    if (!o.packages || !o.hooks || !o.import_hosts)
        return rh_cli_fail(c, RH_NOMEM);
    enum rh_rc rc = rh_serve(&o, &c->issues);
    return rc ? rh_cli_fail(c, rc) : RH_EXIT_OK;
}
