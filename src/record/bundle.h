/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bundle.h - batch and transaction Bundles: entries to operations, and the answer.
 *
 * Order of a transaction: DELETE, POST, PUT and PATCH, GET (FHIR R4, http, transaction); the order
 * of entries does not matter. References to fullUrl (urn:uuid:…) and conditional references
 * (Patient?identifier=…) are resolved, also in elements of type
 * uri, url, oid and uuid and in the links of narratives; canonicals are left alone. In a batch a
 * reference to what another entry creates is refused.
 */
#ifndef RH_RECORD_BUNDLE_H
#define RH_RECORD_BUNDLE_H

#include "record/write.h"

/* An entry that changes nothing (GET, HEAD, POST of an operation), answered after the commit. */
struct rh_bundle_get {
    unsigned index; /* of the entry */
    bool head, posted;
    yyjson_val *resource; /* of a posted one; may be NULL */
    struct rh_text url;   /* as sent, relative to the base */
    struct rh_text if_none_match;
};

struct rh_bundle {
    bool transaction;
    unsigned n;             /* entries */
    struct rh_write *write; /* NULL when there is nothing to write */
    unsigned *op_of_entry;  /* index into write->ops, UINT_MAX: not a write */
    struct rh_bundle_get *gets;
    unsigned n_gets;
    struct rh_issues *
        *entry_issues; /* batch: findings about entries that could not become operations */
    enum rh_rc *entry_rc;
};

/* Reads a Bundle resource of type batch or transaction (already parsed) and prepares its writes.
 * RH_INVALID, RH_STRUCTURE, RH_VALUE … with issues whose expression begins with Bundle.entry[i].
 * When *ret has a write, the caller submits it. */
enum rh_rc rh_bundle_open(struct rh_session *s, struct rh_ctx *ctx, const struct rh_caller *caller,
                          yyjson_val *bundle, bool lenient, struct rh_bundle **ret);

/* What a GET inside a bundle answers with: given by the server, which knows the routes. Writes the
 * resource (JSON) to `out`; returns the status; *version may be set. */
typedef int rh_bundle_answer(void *user, const struct rh_bundle_get *get, struct rh_buf *out,
                             struct rh_issues *is, struct rh_version *version);

/* After the commit: appends the batch-response or transaction-response. `representation`: include
 * the resources written. */
enum rh_rc rh_bundle_response(struct rh_session *s, struct rh_ctx *ctx, struct rh_bundle *b,
                              bool representation, rh_bundle_answer *answer, void *user,
                              struct rh_buf *out);

#endif
