/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/control.h"

#include "base/alloc.h"
#include "system/clock.h"
#include "system/file.h"
#include "system/log.h"
#include "system/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    struct rh_control *control;
    pthread_t thread;
    int fd;
    bool used, joinable;
};

struct rh_control {
    struct rh_record *record;
    struct rh_bulkwork *bulk;
    const struct rh_control_command *commands;
    unsigned n;
    char *path;
    int fd, stop[2]; /* closing stop[1] wakes the one who accepts */
    pthread_t accepter;
    pthread_mutex_t lock;
    struct client clients[RH_CONTROL_CONNECTIONS_MAX];
    _Atomic bool ending;
};

/* What a call knows of its connection. */
struct wire {
    struct rh_control *control;
    int fd;
    pthread_mutex_t lock;
    int64_t sent_ns;
    bool broken;
};

/* The path of a socket holds 107 bytes; a longer one goes through the folder's descriptor. */
static enum rh_rc socket_address(const char *dir, struct sockaddr_un *ret, int *dir_fd)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir_fd = -1;
    int n = snprintf(ret->sun_path, sizeof ret->sun_path, "%s/control.sock", dir);
    if (n > 0 && (size_t)n < sizeof ret->sun_path)
        return RH_OK;
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return rh_errno_rc(errno);
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/control.sock", *dir_fd);
    return RH_OK;
}

static bool same_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* --- lines --- */
static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

struct lines {
    int fd;
    struct rh_arena *arena;
    char *data;
    size_t len, cap, taken;
};

/* The next line without its end. RH_INTERRUPTED: the other side is gone; RH_TOOLARGE. Valid until
 * the next call. */
