/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription_send.c - libcurl: requests to endpoints, any number side by side on one thread.
 */
#include "programme/subscription_int.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

enum { ANSWER_MAX = 64 << 10 /* bytes of an answer's body, which nobody reads */ };

struct rh_sender {
    CURLM *multi;
};

struct rh_transfer {
    struct rh_sender *sender;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    void *user;
    size_t answered;
    bool running;
    char error[CURL_ERROR_SIZE];
};

static void init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct rh_sender *rh_sender_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init);
    CURLM *multi = curl_multi_init();
    if (!multi)
        return NULL;
    struct rh_sender *s = rh_alloc(sizeof *s);
    s->multi = multi;
    return s;
}

void rh_sender_close(struct rh_sender *s)
{
    if (!s)
        return;
    curl_multi_cleanup(s->multi);
    rh_free(s);
}

void rh_hook_sign(struct rh_text secret, int64_t now_us, struct rh_text body, char *ret,
                  size_t size)
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof mac + 1], time[24];
    int n = snprintf(time, sizeof time, "%lld.", (long long)(now_us / 1000000));
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.data, secret.len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)time, (unsigned long long)n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.data, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    snprintf(ret, size, "t=%.*s,v1=%s", n - 1, time, hex);
}

static size_t answer(char *data, size_t size, size_t n, void *user)
{
    struct rh_transfer *t = user;
    (void)data;
    t->answered += size * n;
    return t->answered > ANSWER_MAX ? 0 : size * n;
}

static bool add_header(struct rh_transfer *t, const char *line)
{
    struct curl_slist *more = line ? curl_slist_append(t->headers, line) : NULL;
    if (more)
        t->headers = more;
    return more != NULL;
}

/* The header lines, and the address in the arena. */
static enum rh_rc describe(struct rh_transfer *t, const struct rh_sending *what, struct rh_arena *a,
                           char **ret_url)
{
    const struct rh_hook *h = what->hook;
    char signature[120];
    bool fine = add_header(t, rh_arena_printf(a, "X-Rihla-Subscription: %.*s",
                                              RH_TEXT_ARG(what->subscription))) &&
                add_header(t, rh_arena_printf(a, "X-Rihla-Event: %.*s/%.*s/_history/%.*s",
                                              RH_TEXT_ARG(what->type), RH_TEXT_ARG(what->id),
                                              RH_TEXT_ARG(what->version))) &&
                add_header(t, "Expect:");
    if (h->secret.data) {
        rh_hook_sign(h->secret, what->now_us, what->body, signature, sizeof signature);
        fine = fine && add_header(t, rh_arena_printf(a, "X-Rihla-Signature: %s", signature));
    }
    if (h->payload == RH_HOOK_EMPTY) /* the library would name a form */
        fine = fine && add_header(t, "Content-Type:");
    else
        fine =
            fine && add_header(t, rh_arena_printf(a, "Content-Type: %.*s", RH_TEXT_ARG(h->media)));
    for (unsigned i = 0; i < h->n_headers; i++)
        fine = fine && add_header(t, rh_arena_printf(a, "%.*s", RH_TEXT_ARG(h->headers[i])));
    struct rh_text e = h->endpoint;
    while (h->payload != RH_HOOK_EMPTY && e.len && e.data[e.len - 1] == '/')
        e.len--;
    *ret_url = h->payload == RH_HOOK_EMPTY
                   ? rh_arena_printf(a, "%.*s", RH_TEXT_ARG(e))
                   : rh_arena_printf(a, "%.*s/%.*s/%.*s", RH_TEXT_ARG(e), RH_TEXT_ARG(what->type),
                                     RH_TEXT_ARG(what->id));
    return fine && *ret_url ? RH_OK : RH_NOMEM;
}

static bool set_up(struct rh_transfer *t, const struct rh_sending *what, const char *url)
{
    CURL *c = t->easy;
    bool put = what->hook->payload != RH_HOOK_EMPTY;
    t->body = rh_alloc(what->body.len + 1);
    if (what->body.len)
        memcpy(t->body, what->body.data, what->body.len);
    return !curl_easy_setopt(c, CURLOPT_URL, url) &&
           !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) &&
           !curl_easy_setopt(c, CURLOPT_PROXY, "") && !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) &&
           !curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)RH_HOOK_CONNECT_S) &&
           !curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)RH_HOOK_ANSWER_S) &&
           !curl_easy_setopt(c, CURLOPT_USERAGENT, "rihla/" RH_VERSION) &&
           !curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           !curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) &&
           !curl_easy_setopt(c, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)what->body.len) &&
           !curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->body) &&
           (!put || !curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "PUT")) &&
           !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, answer) &&
           !curl_easy_setopt(c, CURLOPT_WRITEDATA, t) &&
           !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error) &&
           !curl_easy_setopt(c, CURLOPT_PRIVATE, t);
}

struct rh_transfer *rh_transfer_open(struct rh_sender *s, const struct rh_sending *what, void *user)
{
    struct rh_arena *a = rh_arena_open(1 << 20);
    struct rh_transfer *t = rh_alloc(sizeof *t);
    char *url = NULL;
    t->sender = s;
    t->user = user;
    t->easy = curl_easy_init();
    bool fine = t->easy && describe(t, what, a, &url) == RH_OK && set_up(t, what, url) &&
                curl_multi_add_handle(s->multi, t->easy) == CURLM_OK;
    rh_arena_close(a);
    t->running = fine;
    if (fine)
        return t;
    rh_transfer_close(t);
    return NULL;
}

void rh_transfer_close(struct rh_transfer *t)
{
    if (!t)
        return;
    if (t->running)
        curl_multi_remove_handle(t->sender->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    rh_free(t->body);
    rh_free(t);
}

static enum rh_rc judge(struct rh_transfer *t, CURLcode code, char *why, size_t size)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    bool long_answer = code == CURLE_WRITE_ERROR && t->answered > ANSWER_MAX;
    if (code && !long_answer) {
        snprintf(why, size, "%s", t->error[0] ? t->error : curl_easy_strerror(code));
        return RH_IO;
    }
    if (status >= 200 && status <= 299)
        return RH_OK;
    snprintf(why, size, "the endpoint answered %ld%s", status,
             status >= 300 && status <= 399 ? "; redirects are not followed" : "");
    return RH_IO;
}

bool rh_sender_ended(struct rh_sender *s, void **ret_user, enum rh_rc *ret_rc, char *why,
                     size_t why_size)
{
    int left = 0;
    CURLMsg *m;
    curl_multi_perform(s->multi, &left);
    while ((m = curl_multi_info_read(s->multi, &left))) {
        char *private = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
        struct rh_transfer *t = (struct rh_transfer *)(void *)private;
        *ret_rc = judge(t, m->data.result, why, why_size);
        *ret_user = t->user;
        return true;
    }
    return false;
}

void rh_sender_wait(struct rh_sender *s, int timeout_ms)
{
    curl_multi_poll(s->multi, NULL, 0, timeout_ms, NULL);
}

void rh_sender_wake(struct rh_sender *s)
{
    curl_multi_wakeup(s->multi);
}
