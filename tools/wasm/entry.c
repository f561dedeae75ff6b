/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * entry.c - FHIRPath for JavaScript (tools/wasm/core.mjs is the other side): a line of
 * `rihla fhirpath --batch` and its answer.
 */
#include "conformance/validate_int.h"
#include "entry_int.h"

const char *EXPORTED(rh_wasm_fhirpath)(const char *line, size_t len);

/* In place of conformance/answers.c: conformsTo() of a response says that its form was not asked.
 */
void rh_check_answers(struct rh_run *r, const struct rh_place *at, yyjson_val *response)
{
    struct rh_place named = rh_below(at, "questionnaire", 13, -1);
    if (rh_json_get(response, "questionnaire").len)
        rh_complain(r, RH_WARNING, "not-supported", &named,
                    "answers are not held against their form here");
}

static enum rh_rc compile(void *user, struct rh_ctx *c, struct rh_text expression,
                          const struct rh_type *type, struct rh_text *types, struct rh_fp **ret)
{
    (void)user;
    enum rh_rc rc = rh_fp_compile(c, c->arena, expression, ret);
    return rc || !type ? rc : rh_fp_check(c, *ret, type, types);
}

const char *rh_wasm_fhirpath(const char *line, size_t len)
{
    struct rh_fp_question q = {0};
    struct rh_fp_list result = {0};
    struct rh_issues is;
    struct rh_host outer = {.regex = rh_wasm_regex};
    yyjson_doc *doc = NULL;
    rh_wasm_begin();
    rh_issues_init(&is, rh_wasm_core.work);
    enum rh_rc rc = rh_json_parse(rh_wasm_core.work, &is, (struct rh_text){line, len}, &doc);
    yyjson_val *o = doc ? yyjson_doc_get_root(doc) : NULL, *id = yyjson_obj_get(o, "id");
    rh_buf_char(&rh_wasm_core.out, '{');
    if (id) {
        rh_buf_str(&rh_wasm_core.out, "\"id\":");
        rh_json_write(&rh_wasm_core.out, id);
        rh_buf_char(&rh_wasm_core.out, ',');
    }
    size_t before = rh_wasm_core.out.len;
    if (!rc)
        rc = rh_fp_question_read(rh_wasm_core.work, &is, o, &q);
    if (!rc) {
        struct rh_host host = rh_conformance_host(&outer, q.resource);
        struct rh_ctx c = {.arena = rh_wasm_core.work,
                           .issues = &is,
                           .now_us = (int64_t)rh_wasm_now(),
                           .world = rh_wasm_core.world,
                           .host = &host};
        rc = rh_fp_question_answer(&c, &q, compile, NULL, &result);
    }
    if (!rc) {
        rh_buf_str(&rh_wasm_core.out, "\"result\":");
        rh_fp_print_list(rh_wasm_core.work, &result, true, &rh_wasm_core.out);
        rc = rh_wasm_core.out.rc;
    }
    if (rc) {
        rh_wasm_core.out.len = before;
        rh_fp_print_error(&is, rc, &rh_wasm_core.out);
    }
    rh_buf_char(&rh_wasm_core.out, '}');
    return rh_wasm_answer();
}
