/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "record/walk.h"

#include "fhir/reference.h"
#include "record/record_int.h"

#include <stdlib.h>

enum {
    STEP = 32,      /* rows of one query: as large as they may be, they fit into the arena */
    POSTINGS = 256, /* of one look at the keys */
    PATIENTS_STEP = 64,
    GROUP_MEMBERS_MAX = RH_WALK_PATIENTS_MAX
};

static const uint64_t person_mask = (UINT64_C(1) << RH_RK_BITS) - 1;

/* --- the moment --------------------------------------------------------------------------------
 */

static enum rh_rc moment(struct rh_session *writer, void *user)
{
    struct rh_moment *m = user;
    m->time_us = rh_tip_time(rh_writer_tip(writer->record));
    m->newest = rh_record_newest(writer->record);
    return RH_OK;
}

enum rh_rc rh_record_moment(struct rh_record *r, struct rh_moment *ret)
{
    return rh_writer_task(r->writer, (struct rh_task){moment, ret});
}

/* --- where -------------------------------------------------------------------------------------
 */

static enum rh_rc decide(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                         struct rh_text what, size_t n, struct rh_walk_ranges *ret)
{
    struct rh_grant grant;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_EXPORT, 0, ctx->issues, &grant);
    if (!rc)
        rc = rh_audit_read(s->record, ctx, caller, RH_ACTION_EXPORT, what, NULL, 0);
    *ret = (struct rh_walk_ranges){rh_arena_alloc(ctx->arena, (n + 1) * sizeof *ret->rows), 0};
    return rc ? rc : ret->rows ? RH_OK : RH_NOMEM;
}

enum rh_rc rh_walk_system(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          struct rh_text what, struct rh_walk_ranges *ret)
{
    enum rh_rc rc = decide(s, ctx, caller, what, 1, ret);
    if (!rc)
        ret->rows[ret->n++] = (struct rh_walk_range){0, INT64_MAX};
    return rc;
}

enum rh_rc rh_walk_persons(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                           struct rh_text what, struct rh_walk_ranges *ret)
{
    struct rh_part site;
    enum rh_rc rc = decide(s, ctx, caller, what, 2, ret);
    if (rc)
        return rc;
    rc = rh_store_part_get(s->conn, s->record->site_part, &site);
    if (rc == RH_NOTFOUND) {
        ret->rows[ret->n++] = (struct rh_walk_range){0, INT64_MAX};
        return RH_OK;
    }
    if (rc)
        return rh_store_failed(s->conn, ctx->issues, rc, "looking for the persons");
    uint64_t lo = site.ordinal << RH_RK_BITS, hi = lo + person_mask + 1;
    if (lo)
        ret->rows[ret->n++] = (struct rh_walk_range){0, lo};
    ret->rows[ret->n++] = (struct rh_walk_range){hi, INT64_MAX};
    return RH_OK;
}

struct finding {
    struct rh_session *session;
    struct rh_arena *arena;
    struct rh_walk_range *rows;
    size_t n, cap;
};

static enum rh_rc add_range(struct finding *f, uint64_t lo, uint64_t hi)
{
    if (f->n == f->cap) {
        struct rh_walk_range *grown =
            rh_arena_grow(f->arena, f->rows, &f->cap, f->n + 256, sizeof *grown);
        if (!grown)
            return RH_TOOLARGE;
        f->rows = grown;
    }
    f->rows[f->n++] = (struct rh_walk_range){lo, hi};
    return RH_OK;
}

