/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SQLite backend by itself: files, refusals, plans of its statements, backup, check. What it
 * answers is compared in test_store_stream. */
#include "store/store.h"

#include "scratch.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[256];
static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_store *store;
static struct rh_conn *writer, *reader;

static const char *at(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static enum rh_rc open_store(const char *where, bool create)
{
    struct rh_store_options o = {.dir = where, .create = create};
    rh_issues_init(&issues, arena);
    return rh_store_open(&rh_store_sqlite, &o, &issues, &store);
}

static void connect_both(void)
{
    assert_int_equal(rh_store_connect(store, RH_CONN_WRITE, &writer), RH_OK);
    assert_int_equal(rh_store_connect(store, RH_CONN_READ, &reader), RH_OK);
}

static void close_store(void)
{
    rh_store_disconnect(reader);
    rh_store_disconnect(writer);
    rh_store_close(store);
    reader = writer = NULL;
    store = NULL;
}

static int make_empty(void **state)
{
    (void)state;
    arena = rh_arena_open(32 << 20);
    return scratch_make(dir);
}

static int make_open(void **state)
{
    if (make_empty(state) || open_store(dir, true))
        return -1;
    connect_both();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    close_store();
    rh_arena_close(arena);
    return scratch_remove(dir);
}

static struct rh_entry an_entry(uint64_t seq)
{
    return (struct rh_entry){.origin = 9,
                             .seq = seq,
                             .time_us = (int64_t)seq,
                             .part = 5,
                             .type = 3,
                             .op = RH_OP_CREATE,
                             .id = RH_TEXT("a"),
                             .size = 2,
                             .body = RH_TEXT("{}")};
}

static struct rh_head a_head(const char *id, uint64_t rk)
{
    return (struct rh_head){
        .type = 3, .id = rh_text(id), .rk = rk, .entry = 1, .part = 5, .origin = 9, .seq = 1};
}

static void append(uint64_t seq)
{
    struct rh_entry e = an_entry(seq);
    assert_int_equal(rh_store_append(writer, &e), RH_OK);
}

static void append_committed(uint64_t seq)
{
    assert_int_equal(rh_store_begin(writer), RH_OK);
    append(seq);
    assert_int_equal(rh_store_commit(writer), RH_OK);
}

static uint64_t entries_seen(struct rh_conn *c)
{
    struct rh_store_stats st;
    assert_int_equal(rh_store_stats(c, &st), RH_OK);
    return st.entries;
}

/* --- the directory -----------------------------------------------------------------------------
 */

static void makes_a_directory_that_only_its_user_can_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned mode;
    } rows[] = {{"new/deep", 0700},
                {"new/deep/rihla.db", 0600},
                {"new/deep/rihla.db-wal", 0600},
                {"new/deep/rihla.db-shm", 0600},
                {"new/deep/lock", 0600}};
    mode_t before = umask(022);
    assert_int_equal(open_store(at("new/deep"), true), RH_OK);
    connect_both();
    append_committed(1);
    umask(before);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stat st;
        assert_int_equal(stat(at(rows[i].name), &st), 0);
        assert_int_equal(st.st_mode & 07777, rows[i].mode);
    }
}

static void assert_refused(enum rh_rc wanted, enum rh_rc rc, const char *says)
{
    assert_int_equal(rc, wanted);
    assert_true(issues.count > 0);
    const struct rh_issue *last = &issues.rows[issues.count - 1];
    assert_int_equal(last->rc, wanted);
    if (!strstr(last->text, says))
        fail_msg("'%s' does not say '%s'", last->text, says);
    assert_null(store);
}

static void refuses_a_directory_that_is_not_there(void **state)
{
    (void)state;
    assert_refused(RH_NOTFOUND, open_store(at("nowhere"), false), "there is no data directory");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_refused(RH_NOTFOUND, open_store(dir, false), "it has no rihla.db");
}

