/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fn_int.h - functions over single values: strings, numbers, times, conversions.
 *
 * The bodies of fn_string.c, fn_regex.c, fn_encode.c, fn_math.c, fn_time.c and fn_convert.c, their
 * rows for the table of functions.c, and what they share.
 */
#ifndef RH_FHIRPATH_FN_INT_H
#define RH_FHIRPATH_FN_INT_H

#include "fhirpath/fhirpath_int.h"

/* --- shared (fn_convert.c) --------------------------------------------------------------------
 */
/* The input as one System value. *empty: there is none. RH_VALUE with an issue: several items. */
enum rh_rc rh_fp_in(struct rh_fp_run *r, const struct rh_fp_node *call, const struct rh_fp_list *in,
                    struct rh_fp_item *ret, bool *empty);
/* The same of a string; FHIR dates and times count as the text they are written as. RH_VALUE with
 * an issue: something else. */
enum rh_rc rh_fp_in_text(struct rh_fp_run *r, const struct rh_fp_node *call,
                         const struct rh_fp_list *in, struct rh_text *ret, bool *empty);
/* Argument i as one System value. *empty: there is none, or it was left out. */
enum rh_rc rh_fp_arg_value(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                           struct rh_fp_item *ret, bool *empty);
/* INTEGER, LONG or DECIMAL as a decimal; false: something else. */
bool rh_fp_number(const struct rh_fp_item *i, struct rh_dec *ret);
/* "a function wants …, this is …": RH_VALUE. */
enum rh_rc rh_fp_wrong(struct rh_fp_run *r, const struct rh_fp_node *call, const char *wanted,
                       const struct rh_fp_item *got);
/* A whole number as INTEGER, or as LONG where it takes more than 32 bits; empty beyond 64. */
enum rh_rc rh_fp_push_whole(struct rh_fp_run *r, struct rh_fp_list *ret, struct rh_dec d);
/* The text of toString() of a System value; RH_INVALID: it has none. */
enum rh_rc rh_fp_to_text(struct rh_fp_run *r, const struct rh_fp_item *i, struct rh_text *ret);

/* --- fn_string.c ------------------------------------------------------------------------------ */
rh_fp_fn rh_fp_index_of, rh_fp_last_index_of, rh_fp_substring, rh_fp_starts_with, rh_fp_ends_with,
    rh_fp_contains, rh_fp_upper, rh_fp_lower, rh_fp_replace, rh_fp_length, rh_fp_to_chars,
    rh_fp_split, rh_fp_join, rh_fp_trim;
/* --- fn_regex.c ------------------------------------------------------------------------------- */
rh_fp_fn rh_fp_matches, rh_fp_matches_full, rh_fp_replace_matches;
/* --- fn_encode.c ------------------------------------------------------------------------------ */
rh_fp_fn rh_fp_encode, rh_fp_decode, rh_fp_escape, rh_fp_unescape;
/* --- fn_math.c -------------------------------------------------------------------------------- */
rh_fp_fn rh_fp_abs, rh_fp_ceiling, rh_fp_exp, rh_fp_floor, rh_fp_ln, rh_fp_log, rh_fp_power,
    rh_fp_round, rh_fp_sqrt, rh_fp_truncate, rh_fp_sum, rh_fp_min, rh_fp_max, rh_fp_avg,
    rh_fp_low_boundary, rh_fp_high_boundary, rh_fp_precision, rh_fp_comparable;
/* --- fn_time.c -------------------------------------------------------------------------------- */
rh_fp_fn rh_fp_now, rh_fp_today, rh_fp_time_of_day, rh_fp_year_of, rh_fp_month_of, rh_fp_day_of,
    rh_fp_hour_of, rh_fp_minute_of, rh_fp_second_of, rh_fp_millisecond_of, rh_fp_timezone_offset_of,
    rh_fp_date_of, rh_fp_time_part_of, rh_fp_duration, rh_fp_difference;
