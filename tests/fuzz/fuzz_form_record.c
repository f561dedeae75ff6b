/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * {"questionnaire", "response", "previous", "context"}, any JSON: a response is validated,
 * extracted and a form populated, or refused with a reason; what is printed is JSON; what is
 * extracted again with itself as the version before gives nothing new.
 */
#include "clinical/form_record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 192 << 20 };

static yyjson_val *printed(struct rh_arena *a, const struct rh_buf *b)
{
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_json_parse(a, &is, rh_buf_get(b), &doc);
    assert(rc == RH_OK || rc == RH_NOMEM || rc == RH_SYNTAX); /* deeper than JSON may be */
    return rc ? NULL : yyjson_doc_get_root(doc);
}

static enum rh_rc answer(struct rh_ctx *c, void *user, struct rh_text query, yyjson_val **ret)
{
    (void)c;
    (void)query;
    *ret = user;
    return user ? RH_OK : RH_NOTFOUND;
}

static void extract(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                    const struct rh_form_extraction *o)
{
    struct rh_buf b = rh_buf(c->arena);
    rh_issues_init(c->issues, c->arena);
    enum rh_rc rc = rh_form_extract(c, questionnaire, response, o, &b);
    assert(!rc || rc == RH_NOMEM || c->issues->count);
    if (!rc)
        printed(c->arena, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    struct rh_issues is;
    yyjson_doc *doc;
    const struct rh_form *form;
    bool valid;
    if (!a)
        a = rh_arena_open(ARENA_BYTES);
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc))
        return 0;
    yyjson_val *o = yyjson_doc_get_root(doc), *context = yyjson_obj_get(o, "context");
    yyjson_val *questionnaire = yyjson_obj_get(o, "questionnaire");
    yyjson_val *response = yyjson_obj_get(o, "response");
    struct rh_ctx c = {.arena = a, .issues = &is, .now_us = 1};
    struct rh_form_extraction e = {.context = yyjson_is_obj(context) ? context : NULL,
                                   .previous = yyjson_obj_get(o, "previous")};
    struct rh_form_validation how = {.context = e.context, .language = rh_json_get(o, "language")};
    struct rh_buf b = rh_buf(a);
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_form_validate(&c, questionnaire, response, &how, &valid, &b);
    assert(!rc || rc == RH_NOMEM || is.count);
    if (!rc)
        printed(a, &b);
    extract(&c, questionnaire, response, &e);
    rh_issues_init(&is, a);
    if (rh_form_compile(&c, a, questionnaire, &form))
        return 0;
    struct rh_form_population p = {.context = e.context,
                                   .query = answer,
                                   .user = yyjson_obj_get(o, "answer"),
                                   .subject = RH_TEXT("Patient/1")};
    b = rh_buf(a);
    rc = rh_form_populate(&c, form, &p, &b);
    assert(!rc || rc == RH_NOMEM || is.count);
    if (!rc)
        printed(a, &b);
    return 0;
}
