/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record_int.h - what the units of src/record share. Not for other modules.
 */
#ifndef RH_RECORD_RECORD_INT_H
#define RH_RECORD_RECORD_INT_H

#include "access/audit.h"
#include "record/record.h"
#include "record/write.h"
#include "search/query.h"
#include "system/compress.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    RH_SCRATCH_BYTES = 64 << 20, /* of a session, reset for each call */
    RH_WRITER_BYTES = 128 << 20, /* of the writer, reset for each write */
    RH_RECORD_CHECKPOINT_BYTES =
        16 << 20, /* of the write-ahead log, before it is moved into the database */
    RH_BULK_SCRATCH_BYTES = 512 << 20, /* of a thread that takes whole files apart */
    RH_BODY_LEVEL = 3,                 /* of zstd */
    RH_CHUNK = 200,                    /* rows of one read transaction */
    RH_DEFINITION_TYPES = 4            /* whose changes are counted */
};

struct rh_writer;
struct rh_hidden;

struct rh_record {
    struct rh_store *store;
    char *dir;
    uint64_t origin;
    uint64_t site_part;                   /* the bucket of what belongs to no person */
    unsigned char secret[RH_SECRET_SIZE]; /* keys the hashes of persons */
    struct rh_codec *codec;               /* zstd with the directory's dictionary */
    struct rh_writer *writer;
    struct rh_board *board; /* news.c */
    int64_t opened_us;
    enum rh_validate_mode validate;
    struct rh_record_validator validator;
    struct rh_record_gate gate;
    uint16_t definition_types[RH_DEFINITION_TYPES];
    bool definitions_touched; /* in the open transaction; of the writer's thread */
    bool parameters_touched;  /* the same for SearchParameters */
    uint16_t parameter_type;
    struct rh_indexer *indexer;
    _Atomic uint64_t definitions; /* rh_record_definitions */
    struct rh_hidden *hidden;     /* hidden.c */

    /* Access rows of reads that wait for the next group commit. */
    pthread_mutex_t audit_lock;
    char *audit_data;
    size_t audit_len, audit_cap;
    size_t audit_taken; /* bytes that the writer is committing, or will give back */
    unsigned audit_rows;
    int64_t audit_first_us;
    uint64_t audit_total;
};

struct rh_session {
    struct rh_record *record;
    struct rh_conn *conn;
    struct rh_packer *packer;
    struct rh_arena *scratch; /* of one call; on the writer: of one write */
    struct rh_arena *trial;   /* of one candidate of a search */
};

/* The part of a person ("" : the site's bucket). */
uint64_t rh_part_of(const struct rh_record *r, struct rh_text patient);

/* The decoded body of an entry, in the arena. RH_CORRUPT when it cannot be decoded or does not have
 * its size. */
enum rh_rc rh_body_decode(struct rh_session *s, const struct rh_entry *e, struct rh_arena *a,
                          struct rh_text *ret);
enum rh_rc rh_version_of(struct rh_session *s, const struct rh_entry *e, struct rh_arena *a,
                         struct rh_version *ret);
/* The newest version of a head, with its body. */
enum rh_rc rh_version_of_head(struct rh_session *s, const struct rh_head *h, struct rh_arena *a,
                              struct rh_version *ret);

/* Notes a read. RH_BUSY when too many rows wait (the disk does not take them). */
enum rh_rc rh_audit_read(struct rh_record *r, struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_action action, struct rh_text what, const uint64_t *parts,
                         unsigned n_parts);

/* The same for a page: one row with every person in it. */
enum rh_rc rh_audit_page(struct rh_record *r, struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_action action, struct rh_text what, const struct rh_page *page);

/* Says a store's failure in words for the operator's log and returns the code. */
enum rh_rc rh_store_failed(struct rh_conn *c, struct rh_issues *is, enum rh_rc rc,
                           const char *doing);

uint64_t rh_new_origin(void);
enum rh_rc rh_put_parameters_version(struct rh_conn *c);
/* "origin seq hash" of each origin's last entry, one a line. */
enum rh_rc rh_origins_text(struct rh_conn *c, struct rh_arena *a, struct rh_text *ret);

/* Resources that match, up to `limit`, without regard to order: for conditional operations. Runs
 * inside the caller's transaction. */
enum rh_rc rh_search_heads(struct rh_session *s, struct rh_ctx *ctx, const struct rh_grant *grant,
                           const struct rh_query *q, unsigned limit, struct rh_head *rows,
                           unsigned *n);

/* The criteria of a conditional operation. `writer`: inside the writer's transaction; else on the
 * thread of a reader's session. */
enum rh_rc rh_criteria_parse(struct rh_session *s, struct rh_ctx *ctx, bool writer, unsigned type,
                             struct rh_text text, struct rh_query *ret);

/* Pages' cursors: bytes as base64url text and back. RH_QUERY with an issue for text that is none of
 * ours. */
enum rh_rc rh_cursor_write(struct rh_arena *a, const void *data, size_t len, struct rh_text *ret);
enum rh_rc rh_cursor_read(struct rh_arena *a, struct rh_issues *is, struct rh_text t,
                          const unsigned char **ret, size_t *len);

