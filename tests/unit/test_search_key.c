/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys: their bytes, which stand in data directories and so must not change unseen; what stands
 * beside them; limits.
 */
#include "search/key_int.h"

#include "base/bytes.h"
#include "base/datetime.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static int zone_minutes;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open((size_t)256 << 20);
    rh_issues_init(&issues, arena);
    zone_minutes = 0;
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
    return (struct rh_ctx){.arena = arena,
                           .issues = &issues,
                           .base = RH_TEXT("http://here.example/fhir"),
                           .zone_minutes = zone_minutes};
}

/* Who asks for the keys of one parameter gets the very rows that it has among all. */
static void asks_for_some(struct rh_ctx *ctx, const struct rh_type *type, const yyjson_val *root,
                          const struct rh_search_keys *all)
{
    for (unsigned i = 0, next; i < all->n_own; i = next) {
        unsigned number = all->rows[i].number;
        struct rh_key_wish wish = {.n = 0};
        struct rh_search_keys some;
        for (next = i + 1; next < all->n_own && all->rows[next].number == number; next++)
            continue;
        rh_key_wish_add(&wish, number);
        if (all->rows[i].type != type->resource || wish.all)
            continue;
        assert_int_equal(rh_keys_wished(ctx, type, root, &wish, &some), RH_OK);
        assert_int_equal(some.n_own, next - i);
        for (unsigned k = 0; k < some.n_own; k++) {
            assert_int_equal(some.rows[k].number, number);
            assert_true(rh_text_eq(some.rows[k].bytes, all->rows[i + k].bytes));
        }
    }
}

static enum rh_rc keys_of(struct rh_text json, struct rh_search_keys *ret)
{
    struct rh_ctx ctx = context();
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, json, &doc), RH_OK);
    const yyjson_val *root = yyjson_doc_get_root(doc);
    const struct rh_type *type = rh_type_find(rh_json_get(root, "resourceType"));
    assert_non_null(type);
    enum rh_rc rc = rh_keys_of(&ctx, type, root, ret);
    if (rc == RH_OK)
        asks_for_some(&ctx, type, root, ret);
    return rc;
}

/* --- as text -----------------------------------------------------------------------------------
 */

static void show_instant(struct rh_buf *b, const char *p)
{
    char text[RH_INSTANT_SIZE];
    int64_t us = rh_get_i64((const unsigned char *)p);
    if (us != INT64_MIN && us != INT64_MAX)
        rh_instant_print(us, text);
    rh_buf_str(b, us == INT64_MIN ? "-" : us == INT64_MAX ? "+" : text);
}

/* Spans as instants; printable bytes as they are, others as \xx; known hashes as <a>, <0>. */
static void show(struct rh_buf *b, struct rh_text t)
{
    static const struct {
        const char *system, *shown;
    } known[] = {{"http://a.example", "<a>"},
                 {"http://hl7.org/fhir/administrative-gender", "<gender>"},
                 {"http://terminology.hl7.org/CodeSystem/special-values", "<special>"},
                 {"urn:iso:std:iso:4217", "<money>"},
                 {"home", "<home>"},
                 {"phone", "<phone>"}};
    if (t.len == 17 && (t.data[0] == 'l' || t.data[0] == 'h')) {
        rh_buf_char(b, t.data[0]);
        show_instant(b, t.data + 1);
        rh_buf_char(b, '/');
        show_instant(b, t.data + 9);
        return;
    }
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        const char *name = NULL;
        for (unsigned k = 0; k < sizeof known / sizeof known[0] && t.len - i >= 8 && !name; k++)
            if (rh_get_u64((const unsigned char *)t.data + i) ==
                rh_hash_system(rh_text(known[k].system)))
                name = known[k].shown;
        static const char zeros[9] = {0};
        if (t.len - i >= 9 && memcmp(t.data + i, zeros, 9) == 0) {
            rh_buf_str(b, "\\00");
            continue;
        }
        if (t.len - i >= 8 && rh_get_u64((const unsigned char *)t.data + i) == 0)
            name = "<0>";
        if (name) {
            rh_buf_str(b, name);
            i += 7;
        } else if (c >= 0x20 && c < 0x7F) {
            rh_buf_char(b, (char)c);
        } else {
            rh_buf_printf(b, "\\%02x", c);
        }
    }
}

/* The rows of a parameter, with a blank between. `mask` RH_PARAM_CONTAINED: of contained ones. */
static const char *shown_of(const char *json, const char *type, const char *parameter,
                            unsigned mask)
{
    struct rh_search_keys keys;
    struct rh_buf b = rh_buf(arena);
    unsigned number = rh_resource_number(rh_text(type));
    const struct rh_parameter *p = rh_parameter_find(NULL, number, rh_text(parameter));
    if (!p)
        fail_msg("%s has no %s", type, parameter);
    assert_int_equal(keys_of(rh_text(json), &keys), RH_OK);
    for (unsigned i = 0; i < keys.n; i++) {
        if (keys.rows[i].number != (p->number | mask) || keys.rows[i].type != number)
            continue;
        rh_buf_str(&b, b.len ? " " : "");
        show(&b, keys.rows[i].bytes);
    }
    rh_buf_char(&b, 0);
    return b.data;
}

