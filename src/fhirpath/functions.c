/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All functions, a row each: name, fewest and most arguments, what check.c may assume of the
 * result, whether the arguments see each item as $this. Sources: 2.0 is FHIRPath 2.0.0, R4 is FHIR
 * R4's page on FHIRPath, draft is the working draft of FHIRPath (3.0.0-ballot).
 */
#include "fhirpath/fn_int.h"
#include "fhirpath/functions_int.h"

enum { MANY = 16 };

static const struct rh_fp_function functions[] = {
    /* 2.0, 5.1 existence */
    {"empty", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_empty},
    {"exists", 0, 1, RH_FP_R_BOOLEAN, true, rh_fp_exists},
    {"all", 1, 1, RH_FP_R_BOOLEAN, true, rh_fp_all},
    {"allTrue", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_all_true},
    {"anyTrue", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_any_true},
    {"allFalse", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_all_false},
    {"anyFalse", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_any_false},
    {"subsetOf", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_subset_of},
    {"supersetOf", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_superset_of},
    {"count", 0, 0, RH_FP_R_INTEGER, false, rh_fp_count},
    {"distinct", 0, 0, RH_FP_R_SAME, false, rh_fp_distinct},
    {"isDistinct", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_is_distinct},
    /* 2.0, 5.2 filtering and projection; repeatAll is draft */
    {"where", 1, 1, RH_FP_R_SAME, true, rh_fp_where},
    {"select", 1, 1, RH_FP_R_ANY, true, rh_fp_select},
    {"repeat", 1, 1, RH_FP_R_ANY, true, rh_fp_repeat},
    {"repeatAll", 1, 1, RH_FP_R_ANY, true, rh_fp_repeat_all},
    {"ofType", 1, 1, RH_FP_R_ANY, false, rh_fp_of_type},
    {"coalesce", 1, MANY, RH_FP_R_ANY, false, rh_fp_coalesce},
    /* 2.0, 5.3 subsetting */
    {"single", 0, 0, RH_FP_R_SAME, false, rh_fp_single_fn},
    {"first", 0, 0, RH_FP_R_SAME, false, rh_fp_first},
    {"last", 0, 0, RH_FP_R_SAME, false, rh_fp_last},
    {"tail", 0, 0, RH_FP_R_SAME, false, rh_fp_tail},
    {"skip", 1, 1, RH_FP_R_SAME, false, rh_fp_skip},
    {"take", 1, 1, RH_FP_R_SAME, false, rh_fp_take},
    {"intersect", 1, 1, RH_FP_R_SAME, false, rh_fp_intersect},
    {"exclude", 1, 1, RH_FP_R_SAME, false, rh_fp_exclude},
    /* 2.0, 5.4 combining */
    {"union", 1, 1, RH_FP_R_ANY, false, rh_fp_union},
    {"combine", 1, 1, RH_FP_R_ANY, false, rh_fp_combine},
    /* 2.0, 5.5 conversion */
    {"iif", 2, 3, RH_FP_R_ANY, true, rh_fp_iif},
    {"toBoolean", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_to_boolean},
    {"convertsToBoolean", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_boolean},
    {"toInteger", 0, 0, RH_FP_R_INTEGER, false, rh_fp_to_integer},
    {"convertsToInteger", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_integer},
    {"toLong", 0, 0, RH_FP_R_ANY, false, rh_fp_to_long},
    {"convertsToLong", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_long},
    {"toDate", 0, 0, RH_FP_R_DATE, false, rh_fp_to_date},
    {"convertsToDate", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_date},
    {"toDateTime", 0, 0, RH_FP_R_DATETIME, false, rh_fp_to_date_time},
    {"convertsToDateTime", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_date_time},
    {"toDecimal", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_to_decimal},
    {"convertsToDecimal", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_decimal},
    {"toQuantity", 0, 1, RH_FP_R_QUANTITY, false, rh_fp_to_quantity},
    {"convertsToQuantity", 0, 1, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_quantity},
    {"toString", 0, 0, RH_FP_R_STRING, false, rh_fp_to_string},
    {"convertsToString", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_string},
    {"toTime", 0, 0, RH_FP_R_TIME, false, rh_fp_to_time},
    {"convertsToTime", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_converts_to_time},
    /* 2.0, 5.6 strings; lastIndexOf, matchesFull, trim to unescape are draft */
    {"indexOf", 1, 1, RH_FP_R_INTEGER, false, rh_fp_index_of},
    {"lastIndexOf", 1, 1, RH_FP_R_INTEGER, false, rh_fp_last_index_of},
    {"substring", 1, 2, RH_FP_R_STRING, false, rh_fp_substring},
    {"startsWith", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_starts_with},
    {"endsWith", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_ends_with},
    {"contains", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_contains},
    {"upper", 0, 0, RH_FP_R_STRING, false, rh_fp_upper},
    {"lower", 0, 0, RH_FP_R_STRING, false, rh_fp_lower},
    {"replace", 2, 2, RH_FP_R_STRING, false, rh_fp_replace},
    {"matches", 1, 2, RH_FP_R_BOOLEAN, false, rh_fp_matches},
    {"matchesFull", 1, 2, RH_FP_R_BOOLEAN, false, rh_fp_matches_full},
    {"replaceMatches", 2, 3, RH_FP_R_STRING, false, rh_fp_replace_matches},
    {"length", 0, 0, RH_FP_R_INTEGER, false, rh_fp_length},
    {"toChars", 0, 0, RH_FP_R_STRING, false, rh_fp_to_chars},
    {"trim", 0, 0, RH_FP_R_STRING, false, rh_fp_trim},
    {"split", 1, 1, RH_FP_R_STRING, false, rh_fp_split},
    {"join", 0, 1, RH_FP_R_STRING, false, rh_fp_join},
    {"encode", 1, 1, RH_FP_R_STRING, false, rh_fp_encode},
    {"decode", 1, 1, RH_FP_R_STRING, false, rh_fp_decode},
    {"escape", 1, 1, RH_FP_R_STRING, false, rh_fp_escape},
    {"unescape", 1, 1, RH_FP_R_STRING, false, rh_fp_unescape},
    /* 2.0, 5.7 math; sum to avg as other engines have them; boundaries to comparable are draft */
    {"abs", 0, 0, RH_FP_R_ANY, false, rh_fp_abs},
    {"ceiling", 0, 0, RH_FP_R_INTEGER, false, rh_fp_ceiling},
    {"exp", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_exp},
    {"floor", 0, 0, RH_FP_R_INTEGER, false, rh_fp_floor},
    {"ln", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_ln},
    {"log", 1, 1, RH_FP_R_DECIMAL, false, rh_fp_log},
    {"power", 1, 1, RH_FP_R_ANY, false, rh_fp_power},
    {"round", 0, 1, RH_FP_R_DECIMAL, false, rh_fp_round},
    {"sqrt", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_sqrt},
    {"truncate", 0, 0, RH_FP_R_INTEGER, false, rh_fp_truncate},
    {"sum", 0, 0, RH_FP_R_ANY, false, rh_fp_sum},
    {"min", 0, 0, RH_FP_R_ANY, false, rh_fp_min},
    {"max", 0, 0, RH_FP_R_ANY, false, rh_fp_max},
    {"avg", 0, 0, RH_FP_R_ANY, false, rh_fp_avg},
    {"lowBoundary", 0, 1, RH_FP_R_ANY, false, rh_fp_low_boundary},
    {"highBoundary", 0, 1, RH_FP_R_ANY, false, rh_fp_high_boundary},
    {"precision", 0, 0, RH_FP_R_INTEGER, false, rh_fp_precision},
    {"comparable", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_comparable},
    /* 2.0, 5.8 the tree */
    {"children", 0, 0, RH_FP_R_ANY, false, rh_fp_children_fn},
    {"descendants", 0, 0, RH_FP_R_ANY, false, rh_fp_descendants},
    /* 2.0, 5.9 utilities; components, duration and difference are draft */
    {"trace", 1, 2, RH_FP_R_SAME, true, rh_fp_trace},
    {"now", 0, 0, RH_FP_R_DATETIME, false, rh_fp_now},
    {"today", 0, 0, RH_FP_R_DATE, false, rh_fp_today},
    {"timeOfDay", 0, 0, RH_FP_R_TIME, false, rh_fp_time_of_day},
    {"yearOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_year_of},
    {"monthOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_month_of},
    {"dayOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_day_of},
    {"hourOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_hour_of},
    {"minuteOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_minute_of},
    {"secondOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_second_of},
    {"millisecondOf", 0, 0, RH_FP_R_INTEGER, false, rh_fp_millisecond_of},
    {"timezoneOffsetOf", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_timezone_offset_of},
    {"dateOf", 0, 0, RH_FP_R_DATE, false, rh_fp_date_of},
    {"timeOf", 0, 0, RH_FP_R_TIME, false, rh_fp_time_part_of},
    {"duration", 2, 2, RH_FP_R_INTEGER, false, rh_fp_duration},
    {"difference", 2, 2, RH_FP_R_INTEGER, false, rh_fp_difference},
    {"defineVariable", 1, 2, RH_FP_R_SAME, true, rh_fp_define_variable},
    {"sort", 0, 8, RH_FP_R_SAME, true, rh_fp_sort},
    /* 2.0, 6.3 and 6.5 types, not(), aggregate() */
    {"is", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_is_fn},
    {"as", 1, 1, RH_FP_R_ANY, false, rh_fp_as_fn},
    {"type", 0, 0, RH_FP_R_ANY, false, rh_fp_type_fn},
    {"not", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_not},
    {"aggregate", 1, 2, RH_FP_R_ANY, true, rh_fp_aggregate},
    /* R4 */
    {"extension", 1, 1, RH_FP_R_ANY, false, rh_fp_extension},
    {"hasValue", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_has_value},
    {"getValue", 0, 0, RH_FP_R_ANY, false, rh_fp_get_value},
    {"resolve", 0, 0, RH_FP_R_ANY, false, rh_fp_resolve},
    {"memberOf", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_member_of},
    {"subsumes", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_subsumes},
    {"subsumedBy", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_subsumed_by},
    {"htmlChecks", 0, 0, RH_FP_R_BOOLEAN, false, rh_fp_html_checks},
    {"conformsTo", 1, 1, RH_FP_R_BOOLEAN, false, rh_fp_conforms_to},
    {"elementDefinition", 0, 0, RH_FP_R_ANY, false, rh_fp_element_definition},
    {"slice", 2, 2, RH_FP_R_SAME, false, rh_fp_slice},
    /* SDC (http://hl7.org/fhir/uv/sdc/expressions.html); ordinal is its older name */
    {"weight", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_weight},
    {"ordinal", 0, 0, RH_FP_R_DECIMAL, false, rh_fp_weight},
    {"checkModifiers", 1, MANY, RH_FP_R_SAME, false, rh_fp_check_modifiers},
};

/* Asked once for each call at compilation. */
const struct rh_fp_function *rh_fp_function_find(struct rh_text name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (rh_text_is(name, functions[i].name))
            return &functions[i];
    return NULL;
}
