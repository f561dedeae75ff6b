/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/compress.h"

#include "base/alloc.h"
#include "system/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* ---- zstd -------------------------------------------------------------------------------------
 */

struct rh_codec {
    void *dictionary;
    size_t len;
    ZSTD_DDict *unpack;
    pthread_mutex_t mutex;                             /* for making the next ones */
    _Atomic(ZSTD_CDict *) pack[RH_PACK_LEVEL_MAX + 1]; /* made at the first use of a level */
};

struct rh_packer {
    struct rh_codec *codec;
    ZSTD_CCtx *pack; /* NULL until used: most threads only unpack, and these are large */
    ZSTD_DCtx *unpack;
};

struct rh_codec *rh_codec_open(const void *dictionary, size_t len)
{
    struct rh_codec *c = rh_alloc(sizeof *c);
    pthread_mutex_init(&c->mutex, NULL);
    if (len == 0)
        return c;
    c->dictionary = memcpy(rh_alloc(len), dictionary, len);
    c->len = len;
    c->unpack = ZSTD_createDDict(c->dictionary, len);
    ZSTD_CDict *pack = ZSTD_createCDict(c->dictionary, len, RH_PACK_LEVEL_MIN);
    atomic_store(&c->pack[RH_PACK_LEVEL_MIN], pack);
    if (!c->unpack || !pack) {
        rh_codec_close(c);
        return NULL;
    }
    return c;
}

void rh_codec_close(struct rh_codec *c)
{
    if (!c)
        return;
    for (int level = 0; level <= RH_PACK_LEVEL_MAX; level++)
        ZSTD_freeCDict(atomic_load(&c->pack[level]));
    ZSTD_freeDDict(c->unpack);
    pthread_mutex_destroy(&c->mutex);
    rh_free(c->dictionary);
    rh_free(c);
}

struct rh_packer *rh_packer_open(struct rh_codec *c)
{
    assert(c);
    struct rh_packer *p = rh_alloc(sizeof *p);
    p->codec = c;
    return p;
}

void rh_packer_close(struct rh_packer *p)
{
    if (!p)
        return;
    ZSTD_freeCCtx(p->pack);
    ZSTD_freeDCtx(p->unpack);
    rh_free(p);
}

/* NULL: no memory. */
static ZSTD_CDict *dictionary_for(struct rh_codec *c, int level)
{
    ZSTD_CDict *d = atomic_load_explicit(&c->pack[level], memory_order_acquire);
    if (d)
        return d;
    pthread_mutex_lock(&c->mutex);
    d = atomic_load(&c->pack[level]);
    if (!d) {
        d = ZSTD_createCDict(c->dictionary, c->len, level);
        atomic_store_explicit(&c->pack[level], d, memory_order_release);
    }
    pthread_mutex_unlock(&c->mutex);
    return d;
}

enum rh_rc rh_pack(struct rh_packer *p, int level, struct rh_arena *a, struct rh_text in,
                   struct rh_text *ret)
{
    assert(level >= RH_PACK_LEVEL_MIN && level <= RH_PACK_LEVEL_MAX);
    if (!p->pack) {
        p->pack = ZSTD_createCCtx();
        if (!p->pack)
            return RH_NOMEM;
        /* The body's own hash says more than a checksum, and a directory has one dictionary: no
         * bytes for them. */
        ZSTD_CCtx_setParameter(p->pack, ZSTD_c_dictIDFlag, 0);
        ZSTD_CCtx_setParameter(p->pack, ZSTD_c_checksumFlag, 0);
    }
    if (p->codec->len) {
        ZSTD_CDict *dictionary = dictionary_for(p->codec, level);
        if (!dictionary || ZSTD_isError(ZSTD_CCtx_refCDict(p->pack, dictionary)))
            return RH_NOMEM;
    } else {
        ZSTD_CCtx_setParameter(p->pack, ZSTD_c_compressionLevel, level);
    }
    size_t bound = ZSTD_compressBound(in.len);
    char *to = ZSTD_isError(bound) ? NULL : rh_arena_alloc(a, bound);
    if (!to)
        return RH_NOMEM;
    size_t n = ZSTD_compress2(p->pack, to, bound, in.data, in.len);
    if (ZSTD_isError(n))
        return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? RH_NOMEM : RH_INTERNAL;
    *ret = (struct rh_text){to, n};
    return RH_OK;
}

