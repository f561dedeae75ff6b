/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_match.c - does a key, or a resource, match a condition?
 */
#include "search/collect_int.h"
#include "search/query_int.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "fhir/reference.h"

/* --- keys --------------------------------------------------------------------------------------
 */

static bool in_range(struct rh_text key, struct rh_text lo, struct rh_text hi)
{
    return rh_text_cmp(key, lo) >= 0 && (!hi.data || rh_text_cmp(key, hi) < 0);
}

static bool contains(struct rh_text t, struct rh_text part)
{
    for (size_t i = 0; i + part.len <= t.len; i++)
        if (memcmp(t.data + i, part.data, part.len) == 0)
            return true;
    return false;
}

static bool date_key(const struct rh_probe *p, struct rh_text key)
{
    if (key.len != RH_KEY_INSTANT_SIZE || (key.data[0] != 'l' && key.data[0] != 'h'))
        return false;
    const unsigned char *k = (const unsigned char *)key.data;
    int64_t first = rh_get_i64(k + 1), second = rh_get_i64(k + 9);
    return k[0] == 'l' ? rh_probe_span(p, first, second) : rh_probe_span(p, second, first);
}

static bool leaf_key(struct rh_ctx *ctx, const struct rh_leaf *l, struct rh_text key)
{
    for (unsigned i = 0; i < l->n; i++)
        if (rh_probe_key(ctx, &l->probes[i], key))
            return true;
    return false;
}

/* Takes an escaped component off. False: the key is cut there. */
static bool take_component(struct rh_ctx *ctx, struct rh_text *rest, char *room,
                           struct rh_text *ret)
{
    (void)ctx;
    size_t n = 0;
    for (size_t i = 0; i + 1 < rest->len; i++) {
        if (rest->data[i] == 0 && rest->data[i + 1] == 0) {
            *ret = (struct rh_text){room, n};
            rest->data += i + 2;
            rest->len -= i + 2;
            return true;
        }
        room[n++] = rest->data[i];
        if (rest->data[i] == 0)
            i++;
    }
    return false;
}

enum { COMPONENT_LEN = 2048 };

static bool composite_key(struct rh_ctx *ctx, const struct rh_probe *p, struct rh_text key)
{
    char room[COMPONENT_LEN];
    struct rh_text rest = key, part;
    for (unsigned i = 0; i < p->n_each; i++) {
        if (i + 1 == p->n_each) {
            part = rest;
        } else if (rest.len > sizeof room || !take_component(ctx, &rest, room, &part)) {
            return true; /* cut: the body decides */
        }
        if (!leaf_key(ctx, &p->each[i], part))
            return false;
    }
    return true;
}

bool rh_probe_key(struct rh_ctx *ctx, const struct rh_probe *p, struct rh_text key)
{
    enum { HASH = 8 };
    switch (p->kind) {
    case RH_PROBE_RANGE:
        return p->point ? rh_text_eq(key, p->lo) : in_range(key, p->lo, p->hi);
    case RH_PROBE_SYSTEM:
        return key.len > HASH && key.data[0] == 'c' &&
               rh_get_u64((const unsigned char *)key.data + key.len - HASH) == p->system;
    case RH_PROBE_DATE:
        return date_key(p, key);
    case RH_PROBE_NUMBER:
        return key.len > 1 && (key.data[0] == 'n' || key.data[0] == 'r') &&
               rh_bounds_key(&p->bounds, (struct rh_text){key.data + 1, key.len - 1});
    case RH_PROBE_QUANTITY:
        return rh_amount_key(p->amount, key);
    case RH_PROBE_CONTAINS:
        return key.len > 1 && key.data[0] == 'x' &&
               contains((struct rh_text){key.data + 1, key.len - 1}, p->text);
    case RH_PROBE_COMPOSITE:
        return composite_key(ctx, p, key);
    }
    return false;
}

bool rh_condition_key(const struct rh_condition *c, const struct rh_range *range,
                      struct rh_text bytes)
{
    const struct rh_leaf *l = c->test;
    if (range->point)
        return rh_text_eq(bytes, range->lo);
    if (!in_range(bytes, range->lo, range->hi))
        return false;
    bool internal = range->number >= RH_PARAM_INTERNAL && range->number < RH_PARAM_ADDED;
    if (bytes.len >= RH_KEY_CUT || l->missing || l->n == 0 || internal)
        return true;
    return leaf_key(NULL, l, bytes);
}

