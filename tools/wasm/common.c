/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/alloc.h"
#include "base/hash.h"
#include "entry_int.h"

#include <stdlib.h>
#include <unistd.h>

void *EXPORTED(rh_wasm_alloc)(size_t size);
void EXPORTED(rh_wasm_free)(void *p);
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

struct rh_wasm_core rh_wasm_core;

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

void rh_wasm_begin(void)
{
    if (!rh_wasm_core.work)
        rh_wasm_core.work = rh_arena_open(RH_WASM_WORK_BYTES);
    rh_arena_reset(rh_wasm_core.work);
    rh_wasm_core.out = rh_buf(rh_wasm_core.work);
}

const char *rh_wasm_answer(void)
{
    rh_buf_char(&rh_wasm_core.out, 0);
    return rh_wasm_core.out.rc ? "{\"error\":\"the memory limit was reached\",\"at\":null}"
                               : rh_wasm_core.out.data;
}

/* --- definitions ------------------------------------------------------------------------------ */

int rh_wasm_package_begin(void)
{
    rh_arena_close(rh_wasm_core.packages);
    rh_wasm_core.packages = rh_arena_open(RH_WASM_WORK_BYTES);
    rh_issues_init(&rh_wasm_core.reading, rh_wasm_core.packages);
    return (int)rh_package_reader_open(rh_wasm_core.packages, &rh_wasm_core.reader);
}

int rh_wasm_package_file(const char *path, size_t path_len, const char *bytes, size_t len)
{
    struct rh_text name = rh_text_copy(rh_wasm_core.packages, (struct rh_text){path, path_len});
    struct rh_text content = rh_text_copy(rh_wasm_core.packages, (struct rh_text){bytes, len});
    if (!name.data || !content.data)
        return RH_NOMEM;
    return (int)rh_package_reader_file(rh_wasm_core.reader, &rh_wasm_core.reading, name, content);
}

/* The package becomes a world with those that were there before. */
const char *rh_wasm_package_end(void)
{
    struct rh_package *all[RH_WORLD_PACKAGES_MAX], *p = NULL;
    struct rh_world *world;
    size_t n = rh_world_n_packages(rh_wasm_core.world);
    rh_wasm_begin();
    for (size_t i = 0; i < n; i++)
        all[i] = rh_world_package(rh_wasm_core.world, i);
    enum rh_rc rc = n < RH_WORLD_PACKAGES_MAX ? RH_OK : RH_TOOLARGE;
    if (!rc)
        rc = rh_package_reader_close(rh_wasm_core.reader, &rh_wasm_core.reading, RH_TEXT("given"),
                                     &p);
    all[n < RH_WORLD_PACKAGES_MAX ? n : 0] = p;
    if (!rc)
        rc = rh_world_open(all, n + 1, &world);
    rh_buf_char(&rh_wasm_core.out, '{');
    if (rc) {
        rh_fp_print_error(&rh_wasm_core.reading, rc, &rh_wasm_core.out);
    } else {
        rh_world_close(rh_wasm_core.world);
        rh_wasm_core.world = world;
        rh_buf_printf(&rh_wasm_core.out, "\"definitions\":%zu", rh_package_count(p));
    }
    rh_buf_char(&rh_wasm_core.out, '}');
    rh_package_close(p);
    rh_arena_close(rh_wasm_core.packages);
    rh_wasm_core.packages = NULL;
    return rh_wasm_answer();
}

/* --- what is asked of JavaScript ---------------------------------------------------------------
 */
enum rh_rc rh_wasm_regex(struct rh_ctx *c, struct rh_text pattern, struct rh_text text,
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

double rh_wasm_now(void)
{
    return now();
}