struct row {
    const char *type, *parameter, *members, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *json =
            rh_arena_printf(arena, "{\"resourceType\":\"%s\",%s}", rows[i].type, rows[i].members);
        const char *got = shown_of(json, rows[i].type, rows[i].parameter, 0);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu, %s of %s: got %s, wanted %s", i, rows[i].parameter, json, got,
                     rows[i].want);
    }
}
#define CHECK(rows) check_rows(rows, sizeof rows / sizeof rows[0])

static void makes_tokens(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Patient", "identifier", "\"identifier\":[{\"value\":\"7\"}]", "ct7\\00<0>"},
        {"Patient", "identifier",
         "\"identifier\":[{\"system\":\"http://a.example\",\"value\":\"7\"}]", "ct7\\00<a> s<a>"},
        {"Patient", "identifier", "\"identifier\":[{\"system\":\"http://a.example\"}]", "s<a> ~"},
        {"Patient", "identifier", "\"identifier\":[{\"use\":\"old\"}]", "~"},
        {"Patient", "identifier",
         "\"identifier\":[{\"value\":\"b\"},{\"value\":\"a\"},{\"value\":\"b\"}]",
         "cta\\00<0> ctb\\00<0>"},
        {"Patient", "identifier",
         "\"identifier\":[{\"system\":\"http://a.example\",\"value\":"
         "\"41424344-4546-4748-494a-4b4c4d4e4f50\"}]",
         "cuABCDEFGHIJKLMNOP<a> s<a>"},
        /* capitals are another text: as a UUID they would be found by the other spelling */
        {"Patient", "identifier",
         "\"identifier\":[{\"value\":\"4142434F-4546-4748-494A-4B4C4D4E4F50\"}]",
         "ct4142434F-4546-4748-494A-4B4C4D4E4F50\\00<0>"},
        {"Observation", "code",
         "\"code\":{\"text\":\"T\",\"coding\":[{\"system\":\"http://a.example\",\"code\":\"x\"},"
         "{\"code\":\"y\"},{\"display\":\"only\"}]}",
         "ctx\\00<a> cty\\00<0> s<a>"},
        {"Encounter", "class", "\"class\":{\"code\":\"AMB\"}", "ctAMB\\00<0>"},
        /* the system of a code is that of its binding */
        {"Patient", "gender", "\"gender\":\"female\"", "ctfemale\\00<gender> s<gender>"},
        {"Patient", "active", "\"active\":false", "ctfalse\\00<special> s<special>"},
        {"Patient", "deceased", "\"deceasedDateTime\":\"2001\"", "cttrue\\00<special> s<special>"},
        {"Patient", "deceased", "\"deceasedBoolean\":false", "ctfalse\\00<special> s<special>"},
        {"Patient", "deceased", "\"active\":true", "ctfalse\\00<special> s<special>"},
        {"Patient", "telecom",
         "\"telecom\":[{\"system\":\"phone\",\"use\":\"home\",\"value\":\"1\"},{\"value\":\"2\"}]",
         "ct1\\00<home> ct1\\00<phone> ct2\\00<0> s<home> s<phone>"},
        {"Patient", "phone",
         "\"telecom\":[{\"system\":\"phone\",\"value\":\"1\"},{\"system\":\"email\",\"value\":"
         "\"2\"}]",
         "ct1\\00<phone> s<phone>"},
        {"Observation", "_security", "\"meta\":{\"security\":[{\"code\":\"R\"}]}", "ctR\\00<0>"},
    };
    CHECK(rows);
}

static void keeps_identifiers_by_their_type(void **state)
{
    (void)state;
    struct rh_buf want = rh_buf(arena), got = rh_buf(arena);
    struct rh_search_keys keys;
    rh_key_of_type(&want, RH_TEXT("http://a.example"), RH_TEXT("MR"), RH_TEXT("7"));
    assert_int_equal(
        keys_of(RH_TEXT("{\"resourceType\":\"Patient\",\"identifier\":[{\"value\":\"7\",\"type\":"
                        "{\"coding\":[{\"system\":\"http://a.example\",\"code\":\"MR\"}]}}]}"),
                &keys),
        RH_OK);
    for (unsigned i = 0; i < keys.n; i++)
        if (keys.rows[i].bytes.data[0] == 'o')
            rh_buf_text(&got, keys.rows[i].bytes);
    assert_true(rh_text_eq(rh_buf_get(&got), rh_buf_get(&want)));
}

static void makes_strings(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Patient", "family",
         "\"name\":[{\"family\":\"  M\xC3\xBCller -  L\xC3\xBC"
         "denscheid\"}]",
         "wludenscheid xmuller ludenscheid"},
        {"Patient", "given", "\"name\":[{\"given\":[\"A\",\"b\"],\"_given\":[null,null]}]",
         "xa xb"},
        {"Patient", "family", "\"name\":[{\"family\":\"---\"}]", "~"},
        {"Patient", "name", "\"name\":[{\"family\":\"11\",\"given\":[\"22 33\"]}]",
         "f11 f22 f33 x11 x22 33"},
        {"Patient", "address-city", "\"address\":[{\"city\":\"K\xC3\xB6ln\"}]", "xkoln"},
        {"Patient", "address",
         "\"address\":[{\"line\":[\"1 A Street\"],\"city\":\"B\",\"postalCode\":\"C1\"}]",
         "x1 a street xb xc1"},
        {"Organization", "name", "\"name\":\"Clinic\",\"alias\":[\"Old\"]", "xclinic xold"},
        {"Observation", "value-string", "\"valueString\":\"O'Brien's\"", "xobriens"},
        {"Observation", "value-string", "\"valueCodeableConcept\":{\"text\":\"Pos\"}", "xpos"},
        {"Patient", "mothersMaidenName",
         "\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/"
         "patient-mothersMaidenName\",\"valueString\":\"Abc\"},{\"url\":\"http://a.example\","
         "\"valueString\":\"no\"}]",
         "xabc"},
    };
    CHECK(rows);
}

