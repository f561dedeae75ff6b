/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/clock.h"

#include "base/datetime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t set_us; /* what RIHLA_CLOCK says; with the monotonic clock at that moment */
static int64_t set_at_ns;
static bool is_set;

static int64_t read_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void start(void)
{
    const char *text = getenv("RIHLA_CLOCK");
    struct rh_datetime t;
    if (!text || !*text)
        return;
    if (rh_datetime_parse(rh_text(text), RH_INSTANT, 0, &t)) {
        fprintf(
            stderr,
            "rihla: RIHLA_CLOCK is \"%.60s\", but wants an instant, e.g. 2026-11-24T08:00:00Z\n",
            text);
        exit(2);
    }
    set_us = t.lo_us;
    set_at_ns = read_ns(CLOCK_MONOTONIC);
    is_set = true;
}

int64_t rh_clock_now_us(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    if (is_set)
        return set_us + (read_ns(CLOCK_MONOTONIC) - set_at_ns) / 1000;
    return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t rh_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}
