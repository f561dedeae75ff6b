/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys: their bytes, which stand in data directories and so must not change unseen; and, for
 * tokens, references and names at random, that a scan of the ranges of a condition over keys as
 * they are stored finds what matches, by a reading of the resource that knows nothing of keys.
 */
#include "search/query.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open((size_t)64 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static struct rh_ctx context(void)
{
    return (struct rh_ctx){
        .arena = arena, .issues = &issues, .base = RH_TEXT("http://here.example/fhir")};
}

static enum rh_rc keys_of(struct rh_text json, struct rh_search_keys *ret)
{
    struct rh_ctx ctx = context();
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, json, &doc), RH_OK);
    const yyjson_val *root = yyjson_doc_get_root(doc);
    const struct rh_type *type = rh_type_find(rh_json_get(root, "resourceType"));
    assert_non_null(type);
    return rh_keys_of(&ctx, type, root, ret);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* Printable bytes as they are, others as \xx; the hash of http://a.example as <a>. */
static void show(struct rh_buf *b, struct rh_text t)
{
    unsigned char a[8];
    rh_put_u64(a, rh_hash_system(RH_TEXT("http://a.example")));
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (t.len - i >= sizeof a && memcmp(t.data + i, a, sizeof a) == 0) {
            rh_buf_str(b, "<a>");
            i += sizeof a - 1;
        } else if (c >= 0x20 && c < 0x7F) {
            rh_buf_char(b, (char)c);
        } else {
            rh_buf_printf(b, "\\%02x", c);
        }
    }
}

static const char *shown(const char *json, const char *parameter)
{
    struct rh_search_keys keys;
    struct rh_buf b = rh_buf(arena);
    assert_int_equal(keys_of(rh_text(json), &keys), RH_OK);
    for (unsigned i = 0; i < keys.n; i++) {
        if (strcmp(keys.rows[i].parameter->name, parameter) != 0)
            continue;
        rh_buf_str(&b, b.len ? " " : "");
        show(&b, keys.rows[i].bytes);
    }
    rh_buf_char(&b, 0);
    return b.data;
}

#define PATIENT(members) "{\"resourceType\":\"Patient\"," members "}"
#define SUBJECT(text)    "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"" text "\"}}"
#define ACTOR(a, b)                                                                     \
    "{\"resourceType\":\"Appointment\",\"participant\":[{\"actor\":{\"reference\":\"" a \
    "\"}},{\"actor\":{\"reference\":\"" b "\"}}]}"

static void makes_tokens_of_identifiers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {PATIENT("\"identifier\":[{\"value\":\"7\"}]"), "ct7\\00\\00\\00\\00\\00\\00\\00\\00\\00"},
        {PATIENT("\"identifier\":[{\"system\":\"http://a.example\",\"value\":\"7\"}]"),
         "ct7\\00<a> s<a>"},
        {PATIENT("\"identifier\":[{\"system\":\"http://a.example\"}]"), "s<a>"},
        {PATIENT("\"identifier\":[{\"use\":\"old\"}]"), ""},
        {PATIENT("\"identifier\":[{\"value\":\"b\"},{\"value\":\"a\"},{\"value\":\"b\"}]"),
         "cta\\00\\00\\00\\00\\00\\00\\00\\00\\00 ctb\\00\\00\\00\\00\\00\\00\\00\\00\\00"},
        {PATIENT("\"identifier\":[{\"system\":\"http://"
                 "a.example\",\"value\":\"41424344-4546-4748-494a-4b4c4d4e4f50\"}]"),
         "cuABCDEFGHIJKLMNOP<a> s<a>"},
        /* capitals are another text: as a UUID they would be found by the other spelling */
        {PATIENT("\"identifier\":[{\"system\":\"http://"
                 "a.example\",\"value\":\"4142434F-4546-4748-494A-4B4C4D4E4F50\"}]"),
         "ct4142434F-4546-4748-494A-4B4C4D4E4F50\\00<a> s<a>"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(shown(rows[i][0], "identifier"), rows[i][1]);
}

