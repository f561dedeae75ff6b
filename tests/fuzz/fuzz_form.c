/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * {"questionnaire", "response", "answers": [[path, [answer…]]…]}, any JSON: a form compiles or is
 * refused with a reason, takes or refuses each answer, and what it prints is JSON; a response that
 * it wrote is one that it reads again.
 */
#include "clinical/form.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 128 << 20 };

static void printed(struct rh_arena *a, const struct rh_buf *b)
{
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    if (!b->rc)
        assert(rh_json_parse(a, &is, rh_buf_get(b), &doc) == RH_OK);
}

static void steps(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        struct rh_text path = rh_json_text(yyjson_arr_get(v, 0));
        yyjson_val *with = yyjson_arr_get(v, 1);
        struct rh_buf b = rh_buf(c->arena);
        rh_issues_init(c->issues, c->arena);
        enum rh_rc rc = yyjson_is_arr(with)    ? rh_form_answer(c, s, path, with)
                        : yyjson_is_obj(with)  ? rh_form_bulk(c, s, path, with)
                        : yyjson_is_true(with) ? rh_form_add(c, s, path)
                                               : rh_form_remove(c, s, path);
        assert(!rc || rc == RH_NOMEM || c->issues->count);
        rh_buf_char(&b, '{');
        rh_form_print_changes(c, s, &b);
        rh_buf_char(&b, '}');
        printed(c->arena, &b);
    }
}

static void again(struct rh_ctx *c, const struct rh_form *f, struct rh_form_session *s)
{
    struct rh_buf b = rh_buf(c->arena);
    struct rh_form_session *other;
    yyjson_doc *doc;
    rh_form_response(c, s, true, &b);
    if (b.rc || rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc))
        return; /* nested deeper than JSON may be: the answers were */
    struct rh_form_start with = {.response = yyjson_doc_get_root(doc)};
    enum rh_rc rc = rh_form_open(c, f, &with, &other);
    assert(rc == RH_OK || rc == RH_NOMEM || rc == RH_TOOLARGE || rc == RH_TIMEOUT);
    if (!rc)
        rh_form_close(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    struct rh_issues is;
    yyjson_doc *doc;
    const struct rh_form *form;
    struct rh_form_session *s;
    if (!a)
        a = rh_arena_open(ARENA_BYTES);
    rh_arena_reset(a);
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc))
        return 0;
    yyjson_val *o = yyjson_doc_get_root(doc), *response = yyjson_obj_get(o, "response");
    struct rh_ctx c = {.arena = a, .issues = &is, .now_us = 1};
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_form_compile(&c, a, yyjson_obj_get(o, "questionnaire"), &form);
    assert(!rc || rc == RH_NOMEM || is.count);
    if (rc)
        return 0;
    struct rh_form_start with = {.response = response,
                                 .context = yyjson_obj_get(o, "context"),
                                 .language = rh_json_get(o, "language"),
                                 .closed = size % 2,
                                 .parts = size % 3 == 0};
    rc = rh_form_open(&c, form, &with, &s);
    assert(!rc || is.count);
    if (rc)
        return 0;
    struct rh_buf b = rh_buf(a);
    rh_buf_char(&b, '{');
    rh_form_print(&c, s, &b);
    rh_buf_char(&b, '}');
    printed(a, &b);
    steps(&c, s, yyjson_obj_get(o, "answers"));
    again(&c, form, s);
    rh_form_problems(s, &is);
    rh_form_close(s);
    return 0;
}
