/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cases.h - for tests whose cases are files: an arena for each test, a file as text or as JSON.
 * Include after cmocka.h. */
#ifndef RH_TESTS_CASES_H
#define RH_TESTS_CASES_H

#include "base/json.h"

#include <stdio.h>

static struct rh_arena *arena;

static inline int open_arena(void **state)
{
    (void)state;
    arena = rh_arena_open((size_t)512 << 20);
    return 0;
}

static inline int close_arena(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

/* In `a`; a NUL follows the text. The test fails when the file cannot be read. */
static inline struct rh_text read_file(struct rh_arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(f);
    rewind(f);
    char *data = rh_arena_alloc(a, len + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, len, f), len);
    fclose(f);
    data[len] = 0;
    return (struct rh_text){data, len};
}

/* The test fails, and says where, when the text is not JSON. */
static inline yyjson_val *parse(struct rh_arena *a, struct rh_text text)
{
    struct rh_issues is;
    yyjson_doc *doc;
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, text, &doc))
        fail_msg("%s: %.*s", is.count ? is.rows[0].text : "not JSON", (int)text.len, text.data);
    return yyjson_doc_get_root(doc);
}

static inline yyjson_val *read_cases(struct rh_arena *a, const char *path)
{
    return parse(a, read_file(a, path));
}

#endif