static enum rh_rc read_line(struct lines *l, struct rh_text *ret)
{
    memmove(l->data, l->data + l->taken, l->len - l->taken);
    l->len -= l->taken;
    l->taken = 0;
    for (size_t seen = 0;;) {
        char *end = l->len > seen ? memchr(l->data + seen, '\n', l->len - seen) : NULL;
        if (end) {
            *ret = (struct rh_text){l->data, (size_t)(end - l->data)};
            l->taken = ret->len + 1;
            return RH_OK;
        }
        seen = l->len;
        if (l->len == l->cap)
            return RH_TOOLARGE;
        ssize_t n = read(l->fd, l->data + l->len, l->cap - l->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return RH_INTERRUPTED;
        l->len += (size_t)n;
    }
}

static enum rh_rc lines_open(struct rh_arena *a, int fd, struct lines *ret)
{
    *ret = (struct lines){.fd = fd,
                          .arena = a,
                          .data = rh_arena_alloc(a, RH_CONTROL_LINE_MAX),
                          .cap = RH_CONTROL_LINE_MAX};
    return ret->data ? RH_OK : RH_NOMEM;
}

/* --- for commands --- */
static bool gone(const struct wire *w)
{
    char c;
    return w->broken || atomic_load(&w->control->ending) ||
           recv(w->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool rh_control_progress(void *call, const char *phase, uint64_t done, uint64_t total)
{
    const struct rh_control_local *local = ((struct rh_control_call *)call)->local;
    struct wire *w = ((struct rh_control_call *)call)->private;
    char line[200];
    if (local)
        return !local->progress || local->progress(local->user, phase, done, total);
    int64_t now = rh_clock_mono_ns();
    pthread_mutex_lock(&w->lock);
    bool due =
        now - w->sent_ns >= RH_CONTROL_PROGRESS_MS * INT64_C(1000000) || (total && done == total);
    if (due) {
        w->sent_ns = now;
        /* phases are words of ours: they need no escapes */
        int n = snprintf(line, sizeof line,
                         "{\"progress\":{\"phase\":\"%.80s\",\"done\":%llu,\"total\":%llu}}\n",
                         phase, (unsigned long long)done, (unsigned long long)total);
        w->broken = w->broken || !send_all(w->fd, line, (size_t)n);
    }
    bool go_on = !due || !gone(w);
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void say_here(const struct rh_control_local *local, struct rh_text json)
{
    struct rh_arena *a = rh_arena_open(4 * (json.len + 4096));
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    if (local->say && rh_json_parse(a, &is, json, &doc) == RH_OK)
        local->say(local->user, yyjson_doc_get_root(doc));
    rh_arena_close(a);
}

void rh_control_say(struct rh_control_call *call, struct rh_text json)
{
    struct wire *w = call->private;
    if (call->local) {
        say_here(call->local, json);
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->broken = w->broken || !send_all(w->fd, "{\"say\":", 7) ||
                !send_all(w->fd, json.data, json.len) || !send_all(w->fd, "}\n", 2);
    pthread_mutex_unlock(&w->lock);
}

/* --- one request --- */
static enum rh_rc run_command(struct rh_control *c, struct rh_control_call *call,
                              struct rh_text line)
{
    yyjson_doc *doc;
    enum rh_rc rc = rh_json_parse(call->arena, call->issues, line, &doc);
    if (rc)
        return rc;
    struct rh_text name = rh_json_get(yyjson_doc_get_root(doc), "command");
    call->args = yyjson_obj_get(yyjson_doc_get_root(doc), "args");
    for (unsigned i = 0; i < c->n; i++)
        if (rh_text_is(name, c->commands[i].name))
            return c->commands[i].run(call);
    return rh_issue_add(call->issues, RH_UNSUPPORTED, NULL,
                        "The serving process has no command \"%.*s\"; is it of another version?",
                        (int)(name.len > 80 ? 80 : name.len), name.data ? name.data : "");
}

static void answer(struct wire *w, const struct rh_control_call *call, enum rh_rc rc)
{
    struct rh_buf out = rh_buf(call->arena);
    rh_buf_printf(&out, "{\"result\":\"%s\"", rh_rc_name(rc));
    if (call->answer.len && !call->answer.rc) {
        rh_buf_str(&out, ",\"answer\":");
        rh_buf_text(&out, rh_buf_get(&call->answer));
    }
    if (rc || call->issues->count) {
        rh_buf_str(&out, ",\"outcome\":");
        rh_issues_outcome(call->issues, rc, &out);
    }
    rh_buf_str(&out, "}\n");
    pthread_mutex_lock(&w->lock);
    if (out.rc)
        send_all(w->fd, "{\"result\":\"NOMEM\"}\n", 19);
    else
        send_all(w->fd, out.data, out.len);
    pthread_mutex_unlock(&w->lock);
}

static void *serve_client(void *arg)
{
    struct client *client = arg;
    struct rh_control *c = client->control;
    struct rh_arena *a = rh_arena_open(RH_CONTROL_ARENA_MAX);
    struct rh_issues issues;
    struct lines lines;
    struct rh_text line;
    struct wire wire = {.control = c, .fd = client->fd};
    pthread_mutex_init(&wire.lock, NULL);
    rh_issues_init(&issues, a);
    struct rh_control_call call = {.record = c->record,
                                   .bulk = c->bulk,
                                   .arena = a,
                                   .issues = &issues,
                                   .answer = rh_buf(a),
                                   .private = &wire};
    enum rh_rc rc = lines_open(a, client->fd, &lines);
    if (!rc)
        rc = read_line(&lines, &line);
    if (!rc)
        rc = run_command(c, &call, line);
    answer(&wire, &call, rc);
    pthread_mutex_destroy(&wire.lock);
    rh_arena_close(a);
    pthread_mutex_lock(&c->lock);
    close(client->fd);
    client->fd = -1;
    client->used = false;
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void take_client(struct rh_control *c, int fd)
{
    struct client *free_one = NULL;
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < RH_CONTROL_CONNECTIONS_MAX && !free_one; i++)
        if (!c->clients[i].used)
            free_one = &c->clients[i];
    if (free_one && free_one->joinable)
        pthread_join(free_one->thread, NULL); /* it has left its last lock already */
    if (free_one) {
        *free_one = (struct client){.control = c, .fd = fd, .used = true};
        free_one->joinable =
            rh_thread_start("rihla-control", serve_client, free_one, &free_one->thread) == RH_OK;
        free_one->used = free_one->joinable;
    }
    bool taken = free_one && free_one->used;
    pthread_mutex_unlock(&c->lock);
    if (!taken) {
        static const char busy[] = "{\"result\":\"BUSY\"}\n";
        send_all(fd, busy, sizeof busy - 1);
        close(fd);
    }
}

static void *accept_clients(void *arg)
{
    struct rh_control *c = arg;
    struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->stop[0], .events = POLLIN}};
    while (!atomic_load(&c->ending)) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            break;
        int fd = fds[0].revents ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0 && same_user(fd))
            take_client(c, fd);
        else if (fd >= 0)
            close(fd);
        else if (fds[0]
                     .revents) /* no descriptor is free: the client waits, the processor does not */
            poll(&fds[1], 1, RH_CONTROL_RETRY_MS);
    }
    return NULL;
}

/* --- start and end --- */
static enum rh_rc listen_at(const char *dir, struct rh_issues *is, int *ret)
{
    struct sockaddr_un at;
    int dir_fd, fd = -1;
    enum rh_rc rc = socket_address(dir, &at, &dir_fd);
    if (!rc) {
        unlink(at.sun_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || chmod(at.sun_path, 0600) ||
            listen(fd, 8))
            rc = rh_errno_issue(is, errno, "listen on the control socket in", dir);
    }
    if (dir_fd >= 0)
        close(dir_fd);
    if (rc && fd >= 0)
        close(fd);
    if (!rc)
        *ret = fd;
    return rc;
}

enum rh_rc rh_control_open(const char *dir, struct rh_record *record, struct rh_bulkwork *bulk,
                           const struct rh_control_command *commands, unsigned n,
                           struct rh_issues *is, struct rh_control **ret)
{
    int fd;
    enum rh_rc rc = listen_at(dir, is, &fd);
    if (rc)
        return rc;
    struct rh_control *c = rh_alloc(sizeof *c);
    struct rh_arena *a = rh_arena_open(1 << 16);
    char *path = rh_path_join(a, dir, "control.sock");
    c->record = record;
    c->bulk = bulk;
    c->commands = commands;
    c->n = n;
    c->fd = fd;
    c->path = rh_strdup(path ? path : "");
    rh_arena_close(a);
    pthread_mutex_init(&c->lock, NULL);
    for (unsigned i = 0; i < RH_CONTROL_CONNECTIONS_MAX; i++)
        c->clients[i].fd = -1;
    rc = pipe2(c->stop, O_CLOEXEC)
             ? rh_errno_rc(errno)
             : rh_thread_start("rihla-control", accept_clients, c, &c->accepter);
    if (rc) {
        close(fd);
        unlink(c->path);
        rh_free(c->path);
        rh_free(c);
        return rh_issue_add(is, rc, NULL, "The thread of the control socket could not be started.");
    }
    *ret = c;
    return RH_OK;
}

void rh_control_close(struct rh_control *c)
{
    if (!c)
        return;
    atomic_store(&c->ending, true);
    close(c->stop[1]);
    pthread_join(c->accepter, NULL);
    unlink(c->path);
    close(c->fd);
    close(c->stop[0]);
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < RH_CONTROL_CONNECTIONS_MAX; i++)
        if (c->clients[i].fd >= 0)
            shutdown(c->clients[i].fd, SHUT_RD);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < RH_CONTROL_CONNECTIONS_MAX; i++)
        if (c->clients[i].joinable)
            pthread_join(c->clients[i].thread, NULL);
    pthread_mutex_destroy(&c->lock);
    rh_free(c->path);
    rh_free(c);
}

