/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_test.c - rihla pack test: the cases of a pack, run. */
#include "cli/pack_int.h"

#include "base/json.h"
#include "programme/definitions.h"
#include "programme/pack_test.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"

#include <sys/stat.h>

enum { CASE_BYTES = 256 << 20, RUN_BYTES = 1 << 30 };

/* --- what a pack depends on ------------------------------------------------------------------- */

struct finding_packs {
    struct rh_cli *cli;
    const char *beside; /* the folder that the pack lies in */
    const char *paths[64];
    size_t n;
};

static bool is_there(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0;
}

static const char *find_beside(struct finding_packs *f, struct rh_text name, struct rh_text version)
{
    const char *tries[3] = {
        rh_arena_printf(f->cli->arena, "%s/%.*s/package/package.json", f->beside,
                        RH_TEXT_ARG(name)),
        rh_arena_printf(f->cli->arena, "%s/%.*s.tgz", f->beside, RH_TEXT_ARG(name)),
        rh_arena_printf(f->cli->arena, "%s/%.*s-%.*s.tgz", f->beside, RH_TEXT_ARG(name),
                        RH_TEXT_ARG(version))};
    if (is_there(tries[0]))
        return rh_arena_printf(f->cli->arena, "%s/%.*s", f->beside, RH_TEXT_ARG(name));
    return is_there(tries[1]) ? tries[1] : is_there(tries[2]) ? tries[2] : NULL;
}

static bool has_path(const struct finding_packs *f, const char *path)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->paths[i], path) == 0)
            return true;
    return false;
}

/* Adds what a package depends on, and that first of what it depends on itself. */
static void add_depends(struct finding_packs *f, const char *path, unsigned depth)
{
    struct rh_package *p = NULL;
    struct rh_issues silent;
    rh_issues_init(&silent, f->cli->arena);
    if (rh_definitions_read(&silent, path, &p))
        return; /* said when it is read to be used */
    for (size_t i = 0; i < rh_package_n_depends(p); i++) {
        struct rh_text name, version;
        rh_package_depend(p, i, &name, &version);
        const char *found = find_beside(f, name, version);
        if (!found || has_path(f, found) || strcmp(found, path) == 0)
            continue;
        if (depth > 0)
            add_depends(f, found, depth - 1);
        if (!has_path(f, found) && f->n < sizeof f->paths / sizeof f->paths[0])
            f->paths[f->n++] = found;
    }
    rh_package_close(p);
}

/* devDependencies of package.json: what only cases need. */
static void add_for_cases(struct finding_packs *f, const char *path)
{
    struct rh_issues silent;
    struct rh_text bytes;
    yyjson_doc *doc;
    yyjson_val *key, *v;
    size_t i, n;
    rh_issues_init(&silent, f->cli->arena);
    const char *file = rh_path_join(f->cli->arena, path, "package/package.json");
    if (!file || rh_file_read(f->cli->arena, NULL, file, 1 << 20, &bytes) ||
        rh_json_parse(f->cli->arena, &silent, bytes, &doc))
        return;
    yyjson_val *needed = yyjson_obj_get(yyjson_doc_get_root(doc), "devDependencies");
    if (!needed)
        return;
    yyjson_obj_foreach (needed, i, n, key, v) {
        const char *found = find_beside(f, rh_json_text(key), rh_json_text(v));
        if (!found || has_path(f, found))
            continue;
        add_depends(f, found, 8);
        if (!has_path(f, found) && f->n < sizeof f->paths / sizeof f->paths[0])
            f->paths[f->n++] = found;
    }
}

static const char *without_slash(struct rh_arena *a, const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    return rh_arena_copy(a, path, len);
}

