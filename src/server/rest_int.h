/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rest_int.h - shared by the files of rest: routes, the state of a request, answers. Not for
 * others.
 */
#ifndef RH_SERVER_REST_INT_H
#define RH_SERVER_REST_INT_H

#include "programme/terms_input.h"
#include "record/bundle.h"
#include "search/query.h"
#include "server/negotiate.h"
#include "server/rest.h"

/* What an address is made of. */
enum rh_shape {
    RH_SHAPE_BASE,           /* /fhir */
    RH_SHAPE_METADATA,       /* /fhir/metadata */
    RH_SHAPE_SYSTEM_HISTORY, /* /fhir/_history */
    RH_SHAPE_SYSTEM_SEARCH,  /* /fhir/_search */
    RH_SHAPE_TYPE,           /* /fhir/[type] */
    RH_SHAPE_TYPE_SEARCH,    /* /fhir/[type]/_search */
    RH_SHAPE_TYPE_HISTORY,   /* /fhir/[type]/_history */
    RH_SHAPE_TYPE_OPERATION, /* /fhir/[type]/$… */
    RH_SHAPE_INSTANCE, /* /fhir/[type]/[id]; the shapes from here on to VERSION_OPERATION have an id
                        */
    RH_SHAPE_INSTANCE_HISTORY,   /* /fhir/[type]/[id]/_history */
    RH_SHAPE_INSTANCE_OPERATION, /* /fhir/[type]/[id]/$… */
    RH_SHAPE_VERSION,            /* /fhir/[type]/[id]/_history/[vid] */
    RH_SHAPE_VERSION_OPERATION,  /* /fhir/[type]/[id]/_history/[vid]/$… */
    RH_SHAPE_COMPARTMENT, /* /fhir/[compartment]/[id]/[type or *]: rh_rest has the first two */
    RH_SHAPE_COMPARTMENT_SEARCH, /* the same with /_search */
    RH_SHAPE_SYSTEM_OPERATION,   /* /fhir/$… */
    RH_SHAPE_JOB,                /* /fhir/$export-status/[job] */
    RH_SHAPE_JOB_FILE,           /* /fhir/$export-file/[job]/[file] */
    RH_SHAPE_TERMINOLOGY,        /* /fhir/metadata?mode=terminology */
    RH_SHAPE_EVENTS,             /* /fhir/$events */
    RH_SHAPE_CLINICAL,           /* /clinical/[name] */
    RH_SHAPE_HEALTH,
    RH_SHAPE_METRICS,
    RH_SHAPE_WEB,
    RH_SHAPE_NONE
};

enum {
    RH_TAKES_NOTHING = 0,
    RH_TAKES_JSON = 1,
    RH_TAKES_PATCH = 2,
    RH_TAKES_FORM = 4,
    RH_TAKES_NO_BODY = 8 /* the body may also be missing */
};

struct rh_route {
    enum rh_shape shape;
    enum rh_method method;
    const char *name; /* label in /metrics; for FHIR the code of its interaction */
    enum rh_place place;
    unsigned takes; /* kinds of body */
    unsigned body_max;
    enum rh_step (*run)(struct rh_request *q);
    const char *type_code;   /* in CapabilityStatement.rest.resource.interaction; NULL: none */
    const char *system_code; /* in CapabilityStatement.rest.interaction; NULL: none */
    bool fhir;               /* negotiates FHIR JSON or XML */
    bool in_bundle;          /* may be a GET entry of a Bundle */
};

/* Where an operation is called. */
enum { RH_AT_SYSTEM = 1, RH_AT_TYPE = 2, RH_AT_INSTANCE = 4, RH_AT_VERSION = 8 };

/* One operation: what is called on the system, a type, a resource or a version, and how. */
struct rh_operation {
    const char *type;    /* NULL: every type, or none (RH_AT_SYSTEM) */
    const char *name;    /* "$expand" */
    enum rh_terms_op op; /* RH_TERMS_OPS: none of terminology */
    unsigned at;         /* RH_AT_… */
    bool get;            /* may be called by GET: it changes nothing */
    enum rh_step (*run)(struct rh_request *q);
    const char *definition; /* address of its OperationDefinition */
};

