/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * element.h - what FHIR R4 says a type is made of: the element tables.
 *
 * Generated at build time from spec/r4/elements.tsv (all 146 resource types, the data types, and
 * each backbone element as a type of its own, named by its path, e.g. "Patient.contact"). Read
 * only, no allocation. Source: StructureDefinitions of FHIR R4 4.0.1 (CC0),
 * https://hl7.org/fhir/R4.
 */
#ifndef RH_FHIR_ELEMENT_H
#define RH_FHIR_ELEMENT_H

#include "base/text.h"

enum rh_kind {
    RH_KIND_PRIMITIVE, /* date, code, … : see primitive.h */
    RH_KIND_COMPLEX,   /* HumanName, Extension, … */
    RH_KIND_BACKBONE,  /* Patient.contact, … */
    RH_KIND_RESOURCE,  /* Patient, … */
    RH_KIND_ABSTRACT   /* Resource (any resource type), DomainResource, Element, BackboneElement */
};

struct rh_type;

/* One element under the name it has in JSON: a choice such as value[x] appears once for each of its
 * types. */
struct rh_element {
    const char *name;           /* "valueQuantity" */
    const char *base;           /* "value" for a choice, else the same as name */
    const struct rh_type *type; /* of the value; a content reference is resolved */
    unsigned short min;
    bool many;           /* max is not 1: a JSON array */
    bool choice;         /* one of several names with the same base */
    unsigned char order; /* position in the definition (below 64), choices share one */
    unsigned char name_len;
    const char
        *targets; /* of a Reference: "Patient|Group", "" for any; NULL when not a Reference */
    const char *binding; /* value set of a required binding, without version; NULL: none */
};

struct rh_type {
    const char *name; /* "Patient", "HumanName", "Patient.contact", "date" */
    enum rh_kind kind;
    unsigned short resource;  /* 1..RH_RESOURCE_TYPES for resources, else 0 */
    unsigned short primitive; /* enum rh_primitive of primitive.h when kind is primitive */
    unsigned short count;
    const struct rh_element *elements; /* in definition order, inherited ones first */
    uint64_t required;                 /* bit `order` of each element whose min is not 0 */
    unsigned short slot, mask;         /* private to element.c: the hash table of the names */
    const struct rh_type *base;        /* what it specializes: Age is a Quantity, Patient.contact a
                                          BackboneElement; NULL for Resource and Element */
};

enum { RH_RESOURCE_TYPES = 146 };

const struct rh_type *rh_type_find(struct rh_text name); /* NULL: FHIR R4 has no such type */
/* The resource type of this number; numbers follow the alphabet of R4 and are stored in data
 * directories: they never change. NULL when out of range. */
const struct rh_type *rh_resource_type(unsigned number);
unsigned rh_resource_number(struct rh_text name); /* 0: not a resource type that can be stored */

/* The element of this JSON name (without a leading underscore); NULL: the type has none. O(1). */
const struct rh_element *rh_element_find(const struct rh_type *t, struct rh_text name);

#endif
