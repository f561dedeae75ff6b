/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hash.h - BLAKE2b-256 (RFC 7693) and SipHash-2-4 (64 bit), from libsodium.
 */
#ifndef RH_BASE_HASH_H
#define RH_BASE_HASH_H

#include "base/text.h"

enum { RH_HASH_SIZE = 32, RH_SALT_SIZE = 16, RH_SECRET_SIZE = 32 };

struct rh_hash {
    unsigned char bytes[RH_HASH_SIZE];
};

/* BLAKE2b-256 of data, keyed with `key` of key_len (0 or 16..64) bytes. */
struct rh_hash rh_hash_of(const void *data, size_t len, const void *key, size_t key_len);
/* 64-bit keyed hash; `key` is the first 16 bytes of a secret. Never returns 0. */
uint64_t rh_hash_short(struct rh_text t, const unsigned char key[16]);
uint64_t rh_hash_system(
    struct rh_text t); /* unkeyed, stable for ever: of code system addresses in keys */
void rh_hash_hex(const struct rh_hash *h, char ret[2 * RH_HASH_SIZE + 1]);

void rh_random(void *ret, size_t len); /* from the operating system */
/* UUIDv7 (RFC 9562) as text, 36 characters and NUL: in the order made within one process. */
enum { RH_UUID_SIZE = 37 };
void rh_uuid7(int64_t now_us, char ret[RH_UUID_SIZE]);
bool rh_uuid_parse(struct rh_text t, unsigned char ret[16]); /* lower-case canonical form only */
void rh_uuid_print(const unsigned char uuid[16], char ret[RH_UUID_SIZE]);

#endif
