/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clock.h - the wall clock and a clock that never goes back.
 *
 * For tests the environment variable RIHLA_CLOCK (an instant, RFC 3339, e.g. 2026-11-24T08:00:00Z)
 * sets the wall clock at its first use; from there it goes on as time passes. A text that is not an
 * instant ends the program with a message: a test that silently ran with the real time would prove
 * nothing.
 */
#ifndef RH_SYSTEM_CLOCK_H
#define RH_SYSTEM_CLOCK_H

#include <stdint.h>

int64_t rh_clock_now_us(void);  /* since 1970-01-01T00:00:00Z */
int64_t rh_clock_mono_ns(void); /* since some moment; for durations */

#endif
