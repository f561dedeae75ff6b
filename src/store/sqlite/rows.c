/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c - the rows of the SQLite backend: log, heads, keys, persons, small values. */
#include "store/sqlite/sqlite_int.h"

#include <stdlib.h>

static void bind_optional(sqlite3_stmt *s, int at, struct rh_text t, bool text)
{
    if (t.len == 0)
        sqlite3_bind_null(s, at);
    else if (text)
        sqlite3_bind_text(s, at, t.data, (int)t.len, SQLITE_STATIC);
    else
        sqlite3_bind_blob(s, at, t.data, (int)t.len, SQLITE_STATIC);
}

static const struct rh_hash no_hash;

static void bind_hash(sqlite3_stmt *s, int at, const struct rh_hash *h)
{
    if (memcmp(h, &no_hash, sizeof *h) == 0)
        sqlite3_bind_null(s, at);
    else
        sqlite3_bind_blob(s, at, h->bytes, sizeof h->bytes, SQLITE_STATIC);
}

static enum rh_rc column_hash(sqlite3_stmt *s, int at, struct rh_hash *ret)
{
    struct rh_text t = rh_sqlite_blob(s, at);
    *ret = no_hash;
    if (t.len == 0)
        return RH_OK;
    if (t.len != sizeof ret->bytes)
        return RH_CORRUPT;
    memcpy(ret->bytes, t.data, t.len);
    return RH_OK;
}

static enum rh_rc column_id(sqlite3_stmt *s, int at, struct rh_arena *a, struct rh_text *ret)
{
    struct rh_text t = rh_sqlite_blob(s, at);
    if (t.len == 0 || t.len > RH_STORE_ID_MAX + 1)
        return RH_CORRUPT;
    *ret = rh_id_of_key(t.data, t.len, a);
    return ret->data ? RH_OK : RH_NOMEM;
}

/* Steps a query into rows of an array until it ends, *n being their limit before and their number
 * after. */
typedef enum rh_rc read_row(sqlite3_stmt *s, struct rh_arena *a, void *row);