/* The transaction is committed: counts it when it touched definitions. On the writer's thread. */
void rh_definitions_committed(struct rh_record *r);

/* --- news.c: how far the log is, owned by the writer -------------------------------------------
 */
struct rh_board;
enum rh_rc rh_board_open(struct rh_session *writer, uint64_t seq); /* seq: of our newest entry */
void rh_board_close(struct rh_board *b);                           /* NULL is fine */
void rh_board_committed(struct rh_board *b, uint64_t seq);

/* --- writer.c -------------------------------------------------------------------------------- */
/* A piece of work on the writer's thread between two group commits; it makes its own transactions.
 */
struct rh_task {
    enum rh_rc (*run)(struct rh_session *writer, void *user);
    void *user;
};
enum rh_rc rh_writer_open(struct rh_record *r, struct rh_writer **ret);
void rh_writer_close(struct rh_writer *w);
enum rh_rc rh_writer_submit(struct rh_writer *w, struct rh_write *write);
enum rh_rc rh_writer_task(struct rh_writer *w,
                          struct rh_task task); /* waits for it; returns its code */
void rh_writer_stats(struct rh_writer *w, struct rh_record_stats *ret);
void rh_writer_flush(struct rh_writer *w); /* waits until everything that is queued now is done */
void rh_writer_wake(struct rh_writer *w); /* read rows wait: commit them within RH_AUDIT_DELAY_MS */

/* --- apply.c: what the writer's thread knows between transactions ---------------------------- */
struct rh_tip; /* end of the log, persons' ordinals */
enum rh_rc rh_tip_open(struct rh_session *writer, struct rh_tip **ret);
void rh_tip_close(struct rh_tip *t);
enum rh_rc rh_tip_reload(struct rh_session *writer,
                         struct rh_tip *t); /* after a rollback of the whole transaction */
void rh_tip_mark(struct rh_tip *t);         /* with savepoint */
void rh_tip_undo(struct rh_tip *t);         /* with rollback to it */
int64_t rh_tip_time(struct rh_tip *t);      /* now, but never before the last entry */
uint64_t rh_tip_seq(const struct rh_tip *t);

/* What is to be appended: one version of one resource. */
struct rh_change {
    unsigned type;
    struct rh_text id;
    uint64_t part;
    enum rh_op op;
    struct rh_text body;   /* decoded, empty for a deletion */
    struct rh_text packed; /* as `codec` says */
    enum rh_codec_id codec;
    const struct rh_head *old;             /* NULL: there is none, which was looked for */
    const struct rh_search_keys *old_keys; /* of the old version, NULL: none */
    const struct rh_search_keys *keys; /* NULL for a deletion, or when they are written already */
    struct rh_text purpose;
    uint64_t rk;                     /* of a new resource whose keys are written already, else 0 */
    const struct rh_hash *body_hash; /* NULL: made from `body` */
    uint32_t size;                   /* of the decoded body when `body_hash` is given */
};
/* Appends an entry, makes it the head, gathers the changes of keys in `keys` (written by
 * rh_tip_keys). */
enum rh_rc rh_tip_append(struct rh_session *writer, struct rh_tip *t, const struct rh_change *c,
                         struct rh_version *ret);
/* Writes the gathered changes of keys and persons; at the end of every write, before its savepoint
 * is released. */
enum rh_rc rh_tip_keys(struct rh_session *writer, struct rh_tip *t);

/* The number for a new resource of a person (0 within the person for the Patient), and the person's
 * salt: `salt` is what a new person gets, and is set to what the person has. */
enum rh_rc rh_tip_rk(struct rh_session *writer, struct rh_tip *t, unsigned type, uint64_t part,
                     unsigned char salt[RH_SALT_SIZE], uint64_t *ret);
/* A row cut at RH_KEY_CUT; a shared one has rk 0. Rows of neighbouring keys may be the same when
 * cut: rh_key_repeats. */
struct rh_key rh_key_row(const struct rh_search_key *k, uint64_t rk);
bool rh_key_repeats(const struct rh_search_keys *keys, unsigned i); /* is the row before it */
/* Shared rows are not written again for a while; when somebody removed some, say so. */
void rh_tip_forget_shared(struct rh_tip *t);
struct rh_tip *rh_writer_tip(struct rh_record *r); /* for tasks, on the writer's thread */

/* --- hidden.c: numbers whose keys may be there before their heads ----------------------------- */
struct rh_rk_range {
    uint64_t first, last; /* both included */
};
/* Cheap when nothing is hidden. Any thread. */
bool rh_record_hidden(struct rh_record *r, uint64_t rk);
enum rh_rc rh_hidden_open(struct rh_record *r, struct rh_conn *c);
void rh_hidden_close(struct rh_hidden *h); /* NULL is fine */
/* The rest on the writer's thread. What an owner hides from now on, ascending; none: it is done. */
enum rh_rc rh_hidden_set(struct rh_record *r, const void *owner, const struct rh_rk_range *rows,
                         size_t n);
