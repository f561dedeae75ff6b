/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/bulkwork.h"
#include "server/rest_int.h"

#include "base/datetime.h"
#include "base/hash.h"
#include "system/clock.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    HEALTH_FREE_BYTES = 64 << 20 /* with less room than this a full disk is not called well again */
};

/* What stands in the statement makes its ETag: it changes when the statement does. */
enum rh_step rh_rest_metadata(struct rh_request *q)
{
    struct rh_text text;
    uint64_t hash;
    char tag[24];
    bool packed = q->format == RH_FORMAT_JSON && !q->pretty && !rh_rest_of(q)->whole &&
                  rh_accepts_gzip(q->headers[RH_H_ACCEPT_ENCODING]);
    enum rh_rc rc = rh_capability_text(rh_server_of(q), q->arena, packed, &hash, &text);
    if (rc)
        return rh_rest_refuse(q, rc);
    snprintf(tag, sizeof tag, "W/\"%016llx\"", (unsigned long long)hash);
    q->status = 200;
    rh_request_answer_header(q, "ETag", rh_arena_copy(q->arena, tag, sizeof tag));
    tag[19] = 0; /* the hash alone */
    if (q->headers[RH_H_IF_NONE_MATCH].data &&
        rh_etag_matches(q->headers[RH_H_IF_NONE_MATCH], tag + 3)) {
        q->status = 304;
        return RH_STEP_DONE;
    }
    q->content_type = rh_fhir_json;
    q->answer = text;
    q->precompressed = packed;
    if (!packed)
        rh_rest_answer_as_asked(q);
    return RH_STEP_DONE;
}

/* --- health --- */

/* What the disk refused last, unless the reason is gone meanwhile. */
static enum rh_rc trouble_of(struct rh_server *s)
{
    enum rh_rc rc = (enum rh_rc)atomic_load(&s->trouble);
    struct statvfs disk;
    bool known = statvfs(s->dir, &disk) == 0;
    if (known && disk.f_flag & ST_RDONLY)
        return RH_READONLY;
    if (rc == RH_READONLY && access(s->dir, W_OK) == 0)
        return RH_OK;
    if (rc == RH_FULL && known && (uint64_t)disk.f_bavail * disk.f_frsize > HEALTH_FREE_BYTES)
        return RH_OK;
    return rc;
}

enum rh_step rh_rest_health(struct rh_request *q)
{
    struct rh_server *s = rh_server_of(q);
    struct rh_record_stats stats = {0};
    enum rh_rc rc = rh_record_stats(q->session, &stats);
    if (!rc)
        rc = trouble_of(s);
    struct rh_buf b = rh_buf(q->arena);
    rh_buf_printf(&b, "{\"status\":\"%s\",", rc ? "error" : "ok");
    if (rc)
        rh_buf_printf(&b, "\"reason\":\"%s\",", rh_rc_text(rc));
    char started[RH_INSTANT_SIZE], head[2 * RH_HASH_SIZE + 1];
    rh_instant_print(s->started_us, started);
    rh_hash_hex(&stats.head, head);
    rh_buf_printf(&b,
                  "\"version\":\"%s\",\"started\":\"%s\",\"origin\":\"%llx\",\"sequence\":%llu,"
                  "\"head\":\"%s\"}\n",
                  RH_VERSION, started, (unsigned long long)stats.origin,
                  (unsigned long long)stats.seq, head);
    if (b.rc)
        return rh_rest_refuse(q, b.rc);
    q->status = rc ? 503 : 200;
    if (rc)
        rh_request_answer_header(q, "Retry-After", "30");
    q->content_type = "application/json";
    q->answer = rh_buf_get(&b);
    return RH_STEP_DONE;
}

/* --- metrics --- */
static const char *route_name(unsigned route)
{
    return rh_routes[route].name;
}

static void print_http(const struct rh_server *s, struct rh_buf *b)
{
    struct rh_http_counts c;
    rh_http_counts(s->http, &c);
    rh_metrics_one(b, "rihla_http_connections", "gauge", "Open connections.", c.connections);
    rh_metrics_one(b, "rihla_http_in_flight", "gauge", "Requests being answered.", c.in_flight);
    rh_metrics_one(b, "rihla_http_waiting", "gauge", "Requests waiting for a worker.", c.waiting);
    rh_metrics_one(b, "rihla_http_workers", "gauge", "Worker threads.", c.workers);
    rh_metrics_one(b, "rihla_http_loops", "gauge", "Event loops.", c.loops);
    rh_metrics_one(b, "rihla_event_streams", "gauge", "Open streams of events.", c.streams);
    rh_metrics_one(b, "rihla_http_received_bytes_total", "counter", "Bytes of request bodies.",
                   (double)c.bytes_received);
    rh_metrics_one(b, "rihla_http_sent_bytes_total", "counter", "Bytes of answer bodies.",
                   (double)c.bytes_sent);
}

