/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sqlite_int.h - what the units of the SQLite backend share.
 */
#ifndef RH_STORE_SQLITE_INT_H
#define RH_STORE_SQLITE_INT_H

#include "store/store_int.h"
#include "system/file.h"

#include <sqlite3.h>

#include "sql.h"

enum {
    RH_SQLITE_PAGE = 8192,
    RH_SQLITE_CACHE_READ_KIB = 2048,   /* page cache of a reader */
    RH_SQLITE_CACHE_WRITE_KIB = 65536, /* and of the writer: the inner pages of every index */
    RH_SQLITE_TYPES = 256,             /* of resources, whose counts are gathered */
    RH_SQLITE_BUSY_MS = 10000
};

#define RH_SQLITE_FILE "rihla.db"

struct sqlite_dir {
    char *dir, *file;
    bool read_only;
    unsigned cache_kib;
    struct rh_lock *lock;
};

struct sqlite_conn {
    struct rh_conn conn; /* first, so that a pointer to it is a pointer to this */
    sqlite3 *db;
    enum rh_conn_kind kind;
    int wal_pages;
    bool unsynced;       /* PRAGMA synchronous is NORMAL */
    bool in_transaction; /* ours: SQLite may have undone it already after an error of the disk */
    /* Of the writer. The last sequence appended, which nobody else changes: 0: not known. Changes
     * of the counts by type, written down before they are read and at savepoints and the commit. */
    uint64_t last_origin, last_seq;
    int tally[RH_SQLITE_TYPES];
    bool tally_waits;
    char message[256]; /* about the last failure; SQLite's own is gone after the rollback */
    sqlite3_stmt *statements[RH_SQL_COUNT];
    sqlite3_stmt *put_many; /* of the writer: puts the rows of the feed */
    struct sqlite_feed {
        const struct rh_key *const *rows; /* in the order of the index */
        unsigned n;
    } feed;
    struct sqlite_taking {
        uint64_t *rks;
        int64_t *aux;
        unsigned n, limit;
    } taking; /* rows of the statement that runs (key_rks) */
};

static inline struct sqlite_conn *of(struct rh_conn *c)
{
    return (struct sqlite_conn *)(void *)c;
}

/* 64-bit values without a sign are stored as the signed number with the same bits. */
static inline void bind_u64(sqlite3_stmt *s, int at, uint64_t n)
{
    sqlite3_bind_int64(s, at, (sqlite3_int64)n);
}

static inline uint64_t column_u64(sqlite3_stmt *s, int at)
{
    return (uint64_t)sqlite3_column_int64(s, at);
}

/* A bound of a count (number, sequence, rk): counts stay below 2^63, so a higher bound means "to
 * the end". */
static inline void bind_bound(sqlite3_stmt *s, int at, uint64_t n)
{
    sqlite3_bind_int64(s, at, n > INT64_MAX ? INT64_MAX : (sqlite3_int64)n);
}

enum rh_rc rh_sqlite_rc(sqlite3 *db, int code);
/* Result of a call on this connection; a failure leaves its message. RH_CONFLICT: a constraint. */
enum rh_rc rh_sqlite_result(struct sqlite_conn *c, int code);
/* The prepared statement, reset and without bindings. */
sqlite3_stmt *rh_sqlite_use(struct sqlite_conn *c, enum rh_sql sql);
/* Runs a statement without rows and resets it. */
enum rh_rc rh_sqlite_run(struct sqlite_conn *c, sqlite3_stmt *s);
enum rh_rc rh_sqlite_do(struct sqlite_conn *c, enum rh_sql sql);
/* One row: RH_OK, RH_NOTFOUND, or an error. The caller resets. */
enum rh_rc rh_sqlite_row(struct sqlite_conn *c, sqlite3_stmt *s);
struct rh_text rh_sqlite_blob(sqlite3_stmt *s, int column); /* valid until the next step */
enum rh_rc rh_sqlite_keep(sqlite3_stmt *s, int column, struct rh_arena *a, struct rh_text *ret);
void rh_sqlite_bind_blob(sqlite3_stmt *s, int at, struct rh_text t);

/* keys.c */
/* A connection that writes takes many keys at once. An SQLite code. */
int rh_sqlite_feed_open(struct sqlite_conn *c);

/* rows.c */
enum rh_rc rh_sqlite_write_tally(struct sqlite_conn *c);
void rh_sqlite_forget(
    struct sqlite_conn *c); /* what was gathered since the last savepoint is undone */
enum rh_rc rh_sqlite_append(struct rh_conn *, struct rh_entry *);
enum rh_rc rh_sqlite_entry(struct rh_conn *, uint64_t, struct rh_arena *, struct rh_entry *);
enum rh_rc rh_sqlite_version(struct rh_conn *, uint64_t, uint64_t, struct rh_arena *,
                             struct rh_entry *);
