/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/bulk_export.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "search/query.h"
#include "system/clock.h"
#include "system/compress.h"
#include "system/file.h"

#include <unistd.h>

enum {
    PIECE_BYTES = 512 << 20, /* memory of a page of a filter */
    READ = 256 << 10,
    LINE_HEAD = 256 /* bytes of a line that have its type and id */
};

/* Ids that were given, of a type with several filters. */
struct ids {
    struct rh_hash *slots; /* zeros: free */
    bool *used;
    size_t n, cap;
};

struct bulk {
    struct rh_job *job;
    const struct rh_bulk_export_host *host;
    struct rh_bulk_export asked;
    struct rh_session *session;
    struct rh_ctx ctx;
    struct rh_caller caller;
    struct rh_walk_ranges ranges;
    struct rh_moment moment;
    bool walk_types[RH_RESOURCE_TYPES + 1];
    struct rh_ndjson *files;
    uint64_t at, done, total;
    bool walked;
    unsigned filter; /* that is worked on */
    struct rh_text cursor;
    struct ids ids;
    int64_t kept_ns;
};

/* --- parameters and positions as JSON ----------------------------------------------------------
 */

static const char *const levels[] = {
    [RH_BULK_SYSTEM] = "system", [RH_BULK_PATIENT] = "patient", [RH_BULK_GROUP] = "group"};

void rh_bulk_export_write(const struct rh_bulk_export *b, struct rh_buf *out)
{
    bool first = true;
    rh_buf_printf(out, "{\"level\":\"%s\",\"group\":", levels[b->level]);
    rh_buf_json(out, b->group);
    rh_buf_str(out, ",\"patients\":[");
    for (size_t i = 0; i < b->n_patients; i++) {
        rh_buf_str(out, i ? "," : "");
        rh_buf_json(out, b->patients[i]);
    }
    rh_buf_char(out, ']');
    if (b->has_since)
        rh_buf_printf(out, ",\"since\":%lld", (long long)b->since_us);
    rh_buf_str(out, ",\"types\":[");
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++) {
        if (!b->has_types || !b->types[t])
            continue;
        rh_buf_printf(out, "%s\"%s\"", first ? "" : ",", rh_resource_type(t)->name);
        first = false;
    }
    rh_buf_str(out, "],\"filters\":[");
    for (size_t i = 0; i < b->n_filters; i++) {
        rh_buf_printf(out, "%s{\"type\":\"%s\",\"query\":", i ? "," : "",
                      rh_resource_type(b->filters[i].type)->name);
        rh_buf_json(out, b->filters[i].query);
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, "],\"elements\":");
    rh_buf_json(out, b->elements);
    rh_buf_char(out, '}');
}

static int64_t number_of(yyjson_val *v)
{
    struct rh_text t = rh_json_text(v);
    bool minus = t.len && t.data[0] == '-';
    uint64_t n = 0;
    rh_text_u64((struct rh_text){t.data + minus, t.len - minus}, INT64_MAX, &n);
    return minus ? -(int64_t)n : (int64_t)n;
}

static enum rh_rc read_lists(struct rh_arena *a, yyjson_val *o, struct rh_bulk_export *b)
{
    yyjson_val *list = yyjson_obj_get(o, "patients"), *v;
    struct rh_text *patients = rh_arena_alloc(a, (yyjson_arr_size(list) + 1) * sizeof *patients);
    size_t i, max;
    if (!patients)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, max, v)
        patients[b->n_patients++] = rh_json_text(v);
    b->patients = patients;
    yyjson_arr_foreach (yyjson_obj_get(o, "types"), i, max, v) {
        b->types[rh_resource_number(rh_json_text(v))] = true;
        b->has_types = true;
    }
    list = yyjson_obj_get(o, "filters");
    b->filters = rh_arena_alloc(a, (yyjson_arr_size(list) + 1) * sizeof *b->filters);
    if (!b->filters)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, max, v)
        b->filters[b->n_filters++] = (struct rh_bulk_export_filter){
            rh_resource_number(rh_json_get(v, "type")), rh_json_get(v, "query")};
    return RH_OK;
}

