/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bulk_later.c - resources of a bulk load that exist already: ordinary updates, or nothing at all.
 */
#include "base/alloc.h"
#include "record/bulk_int.h"
#include "system/clock.h"

/* The same content as what is stored makes no version; that is seen without touching the writer. */
enum rh_rc rh_bulk_compare(struct rh_session *s, struct rh_bulk_item *it)
{
    struct rh_head head;
    struct rh_entry e;
    struct rh_part part;
    struct rh_text body;
    it->same = false;
    rh_arena_reset(s->scratch);
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
        it->same = memcmp(&h, &e.body_hash, sizeof h) == 0;
    }
    return rc;
}

static enum rh_rc fill(struct rh_session *s, struct rh_arena *a, const struct rh_bulk_item *it,
                       struct rh_write_op *op)
{
    struct rh_entry own = {.codec = it->codec, .size = it->size, .body = it->packed};
    struct rh_text body;
    enum rh_rc rc = rh_body_decode(s, &own, a, &body);
    *op = (struct rh_write_op){
        .interaction = RH_UPDATE, .type = it->type, .id = it->id, .body = body};
    return rc;
}

static void count(const struct rh_write *w, struct rh_bulk_counts *counts)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->ops[i].changed)
            counts->unchanged++;
        else if (w->ops[i].status == 201)
            counts->created++;
        else
            counts->updated++;
    }
}

/* One write of n items. A refusal is said and is no error. */
static enum rh_rc store(struct rh_bulk *b, struct rh_session *s, const struct rh_caller *caller,
                        struct rh_bulk_item *const *items, size_t n, struct rh_bulk_counts *counts)
{
    struct rh_arena *a = rh_arena_open(RH_BULK_SCRATCH_BYTES);
    struct rh_issues is;
    struct rh_write *w = NULL;
    rh_issues_init(&is, a);
    struct rh_ctx ctx = {.arena = a, .issues = &is, .now_us = rh_clock_now_us()};
    enum rh_rc rc = rh_write_open(&ctx, caller, n > 1 ? RH_WRITE_TRANSACTION : RH_WRITE_SINGLE,
                                  (unsigned)n, &w);
    for (size_t i = 0; i < n && rc == RH_OK; i++)
        rc = fill(s, a, items[i], &w->ops[i]);
    if (rc == RH_OK) {
        w->validate = RH_VALIDATE_OFF; /* it has just been done */
        rc = rh_write_run(s, w);
    }
    if (rc == RH_OK)
        count(w, counts);
    else if (!rh_rc_is_store(rc)) {
        rh_bulk_refuse(b, items[0]->where->source, items[0]->where->line, &is, rc, n);
        rc = RH_OK;
    }
    rh_arena_close(a);
    return rc;
}

enum rh_rc rh_bulk_store_items(struct rh_bulk *b, struct rh_session *s,
                               const struct rh_caller *caller, struct rh_bulk_item *const *items,
                               size_t n, struct rh_bulk_counts *counts)
{
    struct rh_bulk_item **changed = rh_try_alloc((n + 1) * sizeof(struct rh_bulk_item *));
    size_t n_changed = 0;
    enum rh_rc rc = changed ? RH_OK : RH_NOMEM;
    for (size_t i = 0; i < n && rc == RH_OK; i++) {
        rc = rh_bulk_compare(s, items[i]);
        if (rc == RH_OK && items[i]->same)
            counts->unchanged++;
        else if (rc == RH_OK)
            changed[n_changed++] = items[i];
    }
    if (rc == RH_OK && n_changed > 0 && changed[0]->atomic)
        rc = store(b, s, caller, changed, n_changed, counts);
    else
        for (size_t i = 0; i < n_changed && rc == RH_OK; i++)
            rc = store(b, s, caller, &changed[i], 1, counts);
    rh_free(changed);
    return rc;
}
