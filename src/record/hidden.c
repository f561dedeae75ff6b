/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hidden.c - numbers (rk) whose keys may stand in the index while their heads do not.
 *
 * A bulk load writes the keys of a batch before its heads. Who follows a key to its head passes
 * over it; who only counts keys asks rh_record_hidden. The ranges of a batch are known here, and in
 * the meta row "hidden", before its first key is written; as its heads are published they shrink
 * here, and leave the row with the batch's last step. What a crash leaves in the row is compared
 * with the heads when the directory is opened: a number that has none then never gets one, since
 * numbers are given once. Rebuilding the indexes removes such keys, and the row.
 *
 * Changed on the writer's thread only; asked on any.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/record_int.h"

#include <stdlib.h>

enum { OWNERS_MAX = 64, ROW_BYTES = 64 << 20, HEADS = 500 };

struct ranges {
    const void *owner; /* a batch; NULL: left over */
    struct rh_rk_range *rows;
    size_t n;
};

struct rh_hidden {
    struct ranges owners[OWNERS_MAX];
    unsigned n_owners;
    pthread_rwlock_t lock;   /* of what follows */
    struct rh_rk_range *all; /* of all owners, ascending */
    size_t n;
    _Atomic size_t n_now;
};

bool rh_record_hidden(struct rh_record *r, uint64_t rk)
{
    struct rh_hidden *h = r->hidden;
    if (atomic_load_explicit(&h->n_now, memory_order_acquire) == 0)
        return false;
    pthread_rwlock_rdlock(&h->lock);
    size_t lo = 0, hi = h->n; /* the first range that begins behind rk */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (h->all[mid].first <= rk)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool ret = lo > 0 && rk <= h->all[lo - 1].last;
    pthread_rwlock_unlock(&h->lock);
    return ret;
}

static int by_first(const void *a, const void *b)
{
    const struct rh_rk_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void gather(struct rh_hidden *h)
{
    size_t n = 0;
    for (unsigned i = 0; i < h->n_owners; i++)
        n += h->owners[i].n;
    struct rh_rk_range *all = rh_alloc((n + 1) * sizeof *all);
    n = 0;
    for (unsigned i = 0; i < h->n_owners; i++) {
        if (h->owners[i].n)
            memcpy(all + n, h->owners[i].rows, h->owners[i].n * sizeof *all);
        n += h->owners[i].n;
    }
    if (h->n_owners > 1)
        qsort(all, n, sizeof *all, by_first);
    pthread_rwlock_wrlock(&h->lock);
    struct rh_rk_range *old = h->all;
    h->all = all;
    h->n = n;
    atomic_store_explicit(&h->n_now, n, memory_order_release);
    pthread_rwlock_unlock(&h->lock);
    rh_free(old);
}

enum rh_rc rh_hidden_set(struct rh_record *r, const void *owner, const struct rh_rk_range *rows,
                         size_t n)
{
    struct rh_hidden *h = r->hidden;
    unsigned i = 0;
    while (i < h->n_owners && h->owners[i].owner != owner)
        i++;
    if (i == h->n_owners && n == 0)
        return RH_OK;
    if (i == OWNERS_MAX)
        return RH_BUSY;
    struct rh_rk_range *copy = rh_alloc((n + 1) * sizeof *copy);
    if (n)
        memcpy(copy, rows, n * sizeof *copy);
    if (i == h->n_owners)
        h->n_owners++;
    else
        rh_free(h->owners[i].rows);
    h->owners[i] = (struct ranges){owner, copy, n};
    if (n == 0) {
        rh_free(copy);
        h->owners[i] = h->owners[--h->n_owners];
    }
    gather(h);
    return RH_OK;
}

void rh_hidden_leave(struct rh_record *r, const void *owner)
{
    struct rh_hidden *h = r->hidden;
    for (unsigned i = 0; i < h->n_owners; i++) {
        if (h->owners[i].owner != owner)
            continue;
        unsigned left = 0;
        while (left < h->n_owners && h->owners[left].owner != NULL)
            left++;
        if (left == h->n_owners) {
            h->owners[i].owner = NULL;
            return;
        }
        struct ranges *to = &h->owners[left], *from = &h->owners[i];
        to->rows = rh_realloc(to->rows, (to->n + from->n + 1) * sizeof *to->rows);
        memcpy(to->rows + to->n, from->rows, from->n * sizeof *to->rows);
        to->n += from->n;
        qsort(to->rows, to->n, sizeof *to->rows, by_first);
        rh_free(from->rows);
        *from = h->owners[--h->n_owners];
        return;
    }
}

enum rh_rc rh_hidden_store(struct rh_session *writer)
{
    struct rh_hidden *h = writer->record->hidden;
    unsigned char *bytes = rh_try_alloc(16 * h->n + 1);
    if (!bytes)
        return RH_NOMEM;
    for (size_t i = 0; i < h->n; i++) {
        rh_put_u64(bytes + 16 * i, h->all[i].first);
        rh_put_u64(bytes + 16 * i + 8, h->all[i].last);
    }
    enum rh_rc rc =
        rh_store_meta_put(writer->conn, "hidden", (struct rh_text){(const char *)bytes, 16 * h->n});
    rh_free(bytes);
    return rc;
}

/* --- at the start ------------------------------------------------------------------------------
 */

struct left {
    struct rh_rk_range *rows;
    size_t n, cap;
};

static void add_left(struct left *l, uint64_t first, uint64_t last)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->rows = rh_realloc(l->rows, l->cap * sizeof *l->rows);
    }
    l->rows[l->n++] = (struct rh_rk_range){first, last};
}

/* The numbers of a range that have no head. */
static enum rh_rc without_heads(struct rh_conn *c, struct rh_rk_range range, struct left *l)
{
    struct rh_arena *a = rh_arena_open(4 << 20);
    struct rh_head *rows = rh_alloc(HEADS * sizeof *rows);
    uint64_t at = range.first;
    unsigned n = HEADS;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && n == HEADS && at <= range.last) {
        rh_arena_reset(a);
        rc = rh_store_rk_scan(c, at, range.last + 1, HEADS, a, rows, &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            if (rows[i].rk > at)
                add_left(l, at, rows[i].rk - 1);
            at = rows[i].rk + 1;
        }
    }
    if (rc == RH_OK && at <= range.last)
        add_left(l, at, range.last);
    rh_free(rows);
    rh_arena_close(a);
    return rc;
}

enum rh_rc rh_hidden_open(struct rh_record *r, struct rh_conn *c)
{
    struct rh_hidden *h = rh_alloc(sizeof *h);
    struct rh_arena *a = rh_arena_open(ROW_BYTES);
    struct rh_text row = {NULL, 0};
    struct left l = {0};
    pthread_rwlock_init(&h->lock, NULL);
    r->hidden = h;
    enum rh_rc rc = rh_store_meta_get(c, "hidden", a, &row);
    if (rc == RH_NOTFOUND)
        rc = RH_OK;
    const unsigned char *p = (const unsigned char *)row.data;
    for (size_t i = 0; i + 16 <= row.len && rc == RH_OK; i += 16)
        rc = without_heads(c, (struct rh_rk_range){rh_get_u64(p + i), rh_get_u64(p + i + 8)}, &l);
    if (rc == RH_OK)
        rc = rh_hidden_set(r, NULL, l.rows, l.n);
    rh_free(l.rows);
    rh_arena_close(a);
    return rc;
}

void rh_hidden_close(struct rh_hidden *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < h->n_owners; i++)
        rh_free(h->owners[i].rows);
    rh_free(h->all);
    pthread_rwlock_destroy(&h->lock);
    rh_free(h);
}