static enum rh_rc read_rows(struct sqlite_conn *c, sqlite3_stmt *s, struct rh_arena *a,
                            read_row *read, void *rows, size_t size, unsigned limit, unsigned *n)
{
    enum rh_rc rc = RH_OK;
    *n = 0;
    while (*n < limit && (rc = rh_sqlite_row(c, s)) == RH_OK) {
        rc = read(s, a, (char *)rows + *n * size);
        if (rc)
            break;
        (*n)++;
    }
    sqlite3_reset(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static enum rh_rc read_one(struct sqlite_conn *c, sqlite3_stmt *s, struct rh_arena *a,
                           read_row *read, void *row)
{
    enum rh_rc rc = rh_sqlite_row(c, s);
    if (rc == RH_OK)
        rc = read(s, a, row);
    sqlite3_reset(s);
    return rc;
}

/* --- the log -----------------------------------------------------------------------------------
 */

enum {
    NUMBER,
    ORIGIN,
    SEQ,
    TIME,
    PART,
    TYPE,
    OP,
    CODEC,
    SIZE,
    PRIOR,
    ID,
    PARENTS,
    LABELS,
    PURPOSE,
    BODY_HASH,
    PREV_HASH,
    BODY,
    RK
};

static enum rh_rc read_entry(sqlite3_stmt *s, struct rh_arena *a, void *row)
{
    struct rh_entry *e = row;
    *e = (struct rh_entry){
        .number = column_u64(s, NUMBER),
        .origin = column_u64(s, ORIGIN),
        .seq = column_u64(s, SEQ),
        .time_us = sqlite3_column_int64(s, TIME),
        .part = column_u64(s, PART),
        .type = (uint16_t)sqlite3_column_int(s, TYPE),
        .op = (enum rh_op)sqlite3_column_int(s, OP),
        .codec = (enum rh_codec_id)sqlite3_column_int(s, CODEC),
        .size = (uint32_t)sqlite3_column_int64(s, SIZE),
        .prior = column_u64(s, PRIOR),
    };
    enum rh_rc rc = column_id(s, ID, a, &e->id);
    if (rc == RH_OK)
        rc = rh_sqlite_keep(s, PARENTS, a, &e->parents);
    if (rc == RH_OK)
        rc = rh_sqlite_keep(s, LABELS, a, &e->labels);
    if (rc == RH_OK)
        rc = rh_sqlite_keep(s, PURPOSE, a, &e->purpose);
    if (rc == RH_OK)
        rc = column_hash(s, BODY_HASH, &e->body_hash);
    if (rc == RH_OK)
        rc = column_hash(s, PREV_HASH, &e->prev_hash);
    if (rc == RH_OK)
        rc = rh_sqlite_keep(s, BODY, a, &e->body);
    return rc;
}

static enum rh_rc last_seq(struct sqlite_conn *c, uint64_t origin, uint64_t *ret)
{
    *ret = c->last_seq;
    if (c->last_seq && c->last_origin == origin)
        return RH_OK;
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_LOG_LAST_SEQ);
    bind_u64(s, 1, origin);
    enum rh_rc rc = rh_sqlite_row(c, s);
    *ret = rc == RH_OK ? column_u64(s, 0) : 0;
    sqlite3_reset(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

enum rh_rc rh_sqlite_append(struct rh_conn *conn, struct rh_entry *e)
{
    struct sqlite_conn *c = of(conn);
    unsigned char id[RH_STORE_ID_MAX + 1];
    unsigned id_len = rh_id_key(e->id, id);
    uint64_t last;
    enum rh_rc rc = last_seq(c, e->origin, &last);
    if (rc)
        return rc;
    if (e->seq != last + 1)
        return RH_CONFLICT;
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_LOG_APPEND);
    bind_u64(s, 1, e->origin);
    bind_u64(s, 2, e->seq);
    sqlite3_bind_int64(s, 3, e->time_us);
    bind_u64(s, 4, e->part);
    sqlite3_bind_int(s, 5, e->type);
    sqlite3_bind_int(s, 6, (int)e->op);
    sqlite3_bind_int(s, 7, (int)e->codec);
    sqlite3_bind_int64(s, 8, e->size);
    bind_u64(s, 9, e->prior);
    sqlite3_bind_blob(s, 10, id, (int)id_len, SQLITE_STATIC);
    bind_optional(s, 11, e->parents, false);
    bind_optional(s, 12, e->labels, true);
    bind_optional(s, 13, e->purpose, true);
    bind_hash(s, 14, &e->body_hash);
    bind_hash(s, 15, &e->prev_hash);
    bind_optional(s, 16, e->body, false);
    rc = rh_sqlite_run(c, s);
    if (rc)
        return rc;
    e->number = (uint64_t)sqlite3_last_insert_rowid(c->db);
    c->last_origin = e->origin;
    c->last_seq = e->seq;
    return RH_OK;
}

enum rh_rc rh_sqlite_entry(struct rh_conn *conn, uint64_t number, struct rh_arena *a,
                           struct rh_entry *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_ENTRY);
    bind_u64(s, 1, number);
    return read_one(of(conn), s, a, read_entry, ret);
}

enum rh_rc rh_sqlite_version(struct rh_conn *conn, uint64_t origin, uint64_t seq,
                             struct rh_arena *a, struct rh_entry *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_VERSION);
    bind_u64(s, 1, origin);
    bind_u64(s, 2, seq);
    return read_one(of(conn), s, a, read_entry, ret);
}

enum rh_rc rh_sqlite_history(struct rh_conn *conn, enum rh_history_scope scope, uint16_t type,
                             uint64_t before, unsigned limit, struct rh_arena *a,
                             struct rh_entry *rows, unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), scope == RH_HISTORY_TYPE ? RH_SQL_LOG_HISTORY_TYPE
                                                                       : RH_SQL_LOG_HISTORY);
    bind_bound(s, 1, before ? before : INT64_MAX);
    sqlite3_bind_int64(s, 2, limit);
    if (scope == RH_HISTORY_TYPE)
        sqlite3_bind_int(s, 3, type);
    return read_rows(of(conn), s, a, read_entry, rows, sizeof *rows, limit, n);
}

