/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * letter_case.h - capital and small letters of all scripts.
 *
 * The simple mappings of Unicode 14.0 (UnicodeData.txt, fields 12 and 13), one code point to one,
 * the same everywhere: no locale, no context (a final sigma becomes the usual small sigma of its
 * capital).
 */
#ifndef RH_BASE_LETTER_CASE_H
#define RH_BASE_LETTER_CASE_H

#include <stdint.h>

uint32_t rh_letter_upper(uint32_t c);
uint32_t rh_letter_lower(uint32_t c);

#endif
