/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash-2-4 takes 16 bytes");

static void start(void)
{
    if (sodium_init() < 0) {
        fprintf(stderr, "rihla: libsodium cannot start: the system gives no random numbers\n");
        exit(3);
    }
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

struct rh_hash rh_hash_of(const void *data, size_t len, const void *key, size_t key_len)
{
    struct rh_hash h;
    assert(key_len == 0 || (key_len >= crypto_generichash_KEYBYTES_MIN &&
                            key_len <= crypto_generichash_KEYBYTES_MAX));
    ready();
    int failed =
        crypto_generichash(h.bytes, sizeof h.bytes, data, len, key_len ? key : NULL, key_len);
    assert(!failed);
    (void)failed;
    return h;
}

uint64_t rh_hash_short(struct rh_text t, const unsigned char key[16])
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t n = 0;
    crypto_shorthash(out, (const unsigned char *)(t.data ? t.data : ""), t.len, key);
    for (unsigned i = 0; i < sizeof out; i++) /* little-endian, as SipHash defines its output */
        n |= (uint64_t)out[i] << (8 * i);
    return n ? n : 1;
}

uint64_t rh_hash_system(struct rh_text t)
{
    /* Part of the format of stored keys: a change here makes every index wrong. */
    static const unsigned char published[16] = "rihla:system:v1";
    return rh_hash_short(t, published);
}

void rh_hash_hex(const struct rh_hash *h, char ret[2 * RH_HASH_SIZE + 1])
{
    sodium_bin2hex(ret, 2 * RH_HASH_SIZE + 1, h->bytes, sizeof h->bytes);
}

void rh_random(void *ret, size_t len)
{
    ready();
    randombytes_buf(ret, len);
}