enum rh_rc rh_sqlite_log_read(struct rh_conn *conn, uint64_t origin, uint64_t seq, unsigned limit,
                              struct rh_arena *a, struct rh_entry *rows, unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_READ);
    bind_u64(s, 1, origin);
    bind_bound(s, 2, seq);
    sqlite3_bind_int64(s, 3, limit);
    return read_rows(of(conn), s, a, read_entry, rows, sizeof *rows, limit, n);
}

enum rh_rc rh_sqlite_log_tip(struct rh_conn *conn, uint64_t origin, struct rh_arena *a,
                             struct rh_entry *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_TIP);
    bind_u64(s, 1, origin);
    return read_one(of(conn), s, a, read_entry, ret);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* One seek an origin: there are few of them and many entries. */
enum rh_rc rh_sqlite_origins(struct rh_conn *conn, struct rh_arena *a, uint64_t **rows, unsigned *n)
{
    struct sqlite_conn *c = of(conn);
    sqlite3_int64 from = INT64_MIN;
    size_t cap = 0;
    uint64_t *found = NULL;
    enum rh_rc rc = RH_OK;
    *n = 0;
    for (;;) {
        sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_LOG_NEXT_ORIGIN);
        sqlite3_bind_int64(s, 1, from);
        rc = rh_sqlite_row(c, s);
        sqlite3_int64 origin = rc == RH_OK ? sqlite3_column_int64(s, 0) : 0;
        sqlite3_reset(s);
        if (rc)
            break;
        if (*n == cap) {
            uint64_t *grown = rh_arena_grow(a, found, &cap, *n + 1, sizeof *found);
            if (!grown)
                return RH_NOMEM;
            found = grown;
        }
        found[(*n)++] = (uint64_t)origin;
        if (origin == INT64_MAX)
            break;
        from = origin + 1;
    }
    if (*n)
        qsort(found, *n, sizeof *found, by_value);
    *rows = found;
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

enum rh_rc rh_sqlite_body_put(struct rh_conn *conn, uint64_t number, enum rh_codec_id codec,
                              struct rh_text body)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_BODY_PUT);
    bind_u64(s, 1, number);
    sqlite3_bind_int(s, 2, (int)codec);
    bind_optional(s, 3, body, false);
    enum rh_rc rc = rh_sqlite_run(of(conn), s);
    return rc ? rc : sqlite3_changes(of(conn)->db) ? RH_OK : RH_NOTFOUND;
}

/* --- heads -------------------------------------------------------------------------------------
 */

static enum rh_rc read_head(sqlite3_stmt *s, struct rh_arena *a, void *row)
{
    struct rh_head *h = row;
    *h = (struct rh_head){
        .type = (uint16_t)sqlite3_column_int(s, 0),
        .rk = column_u64(s, 2),
        .entry = column_u64(s, 3),
        .part = column_u64(s, 4),
        .origin = column_u64(s, 5),
        .seq = column_u64(s, 6),
        .time_us = sqlite3_column_int64(s, 7),
        .deleted = sqlite3_column_int(s, 8) != 0,
    };
    return column_id(s, 1, a, &h->id);
}

static void bind_identity(sqlite3_stmt *s, int at, uint16_t type, struct rh_text id)
{
    unsigned char key[RH_STORE_ID_MAX + 1];
    sqlite3_bind_int(s, at, type);
    sqlite3_bind_blob(s, at + 1, key, (int)rh_id_key(id, key), SQLITE_TRANSIENT);
}

