/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/http_int.h"
#include "server/negotiate.h"
#include "system/clock.h"
#include "system/compress.h"

#include <strings.h>

static const char *const methods[RH_METHODS] = {
    [RH_M_GET] = "GET",         [RH_M_HEAD] = "HEAD",   [RH_M_POST] = "POST",
    [RH_M_PUT] = "PUT",         [RH_M_PATCH] = "PATCH", [RH_M_DELETE] = "DELETE",
    [RH_M_OPTIONS] = "OPTIONS", [RH_M_OTHER] = "other",
};

const char *rh_method_name(enum rh_method m)
{
    return methods[m];
}

enum rh_method rh_request_method(const char *name)
{
    for (unsigned m = 0; m < RH_M_OTHER; m++)
        if (strcmp(name, methods[m]) == 0)
            return (enum rh_method)m;
    return RH_M_OTHER;
}

static enum rh_rc bad_character(struct rh_request *q, size_t at)
{
    return rh_issue_add(&q->issues, RH_INVALID, NULL,
                        "The address has a character at position %zu that an address cannot have; "
                        "percent-encode it.",
                        at + 1);
}

enum rh_rc rh_request_address(struct rh_request *q, struct rh_text uri)
{
    if (uri.len > RH_HTTP_URL_MAX)
        return rh_issue_add(
            &q->issues, RH_URITOOLONG, NULL,
            "The address has %zu bytes; %d are allowed. Send a long search as POST [type]/_search.",
            uri.len, RH_HTTP_URL_MAX);
    for (size_t i = 0; i < uri.len; i++) {
        unsigned char c = (unsigned char)uri.data[i];
        if (c <= ' ' || c == 0x7f || c == '#' || c == '"' || c == '<' || c == '>' || c == '\\' ||
            c == '^' || c == '`')
            return bad_character(q, i);
    }
    struct rh_text rest = uri, segment;
    rh_text_split(&rest, '?', &q->path);
    q->query = rest;
    if (rh_text_is(q->path, "*") && q->method == RH_M_OPTIONS)
        return RH_OK;
    if (q->path.len == 0 || q->path.data[0] != '/')
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "The address must begin with '/'.");
    rest = (struct rh_text){q->path.data + 1, q->path.len - 1};
    while (rh_text_split(&rest, '/', &segment)) {
        if (segment.len == 0 && !rest.data)
            break;
        if (q->n_segments == RH_HTTP_SEGMENTS_MAX)
            return rh_issue_add(&q->issues, RH_UNSUPPORTED, NULL,
                                "The address has more than %d parts; nothing is there.",
                                RH_HTTP_SEGMENTS_MAX);
        enum rh_rc rc = rh_path_decode(q->arena, segment, &q->segments[q->n_segments]);
        if (rc == RH_SYNTAX)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "Part %u of the address is not percent-encoded UTF-8.",
                                q->n_segments + 1);
        if (rc)
            return rc;
        q->n_segments++;
    }
    return RH_OK;
}

/* --- headers --- */
static const struct {
    const char *name;
    unsigned char len;
    bool list; /* may come several times: joined by ", " */
} known[RH_H_COUNT] = {
#define ROW(text, is_list)              \
    {                                   \
        text, sizeof(text) - 1, is_list \
    }
    [RH_H_ACCEPT] = ROW("Accept", true),
    [RH_H_ACCEPT_ENCODING] = ROW("Accept-Encoding", true),
    [RH_H_ACCEPT_LANGUAGE] = ROW("Accept-Language", true),
    [RH_H_CONTENT_ENCODING] = ROW("Content-Encoding", false),
    [RH_H_CONTENT_LENGTH] = ROW("Content-Length", false),
    [RH_H_CONTENT_TYPE] = ROW("Content-Type", false),
    [RH_H_EXPECT] = ROW("Expect", false),
    [RH_H_HOST] = ROW("Host", false),
    [RH_H_IF_MATCH] = ROW("If-Match", true),
    [RH_H_IF_MODIFIED_SINCE] = ROW("If-Modified-Since", false),
    [RH_H_IF_NONE_EXIST] = ROW("If-None-Exist", false),
    [RH_H_IF_NONE_MATCH] = ROW("If-None-Match", true),
    [RH_H_LAST_EVENT_ID] = ROW("Last-Event-ID", false),
    [RH_H_PREFER] = ROW("Prefer", true),
    [RH_H_PURPOSE] = ROW("X-Purpose-Of-Use", false),
    [RH_H_REQUEST_ID] = ROW("X-Request-Id", false),
    [RH_H_TRANSFER_ENCODING] = ROW("Transfer-Encoding", false),
#undef ROW
};

