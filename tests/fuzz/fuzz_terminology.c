/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any operation with any Parameters over a small world of awkward definitions: whatever is asked,
 * the answer is JSON, a refusal is an OperationOutcome with one issue, and nothing falls over. The
 * first byte chooses the operation. */
#include "system/regex.h"
#include "terminology/terminology.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rh_host host = {.regex = rh_regex};

#define S(n) "http://example.org/" n
static const char *const definitions[] = {
    "{\"resourceType\":\"CodeSystem\",\"url\":\"" S(
        "a") "\",\"version\":\"1.0\",\"content\":"
             "\"complete\",\"caseSensitive\":true,\"language\":\"en\",\"property\":[{\"code\":"
             "\"p\",\"uri\":"
             "\"http://hl7.org/fhir/"
             "concept-properties#parent\"}],\"concept\":[{\"code\":\"x\",\"display\":"
             "\"X\",\"designation\":[{\"language\":\"de\",\"value\":\"IX\"}],\"concept\":[{"
             "\"code\":\"y\","
             "\"property\":[{\"code\":\"status\",\"valueCode\":\"retired\"}]}]},{\"code\":\"z\","
             "\"property\":[{\"code\":\"p\",\"valueCode\":\"y\"},{\"code\":\"notSelectable\","
             "\"valueBoolean\":true}]}]}",
    "{\"resourceType\":\"CodeSystem\",\"url\":\"" S(
        "a") "\",\"version\":\"2.0\",\"content\":"
             "\"fragment\",\"concept\":[{\"code\":\"X\"},{\"code\":\"x\"},{\"code\":1},{}]}",
    "{\"resourceType\":\"CodeSystem\",\"url\":\"" S(
        "loop") "\",\"content\":\"complete\","
                "\"concept\":[{\"code\":\"a\",\"property\":[{\"code\":\"parent\",\"valueCode\":"
                "\"b\"}]},"
                "{\"code\":\"b\",\"property\":[{\"code\":\"child\",\"valueCode\":\"b\"},{\"code\":"
                "\"parent\","
                "\"valueCode\":\"a\"}]}]}",
    "{\"resourceType\":\"CodeSystem\",\"url\":\"" S(
        "more") "\",\"content\":\"supplement\","
                "\"supplements\":\"" S(
                    "a") "|1.0\",\"concept\":[{\"code\":\"x\",\"designation\":[{\"value\":"
                         "\"more\"}]}]}",
    "{\"resourceType\":\"ValueSet\",\"url\":\"" S(
        "all") "\",\"compose\":{\"include\":[{\"system\":"
               "\"" S("a") "\"},{\"system\":\"" S("a") "\",\"version\":\"1.x\"},{\"system\":\"" S(
                   "loop") "\"}]}}",
    "{\"resourceType\":\"ValueSet\",\"url\":\"" S(
        "some") "\",\"compose\":{\"inactive\":false,"
                "\"include\":[{\"valueSet\":[\"" S("all") "\",\"#c\"]},{\"system\":\"" S(
                    "a") "\",\"filter\":[{\"property\":\"code\",\"op\":\"regex\",\"value\":\"[xy]"
                         "\"}]}],\"exclude\":"
                         "[{\"system\":\"" S(
                             "a") "\",\"concept\":[{\"code\":\"y\"}]}]},\"contained\":[{"
                                  "\"resourceType\""
                                  ":\"ValueSet\",\"id\":\"c\",\"compose\":{\"include\":[{"
                                  "\"system\":\"urn:ietf:bcp:47\"}]}}]}",
    "{\"resourceType\":\"ValueSet\",\"url\":\"" S("1") "\",\"compose\":{\"include\":[{\"valueSet\":"
                                                       "[\"" S("2") "\"]}]}}",
    "{\"resourceType\":\"ValueSet\",\"url\":\"" S("2") "\",\"compose\":{\"include\":[{\"valueSet\":"
                                                       "[\"" S("1") "\",\"" S("all") "\"]}]}}",
    "{\"resourceType\":\"ConceptMap\",\"url\":\"" S("m") "\",\"group\":[{\"source\":\"" S(
        "a") "\",\"target\":\"" S("loop") "\",\"element\":[{\"code\":\"x\",\"target\":[{\"code\":"
                                          "\"a\"},"
                                          "{\"equivalence\":\"unmatched\"}]}],\"unmapped\":{"
                                          "\"mode\":\"other-map\",\"url\":\"" S("m") "\"}}]}",
};

static struct rh_world *open_world(void)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_issues is;
    struct rh_package *p;
    struct rh_world *w;
    rh_issues_init(&is, a);
    assert(!rh_package_open(RH_TEXT("fuzz"), RH_TEXT("1"), NULL, &p));
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
        assert(!rh_package_add_json(p, &is, rh_text(definitions[i])));
    rh_package_seal(p);
    assert(!rh_world_open(&p, 1, &w));
    rh_package_close(p);
    rh_arena_close(a);
    return w;
}

static void run(struct rh_ctx *c, enum rh_terms_op op, yyjson_val *parameters)
{
    struct rh_buf out = rh_buf(c->arena);
    yyjson_doc *doc;
    enum rh_rc rc = rh_terms_operation(c, op, parameters, NULL, &out);
    if (rc == RH_NOMEM)
        return;
    assert(rc != RH_INTERNAL && rc != RH_CORRUPT);
    if (!out.len) {
        assert(rc && c->issues->count);
        return;
    }
    struct rh_issues is;
    rh_issues_init(&is, c->arena);
    enum rh_rc parsed = rh_json_parse(c->arena, &is, rh_buf_get(&out), &doc);
    assert(!parsed || parsed == RH_NOMEM);
    if (!parsed && rc)
        assert(
            rh_text_is(rh_json_get(yyjson_doc_get_root(doc), "resourceType"), "OperationOutcome"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    static struct rh_world *w;
    if (!a) {
        a = rh_arena_open((size_t)64 << 20);
        w = open_world();
    }
    rh_arena_reset(a);
    struct rh_issues is;
    struct rh_ctx c = {.arena = a, .issues = &is, .world = w, .host = &host};
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    if (size < 2)
        return 0;
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data + 1, size - 1}, &doc) == RH_OK)
        run(&c, (enum rh_terms_op)(data[0] % RH_TERMS_OPS), yyjson_doc_get_root(doc));
    return 0;
}
