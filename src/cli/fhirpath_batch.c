/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath_batch.c - rihla fhirpath --batch: a line of JSON in, a line out.
 *
 * A batch keeps what repeats: compiled expressions by their text, and the last few resources by
 * their bytes, so that a thousand expressions over one resource parse it once.
 */
#include "base/alloc.h"
#include "cli/fhirpath_int.h"
#include "cli/lines.h"

enum { RESOURCE_KEEP = 4 << 20 /* bytes; larger resources are not kept parsed */ };

static size_t skip_space(struct rh_text t, size_t at)
{
    while (at < t.len && strchr(" \t\r\n", t.data[at]) && t.data[at])
        at++;
    return at;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(struct rh_text t, size_t at)
{
    for (at++; at < t.len && t.data[at] != '"'; at++)
        if (t.data[at] == '\\')
            at++;
    return at + 1;
}

/* Where the value of the member "resource" begins, when only members with simple values stand
 * before it; 0: look at the whole line. */
static size_t resource_at(struct rh_text line)
{
    static const char name[] = "\"resource\"";
    size_t at = skip_space(line, 0);
    if (at >= line.len || line.data[at] != '{')
        return 0;
    for (at++;;) {
        size_t from = skip_space(line, at);
        if (from >= line.len || line.data[from] != '"')
            return 0;
        at = skip_string(line, from);
        bool found = at - from == sizeof name - 1 && at <= line.len &&
                     memcmp(line.data + from, name, at - from) == 0;
        at = skip_space(line, at);
        if (at >= line.len || line.data[at] != ':')
            return 0;
        at = skip_space(line, at + 1);
        if (found)
            return at < line.len && line.data[at] == '{' ? at : 0;
        if (at < line.len && line.data[at] == '"')
            at = skip_string(line, at);
        else
            while (at < line.len && !strchr(",{[}", line.data[at]))
                at++;
        at = skip_space(line, at);
        if (at >= line.len || line.data[at] != ',')
            return 0;
        at++;
    }
}

/* The kept resource whose bytes stand at this place of the line; NULL: none. */
static struct rh_cli_resource *kept(struct rh_cli_session *s, struct rh_text line, size_t at)
{
    for (unsigned i = 0; i < RH_CLI_FP_RESOURCES; i++) {
        struct rh_cli_resource *r = &s->resources[i];
        size_t end = at + r->text.len;
        if (r->text.len == 0 || end >= line.len || (line.data[end] != ',' && line.data[end] != '}'))
            continue;
        if (memcmp(line.data + at, r->text.data, r->text.len) == 0) {
            r->used = ++s->clock;
            return r;
        }
    }
    return NULL;
}

/* The end of the JSON value that begins at `at`, which is known to be well-formed. */
static size_t value_end(struct rh_text t, size_t at)
{
    unsigned depth = 0;
    do {
        char c = t.data[at];
        if (c == '"') {
            at = skip_string(t, at);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    } while (depth && at < t.len);
    return at;
}

static void keep(struct rh_cli_session *s, struct rh_text line, size_t at)
{
    struct rh_cli_resource *r = &s->resources[0];
    size_t end = value_end(line, at);
    struct rh_issues is;
    yyjson_doc *doc;
    if (end - at > RESOURCE_KEEP)
        return;
    for (unsigned i = 1; i < RH_CLI_FP_RESOURCES; i++)
        if (s->resources[i].used < r->used)
            r = &s->resources[i];
    if (!r->arena)
        r->arena = rh_arena_open((size_t)RESOURCE_KEEP * 16);
    rh_arena_reset(r->arena);
    r->text = (struct rh_text){NULL, 0};
    rh_issues_init(&is, r->arena);
    struct rh_text copy = rh_text_copy(r->arena, (struct rh_text){line.data + at, end - at});
    if (!copy.data || rh_json_parse(r->arena, &is, copy, &doc))
        return;
    r->text = copy;
    r->value = yyjson_doc_get_root(doc);
    r->used = ++s->clock;
}

/* The line's object; *resource is set when it was kept, and null stands in its place then. */
static enum rh_rc parse_line(struct rh_cli_session *s, struct rh_issues *is, struct rh_text line,
                             yyjson_val **ret, yyjson_val **resource)
{
    yyjson_doc *doc;
    size_t at = resource_at(line);
    struct rh_cli_resource *r = at ? kept(s, line, at) : NULL;
    *resource = NULL;
    if (r) {
        struct rh_buf b = rh_buf(s->work);
        size_t end = at + r->text.len;
        rh_buf_add(&b, line.data, at);
        rh_buf_str(&b, "null");
        rh_buf_add(&b, line.data + end, line.len - end);
        *resource = r->value;
        line = rh_buf_get(&b);
        if (b.rc)
            return b.rc;
    }
    enum rh_rc rc = rh_json_parse(s->work, is, line, &doc);
    if (rc)
        return rc;
    *ret = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(*ret))
        return rh_issue_add(is, RH_STRUCTURE, NULL, "a line is a JSON object");
    if (at && !r)
        keep(s, line, at);
    return RH_OK;
}

/* One line in, one line out. False: the line itself is wrong. */
static bool run_line(void *user, struct rh_text line, uint64_t number)
{
    struct rh_cli_session *s = user;
    struct rh_issues is;
    struct rh_fp_question q = {.lenient = s->lenient};
    struct rh_fp_list result = {0};
    yyjson_val *o = NULL;
    rh_arena_reset(s->work);
    rh_issues_init(&is, s->work);
    struct rh_buf out = rh_buf(s->work);
    enum rh_rc rc = parse_line(s, &is, line, &o, &q.resource);
    bool good = rc == RH_OK;
    yyjson_val *id = good ? yyjson_obj_get(o, "id") : NULL;
    rh_buf_char(&out, '{');
    if (id) {
        rh_buf_str(&out, "\"id\":");
        rh_json_write(&out, id);
        rh_buf_char(&out, ',');
    } else {
        rh_buf_printf(&out, "\"line\":%llu,", (unsigned long long)number);
    }
    if (!rc)
        rc = rh_fp_question_read(s->work, &is, o, &q);
    if (!rc)
        rc = rh_cli_fp_answer(s, &is, &q, &result);
    size_t before = out.len;
    if (!rc) {
        rh_buf_str(&out, "\"result\":");
        rh_fp_print_list(s->work, &result, true, &out);
        rc = out.rc;
    }
    if (out.rc) { /* the answer is larger than the memory of a line */
        printf("{\"line\":%llu,\"error\":\"%s\",\"at\":null}\n", (unsigned long long)number,
               rh_rc_text(RH_NOMEM));
        return good;
    }
    if (rc) {
        out.len = before;
        rh_fp_print_error(&is, rc, &out);
    }
    rh_buf_str(&out, "}\n");
    fwrite(out.data, 1, out.len, stdout);
    return good;
}

int rh_cli_fp_batch(struct rh_cli_session *s)
{
    return rh_cli_each_line(s->cli, NULL, RH_CLI_FP_INPUT_MAX, run_line, s);
}
