/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model_store.h"

#include "base/alloc.h"
#include "store/store_int.h"

#include <stdlib.h>

enum { TEXT_LIMIT = 1 << 30 };

/* --- sorted arrays -----------------------------------------------------------------------------
 */

struct rows {
    char *data;
    size_t n, cap, size;
};

static void *row(const struct rows *r, size_t i)
{
    return r->data + i * r->size;
}

static void rows_insert(struct rows *r, size_t at, const void *item)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->data = rh_realloc(r->data, r->cap * r->size);
    }
    memmove(r->data + (at + 1) * r->size, r->data + at * r->size, (r->n - at) * r->size);
    memcpy(r->data + at * r->size, item, r->size);
    r->n++;
}

static void rows_remove(struct rows *r, size_t at)
{
    r->n--;
    memmove(r->data + at * r->size, r->data + (at + 1) * r->size, (r->n - at) * r->size);
}

static void rows_copy(struct rows *to, const struct rows *from)
{
    if (to->cap < from->n) {
        to->cap = from->cap;
        to->data = rh_realloc(to->data, to->cap * from->size);
    }
    to->size = from->size;
    to->n = from->n;
    if (from->n)
        memcpy(to->data, from->data, from->n * from->size);
}

typedef int compare(const void *item, const void *wanted);

/* The first place whose item is not below `wanted`. */
static size_t lower(const struct rows *r, const void *wanted, compare *cmp)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cmp(row(r, mid), wanted) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void *find(const struct rows *r, const void *wanted, compare *cmp)
{
    size_t at = lower(r, wanted, cmp);
    return at < r->n && cmp(row(r, at), wanted) == 0 ? row(r, at) : NULL;
}

/* Puts it in its place, over one that compares equal. */
static void put(struct rows *r, const void *item, compare *cmp)
{
    void *old = find(r, item, cmp);
    if (old)
        memcpy(old, item, r->size);
    else
        rows_insert(r, lower(r, item, cmp), item);
}

/* --- what is stored ----------------------------------------------------------------------------
 */

struct meta {
    struct rh_text name, value;
};

enum { LOG, HEADS, KEYS, PARTS, METAS, AUDITS, TABLES };
struct state {
    struct rows t[TABLES];
};

struct model {
    struct rh_arena *texts;
    struct state now;
};

struct model_conn {
    struct rh_conn conn; /* first */
    enum rh_conn_kind kind;
    bool open, saved;
    struct state own, savepoint;
};

static void state_init(struct state *s)
{
    static const size_t sizes[TABLES] = {sizeof(struct rh_entry), sizeof(struct rh_head),
                                         sizeof(struct rh_key),   sizeof(struct rh_part),
                                         sizeof(struct meta),     sizeof(struct rh_audit_block)};
    for (int i = 0; i < TABLES; i++)
        s->t[i].size = sizes[i];
}

static void state_copy(struct state *to, const struct state *from)
{
    for (int i = 0; i < TABLES; i++)
        rows_copy(&to->t[i], &from->t[i]);
}

static void state_free(struct state *s)
{
    for (int i = 0; i < TABLES; i++)
        rh_free(s->t[i].data);
}

static struct model_conn *of(struct rh_conn *c)
{
    return (struct model_conn *)(void *)c;
}

static struct model *model_of(struct rh_conn *c)
{
    return c->store->backend;
}

/* What this connection sees and, when it writes, changes: outside a transaction the store itself.
 */
static struct rows *table(struct rh_conn *c, int which)
{
    return of(c)->open ? &of(c)->own.t[which] : &model_of(c)->now.t[which];
}

static struct rh_text keep(struct rh_conn *c, struct rh_text t)
{
    return t.len ? rh_text_copy(model_of(c)->texts, t) : (struct rh_text){NULL, 0};
}

/* --- open, transactions ------------------------------------------------------------------------
 */

static enum rh_rc open_model(struct rh_store *s, const struct rh_store_options *o,
                             struct rh_issues *is)
{
    (void)o;
    (void)is;
    struct model *m = rh_alloc(sizeof *m);
    m->texts = rh_arena_open(TEXT_LIMIT);
    state_init(&m->now);
    s->backend = m;
    return RH_OK;
}