static enum rh_rc read_parameters(struct rh_arena *a, struct rh_text json, struct rh_bulk_export *b)
{
    struct rh_issues none;
    yyjson_doc *doc;
    rh_issues_init(&none, a);
    if (rh_json_parse(a, &none, json, &doc))
        return RH_CORRUPT;
    yyjson_val *o = yyjson_doc_get_root(doc), *since = yyjson_obj_get(o, "since");
    struct rh_text level = rh_json_get(o, "level");
    *b = (struct rh_bulk_export){.group = rh_json_get(o, "group"),
                                 .elements = rh_json_get(o, "elements"),
                                 .has_since = since != NULL,
                                 .since_us = since ? number_of(since) : INT64_MIN};
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (rh_text_is(level, levels[i]))
            b->level = (enum rh_bulk_level)i;
    return read_lists(a, o, b);
}

static void write_files(const struct rh_ndjson *files, struct rh_buf *out)
{
    unsigned n;
    const struct rh_ndjson_file *f = rh_ndjson_files(files, &n);
    rh_buf_str(out, "\"files\":[");
    for (unsigned i = 0; i < n; i++)
        rh_buf_printf(out, "%s[\"%s\",%u,%llu,%llu]", i ? "," : "",
                      f[i].type ? rh_resource_type(f[i].type)->name : "", f[i].number,
                      (unsigned long long)f[i].count, (unsigned long long)f[i].bytes);
    rh_buf_char(out, ']');
}

static enum rh_rc read_files(struct rh_arena *a, yyjson_val *o, struct rh_ndjson_file **ret,
                             unsigned *n)
{
    yyjson_val *list = yyjson_obj_get(o, "files"), *v;
    size_t i, max;
    *n = 0;
    *ret = rh_arena_zero(a, (yyjson_arr_size(list) + 1) * sizeof **ret);
    if (!*ret)
        return RH_NOMEM;
    yyjson_arr_foreach (list, i, max, v)
        (*ret)[(*n)++] = (struct rh_ndjson_file){
            .type = (uint16_t)rh_resource_number(rh_json_text(yyjson_arr_get(v, 0))),
            .number = (unsigned)number_of(yyjson_arr_get(v, 1)),
            .count = (uint64_t)number_of(yyjson_arr_get(v, 2)),
            .bytes = (uint64_t)number_of(yyjson_arr_get(v, 3))};
    return RH_OK;
}

enum rh_rc rh_bulk_export_result(struct rh_arena *a, struct rh_text json,
                                 struct rh_bulk_export_result *ret)
{
    struct rh_issues none;
    yyjson_doc *doc;
    rh_issues_init(&none, a);
    if (!json.len || rh_json_parse(a, &none, json, &doc))
        return RH_CORRUPT;
    yyjson_val *o = yyjson_doc_get_root(doc);
    ret->time_us = number_of(yyjson_obj_get(o, "time"));
    return read_files(a, o, &ret->files, &ret->n);
}

/* --- positions ---------------------------------------------------------------------------------
 */

/* The record must not stop because of an export. */
static enum rh_rc check_disk(struct bulk *b)
{
    uint64_t bytes = 0;
    if (rh_disk_free(rh_job_folder(b->job), &bytes) ||
        bytes >> 20 >= (uint64_t)RH_BULK_EXPORT_SPARE_MIB)
        return RH_OK;
    return rh_issue_add(b->ctx.issues, RH_FULL, NULL,
                        "less than %d MB are left on the disk, and they are for the record: make "
                        "room, or export less at a time",
                        RH_BULK_EXPORT_SPARE_MIB);
}

/* All that is in the files becomes durable, then the place that follows it. */
static enum rh_rc keep(struct bulk *b)
{
    struct rh_arena *a = rh_arena_open(RH_JOB_FILE_MAX);
    struct rh_buf out = rh_buf(a);
    enum rh_rc rc = check_disk(b);
    if (!rc)
        rc = rh_ndjson_sync(b->files, b->ctx.issues);
    rh_buf_printf(&out,
                  "{\"newest\":%llu,\"time\":%lld,\"at\":%llu,\"walked\":%s,\"filter\":%u,"
                  "\"done\":%llu,\"cursor\":",
                  (unsigned long long)b->moment.newest, (long long)b->moment.time_us,
                  (unsigned long long)b->at, b->walked ? "true" : "false", b->filter,
                  (unsigned long long)b->done);
    rh_buf_json(&out, b->cursor);
    rh_buf_char(&out, ',');
    write_files(b->files, &out);
    rh_buf_char(&out, '}');
    rc = rc ? rc : out.rc ? out.rc : rh_job_keep(b->job, rh_buf_get(&out));
    rh_arena_close(a);
    b->kept_ns = rh_clock_mono_ns();
    return rc;
}

