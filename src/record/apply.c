/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * apply.c - appending to the log and keeping its indexes: heads, keys, persons.
 *
 * Runs on the writer's thread only. The tip (end of the log, its hash, the last person's ordinal)
 * is kept in memory so that an append costs no look-up; rh_tip_mark and rh_tip_undo follow the
 * savepoints, rh_tip_reload a rollback. Changes of keys are gathered during a write and put down
 * sorted, in one go: fewer pages are touched.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "record/record_int.h"
#include "system/clock.h"

enum {
    PART_SLOTS = 1024,   /* persons whose row is remembered; a power of two */
    SHARED_SLOTS = 16384 /* shared rows that are remembered; a power of two */
};

struct part_slot {
    struct rh_part row;
    bool used, dirty;
};

struct mark {
    uint64_t seq, last_ordinal;
    struct rh_hash prev;
    int64_t last_us;
};

struct rh_tip {
    uint64_t origin;
    unsigned patient;              /* resource number of Patient */
    uint64_t shared[SHARED_SLOTS]; /* hashes of shared rows that are in the store; 0: none */
    struct mark now, marked;
    struct part_slot parts[PART_SLOTS];
    uint16_t dirty[PART_SLOTS]; /* slots to write down, perhaps written already */
    unsigned n_dirty;
    /* Rows gathered in the writer's scratch arena since the write began. */
    struct rh_key *put, *gone;
    size_t n_put, cap_put, n_gone, cap_gone;
};

void rh_tip_forget_shared(struct rh_tip *t)
{
    memset(t->shared, 0, sizeof t->shared);
}

static void forget_rows(struct rh_tip *t)
{
    t->put = t->gone = NULL;
    t->n_put = t->cap_put = t->n_gone = t->cap_gone = 0;
}

static void forget_parts(struct rh_tip *t)
{
    memset(t->parts, 0, sizeof t->parts);
    t->n_dirty = 0;
}

enum rh_rc rh_tip_reload(struct rh_session *writer, struct rh_tip *t)
{
    struct rh_arena *a = rh_arena_open(2 * (size_t)RH_STORE_BODY_MAX); /* the body comes along */
    struct rh_entry e;
    struct mark m = {0};
    enum rh_rc rc = rh_store_log_tip(writer->conn, t->origin, a, &e);
    if (rc == RH_OK) {
        m.seq = e.seq;
        m.last_us = e.time_us;
        rc = rh_entry_hash(&e, a, &m.prev);
    } else if (rc == RH_NOTFOUND) {
        rc = RH_OK;
    }
    if (rc == RH_OK)
        rc = rh_store_part_last(writer->conn, &m.last_ordinal);
    rh_arena_close(a);
    if (rc)
        return rc;
    t->now = t->marked = m;
    forget_parts(t);
    forget_rows(t);
    rh_tip_forget_shared(t);
    return RH_OK;
}

enum rh_rc rh_tip_open(struct rh_session *writer, struct rh_tip **ret)
{
    struct rh_tip *t = rh_alloc(sizeof *t);
    t->origin = writer->record->origin;
    t->patient = rh_resource_number(RH_TEXT("Patient"));
    enum rh_rc rc = rh_tip_reload(writer, t);
    if (rc) {
        rh_free(t);
        return rc;
    }
    *ret = t;
    return RH_OK;
}

void rh_tip_close(struct rh_tip *t)
{
    rh_free(t);
}

void rh_tip_mark(struct rh_tip *t)
{
    t->marked = t->now;
    forget_rows(t);
}

void rh_tip_undo(struct rh_tip *t)
{
    int64_t last_us = t->now.last_us; /* time that was seen stays seen */
    t->now = t->marked;
    t->now.last_us = last_us;
    /* Rows of persons that the undone write changed are not to be trusted; the others are in the
     * store. */
    forget_parts(t);
    forget_rows(t);
    rh_tip_forget_shared(t); /* some may be undone */
}

int64_t rh_tip_time(struct rh_tip *t)
{
    int64_t now = rh_clock_now_us();
    if (now > t->now.last_us)
        t->now.last_us = now;
    return t->now.last_us;
}

uint64_t rh_tip_seq(const struct rh_tip *t)
{
    return t->now.seq;
}

/* --- persons --------------------------------------------------------------------------------- */

static void make_dirty(struct rh_tip *t, struct part_slot *slot)
{
    if (!slot->dirty && t->n_dirty < PART_SLOTS)
        t->dirty[t->n_dirty++] = (uint16_t)(slot - t->parts);
    slot->dirty = true;
}

