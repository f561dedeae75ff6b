/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parameters and what they find. Each expression is followed in two ways, as a path and by
 * src/fhirpath, over resources made from the element tables, in which every element may stand; the
 * keys must be the same bytes. With RIHLA_TESTDATA also over resources that others wrote.
 */
#include "search/collect_int.h"

#include "fhir/primitive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>

enum { NEST_MAX = 6, ROUNDS = 80, FILE_BYTES_MAX = 4 << 20 };

static struct rh_arena *arena, *kept;
static struct rh_issues issues;

static int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open((size_t)256 << 20);
    kept = rh_arena_open((size_t)256 << 20);
    rh_issues_init(&issues, arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    rh_arena_close(kept);
    return 0;
}

static struct rh_ctx context(const struct rh_parameters *set)
{
    return (struct rh_ctx){.arena = arena,
                           .issues = &issues,
                           .parameters = set,
                           .base = RH_TEXT("http://here.example/fhir")};
}

static yyjson_val *parsed(const char *json)
{
    yyjson_doc *doc;
    assert_int_equal(rh_json_parse(arena, &issues, rh_text(json), &doc), RH_OK);
    return yyjson_doc_get_root(doc);
}

/* --- a resource with anything in it ------------------------------------------------------------
 */

static uint64_t seed;

