/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_chain.c - chains (subject:Patient.organization.name=…) and _has.
 *
 * A chain without a type follows every type that the reference may point to and that has the next
 * parameter: an OR. R4, search, "chained parameters" and "reverse chaining".
 */
#include "search/query_int.h"

#include "fhir/suggest.h"

static enum rh_rc deeper(struct rh_reading *r)
{
    if (++r->depth <= RH_QUERY_DEPTH_MAX)
        return RH_OK;
    return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                        "\"%.*s\" goes over too many references; at most %d are followed",
                        RH_TEXT_ARG(rh_text_shown(r->name, RH_QUERY_SHOWN)), RH_QUERY_DEPTH_MAX);
}

static enum rh_rc no_type(struct rh_reading *r, struct rh_text name)
{
    const struct rh_type *near = rh_suggest_resource(name);
    return rh_query_refuse(r, "%.*s: FHIR R4 has no resource type \"%.*s\"%s%s%s",
                           RH_TEXT_ARG(r->name), RH_TEXT_ARG(name), near ? "; did you mean \"" : "",
                           near ? near->name : "", near ? "\"?" : "");
}

static bool may_point(const struct rh_parameter *p, unsigned type)
{
    if (p->part_target)
        return p->part_target == type;
    for (unsigned i = 0; i < p->n_targets; i++)
        if (p->targets[i] == type)
            return true;
    return p->n_targets == 0;
}

/* A reference parameter of the type that is ready to be followed. */
static enum rh_rc find_reference(struct rh_reading *r, unsigned type, struct rh_text code,
                                 const struct rh_parameter **ret)
{
    const struct rh_parameter *p = rh_parameter_find(r->ctx->parameters, type, code);
    if (!p) {
        r->depth++;
        enum rh_rc rc = rh_query_unknown(r, type, code);
        r->depth--;
        return rc;
    }
    if (p->kind != RH_SP_REFERENCE)
        return rh_query_refuse(r,
                               "%.*s: \"%s\" of %s is no reference, so it cannot be followed to "
                               "another resource",
                               RH_TEXT_ARG(r->name), p->name, rh_query_type_name(type));
    if (!p->complete)
        return rh_issue_add(r->ctx->issues, RH_BUSY, NULL,
                            "%.*s: the parameter \"%s\" is being indexed; please try again later",
                            RH_TEXT_ARG(r->name), p->name);
    *ret = p;
    return RH_OK;
}

/* Inner conditions never look into contained resources. */
static enum rh_rc inner_condition(struct rh_reading *r, unsigned type, struct rh_text name,
                                  struct rh_text value, struct rh_condition **ret)
{
    enum rh_contained contained = r->contained;
    struct rh_condition *c = rh_arena_alloc(r->ctx->arena, sizeof *c);
    if (!c)
        return RH_NOMEM;
    r->contained = RH_CONTAINED_FALSE;
    enum rh_rc rc = rh_query_condition(r, type, name, value, c);
    r->contained = contained;
    *ret = c;
    return rc;
}

/* --- chains ------------------------------------------------------------------------------------
 */

/* "name" of "name:exact", "organization" of "organization:Organization.name". */
static struct rh_text first_code(struct rh_text rest)
{
    size_t n = 0;
    while (n < rest.len && rest.data[n] != '.' && rest.data[n] != ':')
        n++;
    return (struct rh_text){rest.data, n};
}

static bool has_parameter(struct rh_reading *r, unsigned type, struct rh_text code)
{
    return rh_text_is(code, "_has") || rh_text_is(code, "_list") ||
           rh_parameter_find(r->ctx->parameters, type, code) != NULL;
}

/* The same condition on contained resources. What it cannot say is decided on bodies. */
static enum rh_rc inside(struct rh_reading *r, unsigned type, unsigned target, struct rh_text name,
                         struct rh_text value, const struct rh_condition **ret)
{
    struct rh_reading inner = *r;
    struct rh_issues told, *issues = r->ctx->issues;
    struct rh_condition *c = rh_arena_alloc(r->ctx->arena, sizeof *c);
    *ret = NULL;
    if (!c)
        return RH_NOMEM;
    if (memchr(name.data, '.', name.len) || rh_text_starts(name, "_has") ||
        type == rh_resource_number(RH_TEXT("Bundle"))) /* entries have no keys of their own */
        return RH_OK;
    rh_issues_init(&told, r->ctx->arena);
    r->ctx->issues = &told;
    inner.contained = RH_CONTAINED_TRUE;
    inner.made = 0;
    enum rh_rc rc = rh_query_condition(&inner, target, name, value, c);
    r->ctx->issues = issues;
    if (rc == RH_OK && rh_condition_keyed(c))
        *ret = c;
    return rc == RH_NOMEM ? rc : RH_OK;
}

static enum rh_rc follow(struct rh_reading *r, unsigned type, const struct rh_parameter *p,
                         unsigned target, struct rh_text rest, struct rh_text value,
                         struct rh_condition *ret)
{
    struct rh_condition *inner;
    const struct rh_condition *contained = NULL;
    enum rh_rc rc = rh_query_count(r);
    if (rc == RH_OK)
        rc = inner_condition(r, target, rest, value, &inner);
    if (rc == RH_OK)
        rc = inside(r, type, target, rest, value, &contained);
    if (rc)
        return rc;
    *ret = (struct rh_condition){.kind = RH_COND_CHAIN,
                                 .type = type,
                                 .parameter = p,
                                 .inner_type = target,
                                 .inside = contained,
                                 .children = inner,
                                 .n_children = 1};
    return RH_OK;
}

