/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pieces of keys. Which of them a resource has is the business of key_value.c and key_text.c.
 */
#include "search/key_int.h"

#include "base/bytes.h"
#include "base/datetime.h"
#include "base/hash.h"
#include "fhir/reference.h"
#include "search/parameter_int.h"

enum { SKELETON_LETTERS_MIN = 3, UUID_TEXT = 36 };

void rh_key_word(struct rh_buf *b, struct rh_text word, bool ends)
{
    unsigned char uuid[16];
    if (word.len == UUID_TEXT && rh_uuid_parse(word, uuid)) {
        rh_buf_char(b, 'u');
        rh_buf_add(b, uuid, sizeof uuid);
        return;
    }
    rh_buf_char(b, 't');
    rh_buf_text(b, word);
    if (ends)
        rh_buf_char(b, 0);
}

static void add_hash(struct rh_buf *b, uint64_t hash)
{
    unsigned char bytes[8];
    rh_put_u64(bytes, hash);
    rh_buf_add(b, bytes, sizeof bytes);
}

uint64_t rh_key_system(struct rh_text system)
{
    return system.len ? rh_hash_system(system) : 0;
}

void rh_key_token(struct rh_buf *b, struct rh_text code, uint64_t system)
{
    rh_buf_char(b, 'c');
    rh_key_word(b, code, true);
    add_hash(b, system);
}

void rh_key_of_type(struct rh_buf *b, struct rh_text system, struct rh_text code,
                    struct rh_text value)
{
    struct rh_buf type = rh_buf(b->arena);
    rh_buf_text(&type, system);
    rh_buf_char(&type, '|');
    rh_buf_text(&type, code);
    rh_buf_char(b, 'o');
    add_hash(b, rh_hash_system(rh_buf_get(&type)));
    rh_key_word(b, value, false);
    if (type.rc)
        b->rc = type.rc;
}

/* --- references --------------------------------------------------------------------------------
 */

bool rh_key_is_family(const struct rh_parameter *p)
{
    return p->kind == RH_SP_STRING && p->number < RH_PARAM_INTERNAL &&
           strcmp(p->name, "family") == 0;
}

void rh_key_reference(struct rh_buf *b, unsigned type, struct rh_text id, struct rh_text address)
{
    unsigned char number[2];
    rh_put_u16(number, (uint16_t)type);
    rh_buf_add(b, number, sizeof number);
    if (id.data) {
        rh_key_word(b, id, false);
    } else {
        rh_buf_char(b, 'x');
        rh_buf_text(b, address);
    }
}

void rh_key_local(struct rh_buf *b, unsigned type, struct rh_text id)
{
    rh_key_reference(b, type, id, (struct rh_text){NULL, 0});
}

void rh_key_inside(struct rh_buf *b, unsigned type)
{
    unsigned char number[2];
    rh_put_u16(number, (uint16_t)type);
    rh_buf_char(b, '#');
    rh_buf_add(b, number, sizeof number);
}

void rh_key_own(struct rh_buf *b, struct rh_text base, unsigned type, struct rh_text id)
{
    rh_key_reference(b, type, (struct rh_text){NULL, 0}, base);
    if (!rh_text_ends(base, "/"))
        rh_buf_char(b, '/');
    rh_buf_str(b, rh_resource_type(type)->name);
    rh_buf_char(b, '/');
    rh_buf_text(b, id);
}

bool rh_key_reference_text(struct rh_buf *b, struct rh_text text, struct rh_text base,
                           bool canonical, struct rh_text *version)
{
    const char *bar = canonical && text.len ? memchr(text.data, '|', text.len) : NULL;
    *version = (struct rh_text){NULL, 0};
    if (bar) {
        *version = (struct rh_text){bar + 1, (size_t)(text.data + text.len - bar) - 1};
        text.len = (size_t)(bar - text.data);
    }
    struct rh_reference r = rh_reference_parse(text, base);
    struct rh_text none = {NULL, 0};
    switch (r.kind) {
    case RH_REF_LOCAL:
        rh_key_reference(b, r.type, r.id, none);
        return true;
    case RH_REF_ABSOLUTE:
    case RH_REF_UUID:
    case RH_REF_OTHER:
        rh_key_reference(b, r.type, none, text);
        return text.len > 0;
    case RH_REF_CONTAINED:
    case RH_REF_CONDITIONAL:
        break;
    }
    return false;
}

/* --- dates -------------------------------------------------------------------------------------
 */

void rh_key_span(unsigned char ret[RH_KEY_INSTANT_SIZE], char kind, int64_t first, int64_t second)
{
    ret[0] = (unsigned char)kind;
    rh_put_i64(ret + 1, first);
    rh_put_i64(ret + 9, second);
}

void rh_key_instant(int64_t us, unsigned char ret[RH_KEY_INSTANT_SIZE])
{
    rh_key_span(ret, 'l', us, us);
}

/* --- the main date -----------------------------------------------------------------------------
 * Bits 1-4: 0 none; 1 a year, 2 a month, 3..9 a span of SPANS; then bits 5.. are its first
 * millisecond. 10: bits 5-24 are a length in seconds, bits 25.. its first second. */
