/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack.c - rihla pack: look into a FHIR package, make one of a folder, keep it in a data directory;
 * and the world of definitions that --package names. pack_check.c and pack_test.c have the rest.
 */
#include "cli/pack_int.h"

#include "programme/definitions.h"
#include "programme/pack_build.h"
#include "programme/packages.h"

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

static int list_one(struct rh_cli *c, const struct rh_package *p)
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

static void list_kept(struct rh_cli *c, const struct rh_kept_package *k, bool first,
                      struct rh_buf *b)
{
    const struct rh_package *p = k->package;
    struct rh_text name, version;
    if (c->json) {
        rh_buf_str(b, first ? "{\"path\":" : ",{\"path\":");
        rh_buf_json(b, rh_text(k->path));
        rh_buf_str(b, ",\"name\":");
        rh_buf_json(b, p ? rh_package_name(p) : rh_text(""));
        rh_buf_str(b, ",\"version\":");
        rh_buf_json(b, p ? rh_package_version(p) : rh_text(""));
        rh_buf_printf(b, ",\"resources\":%zu,\"dependencies\":{", p ? rh_package_count(p) : 0);
    } else if (p) {
        rh_buf_printf(b, "%.*s %.*s: %zu resources", RH_TEXT_ARG(rh_package_name(p)),
                      RH_TEXT_ARG(rh_package_version(p)), rh_package_count(p));
    } else {
        rh_buf_printf(b, "%s: cannot be read", k->path);
    }
    for (size_t i = 0; p && i < rh_package_n_depends(p); i++) {
        rh_package_depend(p, i, &name, &version);
        if (c->json) {
            rh_buf_str(b, i ? "," : "");
            rh_buf_json(b, name);
            rh_buf_char(b, ':');
            rh_buf_json(b, version);
        } else {
            rh_buf_printf(b, "%s%.*s %.*s", i ? ", " : "; needs ", RH_TEXT_ARG(name),
                          RH_TEXT_ARG(version));
        }
    }
    rh_buf_str(b, c->json ? "}}" : "\n");
}

static int list_data(struct rh_cli *c)
{
    struct rh_kept_package *all;
    struct rh_buf b = rh_buf(c->arena);
    size_t n;
    enum rh_rc rc = rh_packages_open(c->arena, &c->issues, c->data, &all, &n);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_buf_str(&b, c->json ? "{\"packages\":[" : n ? "" : "no packages are kept here\n");
    for (size_t i = 0; i < n; i++)
        list_kept(c, &all[i], i == 0, &b);
    rh_buf_str(&b, c->json ? "]}\n" : "");
    rh_packages_close(all, n);
    if (b.rc)
        return rh_cli_fail(c, b.rc);
    fwrite(b.data, 1, b.len, stdout);
    rh_cli_warn(c);
    return RH_EXIT_OK;
}

static int list(struct rh_cli *c)
{
    struct rh_package *p;
    if (c->n_args == 1)
        return list_data(c);
    enum rh_rc rc = rh_definitions_read(&c->issues, c->args[1], &p);
    if (rc)
        return rh_cli_fail(c, rc);
    int code = list_one(c, p);
    rh_package_close(p);
    return code;
}

/* --- add -------------------------------------------------------------------------------------- */

static int say_path(struct rh_cli *c, const char *member, const char *path, const char *words)
{
    if (c->json) {
        struct rh_buf b = rh_buf(c->arena);
        rh_buf_printf(&b, "{\"%s\":", member);
        rh_buf_json(&b, rh_text(path));
        rh_buf_str(&b, "}\n");
        printf("%.*s", RH_TEXT_ARG(rh_buf_get(&b)));
    } else if (!c->quiet) {
        printf("%s\n", words ? words : "");
    }
    return RH_EXIT_OK;
}

static int add(struct rh_cli *c)
{
    const char *kept, *path = c->args[1];
    enum rh_rc rc = rh_packages_add(c->arena, &c->issues, c->data, path, &kept);
    if (rc)
        return rh_cli_fail(c, rc);
    return say_path(c, "package", kept,
                    rh_arena_printf(c->arena,
                                    "added as %s; a server that runs takes it when it is started "
                                    "again",
                                    kept));
}

/* --- remove, build ---------------------------------------------------------------------------- */

static int remove_kept(struct rh_cli *c)
{
    const char *path;
    enum rh_rc rc = rh_packages_remove(c->arena, &c->issues, c->data, c->args[1],
                                       c->n_args > 2 ? c->args[2] : NULL, &path);
    if (rc == RH_CONFLICT || rc == RH_NOTFOUND) {
        rh_cli_fail(c, rc);
        return RH_EXIT_NO;
    }
    if (rc)
        return rh_cli_fail(c, rc);
    return say_path(c, "removed", path,
                    rh_arena_printf(c->arena,
                                    "removed %s; a server that runs lets go of it when it is "
                                    "started again",
                                    path));
}

static int build(struct rh_cli *c)
{
    size_t files = 0;
    enum rh_rc rc = rh_pack_build(&c->issues, c->args[1], c->args[2], &files);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_cli_warn(c);
    return say_path(c, "package", c->args[2],
                    rh_arena_printf(c->arena, "%s: %zu resources", c->args[2], files));
}

/* --- the command ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *args;
    unsigned min, max; /* arguments, its own name counted */
    int (*run)(struct rh_cli *c);
} verbs[] = {
    {"list", "[PATH]", 1, 2, list},
    {"check", "PATH", 2, 2, rh_cli_pack_check},
    {"test", "PATH [FILTER]", 2, 3, rh_cli_pack_test},
    {"build", "FOLDER OUT.tgz", 3, 3, build},
    {"add", "PATH", 2, 2, add},
    {"remove", "NAME [VERSION]", 2, 3, remove_kept},
};

int rh_cmd_pack(struct rh_cli *c)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(c->args[0], verbs[i].name) != 0)
            continue;
        if (c->n_args >= verbs[i].min && c->n_args <= verbs[i].max)
            return verbs[i].run(c);
        fprintf(stderr, "rihla pack %s %s is wanted\n", verbs[i].name, verbs[i].args);
        return RH_EXIT_USAGE;
    }
    fprintf(stderr, "rihla pack: list, check, test, build, add or remove is wanted; not %s\n",
            c->args[0]);
    return RH_EXIT_USAGE;
}