static enum rh_rc no_target(struct rh_reading *r, const struct rh_parameter *p, struct rh_text code)
{
    return rh_query_refuse(r,
                           "%.*s: none of the types that \"%s\" may refer to has a search "
                           "parameter \"%.*s\"",
                           RH_TEXT_ARG(r->name), p->name, RH_TEXT_ARG(code));
}

static enum rh_rc follow_all(struct rh_reading *r, unsigned type, const struct rh_parameter *p,
                             struct rh_text rest, struct rh_text value, struct rh_condition *ret)
{
    struct rh_condition rows[RH_QUERY_FAN_MAX];
    unsigned targets[RH_QUERY_FAN_MAX], n = 0;
    struct rh_text code = first_code(rest);
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        if (!may_point(p, t) || !has_parameter(r, t, code))
            continue;
        if (n == RH_QUERY_FAN_MAX)
            return rh_query_refuse(
                r,
                "%.*s: \"%s\" may refer to more than %d types that have \"%.*s\"; "
                "name one, as in %s:%s.%.*s",
                RH_TEXT_ARG(r->name), p->name, RH_QUERY_FAN_MAX, RH_TEXT_ARG(code), p->name,
                rh_resource_type(targets[0])->name, RH_TEXT_ARG(rest));
        targets[n++] = t;
    }
    if (n == 0)
        return no_target(r, p, code);
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = follow(r, type, p, targets[i], rest, value, &rows[i]);
        if (rc)
            return rc;
    }
    return rh_query_group(r, RH_COND_OR, rows, n, ret);
}

enum rh_rc rh_query_chain(struct rh_reading *r, unsigned type, struct rh_text name,
                          struct rh_text value, struct rh_condition *ret)
{
    const struct rh_parameter *p = NULL;
    struct rh_text rest = name, link, code;
    rh_text_split(&rest, '.', &link);
    rh_text_split(&link, ':', &code);
    if (!rest.len)
        return rh_query_refuse(r, "%.*s: a parameter of the resource referred to must follow \".\"",
                               RH_TEXT_ARG(r->name));
    enum rh_rc rc = find_reference(r, type, code, &p);
    if (rc)
        return rc;
    unsigned target = link.data ? rh_resource_number(link) : 0, depth = r->depth;
    if (link.data && !target)
        return no_type(r, link);
    if (target && !may_point(p, target))
        return rh_query_refuse(r, "%.*s: \"%s\" of %s never refers to %.*s", RH_TEXT_ARG(r->name),
                               p->name, rh_query_type_name(type), RH_TEXT_ARG(link));
    rc = deeper(r);
    if (rc == RH_OK)
        rc = target ? follow(r, type, p, target, rest, value, ret)
                    : follow_all(r, type, p, rest, value, ret);
    r->depth = depth;
    return rc;
}

/* --- _has --------------------------------------------------------------------------------------
 */

static enum rh_rc bad_has(struct rh_reading *r)
{
    return rh_query_refuse(r,
                           "\"%.*s\" is not of the form _has:[Type]:[reference to this]:[parameter "
                           "of Type], such as _has:Observation:patient:code",
                           RH_TEXT_ARG(rh_text_shown(r->name, RH_QUERY_SHOWN)));
}

enum rh_rc rh_query_has(struct rh_reading *r, unsigned type, struct rh_text name,
                        struct rh_text value, struct rh_condition *ret)
{
    const struct rh_parameter *p = NULL;
    struct rh_text rest = name, has, inner_name, code;
    struct rh_condition *inner;
    unsigned depth = r->depth;
    rh_text_split(&rest, ':', &has);
    if (!rest.data || !rh_text_split(&rest, ':', &inner_name) || !rest.data ||
        !rh_text_split(&rest, ':', &code) || !rest.len)
        return bad_has(r);
    if (type == 0)
        return rh_query_refuse(r, "%.*s: name a type to search in, as in Patient?%.*s=…",
                               RH_TEXT_ARG(r->name), RH_TEXT_ARG(name));
    unsigned inner_type = rh_resource_number(inner_name);
    if (!inner_type)
        return no_type(r, inner_name);
    enum rh_rc rc = find_reference(r, inner_type, code, &p);
    if (rc)
        return rc;
    if (!may_point(p, type))
        return rh_query_refuse(r, "%.*s: \"%s\" of %.*s never refers to %s", RH_TEXT_ARG(r->name),
                               p->name, RH_TEXT_ARG(inner_name), rh_query_type_name(type));
    rc = deeper(r);
    if (rc == RH_OK)
        rc = rh_query_count(r);
    if (rc == RH_OK)
        rc = inner_condition(r, inner_type, rest, value, &inner);
    r->depth = depth;
    if (rc)
        return rc;
    *ret = (struct rh_condition){.kind = RH_COND_HAS,
                                 .type = type,
                                 .parameter = p,
                                 .inner_type = inner_type,
                                 .children = inner,
                                 .n_children = 1};
    return RH_OK;
}