static bool has_number(const struct rh_leaf *l, unsigned number)
{
    for (unsigned i = 0; i < l->n_numbers; i++)
        if (l->numbers[i] == number)
            return true;
    return false;
}

static bool has_any(const struct rh_leaf *l, const struct rh_search_key *key)
{
    if (l->missing_of == 0)
        return true;
    return key->bytes.len > 2 &&
           rh_get_u16((const unsigned char *)key->bytes.data) == l->missing_of;
}

bool rh_shape_lists(struct rh_text shape, const struct rh_parameter *p)
{
    if (p->part_target && p->n_parts) /* shapes list views of one type */
        return rh_shape_has(shape, p->number);
    for (unsigned i = 0; i < p->n_parts; i++)
        if (rh_shape_lists(shape, p->parts[i]))
            return true;
    return p->n_parts == 0 && rh_shape_has(shape, p->number);
}

static bool in_shape(const struct rh_condition *c, const struct rh_search_keys *keys)
{
    const struct rh_leaf *l = c->test;
    for (unsigned i = keys->n_own; i < keys->n; i++)
        if (keys->rows[i].type == c->type && keys->rows[i].number == RH_PARAM_SHAPE)
            return rh_shape_lists(keys->rows[i].bytes, l->shape_of);
    return false;
}

/* Contained resources are looked at as such: of their own keys, and of their container's, the
 * others do not count. */
static bool counts(const struct rh_leaf *l, unsigned number, enum rh_candidate_part part)
{
    bool inside = number & RH_PARAM_CONTAINED;
    if (part != RH_CANDIDATE_WHOLE && inside)
        return false;
    return has_number(l, part == RH_CANDIDATE_INSIDE ? number | RH_PARAM_CONTAINED : number);
}

static bool leaf_keys(struct rh_ctx *ctx, const struct rh_condition *c,
                      const struct rh_search_keys *keys, enum rh_candidate_part part)
{
    const struct rh_leaf *l = c->test;
    bool found = false;
    if (l->shape_of)
        return in_shape(c, keys) != l->inverted;
    for (unsigned i = 0; i < keys->n_own && !found; i++) {
        const struct rh_search_key *key = &keys->rows[i];
        if (key->type != c->type || !counts(l, key->number, part))
            continue;
        found = l->missing ? has_any(l, key) : leaf_key(ctx, l, key->bytes);
    }
    return found != l->inverted;
}

bool rh_condition_keys(const struct rh_condition *c, const struct rh_search_keys *keys)
{
    return leaf_keys(NULL, c, keys, RH_CANDIDATE_WHOLE) != c->negated;
}

bool rh_condition_aux(const struct rh_condition *c, int64_t aux, bool *ret)
{
    const struct rh_parameter *p = c->kind == RH_COND_KEYS ? c->parameter : NULL;
    const struct rh_leaf *l = c->test;
    int64_t lo, hi;
    if (!p || p->kind != RH_SP_DATE || p->type == 0 || c->negated || l->missing ||
        l->n_numbers != 1 || l->numbers[0] & RH_PARAM_CONTAINED)
        return false;
    const struct rh_parameter *main = rh_parameter_main_date(c->type);
    if (!main || main->number != l->numbers[0] || !rh_aux_span(aux, &lo, &hi))
        return false;
    *ret = false;
    for (unsigned i = 0; i < l->n && !*ret; i++)
        *ret = rh_probe_span(&l->probes[i], lo, hi);
    return true;
}

/* --- what the body says ------------------------------------------------------------------------
 */

struct asking {
    struct rh_ctx *ctx;
    const struct rh_leaf *leaf;
    bool found;
};

static bool equals(void *user, struct rh_text t)
{
    struct asking *a = user;
    for (unsigned i = 0; i < a->leaf->n_texts; i++)
        a->found |= rh_text_eq(t, a->leaf->texts[i]);
    return a->found;
}

bool rh_words_begin(struct rh_text wanted, struct rh_text text)
{
    struct rh_text word, rest, other;
    while (rh_text_split(&wanted, ' ', &word)) {
        bool found = false;
        for (rest = text; !found && rh_text_split(&rest, ' ', &other);)
            found = rh_text_begins(other, word);
        if (!found)
            return false;
    }
    return true;
}

