/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bulk load on its real store: numbers, keys, what exists already, what a cut-off load leaves.
 */
#include "record/bulk.h"
#include "record/record_int.h"
#include "system/clock.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static char dir[64];
static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_record *record;
static struct rh_session *session;
static unsigned refused;
static char refusal[512];
static const struct rh_caller caller = {
    .user = RH_TEXT("tester"), .purpose = RH_TEXT("TREAT"), .local = true};

static enum rh_rc open_record(void)
{
    struct rh_record_options o = {.dir = dir, .create = true};
    rh_issues_init(&issues, arena);
    enum rh_rc rc = rh_record_open(&o, &issues, &record);
    return rc ? rc : rh_session_open(record, &session);
}

static void close_record(void)
{
    rh_session_close(session);
    rh_record_close(record);
    session = NULL;
    record = NULL;
}

static int make(void **state)
{
    (void)state;
    arena = rh_arena_open(256 << 20);
    return scratch_make(dir) || open_record() ? -1 : 0;
}

static int clean(void **state)
{
    (void)state;
    close_record();
    rh_arena_close(arena);
    return scratch_remove(dir);
}

static struct rh_ctx a_ctx(void)
{
    rh_issues_init(&issues, arena);
    return (struct rh_ctx){.arena = arena, .issues = &issues, .now_us = rh_clock_now_us()};
}

static void on_refusal(void *user, struct rh_text source, uint64_t line, const struct rh_issues *is,
                       enum rh_rc rc)
{
    (void)user;
    refused++;
    snprintf(refusal, sizeof refusal, "%.*s:%llu %s %s", RH_TEXT_ARG(source),
             (unsigned long long)line, rh_rc_name(rc), is->count ? is->rows[0].text : "");
}

static struct rh_bulk_counts load(const char *const *units, unsigned n)
{
    struct rh_bulk *b;
    struct rh_bulk_counts c;
    refused = 0;
    assert_int_equal(rh_bulk_open(record, &caller, RH_TEXT("test"), 2, &b), RH_OK);
    rh_bulk_on_refusal(b, on_refusal, NULL);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(rh_bulk_add(b, RH_TEXT("file"), i + 1, i + 1, rh_text(units[i])), RH_OK);
    assert_int_equal(rh_bulk_flush(b), RH_OK);
    rh_bulk_counts(b, &c);
    assert_int_equal(rh_bulk_close(b, true), RH_OK);
    return c;
}

static void assert_counts(struct rh_bulk_counts c, unsigned created, unsigned updated,
                          unsigned unchanged, unsigned refusals)
{
    assert_int_equal(c.created, created);
    assert_int_equal(c.updated, updated);
    assert_int_equal(c.unchanged, unchanged);
    assert_int_equal(c.refused, refusals);
}

static struct rh_head head_of(const char *type, const char *id)
{
    struct rh_head h;
    assert_int_equal(rh_store_head_get(session->conn, (uint16_t)rh_resource_number(rh_text(type)),
                                       rh_text(id), arena, &h),
                     RH_OK);
    return h;
}

static enum rh_rc check(struct rh_check_report *report)
{
    struct rh_ctx ctx = a_ctx();
    enum rh_rc rc = rh_record_check(record, &ctx, NULL, NULL, report);
    if (rc)
        print_message("%s: %s\n", issues.rows[0].expression ? issues.rows[0].expression : "",
                      issues.rows[0].text);
    return rc;
}

static void assert_sound(void)
{
    struct rh_check_report report;
    assert_int_equal(check(&report), RH_OK);
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.orphans, 0);
}

static const char *const people[] = {
    "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"status\":\"final\",\"code\":{\"coding\":[{"
    "\"system\":\"http://s\",\"code\":\"c\",\"display\":\"Some words\"}]},\"subject\":{"
    "\"reference\":\"Patient/p1\"},\"effectiveDateTime\":\"2020-01-02\"}",
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"birthDate\":\"1990-01-02\",\"name\":[{"
    "\"family\":\"Adams\",\"given\":[\"Ada\"]}]}",
    "{\"resourceType\":\"Patient\",\"id\":\"p2\",\"name\":[{\"text\":\"Other words\"}],"
    "\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"x\",\"name\":\"Inner words\"}],"
    "\"managingOrganization\":{\"reference\":\"#x\"}}",
    "{\"resourceType\":\"Organization\",\"id\":\"g\",\"name\":\"Some words\"}",
    "{\"resourceType\":\"Condition\",\"id\":\"k\",\"subject\":{\"reference\":\"Patient/p2\"}}"};
enum { PEOPLE = sizeof people / sizeof people[0] };

