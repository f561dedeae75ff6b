/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/pack_check_int.h"

#include "conformance/package.h"
#include "conformance/validate.h"
#include "fhir/place.h"
#include "programme/definitions.h"
#include "programme/validation.h"
#include "system/clock.h"
#include "system/file.h"
#include "terminology/terminology.h"

#include <sys/stat.h>

enum { ONE_BYTES = 512 << 20 /* memory for one resource */, ALL_BYTES = 1 << 30 };

enum rh_rc rh_checking_say(struct rh_checking *k, enum rh_severity severity, const char *check,
                           const char *path, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(k->ctx.arena, format, ap);
    va_end(ap);
    return rh_issue_at(&k->found, (struct rh_issue){.severity = severity,
                                                    .rc = RH_INVALID,
                                                    .code = check,
                                                    .expression = path,
                                                    .text = text ? text : "out of memory"});
}

yyjson_val *rh_checking_extension(yyjson_val *object, const char *name)
{
    size_t i, n;
    yyjson_val *e;
    yyjson_arr_foreach (yyjson_obj_get(object, "extension"), i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        if (rh_text_starts(url, RH_PACK_EXT) &&
            strcmp(url.data + sizeof RH_PACK_EXT - 1, name) == 0)
            return e;
    }
    return NULL;
}

enum rh_rc rh_checking_objects(struct rh_checking *k, yyjson_val *v, const char *path,
                               rh_checking_object *each, void *user)
{
    size_t i, n;
    yyjson_val *key, *one;
    enum rh_rc rc = RH_OK;
    if (!path)
        return RH_NOMEM;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, n, one)
            if (!rc && yyjson_is_ctn(one))
                rc = rh_checking_objects(k, one, rh_arena_printf(k->ctx.arena, "%s[%zu]", path, i),
                                         each, user);
        return rc;
    }
    rc = each(k, v, path, user);
    yyjson_obj_foreach (v, i, n, key, one)
        if (!rc && yyjson_is_ctn(one))
            rc = rh_checking_objects(
                k, one, rh_arena_printf(k->ctx.arena, "%s.%s", path, yyjson_get_str(key)), each,
                user);
    return rc;
}

/* --- saying ----------------------------------------------------------------------------------- */

/* What an object calls itself: a code is a name only of a concept. */
static const char *name_of(yyjson_val *object, bool concept)
{
    static const char *const members[] = {"linkId", "id", "code"};
    for (size_t i = 0; i < (concept ? 3u : 2u); i++) {
        const char *s = yyjson_get_str(yyjson_obj_get(object, members[i]));
        if (s)
            return s;
    }
    return NULL;
}

/* The innermost thing with a name on the way to the place; where the place is said by a condition
 * (action.where(id='x')), what stands between the quotes. */
static const char *rule_at(struct rh_arena *a, yyjson_val *body, const char *path)
{
    struct rh_place_step step;
    const char *rest = path, *rule = NULL, *quote = path ? strrchr(path, '\'') : NULL;
    if (!path)
        return NULL;
    if (quote && quote > path) {
        const char *from = quote;
        while (from > path && from[-1] != '\'')
            from--;
        if (from > path)
            return rh_arena_copy(a, from, (size_t)(quote - from));
    }
    for (bool more = rh_place_first(&rest, &step); more && body;
         more = rh_place_step(&rest, &step)) {
        yyjson_val *next = NULL, *key, *v;
        size_t i, n;
        yyjson_obj_foreach (body, i, n, key, v)
            if (rh_place_fits(&step, rh_json_text(key)))
                next = v;
        if (yyjson_is_arr(next))
            next = yyjson_arr_get(next, step.index == SIZE_MAX ? 0 : step.index);
        const char *name = name_of(next, rh_text_is(step.name, "concept"));
        rule = name ? name : rule;
        body = next;
    }
    return rule;
}

