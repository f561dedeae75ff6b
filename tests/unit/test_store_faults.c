/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A script of 200 operations in commits of 1 to 5 is run on a disk that fails at its n-th write or
 * sync, or loses its power there, for n = 1, 2, 3, … . After each: every commit that was
 * acknowledged is there, the one that failed is there wholly or not at all, the directory is sound,
 * and work goes on. By default a sample of the places by RIHLA_SEED; with RIHLA_LONG=1 all of them.
 */
#include "fault_vfs.h"
#include "scratch.h"
#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    OPS = 200,
    RESOURCES = 40,
    TYPES = 3,
    KEYS = 5,
    SAMPLE = 40,
    FIRST = 15,
    ROWS = 64,
    BODY = 30000
};

struct step {
    unsigned resource, version, body_len;
    bool deleted;
};

static struct step script[OPS];
static unsigned
    commit_end[OPS + 1]; /* commit i holds the operations commit_end[i] .. commit_end[i + 1] */
static unsigned commits;
static struct rh_hash dumps[OPS + 1]; /* what is there after so many commits */

static char parent[64], dir[128];
static struct rh_arena *arena;
static struct rh_store *store;
static struct rh_conn *writer, *reader;
static unsigned cache_kib;
static char where[160]; /* for the message when something is wrong */

/* --- the script ---------------------------------------------------------------------------------
 */

static unsigned chance(uint64_t *random, unsigned n)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*random >> 33) % n;
}

static void write_script(void)
{
    uint64_t random = 42;
    unsigned versions[RESOURCES] = {0};
    for (unsigned i = 0; i < OPS; i++) {
        unsigned r = chance(&random, RESOURCES);
        script[i] = (struct step){r, ++versions[r],
                                  chance(&random, 6) ? chance(&random, 900) : chance(&random, BODY),
                                  chance(&random, 8) == 0};
    }
    for (commits = 0; commit_end[commits] < OPS; commits++) {
        unsigned end = commit_end[commits] + 1 + chance(&random, 5);
        commit_end[commits + 1] = end < OPS ? end : OPS;
    }
}

static void key_of(unsigned resource, unsigned version, unsigned n, char text[40],
                   struct rh_key *ret)
{
    int len = snprintf(text, 40, "%u-%u", (resource * 7919 + version * 31 * (n % 3)) % 1000, n);
    *ret = (struct rh_key){
        (uint16_t)(1 + resource % TYPES), (uint16_t)n, {text, (size_t)len}, resource + 1, 0};
}

static enum rh_rc change_keys(const struct step *s, bool put)
{
    char text[KEYS][40];
    struct rh_key rows[KEYS];
    for (unsigned n = 0; n < KEYS; n++)
        key_of(s->resource, put ? s->version : s->version - 1, n, text[n], &rows[n]);
    return put ? rh_store_keys_put(writer, rows, KEYS) : rh_store_keys_delete(writer, rows, KEYS);
}

static enum rh_rc apply_step(unsigned i)
{
    static char body[BODY];
    const struct step *s = &script[i];
    char id[40];
    int len = snprintf(id, sizeof id, s->resource % 2 ? "%08x-0000-7000-8000-000000000000" : "r%u",
                       s->resource);
    memset(body, 'a' + (int)i % 26, s->body_len);
    struct rh_entry e = {.origin = 77,
                         .seq = i + 1,
                         .time_us = i,
                         .part = 1 + s->resource,
                         .type = (uint16_t)(1 + s->resource % TYPES),
                         .op = s->deleted ? RH_OP_DELETE : RH_OP_UPDATE,
                         .id = {id, (size_t)len},
                         .size = s->body_len,
                         .body = {body, s->body_len}};
    struct rh_head h = {.type = e.type,
                        .deleted = s->deleted,
                        .id = e.id,
                        .rk = s->resource + 1,
                        .entry = i + 1,
                        .part = e.part,
                        .origin = e.origin,
                        .seq = e.seq,
                        .time_us = e.time_us};
    struct rh_part p = {
        .part = e.part, .ordinal = s->resource + 1, .next = s->version, .salt = "salt"};
    enum rh_rc rc = rh_store_append(writer, &e);
    if (rc == RH_OK)
        rc = rh_store_head_put(writer, &h);
    if (rc == RH_OK)
        rc = rh_store_part_put(writer, &p);
    if (rc == RH_OK)
        rc = change_keys(s, false);
    return rc || s->deleted ? rc : change_keys(s, true);
}

/* In some runs two of three commits do not wait for the disk. */
static bool some_unsynced;

static bool is_synced(unsigned n)
{
    return !some_unsynced || n % 3 == 2;
}

