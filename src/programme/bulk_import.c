/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/bulk_import.h"

#include "base/alloc.h"
#include "programme/fetch.h"
#include "system/clock.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAY_BYTES = 256 << 10, LOOK_BYTES = 8 << 20 /* fetched between two looks at the disk */ };

const char rh_bulk_import_errors[] = "errors.ndjson";

struct loading {
    struct rh_job *job;
    const struct rh_bulk_import_host *host;
    struct rh_arena *arena;
    struct rh_issues *issues;
    const char **paths;
    struct rh_text *urls;
    bool *fetched_from; /* the file is ours, and goes when it is loaded */
    unsigned n;
    unsigned fetched; /* inputs that were looked at */
    uint64_t looked;  /* bytes of the present one when the disk was looked at */
    bool full;
    int errors_fd;
    enum rh_rc errors_rc;
    uint64_t errors, before; /* lines; refused in earlier runs */
    bool loaded;             /* all of it, with these counts: only the end of the job is missing */
    struct rh_bulk_counts counts;
    int64_t kept_ns;
};

/* --- what is allowed ---------------------------------------------------------------------------
 */

static bool is_remote(struct rh_text url)
{
    return rh_text_starts(url, "http:") || rh_text_starts(url, "https:");
}

static bool takes_name(const char *path)
{
    static const char *const ends[] = {".ndjson", ".jsonl", ".json"};
    struct rh_text t = rh_text(path);
    if (rh_text_ends(t, ".gz"))
        t.len -= 3;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (rh_text_ends(t, ends[i]))
            return true;
    return false;
}

/* The real path of a file below the allowed folder. */
static enum rh_rc local_path(const struct rh_bulk_import_host *host, struct rh_arena *a,
                             struct rh_issues *is, struct rh_text url, const char **ret)
{
    char top[PATH_MAX], real[PATH_MAX];
    struct rh_text path = url;
    if (rh_text_starts(path, "file://"))
        path = (struct rh_text){path.data + 7, path.len - 7};
    if (!host->dir)
        return rh_issue_add(is, RH_FORBIDDEN, NULL,
                            "No files may be read; the operator allows it by serve --import-dir "
                            "DIR.");
    if (!path.len || memchr(path.data, 0, path.len))
        return rh_issue_add(is, RH_INVALID, NULL, "\"%.*s\" is no path of a file.",
                            RH_TEXT_ARG(rh_text_shown(url, 200)));
    char *name = path.data[0] == '/' ? rh_arena_printf(a, "%.*s", RH_TEXT_ARG(path))
                                     : rh_arena_printf(a, "%s/%.*s", host->dir, RH_TEXT_ARG(path));
    if (!name)
        return RH_NOMEM;
    size_t len = realpath(host->dir, top) ? strlen(top) : 0;
    bool there = len && realpath(name, real);
    bool below = there && strncmp(real, top, len) == 0 && real[len] == '/';
    if (!below) /* not told apart: what lies elsewhere is nobody's business */
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            "There is no file \"%.*s\" in the folder that may be read.",
                            RH_TEXT_ARG(rh_text_shown(url, 200)));
    struct stat st; /* links in a folder, and pipes that nobody writes to, lead astray */
    if (stat(real, &st) || !S_ISREG(st.st_mode))
        return rh_issue_add(is, RH_INVALID, NULL, "\"%.*s\" is not a file: name each file itself.",
                            RH_TEXT_ARG(rh_text_shown(url, 200)));
    if (!takes_name(real))
        return rh_issue_add(is, RH_INVALID, NULL,
                            "\"%.*s\" does not end in .ndjson, .jsonl or .json (also .gz).",
                            RH_TEXT_ARG(rh_text_shown(url, 200)));
    *ret = rh_arena_copy(a, real, strlen(real) + 1);
    return *ret ? RH_OK : RH_NOMEM;
}

enum rh_rc rh_bulk_import_check(const struct rh_bulk_import_host *host, struct rh_arena *a,
                                struct rh_issues *is, struct rh_text url)
{
    const char *path;
    struct rh_text copy = rh_text_copy(a, url);
    if (!copy.data)
        return RH_NOMEM;
    return is_remote(url) ? rh_fetch_check(is, host->hosts, host->n_hosts, copy.data)
                          : local_path(host, a, is, url, &path);
}

/* --- positions ---------------------------------------------------------------------------------
 */

static enum rh_rc keep(struct loading *l)
{
    struct rh_arena *a = rh_arena_open(SAY_BYTES); /* on several threads */
    struct rh_buf b = rh_buf(a);
    rh_buf_printf(&b, "{\"fetched\":%u,\"refused\":%llu,\"errors\":%llu", l->fetched,
                  (unsigned long long)l->before, (unsigned long long)l->errors);
    if (l->loaded)
        rh_buf_printf(&b, ",\"loaded\":{\"created\":%llu,\"updated\":%llu,\"unchanged\":%llu}",
                      (unsigned long long)l->counts.created, (unsigned long long)l->counts.updated,
                      (unsigned long long)l->counts.unchanged);
    rh_buf_char(&b, '}');
    l->kept_ns = rh_clock_mono_ns();
    enum rh_rc rc = b.rc ? b.rc : rh_job_keep(l->job, rh_buf_get(&b));
    rh_arena_close(a);
    return rc;
}

