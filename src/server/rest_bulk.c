/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_bulk.c - jobs over HTTP: accepted, watched, fetched, cancelled.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html
 *
 *   /fhir/$export-status/[job]  /fhir/$export-file/[job]/[file]  and the same with $import
 *
 * Whoever knows a job's id may watch and cancel it and fetch its files: it cannot be guessed.
 */
#include "base/datetime.h"
#include "server/bulkwork.h"
#include "server/rest_int.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    RETRY_AFTER_S = 2,
    ADDRESS_MAX = 16384 /* bytes of the request's address that are kept */
};

static const char *const kinds[] = {"export", "import"};

/* --- addresses ---------------------------------------------------------------------------------
 */

/* "$export-status" -> "export" */
static const char *kind_named(struct rh_text segment, const char *suffix)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct rh_text rest = segment;
        if (!rh_text_starts(rest, "$") ||
            !rh_text_starts((struct rh_text){rest.data + 1, rest.len - 1}, kinds[i]))
            continue;
        rest.data += 1 + strlen(kinds[i]);
        rest.len -= 1 + strlen(kinds[i]);
        if (rh_text_is(rest, suffix))
            return kinds[i];
    }
    return NULL;
}

bool rh_rest_job_shape(const struct rh_request *q, enum rh_shape *ret)
{
    bool status = q->n_segments == 3 && kind_named(q->segments[1], "-status"),
         file = q->n_segments == 4 && kind_named(q->segments[1], "-file");
    if (status || file)
        *ret = status ? RH_SHAPE_JOB : RH_SHAPE_JOB_FILE;
    return status || file;
}

/* The address as it was sent: base and what follows it. */
static struct rh_text address_of(struct rh_request *q)
{
    struct rh_buf b = rh_buf(q->arena);
    struct rh_text base = q->ctx.base;
    if (rh_text_ends(base, "/fhir"))
        base.len -= strlen("/fhir");
    rh_buf_text(&b, base);
    rh_buf_text(&b, q->path);
    if (q->query.data) {
        rh_buf_char(&b, '?');
        rh_buf_text(&b, q->query);
    }
    return rh_text_shown(rh_buf_get(&b), ADDRESS_MAX);
}

/* --- accepted ----------------------------------------------------------------------------------
 */

enum rh_step rh_rest_job_accepted(struct rh_request *q, const char *kind, struct rh_text parameters)
{
    char id[RH_JOB_ID_SIZE];
    const struct rh_job_request request = {
        .kind = kind, .caller = &q->caller, .request = address_of(q), .parameters = parameters};
    struct rh_buf b = rh_buf(q->arena);
    enum rh_rc rc = rh_jobs_add(rh_bulkwork_jobs(rh_server_of(q)->bulk), &request, &q->issues, id);
    if (rc)
        return rh_rest_refuse(q, rc);
    char *location =
        rh_arena_printf(q->arena, "%.*s/$%s-status/%s", RH_TEXT_ARG(q->ctx.base), kind, id);
    if (!location)
        return rh_rest_refuse(q, RH_NOMEM);
    rh_request_answer_header(q, "Content-Location", location);
    char *text =
        rh_arena_printf(q->arena, "The %s is accepted: %s tells how far it is.", kind, location);
    rh_issue_at(&q->issues, (struct rh_issue){.severity = RH_INFORMATION,
                                              .code = "informational",
                                              .text = text ? text : "Accepted."});
    rh_issues_outcome(&q->issues, RH_OK, &b);
    return rh_rest_answer(q, 202, &b);
}

/* --- watched -----------------------------------------------------------------------------------
 */

static enum rh_rc find_job(struct rh_request *q, const char *kind, struct rh_job_info *ret)
{
    enum rh_rc rc =
        rh_jobs_get(rh_bulkwork_jobs(rh_server_of(q)->bulk), q->segments[2], q->arena, ret);
    if (!rc && (strcmp(ret->kind, kind) != 0 || ret->state == RH_JOB_CANCELLED))
        rc = RH_NOTFOUND;
    if (rc == RH_NOTFOUND)
        rh_issue_add(&q->issues, rc, NULL,
                     "There is no such %s: it was cancelled, its time is over, or it never was.",
                     kind);
    return rc;
}