static unsigned any(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static const char *one_of(const char *const *rows, unsigned n)
{
    return rows[any(n)];
}
#define ONE_OF(...)                            \
    one_of((const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void write_primitive(struct rh_buf *b, const struct rh_type *owner,
                            const struct rh_element *e)
{
    const char *name = e->type->name;
    if (strcmp(name, "boolean") == 0)
        rh_buf_str(b, any(2) ? "true" : "false");
    else if (strcmp(name, "decimal") == 0)
        rh_buf_printf(b, "%u.%u", any(20), any(100));
    else if (strcmp(name, "integer") == 0 || strcmp(name, "positiveInt") == 0 ||
             strcmp(name, "unsignedInt") == 0)
        rh_buf_printf(b, "%u", 1 + any(9));
    else if (strcmp(name, "date") == 0)
        rh_buf_printf(b, "\"20%02u-0%u\"", any(30), 1 + any(9));
    else if (strcmp(name, "dateTime") == 0 || strcmp(name, "instant") == 0)
        rh_buf_printf(b, "\"20%02u-0%u-11T01:02:03Z\"", any(30), 1 + any(9));
    else if (strcmp(name, "time") == 0)
        rh_buf_str(b, "\"01:02:03\"");
    else if (strcmp(owner->name, "Reference") == 0 && strcmp(e->name, "reference") == 0)
        rh_buf_printf(b, "\"%s%s/%u\"", ONE_OF("", "", "", "http://a.example/"),
                      ONE_OF("Patient", "Practitioner", "Location", "Group", "RelatedPerson"),
                      any(5));
    else if (strcmp(owner->name, "Extension") == 0 && strcmp(e->name, "url") == 0)
        rh_buf_printf(
            b, "\"%s\"",
            ONE_OF("http://a.example/x",
                   "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject",
                   "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
                   "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene",
                   "http://hl7.org/fhir/SearchParameter/device-extensions-Device-din",
                   "http://hl7.org/fhir/StructureDefinition/"
                   "DiagnosticReport-geneticsAssessedCondition",
                   "http://hl7.org/fhir/StructureDefinition/"
                   "observation-geneticsAminoAcidChangeName",
                   "http://hl7.org/fhir/StructureDefinition/observation-geneticsDnaVariant"));
    else if (strcmp(name, "code") == 0)
        rh_buf_printf(b, "\"%s\"",
                      ONE_OF("phone", "email", "depends-on", "composed-of", "successor", "active",
                             "predecessor", "derived-from"));
    else
        rh_buf_printf(b, "\"%s%u\"",
                      ONE_OF("a", "b c", "http://a.example/Questionnaire/", "http://"), any(5));
}

static void write_object(struct rh_buf *b, const struct rh_type *type, unsigned depth);

static void write_value(struct rh_buf *b, const struct rh_type *owner, const struct rh_element *e,
                        unsigned depth)
{
    static const char *const inner[] = {"Patient", "Observation", "Organization", "Composition"};
    unsigned n = e->many ? 1 + any(2) : 1;
    if (e->many)
        rh_buf_char(b, '[');
    for (unsigned i = 0; i < n; i++) {
        rh_buf_str(b, i ? "," : "");
        if (e->type->kind == RH_KIND_PRIMITIVE)
            write_primitive(b, owner, e);
        else if (e->type->kind == RH_KIND_ABSTRACT)
            write_object(b, rh_type_find(rh_text(inner[any(4)])), depth + 1);
        else
            write_object(b, e->type, depth + 1);
    }
    if (e->many)
        rh_buf_char(b, ']');
}

static void write_object(struct rh_buf *b, const struct rh_type *type, unsigned depth)
{
    bool first = true;
    unsigned often = depth == 0 ? 4 : depth < 3 ? 3 : 2; /* quarters */
    rh_buf_char(b, '{');
    if (type->resource) {
        rh_buf_printf(b, "\"resourceType\":\"%s\"", type->name);
        first = false;
    }
    for (unsigned i = 0; i < type->count;) {
        unsigned last = i; /* of a choice, one */
        while (last + 1 < type->count && type->elements[i].choice &&
               type->elements[last + 1].order == type->elements[i].order)
            last++;
        const struct rh_element *e = &type->elements[i + any(last - i + 1)];
        bool extension = strcmp(e->base, "extension") == 0;
        i = last + 1;
        if (depth >= NEST_MAX && e->type->kind != RH_KIND_PRIMITIVE)
            continue;
        if (any(4) >= often && strcmp(e->base, "url") != 0)
            continue;
        if ((extension && depth > 1 && strcmp(type->name, "QuestionnaireResponse.item") != 0) ||
            strcmp(e->base, "modifierExtension") == 0 || e->type->primitive == RH_P_XHTML ||
            (depth > 1 && strcmp(e->base, "contained") == 0))
            continue;
        rh_buf_printf(b, "%s\"%s\":", first ? "" : ",", e->name);
        first = false;
        write_value(b, type, e, depth);
    }
    if (first)
        rh_buf_str(b, "\"id\":\"x\"");
    rh_buf_char(b, '}');
}

/* --- both ways ---------------------------------------------------------------------------------
 */

/* The way through src/fhirpath does not know where a code stands, so not its binding. */
static void forget_systems(struct rh_place *p)
{
    for (unsigned i = 0; i < p->n_actions; i++)
        p->actions[i].system = NULL;
    for (unsigned i = 0; p->children && i < p->type->count; i++)
        if (p->children[i])
            forget_systems(p->children[i]);
    for (struct rh_place *g = p->guarded; g; g = g->next)
        forget_systems(g);
}

struct pair {
    struct rh_plan *paths, *expressions;
};

static struct pair open_pair(const struct rh_type *type)
{
    struct pair p;
    struct rh_ctx ctx = context(NULL);
    assert_int_equal(rh_plan_open(&ctx, type, true, &p.paths), RH_OK);
    assert_int_equal(rh_plan_open(&ctx, type, false, &p.expressions), RH_OK);
    forget_systems(p.paths->root);
    for (unsigned i = 0; i < p.paths->n_slots; i++)
        for (unsigned k = 0;
             p.paths->slots[i].components && k < p.paths->slots[i].parameter->n_components; k++)
            forget_systems(p.paths->slots[i].components[k].place);
    return p;
}

static void close_pair(struct pair *p)
{
    rh_arena_close(p->paths->arena);
    rh_arena_close(p->expressions->arena);
}

static const char *name_of(const struct rh_search_key *k)
{
    const struct rh_parameter *p =
        rh_parameter_at(NULL, k->type, k->number & (RH_PARAM_CONTAINED - 1));
    return p ? p->name : "internal";
}

static void compare(const struct pair *p, yyjson_val *root, const char *what, bool *found)
{
    struct rh_ctx ctx = context(NULL);
    struct rh_search_keys a, b;
    enum rh_rc rc = rh_keys_with(&ctx, p->paths, root, &a);
    assert_int_equal(rc, rh_keys_with(&ctx, p->expressions, root, &b));
    if (rc)
        return;
    for (unsigned i = 0; i < a.n || i < b.n; i++) {
        if (i >= a.n || i >= b.n)
            fail_msg("%s: %u keys by paths, %u by expressions", what, a.n, b.n);
        const struct rh_search_key *x = &a.rows[i], *y = &b.rows[i];
        if (x->number != y->number || !rh_text_eq(x->bytes, y->bytes) || x->aux != y->aux)
            fail_msg("%s: keys of %s by paths, of %s by expressions differ", what, name_of(x),
                     name_of(y));
        if (found && x->number < RH_PARAM_INTERNAL)
            found[x->number] = true;
    }
}

static void finds_the_same_in_both_ways(void **state)
{
    (void)state;
    static bool found[RH_PARAM_INTERNAL];
    unsigned without = 0, all = 0;
    seed = 11;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        const struct rh_type *type = rh_resource_type(t);
        struct pair p = open_pair(type);
        const struct rh_parameter *rows[RH_PLAN_PARAMETERS_MAX];
        for (unsigned r = 0; r < ROUNDS; r++) {
            struct rh_buf b = rh_buf(arena);
            write_object(&b, type, 0);
            rh_buf_char(&b, 0);
            compare(&p, parsed(b.data), type->name, found);
            rh_arena_reset(arena);
            rh_issues_init(&issues, arena);
        }
        unsigned n = rh_parameters_of(NULL, t, rows, RH_PLAN_PARAMETERS_MAX);
        for (unsigned i = 0; i < n; i++) {
            bool own = !rows[i]->n_parts && !rows[i]->joined && rows[i]->expression[0];
            all += own;
            without += own && !found[rows[i]->number];
            if (own && !found[rows[i]->number])
                print_message("no value was made for %s %s: %s\n", type->name, rows[i]->name,
                              rows[i]->expression);
        }
        close_pair(&p);
    }
    /* a test that finds nothing proves nothing */
    assert_true(all > 1500);
    assert_true(without < 5);
}

static void compare_file(const char *path, struct pair *pairs, unsigned *n)
{
    FILE *f = fopen(path, "rb");
    char *data = rh_arena_alloc(arena, FILE_BYTES_MAX);
    yyjson_doc *doc;
    assert_non_null(f);
    assert_non_null(data);
    struct rh_text text = {data, fread(data, 1, FILE_BYTES_MAX, f)};
    fclose(f);
    if (rh_json_parse(arena, &issues, text, &doc) != RH_OK)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc), *entry;
    struct rh_text name = rh_json_get(root, "resourceType");
    size_t i, count;
    unsigned number = rh_resource_number(name);
    if (!number)
        return;
    if (!pairs[number].paths)
        pairs[number] = open_pair(rh_resource_type(number));
    compare(&pairs[number], root, path, NULL);
    *n += 1;
    yyjson_arr_foreach (yyjson_obj_get(root, "entry"), i, count, entry) {
        yyjson_val *inner = yyjson_obj_get(entry, "resource");
        number = rh_resource_number(rh_json_get(inner, "resourceType"));
        if (!number)
            continue;
        if (!pairs[number].paths)
            pairs[number] = open_pair(rh_resource_type(number));
        compare(&pairs[number], inner, path, NULL);
        *n += 1;
    }
}

static void finds_the_same_in_resources_of_others(void **state)
{
    (void)state;
    static const char *const folders[] = {"14_validation/dev/resources", "09_ips/dev/bundles"};
    static struct pair pairs[RH_RESOURCE_TYPES + 1];
    const char *data = getenv("RIHLA_TESTDATA");
    unsigned n = 0;
    if (!data) {
        print_message("skipped: RIHLA_TESTDATA is not set\n");
        skip();
    }
    for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *path = rh_arena_printf(kept, "%s/%s", data, folders[i]);
        DIR *d = opendir(path);
        for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
            if (!rh_text_ends(rh_text(e->d_name), ".json"))
                continue;
            compare_file(rh_arena_printf(kept, "%s/%s", path, e->d_name), pairs, &n);
            rh_arena_reset(arena);
            rh_issues_init(&issues, arena);
        }
        if (d)
            closedir(d);
    }
    print_message("%u resources\n", n);
    for (unsigned i = 0; i <= RH_RESOURCE_TYPES; i++)
        if (pairs[i].paths)
            close_pair(&pairs[i]);
    assert_true(n > 100);
}

