/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack.c - rihla pack: look into a FHIR package, check it, keep it in a data directory; and the
 * world of definitions that --package names.
 */
#include "base/alloc.h"
#include "base/datetime.h"
#include "cli/cli.h"
#include "conformance/package.h"
#include "programme/definitions.h"
#include "programme/packages.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "terminology/terminology.h"

enum { CHECK_BYTES = 512 << 20 /* memory for one resource */ };

enum rh_rc rh_cli_packages(struct rh_cli *c, struct rh_issues *is, const char ***ret, size_t *n)
{
    unsigned named;
    const char **more = rh_cli_many(c, "package", &named);
    if (!more)
        return RH_NOMEM;
    if (c->data_named)
        return rh_packages_paths(c->arena, is, c->data, more, named, ret, n);
    *ret = more;
    *n = named;
    return RH_OK;
}

int rh_cli_world(struct rh_cli *c, struct rh_world **ret)
{
    const char **paths;
    size_t n;
    *ret = NULL;
    enum rh_rc rc = rh_cli_packages(c, &c->issues, &paths, &n);
    if (!rc)
        rc = rh_definitions_open(&c->issues, paths, n, ret);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_cli_warn(c);
    return RH_EXIT_OK;
}

/* --- list ------------------------------------------------------------------------------------- */

static int list(struct rh_cli *c, const struct rh_package *p)
{
    size_t n = rh_package_count(p);
    struct rh_buf b = rh_buf(c->arena);
    if (c->json) {
        rh_buf_str(&b, "{\"name\":");
        rh_buf_json(&b, rh_package_name(p));
        rh_buf_str(&b, ",\"version\":");
        rh_buf_json(&b, rh_package_version(p));
        rh_buf_str(&b, ",\"resources\":[");
    } else {
        rh_buf_printf(&b, "%.*s %.*s: %zu resources\n", RH_TEXT_ARG(rh_package_name(p)),
                      RH_TEXT_ARG(rh_package_version(p)), n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct rh_definition *d = rh_package_at(p, i);
        if (!c->json) {
            rh_buf_printf(&b, "  %-22s %.*s%s%.*s\n", d->type,
                          RH_TEXT_ARG(d->url.len ? d->url : d->id), d->version.len ? " " : "",
                          RH_TEXT_ARG(d->version));
            continue;
        }
        rh_buf_printf(&b, "%s{\"type\":\"%s\",\"id\":", i ? "," : "", d->type);
        rh_buf_json(&b, d->id);
        rh_buf_str(&b, ",\"url\":");
        rh_buf_json(&b, d->url);
        rh_buf_str(&b, ",\"version\":");
        rh_buf_json(&b, d->version);
        rh_buf_char(&b, '}');
    }
    if (c->json)
        rh_buf_str(&b, "]}\n");
    if (b.rc)
        return rh_cli_fail(c, b.rc);
    fwrite(b.data, 1, b.len, stdout);
    return RH_EXIT_OK;
}

/* --- check ------------------------------------------------------------------------------------ */

struct checking {
    struct rh_cli *cli;
    struct rh_ctx ctx;
    struct rh_issues issues;
    uint64_t resources, errors, warnings;
};

static void check_digit(struct checking *k, const char *path, struct rh_text system,
                        struct rh_text code)
{
    if (code.len && !rh_terms_check_digit(system, code))
        rh_issue_add(&k->issues, RH_VALUE, path,
                     "The check digit of the code %.*s of %.*s is wrong: a digit was mistyped.",
                     RH_TEXT_ARG(code), RH_TEXT_ARG(system));
}

/* Every {system, code} and every {system, concept: [{code}]} in it, whatever the element is. As
 * deep as JSON may nest. */
static void check_digits(struct checking *k, const char *path, yyjson_val *v)
{
    size_t i, max;
    yyjson_val *key, *one, *concepts = yyjson_obj_get(v, "concept");
    struct rh_text system = rh_json_get(v, "system");
    if (!path)
        return; /* the arena is full: rh_validate has said so */
    if (system.len)
        check_digit(k, path, system, rh_json_get(v, "code"));
    if (system.len && yyjson_is_arr(concepts))
        yyjson_arr_foreach (concepts, i, max, one)
            check_digit(k, rh_arena_printf(k->ctx.arena, "%s.concept[%zu].code", path, i), system,
                        rh_json_get(one, "code"));
    if (yyjson_is_obj(v)) {
        yyjson_obj_foreach (v, i, max, key, one)
            if (yyjson_is_ctn(one))
                check_digits(k, rh_arena_printf(k->ctx.arena, "%s.%s", path, yyjson_get_str(key)),
                             one);
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, max, one)
            if (yyjson_is_ctn(one))
                check_digits(k, rh_arena_printf(k->ctx.arena, "%s[%zu]", path, i), one);
    }
}

