/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Upper bounds in microseconds, and as Prometheus writes them in seconds. */
static const struct {
    uint64_t us;
    const char *le;
} bounds[RH_METRICS_BUCKETS] = {
    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"}, {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"},
    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {5000000, "5"},
};

void rh_metrics_count(struct rh_metrics *m, unsigned route, enum rh_method method, int status,
                      uint64_t micros)
{
    struct rh_metrics_route *r = &m->routes[route < RH_METRICS_ROUTES ? route : 0];
    unsigned class = status >= 100 && status < 600 ? (unsigned)status / 100 : 0;
    unsigned b = 0;
    while (b < RH_METRICS_BUCKETS && micros > bounds[b].us)
        b++;
    atomic_fetch_add_explicit(&r->requests[method][class], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->buckets[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->micros, micros, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static uint64_t print_requests(const struct rh_metrics_route *r, const char *name,
                               struct rh_buf *out)
{
    uint64_t sum = 0;
    for (unsigned m = 0; m < RH_METHODS; m++)
        for (unsigned c = 0; c < RH_METRICS_CLASSES; c++) {
            uint64_t n = get(&r->requests[m][c]);
            if (n)
                rh_buf_printf(
                    out,
                    "rihla_http_requests_total{route=\"%s\",method=\"%s\",status=\"%uxx\"} %llu\n",
                    name, rh_method_name((enum rh_method)m), c, (unsigned long long)n);
            sum += n;
        }
    return sum;
}

static void print_histogram(const struct rh_metrics_route *r, const char *name, struct rh_buf *out)
{
    uint64_t sum = 0;
    for (unsigned b = 0; b <= RH_METRICS_BUCKETS; b++) {
        sum += get(&r->buckets[b]);
        rh_buf_printf(out, "rihla_http_request_seconds_bucket{route=\"%s\",le=\"%s\"} %llu\n", name,
                      b < RH_METRICS_BUCKETS ? bounds[b].le : "+Inf", (unsigned long long)sum);
    }
    rh_buf_printf(out, "rihla_http_request_seconds_sum{route=\"%s\"} %.6f\n", name,
                  (double)get(&r->micros) / 1e6);
    rh_buf_printf(out, "rihla_http_request_seconds_count{route=\"%s\"} %llu\n", name,
                  (unsigned long long)sum);
}

void rh_metrics_print(const struct rh_metrics *m, const char *(*name)(unsigned route),
                      unsigned routes, struct rh_buf *out)
{
    rh_buf_str(out, "# HELP rihla_http_requests_total Requests answered, by route, method and "
                    "class of status.\n"
                    "# TYPE rihla_http_requests_total counter\n");
    bool used[RH_METRICS_ROUTES] = {false};
    for (unsigned i = 0; i < routes && i < RH_METRICS_ROUTES; i++)
        used[i] = print_requests(&m->routes[i], name(i), out) > 0;
    rh_buf_str(
        out,
        "# HELP rihla_http_request_seconds Time from the request line to the end of the answer.\n"
        "# TYPE rihla_http_request_seconds histogram\n");
    for (unsigned i = 0; i < routes && i < RH_METRICS_ROUTES; i++)
        if (used[i])
            print_histogram(&m->routes[i], name(i), out);
}

void rh_metrics_one(struct rh_buf *out, const char *name, const char *type, const char *help,
                    double value)
{
    rh_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name,
                  value);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*u %lu", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the one that reads */
}

void rh_metrics_process(struct rh_buf *out)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    rh_metrics_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                   (double)resident_bytes());
    rh_metrics_one(out, "process_cpu_seconds_total", "counter", "User and system CPU time.", cpu);
    rh_metrics_one(out, "process_open_fds", "gauge", "Open file descriptors.", open_files());
}
