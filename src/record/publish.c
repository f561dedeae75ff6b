/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * publish.c - a prepared batch of a bulk load on its way into the store.
 *
 *   1 arrange   what exists already, or stands twice, is set aside; the keys are sorted
 *   2 persons   numbers for new resources                                     (writer, slices)
 *   3 hidden    these numbers are not counted from now on                     (writer)
 *   4 keys      all keys in the order of the index                            (writer, slices)
 *   5 heads     log entries and heads, unit by unit; where every unit is one
 *               resource in the order of ids, so that a slice touches few pages   (writer, slices)
 *   6 the rest  set aside in 1 or found in 5: ordinary updates
 *   7 mark      how far each source got; nothing is hidden any more           (writer)
 *
 * A slice is one transaction of at most RH_BULK_SLICE_MS, so other writes wait no longer than that.
 * Its commit does not wait for the disk; that of the mark does, and is on it with all before it.
 * A crash after 2, 3 or 4 leaves keys without heads, which readers skip and whose numbers are never
 * given again; after 5 the resources are there, and a repeated load finds them unchanged.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/bulk_int.h"
#include "system/clock.h"

#include <stdlib.h>

enum {
    SLICE_ROWS = 250, /* keys between two looks at the clock */
    LOOKS = 5000      /* heads looked up in one read transaction */
};

struct publish {
    struct rh_bulk *bulk;
    struct rh_session *session;
    const struct rh_caller *caller;
    struct rh_text job;
    struct rh_bulk_batch *batch;
    struct rh_bulk_item **order; /* the batch's */
    struct rh_bulk_item **by_rk;
    size_t at, n, n_new;
    uint64_t created;
};

static bool slice_over(int64_t begin_ns)
{
    return rh_clock_mono_ns() - begin_ns > RH_BULK_SLICE_MS * INT64_C(1000000);
}

/* --- 1 arrange
 * ------------------------------------------------------------------------------------
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

static size_t unit_end(const struct rh_bulk_batch *b, size_t from)
{
    size_t to = from;
    while (to < b->n && b->order[to]->unit == b->order[from]->unit)
        to++;
    return to;
}

/* A transaction is stored in one: when one of its resources changes what is there, all of it goes
 * later. */
static enum rh_rc keep_together(struct rh_session *s, struct rh_bulk_batch *b, size_t from,
                                size_t to)
{
    bool changes = false;
    enum rh_rc rc = RH_OK;
    for (size_t i = from; i < to && rc == RH_OK && !changes; i++)
        if (b->order[i]->later) {
            rc = rh_bulk_compare(s, b->order[i]);
            changes = !b->order[i]->same;
        }
    for (size_t i = from; i < to && changes; i++)
        b->order[i]->later = true;
    return rc;
}

static enum rh_rc look_up(struct rh_session *s, struct rh_bulk_batch *b)
{
    struct rh_head head;
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < b->n && rc == RH_OK; i++) {
        struct rh_bulk_item *it = b->order[i];
        const struct rh_bulk_item *before = i ? b->order[i - 1] : NULL;
        if (i % LOOKS == 0) {
            rh_store_rollback(s->conn);
            rc = rh_store_begin(s->conn);
        }
        if (before && before->type == it->type && rh_text_eq(before->id, it->id)) {
            it->later = true;
            continue;
        }
        rh_arena_reset(s->scratch);
        if (rc == RH_OK)
            rc = rh_store_head_get(s->conn, it->type, it->id, s->scratch, &head);
        it->later = rc == RH_OK;
        rc = rc == RH_NOTFOUND ? RH_OK : rc;
    }
    rh_store_rollback(s->conn);
    return rc;
}

/* Copies the order that stands. */
static void keep_order(struct rh_bulk_batch *b, struct rh_bulk_item **to)
{
    if (b->n)
        memcpy(to, b->order, b->n * sizeof *to);
}

enum rh_rc rh_bulk_arrange(struct rh_session *s, struct rh_bulk_batch *b)
{
    bool single = true;
    b->order = rh_try_alloc((b->n + 1) * sizeof *b->order);
    b->heads = rh_try_alloc((b->n + 1) * sizeof *b->heads);
    if (!b->order || !b->heads)
        return RH_NOMEM;
    for (size_t i = 0; i < b->n; i++)
        b->order[i] = &b->items[i];
    qsort(b->order, b->n, sizeof *b->order, by_identity);
    keep_order(b, b->heads);
    enum rh_rc rc = look_up(s, b);
    qsort(b->order, b->n, sizeof *b->order, by_unit);
    for (size_t from = 0, to; from < b->n && rc == RH_OK; from = to) {
        to = unit_end(b, from);
        single = single && to - from == 1;
        if (b->order[from]->atomic)
            rc = keep_together(s, b, from, to);
    }
    if (!single)
        keep_order(b, b->heads);
    return rc ? rc : rh_bulk_sort(b->order, b->n, &b->keys);
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
    return rc;
}

