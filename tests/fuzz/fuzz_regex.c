/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flags, a pattern, a zero byte and a text: a match lies inside the text, or there is an issue. */
#include "system/regex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1, *zero = memchr(bytes, 0, size - 1);
    struct rh_text pattern = {bytes, zero ? (size_t)(zero - bytes) : size - 1};
    struct rh_text text = zero ? (struct rh_text){zero + 1, size - 2 - pattern.len} : RH_TEXT("");
    struct rh_arena *a = rh_arena_open(8 << 20);
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is, .steps = 20000};
    struct rh_regex_match m;
    enum rh_rc rc = rh_regex(&c, pattern, text, 0, data[0] & 7, &m);
    assert(rc == RH_OK || rc == RH_NOMEM || is.count == 1);
    for (unsigned i = 0; !rc && m.found && i < m.groups; i++)
        assert(m.from[i] > m.to[i] || m.to[i] <= text.len);
    rh_arena_close(a);
    return 0;
}
