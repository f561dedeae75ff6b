/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsing, evaluation, types, the static check and the tree, as tables of rows. Sources: FHIRPath
 * 2.0 (http://hl7.org/fhirpath/N1) by section, "R4" (https://hl7.org/fhir/R4/fhirpath.html),
 * "suite": HL7's official tests for R4. Single-value functions stand in test_fp_numbers.c.
 */
#include "fhirpath/fhirpath.h"
#include "system/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_host host;
static struct rh_ctx ctx;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, arena);
    host = (struct rh_host){.regex = rh_regex};
    ctx = (struct rh_ctx){
        .arena = arena, .issues = &issues, .host = &host, .now_us = 1790000000000000};
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    rh_regex_forget();
    return 0;
}

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"gender\":\"male\","
    "\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"o\",\"name\":\"Clinic\"}],"
    "\"extension\":[{\"url\":\"http://a\",\"valueInteger\":3},{\"url\":\"http://b\","
    "\"_valueString\":{\"id\":\"x\"}}],"
    "\"managingOrganization\":{\"reference\":\"#o\"},"
    "\"birthDate\":\"1974-12-25\",\"_birthDate\":{\"id\":\"b\",\"extension\":[{\"url\":\"http://"
    "t\","
    "\"valueDateTime\":\"1974-12-25T14:35:45-05:00\"}]},"
    "\"multipleBirthInteger\":2,"
    "\"name\":[{\"use\":\"official\",\"family\":\"Chalmers\",\"given\":[\"Peter\",\"James\"]},"
    "{\"use\":\"usual\",\"given\":[\"Jim\",null],\"_given\":[null,{\"id\":\"g\"}]},"
    "{\"use\":\"maiden\",\"family\":\"Windsor\",\"given\":[\"Peter\",\"James\"]}],"
    "\"contact\":[{\"gender\":\"female\",\"name\":{\"family\":\"du Marche\"}}]}";

static const char observation[] =
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"weight\"},"
    "\"valueQuantity\":{\"value\":185.0,\"unit\":\"lbs\",\"system\":\"http://unitsofmeasure.org\","
    "\"code\":\"[lb_av]\"},\"component\":[{\"code\":{\"text\":\"age\"},\"valueQuantity\":{"
    "\"value\":3,\"unit\":\"years\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"a\"}}]}";

static const char plain[] =
    "{\"a\":[1,2.50,\"x\",true,null,{\"b\":12345678901}],\"value\":{\"c\":[]},"
    "\"valueString\":\"s\"}";

static yyjson_val *json(const char *text)
{
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(text), &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

/* The result as text ("a,b"), or the error as "!NAME line:column". */
static const char *answer(const char *resource, const char *expression)
{
    struct rh_fp *e;
    struct rh_fp_list l;
    struct rh_fp_input in = {.empty = resource == NULL};
    struct rh_buf b = rh_buf(arena);
    rh_issues_init(&issues, arena);
    ctx.steps = 0;
    if (resource) {
        in.resource = json(resource);
        in.focus = rh_fp_resource(in.resource, resource == plain);
    }
    enum rh_rc rc = rh_fp_compile(&ctx, arena, rh_text(expression), &e);
    if (!rc)
        rc = rh_fp_eval(&ctx, e, &in, &l);
    if (rc) {
        assert_int_equal(issues.count, 1);
        return rh_arena_printf(arena, "!%s %u:%u", rh_rc_name(rc), issues.rows[0].line,
                               issues.rows[0].column);
    }
    assert_int_equal(issues.count, 0);
    for (size_t i = 0; i < l.count; i++) {
        if (i)
            rh_buf_char(&b, ',');
        rh_fp_print_item(&l.items[i], &b);
    }
    rh_buf_char(&b, 0);
    return b.data;
}

struct row {
    const char *resource, *expression, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = answer(rows[i].resource, rows[i].expression);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s\n  gives %s\n wanted %s", rows[i].expression, got, rows[i].want);
    }
}
#define CHECK(rows) check_rows(rows, sizeof rows / sizeof rows[0])

