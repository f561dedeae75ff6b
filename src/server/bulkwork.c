/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/bulkwork.h"

#include "base/alloc.h"
#include "base/datetime.h"
#include "server/metrics.h"
#include "server/search_terms.h"
#include "server/subset.h"

enum { KINDS = 2, METRICS_BYTES = 64 << 20 /* addresses of RH_JOBS_MAX jobs */ };

struct rh_bulkwork {
    struct rh_jobs *jobs;
    struct rh_criteria_terms terms;
    struct rh_bulk_export_host export;
    struct rh_bulk_import_host import;
    struct rh_job_kind kinds[KINDS];
};

static enum rh_rc subset(struct rh_ctx *ctx, const struct rh_version *v, struct rh_text elements,
                         struct rh_buf *out)
{
    const struct rh_subset cut = {.summary = RH_SUMMARY_FALSE, .elements = elements};
    struct rh_buf whole = rh_buf(ctx->arena);
    yyjson_doc *doc;
    rh_version_write(v, &whole);
    if (whole.rc)
        return whole.rc;
    if (rh_json_parse(ctx->arena, ctx->issues, rh_buf_get(&whole), &doc))
        return RH_CORRUPT;
    rh_subset_write(&cut, rh_resource_type(v->type), yyjson_doc_get_root(doc), out);
    return out->rc;
}

enum rh_rc rh_bulkwork_open(const struct rh_bulkwork_options *o, struct rh_record *record,
                            struct rh_issues *is, struct rh_bulkwork **ret)
{
    struct rh_bulkwork *b = rh_alloc(sizeof *b);
    if (o->worlds)
        b->terms = rh_search_terms_of(o->worlds);
    b->export =
        (struct rh_bulk_export_host){.terms = o->worlds ? &b->terms : NULL, .subset = subset};
    b->kinds[0] = (struct rh_job_kind){"export", "export", rh_bulk_export_run, &b->export};
    b->import = (struct rh_bulk_import_host){
        .dir = o->import_dir, .hosts = o->import_hosts, .n_hosts = o->n_import_hosts};
    b->kinds[1] = (struct rh_job_kind){"import", "import", rh_bulk_import_run, &b->import};
    enum rh_rc rc = rh_jobs_open(o->dir, record, b->kinds, KINDS, is, &b->jobs);
    if (rc) {
        rh_free(b);
        return rc;
    }
    *ret = b;
    return RH_OK;
}

void rh_bulkwork_close(struct rh_bulkwork *b)
{
    if (!b)
        return;
    rh_jobs_close(b->jobs);
    rh_free(b);
}

struct rh_jobs *rh_bulkwork_jobs(const struct rh_bulkwork *b)
{
    return b->jobs;
}

const struct rh_job_kind *rh_bulkwork_kind(const struct rh_bulkwork *b, const char *name)
{
    for (unsigned i = 0; i < KINDS; i++)
        if (strcmp(b->kinds[i].name, name) == 0)
            return &b->kinds[i];
    return NULL;
}

const void *rh_bulkwork_host(const struct rh_bulkwork *b, const char *name)
{
    const struct rh_job_kind *k = rh_bulkwork_kind(b, name);
    return k ? k->user : NULL;
}

static void write_time(const char *name, int64_t us, struct rh_buf *out)
{
    char time[RH_INSTANT_SIZE];
    if (!us)
        return;
    rh_instant_print(us, time);
    rh_buf_printf(out, ",\"%s\":\"%s\"", name, time);
}

void rh_bulkwork_write_job(const struct rh_job_info *i, struct rh_buf *out)
{
    rh_buf_printf(out, "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\"", i->id, i->kind,
                  rh_job_state_name(i->state));
    write_time("asked", i->asked_us, out);
    write_time("started", i->started_us, out);
    write_time("ended", i->ended_us, out);
    write_time("expires", i->expires_us, out);
    rh_buf_printf(out, ",\"phase\":\"%s\",\"done\":%llu,\"total\":%llu,\"by\":", i->phase,
                  (unsigned long long)i->done, (unsigned long long)i->total);
    rh_buf_json(out, i->by);
    rh_buf_str(out, ",\"request\":");
    rh_buf_json(out, i->request);
    if (i->parameters.len) {
        rh_buf_str(out, ",\"parameters\":");
        rh_buf_text(out, i->parameters);
    }
    if (i->result.len) {
        rh_buf_str(out, ",\"result\":");
        rh_buf_text(out, i->result);
    }
    if (i->error.len) {
        rh_buf_str(out, ",\"error\":");
        rh_buf_text(out, i->error);
    }
    rh_buf_char(out, '}');
}

static void write_counts(const struct rh_bulkwork *b, const struct rh_job_info *rows, unsigned n,
                         struct rh_buf *out)
{
    rh_buf_str(out, "# HELP rihla_jobs Jobs that are known, by kind and state.\n"
                    "# TYPE rihla_jobs gauge\n");
    for (unsigned k = 0; k < KINDS; k++)
        for (unsigned s = 0; s < RH_JOB_STATES; s++) {
            unsigned count = 0;
            for (unsigned i = 0; i < n; i++)
                count += rows[i].kind == b->kinds[k].name && rows[i].state == s;
            rh_buf_printf(out, "rihla_jobs{kind=\"%s\",state=\"%s\"} %u\n", b->kinds[k].name,
                          rh_job_state_name((enum rh_job_state)s), count);
        }
}

void rh_bulkwork_metrics(const struct rh_bulkwork *b, struct rh_record *r, struct rh_buf *out)
{
    struct rh_arena *a = rh_arena_open(METRICS_BYTES);
    struct rh_job_info *rows;
    struct rh_indexing indexing;
    unsigned n;
    if (rh_jobs_list(b->jobs, a, &rows, &n) == RH_OK) {
        write_counts(b, rows, n, out);
        rh_buf_str(out, "# HELP rihla_job_done Resources or bytes that the running job has done.\n"
                        "# TYPE rihla_job_done gauge\n");
        for (unsigned i = 0; i < n; i++)
            if (rows[i].state == RH_JOB_ACTIVE)
                rh_buf_printf(out, "rihla_job_done{kind=\"%s\",phase=\"%s\"} %llu\n", rows[i].kind,
                              rows[i].phase, (unsigned long long)rows[i].done);
        rh_buf_str(out, "# HELP rihla_job_total The same of all that it has to do, where that is "
                        "known.\n# TYPE rihla_job_total gauge\n");
        for (unsigned i = 0; i < n; i++)
            if (rows[i].state == RH_JOB_ACTIVE && rows[i].total)
                rh_buf_printf(out, "rihla_job_total{kind=\"%s\",phase=\"%s\"} %llu\n", rows[i].kind,
                              rows[i].phase, (unsigned long long)rows[i].total);
    }
    rh_record_indexing(r, &indexing);
    rh_metrics_one(out, "rihla_indexing", "gauge",
                   "Added search parameters that are not indexed completely.", indexing.building);
    rh_metrics_one(out, "rihla_indexing_done", "gauge",
                   "Resources that were looked at for the one that is being indexed.",
                   (double)indexing.done);
    rh_metrics_one(out, "rihla_indexing_total", "gauge", "Resources that are to be looked at.",
                   (double)indexing.total);
    rh_arena_close(a);
}
