/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * validate.c - rihla validate: resources in files against R4 and profiles.
 *
 * The main thread reads files into jobs (a file, or a run of lines) and prints answers in the order
 * of the jobs; the other threads validate. Only RH_VALIDATE_JOBS wait at once, so memory does not
 * grow with the input.
 */
#include "base/alloc.h"
#include "cli/cli.h"
#include "programme/import.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/compress.h"
#include "system/file.h"
#include "system/progress.h"
#include "system/thread.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    JOBS_A_THREAD = 3,
    THREADS_MAX = 64,
    PIECE = 128 << 10, /* of a file of lines: one job */
    JOB_BYTES = 512 << 20,
    WORK_BYTES = 512 << 20,   /* of one resource */
    PROGRESS_BYTES = 1 << 20, /* smaller work shows none */
};

struct counts {
    uint64_t resources, invalid, errors, warnings;
};

struct job {
    struct rh_arena *arena; /* input and output */
    const char *path;
    uint64_t line; /* lines before the first one; of a file of lines */
    bool lines;
    struct rh_text text;
    const char *unreadable; /* why there is no text; NULL: there is */
    struct rh_buf out;
    struct counts counts;
    enum rh_rc rc;
    bool done;
    struct job *next;
};

struct run {
    struct rh_cli *cli;
    struct rh_world *world;
    struct rh_validate_options options;
    enum rh_severity level;
    struct rh_queue *queue;
    pthread_t threads[THREADS_MAX];
    unsigned n_threads, jobs_max;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct job *first, **last, *spare; /* of the main thread */
    unsigned n_jobs;
    struct rh_progress *progress;
    uint64_t bytes_done, bytes_total, n_paths;
    struct counts counts;
    enum rh_rc rc;
};

/* --- one resource (any thread) ---------------------------------------------------------------- */

static void print_row(struct rh_buf *out, const struct job *j, const struct rh_issue *row,
                      unsigned before)
{
    rh_buf_str(out, j->path);
    if (row->line || j->lines)
        rh_buf_printf(out, ":%u", (row->line ? row->line : 1) + before);
    if (row->column)
        rh_buf_printf(out, ":%u", row->column);
    rh_buf_printf(out, ": %s: %s", rh_severity_name(row->severity), row->text);
    if (row->expression && row->expression[0])
        rh_buf_printf(out, " (%s)", row->expression);
    rh_buf_char(out, '\n');
}

static void report(const struct run *r, struct job *j, const struct rh_issues *is, bool valid,
                   uint64_t line)
{
    struct rh_buf *out = &j->out;
    unsigned before = line ? (unsigned)(line - 1) : 0, shown = 0;
    bool json = r->cli->json;
    if (json) {
        rh_buf_str(out, "{\"file\":");
        rh_buf_json(out, rh_text(j->path));
        if (line)
            rh_buf_printf(out, ",\"line\":%llu", (unsigned long long)line);
        rh_buf_printf(out, ",\"valid\":%s,\"issues\":[", valid ? "true" : "false");
    }
    for (unsigned i = 0; i < is->count; i++) {
        const struct rh_issue *row = &is->rows[i];
        j->counts.warnings += row->severity == RH_WARNING;
        if (row->severity > r->level)
            continue;
        if (json && shown++)
            rh_buf_char(out, ',');
        if (json)
            rh_validation_issue(row, before, out);
        else
            print_row(out, j, row, before);
    }
    if (json)
        rh_buf_str(out, "]}\n");
    j->counts.resources++;
    j->counts.invalid += !valid;
    j->counts.errors += is->errors;
}

static enum rh_rc validate_one(const struct run *r, struct job *j, struct rh_arena *work,
                               struct rh_text text, uint64_t line)
{
    struct rh_issues is;
    bool valid = false;
    rh_arena_reset(work);
    rh_issues_init(&is, work);
    is.max = RH_ISSUES_REPORT_MAX;
    struct rh_ctx c = {.arena = work,
                       .issues = &is,
                       .now_us = rh_clock_now_us(),
                       .world = r->world,
                       .host = &rh_programme_host};
    enum rh_rc rc = RH_OK;
    if (j->unreadable)
        rh_issue_add(&is, RH_SYNTAX, NULL, "%s", j->unreadable);
    else
        rc = rh_validation_text(&c, text, &r->options, &valid);
    if (rc == RH_NOMEM) { /* of this resource: others may fit */
        rh_arena_reset(work);
        rh_issues_init(&is, work);
        rh_issue_add(&is, rc, NULL,
                     "This resource needs more than %d MiB to be validated: nothing is known.",
                     WORK_BYTES >> 20);
    } else if (rc) {
        rh_issue_add(&is, rc, NULL, "This resource could not be validated: %s.", rh_rc_text(rc));
    }
    report(r, j, &is, valid, line);
    return rc ? rc : j->out.rc;
}

