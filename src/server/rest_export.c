/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_export.c - the kick-off of $export: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
 */
#include "base/datetime.h"
#include "fhir/reference.h"
#include "server/bulkwork.h"
#include "server/rest_int.h"

#include <stdlib.h>

static const char valid[] =
    "_outputFormat, _since, _type, _typeFilter, _elements and, on Patient and Group by POST, "
    "patient";

struct exporting {
    struct rh_request *q;
    struct rh_bulk_export asked;
    struct rh_text *patients;
    size_t cap_patients, cap_filters;
};

static enum rh_rc refuse(struct exporting *e, const char *what, struct rh_text value)
{
    return rh_issue_add(&e->q->issues, RH_INVALID, NULL, "%s; not \"%.*s\".", what,
                        RH_TEXT_ARG(rh_text_shown(value, 80)));
}

static enum rh_rc take_types(struct exporting *e, const struct rh_operation_input *in)
{
    struct rh_text list = in->text, one;
    while (rh_text_split(&list, ',', &one)) {
        unsigned type = rh_resource_number(rh_text_trim(one));
        if (!type)
            return refuse(e, "_type lists resource types of FHIR R4", one);
        e->asked.types[type] = true;
        e->asked.has_types = true;
    }
    return RH_OK;
}

static enum rh_rc take_since(struct exporting *e, const struct rh_operation_input *in)
{
    struct rh_datetime t;
    if (rh_datetime_parse(in->text, RH_INSTANT, 0, &t))
        return refuse(e,
                      "_since is an instant as 2026-01-31T12:00:00Z (in an address '+' is written "
                      "%2B)",
                      in->text);
    e->asked.has_since = true;
    e->asked.since_us = t.lo_us;
    return RH_OK;
}

static enum rh_rc take_format(struct exporting *e, const struct rh_operation_input *in)
{
    static const char *const names[] = {"application/fhir+ndjson", "application/ndjson", "ndjson",
                                        "application/fhir ndjson" /* '+' in an address */};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(in->text, names[i]))
            return RH_OK;
    return refuse(e, "_outputFormat is application/fhir+ndjson", in->text);
}

static bool is_name(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        bool letter = (t.data[i] | 0x20) >= 'a' && (t.data[i] | 0x20) <= 'z';
        if (!letter && !(i && t.data[i] >= '0' && t.data[i] <= '9'))
            return false;
    }
    return t.len > 0;
}

/* "name", "Patient.name" */
static enum rh_rc take_elements(struct exporting *e, const struct rh_operation_input *in)
{
    struct rh_text list = in->text, one;
    struct rh_buf both = rh_buf(e->q->arena);
    while (rh_text_split(&list, ',', &one)) {
        struct rh_text name = rh_text_trim(one), type;
        rh_text_split(&name, '.', &type);
        if (name.data ? !rh_resource_number(type) || !is_name(name) : !is_name(type))
            return refuse(e, "_elements lists top-level elements as name or Patient.name", one);
    }
    rh_buf_text(&both, e->asked.elements);
    rh_buf_str(&both, both.len ? "," : "");
    rh_buf_text(&both, in->text);
    e->asked.elements = rh_buf_get(&both);
    return both.rc;
}

/* "Type?…" */
static unsigned filter_type(struct rh_text t)
{
    struct rh_text rest = t, name;
    rh_text_split(&rest, '?', &name);
    return rest.data ? rh_resource_number(name) : 0;
}

/* What says how a page looks has no meaning here. */
static enum rh_rc check_filter(struct exporting *e, struct rh_text query)
{
    static const char *const not_here[] = {
        "_count", "_sort",   "_include",   "_revinclude",    "_summary", "_elements",
        "_total", "_cursor", "_contained", "_containedType", "_format",  "_explain"};
    struct rh_text rest = query, part;
    while (rest.len && rh_text_split(&rest, '&', &part)) {
        struct rh_text name, bare;
        rh_text_split(&part, '=', &name);
        rh_text_split(&name, ':', &bare);
        for (size_t i = 0; i < sizeof not_here / sizeof not_here[0]; i++)
            if (rh_text_is(bare, not_here[i]))
                return refuse(e, "_typeFilter only says which resources", bare);
    }
    return RH_OK;
}

