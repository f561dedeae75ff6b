/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * job.h - long work of the server: asked for now, done by and by, known after a restart.
 *
 * A job's state is DIR/jobs/<id>.json, replaced durably at each change. It begins again at its last
 * kept position after a restart or crash. One thread a kind does one job at a time, politely: its
 * nice value is raised, and no read transaction outlives a piece of work. A job's own files lie in
 * DIR/<folder of its kind>/<id>/; they go when it fails, is cancelled or expires.
 *
 *   queued -> active -> done | failed;  any of them -> cancelled;  at the end -> forgotten
 *
 * The id is 128 random bits: who does not know it cannot guess it.
 */
#ifndef RH_PROGRAMME_JOB_H
#define RH_PROGRAMME_JOB_H

#include "base/json.h"
#include "record/record.h"

enum {
    RH_JOB_ID_SIZE = 33,
    RH_JOB_PHASE_SIZE = 32,
    RH_JOBS_WAITING_MAX = 20,     /* of a kind; one more is refused with RH_BUSY */
    RH_JOBS_MAX = 1000,           /* all that are known; what has no files makes room: RH_BUSY */
    RH_JOB_KEEP_S = 24 * 60 * 60, /* how long the files of a job that is done are there */
    RH_JOB_FILE_MAX = 16 << 20    /* bytes of a job's state */
};

enum rh_job_state {
    RH_JOB_QUEUED,
    RH_JOB_ACTIVE,
    RH_JOB_DONE,
    RH_JOB_FAILED,
    RH_JOB_CANCELLED,
    RH_JOB_STATES
};
const char *rh_job_state_name(enum rh_job_state s); /* "queued" */

struct rh_job_info {
    char id[RH_JOB_ID_SIZE];
    const char *kind;
    enum rh_job_state state;
    enum rh_rc rc;                                      /* of FAILED */
    int64_t asked_us, started_us, ended_us, expires_us; /* 0: not yet */
    char phase[RH_JOB_PHASE_SIZE];
    uint64_t done, total;                               /* total 0: unknown */
    struct rh_text by, purpose;                         /* whose job it is */
    struct rh_text request;                             /* the address that asked for it */
    struct rh_text parameters, position, result, error; /* JSON; empty: none. error: an
                                                           OperationOutcome */
};

struct rh_job;
struct rh_job_kind {
    const char *name;   /* "export" */
    const char *folder; /* in the data directory */
    /* Does the work, from the kept position on. RH_INTERRUPTED after rh_job_progress said so; other
     * errors, with issues, are the end of the job. On the thread of the kind. */
    enum rh_rc (*run)(struct rh_job *j, void *user);
    void *user;
};

struct rh_jobs;
/* Reads what is there; damaged files are passed over with a line in the log. `record` NULL: only to
 * look at; no thread is started, nothing changes but by cancel. Kinds are the caller's. */
enum rh_rc rh_jobs_open(const char *dir, struct rh_record *record, const struct rh_job_kind *kinds,
                        unsigned n_kinds, struct rh_issues *is, struct rh_jobs **ret);
/* Stops what runs, at its kept position. NULL is fine. */
void rh_jobs_close(struct rh_jobs *js);

struct rh_job_request {
    const char *kind;
    const struct rh_caller *caller;
    struct rh_text request, parameters;
};
/* RH_OK: it will be done, also after a crash. RH_BUSY with an issue. Any thread. */
enum rh_rc rh_jobs_add(struct rh_jobs *js, const struct rh_job_request *r, struct rh_issues *is,
                       char ret_id[RH_JOB_ID_SIZE]);
/* RH_NOTFOUND. Texts in the arena. Any thread. */
enum rh_rc rh_jobs_get(struct rh_jobs *js, struct rh_text id, struct rh_arena *a,
                       struct rh_job_info *ret);
/* All, oldest first; without parameters, position and result. */
enum rh_rc rh_jobs_list(struct rh_jobs *js, struct rh_arena *a, struct rh_job_info **ret,
                        unsigned *n);
/* Stops it, also when it runs, and removes its files; of one that is done too. RH_NOTFOUND: no such
 * job, or cancelled already. */
enum rh_rc rh_jobs_cancel(struct rh_jobs *js, struct rh_text id, struct rh_issues *is);
/* Path of a file of a job, in the arena; NULL: not a plain name. */
const char *rh_job_path(struct rh_arena *a, const char *dir, const struct rh_job_kind *kind,
                        const char *id, struct rh_text name);

/* --- for the work itself ------------------------------------------------------------------------
 */
const struct rh_job_info *rh_job_info(const struct rh_job *j); /* as when it was begun */
struct rh_record *rh_job_record(const struct rh_job *j);
const char *rh_job_folder(const struct rh_job *j); /* is there */
struct rh_caller rh_job_caller(const struct rh_job *j);
struct rh_issues *rh_job_issues(const struct rh_job *j);
struct rh_arena *rh_job_arena(const struct rh_job *j); /* of this run */
/* False: stop. Any thread. */
bool rh_job_progress(struct rh_job *j, const char *phase, uint64_t done, uint64_t total);
/* From here the work goes on after a crash (JSON). */
enum rh_rc rh_job_keep(struct rh_job *j, struct rh_text position);
void rh_job_result(struct rh_job *j, struct rh_text json); /* kept with state done */

#endif
