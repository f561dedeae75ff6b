/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup.c - copies of a data directory, made while work goes on, and directories made from them.
 *
 * The database is copied by the writer between its commits, a few pages at a time; what is
 * committed meanwhile is in the copy too. Files of large objects never change once written, so they
 * are copied after it. The manifest says where every origin's log ended.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/record_int.h"
#include "system/file.h"

#include <unistd.h>

enum { PAGES_A_STEP = 256, MANIFEST_MAX = 1 << 20 };

#define DATABASE "rihla.db"
#define MANIFEST "rihla-backup.json"
#define BLOBS    "blobs"

/* --- the database --------------------------------------------------------------------------------
 */

struct copying {
    const char *file;
    void *backup;
    bool done;
    unsigned remaining, total;
};

static enum rh_rc step(struct rh_session *w, void *user)
{
    struct copying *c = user;
    if (!c->backup) {
        enum rh_rc rc = rh_store_backup_open(w->conn, c->file, &c->backup);
        if (rc)
            return rc;
    }
    enum rh_rc rc =
        rh_store_backup_step(w->conn, c->backup, PAGES_A_STEP, &c->done, &c->remaining, &c->total);
    return rc;
}

static enum rh_rc close_copy(struct rh_session *w, void *user)
{
    struct copying *c = user;
    if (c->backup)
        rh_store_backup_close(w->conn, c->backup);
    return RH_OK;
}

static enum rh_rc copy_database(struct rh_record *r, struct rh_issues *is, const char *file,
                                rh_progress *progress, void *user)
{
    struct copying c = {.file = file};
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && !c.done) {
        rc = rh_writer_task(r->writer, (struct rh_task){step, &c});
        if (rc == RH_OK && progress && !progress(user, "backup", c.total - c.remaining, c.total))
            rc = RH_INTERRUPTED;
    }
    enum rh_rc closed = rh_writer_task(r->writer, (struct rh_task){close_copy, &c});
    if (rc == RH_OK)
        rc = closed;
    return rc ? rh_issue_add(is, rc, NULL, "the database could not be copied to %s: %s", file,
                             rh_rc_text(rc))
              : RH_OK;
}

/* --- files of large objects ----------------------------------------------------------------------
 */

static enum rh_rc copy_tree(struct rh_arena *a, struct rh_issues *is, const char *from,
                            const char *to, unsigned depth)
{
    char **names;
    size_t n;
    if (access(from, F_OK) != 0)
        return RH_OK;
    enum rh_rc rc = rh_dir_make(is, to, 0700);
    if (rc == RH_OK)
        rc = rh_dir_list(a, is, from, &names, &n);
    for (size_t i = 0; rc == RH_OK && i < n; i++) {
        char *x = rh_path_join(a, from, names[i]), *y = rh_path_join(a, to, names[i]);
        if (!x || !y)
            return RH_NOMEM;
        if (depth > 0)
            rc = copy_tree(a, is, x, y, depth - 1);
        else if (names[i][0] != '.') /* a file that is being written begins with a dot */
            rc = rh_file_copy(is, x, y, 0600);
    }
    return rc;
}

/* --- the manifest --------------------------------------------------------------------------------
 */

/* "origin seq hash" of each origin, one a line. */
enum rh_rc rh_origins_text(struct rh_conn *c, struct rh_arena *a, struct rh_text *ret)
{
    uint64_t *origins;
    unsigned n;
    struct rh_buf b = rh_buf(a);
    enum rh_rc rc = rh_store_origins(c, a, &origins, &n);
    for (unsigned i = 0; rc == RH_OK && i < n; i++) {
        struct rh_entry e;
        struct rh_hash h;
        char hex[2 * RH_HASH_SIZE + 1];
        rc = rh_store_log_tip(c, origins[i], a, &e);
        if (rc == RH_OK)
            rc = rh_entry_hash(&e, a, &h);
        if (rc)
            break;
        rh_hash_hex(&h, hex);
        rh_buf_printf(&b, "%llx %llu %s\n", (unsigned long long)e.origin, (unsigned long long)e.seq,
                      hex);
    }
    *ret = rh_buf_get(&b);
    return rc ? rc : b.rc;
}

static enum rh_rc origins_of_copy(const char *dir, struct rh_issues *is, struct rh_arena *a,
                                  struct rh_text *ret)
{
    struct rh_store *store = NULL;
    struct rh_conn *c = NULL;
    struct rh_store_options o = {.dir = dir, .read_only = true};
    enum rh_rc rc = rh_store_open(&rh_store_sqlite, &o, is, &store);
    if (rc)
        return rc;
    rc = rh_store_connect(store, RH_CONN_READ, &c);
    if (rc == RH_OK)
        rc = rh_origins_text(c, a, ret);
    rh_store_disconnect(c);
    rh_store_close(store);
    return rc ? rh_issue_add(is, rc, NULL, "the copy in %s cannot be read: %s", dir, rh_rc_text(rc))
              : RH_OK;
}

static enum rh_rc write_manifest(const char *dir, struct rh_issues *is, struct rh_arena *a,
                                 struct rh_text origins)
{
    struct rh_buf b = rh_buf(a);
    char *path = rh_path_join(a, dir, MANIFEST);
    rh_buf_str(&b, "{\"format\":1,\"program\":\"" RH_VERSION "\",\"origins\":");
    rh_buf_json(&b, origins);
    rh_buf_str(&b, "}\n");
    return path && !b.rc ? rh_file_write(is, path, rh_buf_get(&b), 0600) : RH_NOMEM;
}

