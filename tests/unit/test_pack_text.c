/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translations of packs: files of gettext, and texts with translations beside them. */
#include "programme/definitions.h"
#include "programme/pack_build.h"
#include "programme/pack_text.h"
#include "scratch.h"
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

static struct rh_po *po_of(const char *text)
{
    struct rh_po *po = NULL;
    enum rh_rc rc = rh_po_read(arena, &issues, RH_TEXT("fr"), rh_text(text), &po);
    assert_true((rc == RH_OK) == (po != NULL));
    return po;
}

static const char *found(struct rh_po *po, const char *context, const char *id)
{
    struct rh_po_entry *e = rh_po_find(po, rh_text(context), rh_text(id));
    return e ? rh_text_copy(arena, e->text).data : NULL;
}

#define HEADER "msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\\n\"\n\n"

static void entries_are_found_by_text_and_context(void **state)
{
    (void)state;
    struct rh_po *po = po_of("\xef\xbb\xbf" HEADER
                             "# a person's comment\n#. from the source\n#: item\nmsgid \"Cough\"\n"
                             "msgstr \"Toux\"\n"
                             "\nmsgctxt \"p.cough\"\nmsgid \"Cough\"\nmsgstr \"Tousser\"\n"
                             "msgid \"\"\n\"two \"\n  \"lines\\n\"\nmsgstr \"\"\n\"deux\"\n"
                             "\" \\\"lignes\\\" \\303\\251\\n\"\r\n"
                             "#~ msgid \"old\"\n#~ msgstr \"vieux\"\n"
                             "#, fuzzy, no-wrap\n#| msgid \"b\"\nmsgid \"a\"\nmsgstr \"x\"\n"
                             "msgid \"none\"\nmsgstr \"\"");
    assert_non_null(po);
    assert_int_equal(po->n, 5);
    assert_string_equal(found(po, "", "Cough"), "Toux");
    assert_string_equal(found(po, "other", "Cough"), "Toux");
    assert_string_equal(found(po, "p.cough", "Cough"), "Tousser");
    assert_string_equal(found(po, "", "two lines\n"), "deux \"lignes\" \xc3\xa9\n");
    assert_null(found(po, "", "old"));
    assert_string_equal(found(po, "", "none"), "");
    assert_true(rh_po_find(po, RH_TEXT(""), RH_TEXT("a"))->fuzzy);
    assert_false(rh_po_find(po, RH_TEXT(""), RH_TEXT("Cough"))->fuzzy);
    assert_int_equal(rh_po_find(po, RH_TEXT(""), RH_TEXT("Cough"))->line, 7);
}

static void many_entries_are_all_found(void **state)
{
    (void)state;
    struct rh_buf b = rh_buf(arena);
    for (unsigned i = 0; i < 5000; i++)
        rh_buf_printf(&b, "msgid \"e%u\"\nmsgstr \"t%u\"\n", i, i);
    struct rh_po *po = NULL;
    assert_int_equal(rh_po_read(arena, &issues, RH_TEXT("fr"), rh_buf_get(&b), &po), RH_OK);
    for (unsigned i = 0; i < 5000; i++)
        assert_string_equal(found(po, "", rh_arena_printf(arena, "e%u", i)),
                            rh_arena_printf(arena, "t%u", i));
    assert_null(found(po, "", "e5000"));
}

static void what_is_malformed_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *po, *says;
        unsigned line;
    } rows[] = {
        {"msgid \"a\"\nmsgstr b\n", "quotation marks", 2},
        {"msgid \"a\"\n\nmsgid \"b\"\nmsgstr \"c\"\n", "needs msgid and msgstr", 3},
        {"\"lost\"\n", "belongs to no", 1},
        {"msgstr \"a\"\n", "behind a msgid", 1},
        {"msgid \"a\"\nmsgid_plural \"b\"\nmsgstr[0] \"c\"\n", "no plural", 2},
        {"msgid \"a\"\nmsgstr \"b\\q\"\n", "no such escape", 2},
        {"msgid \"a\"\nmsgstr \"b\" c\"\n", "written \\\"", 2},
        {"msgid \"a\"\nmsgstr \"b\"\nmsgid \"a\"\nmsgstr \"c\"\n", "translated before", 3},
        {"hello\n", "is wanted here", 1},
        {"msgid \"a\"\nmsgstr \"\xff\"\n", "not UTF-8", 2},
        {"msgid \"a\"\nmsgstr \"\\377\"\n", "not UTF-8", 1},
        {"msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=ISO-8859-1\\n\"\n", "charset", 1},
        {"msgctxt \"x\"\n", "needs msgid and msgstr", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rh_issues_init(&issues, arena);
        assert_null(po_of(rows[i].po));
        assert_int_equal(issues.count, 1);
        assert_non_null(strstr(issues.rows[0].text, rows[i].says));
        assert_int_equal(issues.rows[0].line, rows[i].line);
    }
}

