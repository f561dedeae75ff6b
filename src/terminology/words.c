/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/letter_case.h"
#include "terminology/terms_int.h"

static bool space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || (c >= 0x2000 && c <= 0x200B);
}

/* The next character in small letters; with `spaces` a run of white space is one blank. */
static uint32_t next(struct rh_text t, size_t *at, bool spaces)
{
    uint32_t c = rh_utf8_next(t, at);
    if (!spaces || !space(c))
        return rh_letter_lower(c);
    for (size_t ahead = *at; ahead < t.len; *at = ahead)
        if (!space(rh_utf8_next(t, &ahead)))
            break;
    return ' ';
}

bool terms_same_text(struct rh_text a, struct rh_text b, bool any_spaces)
{
    if (any_spaces) {
        a = rh_text_trim(a);
        b = rh_text_trim(b);
    }
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len)
        if (next(a, &i, any_spaces) != next(b, &j, any_spaces))
            return false;
    return i == a.len && j == b.len;
}

/* --- searching by words ----------------------------------------------------------------------- */

/* Everything but blanks and ASCII's signs: letters of other scripts have no ranges to list here. */
static bool in_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return !space(c) && !(c >= 0x2010 && c <= 0x206F);
}

static bool next_word(struct rh_text text, size_t *at, struct rh_text *ret)
{
    size_t from = *at, ahead = *at;
    while (ahead < text.len && !in_word(rh_utf8_next(text, &ahead)))
        from = ahead;
    size_t to = ahead = from;
    while (ahead < text.len && in_word(rh_utf8_next(text, &ahead)))
        to = ahead;
    *ret = (struct rh_text){text.data + from, to - from};
    *at = to;
    return ret->len > 0;
}

static bool begins(struct rh_text word, struct rh_text start)
{
    size_t i = 0, j = 0;
    while (j < start.len)
        if (i == word.len || next(word, &i, false) != next(start, &j, false))
            return false;
    return true;
}

bool terms_words_match(struct rh_text words, struct rh_text text)
{
    struct rh_text asked, word;
    for (size_t i = 0; next_word(words, &i, &asked);) {
        bool found = false;
        for (size_t j = 0; !found && next_word(text, &j, &word);)
            found = begins(word, asked);
        if (!found)
            return false;
    }
    return true;
}
