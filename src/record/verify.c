/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verify.c - is everything that was written still there and true; and the indexes made again from
 * the log.
 *
 *   1 the database's own check
 *   2 every entry of every origin: sequence without gaps, chain of header hashes, body against its
 * salted hash 3 every head: it is the newest entry of its resource, is found by its number, and
 * each key of its body is in the index, with the right number beside it 4 every key: its head
 * exists and its body has it; without a head it is an orphan of a load that was cut off, harmless
 *
 * All in chunks of one read transaction each, so it may run beside writers.
 */
#include "base/alloc.h"
#include "record/record_int.h"
#include "system/log.h"

#include <stdlib.h>

enum { CHECK_BYTES = 64 << 20, REBUILD_ENTRIES = 2000, REBUILD_CHUNKS = 15, TALLY_BITS = 14 };

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
    const struct rh_parameters *parameters;
    bool indexing; /* a parameter is */
    struct {
        uint32_t index; /* type << 16 | parameter; 0: free */
        uint64_t n;
    } * tally;
    uint64_t tally_rest;
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

/* Rows that resources have of one (type, parameter). */
static uint64_t *tally_of(struct verify *v, unsigned type, unsigned param)
{
    uint32_t index = (uint32_t)type << 16 | param;
    unsigned at = index * 2654435761U >> (32 - TALLY_BITS);
    for (unsigned i = 0; i < 1U << TALLY_BITS; i++, at = (at + 1) & ((1U << TALLY_BITS) - 1)) {
        if (v->tally[at].index == 0)
            v->tally[at].index = index;
        if (v->tally[at].index == index)
            return &v->tally[at].n;
    }
    return &v->tally_rest; /* more than there are: the sums do not agree, and all is looked at */
}

static enum rh_rc has_key(struct verify *v, const struct rh_key *k, bool *ret)
{
    uint64_t rk;
    int64_t aux;
    unsigned n = 0;
    enum rh_rc rc =
        rh_store_key_rks(v->session->conn, k->type, k->param, k->bytes, k->rk, 1, &rk, &aux, &n);
    *ret = rc == RH_OK && n == 1 && rk == k->rk && (aux == k->aux || k->rk == 0);
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
                         .zone_minutes = v->ctx->zone_minutes,
                         .parameters = v->parameters};
    enum rh_rc rc = rh_version_of_head(v->session, h, v->item, &version);
    return rc ? rc : rh_keys_of_body(&ctx, h->type, version.body, ret);
}

/* While a parameter is being indexed its rows, and the shapes that tell of it, are on their way. */
static bool is_complete(const struct verify *v, unsigned type, unsigned number)
{
    number &= ~(unsigned)RH_PARAM_CONTAINED;
    if (number == RH_PARAM_SHAPE)
        return !v->indexing;
    const struct rh_parameter *p = number < RH_PARAM_INTERNAL || number >= RH_PARAM_ADDED
                                       ? rh_parameter_at(v->parameters, type, number)
                                       : NULL;
    return !p || p->complete;
}

static struct rh_key updated_row(const struct rh_head *h, unsigned char bytes[RH_KEY_INSTANT_SIZE])
{
    rh_key_instant(h->time_us, bytes);
    return (struct rh_key){h->type,
                           RH_PARAM_LAST_UPDATED,
                           {(const char *)bytes, RH_KEY_INSTANT_SIZE},
                           h->rk,
                           RH_AUX_ONLY};
}

static enum rh_rc check_row(struct verify *v, const struct rh_head *h, const struct rh_key *row)
{
    bool there = true;
    enum rh_rc rc = RH_OK;
    if (is_complete(v, row->type, row->param))
        rc = has_key(v, row, &there);
    if (row->rk)
        ++*tally_of(v, row->type, row->param);
    v->report.keys++;
    if (rc == RH_OK && !there)
        problem(v, name_of(v, h->type, h->id),
                "a search key of this resource is missing or not the one it should be: run rihla "
                "check --rebuild");
    return rc;
}

