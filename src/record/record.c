/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.c - opening a data directory, sessions, reading by id, the access rows of reads.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/datetime.h"
#include "record/dictionary.h"
#include "record/record_int.h"
#include "record/reindex.h"
#include "system/clock.h"
#include "system/log.h"

#include <assert.h>

enum { AUDIT_FIRST_BYTES = 64 << 10, LIST_BYTES = 8 << 20 };

uint64_t rh_part_of(const struct rh_record *r, struct rh_text patient)
{
    if (patient.len == 0)
        return r->site_part;
    return rh_hash_short(patient, r->secret);
}

enum rh_rc rh_store_failed(struct rh_conn *c, struct rh_issues *is, enum rh_rc rc,
                           const char *doing)
{
    if (rc == RH_OK || rc == RH_NOTFOUND)
        return rc;
    const char *text = c ? rh_store_error(c) : NULL;
    rh_log(RH_LOG_ERROR, "record", "%s: %s: %s", doing, rh_rc_name(rc), text ? text : "");
    if (is)
        rh_issue_add(is, rc, NULL, "%s; nothing was changed", rh_rc_text(rc));
    return rc;
}

/* --- a new directory ---------------------------------------------------------------------------
 */

/* 48 random bits: short enough to read in a version id, and two of a million sites hardly ever
 * share one. */
uint64_t rh_new_origin(void)
{
    unsigned char b[8] = {0};
    rh_random(b + 2, 6);
    b[2] |= 0x80;
    return rh_get_u64(b);
}

static enum rh_rc put_u64(struct rh_conn *c, const char *name, uint64_t n)
{
    unsigned char bytes[8];
    rh_put_u64(bytes, n);
    return rh_store_meta_put(c, name, (struct rh_text){(const char *)bytes, sizeof bytes});
}

static enum rh_rc get_u64(struct rh_conn *c, const char *name, struct rh_arena *a, uint64_t *ret)
{
    struct rh_text t;
    enum rh_rc rc = rh_store_meta_get(c, name, a, &t);
    if (rc)
        return rc;
    if (t.len != 8)
        return RH_CORRUPT;
    *ret = rh_get_u64((const unsigned char *)t.data);
    return RH_OK;
}

enum rh_rc rh_put_parameters_version(struct rh_conn *c)
{
    return put_u64(c, "parameters", rh_parameters_version());
}

static enum rh_rc first_values(struct rh_conn *c)
{
    unsigned char secret[RH_SECRET_SIZE];
    rh_random(secret, sizeof secret);
    enum rh_rc rc = rh_store_begin(c);
    if (rc == RH_OK)
        rc = put_u64(c, "origin", rh_new_origin());
    if (rc == RH_OK)
        rc = rh_store_meta_put(c, "secret", (struct rh_text){(const char *)secret, sizeof secret});
    if (rc == RH_OK)
        rc = rh_store_meta_put(
            c, "dictionary",
            (struct rh_text){(const char *)rh_dictionary_data, rh_dictionary_size});
    if (rc == RH_OK)
        rc = rh_put_parameters_version(c);
    if (rc == RH_OK)
        rc = put_u64(c, "clean", 1);
    if (rc == RH_OK)
        rc = rh_store_commit(c);
    if (rc)
        rh_store_rollback(c);
    return rc;
}

/* The last run did not end by itself: rows of reads may be missing since the last block. */
static enum rh_rc note_gap(struct rh_record *r, struct rh_conn *c, struct rh_arena *a)
{
    struct rh_audit_block last = {0};
    enum rh_rc rc = rh_store_audit_last(c, a, &last);
    if (rc && rc != RH_NOTFOUND)
        return rc;
    int64_t now = rh_clock_now_us();
    char from[32] = "the beginning";
    if (last.number)
        rh_instant_print(last.last_us, from);
    struct rh_buf line = rh_buf(a);
    struct rh_text packed;
    char *what = rh_arena_printf(
        a, "reads since %s may be missing: the last run ended without closing", from);
    if (!what)
        return RH_NOMEM;
    rh_audit_line(&line, now, NULL, "gap", rh_text(what), NULL, 0, RH_OK);
    struct rh_packer *packer = rh_packer_open(r->codec);
    rc = rh_pack(packer, 1, a, rh_buf_get(&line), &packed);
    if (rc == RH_OK)
        rc = rh_store_audit_append(c, last.number ? last.last_us : now, now, 1, packed);
    rh_packer_close(packer);
    return rc;
}

