/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor.c - what this machine and its disk can do, and what is set. */
#include "cli/cli.h"
#include "programme/definitions.h"
#include "programme/packages.h"
#include "record/record.h"
#include "system/clock.h"
#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { SYNCS_MAX = 400, SYNC_MS = 1000, BLOCK = 4096, LOW_FREE_MIB = 500, SLOW_SYNC_MS = 20 };

struct row {
    const char *name;
    char value[200];
    const char *advice; /* NULL: all is well */
};

struct findings {
    struct row rows[16];
    unsigned n;
};

static struct row *add(struct findings *f, const char *name)
{
    struct row *r = &f->rows[f->n++];
    *r = (struct row){.name = name};
    return r;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* 4 KiB appended and made durable, one after the other: what every commit waits for. */
static void measure_sync(struct findings *f, const char *folder)
{
    char path[4096];
    char block[BLOCK] = {0};
    static int64_t took[SYNCS_MAX];
    unsigned n = 0;
    struct row *r = add(f, "sync");
    snprintf(path, sizeof path, "%.4000s/.rihla-doctor-%d", folder, (int)getpid());
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(r->value, sizeof r->value, "cannot write in %.120s: %s", folder, strerror(errno));
        r->advice = "give this user the right to write there, or free space";
        return;
    }
    unlink(path); /* the space goes with the descriptor, also when this is interrupted */
    int64_t end = rh_clock_mono_ns() + SYNC_MS * INT64_C(1000000);
    while (n < SYNCS_MAX && rh_clock_mono_ns() < end) {
        int64_t begin = rh_clock_mono_ns();
        if (pwrite(fd, block, sizeof block, (off_t)n * BLOCK) != BLOCK || fdatasync(fd) != 0)
            break;
        took[n++] = rh_clock_mono_ns() - begin;
    }
    close(fd);
    if (n == 0) {
        snprintf(r->value, sizeof r->value, "a write or sync failed: %s", strerror(errno));
        r->advice = "is the disk full or failing?";
        return;
    }
    qsort(took, n, sizeof took[0], by_value);
    double median_ms = (double)took[n / 2] / 1e6;
    snprintf(r->value, sizeof r->value, "%.2f ms a 4 KiB write (median of %u), slowest %.1f ms",
             median_ms, n, (double)took[n - 1] / 1e6);
    if (median_ms > SLOW_SYNC_MS)
        r->advice = "each save waits for this disk: many clients share one sync, a single one does "
                    "not; an SSD helps";
}

/* The data directory, or the nearest folder above it that exists. */
static void existing_folder(const char *data, char *ret, size_t size)
{
    struct stat st;
    snprintf(ret, size, "%s", data);
    while (stat(ret, &st) != 0 || !S_ISDIR(st.st_mode)) {
        char *slash = strrchr(ret, '/');
        if (!slash) {
            snprintf(ret, size, ".");
            return;
        }
        if (slash == ret) {
            slash[1] = '\0';
            return;
        }
        *slash = '\0';
    }
}

static void look_at_disk(struct findings *f, struct rh_arena *a, const char *data,
                         const char *folder)
{
    struct rh_issues is;
    uint64_t free_bytes = 0;
    struct stat st;
    rh_issues_init(&is, a);
    struct row *r = add(f, "data directory");
    snprintf(r->value, sizeof r->value, "%.150s%s", data,
             stat(data, &st) == 0 ? "" : " (does not exist yet; serve and import make it)");
    r = add(f, "file system");
    if (rh_disk_check(&is, folder)) {
        snprintf(r->value, sizeof r->value, "%.190s", is.count ? is.rows[0].text : "unsuitable");
        r->advice = "use a disk of this machine";
    } else {
        snprintf(r->value, sizeof r->value, "local");
    }
    r = add(f, "free space");
    if (rh_disk_free(folder, &free_bytes)) {
        snprintf(r->value, sizeof r->value, "unknown");
    } else {
        snprintf(r->value, sizeof r->value, "%.1f GiB", (double)free_bytes / (1 << 30));
        if (free_bytes >> 20 < LOW_FREE_MIB)
            r->advice = "less than 500 MiB: writes will soon be refused with 507";
    }
}

