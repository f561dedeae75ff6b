/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep.c - checkpoint, backup, check and figures of the SQLite backend. */
#include "base/alloc.h"
#include "store/sqlite/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAL_FRAME_HEAD = 24, CHECK_ROWS = 20 };

static struct sqlite_dir *dir_of(struct rh_conn *c)
{
    return c->store->backend;
}

uint64_t rh_sqlite_wal_bytes(struct rh_conn *conn)
{
    return (uint64_t)of(conn)->wal_pages * (RH_SQLITE_PAGE + WAL_FRAME_HEAD);
}

enum rh_rc rh_sqlite_index_clear(struct rh_conn *conn)
{
    struct sqlite_conn *c = of(conn);
    static const enum rh_sql all[] = {RH_SQL_HEAD_CLEAR, RH_SQL_LOCATE_CLEAR, RH_SQL_KEY_CLEAR,
                                      RH_SQL_TALLY_CLEAR, RH_SQL_PART_CLEAR};
    enum rh_rc rc = rh_sqlite_write_tally(c);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && rc == RH_OK; i++)
        rc = rh_sqlite_do(c, all[i]);
    return rc;
}

enum rh_rc rh_sqlite_checkpoint(struct rh_conn *conn, bool wait)
{
    struct sqlite_conn *c = of(conn);
    int all = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(
        c->db, NULL, wait ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &all, &moved);
    if (code == SQLITE_OK && all == moved)
        c->wal_pages = 0; /* the next commit begins the log anew */
    if ((code & 0xff) == SQLITE_BUSY)
        return RH_OK; /* a reader is at work: the next checkpoint takes it along */
    return rh_sqlite_result(c, code);
}

/* --- backup ------------------------------------------------------------------------------------
 */

struct backup {
    struct sqlite_conn *from;
    sqlite3 *to;
    sqlite3_backup *backup;
    char *file;
    bool done;
};

static enum rh_rc copy_result(struct backup *b, int code)
{
    enum rh_rc rc = rh_sqlite_rc(b->to, code);
    if (rc)
        snprintf(b->from->message, sizeof b->from->message, "copy to %.150s: %s", b->file,
                 b->to ? sqlite3_errmsg(b->to) : "out of memory");
    return rc;
}

enum rh_rc rh_sqlite_backup_open(struct rh_conn *conn, const char *file, void **ret)
{
    struct sqlite_conn *c = of(conn);
    int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        enum rh_rc failed = errno == EEXIST ? RH_CONFLICT : rh_errno_rc(errno);
        snprintf(c->message, sizeof c->message, "cannot make %.150s: %s", file, strerror(errno));
        return failed == RH_FORBIDDEN ? RH_READONLY : failed;
    }
    close(fd);
    struct backup *b = rh_alloc(sizeof *b);
    b->from = c;
    b->file = rh_strdup(file);
    int code = sqlite3_open_v2(
        file, &b->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(b->to, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        b->backup = sqlite3_backup_init(b->to, "main", c->db, "main");
        code = b->backup ? SQLITE_OK : sqlite3_errcode(b->to);
    }
    enum rh_rc rc = copy_result(b, code);
    if (rc) {
        rh_sqlite_backup_close(b);
        return rc;
    }
    *ret = b;
    return RH_OK;
}

enum rh_rc rh_sqlite_backup_step(void *backup, unsigned pages, bool *done, unsigned *remaining,
                                 unsigned *total)
{
    struct backup *b = backup;
    int code = sqlite3_backup_step(b->backup, (int)pages);
    *remaining = (unsigned)sqlite3_backup_remaining(b->backup);
    *total = (unsigned)sqlite3_backup_pagecount(b->backup);
    b->done = *done = code == SQLITE_DONE;
    if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
        return RH_OK; /* nothing was copied this time */
    return copy_result(b, code);
}

void rh_sqlite_backup_close(void *backup)
{
    struct backup *b = backup;
    if (!b)
        return;
    bool whole = b->done;
    if (b->backup && sqlite3_backup_finish(b->backup) != SQLITE_OK)
        whole = false;
    sqlite3_close(b->to);
    if (!whole) {
        char journal[4096];
        snprintf(journal, sizeof journal, "%s-journal", b->file);
        unlink(b->file);
        unlink(journal);
    }
    rh_free(b->file);
    rh_free(b);
}

/* --- check -------------------------------------------------------------------------------------
 */

