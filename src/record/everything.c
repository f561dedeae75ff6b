/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * everything.c - all of a person or an encounter.
 *
 * No JSON is parsed: bodies are minified, so a reference is the text "reference":" in them (inside
 * a string the quotes would be escaped). Only a span of dates needs the keys of each body.
 *
 *   OWN -> OTHERS -> REFERENCED -> END
 *
 * Invariant: `at` is the first number (rk) of the phase that has not been given yet, so phase and
 * `at` are the cursor. What is referred to is known only when everything before was read in this
 * call; who comes with a cursor makes that up by reading once more without giving.
 */
#include "record/everything.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "record/record_int.h"

#include <stdlib.h>

enum phase { OWN, OTHERS, REFERENCED, END };
enum {
    CURSOR_SIZE = 17,
    PIECE_BYTES = 256 << 10, /* decoded bodies of one piece */
    POSTINGS = 256,          /* of one look at the keys */
    NOTED_MAX = 32           /* persons remembered as noted in the access rows */
};

static const uint64_t person_mask = (UINT64_C(1) << RH_RK_BITS) - 1;

/* A set of 64-bit hashes, or of numbers. */
struct set {
    uint64_t *slots; /* 0: free */
    size_t n, cap;
};

struct names { /* referred to and not seen yet */
    struct rh_text *rows;
    size_t n, cap;
};

struct numbers {
    uint64_t *rows;
    size_t n, cap;
};

struct rh_everything {
    struct rh_record *record;
    struct rh_ctx *ctx;
    const struct rh_caller *caller;
    struct rh_everything_request request;
    struct rh_grant grant;
    enum phase phase;
    uint64_t at;
    uint64_t lo, hi; /* OWN: the numbers of the person, of all persons, of the encounter */
    uint64_t skip_lo, skip_hi; /* the bucket of the site, within lo..hi */
    uint64_t part;             /* of the person; 0: of all */
    struct numbers others, referenced;
    struct rh_arena *memory; /* numbers */
    struct rh_arena *naming; /* names and sets, of one person at a time */
    struct rh_arena *piece;  /* rows that were given last */
    struct set seen, asked;  /* hashes of "Type/id": read, or in `names` */
    struct names names;
    uint64_t person; /* ordinal whose names are gathered */
    bool incomplete; /* some of what was before the cursor has not been read */
    uint64_t noted[NOTED_MAX];
    unsigned n_noted;
};

/* --- sets --------------------------------------------------------------------------------------
 */