/* Begins, or goes on from the kept position. */
static enum rh_rc open_files(struct bulk *b)
{
    const struct rh_job_info *info = rh_job_info(b->job);
    struct rh_ndjson_file nothing = {0}, *files = &nothing;
    struct rh_ndjson_options o = {.folder = rh_job_folder(b->job), .split = RH_BULK_EXPORT_SPLIT};
    enum rh_rc rc = RH_OK;
    b->moment.newest = UINT64_MAX;
    if (info->position.len) {
        yyjson_doc *doc;
        if (rh_json_parse(b->ctx.arena, b->ctx.issues, info->position, &doc))
            return RH_CORRUPT;
        yyjson_val *p = yyjson_doc_get_root(doc);
        b->moment.newest = (uint64_t)number_of(yyjson_obj_get(p, "newest"));
        b->moment.time_us = number_of(yyjson_obj_get(p, "time"));
        b->at = (uint64_t)number_of(yyjson_obj_get(p, "at"));
        b->walked = yyjson_get_bool(yyjson_obj_get(p, "walked"));
        b->filter = (unsigned)number_of(yyjson_obj_get(p, "filter"));
        b->done = (uint64_t)number_of(yyjson_obj_get(p, "done"));
        b->cursor = rh_json_get(p, "cursor");
        rc = read_files(b->ctx.arena, p, &files, &o.n_files);
    }
    o.files = files;
    if (!rc)
        rc = rh_ndjson_open(b->ctx.issues, &o, &b->files);
    if (!rc && b->moment.newest == UINT64_MAX)
        rc = rh_record_moment(rh_job_record(b->job), &b->moment);
    return rc ? rc : keep(b);
}

/* --- which resources ---------------------------------------------------------------------------
 */

static int by_text(const void *a, const void *b)
{
    return rh_text_cmp(*(const struct rh_text *)a, *(const struct rh_text *)b);
}

/* The patients of the group that are named; all when none is named. */
static enum rh_rc group_patients(struct rh_session *s, struct rh_ctx *ctx,
                                 const struct rh_caller *caller, const struct rh_bulk_export *b,
                                 const struct rh_text **ids, size_t *n)
{
    struct rh_text *members;
    size_t n_members;
    enum rh_rc rc = rh_group_patients(s, ctx, caller, b->group, &members, &n_members);
    *ids = b->n_patients ? b->patients : members;
    *n = b->n_patients ? b->n_patients : n_members;
    for (size_t i = 0; i < b->n_patients && !rc; i++)
        if (!n_members || !bsearch(&b->patients[i], members, n_members, sizeof *members, by_text))
            rc = rh_issue_add(ctx->issues, RH_INVALID, NULL,
                              "Patient/%.*s is not a member of Group/%.*s.",
                              RH_TEXT_ARG(b->patients[i]), RH_TEXT_ARG(b->group));
    return rc;
}

static bool look(void *user, const char *phase, uint64_t done, uint64_t total)
{
    const struct bulk *b = user;
    return rh_job_progress(b->job, phase, done, total);
}

static enum rh_rc find_ranges(struct bulk *b)
{
    const struct rh_bulk_export *x = &b->asked;
    struct rh_text what = rh_job_info(b->job)->request;
    const struct rh_text *ids = x->patients;
    size_t n = x->n_patients;
    enum rh_rc rc = RH_OK;
    if (x->level == RH_BULK_SYSTEM)
        return rh_walk_system(b->session, &b->ctx, &b->caller, what, &b->ranges);
    if (x->level == RH_BULK_PATIENT && !n)
        return rh_walk_persons(b->session, &b->ctx, &b->caller, what, &b->ranges);
    if (x->level == RH_BULK_GROUP)
        rc = group_patients(b->session, &b->ctx, &b->caller, x, &ids, &n);
    const struct rh_walk_members members = {what, ids, n, look, b};
    return rc ? rc : rh_walk_patients(b->session, &b->ctx, &b->caller, &members, &b->ranges);
}

static void find_types(struct bulk *b)
{
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++)
        b->walk_types[t] = !b->asked.has_types || b->asked.types[t];
    for (size_t i = 0; i < b->asked.n_filters; i++)
        b->walk_types[b->asked.filters[i].type] = false;
}