/* --- the other side --- */
static enum rh_rc rc_of(struct rh_text name)
{
    for (unsigned rc = 0; rc < RH_RC_COUNT; rc++)
        if (rh_text_is(name, rh_rc_name((enum rh_rc)rc)))
            return (enum rh_rc)rc;
    return RH_INTERNAL;
}

static void take_issues(yyjson_val *outcome, enum rh_rc rc, struct rh_issues *is)
{
    size_t i, max;
    yyjson_val *row;
    yyjson_val *rows = yyjson_obj_get(outcome, "issue");
    yyjson_arr_foreach (rows, i, max, row) {
        struct rh_text text = rh_json_get(row, "diagnostics"),
                       severity = rh_json_get(row, "severity");
        struct rh_text place = rh_json_text(yyjson_arr_get(yyjson_obj_get(row, "expression"), 0));
        enum rh_severity s = RH_FATAL;
        while (s < RH_INFORMATION && !rh_text_is(severity, rh_severity_name(s)))
            s++;
        rh_issue_at(is, (struct rh_issue){.severity = s,
                                          .rc = s <= RH_ERROR && rc ? rc : RH_OK,
                                          .text = text.data ? text.data : rh_rc_text(rc),
                                          .expression = place.data});
    }
}

static enum rh_rc connect_to(const char *dir, struct rh_issues *is, int *ret)
{
    struct sockaddr_un at;
    int dir_fd;
    enum rh_rc rc = socket_address(dir, &at, &dir_fd);
    if (rc)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)) {
        bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;
        rc = nobody ? RH_NOTFOUND
                    : rh_errno_issue(is, errno, "connect to the process that serves", dir);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (dir_fd >= 0)
        close(dir_fd);
    *ret = fd;
    return rc;
}