static void a_patient_is_number_0_of_its_person(void **state)
{
    (void)state;
    const uint64_t mask = (UINT64_C(1) << RH_RK_BITS) - 1;
    assert_counts(load(people, PEOPLE), PEOPLE, 0, 0, 0);
    for (int round = 0; round < 2; round++) { /* loaded, and rebuilt from the log */
        uint64_t p1 = head_of("Patient", "p1").rk, p2 = head_of("Patient", "p2").rk;
        assert_int_equal(p1 & mask, 0);
        assert_int_equal(p2 & mask, 0);
        assert_int_equal(head_of("Observation", "o1").rk, p1 + 1);
        assert_int_equal(head_of("Condition", "k").rk, p2 + 1);
        assert_true((head_of("Organization", "g").rk & mask) > 0);
        assert_sound();
        assert_int_equal(rh_record_rebuild(record, &issues, NULL, NULL), RH_OK);
    }
}

static void loading_again_changes_nothing(void **state)
{
    (void)state;
    struct rh_record_stats before, after;
    load(people, PEOPLE);
    assert_int_equal(rh_record_stats(session, &before), RH_OK);
    assert_counts(load(people, PEOPLE), 0, 0, PEOPLE, 0);
    assert_int_equal(rh_record_stats(session, &after), RH_OK);
    assert_int_equal(before.seq, after.seq);
    assert_sound();
}

static void what_exists_is_updated_and_its_keys_with_it(void **state)
{
    (void)state;
    const char *changed[] = {
        "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"status\":\"final\",\"code\":{\"coding\":"
        "[{\"system\":\"http://s\",\"code\":\"c\"},{\"code\":\"d\"}],\"text\":\"New words\"},"
        "\"subject\":{\"reference\":\"Patient/p1\"},\"effectiveDateTime\":\"2021-03\"}",
        "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"status\":\"amended\",\"code\":{\"text\":"
        "\"Twice\"},\"subject\":{\"reference\":\"Patient/p2\"}}"};
    load(people, PEOPLE);
    assert_counts(load(changed, 1), 0, 1, 0, 0);
    assert_sound();
    assert_counts(load(changed, 2), 0, 1, 1, 0); /* twice in one load: the last one stays */
    assert_sound();
    assert_true(head_of("Observation", "o1").rk > head_of("Patient", "p2").rk);
}

/* One that cannot be updated is refused where it stands, and the load goes on. */
static void a_refused_update_does_not_end_the_load(void **state)
{
    (void)state;
    size_t size = (size_t)RH_RECORD_RESOURCE_MAX + 1000;
    char *large = malloc(size + 200);
    int n = snprintf(large, 200, "{\"resourceType\":\"Organization\",\"id\":\"g\",\"name\":\"");
    memset(large + n, 'x', size);
    memcpy(large + (size_t)n + size, "\"}", 3);
    const char *units[] = {people[1], large,
                           "{\"resourceType\":\"Organization\",\"id\":\"after\",\"name\":\"x\"}"};
    load(people, PEOPLE);
    assert_counts(load(units, 3), 1, 0, 1, 1);
    assert_int_equal(refused, 1);
    assert_non_null(strstr(refusal, "file:2 "));
    assert_non_null(strstr(refusal, "at most"));
    free(large);
    assert_sound();
}

/* A transaction of which something is there already is one write, what is new in it too. */
static void a_transaction_that_changes_something_is_stored_as_one(void **state)
{
    (void)state;
    const char *bundle[] = {
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"resource\":{\"resourceType\":\"Organization\",\"id\":\"g\",\"name\":\"Another\"},"
        "\"request\":{\"method\":\"PUT\",\"url\":\"Organization/g\"}},"
        "{\"resource\":{\"resourceType\":\"Organization\",\"id\":\"new\",\"name\":\"New\"},"
        "\"request\":{\"method\":\"PUT\",\"url\":\"Organization/new\"}},"
        "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p1\",\"birthDate\":\"1990-01-02\","
        "\"name\":[{\"family\":\"Adams\",\"given\":[\"Ada\"]}]},"
        "\"request\":{\"method\":\"PUT\",\"url\":\"Patient/p1\"}}]}"};
    struct rh_record_stats before, after;
    load(people, PEOPLE);
    assert_int_equal(rh_record_stats(session, &before), RH_OK);
    assert_counts(load(bundle, 1), 1, 1, 1, 0);
    assert_int_equal(rh_record_stats(session, &after), RH_OK);
    assert_int_equal(after.seq, before.seq + 2);
    assert_int_equal(after.writes, before.writes + 1);
    assert_counts(load(bundle, 1), 0, 0, 3, 0);
    assert_sound();
}

/* --- numbers that are hidden -------------------------------------------------------------------
 */

static enum rh_rc hide(struct rh_session *w, void *user)
{
    enum rh_rc rc = rh_hidden_set(w->record, &dir, user, 2);
    if (rc == RH_OK)
        rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_hidden_store(w);
    return rc ? rc : rh_store_commit(w->conn);
}

static enum rh_rc unhide(struct rh_session *w, void *user)
{
    (void)user;
    return rh_hidden_set(w->record, &dir, NULL, 0);
}

