/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * capability.c - the CapabilityStatement, printed from the routes and the search parameters that
 * exist.
 */
#include "base/alloc.h"
#include "base/datetime.h"
#include "base/hash.h"
#include "search/parameter.h"
#include "server/rest_int.h"
#include "system/compress.h"

enum {
    PARAMETERS_MAX = 400, /* of one type */
    CAPABILITY_BYTES = 64 << 20,
    GZIP_LEVEL = 6
};

static const char *kind_name(unsigned kind)
{
    static const char *const names[] = {
        [RH_SP_SPECIAL] = "special",     [RH_SP_STRING] = "string",
        [RH_SP_TOKEN] = "token",         [RH_SP_DATE] = "date",
        [RH_SP_REFERENCE] = "reference", [RH_SP_NUMBER] = "number",
        [RH_SP_QUANTITY] = "quantity",   [RH_SP_URI] = "uri",
        [RH_SP_COMPOSITE] = "composite",
    };
    return names[kind];
}

/* `code` may hold several, blank separated. */
static const char *write_codes(struct rh_buf *out, const char *separator, const char *code)
{
    struct rh_text rest = rh_text(code), one;
    while (code && rh_text_split(&rest, ' ', &one)) {
        rh_buf_printf(out, "%s{\"code\":\"%.*s\"}", separator, RH_TEXT_ARG(one));
        separator = ",";
    }
    return separator;
}

static bool has(enum rh_shape shape, enum rh_method method)
{
    for (unsigned i = 0; i < rh_routes_n; i++)
        if (rh_routes[i].shape == shape && rh_routes[i].method == method)
            return true;
    return false;
}

static const char *yes(bool b)
{
    return b ? "true" : "false";
}

/* --- search --- */

/* What can be searched by: a parameter that is still being indexed cannot. */
static unsigned parameters_of(const struct rh_parameters *set, unsigned type,
                              const struct rh_parameter *rows[PARAMETERS_MAX])
{
    unsigned kept = 0, n = rh_parameters_of(set, type, rows, PARAMETERS_MAX);
    for (unsigned i = 0; i < n && i < PARAMETERS_MAX; i++)
        if (rows[i]->complete)
            rows[kept++] = rows[i];
    return kept;
}

static void write_parameters(struct rh_buf *out, const struct rh_parameter *const *rows, unsigned n)
{
    const char *separator = ",\"searchParam\":[";
    for (unsigned i = 0; i < n; i++) {
        const struct rh_parameter *p = rows[i];
        /* _id and _lastUpdated are special to us; to clients they are a token and a date. */
        const char *kind = p->number == RH_PARAM_ID             ? "token"
                           : p->number == RH_PARAM_LAST_UPDATED ? "date"
                                                                : kind_name(p->kind);
        rh_buf_printf(out, "%s{\"name\":\"%s\",", separator, p->name);
        separator = ",";
        if (p->url && p->url[0]) {
            rh_buf_str(out, "\"definition\":");
            rh_buf_json(out, rh_text(p->url));
            rh_buf_char(out, ',');
        }
        rh_buf_printf(out, "\"type\":\"%s\"", kind);
        if (p->type && p->expression && p->expression[0]) {
            rh_buf_str(out, ",\"documentation\":");
            rh_buf_json(out, rh_text(p->expression));
        }
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, separator[1] ? "" : "]");
}

static void write_includes(struct rh_buf *out, const char *type,
                           const struct rh_parameter *const *rows, unsigned n)
{
    rh_buf_str(out, ",\"searchInclude\":[\"*\"");
    for (unsigned i = 0; i < n; i++)
        if (rows[i]->kind == RH_SP_REFERENCE)
            rh_buf_printf(out, ",\"%s:%s\"", type, rows[i]->name);
    rh_buf_char(out, ']');
}

static bool may_point_to(const struct rh_parameter *p, unsigned type)
{
    if (p->part_target)
        return p->part_target == type;
    for (unsigned i = 0; i < p->n_targets; i++)
        if (p->targets[i] == type)
            return true;
    return p->n_targets == 0;
}

/* The types that refer to each: one pass over all parameters for all types. */
struct reverse {
    struct rh_buf types[RH_RESOURCE_TYPES + 1];
};

