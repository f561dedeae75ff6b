/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/compress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct rh_arena *arena;
static const char dictionary[] = "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{"
                                 "\"coding\":[{\"system\":\"http://loinc.org\","
                                 "\"subject\":{\"reference\":\"Patient/\",\"effectiveDateTime\":\"";

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

/* Text that packs, but not to nothing. */
static struct rh_text sample(size_t len)
{
    char *p = rh_arena_alloc(arena, len + 1);
    unsigned n = 12345;
    for (size_t i = 0; i < len; i++) {
        n = n * 1103515245 + 12345;
        p[i] = dictionary[(i + (n >> 28)) % (sizeof dictionary - 1)];
    }
    return (struct rh_text){p, len};
}

static void what_was_packed_unpacks_the_same(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 1041, 65536, 300000};
    static const int levels[] = {RH_PACK_LEVEL_MIN, 3, RH_PACK_LEVEL_MAX};
    for (int with = 0; with < 2; with++) {
        struct rh_codec *codec = rh_codec_open(dictionary, with ? sizeof dictionary - 1 : 0);
        struct rh_packer *p = rh_packer_open(codec), *other = rh_packer_open(codec);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (size_t j = 0; j < 3; j++) {
                struct rh_text in = sample(sizes[i]), packed;
                char *out = rh_arena_alloc(arena, sizes[i] + 1);
                size_t len = 4711;
                assert_int_equal(rh_pack(p, levels[j], arena, in, &packed), RH_OK);
                assert_int_equal(rh_unpack(other, packed.data, packed.len, out, sizes[i], &len),
                                 RH_OK);
                assert_int_equal(len, in.len);
                assert_memory_equal(out, in.data, len);
                rh_arena_reset(arena);
            }
        }
        rh_packer_close(p);
        rh_packer_close(other);
        rh_codec_close(codec);
    }
    rh_packer_close(NULL);
    rh_codec_close(NULL);
}

static void the_dictionary_makes_small_bodies_smaller(void **state)
{
    (void)state;
    struct rh_codec *plain = rh_codec_open(NULL, 0),
                    *with = rh_codec_open(dictionary, sizeof dictionary - 1);
    struct rh_packer *p = rh_packer_open(plain), *q = rh_packer_open(with);
    struct rh_text in = {dictionary + 1, sizeof dictionary - 10}, a, b;
    assert_int_equal(rh_pack(p, 3, arena, in, &a), RH_OK);
    assert_int_equal(rh_pack(q, 3, arena, in, &b), RH_OK);
    assert_true(b.len < a.len / 3);

    char out[300]; /* and without it they do not unpack to something else unnoticed */
    size_t len = 0;
    enum rh_rc rc = rh_unpack(p, b.data, b.len, out, sizeof out, &len);
    assert_true(rc == RH_CORRUPT || len != in.len || memcmp(out, in.data, len) != 0);
    rh_packer_close(p);
    rh_packer_close(q);
    rh_codec_close(plain);
    rh_codec_close(with);
}

static void refuses_damaged_and_too_large_frames(void **state)
{
    (void)state;
    struct rh_codec *codec = rh_codec_open(dictionary, sizeof dictionary - 1);
    struct rh_packer *p = rh_packer_open(codec);
    struct rh_text in = sample(5000), packed;
    char out[5001];
    size_t len = 4711;
    assert_int_equal(rh_pack(p, 3, arena, in, &packed), RH_OK);
    assert_int_equal(rh_unpack(p, packed.data, packed.len, out, in.len - 1, &len), RH_CORRUPT);
    for (size_t cut = 0; cut < packed.len; cut++)
        assert_int_equal(rh_unpack(p, packed.data, cut, out, sizeof out, &len), RH_CORRUPT);
    assert_int_equal(rh_unpack(p, "not a frame", 11, out, sizeof out, &len), RH_CORRUPT);
    assert_int_equal(len, 4711); /* nothing written on failure */
    assert_int_equal(rh_unpack(p, packed.data, packed.len, out, in.len, &len),
                     RH_OK); /* and goes on */

    struct rh_text zeros = {rh_arena_zero(arena, 8 << 20), 8 << 20}, bomb;
    assert_int_equal(rh_pack(p, 3, arena, zeros, &bomb), RH_OK);
    assert_true(bomb.len < 2000);
    assert_int_equal(rh_unpack(p, bomb.data, bomb.len, out, sizeof out, &len), RH_CORRUPT);

    struct rh_arena *small = rh_arena_open(100);
    assert_int_equal(rh_pack(p, 3, small, in, &packed), RH_NOMEM);
    rh_arena_close(small);
    rh_packer_close(p);
    rh_codec_close(codec);
}

