/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_definitions.c - packs the definitions that are built into the program.
 *
 *     pack_definitions OUT INDEX BODIES.ndjson
 *
 * INDEX and BODIES are what tools/definitions.py wrote. OUT is, in little-endian numbers of 32
 * bits (src/programme/builtin.c reads it):
 *
 *     "RHD1", size of the dictionary, size of the index packed and unpacked, number of bodies
 *     the dictionary, the packed index
 *     number + 1 offsets of the packed bodies, from the first of them
 *     number sizes of the bodies, unpacked
 *     the packed bodies: each a zstd frame of its own, all with the one dictionary
 *
 * The same input and the same libzstd give the same bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zstd.h>

enum { DICTIONARY_BYTES = 112 << 10, LEVEL = 19, BODIES_MAX = 100000, INPUT_MAX = 1 << 30 };

struct input {
    char *data;
    size_t len;
};

static int complain(const char *what, const char *name, const char *why)
{
    fprintf(stderr, "pack_definitions: %s %s: %s\n", what, name, why);
    return 3;
}

static int read_file(const char *name, struct input *ret)
{
    FILE *f = fopen(name, "rb");
    long size = 0;
    if (!f)
        return complain("cannot open", name, strerror(errno));
    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || size > INPUT_MAX ||
        fseek(f, 0, SEEK_SET) != 0) {
        fclose(f);
        return complain("cannot size", name, strerror(errno));
    }
    ret->data = malloc((size_t)size + 1);
    ret->len = ret->data ? fread(ret->data, 1, (size_t)size, f) : 0;
    int bad = ret->len != (size_t)size || ret->data == NULL;
    fclose(f);
    return bad ? complain("cannot read", name, strerror(errno)) : 0;
}

static struct input bodies, indexed;
static size_t sizes[BODIES_MAX];
static uint32_t offsets[BODIES_MAX + 1];
static unsigned n_bodies;
static unsigned char dictionary[DICTIONARY_BYTES];

/* Lines become bodies; their ends are taken out. */
static int split(const char *name)
{
    size_t kept = 0;
    for (char *at = bodies.data, *end = at + bodies.len; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (n_bodies == BODIES_MAX)
            return complain("cannot take", name, "more lines than BODIES_MAX");
        memmove(bodies.data + kept, at, len);
        sizes[n_bodies++] = len;
        kept += len;
        at += len + 1;
    }
    bodies.len = kept;
    return n_bodies < 100 ? complain("cannot take", name, "fewer than 100 lines") : 0;
}

/* The dictionary is trained on a part of all: every body's share of it would cost a minute. */
static size_t train(void)
{
    char *some = malloc(bodies.len);
    size_t *lens = malloc(n_bodies * sizeof *lens), at = 0, len = 0;
    unsigned n = 0;
    size_t result = 0;
    for (unsigned i = 0; some && lens && i < n_bodies; at += sizes[i++]) {
        size_t part = sizes[i] < 16384 ? sizes[i] : 16384;
        if (i % 2 || part < 8)
            continue;
        memcpy(some + len, bodies.data + at, part);
        lens[n++] = part;
        len += part;
    }
    if (some && lens)
        result = ZDICT_trainFromBuffer(dictionary, sizeof dictionary, some, lens, n);
    free(some);
    free(lens);
    return result;
}

static void put_u32(FILE *f, size_t n)
{
    for (int i = 0; i < 4; i++)
        fputc((int)(n >> (8 * i) & 0xff), f);
}

/* Packs all bodies one after the other into *ret. Returns 0, else what went wrong. */
static const char *pack_all(size_t dictionary_len, struct input *ret)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CDict *d = ZSTD_createCDict(dictionary, dictionary_len, LEVEL);
    size_t room = bodies.len + (size_t)n_bodies * 1024, at = 0;
    const char *why = NULL;
    ret->data = malloc(room);
    if (!c || !d || !ret->data)
        why = "no memory";
    else {
        ZSTD_CCtx_setParameter(c, ZSTD_c_dictIDFlag, 0);
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0);
        ZSTD_CCtx_refCDict(c, d);
    }
    for (unsigned i = 0; i < n_bodies && !why; i++) {
        size_t len =
            ZSTD_compress2(c, ret->data + ret->len, room - ret->len, bodies.data + at, sizes[i]);
        if (ZSTD_isError(len))
            why = ZSTD_getErrorName(len);
        else
            ret->len += len;
        at += sizes[i];
        offsets[i + 1] = (uint32_t)ret->len;
    }
    ZSTD_freeCDict(d);
    ZSTD_freeCCtx(c);
    return why;
}

static int write_out(const char *name, size_t dictionary_len, const struct input *index,
                     size_t index_len, const struct input *packed)
{
    FILE *f = fopen(name, "wb");
    if (!f)
        return complain("cannot write", name, strerror(errno));
    fwrite("RHD1", 1, 4, f);
    put_u32(f, dictionary_len);
    put_u32(f, index->len);
    put_u32(f, index_len);
    put_u32(f, n_bodies);
    fwrite(dictionary, 1, dictionary_len, f);
    fwrite(index->data, 1, index->len, f);
    for (unsigned i = 0; i <= n_bodies; i++)
        put_u32(f, offsets[i]);
    for (unsigned i = 0; i < n_bodies; i++)
        put_u32(f, sizes[i]);
    fwrite(packed->data, 1, packed->len, f);
    if (ferror(f) | fclose(f)) { /* both, so that the file is closed */
        remove(name);
        return complain("cannot write", name, strerror(errno));
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct input packed = {0}, index = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: pack_definitions OUT INDEX BODIES.ndjson\n");
        return 2;
    }
    int rc = read_file(argv[2], &indexed);
    rc = rc ? rc : read_file(argv[3], &bodies);
    rc = rc ? rc : split(argv[3]);
    if (rc)
        return rc;
    size_t dictionary_len = train();
    if (ZDICT_isError(dictionary_len))
        return complain("cannot train from", argv[3], ZDICT_getErrorName(dictionary_len));
    const char *why = pack_all(dictionary_len, &packed);
    if (why)
        return complain("cannot pack", argv[3], why);
    index.data = malloc(ZSTD_compressBound(indexed.len));
    if (!index.data)
        return complain("cannot pack", argv[2], "no memory");
    index.len = ZSTD_compress(index.data, ZSTD_compressBound(indexed.len), indexed.data,
                              indexed.len, LEVEL);
    if (ZSTD_isError(index.len))
        return complain("cannot pack", argv[2], ZSTD_getErrorName(index.len));
    return write_out(argv[1], dictionary_len, &index, indexed.len, &packed);
}