static bool has_words(void *user, struct rh_text t)
{
    struct asking *a = user;
    struct rh_text line;
    if (rh_fold_line(a->ctx->arena, t, &line))
        return false;
    for (unsigned i = 0; i < a->leaf->n_texts && line.len; i++)
        a->found |= rh_words_begin(a->leaf->texts[i], line);
    return a->found;
}

static void is_near(struct asking *a, const struct rh_fp_item *item)
{
    struct rh_dec latitude, longitude;
    if (item->kind != RH_FP_NODE ||
        rh_dec_parse(rh_json_text(yyjson_obj_get(item->node.value, "latitude")), &latitude) ||
        rh_dec_parse(rh_json_text(yyjson_obj_get(item->node.value, "longitude")), &longitude))
        return;
    for (unsigned i = 0; i < a->leaf->n_places; i++)
        a->found |=
            rh_near_is(&a->leaf->places[i], rh_near_double(latitude), rh_near_double(longitude));
}

/* What a reference says of the type that it points to; 0: nothing. */
static unsigned target_of(struct rh_ctx *ctx, yyjson_val *reference)
{
    struct rh_text type = rh_json_get(reference, "type"), head;
    unsigned n = rh_reference_parse(rh_json_get(reference, "reference"), ctx->base).type;
    if (n)
        return n;
    for (struct rh_text rest = type; rh_text_split(&rest, '/', &head);)
        type = head; /* "Patient", or the address of its definition */
    return rh_resource_number(type);
}

static void has_identifier(struct asking *a, const struct rh_fp_item *item)
{
    struct rh_arena *arena = a->ctx->arena;
    struct rh_buf code = rh_buf(arena), system = rh_buf(arena);
    unsigned char hash[8];
    if (item->kind != RH_FP_NODE)
        return;
    yyjson_val *identifier = yyjson_obj_get(item->node.value, "identifier");
    unsigned type = target_of(a->ctx, item->node.value);
    struct rh_text value = rh_json_get(identifier, "value");
    if (!identifier || (type && type != a->leaf->of))
        return;
    rh_put_u64(hash, rh_key_system(rh_json_get(identifier, "system")));
    rh_buf_str(&code, "ic");
    rh_key_word(&code, value, true);
    rh_buf_add(&code, hash, sizeof hash);
    rh_buf_str(&system, "is");
    rh_buf_add(&system, hash, sizeof hash);
    if (value.len)
        a->found |= leaf_key(a->ctx, a->leaf, rh_buf_get(&code));
    if (rh_json_get(identifier, "system").len)
        a->found |= leaf_key(a->ctx, a->leaf, rh_buf_get(&system));
}

/* The values of the parameter in one resource. */
static enum rh_rc ask_values(struct asking *a, yyjson_val *resource)
{
    for (unsigned i = 0; i < a->leaf->n_values && !a->found; i++) {
        struct rh_fp_list found = {.items = NULL};
        struct rh_ctx c = *a->ctx;
        struct rh_issues is;
        struct rh_fp_input in = {.focus = rh_fp_resource(resource, false), .resource = resource};
        rh_issues_init(&is, c.arena);
        c.issues = &is;
        c.host = NULL;
        c.steps = 0;
        enum rh_rc rc = rh_fp_eval(&c, a->leaf->values[i], &in, &found);
        if (rc == RH_NOMEM)
            return rc;
        for (size_t k = 0; rc == RH_OK && k < found.count && !a->found; k++) {
            if (a->leaf->body == RH_BODY_NEAR)
                is_near(a, &found.items[k]);
            else if (a->leaf->body == RH_BODY_IDENTIFIER)
                has_identifier(a, &found.items[k]);
            else if (a->leaf->body == RH_BODY_EXACT)
                rh_value_strings(&found.items[k], equals, a);
            else
                rh_value_descriptions(&found.items[k], has_words, a);
        }
    }
    return RH_OK;
}

