/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queries: the cases of tests/cases/search on resources in memory, whose keys lie in one sorted
 * array as a store has them, cut; pairs of names of tests/cases/names; and, for dates, every prefix
 * against spans at random by the wording of FHIR R4.
 *
 * In every one of them: what matches lies in one of the condition's ranges, as a scan of the store
 * needs it; a proven condition finds nothing else; and a query that was read without a store to ask
 * means the same for a resource.
 */
#include "search/query.h"

#include "base/bytes.h"
#include "base/datetime.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

enum { RESOURCES_MAX = 64, KEYS_MAX = 8000 };

/* --- a record in memory -------------------------------------------------------------------------
 */

struct world {
    struct rh_issues issues;
    struct rh_ctx ctx;
    const struct rh_type *type;
    struct rh_candidate items[RESOURCES_MAX];
    unsigned n;
    struct rh_search_key keys[KEYS_MAX]; /* cut */
    unsigned n_keys;
    yyjson_val *root; /* of the case file */
    struct rh_query_host host;
};

static int by_place(const void *a, const void *b)
{
    const struct rh_search_key *x = a, *y = b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return rh_text_cmp(x->bytes, y->bytes);
}

static struct rh_text cut(struct rh_text t)
{
    return (struct rh_text){t.data, t.len < RH_KEY_CUT ? t.len : RH_KEY_CUT};
}

static enum rh_rc next_key(void *user, struct rh_ctx *ctx, unsigned type, unsigned number,
                           struct rh_text from, struct rh_text *ret)
{
    struct world *w = user;
    assert_true(from.len <= RH_KEY_CUT + 1);
    for (unsigned i = 0; i < w->n_keys; i++)
        if (w->keys[i].type == type && w->keys[i].number == number &&
            rh_text_cmp(w->keys[i].bytes, from) >= 0) {
            *ret = rh_text_copy(ctx->arena, w->keys[i].bytes);
            return RH_OK;
        }
    return RH_NOTFOUND;
}

static enum rh_rc tell_codes(yyjson_val *codes,
                             enum rh_rc (*each)(void *, struct rh_text, struct rh_text), void *user)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (codes, i, n, v) {
        struct rh_text code = rh_json_text(v), system;
        rh_text_split(&code, '|', &system);
        enum rh_rc rc = each(user, system, code);
        if (rc)
            return rc;
    }
    return codes ? RH_OK : RH_NOTFOUND;
}

static enum rh_rc value_set(void *user, struct rh_ctx *ctx, struct rh_text url,
                            enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                            void *each_user)
{
    (void)ctx;
    struct world *w = user;
    return tell_codes(yyjson_obj_getn(yyjson_obj_get(w->root, "valueSets"), url.data, url.len),
                      each, each_user);
}

static enum rh_rc subsumed(void *user, struct rh_ctx *ctx, struct rh_text system,
                           struct rh_text code, bool above,
                           enum rh_rc (*each)(void *, struct rh_text, struct rh_text),
                           void *each_user)
{
    struct world *w = user;
    char *key = rh_arena_printf(ctx->arena, "%.*s|%.*s", RH_TEXT_ARG(system), RH_TEXT_ARG(code));
    return tell_codes(yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(w->root, "subsumed"), key),
                                     above ? "above" : "below"),
                      each, each_user);
}

static enum rh_rc list(void *user, struct rh_ctx *ctx, struct rh_text id, unsigned type,
                       struct rh_text **ids, unsigned *n)
{
    struct world *w = user;
    yyjson_val *entries = yyjson_obj_getn(yyjson_obj_get(w->root, "lists"), id.data, id.len), *v;
    size_t i, max;
    *n = 0;
    *ids = rh_arena_alloc(ctx->arena, 100 * sizeof **ids);
    yyjson_arr_foreach (entries, i, max, v) {
        struct rh_text rest = rh_json_text(v), name;
        rh_text_split(&rest, '/', &name);
        if (rh_resource_number(name) == type)
            (*ids)[(*n)++] = rest;
    }
    return entries ? RH_OK : RH_NOTFOUND;
}

static void world_open(struct world *w, const char *type)
{
    memset(w, 0, sizeof *w);
    w->type = rh_type_find(rh_text(type));
    rh_issues_init(&w->issues, arena);
    w->ctx = (struct rh_ctx){
        .arena = arena, .issues = &w->issues, .base = RH_TEXT("http://here.example/fhir")};
    w->host = (struct rh_query_host){.user = w,
                                     .next_key = next_key,
                                     .value_set = value_set,
                                     .subsumed = subsumed,
                                     .list = list};
}