static enum rh_rc flush_parts(struct rh_session *w, struct rh_tip *t)
{
    for (unsigned i = 0; i < t->n_dirty; i++) {
        struct part_slot *slot = &t->parts[t->dirty[i]];
        if (!slot->dirty)
            continue;
        enum rh_rc rc = rh_store_part_put(w->conn, &slot->row);
        if (rc)
            return rc;
        slot->dirty = false;
    }
    t->n_dirty = 0;
    return RH_OK;
}

static enum rh_rc part_row(struct rh_session *w, struct rh_tip *t, uint64_t part,
                           struct rh_part **ret)
{
    struct part_slot *slot = &t->parts[part & (PART_SLOTS - 1)];
    if (slot->used && slot->row.part == part) {
        *ret = &slot->row;
        return RH_OK;
    }
    enum rh_rc rc = RH_OK;
    if ((slot->used && slot->dirty) || t->n_dirty == PART_SLOTS)
        rc = flush_parts(w, t);
    if (rc)
        return rc;
    struct part_slot fresh = {.used = true};
    bool made = false;
    rc = rh_store_part_get(w->conn, part, &fresh.row);
    if (rc == RH_NOTFOUND) {
        fresh.row = (struct rh_part){.part = part, .ordinal = ++t->now.last_ordinal, .next = 1};
        rh_random(fresh.row.salt, sizeof fresh.row.salt);
        made = true;
    } else if (rc) {
        return rc;
    }
    *slot = fresh;
    if (made)
        make_dirty(t, slot);
    *ret = &slot->row;
    return RH_OK;
}

static enum rh_rc new_rk(struct rh_tip *t, struct rh_part *p, unsigned type, uint64_t *ret)
{
    if (type == t->patient) { /* the part is a hash of its id: there is one */
        *ret = p->ordinal << RH_RK_BITS;
        return RH_OK;
    }
    if (p->next >> RH_RK_BITS)
        return RH_FULL; /* 268 million resources of one person or of the site's bucket */
    *ret = p->ordinal << RH_RK_BITS | p->next++;
    make_dirty(t, &t->parts[p->part & (PART_SLOTS - 1)]);
    return RH_OK;
}

enum rh_rc rh_tip_rk(struct rh_session *writer, struct rh_tip *t, unsigned type, uint64_t part,
                     unsigned char salt[RH_SALT_SIZE], uint64_t *ret)
{
    struct rh_part *p;
    uint64_t persons = t->now.last_ordinal;
    enum rh_rc rc = part_row(writer, t, part, &p);
    if (rc)
        return rc;
    if (t->now.last_ordinal != persons)
        memcpy(p->salt, salt, RH_SALT_SIZE);
    else
        memcpy(salt, p->salt, RH_SALT_SIZE);
    return new_rk(t, p, type, ret);
}

/* --- keys ------------------------------------------------------------------------------------ */

static enum rh_rc add_row(struct rh_arena *a, struct rh_key **rows, size_t *n, size_t *cap,
                          struct rh_key row)
{
    if (*n == *cap) {
        struct rh_key *grown = rh_arena_grow(a, *rows, cap, *n + 64, sizeof **rows);
        if (!grown)
            return RH_NOMEM;
        *rows = grown;
    }
    (*rows)[(*n)++] = row;
    return RH_OK;
}

static enum rh_rc put_row(struct rh_session *w, struct rh_tip *t, struct rh_key row)
{
    return add_row(w->scratch, &t->put, &t->n_put, &t->cap_put, row);
}

static enum rh_rc gone_row(struct rh_session *w, struct rh_tip *t, struct rh_key row)
{
    return add_row(w->scratch, &t->gone, &t->n_gone, &t->cap_gone, row);
}

static struct rh_text cut(struct rh_text bytes)
{
    return (struct rh_text){bytes.data, bytes.len < RH_KEY_CUT ? bytes.len : RH_KEY_CUT};
}

struct rh_key rh_key_row(const struct rh_search_key *k, uint64_t rk)
{
    return (struct rh_key){
        .type = k->type,
        .param = k->number,
        .bytes = cut(k->bytes),
        .rk = k->shared ? 0 : rk,
        .aux = k->shared ? 0 : k->aux,
    };
}

bool rh_key_repeats(const struct rh_search_keys *keys, unsigned i)
{
    if (i == 0)
        return false;
    const struct rh_search_key *k = &keys->rows[i], *before = k - 1;
    return k->type == before->type && k->number == before->number && k->shared == before->shared &&
           rh_text_eq(cut(k->bytes), cut(before->bytes));
}