static void refuses_a_directory_in_use(void **state)
{
    (void)state;
    int to_child[2], to_parent[2];
    char byte;
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
    pid_t child = fork();
    if (child == 0) {
        byte = open_store(dir, true) == RH_OK ? 'y' : 'n';
        if (write(to_parent[1], &byte, 1) != 1 || read(to_child[0], &byte, 1) != 1)
            _exit(2);
        rh_store_close(store);
        _exit(0);
    }
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    char number[24];
    snprintf(number, sizeof number, "process %d", (int)child);
    assert_refused(RH_INUSE, open_store(dir, true), number);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(open_store(dir, false), RH_OK);
    close(to_child[0]);
    close(to_child[1]);
    close(to_parent[0]);
    close(to_parent[1]);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(at("rihla.db"), &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void refuses_a_newer_schema(void **state)
{
    (void)state;
    assert_int_equal(open_store(dir, true), RH_OK);
    close_store();
    run_sql("PRAGMA user_version=7");
    assert_refused(RH_SCHEMA, open_store(dir, true), "has schema 7");
    assert_non_null(strstr(issues.rows[0].text, "knows schema 2"));
    run_sql("PRAGMA user_version=2");
    assert_int_equal(open_store(dir, true), RH_OK);
}

/* One of the first schema has its entries found by number afterwards, and is to be indexed again.
 */
static void migrates_an_older_directory(void **state)
{
    (void)state;
    struct rh_entry e;
    struct rh_text version;
    struct rh_key row;
    struct rh_key_scan all = {.type = 3, .param = 1};
    unsigned n = 1;
    run_sql(rh_sql_migrations[0]);
    run_sql("INSERT INTO log (origin, seq, time_us, part, type, op, codec, size, prior, id, body) "
            "VALUES (9, 1, 1, 5, 3, 1, 0, 2, 0, x'7461', x'7b7d');"
            "INSERT INTO head VALUES (3, x'7461', 77, 1, 5, 9, 1, 1, 0);"
            "INSERT INTO locate VALUES (77, 3, x'7461');"
            "INSERT INTO tally VALUES (3, 1);"
            "INSERT INTO key VALUES (196609, x'61', 77);"
            "INSERT INTO meta VALUES ('parameters', x'0102030405060708');"
            "PRAGMA user_version=1");
    assert_int_equal(open_store(dir, false), RH_OK);
    connect_both();
    assert_int_equal(rh_store_entry_rk(reader, 77, arena, &e), RH_OK);
    assert_true(rh_text_is(e.id, "a") && rh_text_is(e.body, "{}"));
    assert_int_equal(rh_store_key_scan(reader, &all, 1, arena, &row, &n), RH_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rh_store_meta_get(reader, "parameters", arena, &version), RH_OK);
    assert_memory_equal(version.data, "\0\0\0\0\0\0\0", 8);
    assert_int_equal(rh_store_check(writer, &issues), RH_OK);
}

static void write_file(const char *name, const char *content, size_t len)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, content, len), len);
    close(fd);
}

static void refuses_a_file_that_is_no_database(void **state)
{
    (void)state;
    static char letter[20000], back[20000];
    memset(letter, 'x', sizeof letter);
    write_file("rihla.db", letter, sizeof letter);
    assert_refused(RH_CORRUPT, open_store(dir, true), "restore a backup");
    int fd = open(at("rihla.db"), O_RDONLY);
    assert_int_equal(read(fd, back, sizeof back), sizeof back);
    close(fd);
    assert_memory_equal(letter, back, sizeof back);
}

static void leaves_the_database_of_another_program_alone(void **state)
{
    (void)state;
    run_sql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    assert_refused(RH_CORRUPT, open_store(dir, true), "another program");
    run_sql("SELECT x FROM theirs");
    run_sql("CREATE TABLE log (x)"); /* ours was not made */
}

/* Opens as a user without rights; root is asked no questions. */
static int open_as_other(bool create)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(99);
        enum rh_rc rc = open_store(dir, create);
        const char *text = issues.count ? issues.rows[issues.count - 1].text : "";
        bool clear =
            rc != RH_READONLY || (issues.rows[issues.count - 1].rc == rc &&
                                  (strstr(text, "may not write") || strstr(text, "cannot make")));
        _exit(clear ? (int)rc : 98);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void says_that_a_directory_cannot_be_written_to(void **state)
{
    (void)state;
    assert_int_equal(open_store(dir, true), RH_OK);
    close_store();
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(open_as_other(true), RH_READONLY);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(chmod(at("rihla.db"), 0444), 0);
    assert_int_equal(open_as_other(true), RH_READONLY);
    strcpy(path, dir);
    assert_int_equal(chmod(dir, 0555), 0);
    strncat(dir, "/new", sizeof dir - strlen(dir) - 1);
    assert_int_equal(open_as_other(true), RH_READONLY);
    dir[strlen(dir) - 4] = 0;
}

