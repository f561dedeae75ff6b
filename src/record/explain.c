/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain.c - a plan as JSON, for whoever wants to know why a search is slow. */
#include "record/search_int.h"

static const char *const kinds[] = {[RH_POSTING_POINT] = "key",
                                    [RH_POSTING_ARRAY] = "gathered",
                                    [RH_POSTING_UNION] = "any of",
                                    [RH_POSTING_AND] = "all of",
                                    [RH_POSTING_PERSONS] = "persons of",
                                    [RH_POSTING_GATE] = "in the part of",
                                    [RH_POSTING_FILTER] = "decided on main date or body"};

static void write_texts(struct rh_buf *out, const char *name, const struct rh_condition **rows,
                        unsigned n)
{
    if (n == 0)
        return;
    rh_buf_printf(out, ",\"%s\":[", name);
    for (unsigned i = 0; i < n; i++) {
        if (i)
            rh_buf_char(out, ',');
        rh_buf_json(out, rows[i]->text);
    }
    rh_buf_char(out, ']');
}

static void write_posting(const struct rh_posting *p, struct rh_buf *out);

static void write_list(struct rh_buf *out, const char *name, struct rh_posting **rows, unsigned n)
{
    if (n == 0)
        return;
    rh_buf_printf(out, ",\"%s\":[", name);
    for (unsigned i = 0; i < n; i++) {
        if (i)
            rh_buf_char(out, ',');
        write_posting(rows[i], out);
    }
    rh_buf_char(out, ']');
}

static void write_posting(const struct rh_posting *p, struct rh_buf *out)
{
    rh_buf_printf(out, "{\"kind\":\"%s\"", kinds[p->kind]);
    if (p->condition && p->condition->text.len) {
        rh_buf_str(out, ",\"condition\":");
        rh_buf_json(out, p->condition->text);
    }
    if (p->estimate != UINT64_MAX)
        rh_buf_printf(out, ",\"estimate\":%llu", (unsigned long long)p->estimate);
    write_texts(out, "byDate", p->dates, p->n_dates);
    write_texts(out, "byBody", p->tests, p->n_tests);
    write_list(out, "of", p->children, p->n_children);
    write_list(out, "without", p->minus, p->n_minus);
    rh_buf_char(out, '}');
}

void rh_explain_plan(const struct rh_plan *plan, struct rh_buf *out)
{
    if (plan->posting) {
        write_posting(plan->posting, out);
        return;
    }
    rh_buf_str(out, "{\"kind\":\"keys in order\",\"condition\":");
    rh_buf_json(out, plan->ranged->text);
    rh_buf_char(out, '}');
}
