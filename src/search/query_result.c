/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_result.c - the parameters that say how the answer shall look.
 */
#include "search/query_int.h"

typedef enum rh_rc reader(struct rh_reading *r, struct rh_text value);

static enum rh_rc read_count(struct rh_reading *r, struct rh_text value)
{
    uint64_t n = 0;
    bool digits = value.len > 0;
    for (size_t i = 0; i < value.len; i++)
        digits = digits && value.data[i] >= '0' && value.data[i] <= '9';
    if (!digits)
        return rh_query_refuse(r, "_count: \"%.*s\" is not a number of entries: 0, 1, 2, …",
                               RH_TEXT_ARG(value));
    if (rh_text_u64(value, RH_QUERY_COUNT_MAX, &n) != RH_OK)
        n = RH_QUERY_COUNT_MAX;
    r->query->count = (unsigned)n;
    return RH_OK;
}

static enum rh_rc read_summary(struct rh_reading *r, struct rh_text value)
{
    static const char *const names[] = {
        [RH_SUMMARY_FALSE] = "false", [RH_SUMMARY_TRUE] = "true",   [RH_SUMMARY_TEXT] = "text",
        [RH_SUMMARY_DATA] = "data",   [RH_SUMMARY_COUNT] = "count",
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(value, names[i])) {
            r->query->summary = (enum rh_summary)i;
            return RH_OK;
        }
    return rh_query_refuse(r, "_summary: \"%.*s\" is not one of true, text, data, count, false",
                           RH_TEXT_ARG(value));
}

static enum rh_rc read_total(struct rh_reading *r, struct rh_text value)
{
    static const char *const names[] = {[RH_TOTAL_NONE] = "none",
                                        [RH_TOTAL_ESTIMATE] = "estimate",
                                        [RH_TOTAL_ACCURATE] = "accurate"};
    for (unsigned i = RH_TOTAL_NONE; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(value, names[i])) {
            r->query->total = (enum rh_total)i;
            return RH_OK;
        }
    return rh_query_refuse(r, "_total: \"%.*s\" is not one of none, estimate, accurate",
                           RH_TEXT_ARG(value));
}

static bool has_element(const struct rh_type *t, struct rh_text name)
{
    if (rh_text_is(name, "resourceType"))
        return true;
    for (unsigned i = 0; i < t->count; i++)
        if (rh_text_is(name, t->elements[i].base) || rh_text_is(name, t->elements[i].name))
            return true;
    return false;
}

static enum rh_rc read_elements(struct rh_reading *r, struct rh_text value)
{
    struct rh_text rest = value, name;
    const struct rh_type *t = rh_resource_type(r->query->type);
    while (rh_text_split(&rest, ',', &name))
        if (!name.len || (t && !has_element(t, name)))
            return rh_query_refuse(r,
                                   "_elements: %s has no element \"%.*s\"; give names of top-level "
                                   "elements such as \"meta\", with commas",
                                   rh_query_type_name(r->query->type), RH_TEXT_ARG(name));
    r->query->elements = value;
    return RH_OK;
}

static enum rh_rc read_cursor(struct rh_reading *r, struct rh_text value)
{
    if (!value.len)
        return rh_query_refuse(r, "_cursor has no value; take it from the link \"next\" of a page");
    r->query->cursor = value;
    return RH_OK;
}

static enum rh_rc read_boolean(struct rh_reading *r, struct rh_text value, bool *ret)
{
    *ret = rh_text_is(value, "true");
    if (*ret || rh_text_is(value, "false"))
        return RH_OK;
    return rh_query_refuse(r, "%.*s: \"%.*s\" is neither true nor false", RH_TEXT_ARG(r->name),
                           RH_TEXT_ARG(value));
}

static enum rh_rc read_explain(struct rh_reading *r, struct rh_text value)
{
    return read_boolean(r, value, &r->query->explain);
}

static enum rh_rc read_contained(struct rh_reading *r, struct rh_text value)
{
    static const char *const names[] = {
        [RH_CONTAINED_FALSE] = "false", [RH_CONTAINED_TRUE] = "true", [RH_CONTAINED_BOTH] = "both"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(value, names[i])) {
            r->query->contained = (enum rh_contained)i;
            return RH_OK;
        }
    return rh_query_refuse(r, "_contained: \"%.*s\" is not one of true, false, both",
                           RH_TEXT_ARG(value));
}

static enum rh_rc read_contained_type(struct rh_reading *r, struct rh_text value)
{
    r->query->contained_itself = rh_text_is(value, "contained");
    if (r->query->contained_itself || rh_text_is(value, "container"))
        return RH_OK;
    return rh_query_refuse(r, "_containedType: \"%.*s\" is neither container nor contained",
                           RH_TEXT_ARG(value));
}

static enum rh_rc pass_over(struct rh_reading *r, struct rh_text value)
{
    (void)r;
    (void)value;
    return RH_OK;
}

static const struct result {
    const char *name;
    reader *read;
    bool in_self, repeats, modified;
} results[] = {
    {"_count", read_count, true, false, false},
    {"_sort", rh_query_sort, true, false, false},
    {"_summary", read_summary, true, false, false},
    {"_elements", read_elements, true, false, false},
    {"_total", read_total, true, false, false},
    {"_include", rh_query_include, true, true, true},
    {"_revinclude", rh_query_include, true, true, true},
    {"_contained", read_contained, true, false, false},
    {"_containedType", read_contained_type, true, false, false},
    {"_explain", read_explain, false, false, false},
    {"_cursor", read_cursor, false, false, false},
    {"_format", pass_over, false, true, false},
    {"_pretty", pass_over, false, true, false},
};
enum { RESULTS = sizeof results / sizeof results[0] };

const char *rh_query_result_names(void)
{
    return "_count, _sort, _summary, _elements, _total, _include, _revinclude, _contained, "
           "_containedType, _explain";
}

enum rh_rc rh_query_result(struct rh_reading *r, struct rh_text value, bool *known, bool *in_self)
{
    struct rh_text rest = r->name, name;
    rh_text_split(&rest, ':', &name);
    *known = false;
    for (unsigned i = 0; i < RESULTS; i++) {
        const struct result *row = &results[i];
        if (!rh_text_is(name, row->name))
            continue;
        *known = true;
        *in_self = row->in_self;
        if (rest.data && !row->modified)
            return rh_query_refuse(r, "%s takes no modifier", row->name);
        if (!row->repeats && (r->results_seen & 1u << i))
            return rh_query_refuse(r, "%s is given twice", row->name);
        r->results_seen |= 1u << i;
        return row->read(r, value);
    }
    return RH_OK;
}