static void refuses_a_damaged_dictionary(void **state)
{
    (void)state;
    static const char damaged[] =
        "\x37\xA4\x30\xEC garbage behind the magic number of a dictionary";
    assert_null(rh_codec_open(damaged, sizeof damaged));
}

static void gzip_goes_there_and_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 16384, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int level = 1; level <= 9; level += 4) {
            struct rh_text in = sample(sizes[i]);
            struct rh_buf packed = rh_buf(arena), out = rh_buf(arena);
            rh_buf_str(&out, "kept");
            assert_int_equal(rh_gzip_pack(in, level, &packed), RH_OK);
            assert_int_equal(rh_gzip_unpack(rh_buf_get(&packed), in.len, &out), RH_OK);
            assert_int_equal(out.len, in.len + 4);
            assert_memory_equal(out.data, "kept", 4);
            assert_memory_equal(out.data + 4, in.data, in.len);
            if (in.len) {
                assert_int_equal(rh_gzip_unpack(rh_buf_get(&packed), in.len - 1, &out),
                                 RH_TOOLARGE);
                assert_int_equal(out.len, in.len + 4);
            }
            rh_arena_reset(arena);
        }
    }
}

/* Pieces of all sizes make one member. */
static void gzip_piece_by_piece(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 70000, 0, 300000, 16384, 3};
    for (int level = 1; level <= 9; level += 4) {
        struct rh_gzip *g = rh_gzip_open(level);
        struct rh_buf all = rh_buf(arena), plain = rh_buf(arena), out = rh_buf(arena);
        size_t n = sizeof sizes / sizeof sizes[0];
        assert_non_null(g);
        for (size_t i = 0; i < n; i++) {
            struct rh_text in = sample(sizes[i]);
            rh_buf_text(&plain, in);
            assert_int_equal(rh_gzip_add(g, in, i + 1 == n, &all), RH_OK);
        }
        rh_gzip_close(g);
        assert_int_equal(rh_gzip_unpack(rh_buf_get(&all), plain.len, &out), RH_OK);
        assert_true(rh_text_eq(rh_buf_get(&out), rh_buf_get(&plain)));
        assert_true(all.len < plain.len);
    }
    struct rh_gzip *none = rh_gzip_open(1);
    struct rh_buf empty = rh_buf(arena), out = rh_buf(arena);
    assert_int_equal(rh_gzip_add(none, RH_TEXT(""), true, &empty), RH_OK);
    assert_int_equal(rh_gzip_unpack(rh_buf_get(&empty), 10, &out), RH_OK);
    assert_int_equal(out.len, 0);
    rh_gzip_close(none);
    rh_gzip_close(NULL);
}

/* Random bytes do not shrink, so that the first guess of the size is too small. */
static void gzip_of_what_does_not_shrink(void **state)
{
    (void)state;
    char *p = rh_arena_alloc(arena, 300000);
    unsigned n = 1;
    for (size_t i = 0; i < 300000; i++) {
        n = n * 1664525 + 1013904223;
        p[i] = (char)(n >> 24);
    }
    struct rh_buf packed = rh_buf(arena), out = rh_buf(arena);
    assert_int_equal(rh_gzip_pack((struct rh_text){p, 300000}, 1, &packed), RH_OK);
    assert_true(packed.len > 290000);
    assert_int_equal(rh_gzip_unpack(rh_buf_get(&packed), 300000, &out), RH_OK);
    assert_memory_equal(out.data, p, 300000);
}

