/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text behind '?' of a search for Patient or Observation: refused with a reason, or a self link
 * that reads again. */
#include "fhir/element.h"
#include "search/query.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rh_rc parse(struct rh_arena *a, unsigned type, struct rh_text text, bool lenient,
                        struct rh_query *ret)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_ctx ctx = {.arena = a, .issues = &is};
    enum rh_rc rc = rh_query_parse(&ctx, type, text, lenient, ret);
    assert(rc == RH_OK || rc == RH_NOMEM || is.errors > 0);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct rh_arena *a = rh_arena_open(16 << 20);
    unsigned type = rh_resource_number(data[0] & 1 ? RH_TEXT("Patient") : RH_TEXT("Observation"));
    struct rh_query *q = rh_arena_zero(a, sizeof *q), *again = rh_arena_zero(a, sizeof *again);
    struct rh_text text = {(const char *)data + 1, size - 1};
    if (parse(a, type, text, data[0] & 2, q) == RH_OK && q->self.len < RH_QUERY_TEXT_MAX) {
        enum rh_rc rc = parse(a, type, q->self, false, again);
        assert(rc == RH_OK || rc == RH_NOMEM);
        assert(rc || (again->n == q->n && again->count == q->count));
    }
    rh_arena_close(a);
    return 0;
}
