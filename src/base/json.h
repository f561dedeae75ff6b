/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json.h - JSON by yyjson, as strict as a record needs it.
 *
 * Numbers stay the text that was sent (170.10 stays 170.10, yyjson_is_raw, yyjson_get_raw).
 * Refused, with line and column: what RFC 8259 does not allow, invalid UTF-8, a name twice in one
 * object, more than RH_JSON_DEPTH_MAX levels, U+0000 in a string, and anything after the value.
 * Documents live in the arena given.
 */
#ifndef RH_BASE_JSON_H
#define RH_BASE_JSON_H

#include "base/issue.h"

#include <yyjson.h>

/* As yyjson has it, but for no object (NULL, or another value): nothing, without arithmetic on a
 * null pointer. */
#undef yyjson_obj_foreach
#define yyjson_obj_foreach(obj, idx, max, key, val)                                            \
    for ((idx) = 0, (max) = yyjson_obj_size(obj),                                              \
        (key) = (max) ? unsafe_yyjson_get_first(obj) : NULL, (val) = (max) ? (key) + 1 : NULL; \
         (idx) < (max); (idx)++, (key) = unsafe_yyjson_get_next(val), (val) = (key) + 1)

enum { RH_JSON_DEPTH_MAX = 64 };

/* Parses one value. RH_SYNTAX with an issue that has line and column; for a repeated name or too
 * deep a nesting also the expression-like path. RH_NOMEM: arena. The document refers to a copy of
 * the text. */
enum rh_rc rh_json_parse(struct rh_arena *a, struct rh_issues *is, struct rh_text text,
                         yyjson_doc **ret);

/* Appends the value, minified; members in order, numbers as they were. */
void rh_json_write(struct rh_buf *b, const yyjson_val *v);
void rh_json_write_pretty(struct rh_buf *b, const yyjson_val *v); /* two spaces an indent */

/* Allocator for yyjson functions that takes memory from the arena and never frees. */
yyjson_alc rh_json_alc(struct rh_arena *a);

static inline struct rh_text rh_json_text(
    const yyjson_val *v) /* of a string or raw number, else empty */
{
    if (yyjson_is_str((yyjson_val *)(uintptr_t)v))
        return (struct rh_text){yyjson_get_str((yyjson_val *)(uintptr_t)v),
                                yyjson_get_len((yyjson_val *)(uintptr_t)v)};
    if (yyjson_is_raw((yyjson_val *)(uintptr_t)v))
        return (struct rh_text){yyjson_get_raw((yyjson_val *)(uintptr_t)v),
                                yyjson_get_len((yyjson_val *)(uintptr_t)v)};
    return (struct rh_text){NULL, 0};
}
/* "a string", "an object", …; "nothing" for NULL. For "… must be an object, not a string". */
const char *rh_json_kind(const yyjson_val *v);
struct rh_text rh_json_get(const yyjson_val *object,
                           const char *name); /* string member; data NULL: none */

#endif