static void takes_nearly_all_expressions_as_paths(void **state)
{
    (void)state;
    unsigned evaluated = 0;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        const struct rh_type *type = rh_resource_type(t);
        struct rh_ctx ctx = context(NULL);
        const struct rh_plan *plan;
        assert_int_equal(rh_plan_of(&ctx, type, &plan), RH_OK);
        for (unsigned i = 0; i < plan->n_slots; i++) {
            const struct rh_slot *s = &plan->slots[i];
            if (s->failed)
                fail_msg("%s %s: %s", type->name, s->parameter->name, s->parameter->expression);
            evaluated += s->expression != NULL;
            for (unsigned k = 0; s->components && k < s->parameter->n_components; k++)
                assert_null(s->components[k].expression);
        }
    }
    assert_int_equal(evaluated, 3); /* Bundle composition, Patient deceased, item-subject */
}

/* Every expression fits its type: a misspelt element finds nothing, and nobody would notice. */
static void has_expressions_that_fit(void **state)
{
    (void)state;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        const struct rh_type *type = rh_resource_type(t);
        const struct rh_parameter *rows[RH_PLAN_PARAMETERS_MAX];
        unsigned n = rh_parameters_of(NULL, t, rows, RH_PLAN_PARAMETERS_MAX);
        for (unsigned i = 0; i < n; i++) {
            struct rh_ctx ctx = context(NULL);
            struct rh_fp *e;
            struct rh_text types;
            if (!rows[i]->expression[0])
                continue;
            assert_int_equal(rh_extract_compile(&ctx, arena, rh_text(rows[i]->expression), &e),
                             RH_OK);
            if (rh_fp_check(&ctx, e, type, &types))
                fail_msg("%s %s: %s", type->name, rows[i]->name,
                         issues.rows[issues.count - 1].text);
        }
        rh_arena_reset(arena);
        rh_issues_init(&issues, arena);
    }
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* As profiles write them; *evaluated: src/fhirpath has to. */
static void takes_paths_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        bool evaluated;
    } rows[] = {
        {"Patient.extension.where(url = 'http://a.example/x').extension.value.code", false},
        {"Patient.extension.where(url='http://a.example/x').value.as(Coding)", false},
        {"(Patient.deceased as dateTime) | Patient.deceased.ofType(boolean)", false},
        {"Patient.name.$this.given", true},
        {"Patient.contact.name.given", false},
        {"Patient.birthDate.extension('http://a.example/x')", true},
        {"Patient.generalPractitioner.where(resolve() is Practitioner)", false},
        {"Patient.name[0].family", true},
        {"Patient.name.where(use = 'official' and family.exists()).family", true},
        {"Patient.contained.name", true},
    };
    const struct rh_type *type = rh_type_find(RH_TEXT("Patient"));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_ctx ctx = context(NULL);
        struct rh_fp *e;
        enum rh_rc rc;
        struct rh_place *root = rh_place_open(arena, type);
        if (rh_extract_compile(&ctx, arena, rh_text(rows[i].expression), &e) != RH_OK) {
            assert_true(rows[i].evaluated);
            continue;
        }
        bool path = rh_extract_paths(arena, e, root, NULL, (struct rh_action){.slot = 0}, &rc);
        if (path == rows[i].evaluated)
            fail_msg("%s", rows[i].expression);
    }
}

