/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any expression (the first line) over any JSON (the rest; none: a patient that has a little of
 * everything): the evaluation ends within its steps, its items can be printed, and a refusal says
 * why. */
#include "conformance/validate.h"
#include "fhirpath/fhirpath.h"
#include "system/regex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 50 * 1000 };

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"name\":[{\"use\":\"official\","
    "\"given\":[\"\\u00c4nna\",null],\"_given\":[null,{\"extension\":[{\"url\":\"u\",\"valueCode\":"
    "\"unknown\"}]}],\"family\":\"B\"}],\"birthDate\":\"1970-03\",\"multipleBirthInteger\":2,"
    "\"contained\":[{\"resourceType\":\"Observation\",\"id\":\"o\",\"valueQuantity\":{\"value\":"
    "1.50,\"unit\":\"mg\",\"code\":\"mg\",\"system\":\"http://unitsofmeasure.org\"},"
    "\"effectiveDateTime\":\"2020-02-29T10:00:00.5+01:00\"}],\"managingOrganization\":{"
    "\"reference\":\"#o\"},\"text\":{\"status\":\"generated\",\"div\":\"<div "
    "xmlns='http://www.w3.org/1999/xhtml'>x</div>\"}}";

static void print(struct rh_ctx *c, const struct rh_fp_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct rh_buf out = rh_buf(c->arena);
        yyjson_alc memory = rh_json_alc(c->arena);
        rh_fp_print_item(&l->items[i], &out);
        assert(out.rc ||
               yyjson_read_opts(out.data, out.len, YYJSON_READ_NUMBER_AS_RAW, &memory, NULL));
        assert(rh_fp_type_name(c->arena, &l->items[i]).data || out.rc);
    }
}

static void evaluate(struct rh_arena *a, const struct rh_fp *e, yyjson_val *resource)
{
    struct rh_issues is;
    struct rh_fp_list result = {0};
    const struct rh_host outer = {.regex = rh_regex};
    struct rh_host host = rh_conformance_host(&outer, resource);
    bool answer;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a,
                       .issues = &is,
                       .now_us = INT64_C(1600000000000000),
                       .host = &host,
                       .steps = STEPS};
    struct rh_fp_input in = {
        .focus = rh_fp_resource(resource, false), .resource = resource, .root = resource};
    enum rh_rc rc = rh_fp_eval(&c, e, &in, &result);
    assert(rc == RH_OK || rc == RH_NOMEM || is.count);
    for (unsigned i = 0; i < is.count; i++)
        assert(rh_utf8_valid(rh_text(is.rows[i].text)));
    if (rc == RH_OK)
        print(&c, &result);
    c.steps = STEPS;
    (void)rh_fp_true(&c, e, &in, &answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)64 << 20);
    rh_arena_reset(a);
    struct rh_issues is;
    struct rh_fp *e;
    yyjson_doc *doc;
    struct rh_text rest = rh_text_copy(a, (struct rh_text){(const char *)data, size}), line;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    if (!rh_text_split(&rest, '\n', &line) || rh_fp_compile(&c, a, line, &e))
        return 0;
    if (rh_json_parse(a, &is, rest.len ? rest : RH_TEXT(patient), &doc) == RH_OK)
        evaluate(a, e, yyjson_doc_get_root(doc));
    return 0;
}