static size_t slot_of(const struct set *s, uint64_t n)
{
    size_t i = (size_t)(n * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (s->cap - 1);
    while (s->slots[i] && s->slots[i] != n)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static bool set_has(const struct set *s, uint64_t n)
{
    return s->cap && s->slots[slot_of(s, n)] == n;
}

static enum rh_rc set_add(struct rh_arena *a, struct set *s, uint64_t n)
{
    if (2 * (s->n + 1) > s->cap) {
        struct set bigger = {.cap = s->cap ? 2 * s->cap : 1024};
        bigger.slots = rh_arena_zero(a, bigger.cap * sizeof *bigger.slots);
        if (!bigger.slots)
            return RH_TOOLARGE;
        for (size_t i = 0; i < s->cap; i++)
            if (s->slots[i])
                bigger.slots[slot_of(&bigger, s->slots[i])] = s->slots[i];
        bigger.n = s->n;
        *s = bigger;
    }
    size_t i = slot_of(s, n);
    s->n += s->slots[i] == 0;
    s->slots[i] = n;
    return RH_OK;
}

static enum rh_rc numbers_add(struct rh_arena *a, struct numbers *l, uint64_t n)
{
    if (l->n == l->cap) {
        uint64_t *grown = rh_arena_grow(a, l->rows, &l->cap, l->n + 256, sizeof *grown);
        if (!grown)
            return RH_TOOLARGE;
        l->rows = grown;
    }
    l->rows[l->n++] = n;
    return RH_OK;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_once(struct numbers *l)
{
    size_t kept = 0;
    if (l->n > 1)
        qsort(l->rows, l->n, sizeof *l->rows, order);
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || l->rows[i] != l->rows[i - 1])
            l->rows[kept++] = l->rows[i];
    l->n = kept;
}

/* Index of the first number that is not below `at`. */
static size_t first_from(const struct numbers *l, uint64_t at)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->rows[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* --- references --------------------------------------------------------------------------------
 */

/* FNV-1a: names come by the thousand, and the set is no one's for longer than this call. */
static uint64_t hash_name(struct rh_text type, struct rh_text id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < type.len; i++)
        h = (h ^ (unsigned char)type.data[i]) * UINT64_C(0x100000001b3);
    h = (h ^ '/') * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.data[i]) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

/* "Type/id" or "Type/id/_history/…" */
static bool local(struct rh_text t, struct rh_text *type, struct rh_text *id)
{
    struct rh_text rest = t;
    if (t.len < 3 || t.data[0] < 'A' || t.data[0] > 'Z')
        return false;
    rh_text_split(&rest, '/', type);
    return rest.data && rh_text_split(&rest, '/', id) && id->len > 0 && id->len <= RH_STORE_ID_MAX;
}

static enum rh_rc add_name(struct rh_everything *e, struct rh_text type, struct rh_text id)
{
    uint64_t h = hash_name(type, id);
    if (set_has(&e->seen, h) || set_has(&e->asked, h))
        return RH_OK;
    size_t len = (size_t)(id.data + id.len - type.data);
    struct rh_text copy = rh_text_copy(e->naming, (struct rh_text){type.data, len});
    if (copy.data && e->names.n == e->names.cap) {
        struct rh_text *grown =
            rh_arena_grow(e->naming, e->names.rows, &e->names.cap, e->names.n + 256, sizeof *grown);
        if (!grown)
            return RH_TOOLARGE;
        e->names.rows = grown;
    }
    if (!copy.data)
        return RH_TOOLARGE;
    e->names.rows[e->names.n++] = copy;
    return set_add(e->naming, &e->asked, h);
}

static enum rh_rc gather_names(struct rh_everything *e, struct rh_text body)
{
    static const char mark[] = "\"reference\":\"";
    const char *at = body.data, *end = body.data + body.len;
    enum rh_rc rc = RH_OK;
    while (!rc && (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
        at += sizeof mark - 1;
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (!quote)
            break;
        struct rh_text type, id;
        if (local((struct rh_text){at, (size_t)(quote - at)}, &type, &id))
            rc = add_name(e, type, id);
        at = quote;
    }
    return rc;
}

/* With `all` also what was seen, so that the memory can be used again. */
static void forget_names(struct rh_everything *e, bool all)
{
    e->names = (struct names){NULL, 0, 0};
    e->asked = (struct set){NULL, 0, 0};
    if (!all)
        return;
    e->seen = (struct set){NULL, 0, 0};
    rh_arena_reset(e->naming);
}

/* The names that were not met become numbers: of the site, or, for an encounter, of its person. */
static enum rh_rc settle_names(struct rh_session *s, struct rh_everything *e)
{
    enum rh_rc rc = RH_OK;
    bool own_part = e->request.id.len && e->lo + 1 == e->hi;
    for (size_t i = 0; i < e->names.n && !rc; i++) {
        struct rh_text type, id;
        struct rh_head head;
        if (!local(e->names.rows[i], &type, &id) || set_has(&e->seen, hash_name(type, id)))
            continue;
        unsigned number = rh_resource_number(type);
        rh_arena_reset(s->trial);
        rc = number ? rh_store_head_get(s->conn, (uint16_t)number, id, s->trial, &head)
                    : RH_NOTFOUND;
        if (!rc && !head.deleted &&
            (head.part == e->record->site_part || (own_part && head.part == e->part)))
            rc = numbers_add(e->memory, &e->referenced, head.rk);
        if (rc == RH_NOTFOUND)
            rc = RH_OK;
    }
    forget_names(e, !e->request.id.len);
    return rc;
}

/* --- what stands elsewhere ----------------------------------------------------------------------
 */

static enum rh_rc add_postings(struct rh_session *s, struct rh_everything *e,
                               const struct rh_condition *c, const struct rh_range *r)
{
    uint64_t rks[POSTINGS], from = 0;
    int64_t aux[POSTINGS];
    unsigned n = POSTINGS;
    enum rh_rc rc = RH_OK;
    if (!r->point || !rh_condition_key(c, r, r->lo))
        return r->point ? RH_OK : RH_INTERNAL; /* a local reference is one key */
    while (!rc && n == POSTINGS) {
        rc = rh_store_key_rks(s->conn, r->type, r->number, r->lo, from, POSTINGS, rks, aux, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            if (rks[i] < e->lo || rks[i] >= e->hi)
                rc = numbers_add(e->memory, &e->others, rks[i]);
        if (n)
            from = rks[n - 1] + 1;
    }
    return rc;
}

static enum rh_rc add_condition(struct rh_session *s, struct rh_everything *e,
                                const struct rh_condition *c)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < c->n_children && !rc; i++)
        rc = add_condition(s, e, &c->children[i]);
    if (c->kind != RH_COND_KEYS)
        return rc;
    /* an exact reference to a Patient only stands in that Patient's part, unless it is by the whole
     * address */
    bool exact = c->parameter && c->parameter->exact && e->hi - e->lo > 1;
    for (unsigned i = 0; i < c->n_ranges && !rc; i++)
        if (!exact || (c->ranges[i].lo.len > 2 && c->ranges[i].lo.data[2] == 'x'))
            rc = add_postings(s, e, c, &c->ranges[i]);
    return rc;
}

static enum rh_rc find_others(struct rh_session *s, struct rh_everything *e)
{
    struct rh_ctx ctx = *e->ctx;
    enum rh_rc rc = RH_OK;
    if (!e->request.id.len) /* whoever refers to a person lies in the part of one */
        return RH_OK;
    ctx.arena = s->scratch;
    ctx.parameters = rh_record_parameters(e->record);
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES && !rc; type++) {
        struct rh_condition c = {0};
        rh_arena_reset(s->scratch);
        rc = rh_query_compartment(&ctx, e->request.type, e->request.id, type, &c);
        if (!rc)
            rc = add_condition(s, e, &c);
        else if (rc == RH_NOTFOUND)
            rc = RH_OK;
    }
    sort_once(&e->others);
    return rc;
}

/* --- which are given ----------------------------------------------------------------------------
 */

static bool wanted_type(const struct rh_everything *e, unsigned type)
{
    for (unsigned i = 0; i < e->request.n_types; i++)
        if (e->request.types[i] == type)
            return true;
    return e->request.n_types == 0;
}

/* A person's birth is the main date of a Patient and is no date of care. */
static bool is_date_of(const struct rh_parameter *p, unsigned number)
{
    for (unsigned i = 0; i < p->n_parts; i++)
        if (p->parts[i]->number == number)
            return true;
    return p->number == number;
}

static enum rh_rc care_touches(struct rh_session *s, const struct rh_everything *e,
                               const struct rh_version *v, bool *ret)
{
    const struct rh_parameter *main = rh_parameter_main_date(v->type);
    struct rh_search_keys keys = {0};
    struct rh_ctx ctx = *e->ctx;
    bool any = false;
    *ret = true;
    if ((e->request.from_us == INT64_MIN && e->request.to_us == INT64_MAX) || !main ||
        strcmp(main->name, "birthdate") == 0)
        return RH_OK;
    rh_arena_reset(s->trial);
    ctx.arena = s->trial;
    ctx.parameters = rh_record_parameters(e->record);
    enum rh_rc rc = rh_keys_of_body(&ctx, v->type, v->body, &keys);
    for (unsigned i = 0; i < keys.n && !rc; i++) {
        const unsigned char *p = (const unsigned char *)keys.rows[i].bytes.data;
        if (keys.rows[i].type != v->type || !is_date_of(main, keys.rows[i].number) ||
            keys.rows[i].bytes.len != 17 || p[0] != 'l')
            continue;
        if (rh_get_i64(p + 1) <= e->request.to_us && rh_get_i64(p + 9) >= e->request.from_us)
            return RH_OK;
        any = true;
    }
    *ret = !any;
    return rc;
}

struct piece {
    struct rh_session *session;
    struct rh_everything *e;
    struct rh_arena *arena;
    struct rh_version *rows; /* NULL: only read, for the references */
    bool *included;
    unsigned max, n;
    size_t bytes;
};

static bool full(const struct piece *p)
{
    return p->n == p->max || p->bytes >= PIECE_BYTES;
}

/* One resource that was read. */
static enum rh_rc take(struct piece *p, const struct rh_entry *entry, bool referenced)
{
    struct rh_everything *e = p->e;
    struct rh_version v;
    bool touches = true;
    if (entry->op == RH_OP_DELETE || !rh_grant_row(&e->grant, entry->part, entry->type))
        return RH_OK;
    if (referenced && (!wanted_type(e, entry->type) || entry->time_us < e->request.since_us))
        return RH_OK;
    enum rh_rc rc = rh_version_of(p->session, entry, p->arena, &v);
    if (rc)
        return rc;
    p->bytes += v.body.len;
    if (!referenced) {
        struct rh_text type = rh_text(rh_resource_type(v.type)->name);
        rc = set_add(e->naming, &e->seen, hash_name(type, v.id));
        if (!rc)
            rc = care_touches(p->session, e, &v, &touches);
        if (!rc && touches)
            rc = gather_names(e, v.body);
        if (rc || !touches || !wanted_type(e, v.type) || v.time_us < e->request.since_us)
            return rc;
    }
    if (!p->rows)
        return RH_OK;
    p->included[p->n] = referenced;
    p->rows[p->n++] = v;
    return RH_OK;
}

/* --- the phases ---------------------------------------------------------------------------------
 */

static enum rh_rc read_own(struct piece *p, uint64_t *at, bool *ended)
{
    struct rh_everything *e = p->e;
    struct rh_entry entries[RH_EVERYTHING_ROWS];
    uint64_t rks[RH_EVERYTHING_ROWS];
    unsigned n = 0;
    if (*at >= e->skip_lo && *at < e->skip_hi)
        *at = e->skip_hi;
    uint64_t hi = *at < e->skip_lo && e->skip_lo < e->hi ? e->skip_lo : e->hi;
    unsigned limit = p->max - p->n < RH_EVERYTHING_ROWS ? p->max - p->n : RH_EVERYTHING_ROWS;
    enum rh_rc rc =
        *at < hi ? rh_store_entries_rk(p->session->conn, *at, hi, limit, p->arena, entries, rks, &n)
                 : RH_OK;
    unsigned i = 0;
    for (; i < n && !rc && !full(p); i++) {
        if (rks[i] >> RH_RK_BITS != e->person) { /* the names of one person are settled at once */
            rc = settle_names(p->session, e);
            e->person = rks[i] >> RH_RK_BITS;
        }
        if (!rc)
            rc = take(p, &entries[i], false);
        *at = rks[i] + 1;
    }
    if (i == n && n < limit)
        *at = hi;
    *ended = *at >= e->hi;
    return rc;
}

static enum rh_rc read_listed(struct piece *p, const struct numbers *l, bool referenced,
                              uint64_t *at, bool *ended)
{
    size_t i = first_from(l, *at);
    enum rh_rc rc = RH_OK;
    for (; i < l->n && !rc && !full(p); i++) {
        struct rh_entry entry;
        rc = rh_store_entry_rk(p->session->conn, l->rows[i], p->arena, &entry);
        if (!rc)
            rc = take(p, &entry, referenced);
        if (rc == RH_NOTFOUND) /* it moved to another person meanwhile */
            rc = RH_OK;
        *at = l->rows[i] + 1;
    }
    *ended = i == l->n;
    return rc;
}

/* Everything before REFERENCED once more, so that all references are known. */
static enum rh_rc read_again(struct rh_session *s, struct rh_everything *e)
{
    struct rh_version *no_rows = NULL;
    uint64_t at = e->lo, resources = 0;
    enum rh_rc rc = RH_OK;
    forget_names(e, true);
    e->referenced.n = 0;
    e->person = 0;
    for (enum phase phase = OWN; phase < REFERENCED && !rc;) {
        bool ended = false;
        struct piece p = {s, e, s->scratch, no_rows, NULL, RH_EVERYTHING_ROWS, 0, 0};
        rh_arena_reset(s->scratch);
        rc = phase == OWN ? read_own(&p, &at, &ended)
                          : read_listed(&p, &e->others, false, &at, &ended);
        resources += RH_EVERYTHING_ROWS;
        if (!rc && resources > RH_EVERYTHING_RESCAN_MAX)
            return rh_issue_add(e->ctx->issues, RH_TOOLARGE, NULL,
                                "This is too much to be read in pages: leave _count out, and it "
                                "comes as one stream.");
        if (ended) {
            phase++;
            at = 0;
        }
    }
    e->incomplete = false;
    return rc;
}

static enum rh_rc enter(struct rh_session *s, struct rh_everything *e, enum phase phase)
{
    enum rh_rc rc = RH_OK;
    e->phase = phase;
    e->at = 0;
    if (phase != REFERENCED)
        return RH_OK;
    if (e->incomplete)
        rc = read_again(s, e);
    if (!rc)
        rc = settle_names(s, e);
    sort_once(&e->referenced);
    return rc;
}

static enum rh_rc fill(struct piece *p)
{
    struct rh_everything *e = p->e;
    enum rh_rc rc = RH_OK;
    while (!rc && !full(p) && e->phase != END) {
        bool ended = false;
        if (e->phase == OWN)
            rc = read_own(p, &e->at, &ended);
        else
            rc = read_listed(p, e->phase == OTHERS ? &e->others : &e->referenced,
                             e->phase == REFERENCED, &e->at, &ended);
        if (!rc && ended)
            rc = enter(p->session, e, (enum phase)(e->phase + 1));
        if (!rc && p->n == 0 && p->bytes) {
            p->bytes = 0; /* nothing of it is given: on to the next ones */
            rh_arena_reset(e->piece);
        }
    }
    return rc;
}

/* --- access rows --------------------------------------------------------------------------------
 */

static enum rh_rc note(struct rh_everything *e, const struct rh_version *rows, unsigned n)
{
    struct rh_ctx ctx = *e->ctx;
    uint64_t parts[RH_EVERYTHING_ROWS];
    unsigned n_parts = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned k = 0;
        while (k < e->n_noted && e->noted[k] != rows[i].part)
            k++;
        if (k < e->n_noted || rows[i].part == e->record->site_part)
            continue;
        if (e->n_noted == NOTED_MAX)
            e->n_noted = 0; /* a person may be noted again */
        e->noted[e->n_noted++] = parts[n_parts++] = rows[i].part;
    }
    if (!n_parts)
        return RH_OK;
    ctx.arena = e->piece;
    char *what =
        rh_arena_printf(e->piece, "%s%s%.*s/$everything", rh_resource_type(e->request.type)->name,
                        e->request.id.len ? "/" : "", RH_TEXT_ARG(e->request.id));
    return what ? rh_audit_read(e->record, &ctx, e->caller, RH_ACTION_READ, rh_text(what), parts,
                                n_parts)
                : RH_NOMEM;
}

