/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An expression, a line feed, and any text: places in JSON and XML, which need not be what they
 * claim, lie inside the text. */
#include "conformance/validate.h"
#include "xml/xml.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned lines_of(struct rh_text t)
{
    unsigned n = 1;
    for (size_t i = 0; i < t.len; i++)
        n += t.data[i] == '\n';
    return n;
}

static void add(struct rh_issues *is, const char *expression)
{
    rh_issues_init(is, is->arena);
    rh_issue_add(is, RH_VALUE, expression, "x");
    rh_issue_add(is, RH_VALUE, "Patient.name[0].given[1].extension[0].url", "x");
    rh_issue_add(is, RH_VALUE, "Bundle.entry[1].resource.value.ofType(Quantity).code", "x");
    rh_issue_add(is, RH_VALUE, NULL, "x");
}

static void check(const struct rh_issues *is, struct rh_text text)
{
    unsigned lines = lines_of(text);
    for (unsigned i = 0; i < is->count; i++) {
        assert(is->rows[i].line <= lines && is->rows[i].column <= text.len + 1);
        assert((is->rows[i].line == 0) == (is->rows[i].column == 0));
    }
    assert(is->rows[is->count - 1].line == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)64 << 20);
    rh_arena_reset(a);
    struct rh_issues is = {.arena = a};
    struct rh_text text = {(const char *)data, size}, first;
    (void)rh_text_split(&text, '\n', &first);
    if (!text.data || first.len > 4096)
        return 0;
    const char *expression = rh_text_copy(a, first).data;
    add(&is, expression);
    rh_locate(&is, text);
    check(&is, text);
    add(&is, expression);
    rh_xml_locate(&is, text);
    check(&is, text);
    return 0;
}
