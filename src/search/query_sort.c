/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_sort.c - _sort, and the keys that order.
 */
#include "search/query_int.h"

#include "base/bytes.h"

/* The first byte of the keys that order, by kind. References begin with their type, whose first
 * byte is 0. */
static char order_of(const struct rh_parameter *p)
{
    static const char kinds[] = {[RH_SP_STRING] = 'x', [RH_SP_TOKEN] = 'c',    [RH_SP_DATE] = 'l',
                                 [RH_SP_NUMBER] = 'n', [RH_SP_QUANTITY] = 'q', [RH_SP_URI] = 'u'};
    return p->kind < sizeof kinds ? kinds[p->kind] : 0;
}

static bool orders(const struct rh_parameter *p, struct rh_text key)
{
    if (key.len == 0)
        return false;
    if (p->kind != RH_SP_REFERENCE)
        return key.data[0] == order_of(p);
    if (key.len < 2 || key.data[0] != 0)
        return false;
    return !p->part_target || rh_get_u16((const unsigned char *)key.data) == p->part_target;
}

/* Ends of ranges by their first byte: "c" .. "d". */
static struct rh_text letter(unsigned char c)
{
    static const char letters[] = "cdlmnopqruvwxyz";
    const char *p = strchr(letters, c);
    return (struct rh_text){p, p ? 1 : 0};
}

/* Each type's number as the two bytes that its references begin with. */
#define TEN(n)                                                                                     \
    0, (n), 0, (n) + 1, 0, (n) + 2, 0, (n) + 3, 0, (n) + 4, 0, (n) + 5, 0, (n) + 6, 0, (n) + 7, 0, \
        (n) + 8, 0, (n) + 9
static const unsigned char numbers[] = {TEN(0),   TEN(10),  TEN(20),  TEN(30),  TEN(40),
                                        TEN(50),  TEN(60),  TEN(70),  TEN(80),  TEN(90),
                                        TEN(100), TEN(110), TEN(120), TEN(130), TEN(140)};
_Static_assert(sizeof numbers > 2 * (RH_RESOURCE_TYPES + 1), "a pair for each type and one more");

static struct rh_text number_bytes(unsigned type)
{
    return (struct rh_text){(const char *)numbers + 2 * (size_t)type, 2};
}

unsigned rh_sort_ranges(const struct rh_sort *s, unsigned type, struct rh_range *ret, unsigned max)
{
    const struct rh_parameter *p = s->parameter;
    unsigned n = p->n_parts ? p->n_parts : 1u;
    for (unsigned i = 0; i < n && i < max; i++) {
        char c = order_of(p);
        ret[i] = (struct rh_range){.type = (uint16_t)type,
                                   .number = p->n_parts ? p->parts[i]->number : p->number};
        if (p->number == RH_PARAM_LAST_UPDATED)
            c = 'l';
        if (p->kind == RH_SP_REFERENCE && p->part_target) {
            ret[i].lo = number_bytes(p->part_target);
            ret[i].hi = number_bytes(p->part_target + 1u);
        } else if (p->kind == RH_SP_REFERENCE) {
            ret[i].lo = (struct rh_text){"", 0};
            ret[i].hi = (struct rh_text){"\1", 1};
        } else {
            ret[i].lo = letter((unsigned char)c);
            ret[i].hi = letter((unsigned char)(c + 1));
        }
    }
    return n < max ? n : max;
}

bool rh_sort_single(const struct rh_sort *s, unsigned type)
{
    const struct rh_parameter *p = s->parameter;
    const struct rh_type *t = rh_resource_type(type);
    if (p->number == RH_PARAM_LAST_UPDATED)
        return true;
    if (!t || p->n_parts || !p->expression)
        return false;
    size_t n = strlen(t->name);
    if (strncmp(p->expression, t->name, n) != 0 || p->expression[n] != '.')
        return false;
    const char *name = p->expression + n + 1;
    bool found = false;
    for (unsigned i = 0; i < t->count; i++)
        if (strcmp(t->elements[i].base, name) == 0) {
            if (t->elements[i].many)
                return false;
            found = true;
        }
    return found;
}

void rh_sort_wish(const struct rh_sort *s, struct rh_key_wish *w)
{
    const struct rh_parameter *p = s->parameter;
    for (unsigned i = 0; i < p->n_parts; i++)
        rh_key_wish_add(w, p->parts[i]->number);
    if (p->n_parts == 0 && p->number > RH_PARAM_LAST_UPDATED)
        rh_key_wish_add(w, p->number);
}

bool rh_sort_key(const struct rh_sort *s, const struct rh_search_keys *keys, struct rh_text *ret)
{
    const struct rh_parameter *p = s->parameter;
    bool found = false;
    for (unsigned i = 0; i < keys->n_own; i++) {
        const struct rh_search_key *key = &keys->rows[i];
        bool own = key->number == p->number;
        for (unsigned k = 0; k < p->n_parts; k++)
            own |= key->number == p->parts[k]->number;
        if (!own || (p->type && key->type != p->type) || !orders(p, key->bytes))
            continue;
        struct rh_text cut = {key->bytes.data,
                              key->bytes.len < RH_KEY_CUT ? key->bytes.len : RH_KEY_CUT};
        int order = found ? rh_text_cmp(cut, *ret) : 0;
        if (!found || (s->descending ? order > 0 : order < 0))
            *ret = cut;
        found = true;
    }
    return found;
}

/* --- _sort -------------------------------------------------------------------------------------
 */

static enum rh_rc no_sort(struct rh_reading *r, struct rh_text name)
{
    if (rh_text_is(name, "_score"))
        return rh_query_refuse(r, "_sort: matches have no score here; sort by a parameter");
    const struct rh_parameter *p = rh_parameter_find(r->ctx->parameters, r->query->type, name);
    if (p && !p->complete)
        return rh_issue_add(r->ctx->issues, RH_BUSY, NULL,
                            "_sort: the parameter \"%s\" is being indexed; please try again later",
                            p->name);
    if (p)
        return rh_query_refuse(r, "_sort: \"%s\" has no order, since it is a %s parameter", p->name,
                               p->kind == RH_SP_COMPOSITE ? "composite" : "special");
    r->depth++;
    enum rh_rc rc = rh_query_unknown(r, r->query->type, name);
    r->depth--;
    return rc;
}

enum rh_rc rh_query_sort(struct rh_reading *r, struct rh_text value)
{
    struct rh_query *q = r->query;
    enum rh_rc rc = rh_query_split(r, value);
    q->n_sorts = 0;
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_text name = r->values[i], code;
        bool descending = name.data[0] == '-';
        if (descending)
            name = (struct rh_text){name.data + 1, name.len - 1};
        code = name;
        const struct rh_parameter *p = rh_parameter_find(r->ctx->parameters, q->type, code);
        bool sortable = p && p->complete && p->kind != RH_SP_COMPOSITE &&
                        (p->kind != RH_SP_SPECIAL || p->number == RH_PARAM_ID ||
                         p->number == RH_PARAM_LAST_UPDATED);
        if (!sortable)
            rc = no_sort(r, code);
        else if (q->n_sorts == RH_QUERY_SORTS_MAX)
            rc = rh_query_refuse(r, "_sort: at most %d parameters are taken", RH_QUERY_SORTS_MAX);
        else
            q->sorts[q->n_sorts++] = (struct rh_sort){.parameter = p, .descending = descending};
    }
    if (rc)
        q->n_sorts = 0;
    return rc;
}
