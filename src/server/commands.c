/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/commands.h"

#include "conformance/validate.h"
#include "programme/assessment.h"
#include "programme/definitions.h"
#include "programme/export.h"
#include "programme/import.h"
#include "programme/packages.h"
#include "programme/validation.h"
#include "search/query.h"
#include "server/bulkwork.h"
#include "server/worlds.h"
#include "system/clock.h"

#include <unistd.h>

enum { SAY_BYTES = 256 << 10, SAY_COUNT_MS = 200 };

static struct rh_caller caller(void)
{
    return (struct rh_caller){
        .user = RH_TEXT("operator"), .purpose = RH_TEXT("HSYSADMIN"), .local = true};
}

/* An array of strings as a C array; *n is 0 when it is missing. */
static enum rh_rc strings(struct rh_control_call *c, const char *name, const char ***ret,
                          unsigned *n)
{
    yyjson_val *list = yyjson_obj_get(c->args, name), *item;
    size_t i, max;
    *n = 0;
    *ret = rh_arena_alloc(c->arena, (yyjson_arr_size(list) + 1) * sizeof(char *));
    if (!*ret)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, max, item) {
        if (!yyjson_is_str(item))
            return rh_issue_add(c->issues, RH_INVALID, NULL, "%s must be a list of texts", name);
        (*ret)[(*n)++] = yyjson_get_str(item);
    }
    return RH_OK;
}

static void member(struct rh_buf *b, const char *name, uint64_t n)
{
    rh_buf_printf(b, "%c\"%s\":%llu", b->data && b->data[b->len - 1] == '{' ? ' ' : ',', name,
                  (unsigned long long)n);
}

/* --- import --- */

struct importing {
    struct rh_control_call *call;
    int64_t said_ns;
};

static bool import_progress(void *user, uint64_t done, uint64_t total, uint64_t resources)
{
    struct importing *im = user;
    int64_t now = rh_clock_mono_ns();
    if (now - im->said_ns > SAY_COUNT_MS * INT64_C(1000000)) {
        char text[64];
        int n = snprintf(text, sizeof text, "{\"resources\":%llu}", (unsigned long long)resources);
        im->said_ns = now;
        rh_control_say(im->call, (struct rh_text){text, (size_t)n});
    }
    return rh_control_progress(im->call, "import", done, total);
}

static void import_refused(void *user, const char *file, uint64_t line, const struct rh_issues *is,
                           enum rh_rc rc)
{
    struct importing *im = user;
    struct rh_arena *a = rh_arena_open(SAY_BYTES);
    const struct rh_issue none = {.text = rh_rc_text(rc)};
    const struct rh_issue *first = &none;
    for (unsigned i = 0; i < is->count && first == &none; i++)
        if (is->rows[i].severity <= RH_ERROR)
            first = &is->rows[i];
    struct rh_buf b = rh_buf(a);
    rh_buf_str(&b, "{\"refused\":{\"file\":");
    rh_buf_json(&b, rh_text(file));
    rh_buf_printf(&b, ",\"line\":%llu,\"expression\":",
                  (unsigned long long)(line + (first->line ? first->line - 1 : 0)));
    rh_buf_json(&b, rh_text(first->expression ? first->expression : ""));
    rh_buf_str(&b, ",\"text\":");
    rh_buf_json(&b, rh_text(first->text ? first->text : ""));
    rh_buf_printf(&b, ",\"more\":%u}}", is->count > 1 ? is->count - 1 + is->dropped : 0);
    if (!b.rc)
        rh_control_say(im->call, rh_buf_get(&b));
    rh_arena_close(a);
}

static void import_resumed(void *user, const char *file, uint64_t position)
{
    struct importing *im = user;
    struct rh_arena *a = rh_arena_open(SAY_BYTES);
    struct rh_buf b = rh_buf(a);
    rh_buf_str(&b, "{\"resumed\":{\"file\":");
    rh_buf_json(&b, rh_text(file));
    rh_buf_printf(&b, ",\"position\":%llu}}", (unsigned long long)position);
    if (!b.rc)
        rh_control_say(im->call, rh_buf_get(&b));
    rh_arena_close(a);
}

