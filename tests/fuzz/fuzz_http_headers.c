/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that reads a request's headers, address and query before the record sees it. The first
 * byte chooses the reader; what a reader accepts must hold what it promises.
 */
#include "base/alloc.h"
#include "server/http_int.h"
#include "server/negotiate.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void dates(struct rh_text t)
{
    int64_t us, again;
    char printed[RH_HTTP_DATE_SIZE];
    if (rh_http_date_parse(t, &us))
        return;
    rh_http_date_print(us, printed);
    assert(strlen(printed) == RH_HTTP_DATE_SIZE - 1);
    if (rh_http_date_parse(rh_text(printed), &again) == RH_OK)
        assert(again == us);
}

static void address(struct rh_arena *a, struct rh_http_private *p, struct rh_text t)
{
    p->q.method = RH_M_GET;
    if (rh_request_address(&p->q, t) == RH_OK) {
        assert(p->q.n_segments <= RH_HTTP_SEGMENTS_MAX);
        for (unsigned i = 0; i < p->q.n_segments; i++)
            assert(rh_utf8_valid(p->q.segments[i]));
    }
    (void)a;
}

static void parameters(struct rh_arena *a, struct rh_issues *is, struct rh_text t)
{
    struct rh_result_parameters r;
    if (rh_result_parameters(a, is, t, &r))
        return;
    struct rh_result_parameters again;
    assert(rh_result_parameters(a, is, r.rest, &again) == RH_OK);
    assert(rh_text_eq(again.rest, r.rest) && !again.format.data && !again.pretty.data);
}

/* Lines "name:value" as headers, then what they say of the body. */
static void headers(struct rh_http_private *p, struct rh_text t)
{
    struct rh_text rest = t, line, name;
    while (rh_text_split(&rest, '\n', &line)) {
        struct rh_text value = line;
        if (!rh_text_split(&value, ':', &name) || !value.data)
            continue;
        if (rh_request_header_in(&p->q, name, value))
            return;
    }
    if (rh_request_framing(p, "HTTP/1.1") == RH_OK)
        assert(!p->q.headers[RH_H_TRANSFER_ENCODING].data ||
               !p->q.headers[RH_H_CONTENT_LENGTH].data);
    struct rh_text tag = p->q.headers[RH_H_IF_NONE_MATCH];
    rh_etag_matches(tag, "a1-5");
    rh_prefer_parse(p->q.headers[RH_H_PREFER]);
    rh_host_is_loopback(p->q.headers[RH_H_HOST]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 70000)
        return 0;
    struct rh_arena *a = rh_arena_open(16 << 20);
    char *copy = rh_arena_copy(a, data + 1, size - 1);
    struct rh_text t = {copy, size - 1};
    struct rh_http_private *p = rh_alloc(sizeof *p);
    p->q.http = p;
    p->q.arena = a;
    rh_issues_init(&p->q.issues, a);
    switch (data[0] % 8) {
    case 0:
        rh_accepts(t);
        rh_accepts_gzip(t);
        break;
    case 1:
        rh_media_of(t);
        rh_format_of(t);
        break;
    case 2:
        rh_prefer_parse(t);
        rh_etag_matches(t, "a1-5");
        break;
    case 3:
        dates(t);
        break;
    case 4:
        address(a, p, t);
        break;
    case 5:
        parameters(a, &p->q.issues, t);
        break;
    case 6:
        headers(p, t);
        break;
    default:
        rh_host_is_loopback(t);
        break;
    }
    rh_free(p);
    rh_arena_close(a);
    return 0;
}
