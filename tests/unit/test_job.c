/* SPDX-License-Identifier: GPL-3.0-or-later */
/* programme/job.h: states on the disk, restarts, cancelling; programme/ndjson.h: cut back and gone
 * on. */
#include "programme/job.h"
#include "programme/ndjson.h"
#include "scratch.h"

#include "system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static char folder[64];
static struct rh_record *record;

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, arena);
    if (scratch_make(folder))
        return 1;
    const struct rh_record_options o = {.dir = folder, .create = true};
    return rh_record_open(&o, &issues, &record) != RH_OK;
}

static int end(void **state)
{
    (void)state;
    rh_record_close(record);
    rh_arena_close(arena);
    return scratch_remove(folder);
}

/* What the work of a test does. */
struct plan {
    _Atomic unsigned runs;
    unsigned steps; /* kept, one after the other; 0: waits until it is stopped */
    enum rh_rc rc;
    char seen[256]; /* position of the last run */
};

static enum rh_rc run(struct rh_job *j, void *user)
{
    struct plan *p = user;
    struct rh_text position = rh_job_info(j)->position;
    snprintf(p->seen, sizeof p->seen, "%.*s", RH_TEXT_ARG(position));
    p->runs++;
    char *path = rh_path_join(rh_job_arena(j), rh_job_folder(j), "made");
    if (rh_file_write(rh_job_issues(j), path, RH_TEXT("x"), 0600))
        return RH_IO;
    for (unsigned i = 1; p->steps == 0 || i <= p->steps; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "{\"at\":%u}", i);
        if (!rh_job_progress(j, "working", i, p->steps))
            return RH_INTERRUPTED;
        if (i <= 3 && rh_job_keep(j, (struct rh_text){text, (size_t)n}))
            return RH_IO;
        usleep(1000);
    }
    if (p->rc)
        return rh_issue_add(rh_job_issues(j), p->rc, NULL, "it could not be done");
    rh_job_result(j, RH_TEXT("{\"answer\":42}"));
    return RH_OK;
}

static struct rh_jobs *open_jobs(struct rh_job_kind *kind, struct plan *p)
{
    struct rh_jobs *js;
    *kind = (struct rh_job_kind){"test", "test", run, p};
    assert_int_equal(rh_jobs_open(folder, record, kind, 1, &issues, &js), RH_OK);
    return js;
}

static void add(struct rh_jobs *js, char id[RH_JOB_ID_SIZE])
{
    const struct rh_caller who = {.user = RH_TEXT("me \"myself\""), .purpose = RH_TEXT("TREAT")};
    const struct rh_job_request r = {"test", &who, RH_TEXT("http://x/fhir/$test?a=\"b\""),
                                     RH_TEXT("{\"n\":1.50}")};
    assert_int_equal(rh_jobs_add(js, &r, &issues, id), RH_OK);
}

static struct rh_job_info wait_for(struct rh_jobs *js, const char *id, enum rh_job_state state)
{
    struct rh_job_info i = {0};
    for (unsigned k = 0; k < 5000; k++) {
        assert_int_equal(rh_jobs_get(js, rh_text(id), arena, &i), RH_OK);
        if (i.state == state)
            return i;
        usleep(1000);
    }
    fail_msg("the job is %s", rh_job_state_name(i.state));
    return i;
}

static bool has_folder(const char *id)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/test/%s", folder, id);
    return stat(path, &st) == 0;
}

static void what_is_done_is_known_after_a_restart(void **state)
{
    (void)state;
    struct plan p = {.steps = 3};
    struct rh_job_kind kind;
    char id[RH_JOB_ID_SIZE];
    struct rh_jobs *js = open_jobs(&kind, &p);
    add(js, id);
    assert_int_equal(strlen(id), 32);
    wait_for(js, id, RH_JOB_DONE);
    rh_jobs_close(js);
    js = open_jobs(&kind, &p);
    struct rh_job_info i = wait_for(js, id, RH_JOB_DONE);
    assert_true(rh_text_is(i.result, "{\"answer\":42}"));
    assert_true(rh_text_is(i.by, "me \"myself\""));
    assert_true(rh_text_is(i.request, "http://x/fhir/$test?a=\"b\""));
    assert_true(rh_text_is(i.parameters, "{\"n\":1.50}"));
    assert_true(i.expires_us > i.ended_us && i.ended_us >= i.started_us);
    assert_int_equal(i.done, 3);
    assert_int_equal(p.runs, 1);
    assert_true(has_folder(id));
    rh_jobs_close(js);
}

