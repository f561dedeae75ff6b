/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes: refused with an issue, or what is written back reads as the same again. */
#include "base/json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(struct rh_arena *a, struct rh_text first)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(a, &is, first, &doc);
    if (rc == RH_NOMEM)
        return;
    assert(rc == RH_OK);
    struct rh_buf b = rh_buf(a);
    rh_json_write(&b, yyjson_doc_get_root(doc));
    assert(b.rc || rh_text_eq(rh_buf_get(&b), first));
    struct rh_buf pretty = rh_buf(a);
    rh_json_write_pretty(&pretty, yyjson_doc_get_root(doc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(16 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc);
    if (rc == RH_OK) {
        assert(is.errors == 0);
        struct rh_buf b = rh_buf(a);
        rh_json_write(&b, yyjson_doc_get_root(doc));
        if (!b.rc)
            write_again(a, rh_buf_get(&b));
    } else {
        assert(rc == RH_NOMEM || is.errors > 0);
        struct rh_buf outcome = rh_buf(a);
        rh_issues_outcome(&is, rc, &outcome);
    }
    rh_arena_close(a);
    return 0;
}