static enum rh_rc check_keys(struct verify *v, const struct rh_head *h)
{
    struct rh_search_keys keys = {0};
    unsigned char updated[RH_KEY_INSTANT_SIZE];
    enum rh_rc rc = keys_of_head(v, h, &keys);
    if (rc == RH_CORRUPT)
        return RH_OK; /* said in phase 2 */
    for (unsigned i = 0; i < keys.n && rc == RH_OK; i++) {
        struct rh_key row = rh_key_row(&keys.rows[i], h->rk);
        if (!rh_key_repeats(&keys, i))
            rc = check_row(v, h, &row);
    }
    struct rh_key row = updated_row(h, updated);
    return rc ? rc : check_row(v, h, &row);
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
    struct rh_search_keys keys = {0};
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
    if (!h.deleted && k->param == RH_PARAM_LAST_UPDATED) {
        right = h.type == k->type && rh_text_eq(k->bytes, updated_row(&h, updated).bytes);
    } else if (!h.deleted) {
        rc = keys_of_head(v, &h, &keys);
        if (rc)
            return rc == RH_CORRUPT ? RH_OK : rc;
        for (unsigned i = 0; i < keys.n_own && !right; i++) {
            struct rh_key row = rh_key_row(&keys.rows[i], h.rk);
            right = row.type == k->type && row.param == k->param && rh_text_eq(row.bytes, k->bytes);
        }
    }
    if (!right)
        problem(v, name_of(v, h.type, h.id),
                "the index holds a search key that this resource does not have: run rihla check "
                "--rebuild");
    return RH_OK;
}

/* Counts the rows of resources of one index; `each`: looks at every one. */
static enum rh_rc walk_index(struct verify *v, unsigned type, unsigned param, bool each,
                             uint64_t *count)
{
    char after[RH_STORE_KEY_MAX];
    struct rh_key_scan scan = {.type = (uint16_t)type, .param = (uint16_t)param, .lo = {"", 0}};
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
        for (unsigned i = 0; i < n && rc == RH_OK; i++) {
            *count += rows[i].rk != 0;
            if (each && rows[i].rk)
                rc = check_key(v, &rows[i]);
        }
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

/* All keys that resources have are there: as many rows as they have are just those. Otherwise, or
 * when others write meanwhile, each is looked at. */
static enum rh_rc check_index(struct verify *v, unsigned type, unsigned param)
{
    uint64_t count = 0;
    enum rh_rc rc = RH_OK;
    if (!is_complete(v, type, param))
        return RH_OK;
    rc = walk_index(v, type, param, false, &count);
    if (rc || count == *tally_of(v, type, param))
        return rc;
    return walk_index(v, type, param, true, &count);
}

static enum rh_rc check_indexes(struct verify *v, unsigned type)
{
    static const uint16_t internal[] = {RH_PARAM_SHAPE, RH_PARAM_ATOM, RH_PARAM_TEXT_ATOM};
    unsigned n = rh_parameters_of(v->parameters, type, NULL, 0);
    const struct rh_parameter **rows = rh_alloc((n + 1) * sizeof(struct rh_parameter *));
    rh_parameters_of(v->parameters, type, rows, n);
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < n + sizeof internal / sizeof internal[0] && rc == RH_OK; i++) {
        unsigned number = i < n ? rows[i]->number : internal[i - n];
        if (number == RH_PARAM_ID)
            continue;
        rc = check_index(v, type, number);
        if (rc == RH_OK)
            rc = check_index(v, type, number | RH_PARAM_CONTAINED);
    }
    rh_free(rows);
    return rc;
}

static void look_for_indexing(struct verify *v)
{
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES && !v->indexing; type++) {
        unsigned n = rh_parameters_of(v->parameters, type, NULL, 0);
        const struct rh_parameter **rows = rh_alloc((n + 1) * sizeof(struct rh_parameter *));
        rh_parameters_of(v->parameters, type, rows, n);
        for (unsigned i = 0; i < n; i++)
            v->indexing = v->indexing || !rows[i]->complete;
        rh_free(rows);
    }
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
    v.parameters = rh_record_parameters(r);
    v.tally = rh_alloc(sizeof *v.tally << TALLY_BITS);
    look_for_indexing(&v);
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
        rc = check_heads(&v, type);
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES && rc == RH_OK; type++)
        rc = check_indexes(&v, type);
    if (rc && rc != RH_INTERRUPTED)
        rh_store_failed(v.session->conn, ctx->issues, rc, "checking");
    *ret = v.report;
    rh_arena_close(v.arena);
    rh_arena_close(v.item);
    rh_free(v.tally);
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
        rc = rh_hidden_set(w->record, NULL, NULL, 0); /* what was left over has no keys any more */
    if (rc == RH_OK)
        rc = rh_hidden_store(w);
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
        rc = rh_tip_rk(w, rh_writer_tip(w->record), e->type, e->part, salt, &rk);
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
    enum rh_rc rc = rh_store_begin_unsynced(w->conn);
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