/* Wishes for prose that a machine's resources have no use for; and what has been said before. */
static bool is_idle(struct rh_checking *k, const struct rh_issue *row)
{
    if (row->severity <= RH_ERROR || !row->text)
        return false;
    if (strstr(row->text, "(dom-6)") ||
        (row->severity == RH_INFORMATION && strstr(row->text, "/uv/sdc/")))
        return true; /* pack_rules.c knows those extensions */
    if (row->severity != RH_WARNING || !strstr(row->text, "is not loaded"))
        return false;
    for (struct rh_said *s = k->said; s; s = s->next) /* the same of hundreds of codes */
        if (strcmp(s->text, row->text) == 0)
            return true;
    struct rh_said *s = rh_arena_alloc(k->arena, sizeof *s);
    if (s && (s->text = rh_arena_printf(k->arena, "%s", row->text))) {
        s->next = k->said;
        k->said = s;
    }
    return false;
}

void rh_checking_flush(struct rh_checking *k, const char *file, const char *resource,
                       struct rh_text raw, yyjson_val *body, const char *check)
{
    static const char *const own[] = {
        "source",      "evidence",    "draft",      "expression", "name", "code",     "period",
        "translation", "check-digit", "dependency", "package",    "case", "coverage", "text"};
    if (raw.len)
        rh_locate(&k->found, raw);
    for (unsigned i = 0; i < k->found.count; i++) {
        const struct rh_issue *row = &k->found.rows[i];
        struct rh_finding f = {.check = check, .file = file, .resource = resource, .issue = row};
        for (size_t w = 0; row->code && w < sizeof own / sizeof own[0]; w++)
            if (strcmp(row->code, own[w]) == 0)
                f.check = own[w];
        if (is_idle(k, row))
            continue;
        f.rule = rule_at(k->ctx.arena, body, row->expression);
        if (row->expression && strncmp(row->expression, "where(", 6) == 0)
            k->found.rows[i].expression = NULL; /* a name, no place */
        k->counts->errors += row->severity <= RH_ERROR;
        k->counts->warnings += row->severity == RH_WARNING;
        k->each(k->user, &f);
    }
    rh_issues_init(&k->found, k->ctx.arena);
    k->found.max = RH_ISSUES_REPORT_MAX;
}

/* --- check digits ----------------------------------------------------------------------------- */

static void check_digit(struct rh_checking *k, const char *path, struct rh_text system,
                        struct rh_text code)
{
    if (code.len && !rh_terms_check_digit(system, code))
        rh_checking_say(k, RH_ERROR, "check-digit", path,
                        "The check digit of the code %.*s of %.*s is wrong: a digit was mistyped.",
                        RH_TEXT_ARG(code), RH_TEXT_ARG(system));
}

/* Every {system, code} and every {system, concept: [{code}]}, whatever the element is. */
static enum rh_rc check_digits(struct rh_checking *k, yyjson_val *v, const char *path, void *user)
{
    size_t i, n;
    yyjson_val *one, *concepts = yyjson_obj_get(v, "concept");
    struct rh_text system = rh_json_get(v, "system");
    (void)user;
    if (!system.len)
        return RH_OK;
    check_digit(k, path, system, rh_json_get(v, "code"));
    yyjson_arr_foreach (concepts, i, n, one) {
        const char *at = rh_arena_printf(k->ctx.arena, "%s.concept[%zu].code", path, i);
        if (!at)
            return RH_NOMEM;
        check_digit(k, at, system, rh_json_get(one, "code"));
    }
    return RH_OK;
}

/* --- one resource ----------------------------------------------------------------------------- */

/* The file that a resource of a folder stands in, by the rule for names; its text for lines. */
static const char *file_of(struct rh_checking *k, const struct rh_definition *d,
                           struct rh_text *raw)
{
    *raw = (struct rh_text){NULL, 0};
    if (!k->folder)
        return NULL;
    const char *file =
        rh_arena_printf(k->arena, "package/%s-%.*s.json", d->type, RH_TEXT_ARG(d->id));
    const char *path = file ? rh_path_join(k->ctx.arena, k->folder, file) : NULL;
    if (!path || rh_file_read(k->ctx.arena, NULL, path, RH_DEFINITIONS_FILE_MAX, raw))
        return NULL;
    return file;
}