static enum rh_rc run_import(struct rh_control_call *c)
{
    struct importing im = {.call = c};
    struct rh_import_events events = {&im, import_progress, import_refused, import_resumed, NULL};
    struct rh_import_result r;
    struct rh_caller who = caller();
    const char **paths;
    unsigned n;
    struct rh_text how = rh_json_get(c->args, "validate");
    enum rh_validate_mode validate = RH_VALIDATE_DEFAULT;
    enum rh_rc rc = strings(c, "paths", &paths, &n);
    if (rc == RH_OK && how.data && !rh_validate_mode_of(how.data, &validate))
        rc = rh_issue_add(c->issues, RH_INVALID, NULL, "validate is off, structure or full");
    if (rc == RH_OK)
        rc = rh_import(c->record, &who, c->issues, validate, paths, n, &events, &r);
    if (rc)
        return rc;
    rh_buf_str(&c->answer, "{");
    member(&c->answer, "created", r.counts.created);
    member(&c->answer, "updated", r.counts.updated);
    member(&c->answer, "unchanged", r.counts.unchanged);
    member(&c->answer, "refused", r.counts.refused);
    member(&c->answer, "files", r.files);
    member(&c->answer, "skippedFiles", r.skipped_files);
    member(&c->answer, "bytes", r.bytes);
    rh_buf_str(&c->answer, "}");
    return c->answer.rc;
}

/* --- export, backup, check --- */

static enum rh_rc run_export(struct rh_control_call *c)
{
    struct rh_export_result r;
    struct rh_caller who = caller();
    const char **types;
    unsigned n;
    enum rh_rc rc = strings(c, "types", &types, &n);
    struct rh_export_options o = {
        .out = rh_json_get(c->args, "out").data,
        .types = types,
        .n_types = n,
        .gzip = yyjson_get_bool(yyjson_obj_get(c->args, "gzip")),
    };
    if (rc == RH_OK && !o.out)
        rc = rh_issue_add(c->issues, RH_INVALID, NULL, "where to is missing");
    if (rc == RH_OK)
        rc = rh_export(c->record, &who, c->issues, &o, rh_control_progress, c, &r);
    if (rc)
        return rc;
    rh_buf_str(&c->answer, "{");
    member(&c->answer, "resources", r.resources);
    member(&c->answer, "files", r.files);
    member(&c->answer, "bytes", r.bytes);
    rh_buf_str(&c->answer, "}");
    return c->answer.rc;
}

static enum rh_rc run_backup(struct rh_control_call *c)
{
    const char *out = rh_json_get(c->args, "out").data;
    if (!out)
        return rh_issue_add(c->issues, RH_INVALID, NULL, "where to is missing");
    rh_buf_str(&c->answer, "{}");
    enum rh_rc rc = rh_record_backup(c->record, c->issues, out, rh_control_progress, c);
    return rc ? rc : rh_packages_copy(c->issues, rh_record_dir(c->record), out);
}

static enum rh_rc run_check(struct rh_control_call *c)
{
    struct rh_ctx ctx = {.arena = c->arena, .issues = c->issues, .now_us = rh_clock_now_us()};
    struct rh_check_report r = {0};
    enum rh_rc rc = RH_OK;
    if (yyjson_get_bool(yyjson_obj_get(c->args, "rebuild"))) {
        if (!c->local)
            return rh_issue_add(c->issues, RH_INUSE, NULL,
                                "the indexes cannot be made again while the directory is served: "
                                "stop the server first");
        rc = rh_record_rebuild(c->record, c->issues, rh_control_progress, c);
    }
    if (rc == RH_OK)
        rc = rh_record_check(c->record, &ctx, rh_control_progress, c, &r);
    if (rc)
        return rc;
    rh_buf_str(&c->answer, "{");
    member(&c->answer, "entries", r.entries);
    member(&c->answer, "resources", r.resources);
    member(&c->answer, "keys", r.keys);
    member(&c->answer, "orphans", r.orphans);
    member(&c->answer, "problems", r.problems);
    rh_buf_str(&c->answer, ",\"origins\":");
    rh_buf_json(&c->answer, r.origins);
    rh_buf_str(&c->answer, "}");
    return c->answer.rc;
}