static void finds_parameters_by_name_and_number(void **state)
{
    (void)state;
    unsigned patient = rh_resource_number(RH_TEXT("Patient")), all = 0;
    assert_int_equal(rh_parameter_find(NULL, patient, RH_TEXT("_id"))->number, RH_PARAM_ID);
    assert_int_equal(rh_parameter_find(NULL, 0, RH_TEXT("_lastUpdated"))->number,
                     RH_PARAM_LAST_UPDATED);
    assert_int_equal(rh_parameter_find(NULL, patient, RH_TEXT("name"))->type, patient);
    assert_true(rh_parameter_find(NULL, patient, RH_TEXT("name"))->words);
    assert_null(rh_parameter_find(NULL, patient, RH_TEXT("patient")));
    assert_null(rh_parameter_find(NULL, patient, RH_TEXT("nam")));
    assert_null(rh_parameter_find(NULL, 0, RH_TEXT("identifier")));
    assert_null(rh_parameter_find(NULL, 65535, RH_TEXT("identifier")));
    assert_null(rh_parameter_at(NULL, patient, 9999));
    assert_null(rh_parameter_at(NULL, patient, 0));
    unsigned general = rh_parameters_of(NULL, 0, NULL, 0);
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        const struct rh_parameter *rows[RH_PLAN_PARAMETERS_MAX];
        unsigned n = rh_parameters_of(NULL, t, rows, RH_PLAN_PARAMETERS_MAX);
        assert_true(n >= general && n <= RH_PLAN_PARAMETERS_MAX);
        assert_int_equal(rh_parameters_of(NULL, t, NULL, 0), n);
        for (unsigned i = general; i < n; i++) {
            const struct rh_parameter *p = rows[i];
            assert_int_equal(p->type, t);
            assert_true(i == general || p->number > rows[i - 1]->number);
            assert_ptr_equal(rh_parameter_find(NULL, t, rh_text(p->name)), p);
            assert_ptr_equal(rh_parameter_at(NULL, t, p->number), p);
            assert_true(p->complete && p->number < RH_PARAM_INTERNAL);
            assert_true((p->kind == RH_SP_COMPOSITE) == (p->n_components > 0));
            for (unsigned k = 0; k < p->n_parts; k++)
                assert_true(p->parts[k]->n_parts == 0 && p->parts[k]->kind == p->kind);
        }
        all += n - general;
    }
    assert_int_equal(all, 1706); /* R4 has so many for its 146 types */
}