static uint64_t number_of(yyjson_val *o, const char *name)
{
    uint64_t n = 0;
    rh_text_u64(rh_json_text(yyjson_obj_get(o, name)), INT64_MAX, &n);
    return n;
}

static enum rh_rc read_job(struct loading *l)
{
    const struct rh_job_info *info = rh_job_info(l->job);
    yyjson_doc *doc;
    yyjson_val *input;
    size_t i, max;
    if (rh_json_parse(l->arena, l->issues, info->parameters, &doc))
        return RH_CORRUPT;
    yyjson_val *inputs = yyjson_obj_get(yyjson_doc_get_root(doc), "inputs");
    size_t n = yyjson_arr_size(inputs) + 1;
    l->paths = rh_arena_zero(l->arena, n * sizeof *l->paths);
    l->urls = rh_arena_zero(l->arena, n * sizeof *l->urls);
    l->fetched_from = rh_arena_zero(l->arena, n * sizeof *l->fetched_from);
    if (!l->paths || !l->urls || !l->fetched_from)
        return RH_NOMEM;
    yyjson_arr_foreach (inputs, i, max, input)
        l->urls[l->n++] = rh_json_get(input, "url");
    if (!info->position.len)
        return RH_OK;
    if (rh_json_parse(l->arena, l->issues, info->position, &doc))
        return RH_CORRUPT;
    yyjson_val *p = yyjson_doc_get_root(doc);
    l->fetched = (unsigned)number_of(p, "fetched");
    l->errors = number_of(p, "errors");
    l->before = number_of(p, "refused");
    yyjson_val *loaded = yyjson_obj_get(p, "loaded");
    l->loaded = loaded != NULL;
    l->counts.created = number_of(loaded, "created");
    l->counts.updated = number_of(loaded, "updated");
    l->counts.unchanged = number_of(loaded, "unchanged");
    return RH_OK;
}

/* --- the files ---------------------------------------------------------------------------------
 */

static bool fetch_progress(void *user, uint64_t bytes)
{
    struct loading *l = user;
    uint64_t left = 0;
    if (bytes < l->looked || bytes - l->looked >= LOOK_BYTES || !bytes) {
        l->looked = bytes;
        l->full = !rh_disk_free(rh_job_folder(l->job), &left) &&
                  left >> 20 < (uint64_t)RH_BULK_IMPORT_SPARE_MIB;
    }
    return !l->full && rh_job_progress(l->job, "fetching bytes", bytes, 0);
}

/* The file of ours that a remote one becomes. */
static char *fetched_path(const struct loading *l, unsigned i)
{
    return rh_arena_printf(l->arena, "%s/%06u.ndjson", rh_job_folder(l->job), i);
}

static enum rh_rc fetch(struct loading *l, const char *url, const char *path)
{
    const struct rh_bulk_import_host *h = l->host;
    enum rh_rc rc = rh_fetch(l->issues, h->hosts, h->n_hosts, url, path, fetch_progress, l);
    if (rc == RH_INTERRUPTED && l->full)
        return rh_issue_add(l->issues, RH_FULL, NULL,
                            "less than %d MB are left on the disk, and they are for the record: "
                            "make room, or import less at a time",
                            RH_BULK_IMPORT_SPARE_MIB);
    return rc ? rc : rh_dir_sync(rh_job_folder(l->job));
}

static enum rh_rc find_file(struct loading *l, unsigned i)
{
    char real[PATH_MAX];
    if (!is_remote(l->urls[i]))
        return local_path(l->host, l->arena, l->issues, l->urls[i], &l->paths[i]);
    struct rh_text url = rh_text_copy(l->arena, l->urls[i]);
    char *path = fetched_path(l, i);
    l->fetched_from[i] = true;
    if (!url.data || !path)
        return RH_NOMEM;
    bool there = i < l->fetched && access(path, R_OK) == 0; /* before the crash */
    enum rh_rc rc = there ? RH_OK : fetch(l, url.data, path);
    if (!rc && realpath(path, real)) /* as the load names it */
        path = rh_arena_copy(l->arena, real, strlen(real) + 1);
    l->paths[i] = path;
    return rc ? rc : path ? RH_OK : RH_NOMEM;
}

static enum rh_rc find_files(struct loading *l)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < l->n && !rc; i++) {
        rc = find_file(l, i);
        if (!rc && i >= l->fetched && l->fetched_from[i]) {
            l->fetched = i + 1;
            rc = keep(l);
        }
    }
    return rc;
}

/* The address of the input that is loaded from this file. */
static struct rh_text url_of(const struct loading *l, const char *file)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->paths[i] && strcmp(l->paths[i], file) == 0)
            return l->urls[i];
    return rh_text(file);
}

/* --- what the load tells -----------------------------------------------------------------------
 */

