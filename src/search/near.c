/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * near.c - places within a distance: cells of a grid that cover the circle, then the distance.
 *
 * R4, Location.near: latitude|longitude|distance|units; units are UCUM lengths, kilometres when
 * none is named; a distance that is not named is DEFAULT_KM. Great circles on a sphere of the
 * earth's mean radius (IUGG, 6371.0088 km), haversine formula: Sinnott, Sky and Telescope 68(2),
 * 1984.
 */
#include "search/query_int.h"

#include "base/bytes.h"
#include "fhir/ucum.h"

#include <math.h>

static const double earth_metres = 6371008.8, degree = 0.017453292519943295;
enum { DEFAULT_KM = 50, LEVELS = 32, CELLS = RH_QUERY_CELLS_MAX };

double rh_near_double(struct rh_dec d)
{
    return (double)d.coefficient * pow(10.0, -(double)d.scale);
}

bool rh_near_is(const struct rh_near *n, double latitude, double longitude)
{
    double dy = sin((latitude - n->latitude) * degree / 2),
           dx = sin((longitude - n->longitude) * degree / 2),
           h = dy * dy + cos(latitude * degree) * cos(n->latitude * degree) * dx * dx;
    double distance = 2 * earth_metres * asin(h >= 1 ? 1 : sqrt(h));
    return distance <= n->metres * (1 + 1e-12);
}

/* --- cells -------------------------------------------------------------------------------------
 */

struct box {
    double south, north, west, east;
};

/* A cell of the grid at a level: its number has 2 * level bits. */
struct cell {
    uint64_t code;
    struct box at;
};

static void box_of(const struct rh_near *n, struct box *ret)
{
    double angle = n->metres / earth_metres / degree, margin = 1e-6;
    ret->south = n->latitude - angle - margin;
    ret->north = n->latitude + angle + margin;
    ret->west = -180;
    ret->east = 180;
    if (ret->south <= -90 || ret->north >= 90 || angle >= 90)
        return; /* a pole inside: every meridian */
    double s = sin(angle * degree) / cos(n->latitude * degree);
    if (s >= 1)
        return;
    double wide = asin(s) / degree + margin;
    if (n->longitude - wide < -180 || n->longitude + wide > 180) {
        ret->west = n->longitude - wide;
        ret->east = n->longitude + wide;
        return;
    }
    ret->west = n->longitude - wide;
    ret->east = n->longitude + wide;
}

static bool meets_at(const struct box *a, const struct box *b, double shift)
{
    return a->west + shift <= b->east && a->east + shift >= b->west;
}

/* The circle's box may reach over the meridian of 180 degrees. */
static bool meets(const struct box *circle, const struct box *cell)
{
    if (circle->south > cell->north || circle->north < cell->south)
        return false;
    return meets_at(circle, cell, 0) || meets_at(circle, cell, 360) || meets_at(circle, cell, -360);
}

static struct cell quarter(const struct cell *c, unsigned i)
{
    double y = (c->at.south + c->at.north) / 2, x = (c->at.west + c->at.east) / 2;
    struct cell q = {.code = c->code << 2 | i, .at = c->at};
    if (i & 2)
        q.at.south = y;
    else
        q.at.north = y;
    if (i & 1)
        q.at.west = x;
    else
        q.at.east = x;
    return q;
}

/* The cells of the finest level at which there are few enough. */
static unsigned cover(const struct box *circle, struct cell *cells, unsigned *level)
{
    struct cell next[4 * CELLS];
    unsigned n = 1;
    cells[0] = (struct cell){.at = {-90, 90, -180, 180}};
    for (*level = 0; *level < LEVELS - 6; ++*level) {
        unsigned k = 0;
        for (unsigned i = 0; i < n; i++)
            for (unsigned q = 0; q < 4; q++) {
                struct cell c = quarter(&cells[i], q);
                if (meets(circle, &c.at))
                    next[k++] = c;
            }
        if (k > CELLS)
            break;
        memcpy(cells, next, k * sizeof *cells);
        n = k;
    }
    return n;
}

static struct rh_text cell_key(struct rh_making *m, uint64_t code)
{
    unsigned char *p = rh_arena_alloc(m->r->ctx->arena, 9);
    if (!p) {
        m->rc = RH_NOMEM;
        return (struct rh_text){NULL, 0};
    }
    p[0] = 'g';
    rh_put_u64(p + 1, code);
    return (struct rh_text){(const char *)p, 9};
}

/* Cells stand in the order of their numbers; neighbours make one range. */
static void add_cells(struct rh_making *m, const struct rh_near *n)
{
    struct box circle;
    struct cell cells[CELLS];
    unsigned level;
    box_of(n, &circle);
    unsigned count = cover(&circle, cells, &level), shift = 2 * (LEVELS - level);
    for (unsigned i = 0; i < count;) {
        unsigned k = i + 1;
        while (k < count && cells[k].code == cells[k - 1].code + 1)
            k++;
        uint64_t end = cells[k - 1].code + 1;
        bool last = level == 0 || end >> (2 * level);
        rh_make_ranges(m, false, cell_key(m, level ? cells[i].code << shift : 0),
                       last ? RH_TEXT("h") : cell_key(m, end << shift));
        i = k;
    }
}

/* --- the value ---------------------------------------------------------------------------------
 */

static bool read_metres(struct rh_text number, struct rh_text unit, double *ret)
{
    struct rh_ucum from, to;
    struct rh_dec d = rh_dec_from(DEFAULT_KM), metres;
    if (number.len && rh_dec_parse(number, &d))
        return false;
    if (rh_dec_sign(d) < 0 || rh_ucum_parse(NULL, unit.len ? unit : RH_TEXT("km"), &from) ||
        rh_ucum_parse(NULL, RH_TEXT("m"), &to) || rh_ucum_convert(d, &from, &to, &metres))
        return false;
    *ret = rh_near_double(metres);
    return true;
}

static enum rh_rc read_place(struct rh_making *m, struct rh_text value, struct rh_near *ret)
{
    struct rh_text rest = value, part[4] = {{NULL, 0}}, extra = {NULL, 0};
    unsigned n = 0;
    uint64_t cell;
    struct rh_dec latitude, longitude;
    while (n < 4 && rh_value_split(&rest, '|', &part[n]))
        n++;
    extra = rest;
    if (n < 2 || extra.data || rh_dec_parse(part[0], &latitude) ||
        rh_dec_parse(part[1], &longitude) || !rh_key_cell(latitude, longitude, &cell) ||
        !read_metres(part[2], part[3], &ret->metres))
        return rh_query_refuse(
            m->r,
            "%.*s: \"%.*s\" is not of the form latitude|longitude|distance|units: decimal degrees "
            "(south and west negative), then, if wanted, a distance and its unit (km, m, [mi_us]); "
            "without them %d km",
            RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)), DEFAULT_KM);
    ret->latitude = rh_near_double(latitude);
    ret->longitude = rh_near_double(longitude);
    return RH_OK;
}

enum rh_rc rh_query_near(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = rh_make_values(&m);
    if (rc)
        return rc;
    m.leaf->body = RH_BODY_NEAR;
    m.leaf->places = rh_arena_alloc(r->ctx->arena, r->n * sizeof *m.leaf->places);
    if (!m.leaf->places)
        return RH_NOMEM;
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        rc = read_place(&m, r->values[i], &m.leaf->places[i]);
        if (rc == RH_OK)
            add_cells(&m, &m.leaf->places[i]);
        m.leaf->n_places = i + 1;
    }
    return rc ? rc : rh_make_close(&m, ret);
}
