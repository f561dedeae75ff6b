/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON against the built-in definitions: the verdict agrees with the issues, each issue has a
 * text, and its place is found in the JSON. */
#include "conformance/validate.h"
#include "programme/definitions.h"
#include "system/regex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rh_world *world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    static const struct rh_host host = {.regex = rh_regex};
    struct rh_issues is;
    yyjson_doc *doc;
    bool valid = true;
    if (!a)
        a = rh_arena_open((size_t)256 << 20);
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    if (!world)
        assert(rh_definitions_open(&is, NULL, 0, &world) == RH_OK);
    struct rh_text text = {(const char *)data, size};
    if (rh_json_parse(a, &is, text, &doc))
        return 0;
    rh_issues_init(&is, a);
    is.max = RH_ISSUES_REPORT_MAX;
    struct rh_ctx c = {.arena = a, .issues = &is, .now_us = 1, .world = world, .host = &host};
    struct rh_validate_options o = {.extensions =
                                        size % 2 ? RH_EXTENSIONS_ANY : RH_EXTENSIONS_KNOWN};
    enum rh_rc rc = rh_validate(&c, yyjson_doc_get_root(doc), &o, &valid);
    assert(rc != RH_OK || valid == (is.errors == 0));
    assert(rc == RH_OK || rc == RH_NOMEM || is.count);
    rh_locate(&is, text);
    for (unsigned i = 0; i < is.count; i++) {
        assert(is.rows[i].text && rh_utf8_valid(rh_text(is.rows[i].text)));
        assert(is.rows[i].line <= size + 1);
    }
    return 0;
}