static void close_model(struct rh_store *s)
{
    struct model *m = s->backend;
    state_free(&m->now);
    rh_arena_close(m->texts);
    rh_free(m);
}

static enum rh_rc connect_model(struct rh_store *s, enum rh_conn_kind kind, struct rh_conn **ret)
{
    struct model_conn *c = rh_alloc(sizeof *c);
    c->conn.store = s;
    c->kind = kind;
    *ret = &c->conn;
    return RH_OK;
}

static void disconnect(struct rh_conn *c)
{
    state_free(&of(c)->own);
    state_free(&of(c)->savepoint);
    rh_free(of(c));
}

static const char *error(struct rh_conn *c)
{
    (void)c;
    return "";
}

static enum rh_rc begin(struct rh_conn *c)
{
    state_copy(&of(c)->own, &model_of(c)->now);
    of(c)->open = true;
    return RH_OK;
}

static enum rh_rc commit(struct rh_conn *c)
{
    if (of(c)->kind == RH_CONN_WRITE)
        state_copy(&model_of(c)->now, &of(c)->own);
    of(c)->open = of(c)->saved = false;
    return RH_OK;
}

static void rollback(struct rh_conn *c)
{
    of(c)->open = of(c)->saved = false;
}

static enum rh_rc savepoint(struct rh_conn *c)
{
    state_copy(&of(c)->savepoint, &of(c)->own);
    of(c)->saved = true;
    return RH_OK;
}

static enum rh_rc release(struct rh_conn *c, bool keep_it)
{
    if (!keep_it)
        state_copy(&of(c)->own, &of(c)->savepoint);
    of(c)->saved = false;
    return RH_OK;
}

/* --- the log -----------------------------------------------------------------------------------
 */

static const struct rh_entry *entry_at(struct rh_conn *c, size_t i)
{
    return row(table(c, LOG), i);
}

static const struct rh_entry *tip(struct rh_conn *c, uint64_t origin)
{
    for (size_t i = table(c, LOG)->n; i-- > 0;)
        if (entry_at(c, i)->origin == origin)
            return entry_at(c, i);
    return NULL;
}

static enum rh_rc append(struct rh_conn *c, struct rh_entry *e)
{
    const struct rh_entry *last = tip(c, e->origin);
    if (e->seq != (last ? last->seq : 0) + 1)
        return RH_CONFLICT;
    struct rh_entry copy = *e;
    copy.number = table(c, LOG)->n + 1;
    copy.id = keep(c, e->id);
    copy.parents = keep(c, e->parents);
    copy.labels = keep(c, e->labels);
    copy.purpose = keep(c, e->purpose);
    copy.body = keep(c, e->body);
    rows_insert(table(c, LOG), table(c, LOG)->n, &copy);
    e->number = copy.number;
    return RH_OK;
}

static enum rh_rc entry(struct rh_conn *c, uint64_t number, struct rh_arena *a,
                        struct rh_entry *ret)
{
    (void)a;
    if (number == 0 || number > table(c, LOG)->n)
        return RH_NOTFOUND;
    *ret = *entry_at(c, number - 1);
    return RH_OK;
}

static enum rh_rc log_read(struct rh_conn *c, uint64_t origin, uint64_t seq, unsigned limit,
                           struct rh_arena *a, struct rh_entry *rows, unsigned *n)
{
    (void)a;
    *n = 0;
    for (size_t i = 0; i < table(c, LOG)->n && *n < limit; i++)
        if (entry_at(c, i)->origin == origin && entry_at(c, i)->seq >= seq)
            rows[(*n)++] = *entry_at(c, i);
    return RH_OK;
}

static enum rh_rc version(struct rh_conn *c, uint64_t origin, uint64_t seq, struct rh_arena *a,
                          struct rh_entry *ret)
{
    struct rh_entry found;
    unsigned n;
    log_read(c, origin, seq, 1, a, &found, &n);
    if (n == 0 || found.seq != seq)
        return RH_NOTFOUND;
    *ret = found;
    return RH_OK;
}