static enum rh_rc apply_commit(unsigned n)
{
    enum rh_rc rc = is_synced(n) ? rh_store_begin(writer) : rh_store_begin_unsynced(writer);
    for (unsigned i = commit_end[n]; rc == RH_OK && i < commit_end[n + 1]; i++)
        rc = apply_step(i);
    if (rc == RH_OK)
        return rh_store_commit(writer);
    rh_store_rollback(writer);
    return rc;
}

static enum rh_rc apply_checkpoint(unsigned n)
{
    if (n % 23 == 7)
        return rh_store_checkpoint(writer, true);
    return n % 9 == 4 ? rh_store_checkpoint(writer, false) : RH_OK;
}

/* --- what is there ------------------------------------------------------------------------------
 */

static void add_entries(struct rh_conn *c, struct rh_buf *b)
{
    static struct rh_entry rows[ROWS];
    uint64_t seq = 1;
    for (unsigned n = ROWS; n == ROWS; seq += n) {
        assert_int_equal(rh_store_log_read(c, 77, seq, ROWS, arena, rows, &n), RH_OK);
        for (unsigned i = 0; i < n; i++) {
            rh_buf_printf(b, "%llu ", (unsigned long long)rows[i].number);
            rh_entry_header(&rows[i], b);
            rh_buf_text(b, rows[i].body);
        }
    }
}

static void add_type(struct rh_conn *c, uint16_t type, struct rh_buf *b)
{
    static struct rh_head heads[ROWS];
    static struct rh_key keys[512];
    unsigned n;
    uint64_t count;
    assert_int_equal(rh_store_count(c, type, &count), RH_OK);
    rh_buf_printf(b, "%llu\n", (unsigned long long)count);
    assert_int_equal(rh_store_head_scan(c, type, (struct rh_text){NULL, 0}, ROWS, arena, heads, &n),
                     RH_OK);
    for (unsigned i = 0; i < n; i++)
        rh_buf_printf(b, "%.*s %llu %llu %d\n", RH_TEXT_ARG(heads[i].id),
                      (unsigned long long)heads[i].rk, (unsigned long long)heads[i].entry,
                      heads[i].deleted);
    for (uint16_t param = 0; param < KEYS; param++) {
        struct rh_key_scan scan = {.type = type, .param = param};
        assert_int_equal(rh_store_key_scan(c, &scan, 512, arena, keys, &n), RH_OK);
        for (unsigned i = 0; i < n; i++)
            rh_buf_printf(b, "%u %.*s %llu\n", param, RH_TEXT_ARG(keys[i].bytes),
                          (unsigned long long)keys[i].rk);
    }
}

static struct rh_hash dump(struct rh_conn *c)
{
    rh_arena_reset(arena);
    struct rh_buf b = rh_buf(arena);
    struct rh_part p;
    add_entries(c, &b);
    for (uint16_t type = 1; type <= TYPES; type++)
        add_type(c, type, &b);
    for (unsigned r = 0; r < RESOURCES; r++)
        if (rh_store_part_get(c, 1 + r, &p) == RH_OK)
            rh_buf_printf(&b, "%u %llu\n", r, (unsigned long long)p.next);
    assert_int_equal(b.rc, RH_OK);
    return rh_hash_of(b.data, b.len, NULL, 0);
}

static bool shows(struct rh_conn *c, unsigned commits_done)
{
    struct rh_hash h = dump(c);
    return memcmp(&h, &dumps[commits_done], sizeof h) == 0;
}

static void check_shows(struct rh_conn *c, unsigned commits_done, const char *when)
{
    if (!shows(c, commits_done))
        fail_msg("%s: %s, not what is there after %u commits", where, when, commits_done);
}

/* --- opening and closing ------------------------------------------------------------------------
 */

static enum rh_rc open_all(void)
{
    struct rh_issues is;
    rh_issues_init(&is, arena);
    struct rh_store_options o = {.dir = dir, .create = true, .cache_kib = cache_kib};
    enum rh_rc rc = rh_store_open(&rh_store_sqlite, &o, &is, &store);
    if (rc == RH_OK)
        rc = rh_store_connect(store, RH_CONN_WRITE, &writer);
    if (rc == RH_OK)
        rc = rh_store_connect(store, RH_CONN_READ, &reader);
    return rc;
}

static void close_all(void)
{
    rh_store_disconnect(reader);
    rh_store_disconnect(writer);
    rh_store_close(store);
    reader = writer = NULL;
    store = NULL;
}

static void must(enum rh_rc rc, const char *what)
{
    if (rc)
        fail_msg("%s: %s answers %s: %s", where, what, rh_rc_name(rc),
                 writer ? rh_store_error(writer) : "");
}