static void the_language_is_in_the_name(void **state)
{
    (void)state;
    assert_string_equal(rh_po_language(arena, RH_TEXT("text/fr.po")).data, "fr");
    assert_string_equal(rh_po_language(arena, RH_TEXT("pt_BR.po")).data, "pt-BR");
    assert_null(rh_po_language(arena, RH_TEXT("fr.mo")).data);
    assert_null(rh_po_language(arena, RH_TEXT("a b.po")).data);
    assert_null(rh_po_language(arena, RH_TEXT(".po")).data);
}

static struct rh_text merged(const char *json, const char *po)
{
    struct rh_catalogues c = {.n = 1};
    struct rh_po *list[1] = {po_of(po)};
    c.list = list;
    return rh_pack_merge(arena, &c, rh_text(json));
}

static void assert_text(struct rh_text got, const char *want)
{
    assert_string_equal(rh_text_copy(arena, got).data, want);
}

#define TR(text)                                                        \
    "{\"url\":\"http://hl7.org/fhir/StructureDefinition/translation\"," \
    "\"extension\":[{\"url\":\"lang\",\"valueCode\":\"fr\"},{\"url\":"  \
    "\"content\",\"valueString\":\"" text "\"}]}"

static void questions_and_options_get_the_extension(void **state)
{
    (void)state;
    assert_text(
        merged("{\"resourceType\":\"Questionnaire\",\"id\":\"q\",\"title\":\"Cough\",\"name\":"
               "\"Cough\",\"item\":[{\"linkId\":\"a\",\"_text\":{\"id\":\"i\"},\"text\":\"Cough\","
               "\"answerOption\":[{\"valueCoding\":{\"code\":\"Cough\",\"display\":\"Yes\"}}],"
               "\"item\":[{\"linkId\":\"b\",\"text\":\"Cough\",\"prefix\":\"1.\"}]}]}",
               "msgid \"Cough\"\nmsgstr \"Toux\"\nmsgid \"Yes\"\nmsgstr \"Oui\"\n"
               "msgctxt \"b\"\nmsgid \"Cough\"\nmsgstr \"Tousse\"\n"),
        "{\"resourceType\":\"Questionnaire\",\"id\":\"q\",\"title\":\"Cough\",\"_title\":{"
        "\"extension\":[" TR(
            "Toux") "]},\"name\":\"Cough\",\"item\":[{\"linkId\":\"a\",\"text\":"
                    "\"Cough\",\"_text\":{\"id\":\"i\",\"extension\":[" TR(
                        "Toux") "]},\"answerOption\":[{"
                                "\"valueCoding\":{\"code\":\"Cough\",\"display\":\"Yes\",\"_"
                                "display\":{\"extension\":[" TR(
                                    "Oui") "]}}}],\"item\":[{\"linkId\":\"b\",\"text\":\"Cough\","
                                           "\"_text\":{\"extension\":[" TR("Tousse") "]},"
                                                                                     "\"prefix\":"
                                                                                     "\"1.\"}]}]}");
}

static void concepts_get_designations(void **state)
{
    (void)state;
    assert_text(
        merged("{\"resourceType\":\"CodeSystem\",\"id\":\"c\",\"concept\":[{\"code\":\"x\","
               "\"designation\":[{\"language\":\"ar\",\"value\":\"y\"}],\"display\":\"Yes\","
               "\"concept\":[{\"code\":\"z\",\"display\":\"Yes\",\"designation\":[{\"language\":"
               "\"fr\",\"value\":\"kept\"}]}]}]}",
               "msgid \"Yes\"\nmsgstr \"Oui\"\n"),
        "{\"resourceType\":\"CodeSystem\",\"id\":\"c\",\"concept\":[{\"code\":\"x\",\"display\":"
        "\"Yes\",\"designation\":[{\"language\":\"ar\",\"value\":\"y\"},{\"language\":\"fr\","
        "\"value\":\"Oui\"}],\"concept\":[{\"code\":\"z\",\"display\":\"Yes\",\"designation\":[{"
        "\"language\":\"fr\",\"value\":\"kept\"}]}]}]}");
}

