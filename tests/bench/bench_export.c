/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_export DIR OUT - an export of a data directory, beside the ceiling of the same bodies:
 * every core unpacks them from memory and copies them once, and nothing else. Prints
 * {"resources","bytes","ceiling_s","export_s"}.
 */
#include "base/alloc.h"
#include "programme/export.h"
#include "system/clock.h"
#include "system/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS_MAX = 300000, WORKERS_MAX = 64, BYTES = 64 << 20 };

static struct rh_record *record;
static struct rh_entry *rows;
static unsigned n_rows, n_workers;

struct worker {
    unsigned index;
    uint64_t bytes;
};

static void *unpack(void *user)
{
    struct worker *w = user;
    struct rh_arena *a = rh_arena_open(BYTES);
    struct rh_session *s;
    char *copy = rh_alloc(BYTES);
    size_t at = 0;
    if (rh_session_open(record, &s))
        exit(1);
    for (unsigned i = w->index; i < n_rows; i += n_workers) {
        struct rh_version v;
        if (rh_arena_used(a) > 4 << 20)
            rh_arena_reset(a);
        if (rh_walk_version(s, &rows[i], a, &v))
            exit(1);
        if (at + v.body.len > BYTES)
            at = 0;
        memcpy(copy + at, v.body.data, v.body.len);
        at += v.body.len;
        w->bytes += v.body.len;
    }
    rh_session_close(s);
    rh_arena_close(a);
    rh_free(copy);
    return NULL;
}

static enum rh_rc read_rows(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *who)
{
    struct rh_walk w = {.since_us = INT64_MIN};
    struct rh_walk_piece p = {0};
    enum rh_rc rc = rh_walk_system(s, ctx, who, RH_TEXT("bench"), &w.ranges);
    if (!rc)
        rc = rh_record_moment(record, &w.moment);
    while (!rc && !p.end && n_rows + RH_WALK_ROWS <= ROWS_MAX) {
        rc = rh_walk_read(s, ctx, &w, p.next, &p);
        for (unsigned i = 0; i < p.n && !rc; i++)
            rows[n_rows++] = p.rows[i];
    }
    return rc;
}

/* Seconds that all bodies of the record would take at this rate. */
static double ceiling(uint64_t resources)
{
    struct worker workers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    n_workers = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
    int64_t began = rh_clock_mono_ns();
    for (unsigned i = 0; i < n_workers; i++) {
        workers[i] = (struct worker){.index = i};
        if (rh_thread_start("bench", unpack, &workers[i], &threads[i]))
            exit(1);
    }
    for (unsigned i = 0; i < n_workers; i++)
        pthread_join(threads[i], NULL);
    double took = (double)(rh_clock_mono_ns() - began) / 1e9;
    return n_rows ? took * (double)resources / n_rows : 0;
}

int main(int argc, char **argv)
{
    struct rh_arena *a = rh_arena_open((size_t)4 << 30);
    struct rh_issues is;
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    const struct rh_caller who = {.user = RH_TEXT("bench"), .local = true};
    struct rh_export_result result = {0};
    struct rh_session *s = NULL;
    if (argc != 3)
        return 2;
    rh_issues_init(&is, a);
    const struct rh_record_options options = {.dir = argv[1]};
    const struct rh_export_options out = {.out = argv[2]};
    rows = rh_alloc(ROWS_MAX * sizeof *rows);
    enum rh_rc rc = rh_record_open(&options, &is, &record);
    if (!rc)
        rc = rh_session_open(record, &s);
    if (!rc)
        rc = read_rows(s, &ctx, &who);
    int64_t began = rh_clock_mono_ns();
    if (!rc)
        rc = rh_export(record, &who, &is, &out, NULL, NULL, &result);
    double took = (double)(rh_clock_mono_ns() - began) / 1e9;
    if (rc) {
        fprintf(stderr, "%s\n", is.count ? is.rows[0].text : rh_rc_text(rc));
        return 1;
    }
    printf("{\"resources\":%llu,\"bytes\":%llu,\"ceiling_s\":%.3f,\"export_s\":%.3f}\n",
           (unsigned long long)result.resources, (unsigned long long)result.bytes,
           ceiling(result.resources), took);
    rh_session_close(s);
    rh_record_close(record);
    rh_arena_close(a);
    rh_free(rows);
    return 0;
}