static void world_add(struct world *w, const yyjson_val *resource)
{
    assert_true(w->n < RESOURCES_MAX);
    struct rh_candidate *i = &w->items[w->n++];
    const struct rh_type *type = rh_type_find(rh_json_get(resource, "resourceType"));
    assert_non_null(type);
    i->type = type->resource;
    i->id = rh_json_get(resource, "id");
    i->resource = resource;
    struct rh_text updated =
        rh_json_get(yyjson_obj_get((yyjson_val *)(uintptr_t)resource, "meta"), "lastUpdated");
    struct rh_datetime d = {0};
    if (updated.len)
        assert_int_equal(rh_datetime_parse(updated, RH_INSTANT, 0, &d), RH_OK);
    i->updated_us = d.lo_us;
    assert_int_equal(rh_keys_of(&w->ctx, type, resource, &i->keys), RH_OK);
    for (unsigned k = 0; k < i->keys.n; k++) {
        assert_true(w->n_keys < KEYS_MAX);
        w->keys[w->n_keys] = i->keys.rows[k];
        w->keys[w->n_keys++].bytes = cut(i->keys.rows[k].bytes);
    }
    qsort(w->keys, w->n_keys, sizeof w->keys[0], by_place);
}

/* The query that is run, for messages. */
static struct rh_text running;

/* --- running it ----------------------------------------------------------------------------------
 */

static bool in_range(struct rh_text key, const struct rh_range *r)
{
    if (r->point)
        return rh_text_eq(key, r->lo);
    return rh_text_cmp(key, r->lo) >= 0 && (!r->hi.data || rh_text_cmp(key, r->hi) < 0);
}

static bool scan_finds(const struct rh_condition *c, unsigned type, unsigned number,
                       struct rh_text bytes)
{
    for (unsigned i = 0; i < c->n_ranges; i++)
        if (c->ranges[i].type == type && c->ranges[i].number == number &&
            in_range(bytes, &c->ranges[i]) && rh_condition_key(c, &c->ranges[i], bytes))
            return true;
    return false;
}

static void check_aux(const struct rh_condition *c, const struct rh_candidate *r, bool match)
{
    bool by_aux;
    for (unsigned i = 0; i < r->keys.n_own; i++)
        if (!(r->keys.rows[i].number & RH_PARAM_CONTAINED) &&
            rh_condition_aux(c, r->keys.rows[i].aux, &by_aux) && by_aux != match)
            fail_msg("%.*s: the main date beside a key says otherwise than the date",
                     RH_TEXT_ARG(running));
}

/* What scans of the store find, and what the resource says: both must agree. */
static bool match_keys(struct world *w, const struct rh_condition *c, const struct rh_candidate *r)
{
    bool match, found = false;
    assert_int_equal(rh_condition_match(&w->ctx, c, r, &match), RH_OK);
    if (c->parameter && c->parameter->number == RH_PARAM_LAST_UPDATED) {
        unsigned char key[RH_KEY_INSTANT_SIZE];
        rh_key_instant(r->updated_us, key);
        found = scan_finds(c, r->type, RH_PARAM_LAST_UPDATED,
                           (struct rh_text){(const char *)key, sizeof key});
    }
    for (unsigned i = 0; i < r->keys.n_own && !found; i++)
        found =
            scan_finds(c, r->keys.rows[i].type, r->keys.rows[i].number, cut(r->keys.rows[i].bytes));
    bool plain = match != c->negated;
    if (plain && !found)
        fail_msg("%.*s: %.*s matches, but no range leads to it", RH_TEXT_ARG(running),
                 RH_TEXT_ARG(r->id));
    if (c->proven && found != plain)
        fail_msg("%.*s: %.*s is proven by a key, but does not match", RH_TEXT_ARG(running),
                 RH_TEXT_ARG(r->id));
    if (c->proven && (!c->parameter || c->parameter->number != RH_PARAM_LAST_UPDATED))
        assert_int_equal(rh_condition_keys(c, &r->keys), match);
    check_aux(c, r, match);
    return match;
}