static bool on_progress(void *user, uint64_t done, uint64_t total, uint64_t resources)
{
    struct loading *l = user;
    (void)resources;
    return rh_job_progress(l->job, "loading bytes", done, total);
}

/* An outcome with the place in the input before each text. */
static void on_refused(void *user, const char *file, uint64_t line, const struct rh_issues *is,
                       enum rh_rc rc)
{
    struct loading *l = user;
    struct rh_arena *a = rh_arena_open(SAY_BYTES);
    struct rh_issues out;
    struct rh_buf b = rh_buf(a);
    l->before++;
    if (l->errors++ >= RH_BULK_IMPORT_ERRORS_MAX) {
        rh_arena_close(a);
        return;
    }
    rh_issues_init(&out, a);
    for (unsigned i = 0; i < is->count; i++) {
        struct rh_issue row = is->rows[i];
        row.text =
            rh_arena_printf(a, "%.*s, line %llu: %s", RH_TEXT_ARG(url_of(l, file)),
                            (unsigned long long)line, row.text ? row.text : rh_rc_text(row.rc));
        rh_issue_at(&out, row);
    }
    if (!is->count)
        rh_issue_add(&out, rc, NULL, "%.*s, line %llu: %s", RH_TEXT_ARG(url_of(l, file)),
                     (unsigned long long)line, rh_rc_text(rc));
    rh_issues_outcome(&out, rc, &b);
    rh_buf_char(&b, '\n');
    if (!b.rc && !l->errors_rc)
        l->errors_rc = rh_write_all(l->errors_fd, b.data, b.len);
    if (rh_clock_mono_ns() - l->kept_ns > RH_BULK_IMPORT_KEEP_MS * INT64_C(1000000))
        keep(l);
    rh_arena_close(a);
}

static enum rh_rc on_loaded(void *user, const struct rh_bulk_counts *c)
{
    struct loading *l = user;
    if (l->errors_rc)
        return rh_issue_add(l->issues, l->errors_rc, NULL,
                            "what was refused cannot be written down: %s; all else is in the "
                            "record",
                            rh_rc_text(l->errors_rc));
    if (fsync(l->errors_fd) || rh_dir_sync(rh_job_folder(l->job)))
        return rh_errno_issue(l->issues, errno, "sync", rh_job_folder(l->job));
    l->loaded = true;
    l->counts = *c;
    return keep(l);
}

/* --- the job -----------------------------------------------------------------------------------
 */

static enum rh_rc open_errors(struct loading *l)
{
    char *path = rh_path_join(l->arena, rh_job_folder(l->job), rh_bulk_import_errors);
    if (!path)
        return RH_NOMEM;
    l->errors_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return l->errors_fd < 0 ? rh_errno_issue(l->issues, errno, "create", path) : RH_OK;
}

static enum rh_rc load(struct loading *l)
{
    const struct rh_import_events events = {l, on_progress, on_refused, NULL, on_loaded};
    struct rh_import_result r;
    struct rh_caller caller = rh_job_caller(l->job);
    char name[RH_JOB_ID_SIZE + 8];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(name, sizeof name, "job-%s", rh_job_info(l->job)->id);
    const struct rh_import_job job = {name, RH_VALIDATE_DEFAULT,
                                      cores > 2 ? (unsigned)cores / 2 : 1};
    return rh_import_as(rh_job_record(l->job), &caller, l->issues, &job, l->paths, l->n, &events,
                        &r);
}

static enum rh_rc finish(struct loading *l)
{
    struct rh_buf b = rh_buf(l->arena);
    for (unsigned i = 0; i < l->n; i++) {
        const char *path = is_remote(l->urls[i]) ? fetched_path(l, i) : NULL;
        if (path)
            unlink(path);
    }
    uint64_t lines = l->errors < RH_BULK_IMPORT_ERRORS_MAX ? l->errors : RH_BULK_IMPORT_ERRORS_MAX;
    rh_buf_printf(&b,
                  "{\"time\":%lld,\"created\":%llu,\"updated\":%llu,\"unchanged\":%llu,"
                  "\"refused\":%llu,\"errors\":%llu}",
                  (long long)rh_clock_now_us(), (unsigned long long)l->counts.created,
                  (unsigned long long)l->counts.updated, (unsigned long long)l->counts.unchanged,
                  (unsigned long long)l->before, (unsigned long long)lines);
    rh_job_result(l->job, rh_buf_get(&b));
    return b.rc;
}

enum rh_rc rh_bulk_import_run(struct rh_job *j, void *user)
{
    struct loading l = {.job = j,
                        .host = user,
                        .arena = rh_job_arena(j),
                        .issues = rh_job_issues(j),
                        .errors_fd = -1};
    enum rh_rc rc = read_job(&l);
    if (!rc)
        rc = open_errors(&l);
    if (!rc && !l.loaded)
        rc = find_files(&l);
    if (!rc && !l.loaded)
        rc = load(&l);
    if (!rc)
        rc = finish(&l);
    if (l.errors_fd >= 0)
        close(l.errors_fd);
    return rc;
}
