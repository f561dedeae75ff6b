/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/ndjson.h"

#include "base/alloc.h"
#include "system/compress.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { GZIP_LEVEL = 6, NAMES_BYTES = 16 << 20, PACKED_BYTES = 512 << 20 };

struct rh_ndjson {
    char *folder;
    uint64_t split;
    bool gzip;
    struct rh_ndjson_file *files;
    unsigned n, cap;
    struct current { /* the last file of each type */
        int fd;      /* -1: none */
        unsigned index;
        bool dirty;
    } current[RH_RESOURCE_TYPES + 1];
    bool new_names;
    struct rh_arena *packed;
};

void rh_ndjson_name(const struct rh_ndjson_file *f, bool gzip, char ret[RH_NDJSON_NAME_SIZE])
{
    const char *type = f->type ? rh_resource_type(f->type)->name : "deleted";
    if (f->number)
        snprintf(ret, RH_NDJSON_NAME_SIZE, "%s.%u.ndjson%s", type, f->number, gzip ? ".gz" : "");
    else
        snprintf(ret, RH_NDJSON_NAME_SIZE, "%s.ndjson%s", type, gzip ? ".gz" : "");
}

/* "folder/name" on the heap. */
static char *path_of(const struct rh_ndjson *n, const struct rh_ndjson_file *f)
{
    char name[RH_NDJSON_NAME_SIZE];
    rh_ndjson_name(f, n->gzip, name);
    size_t size = strlen(n->folder) + strlen(name) + 2;
    char *path = rh_alloc(size);
    snprintf(path, size, "%s/%s", n->folder, name);
    return path;
}

static enum rh_rc open_file(struct rh_ndjson *n, struct rh_issues *is, unsigned index, bool is_new)
{
    const struct rh_ndjson_file *f = &n->files[index];
    struct current *c = &n->current[f->type];
    char *path = path_of(n, f);
    enum rh_rc rc = RH_OK;
    int fd = open(path, O_WRONLY | O_CLOEXEC | (is_new ? O_CREAT | O_EXCL : 0), 0600);
    if (fd < 0)
        rc = rh_errno_issue(is, errno, is_new ? "create" : "open", path);
    off_t size = fd < 0 || is_new ? 0 : lseek(fd, 0, SEEK_END);
    if (!rc && !is_new && (size < 0 || (uint64_t)size < f->bytes))
        rc = rh_issue_add(is, RH_CORRUPT, NULL, "%s is shorter than it was", path);
    if (!rc && !is_new && (ftruncate(fd, (off_t)f->bytes) || lseek(fd, 0, SEEK_END) < 0))
        rc = rh_errno_issue(is, errno, "cut", path);
    if (rc && fd >= 0)
        close(fd);
    if (!rc && c->fd >= 0)
        close(c->fd);
    if (!rc)
        *c = (struct current){fd, index, true};
    rh_free(path);
    return rc;
}

