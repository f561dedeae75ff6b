/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/export.h"

#include "base/alloc.h"
#include "base/datetime.h"
#include "system/clock.h"
#include "system/compress.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHUNK = 200, CHUNK_BYTES = 64 << 20 };

struct exporting {
    struct rh_session *session;
    const struct rh_caller *caller;
    struct rh_issues *issues;
    const struct rh_export_options *options;
    struct rh_arena *arena; /* of one chunk */
    rh_progress *progress;
    void *user;
    uint64_t total;
    struct rh_buf manifest;
    struct rh_export_result result;
};

static enum rh_rc write_chunk(struct exporting *e, int fd, const char *path,
                              const struct rh_version *rows, unsigned n)
{
    struct rh_buf text = rh_buf(e->arena), packed = rh_buf(e->arena);
    for (unsigned i = 0; i < n; i++) {
        rh_version_write(&rows[i], &text);
        rh_buf_char(&text, '\n');
    }
    enum rh_rc rc = text.rc;
    if (rc == RH_OK && e->options->gzip)
        rc = rh_gzip_pack(rh_buf_get(&text), 6,
                          &packed); /* members one after the other are one gzip file */
    struct rh_text out = rh_buf_get(e->options->gzip ? &packed : &text);
    if (rc == RH_OK)
        rc = rh_write_all(fd, out.data, out.len);
    if (rc)
        return rh_issue_add(e->issues, rc, NULL, "cannot write %s: %s", path, rh_rc_text(rc));
    e->result.bytes += text.len;
    return RH_OK;
}

static enum rh_rc export_rows(struct exporting *e, unsigned type, int fd, const char *path,
                              uint64_t *count)
{
    char last[RH_STORE_ID_MAX];
    struct rh_text after = {NULL, 0};
    unsigned n = CHUNK;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && n > 0) {
        rh_arena_reset(e->arena);
        struct rh_ctx ctx = {.arena = e->arena, .issues = e->issues, .now_us = rh_clock_now_us()};
        struct rh_version *rows = rh_arena_alloc(e->arena, CHUNK * sizeof *rows);
        if (!rows)
            return RH_NOMEM;
        rc = rh_record_list(e->session, &ctx, e->caller, type, after, CHUNK, rows, &n);
        if (rc || n == 0)
            break;
        after = (struct rh_text){memcpy(last, rows[n - 1].id.data, rows[n - 1].id.len),
                                 rows[n - 1].id.len};
        rc = write_chunk(e, fd, path, rows, n);
        *count += n;
        e->result.resources += n;
        if (rc == RH_OK && e->progress &&
            !e->progress(e->user, "export", e->result.resources, e->total))
            rc = RH_INTERRUPTED;
    }
    return rc;
}

static enum rh_rc export_type(struct exporting *e, unsigned type, struct rh_arena *names)
{
    const char *name = rh_resource_type(type)->name;
    uint64_t count = 0;
    char *file = rh_arena_printf(names, "%s.ndjson%s", name, e->options->gzip ? ".gz" : "");
    char *path = file ? rh_path_join(names, e->options->out, file) : NULL;
    if (!path)
        return RH_NOMEM;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return rh_errno_issue(e->issues, errno, "create", path);
    enum rh_rc rc = export_rows(e, type, fd, path, &count);
    if (rc == RH_OK && fsync(fd) != 0)
        rc = rh_errno_issue(e->issues, errno, "sync", path);
    close(fd);
    rh_buf_printf(&e->manifest, "%s{\"type\":\"%s\",\"file\":\"%s\",\"count\":%llu}",
                  e->result.files ? "," : "", name, file, (unsigned long long)count);
    e->result.files++;
    return rc;
}

static bool wanted(const struct rh_export_options *o, unsigned type)
{
    if (o->n_types == 0)
        return true;
    for (unsigned i = 0; i < o->n_types; i++)
        if (strcmp(o->types[i], rh_resource_type(type)->name) == 0)
            return true;
    return false;
}

static enum rh_rc export_types(struct exporting *e, struct rh_arena *names)
{
    uint64_t counts[RH_RESOURCE_TYPES + 1] = {0};
    struct rh_ctx ctx = {.arena = names, .issues = e->issues, .now_us = rh_clock_now_us()};
    enum rh_rc rc = RH_OK;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES && rc == RH_OK; t++)
        if (wanted(e->options, t)) {
            rc = rh_record_count(e->session, &ctx, e->caller, t, &counts[t]);
            e->total += counts[t];
        }
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES && rc == RH_OK; t++)
        if (counts[t] > 0)
            rc = export_type(e, t, names);
    return rc;
}

static enum rh_rc check_options(struct rh_arena *a, struct rh_issues *is,
                                const struct rh_export_options *o)
{
    char **names;
    size_t n = 0;
    for (unsigned i = 0; i < o->n_types; i++)
        if (!rh_resource_number(rh_text(o->types[i])))
            return rh_issue_add(is, RH_INVALID, NULL, "\"%s\" is not a resource type of FHIR R4",
                                o->types[i]);
    enum rh_rc rc = rh_dir_make(is, o->out, 0700);
    if (rc == RH_OK)
        rc = rh_dir_list(a, is, o->out, &names, &n);
    if (rc == RH_OK && n > 0)
        rc = rh_issue_add(is, RH_CONFLICT, NULL,
                          "%s is not empty: choose a folder that does not exist yet", o->out);
    return rc;
}

static enum rh_rc write_manifest(struct exporting *e, struct rh_arena *a, int64_t began_us)
{
    char time[RH_INSTANT_SIZE];
    char *path = rh_path_join(a, e->options->out, "manifest.json");
    struct rh_buf b = rh_buf(a);
    rh_instant_print(began_us, time);
    rh_buf_printf(&b, "{\"transactionTime\":\"%s\",\"output\":[", time);
    rh_buf_text(&b, rh_buf_get(&e->manifest));
    rh_buf_str(&b, "]}\n");
    return path && !b.rc ? rh_file_write(e->issues, path, rh_buf_get(&b), 0600) : RH_NOMEM;
}

enum rh_rc rh_export(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     const struct rh_export_options *o, rh_progress *progress, void *user,
                     struct rh_export_result *ret)
{
    struct rh_arena *a = rh_arena_open(4 << 20);
    struct exporting e = {.caller = caller,
                          .issues = is,
                          .options = o,
                          .progress = progress,
                          .user = user,
                          .manifest = rh_buf(a)};
    int64_t began_us = rh_clock_now_us();
    enum rh_rc rc = check_options(a, is, o);
    if (rc == RH_OK && (rc = rh_session_open(r, &e.session)))
        rh_issue_add(is, rc, NULL, "%s", rh_rc_text(rc));
    if (rc == RH_OK) {
        e.arena = rh_arena_open(CHUNK_BYTES);
        rc = export_types(&e, a);
        if (rc == RH_OK)
            rc = write_manifest(&e, a, began_us);
        if (rc == RH_OK)
            rc = rh_dir_sync(o->out);
    }
    rh_session_close(e.session);
    rh_arena_close(e.arena);
    rh_arena_close(a);
    *ret = e.result;
    return rc;
}
