/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/webfiles.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "server/rest_int.h"
#include "system/compress.h"
#include "system/file.h"

#include <dirent.h>
#include <stdio.h>

struct file {
    struct rh_text name, body, packed; /* packed empty: not worth it */
    const char *type;
    bool for_ever;
    char etag[2 * 16 + 3]; /* quotes, 16 bytes in hex, NUL */
};

struct rh_web {
    struct rh_arena *arena;
    struct file files[RH_WEB_FILES_MAX];
    unsigned n;
};

/* wasm-unsafe-eval lets the clinical core run, and nothing else: no eval of text. */
static const char csp[] = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src "
                          "'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
                          "frame-ancestors 'none'";

static const char plain_page[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>Rihla</title></head><body>\n"
    "<h1>Rihla</h1>\n<p>The record server is running. Synthetic data only, please.</p>\n"
    "<p>The web app is not part of this build. To make it: <code>./dev build</code> (with npm), or "
    "start with "
    "<code>--web-dir web/out</code>.</p>\n"
    "<p><a href=\"/fhir/metadata?_pretty=true\">/fhir/metadata</a> · <a "
    "href=\"/health\">/health</a> · "
    "<a href=\"/metrics\">/metrics</a></p>\n</body></html>\n";

static const char *type_of(struct rh_text name)
{
    static const struct {
        const char *suffix, *type;
    } rows[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".webmanifest", "application/manifest+json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_ends(name, rows[i].suffix))
            return rows[i].type;
    return "application/octet-stream";
}

/* "app-1a2b3c4d.js": at least eight letters or digits between the last '-' and the '.' behind it.
 */
static bool has_hash(struct rh_text name)
{
    size_t dash = name.len, n = 0;
    while (dash > 0 && name.data[dash - 1] != '-')
        dash--;
    while (dash > 0 && dash + n < name.len && name.data[dash + n] != '.')
        n++;
    return dash > 0 && n >= 8;
}

static enum rh_rc add(struct rh_web *w, struct rh_text name, struct rh_text body)
{
    if (w->n == RH_WEB_FILES_MAX)
        return RH_TOOLARGE;
    struct file *f = &w->files[w->n];
    struct rh_hash hash = rh_hash_of(body.data, body.len, NULL, 0);
    char text[2 * RH_HASH_SIZE + 1];
    struct rh_buf packed = rh_buf(w->arena);
    rh_hash_hex(&hash, text);
    *f = (struct file){
        .name = name, .body = body, .type = type_of(name), .for_ever = has_hash(name)};
    snprintf(f->etag, sizeof f->etag, "\"%.32s\"", text);
    enum rh_rc rc = body.len < RH_HTTP_GZIP_MIN ? RH_OK : rh_gzip_pack(body, 9, &packed);
    if (!rc && packed.len && packed.len < body.len * 9 / 10)
        f->packed = rh_buf_get(&packed);
    w->n += !rc;
    return rc;
}

static enum rh_rc add_folder(struct rh_web *w, const char *dir, struct rh_issues *is)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    enum rh_rc rc = RH_OK;
    bool index = false;
    if (!d)
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            "The folder of the web app, %s, cannot be opened.", dir);
    while (!rc && (e = readdir(d))) {
        char *path = rh_arena_printf(w->arena, "%s/%s", dir, e->d_name);
        struct rh_text name = rh_text_copy(w->arena, rh_text(e->d_name)), body;
        if (!path || !name.data)
            rc = RH_NOMEM;
        else if (name.data[0] != '.' && e->d_type != DT_DIR) {
            rc = rh_file_read(w->arena, is, path, RH_WEB_BYTES_MAX, &body);
            if (!rc)
                rc = add(w, name, body);
            index = index || rh_text_is(name, "index.html");
        }
    }
    closedir(d);
    if (!rc && !index)
        rc = rh_issue_add(is, RH_NOTFOUND, NULL, "The folder %s has no index.html.", dir);
    if (rc && !is->errors)
        rh_issue_add(is, rc, NULL, "The web app in %s cannot be read: %s.", dir, rh_rc_text(rc));
    return rc;
}

enum rh_rc rh_web_open(const char *dir, struct rh_issues *is, struct rh_web **ret)
{
    struct rh_web *w = rh_alloc(sizeof *w);
    enum rh_rc rc = RH_OK;
    w->arena = rh_arena_open(2 * (size_t)RH_WEB_BYTES_MAX);
    if (dir) {
        rc = add_folder(w, dir, is);
    } else {
        for (const struct rh_web_embedded *e = rh_web_embedded; e->name && !rc; e++)
            rc = add(w, rh_text(e->name), (struct rh_text){(const char *)e->data, e->size});
        if (!rc && w->n == 0)
            rc = add(w, RH_TEXT("index.html"), (struct rh_text){plain_page, sizeof plain_page - 1});
    }
    if (rc) {
        rh_web_close(w);
        return rc;
    }
    *ret = w;
    return RH_OK;
}

void rh_web_close(struct rh_web *w)
{
    if (!w)
        return;
    rh_arena_close(w->arena);
    rh_free(w);
}

static const struct file *find(const struct rh_web *w, const struct rh_request *q)
{
    struct rh_text name = q->n_segments == 0 ? RH_TEXT("index.html") : q->segments[0];
    for (unsigned i = 0; q->n_segments <= 1 && i < w->n; i++)
        if (rh_text_eq(w->files[i].name, name))
            return &w->files[i];
    return NULL;
}

enum rh_step rh_rest_web(struct rh_request *q)
{
    const struct file *f = find(rh_server_of(q)->web, q);
    if (!f) {
        enum rh_rc rc = rh_issue_add(&q->issues, RH_UNSUPPORTED, NULL,
                                     "There is nothing at this address; the FHIR base is /fhir.");
        return rh_rest_refuse(q, rc);
    }
    rh_request_answer_header(q, "ETag", f->etag);
    rh_request_answer_header(q, "Content-Security-Policy", csp);
    rh_request_answer_header(q, "Referrer-Policy", "no-referrer");
    rh_request_answer_header(q, "X-Frame-Options", "DENY");
    rh_request_answer_header(q, "Vary", "Accept-Encoding");
    q->cache = f->for_ever ? "public, max-age=31536000, immutable" : "no-cache";
    q->plain = true;
    struct rh_text tags = q->headers[RH_H_IF_NONE_MATCH];
    char bare[2 * 16 + 1];
    snprintf(bare, sizeof bare, "%.32s", f->etag + 1);
    if (tags.data && rh_etag_matches(tags, bare)) {
        q->status = 304;
        return RH_STEP_DONE;
    }
    q->status = 200;
    q->content_type = f->type;
    q->precompressed = f->packed.len > 0 && rh_accepts_gzip(q->headers[RH_H_ACCEPT_ENCODING]);
    q->answer = q->precompressed ? f->packed : f->body;
    return RH_STEP_DONE;
}