static enum rh_rc check_pack_rules(struct rh_checking *k, const struct rh_definition *d,
                                   yyjson_val *body)
{
    enum rh_rc rc = rh_checking_sources(k, body);
    if (!rc)
        rc = rh_checking_expressions(k, d, body);
    if (!rc)
        rc = rh_checking_names(k, body);
    if (!rc)
        rc = rh_checking_period(k, d, body);
    if (!rc)
        rc = rh_checking_texts(k, body);
    return rc;
}

static enum rh_rc check_one(struct rh_checking *k, const struct rh_definition *d)
{
    static const struct rh_validate_options none, any = {.extensions = RH_EXTENSIONS_ANY};
    yyjson_val *body = NULL;
    struct rh_text raw;
    bool valid = false;
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    k->found.max = RH_ISSUES_REPORT_MAX;
    k->ctx.steps = 0;
    const char *resource = rh_arena_printf(k->arena, "%s/%.*s", d->type, RH_TEXT_ARG(d->id));
    const char *file = file_of(k, d, &raw);
    enum rh_rc rc = rh_definition_body(&k->ctx, d, &body);
    if (!rc)
        rc = rh_validate(&k->ctx, body, k->counts->pack ? &any : &none, &valid);
    if (rc == RH_SYNTAX || rc == RH_STRUCTURE || rc == RH_CORRUPT)
        rc = RH_OK; /* said as an issue */
    if (k->counts->pack && k->folder && !file)
        rh_checking_say(k, RH_ERROR, "package", NULL,
                        "No file is named for it: one resource a file, package/%s-%.*s.json.",
                        d->type, RH_TEXT_ARG(d->id));
    if (!rc && body)
        rc = rh_checking_objects(k, body, d->type, check_digits, NULL);
    if (!rc && body && k->counts->pack)
        rc = check_pack_rules(k, d, body);
    k->counts->resources++;
    rh_checking_flush(k, file, resource, raw, body, "validity");
    return rc;
}

/* --- the package ------------------------------------------------------------------------------ */

/* The dependencies that are missing are errors here: the package cannot be used without. */
static void check_depends(struct rh_checking *k)
{
    size_t n = rh_world_n_packages(k->world);
    struct rh_package **all = rh_arena_alloc(k->arena, (n + 1) * sizeof(struct rh_package *));
    if (!all)
        return;
    for (size_t i = 0; i < n; i++)
        all[i] = rh_world_package(k->world, i);
    rh_package_check_depends(&k->found, all, n);
    for (unsigned i = 0; i < k->found.count; i++) {
        struct rh_issue *row = &k->found.rows[i];
        row->code = "dependency";
        if (row->severity == RH_WARNING) { /* that a newer one serves is none */
            row->severity = RH_ERROR;
            k->found.errors++;
        }
    }
    rh_checking_flush(k, k->folder ? "package/package.json" : NULL, "package",
                      (struct rh_text){NULL, 0}, NULL, "dependency");
}

