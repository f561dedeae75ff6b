/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store.h - the small interface to a database: log, heads, keys, parts, blobs.
 *
 * A backend is dumb: it keeps rows in memcmp order and makes groups of changes durable. It knows
 * nothing of FHIR; C above computes every key as bytes, decides what a change means, and owns the
 * one writer thread. Backends: sqlite (src/store/sqlite), model (tests/support/model_store.c:
 * sorted arrays, for comparison).
 *
 * Connections. One connection with RH_CONN_WRITE belongs to the writer thread; any number of
 * query-only ones serve readers. A connection is used by one thread at a time. Every function that
 * reads works on both kinds. begin on a reader opens a snapshot, taken at the first read after it;
 * it must end with rollback after one chunk of work, so that a slow client cannot pin the
 * write-ahead log.
 *
 * Errors. RH_NOTFOUND: no such row (not an error of the store). RH_FULL, RH_READONLY, RH_IO,
 * RH_CORRUPT, RH_BUSY: as in rc.h. After one of these inside a write transaction the caller rolls
 * back; nothing of it is then visible, and until then nothing more is written. RH_VALUE (an id, a
 * key or a text outside the limits below), RH_TOOLARGE (a body) and RH_CONFLICT refuse one call,
 * which has then changed nothing; the transaction goes on. Numbers, sequences and rk stay below
 * 2^63. rh_store_error(conn) has a sentence about the last failure for the log. Texts and rows that
 * a function returns live in the arena given.
 *
 * Order of ids: heads of a type stand in the order of rh_id_key bytes (see below), the same in
 * every backend.
 */
#ifndef RH_STORE_STORE_H
#define RH_STORE_STORE_H

#include "base/hash.h"
#include "base/issue.h"

enum {
    RH_STORE_KEY_MAX = 256,       /* bytes of one search key */
    RH_STORE_ID_MAX = 64,         /* characters of a resource id */
    RH_STORE_BODY_MAX = 64 << 20, /* bytes of one stored body */
    RH_STORE_SCHEMA = 2           /* number of the newest migration */
};

struct rh_store; /* an open data directory */
struct rh_conn;  /* a connection to it */

enum rh_op { RH_OP_CREATE = 1, RH_OP_UPDATE, RH_OP_DELETE, RH_OP_MOVED };
enum rh_codec_id {
    RH_CODEC_PLAIN = 0,
    RH_CODEC_ZSTD = 1 /* with the dictionary of the directory */
};

/* One entry of the log: an immutable header and a body. The chain of hashes covers headers only. */
struct rh_entry {
    uint64_t number; /* local order of arrival, 1.. without gaps; set by append */
    uint64_t prior;  /* number of the version of this resource before this one; 0: none. Local, not
                        in the header */
    uint64_t origin,
        seq;         /* coordinate: the site that wrote it and its count there, 1.. without gaps */
    int64_t time_us; /* assigned by the origin's writer; never goes back within an origin */
    uint64_t part;   /* whose record: keyed hash of the person, or the site's bucket; never 0 */
    uint16_t type;   /* resource number of fhir/element.h */
    enum rh_op op;
    struct rh_text id;
    struct rh_text
        parents;           /* n x (origin u64, seq u64) big-endian: the versions this one follows */
    struct rh_text labels; /* security labels, "code code …"; may be empty */
    struct rh_text purpose; /* purpose of use under which it was written; may be empty */
    enum rh_codec_id codec;
    uint32_t size;            /* bytes of the decoded body */
    struct rh_hash body_hash; /* BLAKE2b of the decoded body, keyed with the part's salt */
    struct rh_hash prev_hash; /* hash of the header before it in this origin; zeros for the first */
    struct rh_text body;      /* as codec says; empty for deletions, moves and erased bodies */
};

/* The header as bytes, for the chain: fixed order, big-endian, texts with a u16 length. */
void rh_entry_header(const struct rh_entry *e, struct rh_buf *out);
enum rh_rc rh_entry_hash(const struct rh_entry *e, struct rh_arena *scratch, struct rh_hash *ret);

/* The newest version of a resource. rk = ordinal of the person << RH_RK_BITS | number within the
 * person: all of one person's resources are one range of rk. The Patient itself has number 0. */
enum { RH_RK_BITS = 28 };
struct rh_head {
    uint16_t type;
    bool deleted;
    bool fresh; /* for head_put: the caller has seen that there is none yet. Never read back */
    struct rh_text id;
    uint64_t rk, entry, part, origin, seq;
    int64_t time_us;
};

