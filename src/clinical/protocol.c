/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol.c - which protocols there are, which version is in force, and one evaluation. */
#include "clinical/protocol.h"

#include "base/datetime.h"
#include "clinical/protocol_int.h"
#include "conformance/validate.h"

/* --- which there are -------------------------------------------------------------------------- */
struct each_protocol {
    struct rh_ctx *c;
    rh_protocol_each *each;
    void *user;
};

static enum rh_rc only_protocols(void *user, const struct rh_definition *d)
{
    struct each_protocol *e = user;
    yyjson_val *plan;
    enum rh_rc rc = rh_definition_body(e->c, d, &plan);
    if (rc)
        return rc;
    return rh_plan_is_protocol(plan) ? e->each(e->user, d) : RH_OK;
}

enum rh_rc rh_protocols_each(struct rh_ctx *c, rh_protocol_each *each, void *user)
{
    struct each_protocol e = {c, each, user};
    return c->world ? rh_world_each(c->world, "PlanDefinition", only_protocols, &e) : RH_OK;
}

/* --- which is in force ------------------------------------------------------------------------ */
struct choice {
    struct rh_ctx *c;
    struct rh_text name, date;
    const struct rh_definition *best[RH_PROTOCOL_SET_MAX]; /* of each url */
    unsigned n;
    bool found;            /* some of this name, in force or not */
    struct rh_buf periods; /* of those that are not */
    bool full;
};

static bool is_called(const struct rh_definition *d, struct rh_text name)
{
    struct rh_text version = name, url;
    if (!name.len) /* what has no name is not meant */
        return false;
    if (rh_text_eq(d->id, name) || rh_text_eq(d->name, name) || rh_text_eq(d->url, name) ||
        rh_text_eq(rh_package_name(d->package), name))
        return true;
    rh_text_split(&version, '|', &url);
    return version.data && rh_text_eq(d->url, url) && rh_text_eq(d->version, version);
}

/* "2026-11-24" lies behind the beginning and before the end, which may be less precise. */
static bool in_force(const struct rh_protocol_about *a, struct rh_text date)
{
    size_t from = a->start.len < date.len ? a->start.len : date.len;
    size_t to = a->end.len < date.len ? a->end.len : date.len;
    return memcmp(date.data, a->start.len ? a->start.data : "", from) >= 0 &&
           memcmp(date.data, a->end.len ? a->end.data : "", to) <= 0;
}

static enum rh_rc choose(void *user, const struct rh_definition *d)
{
    struct choice *k = user;
    yyjson_val *plan;
    if (!is_called(d, k->name))
        return RH_OK;
    enum rh_rc rc = rh_definition_body(k->c, d, &plan);
    if (rc)
        return rc;
    struct rh_protocol_about a = rh_plan_about(plan);
    k->found = true;
    if (rh_text_is(rh_json_get(plan, "status"), "retired"))
        return RH_OK;
    if (!in_force(&a, k->date)) {
        rh_buf_printf(&k->periods, "%s%.*s%s%.*s%s%.*s", k->periods.len ? "; " : "",
                      RH_TEXT_ARG(a.version), a.start.len ? " from " : "", RH_TEXT_ARG(a.start),
                      a.end.len ? " to " : "", RH_TEXT_ARG(a.end));
        return RH_OK;
    }
    unsigned i = 0;
    while (i < k->n && !rh_text_eq(k->best[i]->url, d->url))
        i++;
    if (i == RH_PROTOCOL_SET_MAX)
        k->full = true;
    else if (i == k->n)
        k->best[k->n++] = d;
    else if (rh_version_compare(d->version, k->best[i]->version) >= 0)
        k->best[i] = d;
    return RH_OK;
}

static enum rh_rc add_protocol(struct rh_ctx *c, struct rh_protocol_set *s,
                               const struct rh_definition *d)
{
    const struct rh_protocol *p;
    enum rh_rc rc = rh_protocol_compile(c, d, &p);
    if (rc)
        return rc;
    for (unsigned i = 0; i < s->n_protocols; i++)
        if (s->protocols[i].protocol == p)
            return RH_OK;
    if (s->n_protocols == RH_PROTOCOL_SET_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, NULL, "More than %d protocols at once.",
                            RH_PROTOCOL_SET_MAX);
    s->protocols[s->n_protocols++].protocol = p;
    return RH_OK;
}

static enum rh_rc add_named(struct rh_ctx *c, struct rh_protocol_set *s, struct rh_text name)
{
    struct choice k = {.c = c, .name = name, .date = s->date, .periods = rh_buf(c->arena)};
    enum rh_rc rc = rh_protocols_each(c, choose, &k);
    for (unsigned i = 0; i < k.n && !rc; i++)
        rc = add_protocol(c, s, k.best[i]);
    if (rc)
        return rc;
    if (k.full)
        return rh_issue_add(c->issues, RH_TOOLARGE, NULL, "\"%.*s\" names more than %d protocols.",
                            RH_TEXT_ARG(name), RH_PROTOCOL_SET_MAX);
    if (k.n)
        return RH_OK;
    if (k.found)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL,
                            "No version of the protocol %.*s is in force on %.*s: %.*s.",
                            RH_TEXT_ARG(name), RH_TEXT_ARG(s->date), (int)k.periods.len,
                            k.periods.len ? k.periods.data : "");
    return rh_issue_add(c->issues, RH_NOTFOUND, NULL,
                        "No protocol or pack %.*s is loaded; rihla pack list says what a package "
                        "has.",
                        RH_TEXT_ARG(name));
}

