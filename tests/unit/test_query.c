/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queries: the cases of tests/cases/search on resources in memory, pairs of names of
 * tests/cases/names, and, for dates, every prefix against spans at random by the wording of FHIR
 * R4. In every one of them a key that matches lies in one of the condition's ranges, as a scan of
 * the store needs it.
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

enum { RESOURCES_MAX = 16 };

/* --- a record in memory -------------------------------------------------------------------------
 */

struct item {
    struct rh_text id;
    int64_t updated_us;
    struct rh_search_keys keys;
};

struct world {
    struct rh_issues issues;
    struct rh_ctx ctx;
    const struct rh_type *type;
    struct item items[RESOURCES_MAX];
    unsigned n;
};

static void world_open(struct world *w, const char *type)
{
    *w = (struct world){.type = rh_type_find(rh_text(type))};
    assert_non_null(w->type);
    rh_issues_init(&w->issues, arena);
    w->ctx = (struct rh_ctx){
        .arena = arena, .issues = &w->issues, .base = RH_TEXT("http://here.example/fhir")};
}

static void world_add(struct world *w, const yyjson_val *resource)
{
    assert_true(w->n < RESOURCES_MAX);
    struct item *i = &w->items[w->n++];
    i->id = rh_json_get(resource, "id");
    struct rh_text updated =
        rh_json_get(yyjson_obj_get((yyjson_val *)(uintptr_t)resource, "meta"), "lastUpdated");
    struct rh_datetime d = {0};
    if (updated.len)
        assert_int_equal(rh_datetime_parse(updated, RH_INSTANT, 0, &d), RH_OK);
    i->updated_us = d.lo_us;
    assert_int_equal(rh_keys_of(&w->ctx, w->type, resource, &i->keys), RH_OK);
}

static bool in_range(struct rh_text key, const struct rh_range *r)
{
    return rh_text_cmp(key, r->lo) >= 0 && (!r->hi.data || rh_text_cmp(key, r->hi) < 0);
}

/* What a scan of the store would find by one cut key. *n counts the ranges that lead to it. */
static bool scan_finds(const struct rh_condition *c, struct rh_text whole, unsigned *n)
{
    struct rh_text cut = {whole.data, whole.len < RH_KEY_CUT ? whole.len : RH_KEY_CUT};
    *n = 0;
    for (unsigned i = 0; i < c->n_ranges; i++)
        *n += in_range(cut, &c->ranges[i]);
    return *n > 0 && rh_condition_key(c, cut);
}

/* Match by the keys, and the property that makes scans right. */
static bool matches(const struct rh_condition *c, const struct item *item)
{
    bool match = rh_condition_match(c, &item->keys, item->id, item->updated_us), found = false,
         cut = false;
    unsigned n;
    if (c->parameter->number == RH_PARAM_ID)
        return match;
    if (c->parameter->number == RH_PARAM_LAST_UPDATED) {
        unsigned char key[RH_KEY_INSTANT_SIZE];
        rh_key_instant(item->updated_us, key);
        assert_int_equal(scan_finds(c, (struct rh_text){(const char *)key, sizeof key}, &n), match);
        return match;
    }
    for (unsigned i = 0; i < item->keys.n; i++)
        if (item->keys.rows[i].parameter == c->parameter) {
            found = scan_finds(c, item->keys.rows[i].bytes, &n) || found;
            cut = cut || item->keys.rows[i].bytes.len >= RH_KEY_CUT;
            if (c->single && n)
                assert_true(match);
        }
    assert_true(cut ? found || !match : found == match);
    return match;
}