struct rh_part {
    uint64_t part, ordinal, next; /* next: number for the next resource of this person, 1.. */
    unsigned char salt[RH_SALT_SIZE];
};

struct rh_key {
    uint16_t type, param; /* what the bytes are a key of */
    struct rh_text bytes; /* at most RH_STORE_KEY_MAX */
    uint64_t rk;
    int64_t aux; /* carried beside the key, not part of it */
};

struct rh_key_scan {
    uint16_t type, param;
    struct rh_text lo, hi; /* lo <= bytes < hi; hi.data == NULL: no upper end */
    bool has_after; /* start behind this row (in the direction of the scan); it need not exist, nor
                       lie within lo..hi */
    struct rh_text after;
    uint64_t after_rk;
    bool descending; /* by (bytes, rk) */
};

enum rh_history_scope { RH_HISTORY_TYPE, RH_HISTORY_SYSTEM };

struct rh_store_stats {
    uint64_t entries, heads, keys,
        parts; /* heads: that are not deleted; keys: 0 where counting them would read them all */
    uint64_t bytes; /* of all files of the database */
    uint64_t wal_bytes;
};

/* Access rows (src/access/audit.h) of one group commit, packed. */
struct rh_audit_block {
    uint64_t number; /* 1.. in order of writing */
    int64_t first_us, last_us;
    unsigned rows;
    struct rh_text block;
};

enum rh_conn_kind { RH_CONN_READ, RH_CONN_WRITE };

struct rh_store_options {
    const char *dir;
    bool create;        /* make the directory when it is not there */
    bool read_only;     /* for tools; no lock is taken, no migration is made */
    unsigned cache_kib; /* page cache of one connection; 0: the default */
};

