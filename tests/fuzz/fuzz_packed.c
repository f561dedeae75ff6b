/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a zstd frame and as gzip: refused, or no longer than was allowed. */
#include "system/compress.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 70000 };
    static char out[MAX];
    struct rh_codec *codec = rh_codec_open("{\"resourceType\":\"Patient\",\"id\":\"", 31);
    struct rh_packer *p = rh_packer_open(codec);
    size_t max = size * 7 % MAX, len = 0;
    if (rh_unpack(p, data, size, out, max, &len) == RH_OK)
        assert(len <= max);

    struct rh_arena *a = rh_arena_open(8 << 20);
    struct rh_buf b = rh_buf(a);
    if (rh_gzip_unpack((struct rh_text){(const char *)data, size}, max, &b) == RH_OK)
        assert(b.len <= max);
    else
        assert(b.len == 0);
    rh_arena_close(a);
    rh_packer_close(p);
    rh_codec_close(codec);
    return 0;
}