static const char *run(struct world *w, struct rh_text query, bool lenient, struct rh_query *q)
{
    struct rh_buf b = rh_buf(arena);
    enum rh_rc rc = rh_query_parse(&w->ctx, w->type->resource, query, lenient, q);
    if (rc) {
        assert_true(w->issues.errors > 0);
        return NULL;
    }
    for (unsigned i = 0; i < w->n; i++) {
        bool all = true;
        for (unsigned k = 0; k < q->n; k++)
            all = matches(&q->conditions[k], &w->items[i]) && all;
        if (all) {
            rh_buf_str(&b, b.len ? "," : "");
            rh_buf_text(&b, w->items[i].id);
        }
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

static void run_case(struct rh_text file_type, const yyjson_val *resources, yyjson_val *row,
                     const char *path)
{
    struct world w;
    struct rh_query q;
    size_t i, max;
    yyjson_val *resource;
    struct rh_text query = rh_json_get(row, "query"), want = rh_json_get(row, "want"),
                   refuse = rh_json_get(row, "refuse"), warn = rh_json_get(row, "warn"),
                   self = rh_json_get(row, "self"), now = rh_json_get(row, "now"),
                   type = rh_json_get(row, "type");
    world_open(&w, rh_text_copy(arena, type.len ? type : file_type).data);
    struct rh_datetime d = {0};
    if (now.len)
        assert_int_equal(rh_datetime_parse(now, RH_INSTANT, 0, &d), RH_OK);
    w.ctx.now_us = d.lo_us;
    w.ctx.zone_minutes = rh_json_get(row, "zone").len ? 120 : 0;
    yyjson_arr_foreach ((yyjson_val *)(uintptr_t)resources, i, max, resource) {
        if (rh_text_eq(rh_json_get(resource, "resourceType"), rh_text(w.type->name)))
            world_add(&w, resource);
    }
    const char *found = run(&w, query, warn.len > 0, &q);
    if (refuse.data) {
        if (found || !says(&w.issues, refuse, RH_ERROR))
            fail_msg("%s: %.*s: not refused with \"%.*s\" but %s", path, RH_TEXT_ARG(query),
                     RH_TEXT_ARG(refuse), w.issues.count ? w.issues.rows[0].text : found);
        return;
    }
    if (!found)
        fail_msg("%s: %.*s: refused: %s", path, RH_TEXT_ARG(query), w.issues.rows[0].text);
    if (want.data && !rh_text_is(want, found))
        fail_msg("%s: %.*s: found %s, wanted %.*s", path, RH_TEXT_ARG(query), found,
                 RH_TEXT_ARG(want));
    if (warn.len && !says(&w.issues, warn, RH_WARNING))
        fail_msg("%s: %.*s: no warning \"%.*s\"", path, RH_TEXT_ARG(query), RH_TEXT_ARG(warn));
    if (self.data && !rh_text_eq(self, q.self))
        fail_msg("%s: %.*s: self is %.*s", path, RH_TEXT_ARG(query), RH_TEXT_ARG(q.self));
}

static void answers_the_cases(void **state)
{
    (void)state;
    unsigned files = 0, rows = 0;
    DIR *dir = opendir(RH_TESTS "/cases/search");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        yyjson_doc *doc;
        struct rh_issues is;
        size_t i, max;
        yyjson_val *row;
        if (!rh_text_ends(rh_text(entry->d_name), ".json"))
            continue;
        snprintf(path, sizeof path, "%s/%s", RH_TESTS "/cases/search", entry->d_name);
        rh_issues_init(&is, arena);
        if (rh_json_parse(arena, &is, read_file(arena, path), &doc) != RH_OK)
            fail_msg("%s: %s", path, is.rows[0].text);
        yyjson_val *root = yyjson_doc_get_root(doc);
        yyjson_arr_foreach (yyjson_obj_get(root, "cases"), i, max, row) {
            run_case(rh_json_get(root, "type"), yyjson_obj_get(root, "resources"), row,
                     entry->d_name);
            rows++;
        }
        files++;
    }
    closedir(dir);
    print_message("%u cases in %u files\n", rows, files);
    assert_true(files >= 5 && rows >= 100);
}

/* --- names -------------------------------------------------------------------------------------
 */

static bool name_finds(struct rh_text recorded, struct rh_text asked)
{
    struct world w;
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
        struct world w;
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
    struct world w;
    struct rh_query q = {.count = 77};
    struct rh_buf b = rh_buf(arena);
    world_open(&w, "Patient");
    rh_buf_str(&b, "_id=1");
    for (unsigned i = 0; i < RH_QUERY_VALUES_MAX; i++)
        rh_buf_str(&b, ",1");
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource, rh_buf_get(&b), false, &q),
                     RH_TOOLARGE);
    b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_CONDITIONS_MAX; i++)
        rh_buf_str(&b, "identifier=1&");
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource, rh_buf_get(&b), true, &q),
                     RH_TOOLARGE);
    b = rh_buf(arena);
    for (unsigned i = 0; i <= RH_QUERY_TEXT_MAX; i++)
        rh_buf_char(&b, '&');
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource, rh_buf_get(&b), false, &q),
                     RH_TOOLARGE);
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource,
                                    RH_TEXT("name=a+b+c+d,e+f+g+h,i+j+k+l"), false, &q),
                     RH_TOOLARGE);
    assert_int_equal(rh_query_parse(&w.ctx, 0, RH_TEXT("_id=1"), false, &q), RH_QUERY);
    assert_int_equal(w.issues.errors, 5);
    assert_int_equal(q.count, 77); /* untouched */
}

static void reads_what_the_answer_shall_look_like(void **state)
{
    (void)state;
    struct world w;
    struct rh_query q;
    world_open(&w, "Patient");
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource, RH_TEXT(""), false, &q), RH_OK);
    assert_int_equal(q.count, RH_QUERY_COUNT);
    assert_int_equal(q.n, 0);
    assert_true(q.sort == RH_SORT_NONE && q.total == RH_TOTAL_DEFAULT &&
                q.summary == RH_SUMMARY_FALSE);
    assert_int_equal(
        rh_query_parse(
            &w.ctx, w.type->resource,
            RH_TEXT(
                "_count=99999999999999999999&_summary=count&_total=accurate&_sort=-_lastUpdated&"
                "_elements=name,birthDate&_cursor=ab%2Fc&_format=json&_pretty=true"),
            false, &q),
        RH_OK);
    assert_int_equal(q.count, RH_QUERY_COUNT_MAX);
    assert_true(q.sort == RH_SORT_UPDATED_DESC && q.total == RH_TOTAL_ACCURATE &&
                q.summary == RH_SUMMARY_COUNT);
    assert_true(rh_text_is(q.elements, "name,birthDate"));
    assert_true(rh_text_is(q.cursor, "ab/c"));
    assert_null(strstr(rh_text_copy(arena, q.self).data, "_cursor"));
}

static void sorts_ids_without_repeats(void **state)
{
    (void)state;
    struct world w;
    struct rh_query q;
    world_open(&w, "Patient");
    assert_int_equal(rh_query_parse(&w.ctx, w.type->resource, RH_TEXT("_id=c,a,b,a"), false, &q),
                     RH_OK);
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