/* What a backend provides; the rh_store_… functions below call it. All are described there. */
struct rh_store_ops {
    const char *name;
    enum rh_rc (*open)(struct rh_store *, const struct rh_store_options *, struct rh_issues *);
    void (*close)(struct rh_store *);
    enum rh_rc (*connect)(struct rh_store *, enum rh_conn_kind, struct rh_conn **);
    void (*disconnect)(struct rh_conn *);
    const char *(*error)(struct rh_conn *);
    enum rh_rc (*begin)(struct rh_conn *);
    enum rh_rc (*begin_unsynced)(struct rh_conn *);
    enum rh_rc (*commit)(struct rh_conn *);
    void (*rollback)(struct rh_conn *);
    enum rh_rc (*savepoint)(struct rh_conn *);
    enum rh_rc (*release)(struct rh_conn *, bool keep);
    enum rh_rc (*append)(struct rh_conn *, struct rh_entry *);
    enum rh_rc (*entry)(struct rh_conn *, uint64_t number, struct rh_arena *, struct rh_entry *);
    enum rh_rc (*version)(struct rh_conn *, uint64_t origin, uint64_t seq, struct rh_arena *,
                          struct rh_entry *);
    enum rh_rc (*history)(struct rh_conn *, enum rh_history_scope, uint16_t type, uint64_t before,
                          unsigned limit, struct rh_arena *, struct rh_entry *rows, unsigned *n);
    enum rh_rc (*log_read)(struct rh_conn *, uint64_t origin, uint64_t seq, unsigned limit,
                           struct rh_arena *, struct rh_entry *rows, unsigned *n);
    enum rh_rc (*log_tip)(struct rh_conn *, uint64_t origin, struct rh_arena *, struct rh_entry *);
    enum rh_rc (*origins)(struct rh_conn *, struct rh_arena *, uint64_t **rows, unsigned *n);
    enum rh_rc (*body_put)(struct rh_conn *, uint64_t number, enum rh_codec_id,
                           struct rh_text body);
    enum rh_rc (*head_get)(struct rh_conn *, uint16_t type, struct rh_text id, struct rh_arena *,
                           struct rh_head *);
    enum rh_rc (*head_rk)(struct rh_conn *, uint64_t rk, struct rh_arena *, struct rh_head *);
    enum rh_rc (*entry_rk)(struct rh_conn *, uint64_t rk, struct rh_arena *, struct rh_entry *);
    enum rh_rc (*entries_rk)(struct rh_conn *, uint64_t lo, uint64_t hi, unsigned limit,
                             struct rh_arena *, struct rh_entry *rows, uint64_t *rks, unsigned *n);
    enum rh_rc (*head_put)(struct rh_conn *, const struct rh_head *);
    enum rh_rc (*head_scan)(struct rh_conn *, uint16_t type, struct rh_text after, unsigned limit,
                            struct rh_arena *, struct rh_head *rows, unsigned *n);
    enum rh_rc (*rk_scan)(struct rh_conn *, uint64_t lo, uint64_t hi, unsigned limit,
                          struct rh_arena *, struct rh_head *rows, unsigned *n);
    enum rh_rc (*count)(struct rh_conn *, uint16_t type, uint64_t *ret);
    enum rh_rc (*keys_put)(struct rh_conn *, const struct rh_key *rows, unsigned n);
    enum rh_rc (*keys_delete)(struct rh_conn *, const struct rh_key *rows, unsigned n);
    enum rh_rc (*key_scan)(struct rh_conn *, const struct rh_key_scan *, unsigned limit,
                           struct rh_arena *, struct rh_key *rows, unsigned *n);
    enum rh_rc (*key_rks)(struct rh_conn *, uint16_t type, uint16_t param, struct rh_text key,
                          uint64_t from, unsigned limit, uint64_t *rks, int64_t *aux, unsigned *n);
    enum rh_rc (*keys_drop)(struct rh_conn *, uint16_t type, uint16_t param, unsigned limit,
                            unsigned *n);
    enum rh_rc (*part_get)(struct rh_conn *, uint64_t part, struct rh_part *);
    enum rh_rc (*part_put)(struct rh_conn *, const struct rh_part *);
    enum rh_rc (*part_last)(struct rh_conn *, uint64_t *ordinal);
    enum rh_rc (*meta_get)(struct rh_conn *, const char *name, struct rh_arena *, struct rh_text *);
    enum rh_rc (*meta_put)(struct rh_conn *, const char *name, struct rh_text value);
    enum rh_rc (*audit_append)(struct rh_conn *, int64_t first_us, int64_t last_us, unsigned rows,
                               struct rh_text block);
    enum rh_rc (*audit_scan)(struct rh_conn *, uint64_t after, unsigned limit, struct rh_arena *,
                             struct rh_audit_block *, unsigned *n);
    enum rh_rc (*audit_last)(struct rh_conn *, struct rh_arena *, struct rh_audit_block *);
    uint64_t (*wal_bytes)(struct rh_conn *);
    enum rh_rc (*index_clear)(struct rh_conn *);
    enum rh_rc (*checkpoint)(struct rh_conn *, bool wait);
    enum rh_rc (*backup_open)(struct rh_conn *, const char *file, void **ret);
    enum rh_rc (*backup_step)(void *, unsigned pages, bool *done, unsigned *remaining,
                              unsigned *total);
    void (*backup_close)(void *);
    enum rh_rc (*check)(struct rh_conn *, struct rh_issues *);
    enum rh_rc (*stats)(struct rh_conn *, struct rh_store_stats *);
};

/* The SQLite backend: one directory with rihla.db, lock and blobs/. */
extern const struct rh_store_ops rh_store_sqlite;

/* Opens a data directory. Takes DIR/lock. RH_INUSE, RH_SCHEMA (newer than this program),
 * RH_NETWORKFS, RH_READONLY, RH_FULL, RH_CORRUPT, RH_NOTFOUND (no directory and not `create`): each
 * with an issue that says what to do. Older schemas are migrated in one transaction each, in order.
 * On success *ret is owned by the caller. */
enum rh_rc rh_store_open(const struct rh_store_ops *backend, const struct rh_store_options *o,
                         struct rh_issues *is, struct rh_store **ret);
void rh_store_close(struct rh_store *s); /* after all connections are closed; NULL is fine */

enum rh_rc rh_store_connect(struct rh_store *s, enum rh_conn_kind kind, struct rh_conn **ret);
void rh_store_disconnect(struct rh_conn *c); /* NULL is fine */
const char *rh_store_error(struct rh_conn *c);

/* A write transaction (writer) or a snapshot (reader). commit makes it durable: it returns after
 * the sync. One that fails has been rolled back, and the connection can begin anew. Should the
 * power go in that moment, it is there as a whole or not at all. */
enum rh_rc rh_store_begin(struct rh_conn *c);
/* A write transaction whose commit does not wait for the disk: it is durable with the next one that
 * does. Should the power go before, it and what follows it were never there. */
enum rh_rc rh_store_begin_unsynced(struct rh_conn *c);
enum rh_rc rh_store_commit(struct rh_conn *c);
/* Of a transaction that only appended audit rows. No lease reads them, so leases stay: a reader
 * that begins anew forgets every page it has at hand. */
