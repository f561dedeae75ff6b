/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.c - the interface: calls the backend, and what all backends share. */
#include "base/alloc.h"
#include "base/bytes.h"
#include "store/store_int.h"

enum rh_rc rh_store_open(const struct rh_store_ops *backend, const struct rh_store_options *o,
                         struct rh_issues *is, struct rh_store **ret)
{
    struct rh_store *s = rh_alloc(sizeof *s);
    s->ops = backend;
    pthread_mutex_init(&s->lock, NULL);
    enum rh_rc rc = backend->open(s, o, is);
    if (rc) {
        pthread_mutex_destroy(&s->lock);
        rh_free(s);
    } else {
        *ret = s;
    }
    return rc;
}

void rh_store_close(struct rh_store *s)
{
    if (!s)
        return;
    s->ops->close(s);
    pthread_mutex_destroy(&s->lock);
    rh_free(s);
}

enum rh_rc rh_store_connect(struct rh_store *s, enum rh_conn_kind kind, struct rh_conn **ret)
{
    enum rh_rc rc = s->ops->connect(s, kind, ret);
    if (rc == RH_OK && kind == RH_CONN_READ)
        rh_lease_add(*ret);
    return rc;
}

void rh_store_disconnect(struct rh_conn *c)
{
    if (!c)
        return;
    rh_lease_remove(c);
    c->store->ops->disconnect(c);
}

const char *rh_store_error(struct rh_conn *c)
{
    return c->store->ops->error(c);
}

/* --- what all backends share -------------------------------------------------------------------
 */

static void put_u64(struct rh_buf *b, uint64_t n)
{
    unsigned char bytes[8];
    rh_put_u64(bytes, n);
    rh_buf_add(b, bytes, sizeof bytes);
}

static void put_text(struct rh_buf *b, struct rh_text t)
{
    unsigned char bytes[2];
    rh_put_u16(bytes, (uint16_t)t.len);
    rh_buf_add(b, bytes, sizeof bytes);
    rh_buf_text(b, t);
}

/* Codec and stored form are left out: a body may be compressed anew, encrypted or erased, and the
 * chain still holds. */
void rh_entry_header(const struct rh_entry *e, struct rh_buf *out)
{
    put_u64(out, e->origin);
    put_u64(out, e->seq);
    put_u64(out, (uint64_t)e->time_us);
    put_u64(out, e->part);
    put_u64(out, (uint64_t)e->type << 40 | (uint64_t)e->op << 32 | e->size);
    put_text(out, e->id);
    put_text(out, e->parents);
    put_text(out, e->labels);
    put_text(out, e->purpose);
    rh_buf_add(out, e->body_hash.bytes, sizeof e->body_hash.bytes);
    rh_buf_add(out, e->prev_hash.bytes, sizeof e->prev_hash.bytes);
}

enum rh_rc rh_entry_hash(const struct rh_entry *e, struct rh_arena *scratch, struct rh_hash *ret)
{
    struct rh_buf b = rh_buf(scratch);
    rh_entry_header(e, &b);
    if (b.rc == RH_OK)
        *ret = rh_hash_of(b.data, b.len, NULL, 0);
    return b.rc;
}

unsigned rh_id_key(struct rh_text id, unsigned char ret[RH_STORE_ID_MAX + 1])
{
    size_t len = id.len < RH_STORE_ID_MAX ? id.len : RH_STORE_ID_MAX;
    if (rh_uuid_parse(id, ret + 1)) {
        ret[0] = 'u';
        return 17;
    }
    ret[0] = 't';
    memcpy(ret + 1, id.data, len);
    return (unsigned)len + 1;
}

struct rh_text rh_id_of_key(const void *key, size_t len, struct rh_arena *a)
{
    const unsigned char *p = key;
    char uuid[RH_UUID_SIZE];
    if (len == 17 && p[0] == 'u') {
        rh_uuid_print(p + 1, uuid);
        return rh_text_copy(a, (struct rh_text){uuid, RH_UUID_SIZE - 1});
    }
    return rh_text_copy(a, (struct rh_text){(const char *)p + 1, len - 1});
}