/* Its own values, or those of the contained resources of the type. */
static enum rh_rc ask_resource(struct asking *a, const struct rh_condition *c,
                               const struct rh_candidate *r)
{
    yyjson_val *resource = (yyjson_val *)(uintptr_t)r->resource, *inner;
    const struct rh_type *type = rh_resource_type(c->type);
    size_t i, n;
    bool own = false, contained = false;
    for (unsigned k = 0; k < a->leaf->n_numbers; k++) {
        bool inside = a->leaf->numbers[k] & RH_PARAM_CONTAINED;
        own |= inside == (r->part == RH_CANDIDATE_INSIDE);
        contained |= inside && r->part == RH_CANDIDATE_WHOLE;
    }
    enum rh_rc rc = own && r->type == c->type ? ask_values(a, resource) : RH_OK;
    if (!contained || !type)
        return rc;
    yyjson_arr_foreach (yyjson_obj_get(resource, "contained"), i, n, inner)
        if (rc == RH_OK && rh_text_is(rh_json_get(inner, "resourceType"), type->name))
            rc = ask_values(a, inner);
    return rc;
}

/* --- words of all texts: by the resource's own rows, and by its strings where it has more of them
 * than rows ------------------------------------------------------------------------------------ */

static bool own_atom(const struct rh_search_keys *keys, unsigned number, uint64_t hash)
{
    for (unsigned i = 0; i < keys->n_own; i++) {
        const struct rh_search_key *key = &keys->rows[i];
        if (key->number == number && key->bytes.len == 9 &&
            rh_get_u64((const unsigned char *)key->bytes.data + 1) == hash)
            return true;
    }
    return false;
}

static bool row_has(const struct rh_candidate *r, struct rh_text word)
{
    enum { HASH = 8 };
    struct rh_text start = rh_text_shown(word, RH_KEY_TEXT_WORD);
    for (unsigned i = r->keys.n_own; i < r->keys.n; i++) {
        const struct rh_search_key *key = &r->keys.rows[i];
        if (key->number != RH_PARAM_WORD || key->bytes.len < 2 + HASH)
            continue;
        struct rh_text own = {key->bytes.data + 1, key->bytes.len - 2 - HASH};
        if (rh_text_begins(own, start))
            return true;
    }
    return false;
}

static bool any_string(struct asking *a, yyjson_val *v, unsigned depth)
{
    yyjson_val *key, *inner;
    size_t i, n;
    if (yyjson_is_str(v)) {
        struct rh_text plain = rh_json_text(v);
        if (plain.len && plain.data[0] == '<' && rh_key_plain_text(a->ctx->arena, plain, &plain))
            return false;
        return has_words(a, plain);
    }
    if (depth > RH_JSON_DEPTH_MAX)
        return false;
    if (yyjson_is_arr(v))
        yyjson_arr_foreach (v, i, n, inner)
            if (any_string(a, inner, depth + 1))
                return true;
    if (yyjson_is_obj(v))
        yyjson_obj_foreach (v, i, n, key, inner)
            if (any_string(a, inner, depth + 1))
                return true;
    return false;
}

static enum rh_rc ask_texts(struct asking *a, const struct rh_candidate *r)
{
    yyjson_val *resource = (yyjson_val *)(uintptr_t)r->resource;
    struct rh_text div = rh_json_get(yyjson_obj_get(resource, "text"), "div"), plain;
    if (a->leaf->body == RH_BODY_NARRATIVE) {
        enum rh_rc rc = div.len ? rh_key_plain_text(a->ctx->arena, div, &plain) : RH_OK;
        if (div.len && rc == RH_OK)
            has_words(a, plain);
        return rc;
    }
    for (unsigned i = 0; i < a->leaf->n_texts && !a->found; i++)
        a->found = row_has(r, a->leaf->texts[i]);
    if (!a->found && own_atom(&r->keys, RH_PARAM_ATOM, 0))
        any_string(a, resource, 0);
    return RH_OK;
}

/* --- */