static enum rh_rc history(struct rh_conn *c, enum rh_history_scope scope, uint16_t type,
                          uint64_t before, unsigned limit, struct rh_arena *a,
                          struct rh_entry *rows, unsigned *n)
{
    (void)a;
    *n = 0;
    for (size_t i = table(c, LOG)->n; i-- > 0 && *n < limit;)
        if ((before == 0 || entry_at(c, i)->number < before) &&
            (scope == RH_HISTORY_SYSTEM || entry_at(c, i)->type == type))
            rows[(*n)++] = *entry_at(c, i);
    return RH_OK;
}

static enum rh_rc log_tip(struct rh_conn *c, uint64_t origin, struct rh_arena *a,
                          struct rh_entry *ret)
{
    (void)a;
    const struct rh_entry *last = tip(c, origin);
    if (!last)
        return RH_NOTFOUND;
    *ret = *last;
    return RH_OK;
}

static enum rh_rc origins(struct rh_conn *c, struct rh_arena *a, uint64_t **ret, unsigned *n)
{
    uint64_t *found = rh_arena_alloc(a, (table(c, LOG)->n + 1) * sizeof *found);
    if (!found)
        return RH_NOMEM;
    *n = 0;
    for (size_t i = 0; i < table(c, LOG)->n; i++) {
        if (entry_at(c, i)->seq != 1)
            continue;
        unsigned at = (*n)++;
        for (; at > 0 && found[at - 1] > entry_at(c, i)->origin; at--)
            found[at] = found[at - 1];
        found[at] = entry_at(c, i)->origin;
    }
    *ret = found;
    return RH_OK;
}

static enum rh_rc body_put(struct rh_conn *c, uint64_t number, enum rh_codec_id codec,
                           struct rh_text body)
{
    if (number == 0 || number > table(c, LOG)->n)
        return RH_NOTFOUND;
    struct rh_entry *e = row(table(c, LOG), number - 1);
    e->codec = codec;
    e->body = keep(c, body);
    return RH_OK;
}

/* --- heads -------------------------------------------------------------------------------------
 */

static int by_identity(const void *item, const void *wanted)
{
    const struct rh_head *x = item, *y = wanted;
    unsigned char a[RH_STORE_ID_MAX + 1], b[RH_STORE_ID_MAX + 1];
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return rh_text_cmp((struct rh_text){(char *)a, rh_id_key(x->id, a)},
                       (struct rh_text){(char *)b, rh_id_key(y->id, b)});
}

static enum rh_rc head_get(struct rh_conn *c, uint16_t type, struct rh_text id, struct rh_arena *a,
                           struct rh_head *ret)
{
    (void)a;
    if (id.len == 0 || id.len > RH_STORE_ID_MAX)
        return RH_NOTFOUND;
    struct rh_head *h =
        find(table(c, HEADS), &(struct rh_head){.type = type, .id = id}, by_identity);
    if (!h)
        return RH_NOTFOUND;
    *ret = *h;
    return RH_OK;
}

/* The head of the lowest rk in lo <= rk < hi. */
static const struct rh_head *next_rk(struct rh_conn *c, uint64_t lo, uint64_t hi)
{
    const struct rh_head *best = NULL;
    for (size_t i = 0; i < table(c, HEADS)->n; i++) {
        const struct rh_head *h = row(table(c, HEADS), i);
        if (h->rk >= lo && h->rk < hi && (!best || h->rk < best->rk))
            best = h;
    }
    return best;
}

static enum rh_rc head_rk(struct rh_conn *c, uint64_t rk, struct rh_arena *a, struct rh_head *ret)
{
    (void)a;
    const struct rh_head *h = next_rk(c, rk, rk + 1);
    if (!h)
        return RH_NOTFOUND;
    *ret = *h;
    return RH_OK;
}