/* Of one request, in its arena. */
struct rh_rest {
    const struct rh_operation *operation;   /* of an operation's address */
    struct rh_result_parameters parameters; /* of the query */
    enum rh_summary summary;
    enum rh_media media;       /* of the body */
    struct rh_version version; /* whose ETag the answer has */
    struct rh_text xml;        /* the body as it came, when that was XML */
    struct rh_write *write;
    struct rh_bundle *bundle;
    enum rh_interaction interaction;
    unsigned attempts;    /* of a write that read before */
    bool whole;           /* the answer is needed as one text: an entry of a Bundle */
    unsigned compartment; /* of a search in one; 0: none */
    struct rh_text compartment_id;
    void *clinical; /* rest_clinical.c's */
};

static inline struct rh_server *rh_server_of(const struct rh_request *q)
{
    return q->app;
}
static inline struct rh_rest *rh_rest_of(const struct rh_request *q)
{
    return q->state;
}

/* --- rest.c --- */
extern const struct rh_route rh_routes[];
extern const unsigned rh_routes_n;
extern const char rh_fhir_json[], rh_fhir_xml[]; /* their media types */

/* Finds route, type, id, version and result parameters from q->method, path and query. */
enum rh_rc rh_rest_route(struct rh_request *q);
/* The answer is a refusal: status and OperationOutcome of rc and q->issues. Returns RH_STEP_DONE.
 */
enum rh_step rh_rest_refuse(struct rh_request *q, enum rh_rc rc);
/* The answer is this JSON text. Returns RH_STEP_DONE. */
enum rh_step rh_rest_answer(struct rh_request *q, int status, struct rh_buf *json);
/* Sets ETag and Last-Modified. */
void rh_rest_version_headers(struct rh_request *q, const struct rh_version *v);
/* Appends the resource, cut as _summary and _elements of the request say. */
enum rh_rc rh_rest_write_resource(struct rh_request *q, const struct rh_version *v,
                                  struct rh_buf *out);

/* --- rest_format.c --- */
/* The body as JSON, when it came as XML. Errors with issues: those of rh_xml_read. */
enum rh_rc rh_rest_body_from_xml(struct rh_request *q);
/* The answer, which is FHIR JSON, in the form that was asked for. */
void rh_rest_answer_as_asked(struct rh_request *q);

/* --- rest_read.c --- */
enum rh_step rh_rest_read(struct rh_request *q);
enum rh_step rh_rest_vread(struct rh_request *q);
enum rh_step rh_rest_history(struct rh_request *q);
/* Of a Bundle of versions: `{"relation":…,"url":…}`; `cursor` empty: the first page. */
void rh_rest_write_link(struct rh_request *q, struct rh_buf *out, const char *relation,
                        const char *path, struct rh_text query, struct rh_text cursor);
void rh_rest_write_full_url(struct rh_request *q, struct rh_buf *out, const struct rh_version *v);
/* An entry whose resource is an OperationOutcome and lies nowhere. */
void rh_rest_write_outcome_entry(const struct rh_issues *is, int64_t now_us, struct rh_buf *out);

/* --- rest_contained.c --- */
/* Writes the contained resources of a result that match, each as an entry; *ret_itself: the
 * container matches, too, as what it is. */
enum rh_rc rh_rest_write_contained(struct rh_request *q, const struct rh_query *parsed,
                                   const struct rh_version *v, const char **separator,
                                   struct rh_buf *out, bool *ret_itself);

/* --- rest_search.c --- */
/* In a type, in all, in a compartment; GET and POST. */
enum rh_step rh_rest_search(struct rh_request *q);

/* --- rest_write.c --- */
enum rh_step rh_rest_create(struct rh_request *q);
enum rh_step rh_rest_update(struct rh_request *q);
enum rh_step rh_rest_patch(struct rh_request *q);
enum rh_step rh_rest_delete(struct rh_request *q);
enum rh_step rh_rest_bundle(struct rh_request *q);
/* What the disk refused is remembered for /health until a write succeeds. */
void rh_rest_note_disk(struct rh_request *q, enum rh_rc rc);