static void keeps_old_numbers(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *type, *name;
    } rows[] = {{3, "Account", "identifier"},
                {103, "Observation", "identifier"},
                {135, "Patient", "birthdate"},
                {136, "Patient", "name"},
                {183, "VisionPrescription", "patient"}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rh_parameter *p = rh_parameter_find(
            NULL, rh_resource_number(rh_text(rows[i].type)), rh_text(rows[i].name));
        assert_non_null(p);
        if (i != 1)
            assert_int_equal(p->number, rows[i].number);
    }
}

static const struct rh_parameter *find(const char *type, const char *name)
{
    return rh_parameter_find(NULL, rh_resource_number(rh_text(type)), rh_text(name));
}

static void sees_views_and_composites(void **state)
{
    (void)state;
    const struct rh_parameter *p = find("Observation", "patient");
    assert_int_equal(p->n_parts, 1);
    assert_ptr_equal(p->parts[0], find("Observation", "subject"));
    assert_int_equal(p->part_target, rh_resource_number(RH_TEXT("Patient")));
    assert_true(find("Observation", "subject")->exact);
    assert_false(find("Observation", "performer")->exact);
    assert_true(find("AllergyIntolerance", "patient")->exact);
    p = find("Observation", "combo-code");
    assert_int_equal(p->n_parts, 2);
    assert_int_equal(p->part_target, 0);
    p = find("AuditEvent", "patient");
    assert_int_equal(p->n_parts, 2);
    p = find("Observation", "code-value-quantity");
    assert_true(p->joined && p->n_parts == 0 && p->n_components == 2);
    assert_ptr_equal(p->components[0], find("Observation", "code"));
    assert_ptr_equal(p->components[1], find("Observation", "value-quantity"));
    p = find("Observation", "component-code-value-quantity");
    assert_true(!p->joined && p->n_parts == 0 && p->n_components == 2);
    p = find("Observation", "combo-code-value-quantity");
    assert_int_equal(p->n_parts, 2);
    assert_ptr_equal(rh_parameter_main_date(rh_resource_number(RH_TEXT("Observation"))),
                     find("Observation", "date"));
    assert_true(find("Observation", "code")->dated && find("Observation", "subject")->dated);
    assert_false(find("Observation", "identifier")->dated || find("Observation", "date")->dated);
    assert_null(rh_parameter_main_date(rh_resource_number(RH_TEXT("Organization"))));
    assert_null(rh_parameter_main_date(0));
}

/* --- references --------------------------------------------------------------------------------
 */

static const char *references(const char *json, const char *parameter)
{
    struct rh_ctx ctx = context(NULL);
    yyjson_val *root = parsed(json);
    const struct rh_type *type = rh_type_find(rh_json_get(root, "resourceType"));
    struct rh_found_reference *found;
    struct rh_buf b = rh_buf(arena);
    unsigned n;
    assert_int_equal(rh_references_of(&ctx, type, root,
                                      parameter ? find(type->name, parameter) : NULL, &found, &n),
                     RH_OK);
    for (unsigned i = 0; i < n; i++) {
        const struct rh_type *t = rh_resource_type(found[i].type);
        rh_buf_printf(&b, "%s%s:%.*s%.*s", i ? " " : "", t ? t->name : "?",
                      RH_TEXT_ARG(found[i].id), RH_TEXT_ARG(found[i].address));
    }
    rh_buf_char(&b, 0);
    return b.data;
}