static enum rh_rc read_values(struct rh_record *r, struct rh_conn *c, struct rh_arena *a,
                              bool *rebuild)
{
    struct rh_text secret, dictionary;
    uint64_t clean = 0, parameters = 0;
    enum rh_rc rc = get_u64(c, "origin", a, &r->origin);
    if (rc == RH_NOTFOUND) {
        rc = first_values(c);
        if (rc == RH_OK)
            rc = get_u64(c, "origin", a, &r->origin);
    }
    if (rc == RH_OK)
        rc = rh_store_meta_get(c, "secret", a, &secret);
    if (rc == RH_OK && secret.len != RH_SECRET_SIZE)
        rc = RH_CORRUPT;
    if (rc == RH_OK)
        rc = rh_store_meta_get(c, "dictionary", a, &dictionary);
    if (rc == RH_OK)
        rc = get_u64(c, "parameters", a, &parameters);
    if (rc == RH_OK)
        rc = get_u64(c, "clean", a, &clean);
    if (rc)
        return rc;
    memcpy(r->secret, secret.data, sizeof r->secret);
    r->site_part = rh_hash_short(RH_TEXT("site"), r->secret);
    r->codec = rh_codec_open(dictionary.data, dictionary.len);
    if (!r->codec)
        return RH_CORRUPT;
    *rebuild = parameters != rh_parameters_version();

    rc = rh_store_begin(c);
    if (rc == RH_OK && !clean)
        rc = note_gap(r, c, a);
    if (rc == RH_OK)
        rc = put_u64(c, "clean", 0);
    if (rc == RH_OK)
        rc = rh_store_commit(c);
    if (rc)
        rh_store_rollback(c);
    return rc;
}

static enum rh_rc prepare_directory(struct rh_record *r, struct rh_issues *is, bool *rebuild)
{
    struct rh_conn *c;
    enum rh_rc rc = rh_store_connect(r->store, RH_CONN_WRITE, &c);
    if (rc)
        return rh_store_failed(NULL, is, rc, "opening the data directory");
    struct rh_arena *a = rh_arena_open(4 * (size_t)RH_AUDIT_PENDING_MAX); /* the last audit block */
    rc = read_values(r, c, a, rebuild);
    if (rc == RH_OK)
        rc = rh_hidden_open(r, c);
    if (rc)
        rh_store_failed(c, is, rc == RH_NOTFOUND ? RH_CORRUPT : rc,
                        "reading the settings of the data directory");
    rh_arena_close(a);
    rh_store_disconnect(c);
    return rc;
}

static void set_validation(struct rh_record *r, const struct rh_record_options *o)
{
    static const char *const types[RH_DEFINITION_TYPES] = {"CodeSystem", "ConceptMap",
                                                           "StructureDefinition", "ValueSet"};
    for (unsigned i = 0; i < RH_DEFINITION_TYPES; i++)
        r->definition_types[i] = (uint16_t)rh_resource_number(rh_text(types[i]));
    r->parameter_type = (uint16_t)rh_resource_number(RH_TEXT("SearchParameter"));
    r->validate = o->validate ? o->validate : RH_VALIDATE_STRUCTURE;
    r->validator = o->validator;
    r->gate = o->gate;
    assert(r->validate != RH_VALIDATE_FULL || r->validator.validate);
}

const char *rh_record_dir(const struct rh_record *r)
{
    return r->dir;
}

const struct rh_parameters *rh_record_parameters(const struct rh_record *r)
{
    return rh_indexer_parameters(r->indexer);
}

uint64_t rh_record_definitions(const struct rh_record *r)
{
    return atomic_load_explicit(&r->definitions, memory_order_acquire);
}

void rh_definitions_committed(struct rh_record *r)
{
    if (r->definitions_touched)
        atomic_fetch_add_explicit(&r->definitions, 1, memory_order_release);
    r->definitions_touched = false;
    if (r->parameters_touched)
        rh_indexer_wake(r->indexer);
    r->parameters_touched = false;
}

