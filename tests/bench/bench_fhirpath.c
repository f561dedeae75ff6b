/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_fhirpath.c - nanoseconds of one evaluation, after compilation.
 *
 *     bench_fhirpath FILE EXPRESSION…
 *     bench_fhirpath --lines       (lines {"expr","resource"} or {"expr","same":true} on stdin: all
 * of them, again and again; prints evaluations a second)
 *
 * Each evaluation begins with an empty arena, as a request does. The best of several rounds.
 */
#include "fhirpath/fhirpath.h"

#include <stdio.h>
#include <time.h>

enum {
    ROUNDS = 7,
    ROUND_US = 100000,
    LINES_US = 2000000,
    INPUT_MAX = 64 << 20,
    LINES_MAX = 100000
};

struct work {
    struct rh_fp *compiled;
    yyjson_val *resource;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct rh_text read_all(struct rh_arena *a, FILE *f)
{
    char *data = rh_arena_alloc(a, INPUT_MAX);
    size_t n = data && f ? fread(data, 1, INPUT_MAX, f) : 0;
    return (struct rh_text){data, n};
}

static enum rh_rc evaluate(struct rh_arena *scratch, const struct work *w, size_t *items)
{
    struct rh_issues is;
    struct rh_fp_list result = {0};
    rh_arena_reset(scratch);
    rh_issues_init(&is, scratch);
    struct rh_ctx c = {.arena = scratch, .issues = &is, .now_us = 1700000000000000};
    struct rh_fp_input in = {.focus = rh_fp_resource(w->resource, false), .resource = w->resource};
    enum rh_rc rc = rh_fp_eval(&c, w->compiled, &in, &result);
    *items = result.count;
    return rc;
}

static int one(struct rh_arena *a, struct rh_arena *scratch, yyjson_val *resource, const char *text)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    struct work w = {.resource = resource};
    if (rh_fp_compile(&c, a, rh_text(text), &w.compiled)) {
        fprintf(stderr, "%s: %s\n", text, is.rows[0].text);
        return 1;
    }
    double best = 1e9;
    size_t items = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t n = 0;
        double begin = now_us(), took;
        do {
            for (int i = 0; i < 100; i++, n++)
                if (evaluate(scratch, &w, &items)) {
                    fprintf(stderr, "%s: cannot be evaluated\n", text);
                    return 1;
                }
            took = now_us() - begin;
        } while (took < ROUND_US);
        if (took * 1e3 / (double)n < best)
            best = took * 1e3 / (double)n;
    }
    printf("%8.0f ns  %zu items  %s\n", best, items, text);
    return 0;
}

static size_t read_lines(struct rh_arena *a, struct rh_text text, struct work *work)
{
    struct rh_text rest = text, line;
    yyjson_val *before = NULL;
    size_t n = 0;
    while (n < LINES_MAX && rh_text_split(&rest, '\n', &line)) {
        struct rh_issues is;
        yyjson_doc *doc;
        rh_issues_init(&is, a);
        if (line.len == 0 || rh_json_parse(a, &is, line, &doc))
            continue;
        yyjson_val *o = yyjson_doc_get_root(doc), *resource = yyjson_obj_get(o, "resource");
        if (resource)
            before = resource;
        struct rh_ctx c = {.arena = a, .issues = &is};
        if (rh_fp_compile(&c, a, rh_json_get(o, "expr"), &work[n].compiled))
            continue;
        work[n++].resource = before;
    }
    return n;
}

static int lines(struct rh_arena *a, struct rh_arena *scratch)
{
    struct rh_text text = read_all(a, stdin);
    struct work *work = rh_arena_zero(a, LINES_MAX * sizeof *work);
    size_t n = work ? read_lines(a, text, work) : 0, items;
    double best = 0;
    if (n == 0)
        return 1;
    for (double end = now_us() + LINES_US; now_us() < end;) {
        double begin = now_us();
        for (size_t i = 0; i < n; i++)
            (void)evaluate(scratch, &work[i], &items);
        double rate = (double)n * 1e6 / (now_us() - begin);
        if (rate > best)
            best = rate;
    }
    printf("{\"evaluations\":%zu,\"per_second\":%.0f}\n", n, best);
    return 0;
}

int main(int argc, char **argv)
{
    struct rh_arena *a = rh_arena_open((size_t)1 << 30), *scratch = rh_arena_open(256 << 20);
    int code = 0;
    if (argc == 2 && strcmp(argv[1], "--lines") == 0) {
        code = lines(a, scratch);
    } else if (argc > 2) {
        struct rh_issues is;
        yyjson_doc *doc;
        FILE *f = fopen(argv[1], "rb");
        struct rh_text text = read_all(a, f);
        if (f)
            fclose(f);
        rh_issues_init(&is, a);
        if (!f || rh_json_parse(a, &is, text, &doc)) {
            fprintf(stderr, "%s: cannot be read\n", argv[1]);
            code = 1;
        }
        for (int i = 2; i < argc && !code; i++)
            code = one(a, scratch, yyjson_doc_get_root(doc), argv[i]);
    } else {
        fprintf(stderr, "usage: bench_fhirpath FILE EXPRESSION... | --lines\n");
        code = 2;
    }
    rh_arena_close(a);
    rh_arena_close(scratch);
    return code;
}
