/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fixed and pattern values (ElementDefinition.fixed[x], pattern[x]). Fixed: the same, member by
 * member. Pattern: everything in the pattern is there; each item of an array of it is matched by
 * some item of the value.
 */
#include "base/decimal.h"
#include "conformance/validate_int.h"

enum { FIXED_DEPTH_MAX = 32 };

static bool same_text(yyjson_val *a, yyjson_val *b)
{
    struct rh_text s = rh_json_text(a), t = rh_json_text(b);
    if (rh_text_eq(s, t))
        return true;
    struct rh_dec x, y;
    return yyjson_is_raw(a) && rh_dec_parse(s, &x) == RH_OK && rh_dec_parse(t, &y) == RH_OK &&
           rh_dec_cmp(x, y) == 0;
}

static bool matches(yyjson_val *want, yyjson_val *have, bool pattern, unsigned depth);

static bool matches_object(yyjson_val *want, yyjson_val *have, bool pattern, unsigned depth)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (!pattern && yyjson_obj_size(want) != yyjson_obj_size(have))
        return false;
    yyjson_obj_foreach (want, i, n, key, v) {
        yyjson_val *other =
            yyjson_obj_getn(have, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
        if (!other || !matches(v, other, pattern, depth + 1))
            return false;
    }
    return true;
}

static bool matches_array(yyjson_val *want, yyjson_val *have, bool pattern, unsigned depth)
{
    size_t i, n, j, m;
    yyjson_val *v, *w;
    if (!pattern && yyjson_arr_size(want) != yyjson_arr_size(have))
        return false;
    yyjson_arr_foreach (want, i, n, v) {
        bool found = false;
        yyjson_arr_foreach (have, j, m, w) {
            if ((pattern || i == j) && matches(v, w, pattern, depth + 1)) {
                found = true;
                break;
            }
        }
        if (!found)
            return false;
    }
    return true;
}

static bool matches(yyjson_val *want, yyjson_val *have, bool pattern, unsigned depth)
{
    if (depth > FIXED_DEPTH_MAX || yyjson_get_type(want) != yyjson_get_type(have))
        return false;
    if (yyjson_is_obj(want))
        return matches_object(want, have, pattern, depth);
    if (yyjson_is_arr(want))
        return matches_array(want, have, pattern, depth);
    if (yyjson_is_bool(want))
        return yyjson_get_bool(want) == yyjson_get_bool(have);
    return same_text(want, have);
}

/* A short JSON text of a value for a sentence. */
static struct rh_text in_words(struct rh_run *r, yyjson_val *v)
{
    if (!v)
        return RH_TEXT("nothing");
    if (yyjson_is_str(v) || yyjson_is_raw(v))
        return rh_shown(rh_json_text(v));
    struct rh_buf b = rh_buf(r->c->arena);
    rh_json_write(&b, v);
    enum { SENTENCE_MAX = 200 };
    return b.len > SENTENCE_MAX ? rh_shown(rh_buf_get(&b)) : rh_buf_get(&b);
}

static void compare(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                    yyjson_val *want, bool pattern)
{
    if (matches(want, at->value, pattern, 0))
        return;
    /* A member that differs or is missing is named where it stands or would stand. */
    if (yyjson_is_obj(want) && yyjson_is_obj(at->value)) {
        size_t i, n;
        yyjson_val *key, *v;
        bool said = false;
        yyjson_obj_foreach (want, i, n, key, v) {
            struct rh_text name = rh_json_text(key);
            yyjson_val *have = yyjson_obj_getn(at->value, name.data, name.len);
            if (yyjson_is_arr(v) || (have && matches(v, have, pattern, 1)))
                continue;
            struct rh_place below = rh_below(at, name.data, name.len, -1);
            below.value = have;
            rh_complain(r, RH_ERROR, "value", &below,
                        "the value must be \"%.*s\", but it is \"%.*s\" (%.*s)",
                        RH_TEXT_ARG(in_words(r, v)), RH_TEXT_ARG(in_words(r, have)),
                        RH_TEXT_ARG(rule->profile->url));
            said = true;
        }
        if (said)
            return;
    }
    rh_complain(r, RH_ERROR, "value", at, "the value must %s \"%.*s\", but it is \"%.*s\" (%.*s)",
                pattern && !yyjson_is_str(want) ? "have" : "be", RH_TEXT_ARG(in_words(r, want)),
                RH_TEXT_ARG(in_words(r, at->value)), RH_TEXT_ARG(rule->profile->url));
}

void rh_check_fixed(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    if (!at->value) {
        rh_complain(r, RH_ERROR, "value", at,
                    "a fixed value is wanted here, but there is none (%.*s)",
                    RH_TEXT_ARG(rule->profile->url));
        return;
    }
    if (rule->fixed)
        compare(r, at, rule, rule->fixed, false);
    if (rule->pattern)
        compare(r, at, rule, rule->pattern, true);
}
