/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/primitive.h"
#include "base/datetime.h"
#include "base/decimal.h"

/* FHIR R4, datatypes, string: "Strings SHALL NOT exceed 1MB (1024*1024 characters) in size". */
enum { STRING_BYTES_MAX = 1024 * 1024, ID_LEN_MAX = 64 };

/* What a correct value looks like; one row a primitive, in the order of the enum. */
static const struct {
    const char *name, *looks;
} rows[] = {
    [RH_P_BASE64BINARY] = {"base64Binary",
                           "base64 characters in groups of four, with = only at the end"},
    [RH_P_BOOLEAN] = {"boolean", "true or false, without quotes"},
    [RH_P_CANONICAL] =
        {"canonical", "an address without blanks, such as http://example.org/Questionnaire/1|2.0"},
    [RH_P_CODE] = {"code", "a text without a blank at its ends and without two blanks in a row"},
    [RH_P_DATE] = {"date", "YYYY, YYYY-MM or YYYY-MM-DD, and a day that exists"},
    [RH_P_DATETIME] =
        {"dateTime", "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a zone (Z or +hh:mm)"},
    [RH_P_DECIMAL] = {"decimal", "a number, without quotes"},
    [RH_P_ID] = {"id", "1 to 64 of the characters A-Z, a-z, 0-9, - and ."},
    [RH_P_INSTANT] = {"instant", "YYYY-MM-DDThh:mm:ss with a zone (Z or +hh:mm)"},
    [RH_P_INTEGER] = {"integer", "a whole number from -2147483648 to 2147483647, without quotes"},
    [RH_P_MARKDOWN] = {"markdown",
                       "a text that is not blank, of at most 1 MB, without control characters"},
    [RH_P_OID] = {"oid", "urn:oid: and numbers with dots between them, such as urn:oid:1.2.3"},
    [RH_P_POSITIVEINT] = {"positiveInt", "a whole number from 1 to 2147483647, without quotes"},
    [RH_P_STRING] = {"string",
                     "a text that is not blank, of at most 1 MB, without control characters"},
    [RH_P_TIME] = {"time", "hh:mm:ss, without a zone"},
    [RH_P_UNSIGNEDINT] = {"unsignedInt", "a whole number from 0 to 2147483647, without quotes"},
    [RH_P_URI] = {"uri", "an address without blanks"},
    [RH_P_URL] = {"url", "an address without blanks"},
    [RH_P_UUID] = {"uuid",
                   "urn:uuid: and 32 lower-case hexadecimal digits in the groups 8-4-4-4-12"},
    [RH_P_XHTML] = {"xhtml", "a text that begins with <div and ends with </div> or />"},
};
_Static_assert(sizeof rows / sizeof rows[0] == RH_PRIMITIVES, "one row per primitive");

const char *rh_primitive_name(enum rh_primitive p)
{
    return (unsigned)p < RH_PRIMITIVES ? rows[p].name : "";
}

enum rh_primitive_json rh_primitive_json(enum rh_primitive p)
{
    switch (p) {
    case RH_P_BOOLEAN:
        return RH_PJ_BOOLEAN;
    case RH_P_DECIMAL:
    case RH_P_INTEGER:
    case RH_P_POSITIVEINT:
    case RH_P_UNSIGNEDINT:
        return RH_PJ_NUMBER;
    default:
        return RH_PJ_STRING;
    }
}

/* True when any of the eight bytes is below n (1..128): S. E. Anderson, Bit Twiddling Hacks,
 * hasless. */
static inline bool any_below(uint64_t word, uint64_t n)
{
    const uint64_t ones = ~UINT64_C(0) / 255;
    return ((word - ones * n) & ~word & ones * 128) != 0;
}

/* The first byte below n, or len. */
static size_t first_below(struct rh_text t, unsigned char n)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= t.len; i += 8) {
        memcpy(&word, t.data + i, 8);
        if (any_below(word, n))
            break;
    }
    while (i < t.len && (unsigned char)t.data[i] >= n)
        i++;
    return i;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool string_is(struct rh_text t)
{
    if (t.len == 0 || t.len > STRING_BYTES_MAX)
        return false;
    size_t i = 0;
    while (i < t.len && is_blank(t.data[i]))
        i++;
    if (i == t.len)
        return false;
    for (;;) {
        struct rh_text rest = {t.data + i, t.len - i};
        i += first_below(rest, ' ');
        if (i == t.len)
            return true;
        if (!is_blank(t.data[i]))
            return false;
        i++;
    }
}

static bool uri_is(struct rh_text t)
{
    return t.len > 0 && first_below(t, ' ' + 1) == t.len;
}