enum rh_rc rh_record_open(const struct rh_record_options *o, struct rh_issues *is,
                          struct rh_record **ret)
{
    struct rh_record *r = rh_alloc(sizeof *r);
    struct rh_store_options so = {.dir = o->dir, .create = o->create};
    bool rebuild = false;
    r->dir = rh_strdup(o->dir);
    r->opened_us = rh_clock_now_us();
    set_validation(r, o);
    pthread_mutex_init(&r->audit_lock, NULL);
    enum rh_rc rc = rh_store_open(o->backend ? o->backend : &rh_store_sqlite, &so, is, &r->store);
    if (rc == RH_OK)
        rc = prepare_directory(r, is, &rebuild);
    if (rc == RH_OK)
        rc = rh_indexer_open(r, is, &r->indexer);
    if (rc == RH_OK)
        rc = rh_writer_open(r, &r->writer);
    if (rc == RH_OK && rebuild) {
        rh_log(RH_LOG_INFO, "record",
               "the search parameters of this version differ: the keys are rebuilt");
        rc = rh_record_rebuild(r, is, NULL, NULL);
    }
    if (rc == RH_OK)
        rc = rh_indexer_start(r->indexer);
    if (rc) {
        if (is->errors == 0)
            rh_issue_add(is, rc, NULL, "%s: %s", o->dir, rh_rc_text(rc));
        rh_record_close(r);
        return rc;
    }
    *ret = r;
    return RH_OK;
}

/* The writer's last task: after it no gap has to be noted at the next start. Rows that still wait
 * could not be written by the group before: they are that gap. */
static enum rh_rc mark_clean(struct rh_session *w, void *user)
{
    (void)user;
    pthread_mutex_lock(&w->record->audit_lock);
    bool gap = w->record->audit_rows > 0;
    pthread_mutex_unlock(&w->record->audit_lock);
    enum rh_rc rc = gap ? RH_IO : rh_store_begin(w->conn);
    if (rc == RH_OK)
        rc = put_u64(w->conn, "clean", 1);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK)
        rc = rh_store_checkpoint(w->conn, true);
    return rc;
}

void rh_record_close(struct rh_record *r)
{
    if (!r)
        return;
    rh_indexer_stop(r->indexer);
    if (r->writer) {
        rh_writer_flush(r->writer);
        if (rh_writer_task(r->writer, (struct rh_task){mark_clean, NULL}))
            rh_log(RH_LOG_ERROR, "record", "the data directory could not be marked as closed");
    }
    rh_writer_close(r->writer);
    rh_indexer_close(r->indexer);
    rh_store_close(r->store);
    rh_hidden_close(r->hidden);
    rh_codec_close(r->codec);
    pthread_mutex_destroy(&r->audit_lock);
    rh_free(r->audit_data);
    rh_free(r->dir);
    rh_free(r);
}

/* --- sessions ----------------------------------------------------------------------------------
 */

enum rh_rc rh_session_open(struct rh_record *r, struct rh_session **ret)
{
    struct rh_conn *c;
    enum rh_rc rc = rh_store_connect(r->store, RH_CONN_READ, &c);
    if (rc)
        return rc;
    struct rh_session *s = rh_alloc(sizeof *s);
    *s = (struct rh_session){
        .record = r,
        .conn = c,
        .packer = rh_packer_open(r->codec),
        .scratch = rh_arena_open(RH_SCRATCH_BYTES),
        .trial = rh_arena_open(RH_SCRATCH_BYTES),
    };
    *ret = s;
    return RH_OK;
}

void rh_session_close(struct rh_session *s)
{
    if (!s)
        return;
    rh_store_disconnect(s->conn);
    rh_packer_close(s->packer);
    rh_arena_close(s->scratch);
    rh_arena_close(s->trial);
    rh_free(s);
}

/* --- access rows of reads ----------------------------------------------------------------------
 */

