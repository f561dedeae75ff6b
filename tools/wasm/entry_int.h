/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * entry_int.h - what the entries for JavaScript share: memory, the world, packages, answers
 * (common.c). entry.c offers FHIRPath, clinical_entry.c forms and protocols.
 *
 * One instance is one thread and one world. Bytes go in through memory from rh_wasm_alloc; an
 * answer is a NUL-terminated JSON text that stays until the next call. What the core cannot know
 * itself it asks JavaScript: the time, and regular expressions, since the browser has an engine of
 * its own.
 */
#ifndef RH_WASM_ENTRY_INT_H
#define RH_WASM_ENTRY_INT_H

#include "conformance/package.h"
#include "conformance/validate.h"
#include "fhirpath/question.h"

enum { RH_WASM_WORK_BYTES = 256 << 20 };

#define EXPORTED(name) __attribute__((export_name(#name))) name
#define IMPORTED(name) __attribute__((import_module("rihla"), import_name(#name))) name

struct rh_wasm_core {
    struct rh_arena *work, *packages;
    struct rh_package_reader *reader;
    struct rh_issues reading;
    struct rh_world *world;
    struct rh_buf out;
};
extern struct rh_wasm_core rh_wasm_core;

void rh_wasm_begin(void); /* a call: the arena `work` is empty, and so is `out` */
const char *rh_wasm_answer(void);
enum rh_rc rh_wasm_regex(struct rh_ctx *c, struct rh_text pattern, struct rh_text text,
                         size_t start, unsigned flags, struct rh_regex_match *ret);
double rh_wasm_now(void); /* microseconds since 1970 */

#endif