#define OURS "https://rihla.example/fhir/StructureDefinition/"

static void helps_and_names_of_inputs_in_extensions_are_texts(void **state)
{
    (void)state;
    assert_text(
        merged("{\"resourceType\":\"Library\",\"dataRequirement\":[{\"id\":\"w\",\"extension\":[{"
               "\"url\":\"" OURS "title\",\"valueString\":\"Yes\"}]}]}",
               "msgctxt \"w\"\nmsgid \"Yes\"\nmsgstr \"Oui\"\n"),
        "{\"resourceType\":\"Library\",\"dataRequirement\":[{\"id\":\"w\",\"extension\":[{"
        "\"url\":\"" OURS
        "title\",\"valueString\":\"Yes\",\"_valueString\":{\"extension\":[" TR("Oui") "]}}]}]}");
    assert_text(
        merged("{\"resourceType\":\"Questionnaire\",\"contained\":[{\"resourceType\":\"ValueSet\","
               "\"compose\":{\"include\":[{\"concept\":[{\"code\":\"1.50\",\"display\":\"Yes\"}]}"
               "]}}],\"item\":[{\"linkId\":\"a\",\"extension\":[{\"url\":\"" OURS "help-why\","
               "\"valueMarkdown\":\"Yes\"},{\"url\":\"x\",\"valueString\":\"Yes\"}]}]}",
               "msgid \"Yes\"\nmsgstr \"Oui\"\n"),
        "{\"resourceType\":\"Questionnaire\",\"contained\":[{\"resourceType\":\"ValueSet\","
        "\"compose\":{\"include\":[{\"concept\":[{\"code\":\"1.50\",\"display\":\"Yes\","
        "\"designation\":[{\"language\":\"fr\",\"value\":\"Oui\"}]}]}]}}],\"item\":[{\"linkId\":"
        "\"a\",\"extension\":[{\"url\":\"" OURS "help-why\",\"valueMarkdown\":\"Yes\","
        "\"_valueMarkdown\":{\"extension\":[" TR("Oui") "]}},{\"url\":\"x\",\"valueString\":"
                                                        "\"Yes\"}]}]}");
}

static void what_is_fuzzy_or_unknown_changes_nothing(void **state)
{
    static const char *const same =
        "{\"resourceType\":\"PlanDefinition\",\"title\":\"Plan\",\"action\":[{\"id\":\"a\","
        "\"title\":\"A 1.50\",\"dynamicValue\":[{\"path\":\"due\"}],\"priority\":1.50}]}";
    (void)state;
    assert_text(merged(same, "#, fuzzy\nmsgid \"Plan\"\nmsgstr \"Le plan\"\nmsgid \"A 1.50\"\n"
                             "msgstr \"\"\nmsgid \"due\"\nmsgstr \"x\"\n"),
                same);
    assert_text(merged("{\"resourceType\":\"Patient\",\"title\":\"Plan\"}",
                       "msgid \"Plan\"\nmsgstr \"Le plan\"\n"),
                "{\"resourceType\":\"Patient\",\"title\":\"Plan\"}");
    assert_text(merged("{\"resourceType\":", "msgid \"Plan\"\nmsgstr \"Le plan\"\n"),
                "{\"resourceType\":");
}

static enum rh_rc note(void *user, const struct rh_pack_text *t)
{
    rh_buf_printf(user, "%s%s %.*s%s\n", t->path, t->wanted ? "!" : "", RH_TEXT_ARG(t->context),
                  rh_pack_text_has(t, RH_TEXT("fr")) ? " fr" : "");
    return RH_OK;
}

static void texts_are_listed_with_their_place(void **state)
{
    struct rh_buf b = rh_buf(arena);
    yyjson_doc *doc;
    (void)state;
    struct rh_text t =
        merged("{\"resourceType\":\"Questionnaire\",\"id\":\"q\",\"description\":\"Any\",\"title\":"
               "\"Yes\",\"contained\":[{\"resourceType\":\"ValueSet\",\"id\":\"v\",\"compose\":{"
               "\"include\":[{\"concept\":[{\"code\":\"k\",\"display\":\"Yes\"}]}]}}],\"item\":[{"
               "\"linkId\":\"a\",\"text\":\"12\"},{\"linkId\":\"b\",\"text\":\"Why\"}]}",
               "msgid \"Yes\"\nmsgstr \"Oui\"\n");
    assert_int_equal(rh_json_parse(arena, &issues, t, &doc), RH_OK);
    assert_int_equal(rh_pack_texts(arena, yyjson_doc_get_root(doc), note, &b), RH_OK);
    assert_text(rh_buf_get(&b),
                "Questionnaire.description q\nQuestionnaire.title! q fr\n"
                "Questionnaire.contained[0].compose.include[0].concept[0].display! k fr\n"
                "Questionnaire.item[0].text a\nQuestionnaire.item[1].text! b\n");
}