enum rh_rc rh_sqlite_history(struct rh_conn *, enum rh_history_scope, uint16_t, uint64_t, unsigned,
                             struct rh_arena *, struct rh_entry *, unsigned *);
enum rh_rc rh_sqlite_log_read(struct rh_conn *, uint64_t, uint64_t, unsigned, struct rh_arena *,
                              struct rh_entry *, unsigned *);
enum rh_rc rh_sqlite_log_tip(struct rh_conn *, uint64_t, struct rh_arena *, struct rh_entry *);
enum rh_rc rh_sqlite_origins(struct rh_conn *, struct rh_arena *, uint64_t **, unsigned *);
enum rh_rc rh_sqlite_body_put(struct rh_conn *, uint64_t, enum rh_codec_id, struct rh_text);
enum rh_rc rh_sqlite_head_get(struct rh_conn *, uint16_t, struct rh_text, struct rh_arena *,
                              struct rh_head *);
enum rh_rc rh_sqlite_head_rk(struct rh_conn *, uint64_t, struct rh_arena *, struct rh_head *);
enum rh_rc rh_sqlite_entry_rk(struct rh_conn *, uint64_t, struct rh_arena *, struct rh_entry *);
enum rh_rc rh_sqlite_entries_rk(struct rh_conn *, uint64_t, uint64_t, unsigned, struct rh_arena *,
                                struct rh_entry *, uint64_t *, unsigned *);
enum rh_rc rh_sqlite_head_put(struct rh_conn *, const struct rh_head *);
enum rh_rc rh_sqlite_head_scan(struct rh_conn *, uint16_t, struct rh_text, unsigned,
                               struct rh_arena *, struct rh_head *, unsigned *);
enum rh_rc rh_sqlite_rk_scan(struct rh_conn *, uint64_t, uint64_t, unsigned, struct rh_arena *,
                             struct rh_head *, unsigned *);
enum rh_rc rh_sqlite_count(struct rh_conn *, uint16_t, uint64_t *);
enum rh_rc rh_sqlite_keys_put(struct rh_conn *, const struct rh_key *, unsigned);
enum rh_rc rh_sqlite_keys_delete(struct rh_conn *, const struct rh_key *, unsigned);
enum rh_rc rh_sqlite_key_scan(struct rh_conn *, const struct rh_key_scan *, unsigned,
                              struct rh_arena *, struct rh_key *, unsigned *);
int rh_sqlite_take_open(struct sqlite_conn *c); /* before its statements are prepared */
enum rh_rc rh_sqlite_key_rks(struct rh_conn *, uint16_t, uint16_t, struct rh_text, uint64_t,
                             unsigned, uint64_t *, int64_t *, unsigned *);
enum rh_rc rh_sqlite_keys_drop(struct rh_conn *, uint16_t, uint16_t, unsigned, unsigned *);
enum rh_rc rh_sqlite_part_get(struct rh_conn *, uint64_t, struct rh_part *);
enum rh_rc rh_sqlite_part_put(struct rh_conn *, const struct rh_part *);
enum rh_rc rh_sqlite_part_last(struct rh_conn *, uint64_t *);
enum rh_rc rh_sqlite_meta_get(struct rh_conn *, const char *, struct rh_arena *, struct rh_text *);
enum rh_rc rh_sqlite_meta_put(struct rh_conn *, const char *, struct rh_text);
enum rh_rc rh_sqlite_audit_append(struct rh_conn *, int64_t, int64_t, unsigned, struct rh_text);
enum rh_rc rh_sqlite_audit_scan(struct rh_conn *, uint64_t, unsigned, struct rh_arena *,
                                struct rh_audit_block *, unsigned *);
enum rh_rc rh_sqlite_audit_last(struct rh_conn *, struct rh_arena *, struct rh_audit_block *);

/* upkeep.c */
uint64_t rh_sqlite_wal_bytes(struct rh_conn *);
enum rh_rc rh_sqlite_index_clear(struct rh_conn *);
enum rh_rc rh_sqlite_checkpoint(struct rh_conn *, bool);
enum rh_rc rh_sqlite_backup_open(struct rh_conn *, const char *, void **);
enum rh_rc rh_sqlite_backup_step(void *, unsigned, bool *, unsigned *, unsigned *);
void rh_sqlite_backup_close(void *);
enum rh_rc rh_sqlite_check(struct rh_conn *, struct rh_issues *);
enum rh_rc rh_sqlite_stats(struct rh_conn *, struct rh_store_stats *);

#endif
