/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * open.c - a SQLite data directory: lock, migrations, connections, transactions.
 *
 * WAL with synchronous=FULL: a commit returns after the sync. SQLite before 3.51.3 can damage a WAL
 * when two connections write or checkpoint at the same instant; here only the writer's connection
 * does either (wal_autocheckpoint 0, readers query-only).
 */
#include "base/alloc.h"
#include "store/sqlite/sqlite_int.h"
#include "system/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- errors ------------------------------------------------------------------------------------
 */

/* The system's reason for an I/O error. SQLite does not keep the one of a failed COMMIT; errno
 * still has it then. */
static int system_error(sqlite3 *db)
{
    int error = errno, kept = db ? sqlite3_system_errno(db) : 0;
    return kept ? kept : error;
}

enum rh_rc rh_sqlite_rc(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return RH_OK;
    case SQLITE_FULL:
        return RH_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return RH_READONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RH_CORRUPT;
    case SQLITE_NOMEM:
        return RH_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RH_BUSY;
    case SQLITE_CONSTRAINT:
        return RH_CONFLICT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        switch (system_error(db)) {
        case ENOSPC:
        case EDQUOT:
            return RH_FULL;
        case EROFS:
        case EACCES:
        case EPERM:
            return RH_READONLY;
        default:
            return RH_IO;
        }
    default:
        return RH_INTERNAL;
    }
}

enum rh_rc rh_sqlite_result(struct sqlite_conn *c, int code)
{
    enum rh_rc rc = rh_sqlite_rc(c->db, code);
    if (rc)
        snprintf(c->message, sizeof c->message, "%s (SQLite %d, errno %d)", sqlite3_errmsg(c->db),
                 code, system_error(c->db));
    return rc;
}

static const char *error(struct rh_conn *c)
{
    return of(c)->message;
}

/* --- statements --------------------------------------------------------------------------------
 */

sqlite3_stmt *rh_sqlite_use(struct sqlite_conn *c, enum rh_sql sql)
{
    sqlite3_stmt *s = c->statements[sql];
    sqlite3_reset(s);
    return s;
}

enum rh_rc rh_sqlite_run(struct sqlite_conn *c, sqlite3_stmt *s)
{
    if (c->in_transaction && sqlite3_get_autocommit(c->db))
        return RH_IO; /* undone after an error that the caller did not heed: this would be a
                         transaction of its own */
    errno = 0;
    int code = sqlite3_step(s);
    enum rh_rc rc = rh_sqlite_result(c, code);
    sqlite3_reset(s);
    return rc;
}

enum rh_rc rh_sqlite_do(struct sqlite_conn *c, enum rh_sql sql)
{
    return rh_sqlite_run(c, rh_sqlite_use(c, sql));
}

enum rh_rc rh_sqlite_row(struct sqlite_conn *c, sqlite3_stmt *s)
{
    errno = 0;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return RH_OK;
    return code == SQLITE_DONE ? RH_NOTFOUND : rh_sqlite_result(c, code);
}

struct rh_text rh_sqlite_blob(sqlite3_stmt *s, int column)
{
    const void *data = sqlite3_column_blob(s, column);
    return (struct rh_text){data, (size_t)sqlite3_column_bytes(s, column)};
}

enum rh_rc rh_sqlite_keep(sqlite3_stmt *s, int column, struct rh_arena *a, struct rh_text *ret)
{
    struct rh_text t = rh_sqlite_blob(s, column);
    *ret = (struct rh_text){NULL, 0};
    if (t.len == 0)
        return RH_OK;
    *ret = rh_text_copy(a, t);
    return ret->data ? RH_OK : RH_NOMEM;
}

void rh_sqlite_bind_blob(sqlite3_stmt *s, int at, struct rh_text t)
{
    if (t.len == 0)
        sqlite3_bind_zeroblob(s, at, 0);
    else
        sqlite3_bind_blob(s, at, t.data, (int)t.len, SQLITE_STATIC);
}

/* --- a connection ------------------------------------------------------------------------------
 */

static int exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int on_wal(void *user, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite_conn *)user)->wal_pages = pages;
    return SQLITE_OK;
}

