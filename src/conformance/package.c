/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conformance/package.h"

#include "fhir/element.h"

#include <stdlib.h>

enum { TAR_BLOCK = 512 };

struct file {
    struct rh_text name; /* without "package/" */
    struct rh_text bytes;
    size_t order;      /* of arrival */
    yyjson_val *index; /* what .index.json says of it; NULL: nothing */
};

struct rh_package_reader {
    struct rh_arena *arena;
    struct file *files;
    size_t n, cap;
    uint64_t bytes;
    struct rh_text manifest, index; /* package.json, .index.json; data NULL: none */
};

enum rh_rc rh_package_reader_open(struct rh_arena *a, struct rh_package_reader **ret)
{
    struct rh_package_reader *r = rh_arena_zero(a, sizeof *r);
    if (!r)
        return RH_NOMEM;
    r->arena = a;
    *ret = r;
    return RH_OK;
}

/* "package/x.json" -> "x.json"; anything else, or in a folder below, -> empty. */
static struct rh_text name_of(struct rh_text path)
{
    while (rh_text_starts(path, "./"))
        path.data += 2, path.len -= 2;
    if (!rh_text_starts(path, "package/"))
        return (struct rh_text){"", 0};
    path.data += 8, path.len -= 8;
    if (memchr(path.data, '/', path.len))
        return (struct rh_text){"", 0};
    return path;
}

enum rh_rc rh_package_reader_file(struct rh_package_reader *r, struct rh_issues *is,
                                  struct rh_text path, struct rh_text bytes)
{
    struct rh_text name = name_of(path);
    if (!rh_text_ends(name, ".json"))
        return RH_OK;
    if (bytes.len > RH_PACKAGE_BYTES_MAX - r->bytes)
        return rh_issue_add(is, RH_TOOLARGE, NULL,
                            "The package is larger than the limit of %d bytes (at %.*s).",
                            RH_PACKAGE_BYTES_MAX, RH_TEXT_ARG(path));
    r->bytes += bytes.len;
    if (rh_text_is(name, "package.json"))
        r->manifest = bytes;
    else if (rh_text_is(name, ".index.json"))
        r->index = bytes;
    if (rh_text_is(name, "package.json") || name.data[0] == '.')
        return RH_OK;
    if (r->n == RH_PACKAGE_FILES_MAX)
        return rh_issue_add(is, RH_TOOLARGE, NULL, "The package has more than %d files.",
                            RH_PACKAGE_FILES_MAX);
    void *room = rh_arena_grow(r->arena, r->files, &r->cap, r->n + 1, sizeof *r->files);
    if (!room)
        return RH_NOMEM;
    r->files = room;
    r->files[r->n] = (struct file){.name = name, .bytes = bytes, .order = r->n};
    r->n++;
    return RH_OK;
}

/* --- tar: POSIX.1-2017, pax, "ustar Interchange Format" ---------------------------------------
 */

struct entry {
    struct rh_text path, bytes;
    char kind;
};

/* A number of a header: octal digits with blanks around, or GNU's base 256. False: malformed. */
static bool tar_number(const unsigned char *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    if (p[0] & 0x80) {
        v = p[0] & 0x7f;
        for (i = 1; i < n; i++) {
            if (v >> 55)
                return false;
            v = v << 8 | p[i];
        }
        *ret = v;
        return true;
    }
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
        if (v >> 60)
            return false;
        v = v << 3 | (uint64_t)(p[i] - '0');
    }
    *ret = v;
    return i == n || p[i] == ' ' || p[i] == 0;
}

