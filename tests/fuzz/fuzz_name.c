/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a name: words and skeletons without a fault, and folding what is folded changes
 * nothing. */
#include "search/normalise.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *a = rh_arena_open(16 << 20);
    struct rh_name_word words[RH_WORDS_MAX], joined;
    unsigned n = 0;
    if (rh_name_words(a, (struct rh_text){(const char *)data, size}, words, &n) == RH_OK) {
        assert(n <= RH_WORDS_MAX);
        for (unsigned i = 0; i < n; i++) {
            struct rh_text again[RH_WORDS_MAX];
            unsigned m = 0;
            assert(rh_utf8_valid(words[i].folded) && words[i].folded.len > 0);
            assert(words[i].n <= RH_SKELETONS_MAX);
            for (unsigned k = 0; k < words[i].n; k++)
                assert(words[i].skeletons[k].len > 0);
            if (rh_fold_words(a, words[i].folded, again, &m) == RH_OK)
                assert(m == 1 && rh_text_eq(again[0], words[i].folded));
        }
        if (n > 0)
            (void)rh_name_join(a, words, n, &joined);
    }
    rh_arena_close(a);
    return 0;
}