static void finds_elements(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {patient, "name.where(use = 'official').given", "\"Peter\",\"James\""}, /* 2.0, 3.1 */
        {patient, "Patient.name.family", "\"Chalmers\",\"Windsor\""},
        {patient, "Resource.id | DomainResource.id", "\"p\""},
        {patient, "Observation.name", ""},
        {patient, "name[1].given[0]", "\"Jim\""},
        {patient, "name.given.count()", "6"}, /* one has an id and no value: R4, primitive types */
        {patient, "name.given.where(hasValue()).count()", "5"},
        {patient, "name[1].given[1].id", "\"g\""},
        {patient, "birthDate.extension('http://t').value", "\"1974-12-25T14:35:45-05:00\""},
        {patient, "birthDate.id", "\"b\""},
        {patient, "extension.value", "3,null"},
        {patient, "extension('http://a').value + 1", "4"},
        {patient, "extension[1].value.exists() and extension[1].value.hasValue().not()", "true"},
        {patient, "multipleBirth", "2"}, /* R4, polymorphism */
        {patient, "multipleBirthInteger", ""},
        {patient, "multipleBirth.ofType(boolean)", ""},
        {patient, "managingOrganization.resolve().name", "\"Clinic\""},
        {patient, "contained.name", "\"Clinic\""},
        {patient, "`name`.`family`.first()", "\"Chalmers\""},
        {patient, "name.div", ""},
        {patient, "children().ofType(HumanName).count()", "3"},
        {patient, "descendants().where($this is Organization).id", "\"o\""},
        {patient, "contact.name.family & contact.gender", "\"du Marchefemale\""},
        {patient, "gender.value.type().namespace", "\"System\""},
        {plain, "a", "1,2.50,\"x\",true,{\"b\":12345678901}"},
        {plain, "a.b + 1", "12345678902"},
        {plain, "value.c", ""},
        {plain, "valueString", "\"s\""},
        {plain, "a[1].type().name", "\"Decimal\""},
        {plain, "a.ofType(Integer)", "1"},
        {NULL, "name", ""},
        {NULL, "$this", ""},
        {NULL, "%context.count() + %resource.count()", "0"},
    };
    CHECK(rows);
}

static void binds_operators_as_the_grammar_does(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "1 + 2 * 3 - 4", "3"},
        {NULL, "-1.abs()", "-1"}, /* the minus binds weaker than the dot */
        {NULL, "(-1).abs()", "1"},
        {NULL, "- - 1", "1"},
        {NULL, "1 | 2 = 1 | 2", "true"},
        {NULL, "1 > 2 = false", "true"},
        {NULL, "true or false and false", "true"},
        {NULL, "false implies false implies false", "false"},
        {NULL, "1 in 1 | 2 and 3 in 1 | 2", "false"},
        {NULL, "'a' + 'b' & 'c'", "\"abc\""},
        {NULL, "7 div 2 * 2 + 7 mod 2", "7"},
        {NULL, "1 is Integer and 1.0 is Decimal and 1L is Long", "true"},
        {NULL, "(1 | 1 is Integer).count()", "2"}, /* suite */
        {NULL, "4 days = 4 'd'", "true"},
        {NULL, "2 /* a */ + // b\n 3", "5"},
        {NULL, "'\\u00e9\\ud83d\\ude00\\'\\\\\\n'", "\"\xC3\xA9\xF0\x9F\x98\x80'\\\\\\n\""},
        {NULL, "@2015T.type().name & @T10:00.type().name & @2015.type().name",
         "\"DateTimeTimeDate\""},
        {NULL, "-2147483648 is Integer and (2147483648 is Long)", "true"},
        {NULL, "2147483647 + 1", "2147483648"},
        {NULL, "9223372036854775807L + 1", ""}, /* overflow is empty: 6.6 */
        {NULL, "1 / 0", ""},
        {NULL, "007 + 1", "8"},
        {NULL, "{} = 1 or true", "true"},
        {NULL, "true.not() or ({} and false).not()", "true"},
        {NULL, "%ucum", "\"http://unitsofmeasure.org\""},
        {NULL, "%vs-x & %`ext-y`",
         "\"http://hl7.org/fhir/ValueSet/xhttp://hl7.org/fhir/StructureDefinition/y\""},
    };
    CHECK(rows);
}

