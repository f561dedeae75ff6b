/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_keys.c - microseconds a resource for its search keys, by type.
 *
 *     bench_keys FILE…     (resources, or Bundles whose entries are taken one by one)
 *
 * Prints for each type: resources, keys, microseconds for all keys, and for parsing alone, which is
 * what reading a resource costs anyway. The best of several rounds.
 */
#include "search/key.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 7, FILE_BYTES_MAX = 64 << 20 };

struct one {
    struct rh_text text;
    yyjson_val *value;
    unsigned type;
};

struct all {
    struct rh_arena *arena, *scratch;
    struct one *rows;
    size_t count, cap;
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
    unsigned type = rh_resource_number(rh_json_get(v, "resourceType"));
    rh_json_write(&b, v);
    struct one *rows =
        rh_arena_grow(all->arena, all->rows, &all->cap, all->count + 1, sizeof *rows);
    if (!rows || b.rc || !type)
        return;
    all->rows = rows;
    rows[all->count++] = (struct one){.text = rh_buf_get(&b), .value = v, .type = type};
}

static void read_file(struct all *all, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, all->arena);
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return;
    long size = ftell(f);
    rewind(f);
    char *data =
        size > 0 && size < FILE_BYTES_MAX ? rh_arena_alloc(all->arena, (size_t)size) : NULL;
    size_t len = data ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    if (!len || rh_json_parse(all->arena, &is, (struct rh_text){data, len}, &doc))
        return;
    yyjson_val *root = yyjson_doc_get_root(doc), *entry;
    size_t i, n;
    if (!rh_text_is(rh_json_get(root, "resourceType"), "Bundle")) {
        add(all, root);
        return;
    }
    yyjson_arr_foreach (yyjson_obj_get(root, "entry"), i, n, entry)
        add(all, yyjson_obj_get(entry, "resource"));
}

static double keys(const struct all *all, unsigned type, size_t *n_keys)
{
    double start = now_us();
    *n_keys = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct rh_search_keys found = {.n = 0};
        struct rh_issues is;
        if (all->rows[i].type != type)
            continue;
        rh_arena_reset(all->scratch);
        rh_issues_init(&is, all->scratch);
        struct rh_ctx ctx = {.arena = all->scratch, .issues = &is};
        (void)rh_keys_of(&ctx, rh_resource_type(type), all->rows[i].value, &found);
        *n_keys += found.n;
    }
    return now_us() - start;
}

static double parse(const struct all *all, unsigned type)
{
    double start = now_us();
    for (size_t i = 0; i < all->count; i++) {
        struct rh_issues is;
        yyjson_doc *doc;
        if (all->rows[i].type != type)
            continue;
        rh_arena_reset(all->scratch);
        rh_issues_init(&is, all->scratch);
        (void)rh_json_parse(all->scratch, &is, all->rows[i].text, &doc);
    }
    return now_us() - start;
}

int main(int argc, char **argv)
{
    struct all all = {.arena = rh_arena_open((size_t)4 << 30),
                      .scratch = rh_arena_open((size_t)256 << 20)};
    double sum = 0, sum_parse = 0;
    for (int i = 1; i < argc; i++)
        read_file(&all, argv[i]);
    printf("%-24s %8s %8s %10s %10s\n", "type", "count", "keys", "us keys", "us parse");
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES; type++) {
        double best = 0, best_parse = 0, count = 0;
        size_t n_keys = 0;
        for (size_t i = 0; i < all.count; i++)
            count += all.rows[i].type == type;
        for (unsigned r = 0; r < ROUNDS && count > 0; r++) {
            double t = keys(&all, type, &n_keys), p = parse(&all, type);
            best = r == 0 || t < best ? t : best;
            best_parse = r == 0 || p < best_parse ? p : best_parse;
        }
        if (count > 0)
            printf("%-24s %8.0f %8.1f %10.2f %10.2f\n", rh_resource_type(type)->name, count,
                   (double)n_keys / count, best / count, best_parse / count);
        sum += best;
        sum_parse += best_parse;
    }
    if (all.count > 0)
        printf("%-24s %8zu %8s %10.2f %10.2f\n", "all", all.count, "", sum / (double)all.count,
               sum_parse / (double)all.count);
    rh_arena_close(all.arena);
    rh_arena_close(all.scratch);
    return 0;
}
