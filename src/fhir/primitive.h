/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * primitive.h - the formats of FHIR R4's primitive types (R4, datatypes, table "primitive types").
 */
#ifndef RH_FHIR_PRIMITIVE_H
#define RH_FHIR_PRIMITIVE_H

#include "base/json.h"

enum rh_primitive {
    RH_P_BASE64BINARY,
    RH_P_BOOLEAN,
    RH_P_CANONICAL,
    RH_P_CODE,
    RH_P_DATE,
    RH_P_DATETIME,
    RH_P_DECIMAL,
    RH_P_ID,
    RH_P_INSTANT,
    RH_P_INTEGER,
    RH_P_MARKDOWN,
    RH_P_OID,
    RH_P_POSITIVEINT,
    RH_P_STRING,
    RH_P_TIME,
    RH_P_UNSIGNEDINT,
    RH_P_URI,
    RH_P_URL,
    RH_P_UUID,
    RH_P_XHTML,
    RH_PRIMITIVES
};

/* What JSON holds for a primitive. */
enum rh_primitive_json { RH_PJ_STRING, RH_PJ_NUMBER, RH_PJ_BOOLEAN };

const char *rh_primitive_name(enum rh_primitive p); /* "dateTime" */
enum rh_primitive_json rh_primitive_json(enum rh_primitive p);

/* NULL when the JSON value is a correct value of the primitive, else what a correct one looks like,
 * for a sentence such as "… is not a date: YYYY, YYYY-MM or YYYY-MM-DD". */
const char *rh_primitive_check(enum rh_primitive p, const yyjson_val *v);

bool rh_id_is(struct rh_text t); /* [A-Za-z0-9\-.]{1,64} */

#endif
