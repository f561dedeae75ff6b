/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/pack_test.h"

#include "system/clock.h"
#include "system/file.h"

#include <sys/stat.h>

enum { FOLDERS_DEEP = 4 };

struct template
{
    struct rh_text name;
    yyjson_val *value; /* NULL: looked for and not found */
    struct template *next;
};

struct testing {
    struct rh_ctx *c;
    struct rh_arena *arena; /* as long as the run: templates, files, sets of protocols */
    const char *const *paths;
    size_t n;
    const char *filter;
    rh_case_each *each;
    void *user;
    struct rh_pack_tested *counts;
    struct rh_runner *runner;
    struct template *templates;
    struct rh_issues template_issues; /* of templates that cannot be read */
};

/* --- templates -------------------------------------------------------------------------------- */

static bool is_plain(struct rh_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '/' || name.data[i] == 0)
            return false;
    return name.len > 0 && name.len < 100 && name.data[0] != '.';
}

static yyjson_val *read_template(struct testing *t, const char *folder, struct rh_text name)
{
    struct rh_text bytes;
    yyjson_doc *doc;
    char *path = rh_arena_printf(t->arena, "%s/cases/given/%.*s.json", folder, RH_TEXT_ARG(name));
    if (!path || rh_file_read(t->arena, NULL, path, RH_CASE_FILE_MAX, &bytes))
        return NULL;
    if (rh_json_parse(t->arena, &t->template_issues, bytes, &doc))
        return NULL;
    return yyjson_doc_get_root(doc);
}

static yyjson_val *find_template(void *user, struct rh_text name)
{
    struct testing *t = user;
    for (struct template *k = t->templates; k; k = k->next)
        if (rh_text_eq(k->name, name))
            return k->value;
    struct template *made = rh_arena_zero(t->arena, sizeof *made);
    if (!made || !is_plain(name))
        return NULL;
    made->name = rh_text_copy(t->arena, name);
    for (size_t i = t->n; i-- > 0 && !made->value;)
        made->value = read_template(t, t->paths[i], name);
    made->next = t->templates;
    t->templates = made;
    return made->value;
}

/* --- files ------------------------------------------------------------------------------------ */

static void say(struct testing *t, const struct rh_case_said *s)
{
    t->counts->broken += s->result.broken;
    t->counts->failed += !s->result.passed && !s->result.broken;
    t->counts->passed += s->result.passed;
    if (t->each)
        t->each(t->user, s);
}

static void say_broken(struct testing *t, const char *file, const char *why)
{
    struct rh_case_said s = {file, 0, {.broken = true, .why = why}};
    say(t, &s);
}

static bool chosen(const struct testing *t, const char *file, yyjson_val *one)
{
    struct rh_text name = rh_json_get(one, "name");
    return !t->filter || strstr(file, t->filter) || (name.data && strstr(name.data, t->filter));
}

static enum rh_rc run_one(struct testing *t, const char *file, size_t number, yyjson_val *one)
{
    struct rh_case_said s = {.file = file, .number = number};
    if (!chosen(t, file, one))
        return RH_OK;
    if (t->counts->cases == RH_CASES_MAX)
        return rh_issue_add(t->c->issues, RH_TOOLARGE, NULL, "more than %d cases", RH_CASES_MAX);
    rh_arena_reset(t->c->arena);
    enum rh_rc rc = rh_case_run(t->c, t->runner, one, &s.result);
    if (rc)
        return rc;
    t->counts->cases++;
    say(t, &s);
    return RH_OK;
}

static enum rh_rc run_file(struct testing *t, const char *path, const char *file)
{
    struct rh_issues is;
    struct rh_text bytes;
    yyjson_doc *doc;
    yyjson_val *one;
    size_t i, n;
    rh_issues_init(&is, t->arena);
    t->counts->files++;
    enum rh_rc rc = rh_file_read(t->arena, &is, path, RH_CASE_FILE_MAX, &bytes);
    if (!rc)
        rc = rh_json_parse(t->arena, &is, bytes, &doc);
    if (rc) {
        say_broken(t, file, is.count ? is.rows[0].text : rh_rc_text(rc));
        return RH_OK;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_arr(root))
        return run_one(t, file, 1, root);
    yyjson_arr_foreach (root, i, n, one)
        if (!rc)
            rc = run_one(t, file, i + 1, one);
    return rc;
}

static enum rh_rc run_folder(struct testing *t, const char *folder, const char *name,
                             unsigned depth)
{
    char **names = NULL;
    size_t n = 0;
    enum rh_rc rc = rh_dir_list(t->arena, NULL, folder, &names, &n);
    if (rc == RH_NOTFOUND)
        return RH_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        struct stat st;
        char *path = rh_path_join(t->arena, folder, names[i]);
        char *file = rh_path_join(t->arena, name, names[i]);
        if (!path || !file)
            return RH_NOMEM;
        if (stat(path, &st) != 0 || names[i][0] == '.')
            continue;
        if (S_ISREG(st.st_mode) && rh_text_ends(rh_text(names[i]), ".json"))
            rc = run_file(t, path, file);
        else if (S_ISDIR(st.st_mode) && depth > 0 && strcmp(file, "cases/given") != 0)
            rc = run_folder(t, path, file, depth - 1);
    }
    return rc;
}

enum rh_rc rh_pack_test(struct rh_ctx *c, struct rh_arena *a, const char *const *paths, size_t n,
                        const char *filter, rh_case_each *each, void *user,
                        struct rh_pack_tested *ret, struct rh_runner **r)
{
    struct testing *t = rh_arena_zero(a, sizeof *t);
    char *cases = t && n ? rh_path_join(a, paths[n - 1], "cases") : NULL;
    *ret = (struct rh_pack_tested){0};
    if (!cases)
        return RH_NOMEM;
    t->c = c;
    t->arena = a;
    t->paths = paths;
    t->n = n;
    t->filter = filter;
    t->each = each;
    t->user = user;
    t->counts = ret;
    rh_issues_init(&t->template_issues, a);
    int64_t start = rh_clock_now_us();
    enum rh_rc rc = rh_runner_open(a, find_template, t, &t->runner);
    if (!rc)
        rc = run_folder(t, cases, "cases", FOLDERS_DEEP);
    for (unsigned i = 0; i < t->template_issues.count; i++)
        say_broken(t, "cases/given", t->template_issues.rows[i].text);
    ret->took_us = (uint64_t)(rh_clock_now_us() - start);
    if (r)
        *r = t->runner;
    return rc;
}
