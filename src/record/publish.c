/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * publish.c - a prepared batch of a bulk load on its way into the store.
 *
 *   1 sort      what exists already, or stands twice, is set aside            (caller's thread)
 *   2 persons   numbers for new resources                                     (writer, slices)
 *   3 keys      all keys in the order of the index                            (writer, slices)
 *   4 heads     log entries and heads, unit by unit                           (writer, slices)
 *   5 the rest  set aside in 1 or found in 4: ordinary updates
 *   6 mark      how far each source got                                       (writer)
 *
 * A slice is one transaction of at most RH_BULK_SLICE_MS, so other writes wait no longer than that.
 * A crash after 2 or 3 leaves keys without heads, which readers skip and whose numbers are never
 * given again; after 4 the resources are there, and a repeated load finds them unchanged.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/bulk_int.h"
#include "system/clock.h"

#include <stdlib.h>

enum { SLICE_ROWS = 500 }; /* keys between two looks at the clock */

struct publish {
    struct rh_session *session;
    const struct rh_caller *caller;
    struct rh_text job;
    struct rh_bulk_batch *batch;
    struct rh_bulk_item **order; /* items in the order of the present step */
    size_t at, n;
    struct rh_key *keys;
    size_t n_keys;
    uint64_t created;
};

static bool slice_over(int64_t begin_ns)
{
    return rh_clock_mono_ns() - begin_ns > RH_BULK_SLICE_MS * INT64_C(1000000);
}

/* --- 1 sort ------------------------------------------------------------------------------------
 */

static int by_identity(const void *a, const void *b)
{
    const struct rh_bulk_item *x = *(struct rh_bulk_item *const *)a,
                              *y = *(struct rh_bulk_item *const *)b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    int order = rh_text_cmp(x->id, y->id);
    if (order)
        return order;
    return x->unit < y->unit ? -1 : x->unit > y->unit ? 1 : x < y ? -1 : x > y;
}

static int by_unit(const void *a, const void *b)
{
    const struct rh_bulk_item *x = *(struct rh_bulk_item *const *)a,
                              *y = *(struct rh_bulk_item *const *)b;
    return x->unit < y->unit ? -1 : x->unit > y->unit ? 1 : x < y ? -1 : x > y;
}

static int by_key(const void *a, const void *b)
{
    const struct rh_key *x = a, *y = b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->param != y->param)
        return x->param < y->param ? -1 : 1;
    int order = rh_text_cmp(x->bytes, y->bytes);
    return order ? order : x->rk < y->rk ? -1 : x->rk > y->rk;
}

static enum rh_rc set_aside(struct publish *p)
{
    struct rh_head head;
    struct rh_session *s = p->session;
    qsort(p->order, p->n, sizeof(struct rh_bulk_item *), by_identity);
    for (size_t i = 0; i < p->n; i++) {
        struct rh_bulk_item *it = p->order[i];
        const struct rh_bulk_item *before = i ? p->order[i - 1] : NULL;
        if (before && before->type == it->type && rh_text_eq(before->id, it->id)) {
            it->later = true;
            continue;
        }
        rh_arena_reset(s->scratch);
        enum rh_rc rc = rh_store_head_get(s->conn, it->type, it->id, s->scratch, &head);
        if (rc == RH_OK)
            it->later = true;
        else if (rc != RH_NOTFOUND)
            return rc;
    }
    qsort(p->order, p->n, sizeof(struct rh_bulk_item *), by_unit);
    return RH_OK;
}

/* --- 2 persons ---------------------------------------------------------------------------------
 */

/* Another writer gave this person a salt meanwhile: the hash is made again. */
static enum rh_rc hash_again(struct rh_session *w, struct rh_bulk_item *it)
{
    struct rh_entry e = {.codec = it->codec, .size = it->size, .body = it->packed};
    struct rh_text body;
    enum rh_rc rc = rh_body_decode(w, &e, w->scratch, &body);
    if (rc == RH_OK)
        it->body_hash = rh_hash_of(body.data, body.len, it->salt, sizeof it->salt);
    return rc;
}

static enum rh_rc number_item(struct rh_session *w, struct rh_tip *tip, struct rh_bulk_item *it)
{
    unsigned char salt[RH_SALT_SIZE];
    memcpy(salt, it->salt, sizeof salt);
    enum rh_rc rc = rh_tip_rk(w, tip, it->type, it->part, salt, &it->rk);
    if (rc == RH_OK && memcmp(salt, it->salt, sizeof salt) != 0) {
        memcpy(it->salt, salt, sizeof salt);
        rc = hash_again(w, it);
    }
    for (uint32_t k = 0; k < it->n_own; k++)
        it->keys[k].rk = it->rk;
    return rc;
}

