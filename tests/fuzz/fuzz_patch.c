/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A resource, a NUL byte, a patch: applied or refused; the resource that was given stays as it was.
 */
#include "record/patch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = memchr(data, 0, size);
    if (!cut)
        return 0;
    struct rh_arena *a = rh_arena_open(32 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    yyjson_doc *resource, *patch;
    size_t first = (size_t)(cut - data);
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, first}, &resource) == RH_OK &&
        rh_json_parse(a, &is, (struct rh_text){(const char *)cut + 1, size - first - 1}, &patch) ==
            RH_OK) {
        struct rh_buf before = rh_buf(a), after = rh_buf(a);
        rh_json_write(&before, yyjson_doc_get_root(resource));
        yyjson_val *made = NULL;
        enum rh_rc rc =
            rh_json_patch(a, &is, yyjson_doc_get_root(resource), yyjson_doc_get_root(patch), &made);
        assert(rc == RH_OK || rc == RH_NOMEM || is.errors > 0);
        rh_json_write(&after, yyjson_doc_get_root(resource));
        assert(before.rc || after.rc || rh_text_eq(rh_buf_get(&before), rh_buf_get(&after)));
    }
    rh_arena_close(a);
    return 0;
}