/* --- rest_operation.c --- */
extern const struct rh_operation rh_operations[];
extern const unsigned rh_operations_n;
/* `type` 0: of the system. `at`: one of RH_AT_…. */
const struct rh_operation *rh_operation_find(unsigned type, struct rh_text name, unsigned at);
enum rh_step rh_rest_operation(struct rh_request *q);
/* The query's names and values, without those of result formats; room for RH_TERMS_INPUTS_MAX. */
enum rh_rc rh_operation_query(struct rh_request *q, struct rh_terms_input *inputs, size_t *n);
/* The inputs of an operation that is not of terminology: of the query, or of the Parameters of the
 * body (one of them, not both). `text`: of what is simple, booleans as true and false; `value`: the
 * value[x] or resource of the body, NULL from a query. RH_INVALID with an issue. */
struct rh_operation_input {
    struct rh_text name, text;
    yyjson_val *value;
};
enum rh_rc rh_operation_inputs(struct rh_request *q, struct rh_operation_input **ret, unsigned *n);
/* "true" or "false". RH_INVALID with an issue that names the input. */
enum rh_rc rh_operation_bool(struct rh_request *q, const struct rh_operation_input *in, bool *ret);
enum rh_rc rh_operation_number(struct rh_request *q, const struct rh_operation_input *in,
                               uint64_t max, uint64_t *ret);
/* No such input: `valid` lists those there are. A warning with handling=lenient. */
enum rh_rc rh_operation_unknown(struct rh_request *q, struct rh_text name, const char *valid);
/* The resource of the address, as it is read; NULL when the address has no id. */
enum rh_rc rh_operation_instance(struct rh_request *q, yyjson_val **ret);

/* --- rest_terminology.c, rest_validate.c --- */
enum rh_step rh_rest_terminology(struct rh_request *q);
enum rh_step rh_rest_terminology_capabilities(struct rh_request *q);
enum rh_step rh_rest_validate(struct rh_request *q);

/* --- rest_everything.c --- */
enum rh_step rh_rest_everything(struct rh_request *q);

/* --- rest_export.c, rest_import.c, rest_bulk.c: jobs --- */
enum rh_step rh_rest_export(struct rh_request *q);
enum rh_step rh_rest_import(struct rh_request *q);
/* The job begins; answers 202 with its address. `parameters` is JSON. */
enum rh_step rh_rest_job_accepted(struct rh_request *q, const char *kind,
                                  struct rh_text parameters);
bool rh_rest_job_shape(const struct rh_request *q, enum rh_shape *ret); /* is it one of theirs? */
enum rh_step rh_rest_job(struct rh_request *q);
enum rh_step rh_rest_job_file(struct rh_request *q);

/* --- rest_meta.c --- */
enum rh_step rh_rest_meta(struct rh_request *q);
enum rh_step rh_rest_meta_change(struct rh_request *q); /* $meta-add, $meta-delete */
enum rh_step rh_rest_expunge(struct rh_request *q);

/* --- rest_package.c --- */
enum rh_step rh_rest_package(struct rh_request *q);

/* --- rest_clinical.c --- */
enum rh_step rh_rest_clinical(struct rh_request *q);

/* --- rest_form.c --- */
enum rh_step rh_rest_extract(struct rh_request *q);
enum rh_step rh_rest_populate(struct rh_request *q);
enum rh_step rh_rest_answers(struct rh_request *q); /* POST /clinical/answers */

/* --- rest_events.c --- */
enum rh_step rh_rest_events(struct rh_request *q);

/* --- rest_admin.c --- */
enum rh_step rh_rest_metadata(struct rh_request *q);
enum rh_step rh_rest_health(struct rh_request *q);
enum rh_step rh_rest_metrics(struct rh_request *q);

/* --- http_in.c: also for the GET entries of a Bundle --- */
enum rh_rc rh_request_address(struct rh_request *q, struct rh_text uri);

/* --- webfiles.c --- */
enum rh_step rh_rest_web(struct rh_request *q);

/* --- capability.c --- */
/* The CapabilityStatement for the search parameters in force, made when they are new; `tag` is a
 * hash of its text. */
enum rh_rc rh_capability_text(struct rh_server *s, struct rh_arena *a, bool gzip, uint64_t *tag,
                              struct rh_text *ret);
void rh_capability_close(struct rh_server *s);

#endif
