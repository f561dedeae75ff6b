/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/worlds.h"

#include "base/alloc.h"
#include "programme/definitions.h"
#include "programme/packages.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/log.h"

#include <pthread.h>

enum { CHUNK = 100, CHUNK_BYTES = 256 << 20, PATHS_BYTES = 4 << 20, PARAMETERS_BYTES = 256 << 20 };

struct rh_worlds {
    struct rh_record *record;
    struct rh_world *base;    /* built-in and packages */
    pthread_mutex_t lock;     /* of the three below, held for a moment only */
    struct rh_world *now;     /* with the stored ones */
    uint64_t version;         /* rh_record_definitions when `now` was read */
    uint64_t left_out;        /* stored definitions beyond the limit */
    pthread_mutex_t building; /* one thread reads the record, others wait for it */
};

/* --- opening ---------------------------------------------------------------------------------- */

static void log_warnings(struct rh_issues *is)
{
    for (unsigned i = 0; i < is->count; i++)
        rh_log(is->rows[i].severity <= RH_WARNING ? RH_LOG_WARNING : RH_LOG_INFO, "packages", "%s",
               is->rows[i].text);
}

enum rh_rc rh_worlds_open(const char *dir, const char *const *packages, unsigned n,
                          struct rh_issues *is, struct rh_worlds **ret)
{
    struct rh_arena *a = rh_arena_open(PATHS_BYTES);
    struct rh_issues found;
    struct rh_world *base = NULL;
    const char **paths;
    size_t n_paths;
    rh_issues_init(&found, a);
    enum rh_rc rc = rh_packages_paths(a, &found, dir, packages, n, &paths, &n_paths);
    if (!rc)
        rc = rh_definitions_open(&found, paths, n_paths, &base);
    if (!rc && rh_world_n_packages(base) == RH_WORLD_PACKAGES_MAX) { /* one is what is stored */
        rc = rh_issue_add(&found, RH_TOOLARGE, NULL, "More than %d packages.",
                          RH_WORLD_PACKAGES_MAX - RH_BUILTIN_PACKAGES - 1);
        rh_world_close(base);
    }
    for (unsigned i = 0; rc && i < found.count; i++)
        rh_issue_at(is, found.rows[i]);
    if (!rc)
        log_warnings(&found);
    rh_arena_close(a);
    if (rc)
        return rc;
    struct rh_worlds *w = rh_alloc(sizeof *w);
    w->base = base;
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->building, NULL);
    *ret = w;
    return RH_OK;
}

/* --- search parameters of packages --------------------------------------------------------------
 */

struct found_parameters {
    struct rh_ctx ctx;
    const struct rh_world *world;
    struct rh_text *rows;
    size_t n, cap;
};

static enum rh_rc add_parameter(void *user, const struct rh_definition *d)
{
    struct found_parameters *f = user;
    yyjson_val *body;
    for (size_t i = 0; i < RH_BUILTIN_PACKAGES; i++)
        if (d->package == rh_world_package(f->world, i))
            return RH_OK; /* R4's own are known to the record */
    enum rh_rc rc = rh_definition_body(&f->ctx, d, &body);
    if (rc || rh_text_is(rh_json_get(body, "status"), "retired"))
        return rc;
    struct rh_buf json = rh_buf(f->ctx.arena);
    rh_json_write(&json, body);
    f->rows = rh_arena_grow(f->ctx.arena, f->rows, &f->cap, f->n + 1, sizeof *f->rows);
    if (!f->rows || json.rc)
        return RH_NOMEM;
    f->rows[f->n++] = rh_buf_get(&json);
    return RH_OK;
}

enum rh_rc rh_worlds_record(struct rh_worlds *w, struct rh_record *r, struct rh_issues *is)
{
    struct rh_arena *a = rh_arena_open(PARAMETERS_BYTES);
    struct found_parameters f = {.ctx = {.arena = a, .issues = is, .now_us = rh_clock_now_us()},
                                 .world = w->base};
    w->record = r;
    enum rh_rc rc = rh_world_each(w->base, "SearchParameter", add_parameter, &f);
    if (!rc)
        rc = rh_record_add_parameters(r, f.rows, (unsigned)f.n);
    if (rc && is->errors == 0)
        rh_issue_add(is, rc, NULL, "Reading the search parameters of packages: %s.",
                     rh_rc_text(rc));
    rh_arena_close(a);
    return rc;
}

