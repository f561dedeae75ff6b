/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of hash.h that needs no library: where there is no libsodium (WebAssembly), whoever
 * embeds the core gives rh_random. */
#include "base/hash.h"

#include <stdatomic.h>

/* 60 bits that grow with each call: milliseconds, then the part of the millisecond in 1/4096 (RFC
 * 9562, 6.2, method 3). When the clock stands still or goes back it counts on from the last value.
 */
static uint64_t next_stamp(int64_t now_us)
{
    static _Atomic uint64_t last;
    uint64_t us = now_us > 0 ? (uint64_t)now_us : 0;
    uint64_t wanted = (us / 1000) << 12 | us % 1000 * 4096 / 1000;
    uint64_t seen = atomic_load(&last), next;
    do
        next = wanted > seen ? wanted : seen + 1;
    while (!atomic_compare_exchange_weak(&last, &seen, next));
    return next;
}

void rh_uuid7(int64_t now_us, char ret[RH_UUID_SIZE])
{
    unsigned char uuid[16];
    uint64_t stamp = next_stamp(now_us);
    rh_random(uuid + 8, 8);
    for (int i = 0; i < 6; i++)
        uuid[i] = (unsigned char)(stamp >> (52 - 8 * i));
    uuid[6] = (unsigned char)(0x70 | (stamp >> 8 & 0x0F));
    uuid[7] = (unsigned char)stamp;
    uuid[8] = (unsigned char)(0x80 | (uuid[8] & 0x3F));
    rh_uuid_print(uuid, ret);
}

static bool is_dash(unsigned at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

bool rh_uuid_parse(struct rh_text t, unsigned char ret[16])
{
    unsigned char bytes[16] = {0};
    if (t.len != RH_UUID_SIZE - 1)
        return false;
    for (unsigned i = 0, nibble = 0; i < t.len; i++) {
        char c = t.data[i];
        if (is_dash(i)) {
            if (c != '-')
                return false;
            continue;
        }
        unsigned n;
        if (c >= '0' && c <= '9')
            n = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            n = (unsigned)(c - 'a' + 10);
        else
            return false;
        bytes[nibble / 2] = (unsigned char)((unsigned)bytes[nibble / 2] << 4 | n);
        nibble++;
    }
    memcpy(ret, bytes, sizeof bytes);
    return true;
}

void rh_uuid_print(const unsigned char uuid[16], char ret[RH_UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 0, nibble = 0; i < RH_UUID_SIZE - 1; i++) {
        if (is_dash(i)) {
            ret[i] = '-';
            continue;
        }
        ret[i] = hex[nibble % 2 ? uuid[nibble / 2] & 15 : uuid[nibble / 2] >> 4];
        nibble++;
    }
    ret[RH_UUID_SIZE - 1] = 0;
}
