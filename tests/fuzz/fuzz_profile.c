/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON as a profile beside the built-in definitions: its snapshot is made or refused, and
 * resources are validated against it. */
#include "conformance/snapshot.h"
#include "conformance/validate.h"
#include "programme/definitions.h"
#include "system/regex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const resources[] = {
    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\"},{\"given\":[\"b\"]}],\"extension\":"
    "[{\"url\":\"http://example.org/e\",\"valueString\":\"x\"}],\"birthDate\":\"1970\"}",
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"a\"},"
    "\"component\":"
    "[{\"code\":{\"coding\":[{\"code\":\"a\"}]},\"valueQuantity\":{\"value\":1}},{\"code\":{"
    "\"text\":\"b\"}}]}"};

static void validate(struct rh_ctx *c, struct rh_text profile)
{
    struct rh_validate_options o = {.profiles = &profile, .n_profiles = 1};
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        yyjson_doc *doc;
        bool valid;
        rh_issues_init(c->issues, c->arena);
        assert(rh_json_parse(c->arena, c->issues, rh_text(resources[i]), &doc) == RH_OK);
        enum rh_rc rc = rh_validate(c, yyjson_doc_get_root(doc), &o, &valid);
        assert(rc != RH_OK || valid == (c->issues->errors == 0));
        for (unsigned k = 0; k < c->issues->count; k++)
            assert(rh_utf8_valid(rh_text(c->issues->rows[k].text)));
    }
}

static void use(struct rh_arena *a, struct rh_package *given)
{
    static const struct rh_host host = {.regex = rh_regex};
    static struct rh_package *all[RH_BUILTIN_PACKAGES + 1];
    struct rh_issues is;
    struct rh_world *w;
    yyjson_val *elements = NULL;
    if (!all[0])
        assert(rh_definitions_builtin(all) == RH_OK);
    rh_issues_init(&is, a);
    all[RH_BUILTIN_PACKAGES] = given;
    assert(rh_world_open(all, RH_BUILTIN_PACKAGES + 1, &w) == RH_OK);
    struct rh_ctx c = {.arena = a, .issues = &is, .now_us = 1, .world = w, .host = &host};
    const struct rh_definition *d = rh_package_at(given, 0);
    if (strcmp(d->type, "StructureDefinition") == 0) {
        enum rh_rc rc = rh_snapshot(&c, d, &elements);
        assert(rc || elements);
        assert(rc == RH_OK || rc == RH_NOMEM || is.count);
    }
    validate(&c, d->url);
    rh_world_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open((size_t)256 << 20);
    struct rh_issues is;
    struct rh_package *p;
    rh_issues_init(&is, a);
    assert(rh_package_open(RH_TEXT("given"), RH_TEXT("1"), NULL, &p) == RH_OK);
    if (rh_package_add_json(p, &is, (struct rh_text){(const char *)data, size}) == RH_OK) {
        rh_package_seal(p);
        use(a, p);
    }
    rh_package_close(p);
    rh_arena_close(a);
    return 0;
}
