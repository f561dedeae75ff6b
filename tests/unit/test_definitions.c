/* SPDX-License-Identifier: GPL-3.0-or-later */
/* programme/definitions.h: what is built in, and packages from files and folders. */
#include "fhir/element.h"
#include "programme/definitions.h"
#include "scratch.h"

#include "system/compress.h"
#include "system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static char folder[64];

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(64 << 20);
    rh_issues_init(&issues, arena);
    return scratch_make(folder);
}

static int end(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return scratch_remove(folder);
}

static const char *put(const char *name, const char *content)
{
    char *path = rh_path_join(arena, folder, name);
    char *slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(rh_dir_make(&issues, path, 0700), RH_OK);
    *slash = '/';
    assert_int_equal(rh_file_write(&issues, path, rh_text(content), 0600), RH_OK);
    return path;
}

static bool said(const char *words)
{
    for (unsigned i = 0; i < issues.count; i++)
        if (strstr(issues.rows[i].text, words))
            return true;
    return false;
}

#define VALUE_SET(id)                                                                   \
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/" id "\",\"id\":\"" id \
    "\",\"version\":\"1\"}"

static void r4_is_there_without_any_file(void **state)
{
    (void)state;
    static const struct {
        const char *type, *canonical, *version;
    } rows[] = {
        {"StructureDefinition", "http://hl7.org/fhir/StructureDefinition/Patient|4.0.1", "4.0.1"},
        {"StructureDefinition", "http://hl7.org/fhir/StructureDefinition/bodyweight", "4.0.1"},
        {"ValueSet", "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", "4.0.1"},
        {"CodeSystem", "http://hl7.org/fhir/administrative-gender|4.0.1", "4.0.1"},
        {"SearchParameter", "http://hl7.org/fhir/SearchParameter/individual-gender", "4.0.1"},
        {"ConceptMap", "http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3", "4.0.1"},
        {"OperationDefinition", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand", NULL},
        {"CompartmentDefinition", "http://hl7.org/fhir/CompartmentDefinition/patient", NULL},
        {"StructureDefinition", "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", NULL},
        {"CodeSystem", "http://terminology.hl7.org/CodeSystem/v3-ActCode", NULL},
    };
    struct rh_world *w;
    assert_int_equal(rh_definitions_open(&issues, NULL, 0, &w), RH_OK);
    assert_int_equal(issues.count, 0);
    assert_int_equal(rh_world_n_packages(w), RH_BUILTIN_PACKAGES);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rh_definition *d = rh_world_find(w, rows[i].type, rh_text(rows[i].canonical));
        assert_non_null(d);
        if (rows[i].version)
            assert_true(rh_text_is(d->version, rows[i].version));
    }
    rh_world_close(w);
}

static enum rh_rc reads_well(void *user, const struct rh_definition *d)
{
    struct rh_ctx c = {.arena = arena, .issues = &issues};
    yyjson_val *body;
    size_t *n = user;
    enum rh_rc rc = rh_definition_body(&c, d, &body);
    if (rc)
        return rc;
    *n += 1;
    assert_true(rh_text_is(rh_json_get(body, "resourceType"), d->type));
    assert_true(rh_text_eq(rh_json_get(body, "url"), d->url));
    if (d->version.len)
        assert_true(rh_text_eq(rh_json_get(body, "version"), d->version));
    return RH_OK;
}

static void every_built_in_definition_is_what_its_index_says(void **state)
{
    (void)state;
    struct rh_world *w;
    size_t n = 0;
    assert_int_equal(rh_definitions_open(&issues, NULL, 0, &w), RH_OK);
    assert_int_equal(rh_world_each(w, NULL, reads_well, &n), RH_OK);
    assert_true(n > 8000);
    rh_world_close(w);
}

static void all_types_of_r4_have_a_snapshot(void **state)
{
    (void)state;
    struct rh_ctx c = {.arena = arena, .issues = &issues};
    struct rh_world *w;
    assert_int_equal(rh_definitions_open(&issues, NULL, 0, &w), RH_OK);
    for (unsigned i = 1; i <= RH_RESOURCE_TYPES; i++) {
        char *url = rh_arena_printf(arena, "http://hl7.org/fhir/StructureDefinition/%s",
                                    rh_resource_type(i)->name);
        const struct rh_definition *d = rh_world_find(w, "StructureDefinition", rh_text(url));
        yyjson_val *body, *snapshot;
        assert_non_null(d);
        assert_int_equal(rh_definition_body(&c, d, &body), RH_OK);
        snapshot = yyjson_obj_get(yyjson_obj_get(body, "snapshot"), "element");
        assert_true(yyjson_arr_size(snapshot) > 3);
    }
    rh_world_close(w);
}