enum rh_rc rh_unpack(struct rh_packer *p, const void *data, size_t len, void *to, size_t max,
                     size_t *ret_len)
{
    if (!p->unpack && !(p->unpack = ZSTD_createDCtx()))
        return RH_NOMEM;
    if (len == 0)
        return RH_CORRUPT; /* not even a frame of nothing */
    size_t n = ZSTD_decompress_usingDDict(p->unpack, to, max, data, len, p->codec->unpack);
    if (ZSTD_isError(n))
        return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? RH_NOMEM : RH_CORRUPT;
    *ret_len = n;
    return RH_OK;
}

/* ---- gzip -------------------------------------------------------------------------------------
 */

enum {
    GZIP = 16, /* added to the window: this container */
    WINDOW = 15,
    MEMORY = 8,
    PIECE_BYTES = 16 << 10,
    FILE_BUFFER_BYTES = 128 << 10
};

/* zlib counts in unsigned int. */
static unsigned piece(size_t n)
{
    return n > (1U << 30) ? 1U << 30 : (unsigned)n;
}

/* zlib's own header has no const here. */
static Bytef *bytes(const char *s)
{
    return (Bytef *)(uintptr_t)s;
}

enum rh_rc rh_gzip_pack(struct rh_text in, int level, struct rh_buf *out)
{
    z_stream z = {0};
    assert(level >= 1 && level <= 9);
    int window = WINDOW, memory = MEMORY;
    /* A short text needs no large window, and to make one takes longer than to pack the text. */
    while (window > 9 && in.len + 262 < (size_t)1 << (window - 1))
        window--;
    while (memory > 5 && in.len < (size_t)1 << (memory + 5))
        memory--;
    if (deflateInit2(&z, level, Z_DEFLATED, window + GZIP, memory, Z_DEFAULT_STRATEGY) != Z_OK)
        return RH_NOMEM;
    size_t before = out->len, left = in.len;
    int state = Z_OK;
    z.next_in = bytes(in.data);
    /* Enough for all of it in the usual case, at a fourth of its size. */
    while (state == Z_OK) {
        size_t room = before == out->len ? in.len / 4 + 256 : PIECE_BYTES;
        char *to = rh_buf_room(out, room);
        if (!to)
            break;
        unsigned offered = z.avail_in = piece(left), space = z.avail_out = piece(room);
        z.next_out = bytes(to);
        state = deflate(&z, offered == left ? Z_FINISH : Z_NO_FLUSH);
        left -= offered - z.avail_in;
        out->len += space - z.avail_out;
        if (state == Z_BUF_ERROR)
            state = Z_OK; /* only room was missing */
    }
    deflateEnd(&z);
    if (state == Z_STREAM_END)
        return RH_OK;
    out->len = before;
    return out->rc ? out->rc : RH_INTERNAL;
}

struct rh_gzip {
    z_stream z;
};

