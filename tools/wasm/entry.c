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
#include "fhirpath/fhirpath.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORK_BYTES = 256 << 20, VARIABLES_MAX = 64 };

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

static void write_error(const struct rh_issues *is, enum rh_rc rc)
{
    const struct rh_issue *row = is->count ? &is->rows[0] : NULL;
    rh_buf_str(&core.out, "\"error\":");
    rh_buf_json(&core.out, rh_text(row ? row->text : rh_rc_text(rc)));
    if (row && row->column)
        rh_buf_printf(&core.out, ",\"at\":\"%u:%u\"", row->line ? row->line : 1, row->column);
    else
        rh_buf_str(&core.out, ",\"at\":null");
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
        write_error(&core.reading, rc);
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

struct question {
    struct rh_text expression, context;
    bool plain, lenient;
    struct rh_fp_input in;
    struct rh_fp_variable variables[VARIABLES_MAX];
};

static enum rh_rc read_item(yyjson_val *v, bool plain, struct rh_fp_item *ret)
{
    int64_t n;
    if (yyjson_is_str(v)) {
        *ret = (struct rh_fp_item){.kind = RH_FP_STRING, .text = rh_json_text(v)};
    } else if (yyjson_is_bool(v)) {
        *ret = (struct rh_fp_item){.kind = RH_FP_BOOLEAN, .boolean = yyjson_is_true(v)};
    } else if (yyjson_is_raw(v)) {
        struct rh_text t = rh_json_text(v);
        struct rh_dec *d = rh_arena_alloc(core.work, sizeof *d);
        if (!d)
            return RH_NOMEM;
        if (rh_dec_parse(t, d))
            return RH_VALUE;
        bool whole = !memchr(t.data, '.', t.len) && rh_dec_to_int(*d, &n) == RH_OK &&
                     n >= INT32_MIN && n <= INT32_MAX;
        *ret = whole ? (struct rh_fp_item){.kind = RH_FP_INTEGER, .integer = n}
                     : (struct rh_fp_item){.kind = RH_FP_DECIMAL, .decimal = d};
    } else {
        *ret = rh_fp_resource(v, plain || !yyjson_obj_get(v, "resourceType"));
    }
    return RH_OK;
}

static enum rh_rc read_variable(struct question *q, struct rh_text name, yyjson_val *v)
{
    size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : !yyjson_is_null(v);
    struct rh_fp_item *items = rh_arena_zero(core.work, (n + 1) * sizeof *items);
    if (!items || q->in.n_variables == VARIABLES_MAX)
        return items ? RH_TOOLARGE : RH_NOMEM;
    for (size_t i = 0; i < n; i++) {
        yyjson_val *one = yyjson_is_arr(v) ? yyjson_arr_get(v, i) : v;
        enum rh_rc rc = read_item(one, q->plain, &items[i]);
        if (rc)
            return rc;
    }
    q->variables[q->in.n_variables++] =
        (struct rh_fp_variable){name, {.items = items, .count = n, .cap = n}};
    return RH_OK;
}

static enum rh_rc refuse(struct rh_issues *is, const char *what)
{
    return rh_issue_add(is, RH_STRUCTURE, NULL, "%s", what);
}

static enum rh_rc check_question(struct rh_issues *is, yyjson_val *o)
{
    struct rh_text model = rh_json_get(o, "model");
    yyjson_val *resource = yyjson_obj_get(o, "resource"), *context = yyjson_obj_get(o, "context");
    if (!yyjson_is_obj(o))
        return refuse(is, "a line is a JSON object");
    if (!rh_json_get(o, "expr").data)
        return refuse(is, "the member expr (a string) is missing");
    if (model.data && !rh_text_is(model, "r4") && !rh_text_is(model, "none"))
        return rh_issue_add(is, RH_VALUE, NULL, "model is \"r4\" or \"none\", not \"%.*s\"",
                            RH_TEXT_ARG(model));
    if (resource && !yyjson_is_null(resource) && !yyjson_is_obj(resource))
        return refuse(is, "the member resource is a JSON object");
    if (context && !yyjson_is_null(context) && !yyjson_is_obj(context) && !yyjson_is_str(context))
        return refuse(is, "the member context is an expression or an object");
    return RH_OK;
}

static enum rh_rc read_question(struct rh_issues *is, yyjson_val *o, struct question *q)
{
    yyjson_val *resource = yyjson_obj_get(o, "resource"), *context = yyjson_obj_get(o, "context");
    yyjson_val *strict = yyjson_obj_get(o, "strict"), *key;
    yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_obj_get(o, "variables"));
    enum rh_rc rc = check_question(is, o);
    q->expression = rh_json_get(o, "expr");
    q->plain = rh_text_is(rh_json_get(o, "model"), "none");
    q->lenient = strict && !yyjson_is_true(strict);
    q->in = (struct rh_fp_input){.empty = true, .variables = q->variables};
    if (yyjson_is_obj(resource)) {
        q->in.resource = q->in.root = resource;
        q->in.focus = rh_fp_resource(resource, q->plain);
        q->in.empty = false;
    }
    if (yyjson_is_str(context)) {
        q->context = rh_json_text(context);
    } else if (yyjson_is_obj(context)) {
        q->in.focus = rh_fp_resource(context, q->plain);
        q->in.empty = false;
    }
    while (!rc && (key = yyjson_obj_iter_next(&it))) {
        rc = read_variable(q, rh_json_text(key), yyjson_obj_iter_get_val(key));
        if (rc == RH_VALUE)
            rh_issue_add(is, rc, NULL, "variable %.*s: a number has more digits than can be kept",
                         RH_TEXT_ARG(rh_json_text(key)));
        if (rc == RH_TOOLARGE)
            rh_issue_add(is, rc, NULL, "more than %d variables", VARIABLES_MAX);
    }
    return rc;
}

