/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/packages.h"

#include "conformance/package.h"
#include "programme/definitions.h"
#include "programme/pack_build.h"
#include "system/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 100, COPY_BYTES = 4 << 20 };

/* "hl7.fhir.uv.ips-2.0.0.tgz": of a name and version only what is harmless in a file name. */
static char *file_name(struct rh_arena *a, const struct rh_package *p, const char *suffix)
{
    struct rh_text n = rh_package_name(p), v = rh_package_version(p);
    n.len = n.len > NAME_BYTES_MAX ? NAME_BYTES_MAX : n.len;
    v.len = v.len > NAME_BYTES_MAX ? NAME_BYTES_MAX : v.len;
    char *name = rh_arena_printf(a, "%.*s-%.*s%s", RH_TEXT_ARG(n), RH_TEXT_ARG(v), suffix);
    for (char *c = name; c && *c; c++) {
        bool fine = (*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') ||
                    *c == '.' || *c == '-' || *c == '_';
        if (!fine || (c == name && *c == '.'))
            *c = '_';
    }
    return name;
}

static const char *suffix_of(const char *path)
{
    static const char *const suffixes[] = {".tgz", ".tar.gz", ".tar", ".json"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (rh_text_ends(rh_text(path), suffixes[i]))
            return suffixes[i];
    return NULL;
}

static bool is_pack(struct rh_arena *a, const char *folder)
{
    struct stat st;
    char *manifest = rh_path_join(a, folder, "package/package.json");
    return manifest && stat(manifest, &st) == 0;
}

enum rh_rc rh_packages_add(struct rh_arena *a, struct rh_issues *is, const char *dir,
                           const char *path, const char **ret)
{
    struct rh_package *p = NULL;
    struct stat st;
    const char *suffix = suffix_of(path);
    if (stat(path, &st) != 0)
        return rh_errno_issue(is, errno, "read", path);
    bool pack = S_ISDIR(st.st_mode) && is_pack(a, path);
    if (!pack && (S_ISDIR(st.st_mode) || !suffix))
        return rh_issue_add(is, RH_INVALID, NULL,
                            "%s is no package file (.tgz, .tar.gz, .tar, or one resource as .json)"
                            " and no folder with package/package.json",
                            path);
    enum rh_rc rc = rh_definitions_read(is, path, &p);
    if (rc)
        return rc;
    char *name = file_name(a, p, pack ? ".tgz" : suffix),
         *folder = rh_path_join(a, dir, "packages");
    char *to = name && folder ? rh_path_join(a, folder, name) : NULL;
    rh_package_close(p);
    if (!to)
        return RH_NOMEM;
    rc = rh_dir_make(is, folder, 0700);
    if (!rc) {
        size_t files;
        rc = pack ? rh_pack_build(is, path, to, &files) : rh_file_copy(is, path, to, 0600);
    }
    if (!rc)
        *ret = to;
    return rc;
}

/* --- what is kept ----------------------------------------------------------------------------- */

enum rh_rc rh_packages_open(struct rh_arena *a, struct rh_issues *is, const char *dir,
                            struct rh_kept_package **ret, size_t *n)
{
    const char **paths;
    enum rh_rc rc = rh_packages_paths(a, is, dir, NULL, 0, &paths, n);
    if (rc)
        return rc;
    struct rh_kept_package *list = rh_arena_zero(a, (*n + 1) * sizeof *list);
    if (!list)
        return RH_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        list[i].path = paths[i];
        rh_definitions_read(is, paths[i], &list[i].package); /* said in `is` */
    }
    *ret = list;
    return RH_OK;
}

void rh_packages_close(struct rh_kept_package *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rh_package_close(list[i].package);
}

static bool is_named(const struct rh_package *p, const char *name, const char *version)
{
    return p && rh_text_is(rh_package_name(p), name) &&
           (!version || rh_text_is(rh_package_version(p), version));
}

/* Would one that depends on it miss it? Another version that is kept serves as well. */
static enum rh_rc check_needed(struct rh_issues *is, const struct rh_kept_package *list, size_t n,
                               size_t out)
{
    struct rh_text name = rh_package_name(list[out].package), wanted, version;
    for (size_t i = 0; i < n; i++)
        if (i != out && list[i].package && rh_text_eq(rh_package_name(list[i].package), name))
            return RH_OK;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; list[i].package && k < rh_package_n_depends(list[i].package); k++) {
            rh_package_depend(list[i].package, k, &wanted, &version);
            if (i != out && rh_text_eq(wanted, name))
                return rh_issue_add(is, RH_CONFLICT, NULL,
                                    "%.*s %.*s needs it: remove that one first",
                                    RH_TEXT_ARG(rh_package_name(list[i].package)),
                                    RH_TEXT_ARG(rh_package_version(list[i].package)));
        }
    return RH_OK;
}