enum rh_rc rh_everything_next(struct rh_session *s, struct rh_everything *e,
                              struct rh_version *rows, bool *included, unsigned max, unsigned *n)
{
    struct piece p = {
        s, e, e->piece, rows, included, max < RH_EVERYTHING_ROWS ? max : RH_EVERYTHING_ROWS, 0, 0};
    rh_arena_reset(e->piece);
    *n = 0;
    enum rh_rc rc = rh_store_begin(s->conn);
    if (!rc)
        rc = fill(&p);
    rh_store_rollback(s->conn);
    if (rc == RH_TOOLARGE && !e->ctx->issues->errors)
        rh_issue_add(e->ctx->issues, rc, NULL,
                     "This person's record refers to more than can be followed at once; read it by "
                     "searches.");
    if (rc)
        return e->ctx->issues->errors
                   ? rc
                   : rh_store_failed(s->conn, e->ctx->issues, rc, "reading a whole record");
    rc = note(e, rows, p.n);
    if (!rc)
        *n = p.n;
    return rc;
}

/* --- opening ------------------------------------------------------------------------------------
 */

/* version, phase, request's hash, number */
static uint64_t request_hash(const struct rh_everything *e)
{
    const struct rh_everything_request *r = &e->request;
    unsigned char key[16] = {1};
    uint64_t h = hash_name(rh_text(rh_resource_type(r->type)->name), r->id);
    int64_t spans[] = {r->from_us, r->to_us, r->since_us, (int64_t)r->n_types};
    rh_put_u64(key + 8, h);
    h = rh_hash_short((struct rh_text){(const char *)spans, sizeof spans}, key);
    rh_put_u64(key + 8, h);
    return rh_hash_short((struct rh_text){(const char *)r->types, r->n_types * sizeof *r->types},
                         key);
}

