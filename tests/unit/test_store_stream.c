/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A random stream of operations goes to the SQLite backend and to the model, and each answer is
 * compared byte for byte. RIHLA_STREAM_OPS: number of steps (20,000; with RIHLA_LONG=1 2,000,000).
 * RIHLA_SEED: seed of the first round.
 */
#include "model_store.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    ROUND = 20000,
    TYPES = 3,
    IDS = 80,
    PARAMS = 3,
    PARTS = 12,
    ORIGINS = 3,
    RKS = 400,
    ROWS = 40
};

/* One of the two stores, with its writer and a reader. */
struct side {
    const char *name;
    struct rh_store *store;
    struct rh_conn *writer, *reader;
    struct rh_arena *arena;
    struct rh_buf answer;
};

struct stream {
    uint64_t random, seed;
    unsigned step;
    char dir[64];
    struct side sides[2];
    bool writing, saved, reading;
    unsigned done[64]; /* by kind of operation */
};

/* --- chance: splitmix64, so that a seed gives the same stream everywhere
 * -------------------------- */

static uint64_t next(struct stream *s)
{
    uint64_t z = (s->random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static unsigned upto(struct stream *s, unsigned n)
{
    return (unsigned)(next(s) % n);
}

/* --- an operation: chosen once, done on both sides
 * ------------------------------------------------ */

enum kind {
    /* writes */
    APPEND,
    BODY_PUT,
    HEAD_PUT,
    KEYS_PUT,
    KEYS_DELETE,
    KEYS_DROP,
    PART_PUT,
    META_PUT,
    AUDIT_APPEND,
    INDEX_CLEAR,
    /* reads */
    ENTRY,
    VERSION,
    HISTORY,
    LOG_READ,
    LOG_TIP,
    ENTRY_RK,
    ENTRIES_RK,
    ORIGINS_,
    HEAD_GET,
    HEAD_RK,
    HEAD_SCAN,
    RK_SCAN,
    COUNT,
    KEY_SCAN,
    KEY_RKS,
    PART_GET,
    PART_LAST,
    META_GET,
    AUDIT_SCAN,
    AUDIT_LAST,
    STATS,
    KINDS
};

/* Of 1000; a write is chosen among the first, a read among the second group. */
static const unsigned weights[KINDS] = {
    [APPEND] = 330,   [BODY_PUT] = 40,   [HEAD_PUT] = 250, [KEYS_PUT] = 180,    [KEYS_DELETE] = 82,
    [KEYS_DROP] = 8,  [PART_PUT] = 50,   [META_PUT] = 30,  [AUDIT_APPEND] = 29, [INDEX_CLEAR] = 1,
    [ENTRY] = 40,     [VERSION] = 40,    [HISTORY] = 80,   [LOG_READ] = 60,     [LOG_TIP] = 30,
    [ENTRY_RK] = 20,  [ENTRIES_RK] = 20, [ORIGINS_] = 20,  [HEAD_GET] = 120,    [HEAD_RK] = 80,
    [HEAD_SCAN] = 80, [RK_SCAN] = 80,    [COUNT] = 50,     [KEY_SCAN] = 110,    [KEY_RKS] = 70,
    [PART_GET] = 30,  [PART_LAST] = 10,  [META_GET] = 20,  [AUDIT_SCAN] = 20,   [AUDIT_LAST] = 10,
    [STATS] = 10,
};

struct op {
    enum kind kind;
    bool on_reader, lease;
    uint16_t type;
    struct rh_text id;
    uint64_t number, number2;
    unsigned limit;
    struct rh_entry entry;
    struct rh_head head;
    struct rh_key keys[ROWS];
    unsigned key_count;
    struct rh_key_scan scan;
    struct rh_part part;
    const char *name;
    struct rh_text value;
    enum rh_history_scope scope;
    char text[8][300]; /* what the texts above point into */
    unsigned texts;
};

static struct rh_text bytes(struct stream *s, struct op *o, unsigned max)
{
    char *at = o->text[o->texts++];
    unsigned len = upto(s, max + 1);
    for (unsigned i = 0; i < len; i++)
        at[i] = (char)(upto(s, 4) ? 'a' + (int)upto(s, 3) : (int)upto(s, 256));
    return (struct rh_text){at, len};
}

/* Ids as UUIDs, as text that looks nearly like one, of one character and of all 64. */
static struct rh_text an_id(struct stream *s, char at[300])
{
    unsigned n = upto(s, IDS);
    int len;
    switch (n % 4) {
    case 0:
        len = snprintf(at, 300, "%08x-0000-7000-8000-%012x", n * 2654435761U, n);
        break;
    case 1:
        len = snprintf(at, 300, "%08X-0000-7000-8000-%012X", n * 2654435761U, n + 0xABC);
        break;
    case 2:
        len = snprintf(at, 300, "%c", 'A' + (int)n % 50);
        break;
    default:
        len = snprintf(at, 300, "%0*u", n % 3 ? 64 : 17, n);
    }
    return (struct rh_text){at, (size_t)len};
}

static uint64_t an_origin(struct stream *s)
{
    static const uint64_t origins[ORIGINS] = {1, 0x7FFFFFFFFFFFFFFF, 0xF00D000000000001};
    return origins[upto(s, ORIGINS)];
}

static uint64_t a_part(struct stream *s)
{
    unsigned n = upto(s, PARTS);
    return (n % 2 ? UINT64_C(1) << 63 : 0) + n + 1;
}

static uint64_t an_rk(struct stream *s)
{
    return ((uint64_t)upto(s, PARTS) << RH_RK_BITS) + upto(s, RKS / PARTS) + 1;
}

/* Short keys from few letters, so that equal and neighbouring ones are common; sometimes the
 * longest. */
static struct rh_text a_key(struct stream *s, struct rh_arena *a)
{
    unsigned len = upto(s, 30) ? upto(s, 4) : upto(s, 2) ? RH_STORE_KEY_MAX : RH_STORE_KEY_MAX - 1;
    char *at = rh_arena_alloc(a, len + 1);
    static const char letters[] = {'\0', 'a', 'b', (char)0xFF};
    for (unsigned i = 0; i < len; i++)
        at[i] = letters[upto(s, 4)];
    return (struct rh_text){at, len};
}

static void choose_entry(struct stream *s, struct op *o)
{
    struct rh_entry *e = &o->entry;
    struct rh_entry tip;
    *e = (struct rh_entry){.prior = upto(s, 100),
                           .origin = an_origin(s),
                           .time_us = (int64_t)next(s) >> 10,
                           .part = a_part(s)};
    e->type = (uint16_t)(upto(s, TYPES) + 1);
    e->op = (enum rh_op)(upto(s, 4) + 1);
    e->id = an_id(s, o->text[o->texts++]);
    if (upto(s, 2))
        e->parents = (struct rh_text){o->text[7], 16 * upto(s, 3)};
    memset(o->text[7], 7, 48);
    if (upto(s, 4) == 0)
        e->labels = RH_TEXT("R V");
    if (upto(s, 4) == 0)
        e->purpose = RH_TEXT("TREAT");
    e->codec = (enum rh_codec_id)upto(s, 2);
    e->size = (uint32_t)next(s);
    memset(&e->body_hash, (int)upto(s, 256), sizeof e->body_hash);
    memset(&e->prev_hash, (int)upto(s, 2), sizeof e->prev_hash);
    e->body = bytes(s, o, 200);
    struct side *model = &s->sides[1];
    enum rh_rc rc = rh_store_log_tip(model->writer, e->origin, model->arena, &tip);
    e->seq = rc == RH_OK ? tip.seq + 1 : 1;
    if (upto(s, 50) == 0) /* refused: there already, or not the next one */
        e->seq = upto(s, 2)   ? e->seq + 1 + upto(s, 3)
                 : e->seq > 1 ? 1 + upto(s, (unsigned)e->seq - 1)
                              : 2;
}

static void choose_keys(struct stream *s, struct op *o, struct rh_arena *a)
{
    o->key_count = upto(s, 10) ? 1 + upto(s, 6) : upto(s, ROWS + 1);
    for (unsigned i = 0; i < o->key_count; i++)
        o->keys[i] = (struct rh_key){.type = (uint16_t)(1 + upto(s, TYPES)),
                                     .param = (uint16_t)(upto(s, PARAMS) * 30000),
                                     .bytes = a_key(s, a),
                                     .rk = upto(s, 20) ? an_rk(s) : 0,
                                     .aux = upto(s, 2) ? (int64_t)next(s) : (int64_t)upto(s, 2)};
}

static void choose_scan(struct stream *s, struct op *o, struct rh_arena *a)
{
    struct rh_key_scan *k = &o->scan;
    *k = (struct rh_key_scan){.type = (uint16_t)(1 + upto(s, TYPES)),
                              .param = (uint16_t)(upto(s, PARAMS) * 30000)};
    k->descending = upto(s, 2);
    if (upto(s, 2))
        k->lo = a_key(s, a);
    if (upto(s, 2))
        k->hi = a_key(s, a);
    k->has_after = upto(s, 2);
    if (k->has_after) {
        k->after = a_key(s, a);
        k->after_rk = an_rk(s);
    }
}

static enum kind choose_kind(struct stream *s, bool write)
{
    enum kind k = write ? APPEND : ENTRY;
    for (unsigned at = upto(s, 1000); at >= weights[k]; k++)
        at -= weights[k];
    return k;
}

static void choose(struct stream *s, bool write, struct op *o, struct rh_arena *a)
{
    static const char *const names[] = {"site", "tables", "x"};
    unsigned entries = 0;
    struct rh_store_stats st;
    if (rh_store_stats(s->sides[1].writer, &st) == RH_OK)
        entries = (unsigned)st.entries;
    o->texts = 0;
    o->kind = choose_kind(s, write);
    o->on_reader = !write && upto(s, 2);
    o->lease = o->on_reader && !s->reading && upto(s, 3);
    o->type = (uint16_t)(1 + upto(s, TYPES + 1));
    o->id = an_id(s, o->text[o->texts++]);
    o->number = upto(s, 20) ? upto(s, entries + 2) : UINT64_MAX - upto(s, 2);
    o->limit = upto(s, 3) ? 1 + upto(s, ROWS) : upto(s, 2);
    o->scope = upto(s, 2) ? RH_HISTORY_TYPE : RH_HISTORY_SYSTEM;
    o->name = names[upto(s, 3)];
    o->value = bytes(s, o, 20);
    o->part = (struct rh_part){
        .part = a_part(s), .ordinal = 1 + upto(s, PARTS), .next = 1 + upto(s, 1000)};
    memset(o->part.salt, (int)upto(s, 256), sizeof o->part.salt);
    o->head = (struct rh_head){.type = (uint16_t)(1 + upto(s, TYPES)),
                               .deleted = upto(s, 4) == 0,
                               .id = o->id,
                               .rk = an_rk(s),
                               .entry = upto(s, 1000),
                               .part = a_part(s),
                               .origin = an_origin(s),
                               .seq = upto(s, 1000),
                               .time_us = (int64_t)next(s)};
    struct rh_head old;
    o->head.fresh = upto(s, 2) && rh_store_head_get(s->sides[1].writer, o->head.type, o->id, a,
                                                    &old) == RH_NOTFOUND;
    choose_entry(s, o);
    choose_keys(s, o, a);
    choose_scan(s, o, a);
    o->number2 = an_rk(s);
    if (o->kind == HEAD_RK || o->kind == RK_SCAN || o->kind == ENTRY_RK || o->kind == ENTRIES_RK ||
        (o->kind == KEY_RKS && o->number <= INT64_MAX))
        o->number = an_rk(s);
    if (o->kind == KEY_RKS && upto(s, 2))
        o->number = 0;
    if ((o->kind == RK_SCAN || o->kind == ENTRIES_RK) && upto(s, 4) == 0)
        o->number2 = UINT64_C(1) << 62;
}

/* --- answers as bytes
 * ----------------------------------------------------------------------------- */

static void add_bytes(struct rh_buf *b, struct rh_text t)
{
    rh_buf_printf(b, " %zu:", t.len);
    for (size_t i = 0; i < t.len; i++)
        rh_buf_printf(b, "%02x", (unsigned char)t.data[i]);
}

static void add_number(struct rh_buf *b, uint64_t n)
{
    rh_buf_char(b, ' ');
    rh_buf_u64(b, n);
}

static void add_entry(struct rh_buf *b, const struct rh_entry *e)
{
    add_number(b, e->number);
    add_number(b, e->prior);
    rh_entry_header(e, b);
    add_number(b, e->codec);
    add_bytes(b, e->body);
}

static void add_head(struct rh_buf *b, const struct rh_head *h)
{
    const uint64_t numbers[] = {h->type, h->deleted, h->rk,  h->entry,
                                h->part, h->origin,  h->seq, (uint64_t)h->time_us};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_number(b, numbers[i]);
    add_bytes(b, h->id);
}

static void add_block(struct rh_buf *b, const struct rh_audit_block *k)
{
    add_number(b, k->number);
    add_number(b, (uint64_t)k->first_us);
    add_number(b, (uint64_t)k->last_us);
    add_number(b, k->rows);
    add_bytes(b, k->block);
}

/* --- doing it
 * ------------------------------------------------------------------------------------- */

static enum rh_rc do_write(struct rh_conn *c, const struct op *o, struct rh_buf *b)
{
    struct rh_entry e = o->entry;
    enum rh_rc rc;
    unsigned n;
    switch (o->kind) {
    case APPEND:
        rc = rh_store_append(c, &e);
        if (rc == RH_OK)
            add_number(b, e.number);
        return rc;
    case BODY_PUT:
        return rh_store_body_put(c, o->number, e.codec, o->value);
    case HEAD_PUT:
        return rh_store_head_put(c, &o->head);
    case KEYS_PUT:
        return rh_store_keys_put(c, o->keys, o->key_count);
    case KEYS_DELETE:
        return rh_store_keys_delete(c, o->keys, o->key_count);
    case KEYS_DROP:
        rc = rh_store_keys_drop(c, o->scan.type, o->scan.param, o->limit, &n);
        add_number(b, n);
        return rc;
    case PART_PUT:
        return rh_store_part_put(c, &o->part);
    case META_PUT:
        return rh_store_meta_put(c, o->name, o->value);
    case AUDIT_APPEND:
        return rh_store_audit_append(c, e.time_us, e.time_us + 5, o->limit, o->value);
    default:
        return rh_store_index_clear(c);
    }
}

static enum rh_rc read_entries(struct rh_conn *c, const struct op *o, struct rh_arena *a,
                               struct rh_buf *b)
{
    struct rh_entry rows[ROWS];
    uint64_t rks[ROWS];
    unsigned n = 0;
    enum rh_rc rc;
    switch (o->kind) {
    case ENTRY_RK:
        rc = rh_store_entry_rk(c, o->number, a, rows);
        n = rc == RH_OK;
        break;
    case ENTRIES_RK:
        rc = rh_store_entries_rk(c, o->number, o->number2, o->limit, a, rows, rks, &n);
        for (unsigned i = 0; i < n; i++)
            add_number(b, rks[i]);
        break;
    case ENTRY:
        rc = rh_store_entry(c, o->number, a, rows);
        n = rc == RH_OK;
        break;
    case VERSION:
        rc = rh_store_version(c, o->entry.origin, o->number, a, rows);
        n = rc == RH_OK;
        break;
    case LOG_TIP:
        rc = rh_store_log_tip(c, o->entry.origin, a, rows);
        n = rc == RH_OK;
        break;
    case HISTORY:
        rc = rh_store_history(c, o->scope, o->type, o->number, o->limit, a, rows, &n);
        break;
    default:
        rc = rh_store_log_read(c, o->entry.origin, o->number, o->limit, a, rows, &n);
    }
    for (unsigned i = 0; i < n; i++)
        add_entry(b, &rows[i]);
    return rc;
}

static enum rh_rc read_heads(struct rh_conn *c, const struct op *o, struct rh_arena *a,
                             struct rh_buf *b)
{
    struct rh_head rows[ROWS];
    unsigned n = 0;
    enum rh_rc rc;
    switch (o->kind) {
    case HEAD_GET:
        rc = rh_store_head_get(c, o->type, o->id, a, rows);
        n = rc == RH_OK;
        break;
    case HEAD_RK:
        rc = rh_store_head_rk(c, o->number, a, rows);
        n = rc == RH_OK;
        break;
    case HEAD_SCAN:
        rc = rh_store_head_scan(c, o->type, o->limit % 2 ? o->id : (struct rh_text){NULL, 0},
                                o->limit, a, rows, &n);
        break;
    default:
        rc = rh_store_rk_scan(c, o->number, o->number2, o->limit, a, rows, &n);
    }
    for (unsigned i = 0; i < n; i++)
        add_head(b, &rows[i]);
    return rc;
}

static enum rh_rc read_small(struct rh_conn *c, const struct op *o, struct rh_arena *a,
                             struct rh_buf *b)
{
    struct rh_part p;
    struct rh_audit_block blocks[ROWS];
    struct rh_text t;
    struct rh_store_stats st;
    uint64_t n = 0, *origins = NULL;
    unsigned count = 0;
    enum rh_rc rc;
    switch (o->kind) {
    case PART_GET:
        rc = rh_store_part_get(c, o->part.part, &p);
        if (rc == RH_OK)
            rh_buf_printf(b, " %llu %llu %.16s", (unsigned long long)p.ordinal,
                          (unsigned long long)p.next, (const char *)p.salt);
        return rc;
    case META_GET:
        rc = rh_store_meta_get(c, o->name, a, &t);
        if (rc == RH_OK)
            add_bytes(b, t);
        return rc;
    case AUDIT_SCAN:
        rc = rh_store_audit_scan(c, o->number, o->limit, a, blocks, &count);
        break;
    case AUDIT_LAST:
        rc = rh_store_audit_last(c, a, blocks);
        count = rc == RH_OK;
        break;
    case ORIGINS_:
        rc = rh_store_origins(c, a, &origins, &count);
        for (; rc == RH_OK && n < count; n++)
            add_number(b, origins[n]);
        return rc;
    case STATS:
        rc = rh_store_stats(c, &st);
        if (rc == RH_OK)
            rh_buf_printf(b, " %llu %llu", (unsigned long long)st.entries,
                          (unsigned long long)st.parts);
        return rc;
    case COUNT:
        rc = rh_store_count(c, o->type, &n);
        add_number(b, n);
        return rc;
    default:
        rc = rh_store_part_last(c, &n);
        add_number(b, n);
        return rc;
    }
    for (unsigned i = 0; i < count; i++)
        add_block(b, &blocks[i]);
    return rc;
}

static enum rh_rc read_keys(struct rh_conn *c, const struct op *o, struct rh_arena *a,
                            struct rh_buf *b)
{
    struct rh_key rows[ROWS];
    unsigned n = 0;
    enum rh_rc rc = rh_store_key_scan(c, &o->scan, o->limit, a, rows, &n);
    for (unsigned i = 0; i < n; i++) {
        add_number(b, (uint64_t)rows[i].type << 16 | rows[i].param);
        add_bytes(b, rows[i].bytes);
        add_number(b, rows[i].rk);
        add_number(b, (uint64_t)rows[i].aux);
    }
    return rc;
}

static enum rh_rc read_rks(struct rh_conn *c, const struct op *o, struct rh_buf *b)
{
    uint64_t rks[ROWS];
    int64_t aux[ROWS];
    unsigned n = 0;
    enum rh_rc rc = rh_store_key_rks(c, o->scan.type, o->scan.param, o->scan.lo, o->number,
                                     o->limit, rks, aux, &n);
    for (unsigned i = 0; i < n; i++) {
        add_number(b, rks[i]);
        add_number(b, (uint64_t)aux[i]);
    }
    return rc;
}

static void answer(struct side *side, const struct op *o)
{
    struct rh_conn *c = o->on_reader ? side->reader : side->writer;
    struct rh_buf *b = &side->answer;
    /* Only on one side: the model reads anew each time, so a lease that shows an old state is
     * found. */
    bool lease = o->lease && strcmp(side->name, rh_store_sqlite.name) == 0;
    enum rh_rc rc;
    if (lease)
        assert_int_equal(rh_store_lease(c), RH_OK);
    if (o->kind < ENTRY)
        rc = do_write(c, o, b);
    else if (o->kind <= ENTRIES_RK)
        rc = read_entries(c, o, side->arena, b);
    else if (o->kind >= HEAD_GET && o->kind <= RK_SCAN)
        rc = read_heads(c, o, side->arena, b);
    else if (o->kind == KEY_SCAN)
        rc = read_keys(c, o, side->arena, b);
    else if (o->kind == KEY_RKS)
        rc = read_rks(c, o, b);
    else
        rc = read_small(c, o, side->arena, b);
    if (lease)
        rh_store_lease_rest(c, o->limit != 1);
    rh_buf_printf(b, " %s", rh_rc_name(rc));
}

static void compare_answers(struct stream *s, const char *what, const struct op *o)
{
    struct rh_text x = rh_buf_get(&s->sides[0].answer), y = rh_buf_get(&s->sides[1].answer);
    if (!rh_text_eq(x, y)) {
        print_message("seed %llu, step %u, %s: type %u id %.*s number %llu limit %u reader %d\n",
                      (unsigned long long)s->seed, s->step, what, o ? o->type : 0U,
                      o ? (int)o->id.len : 0, o ? o->id.data : "",
                      o ? (unsigned long long)o->number : 0, o ? o->limit : 0U,
                      o ? o->on_reader : 0);
        print_message("%s: %.*s\n%s: %.*s\n", s->sides[0].name, (int)x.len, x.data,
                      s->sides[1].name, (int)y.len, y.data);
        fail();
    }
    assert_int_equal(s->sides[0].answer.rc, RH_OK);
}

static void compare_op(struct stream *s, const struct op *o)
{
    for (int i = 0; i < 2; i++)
        answer(&s->sides[i], o);
    char what[32];
    snprintf(what, sizeof what, "operation %u", (unsigned)o->kind);
    compare_answers(s, what, o);
    s->done[o->kind]++;
}

/* --- transactions, reopening
 * ---------------------------------------------------------------------- */

static void open_side(struct side *side, const struct rh_store_ops *backend, const char *dir)
{
    struct rh_issues is;
    rh_issues_init(&is, side->arena);
    struct rh_store_options o = {
        .dir = dir, .create = true, .cache_kib = 64 /* so that pages are written early */};
    side->name = backend->name;
    assert_int_equal(rh_store_open(backend, &o, &is, &side->store), RH_OK);
    assert_int_equal(rh_store_connect(side->store, RH_CONN_WRITE, &side->writer), RH_OK);
    assert_int_equal(rh_store_connect(side->store, RH_CONN_READ, &side->reader), RH_OK);
}

static void close_side(struct side *side)
{
    rh_store_disconnect(side->reader);
    rh_store_disconnect(side->writer);
    rh_store_close(side->store);
}

static void reopen(struct stream *s)
{
    struct rh_issues is;
    close_side(&s->sides[0]);
    open_side(&s->sides[0], &rh_store_sqlite, s->dir);
    rh_issues_init(&is, s->sides[0].arena);
    enum rh_rc rc = rh_store_check(s->sides[0].writer, &is);
    if (rc)
        print_message("seed %llu, step %u: %s\n", (unsigned long long)s->seed, s->step,
                      is.count ? is.rows[0].text : "");
    assert_int_equal(rc, RH_OK);
}

static void on_both(struct stream *s, enum rh_rc call(struct rh_conn *), bool reader)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(call(reader ? s->sides[i].reader : s->sides[i].writer), RH_OK);
}

static enum rh_rc undo_all(struct rh_conn *c)
{
    rh_store_rollback(c);
    return RH_OK;
}

static enum rh_rc keep_point(struct rh_conn *c)
{
    return rh_store_release(c, true);
}

static enum rh_rc undo_point(struct rh_conn *c)
{
    return rh_store_release(c, false);
}

static enum rh_rc checkpoint_later(struct rh_conn *c)
{
    return rh_store_checkpoint(c, false);
}

static enum rh_rc checkpoint_now(struct rh_conn *c)
{
    return rh_store_checkpoint(c, true);
}

/* SQLite takes a snapshot at the first read. */
static enum rh_rc begin_reading(struct rh_conn *c)
{
    uint64_t n;
    enum rh_rc rc = rh_store_begin(c);
    return rc ? rc : rh_store_count(c, 1, &n);
}

static void step_writer(struct stream *s)
{
    if (!s->writing) {
        unsigned n = upto(s, 100);
        if (n == 0 && !s->reading)
            reopen(s);
        else if (n < 4)
            on_both(s, s->reading ? checkpoint_later : checkpoint_now, false);
        on_both(s, rh_store_begin, false);
        s->writing = true;
    } else if (s->saved) {
        on_both(s, upto(s, 2) ? keep_point : undo_point, false);
        s->saved = false;
    } else if (upto(s, 2)) {
        on_both(s, rh_store_savepoint, false);
        s->saved = true;
    } else {
        on_both(s, upto(s, 5) ? rh_store_commit : undo_all, false);
        s->writing = false;
    }
}

static void step_reader(struct stream *s)
{
    on_both(s, s->reading ? undo_all : begin_reading, true);
    s->reading = !s->reading;
}

static void round_of(struct stream *s, uint64_t seed, unsigned steps)
{
    static struct op o;
    struct rh_arena *a = rh_arena_open(16 << 20);
    assert_int_equal(scratch_make(s->dir), 0);
    s->random = s->seed = seed;
    s->writing = s->saved = s->reading = false;
    for (int i = 0; i < 2; i++)
        s->sides[i].arena = rh_arena_open(64 << 20);
    open_side(&s->sides[0], &rh_store_sqlite, s->dir);
    open_side(&s->sides[1], &rh_store_model, s->dir);
    for (s->step = 0; s->step < steps; s->step++) {
        rh_arena_reset(a);
        for (int i = 0; i < 2; i++) {
            rh_arena_reset(s->sides[i].arena);
            s->sides[i].answer = rh_buf(s->sides[i].arena);
        }
        unsigned n = upto(s, 100);
        if (n < 12)
            step_writer(s);
        else if (n < 16)
            step_reader(s);
        else {
            choose(s, s->writing && n < 60, &o, a);
            compare_op(s, &o);
        }
    }
    for (int i = 0; i < 2; i++) {
        close_side(&s->sides[i]);
        rh_arena_close(s->sides[i].arena);
    }
    rh_arena_close(a);
    assert_int_equal(scratch_remove(s->dir), 0);
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static void gives_the_same_answers_as_the_model(void **state)
{
    (void)state;
    static struct stream s;
    bool all = from_environment("RIHLA_LONG", 0) == 1;
    unsigned long ops = from_environment("RIHLA_STREAM_OPS", all ? 2000000 : ROUND);
    unsigned long seed = from_environment("RIHLA_SEED", 1);
    print_message("seed %lu, %lu steps\n", seed, ops);
    for (unsigned long done = 0; done < ops; done += ROUND)
        round_of(&s, seed + done / ROUND, ops - done < ROUND ? (unsigned)(ops - done) : ROUND);
    for (int i = 0; i < KINDS && ops >= ROUND; i++)
        assert_true(s.done[i] > 0); /* a kind that never comes is not tested */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_the_same_answers_as_the_model)};
    return cmocka_run_group_tests_name("store stream", tests, NULL, NULL);
}
