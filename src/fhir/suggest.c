/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/suggest.h"

enum { NAME_MAX_LEN = 64, FAR = RH_SUGGEST_FAR, SLIPS_MAX = FAR - 1 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Three rows of the classic table; the row before last serves exchanged neighbours. */
static unsigned slips(struct rh_text a, struct rh_text b)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN || a.len > b.len + SLIPS_MAX ||
        b.len > a.len + SLIPS_MAX)
        return FAR;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned char x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
            row[j] = least(least(up[j] + 1, row[j - 1] + 1), up[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2]))
                row[j] = least(row[j], upper[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

bool rh_suggest_nearer(struct rh_text name, const char *known, unsigned *best)
{
    unsigned n = slips(name, rh_text(known));
    if (n >= *best || 2 * n >= name.len)
        return false;
    *best = n;
    return true;
}

const struct rh_element *rh_suggest_element(const struct rh_type *t, struct rh_text name)
{
    const struct rh_element *found = NULL;
    unsigned best = FAR;
    for (unsigned i = 0; i < t->count; i++)
        if (rh_suggest_nearer(name, t->elements[i].name, &best))
            found = &t->elements[i];
    return found;
}

const char *rh_suggest_in_path(const struct rh_type *t, struct rh_text name, unsigned *slips)
{
    const char *found = NULL;
    for (unsigned i = 0; i < t->count; i++)
        if (rh_suggest_nearer(name, t->elements[i].base, slips))
            found = t->elements[i].base;
    return found;
}

const struct rh_type *rh_suggest_resource(struct rh_text name)
{
    const struct rh_type *found = NULL;
    unsigned best = FAR;
    for (unsigned i = 1; i <= RH_RESOURCE_TYPES; i++)
        if (rh_suggest_nearer(name, rh_resource_type(i)->name, &best))
            found = rh_resource_type(i);
    return found;
}
