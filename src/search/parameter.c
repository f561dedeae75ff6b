/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/parameter_int.h"

#include "search/names_int.h"

/* Raised when src/search makes other keys from the same tables. */
enum { KEYS_VERSION = 9 };

/* The rows of one type, own ones only. */
struct rows {
    const struct rh_parameter *plain;        /* R4's own */
    const struct rh_parameter *const *added; /* of a set; else NULL */
    unsigned n;
};

static struct rows rows_of(const struct rh_parameters *set, unsigned type)
{
    if (type > RH_RESOURCE_TYPES)
        return (struct rows){.n = 0};
    if (set)
        return (struct rows){.added = set->rows[type], .n = set->n[type]};
    unsigned first = rh_parameter_first[type];
    return (struct rows){.plain = rh_parameter_rows + first,
                         .n = rh_parameter_first[type + 1] - first};
}

static const struct rh_parameter *row(const struct rows *r, unsigned i)
{
    return r->added ? r->added[i] : &r->plain[i];
}

static const struct rh_parameter *find_in(const struct rh_parameters *set, unsigned type,
                                          struct rh_text name)
{
    struct rows r = rows_of(set, type);
    for (unsigned i = 0; i < r.n; i++)
        if (rh_text_is(name, row(&r, i)->name))
            return row(&r, i);
    return NULL;
}

const struct rh_parameter *rh_parameter_find(const struct rh_parameters *set, unsigned type,
                                             struct rh_text name)
{
    const struct rh_parameter *p = find_in(set, 0, name);
    return p || type == 0 ? p : find_in(set, type, name);
}

static const struct rh_parameter *at_in(const struct rh_parameters *set, unsigned type,
                                        unsigned number)
{
    struct rows r = rows_of(set, type);
    unsigned lo = 0, hi = r.n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (row(&r, mid)->number == number)
            return row(&r, mid);
        if (row(&r, mid)->number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct rh_parameter *rh_parameter_at(const struct rh_parameters *set, unsigned type,
                                           unsigned number)
{
    const struct rh_parameter *p = at_in(set, 0, number);
    return p || type == 0 ? p : at_in(set, type, number);
}

unsigned rh_parameters_of(const struct rh_parameters *set, unsigned type,
                          const struct rh_parameter **rows, unsigned max)
{
    unsigned n = 0;
    for (unsigned pass = 0; pass < (type ? 2u : 1u); pass++) {
        struct rows r = rows_of(set, pass ? type : 0);
        for (unsigned i = 0; i < r.n; i++, n++)
            if (rows && n < max)
                rows[n] = row(&r, i);
    }
    return n;
}

const struct rh_parameter *rh_parameter_main_date(unsigned type)
{
    if (type == 0 || type > RH_RESOURCE_TYPES || rh_parameter_main_dates[type] == 0)
        return NULL;
    return at_in(NULL, type, rh_parameter_main_dates[type]);
}

uint64_t rh_parameters_version(void)
{
    return rh_parameter_table_hash ^ rh_names_hash * 31 ^ KEYS_VERSION;
}