enum rh_rc rh_sqlite_head_get(struct rh_conn *conn, uint16_t type, struct rh_text id,
                              struct rh_arena *a, struct rh_head *ret)
{
    if (id.len == 0 || id.len > RH_STORE_ID_MAX)
        return RH_NOTFOUND;
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_HEAD_GET);
    bind_identity(s, 1, type, id);
    return read_one(of(conn), s, a, read_head, ret);
}

enum rh_rc rh_sqlite_head_rk(struct rh_conn *conn, uint64_t rk, struct rh_arena *a,
                             struct rh_head *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_HEAD_RK);
    bind_u64(s, 1, rk);
    return read_one(of(conn), s, a, read_head, ret);
}

enum rh_rc rh_sqlite_entry_rk(struct rh_conn *conn, uint64_t rk, struct rh_arena *a,
                              struct rh_entry *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_RK);
    bind_u64(s, 1, rk);
    return read_one(of(conn), s, a, read_entry, ret);
}

enum rh_rc rh_sqlite_entries_rk(struct rh_conn *conn, uint64_t lo, uint64_t hi, unsigned limit,
                                struct rh_arena *a, struct rh_entry *rows, uint64_t *rks,
                                unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_LOG_RKS);
    enum rh_rc rc = RH_OK;
    bind_bound(s, 1, lo);
    bind_bound(s, 2, hi);
    sqlite3_bind_int64(s, 3, limit);
    for (*n = 0; *n < limit && (rc = rh_sqlite_row(of(conn), s)) == RH_OK; (*n)++) {
        rks[*n] = column_u64(s, RK);
        rc = read_entry(s, a, &rows[*n]);
        if (rc)
            break;
    }
    sqlite3_reset(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

/* Its number leads to the newest entry. */
static enum rh_rc move_number(struct sqlite_conn *c, const struct rh_head *h, bool existed,
                              uint64_t old_rk)
{
    bool stays = existed && old_rk == h->rk;
    unsigned char key[RH_STORE_ID_MAX + 1];
    sqlite3_stmt *s = rh_sqlite_use(c, stays ? RH_SQL_LOCATE_ENTRY : RH_SQL_LOCATE_PUT);
    bind_u64(s, 1, h->rk);
    bind_u64(s, 2, h->entry);
    if (stays)
        return rh_sqlite_run(c, s);
    sqlite3_bind_int(s, 3, h->type);
    sqlite3_bind_blob(s, 4, key, (int)rh_id_key(h->id, key), SQLITE_STATIC);
    enum rh_rc rc = rh_sqlite_run(c, s);
    if (rc || !existed)
        return rc;
    s = rh_sqlite_use(c, RH_SQL_LOCATE_DELETE);
    bind_u64(s, 1, old_rk);
    return rh_sqlite_run(c, s);
}

static enum rh_rc put_head(struct sqlite_conn *c, enum rh_sql sql, const struct rh_head *h)
{
    unsigned char key[RH_STORE_ID_MAX + 1];
    sqlite3_stmt *s = rh_sqlite_use(c, sql);
    sqlite3_bind_int(s, 1, h->type);
    sqlite3_bind_blob(s, 2, key, (int)rh_id_key(h->id, key), SQLITE_STATIC);
    bind_u64(s, 3, h->rk);
    bind_u64(s, 4, h->entry);
    bind_u64(s, 5, h->part);
    bind_u64(s, 6, h->origin);
    bind_u64(s, 7, h->seq);
    sqlite3_bind_int64(s, 8, h->time_us);
    sqlite3_bind_int(s, 9, h->deleted);
    return rh_sqlite_run(c, s);
}

void rh_sqlite_forget(struct sqlite_conn *c)
{
    c->last_seq = 0;
    if (c->tally_waits)
        memset(c->tally, 0, sizeof c->tally);
    c->tally_waits = false;
}

static enum rh_rc put_count(struct sqlite_conn *c, uint16_t type, int change)
{
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_TALLY_ADD);
    sqlite3_bind_int(s, 1, type);
    sqlite3_bind_int(s, 2, change);
    return rh_sqlite_run(c, s);
}

