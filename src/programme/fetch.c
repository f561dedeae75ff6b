/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/fetch.h"

#include "system/file.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, HOST_SIZE = 512 };

struct fetching {
    struct rh_issues *issues;
    const char *part;
    int fd;
    enum rh_rc rc;
    uint64_t bytes;
    bool (*progress)(void *user, uint64_t bytes);
    void *user;
};

static void init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* "host:port" of an address of http or https without a name and password. */
static bool place_of(CURLU *u, char ret[HOST_SIZE])
{
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    bool good = !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
                !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
                !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
                curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (good)
        good = snprintf(ret, HOST_SIZE, "%s:%s", host, port) < HOST_SIZE;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    return good;
}

/* "host" stands for its usual ports. */
static bool listed(const char *const *hosts, unsigned n, const char *place)
{
    struct rh_text at = rh_text(place);
    for (unsigned i = 0; i < n; i++) {
        struct rh_text h = rh_text(hosts[i]);
        if (rh_text_ieq(at, h))
            return true;
        if (at.len > h.len && rh_text_ieq((struct rh_text){at.data, h.len}, h) &&
            (strcmp(place + h.len, ":80") == 0 || strcmp(place + h.len, ":443") == 0))
            return true;
    }
    return false;
}

/* What stands behind '?' may be a signature that lets anybody in: not for logs. */
static struct rh_text shown_of(const char *url)
{
    return rh_text_shown((struct rh_text){url, strcspn(url, "?#")}, 200);
}

enum rh_rc rh_fetch_check(struct rh_issues *is, const char *const *hosts, unsigned n_hosts,
                          const char *url)
{
    char place[HOST_SIZE] = "";
    CURLU *u = curl_url();
    bool good = u && !curl_url_set(u, CURLUPART_URL, url, 0) && place_of(u, place);
    curl_url_cleanup(u);
    struct rh_text shown = shown_of(url);
    if (!good)
        return rh_issue_add(is, RH_INVALID, NULL,
                            "\"%.*s\" is not an address of http or https (without a name and "
                            "password).",
                            RH_TEXT_ARG(shown));
    if (!listed(hosts, n_hosts, place))
        return rh_issue_add(is, RH_FORBIDDEN, NULL,
                            "Nothing may be fetched from %s; the operator allows it by "
                            "serve --import-host %s.",
                            place, place);
    return RH_OK;
}

static size_t take(char *data, size_t size, size_t n, void *user)
{
    struct fetching *f = user;
    size_t len = size * n;
    f->bytes += len;
    if (f->bytes > (uint64_t)RH_FETCH_BYTES_MAX)
        f->rc = rh_issue_add(f->issues, RH_TOOLARGE, NULL, "The file is larger than %lld bytes.",
                             (long long)RH_FETCH_BYTES_MAX);
    if (!f->rc && (f->rc = rh_write_all(f->fd, data, len)))
        rh_issue_add(f->issues, f->rc, NULL, "cannot write %s: %s", f->part, rh_rc_text(f->rc));
    return f->rc ? 0 : len;
}

static int look(void *user, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
    struct fetching *f = user;
    (void)total, (void)now, (void)up, (void)up_now;
    if (!f->rc && f->progress && !f->progress(f->user, f->bytes))
        f->rc = RH_INTERRUPTED;
    return f->rc != RH_OK;
}

static void set_limits(CURL *c, struct fetching *f, const char *url)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)RH_FETCH_CONNECT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)RH_FETCH_RATE);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)RH_FETCH_STALL_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)RH_FETCH_TIME_S);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f);
}

static enum rh_rc perform(CURL *c, struct fetching *f, const char *url)
{
    char error[CURL_ERROR_SIZE] = "";
    long status = 0;
    struct rh_text shown = shown_of(url);
    set_limits(c, f, url);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (f->rc)
        return f->rc;
    if (code)
        return rh_issue_add(f->issues, RH_NOTFOUND, NULL, "%.*s cannot be fetched: %s",
                            RH_TEXT_ARG(shown), error[0] ? error : curl_easy_strerror(code));
    if (status != 200)
        return rh_issue_add(f->issues, RH_NOTFOUND, NULL,
                            "%.*s answers %ld; only 200 with the file itself is taken.",
                            RH_TEXT_ARG(shown), status);
    return RH_OK;
}

enum rh_rc rh_fetch(struct rh_issues *is, const char *const *hosts, unsigned n_hosts,
                    const char *url, const char *path, bool (*progress)(void *user, uint64_t bytes),
                    void *user)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char part[PATH_SIZE];
    pthread_once(&once, init);
    enum rh_rc rc = rh_fetch_check(is, hosts, n_hosts, url);
    if (rc)
        return rc;
    snprintf(part, sizeof part, "%s.part", path);
    struct fetching f = {.issues = is, .part = part, .progress = progress, .user = user};
    f.fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (f.fd < 0)
        return rh_errno_issue(is, errno, "create", part);
    CURL *c = curl_easy_init();
    rc = c ? perform(c, &f, url) : RH_NOMEM;
    curl_easy_cleanup(c);
    if (!rc && fsync(f.fd))
        rc = rh_errno_issue(is, errno, "sync", part);
    close(f.fd);
    if (!rc && rename(part, path))
        rc = rh_errno_issue(is, errno, "rename", part);
    if (rc)
        unlink(part);
    return rc;
}