static enum rh_rc find_total(struct bulk *b)
{
    enum rh_rc rc = RH_OK;
    if (b->asked.level == RH_BULK_GROUP || b->asked.n_patients || b->asked.has_since)
        return RH_OK;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES && !rc; t++) {
        uint64_t count = 0;
        if (b->walk_types[t])
            rc = rh_record_count(b->session, &b->ctx, &b->caller, t, &count);
        b->total += count;
    }
    return rc;
}

/* --- elements ----------------------------------------------------------------------------------
 */

/* A name without a type is of every type. */
static bool elements_cut(struct rh_text elements, unsigned type)
{
    struct rh_text rest = elements, item;
    while (rh_text_split(&rest, ',', &item)) {
        struct rh_text tail = rh_text_trim(item), head;
        rh_text_split(&tail, '.', &head);
        if (!rh_resource_number(head) || rh_text_is(head, rh_resource_type(type)->name))
            return true;
    }
    return false;
}

static enum rh_rc write_resource(void *user, struct rh_ctx *ctx, const struct rh_version *v,
                                 struct rh_buf *out)
{
    const struct bulk *b = user;
    if (b->asked.elements.len && elements_cut(b->asked.elements, v->type))
        return b->host->subset(ctx, v, b->asked.elements, out);
    rh_version_write(v, out);
    return out->rc;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static enum rh_rc step(void *user, uint64_t at, uint64_t done)
{
    struct bulk *b = user;
    b->at = at;
    b->done = done;
    if (!rh_job_progress(b->job, "reading", done, b->total))
        return RH_INTERRUPTED;
    if (rh_clock_mono_ns() - b->kept_ns > RH_BULK_EXPORT_KEEP_MS * INT64_C(1000000))
        return keep(b);
    return RH_OK;
}

static enum rh_rc walk(struct bulk *b)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct rh_export_walk w = {
        .walk = {.ranges = b->ranges,
                 .moment = b->moment,
                 .types = b->walk_types,
                 .since_us = b->asked.has_since ? b->asked.since_us : INT64_MIN},
        .deletions = b->asked.has_since,
        .workers = cores > 2 ? (unsigned)cores / 2 : 1, /* the rest is for who waits */
        .at = b->at,
        .done = b->done,
        .write = b->asked.elements.len ? write_resource : NULL,
        .write_user = b,
        .step = step,
        .step_user = b};
    bool any = false;
    for (unsigned t = 1; t <= RH_RESOURCE_TYPES; t++)
        any = any || b->walk_types[t];
    enum rh_rc rc =
        any ? rh_export_walk(rh_job_record(b->job), b->ctx.issues, &w, b->files, &b->done) : RH_OK;
    b->walked = rc == RH_OK;
    return rc ? rc : keep(b);
}

/* --- filters -----------------------------------------------------------------------------------
 */

/* True: it was there already. */
static bool ids_add(struct ids *s, struct rh_hash h)
{
    if (2 * (s->n + 1) > s->cap) {
        struct ids bigger = {.cap = s->cap ? 2 * s->cap : 4096};
        bigger.slots = rh_alloc(bigger.cap * sizeof *bigger.slots);
        bigger.used = rh_alloc(bigger.cap * sizeof *bigger.used);
        for (size_t i = 0; i < s->cap; i++)
            if (s->used[i])
                ids_add(&bigger, s->slots[i]);
        rh_free(s->slots);
        rh_free(s->used);
        *s = bigger;
    }
    size_t i = 0;
    memcpy(&i, h.bytes, sizeof i);
    for (i &= s->cap - 1; s->used[i]; i = (i + 1) & (s->cap - 1))
        if (memcmp(s->slots[i].bytes, h.bytes, RH_HASH_SIZE) == 0)
            return true;
    s->slots[i] = h;
    s->used[i] = true;
    s->n++;
    return false;
}

static void ids_clear(struct ids *s)
{
    rh_free(s->slots);
    rh_free(s->used);
    *s = (struct ids){0};
}

static struct rh_hash hash_id(unsigned type, struct rh_text id)
{
    char text[RH_STORE_ID_MAX + 64];
    int n = snprintf(text, sizeof text, "%u/%.*s", type, RH_TEXT_ARG(id));
    return rh_hash_of(text, (size_t)n, NULL, 0);
}

/* The id of a line: {"resourceType":"T","id":"I"… */
static void note_line(struct bulk *b, unsigned type, struct rh_text line)
{
    size_t head =
        sizeof "{\"resourceType\":\"\",\"id\":\"" - 1 + strlen(rh_resource_type(type)->name);
    const char *end = line.len > head ? memchr(line.data + head, '"', line.len - head) : NULL;
    if (end)
        ids_add(&b->ids, hash_id(type, (struct rh_text){line.data + head,
                                                        (size_t)(end - line.data) - head}));
}

