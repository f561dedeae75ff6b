/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * capability.c - the CapabilityStatement, printed from the routes and the search parameters that
 * exist.
 */
#include "base/datetime.h"
#include "search/parameter.h"
#include "server/rest_int.h"

enum { PARAMETERS_MAX = 64 };

static const char *kind_name(unsigned kind)
{
    switch (kind) {
    case RH_SP_STRING:
        return "string";
    case RH_SP_TOKEN:
        return "token";
    case RH_SP_DATE:
        return "date";
    case RH_SP_REFERENCE:
        return "reference";
    default:
        return "special";
    }
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

static void write_parameters(struct rh_buf *out, unsigned type)
{
    const struct rh_parameter *rows[PARAMETERS_MAX];
    unsigned n = rh_parameters_of(type, rows, PARAMETERS_MAX);
    rh_buf_str(out, n ? ",\"searchParam\":[" : "");
    for (unsigned i = 0; i < n && i < PARAMETERS_MAX; i++) {
        const struct rh_parameter *p = rows[i];
        /* _id and _lastUpdated are special to us; to clients they are a token and a date. */
        const char *kind = p->number == RH_PARAM_ID             ? "token"
                           : p->number == RH_PARAM_LAST_UPDATED ? "date"
                                                                : kind_name(p->kind);
        rh_buf_printf(out, "%s{\"name\":\"%s\",", i ? "," : "", p->name);
        if (p->url && p->url[0])
            rh_buf_printf(out, "\"definition\":\"%s\",", p->url);
        rh_buf_printf(out, "\"type\":\"%s\"}", kind);
    }
    rh_buf_str(out, n ? "]" : "");
}

static void write_operations(struct rh_buf *out, const char *type)
{
    const char *separator = ",\"operation\":[";
    for (unsigned i = 0; i < rh_operations_n; i++) {
        const struct rh_operation *o = &rh_operations[i];
        if (!(o->at & ~(unsigned)RH_AT_SYSTEM) || (o->type && strcmp(o->type, type) != 0))
            continue;
        rh_buf_printf(out, "%s{\"name\":\"%s\",\"definition\":\"%s\"}", separator, o->name + 1,
                      o->definition);
        separator = ",";
    }
    rh_buf_str(out, separator[1] ? "" : "]");
}

static void write_type(struct rh_buf *out, unsigned number)
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
    write_parameters(out, number);
    write_operations(out, name);
    rh_buf_char(out, '}');
}

void rh_capability_write(const struct rh_server *s, struct rh_buf *out)
{
    char now[RH_INSTANT_SIZE];
    const char *separator = "";
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
    for (unsigned number = 1; number <= RH_RESOURCE_TYPES; number++)
        write_type(out, number);
    rh_buf_str(out, "],\"interaction\":[");
    for (unsigned i = 0; i < rh_routes_n; i++)
        separator = write_codes(out, separator, rh_routes[i].system_code);
    rh_buf_str(out, "]}]}");
}
