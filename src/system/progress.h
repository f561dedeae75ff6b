/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * progress.h - how far long work is: a bar on a terminal, a line every ten seconds elsewhere, JSON
 * when asked. On stderr.
 */
#ifndef RH_SYSTEM_PROGRESS_H
#define RH_SYSTEM_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rh_progress_kind { RH_PROGRESS_AUTO, RH_PROGRESS_JSON, RH_PROGRESS_NONE };

struct rh_progress;

/* `what`: "import"; `unit`: what `items` counts, "resources". Both must live until close. One
 * thread at a time. */
struct rh_progress *rh_progress_open(enum rh_progress_kind kind, const char *what,
                                     const char *unit);
/* done of total (bytes, pages, or items) says how far; total 0: unknown. Cheap: shows at most ten
 * times a second. */
void rh_progress_set(struct rh_progress *p, uint64_t done, uint64_t total, uint64_t items);
/* Removes the bar, so that a line of its own can be written to stderr; the next set draws it again.
 */
void rh_progress_clear(struct rh_progress *p);
void rh_progress_close(struct rh_progress *p); /* last state, with the time it took. NULL is fine */

/* The line without its colour and bar; for the tests. `ms`: since the start. */
void rh_progress_line(char *ret, size_t size, const char *unit, uint64_t done, uint64_t total,
                      uint64_t items, uint64_t ms);

#endif
