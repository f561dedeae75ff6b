/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * serve.h - the server as a whole: opens the record, listens, serves until a signal, ends in order.
 */
#ifndef RH_SERVER_SERVE_H
#define RH_SERVER_SERVE_H

#include "conformance/validate.h"
#include "server/control.h"

struct rh_serve_options {
    const char *dir;     /* data directory; made when it is not there */
    const char *listen;  /* "127.0.0.1:8080", "[::1]:0", "localhost:8080", "8080"; port 0: one that
                            is free */
    const char *web_dir; /* NULL: the web app that is built in */
    const char *const *packages; /* FHIR packages, beside those of DIR/packages */
    unsigned n_packages;
    const char *import_dir;          /* $import may read files below it; NULL: none */
    const char *const *import_hosts; /* "host" or "host:port" that $import may fetch from */
    unsigned n_import_hosts;
    enum rh_validate_mode validate;            /* of every write */
    const struct rh_control_command *commands; /* of the control socket */
    unsigned n_commands;
    const char *const *hooks; /* where Subscriptions may send to: programme/subscription.h */
    unsigned n_hooks;
    unsigned hook_retries;   /* 0: the default */
    unsigned workers, loops; /* 0: by the number of cores */
};

/* Prints "listening on http://127.0.0.1:PORT" on stdout when requests are answered, then waits for
 * SIGTERM or SIGINT, finishes what is in flight and closes. A second signal ends the process at
 * once. To be called on the main thread before others are started. Errors with issues: those of
 * rh_record_open, rh_http_open, rh_web_open, rh_worlds_open. */
enum rh_rc rh_serve(const struct rh_serve_options *o, struct rh_issues *is);

#endif