static int by_lo(const void *a, const void *b)
{
    const struct rh_walk_range *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void join_ranges(struct finding *f)
{
    size_t kept = 0;
    if (f->n)
        qsort(f->rows, f->n, sizeof *f->rows, by_lo);
    for (size_t i = 0; i < f->n; i++) {
        if (kept && f->rows[i].lo <= f->rows[kept - 1].hi) {
            if (f->rows[i].hi > f->rows[kept - 1].hi)
                f->rows[kept - 1].hi = f->rows[i].hi;
        } else {
            f->rows[kept++] = f->rows[i];
        }
    }
    f->n = kept;
}

static enum rh_rc add_postings(struct finding *f, const struct rh_condition *c,
                               const struct rh_range *r)
{
    uint64_t rks[POSTINGS], from = 0;
    int64_t aux[POSTINGS];
    unsigned n = POSTINGS;
    enum rh_rc rc = RH_OK;
    if (!r->point || !rh_condition_key(c, r, r->lo))
        return r->point ? RH_OK : RH_INTERNAL; /* a local reference is one key */
    while (!rc && n == POSTINGS) {
        rc = rh_store_key_rks(f->session->conn, r->type, r->number, r->lo, from, POSTINGS, rks, aux,
                              &n);
        for (unsigned i = 0; i < n && !rc; i++)
            rc = add_range(f, rks[i], rks[i] + 1);
        if (n)
            from = rks[n - 1] + 1;
    }
    return rc;
}

/* `exact`: such a reference only stands in the record of the person it points to. */
static enum rh_rc add_condition(struct finding *f, const struct rh_condition *c)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < c->n_children && !rc; i++)
        rc = add_condition(f, &c->children[i]);
    if (c->kind != RH_COND_KEYS || (c->parameter && c->parameter->exact))
        return rc;
    for (unsigned i = 0; i < c->n_ranges && !rc; i++)
        rc = add_postings(f, c, &c->ranges[i]);
    return rc;
}

static enum rh_rc add_patient(struct finding *f, const struct rh_ctx *of, struct rh_text id)
{
    struct rh_session *s = f->session;
    struct rh_ctx ctx = *of;
    struct rh_part person;
    enum rh_rc rc = rh_store_part_get(s->conn, rh_part_of(s->record, id), &person);
    if (!rc)
        rc = add_range(f, person.ordinal << RH_RK_BITS, (person.ordinal + 1) << RH_RK_BITS);
    if (rc == RH_NOTFOUND)
        rc = RH_OK;
    ctx.arena = s->scratch;
    ctx.parameters = rh_record_parameters(s->record);
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES && !rc; type++) {
        struct rh_condition c = {0};
        rh_arena_reset(s->scratch);
        rc = rh_query_compartment(&ctx, rh_resource_number(RH_TEXT("Patient")), id, type, &c);
        if (!rc)
            rc = add_condition(f, &c);
        else if (rc == RH_NOTFOUND)
            rc = RH_OK;
    }
    return rc;
}

enum rh_rc rh_walk_patients(struct rh_session *s, struct rh_ctx *ctx,
                            const struct rh_caller *caller, const struct rh_walk_members *m,
                            struct rh_walk_ranges *ret)
{
    struct finding f = {.session = s, .arena = ctx->arena};
    enum rh_rc rc = decide(s, ctx, caller, m->what, 0, ret);
    for (size_t i = 0; i < m->n && !rc; i++) {
        rc = add_patient(&f, ctx, m->ids[i]);
        if (!rc && m->progress && i % PATIENTS_STEP == 0 &&
            !m->progress(m->user, "patients", i, m->n))
            return RH_INTERRUPTED;
    }
    if (rc == RH_TOOLARGE)
        return rh_issue_add(ctx->issues, rc, NULL, "These are too many patients for one export.");
    if (rc)
        return rh_store_failed(s->conn, ctx->issues, rc, "looking for what belongs to patients");
    join_ranges(&f);
    *ret = (struct rh_walk_ranges){f.rows, f.n};
    return RH_OK;
}

bool rh_walk_has(const struct rh_walk_ranges *r, uint64_t rk)
{
    size_t lo = 0, hi = r->n; /* the first range that ends behind it */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->rows[mid].hi <= rk)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->n && r->rows[lo].lo <= rk;
}