static void refuses_gzip_that_is_cut_damaged_or_followed_by_something(void **state)
{
    (void)state;
    struct rh_text in = sample(3000);
    struct rh_buf packed = rh_buf(arena), two = rh_buf(arena), out = rh_buf(arena);
    assert_int_equal(rh_gzip_pack(in, 6, &packed), RH_OK);
    for (size_t cut = 0; cut < packed.len; cut++)
        assert_int_equal(rh_gzip_unpack((struct rh_text){packed.data, cut}, 10000, &out),
                         RH_SYNTAX);
    for (size_t i = 0; i < packed.len; i += 7) {
        if (i >= 4 && i < 10)
            continue; /* time and system in the header do not matter */
        packed.data[i] = (char)(packed.data[i] ^ 0x40);
        enum rh_rc rc = rh_gzip_unpack(rh_buf_get(&packed), 10000, &out);
        assert_true(rc == RH_SYNTAX || rc == RH_TOOLARGE);
        packed.data[i] = (char)(packed.data[i] ^ 0x40);
    }
    assert_int_equal(out.len, 0);
    rh_buf_text(&two, rh_buf_get(&packed));
    rh_buf_text(&two, rh_buf_get(&packed));
    assert_int_equal(rh_gzip_unpack(rh_buf_get(&two), 6000, &out), RH_OK);
    assert_int_equal(out.len, 6000);
    rh_buf_str(&two, "x");
    assert_int_equal(rh_gzip_unpack(rh_buf_get(&two), 10000, &out), RH_SYNTAX);
    assert_int_equal(rh_gzip_unpack(RH_TEXT("{}"), 10000, &out), RH_SYNTAX);

    struct rh_buf bomb = rh_buf(arena);
    assert_int_equal(
        rh_gzip_pack((struct rh_text){rh_arena_zero(arena, 8 << 20), 8 << 20}, 9, &bomb), RH_OK);
    assert_int_equal(rh_gzip_unpack(rh_buf_get(&bomb), 1 << 20, &out), RH_TOOLARGE);
    assert_int_equal(out.len, 6000);
}

static void write_file(const char *path, struct rh_text t)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(t.data, 1, t.len, f), t.len);
    fclose(f);
}

static enum rh_rc read_file(const char *path, struct rh_buf *out)
{
    struct rh_reader *r;
    size_t n = 1;
    enum rh_rc rc = rh_reader_open(NULL, path, &r);
    if (rc)
        return rc;
    while (!rc && n > 0) {
        rc = rh_reader_read(r, rh_buf_room(out, 5000), 5000, &n);
        if (!rc)
            out->len += n;
    }
    if (!rc)
        assert_int_equal(rh_reader_at(r), rh_reader_size(r));
    rh_reader_close(r);
    return rc;
}

static void reads_files_packed_or_not(void **state)
{
    (void)state;
    char path[] = "/tmp/rihla-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct rh_text in = sample(500000);
    struct rh_buf packed = rh_buf(arena), out = rh_buf(arena);
    assert_int_equal(rh_gzip_pack(in, 6, &packed), RH_OK);

    write_file(path, in);
    assert_int_equal(read_file(path, &out), RH_OK);
    assert_true(rh_text_eq(rh_buf_get(&out), in));
    out.len = 0;
    write_file(path, rh_buf_get(&packed));
    assert_int_equal(read_file(path, &out), RH_OK);
    assert_true(rh_text_eq(rh_buf_get(&out), in));
    out.len = 0;
    write_file(path, RH_TEXT(""));
    assert_int_equal(read_file(path, &out), RH_OK);
    assert_int_equal(out.len, 0);

    write_file(path, (struct rh_text){packed.data, packed.len - 100}); /* an interrupted download */
    assert_int_equal(read_file(path, &out), RH_SYNTAX);
    packed.data[packed.len / 2] = (char)(packed.data[packed.len / 2] ^ 0x40);
    write_file(path, rh_buf_get(&packed));
    assert_int_equal(read_file(path, &out), RH_SYNTAX);
    unlink(path);
    assert_int_equal(read_file(path, &out), RH_NOTFOUND);
    assert_int_equal(read_file("/tmp", &out), RH_INVALID);
    rh_reader_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(what_was_packed_unpacks_the_same),
        TEST(the_dictionary_makes_small_bodies_smaller),
        TEST(refuses_damaged_and_too_large_frames),
        TEST(refuses_a_damaged_dictionary),
        TEST(gzip_goes_there_and_back),
        TEST(gzip_piece_by_piece),
        TEST(gzip_of_what_does_not_shrink),
        TEST(refuses_gzip_that_is_cut_damaged_or_followed_by_something),
        TEST(reads_files_packed_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
