/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bytes.h - numbers as bytes whose memcmp order is the numbers' order (big-endian, sign flipped).
 */
#ifndef RH_BASE_BYTES_H
#define RH_BASE_BYTES_H

#include <stdint.h>

static inline void rh_put_u16(unsigned char *p, uint16_t n)
{
    p[0] = (unsigned char)(n >> 8);
    p[1] = (unsigned char)n;
}
static inline void rh_put_u32(unsigned char *p, uint32_t n)
{
    rh_put_u16(p, (uint16_t)(n >> 16));
    rh_put_u16(p + 2, (uint16_t)n);
}
static inline void rh_put_u64(unsigned char *p, uint64_t n)
{
    rh_put_u32(p, (uint32_t)(n >> 32));
    rh_put_u32(p + 4, (uint32_t)n);
}
static inline void rh_put_i64(unsigned char *p, int64_t n)
{
    rh_put_u64(p, (uint64_t)n ^ (UINT64_C(1) << 63));
}
static inline uint16_t rh_get_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t rh_get_u32(const unsigned char *p)
{
    return (uint32_t)rh_get_u16(p) << 16 | rh_get_u16(p + 2);
}
static inline uint64_t rh_get_u64(const unsigned char *p)
{
    return (uint64_t)rh_get_u32(p) << 32 | rh_get_u32(p + 4);
}
static inline int64_t rh_get_i64(const unsigned char *p)
{
    return (int64_t)(rh_get_u64(p) ^ (UINT64_C(1) << 63));
}

#endif