static void makes_spans_of_dates(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Patient", "birthdate", "\"birthDate\":\"2000-02-29\"",
         "l2000-02-29T00:00:00.000000Z/2000-02-29T23:59:59.999999Z"},
        {"Patient", "birthdate", "\"birthDate\":\"2000-02\"",
         "h2000-02-29T23:59:59.999999Z/2000-02-01T00:00:00.000000Z "
         "l2000-02-01T00:00:00.000000Z/2000-02-29T23:59:59.999999Z"},
        /* without a zone: that of the site, unless it is a calendar day */
        {"Observation", "date", "\"effectiveDateTime\":\"2020-05-06\"",
         "l2020-05-05T22:00:00.000000Z/2020-05-06T21:59:59.999999Z"},
        {"Observation", "date", "\"effectiveDateTime\":\"2020-05-06T07:08:09+00:00\"",
         "l2020-05-06T07:08:09.000000Z/2020-05-06T07:08:09.999999Z"},
        {"Observation", "date", "\"effectivePeriod\":{\"start\":\"2020-05-06T00:00:00Z\"}",
         "h+/2020-05-06T00:00:00.000000Z l2020-05-06T00:00:00.000000Z/+"},
        {"Observation", "date", "\"effectivePeriod\":{\"end\":\"2020-05-06T00:00:00Z\"}",
         "h2020-05-06T00:00:00.999999Z/- l-/2020-05-06T00:00:00.999999Z"},
        {"Observation", "date", "\"effectivePeriod\":{\"id\":\"none\"}", "~"},
        {"Observation", "date",
         "\"effectiveTiming\":{\"event\":[\"2020-05-06T01:00:00Z\",\"2020-05-06T03:00:00Z\"]}",
         "l2020-05-06T01:00:00.000000Z/2020-05-06T03:00:00.999999Z"},
        {"Observation", "date",
         "\"effectiveTiming\":{\"repeat\":{\"boundsPeriod\":{\"start\":\"2020-05-06T01:00:00Z\"}}}",
         "h+/2020-05-06T01:00:00.000000Z l2020-05-06T01:00:00.000000Z/+"},
        {"Observation", "date", "\"effectiveTiming\":{\"repeat\":{\"frequency\":1}}", "~"},
        {"Observation", "value-date", "\"valueQuantity\":{\"value\":1}", ""},
    };
    zone_minutes = 120;
    CHECK(rows);
}

static void makes_numbers_and_quantities(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"RiskAssessment", "probability", "\"prediction\":[{\"probabilityDecimal\":0.50}]",
         "n\\c0\\80\\003\\00\\c0\\80\\003\\00"},
        {"RiskAssessment", "probability",
         "\"prediction\":[{\"probabilityRange\":{\"low\":{\"value\":5}}}]",
         "n\\c0\\80\\013\\00\\ff r\\c0\\80\\013\\00\\ff"},
        {"Observation", "value-quantity", "\"valueQuantity\":{\"value\":5}",
         "q\\00<0>\\c0\\80\\013\\00\\c0\\80\\013\\00"},
        {"Observation", "value-quantity",
         "\"valueQuantity\":{\"value\":5,\"unit\":\"mg\",\"code\":\"mg\",\"system\":"
         "\"http://a.example\"}",
         "qmg\\00<a>\\c0\\80\\013\\00\\c0\\80\\013\\00"},
        {"Observation", "value-quantity", "\"valueQuantity\":{\"value\":5,\"unit\":\"mg\"}",
         "qmg\\00<0>\\c0\\80\\013\\00\\c0\\80\\013\\00"},
        {"Observation", "value-quantity",
         "\"valueQuantity\":{\"value\":5,\"unit\":\"milli\",\"code\":\"mg\",\"comparator\":\"<\"}",
         "pmilli\\00\\00<0>\\c0\\80\\013\\00 qmg\\00\\00<0>\\c0\\80\\013\\00"},
        {"Observation", "value-quantity",
         "\"valueQuantity\":{\"value\":5,\"code\":\"mg\",\"comparator\":\">=\"}",
         "qmg\\00<0>\\c0\\80\\013\\00\\ff rmg\\00<0>\\c0\\80\\013\\00\\ff"},
        {"Observation", "value-quantity", "\"valueQuantity\":{\"unit\":\"mg\"}", "~"},
        {"Observation", "value-quantity", "\"valueRange\":{\"low\":{\"value\":5}}", ""},
        {"Condition", "onset-age", "\"onsetRange\":{\"high\":{\"value\":5,\"unit\":\"a\"}}",
         "qa\\00\\00<0>\\c0\\80\\013\\00"},
        {"Invoice", "totalgross", "\"totalGross\":{\"value\":5,\"currency\":\"EUR\"}",
         "qEUR\\00<money>\\c0\\80\\013\\00\\c0\\80\\013\\00"},
        {"Observation", "value-quantity",
         "\"valueSampledData\":{\"origin\":{\"value\":1},\"period\":1,\"dimensions\":1}", "~"},
        /* more digits than a decimal has: no key, and no wrong one */
        {"Observation", "value-quantity",
         "\"valueQuantity\":{\"value\":1.234567890123456789012345678901234567890}", "~"},
    };
    CHECK(rows);
}