static void is_read_without_a_lock_or_a_change(void **state)
{
    (void)state;
    append_committed(1);
    struct rh_store *second;
    struct rh_conn *c;
    struct rh_store_options o = {.dir = dir, .read_only = true};
    assert_int_equal(rh_store_open(&rh_store_sqlite, &o, &issues, &second), RH_OK);
    assert_int_equal(rh_store_connect(second, RH_CONN_READ, &c), RH_OK);
    assert_int_equal(entries_seen(c), 1);
    struct rh_entry e = an_entry(2);
    assert_int_equal(rh_store_append(c, &e), RH_READONLY);
    rh_store_disconnect(c);
    rh_store_close(second);
    append_committed(2);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void refuses_what_is_too_long_and_goes_on(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'a', sizeof text);
    assert_int_equal(rh_store_begin(writer), RH_OK);
    struct rh_entry e = an_entry(1);
    e.id = (struct rh_text){text, RH_STORE_ID_MAX + 1};
    assert_int_equal(rh_store_append(writer, &e), RH_VALUE);
    e.id.len = 0;
    assert_int_equal(rh_store_append(writer, &e), RH_VALUE);
    e = an_entry(1);
    e.labels = (struct rh_text){text, 65536};
    assert_int_equal(rh_store_append(writer, &e), RH_VALUE);
    e = an_entry(1);
    e.part = 0;
    assert_int_equal(rh_store_append(writer, &e), RH_VALUE);
    e = an_entry(1);
    e.body = (struct rh_text){text, (size_t)RH_STORE_BODY_MAX + 1};
    assert_int_equal(rh_store_append(writer, &e), RH_TOOLARGE);
    struct rh_head h = a_head("a", 1);
    h.id = (struct rh_text){text, RH_STORE_ID_MAX + 1};
    assert_int_equal(rh_store_head_put(writer, &h), RH_VALUE);
    struct rh_key keys[2] = {{3, 1, RH_TEXT("short"), 1, 0},
                             {3, 1, {text, RH_STORE_KEY_MAX + 1}, 1, 0}};
    assert_int_equal(rh_store_keys_put(writer, keys, 2), RH_VALUE);
    append(1);
    assert_int_equal(rh_store_commit(writer), RH_OK);
    struct rh_key found[2];
    unsigned n;
    struct rh_key_scan scan = {.type = 3, .param = 1};
    assert_int_equal(rh_store_key_scan(reader, &scan, 2, arena, found, &n), RH_OK);
    assert_int_equal(n, 0); /* not even the short one */
    assert_int_equal(entries_seen(reader), 1);
}

static void keeps_the_sequence_of_an_origin_without_gaps(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {0, 1, 3, UINT64_MAX};
    append_committed(1);
    assert_int_equal(rh_store_begin(writer), RH_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct rh_entry e = an_entry(wrong[i]);
        assert_int_equal(rh_store_append(writer, &e), RH_CONFLICT);
    }
    append(2);
    assert_int_equal(rh_store_commit(writer), RH_OK);
    assert_int_equal(entries_seen(writer), 2);
}

static void gives_a_number_to_one_resource_only(void **state)
{
    (void)state;
    struct rh_head a = a_head("a", 7), b = a_head("b", 7), found;
    uint64_t n;
    assert_int_equal(rh_store_begin(writer), RH_OK);
    assert_int_equal(rh_store_head_put(writer, &a), RH_OK);
    assert_int_equal(rh_store_head_put(writer, &b), RH_CONFLICT);
    assert_int_equal(rh_store_commit(writer), RH_OK);
    assert_int_equal(rh_store_head_rk(reader, 7, arena, &found), RH_OK);
    assert_true(rh_text_is(found.id, "a"));
    assert_int_equal(rh_store_head_get(reader, 3, RH_TEXT("b"), arena, &found), RH_NOTFOUND);
    assert_int_equal(rh_store_count(reader, 3, &n), RH_OK);
    assert_int_equal(n, 1);
}

/* --- transactions ------------------------------------------------------------------------------
 */

static void shows_a_reader_only_what_is_committed(void **state)
{
    (void)state;
    assert_int_equal(rh_store_begin(writer), RH_OK);
    append(1);
    assert_int_equal(entries_seen(reader), 0);
    assert_int_equal(rh_store_commit(writer), RH_OK);
    assert_int_equal(entries_seen(reader), 1);
    assert_int_equal(rh_store_begin(reader), RH_OK);
    assert_int_equal(entries_seen(reader), 1);
    append_committed(2);
    assert_int_equal(entries_seen(reader), 1);
    rh_store_rollback(reader);
    assert_int_equal(entries_seen(reader), 2);
}

