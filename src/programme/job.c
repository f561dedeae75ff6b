/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/job.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "system/clock.h"
#include "system/file.h"
#include "system/log.h"
#include "system/thread.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    KINDS_MAX = 8,
    LOOK_S = 20,           /* between two looks at what has expired */
    NICE = 5,              /* of the threads that do the work */
    RUN_BYTES = 512 << 20, /* arena of one run */
    READ_BYTES = 64 << 20,
    ERROR_BYTES = 1 << 20,
    PATH_SIZE = 4096
};

static const char *const state_names[] = {[RH_JOB_QUEUED] = "queued",
                                          [RH_JOB_ACTIVE] = "active",
                                          [RH_JOB_DONE] = "done",
                                          [RH_JOB_FAILED] = "failed",
                                          [RH_JOB_CANCELLED] = "cancelled"};
_Static_assert(sizeof state_names / sizeof state_names[0] == RH_JOB_STATES, "one name a state");

const char *rh_job_state_name(enum rh_job_state s)
{
    return state_names[s];
}

enum text { BY, PURPOSE, REQUEST, PARAMETERS, POSITION, RESULT, ERROR, TEXTS };

struct rh_job {
    struct rh_jobs *jobs;
    const struct rh_job_kind *kind;
    struct rh_job_info info; /* its texts are those below */
    char *texts[TEXTS];      /* on the heap; NULL: none */
    bool stop;               /* it is to be cancelled */
    bool running;
    struct rh_job_info begun; /* what the work sees; its texts are in `arena` */
    struct rh_arena *arena;
    struct rh_issues issues;
    char folder[PATH_SIZE];
};

struct runner {
    struct rh_jobs *jobs;
    const struct rh_job_kind *kind;
    pthread_t thread;
    bool started;
};

struct rh_jobs {
    char *dir;
    struct rh_record *record;
    const struct rh_job_kind *kinds;
    unsigned n_kinds;
    struct runner runners[KINDS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    struct rh_job **rows; /* in the order they were asked for */
    unsigned n, cap;
};

/* --- texts and files ---------------------------------------------------------------------------
 */

static struct rh_text *text_of(struct rh_job_info *i, enum text t)
{
    struct rh_text *const rows[] = {&i->by,       &i->purpose, &i->request, &i->parameters,
                                    &i->position, &i->result,  &i->error};
    _Static_assert(sizeof rows / sizeof rows[0] == TEXTS, "one row a text");
    return rows[t];
}

static void set_text(struct rh_job *j, enum text t, struct rh_text value)
{
    char *copy = value.len ? rh_alloc(value.len + 1) : NULL;
    if (copy)
        memcpy(copy, value.data, value.len);
    rh_free(j->texts[t]);
    j->texts[t] = copy;
    *text_of(&j->info, t) = (struct rh_text){copy, copy ? value.len : 0};
}

static enum rh_rc copy_info(const struct rh_job *j, struct rh_arena *a, bool all,
                            struct rh_job_info *ret)
{
    struct rh_job_info i = j->info;
    for (enum text t = 0; t < TEXTS; t++) {
        struct rh_text *text = text_of(&i, t);
        bool wanted = all || t == BY || t == PURPOSE || t == REQUEST || t == ERROR;
        *text = wanted && text->len ? rh_text_copy(a, *text) : (struct rh_text){NULL, 0};
        if (wanted && text_of(&i, t)->len == 0 && j->texts[t])
            return RH_NOMEM;
    }
    *ret = i;
    return RH_OK;
}

static void state_path(const struct rh_jobs *js, const char *id, char ret[PATH_SIZE])
{
    snprintf(ret, PATH_SIZE, "%s/jobs/%s.json", js->dir, id);
}

static void write_state(const struct rh_job *j, struct rh_buf *b)
{
    static const struct {
        const char *name;
        enum text text;
    } values[] = {
        {"parameters", PARAMETERS}, {"position", POSITION}, {"result", RESULT}, {"error", ERROR}};
    const struct rh_job_info *i = &j->info;
    rh_buf_printf(b, "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"rc\":\"%s\"", i->id,
                  i->kind, state_names[i->state], rh_rc_name(i->rc));
    rh_buf_printf(b, ",\"asked\":%lld,\"started\":%lld,\"ended\":%lld,\"expires\":%lld",
                  (long long)i->asked_us, (long long)i->started_us, (long long)i->ended_us,
                  (long long)i->expires_us);
    rh_buf_printf(b, ",\"phase\":\"%s\",\"done\":%llu,\"total\":%llu,\"by\":", i->phase,
                  (unsigned long long)i->done, (unsigned long long)i->total);
    rh_buf_json(b, i->by);
    rh_buf_str(b, ",\"purpose\":");
    rh_buf_json(b, i->purpose);
    rh_buf_str(b, ",\"request\":");
    rh_buf_json(b, i->request);
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
        if (!j->texts[values[k].text])
            continue;
        rh_buf_printf(b, ",\"%s\":", values[k].name);
        rh_buf_str(b, j->texts[values[k].text]);
    }
    rh_buf_str(b, "}\n");
}