static void makes_references(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Observation", "subject", "\"subject\":{\"reference\":\"Patient/7\"}", "\\00gt7"},
        {"Observation", "subject", "\"subject\":{\"reference\":\"Patient/7/_history/2\"}",
         "\\00gt7"},
        {"Observation", "subject",
         "\"subject\":{\"reference\":\"Patient/41424344-4546-4748-494a-4b4c4d4e4f50\"}",
         "\\00guABCDEFGHIJKLMNOP"},
        {"Observation", "subject", "\"subject\":{\"reference\":\"http://a.example/Patient/7\"}",
         "\\00gxhttp://a.example/Patient/7"},
        /* the address under which this server was asked does not change a key */
        {"Observation", "subject",
         "\"subject\":{\"reference\":\"http://here.example/fhir/Patient/7\"}",
         "\\00gxhttp://here.example/fhir/Patient/7"},
        {"Observation", "subject", "\"subject\":{\"reference\":\"urn:uuid:7\"}",
         "\\00\\00xurn:uuid:7"},
        {"Observation", "subject", "\"subject\":{\"reference\":\"#p\"}", "~"},
        {"Observation", "subject",
         "\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"p\"}],"
         "\"subject\":{\"reference\":\"#p\"}",
         "#\\00g ~"},
        {"Observation", "subject", "\"subject\":{\"reference\":\"Patient?name=x\"}", "~"},
        {"Observation", "subject", "\"subject\":{\"display\":\"x\"}", "~"},
        {"Observation", "subject",
         "\"subject\":{\"identifier\":{\"system\":\"http://a.example\",\"value\":\"9\"}}",
         "ict9\\00<a> is<a> ~"},
        /* of a type only */
        {"Group", "managing-entity", "\"managingEntity\":{\"reference\":\"Organization/1\"}",
         "\\00dt1"},
        {"Appointment", "actor",
         "\"participant\":[{\"actor\":{\"reference\":\"Patient/1\"}},{\"actor\":{\"reference\":"
         "\"Location/2\"}}]",
         "\\00Gt2 \\00gt1"},
        {"CarePlan", "instantiates-canonical",
         "\"instantiatesCanonical\":[\"http://a.example/PlanDefinition/p|2\"]",
         "\\00kxhttp://a.example/PlanDefinition/p v\\00kxhttp://a.example/PlanDefinition/p\\002"},
        {"Bundle", "composition",
         "\"type\":\"document\",\"entry\":[{\"resource\":{\"resourceType\":\"Composition\",\"id\":"
         "\"c\"}}]",
         "\\00\\1atc #\\00\\1a"},
        {"CarePlan", "instantiates-uri", "\"instantiatesUri\":[\"http://a.example/x|1\"]",
         "uhttp://a.example/x|1"},
        {"Observation", "_profile", "\"meta\":{\"profile\":[\"http://a.example/x|1\"]}",
         "uhttp://a.example/x uhttp://a.example/x|1"},
    };
    CHECK(rows);
    /* views have no keys */
    assert_string_equal(shown_of("{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
                                 "\"Patient/7\"}}",
                                 "Observation", "patient", 0),
                        "");
}

static void makes_composites_and_places(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Observation", "component-code-value-quantity",
         "\"component\":[{\"code\":{\"coding\":[{\"code\":\"a\"}]},\"valueQuantity\":{\"value\":5}}"
         ",{\"code\":{\"coding\":[{\"code\":\"b\"},{\"system\":\"http://a.example\",\"code\":\"c\"}"
         "]},\"valueQuantity\":{\"value\":6}},{\"code\":{\"coding\":[{\"code\":\"d\"}]}}]",
         "cta\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\00q\\00<"
         "0>\\c0\\80\\013\\00\\c0\\80\\013\\00 "
         "ctb\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\ff\\00\\00q\\00<"
         "0>\\c0\\80\\01=\\00\\c0\\80\\01=\\00 "
         "ctc\\00\\ff<a>\\00\\00q\\00<0>\\c0\\80\\01=\\00\\c0\\80\\01=\\00"},
        /* joined: an AND of its components, no keys */
        {"Observation", "code-value-quantity",
         "\"code\":{\"coding\":[{\"code\":\"a\"}]},\"valueQuantity\":{\"value\":5}", ""},
        {"Location", "near", "\"position\":{\"latitude\":-90,\"longitude\":-180}", "g<0>"},
        {"Location", "near", "\"position\":{\"latitude\":90,\"longitude\":180}",
         "g\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff"},
        {"Location", "near", "\"position\":{\"latitude\":0,\"longitude\":-180}",
         "g\\80\\00\\00\\00\\00\\00\\00\\00"},
        {"Location", "near", "\"position\":{\"latitude\":91,\"longitude\":0}", ""},
    };
    CHECK(rows);
    /* %resource in a component */
    const char *text = shown_of("{\"resourceType\":\"MolecularSequence\",\"referenceSeq\":"
                                "{\"referenceSeqId\":{\"coding\":[{\"code\":\"NC\"}]}},\"variant\":"
                                "[{\"start\":5,\"end\":6}]}",
                                "MolecularSequence", "referenceseqid-variant-coordinate", 0);
    assert_memory_equal(text, "ctNC", 4);
    assert_non_null(strstr(text, "\\013"));
}

/* --- beside the keys ---------------------------------------------------------------------------
 */