enum rh_rc rh_sqlite_write_tally(struct sqlite_conn *c)
{
    enum rh_rc rc = RH_OK;
    for (uint16_t i = 0; i < RH_SQLITE_TYPES && c->tally_waits && rc == RH_OK; i++) {
        if (c->tally[i] == 0)
            continue;
        rc = put_count(c, i, c->tally[i]);
        c->tally[i] = 0;
    }
    c->tally_waits = false;
    return rc;
}

static enum rh_rc count_change(struct sqlite_conn *c, uint16_t type, int change)
{
    if (change == 0)
        return RH_OK;
    if (type >= RH_SQLITE_TYPES || !c->in_transaction)
        return put_count(c, type, change);
    c->tally[type] += change;
    c->tally_waits = true;
    return RH_OK;
}

/* A head of which the caller knows that it is new. */
static enum rh_rc put_fresh(struct sqlite_conn *c, const struct rh_head *h)
{
    enum rh_rc rc = move_number(c, h, false, 0); /* first: it may be refused */
    return rc ? rc : put_head(c, RH_SQL_HEAD_ADD, h);
}

enum rh_rc rh_sqlite_head_put(struct rh_conn *conn, const struct rh_head *h)
{
    struct sqlite_conn *c = of(conn);
    if (h->fresh) {
        enum rh_rc put = put_fresh(c, h);
        return put ? put : count_change(c, h->type, !h->deleted);
    }
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_HEAD_GET);
    bind_identity(s, 1, h->type, h->id);
    enum rh_rc rc = rh_sqlite_row(c, s);
    bool existed = rc == RH_OK, lived = existed && !sqlite3_column_int(s, 8);
    uint64_t old_rk = existed ? column_u64(s, 2) : 0;
    sqlite3_reset(s);
    if (rc && rc != RH_NOTFOUND)
        return rc;
    rc = move_number(c, h, existed, old_rk); /* first: it may be refused */
    if (rc)
        return rc;
    rc = put_head(c, RH_SQL_HEAD_PUT, h);
    return rc ? rc : count_change(c, h->type, !h->deleted - lived);
}

enum rh_rc rh_sqlite_head_scan(struct rh_conn *conn, uint16_t type, struct rh_text after,
                               unsigned limit, struct rh_arena *a, struct rh_head *rows,
                               unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_HEAD_SCAN);
    if (after.len > 0) {
        bind_identity(s, 1, type, after);
    } else {
        sqlite3_bind_int(s, 1, type);
        sqlite3_bind_zeroblob(s, 2, 0);
    }
    sqlite3_bind_int64(s, 3, limit);
    return read_rows(of(conn), s, a, read_head, rows, sizeof *rows, limit, n);
}

enum rh_rc rh_sqlite_rk_scan(struct rh_conn *conn, uint64_t lo, uint64_t hi, unsigned limit,
                             struct rh_arena *a, struct rh_head *rows, unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_RK_SCAN);
    bind_bound(s, 1, lo);
    bind_bound(s, 2, hi);
    sqlite3_bind_int64(s, 3, limit);
    return read_rows(of(conn), s, a, read_head, rows, sizeof *rows, limit, n);
}

enum rh_rc rh_sqlite_count(struct rh_conn *conn, uint16_t type, uint64_t *ret)
{
    struct sqlite_conn *c = of(conn);
    enum rh_rc rc = rh_sqlite_write_tally(c);
    if (rc)
        return rc;
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_TALLY_GET);
    sqlite3_bind_int(s, 1, type);
    rc = rh_sqlite_row(c, s);
    if (rc == RH_OK)
        *ret = column_u64(s, 0);
    sqlite3_reset(s);
    if (rc == RH_NOTFOUND)
        *ret = 0;
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

/* --- persons, small values, access rows --------------------------------------------------------
 */

