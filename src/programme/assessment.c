/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/assessment.h"

#include "base/datetime.h"
#include "record/everything.h"
#include "search/query.h"

#include <stdio.h>

enum { TYPES_MAX = 200, GROUPS_MAX = 20, TASKS_MAX = 1000 };

struct collect {
    struct rh_session *s;
    struct rh_ctx *c;
    const struct rh_caller *caller;
    struct rh_assessment *a;
    size_t cap;
    uint16_t types[TYPES_MAX];
    unsigned n_types;
};

/* --- which types are read ----------------------------------------------------------------------
 */

static void add_type(struct collect *k, struct rh_text name)
{
    uint16_t type = (uint16_t)rh_resource_number(name);
    for (unsigned i = 0; i < k->n_types; i++)
        if (k->types[i] == type)
            return;
    if (type && k->n_types < TYPES_MAX)
        k->types[k->n_types++] = type;
}

/* Those of the facts of a protocol, so that a long record of other things costs nothing. */
static enum rh_rc add_types_of(struct collect *k, yyjson_val *plan)
{
    size_t i, max, j, many;
    yyjson_val *canonical, *need, *library;
    yyjson_arr_foreach (yyjson_obj_get(plan, "library"), i, max, canonical) {
        const struct rh_definition *d =
            rh_world_find(k->c->world, "Library", rh_json_text(canonical));
        enum rh_rc rc = d ? rh_definition_body(k->c, d, &library) : RH_NOTFOUND;
        if (rc)
            return rc;
        yyjson_arr_foreach (yyjson_obj_get(library, "dataRequirement"), j, many, need)
            add_type(k, rh_json_get(need, "type"));
    }
    return RH_OK;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static enum rh_rc add_row(struct collect *k, const struct rh_version *v)
{
    struct rh_assessment *a = k->a;
    yyjson_doc *doc;
    if (a->n_resources == RH_PROTOCOL_RESOURCES_MAX)
        return rh_issue_add(k->c->issues, RH_TOOLARGE, NULL,
                            "The record of Patient/%.*s has more than %d resources that the "
                            "protocols may read.",
                            RH_TEXT_ARG(a->patient), RH_PROTOCOL_RESOURCES_MAX);
    if (a->n_resources == k->cap) {
        size_t tags = k->cap;
        void *more = rh_arena_grow(k->c->arena, a->resources, &k->cap, a->n_resources + 1,
                                   sizeof *a->resources);
        void *more_tags =
            rh_arena_grow(k->c->arena, a->tags, &tags, a->n_resources + 1, sizeof *a->tags);
        if (!more || !more_tags)
            return RH_NOMEM;
        a->resources = more;
        a->tags = more_tags;
        k->cap = tags < k->cap ? tags : k->cap;
    }
    enum rh_rc rc = rh_json_parse(k->c->arena, k->c->issues, v->body, &doc);
    if (rc)
        return rc;
    rh_version_id(v->origin, v->seq, a->tags[a->n_resources].text);
    a->resources[a->n_resources++] = yyjson_doc_get_root(doc);
    return RH_OK;
}

static enum rh_rc read_person(struct collect *k, struct rh_text id, const uint16_t *types,
                              unsigned n_types)
{
    struct rh_everything_request r = {.type = rh_resource_number(RH_TEXT("Patient")),
                                      .id = id,
                                      .from_us = INT64_MIN,
                                      .to_us = INT64_MAX,
                                      .since_us = INT64_MIN,
                                      .types = types,
                                      .n_types = n_types};
    struct rh_version rows[RH_EVERYTHING_ROWS];
    bool included[RH_EVERYTHING_ROWS];
    struct rh_everything *e;
    unsigned n = 1;
    enum rh_rc rc = rh_everything_open(k->s, k->c, k->caller, &r, &e);
    if (rc)
        return rc;
    while (!rc && n) {
        rc = rh_everything_next(k->s, e, rows, included, RH_EVERYTHING_ROWS, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            rc = add_row(k, &rows[i]);
    }
    rh_everything_close(e);
    return rc;
}

static bool is_household(yyjson_val *group)
{
    size_t i, max;
    yyjson_val *coding;
    yyjson_arr_foreach (yyjson_obj_get(yyjson_obj_get(group, "code"), "coding"), i, max, coding)
        if (rh_text_is(rh_json_get(coding, "code"), "household"))
            return true;
    return false;
}

/* The Flags of the others. One who is gone, or whom another site has not sent yet, is no reason to
 * stop; one who cannot be read is, without a name. */
static enum rh_rc read_members(struct collect *k, yyjson_val *group, unsigned *members)
{
    uint16_t flag = (uint16_t)rh_resource_number(RH_TEXT("Flag"));
    size_t i, max;
    yyjson_val *m;
    yyjson_arr_foreach (yyjson_obj_get(group, "member"), i, max, m) {
        struct rh_text ref = rh_json_get(yyjson_obj_get(m, "entity"), "reference"), id = ref;
        if (!rh_text_starts(ref, "Patient/") || yyjson_is_true(yyjson_obj_get(m, "inactive")))
            continue;
        id.data += 8;
        id.len -= 8;
        if (rh_text_eq(id, k->a->patient))
            continue;
        if (++*members > RH_ASSESSMENT_HOUSEHOLD_MAX)
            return rh_issue_add(k->c->issues, RH_TOOLARGE, NULL,
                                "The household of Patient/%.*s has more than %d members.",
                                RH_TEXT_ARG(k->a->patient), RH_ASSESSMENT_HOUSEHOLD_MAX);
        struct rh_issues quiet, *kept = k->c->issues;
        rh_issues_init(&quiet, k->c->arena);
        k->c->issues = &quiet;
        enum rh_rc rc = read_person(k, id, &flag, 1);
        k->c->issues = kept;
        if (rc && rc != RH_NOTFOUND && rc != RH_GONE)
            return rh_issue_add(k->c->issues, rc, NULL,
                                "A member of the household of Patient/%.*s cannot be read.",
                                RH_TEXT_ARG(k->a->patient));
    }
    return RH_OK;
}

/* One page of a search for resources that name the person. */
static enum rh_rc search(struct collect *k, const char *type, const char *query,
                         struct rh_page *page)
{
    struct rh_buf b = rh_buf(k->c->arena);
    rh_buf_str(&b, query);
    rh_buf_percent(&b, k->a->patient);
    struct rh_search_request r = {.type = rh_resource_number(rh_text(type)),
                                  .query = rh_buf_get(&b)};
    struct rh_query *parsed = rh_arena_zero(k->c->arena, sizeof *parsed);
    if (b.rc || !parsed)
        return RH_NOMEM;
    enum rh_rc rc = rh_record_search(k->s, k->c, k->caller, &r, page, parsed);
    if (!rc && page->next.len) /* what is left out would be taken for what is not there */
        rc = rh_issue_add(k->c->issues, RH_TOOLARGE, NULL,
                          "Patient/%.*s has more than %u resources of type %s that an assessment "
                          "reads.",
                          RH_TEXT_ARG(k->a->patient), page->n, type);
    return rc;
}

/* FHIR's compartment of a Patient has no Tasks. */
static enum rh_rc read_tasks(struct collect *k)
{
    struct rh_page page = {0};
    char query[64];
    snprintf(query, sizeof query, "_count=%d&patient=Patient/", TASKS_MAX);
    enum rh_rc rc = search(k, "Task", query, &page);
    for (unsigned i = 0; i < page.n && !rc; i++)
        rc = add_row(k, &page.rows[i]);
    return rc;
}

static enum rh_rc read_household(struct collect *k)
{
    struct rh_page page = {0};
    unsigned members = 0;
    char query[80];
    snprintf(query, sizeof query, "type=person&code=household&_count=%d&member=Patient/",
             GROUPS_MAX);
    enum rh_rc rc = search(k, "Group", query, &page);
    for (unsigned i = 0; i < page.n && !rc; i++) {
        size_t before = k->a->n_resources;
        rc = add_row(k, &page.rows[i]);
        if (rc)
            break;
        yyjson_val *group = k->a->resources[before];
        if (is_household(group))
            rc = read_members(k, group, &members);
        else
            k->a->n_resources = before;
    }
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static enum rh_rc set_date(struct rh_ctx *c, struct rh_assessment *a)
{
    char now[RH_INSTANT_SIZE];
    if (a->date.len)
        return RH_OK;
    rh_instant_print(c->now_us + (int64_t)c->zone_minutes * 60 * 1000000, now);
    a->date = rh_text_copy(c->arena, (struct rh_text){now, sizeof "2026-11-24" - 1});
    return a->date.data ? RH_OK : RH_NOMEM;
}

enum rh_rc rh_assessment_run(struct rh_session *s, struct rh_ctx *c, const struct rh_caller *caller,
                             struct rh_assessment *a)
{
    struct collect k = {.s = s, .c = c, .caller = caller, .a = a};
    struct rh_buf subject = rh_buf(c->arena);
    a->resources = NULL;
    a->tags = NULL;
    a->n_resources = 0;
    enum rh_rc rc = set_date(c, a);
    if (!rc)
        rc = rh_protocol_set_open(c, c->arena, a->protocols, a->n_protocols, a->date, &a->set);
    static const char *const always[] = {"Patient", "Flag"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        add_type(&k, rh_text(always[i]));
    for (size_t i = 0; !rc && i < rh_protocol_set_count(a->set); i++)
        rc = add_types_of(&k, rh_protocol_about(rh_protocol_set_at(a->set, i)).plan);
    if (!rc)
        rc = read_person(&k, a->patient, k.types, k.n_types);
    if (!rc)
        rc = read_tasks(&k);
    if (!rc)
        rc = read_household(&k);
    rh_buf_str(&subject, "Patient/");
    rh_buf_text(&subject, a->patient);
    if (rc || subject.rc)
        return rc ? rc : subject.rc;
    struct rh_protocol_input in = {.resources = a->resources,
                                   .n = a->n_resources,
                                   .subject = rh_buf_get(&subject),
                                   .may_see = a->may_see,
                                   .n_may_see = a->n_may_see};
    return rh_protocol_apply(c, a->set, &in, &a->result);
}