static void gather_reverse(const struct rh_parameters *set, struct reverse *r)
{
    const struct rh_parameter *rows[PARAMETERS_MAX];
    for (unsigned type = 1; type <= RH_RESOURCE_TYPES; type++) {
        unsigned n = parameters_of(set, type, rows);
        for (unsigned i = 0; i < n; i++)
            for (unsigned to = 1; rows[i]->kind == RH_SP_REFERENCE && to <= RH_RESOURCE_TYPES; to++)
                if (may_point_to(rows[i], to))
                    rh_buf_printf(&r->types[to], "%s\"%s:%s\"", r->types[to].len ? "," : "",
                                  rh_resource_type(type)->name, rows[i]->name);
    }
}

static void write_search(struct rh_buf *out, const struct rh_parameters *set, unsigned type,
                         const struct reverse *reverse)
{
    const struct rh_parameter *rows[PARAMETERS_MAX];
    unsigned n = parameters_of(set, type, rows);
    write_includes(out, rh_resource_type(type)->name, rows, n);
    if (reverse->types[type].len) {
        rh_buf_str(out, ",\"searchRevInclude\":[");
        rh_buf_text(out, rh_buf_get(&reverse->types[type]));
        rh_buf_char(out, ']');
    }
    write_parameters(out, rows, n);
}

/* `type` NULL: of the system. */
static void write_operations(struct rh_buf *out, const char *type)
{
    const char *separator = ",\"operation\":[";
    for (unsigned i = 0; i < rh_operations_n; i++) {
        const struct rh_operation *o = &rh_operations[i];
        bool there =
            type ? o->at & ~(unsigned)RH_AT_SYSTEM && (!o->type || strcmp(o->type, type) == 0)
                 : o->at & RH_AT_SYSTEM;
        if (!there)
            continue;
        rh_buf_printf(out, "%s{\"name\":\"%s\",\"definition\":\"%s\"}", separator, o->name + 1,
                      o->definition);
        separator = ",";
    }
    rh_buf_str(out, separator[1] ? "" : "]");
}

static void write_type(struct rh_buf *out, const struct rh_parameters *set, unsigned number,
                       const struct reverse *reverse)
{
    const char *separator = "", *name = rh_resource_type(number)->name;
    rh_buf_printf(out,
                  "%s{\"type\":\"%s\",\"profile\":\"http://hl7.org/fhir/StructureDefinition/"
                  "%s\",\"interaction\":[",
                  number > 1 ? "," : "", name, name);
    for (unsigned i = 0; i < rh_routes_n; i++)
        separator = write_codes(out, separator, rh_routes[i].type_code);
    rh_buf_printf(out,
                  "],\"versioning\":\"versioned-update\",\"readHistory\":%s,\"updateCreate\":true,",
                  yes(has(RH_SHAPE_VERSION, RH_M_GET)));
    rh_buf_printf(
        out,
        "\"conditionalCreate\":%s,\"conditionalRead\":\"full-support\",\"conditionalUpdate\":%s,",
        yes(has(RH_SHAPE_TYPE, RH_M_POST)), yes(has(RH_SHAPE_TYPE, RH_M_PUT)));
    rh_buf_printf(out, "\"conditionalDelete\":\"%s\"",
                  has(RH_SHAPE_TYPE, RH_M_DELETE) ? "single" : "not-supported");
    write_search(out, set, number, reverse);
    write_operations(out, name);
    rh_buf_char(out, '}');
}

static void write_rest(struct rh_buf *out, const struct rh_parameters *set)
{
    static const char *const compartments[] = {"device", "encounter", "patient", "practitioner",
                                               "relatedPerson"};
    const char *separator = "";
    const struct rh_parameter *rows[PARAMETERS_MAX];
    struct reverse *reverse = rh_arena_zero(out->arena, sizeof *reverse);
    if (!reverse) {
        out->rc = RH_NOMEM;
        return;
    }
    for (unsigned i = 0; i <= RH_RESOURCE_TYPES; i++)
        reverse->types[i].arena = out->arena;
    gather_reverse(set, reverse);
    for (unsigned number = 1; number <= RH_RESOURCE_TYPES; number++)
        write_type(out, set, number, reverse);
    rh_buf_str(out, "],\"interaction\":[");
    for (unsigned i = 0; i < rh_routes_n; i++)
        separator = write_codes(out, separator, rh_routes[i].system_code);
    rh_buf_char(out, ']');
    write_parameters(out, rows, parameters_of(set, 0, rows));
    write_operations(out, NULL);
    for (size_t i = 0; i < sizeof compartments / sizeof compartments[0]; i++)
        rh_buf_printf(out, "%s\"http://hl7.org/fhir/CompartmentDefinition/%s\"",
                      i ? "," : ",\"compartment\":[", compartments[i]);
    rh_buf_str(out, "]}]}");
}

