/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dictionary.h - the zstd dictionary that new data directories start with.
 *
 * Trained at build time on synthetic resources only (tools/demo.py, tools/dictionary.c): a
 * dictionary trained on real records would leak them. A directory keeps the dictionary it was made
 * with, so another build reads it as well.
 */
#ifndef RH_RECORD_DICTIONARY_H
#define RH_RECORD_DICTIONARY_H

#include <stddef.h>

extern const unsigned char rh_dictionary_data[];
extern const size_t rh_dictionary_size;

#endif