/* Compiles, and says before anything is evaluated what can never be right for the type. */
static enum rh_rc compile(struct rh_ctx *c, struct rh_text text, const struct rh_type *type,
                          struct rh_text *types, struct rh_fp **ret)
{
    enum rh_rc rc = rh_fp_compile(c, core.work, text, ret);
    return rc || !type ? rc : rh_fp_check(c, *ret, type, types);
}

static void write_list(const struct rh_fp_list *l, bool *first)
{
    for (size_t i = 0; i < l->count; i++) {
        struct rh_text name = rh_fp_type_name(core.work, &l->items[i]), space = {NULL, 0};
        if (name.data && memchr(name.data, '.', name.len))
            rh_text_split(&name, '.', &space);
        char *copy = rh_arena_copy(core.work, name.data, name.len);
        if (copy && rh_text_is(space, "System") && name.len && !rh_text_is(name, "Quantity") &&
            copy[0] >= 'A' && copy[0] <= 'Z')
            copy[0] = (char)(copy[0] - 'A' + 'a');
        rh_buf_str(&core.out, *first ? "{\"type\":" : ",{\"type\":");
        *first = false;
        rh_buf_json(&core.out, (struct rh_text){copy, copy ? name.len : 0});
        rh_buf_str(&core.out, ",\"value\":");
        rh_fp_print_item(&l->items[i], &core.out);
        rh_buf_char(&core.out, '}');
    }
}

static enum rh_rc evaluate(struct rh_ctx *c, struct question *q)
{
    const struct rh_type *type = q->lenient || q->in.empty ? NULL : q->in.focus.type;
    struct rh_fp_list contexts = {0}, result;
    struct rh_text types = {NULL, 0};
    struct rh_fp *e;
    bool first = true;
    enum rh_rc rc = RH_OK;
    if (q->context.data) {
        rc = compile(c, q->context, type, &types, &e);
        if (!rc)
            rc = rh_fp_eval(c, e, &q->in, &contexts);
        type = types.len ? rh_type_find(types) : NULL;
    } else {
        contexts = (struct rh_fp_list){&q->in.focus, 1, 1};
    }
    if (!rc)
        rc = compile(c, q->expression, type, NULL, &e);
    rh_buf_str(&core.out, "\"result\":[");
    for (size_t i = 0; i < contexts.count && !rc; i++) {
        struct rh_fp_item focus = contexts.items[i];
        if (q->context.data)
            q->in.focus = focus;
        result = (struct rh_fp_list){0};
        rc = rh_fp_eval(c, e, &q->in, &result);
        if (!rc)
            write_list(&result, &first);
    }
    rh_buf_char(&core.out, ']');
    return rc ? rc : core.out.rc;
}

const char *rh_wasm_fhirpath(const char *line, size_t len)
{
    static struct question q;
    struct rh_issues is;
    struct rh_host outer = {.regex = on_regex};
    yyjson_doc *doc = NULL;
    begin();
    rh_issues_init(&is, core.work);
    memset(&q, 0, sizeof q);
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
        rc = read_question(&is, o, &q);
    if (!rc) {
        struct rh_host host = rh_conformance_host(&outer, q.in.resource);
        struct rh_ctx c = {.arena = core.work,
                           .issues = &is,
                           .now_us = (int64_t)now(),
                           .world = core.world,
                           .host = &host};
        rc = evaluate(&c, &q);
    }
    if (rc) {
        core.out.len = before;
        write_error(&is, rc);
    }
    rh_buf_char(&core.out, '}');
    return answer();
}