static bool is_known(const struct rh_ndjson *n, const char *name)
{
    char known[RH_NDJSON_NAME_SIZE];
    for (unsigned i = 0; i < n->n; i++) {
        rh_ndjson_name(&n->files[i], n->gzip, known);
        if (strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* What was begun behind the last sync. */
static enum rh_rc remove_others(struct rh_ndjson *n, struct rh_issues *is)
{
    struct rh_arena *a = rh_arena_open(NAMES_BYTES);
    char **names;
    size_t count = 0;
    enum rh_rc rc = rh_dir_list(a, is, n->folder, &names, &count);
    for (size_t i = 0; i < count && !rc; i++) {
        char *path = strstr(names[i], ".ndjson") && !is_known(n, names[i])
                         ? rh_path_join(a, n->folder, names[i])
                         : NULL;
        if (path && unlink(path) && errno != ENOENT)
            rc = rh_errno_issue(is, errno, "remove", path);
    }
    rh_arena_close(a);
    return rc;
}

static struct rh_ndjson_file *add_file(struct rh_ndjson *n)
{
    if (n->n == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 256;
        n->files = rh_realloc(n->files, n->cap * sizeof *n->files);
    }
    return &n->files[n->n++];
}

enum rh_rc rh_ndjson_open(struct rh_issues *is, const struct rh_ndjson_options *o,
                          struct rh_ndjson **ret)
{
    struct rh_ndjson *n = rh_alloc(sizeof *n);
    *n = (struct rh_ndjson){.folder = rh_strdup(o->folder), .split = o->split, .gzip = o->gzip};
    n->packed = rh_arena_open(PACKED_BYTES);
    for (unsigned t = 0; t <= RH_RESOURCE_TYPES; t++)
        n->current[t].fd = -1;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < o->n_files && !rc; i++) {
        *add_file(n) = o->files[i];
        rc = open_file(n, is, i, false);
    }
    if (!rc && o->files)
        rc = remove_others(n, is);
    if (rc) {
        rh_ndjson_close(n);
        return rc;
    }
    *ret = n;
    return RH_OK;
}

void rh_ndjson_close(struct rh_ndjson *n)
{
    if (!n)
        return;
    for (unsigned t = 0; t <= RH_RESOURCE_TYPES; t++)
        if (n->current[t].fd >= 0)
            close(n->current[t].fd);
    rh_arena_close(n->packed);
    rh_free(n->files);
    rh_free(n->folder);
    rh_free(n);
}

static enum rh_rc sync_one(struct rh_ndjson *n, struct rh_issues *is, struct current *c)
{
    if (c->fd < 0 || !c->dirty)
        return RH_OK;
    if (fsync(c->fd) != 0) {
        char *path = path_of(n, &n->files[c->index]);
        enum rh_rc rc = rh_errno_issue(is, errno, "sync", path);
        rh_free(path);
        return rc;
    }
    c->dirty = false;
    return RH_OK;
}

/* The file that the next lines of this type go to. */
static enum rh_rc file_for(struct rh_ndjson *n, struct rh_issues *is, unsigned type)
{
    struct current *c = &n->current[type];
    unsigned number = n->split ? 1 : 0;
    if (c->fd >= 0) {
        if (!n->split || n->files[c->index].count < n->split)
            return RH_OK;
        number = n->files[c->index].number + 1;
        enum rh_rc rc = sync_one(n, is, c);
        if (rc)
            return rc;
    }
    if (n->n == RH_NDJSON_FILES_MAX)
        return rh_issue_add(is, RH_TOOLARGE, NULL, "The export has more than %d files.",
                            RH_NDJSON_FILES_MAX);
    *add_file(n) = (struct rh_ndjson_file){.type = (uint16_t)type, .number = number};
    n->new_names = true;
    enum rh_rc rc = open_file(n, is, n->n - 1, true);
    n->n -= rc != RH_OK;
    return rc;
}

static enum rh_rc append(struct rh_ndjson *n, struct rh_issues *is, unsigned type,
                         struct rh_text text, uint64_t lines)
{
    struct current *c = &n->current[type];
    struct rh_ndjson_file *f = &n->files[c->index];
    struct rh_text out = text;
    enum rh_rc rc = RH_OK;
    if (n->gzip) { /* members one after the other are one gzip file */
        rh_arena_reset(n->packed);
        struct rh_buf packed = rh_buf(n->packed);
        rc = rh_gzip_pack(text, GZIP_LEVEL, &packed);
        out = rh_buf_get(&packed);
    }
    if (!rc)
        rc = rh_write_all(c->fd, out.data, out.len);
    if (rc) {
        char *path = path_of(n, f);
        rh_issue_add(is, rc, NULL, "cannot write %s: %s", path, rh_rc_text(rc));
        rh_free(path);
        return rc;
    }
    c->dirty = true;
    f->count += lines;
    f->bytes += out.len;
    return RH_OK;
}

/* The length of the first `lines` lines. */
static size_t length_of(struct rh_text text, uint64_t lines)
{
    const char *at = text.data, *end = text.data + text.len;
    for (; lines && at < end; lines--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    return (size_t)(at - text.data);
}

enum rh_rc rh_ndjson_add(struct rh_ndjson *n, struct rh_issues *is, unsigned type,
                         struct rh_text text, uint64_t lines)
{
    while (lines) {
        enum rh_rc rc = file_for(n, is, type);
        if (rc)
            return rc;
        uint64_t room = n->split ? n->split - n->files[n->current[type].index].count : lines,
                 now = lines < room ? lines : room;
        size_t len = now == lines ? text.len : length_of(text, now);
        rc = append(n, is, type, (struct rh_text){text.data, len}, now);
        if (rc)
            return rc;
        text = (struct rh_text){text.data + len, text.len - len};
        lines -= now;
    }
    return RH_OK;
}

enum rh_rc rh_ndjson_sync(struct rh_ndjson *n, struct rh_issues *is)
{
    enum rh_rc rc = RH_OK;
    for (unsigned t = 0; t <= RH_RESOURCE_TYPES && !rc; t++)
        rc = sync_one(n, is, &n->current[t]);
    if (!rc && n->new_names) {
        rc = rh_dir_sync(n->folder);
        n->new_names = rc != RH_OK;
        if (rc)
            rh_issue_add(is, rc, NULL, "cannot sync %s: %s", n->folder, rh_rc_text(rc));
    }
    return rc;
}

const struct rh_ndjson_file *rh_ndjson_files(const struct rh_ndjson *n, unsigned *ret_n)
{
    *ret_n = n->n;
    return n->files;
}
