/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_check.c - microseconds a resource for each step over what stands in a file before it is
 * written.
 *
 *     bench_check FILE…     (resources, or Bundles whose entries are taken one by one)
 *
 * Prints one line a step: total, per resource, per kilobyte of minified JSON. The best of several
 * rounds.
 */
#include "fhir/check.h"
#include "fhir/compartment.h"
#include "fhir/reference.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 7, FILE_BYTES_MAX = 16 << 20 };

struct one {
    struct rh_text text;
    yyjson_val *value;
    const struct rh_type *type;
    struct rh_text id;
};

struct all {
    struct rh_arena *arena, *scratch;
    struct one *rows;
    size_t count, cap, bytes, issues;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void add(struct all *all, yyjson_val *v)
{
    struct rh_buf b = rh_buf(all->arena);
    rh_json_write(&b, v);
    struct one *rows =
        rh_arena_grow(all->arena, all->rows, &all->cap, all->count + 1, sizeof *rows);
    if (!rows || b.rc)
        return;
    all->rows = rows;
    rows[all->count++] =
        (struct one){.text = rh_buf_get(&b), .id = rh_json_get(v, "id"), .value = v};
    all->bytes += b.len;
}

static void read_file(struct all *all, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = rh_arena_alloc(all->arena, FILE_BYTES_MAX);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, all->arena);
    if (!f || !data) {
        fprintf(stderr, "%s: cannot be read\n", path);
        if (f)
            fclose(f);
        return;
    }
    struct rh_text text = {data, fread(data, 1, FILE_BYTES_MAX, f)};
    fclose(f);
    if (rh_json_parse(all->arena, &is, text, &doc)) {
        fprintf(stderr, "%s: %s\n", path, is.count ? is.rows[0].text : "not JSON");
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc), *entry;
    yyjson_val *entries = yyjson_obj_get(root, "entry");
    size_t i, n;
    if (!entries)
        add(all, root);
    yyjson_arr_foreach (entries, i, n, entry) {
        yyjson_val *resource = yyjson_obj_get(entry, "resource");
        if (resource)
            add(all, resource);
    }
}

static enum rh_rc count(void *user, yyjson_val *string, const struct rh_element *element)
{
    size_t *n = user;
    (void)element;
    *n += rh_reference_parse(rh_json_text(string), (struct rh_text){NULL, 0}).kind != RH_REF_OTHER;
    return RH_OK;
}

static void parse_all(struct all *all)
{
    struct rh_issues is;
    yyjson_doc *doc;
    for (size_t i = 0; i < all->count; i++) {
        rh_arena_reset(all->scratch);
        rh_issues_init(&is, all->scratch);
        (void)rh_json_parse(all->scratch, &is, all->rows[i].text, &doc);
    }
}

static void check_all(struct all *all)
{
    struct rh_issues is;
    for (size_t i = 0; i < all->count; i++) {
        rh_issues_init(&is, all->scratch);
        (void)rh_fhir_check(&is, all->rows[i].value, &all->rows[i].type);
        all->issues += is.count;
    }
}

static void walk_all(struct all *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->rows[i].type)
            (void)rh_references_walk(all->rows[i].type, all->rows[i].value, count, &n);
}

static void compartment_all(struct all *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->rows[i].type)
            (void)rh_compartment_patient(all->rows[i].type, all->rows[i].value, all->rows[i].id);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct all *all);
    } steps[] = {{"parse", parse_all},
                 {"check", check_all},
                 {"references", walk_all},
                 {"compartment", compartment_all}};
    struct all all = {.arena = rh_arena_open((size_t)1 << 40),
                      .scratch = rh_arena_open((size_t)1 << 30)};
    for (int i = 1; i < argc; i++)
        read_file(&all, argv[i]);
    if (all.count == 0)
        return 2;
    printf("%zu resources of %zu bytes on average\n", all.count, all.bytes / all.count);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            double begin = now_us();
            steps[s].run(&all);
            double us = now_us() - begin;
            if (round == 0 || us < best)
                best = us;
        }
        printf("%-12s %8.1f ms   %6.3f us a resource   %6.3f us a kB\n", steps[s].name, best / 1e3,
               best / (double)all.count, best / ((double)all.bytes / 1024));
    }
    printf("issues found: %zu\n", all.issues / ROUNDS);
    rh_arena_close(all.arena);
    rh_arena_close(all.scratch);
    return 0;
}