/* Runs a query whose rows are sentences about what is wrong. */
static enum rh_rc find(struct sqlite_conn *c, struct rh_issues *is, const char *sql,
                       const char *what)
{
    sqlite3_stmt *s;
    enum rh_rc rc = rh_sqlite_result(c, sqlite3_prepare_v2(c->db, sql, -1, &s, NULL));
    while (rc == RH_OK && (rc = rh_sqlite_row(c, s)) == RH_OK) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        if (text && strcmp(text, "ok") != 0)
            rh_issue_add(is, RH_CORRUPT, NULL, "%s: %s", what, text);
    }
    sqlite3_finalize(s);
    if (rc == RH_CORRUPT)
        rh_issue_add(is, rc, NULL, "%s: %s", what, c->message);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

/* integrity_check, not quick_check: that one reports false errors for WITHOUT ROWID tables in
 * SQLite 3.40. */
enum rh_rc rh_sqlite_check(struct rh_conn *conn, struct rh_issues *is)
{
    static const struct {
        const char *what, *sql;
    } rows[] = {
        {"database", "PRAGMA integrity_check(20)"},
        {"log", "SELECT 'entries are missing: the highest number is ' || max(number) || ' of ' || "
                "count(*) FROM log HAVING max(number) <> count(*)"},
        {"log", "SELECT 'origin ' || printf('%x', origin) || ' has ' || count(*) || ' entries up "
                "to ' || max(seq) FROM log GROUP BY origin "
                "HAVING max(seq) <> count(*) OR min(seq) <> 1"},
        {"heads",
         "SELECT 'type ' || type || ' has no row in locate for a head' FROM head WHERE NOT EXISTS "
         "(SELECT 1 FROM locate WHERE locate.rk = head.rk AND locate.type = head.type AND "
         "locate.id = head.id AND locate.entry = head.entry) LIMIT 20"},
        {"heads", "SELECT 'number ' || rk || ' leads to no head' FROM locate WHERE NOT EXISTS "
                  "(SELECT 1 FROM head WHERE head.type = locate.type AND head.id = locate.id AND "
                  "head.rk = locate.rk) LIMIT 20"},
        {"counts", "SELECT 'type ' || type || ' has no heads, but the count says ' || n FROM tally "
                   "WHERE n <> 0 AND NOT EXISTS "
                   "(SELECT 1 FROM head WHERE head.type = tally.type AND NOT deleted)"},
        {"counts", "SELECT 'type ' || type || ' has ' || count(*) || ' heads, but the count says ' "
                   "|| coalesce((SELECT n FROM tally WHERE tally.type = head.type), 0) "
                   "FROM head WHERE NOT deleted GROUP BY type HAVING count(*) <> coalesce((SELECT "
                   "n FROM tally WHERE tally.type = head.type), 0)"},
    };
    struct sqlite_conn *c = of(conn);
    unsigned before = is->errors;
    enum rh_rc rc = rh_sqlite_write_tally(c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && rc == RH_OK; i++)
        rc = find(c, is, rows[i].sql, rows[i].what);
    return rc ? rc : is->errors > before ? RH_CORRUPT : RH_OK;
}

/* --- figures -----------------------------------------------------------------------------------
 */

static enum rh_rc figure(struct sqlite_conn *c, const char *sql, uint64_t *ret)
{
    sqlite3_stmt *s;
    enum rh_rc rc = rh_sqlite_result(c, sqlite3_prepare_v2(c->db, sql, -1, &s, NULL));
    if (rc == RH_OK)
        rc = rh_sqlite_row(c, s);
    if (rc == RH_OK)
        *ret = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static uint64_t file_bytes(const char *file, const char *suffix)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", file, suffix);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Counting keys would read the whole index, so they are not counted. */
enum rh_rc rh_sqlite_stats(struct rh_conn *conn, struct rh_store_stats *ret)
{
    struct sqlite_conn *c = of(conn);
    struct rh_store_stats st = {0};
    enum rh_rc rc = rh_sqlite_write_tally(c);
    if (rc == RH_OK)
        rc = figure(c, "SELECT max(number) FROM log", &st.entries);
    if (rc == RH_OK)
        rc = figure(c, "SELECT sum(n) FROM tally", &st.heads);
    if (rc == RH_OK)
        rc = figure(c, "SELECT max(ordinal) FROM part", &st.parts);
    st.wal_bytes = file_bytes(dir_of(conn)->file, "-wal");
    st.bytes = file_bytes(dir_of(conn)->file, "") + st.wal_bytes;
    if (rc == RH_OK)
        *ret = st;
    return rc;
}