struct asking {
    rh_progress *progress;
    void (*say)(void *user, yyjson_val *what);
    void *user;
    struct rh_arena *arena;
    struct rh_issues *issues;
    yyjson_val *answer;
};

/* One line of the answer; *last is set with the result. */
static enum rh_rc take_line(struct asking *k, struct rh_arena *scratch, struct rh_text line,
                            bool *last)
{
    struct rh_issues none;
    yyjson_doc *doc;
    rh_issues_init(&none, scratch);
    *last = false;
    if (rh_json_parse(scratch, &none, line, &doc))
        return rh_issue_add(k->issues, RH_INTERNAL, NULL,
                            "The serving process sent a line that is not JSON.");
    yyjson_val *root = yyjson_doc_get_root(doc), *progress = yyjson_obj_get(root, "progress"),
               *said = yyjson_obj_get(root, "say");
    if (progress) {
        uint64_t done = 0, total = 0;
        rh_text_u64(rh_json_text(yyjson_obj_get(progress, "done")), UINT64_MAX, &done);
        rh_text_u64(rh_json_text(yyjson_obj_get(progress, "total")), UINT64_MAX, &total);
        bool go_on =
            !k->progress || k->progress(k->user, rh_json_get(progress, "phase").data, done, total);
        return go_on ? RH_OK : RH_INTERRUPTED;
    }
    if (said) {
        if (k->say)
            k->say(k->user, said);
        return RH_OK;
    }
    *last = true;
    /* The answer outlives the scratch: it is parsed again where the caller wants it. */
    enum rh_rc rc = rh_json_parse(k->arena, k->issues, line, &doc);
    if (rc)
        return rc;
    root = yyjson_doc_get_root(doc);
    rc = rc_of(rh_json_get(root, "result"));
    k->answer = yyjson_obj_get(root, "answer");
    take_issues(yyjson_obj_get(root, "outcome"), rc, k->issues);
    if (rc && !k->issues->errors)
        rh_issue_add(k->issues, rc, NULL, "The serving process says: %s.", rh_rc_text(rc));
    return rc;
}

enum rh_rc rh_control_ask(const char *dir, const char *command, struct rh_text args,
                          rh_progress *progress, void (*say)(void *user, yyjson_val *what),
                          void *user, struct rh_arena *a, struct rh_issues *is, yyjson_val **ret)
{
    int fd;
    enum rh_rc rc = connect_to(dir, is, &fd);
    if (rc)
        return rc;
    struct asking k = {.progress = progress, .say = say, .user = user, .arena = a, .issues = is};
    struct rh_arena *scratch = rh_arena_open(RH_CONTROL_ARENA_MAX),
                    *buffer = rh_arena_open(2 * RH_CONTROL_LINE_MAX);
    struct rh_buf out = rh_buf(scratch);
    struct rh_text line;
    struct lines lines;
    bool last = false;
    rh_buf_printf(&out, "{\"command\":\"%s\"", command);
    if (args.len) {
        rh_buf_str(&out, ",\"args\":");
        rh_buf_text(&out, args);
    }
    rh_buf_str(&out, "}\n");
    rc = out.rc ? out.rc : lines_open(buffer, fd, &lines);
    if (!rc && !send_all(fd, out.data, out.len))
        rc = RH_INTERRUPTED;
    while (!rc && !last) {
        rh_arena_reset(scratch);
        rc = read_line(&lines, &line);
        if (!rc)
            rc = take_line(&k, scratch, line, &last);
    }
    if (rc && !is->errors)
        rh_issue_add(is, rc, NULL,
                     rc == RH_INTERRUPTED
                         ? "the work was stopped, or the serving process has ended; "
                           "start it again"
                         : "%s.",
                     rh_rc_text(rc));
    close(fd);
    rh_arena_close(scratch);
    rh_arena_close(buffer);
    *ret = k.answer;
    return rc;
}