enum rh_rc rh_sqlite_part_get(struct rh_conn *conn, uint64_t part, struct rh_part *ret)
{
    struct sqlite_conn *c = of(conn);
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_PART_GET);
    bind_u64(s, 1, part);
    enum rh_rc rc = rh_sqlite_row(c, s);
    struct rh_text salt = rc == RH_OK ? rh_sqlite_blob(s, 3) : (struct rh_text){NULL, 0};
    if (rc == RH_OK && salt.len != RH_SALT_SIZE)
        rc = RH_CORRUPT;
    if (rc == RH_OK) {
        *ret =
            (struct rh_part){.part = part, .ordinal = column_u64(s, 1), .next = column_u64(s, 2)};
        memcpy(ret->salt, salt.data, RH_SALT_SIZE);
    }
    sqlite3_reset(s);
    return rc;
}

enum rh_rc rh_sqlite_part_put(struct rh_conn *conn, const struct rh_part *p)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_PART_PUT);
    bind_u64(s, 1, p->part);
    bind_u64(s, 2, p->ordinal);
    bind_u64(s, 3, p->next);
    sqlite3_bind_blob(s, 4, p->salt, RH_SALT_SIZE, SQLITE_STATIC);
    return rh_sqlite_run(of(conn), s);
}

enum rh_rc rh_sqlite_part_last(struct rh_conn *conn, uint64_t *ordinal)
{
    struct sqlite_conn *c = of(conn);
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_PART_LAST);
    enum rh_rc rc = rh_sqlite_row(c, s);
    if (rc == RH_OK || rc == RH_NOTFOUND)
        *ordinal = rc == RH_OK ? column_u64(s, 0) : 0;
    sqlite3_reset(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static enum rh_rc read_value(sqlite3_stmt *s, struct rh_arena *a, void *row)
{
    return rh_sqlite_keep(s, 0, a, row);
}

enum rh_rc rh_sqlite_meta_get(struct rh_conn *conn, const char *name, struct rh_arena *a,
                              struct rh_text *ret)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_META_GET);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    return read_one(of(conn), s, a, read_value, ret);
}

enum rh_rc rh_sqlite_meta_put(struct rh_conn *conn, const char *name, struct rh_text value)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), value.len ? RH_SQL_META_PUT : RH_SQL_META_DELETE);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    if (value.len)
        rh_sqlite_bind_blob(s, 2, value);
    return rh_sqlite_run(of(conn), s);
}

enum rh_rc rh_sqlite_audit_append(struct rh_conn *conn, int64_t first_us, int64_t last_us,
                                  unsigned rows, struct rh_text block)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_AUDIT_APPEND);
    sqlite3_bind_int64(s, 1, first_us);
    sqlite3_bind_int64(s, 2, last_us);
    sqlite3_bind_int64(s, 3, rows);
    rh_sqlite_bind_blob(s, 4, block);
    return rh_sqlite_run(of(conn), s);
}

static enum rh_rc read_audit(sqlite3_stmt *s, struct rh_arena *a, void *row)
{
    struct rh_audit_block *b = row;
    *b = (struct rh_audit_block){
        .number = column_u64(s, 0),
        .first_us = sqlite3_column_int64(s, 1),
        .last_us = sqlite3_column_int64(s, 2),
        .rows = (unsigned)sqlite3_column_int64(s, 3),
    };
    return rh_sqlite_keep(s, 4, a, &b->block);
}

enum rh_rc rh_sqlite_audit_scan(struct rh_conn *conn, uint64_t after, unsigned limit,
                                struct rh_arena *a, struct rh_audit_block *rows, unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_AUDIT_SCAN);
    bind_bound(s, 1, after);
    sqlite3_bind_int64(s, 2, limit);
    return read_rows(of(conn), s, a, read_audit, rows, sizeof *rows, limit, n);
}

enum rh_rc rh_sqlite_audit_last(struct rh_conn *conn, struct rh_arena *a,
                                struct rh_audit_block *ret)
{
    return read_one(of(conn), rh_sqlite_use(of(conn), RH_SQL_AUDIT_LAST), a, read_audit, ret);
}