static void refuses_to_write_on_a_reader(void **state)
{
    (void)state;
    struct rh_entry e = an_entry(1);
    assert_int_equal(rh_store_append(reader, &e), RH_READONLY);
    assert_int_equal(rh_store_meta_put(reader, "x", RH_TEXT("y")), RH_READONLY);
    assert_int_equal(entries_seen(reader), 0);
}

static void counts_the_write_ahead_log(void **state)
{
    (void)state;
    append_committed(1);
    struct stat st;
    assert_int_equal(stat(at("rihla.db-wal"), &st), 0);
    assert_true(rh_store_wal_bytes(writer) > 0);
    assert_true(rh_store_wal_bytes(writer) <= (uint64_t)st.st_size);
    assert_int_equal(rh_store_checkpoint(writer, true), RH_OK);
    assert_int_equal(rh_store_wal_bytes(writer), 0);
    assert_int_equal(stat(at("rihla.db-wal"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

/* --- backup, check -----------------------------------------------------------------------------
 */

static void append_many(uint64_t from, uint64_t to)
{
    static char body[2000];
    memset(body, 'b', sizeof body);
    assert_int_equal(rh_store_begin(writer), RH_OK);
    for (uint64_t seq = from; seq <= to; seq++) {
        struct rh_entry e = an_entry(seq);
        e.body = (struct rh_text){body, sizeof body};
        assert_int_equal(rh_store_append(writer, &e), RH_OK);
    }
    assert_int_equal(rh_store_commit(writer), RH_OK);
}

static void copies_while_it_is_written_to(void **state)
{
    (void)state;
    void *backup;
    bool done = false;
    unsigned remaining, total;
    append_many(1, 500);
    assert_int_equal(mkdir(at("copy"), 0700), 0);
    assert_int_equal(rh_store_backup_open(writer, at("copy/rihla.db"), &backup), RH_OK);
    assert_int_equal(rh_store_backup_step(writer, backup, 10, &done, &remaining, &total), RH_OK);
    assert_false(done);
    append_many(501, 600);
    while (!done)
        assert_int_equal(rh_store_backup_step(writer, backup, 10, &done, &remaining, &total),
                         RH_OK);
    rh_store_backup_close(writer, backup);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close_store();
    assert_int_equal(open_store(at("copy"), false), RH_OK);
    connect_both();
    assert_int_equal(entries_seen(reader), 600);
    assert_int_equal(rh_store_check(writer, &issues), RH_OK);
}

static void leaves_no_half_copy_and_no_other_file_changed(void **state)
{
    (void)state;
    void *backup;
    bool done = false;
    unsigned remaining, total;
    append_many(1, 500);
    assert_int_equal(rh_store_backup_open(writer, at("half.db"), &backup), RH_OK);
    assert_int_equal(rh_store_backup_step(writer, backup, 10, &done, &remaining, &total), RH_OK);
    rh_store_backup_close(writer, backup);
    assert_int_not_equal(access(at("half.db"), F_OK), 0);
    assert_int_not_equal(access(at("half.db-journal"), F_OK), 0);
    write_file("mine.txt", "mine", 4);
    assert_int_equal(rh_store_backup_open(writer, at("mine.txt"), &backup), RH_CONFLICT);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(rh_store_backup_open(writer, at("no/such/folder.db"), &backup), RH_NOTFOUND);
    assert_non_null(strstr(rh_store_error(writer), "folder.db"));
}

static void finds_what_does_not_agree(void **state)
{
    (void)state;
    static const struct {
        const char *damage, *says;
    } rows[] = {
        {"DELETE FROM log WHERE number=2", "entries are missing"},
        {"UPDATE log SET seq=9 WHERE number=2", "entries up to 9"},
        {"DELETE FROM locate", "no row in locate"},
        {"DELETE FROM head", "leads to no head"},
        {"UPDATE tally SET n=5", "the count says 5"},
        {"INSERT INTO tally VALUES (77, 1)", "type 77 has no heads"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_head h = a_head("a", 7);
        assert_int_equal(rh_store_begin(writer), RH_OK);
        for (uint64_t seq = 1; seq <= 3; seq++)
            append(seq);
        assert_int_equal(rh_store_head_put(writer, &h), RH_OK);
        assert_int_equal(rh_store_commit(writer), RH_OK);
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_store_check(writer, &issues), RH_OK);
        close_store();
        run_sql(rows[i].damage);
        assert_int_equal(open_store(dir, false), RH_OK);
        connect_both();
        assert_int_equal(rh_store_check(writer, &issues), RH_CORRUPT);
        bool said = false;
        for (unsigned k = 0; k < issues.count; k++)
            said |= strstr(issues.rows[k].text, rows[i].says) != NULL;
        if (!said)
            fail_msg("after %s: %s", rows[i].damage, issues.rows[0].text);
        close_store();
        assert_int_equal(unlink(at("rihla.db")), 0);
        assert_int_equal(open_store(dir, true), RH_OK);
        connect_both();
    }
}

static void finds_a_damaged_page(void **state)
{
    (void)state;
    append_many(1, 500);
    close_store();
    int fd = open(at("rihla.db"), O_WRONLY);
    char junk[4096];
    memset(junk, 0x5A, sizeof junk);
    for (off_t page = 20; page < 60; page++)
        assert_int_equal(pwrite(fd, junk, sizeof junk, page * 8192), sizeof junk);
    close(fd);
    assert_int_equal(open_store(dir, false), RH_OK);
    connect_both();
    assert_int_equal(rh_store_check(writer, &issues), RH_CORRUPT);
    assert_true(issues.count > 0);
}

/* --- plans -------------------------------------------------------------------------------------
 */

/* Statements that may read a whole table, because there is no other way to what they do. */
static const char *const whole[] = {"head_clear", "locate_clear", "tally_clear", "key_clear",
                                    "part_clear"};

static bool may_scan(const char *name, const char *plan)
{
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (strcmp(whole[i], name) == 0)
            return true;
    /* the last row of a table is one seek, which SQLite calls a scan */
    return (strcmp(name, "last_number") == 0 && strcmp(plan, "SCAN log") == 0) ||
           (strcmp(name, "audit_last") == 0 && strcmp(plan, "SCAN audit") == 0) ||
           (strcmp(name, "part_last") == 0 && strstr(plan, "USING COVERING INDEX"));
}

/* Stands for the one of keys.c, that these plans do not run. */
static void take(sqlite3_context *to, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_int(to, 1);
}

static void reads_no_table_from_end_to_end(void **state)
{
    (void)state;
    sqlite3 *db;
    unsigned plans = 0;
    assert_int_equal(sqlite3_open(at("rihla.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(db, "take", 2, SQLITE_UTF8, NULL, take, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < RH_SQL_COUNT; i++) {
        char *sql = rh_arena_printf(arena, "EXPLAIN QUERY PLAN %s", rh_sql_texts[i]);
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(s, 3);
            if (getenv("RIHLA_PLANS"))
                print_message("%s: %s\n", rh_sql_names[i], plan);
            if ((strstr(plan, "SCAN") && !may_scan(rh_sql_names[i], plan)) ||
                strstr(plan, "TEMP B-TREE") || strstr(plan, "AUTOMATIC"))
                fail_msg("%s: %s", rh_sql_names[i], plan);
            plans++;
        }
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    assert_true(plans > 20);
}

#define EMPTY(test)  cmocka_unit_test_setup_teardown(test, make_empty, clean)
#define OPENED(test) cmocka_unit_test_setup_teardown(test, make_open, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMPTY(makes_a_directory_that_only_its_user_can_read),
        EMPTY(refuses_a_directory_that_is_not_there),
        EMPTY(refuses_a_directory_in_use),
        EMPTY(refuses_a_newer_schema),
        EMPTY(migrates_an_older_directory),
        EMPTY(refuses_a_file_that_is_no_database),
        EMPTY(leaves_the_database_of_another_program_alone),
        EMPTY(says_that_a_directory_cannot_be_written_to),
        OPENED(is_read_without_a_lock_or_a_change),
        OPENED(refuses_what_is_too_long_and_goes_on),
        OPENED(keeps_the_sequence_of_an_origin_without_gaps),
        OPENED(gives_a_number_to_one_resource_only),
        OPENED(shows_a_reader_only_what_is_committed),
        OPENED(refuses_to_write_on_a_reader),
        OPENED(counts_the_write_ahead_log),
        OPENED(copies_while_it_is_written_to),
        OPENED(leaves_no_half_copy_and_no_other_file_changed),
        OPENED(finds_what_does_not_agree),
        OPENED(finds_a_damaged_page),
        OPENED(reads_no_table_from_end_to_end),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
