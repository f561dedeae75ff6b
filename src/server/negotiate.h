/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * negotiate.h - what the headers and the result parameters of a request ask for.
 *
 * Pure functions over text: media types (RFC 9110, 12.5.1), Prefer (RFC 7240; FHIR R4, http),
 * entity tags and dates (RFC 9110), paths and queries (RFC 3986).
 */
#ifndef RH_SERVER_NEGOTIATE_H
#define RH_SERVER_NEGOTIATE_H

#include "base/issue.h"

enum rh_media {
    RH_MEDIA_NONE,
    RH_MEDIA_OTHER,
    RH_MEDIA_JSON,
    RH_MEDIA_XML,
    RH_MEDIA_PATCH,
    RH_MEDIA_FORM
};
enum rh_format { RH_FORMAT_NONE, RH_FORMAT_JSON, RH_FORMAT_XML };
enum rh_prefer { RH_RETURN_UNSAID, RH_RETURN_MINIMAL, RH_RETURN_REPRESENTATION, RH_RETURN_OUTCOME };

/* Which form of FHIR a client with this Accept header wants: the one of more weight, else the one
 * that is named, else JSON. An empty or absent header takes everything; a fhirVersion other than
 * 4.0 does not match. Browsers name XML in general but mean pages: they get JSON. */
enum rh_format rh_accepts(struct rh_text accept);
/* The Content-Type for a client whose Accept header names one media type only, and a general one
 * (application/json, text/json, application/xml, text/xml) of this form; NULL: FHIR's own. */
const char *rh_media_asked(struct rh_text accept, enum rh_format format);
/* True when gzip is accepted with a weight above 0. */
bool rh_accepts_gzip(struct rh_text accept_encoding);
/* Of a Content-Type header. NONE: absent. OTHER: not one of ours, a charset other than UTF-8, or
 * another FHIR version. */
enum rh_media rh_media_of(struct rh_text content_type);
/* Of a value of _format; NONE: neither JSON nor XML. */
enum rh_format rh_format_of(struct rh_text format);

struct rh_prefers {
    enum rh_prefer ret;
    bool lenient;
};
struct rh_prefers rh_prefer_parse(struct rh_text prefer);

/* True when one of the tags (W/"a", "b" or *) names this version, compared weakly. */
bool rh_etag_matches(struct rh_text header, const char *version_id);
/* RH_SYNTAX: no HTTP date. All three forms of RFC 9110 5.6.7 are read except the two-digit year. */
enum rh_rc rh_http_date_parse(struct rh_text t, int64_t *ret_us);
enum { RH_HTTP_DATE_SIZE = 30 }; /* "Tue, 24 Nov 2026 08:24:05 GMT" and NUL */
void rh_http_date_print(int64_t us, char ret[RH_HTTP_DATE_SIZE]);

/* Undoes percent-encoding of a path segment ('+' stays). RH_SYNTAX: bad escape, NUL, or invalid
 * UTF-8. */
enum rh_rc rh_path_decode(struct rh_arena *a, struct rh_text t, struct rh_text *ret);

/* Takes the parameters of result formats out of a query. */
struct rh_result_parameters {
    struct rh_text format, pretty, summary, elements; /* decoded; data NULL: not there */
    struct rh_text rest;                              /* the other parameters as sent */
};
enum rh_rc rh_result_parameters(struct rh_arena *a, struct rh_issues *is, struct rh_text query,
                                struct rh_result_parameters *ret);

/* "localhost", 127.0.0.0/8 or [::1], with or without a port. */
bool rh_host_is_loopback(struct rh_text host);

/* The name among `names` nearest to `word` (at most two edits, or a third of the letters); NULL:
 * none is near. */
const char *rh_nearest(struct rh_text word, const char *(*name)(unsigned index), unsigned n);

#endif
