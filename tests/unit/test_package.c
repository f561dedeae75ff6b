/* SPDX-License-Identifier: GPL-3.0-or-later */
/* package.h: npm's layout from a tar and from files, its index, its dependencies, and damage. */
#include "conformance/package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define VS(url, version, id)                                                                      \
    "{\"resourceType\":\"ValueSet\",\"url\":\"" url "\",\"version\":\"" version "\",\"id\":\"" id \
    "\",\"name\":\"N\"}"

static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_package_reader *reader;
static char tar[64 << 10];
static size_t tar_len;

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(4 << 20);
    rh_issues_init(&issues, arena);
    tar_len = 0;
    return rh_package_reader_open(arena, &reader) == RH_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static void add(const char *path, const char *bytes)
{
    assert_int_equal(rh_package_reader_file(reader, &issues, rh_text(path), rh_text(bytes)), RH_OK);
}

static struct rh_package *finish(void)
{
    struct rh_package *p = NULL;
    assert_int_equal(rh_package_reader_close(reader, &issues, RH_TEXT("folder"), &p), RH_OK);
    return p;
}

static const struct rh_definition *of_id(const struct rh_package *p, const char *id)
{
    for (size_t i = 0; i < rh_package_count(p); i++)
        if (rh_text_is(rh_package_at(p, i)->id, id))
            return rh_package_at(p, i);
    return NULL;
}

static bool said(const char *words)
{
    for (unsigned i = 0; i < issues.count; i++)
        if (strstr(issues.rows[i].text, words))
            return true;
    return false;
}

/* One entry of a tar, as POSIX says. */
static void put(char kind, const char *prefix, const char *name, const char *bytes, size_t len)
{
    unsigned char *h = (unsigned char *)tar + tar_len;
    unsigned sum = 0;
    assert_true(tar_len + 1024 + len < sizeof tar);
    memset(h, 0, 512);
    memcpy(h, name, strlen(name));
    snprintf((char *)h + 100, 8, "0000644");
    snprintf((char *)h + 124, 12, "%011o", (unsigned)len & 0777777);
    h[156] = (unsigned char)kind;
    memcpy(h + 257,
           "ustar\0"
           "00",
           8);
    memcpy(h + 345, prefix, strlen(prefix));
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += h[i];
    snprintf((char *)h + 148, 8, "%06o", sum & 0777777);
    tar_len += 512;
    memset(tar + tar_len, 0, (len + 511) / 512 * 512);
    memcpy(tar + tar_len, bytes, len);
    tar_len += (len + 511) / 512 * 512;
}

static void put_file(const char *name, const char *bytes)
{
    put('0', "", name, bytes, strlen(bytes));
}

static enum rh_rc read_tar(void)
{
    memset(tar + tar_len, 0, 1024);
    return rh_package_reader_tar(reader, &issues, (struct rh_text){tar, tar_len + 1024});
}

static void takes_name_version_and_dependencies_from_package_json(void **state)
{
    (void)state;
    struct rh_text name, version;
    add("package/ValueSet-a.json", VS("http://example.org/a", "1", "a"));
    add("package/package.json", "{\"name\":\"x.y\",\"version\":\"1.2.3\",\"dependencies\":"
                                "{\"hl7.fhir.r4.core\":\"4.0.1\",\"other\":\"2.0.0\"}}");
    struct rh_package *p = finish();
    assert_true(rh_text_is(rh_package_name(p), "x.y"));
    assert_true(rh_text_is(rh_package_version(p), "1.2.3"));
    assert_int_equal(rh_package_n_depends(p), 2);
    rh_package_depend(p, 1, &name, &version);
    assert_true(rh_text_is(name, "other") && rh_text_is(version, "2.0.0"));
    assert_int_equal(rh_package_count(p), 1);
    assert_true(rh_text_is(of_id(p, "a")->name, "N"));
    assert_int_equal(issues.count, 0);
    rh_package_close(p);
}

static void passes_over_other_folders_and_what_is_no_resource(void **state)
{
    (void)state;
    add("package/ValueSet-a.json", VS("http://example.org/a", "1", "a"));
    add("package/example/ValueSet-b.json", "not even JSON");
    add("other/ValueSet-c.json", "not even JSON");
    add("package/ValueSet-d.xml", "<ValueSet/>");
    add("package/.derived.json", "not even JSON");
    add("package/notes.json", "{\"a\":1}");
    struct rh_package *p = finish();
    assert_int_equal(rh_package_count(p), 1);
    assert_true(rh_text_is(rh_package_name(p), "folder"));
    assert_true(said("notes.json"));
    assert_int_equal(issues.errors, 0);
    rh_package_close(p);
}

