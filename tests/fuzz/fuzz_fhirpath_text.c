/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as an expression: what compiles has a tree that is JSON and can be checked for a type;
 * what does not has an issue with a place inside the text. */
#include "fhirpath/fhirpath.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct rh_ctx *c, const struct rh_fp *e)
{
    struct rh_buf tree = rh_buf(c->arena);
    yyjson_alc memory = rh_json_alc(c->arena);
    struct rh_text types;
    rh_fp_print_ast(e, &tree);
    /* By yyjson itself: a tree may be deeper, and hold other characters, than a record may. */
    assert(tree.rc || yyjson_read_opts(tree.data, tree.len, 0, &memory, NULL));
    rh_issues_init(c->issues, c->arena);
    enum rh_rc rc = rh_fp_check(c, e, rh_type_find(RH_TEXT("Patient")), &types);
    assert(rc == RH_OK || rc == RH_NOMEM || c->issues->count);
    for (unsigned i = 0; i < c->issues->count; i++)
        assert(rh_utf8_valid(rh_text(c->issues->rows[i].text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)64 << 20);
    rh_arena_reset(a);
    struct rh_issues is;
    struct rh_fp *e = NULL;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is};
    struct rh_text text = rh_text_copy(a, (struct rh_text){(const char *)data, size});
    enum rh_rc rc = rh_fp_compile(&c, a, text, &e);
    assert((rc == RH_OK) == (e != NULL));
    if (e) {
        use(&c, e);
        return 0;
    }
    assert(rc == RH_NOMEM || is.count);
    if (is.count) {
        assert(rh_utf8_valid(rh_text(is.rows[0].text)));
        assert(is.rows[0].column <= size + 1);
    }
    return 0;
}