enum rh_rc rh_cli_pack_paths(struct rh_cli *c, const char *path, const char ***ret, size_t *n)
{
    size_t n_named;
    const char **named;
    struct finding_packs f = {.cli = c};
    enum rh_rc rc = rh_cli_packages(c, &c->issues, &named, &n_named);
    path = without_slash(c->arena, path);
    char *beside = rh_arena_printf(c->arena, "%s", path ? path : "");
    if (rc || !path || !beside)
        return rc ? rc : RH_NOMEM;
    char *slash = strrchr(beside, '/');
    if (slash)
        *slash = 0;
    f.beside = !slash ? "." : *beside ? beside : "/";
    if (strcmp(path, ".") == 0 || strcmp(path, "..") == 0)
        f.beside = rh_arena_printf(c->arena, "%s/..", path);
    add_depends(&f, path, 8);
    add_for_cases(&f, path);
    const char **all = rh_arena_alloc(c->arena, (f.n + n_named + 1) * sizeof *all);
    if (!all || !f.beside)
        return RH_NOMEM;
    memcpy(all, f.paths, f.n * sizeof *all);
    memcpy(all + f.n, named, n_named * sizeof *all);
    all[f.n + n_named] = path;
    *ret = all;
    *n = f.n + n_named + 1;
    return RH_OK;
}

/* --- test ------------------------------------------------------------------------------------- */

struct telling {
    struct rh_cli *cli;
    struct rh_arena *arena;
};

static void say(void *user, const struct rh_case_said *s)
{
    struct telling *t = user;
    const struct rh_case_result *r = &s->result;
    struct rh_buf b = rh_buf(t->arena);
    if (t->cli->json) {
        rh_buf_str(&b, "{\"file\":");
        rh_buf_json(&b, rh_text(s->file));
        rh_buf_printf(&b, ",\"number\":%zu,\"name\":", s->number);
        rh_buf_json(&b, r->name);
        rh_buf_printf(&b, ",\"passed\":%s,\"broken\":%s", r->passed ? "true" : "false",
                      r->broken ? "true" : "false");
        if (r->why) {
            rh_buf_str(&b, ",\"why\":");
            rh_buf_json(&b, rh_text(r->why));
        }
        rh_buf_str(&b, "}\n");
    } else if (!r->passed) {
        rh_buf_str(&b, s->file);
        if (s->number)
            rh_buf_printf(&b, " (%zu)", s->number);
        rh_buf_printf(&b, ": %s%.*s%s\n    %s\n", r->broken ? "cannot be run: " : "",
                      RH_TEXT_ARG(r->name), r->name.len ? ":" : "", r->why);
    }
    if (b.len)
        fwrite(b.data, 1, b.len, stdout);
}

static int finish(struct rh_cli *c, const char *path, const struct rh_pack_tested *k)
{
    if (c->json)
        printf("{\"cases\":%zu,\"passed\":%zu,\"failed\":%zu,\"broken\":%zu,\"files\":%zu,"
               "\"microseconds\":%llu}\n",
               k->cases, k->passed, k->failed, k->broken, k->files, (unsigned long long)k->took_us);
    else if (!c->quiet || k->failed || k->broken)
        printf("%s: %zu cases in %zu files: %zu passed, %zu failed, %zu cannot be run; %.1f s\n",
               path, k->cases, k->files, k->passed, k->failed, k->broken, (double)k->took_us / 1e6);
    if (c->n_args > 2 && k->cases + k->broken == 0) {
        fprintf(stderr, "rihla: %s: there is no such case\n", path);
        return RH_EXIT_NO;
    }
    return k->failed || k->broken ? RH_EXIT_NO : RH_EXIT_OK;
}

int rh_cli_pack_test(struct rh_cli *c)
{
    const char **paths;
    size_t n;
    struct rh_world *w = NULL;
    struct rh_pack_tested tested = {0};
    enum rh_rc rc = rh_cli_pack_paths(c, c->args[1], &paths, &n);
    if (!rc)
        rc = rh_definitions_open(&c->issues, paths, n, &w);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_cli_warn(c);
    struct telling t = {c, rh_arena_open(CASE_BYTES)};
    struct rh_arena *run = rh_arena_open(RUN_BYTES);
    struct rh_ctx ctx = {.arena = t.arena,
                         .issues = &c->issues,
                         .now_us = rh_clock_now_us(),
                         .world = w,
                         .host = &rh_programme_host};
    rc = rh_pack_test(&ctx, run, paths, n, c->n_args > 2 ? c->args[2] : NULL, say, &t, &tested,
                      NULL);
    int code = rc ? rh_cli_fail(c, rc) : finish(c, paths[n - 1], &tested);
    rh_arena_close(run);
    rh_arena_close(t.arena);
    rh_world_close(w);
    return code;
}
