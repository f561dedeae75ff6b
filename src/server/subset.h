/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subset.h - a resource cut down as _summary and _elements ask: FHIR R4, search, "summary" and
 * "elements".
 *
 * Mandatory top-level elements always stay, and meta.tag says SUBSETTED, so that a client does not
 * take the part for the whole. _summary=true keeps what R4 marks isSummary (spec/r4/summary.tsv) on
 * the first level, whole.
 */
#ifndef RH_SERVER_SUBSET_H
#define RH_SERVER_SUBSET_H

#include "base/json.h"
#include "fhir/element.h"
#include "search/query.h"

struct rh_subset {
    enum rh_summary summary;
    struct rh_text
        elements; /* decoded, comma separated: "name,birthDate" or "Patient.name"; empty: all */
};

/* Generated, in the order of types; ends with a row without type. */
struct rh_summary_row {
    const char *type, *names; /* "|id|meta|name|" */
};
extern const struct rh_summary_row rh_summary_rows[];

bool rh_subset_cuts(const struct rh_subset *s);
void rh_subset_write(const struct rh_subset *s, const struct rh_type *type,
                     const yyjson_val *resource, struct rh_buf *out);

#endif