/* --- explain --- */

/* "http://host/fhir/Patient/1/Observation?code=x", "/fhir/Observation?…", "Observation?…", "?…" */
static enum rh_rc read_search(struct rh_control_call *c, struct rh_text url,
                              struct rh_search_request *r)
{
    struct rh_text rest = url, path, part, parts[4];
    unsigned n = 0;
    rh_text_split(&rest, '?', &path);
    r->query = rest;
    const char *base = memmem(path.data, path.len, "/fhir", 5);
    if (base) {
        path.len -= (size_t)(base + 5 - path.data);
        path.data = base + 5;
    }
    while (path.len && rh_text_split(&path, '/', &part))
        if (part.len && !rh_text_is(part, "_search") && n < 4)
            parts[n++] = part;
    if (n == 0)
        return RH_OK;
    bool all = n == 3 && rh_text_is(parts[2], "*");
    r->type = rh_resource_number(parts[n - 1]);
    if (n == 3) {
        r->compartment = rh_resource_number(parts[0]);
        r->compartment_id = parts[1];
    }
    if ((r->type || all) && (n == 1 || (n == 3 && r->compartment)))
        return RH_OK;
    return rh_issue_add(c->issues, RH_INVALID, NULL,
                        "\"%.*s\" is no search: it is as Observation?code=x, "
                        "Patient/1/Observation?code=x or ?_type=Patient,Group.",
                        RH_TEXT_ARG(rh_text_shown(url, 200)));
}

static enum rh_rc run_explain(struct rh_control_call *c)
{
    struct rh_ctx ctx = {.arena = c->arena, .issues = c->issues, .now_us = rh_clock_now_us()};
    struct rh_search_request r = {.explain = true};
    struct rh_page page = {0};
    struct rh_caller who = caller();
    struct rh_grant grant;
    struct rh_session *session = NULL;
    struct rh_query *parsed = rh_arena_zero(c->arena, sizeof *parsed);
    enum rh_rc rc = parsed ? read_search(c, rh_json_get(c->args, "url"), &r) : RH_NOMEM;
    if (!rc)
        rc = rh_access_decide(&who, RH_ACTION_ADMIN, r.type, c->issues, &grant);
    if (!rc)
        rc = rh_session_open(c->record, &session);
    if (!rc)
        rc = rh_record_search(session, &ctx, &who, &r, &page, parsed);
    rh_session_close(session);
    if (rc)
        return rc;
    rh_buf_str(&c->answer, "{");
    member(&c->answer, "matches", page.n);
    member(&c->answer, "included", page.n_included);
    if (page.has_total)
        member(&c->answer, "total", page.total);
    rh_buf_printf(&c->answer, ",\"more\":%s,\"query\":", page.next.len ? "true" : "false");
    rh_buf_json(&c->answer, page.self);
    rh_buf_str(&c->answer, ",\"explain\":");
    rh_buf_text(&c->answer, page.explain.len ? page.explain : RH_TEXT("null"));
    rh_buf_str(&c->answer, "}");
    return c->answer.rc;
}

/* --- job --- */