static void finds_references(void **state)
{
    (void)state;
    const char *json =
        "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"},"
        "\"performer\":[{\"reference\":\"http://here.example/fhir/Practitioner/2\"},{\"reference\":"
        "\"http://there.example/Practitioner/3\"},{\"reference\":\"#x\"}],\"encounter\":"
        "{\"reference\":\"urn:uuid:4\"}}";
    assert_string_equal(references(json, "subject"), "Patient:1");
    assert_string_equal(references(json, "patient"), "Patient:1");
    assert_string_equal(references(json, "performer"),
                        "Practitioner:2 Practitioner:http://there.example/Practitioner/3");
    assert_string_equal(references(json, "encounter"), "?:urn:uuid:4");
    assert_string_equal(references(json, "specimen"), "");
    assert_string_equal(references(json, "code"), "");
    assert_string_equal(references(json, NULL),
                        "Patient:1 Practitioner:2 "
                        "Practitioner:http://there.example/Practitioner/3 ?:urn:uuid:4");
    assert_string_equal(
        references("{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/1\"}}",
                   "patient"),
        "");
    assert_string_equal(references("{\"resourceType\":\"QuestionnaireResponse\",\"questionnaire\":"
                                   "\"http://a.example/Questionnaire/q|2\"}",
                                   "questionnaire"),
                        "Questionnaire:http://a.example/Questionnaire/q");
}

/* --- added parameters --------------------------------------------------------------------------
 */

#define ADDED(code, type, expression)                                                              \
    "{\"resourceType\":\"SearchParameter\",\"url\":\"http://a.example/" code "\",\"code\":\"" code \
    "\",\"base\":[\"Patient\"],\"type\":\"" type "\",\"expression\":\"" expression "\"}"

static struct rh_parameters *open_set(const char *const *definitions, unsigned n)
{
    struct rh_ctx ctx = context(NULL);
    struct rh_parameter_added added[8];
    struct rh_parameters *set;
    for (unsigned i = 0; i < n; i++)
        added[i] =
            (struct rh_parameter_added){.number = (uint16_t)(RH_PARAM_ADDED + i),
                                        .type = (uint16_t)rh_resource_number(RH_TEXT("Patient")),
                                        .definition = parsed(definitions[i]),
                                        .complete = i == 0};
    assert_int_equal(rh_parameters_open(&ctx, added, n, &set), RH_OK);
    return set;
}

static unsigned keys_with_number(const struct rh_parameters *set, const char *json, unsigned number,
                                 struct rh_text *last)
{
    struct rh_ctx ctx = context(set);
    struct rh_search_keys keys;
    unsigned n = 0;
    yyjson_val *root = parsed(json);
    assert_int_equal(rh_keys_of(&ctx, rh_type_find(rh_json_get(root, "resourceType")), root, &keys),
                     RH_OK);
    for (unsigned i = 0; i < keys.n; i++)
        if (keys.rows[i].number == number) {
            n++;
            *last = keys.rows[i].bytes;
        }
    return n;
}

static void adds_parameters(void **state)
{
    (void)state;
    static const char *const definitions[] = {
        ADDED("nickname", "string", "Patient.name.where(use='nickname').given"),
        ADDED("some-name", "string", "Patient.name | Group.nothing"),
        ADDED("long", "token", "Patient.name.where(given.count() > 1).given.first()"),
        ADDED("broken", "token", "Patient.name.("),
        ADDED("misspelt", "token", "Patient.nam"),
        "{\"resourceType\":\"SearchParameter\",\"url\":\"http://a.example/both\",\"code\":\"both\","
        "\"base\":[\"Patient\"],\"type\":\"composite\",\"expression\":\"Patient.name\","
        "\"component\":[{\"definition\":\"http://a.example/nickname\",\"expression\":\"given\"},"
        "{\"definition\":\"http://hl7.org/fhir/SearchParameter/individual-gender\","
        "\"expression\":\"%resource.gender\"}]}",
    };
    unsigned patient = rh_resource_number(RH_TEXT("Patient"));
    struct rh_text last = {NULL, 0};
    struct rh_parameters *set = open_set(definitions, 6);
    const struct rh_parameter *p = rh_parameter_find(set, patient, RH_TEXT("nickname"));
    const char *json = "{\"resourceType\":\"Patient\",\"gender\":\"male\",\"name\":[{\"use\":"
                       "\"nickname\",\"given\":[\"Jim\"]},{\"given\":[\"James\",\"T\"]}]}";
    assert_non_null(p);
    assert_true(p->complete && p->number == RH_PARAM_ADDED && p->dated && !p->words);
    assert_ptr_equal(rh_parameter_at(set, patient, RH_PARAM_ADDED), p);
    assert_null(rh_parameter_find(NULL, patient, RH_TEXT("nickname")));
    assert_false(rh_parameter_find(set, patient, RH_TEXT("some-name"))->complete);
    assert_true(rh_parameter_find(set, patient, RH_TEXT("some-name"))->words);
    assert_string_equal(rh_parameter_find(set, patient, RH_TEXT("some-name"))->expression,
                        "Patient.name");
    assert_null(rh_parameter_find(set, patient, RH_TEXT("broken")));
    assert_null(rh_parameter_find(set, patient, RH_TEXT("misspelt")));
    assert_int_equal(rh_parameters_of(set, patient, NULL, 0),
                     rh_parameters_of(NULL, patient, NULL, 0) + 4);
    unsigned told = 0;
    for (unsigned i = 0; i < issues.count; i++)
        told += issues.rows[i].severity == RH_WARNING &&
                (strstr(issues.rows[i].text, "a.example/broken") ||
                 strstr(issues.rows[i].text, "a.example/misspelt"));
    assert_int_equal(told, 2);

    assert_int_equal(keys_with_number(set, json, RH_PARAM_ADDED, &last), 1);
    assert_true(rh_text_is(last, "xjim"));
    assert_int_equal(keys_with_number(set, json, RH_PARAM_ADDED + 2, &last), 1);
    assert_memory_equal(last.data, "ctJames", 7);
    assert_int_equal(keys_with_number(set, json, RH_PARAM_ADDED + 5, &last), 3);
    assert_memory_equal(last.data, "xt\0\0ctmale", 10);
    rh_parameters_close(rh_parameters_keep(set));
    rh_parameters_close(set);
    rh_parameters_close(NULL);
}