static enum rh_rc save(const struct rh_job *j, struct rh_issues *is)
{
    char path[PATH_SIZE];
    struct rh_arena *a = rh_arena_open(4 * (size_t)RH_JOB_FILE_MAX);
    struct rh_buf b = rh_buf(a);
    write_state(j, &b);
    enum rh_rc rc = b.rc || b.len > RH_JOB_FILE_MAX ? RH_TOOLARGE : RH_OK;
    state_path(j->jobs, j->info.id, path);
    if (!rc)
        rc = rh_file_write(is, path, rh_buf_get(&b), 0600);
    else if (is)
        rh_issue_add(is, rc, NULL, "the state of the job is larger than %d bytes", RH_JOB_FILE_MAX);
    rh_arena_close(a);
    return rc;
}

/* The files of a job, which have no folders in them. */
static void remove_folder(const struct rh_jobs *js, const struct rh_job *j)
{
    char path[PATH_SIZE];
    struct rh_arena *a = rh_arena_open(READ_BYTES);
    char **names;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s/%s", js->dir, j->kind->folder, j->info.id);
    if (rh_dir_list(a, NULL, path, &names, &n) == RH_OK) {
        for (size_t i = 0; i < n; i++) {
            const char *file = rh_path_join(a, path, names[i]);
            if (file && unlink(file) && errno != ENOENT)
                rh_log(RH_LOG_WARNING, "job", "cannot remove %s: %s", file, strerror(errno));
        }
        rmdir(path);
    }
    rh_arena_close(a);
}

static void free_job(struct rh_job *j)
{
    for (enum text t = 0; t < TEXTS; t++)
        rh_free(j->texts[t]);
    rh_arena_close(j->arena);
    rh_free(j);
}

/* --- reading them at the start -----------------------------------------------------------------
 */

static const struct rh_job_kind *kind_of(const struct rh_jobs *js, struct rh_text name)
{
    for (unsigned i = 0; i < js->n_kinds; i++)
        if (rh_text_is(name, js->kinds[i].name))
            return &js->kinds[i];
    return NULL;
}

static int64_t time_member(yyjson_val *o, const char *name)
{
    uint64_t n = 0;
    rh_text_u64(rh_json_text(yyjson_obj_get(o, name)), INT64_MAX, &n);
    return (int64_t)n;
}

static bool state_of(struct rh_text name, enum rh_job_state *ret)
{
    for (unsigned s = 0; s < RH_JOB_STATES; s++)
        if (rh_text_is(name, state_names[s])) {
            *ret = (enum rh_job_state)s;
            return true;
        }
    return false;
}

static void value_text(struct rh_job *j, struct rh_arena *a, yyjson_val *o, const char *name,
                       enum text t)
{
    yyjson_val *v = yyjson_obj_get(o, name);
    struct rh_buf b = rh_buf(a);
    if (v)
        rh_json_write(&b, v);
    set_text(j, t, b.rc ? (struct rh_text){NULL, 0} : rh_buf_get(&b));
}

static void read_members(struct rh_job *j, struct rh_arena *a, yyjson_val *o)
{
    struct rh_job_info *i = &j->info;
    struct rh_text rc = rh_json_get(o, "rc"), phase = rh_json_get(o, "phase");
    for (int k = 0; k < RH_RC_COUNT; k++)
        if (rh_text_is(rc, rh_rc_name((enum rh_rc)k)))
            i->rc = (enum rh_rc)k;
    i->asked_us = time_member(o, "asked");
    i->started_us = time_member(o, "started");
    i->ended_us = time_member(o, "ended");
    i->expires_us = time_member(o, "expires");
    i->done = (uint64_t)time_member(o, "done");
    i->total = (uint64_t)time_member(o, "total");
    snprintf(i->phase, sizeof i->phase, "%.*s", RH_TEXT_ARG(phase));
    set_text(j, BY, rh_json_get(o, "by"));
    set_text(j, PURPOSE, rh_json_get(o, "purpose"));
    set_text(j, REQUEST, rh_json_get(o, "request"));
    value_text(j, a, o, "parameters", PARAMETERS);
    value_text(j, a, o, "position", POSITION);
    value_text(j, a, o, "result", RESULT);
    value_text(j, a, o, "error", ERROR);
}

