/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verify.c - is everything that was written still there and true; and the indexes made again from
 * the log.
 *
 *   1 the database's own check
 *   2 every entry of every origin: sequence without gaps, chain of header hashes, body against its
 * salted hash 3 every head: it is the newest entry of its resource, is found by its number, and
 * each key of its body is in the index 4 every key: its head exists and its body has it; without a
 * head it is an orphan of a load that was cut off, harmless
 *
 * All in chunks of one read transaction each, so it may run beside writers.
 */
#include "base/alloc.h"
#include "record/record_int.h"
#include "system/log.h"

enum { CHECK_BYTES = 64 << 20, REBUILD_ENTRIES = 2000 };

struct verify {
    struct rh_session *session;
    struct rh_ctx *ctx;
    struct rh_arena *arena; /* of one chunk */
    struct rh_arena *item;  /* of one row of it */
    rh_progress *progress;
    void *user;
    uint64_t done, total;
    struct rh_check_report report;
    enum rh_rc rc; /* of the first problem */
};

static void problem(struct verify *v, const char *where, const char *what)
{
    v->report.problems++;
    v->rc = rh_issue_add(v->ctx->issues, RH_CORRUPT, where, "%s", what);
}

static enum rh_rc tick(struct verify *v, const char *phase, uint64_t n)
{
    v->done += n;
    if (v->progress && !v->progress(v->user, phase, v->done, v->total))
        return RH_INTERRUPTED;
    return RH_OK;
}

static const char *name_of(struct verify *v, unsigned type, struct rh_text id)
{
    const struct rh_type *t = rh_resource_type(type);
    char *name = rh_arena_printf(v->ctx->arena, "%s/%.*s", t ? t->name : "?", RH_TEXT_ARG(id));
    return name ? name : "?";
}

/* --- 2 the log ---------------------------------------------------------------------------------
 */

static enum rh_rc check_body(struct verify *v, const struct rh_entry *e)
{
    struct rh_text body;
    struct rh_part part;
    if (e->op != RH_OP_CREATE && e->op != RH_OP_UPDATE)
        return RH_OK;
    if (e->body.len == 0 && e->size > 0)
        return RH_OK; /* erased; the chain covers its header still */
    enum rh_rc rc = rh_store_part_get(v->session->conn, e->part, &part);
    if (rc == RH_NOTFOUND) {
        problem(v, name_of(v, e->type, e->id),
                "its person is not known, so its body cannot be verified");
        return RH_OK;
    }
    if (rc)
        return rc;
    rc = rh_body_decode(v->session, e, v->item, &body);
    if (rc == RH_CORRUPT) {
        problem(v, name_of(v, e->type, e->id), "the body of a version cannot be decoded");
        return RH_OK;
    }
    if (rc)
        return rc;
    struct rh_hash h = rh_hash_of(body.data, body.len, part.salt, sizeof part.salt);
    if (memcmp(&h, &e->body_hash, sizeof h) != 0)
        problem(v, name_of(v, e->type, e->id),
                "the body of a version is not the one that was written");
    return RH_OK;
}

static enum rh_rc check_entry(struct verify *v, const struct rh_entry *e, uint64_t seq,
                              struct rh_hash *prev)
{
    if (e->seq != seq)
        problem(v, name_of(v, e->type, e->id), "an entry of the log is missing before this one");
    if (memcmp(&e->prev_hash, prev, sizeof *prev) != 0)
        problem(v, name_of(v, e->type, e->id),
                "the entry before this one in the log is not the one that was written");
    v->report.entries++;
    rh_arena_reset(v->item);
    enum rh_rc rc = rh_entry_hash(e, v->item, prev);
    return rc ? rc : check_body(v, e);
}

static enum rh_rc check_origin(struct verify *v, uint64_t origin)
{
    uint64_t seq = 1;
    struct rh_hash prev = {{0}};
    unsigned limit = RH_CHUNK, n = limit;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && n == limit) {
        rh_arena_reset(v->arena);
        struct rh_entry *rows = rh_arena_alloc(v->arena, RH_CHUNK * sizeof *rows);
        if (!rows)
            return RH_NOMEM;
        rc = rh_store_log_read(v->session->conn, origin, seq, limit, v->arena, rows, &n);
        if (rc == RH_NOMEM && limit > 1) { /* large bodies: fewer at a time */
            limit = n = limit / 4;
            rc = RH_OK;
            continue;
        }
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            rc = check_entry(v, &rows[i], seq, &prev);
            seq = rows[i].seq + 1;
        }
        if (rc == RH_OK)
            rc = tick(v, "log", n);
    }
    return rc;
}