static void what_was_stopped_goes_on_at_its_kept_position(void **state)
{
    (void)state;
    struct plan p = {.steps = 0};
    struct rh_job_kind kind;
    char id[RH_JOB_ID_SIZE];
    struct rh_jobs *js = open_jobs(&kind, &p);
    add(js, id);
    struct rh_job_info i;
    do {
        i = wait_for(js, id, RH_JOB_ACTIVE);
        usleep(1000);
    } while (i.done < 5);
    rh_jobs_close(js);
    assert_string_equal(p.seen, "");
    p.steps = 2;
    js = open_jobs(&kind, &p);
    wait_for(js, id, RH_JOB_DONE);
    assert_string_equal(p.seen, "{\"at\":3}");
    rh_jobs_close(js);
}

static void a_failure_says_why(void **state)
{
    (void)state;
    struct plan p = {.steps = 1, .rc = RH_FULL};
    struct rh_job_kind kind;
    char id[RH_JOB_ID_SIZE];
    struct rh_jobs *js = open_jobs(&kind, &p);
    add(js, id);
    wait_for(js, id, RH_JOB_FAILED);
    rh_jobs_close(js);
    js = open_jobs(&kind, &p);
    struct rh_job_info i = wait_for(js, id, RH_JOB_FAILED);
    assert_int_equal(i.rc, RH_FULL);
    assert_false(has_folder(id));
    assert_non_null(memmem(i.error.data, i.error.len, "it could not be done", 20));
    rh_jobs_close(js);
}

static void one_that_is_cancelled_stays_so_and_leaves_no_files(void **state)
{
    (void)state;
    struct plan p = {.steps = 0};
    struct rh_job_kind kind;
    char one[RH_JOB_ID_SIZE], two[RH_JOB_ID_SIZE];
    struct rh_jobs *js = open_jobs(&kind, &p);
    add(js, one);
    add(js, two);
    wait_for(js, one, RH_JOB_ACTIVE);
    wait_for(js, two, RH_JOB_QUEUED); /* one at a time */
    assert_int_equal(rh_jobs_cancel(js, rh_text(two), &issues), RH_OK);
    assert_int_equal(rh_jobs_cancel(js, rh_text(two), &issues), RH_NOTFOUND);
    assert_int_equal(rh_jobs_cancel(js, rh_text(one), &issues), RH_OK);
    wait_for(js, one, RH_JOB_CANCELLED);
    assert_int_equal(rh_jobs_cancel(js, RH_TEXT("none"), &issues), RH_NOTFOUND);
    rh_jobs_close(js);
    js = open_jobs(&kind, &p);
    wait_for(js, one, RH_JOB_CANCELLED);
    wait_for(js, two, RH_JOB_CANCELLED);
    assert_false(has_folder(one));
    assert_int_equal(p.runs, 1);
    rh_jobs_close(js);
}

