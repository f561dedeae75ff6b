/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any JSON as the resources of a person, and as the protocol that is held against him.
 *
 * {"plan", "library", "resources"}: each of them may be missing; a good plan and library stand in.
 * What is printed is JSON, and the same once more; who may see no label gets a clearance that is
 * not "cleared" wherever something is hidden.
 */
#include "clinical/protocol.h"
#include "conformance/validate.h"
#include "fhir/world.h"
#include "system/regex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good_library[] =
    "{\"resourceType\":\"Library\",\"id\":\"l\",\"url\":\"urn:l\",\"dataRequirement\":["
    "{\"id\":\"a\",\"type\":\"Observation\",\"codeFilter\":[{\"path\":\"code\",\"code\":[{"
    "\"system\":\"s\",\"code\":\"a\"}]}],\"limit\":2},"
    "{\"id\":\"b\",\"type\":\"Flag\",\"extension\":[{\"url\":\"" RH_RIHLA_EXT
    "household\",\"valueBoolean\":true},{\"url\":\"" RH_RIHLA_EXT
    "label\",\"valueCoding\":{\"code\":\"L\"}}]},"
    "{\"id\":\"c\",\"type\":\"Condition\",\"dateFilter\":[{\"path\":\"onset\",\"valueDuration\":{"
    "\"value\":6,\"code\":\"mo\"}}]}],"
    "\"extension\":[{\"url\":\"" RH_RIHLA_EXT
    "variable\",\"valueExpression\":{\"name\":\"v\",\"language\":\"text/fhirpath\",\"expression\":"
    "\"%a.value\"}}]}";

#define READS(name) "{\"url\":\"" RH_RIHLA_EXT "reads\",\"valueId\":\"" name "\"}"
#define GROUP(part, rest)                                                      \
    "{\"id\":\"" part "\",\"code\":[{\"coding\":[{\"system\":\"" RH_RIHLA_CODE \
    "protocol-part\",\"code\":\"" part "\"}]}],\"action\":[" rest "]}"
#define WHEN(kind, text)                                                                           \
    "{\"kind\":\"" kind "\",\"expression\":{\"language\":\"text/fhirpath\",\"expression\":\"" text \
    "\"}}"
#define DATE(path, text)                   \
    ",\"dynamicValue\":[{\"path\":\"" path \
    "\",\"expression\":{\"language\":\"text/fhirpath\",\"expression\":\"" text "\"}}]"

static const char good_plan[] =
    "{\"resourceType\":\"PlanDefinition\",\"id\":\"p\",\"url\":\"urn:"
    "p\",\"library\":[\"urn:l\"],"
    "\"type\":{\"coding\":[{\"code\":\"clinical-protocol\"}]},"
    "\"extension\":[" READS("a") "," READS("b") "," READS("c") "," READS(
        "v") "],\"action\":[" GROUP("state",
                                    "{\"id\":\"s1\",\"condition\":[" WHEN(
                                        "applicability",
                                        "%v = 'x'") "]},"
                                                    "{\"id\":\"s2\",\"condition\":[" WHEN(
                                                        "applicability",
                                                        "%c.exists()") "]}") "," GROUP("items",
                                                                                       "{\"id\":"
                                                                                       "\"i1\","
                                                                                       "\"definitio"
                                                                                       "nCanonical"
                                                                                       "\":\"urn:"
                                                                                       "d\","
                                                                                       "\"condition"
                                                                                       "\":[" WHEN("applica"
                                                                                                   "bility",
                                                                                                   "%birthD"
                                                                                                   "ate <= "
                                                                                                   "%date "
                                                                                                   "- 15 "
                                                                                                   "years") "," WHEN("stop", "%a.exists()") "]" DATE("due", "%a.effective.toDate() + 1 months") "},"
                                                                                                                                                                                                "{\"id\":\"i2\",\"definitionCanonical\":\"urn:d\",\"condition\":[" WHEN("applicability",
                                                                                                                                                                                                                                                                        "%state = 's1' or %patient.gender = 'female'") "],"
                                                                                                                                                                                                                                                                                                                       "\"relatedAction\":[{\"actionId\":\"i1\",\"relationship\":\"after\"}]}") "," GROUP("classification",
                                                                                                                                                                                                                                                                                                                                                                                                          "{\"id\":\"k\",\"code\":[{\"coding\":[{\"code\":\"k\"}]}],\"condition\":"
                                                                                                                                                                                                                                                                                                                                                                                                          "[" WHEN(
                                                                                                                                                                                                                                                                                                                                                                                                              "applicability", "%a.value > 5 'mg'") "]}") "," GROUP("holds", "{\"id\":\"h\",\"code\":[{\"coding\":[{\"code\":\"h\"}]}],\"condition\":[" WHEN("applicability", "%b.exists() or 'k' in %classification") "]}") "," GROUP("validity",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "{\"id\":\"v\",\"relatedAction\":[{\"actionId\":\"i1\"}]" DATE("expires", "%a.effective + 6 months") "}") "]}";