/* --- fn_convert.c ----------------------------------------------------------------------------- */
rh_fp_fn rh_fp_to_boolean, rh_fp_to_integer, rh_fp_to_long, rh_fp_to_decimal, rh_fp_to_string,
    rh_fp_to_date, rh_fp_to_date_time, rh_fp_to_time, rh_fp_to_quantity, rh_fp_converts_to_boolean,
    rh_fp_converts_to_integer, rh_fp_converts_to_long, rh_fp_converts_to_decimal,
    rh_fp_converts_to_string, rh_fp_converts_to_date, rh_fp_converts_to_date_time,
    rh_fp_converts_to_time, rh_fp_converts_to_quantity;

/* Name, least and most arguments, result, body. None evaluates its arguments for each item. */
/* clang-format off */
#define RH_FP_VALUE_FUNCTIONS(X) \
    X("indexOf", 1, 1, RH_FP_R_INTEGER, rh_fp_index_of) \
    X("lastIndexOf", 1, 1, RH_FP_R_INTEGER, rh_fp_last_index_of) \
    X("substring", 1, 2, RH_FP_R_STRING, rh_fp_substring) \
    X("startsWith", 1, 1, RH_FP_R_BOOLEAN, rh_fp_starts_with) \
    X("endsWith", 1, 1, RH_FP_R_BOOLEAN, rh_fp_ends_with) \
    X("contains", 1, 1, RH_FP_R_BOOLEAN, rh_fp_contains) \
    X("upper", 0, 0, RH_FP_R_STRING, rh_fp_upper) \
    X("lower", 0, 0, RH_FP_R_STRING, rh_fp_lower) \
    X("replace", 2, 2, RH_FP_R_STRING, rh_fp_replace) \
    X("length", 0, 0, RH_FP_R_INTEGER, rh_fp_length) \
    X("toChars", 0, 0, RH_FP_R_STRING, rh_fp_to_chars) \
    X("split", 1, 1, RH_FP_R_STRING, rh_fp_split) \
    X("join", 0, 1, RH_FP_R_STRING, rh_fp_join) \
    X("trim", 0, 0, RH_FP_R_STRING, rh_fp_trim) \
    X("matches", 1, 2, RH_FP_R_BOOLEAN, rh_fp_matches) \
    X("matchesFull", 1, 2, RH_FP_R_BOOLEAN, rh_fp_matches_full) \
    X("replaceMatches", 2, 3, RH_FP_R_STRING, rh_fp_replace_matches) \
    X("encode", 1, 1, RH_FP_R_STRING, rh_fp_encode) \
    X("decode", 1, 1, RH_FP_R_STRING, rh_fp_decode) \
    X("escape", 1, 1, RH_FP_R_STRING, rh_fp_escape) \
    X("unescape", 1, 1, RH_FP_R_STRING, rh_fp_unescape) \
    X("abs", 0, 0, RH_FP_R_SAME, rh_fp_abs) \
    X("ceiling", 0, 0, RH_FP_R_INTEGER, rh_fp_ceiling) \
    X("exp", 0, 0, RH_FP_R_DECIMAL, rh_fp_exp) \
    X("floor", 0, 0, RH_FP_R_INTEGER, rh_fp_floor) \
    X("ln", 0, 0, RH_FP_R_DECIMAL, rh_fp_ln) \
    X("log", 1, 1, RH_FP_R_DECIMAL, rh_fp_log) \
    X("power", 1, 1, RH_FP_R_ANY, rh_fp_power) \
    X("round", 0, 1, RH_FP_R_DECIMAL, rh_fp_round) \
    X("sqrt", 0, 0, RH_FP_R_DECIMAL, rh_fp_sqrt) \
    X("truncate", 0, 0, RH_FP_R_INTEGER, rh_fp_truncate) \
    X("sum", 0, 0, RH_FP_R_ANY, rh_fp_sum) \
    X("min", 0, 0, RH_FP_R_ANY, rh_fp_min) \
    X("max", 0, 0, RH_FP_R_ANY, rh_fp_max) \
    X("avg", 0, 0, RH_FP_R_ANY, rh_fp_avg) \
    X("lowBoundary", 0, 1, RH_FP_R_ANY, rh_fp_low_boundary) \
    X("highBoundary", 0, 1, RH_FP_R_ANY, rh_fp_high_boundary) \
    X("precision", 0, 0, RH_FP_R_INTEGER, rh_fp_precision) \
    X("comparable", 1, 1, RH_FP_R_BOOLEAN, rh_fp_comparable) \
    X("now", 0, 0, RH_FP_R_DATETIME, rh_fp_now) \
    X("today", 0, 0, RH_FP_R_DATE, rh_fp_today) \
    X("timeOfDay", 0, 0, RH_FP_R_TIME, rh_fp_time_of_day) \
    X("yearOf", 0, 0, RH_FP_R_INTEGER, rh_fp_year_of) \
    X("monthOf", 0, 0, RH_FP_R_INTEGER, rh_fp_month_of) \
    X("dayOf", 0, 0, RH_FP_R_INTEGER, rh_fp_day_of) \
    X("hourOf", 0, 0, RH_FP_R_INTEGER, rh_fp_hour_of) \
    X("minuteOf", 0, 0, RH_FP_R_INTEGER, rh_fp_minute_of) \
    X("secondOf", 0, 0, RH_FP_R_INTEGER, rh_fp_second_of) \
    X("millisecondOf", 0, 0, RH_FP_R_INTEGER, rh_fp_millisecond_of) \
    X("timezoneOffsetOf", 0, 0, RH_FP_R_DECIMAL, rh_fp_timezone_offset_of) \
    X("dateOf", 0, 0, RH_FP_R_DATE, rh_fp_date_of) \
    X("timeOf", 0, 0, RH_FP_R_TIME, rh_fp_time_part_of) \
    X("duration", 2, 2, RH_FP_R_INTEGER, rh_fp_duration) \
    X("difference", 2, 2, RH_FP_R_INTEGER, rh_fp_difference) \
    X("toBoolean", 0, 0, RH_FP_R_BOOLEAN, rh_fp_to_boolean) \
    X("toInteger", 0, 0, RH_FP_R_INTEGER, rh_fp_to_integer) \
    X("toLong", 0, 0, RH_FP_R_ANY, rh_fp_to_long) \
    X("toDecimal", 0, 0, RH_FP_R_DECIMAL, rh_fp_to_decimal) \
    X("toString", 0, 0, RH_FP_R_STRING, rh_fp_to_string) \
    X("toDate", 0, 0, RH_FP_R_DATE, rh_fp_to_date) \
    X("toDateTime", 0, 0, RH_FP_R_DATETIME, rh_fp_to_date_time) \
    X("toTime", 0, 0, RH_FP_R_TIME, rh_fp_to_time) \
    X("toQuantity", 0, 1, RH_FP_R_QUANTITY, rh_fp_to_quantity) \
    X("convertsToBoolean", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_boolean) \
    X("convertsToInteger", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_integer) \
    X("convertsToLong", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_long) \
    X("convertsToDecimal", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_decimal) \
    X("convertsToString", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_string) \
    X("convertsToDate", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_date) \
    X("convertsToDateTime", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_date_time) \
    X("convertsToTime", 0, 0, RH_FP_R_BOOLEAN, rh_fp_converts_to_time) \
    X("convertsToQuantity", 0, 1, RH_FP_R_BOOLEAN, rh_fp_converts_to_quantity)
/* clang-format on */

/* --- time.c, for boundaries and components ----------------------------------------------------
 */
/* The first or last moment that a value covers, to `precision` digits (4 6 8 10 12 14 17; of a time
 * 2 4 6 9). False: no such precision. */
bool rh_fp_time_boundary(const struct rh_fp_time *t, enum rh_fp_kind kind, bool high, int precision,
                         struct rh_fp_time *ret);
int rh_fp_time_digits(const struct rh_fp_time *t, enum rh_fp_kind kind); /* what precision() is */
struct rh_fp_time rh_fp_time_now(const struct rh_ctx *c);                /* to the millisecond */
/* Whole units from a to b (duration), or boundaries between them that are crossed (difference).
 * False: one of them is less precise than the unit. RH_VALUE is not possible. */
bool rh_fp_time_between(const struct rh_fp_time *a, const struct rh_fp_time *b, const char *unit,
                        bool crossed, int64_t *ret);

#endif