static enum rh_rc must_be_empty(struct rh_arena *a, struct rh_issues *is, const char *dir)
{
    char **names;
    size_t n = 0;
    if (access(dir, F_OK) != 0)
        return RH_OK;
    enum rh_rc rc = rh_dir_list(a, is, dir, &names, &n);
    if (rc == RH_OK && n > 0)
        rc = rh_issue_add(is, RH_CONFLICT, NULL,
                          "%s is not empty: choose a folder that does not exist yet", dir);
    return rc;
}

enum rh_rc rh_record_backup(struct rh_record *r, struct rh_issues *is, const char *to,
                            rh_progress *progress, void *user)
{
    struct rh_arena *a = rh_arena_open(RH_SCRATCH_BYTES);
    struct rh_text origins = {NULL, 0};
    char *file = rh_path_join(a, to, DATABASE), *blobs = rh_path_join(a, to, BLOBS),
         *own = rh_path_join(a, r->dir, BLOBS);
    enum rh_rc rc = file && blobs && own ? must_be_empty(a, is, to) : RH_NOMEM;
    if (rc == RH_OK)
        rc = rh_dir_make(is, to, 0700);
    if (rc == RH_OK)
        rc = copy_database(r, is, file, progress, user);
    if (rc == RH_OK)
        rc = copy_tree(a, is, own, blobs, 2);
    if (rc == RH_OK)
        rc = origins_of_copy(to, is, a, &origins);
    if (rc == RH_OK)
        rc = write_manifest(to, is, a, origins);
    if (rc == RH_OK)
        rc = rh_dir_sync(to);
    rh_arena_close(a);
    return rc;
}

/* --- back again ----------------------------------------------------------------------------------
 */

static enum rh_rc check_manifest(struct rh_arena *a, struct rh_issues *is, const char *from,
                                 struct rh_text origins)
{
    struct rh_text text;
    yyjson_doc *doc;
    char *path = rh_path_join(a, from, MANIFEST);
    enum rh_rc rc = path ? rh_file_read(a, is, path, MANIFEST_MAX, &text) : RH_NOMEM;
    if (rc)
        return rh_issue_add(is, rc, NULL, "%s holds no finished backup: there is no %s", from,
                            MANIFEST);
    rc = rh_json_parse(a, is, text, &doc);
    if (rc == RH_OK && !rh_text_eq(rh_json_get(yyjson_doc_get_root(doc), "origins"), origins))
        rc = rh_issue_add(
            is, RH_CORRUPT, NULL,
            "the database in %s does not end where its %s says: it is damaged or was changed", from,
            MANIFEST);
    return rc;
}

/* A new origin: version ids written from now on never collide with what the original site wrote
 * after the backup. */
static enum rh_rc set_origin(const char *dir, struct rh_issues *is)
{
    struct rh_store *store = NULL;
    struct rh_conn *c = NULL;
    struct rh_store_options o = {.dir = dir};
    unsigned char bytes[8];
    enum rh_rc rc = rh_store_open(&rh_store_sqlite, &o, is, &store);
    if (rc)
        return rc;
    rh_put_u64(bytes, rh_new_origin());
    rc = rh_store_connect(store, RH_CONN_WRITE, &c);
    if (rc == RH_OK)
        rc = rh_store_begin(c);
    if (rc == RH_OK)
        rc = rh_store_meta_put(c, "origin", (struct rh_text){(const char *)bytes, sizeof bytes});
    if (rc == RH_OK)
        rc = rh_store_commit(c);
    if (rc)
        rh_store_failed(c, is, rc, "giving the new directory its own origin");
    rh_store_disconnect(c);
    rh_store_close(store);
    return rc;
}

enum rh_rc rh_record_restore(struct rh_issues *is, const char *from, const char *dir,
                             rh_progress *progress, void *user)
{
    struct rh_arena *a = rh_arena_open(RH_SCRATCH_BYTES);
    struct rh_text origins = {NULL, 0};
    char *x = rh_path_join(a, from, DATABASE), *y = rh_path_join(a, dir, DATABASE);
    char *blobs_from = rh_path_join(a, from, BLOBS), *blobs_to = rh_path_join(a, dir, BLOBS);
    enum rh_rc rc = x && y && blobs_from && blobs_to ? must_be_empty(a, is, dir) : RH_NOMEM;
    if (rc == RH_OK)
        rc = origins_of_copy(from, is, a, &origins);
    if (rc == RH_OK)
        rc = check_manifest(a, is, from, origins);
    if (rc == RH_OK && progress && !progress(user, "restore", 0, 3))
        rc = RH_INTERRUPTED;
    if (rc == RH_OK)
        rc = rh_dir_make(is, dir, 0700);
    if (rc == RH_OK)
        rc = copy_tree(a, is, blobs_from, blobs_to, 2);
    if (rc == RH_OK && progress)
        progress(user, "restore", 1, 3);
    if (rc == RH_OK)
        rc = rh_file_copy(is, x, y, 0600);
    if (rc == RH_OK && progress)
        progress(user, "restore", 2, 3);
    if (rc == RH_OK)
        rc = set_origin(dir, is);
    if (rc == RH_OK && progress)
        progress(user, "restore", 3, 3);
    rh_arena_close(a);
    return rc;
}