/* What serve would know when it starts: a package that cannot be read keeps it from starting. */
static void look_at_definitions(struct findings *f, struct rh_arena *a, const char *data)
{
    struct rh_issues is;
    struct rh_world *w = NULL;
    const char **paths;
    size_t n = 0;
    struct row *r = add(f, "definitions");
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_packages_paths(a, &is, data, NULL, 0, &paths, &n);
    if (!rc)
        rc = rh_definitions_open(&is, paths, n, &w);
    if (rc) {
        snprintf(r->value, sizeof r->value, "%.190s", is.count ? is.rows[0].text : rh_rc_text(rc));
        r->advice = "serve does not start with this package: replace it, or take it out of the "
                    "folder packages";
        return;
    }
    size_t len = (size_t)snprintf(r->value, sizeof r->value, "FHIR R4 built in");
    for (size_t i = RH_BUILTIN_PACKAGES; i < rh_world_n_packages(w) && len < sizeof r->value; i++) {
        const struct rh_package *p = rh_world_package(w, i);
        int more = snprintf(r->value + len, sizeof r->value - len, ", %.*s %.*s",
                            RH_TEXT_ARG(rh_package_name(p)), RH_TEXT_ARG(rh_package_version(p)));
        len += more > 0 ? (size_t)more : 0;
    }
    for (unsigned i = 0; i < is.count && !r->advice; i++)
        if (is.rows[i].severity <= RH_WARNING)
            r->advice = is.rows[i].text; /* in the arena of the command */
    rh_world_close(w);
}

static void look_at_versions(struct findings *f)
{
    struct utsname u;
    struct row *r = add(f, "rihla");
    snprintf(r->value, sizeof r->value, "%s, FHIR R4 (4.0.1), schema %d", RH_VERSION,
             RH_STORE_SCHEMA);
    r = add(f, "SQLite");
    snprintf(r->value, sizeof r->value, "%s", sqlite3_libversion());
    r = add(f, "system");
    if (uname(&u) == 0)
        snprintf(r->value, sizeof r->value, "%.60s %.60s, %ld cores", u.sysname, u.release,
                 sysconf(_SC_NPROCESSORS_ONLN));
    r = add(f, "settings");
    snprintf(r->value, sizeof r->value, "RIHLA_DATA=%.60s RIHLA_LOG=%.20s",
             getenv("RIHLA_DATA") ? getenv("RIHLA_DATA") : "",
             getenv("RIHLA_LOG") ? getenv("RIHLA_LOG") : "");
}

static void print(struct rh_cli *c, const struct findings *f)
{
    struct rh_buf b = rh_buf(c->arena);
    rh_buf_char(&b, '{');
    for (unsigned i = 0; i < f->n; i++) {
        const struct row *r = &f->rows[i];
        if (!c->json)
            printf("%-15s %s%s%s\n", r->name, r->value, r->advice ? "\n                -> " : "",
                   r->advice ? r->advice : "");
        rh_buf_str(&b, i ? "," : "");
        rh_buf_json(&b, rh_text(r->name));
        rh_buf_str(&b, ":{\"value\":");
        rh_buf_json(&b, rh_text(r->value));
        rh_buf_str(&b, ",\"advice\":");
        if (r->advice)
            rh_buf_json(&b, rh_text(r->advice));
        else
            rh_buf_str(&b, "null");
        rh_buf_char(&b, '}');
    }
    rh_buf_char(&b, '}');
    if (c->json)
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
}

int rh_cmd_doctor(struct rh_cli *c)
{
    struct findings f = {.n = 0};
    char folder[4096];
    existing_folder(c->data, folder, sizeof folder);
    look_at_versions(&f);
    look_at_definitions(&f, c->arena, c->data);
    look_at_disk(&f, c->arena, c->data, folder);
    measure_sync(&f, folder);
    print(c, &f);
    for (unsigned i = 0; i < f.n; i++)
        if (f.rows[i].advice)
            return RH_EXIT_NO;
    return RH_EXIT_OK;
}