/* As on a full disk: no state can be written. */
static void one_is_cancelled_when_its_state_cannot_be_written(void **state)
{
    (void)state;
    struct plan p = {.steps = 1};
    struct rh_job_kind kind;
    char id[RH_JOB_ID_SIZE];
    struct rh_jobs *js = open_jobs(&kind, &p);
    add(js, id);
    wait_for(js, id, RH_JOB_DONE);
    char *jobs = rh_path_join(arena, folder, "jobs"), *away = rh_path_join(arena, folder, "away");
    assert_int_equal(rename(jobs, away), 0);
    assert_int_equal(rh_jobs_cancel(js, rh_text(id), &issues), RH_OK);
    assert_false(has_folder(id));
    assert_int_equal(rename(away, jobs), 0);
    assert_int_equal(rh_jobs_cancel(js, rh_text(id), &issues), RH_NOTFOUND);
    rh_jobs_close(js);

    /* What stands in the way of the new state does not keep the old one from going. */
    js = open_jobs(&kind, &p);
    add(js, id);
    wait_for(js, id, RH_JOB_DONE);
    char *beside = rh_arena_printf(arena, "%s/%s.json.%d.tmp", jobs, id, (int)getpid());
    char *file = rh_arena_printf(arena, "%s/%s.json", jobs, id);
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_int_equal(rh_jobs_cancel(js, rh_text(id), &issues), RH_OK);
    assert_int_not_equal(access(file, F_OK), 0);
    assert_false(has_folder(id));
    rmdir(beside);
    rh_jobs_close(js);
    js = open_jobs(&kind, &p);
    struct rh_job_info i;
    assert_int_equal(rh_jobs_get(js, rh_text(id), arena, &i), RH_NOTFOUND);
    rh_jobs_close(js);
}

static void fill_list(const char *name)
{
    for (unsigned i = 0; i < RH_JOBS_MAX; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/jobs/%032x.json", folder, i);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f,
                "{\"kind\":\"test\",\"state\":\"%s\",\"asked\":%u,\"expires\":"
                "4102444800000000}",
                name, i + 1);
        fclose(f);
    }
}

static void what_has_no_files_makes_room_in_a_full_list(void **state)
{
    (void)state;
    struct plan p = {.steps = 1};
    struct rh_job_kind kind;
    struct rh_job_info *list;
    char id[RH_JOB_ID_SIZE];
    unsigned n;
    struct rh_jobs *js = open_jobs(&kind, &p);
    rh_jobs_close(js);
    fill_list("cancelled");
    js = open_jobs(&kind, &p);
    add(js, id);
    wait_for(js, id, RH_JOB_DONE);
    assert_int_equal(rh_jobs_list(js, arena, &list, &n), RH_OK);
    assert_int_equal(n, RH_JOBS_MAX);
    assert_string_equal(list[0].id, "00000000000000000000000000000001"); /* 0…0 was the oldest */
    rh_jobs_close(js);

    fill_list("done");
    js = open_jobs(&kind, &p);
    const struct rh_caller who = {.user = RH_TEXT("me"), .purpose = RH_TEXT("TREAT")};
    const struct rh_job_request r = {"test", &who, RH_TEXT("x"), RH_TEXT("{}")};
    assert_int_equal(rh_jobs_add(js, &r, &issues, id), RH_BUSY);
    assert_non_null(strstr(issues.rows[issues.count - 1].text, "are kept with their files"));
    rh_jobs_close(js);
}

static void what_a_kill_left_half_written_goes(void **state)
{
    (void)state;
    struct plan p = {.steps = 1};
    struct rh_job_kind kind;
    struct rh_jobs *js = open_jobs(&kind, &p);
    rh_jobs_close(js);
    char *path = rh_path_join(arena, folder, "jobs/0123456789abcdef0123456789abcdef.json.7.tmp");
    assert_int_equal(rh_file_write(&issues, path, RH_TEXT("{\"ki"), 0600), RH_OK);
    js = open_jobs(&kind, &p);
    assert_int_not_equal(access(path, F_OK), 0);
    rh_jobs_close(js);
}

static void files_that_are_no_jobs_are_passed_over(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "{", "[]", "{\"kind\":\"test\",\"state\":\"dancing\"}",
                                       "{\"kind\":\"other\",\"state\":\"done\"}"};
    struct plan p = {.steps = 1};
    struct rh_job_kind kind;
    struct rh_job_info *list;
    unsigned n;
    char path[256];
    struct rh_jobs *js = open_jobs(&kind, &p);
    rh_jobs_close(js);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "%s/jobs/%032zx.json", folder, i);
        assert_int_equal(rh_file_write(&issues, path, rh_text(rows[i]), 0600), RH_OK);
    }
    js = open_jobs(&kind, &p);
    assert_int_equal(rh_jobs_list(js, arena, &list, &n), RH_OK);
    assert_int_equal(n, 0);
    rh_jobs_close(js);
}

