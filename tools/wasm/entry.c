/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * entry.c - what the core as WebAssembly offers to JavaScript (tools/wasm/core.mjs is the other
 * side).
 *
 * One instance is one thread and one world. Bytes go in through memory from rh_wasm_alloc; an
 * answer is a NUL-terminated JSON text that stays until the next call. What the core cannot know
 * itself it asks JavaScript: the time, and regular expressions, since the browser has an engine of
 * its own.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "conformance/package.h"
#include "conformance/validate.h"
#include "fhirpath/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORK_BYTES = 256 << 20 };

#define EXPORTED(name) __attribute__((export_name(#name))) name
#define IMPORTED(name) __attribute__((import_module("rihla"), import_name(#name))) name

void *EXPORTED(rh_wasm_alloc)(size_t size);
void EXPORTED(rh_wasm_free)(void *p);
const char *EXPORTED(rh_wasm_fhirpath)(const char *line, size_t len);
int EXPORTED(rh_wasm_package_begin)(void);
int EXPORTED(rh_wasm_package_file)(const char *path, size_t path_len, const char *bytes,
                                   size_t len);
const char *EXPORTED(rh_wasm_package_end)(void);

/* RH_OK, RH_VALUE (malformed) or RH_TIMEOUT; fills the match. */
int IMPORTED(regex)(const char *pattern, size_t pattern_len, const char *text, size_t text_len,
                    size_t start, unsigned flags, struct rh_regex_match *ret);
double IMPORTED(now)(void); /* microseconds since 1970 */

/* As core.mjs reads and writes it. */
_Static_assert(offsetof(struct rh_regex_match, groups) == 4 &&
                   offsetof(struct rh_regex_match, from) == 8 &&
                   offsetof(struct rh_regex_match, to) == 8 + 4 * RH_REGEX_GROUPS,
               "the layout of a match is part of the interface");

static struct {
    struct rh_arena *work, *packages;
    struct rh_package_reader *reader;
    struct rh_issues reading;
    struct rh_world *world;
    struct rh_buf out;
} core;

/* Debian's arithmetic of 128 bits is compiled with a stack protector, which wasi-libc lacks. */
extern uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
uintptr_t __stack_chk_guard = 0x5bd1e995;

_Noreturn void __stack_chk_fail(void)
{
    abort();
}

void *rh_wasm_alloc(size_t size)
{
    return rh_try_alloc(size);
}

void rh_wasm_free(void *p)
{
    rh_free(p);
}

void rh_random(void *ret, size_t len)
{
    if (getentropy(ret, len))
        abort();
}

static void begin(void)
{
    if (!core.work)
        core.work = rh_arena_open(WORK_BYTES);
    rh_arena_reset(core.work);
    core.out = rh_buf(core.work);
}

static const char *answer(void)
{
    rh_buf_char(&core.out, 0);
    return core.out.rc ? "{\"error\":\"the memory limit was reached\",\"at\":null}" : core.out.data;
}

/* --- definitions ------------------------------------------------------------------------------ */

int rh_wasm_package_begin(void)
{
    rh_arena_close(core.packages);
    core.packages = rh_arena_open(WORK_BYTES);
    rh_issues_init(&core.reading, core.packages);
    return (int)rh_package_reader_open(core.packages, &core.reader);
}

int rh_wasm_package_file(const char *path, size_t path_len, const char *bytes, size_t len)
{
    struct rh_text name = rh_text_copy(core.packages, (struct rh_text){path, path_len});
    struct rh_text content = rh_text_copy(core.packages, (struct rh_text){bytes, len});
    if (!name.data || !content.data)
        return RH_NOMEM;
    return (int)rh_package_reader_file(core.reader, &core.reading, name, content);
}

/* The package becomes a world with those that were there before. */
const char *rh_wasm_package_end(void)
{
    struct rh_package *all[RH_WORLD_PACKAGES_MAX], *p = NULL;
    struct rh_world *world;
    size_t n = rh_world_n_packages(core.world);
    begin();
    for (size_t i = 0; i < n; i++)
        all[i] = rh_world_package(core.world, i);
    enum rh_rc rc = n < RH_WORLD_PACKAGES_MAX ? RH_OK : RH_TOOLARGE;
    if (!rc)
        rc = rh_package_reader_close(core.reader, &core.reading, RH_TEXT("given"), &p);
    all[n < RH_WORLD_PACKAGES_MAX ? n : 0] = p;
    if (!rc)
        rc = rh_world_open(all, n + 1, &world);
    rh_buf_char(&core.out, '{');
    if (rc) {
        rh_fp_print_error(&core.reading, rc, &core.out);
    } else {
        rh_world_close(core.world);
        core.world = world;
        rh_buf_printf(&core.out, "\"definitions\":%zu", rh_package_count(p));
    }
    rh_buf_char(&core.out, '}');
    rh_package_close(p);
    rh_arena_close(core.packages);
    core.packages = NULL;
    return answer();
}

/* --- FHIRPath: a line of `rihla fhirpath --batch` --------------------------------------------- */

static enum rh_rc on_regex(struct rh_ctx *c, struct rh_text pattern, struct rh_text text,
                           size_t start, unsigned flags, struct rh_regex_match *ret)
{
    *ret = (struct rh_regex_match){0};
    enum rh_rc rc =
        (enum rh_rc)regex(pattern.data, pattern.len, text.data, text.len, start, flags, ret);
    if (rc)
        rh_issue_add(c->issues, rc, NULL, "the regular expression \"%.*s\" is malformed",
                     RH_TEXT_ARG(pattern));
    return rc;
}

static enum rh_rc compile(void *user, struct rh_ctx *c, struct rh_text expression,
                          const struct rh_type *type, struct rh_text *types, struct rh_fp **ret)
{
    (void)user;
    enum rh_rc rc = rh_fp_compile(c, c->arena, expression, ret);
    return rc || !type ? rc : rh_fp_check(c, *ret, type, types);
}

const char *rh_wasm_fhirpath(const char *line, size_t len)
{
    struct rh_fp_question q = {0};
    struct rh_fp_list result = {0};
    struct rh_issues is;
    struct rh_host outer = {.regex = on_regex};
    yyjson_doc *doc = NULL;
    begin();
    rh_issues_init(&is, core.work);
    enum rh_rc rc = rh_json_parse(core.work, &is, (struct rh_text){line, len}, &doc);
    yyjson_val *o = doc ? yyjson_doc_get_root(doc) : NULL, *id = yyjson_obj_get(o, "id");
    rh_buf_char(&core.out, '{');
    if (id) {
        rh_buf_str(&core.out, "\"id\":");
        rh_json_write(&core.out, id);
        rh_buf_char(&core.out, ',');
    }
    size_t before = core.out.len;
    if (!rc)
        rc = rh_fp_question_read(core.work, &is, o, &q);
    if (!rc) {
        struct rh_host host = rh_conformance_host(&outer, q.resource);
        struct rh_ctx c = {.arena = core.work,
                           .issues = &is,
                           .now_us = (int64_t)now(),
                           .world = core.world,
                           .host = &host};
        rc = rh_fp_question_answer(&c, &q, compile, NULL, &result);
    }
    if (!rc) {
        rh_buf_str(&core.out, "\"result\":");
        rh_fp_print_list(core.work, &result, true, &core.out);
        rc = core.out.rc;
    }
    if (rc) {
        core.out.len = before;
        rh_fp_print_error(&is, rc, &core.out);
    }
    rh_buf_char(&core.out, '}');
    return answer();
}