static const struct rh_search_key *row_of(const struct rh_search_keys *keys, unsigned number,
                                          char first)
{
    for (unsigned i = 0; i < keys->n; i++)
        if (keys->rows[i].number == number && keys->rows[i].bytes.data[0] == first)
            return &keys->rows[i];
    return NULL;
}

static bool has_shape(const char *json, const char *type, const char *parameter)
{
    struct rh_search_keys keys;
    unsigned number = rh_resource_number(rh_text(type));
    struct rh_buf posting = rh_buf(arena);
    assert_int_equal(keys_of(rh_text(json), &keys), RH_OK);
    const struct rh_search_key *s = row_of(&keys, RH_PARAM_SHAPE, 's'),
                               *d = row_of(&keys, RH_PARAM_SHAPE, 'd');
    assert_non_null(s);
    assert_non_null(d);
    assert_true(d->shared && !s->shared);
    rh_shape_key(d->bytes, &posting);
    assert_true(rh_text_eq(rh_buf_get(&posting), s->bytes));
    return rh_shape_has(d->bytes, rh_parameter_find(NULL, number, rh_text(parameter))->number);
}

static void lists_what_has_a_value(void **state)
{
    (void)state;
    const char *patient =
        "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"},"
        "\"code\":{\"coding\":[{\"code\":\"a\"}]},\"component\":[{\"code\":{\"text\":\"t\"}}]}";
    const char *group = "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/1\"},"
                        "\"code\":{\"text\":\"t\"},\"valueQuantity\":{\"value\":1}}";
    const char *shown = "{\"resourceType\":\"Observation\",\"subject\":{\"display\":\"x\"}}";
    assert_true(has_shape(patient, "Observation", "subject"));
    assert_true(has_shape(patient, "Observation", "patient"));
    assert_true(has_shape(patient, "Observation", "code"));
    assert_true(has_shape(patient, "Observation", "combo-code"));
    assert_true(has_shape(patient, "Observation", "component-code")); /* without a coding too */
    assert_false(has_shape(patient, "Observation", "value-quantity"));
    assert_false(has_shape(patient, "Observation", "code-value-quantity"));
    assert_false(has_shape(patient, "Observation", "date"));
    assert_true(has_shape(group, "Observation", "subject"));
    assert_false(has_shape(group, "Observation", "patient"));
    assert_true(has_shape(group, "Observation", "code-value-quantity"));
    assert_true(has_shape(group, "Observation", "combo-code-value-quantity"));
    assert_true(has_shape(shown, "Observation", "subject"));
    assert_false(has_shape(shown, "Observation", "patient"));
    assert_false(has_shape(shown, "Observation", "combo-code"));
}

static void says_who_is_not_where_expected(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool stray;
    } rows[] = {
        {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"},"
         "\"performer\":[{\"reference\":\"Patient/2\"}]}",
         false},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/1\"},"
         "\"performer\":[{\"reference\":\"Patient/2\"}]}",
         true},
        {"{\"resourceType\":\"Observation\",\"performer\":[{\"reference\":\"Patient/2\"}]}", true},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/1\"}}", false},
        {"{\"resourceType\":\"Observation\"}", false},
        {"{\"resourceType\":\"Patient\",\"active\":true}", false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_search_keys keys;
        assert_int_equal(keys_of(rh_text(rows[i].json), &keys), RH_OK);
        assert_int_equal(row_of(&keys, RH_PARAM_STRAY, '!') != NULL, rows[i].stray);
    }
}

/* The words of texts lead to their atoms. */
static bool has_word(const struct rh_search_keys *keys, const char *text, const char *word,
                     unsigned number)
{
    struct rh_buf w = rh_buf(arena), a = rh_buf(arena);
    uint64_t hash = rh_hash_system(rh_text(text));
    bool leads = false, is = false;
    rh_key_text_word(&w, rh_text(word), hash);
    rh_key_atom(&a, hash);
    for (unsigned i = 0; i < keys->n; i++) {
        const struct rh_search_key *k = &keys->rows[i];
        leads = leads ||
                (k->shared && k->number == RH_PARAM_WORD && rh_text_eq(k->bytes, rh_buf_get(&w)));
        is = is || (!k->shared && k->number == number && rh_text_eq(k->bytes, rh_buf_get(&a)));
    }
    return leads && is;
}

static void keeps_texts_and_their_words(void **state)
{
    (void)state;
    struct rh_search_keys keys;
    assert_int_equal(
        keys_of(
            RH_TEXT("{\"resourceType\":\"Observation\",\"text\":{\"status\":\"generated\","
                    "\"div\":\"<div><p class='no'>Body &amp; w&#x65;ight</p><!-- gone > --></div>"
                    "\"},\"code\":{\"text\":\"Body Weight\",\"coding\":[{\"display\":\"Body  "
                    "weight!\",\"code\":\"nocode\"}]},\"subject\":{\"reference\":\"Patient/no\""
                    ",\"display\":\"Ann\"},\"note\":[{\"text\":\"*note*\"}],\"valueQuantity\":"
                    "{\"value\":1,\"unit\":\"nounit\"},\"extension\":[{\"url\":\"http://"
                    "a.example\",\"valueString\":\"Ext\"}],\"contained\":[{\"resourceType\":"
                    "\"Patient\",\"id\":\"c\",\"name\":[{\"family\":\"Inside\"}]}]}"),
            &keys),
        RH_OK);
    assert_true(has_word(&keys, "body weight", "body", RH_PARAM_ATOM));
    assert_true(has_word(&keys, "body weight", "weight", RH_PARAM_ATOM));
    assert_true(has_word(&keys, "body weight", "weight", RH_PARAM_TEXT_ATOM));
    assert_true(has_word(&keys, "ann", "ann", RH_PARAM_ATOM));
    assert_true(has_word(&keys, "note", "note", RH_PARAM_ATOM));
    assert_true(has_word(&keys, "ext", "ext", RH_PARAM_ATOM));
    assert_true(has_word(&keys, "inside", "inside", RH_PARAM_ATOM));
    assert_false(has_word(&keys, "inside", "inside", RH_PARAM_TEXT_ATOM));
    for (unsigned i = keys.n_own; i < keys.n; i++) {
        assert_true(keys.rows[i].shared);
        if (keys.rows[i].number == RH_PARAM_WORD)
            assert_true(!rh_text_starts(keys.rows[i].bytes, "wno") ||
                        rh_text_starts(keys.rows[i].bytes, "wnote"));
        assert_false(rh_text_starts(keys.rows[i].bytes, "wgone"));
    }
}

