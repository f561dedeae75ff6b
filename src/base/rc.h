/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rc.h - the one list of errors: name, HTTP status, FHIR issue type, text.
 *
 * Every function that can fail returns `enum rh_rc`; 0 is fine. The HTTP status and the
 * OperationOutcome.issue.code (https://hl7.org/fhir/R4/valueset-issue-type.html) of an error stand
 * in the same row as its name, so no second mapping can drift.
 */
#ifndef RH_BASE_RC_H
#define RH_BASE_RC_H

/* clang-format off */
/*   name          HTTP  issue type          text for the reader */
#define RH_RC_LIST(X)                                                                              \
    X(OK,           200, "informational",    "ok")                                                 \
    X(NOMEM,        503, "too-costly",       "the memory limit of this request was reached")       \
    X(SYNTAX,       400, "structure",        "the content is not well-formed")                     \
    X(STRUCTURE,    422, "structure",        "the content does not have the structure of its type")\
    X(VALUE,        422, "value",            "a value is not allowed here")                        \
    X(REQUIRED,     422, "required",         "a required element is missing")                      \
    X(INVALID,      400, "invalid",          "the request cannot be understood")                   \
    X(QUERY,        400, "invalid",          "the search cannot be understood")                    \
    X(UNAUTHORIZED, 401, "login",            "please log in")                                      \
    X(FORBIDDEN,    403, "forbidden",        "this caller may not do this")                        \
    X(NOTFOUND,     404, "not-found",        "no such resource")                                   \
    X(UNSUPPORTED,  404, "not-supported",    "there is nothing at this address")                   \
    X(METHOD,       405, "not-supported",    "this address does not take this method")             \
    X(NOTACCEPTABLE,406, "not-supported",    "no format that the client accepts is available")     \
    X(TIMEOUT,      408, "timeout",          "the request took too long to arrive")                \
    X(CONFLICT,     409, "conflict",         "the request conflicts with what is stored")          \
    X(GONE,         410, "deleted",          "the resource has been deleted")                      \
    X(LENGTH,       411, "too-long",         "the length of the content must be stated")           \
    X(PRECONDITION, 412, "conflict",         "a precondition of the request does not hold")        \
    X(MULTIPLE,     412, "multiple-matches", "more than one resource matches")                     \
    X(TOOLARGE,     413, "too-long",         "the content is larger than the limit")               \
    X(URITOOLONG,   414, "too-long",         "the address is longer than the limit")               \
    X(MEDIATYPE,    415, "not-supported",    "this kind of content is not supported")              \
    X(RULE,         422, "business-rule",    "a rule of FHIR forbids this")                        \
    X(HEADERS,      431, "too-long",         "the headers are larger than the limit")              \
    X(INTERNAL,     500, "exception",        "an error of the program; the log has the details")   \
    X(IO,           500, "exception",        "the disk reports an error")                          \
    X(CORRUPT,      500, "exception",        "the data directory is damaged")                      \
    X(BUSY,         503, "throttled",        "too much is waiting; try again in a moment")         \
    X(READONLY,     503, "no-store",         "the disk cannot be written to")                      \
    X(FULL,         507, "no-store",         "the disk is full")                                   \
    X(INUSE,        503, "lock-error",       "the data directory is in use by another process")    \
    X(SCHEMA,       503, "not-supported",    "the data directory is of a newer version")           \
    X(NETWORKFS,    503, "not-supported",    "the data directory is on a network file system")     \
    X(INTERRUPTED,  503, "incomplete",       "the work was interrupted; it can be resumed")
/* clang-format on */

enum rh_rc {
#define X(name, http, fhir, text) RH_##name,
    RH_RC_LIST(X)
#undef X
        RH_RC_COUNT
};

const char *rh_rc_name(enum rh_rc rc);  /* "NOTFOUND" */
int rh_rc_http(enum rh_rc rc);          /* 404 */
const char *rh_rc_issue(enum rh_rc rc); /* "not-found" */
const char *rh_rc_text(enum rh_rc rc);  /* one sentence without a full stop */

#endif