struct rh_gzip *rh_gzip_open(int level)
{
    struct rh_gzip *g = rh_alloc(sizeof *g);
    assert(level >= 1 && level <= 9);
    if (deflateInit2(&g->z, level, Z_DEFLATED, WINDOW + GZIP, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
        return g;
    rh_free(g);
    return NULL;
}

enum rh_rc rh_gzip_add(struct rh_gzip *g, struct rh_text in, bool last, struct rh_buf *out)
{
    z_stream *z = &g->z;
    size_t left = in.len;
    bool more = true;
    z->next_in = bytes(in.data);
    while (more) {
        char *to = rh_buf_room(out, PIECE_BYTES);
        if (!to)
            return out->rc;
        unsigned offered = z->avail_in = piece(left), space = z->avail_out = PIECE_BYTES;
        bool all = offered == left;
        z->next_out = bytes(to);
        int state = deflate(z, !all ? Z_NO_FLUSH : last ? Z_FINISH : Z_SYNC_FLUSH);
        left -= offered - z->avail_in;
        out->len += space - z->avail_out;
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
            return RH_INTERNAL;
        more = state != Z_STREAM_END && (left > 0 || z->avail_out == 0 || (last && all));
    }
    return RH_OK;
}

void rh_gzip_close(struct rh_gzip *g)
{
    if (!g)
        return;
    deflateEnd(&g->z);
    rh_free(g);
}

/* One member from z into out; the count of all bytes so far must stay within max. */
static enum rh_rc unpack_member(z_stream *z, size_t *left, size_t max, size_t *total,
                                struct rh_buf *out)
{
    for (;;) {
        char probe; /* one byte past the limit shows whether there is more */
        size_t allowed = max - *total, room = allowed < PIECE_BYTES ? allowed : PIECE_BYTES;
        char *to = room ? rh_buf_room(out, room) : &probe;
        if (!to)
            return RH_NOMEM;
        unsigned offered = z->avail_in = piece(*left),
                 space = z->avail_out = room ? piece(room) : 1;
        z->next_out = bytes(to);
        int state = inflate(z, Z_NO_FLUSH);
        *left -= offered - z->avail_in;
        unsigned made = space - z->avail_out;
        if (!room && made)
            return RH_TOOLARGE;
        out->len += made;
        *total += made;
        if (state == Z_STREAM_END)
            return RH_OK;
        if (state == Z_MEM_ERROR)
            return RH_NOMEM;
        if (state != Z_OK || (*left == 0 && z->avail_out > 0))
            return RH_SYNTAX;
    }
}

enum rh_rc rh_gzip_unpack(struct rh_text in, size_t max, struct rh_buf *out)
{
    z_stream z = {0};
    if (inflateInit2(&z, WINDOW + GZIP) != Z_OK)
        return RH_NOMEM;
    size_t before = out->len, left = in.len, total = 0;
    enum rh_rc rc = RH_OK;
    z.next_in = bytes(in.data);
    do {
        rc = unpack_member(&z, &left, max, &total, out);
        inflateReset(&z);
    } while (!rc && left > 0);
    inflateEnd(&z);
    if (rc)
        out->len = before;
    return rc;
}

struct rh_reader {
    gzFile file;
    uint64_t size;
};

enum rh_rc rh_reader_open(struct rh_issues *is, const char *path, struct rh_reader **ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return rh_errno_issue(is, error, "open", path);
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return rh_errno_issue(is, EISDIR, "read", path);
    }
    gzFile file = gzdopen(fd, "rb");
    if (!file) {
        close(fd);
        return RH_NOMEM;
    }
    gzbuffer(file, FILE_BUFFER_BYTES);
    struct rh_reader *r = rh_alloc(sizeof *r);
    r->file = file;
    r->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    *ret = r;
    return RH_OK;
}

enum rh_rc rh_reader_read(struct rh_reader *r, void *to, size_t max, size_t *ret_len)
{
    int n = gzread(r->file, to, piece(max)), state = Z_OK;
    gzerror(r->file, &state);
    if (n < 0 || (n == 0 && state == Z_BUF_ERROR)) /* the latter: the file ends inside a member */
        return state == Z_ERRNO ? rh_errno_rc(errno) : state == Z_MEM_ERROR ? RH_NOMEM : RH_SYNTAX;
    *ret_len = (size_t)n;
    return RH_OK;
}

uint64_t rh_reader_at(const struct rh_reader *r)
{
    z_off_t at = gzoffset(r->file);
    return at > 0 ? (uint64_t)at : 0;
}

uint64_t rh_reader_size(const struct rh_reader *r)
{
    return r->size;
}

void rh_reader_close(struct rh_reader *r)
{
    if (!r)
        return;
    gzclose_r(r->file);
    rh_free(r);
}
