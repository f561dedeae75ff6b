/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/import.h"

#include "base/alloc.h"
#include "system/compress.h"
#include "system/file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PIECE = 256 << 10, PATHS_BYTES = 512 << 20 };

struct file {
    const char *path;
    uint64_t size;
    int64_t mtime_ns;
};

struct import {
    struct rh_bulk *bulk;
    struct rh_issues *issues;
    struct rh_arena *arena; /* of paths */
    const struct rh_import_events *events;
    pthread_mutex_t saying; /* of refusals, by the workers of the load and by us */
    struct rh_import_result result;
    struct file *files;
    size_t n, cap;
    uint64_t total, before; /* bytes of all files, of those that are done */
};

/* --- which files -------------------------------------------------------------------------------
 */

static bool ends(const char *path, const char *suffix)
{
    struct rh_text t = rh_text(path);
    if (rh_text_ends(t, ".gz"))
        t.len -= 3;
    return rh_text_ends(t, suffix);
}

static bool is_lines(const char *path)
{
    return ends(path, ".ndjson") || ends(path, ".jsonl");
}

static enum rh_rc add_file(struct import *im, const char *path, const struct stat *st)
{
    if (im->n == RH_IMPORT_FILES_MAX)
        return rh_issue_add(im->issues, RH_TOOLARGE, NULL,
                            "more than %d files: import them in several runs", RH_IMPORT_FILES_MAX);
    if (im->n == im->cap) {
        struct file *grown =
            rh_arena_grow(im->arena, im->files, &im->cap, im->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        im->files = grown;
    }
    im->files[im->n++] =
        (struct file){path, (uint64_t)st->st_size,
                      st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec};
    im->total += (uint64_t)st->st_size;
    return RH_OK;
}

static enum rh_rc find_files(struct import *im, const char *path, unsigned depth)
{
    struct stat st;
    char **names;
    size_t n = 0;
    if (stat(path, &st) != 0)
        return rh_errno_issue(im->issues, errno, "read", path);
    if (!S_ISDIR(st.st_mode))
        return add_file(im, path, &st);
    if (depth == 0)
        return rh_issue_add(im->issues, RH_TOOLARGE, NULL, "%s is more than %d folders deep", path,
                            RH_IMPORT_FOLDERS_DEEP);
    enum rh_rc rc = rh_dir_list(im->arena, im->issues, path, &names, &n);
    for (size_t i = 0; i < n && rc == RH_OK; i++) {
        char *inner = rh_path_join(im->arena, path, names[i]);
        if (!inner)
            return RH_NOMEM;
        bool folder = stat(inner, &st) == 0 && S_ISDIR(st.st_mode);
        if (folder || is_lines(inner) ||
            (ends(inner, ".json") && strcmp(names[i], "manifest.json") != 0))
            rc = find_files(im, inner, depth - 1);
        else
            im->result.skipped_files++;
    }
    return rc;
}

/* --- reading them ------------------------------------------------------------------------------
 */

static enum rh_rc progress(struct import *im, const struct rh_reader *r)
{
    struct rh_bulk_counts c;
    if (!im->events || !im->events->progress)
        return RH_OK;
    rh_bulk_counts(im->bulk, &c);
    bool go_on = im->events->progress(im->events->user, im->before + (r ? rh_reader_at(r) : 0),
                                      im->total, c.created + c.updated + c.unchanged + c.refused);
    return go_on ? RH_OK : RH_INTERRUPTED;
}

static void say_refused(struct import *im, const char *path, uint64_t line,
                        const struct rh_issues *is, enum rh_rc rc)
{
    if (!im->events || !im->events->refused)
        return;
    pthread_mutex_lock(&im->saying);
    im->events->refused(im->events->user, path, line, is, rc);
    pthread_mutex_unlock(&im->saying);
}

static void refuse_file(struct import *im, const char *path, uint64_t line, enum rh_rc rc,
                        const char *text)
{
    struct rh_issues is;
    struct rh_arena *a = rh_arena_open(64 << 10);
    rh_issues_init(&is, a);
    rh_issue_add(&is, rc, NULL, "%s", text);
    im->result.counts.refused++;
    say_refused(im, path, line, &is, rc);
    rh_arena_close(a);
}

/* A growing piece of a file: bytes from `start` on, `len` of them. */
struct piece {
    char *data;
    size_t len, cap;
};

static enum rh_rc read_more(struct rh_reader *r, struct piece *p, size_t max, bool *end)
{
    size_t got = 0;
    if (p->len + PIECE > p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 2 * (size_t)PIECE;
        if (p->len >= max)
            return RH_TOOLARGE;
        char *grown = rh_try_realloc(p->data, cap);
        if (!grown)
            return RH_NOMEM;
        p->data = grown;
        p->cap = cap;
    }
    enum rh_rc rc = rh_reader_read(r, p->data + p->len, PIECE, &got);
    p->len += got;
    *end = rc == RH_OK && got == 0;
    return rc;
}

/* The source's name in the resume marks: another size or time is another file. */
static struct rh_text source_of(struct import *im, const struct file *f)
{
    char real[PATH_MAX];
    bool found = realpath(f->path, real) != NULL;
    char *name = rh_arena_printf(im->arena, "%s|%llu|%lld", found ? real : f->path,
                                 (unsigned long long)f->size, (long long)f->mtime_ns);
    return rh_text(name ? name : f->path);
}

struct reading {
    struct import *im;
    const struct file *file;
    struct rh_text source;
    uint64_t resume, offset, line; /* offset: of piece.data[0] in the unpacked file */
};

static bool is_blank(struct rh_text t)
{
    return rh_text_trim(t).len == 0;
}

/* Hands over the whole lines of the piece and keeps the rest; at the end of the file the rest is a
 * line too. */
static enum rh_rc take_lines(struct reading *r, struct piece *p, bool end)
{
    size_t from = 0;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && from < p->len) {
        char *newline = memchr(p->data + from, '\n', p->len - from);
        if (!newline && !end)
            break;
        size_t to = newline ? (size_t)(newline - p->data) : p->len,
               next = newline ? to + 1 : p->len;
        struct rh_text line = {p->data + from, to - from};
        r->line++;
        if (r->offset + next > r->resume && !is_blank(line))
            rc = rh_bulk_add(r->im->bulk, r->source, r->line, r->offset + next, line);
        from = next;
    }
    memmove(p->data, p->data + from, p->len - from);
    p->len -= from;
    r->offset += from;
    return rc;
}

