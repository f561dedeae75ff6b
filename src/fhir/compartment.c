/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/compartment.h"
#include "fhir/reference.h"
#include "fhir/tables_int.h"

static struct rh_text patient_at(yyjson_val *v, struct rh_text path, unsigned patient);

static struct rh_text patient_of(yyjson_val *v, struct rh_text path, unsigned patient)
{
    struct rh_text step, none = {NULL, 0};
    if (!yyjson_is_obj(v))
        return none;
    if (rh_text_split(&path, '.', &step))
        return patient_at(yyjson_obj_getn(v, step.data, step.len), path, patient);
    struct rh_reference r = rh_reference_parse(rh_json_get(v, "reference"), none);
    return r.kind == RH_REF_LOCAL && r.type == patient ? r.id : none;
}

/* The first of the values of an element, one or many, from which the path leads to a patient. */
static struct rh_text patient_at(yyjson_val *v, struct rh_text path, unsigned patient)
{
    struct rh_text found = {NULL, 0};
    if (!yyjson_is_arr(v))
        return v ? patient_of(v, path, patient) : found;
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach (v, i, n, item) {
        found = patient_of(item, path, patient);
        if (found.len > 0)
            return found;
    }
    return found;
}

struct rh_text rh_compartment_patient(const struct rh_type *type, const yyjson_val *resource,
                                      struct rh_text id)
{
    unsigned patient = rh_resource_number(RH_TEXT("Patient"));
    struct rh_text found = {NULL, 0}, path;
    if (type->resource == 0)
        return found;
    if (type->resource == patient)
        return id;
    struct rh_text paths = rh_text(rh_r4_patient_paths[type->resource - 1]);
    while (found.len == 0 && rh_text_split(&paths, '|', &path))
        found = patient_of((yyjson_val *)(uintptr_t)resource, path, patient);
    return found;
}