static void run_job(const struct run *r, struct job *j, struct rh_arena *work)
{
    j->out = rh_buf(j->arena);
    if (!j->lines || j->unreadable) {
        j->rc = validate_one(r, j, work, j->text, j->lines ? j->line + 1 : 0);
        return;
    }
    struct rh_text rest = j->text, one;
    uint64_t number = j->line;
    while (rh_text_split(&rest, '\n', &one)) {
        number++;
        if (rh_text_trim(one).len == 0)
            continue;
        enum rh_rc rc = validate_one(r, j, work, one, number);
        if (rc)
            j->rc = rc;
    }
}

static void *work(void *user)
{
    struct run *r = user;
    struct rh_arena *a = rh_arena_open(WORK_BYTES);
    struct job *j;
    while ((j = rh_queue_pop(r->queue))) {
        run_job(r, j, a);
        pthread_mutex_lock(&r->lock);
        j->done = true;
        pthread_cond_signal(&r->done);
        pthread_mutex_unlock(&r->lock);
    }
    rh_arena_close(a);
    return NULL;
}

/* --- jobs (main thread) ----------------------------------------------------------------------- */

/* Waits for the oldest job and prints it. */
static void print_oldest(struct run *r)
{
    struct job *j = r->first;
    pthread_mutex_lock(&r->lock);
    while (!j->done)
        pthread_cond_wait(&r->done, &r->lock);
    pthread_mutex_unlock(&r->lock);
    if (j->out.len) {
        rh_progress_clear(r->progress);
        fwrite(j->out.data, 1, j->out.len, stdout);
    }
    r->counts.resources += j->counts.resources;
    r->counts.invalid += j->counts.invalid;
    r->counts.errors += j->counts.errors;
    r->counts.warnings += j->counts.warnings;
    if (j->rc)
        r->rc = j->rc;
    rh_progress_set(r->progress, r->bytes_done, r->bytes_total, r->counts.resources);
    r->first = j->next;
    if (!r->first)
        r->last = &r->first;
    j->next = r->spare;
    r->spare = j;
    r->n_jobs--;
}

static struct job *new_job(struct run *r, const char *path)
{
    while (r->n_jobs >= r->jobs_max)
        print_oldest(r);
    struct job *j = r->spare;
    struct rh_arena *a = j ? j->arena : rh_arena_open(JOB_BYTES);
    if (j)
        r->spare = j->next;
    else
        j = rh_alloc(sizeof *j);
    rh_arena_reset(a);
    *j = (struct job){.arena = a, .path = path};
    return j;
}

static void submit(struct run *r, struct job *j)
{
    j->next = NULL;
    *r->last = j;
    r->last = &j->next;
    r->n_jobs++;
    rh_queue_push(r->queue, j);
}

static void submit_unreadable(struct run *r, struct job *j, enum rh_rc rc, size_t limit)
{
    j->text = (struct rh_text){NULL, 0};
    if (rc == RH_TOOLARGE)
        j->unreadable =
            rh_arena_printf(j->arena, "The %s is longer than %zu MiB; at most that is validated.",
                            j->lines ? "line" : "file", limit >> 20);
    else
        j->unreadable = rc == RH_SYNTAX ? "The gzip data are damaged or cut off." : rh_rc_text(rc);
    if (!j->unreadable)
        j->unreadable = rh_rc_text(rc);
    submit(r, j);
}

