/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_value.c - values between commas, and the ranges and probes that a condition is made of.
 */
#include "search/extract_int.h"
#include "search/query_int.h"

/* --- values ------------------------------------------------------------------------------------
 */

bool rh_value_split(struct rh_text *rest, char c, struct rh_text *ret)
{
    if (!rest->data)
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->data[i] == '\\' && i + 1 < rest->len) {
            i++;
        } else if (rest->data[i] == c) {
            *ret = (struct rh_text){rest->data, i};
            rest->data += i + 1;
            rest->len -= i + 1;
            return true;
        }
    }
    *ret = *rest;
    *rest = (struct rh_text){NULL, 0};
    return true;
}

struct rh_text rh_value_plain(struct rh_ctx *ctx, struct rh_text value)
{
    char *p = rh_arena_copy(ctx->arena, value.data ? value.data : "", value.len);
    size_t n = 0;
    for (size_t i = 0; p && i < value.len; i++) {
        if (p[i] == '\\' && i + 1 < value.len && strchr(",|$\\", p[i + 1]))
            i++;
        p[n++] = p[i];
    }
    if (p)
        p[n] = 0;
    return (struct rh_text){p, n};
}

/* Only \, | $ and the backslash itself stand behind a backslash. */
static bool escapes_well(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] == '\\' && (++i == t.len || !strchr(",|$\\", t.data[i])))
            return false;
    return true;
}

enum rh_rc rh_query_split(struct rh_reading *r, struct rh_text text)
{
    size_t count = 1;
    struct rh_text rest = text.data ? text : (struct rh_text){"", 0}, value;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == ',';
    r->values = rh_arena_alloc(r->ctx->arena, count * sizeof *r->values);
    r->n = 0;
    if (!r->values)
        return RH_NOMEM;
    if (!escapes_well(text))
        return rh_query_refuse(r,
                               "%.*s: \"%.*s\" has a backslash alone; \\, \\| \\$ and \\\\ mean "
                               "the characters behind it",
                               RH_TEXT_ARG(r->name),
                               RH_TEXT_ARG(rh_text_shown(text, RH_QUERY_SHOWN)));
    while (rh_value_split(&rest, ',', &value)) {
        if (!value.len)
            return rh_query_refuse(r, "%.*s has %s", RH_TEXT_ARG(r->name),
                                   text.len ? "an empty value between its commas" : "no value");
        r->values[r->n++] = value;
    }
    if (r->n > RH_QUERY_VALUES_MAX)
        return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                            "%.*s has %u values; at most %d are taken at once",
                            RH_TEXT_ARG(r->name), r->n, RH_QUERY_VALUES_MAX);
    return RH_OK;
}

bool rh_value_prefix(struct rh_text *t, enum rh_prefix *ret)
{
    static const char names[RH_PREFIXES][3] = {"eq", "ne", "gt", "lt", "ge",
                                               "le", "sa", "eb", "ap"};
    *ret = RH_EQ;
    if (t->len == 0 || t->data[0] < 'a' || t->data[0] > 'z')
        return true;
    for (unsigned i = 0; t->len >= 2 && i < RH_PREFIXES; i++)
        if (memcmp(t->data, names[i], 2) == 0) {
            *ret = (enum rh_prefix)i;
            t->data += 2;
            t->len -= 2;
            return true;
        }
    return false;
}

/* --- making ------------------------------------------------------------------------------------
 */

struct rh_text rh_make_behind(struct rh_arena *a, struct rh_text t)
{
    unsigned char *p = rh_arena_copy(a, t.data ? t.data : "", t.len);
    size_t n = t.len;
    while (p && n > 0 && p[n - 1] == 0xFF)
        n--;
    if (!p || n == 0)
        return (struct rh_text){NULL, 0};
    p[n - 1]++;
    return (struct rh_text){(const char *)p, n};
}

bool rh_text_begins(struct rh_text t, struct rh_text start)
{
    return t.len >= start.len && (start.len == 0 || memcmp(t.data, start.data, start.len) == 0);
}

static bool add_number(struct rh_leaf *leaf, unsigned number)
{
    if (leaf->n_numbers == RH_QUERY_PARTS_MAX)
        return false;
    leaf->numbers[leaf->n_numbers++] = (uint16_t)number;
    return true;
}

enum rh_rc rh_make_open(struct rh_making *m, struct rh_reading *r)
{
    const struct rh_parameter *p = r->parameter;
    *m = (struct rh_making){.r = r, .leaf = rh_arena_zero(r->ctx->arena, sizeof *m->leaf)};
    if (!m->leaf)
        return RH_NOMEM;
    for (unsigned i = 0; i < (p->n_parts ? p->n_parts : 1u); i++) {
        unsigned number = p->n_parts ? p->parts[i]->number : p->number;
        bool fits = true;
        if (r->contained != RH_CONTAINED_TRUE)
            fits = add_number(m->leaf, number);
        if (r->contained != RH_CONTAINED_FALSE)
            fits = fits && add_number(m->leaf, number | RH_PARAM_CONTAINED);
        if (!fits)
            return rh_query_too_large(r);
    }
    return RH_OK;
}

static struct rh_text behind_base(struct rh_making *m, struct rh_text t, bool *none)
{
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    *none = t.data == NULL;
    if (m->base.len == 0 || *none)
        return t;
    rh_buf_text(&b, m->base);
    rh_buf_text(&b, t);
    if (b.rc)
        m->rc = b.rc;
    return rh_buf_get(&b);
}