static bool has_folder(struct rh_checking *k, const char *name)
{
    struct stat st;
    const char *path = k->folder ? rh_path_join(k->arena, k->folder, name) : NULL;
    return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_pack(struct rh_checking *k)
{
    for (size_t i = 0; i < rh_package_n_depends(k->package); i++) {
        struct rh_text name, version;
        rh_package_depend(k->package, i, &name, &version);
        if (rh_text_is(name, "rihla-base"))
            return true;
    }
    return has_folder(k, "cases") || has_folder(k, "text");
}

static bool is_version(struct rh_text t)
{
    struct rh_text part;
    unsigned parts = 0;
    uint64_t n;
    while (rh_text_split(&t, '.', &part)) {
        if (parts < 3 && rh_text_u64(part, UINT32_MAX, &n))
            return false;
        parts++;
    }
    return parts == 3;
}

static void check_manifest(struct rh_checking *k)
{
    struct rh_text raw = {NULL, 0}, name = rh_package_name(k->package);
    yyjson_doc *doc = NULL;
    const char *path = k->folder ? rh_path_join(k->arena, k->folder, "package/package.json") : NULL;
    if (path && rh_file_read(k->arena, NULL, path, 1 << 20, &raw) == RH_OK &&
        rh_json_parse(k->arena, &k->found, raw, &doc) == RH_OK) {
        static const char *const wanted[] = {"license", "description", "author"};
        yyjson_val *root = yyjson_doc_get_root(doc),
                   *versions = yyjson_obj_get(root, "fhirVersions");
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
            if (!rh_json_get(root, wanted[i]).len)
                rh_checking_say(k, RH_ERROR, "package", NULL, "\"%s\" is missing: say it.",
                                wanted[i]);
        if (!rh_text_starts(rh_json_text(yyjson_arr_get_first(versions)), "4.0"))
            rh_checking_say(k, RH_ERROR, "package", NULL,
                            "\"fhirVersions\" must be [\"4.0.1\"]: packs are of FHIR R4.");
        const char *last = strrchr(k->folder, '/');
        if (!rh_text_is(name, last ? last + 1 : k->folder) && strcmp(k->folder, ".") != 0)
            rh_checking_say(k, RH_ERROR, "package", NULL,
                            "The name %.*s is not that of the folder, %s: give both the same.",
                            RH_TEXT_ARG(name), last ? last + 1 : k->folder);
    }
    if (!is_version(rh_package_version(k->package)))
        rh_checking_say(k, RH_ERROR, "package", NULL,
                        "The version \"%.*s\" is not of the form 1.0.0.",
                        RH_TEXT_ARG(rh_package_version(k->package)));
    bool base = rh_text_is(name, "rihla-base");
    for (size_t i = 0; i < rh_package_n_depends(k->package) && !base; i++) {
        struct rh_text other, version;
        rh_package_depend(k->package, i, &other, &version);
        base = rh_text_is(other, "rihla-base");
    }
    if (!base)
        rh_checking_say(k, RH_ERROR, "package", NULL,
                        "A pack depends on rihla-base: add it to \"dependencies\".");
    rh_checking_flush(k, k->folder ? "package/package.json" : NULL, "package",
                      (struct rh_text){NULL, 0}, NULL, "package");
}

static enum rh_rc check_all(struct rh_checking *k)
{
    enum rh_rc rc = RH_OK;
    rh_issues_init(&k->found, k->ctx.arena);
    check_depends(k);
    if (k->counts->pack)
        check_manifest(k);
    for (size_t i = 0; i < rh_package_count(k->package) && !rc; i++)
        rc = check_one(k, rh_package_at(k->package, i));
    if (!rc && k->counts->pack)
        rc = rh_checking_catalogues(k);
    if (!rc && k->counts->pack && k->folder)
        rc = rh_checking_cases(k);
    return rc;
}

/* --- files, before anything is made of them --------------------------------------------------- */

static void check_file(struct rh_checking *k, const char *file, const char *name)
{
    struct rh_text raw;
    yyjson_doc *doc = NULL;
    const char *path = rh_path_join(k->arena, k->folder, file);
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    if (!path || rh_file_read(k->ctx.arena, &k->found, path, RH_DEFINITIONS_FILE_MAX, &raw) ||
        rh_json_parse(k->ctx.arena, &k->found, raw, &doc)) {
        rh_checking_flush(k, file, "package", (struct rh_text){NULL, 0}, NULL, "file");
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct rh_text type = rh_json_get(root, "resourceType"), id = rh_json_get(root, "id");
    const char *wanted =
        rh_arena_printf(k->ctx.arena, "%.*s-%.*s.json", RH_TEXT_ARG(type), RH_TEXT_ARG(id));
    if (strcmp(name, "package.json") == 0 || !k->counts->pack)
        return;
    if (!type.len || !id.len)
        rh_checking_say(k, RH_ERROR, "file", NULL,
                        "It is no resource with resourceType and id: mend it or take it out.");
    else if (wanted && strcmp(name, wanted) != 0)
        rh_checking_say(k, RH_ERROR, "file", NULL,
                        "The file of %.*s/%.*s is named %s: one resource a file, by that name.",
                        RH_TEXT_ARG(type), RH_TEXT_ARG(id), wanted);
    rh_checking_flush(k, file, "package", (struct rh_text){NULL, 0}, NULL, "file");
}

/* True: they can be read. */
static bool check_files(struct rh_checking *k)
{
    char **names = NULL, *package = rh_path_join(k->arena, k->folder, "package");
    size_t n = 0;
    if (!package || rh_dir_list(k->arena, NULL, package, &names, &n))
        return true; /* said when it is read */
    k->counts->pack = has_folder(k, "cases") || has_folder(k, "text");
    for (size_t i = 0; i < n; i++) {
        const char *file = rh_arena_printf(k->arena, "package/%s", names[i]);
        if (file && rh_text_ends(rh_text(names[i]), ".json") && names[i][0] != '.')
            check_file(k, file, names[i]);
    }
    rh_arena_reset(k->ctx.arena);
    rh_issues_init(&k->found, k->ctx.arena);
    if (rh_pack_catalogues(k->arena, &k->found, k->folder, &k->texts))
        rh_checking_flush(k, "text", "package", (struct rh_text){NULL, 0}, NULL, "file");
    return k->counts->errors == 0;
}

static enum rh_rc check_world(struct rh_checking *k, struct rh_issues *is)
{
    struct rh_pack_checked *ret = k->counts;
    k->ctx.world = k->world;
    k->package = rh_world_package(k->world, rh_world_n_packages(k->world) - 1);
    ret->pack = is_pack(k);
    ret->name = rh_text_copy(is->arena, rh_package_name(k->package));
    ret->version = rh_text_copy(is->arena, rh_package_version(k->package));
    enum rh_rc rc = check_all(k);
    for (unsigned i = 0; rc && i < k->found.count; i++)
        rh_issue_at(is, k->found.rows[i]);
    return rc;
}

enum rh_rc rh_pack_check(struct rh_issues *is, const char *const *paths, size_t n,
                         rh_finding_each *each, void *user, struct rh_pack_checked *ret)
{
    struct stat st;
    struct rh_checking k = {
        .paths = paths, .n_paths = n, .each = each, .user = user, .counts = ret};
    struct rh_issues warnings; /* of dependencies; check_depends says them */
    enum rh_rc rc = RH_OK;
    *ret = (struct rh_pack_checked){.resources = 0};
    k.arena = rh_arena_open(ALL_BYTES);
    k.ctx = (struct rh_ctx){.arena = rh_arena_open(ONE_BYTES),
                            .issues = &k.found,
                            .now_us = rh_clock_now_us(),
                            .host = &rh_programme_host};
    rh_issues_init(&warnings, k.arena);
    rh_issues_init(&k.found, k.ctx.arena);
    char *manifest = rh_path_join(k.arena, paths[n - 1], "package/package.json");
    if (manifest && stat(manifest, &st) == 0)
        k.folder = paths[n - 1];
    if (!k.folder || check_files(&k)) {
        rc = rh_definitions_open(&warnings, paths, n, &k.world);
        for (unsigned i = 0; rc && i < warnings.count; i++)
            rh_issue_at(is, warnings.rows[i]);
        if (!rc)
            rc = check_world(&k, is);
    }
    rh_arena_close(k.ctx.arena);
    rh_world_close(k.world);
    rh_arena_close(k.arena);
    return rc;
}