/* Rows of many resources, put in the order of the index. */
struct gathered {
    struct rh_key *rows;
    size_t n, cap;
};

static int by_place(const void *a, const void *b)
{
    const struct rh_key *x = a, *y = b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->param != y->param)
        return x->param < y->param ? -1 : 1;
    int order = rh_text_cmp(x->bytes, y->bytes);
    return order ? order : x->rk < y->rk ? -1 : x->rk > y->rk;
}

static enum rh_rc put_gathered(struct rh_session *w, struct gathered *g)
{
    if (g->n)
        qsort(g->rows, g->n, sizeof *g->rows, by_place);
    enum rh_rc rc = rh_store_keys_put(w->conn, g->rows, (unsigned)g->n);
    *g = (struct gathered){0};
    rh_arena_reset(w->scratch);
    return rc;
}

static enum rh_rc gather(struct rh_session *w, struct gathered *g, struct rh_key row)
{
    if (g->n == g->cap) {
        struct rh_key *grown =
            rh_arena_grow(w->scratch, g->rows, &g->cap, g->n + 4096, sizeof *g->rows);
        if (!grown)
            return RH_NOMEM;
        g->rows = grown;
    }
    row.bytes = rh_text_copy(w->scratch, row.bytes);
    if (!row.bytes.data)
        return RH_NOMEM;
    g->rows[g->n++] = row;
    return RH_OK;
}

static enum rh_rc gather_keys_of(struct rh_session *w, const struct rh_head *h, struct gathered *g)
{
    struct rh_version v;
    struct rh_issues is;
    struct rh_search_keys keys = {0};
    unsigned char updated[RH_KEY_INSTANT_SIZE];
    rh_arena_reset(w->trial);
    rh_issues_init(&is, w->trial);
    struct rh_ctx ctx = {
        .arena = w->trial, .issues = &is, .parameters = rh_record_parameters(w->record)};
    enum rh_rc rc = rh_version_of_head(w, h, w->trial, &v);
    if (rc == RH_OK)
        rc = rh_keys_of_body(&ctx, h->type, v.body, &keys);
    for (unsigned i = 0; i < keys.n && rc == RH_OK; i++)
        if (!rh_key_repeats(&keys, i))
            rc = gather(w, g, rh_key_row(&keys.rows[i], h->rk));
    if (rc == RH_OK)
        rc = gather(w, g, updated_row(h, updated));
    return rc;
}

/* The next heads of b->type; *n < RH_CHUNK: those were all. */
static enum rh_rc some_keys(struct rh_session *w, struct rebuild *b, struct gathered *g,
                            unsigned *n)
{
    struct rh_head rows[RH_CHUNK];
    struct rh_arena *a = rh_arena_open(4 << 20);
    enum rh_rc rc = rh_store_head_scan(w->conn, (uint16_t)b->type, b->after, RH_CHUNK, a, rows, n);
    for (unsigned i = 0; i < *n && rc == RH_OK; i++)
        if (!rows[i].deleted)
            rc = gather_keys_of(w, &rows[i], g);
    if (rc == RH_OK && *n > 0) {
        struct rh_text last = rows[*n - 1].id;
        b->after = (struct rh_text){memcpy(b->after_bytes, last.data, last.len), last.len};
    }
    rh_arena_close(a);
    return rc;
}

static enum rh_rc keys_again(struct rh_session *w, void *user)
{
    struct rebuild *b = user;
    struct gathered g = {0};
    unsigned n = RH_CHUNK;
    uint64_t done = 0;
    enum rh_rc rc = rh_store_begin_unsynced(w->conn);
    for (unsigned i = 0; i < REBUILD_CHUNKS && n == RH_CHUNK && rc == RH_OK; i++) {
        rc = some_keys(w, b, &g, &n);
        done += n;
        if (rc == RH_OK && rh_arena_used(w->scratch) > RH_WRITER_BYTES / 4)
            rc = put_gathered(w, &g);
    }
    if (rc == RH_OK)
        rc = put_gathered(w, &g);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK) {
        b->done += done;
        if (n < RH_CHUNK) {
            b->type++;
            b->after = (struct rh_text){NULL, 0};
            b->ended = b->type > RH_RESOURCE_TYPES;
        }
    }
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