static void says_when_there_is_more_text_than_keys(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena), none = rh_buf(arena);
    struct rh_search_keys keys;
    rh_key_atom(&none, 0);
    for (unsigned n = 100; n <= 100000; n *= 1000) {
        bool found = false;
        b = rh_buf(arena);
        rh_buf_str(&b, "{\"resourceType\":\"Observation\",\"note\":[{\"text\":\"");
        for (unsigned i = 0; i < n; i++)
            rh_buf_printf(&b, "w%u ", i);
        rh_buf_str(&b, "\"}]}");
        assert_int_equal(keys_of(rh_buf_get(&b), &keys), RH_OK);
        for (unsigned i = 0; i < keys.n; i++)
            found = found || rh_text_eq(keys.rows[i].bytes, rh_buf_get(&none));
        assert_int_equal(found, n > 100);
        assert_true(keys.n < 5000);
    }
}

static void makes_keys_of_contained_resources(void **state)
{
    (void)state;
    const char *json = "{\"resourceType\":\"Observation\",\"contained\":[{\"resourceType\":"
                       "\"Patient\",\"id\":\"p\",\"gender\":\"male\",\"birthDate\":\"2000-01-01\"}]"
                       ",\"status\":\"final\"}";
    assert_string_equal(shown_of(json, "Patient", "gender", RH_PARAM_CONTAINED),
                        "ctmale\\00<gender> s<gender>");
    assert_string_equal(shown_of(json, "Patient", "gender", 0), "");
    assert_string_equal(shown_of(json, "Observation", "status", RH_PARAM_CONTAINED), "");
    /* what an entry of a Bundle contains, the Bundle does not */
    json =
        rh_arena_printf(arena, "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":%s}]}", json);
    assert_string_equal(shown_of(json, "Patient", "gender", RH_PARAM_CONTAINED), "");
}

static void carries_the_main_date(void **state)
{
    (void)state;
    static const struct {
        const char *date, *lo, *hi; /* NULL: not expressed */
    } rows[] = {
        {"\"effectiveDateTime\":\"2020\"", "2020-01-01T00:00:00.000000Z",
         "2020-12-31T23:59:59.999999Z"},
        {"\"effectiveDateTime\":\"2020-02\"", "2020-02-01T00:00:00.000000Z",
         "2020-02-29T23:59:59.999999Z"},
        {"\"effectiveDateTime\":\"1899-02-03\"", "1899-02-03T00:00:00.000000Z",
         "1899-02-03T23:59:59.999999Z"},
        {"\"effectiveDateTime\":\"2020-02-03T01:02:03Z\"", "2020-02-03T01:02:03.000000Z",
         "2020-02-03T01:02:03.999999Z"},
        {"\"effectiveInstant\":\"2020-02-03T01:02:03.456Z\"", "2020-02-03T01:02:03.456000Z",
         "2020-02-03T01:02:03.456999Z"},
        {"\"effectiveInstant\":\"2020-02-03T01:02:03.456789Z\"", NULL, NULL},
        {"\"effectivePeriod\":{\"start\":\"2020-02-03T01:02:03Z\",\"end\":\"2020-02-04T01:02:"
         "03Z\"}",
         "2020-02-03T01:02:03.000000Z", "2020-02-04T01:02:03.999999Z"},
        {"\"effectivePeriod\":{\"start\":\"2020-02-03T01:02:03Z\"}", NULL, NULL},
        {"\"effectivePeriod\":{\"start\":\"2020-02-03\",\"end\":\"2020-06-03\"}", NULL, NULL},
    };
    unsigned observation = rh_resource_number(RH_TEXT("Observation"));
    unsigned code = rh_parameter_find(NULL, observation, RH_TEXT("code"))->number,
             identifier = rh_parameter_find(NULL, observation, RH_TEXT("identifier"))->number;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_search_keys keys;
        int64_t lo, hi;
        char text[RH_INSTANT_SIZE];
        const char *json = rh_arena_printf(
            arena,
            "{\"resourceType\":\"Observation\",\"code\":{\"text\":\"t\",\"coding\":[{\"code\":"
            "\"a\"}]},\"identifier\":[{\"value\":\"v\"}],%s}",
            rows[i].date);
        assert_int_equal(keys_of(rh_text(json), &keys), RH_OK);
        int64_t aux = row_of(&keys, code, 'c')->aux;
        assert_int_equal(rh_aux_span(aux, &lo, &hi), rows[i].lo != NULL);
        assert_int_equal(aux & RH_AUX_ONLY, RH_AUX_ONLY);
        assert_int_equal(row_of(&keys, RH_PARAM_SHAPE, 's')->aux & ~RH_AUX_ONLY,
                         aux & ~RH_AUX_ONLY);
        assert_int_equal(row_of(&keys, RH_PARAM_ATOM, 'a')->aux & ~RH_AUX_ONLY, aux & ~RH_AUX_ONLY);
        assert_int_equal(row_of(&keys, identifier, 'c')->aux, RH_AUX_ONLY);
        if (!rows[i].lo)
            continue;
        rh_instant_print(lo, text);
        assert_string_equal(text, rows[i].lo);
        rh_instant_print(hi, text);
        assert_string_equal(text, rows[i].hi);
    }
}

