/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit.h - who looked, at whose record, when and why: the rows that every access leaves.
 *
 * Rows are gathered into blocks. A write's row is in the block that is appended in the write's own
 * transaction; a read's row is in the next group commit, at most RH_AUDIT_DELAY_MS later. A start
 * after a power cut writes a row of action "gap" with the time span for which read rows may be
 * missing. A block is zstd-compressed NDJSON, one line a row:
 * {"t":"2026-…Z","user":…,"site":…,"purpose":…,"action":"read","what":"Patient/123","parts":["<16
 * hex>",…],"rc":"OK"}
 */
#ifndef RH_ACCESS_AUDIT_H
#define RH_ACCESS_AUDIT_H

#include "access/access.h"

enum {
    RH_AUDIT_DELAY_MS = 100,
    RH_AUDIT_PENDING_MAX = 64 << 20 /* bytes of rows waiting; beyond it reads wait too */
};

/* Appends one row (a line) to a buffer. `parts` are the persons whose data was touched. */
void rh_audit_line(struct rh_buf *b, int64_t time_us, const struct rh_caller *caller,
                   const char *action, struct rh_text what, const uint64_t *parts, unsigned n_parts,
                   enum rh_rc rc);

#endif