void rh_worlds_close(struct rh_worlds *w)
{
    if (!w)
        return;
    rh_world_close(w->now);
    rh_world_close(w->base);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->building);
    rh_free(w);
}

/* --- the stored definitions ------------------------------------------------------------------- */

struct gathering {
    struct rh_package *package;
    uint64_t bytes, left_out;
};

static void take(struct gathering *g, struct rh_arena *a, const struct rh_version *v)
{
    struct rh_issues is;
    rh_issues_init(&is, a);
    if (g->bytes + v->body.len > RH_WORLDS_STORED_BYTES) {
        g->left_out++;
        return;
    }
    g->bytes += v->body.len;
    enum rh_rc rc = rh_package_add_json(g->package, &is, v->body);
    if (rc)
        rh_log(RH_LOG_WARNING, "worlds", "%s/%.*s cannot be used as a definition: %s",
               rh_resource_type(v->type)->name, RH_TEXT_ARG(v->id),
               is.count ? is.rows[0].text : rh_rc_text(rc));
}

static enum rh_rc gather_type(struct gathering *g, struct rh_session *s, struct rh_issues *is,
                              const char *type)
{
    const struct rh_caller caller = {
        .user = RH_TEXT("definitions"), .purpose = RH_TEXT("HSYSADMIN"), .local = true};
    struct rh_version rows[CHUNK];
    char last[65] = "";
    struct rh_arena *a = rh_arena_open(CHUNK_BYTES);
    unsigned n = 0;
    enum rh_rc rc;
    do {
        rh_arena_reset(a);
        struct rh_issues found;
        rh_issues_init(&found, a);
        struct rh_ctx ctx = {.arena = a, .issues = &found, .now_us = rh_clock_now_us()};
        rc = rh_record_list(s, &ctx, &caller, rh_resource_number(rh_text(type)), rh_text(last),
                            CHUNK, rows, &n);
        for (unsigned i = 0; i < n && !rc; i++)
            take(g, a, &rows[i]);
        if (n && !rc) {
            size_t len = rows[n - 1].id.len < 64 ? rows[n - 1].id.len : 64;
            memcpy(last, rows[n - 1].id.data, len);
            last[len] = 0;
        }
        for (unsigned i = 0; i < found.count; i++)
            rh_issue_at(is, found.rows[i]);
    } while (!rc && n);
    rh_arena_close(a);
    return rc;
}

static enum rh_rc gather(struct gathering *g, struct rh_session *s, struct rh_issues *is)
{
    static const char *const types[] = {"CodeSystem", "ConceptMap", "StructureDefinition",
                                        "ValueSet"};
    enum rh_rc rc = rh_package_open(RH_TEXT("stored"), RH_TEXT("0"), NULL, &g->package);
    for (unsigned i = 0; i < sizeof types / sizeof types[0] && !rc; i++)
        rc = gather_type(g, s, is, types[i]);
    if (!rc)
        rh_package_seal(g->package);
    if (g->left_out)
        rh_log(RH_LOG_WARNING, "worlds",
               "%llu stored definitions are beyond the limit of %d MiB and are not used",
               (unsigned long long)g->left_out, RH_WORLDS_STORED_BYTES >> 20);
    return rc;
}

/* The base's packages and what is stored. */
static enum rh_rc build(struct rh_worlds *w, struct rh_session *s, struct rh_issues *is,
                        struct gathering *g, struct rh_world **ret)
{
    struct rh_package *all[RH_WORLD_PACKAGES_MAX + 1];
    size_t n = rh_world_n_packages(w->base);
    enum rh_rc rc = gather(g, s, is);
    for (size_t i = 0; i < n; i++)
        all[i] = rh_world_package(w->base, i);
    if (!rc && rh_package_count(g->package) == 0) {
        *ret = rh_world_keep(w->base); /* with all that it has made ready already */
    } else if (!rc) {
        all[n] = g->package;
        rc = rh_world_open(all, n + 1, ret);
    }
    rh_package_close(g->package);
    return rc;
}

