/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dates, times and decimals from any text: refused, or printed so that they read as the same. */
#include "base/datetime.h"
#include "base/decimal.h"

#include <assert.h>

#define DAY_US INT64_C(86400000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void dates(struct rh_text t)
{
    for (int kind = RH_DATE; kind <= RH_SEARCH; kind++) {
        struct rh_datetime d;
        if (rh_datetime_parse(t, (enum rh_datetime_kind)kind, 120, &d))
            continue;
        assert(d.lo_us <= d.hi_us);
        char text[RH_INSTANT_SIZE];
        rh_instant_print(d.lo_us, text);
        struct rh_datetime again;
        enum rh_rc rc = rh_datetime_parse(rh_text(text), RH_INSTANT, 0, &again);
        /* The first hours of the year 1 east of Greenwich lie in the year 0, which prints and does
         * not read; the last ones of 9999 west of it lie in 10000: the nearest instant is printed.
         */
        int64_t last = rh_days_from_civil(10000, 1, 1) * DAY_US - 1;
        if (d.lo_us < rh_days_from_civil(1, 1, 1) * DAY_US)
            assert(rc && rh_text_starts(rh_text(text), "0000-"));
        else
            assert(rc == RH_OK && again.lo_us == (d.lo_us > last ? last : d.lo_us));
    }
}

static void decimals(struct rh_arena *a, struct rh_text t)
{
    struct rh_dec d;
    if (rh_dec_parse(t, &d))
        return;
    assert(rh_dec_is(t));
    assert(rh_dec_cmp(d, d) == 0);
    struct rh_buf b = rh_buf(a);
    rh_dec_print(d, &b);
    struct rh_dec again;
    if (b.rc || rh_dec_parse(rh_buf_get(&b), &again))
        return; /* an exponent may print to more digits than are kept */
    assert(rh_dec_cmp(d, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_text t = {(const char *)data, size};
    dates(t);
    decimals(a, t);
    (void)rh_time_is(t);
    uint64_t n;
    (void)rh_text_u64(t, 1000, &n);
    rh_arena_close(a);
    return 0;
}
