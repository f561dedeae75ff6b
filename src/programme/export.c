/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/export.h"

#include "base/datetime.h"
#include "system/clock.h"
#include "system/file.h"
#include "system/thread.h"

#include <unistd.h>

enum {
    PIECE_BYTES = 1 << 30, /* memory of a worker: rows as they are stored, decoded and written */
    STEP_MS = 100,
    NAMES_BYTES = 4 << 20,
    WORKER_ISSUES_BYTES = 64 << 10
};

/* --- the walk ----------------------------------------------------------------------------------
 *
 * A worker holds `reading` while it reads a piece and gets its ticket; it writes when the turn is
 * at its ticket. The first error ends all of them.
 */
struct exporting {
    struct rh_record *record;
    struct rh_issues *issues;
    const struct rh_export_walk *o;
    struct rh_ndjson *files;
    pthread_mutex_t reading;
    uint64_t at, tickets;
    bool end;
    pthread_mutex_t writing;
    pthread_cond_t turned;
    uint64_t turn, done;
    int64_t stepped_ns;
    enum rh_rc rc;
};

/* The lines of one piece that go to one type's file. */
struct group {
    unsigned type; /* 0: deletions */
    unsigned first, lines;
    size_t bytes;
    struct rh_buf text;
};

struct piece {
    struct rh_walk_piece rows;
    uint64_t ticket;
    struct rh_version *versions;
    unsigned *next; /* of the same group; 0: none (row 0 is a group's first) */
    struct group groups[RH_RESOURCE_TYPES + 1];
    unsigned short group_of[RH_RESOURCE_TYPES + 1]; /* 1..; 0: none yet */
    unsigned last[RH_RESOURCE_TYPES + 1];
    unsigned n_groups;
};

void rh_export_deletion(const struct rh_version *v, struct rh_buf *out)
{
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":"
                    "{\"method\":\"DELETE\",\"url\":\"");
    rh_buf_str(out, rh_resource_type(v->type)->name);
    rh_buf_char(out, '/');
    rh_buf_text(out, v->id);
    rh_buf_str(out, "\"}}]}");
}

static void add_row(struct piece *p, unsigned type, unsigned row, size_t bytes)
{
    unsigned g = p->group_of[type];
    if (!g) {
        g = p->group_of[type] = (unsigned short)++p->n_groups;
        p->groups[g - 1] = (struct group){.type = type, .first = row};
    } else {
        p->next[p->last[type]] = row;
    }
    p->last[type] = row;
    p->groups[g - 1].lines++;
    p->groups[g - 1].bytes += bytes;
}

static enum rh_rc decode(struct exporting *e, struct rh_session *s, struct rh_ctx *ctx,
                         struct piece *p)
{
    unsigned n = p->rows.n;
    enum rh_rc rc = RH_OK;
    p->versions = rh_arena_alloc(ctx->arena, (n + 1) * sizeof *p->versions);
    p->next = rh_arena_zero(ctx->arena, (n + 1) * sizeof *p->next);
    if (!p->versions || !p->next)
        return RH_NOMEM;
    for (unsigned i = 0; i < n && !rc; i++) {
        struct rh_version *v = &p->versions[i];
        rc = rh_walk_version(s, &p->rows.rows[i], ctx->arena, v);
        if (rc)
            return rh_issue_add(ctx->issues, rc, NULL, "%s/%.*s cannot be read: %s",
                                rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id),
                                rh_rc_text(rc));
        if (v->op == RH_OP_DELETE && e->o->deletions)
            add_row(p, 0, i, 256);
        else if (v->op != RH_OP_DELETE && v->body.len)
            add_row(p, v->type, i, v->body.len + 128);
    }
    return RH_OK;
}

static enum rh_rc write_group(struct exporting *e, struct rh_ctx *ctx, const struct piece *p,
                              struct group *g)
{
    g->text = rh_buf(ctx->arena);
    rh_buf_room(&g->text, g->bytes);
    unsigned row = g->first;
    for (unsigned i = 0; i < g->lines; i++, row = p->next[row]) {
        const struct rh_version *v = &p->versions[row];
        enum rh_rc rc = RH_OK;
        if (v->op == RH_OP_DELETE)
            rh_export_deletion(v, &g->text);
        else if (e->o->write)
            rc = e->o->write(e->o->write_user, ctx, v, &g->text);
        else
            rh_version_write(v, &g->text);
        rh_buf_char(&g->text, '\n');
        if (rc)
            return rc;
    }
    return g->text.rc;
}

/* False: there is no more. */
static bool take_piece(struct exporting *e, struct rh_session *s, struct rh_ctx *ctx,
                       struct piece *p, enum rh_rc *rc)
{
    pthread_mutex_lock(&e->reading);
    bool more = !e->end;
    if (more) {
        *rc = rh_walk_read(s, ctx, &e->o->walk, e->at, &p->rows);
        p->ticket = e->tickets++;
        if (!*rc)
            e->at = p->rows.next;
        e->end = *rc || p->rows.end;
    }
    pthread_mutex_unlock(&e->reading);
    return more;
}