/* A reader looks at pages where the system has them: its own cache is small and forgotten with each
 * commit, and a copy of a page costs more than a search in it (a seek 2.9 us, so 1.1). SQLite maps
 * at most 2 GB; what lies behind is copied as before. */
static const char read_pragmas[] =
    "PRAGMA query_only=ON; PRAGMA mmap_size=2147418112; PRAGMA cell_size_check=OFF;";

static int set_up(struct sqlite_conn *c, const struct sqlite_dir *d)
{
    char sql[400];
    unsigned cache = d->cache_kib               ? d->cache_kib
                     : c->kind == RH_CONN_WRITE ? RH_SQLITE_CACHE_WRITE_KIB
                                                : RH_SQLITE_CACHE_READ_KIB;
    snprintf(sql, sizeof sql,
             "PRAGMA busy_timeout=%d; PRAGMA cache_size=-%u; PRAGMA "
             "temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
             "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL;",
             RH_SQLITE_BUSY_MS, cache);
    int code = exec(c->db, sql);
    if (code == SQLITE_OK && c->kind == RH_CONN_READ)
        code = exec(c->db, read_pragmas);
    if (code == SQLITE_OK && c->kind == RH_CONN_READ) /* only the writer moves the log */
        code = sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code == SQLITE_OK && c->kind == RH_CONN_WRITE)
        code = exec(c->db, "PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON; PRAGMA "
                           "mmap_size=0;"); /* an erased body is overwritten, not only forgotten */
    if (code == SQLITE_OK && c->kind == RH_CONN_WRITE)
        sqlite3_wal_hook(c->db, on_wal, c);
    return code;
}

static int prepare_all(struct sqlite_conn *c)
{
    int taking = rh_sqlite_take_open(c);
    if (taking != SQLITE_OK)
        return taking;
    for (int i = 0; i < RH_SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(c->db, rh_sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &c->statements[i], NULL);
        if (code != SQLITE_OK) {
            rh_log(RH_LOG_ERROR, "store", "statement %s: %s", rh_sql_names[i],
                   sqlite3_errmsg(c->db));
            return code;
        }
    }
    return c->kind == RH_CONN_WRITE ? rh_sqlite_feed_open(c) : SQLITE_OK;
}

static void disconnect(struct rh_conn *conn)
{
    struct sqlite_conn *c = of(conn);
    for (int i = 0; i < RH_SQL_COUNT; i++)
        sqlite3_finalize(c->statements[i]);
    sqlite3_finalize(c->put_many);
    sqlite3_close(c->db);
    rh_free(c);
}

/* SQLite counts every allocation under a lock of the whole process unless it is told not to. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_database(const struct sqlite_dir *d, sqlite3 **ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (d->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int code = sqlite3_open_v2(d->file, ret, flags, NULL);
    if (code == SQLITE_OK)
        sqlite3_extended_result_codes(*ret, 1);
    return code;
}

static enum rh_rc connect(struct rh_store *store, enum rh_conn_kind kind, struct rh_conn **ret)
{
    struct sqlite_dir *d = store->backend;
    struct sqlite_conn *c = rh_alloc(sizeof *c);
    c->conn.store = store;
    c->kind = kind;
    int code = open_database(d, &c->db);
    if (code == SQLITE_OK)
        code = set_up(c, d);
    if (code == SQLITE_OK)
        code = prepare_all(c);
    if (code != SQLITE_OK) {
        enum rh_rc rc = rh_sqlite_rc(c->db, code);
        rh_log(RH_LOG_ERROR, "store", "%s: %s", d->file,
               c->db ? sqlite3_errmsg(c->db) : "out of memory");
        disconnect(&c->conn);
        return rc;
    }
    *ret = &c->conn;
    return RH_OK;
}

/* --- transactions ------------------------------------------------------------------------------
 */

