/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * meta.h - the profiles, tags and security labels that resources have: of a type, or of all.
 *
 * Found by the keys of _profile, _tag and _security: one resource is looked at for each different
 * key, not each resource.
 */
#ifndef RH_RECORD_META_H
#define RH_RECORD_META_H

#include "record/record.h"

enum {
    RH_META_KEYS_MAX = 20000 /* keys that are looked at: RH_TOOLARGE */
};

/* Appends a Meta (JSON) with each of them once. type 0: of all types. RH_FORBIDDEN, RH_TOOLARGE,
 * with issues. */
enum rh_rc rh_record_meta(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          unsigned type, struct rh_buf *out);

/* Appends `meta` (NULL: none) with the profiles, tags and labels of `other` added to it, or taken
 * away. Codings are the same when system and code are. The rest of `meta` stays as it is. */
void rh_meta_change(const yyjson_val *meta, const yyjson_val *other, bool add, struct rh_buf *out);

#endif
