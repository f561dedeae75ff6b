/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/pack_build.h"

#include "programme/definitions.h"
#include "programme/pack_text.h"
#include "system/compress.h"
#include "system/file.h"

#include <stdio.h>
#include <sys/stat.h>

enum { BUILD_BYTES = 1 << 30, TAR_BLOCK = 512, TAR_NAME = 100, GZIP_LEVEL = 9 };

/* --- translations ----------------------------------------------------------------------------- */

/* Findings of the reader have no file; here each gets its path. */
static void name_file(struct rh_issues *is, const struct rh_issues *inner, const char *path)
{
    for (unsigned i = 0; i < inner->count; i++) {
        struct rh_issue row = inner->rows[i];
        row.text = row.line ? rh_arena_printf(is->arena, "%s:%u: %s", path, row.line, row.text)
                            : rh_arena_printf(is->arena, "%s: %s", path, row.text);
        if (row.text)
            rh_issue_at(is, row);
    }
}

static enum rh_rc read_catalogue(struct rh_arena *a, struct rh_issues *is, const char *path,
                                 struct rh_text language, struct rh_po **ret)
{
    struct rh_issues inner;
    struct rh_text bytes;
    enum rh_rc rc = rh_file_read(a, is, path, RH_PO_BYTES_MAX, &bytes);
    if (rc)
        return rc;
    rh_issues_init(&inner, a);
    rc = rh_po_read(a, &inner, language, bytes, ret);
    name_file(is, &inner, path);
    return rc;
}

enum rh_rc rh_pack_catalogues(struct rh_arena *a, struct rh_issues *is, const char *folder,
                              struct rh_catalogues *ret)
{
    char **names = NULL, *texts = rh_path_join(a, folder, "text");
    size_t n = 0;
    *ret = (struct rh_catalogues){NULL, NULL, 0};
    if (!texts)
        return RH_NOMEM;
    enum rh_rc rc = rh_dir_list(a, NULL, texts, &names, &n);
    if (rc == RH_NOTFOUND)
        return RH_OK;
    if (rc)
        return rh_issue_add(is, rc, NULL, "cannot read %s: %s", texts, rh_rc_text(rc));
    ret->list = rh_arena_alloc(a, (n + 1) * sizeof(struct rh_po *));
    ret->paths = rh_arena_alloc(a, (n + 1) * sizeof *ret->paths);
    if (!ret->list || !ret->paths)
        return RH_NOMEM;
    for (size_t i = 0; i < n && !rc; i++) {
        struct rh_text language = rh_po_language(a, rh_text(names[i]));
        if (!language.data || !(ret->paths[ret->n] = rh_path_join(a, texts, names[i])))
            continue;
        rc = read_catalogue(a, is, ret->paths[ret->n], language, &ret->list[ret->n]);
        ret->n++;
    }
    return rc;
}

struct rh_text rh_pack_merge(struct rh_arena *a, const struct rh_catalogues *c,
                             struct rh_text bytes)
{
    struct rh_issues silent;
    struct rh_buf out = rh_buf(a);
    yyjson_doc *doc;
    if (!c->n)
        return bytes;
    rh_issues_init(&silent, a);
    if (rh_json_parse(a, &silent, bytes, &doc) ||
        rh_pack_translate(c->list, c->n, yyjson_doc_get_root(doc), &out))
        return bytes;
    return rh_buf_get(&out);
}

/* --- tar: POSIX.1-2017, pax, "ustar Interchange Format" ----------------------------------------
 */

static void tar_file(struct rh_buf *tar, const char *name, struct rh_text bytes)
{
    unsigned char head[TAR_BLOCK] = {0};
    static const char zeros[TAR_BLOCK];
    unsigned sum = 0;
    memcpy(head, name, strlen(name));
    memcpy(head + 100, "0000644", 7);
    memcpy(head + 108, "0000000", 7);
    memcpy(head + 116, "0000000", 7);
    snprintf((char *)head + 124, 12, "%011llo", (unsigned long long)bytes.len);
    memcpy(head + 136, "00000000000", 11);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar", 6);
    memcpy(head + 263, "00", 2);
    for (size_t i = 0; i < sizeof head; i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    rh_buf_add(tar, head, sizeof head);
    rh_buf_text(tar, bytes);
    rh_buf_add(tar, zeros, (TAR_BLOCK - bytes.len % TAR_BLOCK) % TAR_BLOCK);
}

/* --- building --------------------------------------------------------------------------------- */

static enum rh_rc add_resource(struct rh_arena *a, struct rh_issues *is, const char *folder,
                               const char *name, const struct rh_catalogues *texts,
                               struct rh_buf *tar)
{
    struct rh_issues inner;
    struct rh_text bytes;
    yyjson_doc *doc;
    char *path = rh_path_join(a, folder, name), *inside = rh_arena_printf(a, "package/%s", name);
    if (!path || !inside)
        return RH_NOMEM;
    if (strlen(inside) >= TAR_NAME)
        return rh_issue_add(is, RH_INVALID, NULL, "%s: the name is longer than %d bytes", path,
                            TAR_NAME - (int)sizeof "package/");
    enum rh_rc rc = rh_file_read(a, is, path, RH_DEFINITIONS_FILE_MAX, &bytes);
    if (rc)
        return rc;
    rh_issues_init(&inner, a);
    rc = rh_json_parse(a, &inner, bytes, &doc);
    name_file(is, &inner, path);
    if (rc)
        return rc;
    if (strcmp(name, "package.json") != 0)
        bytes = rh_pack_merge(a, texts, bytes);
    tar_file(tar, inside, bytes);
    return tar->rc;
}

static enum rh_rc build(struct rh_arena *a, struct rh_issues *is, const char *folder,
                        const char *out, size_t *ret_files)
{
    struct rh_catalogues texts;
    struct rh_buf tar = rh_buf(a), packed = rh_buf(a);
    struct stat st;
    char **names, *package = rh_path_join(a, folder, "package");
    char *manifest = package ? rh_path_join(a, package, "package.json") : NULL;
    size_t n, files = 0;
    if (!manifest)
        return RH_NOMEM;
    if (stat(manifest, &st) != 0 || !S_ISREG(st.st_mode))
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            "%s is not there: a pack is a folder with package/package.json",
                            manifest);
    enum rh_rc rc = rh_pack_catalogues(a, is, folder, &texts);
    if (!rc)
        rc = add_resource(a, is, package, "package.json", &texts, &tar);
    if (!rc)
        rc = rh_dir_list(a, is, package, &names, &n);
    for (size_t i = 0; !rc && i < n; i++)
        if (rh_text_ends(rh_text(names[i]), ".json") && names[i][0] != '.' &&
            strcmp(names[i], "package.json") != 0) {
            rc = add_resource(a, is, package, names[i], &texts, &tar);
            files++;
        }
    static const char end[2 * TAR_BLOCK];
    rh_buf_add(&tar, end, sizeof end);
    if (!rc)
        rc = tar.rc ? tar.rc : rh_gzip_pack(rh_buf_get(&tar), GZIP_LEVEL, &packed);
    if (rc)
        return rc;
    *ret_files = files;
    return rh_file_write(is, out, rh_buf_get(&packed), 0644);
}

enum rh_rc rh_pack_build(struct rh_issues *is, const char *folder, const char *out,
                         size_t *ret_files)
{
    struct rh_arena *a = rh_arena_open(BUILD_BYTES);
    enum rh_rc rc = build(a, is, folder, out, ret_files);
    rh_arena_close(a);
    return rc;
}
