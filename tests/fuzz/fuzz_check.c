/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON: the structural check agrees with its issues, and neither the walk over references nor
 * the compartment falls over what was refused. */
#include "fhir/check.h"
#include "fhir/compartment.h"
#include "fhir/reference.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rh_rc reference(void *user, yyjson_val *string, const struct rh_element *element)
{
    unsigned *count = user;
    struct rh_text t = rh_json_text(string);
    assert(element && t.data);
    struct rh_reference r = rh_reference_parse(t, RH_TEXT("http://127.0.0.1:8080/fhir"));
    assert(r.kind != RH_REF_LOCAL || (r.type && r.id.len && r.id.data >= t.data));
    *count += 1;
    return RH_OK;
}

static void check(struct rh_arena *a, yyjson_val *root)
{
    struct rh_issues is;
    const struct rh_type *type = NULL;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_fhir_check(&is, root, &type);
    assert((rc == RH_OK) == (is.count == 0));
    assert(rc != RH_OK || type);
    for (unsigned i = 0; i < is.count; i++)
        assert(rh_utf8_valid(rh_text(is.rows[i].text)));
    if (!type)
        return;
    unsigned count = 0;
    assert(rh_references_walk(type, root, reference, &count) == RH_OK);
    (void)rh_compartment_patient(type, root, RH_TEXT("a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)64 << 20);
    rh_arena_reset(a);
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, (struct rh_text){(const char *)data, size}, &doc) == RH_OK)
        check(a, yyjson_doc_get_root(doc));
    return 0;
}