static const struct rh_candidate *item_of(struct world *w, unsigned type, struct rh_text id)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->items[i].type == type && rh_text_eq(w->items[i].id, id))
            return &w->items[i];
    return NULL;
}

static bool refers(struct world *w, const struct rh_candidate *from,
                   const struct rh_parameter *parameter, unsigned type, struct rh_text id)
{
    struct rh_found_reference *refs;
    unsigned n;
    assert_int_equal(rh_references_of(&w->ctx, rh_resource_type(from->type), from->resource,
                                      parameter, &refs, &n),
                     RH_OK);
    for (unsigned i = 0; i < n; i++)
        if (refs[i].type == type && rh_text_eq(refs[i].id, id))
            return true;
    return false;
}

static bool matches(struct world *w, const struct rh_condition *c, const struct rh_candidate *r);

/* A chain into what the resource contains; keys must lead to it, where there are some. */
static bool matches_inside(struct world *w, const struct rh_condition *c,
                           const struct rh_candidate *r)
{
    struct rh_found_reference *refs;
    unsigned n;
    bool led = true;
    assert_int_equal(rh_references_inside(&w->ctx, rh_resource_type(r->type), r->resource,
                                          c->parameter, &refs, &n),
                     RH_OK);
    for (unsigned i = 0; i < n; i++) {
        struct rh_candidate inner = {
            .type = refs[i].type, .id = refs[i].id, .resource = refs[i].inside};
        if (inner.type != c->inner_type)
            continue;
        assert_int_equal(
            rh_keys_of(&w->ctx, rh_resource_type(inner.type), inner.resource, &inner.keys), RH_OK);
        bool yes; /* no scan leads to it: its rows are its container's */
        if (c->children[0].kind == RH_COND_KEYS)
            assert_int_equal(rh_condition_match(&w->ctx, &c->children[0], &inner, &yes), RH_OK);
        else
            yes = matches(w, &c->children[0], &inner);
        if (!yes)
            continue;
        if (c->inside && c->inside->kind == RH_COND_KEYS &&
            yyjson_obj_get((yyjson_val *)(uintptr_t)r->resource, "contained"))
            assert_int_equal(rh_condition_match(&w->ctx, c->inside, r, &led), RH_OK);
        if (!led)
            fail_msg("%.*s: no key leads to what %.*s contains", RH_TEXT_ARG(running),
                     RH_TEXT_ARG(r->id));
        return true;
    }
    return false;
}

static bool matches(struct world *w, const struct rh_condition *c, const struct rh_candidate *r)
{
    bool all = c->kind == RH_COND_AND, ret;
    struct rh_found_reference *refs;
    unsigned n;
    switch (c->kind) {
    case RH_COND_KEYS:
        return match_keys(w, c, r);
    case RH_COND_IDS:
    case RH_COND_NONE:
        assert_int_equal(rh_condition_match(&w->ctx, c, r, &ret), RH_OK);
        return ret;
    case RH_COND_CHAIN:
        assert_int_equal(rh_condition_match(&w->ctx, c, r, &ret), RH_UNSUPPORTED);
        assert_int_equal(rh_references_of(&w->ctx, rh_resource_type(r->type), r->resource,
                                          c->parameter, &refs, &n),
                         RH_OK);
        for (unsigned i = 0; i < n; i++) {
            const struct rh_candidate *to =
                refs[i].type == c->inner_type ? item_of(w, refs[i].type, refs[i].id) : NULL;
            if (to && matches(w, &c->children[0], to))
                return true;
        }
        return matches_inside(w, c, r);
    case RH_COND_HAS:
        for (unsigned i = 0; i < w->n; i++)
            if (w->items[i].type == c->inner_type &&
                refers(w, &w->items[i], c->parameter, r->type, r->id) &&
                matches(w, &c->children[0], &w->items[i]))
                return true;
        return false;
    case RH_COND_AND:
    case RH_COND_OR:
        break;
    }
    if (c->contained) { /* of one and the same resource */
        assert_int_equal(rh_condition_match(&w->ctx, c, r, &ret), RH_OK);
        return ret;
    }
    for (unsigned i = 0; i < c->n_children; i++)
        if (matches(w, &c->children[i], r) != all)
            return !all;
    return all;
}