enum {
    SHAPE_BITS = 4,
    SHAPE_AT = 1,
    YEAR = 1,
    MONTH = 2,
    SPAN = 3,
    SECONDS = 10,
    LENGTH_BITS = 20
};
static const int64_t spans[] = {
    RH_KEY_DAY_US, 3600 * INT64_C(1000000), 60 * 1000000, 1000000, 100000, 10000, 1000};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The end of the calendar month or year that begins at lo in some zone: zones are at most 14 hours
 * off, so the nearest first of a month in UTC is meant. */
static int64_t calendar_end(int64_t lo_us, bool year)
{
    int y;
    unsigned m, d;
    rh_civil_from_days(floor_div(lo_us, RH_KEY_DAY_US) + 1, &y, &m, &d);
    int64_t first = rh_days_from_civil(y, m, 1) * RH_KEY_DAY_US;
    if (year)
        y++;
    else if (++m > 12)
        m = 1, y++;
    int64_t next = rh_days_from_civil(y, m, 1) * RH_KEY_DAY_US;
    return next + (lo_us - first) - 1;
}

int64_t rh_aux_make(int64_t lo_us, int64_t hi_us)
{
    unsigned shape = 0;
    if (lo_us == INT64_MIN || hi_us == INT64_MAX)
        return 0;
    for (unsigned i = 0; i < sizeof spans / sizeof spans[0] && !shape; i++)
        if (hi_us - lo_us == spans[i] - 1)
            shape = SPAN + i;
    for (unsigned i = YEAR; i <= MONTH && !shape; i++)
        if (calendar_end(lo_us, i == YEAR) == hi_us)
            shape = i;
    if (shape && lo_us % 1000 == 0)
        return (int64_t)((uint64_t)(lo_us / 1000) << (SHAPE_AT + SHAPE_BITS) | shape << SHAPE_AT);
    int64_t second = 1000000, length = (hi_us + 1 - lo_us) / second;
    if (lo_us % second || (hi_us + 1) % second || length < 0 || length >> LENGTH_BITS)
        return 0;
    uint64_t both = (uint64_t)(lo_us / second) << LENGTH_BITS | (uint64_t)length;
    return (int64_t)(both << (SHAPE_AT + SHAPE_BITS) | SECONDS << SHAPE_AT);
}

bool rh_aux_span(int64_t aux, int64_t *lo_us, int64_t *hi_us)
{
    unsigned shape = (unsigned)(aux >> SHAPE_AT) & ((1u << SHAPE_BITS) - 1);
    int64_t rest = aux >> (SHAPE_AT + SHAPE_BITS);
    if (shape == 0 || shape > SECONDS)
        return false;
    if (shape == SECONDS) {
        *lo_us = (rest >> LENGTH_BITS) * 1000000;
        *hi_us = *lo_us + (rest & ((1 << LENGTH_BITS) - 1)) * 1000000 - 1;
        return true;
    }
    *lo_us = rest * 1000;
    *hi_us = shape >= SPAN ? *lo_us + spans[shape - SPAN] - 1 : calendar_end(*lo_us, shape == YEAR);
    return true;
}

/* --- names, texts ------------------------------------------------------------------------------
 */

bool rh_key_has_skeleton(const struct rh_name_word *w)
{
    if (w->n_letters >= SKELETON_LETTERS_MIN)
        return true;
    bool syllables = w->n_letters > 1 && w->letters[0] >= 0x1200 && w->letters[0] < 0x1380;
    return syllables;
}

void rh_key_text_word(struct rh_buf *b, struct rh_text word, uint64_t hash)
{
    rh_buf_char(b, 'w');
    rh_buf_text(b, rh_text_shown(word, RH_KEY_TEXT_WORD));
    rh_buf_char(b, 0);
    if (hash)
        add_hash(b, hash);
}

void rh_key_atom(struct rh_buf *b, uint64_t hash)
{
    rh_buf_char(b, 'a');
    add_hash(b, hash);
}

void rh_key_escaped(struct rh_buf *b, struct rh_text key)
{
    for (size_t i = 0; i < key.len; i++) {
        rh_buf_char(b, key.data[i]);
        if (key.data[i] == 0)
            rh_buf_char(b, (char)255);
    }
    rh_buf_char(b, 0);
    rh_buf_char(b, 0);
}

/* --- shapes: 'd' hash32 numbers; its postings stand at 's' hash32 ------------------------------
 */

bool rh_shape_has(struct rh_text shape, unsigned number)
{
    const unsigned char *p = (const unsigned char *)shape.data;
    for (size_t i = 5; i + 1 < shape.len; i += 2)
        if (rh_get_u16(p + i) == number)
            return true;
    return false;
}

void rh_shape_key(struct rh_text shape, struct rh_buf *b)
{
    rh_buf_char(b, 's');
    rh_buf_add(b, shape.data + 1, shape.len < 5 ? 0 : 4);
}

/* --- systems of codes --------------------------------------------------------------------------
 */

struct rh_text rh_key_implied_system(const char *value_set)
{
    unsigned lo = 0, hi = value_set ? rh_code_systems_n : 0;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        int c = strcmp(value_set, rh_code_systems[mid].value_set);
        if (c == 0)
            return rh_text(rh_code_systems[mid].system);
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return (struct rh_text){NULL, 0};
}