/* Reads until there are `want` bytes in the buffer or the file ends. */
static enum rh_rc fill(struct rh_reader *in, struct rh_buf *b, size_t want, bool *end)
{
    while (b->len < want && !*end) {
        size_t got = 0;
        char *to = rh_buf_room(b, PIECE);
        if (!to)
            return RH_NOMEM;
        enum rh_rc rc = rh_reader_read(in, to, PIECE, &got);
        if (rc)
            return rc;
        b->len += got;
        *end = got == 0;
    }
    return RH_OK;
}

static size_t last_newline(const struct rh_buf *b) /* SIZE_MAX: none */
{
    for (size_t i = b->len; i > 0; i--)
        if (b->data[i - 1] == '\n')
            return i - 1;
    return SIZE_MAX;
}

static enum rh_rc read_whole(struct run *r, struct rh_reader *in, struct job *j)
{
    struct rh_buf b = rh_buf(j->arena);
    bool end = false;
    enum rh_rc rc = fill(in, &b, RH_IMPORT_FILE_MAX + 1, &end);
    if (!rc && b.len > RH_IMPORT_FILE_MAX)
        rc = RH_TOOLARGE;
    j->text = rh_buf_get(&b);
    if (rc)
        submit_unreadable(r, j, rc, RH_IMPORT_FILE_MAX);
    else
        submit(r, j);
    return RH_OK;
}

static enum rh_rc read_lines(struct run *r, struct rh_reader *in, struct job *j)
{
    struct rh_buf b = rh_buf(j->arena);
    uint64_t line = 0;
    bool end = false;
    for (;;) {
        size_t want = PIECE, cut;
        enum rh_rc rc = RH_OK;
        j->lines = true;
        j->line = line;
        do {
            rc = fill(in, &b, want, &end);
            cut = end ? b.len : last_newline(&b);
            want = b.len + PIECE;
        } while (!rc && cut == SIZE_MAX && b.len <= RH_IMPORT_LINE_MAX);
        if (!rc && cut == SIZE_MAX)
            rc = RH_TOOLARGE;
        if (rc) {
            submit_unreadable(r, j, rc, RH_IMPORT_LINE_MAX);
            return RH_OK;
        }
        j->text = (struct rh_text){b.data, cut};
        if (end) {
            submit(r, j);
            return RH_OK;
        }
        for (size_t i = 0; i < cut; i++)
            line += b.data[i] == '\n';
        line++;
        /* The rest goes to the next job before this one can end and be used again. */
        struct job *next = new_job(r, j->path);
        struct rh_buf rest = rh_buf(next->arena);
        rh_buf_add(&rest, b.data + cut + 1, b.len - cut - 1);
        submit(r, j);
        j = next;
        b = rest;
        r->bytes_done += cut + 1;
    }
}

static bool ends(const char *path, const char *suffix)
{
    struct rh_text t = rh_text(path);
    if (rh_text_ends(t, ".gz"))
        t.len -= 3;
    return rh_text_ends(t, suffix);
}

static bool is_lines(const char *path)
{
    return ends(path, ".ndjson") || ends(path, ".jsonl");
}

/* Standard input has no name: one resource, unless its first line is a whole one and more
 * follows. */
static bool looks_like_lines(struct rh_text t, struct rh_arena *a)
{
    struct rh_issues none;
    struct rh_text rest = t, first;
    yyjson_doc *doc;
    if (!rh_text_split(&rest, '\n', &first) || rh_text_trim(rest).len == 0)
        return false;
    rh_issues_init(&none, a);
    return rh_text_trim(first).len > 0 && rh_json_parse(a, &none, first, &doc) == RH_OK;
}

static enum rh_rc read_stdin(struct run *r)
{
    struct job *j = new_job(r, "-");
    struct rh_buf b = rh_buf(j->arena);
    for (;;) {
        char *to = b.len > RH_IMPORT_FILE_MAX ? NULL : rh_buf_room(&b, PIECE);
        ssize_t n = to ? read(STDIN_FILENO, to, PIECE) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rh_errno_issue(&r->cli->issues, errno, "read", "standard input");
        if (n == 0)
            break;
        b.len += (size_t)n;
    }
    j->text = rh_buf_get(&b);
    if (b.len > RH_IMPORT_FILE_MAX || b.rc) {
        submit_unreadable(r, j, b.rc ? b.rc : RH_TOOLARGE, RH_IMPORT_FILE_MAX);
        return RH_OK;
    }
    j->lines = looks_like_lines(j->text, j->arena);
    submit(r, j);
    return RH_OK;
}

