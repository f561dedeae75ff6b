/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types: names, and whether an item is of one.
 *
 * as() and ofType() of a primitive type take that type only, not those derived from it: HL7's suite
 * for R4 has Patient.gender.as(string) empty. is() goes up the hierarchy.
 */
#include "fhirpath/fhirpath_int.h"

static const struct {
    const char *name;
    enum rh_fp_kind kind;
} system_types[] = {
    {"Boolean", RH_FP_BOOLEAN},   {"Integer", RH_FP_INTEGER}, {"Long", RH_FP_LONG},
    {"Decimal", RH_FP_DECIMAL},   {"String", RH_FP_STRING},   {"Date", RH_FP_DATE},
    {"DateTime", RH_FP_DATETIME}, {"Time", RH_FP_TIME},       {"Quantity", RH_FP_QUANTITY},
};
enum { SYSTEM_TYPES = sizeof system_types / sizeof system_types[0] };

static bool find_system(struct rh_text name, struct rh_fp_typeref *ret)
{
    if (rh_text_is(name, "Any")) {
        ret->any = true;
        return true;
    }
    for (size_t i = 0; i < SYSTEM_TYPES; i++) {
        if (rh_text_is(name, system_types[i].name)) {
            ret->system = system_types[i].kind;
            return true;
        }
    }
    return false;
}

static bool find_fhir(struct rh_text name, struct rh_fp_typeref *ret)
{
    if (rh_text_is(name, "SimpleQuantity") || rh_text_is(name, "MoneyQuantity"))
        name = RH_TEXT("Quantity"); /* profiles that R4 uses as types */
    ret->fhir = rh_type_find(name);
    return ret->fhir != NULL;
}

bool rh_fp_typeref_find(struct rh_text name, struct rh_fp_typeref *ret)
{
    struct rh_text rest = name, space;
    *ret = (struct rh_fp_typeref){.fhir = NULL};
    if (memchr(name.data, '.', name.len) && rh_text_split(&rest, '.', &space)) {
        if (rh_text_is(space, "System")) {
            find_system(rest, ret);
            return true;
        }
        if (rh_text_is(space, "FHIR"))
            return find_fhir(rest, ret);
        return find_fhir(name, ret) || !rh_type_find(space);
    }
    bool fhir = find_fhir(name, ret), system = find_system(name, ret);
    return fhir || system;
}

bool rh_fp_derives(const struct rh_type *t, const struct rh_type *base)
{
    for (; t; t = t->base)
        if (t == base)
            return true;
    return false;
}

bool rh_fp_is_quantity(const struct rh_type *t)
{
    for (; t; t = t->base)
        if (strcmp(t->name, "Quantity") == 0)
            return true;
    return false;
}

/* What plain JSON is without a model. */
static enum rh_fp_kind plain_kind(const struct rh_fp_item *i)
{
    yyjson_val *v = i->node.value;
    if (yyjson_is_str(v))
        return RH_FP_STRING;
    if (yyjson_is_bool(v))
        return RH_FP_BOOLEAN;
    if (!yyjson_is_raw(v))
        return RH_FP_NODE;
    struct rh_text t = rh_json_text(v);
    for (size_t k = 0; k < t.len; k++)
        if (t.data[k] == '.' || t.data[k] == 'e' || t.data[k] == 'E')
            return RH_FP_DECIMAL;
    return RH_FP_INTEGER;
}

bool rh_fp_is_type(const struct rh_fp_item *i, const struct rh_fp_typeref *t, bool exact)
{
    if (t->any)
        return true;
    if (i->kind != RH_FP_NODE)
        return t->system && i->kind == t->system;
    if (!i->type) {
        if (t->fhir && t->fhir->kind == RH_KIND_RESOURCE)
            return rh_text_is(rh_json_get(i->node.value, "resourceType"), t->fhir->name);
        return t->system && plain_kind(i) == t->system;
    }
    if (!t->fhir)
        return false;
    if (exact && i->type->kind == RH_KIND_PRIMITIVE)
        return i->type == t->fhir;
    return rh_fp_derives(i->type, t->fhir);
}

static struct rh_text system_name(enum rh_fp_kind kind)
{
    for (size_t k = 0; k < SYSTEM_TYPES; k++)
        if (system_types[k].kind == kind)
            return rh_text(system_types[k].name);
    return RH_TEXT("Any");
}

struct rh_fp_typename rh_fp_typename_of(const struct rh_fp_item *i)
{
    struct rh_text system = RH_TEXT("System");
    if (i->kind == RH_FP_TYPE)
        return (struct rh_fp_typename){system, RH_TEXT("TypeInfo")};
    if (i->kind != RH_FP_NODE)
        return (struct rh_fp_typename){system, system_name(i->kind)};
    if (!i->type)
        return (struct rh_fp_typename){system, system_name(plain_kind(i))};
    /* Patient.contact is no type of FHIR by name: its type is BackboneElement. */
    const struct rh_type *t = i->type->kind == RH_KIND_BACKBONE ? i->type->base : i->type;
    return (struct rh_fp_typename){RH_TEXT("FHIR"), rh_text(t ? t->name : "Element")};
}

struct rh_text rh_fp_type_name(struct rh_arena *a, const struct rh_fp_item *i)
{
    struct rh_fp_typename n = rh_fp_typename_of(i);
    struct rh_buf b = rh_buf(a);
    rh_buf_text(&b, n.space);
    rh_buf_char(&b, '.');
    rh_buf_text(&b, n.name);
    return b.rc ? n.name : rh_buf_get(&b);
}