enum rh_rc rh_store_commit_audit(struct rh_conn *c);
void rh_store_rollback(struct rh_conn *c); /* harmless when no transaction is open */
/* For many small reads, one after another: a snapshot that stays between them as long as nothing is
 * committed but audit rows. lease gives one that holds all that was committed before the call; then
 * the reads; then rest, with keep unless a read failed. Every other call on the connection ends a
 * lease that rests, and so does the writer before a checkpoint. Reader's connections only. */
enum rh_rc rh_store_lease(struct rh_conn *c);
void rh_store_lease_rest(struct rh_conn *c, bool keep);
/* One savepoint inside a write transaction (not nested): release(keep=false) undoes what came
 * since. */
enum rh_rc rh_store_savepoint(struct rh_conn *c);
enum rh_rc rh_store_release(struct rh_conn *c, bool keep);

/* --- the log --------------------------------------------------------------------------------- */
/* Appends; sets e->number. RH_CONFLICT: this origin and seq are there already, or seq is not the
 * next one. */
enum rh_rc rh_store_append(struct rh_conn *c, struct rh_entry *e);
enum rh_rc rh_store_entry(struct rh_conn *c, uint64_t number, struct rh_arena *a,
                          struct rh_entry *ret);
enum rh_rc rh_store_version(struct rh_conn *c, uint64_t origin, uint64_t seq, struct rh_arena *a,
                            struct rh_entry *ret);
/* Up to `limit` entries, newest first, with number < before (0: from the end), of one type or all;
 * with bodies. */
enum rh_rc rh_store_history(struct rh_conn *c, enum rh_history_scope scope, uint16_t type,
                            uint64_t before, unsigned limit, struct rh_arena *a,
                            struct rh_entry *rows, unsigned *n);
/* Up to `limit` entries of an origin from seq on, oldest first. */
enum rh_rc rh_store_log_read(struct rh_conn *c, uint64_t origin, uint64_t seq, unsigned limit,
                             struct rh_arena *a, struct rh_entry *rows, unsigned *n);
enum rh_rc rh_store_log_tip(struct rh_conn *c, uint64_t origin, struct rh_arena *a,
                            struct rh_entry *ret); /* RH_NOTFOUND: none yet */
enum rh_rc rh_store_origins(struct rh_conn *c, struct rh_arena *a, uint64_t **rows,
                            unsigned *n); /* ascending */
/* Replaces the stored form of a body (recompressed, or erased when empty); the header stays.
 * RH_NOTFOUND: no such entry. */
enum rh_rc rh_store_body_put(struct rh_conn *c, uint64_t number, enum rh_codec_id codec,
                             struct rh_text body);

/* --- heads ----------------------------------------------------------------------------------- */
enum rh_rc rh_store_head_get(struct rh_conn *c, uint16_t type, struct rh_text id,
                             struct rh_arena *a, struct rh_head *ret);
enum rh_rc rh_store_head_rk(struct rh_conn *c, uint64_t rk, struct rh_arena *a,
                            struct rh_head *ret);
/* The newest entry of the resource with this number, with its body, in two look-ups (deletions
 * too). RH_NOTFOUND. */
enum rh_rc rh_store_entry_rk(struct rh_conn *c, uint64_t rk, struct rh_arena *a,
                             struct rh_entry *ret);
/* The same for up to `limit` resources with lo <= rk < hi, ascending, with their rk. */
enum rh_rc rh_store_entries_rk(struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit,
                               struct rh_arena *a, struct rh_entry *rows, uint64_t *rks,
                               unsigned *n);
/* Makes it the head of (type, id), new or not; when its rk changed, the old rk is found no more.
 * Keeps the counts. RH_CONFLICT: another resource has this rk; or it is said to be fresh, and is
 * not: the transaction is to be rolled back then. */
enum rh_rc rh_store_head_put(struct rh_conn *c, const struct rh_head *h);
/* Heads of a type (deleted ones too) in the order of ids, behind `after` (empty: from the start).
 */
enum rh_rc rh_store_head_scan(struct rh_conn *c, uint16_t type, struct rh_text after,
                              unsigned limit, struct rh_arena *a, struct rh_head *rows,
                              unsigned *n);
enum rh_rc rh_store_rk_scan(struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit,
                            struct rh_arena *a, struct rh_head *rows,
                            unsigned *n); /* lo <= rk < hi, ascending */
