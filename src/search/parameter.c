/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "search/parameter_int.h"

#include "fhir/element.h"
#include "search/names_int.h"

/* Raised when src/search makes other keys from the same tables. */
enum { KEYS_VERSION = 4 };

static const struct rh_parameter *find_in(unsigned type, struct rh_text name)
{
    for (unsigned i = rh_parameter_first[type]; i < rh_parameter_first[type + 1]; i++)
        if (rh_text_is(name, rh_parameter_rows[i].name))
            return &rh_parameter_rows[i];
    return NULL;
}

const struct rh_parameter *rh_parameter_find(unsigned type, struct rh_text name)
{
    const struct rh_parameter *p = find_in(0, name);
    return p || type == 0 || type > RH_RESOURCE_TYPES ? p : find_in(type, name);
}

unsigned rh_parameters_of(unsigned type, const struct rh_parameter **rows, unsigned max)
{
    unsigned n = 0;
    for (unsigned i = 0; i < rh_parameter_first[1]; i++, n++)
        if (rows && n < max)
            rows[n] = &rh_parameter_rows[i];
    if (type == 0 || type > RH_RESOURCE_TYPES)
        return n;
    for (unsigned i = rh_parameter_first[type]; i < rh_parameter_first[type + 1]; i++, n++)
        if (rows && n < max)
            rows[n] = &rh_parameter_rows[i];
    return n;
}

uint64_t rh_parameters_version(void)
{
    return rh_parameter_table_hash ^ rh_names_hash * 31 ^ KEYS_VERSION;
}