void rh_make_range(struct rh_making *m, unsigned number, bool point, struct rh_text lo,
                   struct rh_text hi)
{
    bool open = false;
    struct rh_range row = {
        .type = (uint16_t)m->r->type, .number = (uint16_t)number, .point = point};
    if (m->rc)
        return;
    if (m->n == RH_QUERY_RANGES_MAX) {
        m->rc = RH_TOOLARGE;
        return;
    }
    row.lo = behind_base(m, lo.data ? lo : (struct rh_text){"", 0}, &open);
    if (!point) {
        row.hi = behind_base(m, hi, &open);
        if (open && m->base.len)
            row.hi = rh_make_behind(m->r->ctx->arena, m->base);
        if (row.hi.len > RH_KEY_CUT) {
            row.hi = rh_make_behind(m->r->ctx->arena, (struct rh_text){row.hi.data, RH_KEY_CUT});
            m->unproven = true;
        }
    }
    if (row.lo.len > RH_KEY_CUT || (point && row.lo.len == RH_KEY_CUT)) {
        row.lo.len = RH_KEY_CUT;
        m->unproven = true;
    }
    if (m->n == m->cap) {
        void *rows =
            rh_arena_grow(m->r->ctx->arena, m->ranges, &m->cap, 2 * m->n + 4, sizeof *m->ranges);
        if (!rows) {
            m->rc = RH_NOMEM;
            return;
        }
        m->ranges = rows;
    }
    m->ranges[m->n++] = row;
}

void rh_make_ranges(struct rh_making *m, bool point, struct rh_text lo, struct rh_text hi)
{
    for (unsigned i = 0; i < m->leaf->n_numbers; i++)
        rh_make_range(m, m->leaf->numbers[i], point, lo, hi);
}

void rh_make_probe(struct rh_making *m, const struct rh_probe *p)
{
    struct rh_leaf *l = m->leaf;
    if (m->rc || m->ranges_only)
        return;
    if (l->n == m->cap_probes) {
        void *rows = rh_arena_grow(m->r->ctx->arena, l->probes, &m->cap_probes, 2 * l->n + 2,
                                   sizeof *l->probes);
        if (!rows) {
            m->rc = RH_NOMEM;
            return;
        }
        l->probes = rows;
    }
    l->probes[l->n++] = *p;
}

void rh_make_between(struct rh_making *m, struct rh_text lo, struct rh_text hi)
{
    rh_make_ranges(m, false, lo, hi);
    rh_make_probe(m, &(struct rh_probe){.kind = RH_PROBE_RANGE, .lo = lo, .hi = hi});
}

void rh_make_point(struct rh_making *m, struct rh_text key)
{
    rh_make_ranges(m, true, key, (struct rh_text){NULL, 0});
    rh_make_probe(m, &(struct rh_probe){.kind = RH_PROBE_RANGE, .point = true, .lo = key});
}

void rh_make_starting(struct rh_making *m, struct rh_text start)
{
    rh_make_between(m, start, rh_make_behind(m->r->ctx->arena, start));
}

void rh_make_buf(struct rh_making *m, const struct rh_buf *b, bool whole)
{
    if (b->rc)
        m->rc = b->rc;
    else if (whole)
        rh_make_point(m, rh_buf_get(b));
    else
        rh_make_starting(m, rh_buf_get(b));
}

enum rh_rc rh_make_close(struct rh_making *m, struct rh_condition *ret)
{
    if (m->rc == RH_TOOLARGE)
        return rh_query_too_large(m->r);
    if (m->rc)
        return m->rc;
    enum rh_rc rc = rh_query_count(m->r);
    if (rc)
        return rc;
    *ret = (struct rh_condition){
        .kind = RH_COND_KEYS,
        .type = m->r->type,
        .parameter = m->r->parameter,
        .proven = !m->unproven && m->leaf->body == RH_BODY_NONE,
        .contained = m->r->contained != RH_CONTAINED_FALSE,
        .ranges = m->ranges,
        .n_ranges = (unsigned)m->n,
        .test = m->leaf,
    };
    return RH_OK;
}

enum rh_rc rh_make_values(struct rh_making *m)
{
    struct rh_ctx *ctx = m->r->ctx;
    const struct rh_parameter *p = m->r->parameter;
    unsigned n = p->n_parts ? p->n_parts : 1u;
    m->leaf->values = rh_arena_alloc(ctx->arena, n * sizeof *m->leaf->values);
    if (!m->leaf->values)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        const struct rh_parameter *part = p->n_parts ? p->parts[i] : p;
        struct rh_fp *e;
        enum rh_rc rc = rh_extract_compile(ctx, ctx->arena, rh_text(part->expression), &e);
        if (rc)
            return rc == RH_NOMEM ? rc : RH_INTERNAL;
        m->leaf->values[m->leaf->n_values++] = e;
    }
    return RH_OK;
}

/* --- walks over what is stored -----------------------------------------------------------------
 */

enum rh_rc rh_query_walk(struct rh_reading *r, unsigned number, struct rh_text start,
                         struct rh_text from, struct rh_text *ret)
{
    if (!r->host->next_key || r->type == 0)
        return RH_UNSUPPORTED;
    r->query->walked = true;
    if (from.len > RH_KEY_CUT)
        from = rh_make_behind(r->ctx->arena, (struct rh_text){from.data, RH_KEY_CUT});
    if (!from.data)
        return RH_NOTFOUND;
    enum rh_rc rc = r->host->next_key(r->host->user, r->ctx, r->type, number, from, ret);
    return rc == RH_OK && !rh_text_begins(*ret, start) ? RH_NOTFOUND : rc;
}