static int key_order(const struct rh_key *a, const struct rh_key *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->param != b->param)
        return a->param < b->param ? -1 : 1;
    return rh_text_cmp(a->bytes, b->bytes);
}

static unsigned next_own(const struct rh_search_keys *keys, unsigned i)
{
    while (keys && i < keys->n_own && rh_key_repeats(keys, i))
        i++;
    return i;
}

/* Both lists are sorted: what only the old one has goes, what only the new one has, or with another
 * number beside it, comes. Compared as cut, since rows are. */
static enum rh_rc diff_keys(struct rh_session *w, struct rh_tip *t,
                            const struct rh_search_keys *old, uint64_t old_rk,
                            const struct rh_search_keys *new, uint64_t new_rk)
{
    unsigned i = 0, j = 0, n_old = old ? old->n_own : 0, n_new = new ? new->n_own : 0;
    while (i < n_old || j < n_new) {
        struct rh_key o = {0}, n = {0};
        if (i < n_old)
            o = rh_key_row(&old->rows[i], old_rk);
        if (j < n_new)
            n = rh_key_row(&new->rows[j], new_rk);
        int order = i == n_old ? 1 : j == n_new ? -1 : key_order(&o, &n);
        enum rh_rc rc = RH_OK;
        if (order < 0 || (order == 0 && old_rk != new_rk))
            rc = gone_row(w, t, o);
        if (rc == RH_OK && (order > 0 || (order == 0 && (old_rk != new_rk || o.aux != n.aux))))
            rc = put_row(w, t, n);
        if (rc)
            return rc;
        i = order <= 0 ? next_own(old, i + 1) : i;
        j = order >= 0 ? next_own(new, j + 1) : j;
    }
    return RH_OK;
}

/* Is it in the store already? It is taken for written from now on. */
static bool known_shared(struct rh_tip *t, const struct rh_record *r, const struct rh_key *k)
{
    char bytes[4 + RH_KEY_CUT];
    rh_put_u16((unsigned char *)bytes, k->type);
    rh_put_u16((unsigned char *)bytes + 2, k->param);
    memcpy(bytes + 4, k->bytes.data, k->bytes.len);
    uint64_t h = rh_hash_short((struct rh_text){bytes, 4 + k->bytes.len}, r->secret);
    uint64_t *slot = &t->shared[h & (SHARED_SLOTS - 1)];
    bool known = *slot == h && h != 0;
    *slot = h;
    return known;
}

static enum rh_rc put_shared(struct rh_session *w, struct rh_tip *t,
                             const struct rh_search_keys *keys)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = keys ? keys->n_own : 0; keys && i < keys->n && rc == RH_OK; i++) {
        struct rh_key row = rh_key_row(&keys->rows[i], 0);
        if (!known_shared(t, w->record, &row))
            rc = put_row(w, t, row);
    }
    return rc;
}

static enum rh_rc updated_row(struct rh_session *w, struct rh_tip *t, unsigned type,
                              int64_t time_us, uint64_t rk, bool put)
{
    unsigned char *bytes = rh_arena_alloc(w->scratch, RH_KEY_INSTANT_SIZE);
    if (!bytes)
        return RH_NOMEM;
    rh_key_instant(time_us, bytes);
    struct rh_key row = {
        .type = (uint16_t)type,
        .param = RH_PARAM_LAST_UPDATED,
        .bytes = {(const char *)bytes, RH_KEY_INSTANT_SIZE},
        .rk = rk,
        .aux = RH_AUX_ONLY,
    };
    return put ? put_row(w, t, row) : gone_row(w, t, row);
}

static enum rh_rc gather_keys(struct rh_session *w, struct rh_tip *t, const struct rh_change *c,
                              uint64_t rk, int64_t time_us)
{
    uint64_t old_rk = c->old ? c->old->rk : rk;
    enum rh_rc rc = diff_keys(w, t, c->old_keys, old_rk, c->keys, rk);
    if (rc == RH_OK)
        rc = put_shared(w, t, c->keys);
    if (rc == RH_OK && c->old && !c->old->deleted)
        rc = updated_row(w, t, c->type, c->old->time_us, old_rk, false);
    if (rc == RH_OK && c->op != RH_OP_DELETE)
        rc = updated_row(w, t, c->type, time_us, rk, true);
    return rc;
}

enum rh_rc rh_tip_keys(struct rh_session *writer, struct rh_tip *t)
{
    enum rh_rc rc = RH_OK;
    if (t->n_gone)
        rc = rh_store_keys_delete(writer->conn, t->gone, (unsigned)t->n_gone);
    if (rc == RH_OK && t->n_put)
        rc = rh_store_keys_put(writer->conn, t->put, (unsigned)t->n_put);
    if (rc == RH_OK)
        rc = flush_parts(writer, t);
    forget_rows(t);
    return rc;
}