static enum rh_rc read_file(struct run *r, const char *path)
{
    struct rh_reader *in;
    enum rh_rc rc = rh_reader_open(&r->cli->issues, path, &in);
    if (rc)
        return rc;
    uint64_t before = r->bytes_done, size = rh_reader_size(in);
    struct job *j = new_job(r, path);
    rc = is_lines(path) ? read_lines(r, in, j) : read_whole(r, in, j);
    rh_reader_close(in);
    r->bytes_done = before + size;
    return rc;
}

/* --- which files ------------------------------------------------------------------------------ */

static bool is_wanted(const char *path, const char *name)
{
    static const char *const not_resources[] = {"package.json", ".index.json", "manifest.json"};
    for (size_t i = 0; i < sizeof not_resources / sizeof not_resources[0]; i++)
        if (strcmp(name, not_resources[i]) == 0)
            return false;
    return is_lines(path) || ends(path, ".json") || ends(path, ".xml");
}

typedef enum rh_rc each_file(struct run *r, const char *path);

static enum rh_rc count_file(struct run *r, const char *path)
{
    struct stat st;
    r->n_paths++;
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0)
        r->bytes_total += (uint64_t)st.st_size;
    return RH_OK;
}

static enum rh_rc take_file(struct run *r, const char *path)
{
    return strcmp(path, "-") == 0 ? read_stdin(r) : read_file(r, path);
}

static enum rh_rc walk(struct run *r, const char *path, each_file *each, unsigned depth)
{
    struct rh_cli *c = r->cli;
    struct stat st;
    char **names;
    size_t n = 0;
    if (strcmp(path, "-") == 0)
        return each(r, path);
    if (stat(path, &st) != 0)
        return rh_errno_issue(&c->issues, errno, "read", path);
    if (!S_ISDIR(st.st_mode))
        return each(r, path);
    if (depth == 0)
        return rh_issue_add(&c->issues, RH_TOOLARGE, NULL, "%s is more than %d folders deep", path,
                            RH_IMPORT_FOLDERS_DEEP);
    enum rh_rc rc = rh_dir_list(c->arena, &c->issues, path, &names, &n);
    for (size_t i = 0; i < n && !rc; i++) {
        char *inner = rh_path_join(c->arena, path, names[i]);
        if (!inner)
            return RH_NOMEM;
        bool folder = stat(inner, &st) == 0 && S_ISDIR(st.st_mode);
        if (folder || is_wanted(inner, names[i]))
            rc = walk(r, inner, each, depth - 1);
    }
    return rc;
}

static enum rh_rc walk_all(struct run *r, each_file *each)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < r->cli->n_args && !rc; i++)
        rc = walk(r, r->cli->args[i], each, RH_IMPORT_FOLDERS_DEEP);
    return rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static int wrong(const struct rh_cli *c, const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "rihla %s: --%s is %s; not \"%s\"\n", c->command->name, option, wanted, value);
    return RH_EXIT_USAGE;
}