static void makes_references_to_patients_only(void **state)
{
    (void)state;
    char type[16];
    unsigned n = rh_resource_number(RH_TEXT("Patient"));
    struct rh_buf b = rh_buf(arena);
    unsigned char bytes[2];
    rh_put_u16(bytes, (uint16_t)n);
    show(&b, (struct rh_text){(const char *)bytes, sizeof bytes});
    snprintf(type, sizeof type, "%.*s", (int)b.len, b.data);
    static const char *const rows[][2] = {
        {SUBJECT("Patient/7"), "t7"},
        {SUBJECT("http://here.example/fhir/Patient/7"), "xhttp://here.example/fhir/Patient/7"},
        {SUBJECT("Patient/7/_history/3"), "t7"},
        {SUBJECT("Patient/41424344-4546-4748-494a-4b4c4d4e4f50"), "uABCDEFGHIJKLMNOP"},
        {SUBJECT("http://there.example/fhir/Patient/7"), "xhttp://there.example/fhir/Patient/7"},
        {SUBJECT("http://there.example/fhir/Group/7"), NULL},
        {SUBJECT("Group/7"), NULL},
        {SUBJECT("#p"), NULL},
        {SUBJECT("urn:uuid:41424344-4546-4748-494a-4b4c4d4e4f50"), NULL},
        {ACTOR("Practitioner/1", "Patient/7"), "t7"},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"display\":\"someone\"}}", NULL},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[64];
        snprintf(want, sizeof want, "%s%s", rows[i][1] ? type : "", rows[i][1] ? rows[i][1] : "");
        assert_string_equal(shown(rows[i][0], "patient"), want);
    }
}

static void makes_spans_of_dates(void **state)
{
    (void)state;
    unsigned char l[RH_KEY_INSTANT_SIZE], h[RH_KEY_INSTANT_SIZE];
    int64_t first = INT64_C(946684800000000), day = INT64_C(86400000000); /* 2000-01-01 */
    struct rh_search_keys keys;
    rh_key_instant(first, l);
    assert_int_equal(keys_of(RH_TEXT(PATIENT("\"birthDate\":\"2000-01-01\"")), &keys), RH_OK);
    assert_int_equal(keys.n, 1); /* a day has no key 'h' */
    assert_int_equal(keys.rows[0].bytes.len, RH_KEY_INSTANT_SIZE);
    assert_memory_equal(keys.rows[0].bytes.data, l, 9);
    assert_true(rh_get_i64((const unsigned char *)keys.rows[0].bytes.data + 9) == first + day - 1);
    assert_int_equal(keys_of(RH_TEXT(PATIENT("\"birthDate\":\"2000\"")), &keys), RH_OK);
    assert_int_equal(keys.n, 2);
    h[0] = 'h';
    rh_put_i64(h + 1, first + 366 * day - 1);
    rh_put_i64(h + 9, first);
    assert_memory_equal(keys.rows[0].bytes.data, h, sizeof h);
    assert_memory_equal(keys.rows[1].bytes.data, l, 9);
    assert_int_equal(keys_of(RH_TEXT(PATIENT("\"_birthDate\":{\"id\":\"x\"}")), &keys), RH_OK);
    assert_int_equal(keys.n, 0);
}

static void orders_instants_as_numbers(void **state)
{
    (void)state;
    static const int64_t rows[] = {INT64_MIN, -62135596800000000,          -1,       0, 1, 255,
                                   256,       INT64_C(253402300799999999), INT64_MAX};
    unsigned char before[RH_KEY_INSTANT_SIZE], after[RH_KEY_INSTANT_SIZE];
    for (unsigned i = 1; i < sizeof rows / sizeof rows[0]; i++) {
        rh_key_instant(rows[i - 1], before);
        rh_key_instant(rows[i], after);
        assert_true(memcmp(before, after, sizeof before) < 0);
    }
}

