/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_result.c - the parameters that say how the answer shall look.
 */
#include "search/query_int.h"

#include "fhir/element.h"

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

static enum rh_rc read_sort(struct rh_reading *r, struct rh_text value)
{
    static const struct {
        const char *name;
        enum rh_sort sort;
    } rows[] = {{"_id", RH_SORT_ID},
                {"_lastUpdated", RH_SORT_UPDATED},
                {"-_lastUpdated", RH_SORT_UPDATED_DESC}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_is(value, rows[i].name)) {
            r->query->sort = rows[i].sort;
            return RH_OK;
        }
    return rh_query_refuse(
        r, "_sort: \"%.*s\" is not available; valid: _id, _lastUpdated, -_lastUpdated",
        RH_TEXT_ARG(value));
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
    while (rh_text_split(&rest, ',', &name))
        if (!has_element(rh_resource_type(r->query->type), name))
            return rh_query_refuse(r,
                                   "_elements: %s has no element \"%.*s\"; give names of top-level "
                                   "elements such as \"meta\", with commas",
                                   r->type_name, RH_TEXT_ARG(name));
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

static enum rh_rc pass_over(struct rh_reading *r, struct rh_text value)
{
    (void)r;
    (void)value;
    return RH_OK;
}

static const struct result {
    const char *name;
    reader *read;
    bool in_self, repeats;
} results[] = {
    {"_count", read_count, true, false},     {"_sort", read_sort, true, false},
    {"_summary", read_summary, true, false}, {"_elements", read_elements, true, false},
    {"_total", read_total, true, false},     {"_cursor", read_cursor, false, false},
    {"_format", pass_over, false, true},     {"_pretty", pass_over, false, true},
};
enum { RESULTS = sizeof results / sizeof results[0] };

const char *rh_query_result_names(void)
{
    return "_count, _sort, _summary, _elements, _total";
}

enum rh_rc rh_query_result(struct rh_reading *r, struct rh_text value, bool *known, bool *in_self)
{
    for (unsigned i = 0; i < RESULTS; i++) {
        if (!rh_text_is(r->name, results[i].name))
            continue;
        *known = true;
        *in_self = results[i].in_self;
        if (!results[i].repeats && (r->results_seen & 1u << i))
            return rh_query_refuse(r, "%s is given twice", results[i].name);
        r->results_seen |= 1u << i;
        return results[i].read(r, value);
    }
    *known = false;
    return RH_OK;
}