static void paths_are_of_plain_names_only(void **state)
{
    (void)state;
    static const char id[] = "0123456789abcdef0123456789abcdef";
    static const struct rh_job_kind kind = {"test", "test", run, NULL};
    assert_string_equal(rh_job_path(arena, "/d", &kind, id, RH_TEXT("Patient.1.ndjson")),
                        "/d/test/0123456789abcdef0123456789abcdef/Patient.1.ndjson");
    assert_null(rh_job_path(arena, "/d", &kind, id, RH_TEXT("../x")));
    assert_null(rh_job_path(arena, "/d", &kind, id, RH_TEXT("..")));
    assert_null(rh_job_path(arena, "/d", &kind, id, RH_TEXT("")));
    assert_null(rh_job_path(arena, "/d", &kind, id, RH_TEXT("a\0b")));
    assert_null(rh_job_path(arena, "/d", &kind, "../..", RH_TEXT("x")));
}

static struct rh_text content(const char *name)
{
    struct rh_text t;
    char *path = rh_path_join(arena, folder, name);
    assert_int_equal(rh_file_read(arena, &issues, path, 1 << 20, &t), RH_OK);
    return t;
}

static void files_are_split_at_lines_and_cut_back(void **state)
{
    (void)state;
    unsigned patient = rh_resource_number(RH_TEXT("Patient")), n;
    struct rh_ndjson_options o = {.folder = folder, .split = 3};
    struct rh_ndjson *f;
    assert_int_equal(rh_ndjson_open(&issues, &o, &f), RH_OK);
    assert_int_equal(rh_ndjson_add(f, &issues, patient, RH_TEXT("a\nb\nc\nd\n"), 4), RH_OK);
    assert_int_equal(rh_ndjson_sync(f, &issues), RH_OK);
    const struct rh_ndjson_file *rows = rh_ndjson_files(f, &n);
    assert_int_equal(n, 2);
    struct rh_ndjson_file kept[2] = {rows[0], rows[1]};
    assert_int_equal(rh_ndjson_add(f, &issues, patient, RH_TEXT("e\nf\ng\n"), 3), RH_OK);
    assert_int_equal(rh_ndjson_add(f, &issues, 0, RH_TEXT("gone\n"), 1), RH_OK);
    rh_ndjson_close(f);
    assert_true(rh_text_is(content("Patient.1.ndjson"), "a\nb\nc\n"));
    assert_true(rh_text_is(content("Patient.2.ndjson"), "d\ne\nf\n"));
    assert_true(rh_text_is(content("Patient.3.ndjson"), "g\n"));

    o.files = kept;
    o.n_files = 2;
    assert_int_equal(rh_ndjson_open(&issues, &o, &f), RH_OK);
    assert_true(rh_text_is(content("Patient.2.ndjson"), "d\n"));
    char *path = rh_path_join(arena, folder, "Patient.3.ndjson");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(rh_path_join(arena, folder, "deleted.1.ndjson"), F_OK), 0);
    assert_int_equal(rh_ndjson_add(f, &issues, patient, RH_TEXT("x\n"), 1), RH_OK);
    rh_ndjson_close(f);
    assert_true(rh_text_is(content("Patient.2.ndjson"), "d\nx\n"));

    kept[1].bytes = 100;
    assert_int_equal(rh_ndjson_open(&issues, &o, &f), RH_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_done_is_known_after_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(what_was_stopped_goes_on_at_its_kept_position, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_says_why, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_cancelled_stays_so_and_leaves_no_files, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_is_cancelled_when_its_state_cannot_be_written, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_has_no_files_makes_room_in_a_full_list, begin, end),
        cmocka_unit_test_setup_teardown(what_a_kill_left_half_written_goes, begin, end),
        cmocka_unit_test_setup_teardown(files_that_are_no_jobs_are_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(paths_are_of_plain_names_only, begin, end),
        cmocka_unit_test_setup_teardown(files_are_split_at_lines_and_cut_back, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
