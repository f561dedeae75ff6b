/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulk_rows.c - the keys of a batch of a bulk load: packed tightly, sorted as the index stands.
 *
 * A packed row: type << 16 | parameter (u32), shared (u8), length (u8), aux (i64), the bytes. Rows
 * of one index are sorted among themselves, by the eight bytes that follow what they all begin
 * with; only where these are equal are the rows themselves read.
 */
#include "base/alloc.h"
#include "record/bulk_int.h"

#include <stdlib.h>

enum {
    HEAD = 4 + 1 + 1 + 8,
    SHARED_SLOTS = 1 << 16, /* of one worker; a power of two */
    GROUP_BITS = 15,        /* indexes are at most about 11,000: types times general parameters, all
                               others, twice */
    GROUP_SLOTS = 1 << GROUP_BITS,
    AHEAD = 8 /* rows that are fetched into the cache before they are read */
};
_Static_assert(RH_KEY_CUT < 256, "a length is one byte");

struct rh_bulk_shared {
    unsigned char secret[RH_SECRET_SIZE];
    uint64_t slots[SHARED_SLOTS];
};

struct rh_bulk_shared *rh_bulk_shared_open(void)
{
    struct rh_bulk_shared *s = rh_alloc(sizeof *s);
    rh_random(s->secret, sizeof s->secret);
    return s;
}

void rh_bulk_shared_forget(struct rh_bulk_shared *s)
{
    memset(s->slots, 0, sizeof s->slots);
}

void rh_bulk_shared_close(struct rh_bulk_shared *s)
{
    rh_free(s);
}

static uint32_t index_of(const unsigned char *row)
{
    uint32_t n;
    memcpy(&n, row, sizeof n);
    return n;
}

static struct rh_text bytes_of(const unsigned char *row)
{
    return (struct rh_text){(const char *)row + HEAD, row[5]};
}

static size_t pack(unsigned char *to, const struct rh_key *k, bool shared)
{
    uint32_t index = (uint32_t)k->type << 16 | k->param;
    memcpy(to, &index, sizeof index);
    to[4] = shared;
    to[5] = (unsigned char)k->bytes.len;
    memcpy(to + 6, &k->aux, sizeof k->aux);
    if (k->bytes.len)
        memcpy(to + HEAD, k->bytes.data, k->bytes.len);
    return HEAD + k->bytes.len;
}

/* Was this packed row put by the same worker before? */
static bool put_before(struct rh_bulk_shared *s, const unsigned char *row, size_t len)
{
    uint64_t h = rh_hash_short((struct rh_text){(const char *)row, len}, s->secret);
    uint64_t *slot = &s->slots[h & (SHARED_SLOTS - 1)];
    bool before = *slot == h && h != 0;
    *slot = h;
    return before;
}

enum rh_rc rh_bulk_pack_rows(struct rh_arena *a, struct rh_bulk_shared *shared,
                             const struct rh_search_keys *keys, struct rh_bulk_item *it)
{
    size_t room = 0;
    for (unsigned i = 0; i < keys->n; i++)
        room +=
            HEAD + (keys->rows[i].bytes.len < RH_KEY_CUT ? keys->rows[i].bytes.len : RH_KEY_CUT);
    unsigned char *to = rh_arena_alloc(a, room + 1), *at = to;
    if (!to)
        return RH_NOMEM;
    it->rows = to;
    it->n_rows = 0;
    for (unsigned i = 0; i < keys->n; i++) {
        if (rh_key_repeats(keys, i))
            continue;
        struct rh_key row = rh_key_row(&keys->rows[i], 0);
        size_t len = pack(at, &row, keys->rows[i].shared);
        if (keys->rows[i].shared && put_before(shared, at, len))
            continue;
        at += len;
        it->n_rows++;
    }
    return RH_OK;
}

static const unsigned char *next_row(const unsigned char *row)
{
    return row + HEAD + row[5];
}

enum rh_rc rh_bulk_rows_of(const struct rh_bulk_item *it, struct rh_arena *a, struct rh_key **rows,
                           unsigned *n)
{
    struct rh_key *to = rh_arena_alloc(a, (it->n_rows + 1) * sizeof *to);
    const unsigned char *row = it->rows;
    if (!to)
        return RH_NOMEM;
    *rows = to;
    *n = 0;
    for (uint32_t i = 0; i < it->n_rows; i++, row = next_row(row))
        if (!row[4])
            to[(*n)++] = (struct rh_key){.type = (uint16_t)(index_of(row) >> 16),
                                         .param = (uint16_t)index_of(row),
                                         .bytes = bytes_of(row),
                                         .rk = it->rk};
    return RH_OK;
}

