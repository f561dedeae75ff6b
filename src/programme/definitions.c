/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/definitions.h"

#include "base/alloc.h"
#include "conformance/package.h"
#include "programme/pack_build.h"
#include "system/compress.h"
#include "system/file.h"

#include <errno.h>
#include <sys/stat.h>

enum { ARENA_BYTES = 2047 << 20 };

struct reading {
    struct rh_issues *issues;
    struct rh_arena *arena;
    struct rh_package_reader *reader;
    struct rh_catalogues texts; /* of a pack that is read as a folder */
};

/* --- folders -----------------------------------------------------------------------------------
 */

/* `name` is the file's inside the package: folders of a plain folder become part of it. */
static enum rh_rc add_file(struct reading *r, const char *path, const char *name)
{
    struct rh_text bytes;
    char *inside = rh_arena_printf(r->arena, "package/%s", name);
    enum rh_rc rc = rh_file_read(r->arena, r->issues, path, RH_DEFINITIONS_FILE_MAX, &bytes);
    if (rc)
        return rc;
    if (strcmp(name, "package.json") != 0)
        bytes = rh_pack_merge(r->arena, &r->texts, bytes);
    return inside ? rh_package_reader_file(r->reader, r->issues, rh_text(inside), bytes) : RH_NOMEM;
}

static enum rh_rc add_folder(struct reading *r, const char *folder, const char *prefix,
                             unsigned depth)
{
    char **names;
    size_t n;
    enum rh_rc rc = rh_dir_list(r->arena, r->issues, folder, &names, &n);
    for (size_t i = 0; i < n && !rc; i++) {
        struct stat st;
        char *path = rh_path_join(r->arena, folder, names[i]);
        char *name = rh_arena_printf(r->arena, "%s%s", prefix ? prefix : "", names[i]);
        if (!path || !name)
            return RH_NOMEM;
        if (stat(path, &st) != 0)
            continue; /* gone meanwhile, or a link to nothing */
        if (S_ISREG(st.st_mode) && rh_text_ends(rh_text(names[i]), ".json"))
            rc = add_file(r, path, name);
        else if (S_ISDIR(st.st_mode) && prefix && depth > 0 && names[i][0] != '.')
            rc = add_folder(r, path, rh_arena_printf(r->arena, "%s:", name), depth - 1);
    }
    return rc;
}