enum rh_rc rh_everything_cursor(struct rh_everything *e, struct rh_arena *a, struct rh_text *ret)
{
    unsigned char bytes[CURSOR_SIZE] = {(unsigned char)e->phase};
    rh_put_u64(bytes + 1, request_hash(e));
    rh_put_u64(bytes + 9, e->at);
    return rh_cursor_write(a, bytes, sizeof bytes, ret);
}

static enum rh_rc go_on(struct rh_session *s, struct rh_everything *e)
{
    const unsigned char *p;
    size_t len;
    struct rh_ctx *ctx = e->ctx;
    enum rh_rc rc = rh_cursor_read(ctx->arena, ctx->issues, e->request.cursor, &p, &len);
    if (rc)
        return rc;
    if (len != CURSOR_SIZE || p[0] > END || rh_get_u64(p + 1) != request_hash(e))
        return rh_issue_add(
            ctx->issues, RH_QUERY, NULL,
            "_cursor belongs to another request: follow the \"next\" link as it is");
    enum phase phase = (enum phase)p[0];
    uint64_t at = rh_get_u64(p + 9);
    e->incomplete = true;
    rc = enter(s, e, phase);
    e->at = phase == OWN && at < e->lo ? e->lo : at;
    return rc;
}

/* The numbers of all persons, without the bucket of the site. */
static enum rh_rc all_persons(struct rh_session *s, struct rh_everything *e)
{
    uint64_t last = 0;
    struct rh_part site;
    enum rh_rc rc = rh_store_part_last(s->conn, &last);
    e->lo = 0;
    e->hi = (last + 1) << RH_RK_BITS;
    if (!rc)
        rc = rh_store_part_get(s->conn, e->record->site_part, &site);
    if (!rc) {
        e->skip_lo = site.ordinal << RH_RK_BITS;
        e->skip_hi = (site.ordinal + 1) << RH_RK_BITS;
    }
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static enum rh_rc one(struct rh_session *s, struct rh_everything *e)
{
    const struct rh_everything_request *r = &e->request;
    struct rh_ctx *ctx = e->ctx;
    struct rh_head head;
    const char *type = rh_resource_type(r->type)->name;
    enum rh_rc rc = rh_store_head_get(s->conn, (uint16_t)r->type, r->id, ctx->arena, &head);
    if (rc == RH_NOTFOUND || (!rc && !rh_grant_row(&e->grant, head.part, r->type)))
        return rh_issue_add(ctx->issues, RH_NOTFOUND, NULL, "there is no %s/%.*s", type,
                            RH_TEXT_ARG(r->id));
    if (!rc && head.deleted)
        return rh_issue_add(ctx->issues, RH_GONE, NULL, "%s/%.*s has been deleted", type,
                            RH_TEXT_ARG(r->id));
    if (rc)
        return rc;
    e->part = head.part;
    e->lo = head.rk;
    e->hi = head.rk + 1;
    if (strcmp(type, "Patient") == 0) {
        e->lo = head.rk & ~person_mask;
        e->hi = e->lo + person_mask + 1;
    }
    return find_others(s, e);
}

enum rh_rc rh_everything_open(struct rh_session *s, struct rh_ctx *ctx,
                              const struct rh_caller *caller, const struct rh_everything_request *r,
                              struct rh_everything **ret)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_READ, r->type, ctx->issues, &grant);
    if (rc)
        return rc;
    struct rh_everything *e = rh_alloc(sizeof *e);
    *e = (struct rh_everything){.record = s->record,
                                .ctx = ctx,
                                .caller = caller,
                                .request = *r,
                                .grant = grant,
                                .skip_lo = UINT64_MAX,
                                .skip_hi = UINT64_MAX,
                                .memory = rh_arena_open(RH_EVERYTHING_NAMES_BYTES),
                                .naming = rh_arena_open(RH_EVERYTHING_NAMES_BYTES),
                                .piece = rh_arena_open(RH_EVERYTHING_PIECE_BYTES)};
    rc = rh_store_begin(s->conn);
    if (!rc)
        rc = r->id.len ? one(s, e) : all_persons(s, e);
    e->at = e->lo;
    if (!rc && r->cursor.len)
        rc = go_on(s, e);
    rh_store_rollback(s->conn);
    if (rc) {
        rh_everything_close(e);
        return ctx->issues->errors ? rc
                                   : rh_store_failed(s->conn, ctx->issues, rc, "reading a record");
    }
    *ret = e;
    return RH_OK;
}

void rh_everything_close(struct rh_everything *e)
{
    if (!e)
        return;
    rh_arena_close(e->memory);
    rh_arena_close(e->naming);
    rh_arena_close(e->piece);
    rh_free(e);
}