static enum rh_rc head_put(struct rh_conn *c, const struct rh_head *h)
{
    const struct rh_head *other = next_rk(c, h->rk, h->rk + 1);
    if (other && by_identity(other, h) != 0)
        return RH_CONFLICT;
    struct rh_head copy = *h;
    copy.id = keep(c, h->id);
    put(table(c, HEADS), &copy, by_identity);
    return RH_OK;
}

static enum rh_rc head_scan(struct rh_conn *c, uint16_t type, struct rh_text after, unsigned limit,
                            struct rh_arena *a, struct rh_head *rows, unsigned *n)
{
    (void)a;
    *n = 0;
    for (size_t i = 0; i < table(c, HEADS)->n && *n < limit; i++) {
        const struct rh_head *h = row(table(c, HEADS), i);
        if (h->type == type &&
            (after.len == 0 || by_identity(h, &(struct rh_head){.type = type, .id = after}) > 0))
            rows[(*n)++] = *h;
    }
    return RH_OK;
}

static enum rh_rc rk_scan(struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit,
                          struct rh_arena *a, struct rh_head *rows, unsigned *n)
{
    (void)a;
    *n = 0;
    const struct rh_head *h;
    while (*n < limit && (h = next_rk(c, lo, hi)) != NULL) {
        rows[(*n)++] = *h;
        lo = h->rk + 1;
    }
    return RH_OK;
}

static enum rh_rc entries_rk(struct rh_conn *c, uint64_t lo, uint64_t hi, unsigned limit,
                             struct rh_arena *a, struct rh_entry *rows, uint64_t *rks, unsigned *n)
{
    *n = 0;
    const struct rh_head *h;
    while (*n < limit && (h = next_rk(c, lo, hi)) != NULL) {
        rks[*n] = h->rk;
        *n += entry(c, h->entry, a, &rows[*n]) == RH_OK;
        lo = h->rk + 1;
    }
    return RH_OK;
}

static enum rh_rc entry_rk(struct rh_conn *c, uint64_t rk, struct rh_arena *a, struct rh_entry *ret)
{
    const struct rh_head *h = next_rk(c, rk, rk + 1);
    return h ? entry(c, h->entry, a, ret) : RH_NOTFOUND;
}

static enum rh_rc count(struct rh_conn *c, uint16_t type, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < table(c, HEADS)->n; i++) {
        const struct rh_head *h = row(table(c, HEADS), i);
        *ret += h->type == type && !h->deleted;
    }
    return RH_OK;
}

/* --- keys --------------------------------------------------------------------------------------
 */

static int by_key(const void *item, const void *wanted)
{
    const struct rh_key *x = item, *y = wanted;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->param != y->param)
        return x->param < y->param ? -1 : 1;
    int order = rh_text_cmp(x->bytes, y->bytes);
    return order ? order : x->rk < y->rk ? -1 : x->rk > y->rk;
}

static enum rh_rc keys_put(struct rh_conn *c, const struct rh_key *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (rows[i].bytes.len > RH_STORE_KEY_MAX)
            return RH_VALUE;
    for (unsigned i = 0; i < n; i++) {
        struct rh_key copy = rows[i];
        copy.bytes = keep(c, rows[i].bytes);
        put(table(c, KEYS), &copy, by_key);
    }
    return RH_OK;
}

static enum rh_rc keys_delete(struct rh_conn *c, const struct rh_key *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (rows[i].bytes.len > RH_STORE_KEY_MAX)
            return RH_VALUE;
    for (unsigned i = 0; i < n; i++)
        if (find(table(c, KEYS), &rows[i], by_key))
            rows_remove(table(c, KEYS), lower(table(c, KEYS), &rows[i], by_key));
    return RH_OK;
}

static bool in_scan(const struct rh_key_scan *s, const struct rh_key *k)
{
    if (k->type != s->type || k->param != s->param || rh_text_cmp(k->bytes, s->lo) < 0)
        return false;
    if (s->hi.data && rh_text_cmp(k->bytes, s->hi) >= 0)
        return false;
    if (!s->has_after)
        return true;
    int order = by_key(k, &(struct rh_key){s->type, s->param, s->after, s->after_rk, 0});
    return s->descending ? order < 0 : order > 0;
}