static const char definition[] =
    "{\"resourceType\":\"ActivityDefinition\",\"id\":\"d\",\"url\":\"urn:d\",\"title\":\"D\"}";

static void add(struct rh_arena *a, struct rh_issues *is, struct rh_package *p, yyjson_val *v,
                const char *good)
{
    struct rh_buf b = rh_buf(a);
    if (v)
        rh_json_write(&b, v);
    if (!v || rh_package_add_json(p, is, rh_buf_get(&b)))
        assert(rh_package_add_json(p, is, rh_text(good)) == RH_OK);
}

static struct rh_world *world_of(struct rh_arena *a, struct rh_issues *is, yyjson_val *root)
{
    struct rh_package *p;
    struct rh_world *w;
    assert(rh_package_open(RH_TEXT("fuzz"), RH_TEXT("1"), NULL, &p) == RH_OK);
    add(a, is, p, yyjson_obj_get(root, "library"), good_library);
    add(a, is, p, yyjson_obj_get(root, "plan"), good_plan);
    add(a, is, p, NULL, definition);
    rh_package_seal(p);
    assert(rh_world_open(&p, 1, &w) == RH_OK);
    rh_package_close(p);
    return w;
}

static void apply(struct rh_ctx *c, const struct rh_protocol_set *set, struct rh_protocol_input in)
{
    struct rh_protocol_show show = {.all = true, .language = RH_TEXT("ar")};
    const struct rh_protocol_result *r;
    struct rh_buf first = rh_buf(c->arena), second = rh_buf(c->arena);
    yyjson_doc *doc;
    c->steps = 200000;
    if (rh_protocol_apply(c, set, &in, &r) || rh_protocol_print(c, r, &show, &first))
        return;
    assert(rh_json_parse(c->arena, c->issues, rh_buf_get(&first), &doc) == RH_OK);
    assert(rh_protocol_print(c, r, &show, &second) ||
           rh_text_eq(rh_buf_get(&first), rh_buf_get(&second)));
    for (size_t i = 0; i < rh_protocol_set_count(set); i++) {
        struct rh_protocol_clearance k = rh_protocol_clearance(r, i);
        assert(!k.hidden || k.status == RH_NOT_CLEARED);
        for (size_t n = 0; n < rh_protocol_n_rules(rh_protocol_set_at(set, i)); n++)
            assert(k.status != RH_CLEARED || !rh_protocol_to_do(r, i, n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    static const struct rh_host host = {.regex = rh_regex};
    static const struct rh_text name = {"fuzz", 4}, none[1];
    const struct rh_protocol_set *set;
    struct rh_issues is;
    yyjson_val *resources[64];
    size_t n = 0, i, max;
    yyjson_doc *doc;
    if (!a)
        a = rh_arena_open((size_t)256 << 20);
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc))
        return 0;
    yyjson_val *one, *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "resources");
    yyjson_arr_foreach (list, i, max, one)
        if (n < 64)
            resources[n++] = one;
    struct rh_world *w = world_of(a, &is, root);
    struct rh_ctx c = {.arena = a, .issues = &is, .now_us = 1, .world = w, .host = &host};
    if (!rh_protocol_set_open(&c, a, &name, 1, RH_TEXT("2026-11-24"), &set)) {
        apply(&c, set, (struct rh_protocol_input){.resources = resources, .n = n});
        apply(&c, set, (struct rh_protocol_input){.resources = resources, .n = n, .may_see = none});
    }
    rh_world_close(w);
    return 0;
}