/* What a file of this type has already, before work goes on. */
static enum rh_rc note_file(struct bulk *b, const char *path, unsigned type)
{
    struct rh_reader *r = NULL;
    char *piece = rh_alloc(READ), line[LINE_HEAD];
    size_t n = 1, len = 0;
    enum rh_rc rc = rh_reader_open(b->ctx.issues, path, &r);
    while (!rc && n) {
        rc = rh_reader_read(r, piece, READ, &n);
        for (size_t i = 0; i < n && !rc; i++) {
            if (piece[i] == '\n') {
                note_line(b, type, (struct rh_text){line, len});
                len = 0;
            } else if (len < sizeof line) {
                line[len++] = piece[i];
            }
        }
    }
    if (r)
        rh_reader_close(r);
    rh_free(piece);
    return rc;
}

static enum rh_rc note_type(struct bulk *b, unsigned type)
{
    unsigned n;
    const struct rh_ndjson_file *f = rh_ndjson_files(b->files, &n);
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < n && !rc; i++) {
        char name[RH_NDJSON_NAME_SIZE];
        if (f[i].type != type)
            continue;
        rh_ndjson_name(&f[i], false, name);
        char *path = rh_arena_printf(b->ctx.arena, "%s/%s", rh_job_folder(b->job), name);
        rc = path ? note_file(b, path, type) : RH_NOMEM;
    }
    return rc;
}

static enum rh_rc in_scope(struct bulk *b, struct rh_ctx *ctx, const struct rh_version *v,
                           bool *ret)
{
    uint64_t rk = 0;
    *ret = !b->asked.has_since || v->time_us >= b->asked.since_us;
    if (!*ret || b->asked.level == RH_BULK_SYSTEM)
        return RH_OK;
    enum rh_rc rc = rh_walk_number(b->session, ctx->arena, v->type, v->id, &rk);
    *ret = !rc && rh_walk_has(&b->ranges, rk);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static enum rh_rc add_matches(struct bulk *b, struct rh_ctx *ctx, const struct rh_page *page)
{
    struct rh_buf text = rh_buf(ctx->arena);
    uint64_t lines = 0;
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < page->n && !rc; i++) {
        const struct rh_version *v = &page->rows[i];
        bool wanted;
        rc = in_scope(b, ctx, v, &wanted);
        if (rc || !wanted || ids_add(&b->ids, hash_id(v->type, v->id)))
            continue;
        rc = write_resource(b, ctx, v, &text);
        rh_buf_char(&text, '\n');
        lines++;
    }
    rc = rc ? rc : text.rc;
    if (!rc && lines)
        rc = rh_ndjson_add(b->files, ctx->issues, page->rows[0].type, rh_buf_get(&text), lines);
    b->done += rc ? 0 : lines;
    return rc;
}

static enum rh_rc search(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                         const struct rh_bulk_export_host *host,
                         const struct rh_bulk_export_filter *f, unsigned count,
                         struct rh_text cursor, struct rh_page *page)
{
    const struct rh_criteria_terms *terms = host->terms;
    struct rh_search_request r = {.type = f->type};
    void *state = NULL;
    struct rh_query *parsed = rh_arena_zero(ctx->arena, sizeof *parsed);
    struct rh_buf query = rh_buf(ctx->arena);
    rh_buf_text(&query, f->query);
    rh_buf_printf(&query, "%s_count=%u", f->query.len ? "&" : "", count);
    if (cursor.len) {
        rh_buf_str(&query, "&_cursor=");
        rh_buf_percent(&query, cursor);
    }
    r.query = rh_buf_get(&query);
    if (!parsed || query.rc)
        return RH_NOMEM;
    if (terms)
        r.host = terms->open(terms->user, s, ctx, r.query, &state);
    enum rh_rc rc = rh_record_search(s, ctx, caller, &r, page, parsed);
    if (terms)
        terms->close(state);
    return rc;
}

