/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reference.h - references of FHIR: what they point to, and finding them all in a resource.
 */
#ifndef RH_FHIR_REFERENCE_H
#define RH_FHIR_REFERENCE_H

#include "base/json.h"
#include "fhir/element.h"

enum rh_reference_kind {
    RH_REF_LOCAL,       /* Type/id, perhaps with /_history/vid */
    RH_REF_ABSOLUTE,    /* http://…/Type/id of another server */
    RH_REF_CONTAINED,   /* #id */
    RH_REF_UUID,        /* urn:uuid:… or urn:oid:… */
    RH_REF_CONDITIONAL, /* Type?query */
    RH_REF_OTHER        /* anything else, canonical addresses among them */
};

struct rh_reference {
    enum rh_reference_kind kind;
    unsigned
        type; /* resource number for LOCAL, ABSOLUTE, CONDITIONAL when it is a FHIR type, else 0 */
    struct rh_text id, version, query; /* inside the text given; empty: not there */
};

/* Never fails: what is not an address of a known resource type and a well-formed id is
 * RH_REF_OTHER; only a conditional reference may name an unknown type (then type is 0). `base` is
 * this server's own FHIR base ("http://host/fhir", may be empty), whose absolute references count
 * as local. */
struct rh_reference rh_reference_parse(struct rh_text t, struct rh_text base);

/* Calls `each` with every string that may be a reference or link in a resource, at any depth,
 * contained resources and extensions included, by the element tables: Reference.reference (then
 * element->type is string), and elements of type uri, url, canonical, oid and uuid, which a
 * transaction may have to rewrite when they hold a urn:uuid. Narratives are not read. Members that
 * the type does not have are passed over. A return value other than RH_OK stops and is returned. */
typedef enum rh_rc rh_reference_each(void *user, yyjson_val *string,
                                     const struct rh_element *element);
enum rh_rc rh_references_walk(const struct rh_type *type, yyjson_val *resource,
                              rh_reference_each *each, void *user);

#endif
