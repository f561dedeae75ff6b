/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a narrative: the verdict agrees with its issues, whose texts are UTF-8, and what is
 * accepted holds no script. */
#include "conformance/narrative.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mark(void *user, enum rh_narrative_mark kind, struct rh_text value)
{
    size_t *sum = user;
    assert(kind <= RH_NARRATIVE_IMAGE);
    for (size_t i = 0; i < value.len; i++)
        *sum += (unsigned char)value.data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_arena *a;
    if (!a)
        a = rh_arena_open((size_t)64 << 20);
    rh_arena_reset(a);
    struct rh_issues is;
    struct rh_text text = {(const char *)data, size};
    bool empty = true;
    size_t sum = 0;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_narrative_check(&is, "Patient.text.div", text, &empty);
    assert((rc == RH_OK) == (is.errors == 0));
    assert(!empty || rc == RH_VALUE);
    for (unsigned i = 0; i < is.count; i++)
        assert(rh_utf8_valid(rh_text(is.rows[i].text)) || rc == RH_SYNTAX);
    if (rc == RH_OK) {
        assert(!memmem(data, size, "<script", 7) || memmem(data, size, "<!", 2));
        assert(!memmem(data, size, " onclick=", 9) || memmem(data, size, "<!", 2) ||
               memchr(data, '"', size) || memchr(data, '\'', size));
    }
    rh_narrative_marks(a, text, mark, &sum);
    return 0;
}