static enum rh_rc key_scan(struct rh_conn *c, const struct rh_key_scan *s, unsigned limit,
                           struct rh_arena *a, struct rh_key *rows, unsigned *n)
{
    (void)a;
    const struct rows *keys = table(c, KEYS);
    *n = 0;
    for (size_t i = 0; i < keys->n && *n < limit; i++) {
        const struct rh_key *k = row(keys, s->descending ? keys->n - 1 - i : i);
        if (in_scan(s, k))
            rows[(*n)++] = *k;
    }
    return RH_OK;
}

static enum rh_rc key_rks(struct rh_conn *c, uint16_t type, uint16_t param, struct rh_text key,
                          uint64_t from, unsigned limit, uint64_t *rks, int64_t *aux, unsigned *n)
{
    const struct rows *keys = table(c, KEYS);
    *n = 0;
    for (size_t i = 0; i < keys->n && *n < limit; i++) {
        const struct rh_key *k = row(keys, i);
        if (k->type != type || k->param != param || !rh_text_eq(k->bytes, key) || k->rk < from)
            continue;
        rks[*n] = k->rk;
        aux[(*n)++] = k->aux;
    }
    return RH_OK;
}

static enum rh_rc keys_drop(struct rh_conn *c, uint16_t type, uint16_t param, unsigned limit,
                            unsigned *n)
{
    struct rows *keys = table(c, KEYS);
    *n = 0;
    for (size_t i = 0; i < keys->n && *n < limit;) {
        const struct rh_key *k = row(keys, i);
        if (k->type == type && k->param == param) {
            rows_remove(keys, i);
            (*n)++;
        } else {
            i++;
        }
    }
    return RH_OK;
}

/* --- persons, small values, access rows --------------------------------------------------------
 */

static int by_part(const void *item, const void *wanted)
{
    const struct rh_part *x = item, *y = wanted;
    return x->part < y->part ? -1 : x->part > y->part;
}

static enum rh_rc part_get(struct rh_conn *c, uint64_t part, struct rh_part *ret)
{
    struct rh_part *p = find(table(c, PARTS), &(struct rh_part){.part = part}, by_part);
    if (!p)
        return RH_NOTFOUND;
    *ret = *p;
    return RH_OK;
}

static enum rh_rc part_put(struct rh_conn *c, const struct rh_part *p)
{
    for (size_t i = 0; i < table(c, PARTS)->n; i++) {
        const struct rh_part *other = row(table(c, PARTS), i);
        if (other->part != p->part && other->ordinal == p->ordinal)
            return RH_CONFLICT;
    }
    put(table(c, PARTS), p, by_part);
    return RH_OK;
}

static enum rh_rc part_last(struct rh_conn *c, uint64_t *ordinal)
{
    *ordinal = 0;
    for (size_t i = 0; i < table(c, PARTS)->n; i++) {
        const struct rh_part *p = row(table(c, PARTS), i);
        if (p->ordinal > *ordinal)
            *ordinal = p->ordinal;
    }
    return RH_OK;
}

static int by_name(const void *item, const void *wanted)
{
    return rh_text_cmp(((const struct meta *)item)->name, ((const struct meta *)wanted)->name);
}

static enum rh_rc meta_get(struct rh_conn *c, const char *name, struct rh_arena *a,
                           struct rh_text *ret)
{
    (void)a;
    struct meta *m = find(table(c, METAS), &(struct meta){.name = rh_text(name)}, by_name);
    if (!m)
        return RH_NOTFOUND;
    *ret = m->value;
    return RH_OK;
}

static enum rh_rc meta_put(struct rh_conn *c, const char *name, struct rh_text value)
{
    struct meta m = {keep(c, rh_text(name)), keep(c, value)};
    if (value.len)
        put(table(c, METAS), &m, by_name);
    else if (find(table(c, METAS), &m, by_name))
        rows_remove(table(c, METAS), lower(table(c, METAS), &m, by_name));
    return RH_OK;
}