static bool tar_sum_fits(const unsigned char *block)
{
    uint64_t stated, sum = 0;
    if (!tar_number(block + 148, 8, &stated))
        return false;
    for (unsigned i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return sum == stated;
}

static bool all_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static struct rh_text cut_at_nul(const void *p, size_t max)
{
    return (struct rh_text){p, strnlen(p, max)};
}

/* The name of a header: prefix, "/" and name for ustar. */
static struct rh_text tar_name(struct rh_arena *a, const unsigned char *block)
{
    struct rh_text name = cut_at_nul(block, 100), prefix = {"", 0};
    if (memcmp(block + 257, "ustar\0", 6) == 0) /* GNU's "ustar " has other things there */
        prefix = cut_at_nul(block + 345, 155);
    if (!prefix.len)
        return name;
    return rh_text(rh_arena_printf(a, "%.*s/%.*s", RH_TEXT_ARG(prefix), RH_TEXT_ARG(name)));
}

/* Records "27 path=package/x.json\n" of a pax header; later ones win. */
static bool pax_read(struct rh_text t, struct rh_text *path, uint64_t *size, bool *has_size)
{
    while (t.len && t.data[0]) {
        uint64_t len;
        const char *blank = memchr(t.data, ' ', t.len);
        if (!blank || rh_text_u64((struct rh_text){t.data, (size_t)(blank - t.data)}, t.len, &len))
            return false;
        size_t head = (size_t)(blank - t.data) + 1;
        if (len <= head || t.data[len - 1] != '\n')
            return false;
        struct rh_text record = {blank + 1, (size_t)len - head - 1};
        if (rh_text_starts(record, "path="))
            *path = (struct rh_text){record.data + 5, record.len - 5};
        if (rh_text_starts(record, "size=")) {
            if (rh_text_u64((struct rh_text){record.data + 5, record.len - 5}, UINT32_MAX, size))
                return false;
            *has_size = true;
        }
        t.data += len, t.len -= (size_t)len;
    }
    return true;
}

struct tar {
    struct rh_text all;
    size_t at;
    struct rh_text long_path; /* of a header before, for the next entry */
    uint64_t long_size;
    bool has_long_size;
};

static enum rh_rc tar_damaged(struct rh_issues *is, size_t at, const char *why)
{
    return rh_issue_add(is, RH_SYNTAX, NULL, "The tar is damaged at byte %zu: %s.", at, why);
}

/* Reads one header and its content; *more is false at the end. */
static enum rh_rc tar_next(struct rh_arena *a, struct rh_issues *is, struct tar *t,
                           struct entry *ret, bool *more)
{
    const unsigned char *block = (const unsigned char *)t->all.data + t->at;
    size_t left = t->all.len - t->at;
    uint64_t size;
    *more = false;
    if (left == 0 || (left >= TAR_BLOCK && all_zero(block, TAR_BLOCK)))
        return RH_OK;
    if (left < TAR_BLOCK)
        return tar_damaged(is, t->at, "it ends within a header");
    if (!tar_sum_fits(block))
        return tar_damaged(is, t->at, "the checksum of a header does not fit");
    if (!tar_number(block + 124, 12, &size))
        return tar_damaged(is, t->at, "the size of a file is no number");
    ret->kind = (char)block[156];
    if (t->has_long_size && ret->kind != 'x' && ret->kind != 'L')
        size = t->long_size;
    if (size > left - TAR_BLOCK)
        return tar_damaged(is, t->at, "it ends within a file");
    ret->path = tar_name(a, block);
    if (!ret->path.data)
        return RH_NOMEM;
    ret->bytes = (struct rh_text){(const char *)block + TAR_BLOCK, (size_t)size};
    size_t whole = ((size_t)size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    t->at += TAR_BLOCK + (whole < left - TAR_BLOCK ? whole : left - TAR_BLOCK);
    *more = true;
    return RH_OK;
}

enum rh_rc rh_package_reader_tar(struct rh_package_reader *r, struct rh_issues *is,
                                 struct rh_text tar)
{
    struct tar t = {.all = tar};
    struct entry e;
    bool more;
    for (;;) {
        size_t at = t.at;
        enum rh_rc rc = tar_next(r->arena, is, &t, &e, &more);
        if (rc || !more)
            return rc;
        if (e.kind == 'L') {
            t.long_path = cut_at_nul(e.bytes.data, e.bytes.len);
        } else if (e.kind == 'x') {
            if (!pax_read(e.bytes, &t.long_path, &t.long_size, &t.has_long_size))
                return tar_damaged(is, at, "a pax header is malformed");
        } else if (e.kind != 'g' && e.kind != 'K') {
            if (e.kind == '0' || e.kind == 0 || e.kind == '7')
                rc = rh_package_reader_file(r, is, t.long_path.len ? t.long_path : e.path, e.bytes);
            if (rc)
                return rc;
            t.long_path = (struct rh_text){NULL, 0};
            t.has_long_size = false;
        }
    }
}

/* --- making the package -----------------------------------------------------------------------
 */

/* Parses a file of the package; an issue of JSON gets the name of the file. */
static enum rh_rc parse_file(struct rh_package_reader *r, struct rh_issues *is, const char *name,
                             struct rh_text bytes, yyjson_val **ret)
{
    struct rh_issues inner;
    yyjson_doc *doc;
    rh_issues_init(&inner, r->arena);
    enum rh_rc rc = rh_json_parse(r->arena, &inner, bytes, &doc);
    if (rc)
        return rh_issue_add(is, rc, NULL, "package/%s: %s", name,
                            inner.count ? inner.rows[0].text : rh_rc_text(rc));
    *ret = yyjson_doc_get_root(doc);
    return RH_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    int order = rh_text_cmp(x->name, y->name);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Sorted by name; of files of the same name the last. */
static void sort_files(struct rh_package_reader *r)
{
    size_t kept = 0;
    if (r->n)
        qsort(r->files, r->n, sizeof *r->files, by_name);
    for (size_t i = 0; i < r->n; i++)
        if (i + 1 == r->n || !rh_text_eq(r->files[i].name, r->files[i + 1].name))
            r->files[kept++] = r->files[i];
    r->n = kept;
}

static struct file *find_file(struct rh_package_reader *r, struct rh_text name)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = rh_text_cmp(r->files[mid].name, name);
        if (order == 0)
            return &r->files[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* An index that cannot be read is no harm: then each file is parsed. */
static void read_index(struct rh_package_reader *r)
{
    struct rh_issues ignored;
    yyjson_val *index = NULL, *row;
    yyjson_arr_iter it;
    rh_issues_init(&ignored, r->arena);
    if (!r->index.data || parse_file(r, &ignored, ".index.json", r->index, &index))
        return;
    it = yyjson_arr_iter_with(yyjson_obj_get(index, "files"));
    while ((row = yyjson_arr_iter_next(&it))) {
        struct file *f = find_file(r, rh_json_get(row, "filename"));
        if (f && rh_json_get(row, "resourceType").len)
            f->index = row;
    }
}

static enum rh_rc read_depends(struct rh_package *p, yyjson_val *manifest)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_obj_get(manifest, "dependencies"));
    yyjson_val *key;
    enum rh_rc rc = RH_OK;
    while (!rc && (key = yyjson_obj_iter_next(&it)))
        rc = rh_package_depends(p, rh_json_text(key), rh_json_text(yyjson_obj_iter_get_val(key)));
    return rc;
}

/* A package for another release of FHIR is read, and said to be one. */
static void check_release(struct rh_issues *is, struct rh_package *p, yyjson_val *manifest)
{
    yyjson_val *releases = yyjson_obj_get(manifest, "fhirVersions"), *release;
    if (!releases)
        releases = yyjson_obj_get(manifest, "fhir-version-list");
    yyjson_arr_iter it = yyjson_arr_iter_with(releases);
    if (yyjson_arr_size(releases) == 0)
        return;
    while ((release = yyjson_arr_iter_next(&it)))
        if (rh_text_starts(rh_json_text(release), "4.0"))
            return;
    rh_issue_at(is, (struct rh_issue){
                        .severity = RH_WARNING,
                        .rc = RH_UNSUPPORTED,
                        .text = rh_arena_printf(
                            is->arena, "Package %.*s is for FHIR %.*s; it is read as if for R4.",
                            RH_TEXT_ARG(rh_package_name(p)),
                            RH_TEXT_ARG(rh_json_text(yyjson_arr_get_first(releases))))});
}

static enum rh_rc open_package(struct rh_package_reader *r, struct rh_issues *is,
                               struct rh_text fallback_name, struct rh_package **ret)
{
    yyjson_val *manifest = NULL;
    enum rh_rc rc = RH_OK;
    if (r->manifest.data)
        rc = parse_file(r, is, "package.json", r->manifest, &manifest);
    if (rc)
        return rc;
    struct rh_text name = rh_json_get(manifest, "name");
    rc = rh_package_open(name.len ? name : fallback_name, rh_json_get(manifest, "version"), NULL,
                         ret);
    if (rc || !manifest)
        return rc;
    check_release(is, *ret, manifest);
    return read_depends(*ret, manifest);
}

static enum rh_rc add_indexed(struct rh_package *p, const struct file *f)
{
    struct rh_text type = rh_json_get(f->index, "resourceType");
    const struct rh_type *t = rh_type_find(type);
    if (!t || t->kind != RH_KIND_RESOURCE)
        return RH_STRUCTURE;
    bool system = strcmp(t->name, "CodeSystem") == 0;
    return rh_package_add(
        p, &(struct rh_definition){.type = t->name,
                                   .url = rh_json_get(f->index, "url"),
                                   .version = rh_json_get(f->index, "version"),
                                   .id = rh_json_get(f->index, "id"),
                                   .base = rh_json_get(f->index, system ? "supplements" : "type"),
                                   .text = f->bytes});
}

/* RH_STRUCTURE: not a resource of R4. */
static enum rh_rc add_file(struct rh_package *p, struct rh_package_reader *r, struct rh_issues *is,
                           const struct file *f)
{
    if (f->index)
        return add_indexed(p, f);
    struct rh_issues inner;
    rh_issues_init(&inner, r->arena);
    enum rh_rc rc = rh_package_add_json(p, &inner, f->bytes);
    if (rc == RH_OK || rc == RH_STRUCTURE)
        return rc;
    return rh_issue_add(is, rc, NULL, "package/%.*s: %s", RH_TEXT_ARG(f->name),
                        inner.count ? inner.rows[0].text : rh_rc_text(rc));
}

static enum rh_rc add_files(struct rh_package *p, struct rh_package_reader *r, struct rh_issues *is)
{
    const struct file *left_out = NULL;
    size_t n_left_out = 0;
    for (size_t i = 0; i < r->n; i++) {
        enum rh_rc rc = add_file(p, r, is, &r->files[i]);
        if (rc == RH_STRUCTURE) {
            left_out = left_out ? left_out : &r->files[i];
            n_left_out++;
        } else if (rc)
            return rc;
    }
    if (rh_package_count(p) == 0)
        return rh_issue_add(is, RH_NOTFOUND, NULL,
                            left_out ? "%.*s: none of its files is a FHIR R4 resource."
                                     : "%.*s: there is no package/*.json in it.",
                            RH_TEXT_ARG(rh_package_name(p)));
    if (left_out)
        rh_issue_at(
            is, (struct rh_issue){
                    .severity = RH_INFORMATION,
                    .rc = RH_UNSUPPORTED,
                    .text = rh_arena_printf(
                        is->arena,
                        "Package %.*s: %zu files are no FHIR R4 resource and are left "
                        "out, %.*s first.",
                        RH_TEXT_ARG(rh_package_name(p)), n_left_out, RH_TEXT_ARG(left_out->name))});
    return RH_OK;
}

enum rh_rc rh_package_reader_close(struct rh_package_reader *r, struct rh_issues *is,
                                   struct rh_text fallback_name, struct rh_package **ret)
{
    struct rh_package *p = NULL;
    sort_files(r);
    read_index(r);
    enum rh_rc rc = open_package(r, is, fallback_name, &p);
    if (!rc)
        rc = add_files(p, r, is);
    if (rc) {
        rh_package_close(p);
        return rc;
    }
    rh_package_seal(p);
    *ret = p;
    return RH_OK;
}

/* --- dependencies ------------------------------------------------------------------------------
 */

static struct rh_text without_release(struct rh_text name)
{
    if (rh_text_ends(name, ".r4"))
        name.len -= 3;
    return name;
}

/* "5.2.0" -> 5; -1: no number ("current", "latest", "x"). */
static int64_t major(struct rh_text version)
{
    struct rh_text first = {NULL, 0};
    uint64_t n;
    rh_text_split(&version, '.', &first);
    return rh_text_u64(first, INT32_MAX, &n) ? -1 : (int64_t)n;
}

static void complain(struct rh_issues *is, enum rh_severity severity, char *text)
{
    if (text)
        rh_issue_at(is, (struct rh_issue){.severity = severity, .rc = RH_NOTFOUND, .text = text});
}

static void check_depend(struct rh_issues *is, struct rh_package *const *packages, size_t n,
                         const struct rh_package *p, size_t i)
{
    const struct rh_package *other = NULL;
    struct rh_text name, version;
    rh_package_depend(p, i, &name, &version);
    int64_t wanted = major(version);
    for (size_t k = 0; k < n; k++) {
        if (!rh_text_eq(without_release(rh_package_name(packages[k])), without_release(name)))
            continue;
        int64_t there = major(rh_package_version(packages[k]));
        if (wanted < 0 || there < 0 || there == wanted)
            return;
        if (!other || there > major(rh_package_version(other)))
            other = packages[k];
    }
    if (!other)
        complain(is, RH_WARNING,
                 rh_arena_printf(
                     is->arena, "Package %.*s needs %.*s %.*s, which is not loaded: add its file.",
                     RH_TEXT_ARG(rh_package_name(p)), RH_TEXT_ARG(name), RH_TEXT_ARG(version)));
    else
        complain(is, major(rh_package_version(other)) > wanted ? RH_INFORMATION : RH_WARNING,
                 rh_arena_printf(is->arena,
                                 "Package %.*s needs %.*s %.*s; %.*s is used in its place.",
                                 RH_TEXT_ARG(rh_package_name(p)), RH_TEXT_ARG(name),
                                 RH_TEXT_ARG(version), RH_TEXT_ARG(rh_package_version(other))));
}

void rh_package_check_depends(struct rh_issues *is, struct rh_package *const *packages, size_t n)
{
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < rh_package_n_depends(packages[p]); i++)
            check_depend(is, packages, n, packages[p], i);
}