/* One that takes the place of R4's is found instead of it; views of R4's keep their keys. */
static void replaces_a_parameter_of_the_same_code(void **state)
{
    (void)state;
    static const char *const definitions[] = {ADDED("name", "string", "Patient.name.family")};
    unsigned patient = rh_resource_number(RH_TEXT("Patient"));
    struct rh_parameters *set = open_set(definitions, 1);
    struct rh_text last;
    const struct rh_parameter *phonetic = rh_parameter_find(set, patient, RH_TEXT("phonetic"));
    const char *json = "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"11\"}]}";
    assert_int_equal(rh_parameter_find(set, patient, RH_TEXT("name"))->number, RH_PARAM_ADDED);
    assert_int_equal(rh_parameters_of(set, patient, NULL, 0),
                     rh_parameters_of(NULL, patient, NULL, 0));
    assert_int_equal(keys_with_number(set, json, RH_PARAM_ADDED, &last), 1);
    assert_int_equal(keys_with_number(set, json, phonetic->parts[0]->number, &last), 2);
    rh_parameters_close(set);
}

/* A directory keeps its rows when a parameter is added. */
static void changes_no_other_row(void **state)
{
    (void)state;
    static const char *const definitions[] = {
        ADDED("name", "string", "Patient.name.family"), ADDED("gender", "token", "Patient.gender"),
        ADDED("nickname", "string", "Patient.name.where(use='nickname').given")};
    struct rh_parameters *set = open_set(definitions, 3);
    struct rh_ctx plain = context(NULL), with = context(set);
    yyjson_val *root = parsed("{\"resourceType\":\"Patient\",\"gender\":\"male\",\"active\":true,"
                              "\"name\":[{\"family\":\"A\",\"given\":[\"B\"]}]}");
    const struct rh_type *type = rh_type_find(RH_TEXT("Patient"));
    struct rh_search_keys a, b;
    unsigned added = 0, k = 0;
    assert_int_equal(rh_keys_of(&plain, type, root, &a), RH_OK);
    assert_int_equal(rh_keys_of(&with, type, root, &b), RH_OK);
    for (unsigned i = 0; i < b.n; i++) {
        if (b.rows[i].number >= RH_PARAM_ADDED) {
            added++;
            continue;
        }
        assert_true(k < a.n && b.rows[i].number == a.rows[k].number);
        assert_true(rh_text_eq(b.rows[i].bytes, a.rows[k].bytes) && b.rows[i].aux == a.rows[k].aux);
        k++;
    }
    assert_int_equal(k, a.n);
    assert_true(added >= 3);
    rh_parameters_close(set);
}