/* Inside `writing`, when it is this piece's turn. */
static enum rh_rc write_piece(struct exporting *e, struct rh_ctx *ctx, struct piece *p)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < p->n_groups && !rc; i++) {
        struct group *g = &p->groups[i];
        rc = rh_ndjson_add(e->files, ctx->issues, g->type, rh_buf_get(&g->text), g->lines);
        e->done += g->lines;
    }
    int64_t now = rh_clock_mono_ns();
    if (!rc && e->o->step && now - e->stepped_ns > STEP_MS * INT64_C(1000000)) {
        e->stepped_ns = now;
        rc = e->o->step(e->o->step_user, p->rows.next, e->done);
    }
    return rc;
}

static void hand_in(struct exporting *e, struct rh_ctx *ctx, struct piece *p, enum rh_rc rc)
{
    pthread_mutex_lock(&e->writing);
    while (e->turn != p->ticket && !e->rc)
        pthread_cond_wait(&e->turned, &e->writing);
    if (!e->rc && !rc)
        rc = write_piece(e, ctx, p);
    if (!e->rc && rc) {
        e->rc = rc;
        for (unsigned i = 0; i < ctx->issues->count; i++)
            rh_issue_at(e->issues, ctx->issues->rows[i]);
    }
    bool ended = e->rc != RH_OK;
    e->turn++;
    pthread_cond_broadcast(&e->turned);
    pthread_mutex_unlock(&e->writing);
    if (ended) {
        pthread_mutex_lock(&e->reading);
        e->end = true;
        pthread_mutex_unlock(&e->reading);
    }
}

static void *work(void *user)
{
    struct exporting *e = user;
    struct rh_arena *a = rh_arena_open(PIECE_BYTES), *said = rh_arena_open(WORKER_ISSUES_BYTES);
    struct rh_session *s = NULL;
    struct rh_issues issues;
    rh_issues_init(&issues, said);
    enum rh_rc opened = rh_session_open(e->record, &s);
    for (;;) {
        struct rh_ctx ctx = {.arena = a, .issues = &issues, .now_us = rh_clock_now_us()};
        rh_arena_reset(a);
        struct piece *p = rh_arena_zero(a, sizeof *p);
        enum rh_rc rc = opened;
        if (rc) { /* as if the piece had failed */
            struct piece none = {.ticket = UINT64_MAX};
            pthread_mutex_lock(&e->writing);
            e->rc = e->rc ? e->rc : rc;
            pthread_mutex_unlock(&e->writing);
            hand_in(e, &ctx, &none, rc);
            break;
        }
        if (!take_piece(e, s, &ctx, p, &rc))
            break;
        if (!rc)
            rc = decode(e, s, &ctx, p);
        for (unsigned i = 0; i < p->n_groups && !rc; i++)
            rc = write_group(e, &ctx, p, &p->groups[i]);
        hand_in(e, &ctx, p, rc);
    }
    rh_session_close(s);
    rh_arena_close(a);
    rh_arena_close(said);
    return NULL;
}

enum rh_rc rh_export_walk(struct rh_record *r, struct rh_issues *is, const struct rh_export_walk *w,
                          struct rh_ndjson *files, uint64_t *done)
{
    struct exporting e = {.record = r,
                          .issues = is,
                          .o = w,
                          .files = files,
                          .at = w->at,
                          .done = w->done,
                          .reading = PTHREAD_MUTEX_INITIALIZER,
                          .writing = PTHREAD_MUTEX_INITIALIZER,
                          .turned = PTHREAD_COND_INITIALIZER};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = w->workers ? w->workers : cores > 0 ? (unsigned)cores : 1, started = 0;
    pthread_t threads[RH_EXPORT_WORKERS_MAX];
    n = n > RH_EXPORT_WORKERS_MAX ? RH_EXPORT_WORKERS_MAX : n;
    while (started + 1 < n && rh_thread_start("rihla-export", work, &e, &threads[started]) == RH_OK)
        started++;
    work(&e);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&e.reading);
    pthread_mutex_destroy(&e.writing);
    pthread_cond_destroy(&e.turned);
    *done = e.done;
    if (e.rc && is->errors == 0)
        rh_issue_add(is, e.rc, NULL, "the export stopped: %s", rh_rc_text(e.rc));
    return e.rc;
}

/* --- the whole record --------------------------------------------------------------------------
 */

struct whole {
    struct rh_record *record;
    struct rh_session *session;
    const struct rh_caller *caller;
    struct rh_issues *issues;
    const struct rh_export_options *options;
    struct rh_arena *arena;
    rh_progress *progress;
    void *user;
    uint64_t total;
    bool types[RH_RESOURCE_TYPES + 1];
};

