/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_include.c - _include and _revinclude: Type:parameter[:Target], Type:*, *, with :iterate.
 */
#include "search/query_int.h"

#include "fhir/suggest.h"

static enum rh_rc bad_type(struct rh_reading *r, struct rh_text name)
{
    const struct rh_type *near = rh_suggest_resource(name);
    return rh_query_refuse(r,
                           "%.*s: FHIR R4 has no resource type \"%.*s\"%s%s%s; forms are "
                           "Type:parameter, Type:parameter:Target, Type:* and *",
                           RH_TEXT_ARG(r->name), RH_TEXT_ARG(rh_text_shown(name, RH_QUERY_SHOWN)),
                           near ? "; did you mean \"" : "", near ? near->name : "",
                           near ? "\"?" : "");
}

static bool points_to(const struct rh_parameter *p, unsigned type)
{
    if (p->part_target)
        return p->part_target == type;
    for (unsigned i = 0; i < p->n_targets; i++)
        if (p->targets[i] == type)
            return true;
    return p->n_targets == 0;
}

static enum rh_rc no_reference(struct rh_reading *r, unsigned type, struct rh_text code)
{
    const struct rh_parameter *rows[200];
    unsigned n = rh_parameters_of(r->ctx->parameters, type, rows, 200), slips = RH_SUGGEST_FAR;
    struct rh_buf b = rh_buf(r->ctx->arena);
    const char *near = NULL;
    for (unsigned i = 0; i < n && i < 200; i++)
        if (rows[i]->kind == RH_SP_REFERENCE) {
            if (rh_suggest_nearer(code, rows[i]->name, &slips))
                near = rows[i]->name;
            rh_buf_printf(&b, "%s%s", b.len ? ", " : "", rows[i]->name);
        }
    return rh_query_refuse(r, "%.*s: %s has no reference parameter \"%.*s\"%s%s%s Valid: %.*s",
                           RH_TEXT_ARG(r->name), rh_query_type_name(type),
                           RH_TEXT_ARG(rh_text_shown(code, RH_QUERY_SHOWN)),
                           near ? "; did you mean \"" : ".", near ? near : "", near ? "\"?" : "",
                           RH_TEXT_ARG(rh_buf_get(&b)));
}

static enum rh_rc read_one(struct rh_reading *r, struct rh_text value, struct rh_include *ret)
{
    struct rh_text rest = value, source, code = {NULL, 0}, target;
    rh_text_split(&rest, ':', &source);
    if (rh_text_is(source, "*") && !rest.data)
        return RH_OK;
    ret->source = rh_resource_number(source);
    if (!ret->source)
        return bad_type(r, source);
    if (!rest.data || !rh_text_split(&rest, ':', &code) || !code.len)
        return rh_query_refuse(r, "%.*s: a parameter must follow \"%.*s:\", or \"*\" for all",
                               RH_TEXT_ARG(r->name), RH_TEXT_ARG(source));
    if (!rh_text_is(code, "*")) {
        ret->parameter = rh_parameter_find(r->ctx->parameters, ret->source, code);
        if (!ret->parameter || ret->parameter->kind != RH_SP_REFERENCE)
            return no_reference(r, ret->source, code);
    }
    target = rest;
    if (target.data) {
        ret->target = rh_resource_number(target);
        if (!ret->target)
            return bad_type(r, target);
    }
    unsigned to = ret->target ? ret->target : ret->reverse && !ret->iterate ? r->query->type : 0;
    if (to && ret->parameter && !points_to(ret->parameter, to))
        return rh_query_refuse(r, "%.*s: \"%s\" of %.*s never refers to %s", RH_TEXT_ARG(r->name),
                               ret->parameter->name, RH_TEXT_ARG(source), rh_query_type_name(to));
    if (ret->reverse && ret->target && !ret->iterate && r->query->type &&
        ret->target != r->query->type)
        return rh_query_refuse(r,
                               "%.*s: this search finds %s, so nothing is asked that refers to %s; "
                               "leave the target out",
                               RH_TEXT_ARG(r->name), rh_query_type_name(r->query->type),
                               rh_query_type_name(ret->target));
    return RH_OK;
}

enum rh_rc rh_query_include(struct rh_reading *r, struct rh_text value)
{
    struct rh_query *q = r->query;
    struct rh_text rest = r->name, name;
    rh_text_split(&rest, ':', &name);
    struct rh_include row = {.reverse = rh_text_is(name, "_revinclude"),
                             .iterate = rh_text_is(rest, "iterate")};
    if (rh_text_is(rest, "recurse"))
        return rh_query_refuse(r,
                               "%.*s: \":recurse\" is of FHIR STU3; in R4 it is called "
                               "\":iterate\"",
                               RH_TEXT_ARG(r->name));
    if (rest.data && !row.iterate)
        return rh_query_refuse(r, "%.*s: the only modifier of %.*s is \":iterate\"",
                               RH_TEXT_ARG(r->name), RH_TEXT_ARG(name));
    enum rh_rc rc = rh_query_split(r, value);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_include one = row;
        rc = read_one(r, r->values[i], &one);
        if (rc == RH_OK && q->n_includes == RH_QUERY_INCLUDES_MAX)
            return rh_issue_add(r->ctx->issues, RH_TOOLARGE, NULL,
                                "%.*s: at most %d includes are taken", RH_TEXT_ARG(r->name),
                                RH_QUERY_INCLUDES_MAX);
        if (rc == RH_OK)
            q->includes[q->n_includes++] = one;
    }
    return rc;
}