static enum rh_rc run_filter(struct bulk *b, const struct rh_bulk_export_filter *f,
                             struct rh_arena *a)
{
    char *cursor = b->cursor.len ? rh_alloc(b->cursor.len + 1) : NULL;
    enum rh_rc rc = RH_OK;
    if (cursor)
        memcpy(cursor, b->cursor.data, b->cursor.len);
    b->cursor.data = cursor;
    for (bool more = true; more && !rc;) {
        struct rh_page page = {0};
        struct rh_ctx ctx = b->ctx;
        rh_arena_reset(a);
        ctx.arena = a;
        rc = search(b->session, &ctx, &b->caller, b->host, f, RH_QUERY_COUNT_MAX, b->cursor, &page);
        if (!rc)
            rc = add_matches(b, &ctx, &page);
        more = !rc && page.next.len;
        if (rc)
            break;
        rh_free(cursor);
        cursor = page.next.len ? rh_alloc(page.next.len + 1) : NULL;
        if (cursor)
            memcpy(cursor, page.next.data, page.next.len);
        b->cursor = (struct rh_text){cursor, page.next.len};
        if (more)
            rc = step(b, b->at, b->done);
    }
    b->cursor = (struct rh_text){NULL, 0};
    rh_free(cursor);
    return rc;
}

static enum rh_rc run_filters(struct bulk *b)
{
    struct rh_arena *a = rh_arena_open(PIECE_BYTES);
    enum rh_rc rc = RH_OK;
    for (; b->filter < b->asked.n_filters && !rc; b->filter += rc == RH_OK) {
        const struct rh_bulk_export_filter *f = &b->asked.filters[b->filter];
        ids_clear(&b->ids);
        rc = note_type(b, f->type);
        if (!rc)
            rc = run_filter(b, f, a);
    }
    ids_clear(&b->ids);
    rh_arena_close(a);
    return rc ? rc : keep(b);
}

/* --- the job -----------------------------------------------------------------------------------
 */

static enum rh_rc tell_result(struct bulk *b)
{
    struct rh_buf out = rh_buf(b->ctx.arena);
    rh_buf_printf(&out, "{\"time\":%lld,", (long long)b->moment.time_us);
    write_files(b->files, &out);
    rh_buf_char(&out, '}');
    if (out.rc)
        return out.rc;
    rh_job_progress(b->job, "", b->done, b->done);
    rh_job_result(b->job, rh_buf_get(&out));
    return RH_OK;
}

enum rh_rc rh_bulk_export_run(struct rh_job *j, void *user)
{
    struct bulk *b = rh_alloc(sizeof *b);
    b->job = j;
    b->host = user;
    b->caller = rh_job_caller(j);
    b->ctx = (struct rh_ctx){
        .arena = rh_job_arena(j), .issues = rh_job_issues(j), .now_us = rh_clock_now_us()};
    enum rh_rc rc = read_parameters(b->ctx.arena, rh_job_info(j)->parameters, &b->asked);
    if (!rc)
        rc = rh_session_open(rh_job_record(j), &b->session);
    if (!rc)
        rc = open_files(b);
    find_types(b);
    if (!rc)
        rc = find_ranges(b);
    if (!rc)
        rc = find_total(b);
    if (!rc && !b->walked)
        rc = walk(b);
    if (!rc)
        rc = run_filters(b);
    if (!rc)
        rc = tell_result(b);
    rh_ndjson_close(b->files);
    rh_session_close(b->session);
    rh_free(b);
    return rc;
}

enum rh_rc rh_bulk_export_check(struct rh_session *s, struct rh_ctx *ctx,
                                const struct rh_caller *caller,
                                const struct rh_bulk_export_host *host,
                                const struct rh_bulk_export *b)
{
    struct rh_grant grant;
    const struct rh_text *ids;
    size_t n;
    enum rh_rc rc = rh_access_decide(caller, RH_ACTION_EXPORT, 0, ctx->issues, &grant);
    if (!rc && b->level == RH_BULK_GROUP)
        rc = group_patients(s, ctx, caller, b, &ids, &n);
    for (size_t i = 0; i < b->n_patients && !rc && b->level == RH_BULK_PATIENT; i++) {
        uint64_t rk;
        rc = rh_walk_number(s, ctx->arena, rh_resource_number(RH_TEXT("Patient")), b->patients[i],
                            &rk);
        if (rc == RH_NOTFOUND)
            rc = rh_issue_add(ctx->issues, RH_INVALID, NULL, "There is no Patient/%.*s.",
                              RH_TEXT_ARG(b->patients[i]));
    }
    for (size_t i = 0; i < b->n_filters && !rc; i++) {
        struct rh_page page = {0};
        rc = search(s, ctx, caller, host, &b->filters[i], 1, (struct rh_text){NULL, 0}, &page);
    }
    return rc;
}