static enum rh_rc persons_slice(struct rh_session *w, void *user)
{
    struct publish *p = user;
    struct rh_tip *tip = rh_writer_tip(w->record);
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = p->at;
    enum rh_rc rc = rh_store_begin_unsynced(w->conn);
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

/* --- 3 hidden ----------------------------------------------------------------------------------
 */

static int by_rk(const void *a, const void *b)
{
    const struct rh_bulk_item *x = *(struct rh_bulk_item *const *)a,
                              *y = *(struct rh_bulk_item *const *)b;
    return x->rk < y->rk ? -1 : x->rk > y->rk;
}

/* The numbers that have no head yet. */
static enum rh_rc set_hidden(struct publish *p, struct rh_session *w)
{
    struct rh_rk_range *rows = rh_try_alloc((p->n_new + 1) * sizeof *rows);
    size_t n = 0;
    if (!rows)
        return RH_NOMEM;
    for (size_t i = 0; i < p->n_new; i++) {
        uint64_t rk = p->by_rk[i]->rk;
        if (p->by_rk[i]->done || p->by_rk[i]->later)
            continue;
        if (n > 0 && rows[n - 1].last + 1 == rk)
            rows[n - 1].last = rk;
        else
            rows[n++] = (struct rh_rk_range){rk, rk};
    }
    enum rh_rc rc = rh_hidden_set(w->record, p->batch, rows, n);
    rh_free(rows);
    return rc;
}

static enum rh_rc hide(struct rh_session *w, void *user)
{
    struct publish *p = user;
    enum rh_rc rc = set_hidden(p, w);
    if (rc == RH_OK)
        rc = rh_store_begin_unsynced(w->conn);
    if (rc == RH_OK)
        rc = rh_hidden_store(w);
    return rc ? rc : rh_store_commit(w->conn);
}

static enum rh_rc order_by_rk(struct publish *p)
{
    p->by_rk = rh_try_alloc((p->n + 1) * sizeof(struct rh_bulk_item *));
    if (!p->by_rk)
        return RH_NOMEM;
    for (size_t i = 0; i < p->n; i++)
        if (!p->order[i]->later)
            p->by_rk[p->n_new++] = p->order[i];
    qsort(p->by_rk, p->n_new, sizeof(struct rh_bulk_item *), by_rk);
    return RH_OK;
}

static enum rh_rc stop_hiding(struct rh_session *w, void *user)
{
    rh_hidden_leave(w->record, ((struct publish *)user)->batch);
    return RH_OK;
}

/* --- 4 keys ------------------------------------------------------------------------------------
 */

static enum rh_rc keys_slice(struct rh_session *w, void *user)
{
    struct publish *p = user;
    struct rh_key rows[SLICE_ROWS];
    int64_t begin_ns = rh_clock_mono_ns();
    size_t at = p->at;
    enum rh_rc rc = rh_store_begin_unsynced(w->conn);
    while (at < p->batch->keys.n && rc == RH_OK && !slice_over(begin_ns)) {
        unsigned n = rh_bulk_take(&p->batch->keys, at, rows, SLICE_ROWS);
        rc = rh_store_keys_put(w->conn, rows, n);
        at += n;
    }
    if (rc == RH_OK)
        rc = rh_store_commit(w->conn);
    if (rc == RH_OK)
        p->at = at;
    return rc;
}

/* --- 5 heads -----------------------------------------------------------------------------------
 */

static enum rh_rc publish_item(struct publish *p, struct rh_session *w, struct rh_tip *tip,
                               struct rh_bulk_item *it)
{
    struct rh_head head;
    struct rh_version version;
    enum rh_rc rc = rh_store_head_get(w->conn, it->type, it->id, w->scratch, &head);
    /* It came from elsewhere since step 1, or other parameters are in force. */
    if (rc == RH_OK || (rc == RH_NOTFOUND && it->parameters != rh_record_parameters(w->record))) {
        struct rh_key *rows;
        unsigned n;
        it->later = true;
        rc = rh_bulk_rows_of(it, w->scratch, &rows, &n);
        return rc ? rc : rh_store_keys_delete(w->conn, rows, n);
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

static int by_part(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* One row for the slice, with every person in it. */
static enum rh_rc note_slice(struct publish *p, struct rh_session *w, size_t from, size_t to)
{
    size_t n = 0, different = 0;
    uint64_t *parts = rh_arena_alloc(w->scratch, (to - from + 1) * sizeof *parts);
    struct rh_buf line = rh_buf(w->scratch);
    struct rh_text packed;
    if (!parts)
        return RH_NOMEM;
    for (size_t i = from; i < to; i++)
        if (p->batch->heads[i]->done && p->batch->heads[i]->part != w->record->site_part)
            parts[n++] = p->batch->heads[i]->part;
    qsort(parts, n, sizeof *parts, by_part);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || parts[i] != parts[i - 1])
            parts[different++] = parts[i];
    char *what =
        rh_arena_printf(w->scratch, "%zu resources of %.*s", to - from, RH_TEXT_ARG(p->job));
    if (!what)
        return RH_NOMEM;
    int64_t now = rh_clock_now_us();
    rh_audit_line(&line, now, p->caller, rh_action_name(RH_ACTION_IMPORT), rh_text(what), parts,
                  (unsigned)different, RH_OK);
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
    enum rh_rc rc = rh_store_begin_unsynced(w->conn);
    rh_tip_mark(tip);
    while (at < p->n && rc == RH_OK) {
        struct rh_bulk_item *it = p->batch->heads[at];
        if (!it->later)
            rc = publish_item(p, w, tip, it);
        created += it->done;
        at++;
        if (slice_over(begin_ns) && at < p->n &&
            p->batch->heads[at]->unit != it->unit) /* units are published whole */
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
        rc = set_hidden(p, w);
    }
    return rc;
}

/* --- 6 the rest --------------------------------------------------------------------------------
 */

static enum rh_rc store_rest(struct publish *p, struct rh_bulk_counts *counts)
{
    struct rh_bulk_item **items = rh_try_alloc((p->n + 1) * sizeof(struct rh_bulk_item *));
    enum rh_rc rc = items ? RH_OK : RH_NOMEM;
    for (size_t from = 0, to; from < p->n && rc == RH_OK; from = to) {
        size_t n = 0;
        to = unit_end(p->batch, from);
        for (size_t i = from; i < to; i++)
            if (p->order[i]->later)
                items[n++] = p->order[i];
        if (n > 0)
            rc = rh_bulk_store_items(p->bulk, p->session, p->caller, items, n, counts);
    }
    rh_free(items);
    return rc;
}

/* --- 7 mark ------------------------------------------------------------------------------------
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
    if (rc == RH_OK)
        rc = rh_hidden_set(w->record, p->batch, NULL, 0);
    if (rc == RH_OK)
        rc = rh_hidden_store(w);
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

static enum rh_rc publish_new(struct publish *p)
{
    enum rh_rc rc = all_slices(p, persons_slice, p->n);
    if (rc == RH_OK)
        rc = order_by_rk(p);
    if (rc == RH_OK)
        rc = rh_writer_task(p->session->record->writer, (struct rh_task){hide, p});
    for (size_t i = 0; i < p->n; i++)
        p->batch->keys.rks[i] = p->order[i]->rk;
    if (rc == RH_OK)
        rc = all_slices(p, keys_slice, p->batch->keys.n);
    return rc ? rc : all_slices(p, heads_slice, p->n);
}

enum rh_rc rh_bulk_publish(struct rh_bulk *b, struct rh_session *s, const struct rh_caller *caller,
                           struct rh_text job, struct rh_bulk_batch *batch,
                           struct rh_bulk_counts *counts)
{
    struct publish p = {.bulk = b,
                        .session = s,
                        .caller = caller,
                        .job = job,
                        .batch = batch,
                        .order = batch->order,
                        .n = batch->n};
    enum rh_rc rc = publish_new(&p);
    counts->created += p.created;
    if (rc == RH_OK)
        rc = store_rest(&p, counts);
    if (rc == RH_OK)
        rc = rh_writer_task(s->record->writer, (struct rh_task){mark, &p});
    if (rc)
        rh_writer_task(s->record->writer, (struct rh_task){stop_hiding, &p});
    rh_free(p.by_rk);
    return rc;
}