static void marks_the_only_row(void **state)
{
    (void)state;
    struct rh_search_keys keys;
    unsigned patient = rh_resource_number(RH_TEXT("Patient"));
    unsigned given = rh_parameter_find(NULL, patient, RH_TEXT("given"))->number,
             family = rh_parameter_find(NULL, patient, RH_TEXT("family"))->number;
    assert_int_equal(keys_of(RH_TEXT("{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\","
                                     "\"given\":[\"b\",\"c\"]}]}"),
                             &keys),
                     RH_OK);
    assert_int_equal(row_of(&keys, family, 'x')->aux & RH_AUX_ONLY, RH_AUX_ONLY);
    assert_int_equal(row_of(&keys, given, 'x')->aux & RH_AUX_ONLY, 0);
}

/* --- at random ---------------------------------------------------------------------------------
 */

static uint64_t seed;

static unsigned any(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static struct rh_dec any_decimal(void)
{
    struct rh_dec d = {.scale = (int)any(12) - 6};
    unsigned digits = any(4) ? any(5) : any(38);
    for (unsigned i = 0; i < digits; i++)
        d.coefficient = d.coefficient * 10 + (any(3) ? any(10) : 0);
    return any(2) ? rh_dec_negate(d) : d;
}

static void orders_decimals_by_value(void **state)
{
    (void)state;
    struct rh_buf low = rh_buf(arena), high = rh_buf(arena);
    rh_key_decimal_end(&low, false);
    rh_key_decimal_end(&high, true);
    seed = 1;
    for (unsigned i = 0; i < 200000; i++) {
        struct rh_dec a = any_decimal(), b = any_decimal();
        if (any(4) == 0) {
            b = a;
            if (a.scale < 6 && rh_dec_digits(a) < 30)
                (void)rh_dec_rescale(a, a.scale + (int)any(3), RH_ROUND_DOWN, &b);
        }
        struct rh_buf x = rh_buf(arena), y = rh_buf(arena);
        rh_key_decimal(&x, a);
        rh_key_decimal(&y, b);
        int want = rh_dec_cmp(a, b), got = rh_text_cmp(rh_buf_get(&x), rh_buf_get(&y));
        assert_int_equal((got > 0) - (got < 0), want);
        assert_true(rh_text_cmp(rh_buf_get(&low), rh_buf_get(&x)) < 0);
        assert_true(rh_text_cmp(rh_buf_get(&high), rh_buf_get(&x)) > 0);
        size_t n = x.len < y.len ? x.len : y.len; /* none is the beginning of another */
        assert_true(want == 0 || memcmp(x.data, y.data, n) != 0);
        if (i % 1000 == 0) {
            rh_arena_reset(arena);
            low = high = rh_buf(arena);
            rh_key_decimal_end(&low, false);
            rh_key_decimal_end(&high, true);
        }
    }
}

static void gives_back_the_span_of_a_main_date(void **state)
{
    (void)state;
    unsigned expressed = 0;
    seed = 2;
    for (unsigned i = 0; i < 100000; i++) {
        static const char *const forms[] = {"%04u",
                                            "%04u-%02u",
                                            "%04u-%02u-%02u",
                                            "%04u-%02u-%02uT%02u:11:12Z",
                                            "%04u-%02u-%02uT%02u:11:12.5Z",
                                            "%04u-%02u-%02uT%02u:11:12.12Z",
                                            "%04u-%02u-%02uT%02u:11:12.123+05:30"};
        char text[40];
        struct rh_datetime d;
        int64_t lo, hi;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, forms[any(7)], 1 + any(9998), 1 + any(12), 1 + any(28),
                 any(24));
#pragma GCC diagnostic pop
        assert_int_equal(
            rh_datetime_parse(rh_text(text), RH_DATETIME, (int)any(28 * 60) - 14 * 60, &d), RH_OK);
        int64_t aux = rh_aux_make(d.lo_us, d.hi_us);
        assert_true(rh_aux_span(aux, &lo, &hi));
        assert_true(lo == d.lo_us && hi == d.hi_us);
        /* any other span: the same, or not at all */
        hi = d.lo_us + (int64_t)any(1u << 30) * 1000 * (1 + (int64_t)any(1000)) - any(2);
        aux = rh_aux_make(d.lo_us, hi);
        int64_t want = hi;
        if (rh_aux_span(aux, &lo, &hi)) {
            assert_true(lo == d.lo_us && hi == want);
            expressed++;
        }
        assert_int_equal(aux & RH_AUX_ONLY, 0);
    }
    assert_false(rh_aux_span(0, &(int64_t){0}, &(int64_t){0}));
    assert_int_equal(rh_aux_make(INT64_MIN, 5), 0);
    assert_int_equal(rh_aux_make(5, INT64_MAX), 0);
    assert_true(expressed < 100000);
}

