/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_check.c - rihla pack check: a line for each finding. */
#include "cli/pack_int.h"

#include "programme/pack_check.h"
#include "programme/validation.h"

struct telling {
    struct rh_cli *cli;
    struct rh_arena *arena;
};

static void add_text(struct rh_buf *b, const char *member, const char *text)
{
    rh_buf_printf(b, "\"%s\":", member);
    if (text)
        rh_buf_json(b, rh_text(text));
    else
        rh_buf_str(b, "null");
    rh_buf_char(b, ',');
}

/* FILE:LINE: RESOURCE RULE: SEVERITY: TEXT (EXPRESSION) [CHECK] */
static void say(void *user, const struct rh_finding *f)
{
    struct telling *t = user;
    const struct rh_issue *row = f->issue;
    rh_arena_reset(t->arena);
    struct rh_buf b = rh_buf(t->arena);
    if (t->cli->json) {
        rh_buf_char(&b, '{');
        add_text(&b, "check", f->check);
        add_text(&b, "file", f->file);
        add_text(&b, "resource", f->resource);
        add_text(&b, "rule", f->rule);
        rh_buf_str(&b, "\"issue\":");
        rh_validation_issue(row, 0, &b);
        rh_buf_str(&b, "}\n");
    } else if (row->severity <= RH_ERROR || (!t->cli->quiet && (row->severity == RH_WARNING ||
                                                                strcmp(f->check, "draft") == 0))) {
        if (f->file)
            rh_buf_str(&b, f->file);
        if (f->file && row->line)
            rh_buf_printf(&b, ":%u", row->line);
        rh_buf_printf(&b, "%s%s%s%s: %s: %s%s%s%s [%s]\n", f->file ? ": " : "", f->resource,
                      f->rule ? " " : "", f->rule ? f->rule : "", rh_severity_name(row->severity),
                      row->text, row->expression ? " (" : "",
                      row->expression ? row->expression : "", row->expression ? ")" : "", f->check);
    }
    if (b.len)
        fwrite(b.data, 1, b.len, stdout);
}

int rh_cli_pack_check(struct rh_cli *c)
{
    const char **paths;
    size_t n;
    struct rh_pack_checked k;
    enum rh_rc rc = rh_cli_pack_paths(c, c->args[1], &paths, &n);
    if (rc)
        return rh_cli_fail(c, rc);
    struct telling t = {c, rh_arena_open((size_t)16 << 20)};
    rc = rh_pack_check(&c->issues, paths, n, say, &t, &k);
    rh_arena_close(t.arena);
    if (rc)
        return rh_cli_fail(c, rc);
    if (!c->quiet) {
        struct rh_text name = k.name.len ? k.name : rh_text(paths[n - 1]);
        fprintf(stderr, "%.*s%s%.*s: %zu resources, %zu errors, %zu warnings", RH_TEXT_ARG(name),
                k.version.len ? " " : "", RH_TEXT_ARG(k.version), k.resources, k.errors,
                k.warnings);
        if (k.pack)
            fprintf(stderr, "; %zu rules, %zu of them drafts; %zu cases", k.rules, k.drafts,
                    k.cases);
        fprintf(stderr, "\n");
    }
    return k.errors ? RH_EXIT_NO : RH_EXIT_OK;
}