/* --- sorting -----------------------------------------------------------------------------------
 */

/* All rows of one index. */
struct group {
    uint32_t index;  /* 0: a free slot */
    unsigned common; /* bytes that all rows begin with */
    size_t n, at;
    const unsigned char *first;
};

static struct group *group_of(struct group *groups, uint32_t index)
{
    unsigned at = (index * 2654435761U) >> (32 - GROUP_BITS);
    while (groups[at].index != 0 && groups[at].index != index)
        at = (at + 1) & (GROUP_SLOTS - 1);
    groups[at].index = index;
    return &groups[at];
}

static void add_to_group(struct group *g, const unsigned char *row)
{
    if (g->n++ == 0) {
        g->first = row;
        g->common = row[5];
        return;
    }
    unsigned n = g->common < row[5] ? g->common : row[5], i = 0;
    while (i < n && row[HEAD + i] == g->first[HEAD + i])
        i++;
    g->common = i;
}

static uint64_t prefix_of(const unsigned char *row, unsigned from)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        n = n << 8 | (from + i < row[5] ? row[HEAD + from + i] : 0U);
    return n;
}

static int by_index(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_key(const void *a, const void *b)
{
    const struct rh_bulk_ref *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    int order = rh_text_cmp(bytes_of(x->row), bytes_of(y->row));
    return order ? order : x->item < y->item ? -1 : x->item > y->item;
}

static size_t make_groups(struct rh_bulk_item *const *items, size_t n, struct group *groups)
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = items[i]->rows;
        for (uint32_t k = 0; k < items[i]->n_rows; k++, row = next_row(row)) {
            if (items[i]->later && !row[4])
                continue;
            add_to_group(group_of(groups, index_of(row)), row);
            all++;
        }
    }
    return all;
}

static void give_places(struct group *groups)
{
    struct group *order = rh_alloc(GROUP_SLOTS * sizeof *order);
    size_t used = 0, at = 0;
    for (unsigned i = 0; i < GROUP_SLOTS; i++)
        if (groups[i].index)
            order[used++] = groups[i];
    qsort(order, used, sizeof *order, by_index);
    for (size_t i = 0; i < used; i++) {
        group_of(groups, order[i].index)->at = at;
        at += order[i].n;
    }
    rh_free(order);
}

enum rh_rc rh_bulk_sort(struct rh_bulk_item *const *items, size_t n, struct rh_bulk_sorted *ret)
{
    struct group *groups = rh_alloc(GROUP_SLOTS * sizeof *groups);
    size_t all = make_groups(items, n, groups);
    struct rh_bulk_ref *rows = rh_try_alloc((all + 1) * sizeof *rows);
    uint64_t *rks = rh_try_alloc((n + 1) * sizeof *rks);
    if (!rows || !rks) {
        rh_free(groups);
        rh_free(rows);
        rh_free(rks);
        return RH_NOMEM;
    }
    give_places(groups);
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = items[i]->rows;
        for (uint32_t k = 0; k < items[i]->n_rows; k++, row = next_row(row)) {
            if (items[i]->later && !row[4])
                continue;
            struct group *g = group_of(groups, index_of(row));
            rows[g->at++] = (struct rh_bulk_ref){prefix_of(row, g->common), row, (uint32_t)i};
        }
    }
    for (unsigned i = 0; i < GROUP_SLOTS; i++)
        if (groups[i].n > 1)
            qsort(rows + groups[i].at - groups[i].n, groups[i].n, sizeof *rows, by_key);
    rh_free(groups);
    *ret = (struct rh_bulk_sorted){rows, all, rks};
    return RH_OK;
}

unsigned rh_bulk_take(const struct rh_bulk_sorted *s, size_t at, struct rh_key *rows, unsigned max)
{
    unsigned n = s->n - at < max ? (unsigned)(s->n - at) : max;
    for (unsigned i = 0; i < n; i++) {
        const struct rh_bulk_ref *ref = &s->rows[at + i];
        if (at + i + AHEAD < s->n)
            __builtin_prefetch(s->rows[at + i + AHEAD].row);
        rows[i] = (struct rh_key){.type = (uint16_t)(index_of(ref->row) >> 16),
                                  .param = (uint16_t)index_of(ref->row),
                                  .bytes = bytes_of(ref->row),
                                  .rk = ref->row[4] ? 0 : s->rks[ref->item]};
        memcpy(&rows[i].aux, ref->row + 6, sizeof rows[i].aux);
    }
    return n;
}
