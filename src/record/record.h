/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.h - the one way in and out of the record: an open data directory, its writer and its
 * readers.
 *
 * Threads. Any number of sessions, each used by one thread at a time, read. One writer thread,
 * owned by the record, makes every change: writes.h. Every call takes a caller, passes
 * rh_access_decide, and leaves an access row.
 */
#ifndef RH_RECORD_RECORD_H
#define RH_RECORD_RECORD_H

#include "access/access.h"
#include "base/context.h"
#include "conformance/validate.h"
#include "fhir/element.h"
#include "store/store.h"

enum {
    RH_RECORD_BATCH_MAX = 256,       /* waiting writes that share one commit */
    RH_RECORD_QUEUE_MAX = 4096,      /* writes that may wait; one more is refused with RH_BUSY */
    RH_RECORD_RESOURCE_MAX = 4 << 20 /* bytes of one resource */
};

struct rh_record;
struct rh_session;

/* Full validation, which needs definitions that a record by itself does not have. */
struct rh_record_validator {
    void *user;
    /* From now on resources are validated against definitions that include everything committed so
     * far. On the thread of a session. */
    enum rh_rc (*refresh)(void *user, struct rh_session *s, struct rh_issues *is);
    /* Errors go to ctx->issues, with expressions that begin with the resource's type. RH_OK: there
     * is none; else the code of the first. Any thread, the writer's too. */
    enum rh_rc (*validate)(void *user, struct rh_ctx *ctx, yyjson_val *resource);
};

/* Rules about some resources beyond their structure. */
struct rh_record_gate {
    void *user;
    /* May it be stored? Behind all checks of a create, update or patch; not of a bulk load, nor of
     * what the program itself writes (rh_write.own). `s` is NULL on the writer's thread, where
     * nothing can be searched. Errors with issues whose expressions begin with the type. NULL: no
     * such rules. */
    enum rh_rc (*check)(void *user, struct rh_ctx *ctx, struct rh_session *s,
                        const struct rh_caller *caller, unsigned type, yyjson_val *resource);
};

struct rh_record_options {
    const struct rh_store_ops *backend; /* NULL: SQLite */
    const char *dir;
    bool create;
    enum rh_validate_mode validate;       /* of every write */
    struct rh_record_validator validator; /* for RH_VALIDATE_FULL */
    struct rh_record_gate gate;
};

/* Opens, migrates, rebuilds keys when the parameters' version changed, starts the writer. Errors as
 * rh_store_open. */
enum rh_rc rh_record_open(const struct rh_record_options *o, struct rh_issues *is,
                          struct rh_record **ret);
const char *rh_record_dir(const struct rh_record *r); /* as it was opened */
/* A number that goes up behind every commit that touched a CodeSystem, ConceptMap,
 * StructureDefinition or ValueSet, and before the write is answered. */
uint64_t rh_record_definitions(const struct rh_record *r);
/* The search parameters in force: by which every key is made and every query read. A set stays
 * until the record is closed; one that changes is another. Any thread. */
const struct rh_parameters *rh_record_parameters(const struct rh_record *r);
/* Finishes what waits, makes it durable, closes. All sessions must be closed. NULL is fine. */
void rh_record_close(struct rh_record *r);

enum rh_rc rh_session_open(struct rh_record *r, struct rh_session **ret);
void rh_session_close(struct rh_session *s); /* NULL is fine */

/* --- versions -------------------------------------------------------------------------------- */
enum { RH_VERSION_ID_SIZE = 40 };

struct rh_version {
    unsigned type;
    struct rh_text id;
    uint64_t origin, seq; /* versionId is <origin in hex>-<seq> */
    int64_t time_us;      /* lastUpdated */
    enum rh_op op;        /* RH_OP_DELETE: no body */
    uint64_t part;
    struct rh_text body; /* {"resourceType":…,"id":…[,"meta":{…}]…}, minified, without versionId and
                            lastUpdated; also none where it was erased (expunge.h) */
};

void rh_version_id(uint64_t origin, uint64_t seq, char ret[RH_VERSION_ID_SIZE]);
bool rh_version_id_parse(struct rh_text t, uint64_t *origin, uint64_t *seq);
/* Appends the resource with meta.versionId and meta.lastUpdated spliced in; no parsing is needed.
 */
void rh_version_write(const struct rh_version *v, struct rh_buf *out);

/* --- reading --------------------------------------------------------------------------------- */
/* The current version. RH_NOTFOUND; RH_GONE (ret holds the deleting version). */
enum rh_rc rh_record_read(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_text id, struct rh_version *ret);
/* One version. RH_NOTFOUND: no such version of this resource; RH_GONE: the version is the deletion,
 * or was erased.
 */
enum rh_rc rh_record_vread(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           unsigned type, struct rh_text id, struct rh_text version,
                           struct rh_version *ret);

/* A page of versions: history or search. */
struct rh_page {
    struct rh_version *rows; /* matches, then what _include and _revinclude brought */
    unsigned n;              /* matches */
    unsigned n_included;
    bool has_total;
    uint64_t total;
    struct rh_text next;    /* opaque cursor for _cursor; empty: this is the last page */
    struct rh_text self;    /* query of this page, ready for a link, without _cursor */
    bool include_left_out;  /* more would have been included than RH_SEARCH_INCLUDED_MAX */
    struct rh_text explain; /* JSON: plan, rows touched, time; empty: not asked for */
};

/* History, newest first. type 0: of the system; id empty: of the type. `query` is the text behind
 * '?': _since (instant), _at (date, dateTime, Period start/end by one value), _count, _cursor;
 * others RH_QUERY (lenient: a warning). Deletions are rows with op RH_OP_DELETE. Instance:
 * RH_NOTFOUND when there never was one. has_total only for an instance's history and for a first
 * page that holds all. */