static bool has(struct reading *r, const char *folder, const char *name)
{
    struct stat st;
    char *path = rh_path_join(r->arena, folder, name);
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* As npm lays it out (unpacked, or one folder further in), or any folder of resources. */
static enum rh_rc read_folder(struct reading *r, const char *folder)
{
    if (has(r, folder, "package.json"))
        return add_folder(r, folder, NULL, 0);
    if (has(r, folder, "package/package.json")) {
        enum rh_rc rc = rh_pack_catalogues(r->arena, r->issues, folder, &r->texts);
        return rc ? rc : add_folder(r, rh_path_join(r->arena, folder, "package"), NULL, 0);
    }
    return add_folder(r, folder, "", RH_DEFINITIONS_DEPTH_MAX);
}

/* --- files -------------------------------------------------------------------------------------
 */

static bool is_gzip(struct rh_text t)
{
    return t.len > 2 && (unsigned char)t.data[0] == 0x1f && (unsigned char)t.data[1] == 0x8b;
}

static bool is_tar(struct rh_text t)
{
    return t.len >= 512 && memcmp(t.data + 257, "ustar", 5) == 0;
}

static enum rh_rc read_file(struct reading *r, const char *path)
{
    struct rh_text bytes;
    enum rh_rc rc = rh_file_read(r->arena, r->issues, path, RH_DEFINITIONS_FILE_MAX, &bytes);
    if (rc)
        return rc;
    if (is_gzip(bytes)) {
        struct rh_buf unpacked = rh_buf(r->arena);
        rc = rh_gzip_unpack(bytes, RH_PACKAGE_BYTES_MAX, &unpacked);
        if (rc)
            return rh_issue_add(r->issues, rc, NULL,
                                rc == RH_TOOLARGE ? "It unpacks to more than the limit of %d bytes."
                                                  : "The gzip data are damaged or cut.",
                                RH_PACKAGE_BYTES_MAX);
        bytes = rh_buf_get(&unpacked);
    }
    if (is_tar(bytes))
        return rh_package_reader_tar(r->reader, r->issues, bytes);
    if (rh_text_ends(rh_text(path), ".tgz") || rh_text_ends(rh_text(path), ".tar.gz") ||
        rh_text_ends(rh_text(path), ".tar"))
        return rh_issue_add(r->issues, RH_SYNTAX, NULL,
                            "It is no package: neither gzip nor tar, or damaged.");
    return rh_package_reader_file(r->reader, r->issues, RH_TEXT("package/resource.json"), bytes);
}

static struct rh_text last_part(const char *path)
{
    struct rh_text t = rh_text(path);
    while (t.len > 1 && t.data[t.len - 1] == '/')
        t.len--;
    for (size_t i = t.len; i-- > 0;)
        if (t.data[i] == '/')
            return i + 1 < t.len ? (struct rh_text){t.data + i + 1, t.len - i - 1} : t;
    return t;
}

static enum rh_rc read_path(struct reading *r, const char *path, struct rh_package **ret)
{
    struct stat st;
    enum rh_rc rc = rh_package_reader_open(r->arena, &r->reader);
    if (rc)
        return rc;
    if (stat(path, &st) != 0)
        return rh_errno_issue(r->issues, errno, "read", path);
    rc = S_ISDIR(st.st_mode) ? read_folder(r, path) : read_file(r, path);
    return rc ? rc : rh_package_reader_close(r->reader, r->issues, last_part(path), ret);
}

enum rh_rc rh_definitions_read(struct rh_issues *is, const char *path, struct rh_package **ret)
{
    struct rh_issues inner;
    struct reading r = {.issues = &inner, .arena = rh_arena_open(ARENA_BYTES)};
    rh_issues_init(&inner, r.arena);
    enum rh_rc rc = read_path(&r, path, ret);
    /* Each finding is said again with the path before it, which the reader does not know. */
    for (unsigned i = 0; i < inner.count; i++) {
        struct rh_issue row = inner.rows[i];
        char *text = strstr(row.text, path) ? rh_arena_printf(is->arena, "%s", row.text)
                                            : rh_arena_printf(is->arena, "%s: %s", path, row.text);
        if (!text)
            break;
        row.text = text;
        rh_issue_at(is, row);
    }
    if (rc && !inner.count)
        rh_issue_add(is, rc, NULL, "%s: %s", path, rh_rc_text(rc));
    rh_arena_close(r.arena);
    return rc;
}

/* --- the world ---------------------------------------------------------------------------------
 */

enum rh_rc rh_definitions_open(struct rh_issues *is, const char *const *paths, size_t n,
                               struct rh_world **ret)
{
    if (n > RH_WORLD_PACKAGES_MAX - RH_BUILTIN_PACKAGES)
        return rh_issue_add(is, RH_TOOLARGE, NULL, "More than %d packages.",
                            RH_WORLD_PACKAGES_MAX - RH_BUILTIN_PACKAGES);
    struct rh_package **all = rh_alloc((n + RH_BUILTIN_PACKAGES) * sizeof(struct rh_package *));
    enum rh_rc rc = rh_definitions_builtin(all);
    if (rc)
        rh_issue_add(is, rc, NULL, "The built-in definitions cannot be opened.");
    for (size_t i = 0; i < n && !rc; i++)
        rc = rh_definitions_read(is, paths[i], &all[RH_BUILTIN_PACKAGES + i]);
    if (!rc) {
        rh_package_check_depends(is, all, n + RH_BUILTIN_PACKAGES);
        rc = rh_world_open(all, n + RH_BUILTIN_PACKAGES, ret);
    }
    for (size_t i = 0; i < n + RH_BUILTIN_PACKAGES; i++)
        rh_package_close(all[i]);
    rh_free(all);
    return rc;
}