static void add_row(struct rh_jobs *js, struct rh_job *j)
{
    if (js->n == js->cap) {
        js->cap = js->cap ? 2 * js->cap : 64;
        js->rows = rh_realloc(js->rows, js->cap * sizeof *js->rows);
    }
    unsigned at = js->n++;
    for (; at > 0 && js->rows[at - 1]->info.asked_us > j->info.asked_us; at--)
        js->rows[at] = js->rows[at - 1];
    js->rows[at] = j;
}

static bool is_id(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!((t.data[i] >= '0' && t.data[i] <= '9') || (t.data[i] >= 'a' && t.data[i] <= 'f')))
            return false;
    return t.len == RH_JOB_ID_SIZE - 1;
}

static void read_one(struct rh_jobs *js, struct rh_arena *a, const char *name)
{
    char path[PATH_SIZE];
    struct rh_text text, id = {name, strlen(name)};
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    snprintf(path, sizeof path, "%s/jobs/%s", js->dir, name);
    if (js->record && rh_text_ends(id, ".tmp"))
        unlink(path); /* the program was killed while it wrote */
    if (!rh_text_ends(id, ".json"))
        return;
    id.len -= 5;
    rh_issues_init(&is, a);
    enum rh_rc rc = is_id(id) ? rh_file_read(a, &is, path, RH_JOB_FILE_MAX, &text) : RH_VALUE;
    if (!rc)
        rc = rh_json_parse(a, &is, text, &doc);
    yyjson_val *o = rc ? NULL : yyjson_doc_get_root(doc);
    const struct rh_job_kind *kind = kind_of(js, rh_json_get(o, "kind"));
    struct rh_job *j = rh_alloc(sizeof *j);
    j->jobs = js;
    if (rc || !kind || !state_of(rh_json_get(o, "state"), &j->info.state)) {
        rh_log(RH_LOG_WARNING, "job", "%s is no job of this program: passed over", path);
        rh_free(j);
        return;
    }
    memcpy(j->info.id, id.data, id.len);
    j->kind = kind;
    j->info.kind = kind->name;
    read_members(j, a, o);
    if (js->record && j->info.state == RH_JOB_CANCELLED)
        remove_folder(js, j); /* the program ended in between */
    add_row(js, j);
}

