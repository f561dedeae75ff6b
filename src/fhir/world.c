/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/world.h"

#include "base/alloc.h"
#include "fhir/world_int.h"

#include <assert.h>
#include <limits.h>

enum { NONE = UINT_MAX };

/* A definition in its place: those of one address form a chain, best first. */
struct entry {
    const struct rh_definition *d;
    unsigned next; /* of the same url */
};

struct rh_world {
    atomic_uint count;
    struct rh_package **packages;
    size_t n_packages;
    size_t *first; /* number of the first definition of each package */
    struct entry *entries;
    size_t n;
    unsigned *slots; /* hash of url -> head of its chain; open addressing, NONE is free */
    size_t mask;
    struct rh_cell *forms; /* n * RH_FORM_KINDS */
    atomic_size_t used;
};

/* --- versions ----------------------------------------------------------------------------------
 */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The next part of a version: digits, or anything else up to a dot, a hyphen or a digit. */
static struct rh_text part(struct rh_text t, size_t *at)
{
    while (*at < t.len && (t.data[*at] == '.' || t.data[*at] == '-'))
        (*at)++;
    size_t from = *at;
    bool number = from < t.len && digit(t.data[from]);
    while (*at < t.len && t.data[*at] != '.' && t.data[*at] != '-' && digit(t.data[*at]) == number)
        (*at)++;
    return (struct rh_text){t.data + from, *at - from};
}

static struct rh_text without_zeros(struct rh_text t)
{
    while (t.len > 1 && t.data[0] == '0')
        t.data++, t.len--;
    return t;
}

int rh_version_compare(struct rh_text a, struct rh_text b)
{
    size_t i = 0, j = 0;
    while (i < a.len || j < b.len) {
        struct rh_text x = part(a, &i), y = part(b, &j);
        bool nx = x.len && digit(x.data[0]), ny = y.len && digit(y.data[0]);
        if (!x.len || !y.len) {
            if (!x.len && !y.len)
                continue;
            /* what follows is one more number (above) or a word such as "ballot" (below) */
            return x.len ? (nx ? 1 : -1) : (ny ? -1 : 1);
        }
        if (nx != ny)
            return nx ? 1 : -1;
        if (nx) {
            x = without_zeros(x);
            y = without_zeros(y);
            if (x.len != y.len)
                return x.len > y.len ? 1 : -1;
        }
        int order = rh_text_cmp(x, y);
        if (order)
            return order;
    }
    return 0;
}

/* --- the index ---------------------------------------------------------------------------------
 */

/* FNV-1a, then the finaliser of MurmurHash3, so that the low bits serve as a slot. */
static uint64_t url_hash(struct rh_text t)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 0x100000001b3u;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

/* The slot of this url: where its chain begins, or a free one. */
static unsigned *slot_of(const struct rh_world *w, struct rh_text url)
{
    for (size_t i = url_hash(url) & w->mask;; i = (i + 1) & w->mask)
        if (w->slots[i] == NONE || rh_text_eq(w->entries[w->slots[i]].d->url, url))
            return &w->slots[i];
}

/* Packages come in rising order, so a newcomer stands before all of other packages and before those
 * of its own package that are not of a higher version. */
static void link_entry(struct rh_world *w, unsigned n)
{
    const struct rh_definition *d = w->entries[n].d;
    unsigned *at = slot_of(w, d->url);
    while (*at != NONE) {
        const struct rh_definition *there = w->entries[*at].d;
        if (there->package != d->package || rh_version_compare(there->version, d->version) <= 0)
            break;
        at = &w->entries[*at].next;
    }
    w->entries[n].next = *at;
    *at = n;
}

static void index_all(struct rh_world *w)
{
    size_t slots = 16;
    while (slots < w->n * 2)
        slots *= 2;
    w->mask = slots - 1;
    w->slots = rh_alloc(slots * sizeof *w->slots);
    memset(w->slots, 0xff, slots * sizeof *w->slots);
    size_t n = 0;
    for (size_t p = 0; p < w->n_packages; p++) {
        w->first[p] = n;
        for (size_t i = 0; i < rh_package_count(w->packages[p]); i++, n++) {
            w->entries[n] = (struct entry){rh_package_at(w->packages[p], i), NONE};
            if (w->entries[n].d->url.len)
                link_entry(w, (unsigned)n);
        }
    }
}

enum rh_rc rh_world_open(struct rh_package *const *packages, size_t n, struct rh_world **ret)
{
    if (n > RH_WORLD_PACKAGES_MAX)
        return RH_TOOLARGE;
    struct rh_world *w = rh_alloc(sizeof *w);
    atomic_init(&w->count, 1);
    w->packages = rh_alloc((n + 1) * sizeof *w->packages);
    w->first = rh_alloc((n + 1) * sizeof *w->first);
    w->n_packages = n;
    for (size_t i = 0; i < n; i++) {
        rh_package_seal(packages[i]);
        w->packages[i] = rh_package_keep(packages[i]);
        w->n += rh_package_count(packages[i]);
    }
    assert(w->n < NONE);
    w->entries = rh_alloc((w->n + 1) * sizeof *w->entries);
    w->forms = rh_alloc((w->n * RH_FORM_KINDS + 1) * sizeof *w->forms);
    index_all(w);
    *ret = w;
    return RH_OK;
}