enum rh_rc rh_store_count(struct rh_conn *c, uint16_t type,
                          uint64_t *ret); /* heads of the type that are not deleted */

/* --- keys ------------------------------------------------------------------------------------ */
enum rh_rc rh_store_keys_put(struct rh_conn *c, const struct rh_key *rows,
                             unsigned n); /* one that exists gets this aux */
enum rh_rc rh_store_keys_delete(struct rh_conn *c, const struct rh_key *rows,
                                unsigned n); /* one that does not exist is no error */
/* Up to `limit` rows in order. *n < limit means that the range is exhausted. */
enum rh_rc rh_store_key_scan(struct rh_conn *c, const struct rh_key_scan *scan, unsigned limit,
                             struct rh_arena *a, struct rh_key *rows, unsigned *n);

/* Rows of exactly this key with rk >= from, ascending: their rk and aux. *n < limit: those were
 * all. */
enum rh_rc rh_store_key_rks(struct rh_conn *c, uint16_t type, uint16_t param, struct rh_text key,
                            uint64_t from, unsigned limit, uint64_t *rks, int64_t *aux,
                            unsigned *n);
/* Removes at most `limit` rows of a parameter. *n < limit: there are no more. */
enum rh_rc rh_store_keys_drop(struct rh_conn *c, uint16_t type, uint16_t param, unsigned limit,
                              unsigned *n);

/* --- persons, small values, access rows
 * ------------------------------------------------------------- */
enum rh_rc rh_store_part_get(struct rh_conn *c, uint64_t part, struct rh_part *ret);
enum rh_rc rh_store_part_put(
    struct rh_conn *c, const struct rh_part *p); /* RH_CONFLICT: another person has this ordinal */
enum rh_rc rh_store_part_last(struct rh_conn *c,
                              uint64_t *ordinal); /* the highest one given; 0: none */
enum rh_rc rh_store_meta_get(struct rh_conn *c, const char *name, struct rh_arena *a,
                             struct rh_text *ret);
enum rh_rc rh_store_meta_put(struct rh_conn *c, const char *name,
                             struct rh_text value); /* an empty value removes the row */
enum rh_rc rh_store_audit_append(struct rh_conn *c, int64_t first_us, int64_t last_us,
                                 unsigned rows, struct rh_text block);
enum rh_rc rh_store_audit_scan(struct rh_conn *c, uint64_t after, unsigned limit,
                               struct rh_arena *a, struct rh_audit_block *rows, unsigned *n);
enum rh_rc rh_store_audit_last(struct rh_conn *c, struct rh_arena *a,
                               struct rh_audit_block *ret); /* the newest; RH_NOTFOUND */

/* --- upkeep ---------------------------------------------------------------------------------- */
/* Empties heads, keys, counts and parts' next numbers (not salts and ordinals), to be rebuilt from
 * the log. */
enum rh_rc rh_store_index_clear(struct rh_conn *c);
uint64_t rh_store_wal_bytes(
    struct rh_conn *c); /* of the write-ahead log since its last reset; writer only, cheap */
/* Moves the write-ahead log into the database; writer only, outside a transaction. `wait` also
 * truncates it. What a reader still needs stays where it is; that is no error. */
enum rh_rc rh_store_checkpoint(struct rh_conn *c, bool wait);
/* A consistent copy, made in steps on the writer's connection between its commits; later commits
 * are in it too. RH_CONFLICT: there is such a file already; it is left as it is. */
enum rh_rc rh_store_backup_open(struct rh_conn *c, const char *file, void **ret);
enum rh_rc rh_store_backup_step(struct rh_conn *c, void *backup, unsigned pages, bool *done,
                                unsigned *remaining, unsigned *total);
void rh_store_backup_close(struct rh_conn *c, void *backup); /* before done: the file is removed */
/* Pages, indexes, order and counts of the database itself; findings become issues. RH_CORRUPT when
 * there are any. */
enum rh_rc rh_store_check(struct rh_conn *c, struct rh_issues *is);
enum rh_rc rh_store_stats(struct rh_conn *c, struct rh_store_stats *ret);

/* Bytes whose memcmp order is the order of ids: a canonical lower-case UUID is 'u' and its 16
 * bytes, any other id 't' and its text. Returns the length, at most RH_STORE_ID_MAX + 1. */
unsigned rh_id_key(struct rh_text id, unsigned char ret[RH_STORE_ID_MAX + 1]);
struct rh_text rh_id_of_key(const void *key, size_t len, struct rh_arena *a);

#endif