static enum rh_rc persons_slice(struct rh_session *w, void *user)
{
    struct publish *p = user;
    struct rh_tip *tip = rh_writer_tip(w->record);
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = p->at;
    enum rh_rc rc = rh_store_begin(w->conn);
    rh_tip_mark(tip);
    for (; at < p->n && rc == RH_OK && !slice_over(begin_ns); at++)
        if (!p->order[at]->later)
            rc = number_item(w, tip, p->order[at]);
    if (rc == RH_OK)
        rc = rh_tip_keys(w, tip);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK)
        p->at = at;
    return rc;
}

/* --- 3 keys ------------------------------------------------------------------------------------
 */

static enum rh_rc keys_slice(struct rh_session *w, void *user)
{
    struct publish *p = user;
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = p->at;
    enum rh_rc rc = rh_store_begin(w->conn);
    while (at < p->n_keys && rc == RH_OK && !slice_over(begin_ns)) {
        size_t n = p->n_keys - at < SLICE_ROWS ? p->n_keys - at : SLICE_ROWS;
        rc = rh_store_keys_put(w->conn, p->keys + at, (unsigned)n);
        at += n;
    }
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK)
        p->at = at;
    return rc;
}

static enum rh_rc sort_keys(struct publish *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->order[i]->later ? 0 : p->order[i]->n_keys;
    p->keys = rh_try_alloc((n + 1) * sizeof *p->keys);
    if (!p->keys)
        return RH_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        const struct rh_bulk_item *it = p->order[i];
        if (it->later || it->n_keys == 0)
            continue;
        memcpy(p->keys + p->n_keys, it->keys, it->n_keys * sizeof *p->keys);
        p->n_keys += it->n_keys;
    }
    qsort(p->keys, p->n_keys, sizeof *p->keys, by_key);
    return RH_OK;
}

/* --- 4 heads -----------------------------------------------------------------------------------
 */

static enum rh_rc publish_item(struct publish *p, struct rh_session *w, struct rh_tip *tip,
                               struct rh_bulk_item *it)
{
    struct rh_head head;
    struct rh_version version;
    enum rh_rc rc = rh_store_head_get(w->conn, it->type, it->id, w->scratch, &head);
    if (rc == RH_OK) { /* came from elsewhere since step 1 */
        it->later = true;
        return rh_store_keys_delete(w->conn, it->keys, it->n_own);
    }
    if (rc != RH_NOTFOUND)
        return rc;
    struct rh_change c = {
        .type = it->type,
        .id = it->id,
        .part = it->part,
        .op = RH_OP_CREATE,
        .packed = it->packed,
        .codec = (enum rh_codec_id)it->codec,
        .purpose = p->caller->purpose,
        .rk = it->rk,
        .body_hash = &it->body_hash,
        .size = it->size,
    };
    rc = rh_tip_append(w, tip, &c, &version);
    it->done = rc == RH_OK;
    return rc;
}

/* One row for the slice, with every person in it. */
static enum rh_rc note_slice(struct publish *p, struct rh_session *w, size_t from, size_t to)
{
    size_t n = 0;
    uint64_t *parts = rh_arena_alloc(w->scratch, (to - from + 1) * sizeof *parts);
    struct rh_buf line = rh_buf(w->scratch);
    struct rh_text packed;
    if (!parts)
        return RH_NOMEM;
    for (size_t i = from; i < to; i++)
        if (p->order[i]->done && (n == 0 || parts[n - 1] != p->order[i]->part) &&
            p->order[i]->part != w->record->site_part)
            parts[n++] = p->order[i]->part;
    char *what =
        rh_arena_printf(w->scratch, "%zu resources of %.*s", to - from, RH_TEXT_ARG(p->job));
    if (!what)
        return RH_NOMEM;
    int64_t now = rh_clock_now_us();
    rh_audit_line(&line, now, p->caller, rh_action_name(RH_ACTION_IMPORT), rh_text(what), parts,
                  (unsigned)n, RH_OK);
    if (line.rc)
        return line.rc;
    enum rh_rc rc = rh_pack(w->packer, 1, w->scratch, rh_buf_get(&line), &packed);
    return rc ? rc : rh_store_audit_append(w->conn, now, now, 1, packed);
}

static enum rh_rc heads_slice(struct rh_session *w, void *user)
{
    struct publish *p = user;
    struct rh_tip *tip = rh_writer_tip(w->record);
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = p->at, from = at;
    uint64_t created = 0;
    enum rh_rc rc = rh_store_begin(w->conn);
    rh_tip_mark(tip);
    while (at < p->n && rc == RH_OK) {
        struct rh_bulk_item *it = p->order[at];
        if (!it->later)
            rc = publish_item(p, w, tip, it);
        created += it->done;
        at++;
        if (slice_over(begin_ns) && at < p->n &&
            p->order[at]->unit != it->unit) /* units are published whole */
            break;
    }
    if (rc == RH_OK)
        rc = rh_tip_keys(w, tip);
    if (rc == RH_OK && created)
        rc = note_slice(p, w, from, at);
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK) {
        p->at = at;
        p->created += created;
    }
    return rc;
}

/* --- 5 the rest --------------------------------------------------------------------------------
 */