/* --- the rest is the backend's -----------------------------------------------------------------
 */

enum rh_rc rh_store_append(struct rh_conn *c, struct rh_entry *e)
{
    if (e->id.len == 0 || e->id.len > RH_STORE_ID_MAX || e->parents.len > UINT16_MAX ||
        e->labels.len > UINT16_MAX || e->purpose.len > UINT16_MAX || e->part == 0)
        return RH_VALUE;
    if (e->body.len > RH_STORE_BODY_MAX)
        return RH_TOOLARGE;
    return c->store->ops->append(c, e);
}

enum rh_rc rh_store_head_put(struct rh_conn *c, const struct rh_head *h)
{
    if (h->id.len == 0 || h->id.len > RH_STORE_ID_MAX || h->rk > INT64_MAX)
        return RH_VALUE;
    return c->store->ops->head_put(c, h);
}

enum rh_rc rh_store_body_put(struct rh_conn *c, uint64_t number, enum rh_codec_id codec,
                             struct rh_text body)
{
    return body.len > RH_STORE_BODY_MAX ? RH_TOOLARGE
                                        : c->store->ops->body_put(c, number, codec, body);
}

enum rh_rc rh_store_backup_open(struct rh_conn *c, const char *file, void **ret)
{
    return c->store->ops->backup_open(c, file, ret);
}

enum rh_rc rh_store_backup_step(struct rh_conn *c, void *backup, unsigned pages, bool *done,
                                unsigned *remaining, unsigned *total)
{
    return c->store->ops->backup_step(backup, pages, done, remaining, total);
}

void rh_store_backup_close(struct rh_conn *c, void *backup)
{
    c->store->ops->backup_close(backup);
}

/* Whatever is read outside a lease is the newest state. The leases' own reads are made while it is
 * in use. */
static void fresh(struct rh_conn *c)
{
    /* Acquire: what the writer did to the connection when it ended the lease. */
    if (atomic_load_explicit(&c->lease, memory_order_acquire) != 0 && !rh_lease_used(c))
        rh_lease_over(c);
}

void rh_store_rollback(struct rh_conn *c)
{
    fresh(c);
    c->store->ops->rollback(c);
}

enum rh_rc rh_store_commit(struct rh_conn *c)
{
    enum rh_rc rc = c->store->ops->commit(c);
    atomic_fetch_add(&c->store->commits, 1);
    return rc;
}

enum rh_rc rh_store_commit_audit(struct rh_conn *c)
{
    return c->store->ops->commit(c);
}

/* Leases that are used now are renewed when they are used again, so that none holds the log for
 * long. */
enum rh_rc rh_store_checkpoint(struct rh_conn *c, bool wait)
{
    atomic_fetch_add(&c->store->commits, 1);
    rh_lease_end_resting(c->store);
    return c->store->ops->checkpoint(c, wait);
}

uint64_t rh_store_wal_bytes(struct rh_conn *c)
{
    return c->store->ops->wal_bytes(c);
}

/* clang-format off */
#define FORWARD(name, params, args)                    \
    enum rh_rc rh_store_##name params                  \
    {                                                  \
        fresh(c);                                      \
        return c->store->ops->name args;               \
    }
FORWARD(begin, (struct rh_conn *c), (c))
FORWARD(begin_unsynced, (struct rh_conn *c), (c))
FORWARD(savepoint, (struct rh_conn *c), (c))
FORWARD(release, (struct rh_conn *c, bool keep), (c, keep))
FORWARD(entry, (struct rh_conn *c, uint64_t number, struct rh_arena *a, struct rh_entry *ret), (c, number, a, ret))
FORWARD(version, (struct rh_conn *c, uint64_t origin, uint64_t seq, struct rh_arena *a, struct rh_entry *ret), (c, origin, seq, a, ret))
FORWARD(history, (struct rh_conn *c, enum rh_history_scope scope, uint16_t type, uint64_t before, unsigned limit, struct rh_arena *a,
                  struct rh_entry *rows, unsigned *n), (c, scope, type, before, limit, a, rows, n))