static enum rh_rc check_log(struct verify *v)
{
    uint64_t *origins;
    unsigned n;
    enum rh_rc rc = rh_store_origins(v->session->conn, v->ctx->arena, &origins, &n);
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = check_origin(v, origins[i]);
    return rc ? rc : rh_origins_text(v->session->conn, v->ctx->arena, &v->report.origins);
}

/* --- 3 heads -----------------------------------------------------------------------------------
 */

static enum rh_rc has_key(struct verify *v, struct rh_key k, bool *ret)
{
    struct rh_key found[1];
    unsigned n = 1;
    struct rh_key_scan scan = {.type = k.type,
                               .param = k.param,
                               .lo = k.bytes,
                               .has_after = k.rk > 0,
                               .after = k.bytes,
                               .after_rk = k.rk - 1};
    enum rh_rc rc = rh_store_key_scan(v->session->conn, &scan, 1, v->item, found, &n);
    *ret = rc == RH_OK && n == 1 && found[0].rk == k.rk && rh_text_eq(found[0].bytes, k.bytes);
    return rc;
}

static enum rh_rc keys_of_head(struct verify *v, const struct rh_head *h,
                               struct rh_search_keys *ret)
{
    struct rh_version version;
    struct rh_issues is;
    rh_issues_init(&is, v->item);
    struct rh_ctx ctx = {.arena = v->item,
                         .issues = &is,
                         .now_us = v->ctx->now_us,
                         .zone_minutes = v->ctx->zone_minutes};
    enum rh_rc rc = rh_version_of_head(v->session, h, v->item, &version);
    return rc ? rc : rh_keys_of_body(&ctx, h->type, version.body, ret);
}

static enum rh_rc check_keys(struct verify *v, const struct rh_head *h)
{
    struct rh_search_keys keys;
    unsigned char updated[RH_KEY_INSTANT_SIZE];
    bool there;
    enum rh_rc rc = keys_of_head(v, h, &keys);
    if (rc == RH_CORRUPT)
        return RH_OK; /* said in phase 2 */
    for (unsigned i = 0; i < keys.n && rc == RH_OK; i++) {
        rc = has_key(v, rh_key_row(h->type, &keys.rows[i], h->rk), &there);
        if (rc == RH_OK && !there)
            problem(v, name_of(v, h->type, h->id),
                    "a search key of this resource is missing: run rihla check --rebuild");
    }
    if (rc)
        return rc;
    v->report.keys += keys.n + 1;
    rh_key_instant(h->time_us, updated);
    rc =
        has_key(v,
                (struct rh_key){
                    h->type, RH_PARAM_LAST_UPDATED, {(const char *)updated, sizeof updated}, h->rk},
                &there);
    if (rc == RH_OK && !there)
        problem(v, name_of(v, h->type, h->id),
                "the key of _lastUpdated is missing: run rihla check --rebuild");
    return rc;
}

static enum rh_rc check_head(struct verify *v, const struct rh_head *h)
{
    struct rh_entry e;
    struct rh_head other;
    rh_arena_reset(v->item);
    enum rh_rc rc = rh_store_entry(v->session->conn, h->entry, v->item, &e);
    if (rc == RH_NOTFOUND) {
        problem(v, name_of(v, h->type, h->id),
                "the entry of the current version is missing from the log");
        return RH_OK;
    }
    if (rc)
        return rc;
    if (e.type != h->type || !rh_text_eq(e.id, h->id) || e.seq != h->seq || e.origin != h->origin ||
        e.part != h->part)
        problem(v, name_of(v, h->type, h->id), "the current version does not agree with the log");
    rc = rh_store_head_rk(v->session->conn, h->rk, v->item, &other);
    if (rc == RH_NOTFOUND ||
        (rc == RH_OK && (other.type != h->type || !rh_text_eq(other.id, h->id)))) {
        problem(v, name_of(v, h->type, h->id),
                "the resource is not found by its number: run rihla check --rebuild");
        return RH_OK;
    }
    v->report.resources += !h->deleted;
    return rc || h->deleted ? rc : check_keys(v, h);
}