static void check_sound(void)
{
    struct rh_issues is;
    rh_issues_init(&is, arena);
    enum rh_rc rc = rh_store_check(writer, &is);
    if (rc)
        fail_msg("%s: the check finds: %s", where, is.count ? is.rows[0].text : rh_rc_name(rc));
}

static void new_dir(void)
{
    static unsigned number;
    snprintf(dir, sizeof dir, "%s/%u", parent, ++number);
}

static void remove_dir(void)
{
    assert_int_equal(scratch_remove(dir), 0);
}

/* --- a disk that fails once ---------------------------------------------------------------------
 */

struct place {
    const char *name;
    enum fault fault;
    int error;
    enum rh_rc rc;
    unsigned places, tried, failed_commits, failed_checkpoints, failed_opens, unnoticed;
};

static void check_code(struct place *p, enum rh_rc rc)
{
    if (rc != p->rc || !fault_vfs_fired())
        fail_msg("%s: answers %s: %s", where, rh_rc_name(rc), writer ? rh_store_error(writer) : "");
}

/* A commit that failed has changed nothing that anybody sees; then it is tried again, by the same
 * connection or after reopening. */
static void after_failed_commit(struct place *p, enum rh_rc rc, unsigned n, bool reopen)
{
    p->failed_commits++;
    check_code(p, rc);
    if (rh_store_error(writer)[0] == 0)
        fail_msg("%s: no sentence about the failure", where);
    check_shows(writer, n, "after a failed commit the writer sees");
    check_shows(reader, n, "after a failed commit a reader sees");
    if (reopen) {
        close_all();
        must(open_all(), "opening again");
        check_sound();
        if (shows(writer, n + 1))
            return; /* it had reached the disk after all */
        check_shows(writer, n, "opened again, it shows");
    }
    must(apply_commit(n), "the same commit again");
}

static void run_transient(struct place *p, unsigned at)
{
    new_dir();
    fault_vfs_arm(p->fault, at, p->error, at);
    enum rh_rc rc = open_all();
    if (rc) {
        p->failed_opens++;
        check_code(p, rc);
        close_all();
        must(open_all(), "opening again");
    }
    for (unsigned n = 0; n < commits; n++) {
        rc = apply_commit(n);
        if (rc)
            after_failed_commit(p, rc, n, at % 2);
        rc = apply_checkpoint(n);
        if (rc) {
            p->failed_checkpoints++;
            check_code(p, rc);
            check_shows(reader, n + 1, "after a failed checkpoint a reader sees");
        }
    }
    check_shows(writer, commits, "at the end the writer sees");
    check_shows(reader, commits, "at the end a reader sees");
    close_all();
    must(open_all(), "opening at the end");
    check_sound();
    check_shows(writer, commits, "opened again at the end, it shows");
    close_all();
    remove_dir();
}

/* --- a disk that loses its power ----------------------------------------------------------------
 */

static void run_power(struct place *p, unsigned at)
{
    unsigned acknowledged = 0, durable = 0;
    new_dir();
    fault_vfs_arm(FAULT_POWER, at, EIO, at * 31);
    enum rh_rc rc = open_all();
    if (rc)
        p->failed_opens++;
    while (rc == RH_OK && acknowledged < commits) {
        rc = apply_commit(acknowledged);
        if (rc) {
            p->failed_commits++;
            break;
        }
        if (is_synced(acknowledged))
            durable = acknowledged + 1;
        rc = apply_checkpoint(acknowledged++);
        p->failed_checkpoints += rc != RH_OK;
    }
    if (rc && !fault_vfs_fired())
        fail_msg("%s: fails without a fault: %s", where, rh_rc_name(rc));
    close_all();
    fault_vfs_power_on();
    must(open_all(), "opening after the power cut");
    check_sound();
    unsigned there = acknowledged + (acknowledged < commits);
    while (there > durable && !shows(writer, there))
        there--;
    check_shows(writer, there, "after the power cut it shows");
    for (unsigned n = there; n < commits; n++) {
        must(apply_commit(n), "a commit after the power cut");
        must(apply_checkpoint(n), "a checkpoint after the power cut");
    }
    check_shows(reader, commits, "at the end a reader sees");
    check_sound();
    close_all();
    remove_dir();
}