static void takes_addresses_from_the_index_without_reading_the_file(void **state)
{
    (void)state;
    add("package/.index.json",
        "{\"index-version\":2,\"files\":[{\"filename\":\"a.json\",\"resourceType\":\"ValueSet\","
        "\"id\":\"a\",\"url\":\"http://example.org/a\",\"version\":\"3\"},"
        "{\"filename\":\"missing.json\",\"resourceType\":\"ValueSet\",\"id\":\"m\"},"
        "{\"filename\":\"s.json\",\"resourceType\":\"StructureDefinition\",\"id\":\"s\","
        "\"type\":\"Patient\"}]}");
    add("package/a.json", "{\"resourceType\":");
    add("package/s.json", "{}");
    add("package/b.json", VS("http://example.org/b", "1", "b"));
    struct rh_package *p = finish();
    assert_int_equal(rh_package_count(p), 3);
    assert_true(rh_text_is(of_id(p, "a")->url, "http://example.org/a"));
    assert_true(rh_text_is(of_id(p, "a")->version, "3"));
    assert_true(rh_text_is(of_id(p, "s")->base, "Patient"));
    assert_true(rh_text_is(of_id(p, "b")->url, "http://example.org/b"));
    rh_package_close(p);
}

static void an_index_that_is_damaged_is_done_without(void **state)
{
    (void)state;
    add("package/.index.json", "{\"files\":[");
    add("package/b.json", VS("http://example.org/b", "1", "b"));
    struct rh_package *p = finish();
    assert_int_equal(rh_package_count(p), 1);
    assert_int_equal(issues.count, 0);
    rh_package_close(p);
}

static void of_files_of_one_name_the_last_counts(void **state)
{
    (void)state;
    add("package/a.json", VS("http://example.org/a", "1", "first"));
    add("./package/a.json", VS("http://example.org/a", "2", "second"));
    struct rh_package *p = finish();
    assert_int_equal(rh_package_count(p), 1);
    assert_non_null(of_id(p, "second"));
    rh_package_close(p);
}

static void refuses_a_file_that_is_not_json_and_names_it(void **state)
{
    (void)state;
    struct rh_package *p = NULL;
    add("package/a.json", VS("http://example.org/a", "1", "a"));
    add("package/bad.json", "{\"resourceType\":\"ValueSet\",");
    assert_int_equal(rh_package_reader_close(reader, &issues, RH_TEXT("folder"), &p), RH_SYNTAX);
    assert_null(p);
    assert_true(said("package/bad.json"));
}

static void refuses_a_package_without_any_resource(void **state)
{
    (void)state;
    struct rh_package *p = NULL;
    add("package/package.json", "{\"name\":\"empty\",\"version\":\"1.0.0\"}");
    assert_int_equal(rh_package_reader_close(reader, &issues, RH_TEXT("folder"), &p), RH_NOTFOUND);
    assert_null(p);
    assert_true(said("empty"));
}

static void says_that_a_package_is_for_another_release(void **state)
{
    (void)state;
    add("package/package.json", "{\"name\":\"five\",\"fhirVersions\":[\"5.0.0\"]}");
    add("package/a.json", VS("http://example.org/a", "1", "a"));
    struct rh_package *p = finish();
    assert_true(said("5.0.0"));
    assert_int_equal(issues.errors, 0);
    rh_package_close(p);
}

static void reads_a_tar_with_short_prefixed_gnu_and_pax_names(void **state)
{
    (void)state;
    static const char pax[] = "30 path=package/pax-name.json\n11 mtime=1\n";
    put_file("package/short.json", VS("http://example.org/1", "1", "short"));
    put('0', "package", "prefixed.json", VS("http://example.org/2", "1", "prefixed"),
        strlen(VS("http://example.org/2", "1", "prefixed")));
    put('5', "", "package/folder/", "", 0);
    put('2', "", "package/link.json", "", 0);
    put('L', "", "././@LongLink", "package/gnu.json", 17);
    put_file("cut", VS("http://example.org/3", "1", "gnu"));
    put('g', "", "pax_global_header", "11 mtime=1\n", 11);
    put('x', "", "PaxHeader", pax, strlen(pax));
    put_file("cut", VS("http://example.org/4", "1", "pax"));
    assert_int_equal(read_tar(), RH_OK);
    struct rh_package *p = finish();
    assert_int_equal(rh_package_count(p), 4);
    assert_true(of_id(p, "short") && of_id(p, "prefixed") && of_id(p, "gnu") && of_id(p, "pax"));
    rh_package_close(p);
}