static enum rh_step answer_waiting(struct rh_request *q, const struct rh_job_info *i)
{
    char *progress;
    if (i->state == RH_JOB_QUEUED)
        progress = rh_arena_printf(q->arena, "waiting");
    else if (i->total)
        progress = rh_arena_printf(q->arena, "%s: %llu of %llu", i->phase,
                                   (unsigned long long)i->done, (unsigned long long)i->total);
    else
        progress = rh_arena_printf(q->arena, "%s: %llu", i->phase, (unsigned long long)i->done);
    if (!progress)
        return rh_rest_refuse(q, RH_NOMEM);
    rh_request_answer_header(q, "X-Progress", progress);
    rh_request_answer_header(q, "Retry-After", rh_arena_printf(q->arena, "%d", RETRY_AFTER_S));
    q->status = 202;
    q->answer = RH_TEXT("");
    return RH_STEP_DONE;
}

static void write_file(struct rh_request *q, struct rh_buf *out, const char *kind, const char *id,
                       const struct rh_ndjson_file *f, const char *separator)
{
    char name[RH_NDJSON_NAME_SIZE];
    rh_ndjson_name(f, false, name);
    struct rh_buf url = rh_buf(q->arena);
    rh_buf_printf(&url, "%.*s/$%s-file/%s/%s", RH_TEXT_ARG(q->ctx.base), kind, id, name);
    rh_buf_printf(out, "%s{\"type\":\"%s\",\"url\":", separator,
                  f->type ? rh_resource_type(f->type)->name : "Bundle");
    rh_buf_json(out, rh_buf_get(&url));
    rh_buf_printf(out, ",\"count\":%llu}", (unsigned long long)f->count);
    out->rc = out->rc ? out->rc : url.rc;
}

/* https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status */
static enum rh_rc write_export(struct rh_request *q, const struct rh_job_info *i,
                               struct rh_buf *out)
{
    struct rh_bulk_export_result r;
    char time[RH_INSTANT_SIZE];
    enum rh_rc rc = rh_bulk_export_result(q->arena, i->result, &r);
    if (rc)
        return rc;
    rh_instant_print(r.time_us, time);
    rh_buf_printf(out, "{\"transactionTime\":\"%s\",\"request\":", time);
    rh_buf_json(out, i->request);
    rh_buf_str(out, ",\"requiresAccessToken\":false,\"output\":[");
    bool first = true;
    for (unsigned k = 0; k < r.n; k++)
        if (r.files[k].type) {
            write_file(q, out, i->kind, i->id, &r.files[k], first ? "" : ",");
            first = false;
        }
    rh_buf_str(out, "],\"deleted\":[");
    first = true;
    for (unsigned k = 0; k < r.n; k++)
        if (!r.files[k].type) {
            write_file(q, out, i->kind, i->id, &r.files[k], first ? "" : ",");
            first = false;
        }
    rh_buf_str(out, "],\"error\":[]}\n");
    return out->rc;
}

/* Of the import proposal: what was refused stands in a file; the counts are an extension. */
static enum rh_rc write_import(struct rh_request *q, const struct rh_job_info *i,
                               struct rh_buf *out)
{
    static const char *const counts[] = {"created", "updated", "unchanged", "refused"};
    char time[RH_INSTANT_SIZE];
    yyjson_doc *doc;
    uint64_t us = 0, errors = 0;
    if (!i->result.len || rh_json_parse(q->arena, &q->issues, i->result, &doc))
        return RH_CORRUPT;
    yyjson_val *r = yyjson_doc_get_root(doc);
    rh_text_u64(rh_json_text(yyjson_obj_get(r, "time")), INT64_MAX, &us);
    rh_text_u64(rh_json_text(yyjson_obj_get(r, "errors")), INT64_MAX, &errors);
    rh_instant_print((int64_t)us, time);
    rh_buf_printf(out, "{\"transactionTime\":\"%s\",\"request\":", time);
    rh_buf_json(out, i->request);
    rh_buf_str(out, ",\"requiresAccessToken\":false,\"output\":[],\"error\":[");
    if (errors) {
        struct rh_buf url = rh_buf(q->arena);
        rh_buf_printf(&url, "%.*s/$import-file/%s/%s", RH_TEXT_ARG(q->ctx.base), i->id,
                      rh_bulk_import_errors);
        rh_buf_str(out, "{\"type\":\"OperationOutcome\",\"url\":");
        rh_buf_json(out, rh_buf_get(&url));
        rh_buf_printf(out, ",\"count\":%llu}", (unsigned long long)errors);
        out->rc = out->rc ? out->rc : url.rc;
    }
    rh_buf_str(out, "],\"extension\":{");
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        rh_buf_printf(out, "%s\"%s\":", k ? "," : "", counts[k]);
        rh_buf_text(out, rh_json_text(yyjson_obj_get(r, counts[k])));
    }
    rh_buf_str(out, "}}\n");
    return out->rc;
}