static enum rh_rc read_lines(struct reading *r, struct rh_reader *in)
{
    struct piece p = {0};
    bool end = false;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && !end) {
        rc = read_more(in, &p, RH_IMPORT_LINE_MAX, &end);
        if (rc == RH_OK)
            rc = take_lines(r, &p, end);
        if (rc == RH_OK)
            rc = progress(r->im, in);
    }
    rh_free(p.data);
    return rc;
}

static enum rh_rc read_document(struct reading *r, struct rh_reader *in)
{
    struct piece p = {0};
    bool end = false;
    enum rh_rc rc = RH_OK;
    if (r->resume > 0)
        return RH_OK;
    while (rc == RH_OK && !end)
        rc = read_more(in, &p, RH_IMPORT_FILE_MAX, &end);
    if (rc == RH_OK)
        rc = rh_bulk_add(r->im->bulk, r->source, 1, p.len ? p.len : 1,
                         (struct rh_text){p.data ? p.data : "", p.len});
    rh_free(p.data);
    return rc ? rc : progress(r->im, in);
}

static enum rh_rc read_file(struct import *im, const struct file *f)
{
    struct reading r = {.im = im, .file = f};
    struct rh_reader *in;
    r.source = source_of(im, f);
    enum rh_rc rc = rh_bulk_resume(im->bulk, r.source, &r.resume);
    if (rc)
        return rc;
    if (r.resume && im->events && im->events->resumed)
        im->events->resumed(im->events->user, f->path, r.resume);
    rc = rh_reader_open(im->issues, f->path, &in);
    if (rc)
        return rc;
    rc = is_lines(f->path) ? read_lines(&r, in) : read_document(&r, in);
    rh_reader_close(in);
    im->before += f->size;
    im->result.files++;
    if (rc == RH_SYNTAX)
        refuse_file(im, f->path, r.line, rc,
                    "the gzip data are damaged or cut off; what came before was loaded");
    else if (rc == RH_TOOLARGE)
        refuse_file(im, f->path, r.line + 1, rc,
                    is_lines(f->path)
                        ? "the line is longer than 16 MiB"
                        : "the file is larger than 64 MiB; send it as NDJSON, one resource a line");
    else
        return rc;
    return RH_OK;
}