enum rh_rc rh_record_history(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, unsigned type, struct rh_text id,
                             struct rh_text query, bool lenient, struct rh_page *ret);

enum { RH_SEARCH_INCLUDED_MAX = 1000 };
struct rh_query;
struct rh_query_host;
struct rh_search_request {
    unsigned type; /* 0: of the system (_type) */
    struct rh_text query;
    bool lenient;
    unsigned compartment; /* resource number, with its id: only what is in there; 0: no such */
    struct rh_text compartment_id;
    const struct rh_query_host *host; /* value_set, subsumed; NULL: they cannot be asked */
    bool explain;
};
/* Runs a search (search/query.h). With _summary=count or _count=0 only the total is made. RH_QUERY,
 * RH_BUSY (a parameter is being indexed), RH_TOOLARGE (too costly: what to add), with issues;
 * warnings of lenient handling too. `parsed` lives in the context's arena. */
enum rh_rc rh_record_search(struct rh_session *s, struct rh_ctx *ctx,
                            const struct rh_caller *caller, const struct rh_search_request *r,
                            struct rh_page *ret, struct rh_query *parsed);

/* Everything of a type or of all (type 0) in the order of ids, for export: call again with the last
 * id (and type) until n is 0. Chunked so that no snapshot is held. Deleted resources are left out.
 */
enum rh_rc rh_record_list(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_text after, unsigned limit,
                          struct rh_version *rows, unsigned *n);

/* --- news --------------------------------------------------------------------------------------
 */
/* Number of the newest entry of the log that is committed; 0: none yet. Any thread, cheap. */
uint64_t rh_record_newest(const struct rh_record *r);
/* Waits until an entry behind `number` is committed, at most so long; true: there is one. */
bool rh_record_wait(struct rh_record *r, uint64_t number, unsigned timeout_ms);
void rh_record_nudge(struct rh_record *r); /* ends every such wait that is going on. Any thread */
/* What was committed behind `number`, oldest first, without bodies being decoded: type, id, op,
 * version. *n < limit: that was all. For parts of the program that follow the record
 * (subscriptions, jobs), which need no grant of their own; what they show of it passes through a
 * search or read. */
struct rh_news {
    uint64_t number;
    unsigned type;
    struct rh_text id;
    enum rh_op op;
    uint64_t origin, seq, part;
    int64_t time_us;
};
enum rh_rc rh_record_news(struct rh_session *s, struct rh_arena *a, uint64_t number, unsigned limit,
                          struct rh_news *rows, unsigned *n);

/* --- search parameters
 * ---------------------------------------------------------------------------- */
/* Beside R4's own: those of stored SearchParameter resources (status active) and these, of
 * packages. A new one is indexed while work goes on, by a thread of the record, and may be searched
 * by when it is complete; the work goes on after a restart or crash. Texts are copied. Once, after
 * opening. */
enum rh_rc rh_record_add_parameters(struct rh_record *r, const struct rh_text *definitions,
                                    unsigned n);
struct rh_indexing {
    unsigned added, building; /* added parameters in force; of these, not complete */
    char name[96];            /* "Patient.my-code" of the first that is being indexed; "" */
    uint64_t done, total;     /* resources of its type */
};
void rh_record_indexing(struct rh_record *r, struct rh_indexing *ret);
/* Waits until every change of parameters so far is in force and complete; false: not in that time,
 * or it could not be done (the log says why). */
bool rh_record_indexed(struct rh_record *r, unsigned timeout_ms);

/* --- upkeep ---------------------------------------------------------------------------------- */
/* Called with what is done and what there is to do (0: unknown); false stops the work
 * (RH_INTERRUPTED). */
typedef bool rh_progress(void *user, const char *phase, uint64_t done, uint64_t total);

/* A consistent copy of the data directory in `file_dir` (must not exist), while work goes on.
 * Synced, with a manifest (rihla-backup.json: origins, last seq and head hash of each). */
enum rh_rc rh_record_backup(struct rh_record *r, struct rh_issues *is, const char *to,
                            rh_progress *progress, void *user);
/* Makes a data directory `dir` (must not exist or be empty) from a backup: verifies it first, gives
 * it a new origin for what will be written there, so that version ids never collide with the
 * original's. */
enum rh_rc rh_record_restore(struct rh_issues *is, const char *from, const char *dir,
                             rh_progress *progress, void *user);

struct rh_check_report {
    uint64_t entries, resources, keys,
        orphans; /* what was looked at; orphans are keys without a head, harmless */
    uint64_t problems;
    struct rh_text origins; /* "origin seq hash" lines */
};
/* Store, chain of hashes, body hashes, heads against the log, keys against the bodies. RH_CORRUPT
 * with issues when anything is wrong. */
enum rh_rc rh_record_check(struct rh_record *r, struct rh_ctx *ctx, rh_progress *progress,
                           void *user, struct rh_check_report *ret);
/* Rebuilds heads, keys and counts from the log. */
enum rh_rc rh_record_rebuild(struct rh_record *r, struct rh_issues *is, rh_progress *progress,
                             void *user);

struct rh_record_stats {
    struct rh_store_stats store;
    uint64_t origin, seq, commits, writes, refused, waiting, audit_rows;
    uint64_t commit_us_sum, commit_us_max;
    int64_t opened_us;
    struct rh_hash
        head; /* of the last entry that our origin wrote: the end of its chain; zeros: none yet */
};
enum rh_rc rh_record_stats(struct rh_session *s, struct rh_record_stats *ret);
/* Resources of a type that are not deleted. */
enum rh_rc rh_record_count(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           unsigned type, uint64_t *ret);

#endif
