/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/systems_int.h"

/* Digits from the right, each second one doubled; what is missing to the next ten is the check
 * digit, after a hyphen (Luhn, over the part before the hyphen). */
static bool mod10(struct rh_text code)
{
    size_t dash = code.len;
    for (size_t i = 0; i < code.len; i++)
        if (code.data[i] == '-')
            dash = i;
        else if (code.data[i] < '0' || code.data[i] > '9')
            return true; /* parts, answers and lists ("LP…", "LA…") carry letters */
    if (dash == 0 || dash + 2 != code.len)
        return false;
    unsigned sum = 0;
    for (size_t i = dash, place = 0; i-- > 0; place++) {
        unsigned d = (unsigned)(code.data[i] - '0') << (place % 2 == 0);
        sum += d / 10 + d % 10;
    }
    return (unsigned)(code.data[dash + 1] - '0') == (10 - sum % 10) % 10;
}

/* Verhoeff, "Error detecting decimal codes", Mathematical Centre Tract 29, 1969: products of the
 * dihedral group of order 10 over permuted digits; 0 at the end. */
static bool verhoeff(struct rh_text code)
{
    static const unsigned char product[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
        {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
        {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
        {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
        {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
    static const unsigned char permuted[8][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
        {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
        {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
        {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
    for (size_t i = 0; i < code.len; i++)
        if (strchr(" |:+=,(){}<>", code.data[i]))
            return true;               /* an expression of several concepts */
    if (code.len < 6 || code.len > 18) /* an identifier has 6 to 18 digits */
        return false;
    unsigned c = 0;
    for (size_t i = 0; i < code.len; i++) {
        char ch = code.data[code.len - 1 - i];
        if (ch < '0' || ch > '9')
            return false;
        c = product[c][permuted[i % 8][ch - '0']];
    }
    return c == 0;
}

bool rh_terms_check_digit(struct rh_text system, struct rh_text code)
{
    for (size_t i = 0; i < terms_n_system_rows; i++) {
        const struct terms_system_row *row = &terms_system_rows[i];
        if (!rh_text_eq(row->system.url, system))
            continue;
        switch (row->check) {
        case TERMS_MOD10:
            return mod10(code);
        case TERMS_VERHOEFF:
            return verhoeff(code);
        case TERMS_NO_CHECK:
            return true;
        }
    }
    return true;
}