static void takes_no_more_parameters_than_the_limit(void **state)
{
    (void)state;
    enum { MANY = RH_PLAN_PARAMETERS_MAX + 10 };
    struct rh_parameter_added *added = rh_arena_alloc(arena, MANY * sizeof *added);
    unsigned patient = rh_resource_number(RH_TEXT("Patient"));
    struct rh_ctx ctx = context(NULL);
    struct rh_parameters *set;
    assert_non_null(added);
    for (unsigned i = 0; i < MANY; i++)
        added[i] = (struct rh_parameter_added){
            .number = (uint16_t)(RH_PARAM_ADDED + i),
            .type = (uint16_t)patient,
            .definition = parsed(rh_arena_printf(
                arena,
                "{\"resourceType\":\"SearchParameter\",\"code\":\"p%u\",\"base\":[\"Patient\"],"
                "\"type\":\"token\",\"expression\":\"Patient.gender\"}",
                i)),
            .complete = true};
    assert_int_equal(rh_parameters_open(&ctx, added, MANY, &set), RH_OK);
    assert_int_equal(rh_parameters_of(set, patient, NULL, 0), RH_PLAN_PARAMETERS_MAX);
    assert_true(issues.count > 0);
    assert_non_null(strstr(issues.rows[0].text, "it is not in use"));
    rh_parameters_close(set);
}

static void checks_definitions(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum rh_rc rc;
        unsigned n;
        const char *says;
    } rows[] = {
        {ADDED("a", "string", "Patient.name"), RH_OK, 1, NULL},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"base\":[\"Patient\","
         "\"Practitioner\"],\"type\":\"string\",\"expression\":\"Patient.name | "
         "Practitioner.name\"}",
         RH_OK, 2, NULL},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"base\":[\"Resource\"],\"type\":"
         "\"token\",\"expression\":\"Resource.meta.tag\"}",
         RH_OK, 1, NULL},
        {ADDED("a", "string", "Patient.("), RH_VALUE, 0, "not FHIRPath"},
        {ADDED("a", "string", "Patient.nam"), RH_VALUE, 0, "does not fit the type Patient"},
        {ADDED("a", "string", "Group.name"), RH_VALUE, 0, "begins with Patient"},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"base\":[\"Patient\"],\"type\":"
         "\"number\"}",
         RH_VALUE, 0, "it has no expression"},
        {ADDED("a", "strange", "Patient.name"), RH_VALUE, 0, "its type is not one of"},
        {ADDED("a", "reference",
               "Patient.generalPractitioner.where(resolve() is Practitioner or id.exists())"),
         RH_OK, 1, NULL},
        {ADDED("a", "string", "Patient.generalPractitioner.resolve().name"), RH_VALUE, 0,
         "uses resolve, which cannot be known"},
        {ADDED("a", "string", "Patient.name.where(family.matches('x')).given"), RH_VALUE, 0,
         "uses matches, which cannot be known"},
        {ADDED("a", "token", "Patient.birthDate < today()"), RH_VALUE, 0, "uses today"},
        {ADDED("a", "special", "Patient.name"), RH_VALUE, 0, "cannot be said by an expression"},
        {ADDED("_a", "string", "Patient.name"), RH_VALUE, 0, "its code must be"},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"type\":\"string\",\"expression\":"
         "\"Patient.name\"}",
         RH_VALUE, 0, "names no type"},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"base\":[\"Pat\"],\"type\":"
         "\"string\",\"expression\":\"Patient.name\"}",
         RH_VALUE, 0, "its base Pat is no type"},
        {"{\"resourceType\":\"SearchParameter\",\"code\":\"a\",\"base\":[\"Patient\"],\"type\":"
         "\"composite\",\"expression\":\"Patient\",\"component\":[{\"definition\":\"http://x\","
         "\"expression\":\"a\"},{\"definition\":\"http://y\",\"expression\":\"b\"}]}",
         RH_VALUE, 0, "its component http://x is no parameter"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_ctx ctx = context(NULL);
        uint16_t types[4] = {0};
        unsigned n = 0;
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_parameter_check(&ctx, parsed(rows[i].json), types, 4, &n), rows[i].rc);
        assert_int_equal(n, rows[i].n);
        bool told = !rows[i].says;
        for (unsigned k = 0; k < issues.count && !told; k++)
            told = strstr(issues.rows[k].text, rows[i].says) != NULL;
        if (!told)
            fail_msg("row %u: %s", i, issues.count ? issues.rows[0].text : "no issue");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(finds_the_same_in_both_ways),
        TEST(finds_the_same_in_resources_of_others),
        TEST(takes_nearly_all_expressions_as_paths),
        TEST(has_expressions_that_fit),
        TEST(takes_paths_of_others),
        TEST(finds_parameters_by_name_and_number),
        TEST(keeps_old_numbers),
        TEST(sees_views_and_composites),
        TEST(finds_references),
        TEST(adds_parameters),
        TEST(replaces_a_parameter_of_the_same_code),
        TEST(changes_no_other_row),
        TEST(takes_no_more_parameters_than_the_limit),
        TEST(checks_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
