/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_store.c - the store alone: appends in groups, reads, scans, bytes on the disk.
 *
 *     bench_store [RESOURCES [DIR]]     (100000; a folder under TMPDIR or /tmp)
 *
 * A resource is what the record makes of one: an entry with a body of 250 bytes, nearly all random
 * (as compressed ones are), a head, a person's next number for every tenth, and five keys. Each
 * size of group starts with an empty directory; the last one is then read. Prints JSON. Figures of
 * a disk are the disk's: run it where the data will be.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "scratch.h"
#include "store/store.h"

#include <inttypes.h>
#include <time.h>

enum { KEYS = 5, BODY = 250, PERSON = 10, PAGE = 100, READS = 200000, CHECKPOINT = 16 << 20 };

struct bench {
    const char *dir;
    struct rh_arena *arena;
    struct rh_store *store;
    struct rh_conn *writer;
    uint64_t random;
    char (*ids)[RH_UUID_SIZE];
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next_random(struct bench *b) /* splitmix64 */
{
    uint64_t z = b->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void must(struct bench *b, enum rh_rc rc, const char *doing)
{
    if (!rc)
        return;
    fprintf(stderr, "bench_store: %s: %s: %s\n", doing, rh_rc_text(rc),
            b->writer ? rh_store_error(b->writer) : "");
    exit(3);
}

static void open_all(struct bench *b)
{
    struct rh_store_options o = {.dir = b->dir, .create = true};
    struct rh_issues is;
    rh_issues_init(&is, b->arena);
    enum rh_rc rc = rh_store_open(&rh_store_sqlite, &o, &is, &b->store);
    if (rc)
        fprintf(stderr, "bench_store: %s\n", is.count ? is.rows[0].text : rh_rc_text(rc));
    must(b, rc, "open");
    must(b, rh_store_connect(b->store, RH_CONN_WRITE, &b->writer), "connect");
}

static void close_all(struct bench *b)
{
    rh_store_disconnect(b->writer);
    rh_store_close(b->store);
    b->writer = NULL;
}

static void put_one(struct bench *b, uint64_t seq, struct rh_hash *prev)
{
    unsigned char body[BODY] = {0};
    char *id = b->ids[seq - 1];
    uint64_t ordinal = (seq - 1) / PERSON + 1, place = (seq - 1) % PERSON + 1;
    struct rh_part part = {
        .part = ordinal * UINT64_C(0x9e3779b97f4a7c15), .ordinal = ordinal, .next = place + 1};
    for (size_t i = 0; i + 8 <= sizeof body; i += 8)
        rh_put_u64(body + i, next_random(b));
    rh_uuid7((int64_t)seq, id);
    struct rh_entry e = {.origin = 7,
                         .seq = seq,
                         .time_us = 1700000000000000 + (int64_t)seq,
                         .part = part.part,
                         .type = 96,
                         .op = RH_OP_CREATE,
                         .id = rh_text(id),
                         .codec = RH_CODEC_ZSTD,
                         .size = 1041,
                         .prev_hash = *prev,
                         .body = {(char *)body, sizeof body}};
    e.body_hash = rh_hash_of(body, sizeof body, part.salt, RH_SALT_SIZE);
    must(b, rh_store_append(b->writer, &e), "append");
    must(b, rh_entry_hash(&e, b->arena, prev), "hash");
    struct rh_head h = {.type = 96,
                        .id = e.id,
                        .rk = ordinal << RH_RK_BITS | place,
                        .entry = e.number,
                        .part = e.part,
                        .origin = e.origin,
                        .seq = seq,
                        .time_us = e.time_us};
    must(b, rh_store_part_put(b->writer, &part), "part");
    must(b, rh_store_head_put(b->writer, &h), "head");
    unsigned char bytes[KEYS][24];
    struct rh_key keys[KEYS];
    for (unsigned k = 0; k < KEYS; k++) {
        rh_put_u64(bytes[k], k == 0
                                 ? part.part
                                 : next_random(b) >> 40); /* the person, and values that repeat */
        rh_put_u64(bytes[k] + 8, k);
        rh_put_u64(bytes[k] + 16, 0);
        keys[k] = (struct rh_key){.type = 96,
                                  .param = (uint16_t)(k + 1),
                                  .bytes = {(char *)bytes[k], sizeof bytes[k]},
                                  .rk = h.rk};
    }
    must(b, rh_store_keys_put(b->writer, keys, KEYS), "keys");
}

static void append(struct bench *b, uint64_t total, unsigned group)
{
    struct rh_hash prev = {{0}};
    double worst = 0, begin = now_s();
    for (uint64_t seq = 1; seq <= total;) {
        double from = now_s();
        rh_arena_reset(b->arena);
        must(b, rh_store_begin(b->writer), "begin");
        for (unsigned i = 0; i < group && seq <= total; i++, seq++)
            put_one(b, seq, &prev);
        must(b, rh_store_commit(b->writer), "commit");
        if (now_s() - from > worst)
            worst = now_s() - from;
        if (rh_store_wal_bytes(b->writer) > CHECKPOINT)
            must(b, rh_store_checkpoint(b->writer, false), "checkpoint");
    }
    double took = now_s() - begin;
    printf("{\"group\":%u,\"resources\":%" PRIu64
           ",\"resources_per_s\":%.0f,\"commits_per_s\":%.0f,\"worst_ms\":%.1f}",
           group, total, (double)total / took, (double)(total / group) / took, worst * 1e3);
}

/* A whole index in pages, each begun behind the last row of the one before. */
static void scan_keys(struct bench *b, struct rh_conn *c)
{
    struct rh_key_scan scan = {.type = 96, .param = 2};
    struct rh_key keys[PAGE];
    char last[RH_STORE_KEY_MAX];
    uint64_t seen = 0;
    unsigned n;
    double begin = now_s();
    do {
        rh_arena_reset(b->arena);
        must(b, rh_store_key_scan(c, &scan, PAGE, b->arena, keys, &n), "key_scan");
        seen += n;
        if (n == 0)
            break;
        scan.has_after = true;
        scan.after = (struct rh_text){last, keys[n - 1].bytes.len};
        scan.after_rk = keys[n - 1].rk;
        memcpy(last, keys[n - 1].bytes.data, keys[n - 1].bytes.len);
    } while (n == PAGE);
    printf(",\"key_rows_per_s\":%.0f", (double)seen / (now_s() - begin));
}

/* One key of very many resources, among others: read as a whole, and entered at random. */
static void postings(struct bench *b, struct rh_conn *c)
{
    enum { ROWS = 1000000, BLOCK = 1000, AT_ONCE = 512 };
    struct rh_key keys[BLOCK];
    static const char name[] = "cone code among others\0hashhash";
    struct rh_text key = {name, sizeof name - 1};
    uint64_t rks[AT_ONCE], seen = 0, from = 0;
    int64_t aux[AT_ONCE];
    unsigned n;
    for (unsigned at = 0; at < ROWS; at += BLOCK) {
        for (unsigned i = 0; i < BLOCK; i++)
            keys[i] = (struct rh_key){.type = 96,
                                      .param = 50,
                                      .bytes = key,
                                      .rk = (uint64_t)(at + i) / 300 << RH_RK_BITS | (at + i) % 300,
                                      .aux = INT64_C(1577836800000) + at + i};
        must(b, rh_store_begin(b->writer), "begin");
        must(b, rh_store_keys_put(b->writer, keys, BLOCK), "keys");
        must(b, rh_store_commit(b->writer), "commit");
    }
    must(b, rh_store_checkpoint(b->writer, true), "checkpoint");
    for (int round = 0; round < 2; round++) { /* the first warms the caches */
        double begin = now_s();
        must(b, rh_store_begin(c), "begin");
        seen = from = 0;
        do {
            must(b, rh_store_key_rks(c, 96, 50, key, from, AT_ONCE, rks, aux, &n), "key_rks");
            seen += n;
            from = n ? rks[n - 1] + 1 : 0;
        } while (n == AT_ONCE);
        rh_store_rollback(c);
        if (round)
            printf(",\n \"posting_us\":%.3f", (now_s() - begin) / (double)seen * 1e6);
    }
    for (int round = 0; round < 2; round++) {
        double begin = now_s();
        must(b, rh_store_begin(c), "begin");
        for (unsigned i = 0; i < READS; i++) {
            from = next_random(b) % (ROWS / 300) << RH_RK_BITS;
            must(b, rh_store_key_rks(c, 96, 50, key, from, 1, rks, aux, &n), "key_rks");
        }
        rh_store_rollback(c);
        if (round)
            printf(",\"posting_seek_us\":%.2f", (now_s() - begin) / READS * 1e6);
    }
}

static void read_all(struct bench *b, uint64_t total)
{
    struct rh_conn *c;
    struct rh_head h, rows[PAGE];
    struct rh_entry e;
    unsigned n;
    must(b, rh_store_connect(b->store, RH_CONN_READ, &c), "connect a reader");
    for (int round = 0; round < 2; round++) { /* the first warms the caches */
        double begin = now_s();
        for (unsigned i = 0; i < READS; i++) {
            rh_arena_reset(b->arena);
            must(b, rh_store_begin(c), "begin");
            must(b, rh_store_head_get(c, 96, rh_text(b->ids[next_random(b) % total]), b->arena, &h),
                 "head_get");
            must(b, rh_store_entry(c, h.entry, b->arena, &e), "entry");
            rh_store_rollback(c);
        }
        if (round)
            printf(",\n \"read_us\":%.2f", (now_s() - begin) / READS * 1e6);
    }
    double begin = now_s();
    for (unsigned i = 0; i < READS; i++) {
        rh_arena_reset(b->arena);
        uint64_t seq = next_random(b) % total;
        must(b,
             rh_store_head_rk(c, (seq / PERSON + 1) << RH_RK_BITS | (seq % PERSON + 1), b->arena,
                              &h),
             "head_rk");
    }
    printf(",\"head_rk_us\":%.2f", (now_s() - begin) / READS * 1e6);
    scan_keys(b, c);
    postings(b, c);
    double from = now_s();
    uint64_t persons = total / PERSON, found = 0;
    for (uint64_t p = 1; p <= persons; p++) {
        rh_arena_reset(b->arena);
        must(b,
             rh_store_rk_scan(c, p << RH_RK_BITS, (p + 1) << RH_RK_BITS, PAGE, b->arena, rows, &n),
             "rk_scan");
        found += n;
    }
    printf(",\"persons_per_s\":%.0f,\"heads_per_person\":%.1f", (double)persons / (now_s() - from),
           (double)found / (double)persons);
    rh_store_disconnect(c);
}

int main(int argc, char **argv)
{
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    static const unsigned groups[] = {1, 16, 100, 1000};
    char dir[64], name[100];
    struct rh_store_stats stats;
    if (argc > 2)
        snprintf(dir, sizeof dir, "%s", argv[2]);
    else if (scratch_make(dir))
        return 3;
    struct bench b = {.arena = rh_arena_open(64 << 20),
                      .random = 1,
                      .ids = rh_alloc((size_t)total * sizeof *b.ids)};
    printf("{\"append\":[");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        snprintf(name, sizeof name, "%s/g%u", dir, groups[i]);
        b.dir = name;
        if (i) {
            close_all(&b);
            printf(",\n ");
        }
        open_all(&b);
        append(&b, groups[i] == 1 ? total / 20 : groups[i] == 16 ? total / 4 : total, groups[i]);
        fflush(stdout);
    }
    printf("]");
    must(&b, rh_store_checkpoint(b.writer, true), "checkpoint");
    must(&b, rh_store_stats(b.writer, &stats), "stats");
    read_all(&b, total);
    printf(",\n \"bytes_per_resource\":%.0f}\n", (double)stats.bytes / (double)total);
    close_all(&b);
    rh_free(b.ids);
    rh_arena_close(b.arena);
    return argc > 2 ? 0 : scratch_remove(dir) != 0;
}