static void takes_every_part_of_a_name(void **state)
{
    (void)state;
    const char *k = shown(
        PATIENT("\"name\":[{\"text\":\"Aaa Bbb\",\"family\":\"Ccc\",\"given\":[\"Ddd\",\"Eee\"],"
                "\"prefix\":[\"Fff\"],\"suffix\":[\"Ggg\"]},{\"family\":\"Hhh\"}]"),
        "name");
    static const char *const words[] = {"faaa", "fbbb", "fccc", "fddd",
                                        "feee", "ffff", "fggg", "fhhh"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strstr(k, words[i]))
            fail_msg("%s is not in %s", words[i], k);
    assert_string_equal(shown(PATIENT("\"name\":[{\"period\":{\"start\":\"2020\"}}]"), "name"), "");
}

/* --- limits ------------------------------------------------------------------------------------
 */

static struct rh_text many_identifiers(unsigned n)
{
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "{\"resourceType\":\"Patient\",\"identifier\":[");
    for (unsigned i = 0; i < n; i++)
        rh_buf_printf(&b, "%s{\"value\":\"%u\"}", i ? "," : "", i);
    rh_buf_str(&b, "]}");
    return rh_buf_get(&b);
}

static void refuses_more_keys_than_the_limit(void **state)
{
    (void)state;
    struct rh_search_keys keys = {NULL, 77};
    unsigned before = issues.errors;
    assert_int_equal(keys_of(many_identifiers(RH_KEYS_MAX + 1), &keys), RH_TOOLARGE);
    assert_int_equal(keys_of(many_identifiers(10 * RH_KEYS_MAX), &keys), RH_TOOLARGE);
    assert_int_equal(keys.n, 77); /* untouched */
    assert_int_equal(issues.errors, before + 2);
    assert_int_equal(keys_of(many_identifiers(RH_KEYS_MAX), &keys), RH_OK);
    assert_int_equal(keys.n, RH_KEYS_MAX);
    for (unsigned i = 1; i < keys.n; i++)
        assert_true(rh_text_cmp(keys.rows[i - 1].bytes, keys.rows[i].bytes) < 0);
}

static void check_small_arenas(struct rh_text json)
{
    yyjson_doc *doc;
    unsigned refused = 0, made = 0;
    struct rh_search_keys whole;
    assert_int_equal(keys_of(json, &whole), RH_OK);
    assert_int_equal(rh_json_parse(arena, &issues, json, &doc), RH_OK);
    for (size_t limit = 16; limit < 16384; limit += 16) {
        struct rh_arena *small = rh_arena_open(limit);
        struct rh_issues is;
        rh_issues_init(&is, arena);
        struct rh_ctx ctx = {.arena = small, .issues = &is};
        struct rh_search_keys keys;
        const struct rh_type *type = rh_type_find(RH_TEXT("Patient"));
        enum rh_rc rc = rh_keys_of(&ctx, type, yyjson_doc_get_root(doc), &keys);
        assert_true(rc == RH_OK || rc == RH_NOMEM);
        refused += rc == RH_NOMEM;
        made += rc == RH_OK;
        assert_true(rc || keys.n == whole.n);
        for (unsigned i = 0; rc == RH_OK && i < keys.n; i++)
            assert_true(rh_text_eq(keys.rows[i].bytes, whole.rows[i].bytes));
        rh_arena_close(small);
    }
    assert_true(refused > 0 && made > 0);
}

static void says_when_the_arena_is_full(void **state)
{
    (void)state;
    check_small_arenas(
        RH_TEXT(PATIENT("\"birthDate\":\"2000\",\"name\":[{\"text\":\"Abd al Rahman\"}]")));
    check_small_arenas(many_identifiers(20));
}

/* --- parameters --------------------------------------------------------------------------------
 */