static void works_on_collections(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {patient, "name.given.distinct()", "\"Peter\",\"James\",\"Jim\",null"},
        {patient, "name.given.isDistinct()", "false"},
        {patient, "name.select(given | family).count()", "8"},
        {patient, "name.given.exclude('Peter' | 'James').where(hasValue())", "\"Jim\""},
        {patient, "name.given.intersect('James' | 'Peter')", "\"Peter\",\"James\""},
        {patient, "name.first().subsetOf(%context.name)", "true"},
        {patient, "name.subsetOf(%context.name.first())", "false"},
        {patient, "name.supersetOf(%context.name.last())", "true"},
        {NULL, "(1|2|3).skip(1).take(1) | (1|2|3).tail().last()", "2,3"},
        {NULL, "(1|2|3).take(-1)", ""},
        {NULL, "(1|2|3).where($this > 1).select($this * $index)", "0,3"},
        {NULL, "(1|2|3).aggregate($this + $total, 0)", "6"},
        {NULL, "(1|2|3).aggregate(iif($total.empty(), $this, $total & ',' & $this))", "\"1,2,3\""},
        {NULL, "(1 | 2).exists($this = 2) and (1 | 2).all($this > 0)", "true"},
        {NULL, "(true | false).anyTrue() and (true | false).allTrue().not()", "true"},
        {NULL, "{}.allTrue() and {}.anyTrue().not()", "true"},
        {NULL, "('a' | 'bb').repeat('x' & $this.substring(1))", "\"x\",\"xb\""},
        {NULL, "(3 | 1 | 2).sort()", "1,2,3"},
        {NULL, "('b' | 'a').sort($this desc)", "\"b\",\"a\""},
        {patient, "name.sort(-family, -given.first()).use", "\"usual\",\"maiden\",\"official\""},
        {NULL, "coalesce({}, 1, 2)", "1"},
        {NULL, "iif(true, 1, 1 / 'a')", "1"},
        {NULL, "(1 | 2).iif(true, 1)", "!VALUE 1:9"},
        {NULL, "(1|2|3) ~ (3|2|1) and ((1|2) = (2|1)).not()", "true"},
        {NULL, "1.combine(1).union(2).count()", "2"},
        {NULL, "(1 | 2).defineVariable('x', $this.count()).select($this + %x)", "3,4"},
        {NULL, "1.defineVariable('x', $this + 1).select(%x)", "2"},
        {NULL, "(1.defineVariable('x') | 2.defineVariable('x')).count()", "2"},
        {NULL, "1.defineVariable('x').defineVariable('x')", "!VALUE 1:23"},
        {NULL, "1.defineVariable('resource')", "!VALUE 1:3"},
        {NULL, "1.select(defineVariable('x')).select(%x)", "!INVALID 1:38"},
    };
    CHECK(rows);
}

static void knows_types(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {patient, "gender is code and gender is string and (gender is uri).not()", "true"},
        {patient, "gender.as(string)", ""}, /* suite */
        {patient, "gender.as(code)", "\"male\""},
        {patient, "active is Boolean", "false"},
        {patient, "active.is(boolean) and active.is(FHIR.boolean)", "true"},
        {patient, "$this is DomainResource and $this is FHIR.Resource", "true"},
        {patient, "is(System.Patient)", "false"},
        {patient, "contact is BackboneElement", "true"},
        {patient, "contact.type().name", "\"BackboneElement\""},
        {patient, "name.as(HumanName)", "!VALUE 1:6"},
        {patient, "name.ofType(HumanName).count()", "3"},
        {patient, "gender.as(string1)", "!INVALID 1:11"},
        {observation, "value is Quantity and value.is(FHIR.Quantity)", "true"},
        {observation, "(value as Quantity).unit", "\"lbs\""},
        {observation, "value = 185 '[lb_av]' and value < 200 '[lb_av]'", "true"},
        {observation, "value > 80 'kg'", "true"},
        {observation, "component.value = 3 years", "true"}, /* R4: a is year */
        {observation, "value is Period", "false"},
        {NULL, "1 'mg' is Quantity and 1 'mg' is System.Quantity", "true"},
        {NULL, "'a' is string", "false"},
        {NULL, "1.type()", "{\"namespace\":\"System\",\"name\":\"Integer\"}"},
    };
    CHECK(rows);
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "1 +", "!SYNTAX 1:4"},
        {NULL, "", "!SYNTAX 1:1"},
        {NULL, "(1", "!SYNTAX 1:3"},
        {NULL, "a.", "!SYNTAX 1:3"},
        {NULL, "a..b", "!SYNTAX 1:3"},
        {NULL, "1 2", "!SYNTAX 1:3"},
        {NULL, "a[1", "!SYNTAX 1:4"},
        {NULL, "{1}", "!SYNTAX 1:2"},
        {NULL, "'abc", "!SYNTAX 1:1"},
        {NULL, "'a\n\\u12'", "!SYNTAX 2:1"},
        {NULL, "1 /* a", "!SYNTAX 1:3"},
        {NULL, "a ? b", "!SYNTAX 1:3"},
        {NULL, "$that", "!SYNTAX 1:1"},
        {NULL, "% a", "!SYNTAX 1:1"},
        {NULL, "@2015-13", "!SYNTAX 1:1"},
        {NULL, "@T25:00", "!SYNTAX 1:1"},
        {NULL, "@T14:34:28Z.is(Time)", "!SYNTAX 1:11"},
        {NULL, "99999999999999999999", "!SYNTAX 1:1"},
        {NULL, "1.foo()", "!INVALID 1:3"},
        {NULL, "1.first(2)", "!INVALID 1:3"},
        {NULL, "where()", "!INVALID 1:1"},
        {NULL, "1 is Foo", "!INVALID 1:6"},
        {NULL, "%foo", "!INVALID 1:1"},
        {NULL, "'a' - 'b'", "!VALUE 1:5"},
        {NULL, "1 < 'a'", "!VALUE 1:3"},
        {NULL, "(1 | 2) + 1", "!VALUE 1:9"},
        {NULL, "-'a'", "!VALUE 1:1"},
        {NULL, "(1 | 2).single()", "!VALUE 1:9"},
        {NULL, "(1 | 2) and true", "!VALUE 1:4"},
        {patient, "name.memberOf('http://v')", "!VALUE 1:6"},
        {patient, "gender.memberOf('http://v')", "!UNSUPPORTED 1:8"},
        {patient, "conformsTo('http://none')", "!UNSUPPORTED 1:1"},
        {patient, "conformsTo('http://hl7.org/fhir/StructureDefinition/Person')", "false"},
    };
    CHECK(rows);
}

