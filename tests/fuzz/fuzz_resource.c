/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON as a resource: the structural check says what is wrong, or references and keys can be
 * taken. */
#include "fhir/check.h"
#include "fhir/reference.h"
#include "search/key.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rh_rc reference(void *user, yyjson_val *string, const struct rh_element *element)
{
    (void)element;
    unsigned *count = user;
    (void)rh_reference_parse(rh_json_text(string), RH_TEXT("http://127.0.0.1:8080/fhir"));
    *count += 1;
    return RH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(32 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    yyjson_doc *doc;
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc) == RH_OK) {
        const struct rh_type *type = NULL;
        yyjson_val *root = yyjson_doc_get_root(doc);
        enum rh_rc rc = rh_fhir_check(&is, root, &type);
        assert((rc == RH_OK) == (is.errors == 0));
        if (rc == RH_OK) {
            unsigned count = 0;
            (void)rh_references_walk(type, root, reference, &count);
            struct rh_ctx ctx = {.arena = a, .issues = &is};
            struct rh_search_keys keys;
            (void)rh_keys_of(&ctx, type, root, &keys);
        }
    }
    rh_arena_close(a);
    return 0;
}