static void finds_parameters_by_name(void **state)
{
    (void)state;
    unsigned patient = rh_resource_number(RH_TEXT("Patient")), all = 0;
    assert_int_equal(rh_parameter_find(patient, RH_TEXT("_id"))->number, RH_PARAM_ID);
    assert_int_equal(rh_parameter_find(0, RH_TEXT("_lastUpdated"))->number, RH_PARAM_LAST_UPDATED);
    assert_int_equal(rh_parameter_find(patient, RH_TEXT("name"))->type, patient);
    assert_null(rh_parameter_find(patient, RH_TEXT("patient")));
    assert_null(rh_parameter_find(patient, RH_TEXT("nam")));
    assert_null(rh_parameter_find(0, RH_TEXT("identifier")));
    assert_null(rh_parameter_find(65535, RH_TEXT("identifier")));
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        const struct rh_parameter *rows[16];
        unsigned n = rh_parameters_of(t, rows, 16);
        assert_true(n >= 2 && n <= 16);
        assert_int_equal(rh_parameters_of(t, NULL, 0), n);
        for (unsigned i = 2; i < n; i++) {
            assert_int_equal(rows[i]->type, t);
            assert_true(rows[i]->number > rows[i - 1]->number);
            assert_ptr_equal(rh_parameter_find(t, rh_text(rows[i]->name)), rows[i]);
        }
        all += n - 2;
    }
    assert_int_equal(all,
                     181); /* identifier, patient, birthdate of all R4 types, and name of Patient */
}

/* --- at random ---------------------------------------------------------------------------------
 */

enum { ROUNDS = 20000 };

static uint64_t seed;

static unsigned any(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* Few letters, so that texts meet; now and then a UUID, or one about as long as keys may be. */
static struct rh_text any_text(const char *letters)
{
    static const char *const uuids[] = {"41424344-4546-4748-494a-4b4c4d4e4f50",
                                        "41424344-4546-4748-494A-4B4C4D4E4F50"};
    struct rh_buf b = rh_buf(arena);
    unsigned n = 1 + any(3), kind = any(8), longer = RH_KEY_CUT - 14 + any(16);
    if (kind == 0)
        return rh_text(uuids[any(2)]);
    for (unsigned i = 0; kind == 1 && i < longer; i++)
        rh_buf_char(&b, letters[0]);
    for (unsigned i = 0; i < n; i++)
        rh_buf_char(&b, letters[any((unsigned)strlen(letters))]);
    return rh_buf_get(&b);
}

static void escape(struct rh_buf *b, struct rh_text t, const char *special)
{
    struct rh_buf raw = rh_buf(arena);
    for (size_t i = 0; i < t.len; i++) {
        if (strchr(special, t.data[i]))
            rh_buf_char(&raw, '\\');
        rh_buf_char(&raw, t.data[i]);
    }
    if (raw.len)
        rh_buf_percent(b, rh_buf_get(&raw));
}

static bool in_range(struct rh_text key, const struct rh_range *r)
{
    return rh_text_cmp(key, r->lo) >= 0 && (!r->hi.data || rh_text_cmp(key, r->hi) < 0);
}

/* What a scan over stored keys would bring: candidates, and exactly the matches when nothing was
 * cut. */
static void check_scan(const struct rh_condition *c, const struct rh_search_keys *keys, bool match)
{
    bool found = false, cut = false;
    for (unsigned i = 0; i < keys->n; i++) {
        struct rh_text key = keys->rows[i].bytes;
        bool in = false;
        if (keys->rows[i].parameter != c->parameter)
            continue;
        cut = cut || key.len >= RH_KEY_CUT;
        key.len = key.len < RH_KEY_CUT ? key.len : RH_KEY_CUT;
        for (unsigned k = 0; k < c->n_ranges; k++)
            in = in || in_range(key, &c->ranges[k]);
        found = found || (in && rh_condition_key(c, key));
        assert_true(!c->single || !in || match);
    }
    assert_true(found || !match);
    assert_true(cut || found == match);
}

static void parse(struct rh_text type, struct rh_text text, struct rh_query *q)
{
    struct rh_ctx ctx = context();
    if (rh_query_parse(&ctx, rh_resource_number(type), text, false, q) != RH_OK)
        fail_msg("%.*s is refused: %s", RH_TEXT_ARG(text), issues.rows[issues.count - 1].text);
}

static void round_begin(void)
{
    rh_arena_reset(arena);
    rh_issues_init(&issues, arena);
}

/* Every form of R4's token: code, system|code, |code, system|. */
static void finds_tokens_as_the_wording_says(void **state)
{
    (void)state;
    unsigned hits = 0;
    seed = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_begin();
        struct rh_buf json = rh_buf(arena), query = rh_buf(arena);
        struct rh_text values[2] = {{NULL, 0}}, systems[2] = {{NULL, 0}};
        unsigned n = 1 + any(2), asked = 1 + any(2);
        bool want = false;
        rh_buf_str(&json, "{\"resourceType\":\"Patient\",\"identifier\":[");
        for (unsigned i = 0; i < n; i++) {
            unsigned parts = 1 + any(3);
            rh_buf_str(&json, i ? ",{\"use\":\"usual\"" : "{\"use\":\"usual\"");
            if (parts & 1) {
                values[i] = any_text("ab|,\\$");
                rh_buf_str(&json, ",\"value\":");
                rh_buf_json(&json, values[i]);
            }
            if (parts & 2) {
                systems[i] = any_text("xy");
                rh_buf_str(&json, ",\"system\":");
                rh_buf_json(&json, systems[i]);
            }
            rh_buf_char(&json, '}');
        }
        rh_buf_str(&json, "]}");
        rh_buf_str(&query, "identifier=");
        for (unsigned k = 0; k < asked; k++) {
            unsigned form = any(4), like = any(4); /* half of them made of what is there */
            struct rh_text code = like < n && values[like].len ? values[like] : any_text("ab|,\\$");
            struct rh_text system = like < n && systems[like].len ? systems[like] : any_text("xy");
            rh_buf_str(&query, k ? "," : "");
            if (form & 1)
                escape(&query, system, ",|$\\");
            if (form)
                rh_buf_str(&query, "|");
            if (form != 1)
                escape(&query, code,
                       form && any(2) ? ",$\\" : ",|$\\"); /* only the first | divides */
            for (unsigned i = 0; i < n; i++)
                want = want || ((form == 1 || rh_text_eq(values[i], code)) &&
                                (!(form & 1) || rh_text_eq(systems[i], system)) &&
                                (form != 2 || !systems[i].len));
        }
        struct rh_search_keys keys;
        struct rh_query q;
        assert_int_equal(keys_of(rh_buf_get(&json), &keys), RH_OK);
        parse(RH_TEXT("Patient"), rh_buf_get(&query), &q);
        assert_int_equal(q.n, 1);
        bool match = rh_condition_match(&q.conditions[0], &keys, RH_TEXT("x"), 0);
        if (match != want)
            fail_msg("%.*s on %.*s: wanted %d", RH_TEXT_ARG(rh_buf_get(&query)),
                     RH_TEXT_ARG(rh_buf_get(&json)), want);
        check_scan(&q.conditions[0], &keys, match);
        hits += match;
    }
    assert_true(hits > ROUNDS / 10 && hits < ROUNDS - ROUNDS / 10);
}