/* The current world when it is as of `version`. */
static struct rh_world *current(struct rh_worlds *w, uint64_t version, uint64_t *left_out)
{
    pthread_mutex_lock(&w->lock);
    struct rh_world *now = w->now && w->version == version ? rh_world_keep(w->now) : NULL;
    *left_out = w->left_out;
    pthread_mutex_unlock(&w->lock);
    return now;
}

static enum rh_rc renew(struct rh_worlds *w, struct rh_session *s, struct rh_issues *is,
                        uint64_t *left_out, struct rh_world **ret)
{
    struct gathering g = {0};
    struct rh_world *old;
    pthread_mutex_lock(&w->building);
    uint64_t version = rh_record_definitions(w->record); /* before reading: never too new */
    enum rh_rc rc = RH_OK;
    *ret = current(w, version, left_out);
    if (!*ret && !(rc = build(w, s, is, &g, ret))) {
        pthread_mutex_lock(&w->lock);
        old = w->now;
        w->now = rh_world_keep(*ret);
        w->version = version;
        *left_out = w->left_out = g.left_out;
        pthread_mutex_unlock(&w->lock);
        rh_world_close(old);
    }
    pthread_mutex_unlock(&w->building);
    return rc;
}

enum rh_rc rh_worlds_pin(struct rh_worlds *w, struct rh_session *s, struct rh_issues *is,
                         struct rh_world **ret)
{
    uint64_t left_out;
    enum rh_rc rc = RH_OK;
    *ret = current(w, rh_record_definitions(w->record), &left_out);
    if (!*ret)
        rc = renew(w, s, is, &left_out, ret);
    if (!rc && left_out) {
        char text[160];
        snprintf(text, sizeof text,
                 "%llu stored definitions are beyond the limit of %d MiB and are not known here; "
                 "load them as a package.",
                 (unsigned long long)left_out, RH_WORLDS_STORED_BYTES >> 20);
        rh_issue_at(is, (struct rh_issue){.severity = RH_WARNING, .rc = RH_TOOLARGE, .text = text});
    }
    return rc;
}

/* --- validation on write ---------------------------------------------------------------------- */

static enum rh_rc refresh(void *user, struct rh_session *s, struct rh_issues *is)
{
    struct rh_issues passing; /* that some are left out is no finding about what is written */
    struct rh_world *w;
    rh_issues_init(&passing, is->arena);
    enum rh_rc rc = rh_worlds_pin(user, s, &passing, &w);
    for (unsigned i = 0; rc && i < passing.count; i++)
        rh_issue_at(is, passing.rows[i]);
    if (!rc)
        rh_world_close(w);
    return rc;
}

static enum rh_rc validate(void *user, struct rh_ctx *outer, yyjson_val *resource)
{
    static const struct rh_validate_options errors_only = {.quiet = true};
    struct rh_worlds *w = user;
    struct rh_ctx c = *outer;
    unsigned before = c.issues->count;
    bool valid = false;
    pthread_mutex_lock(&w->lock);
    struct rh_world *now = rh_world_keep(w->now ? w->now : w->base);
    pthread_mutex_unlock(&w->lock);
    c.world = now;
    c.host = &rh_programme_host;
    enum rh_rc rc = rh_validate(&c, resource, &errors_only, &valid);
    rh_world_close(now);
    if (rc || valid)
        return rc;
    for (unsigned i = before; i < c.issues->count; i++)
        if (c.issues->rows[i].severity <= RH_ERROR && c.issues->rows[i].rc)
            return c.issues->rows[i].rc;
    return RH_VALUE;
}

struct rh_record_validator rh_worlds_validator(struct rh_worlds *w)
{
    return (struct rh_record_validator){.user = w, .refresh = refresh, .validate = validate};
}

bool rh_validate_mode_of(const char *name, enum rh_validate_mode *ret)
{
    static const char *const names[] = {[RH_VALIDATE_OFF] = "off",
                                        [RH_VALIDATE_STRUCTURE] = "structure",
                                        [RH_VALIDATE_FULL] = "full"};
    for (unsigned i = RH_VALIDATE_OFF; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum rh_validate_mode)i;
            return true;
        }
    return false;
}