static bool has_id(const struct rh_condition *c, struct rh_text id)
{
    unsigned lo = 0, hi = c->n_ids;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        int order = rh_text_cmp(c->ids[mid], id);
        if (order == 0)
            return true;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static enum rh_rc match_keys(struct rh_ctx *ctx, const struct rh_condition *c,
                             const struct rh_candidate *r, bool *ret)
{
    const struct rh_leaf *l = c->test;
    struct asking a = {.ctx = ctx, .leaf = l};
    enum rh_rc rc = RH_OK;
    if (c->parameter && c->parameter->number == RH_PARAM_LAST_UPDATED) {
        for (unsigned i = 0; i < l->n && !a.found; i++)
            a.found = rh_probe_span(&l->probes[i], r->updated_us, r->updated_us);
    } else if (l->body == RH_BODY_NONE) {
        a.found = leaf_keys(ctx, c, &r->keys, r->part);
    } else if (l->body == RH_BODY_NARRATIVE || l->body == RH_BODY_CONTENT) {
        rc = ask_texts(&a, r);
    } else {
        rc = ask_resource(&a, c, r);
    }
    *ret = a.found != c->negated;
    return rc;
}

static enum rh_rc match_all(struct rh_ctx *ctx, const struct rh_condition *c,
                            const struct rh_candidate *r, bool *ret)
{
    enum rh_rc rc = RH_OK;
    *ret = true;
    for (unsigned i = 0; i < c->n_children && *ret && rc == RH_OK; i++)
        rc = rh_condition_match(ctx, &c->children[i], r, ret);
    return rc;
}

/* Does the resource itself, or one of those that it contains, match all of them? */
static enum rh_rc match_one(struct rh_ctx *ctx, const struct rh_condition *c,
                            const struct rh_candidate *r, bool *ret)
{
    yyjson_val *v;
    size_t i, n;
    struct rh_candidate itself = *r;
    enum rh_rc rc = RH_OK;
    *ret = false;
    itself.part = RH_CANDIDATE_ITSELF;
    if (r->type == c->type)
        rc = match_all(ctx, c, &itself, ret);
    yyjson_arr_foreach (yyjson_obj_get((yyjson_val *)(uintptr_t)r->resource, "contained"), i, n,
                        v) {
        const struct rh_type *type = rh_type_find(rh_json_get(v, "resourceType"));
        struct rh_candidate inner = {.id = rh_json_get(v, "id"),
                                     .updated_us = r->updated_us,
                                     .resource = v,
                                     .part = RH_CANDIDATE_INSIDE};
        if (rc || *ret || !type || type->resource != c->type)
            continue;
        inner.type = type->resource;
        rc = rh_keys_of(ctx, type, v, &inner.keys);
        if (rc == RH_OK)
            rc = match_all(ctx, c, &inner, ret);
    }
    return rc;
}

enum rh_rc rh_condition_match(struct rh_ctx *ctx, const struct rh_condition *c,
                              const struct rh_candidate *r, bool *ret)
{
    bool all = c->kind == RH_COND_AND;
    switch (c->kind) {
    case RH_COND_NONE:
        *ret = false;
        return RH_OK;
    case RH_COND_IDS:
        *ret = r->type == c->type && has_id(c, r->id);
        return RH_OK;
    case RH_COND_KEYS:
        *ret = false; /* a resource of another type matches by what it contains, if at all */
        return r->type == c->type || c->contained ? match_keys(ctx, c, r, ret) : RH_OK;
    case RH_COND_CHAIN:
    case RH_COND_HAS:
        return RH_UNSUPPORTED;
    case RH_COND_AND:
    case RH_COND_OR:
        break;
    }
    if (all && c->contained && r->part == RH_CANDIDATE_WHOLE)
        return match_one(ctx, c, r, ret);
    *ret = all;
    for (unsigned i = 0; i < c->n_children && *ret == all; i++) {
        enum rh_rc rc = rh_condition_match(ctx, &c->children[i], r, ret);
        if (rc)
            return rc;
    }
    return RH_OK;
}

void rh_condition_wish(const struct rh_condition *c, struct rh_key_wish *w)
{
    const struct rh_leaf *l = c->test;
    for (unsigned i = 0; i < c->n_children && (c->kind == RH_COND_AND || c->kind == RH_COND_OR);
         i++)
        rh_condition_wish(&c->children[i], w);
    if (c->contained)
        w->all = true;
    if (c->kind != RH_COND_KEYS || (c->parameter && c->parameter->number == RH_PARAM_LAST_UPDATED))
        return;
    if (l->shape_of || l->body == RH_BODY_NARRATIVE || l->body == RH_BODY_CONTENT)
        w->all = true;
    for (unsigned i = 0; i < l->n_numbers && l->body == RH_BODY_NONE; i++)
        rh_key_wish_add(w, l->numbers[i]);
}