static int read_options(struct run *r)
{
    static const char *const levels[] = {"error", "warning", "information"};
    struct rh_cli *c = r->cli;
    const char *level = rh_cli_value(c, "level");
    unsigned n;
    const char **profiles = rh_cli_many(c, "profile", &n);
    const char *extensions = rh_cli_value(c, "extensions");
    struct rh_text *texts = rh_arena_alloc(c->arena, (n + 1) * sizeof *texts);
    if (!profiles || !texts)
        return rh_cli_fail(c, RH_NOMEM);
    r->level = RH_INFORMATION;
    for (unsigned i = 0; level && i <= 3; i++) {
        if (i == 3)
            return wrong(c, "level", level, "error, warning or information");
        if (strcmp(level, levels[i]) == 0) {
            r->level = (enum rh_severity)(RH_ERROR + i);
            break;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        texts[i] = rh_text(profiles[i]);
        if (!rh_world_find(r->world, "StructureDefinition", texts[i])) {
            rh_issue_add(&c->issues, RH_NOTFOUND, NULL,
                         "the profile %s is not loaded; name the package that has it: --package "
                         "FILE.tgz",
                         profiles[i]);
            return rh_cli_fail(c, RH_NOTFOUND);
        }
    }
    if (extensions && strcmp(extensions, "known") != 0 && strcmp(extensions, "any") != 0)
        return wrong(c, "extensions", extensions, "known or any");
    r->options =
        (struct rh_validate_options){.profiles = texts,
                                     .n_profiles = n,
                                     .extensions = !extensions            ? RH_EXTENSIONS_DEFAULT
                                                   : extensions[0] == 'k' ? RH_EXTENSIONS_KNOWN
                                                                          : RH_EXTENSIONS_ANY,
                                     .quiet = r->level == RH_ERROR};
    return RH_EXIT_OK;
}

static enum rh_rc start_threads(struct run *r)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned want = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
    enum rh_rc rc = RH_OK;
    if (r->n_paths < want && r->bytes_total < PROGRESS_BYTES)
        want = r->n_paths ? (unsigned)r->n_paths : 1;
    r->jobs_max = JOBS_A_THREAD * want;
    r->queue = rh_queue_open(r->jobs_max);
    r->last = &r->first;
    while (r->n_threads < want && !rc) {
        rc = rh_thread_start("validate", work, r, &r->threads[r->n_threads]);
        r->n_threads += !rc;
    }
    return r->n_threads ? RH_OK : rc;
}

static void stop_threads(struct run *r)
{
    while (r->first)
        print_oldest(r);
    rh_queue_end(r->queue);
    for (unsigned i = 0; i < r->n_threads; i++)
        pthread_join(r->threads[i], NULL);
    while (r->spare) {
        struct job *j = r->spare;
        r->spare = j->next;
        rh_arena_close(j->arena);
        rh_free(j);
    }
    rh_queue_close(r->queue);
}

static void summary(const struct run *r)
{
    const struct counts *n = &r->counts;
    unsigned long long all = n->resources, bad = n->invalid, errors = n->errors,
                       warnings = n->warnings;
    if (r->cli->quiet)
        return;
    if (r->cli->json)
        fprintf(stderr,
                "{\"resources\":%llu,\"valid\":%llu,\"invalid\":%llu,\"errors\":%llu,"
                "\"warnings\":%llu}\n",
                all, all - bad, bad, errors, warnings);
    else
        fprintf(stderr, "%llu resources: %llu valid, %llu invalid; %llu errors, %llu warnings\n",
                all, all - bad, bad, errors, warnings);
}

static int validate(struct run *r)
{
    struct rh_cli *c = r->cli;
    enum rh_rc rc = walk_all(r, count_file);
    if (!rc && r->n_paths == 0)
        rc = rh_issue_add(&c->issues, RH_NOTFOUND, NULL,
                          "there is no .json, .xml, .ndjson or .jsonl file (also .gz) in what was "
                          "given");
    if (!rc)
        rc = start_threads(r);
    if (rc)
        return rh_cli_fail(c, rc);
    bool show = !c->quiet && r->bytes_total >= PROGRESS_BYTES;
    r->progress = rh_progress_open(!show     ? RH_PROGRESS_NONE
                                   : c->json ? RH_PROGRESS_JSON
                                             : RH_PROGRESS_AUTO,
                                   "validate", "resources");
    rc = walk_all(r, take_file);
    stop_threads(r);
    rh_progress_close(r->progress);
    if (fflush(stdout) != 0 && !rc)
        rc = rh_errno_issue(&c->issues, errno, "write", "standard output");
    summary(r);
    if (rc || r->rc)
        return rh_cli_fail(c, rc ? rc : r->rc);
    return r->counts.invalid ? RH_EXIT_NO : RH_EXIT_OK;
}

int rh_cmd_validate(struct rh_cli *c)
{
    struct run r = {.cli = c};
    int code = rh_cli_world(c, &r.world);
    if (code == RH_EXIT_OK)
        code = read_options(&r);
    if (code == RH_EXIT_OK) {
        pthread_mutex_init(&r.lock, NULL);
        pthread_cond_init(&r.done, NULL);
        code = validate(&r);
        pthread_cond_destroy(&r.done);
        pthread_mutex_destroy(&r.lock);
    }
    rh_world_close(r.world);
    return code;
}