static bool sort_key(const struct rh_query *q, unsigned i, const struct rh_candidate *r,
                     struct rh_text *ret)
{
    if (q->sorts[i].parameter->number == RH_PARAM_ID) {
        *ret = r->id;
        return true;
    }
    if (q->sorts[i].parameter->number == RH_PARAM_LAST_UPDATED) {
        char *p = rh_arena_alloc(arena, RH_KEY_INSTANT_SIZE);
        rh_key_instant(r->updated_us, (unsigned char *)p);
        *ret = (struct rh_text){p, RH_KEY_INSTANT_SIZE};
        return true;
    }
    struct rh_range ranges[16];
    unsigned n = rh_sort_ranges(&q->sorts[i], r->type, ranges, 16), led = 0;
    bool found = rh_sort_key(&q->sorts[i], &r->keys, ret);
    for (unsigned k = 0; k < n && found; k++)
        led += in_range(*ret, &ranges[k]);
    assert_true(!found || led > 0);
    return found;
}

/* Those without a value last, ties as they were. */
static int order(const struct rh_query *q, const struct rh_candidate *a,
                 const struct rh_candidate *b)
{
    for (unsigned i = 0; i < q->n_sorts; i++) {
        struct rh_text x, y;
        bool has_x = sort_key(q, i, a, &x), has_y = sort_key(q, i, b, &y);
        if (has_x != has_y)
            return has_x ? -1 : 1;
        int c = has_x ? rh_text_cmp(x, y) : 0;
        if (c)
            return q->sorts[i].descending ? -c : c;
    }
    return 0;
}

static void check_again(struct world *w, const struct rh_query *q, struct rh_text text,
                        bool lenient, const struct rh_candidate *r, bool match)
{
    struct rh_query other;
    struct rh_issues is;
    struct rh_ctx c = w->ctx;
    bool again = true;
    rh_issues_init(&is, arena);
    c.issues = &is;
    if (!q->walked || rh_query_parse(&c, NULL, w->type->resource, text, lenient, &other))
        return; /* it cannot be read without the store */
    assert_int_equal(other.n, q->n);
    for (unsigned k = 0; k < other.n; k++)
        again = matches(w, &other.conditions[k], r) && again;
    if (again != match)
        fail_msg("%.*s: read without a store it means something else for %.*s", RH_TEXT_ARG(text),
                 RH_TEXT_ARG(r->id));
}

static const char *run(struct world *w, struct rh_text query, bool lenient, struct rh_query *q)
{
    struct rh_buf b = rh_buf(arena);
    const struct rh_candidate *found[RESOURCES_MAX];
    unsigned n = 0, type = w->type ? w->type->resource : 0;
    running = query;
    enum rh_rc rc = rh_query_parse(&w->ctx, &w->host, type, query, lenient, q);
    if (rc) {
        assert_true(w->issues.errors > 0);
        return NULL;
    }
    for (unsigned i = 0; i < w->n && type; i++) {
        bool all = true;
        if (w->items[i].type != type && q->contained == RH_CONTAINED_FALSE)
            continue;
        for (unsigned k = 0; k < q->n; k++)
            all = matches(w, &q->conditions[k], &w->items[i]) && all;
        check_again(w, q, query, lenient, &w->items[i], all);
        if (!all)
            continue;
        unsigned at = n++;
        for (; at > 0 && order(q, found[at - 1], &w->items[i]) > 0; at--)
            found[at] = found[at - 1];
        found[at] = &w->items[i];
    }
    for (unsigned i = 0; i < n; i++) {
        rh_buf_str(&b, i ? "," : "");
        rh_buf_text(&b, found[i]->id);
    }
    rh_buf_char(&b, 0);
    return b.data;
}

/* --- the cases -----------------------------------------------------------------------------------
 */

static bool says(const struct rh_issues *is, struct rh_text part, enum rh_severity severity)
{
    for (unsigned i = 0; i < is->count; i++)
        if (is->rows[i].severity == severity &&
            strstr(is->rows[i].text, rh_text_copy(arena, part).data))
            return true;
    return false;
}