static void numbers_without_heads_stay_hidden(void **state)
{
    (void)state;
    load(people, PEOPLE);
    uint64_t p1 = head_of("Patient", "p1").rk, p2 = head_of("Patient", "p2").rk;
    uint64_t low = p1 < p2 ? p1 : p2, high = p1 < p2 ? p2 : p1;
    struct rh_rk_range ranges[] = {{low, low + 5}, {high + 1, high + 3}};
    assert_false(rh_record_hidden(record, low));
    assert_int_equal(rh_writer_task(record->writer, (struct rh_task){hide, ranges}), RH_OK);
    for (uint64_t rk = low - 1; rk <= high + 4; rk = rk == low + 6 ? high : rk + 1)
        assert_int_equal(rh_record_hidden(record, rk),
                         (rk >= low && rk <= low + 5) || (rk > high && rk <= high + 3));
    close_record(); /* as after a crash: nobody has taken them back */
    assert_int_equal(open_record(), RH_OK);
    assert_false(rh_record_hidden(record, low)); /* they have heads */
    assert_false(rh_record_hidden(record, low + 1));
    assert_false(rh_record_hidden(record, high + 1));
    assert_true(rh_record_hidden(record, low + 2));
    assert_true(rh_record_hidden(record, low + 5));
    assert_true(rh_record_hidden(record, high + 2));
    assert_false(rh_record_hidden(record, high + 4));
    assert_counts(load(people, PEOPLE), 0, 0, PEOPLE, 0); /* another load leaves them as they are */
    assert_true(rh_record_hidden(record, low + 2));
    assert_int_equal(rh_record_rebuild(record, &issues, NULL, NULL), RH_OK);
    assert_false(rh_record_hidden(record, low + 2));
    close_record();
    assert_int_equal(open_record(), RH_OK);
    assert_false(rh_record_hidden(record, low + 2));
}

static void an_owner_takes_back_what_it_hid(void **state)
{
    (void)state;
    struct rh_rk_range ranges[] = {{500, 505}, {700, 700}};
    assert_int_equal(rh_writer_task(record->writer, (struct rh_task){hide, ranges}), RH_OK);
    assert_true(rh_record_hidden(record, 700));
    assert_int_equal(rh_writer_task(record->writer, (struct rh_task){unhide, NULL}), RH_OK);
    assert_false(rh_record_hidden(record, 700));
}

/* --- the check finds what is wrong -------------------------------------------------------------
 */

struct damage {
    struct rh_key row;
    bool remove;
};

static enum rh_rc damage(struct rh_session *w, void *user)
{
    struct damage *d = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = d->remove ? rh_store_keys_delete(w->conn, &d->row, 1)
                       : rh_store_keys_put(w->conn, &d->row, 1);
    return rc ? rc : rh_store_commit(w->conn);
}

static void do_damage(struct rh_key row, bool remove)
{
    struct damage d = {row, remove};
    assert_int_equal(rh_writer_task(record->writer, (struct rh_task){damage, &d}), RH_OK);
}

static void the_check_finds_wrong_keys(void **state)
{
    (void)state;
    struct rh_check_report report;
    struct rh_key row[1];
    unsigned n = 1;
    load(people, PEOPLE);
    struct rh_head h = head_of("Observation", "o1");
    struct rh_key_scan scan = {.type = h.type, .param = RH_PARAM_SHAPE, .lo = RH_TEXT("s")};
    assert_int_equal(rh_store_key_scan(session->conn, &scan, 1, arena, row, &n), RH_OK);
    assert_int_equal(row[0].rk, h.rk);
    assert_sound();

    struct rh_key other = row[0];
    other.aux += 2;
    do_damage(other, false);
    assert_int_equal(check(&report), RH_CORRUPT);
    do_damage(row[0], true);
    assert_int_equal(check(&report), RH_CORRUPT);
    do_damage(row[0], false);
    assert_sound();

    struct rh_key more = row[0]; /* that no value of the resource gives */
    more.bytes = RH_TEXT("szzzz");
    do_damage(more, false);
    assert_int_equal(check(&report), RH_CORRUPT);
    do_damage(more, true);
    assert_sound();

    more.rk += 100; /* of no resource: left over, harmless */
    do_damage(more, false);
    assert_int_equal(check(&report), RH_OK);
    assert_int_equal(report.orphans, 1);

    struct rh_key_scan words = {.type = h.type, .param = RH_PARAM_WORD, .lo = RH_TEXT("w")};
    assert_int_equal(rh_store_key_scan(session->conn, &words, 1, arena, row, &n), RH_OK);
    assert_int_equal(n, 1);
    assert_int_equal(row[0].rk, 0);
    do_damage(row[0], true);
    assert_int_equal(check(&report), RH_CORRUPT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patient_is_number_0_of_its_person),
        TEST(loading_again_changes_nothing),
        TEST(what_exists_is_updated_and_its_keys_with_it),
        TEST(a_refused_update_does_not_end_the_load),
        TEST(a_transaction_that_changes_something_is_stored_as_one),
        TEST(numbers_without_heads_stay_hidden),
        TEST(an_owner_takes_back_what_it_hid),
        TEST(the_check_finds_wrong_keys),
    };
    return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
