/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as XML: what is read is JSON, what can be written from that reads as the same again. The
 * same for JSON that is written as XML. */
#include "xml/xml.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static yyjson_val *parse(struct rh_arena *a, struct rh_text text)
{
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    return rh_json_parse(a, &is, text, &doc) ? NULL : yyjson_doc_get_root(doc);
}

static void check_issues(enum rh_rc rc, const struct rh_issues *is)
{
    assert((rc == RH_OK) == (is->count == 0));
    for (unsigned i = 0; i < is->count; i++)
        assert(rh_utf8_valid(rh_text(is->rows[i].text)));
}

/* From a resource to XML and back: the second time nothing changes any more. */
static void again(struct rh_ctx *c, yyjson_val *resource)
{
    struct rh_buf xml = rh_buf(c->arena), json = rh_buf(c->arena), twice = rh_buf(c->arena);
    rh_issues_init(c->issues, c->arena);
    enum rh_rc rc = rh_xml_write(c, resource, &xml);
    check_issues(rc, c->issues);
    if (rc || rh_xml_read(c, rh_buf_get(&xml), &json))
        return;
    yyjson_val *v = parse(c->arena, rh_buf_get(&json));
    xml.len = 0;
    if (!v || rh_xml_write(c, v, &xml))
        return;
    assert(rh_xml_read(c, rh_buf_get(&xml), &twice) == RH_OK);
    assert(rh_text_eq(rh_buf_get(&json), rh_buf_get(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)256 << 20);
    rh_arena_reset(a);
    struct rh_issues is;
    struct rh_text text = {(const char *)data, size};
    struct rh_ctx c = {.arena = a, .issues = &is};
    struct rh_buf json = rh_buf(a);
    rh_issues_init(&is, a);
    yyjson_val *v = parse(a, text);
    if (v) {
        again(&c, v);
        return 0;
    }
    enum rh_rc rc = rh_xml_read(&c, text, &json);
    check_issues(rc, &is);
    if (rc && rc != RH_STRUCTURE)
        return 0;
    v = parse(a, rh_buf_get(&json));
    if (v)
        again(&c, v);
    return 0;
}