/* --- all places ---------------------------------------------------------------------------------
 */

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static void run_places(struct place *p, bool small_cache)
{
    bool all = from_environment("RIHLA_LONG", 0) == 1;
    uint64_t random = from_environment("RIHLA_SEED", 1);
    cache_kib = small_cache ? 64 : 0;
    unsigned every = all || p->places <= SAMPLE ? 1 : p->places / SAMPLE;
    /* The first places, where the directory is made, come always; of the others one of each
     * stretch. */
    for (unsigned from = 1; from <= p->places; from += from < FIRST ? 1 : every) {
        unsigned at = from < FIRST ? from : from + chance(&random, every);
        snprintf(where, sizeof where, "%s %u of %u%s, errno %d", p->name, at, p->places,
                 small_cache ? ", small cache" : "", p->error);
        p->tried++;
        if (p->fault == FAULT_POWER)
            run_power(p, at);
        else
            run_transient(p, at);
        p->unnoticed += p->fault != FAULT_POWER && !fault_vfs_fired();
    }
    print_message("%s%s, errno %d: %u of %u places; failed: %u commits, %u checkpoints, %u "
                  "openings; unnoticed: %u\n",
                  p->name, small_cache ? ", small cache" : "", p->error, p->tried, p->places,
                  p->failed_commits, p->failed_checkpoints, p->failed_opens, p->unnoticed);
    assert_true(p->failed_commits > 0);
    assert_true(p->failed_checkpoints > 0);
    assert_true(p->failed_opens > 0);
}

/* The script on a sound disk: what is there after each commit, and how many places there are to
 * fail. */
static void run_sound(unsigned *writes, unsigned *syncs)
{
    snprintf(where, sizeof where, "on a sound disk");
    new_dir();
    fault_vfs_arm(FAULT_NONE, 0, 0, 0);
    must(open_all(), "opening");
    dumps[0] = dump(writer);
    for (unsigned n = 0; n < commits; n++) {
        must(apply_commit(n), "a commit");
        must(apply_checkpoint(n), "a checkpoint");
        dumps[n + 1] = dump(writer);
        assert_memory_not_equal(&dumps[n + 1], &dumps[n], sizeof dumps[n]);
    }
    check_sound();
    close_all();
    *writes = fault_vfs_writes();
    *syncs = fault_vfs_syncs();
    remove_dir();
}

static void run_fault(const char *name, enum fault fault, int error, enum rh_rc rc)
{
    for (int small_cache = 0; small_cache < 2; small_cache++) {
        unsigned writes, syncs;
        cache_kib = small_cache ? 64 : 0;
        run_sound(&writes, &syncs);
        struct place p = {.name = name, .fault = fault, .error = error, .rc = rc};
        p.places = fault == FAULT_SYNC || fault == FAULT_SYNC_LOST ? syncs : writes;
        run_places(&p, small_cache);
    }
}

static void survives_a_failed_write(void **state)
{
    (void)state;
    run_fault("write", FAULT_WRITE, EIO, RH_IO);
}

static void survives_a_full_disk(void **state)
{
    (void)state;
    run_fault("write", FAULT_WRITE, ENOSPC, RH_FULL);
}

static void survives_a_failed_sync(void **state)
{
    (void)state;
    run_fault("sync", FAULT_SYNC, EIO, RH_IO);
}

static void survives_a_sync_that_finds_the_disk_full(void **state)
{
    (void)state;
    run_fault("sync", FAULT_SYNC, ENOSPC, RH_FULL);
}

static void survives_a_failed_sync_that_loses_what_was_written(void **state)
{
    (void)state;
    run_fault("lost sync", FAULT_SYNC_LOST, EIO, RH_IO);
}

static void survives_a_power_cut(void **state)
{
    (void)state;
    run_fault("power cut", FAULT_POWER, EIO, RH_IO);
}

/* What a synced commit has acknowledged is there, and with it all before it. */
static void survives_a_power_cut_among_unsynced_commits(void **state)
{
    (void)state;
    some_unsynced = true;
    run_fault("power cut, unsynced", FAULT_POWER, EIO, RH_IO);
    some_unsynced = false;
}

static int set_up(void **state)
{
    (void)state;
    /* In memory where it can be: the disk's losses are played, and its speed is not what is tested.
     */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK | X_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    arena = rh_arena_open(64 << 20);
    fault_vfs_install();
    write_script();
    return scratch_make(parent);
}

static int tear_down(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return scratch_remove(parent);
}

/* With an argument, only the tests whose names match it: '*power*'. */
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_a_failed_write),
        cmocka_unit_test(survives_a_full_disk),
        cmocka_unit_test(survives_a_failed_sync),
        cmocka_unit_test(survives_a_sync_that_finds_the_disk_full),
        cmocka_unit_test(survives_a_failed_sync_that_loses_what_was_written),
        cmocka_unit_test(survives_a_power_cut),
        cmocka_unit_test(survives_a_power_cut_among_unsynced_commits),
    };
    return cmocka_run_group_tests_name("store faults", tests, set_up, tear_down);
}