static enum rh_rc check_heads(struct verify *v, unsigned type)
{
    struct rh_head rows[RH_CHUNK];
    char after[RH_STORE_ID_MAX];
    struct rh_text last = {NULL, 0};
    unsigned n = RH_CHUNK;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && n == RH_CHUNK) {
        rh_arena_reset(v->arena);
        rc = rh_store_begin(v->session->conn);
        if (rc == RH_OK)
            rc = rh_store_head_scan(v->session->conn, (uint16_t)type, last, RH_CHUNK, v->arena,
                                    rows, &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++)
            rc = check_head(v, &rows[i]);
        rh_store_rollback(v->session->conn);
        if (rc == RH_OK && n > 0)
            last = (struct rh_text){memcpy(after, rows[n - 1].id.data, rows[n - 1].id.len),
                                    rows[n - 1].id.len};
        if (rc == RH_OK)
            rc = tick(v, "resources", n);
    }
    return rc;
}

/* --- 4 keys ------------------------------------------------------------------------------------
 */

static enum rh_rc check_key(struct verify *v, const struct rh_key *k)
{
    struct rh_head h;
    struct rh_search_keys keys;
    unsigned char updated[RH_KEY_INSTANT_SIZE];
    rh_arena_reset(v->item);
    enum rh_rc rc = rh_store_head_rk(v->session->conn, k->rk, v->item, &h);
    if (rc == RH_NOTFOUND) {
        v->report.orphans++;
        return RH_OK;
    }
    if (rc)
        return rc;
    bool right = false;
    if (!h.deleted && h.type == k->type && k->param == RH_PARAM_LAST_UPDATED) {
        rh_key_instant(h.time_us, updated);
        right =
            k->bytes.len == sizeof updated && memcmp(k->bytes.data, updated, sizeof updated) == 0;
    } else if (!h.deleted && h.type == k->type) {
        rc = keys_of_head(v, &h, &keys);
        if (rc)
            return rc == RH_CORRUPT ? RH_OK : rc;
        for (unsigned i = 0; i < keys.n && !right; i++) {
            struct rh_key row = rh_key_row(h.type, &keys.rows[i], h.rk);
            right = row.param == k->param && rh_text_eq(row.bytes, k->bytes);
        }
    }
    if (!right)
        problem(v, name_of(v, h.type, h.id),
                "the index holds a search key that this resource does not have: run rihla check "
                "--rebuild");
    return RH_OK;
}

static enum rh_rc check_index(struct verify *v, unsigned type, const struct rh_parameter *p)
{
    char after[RH_STORE_KEY_MAX];
    struct rh_key_scan scan = {.type = (uint16_t)type, .param = p->number, .lo = {"", 0}};
    unsigned n = RH_CHUNK;
    enum rh_rc rc = RH_OK;
    while (rc == RH_OK && n == RH_CHUNK) {
        rh_arena_reset(v->arena);
        struct rh_key *rows = rh_arena_alloc(v->arena, RH_CHUNK * sizeof *rows);
        if (!rows)
            return RH_NOMEM;
        rc = rh_store_begin(v->session->conn);
        if (rc == RH_OK)
            rc = rh_store_key_scan(v->session->conn, &scan, RH_CHUNK, v->arena, rows, &n);
        for (unsigned i = 0; i < n && rc == RH_OK; i++)
            rc = check_key(v, &rows[i]);
        rh_store_rollback(v->session->conn);
        if (rc == RH_OK && n > 0) {
            scan.has_after = true;
            scan.after_rk = rows[n - 1].rk;
            scan.after =
                (struct rh_text){memcpy(after, rows[n - 1].bytes.data, rows[n - 1].bytes.len),
                                 rows[n - 1].bytes.len};
        }
        if (rc == RH_OK)
            rc = tick(v, "keys", n);
    }
    return rc;
}