static enum rh_rc audit_append(struct rh_conn *c, int64_t first_us, int64_t last_us, unsigned rows,
                               struct rh_text block)
{
    struct rh_audit_block b = {table(c, AUDITS)->n + 1, first_us, last_us, rows, keep(c, block)};
    rows_insert(table(c, AUDITS), table(c, AUDITS)->n, &b);
    return RH_OK;
}

static enum rh_rc audit_scan(struct rh_conn *c, uint64_t after, unsigned limit, struct rh_arena *a,
                             struct rh_audit_block *rows, unsigned *n)
{
    (void)a;
    *n = 0;
    for (uint64_t i = after; i < table(c, AUDITS)->n && *n < limit; i++)
        rows[(*n)++] = *(struct rh_audit_block *)row(table(c, AUDITS), i);
    return RH_OK;
}

static enum rh_rc audit_last(struct rh_conn *c, struct rh_arena *a, struct rh_audit_block *ret)
{
    unsigned n;
    size_t all = table(c, AUDITS)->n;
    if (all == 0)
        return RH_NOTFOUND;
    return audit_scan(c, all - 1, 1, a, ret, &n);
}

/* --- upkeep ------------------------------------------------------------------------------------
 */

static uint64_t wal_bytes(struct rh_conn *c)
{
    (void)c;
    return 0;
}

static enum rh_rc index_clear(struct rh_conn *c)
{
    table(c, HEADS)->n = 0;
    table(c, KEYS)->n = 0;
    for (size_t i = 0; i < table(c, PARTS)->n; i++)
        ((struct rh_part *)row(table(c, PARTS), i))->next = 1;
    return RH_OK;
}

static enum rh_rc checkpoint(struct rh_conn *c, bool wait)
{
    (void)c;
    (void)wait;
    return RH_OK;
}

static enum rh_rc backup_open(struct rh_conn *c, const char *file, void **ret)
{
    (void)c;
    (void)file;
    (void)ret;
    return RH_UNSUPPORTED;
}

static enum rh_rc backup_step(void *backup, unsigned pages, bool *done, unsigned *remaining,
                              unsigned *total)
{
    (void)backup;
    (void)pages;
    (void)done;
    (void)remaining;
    (void)total;
    return RH_UNSUPPORTED;
}

static void backup_close(void *backup)
{
    (void)backup;
}

static enum rh_rc check(struct rh_conn *c, struct rh_issues *is)
{
    (void)c;
    (void)is;
    return RH_OK;
}

static enum rh_rc stats(struct rh_conn *c, struct rh_store_stats *ret)
{
    *ret = (struct rh_store_stats){.entries = table(c, LOG)->n};
    for (size_t i = 0; i < table(c, HEADS)->n; i++)
        ret->heads += !((struct rh_head *)row(table(c, HEADS), i))->deleted;
    return part_last(c, &ret->parts);
}

const struct rh_store_ops rh_store_model = {
    .name = "model",
    .open = open_model,
    .close = close_model,
    .connect = connect_model,
    .disconnect = disconnect,
    .error = error,
    .begin = begin,
    .begin_unsynced = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .append = append,
    .entry = entry,
    .version = version,
    .history = history,
    .log_read = log_read,
    .log_tip = log_tip,
    .origins = origins,
    .body_put = body_put,
    .head_get = head_get,
    .head_rk = head_rk,
    .entry_rk = entry_rk,
    .entries_rk = entries_rk,
    .head_put = head_put,
    .head_scan = head_scan,
    .rk_scan = rk_scan,
    .count = count,
    .keys_put = keys_put,
    .keys_delete = keys_delete,
    .key_scan = key_scan,
    .key_rks = key_rks,
    .keys_drop = keys_drop,
    .part_get = part_get,
    .part_put = part_put,
    .part_last = part_last,
    .meta_get = meta_get,
    .meta_put = meta_put,
    .audit_append = audit_append,
    .audit_scan = audit_scan,
    .audit_last = audit_last,
    .wal_bytes = wal_bytes,
    .index_clear = index_clear,
    .checkpoint = checkpoint,
    .backup_open = backup_open,
    .backup_step = backup_step,
    .backup_close = backup_close,
    .check = check,
    .stats = stats,
};
