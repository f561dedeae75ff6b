/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clinical/subset.h"

#include "base/decimal.h"

enum { SHOWN_BYTES = 300 };

static yyjson_val *bare(const yyjson_val *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static bool is_nothing(const yyjson_val *v)
{
    return !v || yyjson_is_null(bare(v));
}

static bool same_number(struct rh_text a, struct rh_text b)
{
    struct rh_dec x, y;
    if (rh_text_eq(a, b))
        return true;
    return rh_dec_parse(a, &x) == RH_OK && rh_dec_parse(b, &y) == RH_OK && rh_dec_cmp(x, y) == 0;
}

static bool same_scalar(const yyjson_val *want, const yyjson_val *got)
{
    if (!got || yyjson_get_type(bare(want)) != yyjson_get_type(bare(got)))
        return false;
    if (yyjson_is_bool(bare(want)))
        return yyjson_get_bool(bare(want)) == yyjson_get_bool(bare(got));
    if (yyjson_is_raw(bare(want)))
        return same_number(rh_json_text(want), rh_json_text(got));
    return rh_text_eq(rh_json_text(want), rh_json_text(got));
}

/* How many leaves of `want` are found; *all: every one. What is nested at most RH_JSON_DEPTH_MAX
 * deep is compared pair by pair, so the work is at most the product of the sizes. */
static size_t matches(const yyjson_val *want, const yyjson_val *got, bool *all)
{
    size_t i, n, k, m, sum = 0;
    yyjson_val *key, *v, *other;
    if (is_nothing(want)) {
        *all = is_nothing(got);
        return *all;
    }
    if (yyjson_is_obj(bare(want))) {
        *all = yyjson_is_obj(bare(got));
        yyjson_obj_foreach (bare(want), i, n, key, v) {
            bool one;
            sum += matches(v, yyjson_obj_getn(bare(got), yyjson_get_str(key), yyjson_get_len(key)),
                           &one);
            *all &= one;
        }
        return sum;
    }
    if (yyjson_is_arr(bare(want))) {
        bool empty = yyjson_arr_size(bare(want)) == 0;
        *all = empty ? is_nothing(got) || (yyjson_is_arr(bare(got)) && !yyjson_arr_size(bare(got)))
                     : yyjson_is_arr(bare(got));
        yyjson_arr_foreach (bare(want), i, n, v) {
            size_t best = 0;
            bool found = false;
            yyjson_arr_foreach (bare(got), k, m, other) {
                bool one;
                size_t found_leaves = matches(v, other, &one);
                best = found_leaves > best ? found_leaves : best;
                found |= one;
                if (one)
                    break;
            }
            sum += best;
            *all &= found;
        }
        return sum;
    }
    *all = same_scalar(want, got);
    return *all;
}

static bool matches_all(const yyjson_val *want, const yyjson_val *got)
{
    bool all;
    matches(want, got, &all);
    return all;
}

/* Elements of lists are known by these; one that has the wanted one is the one that is meant. */
static size_t same_name(const yyjson_val *want, const yyjson_val *got)
{
    static const char *const names[] = {"id",         "item",   "protocol",     "state", "linkId",
                                        "definition", "system", "resourceType", "code",  "url"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        yyjson_val *v = yyjson_obj_get(bare(want), names[i]);
        if (v && !yyjson_is_ctn(v) && same_scalar(v, yyjson_obj_get(bare(got), names[i])))
            return 1000;
    }
    return 0;
}

static void find(struct rh_arena *a, const yyjson_val *want, const yyjson_val *got,
                 const char *path, struct rh_difference *ret);

/* In the element that comes nearest; when none has anything in common, the list itself differs. */
static void find_in_list(struct rh_arena *a, const yyjson_val *want, const yyjson_val *got,
                         const char *path, struct rh_difference *ret)
{
    size_t i, n, k, m, best = 0, at = 0;
    yyjson_val *v, *other, *nearest = NULL;
    *ret = (struct rh_difference){path, want, got};
    if (!yyjson_is_arr(bare(got)) || yyjson_arr_size(bare(want)) == 0)
        return;
    yyjson_arr_foreach (bare(want), i, n, v) {
        bool found = false;
        yyjson_arr_foreach (bare(got), k, m, other) {
            size_t leaves = matches(v, other, &found) + same_name(v, other);
            if (found)
                break;
            if (leaves > best) {
                best = leaves;
                nearest = other;
                at = k;
            }
        }
        if (found) {
            best = 0;
            nearest = NULL;
            continue;
        }
        *ret = (struct rh_difference){path, v, got};
        if (!nearest && yyjson_arr_size(bare(got)) == 1 && yyjson_is_obj(v))
            nearest = yyjson_arr_get_first(bare(got)); /* nothing else can be meant */
        if (nearest)
            find(a, v, nearest, rh_arena_printf(a, "%s[%zu]", path ? path : "", at), ret);
        return;
    }
}

static void find(struct rh_arena *a, const yyjson_val *want, const yyjson_val *got,
                 const char *path, struct rh_difference *ret)
{
    size_t i, n;
    yyjson_val *key, *v;
    *ret = (struct rh_difference){path, want, got};
    if (yyjson_is_arr(bare(want))) {
        find_in_list(a, want, got, path, ret);
        return;
    }
    if (!yyjson_is_obj(bare(want)) || !yyjson_is_obj(bare(got)))
        return;
    yyjson_obj_foreach (bare(want), i, n, key, v) {
        yyjson_val *other = yyjson_obj_getn(bare(got), yyjson_get_str(key), yyjson_get_len(key));
        if (matches_all(v, other))
            continue;
        find(a, v, other,
             rh_arena_printf(a, "%s%s%s", path ? path : "", path && *path ? "." : "",
                             yyjson_get_str(key)),
             ret);
        return;
    }
}

bool rh_subset(struct rh_arena *a, const yyjson_val *want, const yyjson_val *got,
               struct rh_difference *ret)
{
    if (matches_all(want, got))
        return true;
    if (ret)
        find(a, want, got, "", ret);
    return false;
}

static void print_value(const yyjson_val *v, struct rh_buf *out)
{
    struct rh_buf b = rh_buf(out->arena);
    if (is_nothing(v)) {
        rh_buf_str(out, "nothing");
        return;
    }
    rh_json_write(&b, v);
    struct rh_text all = rh_buf_get(&b), shown = rh_text_shown(all, SHOWN_BYTES);
    rh_buf_text(out, shown);
    if (shown.len < all.len)
        rh_buf_str(out, "…");
}

void rh_difference_print(const struct rh_difference *d, struct rh_buf *out)
{
    if (d->path && *d->path) {
        rh_buf_str(out, "at ");
        rh_buf_str(out, d->path);
        rh_buf_str(out, ": ");
    }
    rh_buf_str(out, "wanted ");
    print_value(d->want, out);
    rh_buf_str(out, ", got ");
    print_value(d->got, out);
}