static enum rh_rc check_type(struct verify *v, unsigned type)
{
    unsigned n = rh_parameters_of(type, NULL, 0);
    const struct rh_parameter **rows = rh_alloc((n + 1) * sizeof(struct rh_parameter *));
    rh_parameters_of(type, rows, n);
    enum rh_rc rc = check_heads(v, type);
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        if (rows[i]->number != RH_PARAM_ID)
            rc = check_index(v, type, rows[i]);
    rh_free(rows);
    return rc;
}

enum rh_rc rh_record_check(struct rh_record *r, struct rh_ctx *ctx, rh_progress *progress,
                           void *user, struct rh_check_report *ret)
{
    struct verify v = {.ctx = ctx, .progress = progress, .user = user};
    struct rh_store_stats st = {0};
    enum rh_rc rc = rh_session_open(r, &v.session);
    if (rc)
        return rh_store_failed(NULL, ctx->issues, rc, "opening a session");
    v.arena = rh_arena_open(CHECK_BYTES);
    v.item = rh_arena_open(CHECK_BYTES);
    rc = rh_store_stats(v.session->conn, &st);
    v.total = st.entries + st.heads + st.keys;
    if (rc == RH_OK)
        rc = tick(&v, "database", 0);
    if (rc == RH_OK)
        rc = rh_store_check(v.session->conn, ctx->issues);
    if (rc == RH_CORRUPT) {
        v.rc = rc;
        v.report.problems += ctx->issues->errors;
        rc = RH_OK;
    }
    if (rc == RH_OK)
        rc = check_log(&v);
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES && rc == RH_OK; type++)
        rc = check_type(&v, type);
    if (rc && rc != RH_INTERRUPTED)
        rh_store_failed(v.session->conn, ctx->issues, rc, "checking");
    *ret = v.report;
    rh_arena_close(v.arena);
    rh_arena_close(v.item);
    rh_session_close(v.session);
    return rc ? rc : v.rc;
}

/* --- the indexes made again --------------------------------------------------------------------
 */

struct rebuild {
    uint64_t number; /* next entry */
    unsigned type;   /* next head */
    struct rh_text after;
    char after_bytes[RH_STORE_ID_MAX];
    bool ended;
    uint64_t done;
};

/* A crash from here on is seen at the next start: the version of the parameters is not theirs, so
 * it begins again. */
static enum rh_rc clear(struct rh_session *w, void *user)
{
    (void)user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_store_meta_put(w->conn, "parameters", (struct rh_text){"\0\0\0\0\0\0\0", 8});
    if (rc == RH_OK)
        rc = rh_store_index_clear(w->conn);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    return rc ? rc : rh_tip_reload(w, rh_writer_tip(w->record));
}

static enum rh_rc head_of_entry(struct rh_session *w, const struct rh_entry *e)
{
    struct rh_head h;
    if (e->op == RH_OP_MOVED)
        return RH_OK;
    enum rh_rc rc = rh_store_head_get(w->conn, e->type, e->id, w->scratch, &h);
    if (rc && rc != RH_NOTFOUND)
        return rc;
    uint64_t rk = rc == RH_OK && h.part == e->part ? h.rk : 0;
    unsigned char salt[RH_SALT_SIZE] = {0};
    if (rk == 0) {
        rc = rh_tip_rk(w, rh_writer_tip(w->record), e->part, salt, &rk);
        if (rc)
            return rc;
    }
    return rh_store_head_put(w->conn, &(struct rh_head){
                                          .type = e->type,
                                          .deleted = e->op == RH_OP_DELETE,
                                          .id = e->id,
                                          .rk = rk,
                                          .entry = e->number,
                                          .part = e->part,
                                          .origin = e->origin,
                                          .seq = e->seq,
                                          .time_us = e->time_us,
                                      });
}