enum rh_rc rh_walk_number(struct rh_session *s, struct rh_arena *a, unsigned type,
                          struct rh_text id, uint64_t *rk)
{
    struct rh_head head;
    enum rh_rc rc = rh_store_head_get(s->conn, (uint16_t)type, id, a, &head);
    if (!rc)
        *rk = head.rk;
    return rc;
}

/* --- groups ------------------------------------------------------------------------------------
 */

struct members {
    struct rh_session *session;
    struct rh_ctx *ctx;
    const struct rh_caller *caller;
    struct rh_text *ids;
    size_t n, cap;
    struct rh_text path[RH_WALK_GROUPS_DEEP]; /* the groups we are in */
};

static enum rh_rc add_member(struct members *m, struct rh_text id)
{
    if (m->n == GROUP_MEMBERS_MAX)
        return rh_issue_add(m->ctx->issues, RH_TOOLARGE, NULL,
                            "The group has more than %d members.", GROUP_MEMBERS_MAX);
    if (m->n == m->cap) {
        struct rh_text *grown =
            rh_arena_grow(m->ctx->arena, m->ids, &m->cap, m->n + 256, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        m->ids = grown;
    }
    m->ids[m->n++] = id;
    return RH_OK;
}

static enum rh_rc read_group(struct members *m, struct rh_text id, yyjson_val **ret)
{
    struct rh_version v;
    yyjson_doc *doc;
    enum rh_rc rc =
        rh_record_read(m->session, m->ctx, m->caller, rh_resource_number(RH_TEXT("Group")), id, &v);
    if (!rc)
        rc = rh_json_parse(m->ctx->arena, m->ctx->issues, v.body, &doc) ? RH_CORRUPT : RH_OK;
    *ret = rc ? NULL : yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc add_group(struct members *m, struct rh_text id, unsigned depth);

/* A group inside that is gone has no members. */
static enum rh_rc add_inner(struct members *m, struct rh_text id, unsigned depth)
{
    unsigned before = m->ctx->issues->count;
    for (unsigned i = 0; i <= depth; i++)
        if (rh_text_eq(m->path[i], id))
            return RH_OK; /* it contains itself */
    if (depth + 1 == RH_WALK_GROUPS_DEEP)
        return rh_issue_add(m->ctx->issues, RH_TOOLARGE, NULL,
                            "Groups lie in groups more than %d deep.", RH_WALK_GROUPS_DEEP);
    enum rh_rc rc = add_group(m, id, depth + 1);
    if (rc != RH_NOTFOUND && rc != RH_GONE)
        return rc;
    if (m->ctx->issues->count > before) {
        m->ctx->issues->errors -= m->ctx->issues->count - before;
        m->ctx->issues->count = before;
    }
    return RH_OK;
}

static enum rh_rc add_group(struct members *m, struct rh_text id, unsigned depth)
{
    yyjson_val *group, *member;
    size_t i, max;
    enum rh_rc rc = read_group(m, id, &group);
    m->path[depth] = id;
    if (rc)
        return rc;
    yyjson_arr_foreach (yyjson_obj_get(group, "member"), i, max, member) {
        yyjson_val *entity = yyjson_obj_get(member, "entity");
        struct rh_reference r = rh_reference_parse(rh_json_get(entity, "reference"), m->ctx->base);
        if (yyjson_get_bool(yyjson_obj_get(member, "inactive")) || r.kind != RH_REF_LOCAL)
            continue;
        if (r.type == rh_resource_number(RH_TEXT("Patient")))
            rc = add_member(m, r.id);
        else if (r.type == rh_resource_number(RH_TEXT("Group")))
            rc = add_inner(m, r.id, depth);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static int by_text(const void *a, const void *b)
{
    return rh_text_cmp(*(const struct rh_text *)a, *(const struct rh_text *)b);
}

enum rh_rc rh_group_patients(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, struct rh_text group,
                             struct rh_text **ids, size_t *n)
{
    struct members m = {.session = s, .ctx = ctx, .caller = caller};
    size_t kept = 0;
    enum rh_rc rc = add_group(&m, group, 0);
    if (rc)
        return rc;
    if (m.n)
        qsort(m.ids, m.n, sizeof *m.ids, by_text);
    for (size_t i = 0; i < m.n; i++)
        if (!kept || !rh_text_eq(m.ids[i], m.ids[kept - 1]))
            m.ids[kept++] = m.ids[i];
    *ids = m.ids;
    *n = kept;
    return RH_OK;
}

/* --- pieces ------------------------------------------------------------------------------------
 */

/* The version of this row at the moment; RH_NOTFOUND: it was not there, or was elsewhere. */
static enum rh_rc at_moment(struct rh_session *s, struct rh_arena *a, const struct rh_walk *w,
                            struct rh_entry *e)
{
    while (e->number > w->moment.newest) {
        if (!e->prior)
            return RH_NOTFOUND;
        enum rh_rc rc = rh_store_entry(s->conn, e->prior, a, e);
        if (rc)
            return rc == RH_NOTFOUND ? RH_CORRUPT : rc;
    }
    return e->op == RH_OP_MOVED ? RH_NOTFOUND : RH_OK;
}

static enum rh_rc keep_row(struct rh_session *s, struct rh_arena *a, const struct rh_walk *w,
                           struct rh_entry *row, struct rh_walk_piece *p)
{
    if (w->types && !w->types[row->type])
        return RH_OK;
    enum rh_rc rc = at_moment(s, a, w, row);
    if (!rc && row->time_us >= w->since_us)
        p->rows[p->n++] = *row;
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static size_t range_from(const struct rh_walk_ranges *r, uint64_t at)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->rows[mid].hi <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static enum rh_rc read_piece(struct rh_session *s, struct rh_arena *a, const struct rh_walk *w,
                             struct rh_walk_piece *p)
{
    struct rh_entry rows[STEP];
    uint64_t rks[STEP];
    size_t i = range_from(&w->ranges, p->next), used = rh_arena_used(a);
    enum rh_rc rc = RH_OK;
    for (unsigned seen = 0; !rc && i < w->ranges.n && seen + STEP <= RH_WALK_ROWS;) {
        const struct rh_walk_range *r = &w->ranges.rows[i];
        unsigned n = 0;
        uint64_t lo = p->next > r->lo ? p->next : r->lo;
        rc = rh_store_entries_rk(s->conn, lo, r->hi, STEP, a, rows, rks, &n);
        for (unsigned k = 0; k < n && !rc; k++)
            rc = keep_row(s, a, w, &rows[k], p);
        if (rc)
            break;
        p->next = n == STEP ? rks[n - 1] + 1 : r->hi;
        i += n < STEP;
        seen += n + 1;
        if (rh_arena_used(a) - used > RH_WALK_BYTES)
            break;
    }
    p->end = i == w->ranges.n;
    return rc;
}

enum rh_rc rh_walk_read(struct rh_session *s, struct rh_ctx *ctx, const struct rh_walk *w,
                        uint64_t at, struct rh_walk_piece *ret)
{
    struct rh_walk_piece p = {.next = at};
    p.rows = rh_arena_alloc(ctx->arena, RH_WALK_ROWS * sizeof *p.rows);
    if (!p.rows)
        return RH_NOMEM;
    enum rh_rc rc = rh_store_begin(s->conn);
    if (!rc)
        rc = read_piece(s, ctx->arena, w, &p);
    rh_store_rollback(s->conn);
    if (rc)
        return rh_store_failed(s->conn, ctx->issues, rc, "walking over the resources");
    *ret = p;
    return RH_OK;
}

enum rh_rc rh_walk_version(struct rh_session *s, const struct rh_entry *row, struct rh_arena *a,
                           struct rh_version *ret)
{
    return rh_version_of(s, row, a, ret);
}
