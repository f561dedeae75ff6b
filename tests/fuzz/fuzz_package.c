/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the tar of a package: what it holds is found again, a damaged one has its issue. */
#include "conformance/package.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct rh_package *p, struct rh_arena *a)
{
    struct rh_issues is;
    struct rh_world *w;
    rh_issues_init(&is, a);
    rh_package_check_depends(&is, &p, 1);
    assert(rh_world_open(&p, 1, &w) == RH_OK);
    struct rh_ctx c = {.arena = a, .issues = &is, .world = w};
    for (size_t i = 0; i < rh_package_count(p); i++) {
        const struct rh_definition *d = rh_package_at(p, i);
        yyjson_val *body = NULL;
        if (d->url.len && !memchr(d->url.data, '|', d->url.len))
            assert(rh_world_find(w, d->type, d->url));
        assert(rh_definition_body(&c, d, &body) != RH_OK || body);
    }
    rh_world_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open((size_t)64 << 20);
    struct rh_issues is;
    struct rh_package_reader *r;
    struct rh_package *p = NULL;
    rh_issues_init(&is, a);
    assert(rh_package_reader_open(a, &r) == RH_OK);
    enum rh_rc rc = rh_package_reader_tar(r, &is, (struct rh_text){(const char *)data, size});
    assert(rc == RH_OK || rc == RH_NOMEM || is.count == 1);
    rc = rh_package_reader_close(r, &is, RH_TEXT("fuzz"), &p);
    assert((rc == RH_OK) == (p != NULL));
    assert(rc == RH_OK || rc == RH_NOMEM || is.errors);
    if (p)
        use(p, a);
    rh_package_close(p);
    rh_arena_close(a);
    return 0;
}