static void a_package_of_a_folder_and_its_missing_dependency(void **state)
{
    (void)state;
    struct rh_world *w;
    put("npm/package/package.json",
        "{\"name\":\"mine\",\"version\":\"0.1.0\",\"dependencies\":{"
        "\"hl7.fhir.r4.core\":\"4.0.1\",\"hl7.terminology\":\"7.0.0\",\"absent\":\"1.0.0\"}}");
    put("npm/package/a.json", VALUE_SET("a"));
    put("npm/package/example/b.json", VALUE_SET("b"));
    const char *paths[] = {rh_path_join(arena, folder, "npm"),
                           rh_path_join(arena, folder, "npm/package")};
    for (int i = 0; i < 2; i++) {
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_definitions_open(&issues, &paths[i], 1, &w), RH_OK);
        assert_non_null(rh_world_find(w, "ValueSet", RH_TEXT("http://example.org/a")));
        assert_null(rh_world_find(w, "ValueSet", RH_TEXT("http://example.org/b")));
        assert_int_equal(issues.count, 1);
        assert_true(said("absent 1.0.0"));
        rh_world_close(w);
    }
}

static void a_plain_folder_is_read_with_those_below(void **state)
{
    (void)state;
    struct rh_package *p;
    put("plain/a.json", VALUE_SET("a"));
    put("plain/below/a.json", VALUE_SET("b"));
    put("plain/note.txt", "no JSON");
    assert_int_equal(rh_definitions_read(&issues, rh_path_join(arena, folder, "plain"), &p), RH_OK);
    assert_int_equal(rh_package_count(p), 2);
    assert_true(rh_text_is(rh_package_name(p), "plain"));
    rh_package_close(p);
    assert_int_equal(rh_definitions_read(&issues, put("one.json", VALUE_SET("c")), &p), RH_OK);
    assert_int_equal(rh_package_count(p), 1);
    rh_package_close(p);
}

static void a_later_path_wins_over_the_built_in(void **state)
{
    (void)state;
    struct rh_world *w;
    const char *path =
        put("gender.json", "{\"resourceType\":\"ValueSet\",\"id\":\"mine\",\"url\":"
                           "\"http://hl7.org/fhir/ValueSet/administrative-gender\"}");
    assert_int_equal(rh_definitions_open(&issues, &path, 1, &w), RH_OK);
    const struct rh_definition *d =
        rh_world_find(w, "ValueSet", RH_TEXT("http://hl7.org/fhir/ValueSet/administrative-gender"));
    assert_true(rh_text_is(d->id, "mine"));
    rh_world_close(w);
}

static void refuses_what_is_no_package_and_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *content, *words;
        enum rh_rc rc;
    } rows[] = {
        {"absent.tgz", NULL, "absent.tgz", RH_NOTFOUND},
        {"cut.tgz", "\x1f\x8b\x08\x01", "gzip data are damaged", RH_SYNTAX},
        {"bad.json", "{\"resourceType\":\"ValueSet\"", "bad.json", RH_SYNTAX},
        {"other.json", "{\"resourceType\":\"Nothing\"}", "other.json", RH_NOTFOUND},
        {"empty/none.txt", "", "empty", RH_NOTFOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_world *w = NULL;
        const char *path = rh_path_join(arena, folder, rows[i].name);
        if (rows[i].content)
            put(rows[i].name, rows[i].content);
        if (strchr(rows[i].name, '/'))
            path = rh_path_join(arena, folder, "empty");
        rh_issues_init(&issues, arena);
        assert_int_equal(rh_definitions_open(&issues, &path, 1, &w), rows[i].rc);
        assert_null(w);
        assert_true(issues.errors > 0);
        assert_true(said(rows[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(r4_is_there_without_any_file, begin, end),
        cmocka_unit_test_setup_teardown(every_built_in_definition_is_what_its_index_says, begin,
                                        end),
        cmocka_unit_test_setup_teardown(all_types_of_r4_have_a_snapshot, begin, end),
        cmocka_unit_test_setup_teardown(a_package_of_a_folder_and_its_missing_dependency, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_plain_folder_is_read_with_those_below, begin, end),
        cmocka_unit_test_setup_teardown(a_later_path_wins_over_the_built_in, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_package_and_names_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