/* The same content as what is stored makes no version; that is seen without touching the writer. */
static enum rh_rc is_unchanged(struct rh_session *s, const struct rh_bulk_item *it, bool *ret)
{
    struct rh_head head;
    struct rh_entry e;
    struct rh_part part;
    struct rh_text body;
    *ret = false;
    enum rh_rc rc = rh_store_head_get(s->conn, it->type, it->id, s->scratch, &head);
    if (rc || head.deleted || head.part != it->part)
        return rc == RH_NOTFOUND ? RH_OK : rc;
    rc = rh_store_entry(s->conn, head.entry, s->scratch, &e);
    if (rc == RH_OK)
        rc = rh_store_part_get(s->conn, it->part, &part);
    if (rc || e.size != it->size)
        return rc;
    struct rh_entry own = {.codec = it->codec, .size = it->size, .body = it->packed};
    rc = rh_body_decode(s, &own, s->scratch, &body);
    if (rc == RH_OK) {
        struct rh_hash h = rh_hash_of(body.data, body.len, part.salt, sizeof part.salt);
        *ret = memcmp(&h, &e.body_hash, sizeof h) == 0;
    }
    return rc;
}

static enum rh_rc store_item(struct publish *p, struct rh_bulk_item *it,
                             struct rh_bulk_counts *counts)
{
    struct rh_session *s = p->session;
    struct rh_arena *a = s->scratch;
    struct rh_issues is;
    bool same;
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    enum rh_rc rc = is_unchanged(s, it, &same);
    if (rc)
        return rc;
    if (same) {
        counts->unchanged++;
        return RH_OK;
    }
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    struct rh_entry own = {.codec = it->codec, .size = it->size, .body = it->packed};
    struct rh_text body;
    struct rh_write *w;
    rc = rh_body_decode(s, &own, a, &body);
    if (rc == RH_OK)
        rc = rh_write_open(&ctx, p->caller, RH_WRITE_SINGLE, 1, &w);
    if (rc)
        return rc;
    w->ops[0] = (struct rh_write_op){
        .interaction = RH_UPDATE, .type = it->type, .id = it->id, .body = body};
    rc = rh_write_run(s, w);
    if (rc)
        return rc;
    if (w->ops[0].status == 201)
        counts->created++;
    else if (w->ops[0].changed)
        counts->updated++;
    else
        counts->unchanged++;
    return RH_OK;
}

/* --- 6 mark ------------------------------------------------------------------------------------
 */

static enum rh_rc mark(struct rh_session *w, void *user)
{
    struct publish *p = user;
    enum rh_rc rc = rh_store_begin(w->conn);
    for (size_t i = 0; i < p->batch->n_marks && rc == RH_OK; i++) {
        const struct rh_bulk_mark *m = &p->batch->marks[i];
        unsigned char bytes[8];
        char *name = rh_arena_printf(w->scratch, "import/%.*s/%.*s", RH_TEXT_ARG(p->job),
                                     RH_TEXT_ARG(m->source));
        rh_put_u64(bytes, m->position);
        rc = name ? rh_store_meta_put(w->conn, name,
                                      (struct rh_text){(const char *)bytes, sizeof bytes})
                  : RH_NOMEM;
    }
    return rc ? rc : rh_store_commit(w->conn);
}

static enum rh_rc all_slices(struct publish *p, enum rh_rc (*slice)(struct rh_session *, void *),
                             size_t n)
{
    enum rh_rc rc = RH_OK;
    for (p->at = 0; p->at < n && rc == RH_OK;)
        rc = rh_writer_task(p->session->record->writer, (struct rh_task){slice, p});
    return rc;
}

enum rh_rc rh_bulk_publish(struct rh_session *s, const struct rh_caller *caller, struct rh_text job,
                           struct rh_bulk_batch *batch, struct rh_bulk_counts *counts)
{
    struct publish p = {.session = s, .caller = caller, .job = job, .batch = batch, .n = batch->n};
    p.order = rh_try_alloc((batch->n + 1) * sizeof(struct rh_bulk_item *));
    if (!p.order)
        return RH_NOMEM;
    for (size_t i = 0; i < batch->n; i++)
        p.order[i] = &batch->items[i];
    enum rh_rc rc = set_aside(&p);
    if (rc == RH_OK)
        rc = all_slices(&p, persons_slice, p.n);
    if (rc == RH_OK)
        rc = sort_keys(&p);
    if (rc == RH_OK)
        rc = all_slices(&p, keys_slice, p.n_keys);
    if (rc == RH_OK)
        rc = all_slices(&p, heads_slice, p.n);
    counts->created += p.created;
    for (size_t i = 0; i < p.n && rc == RH_OK; i++)
        if (p.order[i]->later)
            rc = store_item(&p, p.order[i], counts);
    if (rc == RH_OK)
        rc = rh_writer_task(s->record->writer, (struct rh_task){mark, &p});
    rh_free(p.keys);
    rh_free(p.order);
    return rc;
}
