/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clock, log, threads and progress: what can be seen of them from outside. */
#include "base/arena.h"
#include "base/datetime.h"
#include "base/json.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/progress.h"
#include "system/thread.h"

#include <assert.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a child writes to stderr, and how it ends. */
static int output_of(void (*run)(void), char *ret, size_t size)
{
    int ends[2], status;
    size_t len = 0;
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        run();
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    for (;;) {
        ssize_t n = read(ends[0], ret + len, size - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    ret[len] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void set_clock(void)
{
    setenv("RIHLA_CLOCK", "2026-11-24T10:00:00+02:00", 1);
    int64_t first = rh_clock_now_us(), want = INT64_C(1795507200000000);
    usleep(20000);
    int64_t second = rh_clock_now_us();
    fprintf(stderr, "%d%d", first >= want && first < want + 1000000, second - first >= 20000);
}

static void wrong_clock(void)
{
    setenv("RIHLA_CLOCK", "yesterday", 1);
    rh_clock_now_us();
    fprintf(stderr, "went on");
}

static void the_clock_can_be_set_for_tests(void **state)
{
    (void)state;
    char text[500];
    assert_int_equal(output_of(set_clock, text, sizeof text), 0);
    assert_string_equal(text, "11");
    assert_int_equal(output_of(wrong_clock, text, sizeof text), 2);
    assert_non_null(strstr(text, "\"yesterday\""));
    assert_null(strstr(text, "went on"));
    int64_t a = rh_clock_mono_ns(), b = rh_clock_mono_ns();
    assert_true(b >= a);
    assert_true(rh_clock_now_us() > INT64_C(1700000000000000));
}

static void log_lines(void)
{
    rh_log(RH_LOG_INFO, "test", "a %s b", "line\nforged: \x1B[31m\xFF\xD9\x85");
    rh_log(RH_LOG_DEBUG, "test", "not shown");
    rh_log_set(RH_LOG_ERROR, false);
    rh_log(RH_LOG_WARNING, "test", "not shown either");
    rh_log(RH_LOG_ERROR, "test", "%5000d", 1);
}

static void a_message_is_one_line_whatever_it_holds(void **state)
{
    (void)state;
    char text[8000];
    assert_int_equal(output_of(log_lines, text, sizeof text), 0);
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = 0;
    struct rh_datetime time;
    assert_int_equal(rh_datetime_parse((struct rh_text){text, 27}, RH_INSTANT, 0, &time), RH_OK);
    assert_non_null(
        strstr(text, "Z info test: a line\\u000aforged: \\u001b[31m\xEF\xBF\xBD\xD9\x85 b"));
    assert_null(strstr(second, "not shown"));
    assert_non_null(strstr(second, " error test: "));
    assert_in_range(strlen(second), RH_LOG_LINE_MAX, RH_LOG_LINE_MAX + 100);
    assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
}

static void log_json(void)
{
    char long_text[3000];
    memset(long_text, '"', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    rh_log_set(RH_LOG_DEBUG, true);
    rh_log(RH_LOG_DEBUG, "test", "a \"quoted\" \\ \n text");
    rh_log(RH_LOG_ERROR, "test", "%s", long_text);
}

static void log_lines_can_be_json(void **state)
{
    (void)state;
    char text[12000];
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    assert_int_equal(output_of(log_json, text, sizeof text), 0);
    struct rh_text rest = rh_text(text), line;
    yyjson_doc *doc;
    assert_true(rh_text_split(&rest, '\n', &line));
    assert_int_equal(rh_json_parse(a, &is, line, &doc), RH_OK);
    assert_true(rh_text_is(rh_json_get(doc->root, "level"), "debug"));
    assert_true(rh_text_is(rh_json_get(doc->root, "text"), "a \"quoted\" \\ \n text"));
    assert_true(rh_text_split(&rest, '\n', &line));
    assert_int_equal(rh_json_parse(a, &is, line, &doc), RH_OK);
    rh_arena_close(a);

    enum rh_log_level level = RH_LOG_ERROR;
    assert_true(rh_log_level_of("debug", &level));
    assert_int_equal(level, RH_LOG_DEBUG);
    assert_false(rh_log_level_of("loud", &level));
    assert_int_equal(level, RH_LOG_DEBUG);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

enum { MAKERS = 3, TAKERS = 3, EACH = 5000 };

static struct rh_queue *queue;
static unsigned char seen[MAKERS * EACH];

static void *make(void *user)
{
    size_t first = (size_t)user;
    for (size_t i = 0; i < EACH; i++)
        assert(rh_queue_push(queue, &seen[first + i]));
    return NULL;
}

static void *take(void *user)
{
    unsigned char *item;
    size_t *count = user;
    while ((item = rh_queue_pop(queue)) != NULL) {
        __atomic_add_fetch(item, 1, __ATOMIC_RELAXED);
        ++*count;
    }
    return NULL;
}

static void every_item_arrives_once(void **state)
{
    (void)state;
    pthread_t makers[MAKERS], takers[TAKERS];
    size_t counts[TAKERS] = {0}, sum = 0;
    queue = rh_queue_open(7);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(rh_thread_start("taker", take, &counts[i], &takers[i]), RH_OK);
    for (size_t i = 0; i < MAKERS; i++)
        assert_int_equal(rh_thread_start("maker", make, (void *)(i * EACH), &makers[i]), RH_OK);
    for (size_t i = 0; i < MAKERS; i++)
        pthread_join(makers[i], NULL);
    rh_queue_end(queue);
    for (size_t i = 0; i < TAKERS; i++) {
        pthread_join(takers[i], NULL);
        sum += counts[i];
    }
    assert_int_equal(sum, MAKERS * EACH);
    for (size_t i = 0; i < MAKERS * EACH; i++)
        assert_int_equal(seen[i], 1);
    rh_queue_close(queue);
}

static void a_full_queue_refuses_and_an_ended_one_empties(void **state)
{
    (void)state;
    int a, b, c;
    struct rh_queue *q = rh_queue_open(2);
    assert_int_equal(rh_queue_try(q, &a), RH_OK);
    assert_int_equal(rh_queue_try(q, &b), RH_OK);
    assert_int_equal(rh_queue_try(q, &c), RH_BUSY);
    assert_ptr_equal(rh_queue_pop(q), &a);
    assert_int_equal(rh_queue_try(q, &c), RH_OK);
    rh_queue_end(q);
    assert_false(rh_queue_push(q, &a));
    assert_int_equal(rh_queue_try(q, &a), RH_INTERRUPTED);
    assert_ptr_equal(rh_queue_pop(q), &b);
    assert_ptr_equal(rh_queue_pop(q), &c);
    assert_null(rh_queue_pop(q));
    rh_queue_close(q);
    rh_queue_close(NULL);
}

static void *look_at_signals(void *user)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    *(bool *)user = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGINT) == 1;
    return NULL;
}

static void threads_leave_signals_to_the_main_one(void **state)
{
    (void)state;
    bool blocked = false;
    pthread_t t;
    sigset_t set;
    assert_int_equal(rh_thread_start("a name that is too long", look_at_signals, &blocked, &t),
                     RH_OK);
    pthread_join(t, NULL);
    assert_true(blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    assert_int_equal(sigismember(&set, SIGTERM), 0);
}

/* ---- progress ---------------------------------------------------------------------------------
 */

static void progress_says_share_rate_and_time_left(void **state)
{
    (void)state;
    static const struct {
        uint64_t done, total, items, ms;
        const char *want;
    } rows[] = {
        {0, 0, 0, 0, "0 resources"},
        {0, 100, 0, 5000, "  0 %  0 resources  0/s"},
        {50, 100, 1234567, 10000, " 50 %  1,234,567 resources  123,456/s  10 s left"},
        {50, 100, 10, 500, " 50 %  10 resources"}, /* too early to guess */
        {999, 1000, 999, 100000, " 99 %  999 resources  9/s  0 s left"},
        {1000, 1000, 1000, 100000, "100 %  1,000 resources  10/s"},
        {1, 100, 1, 60000, "  1 %  1 resources  0/s  1 h 39 min left"},
        {1, 2, 5, 100000, " 50 %  5 resources  0/s  1 min 40 s left"},
        {UINT64_MAX / 2, UINT64_MAX, 5, 1000, " 50 %  5 resources  5/s  1 s left"},
        {0, 0, 100, 2000, "100 resources  50/s"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[200];
        rh_progress_line(line, sizeof line, "resources", rows[i].done, rows[i].total, rows[i].items,
                         rows[i].ms);
        assert_string_equal(line, rows[i].want);
    }
}

static void show_progress(enum rh_progress_kind kind)
{
    struct rh_progress *p = rh_progress_open(kind, "import", "resources");
    for (unsigned i = 0; i < 200000; i++)
        rh_progress_set(p, i, 200000, i);
    rh_progress_clear(p);
    rh_progress_close(p);
    rh_progress_close(NULL);
}

static void show_auto(void)
{
    show_progress(RH_PROGRESS_AUTO);
}

static void show_as_json(void)
{
    show_progress(RH_PROGRESS_JSON);
}

static void show_none(void)
{
    show_progress(RH_PROGRESS_NONE);
}

static void progress_is_quiet_where_there_is_no_terminal(void **state)
{
    (void)state;
    char text[8000];
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    output_of(show_auto, text, sizeof text);
    assert_memory_equal(text, "import: 199,999 resources in ", 29);
    assert_null(strchr(text, '\r'));
    output_of(show_as_json, text, sizeof text);
    assert_int_equal(rh_json_parse(a, &is, rh_text(text), &doc), RH_OK);
    assert_true(yyjson_is_true(yyjson_obj_get(doc->root, "ended")));
    output_of(show_none, text, sizeof text);
    assert_string_equal(text, "");
    rh_arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_can_be_set_for_tests),
        cmocka_unit_test(a_message_is_one_line_whatever_it_holds),
        cmocka_unit_test(log_lines_can_be_json),
        cmocka_unit_test(every_item_arrives_once),
        cmocka_unit_test(a_full_queue_refuses_and_an_ended_one_empties),
        cmocka_unit_test(threads_leave_signals_to_the_main_one),
        cmocka_unit_test(progress_says_share_rate_and_time_left),
        cmocka_unit_test(progress_is_quiet_where_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