static enum rh_rc read_all(struct rh_jobs *js, struct rh_issues *is)
{
    char path[PATH_SIZE];
    struct rh_arena *names_in = rh_arena_open(READ_BYTES), *a = rh_arena_open(READ_BYTES);
    char **names;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/jobs", js->dir);
    enum rh_rc rc = js->record ? rh_dir_make(is, path, 0700) : RH_OK;
    if (!rc)
        rc = rh_dir_list(names_in, NULL, path, &names, &n);
    for (size_t i = 0; i < n && !rc; i++) {
        rh_arena_reset(a);
        read_one(js, a, names[i]);
    }
    rh_arena_close(a);
    rh_arena_close(names_in);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

/* --- running -----------------------------------------------------------------------------------
 */

/* Removes row `at`, with all that is on the disk. */
static void forget(struct rh_jobs *js, unsigned at)
{
    char path[PATH_SIZE];
    struct rh_job *j = js->rows[at];
    remove_folder(js, j);
    state_path(js, j->info.id, path);
    unlink(path);
    free_job(j);
    memmove(js->rows + at, js->rows + at + 1, (js->n - at - 1) * sizeof *js->rows);
    js->n--;
}

static void expire(struct rh_jobs *js)
{
    int64_t now = rh_clock_now_us();
    for (unsigned i = js->n; i-- > 0;) {
        const struct rh_job *j = js->rows[i];
        if (!j->running && j->info.state >= RH_JOB_DONE && j->info.expires_us <= now)
            forget(js, i);
    }
}

static struct rh_job *next_job(const struct rh_jobs *js, const struct rh_job_kind *kind)
{
    for (unsigned i = 0; i < js->n; i++)
        if (js->rows[i]->kind == kind && js->rows[i]->info.state <= RH_JOB_ACTIVE)
            return js->rows[i];
    return NULL;
}

/* Inside the lock. */
static void begin(struct rh_jobs *js, struct rh_job *j)
{
    j->running = true;
    j->info.state = RH_JOB_ACTIVE;
    if (!j->info.started_us)
        j->info.started_us = rh_clock_now_us();
    rh_arena_close(j->arena);
    j->arena = rh_arena_open(RUN_BYTES);
    rh_issues_init(&j->issues, j->arena);
    snprintf(j->folder, sizeof j->folder, "%s/%s/%s", js->dir, j->kind->folder, j->info.id);
    copy_info(j, j->arena, true, &j->begun);
}

static void end_with(struct rh_job *j, enum rh_job_state state, enum rh_rc rc)
{
    j->info.state = state;
    j->info.rc = rc;
    j->info.ended_us = rh_clock_now_us();
    j->info.expires_us = j->info.ended_us + RH_JOB_KEEP_S * INT64_C(1000000);
    set_text(j, POSITION, (struct rh_text){NULL, 0});
}

static void set_error(struct rh_job *j, enum rh_rc rc)
{
    struct rh_arena *a = rh_arena_open(ERROR_BYTES);
    struct rh_buf b = rh_buf(a);
    rh_issues_outcome(&j->issues, rc, &b);
    set_text(j, ERROR, b.rc ? (struct rh_text){NULL, 0} : rh_buf_get(&b));
    rh_arena_close(a);
}

/* Inside the lock. Whoever stopped it by the end of the server finds it active again. */
static void end(struct rh_jobs *js, struct rh_job *j, enum rh_rc rc)
{
    j->running = false;
    if (j->stop) {
        end_with(j, RH_JOB_CANCELLED, RH_OK);
        remove_folder(js, j);
    } else if (rc == RH_INTERRUPTED && js->ending) {
        return;
    } else if (rc) {
        set_error(j, rc);
        for (unsigned i = 0; i < j->issues.count; i++)
            rh_log(RH_LOG_WARNING, "job", "%s %s: %s", j->info.kind, j->info.id,
                   j->issues.rows[i].text ? j->issues.rows[i].text : "");
        end_with(j, RH_JOB_FAILED, rc);
        remove_folder(js, j); /* it may be that the disk was full */
    } else {
        end_with(j, RH_JOB_DONE, RH_OK);
    }
    if (save(j, NULL))
        rh_log(RH_LOG_ERROR, "job", "the state of job %s cannot be written", j->info.id);
    rh_log(RH_LOG_INFO, "job", "%s %s: %s, %llu done", j->info.kind, j->info.id,
           state_names[j->info.state], (unsigned long long)j->info.done);
}

static void run(struct rh_jobs *js, struct rh_job *j)
{
    enum rh_rc rc;
    begin(js, j);
    rc = save(j, &j->issues);
    pthread_mutex_unlock(&js->lock);
    if (!rc)
        rc = rh_dir_make(&j->issues, j->folder, 0700);
    if (!rc)
        rc = j->kind->run(j, j->kind->user);
    pthread_mutex_lock(&js->lock);
    end(js, j, rc);
    rh_arena_close(j->arena);
    j->arena = NULL;
}

static void *work(void *user)
{
    struct runner *r = user;
    struct rh_jobs *js = r->jobs;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_mutex_lock(&js->lock);
    while (!js->ending) {
        struct rh_job *j = next_job(js, r->kind);
        if (j) {
            run(js, j);
            continue;
        }
        expire(js);
        int64_t at = rh_clock_mono_ns() + LOOK_S * INT64_C(1000000000);
        struct timespec until = {at / 1000000000, at % 1000000000};
        pthread_cond_timedwait(&js->changed, &js->lock, &until);
    }
    pthread_mutex_unlock(&js->lock);
    return NULL;
}

enum rh_rc rh_jobs_open(const char *dir, struct rh_record *record, const struct rh_job_kind *kinds,
                        unsigned n_kinds, struct rh_issues *is, struct rh_jobs **ret)
{
    struct rh_jobs *js = rh_alloc(sizeof *js);
    js->dir = rh_strdup(dir);
    js->record = record;
    js->kinds = kinds;
    js->n_kinds = n_kinds > KINDS_MAX ? KINDS_MAX : n_kinds;
    pthread_mutex_init(&js->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&js->changed, &attr);
    pthread_condattr_destroy(&attr);
    enum rh_rc rc = read_all(js, is);
    for (unsigned i = 0; i < js->n_kinds && record && !rc; i++) {
        struct runner *r = &js->runners[i];
        *r = (struct runner){.jobs = js, .kind = &kinds[i]};
        rc = rh_thread_start("rihla-job", work, r, &r->thread);
        r->started = rc == RH_OK;
    }
    if (rc) {
        rh_jobs_close(js);
        return rc;
    }
    *ret = js;
    return RH_OK;
}

void rh_jobs_close(struct rh_jobs *js)
{
    if (!js)
        return;
    pthread_mutex_lock(&js->lock);
    js->ending = true;
    pthread_cond_broadcast(&js->changed);
    pthread_mutex_unlock(&js->lock);
    for (unsigned i = 0; i < js->n_kinds; i++)
        if (js->runners[i].started)
            pthread_join(js->runners[i].thread, NULL);
    for (unsigned i = 0; i < js->n; i++)
        free_job(js->rows[i]);
    pthread_cond_destroy(&js->changed);
    pthread_mutex_destroy(&js->lock);
    rh_free(js->rows);
    rh_free(js->dir);
    rh_free(js);
}

/* --- from outside ------------------------------------------------------------------------------
 */

/* What has ended without files makes room: a cancelled one, else one that failed, the oldest. */
static void make_room(struct rh_jobs *js)
{
    unsigned at = js->n;
    for (unsigned i = js->n; i-- > 0;) {
        const struct rh_job *j = js->rows[i];
        if (j->running || j->info.state < RH_JOB_FAILED)
            continue;
        if (at == js->n || j->info.state >= js->rows[at]->info.state)
            at = i;
    }
    if (at < js->n)
        forget(js, at);
}

static enum rh_rc check_room(struct rh_jobs *js, const struct rh_job_kind *kind,
                             struct rh_issues *is)
{
    unsigned waiting = 0;
    for (unsigned i = 0; i < js->n; i++)
        waiting += js->rows[i]->kind == kind && js->rows[i]->info.state == RH_JOB_QUEUED;
    if (waiting >= RH_JOBS_WAITING_MAX)
        return rh_issue_add(is, RH_BUSY, NULL,
                            "%u jobs of this kind wait already: cancel one, or ask again later.",
                            waiting);
    if (js->n >= RH_JOBS_MAX)
        make_room(js);
    if (js->n >= RH_JOBS_MAX)
        return rh_issue_add(is, RH_BUSY, NULL,
                            "%u jobs are kept with their files already: cancel those that are "
                            "fetched (rihla job list shows them), or ask again later.",
                            js->n);
    return RH_OK;
}

enum rh_rc rh_jobs_add(struct rh_jobs *js, const struct rh_job_request *r, struct rh_issues *is,
                       char ret_id[RH_JOB_ID_SIZE])
{
    unsigned char random[(RH_JOB_ID_SIZE - 1) / 2];
    struct rh_job *j = rh_alloc(sizeof *j);
    rh_random(random, sizeof random);
    for (unsigned i = 0; i < sizeof random; i++)
        snprintf(j->info.id + (size_t)2 * i, 3, "%02x", random[i]);
    j->jobs = js;
    j->kind = kind_of(js, rh_text(r->kind));
    j->info.kind = j->kind ? j->kind->name : ""; /* one text for all: it is compared by address */
    j->info.asked_us = rh_clock_now_us();
    set_text(j, BY, r->caller->user);
    set_text(j, PURPOSE, r->caller->purpose);
    set_text(j, REQUEST, r->request);
    set_text(j, PARAMETERS, r->parameters);
    pthread_mutex_lock(&js->lock);
    enum rh_rc rc = j->kind ? check_room(js, j->kind, is) : RH_INTERNAL;
    if (!rc)
        rc = save(j, is);
    if (!rc) {
        memcpy(ret_id, j->info.id, RH_JOB_ID_SIZE);
        add_row(js, j);
        pthread_cond_broadcast(&js->changed);
    }
    pthread_mutex_unlock(&js->lock);
    if (rc)
        free_job(j);
    return rc;
}

static struct rh_job *find(const struct rh_jobs *js, struct rh_text id)
{
    for (unsigned i = 0; i < js->n; i++)
        if (rh_text_is(id, js->rows[i]->info.id))
            return js->rows[i];
    return NULL;
}

enum rh_rc rh_jobs_get(struct rh_jobs *js, struct rh_text id, struct rh_arena *a,
                       struct rh_job_info *ret)
{
    pthread_mutex_lock(&js->lock);
    struct rh_job *j = find(js, id);
    enum rh_rc rc = j ? copy_info(j, a, true, ret) : RH_NOTFOUND;
    pthread_mutex_unlock(&js->lock);
    return rc;
}

enum rh_rc rh_jobs_list(struct rh_jobs *js, struct rh_arena *a, struct rh_job_info **ret,
                        unsigned *n)
{
    pthread_mutex_lock(&js->lock);
    struct rh_job_info *rows = rh_arena_alloc(a, (js->n + 1) * sizeof *rows);
    enum rh_rc rc = rows ? RH_OK : RH_NOMEM;
    for (unsigned i = 0; i < js->n && !rc; i++)
        rc = copy_info(js->rows[i], a, false, &rows[i]);
    *ret = rows;
    *n = js->n;
    pthread_mutex_unlock(&js->lock);
    return rc;
}

/* A full disk must not keep anybody from making room on it: a job without a state is none. */
static enum rh_rc save_cancelled(const struct rh_jobs *js, const struct rh_job *j,
                                 struct rh_issues *is)
{
    char path[PATH_SIZE];
    if (save(j, NULL) == RH_OK)
        return RH_OK;
    state_path(js, j->info.id, path);
    return unlink(path) && errno != ENOENT ? rh_errno_issue(is, errno, "remove", path) : RH_OK;
}

enum rh_rc rh_jobs_cancel(struct rh_jobs *js, struct rh_text id, struct rh_issues *is)
{
    pthread_mutex_lock(&js->lock);
    struct rh_job *j = find(js, id);
    enum rh_rc rc = j && j->info.state != RH_JOB_CANCELLED && !j->stop ? RH_OK : RH_NOTFOUND;
    if (!rc) {
        j->stop = j->running; /* its thread sees it at the next step */
        end_with(j, RH_JOB_CANCELLED, RH_OK);
        rc = save_cancelled(js, j, is);
    }
    if (!rc && !j->running)
        remove_folder(js, j);
    pthread_mutex_unlock(&js->lock);
    return rc;
}

const char *rh_job_path(struct rh_arena *a, const char *dir, const struct rh_job_kind *kind,
                        const char *id, struct rh_text name)
{
    if (!name.len || name.data[0] == '.' || memchr(name.data, '/', name.len) ||
        memchr(name.data, 0, name.len) || !is_id(rh_text(id)))
        return NULL;
    return rh_arena_printf(a, "%s/%s/%s/%.*s", dir, kind->folder, id, RH_TEXT_ARG(name));
}

/* --- for the work itself ------------------------------------------------------------------------
 */

const struct rh_job_info *rh_job_info(const struct rh_job *j)
{
    return &j->begun;
}

struct rh_record *rh_job_record(const struct rh_job *j)
{
    return j->jobs->record;
}

const char *rh_job_folder(const struct rh_job *j)
{
    return j->folder;
}

struct rh_caller rh_job_caller(const struct rh_job *j)
{
    return (struct rh_caller){.user = j->begun.by, .purpose = j->begun.purpose, .local = true};
}

struct rh_issues *rh_job_issues(const struct rh_job *j)
{
    return (struct rh_issues *)(uintptr_t)&j->issues;
}

struct rh_arena *rh_job_arena(const struct rh_job *j)
{
    return j->arena;
}

bool rh_job_progress(struct rh_job *j, const char *phase, uint64_t done, uint64_t total)
{
    struct rh_jobs *js = j->jobs;
    pthread_mutex_lock(&js->lock);
    snprintf(j->info.phase, sizeof j->info.phase, "%s", phase);
    j->info.done = done;
    j->info.total = total;
    bool go_on = !j->stop && !js->ending;
    pthread_mutex_unlock(&js->lock);
    return go_on;
}

enum rh_rc rh_job_keep(struct rh_job *j, struct rh_text position)
{
    struct rh_jobs *js = j->jobs;
    pthread_mutex_lock(&js->lock);
    set_text(j, POSITION, position);
    enum rh_rc rc = save(j, &j->issues);
    pthread_mutex_unlock(&js->lock);
    return rc;
}

void rh_job_result(struct rh_job *j, struct rh_text json)
{
    pthread_mutex_lock(&j->jobs->lock);
    set_text(j, RESULT, json);
    pthread_mutex_unlock(&j->jobs->lock);
}
