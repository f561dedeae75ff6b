/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expunge.h - bodies of versions erased for good, for administrators.
 *
 * What is erased: versions that are not current any more, also all of a deleted resource. Their
 * bodies are overwritten; the headers stay, so the chain of hashes still verifies, histories show
 * that there was a version, and a read of it says that it is gone. The current version of a
 * resource that is not deleted is never touched: delete it first. Search keys are of current
 * versions only. Words of erased texts stay in the list of words (not who had them) until the keys
 * are made anew (rihla check --rebuild). Copies elsewhere (backups, exports) are not reached.
 */
#ifndef RH_RECORD_EXPUNGE_H
#define RH_RECORD_EXPUNGE_H

#include "record/record.h"

enum { RH_EXPUNGE_LIMIT = 1000 /* versions, when no limit is given */ };

struct rh_expunge_request {
    unsigned type;          /* 0: of all types */
    struct rh_text id;      /* empty: of the type */
    struct rh_text version; /* only this one; empty: see the next two */
    bool deleted;           /* of deleted resources all versions */
    bool previous;          /* of the others all versions before the current one */
    uint64_t limit;         /* versions at most; 0: RH_EXPUNGE_LIMIT */
};

/* Waits until it is on the disk. *ret is how many bodies were erased: equal to the limit, there may
 * be more. An access row is written before. RH_FORBIDDEN, RH_NOTFOUND, RH_CONFLICT (the version is
 * current), RH_INVALID (nothing asked for), with issues; what was erased before an error stays so.
 */
enum rh_rc rh_record_expunge(struct rh_session *s, struct rh_ctx *ctx,
                             const struct rh_caller *caller, const struct rh_expunge_request *r,
                             uint64_t *ret);

#endif