static bool audit_add(struct rh_record *r, struct rh_text line, int64_t time_us)
{
    pthread_mutex_lock(&r->audit_lock);
    bool room = r->audit_taken + r->audit_len + line.len <= RH_AUDIT_PENDING_MAX,
         first = r->audit_rows == 0;
    if (room) {
        if (r->audit_len + line.len > r->audit_cap) {
            size_t cap = r->audit_cap ? 2 * r->audit_cap : AUDIT_FIRST_BYTES;
            while (cap < r->audit_len + line.len)
                cap *= 2;
            r->audit_data = rh_realloc(r->audit_data, cap);
            r->audit_cap = cap;
        }
        memcpy(r->audit_data + r->audit_len, line.data, line.len);
        r->audit_len += line.len;
        r->audit_rows++;
        if (first)
            r->audit_first_us = time_us;
    }
    pthread_mutex_unlock(&r->audit_lock);
    if (first)
        rh_writer_wake(r->writer);
    return room;
}

enum rh_rc rh_audit_read(struct rh_record *r, struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_action action, struct rh_text what, const uint64_t *parts,
                         unsigned n_parts)
{
    struct rh_buf line = rh_buf(ctx->arena);
    rh_audit_line(&line, ctx->now_us, caller, rh_action_name(action), what, parts, n_parts, RH_OK);
    if (line.rc)
        return line.rc;
    if (!audit_add(r, rh_buf_get(&line), ctx->now_us))
        return rh_issue_add(ctx->issues, RH_BUSY, NULL,
                            "the rows that say who read what cannot be written at the moment, so "
                            "nothing more may be read; is the disk full?");
    return RH_OK;
}

enum rh_rc rh_audit_page(struct rh_record *r, struct rh_ctx *ctx, const struct rh_caller *caller,
                         enum rh_action action, struct rh_text what, const struct rh_page *page)
{
    uint64_t *parts = rh_arena_alloc(ctx->arena, (page->n + 1) * sizeof *parts);
    unsigned n = 0;
    if (!parts)
        return RH_NOMEM;
    for (unsigned i = 0; i < page->n; i++) {
        unsigned k = 0;
        while (k < n && parts[k] != page->rows[i].part)
            k++;
        if (k == n && page->rows[i].part != r->site_part)
            parts[n++] = page->rows[i].part;
    }
    return rh_audit_read(r, ctx, caller, action, what, parts, n);
}

/* --- reading by id -----------------------------------------------------------------------------
 */

static struct rh_text what_of(struct rh_arena *a, unsigned type, struct rh_text id)
{
    struct rh_buf b = rh_buf(a);
    rh_buf_str(&b, rh_resource_type(type)->name);
    rh_buf_char(&b, '/');
    rh_buf_text(&b, id);
    return rh_buf_get(&b);
}

static enum rh_rc not_found(struct rh_ctx *ctx, unsigned type, struct rh_text id)
{
    return rh_issue_add(ctx->issues, RH_NOTFOUND, NULL, "there is no %s/%.*s",
                        rh_resource_type(type)->name, RH_TEXT_ARG(id));
}

static enum rh_rc give(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                       enum rh_action action, const struct rh_version *v)
{
    enum rh_rc rc = rh_audit_read(s->record, ctx, caller, action,
                                  what_of(ctx->arena, v->type, v->id), &v->part, 1);
    if (rc || v->body.len)
        return rc;
    char version[RH_VERSION_ID_SIZE];
    rh_version_id(v->origin, v->seq, version);
    if (v->op != RH_OP_DELETE)
        return rh_issue_add(ctx->issues, RH_GONE, NULL,
                            "version %s of %s/%.*s was erased ($expunge)", version,
                            rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id));
    return rh_issue_add(ctx->issues, RH_GONE, NULL,
                        "%s/%.*s has been deleted (version %s); its history is still there",
                        rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id), version);
}

enum rh_rc rh_record_read(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_text id, struct rh_version *ret)
{
    struct rh_grant grant;
    struct rh_head head;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_READ, type, ctx->issues, &grant);
    if (rc)
        return rc;
    rc = rh_store_lease(s->conn);
    if (rc == RH_OK)
        rc = rh_store_head_get(s->conn, (uint16_t)type, id, ctx->arena, &head);
    if (rc == RH_NOTFOUND || (rc == RH_OK && !rh_grant_row(&grant, head.part, type))) {
        rh_store_lease_rest(s->conn, true);
        return not_found(ctx, type, id);
    }
    if (rc == RH_OK)
        rc = rh_version_of_head(s, &head, ctx->arena, ret);
    rh_store_lease_rest(s->conn, rc == RH_OK);
    if (rc)
        return rh_store_failed(s->conn, ctx->issues, rc, "reading a resource");
    return give(s, ctx, caller, RH_ACTION_READ, ret);
}