static enum rh_rc heads_again(struct rh_session *w, void *user)
{
    struct rebuild *b = user;
    struct rh_entry e;
    uint64_t number = b->number;
    enum rh_rc rc = rh_store_begin(w->conn);
    for (unsigned i = 0; i < REBUILD_ENTRIES && rc == RH_OK; i++) {
        rh_arena_reset(w->scratch);
        rc = rh_store_entry(w->conn, number, w->scratch, &e);
        if (rc == RH_NOTFOUND) {
            b->ended = true;
            rc = RH_OK;
            break;
        }
        if (rc == RH_OK)
            rc = head_of_entry(w, &e);
        number++;
    }
    if (rc == RH_OK)
        rc = rh_tip_keys(w, rh_writer_tip(w->record));
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK) {
        b->done += number - b->number;
        b->number = number;
    }
    return rc;
}

static enum rh_rc put_keys_of(struct rh_session *w, const struct rh_head *h)
{
    struct rh_version v;
    struct rh_issues is;
    struct rh_search_keys keys;
    unsigned char updated[RH_KEY_INSTANT_SIZE];
    rh_issues_init(&is, w->scratch);
    struct rh_ctx ctx = {.arena = w->scratch, .issues = &is};
    enum rh_rc rc = rh_version_of_head(w, h, w->scratch, &v);
    if (rc == RH_OK)
        rc = rh_keys_of_body(&ctx, h->type, v.body, &keys);
    if (rc)
        return rc;
    struct rh_key *rows = rh_arena_alloc(w->scratch, (keys.n + 1) * sizeof *rows);
    if (!rows)
        return RH_NOMEM;
    for (unsigned i = 0; i < keys.n; i++)
        rows[i] = rh_key_row(h->type, &keys.rows[i], h->rk);
    rh_key_instant(h->time_us, updated);
    rows[keys.n] = (struct rh_key){
        h->type, RH_PARAM_LAST_UPDATED, {(const char *)updated, sizeof updated}, h->rk};
    return rh_store_keys_put(w->conn, rows, keys.n + 1);
}

static enum rh_rc keys_again(struct rh_session *w, void *user)
{
    struct rebuild *b = user;
    struct rh_head rows[RH_CHUNK];
    struct rh_arena *a = rh_arena_open(4 << 20);
    unsigned n = RH_CHUNK;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_store_head_scan(w->conn, (uint16_t)b->type, b->after, RH_CHUNK, a, rows, &n);
    for (unsigned i = 0; i < n && rc == RH_OK; i++) {
        rh_arena_reset(w->scratch);
        if (!rows[i].deleted)
            rc = put_keys_of(w, &rows[i]);
    }
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK) {
        b->done += n;
        if (n == RH_CHUNK) {
            b->after =
                (struct rh_text){memcpy(b->after_bytes, rows[n - 1].id.data, rows[n - 1].id.len),
                                 rows[n - 1].id.len};
        } else {
            b->type++;
            b->after = (struct rh_text){NULL, 0};
            b->ended = b->type > RH_RESOURCE_TYPES;
        }
    }
    rh_arena_close(a);
    return rc;
}

static enum rh_rc finish(struct rh_session *w, void *user)
{
    (void)user;
    enum rh_rc rc = rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = rh_put_parameters_version(w->conn);
    return rc ? rc : rh_store_commit(w->conn);
}

enum rh_rc rh_record_rebuild(struct rh_record *r, struct rh_issues *is, rh_progress *progress,
                             void *user)
{
    struct rebuild b = {.number = 1, .type = 1};
    enum rh_rc rc = rh_writer_task(r->writer, (struct rh_task){clear, &b});
    while (rc == RH_OK && !b.ended) {
        rc = rh_writer_task(r->writer, (struct rh_task){heads_again, &b});
        if (rc == RH_OK && progress && !progress(user, "heads", b.done, 0))
            rc = RH_INTERRUPTED;
    }
    b.ended = false;
    while (rc == RH_OK && !b.ended) {
        rc = rh_writer_task(r->writer, (struct rh_task){keys_again, &b});
        if (rc == RH_OK && progress && !progress(user, "keys", b.done, 0))
            rc = RH_INTERRUPTED;
    }
    if (rc == RH_OK)
        rc = rh_writer_task(r->writer, (struct rh_task){finish, NULL});
    return rc ? rh_issue_add(is, rc, NULL,
                             "the indexes are not complete: %s; run rihla check --rebuild again",
                             rh_rc_text(rc))
              : RH_OK;
}