static void write_statement(const struct rh_server *s, const struct rh_parameters *set,
                            struct rh_buf *out)
{
    char now[RH_INSTANT_SIZE];
    rh_instant_print(s->started_us, now);
    rh_buf_printf(
        out,
        "{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\",\"date\":\"%s\",\"kind\":"
        "\"instance\","
        "\"software\":{\"name\":\"Rihla\",\"version\":\"%s\"},"
        "\"implementation\":{\"description\":\"Rihla, a health record for people on the "
        "move\",\"url\":\"%s\"},"
        "\"fhirVersion\":\"4.0.1\",\"format\":[\"application/fhir+json\",\"application/fhir+xml\","
        "\"json\",\"xml\"],\"patchFormat\":[\"application/json-patch+json\","
        "\"application/fhir+json\",\"application/fhir+xml\"],\"rest\":[{\"mode\":\"server\","
        "\"documentation\":\"Unknown search parameters are refused; Prefer: handling=lenient "
        "passes over them. "
        "Names are found in any script.\",",
        now, RH_VERSION, s->base);
    rh_buf_str(out, "\"security\":{\"cors\":false,\"description\":\"Answers on the loopback "
                    "interface only.\"},\"resource\":[");
    write_rest(out, set);
}

/* --- the text that is kept --- */

static enum rh_rc make(struct rh_server *s, const struct rh_parameters *set)
{
    struct rh_arena *a = rh_arena_open(CAPABILITY_BYTES);
    struct rh_buf b = rh_buf(a);
    write_statement(s, set, &b);
    rh_buf_char(&b, 0);
    if (!b.rc) {
        rh_capability_close(s);
        s->capability.text = rh_strdup(b.data);
        s->capability.len = b.len - 1;
        s->capability.tag = rh_hash_system((struct rh_text){b.data, b.len - 1});
        s->capability.set = set;
    }
    rh_arena_close(a);
    return b.rc;
}

static enum rh_rc pack(struct rh_server *s)
{
    struct rh_arena *a = rh_arena_open(CAPABILITY_BYTES);
    struct rh_buf b = rh_buf(a);
    enum rh_rc rc =
        rh_gzip_pack((struct rh_text){s->capability.text, s->capability.len}, GZIP_LEVEL, &b);
    if (!rc) {
        s->capability.packed = rh_alloc(b.len);
        s->capability.packed_len = b.len;
        memcpy(s->capability.packed, b.data, b.len);
    }
    rh_arena_close(a);
    return rc;
}

enum rh_rc rh_capability_text(struct rh_server *s, struct rh_arena *a, bool gzip, uint64_t *tag,
                              struct rh_text *ret)
{
    const struct rh_parameters *set = rh_record_parameters(s->record);
    enum rh_rc rc = RH_OK;
    pthread_mutex_lock(&s->capability.lock);
    if (!s->capability.text || s->capability.set != set)
        rc = make(s, set);
    if (!rc && gzip && !s->capability.packed)
        rc = pack(s);
    if (!rc) {
        *ret =
            rh_text_copy(a, gzip ? (struct rh_text){s->capability.packed, s->capability.packed_len}
                                 : (struct rh_text){s->capability.text, s->capability.len});
        *tag = s->capability.tag;
        rc = ret->data ? RH_OK : RH_NOMEM;
    }
    pthread_mutex_unlock(&s->capability.lock);
    return rc;
}

void rh_capability_close(struct rh_server *s)
{
    rh_free(s->capability.text);
    rh_free(s->capability.packed);
    s->capability.text = s->capability.packed = NULL;
}