static enum rh_rc list_jobs(struct rh_control_call *c, struct rh_jobs *jobs)
{
    struct rh_job_info *rows;
    struct rh_indexing x;
    unsigned n;
    enum rh_rc rc = rh_jobs_list(jobs, c->arena, &rows, &n);
    rh_buf_str(&c->answer, "{\"jobs\":[");
    for (unsigned i = 0; i < n && !rc; i++) {
        rh_buf_str(&c->answer, i ? "," : "");
        rh_bulkwork_write_job(&rows[i], &c->answer);
    }
    rh_record_indexing(c->record, &x);
    rh_buf_str(&c->answer, "],\"indexing\":{\"parameter\":");
    rh_buf_json(&c->answer, rh_text(x.name));
    member(&c->answer, "added", x.added);
    member(&c->answer, "building", x.building);
    member(&c->answer, "done", x.done);
    member(&c->answer, "total", x.total);
    rh_buf_str(&c->answer, "}}");
    return rc;
}

static enum rh_rc one_job(struct rh_control_call *c, struct rh_jobs *jobs, struct rh_text verb)
{
    struct rh_text id = rh_json_get(c->args, "id");
    struct rh_job_info info;
    enum rh_rc rc = RH_OK;
    if (rh_text_is(verb, "cancel"))
        rc = rh_jobs_cancel(jobs, id, c->issues);
    if (!rc)
        rc = rh_jobs_get(jobs, id, c->arena, &info);
    if (rc == RH_NOTFOUND)
        return rh_issue_add(c->issues, rc, NULL,
                            "there is no job \"%.*s\", or it was cancelled already: rihla job list "
                            "has their names",
                            RH_TEXT_ARG(rh_text_shown(id, 80)));
    if (!rc)
        rh_bulkwork_write_job(&info, &c->answer);
    return rc;
}

static enum rh_rc run_job(struct rh_control_call *c)
{
    struct rh_text verb = rh_json_get(c->args, "do");
    struct rh_bulkwork *own = NULL;
    const struct rh_bulkwork_options o = {.dir = rh_record_dir(c->record)};
    enum rh_rc rc = c->bulk ? RH_OK : rh_bulkwork_open(&o, NULL, c->issues, &own);
    if (rc)
        return rc;
    struct rh_jobs *jobs = rh_bulkwork_jobs(c->bulk ? c->bulk : own);
    if (rh_text_is(verb, "list"))
        rc = list_jobs(c, jobs);
    else if (rh_text_is(verb, "show") || rh_text_is(verb, "cancel"))
        rc = one_job(c, jobs, verb);
    else
        rc = rh_issue_add(c->issues, RH_INVALID, NULL, "list, show ID or cancel ID; not \"%.*s\"",
                          RH_TEXT_ARG(rh_text_shown(verb, 80)));
    rh_bulkwork_close(own);
    return rc ? rc : c->answer.rc;
}

/* --- assess --- */

static enum rh_rc texts(struct rh_control_call *c, const char *name, struct rh_text **ret,
                        size_t *n)
{
    const char **all;
    unsigned count;
    enum rh_rc rc = strings(c, name, &all, &count);
    *ret = rc ? NULL : rh_arena_alloc(c->arena, (count + 1) * sizeof **ret);
    if (!*ret)
        return rc ? rc : RH_NOMEM;
    for (unsigned i = 0; i < count; i++)
        (*ret)[i] = rh_text(all[i]);
    *n = count;
    return RH_OK;
}

/* The definitions of DIR/packages and of the packages that are named. */
static enum rh_rc assess_world(struct rh_control_call *c, struct rh_world **ret)
{
    const char **named, **paths;
    unsigned n;
    size_t n_paths;
    enum rh_rc rc = strings(c, "packages", &named, &n);
    if (!rc)
        rc = rh_packages_paths(c->arena, c->issues, rh_record_dir(c->record), named, n, &paths,
                               &n_paths);
    return rc ? rc : rh_definitions_open(c->issues, paths, n_paths, ret);
}