/* token of RFC 9110 5.6.2 */
static bool token_is(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return t.len > 0;
}

static bool value_is(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

enum rh_rc rh_request_header_in(struct rh_request *q, struct rh_text name, struct rh_text value)
{
    struct rh_http_private *p = q->http;
    p->header_bytes += name.len + value.len + 4;
    if (++p->n_headers > RH_HTTP_HEADERS_MAX)
        return rh_issue_add(&q->issues, RH_HEADERS, NULL, "There are more than %d headers.",
                            RH_HTTP_HEADERS_MAX);
    if (p->header_bytes > RH_HTTP_HEADER_MAX)
        return rh_issue_add(&q->issues, RH_HEADERS, NULL, "The headers have more than %d bytes.",
                            RH_HTTP_HEADER_MAX);
    if (!token_is(name))
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "The name of a header has a character that it cannot have.");
    if (!value_is(value))
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "The header %.*s has a control character.", RH_TEXT_ARG(name));
    for (unsigned h = 0; h < RH_H_COUNT; h++) {
        if (known[h].len != name.len || strncasecmp(known[h].name, name.data, name.len) != 0)
            continue;
        struct rh_text *to = &q->headers[h];
        value = rh_text_trim(value);
        if (!to->data) {
            *to = value.data ? value : RH_TEXT("");
            return RH_OK;
        }
        if (!known[h].list)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "The header %s is there twice; send it once.", known[h].name);
        char *both = rh_arena_printf(q->arena, "%.*s, %.*s", RH_TEXT_ARG(*to), RH_TEXT_ARG(value));
        if (!both)
            return RH_NOMEM;
        *to = rh_text(both);
        return RH_OK;
    }
    return RH_OK;
}

enum rh_rc rh_request_framing(struct rh_http_private *p, const char *version)
{
    struct rh_request *q = &p->q;
    struct rh_text te = q->headers[RH_H_TRANSFER_ENCODING], cl = q->headers[RH_H_CONTENT_LENGTH];
    if (!q->headers[RH_H_HOST].data && strcmp(version, "HTTP/1.0") != 0) {
        q->close = true;
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "The header Host is missing.");
    }
    if (te.data) {
        /* Two lengths, or one that a proxy may read in another way, is how requests are smuggled:
         * RFC 9112, 6.1. */
        q->close = true;
        if (cl.data)
            return rh_issue_add(&q->issues, RH_INVALID, NULL,
                                "Send Content-Length or Transfer-Encoding, not both.");
        if (!rh_text_ieq(te, RH_TEXT("chunked")) || strcmp(version, "HTTP/1.1") != 0)
            return rh_issue_add(
                &q->issues, RH_INVALID, NULL,
                "The only Transfer-Encoding that is supported is \"chunked\", in HTTP/1.1.");
        q->close = false;
        p->has_body = true;
        p->length = UINT64_MAX;
        return RH_OK;
    }
    p->length = 0;
    if (cl.data && rh_text_u64(cl, INT64_MAX, &p->length)) {
        q->close = true;
        return rh_issue_add(&q->issues, RH_INVALID, NULL, "Content-Length is not a number.");
    }
    p->has_body = p->length > 0;
    if (q->headers[RH_H_EXPECT].data &&
        !rh_text_ieq(q->headers[RH_H_EXPECT], RH_TEXT("100-continue"))) {
        q->close = true;
        return rh_issue_add(&q->issues, RH_INVALID, NULL,
                            "The only Expect that is supported is \"100-continue\".");
    }
    return RH_OK;
}

/* --- body --- */
static enum rh_rc too_large(struct rh_request *q)
{
    if (q->body_max == 0)
        return rh_issue_add(&q->issues, RH_TOOLARGE, NULL, "A %s of this address takes no body.",
                            methods[q->method]);
    return rh_issue_add(&q->issues, RH_TOOLARGE, NULL,
                        "The body is larger than the %zu bytes that are allowed here.",
                        q->body_max);
}

