/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader's snapshot that stays between reads never shows an old state and never stops a
 * checkpoint. */
#include "store/store.h"

#include "scratch.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { READERS = 4, WRITES = 400 };

static char dir[64];
static struct rh_arena *arena;
static struct rh_store *store;
static struct rh_conn *writer, *reader;
static _Atomic uint64_t written;

static int make(void **state)
{
    struct rh_store_options o = {.dir = dir, .create = true};
    struct rh_issues issues;
    (void)state;
    arena = rh_arena_open(32 << 20);
    rh_issues_init(&issues, arena);
    if (scratch_make(dir) || rh_store_open(&rh_store_sqlite, &o, &issues, &store))
        return -1;
    return rh_store_connect(store, RH_CONN_WRITE, &writer) ||
           rh_store_connect(store, RH_CONN_READ, &reader);
}

static int clean(void **state)
{
    (void)state;
    rh_store_disconnect(reader);
    rh_store_disconnect(writer);
    rh_store_close(store);
    rh_arena_close(arena);
    return scratch_remove(dir);
}

static void put(uint64_t n)
{
    struct rh_head h = {
        .type = 3, .id = RH_TEXT("a"), .rk = 1, .entry = n, .part = 5, .origin = 9, .seq = n};
    assert_int_equal(rh_store_begin(writer), RH_OK);
    assert_int_equal(rh_store_head_put(writer, &h), RH_OK);
    assert_int_equal(rh_store_commit(writer), RH_OK);
    atomic_store(&written, n);
}

static uint64_t leased(struct rh_conn *c, struct rh_arena *a)
{
    struct rh_head h = {0};
    assert_int_equal(rh_store_lease(c), RH_OK);
    enum rh_rc rc = rh_store_head_get(c, 3, RH_TEXT("a"), a, &h);
    rh_store_lease_rest(c, true);
    return rc ? 0 : h.seq;
}

static void shows_what_was_committed_before_it(void **state)
{
    struct rh_head h;
    (void)state;
    assert_int_equal(leased(reader, arena), 0);
    for (uint64_t n = 1; n < 20; n++) {
        put(n);
        assert_int_equal(leased(reader, arena), n);
        assert_int_equal(leased(reader, arena), n);
    }
    put(20); /* a call without a lease ends the one that rests */
    assert_int_equal(rh_store_head_get(reader, 3, RH_TEXT("a"), arena, &h), RH_OK);
    assert_int_equal(h.seq, 20);
    assert_int_equal(leased(reader, arena), 20);
    assert_int_equal(rh_store_begin(reader), RH_OK);
    rh_store_rollback(reader);
    assert_int_equal(rh_store_lease(reader), RH_OK);
    rh_store_lease_rest(reader, false);
    assert_int_equal(leased(reader, arena), 20);
}

static void does_not_stop_a_checkpoint(void **state)
{
    struct rh_store_stats stats;
    (void)state;
    for (uint64_t n = 1; n < 50; n++) {
        put(n);
        if (n == 10)
            leased(reader, arena);
    }
    assert_int_equal(rh_store_checkpoint(writer, true), RH_OK);
    assert_int_equal(rh_store_stats(writer, &stats), RH_OK);
    assert_int_equal(stats.wal_bytes, 0);
    assert_int_equal(leased(reader, arena), 49);
}

/* What is committed as audit rows is not read in leases, so they go on with what they have at hand;
 * other calls see it, and a checkpoint lets no lease stay. */
static void stays_when_audit_rows_are_committed(void **state)
{
    struct rh_head h = {
        .type = 3, .id = RH_TEXT("a"), .rk = 1, .entry = 2, .part = 5, .origin = 9, .seq = 2};
    (void)state;
    put(1);
    assert_int_equal(leased(reader, arena), 1);
    assert_int_equal(rh_store_begin(writer), RH_OK);
    assert_int_equal(rh_store_head_put(writer, &h), RH_OK); /* to be seen by whoever begins anew */
    assert_int_equal(rh_store_commit_audit(writer), RH_OK);
    assert_int_equal(leased(reader, arena), 1);
    assert_int_equal(rh_store_lease(reader), RH_OK); /* used while a checkpoint is made */
    assert_int_equal(rh_store_checkpoint(writer, false), RH_OK);
    rh_store_lease_rest(reader, true);
    assert_int_equal(leased(reader, arena), 2);
    h.seq = h.entry = 3;
    assert_int_equal(rh_store_begin(writer), RH_OK);
    assert_int_equal(rh_store_head_put(writer, &h), RH_OK);
    assert_int_equal(rh_store_commit_audit(writer), RH_OK);
    assert_int_equal(rh_store_head_get(reader, 3, RH_TEXT("a"), arena, &h), RH_OK);
    assert_int_equal(h.seq, 3);
}

static void *read_on(void *arg)
{
    struct rh_conn *c = arg;
    struct rh_arena *a = rh_arena_open(1 << 20);
    uintptr_t wrong = 0;
    for (uint64_t before = 0; before < WRITES;) {
        before = atomic_load(&written);
        struct rh_head h = {0};
        if (rh_store_lease(c) == RH_OK)
            rh_store_head_get(c, 3, RH_TEXT("a"), a, &h);
        rh_store_lease_rest(c, true);
        wrong += h.seq < before;
        rh_arena_reset(a);
    }
    rh_arena_close(a);
    return (void *)wrong;
}

static void never_shows_an_old_state_while_others_write_and_checkpoint(void **state)
{
    struct rh_conn *conns[READERS];
    pthread_t threads[READERS];
    (void)state;
    atomic_store(&written, 0);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(rh_store_connect(store, RH_CONN_READ, &conns[i]), RH_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, conns[i]), 0);
    }
    for (uint64_t n = 1; n <= WRITES; n++) {
        put(n);
        if (n % 7 == 0)
            assert_int_equal(rh_store_checkpoint(writer, false), RH_OK);
    }
    for (unsigned i = 0; i < READERS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
        rh_store_disconnect(conns[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_what_was_committed_before_it, make, clean),
        cmocka_unit_test_setup_teardown(does_not_stop_a_checkpoint, make, clean),
        cmocka_unit_test_setup_teardown(stays_when_audit_rows_are_committed, make, clean),
        cmocka_unit_test_setup_teardown(never_shows_an_old_state_while_others_write_and_checkpoint,
                                        make, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