/* Must be said between transactions. */
static enum rh_rc synced(struct sqlite_conn *c, bool yes)
{
    if (c->kind != RH_CONN_WRITE || c->unsynced != yes)
        return RH_OK;
    int code = exec(c->db, yes ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    if (code == SQLITE_OK)
        c->unsynced = !yes;
    return rh_sqlite_result(c, code);
}

static enum rh_rc begin(struct rh_conn *c)
{
    enum rh_rc rc = synced(of(c), true);
    if (rc == RH_OK)
        rc = rh_sqlite_do(of(c),
                          of(c)->kind == RH_CONN_WRITE ? RH_SQL_BEGIN_WRITE : RH_SQL_BEGIN_READ);
    of(c)->in_transaction = rc == RH_OK;
    return rc;
}

static enum rh_rc begin_unsynced(struct rh_conn *c)
{
    enum rh_rc rc = synced(of(c), false);
    if (rc == RH_OK)
        rc = rh_sqlite_do(of(c), RH_SQL_BEGIN_WRITE);
    of(c)->in_transaction = rc == RH_OK;
    return rc;
}

static void rollback(struct rh_conn *c)
{
    struct sqlite_conn *s = of(c);
    for (int i = 0; i < RH_SQL_COUNT; i++) /* an open cursor would keep the snapshot */
        if (sqlite3_stmt_busy(s->statements[i]))
            sqlite3_reset(s->statements[i]);
    if (s->put_many)
        sqlite3_reset(s->put_many);
    if (!sqlite3_get_autocommit(s->db))
        exec(s->db, "ROLLBACK");
    rh_sqlite_forget(s);
    s->in_transaction = false;
}

/* One that failed is undone here: after some errors SQLite has done so, after others it waits for
 * another try. */
static enum rh_rc commit(struct rh_conn *c)
{
    enum rh_rc rc = rh_sqlite_write_tally(of(c));
    if (rc == RH_OK)
        rc = rh_sqlite_do(of(c), RH_SQL_COMMIT);
    if (rc)
        rollback(c);
    of(c)->in_transaction = false;
    return rc;
}

static enum rh_rc savepoint(struct rh_conn *c)
{
    enum rh_rc rc = rh_sqlite_write_tally(of(c));
    return rc ? rc : rh_sqlite_do(of(c), RH_SQL_SAVEPOINT);
}

static enum rh_rc release(struct rh_conn *c, bool keep)
{
    if (!keep)
        rh_sqlite_forget(of(c));
    enum rh_rc rc = keep ? RH_OK : rh_sqlite_do(of(c), RH_SQL_UNDO);
    return rc ? rc : rh_sqlite_do(of(c), RH_SQL_RELEASE);
}

/* --- a directory -------------------------------------------------------------------------------
 */

static enum rh_rc say(struct rh_issues *is, sqlite3 *db, int code, const char *file,
                      const char *doing)
{
    enum rh_rc rc = rh_sqlite_rc(db, code);
    static const struct {
        enum rh_rc rc;
        const char *advice;
    } advice[] = {
        {RH_CORRUPT, "the file is not a database of this program or is damaged: restore a backup"},
        {RH_READONLY, "the directory or the file cannot be written to: look at its rights and "
                      "whether the disk is read-only"},
        {RH_FULL, "the disk is full: make room and start again"},
        {RH_BUSY, "another program has it open: only one may"},
    };
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++)
        if (advice[i].rc == rc)
            return rh_issue_add(is, rc, NULL, "%s %s: %s (%s)", doing, file, advice[i].advice,
                                db ? sqlite3_errmsg(db) : "");
    return rh_issue_add(is, rc, NULL, "%s %s: %s", doing, file,
                        db ? sqlite3_errmsg(db) : "out of memory");
}

static int ask_number(sqlite3 *db, const char *sql, int *ret)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        *ret = sqlite3_column_int(s, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    return code;
}

/* Some file systems have no shared memory; SQLite then stays with its old journal and calls that
 * success. */
static enum rh_rc use_wal(const struct sqlite_dir *d, sqlite3 *db, struct rh_issues *is)
{
    sqlite3_stmt *s = NULL;
    bool wal = false;
    int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &s, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        wal = strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    if (code == SQLITE_OK)
        code = exec(db, "PRAGMA synchronous=FULL;");
    if (code != SQLITE_OK)
        return say(is, db, code, d->file, "cannot open");
    return wal ? RH_OK
               : rh_issue_add(is, RH_NETWORKFS, NULL,
                              "%s: the file system has no shared memory for a write-ahead log; use "
                              "a local disk",
                              d->dir);
}