static enum rh_rc find_kept(struct rh_issues *is, const struct rh_kept_package *list, size_t n,
                            const char *name, const char *version, size_t *ret)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        if (is_named(list[i].package, name, version)) {
            found++;
            *ret = i;
        }
    if (found == 1)
        return RH_OK;
    if (!found)
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            "%s%s%s is not kept here: see rihla pack list --data", name,
                            version ? " " : "", version ? version : "");
    return rh_issue_add(is, RH_INVALID, NULL,
                        "%s is kept in several versions: name one; see rihla pack list --data",
                        name);
}

enum rh_rc rh_packages_remove(struct rh_arena *a, struct rh_issues *is, const char *dir,
                              const char *name, const char *version, const char **ret)
{
    struct rh_kept_package *list;
    struct rh_issues unreadable; /* of others: no reason to keep this one */
    size_t n, at = 0;
    rh_issues_init(&unreadable, a);
    enum rh_rc rc = rh_packages_open(a, &unreadable, dir, &list, &n);
    if (rc)
        return rh_issue_add(is, rc, NULL, "cannot read the packages of %s: %s", dir,
                            rh_rc_text(rc));
    rc = find_kept(is, list, n, name, version, &at);
    if (!rc)
        rc = check_needed(is, list, n, at);
    if (!rc && unlink(list[at].path) != 0)
        rc = rh_errno_issue(is, errno, "remove", list[at].path);
    if (!rc) {
        *ret = list[at].path;
        rc = rh_dir_sync(rh_path_join(a, dir, "packages"));
    }
    rh_packages_close(list, n);
    return rc;
}

enum rh_rc rh_packages_paths(struct rh_arena *a, struct rh_issues *is, const char *dir,
                             const char *const *more, size_t n, const char ***ret, size_t *ret_n)
{
    char **names = NULL, *folder = rh_path_join(a, dir, "packages");
    size_t found = 0, count = 0;
    if (!folder)
        return RH_NOMEM;
    enum rh_rc rc = rh_dir_list(a, NULL, folder, &names, &found);
    if (rc && rc != RH_NOTFOUND)
        return rh_issue_add(is, rc, NULL, "cannot read %s: %s", folder, rh_rc_text(rc));
    const char **all = rh_arena_alloc(a, (n + found + 1) * sizeof *all);
    if (!all)
        return RH_NOMEM;
    for (size_t i = 0; i < found; i++)
        if (names[i][0] != '.' && suffix_of(names[i]) &&
            !(all[count++] = rh_path_join(a, folder, names[i])))
            return RH_NOMEM;
    for (size_t i = 0; i < n; i++)
        all[count++] = more[i]; /* later ones win: what is named at the start */
    *ret = all;
    *ret_n = count;
    return RH_OK;
}

enum rh_rc rh_packages_copy(struct rh_issues *is, const char *from_dir, const char *to_dir)
{
    struct rh_arena *a = rh_arena_open(COPY_BYTES);
    const char **paths;
    size_t n = 0;
    enum rh_rc rc = rh_packages_paths(a, is, from_dir, NULL, 0, &paths, &n);
    char *folder = rh_path_join(a, to_dir, "packages");
    if (!rc && !folder)
        rc = RH_NOMEM;
    if (!rc && n)
        rc = rh_dir_make(is, folder, 0700);
    for (size_t i = 0; i < n && !rc; i++) {
        char *to = rh_path_join(a, folder, strrchr(paths[i], '/') + 1);
        rc = to ? rh_file_copy(is, paths[i], to, 0600) : RH_NOMEM;
    }
    rh_arena_close(a);
    return rc;
}
