/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * write.h - changes: one resource, a batch, a transaction; prepared by a worker, decided and
 * committed by the writer.
 *
 *   worker   rh_write_open, fill ops, rh_write_prepare   parse, structural check, ids, keys,
 * compression: all that needs no state writer   conditions, references, versions, append    inside
 * one savepoint of a shared commit worker   done() is called after the sync             the answer
 * is built from ops[i].status, rc, version
 *
 * Nothing of a refused write is stored. A transaction is wholly stored or not at all; of a batch
 * each entry stands alone.
 */
#ifndef RH_RECORD_WRITE_H
#define RH_RECORD_WRITE_H

#include "base/json.h"
#include "record/record.h"

enum { RH_WRITE_OPS_MAX = 20000 /* entries of one bundle */ };

enum rh_interaction { RH_CREATE, RH_UPDATE, RH_PATCH, RH_DELETE, RH_INTERACTIONS };

struct rh_write_op {
    /* --- asked ------------------------------------------------------------------------------- */
    enum rh_interaction interaction;
    unsigned type;     /* resource number of the address */
    struct rh_text id; /* of the address; empty for create and conditional operations */
    bool own_id;       /* a create that chooses its id itself: `id` */
    bool conditional;  /* update, patch, delete by `criteria` */
    struct rh_text
        criteria; /* search text of a conditional operation or of If-None-Exist; empty: none */
    struct rh_text
        body;                /* JSON text: the resource, or the patch (a JSON Patch is an array, a
                                FHIRPath     Patch a Parameters resource); ignored when `resource` is set */
    yyjson_val *resource;    /* parsed resource or patch, in the write's arena */
    struct rh_text if_match; /* header text, e.g. W/"a1-5"; empty: none */
    struct rh_text if_none_match; /* "*" refuses to overwrite */
    struct rh_text full_url;      /* of a bundle entry: what others refer to it by (urn:uuid:…) */
    const char *place; /* prefix of expressions in issues, "Bundle.entry[3].resource"; NULL: the
                          resource itself */
    bool lenient;
    /* --- answered ---------------------------------------------------------------------------- */
    enum rh_rc rc;
    int status;   /* 200, 201, 204, or rh_rc_http(rc) */
    bool changed; /* a version was made; false for an identical update, a matched conditional
                     create, a repeated delete */
    struct rh_version version; /* the version made or found; no body for deletions */
    /* --- private to write.c ------------------------------------------------------------------ */
    struct rh_prepared *prepared;
};

enum rh_write_mode { RH_WRITE_SINGLE, RH_WRITE_BATCH, RH_WRITE_TRANSACTION };

struct rh_write {
    struct rh_arena *arena;       /* the request's; the writer uses it between submit and done */
    struct rh_issues *issues;     /* of a single write or transaction */
    struct rh_issues **op_issues; /* of a batch: one for each op, made by rh_write_open */
    struct rh_text base;          /* of ctx */
    int64_t now_us;
    int zone_minutes;
    struct rh_caller caller;
    enum rh_write_mode mode;
    enum rh_validate_mode validate; /* DEFAULT: the record's */
    bool own;                       /* of the program itself: passes the record's gate */
    struct rh_write_op *ops;
    unsigned n;
    enum rh_rc
        rc; /* of the whole (transaction, single); RH_OK for a batch unless nothing could be done */
    void (*done)(struct rh_write *w); /* on the writer thread, after the sync; must be quick and
                                         must not touch the record */
    void *user;
    struct rh_links *links; /* private: fullUrl -> Type/id */
    struct rh_write *next;  /* private: queue */
};

/* Room for n operations in the context's arena. RH_NOMEM, RH_TOOLARGE (n). */
enum rh_rc rh_write_open(struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_write_mode mode, unsigned n, struct rh_write **ret);

/* All that needs no state. On an error of a single write or transaction w->rc is set and returned,
 * and there is nothing to submit. In a batch the failing operations are marked and the rest goes
 * on. */
enum rh_rc rh_write_prepare(struct rh_session *s, struct rh_write *w);

/* Hands the write to the writer. RH_BUSY: the queue is full, done is not called. Otherwise done is
 * called exactly once. */
enum rh_rc rh_write_submit(struct rh_record *r, struct rh_write *w);

/* prepare + submit + wait: for the command line and tests. Returns w->rc. */
enum rh_rc rh_write_run(struct rh_session *s, struct rh_write *w);

#endif
