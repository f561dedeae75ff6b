/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of the bytes stands in tools/pack_definitions.c. */
#include "programme/definitions.h"

#include "base/alloc.h"
#include "system/compress.h"

#include <assert.h>
#include <stdatomic.h>

enum { HEADER = 20, BODY_MAX = 16 << 20, FIELDS = 7 };

/* Made by src/programme/meson.build from what ./dev setup packed. */
extern const unsigned char rh_builtin_data[], rh_builtin_end[];

/* What the built-in packages share; it goes with the last of them. */
struct builtin {
    atomic_uint count;
    struct rh_codec *codec;
    struct rh_text index; /* packed */
    size_t index_len;     /* unpacked */
    size_t n;
    const unsigned char *offsets, *sizes, *bodies;
    size_t bodies_len;
};

static uint32_t get_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void release(void *user)
{
    struct builtin *b = user;
    if (atomic_fetch_sub(&b->count, 1) != 1)
        return;
    rh_codec_close(b->codec);
    rh_free(b);
}

static enum rh_rc unpack(struct rh_codec *codec, const void *data, size_t len, struct rh_arena *a,
                         size_t max, struct rh_text *ret)
{
    char *to = rh_arena_alloc(a, max + 1);
    if (!to)
        return RH_NOMEM;
    struct rh_packer *p = rh_packer_open(codec);
    enum rh_rc rc = rh_unpack(p, data, len, to, max, &ret->len);
    rh_packer_close(p);
    if (rc)
        return rc;
    to[ret->len] = 0;
    ret->data = to;
    return RH_OK;
}

/* A source's text (fhir/world.h). */
static enum rh_rc body_text(void *user, size_t n, struct rh_arena *a, struct rh_text *ret)
{
    struct builtin *b = user;
    assert(n < b->n);
    size_t from = get_u32(b->offsets + 4 * n), to = get_u32(b->offsets + 4 * n + 4);
    if (from > to || to > b->bodies_len)
        return RH_CORRUPT;
    size_t max = get_u32(b->sizes + 4 * n);
    if (max > BODY_MAX)
        return RH_CORRUPT;
    return unpack(b->codec, b->bodies + from, to - from, a, max, ret);
}

static enum rh_rc open_blob(struct builtin **ret)
{
    const unsigned char *p = rh_builtin_data;
    size_t size = (size_t)(rh_builtin_end - rh_builtin_data);
    if (size < HEADER || memcmp(p, "RHD1", 4) != 0)
        return RH_CORRUPT;
    uint64_t dictionary = get_u32(p + 4), index = get_u32(p + 8), n = get_u32(p + 16);
    if (HEADER + dictionary + index + 4 * (2 * n + 1) > size)
        return RH_CORRUPT;
    struct builtin *b = rh_alloc(sizeof *b);
    atomic_init(&b->count, 1);
    b->codec = rh_codec_open(p + HEADER, dictionary);
    b->index = (struct rh_text){(const char *)p + HEADER + dictionary, index};
    b->index_len = get_u32(p + 12);
    b->n = n;
    b->offsets = p + HEADER + dictionary + index;
    b->sizes = b->offsets + 4 * (n + 1);
    b->bodies = b->sizes + 4 * n;
    b->bodies_len = (size_t)(rh_builtin_end - b->bodies);
    if (!b->codec) {
        release(b);
        return RH_CORRUPT;
    }
    *ret = b;
    return RH_OK;
}

static unsigned split_fields(struct rh_text line, struct rh_text fields[FIELDS])
{
    unsigned n = 0;
    while (n < FIELDS && rh_text_split(&line, '\t', &fields[n]))
        n++;
    return line.data ? 0 : n;
}

static enum rh_rc open_next(struct builtin *b, struct rh_text f[FIELDS], struct rh_package **ret)
{
    struct rh_package_source source = {.user = b, .text = body_text, .close = release};
    atomic_fetch_add(&b->count, 1);
    enum rh_rc rc = rh_package_open(f[1], f[2], &source, ret);
    if (rc)
        release(b);
    return rc;
}

static enum rh_rc add_definition(const struct builtin *b, struct rh_package *p,
                                 struct rh_text f[FIELDS], char *type)
{
    uint64_t n;
    if (rh_text_u64(f[6], b->n - 1, &n))
        return RH_CORRUPT;
    type[f[0].len] = 0; /* where the tab was */
    return rh_package_add(p, &(struct rh_definition){.type = type,
                                                     .url = f[1],
                                                     .version = f[2],
                                                     .id = f[3],
                                                     .name = f[4],
                                                     .base = f[5],
                                                     .n = n});
}

static enum rh_rc read_index(struct builtin *b, struct rh_arena *a,
                             struct rh_package *ret[RH_BUILTIN_PACKAGES])
{
    struct rh_text index, line, f[FIELDS];
    unsigned n = 0;
    struct rh_codec *plain = rh_codec_open(NULL, 0);
    enum rh_rc rc = unpack(plain, b->index.data, b->index.len, a, b->index_len, &index);
    rh_codec_close(plain);
    while (!rc && rh_text_split(&index, '\n', &line) && line.len) {
        unsigned fields = split_fields(line, f);
        if (fields == 3 && rh_text_is(f[0], "=") && n < RH_BUILTIN_PACKAGES)
            rc = open_next(b, f, &ret[n++]);
        else if (fields == FIELDS && n > 0)
            rc = add_definition(b, ret[n - 1], f, (char *)(uintptr_t)line.data);
        else
            rc = RH_CORRUPT;
    }
    return rc || n == RH_BUILTIN_PACKAGES ? rc : RH_CORRUPT;
}

enum rh_rc rh_definitions_builtin(struct rh_package *ret[RH_BUILTIN_PACKAGES])
{
    struct builtin *b;
    enum rh_rc rc = open_blob(&b);
    if (rc)
        return rc;
    memset(ret, 0, RH_BUILTIN_PACKAGES * sizeof(struct rh_package *));
    struct rh_arena *a = rh_arena_open(b->index_len + (64 << 10));
    rc = read_index(b, a, ret);
    rh_arena_close(a);
    for (int i = 0; i < RH_BUILTIN_PACKAGES; i++) {
        if (!rc)
            rh_package_seal(ret[i]);
        else {
            rh_package_close(ret[i]);
            ret[i] = NULL;
        }
    }
    release(b); /* the packages hold it now */
    return rc;
}