static void say(struct checking *k, const struct rh_definition *d)
{
    struct rh_text id = d ? d->id : RH_TEXT("package.json");
    const char *slash = id.len ? "/" : "";
    const struct rh_issues *is = &k->issues;
    struct rh_buf b = rh_buf(is->arena);
    for (unsigned i = 0; i < is->count; i++) {
        const struct rh_issue *row = &is->rows[i];
        k->warnings += row->severity == RH_WARNING;
        if (k->cli->json) {
            rh_buf_printf(&b, "{\"resource\":\"%s%s%.*s\",\"issue\":", d ? d->type : "Package",
                          slash, RH_TEXT_ARG(id));
            rh_validation_issue(row, 0, &b);
            rh_buf_str(&b, "}\n");
        } else if (row->severity <= RH_WARNING) {
            rh_buf_printf(&b, "%s%s%.*s: %s: %s%s%s%s\n", d ? d->type : "package", slash,
                          RH_TEXT_ARG(id), rh_severity_name(row->severity), row->text,
                          row->expression ? " (" : "", row->expression ? row->expression : "",
                          row->expression ? ")" : "");
        }
    }
    k->errors += is->errors;
    if (b.len)
        fwrite(b.data, 1, b.len, stdout);
}

static enum rh_rc check_one(struct checking *k, const struct rh_definition *d)
{
    static const struct rh_validate_options none;
    yyjson_val *body;
    bool valid = false;
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->issues, k->ctx.arena);
    k->issues.max = RH_ISSUES_REPORT_MAX;
    enum rh_rc rc = rh_definition_body(&k->ctx, d, &body);
    if (!rc) {
        rc = rh_validate(&k->ctx, body, &none, &valid);
        check_digits(k, d->type, body);
    }
    if (rc == RH_SYNTAX || rc == RH_STRUCTURE || rc == RH_CORRUPT)
        rc = RH_OK; /* said as an issue */
    k->resources++;
    say(k, d);
    return rc;
}

/* The dependencies that are missing are errors here: the package cannot be used without. */
static void check_depends(struct checking *k, const struct rh_world *w)
{
    size_t n = rh_world_n_packages(w);
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->issues, k->ctx.arena);
    struct rh_package **all = rh_arena_alloc(k->ctx.arena, (n + 1) * sizeof(struct rh_package *));
    if (!all)
        return;
    for (size_t i = 0; i < n; i++)
        all[i] = rh_world_package(w, i);
    rh_package_check_depends(&k->issues, all, n);
    for (unsigned i = 0; i < k->issues.count; i++)
        if (k->issues.rows[i].severity == RH_WARNING) { /* that a newer one serves is none */
            k->issues.rows[i].severity = RH_ERROR;
            k->issues.errors++;
        }
    say(k, NULL);
}

static int check(struct rh_cli *c, const char *path)
{
    unsigned n;
    struct rh_world *w = NULL;
    const char **paths = rh_cli_many(c, "package", &n);
    const char **all = paths ? rh_arena_alloc(c->arena, (n + 1) * sizeof *all) : NULL;
    if (!all)
        return rh_cli_fail(c, RH_NOMEM);
    memcpy(all, paths, n * sizeof *all);
    all[n] = path;
    enum rh_rc rc = rh_definitions_open(&c->issues, all, n + 1, &w);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_issues_init(&c->issues, c->arena); /* its warnings are said by check_depends */
    struct checking k = {.cli = c};
    k.ctx = (struct rh_ctx){.arena = rh_arena_open(CHECK_BYTES),
                            .issues = &k.issues,
                            .now_us = rh_clock_now_us(),
                            .world = w,
                            .host = &rh_programme_host};
    const struct rh_package *p = rh_world_package(w, rh_world_n_packages(w) - 1);
    check_depends(&k, w);
    for (size_t i = 0; i < rh_package_count(p) && !rc; i++)
        rc = check_one(&k, rh_package_at(p, i));
    if (!c->quiet)
        fprintf(stderr, "%.*s%s%.*s: %llu resources, %llu errors, %llu warnings\n",
                RH_TEXT_ARG(rh_package_name(p)), rh_package_version(p).len ? " " : "",
                RH_TEXT_ARG(rh_package_version(p)), (unsigned long long)k.resources,
                (unsigned long long)k.errors, (unsigned long long)k.warnings);
    rh_arena_close(k.ctx.arena);
    rh_world_close(w);
    if (rc)
        return rh_cli_fail(c, rc);
    return k.errors ? RH_EXIT_NO : RH_EXIT_OK;
}

/* --- add -------------------------------------------------------------------------------------- */

static int add(struct rh_cli *c, const char *path)
{
    const char *kept;
    enum rh_rc rc = rh_packages_add(c->arena, &c->issues, c->data, path, &kept);
    if (rc)
        return rh_cli_fail(c, rc);
    if (c->json) {
        struct rh_buf b = rh_buf(c->arena);
        rh_buf_str(&b, "{\"package\":");
        rh_buf_json(&b, rh_text(kept));
        rh_buf_str(&b, "}\n");
        printf("%.*s", RH_TEXT_ARG(rh_buf_get(&b)));
    } else {
        printf("added as %s; a server that runs takes it when it is started again\n", kept);
    }
    return RH_EXIT_OK;
}

int rh_cmd_pack(struct rh_cli *c)
{
    const char *what = c->args[0], *path = c->args[1];
    if (strcmp(what, "check") == 0)
        return check(c, path);
    if (strcmp(what, "add") == 0)
        return add(c, path);
    if (strcmp(what, "list") != 0) {
        fprintf(stderr, "rihla pack: list, check or add is wanted; not %s\n", what);
        return RH_EXIT_USAGE;
    }
    struct rh_package *p;
    enum rh_rc rc = rh_definitions_read(&c->issues, path, &p);
    if (rc)
        return rh_cli_fail(c, rc);
    int code = list(c, p);
    rh_package_close(p);
    return code;
}