static int migrate_one(sqlite3 *db, int number)
{
    char sql[80];
    int code = exec(db, "BEGIN EXCLUSIVE");
    if (code == SQLITE_OK)
        code = exec(db, rh_sql_migrations[number - 1]);
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", number);
    if (code == SQLITE_OK)
        code = exec(db, sql);
    if (code == SQLITE_OK)
        code = exec(db, "COMMIT");
    if (code != SQLITE_OK && !sqlite3_get_autocommit(db))
        exec(db, "ROLLBACK");
    return code;
}

static enum rh_rc migrate(struct sqlite_dir *d, struct rh_issues *is)
{
    sqlite3 *db = NULL;
    char sql[120];
    int version = 0, tables = 0, code = open_database(d, &db);
    snprintf(sql, sizeof sql, "PRAGMA busy_timeout=%d; PRAGMA page_size=%d;", RH_SQLITE_BUSY_MS,
             RH_SQLITE_PAGE);
    if (code == SQLITE_OK)
        code = exec(db, sql);
    if (code == SQLITE_OK)
        code = ask_number(db, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && version == 0)
        code = ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    enum rh_rc rc = code == SQLITE_OK ? RH_OK : say(is, db, code, d->file, "cannot open");
    if (rc == RH_OK && tables > 0)
        rc = rh_issue_add(
            is, RH_CORRUPT, NULL,
            "%s is a database of another program: it is left as it is; choose another directory",
            d->file);
    if (rc == RH_OK && version > RH_SQL_MIGRATIONS)
        rc = rh_issue_add(is, RH_SCHEMA, NULL,
                          "%s has schema %d, made by a newer version of this program; this one "
                          "knows schema %d: use the newer program, or restore a "
                          "backup made before the upgrade",
                          d->dir, version, RH_SQL_MIGRATIONS);
    if (rc == RH_OK && d->read_only && version < RH_SQL_MIGRATIONS)
        rc = rh_issue_add(
            is, RH_SCHEMA, NULL,
            "%s has schema %d, older than %d of this program: open it once with serve or check",
            d->dir, version, RH_SQL_MIGRATIONS);
    if (rc == RH_OK && !d->read_only)
        rc = use_wal(d, db, is);
    for (int n = version + 1; rc == RH_OK && n <= RH_SQL_MIGRATIONS; n++) {
        code = migrate_one(db, n);
        if (code != SQLITE_OK)
            rc = say(is, db, code, d->file, "cannot migrate");
    }
    sqlite3_close(db);
    return rc;
}

static void close_dir(struct rh_store *store)
{
    struct sqlite_dir *d = store->backend;
    if (!d)
        return;
    rh_lock_release(d->lock);
    rh_free(d->dir);
    rh_free(d->file);
    rh_free(d);
    store->backend = NULL;
}

/* What this user may not write to is a fault of the directory, not of who asks: the issue is
 * corrected too. */
static enum rh_rc as_readonly(struct rh_issues *is, enum rh_rc rc)
{
    if (rc != RH_FORBIDDEN)
        return rc;
    if (is->count && is->rows[is->count - 1].rc == RH_FORBIDDEN)
        is->rows[is->count - 1].rc = RH_READONLY;
    return RH_READONLY;
}

static enum rh_rc must_be_writable(const struct sqlite_dir *d, struct rh_issues *is)
{
    if (access(d->dir, W_OK | X_OK) == 0 &&
        (access(d->file, F_OK) != 0 || access(d->file, R_OK | W_OK) == 0))
        return RH_OK;
    if (errno == EROFS)
        return rh_issue_add(
            is, RH_READONLY, NULL,
            "%s is on a disk that is mounted read-only: mount it for writing, or choose another",
            d->dir);
    return rh_issue_add(is, RH_READONLY, NULL,
                        "user %u may not write to %s and its " RH_SQLITE_FILE
                        ": give them to this user (chown), or choose "
                        "another directory",
                        (unsigned)geteuid(), d->dir);
}

/* SQLite would make it readable for everybody; its -wal and -shm files get the rights of this one.
 */