static enum rh_step answer_done(struct rh_request *q, const struct rh_job_info *i)
{
    struct rh_buf b = rh_buf(q->arena);
    char *expires = rh_arena_alloc(q->arena, RH_HTTP_DATE_SIZE);
    bool import = strcmp(i->kind, "import") == 0;
    enum rh_rc rc = !expires ? RH_NOMEM : import ? write_import(q, i, &b) : write_export(q, i, &b);
    if (rc)
        return rh_rest_refuse(q, rc);
    rh_http_date_print(i->expires_us, expires);
    rh_request_answer_header(q, "Expires", expires);
    q->status = 200;
    q->content_type = "application/json";
    q->answer = rh_buf_get(&b);
    return RH_STEP_DONE;
}

static enum rh_step answer_failed(struct rh_request *q, const struct rh_job_info *i)
{
    struct rh_buf b = rh_buf(q->arena);
    if (rh_rc_http(i->rc) == 500 || !i->error.len)
        return rh_rest_refuse(q, i->rc ? i->rc : RH_INTERNAL);
    rh_buf_text(&b, i->error);
    return rh_rest_answer(q, rh_rc_http(i->rc), &b);
}

enum rh_step rh_rest_job(struct rh_request *q)
{
    const char *kind = kind_named(q->segments[1], "-status");
    struct rh_job_info i;
    enum rh_rc rc = find_job(q, kind, &i);
    if (!rc && q->method == RH_M_DELETE) {
        rc = rh_jobs_cancel(rh_bulkwork_jobs(rh_server_of(q)->bulk), q->segments[2], &q->issues);
        q->status = 202;
        q->answer = RH_TEXT("");
        return rc ? rh_rest_refuse(q, rc) : RH_STEP_DONE;
    }
    if (rc)
        return rh_rest_refuse(q, rc);
    if (i.state == RH_JOB_DONE)
        return answer_done(q, &i);
    return i.state == RH_JOB_FAILED ? answer_failed(q, &i) : answer_waiting(q, &i);
}

/* --- fetched -----------------------------------------------------------------------------------
 */

struct sending {
    int fd;
};

static enum rh_stream_step fill(struct rh_request *q, struct rh_stream *s, struct rh_buf *out)
{
    struct sending *f = s->user;
    char *room = rh_buf_room(out, RH_HTTP_PART);
    (void)q;
    if (!room)
        return RH_STREAM_FAIL;
    ssize_t n;
    do
        n = read(f->fd, room, RH_HTTP_PART);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return RH_STREAM_FAIL;
    out->len += (size_t)n;
    return n ? RH_STREAM_MORE : RH_STREAM_END;
}

static void end(void *user)
{
    struct sending *f = user;
    close(f->fd);
}

enum rh_step rh_rest_job_file(struct rh_request *q)
{
    const struct rh_server *server = rh_server_of(q);
    const char *kind = kind_named(q->segments[1], "-file");
    struct sending *f = rh_arena_zero(q->arena, sizeof *f);
    struct rh_job_info i;
    enum rh_rc rc = f ? find_job(q, kind, &i) : RH_NOMEM;
    if (rc)
        return rh_rest_refuse(q, rc);
    const char *path = i.state == RH_JOB_DONE
                           ? rh_job_path(q->arena, server->dir,
                                         rh_bulkwork_kind(server->bulk, kind), i.id, q->segments[3])
                           : NULL;
    f->fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (f->fd < 0)
        return rh_rest_refuse(q, rh_issue_add(&q->issues, RH_NOTFOUND, NULL,
                                              "This %s has no file of this name%s.", kind,
                                              i.state == RH_JOB_DONE ? "" : " yet"));
    q->status = 200;
    q->content_type = "application/fhir+ndjson";
    const struct rh_stream stream = {.fill = fill, .end = end, .user = f};
    rc = rh_request_stream(q, &stream);
    if (!rc)
        return RH_STEP_DONE;
    end(f);
    return rh_rest_refuse(q, rc);
}