/* --- the load ----------------------------------------------------------------------------------
 */

static void on_refusal(void *user, struct rh_text source, uint64_t line, const struct rh_issues *is,
                       enum rh_rc rc)
{
    struct import *im = user;
    char path[4096];
    const char *bar = source.data ? memchr(source.data, '|', source.len) : NULL;
    size_t len = bar ? (size_t)(bar - source.data) : source.len;
    len = len < sizeof path - 1 ? len : sizeof path - 1;
    memcpy(path, source.data, len);
    path[len] = '\0';
    say_refused(im, path, line, is, rc);
}

static enum rh_rc wait_for_rest(struct import *im)
{
    enum rh_rc rc = rh_bulk_flush(im->bulk);
    return rc ? rc : progress(im, NULL);
}

enum rh_rc rh_import(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     enum rh_validate_mode validate, const char *const *paths, unsigned n,
                     const struct rh_import_events *events, struct rh_import_result *ret)
{
    const struct rh_import_job job = {"files", validate, 0};
    return rh_import_as(r, caller, is, &job, paths, n, events, ret);
}

enum rh_rc rh_import_as(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                        const struct rh_import_job *job, const char *const *paths, unsigned n,
                        const struct rh_import_events *events, struct rh_import_result *ret)
{
    struct import im = {.issues = is,
                        .events = events,
                        .saying = PTHREAD_MUTEX_INITIALIZER,
                        .arena = rh_arena_open(PATHS_BYTES)};
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_IMPORT, 0, is, &grant);
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = find_files(&im, paths[i], RH_IMPORT_FOLDERS_DEEP);
    if (rc == RH_OK && im.n == 0)
        rc = rh_issue_add(is, RH_NOTFOUND, NULL,
                          "there is no .json, .ndjson or .jsonl file (also .gz) in what was given");
    if (rc == RH_OK)
        rc = rh_bulk_open(r, caller, rh_text(job->name), job->workers, &im.bulk);
    if (rc == RH_OK) {
        rh_bulk_validate(im.bulk, job->validate);
        rh_bulk_on_refusal(im.bulk, on_refusal, &im);
        for (size_t i = 0; i < im.n && rc == RH_OK; i++)
            rc = read_file(&im, &im.files[i]);
        if (rc == RH_OK)
            rc = wait_for_rest(&im);
        struct rh_bulk_counts c;
        enum rh_rc flushed = rh_bulk_flush(im.bulk);
        rh_bulk_counts(im.bulk, &c);
        c.refused += im.result.counts.refused;
        im.result.counts = c;
        if (rc == RH_OK && !flushed && events && events->loaded)
            rc = events->loaded(events->user, &c);
        enum rh_rc closed = rh_bulk_close(im.bulk, rc == RH_OK);
        rc = rc ? rc : flushed ? flushed : closed;
    }
    im.result.bytes = im.before;
    rh_arena_close(im.arena);
    *ret = im.result;
    if (rc && is->errors == 0)
        rh_issue_add(is, rc, NULL,
                     "the import stopped: %s; start it again to go on where it stopped",
                     rh_rc_text(rc));
    return rc;
}