static enum rh_rc make_file(const struct sqlite_dir *d, struct rh_issues *is)
{
    int fd = open(d->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? RH_OK
                               : as_readonly(is, rh_errno_issue(is, errno, "make", d->file));
    close(fd);
    return RH_OK;
}

static enum rh_rc make_dir(const struct sqlite_dir *d, const struct rh_store_options *o,
                           struct rh_issues *is)
{
    if (access(d->dir, F_OK) != 0 && !o->create)
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            "there is no data directory %s; rihla serve and rihla import make one",
                            d->dir);
    enum rh_rc rc = o->read_only ? RH_OK : as_readonly(is, rh_dir_make(is, d->dir, 0700));
    if (rc == RH_OK && access(d->file, F_OK) != 0 && (o->read_only || !o->create))
        rc = rh_issue_add(is, RH_NOTFOUND, NULL,
                          "%s is not a data directory: it has no " RH_SQLITE_FILE, d->dir);
    return rc;
}

static enum rh_rc open_dir(struct rh_store *store, const struct rh_store_options *o,
                           struct rh_issues *is)
{
    struct sqlite_dir *d = rh_alloc(sizeof *d);
    size_t room = strlen(o->dir) + sizeof "/" RH_SQLITE_FILE;
    char *lock = rh_alloc(room);
    store->backend = d;
    d->dir = rh_strdup(o->dir);
    d->file = rh_alloc(room);
    d->read_only = o->read_only;
    d->cache_kib = o->cache_kib;
    snprintf(d->file, room, "%s/%s", o->dir, RH_SQLITE_FILE);
    snprintf(lock, room, "%s/lock", o->dir);
    enum rh_rc rc = make_dir(d, o, is);
    if (rc == RH_OK && !o->read_only)
        rc = rh_disk_check(is, o->dir);
    if (rc == RH_OK && !o->read_only)
        rc = must_be_writable(d, is);
    if (rc == RH_OK && !o->read_only)
        rc = as_readonly(is, rh_lock_take(is, lock, &d->lock));
    if (rc == RH_OK && !o->read_only)
        rc = make_file(d, is);
    if (rc == RH_OK)
        rc = migrate(d, is);
    rh_free(lock);
    if (rc)
        close_dir(store);
    return rc;
}

const struct rh_store_ops rh_store_sqlite = {
    .name = "sqlite",
    .open = open_dir,
    .close = close_dir,
    .connect = connect,
    .disconnect = disconnect,
    .error = error,
    .begin = begin,
    .begin_unsynced = begin_unsynced,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .append = rh_sqlite_append,
    .entry = rh_sqlite_entry,
    .version = rh_sqlite_version,
    .history = rh_sqlite_history,
    .log_read = rh_sqlite_log_read,
    .log_tip = rh_sqlite_log_tip,
    .origins = rh_sqlite_origins,
    .body_put = rh_sqlite_body_put,
    .head_get = rh_sqlite_head_get,
    .head_rk = rh_sqlite_head_rk,
    .entry_rk = rh_sqlite_entry_rk,
    .entries_rk = rh_sqlite_entries_rk,
    .head_put = rh_sqlite_head_put,
    .head_scan = rh_sqlite_head_scan,
    .rk_scan = rh_sqlite_rk_scan,
    .count = rh_sqlite_count,
    .keys_put = rh_sqlite_keys_put,
    .keys_delete = rh_sqlite_keys_delete,
    .key_scan = rh_sqlite_key_scan,
    .key_rks = rh_sqlite_key_rks,
    .keys_drop = rh_sqlite_keys_drop,
    .part_get = rh_sqlite_part_get,
    .part_put = rh_sqlite_part_put,
    .part_last = rh_sqlite_part_last,
    .meta_get = rh_sqlite_meta_get,
    .meta_put = rh_sqlite_meta_put,
    .audit_append = rh_sqlite_audit_append,
    .audit_scan = rh_sqlite_audit_scan,
    .audit_last = rh_sqlite_audit_last,
    .wal_bytes = rh_sqlite_wal_bytes,
    .index_clear = rh_sqlite_index_clear,
    .checkpoint = rh_sqlite_checkpoint,
    .backup_open = rh_sqlite_backup_open,
    .backup_step = rh_sqlite_backup_step,
    .backup_close = rh_sqlite_backup_close,
    .check = rh_sqlite_check,
    .stats = rh_sqlite_stats,
};