struct rh_world *rh_world_keep(struct rh_world *w)
{
    atomic_fetch_add(&w->count, 1);
    return w;
}

void rh_world_close(struct rh_world *w)
{
    if (!w || atomic_fetch_sub(&w->count, 1) != 1)
        return;
    rh_cells_close(w->forms, w->n * RH_FORM_KINDS);
    for (size_t i = 0; i < w->n_packages; i++)
        rh_package_close(w->packages[i]);
    rh_free(w->packages);
    rh_free(w->first);
    rh_free(w->entries);
    rh_free(w->slots);
    rh_free(w);
}

size_t rh_world_n_packages(const struct rh_world *w)
{
    return w ? w->n_packages : 0;
}

struct rh_package *rh_world_package(const struct rh_world *w, size_t i)
{
    return w && i < w->n_packages ? w->packages[i] : NULL;
}

/* --- finding -----------------------------------------------------------------------------------
 */

static bool of_type(const struct rh_definition *d, const char *type)
{
    return !type || strcmp(d->type, type) == 0;
}

/* "4.0" stands for 4.0.1, not for 4.01. */
static bool version_covers(struct rh_text wanted, struct rh_text version)
{
    return version.len > wanted.len && version.data[wanted.len] == '.' &&
           memcmp(version.data, wanted.data, wanted.len) == 0;
}

const struct rh_definition *rh_world_find(const struct rh_world *w, const char *type,
                                          struct rh_text canonical)
{
    if (!w || !canonical.len)
        return NULL;
    struct rh_text url = canonical, version = {"", 0};
    for (size_t i = canonical.len; i-- > 0;)
        if (canonical.data[i] == '|') {
            url.len = i;
            version = (struct rh_text){canonical.data + i + 1, canonical.len - i - 1};
            break;
        }
    const struct rh_definition *partly = NULL;
    for (unsigned n = *slot_of(w, url); n != NONE; n = w->entries[n].next) {
        const struct rh_definition *d = w->entries[n].d;
        if (!of_type(d, type))
            continue;
        if (!version.len || rh_text_eq(d->version, version))
            return d;
        if (!partly && version_covers(version, d->version))
            partly = d;
    }
    return partly;
}

enum rh_rc rh_world_each(const struct rh_world *w, const char *type, rh_definition_each *each,
                         void *user)
{
    enum rh_rc rc = RH_OK;
    for (size_t n = 0; w && !rc && n < w->n; n++)
        if (of_type(w->entries[n].d, type))
            rc = each(user, w->entries[n].d);
    return rc;
}

enum rh_rc rh_world_versions(const struct rh_world *w, const char *type, struct rh_text url,
                             rh_definition_each *each, void *user)
{
    if (!w || !url.len)
        return RH_OK;
    enum rh_rc rc = RH_OK;
    for (unsigned n = *slot_of(w, url); !rc && n != NONE; n = w->entries[n].next)
        if (of_type(w->entries[n].d, type))
            rc = each(user, w->entries[n].d);
    return rc;
}

/* --- forms -------------------------------------------------------------------------------------
 */

static struct rh_cell *form_cell(const struct rh_world *w, const struct rh_definition *d,
                                 enum rh_form_kind kind)
{
    for (size_t p = 0; p < w->n_packages; p++)
        if (w->packages[p] == d->package) {
            size_t n = w->first[p] + (size_t)(d - rh_package_at(d->package, 0));
            return &w->forms[n * RH_FORM_KINDS + kind];
        }
    return NULL;
}

enum rh_rc rh_world_form(struct rh_ctx *c, const struct rh_definition *d, enum rh_form_kind kind,
                         rh_form_make *make, void *user, const void **ret)
{
    /* Cells are the only thing of a world that changes. */
    struct rh_world *w = (struct rh_world *)(uintptr_t)c->world;
    struct rh_cell *cell = form_cell(w, d, kind);
    assert(cell); /* d is of this world */
    void *form = rh_cell_get(cell);
    if (!form) {
        struct rh_ctx inner = *c;
        const void *made = NULL;
        inner.arena = rh_arena_open(RH_FORM_MEMORY_MAX);
        enum rh_rc rc = make(&inner, d, user, &made);
        c->steps = inner.steps;
        if (rc) {
            rh_arena_close(inner.arena);
            return rc;
        }
        rc = rh_cell_put(cell, inner.arena, (void *)(uintptr_t)made, &w->used, &form);
        if (rc)
            return rh_issue_add(c->issues, rc, NULL,
                                "Definitions use more memory than the limit of %d MiB.",
                                RH_WORLD_MEMORY_MAX >> 20);
    }
    *ret = form;
    return RH_OK;
}