static enum rh_rc run_assess(struct rh_control_call *c)
{
    struct rh_host host = rh_conformance_host(&rh_programme_host, NULL);
    struct rh_ctx ctx = {
        .arena = c->arena, .issues = c->issues, .now_us = rh_clock_now_us(), .host = &host};
    struct rh_assessment a = {.patient = rh_json_get(c->args, "patient"),
                              .date = rh_json_get(c->args, "date")};
    struct rh_protocol_show show = {.language = rh_json_get(c->args, "language"),
                                    .only = rh_json_get(c->args, "for"),
                                    .all = yyjson_get_bool(yyjson_obj_get(c->args, "all"))};
    struct rh_text *protocols = NULL, *may_see = NULL;
    struct rh_caller who = caller();
    struct rh_session *session = NULL;
    struct rh_world *world = NULL;
    enum rh_rc rc = texts(c, "protocols", &protocols, &a.n_protocols);
    if (!rc && yyjson_obj_get(c->args, "maySee"))
        rc = texts(c, "maySee", &may_see, &a.n_may_see);
    if (a.n_may_see == 1 && may_see[0].len == 0)
        a.n_may_see = 0;
    a.protocols = protocols;
    a.may_see = may_see;
    if (!rc)
        rc = assess_world(c, &world);
    ctx.world = world;
    if (!rc)
        rc = rh_session_open(c->record, &session);
    if (!rc)
        rc = rh_assessment_run(session, &ctx, &who, &a);
    if (!rc)
        rc = rh_protocol_print(&ctx, a.result, &show, &c->answer);
    rh_session_close(session);
    rh_world_close(world);
    return rc ? rc : c->answer.rc;
}

const struct rh_control_command rh_work_commands[] = {
    {"import", run_import},   {"export", run_export}, {"backup", run_backup}, {"check", run_check},
    {"explain", run_explain}, {"job", run_job},       {"assess", run_assess},
};
const unsigned rh_n_work_commands = sizeof rh_work_commands / sizeof rh_work_commands[0];

/* --- here or there --- */

static enum rh_rc run_here(const char *dir, bool create, const char *command, struct rh_text args,
                           const struct rh_work_options *with, const struct rh_control_local *told,
                           struct rh_arena *a, struct rh_issues *is, yyjson_val **ret)
{
    struct rh_record *record;
    struct rh_worlds *worlds = NULL;
    struct rh_record_options o = {.dir = dir, .create = create};
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(a, is, args, &doc);
    if (rc == RH_OK && rh_text_is(rh_json_get(yyjson_doc_get_root(doc), "validate"), "full")) {
        rc = rh_worlds_open(dir, with->packages, with->n_packages, is, &worlds);
        if (rc == RH_OK)
            o.validator = rh_worlds_validator(worlds);
    }
    if (rc == RH_OK)
        rc = rh_record_open(&o, is, &record);
    if (rc) {
        rh_worlds_close(worlds);
        return rc;
    }
    rc = worlds ? rh_worlds_record(worlds, record, is) : RH_OK;
    if (rc) {
        rh_record_close(record);
        rh_worlds_close(worlds);
        return rc;
    }
    struct rh_control_call call = {.record = record,
                                   .arena = a,
                                   .issues = is,
                                   .args = yyjson_doc_get_root(doc),
                                   .answer = rh_buf(a),
                                   .local = told};
    rc = RH_INTERNAL;
    for (unsigned i = 0; i < rh_n_work_commands; i++)
        if (strcmp(rh_work_commands[i].name, command) == 0)
            rc = rh_work_commands[i].run(&call);
    rh_record_close(record);
    rh_worlds_close(worlds);
    if (rc == RH_OK)
        rc = rh_json_parse(a, is, rh_buf_get(&call.answer), &doc);
    if (rc == RH_OK)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

enum rh_rc rh_work(const char *dir, bool create, const char *command, struct rh_text args,
                   const struct rh_work_options *o, const struct rh_control_local *told,
                   struct rh_arena *a, struct rh_issues *is, yyjson_val **ret)
{
    enum rh_rc rc =
        rh_control_ask(dir, command, args, told->progress, told->say, told->user, a, is, ret);
    if (rc == RH_NOTFOUND && is->count == 0)
        return run_here(dir, create, command, args, o, told, a, is, ret);
    return rc;
}