/* The owner ends without having published: what it hides stays so. */
void rh_hidden_leave(struct rh_record *r, const void *owner);
/* Writes all that is hidden down, in the open transaction. */
enum rh_rc rh_hidden_store(struct rh_session *writer);

/* --- prepare.c: a resource on its way into the log ------------------------------------------ */
struct rh_links; /* fullUrl -> Type/id, of the entries of one Bundle */

struct rh_prepared {
    const struct rh_type *type;
    yyjson_val *resource; /* or the patch */
    bool deferred;        /* its body depends on what is stored: made by the writer */
    bool matched;         /* a conditional create that found one */
    struct rh_query *criteria;
    const struct rh_parameters *parameters; /* by which `keys` were made */
    struct rh_text id; /* where it will be stored; empty while a condition is open */
    uint64_t part;
    struct rh_text body, packed;
    enum rh_codec_id codec;
    struct rh_search_keys keys;
};

/* Parses and checks as `mode` (DEFAULT: the record's) says; p->resource and p->type are set. */
enum rh_rc rh_prepare_parse(const struct rh_record *r, struct rh_ctx *ctx,
                            enum rh_validate_mode mode, const char *place, struct rh_text text,
                            struct rh_prepared *p);
enum rh_rc rh_prepare_check(const struct rh_record *r, struct rh_ctx *ctx,
                            enum rh_validate_mode mode, const char *place, struct rh_prepared *p);
/* The rules beyond them; `s` NULL: on the writer's thread. */
enum rh_rc rh_prepare_gate(const struct rh_record *r, struct rh_session *s, struct rh_ctx *ctx,
                           const struct rh_write *w, const char *place,
                           const struct rh_prepared *p);
/* Before such checks, on the thread of a session: see rh_record_validator. */
enum rh_rc rh_prepare_refresh(struct rh_session *s, struct rh_issues *is,
                              enum rh_validate_mode mode);
/* Makes body, keys, part and packed form under p->id. */
enum rh_rc rh_prepare_body(struct rh_session *s, struct rh_ctx *ctx, struct rh_prepared *p);
/* Keys of a stored body by ctx->parameters, in ctx's arena. */
enum rh_rc rh_keys_of_body(struct rh_ctx *ctx, unsigned type, struct rh_text body,
                           struct rh_search_keys *ret);

enum rh_rc rh_links_open(struct rh_arena *a, unsigned n, struct rh_links **ret);
enum rh_rc rh_links_add(struct rh_links *l, struct rh_text url, unsigned type,
                        struct rh_text id); /* empty id: known, but not yet where */
bool rh_links_find(const struct rh_links *l, struct rh_text url, unsigned *type,
                   struct rh_text *id);

/* Rewrites the references of a resource in place. `links` and `s` may be NULL (nothing of that kind
 * is resolved). *open is set when one must wait: a link whose id is not known yet, or a conditional
 * reference with s == NULL. RH_VALUE: nothing or more than one matches. */
struct rh_resolve {
    struct rh_links *links;
    struct rh_session *session; /* for conditional references, inside its transaction */
    struct rh_ctx *ctx;
    const struct rh_grant *grant;
    struct rh_text full_url; /* of the entry: relative references are seen from there */
    const char *place;
    bool strict; /* a urn:uuid reference that no entry has is refused */
    bool apart;  /* entries know nothing of each other (batch): one that refers to what another
                    creates is refused */
    bool open;
};
enum rh_rc rh_resolve(struct rh_resolve *r, const struct rh_prepared *p);

/* --- narrative_links.c ------------------------------------------------------------------------ */
/* Rewrites href of <a> and src of <img> in the narratives of a resource (its text, those of
 * contained resources, of the sections of a Composition) where they, or the part before their '#',
 * are a fullUrl in r->links; sets r->open as rh_resolve does. RH_NOMEM. */
enum rh_rc rh_narrative_links(struct rh_resolve *r, yyjson_val *resource);

/* --- write.c --------------------------------------------------------------------------------- */
/* Applies a prepared write inside the writer's savepoint; sets rc, status, version of each
 * operation. RH_OK, the first error of a transaction, or an error of the store. `audit` gets a line
 * for each change. */
enum rh_rc rh_write_apply(struct rh_session *writer, struct rh_tip *t, struct rh_write *w,
                          struct rh_buf *audit, unsigned *audit_rows);
/* For a batch: one operation in its own savepoint. */
enum rh_rc rh_write_apply_one(struct rh_session *writer, struct rh_tip *t, struct rh_write *w,
                              unsigned i, struct rh_buf *audit, unsigned *audit_rows);
void rh_write_failed(struct rh_write *w, enum rh_rc rc,
                     const char *text); /* the commit failed: marks every operation */

/* True for codes that come from the disk or the database rather than from the request. */
static inline bool rh_rc_is_store(enum rh_rc rc)
{
    return rc == RH_IO || rc == RH_CORRUPT || rc == RH_FULL || rc == RH_READONLY ||
           rc == RH_INTERNAL;
}

#endif