/* --- folders and packages --------------------------------------------------------------------- */

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

static void make_pack(void)
{
    put("package/package.json", "{\"name\":\"small\",\"version\":\"1.0.0\"}");
    put("package/Questionnaire-q.json",
        "{\n  \"resourceType\": \"Questionnaire\",\n  \"id\": \"q\",\n  \"url\": "
        "\"http://example.org/q\",\n  \"title\": \"Yes\"\n}\n");
    put("cases/one.json", "{\"resourceType\":\"Patient\"}");
    put("text/fr.po", HEADER "msgid \"Yes\"\nmsgstr \"Oui\"\n");
    put("text/README", "not read");
}

static void read_title(const char *path, const char *want)
{
    struct rh_package *p = NULL;
    assert_int_equal(rh_definitions_read(&issues, path, &p), RH_OK);
    assert_int_equal(rh_package_count(p), 1);
    assert_text(rh_package_name(p), "small");
    assert_text(rh_package_at(p, 0)->text, want);
    rh_package_close(p);
}

#define QUESTIONNAIRE                                                                    \
    "{\"resourceType\":\"Questionnaire\",\"id\":\"q\",\"url\":\"http://example.org/q\"," \
    "\"title\":\"Yes\",\"_title\":{\"extension\":[" TR("Oui") "]}}"

static void folder_and_package_have_the_same_resources(void **state)
{
    size_t files;
    struct rh_text first, second;
    (void)state;
    make_pack();
    const char *out = rh_path_join(arena, folder, "small.tgz");
    assert_int_equal(rh_pack_build(&issues, folder, out, &files), RH_OK);
    assert_int_equal(files, 1);
    read_title(folder, QUESTIONNAIRE);
    read_title(out, QUESTIONNAIRE);
    assert_int_equal(rh_file_read(arena, &issues, out, 1 << 20, &first), RH_OK);
    assert_int_equal(rh_pack_build(&issues, folder, out, &files), RH_OK);
    assert_int_equal(rh_file_read(arena, &issues, out, 1 << 20, &second), RH_OK);
    assert_true(rh_text_eq(first, second));
}

static bool said(const char *words)
{
    for (unsigned i = 0; i < issues.count; i++)
        if (strstr(issues.rows[i].text, words))
            return true;
    return false;
}

static void a_broken_file_is_named_and_nothing_is_written(void **state)
{
    struct rh_package *p = NULL;
    size_t files;
    (void)state;
    const char *out = rh_path_join(arena, folder, "small.tgz");
    assert_int_equal(rh_pack_build(&issues, folder, out, &files), RH_NOTFOUND);
    assert_true(said("package/package.json"));
    make_pack();
    put("text/fr.po", "msgid \"Yes\"\nmsgstr Oui\n");
    assert_int_equal(rh_pack_build(&issues, folder, out, &files), RH_SYNTAX);
    assert_true(said("text/fr.po:2: "));
    assert_int_equal(rh_definitions_read(&issues, folder, &p), RH_SYNTAX);
    make_pack();
    put("package/Questionnaire-q.json", "{\"resourceType\":\n \"Questionnaire\",}");
    assert_int_equal(rh_pack_build(&issues, folder, out, &files), RH_SYNTAX);
    assert_true(said("Questionnaire-q.json:2: "));
    struct rh_text bytes;
    assert_int_equal(rh_file_read(arena, &issues, out, 1 << 20, &bytes), RH_NOTFOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(entries_are_found_by_text_and_context),
        TEST(many_entries_are_all_found),
        TEST(what_is_malformed_is_refused_with_its_line),
        TEST(the_language_is_in_the_name),
        TEST(questions_and_options_get_the_extension),
        TEST(concepts_get_designations),
        TEST(helps_and_names_of_inputs_in_extensions_are_texts),
        TEST(what_is_fuzzy_or_unknown_changes_nothing),
        TEST(texts_are_listed_with_their_place),
        TEST(folder_and_package_have_the_same_resources),
        TEST(a_broken_file_is_named_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
