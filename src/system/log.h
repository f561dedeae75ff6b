/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * log.h - one line a message on stderr: time, level, module, text. From any thread; a line is never
 * torn.
 *
 * Control characters in the text are escaped, so that what a client sent cannot forge a line. Texts
 * are cut at RH_LOG_LINE_MAX. Never log content of a record.
 */
#ifndef RH_SYSTEM_LOG_H
#define RH_SYSTEM_LOG_H

#include <stdbool.h>

enum { RH_LOG_LINE_MAX = 2000 };

enum rh_log_level { RH_LOG_ERROR, RH_LOG_WARNING, RH_LOG_INFO, RH_LOG_DEBUG };

void rh_log_set(enum rh_log_level most, bool json); /* at start: default RH_LOG_INFO as text */
bool rh_log_level_of(const char *name,
                     enum rh_log_level *ret); /* "error", "warning", "info", "debug" */
void rh_log(enum rh_log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
