/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a file of translations, as a resource that is translated, and as a case with its
 * templates: what is accepted is JSON again and is found again. First byte: which of them. */
#include "clinical/pack_case.h"
#include "clinical/subset.h"
#include "programme/pack_text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char form[] =
    "{\"resourceType\":\"Questionnaire\",\"id\":\"q\",\"title\":\"a\",\"item\":[{\"linkId\":\"b\","
    "\"text\":\"c\",\"_text\":{\"id\":\"d\"},\"answerOption\":[{\"valueCoding\":{\"code\":\"e\","
    "\"display\":\"a\"}}]}],\"contained\":[{\"resourceType\":\"ValueSet\",\"compose\":{\"include\":"
    "[{\"concept\":[{\"code\":\"f\",\"display\":\"c\"}]}]}}]}";

static yyjson_val *parse(struct rh_arena *a, struct rh_text t)
{
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    return rh_json_parse(a, &is, t, &doc) ? NULL : yyjson_doc_get_root(doc);
}

static enum rh_rc count(void *user, const struct rh_pack_text *t)
{
    ++*(size_t *)user;
    (void)rh_pack_text_has(t, RH_TEXT("fr"));
    return RH_OK;
}

/* Translated once more it stays what it is. */
static void translate(struct rh_arena *a, struct rh_po *po, yyjson_val *resource)
{
    struct rh_buf once = rh_buf(a), twice = rh_buf(a);
    size_t before = 0, after = 0;
    if (!resource || rh_pack_translate(&po, 1, resource, &once))
        return;
    yyjson_val *made = parse(a, rh_buf_get(&once));
    if (!made) /* nested deeper than is read: the translations stand below */
        return;
    assert(rh_pack_translate(&po, 1, made, &twice) == RH_OK);
    assert(rh_text_eq(rh_buf_get(&once), rh_buf_get(&twice)));
    if (rh_pack_texts(a, resource, count, &before) == RH_OK &&
        rh_pack_texts(a, made, count, &after) == RH_OK)
        assert(before == after);
}

static void catalogue(struct rh_arena *a, struct rh_text t)
{
    struct rh_issues is;
    struct rh_po *po = NULL;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_po_read(a, &is, RH_TEXT("fr"), t, &po);
    assert((rc == RH_OK) == (po != NULL));
    assert(rc == RH_OK || rc == RH_NOMEM || is.count == 1);
    if (!po)
        return;
    for (size_t i = 0; i < po->n; i++) {
        struct rh_po_entry *e = &po->entries[i];
        struct rh_po_entry *found = rh_po_find(po, e->context, e->id);
        /* nobody asks for the empty context; a check of the pack says that it matches nothing */
        assert(found == e || (e->context.data && !e->context.len));
    }
    translate(a, po, parse(a, RH_TEXT(form)));
}

static void resource(struct rh_arena *a, struct rh_text t)
{
    static const char texts[] = "msgid \"a\"\nmsgstr \"A\"\nmsgctxt \"b\"\nmsgid \"a\"\nmsgstr "
                                "\"B\"\nmsgid \"c\"\nmsgstr \"C\"\n";
    struct rh_issues is;
    struct rh_po *po = NULL;
    rh_issues_init(&is, a);
    assert(rh_po_read(a, &is, RH_TEXT("fr"), RH_TEXT(texts), &po) == RH_OK);
    translate(a, po, parse(a, t));
}

static yyjson_val *find(void *user, struct rh_text name)
{
    return yyjson_obj_getn(user, name.data, name.len);
}

/* {"given": […], "templates": {…}, "want": …} */
static void given(struct rh_arena *a, struct rh_text t)
{
    struct rh_issues is;
    struct rh_difference d;
    struct rh_buf b = rh_buf(a);
    yyjson_val *root = parse(a, t), *got = NULL;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    if (!root)
        return;
    enum rh_rc rc = rh_case_given(&c, yyjson_obj_get(root, "given"), find,
                                  yyjson_obj_get(root, "templates"), &got);
    assert((rc == RH_OK) == (got != NULL));
    assert(rc == RH_OK || rc == RH_NOMEM || is.errors);
    if (!got)
        return;
    if (!rh_subset(a, yyjson_obj_get(root, "want"), got, &d))
        rh_difference_print(&d, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open((size_t)64 << 20);
    struct rh_text t = {(const char *)data + 1, size - 1};
    if (size == 0)
        t = (struct rh_text){"", 0};
    else if (data[0] == 'p')
        catalogue(a, t);
    else if (data[0] == 'r')
        resource(a, t);
    else
        given(a, t);
    rh_arena_close(a);
    return 0;
}