static bool code_is(struct rh_text t)
{
    if (t.len == 0 || t.data[0] == ' ' || t.data[t.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c < ' ' || (c == ' ' && t.data[i + 1] == ' '))
            return false;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool rh_id_is(struct rh_text t)
{
    if (t.len == 0 || t.len > ID_LEN_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!is_letter(t.data[i]) && !is_digit(t.data[i]) && t.data[i] != '-' && t.data[i] != '.')
            return false;
    return true;
}

static bool base64_is(struct rh_text t)
{
    size_t digits = 0, pads = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (is_blank(c))
            continue;
        if (c == '=')
            pads++;
        else if (pads || !(is_letter(c) || is_digit(c) || c == '+' || c == '/'))
            return false;
        else
            digits++;
    }
    return digits > 0 && pads <= 2 && (digits + pads) % 4 == 0;
}

/* urn:oid:[0-2](\.(0|[1-9][0-9]*))+ */
static bool oid_is(struct rh_text t)
{
    if (!rh_text_starts(t, "urn:oid:") || t.len < 11)
        return false;
    size_t i = 8;
    if (t.data[i] < '0' || t.data[i] > '2')
        return false;
    i++;
    while (i < t.len) {
        if (t.data[i] != '.' || i + 1 == t.len || !is_digit(t.data[i + 1]))
            return false;
        i++;
        if (t.data[i] == '0' && i + 1 < t.len && is_digit(t.data[i + 1]))
            return false;
        while (i < t.len && is_digit(t.data[i]))
            i++;
    }
    return true;
}

static bool uuid_is(struct rh_text t)
{
    static const char shape[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (t.len != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (i >= 9 && shape[i] == 'x' ? !is_digit(c) && !(c >= 'a' && c <= 'f') : c != shape[i])
            return false;
    }
    return true;
}

static bool xhtml_is(struct rh_text t)
{
    struct rh_text in = rh_text_trim(t);
    return rh_text_starts(in, "<div") && (rh_text_ends(in, "</div>") || rh_text_ends(in, "/>")) &&
           (is_blank(in.data[4]) || in.data[4] == '>' || in.data[4] == '/');
}

/* -?(0|[1-9][0-9]*) in [low, 2^31 - 1]; the minus only where there are values below 0. */
static bool integer_is(struct rh_text t, int64_t low)
{
    bool minus = t.len > 0 && t.data[0] == '-';
    struct rh_text digits = {t.data + minus, t.len - minus};
    uint64_t n;
    if ((minus && low >= 0) || (digits.len > 1 && digits.data[0] == '0') ||
        rh_text_u64(digits, UINT64_C(1) << 31, &n))
        return false;
    int64_t value = minus ? -(int64_t)n : (int64_t)n;
    return value >= low && value <= INT32_MAX;
}

static bool datetime_is(struct rh_text t, enum rh_datetime_kind kind)
{
    struct rh_datetime d;
    return rh_datetime_parse(t, kind, 0, &d) == RH_OK;
}

static bool text_is(enum rh_primitive p, struct rh_text t)
{
    switch (p) {
    case RH_P_BASE64BINARY:
        return base64_is(t);
    case RH_P_CODE:
        return code_is(t);
    case RH_P_DATE:
        return datetime_is(t, RH_DATE);
    case RH_P_DATETIME:
        return datetime_is(t, RH_DATETIME);
    case RH_P_INSTANT:
        return datetime_is(t, RH_INSTANT);
    case RH_P_TIME:
        return rh_time_is(t);
    case RH_P_ID:
        return rh_id_is(t);
    case RH_P_OID:
        return oid_is(t);
    case RH_P_UUID:
        return uuid_is(t);
    case RH_P_CANONICAL:
    case RH_P_URI:
    case RH_P_URL:
        return uri_is(t);
    case RH_P_XHTML:
        return xhtml_is(t);
    default: /* string, markdown */
        return string_is(t);
    }
}

static bool number_is(enum rh_primitive p, struct rh_text t)
{
    switch (p) {
    case RH_P_INTEGER:
        return integer_is(t, INT32_MIN);
    case RH_P_POSITIVEINT:
        return integer_is(t, 1);
    case RH_P_UNSIGNEDINT:
        return integer_is(t, 0);
    default:
        return rh_dec_is(t);
    }
}

const char *rh_primitive_check(enum rh_primitive p, const yyjson_val *value)
{
    yyjson_val *v = (yyjson_val *)(uintptr_t)value; /* yyjson's readers take no const */
    bool good;
    if (yyjson_is_str(v))
        good = rh_primitive_json(p) == RH_PJ_STRING && text_is(p, rh_json_text(v));
    else if (yyjson_is_raw(v))
        good = rh_primitive_json(p) == RH_PJ_NUMBER && number_is(p, rh_json_text(v));
    else
        good = yyjson_is_bool(v) && p == RH_P_BOOLEAN;
    return good ? NULL : rows[p].looks;
}