static void finds_references_as_the_wording_says(void **state)
{
    (void)state;
    static const char *const own[] = {"Patient/", "http://here.example/fhir/Patient/",
                                      "http://there.example/fhir/Patient/", "Group/"};
    static const char *const forms[] = {"", "Patient/", "http://here.example/fhir/Patient/",
                                        "http://there.example/fhir/Patient/"};
    /* Keys do not know the address of this server, so an absolute reference is found by its address
     * alone. */
    static const bool finds[][4] = {{true, true, true, false},
                                    {false, false, true, false},
                                    {false, false, false, true},
                                    {false, false, false, false}};
    unsigned hits = 0;
    seed = 2;
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_begin();
        struct rh_buf json = rh_buf(arena), query = rh_buf(arena);
        unsigned kind = any(4), n = 1 + any(2);
        struct rh_text id = any_text("ab-.");
        id.len = id.len < 64 ? id.len : 64;
        bool want = false;
        rh_buf_printf(&json,
                      "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"%s%.*s\"}}",
                      own[kind], RH_TEXT_ARG(id));
        rh_buf_str(&query, "patient=");
        for (unsigned k = 0; k < n; k++) {
            struct rh_text asked = any(2) ? id : any_text("ab-.");
            asked.len = asked.len < 64 ? asked.len : 64;
            unsigned form = any(4);
            rh_buf_printf(&query, "%s%s%.*s", k ? "," : "", forms[form], RH_TEXT_ARG(asked));
            want = want || (finds[kind][form] && rh_text_eq(asked, id));
        }
        struct rh_search_keys keys;
        struct rh_query q;
        assert_int_equal(keys_of(rh_buf_get(&json), &keys), RH_OK);
        parse(RH_TEXT("Observation"), rh_buf_get(&query), &q);
        bool match = rh_condition_match(&q.conditions[0], &keys, RH_TEXT("x"), 0);
        if (match != want)
            fail_msg("%.*s on %.*s: wanted %d", RH_TEXT_ARG(rh_buf_get(&query)),
                     RH_TEXT_ARG(rh_buf_get(&json)), want);
        check_scan(&q.conditions[0], &keys, match);
        hits += match;
    }
    assert_true(hits > ROUNDS / 10 && hits < ROUNDS - ROUNDS / 10);
}