static enum rh_rc add_filter(struct exporting *e, struct rh_text t)
{
    struct rh_text query = t, name;
    unsigned type = filter_type(t);
    struct rh_bulk_export *b = &e->asked;
    if (!type)
        return refuse(e, "_typeFilter is a search as Observation?status=final", t);
    if (b->n_filters == RH_BULK_EXPORT_FILTERS_MAX)
        return rh_issue_add(&e->q->issues, RH_TOOLARGE, NULL, "There are more than %d _typeFilter.",
                            RH_BULK_EXPORT_FILTERS_MAX);
    struct rh_bulk_export_filter *grown =
        b->n_filters < e->cap_filters ? b->filters
                                      : rh_arena_grow(e->q->arena, b->filters, &e->cap_filters,
                                                      b->n_filters + 8, sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    b->filters = grown;
    rh_text_split(&query, '?', &name);
    b->filters[b->n_filters++] = (struct rh_bulk_export_filter){type, query};
    return check_filter(e, query);
}

/* Several with commas between them: a comma begins the next one only when Type? follows. */
static enum rh_rc take_filters(struct exporting *e, const struct rh_operation_input *in)
{
    struct rh_text rest = in->text;
    enum rh_rc rc = RH_OK;
    while (!rc && rest.data) {
        size_t at = 0;
        while (at < rest.len &&
               !(rest.data[at] == ',' &&
                 filter_type((struct rh_text){rest.data + at + 1, rest.len - at - 1})))
            at++;
        rc = add_filter(e, (struct rh_text){rest.data, at});
        rest = at < rest.len ? (struct rh_text){rest.data + at + 1, rest.len - at - 1}
                             : (struct rh_text){NULL, 0};
    }
    return rc;
}

static enum rh_rc take_patient(struct exporting *e, const struct rh_operation_input *in)
{
    struct rh_text text = in->text.len ? in->text : rh_json_get(in->value, "reference");
    struct rh_reference r = rh_reference_parse(text, e->q->ctx.base);
    struct rh_bulk_export *b = &e->asked;
    if (e->q->method != RH_M_POST || b->level == RH_BULK_SYSTEM)
        return rh_issue_add(&e->q->issues, RH_INVALID, NULL,
                            "patient is an input of Patient/$export and Group/[id]/$export by "
                            "POST.");
    if (r.kind != RH_REF_LOCAL || r.type != rh_resource_number(RH_TEXT("Patient")))
        return refuse(e, "patient is a reference as Patient/123", text);
    if (b->n_patients == RH_BULK_EXPORT_PATIENTS_MAX)
        return rh_issue_add(&e->q->issues, RH_TOOLARGE, NULL,
                            "There are more than %d patients: make a Group of them.",
                            RH_BULK_EXPORT_PATIENTS_MAX);
    struct rh_text *grown = b->n_patients < e->cap_patients
                                ? e->patients
                                : rh_arena_grow(e->q->arena, e->patients, &e->cap_patients,
                                                b->n_patients + 64, sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    b->patients = e->patients = grown;
    e->patients[b->n_patients++] = r.id;
    return RH_OK;
}

/* Known, and not done here. */
static enum rh_rc take_not(struct exporting *e, const struct rh_operation_input *in)
{
    char *text = rh_arena_printf(e->q->arena, "%.*s is not supported here.", RH_TEXT_ARG(in->name));
    if (!text)
        return RH_NOMEM;
    if (!e->q->lenient)
        return rh_issue_add(&e->q->issues, RH_INVALID, NULL, "%s", text);
    rh_issue_at(&e->q->issues,
                (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = text});
    return RH_OK;
}

static const struct {
    const char *name;
    enum rh_rc (*take)(struct exporting *e, const struct rh_operation_input *in);
} inputs[] = {
    {"_outputFormat", take_format},
    {"_since", take_since},
    {"_type", take_types},
    {"_typeFilter", take_filters},
    {"_elements", take_elements},
    {"patient", take_patient},
    {"includeAssociatedData", take_not},
    {"organizeOutputBy", take_not},
    {"allowPartialManifests", take_not},
    {"_until", take_not},
};

static enum rh_rc take(struct exporting *e, const struct rh_operation_input *in)
{
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (rh_text_is(in->name, inputs[i].name))
            return inputs[i].take(e, in);
    return rh_operation_unknown(e->q, in->name, valid);
}

static enum rh_rc read_inputs(struct exporting *e)
{
    struct rh_operation_input *in;
    struct rh_text elements = rh_rest_of(e->q)->parameters.elements;
    unsigned n;
    rh_rest_of(e->q)->parameters.elements = (struct rh_text){NULL, 0}; /* an input here */
    enum rh_rc rc = rh_operation_inputs(e->q, &in, &n);
    if (!rc && elements.len)
        rc = take_elements(e, &(struct rh_operation_input){RH_TEXT("_elements"), elements, NULL});
    for (unsigned i = 0; i < n && !rc; i++)
        rc = take(e, &in[i]);
    for (size_t i = 0; i < e->asked.n_filters && !rc && e->asked.has_types; i++)
        if (!e->asked.types[e->asked.filters[i].type])
            rc = rh_issue_add(&e->q->issues, RH_INVALID, NULL,
                              "_typeFilter is about %s, which _type does not list.",
                              rh_resource_type(e->asked.filters[i].type)->name);
    return rc;
}

enum rh_step rh_rest_export(struct rh_request *q)
{
    struct rh_bulkwork *bulk = rh_server_of(q)->bulk;
    struct exporting *e = rh_arena_zero(q->arena, sizeof *e);
    struct rh_buf parameters = rh_buf(q->arena);
    if (!e)
        return rh_rest_refuse(q, RH_NOMEM);
    e->q = q;
    e->asked.level = q->id.len ? RH_BULK_GROUP : q->type ? RH_BULK_PATIENT : RH_BULK_SYSTEM;
    e->asked.group = q->id;
    enum rh_rc rc = read_inputs(e);
    if (!rc)
        rc = rh_bulk_export_check(q->session, &q->ctx, &q->caller, rh_bulkwork_host(bulk, "export"),
                                  &e->asked);
    if (rc)
        return rh_rest_refuse(q, rc);
    rh_bulk_export_write(&e->asked, &parameters);
    return parameters.rc ? rh_rest_refuse(q, parameters.rc)
                         : rh_rest_job_accepted(q, "export", rh_buf_get(&parameters));
}
