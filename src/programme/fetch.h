/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fetch.h - a file from a server that the operator has named, by libcurl.
 *
 * Nothing is fetched from anywhere else: no redirect is followed, no proxy of the environment is
 * used, no name and password are sent, and limits of size and time hold.
 */
#ifndef RH_PROGRAMME_FETCH_H
#define RH_PROGRAMME_FETCH_H

#include "base/issue.h"

#include <stdint.h>

enum {
    RH_FETCH_CONNECT_S = 10,
    RH_FETCH_STALL_S = 60,        /* slower than RH_FETCH_RATE for so long ends it */
    RH_FETCH_RATE = 1 << 10,      /* bytes a second */
    RH_FETCH_TIME_S = 6 * 60 * 60 /* of one file */
};
#define RH_FETCH_BYTES_MAX (INT64_C(64) << 30) /* of one file */

/* RH_OK: http or https, of one of these hosts ("host" for the usual port, "host:port").
 * RH_INVALID: no such address; RH_FORBIDDEN: not of these; with issues. */
enum rh_rc rh_fetch_check(struct rh_issues *is, const char *const *hosts, unsigned n_hosts,
                          const char *url);
/* Fetches into `path`, which is replaced when it was whole. progress(user, bytes) false stops
 * (RH_INTERRUPTED). Errors of rh_fetch_check, of the disk, RH_TOOLARGE; RH_NOTFOUND: the answer was
 * not 200, or none came. */
enum rh_rc rh_fetch(struct rh_issues *is, const char *const *hosts, unsigned n_hosts,
                    const char *url, const char *path, bool (*progress)(void *user, uint64_t bytes),
                    void *user);

#endif