static struct world *world_of(yyjson_val *root, yyjson_val *row)
{
    static struct world w;
    struct rh_text now = rh_json_get(row, "now"), type = rh_json_get(row, "type");
    struct rh_datetime d = {0};
    size_t i, max;
    yyjson_val *resource;
    if (!type.data)
        type = rh_json_get(root, "type");
    world_open(&w, rh_text_copy(arena, type).data);
    w.root = root;
    if (now.len)
        assert_int_equal(rh_datetime_parse(now, RH_INSTANT, 0, &d), RH_OK);
    w.ctx.now_us = d.lo_us;
    w.ctx.zone_minutes = rh_json_get(row, "zone").len ? 120 : 0;
    yyjson_arr_foreach (yyjson_obj_get(root, "resources"), i, max, resource)
        world_add(&w, resource);
    return &w;
}

static unsigned run_case(yyjson_val *root, yyjson_val *row, const char *path)
{
    struct rh_query q;
    struct rh_text query = rh_json_get(row, "query"), want = rh_json_get(row, "want"),
                   refuse = rh_json_get(row, "refuse"), warn = rh_json_get(row, "warn"),
                   self = rh_json_get(row, "self");
    struct world *w = world_of(root, row);
    const char *found = run(w, query, warn.len > 0, &q);
    if (refuse.data) {
        if (!found && says(&w->issues, refuse, RH_ERROR))
            return 0;
        print_error("%s: %.*s: not refused with \"%.*s\" but %s\n", path, RH_TEXT_ARG(query),
                    RH_TEXT_ARG(refuse), w->issues.count ? w->issues.rows[0].text : found);
        return 1;
    }
    if (!found)
        print_error("%s: %.*s: refused: %s\n", path, RH_TEXT_ARG(query), w->issues.rows[0].text);
    else if (want.data && !rh_text_is(want, found))
        print_error("%s: %.*s: found %s, wanted %.*s\n", path, RH_TEXT_ARG(query), found,
                    RH_TEXT_ARG(want));
    else if (warn.len && !says(&w->issues, warn, RH_WARNING))
        print_error("%s: %.*s: no warning \"%.*s\"\n", path, RH_TEXT_ARG(query), RH_TEXT_ARG(warn));
    else if (self.data && !rh_text_eq(self, q.self))
        print_error("%s: %.*s: self is %.*s\n", path, RH_TEXT_ARG(query), RH_TEXT_ARG(q.self));
    else
        return 0;
    return 1;
}

static void answers_the_cases(void **state)
{
    (void)state;
    unsigned files = 0, rows = 0, wrong = 0;
    DIR *dir = opendir(RH_TESTS "/cases/search");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        size_t i, max;
        yyjson_val *row;
        if (!rh_text_ends(rh_text(entry->d_name), ".json"))
            continue;
        snprintf(path, sizeof path, "%s/%s", RH_TESTS "/cases/search", entry->d_name);
        yyjson_val *root = read_cases(arena, path);
        yyjson_arr_foreach (yyjson_obj_get(root, "cases"), i, max, row) {
            wrong += run_case(root, row, entry->d_name);
            rows++;
        }
        files++;
    }
    closedir(dir);
    print_message("%u cases in %u files\n", rows, files);
    assert_int_equal(wrong, 0);
    assert_true(files >= 15 && rows >= 300);
}

/* --- names -------------------------------------------------------------------------------------
 */

static bool name_finds(struct rh_text recorded, struct rh_text asked)
{
    static struct world w;
    struct rh_query q;
    yyjson_doc *doc;
    struct rh_buf b = rh_buf(arena), text = rh_buf(arena);
    world_open(&w, "Patient");
    rh_buf_str(&b, "{\"resourceType\":\"Patient\",\"id\":\"x\",\"name\":[{\"text\":");
    rh_buf_json(&b, recorded);
    rh_buf_str(&b, "}]}");
    assert_int_equal(rh_json_parse(arena, &w.issues, rh_buf_get(&b), &doc), RH_OK);
    world_add(&w, yyjson_doc_get_root(doc));
    rh_buf_str(&text, "name=");
    rh_buf_percent(&text, asked);
    const char *found = run(&w, rh_buf_get(&text), false, &q);
    assert_non_null(found);
    return found[0] == 'x';
}

