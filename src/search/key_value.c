/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One value, as keys of one parameter: what it means depends on the parameter's kind and on the
 * type that stands there (FHIR R4, search, the tables of each parameter type). A value that says
 * nothing for this kind gives no key.
 */
#include "search/collect_int.h"

#include "base/bytes.h"
#include "base/datetime.h"
#include "base/hash.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"

struct value {
    struct rh_maker *m;
    const struct rh_action *action;
    const struct rh_parameter *p;
    const struct rh_type *type;
    yyjson_val *v;
};

static bool is_a(const struct rh_type *t, const char *name)
{
    for (; t; t = t->base)
        if (strcmp(t->name, name) == 0)
            return true;
    return false;
}

static yyjson_val *member(yyjson_val *object, const char *name)
{
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

static enum rh_rc add_buf(const struct value *x, const struct rh_buf *b)
{
    return b->rc ? b->rc : rh_maker_add(x->m, x->p, rh_buf_get(b));
}

static enum rh_rc add_prefixed(const struct value *x, char kind, struct rh_text t)
{
    char *p = rh_maker_room(x->m, t.len + 1);
    if (!p)
        return RH_NOMEM;
    p[0] = kind;
    if (t.len)
        memcpy(p + 1, t.data, t.len);
    return rh_maker_add(x->m, x->p, (struct rh_text){p, t.len + 1});
}

/* --- tokens ------------------------------------------------------------------------------------
 */

/* The same bytes as rh_key_token, without a buffer: there are many of them. */
static enum rh_rc add_code(const struct value *x, struct rh_text code, uint64_t system, bool inside)
{
    enum { UUID = 36, HASH = 8 };
    char *p = rh_maker_room(x->m, code.len + HASH + 4), *at = p;
    if (!p)
        return RH_NOMEM;
    if (inside)
        *at++ = 'i';
    *at++ = 'c';
    *at = 'u';
    if (code.len == UUID && rh_uuid_parse(code, (unsigned char *)at + 1)) {
        at += 17;
    } else {
        *at++ = 't';
        memcpy(at, code.data, code.len);
        at += code.len;
        *at++ = 0;
    }
    rh_put_u64((unsigned char *)at, system);
    return rh_maker_add(x->m, x->p, (struct rh_text){p, (size_t)(at - p) + HASH});
}

static enum rh_rc add_system(const struct value *x, uint64_t system, bool inside)
{
    char *p = rh_maker_room(x->m, 10), *at = p;
    if (!p)
        return RH_NOMEM;
    if (inside)
        *at++ = 'i';
    *at++ = 's';
    rh_put_u64((unsigned char *)at, system);
    return rh_maker_add(x->m, x->p, (struct rh_text){p, (size_t)(at - p) + 8});
}

static enum rh_rc add_token(const struct value *x, struct rh_text system, struct rh_text code,
                            bool inside)
{
    uint64_t hash = rh_key_system(system);
    enum rh_rc rc = code.len ? add_code(x, code, hash, inside) : RH_OK;
    return rc == RH_OK && system.len ? add_system(x, hash, inside) : rc;
}

static enum rh_rc add_coding(const struct value *x, yyjson_val *coding)
{
    return add_token(x, rh_json_get(coding, "system"), rh_json_get(coding, "code"), false);
}

static enum rh_rc add_concept(const struct value *x, yyjson_val *concept)
{
    yyjson_val *coding;
    size_t i, n;
    yyjson_arr_foreach (member(concept, "coding"), i, n, coding) {
        enum rh_rc rc = add_coding(x, coding);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc add_identifier(const struct value *x, yyjson_val *v, bool inside)
{
    struct rh_text value = rh_json_get(v, "value");
    enum rh_rc rc = add_token(x, rh_json_get(v, "system"), value, inside);
    yyjson_val *coding;
    size_t i, n;
    if (inside || !value.len)
        return rc;
    yyjson_arr_foreach (member(member(v, "type"), "coding"), i, n, coding) {
        struct rh_buf b = rh_buf(x->m->ctx->arena);
        struct rh_text code = rh_json_get(coding, "code");
        if (rc || !code.len)
            continue;
        rh_key_of_type(&b, rh_json_get(coding, "system"), code, value);
        rc = add_buf(x, &b);
    }
    return rc;
}

/* R4 gives it no system of its own: what says how it is used and what it is stand for one. */
static enum rh_rc add_contact(const struct value *x)
{
    struct rh_text value = rh_json_get(x->v, "value"), use = rh_json_get(x->v, "use"),
                   system = rh_json_get(x->v, "system");
    enum rh_rc rc = RH_OK;
    if (use.len || (value.len && !system.len))
        rc = add_token(x, use, value, false);
    if (rc == RH_OK && system.len)
        rc = add_token(x, system, value, false);
    return rc;
}

static enum rh_rc token_value(const struct value *x)
{
    const struct rh_type *t = x->type;
    if (yyjson_is_bool(x->v)) {
        struct rh_text system = rh_key_implied_system("boolean");
        return add_token(x, system, yyjson_get_bool(x->v) ? RH_TEXT("true") : RH_TEXT("false"),
                         false);
    }
    if (!yyjson_is_obj(x->v))
        return add_token(x, rh_text(x->action->system), rh_json_text(x->v), false);
    if (is_a(t, "Coding"))
        return add_coding(x, x->v);
    if (is_a(t, "CodeableConcept"))
        return add_concept(x, x->v);
    if (is_a(t, "Identifier"))
        return add_identifier(x, x->v, false);
    return is_a(t, "ContactPoint") ? add_contact(x) : RH_OK;
}

/* --- strings -----------------------------------------------------------------------------------
 */

enum { FAMILY_PARTS_MAX = 16 };

static enum rh_rc add_string(const struct value *x, yyjson_val *v)
{
    if (yyjson_is_arr(v)) {
        yyjson_val *item;
        size_t i, n;
        yyjson_arr_foreach (v, i, n, item) {
            enum rh_rc rc = yyjson_is_str(item) ? add_string(x, item) : RH_OK;
            if (rc)
                return rc;
        }
        return RH_OK;
    }
    struct rh_text t = rh_json_text(v), line;
    if (!t.len)
        return RH_OK;
    enum rh_rc rc = rh_fold_line(x->m->ctx->arena, t, &line);
    if (rc == RH_OK && line.len)
        rc = add_prefixed(x, 'x', line);
    /* "For robust search, servers should search the parts of a family name independently." */
    for (unsigned i = 0; rc == RH_OK && rh_key_is_family(x->p) && i < FAMILY_PARTS_MAX; i++) {
        struct rh_text part;
        rh_text_split(&line, ' ', &part);
        if (!line.len)
            break;
        rc = add_prefixed(x, 'w', line);
    }
    return rc;
}

static enum rh_rc add_word(const struct value *x, const struct rh_name_word *w)
{
    enum rh_rc rc = add_prefixed(x, 'f', w->folded);
    if (!rh_key_has_skeleton(w))
        return rc;
    for (unsigned i = 0; i < w->n && rc == RH_OK; i++)
        rc = add_prefixed(x, 'k', w->skeletons[i]);
    return rc;
}

/* Each word, and each word joined to the particles before it: "abd al rahman" is found as
 * "abdalrahman" and "alrahman" too. */
static enum rh_rc add_words(const struct value *x, const struct rh_name_word *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        enum rh_rc rc = add_word(x, &words[i]);
        for (unsigned from = i; rc == RH_OK && from > 0 && words[from - 1].particle; from--) {
            struct rh_name_word joined;
            rc = rh_name_join(x->m->ctx->arena, words + from - 1, i - from + 2, &joined);
            if (rc == RH_OK)
                rc = add_word(x, &joined);
        }
        if (rc)
            return rc;
    }
    return RH_OK;
}

struct words {
    struct rh_name_word rows[RH_WORDS_MAX];
    unsigned n;
};

/* Words of a string or of an array of strings, behind those that are there. */
static enum rh_rc gather(const struct value *x, yyjson_val *v, struct words *all)
{
    struct rh_name_word found[RH_WORDS_MAX];
    unsigned n = 0;
    if (yyjson_is_arr(v)) {
        size_t i, max;
        yyjson_val *item;
        yyjson_arr_foreach (v, i, max, item) {
            enum rh_rc rc = yyjson_is_str(item) ? gather(x, item, all) : RH_OK;
            if (rc)
                return rc;
        }
        return RH_OK;
    }
    struct rh_text t = rh_json_text(v);
    if (!t.len)
        return RH_OK;
    enum rh_rc rc = rh_name_words(x->m->ctx->arena, t, found, &n);
    for (unsigned i = 0; i < n && rc == RH_OK && all->n < RH_WORDS_MAX; i++)
        all->rows[all->n++] = found[i];
    return rc;
}

/* given and family are one row of words: the particle may stand in one, its name in the other. */
static enum rh_rc add_name_words(const struct value *x)
{
    static const char *const rows[][2] = {
        {"given", "family"}, {"text", NULL}, {"prefix", NULL}, {"suffix", NULL}};
    struct words words;
    for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        enum rh_rc rc = RH_OK;
        words.n = 0;
        for (unsigned k = 0; k < 2 && rows[r][k] && rc == RH_OK; k++)
            rc = gather(x, member(x->v, rows[r][k]), &words);
        if (rc == RH_OK)
            rc = add_words(x, words.rows, words.n);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static enum rh_rc add_members(const struct value *x, const char *const *names)
{
    enum rh_rc rc = RH_OK;
    for (; *names && rc == RH_OK; names++)
        rc = add_string(x, member(x->v, *names));
    return rc;
}

static enum rh_rc string_value(const struct value *x)
{
    static const char *const name[] = {"text", "family", "given", "prefix", "suffix", NULL};
    static const char *const address[] = {"text",  "line",       "city",    "district",
                                          "state", "postalCode", "country", NULL};
    static const char *const concept[] = {"text", NULL};
    if (!yyjson_is_obj(x->v))
        return add_string(x, x->v);
    if (is_a(x->type, "HumanName")) {
        enum rh_rc rc = add_members(x, name);
        return rc == RH_OK && x->p->words ? add_name_words(x) : rc;
    }
    if (is_a(x->type, "Address"))
        return add_members(x, address);
    if (is_a(x->type, "CodeableConcept") || is_a(x->type, "Annotation"))
        return add_members(x, concept);
    return RH_OK;
}

/* --- dates -------------------------------------------------------------------------------------
 */

static enum rh_rc add_span(const struct value *x, int64_t lo, int64_t hi)
{
    struct rh_maker *m = x->m;
    char *p = rh_maker_room(m, 2 * RH_KEY_INSTANT_SIZE);
    if (!p)
        return RH_NOMEM;
    if (!m->capturing && x->action->slot == m->plan->main_slot && !m->mask &&
        (m->n_main == 0 || lo != m->main_lo || hi != m->main_hi)) {
        m->n_main++;
        m->main_lo = lo;
        m->main_hi = hi;
    }
    rh_key_span((unsigned char *)p, 'l', lo, hi);
    rh_key_span((unsigned char *)p + RH_KEY_INSTANT_SIZE, 'h', hi, lo);
    bool open = lo == INT64_MIN || hi == INT64_MAX;
    enum rh_rc rc = rh_maker_add(m, x->p, (struct rh_text){p, RH_KEY_INSTANT_SIZE});
    if (rc == RH_OK && (open || hi - lo >= RH_KEY_DAY_US))
        rc = rh_maker_add(m, x->p, (struct rh_text){p + RH_KEY_INSTANT_SIZE, RH_KEY_INSTANT_SIZE});
    return rc;
}

static bool read_date(const struct value *x, yyjson_val *v, bool day, struct rh_datetime *ret)
{
    int zone = day ? 0 : x->m->ctx->zone_minutes;
    return v && rh_datetime_parse(rh_json_text(v), RH_DATETIME, zone, ret) == RH_OK;
}

/* False: neither end is stated. */
static bool read_period(const struct value *x, yyjson_val *v, int64_t *lo, int64_t *hi)
{
    struct rh_datetime start, end;
    bool has_start = read_date(x, member(v, "start"), false, &start),
         has_end = read_date(x, member(v, "end"), false, &end);
    *lo = has_start ? start.lo_us : INT64_MIN;
    *hi = has_end ? end.hi_us : INT64_MAX;
    if (*hi < *lo)
        *hi = start.hi_us;
    return has_start || has_end;
}

/* From the first to the last of what is stated. */
static bool read_timing(const struct value *x, int64_t *lo, int64_t *hi)
{
    bool found = false;
    yyjson_val *event, *bounds = member(member(x->v, "repeat"), "boundsPeriod");
    size_t i, n;
    *lo = INT64_MAX;
    *hi = INT64_MIN;
    yyjson_arr_foreach (member(x->v, "event"), i, n, event) {
        struct rh_datetime d;
        if (!read_date(x, event, false, &d))
            continue;
        found = true;
        *lo = d.lo_us < *lo ? d.lo_us : *lo;
        *hi = d.hi_us > *hi ? d.hi_us : *hi;
    }
    int64_t first, last;
    if (bounds && read_period(x, bounds, &first, &last)) {
        *lo = first < *lo ? first : *lo;
        *hi = last > *hi ? last : *hi;
        return true;
    }
    return found;
}

static enum rh_rc date_value(const struct value *x)
{
    int64_t lo, hi;
    struct rh_datetime d;
    if (!yyjson_is_obj(x->v)) {
        bool day = x->type && x->type->kind == RH_KIND_PRIMITIVE && x->type->primitive == RH_P_DATE;
        return read_date(x, x->v, day, &d) ? add_span(x, d.lo_us, d.hi_us) : RH_OK;
    }
    bool found = is_a(x->type, "Period")   ? read_period(x, x->v, &lo, &hi)
                 : is_a(x->type, "Timing") ? read_timing(x, &lo, &hi)
                                           : false;
    return found ? add_span(x, lo, hi) : RH_OK;
}

/* --- numbers and quantities --------------------------------------------------------------------
 */

/* NULL members are open ends. False: there is no number that can be kept exactly. */
static bool add_ends(struct rh_buf *b, yyjson_val *lo, yyjson_val *hi)
{
    yyjson_val *ends[2] = {lo, hi};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_dec d;
        if (!ends[i])
            rh_key_decimal_end(b, i == 1);
        else if (rh_dec_parse(rh_json_text(ends[i]), &d) == RH_OK)
            rh_key_decimal(b, d);
        else
            return false;
    }
    return lo || hi;
}

/* The same bytes as an interval, which is looked for by where it ends. */
static enum rh_rc add_interval(const struct value *x, const struct rh_buf *b)
{
    return add_prefixed(x, 'r', (struct rh_text){b->data + 1, b->len - 1});
}

static enum rh_rc number_value(const struct value *x)
{
    struct rh_buf b = rh_buf(x->m->ctx->arena);
    yyjson_val *lo = x->v, *hi = x->v;
    if (is_a(x->type, "Range")) {
        lo = member(member(x->v, "low"), "value");
        hi = member(member(x->v, "high"), "value");
    } else if (yyjson_is_obj(x->v)) {
        lo = hi = member(x->v, "value");
    }
    rh_buf_char(&b, 'n');
    if (!add_ends(&b, lo, hi))
        return b.rc;
    enum rh_rc rc = add_buf(x, &b);
    return rc || !lo || lo == hi ? rc : add_interval(x, &b);
}

static enum rh_rc add_quantity(const struct value *x, char kind, struct rh_text unit,
                               struct rh_text system, yyjson_val *lo, yyjson_val *hi)
{
    struct rh_buf b = rh_buf(x->m->ctx->arena);
    unsigned char hash[8];
    rh_buf_char(&b, kind);
    rh_buf_text(&b, unit);
    rh_buf_char(&b, 0);
    rh_put_u64(hash, rh_key_system(system));
    rh_buf_add(&b, hash, sizeof hash);
    if (!add_ends(&b, lo, hi))
        return b.rc;
    enum rh_rc rc = add_buf(x, &b);
    return rc || kind != 'q' || !lo || lo == hi ? rc : add_interval(x, &b);
}

/* `of` is the quantity that the unit is taken from. */
static enum rh_rc add_amount(const struct value *x, yyjson_val *of, yyjson_val *lo, yyjson_val *hi)
{
    struct rh_text code = rh_json_get(of, "code"), unit = rh_json_get(of, "unit"),
                   system = rh_json_get(of, "system"), none = {NULL, 0};
    enum rh_rc rc = add_quantity(x, 'q', code.len ? code : unit, code.len ? system : none, lo, hi);
    if (rc == RH_OK && code.len && unit.len && !rh_text_eq(code, unit))
        rc = add_quantity(x, 'p', unit, none, lo, hi);
    return rc;
}

static enum rh_rc quantity_value(const struct value *x)
{
    yyjson_val *value = member(x->v, "value");
    if (is_a(x->type, "Quantity")) {
        struct rh_text comparator = rh_json_get(x->v, "comparator");
        bool below = comparator.len && comparator.data[0] == '<',
             above = comparator.len && comparator.data[0] == '>';
        return value ? add_amount(x, x->v, below ? NULL : value, above ? NULL : value) : RH_OK;
    }
    if (is_a(x->type, "Range")) {
        yyjson_val *low = member(x->v, "low"), *high = member(x->v, "high");
        return low || high
                   ? add_amount(x, low ? low : high, member(low, "value"), member(high, "value"))
                   : RH_OK;
    }
    if (is_a(x->type, "Money"))
        return value ? add_quantity(x, 'q', rh_json_get(x->v, "currency"),
                                    RH_TEXT("urn:iso:std:iso:4217"), value, value)
                     : RH_OK;
    return RH_OK;
}

/* --- references and addresses ------------------------------------------------------------------
 */

static enum rh_rc found_reference(struct rh_maker *m, unsigned type, struct rh_text id,
                                  struct rh_text address, const yyjson_val *inside)
{
    if (m->inside != (inside != NULL) || (m->only_target && type != m->only_target))
        return RH_OK;
    if (m->n_found == m->cap_found) {
        void *rows = rh_arena_grow(m->ctx->arena, m->found, &m->cap_found,
                                   m->cap_found ? 2 * m->cap_found : 8, sizeof *m->found);
        if (!rows)
            return RH_NOMEM;
        m->found = rows;
    }
    m->found[m->n_found++] = (struct rh_found_reference){type, id, address, inside};
    return RH_OK;
}

/* That it refers to a resource of this type inside itself. */
static enum rh_rc add_inside(const struct value *x, unsigned type)
{
    struct rh_buf b = rh_buf(x->m->ctx->arena);
    rh_key_inside(&b, type);
    return x->m->mask || x->m->capturing ? RH_OK : add_buf(x, &b);
}

/* "#id": the contained resource of that id. */
static enum rh_rc add_contained(const struct value *x, struct rh_text id)
{
    yyjson_val *v;
    size_t i, n;
    yyjson_val *resource = (yyjson_val *)(uintptr_t)x->m->resource;
    yyjson_arr_foreach (yyjson_obj_get(resource, "contained"), i, n, v) {
        const struct rh_type *type = rh_type_find(rh_json_get(v, "resourceType"));
        if (!type || !type->resource || (x->action->only && type->resource != x->action->only) ||
            !rh_text_eq(rh_json_get(v, "id"), id))
            continue;
        return x->m->references
                   ? found_reference(x->m, type->resource, id, (struct rh_text){NULL, 0}, v)
                   : add_inside(x, type->resource);
    }
    return RH_OK;
}

static void tell_views(const struct value *x, unsigned type)
{
    const struct rh_slot *s = &x->m->plan->slots[x->action->slot];
    for (unsigned i = 0; i < s->n_views; i++)
        if (s->views[2 * i + 1] == type)
            x->m->seen[s->views[2 * i]] = true;
}

static enum rh_rc add_address(const struct value *x, struct rh_text text, bool canonical)
{
    const char *bar = canonical && text.len ? memchr(text.data, '|', text.len) : NULL;
    struct rh_text whole = text, none = {NULL, 0};
    if (bar)
        text.len = (size_t)(bar - text.data);
    /* Without a base: the address under which this server was asked must not change a key. */
    struct rh_reference r =
        rh_reference_parse(text, x->m->references ? x->m->ctx->base : (struct rh_text){"", 0});
    if (r.kind == RH_REF_CONTAINED)
        return add_contained(x, r.id);
    if (!text.len || r.kind == RH_REF_CONDITIONAL || (x->action->only && r.type != x->action->only))
        return RH_OK;
    bool local = r.kind == RH_REF_LOCAL;
    if (x->m->references)
        return found_reference(x->m, r.type, local ? r.id : none, local ? none : text, NULL);
    tell_views(x, r.type);
    struct rh_buf b = rh_buf(x->m->ctx->arena);
    rh_key_reference(&b, r.type, local ? r.id : none, text);
    enum rh_rc rc = add_buf(x, &b);
    if (rc || !bar)
        return rc;
    struct rh_buf versioned = rh_buf(x->m->ctx->arena);
    rh_buf_char(&versioned, 'v');
    rh_buf_text(&versioned, rh_buf_get(&b));
    rh_buf_char(&versioned, 0);
    rh_buf_add(&versioned, bar + 1, (size_t)(whole.data + whole.len - bar) - 1);
    return add_buf(x, &versioned);
}

static enum rh_rc reference_value(const struct value *x)
{
    if (yyjson_is_str(x->v)) {
        bool canonical =
            x->type && x->type->kind == RH_KIND_PRIMITIVE && x->type->primitive == RH_P_CANONICAL;
        return add_address(x, rh_json_text(x->v), canonical);
    }
    if (is_a(x->type, "Reference")) {
        yyjson_val *identifier = member(x->v, "identifier");
        struct rh_text text = rh_json_get(x->v, "reference");
        enum rh_rc rc = add_address(x, text, false);
        bool other = x->action->only &&
                     rh_reference_parse(text, (struct rh_text){"", 0}).type != x->action->only;
        return rc || !identifier || other || x->m->references ? rc
                                                              : add_identifier(x, identifier, true);
    }
    /* A resource inside (the first entry of a document): it is what is referred to. */
    const struct rh_type *inner = rh_type_find(rh_json_get(x->v, "resourceType"));
    struct rh_text id = rh_json_get(x->v, "id"), none = {NULL, 0};
    if (!inner || !inner->resource || !id.len)
        return RH_OK;
    if (x->m->references)
        return found_reference(x->m, inner->resource, id, none, x->m->inside ? x->v : NULL);
    tell_views(x, inner->resource);
    struct rh_buf b = rh_buf(x->m->ctx->arena);
    rh_key_reference(&b, inner->resource, id, none);
    enum rh_rc rc = add_inside(x, inner->resource);
    return rc ? rc : add_buf(x, &b);
}

static enum rh_rc uri_value(const struct value *x)
{
    struct rh_text t = rh_json_text(x->v);
    const char *bar = t.len ? memchr(t.data, '|', t.len) : NULL;
    enum rh_rc rc = t.len ? add_prefixed(x, 'u', t) : RH_OK;
    if (rc == RH_OK && bar && bar > t.data && x->type && x->type->kind == RH_KIND_PRIMITIVE &&
        x->type->primitive == RH_P_CANONICAL)
        rc = add_prefixed(x, 'u', (struct rh_text){t.data, (size_t)(bar - t.data)});
    return rc;
}

static enum rh_rc near_value(const struct value *x)
{
    struct rh_dec latitude, longitude;
    uint64_t cell;
    char *p = rh_maker_room(x->m, 9);
    if (!p)
        return RH_NOMEM;
    if (rh_dec_parse(rh_json_text(member(x->v, "latitude")), &latitude) ||
        rh_dec_parse(rh_json_text(member(x->v, "longitude")), &longitude) ||
        !rh_key_cell(latitude, longitude, &cell))
        return RH_OK;
    p[0] = 'g';
    rh_put_u64((unsigned char *)p + 1, cell);
    return rh_maker_add(x->m, x->p, (struct rh_text){p, 9});
}

/* --- */

/* The value of an extension stands for it. */
static enum rh_rc extension_value(const struct value *x, bool *done)
{
    yyjson_val *key, *v;
    size_t i, n;
    *done = false;
    if (!x->type || !yyjson_is_obj(x->v) || strcmp(x->type->name, "Extension") != 0)
        return RH_OK;
    *done = true;
    yyjson_obj_foreach (x->v, i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        const struct rh_element *e =
            rh_text_starts(name, "value") ? rh_element_find(x->type, name) : NULL;
        if (e)
            return rh_key_value(x->m, x->action, e->type, v);
    }
    return RH_OK;
}

static enum rh_rc (*const makers[])(const struct value *x) = {
    [RH_SP_SPECIAL] = near_value,        [RH_SP_STRING] = string_value,
    [RH_SP_TOKEN] = token_value,         [RH_SP_DATE] = date_value,
    [RH_SP_REFERENCE] = reference_value, [RH_SP_NUMBER] = number_value,
    [RH_SP_QUANTITY] = quantity_value,   [RH_SP_URI] = uri_value,
};

enum rh_rc rh_key_value(struct rh_maker *m, const struct rh_action *action,
                        const struct rh_type *type, const yyjson_val *v)
{
    const struct rh_parameter *p = m->plan->slots[action->slot].parameter;
    bool done;
    if (action->component)
        p = p->components[action->component - 1];
    struct value x = {m, action, p, type, (yyjson_val *)(uintptr_t)v};
    if (!v || yyjson_is_null(x.v) || p->kind >= sizeof makers / sizeof makers[0])
        return RH_OK;
    if (m->references && p->kind != RH_SP_REFERENCE)
        return RH_OK;
    enum rh_rc rc = extension_value(&x, &done);
    return done ? rc : makers[p->kind](&x);
}

/* A value of the language, which has no JSON of its own, is written and read. */
enum rh_rc rh_key_item(struct rh_maker *m, const struct rh_action *action,
                       const struct rh_fp_item *item)
{
    if (item->kind == RH_FP_NODE)
        return item->node.value ? rh_key_value(m, action, item->type, item->node.value) : RH_OK;
    struct rh_buf b = rh_buf(m->ctx->arena);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_fp_print_item(item, &b);
    rh_issues_init(&is, m->ctx->arena);
    if (b.rc)
        return b.rc;
    enum rh_rc rc = rh_json_parse(m->ctx->arena, &is, rh_buf_get(&b), &doc);
    if (rc)
        return rc == RH_NOMEM ? rc : RH_OK;
    const char *name = item->kind == RH_FP_QUANTITY ? "Quantity"
                       : item->kind == RH_FP_DATE   ? "date"
                                                    : "string";
    return rh_key_value(m, action, rh_type_find(rh_text(name)), yyjson_doc_get_root(doc));
}
