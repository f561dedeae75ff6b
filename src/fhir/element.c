/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/element.h"
#include "fhir/tables_int.h"

static uint64_t little(const char *p, size_t n)
{
    uint64_t word = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (n == 8)
        memcpy(&word, p, 8);
    else
        memcpy(&word, p, 4);
#else
    for (size_t i = n; i-- > 0;)
        word = word << 8 | (unsigned char)p[i];
#endif
    return word;
}

/* Reads the first and the last bytes only: names of FHIR differ there, and a name from outside that
 * is made to collide costs one comparison more. Never called with an empty name. */
static inline uint64_t name_hash(struct rh_text t)
{
    const char *p = t.data;
    size_t n = t.len;
    uint64_t first, last = 0;
    if (n >= 8) {
        first = little(p, 8);
        last = little(p + n - 8, 8);
    } else if (n >= 4) {
        first = little(p, 4);
        last = little(p + n - 4, 4);
    } else {
        first = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
                (uint64_t)(unsigned char)p[n - 1] << 16;
    }
    uint64_t h = first * UINT64_C(0x9E3779B97F4A7C15);
    h = ((h ^ h >> 29) + last + n) * UINT64_C(0xC2B2AE3D27D4EB4F);
    return h ^ h >> 32;
}

const struct rh_element *rh_element_find(const struct rh_type *t, struct rh_text name)
{
    if (name.len == 0)
        return NULL;
    const unsigned char *slots = rh_r4_element_slots + t->slot;
    for (uint64_t at = name_hash(name) & t->mask; slots[at]; at = (at + 1) & t->mask) {
        const struct rh_element *e = &t->elements[slots[at] - 1];
        if (e->name_len == name.len && memcmp(e->name, name.data, name.len) == 0)
            return e;
    }
    return NULL;
}

const struct rh_type *rh_type_find(struct rh_text name)
{
    if (name.len == 0)
        return NULL;
    for (uint64_t at = name_hash(name) & rh_r4_type_mask; rh_r4_type_slots[at];
         at = (at + 1) & rh_r4_type_mask) {
        const struct rh_type *t = &rh_r4_types[rh_r4_type_slots[at] - 1];
        if (rh_text_is(name, t->name))
            return t;
    }
    return NULL;
}

const struct rh_type *rh_resource_type(unsigned number)
{
    if (number < 1 || number > RH_RESOURCE_TYPES)
        return NULL;
    return &rh_r4_types[rh_r4_resources[number - 1]];
}

unsigned rh_resource_number(struct rh_text name)
{
    const struct rh_type *t = rh_type_find(name);
    return t ? t->resource : 0;
}
