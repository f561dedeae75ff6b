/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units from any text: refused with a sentence, or a unit that converts to itself and whose
 * product, canonical form and names can be made. Two units are two lines. */
#include "fhir/ucum.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct rh_arena *a, struct rh_text t, struct rh_ucum *u, bool *good)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_ucum_parse(&is, t, u);
    *good = rc == RH_OK;
    assert(rc == rh_ucum_parse(NULL, t, u));
    assert(rc == RH_OK ? is.count == 0 : is.count == 1 && is.rows[0].text[0]);
    if (rc)
        return;
    struct rh_buf b = rh_buf(a);
    struct rh_dec d, value = {12345, 3};
    (void)rh_ucum_display(t, &b);
    (void)rh_ucum_formal(t, &b);
    assert(rh_ucum_comparable(u, u));
    if (rh_ucum_convert(value, u, u, &d) == RH_OK && !u->factor.rounded)
        assert(rh_dec_cmp(d, value) == 0);
    b = rh_buf(a);
    if (rh_ucum_canonical(value, t, &d, &b) == RH_OK) {
        struct rh_ucum base;
        assert(rh_ucum_parse(NULL, rh_buf_get(&b), &base) == RH_OK);
        assert(rh_ucum_comparable(u, &base));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(4 << 20);
    struct rh_text rest = {(const char *)data, size}, first = {"", 0}, second = {"", 0};
    struct rh_ucum x, y;
    bool good_x, good_y;
    (void)rh_text_split(&rest, '\n', &first);
    (void)rh_text_split(&rest, '\n', &second);
    one(a, first, &x, &good_x);
    one(a, second, &y, &good_y);
    if (good_x && good_y) {
        struct rh_dec d, value = {12345, 3};
        int order;
        struct rh_buf b = rh_buf(a);
        (void)rh_ucum_convert(value, &x, &y, &d);
        (void)rh_ucum_compare(value, &x, value, &y, &order);
        if (rh_ucum_multiply(first, second, data[0] & 1, &b) == RH_OK && b.len <= RH_UCUM_CODE_MAX)
            assert(rh_ucum_parse(NULL, rh_buf_get(&b), &x) == RH_OK);
    }
    rh_arena_close(a);
    return 0;
}
