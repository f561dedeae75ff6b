/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * datetime.h - FHIR date, dateTime, instant and time with the precision that was stated.
 *
 * A value is the span [lo, hi] of microseconds since 1970-01-01T00:00:00Z (proleptic Gregorian
 * calendar) that it covers, plus what was stated. "2018" covers the whole year;
 * "2018-06-01T10:00:00.5Z" covers 100 ms. hi is the last microsecond inside. A value without a zone
 * is read in the zone given (offset in minutes). Grammar: FHIR R4, datatypes. Years 0001..9999;
 * a leap second (:60, which FHIR allows) is the first second of the next minute; 24:00 is refused.
 */
#ifndef RH_BASE_DATETIME_H
#define RH_BASE_DATETIME_H

#include "base/text.h"

enum rh_precision {
    RH_YEAR,
    RH_MONTH,
    RH_DAY,
    RH_HOUR, /* only FHIRPath literals and search values */
    RH_MINUTE,
    RH_SECOND,
    RH_FRACTION /* with `digits` after the second, 1..9; below 1 us is truncated in the span */
};

struct rh_datetime {
    int64_t lo_us, hi_us;
    enum rh_precision precision;
    unsigned char digits;
    bool has_zone;
    short zone_minutes; /* of the stated or the given zone */
};

/* Kinds of text that are accepted. */
enum rh_datetime_kind {
    RH_DATE,     /* YYYY, YYYY-MM, YYYY-MM-DD */
    RH_DATETIME, /* a date, or date T hh:mm:ss[.f] and a zone */
    RH_INSTANT,  /* to the second at least, with a zone */
    RH_SEARCH    /* as RH_DATETIME, but hh:mm without seconds and a missing zone are allowed */
};

/* RH_SYNTAX: not of this kind or no such day. `zone_minutes` is used where none is stated. */
enum rh_rc rh_datetime_parse(struct rh_text t, enum rh_datetime_kind kind, int zone_minutes,
                             struct rh_datetime *ret);
bool rh_time_is(struct rh_text t); /* FHIR time: hh:mm:ss[.f] */

/* "2026-11-24T08:24:05.123456Z" (27 characters and NUL). */
enum { RH_INSTANT_SIZE = 28 };
void rh_instant_print(int64_t us, char ret[RH_INSTANT_SIZE]);
int64_t rh_days_from_civil(int year, unsigned month, unsigned day); /* since 1970-01-01 */
void rh_civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day);

#endif
