/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/serve.h"

#include "base/alloc.h"
#include "server/bulkwork.h"
#include "server/rest.h"
#include "server/search_terms.h"
#include "server/webfiles.h"
#include "system/clock.h"
#include "system/log.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { OTHER_FILES = 200 /* of the database, and of what commands read and write */ };

/* "host:port", "[host]:port" or "port". */
static enum rh_rc parse_listen(const char *text, struct rh_issues *is, struct rh_text *host,
                               unsigned *port)
{
    struct rh_text t = rh_text(text), number = t;
    *host = RH_TEXT("127.0.0.1");
    const char *colon = strrchr(text, ':');
    if (colon) {
        *host = (struct rh_text){text, (size_t)(colon - text)};
        number = rh_text(colon + 1);
    }
    if (host->len >= 2 && host->data[0] == '[' && host->data[host->len - 1] == ']')
        *host = (struct rh_text){host->data + 1, host->len - 2};
    uint64_t n;
    if (!host->len || rh_text_u64(number, 65535, &n))
        return rh_issue_add(is, RH_INVALID, NULL,
                            "\"%s\" is not an address to listen on, such as 127.0.0.1:8080.", text);
    *port = (unsigned)n;
    return RH_OK;
}

/* Tells systemd (Type=notify) how far we are; without it nothing happens. */
static void notify_systemd(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof at.sun_path)
        return;
    memcpy(at.sun_path, path, strlen(path));
    if (path[0] == '@')
        at.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&at, len);
    close(fd);
}

static void wait_for_signal(const sigset_t *wanted)
{
    int number = 0;
    while (sigwait(wanted, &number) != 0)
        continue;
    rh_log(RH_LOG_INFO, "serve", "%s: finishing what is in flight",
           number == SIGINT ? "interrupted" : "asked to end");
    pthread_sigmask(SIG_UNBLOCK, wanted, NULL); /* a second one ends the process at once */
}

/* The usual soft limit of 1,024 files is less than the connections that are allowed. */
static void allow_files(void)
{
    struct rlimit files;
    rlim_t wanted = RH_HTTP_CONNECTIONS_MAX + RH_HTTP_CONNECTIONS_SPARE + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur < wanted)
        rh_log(RH_LOG_WARNING, "serve",
               "only %llu files may be open: fewer connections than the limit will be taken",
               (unsigned long long)files.rlim_cur);
}

struct parts {
    struct rh_server *server;
    struct rh_control *control;
    struct rh_web *web;
};

/* Something was committed. */
static void wake(void *user)
{
    struct rh_server *s = user;
    rh_streams_wake(s->http);
}

static enum rh_rc start(const struct rh_serve_options *o, struct rh_issues *is, struct parts *p)
{
    struct rh_server *s = p->server;
    struct rh_http_options http = {.workers = o->workers, .loops = o->loops};
    enum rh_rc rc = parse_listen(o->listen, is, &http.host, &http.port);
    if (!rc)
        rc = rh_access_listen(http.host, is); /* before a data directory is made for nothing */
    if (!rc)
        rc = rh_web_open(o->web_dir, is, &p->web);
    if (!rc)
        rc = rh_worlds_open(o->dir, o->packages, o->n_packages, is, &s->worlds);
    if (rc)
        return rc;
    struct rh_subscriptions_options hooks = {.dir = o->dir,
                                             .hooks = o->hooks,
                                             .n_hooks = o->n_hooks,
                                             .retries = o->hook_retries,
                                             .terms = rh_search_terms_of(s->worlds),
                                             .news = wake,
                                             .user = s};
    rc = rh_subscriptions_open(&hooks, is, &s->subscriptions);
    if (rc)
        return rc;
    struct rh_record_options record = {.dir = o->dir,
                                       .create = true,
                                       .validate = o->validate,
                                       .validator = rh_worlds_validator(s->worlds),
                                       .gate = rh_subscriptions_gate(s->subscriptions)};
    rc = rh_record_open(&record, is, &s->record);
    if (rc)
        return rc;
    rc = rh_worlds_record(s->worlds, s->record, is);
    if (rc)
        return rc;
    s->web = p->web;
    http.record = s->record;
    const struct rh_bulkwork_options bulk = {.dir = o->dir,
                                             .worlds = s->worlds,
                                             .import_dir = o->import_dir,
                                             .import_hosts = o->import_hosts,
                                             .n_import_hosts = o->n_import_hosts};
    rc = rh_bulkwork_open(&bulk, s->record, is, &s->bulk);
    if (rc)
        return rc;
    rh_rest_app(s, &http.app);
    rc = rh_http_open(&http, is, &s->http);
    if (rc)
        return rc;
    bool six = memchr(http.host.data, ':', http.host.len) != NULL;
    snprintf(s->base, sizeof s->base, "http://%s%.*s%s:%u/fhir", six ? "[" : "",
             (int)(http.host.len > 50 ? 50 : http.host.len), http.host.data, six ? "]" : "",
             rh_http_port(s->http));
    rc = rh_rest_start(s);
    if (!rc)
        rc = rh_subscriptions_start(s->subscriptions, s->record, rh_text(s->base), is);
    if (!rc)
        rc = rh_control_open(o->dir, s->record, s->bulk, o->commands, o->n_commands, is,
                             &p->control);
    return rc;
}

enum rh_rc rh_serve(const struct rh_serve_options *o, struct rh_issues *is)
{
    struct parts p = {.server = rh_alloc(sizeof *p.server)};
    struct rh_server *s = p.server;
    sigset_t wanted;
    allow_files();
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL); /* before any thread: they inherit it */
    signal(SIGPIPE, SIG_IGN);
    s->dir = o->dir;
    s->full = o->validate == RH_VALIDATE_FULL;
    s->started_us = rh_clock_now_us();
    enum rh_rc rc = start(o, is, &p);
    if (!rc) {
        atomic_store(&s->ready, true);
        printf("listening on %.*s\n", (int)(strlen(s->base) - strlen("/fhir")), s->base);
        fflush(stdout);
        notify_systemd("READY=1");
        wait_for_signal(&wanted);
        notify_systemd("STOPPING=1");
    }
    rh_control_close(p.control);
    rh_subscriptions_stop(s->subscriptions);
    rh_http_close(s->http);
    rh_bulkwork_close(s->bulk);
    rh_record_close(s->record);
    rh_subscriptions_close(s->subscriptions);
    rh_worlds_close(s->worlds);
    rh_rest_stop(s);
    rh_web_close(p.web);
    rh_free(s);
    return rc;
}
