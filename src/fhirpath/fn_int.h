/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fn_int.h - functions over single values: strings, numbers, times, conversions.
 *
 * The bodies of fn_string.c, fn_regex.c, fn_encode.c, fn_math.c, fn_time.c and fn_convert.c, and
 * what they share. Their rows stand in functions.c.
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
