/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * control.h - DIR/control.sock: how a command finds the process that has the data directory open,
 * and works through it.
 *
 * A stream socket with mode 0600; only the same user (or root) is answered. One connection carries
 * one request, lines of JSON:
 *   ->  {"command":"backup","args":{…}}
 *   <-  {"progress":{"phase":"copying","done":10,"total":100}}     any number
 *   <-  {"say":…}                                                  any number; what the command has
 * to tell meanwhile
 *   <-  {"result":"OK","answer":…}  or
 * {"result":"FULL","outcome":{"resourceType":"OperationOutcome",…}}    the last line `result` is a
 * name of base/rc.h. When the client goes away the work is stopped (RH_INTERRUPTED).
 */
#ifndef RH_SERVER_CONTROL_H
#define RH_SERVER_CONTROL_H

#include "base/json.h"
#include "record/record.h"

enum {
    RH_CONTROL_RETRY_MS = 200,      /* before accepting again when no descriptor was free */
    RH_CONTROL_LINE_MAX = 1 << 20,  /* bytes of a request, and of an answer's line */
    RH_CONTROL_CONNECTIONS_MAX = 4, /* one more hears BUSY */
    RH_CONTROL_ARENA_MAX = 64 << 20,
    RH_CONTROL_PROGRESS_MS = 100 /* progress is sent at most this often */
};

/* Who is told meanwhile, when the command runs in the process that asked for it. */
struct rh_control_local {
    rh_progress *progress;                     /* may be NULL */
    void (*say)(void *user, yyjson_val *what); /* may be NULL */
    void *user;
};

struct rh_bulkwork; /* bulkwork.h */
struct rh_control_call {
    struct rh_record *record;
    struct rh_arena *arena;
    struct rh_issues *issues;
    yyjson_val *args;                     /* object; NULL: none */
    struct rh_buf answer;                 /* a JSON value, filled by the command; empty: null */
    const struct rh_control_local *local; /* NULL: over the socket */
    struct rh_bulkwork *bulk;             /* jobs of the server; NULL: there is none */
    void *private;
};

struct rh_control_command {
    const char *name;
    enum rh_rc (*run)(struct rh_control_call *c);
};

/* For commands; both from any thread. progress has the shape of rh_progress with the call as user:
 * false means stop. */
bool rh_control_progress(void *call, const char *phase, uint64_t done, uint64_t total);
void rh_control_say(struct rh_control_call *call, struct rh_text json);

struct rh_control;
/* Listens; a socket left by a process that died is replaced (the caller holds the directory's
 * lock). `commands` stays the caller's. */
enum rh_rc rh_control_open(const char *dir, struct rh_record *record, struct rh_bulkwork *bulk,
                           const struct rh_control_command *commands, unsigned n,
                           struct rh_issues *is, struct rh_control **ret);
/* Stops what runs, removes the socket. NULL is fine. */
void rh_control_close(struct rh_control *c);

/* The other side. RH_NOTFOUND (no issue): nobody listens in this directory. Otherwise the command's
 * result, with its issues; *ret is its answer (NULL: none), in the arena. `args` is JSON text of an
 * object, empty: none. progress and say may be NULL. */
enum rh_rc rh_control_ask(const char *dir, const char *command, struct rh_text args,
                          rh_progress *progress, void (*say)(void *user, yyjson_val *what),
                          void *user, struct rh_arena *a, struct rh_issues *is, yyjson_val **ret);

#endif