/* --- the log --------------------------------------------------------------------------------- */

static enum rh_rc append(struct rh_session *w, struct rh_tip *t, struct rh_entry *e)
{
    e->origin = t->origin;
    e->seq = t->now.seq + 1;
    e->prev_hash = t->now.prev;
    enum rh_rc rc = rh_store_append(w->conn, e);
    if (rc == RH_OK)
        rc = rh_entry_hash(e, w->scratch, &t->now.prev);
    if (rc == RH_OK)
        t->now.seq = e->seq;
    return rc;
}

/* The coordinate of the version before, as the header's list of parents. */
static enum rh_rc parents(struct rh_session *w, const struct rh_head *old, struct rh_text *ret)
{
    unsigned char *p = rh_arena_alloc(w->scratch, 16);
    if (!p)
        return RH_NOMEM;
    rh_put_u64(p, old->origin);
    rh_put_u64(p + 8, old->seq);
    *ret = (struct rh_text){(const char *)p, 16};
    return RH_OK;
}

/* A resource whose person changed leaves the old person's part by an entry of its own, so that
 * whoever holds only that part learns of it. */
static enum rh_rc append_moved(struct rh_session *w, struct rh_tip *t, const struct rh_change *c,
                               struct rh_text from)
{
    struct rh_entry e = {
        .prior = c->old->entry,
        .time_us = t->now.last_us,
        .part = c->old->part,
        .type = (uint16_t)c->type,
        .op = RH_OP_MOVED,
        .id = c->id,
        .parents = from,
        .purpose = c->purpose,
    };
    return append(w, t, &e);
}

static void fill_version(const struct rh_entry *e, struct rh_text body, struct rh_version *ret)
{
    *ret = (struct rh_version){
        .type = e->type,
        .id = e->id,
        .origin = e->origin,
        .seq = e->seq,
        .time_us = e->time_us,
        .op = e->op,
        .part = e->part,
        .body = body,
    };
}

enum rh_rc rh_tip_append(struct rh_session *writer, struct rh_tip *t, const struct rh_change *c,
                         struct rh_version *ret)
{
    struct rh_part *part;
    enum rh_rc rc = part_row(writer, t, c->part, &part);
    if (rc)
        return rc;
    bool moved = c->old && c->old->part != c->part;
    uint64_t rk = c->old ? c->old->rk : c->rk;
    struct rh_text from = {NULL, 0};
    if (rk == 0 || moved)
        rc = new_rk(t, part, c->type, &rk);
    if (rc == RH_OK && c->old)
        rc = parents(writer, c->old, &from);
    if (rc == RH_OK && moved && !c->old->deleted)
        rc = append_moved(writer, t, c, from);
    if (rc)
        return rc;

    struct rh_entry e = {
        .prior = c->old ? c->old->entry : 0,
        .time_us = rh_tip_time(t),
        .part = c->part,
        .type = (uint16_t)c->type,
        .op = c->op,
        .id = c->id,
        .parents = from,
        .purpose = c->purpose,
        .codec = c->codec,
        .size = c->body_hash ? c->size : (uint32_t)c->body.len,
        .body = c->packed,
    };
    if (c->body_hash)
        e.body_hash = *c->body_hash;
    else if (c->op != RH_OP_DELETE)
        e.body_hash = rh_hash_of(c->body.data, c->body.len, part->salt, sizeof part->salt);
    rc = append(writer, t, &e);
    if (rc)
        return rc;
    for (unsigned i = 0; i < RH_DEFINITION_TYPES; i++)
        if (writer->record->definition_types[i] == c->type)
            writer->record->definitions_touched = true;
    if (writer->record->parameter_type == c->type)
        writer->record->parameters_touched = true;
    struct rh_head head = {
        .type = (uint16_t)c->type,
        .deleted = c->op == RH_OP_DELETE,
        .fresh = !c->old,
        .id = c->id,
        .rk = rk,
        .entry = e.number,
        .part = c->part,
        .origin = e.origin,
        .seq = e.seq,
        .time_us = e.time_us,
    };
    rc = rh_store_head_put(writer->conn, &head);
    if (rc == RH_OK)
        rc = gather_keys(writer, t, c, rk, e.time_us);
    if (rc)
        return rc;
    fill_version(&e, c->body, ret);
    return RH_OK;
}