static enum rh_rc hold(struct rh_http_private *p, size_t n)
{
    if (atomic_fetch_add(&p->server->held, n) + n > RH_HTTP_BODIES_MAX) {
        atomic_fetch_sub(&p->server->held, n);
        return rh_issue_add(&p->q.issues, RH_BUSY, NULL,
                            "Many large requests are being read; try again in a moment.");
    }
    p->held += n;
    return RH_OK;
}

void rh_request_body_drop(struct rh_http_private *p)
{
    atomic_fetch_sub(&p->server->held, p->held);
    p->held = 0;
}

enum rh_rc rh_request_body_begin(struct rh_http_private *p)
{
    struct rh_request *q = &p->q;
    struct rh_text coding = q->headers[RH_H_CONTENT_ENCODING];
    if (coding.len && !rh_text_ieq(coding, RH_TEXT("gzip")) &&
        !rh_text_ieq(coding, RH_TEXT("identity")))
        return rh_issue_add(&q->issues, RH_MEDIATYPE, NULL,
                            "The only Content-Encoding that is supported is \"gzip\".");
    p->body = rh_buf(q->arena);
    if (!p->has_body)
        return RH_OK;
    if (p->length != UINT64_MAX && p->length > q->body_max)
        return too_large(q);
    if (p->length == UINT64_MAX)
        return RH_OK;
    enum rh_rc rc = hold(p, p->length);
    if (!rc && !rh_buf_room(&p->body, p->length + 1))
        rc = RH_NOMEM;
    return rc;
}

enum rh_rc rh_request_body_add(struct rh_http_private *p, const char *data, size_t n)
{
    struct rh_request *q = &p->q;
    p->received += n;
    atomic_fetch_add_explicit(&p->server->received, n, memory_order_relaxed);
    if (p->peer)
        atomic_store_explicit(&p->peer->bytes, p->received, memory_order_relaxed);
    if (p->drain)
        return RH_OK;
    int64_t ns = rh_clock_mono_ns() - q->started_ns;
    if (ns > RH_HTTP_BODY_S * INT64_C(1000000000) ||
        (ns > RH_HTTP_HEADER_S * INT64_C(1000000000) &&
         (int64_t)p->received < ns / INT64_C(1000000000) * RH_HTTP_BODY_RATE &&
         p->received < p->length)) {
        q->close = true;
        return rh_issue_add(
            &q->issues, RH_TIMEOUT, NULL,
            "The body arrived too slowly: at least %d bytes a second and all of it within %d s.",
            RH_HTTP_BODY_RATE, RH_HTTP_BODY_S);
    }
    if (p->received > q->body_max)
        return too_large(q);
    if (p->length == UINT64_MAX && p->received > p->held) {
        size_t more = p->received - p->held + RH_HTTP_INLINE_BODY_MAX;
        enum rh_rc rc = hold(p, more);
        if (rc)
            return rc;
    }
    rh_buf_add(&p->body, data, n);
    return p->body.rc;
}

enum rh_rc rh_request_body_end(struct rh_http_private *p)
{
    struct rh_request *q = &p->q;
    q->body = rh_buf_get(&p->body);
    if (!q->body.data)
        q->body = RH_TEXT("");
    if (!rh_text_ieq(q->headers[RH_H_CONTENT_ENCODING], RH_TEXT("gzip")) || !p->has_body)
        return RH_OK;
    size_t max = q->body.len * RH_HTTP_INFLATE_RATIO;
    bool ratio = max < q->body_max;
    struct rh_buf out = rh_buf(q->arena);
    enum rh_rc rc = rh_gzip_unpack(q->body, ratio ? max : q->body_max, &out);
    if (rc == RH_TOOLARGE && ratio)
        return rh_issue_add(&q->issues, rc, NULL,
                            "The gzip body unpacks to more than %d times its size.",
                            RH_HTTP_INFLATE_RATIO);
    if (rc == RH_TOOLARGE)
        return too_large(q);
    if (rc == RH_CORRUPT || rc == RH_SYNTAX)
        return rh_issue_add(&q->issues, RH_SYNTAX, NULL,
                            "The body is not gzip, as Content-Encoding says.");
    if (!rc)
        rc = hold(p, out.len);
    q->body = rh_buf_get(&out);
    if (!rc && !q->body.data)
        q->body = RH_TEXT("");
    return rc;
}