enum rh_rc rh_protocol_set_open(struct rh_ctx *c, struct rh_arena *a, const struct rh_text *names,
                                size_t n, struct rh_text date, const struct rh_protocol_set **ret)
{
    struct rh_protocol_set *s = rh_arena_zero(a, sizeof *s);
    if (!s)
        return RH_NOMEM;
    s->protocols = rh_arena_zero(a, RH_PROTOCOL_SET_MAX * sizeof *s->protocols);
    s->date = rh_text_copy(a, date);
    if (!s->protocols || !s->date.data)
        return RH_NOMEM;
    if (!rh_day_parse(date, &s->date_days))
        return rh_issue_add(c->issues, RH_VALUE, NULL,
                            "The date of the assessment must be a day, as 2026-11-24; not "
                            "\"%.*s\".",
                            RH_TEXT_ARG(rh_text_shown(date, 40)));
    if (!n)
        return rh_issue_add(c->issues, RH_REQUIRED, NULL, "No protocol is named.");
    for (size_t i = 0; i < n; i++) {
        enum rh_rc rc = add_named(c, s, names[i]);
        if (rc)
            return rc;
    }
    *ret = s;
    return rh_set_lay(c, a, s);
}

size_t rh_protocol_set_count(const struct rh_protocol_set *s)
{
    return s->n_protocols;
}

const struct rh_protocol *rh_protocol_set_at(const struct rh_protocol_set *s, size_t i)
{
    return s->protocols[i].protocol;
}

/* --- one evaluation --------------------------------------------------------------------------- */
/* The caller's labels as bits; labels of resources are added while they are read. */
static void read_may_see(struct rh_run *r)
{
    struct rh_protocol_result *k = r->result;
    memcpy(k->labels, r->set->labels, sizeof k->labels);
    k->n_labels = r->set->n_labels;
    r->sees_all = r->in->may_see == NULL;
    r->may_see = r->sees_all ? UINT64_MAX : 0;
    for (size_t i = 0; !r->sees_all && i < r->in->n_may_see; i++) {
        uint64_t bit = rh_label_bit(k->labels, &k->n_labels, r->in->may_see[i]);
        if (bit != (uint64_t)1 << RH_PROTOCOL_LABELS_MAX)
            r->may_see |= bit;
    }
}

static enum rh_rc run(struct rh_run *r)
{
    const struct rh_protocol_set *s = r->set;
    struct rh_protocol_result *k = r->result;
    k->protocols = rh_arena_zero(r->c->arena, (s->n_protocols + 1) * sizeof *k->protocols);
    r->values = rh_arena_zero(r->c->arena, (s->n_slots + 1) * sizeof *r->values);
    if (!k->protocols || !r->values)
        return RH_NOMEM;
    k->values = r->values;
    read_may_see(r);
    enum rh_rc rc = rh_person_read(r);
    if (!rc) {
        rh_birth_dates(r->patient, s->date_days, &k->birth);
        rc = rh_rules_evaluate(r);
    }
    for (unsigned p = 0; p < s->n_protocols && !rc; p++)
        rc = rh_clearance_compute(r, p);
    return rc;
}

enum rh_rc rh_protocol_apply(struct rh_ctx *c, const struct rh_protocol_set *s,
                             const struct rh_protocol_input *in,
                             const struct rh_protocol_result **ret)
{
    static const int64_t day_us = 86400LL * 1000000;
    struct rh_ctx own = *c;
    struct rh_host host = rh_conformance_host(c->host, NULL);
    struct rh_run *r = rh_arena_zero(c->arena, sizeof *r);
    struct rh_protocol_result *k = rh_arena_zero(c->arena, sizeof *k);
    if (!r || !k)
        return RH_NOMEM;
    if (in->n > RH_PROTOCOL_RESOURCES_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, NULL,
                            "The person has more than %d resources to be looked at.",
                            RH_PROTOCOL_RESOURCES_MAX);
    own.host = &host;
    own.now_us = s->date_days * day_us - (int64_t)c->zone_minutes * 60 * 1000000;
    k->set = s;
    *r = (struct rh_run){.c = &own, .set = s, .in = in, .result = k};
    enum rh_rc rc = run(r);
    c->steps = own.steps;
    if (rc == RH_TIMEOUT)
        rh_issue_add(c->issues, rc, NULL, "The rules take too many steps for this person.");
    if (!rc)
        *ret = k;
    return rc;
}