static void limits_depth_steps_and_size(void **state)
{
    (void)state;
    char *deep = rh_arena_zero(arena, 8002);
    memset(deep, '(', 4000);
    deep[4000] = '1';
    memset(deep + 4001, ')', 4000);
    assert_string_equal(answer(NULL, deep), "!SYNTAX 1:129");
    memset(deep, '-', 4000);
    deep[4001] = 0;
    assert_string_equal(answer(NULL, deep), "!SYNTAX 1:128");
    /* a chain of one operator is no deep tree */
    struct rh_buf b = rh_buf(arena);
    rh_buf_str(&b, "1000 in (0");
    for (int i = 1; i <= 1000; i++)
        rh_buf_printf(&b, "|%d", i);
    rh_buf_str(&b, ")");
    rh_buf_char(&b, 0);
    assert_string_equal(answer(NULL, b.data), "true");
    /* never ends by itself */
    assert_string_equal(answer(NULL, "1.repeatAll($this)"), "!NOMEM 1:3");
    assert_string_equal(answer(NULL, "1.repeat($this + 1)"), "!TIMEOUT 1:3");
    char *large = rh_arena_zero(arena, RH_FP_TEXT_MAX + 2);
    memset(large, ' ', RH_FP_TEXT_MAX + 1);
    assert_string_equal(answer(NULL, large), "!SYNTAX 0:0");
    assert_string_equal(answer(NULL, "'\xFF'"), "!SYNTAX 0:0");
}

static void decides_conditions(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        int want; /* -1: an error */
    } rows[] = {
        {"active", 1},    {"active.not()", 0},    {"deceased", 0}, {"name", -1},
        {"birthDate", 1}, {"gender = 'male'", 1}, {"{}", 0},
    };
    yyjson_val *resource = json(patient);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp *e;
        struct rh_fp_input in = {.focus = rh_fp_resource(resource, false)};
        bool yes = false;
        assert_int_equal(rh_fp_compile(&ctx, arena, rh_text(rows[i].expression), &e), RH_OK);
        enum rh_rc rc = rh_fp_true(&ctx, e, &in, &yes);
        assert_int_equal(rc ? -1 : yes, rows[i].want);
    }
}