static unsigned check_names(const char *path, unsigned column, bool wanted)
{
    struct rh_text text = read_file(arena, path), line;
    unsigned n = 0, wrong = 0;
    while (rh_text_split(&text, '\n', &line)) {
        struct rh_text cells[3] = {{NULL, 0}}, rest = line;
        if (!line.len || line.data[0] == '#')
            continue;
        for (unsigned i = 0; i < 3 && rh_text_split(&rest, '\t', &cells[i]); i++)
            continue;
        struct rh_text a = cells[column], b = cells[column + 1];
        assert_true(a.len > 0 && b.len > 0);
        for (unsigned way = 0; way < 2; way++)
            if (name_finds(way ? a : b, way ? b : a) != wanted) {
                print_error("%.*s %s %.*s\n", RH_TEXT_ARG(way ? b : a),
                            wanted ? "does not find" : "finds", RH_TEXT_ARG(way ? a : b));
                wrong++;
            }
        n++;
    }
    assert_int_equal(wrong, 0);
    return n;
}

static void finds_a_name_in_other_scripts_and_spellings(void **state)
{
    (void)state;
    assert_true(check_names(RH_TESTS "/cases/names/pairs.tsv", 1, true) >= 60);
}

static void does_not_find_other_names(void **state)
{
    (void)state;
    assert_true(check_names(RH_TESTS "/cases/names/different.tsv", 0, false) >= 60);
}

/* --- dates at random -----------------------------------------------------------------------------
 */

/* R4, search, "prefixes", word for word, on spans [lo, hi] of the resource and [a, b] of the value.
 */
static bool wording(const char *prefix, int64_t lo, int64_t hi, int64_t a, int64_t b, int64_t gap)
{
    bool contained = a <= lo && hi <= b, above = hi > b, below = lo < a;
    switch (prefix[0] << 8 | prefix[1]) {
    case 'e' << 8 | 'q':
        return contained;
    case 'n' << 8 | 'e':
        return !contained;
    case 'g' << 8 | 't':
        return above;
    case 'l' << 8 | 't':
        return below;
    case 'g' << 8 | 'e':
        return above || contained;
    case 'l' << 8 | 'e':
        return below || contained;
    case 's' << 8 | 'a':
        return lo > b;
    case 'e' << 8 | 'b':
        return hi < a;
    default:
        return lo <= b + gap / 10 && hi >= a - gap / 10;
    }
}

static const char *random_date(char *ret, size_t size, unsigned *precision)
{
    int year = 2000 + rand() % 4;
    unsigned month = 1 + (unsigned)rand() % 12, day = 1 + (unsigned)rand() % 28;
    *precision = (unsigned)rand() % 3;
    snprintf(ret, size,
             *precision == 0   ? "%04d"
             : *precision == 1 ? "%04d-%02u"
                               : "%04d-%02u-%02u",
             year, month, day);
    return ret;
}

static void finds_dates_as_the_wording_says(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"};
    struct rh_arena *outer = arena;
    arena = rh_arena_open((size_t)16 << 20);
    srand(20261124);
    for (unsigned i = 0; i < 20000; i++) {
        static struct world w;
        struct rh_query q;
        yyjson_doc *doc;
        char own[16], asked[16], text[160];
        unsigned precision;
        struct rh_datetime mine, other;
        const char *prefix = prefixes[(unsigned)rand() % 9];
        rh_arena_reset(arena);
        world_open(&w, "Patient");
        w.ctx.now_us = rh_days_from_civil(2004, 1, 1) * INT64_C(86400000000);
        random_date(own, sizeof own, &precision);
        random_date(asked, sizeof asked, &precision);
        assert_int_equal(rh_datetime_parse(rh_text(own), RH_DATE, 0, &mine), RH_OK);
        assert_int_equal(rh_datetime_parse(rh_text(asked), RH_DATE, 0, &other), RH_OK);
        snprintf(text, sizeof text,
                 "{\"resourceType\":\"Patient\",\"id\":\"x\",\"birthDate\":\"%s\"}", own);
        assert_int_equal(rh_json_parse(arena, &w.issues, rh_text(text), &doc), RH_OK);
        world_add(&w, yyjson_doc_get_root(doc));
        snprintf(text, sizeof text, "birthdate=%s%s", prefix, asked);
        const char *found = run(&w, rh_text(text), false, &q);
        int64_t middle = other.lo_us + (other.hi_us - other.lo_us) / 2;
        bool wanted = wording(prefix, mine.lo_us, mine.hi_us, other.lo_us, other.hi_us,
                              llabs(w.ctx.now_us - middle));
        if (!found || (found[0] == 'x') != wanted)
            fail_msg("birthDate %s, %s: wanted %s", own, text, wanted ? "found" : "not found");
    }
    rh_arena_close(arena);
    arena = outer;
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    static struct world w;
    struct rh_query q = {.count = 77};
    struct rh_buf b = rh_buf(arena);
    world_open(&w, "Patient");
    rh_buf_str(&b, "_id=1");
    for (unsigned i = 0; i < RH_QUERY_VALUES_MAX; i++)
        rh_buf_str(&b, ",1");
    assert_int_equal(rh_query_parse(&w.ctx, NULL, w.type->resource, rh_buf_get(&b), false, &q),
                     RH_TOOLARGE);
    b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_CONDITIONS_MAX; i++)
        rh_buf_str(&b, "identifier=1&");
    assert_int_equal(rh_query_parse(&w.ctx, NULL, w.type->resource, rh_buf_get(&b), true, &q),
                     RH_TOOLARGE);
    b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_TEXT_MAX; i++)
        rh_buf_char(&b, '&');
    assert_int_equal(rh_query_parse(&w.ctx, NULL, w.type->resource, rh_buf_get(&b), false, &q),
                     RH_TOOLARGE);
    assert_int_equal(rh_query_parse(&w.ctx, NULL, w.type->resource,
                                    RH_TEXT("name=a+b+c+d,e+f+g+h,i+j+k+l"), false, &q),
                     RH_TOOLARGE);
    assert_int_equal(rh_query_parse(&w.ctx, NULL, 0, RH_TEXT("name=x"), false, &q), RH_QUERY);
    assert_int_equal(w.issues.errors, 5);
    assert_int_equal(q.count, 77); /* untouched */
}

