/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following the log: how far it is, waiting for more, and what came. */
#include "record/record_int.h"
#include "system/clock.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_record *record;
static struct rh_session *session;
static const struct rh_caller caller = {
    .user = RH_TEXT("tester"), .purpose = RH_TEXT("TREAT"), .local = true};

static void open_record(void)
{
    struct rh_record_options o = {.dir = dir, .create = true};
    rh_issues_init(&issues, arena);
    assert_int_equal(rh_record_open(&o, &issues, &record), RH_OK);
    assert_int_equal(rh_session_open(record, &session), RH_OK);
}

static void close_record(void)
{
    rh_session_close(session);
    rh_record_close(record);
}

static int make(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    if (scratch_make(dir))
        return -1;
    open_record();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    close_record();
    rh_arena_close(arena);
    return scratch_remove(dir);
}

/* A write of its own arena, so that a thread may make one. */
static enum rh_rc write_one(struct rh_session *s, enum rh_interaction what, const char *id,
                            const char *body)
{
    struct rh_arena *a = rh_arena_open(8 << 20);
    struct rh_issues is;
    struct rh_write *w;
    rh_issues_init(&is, a);
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    enum rh_rc rc = rh_write_open(&ctx, &caller, RH_WRITE_SINGLE, 1, &w);
    if (!rc) {
        w->ops[0].interaction = what;
        w->ops[0].type = rh_resource_number(RH_TEXT("Patient"));
        w->ops[0].id = rh_text(id);
        w->ops[0].body = rh_text(body);
        rc = rh_write_run(s, w);
    }
    rh_arena_close(a);
    return rc;
}

static void put(const char *id, const char *gender)
{
    char body[120];
    snprintf(body, sizeof body, "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"gender\":\"%s\"}",
             id, gender);
    assert_int_equal(write_one(session, RH_UPDATE, id, body), RH_OK);
}

static void news_come_in_order_with_what_was_done(void **state)
{
    (void)state;
    struct rh_news rows[10];
    unsigned n = 99;
    assert_int_equal(rh_record_newest(record), 0);
    assert_int_equal(rh_record_news(session, arena, 0, 10, rows, &n), RH_OK);
    assert_int_equal(n, 0);
    put("a", "male");
    put("b", "male");
    put("a", "female");
    assert_int_equal(write_one(session, RH_DELETE, "b", ""), RH_OK);
    assert_int_equal(rh_record_newest(record), 4);
    assert_int_equal(rh_record_news(session, arena, 0, 10, rows, &n), RH_OK);
    assert_int_equal(n, 4);
    static const enum rh_op ops[] = {RH_OP_CREATE, RH_OP_CREATE, RH_OP_UPDATE, RH_OP_DELETE};
    static const char *const ids[] = {"a", "b", "a", "b"};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rows[i].number, i + 1);
        assert_int_equal(rows[i].op, ops[i]);
        assert_true(rh_text_is(rows[i].id, ids[i]));
        assert_int_equal(rows[i].type, rh_resource_number(RH_TEXT("Patient")));
    }
    assert_int_equal(rh_record_news(session, arena, 1, 2, rows, &n), RH_OK);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].number, 2);
    assert_int_equal(rh_record_news(session, arena, 4, 2, rows, &n), RH_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rh_record_news(session, arena, 1000, 2, rows, &n), RH_OK);
    assert_int_equal(n, 0);
}

static void what_is_refused_is_no_news(void **state)
{
    (void)state;
    uint64_t before = rh_record_newest(record);
    assert_int_not_equal(write_one(session, RH_UPDATE, "c",
                                   "{\"resourceType\":\"Patient\",\"id\":\"c\",\"nonsense\":1}"),
                         RH_OK);
    put("a", "female"); /* as it is already */
    assert_int_equal(rh_record_newest(record), before);
    put("c", "male");
    assert_int_equal(rh_record_newest(record), before + 1);
}

static void a_record_that_is_opened_again_knows_how_far_it_is(void **state)
{
    (void)state;
    uint64_t before = rh_record_newest(record);
    close_record();
    open_record();
    assert_int_equal(rh_record_newest(record), before);
    put("d", "male");
    assert_int_equal(rh_record_newest(record), before + 1);
}

static void *write_later(void *arg)
{
    struct rh_session *s;
    struct timespec pause = {.tv_nsec = 50000000};
    if (rh_session_open(record, &s))
        return arg;
    nanosleep(&pause, NULL);
    enum rh_rc rc = write_one(s, RH_UPDATE, "e", "{\"resourceType\":\"Patient\",\"id\":\"e\"}");
    rh_session_close(s);
    return rc ? arg : NULL;
}

static void *nudge_later(void *arg)
{
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    rh_record_nudge(record);
    return arg;
}

static void waiting_ends_by_a_commit_a_nudge_or_its_time(void **state)
{
    (void)state;
    pthread_t thread;
    void *failed = NULL;
    uint64_t before = rh_record_newest(record);
    assert_true(before > 0);
    assert_true(rh_record_wait(record, before - 1, 0));
    int64_t begin = rh_clock_mono_ns();
    assert_false(rh_record_wait(record, before, 30));
    assert_true(rh_clock_mono_ns() - begin >= 30000000);
    assert_int_equal(pthread_create(&thread, NULL, write_later, record), 0);
    assert_true(rh_record_wait(record, before, 20000));
    pthread_join(thread, &failed);
    assert_null(failed);
    begin = rh_clock_mono_ns();
    assert_int_equal(pthread_create(&thread, NULL, nudge_later, NULL), 0);
    assert_false(rh_record_wait(record, before + 1, 20000));
    assert_true(rh_clock_mono_ns() - begin < INT64_C(10000000000));
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_come_in_order_with_what_was_done),
        cmocka_unit_test(what_is_refused_is_no_news),
        cmocka_unit_test(a_record_that_is_opened_again_knows_how_far_it_is),
        cmocka_unit_test(waiting_ends_by_a_commit_a_nudge_or_its_time),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