enum rh_rc rh_record_vread(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           unsigned type, struct rh_text id, struct rh_text version,
                           struct rh_version *ret)
{
    struct rh_grant grant;
    struct rh_entry e;
    uint64_t origin, seq;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_READ, type, ctx->issues, &grant);
    if (rc)
        return rc;
    rc = RH_NOTFOUND;
    if (rh_version_id_parse(version, &origin, &seq))
        rc = rh_store_version(s->conn, origin, seq, ctx->arena, &e);
    if (rc == RH_OK && (e.type != type || !rh_text_eq(e.id, id) || e.op == RH_OP_MOVED ||
                        !rh_grant_row(&grant, e.part, type)))
        rc = RH_NOTFOUND;
    if (rc == RH_NOTFOUND)
        return rh_issue_add(ctx->issues, RH_NOTFOUND, NULL, "%s/%.*s has no version \"%.*s\"",
                            rh_resource_type(type)->name, RH_TEXT_ARG(id), RH_TEXT_ARG(version));
    if (rc == RH_OK)
        rc = rh_version_of(s, &e, ctx->arena, ret);
    if (rc)
        return rh_store_failed(s->conn, ctx->issues, rc, "reading a version");
    return give(s, ctx, caller, RH_ACTION_READ, ret);
}

enum rh_rc rh_record_list(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_text after, unsigned limit,
                          struct rh_version *rows, unsigned *n)
{
    struct rh_grant grant;
    struct rh_head *heads = rh_arena_alloc(ctx->arena, RH_CHUNK * sizeof *heads);
    enum rh_rc rc =
        heads ? rh_access_decide(caller, RH_ACTION_EXPORT, type, ctx->issues, &grant) : RH_NOMEM;
    *n = 0;
    for (unsigned found = RH_CHUNK;
         rc == RH_OK && *n == 0 && found == RH_CHUNK;) { /* a chunk of deletions is passed over */
        found = limit < RH_CHUNK ? limit : RH_CHUNK;
        unsigned asked = found;
        rc = rh_store_begin(s->conn);
        if (rc == RH_OK)
            rc = rh_store_head_scan(s->conn, (uint16_t)type, after, asked, ctx->arena, heads,
                                    &found);
        for (unsigned i = 0; i < found && rc == RH_OK; i++) {
            after = heads[i].id;
            if (!heads[i].deleted && rh_grant_row(&grant, heads[i].part, type))
                rc = rh_version_of_head(s, &heads[i], ctx->arena, &rows[(*n)++]);
            if (*n > 0 && rh_arena_used(ctx->arena) > LIST_BYTES)
                break; /* large ones: fewer at a time */
        }
        rh_store_rollback(s->conn);
        found = found == asked ? RH_CHUNK : 0;
    }
    return rc ? rh_store_failed(s->conn, ctx->issues, rc, "listing resources") : RH_OK;
}

/* --- figures -----------------------------------------------------------------------------------
 */

enum rh_rc rh_record_stats(struct rh_session *s, struct rh_record_stats *ret)
{
    rh_writer_stats(s->record->writer, ret);
    ret->origin = s->record->origin;
    ret->opened_us = s->record->opened_us;
    struct rh_arena *a = rh_arena_open(2 * (size_t)RH_STORE_BODY_MAX);
    struct rh_entry last;
    enum rh_rc rc = rh_store_log_tip(s->conn, ret->origin, a, &last);
    if (rc == RH_OK) {
        ret->seq = last.seq; /* the two belong together */
        rc = rh_entry_hash(&last, a, &ret->head);
    }
    rh_arena_close(a);
    return rc && rc != RH_NOTFOUND ? rc : rh_store_stats(s->conn, &ret->store);
}

enum rh_rc rh_record_count(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           unsigned type, uint64_t *ret)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_SEARCH, type, ctx->issues, &grant);
    return rc ? rc : rh_store_count(s->conn, (uint16_t)type, ret);
}