static void reads_what_the_answer_shall_look_like(void **state)
{
    (void)state;
    static struct world w;
    struct rh_query q;
    world_open(&w, "Patient");
    assert_int_equal(rh_query_parse(&w.ctx, NULL, w.type->resource, RH_TEXT(""), false, &q), RH_OK);
    assert_int_equal(q.count, RH_QUERY_COUNT);
    assert_int_equal(q.n, 0);
    assert_true(q.n_sorts == 0 && q.total == RH_TOTAL_DEFAULT && q.summary == RH_SUMMARY_FALSE);
    assert_int_equal(
        rh_query_parse(
            &w.ctx, NULL, w.type->resource,
            RH_TEXT(
                "_count=99999999999999999999&_summary=count&_total=accurate&_sort=-_lastUpdated&"
                "_elements=name,birthDate&_cursor=ab%2Fc&_format=json&_pretty=true"),
            false, &q),
        RH_OK);
    assert_int_equal(q.count, RH_QUERY_COUNT_MAX);
    assert_true(q.n_sorts == 1 && q.sorts[0].descending && q.total == RH_TOTAL_ACCURATE &&
                q.summary == RH_SUMMARY_COUNT);
    assert_true(rh_text_is(q.elements, "name,birthDate"));
    assert_true(rh_text_is(q.cursor, "ab/c"));
    assert_null(strstr(rh_text_copy(arena, q.self).data, "_cursor"));
}

static void sorts_ids_without_repeats(void **state)
{
    (void)state;
    static struct world w;
    struct rh_query q;
    world_open(&w, "Patient");
    assert_int_equal(
        rh_query_parse(&w.ctx, NULL, w.type->resource, RH_TEXT("_id=c,a,b,a"), false, &q), RH_OK);
    assert_int_equal(q.conditions[0].n_ids, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(q.conditions[0].ids[i].data[0], 'a' + (int)i);
}

static void decodes_percent_and_refuses_broken_text(void **state)
{
    (void)state;
    struct rh_text t = {NULL, 0};
    static const char *const bad[] = {"%", "%4", "%zz", "a%00b", "%ff", "%C3"};
    assert_int_equal(rh_percent_decode(arena, RH_TEXT("a%20b+c%C3%A9"), &t), RH_OK);
    assert_true(rh_text_is(t, "a b c\xC3\xA9"));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(rh_percent_decode(arena, rh_text(bad[i]), &t), RH_QUERY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_cases),
        cmocka_unit_test(finds_a_name_in_other_scripts_and_spellings),
        cmocka_unit_test(does_not_find_other_names),
        cmocka_unit_test(finds_dates_as_the_wording_says),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(reads_what_the_answer_shall_look_like),
        cmocka_unit_test(sorts_ids_without_repeats),
        cmocka_unit_test(decodes_percent_and_refuses_broken_text),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
