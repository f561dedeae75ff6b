/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_import.c - the bulk load by itself, with other writes going on beside it.
 *
 *     bench_import DIR FILE.ndjson…      (multiply.py makes the files; DIR must not exist)
 *
 * Prints a line of JSON for each 100,000 resources, and at the end where the processors' time went
 * by thread, bytes on the disk, keys by parameter, and how long creates took that came one every
 * RIHLA_WRITE_MS (20; 0: none) while it loaded.
 */
#include "base/alloc.h"
#include "record/bulk.h"
#include "record/record.h"
#include "record/write.h"
#include "system/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVERY = 100000, WRITES_MAX = 200000, THREADS = 64 };

struct load {
    struct rh_record *record;
    struct rh_bulk *bulk;
    struct rh_caller caller;
    int64_t begin_ns, last_ns;
    uint64_t added, reported;
    _Atomic bool stop;
    unsigned write_ms;
    double *write_took_ms;
    unsigned writes;
};

static void must(enum rh_rc rc, const char *doing)
{
    if (!rc)
        return;
    fprintf(stderr, "bench_import: %s: %s\n", doing, rh_rc_text(rc));
    exit(3);
}

static void report(struct load *l)
{
    struct rh_bulk_counts c;
    rh_bulk_counts(l->bulk, &c);
    uint64_t done = c.created + c.updated + c.unchanged + c.refused;
    if (done - l->reported < EVERY)
        return;
    int64_t now = rh_clock_mono_ns();
    printf("{\"resources\":%" PRIu64 ",\"per_s\":%.0f,\"overall_per_s\":%.0f,\"refused\":%" PRIu64
           "}\n",
           done, (double)(done - l->reported) / (double)(now - l->last_ns) * 1e9,
           (double)done / (double)(now - l->begin_ns) * 1e9, c.refused);
    fflush(stdout);
    l->reported = done;
    l->last_ns = now;
}

static void load_file(struct load *l, const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        exit(3);
    }
    size_t size = (size_t)st.st_size, at = 0;
    char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    for (uint64_t line = 1; at < size; line++) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t len = end ? (size_t)(end - data) - at : size - at;
        must(rh_bulk_add(l->bulk, rh_text(path), line, at + len + 1,
                         (struct rh_text){data + at, len}),
             "add");
        at += len + 1;
        if (++l->added % 1000 == 0)
            report(l);
    }
    munmap(data, size);
    close(fd);
}

/* A person at a desk: creates an Observation now and then, and waits for it. */
static void *write_beside(void *user)
{
    struct load *l = user;
    struct rh_session *s;
    struct rh_arena *a = rh_arena_open(16 << 20);
    static const char body[] =
        "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"beside\"},"
        "\"valueQuantity\":{\"value\":37.5,\"unit\":\"C\"},\"subject\":{\"reference\":\"Patient/"
        "x\"}}";
    must(rh_session_open(l->record, &s), "session");
    while (!l->stop && l->writes < WRITES_MAX) {
        struct rh_issues is;
        struct rh_write *w;
        rh_arena_reset(a);
        rh_issues_init(&is, a);
        struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
        int64_t from = rh_clock_mono_ns();
        must(rh_write_open(&ctx, &l->caller, RH_WRITE_SINGLE, 1, &w), "write");
        w->ops[0] = (struct rh_write_op){.interaction = RH_CREATE,
                                         .type = rh_resource_number(RH_TEXT("Observation")),
                                         .body = {body, sizeof body - 1}};
        must(rh_write_run(s, w), "create");
        l->write_took_ms[l->writes++] = (double)(rh_clock_mono_ns() - from) / 1e6;
        usleep(l->write_ms * 1000);
    }
    rh_session_close(s);
    rh_arena_close(a);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report_writes(struct load *l)
{
    if (l->writes == 0)
        return;
    qsort(l->write_took_ms, l->writes, sizeof *l->write_took_ms, by_value);
    printf("{\"creates\":%u,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f}\n", l->writes,
           l->write_took_ms[l->writes / 2], l->write_took_ms[l->writes * 99 / 100],
           l->write_took_ms[l->writes - 1]);
}

/* Seconds of processor time of each thread that lives. */
static void report_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    printf("{\"cpu_s\":{");
    for (bool first = true; d && (e = readdir(d)) != NULL;) {
        char path[300], text[1024], *close_at;
        unsigned long user = 0, sys = 0;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", e->d_name);
        FILE *f = fopen(path, "r");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f)
            fclose(f);
        text[n] = '\0';
        close_at = strrchr(text, ')');
        if (!close_at || sscanf(close_at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                &user, &sys) != 2)
            continue;
        *close_at = '\0';
        printf("%s\"%s %s\":[%.1f,%.1f]", first ? "" : ",", strchr(text, '(') + 1, e->d_name,
               (double)user / (double)sysconf(_SC_CLK_TCK),
               (double)sys / (double)sysconf(_SC_CLK_TCK));
        first = false;
    }
    printf("}}\n");
    if (d)
        closedir(d);
}

/* Bytes that went through read and write. */
static void report_io(void)
{
    FILE *f = fopen("/proc/self/io", "r");
    uint64_t in = 0, out = 0;
    if (!f)
        return;
    if (fscanf(f, "rchar: %" SCNu64 " wchar: %" SCNu64, &in, &out) == 2)
        printf("{\"read_bytes\":%" PRIu64 ",\"written_bytes\":%" PRIu64 "}\n", in, out);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    struct load l = {.caller = {.user = RH_TEXT("bench"), .local = true}};
    const char *ms = getenv("RIHLA_WRITE_MS");
    if (argc < 3)
        return 2;
    rh_issues_init(&is, a);
    l.write_ms = ms ? (unsigned)strtoul(ms, NULL, 10) : 20;
    l.write_took_ms = rh_alloc(WRITES_MAX * sizeof *l.write_took_ms);
    struct rh_record_options o = {.dir = argv[1], .create = true};
    must(rh_record_open(&o, &is, &l.record), is.count ? is.rows[0].text : "open");
    must(rh_bulk_open(l.record, &l.caller, RH_TEXT("bench"), 0, &l.bulk), "bulk");
    pthread_t writer;
    if (l.write_ms)
        pthread_create(&writer, NULL, write_beside, &l);
    l.begin_ns = l.last_ns = rh_clock_mono_ns();
    for (int i = 2; i < argc; i++)
        load_file(&l, argv[i]);
    must(rh_bulk_flush(l.bulk), "flush");
    double took = (double)(rh_clock_mono_ns() - l.begin_ns) / 1e9;
    struct rh_bulk_counts c;
    rh_bulk_counts(l.bulk, &c);
    report_threads();
    report_io();
    l.stop = true;
    if (l.write_ms)
        pthread_join(writer, NULL);
    report_writes(&l);
    must(rh_bulk_close(l.bulk, true), "close");
    struct rh_session *s;
    struct rh_record_stats st;
    must(rh_session_open(l.record, &s), "session");
    must(rh_record_stats(s, &st), "stats");
    rh_session_close(s);
    rh_record_close(l.record);
    printf("{\"created\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"seconds\":%.1f,\"per_s\":%.0f,\"bytes_per_resource\":%.0f}\n",
           c.created, c.refused, took, (double)c.created / took,
           (double)(st.store.bytes - st.store.wal_bytes) / (double)(c.created + l.writes));
    rh_free(l.write_took_ms);
    rh_arena_close(a);
    return 0;
}