static void print_record(const struct rh_record_stats *r, struct rh_buf *b)
{
    rh_metrics_one(b, "rihla_commits_total", "counter", "Commits made durable.",
                   (double)r->commits);
    rh_metrics_one(b, "rihla_commit_seconds_total", "counter", "Time spent in commits.",
                   (double)r->commit_us_sum / 1e6);
    rh_metrics_one(b, "rihla_commit_seconds_max", "gauge", "The longest commit.",
                   (double)r->commit_us_max / 1e6);
    rh_metrics_one(b, "rihla_writes_total", "counter", "Writes that were committed.",
                   (double)r->writes);
    rh_metrics_one(b, "rihla_writes_refused_total", "counter", "Writes that the writer refused.",
                   (double)r->refused);
    rh_metrics_one(b, "rihla_writes_waiting", "gauge", "Writes waiting for the writer.",
                   (double)r->waiting);
    rh_metrics_one(b, "rihla_access_rows_total", "counter", "Rows about who saw or changed what.",
                   (double)r->audit_rows);
    rh_metrics_one(b, "rihla_log_entries", "gauge", "Entries of the log.",
                   (double)r->store.entries);
    rh_metrics_one(b, "rihla_resources", "gauge", "Resources, deleted ones too.",
                   (double)r->store.heads);
    rh_metrics_one(b, "rihla_search_keys", "gauge", "Search keys; may be an estimate.",
                   (double)r->store.keys);
    rh_metrics_one(b, "rihla_persons", "gauge", "Persons with a record.", (double)r->store.parts);
    rh_metrics_one(b, "rihla_store_bytes", "gauge", "Bytes of the database.",
                   (double)r->store.bytes);
    rh_metrics_one(b, "rihla_store_wal_bytes", "gauge", "Bytes of the write-ahead log.",
                   (double)r->store.wal_bytes);
    rh_buf_printf(
        b,
        "# HELP rihla_log_sequence Last entry of an origin.\n# TYPE rihla_log_sequence counter\n"
        "rihla_log_sequence{origin=\"%llx\"} %llu\n",
        (unsigned long long)r->origin, (unsigned long long)r->seq);
}

static void print_subscriptions(const struct rh_server *s, struct rh_buf *b)
{
    struct rh_subscriptions_counts c;
    rh_subscriptions_counts(s->subscriptions, &c);
    rh_buf_printf(b,
                  "# HELP rihla_subscriptions Subscriptions by status.\n"
                  "# TYPE rihla_subscriptions gauge\n"
                  "rihla_subscriptions{status=\"active\"} %llu\n"
                  "rihla_subscriptions{status=\"error\"} %llu\n"
                  "rihla_subscriptions{status=\"off\"} %llu\n",
                  (unsigned long long)c.active, (unsigned long long)c.failed,
                  (unsigned long long)c.off);
    rh_metrics_one(b, "rihla_subscription_deliveries_total", "counter",
                   "Notifications that an endpoint took.", (double)c.delivered);
    rh_metrics_one(b, "rihla_subscription_failures_total", "counter",
                   "Attempts to deliver that failed.", (double)c.attempts_failed);
    rh_metrics_one(b, "rihla_subscription_behind", "gauge",
                   "Entries of the log that the slowest active Subscription has before it.",
                   (double)c.behind);
}

enum rh_step rh_rest_metrics(struct rh_request *q)
{
    struct rh_server *s = rh_server_of(q);
    struct rh_record_stats stats = {0};
    struct rh_buf b = rh_buf(q->arena);
    rh_buf_printf(&b,
                  "# HELP rihla_info What runs.\n# TYPE rihla_info "
                  "gauge\nrihla_info{version=\"%s\",fhir=\"4.0.1\"} 1\n",
                  RH_VERSION);
    rh_metrics_one(&b, "process_start_time_seconds", "gauge", "When it started.",
                   (double)s->started_us / 1e6);
    rh_metrics_process(&b);
    print_http(s, &b);
    print_subscriptions(s, &b);
    rh_bulkwork_metrics(s->bulk, s->record, &b);
    if (!rh_record_stats(q->session, &stats))
        print_record(&stats, &b);
    rh_metrics_print(&s->metrics, route_name, rh_routes_n, &b);
    if (b.rc)
        return rh_rest_refuse(q, b.rc);
    q->status = 200;
    q->content_type = "text/plain; version=0.0.4; charset=utf-8";
    q->answer = rh_buf_get(&b);
    return RH_STEP_DONE;
}