/* A line is its words with one blank between, in any script. */
static void folds_lines_as_words(void **state)
{
    (void)state;
    static const char *const pieces[] = {"A",        "b",         "Z9",           " ",
                                         "-",        "'",         "\xC3\xA9",     "\xD8\xB9",
                                         "\t",       "e\xCC\x81", "\xEA\xB0\x80", "\xE2\x80\x99",
                                         "\xC3\x9F", "|"};
    seed = 3;
    for (unsigned i = 0; i < 20000; i++) {
        struct rh_buf t = rh_buf(arena), want = rh_buf(arena);
        struct rh_text words[RH_WORDS_MAX], line;
        unsigned n;
        for (unsigned k = any(20); k-- > 0;)
            rh_buf_str(&t, pieces[any(sizeof pieces / sizeof pieces[0])]);
        assert_int_equal(rh_fold_words(arena, rh_buf_get(&t), words, &n), RH_OK);
        for (unsigned k = 0; k < n; k++) {
            rh_buf_str(&want, k ? " " : "");
            rh_buf_text(&want, words[k]);
        }
        assert_int_equal(rh_fold_line(arena, rh_buf_get(&t), &line), RH_OK);
        if (!rh_text_eq(line, rh_buf_get(&want)))
            fail_msg("%.*s: %.*s, not %.*s", RH_TEXT_ARG(rh_buf_get(&t)), RH_TEXT_ARG(line),
                     RH_TEXT_ARG(rh_buf_get(&want)));
        if (i % 500 == 0)
            rh_arena_reset(arena);
    }
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
    struct rh_search_keys keys = {NULL, 77, 77};
    unsigned before = issues.errors;
    assert_int_equal(keys_of(many_identifiers(RH_KEYS_MAX + 1), &keys), RH_TOOLARGE);
    assert_int_equal(keys_of(many_identifiers(5 * RH_KEYS_MAX), &keys), RH_TOOLARGE);
    assert_int_equal(keys.n, 77); /* untouched */
    assert_int_equal(issues.errors, before + 2);
    assert_int_equal(keys_of(many_identifiers(RH_KEYS_MAX - 10), &keys), RH_OK);
    assert_true(keys.n > RH_KEYS_MAX - 10);
}

static void says_when_the_arena_is_full(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"resourceType\":\"Patient\",\"birthDate\":\"2000\",\"name\":[{\"text\":\"Abd al "
        "Rahman\"}]"
        ",\"deceasedBoolean\":false}",
        "{\"resourceType\":\"Observation\",\"contained\":[{\"resourceType\":\"Patient\",\"id\":"
        "\"p\","
        "\"gender\":\"male\"}],\"component\":[{\"code\":{\"coding\":[{\"code\":\"a\"}]},"
        "\"valueQuantity\":{\"value\":5}}]}",
    };
    for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct rh_text json = rh_text(rows[r]);
        yyjson_doc *doc;
        unsigned refused = 0, made = 0;
        struct rh_search_keys whole;
        assert_int_equal(keys_of(json, &whole), RH_OK);
        assert_int_equal(rh_json_parse(arena, &issues, json, &doc), RH_OK);
        yyjson_val *root = yyjson_doc_get_root(doc);
        for (size_t limit = 16; limit < 65536; limit += 48) {
            struct rh_arena *small = rh_arena_open(limit);
            struct rh_issues is;
            rh_issues_init(&is, arena);
            struct rh_ctx ctx = {.arena = small, .issues = &is};
            struct rh_search_keys keys;
            enum rh_rc rc =
                rh_keys_of(&ctx, rh_type_find(rh_json_get(root, "resourceType")), root, &keys);
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
}

/* The order that storing and searching rely on. */
static void sorts_rows(void **state)
{
    (void)state;
    struct rh_search_keys keys;
    assert_int_equal(keys_of(many_identifiers(500), &keys), RH_OK);
    assert_true(keys.n_own < keys.n);
    for (unsigned i = 1; i < keys.n; i++) {
        const struct rh_search_key *a = &keys.rows[i - 1], *b = &keys.rows[i];
        int order = a->shared != b->shared   ? (a->shared ? 1 : -1)
                    : a->type != b->type     ? (a->type < b->type ? -1 : 1)
                    : a->number != b->number ? (a->number < b->number ? -1 : 1)
                                             : rh_text_cmp(a->bytes, b->bytes);
        assert_true(order < 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(makes_tokens),
        TEST(keeps_identifiers_by_their_type),
        TEST(makes_strings),
        TEST(makes_spans_of_dates),
        TEST(makes_numbers_and_quantities),
        TEST(makes_references),
        TEST(makes_composites_and_places),
        TEST(lists_what_has_a_value),
        TEST(says_who_is_not_where_expected),
        TEST(keeps_texts_and_their_words),
        TEST(says_when_there_is_more_text_than_keys),
        TEST(makes_keys_of_contained_resources),
        TEST(carries_the_main_date),
        TEST(marks_the_only_row),
        TEST(orders_decimals_by_value),
        TEST(gives_back_the_span_of_a_main_date),
        TEST(folds_lines_as_words),
        TEST(refuses_more_keys_than_the_limit),
        TEST(says_when_the_arena_is_full),
        TEST(sorts_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