FORWARD(log_read, (struct rh_conn *c, uint64_t origin, uint64_t seq, unsigned limit, struct rh_arena *a, struct rh_entry *rows, unsigned *n),
        (c, origin, seq, limit, a, rows, n))
FORWARD(log_tip, (struct rh_conn *c, uint64_t origin, struct rh_arena *a, struct rh_entry *ret), (c, origin, a, ret))
FORWARD(origins, (struct rh_conn *c, struct rh_arena *a, uint64_t **rows, unsigned *n), (c, a, rows, n))
FORWARD(head_get, (struct rh_conn *c, uint16_t type, struct rh_text id, struct rh_arena *a, struct rh_head *ret), (c, type, id, a, ret))
FORWARD(head_rk, (struct rh_conn *c, uint64_t rk, struct rh_arena *a, struct rh_head *ret), (c, rk, a, ret))
FORWARD(head_scan, (struct rh_conn *c, uint16_t type, struct rh_text after, unsigned limit, struct rh_arena *a, struct rh_head *rows, unsigned *n),
        (c, type, after, limit, a, rows, n))
FORWARD(rk_scan, (struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit, struct rh_arena *a, struct rh_head *rows, unsigned *n),
        (c, lo, hi, limit, a, rows, n))
FORWARD(count, (struct rh_conn *c, uint16_t type, uint64_t *ret), (c, type, ret))
FORWARD(keys_put, (struct rh_conn *c, const struct rh_key *rows, unsigned n), (c, rows, n))
FORWARD(keys_delete, (struct rh_conn *c, const struct rh_key *rows, unsigned n), (c, rows, n))
FORWARD(key_scan, (struct rh_conn *c, const struct rh_key_scan *scan, unsigned limit, struct rh_arena *a, struct rh_key *rows, unsigned *n),
        (c, scan, limit, a, rows, n))
FORWARD(entry_rk, (struct rh_conn *c, uint64_t rk, struct rh_arena *a, struct rh_entry *ret), (c, rk, a, ret))
FORWARD(entries_rk, (struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit, struct rh_arena *a, struct rh_entry *rows, uint64_t *rks,
                     unsigned *n), (c, lo, hi, limit, a, rows, rks, n))
FORWARD(key_rks, (struct rh_conn *c, uint16_t type, uint16_t param, struct rh_text key, uint64_t from, unsigned limit, uint64_t *rks, int64_t *aux,
                  unsigned *n), (c, type, param, key, from, limit, rks, aux, n))
FORWARD(keys_drop, (struct rh_conn *c, uint16_t type, uint16_t param, unsigned limit, unsigned *n), (c, type, param, limit, n))
FORWARD(part_get, (struct rh_conn *c, uint64_t part, struct rh_part *ret), (c, part, ret))
FORWARD(part_put, (struct rh_conn *c, const struct rh_part *p), (c, p))
FORWARD(part_last, (struct rh_conn *c, uint64_t *ordinal), (c, ordinal))
FORWARD(meta_get, (struct rh_conn *c, const char *name, struct rh_arena *a, struct rh_text *ret), (c, name, a, ret))
FORWARD(meta_put, (struct rh_conn *c, const char *name, struct rh_text value), (c, name, value))
FORWARD(audit_append, (struct rh_conn *c, int64_t first_us, int64_t last_us, unsigned rows, struct rh_text block), (c, first_us, last_us, rows, block))
FORWARD(audit_scan, (struct rh_conn *c, uint64_t after, unsigned limit, struct rh_arena *a, struct rh_audit_block *rows, unsigned *n),
        (c, after, limit, a, rows, n))
FORWARD(audit_last, (struct rh_conn *c, struct rh_arena *a, struct rh_audit_block *ret), (c, a, ret))
FORWARD(index_clear, (struct rh_conn *c), (c))
FORWARD(check, (struct rh_conn *c, struct rh_issues *is), (c, is))
FORWARD(stats, (struct rh_conn *c, struct rh_store_stats *ret), (c, ret))
/* clang-format on */