static enum rh_rc check_options(struct whole *e)
{
    const struct rh_export_options *o = e->options;
    char **names;
    size_t n = 0;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++)
        e->types[t] = o->n_types == 0;
    for (unsigned i = 0; i < o->n_types; i++) {
        unsigned type = rh_resource_number(rh_text(o->types[i]));
        if (!type)
            return rh_issue_add(e->issues, RH_INVALID, NULL,
                                "\"%s\" is not a resource type of FHIR R4", o->types[i]);
        e->types[type] = true;
    }
    enum rh_rc rc = rh_dir_make(e->issues, o->out, 0700);
    if (rc == RH_OK)
        rc = rh_dir_list(e->arena, e->issues, o->out, &names, &n);
    if (rc == RH_OK && n > 0)
        rc = rh_issue_add(e->issues, RH_CONFLICT, NULL,
                          "%s is not empty: choose a folder that does not exist yet", o->out);
    return rc;
}

static enum rh_rc step(void *user, uint64_t at, uint64_t done)
{
    struct whole *e = user;
    (void)at;
    return !e->progress || e->progress(e->user, "export", done, e->total) ? RH_OK : RH_INTERRUPTED;
}

static enum rh_rc walk(struct whole *e, struct rh_ndjson *files, struct rh_export_walk *w,
                       uint64_t *done)
{
    struct rh_ctx ctx = {.arena = e->arena, .issues = e->issues, .now_us = rh_clock_now_us()};
    enum rh_rc rc = RH_OK;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES && rc == RH_OK; t++) {
        uint64_t count = 0;
        if (e->types[t])
            rc = rh_record_count(e->session, &ctx, e->caller, t, &count);
        e->total += count;
    }
    if (rc == RH_OK)
        rc = rh_walk_system(e->session, &ctx, e->caller, RH_TEXT("export"), &w->walk.ranges);
    if (rc == RH_OK)
        rc = rh_record_moment(e->record, &w->walk.moment);
    if (rc)
        return rc;
    w->walk.since_us = INT64_MIN;
    w->walk.types = e->options->n_types ? e->types : NULL;
    w->step = step;
    w->step_user = e;
    rc = rh_export_walk(e->record, e->issues, w, files, done);
    if (rc == RH_OK && e->progress)
        e->progress(e->user, "export", *done, e->total);
    return rc ? rc : rh_ndjson_sync(files, e->issues);
}

static enum rh_rc write_manifest(struct whole *e, const struct rh_ndjson *files, int64_t time_us,
                                 struct rh_export_result *ret)
{
    char time[RH_INSTANT_SIZE], name[RH_NDJSON_NAME_SIZE];
    char *path = rh_path_join(e->arena, e->options->out, "manifest.json");
    struct rh_buf b = rh_buf(e->arena);
    unsigned n;
    const struct rh_ndjson_file *f = rh_ndjson_files(files, &n);
    rh_instant_print(time_us, time);
    rh_buf_printf(&b, "{\"transactionTime\":\"%s\",\"output\":[", time);
    for (unsigned i = 0; i < n; i++) {
        rh_ndjson_name(&f[i], e->options->gzip, name);
        rh_buf_printf(&b, "%s{\"type\":\"%s\",\"file\":\"%s\",\"count\":%llu}", i ? "," : "",
                      rh_resource_type(f[i].type)->name, name, (unsigned long long)f[i].count);
        ret->bytes += f[i].bytes;
    }
    ret->files = n;
    rh_buf_str(&b, "]}\n");
    return path && !b.rc ? rh_file_write(e->issues, path, rh_buf_get(&b), 0600) : RH_NOMEM;
}

enum rh_rc rh_export(struct rh_record *r, const struct rh_caller *caller, struct rh_issues *is,
                     const struct rh_export_options *o, rh_progress *progress, void *user,
                     struct rh_export_result *ret)
{
    struct rh_arena *a = rh_arena_open(NAMES_BYTES);
    struct whole e = {.record = r,
                      .caller = caller,
                      .issues = is,
                      .options = o,
                      .arena = a,
                      .progress = progress,
                      .user = user};
    struct rh_export_walk w = {.workers = 0};
    struct rh_ndjson *files = NULL;
    struct rh_export_result result = {0};
    enum rh_rc rc = check_options(&e);
    if (rc == RH_OK && (rc = rh_session_open(r, &e.session)))
        rh_issue_add(is, rc, NULL, "%s", rh_rc_text(rc));
    if (rc == RH_OK)
        rc = rh_ndjson_open(is, &(struct rh_ndjson_options){.folder = o->out, .gzip = o->gzip},
                            &files);
    if (rc == RH_OK)
        rc = walk(&e, files, &w, &result.resources);
    if (rc == RH_OK)
        rc = write_manifest(&e, files, w.walk.moment.time_us, &result);
    rh_ndjson_close(files);
    rh_session_close(e.session);
    rh_arena_close(a);
    *ret = result;
    return rc;
}