/* Digits have no sounds, so a name of them is found by the beginnings of its words and by nothing
 * else. */
static void finds_every_word_of_a_name(void **state)
{
    (void)state;
    unsigned hits = 0;
    seed = 3;
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_begin();
        struct rh_buf json = rh_buf(arena), query = rh_buf(arena);
        struct rh_text words[3];
        unsigned n = 1 + any(3), values = 1 + any(2);
        bool want = false, all = true;
        rh_buf_str(&json, "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"");
        for (unsigned i = 0; i < n; i++) {
            do
                words[i] = any_text("12");
            while (words[i].len == 36); /* a UUID is five words */
            rh_buf_printf(&json, "%s%.*s", i ? " " : "", RH_TEXT_ARG(words[i]));
        }
        rh_buf_str(&json, "\"}]}");
        rh_buf_str(&query, "name=");
        for (unsigned v = 0; v < values; v++) {
            unsigned parts = 1 + any(2);
            bool every = true;
            for (unsigned p = 0; p < parts; p++) {
                struct rh_text word;
                bool some = false;
                do
                    word = any_text("12");
                while (word.len == 36);
                rh_buf_printf(&query, "%s%.*s", p ? "+" : v ? "," : "", RH_TEXT_ARG(word));
                for (unsigned i = 0; i < n; i++)
                    some = some || (words[i].len >= word.len &&
                                    memcmp(words[i].data, word.data, word.len) == 0);
                every = every && some;
            }
            want = want || every;
        }
        struct rh_search_keys keys;
        struct rh_query q;
        assert_int_equal(keys_of(rh_buf_get(&json), &keys), RH_OK);
        parse(RH_TEXT("Patient"), rh_buf_get(&query), &q);
        for (unsigned k = 0; k < q.n; k++) {
            bool match = rh_condition_match(&q.conditions[k], &keys, RH_TEXT("x"), 0);
            check_scan(&q.conditions[k], &keys, match);
            all = all && match;
        }
        if (all != want)
            fail_msg("%.*s on %.*s: wanted %d", RH_TEXT_ARG(rh_buf_get(&query)),
                     RH_TEXT_ARG(rh_buf_get(&json)), want);
        hits += all;
    }
    assert_true(hits > ROUNDS / 10 && hits < ROUNDS - ROUNDS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_tokens_of_identifiers),
        cmocka_unit_test(makes_references_to_patients_only),
        cmocka_unit_test(makes_spans_of_dates),
        cmocka_unit_test(orders_instants_as_numbers),
        cmocka_unit_test(takes_every_part_of_a_name),
        cmocka_unit_test(refuses_more_keys_than_the_limit),
        cmocka_unit_test(says_when_the_arena_is_full),
        cmocka_unit_test(finds_parameters_by_name),
        cmocka_unit_test(finds_tokens_as_the_wording_says),
        cmocka_unit_test(finds_references_as_the_wording_says),
        cmocka_unit_test(finds_every_word_of_a_name),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