static void checks_against_a_type(void **state)
{
    (void)state;
    static const struct {
        const char *type, *expression, *want; /* types of the result, or "!line:column" */
    } rows[] = {
        {"Patient", "name.given", "string"},
        {"Patient", "Patient.name.where(use = 'official').first()", "HumanName"},
        {"Patient", "name.given1", "!1:6"},
        {"Patient", "Encounter.name.given", "!1:1"},
        {"Patient", "DomainResource.id", "id"},
        {"Patient", "name.where(foo = 1)", "!1:12"},
        {"Patient", "multipleBirth", "boolean|integer"},
        {"Patient", "multipleBirthInteger", "!1:1"},
        {"Patient", "contained.foo", ""},
        {"Patient", "children().skip(1)", "!1:12"},
        {"Patient", "children()[0]", "!1:11"},
        {"Patient", "children().sort(id).first()", ""},
        {"Patient", "iif('a', 1, 2)", "!1:5"},
        {"Patient", "iif(active, 1, 'a')", "System.Integer|System.String"},
        {"Patient", "birthDate.extension('x').value.ofType(Period).start", "dateTime"},
        {"Patient", "name.startsWith('a')", "!1:6"},
        {"Patient", "birthDate + 7", "!1:11"},
        {"Patient", "birthDate < 'a'", "!1:11"},
        {"Patient", "name.select(given | family).count() > 1", "System.Boolean"},
        {"Observation", "value.unit", "string"},
        {"Observation", "(value as Period).unit", "!1:19"},
        {"Questionnaire", "repeat(item).linkId", "string"},
        {"Questionnaire", "repeat(items)", "!1:8"},
        {"ValueSet", "expansion.repeat(contains).code", "code"},
        {"HumanName", "%resource.foo", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_fp *e;
        struct rh_text types = {NULL, 0};
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_fp_compile(&ctx, arena, rh_text(rows[i].expression), &e), RH_OK);
        enum rh_rc rc = rh_fp_check(&ctx, e, rh_type_find(rh_text(rows[i].type)), &types);
        char *got =
            rc ? rh_arena_printf(arena, "!%u:%u", issues.rows[0].line, issues.rows[0].column)
               : rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(types));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s gives %s, wanted %s", rows[i].type, rows[i].expression, got,
                     rows[i].want);
    }
}

static void prints_the_tree(void **state)
{
    (void)state;
    struct rh_fp *e;
    struct rh_buf b = rh_buf(arena);
    assert_int_equal(rh_fp_compile(&ctx, arena, RH_TEXT("name.where(use='a')[0] is Period"), &e),
                     RH_OK);
    rh_fp_print_ast(e, &b);
    rh_buf_char(&b, 0);
    assert_string_equal(
        b.data,
        "{\"op\":\"is\",\"name\":\"Period\",\"at\":23,\"args\":[{\"op\":\"item\",\"at\":19,"
        "\"focus\":{\"op\":\"call\",\"name\":\"where\",\"at\":5,\"focus\":{\"op\":\"member\","
        "\"name\":\"name\",\"at\":0},\"args\":[{\"op\":\"binary\",\"name\":\"=\",\"at\":14,"
        "\"args\":[{\"op\":\"member\",\"name\":\"use\",\"at\":11},{\"op\":\"literal\",\"at\":15,"
        "\"type\":\"String\",\"value\":\"a\"}]}]},\"args\":[{\"op\":\"literal\",\"at\":20,"
        "\"type\":\"Integer\",\"value\":0}]}]}");
}

/* A compiled expression is used again and again; the arena is reset between. */
static void evaluates_many_times(void **state)
{
    (void)state;
    struct rh_arena *own = rh_arena_open(1 << 20);
    struct rh_fp *e;
    yyjson_val *resource = json(patient);
    assert_int_equal(rh_fp_compile(&ctx, arena, RH_TEXT("name.where(use = 'official').given"), &e),
                     RH_OK);
    for (int i = 0; i < 1000; i++) {
        struct rh_ctx c = {.arena = own};
        struct rh_fp_list l;
        struct rh_fp_input in = {.focus = rh_fp_resource(resource, false)};
        assert_int_equal(rh_fp_eval(&c, e, &in, &l), RH_OK);
        assert_int_equal(l.count, 2);
        rh_arena_reset(own);
    }
    rh_arena_close(own);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(finds_elements),
        TEST(binds_operators_as_the_grammar_does),
        TEST(works_on_collections),
        TEST(knows_types),
        TEST(says_where_and_what_is_wrong),
        TEST(limits_depth_steps_and_size),
        TEST(decides_conditions),
        TEST(checks_against_a_type),
        TEST(prints_the_tree),
        TEST(evaluates_many_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