static void says_where_a_tar_is_damaged(void **state)
{
    (void)state;
    put_file("package/a.json", VS("http://example.org/a", "1", "a"));
    put_file("package/b.json", VS("http://example.org/b", "1", "b"));
    struct rh_text cut = {tar, tar_len - 512};
    assert_int_equal(rh_package_reader_tar(reader, &issues, cut), RH_SYNTAX);
    assert_true(said("byte 1024"));
    cut.len = 1024 + 100;
    assert_int_equal(rh_package_reader_tar(reader, &issues, cut), RH_SYNTAX);
    tar[1024 + 3] ^= 1;
    assert_int_equal(read_tar(), RH_SYNTAX);
    assert_true(said("checksum"));
}

static void refuses_a_pax_record_that_lies_about_its_length(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "99 path=x\n", "0 path=x\n", "10 path=xy", "path=x\n", "18446744073709551616 path=x\n",
        "3 \n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tar_len = 0;
        put('x', "", "PaxHeader", bad[i], strlen(bad[i]));
        assert_int_equal(read_tar(), i == 5 ? RH_OK : RH_SYNTAX);
    }
}

static struct rh_package *named(const char *name, const char *version, const char *needs,
                                const char *needs_version)
{
    struct rh_package *p;
    assert_int_equal(rh_package_open(rh_text(name), rh_text(version), NULL, &p), RH_OK);
    if (needs)
        assert_int_equal(rh_package_depends(p, rh_text(needs), rh_text(needs_version)), RH_OK);
    rh_package_seal(p);
    return p;
}

static void names_the_dependency_that_is_missing(void **state)
{
    (void)state;
    /* what is needed, what is said; the list has core 4.0.1, terms.r4 7.0.1, old 1.4.0 */
    static const struct {
        const char *name, *version;
        unsigned said;
        enum rh_severity severity;
        const char *words;
    } rows[] = {
        {"core", "4.0.1", 0, RH_ERROR, ""},
        {"core", "4.9", 0, RH_ERROR, ""},
        {"terms", "7.0.0", 0, RH_ERROR, ""},
        {"terms.r4", "current", 0, RH_ERROR, ""},
        {"terms.r4", "6.5.0", 1, RH_INFORMATION, "7.0.1 is used"},
        {"old", "2.0.0", 1, RH_WARNING, "1.4.0 is used"},
        {"absent", "1.0.0", 1, RH_WARNING, "absent 1.0.0, which is not loaded"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_package *all[] = {named("core", "4.0.1", NULL, NULL),
                                    named("terms.r4", "7.0.1", NULL, NULL),
                                    named("old", "1.4.0", NULL, NULL),
                                    named("mine", "1.0.0", rows[i].name, rows[i].version)};
        rh_issues_init(&issues, arena);
        rh_package_check_depends(&issues, all, 4);
        assert_int_equal(issues.count, rows[i].said);
        if (rows[i].said) {
            assert_int_equal(issues.rows[0].severity, rows[i].severity);
            assert_true(said(rows[i].words));
        }
        for (int k = 0; k < 4; k++)
            rh_package_close(all[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_name_version_and_dependencies_from_package_json,
                                        begin, end),
        cmocka_unit_test_setup_teardown(passes_over_other_folders_and_what_is_no_resource, begin,
                                        end),
        cmocka_unit_test_setup_teardown(takes_addresses_from_the_index_without_reading_the_file,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_index_that_is_damaged_is_done_without, begin, end),
        cmocka_unit_test_setup_teardown(of_files_of_one_name_the_last_counts, begin, end),
        cmocka_unit_test_setup_teardown(refuses_a_file_that_is_not_json_and_names_it, begin, end),
        cmocka_unit_test_setup_teardown(refuses_a_package_without_any_resource, begin, end),
        cmocka_unit_test_setup_teardown(says_that_a_package_is_for_another_release, begin, end),
        cmocka_unit_test_setup_teardown(reads_a_tar_with_short_prefixed_gnu_and_pax_names, begin,
                                        end),
        cmocka_unit_test_setup_teardown(says_where_a_tar_is_damaged, begin, end),
        cmocka_unit_test_setup_teardown(refuses_a_pax_record_that_lies_about_its_length, begin,
                                        end),
        cmocka_unit_test_setup_teardown(names_the_dependency_that_is_missing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
